"""The colours of all cards, made from the brand's own and kept readable."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass
from functools import lru_cache

from bot.conversation.messages import Tone
from bot.errors import ConfigurationError

INK, MUTED, FADED, HAIRLINE, WHITE = "#1F2937", "#616A77", "#D1D5DB", "#E5E7EB", "#FFFFFF"
TONES: dict[Tone, tuple[str, str]] = {
    "valid": ("#15803D", "#DCFCE7"),
    "soon": ("#B45309", "#FEF3C7"),
    "old": ("#4B5563", "#F3F4F6"),
    "bad": ("#B91C1C", "#FEE2E2"),
}
PALE = 0.967  # lightness
READABLE = 4.5  # https://www.w3.org/TR/WCAG22/#contrast-minimum


@dataclass(frozen=True, slots=True)
class Palette:
    """What the brand's colour becomes.

    strip: the brand, where nothing is written.       accent: the brand where it is read or written on;
    tint:  its hue at its palest, for fields.                  ink when white on it could not be read.
    deep, deeper: where gradients begin; darker than the accent, so white on them is read as well.
    """

    strip: str
    accent: str
    tint: str
    deep: str
    deeper: str


@lru_cache
def palette(brand_colour: str) -> Palette:
    """Raises ConfigurationError when `brand_colour` is not a colour."""
    if not re.fullmatch("#[0-9A-Fa-f]{6}", brand_colour):
        raise ConfigurationError("BRAND_COLOR must be a colour such as #0F766E")
    accent = brand_colour.upper() if contrast(WHITE, brand_colour) >= READABLE else INK
    return Palette(
        strip=brand_colour.upper(),
        accent=accent,
        tint=_pale(brand_colour),
        deep=mixed(accent, "#000000", 0.25),
        deeper=mixed(accent, "#000000", 0.45),
    )


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def mixed(color: str, other: str, share: float) -> str:
    pairs = zip(_channels(color), _channels(other), strict=True)
    return "#" + "".join(f"{round(mine + (theirs - mine) * share):02X}" for mine, theirs in pairs)


def _pale(color: str) -> str:
    """As light as paper and still of its hue: mixed with white it would be grey."""
    red, green, blue = (value / 255 for value in _channels(color))
    hue, _lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    return "#" + "".join(f"{round(value * 255):02X}" for value in colorsys.hls_to_rgb(hue, PALE, saturation))


def contrast(one: str, other: str) -> float:
    """From 1, which nobody can read, to 21: black on white."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    # https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
    parts = (value / 255 for value in _channels(color))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

"""The pictures above Meta's cards, which have no colours of their own: an icon on the brand's, without any words.

Needs Pillow, which is loaded when the first one is drawn. The strokes and most icons are those of LINE's rich menus.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from functools import lru_cache

from PIL import Image, ImageDraw

from bot.channels.line.colors import WHITE, mixed, palette
from bot.channels.line.picture import COLOURS, FINER, ICONS, Pen

# https://developers.facebook.com/documentation/business-messaging/messenger-platform/send-messages/template/generic:
# pictures of elements are shown at 1.91:1.
WIDTH, HEIGHT = 1200, 628
ICON, DISC, HALO = 232, 372, 28  # pixels
GRAIN = 2  # times: how much larger the ground is drawn than shown


def draw(name: str, brand_colour: str) -> bytes:
    """The picture as a PNG; the same for everybody. name: of `DRAWN`."""
    colors = palette(brand_colour)
    # Nothing is read on it, so a pale brand's own colour does as well; it only darkens less.
    dark = colors.accent == colors.strip
    ground = _ground(colors.strip, mixed(colors.strip, "#000000", 0.45 if dark else 0.20)).copy()
    centre = (WIDTH // 2, HEIGHT // 2)
    _disc(ground, centre, DISC // 2 + HALO, mixed(colors.strip, WHITE, 0.22 if dark else 0.45))
    _disc(ground, centre, DISC // 2, WHITE)
    pen = Pen(ICON, colors.accent, mixed(colors.strip, WHITE, 0.72))
    DRAWN[name](pen)
    icon = pen.finished()
    ground.paste(icon, (centre[0] - ICON // 2, centre[1] - ICON // 2), icon)
    saved = io.BytesIO()
    ground.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(saved, "PNG", optimize=True)
    return saved.getvalue()


@lru_cache(maxsize=1)  # A brand has one, under all of its pictures.
def _ground(light: str, dark: str) -> Image.Image:
    """The brand's colour from the upper left to the lower right, with a little that glitters."""
    size = (WIDTH * GRAIN, HEIGHT * GRAIN)
    down = Image.linear_gradient("L").resize(size)
    across = Image.linear_gradient("L").rotate(90).resize(size)
    shade = Image.blend(down, across, 0.6)
    ground = Image.composite(Image.new("RGB", size, dark), Image.new("RGB", size, light), shade)
    shine = Image.new("L", size, 0)
    drawing = ImageDraw.Draw(shine)
    for x, y, radius, bright in ((0.06, 0.98, 0.34, 16), (0.95, 0.02, 0.40, 18), (0.99, 0.10, 0.24, 30)):
        _round(drawing, x * size[0], y * size[1], radius * size[1], bright)
    for x, y, radius, bright in _SPARKS:
        _star(drawing, x * size[0], y * size[1], radius * size[1], bright)
    for x, y, radius, bright in _DOTS:
        _round(drawing, x * size[0], y * size[1], radius * size[1], bright)
    ground.paste(WHITE, (0, 0), shine)
    return ground.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


# x and y of the whole, radius of the height, and how bright of 255.
_SPARKS = (
    (0.17, 0.26, 0.065, 190), (0.83, 0.72, 0.075, 190), (0.26, 0.74, 0.040, 130), (0.76, 0.22, 0.036, 130),
    (0.08, 0.60, 0.030, 110),
)  # fmt: skip
_DOTS = (
    (0.27, 0.16, 0.014, 150), (0.12, 0.46, 0.011, 120), (0.20, 0.86, 0.015, 110), (0.91, 0.47, 0.013, 140),
    (0.73, 0.86, 0.012, 120), (0.68, 0.10, 0.010, 140), (0.33, 0.92, 0.009, 90),
)  # fmt: skip


def _round(drawing: ImageDraw.ImageDraw, x: float, y: float, radius: float, bright: int) -> None:
    drawing.ellipse((x - radius, y - radius, x + radius, y + radius), bright)


def _star(drawing: ImageDraw.ImageDraw, x: float, y: float, radius: float, bright: int) -> None:
    """A spark of four rays."""
    points = []
    for step in range(64):
        turn = math.tau * step / 64
        far = radius * (0.16 + 0.84 * abs(math.cos(2 * turn)) ** 5)
        points.append((x + far * math.sin(turn), y - far * math.cos(turn)))
    drawing.polygon(points, bright)


def _disc(picture: Image.Image, centre: tuple[int, int], radius: int, colour: str) -> None:
    mask = Image.new("L", (2 * radius * FINER, 2 * radius * FINER))
    ImageDraw.Draw(mask).ellipse((0, 0, mask.width - 1, mask.height - 1), 255)
    mask = mask.resize((2 * radius, 2 * radius), Image.Resampling.BOX)
    left, top = centre[0] - radius, centre[1] - radius
    picture.paste(colour, (left, top, left + 2 * radius, top + 2 * radius), mask)


def _receipt(pen: Pen) -> None:
    """A slip of paper with a torn edge, and that it is done."""
    left, right, top, bottom = 4.2, 19.8, 2.2, 21.6
    tear = [(right - (right - left) * step / 6, bottom - (1.8 if step % 2 else 0.0)) for step in range(7)]
    pen.outline((left, top), (right, top), *tear)
    pen.line((8.2, 7.4), (15.8, 7.4))
    pen.line((8.2, 13.4), (10.9, 16.0), (16.0, 10.9))


def _ticket(pen: Pen) -> None:
    """Two coupons, one behind the other."""
    pen.box(5.6, 3.6, 22.4, 14.2, 1.6)
    pen.box(1.6, 8.6, 18.4, 20.0, 1.6)
    for y in (10.8, 14.3, 17.8):
        pen.dot(6.6, y, 0.7)
    pen.line((10.2, 12.6), (14.8, 12.6))
    pen.line((10.2, 16.0), (14.8, 16.0))


def _points(pen: Pen) -> None:
    """A coin with a star."""
    pen.ring(12, 12, 10, 10, filled=True)
    star = []
    for step in range(10):
        turn, far = math.pi * step / 5, 5.6 if step % 2 == 0 else 2.5
        star.append((12 + far * math.sin(turn), 12 - far * math.cos(turn)))
    pen.shape(*star, fill=pen.ink)


DRAWN: dict[str, Callable[[Pen], None]] = {
    **{name: ICONS[name] for name in ("gifts", "redeem", "vouchers", "cards", "language", "help")},
    "tickets": _ticket,
    "points": _points,
    "receipts": _receipt,
}

"""Those whom we call: what they are called, and which settings open them. The same in every language.

The vendors stand here. Each channel introduces itself where it is described, in `bot/channels/<name>/__init__.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Platform = Literal["line", "facebook", "instagram"]
"""What MantaGo calls the platforms; it knows more of them than we do."""


@dataclass(frozen=True, slots=True)
class Partner:
    """A vendor or a platform. title: its name for people. settings: what to renew when it refuses our credentials.

    mantago: what MantaGo calls a platform; None for a vendor.
    """

    title: str
    settings: str
    mantago: Platform | None = None


VENDORS = {
    "mantago": Partner("MantaGo", "MANTAGO_TOKEN, MANTAGO_SECRET"),
    "poshen": Partner("Poshen", "POSHEN_TOKEN"),
    "gotit": Partner("Got It", "GOTIT_CLIENT_ID, GOTIT_CLIENT_SECRET"),
    "altegio": Partner("Altegio", "ALTEGIO_PARTNER_TOKEN, ALTEGIO_USER_TOKEN"),
}
PLATFORMS: dict[str, Partner] = {}
_SETTING = re.compile(r"[A-Z]+(?:_[A-Z]+)+")


def introduce(name: str, platform: Partner) -> None:
    """Make a platform known, by its name in keys and tables."""
    PLATFORMS[name] = platform


def partner(name: str) -> Partner:
    """A vendor or platform by its name; one that nobody knows (any more) is called by its name."""
    return PLATFORMS.get(name) or VENDORS.get(name) or Partner(name, "")


def mantago_platform(channel: str) -> Platform:
    """What MantaGo calls a channel. Raises KeyError for one that is none of ours."""
    platform = PLATFORMS[channel].mantago
    if platform is None:
        raise KeyError(channel)
    return platform


def refused_settings(name: str, detail: str) -> str:
    """Which settings to renew after a refused credential: those that an error's `detail` names, else all of them."""
    named = [setting for setting in _SETTING.findall(detail) if not setting.endswith("_URL")]
    return ", ".join(dict.fromkeys(named)) or partner(name).settings

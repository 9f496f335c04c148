"""Those whom we call: what they are called, and which settings open them. The same in every language."""

from __future__ import annotations

import re

VENDORS = {
    "line": ("LINE", "LINE_CHANNEL_ACCESS_TOKEN"),
    "messenger": ("Messenger", "MESSENGER_PAGE_ACCESS_TOKEN"),
    "mantago": ("MantaGo", "MANTAGO_TOKEN, MANTAGO_SECRET"),
    "poshen": ("Poshen", "POSHEN_TOKEN"),
    "gotit": ("Got It", "GOTIT_CLIENT_ID, GOTIT_CLIENT_SECRET"),
    "altegio": ("Altegio", "ALTEGIO_PARTNER_TOKEN, ALTEGIO_USER_TOKEN"),
}
_SETTING = re.compile(r"[A-Z]+(?:_[A-Z]+)+")


def refused_settings(vendor: str, detail: str) -> str:
    """Which settings to renew after a refused credential: those that an error's `detail` names, else all of them."""
    named = [setting for setting in _SETTING.findall(detail) if not setting.endswith("_URL")]
    return ", ".join(dict.fromkeys(named)) or VENDORS[vendor][1]

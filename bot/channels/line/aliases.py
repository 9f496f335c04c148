"""The names by which LINE finds a language's rich menu."""

from __future__ import annotations

ALIAS = "giftdesk-"


def alias_of(language: str) -> str:
    """The alias of a language's menu; LINE takes small letters, digits, `-` and `_`, 32 at most."""
    return f"{ALIAS}{language.lower()}"[:32]

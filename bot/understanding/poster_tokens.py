"""The token of a poster: what its link types behind the code, and says to Messenger and Instagram. Pure.

    WELCOME2026 [7K3MQX]    LINE types it, since its links can say nothing else
    p_7K3MQX                the `ref` of the other links

Its last symbol is a check of the others, so that hardly any word of a customer's own looks like one; which tokens there
are, the table of posters knows.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from bot.storage.symbols import SYMBOLS

RANDOM = 5  # symbols; some thirty million posters
_IN_TEXT = re.compile(rf"(?<!\S)\[([{SYMBOLS}]{{{RANDOM + 1}}})\](?!\S)")
_IN_REF = re.compile(rf"p_([{SYMBOLS}]{{{RANDOM + 1}}})")
_WEIGHTS = (1, 3, 5, 7, 9)  # odd, so that every single slip changes the check


@dataclass(frozen=True, slots=True)
class Marked:
    """A text of a poster's. text: without the token, and without the blanks around it."""

    text: str
    token: str


def new() -> str:
    """A token, most likely one that there is not yet."""
    symbols = "".join(secrets.choice(SYMBOLS) for _ in range(RANDOM))
    return symbols + _check(symbols)


def in_text(text: str) -> Marked | None:
    """The token that stands in a text as a word of its own; None when none does."""
    for found in _IN_TEXT.finditer(text):
        if _holds(found[1]):
            return Marked(f"{text[: found.start()].rstrip()} {text[found.end() :].lstrip()}".strip(), found[1])
    return None


def in_ref(ref: str) -> str:
    """The token that a link says; empty when it says anything else."""
    found = _IN_REF.fullmatch(ref)
    return found[1] if found and _holds(found[1]) else ""


def typed(text: str, token: str) -> str:
    """What a LINE link types."""
    return f"{text} [{token}]"


def ref(token: str) -> str:
    """What a Messenger or Instagram link says: letters, digits and `_` alone, as both take it."""
    return f"p_{token}"


def _holds(token: str) -> bool:
    return _check(token[:RANDOM]) == token[RANDOM]


def _check(symbols: str) -> str:
    total = sum(weight * SYMBOLS.index(symbol) for weight, symbol in zip(_WEIGHTS, symbols, strict=True))
    return SYMBOLS[total % len(SYMBOLS)]

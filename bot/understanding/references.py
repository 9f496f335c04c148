"""References that people read out and type: a customer's C-8F3K2M, a receipt's R-7F3K9M, what waits for a second
person A-7F3K9M, a bulk job J-12. Pure, and the one place where they are read.

Their symbols are Crockford's (https://www.crockford.com/base32.html): what is read out as O, I or L is 0, 1 or 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bot.storage.symbols import SYMBOLS
from bot.understanding.reading import visible

LONGEST = 40  # characters, with everything that may stand around one
_JOB = re.compile("[1-9][0-9]{0,17}")
_MISHEARD = str.maketrans("OIL", "011")
_BARE = re.compile(r"(?<![A-Z0-9-])R ?[0-9A-Z]{6}(?![A-Z0-9-])")
_DASHED = re.compile(r"(?<![A-Z0-9-])R ?-+ ?([0-9A-Z]{6})(?![A-Z0-9-])")


@dataclass(frozen=True, slots=True)
class Found:
    """A receipt's reference in a customer's message. certain: typed as we write them, so that it can be nothing else;
    without its dash, or with an O in it, it may be a redemption code."""

    ref: str
    certain: bool


def read(typed: str, kinds: str = "CRAJ") -> str | None:
    """The reference that this is, as we write it; None when it is none of these kinds.

    Any dash or none, any width and case, blanks and invisible characters in it, punctuation and decoration around it.
    """
    if len(typed) > LONGEST:
        return None
    symbols = _edged(_folded(typed)).replace("-", "").replace(" ", "")
    kind, body = symbols[:1], symbols[1:].translate(_MISHEARD)
    if not kind or kind not in kinds:
        return None
    if kind == "J":
        return f"J-{body}" if _JOB.fullmatch(body) else None
    return f"{kind}-{body}" if len(body) == 6 and all(symbol in SYMBOLS for symbol in body) else None


def receipt_in(text: str, words: Iterable[str]) -> Found | None:
    """The receipt that a customer's short message names: `R-7F3K9M` anywhere; `R7F3K9M` only when it stands alone or
    after one of `words`, which say that a receipt is meant."""
    folded = _folded(text)
    if len(folded) > LONGEST:
        return None
    whole = read(folded, "R")
    dashed = next((ref for match in _DASHED.finditer(folded) if (ref := read(match[0], "R"))), None)
    found = whole or dashed or _announced(folded, words)
    return Found(found, certain=found in _edged(folded)) if found else None


def _announced(folded: str, words: Iterable[str]) -> str | None:
    if not _BARE.search(folded):
        return None
    longest_first = sorted(filter(None, (_folded(word) for word in words)), key=len, reverse=True)
    for word in longest_first:
        edge = r"(?<![A-Z0-9])" if word.isascii() else ""
        match = re.search(rf"{edge}{re.escape(word)}[ :#.]*(?:是|IS )? *(R ?[0-9A-Z]{{6}})(?![A-Z0-9-])", folded)
        if match and (ref := read(match[1], "R")):
            return ref
    return None


def _folded(typed: str) -> str:
    """In capitals, with one kind of dash and of blank."""
    return " ".join(visible(typed).upper().replace("_", "-").split())


def _edged(folded: str) -> str:
    """Without punctuation and symbols at its ends."""
    start, end = 0, len(folded)
    while start < end and not folded[start].isalnum():
        start += 1
    while end > start and not folded[end - 1].isalnum():
        end -= 1
    return folded[start:end]

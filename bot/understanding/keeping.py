"""Which texts may be kept to write better phrases from: none with somebody's number, address or code in it. Pure."""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby

LONGEST = 40  # characters
# Addresses, links, phones, references and what only programs write.
_NEVER = frozenset("@/\\_+#<>{}[]|=`")
_JOINED = re.compile(
    r"\w\s*-+\s*\w"  # ABCD-EFGH, and with blanks
    r"|\w\.\w"  # line.me
    r"|[A-Za-z0-9][^\w\s'’]+[A-Za-z0-9]"  # A,B:C。D, but not don't
    r"|[a-z][A-Z]"  # aBcDeF
)
_CAPITALS = 5


def keepable(text: str, *, private: bool = False) -> str | None:
    """The text as it may be kept, in plain width and without what cannot be seen; None when it may not.

    private: a code or somebody's own number was found in it by its words.
    """
    # Its digits are looked at as typed, too: in plain width Ⅷ is VIII, and no digit any more.
    if private or len(text) > 4 * LONGEST or _digits_in_a_row(text):
        return None
    said = _plain(text)
    if not said or len(said) > LONGEST or not any(character.isalpha() for character in said):
        return None
    # Of characters of nobody's alphabet and of new ones nobody knows whether they are digits.
    if any(unicodedata.category(character) in ("Cs", "Co", "Cn") for character in said):
        return None
    dashes = "".join("-" if unicodedata.category(ch) == "Pd" or ch == "−" else ch for ch in said)
    if not _NEVER.isdisjoint(said) or _JOINED.search(dashes) or _digits_in_a_row(said) or _codelike(said):
        return None
    return said


def _plain(text: str) -> str:
    folded = " ".join(unicodedata.normalize("NFKC", text).split())
    seen = "".join(ch for ch in folded if unicodedata.category(ch) not in ("Cf", "Cc"))
    return " ".join(unicodedata.normalize("NFKC", seen).split())


def _is_digit(character: str) -> bool:
    """In whichever script, circled ones and 一二三 as well: phones are typed in all of them."""
    return character.isnumeric() or unicodedata.category(character).startswith("N")


def _digits_in_a_row(said: str) -> bool:
    """Three of them, whatever else than letters stands between: 09 12 34, 1️⃣2️⃣3️⃣."""
    written = (_is_digit(ch) for ch in said if ch.isalnum() or _is_digit(ch))
    return any(digits and sum(1 for _ in run) >= 3 for digits, run in groupby(written))


def _codelike(said: str) -> bool:
    """Whether a word mixes letters and digits, or capitals are many: HELLO, AB CD EF."""
    capitals = 0
    for word in _words(said):
        digits = any(unicodedata.category(ch).startswith("N") for ch in word)
        if digits and any(ch.isalpha() for ch in word):
            return True
        capitals = capitals + sum(ch.isupper() for ch in word) if word.isupper() else 0
        if capitals >= _CAPITALS:
            return True
    return False


def _words(said: str) -> list[str]:
    """Runs of letters and digits with their marks."""
    runs = groupby(said, lambda ch: ch.isalnum() or unicodedata.category(ch).startswith(("M", "N")))
    return ["".join(run) for inside, run in runs if inside]

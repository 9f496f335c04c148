"""Slips of the finger in Latin words: one letter too many, missing, another, or two that changed places. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

SHORTEST = 5  # Of shorter words too many are a letter away from another one.

_WORD = re.compile(r"(?<![a-z0-9])[a-z]+(?![a-z0-9])")


class Slips:
    """Mends words of which exactly one known word is one slip away."""

    def __init__(self, words: Iterable[str]) -> None:
        self._known = {word for word in words if word.isascii() and word.isalpha()}
        self._near: dict[str, tuple[str, ...]] = {}
        for word in self._known:
            if len(word) >= SHORTEST:
                for near in _without_one(word):
                    self._near[near] = (*self._near.get(near, ()), word)

    def mended(self, text: str) -> str:
        """A folded text with the words that were meant, as far as that is certain."""
        return _WORD.sub(lambda found: self._meant(found[0]), text)

    def _meant(self, typed: str) -> str:
        if typed in self._known or len(typed) < SHORTEST:
            return typed
        # Two words are one slip apart when they are alike once a letter is taken from one of them, or from both.
        possible = {word for near in _without_one(typed) for word in self._near.get(near, ()) if _is_slip(typed, word)}
        return possible.pop() if len(possible) == 1 else typed


def _without_one(word: str) -> set[str]:
    """The word, and the word without each of its letters."""
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def _is_slip(typed: str, meant: str) -> bool:
    """Whether one slip makes the one word of the other. The first letter is nearly always hit."""
    if typed[0] != meant[0]:
        return False
    if len(typed) != len(meant):
        longer, shorter = sorted((typed, meant), key=len, reverse=True)
        return shorter in _without_one(longer)
    apart = [at for at in range(len(typed)) if typed[at] != meant[at]]
    if len(apart) == 2:
        first, second = apart
        return second == first + 1 and typed[first] == meant[second] and typed[second] == meant[first]
    return len(apart) == 1

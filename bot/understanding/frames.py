"""Texts as rows of words: what is reached over whole words, and what consists of nothing else. Pure.

Chinese has no blanks between words, so that a text is walked from place to place instead of being split.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

AT_MOST = 60  # characters; a longer message is a story, in which a frame proves nothing

Words = Mapping[str, list[str]]
"""Words by their first character, the longest first."""


def by_first(words: Iterable[str]) -> Words:
    """Folded words, to be walked over."""
    found: dict[str, list[str]] = {}
    for word in sorted(set(words), key=lambda word: (-len(word), word)):
        found.setdefault(word[0], []).append(word)
    return found


def steps(text: str, at: int, words: Words) -> Iterator[tuple[int, str]]:
    """Where reading goes on behind each word that stands at a place, and the word."""
    for word in words.get(text[at : at + 1], ()):
        end = at + len(word)
        if not text.startswith(word, at):
            continue
        if word[-1].isascii() and text[end : end + 1].isascii() and text[end : end + 1].isalnum():
            continue  # The beginning of a longer word.
        yield (end + 1 if text[end : end + 1] == " " else end), word


def reached(text: str, words: Words) -> set[int]:
    """The places that are reached from the beginning over whole words only."""
    found, waiting = {0}, [0]
    while waiting:
        for end, _ in steps(text, waiting.pop(), words):
            if end not in found:
                found.add(end)
                waiting.append(end)
    return found


def made_of(text: str, words: Words, needed: Collection[str] | None = None) -> bool:
    """Whether a text consists of words alone, and has one of `needed` in it, where that is given."""
    if not text or len(text) > AT_MOST:
        return False
    start = (0, needed is None)
    seen, waiting = {start}, [start]
    while waiting:
        at, met = waiting.pop()
        if at >= len(text) and met:
            return True
        for end, word in steps(text, at, words):
            state = (end, met or (needed is not None and word in needed))
            if state not in seen:
                seen.add(state)
                waiting.append(state)
    return False

"""A command line is text: this module cuts it into tokens, and writes tokens as a line again. Pure.

Staff type

    /noun verb positional… key=value… --flag
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from bot.storage.symbols import SYMBOLS

LONGEST = 500  # characters of a line
SLASHES = "/／"
_UNSEEN = ("Cc", "Cf", "Cs")
_SCANNED = re.compile(rf"(use|who|visit)_([{SYMBOLS}]{{4}})([{SYMBOLS}]{{4}})")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_FLAG = re.compile(r"(?:--|[—–]{1,2})([A-Za-z_][A-Za-z0-9_-]*)")  # Phones turn two hyphens into a dash.
_QUOTES = {'"': '"', "“": '”"', "”": '”"', "「": "」", "『": "』", "＂": "＂", "'": "'’", "‘": "’'", "＇": "＇"}
_APOSTROPHES = "'‘＇"
# What is quoted again takes the first that it does not hold. What was typed bare holds no ＂ (NFKC makes it ").
_CLOSING = {'"': '"', "“": "”", "「": "」", "『": "』", "＂": "＂", "'": "'"}
_HELP = frozenset({"-h", "-help", "-?"})
_HELP_FLAGS = frozenset({"h", "help"})
_SMILEYS = frozenset({":-)", ":-(", ";-)", ":d", ":-d", ":p", "^_^", "=)", "orz"})
_PUNCTUATION = "!?.,;:~…、。，；：！？～()（）*^_·•<>«»←→↑↓「」『』【】"
ENDINGS = "!?.,;:~…、。，；：！？～"  # what may end a word


@dataclass(frozen=True, slots=True)
class Token:
    """One part of a line. key: the name of `name=value`, small; flag: it was `--value`; bare: without quotes."""

    value: str
    key: str = ""
    flag: bool = False
    bare: bool = True

    def __str__(self) -> str:
        """As it is typed."""
        if self.flag:
            return f"--{self.value}"
        return f"{self.key}={quoted(self.value)}" if self.key else quoted(self.value)


# ── lines ────────────────────────────────────────────────────────────────────────────────────────


def is_command(text: str) -> bool:
    """Whether a message is a command line: the first visible character is a slash."""
    first = next((ch for ch in text if not ch.isspace() and unicodedata.category(ch) not in _UNSEEN), None)
    return first is not None and first in SLASHES


def unadorned_command(text: str) -> str:
    """A command line without decoration before its slash, `👉/status`; empty when a message is no command line."""
    at = next((at for at, ch in enumerate(text) if ch in SLASHES), len(text))
    seen = [ch for ch in text[:at] if not ch.isspace() and unicodedata.category(ch) not in _UNSEEN]
    smiles = bool(seen) and seen[-1] in ":："  # `:/`
    adorned = all(_is_ornament(ch) or ch in _PUNCTUATION for ch in seen)
    return text[at:] if adorned and not smiles else ""


def in_ref(ref: str) -> str:
    """The line that a link for staff stands for, `use_K7PQ4M2X` for `/use K7PQ-4M2X`: a `ref` has no blanks. Empty when
    it is none of the few that a customer's one-time code is made into."""
    found = _SCANNED.fullmatch(ref)
    return f"/{found[1]} {found[2]}-{found[3]}" if found else ""


def cleaned(text: str) -> str:
    """A line without control characters, invisible ones and the slash before it."""
    kept = (" " if ch.isspace() else ch for ch in text)
    visible = "".join(ch for ch in kept if ch == " " or unicodedata.category(ch) not in _UNSEEN)
    return visible.lstrip(f"{SLASHES} ").rstrip()


# ── parts of a line ──────────────────────────────────────────────────────────────────────────────


def split(line: str) -> list[Token]:
    """The parts of a cleaned line. Quotes hold blanks; outside of them width does not matter. Never raises."""
    tokens, position = [], 0
    while position < len(line):
        if line[position] == " ":
            position += 1
            continue
        token, position = _token(line, position)
        tokens.append(token)
    return tokens


def _token(line: str, start: int) -> tuple[Token, int]:
    key, begin, position = "", start, start
    while position < len(line) and line[position] != " ":
        if position == begin and (end := _quote_end(line, position)) is not None:
            return Token(line[position + 1 : end], key, bare=False), end + 1
        if line[position] in "=＝" and not key:
            name = unicodedata.normalize("NFKC", line[start:position])
            if _KEY.fullmatch(name):
                key, begin = name.lower(), position + 1
        position += 1
    value = unicodedata.normalize("NFKC", line[begin:position])
    if not key and (flag := _FLAG.fullmatch(value)):
        return Token(flag[1].lower(), flag=True), position
    return Token(value, key), position


def _quote_end(line: str, start: int) -> int | None:
    """Where what is quoted from `start` on ends; None where no quote begins.

    An apostrophe is a quote only when another one stands before a blank: `'90s` and `it's` are words.
    """
    if (closing := _QUOTES.get(line[start])) is None:
        return None
    ends = (at for at in range(start + 1, len(line)) if line[at] in closing)
    if line[start] in _APOSTROPHES:
        return next((at for at in ends if line[at + 1 : at + 2] in ("", " ")), None)
    return next(ends, len(line))


def asks_for_help(token: Token) -> bool:
    """Whether somebody wants to know how a command is typed: `-h`, `--help`, and what phones make of it."""
    if token.flag:
        return token.value in _HELP_FLAGS
    return token.bare and not token.key and token.value.lower() in _HELP


def quoted(value: str) -> str:
    """A value as it is typed: bare where that reads back the same, else in quotes that it does not hold."""
    if split(value) == [Token(value)] and value[0] not in _QUOTES and not asks_for_help(Token(value)):
        return value
    for opening, closing in _CLOSING.items():
        if not any(ch in value for ch in _QUOTES[opening]):
            return f"{opening}{value}{closing}"
    return f'"{value.replace(chr(34), "”")}"'


def written(command: str, tokens: Iterable[Token]) -> str:
    """A whole line as it is typed."""
    return " ".join([f"/{command}", *map(str, tokens)])


# ── decoration ───────────────────────────────────────────────────────────────────────────────────


def word(token: Token) -> str:
    """A token as a noun or a verb: small, without what stands around it; empty when it can be none."""
    if token.key or token.flag or not token.bare:
        return ""
    return token.value.lower() if token.value.lower() == "-?" else bare_word(token.value)


def bare_word(value: str) -> str:
    """A word without decoration and punctuation around it, small."""
    return unadorned(unadorned(unicodedata.normalize("NFKC", value)).strip(_PUNCTUATION)).lower()


def is_decoration(value: str) -> bool:
    """Whether a word is an emoji, a smiley or punctuation alone, which says nothing."""
    if value.lower() in _SMILEYS:
        return True
    return bool(value) and all(_is_ornament(ch) or ch in _PUNCTUATION for ch in value)


def unadorned(value: str) -> str:
    """A word without the emoji around it."""
    while value and _is_ornament(value[-1]):
        value = value[:-1]
    while value and _is_ornament(value[0]):
        value = value[1:]
    return value


def _is_ornament(ch: str) -> bool:
    """An emoji or an arrow, or what belongs to one; no letter, no digit, no sign of a keyboard and no minus sign."""
    if ch in "\ufe0e\ufe0f\u20e3←→↑↓⇒":
        return True
    return not ch.isascii() and unicodedata.category(ch) in ("So", "Sk", "Cn")  # Cn: of a newer Unicode than ours.


def led(tokens: list[Token]) -> list[Token]:
    """Without decoration before the noun, and between it and what follows."""
    for at in range(min(2, len(tokens))):
        while at < len(tokens) and tokens[at].bare and not tokens[at].key and is_decoration(tokens[at].value):
            tokens = [*tokens[:at], *tokens[at + 1 :]]
    return tokens

"""Reading redemption codes out of what people type. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversation.words import READ_AT_MOST

_CODE = re.compile(r"(?<![A-Za-z0-9-])[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?(?![A-Za-z0-9-])")
_ADDRESS = re.compile(r"\S*(?:://|www\.|@)\S*", re.IGNORECASE)
_CONNECTOR = re.compile(r"^(?:\s|[:：=>,，]|是|為|为|(?:is|code|this|the|my)\b)*", re.IGNORECASE)
_NO_CODE = re.compile(
    r"(?:[RC]-[0-9A-Z]{4,8}"  # our own references
    r"|(?:NT|NTD|TWD|USD|HKD|RMB|VND)\d+"  # money
    r"|\d+(?:ST|ND|RD|TH|AM|PM|NT|TWD|USD|VND)"
    r"|\d{1,4}-\d{1,2}-\d{1,4}(?:T\d+)?"  # dates
    r"|(?:886|09)[\d-]+)",  # phones
    re.IGNORECASE,
)
_PHONE = re.compile(r"(?:\+?886-?0?|0)9\d{2}-?\d{3}-?\d{3}")
_DIGIT_RUN = re.compile(r"(?<![A-Za-z0-9-])\+?\d[\d-]*(?: +[\d-]+)*(?![A-Za-z0-9-])")
_ALWAYS_REMOVED = "「」『』【】()[]<>《》〈〉\"'“”‘’`*"


@dataclass(frozen=True, slots=True)
class Found:
    """Possible codes in a message, in order.

    deliberate: the customer said it is a code (a keyword, the brand's pattern), so that a wrong one is
    an attempt. Else it may be small talk that merely looks like a code.
    """

    codes: tuple[str, ...]
    deliberate: bool


def clean(text: str) -> str:
    """Typing accidents undone: full width, invisible characters, every dash, quotes and brackets."""
    folded = unicodedata.normalize("NFKC", text[:READ_AT_MOST])
    out = []
    for character in folded:
        category = unicodedata.category(character)
        if category == "Pd" or character in "−ー":
            out.append("-")
        elif character.isspace():
            out.append("\n" if character in "\r\n" else " ")
        elif category not in ("Cf", "Cc", "Cs") and character not in _ALWAYS_REMOVED:
            out.append(character)
    return "".join(out).strip(" \n。，、！!.,~～")


def find(text: str, keywords: Sequence[str], pattern: re.Pattern[str] | None = None) -> Found:
    """The codes in a message. `keywords`: words that announce one, the longest first."""
    cleaned = clean(text)
    announced = _after_keyword(cleaned, keywords)
    if announced is not None:
        parts = announced.split(" ")  # "redeem A1B2C3D4 E5F6G7H8" names two codes, not one with a blank.
        several = tuple(dict.fromkeys(parts)) if all(map(_looks_like_code, parts)) else (announced,)
        return Found(several, deliberate=True)
    lines = _ADDRESS.sub(" ", cleaned)
    tokens = [match.group() for match in _CODE.finditer(lines)]
    if pattern is not None:
        whole = "-".join(lines.split())
        possible = dict.fromkeys([*tokens, whole])
        matching = [token for token in possible if pattern.fullmatch(token) or pattern.fullmatch(token.upper())]
        if matching:
            return Found(tuple(matching), deliberate=True)
    likely = tuple(dict.fromkeys(token for token in tokens if _looks_like_code(token)))
    if likely:
        return Found(likely, deliberate=False)
    spaced = _spaced(lines)
    return Found((spaced,) if spaced else (), deliberate=False)


def answer(text: str, keywords: Sequence[str], pattern: re.Pattern[str] | None = None) -> Found:
    """The code in the answer to "please type your code": nearly any single word counts, a sentence does not."""
    cleaned = clean(text)
    found = find(cleaned, keywords, pattern)
    if found.codes:
        return Found(found.codes, deliberate=True)
    line = cleaned.split("\n")[0]
    if _has_phone(line):
        return Found((), deliberate=True)
    token = _joined(line.split(" ")) or _in_any_letters(line)
    if token and " " in token and not any(ch.isdigit() for ch in token) and not token.isupper():
        token = None
    return Found((token,) if token and len(token) >= 4 else (), deliberate=True)


def spellings(code: str) -> list[str]:
    """What to look up, in order, at most three: as typed, in capitals, with other separators."""
    upper = code.upper()
    bare = upper.replace("-", "").replace(" ", "")
    if " " in code:  # People type a blank where the code has a dash.
        return list(dict.fromkeys([upper.replace(" ", "-"), bare, code.replace(" ", "")]))
    # A code typed in one go may be one of PREFIX-XXXX-XXXX; a shorter one may be written small.
    regrouped = f"{upper[:-8]}-{upper[-8:-4]}-{upper[-4:]}" if "-" not in code and len(code) > 11 else bare
    return list(dict.fromkeys([code, upper, regrouped, code.lower()]))[:3]


def canonical(code: str) -> str:
    """One form for all spellings of a code: attempts are counted by it."""
    return code.upper().replace("-", "").replace(" ", "")


def guessable(code: str) -> bool:
    """Whether somebody who tries would soon hit it: short, digits alone, a plain word, or hardly any variety."""
    bare = canonical(code)
    return len(bare) < 6 or (bare.isdigit() and len(bare) < 12) or bare.isalpha() or len(set(bare)) < 4


def masked(code: str) -> str:
    """A code as it may be shown again: `WELC••••26`."""
    return f"{code[:4]}••••{code[-2:]}" if len(code) >= 8 else f"{code[:1]}••••"


def _after_keyword(cleaned: str, keywords: Sequence[str]) -> str | None:
    """The code that a line announces: `redeem: abcd-1234`, `我要兌換 abcd 1234 謝謝`."""
    for line in cleaned.split("\n"):
        for word in keywords:
            edge = r"\b" if word.isascii() else ""
            match = re.search(f"{edge}{re.escape(word)}{edge}", line, re.IGNORECASE)
            if match is None:
                continue
            rest = _CONNECTOR.sub("", line[match.end() :], count=1)
            apart = rest != line[match.end() :] and match.start() == 0  # 兌換 端午2026, not 兌換期限到2026
            joined = _joined(rest.split(" ")) or (_in_any_letters(rest) if apart else None)
            if joined is None or _has_phone(joined):
                continue
            if len(joined) < (6 if joined.isdigit() else 4) or _NO_CODE.fullmatch(joined):
                continue
            if sum(part.isalpha() and part.islower() and len(part) != 4 for part in joined.split()[:-1]) > 1:
                continue  # "code of conduct 2026" is a sentence.
            # In the middle of a sentence, or in several words, only something with a digit is a code.
            alone = match.start() == 0 and " " not in joined
            if alone or any(ch.isdigit() for ch in joined):
                return joined
    return None


def _in_any_letters(text: str) -> str | None:
    """A code written in Chinese, say: one word of letters and at least one digit, when it is announced."""
    word = text.replace(" ", "")
    fits = 4 <= len(word) <= 32 and word.replace("-", "").isalnum() and any(ch.isdigit() for ch in word)
    return word if fits else None


def _joined(words: Sequence[str]) -> str | None:
    """The run of code-like words at the start, courtesies after it left out; blanks kept between."""
    run: list[str] = []
    for word in words:
        stripped = word.strip("。，、！!.,?？:;")
        match = _CODE.match(stripped)
        if match is None or stripped[match.end() : match.end() + 1] in {"/", ":", "@", "."}:
            break
        run.append(match.group())
        if match.end() != len(stripped):
            break
    while len(run) > 1 and not any(ch.isdigit() for ch in run[-1]) and not run[-1].isupper():
        if not any(ch.isdigit() for part in run[:-1] for ch in part):
            break
        if len(run) == 2 and len(run[-1]) == 4:  # "1234 abcd" is one code in two groups of four.
            break
        run.pop()
    joined = " ".join(run)
    return joined if joined and len(joined) <= 40 else None


def _has_phone(text: str) -> bool:
    """Whether a phone number stands in it, in one piece or with blanks: `gift card 0912 345 678`."""
    return any(_PHONE.fullmatch(run.group().replace(" ", "")) for run in _DIGIT_RUN.finditer(text))


def _looks_like_code(token: str) -> bool:
    return (
        6 <= len(token) <= 32
        and any(ch.isdigit() for ch in token)
        and any(ch.isalpha() for ch in token)
        and not _NO_CODE.fullmatch(token)
    )


def _spaced(text: str) -> str | None:
    """The whole message, when it is one code with blanks in it: `abcd 1234 efgh`."""
    parts = text.split()
    if _has_phone(text):
        return None  # "tel 0912345678": nobody's phone is sent to a vendor.
    if not 2 <= len(parts) <= 5 or not all(_CODE.fullmatch(part) and len(part) >= 3 for part in parts):
        return None
    joined = "".join(parts)
    return " ".join(parts) if _looks_like_code(joined) and not _NO_CODE.fullmatch("-".join(parts)) else None

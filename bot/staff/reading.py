"""Tokens become the arguments of a command, also when they are only nearly right. Pure.

What is wrong with a line is a value (a `Problem`), with the corrected line where one can be made.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from bot.staff.arguments import Arguments, Flag, Keyed, Positional, Spec, line_of
from bot.staff.lines import ENDINGS, LONGEST, Token, is_decoration, unadorned, written

# ── problems ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class TooLong:
    """More was typed than anybody means."""

    limit: int = LONGEST


@dataclass(frozen=True, slots=True)
class Unknown:
    """There is no such command. typed: with its slash. better: the line that was perhaps meant. noun: what stands
    there without saying what to do with it, `/code`."""

    typed: str
    better: str = ""
    noun: str = ""


@dataclass(frozen=True, slots=True)
class Meant:
    """A line that was perhaps meant otherwise, and that does something: the lines that may be meant, to be tapped."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """The command has no such argument. name: as typed, `grup=` or `--dri`. better: the line with the likely one."""

    command: str
    model: type[Arguments]
    name: str
    likely: str = ""
    better: str = ""


@dataclass(frozen=True, slots=True)
class Twice:
    """The same argument was given more than once."""

    spec: Spec


@dataclass(frozen=True, slots=True)
class TooMany:
    """More words than the command has places. joined: the last place's words in one, `A-B`."""

    command: str
    model: type[Arguments]
    extra: str
    spec: Spec | None = None
    joined: str = ""
    better: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """A necessary argument is not there. options: what it can be, and the line with each."""

    command: str
    model: type[Arguments]
    spec: Spec
    options: tuple[tuple[str, str], ...] = ()


WrongKind = Literal[
    "empty",
    "number",
    "day",
    "duration",
    "choice",
    "reference",
    "too_much",
    "too_little",
    "too_long",
    "too_short",
    "other",
]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A value that does not fit. limit: for too much and the like. better: the line with what is allowed, `fit`.
    options: several values that would be, and the line with each."""

    spec: Spec
    value: str
    kind: WrongKind
    limit: str = ""
    fit: str = ""
    better: str = ""
    options: tuple[tuple[str, str], ...] = ()


Problem = TooLong | Unknown | Meant | UnknownKey | Twice | TooMany | Missing | Wrong


# ── reading ──────────────────────────────────────────────────────────────────────────────────────

A = TypeVar("A", bound=Arguments)


def read(command: str, model: type[A], tokens: Sequence[Token]) -> A | Problem:
    """The arguments of a command, or the first thing that is wrong with them. Never raises."""
    by_name = {spec.name: spec for spec in model.specs}
    places = model.positionals()
    given: dict[str, Any] = {}
    words = placed(tokens)
    for number, token in enumerate(tokens):
        if not token.key and not token.flag:
            continue
        named = by_name.get(token.key or token.value)
        if named is None or isinstance(named.marker, Flag) != token.flag:
            return _unknown_key(command, model, tokens, number)
        if named.field in given:
            return Twice(named)
        if token.key and not token.value.strip():
            return Wrong(named, "", "empty")
        given[named.field] = True if token.flag else token.value
    free = [spec for spec in places if spec.field not in given]
    for spec in free:
        if spec.many:
            given[spec.field], words = tuple(word.value for word in words), []
        elif words and spec.rest:
            given[spec.field], words = " ".join(word.value for word in words), []
        elif words:
            given[spec.field] = words.pop(0).value
    if words:
        return _too_many(command, model, tokens, words, free[-1] if free else None)
    for spec in model.specs:
        if spec.choices and isinstance(value := given.get(spec.field), str) and value.lower() in spec.choices:
            given[spec.field] = value.lower()
    try:
        return model.model_validate(given)
    except ValidationError as error:
        return _wrong(command, model, tokens, given, error)


def placed(tokens: Iterable[Token]) -> list[Token]:
    """What fills places. Empty quotes are nothing."""
    return [token for token in tokens if not token.key and not token.flag and token.value.strip()]


# ── what is wrong ────────────────────────────────────────────────────────────────────────────────


def _unknown_key(command: str, model: type[Arguments], tokens: Sequence[Token], number: int) -> UnknownKey:
    token = tokens[number]
    # `dry=1` and `--group` are the right argument in the wrong form: the likely one is found all the same.
    names = {spec.name: spec for spec in model.specs if isinstance(spec.marker, Flag) or not token.flag}
    likely = alike(token.key or token.value, names)
    better = ""
    if likely is not None:
        spec = names[likely]
        mended = Token(spec.name, flag=True) if isinstance(spec.marker, Flag) else replace(token, key=spec.name)
        better = written(command, [*tokens[:number], mended, *tokens[number + 1 :]])
    name = f"--{token.value}" if token.flag else f"{token.key}="
    return UnknownKey(command, model, name, names[likely].label if likely else "", better)


def _too_many(
    command: str, model: type[Arguments], tokens: Sequence[Token], extra: Sequence[Token], last: Spec | None
) -> TooMany:
    said = " ".join(token.value for token in extra)
    if last is None or last.choices:
        return TooMany(command, model, said)
    run = placed(tokens)[-len(extra) - 1 :]
    joined = "-".join(token.value for token in run)
    mended: list[Token] = []
    for token in tokens:
        if token is run[0]:
            mended.append(Token(joined))
        elif not any(token is other for other in run):
            mended.append(token)
    return TooMany(command, model, said, last, joined, written(command, mended))


def _wrong(
    command: str, model: type[Arguments], tokens: Sequence[Token], given: Mapping[str, Any], error: ValidationError
) -> Problem:
    problems = error.errors(include_url=False)
    # A wrong value teaches more than a missing one: what was typed is looked at first.
    problem = next((each for each in problems if each["type"] != "missing"), problems[0])
    spec = next(spec for spec in model.specs if spec.field == problem["loc"][0])
    if problem["type"] == "missing":
        fills = isinstance(spec.marker, Positional)  # What is added at the end takes the first free place.
        options = [(choice, written(command, [*tokens, Token(choice)])) for choice in spec.choices if fills]
        return Missing(command, model, spec, tuple(options))
    raw = given[spec.field]
    typed = " ".join(raw) if isinstance(raw, tuple) else str(raw)
    limits, kind = problem.get("ctx", {}), problem["type"]
    match kind:
        case "less_than_equal" | "less_than":
            limit = str(limits.get("le", limits.get("lt")))
            return Wrong(spec, typed, "too_much", limit, limit, _with(command, tokens, spec, typed, limit))
        case "greater_than_equal" | "greater_than":
            limit = str(limits.get("ge", limits.get("gt")))
            return Wrong(spec, typed, "too_little", limit, limit, _with(command, tokens, spec, typed, limit))
        case "string_too_long":
            return Wrong(spec, typed, "too_long", str(limits["max_length"]))
        case "string_too_short":
            return Wrong(spec, typed, "too_short", str(limits["min_length"]))
        case "literal_error":
            if fit := alike(typed, spec.choices):
                return Wrong(spec, typed, "choice", fit=fit, better=_with(command, tokens, spec, typed, fit))
            return Wrong(spec, typed, "choice", options=_options(command, tokens, spec, typed, spec.choices))
        case "day" | "duration" | "reference":
            return Wrong(spec, typed, kind)
        case _ if kind.startswith(("int_", "decimal_", "float_")):
            return Wrong(spec, typed, "number")
        case _:
            return Wrong(spec, typed, "other", options=_options(command, tokens, spec, typed, limits.get("fits", ())))


def _options(
    command: str, tokens: Sequence[Token], spec: Spec, typed: str, values: Iterable[str]
) -> tuple[tuple[str, str], ...]:
    return tuple((value, line) for value in values if (line := _with(command, tokens, spec, typed, value)))


def _with(command: str, tokens: Sequence[Token], spec: Spec, typed: str, value: str) -> str:
    """The line with another value for one argument; empty when its place cannot be told."""
    named = [token for token in tokens if token.key == spec.name]
    placed = [token for token in tokens if not token.key and not token.flag and token.value == typed]
    old = (named or placed)[:1]
    if not old:
        return ""
    return written(command, [replace(token, value=value, bare=True) if token is old[0] else token for token in tokens])


def alike(typed: str, known: Iterable[str]) -> str | None:
    """The known word that was most likely meant."""
    return next(iter(difflib.get_close_matches(typed.lower(), list(known), n=1, cutoff=0.6)), None)


# ── reading what is nearly right ─────────────────────────────────────────────────────────────────

_COURTESIES = frozenset(
    {"please", "pls", "plz", "thanks", "thank", "you", "thx", "ty", "謝謝", "感謝", "麻煩", "拜託", "一下"}
)
_MOST_WORDS = 30
_LONGEST_SPLIT = 9  # parts of what was typed with blanks in it: `R - 7 F 3 K 9 M`


@dataclass(frozen=True, slots=True)
class Understood:
    """A line that reads, as typed or as it was most likely meant. sure: it can hardly mean anything else."""

    command: str
    arguments: Arguments
    exact: bool = True
    sure: bool = True

    @property
    def line(self) -> str:
        """As it is typed right."""
        return line_of(self.command, self.arguments)


def forgive(command: str, model: type[A], tokens: Sequence[Token]) -> list[Understood] | Problem:
    """What a line can mean: one reading as it is typed or as it was surely meant, or several that it may mean; else
    what is wrong with it. Free text stays as it is typed.

    Forgiven are decoration, blanks in references and lengths of time, two arguments in the other order, a name that
    was left out before its value, a sentence without `reason=`, and courtesies.
    """
    plain = _tidied(model, tokens)
    read_plain = read(command, model, plain)
    if isinstance(read_plain, Arguments):
        return [Understood(command, read_plain)]
    whole = _joined(model, plain)
    if whole != plain and isinstance(arguments := read(command, model, whole), Arguments):
        return [Understood(command, arguments)]
    problem: Problem | None = None
    if len(whole) <= _MOST_WORDS:
        found: dict[str, Understood] = {}
        for order in (whole, _swapped(model, whole)):
            for filled in _filled(model, order) if order else ():
                arguments = read(command, model, filled)
                if isinstance(arguments, Arguments):
                    meant = Understood(command, arguments, exact=False, sure=not _is_blank_sensitive(model))
                    found.setdefault(meant.line, meant)
                elif isinstance(arguments, Wrong) and arguments.options:
                    problem = problem or arguments  # Only one value is in doubt: it is asked for, the rest is kept.
            if found:
                break
        if len(found) > 1:
            return [replace(each, sure=False) for each in found.values()]
        if found:
            return list(found.values())
    return problem or read_plain


def _is_given(spec: Spec, tokens: Iterable[Token]) -> bool:
    return any((token.key or (token.value if token.flag else "")) == spec.name for token in tokens)


def _is_blank_sensitive(model: type[Arguments]) -> bool:
    """Whether a place's value is often typed with blanks that are none: then nobody knows what the second word is."""
    return any(getattr(spec.marker, "blanks", None) for spec in model.positionals())


def _tidied(model: type[Arguments], tokens: Sequence[Token]) -> list[Token]:
    """Without decoration, except in sentences."""
    places = [spec for spec in model.positionals() if not _is_given(spec, tokens)]
    by_name = {spec.name: spec for spec in model.specs}
    sentence = next((at for at, spec in enumerate(places) if spec.rest and spec.free), len(tokens))
    tidy: list[Token] = []
    extra: list[Token] = []
    filled = 0
    for token in tokens:
        if token.flag or token.key:
            tidy.append(_plain(by_name.get(token.key), token) if token.key else token)
            continue
        if filled >= sentence:
            tidy.append(token)
            continue
        if token.bare and is_decoration(token.value):
            if filled >= len(places):  # It may be a part of a sentence that lacks its name.
                extra.append(token)
                tidy.append(token)
            continue
        tidy.append(_plain(places[min(filled, len(places) - 1)] if places else None, token))
        if filled >= len(places):
            extra.append(tidy[-1])
        filled += 1
    if _sentence_of(model, tokens) is None or all(is_decoration(token.value) for token in extra):
        dropped = {id(token) for token in extra if token.bare and is_decoration(token.value)}
        tidy = [token for token in tidy if id(token) not in dropped]
    return tidy


def _plain(spec: Spec | None, token: Token) -> Token:
    """A token without decoration, where it is no sentence; without a full stop, where it does not fit with one."""
    value = token.value
    if spec is None or spec.free or not token.bare or (spec.text and isinstance(spec.marker, Keyed)):
        return token
    plain = unadorned(value) or value
    if not spec.text and not spec.fits(plain) and spec.fits(shorter := plain.rstrip(ENDINGS)):
        plain = shorter
    return replace(token, value=plain)


def _sentence_of(model: type[Arguments], tokens: Iterable[Token]) -> Spec | None:
    """The sentence that a line can still be given by its name: `reason=`."""
    specs = (spec for spec in model.specs if isinstance(spec.marker, Keyed) and spec.free)
    return next((spec for spec in specs if not _is_given(spec, tokens)), None)


def _joined(model: type[Arguments], tokens: Sequence[Token]) -> list[Token]:
    """With what was typed in several words in one, where it then fits its place: `R - 7F3K9M`, `24 hours`, `+ 50`."""
    places = [spec for spec in model.positionals() if not _is_given(spec, tokens) and not (spec.text or spec.rest)]
    flags = {spec.name for spec in model.specs if isinstance(spec.marker, Flag)}
    parts = [Token(f"-{each.value}") if each.flag and each.value not in flags else each for each in tokens]
    joined: list[Token] = []
    at = 0
    while at < len(parts):
        length = 1
        if not parts[at].key and not parts[at].flag and not any(spec.fits(parts[at].value) for spec in places):
            length = max((_run(spec, parts[at : at + _LONGEST_SPLIT]) for spec in places), default=1)
        if length > 1:
            joined.append(Token("".join(part.value for part in parts[at : at + length])))
        else:
            joined.append(tokens[at])
        at += length
    return joined


def _run(spec: Spec, parts: Sequence[Token]) -> int:
    """How many words make a value of this place together; 1 when none do. Of a reference the most: a phone's first
    digits may be one already."""
    value, found = parts[0].value, 1
    for length, part in enumerate(parts[1:], start=2):
        if part.key or part.flag or not part.bare:
            break
        value += part.value
        if spec.fits(value):
            found = length
            if spec.reads is None:
                break
    return found


def _swapped(model: type[Arguments], tokens: Sequence[Token]) -> list[Token]:
    """With the first two words in the other order, where only that fits; else nothing."""
    places = [spec for spec in model.positionals() if not _is_given(spec, tokens)]
    words = placed(tokens)
    if len(places) < 2 or len(words) < 2 or places[1].rest or places[1].many:
        return []
    (one, two), (first, second) = places[:2], words[:2]
    fits = one.fits(second.value) and two.fits(first.value)
    tells = not (one.text or one.fits(first.value)) or not (two.text or two.fits(second.value))
    if not (fits and tells):
        return []
    other = {id(first): second, id(second): first}
    return [other.get(id(token), token) for token in tokens]


def _filled(model: type[Arguments], tokens: Sequence[Token]) -> list[list[Token]]:
    """Every way to give the words that have no place the names that they lack."""
    places = [spec for spec in model.positionals() if not _is_given(spec, tokens)]
    if any(spec.many for spec in places):
        return []
    words = placed(tokens)
    kept: list[Token] = []
    for spec in places:
        if not words:
            break
        if spec.rest:
            kept, words = [*kept, *words], []
        elif spec.text or spec.fits(words[0].value):
            kept.append(words.pop(0))
        elif spec.required:
            return []
    others = [token for token in tokens if token.key or token.flag]
    return [[*kept, *others, *named] for named in _named(model, others, words)]


def _named(model: type[Arguments], given: Sequence[Token], words: Sequence[Token]) -> list[list[Token]]:
    """The words as named arguments, in every way that is as good as another; nothing when there is no way."""
    if not words:
        return [[]]
    (first, *rest), value = words, words[0].value
    free = [spec for spec in model.specs if not isinstance(spec.marker, Positional) and not _is_given(spec, given)]

    def with_(*named: Token, left: Sequence[Token] = rest) -> list[list[Token]]:
        return [[*named, *more] for more in _named(model, [*given, *named], left)]

    for spec in free:
        if isinstance(spec.marker, Flag) and value.lower() == spec.name:
            return with_(Token(spec.name, flag=True))
    keyed = [spec for spec in free if isinstance(spec.marker, Keyed)]
    needed = [spec for spec in keyed if spec.required and not spec.free]
    pair = [part for part in re.split("[:：/]", value) if part]
    if len(pair) == 2 <= len(needed) and all(map(Spec.fits, needed, pair)):
        return with_(*(Token(part, spec.name) for part, spec in zip(pair, needed, strict=False)))
    if fitting := next((spec for spec in needed if spec.fits(value)), None):
        return with_(Token(value, fitting.name))
    if sentence := next((spec for spec in keyed if spec.free), None):
        said = " ".join(token.value for token in words)
        return [] if is_decoration(said) else [[Token(said, sentence.name)]]
    if is_decoration(value) or value.lower() in _COURTESIES:
        return with_()
    typed = [spec for spec in keyed if not spec.text and spec.name != "page" and spec.fits(value)]
    if not typed and first.bare:
        named = [spec for spec in keyed if spec.text]
        page = [spec for spec in keyed if spec.name == "page" and spec.fits(value)]
        length = next((at for at, token in enumerate(words) if at and _is_told(keyed, token)), len(words))
        said = " ".join(token.value for token in words[:length])
        ways = [way for spec in named for way in with_(Token(said, spec.name), left=words[length:])]
        return ways or [way for spec in page for way in with_(Token(value, spec.name))]
    return [way for spec in typed for way in with_(Token(value, spec.name))]


def _is_told(keyed: Iterable[Spec], token: Token) -> bool:
    """Whether a word is the value of an argument that not any text fits."""
    return any(not spec.text and spec.fits(token.value) for spec in keyed)

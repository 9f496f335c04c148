"""The grammar of staff commands: a typed line into an argument model, and usage lines out of the same model. Pure.

    /noun verb positional… key=value… --flag

A command's arguments are a model; whatever is said about how to type it is made from the model:

    class CreateCode(Arguments):
        code: Annotated[str, Positional(N_("the code"), example="SUMMER2026")]
        group: Annotated[Number, Keyed(N_("group number"), example="5")]
        dry: Annotated[bool, Flag(N_("only show what would happen"))] = False

What is wrong with a line is a value (a `Problem`), with the corrected line where one can be made.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from bot.understanding import references
from bot.understanding.codes import masked

LONGEST = 500
SLASHES = "/／"
MOST = 2_000_000_000
_NONE = frozenset({"none", "-", "無", "不限"})
_HELP = frozenset({"-h", "-help", "-?"})
_HELP_FLAGS = frozenset({"h", "help"})
_QUOTES = {'"': '"', "“": '”"', "”": '”"', "「": "」", "『": "』", "＂": "＂", "'": "'’", "‘": "’'", "＇": "＇"}
_APOSTROPHES = "'‘＇"
# What is quoted again takes the first that it does not hold. What was typed bare holds no ＂ (NFKC makes it ").
_CLOSING = {'"': '"', "“": "”", "「": "」", "『": "』", "＂": "＂", "'": "'"}
_UNSEEN = ("Cc", "Cf", "Cs")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_FLAG = re.compile(r"(?:--|[—–]{1,2})([A-Za-z_][A-Za-z0-9_-]*)")  # Phones turn two hyphens into a dash.
_DURATION = re.compile(
    "([0-9]+)(?:(?P<m>m|mins?|minutes?|分|分鐘)|(?P<h>h|hrs?|hours?|小時|時|鐘頭)|(?P<d>d|days?|天|日)|"
    "(?P<w>w|weeks?|週|周|星期|禮拜))",
    re.IGNORECASE,
)
_COUNTED = 10**7  # so many minutes are longer than any limit, and so many weeks still a length of time
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
# What is wrong with a value that is of the right kind.
_OF_ITS_KIND = frozenset({"less_than_equal", "less_than", "greater_than_equal", "greater_than"})


# ── argument models ──────────────────────────────────────────────────────────────────────────────

Audited = Literal["plain", "masked", "never"]
Say = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Marker:
    """What an argument is.

    about: a msgid that names it. example: a value, for usage lines and errors. words: a msgid instead of it, where
    people write in their own language. typical: whether the example line shows it although it may be left out.
    audited: whether the trail holds it as typed (free text is scrubbed of codes and phones in any case), masked as a
    code, or not at all. too_much: a msgid said instead of the general one when a number is too big, with %(limit)s.
    unfit: one said of a value that is written wrongly, with %(value)s and %(example)s. look_up: (label, command) of a
    list in which to find one.
    """

    about: str
    example: str = ""
    words: str = ""
    typical: bool = False
    audited: Audited = "plain"
    too_much: str = ""
    unfit: str = ""
    look_up: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Positional(Marker):
    """An argument by its place. blanks: (sentence, label) msgids said when it was typed with blanks, %(joined)s.
    rest: it is a sentence, and takes all the words that are left."""

    blanks: tuple[str, str] | None = None
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Keyed(Marker):
    """An argument by its name, `name=value`."""


@dataclass(frozen=True, slots=True)
class Flag(Marker):
    """An argument that is there or not, `--name`."""


class Arguments(BaseModel):
    """Base of all argument models. A field `from_` is typed as `from`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    specs: ClassVar[tuple[Spec, ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.specs = tuple(_spec(cls, name, info) for name, info in cls.model_fields.items())
        many = [spec.name for spec in cls.positionals() if spec.many or spec.rest]
        if many and many != [cls.positionals()[-1].name]:
            raise TypeError(f"{cls.__name__}: only the last positional argument can take several words")

    @classmethod
    def positionals(cls) -> list[Spec]:
        """The arguments that have a place, in order."""
        return [spec for spec in cls.specs if isinstance(spec.marker, Positional)]


class Nothing(Arguments):
    """For commands that need to be told nothing."""


@dataclass(frozen=True, slots=True)
class Reads:
    """Beside a marker: the argument is a reference of these kinds (see `references.read`), of which blanks may be in
    the middle. also: other words that stand in its place. loose: anything else may be typed there, too, and tells
    nothing."""

    kinds: str
    also: tuple[str, ...] = ()
    loose: bool = False

    def read(self, value: str) -> str | None:
        """The reference, or the other word, that a value is."""
        return references.read(value, self.kinds) or next((word for word in self.also if _bare(value) == word), None)


@dataclass(frozen=True, slots=True)
class Spec:
    """One argument of a model, as it is typed and explained. reads: what kind of reference it is. text: any text fits,
    so that nothing about a value tells whether it was meant for this place."""

    model: type[Arguments]
    field: str
    name: str
    marker: Marker
    required: bool
    many: bool
    rest: bool
    choices: tuple[str, ...]
    reads: Reads | None
    text: bool

    @property
    def free(self) -> bool:
        """Whether it is a sentence in somebody's own words, which stays as it is typed."""
        return bool(self.marker.words)

    def fits(self, value: str) -> bool:
        """Whether a value is of its kind, although it may be too big or lack a sign."""
        if self.reads is not None and (self.reads.loose or self.reads.read(value)):
            return self.reads.read(value) is not None
        if self.choices:
            return value.lower() in self.choices
        try:
            _adapter(self.model, self.field).validate_python(value)
        except ValidationError as error:
            (problem, *_more) = error.errors(include_url=False)
            return problem["type"] in _OF_ITS_KIND or "fits" in problem.get("ctx", {})
        return True

    @property
    def label(self) -> str:
        """How it is named in a sentence: `group=`, `<code>`, `--dry`."""
        match self.marker:
            case Keyed():
                return f"{self.name}="
            case Flag():
                return f"--{self.name}"
            case _:
                return "|".join(self.choices) if self.choices else f"<{self.name}>"

    def sample(self, say: Say = str) -> str:
        """A value, as it is typed."""
        return quoted(say(self.marker.words) if self.marker.words else self.marker.example or "…")

    def usage(self, say: Say = str) -> str:
        """Its part of the usage line."""
        value = "|".join(self.choices) or self.sample(say)
        part = f"{self.name}={value}" if isinstance(self.marker, Keyed) else self.label
        if self.many:
            part += "…"
        return part if self.required else f"[{part}]"

    def example(self, say: Say = str) -> str:
        """Its part of the example line."""
        match self.marker:
            case Keyed():
                return f"{self.name}={self.sample(say)}"
            case Flag():
                return self.label
            case _:
                return self.sample(say)


def _spec(model: type[Arguments], name: str, info: FieldInfo) -> Spec:
    markers = [item for item in info.metadata if isinstance(item, Marker)]
    if len(markers) != 1:
        raise TypeError(f"the argument {name!r} needs one of Positional, Keyed and Flag")
    choices, reads = _choices(info.annotation), _reads(info)
    return Spec(
        model=model,
        field=name,
        name=name.rstrip("_").replace("_", "-"),
        marker=markers[0],
        required=info.is_required(),
        many=isinstance(markers[0], Positional) and get_origin(info.annotation) is tuple,
        rest=isinstance(markers[0], Positional) and markers[0].rest,
        choices=choices,
        reads=reads,
        text=_kinds(info.annotation) <= {str, type(None)} and not (choices or reads or _is_checked(info)),
    )


@cache
def _adapter(model: type[Arguments], name: str) -> TypeAdapter[Any]:
    """Validates one field alone."""
    info = model.model_fields[name]
    annotated: Any = Annotated[(info.annotation, *info.metadata)]
    return TypeAdapter(annotated)


def _kinds(annotation: Any) -> set[Any]:
    """The types that an annotation allows, without what is said about them."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return {kind for each in get_args(annotation) for kind in _kinds(each)}
    return {annotation}


def _is_checked(info: FieldInfo) -> bool:
    return any(isinstance(each, AfterValidator | BeforeValidator) for each in info.metadata)


def _reads(info: FieldInfo) -> Reads | None:
    nested = (each for part in get_args(info.annotation) if get_origin(part) is Annotated for each in get_args(part))
    return next((each for each in (*info.metadata, *nested) if isinstance(each, Reads)), None)


def _choices(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return tuple(map(str, get_args(annotation)))
    if get_origin(annotation) in (Union, UnionType):
        parts = [each for each in get_args(annotation) if each is not type(None)]
        if all(get_origin(each) is Literal for each in parts):
            return tuple(choice for each in parts for choice in _choices(each))
    return ()


# ── kinds of values ──────────────────────────────────────────────────────────────────────────────


def duration(value: timedelta) -> str:
    """A length of time as it is typed: `24h`."""
    minutes = max(1, round(value.total_seconds() / 60))
    for unit in "dh":
        size = int(_UNITS[unit].total_seconds() // 60)
        if minutes % size == 0 and not (unit == "d" and minutes == size):  # a day reads better as 24h
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def at_most(limit: timedelta) -> AfterValidator:
    """Limits a `Duration`: pydantic's own limits are not told as they are typed."""

    def check(value: timedelta) -> timedelta:
        if value > limit:
            raise PydanticCustomError("less_than_equal", "too long", {"le": duration(limit)})
        return value

    return AfterValidator(check)


def _without_hash(value: object) -> object:
    return value.removeprefix("#") if isinstance(value, str) else value


def _listed(value: object) -> object:
    return [part for part in re.split("[,，、]", value) if part.strip()] if isinstance(value, str) else value


_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2100, 12, 31)  # A day before or after it exists in every time zone.


def _day(value: object) -> object:
    if isinstance(value, str):
        match = re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", value)
        try:
            day = date(*map(int, match.groups())) if match else date.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("day", "a day") from None
        if day < _FIRST_DAY:
            raise PydanticCustomError("greater_than_equal", "a limit", {"ge": _FIRST_DAY.isoformat()})
        if day > _LAST_DAY:
            raise PydanticCustomError("less_than_equal", "a limit", {"le": _LAST_DAY.isoformat()})
        return day
    return value


def _duration(value: object) -> object:
    if isinstance(value, str) and not value.startswith("P"):
        match = _DURATION.fullmatch(value)
        if match is None or not int(match[1]):
            raise PydanticCustomError("duration", "a length of time")
        return min(int(match[1]), _COUNTED) * _UNITS[str(match.lastgroup)]
    return value


def _or_none(read: Callable[[object], object]) -> Callable[[object], object]:
    def either(value: object) -> object:
        return "none" if isinstance(value, str) and value.lower() in _NONE else read(value)

    return either


def _number(value: object) -> object:
    try:
        number = int(str(_without_hash(value)))
    except ValueError:
        raise PydanticCustomError("int_parsing", "a number") from None
    if not 1 <= number <= MOST:
        kind, limit = ("greater_than_equal", {"ge": 1}) if number < 1 else ("less_than_equal", {"le": MOST})
        raise PydanticCustomError(kind, "a limit", limit)
    return number


_CUSTOMER = Reads("CR", also=("last",))


def _reference(value: str) -> str:
    if (ref := _CUSTOMER.read(value)) is None:
        raise PydanticCustomError("reference", "a customer")
    return ref


def _as_written(reads: Reads) -> AfterValidator:
    """A reference as we write it; what is none stays as it is typed, and is then not found."""
    return AfterValidator(lambda value: reads.read(value) or value)


Number = Annotated[int, BeforeValidator(_without_hash), Field(ge=1, le=MOST)]
"""An id or a count, with or without `#`."""

Numbers = Annotated[tuple[Number, ...], BeforeValidator(_listed)]
"""Several of them, `1,2,3`; an argument by name."""

Day = Annotated[date, BeforeValidator(_day)]
"""`2026-12-31`."""

NumberOrNone = Annotated[int | Literal["none"], BeforeValidator(_or_none(_number))]
"""A count, or `none` to take a limit away."""

DayOrNone = Annotated[date | Literal["none"], BeforeValidator(_or_none(_day))]
"""A day, or `none` to take a limit away."""

Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(duration), at_most(timedelta(days=3650))]
"""`30m`, `24h`, `7d`, `2w`. For a lower limit than ten years add `at_most`."""

CustomerRef = Annotated[str, _CUSTOMER, AfterValidator(_reference)]
"""`C-8F3K2M`, a receipt's reference `R-7F3K9M`, or `last`. `StaffContext.customer_of` finds who it is."""


def _anybody(value: str) -> str:
    """As we write it, unless it may be a name: `rebecca` is hardly the receipt R-EBECCA."""
    return value if value.isalpha() and _bare(value) not in _ANYBODY.also else _ANYBODY.read(value) or value


_ANYBODY = replace(_CUSTOMER, loose=True)
_RECEIPT = Reads("RC", loose=True)
_APPROVAL = Reads("A", loose=True)

AnybodyRef = Annotated[str, _ANYBODY, AfterValidator(_anybody)]
"""The same, or something else that tells who is meant."""

ReceiptRef = Annotated[str, _RECEIPT, _as_written(_RECEIPT)]
"""`R-7F3K9M`, of a redeemed code or a voucher; a customer's reference stays one, to be told that it is none."""

ApprovalRef = Annotated[str, _APPROVAL, _as_written(_APPROVAL)]
"""`A-7F3K9M`, what waits for a second person."""


# ── lines ────────────────────────────────────────────────────────────────────────────────────────


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


def is_command(text: str) -> bool:
    """Whether a message is a command line: the first visible character is a slash."""
    first = next((ch for ch in text if not ch.isspace() and unicodedata.category(ch) not in _UNSEEN), None)
    return first is not None and first in SLASHES


def cleaned(text: str) -> str:
    """A line without control characters, invisible ones and the slash before it."""
    kept = (" " if ch.isspace() else ch for ch in text)
    visible = "".join(ch for ch in kept if ch == " " or unicodedata.category(ch) not in _UNSEEN)
    return visible.lstrip(f"{SLASHES} ").rstrip()


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


def line_of(command: str, arguments: Arguments) -> str:
    """The line that says this, in its shortest form: what is left at its default is left out."""
    tokens = []
    for spec, value in _said(arguments):
        match spec.marker:
            case Flag():
                tokens.append(Token(spec.name, flag=True))
            case Positional():
                tokens += [Token(str(each)) for each in value] if spec.many else [Token(str(value))]
            case _:
                text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
                tokens.append(Token(text, spec.name))
    return written(command, tokens)


def _said(arguments: Arguments) -> Iterator[tuple[Spec, Any]]:
    """The arguments that differ from their defaults, with their values as JSON has them."""
    values = arguments.model_dump(mode="json")
    for spec in arguments.specs:
        default = type(arguments).model_fields[spec.field].get_default(call_default_factory=True)
        if values[spec.field] is not None and (spec.required or getattr(arguments, spec.field) != default):
            yield spec, values[spec.field]


def usage(command: str, model: type[Arguments], say: Say = str) -> str:
    """`/code create <code> group=5 [rewards=1,2] [--dry]`. say: the reader's language, for words of their own."""
    return " ".join([f"/{command}", *(spec.usage(say) for spec in model.specs)])


def example(command: str, model: type[Arguments], say: Say = str) -> str:
    """`/code create SUMMER2026 group=5`."""
    shown = (spec for spec in model.specs if spec.required or spec.marker.typical)
    return " ".join([f"/{command}", *(spec.example(say) for spec in shown)])


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


# ── reading what is nearly right ─────────────────────────────────────────────────────────────────

_COURTESIES = frozenset(
    {"please", "pls", "plz", "thanks", "thank", "you", "thx", "ty", "謝謝", "感謝", "麻煩", "拜託", "一下"}
)
_SMILEYS = frozenset({":-)", ":-(", ";-)", ":d", ":-d", ":p", "^_^", "=)", "orz"})
_PUNCTUATION = "!?.,;:~…、。，；：！？～()（）*^_·•<>«»←→↑↓「」『』【】"
_ENDINGS = "!?.,;:~…、。，；：！？～"
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


def is_decoration(value: str) -> bool:
    """Whether a word is an emoji, a smiley or punctuation alone, which says nothing."""
    if value.lower() in _SMILEYS:
        return True
    return bool(value) and all(_is_ornament(ch) or ch in _PUNCTUATION for ch in value)


def _is_ornament(ch: str) -> bool:
    """An emoji or an arrow, or what belongs to one; no letter, no digit, no sign of a keyboard and no minus sign."""
    if ch in "\ufe0e\ufe0f\u20e3←→↑↓⇒":
        return True
    return not ch.isascii() and unicodedata.category(ch) in ("So", "Sk", "Cn")  # Cn: of a newer Unicode than ours.


def unadorned(value: str) -> str:
    """A word without the emoji around it."""
    while value and _is_ornament(value[-1]):
        value = value[:-1]
    while value and _is_ornament(value[0]):
        value = value[1:]
    return value


def _bare(value: str) -> str:
    """A word without decoration and punctuation around it, small."""
    return unadorned(unadorned(unicodedata.normalize("NFKC", value)).strip(_PUNCTUATION)).lower()


def word(token: Token) -> str:
    """A token as a noun or a verb: small, without what stands around it; empty when it can be none."""
    if token.key or token.flag or not token.bare:
        return ""
    return token.value.lower() if token.value.lower() == "-?" else _bare(token.value)


def unadorned_command(text: str) -> str:
    """A command line without decoration before its slash, `👉/status`; empty when a message is no command line."""
    at = next((at for at, ch in enumerate(text) if ch in SLASHES), len(text))
    seen = [ch for ch in text[:at] if not ch.isspace() and unicodedata.category(ch) not in _UNSEEN]
    smiles = bool(seen) and seen[-1] in ":："  # `:/`
    adorned = all(_is_ornament(ch) or ch in _PUNCTUATION for ch in seen)
    return text[at:] if adorned and not smiles else ""


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
    if not spec.text and not spec.fits(plain) and spec.fits(shorter := plain.rstrip(_ENDINGS)):
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
    """How many words make a value of this place together; 1 when none do."""
    value = parts[0].value
    for length, part in enumerate(parts[1:], start=2):
        if part.key or part.flag or not part.bare:
            break
        value += part.value
        if spec.fits(value):
            return length
    return 1


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


# ── what the trail may hold ──────────────────────────────────────────────────────────────────────

_CODE = re.compile(
    r"(?<![A-Za-z0-9-])(?=[A-Za-z0-9-]*\d)(?=[A-Za-z0-9-]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9-]{4,38}[A-Za-z0-9]"
)
_OWN = re.compile(r"(?:[CRAJ]-[0-9A-Z]{1,8}|(?:19|20)\d\d([-/.])\d{1,2}\1\d{1,2})", re.IGNORECASE)
# Only Latin letters and digits end a number: Chinese is written right beside it. A reference of ours is none.
_DIGITS = re.compile(
    r"(?<![A-Za-z0-9])(?<![CRAJcraj]-)\+?\d(?:[ ().\-/\u00b7\u30fb\u2010-\u2015\u2212]{0,2}\d){6,}(?![A-Za-z0-9])"
)


def scrubbed(text: str) -> str:
    """Free text without what the trail must never hold: codes are masked, phones and card numbers taken out."""
    folded = unicodedata.normalize("NFKC", text)
    without = _CODE.sub(lambda found: found[0] if _OWN.fullmatch(found[0]) else masked(found[0]), folded)
    return _DIGITS.sub(lambda found: found[0] if _OWN.fullmatch(found[0]) else "•••", without)


def audited_line(command: str, arguments: Arguments) -> str:
    """The line as the trail holds it."""
    parts = [f"/{command}"]
    for spec, value in _said(arguments):
        if isinstance(spec.marker, Flag):
            parts.append(spec.label)
            continue
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        match spec.marker.audited:
            case "never":
                text = "•••"
            case "masked":
                text = ",".join(masked(part) for part in text.split(","))
            case "plain" if isinstance(value, str) and not spec.choices:
                text = scrubbed(text)
        parts.append(f"{spec.name}={quoted(text)}" if isinstance(spec.marker, Keyed) else quoted(text))
    return " ".join(parts)

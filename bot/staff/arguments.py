"""A model says which arguments a command takes, and each kind of value says how it is read. Pure.

Whatever is said about how to type a command is made from its model:

    class CreateCode(Arguments):
        code: Annotated[str, Positional(N_("the code"), example="SUMMER2026")]
        group: Annotated[Number, Keyed(N_("group number"), example="5")]
        dry: Annotated[bool, Flag(N_("only show what would happen"))] = False
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

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

from bot.staff.lines import Token, bare_word, quoted, written
from bot.understanding import references
from bot.understanding.reading import split_list

MOST = 2_000_000_000
# What is wrong with a value that is of the right kind.
_OF_ITS_KIND = frozenset({"less_than_equal", "less_than", "greater_than_equal", "greater_than"})

Audited = Literal["plain", "masked", "never"]
Say = Callable[[str], str]


# ── argument models ──────────────────────────────────────────────────────────────────────────────


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
    the middle. also: other words that stand in its place. shape: of something else that does, and may have blanks in
    it as well. loose: anything else may be typed there, too, and tells nothing."""

    kinds: str
    also: tuple[str, ...] = ()
    shape: re.Pattern[str] | None = None
    loose: bool = False

    def read(self, value: str) -> str | None:
        """The reference, or what else stands in its place, that a value is."""
        if ref := references.read(value, self.kinds):
            return ref
        if (word := bare_word(value)) in self.also:
            return word
        return value if self.shape is not None and self.shape.fullmatch(value) else None


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


# ── how a command is typed ───────────────────────────────────────────────────────────────────────


def usage(command: str, model: type[Arguments], say: Say = str) -> str:
    """`/code create <code> group=5 [rewards=1,2] [--dry]`. say: the reader's language, for words of their own."""
    return " ".join([f"/{command}", *(spec.usage(say) for spec in model.specs)])


def example(command: str, model: type[Arguments], say: Say = str) -> str:
    """`/code create SUMMER2026 group=5`."""
    shown = (spec for spec in model.specs if spec.required or spec.marker.typical)
    return " ".join([f"/{command}", *(spec.example(say) for spec in shown)])


def line_of(command: str, arguments: Arguments) -> str:
    """The line that says this, in its shortest form: what is left at its default is left out."""
    tokens = []
    for spec, value in said(arguments):
        match spec.marker:
            case Flag():
                tokens.append(Token(spec.name, flag=True))
            case Positional():
                tokens += [Token(str(each)) for each in value] if spec.many else [Token(str(value))]
            case _:
                text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
                tokens.append(Token(text, spec.name))
    return written(command, tokens)


def said(arguments: Arguments) -> Iterator[tuple[Spec, Any]]:
    """The arguments that differ from their defaults, with their values as JSON has them."""
    values = arguments.model_dump(mode="json")
    for spec in arguments.specs:
        default = type(arguments).model_fields[spec.field].get_default(call_default_factory=True)
        if values[spec.field] is not None and (spec.required or getattr(arguments, spec.field) != default):
            yield spec, values[spec.field]


# ── kinds of values ──────────────────────────────────────────────────────────────────────────────

_NONE = frozenset({"none", "-", "無", "不限"})
_DURATION = re.compile(
    "([0-9]+)(?:(?P<m>m|mins?|minutes?|分|分鐘)|(?P<h>h|hrs?|hours?|小時|時|鐘頭)|(?P<d>d|days?|天|日)|"
    "(?P<w>w|weeks?|週|周|星期|禮拜))",
    re.IGNORECASE,
)
_COUNTED = 10**7  # so many minutes are longer than any limit, and so many weeks still a length of time
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


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
    return [part for part in split_list(value) if part.strip()] if isinstance(value, str) else value


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
    """As we write it, unless it may be a name: `rebecca` is hardly the receipt R-EBECCA. Whatever else it is has no
    blanks: a code with some would not be known as one, and stand in the trail."""
    if value.isalpha() and bare_word(value) not in _ANYBODY.also:
        return value
    return _ANYBODY.read(value) or "".join(value.split())


# A one-time code of the counter, which always has a digit, or a phone.
_SHOWN = re.compile(r"(?=.*[0-9])[0-9A-Za-z]{4}-?[0-9A-Za-z]{4}|\+?[0-9()-]{8,20}")
_ANYBODY = replace(_CUSTOMER, loose=True, shape=_SHOWN)
_RECEIPT = Reads("RC", loose=True)
_APPROVAL = Reads("A", loose=True)

AnybodyRef = Annotated[str, _ANYBODY, AfterValidator(_anybody)]
"""The same, a one-time code of the counter or a phone, or something else that tells who is meant."""

ReceiptRef = Annotated[str, _RECEIPT, _as_written(_RECEIPT)]
"""`R-7F3K9M`, of a redeemed code or a voucher; a customer's reference stays one, to be told that it is none."""

ApprovalRef = Annotated[str, _APPROVAL, _as_written(_APPROVAL)]
"""`A-7F3K9M`, what waits for a second person."""

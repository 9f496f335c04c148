"""The grammar of command lines: pure, never raises, and what it corrects reads back."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import Field

from bot.staff import arguments, lines, reading, scrubbing
from bot.staff.arguments import (
    Arguments,
    CustomerRef,
    Day,
    DayOrNone,
    Duration,
    Flag,
    Keyed,
    Number,
    NumberOrNone,
    Numbers,
    Positional,
)
from bot.staff.lines import Token
from bot.staff.reading import Missing, TooMany, Twice, UnknownKey, Wrong


class Create(Arguments):
    code: Annotated[str, Positional("the code", example="SUMMER2026", audited="masked")]
    group: Annotated[Number, Keyed("group number", example="5")]
    rewards: Annotated[Numbers, Keyed("reward numbers", example="1,2", typical=True)] = ()
    n: Annotated[int, Keyed("how many", example="100"), Field(ge=1, le=2000)] = 1
    until: Annotated[Day | None, Keyed("last day", example="2026-12-31")] = None
    kind: Annotated[Literal["good", "bad"], Keyed("kind", example="good")] = "good"
    dry: Annotated[bool, Flag("only show it")] = False


class Everything(Arguments):
    customer: Annotated[CustomerRef, Positional("a customer", example="C-8F3K2M")]
    change: Annotated[int | None, Positional("by how much", example="+50")] = None
    text: Annotated[str, Positional("words", rest=True)] = ""
    for_: Annotated[Duration, Keyed("how long", example="24h")] = timedelta(hours=24)
    most: Annotated[NumberOrNone | None, Keyed("most", example="5")] = None
    end: Annotated[DayOrNone | None, Keyed("end", example="2026-12-31")] = None
    reason: Annotated[str, Keyed("why", audited="plain"), Field(max_length=200)] = ""
    secret: Annotated[str, Keyed("secret", audited="never")] = ""


def create(line: str) -> Arguments | reading.Problem:
    return reading.read("code create", Create, lines.split(lines.cleaned(line)))


def everything(line: str) -> Arguments | reading.Problem:
    return reading.read("all", Everything, lines.split(lines.cleaned(line)))


# ── splitting ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ('a "b c" d', ["a", "b c", "d"]),
        ("a 「b c」 『d e』 “f g”", ["a", "b c", "d e", "f g"]),
        ("ａ１　ｂ", ["a1", "b"]),
        ("a\tb\u00a0c\n d", ["a", "b", "c", "d"]),
        ("a\u200bb \u202ec", ["ab", "c"]),
        ('it"s fine', ['it"s', "fine"]),
        ('“smart start" end', ["smart start", "end"]),
        ('never "closed', ["never", "closed"]),
        ('""', [""]),
        ("'b c' ‘d e’ ＇f g＇ 'it's late'", ["b c", "d e", "f g", "it's late"]),
        ("it's '90s music", ["it's", "'90s", "music"]),
        ('”b c” “d e" f', ["b c", "d e", "f"]),
    ],
)
def test_a_line_is_split(line: str, values: list[str]) -> None:
    """Blanks of every kind, quotes of all kinds, width, and what cannot be seen."""
    assert [token.value for token in lines.split(lines.cleaned(line))] == values


@pytest.mark.parametrize("line", ["reason=「太 晚」", "REASON＝「太 晚」", 'ｒｅａｓｏｎ="太 晚"', "reason=“太 晚”"])
def test_a_key_may_be_typed_in_any_width_and_case(line: str) -> None:
    """Full-width equals signs and letters, capitals, all quotes."""
    assert [(token.key, token.value) for token in lines.split(lines.cleaned(line))] == [("reason", "太 晚")]


@pytest.mark.parametrize("line", ["--dry", "—dry", "––dry", "--DRY"])
def test_a_flag_survives_what_phones_make_of_two_hyphens(line: str) -> None:
    """They turn them into a dash."""
    assert lines.split(line) == [Token("dry", flag=True)]


def test_a_negative_number_is_no_flag() -> None:
    """`/points C-… -20` takes points away."""
    assert lines.split("-20 +50") == [Token("-20"), Token("+50")]


@pytest.mark.parametrize("line", ["-h", "-H", "-?", "-help", "--help", "--h", "—help", "–h"])
def test_help_is_asked_for_in_many_ways(line: str) -> None:
    """Also with what phones make of two hyphens."""
    assert [lines.asks_for_help(token) for token in lines.split(line)] == [True]


@pytest.mark.parametrize("line", ['"-h"', "reason=-h", "h", "help", "--dry"])
def test_not_everything_asks_for_help(line: str) -> None:
    """A value that happens to read like it does not."""
    assert [lines.asks_for_help(token) for token in lines.split(line)] == [False]


@pytest.mark.parametrize("text", ["/", "／", "  /status", "／狀態", "\u3000/x", "\u200e/x", "\ufeff \u2060/x", "/ / x"])
def test_a_slash_begins_a_command(text: str) -> None:
    """Either of them; blanks and what cannot be seen may stand before it."""
    assert lines.is_command(text)
    assert lines.cleaned(text)[:1] != "/"


@pytest.mark.parametrize("text", ["", "   ", "\u200e", "\u200ex/", "status", "a/b", "https://example.com"])
def test_anything_else_is_no_command(text: str) -> None:
    """Nor is nothing at all."""
    assert not lines.is_command(text)


# ── reading ──────────────────────────────────────────────────────────────────────────────────


def test_a_whole_line_becomes_its_model() -> None:
    """Places, keys, flags and all kinds of values."""
    assert create("SUMMER-1 group=#5 rewards=1，#2 n=300 until=2026/12/31 kind=GOOD --dry") == Create(
        code="SUMMER-1", group=5, rewards=(1, 2), n=300, until=date(2026, 12, 31), kind="good", dry=True
    )


def test_every_kind_of_value_is_read() -> None:
    """References, signs, durations, the end of a limit, a sentence."""
    assert everything("c-8f3k2m -20 too many words for=7d most=none end=無 reason=x") == Everything(
        customer="C-8F3K2M",
        change=-20,
        text="too many words",
        for_=timedelta(days=7),
        most="none",
        end="none",
        reason="x",
    )


def test_a_place_may_also_be_named() -> None:
    """Nobody has to know the order."""
    assert create("group=5 code=A1") == create("A1 group=5")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("SUMMER", Missing("code create", Create, Create.specs[1])),
        ("group=5", Missing("code create", Create, Create.specs[0])),
        (
            "A B group=5",
            TooMany("code create", Create, "B", Create.specs[0], "A-B", "/code create A-B group=5"),
        ),
        ("A group=5 group=6", Twice(Create.specs[1])),
        ("A grup=5", UnknownKey("code create", Create, "grup=", "group=", "/code create A group=5")),
        ("A group=5 colour=red", UnknownKey("code create", Create, "colour=")),
        ("A group=5 --dri", UnknownKey("code create", Create, "--dri", "--dry", "/code create A group=5 --dry")),
        ("A group=5 dry=1", UnknownKey("code create", Create, "dry=", "--dry", "/code create A group=5 --dry")),
        ("A group=five", Wrong(Create.specs[1], "five", "number")),
        ("A group=", Wrong(Create.specs[1], "", "empty")),
        ('A group=5 rewards=""', Wrong(Create.specs[2], "", "empty")),
        ('"" group=5', Missing("code create", Create, Create.specs[0])),
        (
            "A group=5 n=99999",
            Wrong(Create.specs[3], "99999", "too_much", "2000", "2000", "/code create A group=5 n=2000"),
        ),
        ("A group=5 n=0", Wrong(Create.specs[3], "0", "too_little", "1", "1", "/code create A group=5 n=1")),
        ("A group=5 until=2026-13-01", Wrong(Create.specs[4], "2026-13-01", "day")),
        ("A group=5 until=soon", Wrong(Create.specs[4], "soon", "day")),
        (
            "A group=5 kind=god",
            Wrong(Create.specs[5], "god", "choice", fit="good", better="/code create A group=5 kind=good"),
        ),
    ],
)
def test_what_is_wrong_is_a_value(line: str, problem: reading.Problem) -> None:
    """With the corrected line where one can be made."""
    assert create(line) == problem


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("R-123", "reference"),
        ("C-8F3K2M for=soon", "duration"),
        ("C-8F3K2M for=0h", "duration"),
        ("C-8F3K2M for=4000d", "too_much"),
        ("C-8F3K2M for=99999999d", "too_much"),
        (f"C-8F3K2M for={'9' * 300}w", "too_much"),
        ("C-8F3K2M for=9999999m", "too_much"),
        ("C-8F3K2M most=0", "too_little"),
        ("C-8F3K2M most=9999999999", "too_much"),
        ("C-8F3K2M most=x", "number"),
        ("C-8F3K2M end=x", "day"),
        ("C-8F3K2M x1", "number"),
    ],
)
def test_every_kind_of_value_can_be_wrong(line: str, kind: str) -> None:
    """And says how."""
    problem = everything(line)

    assert isinstance(problem, Wrong)
    assert problem.kind == kind


# ── usage ────────────────────────────────────────────────────────────────────────────────────


def test_the_usage_line_is_made_from_the_model() -> None:
    """Necessary and optional parts, with their examples."""
    assert arguments.usage("code create", Create) == (
        "/code create <code> group=5 [rewards=1,2] [n=100] [until=2026-12-31] [kind=good|bad] [--dry]"
    )


def test_the_example_line_is_made_from_the_model() -> None:
    """What is necessary, and what is typical."""
    assert arguments.example("code create", Create) == "/code create SUMMER2026 group=5 rewards=1,2"


def test_the_example_line_of_a_model_is_right() -> None:
    """It reads as what it shows."""
    assert isinstance(create(arguments.example("code create", Create).removeprefix("/code create")), Create)


# ── properties ───────────────────────────────────────────────────────────────────────────────

ANYTHING = st.text(max_size=80)
SYMBOLS = st.text("ab1h =＝\"「」『』“”＂'‘’＇-—–#/,，\u3000\u200b日é", max_size=40)


@given(st.one_of(ANYTHING, SYMBOLS))
def test_no_text_makes_the_parser_fail(text: str) -> None:
    """Whatever is typed is a model or a problem."""
    line = lines.cleaned(text)
    for model in (Create, Everything):
        assert reading.read("x", model, lines.split(line)) is not None


@example(text="'\"」』")
@example(text="'a\"”」』＂b'")
@given(st.one_of(ANYTHING, SYMBOLS))
def test_the_parts_of_a_line_read_back(text: str) -> None:
    """Written again, and read again, they are the same: a corrected command means what it says."""
    tokens = lines.split(lines.cleaned(text))
    again = lines.split(lines.cleaned(lines.written("x", tokens)))[1:]

    assert [(t.value, t.key, t.flag) for t in again] == [(t.value, t.key, t.flag) for t in tokens]


@given(st.one_of(ANYTHING, SYMBOLS))
def test_a_corrected_line_has_one_problem_less(text: str) -> None:
    """A button never brings the same complaint again."""
    problem = create(text)
    better = getattr(problem, "better", "")
    if better:
        assert create(better.removeprefix("/code create")) != problem


MODELS = st.builds(
    Create,
    code=st.text("abcXYZ019-_.「」”\"'‘’ =é日", min_size=1, max_size=20).filter(lambda text: text == text.strip()),
    group=st.integers(1, 10**9),
    rewards=st.lists(st.integers(1, 10**9), max_size=4).map(tuple),
    n=st.integers(1, 2000),
    until=st.one_of(st.none(), st.dates(date(2000, 1, 1), date(2100, 12, 31))),
    kind=st.sampled_from(["good", "bad"]),
    dry=st.booleans(),
)


@given(MODELS)
def test_a_model_survives_being_written_and_read(model: Create) -> None:
    """What a button says is exactly what was meant."""
    if all(any(ch in model.code for ch in pair) for pair in ('"＂', '“”"', "「」", "『』")):
        return  # Nothing can hold all quotes at once.
    assert create(arguments.line_of("code create", model).removeprefix("/code create")) == model


@given(MODELS)
def test_a_model_survives_being_stored(model: Create) -> None:
    """A confirmation holds the exact arguments."""
    assert Create.model_validate(model.model_dump(mode="json")) == model


@given(
    st.timedeltas(timedelta(minutes=1), timedelta(days=400)).map(lambda t: timedelta(minutes=t // timedelta(minutes=1)))
)
def test_a_duration_survives_being_written(value: timedelta) -> None:
    """In the unit that suits it."""
    model = Everything(customer="last", for_=value)

    assert Everything.model_validate(model.model_dump(mode="json")) == model


# ── what the trail holds ─────────────────────────────────────────────────────────────────────


def test_codes_and_secrets_do_not_reach_the_trail() -> None:
    """A code is masked, a secret is not there, a phone in a sentence is taken out."""
    made = everything('last reason="call 0912-345-678 about SUMMER-7K3M-Q9TD and R-7F3K9M" secret=abc')
    assert isinstance(made, Everything)

    line = scrubbing.audited_line("all", made)

    assert line == '/all last reason="call ••• about SUMM••••TD and R-7F3K9M" secret=•••'


@pytest.mark.parametrize(
    "phone",
    [
        "0912345678",
        "0912 345 678",
        "+886912345678",
        "+84 90 123 4567",
        "(02) 2345-6789",
        "４１１１１１１１１１１１１１１１",
        "電話0912345678補發",
        "卡號1234567890123456",
        "打給0912-345-678",
        "call_0912345678",
        "0912/345/678",
    ],
)
def test_numbers_of_phones_and_cards_are_taken_out(phone: str) -> None:
    """However they are written."""
    assert not any(ch.isdigit() for ch in scrubbing.scrubbed(f"call {phone} now"))


@pytest.mark.parametrize(
    "text", ["C-8F3K2M", "until 2026-12-31", "到2026/12/31為止", "n=300", "reason 5 of 10", "客人說太晚"]
)
def test_ordinary_words_stay(text: str) -> None:
    """References, dates and small numbers are no secrets."""
    assert scrubbing.scrubbed(text) == text


def test_a_mistake_in_a_model_is_noticed_at_once() -> None:
    """An argument without its marker, and a greedy one that is not the last."""
    with pytest.raises(TypeError, match="needs one of"):

        class Unmarked(Arguments):
            code: str

    with pytest.raises(TypeError, match="only the last"):

        class Greedy(Arguments):
            words: Annotated[tuple[str, ...], Positional("words")] = ()
            more: Annotated[str, Positional("more")] = ""


@pytest.mark.parametrize(
    ("day", "kind", "limit"), [("9999-12-31", "too_much", "2100-12-31"), ("0001-01-01", "too_little", "2000-01-01")]
)
def test_a_day_that_no_calendar_needs_is_taught(day: str, kind: str, limit: str) -> None:
    """The day after the last one, or the first one elsewhere, could not be told."""
    problem = create(f"X group=5 until={day}")

    assert isinstance(problem, reading.Wrong)
    assert (problem.kind, problem.limit) == (kind, limit)

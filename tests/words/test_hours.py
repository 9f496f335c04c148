"""Opening hours: how operators write them, what is open when, and how customers read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.i18n import load_translators
from bot.understanding.hours import EXAMPLE, Hours, parse, read, said

TAIPEI = ZoneInfo("Asia/Taipei")
LANGUAGES = load_translators(TAIPEI)
ZH, EN = LANGUAGES["zh_Hant_TW"], LANGUAGES["en"]
DAY = 24 * 60
MINUTE = timedelta(minutes=1)
ALWAYS = "daily 00:00-24:00"


def hours(text: str, zone: ZoneInfo = TAIPEI) -> Hours:
    found = parse(text, zone)
    assert found is not None, text
    return found


def at(day: int, clock: str, zone: ZoneInfo = TAIPEI) -> datetime:
    """A moment of the week that begins on Monday, 30 November 2026, as the clock on the wall shows it."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 11, 30, hour, minute, tzinfo=zone) + timedelta(days=day)


# What is understood.


@pytest.mark.parametrize(
    ("written", "en", "zh"),
    [
        ("Mon-Fri 10:00-18:00", "Mon–Fri 10:00–18:00", "週一至週五 10:00–18:00"),
        ("Mon-Fri 10:00-18:00, Sat 10:00-14:00", "Mon–Fri 10:00–18:00; Sat 10:00–14:00",
         "週一至週五 10:00–18:00；週六 10:00–14:00"),
        ("Mon-Fri 10:00-12:00 13:00-18:00", "Mon–Fri 10:00–12:00, 13:00–18:00", "週一至週五 10:00–12:00、13:00–18:00"),
        ("Mon-Fri 13:00-18:00, Mon-Fri 10:00-12:00", "Mon–Fri 10:00–12:00, 13:00–18:00",
         "週一至週五 10:00–12:00、13:00–18:00"),
        ("daily 09:00-21:00", "Daily 09:00–21:00", "每天 09:00–21:00"),
        ("Every day 9:00 to 21:00", "Daily 09:00–21:00", "每天 09:00–21:00"),
        ("Mon,Wed,Fri 10:00-18:00", "Mon, Wed, Fri 10:00–18:00", "週一、週三、週五 10:00–18:00"),
        ("Fri 18:00-02:00", "Fri 18:00–02:00", "週五 18:00–02:00"),
        ("Fri 18:00-00:00", "Fri 18:00–24:00", "週五 18:00–24:00"),
        ("Sat - Sun: 00:00-24:00", "Sat, Sun 00:00–24:00", "週六、週日 00:00–24:00"),
        ("Wednesday to Monday 11:00-20:00", "Mon, Wed–Sun 11:00–20:00", "週一、週三至週日 11:00–20:00"),
        ("daily 11:00-20:00, Tue closed", "Mon, Wed–Sun 11:00–20:00", "週一、週三至週日 11:00–20:00"),
        ("weekdays 10:00-18:00; weekends 12:00-16:00", "Mon–Fri 10:00–18:00; Sat, Sun 12:00–16:00",
         "週一至週五 10:00–18:00；週六、週日 12:00–16:00"),
        ("週一至週五 10:00–18:00", "Mon–Fri 10:00–18:00", "週一至週五 10:00–18:00"),
        ("一~五 10:00～18:00", "Mon–Fri 10:00–18:00", "週一至週五 10:00–18:00"),
        ("星期一到星期五：１０：００－１８：００", "Mon–Fri 10:00–18:00", "週一至週五 10:00–18:00"),
        ("周一、三、五 10:00至18:00，六日 11:00-17:00", "Mon, Wed, Fri 10:00–18:00; Sat, Sun 11:00–17:00",
         "週一、週三、週五 10:00–18:00；週六、週日 11:00–17:00"),
        ("每天 11:00－20:00，週二公休", "Mon, Wed–Sun 11:00–20:00", "週一、週三至週日 11:00–20:00"),
        ("TUES — THURS 09:30 − 17:45", "Tue–Thu 09:30–17:45", "週二至週四 09:30–17:45"),
    ],
)  # fmt: skip
def test_hours_are_read_as_people_write_them_and_shown_in_each_language(written: str, en: str, zh: str) -> None:
    """English and Chinese days, any dash, any width, a break at noon, past midnight."""
    known = hours(written)

    assert known.shown(EN) == en
    assert known.shown(ZH) == zh


@pytest.mark.parametrize(
    "written",
    [
        "", "ask us", "10:00-18:00", "Mon-Fri", "Mon-Fri 10:00", "Mon-Fri 10-6", "Mon-Fri 10am-6pm", "Mon closed",
        "Mon-Fri 10:00-18:00, Sat", "Mon-Fri 10:00-18:00 (not on holidays)", "週一至週五 10:00–18:00 國定假日休息",
        "Mon 10:00-10:00", "Mon 24:00-02:00", "Mon 10:00-24:30", "Mon 10:60-18:00", "Mon 10:00-18:000",
        "Money 10:00-18:00",
        "closed 10:00-18:00", "10:00-18:00 Mon", "Mon-Fri 10:00-18:00 closed", "Mon 10:00-18:00-20:00", "x" * 600,
        "Mon 10:00-18:00 " + " " * 500,
    ],
)  # fmt: skip
def test_what_is_not_clear_is_not_guessed(written: str) -> None:
    """Without days, without an end, with words beside it: a wrong hour sends somebody to a closed door."""
    assert parse(written, TAIPEI) is None


@pytest.mark.parametrize(
    "written",
    ["daily 09:00-21:00, Sun 10:00-18:00", "Fri 18:00-02:00, Sat 01:00-05:00", "Sun 20:00-03:00, Mon 02:00-04:00"],
)
def test_hours_that_contradict_each_other_are_none(written: str) -> None:
    """Also those that meet after midnight, and at the end of the week."""
    assert parse(written, TAIPEI) is None


def test_a_setting_that_cannot_be_read_stays_its_text() -> None:
    """And is shown as it is, in every language."""
    assert read(" by appointment ", TAIPEI) == said("by appointment", ZH) == "by appointment"
    assert read("", TAIPEI) == ""
    assert said(read(EXAMPLE, TAIPEI), ZH) == "週一至週五 10:00–12:00、13:00–18:00；週六 10:00–14:00"


# What is open when.


@pytest.mark.parametrize(
    ("day", "clock", "is_open", "closing", "opening"),
    [
        (0, "09:59", False, None, (0, "10:00")),
        (0, "10:00", True, (0, "12:00"), (0, "13:00")),
        (0, "12:00", False, None, (0, "13:00")),
        (0, "17:59", True, (0, "18:00"), (1, "10:00")),
        (4, "18:00", False, None, (5, "18:00")),
        (5, "23:00", True, (6, "02:00"), (7, "10:00")),
        (6, "01:59", True, (6, "02:00"), (7, "10:00")),
        (6, "02:00", False, None, (7, "10:00")),
    ],
)
def test_a_week_with_a_break_at_noon_and_a_night(
    day: int, clock: str, is_open: bool, closing: tuple[int, str] | None, opening: tuple[int, str]
) -> None:
    """Open from the first minute on, closed from the last one on."""
    known = hours("Mon-Fri 10:00-12:00 13:00-18:00, Sat 18:00-02:00")
    moment = at(day, clock).astimezone(UTC)

    assert known.open_at(moment) is is_open
    assert known.closing(moment) == (at(*closing) if closing else None)
    assert known.next_opening(moment) == at(*opening)


def test_the_brands_clock_decides() -> None:
    """Ten in the morning in Taipei is two in Greenwich."""
    assert hours("Mon 10:00-11:00").open_at(datetime(2026, 11, 30, 2, 30, tzinfo=UTC))
    assert not hours("Mon 10:00-11:00").open_at(datetime(2026, 11, 30, 10, 30, tzinfo=UTC))


def test_what_goes_on_after_midnight_does_not_close_at_midnight() -> None:
    """Nor does what is opened anew in the minute it closes."""
    known = hours("Fri 18:00-24:00, Sat 00:00-02:00 02:00-03:00")

    assert known.closing(at(4, "20:00")) == at(5, "03:00")
    assert known.next_opening(at(4, "20:00")) == at(11, "18:00")


def test_a_shop_that_never_closes_neither_closes_nor_opens() -> None:
    """It is simply open."""
    known = hours(ALWAYS)

    assert known.open_at(at(2, "03:00"))
    assert known.closing(at(2, "03:00")) is None
    assert known.next_opening(at(2, "03:00")) is None


def test_a_shop_that_closes_once_a_week_says_when() -> None:
    """Its six days are not for ever."""
    known = hours("daily 00:00-24:00, Sun closed")

    assert known.closing(at(0, "00:00")) == at(6, "00:00")
    assert known.next_opening(at(0, "00:00")) == at(7, "00:00")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Lord_Howe"])
def test_summer_time_moves_the_hours_with_the_clock_on_the_wall(zone: str) -> None:
    """Ten o'clock is ten o'clock on both sides, and around the clock has no gap."""
    there = ZoneInfo(zone)
    known, always = hours("daily 10:00-18:00", there), hours(ALWAYS, there)
    moment = datetime(2026, 1, 1, 9, tzinfo=there).astimezone(UTC)
    for _ in range(365):
        opens = known.next_opening(moment)
        assert opens is not None and f"{opens.astimezone(there):%H:%M}" == "10:00"
        closes = known.closing(opens)
        assert closes is not None and f"{closes.astimezone(there):%H:%M}" == "18:00"
        assert always.closing(opens) is None and always.next_opening(opens) is None
        moment = opens
    assert f"{moment.astimezone(there):%Y-%m-%d}" == "2026-12-31"


def test_an_hour_that_summer_time_leaves_out_is_never_open() -> None:
    """There is no such time on that day; nothing breaks for it."""
    berlin = ZoneInfo("Europe/Berlin")
    known = hours("Sun 02:30-03:00", berlin)
    before = datetime(2026, 3, 28, 12, tzinfo=berlin)

    opens = known.next_opening(before)

    assert opens is not None and opens == datetime(2026, 4, 5, 2, 30, tzinfo=berlin)


# What always holds.

zones = st.sampled_from([TAIPEI, ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu")])
moments = st.integers(0, 6 * 365 * DAY).map(lambda minutes: datetime(2024, 1, 1, tzinfo=UTC) + minutes * MINUTE)


@st.composite
def weeks(draw: st.DrawFn, zones: st.SearchStrategy[ZoneInfo] = zones) -> Hours:
    """Any week that can be written down: at most three spans a day, the last one perhaps past midnight."""
    week = []
    for _ in range(7):
        marks = sorted(draw(st.lists(st.integers(0, DAY), max_size=6, unique=True)))
        week.append(tuple(zip(marks[::2], marks[1::2], strict=False)))
    night = draw(st.integers(0, 6))
    if draw(st.booleans()) and week[night]:
        *rest, (start, _) = week[night]
        first = min((span[0] for span in week[(night + 1) % 7]), default=DAY)
        week[night] = (*rest, (start, DAY + draw(st.integers(0, max(0, min(first, start) - 1)))))
    assume(any(week))
    return Hours(tuple(week), draw(zones))


@given(weeks(st.just(TAIPEI)), st.sampled_from(sorted(LANGUAGES)))
def test_what_is_shown_can_be_read_again(known: Hours, tag: str) -> None:
    """Copied from the chat into the settings it means the same."""
    assert parse(known.shown(LANGUAGES[tag]), TAIPEI) == known


@given(weeks(st.just(TAIPEI)), moments)
def test_it_is_open_in_the_minutes_of_its_spans_and_in_no_others(known: Hours, moment: datetime) -> None:
    """Compared with a plain table of all minutes of the week."""
    minutes = {
        (day * DAY + minute) % (7 * DAY)
        for day, spans in enumerate(known.week)
        for start, end in spans
        for minute in range(start, end)
    }
    there = moment.astimezone(TAIPEI)

    assert known.open_at(moment) is (there.weekday() * DAY + there.hour * 60 + there.minute in minutes)


@given(weeks(), moments)
def test_opening_and_closing_are_where_it_changes(known: Hours, moment: datetime) -> None:
    """In every zone, in summer and winter: closed just before it opens, open until just before it closes."""
    opens, closes = known.next_opening(moment), known.closing(moment)
    if opens is not None:
        assert moment < opens < moment + timedelta(days=8)
        assert known.open_at(opens) and not known.open_at(opens - timedelta(microseconds=1))
    if closes is not None:
        assert known.open_at(moment) and moment < closes
        assert known.open_at(closes - timedelta(microseconds=1)) and not known.open_at(closes)
        assert opens is None or closes < opens
    if not known.open_at(moment):
        assert closes is None and opens is not None
        assert not any(known.open_at(moment + (opens - moment) * part / 50) for part in range(50))


@given(weeks(st.just(TAIPEI)))
def test_dashes_widths_and_case_do_not_matter(known: Hours) -> None:
    """Whatever a keyboard or a word processor makes of them."""
    shown = known.shown(EN)
    wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in shown)

    for variant in (
        wide,
        shown.upper(),
        shown.replace("–", " ~ "),
        shown.replace("–", "—"),
        shown.replace(" ", "\u3000"),
    ):
        assert parse(variant, TAIPEI) == known


@given(st.text() | st.text(alphabet="0123456789:-–~ ,;週一至五日每天休MonFrisuclse", max_size=40))
def test_reading_is_total(text: str) -> None:
    """A setting may hold anything; what is read can be shown and asked."""
    known = read(text, TAIPEI)

    if isinstance(known, Hours):
        assert parse(known.shown(EN), TAIPEI) == known
    else:
        assert said(known, EN) == known == text.strip()

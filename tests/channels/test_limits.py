"""Text cleaned, measured and cut; addresses checked; times read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.limits import (
    address,
    clean,
    graphemes,
    moment,
    one_line,
    pieces,
    shorten,
    shorten_label,
    telephone,
    utf16,
)

FAMILY = "👨‍👩‍👧"
EXAMPLE = f"兌換成功🎁{FAMILY}🇹🇼"

HOSTILE = st.text(max_size=300) | st.text(alphabet=f"a 字\n\u0301{FAMILY}🇹🇼\u202e\u200b", max_size=300)
fast = settings(derandomize=True, max_examples=100, deadline=None)


def test_lengths_are_those_of_the_platforms() -> None:
    """Twelve code points, eighteen UTF-16 units, seven characters as people count."""
    assert (len(EXAMPLE), utf16(EXAMPLE), graphemes(EXAMPLE)) == (12, 18, 7)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  hi\t there\r\nyou ", "hi  there\nyou"),
        ("a\x00b\x1bc", "abc"),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
        ("a\u2028b\u2029c\x0bd\x85e", "a\nb\nc\nd\ne"),
        ("half \ud83d", "half"),
        ("\ufeffbom", "bom"),
        (FAMILY, FAMILY),
        ("\u200b\u200d \u0301", ""),
        (" \n\t\u3000", ""),
        ("", ""),
    ],
)
def test_what_no_platform_should_be_sent_is_left_out(text: str, cleaned: str) -> None:
    """Families stay together; what only looks empty is empty."""
    assert clean(text) == cleaned


def test_one_line_is_one_line() -> None:
    """Spaces of all kinds become one."""
    assert one_line(" a\n\n b\u3000\u202fc ") == "a b c"


@pytest.mark.parametrize(
    ("text", "units", "cut"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("兌換成功了", 5, "兌換成功了"),
        (f"ab{FAMILY}", 5, "ab…"),
        (f"{FAMILY}{FAMILY}", 9, f"{FAMILY}…"),
        (FAMILY, 5, "…"),
        ("one two", 5, "one…"),
    ],
)
def test_texts_are_cut_between_characters(text: str, units: int, cut: str) -> None:
    """An emoji is never halved, and a cut shows."""
    assert shorten(text, units) == cut


def test_labels_are_cut_by_what_people_count() -> None:
    """A flag is one character; a tower of accents is one too, but no label."""
    assert shorten_label("🇹🇼" * 5, 5) == "🇹🇼" * 2 + "…"
    assert shorten_label("🎁" * 20, 20) == "🎁" * 20
    assert shorten_label("兌換" * 11, 20) == "兌換" * 9 + "兌…"
    assert utf16(shorten_label("a" + "\u0301" * 500, 20)) <= 40


@fast
@given(HOSTILE, st.integers(1, 50))
def test_a_cut_text_fits(text: str, limit: int) -> None:
    """In both ways of counting, and it says something when the text did."""
    text = clean(text)
    label = shorten_label(text, limit)

    assert utf16(shorten(text, limit)) <= limit
    assert graphemes(label) <= limit
    assert bool(shorten(text, limit)) == bool(label) == bool(text)


@fast
@given(HOSTILE, st.integers(2, 50))
def test_pieces_lose_nothing_but_spaces(text: str, limit: int) -> None:
    """Every part fits and says something."""
    text = clean(text)
    parts = pieces(text, limit)

    assert all(part and utf16(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_pieces_break_at_lines_then_words() -> None:
    """Where people would."""
    assert pieces("one two\nthree four", 12) == ["one two", "three four"]
    assert pieces("one two three", 10) == ["one two", "three"]
    assert pieces("", 10) == []


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://example.com/a?b=c#d", "https://example.com/a?b=c#d"),
        (
            "https://Example.com/禮品 卡?q=咖啡",
            "https://example.com/%E7%A6%AE%E5%93%81%20%E5%8D%A1?q=%E5%92%96%E5%95%A1",
        ),
        ("https://example.com/a%20b%zz", "https://example.com/a%20b%25zz"),
        ("https://禮品.tw/", "https://xn--jvr327f.tw/"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("http://example.com/", None),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("//example.com/x", None),
        ("https://", None),
        ("https://user:secret@example.com/", None),
        ("https://exa mple.com/", None),
        ("https://example.com\\@evil.com/", None),
        ("https://[::1/", None),
        ("https://..", None),
        ("https://a\u202eb.com/", None),
        ("https://example.com/" + "字" * 300, None),
        ("", None),
    ],
)
def test_only_safe_addresses_survive(url: str, safe: str | None) -> None:
    """https with a host, percent-encoded, not too long."""
    assert address(url, 1000) == safe


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("tel:+886-912-345-678", True),
        ("tel:110", True),
        ("tel:", False),
        ("tel:1 2", False),
        ("sms:1", False),
    ],
)
def test_telephone_addresses(url: str, kept: bool) -> None:
    """Digits and hyphens."""
    assert (telephone(url) == url) is kept


@pytest.mark.parametrize(
    "timestamp",
    [1_793_000_000, 1_793_000_000_000, "1793000000", "1793000000000", 1_793_000_000.0, 1_793_000_000_000.0],
)
def test_times_in_seconds_and_in_milliseconds_are_told_apart(timestamp: Any) -> None:
    """Meta's own sample of a postback has seconds."""
    assert moment(timestamp) == datetime(2026, 10, 26, 7, 33, 20, tzinfo=UTC)


ABSURD: list[object] = [
    None, "", "soon", "1793000000.5.1", [], {}, True, False, 0, -5, -1_793_000_000_000, 1, 86_400, 10**30, -(10**30),
    "9" * 5000, float("nan"), float("inf"), -0.5, 10**17,
]  # fmt: skip


@pytest.mark.parametrize("timestamp", ABSURD, ids=lambda value: repr(value)[:20])
def test_a_time_that_cannot_be_one_counts_as_now(timestamp: Any) -> None:
    """No customer goes unanswered for it."""
    assert abs((datetime.now(UTC) - moment(timestamp)).total_seconds()) < 60


@fast
@given(st.integers() | st.floats() | st.text(max_size=40) | st.booleans() | st.none())
def test_reading_a_time_never_raises(timestamp: Any) -> None:
    """Whatever it is, the result is a moment of our time."""
    assert moment(timestamp) >= datetime(2010, 1, 1, tzinfo=UTC)

"""Emoji and mentions in LINE's texts: what LINE marks is cut out, whatever the marks are."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.limits import utf16
from bot.channels.line.spans import without_spans

fast = settings(derandomize=True, max_examples=200, deadline=None)
HALF = re.compile("[\ud800-\udfff]")


@pytest.mark.parametrize(
    ("text", "spans", "left"),
    [
        ("WELCOME2026(love)", [(11, 6)], "WELCOME2026 "),
        ("@Held Out /status", [(0, 9)], "  /status"),
        ("@Held Out/status", [(0, 9)], " /status"),
        ("(love)", [(0, 6)], " "),
        ("a(x)b(y)c", [(5, 3), (1, 3)], "a b c"),
        ("a(x)(y)c", [(1, 3), (4, 3)], "a c"),
        ("🎁🎁(love)碼", [(4, 6)], "🎁🎁 碼"),
        ("🎁碼", [(0, 1)], " 碼"),
        ("🎁碼", [(1, 1)], " 碼"),
        ("🎁碼", [(1, 2)], " "),
        ("碼🎁", [(0, 1)], " 🎁"),
        ("abc", [], "abc"),
        ("abc", [(3, 5)], "abc"),
        ("abc", [(2, 500)], "ab "),
        ("abc", [(10**30, 1), (0, 10**30)], " "),
        ("abc", [(-1, 2), (0, -2), (0, 0), (1, 0)], "abc"),
        ("abc", [(0, 2), (1, 1), (1, 2)], " "),
        ("abcdef", [(0, 2), (0, 4), (5, 1)], " e "),
        ("abc", [("0", 1), (0, "1"), (True, 1), (1, True), (None, 1), (0, None), (0.0, 1.0), ([], {})], "abc"),
        ("", [(0, 1)], ""),
    ],
)
def test_a_blank_stands_where_a_span_was(text: str, spans: list[tuple[Any, Any]], left: str) -> None:
    """Counted as LINE counts; what is no span of the text changes nothing."""
    assert without_spans(text, spans) == left


ODD = st.integers(-5, 40) | st.integers() | st.booleans() | st.text(max_size=3) | st.none() | st.floats()
SPANS = st.lists(st.tuples(ODD, ODD), max_size=8)
TEXTS = st.text(max_size=40) | st.text(alphabet="ab 碼🎁\u200d\ud83c\udf81", max_size=40)


@fast
@given(TEXTS, SPANS)
def test_any_span_of_any_text(text: str, spans: list[tuple[Any, Any]]) -> None:
    """Never an error, never longer, no half of a character that was not there, nothing in another order."""
    left = without_spans(text, spans)

    assert len(left) <= len(text)
    assert utf16(left) <= utf16(text)
    assert len(HALF.findall(left)) <= len(HALF.findall(text))
    rest = iter(text)
    assert all(character == " " or character in rest for character in left)


@fast
@given(st.lists(st.tuples(st.sampled_from(["碼", "🎁", "ab", "👨\u200d👩\u200d👧", "é"]), st.booleans()), max_size=12))
def test_exactly_the_marked_parts_go(parts: list[tuple[str, bool]]) -> None:
    """Whatever stands before them."""
    spans, at = [], 0
    for part, emoji in parts:
        if emoji:
            spans.append((at, utf16(part)))
        at += utf16(part)
    expected = "".join(" " if emoji else part for part, emoji in parts)

    assert without_spans("".join(part for part, _ in parts), spans) == re.sub(" +", " ", expected)


def test_ten_thousand_spans_take_no_time() -> None:
    """Nor does a text of the longest kind."""
    text, spans = "🎁碼" * 2500, [(number % 9000, 7) for number in range(10_000)]
    began = time.process_time()
    without_spans(text, spans)

    assert time.process_time() - began < 1

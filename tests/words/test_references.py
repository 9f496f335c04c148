"""References: one reading for all of them, however they are typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.storage.symbols import SYMBOLS
from bot.understanding import references
from bot.understanding.references import Found

WORDS = ("receipt", "receipt number", "ref", "收據", "收據編號")
DASHES = ["-", "–", "—", "‐", "‑", "−", "－", "ー", "_", "", " ", " - ", "--", "\u200b-"]
AROUND = ["", " ", ".", "。", "!", "！", "?", "，", ",", "…", ")", "」", " 👍", "🙏🏻", "❤️", "～", "\ufeff", "\u200d"]


@pytest.mark.parametrize(
    "typed",
    [
        "R-AQA94N",
        "R–AQA94N",
        "R—AQA94N",
        "R−AQA94N",
        "R-AQA94N.",
        "R-AQA94N。",
        "「R-AQA94N」",
        "(R-AQA94N)",
        "#R-AQA94N",
        "RAQA94N",
        "raqa94n",
        "ｒ－ａｑａ９４ｎ",
        "R - AQA94N",
        "R AQA94N",
        "R-AQA 94N",
        "R-AQA\u200b94N",
        "R-\u2060AQA94N",
        "R-AQA94N 👍",
        "👉R-AQA94N",
        "R_AQA94N",
        "R-A-Q-A-9-4-N",
    ],
)
def test_a_reference_is_read_however_it_is_typed(typed: str) -> None:
    """As it is read out, copied from a sentence, or typed on a phone."""
    assert references.read(typed) == "R-AQA94N"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("R-8FOILX", "R-8F011X"),
        ("c-olio23", "C-011023"),
        ("J-l2", "J-12"),
        ("j12", "J-12"),
        ("Ｊ－１Ｏ", "J-10"),
        ("J – 12。", "J-12"),
        ("a7f3k9m", "A-7F3K9M"),
    ],
)
def test_what_is_heard_for_a_digit_is_the_digit(typed: str, meant: str) -> None:
    """O, I and L are in no reference."""
    assert references.read(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "R",
        "R-",
        "R-AQA94",
        "R-AQA94NX",
        "X-AQA94N",
        "R-AQU94N",
        "J-0",
        "J-012",
        "J-",
        "last",
        "R.AQA94N",
        "-" * 500,
    ],
)
def test_what_is_none_is_none(typed: str) -> None:
    """Too short, too long, another letter, a symbol that we never draw."""
    assert references.read(typed) is None


def test_only_the_kinds_that_are_asked_for_are_read() -> None:
    """A job is no customer."""
    assert references.read("J-12", "CR") is None
    assert references.read("C-8F3K2M", "R") is None


@given(
    st.sampled_from("CRA"),
    st.text(SYMBOLS, min_size=6, max_size=6),
    st.sampled_from(DASHES),
    st.sampled_from(AROUND),
    st.sampled_from(AROUND),
    st.booleans(),
)
def test_every_reference_survives_being_typed(
    kind: str, body: str, dash: str, before: str, after: str, small: bool
) -> None:
    """Whatever stands in it and around it."""
    typed = f"{before}{kind}{dash}{body}{after}"

    assert references.read(typed.lower() if small else typed) == f"{kind}-{body}"


@given(st.text(max_size=60))
def test_no_text_makes_it_fail(text: str) -> None:
    """And what is read reads back."""
    found = references.read(text)
    assert found is None or references.read(found) == found
    references.receipt_in(text, WORDS)


# ── customers ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        ("R-7F3K9M", True),
        ("my receipt is R-7F3K9M!", True),
        ("收據 r–7f3k9m 在哪", True),
        ("收據：Ｒ－７Ｆ３Ｋ９Ｍ。", True),
        ("R - 7F3K9M", False),
        ("R7F3K9M", False),
        ("r7f3k9m 🙏", False),
        ("收據R7F3K9M", False),
        ("receipt number: r7f3k9m", False),
        ("ref R 7F3K9M", False),
    ],
)
def test_a_receipt_is_found_in_a_message(text: str, certain: bool) -> None:
    """With its dash anywhere; without one alone, or after a word that says what it is."""
    assert references.receipt_in(text, WORDS) == Found("R-7F3K9M", certain)


@pytest.mark.parametrize(
    "text",
    [
        "redeem R7F3K9M",
        "兌換 R7F3K9M",
        "R7F3K9M SPRING77",
        "SUMMER-R-7F3K9M",
        "R-7F3K9M-2026",
        "the reference of my receipt is, I think, R-7F3K9M",
        "brief R7F3K9MX",
    ],
)
def test_what_may_be_a_code_is_left_to_the_codes(text: str) -> None:
    """A code in a sentence, a part of a longer run, a whole story."""
    assert references.receipt_in(text, WORDS) is None

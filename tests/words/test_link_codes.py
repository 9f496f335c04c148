"""Link codes and phone numbers, as people type them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.services.linking import is_bare_code, masked, parse_phone, read_code, reads_like_phone
from bot.services.sealing import Sealer
from bot.storage.symbols import SYMBOLS

CODES = st.text(SYMBOLS, min_size=8, max_size=8)


@pytest.mark.parametrize(
    "typed",
    [
        "K7PQ4M2X",
        "k7pq4m2x",
        "K7PQ-4M2X",
        "k7pq 4m2x",
        "Ｋ７ＰＱ－４Ｍ２Ｘ",
        " K7PQ – 4M2X ",
        "k 7 p q 4 m 2 x",
        "K7PQ 4M2X 謝謝",
        "k7pq4m2x please",
        "k7pq4m2x QQ",
        "QQ k7pq 4m2x",
    ],
)
def test_a_link_code_is_read_however_it_is_typed(typed: str) -> None:
    """Case, width, blanks, dashes and courtesies make no difference."""
    assert read_code(typed) == "K7PQ4M2X"


def test_what_looks_alike_in_crockfords_alphabet_is_the_same() -> None:
    """O is 0, I and L are 1: codes are read out at a counter."""
    assert read_code("OIL0-IL1O") == "01101110"


@pytest.mark.parametrize("typed", ["", "K7PQ4M2", "K7PQ4M2X9", "K7PQ-4M2U", "K7PQ 4M2", "謝謝", "K7PQ4 M2X9"])
def test_what_has_not_eight_of_its_symbols_is_no_link_code(typed: str) -> None:
    """There is no U among them either."""
    assert read_code(typed) is None


@given(CODES, st.lists(st.integers(0, 8), max_size=3))
@example("000000QQ", [6])
@example("TT00XDQQ", [2, 4, 6])
@example("QQTTXDQQ", [2, 4, 6])
def test_blanks_anywhere_change_nothing(code: str, blanks: list[int]) -> None:
    """Whatever code was issued."""
    typed = code
    for place in sorted(blanks, reverse=True):
        typed = f"{typed[:place]} {typed[place:]}"

    assert read_code(typed) == read_code(code) == code
    assert is_bare_code(typed)


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    """Nothing that people paste makes reading fail."""
    read_code(text)
    is_bare_code(text)
    reads_like_phone(text, "TW")


@pytest.mark.parametrize(
    "text", ["K7PQ4M2X please", "WELCOME2026", "我的 K7PQ4M2X", "K7PQ4M2", "hello you", "K7PQ:4M2X"]
)
def test_only_a_code_alone_is_bare(text: str) -> None:
    """Everything else is read as it was before there were link codes."""
    assert not is_bare_code(text)


@pytest.mark.parametrize(
    "typed",
    [
        "0912345678",
        "0912-345-678",
        "0912 345 678",
        "(09)12345678",
        "０９１２３４５６７８",
        "+886 912 345 678",
        "+886912345678",
        "+886-(0)912-345678",
        "886912345678",
        "912345678",
        "02-2345-6789",
        "+84 903 123 456",
        "0900000000",
    ],
)
def test_a_phone_number_is_noticed_in_any_spelling(typed: str) -> None:
    """Also one that nobody has."""
    assert reads_like_phone(typed, "TW")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20261120",
        "2026-11-20",
        "12345678",
        "2026112",
        "1234567890",
        "0912",
        "K7PQ4M2X",
        "WELCOME2026",
        "0912345678 王小明",
        "打 0912345678",
        "R-7F3K9M",
        "+1",
        "()",
    ],
)
def test_other_digits_are_no_phone_number(text: str) -> None:
    """Dates, short numbers, codes, and numbers inside a sentence."""
    assert not reads_like_phone(text, "TW")


@pytest.mark.parametrize(
    ("typed", "region", "number"),
    [
        ("0912-345-678", "TW", "886912345678"),
        ("０９１２３４５６７８", "TW", "886912345678"),
        ("+886 912 345 678", "VN", "886912345678"),
        ("0903 123 456", "VN", "84903123456"),
        ("+84 903 123 456", "TW", "84903123456"),
        ("0812345678", "TW", None),
        ("12345", "TW", None),
        ("hello", "TW", None),
    ],
)
def test_a_number_is_understood_where_it_is_from(typed: str, region: str, number: str | None) -> None:
    """E.164 without the plus, as Altegio wants it."""
    assert parse_phone(typed, region) == number


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("886912345678", "09••-•••-678"),
        ("886223456789", "+886 •••••• 789"),
        ("84903123456", "+84 •••••• 456"),
        ("12025550100", "+1 •••••• 100"),
    ],
)
def test_a_phone_is_shown_by_its_last_three_digits(phone: str, shown: str) -> None:
    """Enough for its owner."""
    assert masked(phone) == shown


def test_what_is_sealed_is_read_with_the_same_key_only() -> None:
    """Somebody with a copy of the database, or after SECRET_KEY was changed, reads nothing; twice is never the same."""
    sealer = Sealer(b"key")
    sealed = sealer.seal("886912345678")

    assert sealer.open(sealed) == Sealer(b"key").open(sealed) == "886912345678"
    assert Sealer(b"another").open(sealed) is None
    assert sealer.open(sealed[:-1]) is sealer.open(b"") is None
    assert sealer.seal("886912345678") != sealed
    assert b"912345678" not in sealed

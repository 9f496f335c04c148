"""Reading codes out of what people type."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.codes import Found, answer, canonical, clean, find, masked, spellings

WORDS = sorted(
    ["兌換", "兌換碼", "序號", "輸入序號", "領獎", "redeem", "redeem code", "code", "promo"], key=len, reverse=True
)

SAID = Found((), deliberate=False)


def deliberate(*codes: str) -> Found:
    return Found(codes, deliberate=True)


def seen(*codes: str) -> Found:
    return Found(codes, deliberate=False)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # After a keyword.
        ("兌換 abcd1234", deliberate("abcd1234")),
        ("兌換abcd1234", deliberate("abcd1234")),
        ("兌換：abcd1234", deliberate("abcd1234")),
        ("兌換碼是ＡＢＣＤ１２３４", deliberate("ABCD1234")),
        ("我的兌換碼為 ABCD1234。", deliberate("ABCD1234")),
        ("redeem: ABCD-1234", deliberate("ABCD-1234")),
        ("REDEEM ABCD-1234!", deliberate("ABCD-1234")),
        ("redeem code ABCD-1234", deliberate("ABCD-1234")),
        ("my code is ABCD-1234, thanks", deliberate("ABCD-1234")),
        ("promo => ABCD1234", deliberate("ABCD1234")),
        ("兌換 abcd 1234", deliberate("abcd 1234")),
        ("redeem 1234 abcd", deliberate("1234 abcd")),
        ("我要兌換 abcd 1234 謝謝", deliberate("abcd 1234")),
        ("請問\n兌換 abcd1234\n可以嗎", deliberate("abcd1234")),
        ("兌換 SUMMER", deliberate("SUMMER")),
        ("redeem A1B2C3D4 E5F6G7H8", deliberate("A1B2C3D4", "E5F6G7H8")),
        # After a keyword, but no code.
        ("兌換", SAID),
        ("兌換 請問怎麼用", SAID),
        ("redeem it for me please", SAID),
        ("how to redeem a gift", SAID),
        ("code", SAID),
        ("promotion", SAID),
        ("decode ABC", SAID),
        ("兌換 0912345678", SAID),
        ("兌換 0912 345 678", SAID),
        ("redeem 0912 345 678 thanks", SAID),
        ("code 886 912 345 678", SAID),
        # On their own.
        ("ABCD1234", seen("ABCD1234")),
        ("abcd-1234-efgh", seen("abcd-1234-efgh")),
        ("abcd 1234 efgh", seen("abcd 1234 efgh")),
        ("看這個 ABCD1234 可以嗎", seen("ABCD1234")),
        ("「ABCD1234」", seen("ABCD1234")),
        ("ＡＢＣＤ－１２３４", seen("ABCD-1234")),
        ("AB\u200bCD\u206012\ufeff34", seen("ABCD1234")),
        ("ABCD—1234", seen("ABCD-1234")),
        ("ABCDー1234", seen("ABCD-1234")),
        ("AAA111 BBB222", seen("AAA111", "BBB222")),
        ("AAA111, AAA111", seen("AAA111")),
        ("AAA111\nBBB222\nCCC333\nDDD444", seen("AAA111", "BBB222", "CCC333", "DDD444")),
        # Not codes.
        ("hello", SAID),
        ("12345678", SAID),
        ("ab1", SAID),
        ("a" * 20 + "1" * 20, SAID),
        ("0912345678", SAID),
        ("0912-345-678", SAID),
        ("+886 912 345 678", SAID),
        ("+886912345678", SAID),
        ("tel 0912345678", SAID),
        ("gift card 0912 345 678", SAID),
        ("phone 0912 345678", SAID),
        ("tel 886 912 345 678", SAID),
        ("2026-11-20", SAID),
        ("2026-11-20T12", SAID),
        ("NT1000", SAID),
        ("1000NT", SAID),
        ("USD1000", SAID),
        ("21st", SAID),
        ("R-7F3K9M", SAID),
        ("C-8F3K2M", SAID),
        ("me2026@shop.example", SAID),
        ("https://shop.example/ABCD1234", SAID),
        ("www.shop2026.example", SAID),
        ("端午快樂", SAID),
        ("", SAID),
        ("🎉🎉🎉", SAID),
        ("-" * 30, SAID),
        ("A-1-", SAID),
    ],
)  # fmt: skip
def test_codes_are_found_where_people_put_them(text: str, found: Found) -> None:
    """After a word that announces one, or alone when it can hardly be anything else."""
    assert find(text, WORDS) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SPRINGGOLD", deliberate("SPRINGGOLD")),
        ("springgold", deliberate("springgold")),
        ("hey SPRINGGOLD please", deliberate("SPRINGGOLD")),
        ("ABCD1234", seen("ABCD1234")),
        ("spring", SAID),
    ],
)
def test_the_brands_pattern_makes_a_match_deliberate(text: str, found: Found) -> None:
    """In capitals or not."""
    assert find(text, WORDS, re.compile("SPRING[A-Z]{4}")) == found


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("abcd", ("abcd",)),
        ("summer", ("summer",)),
        ("12345678", ("12345678",)),
        ("abcd 1234", ("abcd 1234",)),
        ("it is ABCD1234", ("ABCD1234",)),
        ("abc", ()),
        ("什麼意思", ()),
        ("my number is 0912 345 678", ()),
        ("電話0912345678", ()),
        ("", ()),
        ("🎉", ()),
    ],
)
def test_nearly_anything_answers_the_question_for_a_code(text: str, codes: tuple[str, ...]) -> None:
    """Whoever was asked for one means one."""
    assert answer(text, WORDS) == Found(codes, deliberate=True)


@pytest.mark.parametrize(
    ("typed", "tried"),
    [
        ("ABCD1234", ["ABCD1234", "abcd1234"]),
        ("abcd1234", ["abcd1234", "ABCD1234"]),
        ("abcd-1234", ["abcd-1234", "ABCD-1234", "ABCD1234"]),
        ("abcd 1234", ["ABCD-1234", "ABCD1234", "abcd1234"]),
        ("summer7k3mq9td", ["summer7k3mq9td", "SUMMER7K3MQ9TD", "SUMMER-7K3M-Q9TD"]),
    ],
)
def test_a_code_is_looked_up_in_at_most_three_spellings(typed: str, tried: list[str]) -> None:
    """As typed first."""
    assert spellings(typed) == tried


@pytest.mark.parametrize("typed", ["abcd-1234", "ABCD1234", "abcd 1234", "AB-CD-12-34", "ab cd 12 34"])
def test_all_spellings_of_a_code_are_one_attempt(typed: str) -> None:
    """Counted by one form."""
    assert canonical(typed) == "ABCD1234"


@pytest.mark.parametrize(
    ("code", "shown"), [("WELCOME2026", "WELC••••26"), ("ABCD1234", "ABCD••••34"), ("ABC12", "A••••"), ("A", "A••••")]
)
def test_a_code_is_shown_again_only_in_part(code: str, shown: str) -> None:
    """The length is not told either."""
    assert masked(code) == shown


@given(st.text(max_size=700))
def test_reading_is_total(text: str) -> None:
    """Whatever is typed is read without an error, and what is found could be sent."""
    for found in (find(text, WORDS), answer(text, WORDS), find(text, WORDS, re.compile("X[A-Z]+"))):
        for code in found.codes:
            assert 0 < len(code) <= 255
            assert code.isprintable()
            assert 1 <= len(spellings(code)) <= 3
            assert canonical(code)


@given(st.text(alphabet="abcABC012-－—ー 　\n。，！「」\u200b\u202e兌換碼是:：,redmco", max_size=40))
def test_reading_code_like_noise_is_total(text: str) -> None:
    """The alphabet of codes, keywords and typing accidents."""
    for code in find(text, WORDS).codes:
        assert code.isascii() and code == code.strip()


@given(
    st.from_regex(r"[A-Z]{3,8}[0-9][A-Z0-9]{2,8}", fullmatch=True),
    st.sampled_from(["兌換 {}", "redeem: {}", "序號是{}"]),
)
def test_a_code_after_a_keyword_is_always_found(code: str, sentence: str) -> None:
    """Unless it is written like money."""
    if re.fullmatch(r"(NT|NTD|TWD|USD|HKD|RMB|VND)\d+", code):
        return
    assert find(sentence.format(code), WORDS) == deliberate(code)
    assert find(sentence.format(code.lower()), WORDS) == deliberate(code.lower())


@given(st.text())
def test_cleaning_leaves_nothing_invisible(text: str) -> None:
    """Neither at the edges nor inside."""
    cleaned = clean(text)

    assert cleaned == cleaned.strip()
    assert all(ch in "\n " or not ch.isspace() for ch in cleaned)
    assert not set("\u200b\u200e\u202e\ufeff\x00") & set(cleaned)

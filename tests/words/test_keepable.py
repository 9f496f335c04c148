"""What may be kept of texts that were not understood: words, and nothing that could be somebody's number or code."""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.understanding.keeping import LONGEST, keepable

DIGITS = [chr(point) for point in range(0x110000) if unicodedata.category(chr(point)) in ("Nd", "Nl", "No")]
BETWEEN = ["", " ", "  ", ".", "-", "/", " - ", "·", ",", "\u200b", "\n", "\ufe0f\u20e3", "、", "*"]
DASHES = [chr(point) for point in range(0x110000) if unicodedata.category(chr(point)) == "Pd"] + ["_", "＿", "−"]
LETTERS = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=1, max_size=8)
CHINESE = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("有什麼可以換的嗎？", "有什麼可以換的嗎?"),
        ("  where can I\n see my stuff  ", "where can I see my stuff"),
        ("I don't get it", "I don't get it"),
        ("可以換 2 張嗎", "可以換 2 張嗎"),
        ("ＱＱ 我的券不見了~", "QQ 我的券不見了~"),
        ("LINE 上的獎品在哪", "LINE 上的獎品在哪"),
        ("我\u200b要換\u202e東西", "我要換東西"),
        ("一下就好，謝謝 👍🏽", "一下就好,謝謝 👍🏽"),
        ("ช่วยด้วย", unicodedata.normalize("NFKC", "ช่วยด้วย")),
        ("x" * LONGEST, "x" * LONGEST),
    ],
)
def test_words_are_kept_in_plain_width(typed: str, kept: str) -> None:
    """So that what was looked at is what is kept, and the same words are the same."""
    assert keepable(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "x" * (LONGEST + 1),
        "ﷺ" * 5 + "請問怎麼用",  # eighteen characters each, once they are read
        "",
        " \n ",
        "👍👍",
        "???",
        "12",  # no words
        "我的電話是 0912345678",
        "電話 09 12 34 56 78",
        "打 ０９１２ 給我",
        "零九一二三四五六七八",
        "壹貳參",
        "call 1️⃣2️⃣3️⃣ please",
        "①②③ 在哪",
        "➊➋➌ 在哪",
        "ⅠⅡⅢ 在哪",
        "٠٩١ من فضلك",
        "me@example.com",
        "我的 LINE 是 ＠capoo",
        "https://example.com/x",
        "see example.com",
        "咖波.台灣 在哪",
        "line。me 打不開",
        "in/out",
        "WELCOME2026",
        "端午2026",
        "a1",
        "換 2張",
        "HELLO",
        "use hello WORLD",
        "AB CD EF",
        "aBcDeF",
        "abcd-efgh",
        "abcd － efgh",
        "abcd—efgh",
        "端午–禮盒",
        "abcd_efgh",
        "abcd:efgh",
        "C 8F3K2M",
        "#99",
        "/status",
        "+886",
        "\ue000 hi",
        "\ud800 hi",
    ],
)
def test_what_could_be_a_number_an_address_or_a_code_is_not(typed: str) -> None:
    """In whichever script and width."""
    assert keepable(typed) is None


def test_what_reading_found_to_be_a_code_is_not_kept() -> None:
    """Even when it looks like plain words: the brand's own codes, and what was announced as one."""
    assert keepable("our sunflower please") == "our sunflower please"
    assert keepable("our sunflower please", private=True) is None


@given(st.text(max_size=60))
def test_whatever_is_kept_keeps_the_rules(typed: str) -> None:
    """Said once more in another way, and of anything that can be typed."""
    kept = keepable(typed)
    if kept is None:
        return
    assert 0 < len(kept) <= 40
    assert "@" not in kept and "://" not in kept and "www." not in kept.lower()
    assert not re.search(r"[A-Za-z][0-9]|[0-9][A-Za-z]|[A-Z]{5}|\w[-_]\w", kept)
    numbers = "".join("0" if ch.isnumeric() else "x" if ch.isalpha() else "" for ch in kept)
    assert "000" not in numbers
    assert not any(unicodedata.category(ch) in ("Cc", "Cf", "Cs") for ch in kept)
    assert keepable(kept) == kept


@given(
    st.lists(st.sampled_from(DIGITS), min_size=3, max_size=12),
    st.lists(st.sampled_from(BETWEEN), min_size=11, max_size=11),
    CHINESE,
)
def test_three_digits_are_never_kept(digits: list[str], between: list[str], words: str) -> None:
    """Of every script there is, and whatever stands between them."""
    number = "".join(digit + gap for digit, gap in zip(digits, [*between, ""], strict=False))

    assert keepable(f"{words} {number} {words}") is None


@given(LETTERS, st.sampled_from(DASHES), LETTERS, st.booleans())
def test_what_a_dash_joins_is_never_kept(left: str, dash: str, right: str, apart: bool) -> None:
    """Most codes are written so."""
    assert keepable(f"請看 {left}{' ' if apart else ''}{dash}{' ' if apart else ''}{right}") is None


@given(st.lists(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), min_size=5, max_size=12), st.sets(st.integers(1, 11)))
def test_five_capitals_are_never_kept(letters: list[str], gaps: set[int]) -> None:
    """In one word or in groups."""
    word = "".join(f" {letter}" if place in gaps else letter for place, letter in enumerate(letters))

    assert keepable(f"我的是 {word} 謝謝") is None


@given(CHINESE.filter(lambda words: not any(ch.isnumeric() for ch in words)), LETTERS)
def test_plain_words_are_kept(chinese: str, english: str) -> None:
    """Else nobody could learn anything from them."""
    text = unicodedata.normalize("NFKC", f"{chinese} {english}")

    assert keepable(text) == text


def test_there_is_a_run_for_every_script() -> None:
    """The lists above are not empty by mistake."""
    scripts = {name for name, _ in groupby(unicodedata.name(digit, "?").split()[0] for digit in DIGITS)}
    assert len(DIGITS) > 1_000 and len(scripts) > 50 and len(DASHES) > 20

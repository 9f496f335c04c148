"""Reading codes out of what people type."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.router import Routes
from bot.i18n import load_translators
from bot.services.minting import draw
from bot.understanding.codes import Found, canonical, masked, mistyped, of_our_making, spellings
from bot.understanding.reading import visible
from bot.understanding.words import Lexicon
from handlers import ROUTERS

LEXICON = Lexicon(
    {name: command.words for name, command in Routes(ROUTERS).commands.items()},
    load_translators(ZoneInfo("Asia/Taipei")).values(),
)
Codes = tuple[tuple[str, ...], bool]

SAID: Codes = ((), False)


def read(text: str, pattern: re.Pattern[str] | None = None, *, prompted: bool = False) -> Found:
    """What is found in a message as it came."""
    return LEXICON.codes.find(LEXICON.read(text), pattern, prompted=prompted)


def find(text: str, pattern: re.Pattern[str] | None = None, *, prompted: bool = False) -> Codes:
    """The codes in a message, and whether they were meant as such."""
    found = read(text, pattern, prompted=prompted)
    return found.codes, found.deliberate


def deliberate(*codes: str) -> Codes:
    return codes, True


def seen(*codes: str) -> Codes:
    return codes, False


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
def test_codes_are_found_where_people_put_them(text: str, found: Codes) -> None:
    """After a word that announces one, or alone when it can hardly be anything else."""
    assert find(text) == found


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
def test_the_brands_pattern_makes_a_match_deliberate(text: str, found: Codes) -> None:
    """In capitals or not."""
    assert find(text, re.compile("SPRING[A-Z]{4}")) == found


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
    assert read(text, prompted=True).codes == codes


@pytest.mark.parametrize(
    ("typed", "tried"),
    [
        ("ABCD1234", ["ABCD1234", "ABCD-1234", "abcd1234"]),
        ("abcd1234", ["abcd1234", "ABCD1234", "ABCD-1234"]),
        ("gold2026", ["gold2026", "GOLD2026", "GOLD-2026"]),
        ("8F3K22QP", ["8F3K22QP", "8F3K-22QP", "8f3k22qp"]),
        ("SUMMER_2026", ["SUMMER_2026", "SUMMER-2026", "SUMMER2026"]),
        ("team&play", ["team&play", "TEAM&PLAY"]),
        ("咖波生日快樂", ["咖波生日快樂"]),
        ("abcd-1234", ["abcd-1234", "ABCD-1234", "ABCD1234"]),
        ("abcd 1234", ["ABCD-1234", "ABCD1234", "abcd 1234", "ABCD_1234"]),
        ("summer7k3mq9td", ["summer7k3mq9td", "SUMMER7K3MQ9TD", "SUMMER-7K3M-Q9TD"]),
    ],
)
def test_a_code_is_looked_up_in_at_most_four_spellings(typed: str, tried: list[str]) -> None:
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
    for found in (read(text), read(text, prompted=True), read(text, re.compile("X[A-Z]+"))):
        for code in found.codes:
            assert 0 < len(code) <= 255
            assert code.isprintable()
            assert 1 <= len(spellings(code)) <= 4
            assert canonical(code)


@given(st.text(alphabet="abcABC012-－—ー 　\n。，！「」\u200b\u202e兌換碼是:：,redmco", max_size=40))
def test_reading_code_like_noise_is_total(text: str) -> None:
    """The alphabet of codes, keywords and typing accidents."""
    for code in read(text).codes:
        assert code and code == code.strip()


@given(
    st.from_regex(r"[A-Z]{3,8}[0-9][A-Z0-9]{2,8}", fullmatch=True),
    st.sampled_from(["兌換 {}", "redeem: {}", "序號是{}"]),
)
def test_a_code_after_a_keyword_is_always_found(code: str, sentence: str) -> None:
    """Unless it is written like money."""
    if re.fullmatch(r"(NT|NTD|TWD|USD|HKD|RMB|VND)\d+", code):
        return
    assert find(sentence.format(code)) == deliberate(code)
    assert find(sentence.format(code.lower())) == deliberate(code.lower())


@given(st.text())
def test_cleaning_leaves_nothing_invisible(text: str) -> None:
    """Neither at the edges nor inside."""
    cleaned = visible(text)

    assert cleaned == cleaned.strip()
    assert all(ch in "\n " or not ch.isspace() for ch in cleaned)
    assert not set("\u200b\u200e\u202e\ufeff\x00") & set(cleaned)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("兌換 SUMMER_2026", ("SUMMER_2026",)),
        ("redeem BUY2+2", ("BUY2+2",)),
        ("redeem TEAM&PLAY", ("TEAM&PLAY",)),
        ("redeem 25%OFF2026 please", ("25%OFF2026",)),
        ("兌換 VIP@2027", ("VIP@2027",)),
        ("兌換 咖波生日快樂", ("咖波生日快樂",)),
        ("兌換 550e8400-e29b-41d4-a716-446655440000", ("550e8400-e29b-41d4-a716-446655440000",)),
        ("АВ12CD34", ("AB12CD34",)),  # Cyrillic А and В
        ("ΑΒ12CD34", ("AB12CD34",)),  # Greek Α and Β
        ("SUMMER - 7K3M - Q9TD", ("SUMMER-7K3M-Q9TD",)),
        ("SUMMER--7K3M--Q9TD", ("SUMMER-7K3M-Q9TD",)),
        ("SUMMER_7K3M_Q9TD", ("SUMMER_7K3M_Q9TD",)),
        ("SUMMER.7K3M.Q9TD", ("SUMMER.7K3M.Q9TD",)),
        ("SUMMER-7K3M-\nQ9TD", ("SUMMER-7K3M-Q9TD",)),
        ("spring77 SPRING77", ("spring77",)),
        ("what do I get for code SUMMER50 now?", ("SUMMER50",)),
        ("我要用「咖波新年」換獎品", ("咖波新年",)),
        ("ABCD12345é", ()),
        ("ABCД12345Ж", ()),
        ("ABCD1234ไทย", ()),
        ("ABCD1234/EFGH", ()),
        ("ABCD1234=", ("ABCD1234",)),
        ("redeem my points", ()),
        ("我要換 85 度 C 的券", ()),
        ("code of conduct 2026 is out", ()),
    ],
)
def test_a_code_is_read_whole_or_not_at_all(text: str, codes: tuple[str, ...]) -> None:
    """No piece of a longer run is looked up, in whichever script the rest of it is."""
    assert read(text).codes == codes


@given(
    st.from_regex(r"[A-Z]{3,6}[0-9]{2,4}", fullmatch=True), st.sampled_from("_&+@%=/#.~жωéก"), st.sampled_from("AZ9ж")
)
def test_no_part_of_a_longer_run_is_ever_found(code: str, sign: str, more: str) -> None:
    """Before or behind it, with a keyword and without."""
    numbered = sign == "." and more == "9"  # “9.AAA111” is the ninth of a list.
    for run in (f"{code}{sign}{more}", *(() if numbered else (f"{more}{sign}{code}",))):
        for text in (run, f"兌換 {run}", f"redeem {run} please"):
            assert code not in read(text).codes


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("abcd efgh jkmn pqrs", ("abcd efgh jkmn pqrs",)),
        ("abcd1234 efgh5678", ("abcd1234 efgh5678",)),
        ("咖波生日快樂", ("咖波生日快樂",)),
        ("VIP@2027", ("VIP@2027",)),
        ("我的獎品在哪裡", ()),
        ("等一下再輸入", ()),
    ],
)
def test_the_answer_to_our_question_is_tried_as_it_was_typed(text: str, codes: tuple[str, ...]) -> None:
    """Up to 64 characters, when it is no sentence."""
    assert read(text, prompted=True).codes == codes


@pytest.mark.parametrize(
    "text",
    [
        "SPRING77 先留著，下個月再用",
        "hold off on SPRING77 for now",
        "SPRING77 什麼時候到期",
        "when does SPRING77 end?",
        "SPRING77 是什麼",
        "SPRING77 留給我媽",
        "取消兌換 SPRING77",
        "don't redeem SPRING77",
        "SPRING77 嗎？",
        "不要兌換 SPRING77",
        "SPRING77 我朋友用過了",
        "is SPRING77 still valid?",
        "https://shop.example/redeem?code=SPRING77",
        "maybe I'll use SPRING77",
    ],
)
def test_what_the_words_speak_against_is_asked(text: str) -> None:
    """A no, a delay, a doubt, a question, a link: the code is seen, and not certain."""
    found = read(text)
    assert found.codes == ("SPRING77",)
    assert not found.certain


@pytest.mark.parametrize(
    "text",
    [
        "SPRING77",
        "can I redeem SPRING77 please?",
        "我可以兌換 SPRING77 嗎？",
        "幫我換一下 SPRING77，謝謝",
        "剛剛刮到 SPRING77 可以換嗎",
        "不好意思，兌換 SPRING77",
        "could you enter SPRING77 for me?",
    ],
)
def test_a_plain_wish_is_certain(text: str) -> None:
    """Asking is no way out; a polite question is a wish."""
    found = read(text)
    assert found.codes == ("SPRING77",)
    assert found.certain


@pytest.mark.parametrize(
    "text",
    [
        "A123456789",
        "兌換 A123456789",
        "我的身分證字號 A123456789",
        "A800000014",
        "訂單編號 AB12CD34",
        "my order number is AB12CD34",
        "tracking: AB12CD3456",
        "密碼是 abcd1234",
        "兌換 密碼 abcd1234",
        "password: Hunter2026",
        "車號 ABC-1234",
        "統編 12345675",
        "AB-12345678",
        "AB12345678",
        "/ABC+123",
        "me2026@shop.example",
        "兌換 me2026@shop.example",
        "ig: cat2026love",
        "AB12CD34 是我的訂單編號",
        "0912-345-678",
        "redeem +886 912 345 678",
    ],
)
def test_nobody_elses_business_is_never_found(text: str) -> None:
    """What a message calls something else, identity numbers, phones, addresses, invoices."""
    assert read(text).codes == ()


@pytest.mark.parametrize("text", ["A123456789", "0912 345 678", "me@shop.example", "密碼 abcd1234"])
def test_some_things_are_never_found_even_when_a_code_was_asked_for(text: str) -> None:
    """And it is known that something was left out."""
    found = read(text, prompted=True)
    assert found.codes == ()
    assert found.private


def test_an_invoices_number_is_tried_where_it_was_called_a_code() -> None:
    """Its shape alone is no proof."""
    assert read("兌換 AB12345678").codes == ("AB12345678",)


@pytest.mark.parametrize(
    ("typed", "prefix", "meant"),
    [
        ("SUMMER-7KOM-Q9TL", "SUMMER", "SUMMER7K0MQ9T1"),
        ("summer7komq9tl", "SUMMER", "SUMMER7K0MQ9T1"),
        ("IOWA-7KOM-Q9TL", "IOWA", "IOWA7K0MQ9T1"),
        ("OTHER-7KOM-Q9TL", "SUMMER", ""),
        ("SUMMER-7KOM", "SUMMER", ""),
    ],
)
def test_letters_that_our_generator_never_makes_are_digits(typed: str, prefix: str, meant: str) -> None:
    """In the random part alone; the prefix is a word."""
    assert of_our_making(typed, prefix, 8).replace("-", "") == meant


@pytest.mark.parametrize(
    ("typed", "better"),
    [
        ("SPRINGO77", "SPRING077"),
        ("SPR1NG77", "SPRING77"),
        ("WELC0ME2026", "WELCOME2026"),
        ("AB12O", "AB120"),
        ("GOLD", "G01D"),
    ],
)
def test_one_more_spelling_is_worth_a_question(typed: str, better: str) -> None:
    """O for 0, I and L for 1; where none of these letters stands, back."""
    assert mistyped(typed) == better


@pytest.mark.parametrize("symbols", ["72565804", "ABCDEFGH"])
def test_a_code_has_a_letter_and_a_digit(monkeypatch: pytest.MonkeyPatch, symbols: str) -> None:
    """What chance makes otherwise is not taken."""
    drawn = iter([*symbols, *"7K3MQ9TD"])
    monkeypatch.setattr("bot.services.minting.secrets.choice", lambda _: next(drawn))

    assert draw("2026", 8) == "2026-7K3M-Q9TD"


@pytest.mark.parametrize("prefix", ["SUMMER", "", "2026"])
def test_every_code_that_we_make_is_read_as_it_stands(prefix: str) -> None:
    """Without a keyword and without the brand's pattern: customers paste it."""
    for code in (draw(prefix, 8) for _ in range(400)):
        found = LEXICON.codes.find(LEXICON.read(code))
        assert (found.codes, found.certain, found.around) == ((code,), True, ""), code

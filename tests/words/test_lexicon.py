"""Words people type: what they are reduced to, and what they mean."""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.context import Answer, Context
from bot.conversation.messages import Reply
from bot.conversation.router import Router, Routes
from bot.errors import ConfigurationError
from bot.i18n import Translator, load_translators
from bot.understanding.reading import fold
from bot.understanding.words import Lexicon

ZONE = ZoneInfo("Asia/Taipei")
LANGUAGES = load_translators(ZONE)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Menu", "menu"),
        ("ＭＥＮＵ", "menu"),
        ("  menu \n", "menu"),
        ("my   gifts", "my gifts"),
        ("my\u3000gifts", "my gifts"),
        ("menu!!!", "menu"),
        ("menu ~ 。", "menu"),
        ("獎品？", "獎品"),
        ("「我的獎品」", "我的獎品"),
        ("【點數】", "點數"),
        ("我 的 點 數", "我的點數"),
        ("請問 我的 gift 在哪", "請問我的gift在哪"),
        ("m e n u", "menu"),
        ("S P R I N G 7 7", "spring77"),
        ("我的奖品", "我的獎品"),
        ("礼品卡", "禮品卡"),
        ("兑换码", "兌換碼"),
        ("我的奬品", "我的獎品"),
        ("兌換記錄", "兌換紀錄"),
        ("我ㄉ點數ㄋ", "我的點數呢"),
        ("禮卷", "禮券"),
        ("what’s my balance", "whats my balance"),
        ("gift-card", "gift card"),
        ("我的獎品😀", "我的獎品"),
        ("👉 my gifts 👈", "my gifts"),
        ("👨\u200d👩\u200d👧 menu 🇹🇼 ❤️ 👍🏽", "menu"),
        ("點數 QQ", "點數"),
        ("點數QQ", "點數"),
        ("點數^^", "點數"),
        ("我的獎品 :)", "我的獎品"),
        ("我的獎品 XDDD", "我的獎品"),
        ("(笑)我的獎品", "我的獎品"),
        ("我的獎品(๑•̀ㅂ•́)و✧", "我的獎品"),
        ("1. 我的獎品", "我的獎品"),
        ("2) menu", "menu"),
        ("• menu", "menu"),
        ("QQ2026", "qq2026"),
        ("Vé xem phim", "ve xem phim"),
        ("\u200bmenu\ufeff", "menu"),
        ("\u202emenu\u202c", "menu"),
        ("?", "?"),
        ("？", "?"),
        ("???", ""),
        ("。", ""),
        ("嗎", "嗎"),
        ("", ""),
    ],
)
def test_what_is_typed_is_reduced_to_what_is_meant(typed: str, meant: str) -> None:
    """Width, case, invisible marks, edges and politeness go; a message of nothing else stays."""
    assert fold(typed) == meant


@given(st.text())
def test_reducing_is_total_and_final(text: str) -> None:
    """Whatever is typed, and once is enough."""
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("typed", "core"),
    [
        ("獎品呢", "獎品"),
        ("獎品嗎？", "獎品"),
        ("查一下", "查"),
        ("我的獎品，謝謝您喔", "我的獎品"),
        ("menu please thanks", "menu"),
        ("謝謝", "謝謝"),
        ("thanks", "thanks"),
        ("one pls", "one"),
        ("cryptothanks", "cryptothanks"),
    ],
)
def test_courtesies_at_the_end_change_nothing(lexicon: Lexicon, typed: str, core: str) -> None:
    """They are taken off, unless there is nothing else."""
    assert lexicon.read(typed).core == core


def test_only_the_beginning_of_a_novel_is_read() -> None:
    """A pasted book costs nothing."""
    assert len(fold("x" * 100_000)) <= 500


@pytest.mark.parametrize(
    ("intent", "words"),
    [
        ("menu", "選單 主選單 功能 開始 菜单 menu start"),
        ("greeting", "你好 嗨 哈囉 hi hello"),
        ("thanks", "謝謝 感謝 唔該 thanks thx"),
        ("gifts", "我的獎品 獎品 我的禮物 禮物 實體獎品 虛擬獎品 gifts rewards prizes"),
        ("tickets", "票券 優惠券 抽獎券 tickets coupons"),
        ("points", "點數 查點數 點數查詢 点数 點樹 points"),
        ("cards", "禮品卡 禮物卡 礼品卡 餘額 balance"),
        ("receipts", "兌換紀錄 兌換記錄 收據 receipts history"),
        ("redeem", "兌換 兌換碼 序號 輸入序號 領獎 兌獎 優惠碼 對換碼 兌換瑪 redeem code promo"),
        ("language", "語言 英文 中文 language english chinese"),
        ("help", "說明 幫助 怎麼用 help ? ？"),
        ("human", "真人 客服 人工 找人 agent human support"),
        ("cancel", "取消 算了 離開 cancel exit"),
        ("unsubscribe", "取消訂閱 不要通知 退訂 unsubscribe mute stop"),
        ("data", "我的資料 個資"),
        ("privacy", "隱私 隱私權 privacy"),
        ("delete", "刪除我的資料 刪除資料"),
        ("hours", "營業時間 幾點開門 幾點關門 幾點打烊 今天有開 hours"),
        ("address", "地址 在哪裡 怎麼去 你們在哪裡 address location"),
        ("phone", "電話 電話幾號 電話號碼 phone telephone"),
    ],
)
def test_every_word_of_an_intent_is_understood_in_both_languages(lexicon: Lexicon, intent: str, words: str) -> None:
    """Whichever language one speaks, and with the manners people type with."""
    for word in words.split():
        politely = () if word in "?？" else (f"{word}。", f"{word} ～", f"{word}！")
        for typed in (word, f" {word} ", word.upper(), *politely):
            assert lexicon.intent(typed) == intent, typed


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("my gifts", "gifts"),
        ("digital gifts", "gifts"),
        ("stop that", "cancel"),
        ("my data", "data"),
        ("delete my data", "delete"),
        ("ＨＩ！", "greeting"),
        ("hi there", "greeting"),
        ("how to use", "help"),
        ("When are you open?", "hours"),
        ("What time do you close?", "hours"),
        ("現在有開嗎？", "hours"),
        ("Where are you?", "address"),
        ("how do I get there", "address"),
        ("phone number", "phone"),
    ],
)
def test_words_of_two_words_are_understood(lexicon: Lexicon, text: str, intent: str) -> None:
    """Blanks inside belong to them."""
    assert lexicon.intent(text) == intent


@pytest.mark.parametrize(
    "text",
    [
        "我想取消訂位", "取消訂位", "我不要取消訂閱", "please cancel my booking", "is this a gift",
        "my code is lost", "不好意思請問客服幾點下班", "說明書在哪裡", "", "。", "🎁", "幫我刪除我的資料好了",
    ],
)  # fmt: skip
def test_a_sentence_with_a_word_in_it_means_no_intent(lexicon: Lexicon, text: str) -> None:
    """Nobody is unsubscribed for asking about a table."""
    assert lexicon.intent(text) is None


def test_the_words_of_an_intent_come_longest_first(lexicon: Lexicon) -> None:
    """So that `redeem code` is found before `redeem`."""
    words = lexicon.words("redeem")

    assert [len(word) for word in words] == sorted(map(len, words), reverse=True)
    assert {"redeem", "兌換"} <= set(words)
    assert lexicon.words("nothing of that name") == []


class _Catalogue(gettext.NullTranslations):
    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__()
        self._texts = texts

    def gettext(self, message: str) -> str:
        return self._texts.get(message, message)


def test_a_word_with_two_meanings_stops_the_start() -> None:
    """Named with its language, so that a translator finds it."""
    german = Translator("de", _Catalogue({"menu, start": "Menü, Hilfe", "help": "hilfe!"}), ZONE)

    with pytest.raises(ConfigurationError, match=r"'hilfe'.*'menu'.*'help'.*de"):
        Lexicon({"menu": "menu, start", "help": "help"}, [german])


def test_the_same_word_twice_for_one_intent_is_no_clash() -> None:
    """Languages share words."""
    lexicon = Lexicon({"menu": "menu, MENU"}, LANGUAGES.values())

    assert lexicon.words("menu") == ["menu"]


def test_two_handlers_for_one_thing_stop_the_start() -> None:
    """Their order can then never matter."""
    routers = [Router(), Router()]
    for router in routers:

        @router.command("same")
        async def answer(ctx: Context) -> Answer:
            return Reply(())

    with pytest.raises(ConfigurationError, match="same"):
        Routes(routers)

"""Buttons, and answers made of hostile text, for the tests of both renderers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from bot.conversation.actions import Action
from bot.conversation.messages import Badge, Button, Card, Carousel, Item, Link, Listing, Pages, Reply, Row, Text, Tile


class Open(Action, name="test-open", ttl=timedelta(days=1)):
    """A button of these tests."""

    what: str = "gifts"


def pack(action: Action) -> str:
    """Readable postback data in place of the signed one; as there, what is too long raises."""
    data = f"v1.{action.action_name}.{'~'.join(map(str, action.model_dump().values()))}"
    if len(data) > 300:
        raise ValueError("too long")
    return data


def button(label: str, what: str = "gifts", *, keyboard: bool = False) -> Button:
    return Button(label, Open(what=what), keyboard=keyboard)


GIFT = Card(
    title="保溫杯 500ml 聯名限定款",
    eyebrow="實體獎品・抽獎遊戲",
    badge=Badge("可使用", "valid"),
    rows=(Row("取得日", "2026/11/02"), Row("使用期限", "以活動公告為準")),
    buttons=(button("如何領取"),),
)
MENU = Card(
    title="您的獎勵",
    badge=Badge("2 項新獎品", "valid"),
    tiles=tuple(
        Tile(icon, label, Open(what=label))
        for icon, label in (
            ("🎫", "票券"),
            ("🎁", "實體獎品"),
            ("📱", "虛擬獎品"),
            ("⭐", "點數"),
            ("🎟️", "禮券"),
        )
    ),
    note="更新於 14:32",
    buttons=(button("輸入兌換碼"), button("重新整理")),
)
SUCCESS = Card(
    title="兌換成功 🎉",
    hero="金幣 100",
    text="咖波疊疊樂・新春活動",
    rows=(Row("兌換碼", "WELC••••26"), Row("時間", "2026/11/20 14:32")),
    receipt=Row("紀錄編號", "R-7F3K9"),
    look="success",
    buttons=(button("我的獎品"), button("再輸入一組")),
)
VALUE = Card(
    title="•••• 1234",
    eyebrow="禮品卡",
    badge=Badge("可使用", "valid"),
    hero="9,000",
    rows=(Row("到期", "2031/09/21"), Row("面額", "9,000")),
    look="value",
    buttons=(button("顯示卡號"),),
)
VOUCHER = Card(
    title="Voucher Highlands Coffee 100k",
    eyebrow="Highlands Coffee",
    hero="1,000 點",
    beside=Row("面額", "₫100,000"),
    image="https://img.example.com/咖啡 1.png",
    buttons=(button("兌換"), Link("條款", "https://example.com/條款")),
)
SHORT = replace(VOUCHER, instead="還差 750 點", buttons=())
FOLDED = Card(title="1 項已過期", eyebrow="已過期", look="quiet", buttons=(button("顯示"),))
LIST = Listing(
    "虛擬獎品",
    tuple(
        Item(f"50 元折價券 #{number}", Open(what=str(number)), "🎁", "2026/11/02", Badge("可使用", "valid"))
        for number in range(1, 31)
    ),
    opens="查看詳情",
    position="第 2 頁，共 18 頁",
    hint="輸入頁碼也可以跳頁。",
    buttons=(button("下一頁", "3"), button("上一頁", "1"), button("搜尋", "search", keyboard=True)),
    pages=Pages(Open(what="0"), 18),
)
ALL = (GIFT, MENU, SUCCESS, VALUE, VOUCHER, SHORT, FOLDED)

fast = settings(derandomize=True, max_examples=40)  # A reply takes a tenth of a second to be made up.

_PIECES = [
    "", " ", "\n", "\t", "\x00", "{}", "{{user_first_name}}", "%s", "<b>", "字", "兌換成功", "🎁", "👨‍👩‍👧", "🇹🇼",
    "é", "e\u0301",
    "\u0301", "\u200b", "\u200f", "\u202e", "\u2066", "\ufeff", "\u2028", "\ufffe", "long words and longer ones " * 12,
]  # fmt: skip
_ENDLESS = ["a" * 10_000, "禮" * 10_000, "🎁" * 6_000, "a" + "\u0301" * 3_000, "字 \n" * 4_000]
_words = st.lists(st.sampled_from(_PIECES) | st.text(max_size=30), max_size=4).map("".join)
_texts = _words | st.sampled_from(_ENDLESS)
_urls = st.sampled_from(
    [
        "", "https://example.com/a", "https://example.com/咖啡 1.png?q=杯#z", "http://example.com/",
        "javascript:alert(1)",
        "https://example.com/" + "x" * 1_500, "https://example.com/" + "字" * 900, "https://禮品.tw/",
        "tel:+886-912-345-678",
        "tel:119", "tel:x", "https://", "https://a b.com", "//x", "https://example.com/%zz", "https://[x",
    ]
) | _texts  # fmt: skip
_actions = st.builds(Open, what=st.sampled_from(["", "a", "x" * 280, "x" * 400, "字"]))
_buttons = st.builds(Button, _texts, _actions, st.booleans()) | st.builds(Link, _texts, _urls)


def _many(what: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(what, max_size=most).map(tuple)


def _cards(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Card]:
    rows = st.builds(Row, texts, texts)
    return st.builds(
        Card,
        title=texts,
        eyebrow=texts,
        badge=st.none() | st.builds(Badge, texts, st.sampled_from(["valid", "soon", "old", "bad"])),
        hero=texts,
        beside=st.none() | rows,
        text=texts,
        tiles=_many(st.builds(Tile, texts, texts, _actions, texts), 5).map(lambda tiles: tiles * 3),
        rows=_many(rows, 4).map(lambda rows: rows * 4),
        receipt=st.none() | rows,
        note=texts,
        instead=texts,
        image=_urls,
        look=st.sampled_from(["plain", "success", "value", "quiet"]),
        banner=st.sampled_from(["", "gifts"]),
        details=st.none() | st.builds(Button, texts, _actions),
        buttons=_many(_buttons, 6),
    )


_copies = st.tuples(_cards(_words), st.integers(1, 30)).map(lambda pair: (pair[0],) * pair[1])
carousels = st.builds(Carousel, _texts, _many(_cards(_texts), 3) | _copies)
_items = st.builds(
    Item,
    _texts,
    _actions,
    st.sampled_from(["", "🎁", "👨‍👩‍👧", "字字字"]) | _words,
    _texts,
    st.none() | st.builds(Badge, _texts, st.sampled_from(["valid", "soon", "old", "bad"])),
    _urls,
)
listings = st.builds(
    Listing,
    _texts,
    st.tuples(_many(_items, 3), st.integers(1, 40)).map(lambda pair: pair[0] * pair[1]),
    _texts,
    _texts,
    _texts,
    _many(st.builds(Button, _texts, _actions, st.booleans()), 6),
)
replies = st.builds(
    Reply,
    _many(st.builds(Text, _texts) | _cards(_texts) | carousels | listings, 6),
    _many(_buttons, 5).map(lambda choices: choices * 4),
    st.booleans(),
)

"""Messenger messages: legal whatever they say, and nothing that LINE says is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from bot.channels import Json, Rendered
from bot.channels.messenger.pictures import NONE, Shown
from bot.channels.messenger.render import is_banner, render
from bot.conversation.messages import (
    Badge,
    Banner,
    Button,
    Card,
    Carousel,
    Item,
    Link,
    Listing,
    Message,
    Reply,
    Row,
    Text,
)
from channels.drawn import ALL, GIFT, LIST, SUCCESS, VOUCHER, Open, button, fast, pack, replies
from sandbox.messenger_messages import problems


def draw(*messages: Message, choices: tuple[Button | Link, ...] = ()) -> list[Rendered]:
    return render(Reply(messages, choices), pack)


def payload(rendered: Rendered) -> Json:
    found: Json = rendered.message["attachment"]["payload"]
    return found


def titles(message: Json | None) -> list[str]:
    assert message is not None
    return [reply["title"] for reply in message.get("quick_replies", [])]


def strings(value: Any) -> list[str]:
    """All strings inside a message."""
    if isinstance(value, dict):
        return [found for each in value.values() for found in strings(each)]
    if isinstance(value, list | tuple):
        return [found for each in value for found in strings(each)]
    return [value] if isinstance(value, str) else []


class Everything:
    """Pictures that can all be fetched, and none of which is uploaded."""

    def address(self, banner: Banner) -> str:
        return f"https://desk.example/pictures/{banner}.png"

    def attachment(self, banner: Banner) -> None:
        return None


@pytest.mark.parametrize("shown", [NONE, Everything()])
@fast
@given(reply=replies)
def test_any_answer_is_legal(shown: Shown, reply: Reply) -> None:
    """Cards and their stand-ins, message by message."""
    rendered = render(reply, pack, pictures=shown)

    assert [problem for each in rendered for problem in problems(each.message)] == []
    assert [problem for each in rendered if each.plain for problem in problems(each.plain)] == []
    assert [each.plain is None for each in rendered] == [
        "text" in each.message or is_banner(each.message) for each in rendered
    ]
    assert bool(rendered) == bool(reply.messages)


@pytest.mark.parametrize("card", ALL)
@pytest.mark.parametrize("several", [False, True])
def test_a_card_says_everything(card: Card, several: bool) -> None:
    """Alone or in a row: each fact is in some message."""
    rendered = draw(Carousel("獎品", (card, card)) if several else card)
    said = "\n".join(strings([each.message for each in rendered]))
    facts = [card.title, card.eyebrow, card.hero, card.text, card.note, card.badge.word if card.badge else ""]
    facts += [part for row in (*card.rows, *filter(None, [card.receipt])) for part in (row.label, row.value)]
    facts += [part for tile in card.tiles for part in (tile.label, tile.icon)]
    facts += [choice.label for choice in card.buttons]

    assert [fact for fact in facts if fact not in said] == []


def test_a_card_with_buttons_is_one_button_template() -> None:
    """All facts as lines, above the buttons."""
    (rendered,) = draw(SUCCESS, choices=(button("選單", "menu"),))

    assert payload(rendered) == {
        "template_type": "button",
        "text": "兌換成功 🎉\n金幣 100\n咖波疊疊樂・新春活動\n"
        "兌換碼：WELC••••26\n時間：2026/11/20 14:32\n紀錄編號：R-7F3K9",
        "buttons": [
            {"type": "postback", "title": "我的獎品", "payload": "v1.test-open.gifts"},
            {"type": "postback", "title": "再輸入一組", "payload": "v1.test-open.gifts"},
        ],
    }
    assert titles(rendered.message) == ["選單"]
    assert titles(rendered.plain) == ["我的獎品", "再輸入一組", "選單"]


def test_a_card_too_long_for_its_buttons_is_said_first() -> None:
    """Then the buttons under its name."""
    text, buttons = draw(replace(SUCCESS, text="很長的說明。" * 200))

    assert text.message["text"].startswith("兌換成功 🎉\n金幣 100\n很長")
    assert payload(buttons)["text"] == "兌換成功 🎉"


def test_a_card_without_buttons_is_a_text() -> None:
    """A button template needs one."""
    (rendered,) = draw(replace(GIFT, buttons=()))

    assert rendered.plain is None
    assert rendered.message["text"].splitlines() == [
        "保溫杯 500ml 聯名限定款", "實體獎品・抽獎遊戲 · 可使用", "取得日：2026/11/02", "使用期限：以活動公告為準",
    ]  # fmt: skip


def test_a_card_with_a_picture_is_an_element() -> None:
    """Only elements show pictures beside buttons."""
    (rendered,) = draw(VOUCHER)

    assert payload(rendered)["elements"] == [
        {
            "title": "Voucher Highlands Coffee 100k",
            "subtitle": "Highlands Coffee · 1,000 點 · 面額：₫100,000",
            "image_url": "https://img.example.com/%E5%92%96%E5%95%A1%201.png",
            "buttons": [
                {"type": "postback", "title": "兌換", "payload": "v1.test-open.gifts"},
                {"type": "web_url", "title": "條款", "url": "https://example.com/%E6%A2%9D%E6%AC%BE"},
            ],
        }
    ]


def test_a_carousel_is_elements_with_the_state_first() -> None:
    """Badge word, then facts; no text before when all fits."""
    (rendered,) = draw(Carousel("獎品", (GIFT, GIFT)))

    assert [element["subtitle"] for element in payload(rendered)["elements"]] == [
        "可使用 · 實體獎品・抽獎遊戲 · 取得日：2026/11/02 · 使用期限：以活動公告為準"
    ] * 2


def test_facts_that_do_not_fit_an_element_are_said_before() -> None:
    """Only of the cards that need it."""
    full = replace(GIFT, title="滿滿", note="這張卡有很多要說的事。" * 8)
    text, elements = draw(Carousel("獎品", (GIFT, full)))

    assert text.message["text"].startswith("滿滿\n")
    assert full.note in text.message["text"]
    assert "保溫杯" not in text.message["text"]
    assert payload(elements)["elements"][1]["subtitle"].endswith("…")


def test_ten_cards_a_message_and_choices_under_the_last() -> None:
    """More cards, more messages."""
    rendered = draw(Carousel("獎品", (GIFT,) * 23), choices=(button("選單", "menu"),))

    assert [len(payload(each)["elements"]) for each in rendered] == [10, 10, 3]
    assert [titles(each.message) for each in rendered] == [[], [], ["選單"]]


def test_a_lone_card_below_its_facts_does_not_repeat_them() -> None:
    """As under a long text: its name, its picture and what can be tapped."""
    text, element = draw(replace(VOUCHER, note="不扣顧客的點數，發出後會通知顧客，無法收回。" * 4))

    assert text.message["text"].startswith("Voucher Highlands Coffee 100k\nHighlands Coffee\n")
    assert [set(each) for each in payload(element)["elements"]] == [{"title", "image_url", "buttons"}]


def test_an_element_is_never_a_title_alone() -> None:
    """Messenger refuses it."""
    (rendered,) = draw(Carousel("獎品", (Card("杯"),)))

    assert payload(rendered)["elements"] == [{"title": "杯", "subtitle": "獎品"}]


def test_a_fourth_button_is_a_quick_reply_and_a_fourth_link_a_line() -> None:
    """A template has three."""
    three = tuple(button(str(number)) for number in range(3))
    (rendered,) = draw(Card("杯", buttons=(*three, button("第四"), Link("網站", "https://example.com/x"))))

    assert len(payload(rendered)["buttons"]) == 3
    assert titles(rendered.message) == ["第四"]
    assert payload(rendered)["text"] == "杯\n網站：https://example.com/x"


def test_the_way_out_stays_when_there_is_too_much_to_tap() -> None:
    """Choices come before a card's own buttons when thirteen are too few."""
    many = replace(GIFT, buttons=tuple(button(str(number), str(number)) for number in range(20)))
    (rendered,) = draw(many, choices=(button("說明", "help"), button("選單", "menu")))

    assert len(titles(rendered.message)) == 13
    assert titles(rendered.message)[-2:] == ["說明", "選單"]


@pytest.mark.parametrize("last", [Text("好"), GIFT])
def test_links_among_the_choices_become_a_line(last: Message) -> None:
    """Quick replies cannot open pages."""
    rendered = draw(last, choices=(button("選單", "menu"), Link("網站", "https://example.com/")))

    assert rendered[-1].message["text"].endswith("網站：https://example.com/")
    assert titles(rendered[-1].message) == ["選單"]


def test_telephone_links_call() -> None:
    """With their country code from a button, else as a line."""
    (rendered,) = draw(Card("客服", buttons=(Link("來電", "tel:+886-912-345-678"), Link("專線", "tel:1999"))))

    assert payload(rendered)["buttons"] == [{"type": "phone_number", "title": "來電", "payload": "+886912345678"}]
    assert payload(rendered)["text"] == "客服\n專線：1999"


def test_long_texts_go_on_in_the_next_message() -> None:
    """Two thousand each, and nothing lost."""
    rendered = draw(Text("字 " * 3000), choices=(button("選單", "menu"),))

    assert len(rendered) == 3
    assert sum(each.message["text"].count("字") for each in rendered) == 3000
    assert [titles(each.message) for each in rendered] == [[], [], ["選單"]]


def test_a_hundred_facts_of_one_card_are_all_said() -> None:
    """In as many texts as it takes."""
    rows = tuple(Row(f"第 {number} 項", "很長的內容" * 6) for number in range(100))
    said = "\n".join(strings([each.message for each in draw(replace(GIFT, rows=rows))]))

    assert [row.label for row in rows if row.label not in said] == []


def test_silence_is_no_message() -> None:
    """Nor is an answer of choices alone."""
    assert draw() == []
    assert draw(choices=(Link("網站", "https://example.com/"),)) == []


def test_what_the_card_offers_is_not_offered_again() -> None:
    """A button of the last card and a choice that open the same thing are shown once."""
    (rendered,) = draw(GIFT, choices=(button("再一次"), button("選單", "menu")))

    assert [item["title"] for item in rendered.message["quick_replies"]] == ["選單"]

    four = Card("杯", buttons=(*(button(name, name) for name in "一二三"), button("第四")))
    (rendered,) = draw(four, choices=(button("票券"), button("選單", "menu")))

    assert [item["title"] for item in rendered.message["quick_replies"]] == ["第四", "選單"]


def test_a_page_of_a_list_is_an_element_each_and_one_that_leads_on() -> None:
    """Each opens its card; names are cut and said once, and no text repeats them."""
    nine = replace(LIST, items=(*LIST.items[:8], Item("禮" * 3000, Open(what="9"), "🎁", "2026/11/02")))
    (rendered,) = draw(nine)
    *elements, lead = payload(rendered)["elements"]

    assert problems(rendered.message) == []
    assert len(elements) == 9
    assert elements[0]["title"] == "🎁 50 元折價券 #1"
    assert elements[0]["subtitle"] == "可使用 · 2026/11/02"
    assert elements[8]["title"] == "🎁 " + "禮" * 76 + "…"
    assert [element["buttons"][0]["payload"] for element in elements] == [pack(item.action) for item in nine.items]
    assert (lead["title"], lead["subtitle"]) == ("第 2 頁，共 18 頁", "輸入頁碼也可以跳頁。")
    assert [each["title"] for each in lead["buttons"]] == ["下一頁", "上一頁", "搜尋"]
    assert titles(rendered.plain) == ["下一頁", "上一頁", "搜尋"]


def test_an_item_with_a_picture_has_no_icon() -> None:
    """The picture says as much."""
    cup = Item("Cup", Open(), "🎁", image="https://example.com/cup.png", badge=Badge("Valid", "valid"))
    (rendered,) = draw(Listing("Gifts", (cup,), opens="Details"))
    [element] = payload(rendered)["elements"]

    assert (element["title"], element["image_url"]) == ("Cup", "https://example.com/cup.png")

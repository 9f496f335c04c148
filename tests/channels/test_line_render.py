"""LINE messages: legal whatever they say, nothing lost, one family of cards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from linebot.v3.messaging import FlexMessage, TextMessage

from bot.channels import Json, Rendered
from bot.channels.limits import utf16
from bot.channels.line.colors import INK, MUTED, READABLE, TONES, WHITE, contrast, palette
from bot.channels.line.render import render
from bot.conversation.messages import (
    Badge,
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
    Tile,
    gist,
)
from bot.errors import ConfigurationError
from channels.drawn import (
    ALL,
    FOLDED,
    GIFT,
    LIST,
    MENU,
    SHORT,
    SUCCESS,
    VALUE,
    VOUCHER,
    Open,
    button,
    fast,
    pack,
    replies,
)
from sandbox.line_messages import problems

COLORS = palette("#0F766E")


def draw(*messages: Message, choices: tuple[Button | Link, ...] = ()) -> list[Rendered]:
    return render(Reply(messages, choices), pack, COLORS)


def contents(message: Message) -> Json:
    (rendered,) = draw(message)
    found: Json = rendered.message["contents"]
    return found


def parts(value: Any) -> Iterator[Json]:
    """Every object inside a message."""
    if isinstance(value, dict):
        yield value
        for each in list(value.values()):
            yield from parts(each)
    elif isinstance(value, list):
        for each in value:
            yield from parts(each)


def said(value: Any) -> list[str]:
    """All texts of a message, in order."""
    return [part["text"] for part in parts(value) if part.get("type") == "text"]


def assert_legal(rendered: list[Rendered]) -> None:
    """By the sandbox's strict rules, for cards and for their stand-ins; and in LINE's own models."""
    assert problems([each.message for each in rendered]) == []
    assert problems([each.plain or each.message for each in rendered]) == []
    for each in rendered:
        assert (each.plain is None) == (each.message["type"] == "text")


def assert_known_to_line(message: Json) -> None:
    """LINE's own models drop what they do not know: what comes back must be what went in."""
    model = TextMessage if message["type"] == "text" else FlexMessage
    returned = model.from_dict(message).to_dict()
    for part in parts(returned):
        if part.get("animated") is False:
            del part["animated"]  # A default of theirs.
    assert returned == message


@fast
@given(replies)
def test_any_answer_is_legal(reply: Reply) -> None:
    """Empty, endless, invisible, backwards: LINE would take it."""
    rendered = render(reply, pack, COLORS)

    if rendered:
        assert_legal(rendered)
    assert bool(rendered) == bool(reply.messages)


@pytest.mark.parametrize("card", ALL)
def test_lines_own_models_know_every_property(card: Card) -> None:
    """A misspelt property would vanish there."""
    choices = (button("選單", keyboard=True), Link("網站", "https://example.com"))
    for rendered in (*draw(card, choices=choices), *draw(Carousel("獎品", (card,) * 3), choices=choices)):
        assert_known_to_line(rendered.message)
        assert rendered.plain
        assert_known_to_line(rendered.plain)


@pytest.mark.parametrize("card", ALL)
def test_a_card_says_everything(card: Card) -> None:
    """Each fact is drawn, and stands in the text that replaces the card."""
    (rendered,) = draw(card)
    facts = [card.title, card.eyebrow, card.hero, card.text, card.note, card.instead]
    facts += [card.badge.word if card.badge else "", card.beside.value if card.beside else ""]
    facts += [part for row in (*card.rows, *filter(None, [card.receipt])) for part in (row.label, row.value)]
    facts += [part for tile in card.tiles for part in (tile.label, tile.icon)]
    drawn = said(rendered.message["contents"])

    assert rendered.plain
    for fact in filter(None, facts):
        assert fact in drawn
        assert fact in rendered.plain["text"]
    assert rendered.message["altText"] == gist(card)


def test_the_anatomy_of_a_gift() -> None:
    """From the top: strip, kind with state, name, hairline, facts, one primary button."""
    bubble = contents(GIFT)
    heading, name, hairline, rows = bubble["body"]["contents"]

    assert bubble["size"] == "mega"
    assert bubble["header"]["backgroundColor"] == "#0F766E"
    assert said(heading) == ["實體獎品・抽獎遊戲", "可使用"]
    assert (name["text"], name["wrap"], name["maxLines"]) == ("保溫杯 500ml 聯名限定款", True, 3)
    assert hairline["type"] == "separator"
    assert [row["layout"] for row in rows["contents"]] == ["baseline", "baseline"]
    assert bubble["footer"]["contents"] == [
        {
            "type": "button",
            "style": "primary",
            "height": "sm",
            "color": "#0F766E",
            "adjustMode": "shrink-to-fit",
            "action": {
                "type": "postback",
                "label": "如何領取",
                "data": "v1.test-open.gifts",
                "displayText": "如何領取",
            },
        }
    ]


def test_tiles_are_rows_of_three_that_open_their_lists() -> None:
    """The last row is filled up, so that all tiles are equally wide."""
    tiles = contents(MENU)["body"]["contents"][1]["contents"]

    assert [len(row["contents"]) for row in tiles] == [3, 3]
    assert [tile.get("action", {}).get("data") for row in tiles for tile in row["contents"]] == [
        *(f"v1.test-open.{label}" for label in ("票券", "實體獎品", "虛擬獎品", "點數", "禮券")),
        None,
    ]


def test_success_and_value_are_on_colour() -> None:
    """A gradient behind the name, or behind the whole card."""
    assert contents(SUCCESS)["header"]["background"]["type"] == "linearGradient"
    assert contents(VALUE)["body"]["background"]["endColor"] == "#0F766E"
    assert "header" not in contents(VALUE)


def test_pictures_are_drawn_from_safe_addresses_only() -> None:
    """Percent-encoded; anything else is left out, the card stays."""
    assert contents(VOUCHER)["hero"]["url"] == "https://img.example.com/%E5%92%96%E5%95%A1%201.png"
    assert "hero" not in contents(replace(VOUCHER, image="http://img.example.com/1.png"))


def test_what_is_over_or_folded_away_is_grey() -> None:
    """Its badge or its name says so; a button there is not the loudest thing around."""
    assert GIFT.badge
    over = contents(replace(GIFT, badge=replace(GIFT.badge, tone="old")))
    folded = contents(FOLDED)

    assert over["header"]["backgroundColor"] == folded["header"]["backgroundColor"] == "#D1D5DB"
    assert folded["footer"]["contents"][0]["style"] == "secondary"


@pytest.mark.parametrize("hero", ["10 點", "1,000 點"])
def test_a_price_stands_below_the_name_with_its_worth_beside_it(hero: str) -> None:
    """All offers of a carousel alike, however short their price is."""
    name, price = contents(replace(VOUCHER, hero=hero))["body"]["contents"][1:]

    assert name["text"] == VOUCHER.title
    assert (price["layout"], said(price)) == ("baseline", [hero, "₫100,000"])


def test_where_there_is_no_hero_its_worth_is_a_fact() -> None:
    """As it is on cards that have their hero elsewhere."""
    for card in (replace(VOUCHER, hero=""), replace(VALUE, beside=VOUCHER.beside)):
        drawn = said(contents(card)["body"])
        assert drawn[drawn.index("面額") + 1] == "₫100,000"


def test_what_cannot_be_had_yet_says_so_in_the_buttons_place() -> None:
    """Grey, as the price is, and nothing to tap."""
    bubble = contents(SHORT)
    (field,) = bubble["footer"]["contents"]

    assert (field["height"], said(field)) == ("40px", ["還差 750 點"])
    assert "action" not in field
    assert [part["color"] for part in parts(bubble) if part.get("text") == SHORT.hero] == [MUTED]


def test_long_labels_stand_above_their_values() -> None:
    """Half a line would break them; a single long one among short ones does not change the card."""
    few = contents(Card("x", rows=(Row("Role", "owner"), Row("Waits for a person", "no"), Row("Seen", "today"))))
    many = contents(Card("x", rows=(Row("/code show <code>", "a code"), Row("/code list [group=5]", "all codes"))))

    assert {row["layout"] for row in few["body"]["contents"][-1]["contents"]} == {"baseline"}
    assert {row["layout"] for row in many["body"]["contents"][-1]["contents"]} == {"vertical"}


def test_a_dot_moves_no_value() -> None:
    """It is part of its label."""
    rows = (Row("Poshen", "fails", "bad"), Row("Queue", "empty"))
    drawn = contents(Card("x", rows=rows))["body"]["contents"][-1]["contents"]

    assert [[part["flex"] for part in row["contents"]] for row in drawn] == [[3, 7], [3, 7]]
    assert [span["text"] for span in drawn[0]["contents"][0]["contents"]] == ["● ", "Poshen"]


def test_a_name_alone_stands_in_the_middle_of_a_carousel() -> None:
    """The last card of a page is as tall as its neighbours and has little to say."""
    told = Card("說明", text="一句話")
    (rendered,) = draw(Carousel("獎品", (GIFT, told, FOLDED, Card("還有 3 項", buttons=(button("下一頁"),)))))
    *others, folded, more = (bubble["body"] for bubble in rendered.message["contents"]["contents"])

    for body in (folded, more):
        assert {body["justifyContent"], *(part["align"] for part in body["contents"])} == {"center"}
    assert [body for body in others if "justifyContent" in body] == []


def test_pictures_on_tiles_come_before_their_words() -> None:
    """`🎁 My gifts`."""
    menu = Card("選單", tiles=(Tile("🎁", "我的獎品", Open()), Tile("🎫", "票券", Open())))
    (rendered,) = draw(menu)

    assert rendered.plain
    assert rendered.plain["text"] == "選單\n🎁 我的獎品\n🎫 票券"
    assert [item["action"]["label"] for item in rendered.plain["quickReply"]["items"]] == ["🎁 我的獎品", "🎫 票券"]


def test_quick_replies_are_under_the_last_message_only() -> None:
    """LINE shows no others."""
    choices = (button("輸入兌換碼", keyboard=True), Link("網站", "https://example.com/"), button("選單"))
    first, last = draw(Text("一"), Text("二"), choices=choices)

    assert "quickReply" not in first.message
    assert last.message["quickReply"] == {
        "items": [
            {
                "type": "action",
                "action": {
                    "type": "postback",
                    "label": "輸入兌換碼",
                    "data": "v1.test-open.gifts",
                    "displayText": "輸入兌換碼",
                    "inputOption": "openKeyboard",
                },
            },
            {"type": "action", "action": {"type": "uri", "label": "網站", "uri": "https://example.com/"}},
            {
                "type": "action",
                "action": {
                    "type": "postback",
                    "label": "選單",
                    "data": "v1.test-open.gifts",
                    "displayText": "選單",
                },
            },
        ]
    }


def test_the_stand_in_keeps_every_button() -> None:
    """Buttons of all cards come under the last message, before the choices."""
    _, last = draw(GIFT, MENU, choices=(button("選單", "menu"),))

    assert last.plain
    labels = [item["action"]["label"] for item in last.plain["quickReply"]["items"]]
    assert labels == [
        "如何領取", "輸入兌換碼", "重新整理", "🎫 票券", "🎁 實體獎品", "📱 虛擬獎品", "⭐ 點數", "🎟️ 禮券", "選單",
    ]  # fmt: skip


def test_buttons_that_cannot_be_sent_are_left_out() -> None:
    """A missing button beats a refused answer."""
    card = Card("x", buttons=(button("a", "y" * 400), Link("b", "javascript:x"), button("c")))

    assert [each["action"]["label"] for each in contents(card)["footer"]["contents"]] == ["c"]
    assert "quickReply" not in draw(Text("x"), choices=(button("a", "y" * 400),))[0].message


def test_long_labels_are_cut_where_line_would_refuse_them() -> None:
    """Twenty characters under a message, forty on a card."""
    label = "兌" * 60
    (rendered,) = draw(Card("x", buttons=(button(label),)), choices=(button(label, "menu"),))

    assert rendered.message["contents"]["footer"]["contents"][0]["action"]["label"] == "兌" * 39 + "…"
    assert rendered.message["quickReply"]["items"][0]["action"]["label"] == "兌" * 19 + "…"


def test_a_carousel_draws_every_card() -> None:
    """Up to twelve side by side, more in a further message."""
    many = Carousel("獎品", tuple(replace(GIFT, title=f"獎品 {number}") for number in range(30)))
    rendered = draw(many, choices=(button("選單", "menu"),))
    shown = [bubble for each in rendered for bubble in each.message["contents"]["contents"]]

    assert [len(each.message["contents"]["contents"]) for each in rendered] == [12, 12, 6]
    assert [f"獎品 {number}" in said(bubble) for number, bubble in enumerate(shown)] == [True] * 30
    assert {bubble["size"] for bubble in shown} == {"kilo"}
    assert [bool(each.message.get("quickReply")) for each in rendered] == [False, False, True]


def test_a_carousels_stand_in_names_its_buttons_after_the_cards() -> None:
    """Ten buttons with one label would say nothing."""
    (rendered,) = draw(Carousel("獎品", (replace(GIFT, title="杯"), replace(GIFT, title="卡"))))

    assert rendered.plain
    assert [item["action"]["label"] for item in rendered.plain["quickReply"]["items"]] == ["杯", "卡"]


def test_a_carousel_that_is_too_big_loses_pictures_before_words() -> None:
    """And no card."""
    card = replace(VOUCHER, image="https://example.com/" + "x" * 1900, text="字" * 500)
    (rendered,) = draw(Carousel("禮券", (card,) * 12))
    bubbles = rendered.message["contents"]["contents"]

    assert len(bubbles) == 12
    assert not any("hero" in bubble for bubble in bubbles)
    assert "字" * 500 in said(bubbles[0])


def test_what_even_short_does_not_fit_goes_to_a_further_message() -> None:
    """Every card is shown."""
    rows = tuple(Row("標" * 40, "值" * 40) for _ in range(8))
    links = tuple(Link("字" * 40, "https://example.com/" + "x" * 900) for _ in range(4))
    rendered = draw(Carousel("禮券", tuple(Card(f"卡 {number}", rows=rows, buttons=links) for number in range(12))))
    shown = [bubble for each in rendered for bubble in each.message["contents"]["contents"]]

    assert len(rendered) > 1
    assert len(shown) == 12
    assert all(len(orjson.dumps(each.message["contents"])) < 40_000 for each in rendered)


def test_a_page_of_a_list_is_five_bubbles_of_six_rows_and_one_that_leads_on() -> None:
    """The whole row is tapped; lines between the rows; the last bubble has the list's buttons."""
    (rendered,) = draw(LIST)
    *rows, lead = rendered.message["contents"]["contents"]
    opened = [part["action"]["data"] for part in parts(rows) if "action" in part]

    assert_legal([rendered])
    assert_known_to_line(rendered.message)
    assert len(rows) == 5
    assert opened == [pack(item.action) for item in LIST.items]
    assert [sum(part.get("type") == "separator" for part in parts(bubble)) for bubble in rows] == [6] * 5
    assert "50 元折價券 #7" in said(rows[1])
    assert {bubble["size"] for bubble in (*rows, lead)} == {"mega"}
    assert said(lead) == ["第 2 頁，共 18 頁", "輸入頁碼也可以跳頁。"]
    assert [part["label"] for part in parts(lead) if "label" in part] == ["下一頁", "上一頁", "搜尋"]


LONGEST = [
    "禮" * 3000,
    "\u202egnp.tfig\u202c" * 250,
    "👨‍👩‍👧‍👦🇹🇼🏳️‍🌈" * 200,
    "Z\u0351\u036b\u0343\u036a" * 600,
    '"\\' * 1500,
    "سلام " * 600,
]


@pytest.mark.parametrize("name", LONGEST)
def test_a_page_with_the_longest_names_is_one_message_below_fifty_kilobytes(name: str) -> None:
    """However they are made, and beside the longest of our own words, buttons and addresses of pictures."""
    badge, image = Badge("2026/12/01 開始", "soon"), "https://example.com/" + "x" * 1900
    items = tuple(Item(name, Open(what="x" * 80), "🎟️", "實體獎品 · 2026/11/02", badge, image) for _ in range(30))
    long = replace(LIST, items=items)
    (rendered,) = draw(long)

    assert_legal([rendered])
    assert len(orjson.dumps(rendered.message["contents"])) < 50_000


def test_a_page_of_a_list_is_drawn_in_no_more_time_than_two_carousels() -> None:
    """Thirty lines beside nine cards, which took as much before; each at its best of several rounds."""
    cards = Carousel("獎品", tuple(replace(GIFT, title=f"獎品 {number}") for number in range(9)))
    took: dict[str, list[float]] = {"cards": [], "lines": []}
    for _round in range(12):
        for name, message in (("cards", cards), ("lines", LIST)):
            began = time.process_time()
            for _time in range(5):
                draw(message)
            took[name].append(time.process_time() - began)

    assert min(took["lines"]) < 2 * min(took["cards"]) + 0.005


def test_a_list_without_room_for_its_pictures_shows_icons() -> None:
    """Thirty short addresses fit; thirty long ones do not."""
    short = replace(LIST, items=tuple(replace(item, image="https://example.com/cup.png") for item in LIST.items))
    long = replace(LIST, items=tuple(replace(item, image=f"https://example.com/{'x' * 1900}") for item in LIST.items))

    assert sum(part.get("type") == "image" for part in parts(contents(short))) == 30
    assert sum(part.get("type") == "image" for part in parts(contents(long))) == 0
    assert "🎁" in said(contents(long))


def test_a_list_reads_as_lines_where_no_cards_are_shown() -> None:
    """The chat list names it; its stand-in says each line, and its buttons stay."""
    (rendered,) = draw(LIST)
    assert rendered.plain

    assert rendered.message["altText"].startswith("虛擬獎品：第 2 頁，共 18 頁 · 50 元折價券 #1 · ")
    assert "🎁 50 元折價券 #30 · 可使用 · 2026/11/02" in rendered.plain["text"]
    assert [item["action"]["label"] for item in rendered.plain["quickReply"]["items"]] == ["下一頁", "上一頁", "搜尋"]


def test_an_empty_list_says_its_title() -> None:
    """As a text."""
    assert draw(Listing("沒有獎品", (), opens="看")) == [Rendered({"type": "text", "text": "沒有獎品"})]


def test_more_than_five_messages_are_merged_then_left_out() -> None:
    """Texts next to each other become one; the first five stay."""
    texts = [Text(str(number)) for number in range(7)]

    merged = [each.message["text"] for each in draw(*texts)]
    assert merged == ["0\n\n1\n\n2", "3", "4", "5", "6"]
    assert len(draw(*[GIFT] * 7)) == 5


def test_a_text_beyond_the_limit_goes_on_in_the_next_message() -> None:
    """Nothing of it is lost while there is room."""
    rendered = draw(Text("字 " * 6000))

    assert [utf16(each.message["text"]) <= 5000 for each in rendered] == [True] * 3
    assert sum(each.message["text"].count("字") for each in rendered) == 6000


def test_silence_is_no_message() -> None:
    """Not even with choices."""
    assert draw() == []
    assert draw(choices=(button("選單", "menu"),)) == []


def test_an_empty_carousel_says_its_title() -> None:
    """A carousel without bubbles is illegal."""
    assert draw(Carousel("沒有獎品", ())) == [Rendered({"type": "text", "text": "沒有獎品"})]


@pytest.mark.parametrize(("brand", "accent"), [("#0F766E", "#0F766E"), ("#1d4ed8", "#1D4ED8"), ("#FACC15", INK)])
def test_a_brand_colour_too_light_to_read_gives_way_to_ink(brand: str, accent: str) -> None:
    """Where text is; the strip keeps the brand."""
    colors = palette(brand)

    assert (colors.strip, colors.accent) == (brand.upper(), accent)


@pytest.mark.parametrize("brand", ["#0F766E", "#1D4ED8", "#B91C1C", "#7C3AED", "#FACC15", "#111111", "#FFFFFF"])
def test_whatever_is_written_can_be_read(brand: str) -> None:
    """Labels and numbers on tiles, white on gradients, badges."""
    colors = palette(brand)
    pairs = [(MUTED, colors.tint), (colors.accent, colors.tint), (INK, colors.tint)]
    pairs += [(WHITE, dark) for dark in (colors.accent, colors.deep, colors.deeper)]

    assert [pair for pair in (*pairs, *TONES.values()) if contrast(*pair) < READABLE] == []


def test_the_tint_keeps_the_brands_hue() -> None:
    """Paper with a breath of the brand, not grey."""
    assert palette("#0F766E").tint == "#F0FDFC"


@pytest.mark.parametrize("color", ["", "teal", "#123", "#12345G", "0F766E"])
def test_a_brand_colour_that_is_none_stops_the_start(color: str) -> None:
    """The message names the setting."""
    with pytest.raises(ConfigurationError, match="BRAND_COLOR"):
        palette(color)

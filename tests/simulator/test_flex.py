"""Flex and templates, part by part: what a property does to what is drawn."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.line_messages import problems
from simulator.screen import Screen

MESSAGE = "#line .flex-message"
TAP = {"type": "postback", "label": "Tap", "data": "x"}
LONG = "一二三四五六七八九十" * 12


def box(*contents: Any, layout: str = "vertical", **more: Any) -> dict[str, Any]:
    return {"type": "box", "layout": layout, "contents": list(contents), **more}


def text(words: str = "文字 text", **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "action": TAP, **more}


def image(**more: Any) -> dict[str, Any]:
    return {"type": "image", "url": "https://img.example.com/a.png", **more}


def bubble(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"type": "bubble", "body": box(*parts), **more}


async def drawn(screen: Screen, sandbox: Sandbox, contents: dict[str, Any]) -> None:
    """Bring a Flex message to LINE's phone; one that LINE itself would take."""
    message = {"type": "flex", "altText": "x", "contents": contents}
    assert problems([message]) == []
    await screen.line.shown(sandbox, message)


async def style(screen: Screen, selector: str, *names: str) -> dict[str, str]:
    """Computed values of the last part of the message that matches."""
    found: dict[str, str] = await screen.probe("style", f"{MESSAGE} {selector}", list(names))
    return found


Looks = list[tuple[dict[str, Any], dict[str, str]]]


async def compare(screen: Screen, sandbox: Sandbox, selector: str, looks: Looks) -> None:
    """Draw several parts in one bubble and compare what the browser made of each."""
    await drawn(screen, sandbox, bubble(*(part for part, _ in looks)))
    nodes = await screen.page.locator(f"{MESSAGE} .fx-body > .fx-box > *").all()
    found = [
        await node.evaluate(
            """(node, [selector, names]) => {
                const style = getComputedStyle(selector ? [...node.querySelectorAll(selector)].at(-1) : node);
                return Object.fromEntries(names.map((name) => [name, style[name]]));
            }""",
            [selector, list(expected)],
        )
        for node, (_, expected) in zip(nodes, looks, strict=True)
    ]

    assert found == [expected for _, expected in looks]


async def test_texts_look_as_they_say(screen: Screen, sandbox: Sandbox) -> None:
    """Sizes, weight, colour, lines."""
    looks: Looks = [
        (text(), {"fontSize": "16px", "whiteSpace": "nowrap", "textOverflow": "ellipsis"}),
        (text(size="xxs"), {"fontSize": "11px"}),
        (text(size="5xl"), {"fontSize": "74px"}),
        (text(size="17px"), {"fontSize": "17px"}),
        (text(weight="bold", style="italic"), {"fontWeight": "700", "fontStyle": "italic"}),
        (text(color="#B91C1C"), {"color": "rgb(185, 28, 28)"}),
        (text(color="#00000080"), {"color": "rgba(0, 0, 0, 0.5)"}),
        (text(decoration="line-through"), {"textDecorationLine": "line-through"}),
        (text(align="end"), {"textAlign": "end"}),
        (text(wrap=True, maxLines=2), {"webkitLineClamp": "2", "whiteSpace": "pre-wrap"}),
        (text(wrap=True, lineSpacing="10px"), {"lineHeight": "32px"}),
    ]
    await compare(screen, sandbox, "", looks)


async def test_buttons_look_as_they_say(screen: Screen, sandbox: Sandbox) -> None:
    """Styles, colours and heights."""
    looks: Looks = [
        (button(style="primary", color="#0F766E"), {"backgroundColor": "rgb(15, 118, 110)"}),
        (button(style="link", color="#0F766E"), {"color": "rgb(15, 118, 110)"}),
        (button(style="secondary"), {"backgroundColor": "rgb(220, 223, 229)", "minHeight": "52px"}),
        (button(height="sm"), {"minHeight": "40px"}),
    ]
    await compare(screen, sandbox, "", looks)


async def test_boxes_look_as_they_say(screen: Screen, sandbox: Sandbox) -> None:
    """Room, borders, colours and gradients."""
    gradient = {"type": "linearGradient", "angle": "90deg", "startColor": "#000000", "endColor": "#FFFFFF"}
    looks: Looks = [
        (box(text(), paddingAll="lg", paddingTop="1px"), {"paddingTop": "1px", "paddingBottom": "12px"}),
        (box(text(), width="80px", height="40px"), {"width": "80px", "height": "40px"}),
        (box(text(), justifyContent="space-between"), {"justifyContent": "space-between"}),
        (box(text(), alignItems="center"), {"alignItems": "center"}),
        (box(text(), cornerRadius="md"), {"borderRadius": "8px", "overflow": "hidden"}),
        (box(text(), backgroundColor="#FEF3C7"), {"backgroundColor": "rgb(254, 243, 199)"}),
        (
            box(text(), borderWidth="bold", borderColor="#111111"),
            {"borderTopWidth": "4px", "borderTopColor": "rgb(17, 17, 17)"},
        ),
        (
            box(text(), background={**gradient, "centerColor": "#777777", "centerPosition": "20%"}),
            {"backgroundImage": "linear-gradient(90deg, rgb(0, 0, 0), rgb(119, 119, 119) 20%, rgb(255, 255, 255))"},
        ),
    ]
    await compare(screen, sandbox, "", looks)


async def test_texts_stand_where_their_box_says(screen: Screen, sandbox: Sandbox) -> None:
    """Gaps from the box or of their own, offsets and gravity."""
    a, b = text("a"), text("b")
    looks: Looks = [
        (box(a, b, spacing="xl"), {"marginTop": "16px"}),
        (box(a, {**b, "margin": "xs"}, spacing="xl"), {"marginTop": "2px"}),
        (box(a, {**b, "margin": "none"}, spacing="xl", layout="horizontal"), {"marginLeft": "0px"}),
        (box({**a, "gravity": "bottom"}, layout="horizontal", height="90px"), {"alignSelf": "flex-end"}),
        (box(a, {**b, "position": "absolute", "offsetTop": "3px"}), {"position": "absolute", "top": "3px"}),
        (box({**a, "offsetEnd": "lg"}), {"right": "12px"}),
    ]
    await compare(screen, sandbox, ".fx-text", looks)


async def test_pictures_and_lines_are_as_large_as_they_say(screen: Screen, sandbox: Sandbox) -> None:
    """Also within a line of text."""
    icon = {"type": "icon", "url": "https://img.example.com/i.png", "size": "xl"}
    line = {"type": "separator", "color": "#E5E7EB"}
    selector = ".picture, .fx-separator"
    looks: Looks = [
        (image(size="md", aspectRatio="2:1"), {"width": "100px", "height": "50px"}),
        (box(image(size="50px")), {"width": "50px", "height": "50px"}),
        (box(icon, text(), layout="baseline"), {"width": "22px", "height": "22px"}),
        (box(line), {"height": "1px", "backgroundColor": "rgb(229, 231, 235)"}),
        (box(text("a"), line, text("b"), layout="horizontal"), {"width": "1px", "alignSelf": "stretch"}),
    ]
    await compare(screen, sandbox, selector, looks)


async def test_bubbles_are_as_wide_as_their_size(screen: Screen, sandbox: Sandbox) -> None:
    """As LINE draws them on most phones."""
    widths = {"nano": 120, "micro": 160, "deca": 220, "hecto": 241, "kilo": 260, "mega": 300}
    for size in widths:
        await drawn(screen, sandbox, bubble(text(LONG), size=size))

    assert await screen.probe("widths", f"{MESSAGE} .fx-bubble") == list(widths.values())


async def test_shares_divide_the_room(screen: Screen, sandbox: Sandbox) -> None:
    """flex 3 and 7 side by side, and 0 as wide as its words."""
    row = box(text("a", flex=3), text("b", flex=7), text("c", flex=0), layout="horizontal")
    await drawn(screen, sandbox, {"type": "bubble", "body": box(row, paddingAll="0px")})
    widths = await screen.probe("widths", f"{MESSAGE} .fx-horizontal > .fx-text")

    assert widths[1] == pytest.approx(widths[0] * 7 / 3, abs=1)
    assert widths[2] < 20


async def test_numbers_shrink_to_one_line(screen: Screen, sandbox: Sandbox) -> None:
    """Instead of being cut."""
    number = text("1,234,567,890,123", size="3xl", adjustMode="shrink-to-fit")
    await drawn(screen, sandbox, bubble(number, size="nano"))
    node = screen.page.locator(f"{MESSAGE} .fx-text")

    assert await node.evaluate("(node) => node.scrollWidth <= node.clientWidth + 1")
    assert (await style(screen, ".fx-text", "fontSize"))["fontSize"] != "35px"


async def test_spans_have_looks_of_their_own(screen: Screen, sandbox: Sandbox) -> None:
    """In one line of text."""
    spans = [
        {"type": "span", "text": "a", "color": "#B91C1C"},
        {"type": "span", "text": "b", "size": "xl", "weight": "bold"},
    ]
    await drawn(screen, sandbox, bubble({"type": "text", "contents": spans}))

    assert await screen.line.answer() == "ab"
    assert await style(screen, ".fx-text span", "fontSize", "fontWeight") == {"fontSize": "22px", "fontWeight": "700"}


async def test_blocks_come_in_their_order_with_their_styles(screen: Screen, sandbox: Sandbox) -> None:
    """Whatever order the JSON has them in."""
    blocks = {"footer": box(text("4")), "body": box(text("3")), "hero": image(size="full"), "header": box(text("1"))}
    styles = {"footer": {"separator": True, "separatorColor": "#B91C1C", "backgroundColor": "#FEF3C7"}}
    await drawn(screen, sandbox, {"type": "bubble", **blocks, "styles": styles})
    outline = [line.strip() for line in (await screen.probe("outline", "line")).split("\n")]

    assert outline == [
        "bubble mega",
        *("header", "1", "hero", "picture img.example.com", "body", "3", "footer", "—", "4"),
    ]
    assert await style(screen, ".fx-footer", "backgroundColor") == {"backgroundColor": "rgb(254, 243, 199)"}


async def test_the_innermost_action_wins(screen: Screen, sandbox: Sandbox) -> None:
    """A button on a card that can itself be tapped does its own thing only."""
    inner = button(action={"type": "message", "label": "Inner", "text": "help"})
    outer = {"type": "message", "label": "Outer", "text": "menu"}
    await drawn(screen, sandbox, bubble(text("words"), inner, action=outer))
    await screen.line.tap("Inner")
    await screen.line.do(screen.page.locator(f"{MESSAGE} .fx-text").first.click)

    assert [act["text"] for act in await screen.probe("acts")] == ["help", "menu"]


@pytest.mark.parametrize(
    ("action", "inside"),
    [
        ({"type": "datetimepicker", "data": "d", "mode": "date", "min": "2026-01-01"}, "input[type=date]"),
        ({"type": "uri", "uri": "https://example.com/"}, "a.go"),
    ],
)
async def test_actions_that_need_a_sheet_open_one(screen: Screen, sandbox: Sandbox, action: Any, inside: str) -> None:
    """It has the focus, and Escape gives it back."""
    await drawn(screen, sandbox, bubble(button(action={**action, "label": "When"})))
    await screen.line.button("When").focus()
    await screen.page.keyboard.press("Enter")
    await screen.line.root.locator(f".sheet {inside}:focus").wait_for()
    await screen.page.keyboard.press("Escape")

    assert await screen.probe("focused") == "When"


async def test_a_picked_date_is_posted(screen: Screen, sandbox: Sandbox) -> None:
    """With its parameters, as a postback."""
    action = {"type": "datetimepicker", "label": "When", "data": "d", "mode": "date"}
    await drawn(screen, sandbox, bubble(button(action=action)))
    await screen.line.button("When").click()
    await screen.line.root.locator(".sheet input").fill("2026-12-31")
    await screen.line.do(screen.line.root.locator(".sheet .go").click)

    assert (await screen.probe("acts"))[-1]["params"] == {"date": "2026-12-31"}


async def test_a_prompt_opens_the_keyboard_with_its_words(screen: Screen, sandbox: Sandbox) -> None:
    """LINE's inputOption and fillInText."""
    await drawn(screen, sandbox, bubble(button(action={**TAP, "inputOption": "openKeyboard", "fillInText": "code: "})))
    await screen.line.tap("Tap")

    assert await screen.line.input.input_value() == "code: "
    assert await screen.probe("focused") == "TEXTAREA"


async def test_a_code_to_copy_is_copied_and_said(screen: Screen, sandbox: Sandbox) -> None:
    """Nothing is posted for it."""
    action = {"type": "clipboard", "label": "Copy", "clipboardText": "WELCOME2026"}
    await drawn(screen, sandbox, bubble(button(action=action)))
    await screen.line.button("Copy").click()
    await screen.line.root.locator(".toast").wait_for()

    assert "WELCOME2026" in await screen.line.root.locator(".toast").inner_text()
    assert await screen.webhooks() == 0


PICTURE = "https://img.example.com/t.png"
TEMPLATES: dict[str, dict[str, object]] = {
    "confirm": {"text": "Sure?", "actions": [TAP, {**TAP, "label": "No"}]},
    "buttons": {"title": "Title", "text": "Text", "thumbnailImageUrl": PICTURE, "actions": [TAP]},
    "carousel": {"columns": [{"text": "One", "actions": [TAP]}, {"text": "Two", "actions": [TAP]}]},
    "image_carousel": {"columns": [{"imageUrl": PICTURE, "action": TAP}]},
}


@pytest.mark.parametrize("kind", TEMPLATES)
async def test_lines_older_templates_are_drawn_too(screen: Screen, sandbox: Sandbox, kind: str) -> None:
    """With everything that can be tapped."""
    message = {"type": "template", "altText": "x", "template": {"type": kind, **TEMPLATES[kind]}}
    assert problems([message]) == []
    await screen.line.shown(sandbox, message)

    assert "Tap" in await screen.line.labels()
    assert await screen.line.root.locator(".unsupported").count() == 0


def template(kind: str, **payload: Any) -> dict[str, Any]:
    """A message of Messenger's."""
    return {"attachment": {"type": "template", "payload": {"template_type": kind, **payload}}}


async def test_messengers_coupon_reveals_its_code(screen: Screen, sandbox: Sandbox) -> None:
    """A tap tells the bot and shows the code."""
    coupon = template("coupon", title="20% off", coupon_code="SAVE20", coupon_url="https://example.com/")
    await screen.messenger.be("emily")
    await screen.messenger.shown(sandbox, coupon)
    assert "SAVE20" not in await screen.messenger.answer()
    await screen.messenger.tap("Reveal code")

    assert "SAVE20" in await screen.messenger.answer()
    assert "Terms may apply." in await screen.messenger.answer()
    assert "Shop now" in await screen.messenger.labels()


async def test_messengers_media_template_has_its_buttons(screen: Screen, sandbox: Sandbox) -> None:
    """Under the picture's place."""
    call = {"type": "phone_number", "title": "Call", "payload": "+886212345678"}
    media = template("media", elements=[{"media_type": "image", "url": PICTURE, "buttons": [call]}])
    await screen.messenger.shown(sandbox, media)
    await screen.messenger.button("Call").click()

    assert await screen.messenger.root.locator(".sheet .go").get_attribute("href") == "tel:+886212345678"

"""Nothing that the bot, a vendor or a customer writes becomes anything but text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.simulator import Simulator
from simulator.screen import Screen

PAGE = Path(__file__).parents[2] / "sandbox" / "simulator" / "page"
EVIL = "<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>"
REFUSED = [
    "javascript:document.title='pwned'",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "http://example.com/",
    "https://user:password@example.com/",
    "tel:*#06#",
    "file:///etc/passwd",
    "//example.com",
    "",
]


def box(*contents: Any, **more: Any) -> dict[str, Any]:
    return {"type": "box", "layout": "vertical", "contents": list(contents), **more}


def bubble(*contents: Any) -> dict[str, Any]:
    return {"type": "flex", "altText": "x", "contents": {"type": "bubble", "body": box(*contents)}}


def link(uri: str) -> dict[str, Any]:
    return {"type": "button", "action": {"type": "uri", "label": "Look", "uri": uri}}


async def test_a_wallet_of_hostile_names_is_read_as_it_is(screen: Screen, channel: str) -> None:
    """Markup, templates, formulas and control characters in gifts' names are text."""
    phone = screen.phone(channel)
    await phone.be("hostile")
    await phone.say("my gifts")
    await phone.do(phone.chips.filter(has_text="Digital").click)

    answer = await phone.answer()
    for name in ("<script>alert(1)</script>", "{brand} %(name)s %s {0}", "=HYPERLINK(", "[b]粗體[/b]"):
        assert name in answer
    assert await screen.page.locator(".device script, .device img[onerror], .device b > b").count() == 0
    assert await screen.page.title() == "Giftdesk"


async def test_markup_stays_text_on_line(screen: Screen, sandbox: Sandbox) -> None:
    """Wherever a LINE message can carry it."""
    action = {"type": "postback", "label": EVIL, "data": "x", "displayText": EVIL}
    for message in (
        {"type": "text", "text": EVIL},
        bubble({"type": "text", "text": EVIL}),
        bubble({"type": "text", "contents": [{"type": "span", "text": EVIL}]}),
        bubble({"type": "button", "action": action}),
        bubble({"type": "image", "url": f"https://{EVIL}/"}),
        bubble({"type": EVIL}),
        {"type": "template", "template": {"type": "buttons", "title": EVIL, "text": EVIL, "actions": [action]}},
        {"type": "location", "title": EVIL, "address": EVIL, "latitude": 1, "longitude": 1},
        {"type": EVIL},
        {"type": "text", "text": "x", "quickReply": {"items": [{"action": action}]}},
    ):
        await screen.line.shown(sandbox, message)

    assert (await screen.line.answer()).count("</script>") >= 7
    assert await screen.page.locator("script:not([src]), img[onerror]").count() == 0
    assert await screen.page.title() == "Giftdesk"


async def test_markup_stays_text_on_messenger(screen: Screen, sandbox: Sandbox) -> None:
    """Wherever a Messenger template can carry it."""
    button = {"type": "postback", "title": EVIL, "payload": EVIL}
    for payload in (
        {"template_type": "generic", "elements": [{"title": EVIL, "subtitle": EVIL, "image_url": EVIL}]},
        {"template_type": "button", "text": EVIL, "buttons": [button]},
        {"template_type": "coupon", "title": EVIL, "coupon_code": EVIL, "coupon_pre_message": EVIL},
        {"template_type": EVIL},
    ):
        await screen.messenger.shown(sandbox, {"attachment": {"type": "template", "payload": payload}})

    assert (await screen.messenger.answer()).count("</script>") >= 6
    assert await screen.page.locator("script:not([src]), img[onerror]").count() == 0
    assert await screen.page.title() == "Giftdesk"


async def test_only_pages_and_telephone_numbers_are_opened(screen: Screen, sandbox: Sandbox) -> None:
    """Every other address is shown and refused; there is nothing to click on."""
    sheet = screen.line.root.locator(".sheet")
    for address in REFUSED:
        await screen.line.shown(sandbox, bubble(link(address)))
        await screen.line.button("Look").click()

        assert await sheet.locator("a").count() == 0
        assert (await sheet.locator(".refused").inner_text()).strip() == address
        await screen.page.keyboard.press("Escape")


@pytest.mark.parametrize("address", ["https://example.com/a?b=1#c", "tel:+886-2-1234-5678"])
async def test_a_link_is_seen_before_it_is_followed(screen: Screen, sandbox: Sandbox, address: str) -> None:
    """The whole address, and a window that knows nothing of this one."""
    await screen.line.shown(sandbox, bubble(link(address)))
    await screen.line.button("Look").click()
    go = screen.line.root.locator(".sheet a")

    assert await screen.line.root.locator(".sheet .address").inner_text() == address.removeprefix("tel:")
    assert await go.get_attribute("href") == address
    assert await go.get_attribute("rel") == "noopener noreferrer"
    assert await go.get_attribute("target") == "_blank"


async def test_addresses_in_texts_can_be_tapped_only_when_they_are_pages(screen: Screen, sandbox: Sandbox) -> None:
    """As in the apps, and nothing else becomes a link."""
    text = "see https://example.com/x. or javascript:alert(1) or http://example.org/ ok"
    await screen.messenger.shown(sandbox, {"text": text})
    links = screen.messenger.root.locator(".row .link")

    assert await links.all_inner_texts() == ["https://example.com/x"]
    assert await screen.messenger.answer() == text


async def test_characters_that_turn_lines_around_are_shown_by_name(screen: Screen, sandbox: Sandbox) -> None:
    """Neither in a text nor on a button do they do anything; emoji made of several characters stay whole."""
    await screen.line.shown(sandbox, {"type": "text", "text": "gift\u202egpj.exe\u2066 👨‍👩‍👧"})
    words = await screen.line.answer()
    action = {"type": "message", "label": "\u202eevil", "text": "x"}
    await screen.line.shown(sandbox, bubble({"type": "button", "action": action}))

    assert words == "giftU+202Egpj.exeU+2066 👨‍👩‍👧"
    assert await screen.line.root.locator(".fx-button").last.inner_text() == "U+202Eevil"
    assert "evil" in await screen.line.labels()


async def test_what_people_type_is_text_too(screen: Screen, channel: str) -> None:
    """In their own bubble and in the timeline."""
    phone = screen.phone(channel)
    await phone.say(EVIL)

    assert (await phone.rows())[0] == EVIL
    assert EVIL in (await screen.page.locator(".trace .label").first.text_content() or "")
    assert await screen.page.title() == "Giftdesk"


async def test_unknown_parts_say_so(screen: Screen, sandbox: Sandbox) -> None:
    """Nothing disappears silently."""
    await screen.line.shown(sandbox, bubble({"type": "hologram"}, {"type": "text", "text": "kept"}))

    assert (await screen.line.answer()).split("\n") == ["unsupported: hologram", "kept"]


async def test_broken_messages_break_nothing(screen: Screen, sandbox: Sandbox) -> None:
    """They are drawn as far as they go, and the next one is drawn as ever."""
    for message in (
        bubble({"type": "text", "text": "x", "color": "url(https://evil.example/)", "size": "1px;x", "flex": "a"}),
        bubble(box(backgroundColor="red;background:url(//evil.example)", width="expression(1)", cornerRadius=7)),
        bubble({"type": "text", "contents": "no list"}, None, 7, "text"),
        {"type": "flex", "altText": "x", "contents": {"type": "carousel", "contents": [None, {"type": "bubble"}]}},
        {"type": "flex", "altText": "x", "contents": None},
        {"type": "template", "altText": "x", "template": {"type": "carousel"}},
        {"type": "text", "text": "x", "quickReply": {"items": [None, {}]}},
        None,
    ):
        await screen.line.shown(sandbox, message)
    await screen.line.shown(sandbox, {"type": "text", "text": "still here"})

    assert "still here" in await screen.line.answer()
    assert [address for address in screen.asked if "evil" in address] == []


async def test_the_page_asks_nobody_but_its_own_server(screen: Screen, simulator: Simulator, sandbox: Sandbox) -> None:
    """Pictures of cards are drawn, not fetched."""
    message = bubble({"type": "image", "url": "https://img.example.com/a.png", "size": "full"})
    await screen.line.shown(sandbox, message)
    await screen.page.reload()
    await screen.page.wait_for_selector("body[data-ready]")

    assert await screen.line.root.locator(".picture").inner_text() == "img.example.com"
    assert screen.asked != []
    assert [address for address in screen.asked if not address.startswith(simulator.url)] == []


async def test_the_policy_forbids_what_the_page_never_does(screen: Screen) -> None:
    """Should a script ever try: no markup from text, no style attribute, no inline script, no foreign connection."""
    tried = await screen.probe("attack")
    screen.complaints.clear()  # The browser says so aloud; here that is as it should be.

    assert tried == {"markup": "refused", "style": "refused", "script": "refused", "foreign": "refused"}


FORBIDDEN = (
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "eval(",
    "new Function",
    'setAttribute("style"',
    "srcdoc",
    "DOMParser",
    "createContextualFragment",
)


@pytest.mark.parametrize("script", sorted(PAGE.glob("*.js")), ids=lambda path: path.name)
def test_no_script_makes_markup_from_text(script: Path) -> None:
    """The browser would refuse it; it is not even tried."""
    written = script.read_text(encoding="utf-8")

    assert [word for word in FORBIDDEN if word in written] == []


def test_the_page_has_neither_inline_scripts_nor_inline_styles() -> None:
    """And nothing from elsewhere."""
    page = (PAGE / "index.html").read_text(encoding="utf-8")

    assert re.findall(r"<script(?![^>]*\bsrc=)|\bstyle=|\bon\w+=|https?://", page) == []
    for sheet in PAGE.glob("*.css"):
        assert re.findall(r"url\(|@import", sheet.read_text(encoding="utf-8")) == [], sheet.name

"""Instagram's phone, before a bot of one idea: it repeats what it heard, or says nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Browser, ViewportSize

from sandbox import Phone, Sandbox
from sandbox.credentials import INSTAGRAM_ACCOUNT_ID
from sandbox.people import demo_id
from sandbox.simulator import Simulator
from sandbox.simulator.record import event_key
from simulator.screen import Screen, opened

IGSID = demo_id("instagram", "yu")
CARDS = [
    {
        "title": "Mug",
        "subtitle": "Valid",
        "buttons": [{"type": "postback", "title": "How to claim", "payload": "v1.c"}],
    },
    {"title": "Tote bag", "subtitle": "Valid"},
]
REPLIES = [{"content_type": "text", "title": "Menu", "payload": "v1.m"}]


@dataclass
class Echo:
    """The bot. heard: every webhook. mute: it acknowledges and does nothing more, like a bot without Instagram."""

    sandbox: Sandbox
    http: aiohttp.ClientSession
    simulator: Simulator | None = None
    mute: bool = False
    heard: list[dict[str, Any]] = field(default_factory=list)
    _answering: set[asyncio.Task[None]] = field(default_factory=set)

    async def take(self, request: web.Request) -> web.Response:
        webhook = await request.json()
        self.heard.append(webhook)
        if not self.mute:
            task = asyncio.create_task(self.answer(webhook))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        return web.Response()

    async def answer(self, webhook: dict[str, Any]) -> None:
        [entry] = webhook["entry"]
        [event] = entry["messaging"]
        said = event.get("message") or event["postback"]
        tapped = (said.get("quick_reply") or said).get("payload")
        if not said.get("is_deleted"):
            await self.send(event["sender"]["id"], {"text": f"heard {tapped or said.get('text') or 'something'}"})
            cards = {"template_type": "generic", "elements": CARDS}
            await self.send(event["sender"]["id"], {"attachment": {"type": "template", "payload": cards}})
            await self.send(event["sender"]["id"], {"text": "What else?", "quick_replies": REPLIES})
        assert self.simulator is not None
        trace = self.simulator.record.traces[-1]
        self.simulator.hear(json.dumps({"event": "event done", "key": trace.key, "outcome": "delivered"}))

    async def quiet(self) -> None:
        """Wait until everything was answered."""
        await asyncio.gather(*self._answering)

    async def send(self, user: str, message: dict[str, Any]) -> None:
        body = {"recipient": {"id": user}, "messaging_type": "RESPONSE", "message": message}
        await self.graph("/me/messages", body)

    async def graph(self, path: str, body: dict[str, Any]) -> None:
        settings = self.sandbox.environment()
        headers = {"Authorization": f"Bearer {settings['MESSENGER_PAGE_ACCESS_TOKEN']}"}
        async with self.http.post(settings["MESSENGER_API_URL"] + path, json=body, headers=headers) as done:
            assert done.status == 200, await done.text()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for webhook in self.heard for entry in webhook["entry"] for event in entry["messaging"]]


@pytest.fixture(scope="module")
async def served_echo() -> AsyncIterator[Echo]:
    async with Sandbox.running() as sandbox, aiohttp.ClientSession() as http:
        bot = Echo(sandbox, http)
        app = web.Application()
        app.router.add_post("/webhooks/{channel}", bot.take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with Simulator.running(sandbox, f"http://127.0.0.1:{runner.addresses[0][1]}") as bot.simulator:
            yield bot
        await runner.cleanup()


@pytest.fixture
async def echo(served_echo: Echo) -> AsyncIterator[Echo]:
    """Nobody has said anything, and no menu is installed."""
    assert served_echo.simulator is not None
    served_echo.heard.clear()
    served_echo.mute = False
    served_echo.sandbox.reset()
    served_echo.simulator.forget()
    yield served_echo
    await served_echo.quiet()  # What is still on its way must not reach the next test's people.


@pytest.fixture(scope="module")
async def open_screen(browser: Browser, served_echo: Echo) -> AsyncIterator[Screen]:
    assert served_echo.simulator is not None
    async with opened(browser, served_echo.simulator.url) as screen:
        yield screen


@pytest.fixture
async def page(open_screen: Screen, echo: Echo) -> AsyncIterator[Screen]:
    """The page, in English; the browser must not complain about anything."""
    assert echo.simulator is not None
    await open_screen.page.wait_for_selector(f"body[data-ready='{echo.simulator.epoch}']")
    open_screen.complaints.clear()
    yield open_screen
    assert open_screen.complaints == []


@pytest.fixture
async def screen(page: Screen) -> Screen:
    """It is Emily's phone."""
    await page.instagram.be("emily")
    return page


async def install(echo: Echo) -> None:
    """A menu and ice breakers, as a brand sets them."""
    items = [{"type": "postback", "title": "選單", "payload": "v1.m"}]
    site = {"type": "web_url", "title": "Our site", "url": "https://example.com/shop"}
    english = [{"type": "postback", "title": "Menu", "payload": "v1.m"}, site]
    asked = [{"question": "What did I win?", "payload": "v1.g"}, {"question": "Where is the shop?", "payload": "v1.s"}]
    profile = {
        "persistent_menu": [
            {"locale": "default", "call_to_actions": items},
            {"locale": "en_US", "call_to_actions": english},
        ],
        "ice_breakers": [{"locale": "default", "call_to_actions": asked}],
    }
    await echo.graph("/me/messenger_profile?platform=instagram", profile)


async def test_a_conversation_on_instagram(screen: Screen, echo: Echo) -> None:
    """Typed, a button of a card, a quick reply: each is what Instagram posts, and has its trace."""
    phone = screen.instagram
    await phone.say("my gifts")
    await phone.tap("How to claim")
    await phone.do(phone.chips.first.click)
    answer = await phone.answer()
    await screen.open("trace_tab")

    assert [webhook["object"] for webhook in echo.heard] == ["instagram"] * 3
    assert [entry["id"] for webhook in echo.heard for entry in webhook["entry"]] == [INSTAGRAM_ACCOUNT_ID] * 3
    said, tapped, chosen = echo.events
    assert said["message"]["text"] == "my gifts"
    assert (tapped["postback"]["title"], tapped["postback"]["payload"]) == ("How to claim", "v1.c")
    assert chosen["message"]["quick_reply"] == {"payload": "v1.m"}
    assert answer.startswith("heard v1.m")
    rows = await phone.rows()
    assert [row for row in rows if row in ("my gifts", "How to claim", "Menu")] == ["my gifts", "How to claim", "Menu"]
    assert await screen.page.locator(".trace .channel.instagram").count() == 3
    assert await screen.page.locator(".trace[data-outcome=delivered]").count() == 3
    steps = [step["kind"] for step in (await screen.probe("traces"))[0]["steps"]]
    assert steps == ["send", "send", "send"]


async def test_a_bot_without_instagram_says_nothing_and_breaks_nothing(screen: Screen, echo: Echo) -> None:
    """Its acknowledgement is all there is; the other phones go on."""
    echo.mute = True
    phone = screen.instagram
    await phone.input.fill("hello")
    await phone.input.press("Enter")
    await phone.root.locator(".row.mine[data-state=read]").wait_for()
    await screen.messenger.be("emily")
    await screen.messenger.input.fill("hello")
    await screen.messenger.input.press("Enter")
    await screen.messenger.root.locator(".row.mine[data-state=read]").wait_for()

    assert await phone.rows() == ["hello"]
    assert await phone.root.locator(".row.mine .state").inner_text() == "Seen"
    assert [webhook["object"] for webhook in echo.heard] == ["instagram", "page"]


async def test_ice_breakers_and_the_menu(screen: Screen, echo: Echo) -> None:
    """Questions stand in an empty chat only; the menu is that of the phone's language, a link in it is shown first."""
    await install(echo)
    phone = screen.instagram
    questions = phone.root.locator(".ice-breaker")
    await questions.first.wait_for()
    asked = await questions.all_inner_texts()
    await phone.do(questions.first.click)
    await phone.root.locator(".to-menu").click()
    menu = await phone.root.locator(".sheet .list button").all_inner_texts()
    await phone.do(phone.root.locator(".sheet .list button").first.click)
    await phone.root.locator(".to-menu").click()
    await phone.root.locator(".sheet .list button").last.click()
    address = await phone.root.locator(".sheet .address").inner_text()
    await screen.page.keyboard.press("Escape")

    assert asked == ["What did I win?", "Where is the shop?"]
    assert menu == ["Menu", "Our site"]
    assert address == "https://example.com/shop"
    assert [event["postback"]["payload"] for event in echo.events] == ["v1.g", "v1.m"]
    assert (await phone.rows())[0] == "What did I win?"
    assert await questions.count() == 0
    await phone.be("yu")
    await phone.root.locator(".to-menu").click()
    assert await phone.root.locator(".sheet .list button").all_inner_texts() == ["選單"]


async def test_what_can_be_sent_and_taken_back(screen: Screen, echo: Echo) -> None:
    """Pictures and stickers, stories, posts and reels, what is not supported; the newest of them can be unsent."""
    phone = screen.instagram
    await phone.root.locator("[data-t-label=attach]").click()
    offered = await phone.root.locator(".sheet .list button").all_inner_texts()
    await screen.page.keyboard.press("Escape")
    for label in offered:
        await phone.root.locator("[data-t-label=attach]").click()
        await phone.do(phone.root.locator(".sheet .list button", has_text=label).click)
    await phone.root.locator("[data-t-label=chat_options]").click()
    await phone.do(phone.root.locator(".sheet .list button").click)
    messages = [event["message"] for event in echo.events]

    kinds = [each["attachments"][0]["type"] if "attachments" in each else "" for each in messages]
    assert kinds == ["image", "image", "story_mention", "share", "ig_reel", "", ""]
    assert messages[-2]["is_unsupported"] is True
    assert (messages[-1]["mid"], messages[-1]["is_deleted"]) == (messages[-2]["mid"], True)
    assert await phone.root.locator(".row.mine :is(.picture, .sticker, .place)").count() == len(offered)
    assert (await phone.rows())[-1] == "A message was taken back"
    await phone.root.locator("[data-t-label=chat_options]").click()
    await phone.do(phone.root.locator(".sheet .list button").click)
    assert echo.events[-1]["message"]["mid"] == messages[-3]["mid"]


async def test_who_holds_the_phone(screen: Screen, echo: Echo) -> None:
    """Somebody new with the same gifts, their language, and who can no longer be written to."""
    phone = screen.instagram
    await phone.meet("zh-TW")
    user = await screen.page.evaluate("giftdesk.phones.instagram.person.id")
    about = await phone.about()
    locales = await about.locator("select[name=locale] option").evaluate_all("(all) => all.map((each) => each.value)")
    await about.locator("select[name=locale]").select_option("en_US")
    await screen.until("giftdesk.phones.instagram.language === 'en'")
    await about.locator(".check", has_text="24 hour").locator("input").uncheck()
    await about.locator(".check", has_text="Blocks").locator("input").check()
    await screen.until("giftdesk.phones.instagram.person.blocked && !giftdesk.phones.instagram.person.window_open")

    assert locales == ["zh_TW", "en_US", ""]
    assert echo.heard == []  # Instagram tells nobody of it.
    assert echo.sandbox.graph.platform_of(user).channel == "instagram"
    person = echo.sandbox.people.find("instagram", user)
    assert person is not None
    assert (person.locale, person.blocked, person.window_open) == ("en_US", True, False)
    assert await phone.input.get_attribute("placeholder") == "Message"


async def test_a_message_that_answers_nothing_is_a_push_on_instagram(screen: Screen, echo: Echo) -> None:
    """Though Messenger's address sent it; for somebody else's chat it is marked as news."""
    await echo.send(IGSID, {"text": "Your gift ends tomorrow."})
    await screen.until("probe.traces().length === 1")
    [trace] = await screen.probe("traces")
    news = screen.instagram.root.locator(".news")
    await news.wait_for()

    assert (trace["kind"], trace["channel"], trace["chat"]) == ("push", "instagram", IGSID)
    assert await news.inner_text() == "1"
    assert not await screen.messenger.root.locator(".news").is_visible()


async def test_a_conversation_is_done_again(screen: Screen, echo: Echo, tmp_path: Path) -> None:
    """Typed lines, buttons, quick replies and the menu, from an exported file."""
    await install(echo)
    phone = screen.instagram
    await phone.root.locator(".to-menu").wait_for()
    await phone.say("my gifts")
    await phone.tap("How to claim")
    await phone.do(phone.chips.first.click)
    await phone.root.locator(".to-menu").click()
    await phone.do(phone.root.locator(".sheet .list button").first.click)
    rows = await phone.rows()
    async with screen.page.expect_download() as downloading:
        await screen.page.locator("[data-t=export]").click()
    path = tmp_path / "transcript.json"
    await (await downloading.value).save_as(path)
    await screen.start_over()
    await screen.until("document.querySelector('.page-toast').textContent === 'Started over.'")
    await screen.page.locator(".transcript input[type=file]").set_input_files(path)
    await screen.until("document.querySelector('.progress').dataset.done === '4'")

    assert await phone.rows() == rows
    assert list(echo.sandbox.instagram.profile) == ["persistent_menu", "ice_breakers"]


VISIBLE = """(name) => {
    const [room, box] = [".phones", name].map((each) => document.querySelector(each).getBoundingClientRect());
    return box.left >= room.left && box.right <= room.right;
}"""


async def seen_whole(screen: Screen) -> list[bool]:
    return [await screen.page.evaluate(VISIBLE, name) for name in ("#line", "#messenger", "#instagram")]


@pytest.mark.parametrize("width", [1280, 1400, 800])
async def test_alt_and_a_number_bring_a_phone_from_beyond_the_edge(page: Screen, width: int) -> None:
    """Two are seen at a time, and the page itself does not move sideways."""
    async with page.on(size={"width": width, "height": 900}, motion="reduce") as screen:
        first = await seen_whole(screen)
        await screen.page.keyboard.press("Alt+3")
        then = await seen_whole(screen)
        focused = await screen.page.evaluate("document.activeElement.closest('.phone').id")
        await screen.page.keyboard.press("Alt+1")
        last = await seen_whole(screen)
        wide = await screen.page.locator("html").evaluate("(all) => all.scrollWidth")

    assert (first, then, last) == ([True, True, False], [False, True, True], [True, True, False])
    assert focused == "instagram"
    assert wide == width


async def test_a_click_on_the_piece_that_is_seen_brings_the_whole_phone(page: Screen) -> None:
    """And what was clicked is done."""
    async with page.on(size={"width": 1280, "height": 900}, motion="reduce") as screen:
        box = await screen.instagram.root.locator("[data-t-label=attach]").bounding_box()
        assert box is not None
        await screen.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        shown = await seen_whole(screen)
        opened_sheet = await screen.instagram.root.locator(".sheet").is_visible()

    assert shown == [False, True, True]
    assert opened_sheet


async def test_three_phones_stand_in_a_row_where_there_is_room(page: Screen) -> None:
    """With the panel beside them."""
    async with page.on(size={"width": 1640, "height": 900}) as screen:
        row = screen.page.locator(".phones")
        scrolls = await row.evaluate("(node) => node.scrollWidth > node.clientWidth")
        boxes = await screen.probe("widths", ".phone, .panel")

    assert not scrolls
    assert boxes[:3] == [391, 391, 391]
    assert boxes[3] >= 300


async def test_on_a_narrow_screen_it_has_a_tab(browser: Browser, echo: Echo) -> None:
    """Its names fit, nothing sticks out, and a conversation is possible."""
    assert echo.simulator is not None
    narrow = ViewportSize(width=390, height=800)
    async with opened(browser, echo.simulator.url, viewport=narrow, has_touch=True) as screen:
        tabs = screen.page.locator(".places button")
        cut = await tabs.evaluate_all("(all) => all.filter((tab) => tab.scrollWidth > tab.clientWidth).length")
        await screen.page.locator(".places [data-place=instagram]").click()
        await screen.instagram.say("hi")
        shown = [await screen.page.locator(name).is_visible() for name in ("#line", "#messenger", "#instagram")]
        wide = await screen.page.locator("html").evaluate("(all) => all.scrollWidth")
        assert screen.complaints == []

    assert cut == 0
    assert shown == [False, False, True]
    assert wide == 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everything_on_instagram_can_be_read(page: Screen, echo: Echo, scheme: Literal["light", "dark"]) -> None:
    """In an empty chat, in a long one, and in its sheets."""
    await install(echo)
    async with page.on(size={"width": 1640, "height": 900}, scheme=scheme) as screen:
        phone = screen.instagram
        await phone.root.locator(".ice-breaker").first.wait_for()
        found = await screen.probe("faint")
        await phone.say("see https://example.com/")
        await phone.say("my gifts")
        found += await screen.probe("faint")
        for opens in ("[data-t-label=attach]", "[data-t-label=chat_options]", ".to-menu"):
            await phone.root.locator(opens).click()
            found += await screen.probe("faint")
            await screen.page.keyboard.press("Escape")
        await phone.about()
        found += await screen.probe("faint")

    assert found == []


async def test_what_is_hidden_from_screen_readers_is_hidden(screen: Screen) -> None:
    """An attribute without a value hides nothing."""
    await screen.instagram.say("my gifts")
    hidden = await screen.page.locator("[aria-hidden]").evaluate_all(
        "(all) => all.map((each) => each.getAttribute('aria-hidden'))"
    )

    assert set(hidden) == {"true"}


def test_keys_of_instagram_are_of_its_own() -> None:
    """Of account and message, as the bot's log has them; what is taken back has the message's id and another key."""
    somebody = Phone("instagram", IGSID)
    said = somebody.says("hi")
    mid = said.json["entry"][0]["messaging"][0]["message"]["mid"]
    keys = [event_key("instagram", each) for each in (said, somebody.unsends(mid), somebody.taps("v1.m", "Menu"))]

    assert len(set(keys)) == 3
    assert event_key("messenger", said) not in keys

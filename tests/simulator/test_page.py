"""The page itself: people, menus, keyboard, languages, themes, narrow screens, other windows."""

from __future__ import annotations

import asyncio
import struct
import zlib
from typing import Literal

import pytest
from chat import Bot
from playwright.async_api import Browser

from sandbox import Sandbox
from sandbox.simulator import Simulator
from sandbox.terminal import Chat as TerminalChat
from simulator.screen import Screen, opened


def png(width: int, height: int) -> bytes:
    """A picture of one colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress((b"\0" + b"\x0f\x76\x6e" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def install_rich_menu(sandbox: Sandbox, user: str = "all", *, name: str = "one") -> None:
    """As `giftdesk menus` does over the API: two tiles that type."""
    tiles = [("Help", "help"), (name, "menu")]
    areas = [
        {
            "bounds": {"x": 400 * number, "y": 0, "width": 400, "height": 300},
            "action": {"type": "message", "label": label, "text": text},
        }
        for number, (label, text) in enumerate(tiles)
    ]
    look = {"size": {"width": 800, "height": 300}, "selected": True, "name": name, "chatBarText": "Menu"}
    sandbox.line.rich_menus[name] = {"richMenuId": name, **look, "areas": areas}
    sandbox.line.rich_menu_images[name] = png(800, 300)
    sandbox.line.rich_menu_of[user] = name


@pytest.fixture
def profile(sandbox: Sandbox) -> None:
    """Messenger's profile, as `giftdesk menus` sets it."""
    going = {"type": "postback", "title": "Get going", "payload": "GET_STARTED"}
    site = {"type": "web_url", "title": "Our site", "url": "https://example.com/shop"}
    sandbox.messenger.profile = {
        "get_started": {"payload": "GET_STARTED"},
        "greeting": [
            {"locale": "default", "text": "歡迎 {{user_first_name}}"},
            {"locale": "en_US", "text": "Hello {{user_first_name}}!"},
        ],
        "persistent_menu": [
            {"locale": "default", "call_to_actions": [{**going, "title": "開始"}]},
            {"locale": "en_US", "call_to_actions": [going, site]},
        ],
    }


async def test_a_rich_menu_is_shown_and_its_tiles_type(screen: Screen, sandbox: Sandbox) -> None:
    """The uploaded picture with its areas; the keyboard takes its place and gives it back."""
    install_rich_menu(sandbox)
    await screen.line.be("emily")
    tiles = screen.line.root.locator(".areas button")
    await tiles.first.wait_for()
    picture = await screen.line.root.locator(".areas img").evaluate("(image) => image.naturalWidth")
    assert [await tile.get_attribute("aria-label") for tile in await tiles.all()] == ["Help", "one"]
    assert not await screen.line.input.is_visible()
    await screen.line.do(tiles.first.click)

    assert picture == 800
    assert (await screen.line.rows())[0] == "help"
    await screen.line.root.locator(".menu-bar button").first.click()
    await screen.line.say("my gifts")
    await screen.line.root.locator(".to-menu").click()
    assert await tiles.first.is_visible()


async def test_ones_own_rich_menu_comes_before_everybodys(
    screen: Screen, sandbox: Sandbox, simulator: Simulator
) -> None:
    """And it appears as soon as it is linked."""
    install_rich_menu(sandbox)
    await screen.line.be("emily")
    await screen.line.root.locator(".areas [data-tap=one]").wait_for()
    person = sandbox.people.find("line", "emily")
    assert person is not None
    install_rich_menu(sandbox, person.id, name="mine")
    simulator.record.tell("menus")

    await screen.line.root.locator(".areas [data-tap=mine]").wait_for()


async def test_messenger_greets_starts_and_has_its_menu(screen: Screen, profile: None) -> None:
    """In the person's own language; a link of the menu is shown before it is opened."""
    phone = screen.messenger
    await phone.meet("en")
    await phone.root.locator(".join").wait_for()
    assert "Hello Emily!" in await phone.root.locator(".welcome").inner_text()
    await phone.do(phone.root.locator(".join").click)
    assert (await phone.rows())[0] == "Get Started"
    await phone.root.locator(".to-menu").click()
    assert await phone.root.locator(".sheet .list button").all_inner_texts() == ["Get going", "Our site"]
    await phone.root.locator(".sheet .list button").last.click()

    assert await phone.root.locator(".sheet .address").inner_text() == "https://example.com/shop"
    await screen.page.keyboard.press("Escape")
    await phone.root.locator(".to-menu").click()
    await phone.do(phone.root.locator(".sheet .list button").first.click)
    assert "Get going" in await phone.rows()


async def test_old_quick_replies_can_be_read_but_not_tapped(screen: Screen, channel: str) -> None:
    """Only the last message's are live; a tap on one spends all of them."""
    phone = screen.phone(channel)
    await phone.be("emily")
    await phone.say("my gifts")
    first = await phone.chips.all_inner_texts()
    await phone.do(phone.chips.first.click)
    spent = phone.root.locator(".spent .chip")

    assert await spent.all_inner_texts() == first
    assert [await chip.is_disabled() for chip in await spent.all()] == [True] * len(first)
    assert await phone.chips.count() > 0
    assert await phone.root.locator(".spent [data-tap]").count() == 0


async def test_taps_and_messages_are_what_the_platform_posts(screen: Screen, bot: Bot, sandbox: Sandbox) -> None:
    """A postback with its own bubble on LINE, a quick reply with its payload on Messenger."""
    for phone in (screen.line, screen.messenger):
        await phone.be("emily")
        await phone.say("my gifts")
        await phone.do(phone.chips.filter(has_text="Physical gifts").click)

    assert [act["type"] for act in await screen.probe("acts")] == ["says", "taps", "says", "answers"]
    assert (await screen.line.rows())[-2] == "Physical gifts"
    assert any(row.startswith("Physical gifts") for row in await screen.messenger.rows())


async def test_a_new_person_owns_the_same_and_is_unknown_to_the_bot(screen: Screen, bot: Bot) -> None:
    """So that everything can be tried once more from the beginning."""
    await screen.line.be("emily")
    await screen.line.say("WELCOME2026")
    await screen.line.meet("en")
    await screen.line.say("WELCOME2026")
    await screen.line.say("my gifts")
    await screen.line.tap("Physical gifts")

    assert "Canvas tote bag" in await screen.line.answer()
    assert await bot.pool.fetchval("SELECT count(*) FROM claims") == 2


async def test_what_comes_for_somebody_else_is_marked(screen: Screen) -> None:
    """Staff are alerted while their phone is in another's hands; it is read once they hold it."""
    await screen.line.be("emily")
    await screen.line.say("agent")
    news = screen.line.root.locator(".news")
    await news.wait_for()
    marked = await screen.line.root.locator(".pick option", has_text="●").all_inner_texts()
    await screen.line.be("staff")

    assert len(marked) == 1
    assert await screen.line.answer() != ""
    assert not await news.is_visible()
    assert "/status" in await screen.page.locator(".try").all_text_contents()


async def test_the_phones_language_decides_first_contact(screen: Screen) -> None:
    """The bot guesses from it, and the phone's own words follow."""
    await screen.line.meet("zh-TW")
    await (await screen.line.about()).locator("select[name=locale]").select_option("en")
    await screen.until("giftdesk.phones.line.language === 'en'")
    await screen.page.keyboard.press("Escape")
    await screen.line.say("menu")

    assert "What would you like to do?" in await screen.line.answer()
    assert await screen.line.input.get_attribute("placeholder") == "Message"


async def test_a_blocked_account_brings_nothing(screen: Screen, sandbox: Sandbox) -> None:
    """LINE tells the bot, takes what it sends, and shows none of it."""
    await screen.line.be("emily")
    await screen.line.root.locator(".bar button").click()
    await screen.line.do(screen.line.root.locator(".sheet .list button").first.click)
    assert await screen.line.rows() == ["Blocked"]
    await screen.line.root.locator(".bar button").click()
    await screen.line.do(screen.line.root.locator(".sheet .list button").first.click)

    assert (await screen.line.rows())[1] == "Unblocked"
    assert len(await screen.line.rows()) > 2


async def test_stickers_pictures_and_places_are_sent(screen: Screen, channel: str) -> None:
    """From the sheet under the plus, with the keyboard."""
    phone = screen.phone(channel)
    await phone.be("emily")
    for number in range(3):
        await phone.root.locator("[data-t-label=attach]").click()
        for _ in range(number):
            await screen.page.keyboard.press("Tab")
        await phone.do(lambda: screen.page.keyboard.press("Enter"))

    assert await phone.root.locator(".row.mine").count() == 3
    assert await phone.root.locator(".row.mine .sticker, .row.mine .picture, .row.mine .place").count() == 3
    assert "please type what you" in await phone.answer()


async def test_both_languages_cover_the_whole_page(screen: Screen) -> None:
    """Nothing stays behind in the other language, and nothing is missing."""
    await screen.line.be("emily")
    await screen.line.say("my gifts")
    for pane in ("try_tab", "trace_tab", "trouble_tab"):
        await screen.open(pane)
    words = screen.page.locator("[data-t]")
    await screen.page.locator("[data-t=language]").click()
    chinese = await words.all_text_contents()
    lang = await screen.page.locator("html").get_attribute("lang")
    await screen.page.locator("[data-t=language]").click()
    english = await words.all_text_contents()

    same = {one for one, other in zip(chinese, english, strict=True) if one == other}
    assert lang == "zh-Hant-TW"
    assert all(chinese) and all(english)
    assert same <= {"LINE", "Messenger"}


async def test_the_time_stands_beside_a_bubble_however_long_it_is(screen: Screen, sandbox: Sandbox) -> None:
    """As in LINE; below it, it would belong to the next line."""
    await screen.line.shown(sandbox, {"type": "text", "text": "一段很長的話，" * 12})
    await screen.line.say("一段很長的話，" * 12)

    assert await screen.page.evaluate(
        """() => [...document.querySelectorAll("#line .row.text")].map((row) => {
            const [said, meta] = [".said", ".meta"].map((part) => row.querySelector(part).getBoundingClientRect());
            return meta.top < said.bottom && (meta.left >= said.right || meta.right <= said.left);
        }).every(Boolean)"""
    )


async def test_the_tab_key_goes_through_the_page_in_its_order(screen: Screen) -> None:
    """From the top through all phones to the panel, each stop visible."""
    await screen.page.reload()  # The browser remembers where the focus was last.
    await screen.page.wait_for_selector("body[data-ready]")
    seen = []
    for _ in range(60):
        await screen.page.keyboard.press("Tab")
        where = await screen.probe("stop")
        if not where[0]:
            break
        seen.append(where)

    areas = [area for number, (area, _, _) in enumerate(seen) if number == 0 or seen[number - 1][0] != area]
    assert areas == ["top", "line", "messenger", "instagram", "panel"]
    assert all(visible for _, visible, _ in seen)
    assert all(outline != "none" for _, _, outline in seen)


async def test_a_carousel_follows_the_arrow_keys_and_the_mouse(screen: Screen) -> None:
    """To the next card and back."""
    await screen.line.be("collector")
    await screen.line.say("english")
    await screen.line.say("my gifts")
    await screen.line.do(screen.line.chips.nth(1).click)
    track = screen.line.root.locator(".track").last
    await track.focus()

    async def left() -> float:
        await screen.page.wait_for_timeout(450)  # until it stands still
        return float(await track.evaluate("(node) => node.scrollLeft"))

    await screen.page.keyboard.press("ArrowRight")
    once = await left()
    await screen.line.root.locator(".arrow.after").last.click()
    twice = await left()
    await screen.page.keyboard.press("ArrowLeft")

    assert 0 < once < twice
    assert await left() == once


async def test_nothing_glides_where_a_machine_asks_for_no_motion(screen: Screen) -> None:
    """A carousel is at its next card at once."""
    async with screen.on(motion="reduce"):
        await screen.line.be("collector")
        await screen.line.say("english")
        await screen.line.say("my gifts")
        await screen.line.do(screen.line.chips.nth(1).click)
        moved = await screen.line.root.locator(".track").last.evaluate(
            """(track) => {
                track.parentElement.querySelector(".arrow.after").click();
                return track.scrollLeft;
            }"""
        )

    assert moved > 0


async def test_narrow_screens_show_one_thing_at_a_time(browser: Browser, simulator: Simulator) -> None:
    """A tab for each phone and the panel; nothing sticks out at the side; a conversation is possible."""
    async with opened(browser, simulator.url, viewport={"width": 360, "height": 700}, has_touch=True) as screen:
        await screen.line.be("emily")
        await screen.line.say("my gifts")
        places = ("#line", "#messenger", "#instagram", "#panel")
        shown = [await screen.page.locator(name).is_visible() for name in places]
        wide = await screen.page.locator("html").evaluate("(page) => page.scrollWidth")
        await screen.page.locator("[data-place=messenger]").click()
        await screen.messenger.say("my gifts")
        await screen.page.locator("[data-place=panel]").click()
        panel = await screen.page.locator("#panel").is_visible()
        assert screen.complaints == []

    assert shown == [True, False, False, False]
    assert panel
    assert wide == 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_theme_follows_the_machine_and_the_switch(screen: Screen, scheme: Literal["light", "dark"]) -> None:
    """And the words stay readable: ink on paper, or the other way round."""

    async with screen.on(scheme=scheme):
        paper = await screen.probe("brightness", ".panes", "backgroundColor")
        ink = await screen.probe("brightness", "body", "color")
        await screen.page.locator(".icon-theme").click()  # light, whatever the machine says
        light = await screen.probe("brightness", ".panes", "backgroundColor")
        await screen.page.locator(".icon-theme").click()
        dark = await screen.probe("brightness", ".panes", "backgroundColor")
        await screen.page.locator(".icon-theme").click()  # As the machine has it, which the page remembers.

    assert (paper > ink) == (scheme == "light")
    assert abs(paper - ink) > 400
    assert light > dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everything_written_can_be_read(screen: Screen, profile: None, scheme: Literal["light", "dark"]) -> None:
    """By the contrast of https://www.w3.org/TR/WCAG22/#contrast-minimum, old quick replies and times as well."""
    async with screen.on(scheme=scheme):
        found = await screen.probe("faint")
        for phone in (screen.line, screen.messenger):
            await phone.meet("en")
            await phone.do(phone.root.locator(".join").click)
            for words in ("WELCOME2026", "my gifts", "vouchers", "see https://example.com/"):
                await phone.say(words)
            found += await screen.probe("faint")
        for pane in ("try_tab", "trace_tab"):
            await screen.open(pane)
            found += await screen.probe("faint")
        await screen.trouble("poshen", "down")
        await screen.line.about()
        await screen.messenger.root.locator(".composer .plain[aria-label]:visible").first.click()
        found += await screen.probe("faint")
        await screen.trouble("poshen", "")

    assert found == []


async def test_a_second_window_sees_the_same_chat(screen: Screen, browser: Browser, simulator: Simulator) -> None:
    """As it happens, and also what happened before it was opened."""
    await screen.line.be("emily")
    await screen.line.say("my gifts")
    async with opened(browser, simulator.url) as other:
        await other.line.be("emily")
        before = await other.line.rows()
        await screen.line.say("help")
        await other.until(f"document.querySelectorAll('#line .row.theirs[data-seq]').length > {len(before) - 1}")

        assert before == (await screen.line.rows())[: len(before)]
        assert await other.line.rows() == await screen.line.rows()


async def test_a_chat_held_in_a_terminal_has_both_halves(
    screen: Screen, browser: Browser, simulator: Simulator, sandbox: Sandbox
) -> None:
    """What is typed and tapped there is seen here, in its order, with what became of it; and what is new is at hand."""
    person = sandbox.people.find("line", "emily")
    assert person is not None

    def talk() -> None:
        chat = TerminalChat(sandbox=sandbox.url, bot=simulator.bot, person=person.as_json())
        for words in ("my gifts", "help", "vouchers"):
            chat.post(chat.says(words))
            for item in chat.answers(8):
                chat.screen.add("line", item["message"])
        button = next(each for each in chat.screen.buttons if each.label == "Menu")
        did = chat.tap(button)
        assert did is not None
        chat.post(did)

    before = await screen.webhooks()
    await asyncio.to_thread(talk)
    await screen.settled(before + 3)
    await screen.line.be("emily")
    mine = screen.line.root.locator(".row.mine")
    async with opened(browser, simulator.url, viewport={"width": 1400, "height": 460}) as low:
        await low.line.be("emily")
        gap = await low.line.root.locator(".log").evaluate(
            "(log) => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>"
            " done(log.scrollHeight - log.clientHeight - log.scrollTop))))"
        )

    assert await mine.locator(".body").all_inner_texts() == ["my gifts", "help", "vouchers", "Menu"]
    assert await mine.evaluate_all("(all) => all.map((row) => row.dataset.state)") == ["read"] * 4
    assert "What would you like to do?" in await screen.line.answer()
    assert abs(gap) < 2, "the newest message is seen when a chat is opened"


async def test_vouchers_have_pictures_that_come_from_here(screen: Screen, simulator: Simulator) -> None:
    """A message has the vendor's address; the page shows what the sandbox draws for it, and asks nobody else."""
    await screen.line.meet("en")
    await screen.line.say("vouchers")
    pictures = screen.line.root.locator(".picture.served img")
    await pictures.first.wait_for()
    await screen.until("[...document.querySelectorAll('#line .picture img')].every((image) => image.naturalWidth > 0)")

    assert await pictures.count() >= 9
    assert [address for address in screen.asked if not address.startswith(simulator.url)] == []
    refused = await screen.page.evaluate(
        "fetch('/api/pictures?address=https://example.com/x.png').then((a) => a.status)"
    )
    assert refused == 404
    screen.complaints.clear()  # The browser's own word on that 404.

"""Another phone is held before a QR code, or a link into our chat is opened: what that phone then does."""

from __future__ import annotations

from uuid import uuid4

from chat import Bot

from bot.channels import Delivery, Rendered
from bot.services.hand_overs import RECEIPT, Item
from bot.storage import posters
from bot.understanding import poster_tokens
from sandbox import Sandbox
from sandbox.people import demo_id
from sandbox.simulator import Simulator
from simulator.screen import Screen

ADDRESS = "https://desk.example"


async def show_code(bot: Bot, at: str, opens: str) -> str:
    """Put a one-time code of Yu's with its QR on their Messenger; what the code is."""
    yu = await bot.pool.fetchval("SELECT id FROM customers WHERE person LIKE $1", f"%:{demo_id('messenger', 'yu')}")
    item = Item(RECEIPT, "R-7F3K9M", "Thermos").as_json()
    codes = bot.turns.services.counter_codes
    async with bot.pool.acquire() as connection, connection.transaction():
        made = await codes.make(connection, "gift", customer_id=yu, item=item, opens=opens, now=bot.clock())
    picture = codes.picture(ADDRESS, made).replace(ADDRESS, at)
    cards = [{"title": made.code, "image_url": picture}]
    card = Rendered({"attachment": {"type": "template", "payload": {"template_type": "generic", "elements": cards}}})
    receipt = await bot.turns.outbound["messenger"].deliver(Delivery(demo_id("messenger", "yu"), [card], uuid4()))
    assert receipt.done == 1
    return made.code


async def test_a_scan_types_the_line_into_the_other_phone(screen: Screen, bot: Bot, simulator: Simulator) -> None:
    """On LINE it is typed and nothing more: whoever holds the phone sends it."""
    await screen.messenger.be("yu")
    await screen.messenger.say("hello")
    before = await bot.pool.fetchval("SELECT count(*) FROM events")
    code = await show_code(bot, simulator.bot, "line:@persimmondays")
    await screen.page.get_by_role("button", name="Scan").click()
    whose = screen.page.locator("dialog.question .whose button")
    await whose.first.wait_for()
    assert await whose.first.get_attribute("data-person") == demo_id("line", "staff")
    await whose.first.click()

    await screen.until(f"document.querySelector('#line textarea').value === '/use {code}'")
    assert await bot.pool.fetchval("SELECT count(*) FROM events") == before
    await screen.page.locator("#line textarea").press("Enter")
    await screen.until("document.querySelector('#line .rows').innerText.includes('Thermos')")


async def test_a_scan_is_told_to_messenger(screen: Screen, bot: Bot, sandbox: Sandbox, simulator: Simulator) -> None:
    """A chat that is there already is told of at once, as Messenger does."""
    await screen.messenger.be("staff")
    await screen.messenger.say("hello")
    await screen.messenger.be("yu")
    await screen.messenger.say("hello")
    await show_code(bot, simulator.bot, "messenger:persimmondays")
    await screen.page.get_by_role("button", name="Scan").click()
    await screen.page.locator(f"dialog.question [data-person='{demo_id('messenger', 'staff')}']").click()

    await screen.until("document.querySelectorAll('#messenger .row.mine').length === 2")
    await screen.until("document.querySelector('#messenger .rows').innerText.includes('Thermos')")


async def test_a_link_opens_a_new_chat(screen: Screen, bot: Bot) -> None:
    """Somebody who never wrote: what the link says comes with Get Started, and the poster's code is offered."""
    token = poster_tokens.new()
    async with bot.pool.acquire() as connection:
        await posters.add(connection, key="k", name="spring", token=token, says="WELCOME2026", code="WELCOME2026",
                          code_id=None, opens="", made_by="amy", now=bot.clock())  # fmt: skip
    await screen.line.be("yu")
    text = [Rendered({"type": "text", "text": f"https://m.me/persimmondays?ref=p_{token}"})]
    await bot.turns.outbound["line"].deliver(Delivery(demo_id("line", "yu"), text, uuid4()))
    await screen.page.locator("#line .row.theirs [data-tap]").click()
    await screen.page.get_by_text("Open on a phone here").click()
    await screen.page.locator(f"dialog.question [data-person='{demo_id('messenger', 'emily')}']").click()
    assert await bot.pool.fetchval("SELECT count(*) FROM events") == 0
    await screen.messenger.say("hello")

    assert "WELCOME2026" in await screen.messenger.answer()
    assert await bot.pool.fetchval("SELECT count(*) FROM poster_visits") == 1

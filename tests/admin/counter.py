"""Customers that staff look after, and what came of it for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from chat import Bot, Chat

from admin.conftest import speaking
from bot.channels.entrances import entrances
from bot.services.stores import name_key
from bot.staff.teaching import Run
from bot.storage import customers, stores
from bot.storage.customers import Customer
from sandbox import Sandbox

ACCOUNTS = {
    "line_basic_id": "@persimmondays",
    "messenger_page": "persimmondays",
    "instagram_username": "persimmon.days",
}
ISSUE = "gotit:POST /api/rewardhub/v1.0/gifts/issue"


async def arrive(bot: Bot, channel: str, language: str, user: str | None = None) -> Chat:
    """A customer who has written before."""
    return await speaking(bot.chat(channel, user, language))


async def row_of(chat: Chat) -> Customer:
    """Their row as it is now."""
    found = await chat.bot.pool.fetchval("SELECT id FROM customers WHERE split_part(person, ':', 3) = $1", chat.user)
    customer = await customers.by_id(chat.bot.pool, found)
    assert customer is not None
    return customer


async def ref_of(chat: Chat) -> str:
    """What staff call them."""
    return (await row_of(chat)).ref


async def member_id(chat: Chat) -> int:
    """A member's number of ours."""
    return int(await chat.bot.pool.fetchval("SELECT id FROM staff WHERE user_id = $1", chat.user))


async def name_of(chat: Chat) -> str:
    """What lists and the trail call a member."""
    return str(await chat.bot.pool.fetchval("SELECT name FROM staff WHERE user_id = $1", chat.user))


async def give(chat: Chat, points: int) -> None:
    """Points, without anybody's command."""
    customer = await row_of(chat)
    assert customer.id is not None
    async with chat.bot.pool.acquire() as connection, connection.transaction():
        await chat.bot.turns.services.points.adjust(
            connection, customer.id, points, key=f"test:{chat.user}", actor="test", reason="", now=chat.bot.clock()
        )


async def account(chat: Chat) -> tuple[int, int]:
    """(available, held)."""
    row = await chat.bot.pool.fetchrow(
        "SELECT available, held FROM accounts WHERE customer_id = $1", (await row_of(chat)).id
    )
    return (row["available"], row["held"]) if row else (0, 0)


def asked(sandbox: Sandbox) -> list[Any]:
    """Every request to issue that reached Got It."""
    return [call for call in sandbox.calls("gotit") if call.path.endswith("/gifts/issue")]


def impatient(bot: Bot) -> None:
    """What is unknown is asked again after a moment instead of after seconds and minutes."""
    services = bot.turns.services
    vouchers = replace(services.vouchers, pauses=(timedelta(milliseconds=30),) * 3)
    bot.having(services=replace(services, vouchers=vouchers))


async def trail(bot: Bot, action: str) -> list[dict[str, Any]]:
    """What the trail says of a command, oldest first."""
    return [dict(row) for row in await bot.pool.fetch("SELECT * FROM audit WHERE action = $1 ORDER BY n", action)]


async def press(member: Chat, line: str) -> None:
    """Tap a button of ours that says what this line does."""
    person, now = (await row_of(member)).person, member.bot.clock()
    data = member.bot.turns.dispatcher.packer.pack(Run(line=line), person=person, now=now)
    await member.do(member.phone.taps(data))


async def change(member: Chat, line: str) -> None:
    """Type it, and confirm."""
    await member.say(line)
    await member.tap("Change it")


def counting_visits(bot: Bot, worth: int = 10, **rules: Any) -> None:
    """A brand that gives points for coming by, for the rest of the test."""
    services = bot.turns.services
    bot.having(services=replace(services, visits=replace(services.visits, worth=worth, **rules)))
    bot.desk(counts_visits=worth > 0)


async def open_store(bot: Bot, name: str, *members: Chat) -> int:
    """A store where these members work, without anybody's command."""
    async with bot.pool.acquire() as connection, connection.transaction():
        store = await stores.add(connection, name, name_key(name), bot.clock())
        assert store is not None
        for member in members:
            assert await stores.enter(connection, await member_id(member), store.id)
    return store.id


async def shown_code(bot: Bot, customer: Chat) -> str:
    """The one-time code that a customer shows of themself."""
    row = await row_of(customer)
    async with bot.pool.acquire() as connection, connection.transaction():
        made = await bot.turns.services.counter_codes.make(connection, "person", customer_id=row.id, now=bot.clock())
    return made.code


def printing_posters(bot: Bot) -> None:
    """Posters have links to our accounts on every channel, for the rest of the test."""
    settings = bot.settings.model_copy(update=ACCOUNTS)
    made = replace(
        bot.turns.services.posters,
        entrances={each.kind: each.link for each in entrances(settings) if each.account},
        missing={},
    )
    bot.having(services=replace(bot.turns.services, posters=made))

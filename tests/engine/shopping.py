"""Customers who want vouchers, and how it ended for them: what they paid, what they got, what they were told.

chat = await shopper(desk)               # somebody with points
desk.post(await wish(chat))              # their tap on [Confirm]
await desk.run()
assert await ended(desk, chat) == PAID_AND_GOT
"""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg
from chat import Bot, Chat

from bot.storage import queue
from bot.storage.rewards import Grant
from sandbox import Sandbox, Webhook
from sandbox.journal import Call

ISSUE = "gotit:POST /api/rewardhub/v1.0/gifts/issue"
CODE = "WELCOME2026"
GOLD = 1  # the reward of CODE
VOUCHER = Grant(
    gift_id=812,
    price_id=2260,
    offer={"name": "Voucher Phúc Long", "brand": "Phúc Long", "image": "", "price_value": 20_000},
)
POINTS = 100
COST = 40  # points for the last voucher on the catalogue's first page: of equal labels, `tap` takes the last


# What English readers are told of a voucher that they have, on its card, on a code's receipt or by itself.
DONE = ("Done ✅", "· Issued")


@dataclass(frozen=True)
class Ended:
    """available, held: points. issued: by Got It. states: of our own rows. told: how often the customer read that
    they have it, in an answer or in a message of its own. left: jobs and leases that are still there."""

    available: int = 0
    held: int = 0
    issued: int = 0
    states: tuple[str, ...] = ()
    told: int = 0
    left: int = 0


PAID_AND_GOT = Ended(available=POINTS - COST, issued=1, states=("done",), told=1)
PAID_NOTHING = Ended(available=POINTS, states=("failed",))
GOT = Ended(issued=1, states=("done",), told=1)


async def newcomer(bot: Bot, channel: str = "line") -> Chat:
    """Somebody who reads English and has read the notice."""
    chat = bot.chat(channel, language="en")
    await chat.say("menu")
    return chat


async def shopper(bot: Bot, channel: str = "line") -> Chat:
    """Somebody with points, too."""
    chat = await newcomer(bot, channel)
    async with bot.pool.acquire() as connection, connection.transaction():
        await bot.turns.services.points.adjust(
            connection,
            await row_of(bot, chat),
            POINTS,
            key=f"test:{chat.user}",
            actor="test",
            reason="",
            now=bot.clock(),
        )
    return chat


async def wish(chat: Chat) -> Webhook:
    """Their tap on [Confirm] under a voucher, not delivered yet."""
    await chat.say("vouchers")
    await chat.tap("Get it")
    return confirms(chat)


def confirms(chat: Chat) -> Webhook:
    """The tap that `wish` is about, made at this moment: its reply token's minute begins now."""
    return chat.phone.taps(chat.data_of("Confirm"), "Confirm")


async def row_of(bot: Bot, chat: Chat) -> int:
    """The id of a customer's row."""
    return await _row(bot.pool, chat.user)


async def ended(bot: Bot, chat: Chat) -> Ended:
    """How it stands for a customer, after a look at whether the books agree."""
    return await ended_for(bot.pool, bot.sandbox, chat.channel, chat.user)


async def ended_for(pool: asyncpg.Pool, sandbox: Sandbox, channel: str, user: str) -> Ended:
    """The same, for somebody whose bot is elsewhere."""
    customer = await _row(pool, user)
    sums = await pool.fetchrow(
        "SELECT coalesce(sum(available), 0)::int AS available, coalesce(sum(held), 0)::int AS held FROM points "
        "WHERE customer_id = $1",
        customer,
    )
    account = await pool.fetchrow("SELECT available, held FROM accounts WHERE customer_id = $1", customer)
    rows = await pool.fetch("SELECT * FROM issues WHERE customer_id = $1 ORDER BY id", customer)
    unsettled = sum(row["cost"] for row in rows if row["state"] in ("pending", "unknown", "check"))
    assert tuple(account or (0, 0)) == tuple(sums), "an account is the sum of its ledger"
    assert sums["held"] == unsettled, "what is held is what open vouchers cost"
    jobs = await pool.fetchval(
        "SELECT count(*) FROM pgqueuer q JOIN issues i ON q.payload = convert_to(i.id::text, 'UTF8') "
        "WHERE q.entrypoint = 'issue' AND i.customer_id = $1",
        customer,
    )
    ref = await pool.fetchval("SELECT ref FROM customers WHERE id = $1", customer)
    return Ended(
        available=sums["available"],
        held=sums["held"],
        issued=sum(each["recipient_identify_id"] == ref for each in sandbox.gotit.issued.values()),
        states=tuple(row["state"] for row in rows),
        told=count_read(sandbox, channel, user, *DONE),
        left=jobs + sum(row["leased_until"] is not None for row in rows),
    )


def told(chat: Chat) -> int:
    """How many messages said that a voucher is there."""
    return count_read(chat.bot.sandbox, chat.channel, chat.user, *DONE)


def waits(chat: Chat) -> int:
    """How many messages said that it is being confirmed."""
    return count_read(chat.bot.sandbox, chat.channel, chat.user, "Confirming")


def count_read(sandbox: Sandbox, channel: str, user: str, *words: str) -> int:
    """How many messages that somebody read had any of these words in it."""
    return sum(any(word in item.raw.decode() for word in words) for item in sandbox.sent(channel, user))


async def _row(pool: asyncpg.Pool, user: str) -> int:
    return int(await pool.fetchval("SELECT id FROM customers WHERE person LIKE $1", f"%:{user}"))


def asked(sandbox: Sandbox) -> list[Call]:
    """Every request to issue that reached Got It."""
    upstream, _, route = ISSUE.partition(":")
    return sandbox.calls(upstream, route)


async def time_passes(pool: asyncpg.Pool, customer_id: int | None = None) -> None:
    """Leases of dead workers run out, and what was to be asked again later is due (of one customer, or of all)."""
    for kind in (queue.ISSUE, queue.REDEMPTION):
        await pool.execute(
            f"""
            UPDATE {kind.table} SET leased_until = least(leased_until, now()), next_at = least(next_at, now())
            WHERE {kind.unfinished} AND ($1::bigint IS NULL OR customer_id = $1)
            """,
            customer_id,
        )
        # Anew, because only new jobs wake a worker.
        await pool.execute(
            f"""
            WITH due AS (
                DELETE FROM pgqueuer q USING {kind.table} i
                WHERE q.entrypoint = '{kind.name}' AND q.status = 'queued' AND q.payload = {kind.payload("i")}
                    AND ($1::bigint IS NULL OR i.customer_id = $1)
                RETURNING q.payload
            )
            INSERT INTO pgqueuer (priority, entrypoint, payload, status)
            SELECT 0, '{kind.name}', payload, 'queued' FROM due
            """,
            customer_id,
        )

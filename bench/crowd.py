"""Customers and past events, put straight into the tables.

The load's customers are known ones with a gift list from an earlier visit: the common case, and the
one where the bot reads and writes most. The list is copied from a first real visit, so that its
stored form stays the bot's own business.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import psycopg

from bench.load import person
from bench.stand import SETTINGS, Stand
from bot.apis import Apis
from bot.config import Settings
from bot.storage import customers
from bot.storage import pool as pools
from bot.storage.symbols import SYMBOLS
from bot.wiring import build_turns
from sandbox.credentials import LINE_BOT_USER_ID

PAST = 2_000  # events that an "empty" database has had
CROWD = 40_000  # More than are answered in the 30 s for which a list counts as fresh.


def settle(stand: Stand, url: str, crowd: int = CROWD) -> None:
    """Make `crowd` customers known, by a real first visit of one and its copies. Once per database."""
    if url in stand.settled:
        return
    stand.settled.add(url)
    with stand.web(url) as server, stand.worker(url):
        for _ in range(2):
            first = stand.answered(server, connections=1, seconds=0.2, rate=5, crowd=1)
    if first.lost:
        raise RuntimeError(f"The bot does not answer; see {stand.log('worker')}: {stand.log('worker').read_text()}")
    with psycopg.connect(url, autocommit=True) as connection:
        add_customers(connection, 1, crowd)
        add_past(connection, 0, PAST, crowd)  # So that the planner's statistics are not those of an empty table.
        connection.execute("VACUUM ANALYZE")


def add_customers(connection: psycopg.Connection, start: int, end: int) -> None:
    """Customers number `start` to `end`, with what number 0 has."""
    prefix = f"line:{LINE_BOT_USER_ID}:{person(0)[:10]}"
    connection.execute(
        f"""
        INSERT INTO customers (person, ref, channel, locale, notice, state)
        SELECT '{prefix}' || lpad(to_hex(n), 23, '0'), 'C-' || {_reference("n")}, c.channel, c.locale, c.notice,
            '{{}}'
        FROM generate_series(%s::bigint, %s::bigint) n,
            (SELECT * FROM customers WHERE person = %s) c
        """,
        (start, end - 1, f"line:{LINE_BOT_USER_ID}:{person(0)}"),
    )
    connection.execute(
        """
        INSERT INTO wallets (customer_id, snapshot, taken_at, gifts)
        SELECT c.id, w.snapshot, now() - interval '1 day', w.gifts
        FROM customers c, (SELECT * FROM wallets LIMIT 1) w
        WHERE NOT EXISTS (SELECT FROM wallets o WHERE o.customer_id = c.id)
        """
    )
    connection.execute("UPDATE wallets SET taken_at = now() - interval '1 day' WHERE taken_at > now() - interval '1 h'")


def _reference(number: str) -> str:
    """SQL for six symbols that differ for every number."""
    return " || ".join(f"substr('{SYMBOLS}', ({number} >> {shift} & 31)::int + 1, 1)" for shift in range(25, -1, -5))


def add_past(connection: psycopg.Connection, start: int, end: int, customers: int) -> None:
    """Events number `start` to `end` that are done, as they are kept until the retention forgets them."""
    prefix = f"line:{LINE_BOT_USER_ID}:{person(0)[:10]}"
    connection.execute(
        f"""
        INSERT INTO events (key, channel, chat, state, at, received_at, outcome)
        SELECT 'line:{LINE_BOT_USER_ID}:01J' || upper(lpad(to_hex(n), 23, '0')), 'line',
            '{prefix}' || lpad(to_hex(n %% %s::bigint), 23, '0'), 'done', at, at, 'delivered'
        FROM (SELECT n, now() - interval '13 days' * (1 - n::float / %s::bigint) AS at
              FROM generate_series(%s::bigint, %s::bigint) n) past
        """,
        (customers, end, start, end - 1),
    )


def enrich(url: str, people: int) -> None:
    """Give the first `people` of the crowd a linked phone each, and points, through the services that do so."""

    async def go() -> None:
        now = datetime.now(UTC)
        pool = await pools.connect(url, size=1)
        settings = Settings(_env_file=None, secret_key=SETTINGS["SECRET_KEY"], database_url=url)
        services = build_turns(settings, pool, {}, Apis()).services
        async with pool.acquire() as connection, connection.transaction():
            for number in range(people):
                customer = await customers.by_person(connection, f"line:{LINE_BOT_USER_ID}:{person(number)}")
                assert customer is not None and customer.id is not None, "the crowd is settled"
                await services.linking.link(connection, customer, f"8869{10_000_000 + number}", now)
                await services.points.adjust(
                    connection, customer.id, 100, key=f"bench:{number}", actor="bench", reason="", now=now
                )
        await pool.close()

    asyncio.run(go())


def timed_fill(stand: Stand, url: str, *, customers: int, events: int) -> float:
    """A brand's years in a few statements; returns the seconds it took."""
    started = time.monotonic()
    with psycopg.connect(url, autocommit=True) as connection:
        add_customers(connection, CROWD, customers)
        add_past(connection, PAST, events, customers)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    return time.monotonic() - started

"""Turns begin and end together, and each learns whether it was its own: nobody's trouble is another one's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import asyncpg
import orjson
import pytest
from engine.desk import Desk, until
from structlog.testing import capture_logs

from bot.storage import customers, inbox
from bot.storage import pool as pools
from bot.storage import together as togethers
from bot.storage.batches import Batches
from bot.storage.customers import Customer
from bot.storage.inbox import EventOutcome
from bot.storage.together import Together
from bot.storage.wallets import Stored


async def taken(desk: Desk, count: int) -> list[tuple[int, Customer]]:
    """Events as workers have them in hand: the id, and the customer."""
    now = desk.clock()
    found = []
    for number in range(count):
        person = f"line:a:u{number}"
        event = await desk.pool.fetchval(
            "INSERT INTO events (key, channel, chat, state, at, payload, received_at) "
            "VALUES ($1, 'line', $1, 'new', $2, '{}', $2) RETURNING id",
            person,
            now,
        )
        found.append((event, await customers.add(desk.pool, person, "line", "en", blocked=b"", now=now)))
    return found


def finish(
    desk: Desk, batches: Batches, event: int, customer: Customer, reply: str | None = "{}"
) -> asyncio.Task[bool]:
    return asyncio.create_task(batches.finish(event, customer, desk.clock(), reply=reply, outcome=None))


async def states(desk: Desk) -> list[str]:
    return [row["state"] for row in await desk.pool.fetch("SELECT state FROM events ORDER BY id")]


async def test_jobs_of_one_look_begin_in_one_statement(desk: Desk) -> None:
    """Each gets its own event and customer, and hears that another one's is gone."""
    ours = await taken(desk, 3)
    pool = await pools.connect(desk.database, size=2)
    seen: list[str] = []
    batches = Batches(pool)
    await batches.begin(0)  # The connection is open then, and the statement prepared.
    async with pool.acquire() as connection:
        connection.add_query_logger(lambda record: seen.append(record.query))
    found = await asyncio.gather(*(batches.begin(event) for event in (ours[2][0], 0, ours[0][0], ours[1][0])))
    await pool.close()

    assert [each and (each.id, each.customer and each.customer.person) for each in found] == [
        (ours[2][0], "line:a:u2"),
        None,
        (ours[0][0], "line:a:u0"),
        (ours[1][0], "line:a:u1"),
    ]
    assert len(seen) == 1


async def test_turns_that_end_together_share_one_commit(desk: Desk) -> None:
    """What each changed is written to its own rows."""
    batches, ours = Batches(desk.pool), await taken(desk, 5)
    for number, (_, customer) in enumerate(ours):
        customer.locale, customer.notice, customer.state.labels = "en", number, {f"label {number}": "x"}
        if number % 2:
            customer.wallet = Stored(f"s{number}", desk.clock(), orjson.dumps([number]).decode())
    ends = [finish(desk, batches, *each, reply=None if number == 4 else "{}") for number, each in enumerate(ours)]
    assert await asyncio.gather(*ends) == [True] * 5

    assert await states(desk) == ["ready"] * 4 + ["done"]
    rows = await desk.pool.fetch("SELECT notice, state, version, xmin::text AS commit FROM customers ORDER BY id")
    assert [(row["notice"], row["version"], row["state"]["labels"]) for row in rows] == [
        (number, 1, {f"label {number}": "x"}) for number in range(5)
    ]
    assert len({row["commit"] for row in rows}) == 1
    assert [row["gifts"] for row in await desk.pool.fetch("SELECT gifts FROM wallets ORDER BY 1")] == ["[1]", "[3]"]
    assert await asyncio.gather(*(batches.delivered(event, EventOutcome.DELIVERED) for event, _ in ours)) == [
        *[True] * 4,
        False,
    ]
    assert await states(desk) == ["done"] * 5


async def test_each_learns_whether_it_was_its_own(desk: Desk) -> None:
    """One's customer was changed by another worker, one's event was finished by it: nothing of theirs is written."""
    batches, ours = Batches(desk.pool), await taken(desk, 4)
    for _, customer in ours:
        customer.wallet = Stored("s", desk.clock(), "[]")
    await desk.pool.execute("UPDATE customers SET version = version + 1 WHERE id = $1", ours[1][1].id)
    await desk.pool.execute("UPDATE events SET state = 'done' WHERE id = $1", ours[2][0])
    ends = [finish(desk, batches, *each) for each in ours]
    assert await asyncio.gather(*ends) == [True, False, False, True]

    assert await states(desk) == ["ready", "new", "done", "ready"]
    assert await desk.pool.fetchval("SELECT array_agg(customer_id ORDER BY 1) FROM wallets") == [
        ours[0][1].id,
        ours[3][1].id,
    ]


@pytest.mark.parametrize("table", ["customers", "events"])
async def test_a_locked_row_holds_up_nobody_else(desk: Desk, table: str) -> None:
    """Neither those of its batch, nor the next ones; its own turn waits, and goes on when the row is free."""
    batches, ours = Batches(desk.pool), await taken(desk, 4)
    held = {"customers": ours[0][1].id, "events": ours[0][0]}[table]
    async with desk.pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute(f"SELECT FROM {table} WHERE id = $1 FOR UPDATE", held)
        waits, *rest = [finish(desk, batches, *each) for each in ours[:3]]
        assert await asyncio.wait_for(asyncio.gather(*rest), 10) == [True, True]
        assert await asyncio.wait_for(finish(desk, batches, *ours[3]), 10)
        assert await asyncio.wait_for(batches.delivered(ours[3][0], EventOutcome.DELIVERED), 10)
        assert not waits.done()
        await transaction.rollback()
    assert await waits
    assert await states(desk) == ["ready", "ready", "ready", "done"]


async def test_a_row_that_is_refused_costs_nobody_else(desk: Desk) -> None:
    """A text that PostgreSQL does not take fails its own turn alone."""
    batches, ours = Batches(desk.pool), await taken(desk, 3)
    ends = [finish(desk, batches, *each, reply="\0" if number == 1 else "{}") for number, each in enumerate(ours)]
    first, refused, third = await asyncio.gather(*ends, return_exceptions=True)

    assert (first, third) == (True, True)
    assert isinstance(refused, asyncpg.DataError)
    assert await states(desk) == ["ready", "new", "ready"]


async def test_a_connection_that_dies_under_a_batch_loses_nothing(desk: Desk) -> None:
    """Each is done alone then."""

    class Dying:
        def __getattr__(self, name: str) -> Any:
            return getattr(desk.pool, name)

        async def fetch(self, *_: object) -> None:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    batches, ours = Batches(cast("asyncpg.Pool", Dying())), await taken(desk, 3)
    with capture_logs() as logs:
        assert await asyncio.gather(*(finish(desk, batches, *each) for each in ours)) == [True] * 3
    assert [(line["event"], line["items"]) for line in logs] == [("batch failed, each is tried alone", 3)]
    assert await states(desk) == ["ready"] * 3


async def test_what_comes_while_a_batch_runs_goes_in_the_next() -> None:
    """The first goes at once; those behind it together; what a batch leaves is done alone."""
    batches: list[list[int]] = []
    alone: list[int] = []
    go_on = asyncio.Event()

    async def batch(items: Sequence[int]) -> list[bool | None]:
        batches.append(list(items))
        await go_on.wait()
        if 3 in items:
            raise ValueError("one of them")
        return [None if item == 1 else True for item in items]

    async def one(item: int) -> bool:
        alone.append(item)
        return item != 3

    together = Together(batch, one)
    first = asyncio.create_task(together.do(0))
    await until(lambda: bool(batches))
    rest = [asyncio.create_task(together.do(item)) for item in (1, 2)]
    await asyncio.sleep(0)
    rest[1].cancel()
    go_on.set()
    assert await first
    assert await rest[0]
    last = await asyncio.gather(*(together.do(item) for item in (3, 4)))

    assert batches == [[0], [1, 2], [3, 4]]
    assert alone == [1, 3, 4]
    assert last == [False, True]


async def test_a_batch_that_is_stuck_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it waits for, those that come after it go on, also those that waited already."""
    monkeypatch.setattr(togethers, "STUCK", 0.01)
    go_on = asyncio.Event()

    async def batch(items: Sequence[int]) -> list[bool | None]:
        if 0 in items:
            await go_on.wait()
        return [True] * len(items)

    async def one(item: int) -> bool:
        raise AssertionError

    together = Together(batch, one)
    stuck = asyncio.create_task(together.do(0))
    await asyncio.sleep(0)
    assert await asyncio.wait_for(asyncio.gather(*(together.do(item) for item in (1, 2))), 10) == [True, True]
    assert await asyncio.wait_for(together.do(3), 10)
    assert not stuck.done()
    go_on.set()
    assert await stuck
    assert await together.do(4)


async def test_a_single_statement_says_the_same(desk: Desk) -> None:
    """What a turn with effects writes in its own transaction leaves the same rows as a batch of one."""
    batches, ours = Batches(desk.pool), await taken(desk, 2)
    now = desk.clock()
    for _, customer in ours:
        customer.wallet, customer.muted_until = Stored("s", now, "[]"), now
    (event, customer), (other, same) = ours
    assert await batches.finish(event, customer, now, reply="{}", outcome=EventOutcome.PARKED)
    assert await inbox.finish(desk.pool, other, same, now, reply="{}", outcome=EventOutcome.PARKED)

    rows = await desk.pool.fetch(
        "SELECT e.state, e.reply, e.outcome, e.payload, e.held_at, c.locale, c.locale_chosen, c.notice, "
        "c.state AS talk, c.muted_until, c.unsubscribed_at, c.unreachable_at, c.last_seen, c.version, "
        "w.snapshot, w.taken_at, w.gifts "
        "FROM events e JOIN customers c ON c.person = e.chat JOIN wallets w ON w.customer_id = c.id ORDER BY e.id"
    )
    assert dict(rows[0]) == dict(rows[1])


async def test_looks_into_what_customers_have_share_one_statement(desk: Desk) -> None:
    """Each gets their own; also who has nothing, who asks twice at a time, and who was handed over several things."""
    events, ours = zip(*await taken(desk, 3), strict=True)
    await desk.pool.execute(
        "INSERT INTO accounts (customer_id, available, held) VALUES ($1, 70, 5), ($2, 30, 0)", ours[0].id, ours[2].id
    )
    hashes = [bytes([number]) * 16 for number in range(3)]
    for nth in (1, 2):
        await desk.pool.execute(
            """
            INSERT INTO hand_overs (person_hash, item_key, nth, customer_id, item, staff, event_id)
            VALUES ($1, 'gift:1', $2, $3, '{}', 'Mei', $4)
            """,
            hashes[2],
            nth,
            ours[2].id,
            events[2],
        )
    pool = await pools.connect(desk.database, size=1)
    seen: list[str] = []
    batches = Batches(pool)
    connection = await pool.acquire()  # So that the first look waits, and the others go together in the one after it.
    asked = (0, 1, 2, 0)
    looks = [asyncio.create_task(batches.belongings(customer_id(ours[each]), hashes[each])) for each in asked]
    await asyncio.sleep(0)
    connection.add_query_logger(lambda record: seen.append(record.query))
    await pool.release(connection)
    found = await asyncio.gather(*looks)
    await pool.close()

    assert [each.account.available for each in found] == [70, 0, 30, 70]
    assert [each.account.held for each in found] == [5, 0, 0, 5]
    assert [[given.nth for given in each.hand_overs] for each in found] == [[], [], [1, 2], []]
    assert all(each.link is None and each.vouchers == 0 for each in found)
    assert len([query for query in seen if "accounts" in query]) <= 2


def customer_id(customer: Customer) -> int:
    assert customer.id is not None
    return customer.id

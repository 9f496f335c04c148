"""Who wants to be reminded before something of theirs ends, of what they were, and what that took from the budget."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from bot.storage.customers import Customer
from bot.storage.pool import affected
from bot.storage.queue import REMIND

A_SECOND = 4  # looks; each asks vendors, who have their own limits


@dataclass(frozen=True, slots=True)
class Wish:
    """A customer's wish to be reminded. due: whether a look at their things is to be made."""

    id: int
    customer: Customer
    due: bool


async def want(connection: asyncpg.Connection, customer_id: int, now: datetime) -> None:
    """From now on; nothing new for who wants it already."""
    await connection.execute(
        "INSERT INTO reminder_wishes (customer_id, since) VALUES ($1, $2) ON CONFLICT (customer_id) DO NOTHING",
        customer_id,
        now,
    )


async def wanted(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> bool:
    """Whether somebody wants to be reminded."""
    found = await connection.fetchval("SELECT true FROM reminder_wishes WHERE customer_id = $1", customer_id)
    return found is True


async def stop(connection: asyncpg.Connection, customer: Customer) -> bool:
    """No more of them, those on their way neither; whether they were wanted."""
    await connection.execute(
        """
        UPDATE pushes SET outcome = 'outdated', messages = NULL, waiting = false
        WHERE channel = $1 AND recipient = split_part($2, ':', 3) AND key LIKE 'reminder:%' AND messages IS NOT NULL
        """,
        customer.channel,
        customer.person,
    )
    gone: str = await connection.execute("DELETE FROM reminder_wishes WHERE customer_id = $1", customer.id)
    return affected(gone) > 0


async def forget(connection: asyncpg.Connection, customer_id: int) -> None:
    """Everything of somebody whose data is deleted."""
    await connection.execute("DELETE FROM reminder_wishes WHERE customer_id = $1", customer_id)
    await connection.execute("DELETE FROM reminders WHERE customer_id = $1", customer_id)


async def make_due(pool: asyncpg.Pool, today: date, now: datetime, *, again: bool = False) -> int:
    """Have the things of everybody looked at who wants it, once a day; how many there are.

    One statement: whoever comes second finds nothing left to do. Not of whom nothing may be sent to. again: of those,
    too, whose things were looked at today.
    """
    status: str = await pool.execute(
        f"""
        WITH due AS (
            UPDATE reminder_wishes w SET due_at = $2, looked_on = $1 FROM customers c
            WHERE c.id = w.customer_id AND w.due_at IS NULL AND (w.looked_on IS NULL OR w.looked_on < $1 OR $3)
                AND c.unsubscribed_at IS NULL AND c.unreachable_at IS NULL
                AND (c.blocked_until IS NULL OR c.blocked_until < $2)
            RETURNING w.id
        )
        {
            REMIND.insert(
                "FROM (SELECT id, row_number() OVER () AS place FROM due) spread",
                due=f"now() + (place - 1) / {A_SECOND} * interval '1 second'",
            )
        }
        """,
        today,
        now,
        again,
    )
    return affected(status)


async def requeue_orphans(pool: asyncpg.Pool) -> int:
    """Give looks that have no job (any more) a new one; returns how many."""
    orphaned = REMIND.orphaned("w", since="due_at")
    status: str = await pool.execute(REMIND.insert(f"FROM reminder_wishes w WHERE {orphaned} ORDER BY id LIMIT 10000"))
    return affected(status)


async def read(pool: asyncpg.Pool, wish_id: int) -> Wish | None:
    """A wish by its id, with its customer; None when either is gone."""
    row = await pool.fetchrow(
        f"""
        SELECT w.id AS wish_id, w.due_at, {Customer.COLUMNS}
        FROM reminder_wishes w JOIN customers c ON c.id = w.customer_id WHERE w.id = $1
        """,
        wish_id,
    )
    return Wish(row["wish_id"], Customer.of(row), row["due_at"] is not None) if row else None


async def lock(connection: asyncpg.Connection, wish_id: int) -> bool:
    """Whether this look is still to be made; nobody else ends it, or the wish, before this transaction ends."""
    found = await connection.fetchval(
        "SELECT true FROM reminder_wishes WHERE id = $1 AND due_at IS NOT NULL FOR UPDATE", wish_id
    )
    return found is True


async def looked(connection: asyncpg.Connection | asyncpg.Pool, wish_id: int, today: date) -> None:
    """The look is made."""
    await connection.execute(
        "UPDATE reminder_wishes SET due_at = NULL, looked_on = greatest(looked_on, $2) WHERE id = $1", wish_id, today
    )


async def add(
    connection: asyncpg.Connection, customer_id: int, things: Iterable[tuple[str, datetime]], now: datetime
) -> dict[str, int]:
    """Write down of what somebody is reminded, each thing and end once: the numbers of those that are new, by item."""
    items = list(things)
    rows = await connection.fetch(
        """
        INSERT INTO reminders (customer_id, item, ends, at)
        SELECT $1, item, ends, $4 FROM unnest($2::text[], $3::timestamptz[]) AS thing (item, ends)
        ON CONFLICT (customer_id, item, ends) DO NOTHING RETURNING id, item
        """,
        customer_id,
        [item for item, _ in items],
        [ends for _, ends in items],
        now,
    )
    return {row["item"]: row["id"] for row in rows}


async def take(connection: asyncpg.Connection, month: date, most: int) -> bool:
    """Take one push from a month's budget; False when it is used up.

    One statement that counts and compares in the same row: workers wait for each other there, and none goes beyond.
    """
    taken = await connection.fetchval(
        """
        INSERT INTO push_budgets AS b (month, used) SELECT $1, 1 WHERE $2::int > 0
        ON CONFLICT (month) DO UPDATE SET used = b.used + 1 WHERE b.used < $2::int RETURNING true
        """,
        month,
        most,
    )
    return taken is True


async def used(connection: asyncpg.Connection | asyncpg.Pool, month: date) -> int:
    """How many pushes of a month's budget are taken."""
    return int(await connection.fetchval("SELECT used FROM push_budgets WHERE month = $1", month) or 0)


async def wishes(connection: asyncpg.Connection | asyncpg.Pool) -> int:
    """How many customers want to be reminded."""
    return int(await connection.fetchval("SELECT count(*) FROM reminder_wishes"))

"""Forgetting: what is no longer needed is deleted on a schedule, in small bites."""

from __future__ import annotations

from datetime import timedelta

import asyncpg

from bot.log import log

BITE = 5_000


async def clean_up(pool: asyncpg.Pool, *, events: timedelta, claims: timedelta) -> dict[str, int]:
    """Delete what is older than it needs to be; returns how many rows went, by table.

    events: how long event keys are kept against replays (at least a week).
    claims: how long receipts are kept, and customers who no longer write.
    """
    hour, day = timedelta(hours=1), timedelta(days=1)
    old = "{} < now() - $1::interval"
    rules = (
        ("events", old.format("received_at"), events),
        ("pushes", old.format("created_at"), events),
        ("misses", old.format("at"), 2 * day),
        ("waits", old.format("until"), 2 * day),
        ("wallets", old.format("taken_at"), 30 * day),
        ("claims", old.format("claimed_at"), claims),
        (
            "customers",
            old.format("last_seen") + " AND NOT EXISTS (SELECT FROM claims WHERE customer_id = customers.id)",
            claims,
        ),
        ("pgqueuer_log", old.format("created"), 6 * hour),
        ("pgqueuer_statistics", old.format("created"), 7 * day),
    )
    # Codes that wait for [try again] have ten minutes; whoever never writes again must not leave them here.
    await pool.execute(
        "UPDATE customers SET state = state - 'kept' WHERE state ? 'kept' AND last_seen < now() - $1::interval", hour
    )
    # An answer that nobody came for within the hour is of no use to anybody.
    await pool.execute(
        "UPDATE events SET state = 'done', reply = NULL, outcome = 'not collected' "
        "WHERE state = 'parked' AND received_at < now() - $1::interval",
        hour,
    )
    gone = {}
    for table, which, age in rules:
        try:
            gone[table] = await _delete(pool, table, which, age)
        except (asyncpg.PostgresError, TimeoutError) as error:  # One table must not keep the others.
            log.error("clean-up failed", table=table, error=type(error).__name__)
    return gone


async def _delete(pool: asyncpg.Pool, table: str, which: str, age: timedelta) -> int:
    """Delete the rows of `table` that `which` names, some at a time, so that no lock is held for long."""
    gone = 0
    while True:
        status: str = await pool.execute(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {which} LIMIT $2))", age, BITE
        )
        rows = int(status.rsplit(maxsplit=1)[-1])
        gone += rows
        if rows < BITE:
            return gone

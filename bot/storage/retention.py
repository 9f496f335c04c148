"""Forgetting: what is no longer needed is deleted on a schedule, in small bites."""

from __future__ import annotations

from datetime import timedelta

import asyncpg

from bot.storage import queue
from bot.storage.pool import affected
from bot.storage.unclear import KEPT_FOR
from bot.telemetry.log import log

YOUNG = "{} >= now() - $1::interval"
BITE = 5_000
# A link lapses when it is not used for a year; for a month more its owner is told why it is gone.
LINKS = timedelta(days=365 + 30)
# The codes of a bulk job, for whoever lost their file. Poshen has them anyway.
BULK_LISTS = timedelta(days=90)


async def clean_up(pool: asyncpg.Pool, *, events: timedelta, claims: timedelta) -> dict[str, int]:
    """Delete what is older than it needs to be; returns how many rows went, by table.

    events: how long event keys are kept against replays (at least a week).
    claims: how long receipts are kept, and customers who no longer write, with their points.
    """
    hour, day = timedelta(hours=1), timedelta(days=1)
    old = "{} < now() - $1::interval"
    rules = (
        ("events", old.format("received_at"), events),
        ("pushes", old.format("created_at") + " AND messages IS NULL", events),
        ("relays", old.format("since"), 2 * day),
        ("misses", old.format("at"), 2 * day),
        ("waits", old.format("until"), 2 * day),
        ("visits", old.format("at"), 31 * day),
        ("reminders", old.format("ends"), 31 * day),
        ("wallets", old.format("taken_at"), 30 * day),
        ("links", old.format("used_at"), LINKS),
        ("link_codes", old.format("created_at"), claims),
        ("claims", old.format("claimed_at"), claims),
        ("undone", old.format("undone_at"), claims),
        ("players", old.format("used_at"), claims),
        ("redemptions", old.format("settled_at"), claims),  # never one whose end is open
        ("hand_overs", old.format("at"), claims),
        ("counter_codes", old.format("created_at"), day),
        ("exports", old.format("created_at"), BULK_LISTS),
        ("data_files", old.format("expires_at"), hour),
        ("poster_visits", old.format("at"), claims),
        ("poster_files", old.format("expires_at"), day),
        ("bulk_codes", f"job_id IN (SELECT id FROM bulk_jobs WHERE {old.format('ended_at')})", BULK_LISTS),
        (
            "accounts",
            f"held = 0 AND customer_id IN (SELECT id FROM customers WHERE {old.format('last_seen')})"
            f" AND NOT EXISTS (SELECT FROM points WHERE customer_id = accounts.customer_id AND {YOUNG.format('at')})",
            claims,
        ),
        (
            "customers",
            old.format("last_seen")
            + " AND NOT EXISTS (SELECT FROM claims WHERE customer_id = customers.id)"
            + " AND NOT EXISTS (SELECT FROM accounts WHERE customer_id = customers.id)"
            + " AND NOT EXISTS (SELECT FROM issues WHERE customer_id = customers.id AND settled_at IS NULL)"
            + " AND NOT EXISTS (SELECT FROM redemptions WHERE customer_id = customers.id AND settled_at IS NULL)",
            claims,
        ),
        (
            "reminder_wishes",
            old.format("since") + " AND NOT EXISTS (SELECT FROM customers WHERE id = reminder_wishes.customer_id)",
            claims,
        ),
        ("issues", old.format("settled_at"), claims),  # never one whose end is open
        (
            # What an account has is the sum of its ledger, so only the ledgers of nobody go.
            "points",
            old.format("at") + " AND NOT EXISTS (SELECT FROM accounts WHERE customer_id = points.customer_id)",
            claims,
        ),
        ("unclear", old.format("day::timestamp AT TIME ZONE 'UTC'"), KEPT_FOR),
        ("workers", old.format("at"), day),
        ("attachments", old.format("uploaded_at"), 90 * day),  # the platforms have forgotten it, too
        ("invitations", old.format("expires_at"), 30 * day),
        ("approvals", old.format("created_at"), 30 * day),
        ("blocks", old.format("until"), day),
        ("tallies", old.format("day"), claims),
        *((table, old.format("created"), age) for table, age in queue.KEPT_FOR.items()),
    )
    # Codes that wait for [try again] have ten minutes; whoever never writes again must not leave them here.
    await pool.execute(
        "UPDATE customers SET state = state - 'kept' WHERE state ? 'kept' AND last_seen < now() - $1::interval", hour
    )
    # The numbers of cards, hashed, points that MantaGo counted, and the labels of an answer that is as old: tapped or
    # typed, it has had its time.
    await pool.execute(
        "UPDATE customers SET state = state - ARRAY['cards', 'labels', 'pages', 'collected'] "
        "WHERE state ?| ARRAY['cards', 'labels', 'pages', 'collected'] AND last_seen < now() - $1::interval",
        30 * day,
    )
    # Who issued a link code and who used it is kept; the phone that it was for is not, once it is over.
    await pool.execute(
        "UPDATE link_codes SET ended_at = expires_at, phone = '' WHERE ended_at IS NULL AND expires_at < now()"
    )
    # An answer that nobody came for within the hour is of no use to anybody.
    await pool.execute(
        "UPDATE events SET state = 'done', reply = NULL, outcome = 'not collected' "
        "WHERE state = 'parked' AND received_at < now() - $1::interval",
        hour,
    )
    gone: dict[str, int] = {}
    for table, which, age in rules:
        try:
            gone[table] = gone.get(table, 0) + await _delete(pool, table, which, age)
        except (asyncpg.PostgresError, TimeoutError) as error:  # One table must not keep the others.
            log.error("clean-up failed", table=table, error=type(error).__name__)
    # What was deleted above is not claimed any more; the next claim of such a code counts anew.
    status: str = await pool.execute(
        "DELETE FROM code_counters k WHERE claims <> (SELECT count(*) FROM claims WHERE code_id = k.code_id)"
    )
    return gone | {"code_counters": affected(status)}


async def _delete(pool: asyncpg.Pool, table: str, which: str, age: timedelta) -> int:
    """Delete the rows of `table` that `which` names, some at a time, so that no lock is held for long."""
    gone = 0
    while True:
        status: str = await pool.execute(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {which} LIMIT $2))", age, BITE
        )
        rows = affected(status)
        gone += rows
        if rows < BITE:
            return gone

"""Messages that answer no event, or too late for a free reply. Each once, by its key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import asyncpg

from bot.storage.pool import affected
from bot.storage.queue import PUSH


class PushOutcome(StrEnum):
    """How a push ended, or why it waits. The column is empty while a push is on its way.

    All members but the last two are what `channels.Outcome` says. A push with messages is not over, whatever its
    outcome: one that waited and goes on keeps `waiting` until its end.
    """

    DELIVERED = "delivered"  # The platform has it.
    UNKNOWN = "unknown"  # It was sent, no answer came, and repeating it could say it twice.
    RETRY = "retry"  # No try of about a day was accepted.
    LATE = "late"  # An alert that the platform did not take without a message of its reader first.
    UNREACHABLE = "unreachable"  # The recipient blocked us or is gone.
    BARRED = "barred"  # The platform refused our credentials for about a day.
    REFUSED = "refused"  # The platform refused the message.
    WAITING = "waiting"  # It waits until its recipient writes again.
    HELD = "held"  # A restored backup had it on its way: it may have come since, so it waits for the operator.


@dataclass(frozen=True, slots=True)
class Push:
    """One message on its way. `messages`: [{message, plain}], as rendered; None once it is over."""

    id: int
    key: str
    channel: str
    recipient: str
    messages: list[dict[str, Any]] | None
    done: int
    attempts: int


async def add(
    connection: asyncpg.Connection | asyncpg.Pool,
    *,
    key: str,
    channel: str,
    recipient: str,
    messages: str,
    waiting: bool = False,
    pause: float = 0,
) -> bool:
    """Queue a push with its job, in the caller's transaction; False when the key was used already.

    waiting: without a job; `resume` gives it one when the recipient writes again.
    pause: seconds before the first try.
    """
    return (
        await connection.fetchval(
            f"""
            WITH added AS (
                INSERT INTO pushes (key, channel, recipient, messages, waiting) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (key) DO NOTHING RETURNING id
            ), queued AS (
                {PUSH.insert("FROM added WHERE NOT $5", due="now() + $6 * interval '1 second'")}
            )
            SELECT true FROM added
            """,
            key,
            channel,
            recipient,
            messages,
            waiting,
            float(pause),
        )
        is True
    )


async def resume(connection: asyncpg.Connection, channel: str, recipient: str) -> None:
    """Queue what waits for this recipient, who has just written again."""
    await connection.execute(
        f"""
        WITH resumed AS (
            UPDATE pushes SET waiting = false WHERE waiting AND channel = $1 AND recipient = $2 RETURNING id
        )
        {PUSH.insert("FROM resumed ORDER BY id")}
        """,
        channel,
        recipient,
    )


async def wait(pool: asyncpg.Pool, push_id: int) -> None:
    """Let it wait until its recipient writes again; `resume` then gives it a job."""
    await pool.execute("UPDATE pushes SET waiting = true, outcome = 'waiting' WHERE id = $1", push_id)


async def requeue_orphans(pool: asyncpg.Pool) -> int:
    """Give unfinished pushes that have no job (any more) a new one; returns how many."""
    orphaned = f"NOT waiting AND {PUSH.orphaned('p')}"
    status: str = await pool.execute(PUSH.insert(f"FROM pushes p WHERE {orphaned} ORDER BY id LIMIT 10000"))
    return affected(status)


async def read(pool: asyncpg.Pool, push_id: int) -> Push | None:
    """A push by its id."""
    row = await pool.fetchrow(
        "SELECT id, key, channel, recipient, messages, done, attempts FROM pushes WHERE id = $1", push_id
    )
    if row is None:
        return None
    fields = dict(row)
    fields["messages"] = json.loads(row["messages"]) if row["messages"] else None
    return Push(**fields)


async def progress(pool: asyncpg.Pool, push_id: int, done: int) -> None:
    """Remember how many of its messages are out."""
    await pool.execute("UPDATE pushes SET done = $2 WHERE id = $1", push_id, done)


async def failed(pool: asyncpg.Pool, push_id: int) -> None:
    """Count a try that came to nothing."""
    await pool.execute("UPDATE pushes SET attempts = attempts + 1 WHERE id = $1", push_id)


async def over(pool: asyncpg.Pool, push_id: int, outcome: PushOutcome) -> None:
    """It is out, or given up: forget what it said."""
    await pool.execute("UPDATE pushes SET outcome = $2, messages = NULL WHERE id = $1", push_id, outcome)

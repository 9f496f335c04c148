"""Messages that answer no event, or too late for a free reply. Each once, by its key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import asyncpg

from bot.storage.pool import affected
from bot.storage.queue import PUSH


class PushOutcome(StrEnum):
    """How a push ended, or why it waits. The column is empty while a push is on its way.

    All members but the last three are what `channels.Outcome` says. A push with messages is not over, whatever its
    outcome: one that waited and goes on keeps `waiting` until its end.
    """

    DELIVERED = "delivered"  # The platform has it.
    UNKNOWN = "unknown"  # It was sent, no answer came, and repeating it could say it twice.
    RETRY = "retry"  # No try of about a day was accepted.
    LATE = "late"  # An alert that the platform did not take without a message of its reader first.
    UNREACHABLE = "unreachable"  # The recipient blocked us or is gone.
    BARRED = "barred"  # The platform refused our credentials for about a day.
    REFUSED = "refused"  # The platform refused the message.
    OUTDATED = "outdated"  # It waited until it was of no use any more, or for as long as anything is kept.
    WAITING = "waiting"  # It waits until its recipient writes again.
    HELD = "held"  # A restored backup had it on its way: it may have come since, so it waits for the operator.


@dataclass(frozen=True, slots=True)
class Push:
    """One message on its way. `messages`: [{message, plain}], as rendered; None once it is over.

    until: after which it is of no use; None for what is always owed.
    """

    id: int
    key: str
    channel: str
    recipient: str
    messages: list[dict[str, Any]] | None
    done: int
    attempts: int
    until: datetime | None = None
    outcome: str | None = None

    @property
    def kind(self) -> str:
        """What it is, for counting: a reply, an apology, a notice, a reminder, or (to staff) an alert or a staff's."""
        return self.key.partition(":")[0]


_COLUMNS = "id, key, channel, recipient, messages, done, attempts, until, outcome"


def _push(row: asyncpg.Record) -> Push:
    return Push(**dict(row) | {"messages": json.loads(row["messages"]) if row["messages"] else None})


async def add(
    connection: asyncpg.Connection | asyncpg.Pool,
    *,
    key: str,
    channel: str,
    recipient: str,
    messages: str,
    waiting: bool = False,
    pause: float = 0,
    until: datetime | None = None,
) -> bool:
    """Queue a push with its job, in the caller's transaction; False when the key was used already.

    waiting: without a job, until the recipient writes again.
    pause: seconds before the first try. until: see `Push`.
    """
    return (
        await connection.fetchval(
            f"""
            WITH added AS (
                INSERT INTO pushes (key, channel, recipient, messages, waiting, until) VALUES ($1, $2, $3, $4, $5, $7)
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
            until,
        )
        is True
    )


async def resume(connection: asyncpg.Connection, channel: str, recipient: str) -> None:
    """Queue what waits for this recipient, who has just written again, where a message of its own costs nothing."""
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


async def waiting_for(pool: asyncpg.Pool, channel: str, recipient: str) -> list[Push]:
    """What waits for this recipient to write again, the oldest first."""
    rows = await pool.fetch(
        f"SELECT {_COLUMNS} FROM pushes WHERE waiting AND channel = $1 AND recipient = $2 AND messages IS NOT NULL "
        "ORDER BY id",
        channel,
        recipient,
    )
    return [_push(row) for row in rows]


async def wait(pool: asyncpg.Pool, push_id: int) -> None:
    """Let it wait until its recipient writes again: then it goes with the answer, or gets a job (`resume`)."""
    await pool.execute("UPDATE pushes SET waiting = true, outcome = 'waiting' WHERE id = $1", push_id)


async def requeue_orphans(pool: asyncpg.Pool) -> int:
    """Give unfinished pushes that have no job (any more) a new one; returns how many."""
    orphaned = f"NOT waiting AND {PUSH.orphaned('p')}"
    status: str = await pool.execute(PUSH.insert(f"FROM pushes p WHERE {orphaned} ORDER BY id LIMIT 10000"))
    return affected(status)


async def read(pool: asyncpg.Pool, push_id: int) -> Push | None:
    """A push by its id."""
    row = await pool.fetchrow(f"SELECT {_COLUMNS} FROM pushes WHERE id = $1", push_id)
    return _push(row) if row else None


async def say_instead(pool: asyncpg.Pool, push_id: int, messages: str) -> None:
    """Some of what it says holds no more."""
    await pool.execute("UPDATE pushes SET messages = $2 WHERE id = $1 AND messages IS NOT NULL", push_id, messages)


async def progress(pool: asyncpg.Pool, push_id: int, done: int) -> None:
    """Remember how many of its messages are out."""
    await pool.execute("UPDATE pushes SET done = $2 WHERE id = $1", push_id, done)


async def failed(pool: asyncpg.Pool, push_id: int) -> None:
    """Count a try that came to nothing."""
    await pool.execute("UPDATE pushes SET attempts = attempts + 1 WHERE id = $1", push_id)


async def over(pool: asyncpg.Pool, push_id: int, outcome: PushOutcome) -> None:
    """It is out, or given up: forget what it said."""
    await pool.execute(
        "UPDATE pushes SET outcome = $2, messages = NULL, waiting = false WHERE id = $1", push_id, outcome
    )


async def give_up_old(pool: asyncpg.Pool, age: timedelta) -> dict[tuple[str, str], int]:
    """End what has waited until it was of no use, or for longer than `age`; how many, by channel and `Push.kind`."""
    rows = await pool.fetch(
        """
        WITH gone AS (
            UPDATE pushes SET outcome = 'outdated', messages = NULL, waiting = false
            WHERE messages IS NOT NULL AND (until < now() OR created_at < now() - $1::interval)
            RETURNING channel, split_part(key, ':', 1) AS kind
        )
        SELECT channel, kind, count(*) AS n FROM gone GROUP BY 1, 2
        """,
        age,
    )
    return {(row["channel"], row["kind"]): row["n"] for row in rows}

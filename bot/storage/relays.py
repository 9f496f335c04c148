"""What other tools are to have of LINE's events, until they have it: each tool's own, in each chat's order. A row's
state is an `arrivals.RelayState`, which statements have as text.

A row is taken with a lease (`next_at`): whoever dies with it leaves it to be taken again, and then it says that it
comes again. `tried_since` is when its tool began to take nothing, as far as it waited then. `bot/relay.py` passes them
on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from bot.storage.pool import affected

UNTENDED = timedelta(minutes=10)  # far longer than any pause between two tries of one tool
_UNDECIDED = "state IN ('rest', 'all')"


@dataclass(frozen=True, slots=True)
class Relay:
    """One tool's copy of one event. body: sealed. attempts: this one counted. unread: nobody has looked whether others
    may have it."""

    event_id: int
    chat: str
    attempts: int
    unread: bool
    without_token: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one tool has not got yet. since: of the oldest."""

    target: str
    count: int
    since: datetime


async def release(connection: asyncpg.Connection, event_id: int, *, without_token: bool = False) -> bool:
    """Let the other tools have an event, in its turn's transaction; whether there was anything to let them have.

    without_token: its answer is ours.
    """
    done: str = await connection.execute(
        f"UPDATE relays SET state = 'due', without_token = $2 WHERE event_id = $1 AND {_UNDECIDED}",
        event_id,
        without_token,
    )
    return done != "UPDATE 0"


async def withhold(connection: asyncpg.Connection, event_id: int) -> None:
    """Let nobody else have an event, in its turn's transaction."""
    await connection.execute(f"DELETE FROM relays WHERE event_id = $1 AND {_UNDECIDED}", event_id)


async def forget_message(connection: asyncpg.Connection, chat: str, message_id: str) -> None:
    """What its author took back goes to nobody any more."""
    await connection.execute("DELETE FROM relays WHERE chat = $1 AND message_id = $2", chat, message_id)


async def forget_person(connection: asyncpg.Connection, chat: str) -> None:
    """Nothing of this person's goes to anybody any more."""
    await connection.execute("DELETE FROM relays WHERE chat = $1", chat)


async def settle(pool: asyncpg.Pool) -> None:
    """Draw the consequence of turns that are over: what they did not release stays with us, or goes if all does."""
    over = "e.id = r.event_id AND e.state <> 'new'"
    await pool.execute(
        f"""
        WITH ours AS (DELETE FROM relays r USING events e WHERE r.state = 'rest' AND {over})
        UPDATE relays r SET state = 'due' FROM events e WHERE r.state = 'all' AND {over}
        """
    )


async def take(pool: asyncpg.Pool, target: str, most: int, now: datetime, lease: timedelta) -> list[Relay]:
    """The first of each chat that may be tried now, the oldest first; nobody else takes them during the lease."""
    rows = await pool.fetch(
        """
        WITH first AS (
            SELECT r.event_id FROM relays r
            WHERE r.target = $1 AND r.state IN ('due', 'unread') AND r.next_at <= $3
                AND NOT EXISTS (
                    SELECT FROM relays elder
                    WHERE elder.target = $1 AND elder.chat = r.chat AND elder.event_id < r.event_id
                )
            ORDER BY r.event_id LIMIT $2 FOR UPDATE SKIP LOCKED
        )
        UPDATE relays r SET attempts = attempts + 1, next_at = $3::timestamptz + $4::interval
        FROM first WHERE r.target = $1 AND r.event_id = first.event_id
        RETURNING r.event_id, r.chat, r.attempts, r.state = 'unread' AS unread, r.without_token, r.body
        """,
        target,
        most,
        now,
        lease,
    )
    return sorted((Relay(**row) for row in rows), key=lambda relay: relay.event_id)


async def done(pool: asyncpg.Pool, target: str, event_id: int) -> None:
    """They have it, or must not: it is forgotten."""
    await pool.execute("DELETE FROM relays WHERE target = $1 AND event_id = $2", target, event_id)


async def untaken(pool: asyncpg.Pool, target: str, event_id: int, at: datetime) -> None:
    """It was not tried after all; it can be taken again from then on."""
    await pool.execute(
        "UPDATE relays SET next_at = $3, attempts = attempts - 1 WHERE target = $1 AND event_id = $2",
        target,
        event_id,
        at,
    )


async def failed(connection: asyncpg.Connection, target: str, event_id: int, now: datetime, at: datetime) -> None:
    """A try came to nothing; the next one is from `at` on.

    All that waits for the tool is being tried from its first failure on. Where nobody tried anything for longer than
    UNTENDED, because no worker ran, that begins anew.
    """
    await connection.execute(
        """
        WITH before AS (SELECT max(tried_at) AS tried_at FROM relays WHERE target = $1), begun AS (
            SELECT r.event_id FROM relays r, before
            WHERE r.target = $1 AND r.state IN ('due', 'unread')
                AND (r.tried_since IS NULL OR before.tried_at < $2::timestamptz - $3::interval)
            ORDER BY r.event_id FOR UPDATE OF r SKIP LOCKED
        )
        UPDATE relays r SET tried_since = $2 FROM begun WHERE r.target = $1 AND r.event_id = begun.event_id
        """,
        target,
        now,
        UNTENDED,
    )
    await connection.execute(
        "UPDATE relays SET next_at = $3, tried_at = $4 WHERE target = $1 AND event_id = $2", target, event_id, at, now
    )


async def give_up(
    connection: asyncpg.Connection, target: str, event_id: int, before: datetime, now: datetime, *, untried: bool
) -> int:
    """Forget what has been tried since before then, but for what somebody else has just taken; how many.

    event_id: what has just failed. untried: what was never tried, too, since nothing gets through to the tool.
    """
    status: str = await connection.execute(
        """
        WITH lost AS (
            SELECT event_id FROM relays
            WHERE target = $1 AND tried_since < $3 AND state IN ('due', 'unread') AND (attempts > 0 OR $5)
                AND (event_id = $2 OR next_at <= $4)
            ORDER BY event_id FOR UPDATE SKIP LOCKED
        )
        DELETE FROM relays r USING lost WHERE r.target = $1 AND r.event_id = lost.event_id
        """,
        target,
        event_id,
        before,
        now,
        untried,
    )
    return affected(status)


async def drop_others(pool: asyncpg.Pool, targets: Sequence[str]) -> int:
    """Forget what is for tools that are none of ours any more; how many."""
    status: str = await pool.execute("DELETE FROM relays WHERE target <> ALL($1)", list(targets))
    return affected(status)


async def waiting(connection: asyncpg.Connection | asyncpg.Pool) -> list[Waiting]:
    """What waits for each tool, apart from what a turn is about to decide."""
    rows = await connection.fetch(
        f"SELECT target, count(*) AS count, min(since) AS since FROM relays WHERE NOT {_UNDECIDED} GROUP BY target"
    )
    return [Waiting(**row) for row in rows]


async def holds_live_code(
    connection: asyncpg.Connection | asyncpg.Pool,
    links: Sequence[bytes],
    invitations: Sequence[bytes],
    shown: Sequence[bytes],
    at: datetime,
) -> bool:
    """Whether one of these, as keyed hashes, is a code that links a phone, makes somebody staff or is shown at the
    counter by a customer or a member, and was good at that moment."""
    return bool(
        await connection.fetchval(
            """
            SELECT EXISTS (
                SELECT FROM link_codes WHERE code_hash = ANY($1) AND coalesce(ended_at > $4, true) AND expires_at > $4
            ) OR EXISTS (
                SELECT FROM invitations WHERE code_hash = ANY($2) AND coalesce(used_at > $4, true) AND expires_at > $4
            ) OR EXISTS (
                SELECT FROM counter_codes
                WHERE code_hash = ANY($3) AND coalesce(ended_at > $4, true) AND expires_at > $4
            )
            """,
            list(links),
            list(invitations),
            list(shown),
            at,
        )
    )

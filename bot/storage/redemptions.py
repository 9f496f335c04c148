"""Codes asked of Poshen for a player: each intent is a row, committed before the first call.

A redemption's state is a `RedemptionState`: `pending` → `done` or `failed`, or → `unknown` → … → `check`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import asyncpg

from bot.storage.asked import IS_OPEN, OPEN, UNDER_WAY, Asked
from bot.storage.queue import REDEMPTION
from bot.storage.receipts import FREE, draw


class RedemptionState(StrEnum):
    """How far a redemption is."""

    PENDING = "pending"  # No call has reached Poshen yet; the first one may be on its way.
    UNKNOWN = "unknown"  # A call had no readable answer: it is asked again, for the same code and player.
    CHECK = "check"  # Asking again did not help: staff decide.
    DONE = "done"  # Poshen has granted the rewards, and the customer has their claim.
    FAILED = "failed"  # It was surely not redeemed, or staff say so.


@dataclass(frozen=True, slots=True)
class Redemption:
    """One code for one player, wanted or redeemed.

    ref: its receipt's, which its claim gets. event_id: of the message with which it was asked for. code: {id, code,
    group, game, rewards} as it was looked up. player: sealed, None once it is settled. refusal: why it was not
    redeemed, for machines; reason: for staff. awaited: the customer was told to wait, so its end must be told to them
    in a message of its own.
    """

    id: int
    ref: str
    state: RedemptionState
    customer_id: int
    event_id: int
    code_id: int
    code: dict[str, Any]
    player_hash: bytes
    player: bytes | None
    refusal: str | None
    reason: str | None
    attempts: int
    unknowns: int
    awaited: bool
    next_at: datetime | None
    created_at: datetime
    settled_at: datetime | None

    @property
    def open(self) -> bool:
        """Whether its end is not known yet."""
        return self.state in OPEN

    @property
    def under_way(self) -> bool:
        """Whether it is asked for by itself, until it has its end or staff have to decide."""
        return self.state in UNDER_WAY


_COLUMNS = """id, ref, state, customer_id, event_id, code_id, code, player_hash, player, refusal, reason, attempts,
    unknowns, awaited, next_at, created_at, settled_at"""
_ASKED = Asked(REDEMPTION, _COLUMNS)
queue, requeue_orphans = _ASKED.queue, _ASKED.requeue_orphans


def _read(row: asyncpg.Record) -> Redemption:
    return Redemption(**dict(row) | {"state": RedemptionState(row["state"])})


def _one(row: asyncpg.Record | None) -> Redemption | None:
    return _read(row) if row else None


async def lock(connection: asyncpg.Connection, code_id: int, customer_id: int) -> None:
    """One who wants a code redeemed for a customer at a time, until this transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 5))", f"redeem:{code_id}:{customer_id}")


async def add(
    connection: asyncpg.Connection,
    *,
    customer_id: int,
    event_id: int,
    code: Mapping[str, Any],
    player_hash: bytes,
    player: bytes,
    now: datetime,
) -> Redemption | None:
    """Write an intent down; None while this code is being redeemed for this player or customer already."""
    row = await connection.fetchrow(
        f"""
        INSERT INTO redemptions (ref, state, customer_id, event_id, code_id, code, player_hash, player, created_at)
        VALUES ({FREE}, 'pending', $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
        """,
        draw(),
        customer_id,
        event_id,
        code["id"],
        dict(code),
        player_hash,
        player,
        now,
    )
    return _one(row)


async def read(connection: asyncpg.Connection | asyncpg.Pool, redemption_id: int) -> Redemption | None:
    """A redemption by its id."""
    return _one(await connection.fetchrow(f"SELECT {_COLUMNS} FROM redemptions WHERE id = $1", redemption_id))


async def by_ref(connection: asyncpg.Connection | asyncpg.Pool, ref: str) -> Redemption | None:
    """Anybody's redemption by its reference: for staff, or to be compared with who asks."""
    return _one(await connection.fetchrow(f"SELECT {_COLUMNS} FROM redemptions WHERE ref = $1", ref))


async def open_of(connection: asyncpg.Connection | asyncpg.Pool, code_id: int, customer_id: int) -> Redemption | None:
    """A customer's redemption of a code that has no end yet."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM redemptions WHERE code_id = $1 AND customer_id = $2 AND {IS_OPEN}",
        code_id,
        customer_id,
    )
    return _one(row)


async def unsettled_of(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> list[Redemption]:
    """A customer's redemptions that have no end yet, oldest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM redemptions WHERE customer_id = $1 AND {IS_OPEN} ORDER BY id", customer_id
    )
    return [_read(row) for row in rows]


async def done_by_others(connection: asyncpg.Connection | asyncpg.Pool, redemption: Redemption) -> bool:
    """Whether this player's redemption of this code was another one of ours."""
    return bool(
        await connection.fetchval(
            """
            SELECT EXISTS (
                SELECT FROM redemptions WHERE code_id = $1 AND player_hash = $2 AND id <> $3 AND state = 'done'
            )
            """,
            redemption.code_id,
            redemption.player_hash,
            redemption.id,
        )
    )


async def newest(
    connection: asyncpg.Connection | asyncpg.Pool, *, only_open: bool, limit: int, offset: int
) -> list[Redemption]:
    """Everybody's redemptions, newest first: for staff."""
    rows = await _ASKED.newest(connection, only_open=only_open, limit=limit, offset=offset)
    return [_read(row) for row in rows]


async def count_open(connection: asyncpg.Connection | asyncpg.Pool, code_id: int) -> int:
    """How many redemptions of a code have no end yet."""
    return int(await connection.fetchval(f"SELECT count(*) FROM redemptions WHERE code_id = $1 AND {IS_OPEN}", code_id))


async def undecided(connection: asyncpg.Connection | asyncpg.Pool, before: datetime) -> int:
    """How many wait for staff and were asked for before a moment."""
    return int(
        await connection.fetchval("SELECT count(*) FROM redemptions WHERE state = 'check' AND created_at < $1", before)
    )


async def lease(
    connection: asyncpg.Connection | asyncpg.Pool,
    redemption_id: int,
    now: datetime,
    until: datetime,
    *,
    but_awaited: bool = False,
) -> Redemption | None:
    """As `Asked.lease`."""
    return _one(await _ASKED.lease(connection, redemption_id, now, until, but_awaited=but_awaited))


async def settle(
    connection: asyncpg.Connection,
    redemption_id: int,
    state: RedemptionState,
    now: datetime,
    *,
    refusal: str | None = None,
    reason: str | None = None,
    attempt: int | None = None,
    idle_at: datetime | None = None,
) -> Redemption | None:
    """Bring a redemption to its end (`done`, `failed`), and forget the player; None when it has one already.

    A late yes is true whatever was believed before, so what has failed can still be done.
    attempt: only while this is the latest one. A worker that slept through its lease knows nothing of the next call.
    idle_at: only when no call for it is on its way at that moment.
    """
    return _one(
        await connection.fetchrow(
            f"""
            UPDATE redemptions SET state = $2, refusal = $3, reason = $4, settled_at = $5, player = NULL,
                leased_until = NULL, next_at = NULL
            WHERE id = $1 AND ({IS_OPEN} OR state = 'failed' AND $2 = 'done') AND ($6::int IS NULL OR attempts = $6)
                AND ($7::timestamptz IS NULL OR leased_until IS NULL OR leased_until <= $7)
            RETURNING {_COLUMNS}
            """,
            redemption_id,
            state,
            refusal,
            reason,
            now,
            attempt,
            idle_at,
        )
    )


async def postpone(
    connection: asyncpg.Connection,
    redemption_id: int,
    state: RedemptionState,
    *,
    reason: str | None,
    next_at: datetime | None,
    attempt: int,
) -> Redemption | None:
    """Leave a redemption open and free for the next try: `unknown`, or `check`.

    None when it has ended, or when `attempt` is not the latest one any more.
    """
    return _one(
        await connection.fetchrow(
            f"""
            UPDATE redemptions SET state = $2, reason = $3, next_at = $4, leased_until = NULL, unknowns = unknowns + 1
            WHERE id = $1 AND {IS_OPEN} AND attempts = $5 RETURNING {_COLUMNS}
            """,
            redemption_id,
            state,
            reason,
            next_at,
            attempt,
        )
    )


async def reopen(connection: asyncpg.Connection, redemption_id: int, now: datetime, pause: timedelta) -> None:
    """Let an open redemption be asked for at once, and have that done after `pause` by a job.

    Its end is told to the customer in a message of its own, unless a call is on its way: whoever makes it tells them.
    """
    await connection.execute(
        f"""
        UPDATE redemptions SET next_at = NULL, state = 'unknown',
            awaited = awaited OR leased_until IS NULL OR leased_until <= $2
        WHERE id = $1 AND {IS_OPEN}
        """,
        redemption_id,
        now,
    )
    await queue(connection, redemption_id, pause)


async def awaits(connection: asyncpg.Connection, redemption_id: int) -> Redemption | None:
    """Note that the customer is told to wait for the end; None when it is there already."""
    return _one(await _ASKED.awaits(connection, redemption_id))


async def forget(connection: asyncpg.Connection, customer_id: int) -> None:
    """Delete a customer's redemptions, all of which have their end: what came of them are claims."""
    await connection.execute("DELETE FROM redemptions WHERE customer_id = $1", customer_id)

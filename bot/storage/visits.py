"""Visits: when each person's last one was counted, by keyed hashes that outlive their data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg


async def latest(
    connection: asyncpg.Connection | asyncpg.Pool, hashes: Sequence[bytes], since: datetime
) -> datetime | None:
    """When somebody's last visit was counted, if that was after `since`. hashes: all by which they are known."""
    at: datetime | None = await connection.fetchval(
        "SELECT max(at) FROM visits WHERE person_hash = ANY($1) AND at > $2", list(hashes), since
    )
    return at


async def note(
    connection: asyncpg.Connection, hashes: Sequence[bytes], since: datetime, now: datetime
) -> datetime | None:
    """Note a visit of now, unless one was noted after `since`: then this is when.

    Whoever notes a visit of the same person at the same moment waits here until this transaction ends. hashes: sorted,
    so that no two of them wait for each other.
    """
    for person_hash in hashes:
        await connection.execute(
            """
            INSERT INTO visits AS v (person_hash, at) VALUES ($1, '-infinity')
            ON CONFLICT (person_hash) DO UPDATE SET at = v.at
            """,
            person_hash,
        )
    before = await latest(connection, hashes, since)
    if before is None:
        await connection.execute("UPDATE visits SET at = $2 WHERE person_hash = ANY($1)", list(hashes), now)
    return before


async def counted_by(connection: asyncpg.Connection | asyncpg.Pool, actor: str, since: datetime) -> int:
    """How many visits a member has counted since then."""
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM points WHERE kind = 'visit' AND actor = $1 AND at >= $2", actor, since
        )
    )

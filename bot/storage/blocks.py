"""Who is not served for a while: by keyed hash, so that deleting one's data does not end it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg


@dataclass(frozen=True, slots=True)
class Block:
    """by: the member of staff, as lists call them."""

    until: datetime
    reason: str
    by: str
    at: datetime


async def put(
    connection: asyncpg.Connection,
    person_hash: bytes,
    customer_id: int,
    *,
    until: datetime,
    reason: str,
    by: str,
    now: datetime,
) -> None:
    """Block somebody; a new block replaces the old one."""
    await connection.execute(
        """
        INSERT INTO blocks (person_hash, until, reason, by, at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (person_hash) DO UPDATE
        SET until = excluded.until, reason = excluded.reason, by = excluded.by, at = excluded.at
        """,
        person_hash,
        until,
        reason,
        by,
        now,
    )
    await connection.execute("UPDATE customers SET blocked_until = $2 WHERE id = $1", customer_id, until)


async def read(connection: asyncpg.Connection | asyncpg.Pool, person_hash: bytes, now: datetime) -> Block | None:
    """The block of somebody, while it lasts."""
    row = await connection.fetchrow(
        "SELECT until, reason, by, at FROM blocks WHERE person_hash = $1 AND until > $2", person_hash, now
    )
    return Block(**row) if row else None


async def remove(connection: asyncpg.Connection, person_hash: bytes, customer_id: int) -> bool:
    """Serve somebody again; whether they were blocked."""
    await connection.execute("UPDATE customers SET blocked_until = NULL WHERE id = $1", customer_id)
    return await connection.fetchval("DELETE FROM blocks WHERE person_hash = $1 RETURNING true", person_hash) is True

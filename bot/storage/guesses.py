"""Wrong codes and what they cost: misses, waits and the guard, by keyed hashes only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg


@dataclass(frozen=True, slots=True)
class StaffRow:
    """How a person stands with the guess limits, read in one go."""

    wait_until: datetime | None
    wait_level: int
    guard_until: datetime | None
    recent: int  # misses in the last ten minutes, since the last wait ended
    today: int  # misses in the last 24 hours


async def standing(connection: asyncpg.Connection | asyncpg.Pool, person: bytes, now: datetime) -> StaffRow:
    """Where a person stands."""
    row = await connection.fetchrow(
        """
        SELECT w.until, coalesce(w.level, 0) AS level, (SELECT raised_until FROM guard WHERE id = 1) AS guard,
            (SELECT count(*) FROM misses WHERE person_hash = $1 AND at > $2::timestamptz - interval '10 minutes'
                AND at > coalesce(w.until, '-infinity')) AS recent,
            (SELECT count(*) FROM misses WHERE person_hash = $1 AND at > $2 - interval '24 hours') AS today
        FROM (SELECT 1) one LEFT JOIN waits w ON w.person_hash = $1
        """,
        person,
        now,
    )
    return StaffRow(row["until"], row["level"], row["guard"], row["recent"], row["today"])


async def add_miss(connection: asyncpg.Connection, person: bytes, code: bytes, prefix: bytes, now: datetime) -> bool:
    """Count a wrong code; False when the same one was counted within ten minutes."""
    return (
        await connection.fetchval(
            """
            INSERT INTO misses (person_hash, code_hash, prefix_hash, at) SELECT $1, $2, $3, $4
            WHERE NOT EXISTS (SELECT FROM misses WHERE person_hash = $1 AND code_hash = $2
                AND at > $4::timestamptz - interval '10 minutes')
            RETURNING true
            """,
            person,
            code,
            prefix,
            now,
        )
        is True
    )


async def make_wait(connection: asyncpg.Connection, person: bytes, until: datetime, level: int) -> None:
    """Let a person wait."""
    await connection.execute(
        """
        INSERT INTO waits (person_hash, until, level) VALUES ($1, $2, $3)
        ON CONFLICT (person_hash) DO UPDATE SET until = excluded.until, level = excluded.level
        """,
        person,
        until,
        level,
    )


async def totals(connection: asyncpg.Connection, prefix: bytes, now: datetime) -> tuple[int, int]:
    """(misses of everybody, people who missed with this prefix) in the last ten minutes.

    What has no prefix was talk, not a try.
    """
    row = await connection.fetchrow(
        """
        SELECT count(*), count(DISTINCT person_hash) FILTER (WHERE prefix_hash = $1)
        FROM misses WHERE at > $2::timestamptz - interval '10 minutes' AND prefix_hash <> ''
        """,
        prefix,
        now,
    )
    return int(row[0]), int(row[1])


async def raise_guard(connection: asyncpg.Connection, until: datetime, now: datetime) -> bool:
    """Raise the guard; True when staff have not been told of it for an hour (then they are to be, now)."""
    return (
        await connection.fetchval(
            """
            WITH before AS (SELECT alerted_at FROM guard WHERE id = 1 FOR UPDATE)
            INSERT INTO guard AS g (id, raised_until, alerted_at) VALUES (1, $1, $2)
            ON CONFLICT (id) DO UPDATE SET raised_until = $1,
                alerted_at = CASE WHEN g.alerted_at > $2::timestamptz - interval '1 hour' THEN g.alerted_at ELSE $2 END
            RETURNING NOT EXISTS (SELECT FROM before WHERE alerted_at > $2::timestamptz - interval '1 hour')
            """,
            until,
            now,
        )
        is True
    )


async def guard_until(connection: asyncpg.Connection | asyncpg.Pool, now: datetime) -> datetime | None:
    """Until when the guard is raised; None when it is not."""
    until: datetime | None = await connection.fetchval(
        "SELECT raised_until FROM guard WHERE id = 1 AND raised_until > $1", now
    )
    return until


async def set_guard(connection: asyncpg.Connection, until: datetime | None) -> None:
    """Raise or lower the guard by hand."""
    await connection.execute(
        """
        INSERT INTO guard (id, raised_until) VALUES (1, $1)
        ON CONFLICT (id) DO UPDATE SET raised_until = excluded.raised_until
        """,
        until,
    )


async def count_since(connection: asyncpg.Connection, person: bytes, since: datetime) -> int:
    """How many tries of a person are counted since then."""
    return int(
        await connection.fetchval("SELECT count(*) FROM misses WHERE person_hash = $1 AND at > $2", person, since)
    )


async def add_try(connection: asyncpg.Connection, person: bytes, now: datetime) -> None:
    """Count a try of something that is no redemption code; it never raises the guard."""
    await connection.execute(
        "INSERT INTO misses (person_hash, code_hash, prefix_hash, at) VALUES ($1, '', '', $2)", person, now
    )

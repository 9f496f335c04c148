"""Limits of calls a second over all processes on this database: one row for each, from which slots are taken.

A slot is a moment, by the database's clock alone. It is taken by one short statement and waited for afterwards, so
nobody holds a lock or a connection meanwhile, and whoever dies leaves nothing behind but an unused moment.
"""

from __future__ import annotations

import asyncpg

# The next free slot. What lies far ahead was written by a clock that has been set back since.
_FREE = "CASE WHEN r.next_at BETWEEN t.now AND t.now + 60 + $2 THEN r.next_at ELSE t.now END"
_TAKE = f"""
UPDATE rate_limits r SET first_at = {_FREE},
    next_at = {_FREE} + $2 * least($3, greatest(0, floor(($4 - {_FREE} + t.now) / $2) + 1))
FROM (SELECT extract(epoch FROM clock_timestamp())::float8 AS now) t
WHERE r.name = $1
RETURNING r.first_at - t.now AS wait, round((r.next_at - r.first_at) / $2)::int AS taken
"""


async def take(pool: asyncpg.Pool, name: str, interval: float, count: int, within: float) -> tuple[float, int]:
    """Take slots: seconds until the first that is free, and how many were taken.

    interval: seconds between two slots. count: how many are wanted; those that begin within `within` seconds are taken.
    """
    wanted = (name, interval, float(count), within)
    row = await pool.fetchrow(_TAKE, *wanted)
    if row is None:
        await pool.execute(
            "INSERT INTO rate_limits (name, first_at, next_at) VALUES ($1, 0, 0) ON CONFLICT DO NOTHING", name
        )
        row = await pool.fetchrow(_TAKE, *wanted)
    return row["wait"], row["taken"]

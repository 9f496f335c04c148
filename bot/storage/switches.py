"""What is switched on for everybody, and what may happen only once ever."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg

MAINTENANCE = "maintenance"
BOOTSTRAP = "bootstrap"
CODES = "codes"  # never off: `at` is when codes were last made, which the taking up of every event reads


async def read(connection: asyncpg.Connection | asyncpg.Pool, name: str) -> dict[str, Any] | None:
    """The value of a switch that is on, None when it is off."""
    value: dict[str, Any] | None = await connection.fetchval("SELECT value FROM switches WHERE name = $1", name)
    return value


async def state(connection: asyncpg.Connection | asyncpg.Pool, name: str) -> dict[str, Any] | None:
    """Who switched it on and when, {by, at}; None when it is off."""
    row = await connection.fetchrow("SELECT by, at FROM switches WHERE name = $1", name)
    return dict(row) if row else None


async def put(connection: asyncpg.Connection, name: str, value: dict[str, Any], by: str, now: datetime) -> None:
    """Switch on."""
    await connection.execute(
        """
        INSERT INTO switches (name, value, by, at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value, by = excluded.by, at = excluded.at
        """,
        name,
        value,
        by,
        now,
    )


async def once(connection: asyncpg.Connection, name: str, value: dict[str, Any], by: str, now: datetime) -> bool:
    """Switch on what can be switched on once only; False when that has been done."""
    return (
        await connection.fetchval(
            """
            INSERT INTO switches (name, value, by, at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (name) DO NOTHING RETURNING true
            """,
            name,
            value,
            by,
            now,
        )
        is True
    )


async def remove(connection: asyncpg.Connection, name: str) -> bool:
    """Switch off; whether it was on."""
    return await connection.fetchval("DELETE FROM switches WHERE name = $1 RETURNING true", name) is True


async def touch(connection: asyncpg.Connection | asyncpg.Pool, name: str) -> None:
    """Give a switch another `at`, by the database's clock: no two of them are alike."""
    await connection.execute(
        """
        INSERT INTO switches (name, value, by, at) VALUES ($1, '{}', 'bot', clock_timestamp())
        ON CONFLICT (name) DO UPDATE SET at = clock_timestamp()
        """,
        name,
    )

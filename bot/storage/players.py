"""Players' ids as customers told them, sealed: whom Poshen redeems a customer's codes for."""

from __future__ import annotations

from datetime import datetime

import asyncpg


async def of_customer(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> bytes | None:
    """A customer's player id, sealed; None when they told none."""
    player: bytes | None = await connection.fetchval("SELECT player FROM players WHERE customer_id = $1", customer_id)
    return player


async def put(connection: asyncpg.Connection, customer_id: int, player: bytes, now: datetime) -> None:
    """Remember a customer's player id, instead of the one they had."""
    await connection.execute(
        """
        INSERT INTO players (customer_id, player, since, used_at) VALUES ($1, $2, $3, $3)
        ON CONFLICT (customer_id) DO UPDATE
        SET player = excluded.player, since = excluded.since, used_at = excluded.used_at
        """,
        customer_id,
        player,
        now,
    )


async def used(connection: asyncpg.Connection, customer_id: int, now: datetime) -> None:
    """A code is redeemed with it just now: it is kept for as long again."""
    await connection.execute("UPDATE players SET used_at = $2 WHERE customer_id = $1", customer_id, now)


async def remove(connection: asyncpg.Connection, customer_id: int) -> bool:
    """Forget it; whether there was one."""
    return await connection.fetchval("DELETE FROM players WHERE customer_id = $1 RETURNING true", customer_id) is True

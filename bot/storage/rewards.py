"""What a Poshen reward brings beside its card, as the brand decided: points, or a voucher at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg


@dataclass(frozen=True, slots=True)
class Grant:
    """points, or a voucher (`gift_id`, `price_id` and the `offer` {name, brand, image, price_value} as it was
    when it was set), or a thing that staff hand over at the counter (`handover`), or, with none of them, nothing."""

    points: int = 0
    gift_id: int | None = None
    price_id: int | None = None
    offer: Mapping[str, Any] | None = None
    handover: bool = False


_COLUMNS = "points, gift_id, price_id, offer, handover"


async def of(connection: asyncpg.Connection, reward_ids: Collection[int]) -> dict[int, Grant]:
    """What these rewards bring; those that bring nothing are missing."""
    rows = await connection.fetch(f"SELECT reward_id, {_COLUMNS} FROM rewards WHERE reward_id = ANY($1)", reward_ids)
    return {row["reward_id"]: Grant(*list(row)[1:]) for row in rows}


async def listed(connection: asyncpg.Connection | asyncpg.Pool) -> dict[int, Grant]:
    """Every rule, by reward."""
    rows = await connection.fetch(f"SELECT reward_id, {_COLUMNS} FROM rewards ORDER BY reward_id")
    return {row["reward_id"]: Grant(*list(row)[1:]) for row in rows}


async def lock(connection: asyncpg.Connection) -> None:
    """One change of rules at a time, until this transaction ends."""
    await connection.execute("LOCK TABLE rewards IN SHARE ROW EXCLUSIVE MODE")


async def put(connection: asyncpg.Connection | asyncpg.Pool, reward_id: int, grant: Grant) -> None:
    """Decide what a reward brings from now on; nothing removes the rule."""
    if grant == Grant():
        await connection.execute("DELETE FROM rewards WHERE reward_id = $1", reward_id)
        return
    await connection.execute(
        """
        INSERT INTO rewards (reward_id, points, gift_id, price_id, offer, handover, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, now())
        ON CONFLICT (reward_id) DO UPDATE SET points = excluded.points, gift_id = excluded.gift_id,
            price_id = excluded.price_id, offer = excluded.offer, handover = excluded.handover, updated_at = now()
        """,
        reward_id,
        grant.points,
        grant.gift_id,
        grant.price_id,
        dict(grant.offer) if grant.offer else None,
        grant.handover,
    )

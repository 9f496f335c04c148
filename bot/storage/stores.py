"""Stores: the brand's shops, and which members of staff work where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg


@dataclass(frozen=True, slots=True)
class Store:
    """One of the brand's shops. name: as it was typed, for everybody the same."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Kept(Store):
    """A store as the table has it. removed_at: since when it is hidden."""

    removed_at: datetime | None


_KEPT = "id, name, removed_at"


async def everything(connection: asyncpg.Connection | asyncpg.Pool) -> list[Store]:
    """The stores that there are, the oldest first; not those that were removed."""
    rows = await connection.fetch("SELECT id, name FROM stores WHERE removed_at IS NULL ORDER BY id")
    return [Store(**row) for row in rows]


async def find(connection: asyncpg.Connection | asyncpg.Pool, name_key: str) -> Kept | None:
    """The store of this name, also when it was removed."""
    row = await connection.fetchrow(f"SELECT {_KEPT} FROM stores WHERE name_key = $1", name_key)
    return Kept(**row) if row else None


async def add(connection: asyncpg.Connection, name: str, name_key: str, now: datetime) -> Store | None:
    """Add a store, or show the one of this name that was removed; None when there is one already."""
    row = await connection.fetchrow(
        """
        INSERT INTO stores AS s (name, name_key, created_at) VALUES ($1, $2, $3)
        ON CONFLICT (name_key) DO UPDATE SET name = excluded.name, removed_at = NULL WHERE s.removed_at IS NOT NULL
        RETURNING id, name
        """,
        name,
        name_key,
        now,
    )
    return Store(**row) if row else None


async def remove(connection: asyncpg.Connection, store_id: int, now: datetime) -> bool:
    """Hide a store; False when it was hidden already."""
    hidden = await connection.fetchval(
        "UPDATE stores SET removed_at = $2 WHERE id = $1 AND removed_at IS NULL RETURNING true", store_id, now
    )
    return hidden is True


async def enter(connection: asyncpg.Connection, staff_id: int, store_id: int) -> bool:
    """Let a member work in a store; False when they do already, and when one of the two is gone meanwhile."""
    entered = await connection.fetchval(
        """
        INSERT INTO store_members (staff_id, store_id)
        SELECT m.id, s.id FROM (SELECT id FROM staff WHERE id = $1 FOR KEY SHARE) m,
            (SELECT id FROM stores WHERE id = $2 AND removed_at IS NULL FOR KEY SHARE) s
        ON CONFLICT DO NOTHING RETURNING true
        """,
        staff_id,
        store_id,
    )
    return entered is True


async def leave(connection: asyncpg.Connection, staff_id: int, store_id: int) -> bool:
    """A member works there no more; False when they did not."""
    left = await connection.fetchval(
        "DELETE FROM store_members WHERE staff_id = $1 AND store_id = $2 RETURNING true", staff_id, store_id
    )
    return left is True


async def pick(connection: asyncpg.Connection, staff_id: int, store_id: int, day: date) -> bool:
    """A member is at one of their stores on `day`, and at no other; False when it is none of theirs (any more)."""
    # In one order, so that two picks of one member never wait for each other's second row.
    picked = await connection.fetchval(
        """
        WITH mine AS (
            SELECT m.store_id FROM store_members m JOIN stores s ON s.id = m.store_id AND s.removed_at IS NULL
            WHERE m.staff_id = $1 ORDER BY m.store_id FOR UPDATE OF m
        ), done AS (
            UPDATE store_members SET picked_on = CASE WHEN store_id = $2 THEN $3::date END
            WHERE staff_id = $1 AND EXISTS (SELECT FROM mine WHERE store_id = $2) RETURNING store_id
        )
        SELECT true FROM done WHERE store_id = $2
        """,
        staff_id,
        store_id,
        day,
    )
    return picked is True


async def of_member(
    connection: asyncpg.Connection | asyncpg.Pool, staff_id: int, day: date
) -> tuple[list[Store], Store | None]:
    """The stores where a member works, and the one that they picked for `day`."""
    rows = await connection.fetch(
        """
        SELECT s.id, s.name, m.picked_on = $2 AS picked FROM store_members m JOIN stores s ON s.id = m.store_id
        WHERE m.staff_id = $1 AND s.removed_at IS NULL ORDER BY s.id
        """,
        staff_id,
        day,
    )
    stores = [Store(row["id"], row["name"]) for row in rows]
    return stores, next((store for store, row in zip(stores, rows, strict=True) if row["picked"]), None)


async def members(connection: asyncpg.Connection | asyncpg.Pool) -> Mapping[int, list[str]]:
    """The names of those who work in each store that there is, by the store's id."""
    rows = await connection.fetch(
        """
        SELECT m.store_id, array_agg(f.name ORDER BY f.id) AS names
        FROM store_members m JOIN staff f ON f.id = m.staff_id JOIN stores s ON s.id = m.store_id
        WHERE s.removed_at IS NULL GROUP BY m.store_id
        """
    )
    return {row["store_id"]: list(row["names"]) for row in rows}

"""The one-time codes of the counter, by keyed hash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg


@dataclass(frozen=True, slots=True)
class Stored:
    """A code that can be used. customer_id or staff_id: whose it is. item: what is to be handed over."""

    id: int
    expires_at: datetime
    customer_id: int | None
    staff_id: int | None
    item: dict[str, Any] | None


async def next_id(connection: asyncpg.Connection) -> int:
    """The id of a row to come, of which its code is made."""
    number: int = await connection.fetchval("SELECT nextval(pg_get_serial_sequence('counter_codes', 'id'))")
    return number


async def add(
    connection: asyncpg.Connection,
    code_id: int,
    *,
    purpose: str,
    code_hash: bytes,
    customer_id: int | None,
    staff_id: int | None,
    item: dict[str, Any] | None,
    opens: str | None,
    now: datetime,
    expires_at: datetime,
) -> bool:
    """Keep a code; False when another one that can still be used is the same."""
    # One that is over without having been used must not stand in the way of its like.
    await connection.execute(
        "UPDATE counter_codes SET ended_at = expires_at WHERE code_hash = $1 AND ended_at IS NULL AND expires_at <= $2",
        code_hash,
        now,
    )
    return (
        await connection.fetchval(
            """
            INSERT INTO counter_codes
                (id, purpose, code_hash, customer_id, staff_id, item, opens, created_at, expires_at)
            OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (code_hash) WHERE ended_at IS NULL DO NOTHING RETURNING true
            """,
            code_id,
            purpose,
            code_hash,
            customer_id,
            staff_id,
            item,
            opens,
            now,
            expires_at,
        )
        is True
    )


async def replace_member(connection: asyncpg.Connection, staff_id: int, now: datetime) -> None:
    """End a member's code, if they show one; until this transaction ends nobody else makes another for them."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('counter code', $1))", staff_id)
    await connection.execute(
        "UPDATE counter_codes SET ended_at = $2 WHERE staff_id = $1 AND purpose = 'member' AND ended_at IS NULL",
        staff_id,
        now,
    )


async def find(
    connection: asyncpg.Connection | asyncpg.Pool, purpose: str, code_hash: bytes, now: datetime
) -> Stored | None:
    """The code of this hash while it can be used."""
    row = await connection.fetchrow(
        """
        SELECT id, expires_at, customer_id, staff_id, item FROM counter_codes
        WHERE code_hash = $2 AND purpose = $1 AND ended_at IS NULL AND expires_at > $3
        """,
        purpose,
        code_hash,
        now,
    )
    return Stored(**row) if row else None


async def picked(
    connection: asyncpg.Connection | asyncpg.Pool, staff_id: int, customer_id: int, now: datetime
) -> Stored | None:
    """The code for what a customer picked last with a member's code, while it can be used."""
    row = await connection.fetchrow(
        """
        SELECT id, expires_at, customer_id, staff_id, item FROM counter_codes
        WHERE customer_id = $2 AND staff_id = $1 AND purpose = 'gift' AND ended_at IS NULL AND expires_at > $3
        ORDER BY id DESC LIMIT 1
        """,
        staff_id,
        customer_id,
        now,
    )
    return Stored(**row) if row else None


async def item_of(
    connection: asyncpg.Connection | asyncpg.Pool, code_id: int, customer_id: int
) -> tuple[dict[str, Any], datetime] | None:
    """What a customer's code was for and since when, used or not; None when it is not known (any more)."""
    row = await connection.fetchrow(
        "SELECT item, created_at FROM counter_codes WHERE id = $1 AND customer_id = $2", code_id, customer_id
    )
    return (row["item"], row["created_at"]) if row and row["item"] else None


async def owner(connection: asyncpg.Connection | asyncpg.Pool, code_id: int) -> int | None:
    """The member who showed a code, used or not; None when it is not known (any more)."""
    staff_id: int | None = await connection.fetchval(
        "SELECT staff_id FROM counter_codes WHERE id = $1 AND purpose = 'member'", code_id
    )
    return staff_id


async def good_until(
    connection: asyncpg.Connection | asyncpg.Pool, code_id: int, customer_id: int, now: datetime
) -> datetime | None:
    """Until when a customer's own code can be used; None when it cannot (any more)."""
    until: datetime | None = await connection.fetchval(
        """
        SELECT expires_at FROM counter_codes
        WHERE id = $1 AND customer_id = $2 AND ended_at IS NULL AND expires_at > $3
        """,
        code_id,
        customer_id,
        now,
    )
    return until


async def end(connection: asyncpg.Connection, code_id: int, now: datetime) -> bool:
    """Use a code up, however old it is by now; whether it was not yet."""
    return (
        await connection.fetchval(
            "UPDATE counter_codes SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL RETURNING true", code_id, now
        )
        is True
    )


async def forget(connection: asyncpg.Connection, customer_id: int) -> None:
    """A customer has their data deleted: their codes are worth nothing from now on."""
    await connection.execute("DELETE FROM counter_codes WHERE customer_id = $1", customer_id)

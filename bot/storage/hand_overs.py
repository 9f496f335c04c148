"""What the shop gave at its counter, once for each thing of each person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg


@dataclass(frozen=True, slots=True)
class HandOver:
    """One thing that was handed over.

    key, nth: which thing it is, see `services.hand_overs`. customer_id: None when they had their data deleted. item:
    the thing as it was then. store: name of the store, "" for none. staff: the member's name then.
    """

    id: int
    key: str
    nth: int
    customer_id: int | None
    item: dict[str, Any]
    store: str
    staff_id: int | None
    staff: str
    at: datetime
    undone_at: datetime | None
    undone_by: str | None


_COLUMNS = """id, item_key AS key, nth, customer_id, item, coalesce(store, '') AS store, staff_id, staff, at,
    undone_at, undone_by"""
OF_PERSON = f"SELECT {_COLUMNS} FROM hand_overs WHERE person_hash = {{person_hash}} AND undone_at IS NULL"


async def add(
    connection: asyncpg.Connection,
    *,
    person_hash: bytes,
    key: str,
    nth: int,
    customer_id: int,
    item: dict[str, Any],
    store_id: int | None,
    store: str,
    staff_id: int | None,
    staff: str,
    event_id: int,
    now: datetime,
) -> HandOver | None:
    """Write down that a thing was handed over; None when it was already, by whichever code."""
    row = await connection.fetchrow(
        f"""
        INSERT INTO hand_overs
            (person_hash, item_key, nth, customer_id, item, store_id, store, staff_id, staff, event_id, at)
        VALUES ($1, $2, $3, $4, $5, $6, nullif($7, ''), $8, $9, $10, $11)
        ON CONFLICT (person_hash, item_key, nth) WHERE undone_at IS NULL DO NOTHING RETURNING {_COLUMNS}
        """,
        person_hash,
        key,
        nth,
        customer_id,
        item,
        store_id,
        store,
        staff_id,
        staff,
        event_id,
        now,
    )
    return HandOver(**row) if row else None


async def of_person(connection: asyncpg.Connection | asyncpg.Pool, person_hash: bytes) -> list[HandOver]:
    """What somebody was handed over and still has, the first of each key first."""
    rows = await connection.fetch(f"{OF_PERSON.format(person_hash='$1')} ORDER BY item_key, nth", person_hash)
    return [HandOver(**row) for row in rows]


async def of_thing(
    connection: asyncpg.Connection | asyncpg.Pool, person_hash: bytes, key: str, nth: int
) -> HandOver | None:
    """How this thing of this person was handed over; None when it was not."""
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM hand_overs
        WHERE person_hash = $1 AND item_key = $2 AND nth = $3 AND undone_at IS NULL
        """,
        person_hash,
        key,
        nth,
    )
    return HandOver(**row) if row else None


async def of_claim(connection: asyncpg.Connection | asyncpg.Pool, ref: str) -> HandOver | None:
    """How what a claim is for was handed over; None when it was not."""
    row = await connection.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM hand_overs
        WHERE person_hash = (SELECT person_hash FROM claims WHERE ref = $1) AND item_key = $1 AND undone_at IS NULL
        """,
        ref,
    )
    return HandOver(**row) if row else None


async def of_code(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int, code_id: int) -> HandOver | None:
    """What a customer's code led to, even if it was undone; None when nothing was handed over with it."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM hand_overs WHERE customer_id = $1 AND (item ->> 'code')::bigint = $2 ORDER BY id",
        customer_id,
        code_id,
    )
    return HandOver(**row) if row else None


async def of_customer(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int, limit: int) -> list[HandOver]:
    """Everything that is kept of what a customer was handed over, newest first, undone ones included."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM hand_overs WHERE customer_id = $1 ORDER BY id DESC LIMIT $2", customer_id, limit
    )
    return [HandOver(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Listed:
    """A hand-over in the list of staff. customer: their reference, None when they had their data deleted."""

    hand_over: HandOver
    customer: str | None


_LISTED = f"""
    SELECT listed.*, c.ref AS customer FROM (SELECT {_COLUMNS} FROM hand_overs) listed
    LEFT JOIN customers c ON c.id = listed.customer_id
"""


def _listed(row: asyncpg.Record) -> Listed:
    values = dict(row)
    return Listed(customer=values.pop("customer"), hand_over=HandOver(**values))


async def since(
    connection: asyncpg.Connection | asyncpg.Pool, since: datetime, *, limit: int, skip: int = 0
) -> list[Listed]:
    """Everybody's since then, newest first, undone ones included."""
    rows = await connection.fetch(f"{_LISTED} WHERE at >= $1 ORDER BY id DESC LIMIT $2 OFFSET $3", since, limit, skip)
    return [_listed(row) for row in rows]


async def count_since(
    connection: asyncpg.Connection | asyncpg.Pool, since: datetime, *, undone_too: bool = False
) -> int:
    """How many there are since then that were not undone, or in all."""
    count = "SELECT count(*) FROM hand_overs WHERE at >= $1 AND ($2 OR undone_at IS NULL)"
    return int(await connection.fetchval(count, since, undone_too))


async def last_of(connection: asyncpg.Connection | asyncpg.Pool, staff_id: int | None) -> Listed | None:
    """What a member handed over last; None when they have handed over nothing yet."""
    row = await connection.fetchrow(f"{_LISTED} WHERE staff_id = $1 ORDER BY id DESC LIMIT 1", staff_id)
    return _listed(row) if row else None


async def by_id(connection: asyncpg.Connection | asyncpg.Pool, number: int) -> Listed | None:
    """The hand-over of this number."""
    row = await connection.fetchrow(f"{_LISTED} WHERE listed.id = $1", number)
    return _listed(row) if row else None


async def undo(connection: asyncpg.Connection, number: int, by: str, now: datetime) -> HandOver | None:
    """Take a hand-over back, so that the thing can be handed over again; None when it was taken back before."""
    row = await connection.fetchrow(
        f"""
        UPDATE hand_overs SET undone_at = $2, undone_by = $3 WHERE id = $1 AND undone_at IS NULL RETURNING {_COLUMNS}
        """,
        number,
        now,
        by,
    )
    return HandOver(**row) if row else None


async def add_export(
    connection: asyncpg.Connection,
    since: datetime,
    *,
    staff_id: int | None,
    maker: str,
    page: Mapping[str, str],
    now: datetime,
    expires_at: datetime,
) -> int:
    """Allow one download of what was handed over since then; the id that its link is signed for."""
    export_id: int = await connection.fetchval(
        """
        INSERT INTO exports (since, staff_id, maker, page, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
        RETURNING id
        """,
        since,
        staff_id,
        maker,
        dict(page),
        now,
        expires_at,
    )
    return export_id


async def anonymise(connection: asyncpg.Connection, customer_id: int) -> None:
    """Cut hand-overs loose from their customer; the keyed hash still keeps a thing from being handed over again."""
    await connection.execute("UPDATE hand_overs SET customer_id = NULL WHERE customer_id = $1", customer_id)

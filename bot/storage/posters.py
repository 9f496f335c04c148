"""Posters: links and QR codes that lead into the chat, who came by them, and their pictures to be fetched once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self, TypeAlias

import asyncpg

from bot.storage.pool import affected

Reads: TypeAlias = "asyncpg.Connection | asyncpg.Pool"
_COLUMNS = "id, name, token, says, code, code_id, opens, made_by, created_at, stopped_at"


@dataclass(frozen=True, slots=True)
class Poster:
    """Where a link or QR code hangs, and what it is for: a code, or a topic.

    name: among staff, small letters. token: what its links say, for ever. says: what LINE's link types before it. code,
    code_id: Poshen's, offered to who comes by it. opens: the command that is opened instead; "" with a code. made_by: a
    member's name.
    """

    id: int
    name: str
    token: str
    says: str
    code: str
    code_id: int | None
    opens: str
    made_by: str
    created_at: datetime
    stopped_at: datetime | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """From a row with _COLUMNS in it."""
        return cls(**dict(row))


@dataclass(frozen=True, slots=True)
class Brought:
    """What a poster brought in a period. arrived: how often somebody came by it; people: how many different ones; new:
    how many of them were no customers before; redeemed: claims of its code by people who had come by it."""

    poster: Poster
    arrived: int
    people: int
    new: int
    redeemed: int


async def add(
    connection: asyncpg.Connection,
    *,
    key: str,
    name: str,
    token: str,
    says: str,
    code: str,
    code_id: int | None,
    opens: str,
    made_by: str,
    now: datetime,
) -> Poster | None:
    """A new poster, or the one that `key` made before; None when the name or the token is taken."""
    row = await connection.fetchrow(
        f"""
        INSERT INTO posters (key, name, token, says, code, code_id, opens, made_by, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
        """,
        key,
        name,
        token,
        says,
        code,
        code_id,
        opens,
        made_by,
        now,
    ) or await connection.fetchrow(f"SELECT {_COLUMNS} FROM posters WHERE key = $1", key)
    return Poster.of(row) if row else None


async def by_token(reads: Reads, token: str) -> Poster | None:
    """The poster whose links say this; also one that was stopped."""
    row = await reads.fetchrow(f"SELECT {_COLUMNS} FROM posters WHERE token = $1", token)
    return Poster.of(row) if row else None


async def by_name(reads: Reads, name: str) -> Poster | None:
    """The poster that staff call so; also one that was stopped."""
    row = await reads.fetchrow(f"SELECT {_COLUMNS} FROM posters WHERE name = $1", name)
    return Poster.of(row) if row else None


async def newest(reads: Reads, limit: int) -> list[Poster]:
    """Those that are in use first, each newest first."""
    rows = await reads.fetch(
        f"SELECT {_COLUMNS} FROM posters ORDER BY stopped_at IS NOT NULL, created_at DESC, id DESC LIMIT $1", limit
    )
    return [Poster.of(row) for row in rows]


async def stop(connection: asyncpg.Connection, poster_id: int, now: datetime) -> bool:
    """Offer nothing any more; whether it had not been stopped before."""
    status: str = await connection.execute(
        "UPDATE posters SET stopped_at = $2 WHERE id = $1 AND stopped_at IS NULL", poster_id, now
    )
    return affected(status) == 1


# ── who came ─────────────────────────────────────────────────────────────────────────────────────


async def arrived(
    connection: asyncpg.Connection,
    *,
    event_id: int,
    poster_id: int,
    customer_id: int,
    new: bool,
    at: datetime,
) -> None:
    """Somebody came by a poster with this event, once. new: nobody knew them; it counts with their first poster."""
    await connection.execute(
        """
        INSERT INTO poster_visits (event_id, poster_id, customer_id, new, at)
        VALUES ($1, $2, $3, $4 AND NOT EXISTS (SELECT FROM poster_visits WHERE customer_id = $3), $5)
        ON CONFLICT (event_id) DO NOTHING
        """,
        event_id,
        poster_id,
        customer_id,
        new,
        at,
    )


async def brought(reads: Reads, since: datetime, limit: int) -> list[Brought]:
    """What each poster brought from `since` on, the busiest first; those that brought nobody only while in use.

    A claim counts for the last poster with its code that the customer had come by before.
    """
    rows = await reads.fetch(
        f"""
        SELECT {", ".join(f"p.{name.strip()}" for name in _COLUMNS.split(","))},
            coalesce(v.arrived, 0) AS arrived, coalesce(v.people, 0) AS people, coalesce(v.new, 0) AS new,
            coalesce(r.redeemed, 0) AS redeemed
        FROM posters p LEFT JOIN (
            -- Whoever had their data deleted is nobody, and still was somebody.
            SELECT poster_id, count(*) AS arrived, count(*) FILTER (WHERE new) AS new,
                count(DISTINCT customer_id) + count(*) FILTER (WHERE customer_id IS NULL) AS people
            FROM poster_visits WHERE at >= $1 GROUP BY poster_id
        ) v ON v.poster_id = p.id LEFT JOIN (
            SELECT poster_id, count(*) AS redeemed FROM (
                SELECT DISTINCT ON (c.id) c.id, mine.id AS poster_id
                FROM claims c
                JOIN posters mine ON mine.code_id = c.code_id
                JOIN poster_visits w ON w.poster_id = mine.id AND w.customer_id = c.customer_id AND w.at <= c.claimed_at
                WHERE c.claimed_at >= $1
                ORDER BY c.id, w.at DESC, w.event_id DESC
            ) last GROUP BY poster_id
        ) r ON r.poster_id = p.id
        WHERE p.stopped_at IS NULL OR v.arrived > 0 OR r.redeemed > 0
        ORDER BY arrived DESC, redeemed DESC, p.created_at DESC LIMIT $2
        """,
        since,
        limit,
    )
    numbers = ("arrived", "people", "new", "redeemed")
    return [
        Brought(
            Poster(**{name: value for name, value in row.items() if name not in numbers}),
            **{name: row[name] for name in numbers},
        )
        for row in rows
    ]


async def visits_of(reads: Reads, customer_id: int, limit: int) -> list[tuple[datetime, str]]:
    """When a customer came by which poster, newest first."""
    rows = await reads.fetch(
        """
        SELECT v.at, p.name FROM poster_visits v JOIN posters p ON p.id = v.poster_id
        WHERE v.customer_id = $1 ORDER BY v.at DESC, v.event_id DESC LIMIT $2
        """,
        customer_id,
        limit,
    )
    return [(row["at"], row["name"]) for row in rows]


async def forget(connection: asyncpg.Connection, customer_id: int) -> None:
    """A customer's data is deleted: that somebody came stays a number."""
    await connection.execute("UPDATE poster_visits SET customer_id = NULL WHERE customer_id = $1", customer_id)


# ── pictures ─────────────────────────────────────────────────────────────────────────────────────


async def add_file(
    connection: asyncpg.Connection,
    poster_id: int,
    *,
    maker: str,
    page: Mapping[str, str],
    now: datetime,
    expires_at: datetime,
) -> int:
    """Allow the pictures to be fetched once; the id that their link is signed for."""
    file_id: int = await connection.fetchval(
        """
        INSERT INTO poster_files (poster_id, maker, page, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)
        RETURNING id
        """,
        poster_id,
        maker,
        dict(page),
        now,
        expires_at,
    )
    return file_id

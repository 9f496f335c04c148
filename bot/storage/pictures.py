"""Our drawn pictures, by file name, and under which id each platform has them. The web process loads this as well."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncpg
    import psycopg


_NAME = re.compile(r"[a-z]{1,20}-[0-9a-f]{12}\.png")


async def names(pool: asyncpg.Pool) -> set[str]:
    """Those that are drawn."""
    return {row["name"] for row in await pool.fetch("SELECT name FROM pictures")}


async def add(pool: asyncpg.Pool, name: str, png: bytes) -> None:
    """Keep one that was drawn, unless another worker was quicker: it is the same."""
    await pool.execute("INSERT INTO pictures (name, png) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", name, png)


async def png_of(pool: asyncpg.Pool, name: str) -> bytes:
    """One that is drawn."""
    return bytes(await pool.fetchval("SELECT png FROM pictures WHERE name = $1", name))


def read(connection: psycopg.Connection[Any], name: str) -> bytes | None:
    """The same for the web process; None when there is no such picture. What is no name of ours is not looked up."""
    if not _NAME.fullmatch(name):
        return None
    row = connection.execute("SELECT png FROM pictures WHERE name = %s", (name,)).fetchone()
    return bytes(row[0]) if row else None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A picture at a platform. age: since it was uploaded. renewed: it took the place of an id that was refused."""

    id: str
    age: timedelta
    renewed: bool


async def of_channel(pool: asyncpg.Pool, channel: str) -> dict[str, Attachment]:
    """A channel's pictures, by file name."""
    rows = await pool.fetch(
        "SELECT picture, attachment_id, now() - uploaded_at AS age, renewed FROM attachments WHERE channel = $1",
        channel,
    )
    return {row["picture"]: Attachment(row["attachment_id"], row["age"], row["renewed"]) for row in rows}


async def keep(pool: asyncpg.Pool, channel: str, picture: str, attachment_id: str, *, instead_of: str) -> str:
    """Keep a new id in place of the one that was known, "" for none; returns the id that stands now.

    Another worker's, when it was quicker: it is as new as ours.
    """
    await pool.execute(
        """
        INSERT INTO attachments AS a (channel, picture, attachment_id) VALUES ($1, $2, $3)
        ON CONFLICT (channel, picture) DO UPDATE
        SET attachment_id = excluded.attachment_id, uploaded_at = now(), renewed = now() - a.uploaded_at < '75 days'
        WHERE a.attachment_id = $4
        """,
        channel,
        picture,
        attachment_id,
        instead_of,
    )
    stands = "SELECT attachment_id FROM attachments WHERE channel = $1 AND picture = $2"
    return str(await pool.fetchval(stands, channel, picture))

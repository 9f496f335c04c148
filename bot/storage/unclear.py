"""Short texts that were not understood, for the operator to write better phrases from (KEEP_MISSES).

They are kept without the person: the two keyed hashes find a text again when its message is taken back or its
author's data is deleted, and a day in place of a time, or the events of the same second would tell who it was.
They are written with the turn that did not understand them, see `inbox.finish`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import asyncpg

KEPT_FOR = timedelta(days=14)  # at most; told to customers in the notice


@dataclass(frozen=True, slots=True)
class Unclear:
    """A text to be kept. kind: how its message ended, as `bot.services.unclear` counts it."""

    message_hash: bytes
    person_hash: bytes
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Kept:
    """One text, whoever wrote it and how often. text: as somebody typed it. day: the last one, of UTC."""

    text: str
    times: int
    kinds: tuple[str, ...]
    day: date


async def forget_message(connection: asyncpg.Connection, message_hash: bytes) -> None:
    """Drop what was kept of one message."""
    await connection.execute("DELETE FROM unclear WHERE message_hash = $1", message_hash)


async def forget_person(connection: asyncpg.Connection, person_hash: bytes) -> None:
    """Drop everything that was kept of one person."""
    await connection.execute("DELETE FROM unclear WHERE person_hash = $1", person_hash)


async def texts(connection: asyncpg.Connection | asyncpg.Pool, since: date) -> list[Kept]:
    """What was kept from `since` on, a day of UTC; newest first, the same words in whichever case together."""
    rows = await connection.fetch(
        """
        SELECT min(text) AS text, count(*) AS times, array_agg(DISTINCT kind ORDER BY kind) AS kinds, max(day) AS day
        FROM unclear WHERE day >= $1 GROUP BY lower(text) ORDER BY max(day) DESC, count(*) DESC, min(text)
        """,
        since,
    )
    return [Kept(row["text"], row["times"], tuple(row["kinds"]), row["day"]) for row in rows]

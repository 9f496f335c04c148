"""The last list of gifts a vendor gave for a customer. It is written with the turn that brought it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg


@dataclass(frozen=True, slots=True)
class Stored:
    """snapshot: a short name that page buttons carry. gifts: JSON text."""

    snapshot: str
    taken_at: datetime
    gifts: str


async def read(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> Stored | None:
    """What is stored, however old."""
    row = await connection.fetchrow("SELECT snapshot, taken_at, gifts FROM wallets WHERE customer_id = $1", customer_id)
    return Stored(row["snapshot"], row["taken_at"], row["gifts"]) if row else None

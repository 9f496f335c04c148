"""The wallet: a customer's gifts as a list that holds still while they page through it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import orjson
from pydantic import TypeAdapter

from bot.apis.mantago import Gifts
from bot.storage import wallets

_GIFTS = TypeAdapter(Gifts)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Gifts as the vendor listed them at `taken_at`. snapshot: names this list in page buttons."""

    gifts: Gifts
    taken_at: datetime
    snapshot: str


@dataclass(frozen=True, slots=True)
class Wallet:
    """Keeps the last list of every customer: pages are cut from it, and it answers when the vendor is down."""

    async def keep(self, connection: asyncpg.Connection, customer_id: int, gifts: Gifts, now: datetime) -> Shelf:
        """Put a fresh list on the shelf, in the caller's transaction."""
        shelf = Shelf(gifts, now, secrets.token_hex(3))
        stored = wallets.Stored(shelf.snapshot, now, orjson.dumps(gifts).decode())
        await wallets.write(connection, customer_id, stored)
        return shelf

    async def kept(self, connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> Shelf | None:
        """The last list, however old."""
        stored = await wallets.read(connection, customer_id)
        if stored is None:
            return None
        return Shelf(_GIFTS.validate_json(stored.gifts), stored.taken_at, stored.snapshot)

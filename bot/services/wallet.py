"""The wallet: a customer's gifts as a list that holds still while they page through it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import orjson
from pydantic import TypeAdapter

from bot.apis.mantago import GIFT_ARRAYS, Gifts
from bot.storage import wallets
from bot.storage.customers import Customer

_GIFTS = TypeAdapter(Gifts)


@dataclass(frozen=True, slots=True)
class GiftList:
    """Gifts as the vendor listed them at `taken_at`. snapshot: names this list in page buttons."""

    gifts: Gifts
    taken_at: datetime
    snapshot: str


@dataclass(frozen=True, slots=True)
class Wallet:
    """Keeps the last list of every customer: pages are cut from it, and it answers when the vendor is down."""

    def keep(self, customer: Customer, gifts: Gifts, now: datetime) -> GiftList:
        """Put a fresh list on the shelf; it is saved together with the reply."""
        shelf = GiftList(gifts, now, secrets.token_hex(3))
        customer.wallet = wallets.Stored(shelf.snapshot, now, _written(gifts))
        customer.state.listed = now.timestamp()
        return shelf

    def age(self, customer: Customer, now: datetime) -> timedelta | None:
        """How old the kept list is, told without reading it; None when there is none."""
        listed = customer.state.listed
        return timedelta(seconds=now.timestamp() - listed) if listed else None

    async def kept(self, connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> GiftList | None:
        """The last list, however old."""
        stored = await wallets.read(connection, customer_id)
        if stored is None:
            return None
        return GiftList(_read(stored.gifts), stored.taken_at, stored.snapshot)


def _written(gifts: Gifts) -> str:
    """A list as it is kept, with an array for each kind: so did earlier versions, and their workers read it too."""
    kinds = {kind: gifts.of(kind) for kind in GIFT_ARRAYS}
    counts = {"skipped": gifts.skipped, "truncated": gifts.truncated}
    return orjson.dumps({"tickets": gifts.tickets, **kinds, **counts}).decode()


def _read(kept: str) -> Gifts:
    """A kept list. A kind that only a later version knows is left out."""
    held = orjson.loads(kept)
    return _GIFTS.validate_python({**held, "gifts": [gift for kind in GIFT_ARRAYS for gift in held.get(kind, ())]})

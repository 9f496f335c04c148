"""Blocking: people whom staff decided not to serve for a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from bot.storage import blocks
from bot.storage.blocks import Block
from bot.storage.customers import Customer
from bot.storage.hashes import keyed_hash

LONGEST = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Blocking:
    """A block is kept by keyed hash, so it outlives the deletion of the customer's data."""

    secret: bytes

    async def block(
        self,
        connection: asyncpg.Connection,
        customer: Customer,
        *,
        until: datetime,
        reason: str,
        by: str,
        now: datetime,
    ) -> None:
        """Stop serving a customer until then, in the caller's transaction."""
        assert customer.id is not None, "only people with a row can be named"
        await blocks.put(connection, self.key(customer.person), customer.id, until=until, reason=reason, by=by, now=now)

    async def unblock(self, connection: asyncpg.Connection, customer: Customer) -> bool:
        """Serve a customer again; whether they were blocked."""
        assert customer.id is not None, "only people with a row can be named"
        return await blocks.remove(connection, self.key(customer.person), customer.id)

    async def of(
        self, connection: asyncpg.Connection | asyncpg.Pool, customer: Customer, now: datetime
    ) -> Block | None:
        """A customer's block, while it lasts."""
        return await blocks.read(connection, self.key(customer.person), now)

    def key(self, person: str) -> bytes:
        """What a person's block is kept by."""
        return keyed_hash(self.secret, "blocked", person)

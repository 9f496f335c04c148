"""Blocking: people whom staff decided not to serve for a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from bot.services.hashes import keyed_hash
from bot.storage import blocks
from bot.storage.blocks import Block
from bot.storage.customers import Customer

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
        await blocks.put(
            connection, self._hash(customer.person), customer.id, until=until, reason=reason, by=by, now=now
        )

    async def unblock(self, connection: asyncpg.Connection, customer: Customer) -> bool:
        """Serve a customer again; whether they were blocked."""
        assert customer.id is not None, "only people with a row can be named"
        return await blocks.remove(connection, self._hash(customer.person), customer.id)

    async def of(
        self, connection: asyncpg.Connection | asyncpg.Pool, customer: Customer, now: datetime
    ) -> Block | None:
        """A customer's block, while it lasts."""
        return await blocks.read(connection, self._hash(customer.person), now)

    async def carry_over(self, pool: asyncpg.Pool, customer: Customer, now: datetime) -> None:
        """Block the new row of somebody whose old one was blocked and is deleted."""
        assert customer.id is not None, "the caller has just made the row"
        customer.blocked_until = await blocks.carry_over(pool, self._hash(customer.person), customer.id, now)

    def _hash(self, person: str) -> bytes:
        return keyed_hash(self.secret, "blocked", person)

"""Stops a worker at a statement it sends, from outside and for one customer: a place to be killed at.

    await install(pool)                       # triggers, in a database of the test's own
    async with Stops.open(url) as stops:
        await stops.at("settle", customer)    # whoever settles this customer's voucher waits from now on
        ...                                   # kill the worker
        await stops.undone()                  # the statements it was stopped at never happened

Nothing of the bot knows of this: a trigger waits for a lock that the test holds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

import asyncpg

KEY = 7_311  # the advisory lock that everybody who is stopped waits for

# Statement → when it is the one: table, kind, condition.
PLACES = {
    "hold": ("points", "INSERT", "NEW.kind = 'hold'"),
    "claim": ("claims", "INSERT", "true"),
    "show": ("counter_codes", "INSERT", "true"),
    "use_up": ("counter_codes", "UPDATE", "NEW.ended_at IS NOT NULL"),
    "hand_over": ("hand_overs", "INSERT", "true"),
    "take_back": ("hand_overs", "UPDATE", "NEW.undone_at IS NOT NULL"),
    "know": ("players", "INSERT", "true"),
    "want": ("redemptions", "INSERT", "true"),
    "ask": ("redemptions", "UPDATE", "NEW.attempts > OLD.attempts"),
    "redeemed": ("redemptions", "UPDATE", "NEW.state = 'done' AND OLD.state <> 'done'"),
    "lease": ("issues", "UPDATE", "NEW.attempts > OLD.attempts"),
    "settle": ("issues", "UPDATE", "NEW.state = 'done' AND OLD.state <> 'done'"),
    "reply": ("events", "UPDATE", "NEW.state = 'ready' AND OLD.state = 'new'"),
    "mark": ("events", "UPDATE", "NEW.state = 'done' AND OLD.state = 'ready'"),
}

_FUNCTION = f"""
CREATE TABLE stops (place text, customer_id bigint);
CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM stops s WHERE s.place = TG_ARGV[0] AND s.customer_id = coalesce(
            (to_jsonb(NEW) ->> 'customer_id')::bigint,
            (SELECT id FROM customers WHERE person = to_jsonb(NEW) ->> 'chat')
        )
    ) THEN
        PERFORM pg_advisory_xact_lock_shared({KEY});
    END IF;
    RETURN NEW;
END $$
"""


async def install(pool: asyncpg.Pool) -> None:
    """Put a trigger at every place."""
    await pool.execute(_FUNCTION)
    for place, (table, kind, condition) in PLACES.items():
        await pool.execute(
            f"CREATE TRIGGER stop_at_{place} BEFORE {kind} ON {table} FOR EACH ROW WHEN ({condition}) "
            f"EXECUTE FUNCTION stop_here('{place}')"
        )


@dataclass
class Stops:
    """Holds the lock on a connection of its own."""

    connection: asyncpg.Connection

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Self]:
        """Until the block ends; then everybody goes on."""
        connection = await asyncpg.connect(url)
        await connection.execute("SELECT pg_advisory_lock($1)", KEY)
        try:
            yield cls(connection)
        finally:
            await connection.close()

    async def at(self, place: str, customer_id: int) -> None:
        """Stop whoever does this for this customer from now on."""
        assert place in PLACES
        await self.connection.execute("INSERT INTO stops VALUES ($1, $2)", place, customer_id)

    async def stopped(self) -> int:
        """How many wait."""
        return len(await self._waiting())

    async def undone(self) -> None:
        """Those whose worker died: what they were about to do never happens. Nobody is stopped any more."""
        await self.connection.execute("DELETE FROM stops")
        for backend in await self._waiting():
            await self.connection.execute("SELECT pg_terminate_backend($1, 5000)", backend)

    async def _waiting(self) -> list[int]:
        rows = await self.connection.fetch(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = $1::int::oid AND NOT granted", KEY
        )
        return [row["pid"] for row in rows]

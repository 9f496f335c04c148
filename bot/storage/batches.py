"""The statements that events cost, each for several at once: begin, finish, delivered, and what a customer has.

Jobs that one look into the queue brought begin together. Turns that wrote nothing else finish together; one with
effects commits them, its answer and its event's state in its own transaction (`inbox.finish`). Each turn learns whether
its event and its customer were still as it had found them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import asyncpg
import orjson

from bot.storage import belongings, inbox
from bot.storage.belongings import Belongings
from bot.storage.customers import Customer
from bot.storage.inbox import EventOutcome, InboxEvent
from bot.storage.together import Together

# Rows that somebody holds are passed over: `Together` then asks for them alone, where waiting holds up nobody.
_FINISH = """
WITH given AS (
    SELECT * FROM json_to_recordset($1::json) AS g (event_id bigint, reply text, outcome text, customer_id bigint,
        version int, locale text, locale_chosen bool, notice int, state jsonb, muted_until timestamptz,
        unsubscribed_at timestamptz, unreachable_at timestamptz, now timestamptz,
        snapshot text, taken_at timestamptz, gifts text)
), mine AS MATERIALIZED (
    SELECT e.id FROM events e JOIN given g ON e.id = g.event_id WHERE e.state = 'new' FOR UPDATE OF e SKIP LOCKED
), theirs AS MATERIALIZED (
    SELECT c.id, g.event_id FROM customers c JOIN given g ON c.id = g.customer_id AND c.version = g.version
    WHERE g.event_id IN (SELECT id FROM mine) FOR UPDATE OF c SKIP LOCKED
), saved AS (
    UPDATE customers c SET locale = g.locale, locale_chosen = g.locale_chosen, notice = g.notice, state = g.state,
        muted_until = g.muted_until, unsubscribed_at = g.unsubscribed_at, unreachable_at = g.unreachable_at,
        last_seen = g.now, version = c.version + 1
    FROM given g JOIN theirs t USING (event_id)
    WHERE c.id = t.id AND c.version = g.version
    RETURNING g.event_id
), shelved AS (
    INSERT INTO wallets (customer_id, snapshot, taken_at, gifts)
    SELECT customer_id, snapshot, taken_at, gifts FROM given JOIN saved USING (event_id) WHERE snapshot IS NOT NULL
    ON CONFLICT (customer_id) DO UPDATE
    SET snapshot = excluded.snapshot, taken_at = excluded.taken_at, gifts = excluded.gifts
)
UPDATE events e SET reply = g.reply, outcome = g.outcome, payload = NULL, held_at = NULL,
    state = CASE WHEN g.reply IS NULL THEN 'done' WHEN g.outcome = 'parked' THEN 'parked' ELSE 'ready' END
FROM given g JOIN saved USING (event_id)
WHERE e.id = g.event_id
RETURNING e.id
"""
_DELIVERED = """
WITH given AS (
    SELECT * FROM json_to_recordset($1::json) AS g (event_id bigint, outcome text)
), mine AS MATERIALIZED (
    SELECT e.id FROM events e JOIN given g ON e.id = g.event_id WHERE e.state = 'ready' FOR UPDATE OF e SKIP LOCKED
)
UPDATE events e SET state = 'done', outcome = g.outcome, reply = NULL
FROM given g JOIN mine ON mine.id = g.event_id
WHERE e.id = g.event_id
RETURNING e.id
"""


@dataclass(frozen=True, slots=True)
class Finished:
    """A turn's answer, as `inbox.finish` takes it."""

    event_id: int
    customer: Customer
    now: datetime
    reply: str | None
    outcome: EventOutcome | None


class Batches:
    """Reads and writes what turns of several chats need at the same time. One for each worker."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._beginning = Together(self._begin_all, self._begin_alone)
        self._finishing = Together(self._finish_all, self._finish_alone)
        self._delivering = Together(self._delivered_all, self._delivered_alone)
        self._looking = Together(partial(belongings.of_customers, pool), self._look_alone)

    async def begin(self, event_id: int) -> InboxEvent | None:
        """As `inbox.begin`: None when the event is gone."""
        (found,) = await self._beginning.do(event_id)
        return found

    async def finish(
        self, event_id: int, customer: Customer, now: datetime, *, reply: str | None, outcome: EventOutcome | None
    ) -> bool:
        """As `inbox.finish`: False, with nothing written, when the event or the customer has changed meanwhile."""
        finished = Finished(event_id, customer, now, reply, outcome)
        if customer.id is None or customer.unclear is not None:  # In groups, and rare.
            return await self._finish_alone(finished)
        return await self._finishing.do(finished)

    async def delivered(self, event_id: int, outcome: EventOutcome) -> bool:
        """As `inbox.delivered`: False when that was done before."""
        return await self._delivering.do((event_id, outcome))

    async def belongings(self, customer_id: int, person_hash: bytes) -> Belongings:
        """What our own books say a customer has, as they are committed. person_hash: as `belongings.of_customers`."""
        return await self._looking.do((customer_id, person_hash))

    async def _begin_all(self, batch: Sequence[int]) -> list[tuple[InboxEvent | None]]:
        found = await inbox.begin_all(self._pool, batch)
        return [(found.get(event_id),) for event_id in batch]

    async def _begin_alone(self, event_id: int) -> tuple[InboxEvent | None]:
        return (await inbox.begin(self._pool, event_id),)

    async def _finish_all(self, batch: Sequence[Finished]) -> list[bool | None]:
        rows = await self._pool.fetch(_FINISH, orjson.dumps([_row(each) for each in batch]).decode())
        done = {row["id"] for row in rows}
        return [True if each.event_id in done else None for each in batch]

    async def _finish_alone(self, each: Finished) -> bool:
        return await inbox.finish(
            self._pool, each.event_id, each.customer, each.now, reply=each.reply, outcome=each.outcome
        )

    async def _delivered_all(self, batch: Sequence[tuple[int, EventOutcome]]) -> list[bool | None]:
        given = [{"event_id": event_id, "outcome": outcome} for event_id, outcome in batch]
        rows = await self._pool.fetch(_DELIVERED, orjson.dumps(given).decode())
        done = {row["id"] for row in rows}
        return [True if event_id in done else None for event_id, _ in batch]

    async def _delivered_alone(self, each: tuple[int, EventOutcome]) -> bool:
        return await inbox.delivered(self._pool, *each)

    async def _look_alone(self, each: tuple[int, bytes]) -> Belongings:
        return (await belongings.of_customers(self._pool, [each]))[0]


def _row(each: Finished) -> dict[str, object]:
    customer = each.customer
    wallet = customer.wallet
    return {
        "event_id": each.event_id,
        "reply": each.reply,
        "outcome": each.outcome,
        "customer_id": customer.id,
        "version": customer.version,
        "locale": customer.locale,
        "locale_chosen": customer.locale_chosen,
        "notice": customer.notice,
        "state": customer.state.stored,
        "muted_until": customer.muted_until,
        "unsubscribed_at": customer.unsubscribed_at,
        "unreachable_at": customer.unreachable_at,
        "now": each.now,
        **({} if wallet is None else {"snapshot": wallet.snapshot, "taken_at": wallet.taken_at, "gifts": wallet.gifts}),
    }

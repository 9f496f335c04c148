"""Events as workers take them up and finish them; `arrivals` is how they got there.

An event's state is `arrivals.EventState`, and how it ended is its `EventOutcome`. Statements have both as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import asyncpg
import orjson

from bot.storage.customers import Customer
from bot.storage.pool import affected
from bot.storage.queue import EVENT
from bot.storage.staff import StaffRow
from bot.storage.switches import CODES, MAINTENANCE

_STAFF_COLUMNS = ", ".join(f"s.{name} AS staff_{name}" for name in StaffRow.__slots__)
_BEGIN = f"""
SELECT e.id AS event_id, e.key AS event_key, e.channel AS event_channel, e.chat, e.state AS event_state,
       e.at, e.received_at, e.attempts, e.payload, e.reply, e.outcome AS event_outcome,
       EXISTS (SELECT FROM events elder WHERE elder.chat = e.chat AND elder.id < e.id
               AND elder.state IN ('new', 'ready')) AS has_elder,
       EXISTS (SELECT FROM pushes p WHERE p.waiting AND p.channel = e.channel
               AND p.recipient = split_part(e.chat, ':', 3)) AS has_waiting,
       (SELECT value FROM switches WHERE name = '{MAINTENANCE}') AS maintenance,
       (SELECT at FROM switches WHERE name = '{CODES}') AS codes_made,
       {_STAFF_COLUMNS},
       {Customer.COLUMNS}
FROM events e LEFT JOIN LATERAL (
    -- The limit keeps the planner from joining whole tables while its statistics are young.
    SELECT * FROM customers WHERE person = e.chat LIMIT 1
) c ON true
LEFT JOIN LATERAL (
    -- For everybody alike: one look into a small index, so that staff and others cannot be told apart by time.
    SELECT * FROM staff WHERE channel = e.channel AND user_id = split_part(e.chat, ':', 3) LIMIT 1
) s ON true
WHERE e.id = ANY($1::text::bigint[])  -- asyncpg would ask each connection once what an array of numbers is
"""

_FINISH = """
UPDATE events SET reply = $2, outcome = $3,
    state = CASE WHEN $2::text IS NULL THEN 'done' WHEN $3 = 'parked' THEN 'parked' ELSE 'ready' END,
    held_at = CASE WHEN $4 THEN now() END, payload = CASE WHEN $4 THEN payload END
WHERE id = $1 AND state = 'new'
"""
_FINISH_WITH_CUSTOMER = f"""
WITH mine AS (
    SELECT FROM events WHERE id = $1 AND state = 'new' FOR UPDATE
), saved AS (
    UPDATE customers SET locale = $7, locale_chosen = $8, notice = $9, state = $10, muted_until = $11,
        unsubscribed_at = $12, unreachable_at = $13, last_seen = $14, version = version + 1
    WHERE id = $5 AND version = $6 AND EXISTS (SELECT FROM mine)
    RETURNING id
)
{{also}}
{_FINISH} AND EXISTS (SELECT FROM saved) RETURNING true
"""
_SHELVE = """, shelved AS (
    INSERT INTO wallets (customer_id, snapshot, taken_at, gifts) SELECT id, ${}, ${}, ${} FROM saved
    ON CONFLICT (customer_id) DO UPDATE
    SET snapshot = excluded.snapshot, taken_at = excluded.taken_at, gifts = excluded.gifts
)"""
_KEEP = """, kept AS (
    INSERT INTO unclear (message_hash, person_hash, kind, text, day)
    SELECT ${}, ${}, ${}, ${}, ($14::timestamptz AT TIME ZONE 'UTC')::date FROM saved
    -- A message that was edited is kept as it reads now.
    ON CONFLICT (message_hash) DO UPDATE SET kind = excluded.kind, text = excluded.text, day = excluded.day
)"""
# By whether there is a wallet, and whether there is a text to keep: one statement in any case.
_FINISHES = {
    (False, False): _FINISH_WITH_CUSTOMER.format(also=""),
    (True, False): _FINISH_WITH_CUSTOMER.format(also=_SHELVE.format(15, 16, 17)),
    (False, True): _FINISH_WITH_CUSTOMER.format(also=_KEEP.format(15, 16, 17, 18)),
    (True, True): _FINISH_WITH_CUSTOMER.format(also=_SHELVE.format(15, 16, 17) + _KEEP.format(18, 19, 20, 21)),
}
_FINISH += "RETURNING true"
STILL_CHECKING = "still_checking"  # beside `account` and `event` in a payload


class EventOutcome(StrEnum):
    """How an event ended, or why its reply waits. The column is empty as long as nothing is to be said of it."""

    # How a turn ended. These are also a label of the metrics.
    ANSWERED = "answered"  # There is a reply to deliver. Never stored: how the delivery ends is.
    SILENT = "silent"  # There was nothing to say.
    PASSED_ON = "passed on"  # It was not for us, and goes to another tool on the same channel.
    PARKED = "parked"  # The reply came too late to be free; it waits for the tap that asks for it.
    HELD = "held"  # Answering failed again and again; staff look at it. The customer was told so, if that was possible.
    APOLOGISED = "apologised"  # It was held and released, and its customer was told so; if it is held again, once only.

    # How the delivery of its reply ended. From `delivered` to `refused` they are what `channels.Outcome` says.
    DELIVERED = "delivered"  # The platform has it.
    UNKNOWN = "unknown"  # It was sent, no answer came, and repeating it could say it twice.
    RETRY = "retry"  # No try was accepted, and it was not worth a push.
    LATE = "late"  # It was too old to be of use, or not worth a message that costs.
    UNREACHABLE = "unreachable"  # The customer blocked us or is gone.
    BARRED = "barred"  # The platform refused our credentials, and it was not worth a push.
    REFUSED = "refused"  # The platform refused the message.
    UNDELIVERABLE = "undeliverable"  # Delivering raised errors of ours, again and again.
    WAITING = "waiting"  # It is a push now, which waits until the customer writes again.
    PUSHED_LATER = "pushed later"  # It is a push now, which is tried for about a day.

    # What became of a parked or held event.
    COLLECTED = "collected"  # The customer tapped for the parked reply.
    NOT_COLLECTED = "not collected"  # Nobody tapped for it within the hour.
    DELETED = "deleted"  # The customer had their data deleted.
    UNSENT = "unsent"  # Its author took the message back.


# What a restored backup has put aside may have been answered already: then its reply is there, and only that goes out.
RELEASE_HELD = f"""
WITH again AS (
    UPDATE events SET state = CASE WHEN payload IS NULL THEN 'ready' ELSE 'new' END, attempts = 0, held_at = NULL,
        outcome = CASE WHEN outcome <> 'held' THEN '{EventOutcome.APOLOGISED}' END
    WHERE held_at IS NOT NULL AND coalesce(payload, reply) IS NOT NULL AND state = 'done' RETURNING id, chat
)
{EVENT.insert("FROM again ORDER BY id")}
"""


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """One event as a worker takes it up, with the customer when they are known already.

    state: an `EventState`, as text: a worker of a newer version may have written one that is not known here.
    at: when it happened, by the platform's clock. received_at: when it was stored here, by the database's.
    apologised: it was held before, and the customer was told so. still_checking: an earlier run of its turn may have
    used its reply token to say so.
    has_elder: an earlier event of the chat is unfinished. has_waiting: pushes wait for this customer to write.
    staff: the staff row of a private chat's person, whatever rights it gives. maintenance: the switch, while it is on.
    codes_made: another moment whenever codes were made since the last event.
    """

    id: int
    key: str
    channel: str
    chat: str
    state: str
    at: datetime
    received_at: datetime
    attempts: int
    payload: dict[str, Any] | None
    reply: dict[str, Any] | None
    apologised: bool
    still_checking: bool
    has_elder: bool
    has_waiting: bool
    customer: Customer | None
    staff: StaffRow | None
    maintenance: dict[str, Any] | None
    codes_made: datetime | None


async def begin(pool: asyncpg.Pool, event_id: int) -> InboxEvent | None:
    """An event with all that is needed to answer it; None when it is gone (cleaned up)."""
    return (await begin_all(pool, [event_id])).get(event_id)


async def begin_all(pool: asyncpg.Pool, event_ids: Sequence[int]) -> dict[int, InboxEvent]:
    """The same for several, by their ids, in one statement."""
    return {row["event_id"]: _of(row) for row in await pool.fetch(_BEGIN, f"{{{','.join(map(str, event_ids))}}}")}


def _of(row: asyncpg.Record) -> InboxEvent:
    payload = orjson.loads(row["payload"]) if row["payload"] else None
    return InboxEvent(
        id=row["event_id"],
        key=row["event_key"],
        channel=row["event_channel"],
        chat=row["chat"],
        state=row["event_state"],
        at=row["at"],
        received_at=row["received_at"],
        attempts=row["attempts"],
        payload=payload,
        reply=orjson.loads(row["reply"]) if row["reply"] else None,
        apologised=row["event_outcome"] == EventOutcome.APOLOGISED,
        still_checking=payload is not None and STILL_CHECKING in payload,
        has_elder=row["has_elder"],
        has_waiting=row["has_waiting"],
        customer=Customer.of(row) if row["person"] else None,
        staff=StaffRow(*[row[f"staff_{name}"] for name in StaffRow.__slots__]) if row["staff_id"] else None,
        maintenance=row["maintenance"],
        codes_made=row["codes_made"],
    )


async def finish(
    connection: asyncpg.Connection | asyncpg.Pool,
    event_id: int,
    customer: Customer | None,
    now: datetime,
    *,
    reply: str | None,
    outcome: EventOutcome | None = None,
    held: bool = False,
) -> bool:
    """Commit an answer (JSON text) and what the turn changed of the customer, in one statement.

    outcome: why there is nothing to deliver; `parked` keeps the answer for the tap that asks for it.

    False, with nothing written, when another worker finished the event or changed the customer
    meanwhile. What the customer wrote is forgotten here, unless the event is held for staff.
    """
    if customer is None or customer.id is None:
        return await connection.fetchval(_FINISH, event_id, reply, outcome, held) is True
    wallet, unclear = customer.wallet, customer.unclear
    return (
        await connection.fetchval(
            _FINISHES[wallet is not None, unclear is not None],
            event_id,
            reply,
            outcome,
            held,
            customer.id,
            customer.version,
            customer.locale,
            customer.locale_chosen,
            customer.notice,
            customer.state.stored,
            customer.muted_until,
            customer.unsubscribed_at,
            customer.unreachable_at,
            now,
            *(() if wallet is None else (wallet.snapshot, wallet.taken_at, wallet.gifts)),
            *(() if unclear is None else (unclear.message_hash, unclear.person_hash, unclear.kind, unclear.text)),
        )
        is True
    )


async def delivered(connection: asyncpg.Connection | asyncpg.Pool, event_id: int, outcome: EventOutcome) -> bool:
    """The reply is out (or given up for the reason in `outcome`); forget it. False when that was done before."""
    return (
        await connection.fetchval(
            """
            UPDATE events SET state = 'done', outcome = $2, reply = NULL WHERE id = $1 AND state = 'ready'
            RETURNING true
            """,
            event_id,
            outcome,
        )
        is True
    )


async def partly_delivered(pool: asyncpg.Pool, event_id: int, reply: str) -> None:
    """Remember how far a reply of several messages got, so that a crash goes on from there."""
    await pool.execute("UPDATE events SET reply = $2 WHERE id = $1 AND state = 'ready'", event_id, reply)


async def note_still_checking(pool: asyncpg.Pool, event_id: int) -> None:
    """Remember, before it is tried, that its reply token is used to say that the answer takes longer."""
    # As text: not all that JSON can say fits into jsonb.
    await pool.execute(
        "UPDATE events SET payload = $2 || substr(payload, 2) WHERE id = $1 AND state = 'new'",
        event_id,
        f'{{"{STILL_CHECKING}":true,',
    )


async def failed(pool: asyncpg.Pool, event_id: int) -> int:
    """Count a failed try; returns how many there were."""
    return int(
        await pool.fetchval("UPDATE events SET attempts = attempts + 1 WHERE id = $1 RETURNING attempts", event_id)
    )


async def park(pool: asyncpg.Pool, event_id: int) -> None:
    """Keep a reply that came too late for the tap that asks for it."""
    await pool.execute(
        "UPDATE events SET state = 'parked', outcome = 'parked' WHERE id = $1 AND state = 'ready'", event_id
    )


async def state_of(pool: asyncpg.Pool, event_id: int) -> str | None:
    """How far an event is by now: an `EventState`, as text."""
    state: str | None = await pool.fetchval("SELECT state FROM events WHERE id = $1", event_id)
    return state


async def unpark(connection: asyncpg.Connection, chat: str) -> dict[str, Any] | None:
    """The newest parked reply of a chat, taken out; None when there is none (any more)."""
    row = await connection.fetchrow(
        """
        WITH parked AS (
            SELECT id, reply FROM events WHERE chat = $1 AND state = 'parked' ORDER BY id DESC LIMIT 1
        ), taken AS (
            UPDATE events e SET state = 'done', reply = NULL, outcome = 'collected'
            FROM parked WHERE e.id = parked.id RETURNING e.id
        )
        SELECT parked.reply FROM parked JOIN taken USING (id)
        """,
        chat,
    )
    return orjson.loads(row["reply"]) if row else None


async def forget_message(connection: asyncpg.Connection, chat: str, message_id: str) -> None:
    """Drop what we hold of a message its author took back: an unanswered or a held event."""
    await connection.execute(
        """
        UPDATE events SET payload = NULL, state = CASE WHEN state = 'new' THEN 'ignored' ELSE state END,
            outcome = 'unsent', held_at = NULL
        WHERE chat = $1 AND (state IN ('new', 'ready', 'parked') OR held_at IS NOT NULL)
            AND payload IS NOT NULL AND payload::json -> 'event' -> 'message' ->> 'id' = $2
        """,
        chat,
        message_id,
    )


async def requeue_orphans(pool: asyncpg.Pool) -> int:
    """Give unfinished events that have no job (any more) a new one; returns how many.

    No path is known that leaves one behind; a lost reward is not worth being wrong about that.
    """
    orphaned = EVENT.orphaned("e", since="received_at")
    status: str = await pool.execute(EVENT.insert(f"FROM events e WHERE {orphaned} ORDER BY id LIMIT 10000"))
    return affected(status)


async def held(connection: asyncpg.Connection | asyncpg.Pool) -> list[asyncpg.Record]:
    """Events that kept failing, oldest first: id, channel, held_at, attempts."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT id, channel, held_at, attempts FROM events WHERE held_at IS NOT NULL ORDER BY held_at LIMIT 100"
    )
    return rows


async def release_held(pool: asyncpg.Pool) -> int:
    """Queue every held event again; returns how many. One that is still `held` had nobody to apologise to."""
    status: str = await pool.execute(RELEASE_HELD)
    return affected(status)

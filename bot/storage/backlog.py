"""What waits, and what stands still: for whoever looks after the desk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from bot.storage.asked import IS_OPEN
from bot.storage.queue import PUSH


@dataclass(frozen=True, slots=True)
class Backlog:
    """Counts, each with the moment of its oldest; None when there are none.

    events: not answered or not delivered yet. held: events that kept failing. open: vouchers whose end is not known.
    undecided: those of them that only staff can end. pushes: messages on their way. parked: messages that wait for
    their recipient to write again. redeeming: codes of which nobody knows whether Poshen redeemed them;
    undecided_codes: those of them that only staff can end.
    """

    events: int
    events_since: datetime | None
    held: int
    held_since: datetime | None
    open: int
    open_since: datetime | None
    undecided: int
    pushes: int
    parked: int
    redeeming: int = 0
    redeeming_since: datetime | None = None
    undecided_codes: int = 0


async def read(connection: asyncpg.Connection | asyncpg.Pool, event_id: int, now: datetime) -> Backlog:
    """Everything that waits but the event `event_id`, which is the question. Reads small indexes only.

    A voucher, or a code, is being asked for during its first two minutes; only after that its end counts as unknown.
    """
    row = await connection.fetchrow(
        f"""
        SELECT events.*, held.*, open.*, redeeming.*,
            (SELECT count(*) FROM {PUSH.open_jobs}) AS pushes,
            (SELECT count(*) FROM pushes WHERE waiting) AS parked
        FROM (
            SELECT count(*) AS events, min(received_at) AS events_since FROM events
            WHERE state IN ('new', 'ready') AND id <> $1
        ) events, (
            SELECT count(*) AS held, min(held_at) AS held_since FROM events WHERE held_at IS NOT NULL
        ) held, (
            SELECT count(*) AS open, min(created_at) AS open_since,
                count(*) FILTER (WHERE state = 'check') AS undecided
            FROM issues WHERE {IS_OPEN}
                AND (state <> 'pending' OR created_at < $2::timestamptz - interval '2 minutes')
        ) open, (
            SELECT count(*) AS redeeming, min(created_at) AS redeeming_since,
                count(*) FILTER (WHERE state = 'check') AS undecided_codes
            FROM redemptions WHERE {IS_OPEN}
                AND (state <> 'pending' OR created_at < $2::timestamptz - interval '2 minutes')
        ) redeeming
        """,
        event_id,
        now,
    )
    return Backlog(**row)

"""Events as the web process stores them: each once, with its job, in one statement.

The web process imports nothing else of the storage but the kinds of jobs: it stays small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson

from bot.storage.queue import EVENT

if TYPE_CHECKING:
    import psycopg


class EventState(StrEnum):
    """How far an event is: `new` → `ready` → `done`. How it ended says `inbox.EventOutcome`."""

    NEW = "new"  # Stored, and its job is queued; also a held event that staff have answered again.
    READY = "ready"  # Its effects and its reply are committed together; the reply is on its way.
    PARKED = "parked"  # Its reply waits for a tap on [See result], an hour at most.
    DONE = "done"  # Its reply is delivered or given up, or there was nothing to deliver. A held event is done, too.
    IGNORED = "ignored"  # Stored so that it is never looked at twice, and nothing else.


# The rows are written out: psycopg adapts arrays in Python, which costs more than the whole insert.
_ROW = "(%s::text, %s::text, %s::text, %s::text, %s::timestamptz, %s::text)"
_STORE = f"""
WITH stored AS (
    INSERT INTO events (key, channel, chat, state, at, payload, received_at)
    SELECT row.*, %s::timestamptz FROM (VALUES {{rows}}) AS row
    ON CONFLICT (key) DO NOTHING
    RETURNING id, chat, state
), queued AS (
    {EVENT.insert("FROM stored WHERE state = 'new' ORDER BY id")}
)
SELECT count(*) FROM stored
"""

QUEUE_STATE = """
SELECT (SELECT count(*) FROM events WHERE state IN ('new', 'ready')),
       (SELECT coalesce(extract(epoch FROM now() - min(received_at)), 0) FROM events WHERE state IN ('new', 'ready')),
       (SELECT count(*) FROM events WHERE held_at IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event as the web process stores it. `payload` is None when it will not be answered."""

    key: str
    channel: str
    chat: str
    at: datetime
    payload: dict[str, Any] | None


def store(connection: psycopg.Connection[Any], arrivals: Sequence[Arrival], now: datetime) -> int:
    """Store what is new, with a job beside each event to be answered, in one statement.

    Returns how many were new; a key that is there already changes nothing.
    """
    values: list[object] = [now]
    for arrival in arrivals:
        payload = _json(arrival.payload)
        values += (
            arrival.key,
            arrival.channel,
            arrival.chat,
            EventState.IGNORED if payload is None else EventState.NEW,
            arrival.at,
            payload,
        )
    statement = _STORE.format(rows=", ".join([_ROW] * len(arrivals)))
    row = connection.execute(statement, values, prepare=len(arrivals) == 1).fetchone()
    assert row is not None, "count(*) always gives a row"
    return int(row[0])


def _json(payload: dict[str, Any] | None) -> str | None:
    """As text; None for what nests or counts beyond what any platform sends: it must not cost its siblings."""
    try:
        return None if payload is None else orjson.dumps(payload).decode()
    except TypeError:
        return None

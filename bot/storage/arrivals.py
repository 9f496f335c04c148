"""Events as the web process stores them: each once, with its job, in one statement.

The web process imports nothing else of the storage: it stays small.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

JOB = "event"  # PgQueuer's entrypoint; the job's payload is `<event id>:<chat>`.

_STORE = f"""
WITH input AS (
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[])
        WITH ORDINALITY AS i (key, channel, chat, state, at, payload, nr)
), stored AS (
    INSERT INTO events (key, channel, chat, state, at, received_at, payload)
    SELECT key, channel, chat, state, at, %s, payload FROM input ORDER BY nr
    ON CONFLICT (key) DO NOTHING
    RETURNING id, chat, state
), queued AS (
    INSERT INTO pgqueuer (priority, entrypoint, payload, status)
    SELECT 0, '{JOB}', convert_to(id || ':' || chat, 'UTF8'), 'queued'
    FROM stored WHERE state = 'new' ORDER BY id
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
    row = connection.execute(
        _STORE,
        (
            [a.key for a in arrivals],
            [a.channel for a in arrivals],
            [a.chat for a in arrivals],
            ["ignored" if a.payload is None else "new" for a in arrivals],
            [a.at for a in arrivals],
            # ASCII-only JSON holds any text a platform can send, NUL and half emoji included.
            [None if a.payload is None else json.dumps(a.payload) for a in arrivals],
            now,
        ),
        prepare=True,
    ).fetchone()
    assert row is not None, "count(*) always gives a row"
    return int(row[0])

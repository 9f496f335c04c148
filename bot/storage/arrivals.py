"""Events as the web process stores them: each once, with its job, in one statement.

The web process imports nothing else of the storage but the kinds of jobs: it stays small.
"""

from __future__ import annotations

import hashlib
import re
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


RELAY = "relay:"  # before the key of another tool, among the parts that we call


class RelayState(StrEnum):
    """What has to happen before another tool is passed on its copy of an event."""

    REST = "rest"  # The event's turn must say so: it gives no answer of ours.
    ALL = "all"  # The event's turn must be over, and not have found that nobody else may have it.
    UNREAD = "unread"  # It has no turn: whoever passes it on must look whether others may have it.
    DUE = "due"  # Nothing.


# PostgreSQL refuses NUL, and half a character cannot even be sent.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_COLUMNS = (
    "key text, channel text, chat text, state text, at timestamptz, payload text, received_at timestamptz, copies json"
)
# Who has that many unanswered events waits behind everybody else with more. Their order is kept by the worker.
FLOOD = 20
_PRIORITY = f"""(
    SELECT CASE WHEN place + count(*) > {FLOOD} THEN -1 ELSE 0 END FROM (
        SELECT FROM events e WHERE e.chat = queued.chat AND e.state IN ('new', 'ready') LIMIT {FLOOD}
    ) unanswered
)"""
_QUEUED = """FROM (
    SELECT id, chat, row_number() OVER (PARTITION BY chat ORDER BY id) AS place FROM stored WHERE state = 'new'
) queued ORDER BY id"""
_GIVEN = f"""
    FROM ROWS FROM (json_to_recordset(%s::json) AS ({_COLUMNS})) WITH ORDINALITY
        AS row (key, channel, chat, state, at, payload, received_at, copies, place)
"""
_STORE = f"""
WITH {{given}} stored AS (
    INSERT INTO events (key, channel, chat, state, at, payload, received_at)
    SELECT key, channel, chat, state, at, payload, coalesce(received_at, clock_timestamp())
    {{source}}
    ORDER BY place
    ON CONFLICT (key) DO NOTHING
    RETURNING id, key, chat, state, received_at
), queued AS (
    {EVENT.insert(_QUEUED, priority=_PRIORITY)}
)
{{also}}
SELECT count(*) FROM stored
"""
# A key that stands in one batch twice is stored once, and joins both.
_COPY = """
, copied AS (
    INSERT INTO relays (target, event_id, chat, state, since, next_at, message_id, body)
    SELECT copy.target, stored.id, stored.chat,
        CASE WHEN stored.state = 'new' THEN copy.state ELSE 'unread' END,
        stored.received_at, stored.received_at, copy.message_id, convert_to(copy.body, 'UTF8')
    FROM given JOIN stored USING (key)
    CROSS JOIN LATERAL json_to_recordset(given.copies) AS copy (target text, state text, message_id text, body text)
    ON CONFLICT DO NOTHING
)
"""
_STORES = {
    False: _STORE.format(given="", source=_GIVEN, also=""),
    True: _STORE.format(given=f"given AS MATERIALIZED (SELECT * {_GIVEN}),", source="FROM given", also=_COPY),
}

QUEUE_STATE = """
SELECT (SELECT count(*) FROM events WHERE state IN ('new', 'ready')),
       (SELECT coalesce(extract(epoch FROM now() - min(received_at)), 0) FROM events WHERE state IN ('new', 'ready')),
       (SELECT count(*) FROM events WHERE held_at IS NOT NULL),
       (SELECT count(*) FROM relays WHERE state IN ('due', 'unread')),
       (SELECT coalesce(extract(epoch FROM now() - min(since)), 0) FROM relays WHERE state IN ('due', 'unread'))
"""
# Workers write their row every 15 s, by the database's clock.
AT_WORK = """
SELECT (SELECT count(*) FROM workers WHERE at > now() - interval '1 minute'),
       (SELECT count(*) FROM issues WHERE state = 'check'),
       (SELECT count(*) FROM workers WHERE at > now() - interval '1 minute' AND parts ? 'surge')
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event as the web process stores it. `payload` is None when it will not be answered.

    copies: what other tools are to have of it, each {target, state, message_id, body}, columns of `relays`.
    """

    key: str
    channel: str
    chat: str
    at: datetime
    payload: dict[str, Any] | None
    copies: Sequence[dict[str, Any]] = ()


def row(arrival: Arrival, received_at: datetime | None) -> bytes:
    """As JSON, so that any number of rows is one parameter; for `store`. Never raises, whatever a platform sent.

    received_at: None for the database's own time.
    """
    payload = _json(arrival.payload)
    key, chat = arrival.key, arrival.chat
    if _UNSTORABLE.search(key + chat):
        # One such character would fail the whole batch, then its request for ever. No platform's ids have any.
        key, chat, payload = _without(key), _without(chat), None
    return orjson.dumps(
        {
            "key": key,
            "channel": arrival.channel,
            "chat": chat,
            "state": EventState.IGNORED if payload is None else EventState.NEW,
            "at": arrival.at,
            "payload": payload,
            "received_at": received_at,
            **({"copies": arrival.copies} if arrival.copies else {}),
        }
    )


def store(connection: psycopg.Connection[Any], rows: Sequence[bytes], *, copies: bool = False) -> int:
    """Store what is new, in this order, with a job beside each event to be answered, in one statement.

    Returns how many were new; a key that is there already changes nothing. copies: what other tools are to have of
    them is stored as well.
    """
    found = connection.execute(_STORES[copies], [f"[{b','.join(rows).decode()}]"], prepare=True).fetchone()
    assert found is not None, "count(*) always gives a row"
    return int(found[0])


def _without(text: str) -> str:
    """Without them, and still another text than any other."""
    if not _UNSTORABLE.search(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_UNSTORABLE.sub('', text)}#{digest}"


def _json(payload: dict[str, Any] | None) -> str | None:
    """As text; None for what nests or counts beyond what any platform sends: it must not cost its siblings."""
    try:
        return None if payload is None else orjson.dumps(payload).decode()
    except TypeError:
        return None

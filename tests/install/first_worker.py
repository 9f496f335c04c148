"""What a worker of the first schema did, with the statements it did it with, as they were recorded then.

A release changes the tables while workers of the release before are at work: none of these may ever fail.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import digest
from typing import Any

import asyncpg

from bot.storage import pool as pools

STORE = """
WITH stored AS (
    INSERT INTO events (key, channel, chat, state, at, payload, received_at)
    SELECT row.*, now() FROM (VALUES ($1::text, $2::text, $3::text, $4::text, $5::timestamptz, $6::text)) AS row
    ON CONFLICT (key) DO NOTHING
    RETURNING id, chat, state
), queued AS (
    INSERT INTO pgqueuer (priority, entrypoint, payload, status)
    SELECT 0, 'event', convert_to(id || ':' || chat, 'UTF8'), 'queued' FROM stored WHERE state = 'new' ORDER BY id
)
SELECT id FROM stored
"""
COLUMNS = """c.id, c.person, c.ref, c.channel, c.locale, c.locale_chosen, c.notice, c.state,
       c.muted_until, c.unsubscribed_at, c.unreachable_at, c.first_seen, c.last_seen, c.version"""
BEGIN = f"""
SELECT e.id AS event_id, e.key AS event_key, e.channel AS event_channel, e.chat, e.state AS event_state,
       e.received_at, e.attempts, e.payload, e.reply,
       EXISTS (SELECT FROM events elder WHERE elder.chat = e.chat AND elder.id < e.id
               AND elder.state IN ('new', 'ready')) AS has_elder,
       EXISTS (SELECT FROM pushes p WHERE p.waiting AND p.channel = e.channel
               AND p.recipient = split_part(e.chat, ':', 3)) AS has_waiting,
       {COLUMNS}
FROM events e LEFT JOIN LATERAL (SELECT * FROM customers WHERE person = e.chat LIMIT 1) c ON true
WHERE e.id = $1
"""
MEET = f"""
INSERT INTO customers AS c (person, ref, channel, locale) VALUES ($1, $2, $3, $4)
ON CONFLICT (person) DO UPDATE SET person = excluded.person RETURNING {COLUMNS}
"""
POLICY = "SELECT per_customer, max_claims, starts_at, ends_at, paused FROM policies WHERE group_id = $1"
STANDING = """
SELECT w.until, coalesce(w.level, 0) AS level, (SELECT raised_until FROM guard WHERE id = 1) AS guard,
    (SELECT count(*) FROM misses WHERE person_hash = $1 AND at > $2::timestamptz - interval '10 minutes'
        AND at > coalesce(w.until, '-infinity')) AS recent,
    (SELECT count(*) FROM misses WHERE person_hash = $1 AND at > $2 - interval '24 hours') AS today
FROM (SELECT 1) one LEFT JOIN waits w ON w.person_hash = $1
"""
MISS = """
INSERT INTO misses (person_hash, code_hash, prefix_hash, at) SELECT $1, $2, $3, $4
WHERE NOT EXISTS (SELECT FROM misses WHERE person_hash = $1 AND code_hash = $2
    AND at > $4::timestamptz - interval '10 minutes')
RETURNING true
"""
WAIT = """
INSERT INTO waits (person_hash, until, level) VALUES ($1, $2, $3)
ON CONFLICT (person_hash) DO UPDATE SET until = excluded.until, level = excluded.level
"""
CLAIMED = "SELECT ref, claimed_at, event_id, snapshot FROM claims WHERE code_id = $1 AND person_hash = $2 ORDER BY nth"
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('code', $1))"
COUNT = "SELECT count(*) FROM claims WHERE code_id = $1"
CLAIM = """
INSERT INTO claims (ref, code_id, person_hash, nth, customer_id, event_id, group_id, snapshot, claimed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (code_id, person_hash, nth) DO NOTHING RETURNING ref, claimed_at, event_id, snapshot
"""
FINISH = """
WITH mine AS (
    SELECT FROM events WHERE id = $1 AND state = 'new' FOR UPDATE
), saved AS (
    UPDATE customers SET locale = $7, locale_chosen = $8, notice = $9, state = $10, muted_until = $11,
        unsubscribed_at = $12, unreachable_at = $13, last_seen = $14, version = version + 1
    WHERE id = $5 AND version = $6 AND EXISTS (SELECT FROM mine)
    RETURNING id
), shelved AS (
    INSERT INTO wallets (customer_id, snapshot, taken_at, gifts) SELECT id, $15, $16, $17 FROM saved
    ON CONFLICT (customer_id) DO UPDATE
    SET snapshot = excluded.snapshot, taken_at = excluded.taken_at, gifts = excluded.gifts
)
UPDATE events SET reply = $2, outcome = $3,
    state = CASE WHEN $2::text IS NULL THEN 'done' WHEN $3 = 'parked' THEN 'parked' ELSE 'ready' END,
    held_at = CASE WHEN $4 THEN now() END, payload = CASE WHEN $4 THEN payload END
WHERE id = $1 AND state = 'new' AND EXISTS (SELECT FROM saved) RETURNING true
"""
DELIVERED = (
    "UPDATE events SET state = 'done', outcome = $2, reply = NULL WHERE id = $1 AND state = 'ready' RETURNING true"
)
PUSH = """
WITH added AS (
    INSERT INTO pushes (key, channel, recipient, messages, waiting) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (key) DO NOTHING RETURNING id
), queued AS (
    INSERT INTO pgqueuer (priority, entrypoint, payload, status, execute_after)
    SELECT 0, 'push', convert_to(id::text, 'UTF8'), 'queued', now() + $6 * interval '1 second'
    FROM added WHERE NOT $5
)
SELECT true FROM added
"""
JOB_DONE = "DELETE FROM pgqueuer WHERE entrypoint = 'event' AND payload = convert_to($1 || ':' || $2, 'UTF8')"
QUEUE_STATE = """
SELECT (SELECT count(*) FROM events WHERE state IN ('new', 'ready')),
       (SELECT coalesce(extract(epoch FROM now() - min(received_at)), 0) FROM events WHERE state IN ('new', 'ready')),
       (SELECT count(*) FROM events WHERE held_at IS NOT NULL)
"""
SNAPSHOT = {"code": "WELCOME2026", "group": "Welcome", "game": "", "rewards": [{"name": "Gold", "type": "virtual"}]}


def hashed(secret: bytes, purpose: str, value: str) -> bytes:
    """A person or a code, as the first version remembered them."""
    return digest(secret, f"{purpose}:{value}".encode(), sha256)[:16]


def reply(user: str, text: str, key: str) -> str:
    """A committed reply, as the first version stored it."""
    messages = [{"message": {"type": "text", "text": text}, "plain": text}]
    told = {"key": key, "to": user, "messages": messages, "token": None, "valuable": True, "done": 0, "tries": 0}
    return json.dumps(told | {"perhaps": False})


@dataclass
class FirstWorker:
    """Redeems one code after the other for new people. done: each person's reference.

    again: turns that ran twice, since the tables changed under a statement that was prepared; their jobs would have.
    """

    pool: asyncpg.Pool
    secret: bytes
    done: dict[str, str] = field(default_factory=dict)
    again: int = 0
    stopping: bool = False

    @classmethod
    @asynccontextmanager
    async def working(cls, url: str, secret: bytes) -> AsyncIterator[FirstWorker]:
        """Until the block ends. Whatever fails is raised then."""
        pool = await pools.connect(url, size=2)
        worker = cls(pool, secret)
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stopping = True
            try:
                await running
            finally:
                await pool.close()

    async def run(self) -> None:
        while not self.stopping:
            person, number = f"line:Uold:U{secrets.token_hex(16)}", secrets.token_hex(3).upper()
            try:
                await self.turn(person, number)
            except asyncpg.InvalidCachedStatementError:
                self.again += 1
                await self.turn(person, number)
            self.done[person] = f"R-{number}"
            await asyncio.sleep(0.01)

    async def turn(self, person: str, number: str) -> None:
        """One event, from the webhook to the mark that it is delivered."""
        pool, now, user = self.pool, datetime.now(UTC), person.rsplit(":", 1)[-1]
        event_id = await pool.fetchval(STORE, f"line:{number}", "line", person, "new", now, '{"account": "Uold"}')
        if event_id is None:
            event_id = await pool.fetchval("SELECT id FROM events WHERE key = $1", f"line:{number}")
        taken = await pool.fetchrow(BEGIN, event_id)
        if taken["event_state"] == "new":
            customer = await pool.fetchrow(MEET, person, f"C-{number}", "line", "en")
            me = hashed(self.secret, "person", person)
            async with pool.acquire() as connection, connection.transaction():
                await connection.fetchrow(POLICY, 5)
                await connection.fetchrow(STANDING, me, now)
                await connection.fetchval(MISS, me, b"code", b"prefix", now)
                await connection.execute(WAIT, me, now + timedelta(seconds=1), 1)
                await connection.fetch(CLAIMED, 99, me)
                await connection.execute(LOCK, 99)
                await connection.fetchval(COUNT, 99)
                assert await connection.fetchrow(
                    CLAIM, f"R-{number}", 99, me, 1, customer["id"], event_id, 5, SNAPSHOT, now
                )
                values: tuple[Any, ...] = (customer["id"], customer["version"], "en", False, 1, {"lost": 1})
                shelved = ("{}", now, "[]")
                said = reply(user, "old", f"reply:{number}")
                finished = await connection.fetchval(
                    FINISH, event_id, said, None, False, *values, None, None, None, now, *shelved
                )
                assert finished is True
        await pool.fetchval(DELIVERED, event_id, "delivered")
        await pool.fetchval(PUSH, f"old:{number}", "line", user, "[]", True, 0.0)
        await pool.fetchrow(QUEUE_STATE)
        await pool.execute(JOB_DONE, str(event_id), person)

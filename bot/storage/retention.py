"""Forgetting: what is no longer needed is deleted on a schedule, in small bites."""

from __future__ import annotations

from datetime import timedelta

import asyncpg

BITE = 5_000


async def clean_up(pool: asyncpg.Pool, *, events: timedelta, claims: timedelta) -> dict[str, int]:
    """Delete what is older than it needs to be; returns how many rows went, by table.

    events: how long event keys are kept against replays (at least a week).
    claims: how long receipts are kept, and customers who no longer write.
    """
    statements = {
        "events": (
            "DELETE FROM events WHERE ctid = ANY(ARRAY(SELECT ctid FROM events WHERE received_at < now() - $1::interval"
            " AND (held_at IS NULL OR received_at < now() - interval '90 days') LIMIT $2))",
            events,
        ),
        # An answer nobody came for within the hour is of no use to anybody.
        "parked": (
            "UPDATE events SET state = 'done', reply = NULL, outcome = 'not collected' WHERE id = ANY(ARRAY("
            "SELECT id FROM events WHERE state = 'parked' AND received_at < now() - $1::interval LIMIT $2))",
            timedelta(hours=1),
        ),
        "pushes": (
            "DELETE FROM pushes WHERE id = ANY(ARRAY("
            "SELECT id FROM pushes WHERE created_at < now() - $1::interval LIMIT $2))",
            events,
        ),
        "misses": (
            "DELETE FROM misses WHERE id = ANY(ARRAY(SELECT id FROM misses WHERE at < now() - $1::interval LIMIT $2))",
            timedelta(days=2),
        ),
        "waits": (
            "DELETE FROM waits WHERE person_hash = ANY(ARRAY("
            "SELECT person_hash FROM waits WHERE until < now() - $1::interval LIMIT $2))",
            timedelta(days=2),
        ),
        "wallets": (
            "DELETE FROM wallets WHERE customer_id = ANY(ARRAY("
            "SELECT customer_id FROM wallets WHERE taken_at < now() - $1::interval LIMIT $2))",
            timedelta(days=30),
        ),
        "claims": (
            "DELETE FROM claims WHERE id = ANY(ARRAY("
            "SELECT id FROM claims WHERE claimed_at < now() - $1::interval LIMIT $2))",
            claims,
        ),
        "customers": (
            "DELETE FROM customers c WHERE id = ANY(ARRAY(SELECT id FROM customers WHERE last_seen < now() - $1::interval"
            " AND NOT EXISTS (SELECT FROM claims WHERE claims.customer_id = customers.id) LIMIT $2))",
            claims,
        ),
        "queue log": (
            "DELETE FROM pgqueuer_log WHERE id = ANY(ARRAY("
            "SELECT id FROM pgqueuer_log WHERE created < now() - $1::interval LIMIT $2))",
            timedelta(hours=6),
        ),
        "queue statistics": (
            "DELETE FROM pgqueuer_statistics WHERE id = ANY(ARRAY("
            "SELECT id FROM pgqueuer_statistics WHERE created < now() - $1::interval LIMIT $2))",
            timedelta(days=7),
        ),
    }
    gone: dict[str, int] = {}
    for name, (statement, age) in statements.items():
        gone[name] = 0
        while True:
            status: str = await pool.execute(statement, age, BITE)
            rows = int(status.split()[-1])
            gone[name] += rows
            if rows < BITE:
                break
    return gone

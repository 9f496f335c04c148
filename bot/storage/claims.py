"""Claims: which customer redeemed which code, once, with a snapshot of what it gave."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from bot.storage.asked import IS_OPEN
from bot.storage.receipts import FREE, draw


@dataclass(frozen=True, slots=True)
class Claim:
    """One redeemed code. snapshot: {code, group, game, rewards: [{name, type}]} as it was then. nth: of this person
    and code; higher than those before it, also when some of them were undone."""

    ref: str
    claimed_at: datetime
    event_id: int
    snapshot: dict[str, Any]
    nth: int


@dataclass(frozen=True, slots=True)
class Policy:
    """What the brand decided about a Poshen group. max_claims counts per code, over all customers.

    Its fields are the columns of `policies`: a new one needs its column, and nothing else here.
    """

    per_customer: int = 1
    max_claims: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    paused: bool = False

    @property
    def last_moment(self) -> datetime | None:
        """The last one in which it is open: its day is the last day, which `ends_at`, midnight after it, is not."""
        return self.ends_at - timedelta(microseconds=1) if self.ends_at else None


COUNTED_FROM = 500  # claims of a capped code; fewer are counted in a fraction of a millisecond

_POLICY = [each.name for each in fields(Policy)]
_SET_POLICY = f"""
    INSERT INTO policies (group_id, {", ".join(_POLICY)}, updated_at)
    VALUES ($1, {", ".join(f"${place}" for place in range(2, len(_POLICY) + 2))}, now())
    ON CONFLICT (group_id) DO UPDATE
    SET {", ".join(f"{name} = excluded.{name}" for name in _POLICY)}, updated_at = now()
"""

_CLAIM = "ref, claimed_at, event_id, snapshot, nth"


def _claim(row: asyncpg.Record) -> Claim:
    return Claim(row["ref"], row["claimed_at"], row["event_id"], row["snapshot"], row["nth"])


async def policy_of(connection: asyncpg.Connection, group_id: int | None) -> Policy:
    """The policy of a group; the default when nobody set one."""
    row = await connection.fetchrow(f"SELECT {', '.join(_POLICY)} FROM policies WHERE group_id = $1", group_id)
    return Policy(**row) if row else Policy()


async def lock_policy(connection: asyncpg.Connection, group_id: int) -> Policy:
    """The policy of a group, which nobody else changes until this transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('policy', $1))", group_id)
    return await policy_of(connection, group_id)


async def set_policy(connection: asyncpg.Connection, group_id: int, policy: Policy) -> None:
    """Replace the policy of a group."""
    await connection.execute(_SET_POLICY, group_id, *(getattr(policy, name) for name in _POLICY))


async def policies(connection: asyncpg.Connection) -> dict[int, Policy]:
    """Every policy that was set, by group."""
    rows = await connection.fetch(f"SELECT group_id, {', '.join(_POLICY)} FROM policies ORDER BY group_id")
    return {row["group_id"]: Policy(**{name: row[name] for name in _POLICY}) for row in rows}


async def of_customer_and_code(connection: asyncpg.Connection, code_id: int, person_hash: bytes) -> list[Claim]:
    """This person's claims of this code, oldest first."""
    rows = await connection.fetch(
        f"SELECT {_CLAIM} FROM claims WHERE code_id = $1 AND person_hash = $2 ORDER BY nth",
        code_id,
        person_hash,
    )
    return [_claim(row) for row in rows]


async def used_up(connection: asyncpg.Connection, code_id: int, most: int) -> bool:
    """Whether a capped code has no claim left; if it has, other claims of it wait until this transaction ends.

    What is being redeemed at Poshen counts as a claim until that has its end.
    """
    counter = await connection.fetchval("SELECT claims FROM code_counters WHERE code_id = $1", code_id)
    if counter is not None and counter >= most:
        return True  # Nobody has to wait to be told so.
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('code', $1))", code_id)
    claimed, redeeming = await connection.fetchrow(
        f"""
        SELECT coalesce((SELECT claims FROM code_counters WHERE code_id = $1),
                        (SELECT count(*) FROM claims WHERE code_id = $1)),
            (SELECT count(*) FROM redemptions WHERE code_id = $1 AND {IS_OPEN})
        """,
        code_id,
    )
    if counter is None and claimed >= COUNTED_FROM:
        await connection.execute(
            "INSERT INTO code_counters (code_id, claims) VALUES ($1, $2) ON CONFLICT DO NOTHING", code_id, claimed
        )
    return bool(claimed + redeeming >= most)


async def add(
    connection: asyncpg.Connection,
    *,
    code_id: int,
    person_hash: bytes,
    nth: int,
    customer_id: int,
    event_id: int,
    group_id: int | None,
    snapshot: dict[str, Any],
    now: datetime,
    ref: str | None = None,
) -> Claim | None:
    """Take the `nth` claim of a code for a person; None when it is taken already (by a twin of this event).

    ref: that it has already, None for a new one.
    """
    row = await connection.fetchrow(
        f"""
        WITH claim AS (
            INSERT INTO claims (ref, code_id, person_hash, nth, customer_id, event_id, group_id, snapshot, claimed_at)
            VALUES (coalesce($10, {FREE}), $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (code_id, person_hash, nth) DO NOTHING RETURNING {_CLAIM}
        ), counted AS (
            UPDATE code_counters SET claims = claims + 1 WHERE code_id = $2 AND EXISTS (SELECT FROM claim)
        )
        SELECT {_CLAIM} FROM claim
        """,
        draw(),
        code_id,
        person_hash,
        nth,
        customer_id,
        event_id,
        group_id,
        snapshot,
        now,
        ref,
    )
    return _claim(row) if row else None


async def of_customer(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int, limit: int = 100) -> list[Claim]:
    """A customer's claims, newest first."""
    rows = await connection.fetch(
        f"SELECT {_CLAIM} FROM claims WHERE customer_id = $1 ORDER BY id DESC LIMIT $2", customer_id, limit
    )
    return [_claim(row) for row in rows]


async def of_event(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int, event_id: int) -> list[Claim]:
    """What a customer claimed with one event, in the order it was."""
    rows = await connection.fetch(
        f"SELECT {_CLAIM} FROM claims WHERE customer_id = $1 AND event_id = $2 ORDER BY id", customer_id, event_id
    )
    return [_claim(row) for row in rows]


async def count_of_customer(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> int:
    """How many claims a customer has."""
    return int(await connection.fetchval("SELECT count(*) FROM claims WHERE customer_id = $1", customer_id))


async def by_ref(connection: asyncpg.Connection | asyncpg.Pool, ref: str, customer_id: int) -> Claim | None:
    """A customer's own claim by its reference."""
    row = await connection.fetchrow(
        f"SELECT {_CLAIM} FROM claims WHERE ref = $1 AND customer_id = $2", ref, customer_id
    )
    return _claim(row) if row else None


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody's claim. customer_id: None when they had their data deleted."""

    claim: Claim
    customer_id: int | None


async def find(connection: asyncpg.Connection | asyncpg.Pool, ref: str) -> Found | None:
    """Anybody's claim by its reference: for staff."""
    row = await connection.fetchrow(f"SELECT customer_id, {_CLAIM} FROM claims WHERE ref = $1", ref)
    return Found(_claim(row), row["customer_id"]) if row else None


async def count_of_code(connection: asyncpg.Connection | asyncpg.Pool, code_id: int) -> int:
    """How many claims there are of a code, over all customers."""
    return int(await connection.fetchval("SELECT count(*) FROM claims WHERE code_id = $1", code_id))


async def customers_of_code(
    connection: asyncpg.Connection | asyncpg.Pool, code_id: int, limit: int
) -> list[tuple[str, datetime]]:
    """Who redeemed a code, by their references, and when last; the latest first."""
    rows = await connection.fetch(
        """
        SELECT ref, claimed_at FROM (
            SELECT customer_id, max(claimed_at) AS claimed_at FROM claims
            WHERE code_id = $1 AND customer_id IS NOT NULL GROUP BY customer_id ORDER BY 2 DESC LIMIT $2
        ) latest JOIN customers ON customers.id = customer_id ORDER BY claimed_at DESC
        """,
        code_id,
        limit,
    )
    return [(row["ref"], row["claimed_at"]) for row in rows]


async def lock(connection: asyncpg.Connection, ref: str) -> Found | None:
    """Anybody's claim, which nobody else undoes until this transaction ends. The counter first and points later, as
    those do who claim: else both could wait for each other."""
    await connection.execute(
        "SELECT FROM code_counters WHERE code_id = (SELECT code_id FROM claims WHERE ref = $1) FOR UPDATE", ref
    )
    row = await connection.fetchrow(f"SELECT customer_id, {_CLAIM} FROM claims WHERE ref = $1 FOR UPDATE", ref)
    return Found(_claim(row), row["customer_id"]) if row else None


@dataclass(frozen=True, slots=True)
class Undone:
    """A claim that staff took back. points: taken with it."""

    ref: str
    points: int
    undone_by: str
    undone_at: datetime
    snapshot: dict[str, Any]


async def undo(connection: asyncpg.Connection, ref: str, *, points: int, by: str, now: datetime) -> None:
    """Take a claim out, so that its code can be claimed again; what it was is kept."""
    await connection.execute(
        """
        WITH gone AS (
            DELETE FROM claims WHERE ref = $1 RETURNING ref, code_id, customer_id, snapshot, claimed_at
        ), counted AS (
            UPDATE code_counters SET claims = claims - 1 WHERE code_id = (SELECT code_id FROM gone)
        )
        INSERT INTO undone (ref, code_id, customer_id, snapshot, claimed_at, points, undone_by, undone_at)
        SELECT ref, code_id, customer_id, snapshot, claimed_at, $2, $3, $4 FROM gone
        """,
        ref,
        points,
        by,
        now,
    )


async def undone(connection: asyncpg.Connection | asyncpg.Pool, ref: str) -> Undone | None:
    """A claim that was taken back, by its reference: for staff."""
    row = await connection.fetchrow(
        "SELECT ref, points, undone_by, undone_at, snapshot FROM undone WHERE ref = $1", ref
    )
    return Undone(**row) if row else None


async def undone_of(connection: asyncpg.Connection | asyncpg.Pool, ref: str, customer_id: int) -> Undone | None:
    """A customer's own claim that was taken back, by its reference."""
    row = await connection.fetchrow(
        "SELECT ref, points, undone_by, undone_at, snapshot FROM undone WHERE ref = $1 AND customer_id = $2",
        ref,
        customer_id,
    )
    return Undone(**row) if row else None


async def anonymise(connection: asyncpg.Connection, customer_id: int) -> None:
    """Cut claims loose from their customer; only the keyed hash still tells one person's from another's."""
    await connection.execute("UPDATE claims SET customer_id = NULL WHERE customer_id = $1", customer_id)
    await connection.execute("UPDATE undone SET customer_id = NULL WHERE customer_id = $1", customer_id)

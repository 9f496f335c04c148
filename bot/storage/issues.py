"""Vouchers asked of Got It: each intent is a row, committed with its request id before the first call.

An issue's state is an `IssueState`: `pending` → `done` or `failed`, or → `unknown` → … → `check`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import asyncpg

from bot.storage.asked import IS_OPEN, OPEN, UNDER_WAY, Asked
from bot.storage.queue import ISSUE
from bot.storage.receipts import FREE, draw


class IssueState(StrEnum):
    """How far a voucher is. The points for it are held until it is done or failed."""

    PENDING = "pending"  # No call has reached the vendor yet; the first one may be on its way.
    UNKNOWN = "unknown"  # A call had no readable answer: it is asked again, with the same request id only.
    CHECK = "check"  # Asking again did not help: staff decide.
    DONE = "done"  # It was issued, and its points are spent.
    FAILED = "failed"  # It was surely not issued, or staff say so, and its points are back.


@dataclass(frozen=True, slots=True)
class Issue:
    """One voucher, wanted or issued.

    kind: exchange (for points), reward (a code gave it) or staff. cost: points for all of it. balance: what the
    customer could spend before. recipient: the customer's reference, all that Got It is told of them. offer: {name,
    brand, image, price_value} as it was shown. delivery: sealed. reason: why it is not done, safe to show to staff.
    awaited: the customer was told to wait, so its end must be told to them in a message of its own.
    expires_at: until when the voucher itself is good; None as long as Got It does not say.
    """

    id: int
    ref: str
    key: str
    request_id: str
    kind: str
    state: IssueState
    customer_id: int | None
    recipient: str
    issuer: str
    gift_id: int
    price_id: int
    quantity: int
    cost: int
    balance: int
    offer: dict[str, Any]
    delivery: bytes | None
    reason: str | None
    attempts: int
    unknowns: int
    awaited: bool
    next_at: datetime | None
    created_at: datetime
    settled_at: datetime | None
    expires_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether its end is not known yet."""
        return self.state in OPEN

    @property
    def under_way(self) -> bool:
        """Whether it is asked for by itself, until it has its end or staff have to decide."""
        return self.state in UNDER_WAY

    @property
    def called(self) -> str:
        """The voucher's name as it was shown, with how many of them: `2 × Voucher Phúc Long`."""
        return called(str(self.offer["name"]), self.quantity)

    @property
    def value(self) -> int:
        """What all of it is worth, in VND."""
        return int(self.offer["price_value"]) * self.quantity


def called(name: str, quantity: int) -> str:
    """A voucher's name, with how many of them where there are several."""
    return name if quantity == 1 else f"{quantity} × {name}"


_COLUMNS = """id, ref, key, request_id, kind, state, customer_id, recipient, issuer, gift_id, price_id, quantity, cost,
    balance, offer, delivery, reason, attempts, unknowns, awaited, next_at, created_at, settled_at, expires_at"""
_ASKED = Asked(ISSUE, _COLUMNS, told="kind <> 'staff'")
queue, requeue_orphans = _ASKED.queue, _ASKED.requeue_orphans


def _read(row: asyncpg.Record) -> Issue:
    return Issue(**dict(row) | {"state": IssueState(row["state"])})


def _issue(row: asyncpg.Record | None) -> Issue | None:
    return _read(row) if row else None


async def add(
    connection: asyncpg.Connection,
    *,
    key: str,
    request_id: str,
    kind: str,
    customer_id: int | None,
    recipient: str,
    issuer: str,
    gift_id: int,
    price_id: int,
    quantity: int,
    cost: int,
    balance: int,
    offer: Mapping[str, Any],
    now: datetime,
) -> Issue | None:
    """Write an intent down; None when one with this key exists."""
    row = await connection.fetchrow(
        f"""
        INSERT INTO issues (ref, key, request_id, kind, state, customer_id, recipient, issuer, gift_id, price_id,
            quantity, cost, balance, offer, created_at)
        VALUES ({FREE}, $2, $3, $4, 'pending', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        ON CONFLICT (key) DO NOTHING RETURNING {_COLUMNS}
        """,
        draw(),
        key,
        request_id,
        kind,
        customer_id,
        recipient,
        issuer,
        gift_id,
        price_id,
        quantity,
        cost,
        balance,
        dict(offer),
        now,
    )
    return _issue(row)


async def read(connection: asyncpg.Connection | asyncpg.Pool, issue_id: int) -> Issue | None:
    """An issue by its id."""
    return _issue(await connection.fetchrow(f"SELECT {_COLUMNS} FROM issues WHERE id = $1", issue_id))


async def by_key(connection: asyncpg.Connection | asyncpg.Pool, key: str) -> Issue | None:
    """An issue by what it was asked for with."""
    return _issue(await connection.fetchrow(f"SELECT {_COLUMNS} FROM issues WHERE key = $1", key))


async def by_ref(connection: asyncpg.Connection | asyncpg.Pool, ref: str) -> Issue | None:
    """Anybody's issue by its reference: for staff, or to be compared with who asks."""
    return _issue(await connection.fetchrow(f"SELECT {_COLUMNS} FROM issues WHERE ref = $1", ref))


async def by_keys(connection: asyncpg.Connection | asyncpg.Pool, keys: Sequence[str]) -> list[Issue]:
    """Several issues by what they were asked for with, in the order they were."""
    rows = await connection.fetch(f"SELECT {_COLUMNS} FROM issues WHERE key = ANY($1) ORDER BY id", keys)
    return [_read(row) for row in rows]


async def of_customer(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int, limit: int = 100) -> list[Issue]:
    """A customer's issues, newest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM issues WHERE customer_id = $1 ORDER BY id DESC LIMIT $2", customer_id, limit
    )
    return [_read(row) for row in rows]


# What staff give is none before it has come: nobody expects it.
EXPECTED = "(kind <> 'staff' OR state = 'done')"


async def page_of_customer(
    connection: asyncpg.Connection | asyncpg.Pool, customer_id: int, upto: int, skip: int, limit: int
) -> tuple[list[Issue], int]:
    """A customer's issues, newest first, and how many there are. upto: id of the first of them, 0 for the newest."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS}, count(*) OVER () AS total FROM issues
        WHERE customer_id = $1 AND {EXPECTED} AND ($2 = 0 OR id <= $2) ORDER BY id DESC OFFSET $3 LIMIT $4
        """,
        customer_id,
        upto,
        skip,
        limit,
    )
    found = [dict(row) for row in rows]
    totals = [row.pop("total") for row in found]
    return [Issue(**row | {"state": IssueState(row["state"])}) for row in found], totals[0] if totals else 0


async def held_by(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> list[Issue]:
    """The vouchers that a customer has, those on their way included, newest first: what COUNT counts."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM issues WHERE customer_id = $1 AND {EXPECTED} AND state <> 'failed' ORDER BY id DESC",
        customer_id,
    )
    return [_read(row) for row in rows]


COUNT = (
    "SELECT coalesce(sum(quantity), 0) FROM issues "
    f"WHERE customer_id = {{customer_id}} AND {EXPECTED} AND state <> 'failed'"
)


async def count_of_customer(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> int:
    """How many vouchers a customer has, those on their way included."""
    return int(await connection.fetchval(COUNT.format(customer_id="$1"), customer_id))


async def exchanged_since(connection: asyncpg.Connection, customer_id: int, since: datetime) -> int:
    """How many vouchers a customer exchanged points for since then; failed ones do not count."""
    return int(
        await connection.fetchval(
            """
            SELECT count(*) FROM issues
            WHERE customer_id = $1 AND kind = 'exchange' AND state <> 'failed' AND created_at >= $2
            """,
            customer_id,
            since,
        )
    )


async def lock_issuer(connection: asyncpg.Connection, issuer: str) -> None:
    """One reservation of this issuer at a time, until the transaction ends: what is counted stays as it is."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 4))", f"issuer:{issuer}")


async def given_since(connection: asyncpg.Connection | asyncpg.Pool, issuer: str, since: datetime) -> tuple[int, int]:
    """How many vouchers a member of staff has issued since then, and their value in VND; failed ones do not count."""
    row = await connection.fetchrow(
        """
        SELECT coalesce(sum(quantity), 0) AS vouchers,
            coalesce(sum(quantity * (offer->>'price_value')::bigint), 0) AS value
        FROM issues WHERE kind = 'staff' AND issuer = $1 AND state <> 'failed' AND created_at >= $2
        """,
        issuer,
        since,
    )
    return int(row["vouchers"]), int(row["value"])


async def newest(
    connection: asyncpg.Connection | asyncpg.Pool, *, only_open: bool, limit: int, offset: int
) -> list[Issue]:
    """Everybody's issues, newest first: for staff."""
    rows = await _ASKED.newest(connection, only_open=only_open, limit=limit, offset=offset)
    return [_read(row) for row in rows]


async def unsettled(connection: asyncpg.Connection | asyncpg.Pool, limit: int = 50) -> list[Issue]:
    """Issues whose end is not known, oldest first: for staff."""
    rows = await connection.fetch(f"SELECT {_COLUMNS} FROM issues WHERE {IS_OPEN} ORDER BY id LIMIT $1", limit)
    return [_read(row) for row in rows]


async def unsettled_of(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> list[str]:
    """The references of a customer's issues that have no end yet, oldest first."""
    rows = await connection.fetch(
        f"SELECT ref FROM issues WHERE customer_id = $1 AND {IS_OPEN} ORDER BY id",
        customer_id,
    )
    return [row["ref"] for row in rows]


async def lease(
    connection: asyncpg.Connection | asyncpg.Pool,
    issue_id: int,
    now: datetime,
    until: datetime,
    *,
    but_awaited: bool = False,
) -> Issue | None:
    """As `Asked.lease`."""
    return _issue(await _ASKED.lease(connection, issue_id, now, until, but_awaited=but_awaited))


async def settle(
    connection: asyncpg.Connection,
    issue_id: int,
    state: IssueState,
    now: datetime,
    *,
    reason: str | None = None,
    delivery: bytes | None = None,
    attempt: int | None = None,
    idle_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> Issue | None:
    """Bring an open issue to its end (`done`, `failed`); None when it has one already.

    attempt: only while this is the latest one. A worker that slept through its lease knows nothing of the next call.
    idle_at: only when no call for it is on its way at that moment.
    """
    return _issue(
        await connection.fetchrow(
            f"""
            UPDATE issues SET state = $2, reason = $3, delivery = $4, settled_at = $5, leased_until = NULL,
                next_at = NULL, expires_at = $8
            WHERE id = $1 AND {IS_OPEN} AND ($6::int IS NULL OR attempts = $6)
                AND ($7::timestamptz IS NULL OR leased_until IS NULL OR leased_until <= $7)
            RETURNING {_COLUMNS}
            """,
            issue_id,
            state,
            reason,
            delivery,
            now,
            attempt,
            idle_at,
            expires_at,
        )
    )


async def ending(
    connection: asyncpg.Connection | asyncpg.Pool, customer_id: int, now: datetime, last: datetime
) -> list[Issue]:
    """A customer's vouchers whose known end comes after `now` and not after `last`."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM issues WHERE customer_id = $1 AND state = 'done' AND expires_at > $2 "
        "AND expires_at <= $3 ORDER BY expires_at, id",
        customer_id,
        now,
        last,
    )
    return [_read(row) for row in rows]


async def postpone(
    connection: asyncpg.Connection,
    issue_id: int,
    state: IssueState,
    *,
    reason: str | None,
    next_at: datetime | None,
    attempt: int,
) -> Issue | None:
    """Leave an issue open and free for the next call: `unknown`, `check`, or `pending` when nothing was sent.

    None when it has ended, or when `attempt` is not the latest one any more.
    """
    return _issue(
        await connection.fetchrow(
            f"""
            UPDATE issues SET state = $2, reason = $3, next_at = $4, leased_until = NULL,
                unknowns = unknowns + CASE WHEN $2 = 'unknown' THEN 1 ELSE 0 END
            WHERE id = $1 AND {IS_OPEN} AND attempts = $5 RETURNING {_COLUMNS}
            """,
            issue_id,
            state,
            reason,
            next_at,
            attempt,
        )
    )


async def reopen(connection: asyncpg.Connection, issue_id: int, now: datetime, pause: timedelta) -> None:
    """Let an open issue be asked for at once, and have that done after `pause` by a job.

    A call that is on its way keeps its lease, and is not forgotten; whoever makes it tells the customer. Else they are
    told the end in a message of its own; of what staff give them they hear only when it has come.
    """
    await connection.execute(
        f"""
        UPDATE issues SET next_at = NULL,
            awaited = awaited OR kind <> 'staff' AND (leased_until IS NULL OR leased_until <= $2),
            state = CASE WHEN state = 'pending' AND leased_until IS NULL THEN state ELSE 'unknown' END
        WHERE id = $1 AND {IS_OPEN}
        """,
        issue_id,
        now,
    )
    await queue(connection, issue_id, pause)


async def keep_delivery(connection: asyncpg.Connection, issue_id: int, delivery: bytes) -> None:
    """Keep how a voucher came that was given up before: staff can still hand it over."""
    await connection.execute("UPDATE issues SET delivery = $2 WHERE id = $1 AND delivery IS NULL", issue_id, delivery)


async def awaits(connection: asyncpg.Connection, issue_id: int) -> Issue | None:
    """Note that the customer is told to wait for the end; None when it is there already."""
    return _issue(await _ASKED.awaits(connection, issue_id))


async def forget(connection: asyncpg.Connection, customer_id: int) -> None:
    """Cut a customer's vouchers loose from them; how they were delivered is forgotten."""
    await connection.execute(
        "UPDATE issues SET customer_id = NULL, delivery = NULL WHERE customer_id = $1", customer_id
    )

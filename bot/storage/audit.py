"""The audit trail: rows that are added and never changed, each covering the one before it.

A row's hash is an HMAC over the previous row's hash and every column of its own, so that neither a changed nor a
missing row can be hidden from who knows the key. Nothing of it is ever deleted: see docs/decisions.md.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

FIRST = bytes(32)  # what the first row names as the one before it
BY_PHONE = "by phone"  # the target of looking for a customer by their phone, which is never written
_LOCK = 4_716_533


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody did. line: the command with secrets and codes masked. customer: their reference. store: the name
    of the shop where they were."""

    at: datetime
    staff_id: int | None
    actor: str
    role: str
    channel: str
    action: str
    line: str
    result: str
    customer: str | None = None
    target: str | None = None
    before: str | None = None
    after: str | None = None
    ref: str | None = None
    store: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as it stands in the chain."""

    n: int
    entry: Entry
    previous: bytes
    hash: bytes


_FIELDS = tuple(Entry.__slots__)
_COLUMNS = ", ".join(_FIELDS)
_PLACES = ", ".join(f"${number}" for number in range(1, len(_FIELDS) + 4))


def digest(secret: bytes, n: int, entry: Entry, previous: bytes) -> bytes:
    """The hash of a row."""
    values = [getattr(entry, name) for name in _FIELDS]
    values[0] = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    if values[-1] is None:
        values.pop()  # The rows that were written before there were stores have no such value.
    content = json.dumps([n, previous.hex(), *values], ensure_ascii=True, separators=(",", ":"))
    return hmac.digest(secret, f"audit:{content}".encode(), hashlib.sha256)


async def append(connection: asyncpg.Connection, secret: bytes, entry: Entry) -> Row:
    """Add to the end, in the caller's transaction. Others who append wait until it ends, so append last."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    last = await connection.fetchrow("SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1")
    n, previous = (last["n"] + 1, bytes(last["hash"])) if last else (1, FIRST)
    row = Row(n, entry, previous, digest(secret, n, entry, previous))
    await connection.execute(
        f"INSERT INTO audit (n, {_COLUMNS}, previous, hash) VALUES ({_PLACES})",
        n,
        *(getattr(entry, name) for name in _FIELDS),
        previous,
        row.hash,
    )
    return row


@dataclass(frozen=True, slots=True)
class Sought:
    """Which rows to show."""

    since: datetime | None = None
    actor: str | None = None
    action: str | None = None
    customer: str | None = None


async def page(
    connection: asyncpg.Connection | asyncpg.Pool, sought: Sought, *, limit: int, offset: int
) -> tuple[list[Row], int]:
    """Rows, newest first, and how many there are in all. action: a command or its beginning (`code`)."""
    rows = await connection.fetch(
        f"""
        SELECT n, {_COLUMNS}, previous, hash, count(*) OVER () AS total FROM audit
        WHERE ($1::timestamptz IS NULL OR at >= $1) AND ($2::text IS NULL OR actor = $2)
            AND ($3::text IS NULL OR action = $3 OR starts_with(action, $3 || ' '))
            AND ($4::text IS NULL OR customer = $4)
        ORDER BY n DESC LIMIT $5 OFFSET $6
        """,
        sought.since,
        sought.actor,
        sought.action,
        sought.customer,
        limit,
        offset,
    )
    return [_row(row) for row in rows], rows[0]["total"] if rows else 0


async def times(
    connection: asyncpg.Connection | asyncpg.Pool, staff_id: int, action: str, target: str, since: datetime
) -> int:
    """How often a member did something to a target since then."""
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM audit WHERE at >= $4 AND staff_id = $1 AND action = $2 AND target = $3",
            staff_id,
            action,
            target,
            since,
        )
    )


async def everything(connection: asyncpg.Connection, bite: int = 1000) -> AsyncIterator[Row]:
    """All rows, oldest first, some at a time."""
    last = 0
    while rows := await connection.fetch(
        f"SELECT n, {_COLUMNS}, previous, hash FROM audit WHERE n > $1 ORDER BY n LIMIT $2", last, bite
    ):
        for row in rows:
            yield _row(row)
        last = rows[-1]["n"]


def _row(row: asyncpg.Record) -> Row:
    return Row(row["n"], Entry(**{name: row[name] for name in _FIELDS}), bytes(row["previous"]), bytes(row["hash"]))

"""Commands that wait for a second person, exactly as the first one confirmed them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from bot.storage.customers import reference


@dataclass(frozen=True, slots=True)
class Approval:
    """key: of the first person's confirmation; what is done derives its keys from it. staff_id: who asked."""

    ref: str
    key: str
    command: str
    arguments: dict[str, Any]
    seen: dict[str, Any]
    summary: str
    staff_id: int | None
    requester: str


_COLUMNS = "ref, key, command, arguments, seen, summary, staff_id, requester"


async def add(
    connection: asyncpg.Connection,
    *,
    key: str,
    command: str,
    arguments: Mapping[str, Any],
    seen: Mapping[str, Any],
    summary: str,
    staff_id: int | None,
    requester: str,
    now: datetime,
    expires_at: datetime,
) -> str:
    """Wait for somebody; the reference (A-7F3K9M) they say it by. The same key is the same one."""
    ref: str = await connection.fetchval(
        """
        INSERT INTO approvals (ref, key, command, arguments, seen, summary, staff_id, requester, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING ref
        """,
        reference("A"),
        key,
        command,
        dict(arguments),
        dict(seen),
        summary,
        staff_id,
        requester,
        now,
        expires_at,
    )
    return ref


async def waiting(connection: asyncpg.Connection | asyncpg.Pool, ref: str, now: datetime) -> Approval | None:
    """What waits under this reference, and may still be agreed to."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM approvals WHERE ref = $1 AND approved_at IS NULL AND expires_at > $2", ref, now
    )
    return Approval(**row) if row else None


async def approve(
    connection: asyncpg.Connection, ref: str, *, approver: str, key: str, now: datetime
) -> Approval | None:
    """Agree, once. key: of the second person's confirmation, so that its turn may run again. None: too late."""
    row = await connection.fetchrow(
        f"""
        UPDATE approvals SET approver = $2, approved_key = $3, approved_at = $4
        WHERE ref = $1 AND ((approved_at IS NULL AND expires_at > $4) OR approved_key = $3) RETURNING {_COLUMNS}
        """,
        ref,
        approver,
        key,
        now,
    )
    return Approval(**row) if row else None


async def give_back(connection: asyncpg.Connection, ref: str, *, key: str) -> None:
    """Let it wait again: what was agreed to could not be done. key: of the agreement that was in vain."""
    await connection.execute(
        """
        UPDATE approvals SET approved_at = NULL, approver = NULL, approved_key = NULL
        WHERE ref = $1 AND approved_key = $2
        """,
        ref,
        key,
    )

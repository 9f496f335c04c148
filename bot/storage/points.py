"""Points: an append-only ledger, and each customer's account, which is always its sum."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from bot.errors import UserError
from bot.i18n import N_


@dataclass(frozen=True, slots=True)
class Account:
    """available: can be spent. held: set aside for vouchers whose outcome is open."""

    available: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger: by how much it changed the account, and why."""

    kind: str
    available: int
    held: int
    ref: str | None
    actor: str
    reason: str | None
    at: datetime


async def balance(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> Account:
    """What a customer has; nothing for somebody who never had any."""
    row = await connection.fetchrow("SELECT available, held FROM accounts WHERE customer_id = $1", customer_id)
    return Account(**row) if row else Account()


async def lock(connection: asyncpg.Connection, customer_id: int) -> Account:
    """The account, which nobody else changes until this transaction ends. It is opened if there was none.

    Raises UserError when the customer had their data deleted meanwhile: nobody is left to have an account.
    """
    row = await connection.fetchrow(
        """
        INSERT INTO accounts AS a (customer_id, available, held)
        SELECT id, 0, 0 FROM (SELECT id FROM customers WHERE id = $1 FOR KEY SHARE) customer
        ON CONFLICT (customer_id) DO UPDATE SET held = a.held RETURNING available, held
        """,
        customer_id,
    )
    if row is None:
        raise UserError(N_("That customer had their data deleted."))
    return Account(**row)


async def enter(
    connection: asyncpg.Connection,
    customer_id: int,
    *,
    key: str,
    kind: str,
    available: int,
    held: int = 0,
    ref: str | None = None,
    actor: str = "bot",
    reason: str | None = None,
    store_id: int | None = None,
    now: datetime,
) -> bool:
    """Write one line and change the account by it; False when a line with this key exists already.

    store_id: where a member did it by hand.

    Raises asyncpg.CheckViolationError when the account would fall below nothing: look under `lock` first.
    """
    await lock(connection, customer_id)
    changed = await connection.fetchval(
        """
        WITH entry AS (
            INSERT INTO points (key, customer_id, kind, available, held, ref, actor, reason, at, store_id)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (key) DO NOTHING RETURNING available, held
        )
        UPDATE accounts a SET available = a.available + entry.available, held = a.held + entry.held
        FROM entry WHERE a.customer_id = $2 RETURNING true
        """,
        key,
        customer_id,
        kind,
        available,
        held,
        ref,
        actor,
        reason,
        now,
        store_id,
    )
    return changed is True


async def entered(connection: asyncpg.Connection, key: str) -> bool:
    """Whether there is a line with this key."""
    return await connection.fetchval("SELECT true FROM points WHERE key = $1", key) is True


async def history(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int, limit: int = 100) -> list[Entry]:
    """A customer's ledger, newest first."""
    rows = await connection.fetch(
        """
        SELECT kind, available, held, ref, actor, reason, at FROM points
        WHERE customer_id = $1 ORDER BY id DESC LIMIT $2
        """,
        customer_id,
        limit,
    )
    return [Entry(**row) for row in rows]


async def forget(connection: asyncpg.Connection, customer_id: int) -> None:
    """Close the account and cut its ledger loose from the customer."""
    await connection.execute("DELETE FROM accounts WHERE customer_id = $1", customer_id)
    await connection.execute("UPDATE points SET customer_id = NULL WHERE customer_id = $1", customer_id)

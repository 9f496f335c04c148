"""Customers: who writes to us, in which language, and where their conversation stands."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Self

import asyncpg

from bot.storage.state import OFFERS, State
from bot.storage.symbols import SYMBOLS
from bot.storage.unclear import Unclear
from bot.storage.wallets import Stored


def reference(prefix: str) -> str:
    """A new public reference such as `C-8F3K2M`: six symbols, about a thousand million of them."""
    return f"{prefix}-" + "".join(secrets.choice(SYMBOLS) for _ in range(6))


# Added to the version of a notice that said that short texts are kept.
SAID_KEPT = 100

MENU_UNKNOWN = "?"
"""In place of a menu's id while one is being given: whatever comes of that, the next event gives the right one."""


@dataclass(slots=True)
class Customer:
    """One person on one channel. Handlers change the fields; they are saved with the reply.

    id: None for somebody we keep no row of (a group, a person whose data was just deleted).
    notice: the version of the notice they were shown last, 0 for none; see SAID_KEPT.
    state: where the conversation stands (a pending question, a kept code, counters).
    blocked_until: set by staff; not saved with the reply.
    wallet, unclear: a list of gifts that this turn brought, and a text of it that was not understood, to be kept; not
    what is kept already.
    """

    COLUMNS: ClassVar[str] = """c.id, c.person, c.ref, c.channel, c.locale, c.locale_chosen, c.notice, c.state,
       c.muted_until, c.unsubscribed_at, c.unreachable_at, c.blocked_until, c.first_seen, c.last_seen, c.version"""

    id: int | None
    person: str
    ref: str
    channel: str
    locale: str
    first_seen: datetime
    last_seen: datetime
    locale_chosen: bool = False
    notice: int = 0
    state: State = field(default_factory=State)
    muted_until: datetime | None = None
    unsubscribed_at: datetime | None = None
    unreachable_at: datetime | None = None
    blocked_until: datetime | None = None
    version: int = 0
    wallet: Stored | None = None
    unclear: Unclear | None = None

    @property
    def told_of_keeping(self) -> bool:
        """Whether they were shown that short texts are kept. Nothing is kept of anybody before."""
        return self.notice >= SAID_KEPT

    def forget_offers(self) -> None:
        """Forget what the last answer offered: nobody has seen it."""
        self.state.forget_offers()

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """From a row with COLUMNS in it."""
        return cls(
            id=row["id"],
            person=row["person"],
            ref=row["ref"],
            channel=row["channel"],
            locale=row["locale"],
            locale_chosen=row["locale_chosen"],
            notice=row["notice"],
            state=State(row["state"]),
            muted_until=row["muted_until"],
            unsubscribed_at=row["unsubscribed_at"],
            unreachable_at=row["unreachable_at"],
            blocked_until=row["blocked_until"],
            first_seen=row["first_seen"],
            last_seen=row["last_seen"],
            version=row["version"],
        )


async def add(pool: asyncpg.Pool, person: str, channel: str, locale: str, *, blocked: bytes, now: datetime) -> Customer:
    """The customer `person`, created now unless another event of theirs did so already.

    blocked: what their block is kept by, if there is one: the new row of somebody whose old one was deleted has it
    from its beginning. now: of the clock that says later how long they have been known.
    """
    for _ in range(5):
        try:
            row = await pool.fetchrow(
                f"""
                INSERT INTO customers AS c (person, ref, channel, locale, blocked_until, first_seen, last_seen)
                VALUES ($1, $2, $3, $4, (SELECT until FROM blocks WHERE person_hash = $5 AND until > $6), $6, $6)
                ON CONFLICT (person) DO UPDATE SET person = excluded.person
                RETURNING {Customer.COLUMNS}
                """,
                person,
                reference("C"),
                channel,
                locale,
                blocked,
                now,
            )
            return Customer.of(row)
        except asyncpg.UniqueViolationError:
            continue  # The reference is taken; the next one will not be.
    raise RuntimeError("five taken references in a row")


async def by_id(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> Customer | None:
    """The customer of this id; None when they had their data deleted."""
    row = await connection.fetchrow(f"SELECT {Customer.COLUMNS} FROM customers c WHERE id = $1", customer_id)
    return Customer.of(row) if row else None


async def by_ref(connection: asyncpg.Connection | asyncpg.Pool, ref: str) -> Customer | None:
    """The customer whom staff know as `ref` (C-8F3K2M)."""
    row = await connection.fetchrow(f"SELECT {Customer.COLUMNS} FROM customers c WHERE ref = $1", ref)
    return Customer.of(row) if row else None


async def by_person(connection: asyncpg.Connection | asyncpg.Pool, person: str) -> Customer | None:
    """The customer of this chat."""
    row = await connection.fetchrow(f"SELECT {Customer.COLUMNS} FROM customers c WHERE person = $1", person)
    return Customer.of(row) if row else None


async def stay(connection: asyncpg.Connection, customer_id: int) -> bool:
    """Whether a customer is there; if so, their data is not deleted before this transaction ends."""
    return (await connection.fetchval("SELECT true FROM customers WHERE id = $1 FOR KEY SHARE", customer_id)) is True


async def note_menu(pool: asyncpg.Pool, customer_id: int, menu: str) -> None:
    """Remember which menu they were given; `""` is the one that everybody has, MENU_UNKNOWN one that is being given.

    The version stays as it is: an event in hand at this moment may write over this, and the next gives it again.
    """
    await pool.execute(
        """
        UPDATE customers
        SET state = CASE WHEN $2 = '' THEN state - 'menu' ELSE jsonb_set(state, '{menu}', to_jsonb($2::text)) END
        WHERE id = $1
        """,
        customer_id,
        menu,
    )


async def close_wait(connection: asyncpg.Connection, customer_id: int, by: str, now: datetime) -> bool:
    """Somebody of the staff has helped: the customer waits no more, and the bot answers again. Whether this was new.

    Another version: an event of theirs in hand would write over it, and runs again instead.
    """
    done = {"done_by": by, "done_at": now.timestamp()}
    return (
        await connection.fetchval(
            """
            UPDATE customers
            SET muted_until = NULL, version = version + 1,
                state = jsonb_set(state, '{waits}', (state -> 'waits') || $2::jsonb)
            WHERE id = $1 AND state ? 'waits' AND NOT state -> 'waits' ? 'done_by' RETURNING true
            """,
            customer_id,
            done,
        )
        is True
    )


async def by_user_id(connection: asyncpg.Connection | asyncpg.Pool, user_id: str) -> Customer | None:
    """The customer with this id of a platform's. Reads the whole table: rare, and for owners only."""
    row = await connection.fetchrow(
        f"SELECT {Customer.COLUMNS} FROM customers c WHERE split_part(person, ':', 3) = $1 LIMIT 1", user_id
    )
    return Customer.of(row) if row else None


async def forget_offers(pool: asyncpg.Pool, person: str) -> None:
    """Forget what an answer offered that was not delivered. Its chat has no other event in hand meanwhile."""
    await pool.execute("UPDATE customers SET state = state - $2::text[] WHERE person = $1", person, list(OFFERS))


async def mark_unreachable(pool: asyncpg.Pool, person: str) -> None:
    """They blocked us or are gone; writing again clears it."""
    await pool.execute("UPDATE customers SET unreachable_at = now() WHERE person = $1", person)


async def delete(connection: asyncpg.Connection, customer: Customer) -> None:
    """Remove everything that identifies the customer; claims keep their keyed hash."""
    await connection.execute("DELETE FROM wallets WHERE customer_id = $1", customer.id)
    await connection.execute("DELETE FROM customers WHERE id = $1", customer.id)
    await connection.execute(
        """
        UPDATE events SET payload = NULL, reply = NULL, held_at = NULL, state = 'done', outcome = 'deleted'
        WHERE chat = $1 AND (state = 'parked' OR held_at IS NOT NULL)
        """,
        customer.person,
    )
    await connection.execute(
        "DELETE FROM pushes WHERE channel = $1 AND recipient = split_part($2, ':', 3)",
        customer.channel,
        customer.person,
    )

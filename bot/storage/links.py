"""Linked phones and the one-time codes that link them. Phones are found by keyed hash and kept sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg


@dataclass(frozen=True, slots=True)
class Stored:
    """A link as it is kept. assurance: `staff_code` (proven at the counter) or `platform` (told by Messenger)."""

    customer_id: int
    phone: bytes
    assurance: str
    linked_at: datetime
    used_at: datetime


@dataclass(frozen=True, slots=True)
class Used:
    """What a code that was just used up was for, and who had issued it."""

    id: int
    issued_by: str
    phone_hash: bytes
    phone: bytes


_COLUMNS = "customer_id, phone, assurance, linked_at, used_at"


async def of_customer(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> Stored | None:
    """A customer's link."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM links WHERE customer_id = $1", customer_id)
    return Stored(**row) if row else None


async def put(
    connection: asyncpg.Connection,
    customer_id: int,
    *,
    channel: str,
    phone_hash: bytes,
    phone: bytes,
    assurance: str,
    now: datetime,
    lapsed_before: datetime,
) -> int | None:
    """Link a phone to a customer, instead of any phone they had and of anybody who had it on this channel.

    A phone that this customer has proven at the counter stays proven, unless its link was not used since
    `lapsed_before`. Returns the customer who had the phone, None when it was nobody else.
    """
    # Two who link the same phone at once wait for each other here, so that the later one replaces the earlier.
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 2))", f"{channel}:{phone_hash.hex()}")
    former: int | None = await connection.fetchval(
        "DELETE FROM links WHERE channel = $1 AND phone_hash = $2 AND customer_id <> $3 RETURNING customer_id",
        channel,
        phone_hash,
        customer_id,
    )
    await connection.execute(
        """
        INSERT INTO links (customer_id, channel, phone_hash, phone, assurance, linked_at, used_at)
        VALUES ($1, $2, $3, $4, $5, $6, $6)
        ON CONFLICT (customer_id) DO UPDATE SET phone_hash = excluded.phone_hash, phone = excluded.phone,
            linked_at = excluded.linked_at, used_at = excluded.used_at,
            assurance = CASE WHEN links.phone_hash = excluded.phone_hash AND links.used_at >= $7
                AND links.assurance = 'staff_code' THEN links.assurance ELSE excluded.assurance END
        """,
        customer_id,
        channel,
        phone_hash,
        phone,
        assurance,
        now,
        lapsed_before,
    )
    return former


async def same_phone(connection: asyncpg.Connection | asyncpg.Pool, one: int, other: int) -> bool:
    """Whether two customers have linked the same phone: they are one person on two channels."""
    return (
        await connection.fetchval(
            """
            SELECT true FROM links a JOIN links b ON a.phone_hash = b.phone_hash
            WHERE a.customer_id = $1 AND b.customer_id = $2
            """,
            one,
            other,
        )
        is True
    )


async def phone_of(connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> bytes | None:
    """The keyed hash of a customer's linked phone."""
    phone_hash: bytes | None = await connection.fetchval(
        "SELECT phone_hash FROM links WHERE customer_id = $1", customer_id
    )
    return phone_hash


async def proven(connection: asyncpg.Connection | asyncpg.Pool, phone_hash: bytes, used_since: datetime) -> list[int]:
    """Who has proven a phone at the counter, on whichever channel, and used the link since then; the latest first."""
    rows = await connection.fetch(
        """
        SELECT customer_id FROM links WHERE phone_hash = $1 AND assurance = 'staff_code' AND used_at >= $2
        ORDER BY used_at DESC
        """,
        phone_hash,
        used_since,
    )
    return [row["customer_id"] for row in rows]


async def proven_elsewhere(
    connection: asyncpg.Connection | asyncpg.Pool, customer_id: int, used_since: datetime
) -> list[tuple[str, str]]:
    """The same person's chats on other channels, as (channel, user id): both sides have proven one phone at the
    counter, and used the link since then."""
    rows = await connection.fetch(
        """
        SELECT c.channel, split_part(c.person, ':', 3) AS user_id
        FROM links mine JOIN links other ON other.phone_hash = mine.phone_hash AND other.channel <> mine.channel
            JOIN customers c ON c.id = other.customer_id
        WHERE mine.customer_id = $1 AND mine.assurance = 'staff_code' AND mine.used_at >= $2
            AND other.assurance = 'staff_code' AND other.used_at >= $2
        ORDER BY c.channel
        """,
        customer_id,
        used_since,
    )
    return [(row["channel"], row["user_id"]) for row in rows]


async def used(connection: asyncpg.Connection, customer_id: int, now: datetime) -> None:
    """A link was used just now: it lapses a year later."""
    await connection.execute("UPDATE links SET used_at = $2 WHERE customer_id = $1", customer_id, now)


async def remove(connection: asyncpg.Connection, customer_id: int) -> bool:
    """Unlink; whether there was a link."""
    return await connection.fetchval("DELETE FROM links WHERE customer_id = $1 RETURNING true", customer_id) is True


async def issued_since(connection: asyncpg.Connection, issued_by: str, since: datetime) -> int:
    """How many codes somebody of the staff has issued since then."""
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM link_codes WHERE issued_by = $1 AND created_at >= $2", issued_by, since
        )
    )


async def add_code(
    connection: asyncpg.Connection,
    *,
    code_hash: bytes,
    phone_hash: bytes,
    phone: bytes,
    issued_by: str,
    now: datetime,
    expires_at: datetime,
    store_id: int | None = None,
) -> None:
    """A new code for a phone; an older one that still lived is replaced by it. store_id: where it was made."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 3))", phone_hash.hex())
    await cancel_code(connection, phone_hash, now)
    await connection.execute(
        """
        INSERT INTO link_codes (code_hash, phone_hash, phone, issued_by, created_at, expires_at, store_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        code_hash,
        phone_hash,
        phone,
        issued_by,
        now,
        expires_at,
        store_id,
    )


async def cancel_code(connection: asyncpg.Connection, phone_hash: bytes, now: datetime) -> bool:
    """End a phone's live code; whether there was one that had not expired."""
    return (
        await connection.fetchval(
            """
            UPDATE link_codes SET ended_at = $2, phone = '' WHERE phone_hash = $1 AND ended_at IS NULL
            RETURNING expires_at > $2::timestamptz
            """,
            phone_hash,
            now,
        )
        is True
    )


async def cancel_codes_of(connection: asyncpg.Connection, issued_by: str, now: datetime) -> None:
    """End every live code that somebody of the staff has issued."""
    await connection.execute(
        "UPDATE link_codes SET ended_at = $2, phone = '' WHERE issued_by = $1 AND ended_at IS NULL", issued_by, now
    )


async def is_live(connection: asyncpg.Connection | asyncpg.Pool, code_hash: bytes, now: datetime) -> bool:
    """Whether a code waits to be used."""
    return (
        await connection.fetchval(
            "SELECT true FROM link_codes WHERE code_hash = $1 AND ended_at IS NULL AND expires_at > $2", code_hash, now
        )
        is True
    )


async def use_code(
    connection: asyncpg.Connection, code_hash: bytes, customer_id: int, now: datetime, *, not_of: str = ""
) -> Used | None:
    """Use a code up; None when it is unknown, used, cancelled or too old. Who used it is kept, the phone is not.

    not_of: whose codes are not for this customer.
    """
    row = await connection.fetchrow(
        """
        WITH live AS (
            SELECT id, issued_by, phone_hash, phone FROM link_codes
            WHERE code_hash = $1 AND ended_at IS NULL AND expires_at > $3 AND issued_by <> $4 FOR UPDATE
        )
        UPDATE link_codes c SET ended_at = $3, used_by = $2, phone = '' FROM live WHERE c.id = live.id
        RETURNING live.id, live.issued_by, live.phone_hash, live.phone
        """,
        code_hash,
        customer_id,
        now,
        not_of,
    )
    return Used(**row) if row else None


async def forget(connection: asyncpg.Connection, customer_id: int) -> None:
    """Remove a customer's phone, and any trace of it from the codes they used."""
    await remove(connection, customer_id)
    await connection.execute("UPDATE link_codes SET used_by = NULL, phone_hash = '' WHERE used_by = $1", customer_id)

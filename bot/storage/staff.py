"""Staff: who they are (a platform's own id), what they may do, and the invitations that make them staff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg


@dataclass(frozen=True, slots=True)
class StaffRow:
    """As much of a member's row as it takes to judge what they may; it comes with every event.

    origin: settings, bootstrap or invitation.
    """

    id: int
    name: str
    role: str
    origin: str
    last_used: datetime


@dataclass(frozen=True, slots=True)
class Member(StaffRow):
    """One member of staff as the table has them."""

    channel: str
    user_id: str
    person: str
    invited_by: str | None
    since: datetime


COLUMNS = "id, channel, user_id, person, name, role, origin, invited_by, since, last_used"


def _member(row: asyncpg.Record | None) -> Member | None:
    return Member(**row) if row else None


async def find(connection: asyncpg.Connection | asyncpg.Pool, channel: str, user_id: str) -> Member | None:
    """The member with this id on this channel."""
    row = await connection.fetchrow(
        f"SELECT {COLUMNS} FROM staff WHERE channel = $1 AND user_id = $2", channel, user_id
    )
    return _member(row)


async def by_person(connection: asyncpg.Connection | asyncpg.Pool, person: str) -> Member | None:
    """The member whose chat this is."""
    return _member(await connection.fetchrow(f"SELECT {COLUMNS} FROM staff WHERE person = $1", person))


async def by_name(connection: asyncpg.Connection | asyncpg.Pool, name: str) -> Member | None:
    """The member of this name."""
    return _member(await connection.fetchrow(f"SELECT {COLUMNS} FROM staff WHERE name = $1", name))


async def everybody(connection: asyncpg.Connection | asyncpg.Pool) -> list[Member]:
    """All members, the oldest first."""
    return [Member(**row) for row in await connection.fetch(f"SELECT {COLUMNS} FROM staff ORDER BY id")]


async def add(
    connection: asyncpg.Connection,
    *,
    channel: str,
    user_id: str,
    person: str,
    name: str,
    role: str,
    origin: str,
    invited_by: str | None,
    now: datetime,
) -> Member | None:
    """Make somebody staff; None when they are already, or when the name is somebody else's."""
    row = await connection.fetchrow(
        f"""
        INSERT INTO staff (channel, user_id, person, name, role, origin, invited_by, since, last_used)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT DO NOTHING RETURNING {COLUMNS}
        """,
        channel,
        user_id,
        person,
        name,
        role,
        origin,
        invited_by,
        now,
    )
    return _member(row)


async def lock(connection: asyncpg.Connection) -> None:
    """One change of people's rights at a time, until this transaction ends: two owners cannot remove each other."""
    await connection.execute("LOCK TABLE staff IN SHARE ROW EXCLUSIVE MODE")


async def set_role(connection: asyncpg.Connection, member_id: int, role: str, now: datetime) -> None:
    """Give a member another role; it also wakes one who was suspended for silence."""
    await connection.execute("UPDATE staff SET role = $2, last_used = $3 WHERE id = $1", member_id, role, now)


async def remove(connection: asyncpg.Connection, member_id: int) -> None:
    """They are no staff any more, and work in no store."""
    await connection.execute("DELETE FROM staff WHERE id = $1", member_id)
    await connection.execute("DELETE FROM store_members WHERE staff_id = $1", member_id)


async def used(connection: asyncpg.Connection, member_id: int, person: str, now: datetime) -> None:
    """They have just used a command, in this chat."""
    await connection.execute("UPDATE staff SET last_used = $2, person = $3 WHERE id = $1", member_id, now, person)


async def invite(
    connection: asyncpg.Connection,
    *,
    code_hash: bytes,
    role: str,
    inviter_id: int | None,
    inviter: str,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Store an invitation."""
    await connection.execute(
        """
        INSERT INTO invitations (code_hash, role, inviter_id, inviter, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        code_hash,
        role,
        inviter_id,
        inviter,
        now,
        expires_at,
    )


@dataclass(frozen=True, slots=True)
class Invitation:
    """A used invitation. inviter_id: None for the operator's own."""

    role: str
    inviter_id: int | None
    inviter: str


async def use_invitation(connection: asyncpg.Connection, code_hash: bytes, now: datetime) -> Invitation | None:
    """Use an invitation up; None when it is unknown, used or too old."""
    row = await connection.fetchrow(
        """
        UPDATE invitations SET used_at = $2 WHERE code_hash = $1 AND used_at IS NULL AND expires_at > $2
        RETURNING role, inviter_id, inviter
        """,
        code_hash,
        now,
    )
    return Invitation(**row) if row else None


async def withdraw_invitations(connection: asyncpg.Connection, inviter_id: int, now: datetime) -> None:
    """What somebody who is no owner any more has handed out is worth nothing."""
    await connection.execute(
        "UPDATE invitations SET used_at = $2 WHERE inviter_id = $1 AND used_at IS NULL", inviter_id, now
    )


async def by_id(connection: asyncpg.Connection | asyncpg.Pool, member_id: int) -> Member | None:
    """The member with this number of ours."""
    return _member(await connection.fetchrow(f"SELECT {COLUMNS} FROM staff WHERE id = $1", member_id))


async def accounts(connection: asyncpg.Connection | asyncpg.Pool, since: datetime) -> dict[str, str]:
    """The channels of members who have used a command since then, and which of our accounts they write to there; the
    channel of most who serve customers first."""
    rows = await connection.fetch(
        """
        SELECT channel, split_part(max(person), ':', 2) AS account FROM staff WHERE last_used > $1 GROUP BY channel
        ORDER BY count(*) FILTER (WHERE role IN ('counter', 'staff')) DESC, count(*) DESC, channel
        """,
        since,
    )
    return {row["channel"]: row["account"] for row in rows}


@dataclass(frozen=True, slots=True)
class Reachable:
    """Whom alerts may go to. locale: their own language, None when their customer row is gone."""

    member: Member
    locale: str | None


async def reachable(connection: asyncpg.Connection | asyncpg.Pool, since: datetime) -> list[Reachable]:
    """Owners and managers, and whoever else has a row because of ADMINS, with the language they read."""
    columns = ", ".join(f"s.{name.strip()}" for name in COLUMNS.split(","))
    rows = await connection.fetch(
        f"""
        SELECT {columns}, c.locale FROM staff s LEFT JOIN customers c ON c.person = s.person
        WHERE s.origin = 'settings' OR (s.role IN ('owner', 'manager') AND s.last_used > $1) ORDER BY s.id
        """,
        since,
    )
    return [
        Reachable(Member(**{name: value for name, value in row.items() if name != "locale"}), row["locale"])
        for row in rows
    ]

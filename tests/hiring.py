"""Members of staff for tests, without an invitation."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from bot.storage import staff

PERSON = "SELECT person FROM customers WHERE split_part(person, ':', 3) = $1"


async def make_member(pool: asyncpg.Pool, channel: str, user: str, name: str, role: str, now: datetime) -> None:
    """Make somebody who has written before a member."""
    async with pool.acquire() as connection:
        await staff.add(
            connection,
            channel=channel,
            user_id=user,
            person=await connection.fetchval(PERSON, user),
            name=name,
            role=role,
            origin="invitation",
            invited_by="test",
            now=now,
        )

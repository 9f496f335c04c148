"""What a vendor is asked for by a row of its own: issues and redemptions.

Such a row is committed before the first call, is taken under a lease for one try at a time, and stays open until its
end is known: `pending` → `done` or `failed`, or → `unknown` → … → `check`, where staff decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from bot.storage import queue
from bot.storage.pool import affected
from bot.storage.queue import Kind

OPEN = ("pending", "unknown", "check")
IS_OPEN = f"state IN {OPEN}"  # the condition of the partial indexes
UNDER_WAY = ("pending", "unknown")


@dataclass(frozen=True, slots=True)
class Asked:
    """One table of such rows. kind: of the jobs that ask. columns: SQL, what is read of a row.

    told: SQL, the condition of those whose customer is told the end even if nobody answers them about it any more.
    """

    kind: Kind
    columns: str
    told: str = "true"

    async def newest(
        self, connection: asyncpg.Connection | asyncpg.Pool, *, only_open: bool, limit: int, offset: int
    ) -> list[asyncpg.Record]:
        """Everybody's rows, newest first."""
        which = f"WHERE {IS_OPEN}" if only_open else ""
        rows: list[asyncpg.Record] = await connection.fetch(
            f"SELECT {self.columns} FROM {self.kind.table} {which} ORDER BY id DESC LIMIT $1 OFFSET $2", limit, offset
        )
        return rows

    async def lease(
        self,
        connection: asyncpg.Connection | asyncpg.Pool,
        row_id: int,
        now: datetime,
        until: datetime,
        *,
        but_awaited: bool,
    ) -> asyncpg.Record | None:
        """Take an open row for one try, counted; None when it is settled, not due yet, or somebody is at it.

        but_awaited: not when the customer was told to wait for its end.
        A lease that ran out was somebody's who died in mid-call: what became of that call is unknown from now on.
        """
        return await connection.fetchrow(
            f"""
            UPDATE {self.kind.table} SET attempts = attempts + 1, leased_until = $3,
                state = CASE WHEN leased_until IS NULL THEN state ELSE 'unknown' END
            WHERE id = $1 AND state IN {UNDER_WAY} AND NOT (awaited AND $4)
                AND (leased_until IS NULL OR leased_until <= $2)
                AND (next_at IS NULL OR next_at <= $2)
            RETURNING {self.columns}
            """,
            row_id,
            now,
            until,
            but_awaited,
        )

    async def awaits(self, connection: asyncpg.Connection, row_id: int) -> asyncpg.Record | None:
        """Note that the customer is told to wait for the end; None when it is there already."""
        return await connection.fetchrow(
            f"UPDATE {self.kind.table} SET awaited = true WHERE id = $1 AND {IS_OPEN} RETURNING {self.columns}", row_id
        )

    async def queue(self, connection: asyncpg.Connection | asyncpg.Pool, row_id: int, pause: timedelta) -> None:
        """Have a row looked at again after `pause`."""
        await queue.add(connection, self.kind, row_id, pause)

    async def requeue_orphans(self, pool: asyncpg.Pool) -> int:
        """Give open rows that have no job (any more) a new one; returns how many. Those with staff need none.

        Nobody answers the customer any more (their event is held, say), so they are told the end by itself.
        """
        status: str = await pool.execute(
            f"""
            WITH orphans AS (
                UPDATE {self.kind.table} r SET awaited = awaited OR {self.told}
                WHERE (leased_until IS NULL OR leased_until <= now()) AND {self.kind.orphaned("r")}
                RETURNING id
            )
            {self.kind.insert("FROM orphans ORDER BY id")}
            """
        )
        return affected(status)

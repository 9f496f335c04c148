"""Codes made in bulk: a job, its codes, all of them written down before the first is asked for, and links to them.

A code's row: `pending` → `unknown` → `done` or `failed`. When they are to be deleted: `done` or `unknown` → `deleted`
or `kept`. A job: `running` → `done`, or → `stopping` → `stopped`. Leases and pauses go by the database's clock, which
is the same for every worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import asyncpg

from bot.storage.export_files import Made
from bot.storage.pool import affected
from bot.storage.queue import BULK
from bot.storage.queue import add as add_job


class JobState(StrEnum):
    """How far a job is, whether it makes codes or deletes them."""

    RUNNING = "running"  # It is under way, or waits for the vendor.
    STOPPING = "stopping"  # Somebody wants it to end; the codes that are being asked for are finished first.
    STOPPED = "stopped"  # It ended early: somebody wanted that, or the vendor refused. It can be resumed.
    DONE = "done"  # Nothing is left to be made, or to be deleted.


class CodeState(StrEnum):
    """How far one code of a job is. The fields of `Counts` have the same names."""

    PENDING = "pending"  # Written down, and never asked for.
    UNKNOWN = "unknown"  # From just before its call until its outcome is written: it is looked up before the next call.
    DONE = "done"  # It exists.
    FAILED = "failed"  # It cannot be made; resuming the job tries it again.
    DELETED = "deleted"  # It was deleted again, since the job was a mistake.
    KEPT = "kept"  # It was to be deleted and stays: somebody used or changed it.


@dataclass(frozen=True, slots=True)
class Job:
    """One wish for many codes. staff_id, starter: who wished it (None: the operator). runs: how often it was started.

    troubles: calls in a row that came to nothing. reason: why it waits or stopped, safe to show to staff.
    next_at: until when it waits. deleter: who wants its codes deleted again, None while nobody does.
    """

    id: int
    state: JobState
    group_id: int
    group_name: str
    rewards: list[int]
    prefix: str
    length: int
    total: int
    staff_id: int | None
    starter: str
    runs: int
    troubles: int
    reason: str | None
    next_at: datetime | None
    created_at: datetime
    deleter_id: int | None
    deleter: str | None

    @property
    def deleting(self) -> bool:
        """Whether its codes are to be deleted, or were."""
        return self.deleter is not None

    def left(self, counts: Counts) -> int:
        """How many codes still have to be made, or to be deleted."""
        return counts.deletable if self.deleting else counts.open

    def resumable(self, counts: Counts) -> bool:
        """Whether another run may do something: what could not be made is tried again."""
        return self.left(counts) > 0 or (counts.failed > 0 and not self.deleting)

    @property
    def ref(self) -> str:
        """What people call it: `J-12`."""
        return f"J-{self.id}"

    @property
    def under_way(self) -> bool:
        """Whether it is not over."""
        return self.state in (JobState.RUNNING, JobState.STOPPING)


@dataclass(frozen=True, slots=True)
class Code:
    """One code of a job that is about to be asked for. asked: that was done before, with an end that is unknown."""

    id: int
    code: str
    asked: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many codes of a job are how far."""

    pending: int = 0
    unknown: int = 0
    done: int = 0
    failed: int = 0
    deleted: int = 0
    kept: int = 0

    @property
    def deletable(self) -> int:
        """Those that exist, or may, and whose use nobody has looked at."""
        return self.done + self.unknown

    @property
    def exist(self) -> int:
        """Those that exist at Poshen."""
        return self.done + self.kept

    @property
    def open(self) -> int:
        """Those that still have to be asked for or looked up."""
        return self.pending + self.unknown

    @property
    def tried(self) -> int:
        """Those that were asked for at least once."""
        return self.unknown + self.done + self.failed + self.deleted + self.kept


_COLUMNS = """id, state, group_id, group_name, rewards, prefix, length, total, staff_id, starter, runs, troubles,
    reason, next_at, created_at, deleter_id, deleter"""


def _read(row: asyncpg.Record) -> Job:
    return Job(**dict(row) | {"state": JobState(row["state"])})


def _job(row: asyncpg.Record | None) -> Job | None:
    return _read(row) if row else None


# ── jobs ─────────────────────────────────────────────────────────────────────────────────────────


async def add(
    connection: asyncpg.Connection,
    *,
    key: str,
    group_id: int,
    group_name: str,
    rewards: Sequence[int],
    prefix: str,
    length: int,
    total: int,
    staff_id: int | None,
    starter: str,
    now: datetime,
) -> Job | None:
    """Begin a job; None while another one is under way (or when one with this key exists)."""
    return _job(
        await connection.fetchrow(
            f"""
            INSERT INTO bulk_jobs (key, state, slot, group_id, group_name, rewards, prefix, length, total, staff_id,
                starter, created_at)
            VALUES ($1, 'running', 1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
            """,
            key,
            group_id,
            group_name,
            list(rewards),
            prefix,
            length,
            total,
            staff_id,
            starter,
            now,
        )
    )


async def by_key(connection: asyncpg.Connection, key: str) -> Job | None:
    """The job that was begun with this key."""
    return _job(await connection.fetchrow(f"SELECT {_COLUMNS} FROM bulk_jobs WHERE key = $1", key))


async def read(connection: asyncpg.Connection | asyncpg.Pool, job_id: int) -> Job | None:
    """A job by its id."""
    return _job(await connection.fetchrow(f"SELECT {_COLUMNS} FROM bulk_jobs WHERE id = $1", job_id))


async def under_way(connection: asyncpg.Connection | asyncpg.Pool) -> Job | None:
    """The one job that is not over."""
    return _job(await connection.fetchrow(f"SELECT {_COLUMNS} FROM bulk_jobs WHERE slot = 1"))


async def newest(connection: asyncpg.Connection | asyncpg.Pool, limit: int) -> list[Job]:
    """The last jobs, newest first."""
    rows = await connection.fetch(f"SELECT {_COLUMNS} FROM bulk_jobs ORDER BY id DESC LIMIT $1", limit)
    return [_read(row) for row in rows]


async def counts(connection: asyncpg.Connection | asyncpg.Pool, job_id: int) -> Counts:
    """How far a job is."""
    rows = await connection.fetch(
        "SELECT state, count(*) AS n FROM bulk_codes WHERE job_id = $1 GROUP BY state", job_id
    )
    return Counts(**{row["state"]: row["n"] for row in rows})


async def stop(connection: asyncpg.Connection, job_id: int) -> Job | None:
    """Let a job end after the codes that are just being asked for; None when it is over already."""
    return _job(
        await connection.fetchrow(
            f"UPDATE bulk_jobs SET state = 'stopping' WHERE id = $1 AND slot = 1 RETURNING {_COLUMNS}", job_id
        )
    )


async def resume(connection: asyncpg.Connection, job_id: int) -> Job | None:
    """Go on with what is left, now; None while another job is under way.

    A code that failed is looked up and asked for again like one whose outcome is unknown.
    """
    try:
        async with connection.transaction():
            row = await connection.fetchrow(
                f"""
                UPDATE bulk_jobs SET state = 'running', slot = 1, troubles = 0, reason = NULL, next_at = NULL,
                    ended_at = NULL, runs = runs + CASE WHEN slot IS NULL THEN 1 ELSE 0 END
                WHERE id = $1 RETURNING {_COLUMNS}
                """,
                job_id,
            )
    except asyncpg.UniqueViolationError:
        return None
    job = _job(row)
    if job is not None and not job.deleting:
        await connection.execute(
            "UPDATE bulk_codes SET state = 'unknown', reason = NULL WHERE job_id = $1 AND state = 'failed'", job_id
        )
    return job


async def delete(connection: asyncpg.Connection, job_id: int, deleter_id: int | None, deleter: str) -> Job | None:
    """From now on its codes are deleted instead of made; None while a job is under way, be it this one."""
    try:
        async with connection.transaction():
            row = await connection.fetchrow(
                f"""
                UPDATE bulk_jobs SET state = 'running', slot = 1, troubles = 0, reason = NULL, next_at = NULL,
                    ended_at = NULL, runs = runs + 1, deleter_id = $2, deleter = $3
                WHERE id = $1 AND slot IS NULL RETURNING {_COLUMNS}
                """,
                job_id,
                deleter_id,
                deleter,
            )
    except asyncpg.UniqueViolationError:
        return None
    return _job(row)


async def claimed(connection: asyncpg.Connection | asyncpg.Pool, job_id: int) -> int:
    """How many codes of a job customers have claimed here."""
    return int(
        await connection.fetchval(
            """
            SELECT count(*) FROM bulk_codes c
            WHERE job_id = $1 AND state = 'done' AND EXISTS (SELECT FROM claims WHERE code_id = c.poshen_id)
            """,
            job_id,
        )
    )


async def end(connection: asyncpg.Connection, job_id: int, state: JobState, reason: str | None, now: datetime) -> None:
    """Bring a job to its end, `done` or `stopped`."""
    await connection.execute(
        """
        UPDATE bulk_jobs SET state = $2, reason = $3, ended_at = $4, slot = NULL, next_at = NULL, leased_by = NULL,
            leased_until = NULL
        WHERE id = $1
        """,
        job_id,
        state,
        reason,
        now,
    )


async def queue(connection: asyncpg.Connection | asyncpg.Pool, job_id: int, pause: timedelta = timedelta(0)) -> None:
    """Have a job worked at after `pause`."""
    await add_job(connection, BULK, job_id, pause)


async def requeue_orphans(pool: asyncpg.Pool) -> int:
    """Give a job under way that nothing works at (any more) a new entry in the queue; returns how many."""
    status: str = await pool.execute(BULK.insert(f"FROM bulk_jobs b WHERE {BULK.orphaned('b')}"))
    return affected(status)


# ── working at a job ─────────────────────────────────────────────────────────────────────────────


async def lease(connection: asyncpg.Connection | asyncpg.Pool, job_id: int, by: str, lasting: timedelta) -> Job | None:
    """Take a job for a while; None when it is over, waits, or somebody is at it. A wish to stop ends every wait."""
    return _job(
        await connection.fetchrow(
            f"""
            UPDATE bulk_jobs SET leased_by = $2, leased_until = now() + $3::interval
            WHERE id = $1 AND slot = 1 AND (leased_until IS NULL OR leased_until <= now())
                AND (next_at IS NULL OR next_at <= now() OR state = 'stopping')
            RETURNING {_COLUMNS}
            """,
            job_id,
            by,
            lasting,
        )
    )


async def renew(connection: asyncpg.Connection | asyncpg.Pool, job_id: int, by: str, lasting: timedelta) -> bool:
    """Keep a job that is still one's own."""
    return (
        await connection.fetchval(
            """
            UPDATE bulk_jobs SET leased_until = now() + $3::interval WHERE id = $1 AND leased_by = $2 RETURNING true
            """,
            job_id,
            by,
            lasting,
        )
        is True
    )


async def give_back(
    connection: asyncpg.Connection, job_id: int, *, troubles: int, reason: str | None, pause: timedelta
) -> None:
    """Let a job be taken again after `pause`."""
    await connection.execute(
        """
        UPDATE bulk_jobs SET leased_by = NULL, leased_until = NULL, troubles = $2, reason = $3,
            next_at = CASE WHEN $4::interval > interval '0' THEN now() + $4::interval END
        WHERE id = $1
        """,
        job_id,
        troubles,
        reason,
        pause,
    )


async def lock(connection: asyncpg.Connection, job_id: int, by: str) -> Job | None:
    """A job that is still one's own, and which nobody changes until this transaction ends."""
    return _job(
        await connection.fetchrow(
            f"SELECT {_COLUMNS} FROM bulk_jobs WHERE id = $1 AND leased_by = $2 FOR UPDATE", job_id, by
        )
    )


async def free_in(connection: asyncpg.Connection | asyncpg.Pool, job_id: int) -> timedelta | None:
    """How long until a job may be taken; None when it is over."""
    wait: timedelta | None = await connection.fetchval(
        """
        SELECT greatest(coalesce(leased_until, now()), coalesce(next_at, now())) - now()
        FROM bulk_jobs WHERE id = $1 AND slot = 1
        """,
        job_id,
    )
    return wait


# ── codes ────────────────────────────────────────────────────────────────────────────────────────


async def add_codes(connection: asyncpg.Connection, job_id: int, codes: Sequence[str]) -> int:
    """Write codes down; returns how many of them are new."""
    status: str = await connection.execute(
        "INSERT INTO bulk_codes (job_id, code) SELECT $1, unnest($2::text[]) ON CONFLICT (code) DO NOTHING",
        job_id,
        list(codes),
    )
    return affected(status)


async def next_code(pool: asyncpg.Pool, job_id: int, by: str, in_hand: Sequence[int]) -> Code | None:
    """The next code to ask for, marked as `unknown` from now on; those never asked for come first.

    in_hand: rows that are being asked for just now. None: nothing is left, or the job is to be stopped, or it is
    no longer one's own.
    """
    row = await pool.fetchrow(
        """
        WITH next AS (
            SELECT c.id, c.attempts FROM bulk_codes c JOIN bulk_jobs b ON b.id = c.job_id
            WHERE c.job_id = $1 AND c.state IN ('pending', 'unknown') AND c.id <> ALL($3::bigint[])
                AND b.leased_by = $2 AND b.state = 'running'
            ORDER BY c.attempts, c.id LIMIT 1 FOR UPDATE OF c SKIP LOCKED
        )
        UPDATE bulk_codes c SET state = 'unknown', attempts = c.attempts + 1 FROM next WHERE c.id = next.id
        RETURNING c.id, c.code, next.attempts > 0 AS asked
        """,
        job_id,
        by,
        in_hand,
    )
    return Code(**row) if row else None


async def next_to_delete(pool: asyncpg.Pool, job_id: int, by: str, in_hand: Sequence[int]) -> Code | None:
    """The next code to delete. Its row needs no mark: deleting what is gone changes nothing. Else as `next_code`."""
    row = await pool.fetchrow(
        """
        SELECT c.id, c.code, true AS asked FROM bulk_codes c JOIN bulk_jobs b ON b.id = c.job_id
        WHERE c.job_id = $1 AND c.state IN ('done', 'unknown') AND c.id <> ALL($3::bigint[])
            AND b.leased_by = $2 AND b.state = 'running'
        ORDER BY c.id LIMIT 1
        """,
        job_id,
        by,
        in_hand,
    )
    return Code(**row) if row else None


async def unmade(pool: asyncpg.Pool, row_id: int, *, kept: bool) -> None:
    """It is deleted, or it stays."""
    await pool.execute(
        "UPDATE bulk_codes SET state = $2 WHERE id = $1 AND state IN ('done', 'unknown')",
        row_id,
        CodeState.KEPT if kept else CodeState.DELETED,
    )


async def made(pool: asyncpg.Pool, row_id: int, poshen_id: int, now: datetime) -> None:
    """It exists."""
    await pool.execute(
        "UPDATE bulk_codes SET state = 'done', poshen_id = $2, made_at = $3 WHERE id = $1 AND state <> 'done'",
        row_id,
        poshen_id,
        now,
    )


async def failed(pool: asyncpg.Pool, row_id: int, reason: str) -> None:
    """It cannot be made."""
    await pool.execute(
        "UPDATE bulk_codes SET state = 'failed', reason = $2 WHERE id = $1 AND state = 'unknown'", row_id, reason
    )


async def not_asked(pool: asyncpg.Pool, row_id: int) -> None:
    """The call surely changed nothing: the row is as it was before."""
    await pool.execute(
        """
        UPDATE bulk_codes SET attempts = attempts - 1, state = CASE WHEN attempts > 1 THEN 'unknown' ELSE 'pending' END
        WHERE id = $1 AND state = 'unknown'
        """,
        row_id,
    )


async def all_made(connection: asyncpg.Connection | asyncpg.Pool, job_id: int) -> list[Made]:
    """The codes that a job made and that were not deleted again."""
    rows = await connection.fetch(
        """
        SELECT c.code, b.group_id, b.group_name, c.poshen_id, c.made_at, b.id FROM bulk_jobs b
        JOIN bulk_codes c ON c.job_id = b.id AND c.state IN ('done', 'kept') WHERE b.id = $1 ORDER BY c.id
        """,
        job_id,
    )
    return [Made(*row) for row in rows]


# ── links ────────────────────────────────────────────────────────────────────────────────────────


async def add_export(
    connection: asyncpg.Connection,
    job_id: int,
    *,
    staff_id: int | None,
    maker: str,
    page: Mapping[str, str],
    links: bool = False,
    now: datetime,
    expires_at: datetime,
) -> int:
    """Allow one download of a job's codes; the id that its link is signed for. links: each code's own are in it."""
    export_id: int = await connection.fetchval(
        """
        INSERT INTO exports (job_id, staff_id, maker, page, created_at, expires_at, links)
        VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
        """,
        job_id,
        staff_id,
        maker,
        dict(page),
        now,
        expires_at,
        links,
    )
    return export_id


async def end_exports(connection: asyncpg.Connection, staff_id: int, now: datetime) -> None:
    """Nobody downloads anything more with the links that were made for this member of staff."""
    await connection.execute(
        "UPDATE exports SET expires_at = $2 WHERE staff_id = $1 AND used_at IS NULL AND expires_at > $2", staff_id, now
    )


async def shapes(connection: asyncpg.Connection | asyncpg.Pool) -> list[tuple[str, int]]:
    """(prefix, number of symbols) of the codes that jobs have made, each once, the newest first."""
    rows = await connection.fetch(
        "SELECT prefix, length FROM bulk_jobs GROUP BY prefix, length ORDER BY max(id) DESC LIMIT 50"
    )
    return [(row["prefix"], row["length"]) for row in rows]

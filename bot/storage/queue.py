"""The queue: every kind of job, declared once, and the one statement that puts jobs into PgQueuer's table.

A job names its kind and one row of the kind's table. All that is to be done stands in that row.
A new kind is declared here, and `bot/worker.py` says which function does it.

The web process loads this module: it imports no driver.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job.

    name: stored with each job, PgQueuer's entrypoint; it never changes, or queued jobs would be lost. table: whose
    rows its jobs are about. unfinished: SQL, the condition of a row that there is something left to do about.
    per_chat: the jobs of one chat run one at a time, in order; the table then has a column `chat`.
    """

    name: str
    table: str
    unfinished: str
    per_chat: bool = False

    def payload(self, row: str = "") -> str:
        """SQL: what a job says of its row, `<id>` or `<id>:<chat>`. row: the name of the row where one is needed."""
        of = f"{row}." if row else ""
        text = f"{of}id || ':' || {of}chat" if self.per_chat else f"{of}id::text"
        return f"convert_to({text}, 'UTF8')"

    def insert(self, source: str, *, due: str = "", priority: str = "0") -> str:
        """SQL: queue a job for each row of `source`, which begins with FROM. due: SQL, when it runs; else at once.

        priority: SQL; the higher ones go first.
        """
        column, value = (", execute_after", f", {due}") if due else ("", "")
        return (
            f"INSERT INTO pgqueuer (priority, entrypoint, payload, status{column}) "
            f"SELECT {priority}, '{self.name}', {self.payload()}, 'queued'{value} {source}"
        )

    def has_none(self, row: str) -> str:
        """SQL: the condition that no job is about this row."""
        return (
            f"NOT EXISTS (SELECT FROM pgqueuer q WHERE q.entrypoint = '{self.name}' "
            f"AND q.payload = {self.payload(row)})"
        )

    def orphaned(self, row: str, since: str = "created_at") -> str:
        """SQL: the condition that this row is unfinished and has had no job for a while. since: when it was written."""
        return f"{self.unfinished} AND {since} < now() - interval '2 minutes' AND {self.has_none(row)}"

    @property
    def open_jobs(self) -> str:
        """SQL: what follows FROM to read the jobs, as `q`, whose rows are unfinished."""
        said = "convert_from(q.payload, 'UTF8')"
        number = f"split_part({said}, ':', 1)" if self.per_chat else said
        rows = f"(SELECT id FROM {self.table} WHERE {self.unfinished}) own"
        return f"pgqueuer q JOIN {rows} ON q.entrypoint = '{self.name}' AND own.id = {number}::bigint"


EVENT = Kind("event", "events", "state IN ('new', 'ready')", per_chat=True)
PUSH = Kind("push", "pushes", "messages IS NOT NULL AND outcome IS DISTINCT FROM 'held'")
ISSUE = Kind("issue", "issues", "state IN ('pending', 'unknown')")
BULK = Kind("bulk", "bulk_jobs", "slot = 1")
REDEMPTION = Kind("redemption", "redemptions", "state IN ('pending', 'unknown')")
REMIND = Kind("remind", "reminder_wishes", "due_at IS NOT NULL")
KINDS = (EVENT, PUSH, ISSUE, BULK, REDEMPTION, REMIND)

TAKE = """
WITH due AS (
    SELECT job.* FROM unnest($1::text[]) AS kind (name) CROSS JOIN LATERAL (
        SELECT id, priority FROM pgqueuer
        WHERE entrypoint = kind.name AND status = 'queued' AND execute_after < now() AND id >= $2
        ORDER BY priority DESC, id LIMIT $3 FOR UPDATE SKIP LOCKED
    ) job
), dropped AS (
    SELECT id, priority FROM pgqueuer
    WHERE $2 = 0 AND status = 'picked' AND entrypoint = ANY ($1) AND heartbeat < now() - $4::interval
    ORDER BY priority DESC, id LIMIT $3 FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE pgqueuer SET status = 'picked', updated = now(), heartbeat = now(), queue_manager_id = $5
    WHERE id = ANY (ARRAY(  -- Not IN: the statistics of a table that is mostly empty would have it read whole.
        SELECT id FROM (SELECT * FROM due UNION ALL SELECT * FROM dropped) found ORDER BY priority DESC, id LIMIT $3
    ))
    RETURNING *
)
SELECT * FROM taken ORDER BY priority DESC, id
"""
"""Take jobs, as PgQueuer's own statement does. $1: kinds' names. $2: the lowest id; 0 takes those of dead workers, too.
$3: how many at most. $4: after how long without a heartbeat a worker is dead. $5: the worker."""

DONE = """
WITH gone AS (
    DELETE FROM pgqueuer WHERE id = ANY ($1::bigint[]) RETURNING id, entrypoint, priority
)
INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority, traceback)
SELECT id, status, entrypoint, priority, traceback
FROM gone JOIN unnest($1::bigint[], $2::pgqueuer_status[], $3::jsonb[]) AS said (id, status, traceback) USING (id)
"""
"""Remove jobs that have run, as PgQueuer's own statement does for kinds that keep no failed ones. $1: their ids.
$2: how each ended. $3: what each raised, as JSON."""

TAKEN_IN_ORDER = {"enable_bitmapscan": "off", "enable_seqscan": "off", "enable_sort": "off"}
"""Settings for the connection that takes jobs. The planner has seen the table empty, and would read all that is in an
index, also what is done and not removed yet, and sort it; in the index's own order it stops at what it wants."""

KEPT_FOR = {"pgqueuer_log": timedelta(hours=6), "pgqueuer_statistics": timedelta(days=7)}
"""PgQueuer's own records, by table; each has a column `created`."""


async def add(connection: asyncpg.Connection | asyncpg.Pool, kind: Kind, row_id: int, pause: timedelta) -> None:
    """Queue one job, to be run after `pause`."""
    await connection.execute(
        kind.insert("FROM (VALUES ($1::bigint)) AS row (id)", due="now() + $2::interval"), row_id, pause
    )


def read(payload: bytes | None) -> tuple[int, str]:
    """The row that a job is about, and its chat, which only jobs of a `per_chat` kind have."""
    number, _, chat = (payload or b"0").decode().partition(":")
    return int(number), chat

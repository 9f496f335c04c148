"""Group commit: webhooks that come while one statement runs go together in the next.

    request threads ── rows ──▶ one thread, one connection ── one INSERT, one commit ──▶ each request's 200

A commit costs the disk and, because a job's NOTIFY is ordered by a lock, every other commit its turn; so what waits
shares one. Nobody waits for company: a lone webhook is written at once, and under load a batch is what came meanwhile.
A request that is answered is committed. One that is given up may be stored all the same; its key makes that harmless.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import datetime
from queue import SimpleQueue
from typing import Any

import psycopg

from bot.storage import arrivals
from bot.storage.arrivals import Arrival
from bot.telemetry.log import log

PATIENCE = 1.4  # seconds; LINE gives up after two.
STATEMENT_MS = 1_200  # A statement that takes longer answers nobody in time.
LOCK_MS = 300  # for another web's commit of the same event; deadlocks end by it as well
STUCK = 2.0  # seconds; then the server does not even keep its own time-outs, and the connection is given up
PAUSE = 0.05  # seconds until a database that is away is looked for again
# A machine that vanished without a word is noticed about as soon as one that says goodbye.
ALIVE: dict[str, Any] = {
    "connect_timeout": 2,
    "tcp_user_timeout": 1_400,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
}
# The database is away, busy, not migrated yet or a replica: that says nothing about the rows.
UNWELL = (psycopg.OperationalError, psycopg.errors.UndefinedTable, psycopg.errors.ReadOnlySqlTransaction)


class NotStoredError(Exception):
    """It is not known to be stored; the platform has to deliver it again. The text names what stood in the way."""


class _Connection(psycopg.Connection[Any]):
    """One that is not waited on for ever: a server that stands still (a stopped process, a dead disk) says nothing, and
    this is the only connection that webhooks have."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        began = time.monotonic()
        try:
            return super().wait(gen, interval, STUCK if timeout is None else timeout)
        except psycopg.OperationalError:
            if time.monotonic() - began >= STUCK:
                self.close()
            raise


class _Request:
    """What one webhook brought. alone: in a batch it was in somebody's way, or somebody in its."""

    __slots__ = ("alone", "deadline", "done", "problem", "rows")

    def __init__(self, rows: list[bytes]) -> None:
        self.rows = rows
        self.deadline = time.monotonic() + PATIENCE
        self.done = threading.Event()
        self.problem = ""
        self.alone = False

    def end(self, problem: str = "") -> None:
        self.problem = problem
        self.done.set()


class Writer:
    """Stores events for all threads of a process. The thread starts with the first of them.

    copies: other tools are to have some of them, see `arrivals.store`.
    """

    def __init__(self, url: str, *, copies: bool = False) -> None:
        self._url = url
        self._copies = copies
        self._inbox: SimpleQueue[_Request | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._closed = False

    def store(self, found: Sequence[Arrival], received_at: datetime | None = None) -> None:
        """Store events with their jobs; returns when they are committed. Raises NotStoredError.

        received_at: None for the database's own clock, which all workers tell the time by.
        """
        request = _Request([arrivals.row(arrival, received_at) for arrival in found])
        if self._thread is None or not self._thread.is_alive():
            self._start()
        self._inbox.put(request)
        if not request.done.wait(PATIENCE):
            raise NotStoredError(request.problem or "the writer is busy")
        if request.problem:
            raise NotStoredError(request.problem)

    def close(self) -> None:
        """Write what waits, then end."""
        self._inbox.put(None)
        if self._thread is not None:
            self._thread.join(2 * PATIENCE)

    # ── the thread ───────────────────────────────────────────────────────────────────────────

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        waiting: list[_Request] = []
        while waiting or not self._closed:
            waiting += self._arrived(block=not waiting)
            waiting = [request for request in waiting if time.monotonic() < request.deadline]
            try:
                waiting = self._write(waiting)
            except Exception as error:  # noqa: BLE001 - without this thread nothing is ever stored again
                log.error("writer failed", error=type(error).__name__)
                for request in waiting:
                    request.end(type(error).__name__)
                waiting = []
            if waiting:
                time.sleep(PAUSE)
        if self._connection is not None:
            self._connection.close()

    def _arrived(self, *, block: bool) -> list[_Request]:
        """All that have come; waits for one if asked to."""
        found: list[_Request] = []
        while block or not self._inbox.empty():
            request = self._inbox.get()
            block = False
            if request is None:
                self._closed = True
            else:
                found.append(request)
        return found

    def _write(self, waiting: list[_Request]) -> list[_Request]:
        """Together whoever can be; returns who has to try again."""
        together = [request for request in waiting if not request.alone]
        again = self._together(together) if together else []
        for request in waiting:
            if request.alone:
                again += self._alone(request)
        return again

    def _together(self, batch: list[_Request]) -> list[_Request]:
        try:
            self._insert([row for request in batch for row in request.rows])
        except psycopg.Error as error:
            if self._connection is None:
                for request in batch:
                    request.problem = type(error).__name__
                return batch
            # One of them is refused, or waits for somebody else's transaction. It must not cost the others.
            return [left for request in batch for left in self._alone(request)]
        for request in batch:
            request.end()
        return []

    def _alone(self, request: _Request) -> list[_Request]:
        request.alone = True
        if time.monotonic() > request.deadline:
            return [request]  # Nobody waits for it any more.
        try:
            try:
                self._insert(request.rows)
            except UNWELL:
                raise
            except psycopg.Error:
                if len(request.rows) == 1:
                    raise
                self._row_by_row(request.rows)
        except UNWELL as error:
            request.problem = type(error).__name__
            return [request]
        except psycopg.Error as error:
            request.end(type(error).__name__)
        else:
            request.end()
        return []

    def _row_by_row(self, rows: list[bytes]) -> None:
        """So that what is refused does not cost its siblings. Raises the last refusal."""
        refused: psycopg.Error | None = None
        for row in rows:
            try:
                self._insert([row])
            except UNWELL:
                raise
            except psycopg.Error as error:
                refused = error
        if refused is not None:
            raise refused

    def _insert(self, rows: list[bytes]) -> None:
        """In one statement. Raises psycopg.Error; there is no connection any more if that was lost."""
        try:
            if self._connection is None:
                self._connection = _Connection.connect(self._url, autocommit=True, **ALIVE)
                self._connection.execute(f"SET statement_timeout = {STATEMENT_MS}; SET lock_timeout = {LOCK_MS}")
            arrivals.store(self._connection, rows, copies=self._copies)
        except BaseException:
            if self._connection is not None and self._connection.closed:
                self._connection = None
            raise

"""What runs when: PgQueuer's wiring. One event at a time per chat, in order, also with several workers.

PgQueuer hands out jobs and keeps their heartbeat; whether an event was handled or delivered is said
by our own row alone, because after a crash a job simply runs again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pgqueuer import AsyncpgDriver, PgQueuer, Queries
from pgqueuer.errors import FailingListenerError, RetryRequested
from pgqueuer.models import Job, Schedule, TracebackRecord
from pgqueuer.types import JOB_STATUS, QueueEntrypoint, QueueManagerId

from bot.errors import ConfigurationError
from bot.storage.pool import LOST, connect_one
from bot.storage.queue import DONE, KINDS, TAKE, TAKEN_IN_ORDER, Kind, read
from bot.telemetry import tracing
from bot.telemetry.log import log

HEARTBEAT = timedelta(seconds=5)  # A killed worker's jobs run again after this long.
BUSY_SECONDS = 0.1  # since the last job
IDLE_SECONDS = 0.5  # between two looks when nothing comes: a notice may get lost without a sign
LOOK_SECONDS = 5.0  # the longest that a statement may take; a connection that is silently dead answers none
PACE_SECONDS = 0.01  # after a look into the queue that found several, but less than a batch
LATE_COMMITS = 1000  # jobs; a web may commit one after so many younger ones were taken
QUEUE_PER_CHAT = 3  # More events of one chat wait in the database, not in a worker's slots.


class RetryLater(Exception):
    """Run this job again after `delay`."""

    def __init__(self, delay: float, reason: str) -> None:
        super().__init__(reason)
        self.delay = timedelta(seconds=delay)
        self.reason = reason


@dataclass(slots=True)
class ChatLocks:
    """A lock per chat, first come first served; a chat nobody is busy with takes no memory."""

    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _users: dict[str, int] = field(default_factory=dict)

    def queue(self, chat: str) -> int:
        """How many hold or wait for the lock of a chat."""
        return self._users.get(chat, 0)

    @asynccontextmanager
    async def hold(self, chat: str) -> AsyncIterator[None]:
        """The lock. It must be asked for before the first `await` of a job, or order is lost."""
        lock = self._locks.setdefault(chat, asyncio.Lock())
        self._users[chat] = self._users.get(chat, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._users[chat] -= 1
            if not self._users[chat]:
                del self._users[chat], self._locks[chat]


@dataclass(frozen=True, slots=True)
class Jobs:
    """What to run. runs: what does a job of each kind, given the id of its row. `sweep` runs every few minutes,
    `clean_up` every hour. Raises ConfigurationError when nothing does a job of some kind."""

    runs: Mapping[Kind, Callable[[int], Awaitable[None]]]
    sweep: Callable[[], Awaitable[None]]
    clean_up: Callable[[], Awaitable[None]]
    locks: ChatLocks = field(default_factory=ChatLocks)

    def __post_init__(self) -> None:
        if missing := [kind.name for kind in KINDS if kind not in self.runs]:
            raise ConfigurationError(f"Nothing does jobs of the kinds {missing}")

    async def run(self, url: str, stopping: asyncio.Event, *, concurrency: int) -> None:
        """Work until `stopping`; a lost database is waited for. What is running then is finished first."""
        pause = 0.2
        while not stopping.is_set():
            try:
                await self._run_connected(url, stopping, concurrency)
                pause = 0.2
            except (*LOST, FailingListenerError) as error:
                if stopping.is_set():
                    return
                log.warning("database lost, waiting for it", error=type(error).__name__, seconds=pause)
                try:
                    async with asyncio.timeout(pause):
                        await stopping.wait()
                except TimeoutError:
                    pause = min(pause * 2, 5)

    async def _run_connected(self, url: str, stopping: asyncio.Event, concurrency: int) -> None:
        # Losing the last moments of the queue's own bookkeeping only makes jobs run again, which is
        # harmless; so its commits need not wait for the disk.
        connection = await connect_one(
            url,
            command_timeout=LOOK_SECONDS,
            server_settings={"synchronous_commit": "off"} | TAKEN_IN_ORDER,
        )
        driver = AsyncpgDriver(connection)
        queue = PgQueuer(driver, queries=FewerQuestions(driver))

        for kind, run in self.runs.items():
            queue.entrypoint(kind.name)(self._entrypoint(kind, run))

        @queue.schedule("sweep", "*/3 * * * *")
        async def sweep(_schedule: Schedule) -> None:
            await self.sweep()

        @queue.schedule("clean-up", "17 * * * *")
        async def clean_up(_schedule: Schedule) -> None:
            await self.clean_up()

        lost = asyncio.Event()
        connection.add_termination_listener(lambda _connection: lost.set())
        work = asyncio.create_task(
            queue.run(
                batch_size=max(5, concurrency // 4),
                max_concurrent_tasks=concurrency,
                dequeue_timeout=timedelta(seconds=IDLE_SECONDS),
                heartbeat_timeout=HEARTBEAT,
                shutdown_on_listener_failure=True,
            )
        )
        stop, gone = asyncio.create_task(stopping.wait()), asyncio.create_task(lost.wait())
        try:
            await asyncio.wait({work, stop, gone}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done() and not work.done():
                work.cancel()
                raise ConnectionError("the queue's connection was lost")
            queue.shutdown.set()
            await work
        finally:
            for task in (work, stop, gone):
                task.cancel()
            await asyncio.gather(work, stop, gone, return_exceptions=True)
            if not connection.is_closed():
                await connection.close(timeout=2)

    def _entrypoint(self, kind: Kind, run: Callable[[int], Awaitable[None]]) -> Callable[[Job], Awaitable[None]]:
        async def alone(job: Job) -> None:
            number, _ = read(job.payload)
            with tracing.span(kind.name, "consumer"):
                await _or_later(job, run(number))

        async def in_its_chat(job: Job) -> None:
            number, chat = read(job.payload)
            if self.locks.queue(chat) >= QUEUE_PER_CHAT:
                raise RetryRequested(delay=timedelta(seconds=busy_pause(job.attempts)), reason="busy chat")
            async with self.locks.hold(chat):
                await _or_later(job, run(number))

        return in_its_chat if kind.per_chat else alone


def busy_pause(attempts: int) -> float:
    """Seconds until a chat that is busy is looked at again.

    The longer its event has been passed over, the more stand before it; a flood must not be all that we do.
    """
    return 0.3 * 2.0 ** min(max(0, attempts - 3), 4)


class FewerQuestions(Queries):
    """PgQueuer's statements, less those whose answers are known.

    It takes jobs until none comes, then asks three times what to wait for: five statements for one event. Fewer jobs
    than were asked for were all there are; and while jobs keep coming, it had better look again a moment later. When
    they come quickly, one look takes several.

    While somebody's transaction stays open, jobs that are done cannot be removed from the index, and each look from its
    beginning steps over all of them. So only a twentieth of the time is spent on such looks; those between them begin a
    little before the newest job that was taken. Jobs that were put back, that wait behind a flood, or whose worker died
    are found by the former.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._took_all = self._full = False
        self._last_job = -BUSY_SECONDS
        self._next_look = self._next_whole_look = 0.0
        self._newest = 0
        self._in_hand: set[int] = set()

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, Any],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[Job]:
        most = min(batch_size, (global_concurrency_limit or batch_size) - len(self._in_hand))
        self._full = most <= 0
        if self._took_all or self._full:
            self._took_all = False
            return []
        await asyncio.sleep(self._next_look - time.monotonic())
        began = time.monotonic()
        whole = began >= self._next_whole_look
        lowest = 0 if whole else max(1, self._newest - LATE_COMMITS)
        rows = await self.driver.fetch(TAKE, list(entrypoints), lowest, most, heartbeat_timeout, queue_manager_id)
        jobs = [Job.model_validate(row) for row in rows]
        self._in_hand.update(job.id for job in jobs)
        self._newest = max([self._newest, *(job.id for job in jobs)])
        now = time.monotonic()
        if whole:
            self._next_whole_look = now + (now - began) * 20
        if jobs:
            self._last_job = now
            self._took_all = len(jobs) < most
            if 1 < len(jobs) < most:
                self._next_look = now + PACE_SECONDS
        return jobs

    async def log_jobs(self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]) -> None:
        raised = [record.model_dump_json() if record else None for _, _, record in job_status]
        await self.driver.execute(DONE, [job.id for job, _, _ in job_status], [how for _, how, _ in job_status], raised)
        self._in_hand.difference_update(job.id for job, _, _ in job_status)

    async def retry_job(self, job: Job, *rest: Any) -> None:
        await super().retry_job(job, *rest)
        self._in_hand.discard(job.id)

    async def eligible_queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        # PgQueuer then waits for the next notice for 0.1 s at most; or for as long as it is told when idle, which is so
        # short that what came since the last look may wait for the next one.
        return int(self._full or time.monotonic() - self._last_job < BUSY_SECONDS)

    async def queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        return 0  # The same.


async def _or_later(job: Job, work: Awaitable[None]) -> None:
    """Run `work`; whatever it raises puts the job back, because a failed job would be a lost one."""
    try:
        await work
    except RetryLater as later:
        # `from None`: PgQueuer keeps the traceback in its log table, and causes may quote what people wrote.
        raise RetryRequested(delay=later.delay, reason=later.reason) from None
    except Exception as error:  # noqa: BLE001 - nothing may end a job but its work
        log.error("job interrupted, it runs again", error=type(error).__name__, attempt=job.attempts + 1)
        raise RetryRequested(delay=timedelta(seconds=min(30, 2**job.attempts)), reason="interrupted") from None

"""A bot that a test takes apart: its jobs run by hand, or by workers that the test starts and wraps.

    desk = Desk.open(...)
    await desk.run()                         # every queued job, without the pauses it would take
    async with desk.working(take=...):       # or a real worker, with something around its turns
        await desk.settled()

Messages go in as signed webhooks through the real web application, as everywhere in the tests.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self

import asyncpg
from chat import Bot, TestClock, close

from bot.channels import Delivery, Outbound, Receipt
from bot.config import Settings, load_settings
from bot.jobs import Jobs, RetryLater
from bot.storage import pool as pools
from bot.storage import queue
from bot.turn import Turns
from bot.web import create_app
from bot.wiring import build_turns, open_apis, open_channels
from sandbox import Sandbox
from sandbox.people import admins

MIGRATED = "migrated"  # The database that others are copied from: all tables, no rows.
# A receipt's reference, and not a part of a button's signed data that looks like one.
REFERENCE = re.compile(r"(?<![\w-])R-[0-9A-HJKMNP-TV-Z]{6}(?![\w-])")

Accepted = Callable[[int], Awaitable[None]] | None
Deliver = Callable[[Delivery, Accepted], Awaitable[Receipt]]


class Crash(BaseException):
    """The process dies here: nothing of ours may catch it."""


@dataclass
class Wrapped:
    """A channel whose `deliver` a test has put itself around."""

    inner: Outbound
    around: Callable[[Deliver, Delivery, Accepted], Awaitable[Receipt]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def deliver(self, delivery: Delivery, accepted: Accepted = None) -> Receipt:
        return await self.around(self.inner.deliver, delivery, accepted)


@dataclass
class Desk(Bot):
    """A bot without a worker. `paused` lists the pauses that jobs asked for, in seconds."""

    database: str = ""
    paused: list[float] = field(default_factory=list)
    by_hand: bool = True

    @classmethod
    @asynccontextmanager
    async def open(cls, database: str, sandbox: Sandbox, **settings: Any) -> AsyncIterator[Self]:
        """Until the block ends; `settings` override what the sandbox's credentials set."""
        loaded = desk_settings(database, sandbox, **settings)
        clock = TestClock()
        app = create_app(loaded, clock)
        pool = await pools.connect(database, size=8)
        channels, apis = open_channels(loaded), open_apis(loaded)
        turns = build_turns(loaded, pool, channels, apis, clock=clock)
        try:
            yield cls(loaded, app.test_client(), turns, pool, sandbox, clock, database=database)
        finally:
            await asyncio.gather(*(channel.aclose() for channel in channels.values()), apis.aclose())
            await pool.close()
            close(app)

    async def reset(self) -> None:
        """Empty tables, the clock at now, every vendor trusted. What a test left to do is not done."""
        self.paused.clear()
        self.by_hand = True
        await self.pool.execute("DELETE FROM pgqueuer")
        await super().reset()

    def wrapped(
        self, channel: str, around: Callable[[Deliver, Delivery, Accepted], Awaitable[Receipt]], **changes: Any
    ) -> Turns:
        """The turns with `around` around what this channel delivers."""
        outbound: dict[str, Any] = dict(self.turns.outbound)
        outbound[channel] = Wrapped(outbound[channel], around)
        return replace(self.turns, outbound=outbound, **changes)

    async def step(self, turns: Turns | None = None) -> int:
        """Run every queued job once, oldest first; returns how many there were. A job that wants a pause
        stays; so does one whose process crashes. For a voucher's job the clock moves ahead to when it is due."""
        turns = turns or self.turns
        runs = {
            queue.EVENT.name: turns.take,
            queue.PUSH.name: turns.deliverer.push,
            queue.ISSUE.name: turns.issue,
            queue.BULK.name: turns.bulk,
            queue.REMIND.name: turns.remind,
            queue.REDEMPTION.name: turns.redemption,
        }
        jobs = await self.pool.fetch(
            "SELECT id, entrypoint, payload, extract(epoch FROM execute_after - now())::float AS due "
            "FROM pgqueuer ORDER BY id"
        )
        for job in jobs:
            number, _ = queue.read(job["payload"])
            if job["entrypoint"] in (queue.ISSUE.name, queue.REDEMPTION.name) and job["due"] > 0:
                self.ahead(seconds=job["due"])
            try:
                await runs[job["entrypoint"]](number)
            except RetryLater as later:
                self.paused.append(later.delay.total_seconds())
                continue
            await self.pool.execute("DELETE FROM pgqueuer WHERE id = $1", job["id"])
        return len(jobs)

    async def run(self, turns: Turns | None = None, most: int = 40) -> None:
        """Run jobs by hand until none is left."""
        for _ in range(most):
            if not await self.step(turns):
                return
        raise AssertionError(f"jobs are left after {most} rounds; the last pauses were {self.paused[-5:]}")

    async def quiet(self, within: float = 60) -> None:
        """What `Chat` waits for after each step."""
        await (self.run() if self.by_hand else super().quiet(within))

    @asynccontextmanager
    async def working(
        self,
        take: Callable[[Turns, int], Awaitable[None]] = Turns.take,
        *,
        turns: Turns | None = None,
        concurrency: int = 40,
    ) -> AsyncIterator[Jobs]:
        """A worker with connections and locks of its own, like another process; `take` stands in for a turn."""
        pool = await pools.connect(self.database, size=6)
        ours = replace(turns or self.turns, pool=pool)
        stopping = asyncio.Event()

        async def nothing() -> None: ...

        runs = {
            queue.EVENT: lambda number: take(ours, number),
            queue.PUSH: ours.deliverer.push,
            queue.ISSUE: ours.issue,
            queue.BULK: ours.bulk,
            queue.REMIND: ours.remind,
            queue.REDEMPTION: ours.redemption,
        }
        jobs = Jobs(runs, sweep=nothing, clean_up=nothing)
        working = asyncio.create_task(jobs.run(self.database, stopping, concurrency=concurrency))
        self.by_hand = False
        try:
            yield jobs
        finally:
            stopping.set()
            await working
            await pool.close()
            self.by_hand = True

    async def event(self, offset: int = 0) -> asyncpg.Record:
        """The newest event's row, or an earlier one's."""
        row = await self.pool.fetchrow("SELECT * FROM events ORDER BY id DESC LIMIT 1 OFFSET $1", offset)
        assert row is not None
        return row


def desk_settings(database: str, sandbox: Sandbox, **settings: Any) -> Settings:
    """Settings for a bot at this sandbox and this database."""
    environment = {name.lower(): value for name, value in sandbox.environment().items()}
    ours = {"secret_key": "0" * 64, "brand": "咖波商店", "database_url": database, "admins": admins()}
    known = {name: value for name, value in environment.items() if name in Settings.model_fields}
    return load_settings(**{**known, **ours, **settings})


def references(message: object) -> list[str]:
    """The references in a message, as JSON or as text."""
    return REFERENCE.findall(str(message))


async def until(found: Callable[[], Any], within: float = 60, every: float = 0.01) -> Any:
    """What `found` returns (awaited when it must be) as soon as it is true."""
    deadline = time.monotonic() + within
    while True:
        value = found()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {within} s: {found}"
        await asyncio.sleep(every)


async def migrated_database(url: str, name: str) -> str:
    """A new database without rows on the server of `url`, copied in a fraction of the time that migrations take."""
    return await another_database(url, name, MIGRATED)


async def another_database(url: str, name: str, like: str = "template1") -> str:
    """A new, empty database on the server of `url`. like: the one that it is a copy of."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
    finally:
        await connection.close()
    return url.replace("/postgres?", f"/{name}?", 1)

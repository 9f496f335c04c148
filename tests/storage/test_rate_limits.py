"""Limits of calls a second hold over all processes, and none of them has to wait for another one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from apis.scripted import Vendor, reply
from engine.desk import until

from bot.apis.http import Upstream, open_http
from bot.apis.rate_limit import RateLimit
from bot.channels.line.client import LOADING_WAITS, LOADINGS_PER_SECOND, LineClient
from bot.errors import RateLimited
from bot.services import rate_limits as services
from bot.services.rate_limits import SharedSlots
from bot.storage import pool as pools
from bot.storage import rate_limits
from sandbox import Sandbox
from sandbox.credentials import LINE_CHANNEL_ACCESS_TOKEN

TESTS = Path(__file__).parent.parent


@pytest.fixture
async def five(database: str) -> AsyncIterator[list[asyncpg.Pool]]:
    """The connections of as many processes, and no slot taken yet."""
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(await pools.connect(database, size=2)) for _ in range(5)]
        await opened[0].execute("DELETE FROM rate_limits")
        yield opened


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    vendor = Vendor()
    vendor.says(reply(200, {"ok": True}))
    await vendor.listen()
    yield vendor
    await vendor.hang_up()


def sharing(pool: asyncpg.Pool, per_second: float, patience: float = 3.0) -> RateLimit:
    """One process's view of a limit."""
    limit = RateLimit("vendor", per_second, patience=patience)
    limit.share(SharedSlots(pool, limit).slot)
    return limit


@contextmanager
def callers(database: str, url: str, per_second: float, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that call the vendor as often as they may."""
    env = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "storage.caller", database, url, str(per_second), str(name)], env=env, cwd=TESTS
        )
        for name in range(count)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


async def test_five_processes_together_keep_one_limit(five: list[asyncpg.Pool], database: str, vendor: Vendor) -> None:
    """Counted where it matters, at the vendor; also when one dies while it waits. Each of the others has its share."""
    per_second, arrived = 40, list[float]()

    async def note() -> None:
        arrived.append(time.monotonic())

    def calls(since: int = 0) -> Counter[str]:
        return Counter(seen.headers["x-who"] for seen in vendor.seen[since:])

    vendor.before = note
    with callers(database, vendor.url, per_second, 5) as processes:
        await until(lambda: min(calls()[name] for name in "01234") >= 4, 60)  # The first call of each is slow.
        began = len(arrived)
        await until(lambda: len(arrived) >= began + 30, 60)
        processes[0].kill()
        await until(lambda: len(arrived) >= began + 100, 60)

    steady = arrived[began:]
    # A fifth of a second is for what a busy machine delays: forty slots take more than one.
    most = max(sum(at <= later < at + 0.8 for later in steady) for at in steady)
    assert most <= per_second
    assert min(calls(began)[name] for name in "1234") >= 10
    assert steady[99] - steady[0] < 2 * 100 / per_second  # No slot was lost but those of the dead.


async def test_no_slot_is_taken_twice(five: list[asyncpg.Pool]) -> None:
    """Whoever asks at the same moment: together they have as many as the row has moved on."""
    interval = 0.1
    await rate_limits.take(five[0], "vendor", interval, 9, 60)
    asked = [(pool, 1 + number % 7) for number, pool in enumerate(five * 20)]
    before = await five[0].fetchval("SELECT next_at FROM rate_limits")
    found = await asyncio.gather(*(rate_limits.take(pool, "vendor", interval, count, 60) for pool, count in asked))
    after = await five[0].fetchval("SELECT next_at FROM rate_limits")

    assert [taken for _, taken in found] == [count for _, count in asked]
    assert after - before == pytest.approx(interval * sum(count for _, count in asked), abs=1e-3)


async def test_what_would_wait_for_too_long_is_refused_and_takes_nothing(
    five: list[asyncpg.Pool], vendor: Vendor
) -> None:
    """As with a limit of its own: the call fails at once, and says after which time to come again."""
    upstream = Upstream(
        "vendor",
        open_http(vendor.url, setting="VENDOR_API_URL", headers={}),
        max_per_second=2,
        connect_seconds=1.0,
    )
    assert upstream.limit is not None
    upstream.limit.share(SharedSlots(five[0], upstream.limit).slot)
    answers = await asyncio.gather(*(upstream.call("ask", "GET", "/") for _ in range(9)), return_exceptions=True)
    wait, _ = await rate_limits.take(five[1], "vendor", upstream.limit.interval, 0, 60)
    await upstream.aclose()

    refused = [each for each in answers if isinstance(each, RateLimited)]
    assert len(vendor.seen) == len(answers) - len(refused) <= 3
    assert min(each.retry_after or 0 for each in refused) > 0.9
    assert wait <= 2 * upstream.limit.interval


async def test_a_busy_process_asks_the_database_some_times_a_second(
    five: list[asyncpg.Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes slots ahead, as many as it has just used, a call in each millisecond; the first call takes one."""
    limit, asked = sharing(five[0], 10_000), list[int]()
    take = rate_limits.take

    async def counted(pool: asyncpg.Pool, name: str, interval: float, count: int, within: float) -> tuple[float, int]:
        asked.append(count)
        return await take(pool, name, interval, count, within)

    monkeypatch.setattr(rate_limits, "take", counted)
    now, calls = 1000.0, 1000
    monkeypatch.setattr(services, "time", SimpleNamespace(monotonic=lambda: now))
    for _ in range(calls):
        slot = await limit.slot()
        assert slot.taken and slot.wait < 0.1
        now += 0.001

    assert asked[0] == 1
    assert len(asked) < calls / 20
    assert calls <= sum(asked) <= calls + max(asked) * 3


async def test_slots_that_were_not_used_in_time_are_lost(five: list[asyncpg.Pool]) -> None:
    """Else a process that was frozen would wake up and use them all at once."""
    limit = sharing(five[0], 10_000)
    shared = SharedSlots(five[0], limit)
    shared._ahead.extend(time.monotonic() - age for age in (30, 20, 10))
    await shared.slot()

    assert not shared._ahead
    assert await five[0].fetchval("SELECT count(*) FROM rate_limits") == 1


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_database_whose_clock_is_set_refuses_nobody(five: list[asyncpg.Pool], hours: int) -> None:
    """Nor does one that takes over with another clock. This machine's own is not looked at."""
    limit = sharing(five[0], 3)
    await limit.slot()
    await five[0].execute("UPDATE rate_limits SET next_at = next_at + $1::int * 3600", hours)

    assert [(await limit.slot()).wait for _ in range(2)] == pytest.approx([0, limit.interval], abs=0.2)


async def test_without_the_database_each_process_keeps_the_limit_for_itself(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And asks again a little later."""
    pool = await pools.connect(database, size=1)
    await pool.close()
    asked = 0

    take = rate_limits.take

    async def counted(*wanted: Any) -> tuple[float, int]:
        nonlocal asked
        asked += 1
        return await take(*wanted)

    monkeypatch.setattr(rate_limits, "take", counted)
    limit = sharing(pool, 2, patience=1)
    slots = [await limit.slot() for _ in range(4)]

    assert [slot.taken for slot in slots] == [True, True, False, False]
    assert slots[1].wait == pytest.approx(limit.interval, abs=0.2)
    assert asked == 1


async def test_a_database_that_hangs_is_not_waited_for(
    five: list[asyncpg.Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds the row: the call goes on all the same, after a moment."""
    limit = sharing(five[0], 100)
    monkeypatch.setattr(services, "ANSWERS_WITHIN", 0.1)
    await limit.slot()
    async with five[1].acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM rate_limits FOR UPDATE")
        slot = await asyncio.wait_for(limit.slot(), 30)

    assert slot.taken


async def test_loading_animations_beyond_the_limit_are_left_out(five: list[asyncpg.Pool], sandbox: Sandbox) -> None:
    """Over all processes; messages of a process that is not busy are sent without asking anybody."""
    clients = [LineClient.connect(LINE_CHANNEL_ACCESS_TOKEN, api_url=f"{sandbox.url}/line") for _ in range(2)]
    for client, pool in zip(clients, five, strict=False):
        for limit in client.limits:
            limit.share(SharedSlots(pool, limit).slot)
    users = [f"U{number:032x}" for number in range(150)]
    await asyncio.gather(*(client.show_busy(user) for client in clients for user in users))
    slots = await asyncio.gather(*(clients[0]._messages.slot() for _ in range(90)))
    await asyncio.gather(*(client.aclose() for client in clients))

    shown = len([call for call in sandbox.calls("line") if call.path.endswith("/loading/start")])
    assert LOADINGS_PER_SECOND * LOADING_WAITS * 0.7 <= shown <= LOADINGS_PER_SECOND * (LOADING_WAITS + 1)
    assert {slot.wait for slot in slots} == {0.0}
    assert await five[0].fetchval("SELECT count(*) FROM rate_limits WHERE name = 'line messages'") == 0


def test_slots_are_a_little_further_apart_than_the_limit_says() -> None:
    """What is counted is when calls arrive, and not each is on its way for equally long."""
    moments = [RateLimit("vendor", 3, patience=1).interval * number for number in range(9)]

    assert all(later - at > 1 for at, later in zip(moments, moments[3:], strict=False))
    assert all(later - at < 1.1 / 3 for at, later in pairwise(moments))

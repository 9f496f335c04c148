"""The queue: what stands in it, also from the version before, and who does it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from chat import Bot
from engine.desk import Desk, until

from bot.errors import ConfigurationError
from bot.jobs import Jobs, RetryLater
from bot.storage import bulk, issues, pushes, queue

# Rows as the statements of the version before wrote them: (entrypoint, payload).
RECORDED = {
    queue.EVENT: ("event", b"41:line:U0c5e:U7fa1"),
    queue.PUSH: ("push", b"42"),
    queue.ISSUE: ("issue", b"43"),
    queue.BULK: ("bulk", b"44"),
    queue.REDEMPTION: ("redemption", b"45"),
    queue.REMIND: ("remind", b"46"),
}
SINCE = "SELECT entrypoint, payload, priority, status::text, execute_after - created AS pause FROM pgqueuer ORDER BY id"


async def nothing() -> None: ...


def test_every_kind_has_a_recorded_row() -> None:
    """A new kind has no row of a version before, and is written down here for the version after."""
    assert set(RECORDED) == set(queue.KINDS)


@pytest.mark.parametrize("kind", queue.KINDS, ids=lambda kind: kind.name)
async def test_jobs_of_the_version_before_are_done(desk: Desk, kind: queue.Kind) -> None:
    """By the function of their kind, with their row; an event under the lock of its chat."""
    done: list[tuple[str, int, int]] = []

    def does(name: str) -> Callable[[int], Awaitable[None]]:
        async def run(number: int) -> None:
            done.append((name, number, jobs.locks.queue("line:U0c5e:U7fa1")))

        return run

    jobs = Jobs({each: does(each.name) for each in queue.KINDS}, sweep=nothing, clean_up=nothing)
    entrypoint, payload = RECORDED[kind]
    await desk.pool.execute(
        "INSERT INTO pgqueuer (priority, entrypoint, payload, status) VALUES (0, $1, $2, 'queued')", entrypoint, payload
    )
    stopping = asyncio.Event()
    working = asyncio.create_task(jobs.run(desk.database, stopping, concurrency=40))
    try:
        await until(lambda: bool(done))
    finally:
        stopping.set()
        await working

    assert done == [(entrypoint, int(payload.partition(b":")[0]), int(kind is queue.EVENT))]


async def test_jobs_are_written_as_before(desk: Desk) -> None:
    """A worker of the version before takes them, too: the same names, payloads, priority and pauses."""
    chat = desk.chat("line")
    desk.post(chat.phone.says("選單"))
    event = await desk.event()
    await pushes.add(desk.pool, key="p", channel="line", recipient="U1", messages="[]", pause=90)
    push = await desk.pool.fetchval("SELECT id FROM pushes")
    await issues.queue(desk.pool, 43, timedelta(minutes=2))
    await bulk.queue(desk.pool, 44)
    rows = await desk.pool.fetch(SINCE)

    assert [(row["entrypoint"], row["payload"], row["priority"], row["status"]) for row in rows] == [
        ("event", f"{event['id']}:{event['chat']}".encode(), 0, "queued"),
        ("push", f"{push}".encode(), 0, "queued"),
        ("issue", b"43", 0, "queued"),
        ("bulk", b"44", 0, "queued"),
    ]
    assert [row["pause"] for row in rows] == [timedelta(seconds=pause) for pause in (0, 90, 120, 0)]


@pytest.mark.parametrize("kind", queue.KINDS, ids=lambda kind: kind.name)
async def test_the_jobs_of_a_kind_are_found_with_their_rows(bot: Bot, kind: queue.Kind) -> None:
    """Each statement of a kind is one that the database accepts, beside jobs of all other kinds."""
    for entrypoint, payload in RECORDED.values():
        await bot.pool.execute(
            "INSERT INTO pgqueuer (priority, entrypoint, payload, status, execute_after) "
            "VALUES (0, $1, $2, 'queued', now() + interval '1 hour')",
            entrypoint,
            payload,
        )

    assert await bot.pool.fetchval(f"SELECT count(*) FROM {kind.open_jobs}") == 0
    assert await bot.pool.fetchval(f"SELECT count(*) FROM {kind.table} r WHERE {kind.has_none('r')}") == 0
    await bot.pool.execute("DELETE FROM pgqueuer")


def test_a_kind_that_nothing_does_stops_the_start() -> None:
    """Its jobs would wait for ever."""

    async def run(number: int) -> None:
        raise RetryLater(0, "never")

    with pytest.raises(ConfigurationError, match="bulk"):
        Jobs({kind: run for kind in queue.KINDS if kind is not queue.BULK}, sweep=nothing, clean_up=nothing)

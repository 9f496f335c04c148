"""Group commit: what comes together is stored together, and no row costs another one its place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psutil
import psycopg
import pytest
from engine.desk import Desk, until

from bot.storage import writer as writers
from bot.storage.arrivals import Arrival
from bot.storage.writer import PATIENCE, NotStoredError, Writer


def event(name: str, chat: str = "line:a:u", payload: str = "hello") -> Arrival:
    return Arrival(f"line:a:{name}", "line", chat, datetime.now(UTC), {"account": "a", "event": {"text": payload}})


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine must not make a webhook too late; what is tested here is not how long it takes."""
    monkeypatch.setattr(writers, "PATIENCE", 60.0)
    monkeypatch.setattr(writers, "STUCK", 60.0)


@contextmanager
def writing(desk: Desk) -> Iterator[Writer]:
    writer = Writer(desk.database)
    yield writer
    writer.close()


@asynccontextmanager
async def together(writer: Writer, batches: list[list[Arrival]]) -> AsyncIterator[list[Future[None]]]:
    """Requests that all wait when the writer looks, in this order."""
    start, writer._start = writer._start, lambda: None  # type: ignore[method-assign]
    with ThreadPoolExecutor(len(batches)) as threads:
        asked = []
        for batch in batches:
            asked.append(threads.submit(writer.store, batch))
            await until(lambda: writer._inbox.qsize() == len(asked))
        start()
        yield asked


async def stored(desk: Desk) -> list[str]:
    rows = await desk.pool.fetch("SELECT key FROM events ORDER BY id")
    return [row["key"].removeprefix("line:a:") for row in rows]


async def ended(asked: list[Future[None]]) -> list[str]:
    """How each request ended: "" when it was stored."""
    problems = await asyncio.gather(*map(asyncio.wrap_future, asked), return_exceptions=True)
    assert all(problem is None or isinstance(problem, NotStoredError) for problem in problems), problems
    return [str(problem or "") for problem in problems]


async def jobs(desk: Desk) -> int:
    return int(await desk.pool.fetchval("SELECT count(*) FROM pgqueuer"))


@pytest.mark.usefixtures("patient")
async def test_what_waits_shares_one_commit_in_the_order_it_came(desk: Desk) -> None:
    """Eight requests, some of several events, one of them twice: one transaction, and ids in that order."""
    batches = [[event(f"{nr}a"), event(f"{nr}b")] for nr in range(7)] + [[event("0a")]]
    with writing(desk) as writer:
        async with together(writer, batches) as asked:
            assert await ended(asked) == [""] * 8

    assert await stored(desk) == [f"{nr}{part}" for nr in range(7) for part in "ab"]
    assert await jobs(desk) == 14
    assert await desk.pool.fetchval("SELECT count(DISTINCT xmin::text) FROM events") == 1


@pytest.mark.usefixtures("patient")
async def test_one_refused_row_costs_no_other(desk: Desk) -> None:
    """Neither the other requests of the batch, nor the siblings in its own."""
    await desk.pool.execute("ALTER TABLE events ADD CONSTRAINT no_bad CHECK (key <> 'line:a:bad') NOT VALID")
    try:
        with writing(desk) as writer:
            batches = [[event("1")], [event("2"), event("bad"), event("3")], [event("4")]]
            async with together(writer, batches) as asked:
                assert await ended(asked) == ["", "CheckViolation", ""]
            writer.store([event("5")])
    finally:
        await desk.pool.execute("ALTER TABLE events DROP CONSTRAINT no_bad")

    assert await stored(desk) == ["1", "2", "3", "4", "5"]
    assert await jobs(desk) == 5


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("odd", ["nul\0", "half \ud83d"])
async def test_what_postgresql_cannot_hold_costs_nobody(desk: Desk, odd: str) -> None:
    """It is stored under a name of its own, unanswered, in the same batch; a second delivery is known."""
    batches = [[event("1")], [event(odd), event("x", chat=f"line:a:{odd}"), event(odd.strip("\0\ud83d"))], [event(odd)]]
    with writing(desk) as writer:
        async with together(writer, batches) as asked:
            assert await ended(asked) == ["", "", ""]

    rows = await desk.pool.fetch("SELECT key, state, payload FROM events ORDER BY id")
    assert [row["state"] for row in rows] == ["new", "ignored", "ignored", "new"]
    assert len({row["key"] for row in rows}) == 4
    assert await desk.pool.fetchval("SELECT count(DISTINCT xmin::text) FROM events") == 1


@pytest.mark.usefixtures("patient")
async def test_a_payload_keeps_its_strange_characters(desk: Desk) -> None:
    """An escaped NUL in a text is text; so are quotes, and what is outside the first plane."""
    text = 'a\0b "\\u0000" \\ 😀'
    with writing(desk) as writer:
        writer.store([event("1", payload=text)])

    payload = orjson.loads(await desk.pool.fetchval("SELECT payload FROM events"))
    assert payload["event"]["text"] == text


SLEEP = """
CREATE SEQUENCE naps;  -- which a rollback does not set back
CREATE FUNCTION sleep_here() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF nextval('naps') <= {times} THEN PERFORM pg_sleep(30); END IF; RETURN NEW; END $$;
CREATE TRIGGER sleep_here BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.key = 'line:a:slow')
    EXECUTE FUNCTION sleep_here()
"""
ASLEEP = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"


@asynccontextmanager
async def sleeping(desk: Desk, times: int) -> AsyncIterator[None]:
    """Storing the event called `slow` takes half a minute, that many times."""
    await desk.pool.execute(SLEEP.format(times=times))
    try:
        yield
    finally:
        await desk.pool.execute("DROP TRIGGER sleep_here ON events; DROP FUNCTION sleep_here(); DROP SEQUENCE naps")


@pytest.mark.usefixtures("patient")
async def test_a_database_that_goes_away_in_the_middle_of_a_batch_loses_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at a restart: the connection ends while the statement runs, and the next ones find no server for a while."""
    monkeypatch.setattr(writers, "STATEMENT_MS", 60_000)
    connect, refused = writers._Connection.connect, list[bool]()

    def away(*args: Any, **kwargs: Any) -> Any:
        if len(refused) in (1, 2):
            refused.append(True)
            raise psycopg.OperationalError("the database system is starting up")
        refused.append(True)
        return connect(*args, **kwargs)

    monkeypatch.setattr(writers._Connection, "connect", away)
    async with sleeping(desk, times=1):
        with writing(desk) as writer:
            async with together(writer, [[event("1")], [event("slow")], [event("2")]]) as asked:
                pid = await until(lambda: desk.pool.fetchval(ASLEEP))
                await desk.pool.execute("SELECT pg_terminate_backend($1)", pid)
                assert await ended(asked) == ["", "", ""]

    assert await stored(desk) == ["1", "slow", "2"]
    assert await jobs(desk) == 3
    assert len(refused) == 4


async def test_a_statement_that_hangs_holds_nobody_up_for_long(desk: Desk) -> None:
    """It is given up in time for the platform to hear of it, and the next webhook is stored."""
    async with sleeping(desk, times=100):
        with writing(desk) as writer:
            began = time.monotonic()
            with pytest.raises(NotStoredError):
                await asyncio.to_thread(writer.store, [event("slow")])
            assert time.monotonic() - began < PATIENCE + 5
            await until(lambda: _stores(writer, "quick"))

    assert await stored(desk) == ["quick"]


async def _stores(writer: Writer, name: str) -> bool:
    try:
        await asyncio.to_thread(writer.store, [event(name)])
    except NotStoredError:
        return False
    return True


@pytest.mark.usefixtures("patient")
async def test_a_row_that_another_web_is_about_to_store_holds_nobody_up(desk: Desk) -> None:
    """Two webs got the same event, and the other one's commit hangs: whoever was in the batch with it does not wait.

    A deadlock between two webs ends the same way: by a lock that is not waited for.
    """
    async with desk.pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute(
            "INSERT INTO events (key, channel, chat, state, at, received_at) "
            "VALUES ('line:a:same', 'line', 'line:a:u', 'ignored', now(), now())"
        )
        with writing(desk) as writer:
            async with together(writer, [[event("1")], [event("same")], [event("2")]]) as asked:
                await until(lambda: asked[0].done() and asked[2].done())
                assert not asked[1].done()
                await asyncio.to_thread(writer.store, [event("3")])
                await transaction.rollback()
                assert await ended(asked) == ["", "", ""]

    assert await stored(desk) == ["1", "2", "3", "same"]


async def test_what_waits_at_the_end_is_stored(desk: Desk) -> None:
    """A process that is told to stop writes what has come before it lets go."""
    writer = Writer(desk.database)
    async with together(writer, [[event(str(nr))] for nr in range(5)]) as asked:
        await asyncio.to_thread(writer.close)
        assert await ended(asked) == [""] * 5

    assert await stored(desk) == list("01234")


async def test_received_is_told_by_the_databases_clock(desk: Desk) -> None:
    """Unless it is told otherwise: whoever reads it has another machine's clock."""
    told = datetime(2026, 3, 5, 8, 20, tzinfo=UTC)
    with writing(desk) as writer:
        writer.store([event("database's")])
        writer.store([event("told")], told)

    ours, theirs = await desk.pool.fetch("SELECT received_at, clock_timestamp() AS now FROM events ORDER BY id")
    assert timedelta() < ours["now"] - ours["received_at"] < timedelta(minutes=2)
    assert theirs["received_at"] == told


async def test_a_server_that_stands_still_does_not_hold_up_webhooks_for_ever(desk: Desk) -> None:
    """Its process is stopped: not even its own time-outs work. Its connection is given up for another one."""
    with writing(desk) as writer:
        await asyncio.to_thread(writer.store, [event("before")])
        assert writer._connection is not None
        still = psutil.Process(writer._connection.info.backend_pid)
        still.suspend()
        try:

            async def accepted() -> bool:
                with suppress(NotStoredError):
                    await asyncio.to_thread(writer.store, [event("after")])
                    return True
                return False

            await until(accepted)
        finally:
            still.resume()

    assert await stored(desk) == ["before", "after"]

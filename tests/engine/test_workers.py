"""Real workers on one database: order, no overlap, no loss, also while the database comes and goes."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import psycopg
import pytest
from chat import Chat
from pgqueuer import AsyncpgDriver, Queries
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.types import QueueEntrypoint, QueueManagerId

from bot import worker
from bot.channels import Delivery, Receipt
from bot.channels.intake import arrivals, inbound_channels
from bot.jobs import BUSY_SECONDS, PACE_SECONDS, ChatLocks, FewerQuestions, busy_pause
from bot.storage import arrivals as stored
from bot.storage import inbox, key
from bot.storage.clocks import DatabaseClock
from bot.storage.pool import connect_one
from bot.storage.queue import TAKEN_IN_ORDER
from bot.storage.version import is_current_now
from bot.storage.writer import Writer
from bot.turn import Turns
from engine.desk import Accepted, Deliver, Desk, references, until

CHATS, EVENTS = 12, 20
CODE = "WELCOME2026"


async def left(desk: Desk) -> int:
    return int(await desk.pool.fetchval("SELECT count(*) FROM events WHERE state IN ('new', 'ready')"))


async def settled(desk: Desk, within: float = 60) -> None:
    async def done() -> bool:
        return not await left(desk) and not await desk.pool.fetchval("SELECT count(*) FROM pgqueuer")

    await until(done, within, every=0.05)


async def backends(desk: Desk) -> set[int]:
    """The connections to this database."""
    rows = await desk.pool.fetch("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
    return {row["pid"] for row in rows}


def answered(desk: Desk) -> list[str]:
    """The reply tokens that LINE accepted, in order."""
    calls = desk.sandbox.calls("line", "POST /v2/bot/message/reply")
    return [call.json["replyToken"] for call in calls if call.status == 200]


async def test_each_chat_is_answered_in_order_by_two_workers(desk: Desk) -> None:
    """Twelve people write twenty messages each, two workers answer, and nobody's answers change places.

    Nor do two turns of one chat ever run at the same time, and nothing is lost.
    """
    desk.sandbox.fault("poshen", delay_ms=15)
    chats = [desk.chat("line") for _ in range(CHATS)]
    order: dict[str, list[str]] = defaultdict(list)
    running: dict[str, int] = defaultdict(int)
    overlaps: list[str] = []
    by_worker = [0, 0]

    def worker(number: int) -> Any:
        async def take(turns: Turns, event_id: int) -> None:
            chat = await desk.pool.fetchval("SELECT chat FROM events WHERE id = $1", event_id)
            taken = await inbox.begin(turns.pool, event_id)
            if taken is not None and not taken.has_elder:
                running[chat] += 1
                if running[chat] > 1:
                    overlaps.append(chat)
            await turns.take(event_id)
            by_worker[number] += 1

        return take

    async def deliver(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
        receipt = await deliver(delivery, accepted)
        running[f"line:{chats[0].phone.account}:{delivery.to}"] -= 1  # All that anybody sees of it is done.
        return receipt

    turns = desk.wrapped("line", deliver)

    for _ in range(EVENTS):
        for chat in chats:
            webhook = chat.phone.says(CODE)
            order[chat.user].append(webhook.json["events"][0]["replyToken"])
            assert desk.post(webhook) == 200
    async with AsyncExitStack() as stack:
        for number in range(2):
            await stack.enter_async_context(desk.working(worker(number), turns=turns, concurrency=20))
        await settled(desk)

    accepted = answered(desk)
    for chat in chats:
        assert [token for token in accepted if token in set(order[chat.user])] == order[chat.user]
    assert overlaps == []
    assert sum(by_worker) == CHATS * EVENTS == len(accepted)
    assert min(by_worker) > CHATS, "both workers had their share"
    assert await desk.pool.fetchval("SELECT count(*) FROM claims") == CHATS


# How webs stored an event, and what workers had stored of a reply, before webhooks shared commits (2026-11-29).
OLD_STORE = """
WITH stored AS (
    INSERT INTO events (key, channel, chat, state, at, payload, received_at)
    SELECT row.*, $7::timestamptz
    FROM (VALUES ($1::text, $2::text, $3::text, $4::text, $5::timestamptz, $6::text)) AS row
    ON CONFLICT (key) DO NOTHING
    RETURNING id, chat, state
), queued AS (
    INSERT INTO pgqueuer (priority, entrypoint, payload, status)
    SELECT 0, 'event', convert_to(id || ':' || chat, 'UTF8'), 'queued' FROM stored WHERE state = 'new' ORDER BY id
)
SELECT count(*) FROM stored
"""
OLD_REPLY = {
    "key": "reply:old",
    "messages": [{"message": {"type": "text", "text": "from before"}, "plain": "from before"}],
    "token": None,
    "valuable": True,
    "done": 0,
    "tries": 0,
    "perhaps": False,
}


async def test_old_and_new_work_side_by_side_for_the_length_of_a_deploy(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A web and a worker of before, which takes jobs by PgQueuer's own statement, beside a web and a worker of now.

    Each message is answered once and in its order, and a reply that was committed before the deploy is delivered.
    """
    kinds = iter((Queries, FewerQuestions))

    def queries(driver: AsyncpgDriver) -> Queries:
        return next(kinds)(driver)

    monkeypatch.setattr("bot.jobs.FewerQuestions", queries)
    desk.sandbox.fault("poshen", delay_ms=15)
    chats = [desk.chat("line") for _ in range(8)]
    order: dict[str, list[str]] = defaultdict(list)
    by_worker = [0, 0]

    def worker(number: int) -> Any:
        async def take(turns: Turns, event_id: int) -> None:
            await turns.take(event_id)
            by_worker[number] += 1

        return take

    channel = inbound_channels(desk.settings)["line"]
    for number in range(10):
        for chat in chats:
            webhook = chat.phone.says(CODE)
            order[chat.user].append(webhook.json["events"][0]["replyToken"])
            if number % 2:
                assert desk.post(webhook) == 200
                continue
            (came,) = arrivals(channel, channel.split(webhook.body), desk.clock())
            payload = json.dumps(came.payload)
            row = (came.key, came.channel, came.chat, "new", came.at, payload, desk.clock())
            assert await desk.pool.fetchval(OLD_STORE, *row) == 1
    waiting = desk.chat("line")
    chat_of = f"line:{waiting.phone.account}:{waiting.user}"
    await desk.pool.fetchval(OLD_STORE, "line:old", "line", chat_of, "new", desk.clock(), None, desk.clock())
    await desk.pool.execute(
        "UPDATE events SET state = 'ready', reply = $1 WHERE key = 'line:old'",
        json.dumps({**OLD_REPLY, "to": waiting.user}),
    )

    async with AsyncExitStack() as stack:
        for number in range(2):
            await stack.enter_async_context(desk.working(worker(number), concurrency=20))
        await settled(desk)

    accepted = answered(desk)
    for chat in chats:
        assert [token for token in accepted if token in set(order[chat.user])] == order[chat.user]
    assert len(accepted) == sum(map(len, order.values())) == sum(by_worker) - 1
    assert min(by_worker) > len(chats), "both workers had their share"
    assert await desk.pool.fetchval("SELECT count(*) FROM claims") == len(chats)
    assert [item.message["text"] for item in desk.sandbox.sent("line", waiting.user)] == ["from before"]


async def test_a_slow_chat_does_not_fill_a_worker(desk: Desk) -> None:
    """Somebody's thirty messages to a slow vendor leave room for everybody else."""
    slow, quick = desk.chat("line"), desk.chat("line")
    desk.sandbox.fault("poshen", delay_ms=1_000)
    for _ in range(19):
        desk.post(slow.phone.says(CODE))
    desk.post(quick.phone.says("選單"))
    async with desk.working(concurrency=10) as jobs:
        await until(lambda: desk.sandbox.sent("line", quick.user))
        assert len(desk.sandbox.sent("line", slow.user)) < 10, "not only when there was room again"
        assert jobs.locks.queue(f"line:{slow.phone.account}:{slow.user}") <= 4
        desk.sandbox.clear_faults()
        await settled(desk)


async def flood(desk: Desk, chat: Chat, count: int) -> None:
    """As many messages of one chat, stored by the web process's statement but without its haste."""
    channel = inbound_channels(desk.settings)["line"]

    def store() -> None:
        with psycopg.connect(desk.database, autocommit=True) as connection:
            for part in range(0, count, 500):
                webhooks = [chat.phone.says("選單").body for _ in range(part, min(part + 500, count))]
                events = [event for body in webhooks for event in channel.split(body)]
                stored.store(connection, [stored.row(each, None) for each in arrivals(channel, events, desk.clock())])

    await asyncio.to_thread(store)


async def others_beside(desk: Desk, flooded: int, others: int) -> tuple[float, int]:
    """Seconds until others are answered who wrote after a flood of one chat; and how many of its jobs were tried."""
    loud, quiet = desk.chat("line"), [desk.chat("line") for _ in range(others)]
    await flood(desk, loud, flooded)
    for chat in quiet:
        assert desk.post(chat.phone.says("選單")) == 200
    began = time.monotonic()
    async with desk.working():
        await until(lambda: all(desk.sandbox.sent("line", chat.user) for chat in quiet))
        took = time.monotonic() - began
        touched = await desk.pool.fetchval("SELECT count(*) FROM pgqueuer WHERE attempts > 0")
        await desk.pool.execute("DELETE FROM pgqueuer WHERE status = 'queued'")
        await desk.pool.execute("UPDATE events SET state = 'ignored' WHERE state = 'new'")
    return took, int(touched)


async def test_a_flood_of_one_chat_stands_in_nobodys_way(desk: Desk) -> None:
    """A thousand messages of one person stand before twenty of others: these are answered before its jobs are gone
    through. Looking at each and putting it back would cost everybody behind it."""
    _, touched = await others_beside(desk, 1_000, 20)

    assert touched < 500


@pytest.mark.soak
async def test_a_hundred_thousand_messages_of_one_chat(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """The same, as large as it may get: a hundred others are answered within a second of a worker's start."""
    took, touched = await others_beside(desk, 100_000, 100)
    with capsys.disabled():
        sys.stdout.write(f"\n100 others beside a flood of 100,000: {took:.2f} s, {touched} of its jobs tried\n")

    assert touched < 5_000


async def test_two_webs_that_store_events_of_one_chat_at_once_lose_nothing(desk: Desk) -> None:
    """Each writes its own batch, at the very same moment: all are answered once, and the code is claimed once."""
    chat = desk.chat("line")
    channel = inbound_channels(desk.settings)["line"]
    found = [arrivals(channel, channel.split(chat.phone.says(CODE).body), desk.clock()) for _ in range(16)]
    webs = [Writer(desk.database) for _ in range(2)]
    async with desk.working(), desk.working():
        await asyncio.gather(
            *(asyncio.to_thread(webs[number % 2].store, each, desk.clock()) for number, each in enumerate(found))
        )
        await settled(desk)
    for web in webs:
        web.close()

    assert len(answered(desk)) == len(set(answered(desk))) == 16
    assert await desk.pool.fetchval("SELECT count(*) FROM claims") == 1


async def test_an_event_whose_notice_is_lost_is_found(desk: Desk) -> None:
    """The connection that listens is silent without having died, for ever: an idle worker looks every half second."""
    chats = [desk.chat("line") for _ in range(5)]
    async with desk.working():
        await desk.pool.execute("ALTER TABLE pgqueuer DISABLE TRIGGER USER")
        try:
            began = time.monotonic()
            for chat in chats:
                await asyncio.sleep(0.3)  # Idle again.
                desk.post(chat.phone.says("選單"))
                await until(partial(desk.sandbox.sent, "line", chat.user))
            assert time.monotonic() - began < 12, "the five seconds of a poll, five times, are over"
        finally:
            await desk.pool.execute("ALTER TABLE pgqueuer ENABLE TRIGGER USER")


async def test_a_connection_that_dies_silently_is_replaced(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network takes what is sent, and nothing comes back, not even an error."""
    monkeypatch.setattr("bot.jobs.LOOK_SECONDS", 0.5)
    path = Path(parse_qs(urlsplit(desk.database).query)["host"][0]) / ".s.PGSQL.5432"
    alive: set[asyncio.StreamWriter] = set()
    dead: set[asyncio.StreamWriter] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, theirs: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if theirs not in dead:
                    writer.write(data)
        writer.close()

    async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        alive.add(writer)
        there, server = await asyncio.open_unix_connection(path)
        await asyncio.gather(carry(reader, server, writer), carry(there, writer, writer))

    async with await asyncio.start_server(between, "127.0.0.1", 0) as proxy:
        host, port = proxy.sockets[0].getsockname()
        monkeypatch.setattr("bot.jobs.connect_one", partial(connect_one, host=host, port=port))
        chat = desk.chat("line")
        async with desk.working():
            desk.post(chat.phone.says("選單"))
            await until(partial(desk.sandbox.sent, "line", chat.user))
            assert len(alive) == 1, "the connection that takes jobs"
            dead |= alive
            again = desk.chat("line")
            desk.post(again.phone.says("選單"))
            await until(partial(desk.sandbox.sent, "line", again.user), within=15)
            assert alive > dead


@pytest.mark.parametrize("error", [asyncpg.InternalClientError, asyncpg.ConnectionDoesNotExistError, OSError])
async def test_a_worker_that_starts_while_the_database_dies_waits_for_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """It may die before each of the first questions; nobody may have to start the worker again for that."""
    monkeypatch.setattr(worker, "LOOK_AGAIN_SECONDS", 0.01)
    died = list[str]()

    def once(name: str, ask: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def asked(*arguments: Any) -> Any:
            if name not in died:
                died.append(name)
                raise error("the connection ended")
            return await ask(*arguments)

        return asked

    clock = DatabaseClock()
    monkeypatch.setattr(worker, "is_current_now", once("schema", is_current_now))
    monkeypatch.setattr("bot.storage.key.is_another", once("key", key.is_another))
    monkeypatch.setattr(DatabaseClock, "compare", once("clock", DatabaseClock.compare))
    pool = await worker.connect(desk.settings, asyncio.Event(), clock)
    assert pool is not None and died == ["schema", "key", "clock"]
    await pool.close()


async def test_an_event_that_comes_in_wakes_the_worker_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notification wakes it; the look every half second is only for when that was lost."""
    monkeypatch.setattr("bot.jobs.IDLE_SECONDS", 60)
    chat = desk.chat("line")
    async with desk.working():
        await asyncio.sleep(0.5)  # Idle, and waiting: that is what is to be tested.
        desk.post(chat.phone.says("選單"))
        await until(lambda: desk.sandbox.sent("line", chat.user), within=30)


async def test_webhooks_of_many_events_wait_for_no_poll(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten jobs come with one notice, and each job that is begun uses one up: those of the others among them."""
    monkeypatch.setattr("bot.jobs.IDLE_SECONDS", 60)
    chats = [desk.chat("line") for _ in range(40)]
    async with desk.working():
        await asyncio.sleep(0.5)
        for part in range(0, len(chats), 10):
            events = [chat.phone.says("選單").json["events"][0] for chat in chats[part : part + 10]]
            body = {"destination": chats[0].phone.account, "events": events}
            assert desk.post(chats[0].phone.signed(body)) == 200
        await until(lambda: all(desk.sandbox.sent("line", chat.user) for chat in chats), within=30)


async def test_the_queue_is_not_asked_for_what_is_known(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One statement for what is there, none for what must be empty, and none about waiting while jobs keep coming."""

    class Counted(AsyncpgDriver):
        asked = 0

        async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
            self.asked += 1
            return await super().fetch(query, *args)

    async def jobs(*names: bytes) -> None:
        statement = "INSERT INTO pgqueuer (priority, entrypoint, payload, status) VALUES (0, 'test', $1, 'queued')"
        await desk.pool.executemany(statement, [[name] for name in names])

    test = QueueEntrypoint("test")
    async with desk.pool.acquire() as connection:
        driver = Counted(connection)
        queries = FewerQuestions(driver)

        async def taken(most: int = 2) -> list[bytes | None]:
            limits = {test: EntrypointExecutionParameter(0)}
            found = await queries.dequeue(most, limits, QueueManagerId(uuid4()), 10, timedelta(seconds=30))
            return [job.payload for job in found]

        await jobs(b"1", b"2", b"3")
        assert [await taken(), await taken(), driver.asked] == [[b"1", b"2"], [b"3"], 2]
        await jobs(b"4")
        assert [await taken(), driver.asked] == [[], 2], "fewer than two came, so PgQueuer is told that this was all"
        assert [await queries.eligible_queued_work([test]), driver.asked] == [1, 2], "so it looks again at once"
        assert [await taken(), await taken(), driver.asked] == [[b"4"], [], 3]
        await asyncio.sleep(BUSY_SECONDS * 1.1)  # A timer of the loop may be a millisecond early.
        assert [await queries.eligible_queued_work([test]), driver.asked] == [0, 3], "quiet: it waits for a notice"
        await jobs(b"5", b"6")
        assert [await taken(3), await taken(3), driver.asked] == [[b"5", b"6"], [], 4]
        began = asyncio.get_running_loop().time()
        assert [await taken(), driver.asked] == [[], 5]
        assert asyncio.get_running_loop().time() - began > PACE_SECONDS * 0.9, "jobs that come quickly are let gather"


async def test_an_open_transaction_does_not_make_taking_jobs_slow(desk: Desk) -> None:
    """Nothing that is done can be removed while somebody's old snapshot may still want it. A look into the queue steps
    over all of it but now and then, and as soon as the transaction has ended everything is as it was."""
    event = QueueEntrypoint("event")
    old = await asyncpg.connect(desk.database)
    connection = await connect_one(desk.database, server_settings=TAKEN_IN_ORDER)
    try:
        await old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events")
        for _ in range(10):
            await connection.execute(
                "INSERT INTO pgqueuer (priority, entrypoint, payload, status) "
                "SELECT 0, 'event', '1:none', 'queued' FROM generate_series(1, 2000)"
            )
            await connection.execute("UPDATE pgqueuer SET status = 'picked', heartbeat = now()")
            await connection.execute("DELETE FROM pgqueuer")
        await connection.execute("ANALYZE pgqueuer")  # As PostgreSQL does by itself, and nearly always finds it empty.
        driver = Explained(connection)
        queries = FewerQuestions(driver)

        async def look() -> int:
            """How many pages it touched."""
            insert = (
                "INSERT INTO pgqueuer (priority, entrypoint, payload, status) VALUES (0, 'event', '1:none', 'queued')"
            )
            await connection.execute(insert)
            queries._took_all = False
            (job,) = await queries.dequeue(10, {event: None}, QueueManagerId(uuid4()), 10, timedelta(seconds=5))
            await queries.log_jobs([(job, "successful", None)])
            return driver.pages.pop()

        first, *others = [await look() for _ in range(21)]
        assert first > 300, "the pages that it steps over"
        assert sorted(others)[10] < 60
        assert sorted(driver.others)[10] < 60, "removing one reads no others either"

        await old.execute("COMMIT")
        for _ in range(2):
            queries._next_whole_look = 0
            again = await look()
        assert again < first / 2, "the first look after it has marked what is done"
    finally:
        await connection.execute("DELETE FROM pgqueuer")
        await old.close()
        await connection.close()


class Explained(AsyncpgDriver):
    """pages: how many each look touched. others: how many each other statement did."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        super().__init__(connection)
        self.connection = connection
        self.pages: list[int] = []
        self.others: list[int] = []

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        self.pages.append(await self._touched(query, *args))
        return await super().fetch(query, *args)

    async def execute(self, query: str, *args: object) -> str:
        self.others.append(await self._touched(query, *args))
        return await super().execute(query, *args)

    async def _touched(self, query: str, *args: object) -> int:
        transaction = self.connection.transaction()
        await transaction.start()
        (row,) = await self.connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", *args)
        await transaction.rollback()
        plan = json.loads(row[0])[0]["Plan"]
        return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def test_stopping_finishes_what_was_begun(desk: Desk) -> None:
    """Twenty slow answers are on their way when the worker is told to stop: each of them arrives."""
    chats = [desk.chat("line") for _ in range(8)]
    desk.sandbox.fault("poshen", delay_ms=600)
    for chat in chats:
        desk.post(chat.phone.says(CODE))
    async with desk.working():
        await until(lambda: len(desk.sandbox.calls("poshen")) == len(chats))

    assert all(desk.sandbox.sent("line", chat.user) for chat in chats)
    assert await left(desk) == 0


async def test_connections_that_die_in_the_middle_lose_nothing(desk: Desk) -> None:
    """Every connection of the worker is cut while answers are being made; all are given all the same, once."""
    chats = [desk.chat("line") for _ in range(8)]
    desk.sandbox.fault("poshen", delay_ms=300, times=8)
    for chat in chats:
        desk.post(chat.phone.says(CODE))
    mine = await backends(desk)
    async with desk.working():
        await until(lambda: len(desk.sandbox.calls("poshen")) >= 4)
        for pid in await backends(desk) - mine:
            await desk.pool.execute("SELECT pg_terminate_backend($1)", pid)
        await settled(desk)

    for chat in chats:
        assert sum(bool(references(item.message)) for item in desk.sandbox.sent("line", chat.user)) == 1
    assert await desk.pool.fetchval("SELECT count(*) FROM claims") == len(chats)


async def test_a_cut_connection_of_a_turn_alone_runs_it_again(desk: Desk) -> None:
    """The queue's own connection lives, so nothing but the turn's job can bring the event back."""
    chat = desk.chat("line")
    cut = False

    async def take(turns: Turns, event_id: int) -> None:
        nonlocal cut
        if not cut:
            cut = True
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        await turns.take(event_id)

    desk.post(chat.phone.says(CODE))
    async with desk.working(take):
        await settled(desk)

    assert cut
    assert len(desk.sandbox.sent("line", chat.user)) >= 1


@pytest.mark.parametrize("error", [ValueError("a bug"), OSError("disk"), TimeoutError()])
async def test_whatever_a_job_raises_its_event_is_run_again(desk: Desk, error: Exception) -> None:
    """PgQueuer deletes a job that fails; ours are put back instead."""
    chat = desk.chat("line")
    rounds = 0

    async def take(turns: Turns, event_id: int) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise error
        await turns.take(event_id)

    desk.post(chat.phone.says(CODE))
    async with desk.working(take):
        await settled(desk)

    assert rounds == 2
    assert await desk.pool.fetchval("SELECT count(*) FROM claims") == 1


async def test_an_event_whose_job_is_gone_gets_a_new_one(desk: Desk) -> None:
    """However it was lost: after two minutes the sweep queues it again, and only it."""
    chat = desk.chat("line")
    desk.post(chat.phone.says(CODE))
    desk.post(chat.phone.says("選單"))
    await desk.pool.execute("DELETE FROM pgqueuer WHERE id = (SELECT min(id) FROM pgqueuer)")
    assert await inbox.requeue_orphans(desk.pool) == 0, "not yet: its job may just be starting"
    await desk.pool.execute("UPDATE events SET received_at = received_at - interval '3 minutes'")

    assert await inbox.requeue_orphans(desk.pool) == 1
    assert await inbox.requeue_orphans(desk.pool) == 0
    await desk.run()
    assert await left(desk) == 0


async def test_many_people_cannot_claim_more_than_the_cap(desk: Desk) -> None:
    """Thirty people, two workers, five claims to be had: five receipts, and twenty-five are told so."""
    from bot.storage import claims
    from bot.storage.claims import Policy

    async with desk.pool.acquire() as connection:
        await claims.set_policy(connection, 5, Policy(max_claims=5))
    chats = [desk.chat("line") for _ in range(30)]
    for chat in chats:
        desk.post(chat.phone.says(CODE))
    async with desk.working(), desk.working():
        await settled(desk)

    assert await desk.pool.fetchval("SELECT count(*) FROM claims") == 5
    seen = [_read(chat) for chat in chats]
    assert sum(bool(references(text)) for text in seen) == 5
    assert sum(chats[0]._("This code has been fully used.") in text for text in seen) == 25


async def test_one_person_on_two_workers_claims_once(desk: Desk) -> None:
    """Ten messages with the same code at once: one claim, and each answer shows the same receipt."""
    chat = desk.chat("line")
    for _ in range(10):
        desk.post(chat.phone.says(CODE))
    async with desk.working(), desk.working():
        await settled(desk)

    shown = {text for item in desk.sandbox.sent("line", chat.user) for text in references(item.message)}
    assert len(shown) == 1
    assert await desk.pool.fetchval("SELECT count(*) FROM claims") == 1


async def test_locks_are_handed_on_in_the_order_they_were_asked_for() -> None:
    """First come, first served; and nothing is kept of a chat nobody is busy with."""
    locks, got = ChatLocks(), []

    async def one(number: int) -> None:
        async with locks.hold("chat"):
            for _ in range(20 - number):  # The first has the most to do, and is overtaken by nobody.
                await asyncio.sleep(0)
            got.append(number)

    await asyncio.gather(*(one(number) for number in range(20)))

    assert got == list(range(20))
    assert locks.queue("chat") == 0
    assert locks._locks == {}


def _read(chat: Chat) -> str:
    chat.look()
    return chat.text


def test_a_chat_that_is_busy_for_long_is_looked_at_again_within_seconds() -> None:
    """However often its job was put back: PgQueuer counts every time, and deletes the job of an error."""
    pauses = [busy_pause(attempts) for attempts in (0, 3, 6, 10, 2_000, 1_000_000)]

    assert pauses[0] == 0.3
    assert pauses == sorted(pauses) and pauses[-1] < 5

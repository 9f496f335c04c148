"""Issuing is like money: paid once or not at all, issued once or not at all, and the customer hears of it once.

The first half kills real workers (kill -9) at every step of it; the second takes turns and jobs apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from chat import Chat

from bot.apis.gotit import GotItApi
from bot.services.vouchers import LEASE, Delivered, Vouchers
from bot.storage import inbox, issues, rewards
from bot.storage.issues import Issue
from bot.turn import Turns
from engine.desk import Desk, migrated_database, until
from engine.processes import READY_WITHIN, Giftdesk
from engine.shopping import (
    CODE,
    COST,
    GOLD,
    GOT,
    ISSUE,
    PAID_AND_GOT,
    PAID_NOTHING,
    POINTS,
    VOUCHER,
    Ended,
    asked,
    confirms,
    ended,
    newcomer,
    row_of,
    shopper,
    time_passes,
    told,
    waits,
    wish,
)
from engine.stops import Stops, install
from sandbox import Sandbox

# ── kill -9 ──────────────────────────────────────────────────────────────────────────────────────

# Whoever was silent for five seconds loses their jobs to others; here these pass at once.
SILENT = "UPDATE pgqueuer SET heartbeat = now() - interval '1 minute' WHERE status = 'picked'"

Place = str | dict[str, Any]  # a statement (see stops.PLACES), or a call that takes long

REPLY, PUSH = "line:POST /v2/bot/message/reply", "line:POST /v2/bot/message/push"
LONG = 20_000  # ms: the worker is dead long before

EXCHANGE: dict[str, Place] = {
    "exchange: before its points are held": "hold",
    "exchange: reserved, before the call": "lease",
    "exchange: while the call is on its way": {"route": ISSUE, "delay_ms": LONG},
    "exchange: after Got It has issued": {"route": ISSUE, "delay_ms": LONG, "after": True},
    "exchange: answered, before its end is written": "settle",
    "exchange: ended, before the reply is committed": "reply",
    "exchange: before the reply is delivered": {"route": REPLY, "delay_ms": LONG},
    "exchange: delivered, before that is noted": "mark",
}
PROMISED: dict[str, Place] = {
    "code: before the claim is committed": "claim",
    "code: claimed, before the call": "lease",
    "code: while the call is on its way": {"route": ISSUE, "delay_ms": LONG},
    "code: after Got It has issued": {"route": ISSUE, "delay_ms": LONG, "after": True},
    "code: answered, before its end is written": "settle",
    "code: ended, before the reply is committed": "reply",
    "code: before the reply is delivered": {"route": REPLY, "delay_ms": LONG},
}
FOLLOW_UP: dict[str, Place] = {
    "follow-up: before it asks again": "lease",
    "follow-up: while it asks again": {"route": ISSUE, "delay_ms": LONG},
    "follow-up: after Got It has issued": {"route": ISSUE, "delay_ms": LONG, "after": True},
    "follow-up: answered, before its end is written": "settle",
    "follow-up: ended, while the customer is being told": {"route": PUSH, "delay_ms": LONG},
}
STEPS = (*EXCHANGE, *PROMISED, *FOLLOW_UP)


READY = b"worker ready"


@dataclass
class Scene:
    """A desk whose messages are answered by real workers, one after the other."""

    desk: Desk
    stops: Stops
    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """A worker that is killed at the end of the block. What it is about to write then never happens."""
        secret = self.desk.settings.secret_key.get_secret_value()
        settings = {"DATABASE_URL": self.desk.database, "SECRET_KEY": secret, **self.settings}
        worker = Giftdesk(self.folder, self.desk.sandbox, settings, role="worker", forks=True)
        worker.start()
        assert worker.process is not None
        try:
            # What comes before it is ready might be old enough by then to be answered in another way.
            await until(lambda: READY in worker.log.read_bytes(), READY_WITHIN, every=0.05)
            yield
        finally:
            worker.process.kill()
            worker.process.wait()
            await self.stops.undone()
            self.desk.sandbox.clear_faults()
            await self.desk.pool.execute(SILENT)

    async def reach(self, chat: Chat, place: Place, begin: Callable[[], Awaitable[None]]) -> None:
        """Begin something, and wait until the worker is at `place` with it."""
        if isinstance(place, str):
            await self.stops.at(place, await row_of(self.desk, chat))
            count = self.stops.stopped
        else:
            upstream, _, route = place["route"].partition(":")
            self.desk.sandbox.fault(times=1, **place)

            async def count() -> int:
                return len(self.desk.sandbox.calls(upstream, route))

        before = await count()
        await begin()

        async def there() -> bool:
            return await count() > before

        try:
            await until(there)
        except AssertionError:
            log = (self.folder / "worker.log").read_text()
            raise AssertionError(f"never came to {place}:\n{log[-3000:]}") from None

    async def post(self, webhook: Any) -> None:
        """Deliver a webhook and wait for nothing."""
        assert self.desk.post(webhook) == 200

    async def answered(self) -> None:
        """Every event has its answer."""

        async def done() -> bool:
            left = await self.desk.pool.fetchval("SELECT count(*) FROM events WHERE state IN ('new', 'ready')")
            return not left

        await until(done, every=0.05)

    async def over(self) -> None:
        """Nothing is left to do, however much time passes."""

        async def done() -> bool:
            if left := await self.desk.pool.fetchval("SELECT count(*) FROM pgqueuer"):
                await time_passes(self.desk.pool)
            return not left

        await self.answered()
        await until(done, every=0.3)


def waits_now(chat: Chat) -> bool:
    """Whether a customer was told once that it is being confirmed."""
    return waits(chat) == 1


@pytest.fixture(scope="module")
async def after_kills(database: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """How it ended for twenty customers, each of whom had a worker killed at another step of theirs."""
    url = await migrated_database(database, "issuing")
    async with Sandbox.running() as sandbox, Desk.open(url, sandbox) as desk, Stops.open(url) as stops:
        await install(desk.pool)
        await rewards.put(desk.pool, GOLD, VOUCHER)
        people = {step: await (newcomer if step in PROMISED else shopper)(desk) for step in STEPS}
        for step in STEPS:
            if step not in PROMISED:
                await wish(people[step])
        scene = Scene(desk, stops, tmp_path_factory.mktemp("workers"))
        async with scene.worker():
            for step, place in EXCHANGE.items():
                await scene.reach(people[step], place, partial(scene.post, confirms(people[step])))
        async with scene.worker():
            await scene.answered()
            for step, place in PROMISED.items():
                await scene.reach(people[step], place, partial(scene.post, people[step].phone.says(CODE)))
            for number, (step, place) in enumerate(FOLLOW_UP.items()):
                chat = people[step]
                sandbox.fault(ISSUE, status=504, after=number % 2 == 0, times=1)
                await scene.post(confirms(chat))
                await until(partial(waits_now, chat))
                await scene.reach(chat, place, partial(time_passes, desk.pool, await row_of(desk, chat)))
        async with scene.worker():
            await scene.over()
        return {step: await ended(desk, chat) for step, chat in people.items()}


@pytest.mark.parametrize("step", STEPS)
async def test_a_worker_that_is_killed_takes_and_gives_nothing_twice(step: str, after_kills: dict[str, Ended]) -> None:
    """Paid once, issued once, told once; no lease and no job is left."""
    assert after_kills[step] == (GOT if step in PROMISED else PAID_AND_GOT)


# ── two at once ──────────────────────────────────────────────────────────────────────────────────


@dataclass
class Slow:
    """A worker that is in the middle of asking Got It for somebody's voucher."""

    event_id: int
    turn: asyncio.Task[None]

    async def end(self) -> None:
        """Let it read its answer and go on; its turn may be over by then."""
        await asyncio.gather(self.turn, return_exceptions=True)


async def asking(desk: Desk, chat: Chat, **fault: Any) -> Slow:
    """Begin an exchange, up to its first call, which takes a moment (and then goes as `fault` says)."""
    desk.sandbox.fault(ISSUE, delay_ms=300, times=1, **fault)
    desk.post(await wish(chat))
    event_id = (await desk.event())["id"]
    turn = asyncio.create_task(desk.turns.take(event_id))
    await until(lambda: asked(desk.sandbox))
    return Slow(event_id, turn)


async def open_issue(desk: Desk) -> Issue:
    """The only one whose end is not known."""
    (issue,) = await issues.unsettled(desk.pool)
    return issue


async def unknown(desk: Desk, chat: Chat, **fault: Any) -> Issue:
    """An exchange whose outcome is unknown: the customer was told to wait, and a job will ask again."""
    desk.sandbox.fault(ISSUE, status=504, times=1, **fault)
    desk.post(await wish(chat))
    await desk.turns.take((await desk.event())["id"])
    return await open_issue(desk)


async def test_a_worker_that_was_taken_for_dead_ends_it_and_the_customer_hears_of_it(desk: Desk) -> None:
    """Its silence made another one answer "confirming"; then its own answer came. They were promised a message."""
    chat = await shopper(desk)
    slow = await asking(desk, chat)
    await desk.turns.take(slow.event_id)
    assert (waits(chat), told(chat)) == (1, 0)
    await slow.end()
    await desk.run()

    assert await ended(desk, chat) == PAID_AND_GOT
    assert len(asked(desk.sandbox)) == 1


async def test_an_end_that_comes_while_the_answer_is_written_is_the_answer(desk: Desk) -> None:
    """Then there is nothing to wait for, and no message of its own."""
    chat = await shopper(desk)
    slow = await asking(desk, chat)
    vouchers, gotit = desk.turns.services.vouchers, desk.turns.apis.gotit
    assert gotit is not None
    seen = await vouchers.attempt(desk.pool, gotit, (await open_issue(desk)).id)
    await slow.end()
    async with desk.pool.acquire() as connection, connection.transaction():
        shown = await vouchers.promise(connection, seen)
    await desk.run()

    assert (seen.state, shown.state) == ("pending", "done")
    assert await ended(desk, chat) == PAID_AND_GOT


async def test_a_no_that_comes_too_late_gives_no_points_back(desk: Desk) -> None:
    """A worker sleeps through its lease; meanwhile another one's call issued the voucher, as nobody knows yet."""
    chat = await shopper(desk)
    slow = await asking(desk, chat, status=400)
    desk.ahead(seconds=LEASE.total_seconds() + 1)
    desk.sandbox.fault(ISSUE, status=504, after=True, times=1)
    await desk.turns.take(slow.event_id)
    await slow.end()
    assert (await open_issue(desk)).state == "unknown"
    await desk.run()

    assert await ended(desk, chat) == PAID_AND_GOT


async def test_a_late_answer_does_not_open_the_door_for_a_third_call(desk: Desk) -> None:
    """A worker that slept knows nothing; the one who took over is still at it, alone."""
    chat = await shopper(desk)
    slow = await asking(desk, chat, status=504)
    desk.ahead(seconds=LEASE.total_seconds() + 1)
    desk.sandbox.fault(ISSUE, delay_ms=900, times=1)
    issue = await open_issue(desk)
    second = asyncio.create_task(desk.turns.issue(issue.id))
    await until(lambda: len(asked(desk.sandbox)) == 2)
    await slow.end()
    await desk.turns.issue(issue.id)
    assert len(asked(desk.sandbox)) == 2
    await second
    await desk.run()

    assert await ended(desk, chat) == PAID_AND_GOT


async def test_ten_at_once_ask_once(desk: Desk) -> None:
    """Jobs and turns, on any number of machines: one has the lease."""
    chat = await shopper(desk)
    issue = await unknown(desk, chat)
    desk.ahead(minutes=1)
    desk.sandbox.fault(ISSUE, delay_ms=200, times=1)
    await asyncio.gather(*(desk.turns.issue(issue.id) for _ in range(10)))
    assert len(asked(desk.sandbox)) == 2, "the first call, and one more"
    await desk.run()

    assert await ended(desk, chat) == PAID_AND_GOT
    assert len(asked(desk.sandbox)) == 2


class Calls:
    """Counts the attempts that are in hand. Leases outlive every call, so a test may let them run out between calls
    only; `between` keeps new ones waiting meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.in_hand, self._open = 0, asyncio.Event()
        self._open.set()
        attempt = Vouchers.attempt

        async def counted(*arguments: Any, **options: Any) -> Issue:
            await self._open.wait()
            self.in_hand += 1
            try:
                return await attempt(*arguments, **options)
            finally:
                self.in_hand -= 1

        monkeypatch.setattr(Vouchers, "attempt", counted)

    @contextmanager
    def between(self) -> Iterator[bool]:
        """Whether no call is on its way; none begins until the block ends."""
        self._open.clear()
        try:
            yield not self.in_hand
        finally:
            self._open.set()


async def test_connections_that_die_in_the_middle_of_issuing_change_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every connection to the database is cut while six calls are on their way; two workers go on."""
    calls = Calls(monkeypatch)
    people = [await shopper(desk) for _ in range(6)]
    taps = [await wish(chat) for chat in people]
    desk.sandbox.fault(ISSUE, delay_ms=400, times=6)
    mine = {row["pid"] for row in await desk.pool.fetch(BACKENDS)}
    async with desk.working(), desk.working():
        for tap in taps:
            desk.post(tap)
        await until(lambda: len(asked(desk.sandbox)) >= 4)
        for row in await desk.pool.fetch(BACKENDS):
            if row["pid"] not in mine:
                await desk.pool.execute("SELECT pg_terminate_backend($1)", row["pid"])
        await desk.pool.execute(SILENT)

        async def over() -> bool:
            unanswered = await desk.pool.fetchval("SELECT count(*) FROM events WHERE state IN ('new', 'ready')")
            if jobs := await desk.pool.fetchval("SELECT count(*) FROM pgqueuer"):
                with calls.between() as idle:
                    if idle:
                        await time_passes(desk.pool)
            return not (unanswered or jobs)

        await until(over, every=0.5)

    assert [await ended(desk, chat) for chat in people] == [PAID_AND_GOT] * len(people)


async def test_an_answer_on_its_way_survives_the_queues_connection(desk: Desk) -> None:
    """PgQueuer's own connection is cut, nothing else: what is being asked is neither thrown away nor asked again."""
    chat = await shopper(desk)
    tap = await wish(chat)
    desk.sandbox.fault(ISSUE, delay_ms=700, times=1)
    async with desk.working():
        desk.post(tap)
        await until(lambda: asked(desk.sandbox))
        await desk.pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND query LIKE '%pgqueuer%'"
        )

        async def paid() -> bool:
            return bool(await desk.pool.fetchval("SELECT count(*) = 1 FROM issues WHERE state = 'done'"))

        await until(paid)
        await desk.pool.execute(SILENT)

        async def over() -> bool:
            return not await desk.pool.fetchval("SELECT count(*) FROM pgqueuer")

        await until(over)

    assert await ended(desk, chat) == PAID_AND_GOT
    assert len(asked(desk.sandbox)) == 1


async def test_what_got_it_said_is_kept_through_a_restart_of_the_database(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may not say it again; so its answer is written down as soon as there is a database."""
    chat = await shopper(desk)
    desk.post(await wish(chat))
    settle, down = issues.settle, 2

    async def restarting(*args: Any, **more: Any) -> Any:
        nonlocal down
        if down:
            down -= 1
            raise asyncpg.CannotConnectNowError("the database system is starting up")
        return await settle(*args, **more)

    monkeypatch.setattr(issues, "settle", restarting)
    await desk.run()

    assert await ended(desk, chat) == PAID_AND_GOT
    assert len(asked(desk.sandbox)) == 1


BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"


# ── leases and jobs ──────────────────────────────────────────────────────────────────────────────


async def test_a_dead_workers_lease_runs_out(desk: Desk) -> None:
    """Until then nobody asks; then it is asked with the same request id, and as what it is: unknown."""
    chat = await shopper(desk)
    slow = await asking(desk, chat, after=True)
    slow.turn.cancel()
    await slow.end()
    issue = await open_issue(desk)
    desk.ahead(seconds=LEASE.total_seconds() - 5)
    await desk.turns.issue(issue.id)
    assert (len(asked(desk.sandbox)), (await open_issue(desk)).state) == (1, "pending")

    desk.sandbox.fault(ISSUE, status=401, times=2)  # A refusal of the second call says nothing about the first.
    desk.ahead(seconds=10)
    await desk.turns.issue(issue.id)
    assert (await open_issue(desk)).state == "unknown"
    await desk.run()
    assert await ended(desk, chat) == PAID_AND_GOT
    assert len({call.json["request_id"] for call in asked(desk.sandbox)}) == 1


async def test_a_call_is_over_before_its_lease_however_long_that_took_to_get(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease counts from when it was asked for: what a busy database took of it is no time for the call."""
    chat = await shopper(desk)
    issue = await unknown(desk, chat)
    desk.ahead(minutes=1)
    desk.sandbox.fault(ISSUE, delay_ms=400, times=1)
    monkeypatch.setattr("bot.services.vouchers.CALL_WITHIN", 1.2)
    async with desk.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM issues FOR UPDATE")
        job = asyncio.create_task(desk.turns.issue(issue.id))
        await asyncio.sleep(1.0)
    await job

    assert (await open_issue(desk)).reason == "no answer in time"
    await desk.run()
    assert await ended(desk, chat) == PAID_AND_GOT


async def test_a_job_that_runs_again_after_its_end_says_nothing_more(desk: Desk) -> None:
    """The worker died between the end and putting its job away."""
    chat = await shopper(desk)
    issue = await unknown(desk, chat)
    await desk.run()
    assert await ended(desk, chat) == PAID_AND_GOT
    for _ in range(2):
        await issues.queue(desk.pool, issue.id, timedelta(0))
    await desk.run()

    assert await ended(desk, chat) == PAID_AND_GOT
    assert len(asked(desk.sandbox)) == 2


async def test_a_voucher_whose_job_is_gone_gets_a_new_one(desk: Desk) -> None:
    """However it was lost: after two minutes the sweep queues it again, once, and the customer hears the end."""
    chat = await shopper(desk)
    issue = await unknown(desk, chat)
    await desk.pool.execute("DELETE FROM pgqueuer")
    assert await issues.requeue_orphans(desk.pool) == 0, "not yet: its job may just be starting"
    await desk.pool.execute("UPDATE issues SET created_at = created_at - interval '3 minutes'")

    assert await issues.requeue_orphans(desk.pool) == 1
    assert await issues.requeue_orphans(desk.pool) == 0
    desk.ahead(minutes=1)
    await desk.turns.issue(issue.id)
    await desk.run()
    assert await ended(desk, chat) == PAID_AND_GOT


async def test_a_voucher_that_staff_decide_about_gets_no_job(desk: Desk) -> None:
    """The sweep leaves to them what is theirs."""
    chat = await shopper(desk)
    await unknown(desk, chat)
    await desk.pool.execute("DELETE FROM pgqueuer")
    await desk.pool.execute("UPDATE issues SET state = 'check', created_at = created_at - interval '3 minutes'")

    assert await issues.requeue_orphans(desk.pool) == 0


async def test_a_voucher_of_a_turn_that_keeps_failing_comes_all_the_same(desk: Desk) -> None:
    """Its event is held with an apology; the sweep finds what was begun, and the customer is told."""
    chat = await shopper(desk)
    desk.post(await wish(chat))

    await desk.run(broken(desk))
    assert len(await inbox.held(desk.pool)) == 1
    assert (await open_issue(desk)).state == "pending"

    await desk.pool.execute("UPDATE issues SET created_at = created_at - interval '3 minutes'")
    assert await issues.requeue_orphans(desk.pool) == 1
    await desk.run()
    assert await ended(desk, chat) == PAID_AND_GOT


class Broken(Vouchers):
    """Vouchers that can be reserved, but not asked for."""

    async def attempt(
        self, pool: asyncpg.Pool, api: GotItApi, issue_id: int, *, late: bool = False, answering: bool = False
    ) -> Issue:
        raise RuntimeError("a bug")


def broken(desk: Desk) -> Turns:
    """The turns of a desk whose vouchers are broken."""
    ours = desk.turns.services.vouchers
    vouchers = Broken(**{each.name: getattr(ours, each.name) for each in fields(ours)})
    return replace(desk.turns, services=replace(desk.turns.services, vouchers=vouchers))


# ── staff ────────────────────────────────────────────────────────────────────────────────────────


async def test_asking_again_does_not_forget_the_call_on_its_way(desk: Desk) -> None:
    """Staff want it asked again while a worker, about to die, is at it. What it did is unknown, so no is no "no"."""
    chat = await shopper(desk)
    slow = await asking(desk, chat, after=True)
    async with desk.pool.acquire() as connection, connection.transaction():
        await desk.turns.services.vouchers.reopen(connection, await open_issue(desk))
    slow.turn.cancel()
    await slow.end()
    desk.sandbox.fault(ISSUE, status=400, times=1)
    await desk.run()

    assert await ended(desk, chat) == Ended(available=POINTS - COST, held=COST, issued=1, states=("check",), told=0), (
        "held until staff have asked Got It"
    )


@pytest.mark.parametrize("dies", [False, True])
async def test_asking_again_beside_the_customers_own_call_tells_them_once(desk: Desk, dies: bool) -> None:
    """Whoever is at it shows the end in its answer, or its turn runs again and does: it is no news of its own."""
    chat = await shopper(desk)
    slow = await asking(desk, chat)
    async with desk.pool.acquire() as connection, connection.transaction():
        await desk.turns.services.vouchers.reopen(connection, await open_issue(desk), LEASE)
    if dies:
        slow.turn.cancel()
    await slow.end()
    await desk.run()

    assert await ended(desk, chat) == PAID_AND_GOT


async def test_asking_again_for_whom_nobody_answers_any_more_tells_them(desk: Desk) -> None:
    """Their event is held: the end is all that they hear of it."""
    chat = await shopper(desk)
    desk.post(await wish(chat))
    await desk.run(broken(desk))
    async with desk.pool.acquire() as connection, connection.transaction():
        await desk.turns.services.vouchers.reopen(connection, await open_issue(desk))
    await desk.run()

    assert await ended(desk, chat) == PAID_AND_GOT


async def test_staff_decide_nothing_about_a_call_on_its_way(desk: Desk) -> None:
    """What comes of it decides."""
    chat = await shopper(desk)
    slow = await asking(desk, chat)
    assert await give_up(desk, await open_issue(desk)) is None
    await slow.end()

    assert await ended(desk, chat) == PAID_AND_GOT


async def test_what_is_issued_after_staff_gave_it_up_is_told_to_staff(desk: Desk) -> None:
    """A worker slept through its lease, and everybody took its call for lost. The customer has both then."""
    chat = await shopper(desk)
    slow = await asking(desk, chat)
    desk.ahead(seconds=LEASE.total_seconds() + 1)
    assert await give_up(desk, await open_issue(desk))
    await slow.end()
    await desk.run()

    assert await ended(desk, chat) == replace(PAID_NOTHING, issued=1)
    assert await desk.pool.fetchval("SELECT count(*) FROM pushes WHERE key LIKE 'alert:issued:%'") >= 1


async def test_how_it_came_is_kept_though_staff_gave_it_up(desk: Desk) -> None:
    """Got It may send a link and a code with its answer: staff can still hand them over, and nobody reads them."""
    chat = await shopper(desk)
    item = {"product_id": 422, "product_name": "Voucher", "quantity": 1, "link": "https://gotit.vn/v/1", "code": "GI-1"}
    answer = {"statusCode": 200, "statusMessage": "", "data": {"transaction_id": "T-1", "items": [item]}}
    slow = await asking(desk, chat, status=200, body=answer, after=True)
    desk.ahead(seconds=LEASE.total_seconds() + 1)
    assert await give_up(desk, await open_issue(desk))
    await slow.end()

    row = await desk.pool.fetchrow("SELECT ref, state, delivery FROM issues")
    issue = await issues.by_ref(desk.pool, row["ref"])
    assert issue is not None
    assert row["state"] == "failed"
    assert desk.turns.services.vouchers.delivered(issue) == Delivered("https://gotit.vn/v/1", "GI-1")
    assert b"GI-1" not in row["delivery"]


async def give_up(desk: Desk, issue: Issue) -> Issue | None:
    """Staff decide that it was not issued."""
    vouchers = desk.turns.services.vouchers
    async with desk.pool.acquire() as connection, connection.transaction():
        return await vouchers.resolve(connection, issue, desk.clock(), ok=False, reason="no answer")

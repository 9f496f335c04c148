"""MantaGo's pair is exchanged by one process, once, and never lost without somebody being told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from bot.apis.mantago import MantagoApi, Pair
from bot.errors import CredentialsRefused, UpstreamUnavailable
from bot.services import mantago_pairs as service
from bot.services.mantago_pairs import MantagoPairs
from bot.services.sealing import Sealer
from bot.storage import mantago_pairs as storage
from bot.storage import pool as pools
from engine.desk import Crash, Desk, migrated_database, until
from engine.processes import Giftdesk
from sandbox import Sandbox
from sandbox.credentials import MANTAGO_BOT_ID, mantago_token

EXCHANGE = "POST /openapi/token"
SECRET = b"0" * 64


@dataclass
class Shop:
    """A deployment, its database and its settings; each process of it is made by `process`."""

    desk: Desk
    stack: AsyncExitStack
    settings: Pair
    pool: asyncpg.Pool = field(init=False)

    def __post_init__(self) -> None:
        self.pool = self.desk.pool

    @property
    def sandbox(self) -> Sandbox:
        return self.desk.sandbox

    @property
    def exchanges(self) -> int:
        """How often MantaGo was asked for another pair."""
        return len(self.sandbox.calls("mantago", EXCHANGE))

    def process(self, *, rotates: bool = True, settings: Pair | None = None, url: str = "") -> MantagoPairs:
        """One more of them, which has just started."""
        pair = settings or self.settings
        api = MantagoApi.open(
            url or f"{self.sandbox.url}/mantago", token=pair.token, secret=pair.secret, bot_id=MANTAGO_BOT_ID
        )
        self.stack.push_async_callback(api.aclose)
        pairs = MantagoPairs(
            self.pool, api, MANTAGO_BOT_ID, pair, SECRET, Sealer(SECRET), rotates=rotates, clock=self.desk.clock
        )
        api.follow(pairs)
        return pairs

    async def look(self, pairs: MantagoPairs) -> None:
        """What a worker does every five minutes."""
        await pairs.look(self.desk.turns.services.alerts)

    async def alerts(self, kind: str) -> int:
        """How many alerts of a kind are on their way to one and the same member."""
        alerts = "SELECT count(DISTINCT key)::int FROM pushes WHERE key LIKE $1"
        return int(await self.pool.fetchval(alerts, f"alert:mantago-pair:%:{kind}:%line%"))

    def days(self, days: float) -> None:
        """Time goes by."""
        self.desk.ahead(days=days)

    def by_hand(self) -> Pair:
        """Somebody presses Refresh in MantaGo's console and writes the new pair into the settings."""
        self.settings = Pair(*self.sandbox.mantago.refresh())
        return self.settings


async def works(pairs: MantagoPairs) -> bool:
    """Whether MantaGo answers this process."""
    try:
        await pairs.api.gifts("line", "Unobody")
    except CredentialsRefused:
        return False
    return True


@pytest.fixture
async def shop(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """MANTAGO_ROTATE=on, and a token with 25 days left. Who waits for a new pair has the patience of a busy machine."""
    monkeypatch.setattr(service, "WAITED_FOR", 60.0)
    environment = desk.sandbox.environment()
    async with AsyncExitStack() as stack:
        yield Shop(desk, stack, Pair(environment["MANTAGO_TOKEN"], environment["MANTAGO_SECRET"]))


# ── the good days ────────────────────────────────────────────────────────────────────────────────


async def test_it_is_exchanged_three_days_before_its_end_and_not_before(shop: Shop) -> None:
    """And again a month later, from the new one; what is stored can be read by nobody without the key."""
    worker = shop.process()
    shop.days(21.9)
    await shop.look(worker)
    assert shop.exchanges == 0 and await works(worker)

    shop.days(0.2)
    await shop.look(worker)
    await shop.look(worker)
    assert shop.exchanges == 1 and await works(worker)
    (row,) = await shop.pool.fetch("SELECT * FROM mantago_pairs")
    newest = await worker.newest()
    assert newest != shop.settings
    assert newest.token.encode() not in row["pair"] and newest.secret.encode() not in row["pair"]
    assert (await worker.standing()).days == 29

    shop.days(27.5)
    await shop.look(worker)
    assert shop.exchanges == 2 and await works(shop.process())


async def test_off_exchanges_nothing(shop: Shop) -> None:
    """By hand is the default; what was exchanged before is used all the same, for the settings' pair is dead."""
    shop.days(26)
    off = shop.process(rotates=False)
    await shop.look(off)
    assert shop.exchanges == 0 and not await works(off)
    assert not await shop.pool.fetch("SELECT FROM mantago_pairs")

    await shop.look(shop.process())
    assert await works(shop.process(rotates=False)) and await works(off)
    assert (await off.standing()).how == "by hand"


async def test_every_process_takes_up_the_newest(shop: Shop) -> None:
    """Those that run find out by MantaGo's 120000, look once, and the customer notices nothing."""
    worker, other, idle = shop.process(), shop.process(), shop.process(rotates=False)
    assert await works(other)
    shop.days(23)
    await shop.look(worker)

    found = await asyncio.gather(*(other.api.points("line", [f"U{n}"]) for n in range(20)))
    assert found == [{}] * 20
    assert await works(idle)
    assert shop.exchanges == 1


async def test_many_workers_at_once_exchange_it_once(shop: Shop) -> None:
    """Whoever is late takes up what the first one got."""
    shop.days(23)
    workers = [shop.process() for _ in range(6)]
    await asyncio.gather(*(shop.look(worker) for worker in workers))

    assert shop.exchanges == 1
    assert all([await works(worker) for worker in workers])


async def test_many_that_have_decided_at_once_exchange_it_once(shop: Shop) -> None:
    """All have read the same row before one of them begins: its statement is the judge, and not the reading."""
    workers = [shop.process() for _ in range(6)]
    await shop.look(workers[0])
    shop.days(23)
    stored = await workers[0]._read()
    assert stored is not None
    await asyncio.gather(*(worker._do_exchange(stored) for worker in workers))
    assert shop.exchanges == 1 and await works(workers[5])

    shop.days(2)
    await workers[1]._do_exchange(stored)  # It was asleep for two days.
    assert shop.exchanges == 1


async def test_who_meets_the_old_pair_meanwhile_waits_for_the_new_one(shop: Shop) -> None:
    """MantaGo has made it, and it is not stored yet."""
    worker, other = shop.process(), shop.process()
    shop.days(23)
    stored = worker._store

    async def slowly(generation: int, new: Pair) -> None:
        await until(lambda: len(shop.sandbox.calls("mantago", "POST /openapi/client/gift")) == 1)
        await stored(generation, new)

    worker._store = slowly  # type: ignore[method-assign]
    looking = asyncio.create_task(shop.look(worker))
    assert await _once_asked(shop, other)
    await looking


async def _once_asked(shop: Shop, other: MantagoPairs) -> bool:
    await until(lambda: shop.sandbox.mantago.generation == 1)
    return await works(other)


async def test_a_token_that_is_over_is_exchanged_when_mantago_says_so(shop: Shop) -> None:
    """1004: a worker that was off for a month answers its first customer."""
    shop.days(60)
    worker = shop.process()
    looking = asyncio.create_task(worker.look_after(shop.desk.turns.services.alerts))
    try:
        assert await works(worker)
        assert shop.exchanges == 1
    finally:
        looking.cancel()
        await worker.rest()


async def test_a_token_that_does_not_say_its_end_is_exchanged_on_1004_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is nobody's guess."""
    monkeypatch.setattr(service, "WAITED_FOR", 0.2)
    opaque = Pair("opaque", "secret")
    worker = shop.process(settings=opaque)
    worker._looking = True
    shop.days(400)
    await shop.look(worker)
    assert shop.exchanges == 0 and (await worker.standing()).days is None

    with pytest.raises(UpstreamUnavailable):
        await worker.api.gifts("line", "Unobody")  # Nobody answers: the loop does not run here.
    await shop.look(worker)
    assert shop.exchanges == 1


# ── another pair by hand ─────────────────────────────────────────────────────────────────────────


async def test_a_pair_set_by_hand_wins(shop: Shop) -> None:
    """Over what was exchanged; it is exchanged in its own time, and what it replaced is not kept."""
    shop.days(23)
    await shop.look(shop.process())
    shop.by_hand()
    worker = shop.process()
    await shop.look(worker)
    assert await works(worker) and await worker.newest() == shop.settings
    assert shop.exchanges == 1

    shop.days(28)
    await shop.look(worker)
    assert shop.exchanges == 2 and await works(worker)
    assert await shop.pool.fetchval("SELECT count(*) FROM mantago_pairs") == 1


async def test_a_mistyped_pair_costs_nothing(shop: Shop) -> None:
    """Whoever sets the former one again finds what came of it."""
    shop.days(23)
    await shop.look(shop.process())
    wrong = shop.process(settings=Pair(shop.settings.token, "mistyped"))
    await shop.look(wrong)
    assert not await works(wrong)

    assert await works(shop.process())


# ── the bad days ─────────────────────────────────────────────────────────────────────────────────


async def test_a_lost_answer_is_told_and_never_asked_for_again(shop: Shop) -> None:
    """The old pair is dead and the new one is nobody's; only Refresh helps, and then all is as before."""
    shop.days(23)
    worker = shop.process()
    shop.sandbox.fault(f"mantago:{EXCHANGE}", drop=True, after=True)
    await shop.look(worker)
    assert shop.exchanges == 1 and (await worker.standing()).how == "by itself"  # It may still come.

    for _ in range(10):
        shop.desk.ahead(minutes=2)
        await shop.look(worker)
        await shop.look(shop.process())
    shop.days(20)
    await shop.look(worker)
    assert shop.exchanges == 1 and await shop.alerts("unknown") == 1
    assert (await worker.standing()).how == "unknown" and not await works(worker)

    shop.by_hand()
    renewed = shop.process()
    await shop.look(renewed)
    assert await works(renewed) and (await renewed.standing()).how == "by itself"


async def test_while_nobody_knows_few_wait(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call waits for the answer; the next ones are told at once that MantaGo cannot be asked just now."""
    monkeypatch.setattr(service, "WAITED_FOR", 0.3)
    shop.days(23)
    shop.sandbox.fault(f"mantago:{EXCHANGE}", drop=True, after=True)
    await shop.look(shop.process())
    other = shop.process()
    began = asyncio.get_running_loop().time()
    calls = (other.api.points("line", [f"U{n}"]) for n in range(30))
    failures = await asyncio.gather(*calls, return_exceptions=True)

    assert {type(each) for each in failures} == {UpstreamUnavailable}
    assert asyncio.get_running_loop().time() - began < 30 * 0.3 / 2


@pytest.mark.parametrize("status", [503, 500, 200])
async def test_an_answer_that_cannot_be_read_is_a_lost_one(shop: Shop, status: int) -> None:
    """It was perhaps made, and nobody has it."""
    shop.days(23)
    worker = shop.process()
    shop.sandbox.fault(f"mantago:{EXCHANGE}", status=status, body={"success": True} if status == 200 else None)
    await shop.look(worker)
    shop.days(1)
    shop.sandbox.clear_faults()
    await shop.look(worker)

    assert shop.exchanges == 1 and (await worker.standing()).how == "unknown"


@pytest.mark.parametrize("trouble", ["no connection", "limited"])
async def test_what_surely_did_not_happen_is_tried_again_after_an_hour(shop: Shop, trouble: str) -> None:
    """Nothing is lost by it, and there are three days; meanwhile it is no secret."""
    shop.days(23)
    if trouble == "limited":
        shop.sandbox.fault(f"mantago:{EXCHANGE}", status=429)
        worker = shop.process()
    else:
        worker = shop.process(url="http://127.0.0.1:1")
    await shop.look(worker)
    calls = shop.exchanges
    assert calls == (trouble == "limited") and (await worker.standing()).failed
    shop.sandbox.clear_faults()
    again = shop.process()
    shop.desk.ahead(minutes=50)
    await shop.look(again)
    assert shop.exchanges == calls and await works(again)

    shop.desk.ahead(minutes=11)
    await shop.look(again)
    assert shop.exchanges == calls + 1 and await works(again)
    assert await shop.alerts("%") == 0 and not (await again.standing()).failed


@pytest.mark.parametrize("body", [None, {"success": False, "errResponse": {"message": "no", "code": 1002}}])
async def test_a_refusal_is_told_and_not_argued_with(shop: Shop, body: Any) -> None:
    """The old pair is good to its end."""
    shop.days(23)
    worker = shop.process()
    shop.sandbox.fault(f"mantago:{EXCHANGE}", status=403, body=body)
    for _ in range(3):
        await shop.look(worker)
        shop.desk.ahead(hours=2)

    assert shop.exchanges == 1 and await shop.alerts("refused") == 1
    assert (await worker.standing()).how == "refused" and await works(worker)


async def test_the_same_pair_as_an_answer_ends_it(shop: Shop) -> None:
    """MantaGo's page says "generate or retrieve"; what only retrieves would be asked for ever."""
    shop.days(23)
    worker = shop.process()
    same = {"success": True, "message": "", "apiToken": shop.settings.token, "apiSecret": shop.settings.secret}
    shop.sandbox.fault(f"mantago:{EXCHANGE}", status=200, body=same)
    for _ in range(3):
        await shop.look(worker)
        shop.days(0.5)

    assert shop.exchanges == 1 and (await worker.standing()).how == "refused" and await works(worker)


# ── killed at each step ──────────────────────────────────────────────────────────────────────────


def _dies(pairs: MantagoPairs, step: str) -> None:
    """The process is gone at this step: nothing of ours runs any more."""
    exchange, store, use = pairs.api.exchange, pairs._store, pairs.api.use

    async def asks(pair: Pair) -> Pair:
        if step == "before it is asked":
            raise Crash
        new = await exchange(pair)
        if step == "with the answer":
            raise Crash
        return new

    async def stores(generation: int, new: Pair) -> None:
        await store(generation, new)
        if step == "when it is stored":
            raise Crash

    def uses(pair: Pair) -> None:
        if step == "before it is used":
            raise Crash
        use(pair)

    pairs.api.exchange, pairs._store = asks, stores  # type: ignore[method-assign]
    pairs.api.use = uses if step == "before it is used" else use  # type: ignore[method-assign]


STEPS = ("before it is asked", "with the answer", "when it is stored", "before it is used")


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_each_step(shop: Shop, step: str) -> None:
    """Before the new pair is stored nobody knows, and it is told; from then on every process has it."""
    shop.days(23)
    worker = shop.process()
    _dies(worker, step)
    with pytest.raises(Crash):
        await shop.look(worker)
    calls = shop.exchanges
    assert calls == (step != "before it is asked")

    shop.desk.ahead(minutes=2)
    restarted = shop.process()
    await shop.look(restarted)
    assert shop.exchanges == calls
    lost = step in STEPS[:2]
    assert await shop.alerts("unknown") == lost
    assert (await restarted.standing()).how == ("unknown" if lost else "by itself")
    assert await works(restarted) is (step != "with the answer")


async def test_a_worker_killed_while_it_waits_for_the_answer(
    shop: Shop, sandbox: Sandbox, database: str, tmp_path: Any
) -> None:
    """kill -9 on a real process; the next one does not ask again."""
    url = await migrated_database(database, "mantago_killed")
    near = mantago_token(sandbox.now(), left=timedelta(days=2))
    settings = {"DATABASE_URL": url, "SECRET_KEY": SECRET.decode(), "MANTAGO_ROTATE": "on", "MANTAGO_TOKEN": near}
    worker = Giftdesk(tmp_path, sandbox, settings, role="worker", forks=True)
    sandbox.fault(f"mantago:{EXCHANGE}", hang=True, after=True)
    worker.start()
    pool = await pools.connect(url, size=2)
    try:
        await until(lambda: shop.exchanges == 1)
        assert worker.process is not None
        worker.process.kill()
        worker.process.wait()
        assert await pool.fetchval("SELECT state FROM mantago_pairs") == "unknown"
        await pool.execute("UPDATE mantago_pairs SET tried_at = tried_at - interval '1 hour'")
        worker.start()
        await until(lambda: _told(pool))
        assert shop.exchanges == 1
    finally:
        if worker.process is not None:
            worker.process.kill()
            worker.process.wait()
        await pool.close()


async def _told(pool: asyncpg.Pool) -> bool:
    return bool(await pool.fetchval("SELECT count(*) FROM pushes WHERE key LIKE 'alert:mantago-pair:%:unknown:%'"))


async def test_a_database_that_goes_away_with_the_answer_in_hand(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process holds on to the pair until it is stored; whoever looked may have given up meanwhile."""
    shop.days(23)
    worker = shop.process()
    keep, failures = storage.keep, [ConnectionError(), asyncpg.CannotConnectNowError("starting")]

    async def kept(*arguments: Any) -> None:
        if failures:
            raise failures.pop()
        await keep(*arguments)

    monkeypatch.setattr(storage, "keep", kept)
    looking = asyncio.create_task(shop.look(worker))
    await until(lambda: len(failures) == 1)
    looking.cancel()
    await worker.rest()

    assert await works(shop.process()) and shop.exchanges == 1


# ── copies and backups ───────────────────────────────────────────────────────────────────────────


async def test_a_copy_of_the_database_exchanges_nothing(shop: Shop, database: str) -> None:
    """On a trial machine, it would lock the shop out; it may look, and a pair of its own frees it."""
    original = shop.process()
    await shop.look(original)
    rows = await shop.pool.fetch("SELECT bot, settings, home, state, generation, pair FROM mantago_pairs")
    url = await migrated_database(database, "mantago_copy")
    shop.pool = await pools.connect(url, size=2)
    shop.stack.push_async_callback(shop.pool.close)
    await shop.pool.executemany(
        "INSERT INTO mantago_pairs (bot, settings, home, state, generation, pair) VALUES ($1, $2, $3, $4, $5, $6)",
        [tuple(row) for row in rows],
    )
    shop.days(23)
    copy = shop.process()
    await shop.look(copy)
    assert shop.exchanges == 0 and (await copy.standing()).how == "not here"
    assert await works(copy)

    await shop.look(original)
    assert shop.exchanges == 1 and await works(original) and not await works(copy)
    shop.by_hand()
    shop.days(28)
    await shop.look(shop.process())
    assert shop.exchanges == 2


async def test_a_restored_backup_with_an_old_pair_is_honest(shop: Shop) -> None:
    """What came after it is gone: MantaGo says so, staff are told, and nothing is tried again and again."""
    shop.days(23)
    worker = shop.process()
    await shop.look(worker)
    (old,) = await shop.pool.fetch("SELECT state, generation, pair, exchanged_at, tried_at FROM mantago_pairs")
    shop.days(27.5)
    await shop.look(worker)
    await shop.pool.execute(
        "UPDATE mantago_pairs SET state = $1, generation = $2, pair = $3, exchanged_at = $4, tried_at = $5", *old
    )
    restored = shop.process()
    assert not await works(restored)
    for _ in range(3):
        await shop.look(restored)
        shop.desk.ahead(hours=2)

    assert shop.exchanges == 3 and shop.sandbox.mantago.generation == 2
    assert (await restored.standing()).how == "refused" and await shop.alerts("refused") == 1


async def test_another_deployment_with_the_same_pair_is_told(shop: Shop) -> None:
    """Which must not be; it does not take the pair away from the one that was first."""
    shop.days(23)
    first = shop.process()
    await shop.look(first)
    await shop.pool.execute("DELETE FROM mantago_pairs")  # The other one's database knows of nothing.
    second = shop.process()
    await shop.look(second)

    assert (await second.standing()).how == "refused" and await shop.alerts("refused") == 1
    assert shop.sandbox.mantago.generation == 1 and await works(first)


# ── whatever happens ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(6))
async def test_the_pair_is_never_lost_unsaid(shop: Shop, seed: int) -> None:
    """Days, kills, lost and refused answers, renewals by hand, in any order: what we have is what MantaGo has, or
    staff are told; and after a lost answer nobody asks again."""
    chance = random.Random(seed)
    current = [shop.settings]
    refresh = shop.sandbox.mantago.refresh

    def noted() -> tuple[str, str]:
        pair = refresh()
        current.append(Pair(*pair))
        return pair

    shop.sandbox.mantago.refresh = noted  # type: ignore[method-assign]
    try:
        workers = [shop.process() for _ in range(2)]
        for _ in range(14):
            match chance.choice(("days", "days", "look", "look", "kill", "lose", "limit", "hand")):
                case "days":
                    shop.days(chance.choice((0.1, 3, 13, 26)))
                case "look":
                    await asyncio.gather(*(shop.look(worker) for worker in workers))
                case "kill":
                    victim = shop.process()
                    _dies(victim, chance.choice(STEPS))
                    await asyncio.gather(shop.look(victim), return_exceptions=True)
                    workers[chance.randrange(2)] = shop.process()
                case "lose":
                    shop.sandbox.fault(f"mantago:{EXCHANGE}", drop=True, after=True, times=1)
                    await shop.look(workers[0])
                    shop.sandbox.clear_faults()
                case "limit":
                    shop.sandbox.fault(f"mantago:{EXCHANGE}", status=429, times=1)
                    await shop.look(workers[1])
                    shop.sandbox.clear_faults()
                case "hand":
                    shop.by_hand()
                    workers = [shop.process() for _ in range(2)]
            shop.desk.ahead(minutes=2)
            standing, calls = await workers[0].standing(), shop.exchanges
            if standing.how == "unknown":
                await shop.look(workers[1])
                assert shop.exchanges == calls and await shop.alerts("unknown")
            else:
                assert await workers[0].newest() == current[-1]
    finally:
        shop.sandbox.mantago.refresh = refresh  # type: ignore[method-assign]

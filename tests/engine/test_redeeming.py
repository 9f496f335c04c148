"""Poshen redeems a code once for a player, the customer has it once and hears of it once, wherever a worker dies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial

import pytest
from chat import Chat

from bot.services.redeeming import LEASE
from bot.storage import redemptions, rewards
from bot.storage.rewards import Grant
from engine.desk import Desk, migrated_database, until
from engine.shopping import CODE, GOLD, count_read, newcomer, row_of, time_passes
from engine.stops import Stops, install
from engine.test_issuing import LONG, PUSH, REPLY, Place, Scene, waits_now
from sandbox import Sandbox

REDEEM = "poshen:POST /redemptions"
POINTS = 150
NOW = "Redeemed 🎉"

TOLD: dict[str, Place] = {
    "told: before the player is kept": "know",
    "told: kept, before the code is written down": "want",
    "told: written down, before the call": "ask",
    "told: while the call is on its way": {"route": REDEEM, "delay_ms": LONG},
    "told: after Poshen has redeemed": {"route": REDEEM, "delay_ms": LONG, "after": True},
    "told: answered, before its end is written": "redeemed",
    "told: its end is written, before the claim": "claim",
    "told: ended, before the reply is committed": "reply",
    "told: before the reply is delivered": {"route": REPLY, "delay_ms": LONG},
    "told: delivered, before that is noted": "mark",
}
FOLLOW_UP: dict[str, Place] = {
    "follow-up: before it asks again": "ask",
    "follow-up: while it asks again": {"route": REDEEM, "delay_ms": LONG},
    "follow-up: after Poshen has redeemed": {"route": REDEEM, "delay_ms": LONG, "after": True},
    "follow-up: answered, before its end is written": "redeemed",
    "follow-up: its end is written, before the claim": "claim",
    "follow-up: ended, while the customer is being told": {"route": PUSH, "delay_ms": LONG},
}
STEPS = (*TOLD, *FOLLOW_UP)


@dataclass(frozen=True)
class Ended:
    """redeemed: by Poshen, for this player. claims, points, states: of our own rows. told: how often the customer read
    that they have it. left: jobs and leases that are still there, and player ids with redemptions."""

    redeemed: int = 1
    claims: int = 1
    points: int = POINTS
    states: tuple[str, ...] = ("done",)
    told: int = 1
    left: int = 0


def player_of(chat: Chat) -> str:
    """The player id of somebody: 28 letters and digits."""
    return f"p1{chat.user[1:27]}"


async def ended(desk: Desk, chat: Chat) -> Ended:
    """How it stands for a customer."""
    customer = await row_of(desk, chat)
    rows = await desk.pool.fetch("SELECT * FROM redemptions WHERE customer_id = $1 ORDER BY id", customer)
    jobs = await desk.pool.fetchval(
        "SELECT count(*) FROM pgqueuer q JOIN redemptions r ON q.payload = convert_to(r.id::text, 'UTF8') "
        "WHERE q.entrypoint = 'redemption' AND r.customer_id = $1",
        customer,
    )
    history = desk.sandbox.poshen.history
    return Ended(
        redeemed=sum(entry["user"]["unity_player_id"] == player_of(chat) for entry in history),
        claims=await desk.pool.fetchval("SELECT count(*) FROM claims WHERE customer_id = $1", customer),
        points=await desk.pool.fetchval("SELECT sum(available)::int FROM points WHERE customer_id = $1", customer) or 0,
        states=tuple(row["state"] for row in rows),
        told=count_read(desk.sandbox, chat.channel, chat.user, NOW),
        left=jobs + sum((row["leased_until"] or row["player"]) is not None for row in rows),
    )


@pytest.fixture(scope="module")
async def after_kills(database: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """How it ended for customers, each of whom had a worker killed at another step of theirs."""
    url = await migrated_database(database, "redeeming")
    async with (
        Sandbox.running() as sandbox,
        Desk.open(url, sandbox, poshen_mode="redeem") as desk,
        Stops.open(url) as stops,
    ):
        await install(desk.pool)
        await rewards.put(desk.pool, GOLD, Grant(points=POINTS))
        people = {step: await newcomer(desk) for step in STEPS}
        for step in STEPS:
            await people[step].say(CODE if step in TOLD else f"player id {player_of(people[step])}")
        scene = Scene(desk, stops, tmp_path_factory.mktemp("workers"), {"POSHEN_MODE": "redeem"})
        async with scene.worker():
            for step, place in TOLD.items():
                chat = people[step]
                await scene.reach(chat, place, partial(scene.post, chat.phone.says(player_of(chat))))
        async with scene.worker():
            await scene.answered()
            for step, place in FOLLOW_UP.items():
                chat = people[step]
                sandbox.fault(REDEEM, status=504, times=2)
                await scene.post(chat.phone.says(CODE))
                await until(partial(waits_now, chat))
                await scene.reach(chat, place, partial(time_passes, desk.pool, await row_of(desk, chat)))
        async with scene.worker():
            await scene.over()
        return {step: await ended(desk, chat) for step, chat in people.items()}


@pytest.mark.parametrize("step", STEPS)
async def test_a_worker_that_is_killed_redeems_once(step: str, after_kills: dict[str, Ended]) -> None:
    """Redeemed once, claimed once with its points, told once; nothing is left, the player id least of all."""
    assert after_kills[step] == Ended()


# ── two at once ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def chat(desk: Desk) -> Chat:
    """Somebody whose player id is known."""
    desk.desk(redeems_for_players=True)
    services = desk.turns.services
    desk.having(services=replace(services, redeeming=replace(services.redeeming, breath=0)))
    await rewards.put(desk.pool, GOLD, Grant(points=POINTS))
    chat = await newcomer(desk)
    await chat.say(f"player id {player_of(chat)}")
    return chat


async def unknown(desk: Desk, chat: Chat) -> int:
    """A redemption whose outcome is unknown: the customer was told to wait, and a job will ask again."""
    desk.sandbox.fault(REDEEM, status=504, times=2)
    desk.post(chat.phone.says(CODE))
    await desk.turns.take((await desk.event())["id"])
    return int(await desk.pool.fetchval("SELECT id FROM redemptions"))


async def test_ten_at_once_ask_once(desk: Desk, chat: Chat) -> None:
    """Jobs and turns, on any number of machines: one has the lease."""
    number = await unknown(desk, chat)
    desk.ahead(minutes=1)
    desk.sandbox.fault(REDEEM, delay_ms=200, times=1)
    await asyncio.gather(*(desk.turns.redemption(number) for _ in range(10)))
    assert len(desk.sandbox.calls("poshen", "POST /redemptions")) == 3, "twice in the turn, and one more"
    await desk.run()

    assert await ended(desk, chat) == Ended()


async def test_a_worker_that_slept_through_its_lease_changes_no_yes_into_a_no(desk: Desk, chat: Chat) -> None:
    """Its own answer is older than the other's, which it does not know."""
    number = await unknown(desk, chat)
    desk.ahead(minutes=1)
    slept = await redemptions.lease(desk.pool, number, desk.clock(), desk.clock() + LEASE)
    assert slept is not None
    desk.ahead(seconds=LEASE.total_seconds() + 1)
    other = await redemptions.lease(desk.pool, number, desk.clock(), desk.clock() + LEASE)
    assert other is not None
    redeeming = desk.turns.services.redeeming
    assert (await redeeming._failed(desk.pool, slept, "expired", "late")).open
    assert (await redeeming._again(desk.pool, slept, desk.clock(), "late")).open
    await redeeming._done(desk.pool, other, None)
    assert (await redeeming._done(desk.pool, slept, None)).state == "done"
    assert (await redeeming._failed(desk.pool, other, "expired", "late")).state == "done"
    assert (await redeeming._again(desk.pool, other, desk.clock(), "late")).state == "done"

    assert (await ended(desk, chat)).claims == 1


@pytest.mark.parametrize(("limit", "seconds"), [("CALL_WITHIN", 0.3), ("QUICKLY", 0.1)])
async def test_a_slow_answer_is_not_waited_for_twice(
    desk: Desk, chat: Chat, monkeypatch: pytest.MonkeyPatch, limit: str, seconds: float
) -> None:
    """The customer reads that it is being confirmed, and the job finds it out."""
    monkeypatch.setattr(f"bot.services.redeeming.{limit}", seconds)
    desk.sandbox.fault(REDEEM, delay_ms=400, status=504, after=True, times=1)
    desk.post(chat.phone.says(CODE))
    await desk.turns.take((await desk.event())["id"])
    assert waits_now(chat)
    assert len(desk.sandbox.calls("poshen", "POST /redemptions")) == 1
    monkeypatch.undo()
    await desk.run()

    assert await ended(desk, chat) == Ended()


async def test_a_history_without_a_time_proves_nothing(desk: Desk, chat: Chat) -> None:
    """It may be of last week: staff look at it."""
    number = await unknown(desk, chat)
    desk.sandbox.poshen.redeem(desk.sandbox.poshen.codes[99], player_of(chat))
    desk.sandbox.poshen.history[0]["redeemed_at"] = None
    await desk.run()

    found = await redemptions.read(desk.pool, number)
    assert found is not None and (found.state, found.reason) == ("check", "its history shows it, without a time")


NOS = {
    "Your player ID had redeemed": (409, "alreadyRedeemed"),
    "The game doesn't know your player ID": (422, ""),
    " has expired, so it was not redeemed": (409, "expired"),
    " could not be redeemed": (409, "something else"),
}


@pytest.mark.parametrize("said", NOS)
async def test_a_no_that_comes_later_is_told_with_its_reason(desk: Desk, chat: Chat, said: str) -> None:
    """To whoever was told to wait."""
    status, reason = NOS[said]
    number = await unknown(desk, chat)
    if reason == "alreadyRedeemed":  # in the game, before they came here
        desk.sandbox.poshen.redeem(desk.sandbox.poshen.codes[99], player_of(chat))
        desk.sandbox.poshen.history[0]["redeemed_at"] = "2026-01-01T00:00:00Z"
    else:
        body = {"message": reason, "errors": {"unity_player_id": ["…"]}}
        desk.sandbox.fault(REDEEM, status=status, body=body)
    await desk.run()

    found = await redemptions.read(desk.pool, number)
    assert found is not None and found.state == "failed"
    assert count_read(desk.sandbox, chat.channel, chat.user, said) == 1


@pytest.mark.parametrize(("asked_before", "state"), [(False, "failed"), (True, "unknown")])
async def test_a_player_id_sealed_with_another_key_is_no_guess(
    desk: Desk, chat: Chat, asked_before: bool, state: str
) -> None:
    """Nobody can ask for it any more; whether it was redeemed before that, staff find out."""
    number = await unknown(desk, chat)
    await desk.pool.execute(
        "UPDATE redemptions SET player = 'x', next_at = NULL, state = $1", "unknown" if asked_before else "pending"
    )
    await desk.turns.redemption(number)

    found = await redemptions.read(desk.pool, number)
    assert found is not None and found.state == state


async def test_what_lost_its_job_is_found_and_its_end_told(desk: Desk, chat: Chat) -> None:
    """By the sweep, two minutes later."""
    number = await unknown(desk, chat)
    await desk.pool.execute("DELETE FROM pgqueuer")
    await desk.pool.execute("UPDATE redemptions SET created_at = created_at - interval '3 minutes', awaited = false")
    assert await redemptions.requeue_orphans(desk.pool) == 1
    assert await redemptions.requeue_orphans(desk.pool) == 0
    desk.ahead(minutes=1)
    await desk.run()

    found = await redemptions.read(desk.pool, number)
    assert found is not None and found.awaited
    assert await ended(desk, chat) == Ended()


async def test_an_end_that_comes_while_the_answer_is_written_is_the_answer(desk: Desk, chat: Chat) -> None:
    """Then there is nothing to wait for, and no message of its own."""
    number = await unknown(desk, chat)
    await desk.pool.execute("UPDATE redemptions SET awaited = false")
    seen = await redemptions.read(desk.pool, number)
    assert seen is not None
    desk.ahead(minutes=1)
    await desk.turns.redemption(number)
    async with desk.pool.acquire() as connection, connection.transaction():
        shown = await desk.turns.services.redeeming.promise(connection, seen)
    await desk.run()

    assert (seen.state, shown.state) == ("unknown", "done")
    assert count_read(desk.sandbox, chat.channel, chat.user, NOW) == 0


async def test_staff_are_reminded_of_what_waits_for_them_once_a_day(desk: Desk, chat: Chat) -> None:
    """An alert may have been missed."""
    await unknown(desk, chat)
    await desk.pool.execute("UPDATE redemptions SET state = 'check', created_at = created_at - interval '2 days'")
    await desk.pool.execute("DELETE FROM pgqueuer")
    for _ in range(2):
        await desk.turns.services.redeeming.remind(desk.pool, desk.clock())
    told = await desk.pool.fetch("SELECT recipient FROM pushes WHERE key LIKE '%redemptions-open%'")

    assert len({row["recipient"] for row in told}) == len(told) > 0


@pytest.mark.parametrize("mode", ["claim", "check"])
async def test_what_is_open_ends_also_in_another_mode(desk: Desk, chat: Chat, mode: str) -> None:
    """Whoever switches back loses nothing, and nothing is claimed twice."""
    await unknown(desk, chat)
    desk.desk(redeems_for_players=False, only_checks=mode == "check")
    if mode == "claim":
        await desk.pool.execute("UPDATE redemptions SET next_at = now() + interval '1 hour'")
        desk.post(chat.phone.says(CODE))
        await desk.turns.take((await desk.event())["id"])
    desk.ahead(hours=2)
    await desk.run()

    found = await ended(desk, chat)
    assert (found.redeemed, found.claims, found.points, found.states) == (1, 1, POINTS, ("done",))

"""Passing on: each of theirs reaches them, in order and signed, whatever they do meanwhile; and it costs us nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from chat import Bot, Chat
from engine.desk import until

from bot.apis.http import Breaker
from bot.relay import AT_ONCE, LEASE
from bot.storage import relays
from bot.wiring import pass_on
from relay.conftest import NAME, passed_on, settled, shared, theirs
from sandbox import Sandbox
from sandbox.other import NAME as THEIR_NAME

SMALL_TALK = "do you sell umbrellas in the new shop"


async def tried(bot: Bot, count: int = 1) -> None:
    """So many tries were made, and none is on its way: how each ended is written down."""
    await until(lambda: sum(call.answered for call in bot.sandbox.calls("other")) >= count)
    await until(lambda: not any(peer.busy for peer in bot.peers))


def probe_quickly(bot: Bot) -> None:
    """A silent tool is asked again at once, and not after five seconds."""
    (peer,) = bot.peers
    peer.breaker = Breaker(pause=0.05)


async def fail_in(bot: Bot, minutes: float) -> None:
    """So much later, one more try that fails."""
    bot.ahead(minutes=minutes)
    await tried(bot, len(bot.sandbox.calls("other")) + 1)


@asynccontextmanager
async def at_work(bot: Bot) -> AsyncIterator[None]:
    """Passing on, by a worker that starts now."""
    again = pass_on(bot.settings, bot.turns, bot.peers)
    bot.relaying = asyncio.create_task(again.run())
    try:
        yield
    finally:
        bot.relaying.cancel()
        await asyncio.gather(bot.relaying, return_exceptions=True)


async def trouble_of(bot: Bot) -> str:
    """How a try failed, as /status has it."""
    health = bot.turns.services.health
    stats = health.platforms[next(part for part in health.parts if part.startswith("relay:"))]
    await until(lambda: stats.failures)
    return stats.detail


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 500},
        {"status": 429},
        {"status": 302, "headers": {"Location": "https://example.com/"}},
        {"status": 401},
        {"drop": True},
        {"drop": True, "after": True},
        {"status": 503, "after": True},
    ],
    ids=str,
)
async def test_what_they_did_not_take_comes_again(rest: Bot, chat: Chat, trouble: dict[str, object]) -> None:
    """With the same id, said to be a repeat, signed anew; whoever knows ids answers once."""
    rest.sandbox.fault("other", times=1, **trouble)
    said = chat.phone.says(SMALL_TALK)
    await chat.do(said)
    await tried(rest)
    rest.ahead(seconds=2)
    await until(lambda: theirs(rest) and theirs(rest)[-1].again)
    await settled(rest)

    assert {received.id for received in theirs(rest)} == {said.json["events"][0]["webhookEventId"]}
    assert rest.sandbox.other.answered == [theirs(rest)[0].id] and not rest.sandbox.other.unsigned
    assert len(theirs(rest)) == (2 if trouble.get("after") else 1)


async def test_who_dies_between_sending_and_marking_leaves_a_repeat(rest: Bot, chat: Chat) -> None:
    """Another worker takes it once the lease is over, and says that it comes again."""
    rest.sandbox.fault("other", status=503)
    await chat.do(chat.phone.says(SMALL_TALK))
    await tried(rest)
    rest.sandbox.clear_faults()
    target, soon = await rest.pool.fetchval("SELECT target FROM relays"), rest.clock() + timedelta(seconds=5)
    (dying,) = await relays.take(rest.pool, target, AT_ONCE, soon, LEASE)
    assert not await relays.take(rest.pool, target, AT_ONCE, soon, LEASE)
    rest.ahead(seconds=LEASE.total_seconds() + 6)
    (received,) = await passed_on(rest)

    assert received.again and dying.attempts == 2


async def test_each_chats_order_is_kept(rest: Bot) -> None:
    """However long the first of it takes; other chats go past."""
    first, second = rest.chat("line", language="en"), rest.chat("line", language="en")
    rest.sandbox.fault("other", status=503, times=1)
    await first.do(first.phone.says(f"{SMALL_TALK} 1st"))
    await tried(rest)
    await first.do(first.phone.says(f"{SMALL_TALK} again"), first.phone.on_standby("third"))
    await second.do(second.phone.says(f"{SMALL_TALK} from somebody else"))
    await until(lambda: len(theirs(rest)) == 1)
    assert theirs(rest)[0].text.endswith("somebody else")

    rest.ahead(seconds=2)
    received = await passed_on(rest, 4)
    assert [each.text.split()[-1] for each in received[1:]] == ["1st", "again", "third"]


async def test_what_is_ours_is_in_nobodys_way(rest: Bot, chat: Chat) -> None:
    """A message before theirs that we answered is not waited for, and a late turn of ours is."""
    rest.sandbox.fault("poshen", delay_ms=300, times=1)
    for webhook in (chat.phone.says("WELCOME2026"), chat.phone.says(SMALL_TALK)):
        rest.post(webhook)
    await passed_on(rest)
    chat.look()

    assert [item.message.get("sender", {}).get("name") for item in chat.everything][-1] == THEIR_NAME
    assert len(chat.everything) >= 2


async def test_a_webhook_that_comes_twice_is_handed_on_once(rest: Bot, chat: Chat) -> None:
    """LINE's own repeats end here."""
    said = chat.phone.says(SMALL_TALK)
    await chat.do(said, chat.phone.redelivered(said), said)

    await passed_on(rest)


async def test_siblings_go_their_own_ways(rest: Bot) -> None:
    """One body with several people's events: each goes alone, signed, and ours not at all."""
    people = [rest.chat("line", language="en") for _ in range(3)]
    webhooks = [person.phone.says(text) for person, text in zip(people, (SMALL_TALK, "my gifts", "hm"), strict=True)]
    rest.post(people[0].phone.together(*webhooks))
    received = await passed_on(rest, 2)

    assert {each.text for each in received} == {SMALL_TALK, "hm"}
    assert all(each.body.count(b"webhookEventId") == 1 for each in received)
    assert people[1].look()


async def test_an_hour_and_no_longer(rest: Bot, chat: Chat) -> None:
    """Then it is given up, those in charge are told, and what comes later is passed on again."""
    rest.sandbox.fault("other", status=503)
    probe_quickly(rest)
    await chat.do(chat.phone.says(SMALL_TALK))
    await tried(rest)
    for minutes in (6, 9, 9, 9, 9, 9, 8):
        await fail_in(rest, minutes)
    assert await rest.pool.fetchval("SELECT count(*) FROM relays") == 1
    told = await rest.pool.fetch("SELECT key FROM pushes WHERE key LIKE 'alert:relay:%'")
    assert told, "of the silence, while they wait"
    rest.ahead(minutes=2)
    await settled(rest)

    owner = rest.chat("line", "staff")
    alerts = [str(item.message) for item in rest.sandbox.sent("line", owner.user)]
    assert any(NAME in alert and "HTTP 503" in alert for alert in alerts)
    assert await rest.pool.fetchval("SELECT sum(n) FROM tallies WHERE kind = 'given up'") == 1
    rest.sandbox.clear_faults()
    rest.ahead(minutes=1)
    await chat.do(chat.phone.says(SMALL_TALK))
    await passed_on(rest)


@pytest.mark.parametrize("moment", range(5))
async def test_a_worker_that_stops_is_not_held_by_what_comes_in_that_moment(rest: Bot, moment: int) -> None:
    """Before Python 3.12, `asyncio.wait_for` forgets that it was cancelled when what it waits for is there, too."""
    passing = pass_on(rest.settings, rest.turns, rest.peers)
    running = asyncio.create_task(passing.run())
    await until(lambda: passing._woken._waiters)
    passing.wake()
    for _ in range(moment):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running}, timeout=10)
    ended = running.done()
    running.cancel()

    assert ended


async def test_the_hour_is_of_tries(database: str, sandbox: Sandbox) -> None:
    """However long nobody of ours was at work, before the first try or between two: one that fails gives up nothing."""
    async for bot in shared(database, sandbox, "relay_hour"):
        assert bot.relaying is not None
        bot.relaying.cancel()
        probe_quickly(bot)
        sandbox.fault("other", status=503)
        chat = bot.chat("line", language="en")
        await chat.do(chat.phone.says(SMALL_TALK), chat.phone.says(f"{SMALL_TALK} again"))
        bot.ahead(hours=3)
        async with at_work(bot):
            await tried(bot)
            for _ in range(4):
                await fail_in(bot, 9)
        bot.ahead(hours=3)
        async with at_work(bot):
            await tried(bot, len(sandbox.calls("other")) + 1)
            for _ in range(6):
                await fail_in(bot, 9)
            assert await bot.pool.fetchval("SELECT count(*) FROM relays") == 2
            await fail_in(bot, 7)
            await settled(bot)
        assert await bot.pool.fetchval("SELECT sum(n) FROM tallies WHERE kind = 'given up'") == 2


async def test_what_somebody_is_just_sending_is_not_given_up(rest: Bot) -> None:
    """Not even when its hour is over: whoever has it says how that went."""
    rest.sandbox.fault("other", status=503)
    ours, anothers = rest.chat("line", language="en"), rest.chat("line", language="en")
    await ours.do(ours.phone.says(SMALL_TALK))
    await tried(rest)
    await anothers.do(anothers.phone.says(SMALL_TALK))
    await tried(rest, 2)
    first, second = await rest.pool.fetch("SELECT target, event_id FROM relays ORDER BY event_id")
    now = rest.clock()
    hour = now + timedelta(hours=1, minutes=1)
    await rest.pool.execute("UPDATE relays SET next_at = $1 WHERE event_id = $2", hour + LEASE, second["event_id"])
    async with rest.pool.acquire() as connection, connection.transaction():
        target, event_id, before = first["target"], first["event_id"], hour - timedelta(hours=1)
        assert await relays.give_up(connection, target, event_id, before, hour, untried=True) == 1
    assert await rest.pool.fetchval("SELECT event_id FROM relays") == second["event_id"]


async def test_what_stays_with_us_tells_nothing_of_them(rest: Bot, chat: Chat) -> None:
    """A silent tool is not called well again because of something that it was never asked to take."""
    (peer,) = rest.peers
    peer.breaker = Breaker(consecutive=1, pause=0.0)
    rest.sandbox.fault("other", status=503, times=1)
    await chat.do(chat.phone.says(SMALL_TALK))
    await tried(rest)
    await until(lambda: peer.breaker.state == "half-open")
    private = rest.chat("line", language="en")
    await private.do(private.phone.on_standby("call 0912 345 678"))
    await until(lambda: rest.pool.fetchval("SELECT count(*) = 1 FROM relays"))
    await until(lambda: not peer.busy)
    assert peer.breaker.state == "half-open"

    rest.ahead(seconds=2)
    await passed_on(rest)
    await until(lambda: peer.breaker.state == "closed")


async def test_a_tool_that_hangs_costs_our_answers_nothing(rest: Bot) -> None:
    """While every connection to it is taken, whoever asks us is answered as quickly as ever."""
    rest.sandbox.fault("other", hang=True)
    talkers = [rest.chat("line", language="en") for _ in range(AT_ONCE + 5)]
    for talker in talkers:
        rest.post(talker.phone.says(SMALL_TALK))
    await until(lambda: len(rest.sandbox.calls("other")) == AT_ONCE)
    asker = rest.chat("line", language="en")
    began = time.monotonic()
    await asker.say("menu")

    assert asker.shown and time.monotonic() - began < 5
    assert not any(call.answered for call in rest.sandbox.calls("other"))
    rest.sandbox.clear_faults()


async def test_it_gives_up_waiting_after_five_seconds(rest: Bot, chat: Chat) -> None:
    """As LINE itself would, or so."""
    rest.sandbox.fault("other", hang=True, times=1)
    began = time.monotonic()
    await chat.do(chat.phone.says(SMALL_TALK))
    await tried(rest)
    took = time.monotonic() - began
    rest.ahead(seconds=2)
    await passed_on(rest)

    assert 4.5 < took < 30
    assert await trouble_of(rest) == "no answer within 5 s"


async def test_quickly_enough_for_the_reply_token(rest: Bot, chat: Chat) -> None:
    """Right after the turn; half of it within 50 ms of what a turn takes here."""
    added = []
    for number in range(9):
        await chat.do(chat.phone.says(f"{SMALL_TALK} {'x' * number}"))
        await passed_on(rest, number + 1)
        decided = await rest.pool.fetchval("SELECT max(received_at) FROM events")
        added.append(rest.sandbox.calls("other")[-1].at / 1000 - decided.timestamp())
    # From the webhook to the other tool, our turn and all.
    assert sorted(added)[4] < 1.0, added


@pytest.fixture
async def all_bot(database: str, sandbox: Sandbox) -> AsyncIterator[Bot]:
    async for bot in shared(database, sandbox, "relay_all", line_relay="all"):
        yield bot


async def test_all_of_it_but_what_is_private(all_bot: Bot) -> None:
    """Byte for byte as LINE signed it, ours as well; siblings alone; staff, phones and answers to questions not."""
    bot = all_bot
    bot.sandbox.other.reset()
    bot.sandbox.other.answers = False
    chat, other = bot.chat("line", language="en"), bot.chat("line", language="en")
    said = [chat.phone.says(text) for text in ("my gifts", SMALL_TALK)]
    sticker = chat.phone.sends_sticker()
    await chat.do(*said, sticker)
    assert not any("sender" in item.message for item in chat.shown) and len(chat.shown) >= 3
    received = await passed_on(bot, 3)
    assert [each.body for each in received] == [webhook.body for webhook in (*said, sticker)]

    bot.sandbox.fault("other", status=503, after=True, times=1)
    await chat.do(chat.phone.sends_image())
    await until(lambda: len(bot.sandbox.other.received) == 4)
    bot.ahead(seconds=2)
    received = await passed_on(bot, 5)
    assert received[4].known and received[4].again and received[3].body != received[4].body
    bot.sandbox.other.received.clear()

    await chat.say("redeem")
    owner = bot.chat("line", "staff")
    await owner.say("/status")
    await chat.do(chat.phone.says("WELCOME2026"), chat.phone.says("0912345678"), chat.phone.says("/x"))
    bot.post(chat.phone.together(other.phone.says("my gifts"), chat.phone.says("+886912345678")))
    received = await passed_on(bot, 2)
    assert [each.text for each in received] == ["redeem", "my gifts"]
    assert not bot.sandbox.other.unsigned


async def test_a_certificate_that_nobody_knows(database: str, sandbox: Sandbox, tmp_path: object) -> None:
    """It is no connection at all, and nothing of a customer's goes over it."""
    from relay.certificates import served_with_an_unknown_one

    async with served_with_an_unknown_one() as (url, taken):
        async for bot in shared(database, sandbox, "relay_tls", line_relay_url=(url,)):
            chat = bot.chat("line", language="en")
            await chat.do(chat.phone.says(SMALL_TALK))
            assert "certificate" in await trouble_of(bot)
            assert not taken


async def test_ours_only(database: str, sandbox: Sandbox) -> None:
    """Behind another tool: what we do not understand has no answer of ours, and nothing is passed on."""
    ours = {"line_relay_url": (), "line_relay_name": (), "line_relay": "ours"}
    async for bot in shared(database, sandbox, "relay_ours", **ours):
        chat = bot.chat("line", language="en")
        quiet = (chat.phone.says(SMALL_TALK), chat.phone.follows(), chat.phone.sends_sticker(), chat.phone.says("/x"))
        for webhook in quiet:
            assert not await chat.do(webhook)
        assert await chat.say("my gifts")
        await settled(bot)
        assert not theirs(bot)


async def test_we_welcome(database: str, sandbox: Sandbox) -> None:
    """`LINE_RELAY_FOLLOW=us`: theirs has no token, so that nobody is welcomed twice."""
    async for bot in shared(database, sandbox, "relay_follow", line_relay_follow="us"):
        chat = bot.chat("line", language="en")
        await chat.do(chat.phone.follows())
        (received,) = await passed_on(bot)
        assert "replyToken" not in received.event and received.event["type"] == "follow"
        assert chat.shown and not any("sender" in item.message for item in chat.shown)

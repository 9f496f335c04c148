"""Rewards that staff hand over: the rule, the receipt, and that a claim is not undone before its hand-over is."""

from __future__ import annotations

import asyncio

import pytest
from chat import Bot, Chat

from bot.storage import rewards
from bot.storage.rewards import Grant
from counter.standing import CODE, Counter, give, hire, ref_of

RECEIPT = "/code undo"


@pytest.fixture
async def manager(bot: Bot) -> Chat:
    return await hire(bot, "line", "en", "manager")


async def redeem(here: Counter) -> str:
    """Redeem a code whose reward is handed over; the receipt's reference."""
    await here.customer.say("WELCOME2026")
    row = await here.bot.pool.fetchrow("SELECT ref FROM claims ORDER BY id DESC LIMIT 1")
    return str(row["ref"])


async def test_a_reward_is_handed_over_only_when_staff_said_so(here: Counter, manager: Chat) -> None:
    """Off from the start; on, the receipt has its button, and afterwards says when and where."""
    await here.customer.say("WELCOME2026")
    assert here.customer._("Show at counter") not in here.customer.buttons
    await manager.say("/reward 1 handover=on")
    assert manager.said("a hand-over at the counter")
    await manager.tap("Change it")
    assert await rewards.listed(here.bot.pool) == {1: Grant(handover=True)}

    other = Counter(here.bot, await _newcomer(here), here.member)
    ref = await redeem(other)
    await other.customer.tap("Show at counter")
    assert ref in other.customer.text
    found = CODE.search(other.customer.text)
    assert found
    await other.hand_over(found[0])
    assert await here.standing() == 1
    await other.customer.say(ref)
    assert other.customer.said("Handed over") and other.customer._("Show at counter") not in other.customer.buttons
    await other.customer.say("WELCOME2026")
    assert other.customer._("Show at counter") not in other.customer.buttons


async def _newcomer(here: Counter) -> Chat:
    chat = here.bot.chat("messenger", language="en")
    give(chat)
    await chat.say("english")
    return chat


async def test_what_brings_something_itself_is_not_handed_over(here: Counter, manager: Chat) -> None:
    """Points are there at once; a rule of points takes the hand-over away."""
    await rewards.put(here.bot.pool, 1, Grant(points=150))
    await manager.say("/reward 1 handover=on")
    assert "so there is nothing to hand over" in manager.text
    await rewards.put(here.bot.pool, 1, Grant(handover=True))
    await manager.say("/reward 1 points:150")
    await manager.tap("Change it")
    assert await rewards.listed(here.bot.pool) == {1: Grant(points=150)}


async def test_a_claim_is_not_undone_before_its_hand_over(here: Counter, manager: Chat) -> None:
    """Else the code could be redeemed once more for a second one."""
    await rewards.put(here.bot.pool, 1, Grant(handover=True))
    ref = await redeem(here)
    await here.customer.tap("Show at counter")
    found = CODE.search(here.customer.text)
    assert found
    await manager.say(f"/code undo {ref}")
    late = manager.phone.taps(manager.data_of("Undo it"))
    await here.hand_over(found[0])
    await manager.do(late)
    assert "Take the hand-over back first." in manager.text
    await manager.say(f"/code undo {ref}")
    assert "Take the hand-over back first." in manager.text
    await manager.tap("Undo")
    await manager.tap("Take it back")
    await manager.say(f"/code undo {ref}")
    await manager.tap("Undo it")
    assert await here.bot.pool.fetchval("SELECT count(*) FROM claims") == 0


async def test_an_undone_claim_is_not_handed_over(here: Counter, manager: Chat) -> None:
    """At the preview and at the tap; both at once, one of them is done."""
    await rewards.put(here.bot.pool, 1, Grant(handover=True))
    ref = await redeem(here)
    await here.customer.tap("Show at counter")
    found = CODE.search(here.customer.text)
    assert found
    await here.member.say(f"/use {found[0]}")
    await manager.say(f"/code undo {ref}")
    taps = [
        here.member.phone.taps(here.member.data_of("Hand over")),
        manager.phone.taps(manager.data_of("Undo it")),
    ]
    for tap in taps:
        assert here.bot.post(tap) == 200
    await asyncio.sleep(0)
    await here.bot.quiet()
    claims = await here.bot.pool.fetchval("SELECT count(*) FROM claims")
    assert (claims, await here.standing()) in {(1, 1), (0, 0)}


async def test_what_was_handed_over_is_seen_by_all_who_should(here: Counter, manager: Chat) -> None:
    """The day's list, one's own last, the numbers, the trail, the digest's deeds, the customer's own data, the file."""
    await here.hand_over(await here.show())
    ref = await ref_of(here.customer)
    await here.member.say("/handed")
    assert ref in here.member.text and "1 handed over" in here.member.text
    await here.member.say("/handed last")
    assert ref in here.member.text and "Undo" in here.member.buttons
    await manager.say("/stats today")
    assert "Handed over at the counter" in manager.text
    await manager.say("/audit action=use")
    assert "not handed over → handed over" in manager.text and CODE.search(manager.text) is None
    await manager.say("/handed export")
    assert "1 hand-over" in manager.text and await here.bot.pool.fetchval("SELECT count(*) FROM exports") == 0
    await manager.tap("Make a link")
    token = (await here.bot.pool.fetchval("SELECT id FROM exports")) or 0
    url = here.bot.turns.services.hand_overs.link("", int(token)).partition("?")[0]
    assert here.bot.web.get(url).status_code == 200
    file = here.bot.web.post(url)
    assert ref in file.text and "保溫杯" in file.text
    assert here.bot.web.post(url).status_code == 410

    here.bot.desk(public_url="")
    await here.customer.say("my data")
    await here.customer.tap("Export")
    assert "Handed over · 1" in here.customer.text

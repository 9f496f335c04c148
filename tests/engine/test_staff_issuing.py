"""A voucher given by staff is issued once and told once, wherever its worker dies, and the trail says so."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from chat import Chat
from hiring import make_member

from bot.storage import issues
from engine.desk import Desk, until
from engine.shopping import ISSUE, asked, count_read, newcomer

GIVEN = "We have a voucher for you"
LATE = "was issued: Voucher"  # in the words that a member is told with


async def hired(desk: Desk) -> Chat:
    """A manager who reads English."""
    chat = await newcomer(desk)
    await make_member(desk.pool, chat.channel, chat.user, "amy", "manager", desk.clock())
    return chat


@pytest.fixture
async def customer(desk: Desk) -> Chat:
    """Who gets the voucher."""
    return await newcomer(desk)


@pytest.fixture
async def number(desk: Desk, customer: Chat, member: Chat) -> int:
    """The event of the confirmed tap, which nobody has taken yet."""
    ref = await desk.pool.fetchval("SELECT ref FROM customers WHERE person LIKE $1", f"%:{customer.user}")
    await member.say(f"/issue {ref} gift=422 price=1899 reason=goodwill")
    desk.post(member.phone.taps(member.data_of("Issue it"), "Issue it"))
    return int((await desk.event())["id"])


@pytest.fixture
async def member(desk: Desk) -> Chat:
    """Who gives it."""
    return await hired(desk)


async def die(desk: Desk, number: int) -> None:
    """Take the event, and stop for good while Got It is being asked."""
    taking = asyncio.create_task(desk.turns.take(number))
    await until(lambda: asked(desk.sandbox))
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)


async def deeds(desk: Desk) -> list[tuple[str, str | None]]:
    """What the trail says was done."""
    rows = await desk.pool.fetch("SELECT result, ref FROM audit WHERE action = 'issue' AND result <> 'asked'")
    return [(row["result"], row["ref"]) for row in rows]


@pytest.mark.parametrize("fault", [{"delay_ms": 600}, {"delay_ms": 600, "after": True}])
async def test_a_worker_dies_while_it_asks(
    desk: Desk, member: Chat, customer: Chat, number: int, fault: dict[str, Any]
) -> None:
    """Whether or not the question arrived: one voucher; the customer is told once, and the member how it ended."""
    desk.sandbox.fault(ISSUE, times=1, **fault)
    await die(desk, number)
    await desk.run()

    (issue,) = await issues.newest(desk.pool, only_open=False, limit=5, offset=0)
    assert issue.state == "done"
    assert len(desk.sandbox.gotit.issued) == 1
    assert count_read(desk.sandbox, customer.channel, customer.user, GIVEN) == 1
    assert count_read(desk.sandbox, member.channel, member.user, "Got It has not confirmed it yet") == 1
    assert count_read(desk.sandbox, member.channel, member.user, LATE) == 1
    assert await deeds(desk) == [("unknown", issue.ref)]


async def test_what_was_confirmed_in_time_is_done_although_the_desk_was_down(
    desk: Desk, member: Chat, customer: Chat, number: int
) -> None:
    """Ten minutes later the turn runs again: it says what became of it, not that nothing did; so does the trail."""
    desk.sandbox.fault(ISSUE, times=1, delay_ms=600, after=True)
    await die(desk, number)
    desk.ahead(minutes=10)
    await desk.run()

    (issue,) = await issues.newest(desk.pool, only_open=False, limit=5, offset=0)
    assert issue.state == "done"
    assert len(desk.sandbox.gotit.issued) == 1
    assert count_read(desk.sandbox, customer.channel, customer.user, GIVEN) == 1
    assert count_read(desk.sandbox, member.channel, member.user, issue.ref) == 1
    assert [ref for _, ref in await deeds(desk)] == [issue.ref]

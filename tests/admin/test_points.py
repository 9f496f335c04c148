"""Points, shown and changed by hand."""

from __future__ import annotations

import asyncio

import pytest
from chat import Bot, Chat
from conversations.proving import link

from admin.conftest import Hire
from admin.counter import account, arrive, change, give, member_id, name_of, ref_of, row_of, trail
from bot.services.points import NotEnough
from bot.staff import lines, reading
from bot.staff.arguments import line_of
from bot.storage import points
from handlers.admin.customers import AdjustPoints


@pytest.fixture
async def customer(bot: Bot, channel: str, language: str) -> Chat:
    """Somebody with 100 points."""
    chat = await arrive(bot, channel, language)
    await give(chat, 100)
    return chat


async def test_points_are_given_and_taken(bot: Bot, hire: Hire, customer: Chat) -> None:
    """The preview says before and after; the ledger who and why."""
    member, ref = await hire("manager"), await ref_of(customer)
    await member.say(f'/points {ref} +50 reason="late delivery"')
    assert member.said("Now") and member.said("Then") and "150" in member.text
    assert await account(customer) == (100, 0)
    await member.tap("Change it")

    assert await account(customer) == (150, 0)
    assert member._.ngettext("%(n)s point", "%(n)s points", 150) in member.text
    assert await name_of(member) in member.text and "late delivery" in member.text

    await change(member, f"/points {ref} -20 reason=「打錯了」")
    assert await account(customer) == (130, 0)
    newest = (await points.history(bot.pool, (await row_of(customer)).id or 0))[0]
    assert (newest.available, newest.actor, newest.reason) == (-20, str(await member_id(member)), "打錯了")
    entry = (await trail(bot, "points"))[-1]
    assert (entry["before"], entry["after"], entry["result"]) == ("150", "130", "done")


async def test_the_ledger_is_shown(hire: Hire, customer: Chat) -> None:
    """Without a change, and page by page."""
    member, ref = await hire("manager"), await ref_of(customer)
    for number in range(1, 10):
        await change(member, f"/points {ref} +{number} reason=「第 {number} 次」")
    await member.say(f"/points {ref}")

    assert member._.ngettext("%(n)s point", "%(n)s points", 145) in member.text
    assert "第 9 次" in member.text and "第 1 次" not in member.text
    await member.tap("Next page")
    assert "第 1 次" in member.text


async def test_what_is_not_there_cannot_be_taken(bot: Bot, hire: Hire, customer: Chat) -> None:
    """Neither more than there is, nor what is held for a voucher."""
    member, ref = await hire("manager"), await ref_of(customer)
    await member.say(f"/points {ref} -101 reason=mistake")
    has = member._.ngettext("%(n)s point", "%(n)s points", 100)
    assert member.said("That is too much: %(customer)s has %(points)s.", customer=ref, points=has)

    await bot.pool.execute("UPDATE accounts SET available = 40, held = 60")
    await member.say(f"/points {ref} -41 reason=mistake")
    assert member.said(
        "That is too much: %(customer)s has %(points)s. The %(held)s on hold cannot be taken.",
        customer=ref,
        points=member._.ngettext("%(n)s point", "%(n)s points", 40),
        held="60",
    )


async def test_what_was_spent_since_the_preview_cannot_be_taken(bot: Bot, hire: Hire, customer: Chat) -> None:
    """The account is looked at again, under a lock."""
    member, ref = await hire("manager"), await ref_of(customer)
    await member.say(f"/points {ref} -80 reason=mistake")
    confirm = member.data_of("Change it")
    await bot.pool.execute("UPDATE accounts SET available = 10")
    await member.do(member.phone.taps(confirm, "Change it"))

    has = member._.ngettext("%(n)s point", "%(n)s points", 10)
    assert member.said("That is too much: %(customer)s has %(points)s.", customer=ref, points=has)
    assert await account(customer) == (10, 0)


async def test_five_confirmations_are_one_change(hire: Hire, customer: Chat) -> None:
    """Redelivered, or tapped again and again."""
    member, ref = await hire("manager"), await ref_of(customer)
    await member.say(f"/points {ref} +50 reason=goodwill")
    confirm = member.data_of("Change it")
    await member.do(*(member.phone.taps(confirm, "Change it") for _ in range(5)))

    assert await account(customer) == (150, 0)


async def test_a_change_is_taken_back_by_taps(hire: Hire, customer: Chat) -> None:
    """Looked at and confirmed like any other, and both stay in the ledger."""
    member, ref = await hire("manager"), await ref_of(customer)
    await member.say(f"/points {ref} +500 reason=goodwill")
    await member.tap("Change it")

    await member.tap("Change it back")
    assert await account(customer) == (600, 0)
    await member.tap("Change it")

    assert await account(customer) == (100, 0)
    assert "+500" in member.text


async def test_a_change_without_reason_teaches(hire: Hire, customer: Chat) -> None:
    """Nothing is asked about before there is one."""
    member, ref = await hire("manager"), await ref_of(customer)
    await member.say(f"/points {ref} +50")

    assert member.said(
        "%(name)s (%(about)s) is missing. Example: %(example)s",
        name="reason=",
        about=member._("why"),
        example=f"/points C-8F3K2M +50 reason={lines.quoted(member._('late delivery'))}",
    )
    assert member._("Change it") not in member.buttons


async def test_a_change_needs_its_sign(hire: Hire, customer: Chat) -> None:
    """`50` might mean that there shall be fifty."""
    member, ref = await hire("manager"), await ref_of(customer)
    await member.say(f"/points {ref} 50 reason=goodwill")

    assert member.said("Say how many points to give or to take, with a sign: +50 or -50.")
    await member.tap("-50")
    await member.tap("Change it")
    assert await account(customer) == (50, 0)


def read(typed: str) -> object:
    """The change that a line means, or what is wrong with it."""
    line = lines.split(lines.cleaned(f"C-8F3K2M {typed} reason=goodwill"))
    found = reading.read("points", AdjustPoints, line)
    return found.change if isinstance(found, AdjustPoints) else found


@pytest.mark.parametrize("typed", ["+50", "＋５０", "+050"])
def test_a_plus_comes_in_any_width(typed: str) -> None:
    """As Chinese keyboards have it."""
    assert read(typed) == 50


@pytest.mark.parametrize("typed", ["-20", "−20", "–20", "—20", "－２０"])
def test_a_minus_may_be_a_hyphen_or_a_dash(typed: str) -> None:
    """Phones make one of the other."""
    assert read(typed) == -20


@pytest.mark.parametrize("typed", ["50", "+0", "-0", "+5.5", "+fifty", "±5", "+1000001", "-1000001"])
def test_other_changes_are_refused(typed: str) -> None:
    """Nothing, parts, words, and more than a million."""
    assert isinstance(read(typed), reading.Wrong)


def test_what_was_read_is_written_the_same() -> None:
    """The confirmed arguments and the trail hold the sign as well."""
    arguments = AdjustPoints(customer="C-8F3K2M", change=50, reason="goodwill")
    assert line_of("points", arguments) == "/points C-8F3K2M +50 reason=goodwill"
    assert AdjustPoints.model_validate(arguments.model_dump(mode="json")) == arguments


async def test_nobody_changes_their_own_points(bot: Bot, hire: Hire) -> None:
    """§10 row 14. Looking is allowed."""
    member = await hire("manager")
    ref = await ref_of(member)
    await member.say(f"/points {ref} +50 reason=goodwill")

    assert member.said("%(customer)s is you. Somebody else of the staff has to do this.", customer=ref)
    await member.say(f"/points {ref}")
    assert member._.ngettext("%(n)s point", "%(n)s points", 0) in member.text


async def test_nobody_changes_their_own_points_on_another_channel(
    bot: Bot, channel: str, language: str, hire: Hire
) -> None:
    """The same phone is linked there."""
    member = await hire("manager")
    elsewhere = await arrive(bot, "messenger" if channel == "line" else "line", language)
    await link(member)
    await link(elsewhere)
    ref = await ref_of(elsewhere)
    await member.say(f"/points {ref} +50 reason=goodwill")

    assert member.said("%(customer)s is you. Somebody else of the staff has to do this.", customer=ref)
    assert await account(elsewhere) == (0, 0)


async def test_a_reason_holds_no_phone(bot: Bot, hire: Hire, customer: Chat) -> None:
    """Neither in the ledger nor in the trail, whatever was typed."""
    member, ref = await hire("manager"), await ref_of(customer)
    await change(member, f'/points {ref} +5 reason="called 0912345678"')

    kept = await bot.pool.fetchval("SELECT string_agg(reason, '') FROM points")
    assert "called" in kept and "0912345678" not in kept
    assert all("0912345678" not in str(entry) for entry in await trail(bot, "points"))


# ── the service ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def saver(bot: Bot) -> Chat:
    """Somebody with 100 points, once."""
    chat = await arrive(bot, "line", "en")
    await give(chat, 100)
    return chat


async def test_a_change_that_was_made_is_not_refused_when_it_is_repeated(bot: Bot, saver: Chat) -> None:
    """Although there would not be enough for it a second time."""
    customer = await row_of(saver)
    for _ in range(2):
        async with bot.pool.acquire() as connection, connection.transaction():
            after = await bot.turns.services.points.adjust(
                connection, customer.id or 0, -80, key="once", actor="1", reason="", now=bot.clock()
            )
        assert after == points.Account(20, 0)


async def test_two_who_take_at_once_never_take_more_than_there_is(bot: Bot, saver: Chat) -> None:
    """One of them is told."""
    customer = await row_of(saver)

    async def take(key: str) -> object:
        async with bot.pool.acquire() as connection, connection.transaction():
            return await bot.turns.services.points.adjust(
                connection, customer.id or 0, -80, key=key, actor="1", reason="", now=bot.clock()
            )

    results = await asyncio.gather(take("one"), take("other"))
    assert sorted(map(type, results), key=str) == sorted([points.Account, NotEnough], key=str)
    assert await account(saver) == (20, 0)

"""What staff do to a customer's points, codes and vouchers is told to the customer, once."""

from __future__ import annotations

import asyncpg
import pytest
from chat import Bot, Chat

from admin.conftest import Hire, speaking
from admin.counter import arrive, change, give, ref_of
from bot.storage import rewards
from bot.storage.rewards import Grant

GOLD = 1  # the reward of WELCOME2026
GAVE = ("🎁 We gave you %(n)s point.", "🎁 We gave you %(n)s points.")
TOOK = ("Our staff took back %(n)s point.", "Our staff took back %(n)s points.")
HAS = ("You have %(n)s point now.", "You have %(n)s points now.")
UNDONE = (
    "Our staff took back your code %(code)s (ref %(ref)s) and its %(n)s point.",
    "Our staff took back your code %(code)s (ref %(ref)s) and its %(n)s points.",
)


@pytest.fixture
async def customer(bot: Bot, channel: str, language: str) -> Chat:
    """Somebody with 100 points."""
    chat = await arrive(bot, channel, language)
    await give(chat, 100)
    return chat


async def test_points_given_and_taken_are_told(hire: Hire, customer: Chat) -> None:
    """How many, and what there is now; why is the staff's business. One tap opens the history."""
    member, ref = await hire("manager"), await ref_of(customer)
    customer.look()
    await change(member, f'/points {ref} +50 reason="late delivery"')
    customer.look()
    assert customer._.ngettext(*GAVE, 50) in customer.text and customer._.ngettext(*HAS, 150) in customer.text
    assert "late delivery" not in customer.text

    await change(member, f"/points {ref} -20 reason=mistake")
    customer.look()
    assert customer._.ngettext(*TOOK, 20) in customer.text and customer._.ngettext(*HAS, 130) in customer.text
    await customer.tap("My receipts")
    assert f"−{customer._.ngettext('%(n)s point', '%(n)s points', 20)}" in customer.text


async def test_a_confirmation_that_arrives_twice_is_told_once(bot: Bot, hire: Hire, customer: Chat) -> None:
    """Tapped twice, and the webhook delivered twice."""
    member, ref = await hire("manager"), await ref_of(customer)
    await member.say(f"/points {ref} +50 reason=sorry")
    data = member.data_of("Change it")
    tap, again = member.phone.taps(data, "Change it"), member.phone.taps(data, "Change it")
    customer.look()
    await member.do(tap, tap, again)

    customer.look()
    assert len(customer.shown) == 1
    assert customer._.ngettext(*HAS, 150) in customer.text
    assert await bot.pool.fetchval("SELECT count(*) FROM pushes WHERE key LIKE 'notice:points:%'") == 1


async def test_an_undone_claim_is_told(bot: Bot, hire: Hire, customer: Chat) -> None:
    """With the points that went with it, and no whole code."""
    await rewards.put(bot.pool, GOLD, Grant(points=150))
    await customer.say("WELCOME2026")
    ref = await bot.pool.fetchval("SELECT ref FROM claims")
    member = await hire("manager")
    await member.say(f"/code undo {ref}")
    data = member.data_of("Undo it")
    customer.look()
    await member.do(member.phone.taps(data), member.phone.taps(data))

    customer.look()
    assert len(customer.shown) == 1
    assert customer._.ngettext(*UNDONE, 150, code="WELC••••26", ref=ref) in customer.text
    await customer.tap("My receipts")
    assert customer._("Taken back") in customer.text


async def test_nobody_is_told_what_they_had_deleted(bot: Bot, hire: Hire, customer: Chat) -> None:
    """The claim of somebody who is gone can be undone in silence."""
    await customer.say("WELCOME2026")
    ref = await bot.pool.fetchval("SELECT ref FROM claims")
    await bot.pool.execute("UPDATE claims SET customer_id = NULL")
    member = await hire("manager")
    await member.say(f"/code undo {ref}")
    await member.tap("Undo it")

    assert await bot.pool.fetchval("SELECT count(*) FROM undone") == 1
    assert await bot.pool.fetchval("SELECT count(*) FROM pushes WHERE key LIKE 'notice:%'") == 0


async def test_a_voucher_as_a_gift_is_a_card_that_opens_it(hire: Hire, customer: Chat) -> None:
    """With the look of good news; its own button leads to how it comes."""
    member, ref = await hire("manager"), await ref_of(customer)
    await member.say(f"/issue {ref} gift=422 price=1899 reason=sorry")
    customer.look()
    await member.tap("Issue it")

    customer.look()
    assert customer.said("🎁 We have a voucher for you")
    assert "₫100,000" in customer.text and "Highlands" in customer.text
    [sent] = [item.message for item in customer.shown if "🎁" in str(item.message)][-1:]
    if customer.channel == "line":
        assert sent["contents"]["header"]["background"]["type"] == "linearGradient"
    else:
        assert sent["attachment"]["type"] == "template"
    await customer.tap("See the voucher")
    assert customer.said("Done ✅")


async def test_a_notice_to_who_has_not_written_for_a_day_waits_for_them(bot: Bot, hire: Hire) -> None:
    """Messenger takes none then; it comes when they write again, once."""
    customer = await speaking(bot.chat("messenger", language="en"))
    await give(customer, 100)
    member = await hire("manager")
    bot.sandbox.people.put("messenger", customer.user, window_open=False)
    await change(member, f"/points {await ref_of(customer)} +50 reason=sorry")
    assert customer.look() == []
    assert await bot.pool.fetchval("SELECT waiting FROM pushes WHERE key LIKE 'notice:points:%'") is True

    bot.sandbox.people.put("messenger", customer.user, window_open=True)
    await customer.say("menu")
    assert customer.text.count(customer._.ngettext(*GAVE, 50)) == 1
    await customer.say("menu")
    assert customer._.ngettext(*GAVE, 50) not in customer.text


async def test_a_plan_without_pushes_left_is_not_asked_for_one(bot: Bot, tables: asyncpg.Pool) -> None:
    """LINE would refuse it for the rest of the month: it waits for the customer's next message once there are some."""
    boss = await speaking(bot.chat("messenger", "staff", "en"))
    customer = await speaking(bot.chat("line", language="en"))
    await give(customer, 100)
    bot.sandbox.line.monthly_limit = 0
    bot.turns.services.allowance.forget()
    before = len(bot.sandbox.calls("line"))
    await change(boss, f"/points {await ref_of(customer)} +50 reason=sorry")
    assert not any(call.path.endswith("/push") for call in bot.sandbox.calls("line")[before:])
    assert await tables.fetchval("SELECT waiting FROM pushes WHERE key LIKE 'notice:points:%'") is True

    bot.sandbox.line.monthly_limit = 3_000
    bot.ahead(minutes=6)
    await customer.say("menu")
    assert customer._.ngettext(*GAVE, 50) in customer.text

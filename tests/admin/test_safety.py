"""The guard, blocks and maintenance: what staff switch is what customers meet."""

from __future__ import annotations

import asyncpg
import pytest
from chat import Bot, Chat


async def ref_of(bot: Bot, chat: Chat) -> str:
    ref: str = await bot.pool.fetchval("SELECT ref FROM customers WHERE split_part(person, ':', 3) = $1", chat.user)
    return ref


@pytest.fixture
async def customer(bot: Bot, chat: Chat) -> Chat:
    """Somebody who has written before."""
    await chat.say("english" if chat.tag == "en" else "中文")
    return chat


# ── maintenance ──────────────────────────────────────────────────────────────────────────────


async def close(owner: Chat, line: str = "/maint on") -> None:
    await owner.say(line)
    await owner.tap("Close the desk")


async def test_customers_are_told_of_maintenance(bot: Bot, owner: Chat, customer: Chat) -> None:
    """Honestly: a code is neither used nor kept."""
    await close(owner)

    await customer.say("WELCOME2026")

    assert customer.said(
        "We are closed for maintenance right now. A code you send is not used up: please send it again later."
    )
    assert not bot.sandbox.calls("poshen")
    assert await bot.pool.fetchval("SELECT count(*) FROM claims") == 0


async def test_a_code_works_after_maintenance(bot: Bot, owner: Chat, customer: Chat) -> None:
    """As if it had never been sent before."""
    await close(owner)
    await customer.say("WELCOME2026")
    await owner.order("/maint off")

    await customer.say("WELCOME2026")

    assert customer.said("Redeemed 🎉")


async def test_maintenance_has_the_owners_words(bot: Bot, owner: Chat, customer: Chat) -> None:
    """With blanks and without quotes."""
    await close(owner, "/maint on 十點前 恢復")

    await customer.say("menu")

    assert "十點前 恢復" in customer.text


async def test_a_tap_and_a_hello_are_told_too(bot: Bot, owner: Chat, customer: Chat) -> None:
    """Whatever it is that somebody does."""
    await customer.say("menu")
    await close(owner, "/maint on closed")
    await customer.tap("My gifts")
    assert customer.text == "closed"

    await customer.do(customer.phone.follows())
    assert "closed" in customer.text


async def test_staff_keep_working_in_maintenance(owner: Chat) -> None:
    """As staff and as a customer of their own shop."""
    await close(owner)

    await owner.say("/guard")
    assert owner.said("Guard against guessing")
    await owner.say("menu")
    assert owner.said("What would you like to do?")


async def test_outsiders_cannot_tell_maintenance_from_commands(bot: Bot, owner: Chat, customer: Chat) -> None:
    """Everything is answered alike."""
    await close(owner, "/maint on closed")

    await customer.say("/status")

    assert customer.text == "closed"


# ── blocks ───────────────────────────────────────────────────────────────────────────────────


async def block(bot: Bot, owner: Chat, customer: Chat, line: str = "24h reason=guessing") -> None:
    await owner.say(f"/block {await ref_of(bot, customer)} {line}")
    await owner.tap("Block")


async def test_a_blocked_customer_is_told_once(bot: Bot, owner: Chat, customer: Chat) -> None:
    """Then there is silence, and no vendor is asked."""
    await block(bot, owner, customer)

    await customer.say("WELCOME2026")
    assert customer.said("We can't serve you here at the moment. If you think that is wrong, please ask at the shop.")
    await customer.say("menu")
    assert customer.shown == []
    assert not bot.sandbox.calls("poshen")


async def test_a_block_ends_by_itself(bot: Bot, owner: Chat, customer: Chat) -> None:
    """When its time is up."""
    await block(bot, owner, customer)
    bot.ahead(hours=25)

    await customer.say("menu")

    assert customer.said("What would you like to do?")


async def test_the_trail_tells_a_blocks_end_in_the_brands_time(bot: Bot, owner: Chat, customer: Chat) -> None:
    """As it tells when it was made."""
    await block(bot, owner, customer)

    until = await bot.pool.fetchval("SELECT until FROM blocks")
    after = await bot.pool.fetchval("SELECT after FROM audit WHERE action = 'block' ORDER BY n DESC LIMIT 1")
    assert after == f"{until.astimezone(bot.settings.zone):%Y-%m-%d %H:%M}"


async def test_a_block_is_taken_back(bot: Bot, owner: Chat, customer: Chat) -> None:
    """By the button under it, or by name."""
    await block(bot, owner, customer)
    await owner.tap("Unblock")

    await customer.say("menu")

    assert customer.said("What would you like to do?")


async def test_a_second_block_is_told_again(bot: Bot, owner: Chat, customer: Chat) -> None:
    """Another decision is another message."""
    await block(bot, owner, customer)
    await customer.say("menu")
    bot.ahead(hours=25)
    await block(bot, owner, customer)

    await customer.say("menu")

    assert customer.said("We can't serve you here at the moment. If you think that is wrong, please ask at the shop.")


async def test_deleting_ones_data_does_not_end_a_block(bot: Bot, owner: Chat, customer: Chat) -> None:
    """It is kept by keyed hash, without the person."""
    await block(bot, owner, customer)
    await bot.pool.execute("DELETE FROM customers WHERE split_part(person, ':', 3) = $1", customer.user)

    await customer.say("menu")

    assert not customer.said("What would you like to do?")


async def test_staff_cannot_be_blocked(bot: Bot, owner: Chat) -> None:
    """Their rights are taken away instead."""
    ref = await ref_of(bot, owner)

    await owner.say(f"/block {ref} 24h reason=spam")

    assert owner.said("%(customer)s is staff. Take their rights away first.", customer=ref)


async def test_who_shows_a_block(bot: Bot, owner: Chat, customer: Chat) -> None:
    """Until when, by whom and why."""
    await block(bot, owner, customer)

    await owner.say("/who last")

    assert owner.said("Blocked")
    assert "guessing" in owner.text


# ── the guard ────────────────────────────────────────────────────────────────────────────────


async def test_a_raised_guard_wants_the_keyword(bot: Bot, owner: Chat, customer: Chat, tables: asyncpg.Pool) -> None:
    """As if it had raised itself; lowered, everything is as before."""
    await owner.order("/guard raise for=2h")
    await customer.say("WELCOME2026")
    assert await tables.fetchval("SELECT count(*) FROM claims") == 0

    await owner.order("/guard lower")
    await customer.say("WELCOME2026")

    assert await tables.fetchval("SELECT count(*) FROM claims") == 1


async def test_the_guard_lowers_itself(bot: Bot, owner: Chat) -> None:
    """After the time it was raised for."""
    await owner.order("/guard raise for=2h")
    await owner.say("/guard")
    assert owner.said("Lower")
    bot.ahead(hours=3)

    await owner.say("/guard")

    assert owner.said("not raised")

"""Guessing codes: who may try how often, and that no vendor is asked once somebody may not."""

from __future__ import annotations

from datetime import datetime, timedelta

import asyncpg
from chat import Bot, Chat

from bot.services.guesses import BUDGET_A_DAY, GUARD_MISSES, GUARD_PEOPLE
from bot.storage import claims
from bot.storage.claims import Policy
from bot.understanding.codes import canonical


def wait_text(chat: Chat, minutes: int) -> str:
    return chat._.ngettext(
        "Too many tries. Please wait %(n)s minute, or ask our staff.",
        "Too many tries. Please wait %(n)s minutes, or ask our staff.",
        minutes,
    )


def wait_text_in_hours(chat: Chat, hours: int) -> str:
    return chat._.ngettext(
        "Too many tries. Please wait %(n)s hour, or ask our staff.",
        "Too many tries. Please wait %(n)s hours, or ask our staff.",
        hours,
    )


async def guess(chat: Chat, times: int, start: int = 0) -> None:
    """Wrong codes, each another one."""
    for number in range(start, start + times):
        await chat.say(f"redeem WRONG-{number:04d}")


async def missed(bot: Bot, tables: asyncpg.Pool, code: str, person: str, at: datetime | None = None) -> None:
    """A wrong code of somebody of whom nothing else is to be known here."""
    now = at or bot.clock()
    guesses = bot.turns.services.guesses
    async with tables.acquire() as connection, connection.transaction():
        await guesses.count_miss(connection, person, canonical(code), now - timedelta(days=9), now)


async def raise_guard(bot: Bot, tables: asyncpg.Pool) -> None:
    """More wrong codes than honest customers type."""
    for number in range(GUARD_MISSES + 1):
        await missed(bot, tables, f"{number:04d}-CODE", f"line:page:{number // 4}")


async def test_after_five_wrong_codes_even_the_right_one_has_to_wait(friend: Chat) -> None:
    """The fifth miss says so; from then on no vendor is asked."""
    await guess(friend, 4)
    assert wait_text(friend, 10) not in friend.text
    await guess(friend, 1, start=4)
    assert wait_text(friend, 10) in friend.text
    calls = len(friend.bot.sandbox.calls("poshen"))

    await guess(friend, 1, start=5)
    await friend.say("WELCOME2026")

    assert wait_text(friend, 10) in friend.text
    assert not friend.said("Redeemed 🎉")
    assert len(friend.bot.sandbox.calls("poshen")) == calls


async def test_newcomers_get_half_of_the_tries(chat: Chat) -> None:
    """Throw-away accounts are the cheapest tool of a guesser."""
    await guess(chat, 2)
    assert wait_text(chat, 10) not in chat.text
    await guess(chat, 1, start=2)
    assert wait_text(chat, 10) in chat.text
    calls = len(chat.bot.sandbox.calls("poshen"))

    await chat.say("WELCOME2026")

    assert wait_text(chat, 10) in chat.text
    assert len(chat.bot.sandbox.calls("poshen")) == calls


async def test_after_the_wait_the_right_code_is_redeemed(friend: Chat) -> None:
    """An honest customer who mistyped is only delayed."""
    await guess(friend, 5)
    friend.bot.ahead(minutes=10, seconds=1)

    await friend.say("WELCOME2026")

    assert friend.said("Redeemed 🎉")


async def test_each_further_wait_of_a_day_is_longer(friend: Chat) -> None:
    """Ten minutes, an hour, a day."""
    await guess(friend, 5)
    assert wait_text(friend, 10) in friend.text
    friend.bot.ahead(minutes=11)

    await guess(friend, 5, start=5)
    assert wait_text(friend, 60) in friend.text
    friend.bot.ahead(minutes=61)

    await guess(friend, 5, start=10)
    assert wait_text_in_hours(friend, 24) in friend.text


async def test_thirty_wrong_codes_a_day_are_the_end_of_it(friend: Chat, tables: asyncpg.Pool) -> None:
    """However slowly they come."""
    person = await tables.fetchval("SELECT person FROM customers")
    now = friend.bot.clock()
    for number in range(BUDGET_A_DAY):
        await missed(friend.bot, tables, f"SLOW-{number}", person, now - timedelta(minutes=11 + 45 * number))
    await tables.execute("DELETE FROM waits")

    await friend.say("WELCOME2026")

    assert wait_text_in_hours(friend, 24) in friend.text
    assert friend.bot.sandbox.calls("poshen") == []


async def test_a_hit_does_not_refill_the_tries(chat: Chat) -> None:
    """Else one known code would buy as many guesses as one likes."""
    await guess(chat, 2)
    await chat.say("WELCOME2026")
    assert chat.said("Redeemed 🎉")

    await guess(chat, 1, start=2)

    assert wait_text(chat, 10) in chat.text


async def test_the_same_wrong_code_costs_once(chat: Chat, tables: asyncpg.Pool) -> None:
    """Whoever reads it off a card tries it again, in other spellings too."""
    for typed in ("WRONG-2026", "wrong2026", "Wrong 2026", "ＷＲＯＮＧ－２０２６"):
        await chat.say(f"兌換 {typed}")

    assert wait_text(chat, 10) not in chat.text
    assert await tables.fetchval("SELECT count(*) FROM misses") == 1


async def test_waiting_customers_are_offered_a_person(friend: Chat) -> None:
    """No answer is a dead end."""
    await guess(friend, 6)

    await friend.tap("Talk to a person")

    assert friend.said("Our team has been notified. I'll stay quiet — type “menu” to bring me back.")


async def test_one_persons_misses_are_no_others(friend: Chat) -> None:
    """The next customer redeems as always."""
    other = friend.bot.chat(friend.channel)
    await guess(other, 5)

    await friend.say("WELCOME2026")

    assert friend.said("Redeemed 🎉")


async def test_blocking_and_returning_does_not_end_a_wait(bot: Bot) -> None:
    """The limit knows the person, not the friendship."""
    chat = bot.chat("line")
    await guess(chat, 3)
    await chat.do(chat.phone.unfollows())
    await chat.do(chat.phone.follows(returning=True))

    await chat.say("WELCOME2026")

    assert wait_text(chat, 10) in chat.text


async def test_deleting_ones_data_does_not_end_a_wait(chat: Chat) -> None:
    """Misses are kept by a keyed hash that says the same afterwards."""
    await guess(chat, 3)
    await chat.say("delete my data")
    await chat.tap("Yes, delete")
    await chat.say("DELETE")
    assert chat.said("Deleted. Thank you for having been here.")

    await chat.say("WELCOME2026")

    assert wait_text(chat, 10) in chat.text


async def test_what_is_kept_of_misses_names_nobody(friend: Chat, tables: asyncpg.Pool) -> None:
    """Neither the person nor the code can be read from the table."""
    await guess(friend, 1)

    kept = str(await tables.fetch("SELECT * FROM misses"))

    assert friend.user not in kept
    assert "WRONG" not in kept


# The raised guard.


async def test_while_guarded_a_code_needs_its_keyword(friend: Chat, tables: asyncpg.Pool) -> None:
    """A bare code is chat and not looked up; after the word it is redeemed."""
    await raise_guard(friend.bot, tables)

    await friend.say("WELCOME2026")
    assert friend.said("I didn't catch that. Try:")
    assert friend.bot.sandbox.calls("poshen") == []

    await friend.say("兌換 WELCOME2026")
    assert friend.said("Redeemed 🎉")


async def test_while_guarded_two_wrong_codes_are_enough(friend: Chat, tables: asyncpg.Pool) -> None:
    """For old friends too."""
    await raise_guard(friend.bot, tables)
    await guess(friend, 1)
    assert wait_text(friend, 10) not in friend.text

    await guess(friend, 1, start=1)

    assert wait_text(friend, 10) in friend.text


async def test_while_guarded_a_used_up_code_reads_like_a_missing_one(friend: Chat, tables: asyncpg.Pool) -> None:
    """Text and buttons are the same, so that a guesser learns nothing."""
    await claims.set_policy(tables, 5, Policy(max_claims=1))
    other = friend.bot.chat(friend.channel)
    await other.say("WELCOME2026")
    await raise_guard(friend.bot, tables)

    await friend.say("兌換 WELCOME2026")
    used_up, its_buttons = friend.text.replace("WELCOME2026", "…"), list(friend.buttons)
    assert not friend.said("This code has been fully used.")
    await tables.execute("DELETE FROM misses")
    await friend.say("兌換 NOSUCH2026")

    assert friend.text.replace("NOSUCH2026", "…") == used_up
    assert list(friend.buttons) == its_buttons


async def test_while_guarded_a_customer_still_finds_their_own_receipt(friend: Chat, tables: asyncpg.Pool) -> None:
    """What somebody has already is no secret to them."""
    await friend.say("WELCOME2026")
    await raise_guard(friend.bot, tables)

    await friend.say("兌換 WELCOME2026")

    assert "金幣 100" in friend.text and "R-" in friend.text


async def test_many_people_with_the_same_beginning_raise_the_guard(bot: Bot, tables: asyncpg.Pool) -> None:
    """Twenty-one accounts that each try once are one guesser."""
    for number in range(GUARD_PEOPLE):
        await missed(bot, tables, f"SUMM-{number:04d}", f"line:page:{number}")
    assert await tables.fetchval("SELECT count(*) FROM guard") == 0

    await missed(bot, tables, "SUMM-9999", "line:page:last")

    assert await tables.fetchval("SELECT raised_until FROM guard") > bot.clock()


async def test_staff_are_alerted_of_guessing_once_an_hour(bot: Bot, tables: asyncpg.Pool) -> None:
    """Every admin, with the numbers; again only after an hour."""
    staff = [bot.chat("line", "staff"), bot.chat("messenger", "staff")]
    await raise_guard(bot, tables)
    await missed(bot, tables, "ONE-MORE", "line:page:x")
    await bot.quiet()
    for admin in staff:
        [alert] = admin.look()
        assert str(GUARD_MISSES + 1) in alert.message["text"]

    bot.ahead(minutes=61)
    await raise_guard(bot, tables)
    await bot.quiet()
    for admin in staff:
        assert len(admin.look()) == 1


async def test_the_guard_comes_down_when_it_is_calm_again(friend: Chat, tables: asyncpg.Pool) -> None:
    """Half an hour later bare codes are read again."""
    await raise_guard(friend.bot, tables)
    friend.bot.ahead(minutes=31)

    await friend.say("WELCOME2026")

    assert friend.said("Redeemed 🎉")


async def test_words_that_only_look_like_codes_are_looked_up_so_often_and_no_more(chat: Chat) -> None:
    """They are talk and bring no wait, but they must not be guesses without a limit."""
    for number in range(20):
        await chat.say(f"abcd{number:04}x")
        chat.bot.ahead(seconds=4)  # No flood.

    assert 1 <= len(chat.bot.sandbox.calls("poshen")) <= 2 * 15

    await chat.say("WELCOME2026")
    assert not chat.said("Redeemed 🎉")

    await chat.say("redeem WELCOME2026")
    assert chat.said("Redeemed 🎉")


async def test_a_wait_does_not_swallow_the_code_that_is_right(bot: Bot) -> None:
    """All of several: the wrong ones bring a wait, the right one its receipt."""
    chat = bot.chat("line", language="en")
    await chat.say("redeem NOSUCH11")
    await chat.say("redeem NOSUCH12")
    await chat.say("NOSUCH13 WELCOME2026")

    await chat.tap("All of them")

    assert chat.said("Redeemed 🎉")
    assert "Too many tries" in chat.text

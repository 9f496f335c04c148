"""Help, not being understood, and people."""

from __future__ import annotations

import asyncpg
import pytest
from chat import Bot, Chat

LOST = "I didn't catch that. Try:"
NOTIFIED = "Our team has been notified. I'll stay quiet — type “menu” to bring me back."


async def test_help_is_four_lines_with_examples(friend: Chat) -> None:
    """And buttons for the same."""
    await friend.say("help")

    for line in (
        "• Paste a code to redeem it.",
        "• Type “gifts” to see your tickets and gifts.",
        "• Type “language” to change the language.",
        "• Type “agent” to reach our staff.",
    ):
        assert friend.said(line)
    assert {friend._("My gifts"), friend._("Redeem a code"), friend._("Talk to a person")} <= set(friend.buttons)


async def test_who_is_not_understood_hears_more_each_time_and_then_nothing(friend: Chat) -> None:
    """Ideas, then help, then a person; after that people talk to the shop undisturbed."""
    await friend.say("幾點打烊")
    assert friend.said(LOST)
    assert not friend.said("• Paste a code to redeem it.")

    await friend.say("幾點打烊")
    assert friend.said(LOST) and friend.said("• Paste a code to redeem it.")

    await friend.say("幾點打烊")
    assert friend.said("I can't help with that, but our staff can. Shall I call somebody?")
    assert friend._("Talk to a person") in friend.buttons

    assert await friend.say("幾點打烊") == []
    assert await friend.say("有人在嗎") == []


async def test_known_words_are_answered_while_it_is_quiet(friend: Chat) -> None:
    """And after one of them it is not quiet any more."""
    for _ in range(4):
        await friend.say("幾點打烊")
    assert friend.shown == []

    await friend.say("menu")
    assert friend.said("What would you like to do?")

    await friend.say("幾點打烊")
    assert friend.said(LOST)
    assert not friend.said("• Paste a code to redeem it.")


async def test_codes_are_redeemed_while_it_is_quiet(friend: Chat) -> None:
    """Quiet means not nagging."""
    for _ in range(4):
        await friend.say("幾點打烊")

    await friend.say("WELCOME2026")

    assert friend.said("Redeemed 🎉")


async def test_the_quiet_ends_after_ten_minutes(friend: Chat) -> None:
    """Then it begins anew with ideas."""
    for _ in range(4):
        await friend.say("幾點打烊")
    friend.bot.ahead(minutes=11)

    await friend.say("幾點打烊")

    assert friend.said(LOST)
    assert not friend.said("• Paste a code to redeem it.")


async def test_being_understood_in_between_starts_over(friend: Chat) -> None:
    """Two unclear messages a week apart are not the beginning of a nag."""
    await friend.say("幾點打烊")
    await friend.say("gifts")

    await friend.say("幾點打烊")

    assert friend.said(LOST)
    assert not friend.said("• Paste a code to redeem it.")


async def test_an_outsider_learns_nothing_of_commands(friend: Chat) -> None:
    """`/status` reads byte for byte like any nonsense."""
    other = friend.bot.chat(friend.channel, language="en" if friend.tag == "en" else "zh-TW")
    await other.do(other.phone.follows())

    await friend.say("/status")
    await other.say("asdf qwer")

    assert friend.texts == other.texts


# A person.


async def test_asking_for_a_person_tells_every_admin_who_and_where_but_not_what(
    friend: Chat, tables: asyncpg.Pool
) -> None:
    """An opaque number and the channel, in the brand's language."""
    bot = friend.bot
    staff = [bot.chat("line", "staff"), bot.chat("messenger", "staff")]
    await friend.say("我的電話是 0912345678")

    await friend.say("agent")

    assert friend.said(NOTIFIED)
    ref = await tables.fetchval("SELECT ref FROM customers WHERE person LIKE $1", f"%{friend.user}")
    channel = "LINE" if friend.channel == "line" else "Messenger"
    for admin in staff:
        [alert] = admin.look()
        assert alert.message["text"] == bot.turns.languages["zh_Hant_TW"](
            "Customer %(customer)s on %(channel)s asks for a person.", customer=ref, channel=channel
        )
        assert friend.user not in str(alert.message) and "0912" not in str(alert.message)


async def test_staff_hear_once_of_somebody_who_asks_again_and_again(friend: Chat) -> None:
    """One alert an hour for one customer."""
    staff = friend.bot.chat("line", "staff")
    for _ in range(3):
        await friend.say("agent")
        await friend.say("menu")

    assert len(staff.look()) == 1


async def test_while_staff_answer_the_bot_is_quiet(friend: Chat) -> None:
    """Whatever is typed or sent; no vendor is asked either."""
    await friend.say("客服")

    assert await friend.say("my order never came") == []
    assert await friend.say("gifts") == []
    assert await friend.say("WELCOME2026") == []
    assert await friend.do(friend.phone.sends_image()) == []
    assert await friend.do(friend.phone.sends_sticker()) == []
    assert friend.bot.sandbox.calls("poshen") == friend.bot.sandbox.calls("mantago") == []


async def test_the_word_menu_brings_the_bot_back(friend: Chat) -> None:
    """For good, not for one message."""
    await friend.say("agent")

    await friend.say("選單")
    assert friend.said("What would you like to do?")

    await friend.say("gifts")
    assert friend.said("No gifts yet. Join a campaign or redeem a code to get some.")


async def test_a_tap_on_a_button_brings_the_bot_back(friend: Chat) -> None:
    """Whoever taps our button asks for us."""
    await friend.say("agent")
    await friend.tap("Menu")
    assert friend.said("What would you like to do?")

    await friend.say("gifts")
    assert friend.shown != []


async def test_the_bot_comes_back_by_itself_after_an_hour(friend: Chat) -> None:
    """HANDOFF_MINUTES later."""
    await friend.say("agent")
    friend.bot.ahead(minutes=59)
    assert await friend.say("gifts") == []

    friend.bot.ahead(minutes=2)
    await friend.say("gifts")

    assert friend.said("No gifts yet. Join a campaign or redeem a code to get some.")


async def test_the_hours_of_staff_are_told_when_they_are_known(friend: Chat) -> None:
    """Nobody waits at midnight."""
    friend.bot.desk(support_hours="10:00–18:00")

    await friend.say("agent")

    assert friend.said(
        "Our team has been notified (%(hours)s). I'll stay quiet — type “menu” to bring me back.", hours="10:00–18:00"
    )


async def test_one_customers_quiet_is_no_others(bot: Bot) -> None:
    """The next customer is answered."""
    chat, other = bot.chat("line"), bot.chat("line")
    await chat.say("agent")

    await other.say("menu")

    assert other.said("What would you like to do?")


@pytest.mark.parametrize(("language", "yes"), [("zh-TW", "好"), ("en", "Yes please")])
async def test_yes_calls_a_person(bot: Bot, language: str, yes: str) -> None:
    """The offer after the third sentence that was not understood can be taken with a word."""
    chat = bot.chat("line", language=language)
    for text in ("嗯嗯嗯", "隨便說說啦", "再說說看嘛"):
        await chat.say(text)
    await chat.say(yes)

    assert "menu" in chat.text or "選單" in chat.text
    assert await bot.pool.fetchval("SELECT muted_until IS NOT NULL FROM customers")

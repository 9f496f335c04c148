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
    """Ideas, then help, then a question; after that people talk to the shop undisturbed."""
    await friend.say("雲的影子很長")
    assert friend.said(LOST)
    assert not friend.said("• Paste a code to redeem it.")

    await friend.say("雲的影子很長")
    assert friend.said(LOST) and friend.said("• Paste a code to redeem it.")

    await friend.say("雲的影子很長")
    assert friend.said("I can't help with that, but our staff can. Shall I call somebody?")
    assert friend._("Talk to a person") in friend.buttons and friend._("No, thanks") in friend.buttons

    await friend.say("雲的影子很長")
    assert friend.said(
        "I'm not sure what you mean. Please answer “%(yes)s” or “%(no)s”.",
        yes=friend._("Talk to a person"),
        no=friend._("No, thanks"),
    )
    assert friend._("Talk to a person") in friend.buttons and friend._("No, thanks") in friend.buttons

    assert await friend.say("雲的影子很長") == []
    assert await friend.say("風也是") == []


async def test_what_is_meant_is_one_tap_away_and_can_be_typed(friend: Chat) -> None:
    """Thirteen topics as chips, the menu last; on a computer LINE shows none, so some are named in the text."""
    await friend.say("雲的影子很長")

    assert friend._("My receipts") in friend.buttons and list(friend.buttons)[-1] == friend._("Menu")
    assert len(friend.buttons) == 13
    for likeliest in list(friend.buttons)[:3]:
        assert f"• {likeliest}" in friend.text

    await friend.say(friend._("Notifications off"))
    assert friend.said("Notifications off. You can still redeem and check.")


async def test_known_words_are_answered_while_it_is_quiet(friend: Chat) -> None:
    """And after one of them it is not quiet any more."""
    for _ in range(5):
        await friend.say("雲的影子很長")
    assert friend.shown == []

    await friend.say("menu")
    assert friend.said("What would you like to do?")

    await friend.say("雲的影子很長")
    assert friend.said(LOST)
    assert not friend.said("• Paste a code to redeem it.")


@pytest.mark.parametrize("text", ["謝謝🙏", "hello", "我的 點數 😀", "WELCOME2026"])
async def test_the_quiet_ends_with_anything_that_is_understood(bot: Bot, text: str) -> None:
    """Thanks, a greeting, a decorated word, a code."""
    chat = bot.chat("line", language="en")
    for _ in range(5):
        await chat.say("雲的影子很長")
    assert chat.shown == []

    await chat.say(text)
    assert chat.shown != []
    await chat.say("雲的影子很長")
    assert chat.said(LOST)


async def test_codes_are_redeemed_while_it_is_quiet(friend: Chat) -> None:
    """Quiet means not nagging."""
    for _ in range(5):
        await friend.say("雲的影子很長")

    await friend.say("WELCOME2026")

    assert friend.said("Redeemed 🎉")


async def test_the_quiet_ends_with_the_conversation(friend: Chat) -> None:
    """The next message after two minutes is a new beginning."""
    for _ in range(5):
        await friend.say("雲的影子很長")
    friend.bot.ahead(minutes=1)
    assert await friend.say("雲的影子很長") == []
    friend.bot.ahead(minutes=2, seconds=5)

    await friend.say("雲的影子很長")

    assert friend.said(LOST)
    assert not friend.said("• Paste a code to redeem it.")


async def test_being_understood_in_between_starts_over(friend: Chat) -> None:
    """Two unclear messages a week apart are not the beginning of a nag."""
    await friend.say("雲的影子很長")
    await friend.say("gifts")

    await friend.say("雲的影子很長")

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
        first, *facts = alert.message["text"].split("\n")
        assert first == bot.turns.languages["zh_Hant_TW"](
            "Customer %(customer)s on %(channel)s asks for a person.", customer=ref, channel=channel
        )
        assert [fact.split("：")[0] for fact in facts] == ["語言", "開始等候", "回覆請到"]
        assert friend.user not in str(alert.message) and "0912" not in str(alert.message)


async def test_staff_hear_once_of_somebody_who_asks_again_and_again(friend: Chat) -> None:
    """One alert an hour for one customer."""
    staff = friend.bot.chat("line", "staff")
    for _ in range(3):
        await friend.say("agent")
        await friend.say("menu")

    assert len(staff.look()) == 1


async def test_while_staff_answer_talk_is_theirs(friend: Chat) -> None:
    """Talk, greetings, thanks and pictures stay with them, and no vendor is asked; the way back is told once."""
    await friend.say("客服")

    assert await friend.say("hello") == []
    await friend.say("my order never came")
    assert friend.said("I'll leave you with our staff. Type “menu” when you need me.")
    assert await friend.say("it was blue") == []
    assert await friend.say("謝謝您") == []
    assert await friend.do(friend.phone.sends_image()) == []
    assert await friend.do(friend.phone.sends_sticker()) == []
    assert friend.bot.sandbox.calls("poshen") == friend.bot.sandbox.calls("mantago") == []


async def test_rights_gifts_and_codes_are_heard_while_somebody_waits(friend: Chat) -> None:
    """They are answered, and the wait for a person goes on."""
    await friend.say("客服")

    await friend.say("gifts")
    assert friend.said("No gifts yet. Join a campaign or redeem a code to get some.")
    await friend.say("WELCOME2026")
    assert friend.said("Redeemed 🎉")
    await friend.say("delete my data")
    assert friend._("Yes, delete") in friend.buttons
    await friend.say("cancel")
    await friend.say("agent")
    await friend.say("unsubscribe")
    assert friend.said("Notifications off. You can still redeem and check.")
    assert await friend.say("hello") == []


@pytest.mark.parametrize("word", ["選單", "menu", "取消"])
async def test_menu_and_cancel_bring_the_bot_back(friend: Chat, word: str) -> None:
    """For good, not for one message."""
    await friend.say("agent")

    await friend.say(word)
    assert friend.shown != []

    await friend.say("hello")
    assert friend.shown != []


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
    assert await friend.say("hello") == []

    friend.bot.ahead(minutes=2)
    await friend.say("hello")

    assert friend.shown != []


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


@pytest.mark.parametrize(
    "yes",
    [
        "好",
        "好喔",
        "對",
        "嗯",
        "麻煩您",
        "好，謝謝",
        "請幫我叫人",
        "好 🙏",
        "要～",
        "Yes please",
        "yep",
        "ok thanks",
        "sure, go ahead!",
    ],
)
async def test_yes_in_any_form_calls_a_person(bot: Bot, yes: str) -> None:
    """The offer after the third sentence that was not understood can be taken with a word."""
    chat = bot.chat("line", language="en")
    for text in ("雲的影子很長", "風也是", "海比較藍"):
        await chat.say(text)
    await chat.say(yes)

    assert chat.said(NOTIFIED)
    assert await bot.pool.fetchval("SELECT muted_until IS NOT NULL FROM customers")


@pytest.mark.parametrize(
    "no", ["不用", "不用了，謝謝", "先不要", "沒關係", "no", "nope", "no thanks 🙏", "not now", "算了"]
)
async def test_no_in_any_form_calls_nobody(bot: Bot, no: str) -> None:
    """And it is answered."""
    chat = bot.chat("line", language="en")
    for text in ("雲的影子很長", "風也是", "海比較藍"):
        await chat.say(text)
    await chat.say(no)

    assert chat.shown != []
    assert await bot.pool.fetchval("SELECT muted_until IS NULL FROM customers")


@pytest.mark.parametrize(
    ("doubt", "yes"), [("客服在嗎？", "好"), ("要怎麼找客服？", "對"), ("is there a real person?", "yes")]
)
async def test_a_person_who_was_only_asked_about_is_offered(bot: Bot, doubt: str, yes: str) -> None:
    """A question is no order."""
    chat = bot.chat("messenger", language="en")
    await chat.say(doubt)
    assert chat.said("Shall I call somebody of our staff?")
    assert await bot.pool.fetchval("SELECT muted_until IS NULL FROM customers")

    await chat.say(yes)
    assert chat.said(NOTIFIED)


@pytest.mark.parametrize("text", ["怎麼退訂？", "how do i unsubscribe?"])
async def test_unsubscribing_that_was_only_asked_about_is_offered(bot: Bot, text: str) -> None:
    """And done by a yes."""
    chat = bot.chat("line", language="en")
    await chat.say(text)
    assert chat.said("Shall I turn notifications off?")
    assert await bot.pool.fetchval("SELECT unsubscribed_at IS NULL FROM customers")

    await chat.say("好喔")
    assert await bot.pool.fetchval("SELECT unsubscribed_at IS NOT NULL FROM customers")


async def test_thanks_and_greetings_get_a_word_and_no_menu(friend: Chat) -> None:
    """They are no miss either."""
    await friend.say("雲的影子很長")
    await friend.say("謝謝您喔～")
    assert friend.said("You're welcome! Just write whenever you need something.")
    await friend.say("早安☀️")
    assert friend.said("Hello! Your gifts, codes and vouchers: just tell me what you are looking for.")
    await friend.say("雲的影子很長")
    assert not friend.said("• Paste a code to redeem it.")

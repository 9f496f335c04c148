"""Slow vendors, late answers, backlogs, and people who cannot be written to."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
from chat import Bot, Chat
from engine.desk import references

from conversations.proving import new_code

STILL = "Still checking — one moment."
SORRY = "Sorry for the delay — here is our answer."


def busy(chat: Chat) -> int:
    return sum(item.via == "busy" and item.to == chat.user for item in chat.bot.sandbox.sent(busy=True))


async def test_an_answer_that_takes_a_second_is_announced(bot: Bot, channel: str) -> None:
    """The platform's own sign that somebody is typing."""
    chat = bot.chat(channel, "yu")
    bot.sandbox.fault("mantago", delay_ms=1100, times=1)

    await chat.say("gifts")

    assert busy(chat) == 1
    assert chat.said("Your gifts")


async def test_a_quick_answer_is_not_announced(bot: Bot, channel: str) -> None:
    """Nothing flickers."""
    chat = bot.chat(channel, "yu")

    await chat.say("gifts")

    assert busy(chat) == 0


async def test_before_the_reply_token_dies_it_is_spent_on_a_button(bot: Bot, language: str) -> None:
    """The tap on it brings the finished list, free of charge; a second tap says it was shown."""
    bot.sandbox.people.put("line", "yu", locale=language)
    chat = bot.chat("line", "yu", language)
    bot.having(patience=timedelta(seconds=0.2))
    bot.sandbox.fault("mantago", delay_ms=500, times=1)
    await chat.say("gifts")
    assert chat.said(STILL)
    assert not chat.said("Your gifts")
    see = chat.data_of("See result")

    await chat.do(chat.phone.taps(see))
    assert chat.said("Your gifts")
    assert {item.via for item in chat.everything} == {"reply"}
    await chat.tap("Physical gifts")
    assert "保溫杯" in chat.text

    await chat.do(chat.phone.taps(see))
    assert chat.said("That result was already shown. You can ask again at any time.")


async def test_a_tap_on_see_result_waits_for_the_result(bot: Bot) -> None:
    """Impatient fingers get the list, not an excuse."""
    chat = bot.chat("line", "yu")
    bot.having(patience=timedelta(seconds=0.2))
    bot.sandbox.fault("mantago", delay_ms=700, times=1)
    bot.post(chat.phone.says("gifts"))
    await bot.sandbox.wait_sent("line", chat.user)
    chat.look()

    await chat.tap("See result")

    assert chat.said("Your gifts")


async def test_a_claim_that_took_too_long_is_pushed(bot: Bot) -> None:
    """A receipt is worth a push; nobody has to tap for it."""
    chat = bot.chat("line")
    bot.having(patience=timedelta(seconds=0.2))
    bot.sandbox.fault("poshen", delay_ms=500, times=1)

    await chat.say("WELCOME2026")

    assert chat.said(STILL)
    assert chat.said("Redeemed 🎉")
    assert [item.via for item in chat.shown if references(item.message)] == ["push"]


async def test_messenger_needs_no_button_for_a_slow_answer(bot: Bot) -> None:
    """Its answers are free for a day."""
    chat = bot.chat("messenger", "yu")
    bot.having(patience=timedelta(seconds=0.2))
    bot.sandbox.fault("mantago", delay_ms=400, times=1)

    await chat.say("gifts")

    assert not chat.said(STILL)
    assert chat.said("Your gifts")


# After an outage of our own.


async def test_after_an_outage_small_talk_is_not_answered_any_more(chat: Chat) -> None:
    """An answer to what somebody said ten minutes ago only confuses."""
    for text in ("gifts", "menu", "hello there", "help"):
        chat.bot.post(chat.phone.says(text))
    chat.bot.ahead(minutes=11)
    await chat.bot.quiet()

    assert chat.look() == []


async def test_after_an_outage_a_claim_brings_one_apology_and_its_receipt(chat: Chat, tables: asyncpg.Pool) -> None:
    """The reward is not lost, and LINE's push is worth it."""
    chat.bot.post(chat.phone.says("WELCOME2026"))
    chat.bot.ahead(minutes=11)
    await chat.bot.quiet()
    chat.look()

    assert chat.text.count(chat._(SORRY)) == 1
    assert chat.said("Redeemed 🎉")
    assert chat.text.index(chat._(SORRY)) < chat.text.index(chat._("Redeemed 🎉"))
    assert await tables.fetchval("SELECT count(*) FROM claims") == 1
    assert {item.via for item in chat.shown} == {"push" if chat.channel == "line" else "send"}


async def test_a_code_that_could_not_be_looked_up_is_never_met_with_silence(chat: Chat, tables: asyncpg.Pool) -> None:
    """However late we can say so: whoever hears nothing believes that they have it. One tap tries again."""
    chat.bot.sandbox.fault("poshen", status=500)
    chat.bot.post(chat.phone.says("WELCOME2026"))
    chat.bot.ahead(seconds=70)
    await chat.bot.quiet()
    chat.look()
    assert chat.said(
        "We can't reach %(service)s right now. Nothing is lost — please try again shortly.",
        service=chat._("the redemption service"),
    )
    assert {item.via for item in chat.shown} == {"push" if chat.channel == "line" else "send"}

    chat.bot.sandbox.clear_faults()
    await chat.tap("Try again")
    assert chat.said("Redeemed 🎉")
    assert await tables.fetchval("SELECT count(*) FROM claims") == 1


async def test_after_an_outage_a_code_typed_before_its_campaign_ended_is_redeemed(
    chat: Chat, tables: asyncpg.Pool
) -> None:
    """The desk was closed at midnight, not the campaign."""
    await tables.execute(
        "INSERT INTO policies (group_id, ends_at) VALUES (5, $1)", chat.bot.clock() + timedelta(minutes=5)
    )
    chat.bot.post(chat.phone.says("WELCOME2026"))
    chat.bot.ahead(minutes=11)
    await chat.bot.quiet()
    chat.look()

    assert chat.said("Redeemed 🎉")
    await chat.bot.chat("line", language="en").say("WELCOME2026")
    assert await tables.fetchval("SELECT count(*) FROM claims") == 1


async def test_after_an_outage_a_link_code_typed_in_time_is_still_no_redemption_code(chat: Chat) -> None:
    """Without a word before it, too, it links; the redemption vendor never sees it."""
    code = await new_code(chat.bot)
    chat.bot.post(chat.phone.says(code))
    chat.bot.ahead(minutes=11)
    await chat.bot.quiet()
    chat.look()

    assert chat.said("Linked: %(phone)s. You can check balances any time.", phone="09••-•••-678")
    assert chat.bot.sandbox.calls("poshen") == []


async def test_a_backlog_leaves_the_conversation_where_it_should_be(chat: Chat) -> None:
    """What was asked for before the outage is not taken for an answer after it."""
    chat.bot.post(chat.phone.says("unsubscribe"))
    chat.bot.post(chat.phone.says("gifts"))
    chat.bot.ahead(minutes=11)
    await chat.bot.quiet()
    chat.look()
    assert chat.said("Notifications off. You can still redeem and check.")

    await chat.say("menu")
    assert chat.said("What would you like to do?")


async def test_with_a_dead_reply_token_a_list_is_not_pushed_but_a_receipt_is(bot: Bot) -> None:
    """Pushes cost the brand money; a list can be asked for again."""
    chat = bot.chat("line", "yu")
    bot.post(chat.phone.says("gifts"))
    bot.post(chat.phone.says("WELCOME2026"))
    bot.ahead(seconds=70)
    await bot.quiet()
    chat.look()

    assert not chat.said("Your gifts")
    assert chat.said("Redeemed 🎉")
    assert not chat.said(SORRY)
    assert {item.via for item in chat.shown} == {"push"}


async def test_a_reply_token_that_line_refuses_costs_nobody_a_receipt(bot: Bot) -> None:
    """Told that the token is used, the receipt is pushed."""
    chat = bot.chat("line")
    webhook = chat.phone.says("WELCOME2026")
    bot.sandbox.line.tokens[webhook.json["events"][0]["replyToken"]].used = True

    await chat.do(webhook)

    assert chat.said("Redeemed 🎉")
    assert {item.via for item in chat.shown} == {"push"}


async def test_a_platform_in_trouble_gets_the_receipt_a_little_later(bot: Bot, channel: str) -> None:
    """A try that surely did not arrive is made again, and it arrives once."""
    chat = bot.chat(channel)
    await chat.say("menu")
    bot.sandbox.fault("line:POST /v2/bot/message/reply", status=500, times=1)
    bot.sandbox.fault("messenger:POST /me/messages", status=500, times=1)

    await chat.say("WELCOME2026")

    assert chat.said("Redeemed 🎉")
    assert len([item for item in chat.shown if references(item.message)]) == 1


# Outside Messenger's window.


async def test_a_receipt_waits_until_the_customer_writes_again(bot: Bot, tables: asyncpg.Pool) -> None:
    """Messenger takes nothing outside its window; the result comes once with the next message."""
    chat = bot.chat("messenger")
    await chat.say("menu")
    bot.sandbox.people.put("messenger", chat.user, window_open=False)
    await chat.say("WELCOME2026")
    assert chat.shown == []
    assert await tables.fetchval("SELECT count(*) FROM claims") == 1

    bot.sandbox.people.put("messenger", chat.user, window_open=True)
    await chat.say("menu")
    assert chat.said("What would you like to do?")
    assert "金幣 100" in chat.text

    await chat.say("menu")
    assert "金幣 100" not in chat.text


async def test_a_list_does_not_wait_for_the_window(bot: Bot) -> None:
    """Only what carries value is kept."""
    chat = bot.chat("messenger", "yu")
    await chat.say("menu")
    bot.sandbox.people.put("messenger", "yu", window_open=False)
    await chat.say("gifts")
    bot.sandbox.people.put("messenger", "yu", window_open=True)

    await chat.say("menu")

    assert not chat.said("Your gifts")


async def test_no_tag_is_ever_used_to_write_outside_the_window(bot: Bot) -> None:
    """Tags are for what Meta lists, and this is not on it."""
    chat = bot.chat("messenger")
    bot.sandbox.people.put("messenger", chat.user, window_open=False)

    await chat.say("WELCOME2026")

    sent = [call.json for call in bot.sandbox.calls("messenger", "POST /me/messages")]
    assert sent and {body.get("messaging_type", "RESPONSE") for body in sent} == {"RESPONSE"}
    assert not any("tag" in body for body in sent)


async def test_somebody_who_cannot_be_reached_is_noted_and_left_in_peace(bot: Bot, tables: asyncpg.Pool) -> None:
    """Until they write again."""
    chat = bot.chat("messenger")
    await chat.say("menu")
    bot.sandbox.people.put("messenger", chat.user, blocked=True)
    await chat.say("help")
    assert await tables.fetchval("SELECT unreachable_at FROM customers") is not None

    bot.sandbox.people.put("messenger", chat.user, blocked=False)
    await chat.say("help")

    assert chat.said("• Paste a code to redeem it.")
    assert await tables.fetchval("SELECT unreachable_at FROM customers") is None

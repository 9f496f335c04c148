"""What arrives: replays, redeliveries, floods, and bodies that no keyboard types."""

from __future__ import annotations

import asyncpg
import pytest
from chat import Bot, Chat

from sandbox import Phone, Webhook
from sandbox.phone import line_signature, messenger_signature


def with_body(phone: Phone, body: bytes) -> Webhook:
    """These very bytes, signed."""
    if phone.channel == "line":
        return Webhook("/webhooks/line", {"x-line-signature": line_signature(phone.secret, body)}, body)
    return Webhook("/webhooks/messenger", {"X-Hub-Signature-256": messenger_signature(phone.secret, body)}, body)


async def test_a_replayed_webhook_changes_nothing(chat: Chat, tables: asyncpg.Pool) -> None:
    """The same body with its valid signature: accepted, and that is all."""
    webhook = chat.phone.says("WELCOME2026")
    await chat.do(webhook)
    assert chat.said("Redeemed 🎉")
    calls = len(chat.bot.sandbox.calls())

    assert await chat.do(webhook, webhook) == []
    assert len(chat.bot.sandbox.calls()) == calls
    assert await tables.fetchval("SELECT count(*) FROM events") == 1


async def test_a_replay_of_yesterday_changes_nothing_even_when_its_key_is_forgotten(
    chat: Chat, tables: asyncpg.Pool
) -> None:
    """Its own timestamp gives it away; it is stored so that it is known, without its text."""
    webhook = chat.phone.says("WELCOME2026")
    chat.bot.ahead(hours=24, seconds=1)

    assert await chat.do(webhook) == []

    event = await tables.fetchrow("SELECT state, payload FROM events")
    assert (event["state"], event["payload"]) == ("ignored", None)
    assert await tables.fetchval("SELECT count(*) FROM customers") == 0
    assert chat.bot.sandbox.calls() == []


async def test_a_tap_whose_time_is_told_in_seconds_is_answered(bot: Bot) -> None:
    """As in Meta's own sample of a postback: it is of today, not of 1970."""
    chat = bot.chat("messenger")
    tapped = chat.phone.gets_started().json
    tapped["entry"][0]["messaging"][0]["timestamp"] //= 1000

    await chat.do(chat.phone.signed(tapped))

    assert chat.shown != []


async def test_a_redelivered_event_is_answered_once(chat: Chat, tables: asyncpg.Pool) -> None:
    """The platform was not sure that we had it; we were."""
    webhook = chat.phone.says("WELCOME2026")
    await chat.do(webhook, chat.phone.redelivered(webhook))

    assert chat.text.count(chat._("Redeemed 🎉")) == 1
    assert await chat.do(chat.phone.redelivered(webhook)) == []
    assert await tables.fetchval("SELECT count(*) FROM claims") == 1


async def test_the_same_event_twice_in_one_body_is_answered_once(chat: Chat) -> None:
    """As batches sometimes hold it."""
    webhook = chat.phone.says("menu")

    await chat.do(chat.phone.together(webhook, webhook))

    assert chat.texts.count(chat._("What would you like to do?")) <= 1
    assert chat.said("What would you like to do?")


async def test_a_wrong_signature_is_refused(chat: Chat, tables: asyncpg.Pool) -> None:
    """Nothing of it is stored."""
    webhook = chat.phone.says("WELCOME2026")
    forged = webhook._replace(body=webhook.body.replace(b"WELCOME", b"PICNIC4"))

    assert chat.bot.post(forged) == 401
    assert chat.bot.post(webhook._replace(headers={})) == 401
    assert await tables.fetchval("SELECT count(*) FROM events") == 0


@pytest.mark.parametrize("hole", [b"\\u0000", b"\\ud83d", b"\\udc00\\ud800", b"\\ufeff\\u202e"])
async def test_one_persons_strange_characters_cost_nobody_their_answer(chat: Chat, hole: bytes) -> None:
    """NUL and half an emoji in one text: the others in the same body are answered, and so is that one."""
    bot, other = chat.bot, chat.bot.chat(chat.channel, language="en" if chat.tag == "en" else "zh-TW")
    body = chat.phone.together(chat.phone.says("WELCOME2026HOLE"), other.phone.says("menu")).body

    await other.do(with_body(chat.phone, body.replace(b"HOLE", hole)))

    assert other.said("What would you like to do?")
    chat.look()
    assert chat.said("Redeemed 🎉")
    assert not [call for call in bot.sandbox.calls(chat.channel) if call.status >= 400]


async def test_an_event_that_is_no_event_costs_its_siblings_nothing(chat: Chat) -> None:
    """Shapes that no documentation knows are passed over."""
    good = chat.phone.says("menu").json
    if chat.channel == "line":
        good["events"] = [None, 7, {"type": "message"}, {"type": "new", "source": {"type": "user"}}, *good["events"]]
    else:
        good["entry"] = [None, {"id": 1}, {"messaging": "x"}, {"messaging": [None, {}]}, *good["entry"]]

    await chat.do(chat.phone.signed(good))

    assert chat.said("What would you like to do?")


async def test_a_groups_event_in_a_private_chat_is_ignored(bot: Bot, tables: asyncpg.Pool) -> None:
    """Nobody answers a `join` there: it is neither tried again nor apologised for, and the chat goes on."""
    chat = bot.chat("line")
    joined = chat.phone.invites("C1").json
    joined["events"][0]["source"] = {"type": "user", "userId": chat.user}

    assert await chat.do(chat.phone.signed(joined)) == []
    assert await tables.fetchval("SELECT state FROM events") == "ignored"

    await chat.say("menu")
    assert chat.said("What would you like to do?")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"events": 1}', b"[" * 10_000])
async def test_a_body_that_is_no_webhook_is_turned_away(bot: Bot, channel: str, body: bytes) -> None:
    """With an answer, not with a crash."""
    assert bot.post(with_body(bot.sandbox.phone(channel), body)) in (200, 400)


async def test_a_body_beyond_all_measure_is_refused(bot: Bot, channel: str) -> None:
    """One megabyte is more than any platform sends."""
    assert bot.post(with_body(bot.sandbox.phone(channel), b"[" + b" " * 1_100_000 + b"]")) == 413


@pytest.mark.parametrize(
    "text",
    [
        "兌" * 5000,
        "A1B2C3" * 833,
        "a1 " * 1666,
        "兌換 " + "A1" * 2499,
        "9" * 5000,
        "-" * 5000,
        "🎉",
        "👨‍👩‍👧‍👦🏳️‍🌈" * 50,
        "\u202e\u2066\u200f\u200b",
        "\u200b",
        ".",
        "%s %(name)s {0} {brand}",
        "'; DROP TABLE customers; --",
        "<script>alert(1)</script>",
        "ﷺ" * 500,
        "١٢٣٤٥٦",
        "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢" * 30,
    ],
)  # fmt: skip
async def test_whatever_is_pasted_gets_an_answer(bot: Bot, channel: str, text: str) -> None:
    """At most a few vendor calls, and the next message is answered as always."""
    chat = bot.chat(channel)
    await chat.do(chat.phone.follows())

    await chat.say(text)
    assert chat.shown != []
    assert len(bot.sandbox.calls("poshen")) <= 3

    await chat.say("WELCOME2026")
    assert chat.said("Redeemed 🎉")


async def test_only_the_beginning_of_a_novel_is_read(bot: Bot, channel: str) -> None:
    """A code at its end is not looked for."""
    chat = bot.chat(channel)

    await chat.say("說 " * 1000 + "WELCOME2026")

    assert bot.sandbox.calls("poshen") == []


# Floods.


async def test_a_flood_gets_one_notice_and_then_silence(bot: Bot) -> None:
    """Twenty answers a minute; other chats are answered meanwhile; a minute later it is over."""
    notice = "That's a lot at once. Give me a minute, then write again."
    chat, other = bot.chat("line"), bot.chat("line")
    await chat.do(chat.phone.follows())
    bot.ahead(minutes=2)
    for _ in range(40):
        bot.post(chat.phone.says("menu"))

    bot.post(other.phone.says("WELCOME2026"))
    answered = await other_is_answered_first(bot, other)
    await bot.quiet()

    chat.look()
    assert answered
    assert chat.text.count(chat._("What would you like to do?")) == 20
    assert chat.text.count(chat._(notice)) == 1
    assert chat.texts[-1] == chat._(notice)

    bot.ahead(seconds=61)
    await chat.say("menu")
    assert chat.said("What would you like to do?")


async def other_is_answered_first(bot: Bot, other: Chat) -> bool:
    """Whether somebody is answered while events of the flood still wait."""
    await bot.sandbox.wait_sent(other.channel, other.user)
    waiting = await bot.pool.fetchval("SELECT count(*) FROM events WHERE state = 'new'")
    other.look()
    return bool(waiting) and other.said("Redeemed 🎉")


async def test_taps_and_pictures_count_towards_a_flood(bot: Bot, channel: str) -> None:
    """As messages do."""
    chat = bot.chat(channel)
    await chat.say("menu")
    button = chat.data_of("Help and staff")
    for number in range(24):
        await chat.do(chat.phone.taps(button) if number % 2 else chat.phone.sends_sticker())

    assert chat.shown == []


async def test_events_of_one_chat_are_answered_in_their_order(bot: Bot, channel: str) -> None:
    """Even when the first one is slow."""
    chat = bot.chat(channel, "yu")
    bot.sandbox.fault("mantago", delay_ms=200, times=1)

    await chat.do(*(chat.phone.says(text) for text in ("gifts", "help", "language", "menu")))

    places = [
        chat.text.index(chat._(said))
        for said in (
            "Your gifts", "• Paste a code to redeem it.", "Which language do you prefer?", "What would you like to do?"
        )
    ]  # fmt: skip
    assert places == sorted(places)

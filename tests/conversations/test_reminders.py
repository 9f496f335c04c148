"""Reminders before something ends: asked for, come once, taken back; on every channel and in both languages."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from chat import Bot, Chat

from bot.storage import reminders
from conversations.proving import EMPTY, link
from sandbox.altegio import ENDING_PHONE

ON = (
    "OK! You'll be reminded here %(n)s day before something of yours ends, once for each.",
    "OK! You'll be reminded here %(n)s days before something of yours ends, once for each.",
)
OFF = "No more reminders. You can still look up what you have at any time."


@pytest.fixture
def bot(bot: Bot) -> Bot:
    """A brand that reminds, by day and by night, with a budget."""
    return reminding(bot)


def reminding(bot: Bot, **changes: Any) -> Bot:
    """The same with other settings of its reminders."""
    services = bot.turns.services
    ours = replace(services.reminders, **{"on": True, "quiet": None, "budget": 100, **changes})
    bot.having(services=replace(services, reminders=ours))
    bot.desk(reminds=ours.days if ours.on else 0)
    return bot


async def look(bot: Bot, *, again: bool = False) -> int:
    """What a worker does once a day; how many customers' things were looked at."""
    found = await bot.turns.services.reminders.plan(bot.pool, bot.clock(), again=again)
    await bot.pool.execute("UPDATE pgqueuer SET execute_after = now() WHERE entrypoint = 'remind'")
    for _ in range(3000):
        if not await bot.pool.fetchval("SELECT count(*) FROM reminder_wishes WHERE due_at IS NOT NULL"):
            break
        await bot.quiet()
    await bot.quiet()
    return found


async def wants(tables: asyncpg.Pool) -> bool:
    return bool(await tables.fetchval("SELECT count(*) FROM reminder_wishes"))


async def test_who_asks_is_reminded_once_and_can_stop_it(friend: Chat, tables: asyncpg.Pool) -> None:
    """The button on a card that ends, the reminder, what it opens, and out of it."""
    bot = friend.bot
    await link(friend, ENDING_PHONE)
    await friend.say("gift cards")
    await friend.tap("Remind me")
    assert friend._.ngettext(*ON, 3) in friend.text
    await friend.say("gift cards")
    assert friend._("Remind me") not in friend.buttons, "they asked already"

    assert await look(bot) == 1
    friend.look()
    assert friend.said("Ends soon")
    assert "月餅禮盒卡 800" in friend.text
    ends = datetime.fromisoformat(bot.sandbox.altegio.cards[ENDING_PHONE][680001][0]["expiration_date"])
    assert friend._.moment(ends) in friend.text
    assert len(friend.shown) == 1
    shows, stops = friend.data_of("Show"), friend.data_of("No more reminders")
    await friend.do(friend.phone.taps(shows))
    assert "月餅禮盒卡 800" in friend.text
    assert friend.said("Gift card")

    assert await look(bot, again=True) == 1
    assert friend.look() == [], "once for each thing"
    await friend.do(friend.phone.taps(stops))
    assert friend.said(OFF)
    assert await look(bot, again=True) == 0
    assert not await wants(tables)


@pytest.mark.parametrize(
    "word", ["remind me before it expires", "到期前提醒我", "請在到期前提醒我", "快到期時提醒我一下"]
)
async def test_words_that_say_it_plainly_do_it_at_once(friend: Chat, tables: asyncpg.Pool, word: str) -> None:
    """And "my data" tells how it stands; who has no phone linked reads what is missing."""
    await friend.say(word)
    assert friend._.ngettext(*ON, 3) in friend.text
    assert friend.said("For gift cards, please link your phone first.")
    assert await wants(tables)

    await friend.say("my data")
    assert friend.said("Reminders")


@pytest.mark.parametrize(
    "word",
    [
        "remind me before it expires?",
        "怕我忘記，過期前通知我一下",
        "give me a heads up before it expires",
    ],
)
async def test_other_words_are_asked_about_first(friend: Chat, tables: asyncpg.Pool, word: str) -> None:
    """Nothing is switched on before a yes."""
    await friend.say(word)
    assert friend.said("Shall I remind you before something of yours ends?")
    assert not await wants(tables)

    await friend.tap("Yes, please")
    assert await wants(tables)


@pytest.mark.parametrize("word", ["no more reminders", "不要再提醒我", "stop reminding me", "關掉到期提醒"])
async def test_words_against_them_end_them_at_once(friend: Chat, tables: asyncpg.Pool, word: str) -> None:
    """As plainly as they were wished for."""
    await friend.say("到期前提醒我")
    await friend.say(word)
    assert friend.said(OFF)
    assert not await wants(tables)

    await friend.tap("Remind me again")
    assert await wants(tables)


@pytest.mark.parametrize("word", ["you can stop sending me those expiry reminders", "幫我把到期提醒關掉"])
async def test_own_words_against_them_are_asked_about_first(friend: Chat, tables: asyncpg.Pool, word: str) -> None:
    """A no to that leaves them on."""
    await friend.say("到期前提醒我")
    await friend.say(word)
    assert friend.said("Shall I send you no more reminders?")
    await friend.say("不要")
    assert await wants(tables)


async def test_where_nobody_reminds_nobody_is_promised_it(bot: Bot, friend: Chat, tables: asyncpg.Pool) -> None:
    """No button, no promise; and "stop reminders" then means everything that comes unasked."""
    reminding(bot, on=False)
    await link(friend, ENDING_PHONE)
    await friend.say("gift cards")
    assert friend._("Remind me") not in friend.buttons
    await friend.say("remind me before it expires")
    assert friend.said("We don't send reminders here.")
    assert not await wants(tables)

    await friend.say("no more reminders")
    assert friend.said("Notifications off. You can still redeem and check.")


async def test_who_has_notifications_off_gets_none_until_they_wish_again(friend: Chat, tables: asyncpg.Pool) -> None:
    """Unsubscribing ends all that comes unasked; the newer wish counts."""
    await link(friend, ENDING_PHONE)
    await friend.say("到期前提醒我")
    await friend.say("unsubscribe")
    assert await look(friend.bot, again=True) == 0
    assert friend.look() == []

    await friend.say("到期前提醒我")
    assert friend.said("Notifications are on again.")
    await look(friend.bot, again=True)
    friend.look()
    assert friend.said("Ends soon")


async def test_who_blocked_us_or_whom_staff_blocked_is_left_in_peace(friend: Chat, tables: asyncpg.Pool) -> None:
    """Nothing is even looked at."""
    await link(friend, ENDING_PHONE)
    await friend.say("到期前提醒我")
    await tables.execute("UPDATE customers SET blocked_until = now() + interval '9 days'")
    assert await look(friend.bot) == 0
    await tables.execute("UPDATE customers SET blocked_until = NULL, unreachable_at = now()")
    assert await look(friend.bot) == 0
    assert friend.look() == []


async def test_what_ends_later_or_never_or_was_spent_is_not_reminded_of(friend: Chat) -> None:
    """The demo's other cards: endless, in 305 days, used up, over."""
    await link(friend)
    await friend.say("到期前提醒我")
    await look(friend.bot)
    assert friend.look() == []


async def test_deleting_ones_data_ends_them(friend: Chat, tables: asyncpg.Pool) -> None:
    """The wish and what was reminded of are gone."""
    await link(friend, ENDING_PHONE)
    await friend.say("到期前提醒我")
    await look(friend.bot)
    friend.look()
    for said in ("delete my data", friend._("Yes, delete"), friend._("DELETE")):
        await friend.say(said)
    assert friend.said("Deleted. Thank you for having been here.")
    assert await tables.fetchval("SELECT count(*) FROM reminders") == 0
    assert not await wants(tables)


# ── where a push costs, or is not allowed ────────────────────────────────────────────────────────


async def beyond_the_budget(bot: Bot) -> Chat:
    """Somebody on LINE of whose gift card's end a look has found out, with PUSH_BUDGET=0."""
    reminding(bot, budget=0)
    chat = bot.chat("line", language="en")
    await chat.do(chat.phone.follows())
    await link(chat, ENDING_PHONE)
    await chat.say("remind me before it expires")
    await look(bot)
    return chat


async def test_with_no_budget_it_comes_with_the_next_answer(bot: Bot, tables: asyncpg.Pool) -> None:
    """On LINE, with PUSH_BUDGET=0: no push at all, and the same free reply as the answer, once."""
    chat = await beyond_the_budget(bot)
    assert chat.look() == []
    assert await tables.fetchval("SELECT count(*) FROM push_budgets") == 0

    await chat.say("menu")
    assert {item.via for item in chat.shown} == {"reply"}
    assert chat.said("Ends soon")
    assert chat.said("What would you like to do?")
    await chat.say("menu")
    assert not chat.said("Ends soon")


async def test_what_was_spent_meanwhile_is_not_told_with_the_next_answer(bot: Bot, tables: asyncpg.Pool) -> None:
    """It is asked about again, right before it would go out."""
    chat = await beyond_the_budget(bot)
    bot.sandbox.altegio.cards[ENDING_PHONE] = {680001: [], 680002: []}
    bot.turns.services.giftcards.forget()

    await chat.say("menu")
    assert not chat.said("Ends soon")
    assert await tables.fetchval("SELECT outcome FROM pushes WHERE key LIKE 'reminder:%'") == "outdated"


async def test_an_answer_does_not_wait_for_a_vendor_that_is_down(bot: Bot, tables: asyncpg.Pool) -> None:
    """The reminder waits on, for the message after."""
    chat = await beyond_the_budget(bot)
    bot.turns.services.giftcards.forget()
    bot.sandbox.fault("altegio", status=503)

    await chat.say("menu")
    assert chat.said("What would you like to do?")
    assert not chat.said("Ends soon")
    bot.mend()
    await chat.say("menu")
    assert chat.said("Ends soon")


async def test_outside_messengers_window_it_waits_for_the_next_message(bot: Bot, tables: asyncpg.Pool) -> None:
    """No tag is used: Meta has none for this."""
    chat = bot.chat("messenger", language="en")
    await chat.say("menu")
    await link(chat, ENDING_PHONE)
    await chat.say("remind me before it expires")
    bot.sandbox.people.put("messenger", chat.user, window_open=False)
    await look(bot)
    assert chat.look() == []
    bot.sandbox.people.put("messenger", chat.user, window_open=True)

    await chat.say("menu")
    assert chat.said("Ends soon")
    sent = [call.json for call in bot.sandbox.calls("messenger", "POST /me/messages")]
    assert not any("tag" in body for body in sent)
    assert await tables.fetchval("SELECT count(*) FROM push_budgets") == 0, "where a message is free, none is taken"


async def test_on_instagram_it_comes_as_well(bot: Bot) -> None:
    """In its own shape."""
    chat = bot.chat("instagram")
    await chat.say("menu")
    await link(chat, ENDING_PHONE)
    await chat.say("到期前提醒我")
    await look(bot)
    chat.look()
    assert chat.said("Ends soon")


async def test_a_voucher_whose_end_got_it_told_is_reminded_of(friend: Chat, tables: asyncpg.Pool) -> None:
    """Its own card says until when, with the button; the reminder opens it."""
    number = await tables.fetchval("SELECT id FROM customers WHERE person LIKE $1", f"%:{friend.user}")
    ends = friend.bot.clock() + timedelta(days=2)
    await tables.execute(
        "INSERT INTO issues (ref, key, request_id, kind, state, customer_id, recipient, issuer, gift_id, price_id,"
        " offer, expires_at) VALUES ('R-7F3K9M', 'x', 'x', 'exchange', 'done', $1, 'C-1', 'bot', 422, 1899, $2, $3)",
        number,
        {"name": "Voucher Highlands", "brand": "Highlands", "image": "", "price_value": 50_000},
        ends,
    )
    await friend.say("R-7F3K9M")
    assert friend._.date(ends) in friend.text
    await friend.tap("Remind me")
    await look(friend.bot)
    friend.look()
    assert friend.said("Ends soon")
    assert "Voucher Highlands" in friend.text
    await friend.tap("Show")
    assert "R-7F3K9M" in friend.text


async def test_two_things_are_one_message(bot: Bot, friend: Chat) -> None:
    """A push is paid for by the message: cards side by side, what ends first first."""
    cards = bot.sandbox.altegio.cards[ENDING_PHONE][680001]
    sooner = {**cards[0], "id": 6, "expiration_date": (bot.clock() + timedelta(hours=9)).isoformat()}
    sooner["type"] = {**cards[0]["type"], "title": "茶點卡"}
    cards.append(sooner)
    await link(friend, ENDING_PHONE)
    await friend.say("到期前提醒我")
    await look(bot)
    friend.look()
    assert re.search("茶點卡.*月餅禮盒卡", friend.text, re.DOTALL)
    assert len(friend.shown) == 1


async def test_numbers_for_staff(bot: Bot, friend: Chat) -> None:
    """How many things were reminded of, who wants it, and what is left of the budget."""
    await link(friend, ENDING_PHONE)
    await friend.say("到期前提醒我")
    await look(bot)
    boss = bot.chat("line", "staff")
    await boss.say("/stats")
    _ = boss._
    assert (
        _.ngettext("%(things)s, wanted by %(n)s customer", "%(things)s, wanted by %(n)s customers", 1, things="1")
        in boss.text
    )
    used = 1 if friend.channel == "line" else 0
    assert _("%(used)s of %(free)s this month", used=used, free=100) in boss.text
    assert await reminders.wishes(bot.pool) == 1


async def test_nobody_is_promised_what_has_no_end(bot: Bot, friend: Chat) -> None:
    """A phone without cards: nothing comes, and nothing breaks."""
    await link(friend, EMPTY)
    await friend.say("到期前提醒我")
    assert await look(bot) == 1
    assert friend.look() == []

"""Collected points: what MantaGo counts is shown beside our own points, and nobody can take the one for the other."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from chat import Bot, Chat

from bot.storage.retention import clean_up
from conversations.proving import link
from conversations.test_wallet import give_points
from sandbox import Sandbox
from sandbox.journal import Call
from sandbox.people import demo_id

POINTS = "POST /openapi/client/point"


def asked(sandbox: Sandbox) -> list[Call]:
    """The questions about points so far."""
    return sandbox.calls("mantago", POINTS)


def collected(chat: Chat, points: int) -> bool:
    """Whether so many are shown at the end of the wallet's sum."""
    words = chat._.ngettext("%(n)s collected", "%(n)s collected", points)
    return any(text == words or text.endswith(f" · {words}") for text in chat.text.splitlines())


def silent(chat: Chat) -> bool:
    """Whether nothing is said of them; 集點卡 is where a gift came from."""
    return chat._("Collected points") not in chat.texts and not re.search(r"集點 [0-9]|[0-9] collected", chat.text)


@pytest.fixture
def bot(bot: Bot) -> Bot:
    """With MANTAGO_POINTS=on."""
    bot.desk(shows_collected=True)
    return bot


async def come_in(bot: Bot, channel: str, language: str = "zh-TW", user: str = "yu") -> Chat:
    """A customer of some days whom MantaGo knows; 30 points are counted for them."""
    locale = language if channel == "line" else language.replace("-", "_")
    bot.sandbox.people.put(channel, demo_id(channel, user), locale=locale)
    chat = bot.chat(channel, user, language)
    await chat.say("english" if language == "en" else "中文")
    bot.ahead(days=2)
    return chat


async def show(chat: Chat, what: str = "gifts") -> None:
    """Ask, when nothing that was asked before counts as fresh any more."""
    chat.bot.ahead(seconds=61)
    await chat.say(what if chat.tag == "en" else {"points": "點數", "gifts": "我的獎品"}[what])


# ── beside our own points ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("where", "language"), [("line", "zh-TW"), ("messenger", "en"), ("instagram", "zh-TW"), ("line", "en")]
)
async def test_both_are_shown_and_told_apart(bot: Bot, where: str, language: str) -> None:
    """In the sum by their name; in the points each on a card of its own, and only ours lead to vouchers."""
    chat = await come_in(bot, where, language)
    await give_points(chat, 250)
    await show(chat)
    assert collected(chat, 30)
    assert chat._.ngettext("%(n)s pt", "%(n)s pts", 250) in chat.text

    await show(chat, "points")
    text = chat.text
    ours, theirs = text.index(chat._("Your points")), text.index(chat._("Collected points"))
    assert ours < text.index(chat._.ngettext("%(n)s point", "%(n)s points", 250)) < theirs
    assert theirs < text.index(chat._.ngettext("%(n)s point", "%(n)s points", 30))
    assert theirs < text.index(chat._("From our campaigns. They can't be exchanged for vouchers here."))


async def test_off_asks_nobody_and_shows_nothing(bot: Bot, sandbox: Sandbox) -> None:
    """As everything was before."""
    bot.desk(shows_collected=False)
    chat = await come_in(bot, "line")
    await show(chat)
    await show(chat, "points")

    assert asked(sandbox) == []
    assert silent(chat)


@pytest.mark.parametrize("known", [True, False])
async def test_what_mantago_does_not_tell_is_left_out(bot: Bot, sandbox: Sandbox, *, known: bool) -> None:
    """It is not 0: neither of somebody without an answer, nor of somebody whom MantaGo does not know."""
    chat = await come_in(bot, "line", user="yu") if known else bot.chat("line", language="zh-TW")
    sandbox.mantago.put_points("line", chat.user, None)
    await show(chat)
    assert silent(chat)
    await show(chat, "points")

    assert len(asked(sandbox)) == 2
    assert chat.said("Your points") and silent(chat)


async def test_a_zero_that_mantago_tells_is_shown(bot: Bot, sandbox: Sandbox) -> None:
    """On the card; in the sum nothing counts for nothing."""
    chat = await come_in(bot, "line")
    sandbox.mantago.put_points("line", chat.user, 0)
    await show(chat)
    assert silent(chat)
    await show(chat, "points")

    assert chat.said("Collected points")


async def test_without_our_own_points_the_entry_works(bot: Bot, channel: str, language: str) -> None:
    """Typed, from the wallet, and in the help; vouchers are not spoken of."""
    bot.desk(shows_vouchers=False)
    chat = await come_in(bot, channel, language)
    await show(chat)
    assert collected(chat, 30)
    await chat.tap("Points")

    assert chat.said("Collected points") and not chat.said("Your points")
    assert chat.said("From our campaigns, whose notices say what they are for.")
    assert not chat.said("Vouchers")
    await chat.say("help" if language == "en" else "說明")
    assert chat.said("• Type “points” to see your collected points.")


async def test_who_has_nothing_else_reads_their_points(bot: Bot, sandbox: Sandbox) -> None:
    """ "No gifts yet" would hide them."""
    bot.desk(shows_vouchers=False, shows_cards=False)
    chat = bot.chat("line", language="en")
    sandbox.mantago.put_client("line", chat.user, {})
    sandbox.mantago.put_points("line", chat.user, 7)
    await chat.say("gifts")

    assert collected(chat, 7) and not chat.said("No gifts yet.")


# ── asked as seldom as gifts ─────────────────────────────────────────────────────────────────────


async def test_they_are_fresh_for_as_long_as_gifts(bot: Bot, sandbox: Sandbox) -> None:
    """One question for two looks; [Refresh] asks anew, and lists and gifts' cards never ask."""
    chat = await come_in(bot, "line", "en")
    await show(chat)
    await chat.say("points")
    assert len(asked(sandbox)) == 1

    await chat.say("gifts")
    await chat.tap("Refresh")
    assert len(asked(sandbox)) == 2
    await chat.tap("Tickets")
    assert len(asked(sandbox)) == 2


# ── bad days ─────────────────────────────────────────────────────────────────────────────────────


async def test_while_mantago_is_down_the_last_ones_have_their_time(bot: Bot, sandbox: Sandbox, channel: str) -> None:
    """Not in the sum, where they would pass for those of now."""
    chat = await come_in(bot, channel, "en")
    await give_points(chat, 250)
    await show(chat)
    told = chat._.time(bot.clock())
    sandbox.fault(f"mantago:{POINTS}", status=503)
    bot.ahead(minutes=7)
    await show(chat)
    points = chat._.ngettext("%(n)s collected point", "%(n)s collected points", 30)
    assert chat.said("%(points)s, as of %(time)s", points=points, time=told)
    assert not collected(chat, 30)

    bot.mend()
    sandbox.fault("mantago", status=503)
    await show(chat, "points")
    outage = "We can't reach %(service)s right now. This is how things stood at %(time)s."
    assert chat.said(outage, service=chat._("the gift service"), time=told)
    assert chat.said("Your points") and chat.said("Collected points")


async def test_what_was_never_known_is_not_made_up(bot: Bot, sandbox: Sandbox) -> None:
    """It is said that it is not known; our own points and the gifts are shown as ever."""
    chat = await come_in(bot, "line", "en")
    await give_points(chat, 250)
    sandbox.fault(f"mantago:{POINTS}", status=503)
    await show(chat)
    unknown = "We can't tell your collected points right now. Nothing is lost."
    assert chat.said(unknown) and chat.said("Your gifts") and not collected(chat, 30)
    await show(chat, "points")
    assert chat.said(unknown) and chat.said("Your points") and not chat.said("Collected points")

    bot.desk(shows_vouchers=False)
    await show(chat, "points")
    assert chat.said(
        "We can't reach %(service)s right now. Nothing is lost — please try again shortly.",
        service=chat._("the gift service"),
    )
    bot.mend()
    await chat.tap("Try again")
    assert chat.said("Collected points")


async def test_slow_points_keep_nobody_waiting(bot: Bot, sandbox: Sandbox) -> None:
    """Neither the wallet nor our own points; also where MantaGo is the only vendor."""
    chat = await come_in(bot, "line", "en")
    await give_points(chat, 250)
    bot.desk(overview_waits=0.2)
    fault = sandbox.fault(f"mantago:{POINTS}", delay_ms=4_000)
    await show(chat, "points")
    assert chat.said("Your points") and chat.said("We can't tell your collected points right now. Nothing is lost.")

    bot.desk(shows_vouchers=False, shows_cards=False)
    await show(chat)
    assert chat.said("Your gifts") and chat.said("We can't tell your collected points right now. Nothing is lost.")
    assert fault in sandbox.faults.active


async def test_staff_hear_of_refused_credentials(bot: Bot, sandbox: Sandbox) -> None:
    """As of gifts."""
    chat = await come_in(bot, "line", "en")
    sandbox.fault(f"mantago:{POINTS}", status=401)
    await show(chat, "points")

    assert await bot.pool.fetchval("SELECT count(*) FROM pushes WHERE key LIKE 'alert:mantago-credentials%'")


# ── one person on two channels ───────────────────────────────────────────────────────────────────


@pytest.fixture
async def both(bot: Bot, sandbox: Sandbox) -> tuple[Chat, Chat]:
    """LINE and Messenger of one person, who proved their phone at the counter in both."""
    one, other = await come_in(bot, "line", "en"), await come_in(bot, "messenger", "en")
    await link(one)
    await link(other)
    sandbox.mantago.put_points("messenger", other.user, 12)
    return one, other


async def test_both_chats_are_asked_and_nothing_is_added_up(both: tuple[Chat, Chat], sandbox: Sandbox) -> None:
    """Nobody knows whether MantaGo counts two chats together; the sum has this chat's own."""
    one, other = both
    await show(one)
    assert collected(one, 30) and not collected(one, 12) and not collected(one, 42)
    assert len(asked(sandbox)) == 2
    await one.say("points")

    text = one.text[one.text.index("Collected points") :].split("\n")
    assert text[text.index("LINE") + 1] == "30" and text[text.index("Messenger") + 1] == "12"
    await show(other, "points")
    assert other.said("Collected points") and "LINE" in other.text and "42" not in other.text


@pytest.mark.parametrize("change", ["assurance = 'platform'", "used_at = used_at - interval '2 years'"])
async def test_a_phone_that_is_not_proven_joins_nothing(both: tuple[Chat, Chat], sandbox: Sandbox, change: str) -> None:
    """On either side: numbers get new owners, and a platform's word is not the counter's."""
    one, other = both
    await one.bot.pool.execute(f"UPDATE links SET {change} WHERE channel = 'messenger'")
    for chat in (one, other):
        await show(chat, "points")
        assert chat.said("Collected points") and "Messenger" not in chat.texts
    assert len(asked(sandbox)) == 2


async def test_the_other_chats_trouble_is_its_own(both: tuple[Chat, Chat], bot: Bot, sandbox: Sandbox) -> None:
    """It is left out."""
    one, _ = both
    sandbox.mantago.put_points("messenger", demo_id("messenger", "yu"), None)
    await show(one, "points")

    assert one.said("Collected points") and "Messenger" not in one.texts


# ── their data ───────────────────────────────────────────────────────────────────────────────────


async def test_what_is_kept_of_them_is_shown_and_goes(bot: Bot) -> None:
    """In the export; and after a month without a visit."""
    chat = await come_in(bot, "line", "en")
    await show(chat)
    bot.desk(public_url="")
    await chat.say("my data")
    await chat.tap("Export")
    assert chat._.ngettext("%(n)s collected point", "%(n)s collected points", 30) in chat.text

    await bot.pool.execute("UPDATE customers SET last_seen = last_seen - interval '33 days'")
    await clean_up(bot.pool, events=timedelta(days=14), claims=timedelta(days=730))
    assert not await bot.pool.fetchval("SELECT count(*) FROM customers WHERE state ? 'collected'")

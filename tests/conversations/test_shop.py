"""The shop's hours, address and phone: answered where the brand has set them, else as if nobody had thought of them."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
from chat import Bot, Chat

from bot.config import load_settings
from bot.understanding.hours import read
from bot.wiring import brands_of

LOST = "I didn't catch that. Try:"
OPEN = "Mon-Fri 10:00-18:00"
BACK = "Our team has been notified. They are back %(day)s at %(time)s and will answer here. Until then I'm still here."
SHOP = {
    "address": {"zh_Hant_TW": "台北市快樂路 1 號\n2 樓", "en": "1 Happy Road\n2nd floor"},
    "map_url": "https://maps.example.com/shop",
    "shop_phone": "02-2345-6789 分機 12",
    "call_url": "tel:+886223456789",
}


def monday(bot: Bot, clock: str, *, later: int = 0) -> None:
    """Move the clock ahead to a time of the next Monday, or so many days later."""
    now = bot.clock().astimezone(bot.settings.zone)
    hour, minute = map(int, clock.split(":"))
    wanted = (now + timedelta(days=7 - now.weekday() + later)).replace(hour=hour, minute=minute, second=1)
    bot.ahead_to(wanted)


def opening(chat: Chat, text: str) -> None:
    """The shop's hours for the rest of the test."""
    chat.bot.desk(opening_hours=read(text, chat.bot.settings.zone))


def own(chat: Chat, en: str, zh: str) -> str:
    """Whichever is of this person's language."""
    return en if chat.tag == "en" else zh


# When it is open.


@pytest.mark.parametrize(
    ("text", "clock", "later", "en", "zh"),
    [
        (OPEN, "17:59", 0, "Open now until 18:00.", "現在營業中，營業到 18:00。"),
        (OPEN, "09:59", 0, "Closed now. Opens today at 10:00.", "現在休息中，今天 10:00 開始營業。"),
        (OPEN, "18:00", 0, "Closed now. Opens tomorrow at 10:00.", "現在休息中，明天 10:00 開始營業。"),
        (OPEN, "18:00", 4, "Closed now. Opens Monday at 10:00.", "現在休息中，週一 10:00 開始營業。"),
        ("Fri 18:00-02:00", "01:30", 5, "Open now until 02:00.", "現在營業中，營業到 02:00。"),
        ("Mon-Wed 00:00-24:00", "12:00", 0, "Open now, until Thursday at 00:00.", "現在營業中，營業到週四 00:00。"),
        ("daily 00:00-24:00", "12:00", 0, "Open now, around the clock.", "現在營業中，24 小時不打烊。"),
    ],
)
async def test_the_hours_say_whether_it_is_open_now(
    friend: Chat, text: str, clock: str, later: int, en: str, zh: str
) -> None:
    """By the brand's clock, in the reader's language, until when or from when on."""
    opening(friend, text)
    monday(friend.bot, clock, later=later)

    await friend.say(own(friend, "When are you open?", "幾點開門？"))

    assert own(friend, en, zh) in friend.text


async def test_who_asks_on_the_day_itself_reads_the_date_of_the_next_week(friend: Chat) -> None:
    """The name of today's day would be read as today."""
    opening(friend, "Mon 10:00-18:00")
    monday(friend.bot, "19:00")
    day = friend._.date(friend.bot.clock() + timedelta(days=7))

    await friend.say("hours")

    assert friend.said("Closed now. Opens %(day)s at %(time)s.", day=day, time="10:00")


async def test_the_whole_week_is_shown(friend: Chat) -> None:
    """Days with the same times together; holidays are not known, and it says so."""
    opening(friend, "Mon-Fri 10:00-12:00 13:00-18:00, Sat 10:00-14:00")

    await friend.say("營業時間")

    assert friend.said("Opening hours") and friend.said("Public holidays may differ.")
    for days, times in (
        (own(friend, "Mon–Fri", "週一至週五"), own(friend, "10:00–12:00, 13:00–18:00", "10:00–12:00、13:00–18:00")),
        (own(friend, "Sat", "週六"), "10:00–14:00"),
    ):
        assert days in friend.text and times in friend.text


async def test_hours_that_nobody_can_read_are_shown_as_they_are(friend: Chat) -> None:
    """Nothing is said about now."""
    opening(friend, "by appointment 預約制")

    await friend.say("hours")

    assert "by appointment 預約制" in friend.text
    assert not any(
        word in friend.text for word in ("Open now", "Closed now", "營業中", "休息中", "holidays", "國定假日")
    )


# Where it is, and its phone.


@pytest.mark.parametrize("text", ["Where are you?", "address", "地址", "在哪裡", "怎麼去"])
async def test_the_address_is_told_with_a_map(friend: Chat, text: str) -> None:
    """All its lines, in the reader's language."""
    friend.bot.desk(**SHOP)

    await friend.say(text)

    for line in own(friend, "1 Happy Road\n2nd floor", "台北市快樂路 1 號\n2 樓").split("\n"):
        assert line in friend.text
    assert "https://maps.example.com/shop" in str(friend.shown[0].message)
    assert friend.said("Map")


async def test_an_address_in_another_language_is_better_than_none(friend: Chat) -> None:
    """A taxi driver reads it."""
    friend.bot.desk(address={own(friend, "zh_Hant_TW", "en"): "Somewhere 某處"})

    await friend.say("address")

    assert "Somewhere 某處" in friend.text
    assert not friend.said("Map")


async def test_a_map_alone_answers_where_it_is(friend: Chat) -> None:
    """Without an address, too."""
    friend.bot.desk(map_url="https://maps.example.com/shop")

    await friend.say("地址")

    assert "https://maps.example.com/shop" in str(friend.shown[0].message)


@pytest.mark.parametrize("text", ["phone number", "電話", "電話幾號？"])
async def test_the_phone_can_be_called(friend: Chat, text: str) -> None:
    """As typed by the brand, with its number behind a button of the platform's own kind."""
    friend.bot.desk(**SHOP)

    await friend.say(text)

    assert "02-2345-6789 分機 12" in friend.text
    expected = {"line": "'tel:+886223456789'", "messenger": "'+886223456789'"}[friend.channel]
    assert expected in str(friend.shown[0].message)
    assert friend.said("Call")


async def test_a_phone_that_cannot_be_called_is_shown_without_a_button(friend: Chat) -> None:
    """An id of another app, say."""
    friend.bot.desk(shop_phone="line: @capoo")

    await friend.say("phone")

    assert "line: @capoo" in friend.text
    assert not friend.said("Call")


async def test_each_leads_to_the_others_that_are_set(friend: Chat) -> None:
    """And home."""
    friend.bot.desk(**SHOP)
    await friend.say("address")
    assert {friend._("Phone number"), friend._("Menu")} == set(friend.buttons)

    opening(friend, OPEN)
    await friend.tap("Phone number")
    assert {friend._("Opening hours"), friend._("Address"), friend._("Menu")} == set(friend.buttons)

    await friend.tap("Opening hours")
    assert friend.said("Opening hours")


# Where it is not set.


@pytest.mark.parametrize("text", ["hours", "幾點關門", "address", "在哪裡", "phone number", "電話"])
async def test_what_is_not_set_counts_as_not_understood(friend: Chat, text: str) -> None:
    """The third time a person is offered; such a word is no code either."""
    await friend.say(text)
    assert friend.said(LOST)
    await friend.say(text)
    await friend.say(text)

    assert friend.said("I can't help with that, but our staff can. Shall I call somebody?")
    assert friend.bot.sandbox.calls("poshen") == []


async def test_a_button_to_what_is_set_no_more_is_not_understood(friend: Chat) -> None:
    """It is still in the chat when the brand has moved."""
    friend.bot.desk(**SHOP)
    await friend.say("address")
    data = friend.data_of("Phone number")
    friend.bot.desk(shop_phone="")

    await friend.do(friend.phone.taps(data))

    assert friend.said(LOST)


async def test_what_is_not_set_does_not_end_a_question(friend: Chat) -> None:
    """It may be the answer to it."""
    await friend.say("redeem")
    await friend.say("address")

    assert not friend.said("OK, let's leave that for now.")


# In groups.


@pytest.mark.parametrize("text", ["營業時間", "where are you", "電話"])
async def test_in_a_group_nothing_is_said(bot: Bot, text: str) -> None:
    """Members ask each other where they are."""
    bot.desk(**SHOP, opening_hours=read(OPEN, bot.settings.zone))
    group = bot.chat("line", f"C{secrets.token_hex(16)}")

    await group.do(bot.sandbox.phone("line", "collector").says_in_group(group.user, text, mention=False))

    assert group.shown == []


# The settings.


def test_the_settings_reach_every_channel() -> None:
    """Parsed and with their line breaks; which of them are set is known."""
    settings = load_settings(
        opening_hours="一~五 10:00-18:00",
        support_hours="whenever",
        shop_address_zh=r"台北市\n2 樓",
        shop_map_url="https://maps.example.com",
        shop_phone="(02) 2345-6789 分機 12",
    )

    for desk in brands_of(settings).values():
        assert desk.opening_hours == read("Mon-Fri 10:00-18:00", settings.zone)
        assert desk.support_hours == "whenever"
        assert desk.address == {"zh_Hant_TW": "台北市\n2 樓"}
        assert (desk.map_url, desk.shop_phone) == ("https://maps.example.com", "(02) 2345-6789 分機 12")
        assert desk.call_url == "tel:+886223456789"
        assert [desk.offers(topic) for topic in ("hours", "address", "phone")] == [True, True, True]
    for desk in brands_of(load_settings()).values():
        assert [desk.offers(topic) for topic in ("hours", "address", "phone")] == [False, False, False]


@pytest.mark.parametrize(
    ("phone", "url"),
    [
        ("02-2345-6789", "tel:+886223456789"),
        ("０２ ２３４５ ６７８９ ＃１２", "tel:+886223456789"),
        ("02-2345-6789 / 0912-345-678", "tel:+886223456789"),
        ("+84 28 3822 9999 ext. 5", "tel:+842838229999"),
        ("0800-123-456", "tel:+886800123456"),
        ("1999", "tel:1999"),
        ("412-8888", "tel:4128888"),
        ("02-234", ""),
        ("line: @capoo", ""),
        ("", ""),
    ],
)
def test_a_phone_number_is_called_without_what_stands_beside_it(phone: str, url: str) -> None:
    """Neither an extension nor a second number can be dialled."""
    assert brands_of(load_settings(shop_phone=phone))["line"].call_url == url


# When staff answer.


async def test_within_the_hours_of_staff_the_bot_is_quiet_as_ever(friend: Chat) -> None:
    """And the hours are told in the reader's language."""
    friend.bot.desk(support_hours=read(OPEN, friend.bot.settings.zone))
    monday(friend.bot, "17:59")

    await friend.say("agent")

    shown = own(friend, "Mon–Fri 10:00–18:00", "週一至週五 10:00–18:00")
    assert friend.said(
        "Our team has been notified (%(hours)s). I'll stay quiet — type “menu” to bring me back.", hours=shown
    )
    assert await friend.say("hello") == []


@pytest.mark.parametrize(
    ("clock", "later", "en", "zh"),
    [("09:30", 0, "today", "今天"), ("18:00", 0, "tomorrow", "明天"), ("23:00", 4, "Monday", "週一")],
)
async def test_outside_the_hours_of_staff_the_bot_says_when_they_are_back_and_stays(
    friend: Chat, tables: asyncpg.Pool, clock: str, later: int, en: str, zh: str
) -> None:
    """Staff are told all the same, and nobody sits in front of a silent chat for a night or a weekend."""
    staff = friend.bot.chat("line", "staff")
    friend.bot.desk(support_hours=read(OPEN, friend.bot.settings.zone))
    monday(friend.bot, clock, later=later)

    await friend.say("agent")

    assert friend.said(BACK, day=own(friend, en, zh), time="10:00")
    assert len(staff.look()) == 1
    assert await tables.fetchval("SELECT count(*) FROM customers WHERE muted_until IS NOT NULL") == 0
    await friend.say("gifts")
    assert friend.said("No gifts yet. Join a campaign or redeem a code to get some.")


async def test_outside_the_hours_nobody_is_said_to_be_told_when_nobody_is(friend: Chat) -> None:
    """On both platforms staff can read this very chat; when they will is known."""
    alerts = replace(friend.bot.turns.services.alerts, admins=())
    friend.bot.having(services=replace(friend.bot.turns.services, alerts=alerts))
    friend.bot.desk(support_hours=read(OPEN, friend.bot.settings.zone))
    monday(friend.bot, "19:00")

    await friend.say("agent")

    assert friend.said(
        "Our staff are back %(day)s at %(time)s and will answer here. Until then I'm still here.",
        day=own(friend, "tomorrow", "明天"),
        time="10:00",
    )

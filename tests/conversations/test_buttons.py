"""Buttons that were edited, forwarded, invented or kept for too long."""

from __future__ import annotations

import asyncpg
import pytest
from chat import Bot, Chat

from bot.storage import claims
from bot.storage.claims import Policy

EXPIRED = "That button has expired — here's a fresh one."
FOREIGN = "That button belongs to someone else."


def _other(part: str) -> str:
    """With another first letter; a signature may begin with any."""
    return ("y" if part.startswith("x") else "x") + part[1:]


async def test_an_edited_button_does_nothing_but_show_the_menu(friend: Chat) -> None:
    """Whichever part was edited."""
    await friend.say("WELCOME2026 PICNIC4U")
    data = friend.data_of("PICNIC4U")
    parts = data.split(".")
    edited = [".".join([*parts[:place], _other(part), *parts[place + 1 :]]) for place, part in enumerate(parts)]

    for forged in edited:
        await friend.do(friend.phone.taps(forged))
        assert friend.said(EXPIRED)
        assert friend.said("What would you like to do?")
    assert friend.bot.sandbox.calls("poshen") == []


@pytest.mark.parametrize(
    "data",
    [
        "",
        "x",
        "v1.pick.1",
        "v1.delete2...",
        "action=buy&id=1",
        "." * 5,
        "v9.go.gifts.a.b.c",
        "🎉" * 50,
        "go.",
        "a" * 300,
    ],
)
async def test_data_that_was_never_ours_breaks_nothing(bot: Bot, channel: str, data: str) -> None:
    """Other systems on the same account have buttons of their own."""
    chat = bot.chat(channel)

    await chat.do(chat.phone.taps(data))
    await chat.say("menu")

    assert chat.said("What would you like to do?")


async def test_a_forwarded_button_works_for_nobody_else(friend: Chat, tables: asyncpg.Pool) -> None:
    """It says so, and shows nothing of its owner."""
    await friend.say("my data")
    export, erase = friend.data_of("Export"), friend.data_of("Delete my data")
    other = friend.bot.chat(friend.channel, language="en" if friend.tag == "en" else "zh-TW")
    await other.do(other.phone.follows())

    for data in (export, erase):
        await other.do(other.phone.taps(data))
        assert other.said(FOREIGN)
        assert other._("Menu") in other.buttons
        assert friend.user not in other.text
        assert not other.said("Yes, delete")


async def test_a_forwarded_code_choice_redeems_for_nobody_else(friend: Chat, tables: asyncpg.Pool) -> None:
    """Kept codes are its owner's."""
    await friend.say("WELCOME2026 PICNIC4U")
    button = friend.data_of("PICNIC4U")
    other = friend.bot.chat(friend.channel, language="en" if friend.tag == "en" else "zh-TW")

    await other.do(other.phone.taps(button))

    assert other.said(FOREIGN)
    assert await tables.fetchval("SELECT count(*) FROM claims") == 0


async def test_the_same_person_id_on_the_other_channel_is_somebody_else(bot: Bot) -> None:
    """A button is bound to channel, account and person."""
    chat = bot.chat("messenger", "yu")
    await chat.say("my data")
    export = chat.data_of("Export")
    other = bot.chat("line", "yu")

    await other.do(other.phone.taps(export))

    assert other.said(FOREIGN)


async def test_an_expired_button_opens_its_topic_anew(friend: Chat) -> None:
    """With a word that it was too old."""
    await friend.say("WELCOME2026 PICNIC4U")
    friend.bot.ahead(minutes=11)

    await friend.tap("PICNIC4U")

    assert friend.said(EXPIRED)
    assert friend.said("Paste your code — capitals and spaces don't matter.")


async def test_a_button_still_works_within_its_time(friend: Chat) -> None:
    """Six days later the menu is still the menu."""
    await friend.say("menu")
    friend.bot.ahead(days=6)

    await friend.tap("My gifts")

    assert friend.said("No gifts yet. Join a campaign or redeem a code to get some.")


async def test_a_choice_tapped_twice_gives_one_claim_and_one_receipt(friend: Chat, tables: asyncpg.Pool) -> None:
    """Five taps at once, each an event of its own: never a second claim."""
    await friend.say("WELCOME2026 PICNIC4U")
    data = friend.data_of("PICNIC4U")

    await friend.do(*(friend.phone.taps(data, "PICNIC4U") for _ in range(5)))

    assert friend.said("Redeemed 🎉")
    assert await tables.fetchval("SELECT count(*) FROM claims") == 1


async def test_a_double_tap_on_a_choice_shows_the_same_receipt_again(friend: Chat) -> None:
    """The second finger must not be answered with a question."""
    await friend.say("WELCOME2026 PICNIC4U")
    data = friend.data_of("PICNIC4U")
    await friend.do(friend.phone.taps(data, "PICNIC4U"))
    first = friend.texts

    await friend.do(friend.phone.taps(data, "PICNIC4U"))

    assert friend.texts == first


async def test_a_double_tap_on_try_again_shows_the_same_receipt_again(friend: Chat) -> None:
    """As with any button that redeems."""
    friend.bot.sandbox.fault("poshen", status=500, times=1)
    await friend.say("WELCOME2026")
    data = friend.data_of("Try again")
    await friend.do(friend.phone.taps(data))
    first = friend.texts

    await friend.do(friend.phone.taps(data))

    assert friend.texts == first


async def test_a_double_tap_costs_one_of_two_claims(friend: Chat, tables: asyncpg.Pool) -> None:
    """Where a code may be redeemed twice, two fingers on one button are still one wish."""
    await claims.set_policy(tables, 7, Policy(per_customer=2))
    await friend.say("WELCOME2026 PICNIC4U")
    data = friend.data_of("PICNIC4U")

    await friend.do(friend.phone.taps(data), friend.phone.taps(data))
    assert await tables.fetchval("SELECT count(*) FROM claims") == 1

    await friend.say("PICNIC4U")
    assert await tables.fetchval("SELECT count(*) FROM claims") == 2


async def test_a_choice_is_of_the_message_it_was_offered_for(friend: Chat, tables: asyncpg.Pool) -> None:
    """The first button of an older offer redeems the first code of that one, not of a newer one."""
    await friend.say("ABSENT2026 MISSING2026")
    old = friend.data_of("ABSENT2026")
    await friend.say("WELCOME2026 PICNIC4U")

    await friend.do(friend.phone.taps(old))

    assert "ABSENT2026" in friend.text
    assert await tables.fetchval("SELECT count(*) FROM claims") == 0


async def test_both_of_two_codes_can_be_chosen_one_after_the_other(friend: Chat, tables: asyncpg.Pool) -> None:
    """Messenger keeps buttons on screen; the second one means what it says."""
    await friend.say("WELCOME2026 PICNIC4U")
    first, second = friend.data_of("WELCOME2026"), friend.data_of("PICNIC4U")

    await friend.do(friend.phone.taps(first))
    assert "金幣 100" in friend.text
    await friend.do(friend.phone.taps(second))
    assert "Picnic basket" in friend.text
    assert await tables.fetchval("SELECT count(*) FROM claims") == 2

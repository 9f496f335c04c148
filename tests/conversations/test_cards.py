"""Gift cards of a linked phone: what is on them, and their numbers only for who asks and may."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from chat import Bot, Chat, buttons_of

from conversations.proving import EMPTY, PROVEN, link, packed
from handlers.giftcards import ShowCard, ShowCardPage, ShowCards
from sandbox.altegio import SAMPLE_PHONE, sample_card
from sandbox.credentials import ALTEGIO_COMPANY_IDS

FIRST, SECOND = ALTEGIO_COMPANY_IDS
EMPTY_TEXT = "No gift cards on this phone. If you just bought one, ask the shop to attach it to your number."
DOWN = "We can't reach %(service)s right now. Nothing is lost — please try again shortly."


@pytest.fixture
async def owner(friend: Chat) -> Chat:
    """Somebody who proved their phone at the counter; on every channel and in every language."""
    await link(friend)
    return friend


def put(bot: Bot, *cards: dict[str, Any], phone: str = PROVEN) -> None:
    """Give a phone these cards instead of the demo's."""
    bot.sandbox.altegio.cards[phone] = {FIRST: list(cards), SECOND: []}


def card(number: int, **changes: Any) -> dict[str, Any]:
    """A card of the vendor's own example, without an end."""
    made = sample_card() | {"id": number, "number": f"9900{number:04}", "balance": number * 100}
    made["type"] = made["type"] | {"title": f"Card {number}", "expiration_type_id": 0} | changes.pop("type", {})
    return made | changes


def number_button(chat: Chat, index: int = 0) -> str:
    """The data of a [Show number]: every card has one."""
    label = chat._("Show number")
    data = [tapped for item in chat.shown for name, tapped in buttons_of(item.message) if name == label]
    return data[index]


def titles(chat: Chat) -> list[str]:
    """The cards on screen, each once."""
    return list(dict.fromkeys(re.findall(r"^(?:💳 )?(Card \d+)$", chat.text, re.MULTILINE)))


async def test_a_card_shows_what_is_on_it(owner: Chat) -> None:
    """Balance, face value, end, restrictions; of its number only the last four."""
    await owner.say("gift card")

    chain = owner.bot.sandbox.altegio.cards[PROVEN][FIRST][0]
    dollar = "NT$" if owner.tag == "en" else "$"
    for fact in ("生日禮品卡 2000", f"{dollar}1,250", f"{dollar}2,000", "••••0017", "烘焙課體驗卡", f"{dollar}680.50"):
        assert fact in owner.text
    for text in ("Activated", "Face value", "Card number", "no expiry", "No limits", "Services only", "Spend in parts"):
        assert owner.said(text)
    end = owner.bot.clock().fromisoformat(chain["expiration_date"])
    assert owner._.date(end) in owner.text
    assert owner.text.index("生日禮品卡 2000") < owner.text.index("烘焙課體驗卡"), "what ends first comes first"
    assert "00420017" not in str([item.message for item in owner.shown])


async def test_a_card_of_several_shops_is_shown_once(owner: Chat) -> None:
    """The demo's chain card is in both."""
    await owner.say("gift card")

    names = [text for text in owner.texts if text == "生日禮品卡 2000"]
    assert len(names) == 1


async def test_on_line_a_gift_card_looks_like_one(bot: Bot) -> None:
    """On colour, the balance in front."""
    chat = bot.chat("line")
    await link(chat)

    await chat.say("gift card")

    bubble = chat.shown[0].message["contents"]["contents"][0]
    assert bubble["body"]["background"]["type"] == "linearGradient"
    assert next(part["text"] for part in bubble["body"]["contents"] if part["type"] == "text") == "$1,250"


async def test_cards_that_cannot_be_used_stand_last(owner: Chat) -> None:
    """With their reason; they have no number to show."""
    await owner.say("gift card")

    assert owner.said("Used up") and owner.said("Expired")
    usable, over = ("生日禮品卡 2000", "烘焙課體驗卡"), ("聖誕禮品卡 500", "Welcome card")
    assert max(map(owner.text.index, usable)) < min(map(owner.text.index, over))
    numbers = [name for item in owner.shown for name, _data in buttons_of(item.message)]
    assert numbers.count(owner._("Show number")) == 2


async def test_the_vendors_own_example_is_shown(friend: Chat) -> None:
    """A number that is a number, and an end at the moment of its sale: nobody is told that such a card is over."""
    await link(friend, SAMPLE_PHONE)

    await friend.say("gift card")

    assert "certificate 9000" in friend.text and friend.said("Activated")
    assert "••••8" in friend.text and "888" not in str([item.message for item in friend.shown])
    assert not (friend.said("Expires") or friend.said("no expiry") or friend.said("Expired"))


async def test_a_card_that_was_sold_without_a_number_is_shown(owner: Chat) -> None:
    """There is none to be shown, masked or whole."""
    put(owner.bot, card(7, type={"is_allow_empty_code": True}) | {"number": ""})

    await owner.say("gift card")

    assert titles(owner) == ["Card 7"] and "700" in owner.text
    assert "••••" not in owner.text and owner._("Show number") not in owner.buttons
    assert (
        owner._.ngettext("%(n)s item can't be shown right now.", "%(n)s items can't be shown right now.", 1)
        not in owner.text
    )


async def test_an_end_that_is_not_told_has_no_row(owner: Chat) -> None:
    """Neither a day nor that there is none can be said, and a row that says nothing is none."""
    put(owner.bot, card(1, expiration_date=None, type={"expiration_type_id": 2}))

    await owner.say("gift card")

    assert titles(owner) == ["Card 1"]
    assert not (owner.said("Expires") or owner.said("no expiry"))


async def test_what_the_vendor_does_not_say_is_not_made_up(owner: Chat) -> None:
    """No end that is not told, no restriction, no currency of a location without one; unknown words as they are."""
    owner.bot.desk(card_currency={})
    put(
        owner.bot,
        card(1, expiration_date=None, type={"expiration_type_id": 2, "is_multi": None, "item_type": None}),
        card(2, status={"id": 2, "title": "freigeschaltet"}, type={"item_type": {"id": 4, "title": "Nur Massagen"}}),
        card(3, status_id=7, status={"id": 7, "title": "gesperrt"}),
    )

    await owner.say("gift card")
    whole = [owner.text]
    if owner.channel == "line":
        assert owner.texts.count(owner._("Spend in parts")) == 2
    details = [data for item in owner.shown for name, data in buttons_of(item.message) if name == owner._("Details")]
    for data in details:  # There is no room for it all in Messenger's list.
        await owner.do(owner.phone.taps(data, owner._("Details")))
        whole.append(owner.text)
    said = "\n".join(whole)
    assert bool(details) is (owner.channel == "messenger")
    assert "freigeschaltet" in said and "Nur Massagen" in said and "gesperrt" in said
    assert "$" not in said


async def test_each_location_has_its_currency(owner: Chat) -> None:
    """As configured."""
    owner.bot.desk(card_currency={FIRST: "VND", SECOND: "TWD"})

    await owner.say("gift card")

    assert "₫1,250" in owner.text


async def test_a_phone_without_cards(friend: Chat) -> None:
    """It says what to do about it."""
    await link(friend, EMPTY)

    await friend.say("gift card")

    assert friend.said(EMPTY_TEXT)
    assert {friend._("Linked phone"), friend._("Talk to a person")} < set(friend.buttons)


async def test_an_old_button_of_folded_cards_opens_the_page_where_they_stand(owner: Chat) -> None:
    """Earlier versions had pages of their own for them."""
    put(owner.bot, *(card(number) for number in range(1, 41)), card(41, balance=0))
    await owner.say("gift card")

    await owner.do(owner.phone.taps(await packed(owner, ShowCards(others=True))))

    assert "Card 41" in titles(owner) and "Card 1" not in titles(owner)


# Pages.


async def test_many_cards_come_in_pages_that_hold_still(owner: Chat) -> None:
    """As many as fit, forth and back, each once; a line opens its card."""
    size = 30 if owner.channel == "line" else 9
    put(owner.bot, *(card(number) for number in range(size + 2, 0, -1)))
    await owner.say("gift card")
    first = titles(owner)
    assert first == [f"Card {number}" for number in range(1, size + 1)]

    await owner.tap("Next page")
    assert titles(owner) == [f"Card {number}" for number in (size + 1, size + 2)]
    last = [data for item in owner.shown for _name, data in buttons_of(item.message) if ".card." in data]
    await owner.tap("Previous page")
    assert titles(owner) == first

    await owner.do(owner.phone.taps(last[-1]))
    assert titles(owner) == [f"Card {size + 2}"] and owner.said("Face value")


async def test_a_page_of_a_list_that_changed_starts_again(owner: Chat) -> None:
    """Nothing is skipped unnoticed."""
    put(owner.bot, *(card(number) for number in range(1, 34)))
    await owner.say("gift card")
    button = owner.data_of("Next page")
    put(owner.bot, *(card(number) for number in range(1, 33)))
    owner.bot.ahead(seconds=61)

    await owner.do(owner.phone.taps(button))

    assert owner.said("The list changed — starting from page 1.")
    assert titles(owner)[0] == "Card 1"


async def test_a_stale_page_button_opens_the_list_anew(owner: Chat) -> None:
    """After a week."""
    put(owner.bot, *(card(number) for number in range(1, 34)))
    await owner.say("gift card")
    button = owner.data_of("Next page")
    owner.bot.ahead(days=8)

    await owner.do(owner.phone.taps(button))

    assert owner.said("That button has expired — here's a fresh one.")
    assert titles(owner)[0] == "Card 1"


# Numbers.


async def test_a_deliberate_tap_shows_the_whole_number(owner: Chat) -> None:
    """With a warning; neither the button nor the chat list knows it."""
    await owner.say("gift card")
    assert "00420017" not in "".join(owner.buttons.values())

    await owner.do(owner.phone.taps(number_button(owner)))

    assert "00420017" in owner.text
    assert owner.said("Don't share this.")
    assert "0042" not in str([item.message.get("altText") for item in owner.shown])


async def test_the_button_for_a_number_is_good_for_five_minutes(owner: Chat) -> None:
    """A phone left on a table shows none."""
    await owner.say("gift card")
    button = number_button(owner)
    owner.bot.ahead(minutes=6)

    await owner.do(owner.phone.taps(button))

    assert owner.said("That button has expired — here's a fresh one.")
    assert "00420017" not in owner.text


async def test_somebody_elses_button_shows_no_number(owner: Chat) -> None:
    """Forwarded, even to who has linked the same phone on the other channel."""
    await owner.say("gift card")
    button = number_button(owner)
    other = owner.bot.chat("messenger" if owner.channel == "line" else "line")
    await link(other)

    await other.do(other.phone.taps(button))

    assert other.said("That button belongs to someone else.")
    assert "00420017" not in other.text


async def test_after_unlinking_a_button_shows_no_number(owner: Chat) -> None:
    """Rights are looked at when it is tapped."""
    await owner.say("gift card")
    button = number_button(owner)
    await owner.say("unlink")
    await owner.tap("Unlink")

    await owner.do(owner.phone.taps(button))

    assert owner.said("To protect your balance, link your phone first.")
    assert "00420017" not in owner.text


async def test_a_card_of_another_phone_shows_no_number(owner: Chat) -> None:
    """Whoever links another phone has the cards of that one."""
    await owner.say("gift card")
    button = number_button(owner)
    await link(owner, EMPTY)

    await owner.do(owner.phone.taps(button))

    assert owner.said(EMPTY_TEXT)


async def test_what_messenger_told_shows_no_number(bot: Bot) -> None:
    """Not even by a button from the time when the phone was proven."""
    chat = bot.chat("messenger")
    await link(chat)
    await chat.say("gift card")
    button = number_button(chat)
    await chat.say("unlink")
    await chat.tap("Unlink")
    await chat.say("gift card")
    await chat.do(chat.phone.shares_phone(f"+{PROVEN}"))

    await chat.do(chat.phone.taps(button))

    assert "烘焙課體驗卡" in chat.text
    assert "00420017" not in chat.text


async def test_a_number_is_not_shown_in_a_group(bot: Bot) -> None:
    """Nor is anything else looked up there."""
    member = bot.chat("line")
    await link(member)
    await member.say("gift card")
    before = len(bot.sandbox.calls("altegio"))
    group = bot.chat("line", "C" + "0" * 32)

    await group.do(member.phone.taps_in_group(group.user, number_button(member)))

    assert group.said("That's personal — please ask me in our private chat.")
    assert "0042" not in group.text
    assert member.look() == []
    assert len(bot.sandbox.calls("altegio")) == before


# The vendor.


async def test_the_vendor_is_asked_once_a_minute(owner: Chat) -> None:
    """Once for each location."""
    for _ in range(3):
        await owner.say("gift card")
    await owner.do(owner.phone.taps(number_button(owner)))
    assert [call.query["phone"] for call in owner.bot.sandbox.calls("altegio")] == [PROVEN, PROVEN]

    owner.bot.ahead(seconds=61)
    await owner.say("gift card")
    assert len(owner.bot.sandbox.calls("altegio")) == 4


async def test_a_branch_that_cannot_be_read_is_said(owner: Chat) -> None:
    """The others' cards are shown, and it is asked again the next time."""
    owner.bot.sandbox.fault("altegio", status=403, times=1)

    await owner.say("gift card")
    assert (
        owner._.ngettext("%(n)s branch could not be read right now.", "%(n)s branches could not be read right now.", 1)
        in owner.text
    )
    assert "生日禮品卡 2000" in owner.text

    await owner.say("gift card")
    assert "烘焙課體驗卡" in owner.text
    assert not owner.said("%(n)s branch could not be read right now.", n="1")


async def test_an_unread_branch_is_not_an_empty_one(friend: Chat) -> None:
    """Nobody is told that they have no cards when that is not known."""
    await link(friend, EMPTY)
    friend.bot.sandbox.fault("altegio", status=403, times=1)

    await friend.say("gift card")
    assert not friend.said(EMPTY_TEXT)

    await friend.tap("Try again")
    assert friend.said(EMPTY_TEXT)


async def test_a_card_that_cannot_be_read_is_said(owner: Chat) -> None:
    """The others are shown."""
    put(owner.bot, card(1), {"id": 2, "number": None})

    await owner.say("gift card")

    assert titles(owner) == ["Card 1"]
    assert owner._.ngettext("%(n)s item can't be shown right now.", "%(n)s items can't be shown right now.", 1) in (
        owner.text
    )


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": True}, {"status": 200, "body": "<html>"}])
async def test_while_the_vendor_is_down_one_may_try_again(bot: Bot, channel: str, fault: dict[str, Any]) -> None:
    """Honestly, and by one tap."""
    chat = bot.chat(channel)
    await link(chat)
    bot.sandbox.fault("altegio", **fault)
    await chat.say("gift card")
    assert chat.said(DOWN, service=chat._("the gift card service"))
    bot.mend()

    await chat.tap("Try again")

    assert "烘焙課體驗卡" in chat.text


async def test_a_number_asked_for_while_the_vendor_is_down_is_tried_again(owner: Chat) -> None:
    """By the same kind of tap."""
    await owner.say("gift card")
    owner.bot.ahead(seconds=61)
    owner.bot.sandbox.fault("altegio", status=503)
    await owner.do(owner.phone.taps(number_button(owner)))
    assert owner.said(DOWN, service=owner._("the gift card service"))
    owner.bot.mend()

    await owner.tap("Try again")

    assert "00420017" in owner.text


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "Altegio refuses our credentials; nobody sees their gift cards. Renew %(settings)s."),
        (409, "Altegio refuses what we ask; nobody sees their gift cards. %(detail)s"),
    ],
)
async def test_staff_hear_what_only_they_can_mend(bot: Bot, status: int, says: str) -> None:
    """Once an hour, with what to do; the customer reads of an outage."""
    staff = bot.chat("line", "staff")
    chat = bot.chat("line")
    await link(chat)
    bot.sandbox.fault("altegio", status=status)
    await chat.say("gift card")
    assert chat.said(DOWN, service=chat._("the gift card service"))
    await chat.tap("Try again")

    staff.look()

    assert staff.text.count(staff._(says, detail="", settings="ALTEGIO_PARTNER_TOKEN, ALTEGIO_USER_TOKEN")) == 1
    assert PROVEN not in staff.text


async def test_nothing_is_asked_while_a_transaction_is_open(owner: Chat, tables: asyncpg.Pool) -> None:
    """A slow vendor holds no connection, also when the use of the link is to be written down."""
    owner.bot.ahead(days=2)
    owner.bot.sandbox.fault("altegio", delay_ms=900)
    assert owner.bot.post(owner.phone.says("gift card")) == 200
    while not (calls := owner.bot.sandbox.calls("altegio")):  # noqa: ASYNC110 - for two or three rounds
        await asyncio.sleep(0.005)
    # Others may be between two statements for a moment; who waits for the vendor stays there.
    open_ones = """
        SELECT count(*) FROM pg_stat_activity
        WHERE state = 'idle in transaction' AND clock_timestamp() - state_change > interval '0.4 s'
    """
    seen = []
    while not any(call.answered for call in calls):
        seen.append(await tables.fetchval(open_ones))
        await asyncio.sleep(0.05)
    await owner.bot.quiet()
    owner.look()

    assert "烘焙課體驗卡" in owner.text
    assert set(seen) == {0} and len(seen) > 3


async def test_without_the_vendor_old_buttons_open_the_menu(owner: Chat) -> None:
    """When a brand stops using gift cards."""
    await owner.say("gift card")
    former = [await packed(owner, action) for action in (ShowCards(others=True), ShowCardPage(), ShowCard(card_id=1))]
    buttons = [number_button(owner), *former]
    owner.bot.desk(shows_cards=False)
    owner.bot.having(apis=replace(owner.bot.turns.apis, altegio=None))

    for button in buttons:
        await owner.do(owner.phone.taps(button))
        assert owner.said("What would you like to do?")


async def test_the_overview_knows_how_many_cards_can_be_used(owner: Chat) -> None:
    """Asked for together with everything else."""
    owner.bot.ahead(seconds=timedelta(minutes=2).total_seconds())
    await owner.say("gifts")

    assert owner._.ngettext("%(n)s gift card", "%(n)s gift cards", 2) in owner.text
    assert "生日禮品卡 2000" in owner.text and "聖誕禮品卡 500" not in owner.text

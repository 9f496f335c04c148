"""Long lists: lines on pages that hold still, all of them reached, found by name, and the first look in one message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from chat import Bot, Chat, buttons_of

from bot.apis.mantago import Gift, Gifts, Ticket
from bot.services.wallet import HeldCards, HeldVoucher, days, everything
from conversations.proving import packed
from conversations.test_gifts import gift_calls, give, named, titles
from conversations.test_wallet import give_points, sums
from handlers.things import ShowList
from sandbox.people import CHANNELS, gift

OpenChat = Callable[[str], Chat]
TAIPEI = ZoneInfo("Asia/Taipei")
NOW = datetime(2026, 11, 30, 4, tzinfo=UTC)
EVERYBODY = ("yu", "emily", "collector", "hoarder", "broken", "hostile")


def ago(**by: float) -> datetime:
    return NOW - timedelta(**by)


async def all_pages(chat: Chat) -> list[list[str]]:
    """The names on each page of everything."""
    await chat.say("gifts")
    await chat.tap("All" if any(label.startswith(chat._("All %(n)s", n="")[:2]) for label in chat.buttons) else "Show")
    pages = [titles(chat)]
    while chat._("Next page") in chat.buttons:
        chat.bot.ahead(seconds=4)  # Nobody turns twenty pages in a minute.
        await chat.tap("Next page")
        pages.append(titles(chat))
    return pages


def opened(chat: Chat, name: str) -> str:
    """The data of a line's tap, by the name on it."""
    for item in chat.shown:
        for label, data in buttons_of(item.message):
            if label.startswith(name):
                return data
    elements = [each for item in chat.shown for each in _elements(item.message)]
    [found] = [each["buttons"][0]["payload"] for each in elements if each["title"].endswith(f" {name}")]
    return str(found)


def _elements(message: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = message.get("attachment", {}).get("payload", {}).get("elements", [])
    return found


# ── the first look ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("nick", EVERYBODY)
async def test_one_message_shows_something_that_can_be_used(open_chat: OpenChat, nick: str) -> None:
    """To whoever has anything, on their first word: no tap and no second message, and nothing is refused."""
    chat = open_chat(nick)
    await chat.say("hello")
    await chat.say("gifts")

    answered = [item for item in chat.shown if item.via != "busy"]
    assert len(answered) == 1
    assert any(".howto." in data for data in chat.buttons.values())  # on whatever can be claimed or used
    cards = answered[0].message.get("contents", {}).get("contents") or _elements(answered[0].message)
    assert 2 <= len(cards) <= (11 if chat.channel == "line" else 10)
    assert [call.status for call in chat.bot.sandbox.calls(chat.channel) if call.status >= 400] == []


async def test_nine_of_many_are_shown_and_the_last_card_leads_to_all(open_chat: OpenChat) -> None:
    """One, nine and one on LINE; one, eight and one on Messenger."""
    chat = open_chat("collector")
    await chat.say("gifts")

    most = 9 if chat.channel == "line" else 8
    assert sum(title.count("#") for title in titles(chat)) == most
    assert sums(chat) == {("%(n)s gift", "%(n)s gifts"): "30"}
    assert chat._.ngettext("%(n)s more", "%(n)s more", 30 - most) in chat.text
    await chat.tap(chat._("All %(n)s", n="30"))
    assert chat.said("Page %(page)s of %(pages)s", page=1, pages=2 if chat.channel == "line" else 5)


async def test_with_nothing_to_use_one_sentence_says_so(chat: Chat) -> None:
    """What is over is one tap away, and not counted."""
    now = chat.bot.clock()
    over = gift("Gone", "lotteryGame", now, starts=now - timedelta(days=9), ends=now - timedelta(days=1), now=now)
    give(chat, virtualGifts=[over])
    await chat.say("gifts")

    assert chat.said("There is nothing to use right now.") and sums(chat) == {}
    assert chat._("Redeem a code") in chat.buttons and "Gone" not in chat.text
    await chat.tap("Show all")
    assert chat.said("Expired") and "Gone" in chat.text


async def test_new_things_say_so_on_their_own_cards(friend: Chat) -> None:
    """Those that came since the last visit, and only those."""
    held = named(friend, 1, "Old")
    give(friend, virtualGifts=held)
    await friend.say("gifts")
    assert not friend.said("New")
    friend.bot.ahead(hours=1)
    give(friend, virtualGifts=[gift("Fresh", "lotteryGame", friend.bot.clock()), *held])
    friend.bot.ahead(seconds=61)
    await friend.say("gifts")

    assert friend._.ngettext("%(n)s new", "%(n)s new", 1) in friend.text
    badges = [text for text in friend.texts if text.split(" · ")[0] in (friend._("New"), friend._("Valid"))]
    assert [text.split(" · ")[0] for text in badges] == [friend._("New"), friend._("Valid")]


async def test_a_slow_vendor_costs_only_its_own_part(friend: Chat) -> None:
    """Its seconds are over, and what others hold is shown with a word about it."""
    await give_points(friend, 30)
    friend.bot.desk(overview_waits=0.2)
    friend.bot.sandbox.fault("mantago", delay_ms=900)
    await friend.say("gifts")

    assert sums(friend) == {("%(n)s pt", "%(n)s pts"): "30"}
    assert friend.said("We can't reach %(service)s right now. Nothing is lost.", service=friend._("the gift service"))


def test_what_ends_soon_stands_before_what_is_new() -> None:
    """Then the newest, whoever gave it; then what has not begun; then what is over."""

    def a_gift(name: str, received: datetime | None, **more: Any) -> Gift:
        return Gift(
            name, "virtual", name, "other", received, **{"expired": False, "starts": None, "ends": None, **more}
        )

    gifts = Gifts(
        (Ticket(ago(days=2)), Ticket(ago(days=2, hours=1)), Ticket(ago(days=5))),
        (
            a_gift("over last", ago(days=1), expired=True, ends=ago(days=90)),
            a_gift("over first", ago(days=1), expired=True, ends=ago(days=3)),
            a_gift("begins", ago(days=1), expired=True, starts=ago(days=-3), ends=ago(days=-9)),
            a_gift("ends in a year", ago(days=4), ends=ago(days=-365)),
            a_gift("newest", ago(hours=1)),
            a_gift("nobody knows when", None),
            a_gift("ends second", ago(days=80), ends=ago(days=-20)),
            a_gift("ends first", ago(days=90), ends=ago(days=-2)),
        ),
    )
    vouchers = [HeldVoucher("R-1", "voucher", ago(days=3), 2)]
    held = everything(gifts, days(gifts.tickets, TAIPEI), vouchers, HeldCards(2), NOW)

    assert [getattr(each.what, "name", each.kind) for each in held] == [
        "ends first",
        "ends second",
        "newest",
        "tickets",
        "voucher",
        "ends in a year",
        "tickets",
        "nobody knows when",
        "cards",
        "begins",
        "over first",
        "over last",
    ]
    assert sum(each.count for each in held if each.usable) == 12


# ── pages ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("channel", "count"), [("line", 520), ("line", 700), ("messenger", 700), ("instagram", 520)])
async def test_however_many_there_are_each_is_reached_once(bot: Bot, channel: str, count: int) -> None:
    """On at most so many pages, in one message each; turning costs no vendor anything."""
    chat = bot.chat(channel)
    give(chat, virtualGifts=named(chat, count - 30), physicalGifts=named(chat, 30, "Cup"))
    pages = await all_pages(chat)

    size = 30 if channel == "line" else 9
    assert len(pages) == -(-count // size)
    seen = Counter(title for page in pages for title in page if title.startswith(("Gift ", "Cup ")))
    assert len(seen) == count and set(seen.values()) == {1}
    assert gift_calls(chat) == 1
    assert [call.status for call in bot.sandbox.calls(channel) if call.status >= 400] == []


async def test_the_list_changes_between_pages_and_an_old_button_says_so(open_chat: OpenChat) -> None:
    """Thirty-seven gifts: a page of the list that was shown first, then one of a list that is gone."""
    chat = open_chat("collector")
    await chat.say("gifts")
    await chat.tap(chat._("All %(n)s", n="30"))
    second = chat.data_of("Next page")
    give(chat, virtualGifts=named(chat, 40, "Other"))
    await chat.do(chat.phone.taps(second))
    assert "#" in "".join(titles(chat)) and not any("Other" in title for title in titles(chat))

    chat.bot.ahead(minutes=11)
    await chat.do(chat.phone.taps(second))
    assert chat.said("The list changed — starting from page 1.")
    assert titles(chat)[0] == "Other 1"


async def test_a_button_of_an_earlier_version_opens_the_page_with_what_it_led_to(open_chat: OpenChat) -> None:
    """Which had nine things a page, and expired ones on pages of their own."""
    chat = open_chat("hoarder")
    await chat.say("gifts")
    snapshot = await chat.bot.pool.fetchval("SELECT snapshot FROM wallets")
    order = [name for page in await all_pages_of(chat, "Digital gifts") for name in page if "#" in name]

    old = ShowList(kind="virtual", page=4, snapshot=snapshot)
    await chat.do(chat.phone.taps(await packed(chat, old)))
    assert order[36] in titles(chat)

    over = ShowList(kind="virtual", page=1, snapshot=snapshot, expired=True)
    await chat.do(chat.phone.taps(await packed(chat, over)))
    usable = sum(int(name.rpartition("#")[2]) % 5 != 0 for name in order)
    assert order[usable + 9] in titles(chat)


async def all_pages_of(chat: Chat, kind: str) -> list[list[str]]:
    """The names on each page of one kind."""
    await chat.say("gifts")
    await chat.tap(kind)
    pages = [titles(chat)]
    while chat._("Next page") in chat.buttons:
        chat.bot.ahead(seconds=4)
        await chat.tap("Next page")
        pages.append(titles(chat))
    return pages


async def test_the_number_of_a_page_can_be_typed(open_chat: OpenChat) -> None:
    """As long as the list is the last answer."""
    chat = open_chat("collector")
    await chat.say("gifts")
    await chat.tap(chat._("All %(n)s", n="30"))
    pages = 2 if chat.channel == "line" else 5
    await chat.say("2")
    assert chat.said("Page %(page)s of %(pages)s", page=2, pages=pages)
    await chat.say("第 1 頁" if chat.tag != "en" else "page 1")
    assert chat.said("Page %(page)s of %(pages)s", page=1, pages=pages)

    await chat.say("menu")
    await chat.say("2")
    assert not chat.said("Page %(page)s of %(pages)s", page=2, pages=pages)


async def test_a_line_opens_its_card(open_chat: OpenChat) -> None:
    """From the list that was shown, without asking anybody; what is gone by then is said to be gone."""
    chat = open_chat("collector")
    await chat.say("gifts")
    await chat.tap(chat._("All %(n)s", n="30"))
    name = titles(chat)[0]
    data = opened(chat, name)
    await chat.do(chat.phone.taps(data))
    assert name in chat.text and chat.said("Received") and gift_calls(chat) == 1
    assert chat._("How to claim") in chat.buttons

    give(chat, virtualGifts=named(chat, 2, "Other"))
    chat.bot.ahead(minutes=11)
    await chat.do(chat.phone.taps(data))
    assert chat.said("That is not among your gifts any more.") and "Other 1" in titles(chat)


async def test_a_kind_of_which_there_is_nothing_is_not_all(friend: Chat) -> None:
    """Who has gifts and no tickets is not told that there is nothing; everything is a tap away."""
    give(friend, virtualGifts=[gift("One", "lotteryGame", friend.bot.clock())])
    await friend.say("my tickets")

    assert friend.said("Nothing under “%(kind)s” right now.", kind=friend._("Tickets"))
    await friend.tap("Show all")
    assert "One" in friend.text


async def test_tickets_open_by_their_day(friend: Chat) -> None:
    """Eleven days of them are lines."""
    now = friend.bot.clock()
    give(friend, tickets=[{"createdAt": (now - timedelta(days=day)).isoformat()} for day in range(12)] * 2)
    await friend.say("my tickets")
    line = f"{friend._.ngettext('Coupon', 'Coupons', 2)} × 2"
    assert titles(friend).count(line) == (12 if friend.channel == "line" else 9)

    [data, *_] = [data for item in friend.shown for _label, data in buttons_of(item.message) if ".day." in data]
    await friend.do(friend.phone.taps(data))
    assert "× 2" in friend.text and friend._("How to use") in friend.buttons


async def test_without_a_vendor_asked_a_page_costs_one_reading(
    open_chat: OpenChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside those of every turn: its event and customer at the beginning."""
    chat = open_chat("collector")
    await chat.say("gifts")
    await chat.tap(chat._("All %(n)s", n="30"))
    data = chat.data_of("Next page")
    asked: list[str] = []
    for name in ("fetch", "fetchrow", "fetchval"):
        original = getattr(asyncpg.Pool, name)

        async def counting(self: Any, query: str, *args: Any, _original: Any = original, **more: Any) -> Any:
            asked.append(query)
            return await _original(self, query, *args, **more)

        monkeypatch.setattr(asyncpg.Pool, name, counting)
    await chat.do(chat.phone.taps(data))

    reads = [query for query in asked if "FROM wallets" in query]
    ours = [query for query in asked if "pgqueuer" not in query]
    others = [query for query in ours if any(table in query for table in ("issues", "accounts", "links", "claims"))]
    assert (len(reads), others) == (1, [])
    assert gift_calls(chat) == 1


# ── search ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_thing_is_found_by_a_part_of_its_name(open_chat: OpenChat) -> None:
    """However it is written; what is found has pages as well."""
    chat = open_chat("hoarder")
    await chat.say("gifts")
    await chat.tap(chat._("All %(n)s", n="416"))
    await chat.tap("Search")
    await chat.say("ＦＲＥＥ Topping" if chat.tag == "en" else "帆布")

    found = [title for title in titles(chat) if "#" in title]
    assert found and all(("Free topping" if chat.tag == "en" else "質感帆布袋") in title for title in found)
    assert gift_calls(chat) == 1
    await chat.tap("Next page")
    assert [title for title in titles(chat) if "#" in title]
    assert not set(titles(chat)) & {title for title in found if "#" in title}


async def test_what_is_not_found_can_be_looked_for_again(open_chat: OpenChat) -> None:
    """And everything is one tap away."""
    chat = open_chat("collector")
    await chat.say("gifts")
    await chat.tap(chat._("All %(n)s", n="30"))
    await chat.tap("Search")
    await chat.say("zeppelin 飛船" * 9)

    assert chat.said("Nothing found for “%(query)s”.", query=("zeppelin 飛船" * 9)[:30])
    assert chat._("Search") in chat.buttons and chat._("Show all") in chat.buttons


# ── hostile names ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("channel", CHANNELS)
async def test_names_of_three_thousand_characters_are_lines_like_others(
    bot: Bot, channel: str, tables: asyncpg.Pool
) -> None:
    """Those that turn the line around, or stack marks on a letter, too. What is kept of them is short."""
    chat = bot.chat(channel)
    now = chat.bot.clock()
    long = ("禮" * 3000, "\u202egnp.tfig\u202c" * 300, "👨‍👩‍👧‍👦🇹🇼" * 200, "Z\u0351\u036b\u0343" * 700, "سلام " * 600)
    names = [f"{number} {long[number % len(long)]}" for number in range(40)]
    give(chat, virtualGifts=[gift(name, "rewardsCard", now - timedelta(hours=n)) for n, name in enumerate(names)])
    pages = await all_pages(chat)

    numbers = [title.split(" ")[0].rstrip("…") for page in pages for title in page if title[:1].isdigit()]
    assert sorted(set(numbers), key=int) == [str(number) for number in range(40)]
    assert [call.status for call in bot.sandbox.calls(channel) if call.status >= 400] == []
    assert not set("\u202e\u202c") & set("".join(str(item.message) for item in chat.everything))
    assert await tables.fetchval("SELECT max(length(gifts)) FROM wallets") < 40 * 700

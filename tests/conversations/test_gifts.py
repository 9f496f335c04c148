"""My gifts: the overview, the lists, and what is shown when the vendor is in trouble."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from chat import Bot, Chat

from bot.apis.mantago import GIFT_ARRAYS, Gift
from bot.apis.mantago import KINDS as OURS
from bot.i18n import load_translators
from handlers.gifts import HowTo
from handlers.views.gifts import gift_card, gift_names, list_names
from handlers.views.wallet import ICONS
from sandbox.people import demo_wallets, gift

OpenChat = Callable[[str], Chat]

KINDS = ("Tickets", "Physical gifts", "Digital gifts")


def gift_calls(chat: Chat) -> int:
    return len(chat.bot.sandbox.calls("mantago", "POST /openapi/client/gift"))


def give(chat: Chat, **gifts: list[dict[str, Any]]) -> None:
    """Let the customer hold exactly these gifts from now on."""
    chat.bot.sandbox.mantago.put_client(chat.channel, chat.user, gifts)


def named(chat: Chat, count: int, word: str = "Gift") -> list[dict[str, Any]]:
    """Gifts called `Gift 1`, `Gift 2`, …, the newest first."""
    now = chat.bot.clock()
    return [gift(f"{word} {number}", "lotteryGame", now - timedelta(hours=number)) for number in range(1, count + 1)]


_ICON = re.compile(f"^(?:{'|'.join(ICONS.values())}) ")


def titles(chat: Chat) -> list[str]:
    """The titles of everything on screen, a card or an element each."""
    found = [str(name["text"]) for name in _nodes(chat, size="sm", wrap=True, maxLines=2)]
    bold = [title for title in _nodes(chat, weight="bold", wrap=True) if title["size"] != "xs"]
    found += [str(title["text"]) for title in bold if "maxLines" in title]
    for node in _nodes(chat):
        if "subtitle" in node and "title" in node:
            line = [button["title"] for button in node.get("buttons", ())] == [chat._("Details")]
            found.append(_ICON.sub("", str(node["title"])) if line else str(node["title"]))
    # Messenger shows a single card as lines above buttons.
    return found or [line for text in chat.texts for line in text.splitlines()]


def card(chat: Chat, title: str) -> str:
    """Everything on the card with this title."""
    cards = [node for node in _nodes(chat) if node.get("type") == "bubble" or "subtitle" in node]
    [found] = [str(node) for node in cards if title in str(node)]
    return found


def _nodes(chat: Chat, **wanted: Any) -> list[dict[str, Any]]:
    found = []
    waiting: list[Any] = [item.message for item in chat.shown]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, dict):
            if all(node.get(key) == value for key, value in wanted.items()):
                found.append(node)
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return found


async def every_page(chat: Chat, look: Callable[[], None]) -> None:
    """Open each kind from the overview and turn all its pages."""
    await chat.say("gifts")
    overview = dict(chat.buttons)
    for kind in KINDS:
        data = next((data for label, data in overview.items() if label.startswith(chat._(kind))), None)
        if data is None:
            continue
        await chat.do(chat.phone.taps(data))
        while True:
            look()
            chat.bot.ahead(seconds=4)  # Nobody turns twenty pages in a minute.
            if chat._("Next page") not in chat.buttons:
                break
            await chat.tap("Next page")


async def test_the_overview_sums_up_what_can_be_used(open_chat: OpenChat) -> None:
    """What is over or has not begun does not count; and it says when it was asked."""
    chat = open_chat("yu")

    await chat.say("gifts")

    counted = (("%(n)s ticket", "%(n)s tickets", 3), ("%(n)s gift", "%(n)s gifts", 6))
    assert " · ".join(chat._.ngettext(*each) for each in counted) in chat.text
    assert chat.said("Your gifts")
    assert chat.said("Updated %(time)s", time=chat._.time(chat.bot.clock()))


async def test_tickets_are_grouped_by_the_day_they_came(open_chat: OpenChat) -> None:
    """They have no names; two of one day are one card."""
    chat = open_chat("yu")
    await chat.say("gifts")

    await chat.tap("Tickets")

    day = chat._.date(chat.bot.clock() - timedelta(days=2))
    assert "× 2" in chat.text and "× 1" in chat.text
    assert day in chat.text
    assert chat.said("Used ones disappear from this list.")


async def test_every_gift_says_whether_it_can_be_used(open_chat: OpenChat) -> None:
    """Valid, not yet, or nothing where the vendor does not say; never a date that nobody gave."""
    chat = open_chat("yu")
    await chat.say("gifts")
    await chat.tap("Digital gifts")
    starts = chat._.date(chat.bot.clock() + timedelta(days=5))
    assert chat._("Valid") in card(chat, "🎁 生日禮：大杯珍珠奶茶一杯")
    assert chat._("Starts %(day)s", day=starts) in card(chat, "雙 11 快閃 85 折")
    assert chat._("Valid") not in card(chat, "雙 11 快閃 85 折")
    assert chat.said("Rewards card") and chat.said("Lottery game") and chat.said("Campaign")

    await chat.tap("Physical gifts")
    assert chat._("Valid") not in card(chat, "保溫杯")
    assert not chat.said("Use by")


async def test_what_starts_tomorrow_says_tomorrow(chat: Chat) -> None:
    """A date that near is read faster as a word."""
    now = chat.bot.clock()
    give(
        chat,
        virtualGifts=[
            gift("Soon", "lotteryGame", now, starts=now + timedelta(days=1), ends=now + timedelta(days=9), now=now)
        ],
    )
    await chat.say("gifts")
    assert chat.said("There is nothing to use right now.")

    await chat.tap("Show all")

    assert chat.said("Starts %(day)s", day=chat._("tomorrow"))


async def test_expired_gifts_stand_last(open_chat: OpenChat) -> None:
    """Not at the first look; in the list with the day they ended, and nothing to claim."""
    chat = open_chat("yu")
    await chat.say("gifts")
    assert "手工鳳梨酥禮盒 12 入" not in chat.text
    assert chat._.ngettext("%(n)s expired", "%(n)s expired", 2) in chat.text

    await chat.tap("Physical gifts")

    assert titles(chat)[-1] == "手工鳳梨酥禮盒 12 入"
    assert chat._("Expired") in card(chat, "手工鳳梨酥禮盒 12 入")
    assert chat._.date(chat.bot.clock() - timedelta(days=58)) in chat.text
    assert chat._("How to claim") not in card(chat, "手工鳳梨酥禮盒 12 入")


@pytest.mark.parametrize(("nick", "listed"), [("yu", 9), ("collector", 37)])
async def test_every_gift_is_reached_exactly_once(open_chat: OpenChat, nick: str, listed: int) -> None:
    """Page by page, on whichever channel."""
    chat = open_chat(nick)
    wallet = demo_wallets()[chat.channel, chat.user](chat.bot.clock())
    names = Counter(str(item["name"]) for kind in ("physicalGifts", "virtualGifts") for item in wallet[kind])
    seen: Counter[str] = Counter()

    await every_page(chat, lambda: seen.update(title for title in titles(chat) if title in names))

    assert seen == names
    assert sum(seen.values()) == listed


async def test_a_page_says_where_in_the_list_it_is(open_chat: OpenChat) -> None:
    """Which page of how many; on LINE one holds more."""
    chat = open_chat("collector")
    await chat.say("gifts")
    await chat.tap("Digital gifts")
    pages = 2 if chat.channel == "line" else 4
    assert chat.said("Page %(page)s of %(pages)s", page=1, pages=pages)
    await chat.tap("Next page")

    assert chat.said("Page %(page)s of %(pages)s", page=2, pages=pages)
    await chat.tap("Previous page")
    assert chat.said("Page %(page)s of %(pages)s", page=1, pages=pages)


async def test_a_list_holds_still_while_it_is_paged_through(chat: Chat) -> None:
    """A gift that comes meanwhile moves nothing from page to page."""
    give(chat, virtualGifts=named(chat, 33))
    await chat.say("gifts")
    await chat.tap("Digital gifts")
    give(chat, virtualGifts=named(chat, 40, "Other"))

    await chat.tap("Next page")

    shown = [title for title in titles(chat) if title.startswith(("Gift", "Other"))]
    first, last = (31, 33) if chat.channel == "line" else (10, 18)
    assert shown == [f"Gift {number}" for number in range(first, last + 1)]
    assert gift_calls(chat) == 1


async def test_a_page_of_a_list_that_is_gone_starts_over_and_says_so(chat: Chat) -> None:
    """After a refresh the old list's buttons lead to the new one's first page."""
    give(chat, virtualGifts=named(chat, 33))
    await chat.say("gifts")
    refresh = chat.data_of("Refresh")
    await chat.tap("Digital gifts")
    old = chat.data_of("Next page")
    give(chat, virtualGifts=named(chat, 20, "Other"))
    await chat.do(chat.phone.taps(refresh))

    await chat.do(chat.phone.taps(old))

    assert chat.said("The list changed — starting from page 1.")
    assert "Other 1" in titles(chat) and "Other 9" in titles(chat)


async def test_after_ten_minutes_a_page_is_of_a_new_list(chat: Chat) -> None:
    """Prizes should not be read from an old list for long."""
    give(chat, virtualGifts=named(chat, 33))
    await chat.say("gifts")
    await chat.tap("Digital gifts")
    give(chat, virtualGifts=named(chat, 20, "Other"))
    chat.bot.ahead(minutes=11)

    await chat.tap("Next page")

    assert chat.said("The list changed — starting from page 1.")
    assert "Other 1" in titles(chat)
    assert gift_calls(chat) == 2


async def test_a_list_that_shrank_shows_its_first_page(chat: Chat) -> None:
    """No button leads behind the end."""
    give(chat, virtualGifts=named(chat, 70))
    await chat.say("gifts")
    await chat.tap("Digital gifts")
    await chat.tap("Next page")
    give(chat, virtualGifts=named(chat, 2, "Other"))
    chat.bot.ahead(minutes=11)

    await chat.tap("Next page")

    assert "Other 1" in titles(chat) and "Other 2" in titles(chat)


async def test_a_last_gift_that_is_gone_leaves_an_empty_list_not_an_error(chat: Chat) -> None:
    """Used meanwhile, on whichever page one was."""
    give(chat, virtualGifts=named(chat, 33))
    await chat.say("gifts")
    await chat.tap("Digital gifts")
    give(chat)
    chat.bot.ahead(minutes=11)

    await chat.tap("Next page")

    assert chat.said("No gifts yet. Join a campaign or redeem a code to get some.")


async def test_a_list_that_became_empty_is_what_is_known(chat: Chat) -> None:
    """Gifts that are gone do not come back when the vendor is down, and nobody asks twice within the half minute."""
    give(chat, virtualGifts=named(chat, 2))
    await chat.say("gifts")
    give(chat)
    chat.bot.ahead(minutes=1)
    await chat.say("gifts")
    asked = gift_calls(chat)
    await chat.say("gifts")
    assert gift_calls(chat) == asked

    chat.bot.ahead(minutes=1)
    chat.bot.sandbox.fault("mantago", status=500)
    await chat.say("gifts")
    assert "Gift 1" not in chat.text


@pytest.mark.parametrize("nick", ["empty", "stranger"])
async def test_somebody_without_gifts_is_told_how_to_get_some(open_chat: OpenChat, nick: str) -> None:
    """Unknown to the vendor reads the same: the customer is no error."""
    chat = open_chat(nick)

    await chat.say("gifts")

    assert chat.said("No gifts yet. Join a campaign or redeem a code to get some.")
    assert chat._("Redeem a code") in chat.buttons and chat._("Menu") in chat.buttons


async def test_broken_items_are_left_out_and_counted(open_chat: OpenChat) -> None:
    """What can be read is shown as always."""
    chat = open_chat("broken")

    await chat.say("gifts")
    assert chat._.ngettext("%(n)s item can't be shown right now.", "%(n)s items can't be shown right now.", 2) in (
        chat.text
    )

    await chat.tap("Digital gifts")
    assert "100 元購物金" in chat.text


async def test_only_broken_items_are_no_empty_list(chat: Chat) -> None:
    """Nobody is told that they have no gifts when some cannot be read."""
    give(chat, virtualGifts=[{"resource": "lotteryGame"}])

    await chat.say("gifts")

    assert not chat.said("No gifts yet. Join a campaign or redeem a code to get some.")
    assert chat._.ngettext("%(n)s item can't be shown right now.", "%(n)s items can't be shown right now.", 1) in (
        chat.text
    )


async def test_hostile_names_are_only_text(open_chat: OpenChat) -> None:
    """Markup, placeholders, direction marks and novels: all shown as names, nothing refused."""
    chat = open_chat("hostile")
    seen: list[str] = []

    await every_page(chat, lambda: seen.extend(chat.texts))

    everything = "\n".join(seen)
    for name in ("<script>alert(1)</script>", "{brand} %(name)s %s {0}", "[b]粗體[/b] **bold** [red]markup[/red]"):
        assert name in everything
    assert not set("\u202e\u202c\x07\x1b") & set(everything)
    assert [call.status for call in chat.bot.sandbox.calls(chat.channel) if call.status >= 400] == []


async def test_the_vendor_is_asked_once_in_half_a_minute(open_chat: OpenChat) -> None:
    """Refresh asks again at once."""
    chat = open_chat("yu")
    await chat.say("gifts")
    await chat.say("gifts")
    assert gift_calls(chat) == 1

    await chat.tap("Refresh")
    assert gift_calls(chat) == 2

    chat.bot.ahead(seconds=31)
    await chat.say("gifts")
    assert gift_calls(chat) == 3


async def test_how_to_claim_is_told_in_the_brands_words(open_chat: OpenChat) -> None:
    """In whichever language there are any; with none there is no button, and an old one is answered honestly."""
    chat = open_chat("yu")
    for told in (chat.tag, "en", "zh_Hant_TW"):
        chat.bot.desk(how_to_claim={told: f"Ask at the counter 櫃台 {told}"})
        await chat.say("gifts")
        await chat.tap("Physical gifts")
        data = chat.data_of("How to claim")
        await chat.do(chat.phone.taps(data))
        assert f"Ask at the counter 櫃台 {told}" in chat.text

    chat.bot.desk(how_to_claim={})
    for kind, label in (("Physical gifts", "How to claim"), ("Tickets", "How to use")):
        await chat.say("gifts")
        await chat.tap(kind)
        assert chat._(label) not in chat.buttons
    await chat.do(chat.phone.taps(data))
    assert chat.said("Please see the campaign's notice for how and until when to use it, or ask our staff.")


async def test_an_old_button_brings_a_fresh_overview(open_chat: OpenChat) -> None:
    """After a week it says so first."""
    chat = open_chat("yu")
    await chat.say("gifts")
    chat.bot.ahead(days=8)

    await chat.tap("Tickets")

    assert chat.said("That button has expired — here's a fresh one.")
    assert chat.said("Your gifts")


# The vendor in trouble.


async def test_when_the_vendor_is_down_the_last_list_is_shown_with_its_time(open_chat: OpenChat) -> None:
    """Old news, said to be old."""
    chat = open_chat("yu")
    await chat.say("gifts")
    then = chat.bot.clock()
    chat.bot.ahead(minutes=1)
    chat.bot.sandbox.fault("mantago", status=500)

    await chat.say("gifts")

    assert chat.said(
        "We can't reach %(service)s right now. This is how things stood at %(time)s.",
        service=chat._("the gift service"),
        time=chat._.time(then),
    )
    assert chat.said("Your gifts")

    await chat.tap("Physical gifts")
    assert "保溫杯" in chat.text


async def test_a_list_of_another_day_is_dated(open_chat: OpenChat) -> None:
    """`14:32` of last week would mislead."""
    chat = open_chat("yu")
    await chat.say("gifts")
    then = chat.bot.clock()
    chat.bot.ahead(days=2)
    chat.bot.sandbox.fault("mantago", status=500)

    await chat.say("gifts")

    assert chat._.moment(then) in chat.text


async def test_with_refused_credentials_customers_see_the_last_list_and_staff_hear_of_it(
    open_chat: OpenChat, bot: Bot
) -> None:
    """One alert an hour, however many customers ask."""
    chat = open_chat("yu")
    staff = [bot.chat("line", "staff"), bot.chat("messenger", "staff")]
    await chat.say("gifts")
    bot.ahead(minutes=1)
    bot.sandbox.fault("mantago", status=401)

    for _ in range(3):
        await chat.say("gifts")
        assert chat.said("Your gifts")
        assert chat.said(
            "We can't reach %(service)s right now. This is how things stood at %(time)s.",
            service=chat._("the gift service"),
            time=chat._.time(bot.clock() - timedelta(minutes=1)),
        )
    for admin in staff:
        [alert] = admin.look()
        assert "MANTAGO_TOKEN" in alert.message["text"]

    bot.ahead(hours=1)
    await chat.say("gifts")
    for admin in staff:
        assert len(admin.look()) == 1


async def test_with_nothing_kept_an_outage_is_said_and_one_tap_tries_again(open_chat: OpenChat) -> None:
    """The tap brings the overview once the vendor is back."""
    chat = open_chat("yu")
    chat.bot.sandbox.fault("mantago", status=500, times=1)
    await chat.say("gifts")
    assert chat.said(
        "We can't reach %(service)s right now. Nothing is lost — please try again shortly.",
        service=chat._("the gift service"),
    )
    assert "保溫杯" not in chat.text

    await chat.tap("Try again")

    assert chat.said("Your gifts")


async def test_an_answer_of_a_strange_shape_is_an_outage(open_chat: OpenChat) -> None:
    """Nothing is guessed from what is not understood."""
    chat = open_chat("yu")
    chat.bot.sandbox.fault("mantago", body={"success": True, "tickets": "three"}, times=1)

    await chat.say("gifts")

    assert chat.said(
        "We can't reach %(service)s right now. Nothing is lost — please try again shortly.",
        service=chat._("the gift service"),
    )


async def test_without_the_vendor_there_is_no_such_tile(chat: Chat) -> None:
    """A shop with codes alone shows no dead button, and the word brings the menu."""
    chat.bot.desk(shows_gifts=False, shows_vouchers=False, shows_cards=False)
    chat.bot.having(apis=replace(chat.bot.turns.apis, mantago=None, gotit=None, altegio=None))

    await chat.say("menu")
    assert chat._("My gifts") not in chat.buttons

    await chat.say("gifts")
    assert chat.said("What would you like to do?")


async def test_nobody_sees_anothers_gifts(open_chat: OpenChat, tables: asyncpg.Pool) -> None:
    """Each list is asked for by its own customer's id and kept with their own row."""
    mine, theirs = open_chat("yu"), open_chat("emily")
    await mine.say("gifts")
    await theirs.say("gifts")

    await theirs.tap("Physical gifts")

    assert "Canvas tote bag, limited edition" in theirs.text
    assert "保溫杯" not in theirs.text
    asked = [call.json["platformClientId"] for call in theirs.bot.sandbox.calls("mantago")]
    assert asked == [mine.user, theirs.user]
    assert await tables.fetchval("SELECT count(DISTINCT customer_id) FROM wallets") == 2


async def test_every_page_of_the_last_known_list_is_there_while_the_vendor_is_down(bot: Bot, channel: str) -> None:
    """An old list is still the list that the button names."""
    chat = bot.chat(channel, user="collector")
    await chat.say("我的獎品")
    await chat.tap(chat._("All %(n)s", n="30"))
    bot.ahead(minutes=11)
    bot.sandbox.fault("mantago", status=500)

    await chat.tap("Next page")

    assert not chat.said("The list changed — starting from page 1.")
    assert chat.said("Page %(page)s of %(pages)s", page=2, pages=2 if channel == "line" else 5)
    asked = gift_calls(chat)
    await chat.tap("Previous page")
    assert gift_calls(chat) == asked, "the old list is the list for ten minutes more"


async def test_the_list_is_kept_as_earlier_versions_keep_it(chat: Chat, tables: asyncpg.Pool) -> None:
    """A worker of the version before reads the rows of this one, and this one reads its rows."""
    give(chat, virtualGifts=named(chat, 3))

    await chat.say("gifts")

    kept = json.loads(await tables.fetchval("SELECT gifts FROM wallets"))
    assert {"tickets", "physical", "virtual", "skipped", "truncated"} < set(kept)
    assert len(kept["virtual"]) == 3

    for name in set(kept) - {"tickets", "physical", "virtual", "skipped", "truncated"}:
        del kept[name]
    await tables.execute("UPDATE wallets SET gifts = $1", json.dumps(kept))
    chat.bot.ahead(minutes=1)
    chat.bot.sandbox.fault("mantago", status=500)
    await chat.say("gifts")
    await chat.tap("Digital gifts")
    assert titles(chat) == ["Gift 1", "Gift 2", "Gift 3"]


@pytest.mark.parametrize("tag", ["en", "zh_Hant_TW"])
def test_every_kind_has_a_name(tag: str) -> None:
    """The list's name, and that of one gift."""
    translate = load_translators(ZoneInfo("Asia/Taipei"))[tag]

    assert set(list_names(translate)) == set(OURS)
    assert set(gift_names(translate)) == set(GIFT_ARRAYS)


@pytest.mark.parametrize(("tag", "said"), [("en", "Gift · Campaign"), ("zh_Hant_TW", "禮物 · 活動")])
def test_a_kind_without_a_name_is_just_a_gift(tag: str, said: str) -> None:
    """It is not called digital, which may be wrong."""
    gift = Gift("k", "experience", "Tea", "other", None, False, None, None)

    card = gift_card(load_translators(ZoneInfo("Asia/Taipei"))[tag], gift, datetime.now(UTC), HowTo())

    assert card.eyebrow == said

"""The wallet at a glance: every vendor in one line, asked at the same time, and each in trouble for itself alone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from chat import Bot, Chat
from engine.desk import until

from conversations.proving import EMPTY, link
from sandbox import Sandbox
from sandbox.journal import Call
from sandbox.people import gift

OpenChat = Callable[[str], Chat]

TICKETS, GIFTS, VOUCHERS, CARDS, POINTS = PARTS = (
    ("%(n)s ticket", "%(n)s tickets"),
    ("%(n)s gift", "%(n)s gifts"),
    ("%(n)s voucher", "%(n)s vouchers"),
    ("%(n)s gift card", "%(n)s gift cards"),
    ("%(n)s pt", "%(n)s pts"),
)
"""What the sum in the first card counts."""
ISSUE = "gotit:POST /api/rewardhub/v1.0/gifts/issue"


def sums(chat: Chat) -> dict[tuple[str, str], str]:
    """The numbers of the wallet's first line, in their order; what is not there is not in it."""
    lines = (line for text in chat.texts for line in text.splitlines())
    return next((read for line in lines if (read := _read(chat, line))), {})


def _read(chat: Chat, line: str) -> dict[tuple[str, str], str]:
    read = {}
    for part in line.split(" · "):
        number = "".join(re.findall(r"[0-9,]+", part))
        count = int(number.replace(",", "") or 0)
        kind = next((kind for kind in PARTS if chat._.ngettext(*kind, count) == part), None)
        if kind is None:
            return {}
        read[kind] = number
    return read


def out_of_reach(chat: Chat, service: str) -> bool:
    """Whether the card says that a vendor cannot be reached."""
    return chat.said("We can't reach %(service)s right now. Nothing is lost.", service=chat._(service))


def give(chat: Chat, **gifts: list[dict[str, Any]]) -> None:
    """Let the customer hold exactly these gifts from now on."""
    chat.bot.sandbox.mantago.put_client(chat.channel, chat.user, gifts)


async def give_points(chat: Chat, amount: int) -> None:
    """As staff do."""
    bot = chat.bot
    async with bot.pool.acquire() as connection, connection.transaction():
        customer = await connection.fetchval("SELECT id FROM customers WHERE person LIKE $1", f"%:{chat.user}")
        await bot.turns.services.points.adjust(
            connection, customer, amount, key=f"test:{chat.user}", actor="test", reason="", now=bot.clock()
        )


async def show(chat: Chat) -> dict[tuple[str, str], str]:
    """Ask for the overview, when nothing asked before counts as fresh any more; returns its numbers."""
    chat.bot.ahead(seconds=61)
    await chat.say("gifts")
    return sums(chat)


@pytest.fixture
async def owner(open_chat: OpenChat) -> Chat:
    """Somebody with everything; on every channel and in every language."""
    return await owning(open_chat("yu"))


@pytest.fixture
async def anyone(bot: Bot) -> Chat:
    """Somebody with everything, where channel and language make no difference."""
    return await owning(bot.chat("line", "yu"))


async def owning(chat: Chat) -> Chat:
    """Gifts, points, a voucher, and a linked phone with gift cards in two shops."""
    await chat.do(chat.phone.follows())
    chat.bot.ahead(days=2)
    await give_points(chat, 250)
    await chat.say("vouchers")
    await chat.tap("Get it")
    await chat.tap("Confirm")
    await link(chat)
    return chat


# ── what is shown ────────────────────────────────────────────────────────────────────────────────


async def test_one_line_sums_up_what_four_vendors_hold(owner: Chat, tables: asyncpg.Pool) -> None:
    """Tickets and gifts that can be used, vouchers, gift cards with something on them, points that can be spent."""
    left = await tables.fetchval("SELECT available FROM accounts")
    assert await show(owner) == {
        TICKETS: "3",
        GIFTS: "6",
        VOUCHERS: "1",
        CARDS: "2",
        POINTS: owner._.number(left),
    }
    assert owner.said("Your gifts")
    assert owner.said("Updated %(time)s", time=owner._.time(owner.bot.clock()))


@pytest.mark.parametrize(
    ("label", "says"),
    [("My vouchers", "Issued"), ("Gift cards", "Face value"), ("Points", "Your points"), ("Tickets", "How to use")],
)
async def test_a_tap_on_a_kind_opens_its_list(anyone: Chat, label: str, says: str) -> None:
    """Each has a button below."""
    await show(anyone)
    await anyone.tap(label)

    assert anyone.said(says)


@pytest.mark.parametrize(
    ("off", "left"),
    [
        ({"mantago"}, [VOUCHERS, CARDS, POINTS]),
        ({"gotit"}, [TICKETS, GIFTS, CARDS]),
        ({"altegio"}, [TICKETS, GIFTS, VOUCHERS, POINTS]),
        ({"mantago", "gotit"}, [CARDS]),
        ({"mantago", "altegio"}, [VOUCHERS, POINTS]),
    ],
)
async def test_only_vendors_that_are_switched_on_are_counted(
    anyone: Chat, off: set[str], left: list[tuple[str, str]]
) -> None:
    """And only they are asked."""
    shows = {"mantago": "shows_gifts", "gotit": "shows_vouchers", "altegio": "shows_cards"}
    anyone.bot.desk(**{shows[vendor]: False for vendor in off})
    anyone.bot.having(apis=replace(anyone.bot.turns.apis, **dict.fromkeys(off)))
    anyone.bot.sandbox.journal.calls.clear()

    assert list(await show(anyone)) == left
    assert {call.upstream for call in anyone.bot.sandbox.calls()} & off == set()


async def test_who_has_nothing_reads_how_to_get_something(friend: Chat) -> None:
    """No card full of zeros."""
    await show(friend)

    assert sums(friend) == {}
    assert friend.said("No gifts yet. Join a campaign or redeem a code to get some.")
    assert friend._("Redeem a code") in friend.buttons


async def test_who_has_nothing_in_a_shop_of_gift_cards_reads_how_to_link_a_phone(friend: Chat) -> None:
    """Codes are off, so nobody is told to redeem one."""
    friend.bot.desk(redeems=False, shows_gifts=False, shows_vouchers=False)
    await friend.say("my gifts")

    assert friend.said("No gifts yet.") and "campaign" not in friend.text
    assert friend._("Redeem a code") not in friend.buttons
    await friend.tap("Gift cards")
    assert friend.said("To protect your balance, link your phone first.")


async def test_points_alone_are_something(friend: Chat) -> None:
    """What there is not is not said, and gift cards are a tap away."""
    await give_points(friend, 30)

    assert await show(friend) == {POINTS: "30"}
    assert friend._("Gift cards") in friend.buttons


async def test_what_there_is_not_is_not_said(friend: Chat) -> None:
    """Somebody with one gift reads of no vouchers and no points."""
    give(friend, virtualGifts=[gift("One", "lotteryGame", friend.bot.clock())])

    assert await show(friend) == {GIFTS: "1"}


async def test_a_linked_phone_without_cards_is_not_counted(friend: Chat) -> None:
    """It is linked, and there is nothing on it."""
    await give_points(friend, 1)
    await link(friend, EMPTY)

    assert CARDS not in await show(friend)


async def test_a_voucher_on_its_way_counts(friend: Chat, sandbox: Sandbox) -> None:
    """Its points are not there to be spent any more."""
    await give_points(friend, 100)
    await friend.say("vouchers")
    await friend.tap("Get it")
    sandbox.fault(ISSUE, status=504, times=1)
    await friend.tap("Confirm")
    assert friend.said("Confirming")

    shown = await show(friend)
    assert (shown[VOUCHERS], shown[POINTS]) == ("1", "60")


async def test_a_phone_that_is_not_linked_is_not_asked_for(friend: Chat, sandbox: Sandbox) -> None:
    """Nobody's number goes to Altegio because somebody wants to see their gifts."""
    await give_points(friend, 30)
    await show(friend)

    assert sandbox.calls("altegio") == []


# ── at the same time ─────────────────────────────────────────────────────────────────────────────


def during(call: Call) -> tuple[float, float]:
    """From when until when a vendor was busy with a call, in milliseconds."""
    return call.at, call.at + call.ms


async def test_all_vendors_are_asked_at_the_same_time(owner: Chat, sandbox: Sandbox) -> None:
    """MantaGo and both of Altegio's shops: each is asked before any other has answered."""
    for vendor in ("mantago", "altegio"):
        sandbox.fault(vendor, delay_ms=150)
    sandbox.journal.calls.clear()
    await show(owner)

    calls = [*sandbox.calls("mantago"), *sandbox.calls("altegio")]
    assert len(calls) == 3
    begun, ended = zip(*map(during, calls), strict=True)
    assert max(begun) < min(ended)


async def test_a_second_look_asks_nobody(anyone: Chat, sandbox: Sandbox) -> None:
    """Within half a minute; [Refresh] asks MantaGo again."""
    await show(anyone)
    sandbox.journal.calls.clear()
    await anyone.say("gifts")
    assert [*sandbox.calls("mantago"), *sandbox.calls("altegio")] == []

    await anyone.tap("Refresh")
    assert len(sandbox.calls("mantago")) == 1


# ── one in trouble ───────────────────────────────────────────────────────────────────────────────

DOWN: dict[str, Any] = {"status": 500}  # which is not tried again
SLOW: dict[str, Any] = {"delay_ms": 1_300}
TROUBLE: list[dict[str, Any]] = [DOWN, SLOW, {"body": "<html>"}, {"drop": True}]


@pytest.fixture
def impatient(bot: Bot) -> None:
    """A slow vendor is waited for shortly only."""
    bot.desk(overview_waits=0.5)


@pytest.fixture
async def over_at_the_end(bot: Bot) -> AsyncIterator[None]:
    """What is still on its way then must not reach the next test: look-ups are shared."""
    yield
    await until(lambda: nobody_is_asked(bot))


def nobody_is_asked(bot: Bot) -> bool:
    """Whether no vendor is being asked, tried again, or waited for by nobody."""
    assert bot.turns.apis.mantago is not None
    return not (bot.turns.apis.mantago._lookups or bot.turns.services.giftcards._asked)


async def test_gift_cards_that_cannot_be_read_hide_nothing_else(owner: Chat, sandbox: Sandbox) -> None:
    """The others' numbers are there, and a word about it."""
    sandbox.fault("altegio", **DOWN)
    shown = await show(owner)

    assert (shown[TICKETS], shown[GIFTS], shown[VOUCHERS]) == ("3", "6", "1")
    assert CARDS not in shown
    assert out_of_reach(owner, "the gift card service")
    assert not out_of_reach(owner, "the gift service")


async def test_gifts_that_cannot_be_read_are_shown_as_they_were(owner: Chat, sandbox: Sandbox) -> None:
    """The list of the last visit, with its time; gift cards as they are now."""
    await show(owner)
    then = owner.bot.clock()
    sandbox.fault("mantago", **DOWN)
    shown = await show(owner)

    assert (shown[TICKETS], shown[GIFTS], shown[CARDS]) == ("3", "6", "2")
    assert owner.said(
        "We can't reach %(service)s right now. This is how things stood at %(time)s.",
        service=owner._("the gift service"),
        time=owner._.time(then),
    )


@pytest.mark.usefixtures("impatient", "over_at_the_end")
@pytest.mark.parametrize("trouble", TROUBLE)
async def test_any_trouble_of_one_vendor_is_its_own(anyone: Chat, sandbox: Sandbox, trouble: dict[str, Any]) -> None:
    """Down, slow, answering nonsense or hanging up: first the one, then the other."""
    await show(anyone)
    sandbox.fault("altegio", **trouble)
    shown = await show(anyone)
    assert (shown[TICKETS], shown[VOUCHERS], CARDS in shown) == ("3", "1", False)

    await until(lambda: nobody_is_asked(anyone.bot))
    anyone.bot.mend()
    sandbox.fault("mantago", **trouble)
    shown = await show(anyone)
    assert (shown[TICKETS], shown[VOUCHERS], shown[CARDS]) == ("3", "1", "2")
    assert "目前連不上" in anyone.text


@pytest.mark.usefixtures("impatient", "over_at_the_end")
async def test_a_slow_vendor_is_not_waited_for(anyone: Chat, sandbox: Sandbox) -> None:
    """The answer is out while Altegio is still thinking."""
    sandbox.fault("altegio", **SLOW)
    await show(anyone)

    [shown] = [item for item in anyone.shown if item.via != "busy"][:1]
    assert all(shown.at < call.at + SLOW["delay_ms"] for call in sandbox.calls("altegio")[-2:])


@pytest.mark.usefixtures("impatient", "over_at_the_end")
@pytest.mark.parametrize("vendor", ["altegio", "mantago"])
async def test_what_came_too_late_is_there_for_the_next_look(anyone: Chat, sandbox: Sandbox, vendor: str) -> None:
    """Nobody waited for the answer, and still it is one: whoever asks while it is on its way gets it."""
    sandbox.fault(vendor, **SLOW)
    shown = await show(anyone)
    assert not {CARDS, TICKETS} <= set(shown)
    sandbox.clear_faults()
    asked = len(sandbox.calls(vendor))
    anyone.bot.desk(overview_waits=4.0)
    await anyone.say("gifts")

    assert (sums(anyone)[CARDS], sums(anyone)[TICKETS]) == ("2", "3")
    assert len(sandbox.calls(vendor)) == asked


@pytest.mark.usefixtures("impatient", "over_at_the_end")
async def test_a_vendor_that_hangs_is_not_waited_for_for_ever(anyone: Chat, sandbox: Sandbox) -> None:
    """Answers that nobody waited for count, too: when they keep failing, the vendor is left alone for a while."""
    sandbox.fault("altegio", status=500, delay_ms=700)
    for _ in range(3):  # two shops each
        assert CARDS not in await show(anyone)
        await until(lambda: nobody_is_asked(anyone.bot))
    asked = len(sandbox.calls("altegio"))
    assert CARDS not in await show(anyone)

    assert len(sandbox.calls("altegio")) == asked


async def test_gifts_that_were_never_read_are_not_counted(friend: Chat, sandbox: Sandbox) -> None:
    """Nobody knows whether there are any, and that is said."""
    await give_points(friend, 30)
    sandbox.fault("mantago", status=500)
    shown = await show(friend)

    assert shown == {POINTS: "30"}
    assert out_of_reach(friend, "the gift service")


async def test_one_shop_that_is_down_leaves_the_others_cards(owner: Chat, sandbox: Sandbox) -> None:
    """What can be told is told, and that it is not all."""
    sandbox.fault("altegio", status=500, times=1)  # whichever shop is asked first
    shown = await show(owner)

    assert shown[CARDS] in {"1", "2"}
    assert (
        owner._.ngettext("%(n)s branch could not be read right now.", "%(n)s branches could not be read right now.", 1)
        in owner.text
    )


async def test_everything_down_leaves_what_is_our_own(owner: Chat, sandbox: Sandbox) -> None:
    """Vouchers and points are in our own books; the gifts are those of the last visit."""
    await show(owner)
    for vendor in ("mantago", "altegio", "gotit"):
        sandbox.fault(vendor, status=500)
    shown = await show(owner)

    assert (shown[TICKETS], shown[VOUCHERS], CARDS in shown) == ("3", "1", False)
    assert out_of_reach(owner, "the gift card service")
    assert owner.said("Updated %(time)s", time=owner._.time(owner.bot.clock() - timedelta(seconds=61)))


async def test_everything_down_for_somebody_without_anything_is_an_outage(chat: Chat, sandbox: Sandbox) -> None:
    """Not "no gifts yet": nobody knows that. One tap tries again."""
    for vendor in ("mantago", "altegio"):
        sandbox.fault(vendor, status=500)
    await chat.say("gifts")
    assert chat.said(
        "We can't reach %(service)s right now. Nothing is lost — please try again shortly.",
        service=chat._("the gift service"),
    )

    sandbox.clear_faults()
    chat.bot.mend()
    await chat.tap("Try again")
    assert chat.said("No gifts yet. Join a campaign or redeem a code to get some.")


async def test_refused_credentials_are_told_to_staff(anyone: Chat, bot: Bot, sandbox: Sandbox) -> None:
    """The customer reads that it cannot be reached; who can mend it reads why."""
    staff = bot.chat("line", "staff")
    sandbox.fault("altegio", status=401)
    shown = await show(anyone)
    await bot.quiet()

    assert CARDS not in shown
    [alert] = staff.look()
    assert "Altegio" in alert.message["text"]


async def test_the_only_vendor_is_waited_for(open_chat: OpenChat, sandbox: Sandbox) -> None:
    """There is nothing else to show meanwhile."""
    chat = open_chat("yu")
    chat.bot.desk(overview_waits=0.05, shows_vouchers=False, shows_cards=False)
    chat.bot.having(apis=replace(chat.bot.turns.apis, gotit=None, altegio=None))
    sandbox.fault("mantago", delay_ms=200)
    await chat.say("gifts")

    assert list(sums(chat)) == [TICKETS, GIFTS]
    assert sums(chat)[TICKETS] == "3"


# ── what is new ──────────────────────────────────────────────────────────────────────────────────


def new(chat: Chat, count: int) -> bool:
    """Whether the badge says so many."""
    return chat._.ngettext("%(n)s new", "%(n)s new", count) in chat.text


async def test_the_first_visit_finds_nothing_new(open_chat: OpenChat) -> None:
    """Everything would be."""
    chat = open_chat("yu")
    await chat.say("gifts")

    assert sums(chat)
    assert not re.search(r"\bnew\b|新增|項新", chat.text)


async def test_what_came_since_the_last_visit_is_counted(friend: Chat) -> None:
    """Once: the next visit has seen it."""
    held = [gift("Old", "lotteryGame", friend.bot.clock())]
    give(friend, physicalGifts=held)
    await show(friend)
    friend.bot.ahead(hours=1)
    give(
        friend,
        physicalGifts=[gift("New", "lotteryGame", friend.bot.clock()), *held],
        tickets=[{"createdAt": friend.bot.clock().isoformat()}],
    )
    await show(friend)
    assert new(friend, 2)

    await show(friend)
    assert sums(friend)
    assert not new(friend, 2)


async def test_what_came_after_the_shown_list_was_asked_for_is_new(friend: Chat) -> None:
    """A second look within half a minute shows the kept list: what came meanwhile was not on it."""
    held = [gift("Old", "lotteryGame", friend.bot.clock())]
    give(friend, physicalGifts=held)
    await show(friend)
    friend.bot.ahead(seconds=10)
    give(friend, physicalGifts=[gift("New", "lotteryGame", friend.bot.clock()), *held])
    friend.bot.ahead(seconds=10)
    await friend.say("gifts")
    assert sums(friend)[GIFTS] == "1"

    await show(friend)
    assert sums(friend)[GIFTS] == "2"
    assert new(friend, 1)


async def test_an_outage_forgets_nothing_that_is_new(friend: Chat, sandbox: Sandbox) -> None:
    """The kept list was seen before; what came since is counted once it can be read."""
    held = [gift("Old", "lotteryGame", friend.bot.clock())]
    give(friend, physicalGifts=held)
    await show(friend)
    friend.bot.ahead(hours=1)
    give(friend, physicalGifts=[gift("New", "lotteryGame", friend.bot.clock()), *held])
    sandbox.fault("mantago", status=500)
    await show(friend)
    assert not new(friend, 1)

    sandbox.clear_faults()
    friend.bot.mend()
    await show(friend)
    assert new(friend, 1)

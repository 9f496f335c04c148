"""Receipts: what a code brought and where it leads; and the history of what was redeemed, received and exchanged."""

from __future__ import annotations

import re

import asyncpg
import pytest
from chat import Bot, Chat, buttons_of

from bot.storage import claims, rewards
from bot.storage.rewards import Grant
from conversations.test_privacy import add_issue
from conversations.test_vouchers import confirm, exchange, give
from handlers.receipts import ShowReceipts
from handlers.views.codes import MOST_ROWS, NAME_LETTERS

GOLD = 1  # the reward of WELCOME2026
GOING_BACK = "\u202e"


async def customer_of(chat: Chat) -> int:
    return int(await chat.bot.pool.fetchval("SELECT id FROM customers WHERE person LIKE $1", f"%:{chat.user}"))


async def ref_of(tables: asyncpg.Pool) -> str:
    """The reference of the newest claim."""
    return str(await tables.fetchval("SELECT ref FROM claims ORDER BY id DESC LIMIT 1"))


async def rename(tables: asyncpg.Pool, names: list[str]) -> None:
    """The rewards of every claim, as its vendor might have called them."""
    found = [{"name": name, "type": "item"} for name in names]
    await tables.execute("UPDATE claims SET snapshot = snapshot || $1::jsonb", {"rewards": found})


# ── long rewards ─────────────────────────────────────────────────────────────────────────────────


async def test_twelve_rewards_are_counted_and_listed(friend: Chat) -> None:
    """The title says the first and how many; eight have a row each, and one tap shows all."""
    await friend.say("BIGBAG2026")

    many = ("%(name)s and more: %(n)s reward", "%(name)s and more: %(n)s rewards")
    assert friend._.ngettext(*many, 12, name="金幣 100") in friend.text
    assert "粽子造型（永久）" in friend.text
    [claim] = await claims.of_customer(friend.bot.pool, await customer_of(friend))
    names = [reward["name"] for reward in claim.snapshot["rewards"]]
    assert [name for name in names if name not in friend.text] == names[MOST_ROWS:]

    await friend.tap("All rewards")
    assert [name for name in names if name not in friend.text] == []

    await friend.tap("The receipt")
    assert claim.ref in friend.text and names[-1] not in friend.text


async def test_endless_names_fit_and_no_title_is_cut(friend: Chat, tables: asyncpg.Pool) -> None:
    """Forty rewards of 3,000 characters, with marks that turn a text around; the platforms take every message."""
    names = [f"{GOING_BACK}{nr} {'獎' * 3000}" for nr in range(40)]
    await friend.say("WELCOME2026")
    await rename(tables, names)
    ref = await ref_of(tables)

    await friend.say(ref)
    title = friend._.ngettext("%(n)s reward", "%(n)s rewards", 40)
    assert title in friend.text.splitlines()
    assert friend.text.count("獎" * (NAME_LETTERS - 10)) == MOST_ROWS

    seen = set[str]()
    await friend.tap("All rewards")
    for _ in range(2):
        seen |= set(re.findall(r"(\d+) 獎{50}", friend.text))
        assert GOING_BACK not in friend.text and "獎" * NAME_LETTERS not in friend.text
        if friend._("Next page") in friend.buttons:
            await friend.tap("Next page")
    assert seen == {str(nr) for nr in range(40)}

    await friend.say("my receipts")
    assert title in friend.text
    assert await tables.fetchval("SELECT count(*) FROM events WHERE held_at IS NOT NULL") == 0


@pytest.mark.parametrize(
    ("names", "title", "rows"),
    [
        (["金幣 100"], "金幣 100", []),
        ([f"{GOING_BACK}\u200b", "金幣 100"], "金幣 100", []),
        (["x" * 50], "1", ["x" * 50]),
    ],
)
async def test_one_reward_is_the_title_unless_it_is_too_long(
    bot: Bot, tables: asyncpg.Pool, names: list[str], title: str, rows: list[str]
) -> None:
    """What cannot be seen is no reward."""
    chat = bot.chat("line", language="en")
    await chat.say("WELCOME2026")
    await rename(tables, names)

    await chat.say(await ref_of(tables))

    wanted = title if title != "1" else chat._.ngettext("%(n)s reward", "%(n)s rewards", 1)
    assert wanted in chat.texts
    assert [text for text in chat.texts if text in rows] == rows
    assert chat.texts.count("金幣 100") <= 1


# ── where a receipt leads ────────────────────────────────────────────────────────────────────────


async def test_points_of_a_code_show_the_new_balance_and_lead_to_what_they_buy(
    friend: Chat, tables: asyncpg.Pool
) -> None:
    """Not to a list of gifts that has nothing of it; the old receipt says no balance, which is another one by then."""
    await rewards.put(tables, GOLD, Grant(points=150))
    await give(friend, tables, 20)

    await friend.say("WELCOME2026")

    assert (friend._("Points now"), "170") in pairs(friend)
    assert {friend._("Vouchers"), friend._("My receipts")} <= set(friend.buttons)
    assert friend._("My gifts") not in friend.buttons
    await friend.say("WELCOME2026")
    assert friend._("Points now") not in friend.text and friend._("My receipts") in friend.buttons


async def test_a_voucher_of_a_code_is_one_tap_away(friend: Chat, tables: asyncpg.Pool) -> None:
    """Its own card."""
    offer = {"name": "Voucher Highlands Coffee 100k", "brand": "Highlands", "image": "", "price_value": 100_000}
    await rewards.put(tables, GOLD, Grant(gift_id=422, price_id=1899, offer=offer))
    await friend.say("WELCOME2026")

    await friend.tap("See the voucher")

    assert friend.said("Done ✅")
    assert str(await tables.fetchval("SELECT ref FROM issues")) in friend.text


# ── vouchers: how they come ──────────────────────────────────────────────────────────────────────


async def test_a_voucher_that_was_paid_says_how_it_comes(rich: Chat, tables: asyncpg.Pool) -> None:
    """In the brand's words, with what was paid and is left; one tap asks a person who knows which one is meant."""
    rich.bot.desk(delivery={rich.tag: "24 小時內簡訊 by SMS"})
    await exchange(rich)

    assert "24 小時內簡訊 by SMS" in rich.text
    assert (rich._("Points after"), "150") in pairs(rich)
    assert rich._("My receipts") in rich.buttons
    ref = str(await tables.fetchval("SELECT ref FROM issues"))
    await rich.tap("Ask us")
    assert rich.said("Your question is about %(ref)s.", ref=ref)
    told = await tables.fetch("SELECT recipient, outcome FROM pushes WHERE key LIKE 'alert:human:%' || $1 || '%'", ref)
    assert len(told) >= 1


async def test_the_vendors_link_is_how_it_comes(rich: Chat) -> None:
    """Then nothing else is promised."""
    rich.bot.desk(delivery={rich.tag: "24 小時內簡訊 by SMS"})
    item = {"product_id": 422, "product_name": "Voucher", "quantity": 1, "link": "https://gotit.vn/v/abc"}
    answer = {"statusCode": 200, "statusMessage": "", "data": {"transaction_id": "T-1", "items": [item]}}
    data = await confirm(rich)
    rich.bot.sandbox.fault("gotit:POST /api/rewardhub/v1.0/gifts/issue", status=200, body=answer)
    await rich.do(rich.phone.taps(data, "Confirm"))

    assert "24 小時內簡訊 by SMS" not in rich.text
    assert "https://gotit.vn/v/abc" in str([item.message for item in rich.shown])


@pytest.fixture
async def rich(friend: Chat, tables: asyncpg.Pool) -> Chat:
    """A customer with 250 points."""
    await give(friend, tables, 250)
    return friend


# ── the history ──────────────────────────────────────────────────────────────────────────────────


async def test_the_history_holds_everything_newest_first(rich: Chat, tables: asyncpg.Pool) -> None:
    """What was redeemed, exchanged, given and taken back; each opens what it is about."""
    await rich.say("WELCOME2026")
    await exchange(rich)
    await rich.say("BIGBAG2026")
    ref = await ref_of(tables)
    async with tables.acquire() as connection, connection.transaction():
        undo = rich.bot.turns.services.redemption.undo
        await undo(connection, ref, by="amy", all_points=True, now=rich.bot.clock())
    await rich.do()

    await rich.say("兌換紀錄" if rich.tag != "en" else "my receipts")

    details = dict.fromkeys(data for label, data in all_buttons(rich) if label == rich._("Details"))
    opened = []
    for data in details:
        await rich.do(rich.phone.taps(data))
        opened.append(rich.text)
    gone, paid, kept, given = opened
    assert ref in gone and rich._("Taken back") in gone
    assert rich._("Done ✅") in paid and "Highlands" in paid
    assert "WELC••••26" in kept and rich._("Taken back") not in kept
    assert rich._("Your points") in given


async def test_the_history_of_years_is_paged_to_its_end(friend: Chat, tables: asyncpg.Pool) -> None:
    """All of it can be reached, also beyond five hundred, and a page costs one read. An old button still works."""
    await friend.say("WELCOME2026")
    await tables.execute(
        "INSERT INTO claims (ref, code_id, person_hash, nth, customer_id, event_id, snapshot, claimed_at) "
        "SELECT 'R-' || n, n, person_hash, 1, customer_id, event_id, snapshot || jsonb_build_object('group', ''), "
        "claimed_at - n * interval '1 s' FROM claims, generate_series(100000, 100599) n"
    )
    size = friend.bot.turns.brands[friend.channel].list_page
    seen = set[str]()
    await friend.say("my receipts")
    for page in range(-(-601 // size)):
        seen |= {data for _, data in all_buttons(friend) if ".receipt." in data}
        position = friend._("Page %(page)s of %(pages)s", page=page + 1, pages=-(-601 // size))
        assert position in friend.text
        if page % 10 == 9:
            friend.bot.ahead(minutes=1)  # Who taps faster is asked to wait.
        if friend._("Next page") in friend.buttons:
            await friend.tap("Next page")
    assert len(seen) == 601

    packer = friend.bot.turns.dispatcher.packer
    person = await tables.fetchval("SELECT person FROM customers")
    old = packer.pack(ShowReceipts(page=7), person=person, now=friend.bot.clock())
    await friend.do(friend.phone.taps(old))
    assert friend._("Page %(page)s of %(pages)s", page=63 // size + 1, pages=-(-601 // size)) in friend.text


async def test_nobody_sees_what_is_anothers(bot: Bot, tables: asyncpg.Pool) -> None:
    """An undone claim's reference reads like one that does not exist."""
    one, other = bot.chat("line", language="en"), bot.chat("line", language="en")
    await one.say("WELCOME2026")
    ref = await ref_of(tables)
    await other.say("menu")
    async with tables.acquire() as connection, connection.transaction():
        undo = bot.turns.services.redemption.undo
        await undo(connection, ref, by="amy", all_points=True, now=bot.clock())
    await bot.quiet()

    await one.say(ref)
    assert one.said("Taken back")
    await other.say(ref)
    assert other.said("I couldn't find %(ref)s among your receipts.", ref=ref)
    await other.say("my receipts")
    assert other.said("No receipts yet. What you redeem here is kept for you.")


async def test_a_gift_on_its_way_is_no_news_yet(friend: Chat, tables: asyncpg.Pool) -> None:
    """Nobody expects it, and it may never come; once it has, it is there."""
    await tables.execute(
        """
        INSERT INTO issues (ref, key, request_id, kind, state, customer_id, recipient, issuer, gift_id, price_id, cost,
            offer) VALUES ('R-G1FT00', 'k', 'k', 'staff', 'unknown', $1, 'C-1', '7', 1, 2, 0, $2)
        """,
        await customer_of(friend),
        {"name": "Highlands Coffee 100k", "brand": "Highlands", "image": "", "price_value": 100000},
    )
    await friend.say("my receipts")
    assert friend.said("No receipts yet. What you redeem here is kept for you.")
    await friend.say("my vouchers")
    assert "Highlands Coffee 100k" not in friend.text

    await tables.execute("UPDATE issues SET state = 'done'")
    await friend.say("my vouchers")
    assert "Highlands Coffee 100k" in friend.text
    await friend.say("my receipts")
    assert "Highlands Coffee 100k" in friend.text and friend.said("A gift from us")


async def test_ones_own_vouchers_hold_still_on_their_pages(friend: Chat, tables: asyncpg.Pool) -> None:
    """Forty are all there, newest first, each once; one that comes meanwhile moves none of them."""
    mine = await customer_of(friend)
    for number in range(40):
        await add_issue(tables, mine, "done", f"R-{number:06}")
    await friend.say("my vouchers")
    seen = opened(friend)
    await add_issue(tables, mine, "done", "R-999999")
    while friend._("Next page") in friend.buttons:
        await friend.tap("Next page")
        seen += opened(friend)

    assert seen == [f"R-{number:06}" for number in reversed(range(40))]
    for part, there in (("zzz", False), ("highl", True)):
        await friend.tap("Search")
        await friend.say(part)
        assert ("Highlands Coffee 100k" in friend.text) is there
        assert friend.said("Nothing found for “%(query)s”.", query=part) is not there


def opened(chat: Chat) -> list[str]:
    """The references that the lines of a list open."""
    found = (re.findall("R-[0-9]{6}", data) for _label, data in all_buttons(chat))
    return list(dict.fromkeys(refs[0] for refs in found if refs))


def pairs(chat: Chat) -> list[tuple[str, str]]:
    """Labels and values on screen, on whichever channel."""
    found = [
        tuple(re.split("[:：] ?", line, maxsplit=1)) for line in chat.text.splitlines() if re.search("[:：]", line)
    ]
    return [*zip(chat.texts, chat.texts[1:], strict=False), *((pair[0], pair[1]) for pair in found)]


def all_buttons(chat: Chat) -> list[tuple[str, str]]:
    """Every button on screen, also those with the same label."""
    return [pair for item in chat.shown for pair in buttons_of(item.message)]

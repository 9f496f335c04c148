"""Who stands there: by the one-time code that they show, or by a phone that was proven at the counter."""

from __future__ import annotations

import re
from datetime import timedelta

import asyncpg
import pytest
from chat import Bot, Chat
from conversations.proving import PHONE, link
from hiring import make_member

from admin.conftest import speaking
from admin.counter import arrive, press, ref_of, row_of, trail
from bot.services.digest import digest
from bot.services.linking import LAPSES_AFTER
from bot.services.staffing import Actor
from bot.services.trail import Notes
from bot.storage import audit, counts, staff
from bot.storage.counts import first_day
from handlers.admin.customers import PHONES_A_DAY

CODE = re.compile(r"(?<![0-9A-Z-])[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}(?![0-9A-Z-])")
NOBODYS = (
    "That code is nobody's now: it is mistyped, used, or older than five minutes. [My code] gives the customer a "
    "new one."
)
WAIT = "Five wrong codes within an hour: please wait, or let somebody else of the staff do it."
NO_PHONE = "Nobody has this phone linked at the counter, or used it within a year."
ROLE = "With your role, a customer is found by the code that they show: [My code] on their overview."


async def my_code(customer: Chat) -> str:
    """What the customer shows: two taps from anywhere."""
    await customer.say("my gifts" if customer.tag == "en" else "我的獎品")
    await customer.tap("My code")
    found = CODE.search(customer.text)
    assert found, customer.text
    return found[0]


async def waiter(bot: Bot, role: str, channel: str = "line") -> Chat:
    """A member on a channel of their own, in English."""
    chat = await speaking(bot.chat(channel, language="en"))
    name = f"{role}-{chat.user[-4:].lower()}"
    await make_member(bot.pool, channel, chat.user, name, role, bot.clock())
    return chat


# ── by what they show ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", ["zh-TW", "en"])
@pytest.mark.parametrize(("shows", "scans"), [("line", "messenger"), ("messenger", "line"), ("instagram", "instagram")])
async def test_a_customer_is_known_by_the_code_that_they_show(bot: Bot, shows: str, scans: str, language: str) -> None:
    """Whichever channels the two are on; once."""
    customer, member = await arrive(bot, shows, language), await waiter(bot, "staff", scans)
    code = await my_code(customer)
    assert customer.said("Show it to our staff: they see who you are here, and what you have.")
    ref = await ref_of(customer)

    await member.say(f"/who {code}")
    assert ref in member.text
    await member.tap("Wallet")
    assert ref in member.text
    (line, _wallet) = [row["line"] for row in await bot.pool.fetch("SELECT line FROM audit ORDER BY n")]
    assert code not in line

    await member.say(f"/who {code}")
    assert member.said(NOBODYS)


async def test_a_code_is_read_as_people_type_it(bot: Bot) -> None:
    """With a blank, small, wide, or O for 0."""
    customer, member = await arrive(bot, "line", "en"), await waiter(bot, "staff")
    for typed in (str.lower, lambda code: code.replace("-", " "), lambda code: code.replace("0", "o")):
        code = await my_code(customer)
        await member.say(f"/who {typed(code)}")

        assert await ref_of(customer) in member.text, typed(code)


async def test_wrong_used_and_old_codes_read_the_same(bot: Bot) -> None:
    """Byte for byte, and leave the same behind; five an hour are enough, and then a right one is not looked at."""
    customer, member = await arrive(bot, "line", "en"), await waiter(bot, "staff")
    used, old = await my_code(customer), await my_code(customer)
    await member.say(f"/who {used}")
    bot.ahead(minutes=5, seconds=1)
    said = []
    for code in (used, old, "K7PQ-4M2X"):
        await member.say(f"/who {code}")
        said.append(str([item.message for item in member.shown]).replace(code, ""))
    texts = [re.sub(r"v1\.[^'\"]*|'id': '[^']*'", "", each) for each in said]
    assert member.said(NOBODYS) and "K7PQ" not in member.text
    assert len(set(texts)) == 1
    results = {(row["result"], row["target"], row["customer"]) for row in (await trail(bot, "who"))[1:]}
    assert results == {("not found", None, None)}

    for _ in range(2):
        await member.say("/who K7PQ-4M2Y")
    right = await my_code(customer)
    await member.say(f"/who {right}")
    assert member.said(WAIT)
    bot.ahead(hours=1)
    right = await my_code(customer)
    await member.say(f"/who {right}")
    assert await ref_of(customer) in member.text


async def test_a_code_that_customers_redeem_is_still_found(bot: Bot) -> None:
    """Eight symbols may be either; what is redeemed counts as no wrong code."""
    await bot.pool.execute("DELETE FROM misses")
    member = await waiter(bot, "staff")
    bot.sandbox.poshen.codes[99].code = "GARDEN26"
    customer = await arrive(bot, "line", "en")
    await customer.say("redeem GARDEN26")

    await member.say("/who GARDEN26")

    assert await ref_of(customer) in member.text
    assert await bot.pool.fetchval("SELECT count(*) FROM misses") == 0


async def test_wrong_codes_count_while_poshen_is_down(bot: Bot) -> None:
    """Nobody knows then whether it is a code to redeem, and that is said."""
    member = await waiter(bot, "staff")
    bot.sandbox.fault("poshen", status=503)
    await member.say("/who K7PQ-4M2X")
    assert member.said(NOBODYS)
    assert member.said("%(vendor)s cannot be reached right now. Nothing was changed.", vendor="Poshen")
    for _ in range(5):
        await member.say("/who K7PQ-4M2Y")

    assert member.said(WAIT)


async def test_two_members_who_scan_one_code_are_two_answers(bot: Bot) -> None:
    """One of them sees the customer, at the same time or not; redelivered, it is the same answer."""
    customer = await arrive(bot, "line", "en")
    one, two = await waiter(bot, "staff"), await waiter(bot, "staff", "messenger")
    code, ref = await my_code(customer), await ref_of(customer)
    scan = one.phone.says(f"/who {code}")
    for webhook in (scan, two.phone.says(f"/who {code}"), scan):
        assert bot.post(webhook) == 200
    await bot.quiet()

    one.look(), two.look()
    assert sorted([ref in one.text, ref in two.text]) == [False, True]
    assert len(one.shown) == len(two.shown) == 1


# ── by their phone ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("typed", ["0912345678", "0912 345 678", "+886 912-345-678", "０９１２３４５６７８"])
async def test_a_phone_that_was_proven_at_the_counter_is_found(
    bot: Bot, typed: str, tables: asyncpg.Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    """And stands nowhere: not in the answer, the trail, a table or the log."""
    customer, member = await arrive(bot, "line", "en"), await waiter(bot, "staff")
    await link(customer)
    await member.say(f"/who {typed}")

    assert await ref_of(customer) in member.text
    assert (await trail(bot, "who"))[0]["target"] == audit.BY_PHONE
    for table in ("audit", "customers", "events", "pushes", "misses", "staff"):
        kept = re.sub(r"[ -]", "", str([tuple(row) for row in await tables.fetch(f"SELECT * FROM {table}")]))
        assert "912345678" not in kept, table
    assert "912345678" not in re.sub(r"[ -]", "", capsys.readouterr().out)
    assert "912345678" not in re.sub(r"[ -]", "", str([item.message for item in member.shown]))


async def test_none_lapsed_and_unproven_read_alike(bot: Bot) -> None:
    """A number gets new owners, and a platform's word is not the counter's."""
    customer, member = await arrive(bot, "line", "en"), await waiter(bot, "staff")
    await member.say(f"/who {PHONE}")
    nobody = member.text
    assert member.said(NO_PHONE)
    await link(customer)
    await bot.pool.execute("UPDATE links SET assurance = 'platform'")
    await member.say(f"/who {PHONE}")
    assert member.text == nobody
    last = bot.clock() - LAPSES_AFTER - timedelta(seconds=1)
    await bot.pool.execute("UPDATE links SET assurance = 'staff_code', used_at = $1", last)

    await member.say(f"/who {PHONE}")

    assert member.text == nobody
    assert [row["result"] for row in await trail(bot, "who")] == ["not found"] * 3


async def test_one_phone_on_two_channels_is_two_chats(bot: Bot) -> None:
    """They are listed without what identifies anybody; a tap opens one."""
    one, two = await arrive(bot, "line", "en"), await arrive(bot, "messenger", "en")
    await link(one)
    await link(two)
    member = await waiter(bot, "staff")
    await member.say(f"/who {PHONE}")
    assert member.said("Which chat?")
    refs = {await ref_of(one), await ref_of(two)}
    assert refs < set(member.buttons)

    await member.tap(await ref_of(two))

    assert "Messenger" in member.text


async def test_thirty_phones_a_day_are_enough_and_owners_hear_of_them(bot: Bot, boss: Chat) -> None:
    """Found or not; another member is not held up by it."""
    member, other = await waiter(bot, "staff"), await waiter(bot, "staff")
    await member.say("/whoami")
    await member.say(f"/who {PHONE}")
    number = await bot.pool.fetchval("SELECT staff_id FROM audit WHERE action = 'who'")
    async with bot.pool.acquire() as connection, connection.transaction():
        trail_, actor = bot.turns.services.trail, bot.turns.services.staffing
        row = await staff.by_id(connection, number)
        assert row is not None
        for _ in range(PHONES_A_DAY - 1):
            notes = Notes(target=audit.BY_PHONE)
            await trail_.write(
                connection,
                Actor(row.id, row.name, actor.role_of(row), row.channel),
                action="who",
                line="/who •••",
                notes=notes,
                now=bot.clock(),
            )
    await member.say(f"/who {PHONE}")
    assert member.said(
        "You have looked up %(n)s phones within a day. Somebody else can do the next one.", n=PHONES_A_DAY
    )
    await other.say(f"/who {PHONE}")
    assert other.said(NO_PHONE)
    day = first_day(bot.clock(), 1, boss._.zone)
    deeds = await counts.by_hand(bot.pool, day, day + timedelta(days=2))
    assert {each.name: each.phones for each in deeds} == {
        row.name: PHONES_A_DAY + 1,
        (await trail(bot, "who"))[-1]["actor"]: 1,
    }
    assert boss._.ngettext("%(n)s phone looked up", "%(n)s phones looked up", 1) in digest(boss._, day, deeds)


# ── what each role sees ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("role", "taps"),
    [
        ("staff", {"Wallet", "Link a phone", "Send voucher"}),
        ("manager", {"Wallet", "Points", "Link a phone", "Send voucher"}),
        ("owner", {"Wallet", "Points", "Link a phone", "Send voucher"}),
    ],
)
async def test_the_card_has_the_taps_that_its_reader_may_use(bot: Bot, role: str, taps: set[str]) -> None:
    """What a counter needs, and each leads where it says."""
    customer, member = await arrive(bot, "line", "en"), await waiter(bot, role)
    await member.say(f"/who {await my_code(customer)}")
    shown = {label for label in member.buttons if not re.match(r"[CR]-|Commands|Hand over", label)}
    assert shown == taps
    card = member.buttons

    for label in taps:
        await member.do(member.phone.taps(card[label], label))
        wanted = "What is the phone number" if label == "Link a phone" else await ref_of(customer)
        assert wanted in member.text, label
        assert "This command needs" not in member.text


async def test_the_counter_knows_customers_by_their_code_alone(bot: Bot) -> None:
    """Not by number, receipt, phone or code; and of them it sees who they are here, and nothing they have."""
    customer, member = await arrive(bot, "line", "en"), await waiter(bot, "counter")
    await link(customer)
    await customer.say("WELCOME2026")
    receipt = await bot.pool.fetchval("SELECT ref FROM claims")
    for typed in (await ref_of(customer), receipt, PHONE, "WELCOME2026", "last"):
        await member.say(f"/who {typed}")
        assert member.said(ROLE), typed
        assert "9123" not in str(await trail(bot, "who"))

    await member.say(f"/who {await my_code(customer)}")

    assert await ref_of(customer) in member.text
    assert "Points" not in member.text and "Phone" not in member.text
    assert set(member.buttons) == {"Commands"}  # The customer's number alone opens nothing to them.


async def test_viewers_and_outsiders_learn_nothing(bot: Bot) -> None:
    """The code is still good afterwards."""
    customer, viewer, member = await arrive(bot, "line", "en"), await waiter(bot, "viewer"), await waiter(bot, "staff")
    stranger, other = await arrive(bot, "line", "en"), await arrive(bot, "line", "en")
    code = await my_code(customer)
    await viewer.say(f"/who {code}")
    assert viewer.said("This command needs %(needed)s, and you are %(role)s.", needed="staff", role="viewer")
    await stranger.say(f"/who {code}")
    await other.say("/who K7PQ-4M2X")
    assert stranger.text == other.text and await ref_of(customer) not in stranger.text

    await member.say(f"/who {code}")
    assert await ref_of(customer) in member.text
    await press(member, f"/who {await ref_of(customer)}")
    assert await ref_of(customer) in member.text


async def test_deleting_ones_data_ends_ones_code(bot: Bot) -> None:
    """Nobody is there any more."""
    customer, member = await arrive(bot, "line", "en"), await waiter(bot, "staff")
    code = await my_code(customer)
    await bot.turns.services.counter_codes.forget(bot.pool, (await row_of(customer)).id or 0)

    await member.say(f"/who {code}")

    assert member.said(NOBODYS)

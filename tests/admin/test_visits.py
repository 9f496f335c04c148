"""Visits: points for coming by, once for each person within some hours, by whoever stands there."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from chat import Bot, Chat
from conversations.proving import link

from admin.conftest import Hire
from admin.counter import account, arrive, counting_visits, member_id, open_store, ref_of, row_of, shown_code, trail

WORTHLESS = "That code is worth nothing now: each works once, for five minutes. Ask for a new one."


@pytest.fixture
async def customer(bot: Bot, channel: str, language: str) -> Chat:
    """Somebody who comes by, at a brand that gives ten points for it."""
    counting_visits(bot)
    return await arrive(bot, channel, language)


async def visit(member: Chat, whom: str) -> None:
    await member.say(f"/visit {whom}")
    await member.tap("Count the visit")


async def forget(customer: Chat) -> None:
    """They have their data deleted."""
    await customer.say("delete my data")
    await customer.tap("Yes, delete")
    await customer.say("DELETE")
    assert customer.said("Deleted. Thank you for having been here.")


async def test_the_counter_counts_a_visit_by_the_code_that_is_shown(bot: Bot, hire: Hire, customer: Chat) -> None:
    """Previewed with what there would be; the customer is told, the ledger and the trail know who and where."""
    pat = await hire("counter", "pat")
    store = await open_store(bot, "信義店", pat)
    code = await shown_code(bot, customer)
    await pat.say(f"/visit {code}")
    assert pat.said("Then") and "信義店" in pat.text and await account(customer) == (0, 0)

    await pat.tap("Count the visit")

    assert await account(customer) == (10, 0)
    customer.look()
    _ = customer._
    assert (
        _.ngettext(
            "👋 Thanks for coming by: %(n)s point for you.", "👋 Thanks for coming by: %(n)s points for you.", 10
        )
        in customer.text
    )
    row = await bot.pool.fetchrow("SELECT kind, available, actor, store_id FROM points")
    assert tuple(row) == ("visit", 10, str(await member_id(pat)), store)
    asked, done = await trail(bot, "visit")
    assert (asked["result"], done["result"], done["before"], done["after"]) == ("asked", "done", "0", "10")
    assert {(each["customer"], each["store"]) for each in (asked, done)} == {(await ref_of(customer), "信義店")}
    assert code not in asked["line"] + done["line"]
    await customer.tap("My receipts")
    assert customer.said("Visit")


async def test_the_tile_of_the_counter_asks_for_the_code(bot: Bot, hire: Hire, customer: Chat) -> None:
    """Only in their menu: the others have it beside the customer. Where visits are off there is none."""
    pat, amy = await hire("counter", "pat"), await hire("staff", "amy")
    await amy.say("/")
    assert amy._("Count a visit") not in "".join(amy.buttons)
    await pat.say("/")
    await pat.tap("Count a visit")
    await pat.say((await shown_code(bot, customer)).lower().replace("-", " "))
    await pat.tap("Count the visit")
    assert await account(customer) == (10, 0) and pat._("Show") not in pat.buttons

    counting_visits(bot, worth=0)
    await pat.say("/")
    assert pat._("Count a visit") not in "".join(pat.buttons)


async def test_staff_count_a_visit_by_number_and_the_counter_by_the_code_alone(
    bot: Bot, hire: Hire, customer: Chat
) -> None:
    """A number can be read off a receipt by anybody; whether there is one is told to nobody without the right."""
    pat, amy = await hire("counter", "pat"), await hire("staff", "amy")
    for whom in (await ref_of(customer), "C-000000", "last"):
        await pat.say(f"/visit {whom}")
        assert pat.said("With your role, a visit takes the code that the customer shows: [My code] on their overview.")
    await amy.say(f"/who {await ref_of(customer)}")

    await amy.tap("Count the visit")
    await amy.tap("Count the visit")

    assert await account(customer) == (10, 0)


async def test_a_person_is_counted_once_within_the_hours(bot: Bot, hire: Hire, customer: Chat) -> None:
    """Whatever found them; then again."""
    amy = await hire("staff", "amy")
    await visit(amy, await shown_code(bot, customer))
    for whom in (await shown_code(bot, customer), await ref_of(customer)):
        await amy.say(f"/visit {whom}")
        assert amy._("Count the visit") not in amy.buttons and await ref_of(customer) in amy.text

    bot.ahead(hours=20, minutes=1)
    await visit(amy, await shown_code(bot, customer))

    assert await account(customer) == (20, 0)


async def test_two_members_count_the_same_visit_at_once(bot: Bot, hire: Hire, customer: Chat) -> None:
    """One does, the other is told; ten times, so that they meet."""
    for _round in range(10):
        bot.ahead(hours=21)
        members = [await hire("staff") for _ in range(2)]
        for member in members:
            await member.say(f"/visit {await ref_of(customer)}")
        taps = [member.phone.taps(member.data_of("Count the visit")) for member in members]
        for tap in taps:
            assert bot.post(tap) == 200
        await bot.quiet()
        for member in members:
            member.look()
        counted = [
            member.said("The visit of %(customer)s is counted, and they are told.", customer=await ref_of(customer))
            for member in members
        ]
        assert sorted(counted) == [False, True]

    assert await account(customer) == (100, 0)


async def test_one_confirmation_is_one_visit(bot: Bot, hire: Hire, customer: Chat) -> None:
    """Redelivered, or tapped again and again; the service called twice with one key gives once."""
    amy = await hire("staff", "amy")
    await amy.say(f"/visit {await shown_code(bot, customer)}")
    tap = amy.phone.taps(amy.data_of("Count the visit"))
    await amy.do(tap, tap, *(amy.phone.taps(amy.data_of("Count the visit")) for _ in range(3)))
    assert await account(customer) == (10, 0)

    bot.ahead(hours=21)
    visits, row = bot.turns.services.visits, await row_of(customer)
    for _ in range(2):
        async with bot.pool.acquire() as connection, connection.transaction():
            after = await visits.count(connection, row, key="once", actor="1", store_id=None, now=bot.clock())
        assert getattr(after, "available", None) == 20
    assert await bot.pool.fetchval("SELECT count(*) FROM pushes WHERE key LIKE 'notice:visit:%'") == 2


async def test_a_member_counts_so_many_a_day(bot: Bot, hire: Hire, customer: Chat) -> None:
    """Somebody else can count the next one; tomorrow they can themself."""
    counting_visits(bot, per_day=1)
    amy, bob = await hire("staff", "amy"), await hire("staff", "bob")
    other = await arrive(bot, amy.channel, "en")
    refused = "You have counted as many visits as a day allows. Somebody else can count this one."
    await amy.say(f"/visit {await ref_of(customer)}")
    await visit(bob, await ref_of(other))
    await bob.say(f"/visit {await ref_of(customer)}")
    assert bob.said(refused)
    # What was previewed while there was one left is looked at again.
    await bot.pool.execute("UPDATE points SET actor = $1", str(await member_id(amy)))
    await amy.tap("Count the visit")
    assert amy.said(refused) and await account(customer) == (0, 0)

    bot.ahead(hours=25)
    await visit(amy, await ref_of(customer))
    assert await account(customer) == (10, 0)


async def test_nobody_visits_themself(bot: Bot, channel: str, language: str, hire: Hire, customer: Chat) -> None:
    """Nor with the same phone linked on another channel, and not when it was linked after the preview."""
    amy = await hire("staff", "amy")
    elsewhere = await arrive(bot, "messenger" if channel == "line" else "line", language)
    await amy.say(f"/visit {await shown_code(bot, amy)}")
    assert amy.said("%(customer)s is you. Somebody else of the staff has to do this.", customer=await ref_of(amy))
    await amy.say(f"/visit {await shown_code(bot, elsewhere)}")
    confirm = amy.data_of("Count the visit")
    await link(amy)
    await link(elsewhere)
    await amy.do(amy.phone.taps(confirm, "Count the visit"))

    assert await account(elsewhere) == (0, 0)


async def test_one_phone_on_two_channels_is_one_visitor(
    bot: Bot, channel: str, language: str, hire: Hire, customer: Chat
) -> None:
    """They show the code of each of their chats."""
    amy = await hire("staff", "amy")
    elsewhere = await arrive(bot, "messenger" if channel == "line" else "line", language)
    await link(customer)
    await link(elsewhere)
    await visit(amy, await shown_code(bot, customer))
    await amy.say(f"/visit {await shown_code(bot, elsewhere)}")

    assert amy._("Count the visit") not in amy.buttons
    assert (await account(customer), await account(elsewhere)) == ((10, 0), (0, 0))


async def test_deleting_ones_data_brings_no_second_visit(bot: Bot, hire: Hire, customer: Chat) -> None:
    """The keyed hash outlives the row."""
    amy = await hire("staff", "amy")
    await visit(amy, await shown_code(bot, customer))
    await forget(customer)
    await customer.say("english" if customer.tag == "en" else "中文")
    await amy.say(f"/visit {await shown_code(bot, customer)}")

    assert amy._("Count the visit") not in amy.buttons
    assert await account(customer) == (0, 0)


async def test_a_wrong_an_old_and_a_used_code_are_alike(bot: Bot, hire: Hire, customer: Chat) -> None:
    """And after five of them none is looked at for an hour."""
    amy = await hire("counter", "amy")
    used = await shown_code(bot, customer)
    await visit(amy, used)
    bot.ahead(hours=21)
    old = await shown_code(bot, customer)
    bot.ahead(minutes=5, seconds=1)
    said = set()
    for code in ("0000-0000", used, old, "nonsense", "7777-7777"):
        await amy.say(f"/visit {code}")
        said.add(amy.text)
    assert said == {said.copy().pop()} and amy.said(WORTHLESS)
    right = await shown_code(bot, customer)
    await amy.say(f"/visit {right}")
    assert amy.text in said

    bot.ahead(hours=1, seconds=1)
    await visit(amy, await shown_code(bot, customer))
    assert await account(customer) == (20, 0)


async def test_a_brand_without_visits_has_none(bot: Bot, hire: Hire, channel: str, language: str) -> None:
    """As it is when nothing is set."""
    member, somebody = await hire("staff"), await arrive(bot, channel, language)
    await member.say(f"/visit {await ref_of(somebody)}")

    assert member.said("Visits are not counted here: VISIT_POINTS is not set.")
    await member.say(f"/who {await ref_of(somebody)}")
    assert member._("Count the visit") not in member.buttons


async def test_the_customer_is_gone_before_the_tap(bot: Bot, hire: Hire, customer: Chat) -> None:
    """Nothing is counted for nobody."""
    amy = await hire("staff", "amy")
    ref = await ref_of(customer)
    await amy.say(f"/visit {ref}")
    await forget(customer)
    await amy.tap("Count the visit")

    assert amy.said("There is no customer %(customer)s.", customer=ref)
    assert await bot.pool.fetchval("SELECT count(*) FROM points") == 0


async def test_visits_stand_in_the_digest(bot: Bot, boss: Chat, hire: Hire, customer: Chat) -> None:
    """Beside whatever else was done by hand."""
    await visit(await hire("staff", "bob"), await ref_of(customer))
    await boss.say("/whoami")
    here = bot.clock().astimezone(bot.settings.zone)
    await bot.turns.services.digest.send(bot.pool, here.replace(hour=9) + timedelta(days=1))
    await bot.quiet()
    boss.look()

    assert f"bob: {boss._.ngettext('%(n)s visit', '%(n)s visits', 1)}" in boss.text


async def test_two_chats_of_one_phone_race(bot: Bot, channel: str, language: str, customer: Chat) -> None:
    """On both channels at once, both ways round: one visit, and nobody waits for ever."""
    elsewhere = await arrive(bot, "messenger" if channel == "line" else "line", language)
    await link(customer)
    await link(elsewhere)
    rows = [await row_of(customer), await row_of(elsewhere)]

    async def count(number: int, at: timedelta) -> bool:
        async with bot.pool.acquire() as connection, connection.transaction():
            counted = await bot.turns.services.visits.count(
                connection, rows[number % 2], key=f"{at}{number}", actor="1", store_id=None, now=bot.clock() + at
            )
        return hasattr(counted, "available")

    for day in range(5):
        counted = await asyncio.gather(*(count(number, timedelta(days=day)) for number in range(6)))
        assert sum(counted) == 1

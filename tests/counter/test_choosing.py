"""A member who knows a customer in another way than by a thing's code chooses what is handed over."""

from __future__ import annotations

from datetime import timedelta

from admin.counter import open_store
from chat import Bot

from counter.standing import NAME, Counter, arrive, give, hire, ref_of, thermos

OTHER_ROOM = "%(customer)s is you. Somebody else of the staff has to do this."


async def test_a_member_chooses_for_the_customer(counter: Counter) -> None:
    """On every channel and mixed, in both languages: the list, the preview, the hand-over; then it is not listed."""
    customer, member = counter.customer, counter.member
    give(customer, physicalGifts=[thermos(counter.bot), thermos(counter.bot, "Umbrella", 1)])
    ref = await ref_of(customer)
    await member.say(f"/use {ref}")
    assert member.said("What is handed over to %(customer)s?", customer=ref)
    assert {NAME, "Umbrella"} <= set(member.buttons)
    await member.tap(NAME)
    assert NAME in member.text and await counter.rows() == []
    await member.tap("Hand over")
    assert await counter.standing() == 1
    await member.say(f"/use {ref}")
    assert NAME not in member.buttons and "Umbrella" in member.buttons


async def test_a_day_is_listed_while_one_of_its_tickets_is_left(here: Counter) -> None:
    """And equal gifts as long as one of them is."""
    day = here.bot.clock() - timedelta(days=1)
    one = thermos(here.bot)
    give(here.customer, tickets=[day, day + timedelta(minutes=1)], physicalGifts=[one, dict(one)])
    ref = await ref_of(here.customer)
    for left in (4, 3, 2, 1):
        await here.member.say(f"/use {ref}")
        things = [each for each in here.member.buttons if each not in ("Show my code", "Commands")]
        assert things, left
        await here.member.tap(things[0])
        await here.member.tap("Hand over")
    assert await here.standing() == 4
    await here.member.say(f"/use {ref}")
    assert here.member.said("%(customer)s has nothing that can be handed over.", customer=ref)


async def test_nobody_chooses_for_themself(bot: Bot) -> None:
    """Neither is anything listed, nor a code made."""
    member = await hire(bot, "line", "en")
    give(member, physicalGifts=[thermos(bot)])
    ref = await ref_of(member)
    for line in (f"/use {ref}", f"/use {ref} thing=3f9a20c1"):
        await member.say(line)
        assert member.said(OTHER_ROOM, customer=ref) and NAME not in member.buttons
    assert await bot.pool.fetchval("SELECT count(*) FROM counter_codes") == 0


async def test_mantago_is_down_when_a_member_chooses(here: Counter) -> None:
    """The list that the customer saw counts, and it says so; where there is none, nothing is claimed unsaid."""
    unchecked = "It could not be checked with MantaGo just now."
    await here.customer.say("my gifts")
    stranger = await arrive(here.bot, "line", "en")
    here.bot.ahead(minutes=1)
    here.bot.sandbox.fault("mantago", status=503)
    await here.member.say(f"/use {await ref_of(here.customer)}")
    assert here.member.said(unchecked)
    await here.member.tap(NAME)
    assert here.member.said(unchecked)
    await here.member.tap("Hand over")
    assert await here.standing() == 1
    await here.member.say(f"/use {await ref_of(stranger)}")
    assert here.member.said(unchecked)


async def test_a_receipt_is_chosen_by_its_reference(here: Counter) -> None:
    """Its key is no hash, and has capitals."""
    manager = await hire(here.bot, "line", "en", "manager")
    await manager.say("/reward 1 handover=on")
    await manager.tap("Change it")
    give(here.customer)
    await here.customer.say("WELCOME2026")
    receipt = await here.bot.pool.fetchval("SELECT ref FROM claims")
    await here.member.say(f"/use {await ref_of(here.customer)}")
    (thing,) = [each for each in here.member.buttons if each not in ("Show my code", "Commands")]
    await here.member.tap(thing)
    await here.member.tap("Hand over")
    assert [row["item_key"] for row in await here.rows()] == [receipt]


async def test_what_was_chosen_goes_on_after_the_store(counter: Counter) -> None:
    """A customer's number may wait in a button, a code may not; and the hand-over counts for the store."""
    bot, member = counter.bot, counter.member
    await open_store(bot, "信義店", member)
    harbour = await open_store(bot, "Harbour", member)
    await member.say(f"/use {await ref_of(counter.customer)}")
    await member.tap(NAME)
    assert member.said("Which store are you at today? What you do counts for it.")
    await member.tap("Harbour")
    await member.tap("Hand over")
    (row,) = await counter.rows()
    assert (row["store_id"], row["store"]) == (harbour, "Harbour")
    await member.say("/stats by=store")
    assert member._.ngettext("%(n)s handed over", "%(n)s handed over", 1) in member.text
    await counter.customer.say("my gifts")
    await counter.customer.tap("Show all")
    assert f"{counter.customer._.date(bot.clock())} Harbour" in counter.customer.text


async def test_a_code_is_sent_again_after_the_store(here: Counter) -> None:
    """It is kept in no button and in no state; the code itself is not used up by the question."""
    await open_store(here.bot, "信義店", here.member)
    await open_store(here.bot, "Harbour", here.member)
    code = await here.show()
    await here.member.say(f"/use {code}")
    assert here.member.said("Then please send the same once more.")
    assert code not in here.member.data_of("Harbour")
    await here.member.tap("Harbour")
    await here.hand_over(code)
    assert [row["store"] for row in await here.rows()] == ["Harbour"]


async def test_what_the_counter_may_do(counter: Counter, language: str) -> None:
    """By a code only; its own last hand-over, to be taken back for a quarter of an hour; no way to the customer."""
    bot, _ = counter.bot, counter.member._
    staff, ref = counter.member, await ref_of(counter.customer)
    counter.member = await hire(bot, staff.channel, language, "counter")
    await counter.hand_over(await counter.show())
    assert not [data for data in counter.member.buttons.values() if "who" in data]
    await counter.member.tap("Undo")
    await counter.member.tap("Take it back")
    assert await counter.standing() == 0

    await counter.hand_over(await counter.show())
    (mine,) = [row["id"] for row in await counter.rows() if row["undone_at"] is None]
    other = await hire(bot, staff.channel, language, "counter")
    for line in ("/handed", "/handed last", "/handed today"):
        await other.say(line)
        assert other.said("You have handed over nothing yet.")
    await other.say(f"/handed undo {mine}")
    assert other.said("You can take back your own hand-overs for fifteen minutes; later a manager can.")
    await other.say("/handed export")
    assert ref not in other.text and await bot.pool.fetchval("SELECT count(*) FROM exports") == 0
    await counter.member.say("/handed")
    assert ref in counter.member.text and _("Undo") in counter.member.buttons
    bot.ahead(minutes=15, seconds=1)
    await counter.member.say("/handed")
    assert _("Undo") not in counter.member.buttons
    assert await counter.standing() == 1

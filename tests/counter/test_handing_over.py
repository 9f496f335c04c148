"""Handing over: both sides of the counter, on every channel and mixed, in both languages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from chat import Bot, Chat

from counter.standing import NAME, Counter, arrive, give, hire, qr_of, ref_of, thermos

ASKED = "POST /openapi/client/gift"
WRONG = "That code can't be used: it is mistyped, used, or older than five minutes. Let the customer show a new one."


# ── the flow ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_gift_becomes_something_in_a_hand(counter: Counter) -> None:
    """Two taps for the customer, a line and a tap for the member; the list says so, behind what can be used."""
    customer, member = counter.customer, counter.member
    give(customer, physicalGifts=[thermos(counter.bot), thermos(counter.bot, "Umbrella", 1)])
    code = await counter.show()
    assert NAME in customer.text
    assert "12:05" in customer.text

    await member.say(f"/use {code}")
    ref = await ref_of(customer)
    assert NAME in member.text and ref in member.text
    assert member.said("Handing over is our own record: MantaGo may still list it.")
    assert not member.said("It could not be checked with MantaGo just now.")
    assert await counter.rows() == []
    await member.tap("Hand over")
    assert member.said("Handed over to %(customer)s: %(item)s.", customer=ref, item=NAME)

    (row,) = await counter.rows()
    assert (row["nth"], row["undone_at"], row["item"]["name"]) == (1, None, NAME)
    customer.look()
    await customer.say("my gifts")
    gift = customer._.ngettext("%(n)s gift", "%(n)s gifts", 1)
    assert gift in customer.text and NAME not in customer.text
    await customer.tap("All")
    assert customer.text.index("Umbrella") < customer.text.index(NAME)
    assert customer.said("Handed over") and customer._.date(counter.bot.clock()) in customer.text
    assert [label for label in customer.buttons if label == customer._("Show at counter")]
    await customer.do(customer.phone.taps(customer.data_of("Show at counter")))
    assert "Umbrella" in customer.text


@pytest.mark.parametrize(("customers", "members"), [("messenger", "line"), ("line", "messenger")])
async def test_the_taps_are_counted(bot: Bot, customers: str, members: str) -> None:
    """Two for the customer; for the member the scan (LINE's types a line, which is sent; Messenger tells of it by
    itself) and [Hand over]: with the tap on what the camera found, three."""
    here = Counter(bot, await arrive(bot, customers, "en"), await hire(bot, members, "en"))
    before = await bot.pool.fetchval("SELECT count(*) FROM events")
    code = await here.show()  # [My gifts], [Show at counter].
    assert await bot.pool.fetchval("SELECT count(*) FROM events") == before + 2
    if members == "line":
        await here.scan()
    else:
        ref = qr_of(here.customer).partition("?ref=")[2]
        assert ref == f"use_{code.replace('-', '')}"
        await here.member.do(here.member.phone.comes_by_link(ref))
    assert NAME in here.member.text and await here.rows() == []
    await here.member.tap("Hand over")
    assert await here.standing() == 1
    assert await bot.pool.fetchval("SELECT count(*) FROM events") == before + 4


async def test_the_qr_opens_the_channel_of_most_who_serve(bot: Bot) -> None:
    """A referral on Messenger, where most of them are; or whichever the brand has decided."""
    here = Counter(bot, await arrive(bot, "line", "en"), await hire(bot, "messenger", "en"))
    code = await here.show()
    page = (await bot.pool.fetchval("SELECT person FROM staff")).split(":")[1]
    assert qr_of(here.customer) == f"https://m.me/{page}?ref=use_{code.replace('-', '')}"
    for _ in range(2):
        await hire(bot, "line", "en")
    await here.show()
    assert qr_of(here.customer).startswith("https://line.me/R/oaMessage/%40")


async def test_the_brand_may_decide_who_scans_and_whether_there_is_a_counter(here: Counter) -> None:
    """COUNTER_QR before the majority; COUNTER=off shows no button, and one of before leads to the gifts."""
    services = here.bot.turns.services
    codes = replace(services.counter_codes, qr="messenger")
    here.bot.having(services=replace(services, counter_codes=codes))
    await here.show()
    assert qr_of(here.customer) == ""  # Nobody of the staff has ever written to the page, so which it is nobody knows.
    before = here.customer.phone.taps(here.customer.data_of("Is it done?"))
    await here.customer.say("my gifts")
    button = here.customer.phone.taps(here.customer.data_of("Show at counter"))
    here.bot.desk(hands_over=False)
    await here.customer.do(button)
    assert here.customer._("Show at counter") not in here.customer.buttons
    await here.customer.do(before)
    assert "Not yet." in here.customer.text


async def test_ones_own_code_is_read_by_staff_and_is_there_only_with_a_counter(here: Counter) -> None:
    """Its QR types `/who …`; without a counter and visits there is neither its button nor a code for its words."""
    customer, member = here.customer, here.member
    await customer.say("my gifts")
    button = customer.data_of("My code")
    await customer.do(customer.phone.taps(button))
    line = unquote(urlsplit(qr_of(customer)).query)
    assert line.startswith("/who ")
    await member.say(line)
    assert await ref_of(customer) in member.text and await here.rows() == []

    here.bot.desk(hands_over=False)
    made = await here.bot.pool.fetchval("SELECT count(*) FROM counter_codes")
    await customer.say("my gifts")
    assert "My code" not in customer.buttons
    await customer.say("my qr code")
    await customer.do(customer.phone.taps(button))
    assert await here.bot.pool.fetchval("SELECT count(*) FROM counter_codes") == made
    here.bot.desk(counts_visits=True)
    await customer.say("my gifts")
    assert "My code" in customer.buttons


@pytest.mark.parametrize("channel", ["line", "messenger", "instagram"])
async def test_the_qr_is_shown_whole(bot: Bot, channel: str) -> None:
    """A square on LINE's card, and a picture of its own above Messenger's and Instagram's."""
    here = Counter(bot, await arrive(bot, channel, "en"), await hire(bot, "line", "en"))
    code = await here.show()
    first = here.customer.shown[0].message
    if channel == "line":
        hero = first["contents"]["hero"]
        assert (hero["aspectRatio"], hero["aspectMode"], hero["backgroundColor"]) == ("1:1", "fit", "#FFFFFF")
        assert code not in str(first["altText"])  # Whoever sees the lock screen learns no code.
    else:
        assert first["attachment"]["type"] == "image"
        assert code in here.customer.text
    assert unquote(urlsplit(qr_of(here.customer)).query) == f"/use {code}"


async def test_without_an_address_the_code_stands_alone(here: Counter) -> None:
    """PUBLIC_URL is not set, or nobody could fetch from it."""
    here.bot.desk(public_url="", pictures_at="")
    code = await here.show()
    assert qr_of(here.customer) == ""
    await here.hand_over(code)
    assert await here.standing() == 1


async def test_the_customer_sees_by_a_tap_whether_it_is_done(counter: Counter) -> None:
    """Not yet, done, taken back: and nothing else."""
    customer, member = counter.customer, counter.member
    code = await counter.show()
    asks = customer.data_of("Is it done?")
    await customer.do(customer.phone.taps(asks))
    assert customer.said(
        "Not yet. The code is good until %(time)s.", time=customer._.time(counter.bot.clock() + timedelta(minutes=5))
    )
    await counter.hand_over(code)
    await customer.do(customer.phone.taps(asks))
    assert customer.said("Handed over 🎉") and NAME in customer.text

    await member.tap("Undo")
    await member.tap("Take it back")
    await customer.do(customer.phone.taps(asks))
    assert customer.said("Our staff took the hand-over back. You can use it again.")


async def test_a_code_that_nobody_took_says_only_that(here: Counter) -> None:
    """After its time."""
    await here.show()
    asks = here.customer.data_of("Is it done?")
    here.bot.ahead(minutes=6)
    await here.customer.do(here.customer.phone.taps(asks))
    assert here.customer.said("It was not handed over, and that code is over. Open it again for a new one.")


@pytest.mark.parametrize("push", [True, False])
async def test_customers_are_pushed_to_where_it_is_free_or_wanted(bot: Bot, push: bool) -> None:
    """On Messenger always, within its window; on LINE with COUNTER_PUSH alone."""
    services = bot.turns.services
    told = services.hand_overs.told
    assert told == {"messenger", "instagram"}
    for channel in ("line", "messenger"):
        here = Counter(bot, await arrive(bot, channel, "en"), await hire(bot, "line", "en"))
        code = await here.show()
        if push:
            object.__setattr__(services.hand_overs, "told", told | {"line"})
        await here.hand_over(code)
        object.__setattr__(services.hand_overs, "told", told)
        here.customer.look()
        said = here.customer.said("Handed over to you: %(item)s. If that was not you, please tell us.", item=NAME)
        assert said is (push or channel == "messenger")


async def test_tickets_go_one_by_one(here: Counter) -> None:
    """Of a day: 1 of 3, then 2 of 3; what is handed over is apart from what is left."""
    day = here.bot.clock() - timedelta(days=1)
    give(here.customer, tickets=[day, day, day + timedelta(minutes=1)])
    for place in (1, 2, 3):
        code = await here.show()
        await here.member.say(f"/use {code}")
        assert here.member.said("%(n)s of %(total)s", n=place, total=3)
        await here.member.tap("Hand over")
        await here.customer.say("my gifts")
        left = 3 - place
        if left:
            assert f"× {left}" in here.customer.text
        else:
            assert here.customer.said("There is nothing to use right now.")
    assert await here.standing() == 3
    await here.customer.tap("Show all")
    assert here.customer.said("Handed over") and "× 3" in here.customer.text
    assert here.customer._("Show at counter") not in here.customer.buttons


async def test_of_two_equal_gifts_both_can_be_handed_over(here: Counter) -> None:
    """They differ in nothing but their number."""
    one = thermos(here.bot)
    give(here.customer, physicalGifts=[one, dict(one)])
    await here.hand_over(await here.show())
    await here.customer.say("my gifts")
    assert here.customer.buttons and here.customer._("Show at counter") in here.customer.buttons
    await here.hand_over(await here.show())
    assert [row["nth"] for row in await here.rows()] == [1, 2]
    await here.customer.say("my gifts")
    assert here.customer.said("There is nothing to use right now.")


# ── once ─────────────────────────────────────────────────────────────────────────────────────────


async def test_one_gift_on_two_phones_is_handed_over_once(here: Counter) -> None:
    """Two codes meet in one row: whoever comes second reads who was first."""
    first = await here.show()
    second = await here.show()
    assert first != second
    await here.hand_over(first)
    await here.member.say(f"/use {second}")
    assert "It was handed over already" in here.member.text
    assert here.member._("Hand over") not in here.member.buttons
    assert await here.standing() == 1

    await here.customer.tap("Is it done?")  # On the card that was shown last, with the second code.
    assert here.customer.said("Handed over") and not here.customer.said("It was not handed over")


@pytest.mark.parametrize("codes", [1, 2])
async def test_two_members_at_once(here: Counter, codes: int) -> None:
    """With one code or with two: both looked, both tap, one of them has done it."""
    other = await hire(here.bot, "messenger", "en")
    shown = [await here.show() for _ in range(codes)]
    taps = []
    for member, code in ((here.member, shown[0]), (other, shown[-1])):
        await member.say(f"/use {code}")
        taps.append(member.phone.taps(member.data_of("Hand over")))
    for tap in taps:
        assert here.bot.post(tap) == 200
    await here.bot.quiet()
    for member in (here.member, other):
        member.look()
    done = ["Handed over to" in member.text for member in (here.member, other)]
    assert sorted(done) == [False, True]
    assert sum("It was handed over already" in member.text for member in (here.member, other)) == 1
    assert await here.standing() == 1


async def test_a_double_tap_and_a_redelivery_say_the_same(here: Counter) -> None:
    """Once more, whatever comes twice."""
    await here.member.say(f"/use {await here.show()}")
    tap = here.member.phone.taps(here.member.data_of("Hand over"))
    await here.member.do(tap, tap, here.member.phone.taps(here.member.data_of("Hand over")))
    assert await here.standing() == 1
    assert "It was handed over already" not in here.member.text


async def test_wrong_old_and_used_codes_take_the_same_statements(here: Counter) -> None:
    """So that no time tells them apart: nothing is asked for the one and not for the other."""
    used, old = await here.show(), await here.show()
    await here.hand_over(used)
    here.bot.ahead(minutes=5, seconds=1)
    asked: list[str] = []

    def note(record: Any) -> None:
        asked.append(record.query)

    connections = [await here.bot.pool.acquire() for _ in range(here.bot.pool.get_max_size())]
    for connection in connections:
        connection.add_query_logger(note)
    for connection in connections:
        await here.bot.pool.release(connection)
    statements = []
    for code in ("ZZZZ-ZZ22", old, used):
        await here.member.say("/whoami")  # Nothing waits that the first of them would end.
        asked.clear()
        await here.member.say(f"/use {code}")
        assert here.member.said(WRONG)
        statements.append([query for query in asked if "pgqueuer WHERE status" not in query])
    connections = [await here.bot.pool.acquire() for _ in range(here.bot.pool.get_max_size())]
    for connection in connections:
        connection.remove_query_logger(note)
        await here.bot.pool.release(connection)

    assert any("counter_codes" in query for query in statements[0])
    assert statements[1] == statements[2] == statements[0]


async def test_a_code_one_second_too_old_is_like_one_that_never_was(here: Counter) -> None:
    """Wrong, used and old: the same words."""
    code = await here.show()
    here.bot.ahead(minutes=5, seconds=1)
    await here.member.say(f"/use {code}")
    old = here.member.text
    await here.member.say("/use ZZZZ-ZZ22")
    wrong = here.member.text
    code = await here.show()
    await here.hand_over(code)
    await here.member.say(f"/use {code}")
    assert old == wrong == here.member.text
    assert here.member.said(WRONG)


async def test_five_wrong_codes_an_hour(here: Counter) -> None:
    """Then even the right one waits, and says so in other words; somebody else can do it."""
    code = await here.show()
    for _ in range(5):
        await here.member.say("/use ZZZZ-ZZ22")
        assert here.member.said(WRONG)
    await here.member.say(f"/use {code}")
    assert here.member.said("Five wrong codes within an hour: please wait, or let somebody else of the staff do it.")
    other = await hire(here.bot, "line", "en")
    await here.hand_over(code, other)
    assert await here.standing() == 1


async def test_undo_races_use(here: Counter) -> None:
    """Another member has looked at a second code before, and taps while the first hand-over is taken back: whichever
    is first, one hand-over stands or none, and each is told what they did."""
    first, second = await here.show(), await here.show()
    other = await hire(here.bot, "messenger", "en")
    await other.say(f"/use {second}")
    await here.hand_over(first)
    await here.member.tap("Undo")
    undo = here.member.phone.taps(here.member.data_of("Take it back"))
    for event in (other.phone.taps(other.data_of("Hand over")), undo, undo):
        assert here.bot.post(event) == 200
    await here.bot.quiet()
    other.look()
    here.member.look()
    assert here.member.said("Taken back: %(item)s. It can be handed over again.", item=NAME)
    used = "Handed over to" in other.text
    assert used is not ("It was handed over already" in other.text)
    assert await here.standing() == int(used)

    if not used:
        await here.hand_over(await here.show())
    assert await here.standing() == 1
    assert len(await here.rows()) == 2


async def test_undoing_is_ones_own_for_a_quarter_of_an_hour_and_a_managers_later(here: Counter) -> None:
    """Nobody else's."""
    await here.hand_over(await here.show())
    (row,) = await here.rows()
    other, manager = await hire(here.bot, "line", "en"), await hire(here.bot, "line", "en", "manager")
    late = "You can take back your own hand-overs for fifteen minutes; later a manager can."
    await other.say(f"/handed undo {row['id']}")
    assert other.said(late)
    here.bot.ahead(minutes=16)
    await here.member.say(f"/handed undo {row['id']}")
    assert here.member.said(late)
    await manager.say(f"/handed undo {row['id']}")
    await manager.tap("Take it back")
    assert await here.standing() == 0


async def test_nobody_hands_over_to_themself(bot: Bot) -> None:
    """Not in one chat."""
    member = await hire(bot, "line", "en")
    give(member, physicalGifts=[thermos(bot)])
    here = Counter(bot, member, member)
    code = await here.show()
    await member.say(f"/use {code}")
    assert member.said("%(customer)s is you. Somebody else of the staff has to do this.", customer=await ref_of(member))
    assert await here.rows() == []


async def test_after_deletion_the_same_gift_is_not_handed_over_again(here: Counter) -> None:
    """The same person, with another number: the key is theirs, not the row's."""
    await here.hand_over(await here.show())
    (before,) = await here.rows()
    await here.customer.say("delete my data")
    await here.customer.tap("Yes, delete")
    await here.customer.say(here.customer._("DELETE"))
    assert here.customer.said("Deleted. Thank you for having been here.")
    (row,) = await here.rows()
    assert row["customer_id"] is None and row["person_hash"] == before["person_hash"]

    await here.customer.say("english")
    await here.customer.say("my gifts")
    assert here.customer._("Show at counter") not in here.customer.buttons
    await here.bot.pool.execute("UPDATE hand_overs SET item_key = 'x'")  # As if they had it anew: it can be shown.
    code = await here.show()
    await here.bot.pool.execute("UPDATE hand_overs SET item_key = $1", row["item_key"])
    await here.member.say(f"/use {code}")
    assert "It was handed over already" in here.member.text
    assert await here.standing() == 1


# ── bad days ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", [{"status": 503}, {"delay_ms": 5000}])
async def test_mantago_is_down_or_slow_at_the_preview(here: Counter, fault: dict[str, int]) -> None:
    """It says so within two seconds, and the member decides."""
    code = await here.show()
    here.bot.ahead(minutes=1)
    here.bot.sandbox.fault("mantago", **fault)
    await here.member.say(f"/use {code}")
    assert here.member.said("It could not be checked with MantaGo just now.")
    await here.member.tap("Hand over")
    assert await here.standing() == 1


async def test_the_gift_is_gone_or_over_meanwhile(here: Counter) -> None:
    """Nothing is handed over, and it is said why."""
    one = thermos(here.bot)
    give(here.customer, physicalGifts=[one])
    code = await here.show()
    give(here.customer)
    await here.member.say(f"/use {code}")
    assert here.member.said("%(item)s is not among the customer's things any more.", item=NAME)
    over = one | {"isExpired": True, "startTime": "2026-01-01T00:00:00.000Z", "endTime": "2026-02-01T00:00:00.000Z"}
    give(here.customer, physicalGifts=[over])
    await here.member.say(f"/use {code}")
    assert here.member.said("Nothing was handed over.") and "expired on" in here.member.text
    assert await here.rows() == []


async def test_a_member_who_is_removed_in_mid_flow_does_nothing(here: Counter) -> None:
    """Their tap is anybody's; the code is as good as before for somebody else."""
    code = await here.show()
    await here.member.say(f"/use {code}")
    tap = here.member.phone.taps(here.member.data_of("Hand over"))
    await here.bot.pool.execute("DELETE FROM staff")
    await here.member.do(tap)
    assert here.member.said("I didn't catch that. Try:")
    assert await here.rows() == []
    await here.hand_over(code, await hire(here.bot, "line", "en"))
    assert await here.standing() == 1


async def test_an_outsider_learns_nothing(here: Counter) -> None:
    """A scanned line is nonsense to them, byte for byte, whether the code is one or none."""
    code = await here.show()
    outsider: Chat = await arrive(here.bot, "line", "en")
    await outsider.say("/nonsense")
    nonsense = outsider.text
    for line in (f"/use {code}", "/use ZZZZ-ZZ22", "/counter", "/handed last"):
        fresh = await arrive(here.bot, "line", "en")
        await fresh.say(line)
        assert fresh.text == nonsense
    await here.hand_over(code)
    assert await here.standing() == 1


async def test_not_this_one_changes_nothing(here: Counter) -> None:
    """The code can be used afterwards."""
    code = await here.show()
    await here.member.say(f"/use {code}")
    await here.member.tap("Not this one")
    assert here.member.said("OK, cancelled. Nothing was changed.")
    await here.hand_over(code)
    assert await here.standing() == 1


async def test_showing_asks_nothing_that_was_just_asked(here: Counter) -> None:
    """The list that the customer looked at is good enough; staff's preview asks anew."""
    await here.customer.say("my gifts")
    before = len(here.bot.sandbox.calls("mantago", ASKED))
    await here.customer.tap("Show at counter")
    assert len(here.bot.sandbox.calls("mantago", ASKED)) == before

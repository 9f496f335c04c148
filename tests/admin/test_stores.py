"""Stores: who works where, where somebody is today, and what counts for which shop."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime, time, timedelta

import pytest
from chat import Bot, Chat

from admin.conftest import Hire
from admin.counter import arrive, change, counting_visits, member_id, open_store, ref_of, trail
from bot.conversation.actions import escaped
from bot.staff.teaching import LONGEST_LINE
from bot.storage import audit, stores


async def confirmed(member: Chat, line: str, label: str) -> None:
    await member.say(line)
    await member.tap(label)


async def store_ids(bot: Bot) -> list[int | None]:
    """Where points were given by hand, oldest first."""
    return [row["store_id"] for row in await bot.pool.fetch("SELECT store_id FROM points ORDER BY id")]


# ── the shops, and who works there ───────────────────────────────────────────────────────────────


async def test_a_store_is_added_and_a_member_works_there(bot: Bot, owner: Chat, hire: Hire) -> None:
    """From the chat alone; a member of one store is never asked, and what they do carries it."""
    amy = await hire("manager", "amy")
    customer = await arrive(bot, amy.channel, "en")
    await confirmed(owner, "/store add 信義店", "Add the store")
    await confirmed(owner, "/admins store amy 信義店", "Change it")
    assert owner.said("%(name)s is in %(stores)s.", name="amy", stores="信義店")
    await owner.say("/stores")
    assert "信義店" in owner.text and "amy" in owner.text

    await change(amy, f"/points {await ref_of(customer)} +50 reason=late")

    assert await store_ids(bot) == [(await stores.everything(bot.pool))[0].id]
    assert [row["store"] for row in await trail(bot, "points")] == ["信義店", "信義店"]
    await amy.say("/whoami")
    assert "信義店" in amy.text
    await owner.say("/audit action=points")
    assert "信義店" in owner.text


async def test_a_member_of_several_stores_says_once_a_day_where_they_are(bot: Bot, hire: Hire) -> None:
    """When it is first needed, by a tap, and what they wanted goes on; tomorrow again."""
    amy = await hire("manager", "amy")
    ref = await ref_of(await arrive(bot, amy.channel, "en"))
    await open_store(bot, "信義店", amy)
    harbour = await open_store(bot, "Harbour", amy)
    await amy.say(f"/points {ref}")
    assert not amy.said("Which store are you at today? What you do counts for it."), "looking needs no store"
    await amy.say(f"/points {ref} +50 reason=late")
    assert amy.said("Which store are you at today? What you do counts for it.")

    await amy.tap("Harbour")
    assert amy.said("You are at %(store)s today.", store="Harbour") and amy.said("Then")
    await amy.tap("Change it")
    await change(amy, f"/points {ref} +5 reason=late")
    assert await store_ids(bot) == [harbour, harbour]

    bot.ahead(days=1)
    await amy.say(f"/points {ref} +5 reason=late")
    assert amy.said("Which store are you at today? What you do counts for it.")


async def test_what_was_previewed_before_midnight_counts_where_it_was_previewed(bot: Bot, hire: Hire) -> None:
    """A day that ends between preview and tap asks nothing and loses nothing."""
    amy = await hire("manager", "amy")
    ref = await ref_of(await arrive(bot, amy.channel, "en"))
    await open_store(bot, "信義店", amy)
    harbour = await open_store(bot, "Harbour", amy)
    here = bot.clock().astimezone(bot.settings.zone)
    tonight = datetime.combine(here.date() + timedelta(days=1), time(23, 59, 30), bot.settings.zone)
    bot.ahead_to(tonight)
    await amy.say(f"/points {ref} +50 reason=late")
    await amy.tap("Harbour")

    bot.ahead(minutes=1)
    await amy.tap("Change it")

    assert await store_ids(bot) == [harbour]


async def test_whoever_goes_to_another_store_says_so(bot: Bot, hire: Hire) -> None:
    """By a button only: no line that somebody else typed moves them."""
    amy = await hire("manager", "amy")
    ref = await ref_of(await arrive(bot, amy.channel, "en"))
    first, second = await open_store(bot, "信義店", amy), await open_store(bot, "Harbour", amy)
    for name in ("信義店", "Harbour"):
        await amy.say("/store here")
        await amy.tap(name)
        await change(amy, f"/points {ref} +5 reason=late")

    assert await store_ids(bot) == [first, second]
    await amy.say("/store here")
    assert amy.said("You are at %(store)s today.", store="Harbour")
    await amy.say("信義店")
    await amy.say("/store here")
    assert amy.said("You are at %(store)s today.", store="Harbour")


async def test_nothing_is_done_by_a_line_alone(bot: Bot, owner: Chat, hire: Hire) -> None:
    """What a customer's QR code types into an owner's chat waits for a tap, and the preview names effect and person."""
    amy = await hire("staff", "amy")
    store = await open_store(bot, "信義店", amy)
    for line in ("/store add Harbour", "/store remove 信義店", "/admins store amy 信義店 --leave"):
        await owner.say(line)

    assert owner.said("%(name)s will work in %(store)s no more.", name="amy", store="信義店")
    assert [each.name for each in await stores.everything(bot.pool)] == ["信義店"]
    assert [each.id for each in await stores.of_staff(bot.pool, await member_id(amy))] == [store]
    await owner.tap("Change it")
    assert await stores.of_staff(bot.pool, await member_id(amy)) == []


async def test_two_who_add_a_store_at_once_make_one(bot: Bot, owner: Chat, hire: Hire) -> None:
    """However it is written; the second one is told."""
    typed = {"Main Street": owner, "MAIN street": await hire("owner", "olga")}
    for name, chat in typed.items():
        await chat.say(f"/store add {name}")
    taps = [chat.phone.taps(chat.data_of("Add the store")) for chat in typed.values()]
    await asyncio.gather(*(chat.do(tap) for chat, tap in zip(typed.values(), taps, strict=True)))

    assert len(await stores.everything(bot.pool)) == 1
    told = [chat.said("There is a store %(store)s already.", store=name) for name, chat in typed.items()]
    assert sorted(told) == [False, True]


# ── bad days ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_store_that_is_removed_keeps_its_history(bot: Bot, owner: Chat, hire: Hire) -> None:
    """It counts for nothing new, stays in the numbers, and comes back as what it was."""
    amy = await hire("manager", "amy")
    ref = await ref_of(await arrive(bot, amy.channel, "en"))
    store = await open_store(bot, "信義店", amy)
    await change(amy, f"/points {ref} +50 reason=late")
    await confirmed(owner, "/store remove 信義店", "Remove the store")
    await change(amy, f"/points {ref} +5 reason=late")

    await owner.say("/stats by=store")
    given = owner._.ngettext("+%(n)s point", "+%(n)s points", 50)
    assert owner.said("%(store)s (removed)", store="信義店") and given in owner.text and owner.said("In no store")
    await confirmed(owner, "/store add 信義店", "Add the store")
    await change(amy, f"/points {ref} +5 reason=late")
    assert await store_ids(bot) == [store, None, store]


async def test_the_store_of_today_is_removed(bot: Bot, hire: Hire) -> None:
    """Who works in two others is asked again; who has one left is there."""
    amy = await hire("manager", "amy")
    ref = await ref_of(await arrive(bot, amy.channel, "en"))
    first = await open_store(bot, "信義店", amy)
    await open_store(bot, "Harbour", amy)
    last = await open_store(bot, "Airport", amy)
    await amy.say("/store here")
    await amy.tap("信義店")
    async with bot.pool.acquire() as connection:
        await stores.remove(connection, first, bot.clock())
    await amy.say(f"/points {ref} +50 reason=late")
    gone, left = "信義店", {amy.data_of("Harbour"), amy.data_of("Airport")}
    assert gone not in amy.buttons and len(left) == 2

    async with bot.pool.acquire() as connection:
        await stores.leave(
            connection, await member_id(amy), await bot.pool.fetchval("SELECT id FROM stores WHERE name = 'Harbour'")
        )
    await amy.tap("Harbour")
    assert amy.said("You do not work in that store any more.")
    await change(amy, f"/points {ref} +50 reason=late")
    assert await store_ids(bot) == [last]


async def test_a_member_who_is_removed_in_mid_flow(bot: Bot, owner: Chat, hire: Hire) -> None:
    """The button of the question is a customer's then, and they work nowhere."""
    amy = await hire("manager", "amy")
    ref = await ref_of(await arrive(bot, amy.channel, "en"))
    await open_store(bot, "信義店", amy)
    await open_store(bot, "Harbour", amy)
    await amy.say(f"/points {ref} +50 reason=late")
    await confirmed(owner, "/admins remove amy", "Remove")

    await amy.tap("Harbour")

    assert not amy.said("Then") and amy.shown
    assert await bot.pool.fetchval("SELECT count(*) FROM store_members") == 0
    assert await store_ids(bot) == []


async def test_a_member_without_a_store_serves_all_the_same(bot: Bot, owner: Chat, hire: Hire) -> None:
    """It counts for none, and both they and the owner can see it."""
    amy = await hire("manager", "amy")
    await hire("staff", "bob")
    ref = await ref_of(await arrive(bot, amy.channel, "en"))
    await open_store(bot, "信義店")
    await amy.say(f"/points {ref} +50 reason=late")
    assert amy.said("Store") and amy.said("none")
    await amy.tap("Change it")
    assert await store_ids(bot) == [None]

    await amy.say("/store here")
    assert amy.said("You work in no store yet: what you do counts for none. An owner can change that: /admins store.")
    await owner.say("/store list")
    assert owner.said("In no store") and "bob" in owner.text


async def test_a_link_code_carries_its_store_and_keeps_no_phone(bot: Bot, hire: Hire) -> None:
    """What the trail never holds is in no button either: after the question it has to be sent again."""
    amy = await hire("staff", "amy")
    await open_store(bot, "信義店", amy)
    harbour = await open_store(bot, "Harbour", amy)
    await amy.say("/link new 0912345678")
    assert amy.said("Then please send the same once more.")
    assert await bot.pool.fetchval("SELECT count(*) FROM customers WHERE state::text LIKE '%12345678%'") == 0
    await amy.tap("Harbour")
    assert await bot.pool.fetchval("SELECT count(*) FROM link_codes") == 0

    await amy.order("/link new 0912345678")

    assert await bot.pool.fetchval("SELECT store_id FROM link_codes") == harbour


async def test_what_waits_for_the_store_fits_a_button_or_is_sent_again(bot: Bot, hire: Hire) -> None:
    """The longest line that goes on by itself, and one that is longer; the platform takes both."""
    amy = await hire("manager", "amy")
    await open_store(bot, "信義店", amy)
    await open_store(bot, "Harbour", amy)
    line = f"/points {await ref_of(await arrive(bot, amy.channel, 'en'))} +5 reason="
    longest = line + "x" * (LONGEST_LINE - len(escaped(line)))
    await amy.say(longest + "x")
    assert amy.said("Then please send the same once more.")
    await amy.say(longest)
    await amy.tap("Harbour")

    assert amy.said("Then")
    assert {call.status for call in bot.sandbox.calls(amy.channel)} == {200}


# ── numbers, and the trail ───────────────────────────────────────────────────────────────────────


async def test_the_numbers_of_each_store(bot: Bot, owner: Chat, hire: Hire) -> None:
    """Visits, points by hand and link codes; a store where nothing was done is there, too."""
    counting_visits(bot)
    amy = await hire("manager", "amy")
    customer = await arrive(bot, amy.channel, "en")
    ref = await ref_of(customer)
    await open_store(bot, "信義店", amy)
    await open_store(bot, "Harbour")
    await change(amy, f"/points {ref} +50 reason=late")
    await change(amy, f"/points {ref} -20 reason=late")
    await confirmed(amy, f"/visit {ref}", "Count the visit")
    await amy.order("/link new 0912345678")
    await owner.say("/stats")
    await owner.tap("By store")

    _ = owner._
    done = [
        _.ngettext("%(n)s visit", "%(n)s visits", 1),
        _.ngettext("+%(n)s point", "+%(n)s points", 50),
        _.ngettext("−%(n)s point", "−%(n)s points", 20),
        _.ngettext("%(n)s link code", "%(n)s link codes", 1),
    ]
    assert " · ".join(done) in owner.text and "信義店" in owner.text
    assert "Harbour" in owner.text and _("nothing") in owner.text and _("In no store") not in owner.text


def test_a_row_of_the_time_before_stores_keeps_its_hash() -> None:
    """The chain that a brand has already holds; and a store cannot be written into a row afterwards."""
    at = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
    entry = audit.Entry(at, 1, "amy", "manager", "line", "points", "/points", "done", "C-8F3K2M")
    values = [at.isoformat(timespec="microseconds"), 1, "amy", "manager", "line", "points", "/points", "done"]
    written = json.dumps([7, "00", *values, "C-8F3K2M", None, None, None, None], separators=(",", ":"))
    before = hmac.digest(b"secret", f"audit:{written}".encode(), hashlib.sha256)

    assert audit.digest(b"secret", 7, entry, b"\0") == before
    moved = audit.Entry(at, 1, "amy", "manager", "line", "points", "/points", "done", "C-8F3K2M", store="信義店")
    assert audit.digest(b"secret", 7, moved, b"\0") != before


# ── the role counter ─────────────────────────────────────────────────────────────────────────────


async def test_the_counter_is_invited_like_others(bot: Bot, owner: Chat, channel: str, language: str) -> None:
    """And sees nothing of customers."""
    await owner.order("/admins invite counter")
    line = next(text for text in owner.texts if text.startswith("/join"))
    newcomer = await arrive(bot, channel, language)
    customer = await arrive(bot, channel, language)
    await newcomer.say(f"{line} pat")
    assert newcomer._("counter") in newcomer.text

    for refused in (f"/who {await ref_of(customer)}", "/gifts last", "/stats", "/ref R-7F3K9M", "/audit", "/status"):
        await newcomer.say(refused)
        role = newcomer._("counter")
        by_code = newcomer.said(
            "With your role, a customer is found by the code that they show: [My code] on their overview."
        )
        assert (role in newcomer.text or by_code) and await ref_of(customer) not in newcomer.text, refused
    assert {row["result"] for row in await bot.pool.fetch("SELECT result FROM audit WHERE actor = 'pat'")} == {
        "done",
        "refused",
    }


async def test_the_counter_makes_ten_link_codes_a_day(bot: Bot, hire: Hire) -> None:
    """Where staff may make thirty; and what comes of a code has no button that they may not use."""
    pat = await hire("counter", "pat")
    customer = await arrive(bot, pat.channel, "en")
    for number in range(10):
        await pat.order(f"/link new 09123456{number:02d}")
    code = re.search(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", pat.text)
    await pat.order("/link new 0912345699")
    assert pat.said("You have made %(n)s codes within a day. Somebody else can make the next one.", n=10)

    assert code is not None
    await customer.say(f"link {code[0]}")

    pat.look()
    assert await ref_of(customer) in pat.text and pat._("Show") not in pat.buttons


@pytest.mark.parametrize(("before", "after", "left"), [("staff", "counter", 0), ("counter", "staff", 1)])
async def test_what_a_role_gave_ends_with_it(
    bot: Bot, owner: Chat, hire: Hire, before: str, after: str, left: int
) -> None:
    """The counter may less than staff, in whatever order roles stand."""
    amy = await hire(before, "amy")
    await amy.order("/link new 0912345678")
    await confirmed(owner, f"/admins role amy {after}", "Change it")

    assert await bot.pool.fetchval("SELECT count(*) FROM link_codes WHERE ended_at IS NULL") == left


@pytest.mark.parametrize(
    ("role", "there"), [("counter", False), ("viewer", False), ("staff", False), ("manager", True)]
)
async def test_an_answer_has_only_the_buttons_of_its_reader(hire: Hire, role: str, there: bool) -> None:
    """Whatever made it: here a line that is nearly right."""
    member = await hire(role)
    await member.say("/pointz C-8F3K2M")

    assert ("/points C-8F3K2M" in member.buttons) is there

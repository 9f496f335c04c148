"""Giving vouchers, and finding out how an open one ended."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from chat import Bot, Chat
from conversations.proving import link

from admin.conftest import Hire
from admin.counter import (
    ISSUE,
    account,
    arrive,
    asked,
    give,
    impatient,
    member_id,
    name_of,
    ref_of,
    row_of,
    trail,
)
from bot.cli.operator import Operator
from bot.conversation.messages import plain
from bot.services.vouchers import CapReached, Quota, VoucherRequest
from bot.storage import issues
from bot.storage.issues import Issue
from sandbox import Sandbox

REFERENCE = re.compile(r"R-[0-9A-HJKMNP-TV-Z]{6}")
HIGHLANDS = "gift=422 price=1899"  # 100,000 dong, 100 points
PHUC_LONG = "gift=812 price=2260"  # 20,000 dong
WINMART = "gift=790 price=2203"  # 500,000 dong
PHONE_SHOP = "gift=901 price=2310"  # 1,000,000 dong
DONE = ("Done ✅ %(name)s · −%(n)s point · ref %(ref)s", "Done ✅ %(name)s · −%(n)s points · ref %(ref)s")
GIVEN_BACK = (
    "%(name)s (ref %(ref)s) could not be issued. Your %(n)s point is back.",
    "%(name)s (ref %(ref)s) could not be issued. Your %(n)s points are back.",
)


@pytest.fixture(autouse=True)
def noon(bot: Bot) -> None:
    """The bot at a time of which neither the hour nor the day is about to end."""
    now = bot.clock().astimezone(bot.settings.zone)
    later = (now + timedelta(days=1)).replace(hour=12, minute=0, second=1, microsecond=0)
    bot.ahead(seconds=(later - now).total_seconds())


@pytest.fixture(autouse=True)
def prices(bot: Bot) -> Iterator[None]:
    """The prices in points as they were."""
    catalogue = bot.turns.services.catalogue
    before = (catalogue.point_per_vnd, catalogue.overrides)
    yield
    catalogue.point_per_vnd, catalogue.overrides = before


@pytest.fixture
async def customer(bot: Bot, noon: None, channel: str, language: str) -> AsyncIterator[Chat]:
    """Somebody who gets vouchers; in the end no points were made or lost by it."""
    chat = await arrive(bot, channel, language)
    yield chat
    assert await bot.pool.fetch("SELECT FROM accounts WHERE held <> 0") == []


async def confirm(member: Chat, line: str, label: str = "Issue it") -> str:
    """Type it; the data of the button that does it."""
    await member.say(line)
    return member.data_of(label)


async def issue(member: Chat, customer: Chat, what: str = HIGHLANDS, *, more: str = "") -> None:
    """Give a voucher, from the line to the confirmed tap."""
    data = await confirm(member, f'/issue {await ref_of(customer)} {what} {more} reason="late delivery"')
    await member.do(member.phone.taps(data, "Issue it"))


async def open_issue(customer: Chat, sandbox: Sandbox) -> Issue:
    """An exchange for points of which nobody knows how it ended."""
    impatient(customer.bot)
    await give(customer, 150)
    await customer.say("vouchers" if customer.tag == "en" else "換禮券")
    await customer.tap("Search")
    await customer.say("Highlands")
    await customer.tap("Get it")
    sandbox.fault(ISSUE, status=504)
    await customer.tap("Confirm")
    customer.bot.mend()
    (found,) = await issues.unsettled(customer.bot.pool)
    assert found.state == "check"
    return found


# ── the catalogue ────────────────────────────────────────────────────────────────────────────────


async def test_the_catalogue_says_what_issuing_needs(hire: Hire) -> None:
    """Gift and price, value, points; a tap shows one with the line that issues it."""
    member = await hire("staff")
    await member.say("/catalog q=highlands")

    cost = member._.ngettext("%(n)s point", "%(n)s points", 100)
    assert "422:1899" in member.text
    assert f"Voucher Highlands Coffee · ₫100,000 · {cost}" in member.text

    await member.tap("422:1899")
    assert '/issue C-… gift=422 price=1899 reason="…"' in member.text


async def test_the_line_is_for_the_customer_shown_last(hire: Hire, customer: Chat) -> None:
    """It can be copied as it is, with a reason in it."""
    member, ref = await hire("staff"), await ref_of(customer)
    await member.say(f"/who {ref}")
    await member.say("/catalog show 422:1899")

    assert f'/issue {ref} gift=422 price=1899 reason="…"' in member.text


async def test_what_has_no_price_in_points_is_marked(bot: Bot, hire: Hire) -> None:
    """Customers do not see it, and with max= nobody knows whether it fits."""
    bot.turns.services.catalogue.point_per_vnd = None
    bot.turns.services.catalogue.overrides = {1899: 90}
    member = await hire("staff")
    await member.say("/catalog")

    assert member.said("no price in points")
    assert (
        member._.ngettext(
            "%(n)s has no price in points: customers do not see it.",
            "%(n)s have no price in points: customers do not see them.",
            24,
        )
        in member.text
    )
    await member.say("/catalog max=90")
    assert "422:1899" in member.text and "812:2260" not in member.text
    await member.say("/catalog max=89")
    assert member.said("No voucher matches.")


async def test_pages_of_the_catalogue_show_every_voucher_once(hire: Hire) -> None:
    """The cheapest first, eight at a time."""
    member = await hire("staff")
    await member.say("/目錄")
    shown = re.findall(r"^\d+:\d+$", member.text, re.MULTILINE)
    while member._("Next page") in member.buttons:
        await member.tap("Next page")
        shown += re.findall(r"^\d+:\d+$", member.text, re.MULTILINE)

    assert len(set(shown)) == 25


async def test_reloading_asks_the_vendor(hire: Hire, sandbox: Sandbox) -> None:
    """Otherwise it is asked every ten minutes at most."""
    member = await hire("staff")

    def lists() -> int:
        return sum(call.path.endswith("/gifts") for call in sandbox.calls("gotit"))

    await member.say("/catalog")
    await member.say("/catalog")
    assert lists() == 1
    sandbox.gotit.gifts[0]["name"] = "Voucher Lowlands Tea"
    await member.say("/catalog reload q=lowlands")
    assert lists() == 2
    assert "Voucher Lowlands Tea" in member.text


async def test_a_vendor_that_is_down_is_named(hire: Hire, customer: Chat, sandbox: Sandbox) -> None:
    """Nothing can be issued from yesterday's list."""
    member, ref = await hire("manager"), await ref_of(customer)
    sandbox.fault("gotit", status=503)
    for line in ("/catalog", f"/issue {ref} {HIGHLANDS} reason=goodwill"):
        await member.say(line)
        assert member.said("%(vendor)s cannot be reached right now. Nothing was changed.", vendor="Got It")


async def test_without_got_it_nothing_of_it_works(bot: Bot, hire: Hire, customer: Chat) -> None:
    """It is said, and nothing breaks."""
    bot.having(apis=replace(bot.turns.apis, gotit=None))
    member, ref = await hire("manager"), await ref_of(customer)
    for line in (
        "/catalog",
        "/catalog show 422:1899",
        f"/issue {ref} {HIGHLANDS} reason=goodwill",
        "/issue retry R-000000",
    ):
        await member.say(line)
        assert member.said("Vouchers are switched off here: Got It's settings are not set.")


# ── issuing ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_voucher_is_previewed_issued_and_told(bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox) -> None:
    """Everything is said before; then it is asked for once, and the customer is told once."""
    member, ref = await hire("manager"), await ref_of(customer)
    data = await confirm(member, f'/issue {ref} {HIGHLANDS} qty=2 reason="late delivery"')
    for fact in (ref, "422:1899", "2 × ₫100,000 = ₫200,000", "late delivery", "2 × Voucher Highlands Coffee"):
        assert fact in member.text
    assert asked(sandbox) == [] and customer.look() == []

    await member.do(member.phone.taps(data, "Issue it"))
    assert member.said("Issued") and member.said("The customer has been told.")
    (issued,) = sandbox.gotit.issued.values()
    assert issued["recipient_identify_id"] == ref
    assert issued["issuer_identify_id"] == str(await member_id(member))
    assert [item["quantity"] for item in issued["items"]] == [2]
    (row,) = await issues.newest(bot.pool, only_open=False, limit=5, offset=0)
    assert (row.kind, row.cost, row.state, row.recipient) == ("staff", 0, "done", ref)

    customer.look()
    assert len(customer.shown) == 1
    assert customer.said("🎁 We have a voucher for you")
    assert "2 × Voucher Highlands Coffee" in customer.text and row.ref in customer.text
    await customer.tap("My vouchers")
    assert "2 × Voucher Highlands Coffee" in customer.text and "₫200,000" in customer.text


async def test_the_trail_holds_the_question_and_the_deed(bot: Bot, hire: Hire, customer: Chat) -> None:
    """Who, to whom, what, why, and the reference."""
    member = await hire("manager")
    await issue(member, customer)
    question, deed = await trail(bot, "issue")

    assert (question["result"], deed["result"], deed["after"]) == ("asked", "done", "done")
    assert deed["customer"] == await ref_of(customer)
    assert deed["actor"] == await name_of(member)
    assert deed["target"] == "1 × 422:1899"
    assert 'reason="late delivery"' in deed["line"]
    assert REFERENCE.fullmatch(deed["ref"])


async def test_five_taps_at_once_are_one_voucher(hire: Hire, customer: Chat, sandbox: Sandbox, bot: Bot) -> None:
    """One call, one row, one notice."""
    member = await hire("manager")
    data = await confirm(member, f"/issue {await ref_of(customer)} {HIGHLANDS} reason=goodwill")
    await member.do(*(member.phone.taps(data, "Issue it") for _ in range(5)))

    assert len(asked(sandbox)) == 1
    assert await bot.pool.fetchval("SELECT count(*) FROM issues") == 1
    assert len(customer.look()) == 1


async def test_an_unknown_end_is_said_and_both_are_told_how_it_ended(
    bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox
) -> None:
    """With the same request id, and each of the two once."""
    impatient(bot)
    member = await hire("manager")
    sandbox.fault(ISSUE, status=504, after=True, times=1)
    await issue(member, customer)

    first, *_, last = [str(item.message) for item in member.shown]
    assert member._("Unknown") in first
    assert (
        member._("Got It has not confirmed it yet. It is asked again by itself: please do not issue it again.") in first
    )
    (row,) = await issues.newest(bot.pool, only_open=False, limit=5, offset=0)
    facts = {"ref": row.ref, "customer": row.recipient, "name": "Voucher Highlands Coffee"}
    assert member._("Your voucher %(ref)s for %(customer)s was issued: %(name)s.", **facts) in last
    assert len(member.shown) == 2
    assert len({call.json["request_id"] for call in asked(sandbox)}) == 1
    assert len(sandbox.gotit.issued) == 1
    assert len(customer.look()) == 1


async def test_a_refusal_is_told_to_staff_alone(bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox) -> None:
    """The customer has not asked for it, and nothing is missing for them."""
    member = await hire("manager")
    sandbox.fault(ISSUE, status=400, times=1)
    await issue(member, customer)

    assert member.said("Failed")
    assert customer.look() == []
    assert (await trail(bot, "issue"))[-1]["result"] == "failed"


async def test_nobody_issues_to_themself(hire: Hire, sandbox: Sandbox) -> None:
    """§10 row 14."""
    member = await hire("owner")
    ref = await ref_of(member)
    await member.say(f"/issue {ref} {HIGHLANDS} reason=goodwill")

    assert member.said("%(customer)s is you. Somebody else of the staff has to do this.", customer=ref)
    assert member._("Issue it") not in member.buttons


async def test_nobody_issues_to_themself_on_another_channel(
    bot: Bot, channel: str, language: str, hire: Hire, sandbox: Sandbox
) -> None:
    """Who has linked the same phone there is the same person; also when that is known between the two taps."""
    member = await hire("owner")
    elsewhere = await arrive(bot, "messenger" if channel == "line" else "line", language)
    ref = await ref_of(elsewhere)
    data = await confirm(member, f"/issue {ref} {HIGHLANDS} reason=goodwill")
    await link(elsewhere)
    async with bot.pool.acquire() as connection, connection.transaction():
        linking, me = bot.turns.services.linking, await row_of(member)
        await linking.link(connection, me, "886912345678", bot.clock())
    await member.do(member.phone.taps(data, "Issue it"))

    assert member.said("%(customer)s is you. Somebody else of the staff has to do this.", customer=ref)
    await member.say(f"/issue {ref} {HIGHLANDS} reason=goodwill")
    assert member.said("%(customer)s is you. Somebody else of the staff has to do this.", customer=ref)
    assert asked(sandbox) == []


async def test_what_changed_since_the_preview_is_not_issued(
    bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox
) -> None:
    """Exactly what was shown, or nothing."""
    member = await hire("manager")
    data = await confirm(member, f"/issue {await ref_of(customer)} {HIGHLANDS} reason=goodwill")
    sandbox.gotit.gifts[0]["price_value"] = 900_000
    bot.turns.services.catalogue.forget()
    await member.do(member.phone.taps(data, "Issue it"))

    assert member.said("It was changed meanwhile. Nothing was done; please look again.")
    assert asked(sandbox) == []


async def test_a_customer_who_is_gone_gets_nothing(bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox) -> None:
    """They had their data deleted between the two taps."""
    member, ref = await hire("manager"), await ref_of(customer)
    data = await confirm(member, f"/issue {ref} {HIGHLANDS} reason=goodwill")
    await bot.pool.execute("DELETE FROM customers WHERE ref = $1", ref)
    await member.do(member.phone.taps(data, "Issue it"))

    assert member.said("There is no customer %(customer)s.", customer=ref)
    assert asked(sandbox) == []


async def test_what_got_it_does_not_have_cannot_be_issued(hire: Hire, customer: Chat) -> None:
    """A gift with the price of another one."""
    member = await hire("manager")
    await member.say(f"/issue {await ref_of(customer)} gift=422 price=1789 reason=goodwill")

    assert member.said("Got It has no voucher %(ids)s.", ids="422:1789")


async def test_no_answer_is_longer_than_three_messages(hire: Hire, customer: Chat, sandbox: Sandbox) -> None:
    """A counter is no place for reading."""
    member, ref = await hire("manager"), await ref_of(customer)
    await link(customer)
    await issue(member, customer)
    given = REFERENCE.search(member.text)
    assert given
    for line in (
        "/catalog",
        "/catalog show 422:1899",
        f"/gifts {ref}",
        f"/issue {ref} {HIGHLANDS} reason=goodwill",
        f"/issue show {given[0]}",
        "/issue list",
        f"/points {ref}",
        f"/unlink {ref}",
        "/link new 0912345678",
    ):
        await member.say(line)
        assert 1 <= len(member.shown) <= 3, line


# ── limits ───────────────────────────────────────────────────────────────────────────────────────


async def test_staff_have_so_many_vouchers_a_day(bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox) -> None:
    """Five; what failed does not count, and tomorrow is another day. A manager has no limit."""
    member = await hire("staff")
    sandbox.fault(ISSUE, status=400, times=1)
    await issue(member, customer, PHUC_LONG)
    bot.turns.services.catalogue.forget()
    await issue(member, customer, PHUC_LONG, more="qty=3")
    await issue(member, customer, PHUC_LONG)
    await member.say(f"/issue {await ref_of(customer)} {PHUC_LONG} qty=2 reason=goodwill")
    left = member._(
        "%(vouchers)s, worth %(value)s",
        vouchers=member._.ngettext("%(n)s voucher", "%(n)s vouchers", 1),
        value="₫420,000",
    )
    assert member.said("That is more than you may issue today: %(left)s are left. A manager can do it.", left=left)
    assert (await trail(bot, "issue"))[-1]["result"] == "refused: quota"

    manager = await hire("manager")
    await issue(manager, customer, PHUC_LONG, more="qty=10")
    assert manager.said("Issued")
    bot.ahead(days=1)
    await issue(member, customer, PHUC_LONG, more="qty=5")
    assert member.said("Issued")


async def test_staff_may_issue_so_much_value_a_day(hire: Hire, customer: Chat) -> None:
    """Half a million dong; the preview says what is left."""
    member, ref = await hire("staff"), await ref_of(customer)
    await issue(member, customer, HIGHLANDS)
    await member.say(f"/issue {ref} {HIGHLANDS} reason=goodwill")
    left = member._(
        "%(vouchers)s, worth %(value)s",
        vouchers=member._.ngettext("%(n)s voucher", "%(n)s vouchers", 4),
        value="₫400,000",
    )
    assert member.said("You may issue today") and left in member.text
    await member.say(f"/issue {ref} {WINMART} reason=goodwill")

    assert member.said("That is more than you may issue today: %(left)s are left. A manager can do it.", left=left)


async def test_a_quota_used_up_between_the_taps_is_kept(bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox) -> None:
    """It is counted again when the voucher is reserved."""
    member = await hire("staff")
    data = await confirm(member, f"/issue {await ref_of(customer)} {HIGHLANDS} reason=goodwill")
    services = bot.turns.services
    bot.having(services=replace(services, vouchers=replace(services.vouchers, quota=Quota(0, 0))))
    await member.do(member.phone.taps(data, "Issue it"))

    assert member._("Issued") not in member.text
    assert asked(sandbox) == []


async def test_a_second_person_agrees_to_large_ones(bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox) -> None:
    """TWO_PERSON_OVER: nothing is asked for before; it is issued in the name of who asked first."""
    bot.desk(two_person_over=100_000)
    member, other = await hire("manager"), await hire("manager")
    await issue(member, customer, HIGHLANDS)
    found = re.search(r"A-[0-9A-Z]{6}", member.text)
    assert found and asked(sandbox) == []

    await other.say(f"/approve {found[0]}")
    assert "422:1899" in other.text and "late delivery" in other.text
    await other.tap("Agree")
    assert other.said("Issued")
    (issued,) = sandbox.gotit.issued.values()
    assert issued["issuer_identify_id"] == str(await member_id(member))
    assert len(customer.look()) == 1


async def test_the_second_person_is_not_the_recipient(bot: Bot, hire: Hire, sandbox: Sandbox) -> None:
    """Two who give to each other need a third, whose agreement is still worth something."""
    bot.desk(two_person_over=100_000)
    member, other, third = await hire("manager"), await hire("manager"), await hire("manager")
    await issue(member, other, HIGHLANDS)
    found = re.search(r"A-[0-9A-Z]{6}", member.text)
    assert found
    await other.say(f"/approve {found[0]}")
    await other.tap("Agree")

    assert other.said("%(customer)s is you. Somebody else of the staff has to do this.", customer=await ref_of(other))
    assert asked(sandbox) == []
    assert len(member.look()) == 1 and found[0] in member.text  # agreed to, in vain
    await third.say(f"/approve {found[0]}")
    await third.tap("Agree")
    assert len(asked(sandbox)) == 1


async def test_small_ones_need_no_second_person(bot: Bot, hire: Hire, customer: Chat) -> None:
    """One dong below the limit."""
    bot.desk(two_person_over=100_001)
    member = await hire("manager")
    await issue(member, customer, HIGHLANDS)

    assert member.said("Issued")


async def test_owners_hear_of_large_ones(bot: Bot, owner: Chat, hire: Hire, customer: Chat) -> None:
    """More than staff may give in a day; the manager who gave it need not be told."""
    await owner.say("/whoami")
    member = await hire("manager")
    await issue(member, customer, PHONE_SHOP)
    ref = (await issues.newest(bot.pool, only_open=False, limit=1, offset=0))[0].ref
    owner.look()

    facts = {"name": await name_of(member), "customer": await ref_of(customer), "ref": ref}
    voucher = "Voucher Thế Giới Di Động"
    said = "%(name)s issues %(voucher)s (%(value)s) to %(customer)s, ref %(ref)s."
    assert owner.said(said, voucher=voucher, value="₫1,000,000", **facts)
    assert len(member.shown) == 1
    await issue(member, customer, WINMART)
    assert owner.look() == []


@pytest.fixture
async def two(bot: Bot, noon: None) -> list[Chat]:
    """Two customers."""
    return [await arrive(bot, "line", "en"), await arrive(bot, "line", "en")]


async def test_a_race_for_one_quota_has_as_many_winners_as_it_allows(bot: Bot, two: list[Chat]) -> None:
    """Ten reservations at once for two customers: the issuer's lock is the judge, on any number of workers."""
    vouchers = bot.turns.services.vouchers
    offer = {"name": "V", "brand": "B", "image": "", "price_value": 100_000}
    rows = [await row_of(chat) for chat in two]

    async def reserve(number: int) -> Any:
        async with bot.pool.acquire() as connection, connection.transaction():
            return await vouchers.reserve(
                connection,
                rows[number % 2],
                VoucherRequest(422, 1899, offer),
                key=f"race:{number}",
                kind="staff",
                issuer="7",
                now=bot.clock(),
                limited=True,
            )

    results = await asyncio.gather(*(reserve(number) for number in range(10)))
    assert sum(isinstance(each, Issue) for each in results) == 5
    assert sum(isinstance(each, CapReached) for each in results) == 5
    again = await reserve(next(number for number, each in enumerate(results) if isinstance(each, Issue)))
    assert isinstance(again, Issue), "the same wish is the same voucher, also when the quota is used up"


async def test_two_customers_do_not_share_the_last_voucher_of_a_quota(bot: Bot, two: list[Chat]) -> None:
    """The second reservation waits until the first is written: two customers have two accounts to be locked."""
    vouchers = replace(bot.turns.services.vouchers, quota=Quota(vouchers=1, value=10**9))
    wanted = VoucherRequest(422, 1899, {"name": "V", "brand": "B", "image": "", "price_value": 100_000})
    rows = [await row_of(chat) for chat in two]

    async def reserve(connection: Any, number: int) -> Any:
        return await vouchers.reserve(
            connection,
            rows[number],
            wanted,
            key=f"last:{number}",
            kind="staff",
            issuer="7",
            now=bot.clock(),
            limited=True,
        )

    async def in_another_transaction() -> Any:
        async with bot.pool.acquire() as connection, connection.transaction():
            return await reserve(connection, 1)

    async with bot.pool.acquire() as connection, connection.transaction():
        assert isinstance(await reserve(connection, 0), Issue)
        second = asyncio.create_task(in_another_transaction())
        done, _ = await asyncio.wait({second}, timeout=0.5)

    assert done == set()
    assert isinstance(await second, CapReached)


# ── finding out how it ended ─────────────────────────────────────────────────────────────────────


async def test_open_vouchers_are_listed_and_shown(hire: Hire, customer: Chat, sandbox: Sandbox) -> None:
    """With the decision as buttons."""
    found = await open_issue(customer, sandbox)
    member = await hire("manager")
    await member.say("/issue list unknown")
    assert f"{found.ref} · {member._('Needs a decision')}" in member.text

    await member.tap(found.ref)
    assert found.request_id in member.text
    for label in ("Ask again", "It was issued", "It was not"):
        assert member._(label) in member.buttons

    async with customer.bot.pool.acquire() as connection, connection.transaction():
        vouchers = customer.bot.turns.services.vouchers
        await vouchers.resolve(connection, found, customer.bot.clock(), ok=True, reason="")
    await member.say("/issue list unknown")
    assert member.said("There is no voucher of unknown outcome.")
    await member.say("/issues")
    assert f"{found.ref} · {member._('Issued')}" in member.text


async def test_asking_again_takes_it_up_at_once(bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox) -> None:
    """With the same request id; the points are taken once and the customer is told."""
    found = await open_issue(customer, sandbox)
    before = len(asked(sandbox))
    member = await hire("manager")
    await member.say(f"/issue retry {found.ref}")
    assert len(asked(sandbox)) == before
    await member.tap("Ask again")

    assert member.said("Issued")
    assert len(asked(sandbox)) == before + 1
    assert {call.json["request_id"] for call in asked(sandbox)} == {found.request_id}
    assert await account(customer) == (50, 0)
    customer.look()
    assert customer._.ngettext(*DONE, 100, name="Voucher Highlands Coffee", ref=found.ref) in customer.text
    assert (await trail(bot, "issue retry"))[-1]["before"] == "check"


async def test_asking_again_does_not_wait_for_the_schedule(
    bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox
) -> None:
    """The customer stands at the counter, and the next try by itself is minutes away. They are told the end, even if
    nobody had told them to wait."""
    found = await open_issue(customer, sandbox)
    soon = bot.clock() + timedelta(minutes=2)
    await bot.pool.execute("UPDATE issues SET state = 'unknown', awaited = false, next_at = $1", soon)
    member = await hire("manager")
    await member.say(f"/issue retry {found.ref}")
    await member.tap("Ask again")

    assert member.said("Issued")
    assert await account(customer) == (50, 0)
    assert len(customer.look()) == 1


async def test_asking_again_in_vain_leaves_it_to_staff(hire: Hire, customer: Chat, sandbox: Sandbox) -> None:
    """One call for each time somebody asks; the points stay held until a decision."""
    found = await open_issue(customer, sandbox)
    before = len(asked(sandbox))
    member = await hire("manager")
    sandbox.fault(ISSUE, status=504)
    await member.say(f"/issue retry {found.ref}")
    await member.tap("Ask again")

    assert member.said("Needs a decision")
    assert len(asked(sandbox)) == before + 1
    assert await account(customer) == (50, 100)
    await member.tap("It was not")
    await member.tap("It was not")


@pytest.mark.parametrize("end", ["ok", "failed"])
async def test_staff_settle_what_they_found_out(
    bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox, end: str
) -> None:
    """The points follow, the customer is told, and what has an end keeps it."""
    found = await open_issue(customer, sandbox)
    member = await hire("manager")
    label = "It was issued" if end == "ok" else "It was not"
    await member.say(f'/issue resolve {found.ref.lower()} {end} reason="asked by phone, 0912345678"')
    effect = member._.ngettext("%(n)s point is taken", "%(n)s points are taken", 100)
    back = member._.ngettext("%(n)s point is given back", "%(n)s points are given back", 100)
    assert (effect if end == "ok" else back) in member.text
    assert await account(customer) == (50, 100)
    await member.tap(label)

    assert await account(customer) == ((50, 0) if end == "ok" else (150, 0))
    settled = await issues.by_ref(bot.pool, found.ref)
    assert settled is not None and settled.reason is not None
    assert settled.reason.startswith(f"{await name_of(member)}: asked by phone") and "0912345678" not in settled.reason
    customer.look()
    assert len(customer.shown) == 1
    told = DONE if end == "ok" else GIVEN_BACK
    assert customer._.ngettext(*told, 100, name="Voucher Highlands Coffee", ref=found.ref) in customer.text

    for line in (f"/issue resolve {found.ref} ok reason=sure", f"/issue retry {found.ref}"):
        await member.say(line)
        assert member.said("%(ref)s is settled already, and stays as it is.", ref=found.ref)
        assert member.said("Issued" if end == "ok" else "Failed")


@pytest.mark.parametrize("how", ["retry", "resolve"])
async def test_whoever_gave_it_hears_what_others_found_out(
    bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox, how: str
) -> None:
    """Once; the manager has read it already."""
    impatient(bot)
    giver, manager = await hire("staff"), await hire("manager")
    sandbox.fault(ISSUE, status=504)
    await issue(giver, customer)
    bot.mend()
    (found,) = await issues.unsettled(bot.pool)
    giver.look()
    if how == "retry":
        await manager.say(f"/issue retry {found.ref}")
        await manager.tap("Ask again")
    else:
        await manager.say(f"/issue resolve {found.ref} ok reason=asked")
        await manager.tap("It was issued")
    giver.look()

    facts = {"ref": found.ref, "customer": found.recipient, "name": "Voucher Highlands Coffee"}
    assert len(giver.shown) == 1
    assert giver.said("Your voucher %(ref)s for %(customer)s was issued: %(name)s.", **facts)
    assert len(manager.shown) == 1
    assert len(customer.look()) == 1


@pytest.mark.parametrize("before", ["", "retry", "sweep"])
async def test_a_gift_that_did_not_come_is_no_news_to_its_customer(
    bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox, before: str
) -> None:
    """They never heard of it, whatever was tried before it was given up."""
    impatient(bot)
    giver, manager = await hire("staff"), await hire("manager")
    sandbox.fault(ISSUE, status=504)
    await issue(giver, customer)
    (found,) = await issues.unsettled(bot.pool)
    if before == "retry":
        await manager.say(f"/issue retry {found.ref}")
        await manager.tap("Ask again")
    elif before == "sweep":
        await bot.pool.execute("UPDATE issues SET state = 'unknown', created_at = now() - interval '1 hour'")
        await bot.pool.execute("DELETE FROM pgqueuer")
        assert await issues.requeue_orphans(bot.pool) == 1
        await bot.quiet()
    giver.look()
    await manager.say(f"/issue resolve {found.ref} failed reason=asked")
    await manager.tap("It was not")

    giver.look()
    facts = {"ref": found.ref, "customer": found.recipient, "name": "Voucher Highlands Coffee"}
    assert giver.said("Your voucher %(ref)s for %(customer)s could not be issued: %(name)s.", **facts)
    assert customer.look() == []


async def test_the_first_of_two_decisions_counts(hire: Hire, customer: Chat, sandbox: Sandbox) -> None:
    """Two managers, both with the question on their screens."""
    found = await open_issue(customer, sandbox)
    one, other = await hire("manager"), await hire("manager")
    await one.say(f"/issue resolve {found.ref} ok reason=sure")
    await other.say(f"/issue resolve {found.ref} failed reason=sure")
    await one.tap("It was issued")
    await other.tap("It was not")

    assert other.said("%(ref)s is settled already, and stays as it is.", ref=found.ref)
    assert await account(customer) == (50, 0)


async def test_what_is_being_asked_is_not_settled(bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox) -> None:
    """Given up now, it might be issued a second later, and the points would be back."""
    found = await open_issue(customer, sandbox)
    member = await hire("manager")
    await member.say(f"/issue resolve {found.ref} failed reason=sure")
    await bot.pool.execute(
        "UPDATE issues SET state = 'unknown', leased_until = $1", bot.clock() + timedelta(seconds=30)
    )
    await member.tap("It was not")

    assert member.said(
        "Got It is being asked about %(ref)s at this moment. Please look again in a minute.", ref=found.ref
    )
    assert await account(customer) == (50, 100)
    bot.ahead(seconds=31)
    await member.say(f"/issue resolve {found.ref} failed reason=sure")
    await member.tap("It was not")
    assert await account(customer) == (150, 0)


async def test_nobody_settles_their_own_voucher(bot: Bot, hire: Hire, sandbox: Sandbox) -> None:
    """It could give points back for a voucher that they have."""
    member = await hire("manager")
    found = await open_issue(member, sandbox)
    ref = await ref_of(member)
    await member.say(f"/issue resolve {found.ref} failed reason=sure")

    assert member.said("%(customer)s is you. Somebody else of the staff has to do this.", customer=ref)
    async with bot.pool.acquire() as connection, connection.transaction():
        await bot.turns.services.vouchers.resolve(connection, found, bot.clock(), ok=True, reason="")


async def test_the_operator_gives_and_settles_too(bot: Bot, customer: Chat, sandbox: Sandbox) -> None:
    """`giftdesk admin`: with another name, and without a chat of their own."""
    found = await open_issue(customer, sandbox)
    operator = Operator(bot.turns, customer.tag)

    async def said(line: str) -> str:
        return "\n".join(plain(message) for message in (await operator.run(line)).messages)

    assert found.ref in await said("/issue list unknown")
    await operator.run(f"/issue resolve {found.ref} failed reason=asked")
    await operator.confirm("")
    assert await account(customer) == (150, 0)

    ref = await ref_of(customer)
    await operator.run(f"/issue {ref} {HIGHLANDS} reason=goodwill")
    await operator.confirm("")
    (issued,) = sandbox.gotit.issued.values()
    assert issued["issuer_identify_id"] == "operator"
    await operator.run(f"/points {ref} +5 reason=goodwill")
    await operator.confirm("")
    assert "operator · goodwill" in await said(f"/points {ref}")
    assert "09••-•••-678" in await said("/link new 0912345678")


async def test_any_receipt_tells_its_kind_and_its_issuer(
    bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox
) -> None:
    """`/ref` for staff, with the decisions for managers only."""
    member = await hire("staff")
    await issue(member, customer)
    given = REFERENCE.search(member.text)
    assert given
    await member.say(f"/ref {given[0]}")
    assert await name_of(member) in member.text

    found = await open_issue(customer, sandbox)
    await member.say(f"/ref {found.ref}")
    assert member.said("exchanged for points")
    assert member._("Ask again") not in member.buttons
    manager = await hire("manager")
    await manager.say(f"/ref {found.ref}")
    assert manager._("Ask again") in manager.buttons
    async with bot.pool.acquire() as connection, connection.transaction():
        await bot.turns.services.vouchers.resolve(connection, found, bot.clock(), ok=True, reason="")

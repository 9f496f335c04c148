"""Customers, receipts and groups, as staff may see them."""

from __future__ import annotations

from datetime import datetime

import asyncpg
import pytest
from chat import Bot, Chat

from admin.conftest import Hire
from admin.counter import arrive, ref_of
from bot.apis.poshen import Named
from sandbox.people import demo_id


@pytest.fixture
async def customer(bot: Bot, chat: Chat) -> Chat:
    """Somebody with a receipt."""
    await chat.say("WELCOME2026")
    return chat


async def facts(tables: asyncpg.Pool, chat: Chat) -> tuple[str, str]:
    """The customer's reference and their receipt's."""
    row = await tables.fetchrow(
        "SELECT c.ref AS customer, l.ref AS receipt FROM customers c LEFT JOIN claims l ON l.customer_id = c.id "
        "WHERE split_part(c.person, ':', 3) = $1",
        chat.user,
    )
    return row["customer"], row["receipt"]


async def test_a_customer_is_found_by_number_and_by_receipt(hire: Hire, customer: Chat, tables: asyncpg.Pool) -> None:
    """And is then the last one."""
    ref, receipt = await facts(tables, customer)
    member = await hire("staff")
    for typed in (ref, ref.lower(), receipt, "last", "LAST"):
        await member.say(f"/who {typed}")

        assert ref in member.text
        assert member.said("Redeemed codes")


async def test_one_reference_of_two_receipts_means_the_same_everywhere(
    hire: Hire, customer: Chat, tables: asyncpg.Pool
) -> None:
    """Two that were drawn in the same instant: whoever's `/ref` shows is whom the other commands mean."""
    ref, receipt = await facts(tables, customer)
    other = customer.bot.chat(customer.channel)
    await other.say("menu")
    others, _ = await facts(tables, other)
    await tables.execute(
        "INSERT INTO issues (ref, key, request_id, kind, state, customer_id, recipient, issuer, gift_id, price_id, "
        "quantity, cost, balance, offer) SELECT $1, 'k', 'r', 'exchange', 'done', id, ref, 'bot', 1, 1, 1, 0, 0, "
        """'{"name": "Tea", "brand": "", "image": "", "price_value": 1}' FROM customers WHERE ref = $2""",
        receipt,
        others,
    )
    member = await hire("staff")

    for line in (f"/ref {receipt}", f"/who {receipt}"):
        await member.say(line)
        assert others in member.text
        assert ref not in member.text


async def test_a_customer_is_shown_without_what_identifies_them(
    hire: Hire, customer: Chat, tables: asyncpg.Pool
) -> None:
    """Neither the platform's id nor a name."""
    ref, _ = await facts(tables, customer)
    member = await hire("staff")

    await member.say(f"/who {ref}")

    assert customer.user not in member.text


async def test_a_mistake_is_undone_by_taps(hire: Hire, customer: Chat, tables: asyncpg.Pool) -> None:
    """From the customer to their receipt to its undoing, with a queue at the counter."""
    ref, receipt = await facts(tables, customer)
    member = await hire("manager")

    await member.say(f"/who {ref}")
    await member.tap(receipt)
    await member.tap("Undo")
    await member.tap("Undo it")

    assert await tables.fetchval("SELECT count(*) FROM claims") == 0
    await customer.say("WELCOME2026")
    assert await tables.fetchval("SELECT count(*) FROM claims") == 1


async def test_taps_are_offered_to_whom_they_are_allowed(hire: Hire, customer: Chat, tables: asyncpg.Pool) -> None:
    """No button that only leads to a refusal."""
    ref, receipt = await facts(tables, customer)
    member = await hire("staff")

    await member.say(f"/who {ref}")
    assert member._("Points") not in member.buttons
    await member.tap("Wallet")
    assert ref in member.text
    await member.say(f"/ref {receipt}")
    assert member._("Undo") not in member.buttons


async def test_a_platforms_id_is_for_owners(hire: Hire, customer: Chat, tables: asyncpg.Pool) -> None:
    """Staff at the counter have no use for it."""
    ref, _ = await facts(tables, customer)
    owner, member = await hire("owner"), await hire("manager")

    await member.say(f"/who {customer.user}")
    assert ref not in member.text
    await owner.say(f"/who {customer.user}")

    assert ref in owner.text


async def test_a_members_name_is_for_owners(hire: Hire, tables: asyncpg.Pool) -> None:
    """It leads to their own number."""
    owner, mia = await hire("owner"), await hire("manager", "mia")
    ref, _ = await facts(tables, mia)

    await owner.say("/who Mia")

    assert ref in owner.text


@pytest.mark.parametrize("typed", ["C-000000", "R-000000", "last", "nobody"])
async def test_nobody_is_nobody(hire: Hire, typed: str) -> None:
    """Said as it is."""
    member = await hire("owner")

    await member.say(f"/who {typed}")

    assert member.said("There is no customer %(customer)s.", customer=typed)


async def test_any_receipt_is_shown_to_staff(hire: Hire, customer: Chat, tables: asyncpg.Pool) -> None:
    """Whose, what, when; the code masked."""
    ref, receipt = await facts(tables, customer)
    member = await hire("staff")

    await member.say(f"/ref {receipt.lower()}")

    assert receipt in member.text
    assert ref in member.text
    assert "WELC••••26" in member.text
    await member.tap(ref)
    assert member.said("Redeemed codes")


async def test_a_customers_number_is_no_receipt(bot: Bot, channel: str, hire: Hire) -> None:
    """What was meant is one tap away."""
    member, ref = await hire("staff"), await ref_of(await arrive(bot, channel, "en"))
    await member.say(f"/ref {ref.lower()}")
    assert member.said("%(ref)s is a customer's number, not a receipt's. /who shows them.", ref=ref)

    await member.tap(f"/who {ref}")
    assert member.said("Redeemed codes")


async def test_an_unknown_receipt_is_none(hire: Hire) -> None:
    """Said as it is."""
    member = await hire("staff")

    await member.say("/ref R-000000")

    assert member.said("There is no receipt %(ref)s.", ref="R-000000")


async def test_a_receipt_outlives_its_customer(bot: Bot, hire: Hire, customer: Chat, tables: asyncpg.Pool) -> None:
    """Who deleted their data is not named."""
    _ref, receipt = await facts(tables, customer)
    await tables.execute("UPDATE claims SET customer_id = NULL")
    member = await hire("staff")

    await member.say(f"/ref {receipt}")

    assert member.said("deleted their data")


# ── groups ───────────────────────────────────────────────────────────────────────────────────


async def welcome(bot: Bot) -> Named:
    """The group of the demo's first code, as Poshen has it."""
    assert bot.turns.apis.poshen is not None
    code = await bot.turns.apis.poshen.find("WELCOME2026")
    assert code is not None and code.group is not None
    return code.group


async def test_a_pause_holds_customers_off(bot: Bot, owner: Chat, chat: Chat, tables: asyncpg.Pool) -> None:
    """Until it is taken back."""
    group = await welcome(bot)
    await owner.say(f"/group pause {group.id}")
    await owner.tap("Pause")
    await chat.say("WELCOME2026")
    assert chat.said("This campaign is paused — please try later.")

    await owner.tap("Resume")
    await owner.tap("Resume")
    await chat.say("WELCOME2026")

    assert await tables.fetchval("SELECT count(*) FROM claims") == 1


async def test_a_group_is_shown_with_poshens_name(bot: Bot, owner: Chat) -> None:
    """And with how many codes it has."""
    group = await welcome(bot)

    await owner.say(f"/group show {group.id}")

    assert group.name in owner.text
    assert owner.said("Codes")


async def test_a_group_is_shown_while_poshen_is_down(bot: Bot, owner: Chat) -> None:
    """Our own part of it, and what is wrong."""
    bot.sandbox.fault("poshen", status=503)

    await owner.say("/group show 5")

    assert owner.said("Policy")
    assert owner.said("%(vendor)s cannot be reached right now. Nothing was changed.", vendor="Poshen")


async def test_every_group_of_the_codes_is_listed(owner: Chat) -> None:
    """Whoever makes a code needs a group's number, whether anything was decided about it or not."""
    await owner.say("/group policy 77 per=2 --anyway")
    await owner.tap("Change it")

    await owner.say("/code create NEW2027X")
    await owner.tap("List groups")

    assert all(group in owner.text for group in ("#5 新春活動", "#6 端午活動", "#77"))
    await owner.tap("#6")
    assert "端午活動" in owner.text


async def test_a_long_list_of_groups_says_so(bot: Bot, owner: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    """No group is said not to exist because there are many codes."""
    monkeypatch.setattr("handlers.admin.codes.SCANNED", 20)
    monkeypatch.setattr("handlers.admin.codes.SCAN", 20)

    await owner.say("/groups")

    assert owner.said("Only the groups of the first %(n)s codes are shown; /group show finds any other.", n=20)


async def test_groups_are_listed_while_poshen_is_down(bot: Bot, owner: Chat) -> None:
    """Those that something was decided about, and what is wrong."""
    await owner.say("/group policy 5 per=2")
    await owner.tap("Change it")
    bot.sandbox.fault("poshen", status=503)

    await owner.say("/groups")

    assert owner.said("%(vendor)s cannot be reached right now. Nothing was changed.", vendor="Poshen")
    assert "#5" in owner.text


async def test_a_policy_keeps_what_is_left_out(bot: Bot, owner: Chat, tables: asyncpg.Pool) -> None:
    """And `none` takes one limit away."""
    for line in ("per=2 max=7 from=2026-12-01 until=2026-12-31", "max=none"):
        await owner.say(f"/group policy 5 {line}")
        await owner.tap("Change it")

    row = await tables.fetchrow("SELECT per_customer, max_claims, starts_at, ends_at FROM policies")
    assert row["per_customer"] == 2
    assert row["max_claims"] is None
    assert row["ends_at"].astimezone(bot.settings.zone).isoformat() == "2027-01-01T00:00:00+08:00"
    last = datetime(2026, 12, 31, 12, tzinfo=bot.settings.zone)
    assert owner.said("until the end of %(date)s", date=owner._.date(last))
    await owner.say("/group show 5")
    assert owner.said("until the end of %(date)s", date=owner._.date(last))


UNKNOWN_GROUP = (
    "Poshen shows no code in group #%(group)s, so there may be no such group. Nothing was changed. /groups lists "
    "the groups that have codes, /codes their codes. If it is a new group without codes yet, go on."
)


@pytest.mark.parametrize("line", ["/group policy 77 per=2", "/group pause 77"])
async def test_nothing_is_decided_about_a_group_that_nobody_knows(
    bot: Bot, owner: Chat, tables: asyncpg.Pool, line: str
) -> None:
    """A mistyped number is told; a new group, which has no codes to be known by, is one tap away."""
    await owner.say(line)

    assert owner.said(UNKNOWN_GROUP, group=77)
    assert not {owner._("Change it"), owner._("Pause")} & set(owner.buttons)
    await owner.tap("It is a new group")
    assert owner.said("Poshen shows no code of this group.")
    assert await tables.fetchval("SELECT count(*) FROM policies") == 0
    await owner.tap("Pause" if "pause" in line else "Change it")
    assert await tables.fetchval("SELECT count(*) FROM policies WHERE group_id = 77") == 1


async def test_what_was_decided_about_a_group_can_be_taken_back_when_its_codes_are_gone(owner: Chat) -> None:
    """Nobody is asked to prove that it exists."""
    await owner.say("/group policy 77 per=2 max=5 --anyway")
    await owner.tap("Change it")
    await owner.say("/group policy 77 max=none")

    assert not owner.said(UNKNOWN_GROUP, group=77)
    assert owner.data_of("Change it")


async def test_a_campaign_is_paused_while_poshen_is_down(bot: Bot, owner: Chat, tables: asyncpg.Pool) -> None:
    """That nobody could check the number is said, and no reason to let a campaign run on."""
    bot.sandbox.fault("poshen", status=503)
    await owner.say("/group pause 5")
    assert owner.said("Nobody could check now whether Poshen has this group.")
    await owner.tap("Pause")

    assert await tables.fetchval("SELECT paused FROM policies WHERE group_id = 5")


async def test_dates_in_the_wrong_order_are_refused(owner: Chat) -> None:
    """Nobody could ever redeem."""
    await owner.say("/group policy 5 from=2026-12-31 until=2026-12-01")

    assert owner.said("The last day would be before the first one.")


async def test_alerts_reach_whoever_is_in_charge(bot: Bot, owner: Chat, hire: Hire, chat: Chat) -> None:
    """Owners and managers, each in their language; staff at the counter are left alone."""
    manager, member = await hire("manager"), await hire("staff")
    await owner.say("/whoami")

    await chat.say("agent")

    ref = await bot.pool.fetchval("SELECT ref FROM customers WHERE split_part(person, ':', 3) = $1", chat.user)
    told = "Customer %(customer)s on %(channel)s asks for a person."
    name = {"line": "LINE", "messenger": "Messenger"}[chat.channel]
    for each in (owner, manager):
        each.look()
        assert each.said(told, customer=ref, channel=name)
    member.look()
    assert member.shown == []
    assert owner.user == demo_id(owner.channel, "staff")

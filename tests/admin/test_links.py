"""Linking phones at the counter: both sides of it."""

from __future__ import annotations

import re
from dataclasses import replace

import asyncpg
import pytest
from chat import Bot, Chat
from conversations.proving import PHONE, PROVEN, link

from admin.conftest import Hire
from admin.counter import arrive, member_id, ref_of, trail
from sandbox import Sandbox

CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}")
INVALID = "That link code isn't valid any more — please ask staff for a new one."


@pytest.fixture
async def customer(bot: Bot, channel: str, language: str) -> Chat:
    """Somebody at the counter."""
    return await arrive(bot, channel, language)


async def new_code(member: Chat, phone: str = PHONE) -> str:
    """What the member reads out."""
    await member.order(f"/link new {phone}")
    found = CODE.search(member.text)
    assert found, member.text
    return found[0]


async def type_code(chat: Chat, code: str) -> None:
    """As customers do, in their language."""
    await chat.say(f"link {code.lower()}" if chat.tag == "en" else f"綁定 {code.replace('-', ' ')}")


@pytest.mark.parametrize("language", ["zh-TW", "en"])
async def test_a_phone_is_linked_at_the_counter(
    bot: Bot, channel: str, language: str, hire: Hire, customer: Chat, sandbox: Sandbox
) -> None:
    """§11 script 9: a typed phone is looked up nowhere; a code links it; a second account takes it over, and the
    first one hears of it."""
    await customer.say(PHONE)
    assert customer.said("Thanks — for your safety we don't look up typed numbers. Ask our staff for a link code.")
    assert sandbox.calls("altegio") == []

    member = await hire("staff")
    code = await new_code(member)
    assert member.said("Valid for 10 minutes, once. Read it out to the customer; don't type it for them.")
    assert "09••-•••-678" in member.text and PHONE not in member.text
    assert sandbox.calls("altegio") == []

    await type_code(customer, code)
    assert customer.said("Linked: %(phone)s. You can check balances any time.", phone="09••-•••-678")
    await customer.tap("Gift cards")
    assert "••••0017" in customer.text

    second = await arrive(bot, channel, language)
    await type_code(second, await new_code(member))
    assert second.said("Linked: %(phone)s. You can check balances any time.", phone="09••-•••-678")
    customer.look()
    assert customer.said(
        "Phone %(phone)s was linked to another account. If that wasn't you, contact us now.", phone="09••-•••-678"
    )
    assert customer._("Talk to a person") in customer.buttons
    await customer.say("gift card" if language == "en" else "禮品卡")
    assert customer.said("To protect your balance, link your phone first.")


async def test_the_member_hears_once_that_the_code_was_used(hire: Hire, customer: Chat, bot: Bot) -> None:
    """With whom, so that a code that went astray is noticed."""
    member = await hire("staff")
    code = await new_code(member)
    await type_code(customer, code)
    member.look()

    ref = await ref_of(customer)
    facts = {"phone": "09••-•••-678", "customer": ref}
    assert len(member.shown) == 1
    assert member.said("Linked: %(phone)s, with your code, to %(customer)s.", **facts)
    await member.tap("Show")
    assert ref in member.text and member.said("at the counter")

    await type_code(customer, code)
    assert customer.said(INVALID)
    assert member.look() == []


async def test_the_phone_is_nowhere_but_in_the_seal(
    bot: Bot, hire: Hire, customer: Chat, tables: asyncpg.Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not in the trail, in no table, in no log."""
    member = await hire("staff")
    await type_code(customer, await new_code(member, "+886 912-345-678"))
    await member.order(f"/link cancel {PHONE}")
    await bot.quiet()

    assert [entry["line"] for entry in await trail(bot, "link new")] == ["/link new •••"] * 2
    for table in ("audit", "customers", "link_codes", "links", "events", "pushes", "staff"):
        kept = str([tuple(row) for row in await tables.fetch(f"SELECT * FROM {table}")])
        assert PHONE not in kept and PROVEN not in kept and "345-678" not in kept, table
    assert "345678" not in capsys.readouterr().out.replace("-", "").replace(" ", "")


async def test_phones_come_as_people_write_them(hire: Hire) -> None:
    """With blanks, too: what follows the command is one number."""
    member = await hire("staff")
    for typed in ("0912 345 678", "0912-345-678", "+886912345678", "０９１２３４５６７８", "(09) 1234-5678"):
        await new_code(member, typed)
        assert "09••-•••-678" in member.text


async def test_what_is_no_phone_is_told_and_not_repeated(hire: Hire) -> None:
    """Half a number is a part of somebody's."""
    member = await hire("staff")
    for typed in ("12345", "09123456789012", "Amy", "C-8F3K2M"):
        await member.order(f"/link new {typed}")

        example = "That is no phone number. Example: /link new 0912345678, or with its country: +886912345678"
        assert member.said(example)
        assert typed not in member.text.replace(member._(example), "")


async def test_a_cancelled_code_is_worth_nothing(hire: Hire, customer: Chat) -> None:
    """Any member may cancel it; a second time there is none."""
    member, other = await hire("staff"), await hire("staff")
    code = await new_code(member)
    await other.order(f"/link cancel {PHONE}")
    assert other.said("The code for %(phone)s is cancelled.", phone="09••-•••-678")

    await type_code(customer, code)
    assert customer.said(INVALID)
    await other.order(f"/link cancel {PHONE}")
    assert other.said("There is no code for %(phone)s.", phone="09••-•••-678")


async def test_a_code_is_not_for_who_made_it(hire: Hire, customer: Chat) -> None:
    """Staff would see any customer's balance; it reads like any wrong code, and still works for the customer."""
    member = await hire("staff")
    code = await new_code(member)
    await type_code(member, code)
    assert member.said(INVALID)
    await member.say(code)
    assert not member.said("Linked: %(phone)s. You can check balances any time.", phone="09••-•••-678")

    await type_code(customer, code)
    assert customer.said("Linked: %(phone)s. You can check balances any time.", phone="09••-•••-678")


async def test_thirty_codes_a_day_are_enough(bot: Bot, hire: Hire) -> None:
    """The next one is told; somebody else, or tomorrow, can make it."""
    member, other = await hire("staff"), await hire("staff")
    async with bot.pool.acquire() as connection, connection.transaction():
        for number in range(30):
            assert await bot.turns.services.linking.new_code(
                connection, f"8869123400{number:02}", staff=str(await member_id(member)), now=bot.clock()
            )
    await member.order(f"/link new {PHONE}")
    assert member.said("You have made %(n)s codes within a day. Somebody else can make the next one.", n=30)
    assert CODE.search(member.text) is None

    assert await new_code(other)
    bot.ahead(days=1)
    assert await new_code(member)


async def test_a_manager_takes_a_link_away(bot: Bot, hire: Hire, customer: Chat, sandbox: Sandbox) -> None:
    """After a question; the customer is told, and sees no cards any more (§10 row 10)."""
    await link(customer)
    member, ref = await hire("manager"), await ref_of(customer)
    await member.say(f"/unlink {ref}")
    assert "678" not in member.text
    assert await bot.pool.fetchval("SELECT count(*) FROM links") == 1
    await member.tap("Unlink")

    assert member.said("%(customer)s is unlinked, and has been told.", customer=ref)
    customer.look()
    assert len(customer.shown) == 1
    assert customer.said("Our staff unlinked your phone %(phone)s. Your balance is unaffected.", phone="09••-•••-678")
    await customer.say("gift card" if customer.tag == "en" else "禮品卡")
    assert customer.said("To protect your balance, link your phone first.")
    (question, deed) = await trail(bot, "unlink")
    assert (question["result"], deed["result"], deed["after"]) == ("asked", "done", "not linked")


async def test_five_confirmations_are_one_notice(bot: Bot, hire: Hire, customer: Chat) -> None:
    """Redelivered, or tapped again and again."""
    await link(customer)
    member = await hire("manager")
    await member.say(f"/unlink {await ref_of(customer)}")
    data = member.data_of("Unlink")
    await member.do(*(member.phone.taps(data, "Unlink") for _ in range(5)))

    assert len(customer.look()) == 1


async def test_who_has_no_link_cannot_be_unlinked(hire: Hire, customer: Chat) -> None:
    """Nor who does not exist."""
    member, ref = await hire("manager"), await ref_of(customer)
    await member.say(f"/unlink {ref}")
    assert member.said("%(customer)s has no linked phone.", customer=ref)
    await member.say("/unlink C-0000ZZ")
    assert member.said("There is no customer %(customer)s.", customer="C-0000ZZ")


async def test_without_altegio_no_codes_are_made(bot: Bot, hire: Hire) -> None:
    """They would lead customers to nothing."""
    bot.having(apis=replace(bot.turns.apis, altegio=None))
    member = await hire("staff")
    await member.order(f"/link new {PHONE}")

    assert member.said("Gift cards are switched off here: Altegio's settings are not set.")

"""Points and vouchers: what a code brings, what it can be exchanged for, and that it happens once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from chat import Bot, Chat

from bot.storage import customers, rewards
from bot.storage.customers import Customer
from bot.storage.rewards import Grant
from sandbox import Sandbox, shop
from sandbox.gotit import demo_gifts

GOLD = 1  # the reward of WELCOME2026
HIGHLANDS = 100  # points for the voucher of 100,000 dong
REFERENCE = re.compile(r"R-[0-9A-HJKMNP-TV-Z]{6}")
ON_HOLD = (
    "Your %(n)s point is on hold and won't be taken twice. We'll tell you here.",
    "Your %(n)s points are on hold and won't be taken twice. We'll tell you here.",
)
GIVEN_BACK = (
    "%(name)s (ref %(ref)s) could not be issued. Your %(n)s point is back.",
    "%(name)s (ref %(ref)s) could not be issued. Your %(n)s points are back.",
)


@pytest.fixture(autouse=True)
async def sums(tables: asyncpg.Pool) -> AsyncIterator[None]:
    """After every test each account is the sum of its ledger, and holds what its open issues cost."""
    yield
    assert (
        await tables.fetch(
            """
            SELECT a.customer_id FROM accounts a
            WHERE a.available <> (SELECT coalesce(sum(available), 0) FROM points p WHERE p.customer_id = a.customer_id)
                OR a.held <> (SELECT coalesce(sum(held), 0) FROM points p WHERE p.customer_id = a.customer_id)
                OR a.held <> (SELECT coalesce(sum(cost), 0) FROM issues i
                    WHERE i.customer_id = a.customer_id AND state IN ('pending', 'unknown', 'check'))
            """
        )
        == []
    )


@pytest.fixture
async def rich(friend: Chat, tables: asyncpg.Pool) -> Chat:
    """A customer with 250 points; on every channel and in every language."""
    await give(friend, tables, 250)
    return friend


async def give(chat: Chat, tables: asyncpg.Pool, amount: int) -> None:
    """Points, as staff give them."""
    async with tables.acquire() as connection, connection.transaction():
        customer = await connection.fetchval("SELECT id FROM customers WHERE person LIKE $1", f"%:{chat.user}")
        await chat.bot.turns.services.points.adjust(
            connection,
            customer,
            amount,
            key=f"test:{chat.user}:{amount}",
            actor="test",
            reason="",
            now=chat.bot.clock(),
        )


async def account(tables: asyncpg.Pool) -> tuple[int, int]:
    """(available, held) of the only customer with points."""
    row = await tables.fetchrow("SELECT available, held FROM accounts WHERE available + held > 0 OR true LIMIT 1")
    return (row["available"], row["held"]) if row else (0, 0)


def issue_calls(sandbox: Sandbox) -> list[Any]:
    """Every request to issue that reached Got It."""
    return [call for call in sandbox.calls("gotit") if call.path.endswith("/gifts/issue")]


async def look_for(chat: Chat, brand: str = "Highlands") -> None:
    """Search the catalogue."""
    await chat.say("vouchers" if chat.tag == "en" else "換禮券")
    await chat.tap("Search")
    await chat.say(brand)


async def confirm(chat: Chat, brand: str = "Highlands") -> str:
    """Search a voucher, tap [Get it]; returns the data of the [Confirm] button."""
    await look_for(chat, brand)
    await chat.tap("Get it")
    return chat.data_of("Confirm")


async def exchange(chat: Chat, brand: str = "Highlands") -> None:
    """A voucher, from the catalogue to the confirmed tap."""
    data = await confirm(chat, brand)
    await chat.do(chat.phone.taps(data, "Confirm"))


def impatient(bot: Bot, *, pauses: int = 3) -> None:
    """What is unknown is asked again after a moment instead of after seconds and minutes."""
    soon = (timedelta(milliseconds=30),) * pauses
    services = bot.turns.services
    vouchers = replace(services.vouchers, pauses=soon, promised_pauses=soon)
    redemption = replace(services.redemption, vouchers=vouchers)
    bot.having(services=replace(services, vouchers=vouchers, redemption=redemption))


# ── the catalogue ────────────────────────────────────────────────────────────────────────────────


async def test_the_catalogue_says_the_points_and_what_is_missing(rich: Chat) -> None:
    """Cards with brand, value and price; what is too dear says how many points are missing."""
    await rich.say("vouchers" if rich.tag == "en" else "換禮券")

    assert rich.said("You have %(points)s.", points=rich._.ngettext("%(n)s point", "%(n)s points", 250))
    assert "Phúc Long" in rich.text
    assert "₫20,000" in rich.text

    await rich.tap("500–1,000")
    assert rich._.ngettext("%(n)s more point", "%(n)s more points", 250) in rich.text
    assert rich._("Get it") not in rich.buttons


async def test_without_points_the_catalogue_can_still_be_looked_at(chat: Chat) -> None:
    """It says that there are none yet, not that there are 0 of them."""
    await chat.say("vouchers")

    assert chat.said("Not enough points for a voucher yet. Collect some more and come back.")
    assert len(chat.shown) > 1


async def test_pages_of_the_catalogue_follow_one_another(rich: Chat) -> None:
    """Nine vouchers and one card that leads on; every voucher is shown once."""
    own = {gift["name"] for gift in demo_gifts() if gift["brand"]["name"] == shop.NAME}
    await rich.say("vouchers")
    shown = set(rich.texts)
    while rich._("Next page") in rich.buttons:
        await rich.tap("Next page")
        shown |= set(rich.texts)

    assert own <= shown and len(own) == 16


@pytest.mark.parametrize("query", ["phuc long", "PHÚC LONG", "phúc", "ｐｈｕｃ"])
async def test_a_brand_is_found_without_its_accents(bot: Bot, query: str) -> None:
    """Nobody types Vietnamese on a phone set to Chinese."""
    chat = bot.chat("line", language="en")
    await chat.say("vouchers")
    await chat.tap("Search")
    await chat.say(query)

    assert "Phúc Long" in chat.text
    assert "Highlands" not in chat.text


async def test_what_is_not_found_is_said(chat: Chat) -> None:
    """With the way back."""
    await chat.say("vouchers")
    await chat.tap("Search")
    await chat.say("zzz")

    assert chat.said("Nothing found for “%(query)s”.", query="zzz")
    assert chat._("All") in chat.buttons


async def test_pictures_come_from_allowed_hosts_only(bot: Bot, sandbox: Sandbox) -> None:
    """Platforms fetch whatever address a card names."""
    sandbox.gotit.gifts[0]["image"] = "https://evil.example/x.png"
    sandbox.gotit.gifts[1]["image"] = "http://img.gotit.vn/x.png"
    chat = bot.chat("line", language="en")
    await chat.say("vouchers")

    sent = str([item.message for item in chat.shown])
    assert "evil.example" not in sent
    assert "http://img.gotit.vn" not in sent
    assert "https://img-stg.gotit.vn" in sent


async def test_an_unpriced_voucher_is_not_shown(bot: Bot, sandbox: Sandbox) -> None:
    """Where neither Got It nor the brand says what it costs."""
    services = bot.turns.services
    unpriced = replace(services.catalogue, point_per_vnd=None, overrides={2260: 15})
    bot.having(services=replace(services, catalogue=unpriced))
    chat = bot.chat("line", language="en")
    await chat.say("vouchers")

    assert "Phúc Long" in chat.text
    assert "15 points" in chat.text
    assert "Highlands" not in chat.text


@pytest.mark.parametrize("value", [0, -5])
async def test_a_voucher_without_a_worth_is_not_given_away(bot: Bot, sandbox: Sandbox, value: int) -> None:
    """A price is made of its worth; an empty field would make it free."""
    sandbox.gotit.gifts[0]["price_value"] = value
    chat = bot.chat("line", language="en")

    await look_for(chat)

    assert "Nothing found" in chat.text
    assert bot.turns.apis.gotit is not None
    listed, _ = await bot.turns.services.catalogue.listed(bot.turns.apis.gotit, bot.clock())
    assert [gift.gift_id for gift in listed.unpriced] == [422], "staff see it, and can price it"


async def test_the_catalogue_survives_its_vendor_for_a_while(bot: Bot, sandbox: Sandbox) -> None:
    """As of its time; nothing can be had then."""
    chat = bot.chat("line", language="en")
    await chat.say("vouchers")
    bot.ahead(minutes=11)
    sandbox.fault("gotit", status=503)
    await chat.say("vouchers")

    assert "This is how things stood at" in chat.text
    assert "Phúc Long" in chat.text


@pytest.mark.parametrize("known", [False, True], ids=["nothing known", "an older list"])
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "Got It refuses our credentials, no voucher can be issued. Renew %(settings)s."),
        (404, "Got It refuses what we ask, no voucher can be issued. %(detail)s"),
    ],
)
async def test_a_catalogue_that_is_refused_is_told_to_staff(
    friend: Chat, sandbox: Sandbox, status: int, said: str, known: bool
) -> None:
    """Customers read of an outage, which never ends by itself; every admin gets one alert an hour."""
    bot = friend.bot
    staff = [bot.chat("line", "staff"), bot.chat("messenger", "staff")]
    if known:
        await friend.say("vouchers")
        bot.ahead(minutes=11)
    sandbox.fault("gotit:GET /api/rewardhub/v1.0/gifts", status=status)

    await friend.say("vouchers")
    await friend.say("vouchers")

    assert friend.said("the voucher service") and "GOTIT" not in friend.text
    for admin in staff:
        [alert] = admin.look()
        told = admin._(said, settings="GOTIT_CLIENT_ID, GOTIT_CLIENT_SECRET, GOTIT_APP_UUID", detail="")
        assert alert.message["text"].startswith(told)


async def test_a_vendor_that_is_down_leaves_the_points_to_see(rich: Chat, sandbox: Sandbox) -> None:
    """Honest, and one tap from trying again."""
    sandbox.fault("gotit", status=503)
    await rich.say("vouchers")

    assert rich.said("You have %(points)s.", points=rich._.ngettext("%(n)s point", "%(n)s points", 250))
    assert rich._("Try again") in rich.buttons

    rich.bot.mend()
    await rich.tap("Try again")
    assert "Phúc Long" in rich.text


# ── exchanging ───────────────────────────────────────────────────────────────────────────────────


async def test_points_become_a_voucher(rich: Chat, sandbox: Sandbox, tables: asyncpg.Pool) -> None:
    """The balance before and after, the receipt, and the voucher among one's own."""
    await confirm(rich)
    assert rich.said("Get %(name)s?", name="Voucher Highlands Coffee")
    assert all(number in rich.text for number in ("250", "−100", "150"))
    await rich.tap("Confirm")

    assert rich.said("Done ✅")
    assert REFERENCE.search(rich.text)
    assert await account(tables) == (150, 0)
    assert len(sandbox.gotit.issued) == 1

    await rich.tap("My vouchers")
    assert "Voucher Highlands Coffee" in rich.text
    assert rich.said("Issued")


async def test_got_it_learns_nothing_of_the_customer(rich: Chat, sandbox: Sandbox) -> None:
    """The recipient is our opaque reference; the request id has Got It's own form."""
    await exchange(rich)

    (issued,) = sandbox.gotit.issued.values()
    assert re.fullmatch(r"C-[0-9A-Z]{6}", issued["recipient_identify_id"])
    assert re.fullmatch(r"GD_\d{8}_[0-9A-Z]{26}", issued["transaction_id"])
    assert rich.user not in str(issue_calls(sandbox)[0].as_json())


async def test_five_taps_at_once_are_one_exchange(rich: Chat, sandbox: Sandbox, tables: asyncpg.Pool) -> None:
    """§11 script 7: one call, one hold, five identical cards."""
    data = await confirm(rich)
    await rich.do(*(rich.phone.taps(data, "Confirm") for _ in range(5)))

    cards = [item.message for item in rich.shown if rich._("Done ✅") in str(item.message)]
    assert len(cards) == 5
    assert len({str(_without_buttons(card)) for card in cards}) == 1
    assert len(issue_calls(sandbox)) == 1
    assert await tables.fetchval("SELECT count(*) FROM points WHERE kind = 'hold'") == 1
    assert await account(tables) == (150, 0)


async def test_a_later_tap_on_the_same_button_shows_the_same(rich: Chat, sandbox: Sandbox) -> None:
    """Days later too: it was this wish, and it is done."""
    data = await confirm(rich)
    await rich.do(rich.phone.taps(data, "Confirm"))
    reference = REFERENCE.search(rich.text)
    rich.bot.ahead(days=3)
    await rich.do(rich.phone.taps(data, "Confirm"))

    assert reference and reference.group() in rich.text
    assert len(issue_calls(sandbox)) == 1


async def test_a_confirmation_has_two_minutes(rich: Chat, sandbox: Sandbox) -> None:
    """Afterwards the price may be another one."""
    data = await confirm(rich)
    rich.bot.ahead(minutes=3)
    await rich.do(rich.phone.taps(data, "Confirm"))

    assert rich.said("That button has expired — here's a fresh one.")
    assert issue_calls(sandbox) == []


async def test_a_changed_price_is_confirmed_again(rich: Chat, sandbox: Sandbox) -> None:
    """What was confirmed is what is paid."""
    data = await confirm(rich)
    sandbox.gotit.gifts[0]["price_value"] = 120_000
    rich.bot.turns.services.catalogue.forget()
    await rich.do(rich.phone.taps(data, "Confirm"))

    assert rich.said("The price changed — please confirm again.")
    assert issue_calls(sandbox) == []
    assert "−120" in rich.text


async def test_cancelling_leaves_everything(rich: Chat, sandbox: Sandbox, tables: asyncpg.Pool) -> None:
    """And the old button is of no use any more… but harmless."""
    await confirm(rich)
    await rich.tap("Cancel")

    assert issue_calls(sandbox) == []
    assert await account(tables) == (250, 0)


async def test_somebody_elses_confirmation_confirms_nothing(rich: Chat, sandbox: Sandbox) -> None:
    """A forwarded card (§10 row 7)."""
    data = await confirm(rich)
    other = rich.bot.chat(rich.channel, language="en")
    await other.do(other.phone.taps(data, "Confirm"))

    assert "That button belongs to someone else." in other.text
    assert issue_calls(sandbox) == []


async def test_two_wishes_and_points_for_one(rich: Chat, sandbox: Sandbox, tables: asyncpg.Pool) -> None:
    """§10 row 13: the second of two confirmed cards finds the points gone."""
    first = await confirm(rich, "CGV")
    second = await confirm(rich, "CGV")
    await rich.do(rich.phone.taps(second, "Confirm"))
    assert rich.said("Done ✅")
    await rich.do(rich.phone.taps(first, "Confirm"))

    assert not rich.said("Done ✅")
    assert await account(tables) == (50, 0)
    assert len(sandbox.gotit.issued) == 1


async def test_a_race_for_the_same_points_has_one_winner(bot: Bot, tables: asyncpg.Pool) -> None:
    """Ten reservations at once, points for two: the account's row is the judge, on any number of workers."""
    chat = bot.chat("line", language="en")
    await chat.say("hi")
    await give(chat, tables, 250)
    customer = await _customer(tables, chat)
    vouchers = bot.turns.services.vouchers
    assert bot.turns.apis.gotit is not None
    listed, _ = await bot.turns.services.catalogue.listed(bot.turns.apis.gotit, bot.clock())
    offer = next(o for o in listed.offers if o.cost == HIGHLANDS)

    async def reserve(number: int) -> Any:
        from bot.services.vouchers import VoucherRequest

        async with bot.pool.acquire() as connection, connection.transaction():
            wanted = VoucherRequest(offer.gift.gift_id, offer.gift.price_id, offer.snapshot, offer.cost)
            return await vouchers.reserve(
                connection, customer, wanted, key=f"race:{number}", kind="exchange", issuer="bot", now=bot.clock()
            )

    await asyncio.gather(*(reserve(number) for number in range(10)))

    assert await tables.fetchval("SELECT count(*) FROM issues") == 2
    assert await account(tables) == (50, 200)


async def test_a_day_has_a_limit(rich: Chat, sandbox: Sandbox) -> None:
    """VOUCHERS_PER_DAY, counted from midnight; failed ones do not count."""
    services = rich.bot.turns.services
    vouchers = replace(services.vouchers, per_day=1)
    rich.bot.having(services=replace(services, vouchers=vouchers))
    await exchange(rich, "Gong Cha")
    assert rich.said("Done ✅")
    await exchange(rich, "Gong Cha")
    assert rich.said("You've reached today's limit.")

    rich.bot.ahead(days=1)
    await exchange(rich, "Gong Cha")
    assert rich.said("Done ✅")


# ── when the vendor does not say yes ─────────────────────────────────────────────────────────────


async def test_a_refusal_gives_the_points_back(rich: Chat, sandbox: Sandbox, tables: asyncpg.Pool) -> None:
    """And the voucher leaves the catalogue until Got It is asked again."""
    data = await confirm(rich)
    sandbox.fault("gotit:POST /api/rewardhub/v1.0/gifts/issue", status=400, times=1)
    await rich.do(rich.phone.taps(data, "Confirm"))

    assert rich.said("Not available right now")
    assert rich.said("Your points are back.")
    assert await account(tables) == (250, 0)
    await look_for(rich)
    assert rich.said("Nothing found for “%(query)s”.", query="Highlands")


async def test_a_wrong_method_is_told_to_staff(rich: Chat, sandbox: Sandbox, tables: asyncpg.Pool) -> None:
    """Got It's page names two, so this is how it would show; no voucher is to blame."""
    staff = rich.bot.chat("line", "staff")
    data = await confirm(rich)
    sandbox.fault("gotit:POST /api/rewardhub/v1.0/gifts/issue", status=405, times=1)
    await rich.do(rich.phone.taps(data, "Confirm"))

    assert rich.said("Your points are back.") and await account(tables) == (250, 0)
    [alert] = staff.look()
    assert "405" in alert.message["text"]
    await look_for(rich)
    assert rich._("Get it") in rich.buttons


async def test_a_request_id_that_is_taken_says_nothing_about_the_voucher(rich: Chat, sandbox: Sandbox) -> None:
    """Others can still have it."""
    data = await confirm(rich)
    sandbox.fault("gotit:POST /api/rewardhub/v1.0/gifts/issue", status=409, times=1)
    await rich.do(rich.phone.taps(data, "Confirm"))
    assert rich.said("Confirming")

    await look_for(rich)
    assert rich._("Get it") in rich.buttons


async def test_a_vendor_that_cannot_be_reached_costs_nothing(
    rich: Chat, sandbox: Sandbox, tables: asyncpg.Pool
) -> None:
    """Nothing was sent, so nothing is open."""
    data = await confirm(rich)
    sandbox.fault("gotit:POST /api/rewardhub/v1.0/gifts/issue", status=429)
    await rich.do(rich.phone.taps(data, "Confirm"))

    assert rich.said("Not available right now")
    assert await account(tables) == (250, 0)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 504},
        {"status": 504, "after": True},
        {"drop": True, "after": True},
        {"cut": True, "after": True},
        {"body": "<html>", "status": 200, "after": True},
        {"body": '{"statusCode": 200, "data": {"items": [],}}', "status": 200, "after": True},
    ],
)
async def test_an_unknown_outcome_ends_well_and_is_paid_once(
    rich: Chat, sandbox: Sandbox, tables: asyncpg.Pool, fault: dict[str, Any]
) -> None:
    """§11 script 8: confirming, then done by itself, with the same request id; the customer is told."""
    impatient(rich.bot)
    data = await confirm(rich)
    sandbox.fault("gotit:POST /api/rewardhub/v1.0/gifts/issue", times=1, **fault)
    await rich.do(rich.phone.taps(data, "Confirm"))

    first, *_, last = rich.shown
    assert rich._.ngettext(*ON_HOLD, HIGHLANDS) in str(first.message)
    assert "Done ✅" in str(last.message) or "完成 ✅" in str(last.message)
    assert len(sandbox.gotit.issued) == 1
    ids = {call.json["request_id"] for call in issue_calls(sandbox)}
    assert len(ids) == 1
    assert await account(tables) == (150, 0)


async def test_the_points_stay_held_meanwhile(rich: Chat, sandbox: Sandbox, tables: asyncpg.Pool) -> None:
    """What is not held can be spent; what is can not."""
    data = await confirm(rich, "CGV")
    sandbox.fault("gotit:POST /api/rewardhub/v1.0/gifts/issue", status=504)
    await rich.do(rich.phone.taps(data, "Confirm"))

    assert await account(tables) == (50, 200)
    await rich.tap("See result")
    assert rich.said("Confirming")
    await rich.say("points" if rich.tag == "en" else "點數")
    assert rich.said("On hold")


async def test_what_stays_unknown_is_for_staff(rich: Chat, sandbox: Sandbox, tables: asyncpg.Pool) -> None:
    """After three repetitions: held, one alert, and their decision ends it; the customer is told."""
    impatient(rich.bot)
    data = await confirm(rich)
    sandbox.fault("gotit:POST /api/rewardhub/v1.0/gifts/issue", status=504)
    await rich.do(rich.phone.taps(data, "Confirm"))

    assert len(issue_calls(sandbox)) == 4
    assert await tables.fetchval("SELECT state FROM issues") == "check"
    assert await account(tables) == (150, 100)
    assert await tables.fetchval("SELECT count(*) FROM pushes WHERE key LIKE 'alert:issue:%'") >= 1

    from bot.storage import issues

    (issue,) = await issues.unsettled(tables)
    async with rich.bot.pool.acquire() as connection, connection.transaction():
        await rich.bot.turns.services.vouchers.resolve(connection, issue, rich.bot.clock(), ok=False, reason="asked")
    await rich.bot.quiet()
    rich.look()
    assert rich._.ngettext(*GIVEN_BACK, 100, name="Voucher Highlands Coffee", ref=issue.ref) in rich.text
    assert await account(tables) == (250, 0)


async def test_used_already_after_an_unknown_is_no_failure(rich: Chat, sandbox: Sandbox, tables: asyncpg.Pool) -> None:
    """Most likely our own success: the points stay held until staff have asked."""
    impatient(rich.bot)
    sandbox.gotit.repeats = "refused"
    data = await confirm(rich)
    sandbox.fault("gotit:POST /api/rewardhub/v1.0/gifts/issue", status=504, after=True, times=1)
    await rich.do(rich.phone.taps(data, "Confirm"))

    assert await tables.fetchval("SELECT state FROM issues") == "check"
    assert await account(tables) == (150, 100)


async def test_an_expired_token_is_renewed_in_the_middle(rich: Chat, sandbox: Sandbox) -> None:
    """419: once more with the same body."""
    data = await confirm(rich)
    sandbox.gotit.expire_tokens()
    await rich.do(rich.phone.taps(data, "Confirm"))

    assert rich.said("Done ✅")
    bodies = [call.json for call in issue_calls(sandbox)]
    assert len(bodies) == 2 and bodies[0] == bodies[1]


# ── what codes bring ─────────────────────────────────────────────────────────────────────────────


async def test_a_code_brings_points_once(friend: Chat, tables: asyncpg.Pool) -> None:
    """By the rule of its reward; the same code again brings none."""
    await rewards.put(tables, GOLD, Grant(points=150))
    await friend.say("WELCOME2026")
    assert "+150" in friend.text
    await friend.say("WELCOME2026")

    assert "+150" in friend.text
    assert await account(tables) == (150, 0)


async def test_a_code_brings_a_voucher_at_once(friend: Chat, sandbox: Sandbox, tables: asyncpg.Pool) -> None:
    """Issued while the customer waits, and shown on the receipt."""
    await rewards.put(tables, GOLD, VOUCHER)
    await friend.say("WELCOME2026")

    assert f"Voucher Phúc Long · {friend._('Issued')}" in friend.text
    assert len(sandbox.gotit.issued) == 1
    await friend.say("WELCOME2026")
    assert len(issue_calls(sandbox)) == 1


async def test_a_promised_voucher_is_not_lost_with_its_vendor(
    friend: Chat, sandbox: Sandbox, tables: asyncpg.Pool
) -> None:
    """The code is claimed; the voucher follows by itself, and the customer is told."""
    impatient(friend.bot, pauses=50)
    await rewards.put(tables, GOLD, VOUCHER)
    sandbox.fault("gotit:POST /api/rewardhub/v1.0/gifts/issue", status=429, times=3)
    await friend.say("WELCOME2026")

    first, last = friend.shown[0], friend.shown[-1]
    assert f"Voucher Phúc Long · {friend._('Confirming')}" in str(first.message)
    assert "✅ Voucher Phúc Long" in str(last.message)
    assert len(sandbox.gotit.issued) == 1


async def test_any_receipt_of_ones_own_is_shown_by_its_reference(rich: Chat) -> None:
    """`ref R-…`; somebody else's reads like one that does not exist."""
    await exchange(rich)
    found = REFERENCE.search(rich.text)
    assert found
    reference = found.group()
    await rich.say(f"ref {reference}" if rich.tag == "en" else f"查詢 {reference}")
    assert rich.said("Done ✅")

    other = rich.bot.chat(rich.channel, language="en")
    await other.say(f"ref {reference}")
    assert other.said("I couldn't find %(ref)s among your receipts.", ref=reference)


async def test_without_got_it_nothing_of_it_is_offered(bot: Bot) -> None:
    """Neither buttons nor words lead to a dead end."""
    bot.having(apis=replace(bot.turns.apis, gotit=None))
    bot.desk(shows_vouchers=False)
    chat = bot.chat("line", language="en")
    await chat.say("menu")
    assert "Vouchers" not in chat.buttons
    for word in ("vouchers", "points", "my vouchers"):
        await chat.say(word)
        assert "What would you like to do?" in chat.text


VOUCHER = Grant(
    gift_id=812,
    price_id=2260,
    offer={"name": "Voucher Phúc Long", "brand": "Phúc Long", "image": "", "price_value": 20_000},
)


async def _customer(tables: asyncpg.Pool, chat: Chat) -> Customer:
    customer_id = await tables.fetchval("SELECT id FROM customers WHERE person LIKE $1", f"%:{chat.user}")
    customer = await customers.by_id(tables, customer_id)
    assert customer is not None
    return customer


def _without_buttons(node: Any) -> Any:
    """A message without the data of its buttons, which carry a time."""
    if isinstance(node, dict):
        return {name: _without_buttons(value) for name, value in node.items() if name not in {"data", "payload"}}
    return [_without_buttons(value) for value in node] if isinstance(node, list) else node


async def test_a_voucher_that_waits_for_staff_is_reminded_of_daily(
    bot: Bot, sandbox: Sandbox, tables: asyncpg.Pool
) -> None:
    """An alert may have gone unread; the points are somebody's."""
    chat = bot.chat("line", language="en")
    await chat.say("hi")
    await give(chat, tables, 250)
    impatient(bot, pauses=1)
    data = await confirm(chat)
    sandbox.fault("gotit:POST /api/rewardhub/v1.0/gifts/issue", status=504)
    await chat.do(chat.phone.taps(data, "Confirm"))
    vouchers = bot.turns.services.vouchers
    await vouchers.remind(bot.pool, bot.clock())
    assert await tables.fetchval("SELECT count(*) FROM pushes WHERE key LIKE 'alert:issues-open%'") == 0

    bot.ahead(days=2)
    await vouchers.remind(bot.pool, bot.clock())
    first = await tables.fetchval("SELECT count(*) FROM pushes WHERE key LIKE 'alert:issues-open%'")
    await vouchers.remind(bot.pool, bot.clock())
    assert first == await tables.fetchval("SELECT count(*) FROM pushes WHERE key LIKE 'alert:issues-open%'") > 0


async def test_a_claim_of_before_the_crash_is_shown_though_the_vendor_is_gone(
    friend: Chat, sandbox: Sandbox, tables: asyncpg.Pool
) -> None:
    """What was committed before the voucher was asked for is the answer of the second run."""
    await rewards.put(tables, GOLD, VOUCHER)
    await friend.say("WELCOME2026")
    await tables.execute(
        "UPDATE claims SET event_id = (SELECT max(id) + 1 FROM events)"  # as if by the event that comes now
    )
    sandbox.fault("poshen", status=503)
    await friend.say("兌換 WELCOME2026")

    assert friend.said("Redeemed 🎉")


@pytest.mark.parametrize("text", ["tel 0912345678", "0912-345-678 please", "redeem 886912345678", "電話 0912345678"])
async def test_a_phone_among_words_is_no_code(bot: Bot, sandbox: Sandbox, text: str) -> None:
    """No vendor is asked about anybody's number."""
    chat = bot.chat("line", language="en")
    await chat.say(text)

    assert sandbox.calls("poshen") == []

"""My data: seeing it, taking it along, having it deleted; notifications off and on."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from functools import partial

import asyncpg
import pytest
from chat import Bot, Chat

from bot.errors import UserError
from bot.services.vouchers import VoucherRequest
from bot.storage import customers, points
from bot.storage.hashes import keyed_hash
from bot.storage.keeping import KEPT
from conversations.proving import EMPTY, PROVEN, link, new_code
from handlers.views.data import part_names


async def delete_everything(chat: Chat) -> None:
    await chat.say("delete my data")
    await chat.tap("Yes, delete")
    await chat.say("DELETE")
    assert chat.said("Deleted. Thank you for having been here.")


def listed(chat: Chat) -> int:
    """How many receipts an export names."""
    return sum(line.startswith("• ") for line in chat.text.splitlines())


def left_out(chat: Chat) -> int:
    """How many it says are not listed."""
    says = re.escape(chat._.ngettext("%(n)s older is not listed here.", "%(n)s older are not listed here.", 999))
    return sum(int(found) for found in re.findall(says.replace("999", "([0-9]+)"), chat.text))


async def test_my_data_shows_what_is_kept(friend: Chat, tables: asyncpg.Pool) -> None:
    """Since when, in which language, how many codes, and the number staff know one by."""
    await friend.say("WELCOME2026")

    await friend.say("my data")

    ref = await tables.fetchval("SELECT ref FROM customers")
    first_seen = await tables.fetchval("SELECT first_seen FROM customers")
    assert ref in friend.text
    assert friend._.date(first_seen) in friend.text
    for label, value in (("Redeemed codes", "1"), ("Notifications", friend._("on"))):
        if friend.channel == "line":
            assert friend.texts[friend.texts.index(friend._(label)) + 1] == value
        else:
            assert any(line.startswith(friend._(label)) and line.endswith(value) for line in friend.text.splitlines())
    assert {friend._("Export"), friend._("Delete my data")} <= set(friend.buttons)


async def test_an_export_holds_everything_and_no_whole_code(friend: Chat, tables: asyncpg.Pool) -> None:
    """As a message that a person can read, with the times of their own place, where no link can be made."""
    await friend.say("WELCOME2026")
    await friend.say("my data")

    await friend.tap("Export")

    claim = await tables.fetchrow("SELECT ref, claimed_at FROM claims")
    line = next(line for line in friend.text.splitlines() if line.startswith("• "))
    assert line.split(" · ")[:2] == [f"• {friend._.moment(claim['claimed_at'])}", "金幣 100"]
    assert line.endswith(claim["ref"])
    for kept in (friend.user, await tables.fetchval("SELECT ref FROM customers"), friend._("User ID")):
        assert kept in friend.text
    assert "WELCOME2026" not in friend.text and "WELC••••26" in friend.text


async def test_an_export_of_many_claims_still_fits(friend: Chat, tables: asyncpg.Pool) -> None:
    """What is left out is counted."""
    await friend.say("WELCOME2026")
    await tables.execute(
        "INSERT INTO claims (ref, code_id, person_hash, nth, customer_id, event_id, snapshot, claimed_at) "
        "SELECT 'R-' || n, n, person_hash, 1, customer_id, event_id, snapshot, claimed_at "
        "FROM claims, generate_series(100000, 100089) n"
    )
    await friend.say("my data")

    await friend.tap("Export")

    assert f"{friend._('Redeemed codes')} · 91" in friend.text
    assert listed(friend) + left_out(friend) == 91
    assert 20 < listed(friend) < 91


async def test_an_export_button_works_for_a_quarter_of_an_hour(friend: Chat) -> None:
    """A phone left on a table opens nothing tomorrow."""
    await friend.say("my data")
    friend.bot.ahead(minutes=16)

    await friend.tap("Export")

    assert friend.said("That button has expired — here's a fresh one.")
    assert friend.user not in friend.text


async def test_deleting_says_what_stays_and_until_when(friend: Chat) -> None:
    """Before anything is deleted."""
    await friend.say("刪除我的資料")

    assert friend.said(
        "Deleting removes your linked phone, language, notification settings, lists and user ID; it leaves the "
        "technical log within %(days)s days. What you redeemed and were handed over is kept without your name, at "
        "most until %(date)s, so that nothing is given twice. Are you sure?",
        date=friend._.date(friend.bot.clock() + timedelta(days=730)),
        days=14,
    )


@pytest.mark.parametrize("word", ["DELETE", "刪除", " delete ", "ＤＥＬＥＴＥ"])
async def test_two_taps_and_a_word_delete_everything_that_names_the_customer(
    friend: Chat, tables: asyncpg.Pool, word: str
) -> None:
    """No row holds the platform's id afterwards; claims hang on nobody."""
    await friend.say("WELCOME2026")
    await friend.say("gifts")
    await friend.say("my data")
    await friend.tap("Delete my data")
    await friend.tap("Yes, delete")
    assert friend.said("Type %(word)s within 2 minutes to delete your data.", word=friend._("DELETE"))

    await friend.say(word)

    assert friend.said("Deleted. Thank you for having been here.")
    assert await tables.fetchval("SELECT count(*) FROM customers") == 0
    assert await tables.fetchval("SELECT count(*) FROM wallets") == 0
    assert await tables.fetchval("SELECT count(*) FROM claims WHERE customer_id IS NULL") == 1
    for table in ("claims", "misses", "waits", "pushes"):
        assert friend.user not in str(await tables.fetch(f"SELECT * FROM {table}"))


async def test_what_was_deleted_cannot_be_claimed_again(friend: Chat, tables: asyncpg.Pool) -> None:
    """The keyed hash remembers; no second claim is made."""
    await friend.say("WELCOME2026")
    await delete_everything(friend)

    await friend.say("WELCOME2026")

    assert await tables.fetchval("SELECT count(*) FROM claims") == 1


async def test_after_deletion_one_is_somebody_new(friend: Chat, tables: asyncpg.Pool) -> None:
    """Another number, the notice once more, and nothing of what was."""
    before = await tables.fetchval("SELECT ref FROM customers")
    await friend.say("WELCOME2026")
    await delete_everything(friend)

    await friend.say("my data")

    assert friend.notice in friend.text
    assert before not in friend.text


async def test_deleting_and_blocking_leaves_no_trace(bot: Bot, tables: asyncpg.Pool) -> None:
    """Whoever deletes their data often blocks right after; that must not make a new record of them."""
    chat = bot.chat("line")
    await chat.say("menu")
    await delete_everything(chat)

    await chat.do(chat.phone.unfollows())

    assert await tables.fetchval("SELECT count(*) FROM customers") == 0


async def test_a_wrong_word_deletes_nothing(friend: Chat, tables: asyncpg.Pool) -> None:
    """And is not asked again."""
    await friend.say("delete my data")
    await friend.tap("Yes, delete")

    await friend.say("yes please")
    assert friend.said("Nothing was deleted.")

    await friend.say("DELETE")
    assert not friend.said("Deleted. Thank you for having been here.")
    assert await tables.fetchval("SELECT count(*) FROM customers") == 1


async def test_the_word_alone_deletes_nothing(friend: Chat, tables: asyncpg.Pool) -> None:
    """Nobody was asked for it."""
    await friend.say("DELETE")

    assert await tables.fetchval("SELECT count(*) FROM customers") == 1


async def test_the_word_comes_too_late_after_two_minutes(friend: Chat, tables: asyncpg.Pool) -> None:
    """As said."""
    await friend.say("delete my data")
    await friend.tap("Yes, delete")
    friend.bot.ahead(minutes=3)

    await friend.say("DELETE")

    assert await tables.fetchval("SELECT count(*) FROM customers") == 1


async def test_the_confirmation_lasts_two_minutes(friend: Chat) -> None:
    """A later tap shows the data again instead."""
    await friend.say("delete my data")
    friend.bot.ahead(minutes=3)

    await friend.tap("Yes, delete")

    assert friend.said("That button has expired — here's a fresh one.")
    assert friend.said("Your data")


async def test_deleting_can_be_cancelled_at_both_steps(friend: Chat, tables: asyncpg.Pool) -> None:
    """By its button, and the word means nothing afterwards."""
    await friend.say("delete my data")
    await friend.tap("Cancel")
    assert friend.said("OK, cancelled.")

    await friend.say("delete my data")
    await friend.tap("Yes, delete")
    await friend.tap("Cancel")
    await friend.say("DELETE")

    assert await tables.fetchval("SELECT count(*) FROM customers") == 1


async def test_a_question_open_elsewhere_does_not_survive_deletion(friend: Chat) -> None:
    """Codes that were kept and prompts that were open go with the rest."""
    friend.bot.sandbox.fault("poshen", status=500, times=1)
    await friend.say("WELCOME2026")
    again = friend.data_of("Try again")
    await delete_everything(friend)

    await friend.do(friend.phone.taps(again))

    assert not friend.said("Redeemed 🎉")


async def test_nothing_that_was_typed_is_kept(friend: Chat, tables: asyncpg.Pool) -> None:
    """Neither the text of a message nor the answer to it outlives the turn."""
    for text in ("我的地址是台北市信義區", "兌換 NOSUCH2026", "WELCOME2026"):
        await friend.say(text)

    events = await tables.fetch("SELECT payload, reply FROM events")
    assert {(row["payload"], row["reply"]) for row in events} == {(None, None)}
    kept = str([await tables.fetch(f"SELECT * FROM {table}") for table in ("customers", "misses", "pgqueuer_log")])
    assert "信義" not in kept and "NOSUCH2026" not in kept


async def test_an_unsent_message_of_a_held_event_is_forgotten(bot: Bot, tables: asyncpg.Pool) -> None:
    """What staff would look at is gone when its author took it back; other messages stay."""
    chat = bot.chat("line")
    webhooks = [chat.phone.says("my secret"), chat.phone.says("keep this")]
    await chat.do(*webhooks)
    for webhook in webhooks:
        event = webhook.json["events"][0]
        await tables.execute(
            "UPDATE events SET held_at = now(), payload = $2 WHERE key LIKE '%' || $1",
            event["webhookEventId"],
            json.dumps({"account": "a", "event": event}),
        )

    await chat.do(chat.phone.unsends(webhooks[0].json["events"][0]["message"]["id"]))

    assert chat.shown == []
    kept = str(await tables.fetch("SELECT payload FROM events"))
    assert "my secret" not in kept
    assert "keep this" in kept
    assert await tables.fetchval("SELECT count(*) FROM events WHERE held_at IS NOT NULL") == 1


async def test_a_kept_code_of_an_unsent_message_is_forgotten(bot: Bot, tables: asyncpg.Pool) -> None:
    """What waited for [Try again] was in that message."""
    chat = bot.chat("line")
    bot.sandbox.fault("poshen", status=500, times=1)
    webhook = chat.phone.says("WELCOME2026")
    await chat.do(webhook)
    assert "WELCOME2026" in str(await tables.fetch("SELECT state FROM customers"))

    await chat.do(chat.phone.unsends(webhook.json["events"][0]["message"]["id"]))

    assert "WELCOME2026" not in str(await tables.fetch("SELECT state FROM customers"))


# Points, vouchers and the linked phone.


async def give_points(chat: Chat, tables: asyncpg.Pool, amount: int) -> int:
    """Points, as staff give them; returns the customer's id."""
    customer: int = await tables.fetchval("SELECT id FROM customers WHERE person LIKE $1", f"%:{chat.user}")
    async with tables.acquire() as connection, connection.transaction():
        await chat.bot.turns.services.points.adjust(
            connection, customer, amount, key=f"test:{customer}", actor="test", reason="", now=chat.bot.clock()
        )
    return customer


async def add_issue(tables: asyncpg.Pool, customer: int, state: str, ref: str = "R-0P3NED") -> None:
    """A voucher of this customer."""
    await tables.execute(
        """
        INSERT INTO issues (ref, key, request_id, kind, state, customer_id, recipient, issuer, gift_id, price_id, cost,
            offer, delivery)
        VALUES ($1, $1, $1, 'exchange', $2, $3, 'C-1', 'bot', 1, 2, 100, $4, 'sealed')
        """,
        ref,
        state,
        customer,
        {"name": "Highlands Coffee 100k", "brand": "Highlands", "image": "", "price_value": 100000},
    )


async def test_my_data_shows_points_vouchers_and_the_masked_phone(friend: Chat, tables: asyncpg.Pool) -> None:
    """On the card and in the export; no phone and no code of a voucher is whole."""
    await link(friend)
    await add_issue(tables, await give_points(friend, tables, 250), "done")

    await friend.say("my data")
    for label, value in (("Linked phone", "09••-•••-678"), ("Points", "250"), ("My vouchers", "1")):
        assert friend.said(label)
        assert value in friend.text
    await friend.tap("Export")

    line = next(line for line in friend.text.splitlines() if line.endswith("R-0P3NED"))
    assert line.split(" · ")[1:] == ["Highlands Coffee 100k", "−100", friend._("Issued"), "R-0P3NED"]
    for label, value in (("Linked phone", "09••-•••-678"), ("Points", "250")):
        assert f"{friend._(label)} · {value}" in friend.text.splitlines()
    assert "912345678" not in friend.text and "sealed" not in friend.text


async def test_an_export_with_many_vouchers_stays_whole(friend: Chat, tables: asyncpg.Pool) -> None:
    """What is left out is counted."""
    customer = await give_points(friend, tables, 1)
    for number in range(100):
        await add_issue(tables, customer, "done", f"R-{number:06}")
    await friend.say("WELCOME2026")
    await tables.execute(
        "INSERT INTO claims (ref, code_id, person_hash, nth, customer_id, event_id, snapshot, claimed_at) "
        "SELECT 'R-' || n, n, person_hash, 1, customer_id, event_id, snapshot, claimed_at "
        "FROM claims, generate_series(100000, 100089) n"
    )
    await friend.say("my data")

    await friend.tap("Export")

    assert listed(friend) + left_out(friend) == 191
    assert friend.text.count("R-0000") > 10 and friend.text.count("R-1000") > 10, "neither list takes the other's room"


async def test_before_deleting_one_hears_what_is_lost(friend: Chat, tables: asyncpg.Pool) -> None:
    """Points are worth something."""
    await give_points(friend, tables, 250)

    await friend.say("delete my data")

    lost = ("You still have %(n)s point. It will be lost.", "You still have %(n)s points. They will be lost.")
    assert friend._.ngettext(*lost, 250) in friend.text
    assert friend._("Yes, delete") in friend.buttons


async def test_deleting_forgets_phone_points_and_vouchers(friend: Chat, tables: asyncpg.Pool) -> None:
    """No row knows whose they were, the code that linked the phone included; gift cards are asked for no more."""
    other = friend.bot.chat(friend.channel)
    await other.say("menu")
    await link(friend)
    await friend.say("gift card")
    customer = await give_points(friend, tables, 250)
    await add_issue(tables, customer, "done")

    await delete_everything(friend)

    for table in ("links", "accounts"):
        assert await tables.fetchval(f"SELECT count(*) FROM {table}") == 0
    for table, column in (("points", "customer_id"), ("issues", "customer_id"), ("link_codes", "used_by")):
        assert await tables.fetch(f"SELECT {column} FROM {table}") == [(None,)]
    code = await tables.fetchrow("SELECT phone, phone_hash FROM link_codes")
    assert (code["phone"], code["phone_hash"]) == (b"", b"")
    assert await tables.fetchval("SELECT delivery FROM issues") is None
    before = len(friend.bot.sandbox.calls("altegio"))
    await friend.say("gift card")
    assert friend.said("To protect your balance, link your phone first.")
    assert len(friend.bot.sandbox.calls("altegio")) == before


async def test_nobody_is_left_to_get_points_after_deletion(friend: Chat, tables: asyncpg.Pool) -> None:
    """Who was about to give some is told so."""
    customer = await give_points(friend, tables, 250)
    await delete_everything(friend)

    with pytest.raises(UserError, match="had their data deleted"):
        async with tables.acquire() as connection, connection.transaction():
            await points.lock(connection, customer)
    assert await tables.fetchval("SELECT count(*) FROM accounts") == 0


async def test_after_deletion_somebody_else_may_link_the_phone(friend: Chat, tables: asyncpg.Pool) -> None:
    """And nobody is told, for nobody had it."""
    await link(friend)
    await delete_everything(friend)

    await link(friend.bot.chat(friend.channel))

    assert await tables.fetchval("SELECT count(*) FROM pushes") == 0


async def test_deleting_leaves_others_links_alone(friend: Chat, tables: asyncpg.Pool) -> None:
    """Their codes as well."""
    other = friend.bot.chat(friend.channel)
    await link(other, EMPTY)
    waiting = await new_code(friend.bot)
    await delete_everything(friend)

    await other.say("link")
    assert "09••-•••-321" in other.text
    await other.say(f"link {waiting}")
    assert "09••-•••-678" in other.text


@pytest.mark.parametrize("state", ["pending", "unknown", "check"])
async def test_a_voucher_on_its_way_keeps_the_data_until_it_is_settled(
    friend: Chat, tables: asyncpg.Pool, state: str
) -> None:
    """At the first step, and at the last when it was begun in between."""
    says = "We're still confirming a voucher (ref %(ref)s). Please delete your data once that is settled."
    customer = await give_points(friend, tables, 250)
    await friend.say("delete my data")
    await friend.tap("Yes, delete")
    await add_issue(tables, customer, state)
    await friend.say("DELETE")
    assert friend.said(says, ref="R-0P3NED")
    await friend.say("delete my data")
    assert friend.said(says, ref="R-0P3NED")
    assert friend._("Yes, delete") not in friend.buttons
    assert await tables.fetchval("SELECT count(*) FROM customers") == 1

    await tables.execute("UPDATE issues SET state = 'failed'")
    await delete_everything(friend)


async def test_a_voucher_begun_at_this_very_moment_keeps_the_data(friend: Chat, tables: asyncpg.Pool) -> None:
    """Deleting waits for the account: what another transaction has begun and not written yet is seen, too."""
    await friend.say("delete my data")
    await friend.tap("Yes, delete")
    row = await customers.by_person(tables, await tables.fetchval("SELECT person FROM customers"))
    assert row is not None
    wanted = VoucherRequest(422, 1899, {"name": "V", "brand": "B", "image": "", "price_value": 100_000})
    vouchers, now = friend.bot.turns.services.vouchers, friend.bot.clock()

    async with tables.acquire() as connection, connection.transaction():
        await vouchers.reserve(connection, row, wanted, key="k", kind="staff", issuer="7", now=now)
        deleting = asyncio.create_task(friend.say("DELETE"))
        done, _ = await asyncio.wait({deleting}, timeout=0.7)

    await deleting
    assert done == set()
    ref = await tables.fetchval("SELECT ref FROM issues")
    says = "We're still confirming a voucher (ref %(ref)s). Please delete your data once that is settled."
    assert friend.said(says, ref=ref)
    assert await tables.fetchval("SELECT count(*) FROM customers") == 1


async def test_points_on_hold_keep_the_data_too(friend: Chat, tables: asyncpg.Pool) -> None:
    """Whatever holds them."""
    await give_points(friend, tables, 250)
    await tables.execute("UPDATE accounts SET available = 150, held = 100")

    await friend.say("delete my data")

    assert friend.said("Some of your points are still on hold. Please delete your data once that is settled.")
    assert friend._("Yes, delete") not in friend.buttons


# Every table.

TRACES = (
    # What no chat of a few lines leaves. $1: their number, $2: person, $3: reference, $4: keyed hashes by purpose.
    "INSERT INTO visits SELECT decode($4->>'visitor', 'hex'), now()",
    "INSERT INTO waits SELECT decode($4->>'person', 'hex'), now(), 1",
    "INSERT INTO blocks SELECT decode($4->>'blocked', 'hex'), now(), 'x', 'amy'",
    "INSERT INTO unclear SELECT 'x', decode($4->>'unclear person', 'hex'), 'chips', 'where is it', now()",
    "INSERT INTO data_files (customer_id, page, file, created_at, expires_at) SELECT $1, '{}', $3, now(), now()",
    "INSERT INTO undone SELECT 'R-1', 1, $1, '{}', now(), 0, 'amy'",
    "INSERT INTO pushes (key, channel, recipient) SELECT 'x', split_part($2, ':', 1), split_part($2, ':', 3)",
    "INSERT INTO relays (target, event_id, chat, state, since, next_at, body) "
    "SELECT 'x', 1, $2, 'due', now(), now(), ''",
    "INSERT INTO staff (channel, user_id, person, name, role, origin) "
    "SELECT split_part($2, ':', 1), split_part($2, ':', 3), $2, 'amy', 'viewer', 'invitation'",
    "INSERT INTO audit (n, at, actor, role, channel, action, line, customer, result, previous, hash) "
    "SELECT 1, now(), 'amy', 'staff', 'line', 'who', '/who', $3, 'done', 'x', 'y'",
    "UPDATE issues SET recipient = $3",
    "INSERT INTO counter_codes (purpose, code_hash, customer_id, created_at, expires_at) "
    "SELECT 'gift', 'x', $1, now(), now()",
    "INSERT INTO hand_overs (person_hash, item_key, nth, customer_id, item, staff, event_id) "
    "SELECT decode($4->>'person', 'hex'), 'x', 1, $1, '{}', 'amy', 1",
    "INSERT INTO players SELECT $1, 'x', now(), now()",
    "INSERT INTO redemptions (ref, state, customer_id, event_id, code_id, code, player_hash, created_at, settled_at) "
    "SELECT 'R-2', 'done', $1, 1, 1, '{}', decode($4->>'player', 'hex'), now(), now()",
    "INSERT INTO poster_visits (event_id, poster_id, customer_id, new, at) SELECT 1, 1, $1, true, now()",
    "INSERT INTO reminder_wishes (customer_id, since) SELECT $1, now()",
    "INSERT INTO reminders (customer_id, item, ends) SELECT $1, 'card:1', now()",
)


async def test_deleting_does_to_every_table_what_the_register_says(friend: Chat, tables: asyncpg.Pool) -> None:
    """Rows that lead to somebody are gone or lead to nobody, but for those that say why they stay."""
    for text in ("WELCOME2026", "兌換 NOSUCH2026"):
        await friend.say(text)
    await link(friend)
    number = await give_points(friend, tables, 250)
    await add_issue(tables, number, "done")
    await friend.say("gifts")  # Whoever has something has a list that is kept.
    row = await customers.by_id(tables, number)
    assert row is not None
    hashed = partial(keyed_hash, friend.bot.settings.secret)
    hashes = {purpose: hashed(purpose, row.person) for purpose in ("person", "blocked", "unclear person")}
    hashes["player"] = hashed("player", "unity-12345")
    hashes["visitor"] = hashed("visitor", f"chat {row.person}")
    told = {purpose: value.hex() for purpose, value in hashes.items()}
    for statement in TRACES:
        used = f"WITH given AS (SELECT $1::bigint, $2::text, $3::text, $4::jsonb) {statement}"
        await tables.execute(used, number, row.person, row.ref, told)

    leading = {
        ("customer_id",): number,
        ("used_by",): number,
        ("person",): row.person,
        ("chat",): row.person,
        ("pushes", "recipient"): friend.user,
        ("issues", "recipient"): row.ref,
        ("customer",): row.ref,
        ("user_id",): friend.user,
        ("person_hash",): hashes["person"],
        ("blocks", "person_hash"): hashes["blocked"],
        ("unclear", "person_hash"): hashes["unclear person"],
        ("visits", "person_hash"): hashes["visitor"],
        ("phone_hash",): hashed("phone", PROVEN),
        ("player_hash",): hashes["player"],
    }

    async def there() -> set[tuple[str, str]]:
        found = set()
        for table, column in places:
            value = leading.get((table, column)) or leading[column,]
            if await tables.fetchval(f"SELECT count(*) FROM {table} WHERE {column} = $1", value):
                found.add((table, column))
        return found

    places = {(table, column): why for table, kept in KEPT.items() for column, why in kept.leads.items()}
    assert await there() == set(places), "each is tried"

    await delete_everything(friend)
    for _ in range(500):  # Its own job, too, is over a moment later.
        if not await tables.fetchval("SELECT count(*) FROM pgqueuer"):
            break
        await asyncio.sleep(0.01)

    assert await there() == {place for place, why in places.items() if why}
    staying = {table for (table, _), why in places.items() if why}
    for table in set(KEPT) - staying:
        rows = str(await tables.fetch(f"SELECT * FROM {table}"))
        assert [each for each in (friend.user, row.ref, PROVEN) if each in rows] == [], table


async def test_an_export_has_the_parts_that_the_register_says(friend: Chat) -> None:
    """No more and no fewer."""
    await friend.say("my data")
    await friend.tap("Export")

    names = part_names(friend._)
    assert sorted(names) == sorted(part for kept in KEPT.values() for part in kept.shown)
    found = [line.split(" · ")[0] for line in friend.text.splitlines() if " · " in line]
    assert found == list(names.values())


# Notifications.


@pytest.mark.parametrize("word", ["unsubscribe", "取消訂閱", "退訂", "不要通知", "mute"])
async def test_notifications_are_switched_off_by_a_word(friend: Chat, tables: asyncpg.Pool, word: str) -> None:
    """Redeeming and looking go on."""
    await friend.say(word)
    assert friend.said("Notifications off. You can still redeem and check.")
    assert await tables.fetchval("SELECT unsubscribed_at FROM customers") is not None

    await friend.say("WELCOME2026")
    assert friend.said("Redeemed 🎉")


async def test_notifications_are_switched_on_again_by_a_tap(friend: Chat, tables: asyncpg.Pool) -> None:
    """And "my data" says how it stands."""
    await friend.say("unsubscribe")
    button = friend.data_of("Turn back on")
    await friend.say("my data")
    assert friend.said("off")

    await friend.do(friend.phone.taps(button))

    assert friend.said("Notifications are on again.")
    assert await tables.fetchval("SELECT unsubscribed_at FROM customers") is None


async def test_a_sentence_about_unsubscribing_unsubscribes_nobody(friend: Chat, tables: asyncpg.Pool) -> None:
    """Only the whole message counts."""
    for text in ("我想取消訂位", "我不要取消訂閱啦", "please unsubscribe my friend", "取消訂閱的方法是什麼"):
        await friend.say(text)

    assert await tables.fetchval("SELECT unsubscribed_at FROM customers") is None

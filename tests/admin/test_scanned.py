"""A line that somebody scans is its author's text in their mouth: nothing is done or shown before a tap of their own.

A hostile customer's QR can have a member's chat send any line, and another one after it. Made from the registry of
commands, so a new one is covered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from chat import TABLES, Bot, Chat
from conversations.proving import PHONE

from admin.conftest import Hire
from admin.counter import arrive, open_store, printing_posters, row_of
from admin.test_matrix import ALL, named
from bot.staff import arguments
from bot.staff.routes import StaffCommand
from bot.staff.teaching import LONGEST_LABEL
from bot.storage import export_files, posters, switches
from bot.storage.customers import by_ref

PUBLIC = "https://desk.example"
NOT_COMPARED = {
    *("audit", "events", "pgqueuer", "pgqueuer_log"),  # that a line came, and what it said
    *("workers", "tallies", "pictures", "attachments"),  # what workers write by themselves
}
LINK_CODE = re.compile(r"(?<![0-9A-Z-])[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}(?![0-9A-Z-])")
AGREED = "好，yes"  # what else a second line could say


@pytest.fixture(autouse=True)
def never_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine would show that it is at work, which takes a slot of LINE's: a row that no command wrote."""
    monkeypatch.setattr("bot.turn.BUSY_AFTER", 600.0)


async def a_claim(bot: Bot, customer: int) -> None:
    await bot.pool.execute(
        "INSERT INTO claims (ref, code_id, person_hash, customer_id, event_id, group_id, snapshot) "
        "VALUES ('R-7F3K9M', 1, '\\x01', $1, 0, 5, $2)",
        customer,
        {"code": "WELCOME2026", "group": "5", "rewards": [], "points": 0},
    )


async def an_issue(bot: Bot, customer: int) -> None:
    await bot.pool.execute(
        "INSERT INTO issues (ref, key, request_id, kind, state, customer_id, recipient, issuer, gift_id, price_id, "
        "offer) VALUES ('R-7F3K9M', 'k', 'q', 'reward', 'check', $1, 'C-8F3K2M', 'bot', 422, 1899, $2)",
        customer,
        {"name": "Coffee", "gift_id": 422, "price_id": 1899, "brand": "B", "price_value": 50000},
    )


async def a_redemption(bot: Bot, customer: int) -> None:
    code = {"id": 1, "code": "WELCOME2026", "group": None, "game": None, "rewards": []}
    await bot.pool.execute(
        "INSERT INTO redemptions (ref, state, customer_id, event_id, code_id, code, player_hash, player, created_at) "
        "VALUES ('R-7F3K9M', 'check', $1, 0, 1, $2, '\\x01', $3, now())",
        customer,
        code,
        bot.turns.services.players.sealer.seal("unity-12345"),
    )


async def an_approval(bot: Bot, customer: int) -> None:
    asker = await bot.pool.fetchval("SELECT id FROM staff WHERE name = 'amy'")
    await bot.pool.execute("UPDATE staff SET role = 'owner' WHERE id = $1", asker)
    await bot.pool.execute(
        "INSERT INTO approvals (ref, key, command, arguments, seen, summary, staff_id, requester, expires_at) VALUES "
        "('A-7F3K9M', 'k', 'group pause', $1, $2, 'pause', $3, 'amy', now() + interval '1 hour')",
        {"group": 5},
        {"before": ""},
        asker,
    )


async def a_running_job(bot: Bot, customer: int) -> None:
    await bot.pool.execute("UPDATE bulk_jobs SET state = 'running', slot = 1, next_at = now() + interval '1 day'")


async def a_paused_group(bot: Bot, customer: int) -> None:
    await bot.pool.execute("INSERT INTO policies (group_id, paused) VALUES (5, true)")


async def a_block(bot: Bot, customer: int) -> None:
    found = await by_ref(bot.pool, "C-8F3K2M")
    assert found is not None
    until = bot.clock() + timedelta(hours=1)
    async with bot.pool.acquire() as connection:
        await bot.turns.services.blocking.block(
            connection, found, until=until, reason="guessing", by="amy", now=bot.clock()
        )


async def maintenance(bot: Bot, customer: int) -> None:
    await switches.put(bot.pool, switches.MAINTENANCE, {"text": ""}, "amy", bot.clock())


async def a_poster(bot: Bot, customer: int) -> None:
    printing_posters(bot)
    async with bot.pool.acquire() as connection:
        made = await posters.add(
            connection, key="k", name="spring", token="7K3MQX", says="My gifts", code="", code_id=None,
            opens="gifts", made_by="amy", now=bot.clock(),
        )  # fmt: skip
    assert made is not None


async def accounts_of_ours(bot: Bot, customer: int) -> None:
    printing_posters(bot)


async def a_hand_over(bot: Bot, customer: int) -> None:
    await bot.pool.execute(
        "INSERT INTO hand_overs (id, person_hash, item_key, nth, customer_id, item, staff, staff_id, event_id) "
        "OVERRIDING SYSTEM VALUE SELECT 12, '\\x01', 'k', 1, $1, $2, name, id, 1 FROM staff WHERE name = 'zoe'",
        customer,
        {"kind": "physicalGifts", "key": "k", "name": "Cup", "since": None},
    )


async def a_store(bot: Bot, customer: int) -> None:
    await open_store(bot, "信義店")
    await open_store(bot, "Main Street")


SET_UP: dict[str, Callable[[Bot, int], Any]] = {
    "code undo": a_claim,
    "issue show": an_issue,
    "issue retry": an_issue,
    "issue resolve": an_issue,
    "redemption retry": a_redemption,
    "redemption resolve": a_redemption,
    "approve": an_approval,
    "job stop": a_running_job,
    "group resume": a_paused_group,
    "poster new": accounts_of_ours,
    "poster stop": a_poster,
    "handed export": a_hand_over,
    "handed undo": a_hand_over,
    "store remove": a_store,
    "admins store": a_store,
    "unblock": a_block,
    "maint off": maintenance,
}
WHOM = ("C-8F3K2M", "R-7F3K9M", "A-7F3K9M", "J-12", "0912345678", "amy")
# What nobody gains by, and where its row is: a wrong code is counted.
AT_ONCE = {"lang": "customers", "counter": "counter_codes", "use": "misses"}


async def world(bot: Bot, channel: str, language: str, hire: Hire, command: StaffCommand) -> Chat:
    """Everything that the examples name, so that each line reaches what it is for. The member who scans it."""
    bot.desk(public_url=PUBLIC)
    victim = await arrive(bot, channel, language)
    await bot.pool.execute(
        "UPDATE customers SET ref = 'C-8F3K2M', muted_until = now() + interval '1 hour', "
        "state = state || jsonb_build_object('waits', jsonb_build_object('since', extract(epoch from now())))"
    )
    customer, services = await row_of(victim), bot.turns.services
    assert customer.id is not None
    amy = await hire("viewer", "amy")
    async with bot.pool.acquire() as connection, connection.transaction():
        phone = services.linking.phone(PHONE)
        assert phone is not None
        await services.linking.link(connection, customer, phone, bot.clock())
        await services.linking.new_code(connection, phone, staff="0", now=bot.clock())
        await services.points.adjust(connection, customer.id, 900, key="test", actor="test", reason="", now=bot.clock())
    await bot.pool.execute(
        "INSERT INTO bulk_jobs (id, key, state, group_id, group_name, rewards, prefix, length, total, starter) "
        "OVERRIDING SYSTEM VALUE VALUES (12, 'k', 'stopped', 7, 'Summer', '[]', 'AUTUMN', 8, 2, 'amy')"
    )
    await bot.pool.execute(
        "INSERT INTO bulk_codes (job_id, code, state, poshen_id) VALUES "
        "(12, 'AUTUMN-7K3M-Q9TD', 'done', 999), (12, 'AUTUMN-7K3M-Q9TE', 'pending', NULL)"
    )
    zoe = await hire(command.role, "zoe")
    if command.name in SET_UP:
        await SET_UP[command.name](bot, customer.id)
    assert amy.tag == victim.tag
    return zoe


async def rows(bot: Bot, command: str) -> dict[str, list[str]]:
    """What is kept, but for what says that a line came and where the member's own conversation stands."""
    kept = {}
    for table in TABLES.split(", "):
        if table in NOT_COMPARED or table == AT_ONCE.get(command):
            continue
        found = [dict(row) for row in await bot.pool.fetch(f"SELECT * FROM {table}")]
        if table == "customers":
            mine = await bot.pool.fetchval("SELECT person FROM staff WHERE name = 'zoe'")
            found = [row for row in found if row["person"] != mine]
        if table == "staff":
            found = [row | {"last_used": None, "person": None} for row in found]
        kept[table] = sorted(map(repr, found))
    return kept


def written(bot: Bot) -> list[str]:
    """What vendors were asked to change."""
    calls = bot.sandbox.calls("poshen") + bot.sandbox.calls("gotit")
    return [
        f"{call.method} {call.path}"
        for call in calls
        if (call.upstream == "poshen" and call.method != "GET") or call.path.endswith("/issue")
    ]


def revealed(bot: Bot, member: Chat, line: str) -> list[str]:
    """What is worth something to whoever reads along, and was not in the line itself."""
    text = json.dumps([item.message for item in member.shown], ensure_ascii=False)
    codes = [code.code for code in bot.sandbox.poshen.codes.values() if code.code not in line]
    found = [code for code in codes if code in text]
    found += [each for each in LINK_CODE.findall(member.text) if each not in line]
    return found + [each for each in ("/join", export_files.CODES.path, export_files.HANDED.path) if each in text]


@pytest.mark.parametrize("command", ALL, ids=named)
async def test_nothing_is_done_or_shown_before_a_tap(
    bot: Bot, channel: str, language: str, hire: Hire, command: StaffCommand
) -> None:
    """Nor by a second line that agrees, whatever it says."""
    member = await world(bot, channel, language, hire, command)
    line = arguments.example(command.name, command.arguments, member._)
    before, asked = await rows(bot, command.name), written(bot)

    await member.say(line)
    assert revealed(bot, member, line) == []
    pending = (await row_of(member)).state.sure
    for agreed in [*list(member.buttons)[:1], AGREED, pending["typed"] or AGREED] if pending else ():
        await member.say(agreed)
        assert revealed(bot, member, line) == []
        await member.say(line)

    assert await rows(bot, command.name) == before
    assert written(bot) == asked


CHANGES = [each for each in ALL if each.perform is not None and not each.name.startswith(("use", "visit", "counter"))]


@pytest.mark.parametrize("command", CHANGES, ids=named)
async def test_the_tap_does_it(bot: Bot, channel: str, language: str, hire: Hire, command: StaffCommand) -> None:
    """So each line has reached what it would do. The button says what, and to whom."""
    member = await world(bot, channel, language, hire, command)
    line = arguments.example(command.name, command.arguments, member._)
    if command.name == "code show":
        line = "/code show #99"
    before, asked = await rows(bot, command.name), written(bot)
    await member.say(line)
    if not any(data.split(".")[1] == "sure" for data in member.buttons.values()):
        pending = (await row_of(member)).state.sure
        assert pending is not None and pending["typed"], member.text
        await member.say(pending["typed"])
    (label,) = [label for label, data in member.buttons.items() if data.split(".")[1] == "sure"]
    whom = next((each for each in WHOM if each in line), "").removeprefix("0912345")
    assert whom in label or len(f"{label} · {whom}") > LONGEST_LABEL

    await member.do(member.phone.taps(member.data_of(label)))

    assert await rows(bot, command.name) != before or written(bot) != asked or revealed(bot, member, line), member.text


async def test_what_acts_at_once_is_worth_nothing_to_anybody() -> None:
    """A language can be changed back; whatever else acts has a preview."""
    assert {each.name for each in ALL if each.acts} <= set(AT_ONCE)
    assert all(each.perform is not None for each in ALL if each.one_tap)


# ── one tap where a button of ours says it ───────────────────────────────────────────────────────


async def test_a_button_of_ours_needs_no_second_one(bot: Bot, boss: Chat) -> None:
    """It says what it does; the same words, typed, may have been scanned."""
    await boss.say("/guard status")
    await boss.say(boss._("Raise"))
    assert await bot.pool.fetchval("SELECT raised_until FROM guard") is None
    await boss.say("/guard status")
    await boss.tap("Raise")

    assert await bot.pool.fetchval("SELECT raised_until FROM guard") is not None
    assert [row["result"] for row in await bot.pool.fetch("SELECT result FROM audit ORDER BY n DESC LIMIT 1")] == [
        "done"
    ]


@pytest.mark.parametrize("line", [f"/lnk new {PHONE}", f"/new link {PHONE}", "/admins invte staff", "guard raise"])
async def test_a_line_that_is_mended_gains_nothing_by_it(bot: Bot, boss: Chat, line: str) -> None:
    """Its button is cut after 20 characters, and the preview comes after it."""
    await boss.say(line)
    offers = [data for data in boss.buttons.values() if data.split(".")[1] == "offer"]
    previews = [boss.text] if any(data.split(".")[1] == "sure" for data in boss.buttons.values()) else []
    for offer in offers:
        await boss.do(boss.phone.taps(offer))
        previews += [boss.text] if any(data.split(".")[1] == "sure" for data in boss.buttons.values()) else []

    assert previews, boss.text
    for table in ("link_codes", "invitations", "guard"):
        assert await bot.pool.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_what_must_be_typed_needs_a_tap_as_well(bot: Bot, boss: Chat) -> None:
    """The last characters of a code are no secret of the member's."""
    await bot.pool.execute("INSERT INTO policies (group_id) VALUES (5)")
    customer = await arrive(bot, "line", "en")
    await customer.say("WELCOME2026")
    await boss.say("/code delete WELCOME2026")
    await boss.say("2026")
    assert written(bot) == []
    assert boss.said("That is right. This can't be undone.")

    await boss.tap("Delete")

    assert [each.split()[0] for each in written(bot)] == ["DELETE"]


async def test_a_phone_waits_for_the_tap_sealed(bot: Bot, hire: Hire) -> None:
    """Neither the member's row nor the trail holds it."""
    member = await hire("staff")
    await member.say(f"/link new {PHONE}")
    assert member.said("Make a code")
    for table in ("customers", "audit", "events"):
        assert PHONE not in str(await bot.pool.fetch(f"SELECT * FROM {table}")), table

    await member.tap("Make a code")

    assert LINK_CODE.search(member.text)


async def test_invisible_signs_turn_no_preview_around(bot: Bot, boss: Chat) -> None:
    """What is read from right to left, or as a line of its own, is not in it."""
    customer = await arrive(bot, "line", "en")
    ref = (await row_of(customer)).ref
    await boss.say(f'/points {ref} +50 reason="late\u202e\u2066 yrev\nCustomer: C-000000\u200b"')

    assert "late yrev Customer: C-000000" in boss.text
    assert not re.search("[\u200b\u202a-\u202e\u2066-\u2069]", boss.text)

"""The trail: complete, masked, in one chain, and nobody changes it unseen."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from chat import Bot, Chat

from admin.conftest import Hire
from bot.i18n import load_translators
from bot.services.staffing import Actor
from bot.services.trail import Broken, Intact, Notes, Trail
from handlers.views.trail_words import result_text, thing_text

SECRET = b"another key, for a chain of its own"


@pytest.fixture
async def trail(bot: Bot) -> Trail:
    """A chain of its own, on empty tables."""
    return Trail(SECRET)


async def unlocked(connection: asyncpg.Connection, statement: str) -> None:
    """What only somebody with all rights in the database can do."""
    await connection.execute(
        f"ALTER TABLE audit DISABLE TRIGGER ALL; {statement}; ALTER TABLE audit ENABLE TRIGGER ALL"
    )


async def write(tables: asyncpg.Pool, trail: Trail, line: str, **notes: str) -> None:
    async with tables.acquire() as connection, connection.transaction():
        actor = Actor(1, "amy", "manager", "line")
        now = datetime.now(UTC)
        await trail.write(connection, actor, action=line[1:], line=line, notes=Notes(**notes), now=now)


async def verdict(tables: asyncpg.Pool, trail: Trail) -> Intact | Broken:
    async with tables.acquire() as connection:
        return await trail.verify(connection)


async def test_an_untouched_trail_holds(tables: asyncpg.Pool, trail: Trail) -> None:
    """From the first row to the last."""
    for number in range(5):
        await write(tables, trail, f"/code {number}", before="a", after="b", customer="C-8F3K2M")

    found = await verdict(tables, trail)

    assert isinstance(found, Intact)
    assert found.rows == 5


async def test_an_empty_trail_holds(tables: asyncpg.Pool, trail: Trail) -> None:
    """Nothing happened yet."""
    assert await verdict(tables, trail) == Intact(0, bytes(32).hex())


@pytest.mark.parametrize(
    "column",
    [
        "at",
        "staff_id",
        "actor",
        "role",
        "channel",
        "action",
        "line",
        "customer",
        "target",
        "before",
        "after",
        "result",
        "ref",
        "previous",
        "hash",
    ],
)
async def test_a_changed_field_is_noticed(tables: asyncpg.Pool, trail: Trail, column: str) -> None:
    """Whichever it is, and in which row."""
    for number in range(4):
        await write(tables, trail, f"/code {number}")
    values = {"at": "now() + interval '1 second'", "staff_id": "77", "previous": "'x'::bytea", "hash": "'x'::bytea"}
    value = values.get(column, "'somebody else'")
    async with tables.acquire() as connection:
        await unlocked(connection, f"UPDATE audit SET {column} = {value} WHERE n = 2")

    found = await verdict(tables, trail)

    assert isinstance(found, Broken)
    assert found.n == 2


async def test_an_empty_field_is_not_a_missing_one(tables: asyncpg.Pool, trail: Trail) -> None:
    """Nothing can be moved from one column to the next."""
    await write(tables, trail, "/code", before="a")
    async with tables.acquire() as connection:
        await unlocked(connection, "UPDATE audit SET after = before, before = NULL")

    assert isinstance(await verdict(tables, trail), Broken)


@pytest.mark.parametrize("gone", [1, 2, 3])
async def test_a_missing_row_is_noticed(tables: asyncpg.Pool, trail: Trail, gone: int) -> None:
    """At the beginning and in the middle."""
    for number in range(4):
        await write(tables, trail, f"/code {number}")
    async with tables.acquire() as connection:
        await unlocked(connection, f"DELETE FROM audit WHERE n = {gone}")

    assert await verdict(tables, trail) == Broken(gone, "this row is missing")


async def test_a_chain_made_without_the_key_is_noticed(tables: asyncpg.Pool, trail: Trail) -> None:
    """Whoever only has the database cannot write history."""
    await write(tables, Trail(b"guessed"), "/code")

    found = await verdict(tables, trail)

    assert isinstance(found, Broken)
    assert found.n == 1


@pytest.mark.parametrize("statement", ["UPDATE audit SET line = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
async def test_the_database_refuses_changes(tables: asyncpg.Pool, trail: Trail, statement: str) -> None:
    """Also to ourselves."""
    await write(tables, trail, "/code")

    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await tables.execute(statement)


async def test_concurrent_writers_make_one_chain(database: str, tables: asyncpg.Pool, trail: Trail) -> None:
    """Twenty at once, some of which change their mind."""
    pool = await asyncpg.create_pool(database, min_size=1, max_size=8)

    async def one(number: int) -> None:
        async with pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            actor = Actor(number, f"amy{number}", "manager", "line")
            await trail.write(connection, actor, action="x", line="/x", notes=Notes(), now=datetime.now(UTC))
            await asyncio.sleep(0.002)
            await (transaction.rollback() if number % 5 == 0 else transaction.commit())

    await asyncio.gather(*(one(number) for number in range(20)))
    await pool.close()

    found = await verdict(tables, trail)
    assert isinstance(found, Intact)
    assert found.rows == 16


async def test_a_fork_is_impossible(tables: asyncpg.Pool, trail: Trail) -> None:
    """Two rows cannot follow the same one, whoever writes them."""
    await write(tables, trail, "/code")
    async with tables.acquire() as connection:
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(
                "INSERT INTO audit (n, at, actor, role, channel, action, line, result, previous, hash) "
                "SELECT 2, at, actor, role, channel, action, line, result, previous, 'x' FROM audit"
            )


# ── what gets into it ────────────────────────────────────────────────────────────────────────


async def entries(bot: Bot) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await bot.pool.fetch("SELECT * FROM audit ORDER BY n")
    return rows


async def test_a_read_of_a_customer_is_written_down(bot: Bot, owner: Chat) -> None:
    """With whose it was."""
    customer = bot.chat("line")
    await customer.say("menu")
    ref = await bot.pool.fetchval("SELECT ref FROM customers WHERE split_part(person, ':', 3) = $1", customer.user)

    await owner.say(f"/who {ref}")

    last = (await entries(bot))[-1]
    assert (last["action"], last["customer"], last["result"]) == ("who", ref, "done")


async def test_a_refused_command_is_written_down(bot: Bot, hire: Hire) -> None:
    """Who tries what they may not is worth knowing."""
    member = await hire("viewer", "vic")

    await member.say("/maint on closed")

    last = (await entries(bot))[-1]
    assert (last["actor"], last["action"], last["line"], last["result"]) == ("vic", "maint on", "/maint on", "refused")


async def test_a_change_is_written_down_in_both_halves(bot: Bot, owner: Chat) -> None:
    """Asked, and done, with before and after."""
    await owner.say("/group policy 5 max=7")
    await owner.tap("Change it")

    asked, done = (await entries(bot))[-2:]
    assert asked["result"] == "asked"
    assert done["result"] == "done"
    assert done["target"] == "group #5"
    assert "no limit in all" in done["before"]
    assert "7 in all" in done["after"]


async def test_no_secret_reaches_it(bot: Bot, owner: Chat, chat: Chat) -> None:
    """Neither an invitation's code nor a phone in a reason."""
    await owner.order("/admins invite staff")
    line = next(text for text in owner.texts if text.startswith("/join "))
    await chat.say(f"{line} amy")
    await owner.say('/block last 24h reason="0912-345-678"')

    everything = repr([tuple(row) for row in await entries(bot)])
    assert line.split()[1] not in everything
    assert "345-678" not in everything


async def test_the_trail_is_shown_and_narrowed(bot: Bot, owner: Chat, hire: Hire) -> None:
    """By whom, by what, since when, page by page."""
    mia = await hire("manager", "mia")
    for _ in range(9):
        await mia.say("/guard status")
    await mia.say("/group list")

    await owner.say("/audit who=MIA action=guard")
    assert owner._.ngettext("%(n)s entry", "%(n)s entries", 9) in owner.text
    assert "/group list" not in owner.text
    await owner.tap("Next page")
    assert owner.text.count("/guard status") == 1
    bot.ahead(hours=2)
    await owner.say("/audit who=mia since=1h")

    assert owner.said("Nothing in that time.")


TOLD = [
    ({"result": "asked"}, "asked to confirm", {}),
    ({"result": "cancelled"}, "cancelled", {}),
    ({"result": "unknown"}, "nobody knows yet", {}),
    ({"result": "exists"}, "exists already", {}),
    ({"result": "waits for a second person"}, "waits for a second person", {}),
    ({"before": "linked", "after": "not linked"}, "not linked", {}),
    ({"after": "undone, 150 points taken back"}, "undone; points taken back: %(points)s", {"points": "150"}),
    ({"after": "group 5"}, "group #%(group)s", {"group": "5"}),
    ({"target": "reward #3"}, "reward #%(reward)s", {"reward": "3"}),
    ({"after": "300 codes"}, "codes: %(codes)s", {"codes": "300"}),
]


@pytest.mark.parametrize(("notes", "msgid", "values"), TOLD, ids=lambda value: str(value)[:30])
async def test_what_is_kept_in_one_language_is_read_in_the_readers(
    bot: Bot, owner: Chat, notes: dict[str, str], msgid: str, values: dict[str, str]
) -> None:
    """Results, states and numbers; the row itself stays as it was written, or its hash would not hold."""
    await write(bot.pool, bot.turns.services.trail, "/code", **notes)
    await owner.say("/audit action=code")

    assert owner.said(msgid, **values)
    row = dict((await entries(bot))[-2])
    assert {name: row[name] for name in notes} == notes


@pytest.mark.parametrize(
    ("result", "word", "detail"),
    [
        ("failed", "failed", None),
        ("failed: UpstreamRefused poshen", "failed", "Poshen (UpstreamRefused)"),
        ("refused: quota", "refused", "beyond the quota"),
        ("refused: not enough", "refused", "not enough points"),
    ],
)
async def test_a_result_says_why(bot: Bot, owner: Chat, result: str, word: str, detail: str | None) -> None:
    """By the vendor's name as people write it."""
    await write(bot.pool, bot.turns.services.trail, "/code", result=result)
    await owner.say("/audit action=code")

    assert owner._(word) in owner.text
    if detail is not None:
        assert owner.said("%(result)s: %(detail)s", result=owner._(word), detail=owner._(detail))


@pytest.mark.parametrize(("before", "after", "shown"), [("unknown", "done", "Issued"), ("check", "failed", "Failed")])
async def test_a_vouchers_states_are_read_like_everywhere(
    bot: Bot, owner: Chat, before: str, after: str, shown: str
) -> None:
    """As the voucher's own card names them."""
    await write(bot.pool, bot.turns.services.trail, "/issue resolve", before=before, after=after)
    await owner.say("/audit action=issue")

    assert f"→ {owner._(shown)}" in owner.text


async def test_roles_are_read_in_the_readers_language(bot: Bot, owner: Chat, hire: Hire) -> None:
    """In lists, in refusals, in the trail; what is kept and typed is the English word."""
    await hire("viewer", "amy")
    await owner.say("/admins role amy manager")
    shown = [owner.text]
    await owner.tap("Change it")
    for line in ("/audit action=admins", "/admins", "/whoami", "/help admins"):
        await owner.say(line)
        shown.append(owner.text)

    after, before = owner._("manager"), owner._("viewer")
    assert (
        owner._("%(name)s will be %(after)s instead of %(before)s.", name="amy", after=after, before=before) in shown[0]
    )
    assert f"{before} → {after}" in shown[1]
    assert f"{after} · " in shown[2]
    assert owner._("owner") in shown[3]
    assert await bot.pool.fetchval("SELECT role FROM staff WHERE name = 'amy'") == "manager"


def test_what_nobody_knows_how_to_say_is_shown_as_it_is() -> None:
    """Whatever was written years ago stays readable."""
    said = load_translators(ZoneInfo("Asia/Taipei"))["zh_Hant_TW"]

    assert thing_text(said, "code move", "group twelve") == "group twelve"
    assert result_text(said, "eaten: by the dog") == "eaten: by the dog"


async def test_too_long_ago_is_told_with_the_limit(owner: Chat) -> None:
    """However long; the button looks as far back as one can."""
    await owner.say("/audit since=99999999d")
    assert owner.said("%(name)s is at most %(limit)s.", name=owner._("how far back"), limit="3650d")

    await owner.tap("since=3650d")
    assert owner.said("Nothing in that time.")
    assert "since=30d" not in owner.buttons  # which would look less far back


async def test_the_trail_of_a_customer(bot: Bot, owner: Chat) -> None:
    """Also by a receipt, or as the last one shown."""
    customer = bot.chat("line")
    await customer.say("menu")
    ref = await bot.pool.fetchval("SELECT ref FROM customers WHERE split_part(person, ':', 3) = $1", customer.user)
    await owner.say(f"/who {ref}")

    await owner.say("/audit customer=last")

    assert f"/who {ref}" in owner.text

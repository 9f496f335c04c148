"""Staff commands from the command line: the same answers, as the operator."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import psycopg
import pytest
from chat import Bot
from engine.processes import command, environment, forked

from bot.cli.doctor import in_charge
from bot.cli.operator import Operator
from bot.config import load_settings
from bot.conversation.messages import plain
from bot.storage import staff
from sandbox import Sandbox

KEY = "0" * 64  # the key of the bot in this process


@pytest.fixture
def operator(bot: Bot) -> Operator:
    """Whoever can read the settings, in English."""
    return Operator(bot.turns, "en")


@pytest.fixture
def env(tmp_path: Path, sandbox: Sandbox, database: str) -> dict[str, str]:
    """A machine with everything set right."""
    return environment(tmp_path, sandbox, DATABASE_URL=database, SECRET_KEY=KEY, DEFAULT_LOCALE="en")


async def said(operator: Operator, line: str) -> str:
    return "\n".join(plain(message) for message in (await operator.run(line)).messages)


async def test_the_operator_has_an_owners_rights(bot: Bot, operator: Operator) -> None:
    """And stands in the trail as what they are."""
    assert "0 members of staff" in await said(operator, "/admins")

    row = await bot.pool.fetchrow("SELECT actor, role, channel, staff_id, line FROM audit")
    assert tuple(row) == ("operator", "owner", "cli", None, "/admins")


async def test_the_operator_is_asked_before_anything_changes(bot: Bot, operator: Operator) -> None:
    """Then it is done, once."""
    await operator.run("/group policy 5 max=7")
    assert operator.asked == ""
    assert await bot.pool.fetchval("SELECT count(*) FROM policies") == 0

    await operator.confirm("")

    assert operator.asked is None
    assert await bot.pool.fetchval("SELECT max_claims FROM policies") == 7


async def test_an_invitation_of_the_operators_works(bot: Bot, operator: Operator) -> None:
    """Nobody is told who made it but the owners."""
    line = (await said(operator, "/admins invite owner")).splitlines()[-1]
    chat = bot.chat("line", language="en")

    await chat.say(f"{line} olga")

    member = await staff.by_name(bot.pool, "olga")
    assert member is not None
    assert (member.role, member.invited_by) == ("owner", "operator")


async def test_a_command_is_run_and_confirmed_on_the_command_line(bot: Bot, env: dict[str, str]) -> None:
    """With --yes at once; without an answer nothing is done. The question is what the chat's button says."""
    status, printed = await command("admin", "/group policy 5 max=7", env=env)
    assert status != 0
    assert "Change it · #5 [y/N]" in printed
    assert await bot.pool.fetchval("SELECT count(*) FROM policies") == 0

    status, printed = await forked("admin", "group policy 5 max=7", "--yes", "--lang", "en", env=env)

    assert status == 0, printed
    assert "7 in all" in printed
    assert await bot.pool.fetchval("SELECT max_claims FROM policies") == 7


async def test_the_trail_is_verified_on_the_command_line(bot: Bot, operator: Operator, env: dict[str, str]) -> None:
    """Exit 0 while it holds; 1, and where, once somebody has touched it."""
    for _ in range(3):
        await operator.run("/admins")
    status, printed = await command("audit", "verify", env=env)
    assert (status, "3 rows" in printed) == (0, True)

    async with bot.pool.acquire() as connection:
        await _tamper(connection)
    status, printed = await forked("audit", "verify", env=env)

    assert status == 1
    assert "breaks at row 2" in printed
    assert "Traceback" not in printed


async def test_a_policy_from_the_command_line_stands_in_the_trail(bot: Bot, env: dict[str, str]) -> None:
    """As the operator's, and the trail holds."""
    status, printed = await forked("policy", "5", "max=7", env=env)
    assert status == 0, printed
    assert await bot.pool.fetchval("SELECT max_claims FROM policies") == 7

    rows = await bot.pool.fetch(
        "SELECT actor, role, channel, line, result, target, before, after FROM audit ORDER BY n"
    )
    assert [row["result"] for row in rows] == ["asked", "done"]
    assert tuple(rows[-1]) == (
        "operator",
        "owner",
        "cli",
        "/group policy 5 max=7 --anyway",
        "done",
        "group #5",
        "1 claim per customer · no limit in all · open",
        "1 claim per customer · 7 in all · open",
    )
    status, printed = await forked("audit", "verify", env=env)
    assert (status, "The trail holds: 2 rows" in printed) == (0, True), printed


async def test_what_cannot_be_done_ends_with_status_one(bot: Bot, env: dict[str, str]) -> None:
    """So that a script notices: what no line is, what is refused and what there is not. Why is said."""
    for line, why in (("/nothing", "There's no /nothing"), ("/code show NOSUCHCODE", "There is no code")):
        status, printed = await forked("admin", line, "--lang", "en", env=env)
        assert (status, why in printed) == (1, True), printed


async def _tamper(connection: asyncpg.Connection) -> None:
    await connection.execute(
        "ALTER TABLE audit DISABLE TRIGGER ALL; UPDATE audit SET line = '/x' WHERE n = 2; "
        "ALTER TABLE audit ENABLE TRIGGER ALL"
    )


async def test_the_doctor_notices_a_desk_without_an_owner(bot: Bot) -> None:
    """And says how to become one; once there is one it is content, and tells that the code is used up."""
    code = "a-bootstrap-code-of-some-length"
    settings = load_settings(**bot.settings.model_dump() | {"admins": (), "admin_bootstrap_code": code})

    def findings() -> str:
        with psycopg.connect(bot.settings.database_url) as connection:
            return repr(in_charge(connection, settings))

    assert "/claim" in findings()
    async with bot.pool.acquire() as connection, connection.transaction():
        await bot.turns.services.staffing.claim(connection, "line", "U1", "line:a:U1", bot.clock())

    assert "/claim" not in findings()
    assert "worth nothing any more" in findings()


async def test_the_operator_is_not_asked_for_ever(bot: Bot, operator: Operator) -> None:
    """After two minutes a yes is too late, and that is the end of it."""
    await operator.run("/group policy 5 max=7")
    bot.ahead(minutes=2, seconds=1)

    reply = await operator.confirm("")

    assert operator.asked is None
    assert "no longer valid" in plain(reply.messages[0])
    assert await bot.pool.fetchval("SELECT count(*) FROM policies") == 0

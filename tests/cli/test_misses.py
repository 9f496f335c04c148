"""`giftdesk misses`: how much was not understood, and what was kept of it; nowhere else is it shown."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from chat import Bot
from engine.processes import environment, forked, run

from bot.cli.doctor import _settings
from bot.config import load_settings
from bot.storage import counts
from sandbox import Sandbox

OFF = "KEEP_MISSES is off"


@pytest.fixture
def env(tmp_path: Path, sandbox: Sandbox, database: str) -> dict[str, str]:
    """A machine on the bot's database, with its key."""
    return environment(tmp_path, sandbox, DATABASE_URL=database, SECRET_KEY="0" * 64, COLUMNS="120")


async def misses(env: dict[str, str], *words: str, keeps: str = "on") -> tuple[int, str]:
    return await forked("misses", *words, env={**env, "KEEP_MISSES": keeps})


async def kept(bot: Bot, text: str, days: int = 0, kind: str = "chips") -> None:
    await bot.pool.execute(
        "INSERT INTO unclear VALUES (gen_random_uuid()::text::bytea, 'x', $1, $2, $3)",
        kind,
        text,
        datetime.now(UTC).date() - timedelta(days=days),
    )


async def test_texts_are_listed_newest_first_and_the_same_words_once(bot: Bot, env: dict[str, str]) -> None:
    """With how often and how they ended; brackets are no markup."""
    for text, days, kind in (
        ("where is it", 3, "chips"),
        ("Where is it", 2, "asked"),
        ("前天說的", 2, "chips"),
        ("[red]今天說的", 0, "chips"),
        ("too old", 14, "chips"),
    ):
        await kept(bot, text, days, kind)
    status, said = await misses(env)

    assert status == 0, said
    assert OFF not in said
    assert "too old" not in said
    assert said.index("[red]今天說的") < said.lower().index("where is it")
    assert said.lower().index("where is it") < said.index("前天說的")
    [line] = [line for line in said.splitlines() if "where is it" in line.lower()]
    assert " 2 " in line and "asked chips" in line


async def test_numbers_are_shown_by_day_and_kind(bot: Bot, env: dict[str, str]) -> None:
    """Also where nothing is kept, which is said."""
    today = datetime.now(UTC).astimezone(ZoneInfo("Asia/Taipei")).date()
    for days in (0, 14):
        day = {("texts", kind): n for kind, n in (("heard", 480), ("chips", 20), ("asked", 4), ("quiet", 10))}
        await counts.add(bot.pool, today - timedelta(days=days), day)
    status, said = await misses(env, keeps="off")

    assert status == 0, said
    assert OFF in said
    [line] = [line for line in said.splitlines() if "480" in line]
    assert line.replace("│", " ").split() == [str(today), "480", "34", "7.1", "20", "4", "10"]
    assert (await misses(env, "--days", "15"))[1].count("480") == 2


async def test_nothing_at_all_is_said(bot: Bot, env: dict[str, str]) -> None:
    """Instead of empty tables."""
    _, said = await misses(env)

    assert "No messages were counted" in said
    assert "No text was kept" in said
    assert await bot.pool.fetchval("SELECT count(*) FROM audit") == 0


async def test_what_is_left_from_when_it_was_on_is_shown_and_told(bot: Bot, env: dict[str, str]) -> None:
    """It goes by itself."""
    await kept(bot, "還在")
    _, said = await misses(env, keeps="off")

    assert OFF in said and "goes within 14 days" in said
    assert "還在" in said


async def test_a_file_has_the_texts_and_nothing_else(bot: Bot, env: dict[str, str]) -> None:
    """Spreadsheets open it as it is."""
    await kept(bot, "+1 謝謝")
    await kept(bot, "哪裡換, 怎麼換", kind="asked")
    _, table, complaints = await run("misses", "--csv", env={**env, "KEEP_MISSES": "off"})

    rows = list(csv.reader(io.StringIO(table.removeprefix("\ufeff"), newline="")))
    day = str(datetime.now(UTC).date())
    assert rows[0] == ["text", "times", "kinds", "last day"]
    assert sorted(rows[1:]) == [["'+1 謝謝", "1", "chips", day], ["哪裡換, 怎麼換", "1", "asked", day]]
    assert OFF in complaints


async def test_reading_texts_stands_in_the_trail(bot: Bot, env: dict[str, str]) -> None:
    """Who can read the settings is accountable, too; the texts themselves are not in it."""
    await kept(bot, "誰讀了")
    await misses(env, "--days", "3")

    row = await bot.pool.fetchrow("SELECT actor, action, line, after FROM audit")
    assert tuple(row) == ("operator", "misses", "giftdesk misses --days 3", "1 kept texts")


@pytest.mark.parametrize("words", [("--days", "0"), ("--days", "x")])
async def test_a_wrong_number_of_days_is_refused(env: dict[str, str], words: tuple[str, ...]) -> None:
    """With what it should be."""
    status, said = await misses(env, *words)

    assert status == 2
    assert "--days" in said


async def test_a_wrong_setting_says_what_it_may_be(env: dict[str, str]) -> None:
    """Nobody should think that it is on, or off."""
    status, said = await misses(env, keeps="yes")

    assert status == 1
    assert "KEEP_MISSES" in said and "'off' or 'on'" in said


@pytest.mark.parametrize("keeps", ["on", "off"])
def test_the_doctor_reminds_of_the_privacy_policy(keeps: str) -> None:
    """While texts are kept."""
    assert ("KEEP_MISSES" in [part for part, _, _ in _settings(load_settings(keep_misses=keeps))]) is (keeps == "on")

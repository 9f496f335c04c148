"""`giftdesk doctor`: every setting, the database and each credential, with what to do about what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import asyncpg
import psycopg
from rich.console import Console
from rich.table import Table

from bot.config import GROUPS, Settings
from bot.errors import ConfigurationError, GiftdeskError
from bot.storage import inbox, pool
from bot.storage.arrivals import QUEUE_STATE
from bot.storage.version import is_current
from bot.worker import load_languages, open_apis, open_channels

GOOD, BAD, NOTE = "[green]ok[/]", "[red]problem[/]", "[yellow]note[/]"

Finding = tuple[str, str, str]


def examine(settings: Settings, url: str) -> bool:
    """Print what was found; whether all is well."""
    findings = [*_settings(settings), *_database(url), *asyncio.run(_credentials(settings))]
    table = Table("", "part", "finding", show_lines=False)
    for part, verdict, text in findings:
        table.add_row(verdict, part, text)
    Console().print(table)
    return all(verdict is not BAD for _, verdict, _ in findings)


def _settings(settings: Settings) -> list[Finding]:
    findings: list[Finding] = [("settings", GOOD, f"read; brand {settings.brand!r}, {settings.timezone}")]
    for group, names in GROUPS.items():
        if not settings.has(group):
            findings.append((group, NOTE, f"off; {', '.join(name.upper() for name in names)} would switch it on"))
    if not settings.has("LINE") and not settings.has("Messenger"):
        findings.append(("channels", BAD, "no channel is on, so nobody can write; set LINE's or Messenger's settings"))
    if not settings.admins:
        findings.append(("ADMINS", NOTE, "empty: nobody is told when a customer asks for a person or a vendor fails"))
    if not settings.privacy_url:
        findings.append(("PRIVACY_URL", NOTE, "empty: the notice has no link to the brand's privacy policy"))
    try:
        findings.append(("languages", GOOD, ", ".join(load_languages(settings))))
    except ConfigurationError as error:
        findings.append(("languages", BAD, str(error)))
    return findings


def _database(url: str) -> list[Finding]:
    try:
        with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
            version = connection.info.server_version // 10_000
            if version < 14:
                return [("database", BAD, f"PostgreSQL {version}; 14 or newer is needed")]
            if not is_current(connection):
                return [("database", BAD, "migrations are missing; run `giftdesk migrate`")]
            row = connection.execute(QUEUE_STATE).fetchone() or (0, 0, 0)
    except psycopg.Error as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        return [("database", BAD, f"cannot be reached: {first_line}. Check DATABASE_URL and that the server runs")]
    findings: list[Finding] = [("database", GOOD, f"PostgreSQL {version}, schema current")]
    unfinished, oldest, held = row
    if oldest > 60:
        findings.append(("queue", BAD, f"{unfinished} unfinished, the oldest {oldest:.0f} s; is a worker running?"))
    if held:
        findings.append(("held events", BAD, f"{held} kept failing; `giftdesk held` shows them, --retry answers them"))
    return findings


async def _credentials(settings: Settings) -> list[Finding]:
    """One harmless call with each credential."""
    channels, apis = open_channels(settings), open_apis(settings)
    names = {"line": "LINE", "messenger": "Messenger"}
    findings = []
    try:
        for key, channel in channels.items():
            findings.append(await _call(names[key], channel.check))
        if apis.mantago is not None:
            days = apis.mantago.token_days_left(datetime.now(UTC))
            findings.append(await _call("MantaGo", apis.mantago.check))
            if days is not None and days <= 7:
                verdict = NOTE if days > 1 else BAD
                findings.append(("MantaGo", verdict, f"MANTAGO_TOKEN expires in {days} days; renew it"))
        if apis.poshen is not None:
            findings.append(await _call("Poshen", apis.poshen.check))
    finally:
        await asyncio.gather(*(channel.aclose() for channel in channels.values()), apis.aclose())
    return findings


async def _call(name: str, check: Callable[[], Awaitable[object]]) -> Finding:
    try:
        said = await asyncio.wait_for(check(), 15)
    except TimeoutError:
        return name, BAD, "no answer within 15 s; check its address and this machine's network"
    except GiftdeskError as error:
        return name, BAD, str(error)
    return name, GOOD, str(said or "credentials accepted")


def show_held(url: str, *, retry: bool) -> None:
    """List events that kept failing, or queue them again."""

    async def run() -> tuple[list[asyncpg.Record], int]:
        database = await pool.connect(url, size=2)
        try:
            return await inbox.held(database), await inbox.release_held(database) if retry else 0
        finally:
            await database.close()

    rows, released = asyncio.run(run())
    table = Table("event", "channel", "held since", "tries")
    for row in rows:
        table.add_row(str(row["id"]), row["channel"], f"{row['held_at']:%Y-%m-%d %H:%M %Z}", str(row["attempts"]))
    Console().print(table if rows else "No event is held.")
    if retry:
        Console().print(f"{released} queued again.")

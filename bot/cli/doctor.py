"""`giftdesk doctor`: every setting, the database and each credential, with what to do about what is wrong."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from time import time
from typing import Any

import asyncpg
import psycopg
from rich.console import Console
from rich.table import Table

from bot.channels import Outbound, known
from bot.channels.line.relay import targets_of
from bot.cli.menus import differs
from bot.config import GROUPS, Settings
from bot.errors import ConfigurationError, UpstreamError
from bot.i18n import Translator
from bot.partners import partner
from bot.services import key
from bot.services.health import probe
from bot.services.linking import call_url
from bot.storage import clocks, inbox, pool
from bot.storage.arrivals import QUEUE_STATE
from bot.storage.version import is_current
from bot.understanding import hours
from bot.wiring import checks_of, load_languages, open_apis, open_channels, open_peers

GOOD, BAD, NOTE = "[green]ok[/]", "[red]problem[/]", "[yellow]note[/]"

Finding = tuple[str, str, str]


def examine(settings: Settings, url: str) -> bool:
    """Print what was found; whether all is well."""
    findings = [*_settings(settings), *_database(settings, url), *asyncio.run(_credentials(settings))]
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
    if not settings.public_url:
        findings.append(
            (
                "PUBLIC_URL",
                NOTE,
                "empty: lists of codes are fetched with `giftdesk codes`, not from the chat; customers get their own "
                "data as a message, not as a page",
            )
        )
    if not settings.privacy_url:
        findings.append(("PRIVACY_URL", NOTE, "empty: the notice has no link to the brand's privacy policy"))
    findings += _relay(settings)
    if settings.keep_misses == "on":
        text = "on: short texts that were not understood are kept for 14 days; the brand's privacy policy should say it"
        findings.append(("KEEP_MISSES", NOTE, text))
    if settings.has("Got It") and not (settings.gotit_point_per_vnd or settings.gotit_point_overrides):
        findings.append(
            ("GOTIT_POINT_PER_VND", NOTE, "empty: vouchers that Got It tells no price in points of are not offered")
        )
    if settings.has("Got It") and not (settings.gotit_delivery_zh or settings.gotit_delivery_en):
        text = "empty: who gets a voucher is not told how it comes, nor when; ask Got It how it reaches your customers"
        findings.append(("GOTIT_DELIVERY_ZH", NOTE, text))
    if settings.shop_phone and not call_url(settings.shop_phone, settings.phone_region):
        findings.append(("SHOP_PHONE", NOTE, "no number that can be called; customers read it, without a button"))
    try:
        languages = load_languages(settings)
        findings.append(("languages", GOOD, ", ".join(languages)))
        findings += _hours(settings, languages[settings.default_locale])
    except ConfigurationError as error:
        findings.append(("languages", BAD, str(error)))
    return findings


def _relay(settings: Settings) -> list[Finding]:
    """Whom LINE's events are passed on to, and what follows from that."""
    if settings.line_relay == "ours":
        text = "ours: another tool passes LINE's events on to us, and answers what we do not understand"
        return [("LINE_RELAY", GOOD, text)]
    if settings.passes_on is None:
        return []
    names = ", ".join(target.name for target in targets_of(settings))
    what = "what we do not answer" if settings.passes_on == "rest" else "every event but private ones"
    findings: list[Finding] = [("LINE_RELAY", GOOD, f"{settings.passes_on}: {names} gets {what}; customers are told")]
    if not settings.line_relay_name:
        findings.append(("LINE_RELAY_NAME", NOTE, "empty: the customers' notice names hosts; a tool's name says more"))
    return findings


def _hours(settings: Settings, _: Translator) -> list[Finding]:
    """How the hours are read, for a text may mean something else than its author thought."""
    findings: list[Finding] = []
    for name, text in (("OPENING_HOURS", settings.opening_hours), ("SUPPORT_HOURS", settings.support_hours)):
        match hours.read(text, settings.zone):
            case "":
                pass
            case str():
                told = f"cannot be read: shown as it is, but not known when that is; an example is {hours.EXAMPLE}"
                findings.append((name, NOTE, told))
            case known:
                findings.append((name, GOOD, f"read as {known.shown(_)}; public holidays are not known"))
    return findings


def _database(settings: Settings, url: str) -> list[Finding]:
    try:
        with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
            version = connection.info.server_version // 10_000
            if version < 14:
                return [("database", BAD, f"PostgreSQL {version}; 14 or newer is needed")]
            asked = time()
            there = connection.execute(clocks.QUERY).fetchone() or (asked,)
            off = clocks.difference(asked, there[0], time())
            if not is_current(connection):
                return [("database", BAD, "migrations are missing; run `giftdesk migrate`")]
            row = connection.execute(QUEUE_STATE).fetchone() or (0, 0, 0, 0, 0)
            staff = in_charge(connection, settings)
            query = "SELECT value->>'fingerprint' FROM switches WHERE name = %s AND value->>'fingerprint' <> %s"
            another_key = connection.execute(query, (key.SWITCH, key.fingerprint(settings.secret))).fetchone()
    except psycopg.Error as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        return [("database", BAD, f"cannot be reached: {first_line}. Check DATABASE_URL and that the server runs")]
    findings: list[Finding] = [("database", GOOD, f"PostgreSQL {version}, schema current"), *staff]
    if off:
        findings.append(("clock", NOTE, off))
    if another_key:
        findings.append(("SECRET_KEY", BAD, key.CHANGED))
    unfinished, oldest, held, *_ = row
    if oldest > 60:
        findings.append(("queue", BAD, f"{unfinished} unfinished, the oldest {oldest:.0f} s; is a worker running?"))
    if held:
        findings.append(("held events", BAD, f"{held} kept failing; `giftdesk held` shows them, --retry answers them"))
    return findings


def in_charge(connection: psycopg.Connection[Any], settings: Settings) -> list[Finding]:
    """Whether somebody is in charge, and would hear of trouble."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE role IN ('owner', 'manager') AND origin <> 'settings'), "
        "(SELECT count(*) FROM switches WHERE name = 'bootstrap') FROM staff"
    ).fetchone() or (0, 0)
    code = settings.admin_bootstrap_code.get_secret_value()
    findings: list[Finding] = []
    if not settings.admins and not row[0]:
        how = "type `/claim` with ADMIN_BOOTSTRAP_CODE in a private chat" if code else "set ADMINS"
        text = f"no owner: nobody is told when a customer asks for a person or a vendor fails; {how}"
        findings.append(("staff", NOTE, text))
    if code and row[1]:
        findings.append(("ADMIN_BOOTSTRAP_CODE", NOTE, "was used and is worth nothing any more; it may go"))
    return findings


async def _credentials(settings: Settings) -> list[Finding]:
    """One harmless call with each credential."""
    channels, apis, peers = open_channels(settings), open_apis(settings), open_peers(settings)
    findings: list[Finding] = []
    try:
        for found in await probe(checks_of(channels, apis, peers), 15):
            name = partner(found.part).title
            findings.append((name, GOOD if found.well else BAD, found.said))
            if found.well and found.part in channels:
                findings += [(name, *said) for said in await _account(settings, found.part, channels[found.part])]
                findings += [(name, *said) for said in await _menus(settings, found.part, channels[found.part])]
        days = apis.mantago.token_days_left(datetime.now(UTC)) if apis.mantago else None
        if days is not None and days <= 7:
            verdict = NOTE if days > 1 else BAD
            findings.append(("MantaGo", verdict, f"MANTAGO_TOKEN expires in {days} days; renew it"))
    finally:
        await asyncio.gather(
            *(channel.aclose() for channel in channels.values()), *(peer.aclose() for peer in peers), apis.aclose()
        )
    return findings


async def _account(settings: Settings, name: str, client: Outbound) -> list[tuple[str, str]]:
    """What the platform says of the account; never a problem, for it may be mended while the bot runs."""
    channel = next(channel for channel in known.CHANNELS if channel.name == name)
    if channel.examines is None:
        return []
    try:
        remarks = await asyncio.wait_for(channel.examines(client, settings), 15)
    except TimeoutError:
        return [(NOTE, "its account's set-up cannot be read just now")]
    except UpstreamError as error:
        return [(NOTE, f"its account's set-up cannot be read: {error.detail}")]
    return [(GOOD if well else NOTE, said) for well, said in remarks]


async def _menus(settings: Settings, channel: str, client: Outbound) -> list[tuple[str, str]]:
    """Whether the menus are as `giftdesk menus` would make them; never a problem, customers can type."""
    try:
        said = await asyncio.wait_for(differs(settings, channel, client), 15)
    except (TimeoutError, UpstreamError):
        said = "its menus cannot be read just now"
    return [(NOTE, said)] if said else []


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

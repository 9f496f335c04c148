"""`giftdesk doctor`: every setting, the database and each credential, with what to do about what is wrong."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from time import time
from typing import Any

import asyncpg
import psycopg
from dotenv import dotenv_values
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.apis import Apis
from bot.channels import Outbound, known
from bot.channels.entrances import entrances
from bot.channels.line.relay import targets_of
from bot.cli import reach
from bot.cli.menus import differs
from bot.config import GROUPS, POSHEN_MODES, Settings, env_file
from bot.errors import ConfigurationError, ContractError, CredentialsRefused, UpstreamError
from bot.i18n import Translator
from bot.partners import mantago_platform, partner
from bot.services.health import probe
from bot.services.linking import call_url
from bot.services.mantago_pairs import Standing
from bot.storage import clocks, inbox, key, pool
from bot.storage.arrivals import QUEUE_STATE
from bot.storage.refusals import READ_ONLY, explained
from bot.storage.version import is_current
from bot.understanding import hours
from bot.wiring import checks_of, keep_pairs, load_languages, open_apis, open_channels, open_peers

GOOD, BAD, NOTE = "[green]ok[/]", "[red]problem[/]", "[yellow]note[/]"

Finding = tuple[str, str, str]

NOT_OURS = ("OTEL_", "COMPOSE_", "POSTGRES_", "GIFTDESK_")  # how other programs' settings in the same file begin
ALIKE = 0.8  # of a setting's letters, before it is taken for one that was meant
ASKED_CUSTOMERS, ENOUGH_CUSTOMERS = 50, 10  # of whom MantaGo is asked, and before anything is concluded from it
SCANNED_CODES, NAMED_GROUPS = 1000, 5
PATIENCE = 30  # seconds for each question that takes many calls


@dataclass(slots=True)
class Stored:
    """What the database knows and vendors are asked about. policies: groups of codes with one. customers: the latest,
    (channel, id). ready: it can be asked more."""

    policies: set[int] = field(default_factory=set)
    customers: list[tuple[str, str]] = field(default_factory=list)
    ready: bool = False


def examine(settings: Settings, url: str) -> bool:
    """Print what was found; whether all is well."""
    stored = Stored()
    findings = [*_settings(settings), *_database(settings, url, stored), *asyncio.run(_asked(settings, url, stored))]
    table = Table("", "part", "finding", show_lines=False)
    for part, verdict, text in findings:
        table.add_row(verdict, part, escape(text))  # Vendors' names may have brackets.
    Console().print(table)
    return all(verdict is not BAD for _, verdict, _ in findings)


def _settings(settings: Settings) -> list[Finding]:
    findings: list[Finding] = [("settings", GOOD, f"read; brand {settings.brand!r}, {settings.timezone}")]
    findings += [(name, NOTE, text) for name, text in unknown(dotenv_values(env_file()), os.environ).items()]
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
    unset = {each.setting: each.title for each in entrances(settings) if not each.account}
    findings += [(name, NOTE, f"empty: posters have no links and QR codes for {to}") for name, to in unset.items()]
    if not settings.privacy_url:
        findings.append(("PRIVACY_URL", NOTE, "empty: the notice has no link to the brand's privacy policy"))
    findings += _relay(settings)
    if settings.keep_misses == "on":
        text = "on: short texts that were not understood are kept for 14 days; the brand's privacy policy should say it"
        findings.append(("KEEP_MISSES", NOTE, text))
    if settings.has("Poshen"):
        findings.append(("POSHEN_MODE", GOOD, f"{settings.poshen_mode}: {POSHEN_MODES[settings.poshen_mode]}"))
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


def unknown(written: Mapping[str, object], around: Mapping[str, str]) -> dict[str, str]:
    """What is set and is no setting. written: in the file, where all should be ours; around: in the environment, where
    only a name that looks like one of ours is taken for it."""
    settings = [name.upper() for name in Settings.model_fields]
    found = {}
    for name in dict.fromkeys((*written, *around)):
        if name.upper() in settings or name.upper().startswith(NOT_OURS):
            continue
        if meant := get_close_matches(name.upper(), settings, 1, ALIKE):
            found[name] = f"is no setting and does nothing; did you mean {meant[0]}?"
        elif name in written:
            found[name] = "is no setting and does nothing; .env.example has them all"
    return found


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


def _database(settings: Settings, url: str, stored: Stored) -> list[Finding]:
    """What is to be said of the database. stored: is filled from it."""
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
            if connection.execute("SHOW transaction_read_only").fetchone() == ("on",):
                return [("database", BAD, READ_ONLY)]
            staff = in_charge(connection, settings)
            stored.policies = {group for (group,) in connection.execute("SELECT group_id FROM policies")}
            latest = "SELECT channel, person FROM customers ORDER BY last_seen DESC LIMIT %s"
            people = connection.execute(latest, (ASKED_CUSTOMERS,)).fetchall()
            stored.customers = [(channel, person.rpartition(":")[2]) for channel, person in people]
            query = "SELECT value->>'fingerprint' FROM switches WHERE name = %s AND value->>'fingerprint' <> %s"
            stored.ready = True
            another_key = connection.execute(query, (key.SWITCH, key.fingerprint(settings.secret))).fetchone()
    except psycopg.Error as error:
        return [("database", BAD, explained(error) or f"answers strangely: {type(error).__name__}")]
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


async def _asked(settings: Settings, url: str, stored: Stored) -> list[Finding]:
    """One harmless call with each credential, what platforms and vendors say of us, and the way from them to us."""
    channels, apis, peers = open_channels(settings), open_apis(settings), open_peers(settings)
    findings: list[Finding] = []
    database = await pool.connect(url, size=1) if stored.ready else None
    try:
        pairs = keep_pairs(settings, database, apis, lambda: datetime.now(UTC)) if database else None
        for found in await probe(checks_of(channels, apis, peers), 15):
            name = partner(found.part).title
            findings.append((name, GOOD if found.well else BAD, found.said))
            if found.well and found.part in channels:
                findings += [(name, *said) for said in await _account(settings, found.part, channels[found.part])]
                findings += [(name, *said) for said in await _menus(settings, found.part, channels[found.part])]
        days = apis.mantago.token_days_left(datetime.now(UTC)) if apis.mantago else None
        standing = await pairs.standing() if pairs else Standing(None, days, "by hand")
        findings += [("MantaGo", *said) for said in _token(standing)]
        well = {part for part, verdict, _ in findings if verdict is GOOD}
        if apis.mantago and "MantaGo" in well:
            findings += await _patiently("MantaGo", _strangers(apis, stored))
        if apis.poshen and "Poshen" in well and settings.poshen_mode == "claim":
            findings += await _patiently("Poshen", _without_policy(apis, stored))
        if apis.poshen and "Poshen" in well and settings.poshen_mode == "redeem":
            findings += await _patiently("Poshen", _without_history(apis))
        if settings.public_url:
            verdicts = {"good": GOOD, "note": NOTE, "bad": BAD}
            findings += [("PUBLIC_URL", verdicts[how], text) for how, text in await reach.reached(settings)]
    finally:
        await asyncio.gather(
            *(channel.aclose() for channel in channels.values()), *(peer.aclose() for peer in peers), apis.aclose()
        )
        if database is not None:
            await database.close()
    return findings


def _token(standing: Standing) -> list[tuple[str, str]]:
    """How long MantaGo's token is good for, and who renews it."""
    tried = f"{standing.tried_at:%Y-%m-%d %H:%M %Z}" if standing.tried_at else ""
    by_hand = "press Refresh in its console, replace MANTAGO_TOKEN and MANTAGO_SECRET together and restart"
    if standing.how == "unknown":
        return [
            (BAD, f"a new token was asked for at {tried} and the answer got lost; it is not tried again: {by_hand}")
        ]
    if standing.how == "refused":
        return [(BAD, f"gave no new token at {tried}: {standing.detail}; it is not tried again: {by_hand}")]
    said = []
    if standing.how == "not here":
        text = (
            "MANTAGO_ROTATE: this database is a copy of the one that exchanges the token, so it is not exchanged here"
        )
        said.append((NOTE, f"{text}; a fresh pair in the settings begins anew"))
    if standing.exchanged_at is not None:
        text = f"its token was exchanged on {standing.exchanged_at:%Y-%m-%d}; the newest pair is kept in the database"
        said.append((GOOD, f"{text}, and that of the settings is dead"))
    if standing.how == "by itself" and not standing.failed:
        text = "its token is exchanged by itself, three days before its end"
        said.append((GOOD, f"{text}; no other deployment or program may use this bot's pair"))
    elif standing.days is not None and standing.days <= 7:
        verdict = NOTE if standing.days > 1 else BAD
        failed = f"its exchange failed so far ({standing.detail}); " if standing.failed else ""
        said.append((verdict, f"{failed}MANTAGO_TOKEN expires in {standing.days} days; renew it"))
    return said


async def _patiently(part: str, question: Awaitable[str]) -> list[Finding]:
    """Something worth knowing that takes many calls; a vendor that is slow just now costs no more than that."""
    try:
        async with asyncio.timeout(PATIENCE):
            said = await question
    except (TimeoutError, UpstreamError):
        return []
    return [(part, NOTE, said)] if said else []


async def _strangers(apis: Apis, stored: Stored) -> str:
    """Whether MantaGo knows none of our customers: then it is connected to another provider, page or bot."""
    assert apis.mantago is not None
    if len(stored.customers) < ENOUGH_CUSTOMERS:
        return ""
    for channel, person in stored.customers:
        if await apis.mantago.knows(mantago_platform(channel), person):
            return ""
    return (
        f"knows none of the last {len(stored.customers)} customers, so they see no gifts: ids differ by LINE provider"
        " and by page, and MantaGo must be connected to the same ones as we are (see MANTAGO_BOT_ID and its console)"
    )


async def _without_history(apis: Apis) -> str:
    """Whether the token may not read who redeemed what: then only staff can find out what a lost answer was."""
    assert apis.poshen is not None
    try:
        await apis.poshen.check_history()
    except (CredentialsRefused, ContractError) as error:
        return (
            f"the history of redemptions cannot be read ({error.detail}): after a lost answer nobody knows whether a"
            " code was redeemed, and staff have to decide; use the token of somebody who may read it"
        )
    return ""


async def _without_policy(apis: Apis, stored: Stored) -> str:
    """Groups with codes about which nobody has decided anything."""
    assert apis.poshen is not None
    names: dict[int, str] = {}
    codes: Counter[int] = Counter()
    async for code in apis.poshen.list():
        if code.group and code.group.id not in stored.policies:
            names[code.group.id] = code.group.name
            codes[code.group.id] += 1
        if codes.total() >= SCANNED_CODES:
            break
    if not codes:
        return ""
    common = codes.most_common()
    shown = ", ".join(f"{group} ({names[group]}, codes: {n})" for group, n in common[:NAMED_GROUPS])
    more = f" and {len(codes) - NAMED_GROUPS} more" if len(codes) > NAMED_GROUPS else ""
    return (
        f"groups of codes without a policy: {shown}{more}. Poshen tells no limits, so any number of customers can claim"
        f" each of these codes, for ever; decide, as in `giftdesk policy {common[0][0]} max=1 until=2026-12-31`"
    )


async def _account(settings: Settings, name: str, client: Outbound) -> list[tuple[str, str]]:
    """What the platform says of the account; never a problem, for it may be mended while the bot runs."""
    channel = next(channel for channel in known.CHANNELS if channel.name == name)
    if channel.examines is None:
        return []
    try:
        async with asyncio.timeout(15):
            remarks = await channel.examines(client, settings)
    except TimeoutError:
        return [(NOTE, "its account's set-up cannot be read just now")]
    except UpstreamError as error:
        return [(NOTE, f"its account's set-up cannot be read: {error.detail}")]
    return [(GOOD if well else NOTE, said) for well, said in remarks]


async def _menus(settings: Settings, channel: str, client: Outbound) -> list[tuple[str, str]]:
    """Whether the menus are as `giftdesk menus` would make them; never a problem, customers can type."""
    try:
        async with asyncio.timeout(15):
            said = await differs(settings, channel, client)
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

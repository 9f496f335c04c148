"""`giftdesk policy`: what the brand decides about a Poshen group."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from rich.console import Console
from rich.table import Table

from bot.config import Settings
from bot.conversation.messages import plain
from bot.errors import ConfigurationError
from bot.i18n import load_translators
from bot.staff import lines, reading
from bot.staff.lines import Token
from bot.staff.teaching import explain
from bot.storage import claims, pool
from bot.storage.claims import Policy
from handlers.admin.groups import SetPolicy, applied


def changed(policy: Policy, changes: Sequence[str], settings: Settings) -> Policy:
    """A policy with `per=1 max=500 until=2026-12-31 pause` applied, read as `/group policy` reads it.

    Raises ConfigurationError on a wrong change.
    """
    for change in changes:
        if change.lower() in ("pause", "resume"):
            policy = replace(policy, paused=change.lower() == "pause")
            continue
        read = reading.read("group policy", SetPolicy, [Token("1", "group"), *lines.split(change)])
        if not isinstance(read, SetPolicy):
            languages = load_translators(settings.zone)
            said = explain(languages.get("en") or languages[settings.default_locale], read).messages[0]
            text = plain(said).replace("/group policy <group>", "giftdesk policy GROUP pause|resume")
            raise ConfigurationError(f"{change!r}: {text}")
        policy = applied(policy, read, settings.zone)
    return policy


def change(settings: Settings, url: str, group: int, changes: Sequence[str]) -> None:
    """Set what is given, keep the rest, show the result."""

    async def run() -> None:
        connection = await pool.connect_one(url)
        try:
            if changes:
                async with connection.transaction():
                    before = await claims.lock_policy(connection, group)
                    await claims.set_policy(connection, group, changed(before, changes, settings))
            _print({group: await claims.policy_of(connection, group)}, settings)
        finally:
            await connection.close()

    asyncio.run(run())


def show(settings: Settings, url: str) -> None:
    """Every group with a policy of its own."""

    async def run() -> None:
        connection = await pool.connect_one(url)
        try:
            _print(await claims.policies(connection), settings)
        finally:
            await connection.close()

    asyncio.run(run())


def _print(policies: dict[int, Policy], settings: Settings) -> None:
    table = Table("group", "per customer", "max per code", "from", "until", "state")
    for group, policy in policies.items():
        table.add_row(
            str(group),
            str(policy.per_customer),
            str(policy.max_claims or "no limit"),
            _day(policy.starts_at, settings),
            _day(policy.last_moment, settings),
            "paused" if policy.paused else "open",
        )
    console = Console()
    console.print(table if policies else "No group has a policy of its own: one claim per customer and code, no limit.")


def _day(moment: datetime | None, settings: Settings) -> str:
    return moment.astimezone(settings.zone).date().isoformat() if moment else "–"

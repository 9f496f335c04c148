"""`giftdesk policy`: what the brand decides about a Poshen group."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from rich.console import Console
from rich.table import Table

from bot.config import Settings
from bot.errors import ConfigurationError
from bot.storage import claims, pool
from bot.storage.claims import Policy


def changed(policy: Policy, changes: Sequence[str], settings: Settings) -> Policy:
    """A policy with `per=1 max=500 until=2026-12-31 pause` applied. Raises ConfigurationError on a wrong one."""
    for change in changes:
        name, _, value = change.partition("=")
        gone = value.lower() in {"none", ""}
        try:
            match name.lower():
                case "pause" | "resume" if not value:
                    policy = replace(policy, paused=name.lower() == "pause")
                case "per":
                    policy = replace(policy, per_customer=_count(value, 1_000))
                case "max":
                    policy = replace(policy, max_claims=None if gone else _count(value, 2_000_000_000))
                case "from":
                    policy = replace(policy, starts_at=None if gone else _midnight(value, settings))
                case "until":  # That day is still included.
                    end = None if gone else _midnight(value, settings) + timedelta(days=1)
                    policy = replace(policy, ends_at=end)
                case _:
                    raise ConfigurationError(
                        f"{change!r} is not known. Use per=1, max=500, from=2026-12-01, until=2026-12-31, "
                        "pause or resume."
                    )
        except ValueError as error:
            raise ConfigurationError(f"{change!r}: {error}") from error
    return policy


def change(settings: Settings, url: str, group: int, changes: Sequence[str]) -> None:
    """Set what is given, keep the rest, show the result."""

    async def run() -> None:
        connection = await pool.connect_one(url)
        try:
            if changes:
                async with connection.transaction():
                    before = await claims.policy_of(connection, group)
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
            _day(policy.ends_at - timedelta(days=1) if policy.ends_at else None, settings),
            "paused" if policy.paused else "open",
        )
    console = Console()
    console.print(table if policies else "No group has a policy of its own: one claim per customer and code, no limit.")


def _count(value: str, most: int) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= most:
        raise ValueError(f"must be a whole number from 1 to {most}")
    return int(value)


def _midnight(value: str, settings: Settings) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(value), time(), settings.zone)
    except ValueError:
        raise ValueError("dates are written YYYY-MM-DD, for example 2026-12-31") from None


def _day(moment: datetime | None, settings: Settings) -> str:
    return moment.astimezone(settings.zone).date().isoformat() if moment else "–"

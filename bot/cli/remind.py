"""`giftdesk remind`: what ends soon is looked for now, and not once a day."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import click

from bot.config import Settings
from bot.errors import ConfigurationError
from bot.storage import pool as pools
from bot.storage import reminders
from bot.wiring import quiet_hours, reminds


def look_now(settings: Settings, url: str) -> None:
    """Queue a look for everybody who wants reminders; the workers make it. Raises ConfigurationError."""
    if not reminds(settings):
        raise ConfigurationError(
            "Nobody is reminded of anything: set REMINDERS=on, and Altegio's or Got It's settings."
        )
    now, quiet = datetime.now(UTC), quiet_hours(settings)
    if quiet is not None and (until := quiet.closing(now)):
        raise ConfigurationError(
            f"It is night by QUIET_HOURS, until {until.astimezone(settings.zone):%H:%M}; nobody is woken."
        )

    async def queue() -> int:
        pool = await pools.connect(url, size=1)
        try:
            return await reminders.make_due(pool, now.astimezone(settings.zone).date(), now, again=True)
        finally:
            await pool.close()

    found = asyncio.run(queue())
    click.echo(f"Customers whose things the workers look at now: {found}. Of each thing they are reminded once.")

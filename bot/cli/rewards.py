"""`giftdesk rewards`: what a Poshen reward brings beside its card."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from bot.config import Settings
from bot.errors import ConfigurationError
from bot.services.catalogue import Catalogue
from bot.services.rewarding import grant_of, read_rule
from bot.staff.arguments import MOST
from bot.storage import pool, rewards
from bot.wiring import open_apis


def change(settings: Settings, url: str, rules: Sequence[str]) -> None:
    """Set `1=points:150 6=voucher:812:2260 3=nothing`, all or none of them, then show every rule."""
    wanted = {}
    for rule in rules:
        number, _, words = rule.partition("=")
        if not re.fullmatch("[1-9][0-9]{0,9}", number) or int(number) > MOST:
            raise ConfigurationError(f"{rule!r}: begin with the reward's number at Poshen, as in 1=points:150")
        wanted[int(number)] = read_rule(words)

    async def run() -> None:
        apis = open_apis(settings)
        connection = await pool.connect_one(url)
        try:
            grants = {
                reward: await grant_of(rule, Catalogue(), apis.gotit, datetime.now(UTC))
                for reward, rule in wanted.items()
            }
            async with connection.transaction():
                for reward, grant in grants.items():
                    await rewards.put(connection, reward, grant)
            _print(await rewards.listed(connection))
        finally:
            await connection.close()
            await apis.aclose()

    asyncio.run(run())


def _print(rules: dict[int, rewards.Grant]) -> None:
    table = Table("reward", "brings")
    for reward, grant in rules.items():
        voucher = f"voucher {grant.gift_id}:{grant.price_id} {grant.offer['name']}" if grant.offer else ""
        table.add_row(str(reward), voucher or f"{grant.points} points")
    Console().print(table if rules else "No reward brings points or a voucher; customers get its card alone.")

"""A customer and a member, on the same channel or on different ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
from chat import Bot

from counter.standing import Counter, arrive, hire

MIXED = [
    ("line", "line"),
    ("messenger", "messenger"),
    ("line", "messenger"),
    ("messenger", "line"),
    ("instagram", "line"),
]


@pytest.fixture(params=MIXED, ids=lambda pair: f"{pair[0]}-to-{pair[1]}")
def channels(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The customer's channel and the member's."""
    found: tuple[str, str] = request.param
    return found


@pytest.fixture
def bot(bot: Bot) -> Bot:
    """A bot that the platforms can fetch pictures from, at noon, so that no day ends meanwhile."""
    noon = bot.clock().astimezone(bot.settings.zone).replace(hour=12, minute=0, second=1, microsecond=0)
    bot.ahead(seconds=(noon - bot.clock()).total_seconds() + 86400)
    bot.desk(public_url="https://desk.example", pictures_at="https://desk.example")
    services = bot.turns.services
    codes = replace(services.counter_codes, basic_id="@giftdesk")
    bot.having(services=replace(services, counter_codes=codes))
    return bot


@pytest.fixture
async def counter(bot: Bot, channels: tuple[str, str], language: str) -> Counter:
    """A customer with a gift, and a member, on every mix of channels and in both languages."""
    customer = await arrive(bot, channels[0], language)
    return Counter(bot, customer, await hire(bot, channels[1], language))


@pytest.fixture
async def here(bot: Bot) -> Counter:
    """The same on LINE and in English, where neither matters."""
    customer = await arrive(bot, "line", "en")
    return Counter(bot, customer, await hire(bot, "line", "en"))

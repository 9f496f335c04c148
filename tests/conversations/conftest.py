"""Whose chat a conversation test looks at."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from chat import Bot, Chat
from engine.desk import Desk


@pytest.fixture
def language(request: pytest.FixtureRequest, channel: str) -> str:
    """Every test on both channels and in both languages; which meets which takes turns from test to test.

    What a conversation does depends on neither, and how each text looks on each channel the galleries test.
    """
    turn = zlib.crc32(request.function.__name__.encode()) & 1
    return ("zh-TW", "en")[turn ^ (channel == "messenger")]


@pytest.fixture
def bot(bot: Bot) -> Bot:
    """The bot just after noon, so that a conversation is the same at every hour of the machine."""
    to_noon(bot)
    return bot


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """The same without a worker."""
    to_noon(desk)
    return desk


def to_noon(bot: Bot) -> None:
    """Move the clock to just after the brand's next noon: neither the minute, the hour nor the day is about to end."""
    now = bot.clock().astimezone(bot.settings.zone)
    noon = now.replace(hour=12, minute=0, second=1, microsecond=0)
    bot.ahead_to(noon if noon > now else noon + timedelta(days=1))


@pytest.fixture
async def friend(chat: Chat) -> Chat:
    """A customer of some days, who has read the notice; on every channel and in every language."""
    await chat.do(chat.phone.follows())
    chat.bot.ahead(days=2)
    return chat


@pytest.fixture
def open_chat(bot: Bot, channel: str, language: str) -> Callable[[str], Chat]:
    """Opens the chat of a demo person by their nick; on every channel and in every language."""

    def opened(nick: str) -> Chat:
        locale = language if channel == "line" else language.replace("-", "_")
        bot.sandbox.people.put(channel, nick, locale=locale)
        return bot.chat(channel, nick, language)

    return opened

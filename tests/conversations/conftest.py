"""Whose chat a conversation test looks at."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from chat import Bot, Chat


@pytest.fixture
def language(request: pytest.FixtureRequest, channel: str) -> str:
    """Every test on both channels and in both languages; which meets which takes turns from test to test.

    What a conversation does depends on neither, and how each text looks on each channel the galleries test.
    """
    turn = zlib.crc32(request.function.__name__.encode()) & 1
    return ("zh-TW", "en")[turn ^ (channel == "messenger")]


@pytest.fixture
def bot(bot: Bot) -> Bot:
    """The bot at a time of which neither the minute, the hour nor the day is about to end."""
    now = bot.clock().astimezone(bot.settings.zone)
    later = (now + timedelta(minutes=1)).replace(second=1, microsecond=0)
    if later.minute > 45:
        later = (later + timedelta(hours=1)).replace(minute=0)
    if later.hour == 23:
        later += timedelta(hours=1)
    bot.ahead(seconds=(later - now).total_seconds())
    return bot


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

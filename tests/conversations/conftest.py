"""Whose chat a conversation test looks at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from chat import Bot, Chat


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

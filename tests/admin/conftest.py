"""Staff and outsiders, and what the trail says."""

from __future__ import annotations

import secrets
from typing import Protocol

import pytest
from chat import Bot, Chat
from hiring import make_member

from sandbox.people import demo_id


class Hire(Protocol):
    """Makes somebody staff: `await hire("manager")`."""

    async def __call__(self, role: str, name: str = "") -> Chat: ...


@pytest.fixture
def language(channel: str) -> str:
    """LINE in Chinese, Messenger in English: both of each, without every combination of them."""
    return "zh-TW" if channel == "line" else "en"


@pytest.fixture
async def boss(bot: Bot) -> Chat:
    """An owner on one channel and in one language, where texts are not what matters."""
    return await speaking(bot.chat("line", demo_id("line", "staff"), "en"))


@pytest.fixture
async def owner(bot: Bot, channel: str, language: str) -> Chat:
    """An owner of the ADMINS setting, on every channel."""
    return await speaking(bot.chat(channel, demo_id(channel, "staff"), language))


@pytest.fixture
def hire(bot: Bot, channel: str, language: str) -> Hire:
    """Make somebody staff without asking anybody."""

    async def hired(role: str, name: str = "") -> Chat:
        chat = bot.chat(channel, language=language)
        await speaking(chat)
        name = name or f"{role}-{secrets.token_hex(2)}"
        await make_member(bot.pool, channel, chat.user, name, role, bot.clock())
        return chat

    return hired


async def speaking(chat: Chat) -> Chat:
    """A chat that has begun, in its language."""
    await chat.say("english" if chat.tag == "en" else "中文")
    return chat

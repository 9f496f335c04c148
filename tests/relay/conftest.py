"""A bot that shares LINE's channel with another tool, which the sandbox stands in for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from chat import Bot, Chat
from engine.desk import migrated_database, until

from sandbox import Sandbox
from sandbox.other import Received

NAME = "MantaGo"


async def shared(database: str, sandbox: Sandbox, name: str, **settings: Any) -> AsyncIterator[Bot]:
    url = await migrated_database(database, name)
    ours: dict[str, Any] = {
        "line_relay_url": (f"{sandbox.url}/other/webhook",),
        "line_relay_name": (NAME,),
        "admin_bootstrap_code": "secret-bootstrap-code-0001",
    }
    ours |= settings
    async with Bot.running(url, sandbox, **ours) as bot:
        yield bot


@pytest.fixture(scope="session")
async def rest_bot(database: str, served_sandbox: Sandbox) -> AsyncIterator[Bot]:
    async for bot in shared(database, served_sandbox, "relay_rest"):
        yield bot


@pytest.fixture
async def rest(rest_bot: Bot, sandbox: Sandbox) -> AsyncIterator[Bot]:
    """What we do not answer is passed on."""
    await rest_bot.reset()
    yield rest_bot
    await rest_bot.quiet()


@pytest.fixture
def chat(rest: Bot) -> Chat:
    """A new customer's chat, in English."""
    return rest.chat("line", language="en")


def theirs(bot: Bot) -> list[Received]:
    """What the other tool has."""
    return bot.sandbox.other.received


async def passed_on(bot: Bot, count: int = 1) -> list[Received]:
    """What the other tool has, once it is so much and nothing more waits."""
    await until(lambda: len(theirs(bot)) >= count)
    await settled(bot)
    assert len(theirs(bot)) == count, [received.event for received in theirs(bot)]
    return theirs(bot)


async def settled(bot: Bot, within: float = 60) -> None:
    """Until nothing is left to do, for nobody."""
    await bot.quiet(within)

    async def empty() -> bool:
        return not await bot.pool.fetchval("SELECT count(*) FROM relays")

    await until(empty, within)

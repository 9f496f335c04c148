"""To outsiders there are no staff commands: whatever begins with a slash is nonsense, byte for byte."""

from __future__ import annotations

import pytest
from chat import Bot, Chat
from prometheus_client import REGISTRY

from sandbox.journal import Sent

NONSENSE = "§§§"
LINES = [
    "/",
    "／",
    "/status",
    "/help",
    "/admins invite owner",
    "/claim wrong-code-of-some-length",
    "/join 0000-0000",
    "/join",
    "/redeem WELCOME2026",
    "/兌換碼 show WELCOME2026",
    "/WELCOME2026",
    "/ menu",
    "／選單",
    "/code show WELCOME2026 -h",
    "/" + "x" * 5000,
]


@pytest.fixture(params=["zh-TW", "en"])
def language(request: pytest.FixtureRequest) -> str:
    """Every language on every channel: here the very bytes matter."""
    return str(request.param)


def content(shown: list[Sent]) -> list[object]:
    """What the platform was asked to show, without who gets it and what is signed for them."""
    return [_bare(item.message) for item in shown]


def _bare(node: object) -> object:
    """Buttons are signed for their person and moment; what they say and open is compared."""
    if isinstance(node, dict):
        return {name: _bare(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_bare(value) for value in node]
    if isinstance(node, str) and node.startswith("v1."):
        return ".".join(node.split(".")[:3])
    return node


async def settled(chat: Chat) -> Chat:
    """Somebody who has seen the notice and chosen a language."""
    await chat.say("english" if chat.tag == "en" else "中文")
    return chat


@pytest.mark.parametrize("line", LINES)
async def test_every_line_is_answered_like_nonsense(bot: Bot, channel: str, language: str, line: str) -> None:
    """The first time, and the second, and until the bot keeps quiet."""
    curious = await settled(bot.chat(channel, language=language))
    somebody = await settled(bot.chat(channel, language=language))

    for _ in range(4):
        await curious.say(line)
        await somebody.say(NONSENSE)
        assert content(curious.shown) == content(somebody.shown)


async def test_a_first_message_is_answered_like_nonsense(bot: Bot, channel: str, language: str) -> None:
    """With the same notice under it."""
    curious, somebody = bot.chat(channel, language=language), bot.chat(channel, language=language)

    await curious.say("/status")
    await somebody.say(NONSENSE)

    assert content(curious.shown) == content(somebody.shown)


async def test_no_code_is_looked_for_in_it(bot: Bot, chat: Chat) -> None:
    """Neither after the slash nor as the answer to "paste your code"."""
    await chat.say("/WELCOME2026")
    await chat.say("redeem")
    await chat.say("/WELCOME2026")

    assert not bot.sandbox.calls("poshen")


async def test_it_is_counted(bot: Bot, chat: Chat) -> None:
    """So that an operator sees somebody trying."""

    def count() -> float:
        return REGISTRY.get_sample_value("giftdesk_outsider_commands_total", {"channel": chat.channel}) or 0

    before = count()
    await chat.say("/status")

    assert count() == before + 1


async def test_an_outsider_costs_the_database_what_nonsense_costs(bot: Bot, channel: str, language: str) -> None:
    """The staff row comes with every event in the same statement: there is no further read to be timed."""
    asked: list[str] = []
    connections = [await bot.pool.acquire() for _ in range(bot.pool.get_max_size())]
    note = Noted(asked)
    for connection in connections:
        connection.add_query_logger(note)
        await bot.pool.release(connection)
    statements = []
    for line in (NONSENSE, "/status", "/join 0000-000"):
        chat = await settled(bot.chat(channel, language=language))
        asked.clear()
        await chat.say(line)
        statements.append([query for query in asked if "pgqueuer WHERE status" not in query])

    note.into = []
    assert statements[1] == statements[0]
    assert statements[2] == statements[0]


class Noted:
    """Writes down what the database is asked."""

    def __init__(self, into: list[str]) -> None:
        self.into = into

    def __call__(self, record: object) -> None:
        self.into.append(record.query)  # type: ignore[attr-defined]  # asyncpg has no types


# ── groups ───────────────────────────────────────────────────────────────────────────────────


GROUP = "C" + "0" * 32


@pytest.mark.parametrize("line", ["/status", "／狀態", "/join 0000-0000"])
@pytest.mark.parametrize("mention", [False, True])
async def test_a_group_hears_nothing(bot: Bot, line: str, mention: bool) -> None:
    """From somebody who is no staff."""
    group = Chat(bot, "line", GROUP, "zh_Hant_TW")

    await group.do(bot.sandbox.phone("line", "collector").says_in_group(GROUP, line, mention=mention))

    assert group.shown == []


@pytest.mark.parametrize("mention", [False, True])
async def test_staff_are_sent_to_the_private_chat(bot: Bot, mention: bool) -> None:
    """Nobody else is to read along."""
    group = Chat(bot, "line", GROUP, "zh_Hant_TW")

    await group.do(bot.sandbox.phone("line", "staff").says_in_group(GROUP, "/admins", mention=mention))

    assert group.texts == [group._("Please use staff commands in our private chat.")]

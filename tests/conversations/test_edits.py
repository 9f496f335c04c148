"""Messages that were written anew: read again only when nobody had understood them."""

from __future__ import annotations

import asyncpg
import pytest
from chat import Bot, Chat

from sandbox import Webhook


@pytest.fixture
async def writer(bot: Bot, language: str) -> Chat:
    """A customer on Messenger: LINE lets nobody edit a private message."""
    chat = bot.chat("messenger", language=language)
    await chat.do(chat.phone.follows())
    return chat


@pytest.fixture
def channel() -> str:
    """The only one that has edits."""
    return "messenger"


async def missed(chat: Chat, tables: asyncpg.Pool, text: str) -> Webhook:
    """Type something that is not understood."""
    said = chat.phone.says(text)
    await chat.do(said)
    mid = said.json["entry"][0]["messaging"][0]["message"]["mid"]
    await tables.execute("UPDATE customers SET state = state || $1, version = version + 1", {"missed": mid})
    return said


async def test_a_slip_that_is_corrected_is_answered(writer: Chat, tables: asyncpg.Pool) -> None:
    """As if it had been typed so in the first place."""
    said = await missed(writer, tables, "hxelp")

    await writer.do(writer.phone.edits(said, "help"))

    assert writer.said("• Paste a code to redeem it.")


async def test_a_code_that_is_corrected_is_redeemed_once(writer: Chat, tables: asyncpg.Pool) -> None:
    """Delivered again, and edited once more, it has been answered."""
    said = await missed(writer, tables, "嗯嗯嗯")
    edit = writer.phone.edits(said, "WELCOME2026")
    await writer.do(edit)
    assert writer.said("Redeemed 🎉")

    assert await writer.do(edit, writer.phone.edits(said, "SUMMER-7K3M-Q9TD", 2)) == []
    assert await tables.fetchval("SELECT count(*) FROM claims") == 1


async def test_what_was_understood_is_not_read_again(writer: Chat, tables: asyncpg.Pool) -> None:
    """Its answer stands, whatever is made of it later."""
    said = writer.phone.says("help")
    await writer.do(said)
    assert writer.said("• Paste a code to redeem it.")

    assert await writer.do(writer.phone.edits(said, "WELCOME2026")) == []
    assert await tables.fetchval("SELECT count(*) FROM claims") == 0
    assert await tables.fetchval("SELECT outcome FROM events ORDER BY id DESC LIMIT 1") == "silent"


async def test_only_the_last_miss_is_read_again(writer: Chat, tables: asyncpg.Pool) -> None:
    """An older one is out of sight."""
    older = await missed(writer, tables, "嗯嗯嗯")
    await missed(writer, tables, "喔喔喔")

    assert await writer.do(writer.phone.edits(older, "help")) == []


async def test_an_edit_is_as_quiet_as_a_message(writer: Chat, tables: asyncpg.Pool) -> None:
    """While staff answer, it does not bring the bot back."""
    said = await missed(writer, tables, "嗯嗯嗯")
    await writer.say("agent")

    assert await writer.do(writer.phone.edits(said, "gifts")) == []


async def test_an_edit_of_something_else_is_no_message_during_maintenance(writer: Chat, tables: asyncpg.Pool) -> None:
    """Nobody is told that we are closed for correcting what has been answered."""
    said = writer.phone.says("help")
    await writer.do(said)
    await tables.execute("INSERT INTO switches (name, value, by) VALUES ('maintenance', $1, 'test')", {"text": ""})

    assert await writer.do(writer.phone.edits(said, "helps")) == []


async def test_the_language_may_be_named_in_an_edit(writer: Chat, tables: asyncpg.Pool) -> None:
    """Handlers see a message that was said."""
    said = await missed(writer, tables, "嗯嗯嗯")

    await writer.do(writer.phone.edits(said, "English"))

    assert await tables.fetchval("SELECT locale FROM customers") == "en"

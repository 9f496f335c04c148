"""The conversations on Instagram: what a customer does there, in both languages, within Instagram's limits."""

from __future__ import annotations

import pytest
from chat import Bot, Chat

from sandbox import Sandbox

NICK = "yu"


@pytest.fixture
async def insta(bot: Bot, language: str) -> Chat:
    """Somebody with gifts on Instagram, whose profile tells no language: who reads English says so first."""
    chat = bot.chat("instagram", NICK, language=language)
    if language == "en":
        await chat.say("English please")
    return chat


@pytest.fixture(autouse=True)
def _nothing_refused(sandbox: Sandbox) -> None:
    sandbox.journal.clear()


def refused(sandbox: Sandbox) -> list[bytes]:
    """The answers of the stand-in that took a message badly."""
    return [call.body for call in sandbox.calls("messenger", "POST /me/messages") if call.status != 200]


async def test_gifts_codes_and_vouchers(insta: Chat, sandbox: Sandbox) -> None:
    """The wallet of MantaGo's `instagram`, a messy code once, the same code again, and the shop of vouchers."""
    await insta.say("我的獎品")
    assert insta.said("Your gifts")
    assert {call.query.get("platform") or b'"instagram"' in call.body for call in sandbox.calls("mantago")} == {True}

    await insta.say("redeem welcome 2026 please")
    assert insta.said("Redeemed 🎉") and "WELC••••26" in insta.text
    await insta.say("WELCOME2026")
    assert "WELC••••26" in insta.text and not insta.said("Redeemed 🎉")

    await insta.say("vouchers")
    assert insta.said("Next page")
    await insta.tap(insta._("Next page"))
    assert refused(sandbox) == []


async def test_every_answer_fits(insta: Chat, sandbox: Sandbox) -> None:
    """Long and short ones: the stand-in counts bytes, titles and buttons as Instagram does."""
    for said in ("help", "privacy", "my data", "tickets", "my receipts", "points", "gift cards", "hours", "menu",
                 "語言", "完全看不懂的東西啦", "talk to a person", "選單"):  # fmt: skip
        assert await insta.say(said), said
    assert refused(sandbox) == []


async def test_what_instagram_alone_has(insta: Chat, sandbox: Sandbox) -> None:
    """Stories and posts get words, what it cannot show as well, a message taken back none."""
    for webhook in (insta.phone.mentions_in_story(), insta.phone.shares_post(), insta.phone.sends_unsupported()):
        assert await insta.do(webhook)
    said = insta.phone.says("menu")
    await insta.do(said)
    assert await insta.do(insta.phone.unsends("mid-of-another")) == []
    assert await insta.do(insta.phone.breaks_ice("My gifts", "go.gifts"))
    assert insta.said("Your gifts")
    assert refused(sandbox) == []


async def test_the_same_address_serves_messenger_and_instagram(bot: Bot, insta: Chat) -> None:
    """Two people of one page's app, each answered where they wrote."""
    other = bot.chat("messenger", NICK, language="en")
    await insta.say("menu")
    await other.say("menu")

    assert {row["channel"] for row in await bot.pool.fetch("SELECT channel FROM customers")} >= {
        "instagram",
        "messenger",
    }
    assert insta.phone.says("x").path == other.phone.says("x").path


async def test_deleting_data_leaves_nothing_of_them(insta: Chat, bot: Bot) -> None:
    """As on every channel."""
    await insta.say("delete my data")
    await insta.tap("Yes, delete")
    await insta.say(insta._("DELETE"))

    assert await bot.pool.fetchval("SELECT count(*) FROM customers WHERE channel = 'instagram'") == 0

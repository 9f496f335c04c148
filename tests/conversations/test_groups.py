"""Groups and rooms: nothing personal is shown or looked up there, and mostly nothing is said."""

from __future__ import annotations

import secrets

import asyncpg
import pytest
from chat import TAGS, Bot, Chat

from sandbox import Webhook

PERSONAL = "That's personal — tap to continue in our private chat."
PRIVATELY = "Send codes to me privately so nobody else uses them."


@pytest.fixture
def group(bot: Bot, language: str) -> Chat:
    """A group, as all its members see it."""
    bot.having(default_locale=TAGS[language])
    bot.desk(private_chat_url="https://line.me/R/ti/p/@giftdesk")
    return bot.chat("line", f"C{secrets.token_hex(16)}", language)


def typed(group: Chat, text: str, *, mention: bool = False) -> Webhook:
    """What a member with many gifts types in the group."""
    return group.bot.sandbox.phone("line", "collector").says_in_group(group.user, text, mention=mention)


@pytest.mark.parametrize("text", ["我的獎品", "gifts", "my data", "刪除我的資料", "redeem", "兌換"])
async def test_what_is_personal_is_answered_in_private(group: Chat, tables: asyncpg.Pool, text: str) -> None:
    """A hint with the way there; nothing is looked up, nobody is remembered."""
    await group.do(typed(group, text))

    assert group.said(PERSONAL)
    assert "https://line.me/R/ti/p/@giftdesk" in str(group.shown[0].message)
    assert group.bot.sandbox.calls("mantago") == group.bot.sandbox.calls("poshen") == []
    assert group.bot.sandbox.calls("line", "GET /v2/bot/profile") == []
    assert await tables.fetchval("SELECT count(*) FROM customers") == 0


@pytest.mark.parametrize("text", ["兌換 WELCOME2026", "redeem: welcome2026", "兌換碼是ＷＥＬＣＯＭＥ２０２６"])
async def test_a_code_posted_in_a_group_is_not_redeemed(group: Chat, tables: asyncpg.Pool, text: str) -> None:
    """It may be somebody else's; and its text is not repeated."""
    await group.do(typed(group, text))

    assert group.said(PRIVATELY)
    assert "2026" not in group.text
    assert group.bot.sandbox.calls("poshen") == []
    assert await tables.fetchval("SELECT count(*) FROM claims") == 0


async def test_a_code_said_to_the_bot_is_not_redeemed_either(group: Chat) -> None:
    """A mention makes it no more private."""
    await group.do(typed(group, "WELCOME2026", mention=True))

    assert group.said(PRIVATELY)
    assert group.bot.sandbox.calls("poshen") == []


@pytest.mark.parametrize("text", ["晚餐吃什麼", "iphone15", "menu", "help", "英文", "客服", "取消", "/status", "🎉"])
async def test_talk_among_members_is_left_alone(group: Chat, text: str) -> None:
    """No answer, no alert to staff, no change of anything."""
    staff = group.bot.chat("line", "staff")

    await group.do(typed(group, text))

    assert group.shown == []
    assert staff.look() == []


async def test_a_mention_is_answered(group: Chat) -> None:
    """With the way to the private chat."""
    await group.do(typed(group, "在嗎", mention=True))

    assert group.said(PERSONAL)


@pytest.mark.parametrize("name", ["@獎勵小幫手", "@Gift Desk 2026 bot", "@🎁 menu"])
async def test_a_mention_is_no_part_of_what_is_said(group: Chat, name: str) -> None:
    """Whatever the bot is called there: staff's command is one, and a name with blanks is no code."""
    staff = group.bot.sandbox.phone("line", "staff")
    await group.do(staff.says_in_group(group.user, "/status", mention=True, name=name))
    assert group.said("Please use staff commands in our private chat.")

    await group.do(staff.says_in_group(group.user, "在嗎", mention=True, name=name))
    assert group.said(PERSONAL)


async def test_other_members_names_are_not_read(group: Chat) -> None:
    """Neither as words nor as codes, wherever they stand."""
    phone = group.bot.sandbox.phone("line", "collector")
    await group.do(
        phone.says_in_group(group.user, "@gifts 晚餐 @redeem WELCOME2026", others=["@gifts", "@redeem WELCOME2026"])
    )
    assert group.shown == []

    await group.do(phone.says_in_group(group.user, "@gifts"))
    assert group.shown == [], "what is merely typed is no mention"


async def test_a_button_tapped_in_a_group_shows_nothing(group: Chat) -> None:
    """Not even to the member it was made for."""
    member = group.bot.chat("line", "collector")
    await member.say("gifts")
    before = len(group.bot.sandbox.calls("mantago"))

    await group.do(member.phone.taps_in_group(group.user, member.data_of("Digital gifts")))

    assert group.said(PERSONAL)
    assert len(group.bot.sandbox.calls("mantago")) == before
    assert member.look() == []


async def test_the_bot_introduces_itself_in_a_group(group: Chat) -> None:
    """What it does, and how to be rid of it."""
    await group.do(group.bot.sandbox.phone("line", "collector").invites(group.user))

    assert group.said(
        "Hello! I show gifts and redeem codes for %(brand)s, in private chats. Here I only react when I am mentioned "
        "or asked for something private. To remove me, remove me from the member list.",
        brand="咖波商店",
    )


async def test_being_removed_from_a_group_is_taken_quietly(group: Chat, tables: asyncpg.Pool) -> None:
    """Nothing is sent and nothing fails."""
    await group.do(group.bot.sandbox.phone("line", "collector").removes(group.user))

    assert group.shown == []
    assert await tables.fetchval("SELECT state FROM events") == "done"


async def test_pictures_in_a_group_are_left_alone(group: Chat) -> None:
    """They are meant for the others."""
    phone = group.bot.sandbox.phone("line", "collector")
    source = {"type": "group", "groupId": group.user, "userId": phone.user}
    image = {"type": "message", "message": {"id": "1", "type": "image", "contentProvider": {"type": "line"}}}

    await group.do(phone.line_event(image, source=source))

    assert group.shown == []


async def test_a_members_private_chat_goes_on_undisturbed(group: Chat) -> None:
    """A question asked in private is not answered by what is typed in a group."""
    member = group.bot.chat("line")
    await member.say("redeem")
    await group.do(member.phone.says_in_group(group.user, "今天天氣真好"))

    await member.say("WELCOME2026")

    assert member.said("Redeemed 🎉")

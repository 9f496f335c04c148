"""Hello: welcome, notice, menu, returning, and what is neither text nor a tap."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
from chat import Bot, Chat

from bot.conversation.context import Answer, Context
from bot.conversation.messages import Reply, Text


async def test_whoever_adds_us_is_welcomed_and_told_how_data_is_treated(chat: Chat) -> None:
    """The brand, the ways on, the other language, and the notice under it."""
    await chat.do(chat.phone.follows())

    assert chat.said("Welcome to %(brand)s Rewards", brand="咖波商店")
    assert chat.text.index(chat._("Welcome to %(brand)s Rewards", brand="咖波商店")) < chat.text.index(chat.notice)
    other = "English" if chat.tag != "en" else "中文"
    assert {chat._("My gifts"), chat._("Redeem a code"), other, chat._("Menu")} <= set(chat.buttons)


async def test_the_notice_says_what_the_law_asks_for(chat: Chat) -> None:
    """Who, what for, how long, who receives it, and one's rights: one tap below the two lines; a period in years."""
    chat.bot.desk(privacy_url="https://shop.example/privacy")

    await chat.do(chat.phone.follows())
    assert chat._.ngettext("%(n)s year", "%(n)s years", 2) in chat.notice
    await chat.tap("Details")
    assert chat.notice not in chat.text
    assert chat._.ngettext("%(n)s year", "%(n)s years", 2) in chat.text

    channel = "LINE" if chat.channel == "line" else "Messenger"
    for label in ("Kept by", "Used for", "Kept", "Shared with", "Privacy policy"):
        assert chat.said(label)
    assert "咖波商店" in chat.text and "MantaGo" in chat.text and "Poshen" in chat.text
    assert chat.said(
        "To serve you we use your %(channel)s user ID and keep a record of what you redeem. "
        "We don't keep your chat messages.",
        channel=channel,
    )
    assert "https://shop.example/privacy" in str([item.message for item in chat.shown])


async def test_the_notice_is_shown_once(chat: Chat) -> None:
    """Under the first answer, whatever it is; never again."""
    await chat.say("help")
    assert chat.said("• Paste a code to redeem it.")
    assert chat.notice in chat.text

    for text in ("help", "menu", "gifts", "?"):
        await chat.say(text)
        assert chat.notice not in chat.text


async def test_the_answer_is_not_buried_by_the_notice(chat: Chat) -> None:
    """It is small, below the answer, and its button comes after those of the answer."""
    await chat.say("redeem")

    *_, answer, small = [item.message for item in chat.shown]
    assert chat.notice not in str(answer)
    if chat.channel == "line":
        body = small["contents"]["body"]
        assert [part["size"] for part in body["contents"]] == ["xxs", "xxs"]
        assert "footer" not in small["contents"] and "header" not in small["contents"]
        assert body["action"]["label"] == chat._("Details")
    else:
        assert small["text"] == chat.notice
        assert [reply["title"] for reply in small["quick_replies"]] == [chat._("Cancel"), chat._("Details")]


async def test_who_reads_all_of_it_first_gets_no_short_form(chat: Chat) -> None:
    """The first message ever may ask just for that."""
    await chat.say("privacy")
    assert chat.said("How we treat your data") and chat.notice not in chat.text

    await chat.say("menu")
    assert chat.notice not in chat.text


async def test_an_answer_without_room_for_the_notice_leaves_it_to_the_next(chat: Chat) -> None:
    """Shown and noted together, or not at all."""
    five = Reply(tuple(Text(f"line {nr}") for nr in range(5)))
    dispatcher = chat.bot.turns.dispatcher
    help_ = dispatcher.routes.commands["help"]

    async def talkative(_ctx: Context) -> Answer:
        return five

    dispatcher.routes.commands["help"] = replace(help_, handler=talkative)
    try:
        await chat.say("help")
    finally:
        dispatcher.routes.commands["help"] = help_
    assert "line 4" in chat.text and chat.notice not in chat.text

    await chat.say("menu")
    assert chat.notice in chat.text


@pytest.mark.parametrize(
    ("days", "one", "many", "number"),
    [
        (730, "%(n)s year", "%(n)s years", 2),
        (365, "%(n)s year", "%(n)s years", 1),
        (400, "%(n)s day", "%(n)s days", 400),
    ],
)
async def test_a_period_is_told_in_years_where_it_is_years(
    bot: Bot, days: int, one: str, many: str, number: int
) -> None:
    """And in days where it is not."""
    chat = bot.chat("line", language="en")
    bot.desk(claim_retention=timedelta(days=days))
    await chat.say("privacy")

    assert chat._.ngettext(one, many, number) in chat.text


async def test_a_new_version_of_the_notice_is_shown_to_everybody_once_more(chat: Chat, tables: asyncpg.Pool) -> None:
    """Whoever has read an older one."""
    await chat.say("menu")
    await tables.execute("UPDATE customers SET notice = notice - 1")

    await chat.say("menu")
    assert chat.notice in chat.text

    await chat.say("menu")
    assert chat.notice not in chat.text


async def test_whoever_comes_back_is_welcomed_back(friend: Chat) -> None:
    """Unblocked on LINE, Get Started once more on Messenger."""
    if friend.channel == "line":
        await friend.do(friend.phone.unfollows())
        assert friend.shown == []

    await friend.do(friend.phone.follows(returning=True))

    assert friend.said("Welcome back — everything is still here.")
    assert friend.notice not in friend.text


async def test_blocking_sends_nothing_and_keeps_the_receipts(bot: Bot, tables: asyncpg.Pool) -> None:
    """After returning the same code shows the same receipt."""
    chat = bot.chat("line")
    await chat.say("WELCOME2026")
    await chat.do(chat.phone.unfollows())
    assert await tables.fetchval("SELECT unreachable_at FROM customers") is not None

    await chat.do(chat.phone.follows(returning=True))
    assert await tables.fetchval("SELECT unreachable_at FROM customers") is None
    await chat.say("WELCOME2026")
    assert "金幣 100" in chat.text and "R-" in chat.text
    assert await tables.fetchval("SELECT count(*) FROM claims") == 1


@pytest.mark.parametrize("typed", ["menu", "選單", "Ｍｅｎｕ！", "菜单", "回到 主選單", "功能 "])
async def test_the_menu_comes_by_any_of_its_words(friend: Chat, typed: str) -> None:
    """In both languages, whichever one is spoken."""
    await friend.say(typed)

    assert friend.said("What would you like to do?")
    labels = [friend._(name) for name in ("My gifts", "Redeem a code", "Vouchers", "Gift cards", "Language")]
    found = [label for shown in friend.buttons for label in labels if shown == label or shown.endswith(f" {label}")]
    assert found[: len(labels)] == labels


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("go.gifts", "No gifts yet. Join a campaign or redeem a code to get some."),
        ("go.redeem", "Paste your code — capitals and spaces don't matter."),
        ("go.language", "Which language do you prefer?"),
        ("go.help", "• Paste a code to redeem it."),
        ("go.menu", "What would you like to do?"),
        ("go.something-of-a-later-version", "What would you like to do?"),
    ],
)
async def test_the_fixed_menus_of_the_platforms_open_topics(bot: Bot, channel: str, data: str, says: str) -> None:
    """Rich menu and persistent menu carry plain names; an unknown one opens the menu."""
    chat = bot.chat(channel)

    await chat.do(chat.phone.taps(data))

    assert chat.said(says)


async def test_every_answer_ends_with_the_way_to_the_menu(friend: Chat) -> None:
    """No dead ends. Only Messenger's menu does not lead to itself."""
    for text in ("gifts", "help", "language", "nonsense", "兌換 NOSUCH2026", "WELCOME2026", "my data", "agent"):
        await friend.say(text)
        assert list(friend.buttons)[-1] == friend._("Menu"), text


async def test_a_sticker_gets_the_menu_without_a_lecture(friend: Chat) -> None:
    """People send them to say hello."""
    await friend.do(friend.phone.sends_sticker())

    assert friend.said("What would you like to do?")


@pytest.mark.parametrize("before", ["menu", "redeem", "agent please", "delete my data", "language"])
async def test_an_emoji_of_line_alone_breaks_nothing(bot: Bot, tables: asyncpg.Pool, before: str) -> None:
    """Nothing is left of its text, whatever was asked before."""
    chat = bot.chat("line", language="en")
    await chat.do(chat.phone.follows())
    await chat.say(before)

    assert await chat.do(chat.phone.says("(love)(love)", emoji=["(love)"])) != []
    assert await tables.fetchval("SELECT count(*) FROM events WHERE held_at IS NOT NULL") == 0


WORDS = {
    "image": "I can't read images or files yet — please paste the code as text.",
    "file": "I can't read images or files yet — please paste the code as text.",
    "video": "I can't watch videos yet — please paste the code as text.",
    "audio": "I can't listen to voice messages yet — please type what you need or paste your code.",
    "location": "I can't use locations — please type what you are looking for.",
    "contact": "I don't open contact cards — please type what you need.",
    "hologram": "I can't read this kind of message yet — please type what you need.",
}


@pytest.mark.parametrize("kind", WORDS)
async def test_what_cannot_be_read_is_named_and_asked_for_as_text(friend: Chat, kind: str) -> None:
    """A photographed code is not lost, it is to be pasted; nothing of it is looked at."""
    before = len(friend.bot.sandbox.calls())
    await friend.do(friend.phone.sends(kind))

    assert friend.said(WORDS[kind])
    assert friend._("Redeem a code") in friend.buttons
    assert {call.upstream for call in friend.bot.sandbox.calls()[before:]} == {friend.channel}


@pytest.mark.parametrize("kind", ["fallback", "share", "template", "story_mention", "ig_reel", "reel"])
async def test_what_is_shared_on_messenger_is_not_opened(bot: Bot, kind: str) -> None:
    """Neither a link nor a post is a message to read."""
    chat = bot.chat("messenger")
    await chat.do(chat.phone.sends(kind))

    assert chat.said("I can't open shared posts or links — please type what you need or paste the code as text.")


async def test_a_message_of_an_unknown_kind_is_not_met_with_silence(bot: Bot) -> None:
    """Whatever Messenger may have one day, its sender waits for an answer."""
    chat = bot.chat("messenger")
    await chat.do(chat.phone.messenger_event({"message": {"mid": "m_1", "is_unsupported": True}}))

    assert chat.said("I can't read this kind of message yet — please type what you need.")


async def test_photos_sent_together_get_one_answer(friend: Chat) -> None:
    """In one webhook or in several, in whatever order; the next album gets its own."""
    photos = friend.phone.sends_album(3)
    if friend.channel == "line":
        photos = [photos[1], friend.phone.together(photos[2], photos[0])]
    await friend.do(*photos)
    assert len(friend.shown) == 1
    assert friend.said(WORDS["image"])

    friend.bot.ahead(minutes=6)
    await friend.do(*friend.phone.sends_album(2))
    assert len(friend.shown) == 1
    assert friend.said(WORDS["image"])


async def test_photos_sent_one_after_the_other_get_an_answer_each(friend: Chat) -> None:
    """Nothing says that they belong together."""
    assert len(await friend.do(friend.phone.sends_image(), friend.phone.sends_image())) == 2


async def test_many_photos_at_once_are_one_message(bot: Bot, tables: asyncpg.Pool) -> None:
    """They are no flood; and which album it was is forgotten after some minutes."""
    chat = bot.chat("line")
    await chat.do(chat.phone.follows())

    assert len(await chat.do(chat.phone.together(*chat.phone.sends_album(25)))) == 1
    assert "album" in await tables.fetchval("SELECT state FROM customers")

    bot.ahead(minutes=6)
    await chat.say("menu")
    assert chat.said("What would you like to do?")
    assert "album" not in await tables.fetchval("SELECT state FROM customers")


async def test_an_album_during_maintenance_is_told_once(bot: Bot, tables: asyncpg.Pool) -> None:
    """As always: the first of them has the answer for all."""
    chat = bot.chat("line")
    await chat.do(chat.phone.follows())
    await tables.execute(
        "INSERT INTO switches (name, value, by) VALUES ('maintenance', $1, 'test')", {"text": "Closed"}
    )

    assert len(await chat.do(*chat.phone.sends_album(3))) == 1
    assert "Closed" in chat.text


async def test_what_asks_for_no_answer_gets_none(bot: Bot) -> None:
    """Echoes, receipts and chats that somebody else answers."""
    chat = bot.chat("messenger")
    for webhook in (chat.phone.echoes("hello"), chat.phone.reads(), chat.phone.on_standby("menu")):
        assert await chat.do(webhook) == []
    chat = bot.chat("line")
    assert await chat.do(chat.phone.on_standby("menu")) == []
    assert await chat.do(chat.phone.verifies()) == []


async def test_without_the_code_vendor_nothing_offers_codes(chat: Chat) -> None:
    """A shop without Poshen has no dead buttons, and a code is chat."""
    chat.bot.desk(redeems=False)
    chat.bot.having(apis=replace(chat.bot.turns.apis, poshen=None))
    for text in ("menu", "help", "gifts", "redeem"):
        await chat.say(text)
        assert chat._("Redeem a code") not in chat.buttons

    await chat.say("WELCOME2026")
    assert chat.said("I didn't catch that. Try:")


async def test_a_notice_nobody_can_see_is_shown_the_next_time(bot: Bot) -> None:
    """The welcome came too late for a free reply: what was dropped with it does not count as read."""
    chat = bot.chat("line")
    late = chat.phone.follows()
    bot.clock.ahead -= timedelta(minutes=2)
    assert bot.post(late) == 200
    bot.clock.ahead += timedelta(minutes=2)
    await bot.quiet()
    chat.look()

    await chat.say("選單")

    assert chat.notice in chat.text

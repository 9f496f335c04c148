"""What was not understood: counted without its text; short texts kept where that was decided and told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
from chat import Bot, Chat

from bot.conversation.context import Answer, Context
from bot.storage import counts
from conversations.test_privacy import give_points
from handlers.start import NOTICE_VERSION

LOST = "雲的影子很長"
NOT_KEPT = (
    "To serve you we use your %(channel)s user ID and keep a record of what you redeem. "
    "We don't keep your chat messages."
)
IS_KEPT = (
    "To serve you we use your %(channel)s user ID and keep a record of what you redeem. Short messages that we don't "
    "understand are kept for up to %(days)s, without your user ID, so that we learn to answer them; your other chat "
    "messages are not kept."
)


@pytest.fixture
async def keeping(friend: Chat) -> Chat:
    """A customer who was told that short texts are kept, where they are."""
    friend.bot.desk(keeps_unclear=True)
    await friend.say("menu")
    friend.bot.turns.services.unclear.counted.clear()
    return friend


async def texts(tables: asyncpg.Pool) -> list[str]:
    return [row["text"] for row in await tables.fetch("SELECT text FROM unclear ORDER BY text")]


def counted(bot: Bot) -> dict[str, int]:
    return dict(bot.turns.services.unclear.counted)


# ── counting ─────────────────────────────────────────────────────────────────────────────────


async def test_texts_are_counted_by_how_they_ended(friend: Chat, tables: asyncpg.Pool) -> None:
    """What was understood as well, and nothing is kept of any of them. The fourth in a row is asked about again."""
    for text in ("menu", "my gifts", LOST, LOST, LOST, LOST, LOST, "怎麼退訂？", "WELCOME2026"):
        await friend.say(text)

    assert counted(friend.bot) == {"heard": 9, "chips": 3, "quiet": 1, "asked": 2}
    assert await texts(tables) == []


async def test_only_what_customers_type_to_us_is_counted(bot: Bot) -> None:
    """No taps, stickers, groups, staff, nor what is said to a person, during maintenance or by somebody blocked."""
    chat, boss = bot.chat("line"), bot.chat("line", "staff")
    await chat.do(chat.phone.follows())
    await chat.do(chat.phone.sends_sticker())
    await chat.tap("Language")
    await chat.do(chat.phone.says_in_group("C" + "1" * 32, LOST, mention=True))
    await boss.say("/status")
    await boss.say(LOST)
    assert counted(bot) == {}

    await chat.say("agent")
    await chat.say(LOST)
    assert counted(bot) == {"heard": 1}
    await chat.say("menu")
    await boss.say("/maint on")
    await boss.tap("Close the desk")
    await chat.say(LOST)
    await boss.order("/maint off")
    await bot.pool.execute("UPDATE customers SET blocked_until = $1", bot.clock() + timedelta(hours=1))
    await chat.say(LOST)

    assert counted(bot) == {"heard": 2}


async def test_counts_become_the_days_numbers(friend: Chat, tables: asyncpg.Pool) -> None:
    """Added to what other workers wrote, by the brand's day; once."""
    bot = friend.bot
    day = bot.clock().astimezone(bot.settings.zone).date()
    for text in ("menu", LOST):
        await friend.say(text)
        await bot.turns.services.unclear.write(bot.pool, bot.clock())
        await bot.turns.services.unclear.write(bot.pool, bot.clock())

    assert await counts.texts_by_day(tables, day) == {day: {"heard": 2, "chips": 1}}
    assert counted(bot) == {}


async def test_counts_that_could_not_be_written_are_not_lost(friend: Chat, tables: asyncpg.Pool) -> None:
    """They are written with the next ones."""
    bot = friend.bot
    await friend.say(LOST)
    await tables.execute("ALTER TABLE tallies RENAME TO gone")
    try:
        with pytest.raises(asyncpg.PostgresError):
            await bot.turns.services.unclear.write(bot.pool, bot.clock())
    finally:
        await tables.execute("ALTER TABLE gone RENAME TO tallies")

    assert counted(bot) == {"heard": 1, "chips": 1}


# ── keeping ──────────────────────────────────────────────────────────────────────────────────


async def test_short_texts_are_kept_without_the_person(keeping: Chat, tables: asyncpg.Pool) -> None:
    """Neither who nor when."""
    await keeping.say(LOST)

    [row] = await tables.fetch("SELECT * FROM unclear")
    assert (row["text"], row["kind"], row["day"]) == (LOST, "chips", keeping.bot.clock().date())
    assert set(row.keys()) == {"message_hash", "person_hash", "kind", "text", "day"}
    customer = await tables.fetchrow("SELECT * FROM customers WHERE person LIKE $1", f"%{keeping.user}")
    assert keeping.user not in str(dict(row)) and customer["ref"] not in str(dict(row))
    assert len(row["message_hash"]) == len(row["person_hash"]) == 16


async def test_nothing_is_kept_unless_that_was_decided(friend: Chat, tables: asyncpg.Pool) -> None:
    """Off is the default, also for who was told once that texts are kept."""
    await tables.execute("UPDATE customers SET notice = notice + 100")
    await friend.say(LOST)

    assert await texts(tables) == []
    assert counted(friend.bot)["chips"] == 1


async def test_nothing_is_kept_of_who_was_not_told(friend: Chat, tables: asyncpg.Pool) -> None:
    """The message that brings the notice was written before it."""
    friend.bot.desk(keeps_unclear=True)
    await friend.say("我想問一下")
    assert friend.notice in friend.text
    assert await texts(tables) == []

    await friend.say(LOST)
    assert await texts(tables) == [LOST]


@pytest.mark.parametrize(
    "text", ["我的電話是 0912345678", "me@example.com", "call 09 12 34 56 78", "x" * 41, "/status"]
)
async def test_what_could_be_private_is_only_counted(keeping: Chat, tables: asyncpg.Pool, text: str) -> None:
    """See tests/words/test_keepable.py for everything that could."""
    await keeping.say(text)

    assert counted(keeping.bot) == {"heard": 1, "chips": 1}
    assert await texts(tables) == []


async def test_nothing_is_kept_under_a_question(keeping: Chat, tables: asyncpg.Pool) -> None:
    """An answer that we did not understand was said to somebody who asked."""
    await keeping.say("redeem")
    await keeping.say("我家的雲的影子很長")
    assert keeping.said("I didn't catch that. Try:")

    assert await texts(tables) == []
    assert counted(keeping.bot) == {"heard": 2, "chips": 1}


async def test_nothing_is_kept_while_it_is_quiet(keeping: Chat, tables: asyncpg.Pool) -> None:
    """People talk to the shop then."""
    for text in ("甲", "乙", "丙", "丁"):  # The last one answers our question.
        await keeping.say(text)
    assert await keeping.say("戊") == []

    assert await texts(tables) == sorted(["甲", "乙", "丙"])
    assert counted(keeping.bot)["quiet"] == 1


async def test_nothing_is_kept_while_a_person_is_waited_for(keeping: Chat, tables: asyncpg.Pool) -> None:
    """Neither what is said to a person nor what is asked about first meanwhile."""
    await keeping.say("agent")
    await keeping.say(LOST)
    await keeping.say("怎麼退訂？")

    assert counted(keeping.bot) == {"heard": 1}
    assert await texts(tables) == []


async def test_nothing_is_kept_of_staff(bot: Bot, tables: asyncpg.Pool) -> None:
    """Nor of somebody whose rights rest."""
    bot.desk(keeps_unclear=True)
    boss = bot.chat("line", "staff")
    for text in ("menu", LOST):
        await boss.say(text)
    former = bot.chat("line")
    await former.say("menu")
    await tables.execute(
        "INSERT INTO staff (channel, user_id, person, name, role, origin, last_used)"
        " SELECT 'line', $1, person, 'amy', 'staff', 'invitation', now() - interval '1 year'"
        " FROM customers WHERE person LIKE '%' || $1",
        former.user,
    )
    await former.say(LOST)
    assert former.said("I didn't catch that. Try:")

    assert await texts(tables) == []
    assert counted(bot) == {"heard": 1}


async def test_nothing_is_kept_of_groups(bot: Bot, tables: asyncpg.Pool) -> None:
    """Whoever is in them."""
    bot.desk(keeps_unclear=True)
    chat = bot.chat("line")
    await chat.say("menu")
    await chat.do(chat.phone.says_in_group("C" + "1" * 32, LOST, mention=True))

    assert await texts(tables) == []


def asks_instead_of_the_fallback(chat: Chat, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """What is not understood is called asked about, and a command answers."""

    async def asks(ctx: Context) -> Answer:
        ctx.call_unclear("asked")
        return await ctx.run(command)

    commands = chat.bot.turns.dispatcher.routes.commands
    monkeypatch.setitem(commands, "fallback", replace(commands["fallback"], handler=asks))


async def test_what_was_asked_about_first_is_kept_by_its_kind(
    keeping: Chat, tables: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever calls a text unclear says how it ended."""
    asks_instead_of_the_fallback(keeping, monkeypatch, "menu")
    await keeping.say(LOST)

    assert counted(keeping.bot) == {"heard": 1, "asked": 1}
    assert await tables.fetchval("SELECT kind FROM unclear") == "asked"


async def test_what_is_no_text_is_never_unclear(keeping: Chat, tables: asyncpg.Pool) -> None:
    """A button that opens the fallback, say."""
    await keeping.do(keeping.phone.taps("go.fallback"))

    assert counted(keeping.bot) == {}
    assert await texts(tables) == []


async def test_a_text_and_a_list_can_be_kept_by_one_turn(
    keeping: Chat, tables: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in its place."""
    asks_instead_of_the_fallback(keeping, monkeypatch, "gifts")
    await give_points(keeping, tables, 30)  # Whoever has something has a list that is kept.
    await keeping.say(LOST)

    assert await texts(tables) == [LOST]
    [(snapshot, gifts)] = await tables.fetch("SELECT snapshot, gifts FROM wallets")
    assert snapshot and isinstance(json.loads(gifts), dict | list)


async def test_an_edited_message_is_kept_as_it_reads_now_and_counted_once(bot: Bot, tables: asyncpg.Pool) -> None:
    """One row for one message: what somebody wrote over is not kept beside it."""
    bot.desk(keeps_unclear=True)
    chat = bot.chat("messenger")
    await chat.say("menu")
    said = chat.phone.says(LOST)
    await chat.do(said)
    assert await texts(tables) == [LOST]
    await chat.do(chat.phone.edits(said, "我家的雲的影子很長"))

    assert await texts(tables) == ["我家的雲的影子很長"]
    assert counted(bot) == {"heard": 2, "chips": 1}


async def test_what_an_edit_made_clear_is_kept_no_more(bot: Bot, tables: asyncpg.Pool) -> None:
    """Neither the new text nor the one that was written over."""
    bot.desk(keeps_unclear=True)
    chat = bot.chat("messenger")
    await chat.say("menu")
    said = chat.phone.says(LOST)
    await chat.do(said)
    await chat.do(chat.phone.edits(said, "my gifts"))

    assert await texts(tables) == []


# ── forgetting ───────────────────────────────────────────────────────────────────────────────


async def test_a_message_that_is_taken_back_is_forgotten(bot: Bot, tables: asyncpg.Pool) -> None:
    """That message, and no other one; also after keeping was switched off."""
    bot.desk(keeps_unclear=True)
    chat, other = bot.chat("line"), bot.chat("line")
    for each in (chat, other):
        await each.say("menu")
        await each.say("留著")
    told = chat.phone.says("收回")
    await chat.do(told)
    assert await texts(tables) == ["收回", "留著", "留著"]

    bot.desk(keeps_unclear=False)
    message_id = told.json["events"][0]["message"]["id"]
    await other.do(other.phone.unsends(message_id))
    assert len(await texts(tables)) == 3, "somebody else's message"
    await chat.do(chat.phone.unsends(message_id))
    assert await texts(tables) == ["留著", "留著"]


async def test_deleting_ones_data_deletes_ones_texts(keeping: Chat, tables: asyncpg.Pool) -> None:
    """And nobody else's; also after keeping was switched off."""
    other = keeping.bot.chat(keeping.channel)
    for chat in (keeping, other):
        await chat.say("menu")
        await chat.say(f"這是{'我' if chat is keeping else '別人'}說的")
    assert len(await texts(tables)) == 2
    keeping.bot.desk(keeps_unclear=False)

    await keeping.say("delete my data")
    await keeping.tap("Yes, delete")
    await keeping.say("DELETE")

    assert await texts(tables) == ["這是別人說的"]


async def test_the_export_has_no_texts(keeping: Chat) -> None:
    """They are kept without the person."""
    await keeping.say(LOST)
    await keeping.say("my data")
    await keeping.tap("Export")

    assert LOST not in keeping.text


# ── the notice ───────────────────────────────────────────────────────────────────────────────


async def test_the_notice_says_what_is_kept_how_long_and_why(chat: Chat) -> None:
    """In place of the sentence that nothing is: in two lines, and one tap further in full."""
    name = "LINE" if chat.channel == "line" else "Messenger"
    days = chat._.ngettext("%(n)s day", "%(n)s days", 14)
    for keeps in (False, True):
        chat.bot.desk(keeps_unclear=keeps)
        await chat.say("menu")
        assert chat.notice in chat.text and (days in chat.notice) is keeps
        await chat.tap("Details")
        assert chat.said(NOT_KEPT, channel=name) is not keeps
        assert chat.said(IS_KEPT, channel=name, days=days) is keeps


async def test_switching_it_on_shows_the_notice_to_everybody_anew_and_off_does_not(
    chat: Chat, tables: asyncpg.Pool
) -> None:
    """Once."""
    for keeps, shown in (
        (False, True),
        (False, False),
        (True, True),
        (True, False),
        (False, False),
        (False, False),
        (True, False),
    ):
        chat.bot.desk(keeps_unclear=keeps)
        await chat.say("menu")
        assert (chat.notice in chat.text) is shown, keeps
    assert await tables.fetchval("SELECT notice FROM customers") == NOTICE_VERSION + 100


@pytest.mark.parametrize("keeps", [False, True])
async def test_a_new_version_is_shown_to_who_was_told_of_keeping_too(
    chat: Chat, tables: asyncpg.Pool, keeps: bool
) -> None:
    """And whoever reads then that nothing is kept is told anew when something is."""
    chat.bot.desk(keeps_unclear=True)
    await chat.say("menu")
    await tables.execute("UPDATE customers SET notice = notice - 1")
    chat.bot.desk(keeps_unclear=keeps)
    await chat.say("menu")
    assert chat.notice in chat.text
    assert await tables.fetchval("SELECT notice FROM customers") == NOTICE_VERSION + (100 if keeps else 0)

    chat.bot.desk(keeps_unclear=True)
    await chat.say("menu")
    assert (chat.notice in chat.text) is not keeps

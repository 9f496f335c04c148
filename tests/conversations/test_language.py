"""Languages: guessed once, changed by a tap or a word, and kept."""

from __future__ import annotations

import asyncpg
import pytest
from chat import TAGS, Bot, Chat

ZH, EN = TAGS["zh-TW"], TAGS["en"]


async def tag_after_hello(bot: Bot, channel: str, profile: str | None) -> str:
    """Say hello as somebody whose profile has this language; which language answers?"""
    chat = bot.chat(channel)
    bot.sandbox.people.put(channel, chat.user, locale=profile)
    await chat.say("menu")
    [tag] = [tag for tag in (ZH, EN) if bot.turns.languages[tag]("What would you like to do?") in chat.text]
    return tag


@pytest.mark.parametrize(
    ("profile", "tag"),
    [("zh-TW", ZH), ("zh_HK", ZH), ("zh_CN", ZH), ("en_GB", EN), ("en", EN), ("ja", EN), ("fr_FR", EN), (None, ZH)],
)
async def test_the_first_answer_is_in_the_profiles_language(
    bot: Bot, channel: str, profile: str | None, tag: str
) -> None:
    """Chinese readers get Chinese, others English; when nothing is known, the brand's own."""
    assert await tag_after_hello(bot, channel, profile) == tag


async def test_a_profile_that_cannot_be_read_delays_nobody(bot: Bot, channel: str) -> None:
    """The brand's language answers."""
    bot.sandbox.fault("line:GET /v2/bot/profile", status=500)
    bot.sandbox.fault("messenger:GET /", status=500)

    assert await tag_after_hello(bot, channel, "en") == ZH


async def test_the_language_is_changed_by_a_tap_and_said_in_it(friend: Chat) -> None:
    """And kept for the next time."""
    other, name = (EN, "English") if friend.tag == ZH else (ZH, "中文")
    await friend.say("language")
    assert friend.said("Which language do you prefer?")
    assert {"English", "中文"} <= set(friend.buttons)

    await friend.tap(name)
    friend.tag = other
    assert friend.said("Switched to %(language)s.", language=name)

    friend.bot.ahead(days=3)
    await friend.say("menu")
    assert friend.said("What would you like to do?")


@pytest.mark.parametrize(
    ("typed", "tag"),
    [("English", EN), ("英文", EN), ("english!", EN), ("中文", ZH), ("chinese", ZH), ("ＣＨＩＮＥＳＥ", ZH)],
)
async def test_a_languages_name_in_any_language_switches_to_it(friend: Chat, typed: str, tag: str) -> None:
    """Nobody has to read a question they may not understand."""
    await friend.say(typed)

    friend.tag = tag
    assert friend.said("Switched to %(language)s.", language="English" if tag == EN else "中文")


async def test_the_other_language_is_one_tap_away_from_the_welcome(chat: Chat) -> None:
    """The guess may be wrong."""
    await chat.do(chat.phone.follows())

    await chat.tap("English" if chat.tag == ZH else "中文")

    chat.tag = EN if chat.tag == ZH else ZH
    assert chat.said("Switched to %(language)s.", language="English" if chat.tag == EN else "中文")


async def test_a_change_leaves_nothing_in_the_old_language(friend: Chat) -> None:
    """Not even the buttons under the confirmation."""
    await friend.say("english" if friend.tag == ZH else "中文")

    old = friend._
    friend.tag = EN if friend.tag == ZH else ZH
    assert old("My gifts") not in friend.text
    assert friend.said("My gifts")


async def test_three_english_messages_in_a_chinese_chat_are_asked_about_once(bot: Bot, channel: str) -> None:
    """The hint is in English, its button changes the language."""
    chat = bot.chat(channel)
    for text in ("how are you", "what is new"):
        await chat.say(text)
        assert "Prefer English?" not in chat.text

    await chat.say("anything to win today")
    assert "Prefer English?" in chat.text
    button = chat.data_of("English")

    for text in ("menu", "help", "gifts", "help"):
        await chat.say(text)
        assert "Prefer English?" not in chat.text

    await chat.do(chat.phone.taps(button))
    assert "Switched to English." in chat.text


async def test_codes_and_chinese_are_no_english_messages(bot: Bot, tables: asyncpg.Pool) -> None:
    """Only words that an English speaker typed count."""
    chat = bot.chat("line")
    for text in ("WELCOME2026", "PICNIC4U", "HELLO", "選單", "獎品", "WELCOME2026"):
        await chat.say(text)
        assert "Prefer English?" not in chat.text


async def test_whoever_chose_chinese_is_not_asked(bot: Bot, channel: str) -> None:
    """A choice is a choice."""
    chat = bot.chat(channel, language="en")
    await chat.say("中文")

    for text in ("menu", "help", "gifts", "menu"):
        await chat.say(text)
        assert "Prefer English?" not in chat.text

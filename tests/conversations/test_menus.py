"""The menu below the chat on LINE: everybody has their language's, and nobody waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from chat import Bot, Chat

from bot.channels import MenuContents
from bot.channels.line.client import LineClient
from bot.channels.line.menu import RichMenu, RichMenus, plan, rich_menu
from bot.channels.messenger.client import MessengerClient
from bot.channels.messenger.profile import MessengerMenus
from bot.wiring import brands_of, menu_texts
from handlers.views.start import topics

RICH_MENU = "/v2/bot/user/"


class Sketch(RichMenu):
    """A menu with a picture that takes no time to draw."""

    def picture(self) -> bytes:
        return b"png"


Install = Callable[..., Awaitable[None]]


@pytest.fixture
async def install(bot: Bot) -> AsyncIterator[Install]:
    """Installs the menus, in a colour, and lets the worker know of them; none are known after the test."""
    line = bot.turns.outbound["line"]
    assert isinstance(line, LineClient)

    async def run(colour: str = "#0F766E", *, known: bool = True) -> None:
        desk = brands_of(bot.settings)["line"]
        menus = [rich_menu(tag, topics(_, desk), _("Menu"), colour) for tag, _ in bot.turns.languages.items()]
        wanted = [Sketch(menu.language, menu.buttons, menu.body, menu.brand_colour) for menu in menus]
        account = RichMenus(line.account())
        there = await account.read()
        for _text, change in account.steps(plan(wanted, bot.settings.default_locale, there), there):
            await change()
        if known:
            await line.menus.learn()

    yield run
    await beside(bot)
    bot.sandbox.reset()
    await line.menus.learn()


async def beside(bot: Bot) -> None:
    """Wait for what runs beside the answers."""
    await asyncio.gather(*bot.turns.aside)


def has(chat: Chat) -> str | None:
    """The language of the menu that this person was given; None when theirs is everybody's."""
    line = chat.bot.sandbox.line
    languages = {menu: alias.removeprefix("giftdesk-") for alias, menu in line.rich_menu_aliases.items()}
    given = line.rich_menu_of.get(chat.user)
    return languages[given] if given else None


def changes(bot: Bot) -> list[Any]:
    """The calls that gave somebody a menu or took it away."""
    return [call for call in bot.sandbox.calls("line") if call.path.startswith(RICH_MENU) and call.method != "GET"]


async def test_the_language_of_a_first_message_brings_its_menu(bot: Bot, install: Install) -> None:
    """English readers get the English one, others have everybody's; once, and no further message asks LINE."""
    await install()
    bot.sandbox.journal.clear()
    english, chinese = bot.chat("line", language="en"), bot.chat("line")
    for _ in range(2):
        for chat in (english, chinese):
            await chat.say("menu")
            await beside(bot)

    assert (has(english), has(chinese)) == ("en", None)
    assert len(changes(bot)) == 1


async def test_changing_the_language_changes_the_menu(bot: Bot, install: Install) -> None:
    """By a word or by a tap, there and back."""
    await install()
    chat = bot.chat("line")
    for typed, expected in (("english", "en"), ("中文", None), ("english", "en")):
        await chat.say(typed)
        await beside(bot)
        assert has(chat) == expected


async def test_after_a_block_the_menu_is_given_again(bot: Bot, install: Install) -> None:
    """Nobody knows what LINE kept meanwhile."""
    await install()
    chat = bot.chat("line", language="en")
    await chat.do(chat.phone.follows())
    await beside(bot)
    await chat.do(chat.phone.unfollows())
    bot.sandbox.line.rich_menu_of.pop(chat.user)

    await chat.do(chat.phone.follows())
    await beside(bot)

    assert has(chat) == "en"


@pytest.mark.parametrize("fault", [{"status": 500}, {"drop": True}, {"status": 404}])
async def test_a_failure_is_made_good_by_the_next_message(bot: Bot, install: Install, fault: dict[str, Any]) -> None:
    """The answer is not touched by it."""
    await install()
    chat = bot.chat("line", language="en")
    bot.sandbox.fault(f"line:POST {RICH_MENU}", **fault, times=1)

    await chat.say("menu")
    await beside(bot)
    assert chat.said("What would you like to do?")
    assert has(chat) is None

    await chat.say("menu")
    await beside(bot)
    assert has(chat) == "en"


async def test_a_crash_after_the_answer_is_made_good_by_the_next_message(bot: Bot, install: Install) -> None:
    """What was given is remembered after it was given, and never before."""
    await install()
    chat = bot.chat("line", language="en")
    bot.sandbox.fault(f"line:POST {RICH_MENU}", hang=True, times=1)
    await chat.say("menu")
    for task in bot.turns.aside:
        task.cancel()
    await asyncio.gather(*bot.turns.aside, return_exceptions=True)

    await chat.say("menu")
    await beside(bot)

    assert has(chat) == "en"


async def test_no_answer_waits_for_a_menu(bot: Bot, install: Install) -> None:
    """LINE hangs with the menu: this answer and the chat's next one come as ever."""
    await install()
    chat = bot.chat("line", language="en")
    bot.sandbox.fault(f"line:POST {RICH_MENU}", delay_ms=5_000)
    started = time.monotonic()

    await chat.say("menu")
    await chat.say("help")

    assert time.monotonic() - started < 4.5
    assert len(chat.everything) >= 2


async def test_a_menu_that_was_renewed_is_given_again(bot: Bot, install: Install) -> None:
    """Also when the worker has not heard of it yet: then by the message after."""
    await install()
    chat = bot.chat("line", language="en")
    await chat.say("menu")
    await beside(bot)
    bot.sandbox.line.rich_menu_of.clear()  # As if LINE had not moved them.
    await install("#E11D48")

    await chat.say("menu")
    await beside(bot)

    assert has(chat) == "en"


async def test_a_worker_that_knows_of_old_menus_learns_of_new_ones(bot: Bot, install: Install) -> None:
    """Its first attempt fails and teaches it."""
    await install()
    await install("#E11D48", known=False)
    chat = bot.chat("line", language="en")
    for _ in range(2):
        await chat.say("menu")
        await beside(bot)

    assert has(chat) == "en"


async def test_who_had_their_data_deleted_has_everybodys_menu(bot: Bot, install: Install) -> None:
    """Nothing of them is left at LINE either."""
    await install()
    chat = bot.chat("line", language="en")
    await chat.say("delete my data")
    await beside(bot)
    assert has(chat) == "en"

    await chat.tap("Yes, delete")
    await chat.say("DELETE")
    await beside(bot)

    assert chat.said("Deleted. Thank you for having been here.")
    assert has(chat) is None


async def test_what_somebody_has_is_kept_with_them(bot: Bot, install: Install, tables: asyncpg.Pool) -> None:
    """In their row, so that every worker knows."""
    await install()
    chat = bot.chat("line", language="en")
    await chat.say("menu")
    await beside(bot)
    marked = "SELECT state ->> 'menu' FROM customers WHERE person LIKE $1"

    assert await tables.fetchval(marked, f"%{chat.user}") == bot.sandbox.line.rich_menu_of[chat.user]
    await chat.say("中文")
    await beside(bot)
    assert await tables.fetchval(marked, f"%{chat.user}") is None


async def test_without_menus_line_is_hardly_asked_about_them(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """For who reads another than the default language, once in some seconds; nobody is given any."""
    monkeypatch.setattr("bot.channels.line.client.LOOK_AGAIN_SECONDS", 600.0)
    line = bot.turns.outbound["line"]
    assert isinstance(line, LineClient)
    await line.menus.learn()
    bot.sandbox.journal.clear()
    for channel in ("line", "messenger"):
        chat = bot.chat(channel, language="en")
        await chat.do(chat.phone.follows())
        await chat.say("中文")
        await beside(bot)

    assert [call.path for call in bot.sandbox.calls() if "menu" in call.path] == []


async def test_a_group_has_no_menu(bot: Bot, install: Install) -> None:
    """They are shown in private chats only."""
    await install()
    bot.sandbox.journal.clear()
    chat = bot.chat("line", language="en")
    await chat.do(chat.phone.says_in_group("C" + "1" * 32, "menu", mention=True))
    await beside(bot)

    assert changes(bot) == []


def test_every_tile_opens_a_topic(bot: Bot) -> None:
    """A tap answers what typing its word would."""
    commands = bot.turns.dispatcher.routes.commands
    desk = brands_of(bot.settings)["line"]
    tiles = [button.action.model_dump()["command"] for button in topics(bot.turns.languages["en"], desk)]

    assert [name for name in tiles if name not in commands] == []


async def test_a_worker_that_knows_of_no_menus_looks_when_one_is_wanted(bot: Bot, install: Install) -> None:
    """They were installed a moment after it had started: the language still changes with this very answer."""
    line = bot.turns.outbound["line"]
    assert isinstance(line, LineClient)
    await line.menus.learn()  # At the start, when there were none.
    await install(known=False)
    line.menus._asked = 0.0  # some seconds ago

    chat = bot.chat("line")
    await chat.say("english")
    await beside(bot)

    assert has(chat) == "en"


# ── Messenger: the page's menu follows the phone, and who chose another language has their own ──────────────


@pytest.fixture
async def page(bot: Bot) -> AsyncIterator[MessengerClient]:
    """Messenger's menu as `giftdesk menus` installs it; nobody has been given one of their own before."""
    client = bot.turns.outbound["messenger"]
    assert isinstance(client, MessengerClient) and client.menus is not None
    contents = MenuContents(
        menu_texts(bot.turns.languages, bot.turns.brands["messenger"]), bot.settings.default_locale, "#0F766E"
    )
    for _text, change in (await MessengerMenus(client).steps(contents, remove=False))[0]:
        await change()
    client.menus._given.clear()
    client.menus._rests_until = 0.0
    bot.sandbox.journal.clear()
    yield client
    await beside(bot)


def own_menu(chat: Chat) -> list[str] | None:
    """The labels of the menu that somebody has of their own; None when they see the page's."""
    menus = chat.bot.sandbox.graph.menu_of.get(chat.user)
    return [item["title"] for item in menus[0]["call_to_actions"]] if menus else None


def settings_calls(bot: Bot) -> list[Any]:
    return [call for call in bot.sandbox.calls("messenger") if call.path.endswith("/custom_user_settings")]


async def test_who_chooses_a_language_has_its_menu_on_messenger(bot: Bot, page: MessengerClient) -> None:
    """Whatever their phone speaks, there and back, and nothing is asked for those who choose none."""
    chat = bot.chat("messenger", language="en")
    await chat.say("menu")
    await beside(bot)
    assert (own_menu(chat), settings_calls(bot)) == (None, [])

    for typed, tag in (("中文", "zh_Hant_TW"), ("english", "en")):
        await chat.say(typed)
        await beside(bot)
        shown = own_menu(chat)
        assert shown and shown[0] == bot.turns.languages[tag]("My gifts")
    calls = len(settings_calls(bot))
    await chat.say("menu")
    await beside(bot)
    assert len(settings_calls(bot)) == calls == 4


async def test_a_person_is_given_few_menus_in_ten_minutes(bot: Bot, page: MessengerClient) -> None:
    """Meta takes ten calls; the answers come all the same, and later the menu is right again."""
    assert page.menus is not None
    chat = bot.chat("messenger")
    for typed in ("english", "中文") * 5 + ("english",):
        assert await chat.say(typed)
        await beside(bot)
    assert len(settings_calls(bot)) <= 8 and {call.status for call in settings_calls(bot)} == {200}

    page.menus._given.clear()  # Ten minutes later.
    bot.ahead(minutes=11)
    await chat.say("menu")
    await beside(bot)
    assert own_menu(chat) == [
        button.label for button in topics(bot.turns.languages["en"], bot.turns.brands["messenger"])
    ]


async def test_somebody_elses_menu_stays_on_messenger(bot: Bot, page: MessengerClient) -> None:
    """Where the page's own is not ours, nobody is given another one."""
    items = [{"type": "postback", "title": "Shop", "payload": "SHOP"}]
    bot.sandbox.graph.platforms[0].profile["persistent_menu"] = [{"locale": "default", "call_to_actions": items}]
    chat = bot.chat("messenger")
    for typed in ("english", "menu", "help"):
        await chat.say(typed)
        await beside(bot)

    assert own_menu(chat) is None
    assert [call.method for call in settings_calls(bot)] == ["GET"]


@pytest.mark.parametrize("fault", [{"status": 500}, {"drop": True}, {"status": 400, "body": {"error": {"code": 613}}}])
async def test_messengers_refusal_of_a_menu_is_made_good_later(
    bot: Bot, page: MessengerClient, fault: dict[str, Any]
) -> None:
    """After a minute's rest, by the next message; no answer is touched by it."""
    assert page.menus is not None
    chat = bot.chat("messenger")
    bot.sandbox.fault("messenger:POST /me/custom_user_settings", **fault, times=1)
    for typed in ("english", "menu"):
        assert await chat.say(typed)
        await beside(bot)
    assert own_menu(chat) is None

    page.menus._rests_until = 0.0
    await chat.say("menu")
    await beside(bot)
    assert own_menu(chat) is not None


async def test_deleting_ones_data_takes_the_own_menu_away(bot: Bot, page: MessengerClient) -> None:
    """Meta keeps nothing of theirs either."""
    chat = bot.chat("messenger")
    await chat.say("english")
    await beside(bot)
    assert own_menu(chat)
    await chat.say("delete my data")
    await chat.tap("Yes, delete")
    await chat.say("DELETE")
    await beside(bot)

    assert own_menu(chat) is None

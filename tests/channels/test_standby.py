"""`MESSENGER_STANDBY=on`: the inbox of the page and Giftdesk take turns in a chat, and who holds it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from chat import Bot, Chat
from engine.desk import migrated_database, references

from bot.channels.messenger import account
from bot.channels.messenger.client import MessengerClient
from bot.channels.messenger.inbound import PAGE_INBOX, MessengerInbound
from bot.channels.messenger.threads import Threads
from bot.conversation.events import Ignored, Incoming, Returned, Said
from sandbox import Sandbox

SMALL_TALK = "is the blue umbrella still there on saturday"
TAKE = "POST /me/take_thread_control"


@pytest.fixture(scope="session")
async def sharing_bot(database: str, served_sandbox: Sandbox) -> AsyncIterator[Bot]:
    url = await migrated_database(database, "standby")
    async with Bot.running(url, served_sandbox, messenger_standby="on") as bot:
        yield bot


@pytest.fixture
async def desk(sharing_bot: Bot) -> AsyncIterator[Bot]:
    """Of a page with a default app, which is ours."""
    await sharing_bot.reset()
    client = sharing_bot.turns.outbound["messenger"]
    assert isinstance(client, MessengerClient)
    client.threads = Threads(client)
    sharing_bot.sandbox.reset()
    sharing_bot.sandbox.graph.routed = True
    yield sharing_bot
    await sharing_bot.quiet()


@pytest.fixture
async def chat(desk: Bot) -> Chat:
    """A customer who has read the notice."""
    chat = desk.chat("messenger", language="en")
    await chat.say("english")
    return chat


def passed(bot: Bot) -> list[Any]:
    """The messages with which a chat was given to somebody."""
    bodies = [call.json for call in bot.sandbox.calls("messenger", "POST /me/messages")]
    return [body for body in bodies if "thread_control" in body]


def is_held(chat: Chat) -> bool:
    """Whether the inbox holds this chat."""
    return chat.bot.sandbox.graph.holders.get(chat.user) == PAGE_INBOX


async def muted(chat: Chat) -> bool:
    """Whether we keep quiet for a person of the shop."""
    until = await chat.bot.pool.fetchval("SELECT muted_until FROM customers WHERE person LIKE $1", f"%:{chat.user}")
    return until is not None


async def test_a_person_is_given_the_chat(desk: Bot, chat: Chat) -> None:
    """With our last message and in the same call; what is said then is theirs, until somebody types the menu's word."""
    await chat.say("agent")
    assert chat.said("Our team has been notified and will answer here.")
    assert chat.said("Buttons may not work meanwhile. Type “menu” to bring me back.")
    assert [body["message"]["text"] for body in passed(desk)] == [chat.texts[1]]
    assert passed(desk)[0]["thread_control"] == {"control_type": "pass", "app_id": str(PAGE_INBOX)}
    assert is_held(chat) and await muted(chat)

    for text in (SMALL_TALK, "thanks", "points", "/status", "call 0912 345 678", "yes", "ok"):
        assert await chat.say(text) == []
    assert not desk.sandbox.calls("messenger", TAKE)

    await chat.say("menu")
    assert chat.buttons and not is_held(chat) and not await muted(chat)
    await chat.say(SMALL_TALK)
    assert chat.said("I didn't catch that. Try:")


@pytest.mark.parametrize(
    "text",
    [
        "cancel",
        "我要看我的禮物",
        "WELCOME2026",
        "code WELCOME2026",
        "please delete all my data",
        "unsubscribe",
        "K7PQ-4M2X",
    ],
)
async def test_what_brings_us_back(chat: Chat, text: str) -> None:
    """What ends the wait, codes, and what is everybody's right."""
    chat.bot.sandbox.graph.holds(chat.user, PAGE_INBOX)  # Somebody of the shop has answered by themselves.
    assert await chat.say(SMALL_TALK) == []
    await chat.say(text)

    assert chat.shown and not is_held(chat)


async def test_a_tap_comes_as_its_label(chat: Chat) -> None:
    """What was behind it is not told to us then; another tool's buttons are none of ours."""
    await chat.say("menu")
    label, data = next((label, data) for label, data in chat.buttons.items() if "Help" in label)
    chat.bot.sandbox.graph.holds(chat.user, PAGE_INBOX)
    assert not await chat.do(chat.phone.taps("other=1", "Campaign of the week"))
    await chat.do(chat.phone.taps(data, label))
    assert chat.shown and not is_held(chat)

    chat.bot.sandbox.graph.holds(chat.user, PAGE_INBOX)
    await chat.do(chat.phone.taps("go.menu", "Menu", quick_reply=True))
    assert chat.shown and not is_held(chat)


async def test_staff_are_answered_with_each_line(desk: Bot) -> None:
    """Wherever their chat is."""
    owner = desk.chat("messenger", "staff", language="en")
    await owner.say("/lang en")
    desk.sandbox.graph.holds(owner.user, PAGE_INBOX)
    await owner.say("/status")

    assert owner.shown


async def test_without_a_default_app_nothing_is_pretended(desk: Bot, chat: Chat) -> None:
    """The bot only keeps quiet, as everywhere else."""
    desk.sandbox.graph.routed = False
    await chat.say("agent")

    assert chat.said("Our team has been notified. I'll stay quiet — type “menu” to bring me back.")
    assert not passed(desk) and not is_held(chat)


async def test_refused_in_the_last_moment(desk: Bot, chat: Chat) -> None:
    """Somebody has just taken the default app away: the message goes out all the same, and is still true."""
    client = desk.turns.outbound["messenger"]
    assert client.threads is not None and await client.threads.passes()
    desk.sandbox.graph.routed = False
    await chat.say("agent")

    assert chat.said("Our team has been notified and will answer here.") and not is_held(chat)
    assert len(chat.shown) == 2 and not await client.threads.passes()
    await chat.say("menu")
    assert chat.buttons


async def test_who_may_not_take_it_back_does_nothing(desk: Bot, chat: Chat) -> None:
    """No code is redeemed that nobody hears of; staff are told once, and the next who asks reads no promise."""
    desk.sandbox.graph.may_take = False
    desk.sandbox.graph.holds(chat.user, PAGE_INBOX)
    assert await chat.say("WELCOME2026") == [] and await chat.say("menu") == []
    assert not await desk.pool.fetchval("SELECT count(*) FROM claims")
    assert is_held(chat)
    assert await desk.pool.fetchval("SELECT count(DISTINCT key) FROM pushes WHERE key LIKE '%messenger-threads%'")

    other = desk.chat("messenger", language="en")
    await other.say("agent")
    assert other.said("Buttons may not work until they have finished; then I'm back.") and is_held(other)
    assert "menu" not in other.text.replace(other.notice, "").lower()


async def test_what_is_of_value_waits_until_the_chat_is_ours_again(desk: Bot, chat: Chat) -> None:
    """Somebody answered in the inbox while we were at work: our answer is neither sent between nor lost."""
    for text in ("WELCOME2026", "help"):
        webhook = chat.phone.says(text)
        desk.sandbox.graph.holds(chat.user, PAGE_INBOX)
        assert await chat.do(webhook) == []
        desk.sandbox.graph.holds(chat.user, None)
    assert await desk.pool.fetchval("SELECT count(*) FROM claims") == 1
    desk.sandbox.graph.holds(chat.user, PAGE_INBOX)
    assert await chat.say(SMALL_TALK) == []

    desk.sandbox.graph.holds(chat.user, None)
    await chat.do(chat.phone.gets_back(PAGE_INBOX))
    assert len(set(references(str([item.message for item in chat.shown])))) == 1
    assert not chat.said("• Paste a code to redeem it.")


async def test_given_back_by_the_shops_people(desk: Bot, chat: Chat) -> None:
    """From then on the bot answers everything again."""
    await chat.say("agent")
    desk.sandbox.graph.holds(chat.user, None)
    assert await chat.do(chat.phone.gets_back(PAGE_INBOX)) == [] and not await muted(chat)

    await chat.say(SMALL_TALK)
    assert chat.said("I didn't catch that. Try:")


async def test_a_turn_that_runs_again_finds_that_it_has_the_chat(desk: Bot, chat: Chat) -> None:
    """Meta refuses to give somebody what they hold."""
    threads = desk.turns.outbound["messenger"].threads
    assert threads is not None
    desk.sandbox.graph.holds(chat.user, PAGE_INBOX)
    assert await threads.take(chat.user) and await threads.take(chat.user) and threads.returns
    desk.sandbox.fault("messenger:POST /me/take_thread_control", drop=True)
    assert await threads.take(chat.user), "whoever answers finds it out"


async def test_nobody_new_is_written_down_who_talks_to_the_shop(desk: Bot) -> None:
    """Who only ever writes to the people in the inbox leaves nothing here."""
    stranger = desk.chat("messenger", language="en")
    desk.sandbox.graph.holds(stranger.user, PAGE_INBOX)
    assert await stranger.say(SMALL_TALK) == []

    assert not await desk.pool.fetchval("SELECT count(*) FROM customers")
    assert not desk.sandbox.calls("messenger", f"GET /{stranger.user}")


async def test_outside_of_hours_the_chat_stays_ours(desk: Bot, chat: Chat) -> None:
    """Nobody would read it."""
    from bot.understanding import hours

    desk.desk(support_hours=hours.read("Mon-Sun 00:00-00:01", desk.settings.zone))
    await chat.say("agent")

    assert not is_held(chat) and not passed(desk)


async def test_the_doctor_reads_whether_there_is_a_default_app(desk: Bot) -> None:
    """Which only the owner of the page can set, and what else has to be allowed there."""
    client = desk.turns.outbound["messenger"]
    assert isinstance(client, MessengerClient)
    ((well, said),) = await account.routing(client, desk.settings)
    assert well and "take control" in said
    desk.sandbox.graph.routed = False
    ((well, said),) = await account.routing(client, desk.settings)
    assert not well and "no chat is passed" in said

    off = desk.settings.model_copy(update={"messenger_standby": "off"})
    assert await account.routing(client, off) == []
    desk.sandbox.graph.routed = True
    ((well, said),) = await account.routing(client, off)
    assert not well and "MESSENGER_STANDBY" in said


def read(where: str, **event: Any) -> Incoming:
    raw = {where: {"sender": {"id": "7"}, "recipient": {"id": "1"}, "timestamp": 1_700_000_000_000, **event}}
    return MessengerInbound(("s",), standby=True).parse("1", raw)


def test_what_is_overheard() -> None:
    """Texts, and labels of taps; nothing else, and never what the page itself said."""
    assert read("standby", message={"mid": "m", "text": "hi"}).what == Said("hi")
    assert read("standby", message={"mid": "m", "text": "x", "quick_reply": {"payload": "+886912"}}).what == Said("x")
    assert read("standby", postback={"mid": "m", "title": "Menu"}).what == Said("Menu")
    assert read("standby", message={"mid": "m", "text": "x"}).standby
    assert not read("messaging", message={"mid": "m", "text": "x"}).standby
    for event in (
        {"message": {"mid": "m", "text": "x", "is_echo": True}},
        {"message": {"mid": "m", "attachments": [{"type": "image"}]}},
        {"postback": {"mid": "m"}},
        {"read": {"watermark": 1}},
    ):
        assert isinstance(read("standby", **event).what, Ignored)
    assert read("messaging", pass_thread_control={"new_owner_app_id": "1082"}).what == Returned()
    inbox = {"new_owner_app_id": PAGE_INBOX}
    assert isinstance(read("messaging", pass_thread_control=inbox).what, Ignored)
    assert isinstance(read("messaging", take_thread_control=inbox).what, Ignored)

"""Every registered command, for every role and for outsiders: made from the registry, so a new one is covered."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from chat import Bot, Chat, buttons_of

from admin.conftest import Hire
from bot.i18n import load_translators
from bot.services.staffing import ROLES, Role
from bot.staff import arguments, lines, reading
from bot.staff.arguments import Arguments
from bot.staff.routes import StaffCommand, StaffRoutes
from handlers.admin import STAFF_ROUTERS

LANGUAGES = load_translators(ZoneInfo("Asia/Taipei"))
ROUTES = StaffRoutes(STAFF_ROUTERS, LANGUAGES.values())
ALL = list(ROUTES.commands.values())


def named(command: StaffCommand) -> str:
    return command.name


@pytest.fixture
def channel() -> str:
    """One is enough here: rights do not know channels."""
    return "line"


@pytest.fixture
def language() -> str:
    """And no languages."""
    return "en"


@pytest.mark.parametrize("command", ALL, ids=named)
async def test_a_command_answers_whom_it_may(bot: Bot, hire: Hire, command: StaffCommand) -> None:
    """Its example, typed by every role: an answer, or who can do it."""
    line = arguments.example(command.name, command.arguments)
    for role in ROLES:
        member = await hire(role)
        await member.say(line)

        refused = member._("This command needs %(needed)s, and you are %(role)s.", needed=command.role, role=role)
        allowed = command.open_to(role)
        assert (refused in member.text) is not allowed, f"{line} as {role}"
        assert member.shown, f"{line} as {role}"
    assert await bot.pool.fetchval("SELECT count(*) FROM events WHERE held_at IS NOT NULL OR attempts > 0") == 0


@pytest.mark.parametrize("command", ALL, ids=named)
async def test_a_command_is_nothing_to_outsiders(bot: Bot, chat: Chat, command: StaffCommand) -> None:
    """Its example reads like nonsense, and leaves no trace in the trail."""
    await chat.say("english")
    await chat.say(arguments.example(command.name, command.arguments))

    assert chat.texts[0].split("\n")[0] == chat._("I didn't catch that. Try:")
    assert await bot.pool.fetchval("SELECT count(*) FROM audit") == 0


@pytest.mark.parametrize("command", [each for each in ALL if each.audited], ids=named)
async def test_a_command_leaves_its_line_in_the_trail(bot: Bot, hire: Hire, command: StaffCommand) -> None:
    """Whatever came of it, and without what must not be in it."""
    member = await hire(command.role, "amy")
    await member.say(arguments.example(command.name, command.arguments))

    rows = await bot.pool.fetch("SELECT actor, role, action, line, result FROM audit")
    assert [(row["actor"], row["role"], row["action"]) for row in rows] == [("amy", command.role, command.name)]
    for spec in command.arguments.specs:
        if spec.marker.audited != "plain" and spec.marker.example in arguments.example(command.name, command.arguments):
            assert spec.marker.example not in rows[0]["line"]


@pytest.mark.parametrize("command", ALL, ids=named)
def test_the_example_of_a_command_is_right(command: StaffCommand) -> None:
    """What help and errors show can be typed as it stands; every necessary argument has an example."""
    for spec in command.arguments.specs:
        given = spec.marker.example or spec.marker.words or spec.choices
        assert given or not spec.required, f"{spec.label} needs an example"
    for say in LANGUAGES.values():
        line = arguments.example(command.name, command.arguments, say)
        found = ROUTES.find(lines.split(lines.cleaned(line)))
        assert not isinstance(found, reading.Unknown)
        assert found[0] is command
        assert isinstance(reading.read(command.name, command.arguments, found[1]), Arguments)


@pytest.mark.parametrize("command", ALL, ids=named)
async def test_the_help_of_a_command_fits(bot: Bot, hire: Hire, command: StaffCommand) -> None:
    """Asked for in each way, in every language; the platform takes the card."""
    member = await hire("owner")
    for tag, say in LANGUAGES.items():
        await bot.pool.execute("UPDATE customers SET locale = $1", tag)
        await member.say(f"/{command.name} -h")
        assert arguments.usage(command.name, command.arguments, say) in member.text
        shown = member.text

        await member.say(f"/help {command.name}")

        assert member.text == shown
    assert {call.status for call in bot.sandbox.calls("line")} == {200}


@pytest.mark.parametrize("role", ROLES)
async def test_the_help_shows_what_one_may_do(hire: Hire, role: Role) -> None:
    """All of it, and nothing else."""
    member = await hire(role)

    await member.say("/help")

    shown = set()
    for topic in ROUTES.topics:
        await member.say(f'/help topic="{topic}"')
        shown |= set(member.text.splitlines())
    for command in ALL:
        usage = arguments.usage(command.name, command.arguments, member._)
        assert (usage in shown) is command.open_to(role), usage


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.parametrize("channel", ["line", "messenger"])
async def test_the_help_leads_everywhere(bot: Bot, hire: Hire, tag: str, channel: str) -> None:
    """Every command of an owner's is in it; each topic opens with a tap; the platforms take all of it."""
    member = await hire("owner")
    await bot.pool.execute("UPDATE customers SET locale = $1", tag)
    await member.say("/help")
    menu = member.text
    for command in ALL:
        assert all(word in menu for word in f"/{command.name}".split())
    taps = [data for data in _everything_tapped(member) if "topic" in data]
    assert len(taps) == len(ROUTES.topics)

    for data in taps:
        await member.do(member.phone.taps(data))
        assert member.shown
    assert {call.status for call in bot.sandbox.calls(channel)} == {200}


def _everything_tapped(chat: Chat) -> list[str]:
    """The data of every button on screen, of those with the same label too."""
    return [data for item in chat.shown for _label, data in buttons_of(item.message)]

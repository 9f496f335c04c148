"""QR codes for staff that Meta tells of as a link: the line that they stand for, and nonsense to outsiders."""

from __future__ import annotations

import json

import pytest
from chat import Bot, Chat
from prometheus_client import REGISTRY

from admin.conftest import Hire, speaking
from admin.test_outsiders import NONSENSE, content
from bot.staff import lines

REFS = [
    "use_K7PQ4M2X",
    "who_K7PQ4M2X",
    "visit_K7PQ4M2X",
    "p_000000",
    "status",
    "/status",
    "WELCOME2026",
    "go.gifts",
    "GET_STARTED",
    "x" * 2083,
    "x" * 100_000,
]


@pytest.fixture(params=["messenger", "instagram"])
def channel(request: pytest.FixtureRequest) -> str:
    """Where links can say something."""
    return str(request.param)


@pytest.fixture(params=["zh-TW", "en"])
def language(request: pytest.FixtureRequest) -> str:
    """Every language: the very bytes matter."""
    return str(request.param)


async def test_an_outsider_reads_what_nonsense_reads(bot: Bot, channel: str, language: str) -> None:
    """The first time, and the second, and until the bot keeps quiet; and nobody is asked anything."""
    somebody = await speaking(bot.chat(channel, language=language))
    nonsense = [content(await somebody.say(NONSENSE)) for _ in range(4)]
    bot.sandbox.journal.clear()

    for ref in REFS:
        curious = await speaking(bot.chat(channel, language=language))
        assert [content(await curious.do(curious.phone.comes_by_link(ref))) for _ in range(4)] == nonsense, ref[:20]
    assert not [call for call in bot.sandbox.calls() if call.upstream in {"poshen", "mantago", "gotit", "altegio"}]


@pytest.mark.parametrize("ref", ["use_K7PQ4M2X", "p_000000"])
async def test_what_was_done_beside_it_is_answered_as_always(bot: Bot, channel: str, language: str, ref: str) -> None:
    """A link that says nothing to them adds nothing: neither to a greeting nor to a text."""
    curious, somebody = bot.chat(channel, language=language), bot.chat(channel, language=language)

    def begins(chat: Chat, ref: str | None) -> object:
        return chat.phone.gets_started(ref=ref) if channel == "messenger" else chat.phone.breaks_ice(ref=ref)

    for come, plain in (
        (begins(curious, ref), begins(somebody, None)),
        (curious.phone.says("menu", ref=ref), somebody.phone.says("menu")),
    ):
        await curious.do(come)  # type: ignore[arg-type]
        await somebody.do(plain)  # type: ignore[arg-type]
        assert content(curious.shown) == content(somebody.shown) != []


async def test_staff_read_what_the_line_says(hire: Hire) -> None:
    """As if it had been typed, also when it comes with a text."""
    for verb in ("use", "who", "visit"):
        member = await hire("staff")  # A fresh one each: five wrong codes an hour are all that a member may try.
        typed = content(await member.say(f"/{verb} K7PQ-4M2X"))
        await member.do(member.phone.comes_by_link(f"{verb}_K7PQ4M2X"))
        assert content(member.shown) == typed != []
        await member.do(member.phone.says("hello", ref=f"{verb}_K7PQ4M2X"))
        assert content(member.shown) == typed


async def test_staff_read_nonsenses_answer_as_well(hire: Hire) -> None:
    """Whoever writes a link chooses its words; what is no QR code of ours is nothing to staff either."""
    member, other = await hire("owner"), await hire("owner")
    await member.do(member.phone.comes_by_link("link_new_0912345678"))
    await other.say(NONSENSE)

    assert content(member.shown) == content(other.shown) != []


def test_nothing_else_becomes_a_line() -> None:
    """A link stands for one of three commands with a one-time code, or for none."""
    others = ("link_new_0912345678", "use_K7PQ4M2", "use_K7PQ4M2XX", "use_K7PQ-4M2X", "use_K7PQ4M2X ", "use_K7PQ4M2X\n",
              "use K7PQ4M2X", "USE_K7PQ4M2X", "use_U7PQ4M2X", "status_K7PQ4M2X", "/status", "")  # fmt: skip

    assert [lines.in_ref(ref) for ref in others] == [""] * len(others)
    assert lines.in_ref("use_K7PQ4M2X") == "/use K7PQ-4M2X"


async def test_it_opens_the_window_again(bot: Bot, channel: str, language: str) -> None:
    """What waited for somebody to write again reaches who comes by a link."""
    chat = await speaking(bot.chat(channel, language=language))
    await bot.pool.execute(
        "INSERT INTO pushes (key, channel, recipient, messages, waiting) VALUES ('w', $1, $2, $3, true)",
        channel,
        chat.user,
        json.dumps([{"message": {"text": "owed"}, "plain": None}]),
    )
    await chat.do(chat.phone.comes_by_link("anything"))

    assert "owed" in chat.text


async def test_scanning_outsiders_are_counted(bot: Bot, channel: str, language: str) -> None:
    """So that an operator sees somebody trying: a link for staff is a line."""

    def count() -> float:
        return REGISTRY.get_sample_value("giftdesk_outsider_commands_total", {"channel": channel}) or 0

    chat = await speaking(bot.chat(channel, language=language))
    before = count()
    await chat.do(chat.phone.comes_by_link("use_K7PQ4M2X"))
    await chat.do(chat.phone.comes_by_link("anything"))

    assert count() == before + 1

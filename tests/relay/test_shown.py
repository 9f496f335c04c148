"""How it goes: for staff in the chat, and for whoever measures."""

from __future__ import annotations

from chat import Bot, Chat
from engine.desk import until

from relay.conftest import NAME, settled

SMALL_TALK = "do you sell umbrellas in the new shop"


async def test_relay_and_status(rest: Bot, chat: Chat) -> None:
    """What each has not got, why and since when; and that all is well again."""
    owner = rest.chat("line", "staff")
    await owner.say("/lang en")
    rest.sandbox.fault("other", status=503)
    await chat.do(chat.phone.says(SMALL_TALK))
    await until(lambda: any(call.answered for call in rest.sandbox.calls("other")))
    rest.ahead(minutes=2)
    for line in ("/relay", "/status"):
        await owner.say(line)
        assert NAME in owner.text and "1 waits, since" in owner.text and "no answer since" in owner.text, owner.text
    assert "HTTP 503" in owner.text
    measures = rest.web.get("/metrics").text
    assert "giftdesk_relays 1.0" in measures and 'giftdesk_relayed_total{result="failed",target="MantaGo"}' in measures

    rest.sandbox.clear_faults()
    rest.ahead(minutes=1)
    await settled(rest)
    await owner.say("/relay")
    assert "Took something last" in owner.text and "waits" not in owner.text
    assert "giftdesk_relays 0.0" in rest.web.get("/metrics").text


async def test_check_now(rest: Bot) -> None:
    """`/status check` knocks there as well."""
    owner = rest.chat("line", "staff")
    await owner.say("/lang en")
    await owner.say("/status check")

    assert NAME in owner.text and rest.sandbox.other.verified == 1


async def test_nobody_else(bot: Bot) -> None:
    """A channel that is ours alone says so."""
    owner = bot.chat("line", "staff")
    await owner.say("/lang en")
    await owner.say("/relay")

    assert owner.said("LINE_RELAY_URL is not set")

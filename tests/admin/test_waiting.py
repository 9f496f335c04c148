"""Customers who ask for a person: what staff are told, and closing it once."""

from __future__ import annotations

import pytest
from chat import Bot, Chat

from admin.conftest import Hire
from admin.counter import arrive, ref_of, row_of, trail

INBOX = {
    "line": "LINE Official Account Manager, with chat switched on there",
    "messenger": "the inbox of Meta Business Suite",
    "instagram": "the inbox of Meta Business Suite",
}


@pytest.fixture(params=["line", "messenger", "instagram"])
def channel(request: pytest.FixtureRequest) -> str:
    """Customers ask everywhere."""
    return str(request.param)


async def test_the_alert_says_all_that_helps_and_nothing_that_was_typed(
    bot: Bot, boss: Chat, channel: str, language: str
) -> None:
    """Number, channel, language, topic, since when, where to answer, and two taps."""
    await boss.say("/whoami")
    customer = await arrive(bot, channel, language)
    await customer.say("MYSECRET-99X")
    await customer.say("my points" if language == "en" else "點數")
    await customer.say("客服" if language != "en" else "agent")
    ref = await ref_of(customer)

    boss.look()

    title = {"line": "LINE", "messenger": "Messenger", "instagram": "Instagram"}[channel]
    first, *facts = boss.texts[0].split("\n")
    assert first == f"Customer {ref} on {title} asks for a person."
    assert facts[0] == ("Language: English" if language == "en" else "Language: Chinese")
    assert facts[1] == "About: Points"
    assert facts[2].startswith("Waits since: ")
    assert facts[3] == f"Answer in: {INBOX[channel]}"
    assert "MYSECRET" not in boss.text
    await boss.tap("Wallet")
    assert boss.said("Wallet")
    assert ref in boss.text
    await boss.tap("Done")  # Still within reach, where LINE has taken the alert's own buttons away.
    assert "→ done" in boss.text
    await boss.say(f"/who {ref}")
    assert boss._("Done") not in boss.buttons


async def test_done_closes_it_once(bot: Bot, boss: Chat, channel: str, hire: Hire) -> None:
    """The bot answers again, the trail has it, and whoever taps later reads who did it."""
    await boss.say("/whoami")
    customer = await arrive(bot, channel, "en")
    await customer.say("agent")
    ref = await ref_of(customer)
    boss.look()
    done = boss.data_of("Done")
    await customer.say("is anybody there")
    assert (await row_of(customer)).muted_until is not None

    await boss.do(boss.phone.taps(done))

    assert "→ done" in boss.text
    assert (await row_of(customer)).muted_until is None
    await customer.say("qwerty")
    assert customer.said("I didn't catch that. Try:")
    member = await hire("staff")
    await member.order(f"/done {ref}")
    assert "→" not in member.text
    assert await bot.pool.fetchval("SELECT name FROM staff WHERE user_id = $1", boss.user) in member.text
    rows = await trail(bot, "done")
    assert [(row["customer"], row["before"], row["after"], row["result"]) for row in rows] == [
        (ref, "waits for a person", "done", "done"),
        (ref, None, None, "refused"),
    ]


async def test_who_was_helped_and_asks_again_is_told_of_again(bot: Bot, boss: Chat, channel: str) -> None:
    """Within the hour, too; but who only repeats it is told of once."""
    await boss.say("/whoami")
    customer = await arrive(bot, channel, "en")
    for _ in range(2):
        await customer.say("agent")
    ref = await ref_of(customer)
    assert len(boss.look()) == 1
    bot.ahead(minutes=2)
    await boss.order(f"/done {ref}")

    await customer.say("agent")

    assert ref in "\n".join(str(item.message) for item in boss.look())


async def test_who_does_not_wait_is_left_alone(bot: Bot, boss: Chat, channel: str) -> None:
    """Nothing changes for somebody who asked for nobody."""
    customer = await arrive(bot, channel, "en")
    ref = await ref_of(customer)

    await boss.order(f"/done {ref}")

    assert boss.said("%(customer)s does not wait for a person.", customer=ref)


async def test_a_member_who_asked_for_a_person_closes_their_own(bot: Bot, boss: Chat) -> None:
    """Their own row is written with the answer."""
    await boss.say("agent")
    ref = await ref_of(boss)

    await boss.order(f"/done {ref}")

    assert "→ done" in boss.text
    assert (await row_of(boss)).muted_until is None

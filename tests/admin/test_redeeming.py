"""What staff see and do of codes that Poshen redeems for players."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from chat import Bot, Chat

from bot.storage import rewards
from bot.storage.rewards import Grant

from .conftest import Hire
from .counter import arrive, ref_of

PLAYER = "unity-12345"
CODE = "WELCOME2026"
REDEEM = "poshen:POST /redemptions"


@pytest.fixture
def channel() -> str:
    """What staff read of it does not depend on where."""
    return "line"


@pytest.fixture
def language() -> str:
    """Nor on the language."""
    return "en"


@pytest.fixture
def bot(bot: Bot) -> Bot:
    """In this mode; nothing is asked again by itself."""
    bot.desk(redeems_for_players=True)
    services = bot.turns.services
    redeeming = replace(services.redeeming, breath=0, pauses=(timedelta(hours=1),))
    bot.having(services=replace(services, redeeming=redeeming))
    return bot


@pytest.fixture
async def guest(bot: Bot) -> Chat:
    """A customer of whose code nobody knows whether Poshen redeemed it: it did."""
    await rewards.put(bot.pool, 1, Grant(points=150))
    chat = await arrive(bot, "line", "en")
    await chat.say(f"player id {PLAYER}")
    await unknown(chat)
    return chat


async def unknown(chat: Chat) -> None:
    """Redeem, with an answer that gets lost, and a history that cannot be read."""
    chat.bot.sandbox.fault(REDEEM, status=504, after=True, times=2)
    chat.bot.sandbox.fault("poshen:GET /redemptions", status=503, times=9)
    await chat.say(CODE)
    assert chat.said("Confirming")
    await chat.bot.pool.execute("UPDATE redemptions SET state = 'check', next_at = NULL")
    await chat.bot.pool.execute("DELETE FROM pgqueuer")
    chat.bot.mend()


async def ref(bot: Bot) -> str:
    return str(await bot.pool.fetchval("SELECT ref FROM redemptions ORDER BY id DESC LIMIT 1"))


async def test_staff_see_what_is_open(boss: Chat, guest: Chat) -> None:
    """In the status, the numbers, the lists, the code and the customer; never the player id."""
    number, customer = await ref(guest.bot), await ref_of(guest)

    await boss.say("/status")
    assert "1 of unknown outcome" in boss.text and "1 needs your decision" in boss.text
    await boss.tap("Codes being redeemed")
    assert number in boss.text and "Needs a decision" in boss.text
    await boss.tap(number)
    assert customer in boss.text and "Nobody knows whether Poshen redeemed it." in boss.text
    await boss.say("/stats")
    assert "Codes being redeemed" in boss.text
    await boss.order(f"/code show {CODE}")
    assert "Being redeemed" in boss.text
    await boss.say(f"/who {number}")
    assert customer in boss.text and "unit•••2345" in boss.text and "Codes being redeemed" in boss.text
    assert PLAYER not in str([item.message for item in boss.everything])


async def test_asking_again_finds_it_out(boss: Chat, guest: Chat) -> None:
    """Poshen says "already", its history says that it was just now: done, and the customer hears of it."""
    await boss.say(f"/redemption retry {await ref(guest.bot)}")
    await boss.tap("Ask again")

    assert "Needs a decision → Redeemed" in boss.text
    guest.look()
    assert "Redeemed 🎉" in guest.text and "金幣 100" in guest.text
    assert await guest.bot.pool.fetchval("SELECT available FROM accounts") == 150
    assert len(guest.bot.sandbox.poshen.history) == 1


async def test_asking_again_may_bring_nothing_new(boss: Chat, guest: Chat) -> None:
    """Then it waits for the job, and who asked sees that."""
    guest.bot.sandbox.fault(REDEEM, status=504, times=2)
    await boss.say(f"/redemption retry {await ref(guest.bot)}")
    await boss.tap("Ask again")

    assert "Needs a decision → Needs a decision" in boss.text or "Needs a decision → Unknown" in boss.text
    assert await guest.bot.pool.fetchval("SELECT count(*) FROM claims") == 0


@pytest.mark.parametrize(("end", "button", "claims"), [("ok", "It was redeemed", 1), ("failed", "It was not", 0)])
async def test_staff_settle_what_poshen_shows(boss: Chat, guest: Chat, end: str, button: str, claims: int) -> None:
    """Once; the customer gets what they have, or may try again."""
    number = await ref(guest.bot)
    await boss.say(f"/ref {number}")
    await boss.tap(button)
    await boss.tap(button)

    assert f"Needs a decision → {'Redeemed' if claims else 'Not redeemed'}" in boss.text
    guest.look()
    assert number in guest.text
    assert await guest.bot.pool.fetchval("SELECT count(*) FROM claims") == claims
    assert await guest.bot.pool.fetchval("SELECT coalesce(sum(available), 0) FROM accounts") == 150 * claims
    await boss.say(f"/redemption resolve {number} {end} reason=again")
    assert f"{number} is settled already, and stays as it is." in boss.text
    assert await guest.bot.pool.fetchval("SELECT player FROM redemptions") is None


async def test_what_is_being_asked_for_right_now_is_not_settled(boss: Chat, guest: Chat) -> None:
    """What comes of that decides."""
    number = await ref(guest.bot)
    await boss.say(f"/redemption resolve {number} ok reason=told")
    await guest.bot.pool.execute("UPDATE redemptions SET leased_until = now() + interval '1 minute'")
    await boss.tap("It was redeemed")

    assert f"Poshen is being asked about {number} right now." in boss.text
    assert await guest.bot.pool.fetchval("SELECT count(*) FROM claims") == 0


async def test_nobody_settles_their_own(bot: Bot, hire: Hire) -> None:
    """A manager who redeems codes is a customer like any other."""
    manager = await hire("manager")
    await manager.say(f"player id {PLAYER}")
    bot.sandbox.fault(REDEEM, status=504, after=True, times=2)
    bot.sandbox.fault("poshen:GET /redemptions", status=503, times=9)
    await manager.say(f"redeem {CODE}")
    bot.mend()

    await manager.say(f"/redemption resolve {await ref(bot)} ok reason=told")

    assert "It was redeemed" not in manager.buttons
    assert await bot.pool.fetchval("SELECT count(*) FROM claims") == 0


async def test_lists_and_references_that_lead_nowhere(boss: Chat) -> None:
    """Each says so."""
    await boss.say("/redemption list")
    assert "Poshen has redeemed no code yet." in boss.text
    await boss.say("/redemption list unknown")
    assert "There is no code of unknown outcome." in boss.text
    await boss.say("/redemption retry R-000000")
    assert "There is no code's redemption R-000000." in boss.text


async def test_undoing_says_what_stays_at_poshen(boss: Chat, bot: Bot) -> None:
    """And the receipt says who redeemed it."""
    chat = await arrive(bot, "line", "en")
    await chat.say(f"player id {PLAYER}")
    await chat.say(CODE)
    number = await ref(bot)
    await boss.say(f"/ref {number}")
    assert "Poshen, for the customer's player" in boss.text

    await boss.say(f"/code undo {number}")

    assert "for the same player ID Poshen refuses the code" in boss.text


async def test_the_trail_names_no_player(boss: Chat, guest: Chat) -> None:
    """Reference and customer do."""
    await boss.say(f"/redemption retry {await ref(guest.bot)}")
    await boss.tap("Ask again")

    rows = str(await guest.bot.pool.fetch("SELECT * FROM audit"))
    assert await ref(guest.bot) in rows
    assert PLAYER not in rows

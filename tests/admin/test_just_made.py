"""Codes that staff have just made, and that somebody tried a moment before: every worker finds them at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from chat import Bot, Chat

from bot.services import minting
from bot.services.redemption import Redemption

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)


@dataclass
class Workers:
    """Two workers in one process: each remembers for itself what is missing."""

    bot: Bot

    def __post_init__(self) -> None:
        known = self.bot.turns.services
        self.memories = [Redemption(known.redemption.secret, known.points, known.vouchers) for _ in range(2)]

    def answers(self, number: int) -> None:
        """This one takes up the events from now on."""
        services = self.bot.turns.services
        self.bot.having(services=replace(services, redemption=self.memories[number]))


@pytest.fixture
async def guests(bot: Bot) -> list[Chat]:
    """A customer for each worker."""
    return [bot.chat("line", language="en") for _ in range(2)]


async def tries_in_vain(workers: Workers, guests: list[Chat], code: str) -> None:
    """Each worker is asked for a code that is not there, and asks nobody a second time."""
    for number, guest in enumerate(guests):
        workers.answers(number)
        await guest.say(f"redeem {code}")
        assert not guest.said("Redeemed 🎉")
        asked = len(workers.bot.sandbox.calls("poshen"))
        await guest.say(f"redeem {code}")
        assert len(workers.bot.sandbox.calls("poshen")) == asked


async def all_find(workers: Workers, guests: list[Chat], code: str) -> None:
    """Each worker is asked again: nothing waits for a minute to pass."""
    for number, guest in enumerate(guests):
        workers.answers(number)
        await guest.say(f"redeem {code}")
        assert guest.said("Redeemed 🎉"), f"worker {number}"


async def test_a_code_that_was_made(bot: Bot, boss: Chat, guests: list[Chat]) -> None:
    """By the first worker; the other one hears of it with its next event."""
    workers = Workers(bot)
    await tries_in_vain(workers, guests, "SUMMER2099")
    workers.answers(0)
    await boss.say("/code create SUMMER2099 group=5 rewards=1")
    await boss.tap("Create")

    await all_find(workers, guests, "SUMMER2099")


async def test_a_code_of_which_nobody_knows_whether_it_was_made(bot: Bot, boss: Chat, guests: list[Chat]) -> None:
    """It may have been."""
    workers = Workers(bot)
    await tries_in_vain(workers, guests, "SUMMER2099")
    workers.answers(0)
    await boss.say("/code create SUMMER2099 group=5 rewards=1")
    bot.sandbox.fault("poshen:POST /redemption-codes", drop=True, after=True, times=1)
    bot.sandbox.fault("poshen:GET /redemption-codes", status=500, times=1)
    await boss.tap("Create")
    assert boss.said(
        "Poshen did not answer. %(code)s may or may not exist now. Creating it again is safe: it stays one code.",
        code="SUMMER2099",
    )
    bot.mend()

    await all_find(workers, guests, "SUMMER2099")


async def test_a_code_that_was_moved(bot: Bot, boss: Chat, guests: list[Chat]) -> None:
    """Somebody made it at Poshen meanwhile; that we touched it is enough."""
    workers = Workers(bot)
    await tries_in_vain(workers, guests, "SUMMER2099")
    bot.sandbox.poshen.put_code("SUMMER2099", group=5)
    workers.answers(0)
    await boss.say("/code move SUMMER2099 to=7")
    await boss.tap("Move it")

    await all_find(workers, guests, "SUMMER2099")


async def test_the_codes_of_a_job(bot: Bot, boss: Chat, guests: list[Chat], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever worker has made them."""
    monkeypatch.setattr(minting, "draw", lambda _prefix, _length: "SUMMER-7K3M-0000")
    workers = Workers(bot)
    await tries_in_vain(workers, guests, "SUMMER-7K3M-0000")
    workers.answers(0)
    await boss.say("/code bulk group=7 n=1 prefix=SUMMER")
    await boss.tap("Start")
    await bot.quiet()

    await all_find(workers, guests, "SUMMER-7K3M-0000")


def test_a_look_up_that_was_under_way_proves_nothing() -> None:
    """It may have been answered before the code was made: what it did not find is not remembered."""
    memory = Redemption(b"secret", None, None)  # type: ignore[arg-type]  # neither is asked
    memory.see(NOW, NOW)
    memory.see(NOW + timedelta(seconds=2), NOW + timedelta(seconds=3))  # Another event was taken up meanwhile.
    memory.remember_missing("SUMMER2099", NOW)

    assert not memory.known_missing("SUMMER2099", NOW + timedelta(seconds=4))
    memory.remember_missing("SUMMER2099", NOW + timedelta(seconds=4))
    assert memory.known_missing("SUMMER2099", NOW + timedelta(seconds=5))


def test_the_memory_of_missing_codes_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who types thousands of wrong codes fills no worker: it begins anew."""
    monkeypatch.setattr("bot.services.redemption.MOST_MISSING", 2)
    memory = Redemption(b"secret", None, None)  # type: ignore[arg-type]  # neither is asked
    for number in range(4):
        memory.remember_missing(f"NOSUCH{number}", NOW)

    assert [number for number in range(4) if memory.known_missing(f"NOSUCH{number}", NOW)] == [3]


async def test_two_makings_are_told_apart(tables: asyncpg.Pool) -> None:
    """Even within one moment of the bot's own clock."""
    marks = set()
    for _ in range(2):
        await Redemption(b"secret", None, None).made(tables)  # type: ignore[arg-type]  # neither is asked
        marks.add(await tables.fetchval("SELECT at FROM switches WHERE name = 'codes'"))

    assert len(marks) == 2

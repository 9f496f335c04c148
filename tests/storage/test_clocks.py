"""A machine whose clock is wrong judges other machines' leases wrongly: doctor and worker say so."""

from __future__ import annotations

from dataclasses import replace
from time import time

import asyncpg
import pytest
from chat import Chat
from engine.desk import Desk

from bot.cli import doctor
from bot.config import Settings
from bot.storage import clocks
from bot.storage.clocks import DatabaseClock


@pytest.mark.parametrize(
    ("asked", "there", "answered"), [(100, 100, 100), (100, 104, 108), (100, 95.5, 101), (100, 106, 101.5)]
)
def test_what_may_be_the_answers_own_time_is_no_difference(asked: float, there: float, answered: float) -> None:
    """A database that takes long to answer is slow, not wrong; a few seconds do no harm."""
    assert clocks.difference(asked, there, answered) is None


@pytest.mark.parametrize(("there", "said"), [(92, "8 s ahead of"), (110, "9 s behind")])
def test_a_difference_is_told_with_its_side(there: float, said: str) -> None:
    """Whoever reads it knows which way to look."""
    assert said in (clocks.difference(100, there, 101) or "")


@pytest.mark.parametrize(("off", "said"), [(7, "7 s ahead of"), (-60, "60 s behind"), (0, "")])
async def test_worker_and_doctor_compare(
    tables: asyncpg.Pool, database: str, monkeypatch: pytest.MonkeyPatch, off: float, said: str
) -> None:
    """With the real database's clock."""
    monkeypatch.setattr(doctor, "time", lambda: time() + off)
    worker = await DatabaseClock(lambda: time() + off).compare(tables)
    findings = doctor._database(
        Settings(_env_file=None, secret_key="0" * 64, database_url=database), database, doctor.Stored()
    )

    for told in ([worker] if worker else [], [text for part, _, text in findings if part == "clock"]):
        assert len(told) == bool(said) and said in "".join(told)


@pytest.mark.parametrize("off", [60, -60])
async def test_a_clock_that_is_a_minute_off_makes_no_fresh_event_stale(desk: Desk, off: int) -> None:
    """Nor a stale one fresh: a menu is answered with the free reply, and one that came late is not tried."""
    clock = DatabaseClock(lambda: time() + off)
    wrong = replace(desk.turns, clock=DatabaseClock(lambda: time() + off))
    right = replace(desk.turns, clock=clock)
    await clock.compare(desk.pool)
    late, fresh, misjudged = desk.chat("line"), desk.chat("line"), desk.chat("line")
    await _says(desk, late)
    await desk.pool.execute("UPDATE events SET received_at = received_at - interval '55 seconds'")
    await desk.run(right)
    await _says(desk, fresh)
    await desk.run(right)
    await _says(desk, misjudged)
    await desk.run(wrong)

    outcomes = [row["outcome"] for row in await desk.pool.fetch("SELECT outcome FROM events ORDER BY id")]
    assert outcomes[:2] == ["late", "delivered"]
    assert outcomes[2] == ("late" if off > 0 else "delivered"), "else this test compares nothing"


async def _says(desk: Desk, chat: Chat) -> None:
    assert desk.post(chat.phone.says("選單")) == 200

"""A machine whose clock is wrong judges other machines' leases wrongly: doctor and worker say so."""

from __future__ import annotations

from time import time

import asyncpg
import pytest
from structlog.testing import capture_logs

from bot import worker
from bot.cli import doctor
from bot.config import Settings
from bot.storage import clocks


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
    for module in doctor, worker:
        monkeypatch.setattr(module, "time", lambda: time() + off)
    with capture_logs() as logged:
        await worker._compare_clocks(tables)
    findings = doctor._database(Settings(_env_file=None, secret_key="0" * 64, database_url=database), database)

    for told in ([line["detail"] for line in logged], [text for part, _, text in findings if part == "clock"]):
        assert len(told) == bool(said) and said in "".join(told)

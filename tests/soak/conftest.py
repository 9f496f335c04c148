"""The machines that the long tests run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from engine.desk import migrated_database
from engine.processes import Giftdesk

from sandbox import Sandbox


@pytest.fixture
async def machines(database: str, tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[dict[str, Giftdesk]]:
    """One web and two workers on one database, each in a process of its own."""
    url = await migrated_database(database, "soak")
    settings = {"DATABASE_URL": url, "SECRET_KEY": "s" * 64, "LOG_LEVEL": "WARNING"}
    running = {
        "web": Giftdesk(tmp_path / "web", sandbox, settings, role="web"),
        "worker 1": Giftdesk(tmp_path / "one", sandbox, settings, role="worker"),
        "worker 2": Giftdesk(tmp_path / "two", sandbox, settings, role="worker"),
    }
    for machine in running.values():
        machine.start()
    await running["web"].ready()
    yield running
    for machine in running.values():
        if machine.process is not None and machine.process.poll() is None:
            await machine.stop()

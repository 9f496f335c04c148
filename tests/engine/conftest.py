"""A desk with a database of its own, so that no other test's worker takes its events."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.storage import schema
from engine.desk import Desk, another_database
from sandbox import Sandbox


@pytest.fixture(scope="session")
async def desk_database(database: str) -> str:
    url = await another_database(database, "engine")
    schema.migrate(url)
    return url


@pytest.fixture(scope="session")
async def open_desk(desk_database: str, served_sandbox: Sandbox) -> AsyncIterator[Desk]:
    async with Desk.open(desk_database, served_sandbox) as desk:
        yield desk


@pytest.fixture
async def desk(open_desk: Desk, sandbox: Sandbox) -> Desk:
    """A bot without a worker, with empty tables and a clock at now."""
    await open_desk.reset()
    return open_desk

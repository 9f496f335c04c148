"""A browser, the simulator in front of the tests' bot, and its page, fresh for each test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, MutableMapping
from typing import Any

import orjson
import pytest
import structlog
from chat import Bot
from playwright.async_api import Browser
from werkzeug.serving import make_server

from sandbox import Sandbox
from sandbox.simulator import Simulator
from simulator.screen import Screen, browsing, chromium, opened


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Headless Chromium, once for all tests."""
    if chromium() is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium; or name one in CHROMIUM)")
    async with browsing() as running:
        yield running


@pytest.fixture(scope="session")
async def served_simulator(served_sandbox: Sandbox, served_bot: Bot) -> AsyncIterator[Simulator]:
    """The simulator, posting over HTTP to the tests' bot."""
    web = make_server("127.0.0.1", 0, served_bot.web.application, threaded=True)
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()

    async def afresh() -> None:
        await served_bot.reset()

    try:
        async with Simulator.running(
            served_sandbox,
            f"http://127.0.0.1:{web.port}",
            afresh=afresh,
            waits={"line": 60, "messenger": 60, "instagram": 60},
        ) as simulator:
            yield simulator
    finally:
        web.shutdown()
        thread.join()
        web.server_close()


@pytest.fixture
def log(served_simulator: Simulator) -> Iterator[None]:
    """The bot's log reaches the simulator, as it does from a process of its own."""
    loop = asyncio.get_event_loop()

    def pass_on(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> str:
        loop.call_soon_threadsafe(served_simulator.hear, orjson.dumps(line, default=str))
        raise structlog.DropEvent

    structlog.configure(processors=[structlog.contextvars.merge_contextvars, pass_on])
    yield
    structlog.reset_defaults()


@pytest.fixture
async def simulator(bot: Bot, served_simulator: Simulator, log: None) -> AsyncIterator[Simulator]:
    """The simulator with nothing on its phones, before a bot that knows nobody."""
    served_simulator.forget()
    yield served_simulator
    await bot.quiet()


@pytest.fixture(scope="session")
async def open_screen(browser: Browser, served_simulator: Simulator) -> AsyncIterator[Screen]:
    async with opened(browser, served_simulator.url) as screen:
        yield screen


@pytest.fixture
async def screen(open_screen: Screen, simulator: Simulator) -> AsyncIterator[Screen]:
    """The page, in English, as if it had just been opened. Whatever the browser complains about fails the test."""
    await open_screen.page.wait_for_selector(f"body[data-ready='{simulator.epoch}']")
    open_screen.complaints.clear()
    open_screen.asked.clear()
    yield open_screen
    assert open_screen.complaints == []

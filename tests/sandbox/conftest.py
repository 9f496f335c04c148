"""A running sandbox and a client with every upstream's credentials, for each test afresh."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import aiohttp
import pytest
import pytest_asyncio

from sandbox import Sandbox
from sandbox.credentials import environment

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


class Reply(NamedTuple):
    """A response with its body read."""

    status: int
    json: Any
    headers: dict[str, str]


class Ticker:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Api:
    """Calls the sandbox the way the bot will: right credentials unless a test says otherwise."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session
        self.settings = environment(sandbox.url, now=NOON)

    async def __call__(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **more: Any
    ) -> Reply:
        url = self.sandbox.url + path
        # One connection per call: a client that reuses them repeats a dropped GET by itself.
        all_headers = {"Accept": "application/json", "Connection": "close", **(headers or {})}
        async with self.session.request(method, url, json=body, headers=all_headers, **more) as response:
            raw = await response.read()
            content = await response.json(content_type=None) if raw.startswith((b"{", b"[")) else raw
            return Reply(response.status, content, dict(response.headers))

    def bearer(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings[name]}"}

    async def line(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self(method, f"/line{path}", body, headers=self.bearer("LINE_CHANNEL_ACCESS_TOKEN") | given)

    async def reply(self, token: str, *messages: Any) -> Reply:
        body = {"replyToken": token, "messages": list(messages) or [{"type": "text", "text": "嗨"}]}
        return await self.line("POST", "/v2/bot/message/reply", body)

    async def send(self, user: str, message: Any, **more: Any) -> Reply:
        body = {"recipient": {"id": user}, "messaging_type": "RESPONSE", "message": message, **more}
        return await self.graph("POST", "/me/messages", body)

    async def graph(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        headers = self.bearer("MESSENGER_PAGE_ACCESS_TOKEN")
        return await self(method, f"/messenger/v26.0{path}", body, headers=headers, **more)

    async def poshen(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        return await self(method, f"/poshen{path}", body, headers=self.bearer("POSHEN_TOKEN"), **more)

    async def gifts(self, user: str, platform: str = "line", **changes: Any) -> Reply:
        body = {"secret": self.settings["MANTAGO_SECRET"], "platform": platform, "platformClientId": user}
        query = {"botId": self.settings["MANTAGO_BOT_ID"]}
        path = "/mantago/openapi/client/gift"
        return await self("POST", path, body | changes, headers=self.bearer("MANTAGO_TOKEN"), params=query)


@pytest.fixture
def ticker() -> Ticker:
    return Ticker()


@pytest_asyncio.fixture
async def sandbox(ticker: Ticker) -> AsyncIterator[Sandbox]:
    async with Sandbox.running(clock=ticker) as running:
        yield running


@pytest_asyncio.fixture
async def api(sandbox: Sandbox) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession() as session:
        yield Api(sandbox, session)

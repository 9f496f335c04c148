"""A vendor that answers byte by byte as told, and a clock that only sleeping moves."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bot.apis.http import Upstream, open_http

HANG = b"hang"
DRIP = b"drip"
DROP = b""


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def reply(status: int = 200, body: Any = None, /, *, cut: int = 0, **headers: Any) -> bytes:
    """The bytes of one answer. body: bytes as they are, else JSON. cut: how many bytes are missing."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    fields = {"content-type": "application/json", "content-length": str(len(content)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + content[: len(content) - cut]


def jwt(claims: object) -> str:
    """A JSON Web Token over `claims` that nobody signed."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


@dataclass
class Vendor:
    """Gives the scripted answers in turn, and the last one for ever."""

    script: deque[bytes] = field(default_factory=deque)
    seen: list[Seen] = field(default_factory=list)
    port: int = 0
    before: Callable[[], Any] | None = None
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/base"

    def says(self, *answers: bytes) -> None:
        self.script = deque(answers)

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def hang_up(self) -> None:
        self._closing.set()
        if self._server:
            self._server.close()
        for writer in tuple(self._open):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, target, _ = first.split(" ")
        self.seen.append(Seen(method, target, headers, body))
        answer = self.script.popleft() if len(self.script) > 1 else self.script[0]
        if self.before:
            await self.before()
        if answer == HANG:
            await self._closing.wait()
            return False
        if answer == DROP:
            return False
        if answer == DRIP:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
            while not self._closing.is_set():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
            return False
        writer.write(answer)
        await writer.drain()
        head_bytes, _, content = answer.partition(b"\r\n\r\n")
        return f"content-length: {len(content)}\r\n".encode() in head_bytes + b"\r\n"


@dataclass
class Clock:
    """Monotonic seconds; `sleep` moves them at once and keeps how long it was asked for."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)
    on_sleep: Callable[[], Any] | None = None

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if self.on_sleep:
            await self.on_sleep()


@asynccontextmanager
async def calling(vendor: Vendor, clock: Clock, **options: Any) -> AsyncIterator[Upstream]:
    """An Upstream named `vendor` on the scripted vendor, without jitter."""
    options = {"clock": clock, "sleep": clock.sleep, "jitter": lambda: 1.0, **options}
    http = open_http(vendor.url, setting="VENDOR_API_URL", headers={"Authorization": "Bearer s3cret-token"})
    upstream = Upstream("vendor", http, **options)
    try:
        yield upstream
    finally:
        await upstream.aclose()

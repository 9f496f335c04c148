"""A door in front of a service, which can be shut: who knocks then finds no connection at all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from engine.processes import free_port


@dataclass
class Door:
    """Listens on a port of its own and passes everything on to `url`. Who is inside when it is shut may stay."""

    url: str
    port: int = field(default_factory=free_port)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def address(self) -> str:
        parts = urlsplit(self.url)
        return f"http://127.0.0.1:{self.port}{parts.path}"

    async def open(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._enter, "127.0.0.1", self.port)

    def shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def aclose(self) -> None:
        self.shut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(self.url)
        there, to = await asyncio.open_connection(parts.hostname, parts.port)
        for source, sink in ((reader, to), (there, writer)):
            task = asyncio.create_task(_carry(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()

"""The sandbox itself: one web server that stands in for three platforms and four vendors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import orjson
from aiohttp import web

from sandbox.answers import Handler, RefusedError, Routes, answer
from sandbox.clock import Clock, machine_clock, milliseconds
from sandbox.control import Control
from sandbox.faults import Fault
from sandbox.journal import Call
from sandbox.state import State

CLIENT_LEFT = 499  # How nginx counts a client that did not wait for its answer.


class Upstream(Protocol):
    """What the server needs to know of a stand-in."""

    def routes(self) -> Routes: ...

    def error_body(self, status: int) -> Any: ...


class Sandbox(State):
    """All stand-ins on one port.

    `async with Sandbox.running() as sandbox:` serves them on a free port of this machine.
    """

    @classmethod
    @asynccontextmanager
    async def running(
        cls, *, host: str = "127.0.0.1", port: int = 0, clock: Clock = machine_clock, delay_ms: float = 0
    ) -> AsyncIterator[Sandbox]:
        """A sandbox that serves until the block ends; port 0 takes a free one."""
        sandbox = cls(clock=clock, delay_ms=delay_ms)
        # A call whose client has gone is cancelled: without `after`, it then never took effect.
        runner = web.AppRunner(
            sandbox.app(),
            access_log=None,
            handle_signals=False,
            handler_cancellation=True,
            shutdown_timeout=0.1,
            keepalive_timeout=300,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port, backlog=1_024)
            await site.start()
            bound = runner.addresses[0]
            sandbox.url = f"http://{host}:{bound[1]}"
            yield sandbox
        finally:
            await runner.cleanup()

    def app(self) -> web.Application:
        """The web application: each upstream under its own prefix, the control API under /_sandbox."""
        app = web.Application(client_max_size=8_000_000)
        upstreams: dict[str, Upstream] = {
            "line": self.line,
            "other": self.other,
            "messenger": self.graph,  # Messenger's and Instagram's: both are sent to by one API.
            "mantago": self.mantago,
            "poshen": self.poshen,
            "gotit": self.gotit,
            "altegio": self.altegio,
        }
        for method, path, handler in Control(self).routes():
            app.router.add_route(method, f"/_sandbox{path}", _plain(handler))
        for name, upstream in upstreams.items():
            for method, path, handler in upstream.routes():
                app.router.add_route(method, f"/{name}{path}", self._guarded(name, upstream, handler))
            missing = self._guarded(name, upstream, _not_found(upstream))
            app.router.add_route("*", f"/{name}{{path:.*}}", missing)
        return app

    def _guarded(self, name: str, upstream: Upstream, handler: Handler) -> Handler:
        """`handler` with the delay, the faults and the journal around it."""
        skipped = len(name) + 1

        async def guarded(request: web.Request) -> web.StreamResponse:
            started = time.perf_counter()
            path = request.path[skipped:]
            if name == "messenger":
                path = path[path.find("/", 1) :]
            call = Call(
                upstream=name,
                method=request.method,
                path=path,
                query=request.query,
                headers=request.headers,
                body=await request.read(),
                at=milliseconds(self.now()),
            )
            self.journal.called(call)
            try:
                if self.delay_ms:
                    await asyncio.sleep(self.delay_ms / 1_000)
                fault = self.faults.take(name, request.method, path) if self.faults.active else None
                if fault is None:
                    response = await _answered(handler, request)
                else:
                    response = await self._troubled(fault, upstream, handler, request)
                call.status = 0 if isinstance(response, _Nothing) else response.status
                return response
            except asyncio.CancelledError:
                call.status = CLIENT_LEFT
                raise
            finally:
                self.journal.answered(call, (time.perf_counter() - started) * 1_000)

        return guarded

    async def _troubled(
        self, fault: Fault, upstream: Upstream, handler: Handler, request: web.Request
    ) -> web.StreamResponse:
        response: web.StreamResponse | None = None
        if fault.after:
            response = await _answered(handler, request)
        if fault.delay_ms:
            await asyncio.sleep(fault.delay_ms / 1_000)
        if fault.hang:
            await asyncio.Event().wait()  # Ends with the connection, or with the server.
        if fault.drop:
            if request.transport is not None:
                request.transport.abort()
            return _Nothing(status=500)
        if fault.status is not None or fault.body is not None:
            status = fault.status or 200
            body = fault.body if fault.body is not None else upstream.error_body(status)
            response = answer(body if status != 204 else b"", status, fault.headers)
        elif response is None:
            response = await _answered(handler, request)
            response.headers.update(fault.headers)
        return await _cut(response, request) if fault.cut else response


class _Nothing(web.Response):
    """Stands for no answer at all: its connection is already gone, so nobody ever sees it."""


def _plain(handler: Handler) -> Handler:
    async def plain(request: web.Request) -> web.StreamResponse:
        return await _answered(handler, request)

    return plain


async def _answered(handler: Handler, request: web.Request) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusedError as refused:
        return answer(refused.body, refused.status, refused.headers)


def _not_found(upstream: Upstream) -> Handler:
    async def missing(_: web.Request) -> web.StreamResponse:
        return answer(upstream.error_body(404), 404)

    return missing


async def _cut(response: web.StreamResponse, request: web.Request) -> web.StreamResponse:
    """Promise the whole body, send half of it, and close the connection."""
    body = response.body if isinstance(response, web.Response) else None
    raw = body if isinstance(body, bytes) else orjson.dumps(None)
    partial = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
    partial.content_length = len(raw) + 2
    await partial.prepare(request)
    await partial.write(raw[: len(raw) // 2])
    if request.transport is not None:
        request.transport.close()
    return partial

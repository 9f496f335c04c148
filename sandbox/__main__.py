"""`python -m sandbox`: serve the stand-ins until interrupted, and the simulator's page when asked."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import orjson

from sandbox import shop
from sandbox.server import Sandbox
from sandbox.simulator import Simulator

try:
    import uvloop
except ImportError:  # uvloop is not there on Windows; the sandbox is only slower without it.
    uvloop = None  # type: ignore[assignment]  # A missing module has no type of its own.

AFRESH = {"wish": "afresh"}  # Written to stdout when somebody resets the page; answered by a line like it.


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="an address of this machine (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--delay-ms", type=float, default=0, help="wait this long before each answer")
    parser.add_argument("--ready-file", type=Path, help="written, as JSON with the url, once calls are answered")
    parser.add_argument(
        "--simulator",
        type=int,
        metavar="PORT",
        help="also serve three phones in a page on this port, or on the next free one",
    )
    parser.add_argument("--bot", help="the bot's address; the simulator posts its webhooks there")
    parser.add_argument(
        "--supervised",
        action="store_true",
        help="read the bot's log as JSON lines from stdin, and write a line to stdout when the bot should forget all",
    )
    parser.add_argument(
        "--shared",
        action="store_true",
        help="LINE's channel is another tool's, too, and Messenger's page has a default app: the settings say so",
    )
    options = parser.parse_args()
    if (options.simulator is None) != (options.bot is None):
        parser.error("--simulator and --bot go together")
    run = uvloop.run if uvloop is not None else asyncio.run
    run(_serve(options))


async def _serve(options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(
            Sandbox.running(host=options.host, port=options.port, delay_ms=options.delay_ms)
        )
        sandbox.other.shared = sandbox.graph.shared = sandbox.graph.routed = options.shared
        settings = sandbox.environment()
        if options.shared:
            settings |= sandbox.other.settings(sandbox.url) | {"MESSENGER_STANDBY": "on"}
        ready = {"url": sandbox.url, "environment": settings, "shop": shop.settings()}
        if options.simulator is not None:
            supervisor = _Supervisor() if options.supervised else None
            simulator = await stack.enter_async_context(
                Simulator.running(
                    sandbox, options.bot, port=options.simulator, afresh=supervisor.afresh if supervisor else None
                )
            )
            ready["simulator"] = simulator.url
            if supervisor is not None:
                listening = asyncio.create_task(supervisor.listen(simulator))
                stack.callback(listening.cancel)
        if options.ready_file is not None:
            _write_whole(options.ready_file, orjson.dumps(ready))
        print(f"sandbox: {sandbox.url}", flush=True)
        await stopped.wait()


class _Supervisor:
    """Whoever started us and the bot. Its log lines come in on stdin, wishes go out on stdout."""

    def __init__(self) -> None:
        self._done: asyncio.Future[None] | None = None

    async def listen(self, simulator: Simulator) -> None:
        """Until the end of stdin."""
        reader = asyncio.StreamReader(limit=1_000_000)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            if self._done is not None and line.strip() == orjson.dumps(AFRESH):
                self._done.set_result(None)
                self._done = None
            else:
                simulator.hear(line)

    async def afresh(self) -> None:
        """Have the bot started with an empty memory; returns once it is ready."""
        if self._done is None:
            self._done = asyncio.get_running_loop().create_future()
            os.write(sys.stdout.fileno(), orjson.dumps(AFRESH) + b"\n")
        async with asyncio.timeout(240):
            await asyncio.shield(self._done)


def _write_whole(path: Path, content: bytes) -> None:
    """Write so that whoever waits for the file never reads half of it."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


if __name__ == "__main__":
    main()

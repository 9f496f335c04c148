"""`python -m sandbox`: serve the stand-ins until interrupted."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

import orjson

from sandbox.server import Sandbox

try:
    import uvloop
except ImportError:  # uvloop is not there on Windows; the sandbox is only slower without it.
    uvloop = None  # type: ignore[assignment]  # A missing module has no type of its own.


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="an address of this machine (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--delay-ms", type=float, default=0, help="wait this long before each answer")
    parser.add_argument("--ready-file", type=Path, help="written, as JSON with the url, once calls are answered")
    options = parser.parse_args()
    run = uvloop.run if uvloop is not None else asyncio.run
    run(_serve(options.host, options.port, options.delay_ms, options.ready_file))


async def _serve(host: str, port: int, delay_ms: float, ready_file: Path | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with Sandbox.running(host=host, port=port, delay_ms=delay_ms) as sandbox:
        if ready_file is not None:
            _write_whole(ready_file, orjson.dumps({"url": sandbox.url, "environment": sandbox.environment()}))
        print(f"sandbox: {sandbox.url}", flush=True)
        await stopped.wait()


def _write_whole(path: Path, content: bytes) -> None:
    """Write so that whoever waits for the file never reads half of it."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


if __name__ == "__main__":
    main()

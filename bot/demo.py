"""The demo: sandbox and bot on this machine, with generated credentials and a database of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bot.errors import ConfigurationError

READY_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Demo:
    """Where a running demo listens."""

    sandbox: str
    bot: str
    pid: int


def _home() -> Path:
    return Path(os.environ.get("GIFTDESK_HOME") or "var") / "demo"


def run(port: int | None) -> None:
    """Until Ctrl-C or SIGTERM."""
    _stop_on_sigterm()
    with _started(port, quiet=False) as demo:
        print(_welcome(demo), flush=True)  # noqa: T201 - what this command is for
        while _answers(f"{demo.bot}/healthz", within=5):
            time.sleep(1)
        raise ConfigurationError("The bot stopped; its own words are above.")


@contextmanager
def running_or_started() -> Iterator[Demo]:
    """The demo that runs already, else one just for as long as this takes."""
    demo = _running()
    if demo is not None:
        yield demo
        return
    print("No demo is running; starting one for this chat…", file=sys.stderr, flush=True)  # noqa: T201
    _stop_on_sigterm()
    with _started(None, quiet=True) as started:
        yield started


def _running() -> Demo | None:
    try:
        demo = Demo(**json.loads((_home() / "demo.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return demo if _answers(f"{demo.bot}/healthz") and _answers(f"{demo.sandbox}/_sandbox/people") else None


@contextmanager
def _started(port: int | None, *, quiet: bool) -> Iterator[Demo]:
    if _running() is not None:
        raise ConfigurationError("A demo is running already; `make chat` talks to it.")
    home = _home()
    home.mkdir(parents=True, exist_ok=True)
    port = port or _free_port(int(os.environ.get("PORT") or 8000))
    words = subprocess.DEVNULL if quiet else None
    ready = home / "sandbox-ready"
    ready.unlink(missing_ok=True)
    children: list[subprocess.Popen[bytes]] = []
    try:
        sandbox = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "sandbox", "--port", "0", "--ready-file", str(ready)],
            stdout=words,
            stderr=words,
        )
        children.append(sandbox)
        started = _wait_for_file(ready, sandbox)
        url, credentials = started["url"], started["environment"]
        environment = _environment(credentials, home, port, quiet=quiet)
        bot = subprocess.Popen([sys.executable, "-m", "bot", "serve"], env=environment, stderr=words)
        children.append(bot)
        demo = Demo(sandbox=url, bot=f"http://127.0.0.1:{port}", pid=os.getpid())
        deadline = time.monotonic() + READY_WITHIN
        while not _answers(f"{demo.bot}/readyz"):
            if bot.poll() is not None or time.monotonic() > deadline:
                raise ConfigurationError("The bot did not start; its own words are above.")
            time.sleep(0.1)
        (home / "demo.json").write_text(json.dumps(asdict(demo)))
        yield demo
    finally:
        (home / "demo.json").unlink(missing_ok=True)
        for child in reversed(children):
            child.terminate()
        for child in reversed(children):
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()


def _environment(credentials: dict[str, str], home: Path, port: int, *, quiet: bool) -> dict[str, str]:
    """The machine's environment with the sandbox's credentials; a `.env` with real ones is not read."""
    return {
        **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        "GIFTDESK_ENV_FILE": os.devnull,
        "GIFTDESK_HOME": str(home),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "BRAND": os.environ.get("BRAND") or "咖波商店 Capoo Shop",
        "LOG_LEVEL": "ERROR" if quiet else os.environ.get("LOG_LEVEL", "INFO"),
        **credentials,
    }


def _welcome(demo: Demo) -> str:
    chat = "make chat" if shutil.which("make") else "giftdesk chat"
    return f"""
Giftdesk's demo is running.
  bot      {demo.bot}   (/healthz, /readyz, /metrics)
  sandbox  {demo.sandbox}   (stand-ins of MantaGo, Poshen, Got It, Altegio, LINE and Messenger)

Talk to it, in another terminal:
  {chat}                                  as a LINE user, in Chinese
  {chat} ARGS="--as messenger --lang en"  as a Messenger user, in English
  printf '我的獎品\\nWELCOME2026\\n' | .venv/bin/giftdesk chat

Ctrl-C ends it.
"""


def _stop_on_sigterm() -> None:
    def stop(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _free_port(wanted: int) -> int:
    for port in range(wanted, wanted + 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ConfigurationError(f"No free port between {wanted} and {wanted + 49}; set PORT.")


def _wait_for_file(ready: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        if ready.exists():
            started: dict[str, Any] = json.loads(ready.read_text())
            return started
        time.sleep(0.05)
    raise ConfigurationError("The sandbox did not start; its own words are above.")


def _answers(url: str, within: float = 1) -> bool:
    try:
        _get(url, within)
    except (OSError, urllib.error.URLError):
        return False
    return True


def _get(url: str, within: float = 2) -> bytes:
    with urllib.request.urlopen(url, timeout=within) as answer:  # noqa: S310 - our own loopback addresses
        body: bytes = answer.read()
        return body

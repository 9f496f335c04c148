"""The demo: sandbox and bot on this machine, with generated credentials and a database of their own."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import structlog

from bot.errors import ConfigurationError

try:
    import fcntl
except ImportError:  # Windows has none; there, nobody notices two demos that start at the same moment.
    fcntl = None  # type: ignore[assignment]  # A missing module has no type of its own.

ENDS_WITHIN = 60.0  # seconds; the bot's end takes as long as its children and its database together may
READY_WITHIN = 180.0  # seconds; a busy machine takes a minute for what is done in nine seconds elsewhere
# What the demo's brand has decided: some codes bring points, one brings a voucher at once, one group is for a single
# customer, one is over. It has two stores.
DECISIONS = (
    *("/reward 1 points:150", "/reward 2 points:500", "/reward 5 points:120", "/reward 6 voucher:812:2260"),
    *("/group policy 9 max=1", "/group policy 10 until=2025-12-31"),
    *("/store add 信義店", "/store add 永康店"),
)
COUNTER, COUNTER_STORE = "mei", "信義店"  # Who works at the counter, by the name that staff see; the demo's `counter`.
ADMIN = (sys.executable, "-m", "bot", "admin", "--yes")
USED_UP = b"FULL2026\n"  # The one code of that group.
SIMULATOR_PORT = 8090
SETTINGS = "settings.env"  # in the demo's home
AFRESH = b'{"wish":"afresh"}'  # Between the sandbox and us: start the bot with an empty memory; done.


@dataclass(frozen=True, slots=True)
class Demo:
    """Where a running demo listens. simulator: the page with the phones; empty where nobody would look at it."""

    sandbox: str
    bot: str
    pid: int
    simulator: str = ""


class _Bot:
    """`giftdesk serve` as our child. heard: given each line of its log, as JSON; without it nothing is read."""

    def __init__(self, home: Path, address: str, sandbox: str, environment: dict[str, str]) -> None:
        self.home = home
        self.address = address
        self.sandbox = sandbox
        self.environment = environment
        self.heard: Callable[[bytes], None] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._before: subprocess.Popen[bytes] | None = None  # The customer who came before everybody else.
        self._joining: subprocess.Popen[bytes] | None = None  # Who begins at the counter; then what tells the store.
        self._whole = threading.Lock()  # Held while there is no bot on purpose.

    def start(self) -> None:
        """Returns once it answers. Raises ConfigurationError."""
        words = subprocess.PIPE if self.heard else subprocess.DEVNULL
        command = [sys.executable, "-m", "bot", "serve"]
        self._process = subprocess.Popen(command, env=self.environment, stderr=words)  # noqa: S603 - our own program
        if self.heard and self._process.stderr:
            threading.Thread(target=_listen, args=(self._process.stderr, self.heard), daemon=True).start()
        deadline = time.monotonic() + READY_WITHIN
        while not _answers(f"{self.address}/readyz"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ConfigurationError("The bot did not start; its own words are above.")
            time.sleep(0.1)
        self._decide()

    def _decide(self) -> None:
        """Have a brand's decisions in place; that single customer is served as soon as the worker is there."""
        said = self._admin(*DECISIONS, "/admins invite counter")
        self._before = self._chat("hoarder", USED_UP)
        if invited := re.search(rb"/join [0-9A-Z-]+", said):
            self._joining = self._chat("counter", b"%s %s\n" % (invited[0], COUNTER.encode()))
            threading.Thread(target=self._place, args=(self._joining,), daemon=True).start()

    def _place(self, joining: subprocess.Popen[bytes]) -> None:
        """Once they are staff, they work in one of the stores."""
        joining.wait()
        with self._whole:  # One that outlived the bot would start its database again.
            if joining is self._joining:
                self._joining = _begin(self.environment, *ADMIN, f"/admins store {COUNTER} {COUNTER_STORE}")

    def _admin(self, *lines: str) -> bytes:
        """Run commands as the operator; what was answered."""
        env = self.environment
        done = subprocess.run([*ADMIN, *lines], env=env, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603
        return done.stdout

    def _chat(self, who: str, typed: bytes) -> subprocess.Popen[bytes]:
        """Somebody of the demo who types this as soon as the worker is there."""
        words = ("--sandbox", self.sandbox, "--bot", self.address, "--user", who)
        chat = _begin(self.environment, sys.executable, "-m", "sandbox.terminal", *words, stdin=subprocess.PIPE)
        assert chat.stdin is not None, "it is a pipe"
        with chat.stdin as line, suppress(OSError):
            line.write(typed)
        return chat

    def stop(self) -> None:
        with self._whole:
            self._stop()

    def _stop(self) -> None:
        joining, self._joining = self._joining, None
        for process in (joining, self._before, self._process):
            if process is not None:
                _stop(process)

    def forget_all(self) -> None:
        """Start again with an empty database."""
        with self._whole:
            self._stop()
            shutil.rmtree(self.home / "postgres", ignore_errors=True)
            self.start()

    def answers(self) -> bool:
        """Whether it lives; one that is being started again does."""
        with self._whole:
            return _answers(f"{self.address}/healthz", within=5)


def _home() -> Path:
    return Path(os.environ.get("GIFTDESK_HOME") or "var") / "demo"


def run(port: int | None, *, shared: bool = False) -> None:
    """Until Ctrl-C or SIGTERM. shared: LINE's channel is another tool's, too, and Messenger's the page's inbox's."""
    _stop_on_sigterm()
    with _started(port, quiet=False, shared=shared) as (demo, bot):
        print(_welcome(demo), flush=True)  # noqa: T201 - what this command is for
        with _menus(bot):
            while bot.answers():
                time.sleep(1)
        raise ConfigurationError("The bot stopped; its own words are above.")


@contextmanager
def _menus(bot: _Bot) -> Iterator[None]:
    """Install the menus as a brand would, while the demo's words are being read."""
    installing = _begin(bot.environment, sys.executable, "-m", "bot", "menus")
    try:
        yield
    finally:
        _stop(installing)


@contextmanager
def running_or_started() -> Iterator[Demo]:
    """The demo that runs already or is about to, else one just for as long as this takes."""
    demo = _running()
    deadline = time.monotonic() + READY_WITHIN
    while demo is None and _taken(_home()) and time.monotonic() < deadline:
        time.sleep(0.2)  # `make demo` was typed a moment ago.
        demo = _running()
    if demo is not None:
        yield demo
        return
    print("No demo is running; starting one for this chat…", file=sys.stderr, flush=True)  # noqa: T201
    _stop_on_sigterm()
    with _started(None, quiet=True) as (started, _):
        yield started


def _running() -> Demo | None:
    try:
        demo = Demo(**json.loads((_home() / "demo.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return demo if _answers(f"{demo.bot}/healthz") and _answers(f"{demo.sandbox}/_sandbox/people") else None


@contextmanager
def _started(port: int | None, *, quiet: bool, shared: bool = False) -> Iterator[tuple[Demo, _Bot]]:
    home = _home()
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home), _processes(home, port, quiet=quiet, shared=shared) as started:
        yield started


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Two demos would share one database, and the first to end would take it from the other. Also while they start."""
    with (home / "lock").open("w") as lock:
        if not _locked(lock):
            raise ConfigurationError("A demo is running already; `make chat` talks to it.")
        yield


def _taken(home: Path) -> bool:
    """Whether a demo runs or starts."""
    if not home.exists():
        return False
    with (home / "lock").open("w") as lock:
        return not _locked(lock)


def _locked(lock: IO[str]) -> bool:
    """Take a lock, which ends with its file; False when somebody else has it."""
    if fcntl is None:
        return _running() is None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _processes(home: Path, port: int | None, *, quiet: bool, shared: bool) -> Iterator[tuple[Demo, _Bot]]:
    address = f"http://127.0.0.1:{port or _free_port(int(os.environ.get('PORT') or 8000))}"
    ready = home / "sandbox-ready"
    ready.unlink(missing_ok=True)
    sandbox = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "sandbox", "--port", "0", "--ready-file", str(ready)]
        + (["--shared"] if shared else [])
        + ([] if quiet else ["--simulator", str(SIMULATOR_PORT), "--bot", address, "--supervised"]),
        stdin=subprocess.DEVNULL if quiet else subprocess.PIPE,
        stdout=subprocess.DEVNULL if quiet else subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
    )
    bot: _Bot | None = None
    try:
        started = _wait_for_file(ready, sandbox)
        settings = _settings({**started["shop"], **started["environment"]}, home, address)
        _write(home / SETTINGS, settings)
        environment = _environment(settings, quiet=quiet)
        bot = _Bot(home, address, started["url"], environment)
        if sandbox.stdin and sandbox.stdout:
            bot.heard = _Heard(sandbox.stdin)
            threading.Thread(target=_fulfil, args=(sandbox.stdout, sandbox.stdin, bot), daemon=True).start()
        bot.start()
        demo = Demo(sandbox=started["url"], bot=address, pid=os.getpid(), simulator=started.get("simulator", ""))
        _write_whole(home / "demo.json", json.dumps(asdict(demo)))
        yield demo, bot
    finally:
        (home / "demo.json").unlink(missing_ok=True)
        (home / SETTINGS).unlink(missing_ok=True)
        if bot is not None:
            bot.stop()
        if sandbox.stdin:
            with suppress(OSError):  # Ctrl-C reaches it, too: it may be gone, with lines of the bot's log unread.
                sandbox.stdin.close()
        _stop(sandbox)


def _begin(environment: dict[str, str], *command: str, stdin: int | None = None) -> subprocess.Popen[bytes]:
    """Start what is not listened to."""
    return subprocess.Popen(  # noqa: S603 - our own programs
        command, env=environment, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


class _Heard:
    """Prints a line of the bot's log for people, and passes it on to the simulator."""

    def __init__(self, simulator: IO[bytes]) -> None:
        self._simulator = simulator
        self._least = logging.getLevelNamesMapping().get(os.environ.get("LOG_LEVEL", "INFO").upper(), logging.INFO)
        self._as_it_is = os.environ.get("LOG_FORMAT") == "json"
        self._drawn = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())

    def __call__(self, line: bytes) -> None:
        with suppress(OSError, ValueError):  # The sandbox is gone: then so is the page.
            self._simulator.write(line)
            self._simulator.flush()
        try:
            known = json.loads(line)
            level = logging.getLevelNamesMapping()[known["level"].upper()]
        except (ValueError, TypeError, KeyError):
            known, level = None, logging.CRITICAL  # Not a line of our own, such as a traceback.
        if level < self._least:
            return
        shown = line.decode(errors="replace").rstrip()
        print(shown if known is None or self._as_it_is else self._drawn(None, "", known), file=sys.stderr, flush=True)  # noqa: T201


def _listen(log: IO[bytes], heard: Callable[[bytes], None]) -> None:
    for line in log:
        heard(line)


def _fulfil(said: IO[bytes], answer: IO[bytes], bot: _Bot) -> None:
    """Print what the sandbox says; a wish of its page for a bot that remembers nothing is granted instead."""
    for line in said:
        if line.strip() == AFRESH:
            bot.forget_all()
            answer.write(AFRESH + b"\n")
            answer.flush()
        else:
            print(line.decode().rstrip(), flush=True)  # noqa: T201


def _settings(brand: dict[str, str], home: Path, address: str) -> dict[str, str]:
    """What the sandbox's brand sets, its credentials too, with where this demo is."""
    return {
        "GIFTDESK_HOME": str(home),
        "HOST": "127.0.0.1",
        "PORT": address.rsplit(":", 1)[1],
        "PUBLIC_URL": address,
        **brand,
    }


def _write(place: Path, settings: dict[str, str]) -> None:
    """The settings as a file like .env, for other commands on the demo."""
    _write_whole(place, "".join(f"{name}={_quoted(value)}\n" for name, value in settings.items()))


def _write_whole(place: Path, content: str) -> None:
    """Write so that whoever waits for the file never reads half of it."""
    partial = place.with_name(f"{place.name}.partial")
    partial.write_text(content, encoding="utf-8")
    partial.replace(place)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", r"\'") + "'"


def _environment(settings: dict[str, str], *, quiet: bool) -> dict[str, str]:
    """The machine's environment with the demo's settings; a `.env` with real ones is not read."""
    return {
        **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        "GIFTDESK_ENV_FILE": os.devnull,
        # The page reads the log, too; what the terminal shows of it is decided here.
        "LOG_LEVEL": "ERROR" if quiet else "DEBUG" if os.environ.get("LOG_LEVEL") == "DEBUG" else "INFO",
        "LOG_FORMAT": "json",
        **settings,
    }


def _welcome(demo: Demo) -> str:
    chat, home = "make chat" if shutil.which("make") else "giftdesk chat", _home()
    return f"""
Giftdesk's demo is running.
  bot      {demo.bot}   (/healthz, /readyz, /metrics)
  sandbox  {demo.sandbox}   (stand-ins of MantaGo, Poshen, Got It, Altegio, LINE, Messenger and Instagram)

See the phones in a browser:
  {demo.simulator}

Talk to it, in another terminal:
  {chat}                                  as a LINE user, in Chinese
  {chat} ARGS="--as messenger --lang en"  as a Messenger user, in English
  printf '我的獎品\\nWELCOME2026\\n' | .venv/bin/giftdesk chat

Look after it, as its operator:
  GIFTDESK_HOME={home} GIFTDESK_ENV_FILE={home / SETTINGS} .venv/bin/giftdesk admin /status

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

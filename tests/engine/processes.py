"""Giftdesk as it really runs: processes of their own, pointed at the sandbox of this one."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

import aiohttp
import asyncpg
import psutil

from engine.desk import references, until
from sandbox import Sandbox, Webhook
from sandbox.journal import Sent

ROOT = Path(__file__).parent.parent.parent
FORKS = sys.platform == "linux"  # Elsewhere libraries of the system may not be used behind a fork, or there is none.
READY_WITHIN = 240  # seconds: on a machine that has much else to do


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path, sandbox: Sandbox | None = None, **settings: str) -> dict[str, str]:
    """What a fresh machine has, with the sandbox's credentials and `settings`."""
    basics = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return {
        **basics,
        "PYTHONUNBUFFERED": "1",
        "GIFTDESK_ENV_FILE": os.devnull,
        "GIFTDESK_HOME": str(home),
        "COLUMNS": "300",
        **(sandbox.environment() if sandbox else {}),
        **settings,
    }


def database_in(home: Path) -> str:
    """The address of the embedded server, as its own lock file has it."""
    folder = (home / "postgres" / "postmaster.pid").read_text().splitlines()[4].strip()
    return f"postgresql://postgres:@/postgres?host={folder}"


async def command(*words: str, env: dict[str, str], given: str = "", within: float = 120) -> tuple[int, str]:
    """Start `giftdesk <words>` as somebody types it; returns its status and everything it said.

    For what the start itself does, and once for each command; else `forked` is the same and much faster.
    """
    status, said, _ = await run(*words, env=env, given=given, within=within, stderr=subprocess.STDOUT)
    return status, said


async def run(
    *words: str, env: dict[str, str], given: str = "", within: float = 120, stderr: int = subprocess.PIPE
) -> tuple[int, str, str]:
    """The same with what it said as its output, and as its complaints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *words,
        env=env,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )
    try:
        said, complaints = await asyncio.wait_for(process.communicate(given.encode()), within)
    except TimeoutError:
        process.kill()
        raise
    return process.returncode or 0, said.decode(), (complaints or b"").decode()


async def forked(*words: str, env: dict[str, str], given: str = "", within: float = 120) -> tuple[int, str]:
    """Run `giftdesk <words>` in a process that has loaded it all; returns its status and everything it said."""
    if not FORKS:
        return await command(*words, env=env, given=given, within=within)
    with tempfile.TemporaryFile() as typed, tempfile.TemporaryFile() as said:
        status = await _run(words, env, given, within, (typed, said, said))
        return status, said.read().decode()


async def _run(
    words: tuple[str, ...], env: dict[str, str], given: str, within: float, streams: tuple[IO[bytes], ...]
) -> int:
    """The status a command ends with; its streams are at their beginning again."""
    streams[0].write(given.encode())
    streams[0].seek(0)
    process = Forked(*words, env=env, streams=streams)
    try:
        status = await asyncio.to_thread(process.wait, within)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    for each in streams:
        each.seek(0)
    return status


@cache
def _forking() -> socket.socket:
    """Where orders for `engine.forked` are sent; the process ends when we do."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forked.py")), str(its.fileno())],
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            cwd=ROOT,
            pass_fds=(its.fileno(),),
            stdin=subprocess.DEVNULL,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


class Forked:
    """A process that was forked instead of started; as much of `subprocess.Popen` as tests need."""

    def __init__(self, *words: str, env: dict[str, str], streams: Sequence[IO[bytes]]) -> None:
        self.returncode: int | None = None
        reader, writer = os.pipe()
        self._told = os.fdopen(reader, "rb", buffering=0)
        order = json.dumps({"words": words, "environment": env})
        socket.send_fds(_forking(), [order.encode()], [*(each.fileno() for each in streams), writer])
        os.close(writer)
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        """What it ended with; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("bot", timeout or 0)
            self.returncode = int(self._told.readline())
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@dataclass
class Giftdesk:
    """One `giftdesk <role>` at a time, on a home and a port of its own; `log` is all it ever said.

    inside: the command that runs it in surroundings of its own. forks: where its start is not what is looked at.
    """

    home: Path
    sandbox: Sandbox
    settings: dict[str, str] = field(default_factory=dict)
    role: str = "serve"
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | Forked | None = None
    inside: tuple[str, ...] = ()
    forks: bool = False

    @property
    def log(self) -> Path:
        return self.home / f"{self.role}.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        return environment(self.home, self.sandbox, PORT=str(self.port), **self.settings)

    @property
    def database(self) -> str:
        return database_in(self.home)

    def start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log, Path(os.devnull).open("rb") as nothing:
            if self.forks and FORKS:
                self.process = Forked(self.role, env=self.env, streams=(nothing, log, log))
                return
            self.process = subprocess.Popen(
                [*self.inside, sys.executable, "-m", "bot", self.role], env=self.env, cwd=ROOT, stdout=log, stderr=log
            )

    async def ensure(self) -> None:
        """Running and ready."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        await self.ready()

    async def ready(self, within: float = READY_WITHIN) -> None:
        async def answers() -> bool:
            return await self.get("/readyz") == 200

        try:
            await until(answers, within, every=0.05)
        except AssertionError:
            raise AssertionError(f"not ready within {within} s:\n{self.log.read_text()[-3000:]}") from None

    async def get(self, path: str) -> int:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as http,
                http.get(self.url + path) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0

    async def deliver(self, webhook: Webhook, within: float = 60) -> None:
        """Post a webhook as a platform does: again and again until it is accepted."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            try:
                async with (
                    aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as http,
                    http.post(self.url + webhook.path, data=webhook.body, headers=webhook.headers) as answer,
                ):
                    if answer.status == 200:
                        return
                    assert answer.status == 503, answer.status
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            await asyncio.sleep(0.1)
        raise AssertionError(f"not accepted within {within} s:\n{self.log.read_text()[-3000:]}")

    def child(self, role: str) -> psutil.Process:
        """The child of `serve` that runs `role`; waits for one that is just being started again."""
        assert self.process is not None
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for child in psutil.Process(self.process.pid).children():
                with suppress(psutil.Error):
                    if child.cmdline()[-1:] == [role]:
                        return child
            time.sleep(0.01)
        raise AssertionError(f"no {role} below serve")

    def family(self) -> list[psutil.Process]:
        """Everything below the process, granian's and all."""
        return psutil.Process(self.process.pid).children(recursive=True) if self.process else []

    async def stop(self, within: float = 60) -> int:
        """SIGTERM; returns the status it ended with."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        await until(lambda: self.process is not None and self.process.poll() is not None, within, every=0.02)
        status = self.process.wait()
        self.process = None
        return status

    async def rows(self, query: str, *values: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.settings.get("DATABASE_URL") or self.database)
        try:
            found: list[asyncpg.Record] = await connection.fetch(query, *values)
            return found
        finally:
            await connection.close()

    async def settled(self, within: float = 90) -> None:
        """Until no event is unfinished and no job is left."""

        async def done() -> bool:
            try:
                (row,) = await self.rows(
                    "SELECT (SELECT count(*) FROM events WHERE state IN ('new', 'ready')) + "
                    "(SELECT count(*) FROM pgqueuer) AS left"
                )
            except (OSError, IndexError, asyncpg.PostgresError, asyncpg.InterfaceError):
                return False
            return not row["left"]

        await until(done, within, every=0.1)


@dataclass
class Customer:
    """Somebody who redeems a code; knows how often they were told so."""

    sandbox: Sandbox
    user: str
    code: str

    @property
    def webhook(self) -> Webhook:
        return self.sandbox.phone("line", self.user).says(self.code)

    @property
    def told(self) -> list[Sent]:
        """Each message with a receipt that they ever got."""
        return [item for item in self.sandbox.sent("line", self.user) if references(item.raw.decode())]

    @property
    def receipts(self) -> list[str]:
        """The references on them."""
        return [references(item.raw.decode())[0] for item in self.told]


def customers(sandbox: Sandbox, count: int, code: str = "WELCOME2026") -> list[Customer]:
    """New people who are going to redeem `code`."""
    users = [f"U{os.urandom(16).hex()}" for _ in range(count)]
    for user in users:
        sandbox.people.put("line", user, locale="zh-TW")
    return [Customer(sandbox, user, code) for user in users]

"""What every row stands on: one PostgreSQL, one sandbox, and the bot's own commands as real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench import machine
from bench.load import Plan, Result, token
from bench.machine import BenchError
from bot.storage.embedded import EmbeddedPostgres

DELAY_MS = 100
NO_MORE: Mapping[str, str] = {}
PATIENCE = 20.0  # seconds for replies that are still missing after a load
SETTINGS = {
    "GIFTDESK_ENV_FILE": os.devnull,
    "HOST": "127.0.0.1",
    "LOG_LEVEL": "WARNING",
    "MANTAGO_MAX_PER_SECOND": "0",
    "ALTEGIO_MAX_PER_SECOND": "0",
    "VENDOR_CONNECTIONS": "300",
    "WORKER_CONCURRENCY": "300",
    "SECRET_KEY": "the benchmark's own key, which guards nothing",
}


@dataclass(slots=True)
class Answered:
    """A load and the replies to it. latencies: seconds from due to reply, in the order of the events."""

    result: Result
    replies: int
    latencies: list[float]
    seconds: float  # from the first webhook to the last reply

    @property
    def lost(self) -> int:
        """Events without a reply."""
        return self.result.sent - self.replies

    def percentile(self, share: float) -> float:
        """Of the latencies; endless when there are none."""
        return percentile(self.latencies, share)


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


@dataclass(slots=True)
class Stand:
    """Everything a row may use. say: prints progress. quick: shorter, noisier."""

    folder: Path
    quick: bool
    say: Callable[[str], None]
    server: EmbeddedPostgres
    sandbox: str
    sandbox_process: int
    environment: dict[str, str]
    number: int = 0
    ticks: int = 0
    settled: set[str] = field(default_factory=set)
    databases: dict[str, str] = field(default_factory=dict)

    @property
    def postgres(self) -> int:
        """The process id of the database's parent process."""
        return int((self.folder / "postgres" / "postmaster.pid").read_text().split()[0])

    def seconds(self, full: float) -> float:
        """How long to measure."""
        return max(2.0, full / 2) if self.quick else full

    def rounds(self, full: int) -> int:
        """How many times to measure; medians of one are what makes a quick run noisy."""
        return 1 if self.quick else full

    # ── processes ────────────────────────────────────────────────────────────────────────────

    def database(self, name: str) -> str:
        """The URL of a database of ours, made and migrated on first use."""
        if name not in self.databases:
            url = self.server.url.replace("/postgres?", f"/{name}?")
            with psycopg.connect(self.server.url, autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{name}"')
            self.run([sys.executable, "-m", "bot", "migrate"], {"DATABASE_URL": url})
            self.databases[name] = url
        return self.databases[name]

    def run(self, command: list[str], more: dict[str, str]) -> None:
        """A command that ends by itself. Raises BenchError when it fails."""
        with self.log("commands").open("ab") as words:
            done = subprocess.run(
                command,
                env=self.settings(**more),
                cwd=machine.ROOT,
                stdout=words,
                stderr=words,
                check=False,
                timeout=60,
            )
        if done.returncode:
            raise BenchError(f"{' '.join(command)} failed:\n{self.log('commands').read_text()[-1500:]}")

    def settings(self, **more: str) -> dict[str, str]:
        """A child's environment; a `.env` or a DATABASE_URL of the machine is not read."""
        inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        home = {"GIFTDESK_HOME": str(self.folder / "home")}
        return {**inherited, **SETTINGS, **home, **self.environment, **more}

    def log(self, name: str) -> Path:
        """Where a process's words go."""
        return self.folder / f"{name}.log"

    @contextmanager
    def web(self, url: str) -> Iterator[Server]:
        """`giftdesk web`."""
        environment = self.settings(DATABASE_URL=url, PORT=str(machine.free_port()))
        command = [sys.executable, "-m", "bot", "web"]
        with self.serving("web", command, environment, "/readyz", "/webhooks/line") as server:
            yield server

    @contextmanager
    def worker(self, url: str, *, without: tuple[str, ...] = (), more: Mapping[str, str] = NO_MORE) -> Iterator[int]:
        """`giftdesk worker`; gives its process id. without: prefixes of settings, to switch vendors off. more: other
        settings."""
        environment = self.settings(DATABASE_URL=url, **more)
        environment = {name: value for name, value in environment.items() if not name.startswith(without)}
        with machine.running([sys.executable, "-m", "bot", "worker"], environment, self.log("worker")) as process:
            yield process.pid

    @contextmanager
    def serving(
        self, name: str, command: list[str], environment: dict[str, str], ready: str, path: str
    ) -> Iterator[Server]:
        """Any web server on PORT of its environment, once it answers."""
        port = int(environment["PORT"])
        with machine.running(command, environment, self.log(name)) as process:
            machine.wait_until_answers(f"http://127.0.0.1:{port}{ready}", process, self.log(name))
            yield Server(process.pid, port, path)

    # ── loads ────────────────────────────────────────────────────────────────────────────────

    def load(
        self, server: Server, *, connections: int, seconds: float, rate: float = 0.0, crowd: int = 1_000
    ) -> Result:
        """Send webhooks; no event's number is used twice in a run of the benchmark."""
        plan = Plan(
            port=server.port,
            path=server.path,
            first=self.number,
            connections=connections,
            seconds=seconds,
            rate=rate,
            crowd=crowd,
        )
        done = subprocess.run(
            [sys.executable, "-m", "bench.load"],
            input=json.dumps(asdict(plan)),
            cwd=machine.ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=seconds + 60,
        )
        result = Result(**json.loads(done.stdout))
        self.number += result.sent
        return result

    def answered(self, server: Server, *, patience: float = PATIENCE, **load: Any) -> Answered:
        """Send webhooks, then wait for the replies to them, for `patience` seconds after the last was sent."""
        first = self.number
        result = self.load(server, **load)
        deadline = time.monotonic() + patience
        found: dict[str, float] = {}
        while True:
            for name, _, at in self.get(f"/_sandbox/ticks?after={self.ticks}"):
                self.ticks += 1
                found.setdefault(name, at)  # Late ones of an earlier load are counted and not looked for.
            if (
                sum(token(first + index) in found for index in range(result.sent)) >= result.sent
                or time.monotonic() > deadline
            ):
                break
            time.sleep(0.2)
        latencies = [
            found[token(first + index)] - due for index, due in enumerate(result.due) if token(first + index) in found
        ]
        last = max(found.values(), default=0.0)
        return Answered(result, len(latencies), latencies, last - min(result.due, default=last))

    @contextmanager
    def strangers(self) -> Iterator[Strangers]:
        """How much of the machine processes that are not ours took meanwhile. Not zero: a noisy machine."""
        found = Strangers()
        started, busy, ours = time.monotonic(), machine.busy(), self._ours()
        yield found
        elapsed = time.monotonic() - started
        found.cores = max(0.0, (machine.busy() - busy - (self._ours() - ours)) / elapsed)

    def _ours(self) -> float:
        return machine.processor(os.getpid()) + machine.processor(self.postgres)

    @contextmanager
    def slow(self, vendor: str, milliseconds: int) -> Iterator[None]:
        """A vendor that takes so long for each answer."""
        fault = json.dumps({"route": vendor, "delay_ms": max(0, milliseconds - DELAY_MS)}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.sandbox}/_sandbox/faults", fault), timeout=20).close()
        try:
            yield
        finally:
            urllib.request.urlopen(
                urllib.request.Request(f"{self.sandbox}/_sandbox/faults", method="DELETE"), timeout=20
            ).close()

    def get(self, path: str) -> Any:
        """Ask the sandbox."""
        with urllib.request.urlopen(self.sandbox + path, timeout=20) as answer:
            return json.load(answer)


@dataclass(slots=True)
class Strangers:
    """Cores' worth of processor time that others used."""

    cores: float = 0.0


@dataclass(frozen=True, slots=True)
class Server:
    """A web server under test."""

    pid: int
    port: int
    path: str


@contextmanager
def stand(*, quick: bool, say: Callable[[str], None]) -> Iterator[Stand]:
    """Start the database and the sandbox in a temporary folder, and leave nothing behind."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="giftdesk-bench-")))
        server = EmbeddedPostgres(folder / "postgres")
        stack.callback(server.stop)
        ready = folder / "sandbox.json"
        command = [sys.executable, "-m", "sandbox", "--delay-ms", str(DELAY_MS), "--ready-file", str(ready)]
        sandbox = stack.enter_context(machine.running(command, os.environ, folder / "sandbox.log"))
        deadline = time.monotonic() + machine.READY_WITHIN
        while not ready.exists():
            if sandbox.poll() is not None or time.monotonic() > deadline:
                raise BenchError("The sandbox did not start:\n" + (folder / "sandbox.log").read_text()[-1500:])
            time.sleep(0.05)
        started = json.loads(ready.read_text())
        yield Stand(folder, quick, say, server, started["url"], sandbox.pid, started["environment"])

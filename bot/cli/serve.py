"""Everything on one machine: the database when it is ours, migrations, web and worker, kept alive.

The parent holds nothing but its children. A pipe that only it writes to tells them when it is gone,
even by kill -9: they then stop too, instead of holding its port.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bot.config import Settings
from bot.telemetry.log import log

if TYPE_CHECKING:
    from bot.storage.embedded import EmbeddedPostgres

LIFELINE = "GIFTDESK_LIFELINE"
DRAIN = 25.0  # seconds that children have to finish what they began
ROLES = ("web", "worker")
WEB_THREADS = 8  # in each web process: so many webhooks can share one commit; 4 and 16 are slower


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The URL of the database for a command: DATABASE_URL's, else our own, which `serve` may be running."""
    server = _embedded(settings)
    try:
        yield server.url if server else settings.database_url
    finally:
        if server and not server.joined:
            server.stop()


def _embedded(settings: Settings) -> EmbeddedPostgres | None:
    """Our own server, started or joined; None when there is another one."""
    if settings.database_url:
        return None
    from bot.storage.embedded import EmbeddedPostgres  # noqa: PLC0415 - only where it is used

    return EmbeddedPostgres(settings.giftdesk_home / "postgres")


@dataclass(slots=True)
class Supervisor:
    """Starts web and worker, starts them again when they die, stops them in order.

    tend: called several times a second; looks after what else must live.
    As the first process of a container it also takes leave of the processes that lost their parent and ended.
    """

    environment: dict[str, str]
    tend: Callable[[], None]
    stopping: threading.Event = field(default_factory=threading.Event)
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _started: dict[str, float] = field(default_factory=dict)

    def run(self) -> None:
        """Until `stopping`."""
        reader, writer = os.pipe()
        self.environment[LIFELINE] = str(reader)
        try:
            for role in ROLES:
                self._start(role, reader)
            while not self.stopping.wait(0.2):
                if os.getpid() == 1:
                    self._reap()
                self.tend()
                for role, child in self._children.items():
                    if child.poll() is not None:
                        # One that dies at once is not started in a tight loop.
                        pause = 1.0 if time.monotonic() - self._started[role] < 5 else 0.0
                        log.error("process died, starting it again", role=role, code=child.returncode)
                        if not self.stopping.wait(pause):
                            self._start(role, reader)
        finally:
            self._stop()
            os.close(writer)
            os.close(reader)

    def _start(self, role: str, lifeline: int) -> None:
        self._children[role] = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "bot", role], env=self.environment, pass_fds=(lifeline,)
        )
        self._started[role] = time.monotonic()
        log.info("process started", role=role, pid=self._children[role].pid)

    def _reap(self) -> None:
        """Let ended orphans go. A zombie keeps its number, and PostgreSQL believes a lock with that number."""
        ours = {child.pid for child in self._children.values()}
        with suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if ended.si_pid in ours:
                    return  # It is asked for by name below; the next look sees the others.
                os.waitpid(ended.si_pid, 0)

    def _stop(self) -> None:
        """The web first, so that nothing new comes while the worker finishes."""
        deadline = time.monotonic() + DRAIN
        for role in ROLES:
            child = self._children.get(role)
            if child is None:
                continue
            child.terminate()
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("process did not stop in time and is killed", role=role)
                child.kill()
                child.wait()


def follow_parent() -> None:
    """In a child of `serve`: stop when the parent is gone."""
    number = os.environ.pop(LIFELINE, None)
    if number is None:
        return

    def watch() -> None:
        while os.read(int(number), 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(DRAIN)
        os._exit(1)

    # The write end is not inherited (pipes are not, unless asked), so its end of file means the parent's.
    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def serve_web(settings: Settings) -> None:
    """The web process: granian keeps WEB_WORKERS processes of `bot.web` on HOST and PORT until SIGTERM."""
    from granian import Granian  # noqa: PLC0415 - only the web process needs it
    from granian.constants import Interfaces  # noqa: PLC0415
    from granian.log import LogLevels  # noqa: PLC0415

    os.environ["GIFTDESK_GRANIAN"] = str(os.getpid())
    Granian(
        "bot.web:create_app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=settings.web_workers,
        blocking_threads=WEB_THREADS,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
    ).serve()


def prepare_metrics(settings: Settings) -> None:
    """One folder for all processes of this machine; must be called before `bot.telemetry.metrics` is imported."""
    folder = Path(os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(settings.giftdesk_home.resolve() / "metrics")))
    folder.mkdir(parents=True, exist_ok=True)


def _nothing() -> None: ...


def serve(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C; then what was begun is finished."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    shutil.rmtree(settings.giftdesk_home / "metrics", ignore_errors=True)
    prepare_metrics(settings)
    server = _embedded(settings)
    try:
        url = server.url if server else settings.database_url
        environment = {**os.environ, "DATABASE_URL": url, "SECRET_KEY": settings.secret.decode()}
        # In a process of its own: what migrations need of memory is given back.
        done = subprocess.run([sys.executable, "-m", "bot", "migrate"], env=environment, check=False)
        if done.returncode != 0:
            raise SystemExit(done.returncode)
        log.info("giftdesk serves", address=f"http://{settings.host}:{settings.port}")
        Supervisor(environment, server.tend if server else _nothing, stopping).run()
    finally:
        if server:
            server.stop()
    log.info("giftdesk stopped")

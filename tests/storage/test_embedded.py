"""The PostgreSQL that comes with us."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import psycopg
import pytest

from bot.errors import ConfigurationError
from bot.storage.embedded import EmbeddedPostgres


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    """Stopped, started again on the same folder: the row is there, and the server is set up as ours."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    server.stop()
    again = EmbeddedPostgres(tmp_path / "postgres")
    try:
        with psycopg.connect(again.url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
            assert connection.execute("SHOW shared_buffers").fetchone() == ("64MB",)
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
    finally:
        again.stop()


def test_a_process_number_that_was_used_again_is_not_taken_for_the_server(tmp_path: Path) -> None:
    """After a power cut in a container the old number belongs to somebody else: the server starts all the same."""
    folder = tmp_path / "postgres"
    server = EmbeddedPostgres(folder)
    pid_file = (folder / "postmaster.pid").read_text()
    server.stop()
    other = subprocess.Popen(["sleep", "60"])
    try:
        (folder / "postmaster.pid").write_text("\n".join([str(other.pid), *pid_file.splitlines()[1:]]) + "\n")
        again = EmbeddedPostgres(folder)
        try:
            with psycopg.connect(again.url, connect_timeout=30) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
        finally:
            again.stop()
        assert other.poll() is None, "and nobody else is stopped in its place"
    finally:
        other.kill()
        other.wait()


def test_what_a_killed_server_left_does_not_refuse_the_next_start(tmp_path: Path) -> None:
    """The half lock of one that was killed while it started, and a lock of its socket with somebody else's number."""
    folder = tmp_path / "postgres"
    server = EmbeddedPostgres(folder)
    (socket_lock,) = Path(server.url.partition("host=")[2]).glob(".s.PGSQL.*.lock")
    left = {path: path.read_text().splitlines() for path in (folder / "postmaster.pid", socket_lock)}
    server.stop()
    gone = subprocess.Popen(["true"])
    gone.wait()
    other = subprocess.Popen(["sleep", "60"], user=folder.owner())  # As the server's own user, whose word is believed.
    try:
        for start in (lambda: EmbeddedPostgres(folder), server.tend):
            (folder / "postmaster.pid").write_text(f"{gone.pid}\n{left[folder / 'postmaster.pid'][1]}\n")
            socket_lock.write_text("\n".join([str(other.pid), *left[socket_lock][1:]]) + "\n")
            running = start() or server
            with psycopg.connect(server.url, connect_timeout=30) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            running.stop()
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("content", [b"", b"\0" * 40], ids=["empty", "zeros"])
def test_what_a_power_cut_left_does_not_refuse_the_next_start(tmp_path: Path, content: bytes) -> None:
    """Locks whose bytes never reached the disk: at the start, and when it is looked after."""
    folder = tmp_path / "postgres"
    server = EmbeddedPostgres(folder)
    (socket_lock,) = Path(server.url.partition("host=")[2]).glob(".s.PGSQL.*.lock")
    server.stop()
    for start in (lambda: EmbeddedPostgres(folder), server.tend):
        for lock in (folder / "postmaster.pid", socket_lock):
            lock.write_bytes(content)
        running = start() or server
        with psycopg.connect(server.url, connect_timeout=30) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        running.stop()


def test_an_empty_lock_of_a_server_that_is_there_is_left_to_it(tmp_path: Path) -> None:
    """It may be about to write its number; without its lock a second one would start on the same files."""
    folder = tmp_path / "postgres"
    server = EmbeddedPostgres(folder)
    try:
        lock = folder / "postmaster.pid"
        written = lock.read_bytes()
        lock.write_bytes(b"")
        server._clear()
        assert lock.exists()
        lock.write_bytes(written)
    finally:
        server.stop()


def test_files_of_a_server_that_cannot_be_seen_are_left_alone(tmp_path: Path) -> None:
    """As from another container on the same volume: its number is nobody's here, and two servers would destroy all."""
    folder = tmp_path / "postgres"
    server = EmbeddedPostgres(folder)
    lock = folder / "postmaster.pid"
    written = lock.read_text()
    gone = subprocess.Popen(["true"])
    gone.wait()
    lock.write_text("\n".join([str(gone.pid), *written.splitlines()[1:]]) + "\n")
    try:
        with pytest.raises(ConfigurationError, match="cannot be seen from here"):
            EmbeddedPostgres(folder)
        assert lock.exists()
    finally:
        lock.write_text(written)
        server.stop()
    EmbeddedPostgres(folder).stop()


def test_looking_after_the_server_never_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands in its way, `serve` looks again a moment later instead of ending web and worker."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.stop()

    def out_of_memory(*_words: object) -> None:
        raise OSError("Cannot allocate memory")

    monkeypatch.setattr(server, "_pg_ctl", out_of_memory)
    server.tend()
    monkeypatch.undo()
    server.tend()
    try:
        with psycopg.connect(server.url, connect_timeout=30) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.stop()


def test_a_server_that_takes_long_to_stop_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow disk the last writing takes longer than a start may: nothing of ours leaves a server behind."""
    monkeypatch.setattr("bot.storage.embedded.PATIENCE", 1)
    folder = tmp_path / "postgres"
    server = EmbeddedPostgres(folder)
    with psycopg.connect(server.url, connect_timeout=30) as connection:
        busy = connection.info.backend_pid
        os.kill(busy, signal.SIGSTOP)
        free = threading.Timer(2.5, os.kill, (busy, signal.SIGCONT))
        free.start()
        server.stop()
        assert not (folder / "postmaster.pid").exists()
        free.join()


def test_a_folder_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    """The message names the folder, the log and the way out."""
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("18\n")

    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        EmbeddedPostgres(folder)

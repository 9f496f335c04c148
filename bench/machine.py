"""Processes: started, metered and stopped. Linux only, because /proc is where the numbers come from."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN = 60.0
TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """The benchmark cannot go on; the text says why."""


class Unavailable(Exception):
    """A peer cannot be measured here; the text says why, and the row is skipped with it."""


@contextmanager
def running(
    command: list[str], environment: Mapping[str, str], log: Path, *, cwd: Path = ROOT
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, stopped at the end of the block whatever happens in it."""
    with log.open("ab") as words:
        process = subprocess.Popen(command, env=dict(environment), cwd=cwd, stdout=words, stderr=words)
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes], patience: float = 20.0) -> None:
    """Ask it to stop, insist after `patience` seconds."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> float:
    """Wait for a 200; returns the seconds it took. Raises BenchError with the log's end."""
    started = time.monotonic()
    while time.monotonic() - started < READY_WITHIN and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return time.monotonic() - started
        except (OSError, urllib.error.URLError):
            time.sleep(0.01)
    raise BenchError(f"{process.args!r} does not answer; its last words:\n{log.read_text()[-1500:]}")


def family(roots: Iterable[int]) -> list[int]:
    """These processes and all their descendants that live."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    todo = list(roots)
    while todo:
        pid = todo.pop()
        if pid not in found:
            found.append(pid)
            todo += children.get(pid, [])
    return found


def processor(root: int) -> float:
    """Processor seconds used so far by a process, its descendants, and those of them that ended."""
    total = 0
    for pid in family([root]):
        if fields := _stat(pid):
            total += sum(int(value) for value in fields[11:15])
    return total / TICKS


def busy() -> float:
    """Processor seconds used so far by everybody on this machine."""
    fields = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS  # less idle and waiting for the disk


def memory(roots: Iterable[int]) -> float:
    """Megabytes (PSS: shared pages divided among those who share them) of these and their descendants."""
    total = 0
    for pid in family(roots):
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue  # It ended meanwhile.
        total += int(rollup.partition("\nPss:")[2].split()[0])
    return total / 1024


def _stat(pid: int) -> list[str]:
    """/proc/<pid>/stat from the state on (the name before it may hold anything); empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []

"""`giftdesk serve` as one runs it on a small machine: how soon it is ready, how much memory it takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import psycopg

from bench import machine
from bench.crowd import CROWD, add_customers
from bench.report import Row
from bench.stand import Server, Stand

RATE = 100


def measure(stand: Stand) -> Iterator[Row]:
    """With its own embedded PostgreSQL. The first start makes the data; the later ones count."""
    starts = []
    with _serve(stand) as (server, _):
        stand.answered(server, connections=1, seconds=0.2, rate=5, crowd=1)
        _known(stand)
    for _ in range(stand.rounds(4)):
        with _serve(stand) as (_, took):
            starts.append(took)
    with _serve(stand) as (server, took):
        starts.append(took)
        time.sleep(stand.seconds(5))
        roots = (server.pid, _postgres(stand))
        idle = machine.memory(roots)
        busy = [idle]
        for _ in range(stand.rounds(4)):
            done = stand.answered(server, connections=32, seconds=4, rate=RATE, crowd=CROWD)
            busy.append(machine.memory(roots))
    note = "PSS of serve, web, worker and its PostgreSQL"
    yield Row("memory, idle", "MB", idle, limit=250, at_most=True, note=note)
    yield Row(
        f"memory, after {RATE} events/s",
        "MB",
        max(busy),
        limit=350,
        at_most=True,
        note=f"{note}; {done.lost} lost",
        details={"rounds": busy},
    )
    yield Row(
        "giftdesk serve, from start to ready",
        "s",
        median(starts),
        limit=3,
        at_most=True,
        note="data already initialised",
        details={"rounds": starts},
    )


def _settings(stand: Stand) -> dict[str, str]:
    settings = stand.settings(GIFTDESK_HOME=str(stand.folder / "serve"))
    for name in ("WORKER_CONCURRENCY", "VENDOR_CONNECTIONS"):  # As it comes.
        del settings[name]
    return settings


@contextmanager
def _serve(stand: Stand) -> Iterator[tuple[Server, float]]:
    settings = {**_settings(stand), "PORT": str(machine.free_port())}
    started = time.monotonic()
    with stand.serving(
        "serve", [sys.executable, "-m", "bot", "serve"], settings, "/readyz", "/webhooks/line"
    ) as server:
        yield server, time.monotonic() - started


def _postgres(stand: Stand) -> int:
    return int((stand.folder / "serve" / "postgres" / "postmaster.pid").read_text().split()[0])


def _known(stand: Stand) -> None:
    url = f"postgresql://postgres:@/postgres?host={stand.folder / 'serve' / 'postgres'}"
    with psycopg.connect(url, autocommit=True) as connection:
        add_customers(connection, 1, CROWD)
        connection.execute("VACUUM ANALYZE")

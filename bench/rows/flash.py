"""A flash crowd: everybody taps in the same moment, and each wants their list before their reply token dies."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from bench import machine
from bench.crowd import CROWD, settle
from bench.report import Row
from bench.stand import Answered, Server, Stand

EVENTS, SECONDS = 2_000, 2.0
VENDORS_MS = (100, 2_000)
TOKEN_SECONDS = 50.0  # after which the bot does not rely on a reply token
PATIENCE = 90.0
# As they come, and not the 300 of other rows: how many lists a slow vendor is asked for at a time is the point.
DEPLOYED = {"WORKER_CONCURRENCY": "200", "VENDOR_CONNECTIONS": "50"}


@dataclass(frozen=True, slots=True)
class Crowd:
    """What became of one. kept: lists that were answered as they were kept, because of the surge; unreachable: because
    the vendor could not be asked. checking: reply tokens that went into "still checking". pushes: spent on lists.
    processor: milliseconds of web, worker and database for each event. strangers: cores that others took meanwhile.
    """

    done: Answered
    kept: int
    unreachable: int
    checking: int
    pushes: int
    processor: float
    strangers: float

    @property
    def oldest(self) -> float:
        """Seconds from due to reply, of the last one."""
        return max(self.done.latencies, default=float("inf"))

    @property
    def wrong(self) -> int:
        """Customers without their list, and messages that had to be paid for."""
        return self.done.lost + self.checking + self.pushes

    def said(self) -> str:
        """In words."""
        asked = self.done.result.sent - self.kept - self.unreachable
        return (
            f"{self.oldest:.0f} s: {asked} lists asked for, {self.kept} as kept, {self.unreachable} because MantaGo "
            f'could not be asked, {self.checking} "still checking", {self.done.lost} lost, {self.pushes} pushes; '
            f"{self.processor:.1f} ms of processor each, {self.strangers:.1f} cores taken by others"
        )


def measure(stand: Stand) -> Iterator[Row]:
    """One worker, with the surge's settings as they come; beside it the same without."""
    url = stand.database("main")
    settle(stand, url)
    with stand.web(url) as web:
        for milliseconds in VENDORS_MS:
            with stand.slow("mantago", milliseconds):
                without = _crowd(stand, web, url, surge="0")
                crowd = _crowd(stand, web, url, surge="15")
            name = f"flash crowd, {EVENTS:,} events in {SECONDS:.0f} s, MantaGo at {milliseconds / 1000:g} s"
            note = f"{crowd.said()}. Without: {without.said()}"
            details = {"with": crowd.said(), "without": without.said(), "p50": crowd.done.percentile(0.5)}
            yield Row(f"{name}: oldest answer", "s", crowd.oldest, limit=TOKEN_SECONDS, at_most=True, note=note)
            yield Row(f"{name}: without their list", "", crowd.wrong, limit=0, at_most=True, details=details)


def _crowd(stand: Stand, web: Server, url: str, *, surge: str) -> Crowd:
    with (
        tempfile.TemporaryDirectory(dir=stand.folder) as counted,
        stand.worker(url, more={"SURGE_SECONDS": surge, "PROMETHEUS_MULTIPROC_DIR": counted, **DEPLOYED}) as worker,
    ):
        stand.answered(web, connections=16, seconds=2, rate=20, crowd=CROWD)  # It has connections and warm caches.
        began, pushes = datetime.now(UTC), _pushes(url)
        used = sum(map(machine.processor, (web.pid, worker, stand.postgres)))
        with stand.strangers() as strangers:
            done = stand.answered(
                web, connections=128, seconds=SECONDS, rate=EVENTS / SECONDS, crowd=CROWD, patience=PATIENCE
            )
        used = sum(map(machine.processor, (web.pid, worker, stand.postgres))) - used
        counters = _counters(counted)
    with psycopg.connect(url) as connection:
        ended: dict[str, int] = dict(
            connection.execute(
                "SELECT coalesce(outcome, ''), count(*) FROM events WHERE received_at >= %s GROUP BY 1", (began,)
            ).fetchall()
        )
    crowd = Crowd(
        done,
        kept=int(counters.get("giftdesk_kept_lists_total", 0)),
        unreachable=int(counters.get("not asked", 0)),
        checking=ended.get("parked", 0),
        pushes=_pushes(url) - pushes,
        processor=used / done.result.sent * 1000,
        strangers=strangers.cores,
    )
    stand.say(f"SURGE_SECONDS={surge}: {crowd.said()}")
    return crowd


def _pushes(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM pushes").fetchone()
    return int(row[0]) if row else 0


def _counters(folder: str) -> dict[str, float]:
    """What the worker counted."""
    found: dict[str, float] = {}
    for family in MultiProcessCollector(CollectorRegistry(), path=folder).collect():  # type: ignore[no-untyped-call]  # It has no types.
        for sample in family.samples:
            if sample.name == "giftdesk_vendor_seconds_count" and sample.labels["outcome"] not in ("ok", "Cancelled"):
                found["not asked"] = found.get("not asked", 0) + sample.value
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found

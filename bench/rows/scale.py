"""The same work with a brand's years in the tables."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from bench import machine
from bench.crowd import CROWD, settle, timed_fill
from bench.report import Row
from bench.stand import Stand

FULL = (1_000_000, 5_000_000)
QUICK = (100_000, 500_000)
BURST = 2_000  # events offered within a second; how long until the last of them has its reply


def measure(stand: Stand) -> Iterator[Row]:
    """Two databases of one server take turns."""
    customers, events = QUICK if stand.quick else FULL
    empty, filled = stand.database("empty"), stand.database("filled")
    settle(stand, empty)
    settle(stand, filled)
    took = timed_fill(stand, filled, customers=customers, events=events)
    stand.say(f"{customers:,} customers and {events:,} past events put into the tables in {took:.0f} s")
    found: dict[str, list[tuple[float, float]]] = {"empty": [], "filled": []}
    for _ in range(stand.rounds(3)):
        for name, url, crowd in (("empty", empty, CROWD), ("filled", filled, customers)):
            found[name].append(_burst(stand, url, crowd))
            stand.say(f"{name}: {found[name][-1][0]:.0f} events/s, {found[name][-1][1]:.2f} ms per event")
    columns = {name: [median(column) for column in zip(*rounds, strict=True)] for name, rounds in found.items()}
    many = f"{customers:,} customers, {events:,} past events"
    rate, usual = columns["filled"][0], columns["empty"][0]
    yield Row(
        f"events/s with {many}",
        "/s",
        rate,
        usual,
        rate / usual,
        limit=1 / 1.2,
        note=f"peer: the same with empty tables; a burst of {BURST} until its last reply",
        details={"rounds": found},
    )
    cost, usual = columns["filled"][1], columns["empty"][1]
    yield Row(
        f"processor time per event with {many}",
        "ms",
        cost,
        usual,
        cost / usual,
        limit=1.2,
        at_most=True,
        note="peer: the same with empty tables",
    )


def _burst(stand: Stand, url: str, crowd: int) -> tuple[float, float]:
    """(events per second, processor milliseconds per event)"""
    with stand.web(url) as web, stand.worker(url) as worker:
        stand.answered(web, connections=32, seconds=2, rate=50, crowd=crowd)
        roots = (web.pid, worker, stand.postgres)
        before = sum(machine.processor(root) for root in roots)
        done = stand.answered(web, connections=64, seconds=1, rate=BURST, crowd=crowd)
        after = sum(machine.processor(root) for root in roots)
    return done.replies / done.seconds, (after - before) / max(1, done.replies) * 1000

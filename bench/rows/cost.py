"""Processor time per event, of every process but the sandbox and the load generator."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from statistics import median

from bench import machine
from bench.crowd import CROWD, settle
from bench.report import Row
from bench.stand import Server, Stand

RATE = 200
PARTS = ("web", "worker", "PostgreSQL")


def measure(stand: Stand) -> Iterator[Row]:
    """The bot and the bare floor take turns; each round starts its own processes."""
    url, bare = stand.database("main"), stand.database("floor")
    settle(stand, url)
    rounds: dict[str, list[tuple[float, ...]]] = {"ours": [], "floor": []}
    for _ in range(stand.rounds(3)):
        with stand.web(url) as web, stand.worker(url) as worker:
            rounds["ours"].append(_cost(stand, web, worker))
        environment = stand.settings(DATABASE_URL=bare, PORT=str(machine.free_port()))
        command = [sys.executable, "-m", "bench.peers.insert"]
        consumer = [sys.executable, "-m", "bench.peers.consume"]
        with (
            stand.serving("insert", command, environment, "/", "/callback") as web,
            machine.running(consumer, environment, stand.log("consume")) as process,
        ):
            rounds["floor"].append(_cost(stand, web, process.pid))
    means = {name: [median(column) for column in zip(*found, strict=True)] for name, found in rounds.items()}
    value = median(sum(found) for found in rounds["ours"])
    floor = median(sum(found) for found in rounds["floor"])
    said = {
        name: ", ".join(f"{part} {cost:.2f}" for part, cost in zip(PARTS, found, strict=True))
        for name, found in means.items()
    }
    stand.say(f"processor ms per event: {said['ours']}; the floor: {said['floor']}")
    yield Row(
        f"processor time per event at {RATE} events/s",
        "ms",
        value,
        floor,
        value / floor,
        limit=2.2,
        at_most=True,
        note=f"{said['ours']}; peer: bare floor ({said['floor']})",
        details={"rounds": rounds, "parts": PARTS},
    )


def _cost(stand: Stand, web: Server, worker: int) -> tuple[float, ...]:
    """Milliseconds per event of web, worker and database."""
    stand.answered(web, connections=32, seconds=2, rate=RATE / 2, crowd=CROWD)
    roots = (web.pid, worker, stand.postgres, stand.sandbox_process)
    before = [machine.processor(root) for root in roots]
    done = stand.answered(web, connections=64, seconds=stand.seconds(8), rate=RATE, crowd=CROWD)
    after = [machine.processor(root) for root in roots]
    if done.lost:
        stand.say(f"[red]{done.lost} of {done.result.sent} events without a reply[/red]")
    *parts, sandbox = ((then - now) / max(1, done.replies) * 1000 for now, then in zip(before, after, strict=True))
    generator = done.result.processor / max(1, done.replies) * 1000
    stand.say(f"{sum(parts):.2f} ms; beside it the sandbox {sandbox:.2f} ms, the load generator {generator:.2f} ms")
    return tuple(parts)

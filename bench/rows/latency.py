"""What the bot adds to the time that the vendor and LINE take."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from bench.crowd import CROWD, settle
from bench.report import Row
from bench.stand import DELAY_MS, Stand

RATE = 50


def measure(stand: Stand) -> Iterator[Row]:
    """Counted from when an event was due until the sandbox has read the reply, its own work included."""
    url = stand.database("main")
    settle(stand, url)
    with stand.web(url) as web, stand.worker(url):
        stand.answered(web, connections=32, seconds=2, rate=RATE, crowd=CROWD)
        rounds = [
            stand.answered(web, connections=32, seconds=stand.seconds(10), rate=RATE, crowd=CROWD)
            for _ in range(stand.rounds(3))
        ]
    for share, limit in ((0.5, 15), (0.99, 60)):
        added = [done.percentile(share) * 1000 - 2 * DELAY_MS for done in rounds]
        yield Row(
            f"added latency at {RATE} events/s, p{share * 100:.0f}",
            "ms",
            median(added),
            limit=limit,
            at_most=True,
            note=f"event to reply, less the delays; {sum(done.lost for done in rounds)} lost",
            details={"rounds": added},
        )

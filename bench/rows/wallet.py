"""What the overview over all vendors takes beside one over a single vendor: the slowest one's time, not the sum."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from bench.crowd import enrich, settle
from bench.report import Row
from bench.stand import DELAY_MS, Answered, Server, Stand

RATE = 10
PEOPLE = 2_000  # Nobody asks again within the minute for which gift cards count as fresh.
ONE_VENDOR = ("GOTIT_", "ALTEGIO_")  # switched off
LOCATIONS = 2  # of Altegio, each with a call of its own


def measure(stand: Stand) -> Iterator[Row]:
    """MantaGo and two locations of Altegio, each asked by a call of 100 ms; beside it MantaGo alone, in turns."""
    url = stand.database("wallet")
    settle(stand, url, PEOPLE)
    enrich(url, PEOPLE)
    every, alone = list[Answered](), list[Answered]()
    asked = 0
    with stand.web(url) as web:
        for _ in range(stand.rounds(3)):
            with stand.worker(url):
                every.append(_visits(stand, web))
            asked += _cards_asked(stand, every[-1])
            with stand.worker(url, without=ONE_VENDOR):
                alone.append(_visits(stand, web))
    visits = sum(done.result.sent for done in every)
    if asked < LOCATIONS * visits:
        stand.say(f"[red]{asked} calls to Altegio for {visits} visits; this measures nothing[/red]")
    lost = sum(done.lost for done in (*every, *alone))
    for share in (0.5, 0.99):
        took = [[done.percentile(share) * 1000 for done in rounds] for rounds in (every, alone)]
        value, peer = map(median, took)
        yield Row(
            f"my gifts over all vendors at {RATE} events/s, p{share * 100:.0f}",
            "ms",
            value,
            peer,
            value / peer,
            limit=1.25,
            at_most=True,
            note=f"event to reply; peer: MantaGo alone. Less the slowest vendor's {DELAY_MS} ms and LINE's: "
            f"{value - 2 * DELAY_MS:.0f} and {peer - 2 * DELAY_MS:.0f} ms. One after the other it would be 1.5 × at "
            f"least; {lost} lost",
            details={"rounds": took},
        )


def _visits(stand: Stand, web: Server) -> Answered:
    stand.answered(web, connections=16, seconds=2, rate=RATE, crowd=PEOPLE)
    return stand.answered(web, connections=16, seconds=stand.seconds(10), rate=RATE, crowd=PEOPLE)


def _cards_asked(stand: Stand, done: Answered) -> int:
    """How many calls Altegio got since the first of these visits."""
    calls = stand.get("/_sandbox/calls?upstream=altegio")
    return sum(call["at"] >= min(done.result.due) * 1000 for call in calls)

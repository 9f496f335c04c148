"""What is counted. The processes of one machine write to one folder, so any of them can show all of it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

WEBHOOKS = Counter("giftdesk_webhooks", "Webhook requests, by what became of them.", ["channel", "result"])
EVENTS = Counter("giftdesk_events", "Events by how their turn ended.", ["channel", "outcome"])
TURN = Histogram(
    "giftdesk_turn_seconds",
    "From taking an event up to its committed answer.",
    ["channel"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
ANSWERED = Histogram(
    "giftdesk_answered_seconds",
    "From receiving an event to its delivered answer.",
    ["channel"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600),
)
VENDOR = Histogram(
    "giftdesk_vendor_seconds",
    "Calls to vendors.",
    ["vendor", "operation", "outcome"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
OUTSIDERS = Counter(
    "giftdesk_outsider_commands", "Lines that began like a staff command, by people who are no staff.", ["channel"]
)
RELAYED = Counter(
    "giftdesk_relayed",
    "Events that other tools on LINE's channel are passed on, by what came of a try.",
    ["target", "result"],
)
KEPT_LISTS = Counter("giftdesk_kept_lists", "Lists that were answered as they were kept, because of a surge.")
GIVEN_UP = Counter(
    "giftdesk_given_up",
    "Messages that nobody will get: what each was, and why it was given up.",
    ["channel", "what", "why"],
)
RETRIES = Counter("giftdesk_retries", "Turns and deliveries that were put back for another try.", ["reason"])


class Queue(Collector):
    """What waits, what is held and who is at work, as the database has it at the moment of asking."""

    def __init__(
        self,
        unfinished: int,
        oldest: float,
        held: int,
        relays: int,
        oldest_relay: float,
        workers: int,
        undecided: int,
        surging: int,
    ) -> None:
        self.values = (
            ("giftdesk_queue_depth", "Events that are not finished.", unfinished),
            ("giftdesk_queue_age_seconds", "Age of the oldest unfinished event.", oldest),
            ("giftdesk_held_events", "Events that kept failing and wait for staff.", held),
            ("giftdesk_workers", "Worker processes that reported within the last minute.", workers),
            ("giftdesk_surging_workers", "Those of them that answer lists as they were kept: too much waits.", surging),
            ("giftdesk_undecided_vouchers", "Vouchers that only staff can end: whether Got It issued them.", undecided),
            ("giftdesk_relays", "Events that other tools on LINE's channel have not got yet.", relays),
            ("giftdesk_relay_age_seconds", "Age of the oldest of these.", oldest_relay),
        )

    def collect(self):  # type: ignore[no-untyped-def]  # prometheus-client's own signature has no types
        """One gauge each."""
        for name, text, value in self.values:
            yield GaugeMetricFamily(name, text, value=value)


def page(queue: Queue | None = None) -> bytes:
    """Everything, in Prometheus' text format."""
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # It has no types.
    if queue is not None:
        registry.register(queue)
    return generate_latest(registry)

"""Traces: one for each event, with what it took and nothing of people."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest
from aiohttp import web
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bot.channels import Receipt
from bot.config import load_settings
from bot.errors import ConfigurationError
from bot.telemetry import tracing
from engine.desk import Crash, Desk
from engine.processes import ROOT, free_port
from engine.shopping import newcomer

CODE = "WELCOME2026"
WORDS = {"channel", "events", "event_id", "waited_ms", "outcome", "method", "status", "error.type"}


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What was traced, while a test looks."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    yield exporter
    tracing.use(None)


def tree(exporter: InMemorySpanExporter) -> list[tuple[str, str]]:
    """Each span and the one around it, by name, in the order they began."""
    found = sorted(exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
    names = {span.context.span_id: span.name for span in found if span.context}
    return [(span.name, names[span.parent.span_id] if span.parent else "") for span in found]


def traces(exporter: InMemorySpanExporter) -> int:
    """How many traces there are."""
    return len({span.context.trace_id for span in exporter.get_finished_spans() if span.context})


async def test_a_trace_goes_from_the_webhook_through_the_queue_to_the_delivery(
    desk: Desk, spans: InMemorySpanExporter
) -> None:
    """Its vendors are spans of their own, and so is the platform's call."""
    chat = await newcomer(desk)
    spans.clear()
    await chat.say(CODE)

    assert traces(spans) == 1
    assert tree(spans) == [
        ("webhook", ""),
        ("event", "webhook"),
        ("poshen find code", "event"),
        ("commit", "event"),
        ("deliver", "event"),
        ("platform call", "deliver"),
    ]


async def test_a_trace_tells_nothing_of_people(desk: Desk, spans: InMemorySpanExporter) -> None:
    """No id, no text, no code, no token, no address, however it ended; of an error its class."""
    chat = await newcomer(desk)
    desk.sandbox.fault("poshen", status=500)
    await chat.say(f"{CODE} please")
    desk.sandbox.clear_faults()
    await chat.say(CODE)

    found = spans.get_finished_spans()
    told = "\n".join(span.to_json() for span in found)
    for secret in (chat.user, CODE, "please", "http:", "/v2/bot", "R-", "Bearer"):
        assert secret not in told, secret
    assert {word for span in found for word in span.attributes or {}} <= WORDS
    assert not [span.events for span in found if span.events], "an error's text may quote what was written"
    failed = [span for span in found if span.name.startswith("poshen") and not span.status.is_ok]
    assert {(span.attributes or {})["error.type"] for span in failed} == {"UpstreamUnavailable"}


async def test_a_delivery_after_a_crash_belongs_to_the_same_trace(desk: Desk, spans: InMemorySpanExporter) -> None:
    """What was committed goes out with another worker."""
    chat = await newcomer(desk)
    spans.clear()
    desk.post(chat.phone.says(CODE))

    async def dies(*_: object) -> Receipt:
        raise Crash

    with pytest.raises(Crash):
        await desk.run(desk.wrapped("line", dies))
    await desk.run()

    assert traces(spans) == 1
    assert [name for name, _ in tree(spans)].count("deliver") == 2


def test_switched_off_a_span_is_nothing() -> None:
    """Always the same object, nothing to be carried, and OpenTelemetry is not even loaded."""
    with tracing.span("a", "client", parent="x", channel="line") as span:
        span.set(outcome="ok")
        assert tracing.carried() is None
    assert tracing.span("b") is span
    loaded = "import sys, bot.worker, bot.web; print([name for name in sys.modules if 'opentelemetry' in name])"
    done = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_without_the_extra_the_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the first webhook."""

    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("bot.config.find_spec", missing)
    with pytest.raises(ConfigurationError, match=r"pip install giftdesk\[otel\]"):
        load_settings(otel_exporter_otlp_endpoint="http://127.0.0.1:4318")
    load_settings()


async def test_spans_reach_a_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """As OTLP over HTTP, at the latest when the process ends."""
    came: list[tuple[str, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        came.append((request.path, await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        tracing.start(f"http://127.0.0.1:{port}/", "worker", "1.2.3")
        with tracing.span("event", "consumer", channel="line"):
            pass
        await asyncio.to_thread(tracing.stop)
    finally:
        await runner.cleanup()

    assert [path for path, _ in came] == ["/v1/traces"]
    assert all(word in came[0][1] for word in (b"giftdesk", b"1.2.3", b"worker", b"event", b"line"))

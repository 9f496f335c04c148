"""Traces, for whoever sets OTEL_EXPORTER_OTLP_ENDPOINT: one for each event, from webhook through queue to delivery.

A span is a name and a few words of ours: a channel, a vendor and what it was asked for, our own number of the event,
how it ended. It is never given an id of a person, a text, a code or an address; of an error it has the class alone,
since the text may quote what people wrote.

OpenTelemetry is loaded when it is switched on. Switched off, a span is a comparison and an object that is always there.
"""

from __future__ import annotations

from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

Kind = Literal["internal", "server", "client", "consumer"]
EXPORT_SECONDS = 3  # A collector that is away must not keep a worker from ending.

_tracer: Tracer | None = None
_provider: TracerProvider | None = None


class _Off:
    """What stands for every span while nobody looks."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def set(self, **words: str | float) -> None:
        """Nothing."""


class _On:
    """One span, current until its block ends."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span

    def __enter__(self) -> Self:
        from opentelemetry import context, trace  # noqa: PLC0415 - loaded when it was switched on

        self._token: Token[Context] = context.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        from opentelemetry import context, trace  # noqa: PLC0415 - the same

        if kind is not None:
            self._span.set_attribute("error.type", kind.__name__)
            self._span.set_status(trace.StatusCode.ERROR)
        context.detach(self._token)
        self._span.end()

    def set(self, **words: str | float) -> None:
        """Add what is known by now."""
        self._span.set_attributes(words)


_OFF = _Off()


def span(name: str, kind: Kind = "internal", *, parent: str | None = None, **words: str | float) -> _Off | _On:
    """A span, as a block: `with span("commit"):`. parent: what `carried` said elsewhere; else the block around it."""
    if _tracer is None:
        return _OFF
    from opentelemetry import trace  # noqa: PLC0415 - loaded when it was switched on

    around = _context(parent) if parent else None
    return _On(_tracer.start_span(name, around, trace.SpanKind[kind.upper()], words))


def carried() -> str | None:
    """The current span as a text that can be stored beside what it is about, for `parent`; None when switched off."""
    if _tracer is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 - the same

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


def _context(parent: str) -> Context:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 - the same

    return TraceContextTextMapPropagator().extract({"traceparent": parent})


def start(endpoint: str, process: str, version: str) -> None:
    """Send spans to an OTLP collector (HTTP) from now on; nothing when `endpoint` is empty.

    process: `web` or `worker`. Further OTEL_… variables (headers, sampler) are read by OpenTelemetry itself.
    """
    if not endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    about = {"service.name": "giftdesk", "service.version": version, "giftdesk.process": process}
    provider = TracerProvider(resource=Resource.create(about))
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    use(provider)


def use(provider: TracerProvider | None) -> None:
    """Make spans with this provider, or none."""
    global _tracer, _provider
    _provider, _tracer = provider, provider.get_tracer("giftdesk") if provider else None


def stop() -> None:
    """Send what is left, for a few seconds at most, and make no more."""
    provider = _provider
    use(None)
    if provider is not None:
        provider.shutdown()

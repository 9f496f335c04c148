"""The web process: checks, stores and acknowledges webhooks, and does nothing else."""

from __future__ import annotations

import hmac
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import psycopg
from flask import Flask, Response, request
from psycopg_pool import ConnectionPool, PoolTimeout

from bot import __version__
from bot.channels import Elsewhere, Inbound, Json, Malformed
from bot.channels.entrances import code_links
from bot.channels.intake import arrivals, by_path, inbound_channels
from bot.channels.line.relay import Copies, targets_of
from bot.channels.messenger.pictures import PATH as PICTURES
from bot.config import Settings, load_settings
from bot.storage import arrivals as storage
from bot.storage import chart_links, counter_pictures, export_files
from bot.storage import exports as links
from bot.storage import pictures as drawings
from bot.storage.arrivals import RelayState
from bot.storage.export_files import CODES, DATA, HANDED, POSTERS, Given, Made, Shelf
from bot.storage.exports import Shown
from bot.storage.version import is_current
from bot.storage.writer import PATIENCE, NotStoredError, Writer
from bot.telemetry import metrics, tracing
from bot.telemetry.log import configure, log

T = TypeVar("T")

MAX_BODY = 1024 * 1024
CONNECTIONS = 4  # for the pages; webhooks have the writer's
GRANIAN = "GIFTDESK_GRANIAN"  # The process that keeps ours; `serve_web` sets it.
RECONNECT = 2.0  # seconds; psycopg's pool would pause for twice as long after each failure, up to minutes


def _split(channels: Sequence[Inbound], body: bytes) -> tuple[Inbound, list[tuple[str, Json]]]:
    """The channel that a webhook is of, and its raw events. Raises Malformed, or Elsewhere when it is of none."""
    *others, last = channels
    for channel in others:
        with suppress(Elsewhere):
            return channel, channel.split(body)
    return last, last.split(body)


def _copies(settings: Settings) -> dict[str, Copies]:
    """What makes the copies for other tools, by the channel that they share with us."""
    if settings.passes_on is None:
        return {}
    from bot.services.sealing import Sealer  # noqa: PLC0415 - 25 MB that only this needs here

    return {"line": Copies(targets_of(settings), RelayState(settings.passes_on), Sealer(settings.secret))}


def create_app(settings: Settings | None = None, clock: Callable[[], datetime] | None = None) -> Flask:
    """The Flask application; granian calls this in each of its workers.

    clock: of tests. Without one, what is stored has the database's time, whatever this machine believes.
    """
    if settings is None:
        settings = load_settings()
        configure(settings.log_level, settings.log_format)
        tracing.start(settings.otel_exporter_otlp_endpoint, "web", __version__)
        _leave_with_granian()
    app = Flask("giftdesk", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    paths = by_path(inbound_channels(settings))
    verify_token = settings.messenger_verify_token.get_secret_value()
    pool = ConnectionPool(
        settings.database_url,
        min_size=0,
        max_size=CONNECTIONS,
        timeout=PATIENCE,
        reconnect_timeout=RECONNECT,
        check=ConnectionPool.check_connection,  # Pages are rare, and a restarted database must not cost one.
        kwargs={"autocommit": True},
        open=True,
    )
    copying = _copies(settings)
    writer = Writer(settings.database_url, copies=bool(copying))
    app.extensions.update(pool=pool, writer=writer)
    now = clock or (lambda: datetime.now(UTC))
    told: set[str] = set()  # of what the log has said once that it is ignored

    @app.post("/webhooks/<name>")
    def receive(name: str) -> Response:
        channels = paths.get(name)
        if channels is None:
            return _plain("No such channel, or its credentials are not set.", 404)
        body = request.get_data(cache=False)
        if not channels[0].genuine(body, dict(request.headers)):  # Those that share an address share the secret.
            # Not silent: a wrong channel secret looks just like this, and somebody must find it.
            hint = "another secret, or a proxy that changes body or headers; `giftdesk doctor` tells which"
            log.warning("webhook with a wrong or missing signature", channel=name, size=len(body), hint=hint)
            metrics.WEBHOOKS.labels(name, "bad signature").inc()
            return _plain("The signature does not match the channel's secret.", 401)
        try:
            channel, events = _split(channels, body)
        except Malformed:
            metrics.WEBHOOKS.labels(name, "malformed").inc()
            return _plain("This is not a webhook body of this platform.", 400)
        except Elsewhere as other:
            # An error would make the platform deliver it again and again, and in the end no webhook at all.
            metrics.WEBHOOKS.labels(name, "not ours").inc()
            if str(other) not in told and len(told) < 100:
                told.add(str(other))
                log.warning("webhooks that are not about our page are ignored", channel=name, object=str(other))
            return _plain("OK", 200)
        if events:
            try:
                copies = copying.get(channel.name)
                signature = request.headers.get("X-Line-Signature", "")
                copied = copies.of(body, signature, events) if copies else ()
                with tracing.span("webhook", "server", channel=channel.name, events=len(events)):
                    stored = arrivals(channel, events, now(), trace=tracing.carried(), copies=copied)
                    writer.store(stored, clock and clock())
            except NotStoredError as problem:
                log.error("webhook not stored, the platform has to deliver it again", error=str(problem))
                metrics.WEBHOOKS.labels(name, "not stored").inc()
                return _plain("The database cannot be reached.", 503)
        metrics.WEBHOOKS.labels(name, "stored").inc()
        return _plain("OK", 200)

    @app.get("/webhooks/messenger")
    def subscribe() -> Response:
        """Meta asks whether we are the ones: https://developers.facebook.com/docs/messenger-platform/webhooks"""
        asked = request.args
        right = hmac.compare_digest(asked.get("hub.verify_token", "").encode(), verify_token.encode())
        if asked.get("hub.mode") == "subscribe" and verify_token and right and "hub.challenge" in asked:
            return _plain(asked["hub.challenge"], 200)
        return _plain("The verify token does not match MESSENGER_VERIFY_TOKEN.", 403)

    def offer(shelf: Shelf, token: str) -> Response:
        """Say what the link is for; the button on the page fetches it."""
        export_id = export_files.read(settings.secret, token, shelf)
        if export_id is None:
            return _private(_plain("There is no such link.", 404))
        try:
            with pool.connection() as connection:
                found = links.words(connection, export_id, clock and clock(), shelf)
        except (psycopg.Error, PoolTimeout):
            return _private(_plain("The database cannot be reached.", 503))
        if found is None:
            return _private(_plain("There is no such link.", 404))
        words, good = found
        page = export_files.page(words, colour=settings.brand_color, gone=not good)
        return _private(Response(page, 200 if good else 410, content_type="text/html; charset=utf-8"))

    def fetch(
        shelf: Shelf,
        use: Callable[[psycopg.Connection[Any], int, datetime | None], T],
        shown: Callable[[int, T], Response],
        token: str,
    ) -> Response:
        """What the link is for, once. use: uses the link up and reads it. shown: the answer that it makes."""
        export_id = export_files.read(settings.secret, token, shelf)
        if export_id is None:
            return _private(_plain("There is no such link.", 404))
        try:
            with pool.connection() as connection:
                found = use(connection, export_id, clock and clock())
        except (psycopg.Error, PoolTimeout):
            return _private(_plain("The database cannot be reached.", 503))
        return shown(export_id, found) if found else offer(shelf, token)  # It says that the link is gone.

    def codes_of_job(export_id: int, codes: Sequence[Made]) -> Response:
        log.info("codes downloaded", export=export_id, codes=len(codes))
        made = export_files.file(codes, settings.zone, code_links(settings) if codes[0].linked else None)
        return _private(_file(made, "text/csv", f'attachment; filename="J-{codes[0].job_id}.csv"'))

    def own_data(export_id: int, file: str | None) -> Response:
        """Shown, since the browsers inside chat apps cannot save what a button sends."""
        log.info("own data fetched", export=export_id)
        return _private(_file(file or "", "text/html", 'inline; filename="my-data.html"'))

    def handed_over(export_id: int, given: Sequence[Given]) -> Response:
        log.info("hand-overs downloaded", export=export_id, rows=len(given))
        file = export_files.handed_file(given, settings.zone)
        return _private(_file(file, "text/csv", 'attachment; filename="hand-overs.csv"'))

    def posters(_export_id: int, poster: Shown | None) -> Response:
        """All pictures on one page, since the browsers inside chat apps cannot save what a button sends."""
        assert poster is not None, "an empty one is not shown"
        from bot.channels.poster_picture import pictures  # noqa: PLC0415 - Pillow is for those who print posters

        drawn = pictures(settings, poster.token, poster.says, poster.code)
        page = export_files.pictures(poster.page, drawn, colour=settings.brand_color, name=poster.name)
        answer = _private(Response(page, 200, content_type="text/html; charset=utf-8"))
        answer.headers["Content-Security-Policy"] = f"img-src data:; {answer.headers['Content-Security-Policy']}"
        return answer

    for shelf, fetching in (
        (CODES, partial(fetch, CODES, links.use, codes_of_job)),
        (DATA, partial(fetch, DATA, links.use_data, own_data)),
        (HANDED, partial(fetch, HANDED, links.use_handed, handed_over)),
        (POSTERS, partial(fetch, POSTERS, links.use_poster, posters)),
    ):
        app.get(f"{shelf.path}<token>", endpoint=f"offer {shelf.purpose}")(partial(offer, shelf))
        app.post(f"{shelf.path}<token>", endpoint=f"fetch {shelf.purpose}")(fetching)

    @app.get(f"{chart_links.PATH}<name>")
    def show_chart(name: str) -> Response:
        """A picture of numbers for staff, to whoever has its address, while that is good. The database is not asked."""
        chart = chart_links.read(settings.secret, name, now())
        if chart is None:
            return _private(_plain("There is no such picture.", 404))
        from bot.channels.chart import draw  # noqa: PLC0415 - Pillow is for those who look at charts

        return _private(Response(draw(chart, settings.brand_color), 200, content_type="image/png"))

    @app.get(f"{counter_pictures.PATH}<name>")
    def show_qr(name: str) -> Response:
        """The QR of a one-time code, while the code can be used."""
        code_id = counter_pictures.read(settings.secret, name)
        if code_id is None:
            return _private(_plain("There is no such picture.", 404))
        try:
            with pool.connection() as connection:
                found = counter_pictures.live(connection, code_id, clock and clock())
        except (psycopg.Error, PoolTimeout):
            return _private(_plain("The database cannot be reached.", 503))
        if found is None:
            return _private(_plain("There is no such picture.", 404))
        from bot.channels.qr import draw  # noqa: PLC0415 - segno is for those who show codes

        symbols = counter_pictures.symbols_of(settings.secret, code_id, found.purpose)
        png = draw(counter_pictures.link_of(found.opens, found.purpose, symbols))
        return _private(Response(png, 200, content_type="image/png"))

    @app.get(f"{PICTURES}<name>")
    def show_picture(name: str) -> Response:
        """One of our drawn pictures, fetched by Meta's servers; it is the same for everybody, and for ever."""
        try:
            with pool.connection() as connection:
                png = drawings.read(connection, name)
        except (psycopg.Error, PoolTimeout):
            return _plain("The database cannot be reached.", 503)
        if png is None:
            return _plain("There is no such picture.", 404)
        answer = Response(png, 200, content_type="image/png")
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    @app.get("/healthz")
    def alive() -> Response:
        return _plain("OK", 200)

    @app.get("/readyz")
    def ready() -> Response:
        try:
            with pool.connection() as connection:
                if is_current(connection):
                    return _plain("OK", 200)
            return _plain("Migrations are missing: run `giftdesk migrate`.", 503)
        except (psycopg.Error, PoolTimeout):
            return _plain("The database cannot be reached.", 503)

    @app.get("/metrics")
    def measures() -> Response:
        try:
            with pool.connection() as connection:
                waiting = connection.execute(storage.QUEUE_STATE).fetchone() or (0, 0.0, 0, 0, 0.0)
                working = connection.execute(storage.AT_WORK).fetchone() or (0, 0, 0)
            queue = metrics.Queue(*waiting, *working)
        except (psycopg.Error, PoolTimeout):
            queue = None
        return Response(metrics.page(queue), content_type="text/plain; version=0.0.4; charset=utf-8")

    @app.errorhandler(413)
    def too_large(_error: Exception) -> Response:
        return _plain("A webhook body has at most 1 MB.", 413)

    return app


def _leave_with_granian() -> None:
    """Stop when granian's own process is gone: by kill -9 it leaves us behind, holding its port."""
    granian = os.environ.get(GRANIAN)
    if granian is None:
        return

    def watch() -> None:
        while str(os.getppid()) == granian:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        os._exit(1)

    threading.Thread(target=watch, name="granian", daemon=True).start()


def _private(answer: Response) -> Response:
    """An answer that is kept nowhere, framed by nobody, and runs nothing."""
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return answer


def _file(content: str | bytes, kind: str, disposition: str) -> Response:
    return Response(content, 200, {"Content-Disposition": disposition}, content_type=f"{kind}; charset=utf-8")


def _plain(text: str, status: int) -> Response:
    return Response(text, status, content_type="text/plain; charset=utf-8")

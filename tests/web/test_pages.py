"""The other pages of the web process: verification, health, readiness and measures."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from typing import Any

import pytest
from chat import close
from engine.desk import Desk, another_database, desk_settings

from bot.storage import export_files, pictures, schema
from bot.web import create_app

RIGHT = {"hub.mode": "subscribe", "hub.verify_token": "sandbox-verify-token", "hub.challenge": "1158201444"}


def opened(desk: Desk, database: str) -> Any:
    app = create_app(desk_settings(database, desk.sandbox))
    return app, app.test_client()


def nowhere() -> str:
    """A database address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"postgresql://nobody@127.0.0.1:{port}/nothing"


async def test_metas_question_is_answered_with_its_challenge(desk: Desk) -> None:
    """The challenge comes back as it was, as plain text."""
    answer = desk.web.get("/webhooks/messenger", query_string=RIGHT)

    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.content_type.startswith("text/plain")


@pytest.mark.parametrize(
    "wrong",
    [
        {"hub.verify_token": "guess"},
        {"hub.verify_token": ""},
        {"hub.mode": "unsubscribe"},
        {"hub.verify_token": None},
        {"hub.mode": None},
        {"hub.challenge": None},
        {"hub.verify_token": "權杖"},
    ],
)
async def test_a_wrong_question_is_refused(desk: Desk, wrong: dict[str, str | None]) -> None:
    """Without the right token nothing is echoed."""
    query = {name: value for name, value in {**RIGHT, **wrong}.items() if value is not None}
    answer = desk.web.get("/webhooks/messenger", query_string=query)

    assert answer.status_code == 403
    assert "1158201444" not in answer.text


async def test_without_messenger_the_empty_token_is_refused(desk: Desk) -> None:
    """A channel that is off has no token, and no token is not the right one."""
    off = {"messenger_app_secret": "", "messenger_page_access_token": "", "messenger_verify_token": ""}
    off |= {"instagram_account_id": ""}
    app = create_app(desk_settings(desk.database, desk.sandbox, **off))
    answer = app.test_client().get("/webhooks/messenger", query_string={**RIGHT, "hub.verify_token": ""})
    close(app)

    assert answer.status_code in (403, 404)


async def test_healthz_needs_no_database(desk: Desk) -> None:
    """The process lives, whatever the database does."""
    app, client = opened(desk, nowhere())
    answer = client.get("/healthz")
    close(app)

    assert answer.status_code == 200


async def test_readyz_with_everything_in_place(desk: Desk) -> None:
    """200 once database and migrations are there."""
    assert desk.web.get("/readyz").status_code == 200


async def test_readyz_without_migrations(desk: Desk, database: str) -> None:
    """503 in a database that nobody migrated, and 200 as soon as somebody has."""
    url = await another_database(database, "fresh")
    app, client = opened(desk, url)
    before = client.get("/readyz")
    schema.migrate(url)
    after = client.get("/readyz")
    close(app)

    assert (before.status_code, after.status_code) == (503, 200)
    assert "migrate" in before.text


async def test_readyz_without_a_server(desk: Desk) -> None:
    """503, and without waiting for ever."""
    app, client = opened(desk, nowhere())
    answer = client.get("/readyz")
    close(app)

    assert answer.status_code == 503


async def test_a_webhook_without_a_database_is_to_be_delivered_again(desk: Desk) -> None:
    """503 is what makes a platform come back; 200 would lose the message."""
    webhook = desk.sandbox.phone("line").says("hello")
    app, client = opened(desk, nowhere())
    answer = client.post(webhook.path, data=webhook.body, headers=webhook.headers)
    close(app)

    assert answer.status_code == 503


async def test_a_webhook_before_the_migrations_is_to_be_delivered_again(desk: Desk, database: str) -> None:
    """A web process that is up first must not drop what comes."""
    url = await another_database(database, "fresher")
    webhook = desk.sandbox.phone("line").says("hello")
    app, client = opened(desk, url)
    answer = client.post(webhook.path, data=webhook.body, headers=webhook.headers)
    close(app)

    assert answer.status_code == 503


async def test_connections_that_died_are_replaced_within_the_request(desk: Desk) -> None:
    """After a restart of the database the very next webhook is stored."""
    phone = desk.sandbox.phone("line")
    desk.post(phone.says("hello"))
    await desk.pool.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    assert desk.post(phone.says("hello again")) == 200
    assert await desk.pool.fetchval("SELECT count(*) FROM events") == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_link_without_a_database_can_be_tried_again(desk: Desk, method: str) -> None:
    """503, kept nowhere; a link that nobody signed is not even looked up."""
    app, client = opened(desk, nowhere())
    path = f"/exports/{export_files.sign(desk.settings.secret, 1)}"
    answer = client.open(path, method=method)
    forged = client.open("/exports/1.AAAAAAAAAAAAAAAAAAAAAAAA", method=method)
    close(app)

    assert (answer.status_code, answer.headers["Cache-Control"]) == (503, "no-store")
    assert (forged.status_code, forged.headers["Cache-Control"]) == (404, "no-store")


async def test_a_link_that_was_forgotten_is_nothing(desk: Desk) -> None:
    """Signed, but its row is gone."""
    path = f"/exports/{export_files.sign(desk.settings.secret, 987654321)}"

    assert desk.web.get(path).status_code == desk.web.post(path).status_code == 404


def test_the_web_process_stays_light() -> None:
    """Quick and small: neither the worker's database nor HTTP clients are loaded."""
    heavy = ("sqlalchemy", "asyncpg", "aiohttp", "httpx", "linebot", "babel", "cryptography", "PIL")
    script = f"import bot.web, sys; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


async def test_metrics_show_every_promised_series(desk: Desk) -> None:
    """After one answered message: webhooks, events, times, vendors, and the queue as it is."""
    chat = desk.chat("line")
    await chat.say("我的獎品")
    desk.post(chat.phone.says("not answered yet"))
    await desk.pool.execute("UPDATE events SET held_at = now() WHERE state = 'done'")
    for name, ago in (("at work", "10 seconds"), ("gone", "2 minutes")):
        await desk.pool.execute("INSERT INTO workers VALUES ($1, now() - $2::text::interval, '{}')", name, ago)
    page = desk.web.get("/metrics")

    assert page.status_code == 200
    for series in (
        r'giftdesk_webhooks_total\{channel="line",result="stored"\} [1-9]',
        r'giftdesk_events_total\{channel="line",outcome="answered"\} [1-9]',
        r'giftdesk_turn_seconds_count\{channel="line"\} [1-9]',
        r'giftdesk_answered_seconds_count\{channel="line"\} [1-9]',
        r'giftdesk_vendor_seconds_count\{[^}]*vendor="mantago"[^}]*\} [1-9]',
        r"giftdesk_queue_depth 1\.0",
        r"giftdesk_queue_age_seconds \d",
        r"giftdesk_held_events 1\.0",
        r"giftdesk_workers 1\.0",
        r"giftdesk_undecided_vouchers 0\.0",
    ):
        assert re.search(series, page.text), f"{series}\n{page.text}"


async def test_metrics_are_shown_without_a_database(desk: Desk) -> None:
    """What is counted in memory is still worth seeing, then above all."""
    app, client = opened(desk, nowhere())
    answer = client.get("/metrics")
    close(app)

    assert answer.status_code == 200
    assert "giftdesk_webhooks_total" in answer.text
    assert "giftdesk_queue_depth" not in answer.text


async def test_pictures_are_served_to_anybody_and_for_ever(desk: Desk) -> None:
    """Nothing in them is anybody's; what was never drawn is not found."""
    await pictures.add(desk.pool, "gifts-0123456789ab.png", b"\x89PNG")
    answer = desk.web.get("/pictures/gifts-0123456789ab.png")

    assert (answer.status_code, answer.content_type, answer.data) == (200, "image/png", b"\x89PNG")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for name in ("gifts.png", "gifts-ba9876543210.png", "..%2Fsecret_key", "", "%00", "字"):
        assert desk.web.get(f"/pictures/{name}").status_code == 404

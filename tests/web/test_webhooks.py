"""What the web process accepts, and what it stores of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from chat import close
from engine.desk import Desk, desk_settings
from structlog.testing import capture_logs

from bot.storage.queue import EVENT
from bot.web import MAX_BODY, create_app
from sandbox import Phone, Sandbox, Webhook
from sandbox.phone import line_signature, messenger_signature

OLD, NEW = "an old channel secret of before", "a new channel secret of after"


@pytest.fixture
def phone(desk: Desk, channel: str) -> Phone:
    """Somebody's phone, on every channel."""
    return desk.sandbox.phone(channel, "yu")


async def rows(desk: Desk) -> list[asyncpg.Record]:
    found: list[asyncpg.Record] = await desk.pool.fetch("SELECT * FROM events ORDER BY id")
    return found


async def jobs(desk: Desk) -> list[str]:
    found = await desk.pool.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = 'event' ORDER BY id")
    return [row["payload"].decode() for row in found]


def changed(phone: Phone, webhook: Webhook, change: Any) -> Webhook:
    """A webhook with `change` applied to its first event, signed again."""
    body = webhook.json
    change(body["events"][0] if phone.channel == "line" else body["entry"][0]["messaging"][0])
    return phone.signed(body)


# ── signatures ───────────────────────────────────────────────────────────────────────────────


async def test_a_genuine_event_is_stored_with_its_job(desk: Desk, phone: Phone) -> None:
    """One row, and one job that names the event and its chat."""
    assert desk.post(phone.says("hello")) == 200

    (event,) = await rows(desk)
    assert event["state"] == "new"
    assert await jobs(desk) == [f"{event['id']}:{event['chat']}"]
    assert event["chat"] == f"{phone.channel}:{phone.account}:{phone.user}"


async def test_a_wrong_signature_is_refused(desk: Desk, phone: Phone) -> None:
    """Signed with another secret: 401, and nothing is stored."""
    forged = Phone(phone.channel, phone.user, secret="somebody else's").says("hello")

    assert desk.post(forged) == 401
    assert await rows(desk) == []


async def test_a_missing_signature_is_refused(desk: Desk, phone: Phone) -> None:
    """Not signed at all: 401, and nothing is stored."""
    webhook = phone.says("hello")

    assert desk.post(webhook._replace(headers={"Content-Type": "application/json"})) == 401
    assert await rows(desk) == []


async def test_a_changed_body_is_refused(desk: Desk, phone: Phone) -> None:
    """The signature is of these very bytes: one more blank and it is another's."""
    webhook = phone.says("hello")

    assert desk.post(webhook._replace(body=webhook.body + b" ")) == 401
    assert await rows(desk) == []


@pytest.fixture
async def rotating(desk: Desk) -> AsyncIterator[Any]:
    """A web application that accepts two channel secrets."""
    app = create_app(desk_settings(desk.database, desk.sandbox, line_channel_secret=f"{OLD},{NEW}"), desk.clock)
    yield app.test_client()
    close(app)


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_both_secrets_of_a_rotation_are_accepted(rotating: Any, secret: str) -> None:
    """While a secret is being changed, events signed with either are taken."""
    webhook = Phone("line", "U" + "1" * 32, secret=secret).says("hello")

    assert rotating.post(webhook.path, data=webhook.body, headers=webhook.headers).status_code == 200


def test_a_third_secret_is_refused_during_a_rotation(rotating: Any) -> None:
    """Two secrets do not make any secret right, and neither does their list."""
    webhook = Phone("line", "U" + "1" * 32, secret=f"{OLD},{NEW}").says("hello")

    assert rotating.post(webhook.path, data=webhook.body, headers=webhook.headers).status_code == 401


# ── bodies ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b'{"events":' + b"[" * 100_000])
async def test_a_malformed_body_is_a_bad_request(desk: Desk, body: bytes) -> None:
    """Signed, but not what LINE sends: 400, and the process lives."""
    headers = {"x-line-signature": line_signature(desk.sandbox.phone("line").secret, body)}

    assert desk.post(Webhook("/webhooks/line", headers, body)) == 400


@pytest.mark.parametrize("about", ["user", "permissions", "somethingNew"])
async def test_a_webhook_about_something_else_than_a_page_is_accepted_and_ignored(desk: Desk, about: str) -> None:
    """Meta signs it in the same way, and would deliver again what is refused; the log says so once."""
    phone = desk.sandbox.phone("messenger")
    webhook = phone.signed({**phone.says("hello").json, "object": about})
    app = create_app(desk_settings(desk.database, desk.sandbox), desk.clock)
    with capture_logs() as logged:
        answers = [app.test_client().post(webhook.path, data=webhook.body, headers=webhook.headers) for _ in range(3)]
    close(app)

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert await rows(desk) == await jobs(desk) == []
    assert [entry["object"] for entry in logged if "ignored" in entry["event"]] == [about]


async def test_instagram_is_ignored_where_it_is_off(desk: Desk) -> None:
    """An app that has only the page is told of the account as well."""
    webhook = desk.sandbox.phone("instagram").says("hello")
    app = create_app(desk_settings(desk.database, desk.sandbox, instagram_account_id=""), desk.clock)
    answer = app.test_client().post(webhook.path, data=webhook.body, headers=webhook.headers)
    close(app)

    assert answer.status_code == 200
    assert await rows(desk) == await jobs(desk) == []


@pytest.mark.parametrize("body", [b"{}", b"[]", b'"page"', b'{"object":null}'])
async def test_a_webhook_about_nothing_is_a_bad_request(desk: Desk, body: bytes) -> None:
    """Signed, but not what Meta sends."""
    headers = {"X-Hub-Signature-256": messenger_signature(desk.sandbox.phone("messenger").secret, body)}

    assert desk.post(Webhook("/webhooks/messenger", headers, body)) == 400


async def test_another_object_with_a_wrong_signature_is_refused(desk: Desk) -> None:
    """Only what Meta signed is believed to be Meta's."""
    webhook = Phone("messenger", "1", secret="somebody else's").signed({"object": "instagram", "entry": []})

    assert desk.post(webhook) == 401


async def test_an_unknown_channel_is_not_found(desk: Desk) -> None:
    """There is no such door."""
    assert desk.post(desk.sandbox.phone("line").says("hello")._replace(path="/webhooks/telegram")) == 404


async def test_a_channel_without_credentials_is_not_found(desk: Desk) -> None:
    """A channel that is off must not accept what an empty secret signs."""
    off = {"messenger_app_secret": "", "messenger_page_access_token": "", "messenger_verify_token": ""}
    off |= {"instagram_account_id": ""}
    app = create_app(desk_settings(desk.database, desk.sandbox, **off))
    webhook = Phone("messenger", "1", secret="").says("hello")

    found = app.test_client().post(webhook.path, data=webhook.body, headers=webhook.headers)
    close(app)
    assert found.status_code == 404


async def test_the_consoles_empty_webhook_is_accepted(desk: Desk) -> None:
    """LINE's Verify button posts no event."""
    assert desk.post(desk.sandbox.phone("line").verifies()) == 200
    assert await rows(desk) == []


async def test_a_body_of_more_than_a_megabyte_is_refused(desk: Desk, phone: Phone) -> None:
    """Right to the limit is fine, beyond it is 413."""
    webhook = phone.says("x")
    padding = b" " * (MAX_BODY - len(webhook.body))
    assert desk.post(webhook._replace(body=webhook.body + padding)) == 401  # Read, and then the signature is wrong.

    assert desk.post(webhook._replace(body=webhook.body + padding + b" ")) == 413


# ── duplicates ───────────────────────────────────────────────────────────────────────────────


async def test_the_same_event_twice_in_one_body_is_stored_once(desk: Desk, phone: Phone) -> None:
    """A key is unique within a request too."""
    webhook = phone.says("hello")

    assert desk.post(phone.together(webhook, webhook)) == 200
    assert len(await rows(desk)) == len(await jobs(desk)) == 1


async def test_a_redelivered_event_is_stored_once(desk: Desk, phone: Phone) -> None:
    """Later requests with the same key change nothing and are accepted."""
    webhook = phone.says("hello")

    assert [desk.post(each) for each in (webhook, phone.redelivered(webhook), webhook)] == [200, 200, 200]
    assert len(await rows(desk)) == len(await jobs(desk)) == 1


async def test_an_event_without_a_key_of_its_own_is_known_by_its_content(desk: Desk) -> None:
    """LINE may leave webhookEventId out; the same event is still the same."""
    phone = desk.sandbox.phone("line")
    webhook = changed(phone, phone.says("hello"), lambda event: event.pop("webhookEventId"))
    other = changed(phone, phone.says("hello"), lambda event: event.pop("webhookEventId"))

    for each in (webhook, phone.redelivered(webhook), other):
        assert desk.post(each) == 200
    assert len(await rows(desk)) == 2


async def test_concurrent_deliveries_of_one_event_store_it_once(desk: Desk, phone: Phone) -> None:
    """Twenty threads post the same event and one event of their own each, at the same time."""
    same = phone.says("hello")
    bodies = [phone.together(same, phone.says(f"mine {nr}")) for nr in range(20)]

    with ThreadPoolExecutor(8) as threads:
        # Werkzeug's client is not for several threads; each has its own.
        app = desk.web.application
        statuses = list(
            threads.map(
                lambda each: app.test_client().post(each.path, data=each.body, headers=each.headers).status_code, bodies
            )
        )

    assert statuses == [200] * 20
    assert len(await rows(desk)) == len(await jobs(desk)) == 21


async def test_the_same_key_on_two_accounts_is_two_events(desk: Desk) -> None:
    """Event ids are only unique per account."""
    webhook = desk.sandbox.phone("line").says("hello")
    other = Phone("line", "U" + "1" * 32, account="U" + "9" * 32)
    body = webhook.json
    body["destination"] = other.account

    assert desk.post(webhook) == desk.post(other.signed(body)) == 200
    assert len(await rows(desk)) == 2


# ── siblings, and what is ignored ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "not an object",
        {},
        {"type": 7, "source": [], "timestamp": "soon", "webhookEventId": {}},
        {"type": "message", "source": {"type": "user", "userId": 5}, "message": None},
        {"type": "message", "timestamp": 10**30, "source": {"type": "user", "userId": "U" + "\u0000" * 3}},
        {"type": "message", "webhookEventId": "\u0000\ud800", "source": {"type": "user", "userId": "\ud800"}},
    ],
)
async def test_one_odd_event_does_not_cost_its_siblings(desk: Desk, odd: Any) -> None:
    """The two good events around it are stored and queued."""
    phone = desk.sandbox.phone("line")
    body = phone.together(phone.says("before"), phone.says("after")).json
    body["events"].insert(1, odd)
    raw = json.dumps(body).encode()
    webhook = Webhook("/webhooks/line", {"x-line-signature": line_signature(phone.secret, raw)}, raw)

    assert desk.post(webhook) == 200
    assert [json.loads(row["payload"])["event"]["message"]["text"] for row in await rows(desk) if row["payload"]] == [
        "before",
        "after",
    ]
    assert len(await jobs(desk)) == 2


async def test_an_endless_event_id_does_not_cost_its_siblings(desk: Desk) -> None:
    """A key too long for an index is still a key."""
    phone = desk.sandbox.phone("line")
    long = changed(phone, phone.says("long"), lambda event: event.update(webhookEventId=_noise(20_000)))
    again = changed(phone, long, lambda event: event["deliveryContext"].update(isRedelivery=True))

    assert desk.post(phone.together(phone.says("before"), long)) == 200
    assert desk.post(again) == 200
    assert len(await rows(desk)) == 2


@pytest.mark.parametrize(
    "event",
    [
        {"type": "videoPlayComplete", "videoPlayComplete": {"trackingId": "x"}},
        {"type": "somethingNewOf2027", "secretsOfACustomer": "yes"},
        {"type": "message", "message": {"id": "1", "text": "private"}},
    ],
)
async def test_an_unknown_event_is_stored_as_ignored_and_without_its_content(desk: Desk, event: dict[str, Any]) -> None:
    """Only its key matters, so that it is known the next time."""
    assert desk.post(desk.sandbox.phone("line").line_event(event)) == 200

    (row,) = await rows(desk)
    assert (row["state"], row["payload"]) == ("ignored", None)
    assert await jobs(desk) == []


async def test_an_echo_of_the_page_is_never_answered(desk: Desk) -> None:
    """Or the bot would talk to itself."""
    assert desk.post(desk.sandbox.phone("messenger").echoes("hello")) == 200
    assert [row["state"] for row in await rows(desk)] == ["ignored"]


async def test_a_chat_that_somebody_else_holds_is_never_answered(desk: Desk, phone: Phone) -> None:
    """Standby events are heard and not answered."""
    assert desk.post(phone.on_standby("hello")) == 200
    assert [row["state"] for row in await rows(desk)] == ["ignored"]


async def test_a_webhook_without_messaging_is_accepted(desk: Desk) -> None:
    """Meta's dashboard has a Test button that posts a change of the page."""
    body = {"object": "page", "entry": [{"id": "0", "time": 1, "changes": [{"field": "messages", "value": {}}]}]}

    assert desk.post(desk.sandbox.phone("messenger").signed(body)) == 200
    assert await jobs(desk) == []


async def test_an_event_of_yesterday_is_never_answered(desk: Desk, phone: Phone) -> None:
    """A replayed old webhook is genuine, so its own time is what gives it away; its content is not kept."""
    desk.clock.ahead = timedelta(hours=24, seconds=5)

    assert desk.post(phone.says("private")) == 200
    (row,) = await rows(desk)
    assert (row["state"], row["payload"]) == ("ignored", None)
    assert await jobs(desk) == []


async def test_an_event_of_this_morning_is_answered(desk: Desk, phone: Phone) -> None:
    """Platforms deliver late after an outage of ours."""
    desk.clock.ahead = timedelta(hours=23)

    assert desk.post(phone.says("hello")) == 200
    assert len(await jobs(desk)) == 1


async def test_a_batch_is_stored_in_the_order_of_its_times(desk: Desk) -> None:
    """LINE does not promise order within a request; ours is by the events' own times."""
    phone = desk.sandbox.phone("line")
    later, sooner = phone.says("second"), phone.says("first")
    sooner = changed(phone, sooner, lambda event: event.update(timestamp=event["timestamp"] - 5_000))

    assert desk.post(phone.together(later, sooner)) == 200
    assert [json.loads(row["payload"])["event"]["message"]["text"] for row in await rows(desk)] == ["first", "second"]


@pytest.mark.parametrize("text", ["a\x00b", "half an emoji \ud83d", "\udfff?", "😀\u202e\ufffe"])
async def test_odd_characters_do_not_cost_a_message(desk: Desk, channel: str, text: str) -> None:
    """NUL and lone surrogates are no reason to lose a customer's text."""
    phone = desk.sandbox.phone("messenger" if channel == "messenger" else "line", "yu")
    body = phone.says("PLACE").json
    raw = json.dumps(body).replace("PLACE", json.dumps(text)[1:-1]).encode()
    signed = phone.signed(body)
    if channel == "line":
        headers = {"x-line-signature": line_signature(phone.secret, raw)}
    else:
        from sandbox.phone import messenger_signature

        headers = {"X-Hub-Signature-256": messenger_signature(phone.secret, raw)}

    assert desk.post(Webhook(signed.path, headers, raw)) == 200
    (row,) = await rows(desk)
    assert row["state"] == "new"
    await desk.run()
    assert (await desk.event())["state"] == "done"


async def test_one_statement_stores_event_and_job_together(
    desk: Desk, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the job cannot be stored, the event is not either: a row without a job would never be answered."""
    monkeypatch.setattr("bot.storage.writer.PATIENCE", 60.0)  # What is given up may be stored later.
    await desk.pool.execute("ALTER TABLE pgqueuer ADD CONSTRAINT none_today CHECK (priority <> 0) NOT VALID")
    try:
        assert desk.post(phone.says("kept by nobody")) >= 500
    finally:
        await desk.pool.execute("ALTER TABLE pgqueuer DROP CONSTRAINT none_today")

    # What is refused may be tried again, and then it has its job.
    alone = await desk.pool.fetch(
        f"SELECT id, state FROM events e WHERE payload::text LIKE '%kept by nobody%' AND {EVENT.has_none('e')}"
    )
    assert [dict(row) for row in alone] == []


def _noise(length: int) -> str:
    """A text that no compression makes short."""
    import random

    return "".join(random.Random(7).choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=length))


async def test_the_sandbox_is_not_needed_for_storing(desk: Desk, phone: Phone, sandbox: Sandbox) -> None:
    """Acknowledging a webhook calls nobody."""
    desk.post(phone.says("hello"))

    assert sandbox.calls() == []


async def test_an_endless_chat_id_does_not_cost_its_siblings(desk: Desk) -> None:
    """Nobody is called that; it is stored as ignored, and the good event is queued."""
    phone = desk.sandbox.phone("line")
    odd = changed(phone, phone.says("odd"), lambda event: event["source"].update(userId=_noise(20_000)))

    assert desk.post(phone.together(phone.says("before"), odd)) == 200
    assert sorted(row["state"] for row in await rows(desk)) == ["ignored", "new"]
    assert len(await jobs(desk)) == 1


async def test_a_database_that_became_a_replica_is_told_like_one_that_is_down(desk: Desk, phone: Phone) -> None:
    """After a failover the platform has to deliver again, as after any outage."""
    url = f"{desk.database}&options=-c%20default_transaction_read_only%3Don"
    app = create_app(desk_settings(url, desk.sandbox), desk.clock)
    webhook = phone.says("hello")
    try:
        answer = app.test_client().post(webhook.path, data=webhook.body, headers=webhook.headers)
    finally:
        close(app)

    assert answer.status_code == 503
    assert await rows(desk) == []


@pytest.mark.parametrize("depth", [300, 900])
async def test_an_endlessly_nested_event_does_not_cost_its_siblings(desk: Desk, depth: int) -> None:
    """It can be read and not be written again: it is stored as ignored, and the good event is queued."""
    phone = desk.sandbox.phone("line")
    deep: dict[str, Any] = {}
    for _ in range(depth):
        deep = {"a": deep}
    odd = changed(phone, phone.says("odd"), lambda event: event.update(extra=deep))

    assert desk.post(phone.together(phone.says("before"), odd)) == 200
    assert sorted(row["state"] for row in await rows(desk)) == ["ignored", "new"]
    assert len(await jobs(desk)) == 1


async def test_an_endless_number_beside_half_an_emoji_does_not_cost_its_siblings(desk: Desk) -> None:
    """What is read leniently may hold numbers that are not written again."""
    phone = desk.sandbox.phone("line")
    body = phone.together(phone.says("PLACE"), phone.says("odd")).json
    body["events"][1]["extra"] = 10**40
    raw = json.dumps(body).replace("PLACE", "half an emoji \\ud83d").encode()
    headers = {"x-line-signature": line_signature(phone.secret, raw)}

    assert desk.post(Webhook("/webhooks/line", headers, raw)) == 200
    assert sorted(row["state"] for row in await rows(desk)) == ["ignored", "new"]

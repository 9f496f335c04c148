"""The rules under which every vendor is called."""

from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
import traceback
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.apis.http import Breaker, Upstream, bearer, open_http, request_id
from bot.apis.reading import ShapeError
from bot.apis.transport import MAX_BODY, tls
from bot.errors import (
    ConfigurationError,
    Conflict,
    ContractError,
    CredentialsRefused,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)

from .scripted import DRIP, DROP, HANG, Clock, Vendor, calling, reply

BODY = {"pin": "s3cret-body"}
QUERY = {"code": "s3cret-query"}
OK = reply(200, {"ok": True})
CUT = reply(200, {"ok": True}, cut=3)
HTML = reply(200, b"<html>hello</html>", content_type="text/html; charset=utf-8")


async def ask(upstream: Upstream, **options: Any) -> Any:
    """A read."""
    return await upstream.call("ask", "GET", "/thing", **options)


async def tell(upstream: Upstream, **options: Any) -> Any:
    """A write."""
    return await upstream.call("tell", "POST", "/thing", json=BODY, write=True, **options)


# What is sent


async def test_a_call_sends_what_it_was_given(vendor: Vendor, clock: Clock) -> None:
    vendor.says(OK)
    async with calling(vendor, clock) as upstream:
        body: Any = await upstream.call(
            "ask", "POST", "/thing", json={"名": 1}, params={"q": "a&b"}, headers={"X-More": "yes"}
        )
    (seen,) = vendor.seen
    assert body == {"ok": True}
    assert (seen.method, seen.path, seen.query, seen.json) == (
        "POST",
        "/base/thing",
        {"q": ["a&b"]},
        {"名": 1},
    )
    assert seen.headers["accept"] == "application/json"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["x-more"] == "yes"
    assert seen.headers["authorization"] == "Bearer s3cret-token"
    assert "x-request-id" not in seen.headers


async def test_our_id_of_the_work_travels_along(vendor: Vendor, clock: Clock) -> None:
    vendor.says(OK)
    token = request_id.set("evt-1")
    try:
        async with calling(vendor, clock) as upstream:
            await ask(upstream)
            await ask(upstream, headers={"X-Request-Id": "evt-2"})
    finally:
        request_id.reset(token)
    assert [seen.headers["x-request-id"] for seen in vendor.seen] == ["evt-1", "evt-2"]


async def test_cookies_are_not_kept(vendor: Vendor, clock: Clock) -> None:
    vendor.says(reply(200, {}, set_cookie="session=someone-elses; Path=/"))
    # Cookies of bare addresses are kept by nobody.
    http = open_http(f"http://localhost:{vendor.port}/base", setting="VENDOR_API_URL", headers={})
    upstream = Upstream("vendor", http, clock=clock)
    await ask(upstream)
    await ask(upstream)
    await upstream.aclose()
    assert [seen.headers.get("cookie") for seen in vendor.seen] == [None, None]


# What is read


async def test_money_is_exact_and_compression_undone(vendor: Vendor, clock: Clock) -> None:
    vendor.says(reply(200, gzip.compress(b'{"balance": 0.10, "n": 3}'), content_encoding="gzip"))
    async with calling(vendor, clock) as upstream:
        body = await ask(upstream)
    assert body == {"balance": Decimal("0.10"), "n": 3}
    assert str(body["balance"]) == "0.10"


async def test_a_query_is_encoded_and_a_path_left_as_it_is(vendor: Vendor, clock: Clock) -> None:
    vendor.says(OK)
    async with calling(vendor, clock) as upstream:
        await upstream.call("ask", "GET", "/a%2Fb%40c", params={"phone": "+886 912", "q": "禮/&=#%", "n": 7})
    (seen,) = vendor.seen
    assert seen.target.startswith("/base/a%2Fb%40c?")
    assert seen.query == {"phone": ["+886 912"], "q": ["禮/&=#%"], "n": ["7"]}


async def test_a_204_has_no_body(vendor: Vendor, clock: Clock) -> None:
    vendor.says(reply(204))
    async with calling(vendor, clock) as upstream:
        assert await tell(upstream) is None


async def test_an_unknown_shape_is_named_by_place_and_type(vendor: Vendor, clock: Clock) -> None:
    def read(body: Any) -> None:
        raise ShapeError("/data", "an array", body["data"])

    vendor.says(reply(200, {"data": "s3cret-answer"}))
    async with calling(vendor, clock) as upstream:
        with pytest.raises(ContractError) as caught:
            await upstream.call("ask", "GET", "/thing", read)
    assert str(caught.value) == "vendor: ask: /data is a string instead of an array"


async def test_an_endless_answer_is_not_held(vendor: Vendor, clock: Clock) -> None:
    vendor.says(reply(200, b'"' + b"x" * MAX_BODY + b'"'))
    async with calling(vendor, clock) as upstream:
        with pytest.raises(ContractError, match="more than"):
            await ask(upstream)
    assert len(vendor.seen) == 1


async def test_an_answer_that_unpacks_endlessly_is_not_held(vendor: Vendor, clock: Clock) -> None:
    """A hundred megabytes in a hundred kilobytes, of which no more is unpacked than may be held."""
    vendor.says(reply(200, gzip.compress(bytes(100 * 1024 * 1024)), content_encoding="gzip"))
    async with calling(vendor, clock) as upstream:
        tracemalloc.start()
        try:
            with pytest.raises(ContractError, match="more than"):
                await ask(upstream)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 4 * MAX_BODY


@pytest.mark.parametrize("body", [b'{"n": NaN}', b"[" * 100_000, b"\xff\xfe\xfa", b'{"a": 1'])
async def test_what_is_not_json_is_never_an_answer(vendor: Vendor, clock: Clock, body: bytes) -> None:
    vendor.says(reply(200, body))
    async with calling(vendor, clock) as upstream:
        with pytest.raises(UpstreamUnavailable, match="200 with application/json instead of JSON"):
            await ask(upstream)


# The retry matrix: what went wrong, and whether a read and a write may be sent again.

AFTER_SENDING = {
    "dropped": DROP,
    "cut": CUT,
    "not JSON": HTML,
    "empty": reply(200),
    "502": reply(502, b"bad gateway"),
    "503": reply(503),
    "504": reply(504),
}


@pytest.mark.parametrize("trouble", AFTER_SENDING.values(), ids=AFTER_SENDING)
async def test_a_read_is_sent_again(vendor: Vendor, clock: Clock, trouble: bytes) -> None:
    vendor.says(trouble, trouble, OK)
    async with calling(vendor, clock) as upstream:
        assert await ask(upstream) == {"ok": True}
    assert len(vendor.seen) == 3
    assert clock.slept == [0.5, 1.0]


@pytest.mark.parametrize("trouble", AFTER_SENDING.values(), ids=AFTER_SENDING)
async def test_a_read_gives_up_after_two_retries(vendor: Vendor, clock: Clock, trouble: bytes) -> None:
    vendor.says(trouble)
    async with calling(vendor, clock) as upstream:
        with pytest.raises(UpstreamUnavailable):
            await ask(upstream)
    assert len(vendor.seen) == 3


WRITTEN = {name: trouble for name, trouble in AFTER_SENDING.items() if name != "empty"} | {"500": reply(500)}


@pytest.mark.parametrize("trouble", WRITTEN.values(), ids=WRITTEN)
async def test_a_write_is_sent_once_and_then_unknown(vendor: Vendor, clock: Clock, trouble: bytes) -> None:
    vendor.says(trouble, OK)
    async with calling(vendor, clock) as upstream:
        with pytest.raises(OutcomeUnknown):
            await tell(upstream)
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("trouble", AFTER_SENDING.values(), ids=AFTER_SENDING)
async def test_a_repeatable_write_is_sent_again(vendor: Vendor, clock: Clock, trouble: bytes) -> None:
    vendor.says(trouble, OK)
    async with calling(vendor, clock) as upstream:
        await tell(upstream, repeatable=True)
    assert len(vendor.seen) == (1 if trouble == AFTER_SENDING["empty"] else 2)


async def test_a_repeatable_write_that_may_have_arrived_stays_unknown(vendor: Vendor, clock: Clock) -> None:
    vendor.says(reply(503), reply(429))
    async with calling(vendor, clock) as upstream:
        with pytest.raises(OutcomeUnknown):
            await tell(upstream, repeatable=True)


async def test_a_definite_no_after_an_unknown_outcome_is_told(vendor: Vendor, clock: Clock) -> None:
    vendor.says(reply(503), reply(404))
    async with calling(vendor, clock) as upstream:
        with pytest.raises(NotFound):
            await tell(upstream, repeatable=True)


async def test_a_read_that_gets_no_answer_in_time_is_sent_again(vendor: Vendor, clock: Clock) -> None:
    vendor.says(HANG, OK)
    async with calling(vendor, clock, read_seconds=0.05) as upstream:
        assert await ask(upstream) == {"ok": True}
    assert len(vendor.seen) == 2


async def test_a_write_that_gets_no_answer_in_time_is_unknown(vendor: Vendor, clock: Clock) -> None:
    vendor.says(HANG, OK)
    async with calling(vendor, clock, write_seconds=0.05) as upstream:
        with pytest.raises(OutcomeUnknown, match="no answer in time"):
            await tell(upstream)
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("send", [ask, tell])
async def test_what_never_left_is_sent_again(vendor: Vendor, clock: Clock, send: Any) -> None:
    await vendor.hang_up()
    vendor.says(OK)
    clock.on_sleep = vendor.listen
    async with calling(vendor, clock) as upstream:
        assert await send(upstream) == {"ok": True}
    assert len(clock.slept) == 1


@pytest.mark.parametrize("send", [ask, tell])
async def test_nobody_listening_is_unavailable_even_for_a_write(vendor: Vendor, clock: Clock, send: Any) -> None:
    await vendor.hang_up()
    async with calling(vendor, clock) as upstream:
        with pytest.raises(UpstreamUnavailable, match="no connection"):
            await send(upstream)
    assert len(clock.slept) == 2


async def test_a_write_on_a_connection_closed_meanwhile_is_unknown(vendor: Vendor, clock: Clock) -> None:
    """It may have been closed after the write had arrived: that is no connection that never was."""
    vendor.says(OK, DROP, OK)
    async with calling(vendor, clock) as upstream:
        await tell(upstream)
        with pytest.raises(OutcomeUnknown):
            await tell(upstream)
    assert len(vendor.seen) == 2


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_write_leaves_once_whatever_its_method(vendor: Vendor, clock: Clock, method: str) -> None:
    """aiohttp would repeat these by itself on a connection that was kept."""
    vendor.says(OK, DROP, OK)
    async with calling(vendor, clock) as upstream:
        await tell(upstream)
        with pytest.raises(OutcomeUnknown):
            await upstream.call("tell", method, "/thing", json=BODY, write=True)
    assert len(vendor.seen) == 2


async def test_a_500_is_not_repeated(vendor: Vendor, clock: Clock) -> None:
    vendor.says(reply(500), OK)
    async with calling(vendor, clock) as upstream:
        with pytest.raises(UpstreamUnavailable, match="ask: 500"):
            await ask(upstream)
    assert len(vendor.seen) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, UpstreamRefused),
        (401, CredentialsRefused),
        (403, CredentialsRefused),
        (404, NotFound),
        (409, Conflict),
        (410, NotFound),
        (419, CredentialsRefused),
        (422, UpstreamRefused),
    ],
)
@pytest.mark.parametrize("send", [ask, tell])
async def test_a_definite_no_is_not_repeated(
    vendor: Vendor, clock: Clock, status: int, kind: type[UpstreamRefused], send: Any
) -> None:
    vendor.says(reply(status, {"message": "s3cret-answer"}), OK)
    async with calling(vendor, clock) as upstream:
        with pytest.raises(kind) as caught:
            await send(upstream)
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert len(vendor.seen) == 1


async def test_retries_stop_within_the_total(vendor: Vendor, clock: Clock) -> None:
    async def slow() -> None:
        clock.now += 6

    vendor.says(reply(503))
    vendor.before = slow
    async with calling(vendor, clock) as upstream:
        with pytest.raises(UpstreamUnavailable):
            await ask(upstream)
    assert len(vendor.seen) == 2


async def test_jitter_spreads_the_retries(vendor: Vendor, clock: Clock) -> None:
    vendor.says(reply(503), reply(503), OK)
    async with calling(vendor, clock, jitter=lambda: 0.0) as upstream:
        await ask(upstream)
    assert clock.slept == [0.25, 0.5]


async def test_a_drip_of_bytes_does_not_outlast_the_total(vendor: Vendor, clock: Clock) -> None:
    """No single read takes long, so a time-out per read never ends it."""

    async def late() -> None:
        clock.now += 10.45 if len(vendor.seen) == 1 else 0

    vendor.says(reply(503), DRIP)
    vendor.before = late
    async with calling(vendor, clock) as upstream:
        with pytest.raises(UpstreamUnavailable, match="no answer in time"):
            await ask(upstream)
    assert len(vendor.seen) == 2


async def test_waiting_for_a_connection_ends(vendor: Vendor, clock: Clock) -> None:
    vendor.says(HANG)
    arrived = asyncio.Event()

    async def tell_arrived() -> None:
        arrived.set()

    vendor.before = tell_arrived
    async with calling(vendor, clock, connections=1, connect_seconds=0.05) as upstream:
        task = asyncio.create_task(ask(upstream))
        await arrived.wait()
        with pytest.raises(UpstreamUnavailable, match="all connections are busy"):
            await tell(upstream)
        assert upstream.breaker.state == "closed"
        task.cancel()
    assert len(vendor.seen) == 1


# Asked too often


@pytest.mark.parametrize("send", [ask, tell])
@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({}, [1.0, 2.0]),
        ({"retry_after": "3"}, [3.0, 3.0]),
        ({"retry_after": "soon"}, [1.0, 2.0]),
        (
            {"date": "Fri, 20 Nov 2026 10:00:00 GMT", "retry_after": "Fri, 20 Nov 2026 10:00:04 GMT"},
            [4.0, 4.0],
        ),
        (
            {"date": "Fri, 20 Nov 2026 10:00:00 GMT", "retry_after": "Fri, 20 Nov 2026 09:00:00 GMT"},
            [0.0, 0.0],
        ),
    ],
)
async def test_a_429_is_repeated_when_the_vendor_says(
    vendor: Vendor, clock: Clock, send: Any, headers: dict[str, Any], waits: list[float]
) -> None:
    vendor.says(reply(429, **headers), reply(429, **headers), OK)
    async with calling(vendor, clock) as upstream:
        assert await send(upstream) == {"ok": True}
    assert clock.slept == waits


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "6"}, 6),
        ({"retry_after": "3600"}, 3600),
        (
            {"date": "Fri, 20 Nov 2026 10:00:00 GMT", "retry_after": "Fri, 20 Nov 2026 10:00:07 GMT"},
            7,
        ),
    ],
)
async def test_a_long_429_is_told_at_once(
    vendor: Vendor, clock: Clock, headers: dict[str, Any], seconds: float
) -> None:
    vendor.says(reply(429, **headers), OK)
    async with calling(vendor, clock) as upstream:
        with pytest.raises(RateLimited) as caught:
            await ask(upstream)
    assert caught.value.retry_after == seconds
    assert clock.slept == []


async def test_who_is_not_patient_is_told_of_a_429_at_once(vendor: Vendor, clock: Clock) -> None:
    vendor.says(reply(429, retry_after="1"), OK)
    async with calling(vendor, clock) as upstream:
        with pytest.raises(RateLimited) as caught:
            await upstream.call("buy", "POST", "/things", write=True, patient=False)
    assert caught.value.retry_after == 1
    assert (len(vendor.seen), clock.slept) == (1, [])


async def test_our_own_limit_spaces_calls_and_then_refuses(vendor: Vendor, clock: Clock) -> None:
    vendor.says(OK)
    waits: list[float] = []

    async def no_time_passes(seconds: float) -> None:
        waits.append(seconds)

    async with calling(vendor, clock, max_per_second=1, sleep=no_time_passes) as upstream:
        for _ in range(3):
            await ask(upstream)
        with pytest.raises(RateLimited, match="our own limit") as caught:
            await ask(upstream)
    assert waits == pytest.approx([1.05, 2.1])  # a little further apart than the limit says
    assert caught.value.retry_after == pytest.approx(3.15)


# Redirects


async def test_a_redirect_to_a_login_is_refused_credentials(vendor: Vendor, clock: Clock) -> None:
    vendor.says(reply(302, b"<html>", location=f"{vendor.url}/login?next=s3cret-answer"), OK)
    async with calling(vendor, clock) as upstream:
        with pytest.raises(CredentialsRefused, match="check the token and the API's URL"):
            await ask(upstream)
    assert len(vendor.seen) == 1


async def test_any_other_redirect_is_a_wrong_url(vendor: Vendor, clock: Clock) -> None:
    vendor.says(reply(301, location="https://elsewhere.example/thing"), OK)
    async with calling(vendor, clock) as upstream:
        with pytest.raises(UpstreamRefused, match="check the API's URL") as caught:
            await ask(upstream)
    assert type(caught.value) is UpstreamRefused


# The breaker


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        permit = breaker.admit()
        assert permit
        breaker.record(permit, healthy=False)


def succeed(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        permit = breaker.admit()
        assert permit
        breaker.record(permit, healthy=True)


def test_five_failures_in_a_row_open_it(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    fail(breaker, 4)
    succeed(breaker)
    fail(breaker, 4)
    assert breaker.admit()
    fail(breaker)
    assert (breaker.state, breaker.retry_in, breaker.admit()) == ("open", 30, None)


def test_half_of_twenty_calls_open_it(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    for _ in range(9):
        succeed(breaker)
        fail(breaker)
    succeed(breaker)
    assert breaker.admit()
    fail(breaker)
    assert breaker.state == "open"


def test_failures_more_than_a_minute_old_do_not_count(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    for _ in range(9):
        succeed(breaker)
        fail(breaker)
    clock.now += 66
    succeed(breaker)
    fail(breaker)
    assert breaker.state == "closed"


def test_after_the_pause_one_probe_closes_it(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    fail(breaker, 5)
    clock.now += 29
    assert breaker.admit() is None
    clock.now += 1
    assert (breaker.state, breaker.retry_in) == ("half-open", 0)
    probe = breaker.admit()
    assert probe
    assert breaker.admit() is None
    breaker.record(probe, healthy=True)
    assert breaker.retry_in == 0
    assert breaker.admit()
    assert breaker.admit()


def test_a_failed_probe_opens_it_again(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    fail(breaker, 5)
    clock.now += 30
    fail(breaker)
    assert breaker.retry_in == 30


def test_a_cancelled_probe_leaves_the_next_one_a_chance(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    fail(breaker, 5)
    clock.now += 30
    probe = breaker.admit()
    assert probe
    breaker.record(probe, healthy=None)
    assert breaker.admit()


def test_answers_from_before_the_opening_change_nothing(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    late = [breaker.admit() for _ in range(6)]
    fail(breaker, 5)
    clock.now += 10
    for permit in late:
        assert permit
        breaker.record(permit, healthy=False)
    late_success = late[0]
    assert late_success
    breaker.record(late_success, healthy=True)
    assert (breaker.state, breaker.retry_in) == ("open", 20)


async def test_an_open_breaker_spares_the_vendor(vendor: Vendor, clock: Clock) -> None:
    vendor.says(reply(503))
    async with calling(vendor, clock) as upstream:
        for _ in range(2):
            with pytest.raises(UpstreamUnavailable):
                await ask(upstream)
        assert len(vendor.seen) == 5, "the breaker also ends the retries"
        with pytest.raises(UpstreamUnavailable, match="not called after repeated failures, next try in 30 s"):
            await tell(upstream)
        assert len(vendor.seen) == 5
        clock.now += 30
        vendor.says(OK)
        assert await ask(upstream) == {"ok": True}
        assert upstream.breaker.state == "closed"


@pytest.mark.parametrize("status", [404, 422, 429])
async def test_a_vendor_that_says_no_is_not_down(vendor: Vendor, clock: Clock, status: int) -> None:
    vendor.says(reply(status))
    async with calling(vendor, clock) as upstream:
        for _ in range(6):
            with pytest.raises(UpstreamError):
                await ask(upstream)
        assert upstream.breaker.state == "closed"


async def test_a_cancelled_call_gives_back_its_place(vendor: Vendor, clock: Clock) -> None:
    vendor.says(HANG, OK)
    arrived = asyncio.Event()

    async def tell_arrived() -> None:
        arrived.set()

    vendor.before = tell_arrived
    outcomes: list[str] = []
    observe = lambda *seen: outcomes.append(seen[2])  # noqa: E731  A named one would say no more.
    async with calling(vendor, clock, connections=1, observe=observe) as upstream:
        task = asyncio.create_task(ask(upstream))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await ask(upstream) == {"ok": True}
    assert outcomes == ["Cancelled", "ok"]


async def test_no_more_calls_at_once_than_connections(vendor: Vendor, clock: Clock) -> None:
    vendor.says(OK)
    running = most = 0

    async def count() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1

    vendor.before = count
    async with calling(vendor, clock, connections=2) as upstream:
        await asyncio.gather(*(ask(upstream) for _ in range(8)))
    assert most == 2


# What is told


async def test_every_call_is_observed_once(vendor: Vendor, clock: Clock) -> None:
    seen: list[tuple[str, str, str, float]] = []
    vendor.says(reply(503), OK, reply(404))
    async with calling(vendor, clock, observe=lambda *call: seen.append(call)) as upstream:
        await ask(upstream)
        with pytest.raises(NotFound):
            await tell(upstream)
    assert seen == [("vendor", "ask", "ok", 0.5), ("vendor", "tell", "NotFound", 0.0)]


SECRETIVE = {
    **AFTER_SENDING,
    "refused": reply(400, {"message": "s3cret-answer"}),
    "redirect": reply(302, location="/login?code=s3cret-query"),
    "odd status line": b"HTTP/1.1 abc\r\n\r\n",
    "bad gzip": reply(200, b"s3cret-answer", content_encoding="gzip"),
    "bad header": b"HTTP/1.1 200 OK\r\nbro ken\r\n: s3cret-answer\r\n\r\n",
}


@pytest.mark.parametrize("trouble", SECRETIVE.values(), ids=SECRETIVE)
async def test_no_error_or_log_tells_a_secret(
    vendor: Vendor, clock: Clock, trouble: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor.says(trouble)
    errors: list[UpstreamError] = []
    async with calling(vendor, clock) as upstream:
        for send in (ask, tell):
            try:
                await send(upstream, params=QUERY)
            except UpstreamError as error:
                errors.append(error)
    for told in errors:
        assert "s3cret" not in "".join(traceback.format_exception(told)) + repr(told)
        assert (told.__cause__, told.__context__) == (None, None)
    assert "s3cret" not in caplog.text


# The way there


async def test_no_proxy_of_the_environment_is_used(
    vendor: Vendor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials go to the vendor, not to whatever a shell once named."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    vendor.says(OK)
    async with calling(vendor, clock) as upstream:
        assert await ask(upstream) == {"ok": True}


def test_authorities_are_known_also_where_the_machine_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And those that OpenSSL's own variables name take their place."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    theirs = tls.__wrapped__()
    assert theirs.verify_mode is ssl.CERT_REQUIRED and theirs.check_hostname
    assert len(theirs.get_ca_certs()) > 50

    one = tmp_path / "one.pem"
    one.write_text(ssl.DER_cert_to_PEM_cert(theirs.get_ca_certs(binary_form=True)[0]))
    monkeypatch.setenv("SSL_CERT_FILE", str(one))
    assert len(tls.__wrapped__().get_ca_certs()) == 1


# The URL


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "ftp://api.example.com",
        "api.example.com",
        "https://",
        "https://me:pw@api.example.com",
        "https://api.example.com?x=1",
        "http://[::1",
        "",
    ],
)
def test_a_url_that_would_leak_credentials_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="VENDOR_API_URL"):
        open_http(url, setting="VENDOR_API_URL", headers={})


@pytest.mark.parametrize(
    "url", ["https://api.example.com/v1", "http://localhost:1", "http://[::1]:1", "http://127.0.0.9"]
)
async def test_https_and_this_machine_are_accepted(url: str) -> None:
    await open_http(url, setting="VENDOR_API_URL", headers={}).aclose()


@pytest.mark.parametrize("token", ["s3cret-é", "s3cret\nX-More: yes", " s3cret", "s3cret\x00"])
def test_a_token_that_no_header_takes_is_refused_by_name(token: str) -> None:
    with pytest.raises(ConfigurationError, match="VENDOR_TOKEN") as caught:
        bearer(token, setting="VENDOR_TOKEN")
    assert "s3cret" not in str(caught.value)

"""The one door to every vendor: time-outs, retries, circuit breaker, bulkhead and typed errors."""

from __future__ import annotations

import asyncio
import json as stdlib_json
import os
import random
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import cache
from ipaddress import ip_address
from typing import Any, Literal, NoReturn, TypeVar
from urllib.parse import urlencode

import aiohttp
import certifi
import orjson
from yarl import URL

from bot.apis.call_stats import CallStats
from bot.apis.reading import ShapeError
from bot.errors import (
    CircuitOpen,
    ConfigurationError,
    Conflict,
    ContractError,
    CredentialsRefused,
    Kind,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)

T = TypeVar("T")
Params = Mapping[str, str | int]
Observe = Callable[[str, str, str, float], None]
Explain = Callable[[int, Any], UpstreamError | None]

CONNECT_SECONDS = 3.0
READ_SECONDS = 6.0
WRITE_SECONDS = 20.0
TOTAL_SECONDS = 12.0
RETRIES = 2
BACKOFF_SECONDS = 0.5
LONGEST_RETRY_AFTER = 5.0
CONNECTIONS = 20
MAX_BODY = 4 * 1024 * 1024
# Below the 5 s after which Node servers hang up: a write on a connection that is just being closed
# would end as an unknown outcome.
KEEPALIVE_SECONDS = 4.0

_NOT_MADE = frozenset({"Cancelled", CircuitOpen.__name__})  # outcomes that say nothing about the vendor

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Our id of what is being worked on, sent to vendors as `X-Request-Id` so that they can find it."""


def unobserved(upstream: str, operation: str, outcome: str, seconds: float) -> None:
    """An `observe` that does nothing."""


def _unexplained(status: int, body: Any) -> UpstreamError | None:
    return None


def _same(body: Any) -> Any:
    return body


class _Permit(Enum):
    CALL = 1
    PROBE = 2


class Breaker:
    """Stops calling a vendor that keeps failing.

    Opens after `consecutive` failures in a row, or when half of at least `calls` calls in the last
    `window` seconds failed. After `pause` seconds one probe is let through: it closes or reopens.
    `clock` returns monotonic seconds.
    """

    def __init__(
        self,
        *,
        consecutive: int = 5,
        calls: int = 20,
        window: float = 60.0,
        pause: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = consecutive
        self._calls = calls
        self._window = window
        self._pause = pause
        self._clock = clock
        self._opened: float | None = None
        self._probing = False
        self._in_a_row = 0
        # [start, calls, failures], in twelfths of the window: memory does not grow with traffic.
        self._buckets: deque[list[float]] = deque()

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        """What the next call will meet; `half-open` means that it is, or waits for, the probe."""
        if self._opened is None:
            return "closed"
        return "half-open" if self._clock() - self._opened >= self._pause else "open"

    @property
    def retry_in(self) -> float:
        """Seconds until a probe is let through; 0 when calls are."""
        return 0.0 if self._opened is None else max(0.0, self._opened + self._pause - self._clock())

    def admit(self) -> _Permit | None:
        """Permission for one call, None when it must not be made. Hand it back with `record`."""
        if self._opened is None:
            return _Permit.CALL
        if self._probing or self._clock() - self._opened < self._pause:
            return None
        self._probing = True
        return _Permit.PROBE

    def record(self, permit: _Permit, healthy: bool | None) -> None:
        """Count a call. healthy: None when it was cancelled, so that nothing was learned."""
        if permit is _Permit.PROBE:
            self._probing = False
            if healthy is not None:
                self._opened = None if healthy else self._clock()
        elif healthy is not None and self._opened is None:
            self._count(failed=not healthy)

    def _count(self, *, failed: bool) -> None:
        now = self._clock()
        buckets = self._buckets
        if not buckets or now - buckets[-1][0] >= self._window / 12:
            buckets.append([now, 0, 0])
            while now - buckets[0][0] > self._window:
                buckets.popleft()
        buckets[-1][1] += 1
        if not failed:
            self._in_a_row = 0
            return
        buckets[-1][2] += 1
        self._in_a_row += 1
        calls = sum(bucket[1] for bucket in buckets)
        failures = sum(bucket[2] for bucket in buckets)
        if self._in_a_row >= self._limit or (calls >= self._calls and failures * 2 >= calls):
            self._opened = now
            self._in_a_row = 0
            buckets.clear()


class Http:
    """The connections to one vendor, as `open_http` makes them. They are opened when they are needed."""

    def __init__(self, url: str, headers: Mapping[str, str], connections: int) -> None:
        self.url = url
        self._headers = headers
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    def request(
        self,
        method: str,
        url: str,
        content: bytes | None,
        headers: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """One request, sent once. url: whole, and encoded as it is to be sent."""
        if self._session is None:
            self._session = self._open()
        return self._session.request(
            method, URL(url, encoded=True), data=content, headers=headers, timeout=timeout, allow_redirects=False
        )

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEEPALIVE_SECONDS, ssl=_tls()),
            headers=self._headers,
            # One customer's call must not carry a session that another one's answer opened.
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        # aiohttp would silently send GET, PUT and DELETE again; retries are counted in one place, ours.
        session._retry_connection = False
        return session


@dataclass(frozen=True, slots=True)
class _Call:
    """What is asked. repeatable: sending it twice does no harm. patient: a 429 may be waited out."""

    operation: str
    method: str
    url: str
    content: bytes | None
    headers: dict[str, str]
    write: bool
    repeatable: bool
    patient: bool


@dataclass(frozen=True, slots=True)
class _Failure:
    """One attempt that brought no result.

    healthy: the vendor works, so the breaker should not mind. retry: it may be tried again, after
    `wait` seconds when the vendor said so. unknown: the vendor may have acted on it.
    """

    error: UpstreamError
    healthy: bool = False
    retry: bool = False
    unknown: bool = False
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class _Success:
    body: Any


class Upstream:
    """One vendor, called under the same rules as every other (docs/apis).

    name: the vendor, in errors and metrics. http: from `open_http`. explain: turns a status and a
    parsed body into the vendor's own error, None when the status alone decides. observe: called once
    per call with upstream, operation, outcome (`ok`, an error's class name or `Cancelled`) and
    seconds. connections: calls at once. max_per_second: None for no limit.
    connect_seconds: the longest wait for a place and for a connection, each. read_seconds,
    write_seconds: the longest silence borne while waiting for an answer.
    clock, sleep, jitter: replaced in tests.
    """

    def __init__(
        self,
        name: str,
        http: Http,
        *,
        breaker: Breaker | None = None,
        explain: Explain = _unexplained,
        observe: Observe = unobserved,
        connections: int = CONNECTIONS,
        max_per_second: float | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
        write_seconds: float = WRITE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.breaker = breaker or Breaker(clock=clock)
        self.stats = CallStats()
        self._http = http
        self._explain = explain
        self._observe = observe
        self._slots = asyncio.Semaphore(connections)
        self._interval = 1 / max_per_second if max_per_second else 0.0
        self._next_turn = 0.0
        self._write_seconds = write_seconds
        self._connect_seconds = connect_seconds
        self._reads = timeouts(connect_seconds, read_seconds)
        self._writes = timeouts(connect_seconds, write_seconds)
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        read: Callable[[Any], T] = _same,
        *,
        json: object = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        write: bool = False,
        repeatable: bool = False,
        patient: bool = True,
    ) -> T:
        """Make one call, retried as far as that is safe, and return `read(body)`.

        operation: a short name for errors and metrics. path: below the base URL, encoded; never put
        anything personal in it. read: turns the parsed body (None when there is none, decimals as Decimal)
        into the result and raises ShapeError when it cannot. write: the call changes something, so
        it gets 20 s instead of 6 s by default and is only repeated when it surely did not arrive.
        repeatable: a write that may be sent twice because the second changes nothing.
        patient: a 429 is waited out when that takes no longer than 5 s; else it is raised at once.

        Raises UpstreamUnavailable (nothing happened), RateLimited, OutcomeUnknown (a write that may
        have happened), UpstreamRefused and its kinds, or ContractError. None of them carries the
        body, the query or a header.
        """
        began = self._clock()
        outcome, detail = "Cancelled", ""
        kind: Kind | None = None
        call = _Call(
            operation,
            method,
            f"{self._http.url}{path}?{urlencode(params)}" if params else self._http.url + path,
            content=None if json is None else orjson.dumps(json),
            headers=_call_headers(headers, has_body=json is not None),
            write=write,
            repeatable=repeatable or not write,
            patient=patient,
        )
        try:
            body = await self._persist(call, began)
            try:
                result = read(body)
            except ShapeError as error:
                misfit = str(error)
            else:
                outcome = "ok"
                return result
            raise ContractError(self.name, f"{operation}: {misfit}")
        except UpstreamError as error:
            outcome, kind, detail = type(error).__name__, error.kind, error.detail
            raise
        finally:
            seconds = self._clock() - began
            self._observe(self.name, operation, outcome, seconds)
            if outcome not in _NOT_MADE:
                # A plain no is an answer.
                self.stats.note(None if kind == "refused" else kind, seconds, detail)

    async def _persist(self, call: _Call, began: float) -> Any:
        """Attempt until there is an answer or no further attempt is allowed."""
        unknown = False
        attempt = 0
        while True:
            left = began + TOTAL_SECONDS - self._clock()
            result = await self._attempt(call, self._connect_seconds + self._write_seconds if call.write else left)
            if isinstance(result, _Success):
                return result.body
            unknown = unknown or result.unknown
            wait = self._pause_after(attempt, result)
            left = began + TOTAL_SECONDS - self._clock()
            # A retry that would leave less than a second for its answer is not worth its wait.
            if not result.retry or attempt == RETRIES or wait + 1 > left or self.breaker.retry_in:
                break
            await self._sleep(wait)
            attempt += 1
        error = result.error
        if call.write and unknown and not isinstance(error, UpstreamRefused | ContractError):
            raise OutcomeUnknown(self.name, error.detail)
        raise error

    def _pause_after(self, attempt: int, failure: _Failure) -> float:
        """Seconds to wait: what the vendor asked for, else exponential with jitter."""
        if failure.wait is not None:
            return failure.wait
        if isinstance(failure.error, RateLimited):
            return float(attempt + 1)
        return BACKOFF_SECONDS * 2.0**attempt * (0.5 + self._jitter() / 2)

    async def _attempt(self, call: _Call, seconds: float) -> _Success | _Failure:
        permit = self.breaker.admit()
        if permit is None:
            detail = f"not called after repeated failures, next try in {self.breaker.retry_in:.0f} s"
            return _Failure(CircuitOpen(self.name, f"{call.operation}: {detail}"))
        healthy: bool | None = None
        try:
            if error := await self._take_turn(call.operation):
                return _Failure(error)
            try:
                result = await self._exchange(call, seconds)
            finally:
                self._slots.release()
            healthy = isinstance(result, _Success) or result.healthy
            return result
        finally:
            self.breaker.record(permit, healthy)

    async def _take_turn(self, operation: str) -> UpstreamError | None:
        """Wait for the rate limit and for a connection, but not for long. None: one slot is taken."""
        if self._interval:
            now = self._clock()
            wait = max(0.0, self._next_turn - now)
            if wait > self._connect_seconds:
                return RateLimited(self.name, f"{operation}: our own limit of calls per second is used up", wait)
            self._next_turn = now + wait + self._interval
            if wait:
                await self._sleep(wait)
        try:
            async with asyncio.timeout(self._connect_seconds if self._slots.locked() else None):
                await self._slots.acquire()
        except TimeoutError:
            return UpstreamUnavailable(self.name, f"{operation}: all connections are busy")
        return None

    async def _exchange(self, call: _Call, seconds: float) -> _Success | _Failure:
        timeout = self._writes if call.write else self._reads
        # aiohttp's errors quote URLs, so none of them may end up as cause or context.
        try:
            async with (
                asyncio.timeout(seconds),
                self._http.request(call.method, call.url, call.content, call.headers, timeout) as response,
            ):
                body = await read_body(response)
        except (aiohttp.ClientError, OSError) as error:
            sent = not never_sent(error)
            unavailable = UpstreamUnavailable(self.name, f"{call.operation}: {_reason(error, sent=sent)}")
            return _Failure(unavailable, retry=call.repeatable or not sent, unknown=sent)
        if body is None:
            too_big = ContractError(self.name, f"{call.operation}: an answer of more than {MAX_BODY} bytes")
            return _Failure(too_big, healthy=True)
        return self._judge(call, response, body)

    def _judge(self, call: _Call, response: aiohttp.ClientResponse, body: bytes) -> _Success | _Failure:
        status = response.status
        operation = call.operation
        if status == 429:
            wait = _retry_after(response)
            limited = RateLimited(self.name, f"{operation}: 429, asked too often", wait)
            retry = call.patient and (wait is None or wait <= LONGEST_RETRY_AFTER)
            return _Failure(limited, healthy=True, retry=retry, wait=wait)
        parsed: Any = None
        try:
            parsed = _parse(body)
            # A write may answer with nothing; a read that does has not answered.
            readable = bool(body) or call.write
        except ValueError:
            readable = False
        if error := self._explain(status, parsed):
            return _Failure(error, healthy=True)
        if 200 <= status < 300:
            if readable:
                return _Success(parsed)
            kind = response.headers.get("content-type", "no type").split(";")[0][:40]
            unavailable = UpstreamUnavailable(self.name, f"{operation}: {status} with {kind} instead of JSON")
            return _Failure(unavailable, retry=call.repeatable, unknown=True)
        if status >= 500:
            unavailable = UpstreamUnavailable(self.name, f"{operation}: {status}")
            return _Failure(unavailable, retry=call.repeatable and status in {502, 503, 504}, unknown=True)
        return _Failure(self._refusal(operation, status, response.headers.get("location", "")), healthy=True)

    def _refusal(self, operation: str, status: int, location: str) -> UpstreamRefused:
        if 300 <= status < 400:
            if any(word in location.lower() for word in ("login", "signin", "auth")):
                detail = f"{operation}: {status}, redirected to a login page; check the token and the API's URL"
                return CredentialsRefused(self.name, detail, status=status)
            detail = f"{operation}: {status}, redirected instead of answered; check the API's URL"
            return UpstreamRefused(self.name, detail, status=status)
        kinds: dict[int, type[UpstreamRefused]] = {
            401: CredentialsRefused,
            403: CredentialsRefused,
            404: NotFound,
            409: Conflict,
            410: NotFound,
            419: CredentialsRefused,
        }
        return kinds.get(status, UpstreamRefused)(self.name, f"{operation}: {status}", status=status)


@cache
def timeouts(connect: float, read: float) -> aiohttp.ClientTimeout:
    """connect: for a place, name look-up, connection and TLS together. read: the longest silence."""
    return aiohttp.ClientTimeout(connect=connect, sock_connect=connect, sock_read=read)


def _call_headers(headers: Mapping[str, str] | None, *, has_body: bool) -> dict[str, str]:
    sent = {"Content-Type": "application/json"} if has_body else {}
    if current := request_id.get():
        sent["X-Request-Id"] = current
    return sent | dict(headers) if headers else sent


async def read_body(response: aiohttp.ClientResponse) -> bytes | None:
    """The decoded body, None when it is too big to be held."""
    chunks = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > MAX_BODY:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _parse(body: bytes) -> Any:
    """JSON with exact decimals, None for an empty body. ValueError when it is not JSON."""
    if not body:
        return None
    try:
        return stdlib_json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def never_sent(error: Exception) -> bool:
    """Whether the request surely did not leave: only then may a write be repeated.

    A connection that was kept and turns out to be closed is not such a case: the request may have arrived.
    """
    return isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


def _reason(error: Exception, *, sent: bool) -> str:
    if not sent:
        return "no connection"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return "the connection broke before the answer was complete"


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Seconds from `Retry-After`, which is a number or a date; a date counts from the vendor's own clock."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
        since = parsedate_to_datetime(response.headers["date"]) if "date" in response.headers else datetime.now(UTC)
        return max(0.0, (until - since).total_seconds())
    except (ValueError, TypeError):  # A date without a zone cannot be compared with one that has it.
        return None


def open_http(url: str, *, setting: str, headers: Mapping[str, str], connections: int = CONNECTIONS) -> Http:
    """A client of its own for one vendor, so that a slow one cannot starve the others.

    url: base URL, https unless it is this machine. setting: its name, for the error. headers: sent
    with every call. Raises ConfigurationError. Needs no running loop.
    """
    check_url(url, setting=setting)
    sent = {"Accept": "application/json", "User-Agent": "Giftdesk", **headers}
    return Http(str(URL(url)).rstrip("/"), sent, connections)


@cache
def _tls() -> ssl.SSLContext:
    """One context for all vendors: loading the authorities takes 20 ms and memory each time.

    certifi's authorities, unless OpenSSL's own variables name others: a machine may have none.
    """
    others = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
    return ssl.create_default_context(cafile=None if others else certifi.where())


def bearer(token: str, *, setting: str) -> dict[str, str]:
    """The header that carries `token`. Raises ConfigurationError for what cannot be in a header."""
    if not (token.isascii() and token.isprintable()) or token != token.strip():
        raise ConfigurationError(f"{setting} holds characters that no token has; copy it again")
    return {"Authorization": f"Bearer {token}"}


def check_url(url: str, *, setting: str) -> None:
    """Raise ConfigurationError unless `url` is a plain https URL, or an http one of this machine."""
    try:
        parsed = URL(url)
    except ValueError:
        raise ConfigurationError(f"{setting} is not a URL") from None
    if parsed.raw_user or parsed.raw_password or parsed.raw_query_string or parsed.raw_fragment or not parsed.raw_host:
        raise ConfigurationError(f"{setting} must be https://host/path without user, query or fragment")
    if parsed.scheme != "https" and not (parsed.scheme == "http" and _is_loopback(parsed.raw_host)):
        raise ConfigurationError(f"{setting} must begin with https:// because credentials are sent there")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

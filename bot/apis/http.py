"""The one door to every vendor: time-outs, retries, circuit breaker, bulkhead and typed errors."""

from __future__ import annotations

import asyncio
import json as stdlib_json
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from enum import Enum
from ipaddress import ip_address
from typing import Any, Literal, NoReturn, TypeVar
from urllib.parse import urlencode

import httpx
import orjson

from bot.apis.call_stats import CallStats
from bot.apis.rate_limit import RateLimit
from bot.apis.reading import ShapeError
from bot.apis.transport import NEVER_SENT, Client, TooLong, Transport, prepared
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
from bot.telemetry import tracing

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


@dataclass(frozen=True, slots=True)
class _Call:
    """What is asked. repeatable: sending it twice does no harm. patient: a 429 may be waited out."""

    operation: str
    method: str
    url: str
    content: bytes | None
    headers: httpx.Headers
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

    name: the vendor, in errors and metrics. http: as from `open_http`; its base URL and headers count.
    explain: turns a status and a parsed body into the vendor's own error, None when the status alone decides.
    observe: called once per call with upstream, operation, outcome (`ok`, an error's class name or `Cancelled`) and
    seconds. connections: calls at once. max_per_second: our own limit, None for none.
    connect_seconds: the longest wait for a slot, for a place and for a connection, each. read_seconds,
    write_seconds: the longest silence borne while waiting for an answer.
    clock, sleep, jitter: replaced in tests.
    """

    def __init__(
        self,
        name: str,
        http: httpx.AsyncClient,
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
        self._url = address(http)
        self._explain = explain
        self._observe = observe
        self._slots = asyncio.Semaphore(connections)
        self.limit = RateLimit(name, max_per_second, patience=connect_seconds, clock=clock) if max_per_second else None
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
            f"{self._url}{path}?{urlencode(params)}" if params else self._url + path,
            content=None if json is None else orjson.dumps(json),
            headers=_call_headers(self._http.headers, headers, has_body=json is not None),
            write=write,
            repeatable=repeatable or not write,
            patient=patient,
        )
        try:
            with tracing.span(f"{self.name} {operation}", "client"):
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
        if self.limit is not None:
            slot = await self.limit.slot()
            if not slot.taken:
                return RateLimited(self.name, f"{operation}: our own limit of calls per second is used up", slot.wait)
            if slot.wait:
                await self._sleep(slot.wait)
        try:
            async with asyncio.timeout(self._connect_seconds if self._slots.locked() else None):
                await self._slots.acquire()
        except TimeoutError:
            return UpstreamUnavailable(self.name, f"{operation}: all connections are busy")
        return None

    async def _exchange(self, call: _Call, seconds: float) -> _Success | _Failure:
        timeout = self._writes if call.write else self._reads
        request = prepared(call.method, call.url, call.headers, call.content, timeout)
        # httpx's errors hold the request: none of them may end up as cause or context.
        try:
            async with asyncio.timeout(seconds):
                response = await self._http.send(request)
        except TooLong as error:
            return _Failure(ContractError(self.name, f"{call.operation}: {error}"), healthy=True)
        except (httpx.RequestError, TimeoutError) as error:
            sent = not isinstance(error, NEVER_SENT)
            unavailable = UpstreamUnavailable(self.name, f"{call.operation}: {_reason(error, sent=sent)}")
            return _Failure(unavailable, retry=call.repeatable or not sent, unknown=sent)
        return self._judge(call, response, response.content)

    def _judge(self, call: _Call, response: httpx.Response, body: bytes) -> _Success | _Failure:
        status = response.status_code
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


def timeouts(connect: float, read: float, total: float | None = None) -> dict[str, float | None]:
    """As a request's extension `timeout` (bot/apis/transport.py)."""
    return {"connect": connect, "read": read, "write": read, "pool": connect, "total": total}


def address(http: httpx.AsyncClient) -> str:
    """A client's base URL, to which paths are added."""
    return str(http.base_url).rstrip("/")


def _call_headers(always: httpx.Headers, extra: Mapping[str, str] | None, *, has_body: bool) -> httpx.Headers:
    sent = httpx.Headers(always)
    if has_body:
        sent["Content-Type"] = "application/json"
    if current := request_id.get():
        sent["X-Request-Id"] = current
    for name, value in (extra or {}).items():
        sent[name] = value
    return sent


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


def _reason(error: Exception, *, sent: bool) -> str:
    if not sent:
        return "no connection"
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "no answer in time"
    return "the connection broke before the answer was complete"


def _retry_after(response: httpx.Response) -> float | None:
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


def open_http(
    url: str,
    *,
    setting: str,
    headers: Mapping[str, str],
    connections: int = CONNECTIONS,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """A client of its own for one vendor, so that a slow one cannot starve the others.

    url: base URL, https unless it is this machine. setting: its name, for the error. headers: sent
    with every call. transport: another than ours, as tests give it. Raises ConfigurationError. Needs no running loop.
    """
    check_url(url, setting=setting)
    sent = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": "Giftdesk", **headers}
    return Client(transport or Transport(connections), base_url=url, headers=sent)


def bearer(token: str, *, setting: str) -> dict[str, str]:
    """The header that carries `token`. Raises ConfigurationError for what cannot be in a header."""
    if not (token.isascii() and token.isprintable()) or token != token.strip():
        raise ConfigurationError(f"{setting} holds characters that no token has; copy it again")
    return {"Authorization": f"Bearer {token}"}


def check_url(url: str, *, setting: str) -> None:
    """Raise ConfigurationError unless `url` is a plain https URL, or an http one of this machine."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise ConfigurationError(f"{setting} is not a URL") from None
    if parsed.userinfo or "?" in url or "#" in url or not parsed.host:
        raise ConfigurationError(f"{setting} must be https://host/path without user, query or fragment")
    if parsed.scheme != "https" and not (parsed.scheme == "http" and _is_loopback(parsed.host)):
        raise ConfigurationError(f"{setting} must begin with https:// because credentials are sent there")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

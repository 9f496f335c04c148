"""httpx on aiohttp's connections: httpx's clients, requests, answers and errors, at aiohttp's price.

httpx's own pool looks through all its connections at every step, which with two hundred calls at once takes a hundred
times as long (docs/decisions.md). And the errors here are exact: a caller knows whether a write may be repeated.

- `httpx.ConnectError`, `httpx.ConnectTimeout`: nothing was sent.
- Any other `httpx.TransportError`: the request may have arrived.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Mapping
from functools import cache, lru_cache
from typing import Any

import aiohttp
import certifi
import httpx
from yarl import URL

MAX_BODY = 4 * 1024 * 1024
# Below the 5 s after which Node servers hang up: a write on a connection that is just being closed
# would end as an unknown outcome.
KEEPALIVE_SECONDS = 4.0

NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""The errors after which even a write may be sent again: it surely did not leave.

A connection that was kept and turns out to be closed is none of them: the request may have arrived.
"""


class TooLong(httpx.ReadError):
    """The answer has more than MAX_BODY bytes. It came, so the request arrived."""


def prepared(
    method: str, url: str, headers: Mapping[str, str], content: bytes | None, timeouts: Mapping[str, float | None]
) -> httpx.Request:
    """A request whose address is whole and encoded, and whose headers are all of them.

    What `httpx.AsyncClient.build_request` merges and looks for costs more than sending it. Host and length are added by
    the transport. timeouts: as in `Transport`.
    """
    stream = httpx.ByteStream(content or b"")
    return httpx.Request(method, _url(url), headers=headers, stream=stream, extensions={"timeout": timeouts})


_url = lru_cache(maxsize=128)(httpx.URL)


class Transport(httpx.AsyncBaseTransport):
    """Sends each request once, and reads its answer whole.

    No redirects, no cookies, no proxies of the environment, no second try. When an answer breaks half-way, the response
    has the status and the headers that came, and reading its body raises.
    The request's time-outs are seconds, None for no end: `connect` for a free connection, name look-up, connecting and
    TLS together; `read` for the longest silence; `total`, which httpx does not know, for all of it. httpx's `pool` and
    `write` are not used. connections: at once, at most. Needs no running loop until the first request.
    """

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._session is None:
            self._session = self._open()
        times = request.extensions.get("timeout", {})
        try:
            async with self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                data=await request.aread() or None,
                headers=[(name.decode(), value.decode()) for name, value in request.headers.raw],
                timeout=_timeouts(times.get("connect"), times.get("read"), times.get("total")),
                allow_redirects=False,
            ) as answer:
                return await _read(answer, request)
        except (aiohttp.ClientError, OSError) as error:
            failure = _told(error, request)
        raise failure  # Here, so that aiohttp's error, which quotes addresses, is not its context.

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEEPALIVE_SECONDS, ssl=tls()),
            # One customer's call must not carry a session that another one's answer opened.
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        # aiohttp would silently send GET, PUT and DELETE again; retries are counted in one place, by the caller.
        session._retry_connection = False
        return session


class Client(httpx.AsyncClient):
    """An httpx client that sends a request as it is, and brings the answer as it came.

    What httpx puts around its transport costs more than the transport, and none of it may happen here: cookies that are
    kept, redirects, a log line with the address. So `auth` and `follow_redirects` do nothing; event hooks are called.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport, **options: Any) -> None:
        super().__init__(transport=transport, **options)
        self._straight = transport

    async def send(self, request: httpx.Request, *, stream: bool = False, **_: Any) -> httpx.Response:
        for hook in self.event_hooks["request"]:
            await hook(request)
        response = await self._straight.handle_async_request(request)
        response.request = request
        for hook in self.event_hooks["response"]:
            await hook(response)
        if not stream:
            await response.aread()
        return response


class _Broken(httpx.AsyncByteStream):
    """The body of an answer that broke half-way."""

    def __init__(self, error: httpx.TransportError) -> None:
        self._error = error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        raise self._error
        yield b""


async def _read(answer: aiohttp.ClientResponse, request: httpx.Request) -> httpx.Response:
    broken: httpx.TransportError | None = None
    chunks, size = [], 0
    try:
        async for chunk in answer.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY:
                broken = TooLong(f"an answer of more than {MAX_BODY} bytes", request=request)
                break
    except (aiohttp.ClientError, OSError) as error:
        broken = _told(error, request)
    headers = list(answer.raw_headers)
    if "content-encoding" in answer.headers:  # aiohttp has unpacked it.
        headers = [
            (name, value) for name, value in headers if name.lower() not in {b"content-encoding", b"content-length"}
        ]
    if broken:
        return httpx.Response(answer.status, headers=headers, stream=_Broken(broken))
    body = b"".join(chunks)
    response = httpx.Response(answer.status, headers=headers, stream=httpx.ByteStream(body))
    response._content = body  # `content=` would look for a decoder, and take six times as long.
    return response


def _told(error: Exception, request: httpx.Request) -> httpx.TransportError:
    """What went wrong, in httpx's words; the text has nothing of the request, nor of the answer."""
    kind: type[httpx.TransportError]
    match error:
        case aiohttp.ConnectionTimeoutError():
            kind = httpx.ConnectTimeout
        case aiohttp.ClientConnectorError():  # Refused, no such name, no TLS, a strange certificate.
            kind = httpx.ConnectError
        case TimeoutError():
            kind = httpx.ReadTimeout
        case aiohttp.ClientConnectionResetError():
            kind = httpx.WriteError
        case OSError():
            kind = httpx.ReadError
        case _:  # Hung up before the end, or no HTTP.
            kind = httpx.RemoteProtocolError
    return kind(type(error).__name__, request=request)


@cache
def _timeouts(connect: float | None, read: float | None, total: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total, connect=connect, sock_connect=connect, sock_read=read)


@cache
def tls() -> ssl.SSLContext:
    """One context for all vendors: loading the authorities takes 20 ms and memory each time."""
    return ssl.create_default_context(cafile=authorities())


def authorities() -> str | None:
    """The file with certifi's authorities: a machine may have none. None when OpenSSL's own variables name others."""
    others = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
    return None if others else certifi.where()

"""httpx over aiohttp, on real sockets: what its errors say of a request, beside what the server saw of it."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from bot.apis.http import Upstream, open_http, timeouts
from bot.apis.transport import MAX_BODY, NEVER_SENT, TooLong, Transport, prepared
from bot.errors import NotFound

from .scripted import DRIP, DROP, HANG, Vendor, reply

OK = reply(200, {"ok": True})
CUT = reply(200, {"ok": True}, cut=3)
MARK = b"one-write"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST at once.


def write(url: str, *, method: str = "POST", connect: float = 3, read: float = 6, **more: Any) -> httpx.Request:
    return prepared(method, url, {}, MARK, timeouts(connect, read, **more))


async def send(request: httpx.Request) -> httpx.Response:
    """Through connections of its own."""
    transport = Transport(connections=5)
    try:
        return await transport.handle_async_request(request)
    finally:
        await transport.aclose()


@asynccontextmanager
async def server(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> AsyncIterator[int]:
    """A server that does with each connection what it is told; its port."""
    serving = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield serving.sockets[0].getsockname()[1]
    finally:
        serving.close()


def cut_off(writer: asyncio.StreamWriter) -> None:
    """With a reset, not with a polite end."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


# Nothing was sent


async def test_refused() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(httpx.ConnectError):
            await send(write(f"http://127.0.0.1:{nobody.getsockname()[1]}/"))


async def test_no_such_name() -> None:
    """Where names cannot be looked up at all, it takes until the time-out."""
    with pytest.raises((httpx.ConnectError, httpx.ConnectTimeout)):
        await send(write("http://nobody.invalid/"))


async def test_no_connection_in_time() -> None:
    """A listener whose queue is full drops whoever knocks. When it takes them at last, nothing was said."""
    loop = asyncio.get_running_loop()
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        full.setblocking(False)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        with pytest.raises(httpx.ConnectTimeout):
            await send(write(f"http://127.0.0.1:{full.getsockname()[1]}/", connect=0.2))
        for one in waiting:
            one.close()
        taken, _ = await loop.sock_accept(full)
        with taken:
            assert await loop.sock_recv(taken, 100) == b""


async def test_tls_with_a_server_that_has_none(vendor: Vendor) -> None:
    """It reads a greeting that is no HTTP, and never the request."""
    heard: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1000))
        writer.write(reply(400))
        writer.close()

    async with server(plain) as port:
        with pytest.raises(httpx.ConnectError):
            await send(write(f"https://127.0.0.1:{port}/"))
    assert heard and MARK not in heard[0]


async def test_tls_with_a_server_that_says_nothing() -> None:
    heard: list[bytes] = []
    done = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1000))
        await done.wait()
        writer.close()

    async with server(silent) as port:
        with pytest.raises(httpx.ConnectTimeout):
            await send(write(f"https://127.0.0.1:{port}/", connect=0.2))
        done.set()
    assert heard and MARK not in heard[0]


# It may have arrived


async def test_a_reset_before_the_request_was_read() -> None:
    """It lay in the server's kernel: whoever cannot see that must not say that nothing was sent."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        sending = asyncio.create_task(send(write(f"http://127.0.0.1:{listener.getsockname()[1]}/")))
        taken, _ = await loop.sock_accept(listener)
        taken.setblocking(False)
        there = asyncio.Event()
        loop.add_reader(taken, there.set)
        await there.wait()
        loop.remove_reader(taken)
        assert MARK in taken.recv(10_000, socket.MSG_PEEK)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        taken.close()
        with pytest.raises(httpx.ReadError):
            await sending


async def test_a_reset_after_the_request_was_read() -> None:
    heard: list[bytes] = []

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(MARK))
        cut_off(writer)

    async with server(reset) as port:
        with pytest.raises(httpx.ReadError):
            await send(write(f"http://127.0.0.1:{port}/"))
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("answer", "times", "error"),
    [
        (HANG, {"read": 0.1}, httpx.ReadTimeout),
        (HANG, {"total": 0.1}, httpx.ReadTimeout),
        (DROP, {}, httpx.RemoteProtocolError),
        (b"HTTP/1.1 abc\r\n\r\n", {}, httpx.RemoteProtocolError),
    ],
    ids=["silence", "not in all the time there is", "hung up", "no HTTP"],
)
async def test_no_answer(vendor: Vendor, answer: bytes, times: Any, error: type[httpx.TransportError]) -> None:
    vendor.says(answer)
    with pytest.raises(error):
        await send(write(vendor.url, **times))
    assert len(vendor.seen) == 1


@pytest.mark.parametrize(
    ("answer", "times", "error"),
    [
        (CUT, {}, httpx.RemoteProtocolError),
        (DRIP, {"total": 0.2}, httpx.ReadTimeout),
        (reply(200, b"not packed", content_encoding="gzip"), {}, httpx.RemoteProtocolError),
        (reply(200, b"x" * (MAX_BODY + 1)), {}, TooLong),
    ],
    ids=["cut", "for ever", "not what it says it is", "too long"],
)
async def test_an_answer_that_breaks_half_way_has_its_status(
    vendor: Vendor, answer: bytes, times: Any, error: type[httpx.TransportError]
) -> None:
    """That says what happened, whoever wants to know; whoever reads the body is told."""
    vendor.says(answer)
    response = await send(write(vendor.url, **times))

    assert response.status_code == 200
    with pytest.raises(error):
        await response.aread()
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_a_kept_connection_that_closes_under_a_request(vendor: Vendor, method: str) -> None:
    """aiohttp by itself would send all but POST again."""
    vendor.says(OK, DROP, OK)
    transport = Transport(connections=1)
    await transport.handle_async_request(write(vendor.url, method=method))
    with pytest.raises(httpx.RemoteProtocolError):
        await transport.handle_async_request(write(vendor.url, method=method))
    await transport.aclose()

    assert len(vendor.seen) == 2


async def test_150_racing_writes_are_told_of_truly() -> None:
    """Answers, ends, resets, and a door that closes: none arrives twice, and what was "not sent" never arrived."""
    arrived: Counter[int] = Counter()
    writers: list[asyncio.StreamWriter] = []

    async def moody(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(len(MARK))
                number = int(head.split(b" ")[1][1:])
                arrived[number] += 1
                if sum(arrived.values()) == 90:
                    serving.close()  # Who has a connection keeps it; nobody gets a new one.
                match number % 5:
                    case 0:
                        return cut_off(writer)
                    case 1:
                        return writer.close()  # Without an answer.
                    case 2:
                        writer.write(OK)
                        return writer.close()  # And whoever takes this connection next finds it closing.
                    case _:
                        writer.write(OK)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    serving = await asyncio.start_server(moody, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}"
    transport = Transport(connections=20)

    async def one(number: int) -> str:
        request = write(f"{url}/{number}", method=("POST", "PUT", "DELETE")[number % 3])
        try:
            await transport.handle_async_request(request)
        except NEVER_SENT:
            return "not sent"
        except httpx.TransportError:
            return "perhaps"
        return "answered"

    told = await asyncio.gather(*(one(number) for number in range(150)))
    await transport.aclose()
    for writer in writers:
        writer.close()

    assert set(told) == {"not sent", "perhaps", "answered"}
    assert max(arrived.values()) == 1
    assert [number for number, said in enumerate(told) if said == "not sent" and arrived[number]] == []
    assert [number for number, said in enumerate(told) if said == "answered" and not arrived[number]] == []


# As httpx's users know it


async def test_it_is_a_client_as_any(vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    """Addresses and headers are merged, hooks called, packed answers unpacked; addresses are not logged."""
    caplog.set_level(logging.DEBUG)
    vendor.says(reply(200, gzip.compress(b'{"ok": true}'), content_encoding="gzip"))
    seen: list[Any] = []

    async def hook(what: Any) -> None:
        seen.append(type(what))

    http = open_http(vendor.url, setting="VENDOR_API_URL", headers={"X-One": "1"})
    http.event_hooks = {"request": [hook], "response": [hook]}
    async with http:
        response = await http.post("/thing", params={"code": "s3cret 1"}, json={"a": 1}, headers={"X-Two": "2"})

    assert response.raise_for_status().json() == {"ok": True}
    assert "content-encoding" not in response.headers
    (asked,) = vendor.seen
    assert (asked.method, asked.path, asked.query, asked.json) == (
        "POST",
        "/base/thing",
        {"code": ["s3cret 1"]},
        {"a": 1},
    )
    assert (asked.headers["x-one"], asked.headers["x-two"]) == ("1", "2")
    assert seen == [httpx.Request, httpx.Response]
    assert "s3cret" not in caplog.text


async def test_a_form_with_a_file_is_sent_whole(vendor: Vendor) -> None:
    vendor.says(OK)
    async with open_http(vendor.url, setting="VENDOR_API_URL", headers={}) as http:
        await http.post("/files", data={"kind": "png"}, files={"file": ("a.png", b"picture", "image/png")})

    (asked,) = vendor.seen
    assert asked.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b"picture" in asked.body and b'name="kind"' in asked.body


@pytest.mark.parametrize("location", ["/elsewhere", "http://[::1", "http://other.example:99999999/"])
async def test_a_redirect_is_an_answer_wherever_it_leads(vendor: Vendor, location: str) -> None:
    vendor.says(reply(302, location=location))
    async with open_http(vendor.url, setting="VENDOR_API_URL", headers={}) as http:
        response = await http.get("/thing")

    assert (response.status_code, response.headers["location"], len(vendor.seen)) == (302, location, 1)


@pytest.mark.parametrize("client", ["ours", "httpx's own"])
async def test_another_transport_can_take_its_place(client: str) -> None:
    """So that anybody's test can say what a vendor answers, without a server."""
    asked: list[httpx.Request] = []

    def answers(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"points": 7}) if request.url.path == "/v1/points" else httpx.Response(404)

    mock = httpx.MockTransport(answers)
    url, headers = "https://vendor.example/v1", {"Authorization": "Bearer token"}
    http: httpx.AsyncClient
    if client == "ours":
        http = open_http(url, setting="VENDOR_API_URL", headers=headers, transport=mock)
    else:
        http = httpx.AsyncClient(base_url=url, headers=headers, transport=mock)
    vendor = Upstream("vendor", http)

    assert await vendor.call("points", "POST", "/points", json={"phone": "+886"}, write=True) == {"points": 7}
    with pytest.raises(NotFound):
        await vendor.call("gifts", "GET", "/gifts", params={"page": 2})
    await vendor.aclose()
    assert [str(request.url) for request in asked] == [f"{url}/points", f"{url}/gifts?page=2"]
    assert (asked[0].content, asked[0].headers["Authorization"]) == (b'{"phone":"+886"}', "Bearer token")

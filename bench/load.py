"""The load generator: signed LINE webhooks over HTTP/1.1, as a process of its own.

`python -m bench.load` reads a plan as JSON from standard input and writes what came of it to standard
output. It is hand-written because it shares two cores with what it measures: a request costs it a
few dozen microseconds, less than a tenth of what a library's client would take.

closed (rate 0): every connection sends its next webhook as soon as the last one is acknowledged.
open: webhooks are due at a steady rate; one that finds no free connection waits, and its time counts
from when it was due, so that a slow server cannot slow its own exam down.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import hmac
import json
import sys
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from sandbox.credentials import LINE_BOT_USER_ID, LINE_CHANNEL_SECRET

try:
    import uvloop
except ImportError:  # Only slower without it.
    uvloop = None  # type: ignore[assignment]  # A missing module has no type of its own.

LONGEST = 120.0  # seconds; nothing here runs without an end
MOST = 500_000  # webhooks
GRACE = 15.0  # seconds given to acknowledgements that are still missing at the end
TICK = 0.002


@dataclass(frozen=True, slots=True)
class Plan:
    """port, path: where to. first: the number of the first event; numbers name the event, its reply
    token and its customer. crowd: how many customers take turns. rate: 0 for closed.
    """

    port: int
    path: str
    first: int
    connections: int
    seconds: float
    rate: float = 0.0
    crowd: int = 1
    text: str = "我的獎品"


@dataclass(slots=True)
class Result:
    """started, due: unix times, so that they compare with the sandbox's. waits: seconds to each acknowledgement."""

    sent: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    elapsed: float = 0.0
    processor: float = 0.0
    waits: list[float] = field(default_factory=list)
    due: list[float] = field(default_factory=list)


def person(number: int) -> str:
    """A LINE user of the sandbox's crowd."""
    return f"Ubadc0ffee{number:023x}"


def token(number: int) -> str:
    """The reply token of event `number`; the sandbox takes those that start like this."""
    return f"bench-{number}"


class Writer:
    """Makes the bytes of webhooks."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.key = LINE_CHANNEL_SECRET.encode()
        self.head = (
            f"POST {plan.path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\nUser-Agent: LineBotWebhook/2.0\r\n"
            "Content-Type: application/json; charset=utf-8\r\n"
        )
        self.salt = f"{time.time_ns():x}".upper()

    def webhook(self, number: int) -> bytes:
        """One message of one customer, signed."""
        now = int(time.time() * 1000)
        user = person(number % self.plan.crowd)
        body = (
            f'{{"destination":"{LINE_BOT_USER_ID}","events":[{{"type":"message","message":{{"type":"text",'
            f'"id":"{460_000_000_000_000_000 + number}","quoteToken":"q3Plxr4AgKd-{number}","markAsReadToken":'
            f'"m3Plxr4AgKd-{number}","text":"{self.plan.text}"}},"webhookEventId":"{self.salt}{number}",'
            f'"deliveryContext":{{"isRedelivery":false}},"timestamp":{now},"source":{{"type":"user",'
            f'"userId":"{user}"}},"replyToken":"{token(number)}","mode":"active"}}]}}'
        ).encode()
        signature = base64.b64encode(hmac.digest(self.key, body, hashlib.sha256)).decode()
        return f"{self.head}x-line-signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Connection(asyncio.Protocol):
    """One kept-alive connection with at most one webhook on its way."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.transport: asyncio.WriteTransport | None = None
        self.buffer = b""
        self.number = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one without saying so.

    def send(self, number: int) -> None:
        assert self.transport is not None
        self.number = number
        self.transport.write(self.run.writer.webhook(number))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        if at >= 0 and len(body) < int(lower[at + 15 :].split(b"\r\n", 1)[0]):
            return
        self.buffer = b""
        number, self.number = self.number, -1
        self.run.answered(number, head[9:12].decode())
        if b"connection: close" in lower and self.transport is not None:
            self.transport.close()
        else:
            self.run.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.number >= 0:
            self.run.answered(self.number, "lost")
        self.run.lost()


class Run:
    """One plan being carried out."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.writer = Writer(plan)
        self.result = Result()
        self.statuses: Counter[str] = Counter()
        self.waiting: deque[int] = deque()
        self.idle: deque[Connection] = deque()
        self.open = 0
        self.ending = False
        self.all_answered = asyncio.Event()

    async def go(self) -> Result:
        """Carry it out."""
        gc.disable()  # Bounded by MOST; a pause of the collector would look like one of the server's.
        await asyncio.gather(*(self.connect() for _ in range(self.plan.connections)))
        started, used = time.time(), time.process_time()
        deadline = started + min(self.plan.seconds, LONGEST)
        await (self.steadily(started, deadline) if self.plan.rate else self.busily(deadline))
        self.result.elapsed = time.time() - started
        self.ending = True
        self.complete()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await self.all_answered.wait()
        self.result.processor = time.process_time() - used
        self.result.sent = len(self.result.due)
        self.result.statuses = dict(self.statuses)
        return self.result

    async def connect(self) -> None:
        """One more connection."""
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self), "127.0.0.1", self.plan.port
        )
        self.open += 1
        self.idle.append(connection)

    async def busily(self, deadline: float) -> None:
        """Closed: `free` keeps every connection going."""
        while self.idle and len(self.result.due) < MOST:
            self.next(self.idle.popleft())
        await asyncio.sleep(deadline - time.time())

    async def steadily(self, started: float, deadline: float) -> None:
        """Open: send what is due."""
        most = min(MOST, int(self.plan.rate * (deadline - started)))
        while len(self.result.due) < most:
            count = min(most, int((time.time() - started) * self.plan.rate) + 1)
            for number in range(len(self.result.due), count):
                self.result.due.append(started + number / self.plan.rate)
                self.result.waits.append(-1.0)
                if self.idle:
                    self.idle.popleft().send(number + self.plan.first)
                else:
                    self.waiting.append(number + self.plan.first)
            await asyncio.sleep(TICK)

    def next(self, connection: Connection) -> None:
        """Closed: one more webhook."""
        self.result.due.append(time.time())
        self.result.waits.append(-1.0)
        connection.send(self.plan.first + len(self.result.due) - 1)

    def free(self, connection: Connection) -> None:
        """A connection may send again."""
        if self.waiting:
            connection.send(self.waiting.popleft())
        elif not self.plan.rate and not self.ending and len(self.result.due) < MOST:
            self.next(connection)
        else:
            self.idle.append(connection)

    def answered(self, number: int, status: str) -> None:
        """An acknowledgement, or the lack of one."""
        index = number - self.plan.first
        self.statuses[status] += 1
        self.result.waits[index] = time.time() - self.result.due[index]
        self.complete()

    def complete(self) -> None:
        """Notice when nothing is on its way any more."""
        if self.ending and self.statuses.total() >= len(self.result.due):
            self.all_answered.set()

    def lost(self) -> None:
        """Servers close connections between requests; another one takes its place."""
        self.idle = deque(each for each in self.idle if each.transport is not None and not each.transport.is_closing())
        if not self.ending:
            task = asyncio.ensure_future(self.reconnect())
            task.add_done_callback(lambda done: done.exception())

    async def reconnect(self) -> None:
        """Connect, and go on where the lost connection would have."""
        await self.connect()
        if self.waiting or not self.plan.rate:
            self.free(self.idle.pop())


def main() -> None:
    """Plan in, result out."""
    plan = Plan(**json.load(sys.stdin))
    run: Any = uvloop.run if uvloop is not None else asyncio.run

    async def go() -> Result:
        return await Run(plan).go()

    json.dump(asdict(run(go())), sys.stdout)


if __name__ == "__main__":
    main()

"""What the sandbox remembers: the calls it received, the messages it delivered, and what people did elsewhere."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.phone import Webhook

CALLS_KEPT = 5_000
MESSAGES_KEPT = 20_000
TICKS_KEPT = 2_000_000


@dataclass(slots=True)
class Call:
    """One request, and how it was `answered`. `status` is 0 when the connection was closed instead."""

    upstream: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: int
    status: int = 0
    ms: float = 0.0
    answered: bool = False

    @property
    def json(self) -> Any:
        """The body that came with it, or None without one."""
        return orjson.loads(self.body) if self.body else None

    def as_json(self) -> dict[str, Any]:
        """This call as the control API shows it; bodies and headers stay in memory."""
        return {
            "upstream": self.upstream,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "ms": round(self.ms, 2),
            "at": self.at,
        }


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that reached a person: `via` is reply, push or send, or busy for a typing indication."""

    seq: int
    channel: str
    to: str
    via: str
    raw: bytes
    at: int

    @property
    def message(self) -> Any:
        """The message as the platform's API got it."""
        return orjson.loads(self.raw)

    def as_json(self) -> dict[str, Any]:
        return {
            "seq": self.seq,
            "channel": self.channel,
            "to": self.to,
            "via": self.via,
            "message": orjson.Fragment(self.raw),
            "at": self.at,
        }


@dataclass(slots=True)
class Deed:
    """What somebody did on a phone that posts its webhooks itself: a chat in a terminal.

    act, shown: as the simulator's page tells what was done on its own phones. status: what the bot answered, 0 when
    nothing did, None until then.
    """

    channel: str
    user: str
    act: dict[str, Any]
    shown: str
    webhook: Webhook
    at: int
    status: int | None = None
    ms: float = 0.0


class Journal:
    """Calls and messages, the newest of each; older ones are forgotten so that long runs stay small.

    watchers: told each call when it comes and when it is answered, each message, and each deed when its webhook is
    about to be posted and when it was.
    """

    def __init__(self) -> None:
        self.watchers: list[Callable[[Call | Sent | Deed], None]] = []
        self._deeds: dict[int, Deed] = {}
        self.calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self.ticks: list[tuple[str, int, float]] = []
        self._sent: list[Sent] = []
        self._seq = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def clear(self) -> None:
        """Forget everything. Sequence numbers go on, so that whoever polls misses nothing that comes next."""
        self.calls.clear()
        self._deeds.clear()
        self.ticks.clear()
        self._sent.clear()

    def called(self, call: Call) -> None:
        """Note a call that has just come."""
        self.calls.append(call)
        self._tell(call)

    def answered(self, call: Call, ms: float) -> None:
        """Note that a call was answered, or its connection closed, after `ms`."""
        call.ms = ms
        call.answered = True
        self._tell(call)

    def tick(self, token: str, messages: int, at: float) -> None:
        """Note a reply to one of the benchmark's tokens without keeping its messages."""
        if len(self.ticks) < TICKS_KEPT:
            self.ticks.append((token, messages, at))

    def deliver(self, channel: str, to: str, via: str, message: Any, at: int) -> None:
        self._seq += 1
        item = Sent(self._seq, channel, to, via, orjson.dumps(message), at)
        self._sent.append(item)
        if len(self._sent) > 2 * MESSAGES_KEPT:
            del self._sent[:MESSAGES_KEPT]
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._tell(item)

    def begins(self, deed: Deed) -> int:
        """Note what somebody is about to do; the number is for `ended`."""
        self._seq += 1
        self._deeds[self._seq] = deed
        self._tell(deed)
        return self._seq

    def ended(self, number: int, status: int, ms: float) -> None:
        """Note what the bot answered to the webhook of a deed."""
        deed = self._deeds.pop(number, None)
        if deed is not None:
            deed.status, deed.ms = status, ms
            self._tell(deed)

    def _tell(self, what: Call | Sent | Deed) -> None:
        for watcher in self.watchers:
            watcher(what)

    @property
    def last(self) -> int:
        """The sequence number given out last."""
        return self._seq

    def sent(self, channel: str | None = None, to: str | None = None, after: int = 0) -> list[Sent]:
        """What was delivered after `after`, oldest first."""
        newer = self._sent[max(0, len(self._sent) - (self._seq - after)) :] if after else self._sent
        return [
            item for item in newer if item.seq > after and channel in (None, item.channel) and to in (None, item.to)
        ]

    async def wait_sent(
        self, channel: str | None = None, to: str | None = None, after: int = 0, wait: float = 0.0
    ) -> list[Sent]:
        """Like `sent`, but waits up to `wait` seconds for the first item."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while not (found := self.sent(channel, to, after)) and (left := deadline - loop.time()) > 0:
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiting.add(waiter)
            try:
                async with asyncio.timeout(left):
                    await waiter
            except TimeoutError:
                break
            finally:
                self._waiting.discard(waiter)
        return found

"""Passing on: other tools on LINE's channel get what is theirs, each on connections of its own.

A job of the queue would take a place that an answer of ours needs, for as long as a slow tool pleases; so this runs
beside the queue, and a tool that is down costs us a question to the database now and then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg
import httpx
import orjson

from bot.apis.http import Breaker, timeouts
from bot.apis.transport import Client, Transport, prepared
from bot.channels.limits import record, records, word
from bot.channels.line.inbound import LineInbound
from bot.channels.line.relay import Target, headers, request_of, signed
from bot.delivery import where_raised
from bot.errors import CheckFailed, Kind
from bot.i18n import N_
from bot.services.alerts import Alerts
from bot.services.health import Health
from bot.services.passing import Passing
from bot.services.sealing import Sealer
from bot.storage import counts, relays
from bot.storage.pool import UNWELL
from bot.storage.relays import Relay
from bot.telemetry import metrics
from bot.telemetry.log import log

CONNECT_SECONDS, ANSWER_SECONDS = 2.0, 5.0
AT_ONCE = 20  # to one tool, from one worker
LEASE = timedelta(seconds=15)  # longer than a try can take
LOOK_EVERY = 0.5  # seconds; what a turn here decided is seen at once
GIVEN_UP_AFTER = timedelta(hours=1)
LONGEST_PAUSE = 60  # seconds between two tries of one copy
TOLD_AFTER = timedelta(minutes=5)  # of silence
PROBED_EVERY = 5.0  # seconds, while a tool answers nothing


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a try came to nothing. detail: safe to log."""

    kind: Kind
    detail: str


class Peer:
    """One other tool as this worker calls it."""

    def __init__(self, target: Target, secret: str) -> None:
        self.target = target
        self.breaker = Breaker(pause=PROBED_EVERY)
        self.busy = 0
        self._secret = secret
        self._http = Client(Transport(AT_ONCE))

    async def send(self, body: bytes, sent: dict[str, str]) -> Failure | None:
        """One try; None when they have it."""
        times = timeouts(CONNECT_SECONDS, ANSWER_SECONDS, CONNECT_SECONDS + ANSWER_SECONDS)
        try:
            response = await self._http.send(prepared("POST", self.target.url, sent, body, times), stream=True)
        except httpx.ConnectTimeout:
            return Failure("unavailable", f"no connection within {CONNECT_SECONDS:.0f} s")
        except httpx.ConnectError:
            return Failure("unavailable", "no connection, or a certificate that nobody knows")
        except httpx.TimeoutException:
            return Failure("unavailable", f"no answer within {ANSWER_SECONDS:.0f} s")
        except httpx.RequestError:
            return Failure("unavailable", "hung up without an answer")
        return _judged(response.status_code)

    async def check(self) -> str:
        """LINE's empty verification body, which changes nothing. Raises CheckFailed.

        Source: https://developers.line.biz/en/reference/messaging-api/#webhooks (`events` may be empty)
        """
        body = orjson.dumps({"destination": "U" + 32 * "0", "events": []})
        failure = await self.send(body, headers(signed(body, self._secret)))
        if failure is not None:
            raise CheckFailed(f"{self.target.name} does not take what is passed on: {failure.detail}", failure.kind)
        return "takes LINE's empty verification body"

    def request(self, kept: str, relay: Relay) -> tuple[bytes, dict[str, str]]:
        return request_of(kept, self._secret, again=relay.attempts > 1, without=relay.without_token)

    async def aclose(self) -> None:
        await self._http.aclose()


def _judged(status: int) -> Failure | None:
    if 200 <= status < 300:
        return None
    if status in (401, 403):
        return Failure("credentials", f"HTTP {status}: it refuses our signature, check its channel secret")
    if status == 429:
        return Failure("limited", "HTTP 429")
    if 300 <= status < 400:
        return Failure("refused", f"HTTP {status}: redirected, check LINE_RELAY_URL")
    return Failure("unavailable" if status >= 500 else "refused", f"HTTP {status}")


@dataclass(slots=True)
class Relaying:
    """Passes on what waits, until it is stopped. peers: everybody whom something is passed on to."""

    pool: asyncpg.Pool
    peers: Sequence[Peer]
    sealer: Sealer
    passing: Passing
    health: Health
    alerts: Alerts
    clock: Callable[[], datetime]
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def wake(self) -> None:
        """There may be something now."""
        self._woken.set()

    async def run(self) -> None:
        """For ever; when it is cancelled, what is on its way has a moment to end."""
        try:
            await self._forget_others()
            if not self.peers:
                return
            while True:
                self._woken.clear()
                try:
                    await relays.settle(self.pool)
                    for peer in self.peers:
                        await self._begin(peer)
                except UNWELL as error:
                    log.warning("nothing is passed on, the database is away", error=type(error).__name__)
                    await asyncio.sleep(LOOK_EVERY)
                except Exception as error:  # noqa: BLE001 - nothing may end this but its worker
                    log.error("passing on failed", error=type(error).__name__, where=where_raised(error))
                    await asyncio.sleep(LOOK_EVERY)
                await self._pause()
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=CONNECT_SECONDS + ANSWER_SECONDS)

    async def _forget_others(self) -> None:
        try:
            gone = await relays.drop_others(self.pool, [peer.target.key for peer in self.peers])
        except UNWELL:
            return
        if gone:
            log.warning("what waited for tools that are not named any more is forgotten", copies=gone)

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY):
                await self._woken.wait()

    async def _begin(self, peer: Peer) -> None:
        """Take what has its turn, as far as there is room, and try it; of a silent tool one."""
        room = {"closed": AT_ONCE - peer.busy, "half-open": 1 - peer.busy, "open": 0}[peer.breaker.state]
        if room <= 0:
            return
        for relay in await relays.take(self.pool, peer.target.key, room, self.clock(), LEASE):
            peer.busy += 1
            task = asyncio.create_task(self._try(peer, relay))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _try(self, peer: Peer, relay: Relay) -> None:
        permit, healthy = peer.breaker.admit(), None
        try:
            if permit is None:
                await relays.untaken(self.pool, peer.target.key, relay.event_id, self.clock())
            else:
                healthy = await self._deliver(peer, relay)
        except UNWELL:
            pass  # Its lease ends, and somebody takes it again.
        except Exception as error:  # noqa: BLE001 - it is taken again like any other
            log.error("passing on failed", error=type(error).__name__, where=where_raised(error))
        finally:
            if permit is not None:
                peer.breaker.record(permit, healthy)
            peer.busy -= 1
            self.wake()

    async def _deliver(self, peer: Peer, relay: Relay) -> bool | None:
        """Whether they took it; None when they were not asked, and nothing was learned of them."""
        target = peer.target
        kept = self.sealer.open(relay.body)
        if kept is None or (relay.unread and await self._stays(kept, relay)):
            metrics.RELAYED.labels(target.name, "kept" if kept else "unreadable").inc()
            await relays.done(self.pool, target.key, relay.event_id)
            return None
        began = time.monotonic()
        failure = await peer.send(*peer.request(kept, relay))
        seconds = time.monotonic() - began
        kind, detail = (failure.kind, failure.detail) if failure else (None, "")
        self.health.delivered(target.part, kind, seconds, detail)
        if failure is None:
            await relays.done(self.pool, target.key, relay.event_id)
            metrics.RELAYED.labels(target.name, "passed on").inc()
            return True
        metrics.RELAYED.labels(target.name, "failed").inc()
        log.warning("not passed on yet", target=target.name, detail=failure.detail, attempt=relay.attempts)
        now = self.clock()
        pause = min(2.0 ** (min(relay.attempts, 10) - 1), LONGEST_PAUSE)
        async with self.pool.acquire() as connection, connection.transaction():
            await relays.failed(connection, target.key, relay.event_id, now, now + timedelta(seconds=pause))
            await self._tell(connection, peer, relay, failure, now)
        return False

    async def _stays(self, kept: str, relay: Relay) -> bool:
        """Whether an event that no turn has looked at is nobody else's."""
        if await self.passing.is_of_staff(self.pool, relay.chat):
            return True
        body = record(orjson.loads(kept.partition("\n")[2]))
        for event in records(body.get("events")):
            incoming = LineInbound(()).parse(word(body.get("destination")) or "", event)
            if await self.passing.forbids(self.pool, incoming.texts, min(incoming.at, self.clock())):
                return True
        return False

    async def _tell(
        self, connection: asyncpg.Connection, peer: Peer, relay: Relay, failure: Failure, now: datetime
    ) -> None:
        """Give up what has waited too long, and tell those in charge of that, and of a tool that has been silent."""
        target, stats = peer.target, self.health.platforms[peer.target.part]
        down = peer.breaker.state != "closed"
        before = now - GIVEN_UP_AFTER
        lost = await relays.give_up(connection, target.key, relay.event_id, before, now, untried=down)
        if lost:
            metrics.RELAYED.labels(target.name, "given up").inc(lost)
            day = now.astimezone(self.health.zone).date()
            await counts.add(connection, day, {(target.part, counts.GIVEN_UP): lost})
            log.error("given up, not passed on within an hour", target=target.name, copies=lost)
            await self.alerts.tell(
                connection,
                f"relay-lost:{target.key}",
                N_(
                    "%(name)s has not taken customers' messages for an hour (%(detail)s); the oldest are given up, "
                    "%(count)s just now, and nobody has answered them. /relay shows how it goes on."
                ),
                now,
                name=target.name,
                detail=failure.detail,
                count=lost,
            )
        elif stats.failing_since is not None and now.timestamp() - stats.failing_since > TOLD_AFTER.total_seconds():
            await self.alerts.tell(
                connection,
                f"relay:{target.key}",
                N_(
                    "%(name)s has not taken customers' messages for some minutes (%(detail)s). They wait for an "
                    "hour at most; what Giftdesk understands is answered meanwhile."
                ),
                now,
                name=target.name,
                detail=failure.detail,
            )

    async def aclose(self) -> None:
        """Close the connections."""
        for peer in self.peers:
            await peer.aclose()

"""MantaGo's pair of token and secret: which one is the newest, and its exchange for a new one before its 30 days end.

One pair exists for a bot, the old one is dead the moment MantaGo makes a new one, and whoever does not get the answer
has none any more. So (MANTAGO_ROTATE) it is exchanged by one process of one database, not before three days to its end
or MantaGo's word that it is over; `unknown` is written down before it is asked for; the new pair is stored before it is
used; and an answer that got lost is never asked for again: people press Refresh in MantaGo's console.

The pair of the settings is the beginning: another one set by hand wins. Every process reads what came of it, also where
MANTAGO_ROTATE is off (again).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import asyncpg
import orjson

from bot.apis.mantago import EXPIRED, NAME, MantagoApi, Pair, days_left
from bot.errors import RateLimited, UpstreamError, UpstreamRefused, UpstreamUnavailable
from bot.i18n import N_
from bot.services.alerts import Alerts
from bot.services.sealing import Sealer
from bot.storage import mantago_pairs
from bot.storage.hashes import keyed_hash
from bot.storage.mantago_pairs import PairState, Stored
from bot.storage.pool import UNWELL
from bot.telemetry.log import log

BEFORE_ITS_END = timedelta(days=3)
NOT_AGAIN_WITHIN = timedelta(hours=1)  # after an exchange that surely did not happen
NEW_FOR = timedelta(days=1)  # A pair so young is not exchanged, whatever it says of its end.
UNDER_WAY = timedelta(seconds=60)  # An exchange takes 23 s at most; after this its answer is lost.
LOOKED_AT_EVERY = 300.0  # seconds
WAITED_FOR = 3.0  # seconds, by a call that met the old pair while the new one was on its way
NOT_AWAITED = 20.0  # seconds, by the next ones, when it did not come
LOOK_AGAIN = 0.1  # seconds

How = Literal["by hand", "by itself", "not here", "unknown", "refused"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the newest pair stands, and how the next one comes.

    days: whole days left of it, negative when it is over; None when it does not say. how: `by hand`; `by itself`, three
    days before its end; `not here`: this database is a copy, so by hand; `unknown`, `refused`: by hand, since an
    exchange was begun at `tried_at` and went so. failed: an exchange did not happen so far and is tried again.
    exchanged_at: when Giftdesk got it; None: from the settings.
    """

    ends: datetime | None
    days: int | None
    how: How
    failed: bool = False
    exchanged_at: datetime | None = None
    tried_at: datetime | None = None
    detail: str = ""


@dataclass
class MantagoPairs:
    """settings: the pair that was set by hand. rotates: MANTAGO_ROTATE."""

    pool: asyncpg.Pool
    api: MantagoApi
    bot: str
    settings: Pair
    secret: bytes = field(repr=False)
    sealer: Sealer
    rotates: bool
    clock: Callable[[], datetime]
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _due: asyncio.Event = field(default_factory=asyncio.Event)
    _over: Pair | None = None  # MantaGo said so of it.
    _here: str = ""
    _looking: bool = False
    _not_awaited_until: float = 0.0
    _exchange: asyncio.Task[None] | None = None

    # ── which one is the newest ──────────────────────────────────────────────────────────────────

    async def newest(self) -> Pair:
        """The newest pair that is known: stored, else that of the settings."""
        return self._of(await self._read())

    async def after(self, refused: Pair, code: int) -> Pair | None:
        """See `bot.apis.mantago.Pairs`. A pair that is over is exchanged at once, where that is allowed."""
        async with self._asking:  # Of many calls that are refused at once, one looks.
            stored = await self._read()
            if self._of(stored) != refused:
                return self._of(stored)
            # One that was never looked at is about to be: it is this process's start.
            if code == EXPIRED and self._looking and self.rotates and (not self._here or self._may(stored)):
                self._over = refused
                self._due.set()
            elif not self._under_way(stored):
                return None
            now = time.monotonic()
            until = now if now < self._not_awaited_until else now + WAITED_FOR
            while self._of(stored) == refused:
                if stored is not None and stored.state is PairState.REFUSED:
                    return None
                if time.monotonic() >= until:
                    if until > now:
                        self._not_awaited_until = until + NOT_AWAITED
                    raise UpstreamUnavailable(NAME, "its token is being exchanged just now")
                await asyncio.sleep(LOOK_AGAIN)
                stored = await self._read()
            return self._of(stored)

    async def standing(self) -> Standing:
        """From our own table alone."""
        stored = await self._read()
        pair, now = self._of(stored), self.clock()
        if stored is None:
            return Standing(pair.ends, days_left(pair, now), "by itself" if self.rotates else "by hand")
        how: How = "by itself" if self.rotates else "by hand"
        if stored.state is PairState.UNKNOWN and not self._under_way(stored):
            how = "unknown"
        elif stored.state is PairState.REFUSED:
            how = "refused"
        elif self.rotates and stored.home != await mantago_pairs.here(self.pool):
            how = "not here"
        tried, got = stored.tried_at, stored.exchanged_at
        failed = stored.state is PairState.KEPT and tried is not None and (got is None or got < tried)
        return Standing(pair.ends, days_left(pair, now), how, failed, got, tried, stored.detail)

    async def _read(self) -> Stored | None:
        return await mantago_pairs.read(self.pool, self.bot, self._fingerprint)

    @property
    def _fingerprint(self) -> bytes:
        return keyed_hash(self.secret, "mantago pair", f"{self.settings.token}\n{self.settings.secret}")

    def _of(self, stored: Stored | None) -> Pair:
        if stored is None or stored.pair is None:
            return self.settings
        opened = self.sealer.open(stored.pair)
        return Pair(*orjson.loads(opened)) if opened is not None else self.settings

    def _under_way(self, stored: Stored | None) -> bool:
        """Whether an exchange was begun so lately that its answer may still come."""
        if stored is None or stored.state is not PairState.UNKNOWN or stored.tried_at is None:
            return False
        return self.clock() - stored.tried_at < UNDER_WAY

    # ── exchanging ───────────────────────────────────────────────────────────────────────────────

    async def look_after(self, alerts: Alerts) -> None:
        """Exchange the pair whenever that is due, for ever; a worker's task."""
        self._looking = True
        while True:
            try:
                await self.look(alerts)
            except Exception as error:  # noqa: BLE001 - it is looked at again in some minutes
                log.error("MantaGo's pair not looked after", error=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOKED_AT_EVERY):
                    await self._due.wait()
            self._due.clear()

    async def look(self, alerts: Alerts) -> None:
        """Exchange the pair if that is due, and tell owners and managers what only they can mend."""
        if self.rotates:
            here = self._here or await mantago_pairs.here(self.pool)
            await mantago_pairs.settle_in(self.pool, self.bot, self._fingerprint)
            self._here = here  # Not before: until then a call that meets the old pair waits for this.
        stored = await self._read()
        if stored is not None and self._is_due(stored):
            # Whoever waits for it may give up; the exchange itself must hear its answer.
            self._exchange = asyncio.create_task(self._do_exchange(stored))
            await asyncio.shield(self._exchange)
            stored = await self._read()
        if stored is not None and stored.tried_at is not None:
            await self._tell(alerts, stored, stored.tried_at)

    async def rest(self) -> None:
        """Before the process ends: hear the end of an exchange that was begun."""
        if self._exchange is not None:
            await asyncio.wait({self._exchange}, timeout=UNDER_WAY.total_seconds())

    def _may(self, stored: Stored | None) -> bool:
        """Whether this process may exchange a pair now, if it is time."""
        if not self.rotates or stored is None or stored.state is not PairState.KEPT or stored.home != self._here:
            return False
        now = self.clock()
        if stored.tried_at is not None and now - stored.tried_at < NOT_AGAIN_WITHIN:
            return False
        return stored.exchanged_at is None or now - stored.exchanged_at >= NEW_FOR

    def _is_due(self, stored: Stored) -> bool:
        pair = self._of(stored)
        near = pair.ends is not None and pair.ends - self.clock() <= BEFORE_ITS_END
        return (near or pair == self._over) and self._may(stored)

    async def _do_exchange(self, stored: Stored) -> None:
        pool, bot, settings, generation = self.pool, self.bot, self._fingerprint, stored.generation
        pair, now = self._of(stored), self.clock()
        if not await mantago_pairs.begin(pool, bot, settings, generation, now=now, not_since=now - NOT_AGAIN_WITHIN):
            return
        try:
            new = await self.api.exchange(pair)
        except UpstreamRefused as error:
            await mantago_pairs.fail(pool, bot, settings, generation, PairState.REFUSED, error.detail)
            log.error("MantaGo gives no new pair", detail=error.detail)
        except (RateLimited, UpstreamUnavailable) as error:
            await mantago_pairs.fail(pool, bot, settings, generation, PairState.KEPT, error.detail)
            log.warning("MantaGo's pair not exchanged, tried again later", detail=error.detail)
        except UpstreamError as error:  # There may be a new pair, and nobody has it: `unknown` stays.
            log.error("the answer with MantaGo's new pair is lost", detail=error.detail)
        else:
            if new == pair:
                detail = "it answered with the same pair"
                await mantago_pairs.fail(pool, bot, settings, generation, PairState.REFUSED, detail)
                log.error("MantaGo gives no new pair", detail=detail)
                return
            await self._store(generation + 1, new)
            self.api.use(new)
            log.info("MantaGo's pair exchanged", days=days_left(new, self.clock()))

    async def _store(self, generation: int, new: Pair) -> None:
        """However long the database is away: the pair exists here alone."""
        sealed = self.sealer.seal(orjson.dumps([new.token, new.secret]).decode())
        pause = 0.2
        while True:
            try:
                now = self.clock()
                return await mantago_pairs.keep(self.pool, self.bot, self._fingerprint, generation, sealed, now)
            except (*UNWELL, OSError, TimeoutError) as error:
                log.error("MantaGo's new pair is not stored yet", error=type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 10)

    async def _tell(self, alerts: Alerts, stored: Stored, tried: datetime) -> None:
        key = f"mantago-pair:{tried:%Y%m%dT%H%M%S}"
        if stored.state is PairState.UNKNOWN and not self._under_way(stored):
            await alerts.tell(
                self.pool,
                f"{key}:unknown",
                lambda _: _(
                    "Giftdesk asked MantaGo for a new token at %(time)s, and the answer got lost. The old one may be "
                    "dead, then customers see their last known list. Press Refresh in MantaGo's console (Settings, "
                    "Advanced Settings, API Integration Settings), replace MANTAGO_TOKEN and MANTAGO_SECRET together "
                    "and restart. It is not tried again.",
                    time=_.moment(tried),
                ),
                self.clock(),
                once_per="",
            )
        elif stored.state is PairState.REFUSED:
            await alerts.tell(
                self.pool,
                f"{key}:refused",
                N_(
                    "MantaGo gave us no new token (“%(detail)s”), and it is not tried again. Renew it in MantaGo's "
                    "console, replace MANTAGO_TOKEN and MANTAGO_SECRET together and restart."
                ),
                self.clock(),
                once_per="",
                detail=stored.detail,
            )

"""Slots at a vendor that all processes share, and what goes on while the database cannot be asked for them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg

from bot.apis.rate_limit import MARGIN, RateLimit, Slot
from bot.storage import rate_limits
from bot.storage.pool import LOST
from bot.storage.together import Together
from bot.telemetry.log import log

ANSWERS_WITHIN = 1.0  # seconds
AWAY = 5.0  # seconds without asking a database that did not answer


@dataclass(slots=True)
class SharedSlots:
    """Slots of one limit, for one process.

    Calls that come while a statement runs ask together in the next one. A busy process takes some slots ahead, as many
    as it used in the last moment; those that it does not use in time are lost. While the database cannot be asked, the
    process keeps its own limit.
    """

    pool: asyncpg.Pool
    limit: RateLimit
    together: Together[None, Slot] = field(init=False)
    _ahead: deque[float] = field(default_factory=deque)
    _given: int = 0  # since the last statement
    _asked: float = float("-inf")
    _away_until: float = float("-inf")

    def __post_init__(self) -> None:
        self.together = Together(self._take, self._own)

    async def slot(self) -> Slot:
        """The next slot."""
        now = time.monotonic()
        if now < self._away_until:
            return await self.limit.own_slot()
        while self._ahead:
            at = self._ahead.popleft()
            if at >= now - MARGIN:
                self._given += 1
                return Slot(max(0.0, at - now))
        return await self.together.do(None)

    async def _take(self, batch: Sequence[None]) -> Sequence[Slot | None]:
        limit, now = self.limit, time.monotonic()
        used = self._given * MARGIN / max(MARGIN, now - self._asked)
        self._given, self._asked = len(batch), now
        wanted = len(batch) + int(min(used, MARGIN / limit.interval))
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                wait, taken = await rate_limits.take(self.pool, limit.name, limit.interval, wanted, limit.patience)
        except LOST as error:
            self._away_until = time.monotonic() + AWAY
            log.warning("this process keeps its own limit of calls", limit=limit.name, error=type(error).__name__)
            return [None] * len(batch)
        first = time.monotonic() + wait
        self._ahead.extend(first + index * limit.interval for index in range(len(batch), taken))
        return [Slot(wait + index * limit.interval, taken=index < taken) for index in range(len(batch))]

    async def _own(self, _call: None) -> Slot:
        return await self.limit.own_slot()

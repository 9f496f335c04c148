"""How often a vendor or a platform may be called: slots that are so far apart, for this process or for all of them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

MARGIN = 0.05  # seconds; two calls may lose so much of their distance on the way, and still no second has too many


@dataclass(frozen=True, slots=True)
class Slot:
    """When a call may be made: after `wait` seconds. taken: False when that is too long, and nobody has this slot."""

    wait: float
    taken: bool = True


class RateLimit:
    """So many calls a second. Each call takes a slot, waits until it comes, and is made.

    name: the same for all who share it. patience: seconds that a call may wait for its slot. alone: so many calls a
    second a process makes without taking slots with the others: for limits that several busy ones reach together, and
    none by itself. clock: monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        per_second: float,
        *,
        patience: float,
        alone: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.interval = (1 + MARGIN) / per_second
        self.patience = patience
        self._alone = alone
        self._clock = clock
        self._next_slot = self._next_alone = float("-inf")
        self._shared: Callable[[], Awaitable[Slot]] | None = None

    def share(self, slot: Callable[[], Awaitable[Slot]]) -> None:
        """Take slots with other processes from now on. slot: takes one of theirs and ours."""
        self._shared = slot

    async def slot(self) -> Slot:
        """The next slot."""
        if self._shared is None:
            return await self.own_slot()
        now = self._clock()
        if self._alone and self._next_alone < now + 1:
            self._next_alone = max(self._next_alone, now) + 1 / self._alone
            return Slot(0.0)
        return await self._shared()

    async def own_slot(self) -> Slot:
        """The next slot of this process, whatever the others do."""
        now = self._clock()
        wait = max(0.0, self._next_slot - now)
        if wait > self.patience:
            return Slot(wait, taken=False)
        self._next_slot = now + wait + self.interval
        return Slot(wait)

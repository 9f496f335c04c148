"""The messages that LINE counts: pushes. Replies are free, and Messenger counts nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.errors import UpstreamError

ASKED_EVERY = timedelta(minutes=5)
PATIENCE = 3.0  # seconds; the numbers are worth no longer wait


@dataclass(frozen=True, slots=True)
class Usage:
    """This month's pushes as LINE counted them, at `at`. free: how many the plan includes, None for any number."""

    used: int
    free: int | None
    at: datetime
    stale: bool = False  # LINE did not say it again when it was asked.


@dataclass(slots=True)
class Allowance:
    """ask: (used, free) of LINE's own count; None when LINE is switched off."""

    ask: Callable[[], Awaitable[tuple[int, int | None]]] | None
    _known: Usage | None = None

    async def usage(self, now: datetime) -> Usage | None:
        """What LINE says, at most five minutes old; when it says nothing, the last it said; None when that is nothing.

        Raises nothing.
        """
        if self.ask is None:
            return None
        if self._known is not None and now - self._known.at < ASKED_EVERY:
            return self._known
        try:
            async with asyncio.timeout(PATIENCE):
                used, free = await self.ask()
        except (UpstreamError, TimeoutError):
            return replace(self._known, stale=True) if self._known else None
        self._known = Usage(used, free, now)
        return self._known

    def forget(self) -> None:
        """Ask again the next time."""
        self._known = None

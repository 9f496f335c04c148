"""Surges: more comes in than can be answered in time. Told by how long events have waited when they are taken up, which
each worker knows anyway; nobody is asked for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.telemetry.log import log

IN_A_ROW = 10  # events; a few alone may have waited for reasons of their own
CALM = timedelta(seconds=10)  # without any event


@dataclass(slots=True)
class Surge:
    """Whether there is one, as this worker sees it. All take events from the same queue, and so see the same.

    after: how long events have waited when one begins; zero: none ever does. It ends with the first that has waited for
    less than a third of that. spared: counts a list that was answered as it was kept, so that no vendor was asked.
    """

    after: timedelta = timedelta(0)
    spared: Callable[[], None] = lambda: None
    since: datetime | None = None
    _old: int = 0  # events in a row
    _last: datetime | None = None

    @property
    def on(self) -> bool:
        """Whether there is one now: asked while an event is handled, which was taken up just before."""
        return self.since is not None

    def saw(self, waited: timedelta, now: datetime) -> None:
        """An event was taken up for the first time."""
        self._last = now
        self._old = self._old + 1 if waited >= self.after > timedelta(0) else 0
        if self.since is None and self._old >= IN_A_ROW:
            self.since = now
            log.warning("a surge: lists are answered as they were kept", waited_s=round(waited.total_seconds()))
        elif self.since is not None and waited < self.after / 3:
            log.warning("the surge is over", lasted_s=round((now - self.since).total_seconds()))
            self.since = None

    def lasts(self, now: datetime) -> datetime | None:
        """Since when there is one; None without. When nothing comes any more it is over, though nobody saw that."""
        return self.since if self._last is not None and now - self._last < CALM else None

    def forget(self) -> None:
        """Know nothing of what was any more."""
        self.since = self._last = None
        self._old = 0

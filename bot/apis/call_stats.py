"""How somebody whom we call has been answering lately, as this process saw it."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.errors import Kind

RECENT = 100  # calls
LATELY = 600.0  # seconds


@dataclass(slots=True)
class CallStats:
    """The latest calls, and the last failure. Noting one costs about a microsecond.

    clock: seconds since 1970, which is what other processes count in as well.
    answered_at: the last call that did not fail. failing_since: the first failure after it. failed_at, kind, detail:
    the last failure; detail is safe to show to staff. in_a_row: failures since the last answer.
    calls, failures: how many there were, and of each kind, until somebody takes the numbers.
    """

    clock: Callable[[], float] = time.time
    recent: deque[tuple[float, float, bool]] = field(default_factory=lambda: deque(maxlen=RECENT))
    answered_at: float | None = None
    failing_since: float | None = None
    failed_at: float | None = None
    kind: Kind | None = None
    detail: str = ""
    in_a_row: int = 0
    calls: int = 0
    failures: Counter[Kind] = field(default_factory=Counter)

    def note(self, kind: Kind | None, seconds: float, detail: str = "") -> None:
        """Remember a call that took `seconds`. kind: how it failed, None when it did not."""
        now = self.clock()
        self.recent.append((now, seconds, kind is not None))
        self.calls += 1
        if kind is None:
            self.answered_at, self.failing_since, self.in_a_row = now, None, 0
            return
        self.failures[kind] += 1
        self.failed_at, self.kind, self.detail = now, kind, detail
        self.failing_since = self.failing_since or now
        self.in_a_row += 1

    def report(self) -> dict[str, Any]:
        """Everything as plain JSON; times of the calls of the last ten minutes in milliseconds."""
        since = self.clock() - LATELY
        lately = [(seconds, failed) for at, seconds, failed in self.recent if at >= since]
        return {
            "ms": [round(seconds * 1000) for seconds, _ in lately],
            "failed": sum(failed for _, failed in lately),
            "answered_at": self.answered_at,
            "failing_since": self.failing_since,
            "failed_at": self.failed_at,
            "kind": self.kind,
            "detail": self.detail,
            "in_a_row": self.in_a_row,
        }

    def take(self) -> tuple[int, Counter[Kind]]:
        """How many calls there were, and failures of each kind, since the last time this was asked."""
        taken = self.calls, self.failures
        self.calls, self.failures = 0, Counter()
        return taken

    def give_back(self, calls: int, failures: Counter[Kind]) -> None:
        """Count again what was taken and could not be kept."""
        self.calls += calls
        self.failures.update(failures)

"""Whether this machine's clock agrees with the database's, and so with every other machine's.

Leases of vouchers, and whether an answer is late, are judged by one machine's clock after another's wrote them down.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from time import time

import asyncpg

QUERY = "SELECT extract(epoch FROM clock_timestamp())::float"
TOLERATED = 5.0  # seconds; a lease outlives its call by fifteen


class DatabaseClock:
    """The database's time, told by this machine's clock and by how much that was ahead when they were last compared.

    Webs write down when an event came by the database's clock; so however wrong a machine's own is, none takes a fresh
    event for a stale one. local: this machine's clock, in seconds since 1970.
    """

    def __init__(self, local: Callable[[], float] = time) -> None:
        self._local = local
        self._ahead = 0.0

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self._local() - self._ahead, UTC)

    async def compare(self, pool: asyncpg.Pool) -> str | None:
        """Set it by the database; says in words when this machine's own clock is too far off."""
        asked, there, answered = self._local(), await pool.fetchval(QUERY), self._local()
        self._ahead = max(asked - there, 0) + min(answered - there, 0)
        return difference(asked, there, answered)


def difference(asked: float, there: float, answered: float) -> str | None:
    """In words, when it is too much. asked, answered: our clock around the question; its own time is no difference."""
    ahead = max(asked - there, 0) + min(answered - there, 0)
    if abs(ahead) <= TOLERATED:
        return None
    side = "ahead of" if ahead > 0 else "behind"
    return f"this machine's clock is {abs(ahead):.0f} s {side} the database's; let both be set by NTP"

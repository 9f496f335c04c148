"""Whether this machine's clock agrees with the database's, and so with every other machine's.

Leases of vouchers, and whether an answer is late, are judged by one machine's clock after another's wrote them down.
"""

from __future__ import annotations

QUERY = "SELECT extract(epoch FROM clock_timestamp())::float"
TOLERATED = 5.0  # seconds; a lease outlives its call by fifteen


def difference(asked: float, there: float, answered: float) -> str | None:
    """In words, when it is too much. asked, answered: our clock around the question; its own time is no difference."""
    ahead = max(asked - there, 0) + min(answered - there, 0)
    if abs(ahead) <= TOLERATED:
        return None
    side = "ahead of" if ahead > 0 else "behind"
    return f"this machine's clock is {abs(ahead):.0f} s {side} the database's; let both be set by NTP"

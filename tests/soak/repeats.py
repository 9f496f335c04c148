"""What may be said twice."""

from __future__ import annotations

from datetime import datetime

from bot.delivery import TOKEN_GOOD_FOR
from sandbox.journal import Sent


def excused(repeat: Sent, came: datetime) -> bool:
    """Whether nothing could tell any more that it had been said: the reply token of what came then was too old."""
    return repeat.via == "push" and repeat.at / 1000 - came.timestamp() > TOKEN_GOOD_FOR.total_seconds()

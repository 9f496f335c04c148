"""Charts of our numbers, as pictures at an address that only we can make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from bot.storage import chart_links


@dataclass(frozen=True, slots=True)
class Charts:
    """secret: what addresses are signed with."""

    secret: bytes

    def address(self, public_url: str, first: date, numbers: Sequence[int], now: datetime) -> str:
        """Where the picture of these days can be fetched for an hour; "" when the platforms cannot reach us.

        public_url: of the web process; the platforms show pictures of https addresses only.
        """
        if not public_url.startswith("https://"):
            return ""
        return f"{public_url}{chart_links.PATH}{chart_links.sign(self.secret, first, numbers, now)}"

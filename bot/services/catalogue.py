"""The catalogue: Got It's vouchers with their price in points, asked for at most every ten minutes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any
from urllib.parse import urlsplit

from bot.apis.gotit import Gift, GotItApi
from bot.errors import UpstreamError
from bot.understanding.reading import fold

DONG = "VND"  # what Got It's prices are in
FRESH_FOR = timedelta(minutes=10)
ASK_AGAIN_AFTER = timedelta(seconds=30)  # while the vendor is in trouble


@dataclass(frozen=True, slots=True)
class Offer:
    """A voucher somebody can get. cost: in points, for one."""

    gift: Gift
    cost: int

    @property
    def snapshot(self) -> dict[str, Any]:
        """How it was shown, to be kept with what is issued."""
        return snapshot(self.gift)


def named(gift: Gift, query: str) -> bool:
    """Whether a voucher's brand or name has `query` in it, as both are read: nobody types `Vé xem phim` on a phone set
    to Chinese."""
    return not query or fold(query) in fold(f"{gift.brand} {gift.name}")


def snapshot(gift: Gift) -> dict[str, Any]:
    """A voucher as it is kept with an issue or a rule: it survives its removal from the catalogue."""
    return {"name": gift.name, "brand": gift.brand, "image": gift.image, "price_value": gift.price_value}


@dataclass(frozen=True, slots=True)
class Listed:
    """The catalogue as it was at `taken_at`. unpriced: nobody said what they cost, so customers do not see them."""

    offers: tuple[Offer, ...]
    unpriced: tuple[Gift, ...]
    taken_at: datetime
    skipped: int = 0


@dataclass(slots=True)
class Catalogue:
    """Prices are ours: Got It's own list tells dong, not points.

    point_per_vnd: points for one dong, rounded up for a voucher. overrides: price id → points.
    image_hosts: hosts (and everything below them) whose pictures customers may be shown.
    """

    point_per_vnd: Decimal | None = None
    overrides: Mapping[int, int] = field(default_factory=dict)
    image_hosts: tuple[str, ...] = ()
    _listed: Listed | None = None
    _asked_at: datetime | None = None
    _trouble: UpstreamError | None = None  # what came of asking the last time
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def cost(self, gift: Gift) -> int | None:
        """Points for one voucher, None when nobody said."""
        if gift.price_id in self.overrides:
            return self.overrides[gift.price_id]
        if gift.point is not None:
            return gift.point
        # A worth of nothing is none that was told: a voucher must not be free because a field was empty.
        if self.point_per_vnd is None or gift.price_value <= 0:
            return None
        return int((gift.price_value * self.point_per_vnd).to_integral_value(ROUND_CEILING))

    def picture(self, address: str) -> str:
        """A picture's address if customers may be shown it, else nothing: platforms fetch what we name."""
        host = urlsplit(address).hostname or ""
        allowed = any(host == name or host.endswith(f".{name}") for name in self.image_hosts)
        return address if allowed and address.startswith("https://") else ""

    async def listed(self, api: GotItApi, now: datetime, *, fresh: bool = False) -> tuple[Listed, UpstreamError | None]:
        """The catalogue, and why it is an old one: the vendor's trouble, None for what is true now.

        fresh: ask the vendor in any case. Raises UpstreamError when there is nothing to show.
        """
        async with self._lock:  # One asks, the others wait for its answer.
            if self._listed is not None and not fresh:
                if now - self._listed.taken_at < FRESH_FOR:
                    return self._listed, None
                if self._trouble and self._asked_at is not None and now - self._asked_at < ASK_AGAIN_AFTER:
                    return self._listed, self._trouble
            self._asked_at, self._trouble = now, None
            try:
                found = await api.catalogue()
            except UpstreamError as error:
                if self._listed is None or fresh:
                    raise
                self._trouble = error.with_traceback(None)  # which would keep this customer's turn in memory
                return self._listed, self._trouble
            priced = [(gift, self.cost(gift)) for gift in found.gifts]
            self._listed = Listed(
                offers=tuple(Offer(gift, cost) for gift, cost in priced if cost is not None),
                unpriced=tuple(gift for gift, cost in priced if cost is None),
                taken_at=now,
                skipped=found.skipped,
            )
            return self._listed, None

    def drop(self, gift_id: int, price_id: int) -> None:
        """Stop offering what Got It has just refused to issue, until it is asked for its list again."""
        if self._listed is not None:
            self._listed = Listed(
                tuple(o for o in self._listed.offers if (o.gift.gift_id, o.gift.price_id) != (gift_id, price_id)),
                self._listed.unpriced,
                self._listed.taken_at,
                self._listed.skipped,
            )

    def forget(self) -> None:
        """Ask the vendor the next time."""
        self._listed = self._asked_at = self._trouble = None

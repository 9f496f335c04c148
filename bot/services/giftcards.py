"""Gift cards of a proven phone: asked for at most once a minute, and kept nowhere but in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.apis.altegio import AltegioApi, Cards
from bot.services.linking import Link, Linking

FRESH_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class GiftCards:
    """The only way to ask Altegio: it takes a Link, never a number."""

    linking: Linking
    _kept: dict[bytes, tuple[datetime, Cards]] = field(default_factory=dict, repr=False)

    async def of(self, api: AltegioApi, link: Link, now: datetime) -> Cards:
        """The cards of a linked phone. Raises UpstreamError when no location answers."""
        name = self.linking.cache_key(link.phone)
        if (kept := self._kept.get(name)) and now - kept[0] < FRESH_FOR:
            return kept[1]
        cards = await api.cards(link.phone)
        self._drop_old(now)
        if not cards.failed:  # A location that did not answer is asked again the next time.
            self._kept[name] = (now, cards)
        return cards

    def forget(self) -> None:
        """Ask the vendor the next time."""
        self._kept.clear()

    def _drop_old(self, now: datetime) -> None:
        # Our own limit of calls keeps these few; card numbers must not stay in memory for nothing.
        for name in [name for name, (taken_at, _) in self._kept.items() if now - taken_at >= FRESH_FOR]:
            del self._kept[name]

"""Gift cards of a proven phone: asked for at most once a minute, and kept nowhere but in memory."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from bot.apis.altegio import AltegioApi, Cards
from bot.services.linking import Link, Linking

FRESH_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class GiftCards:
    """The only way to ask Altegio: it takes a Link, never a number."""

    linking: Linking
    _kept: dict[bytes, tuple[datetime, Cards]] = field(default_factory=dict, repr=False)
    _asked: dict[bytes, asyncio.Task[Cards]] = field(default_factory=dict, repr=False)

    async def of(self, api: AltegioApi, link: Link, now: datetime) -> Cards:
        """The cards of a linked phone. Raises UpstreamError when no location answers.

        Who does not wait for a slow answer may find it here the next time.
        """
        name = self.linking.cache_key(link.phone)
        if (kept := self._kept.get(name)) and now - kept[0] < FRESH_FOR:
            return kept[1]
        asked = self._asked.get(name)
        if asked is None:
            asked = self._asked[name] = asyncio.create_task(self._ask(api, name, link, now))
            asked.add_done_callback(partial(self._answered, name))
        return await asyncio.shield(asked)

    async def _ask(self, api: AltegioApi, name: bytes, link: Link, now: datetime) -> Cards:
        cards = await api.cards(link.phone)
        self._drop_old(now)
        if not cards.failed:  # A location that did not answer is asked again the next time.
            self._kept[name] = (now, cards)
        return cards

    def _answered(self, name: bytes, asked: asyncio.Task[Cards]) -> None:
        del self._asked[name]
        if not asked.cancelled():
            asked.exception()  # Perhaps everybody gave up waiting; asyncio would complain of it in the log.

    def hashes(self, *numbers: str) -> dict[str, str]:
        """Numbers as they may be kept with a customer, so that their own card's number is known when they type it."""
        return {number: self.linking.number_hash(re.sub(r"[^0-9A-Za-z]", "", number).upper()) for number in numbers}

    def forget(self) -> None:
        """Ask the vendor the next time."""
        self._kept.clear()

    def _drop_old(self, now: datetime) -> None:
        # Our own limit of calls keeps these few; card numbers must not stay in memory for nothing.
        for name in [name for name, (taken_at, _) in self._kept.items() if now - taken_at >= FRESH_FOR]:
            del self._kept[name]

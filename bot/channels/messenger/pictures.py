"""Our drawn pictures on Meta's platforms: their addresses in the web process, and the ids of those uploaded ahead.

A picture holds nothing of anybody's. Whichever worker is first draws it into the database, from where the web process
serves it. Above a card of its own it is sent by an attachment id, which Meta forgets after 90 days; inside of a
carousel's cards only an address will do.
https://developers.facebook.com/documentation/business-messaging/messenger-platform/send-messages/saving-assets
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, get_args

from bot.conversation.messages import Banner
from bot.storage import pictures as storage
from bot.telemetry.log import log

if TYPE_CHECKING:
    import asyncpg

PATH = "/pictures/"  # of the web process
BANNERS: tuple[Banner, ...] = tuple(name for name in get_args(Banner) if name)
ABOVE: tuple[Banner, ...] = ("gifts", "vouchers", "points", "receipts")
"""Those that stand above cards of their own; the others are only seen inside of carousels."""

RENEWED_AFTER = timedelta(days=75)  # An id lives 90 days, and a worker may be away for a while.
TRIED_AGAIN_AFTER = timedelta(days=1)  # when an id is refused that was uploaded a moment ago
PAUSE, LONGEST_PAUSE = 60.0, 3600.0  # seconds after an upload that failed
_PARTS = (
    Path(__file__).with_name("banners.py"),
    Path(__file__).parents[1] / "line" / "picture.py",
    Path(__file__).parents[1] / "line" / "colors.py",
)


@lru_cache
def fingerprint(brand_colour: str) -> str:
    """Changes whenever the pictures do. Their bytes differ with Pillow's version; what they are drawn from does not."""
    seen = hashlib.sha256(brand_colour.upper().encode())
    for part in _PARTS:
        seen.update(part.read_bytes())
    return seen.hexdigest()[:12]


def file_name(banner: Banner, brand_colour: str) -> str:
    """`gifts-0f3a….png`."""
    return f"{banner}-{fingerprint(brand_colour)}.png"


def drawn(banner: Banner, brand_colour: str) -> bytes:
    """The picture as a PNG. Takes some 0.3 s."""
    from bot.channels.messenger.banners import draw  # noqa: PLC0415 - Pillow is for this alone

    return draw(banner, brand_colour)


class Shown(Protocol):
    """What a renderer asks about pictures. None: this one cannot be shown now."""

    def address(self, banner: Banner) -> str | None:
        """Where the platform can fetch it."""

    def attachment(self, banner: Banner) -> str | None:
        """The id under which the platform has it."""


class Pictures:
    """Which pictures one channel can show now, from memory alone; `renew` keeps that true.

    base: the web process's public address, "" where the platform cannot reach it. upload: brings a PNG with a file
    name to the platform, and returns its id, or why there is none, which is safe to log.
    """

    def __init__(
        self, channel: str, brand_colour: str, base: str, upload: Callable[[bytes, str], Awaitable[tuple[str, str]]]
    ) -> None:
        self._channel = channel
        self._colour = brand_colour
        self._base = base
        self._upload = upload
        self._served: set[Banner] = set()
        self._ids: dict[Banner, str] = {}
        self._refused: set[str] = set()
        self._pause = PAUSE
        self._not_before = 0.0

    def address(self, banner: Banner) -> str | None:
        served = self._base and banner in self._served
        return f"{self._base}{PATH}{file_name(banner, self._colour)}" if served else None

    def attachment(self, banner: Banner) -> str | None:
        return self._ids.get(banner)

    def refuse(self, attachment_id: str) -> None:
        """The platform does not take this id any more: nothing is sent with it, and `renew` uploads once more."""
        self._refused.add(attachment_id)
        self._ids = {banner: known for banner, known in self._ids.items() if known != attachment_id}

    async def renew(self, pool: asyncpg.Pool) -> None:
        """Draw what is missing, learn which ids there are, and upload what has none or an old one. Never raises.

        Two workers may upload the same picture at the same moment: one id is kept, and both are good.
        """
        try:
            await self._renew(pool)
        except Exception as error:  # noqa: BLE001 - a decoration: whatever it trips over, it is tried again
            log.warning("pictures not renewed", channel=self._channel, error=type(error).__name__)

    async def _renew(self, pool: asyncpg.Pool) -> None:
        there = await storage.names(pool)
        for banner in BANNERS if self._base else ABOVE:
            name = file_name(banner, self._colour)
            if name not in there:
                await storage.add(pool, name, await asyncio.to_thread(drawn, banner, self._colour))
            self._served.add(banner)
        kept = await storage.of_channel(pool, self._channel)
        ids: dict[Banner, str] = {}
        for banner in ABOVE:
            name = file_name(banner, self._colour)
            known = kept.get(name)
            found = known.id if known else ""
            if self._is_due(known) and (uploaded := await self._try(name, await storage.png_of(pool, name))):
                found = await storage.keep(pool, self._channel, name, uploaded, instead_of=found)
            if found and found not in self._refused:
                ids[banner] = found
        self._ids = ids

    def _is_due(self, there: storage.Attachment | None) -> bool:
        """Whether to upload: an id that is refused is replaced at once, but not one that has just replaced another."""
        if there is None or there.age > RENEWED_AFTER:
            return True
        return there.id in self._refused and (not there.renewed or there.age > TRIED_AGAIN_AFTER)

    async def _try(self, name: str, png: bytes) -> str:
        now = asyncio.get_running_loop().time()
        if now < self._not_before:
            return ""
        uploaded, why = await self._upload(png, name)
        if uploaded:
            self._pause = PAUSE
            return uploaded
        self._not_before = now + self._pause
        log.warning("picture not uploaded", channel=self._channel, detail=why, seconds=self._pause)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        return ""


class NoPictures:
    """Where none can be shown."""

    def address(self, banner: Banner) -> str | None:
        return None

    def attachment(self, banner: Banner) -> str | None:
        return None


NONE: Shown = NoPictures()

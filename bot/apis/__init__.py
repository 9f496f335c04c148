"""Other people's HTTP: one client per vendor, and nothing about chats."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.apis.altegio import AltegioApi
from bot.apis.gotit import GotItApi
from bot.apis.http import Upstream
from bot.apis.mantago import MantagoApi
from bot.apis.poshen import PoshenApi


@dataclass(frozen=True, slots=True)
class Apis:
    """The vendors that are switched on; None for one without credentials."""

    mantago: MantagoApi | None = None
    poshen: PoshenApi | None = None
    gotit: GotItApi | None = None
    altegio: AltegioApi | None = None

    @property
    def upstreams(self) -> dict[str, Upstream]:
        """Those that are switched on, by name."""
        clients = (self.mantago, self.poshen, self.gotit, self.altegio)
        return {client.upstream.name: client.upstream for client in clients if client}

    async def aclose(self) -> None:
        """Close every client, each even if another one fails to."""
        clients = (self.mantago, self.poshen, self.gotit, self.altegio)
        await asyncio.gather(*(client.aclose() for client in clients if client), return_exceptions=True)

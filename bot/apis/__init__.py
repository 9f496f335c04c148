"""Other people's HTTP: one client per vendor, and nothing about chats."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields

from bot.apis.altegio import AltegioApi
from bot.apis.gotit import GotItApi
from bot.apis.http import Upstream
from bot.apis.mantago import MantagoApi
from bot.apis.poshen import PoshenApi

Client = MantagoApi | PoshenApi | GotItApi | AltegioApi


@dataclass(frozen=True, slots=True)
class Apis:
    """The vendors that are switched on; None for one without credentials."""

    mantago: MantagoApi | None = None
    poshen: PoshenApi | None = None
    gotit: GotItApi | None = None
    altegio: AltegioApi | None = None

    @property
    def clients(self) -> dict[str, Client]:
        """Those that are switched on, by name."""
        every = (getattr(self, field.name) for field in fields(self))
        return {client.upstream.name: client for client in every if client is not None}

    @property
    def upstreams(self) -> dict[str, Upstream]:
        """Their vendors as they do just now, by name."""
        return {name: client.upstream for name, client in self.clients.items()}

    async def aclose(self) -> None:
        """Close every client, each even if another one fails to."""
        await asyncio.gather(*(client.aclose() for client in self.clients.values()), return_exceptions=True)

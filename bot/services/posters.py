"""Posters: who came by which, and what it is for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from bot.storage import posters
from bot.storage.posters import Poster, Reads

NEWCOMER = timedelta(hours=1)
"""Since when somebody may be known who is still new: LINE tells of a new friend before their first message."""


@dataclass(frozen=True, slots=True)
class Posters:
    """The rules of posters."""

    async def known(self, reads: Reads, token: str) -> Poster | None:
        """The poster whose links say this token; None when there was never one."""
        return await posters.by_token(reads, token)

    async def arrived(
        self,
        connection: asyncpg.Connection,
        poster: Poster,
        *,
        event_id: int,
        customer_id: int,
        first_seen: datetime,
        at: datetime,
    ) -> None:
        """Count somebody who came by a poster with this event. first_seen: since when they are known."""
        await posters.arrived(
            connection,
            event_id=event_id,
            poster_id=poster.id,
            customer_id=customer_id,
            new=at - first_seen < NEWCOMER,
            at=at,
        )

"""Stores: where a member of staff is today, so that what they do counts for that shop.

A member of one store is always there. A member of several says once a day where they are, when it is first needed. The
rest of the staff (and everybody in a brand without stores) works nowhere in particular.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import asyncpg

from bot.storage import stores
from bot.storage.stores import Store

LONGEST_NAME = 30


@dataclass(frozen=True, slots=True)
class Place:
    """Where a member is. store: None when they are in no store, or did not say in which. among: the stores from which
    they have to pick before anything can count for one; empty when there is nothing to ask."""

    store: Store | None = None
    among: tuple[Store, ...] = ()


@dataclass(frozen=True, slots=True)
class Stores:
    """zone: the brand's time zone, in which a day begins at midnight."""

    zone: ZoneInfo

    async def store_of(
        self, connection: asyncpg.Connection | asyncpg.Pool, staff_id: int | None, now: datetime
    ) -> Store | None:
        """The store for which what a member does now counts; None when there is none, or they did not say which.

        staff_id: None for whoever has no row, such as the operator.
        """
        return (await self.place_of(connection, staff_id, now)).store

    async def place_of(
        self, connection: asyncpg.Connection | asyncpg.Pool, staff_id: int | None, now: datetime
    ) -> Place:
        """The same, with what they have to be asked."""
        if staff_id is None:
            return Place()
        theirs, picked = await stores.of_member(connection, staff_id, self._day(now))
        if len(theirs) == 1:
            return Place(theirs[0])
        return Place(picked, () if picked else tuple(theirs))

    async def pick(self, connection: asyncpg.Connection, staff_id: int, store_id: int, now: datetime) -> Store | None:
        """A member says where they are today, in the caller's transaction; None when that is no store of theirs."""
        if not await stores.pick(connection, staff_id, store_id, self._day(now)):
            return None
        theirs, picked = await stores.of_member(connection, staff_id, self._day(now))
        return picked or next((store for store in theirs if store.id == store_id), None)

    def _day(self, now: datetime) -> date:
        return now.astimezone(self.zone).date()


def name_key(name: str) -> str:
    """A store's name as it is looked for: `ＸＩＮＹＩ  Store` is `xinyi store`."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())

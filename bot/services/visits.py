"""Visits: points for coming by, counted by whoever stands at the counter.

Once for each person within some hours, whatever code or number found them, and so many a day for each member.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from bot.i18n import Translator
from bot.services.notices import Notices
from bot.storage import links, points, visits
from bot.storage.customers import Customer
from bot.storage.hashes import keyed_hash
from bot.storage.points import Account

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TooSoon:
    """A visit of theirs was counted not long ago. next_at: from when on the next one counts."""

    next_at: datetime


@dataclass(frozen=True, slots=True)
class TooMany:
    """This member has counted as many as a day allows."""


@dataclass(frozen=True, slots=True)
class Visits:
    """worth: points for a visit, 0 where visits are not counted. every: one counts within so long. per_day: of one
    member, within 24 hours."""

    secret: bytes
    notices: Notices
    worth: int = 0
    every: timedelta = timedelta(hours=20)
    per_day: int = 100

    async def refusal(
        self, reads: asyncpg.Connection | asyncpg.Pool, customer: Customer, actor: str, now: datetime
    ) -> TooSoon | TooMany | None:
        """Why a visit would not be counted now; for its preview. actor: the member, as `count` takes it."""
        if await visits.counted_by(reads, actor, now - A_DAY) >= self.per_day:
            return TooMany()
        before = await visits.latest(reads, await self._hashes(reads, customer), now - self.every)
        return TooSoon(before + self.every) if before else None

    async def count(
        self,
        connection: asyncpg.Connection,
        customer: Customer,
        *,
        key: str,
        actor: str,
        store_id: int | None,
        now: datetime,
    ) -> Account | TooSoon | TooMany:
        """Count a visit once by `key`, in the caller's transaction, and tell the customer. Their account after it.

        actor: a member's id, or who else did it. store_id: where. Raises UserError when the customer is gone.
        """
        assert customer.id is not None, "it was found by its row"
        account = await points.lock(connection, customer.id)
        if await points.entered(connection, f"visit:{key}"):
            return account
        if await visits.counted_by(connection, actor, now - A_DAY) >= self.per_day:
            return TooMany()
        before = await visits.note(connection, await self._hashes(connection, customer), now - self.every, now)
        if before is not None:
            return TooSoon(before + self.every)
        await points.enter(
            connection,
            customer.id,
            key=f"visit:{key}",
            kind="visit",
            available=self.worth,
            actor=actor,
            store_id=store_id,
            now=now,
        )
        account = await points.balance(connection, customer.id)
        if _ := await self.notices.language_of(connection, customer.id):
            await self.notices.tell(
                connection,
                customer.id,
                f"visit:{key}",
                thanks(_, self.worth, account.available),
                choices=((_("My receipts"), "receipts"), (_("Menu"), "menu")),
            )
        return account

    async def _hashes(self, reads: asyncpg.Connection | asyncpg.Pool, customer: Customer) -> list[bytes]:
        """By what a person is known: their chat, and their phone, which they may have linked in another chat, too."""
        assert customer.id is not None, "it was found by its row"
        phone = await links.phone_of(reads, customer.id)
        known = [f"chat {customer.person}", *([f"phone {phone.hex()}"] if phone else [])]
        return sorted(keyed_hash(self.secret, "visitor", each) for each in known)


def thanks(_: Translator, worth: int, available: int) -> str:
    """What a customer is told of a visit, and what they have now."""
    got = _.ngettext(
        "👋 Thanks for coming by: %(n)s point for you.", "👋 Thanks for coming by: %(n)s points for you.", worth
    )
    has = _.ngettext("You have %(n)s point now.", "You have %(n)s points now.", available)
    return f"{got}\n{has}"

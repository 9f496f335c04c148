"""Points: granted by redeemed codes and by staff, spent on vouchers. Nobody's but ours.

No vendor has a call that deducts points, so what a customer may spend is counted here; MantaGo's points are
never promised as spendable.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from bot.i18n import Translator
from bot.services.notices import Notices
from bot.storage import points
from bot.storage.points import Account


@dataclass(frozen=True, slots=True)
class NotEnough:
    """The account does not cover it. available: what it holds."""

    available: int


@dataclass(frozen=True, slots=True)
class Points:
    """Changes of accounts, each in the caller's transaction and once by its key."""

    notices: Notices

    async def balance(self, connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> Account:
        """What a customer has."""
        return await points.balance(connection, customer_id)

    async def grant(
        self, connection: asyncpg.Connection, customer_id: int, amount: int, *, key: str, ref: str, now: datetime
    ) -> bool:
        """Give `amount` for the receipt `ref`; False when that was done before."""
        return await points.enter(
            connection, customer_id, key=f"grant:{key}", kind="grant", available=amount, ref=ref, now=now
        )

    async def adjust(
        self,
        connection: asyncpg.Connection,
        customer_id: int,
        amount: int,
        *,
        key: str,
        actor: str,
        reason: str,
        now: datetime,
        tell: bool = False,
        store_id: int | None = None,
    ) -> Account | NotEnough:
        """Give or take (`amount` < 0) by hand, once by `key`. Held points cannot be taken: they may be spent already.

        actor: a member's id, or who else did it. reason: for staff alone. tell: the customer hears of it. store_id:
        where it was done. Returns the account as it is then.
        """
        account = await points.lock(connection, customer_id)
        if await points.entered(connection, f"adjust:{key}"):
            return account  # What is done is done, also when there would not be enough for it now.
        if account.available + amount < 0:
            return NotEnough(account.available)
        await points.enter(
            connection,
            customer_id,
            key=f"adjust:{key}",
            kind="adjust",
            available=amount,
            actor=actor,
            reason=reason,
            store_id=store_id,
            now=now,
        )
        account = await points.balance(connection, customer_id)
        if tell and (_ := await self.notices.language_of(connection, customer_id)):
            await self.notices.tell(
                connection,
                customer_id,
                f"points:{key}",
                changed(_, amount, account.available),
                # Translators: a button: what was redeemed, received and exchanged
                choices=((_("My receipts"), "receipts"), (_("Talk to a person"), "human"), (_("Menu"), "menu")),
            )
        return account

    async def take_back(
        self,
        connection: asyncpg.Connection,
        customer_id: int,
        amount: int,
        *,
        all_of_it: bool,
        ref: str,
        actor: str,
        now: datetime,
    ) -> int | NotEnough:
        """Take what the receipt `ref` brought, once; without `all_of_it`, as much of it as can be spent. How much."""
        account = await points.lock(connection, customer_id)
        if all_of_it and account.available < amount:
            return NotEnough(account.available)
        taken = min(amount, account.available)
        if taken:
            await points.enter(
                connection,
                customer_id,
                key=f"undo:{ref}",
                kind="adjust",
                available=-taken,
                ref=ref,
                actor=actor,
                reason="undone",
                now=now,
            )
        return taken


def changed(_: Translator, amount: int, available: int) -> str:
    """What a change by hand is called to whom it concerns, and what they have now."""
    has = _.ngettext("You have %(n)s point now.", "You have %(n)s points now.", available)
    if amount > 0:
        got = _.ngettext("🎁 We gave you %(n)s point.", "🎁 We gave you %(n)s points.", amount)
        return f"{got}\n{has}"
    lost = _.ngettext("Our staff took back %(n)s point.", "Our staff took back %(n)s points.", -amount)
    return f"{lost}\n{has}"

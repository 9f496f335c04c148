"""Reminders: who asked for it is told once, some days before something of theirs ends.

Only an end that a vendor has told counts: Altegio's of gift cards, and Got It's of vouchers. Once a day each customer's
things are looked at by a job of their own (`look`); before what is found goes out, it is asked about again (`still`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import orjson

from bot.apis import Apis
from bot.apis.altegio import GiftCard
from bot.errors import UpstreamError
from bot.i18n import Translator
from bot.jobs import RetryLater
from bot.services.catalogue import DONG
from bot.services.giftcards import GiftCards
from bot.services.linking import Link, Linking
from bot.storage import issues, pushes, reminders
from bot.storage.customers import Customer, by_person
from bot.storage.issues import Issue
from bot.storage.pushes import Push
from bot.understanding.hours import Hours

CARD, VOUCHER = "card", "voucher"
"""What a thing's name begins with: `card:12`, `voucher:R-7F3K9M`."""
REMINDER = "reminder:"
"""What the key of a reminder's push begins with."""
AGAIN = 900.0  # seconds until a vendor that does not answer is asked again
MOST = 10  # things in one reminder, which is one message


@dataclass(frozen=True, slots=True)
class Ending:
    """Something that ends soon. item: its name among a customer's things. rows: (label, value)."""

    item: str
    ends: datetime
    title: str
    hero: str
    rows: tuple[tuple[str, str], ...]

    def as_json(self, opens: str) -> dict[str, Any]:
        """As it is queued. opens: the label of the button that shows it."""
        return {
            "item": self.item,
            "ends": self.ends.isoformat(),
            "title": self.title,
            "hero": self.hero,
            "rows": self.rows,
            "opens": opens,
        }


@dataclass(frozen=True, slots=True)
class Reminders:
    """on: whether the brand reminds at all. days: how long before the end. quiet: when nobody is woken, None for never.

    budget: pushes a month that nobody is owed, on channels where one costs something; `free`: the others.
    currency: of each Altegio location.
    """

    apis: Apis
    linking: Linking
    giftcards: GiftCards
    languages: Mapping[str, Translator]
    default_locale: str
    zone: ZoneInfo
    on: bool = False
    days: int = 3
    quiet: Hours | None = None
    budget: int = 0
    free: frozenset[str] = frozenset()
    currency: Mapping[int, str] = field(default_factory=dict)

    # ── once a day ───────────────────────────────────────────────────────────────────────────

    async def plan(self, pool: asyncpg.Pool, now: datetime, *, again: bool = False) -> int:
        """Have the things of everybody looked at who wants it, once a day and not in quiet hours; of how many.

        again: of those, too, whose things were looked at today.
        """
        if not self.on or self.sleeps_until(now) is not None:
            return 0
        return await reminders.make_due(pool, self._today(now), now, again=again)

    async def look(self, pool: asyncpg.Pool, wish_id: int, now: datetime) -> None:
        """Look at one customer's things, and queue one message about those that end soon and were not told of.

        Raises RetryLater to be run again: in quiet hours, and while a vendor does not answer.
        """
        wish = await reminders.read(pool, wish_id)
        if wish is None or not wish.due:
            return
        if not (self.on and _may_be_told(wish.customer, now)):
            await reminders.looked(pool, wish_id, self._today(now))
            return
        if until := self.sleeps_until(now):
            raise RetryLater((until - now).total_seconds(), "quiet hours")
        _ = self.languages.get(wish.customer.locale, self.languages[self.default_locale])
        found, whole = await self._ending(pool, _, wish.customer, now)
        async with pool.acquire() as connection, connection.transaction():
            if not await reminders.lock(connection, wish_id):
                return  # Another worker has made it, or they want no reminders any more.
            await self._queue(connection, _, wish.customer, found, now)
            if whole:
                await reminders.looked(connection, wish_id, self._today(now))
        if not whole:
            raise RetryLater(AGAIN, "a vendor does not say what ends")

    async def _queue(
        self, connection: asyncpg.Connection, _: Translator, customer: Customer, found: list[Ending], now: datetime
    ) -> None:
        """One message about what is new of this. Where it costs and the month's budget is used up, it waits until they
        write: then it goes with the answer."""
        assert customer.id is not None, "read from their row"
        new = await reminders.add(connection, customer.id, [(each.item, each.ends) for each in found[:MOST]], now)
        told = [each for each in found if each.item in new]
        if not told:
            return
        waiting = customer.channel not in self.free and not await reminders.take(
            connection, self.month(now), self.budget
        )
        # Translators: the title of a card about a gift card or a voucher
        title = _("Ends soon")
        lines = [f"{each.title} · {_.date(each.ends)}" for each in told]
        message = {
            "text": "\n".join([title, *lines]),
            # Translators: a button: show the gift card or the voucher that ends soon
            "reminder": [each.as_json(_("Show")) for each in told],
            "title": title,
            # Translators: a button: do not remind me any more before something of mine ends
            "stop": _("No more reminders"),
            "person": customer.person,
        }
        await pushes.add(
            connection,
            key=f"{REMINDER}{min(new.values())}",
            channel=customer.channel,
            recipient=customer.person.rsplit(":", 1)[-1],
            messages=orjson.dumps([message]).decode(),
            waiting=waiting,
            until=max(each.ends for each in told),
        )

    # ── before it goes out ───────────────────────────────────────────────────────────────────

    async def still(self, pool: asyncpg.Pool, push: Push, now: datetime) -> list[dict[str, Any]]:
        """What of a queued reminder holds now; nothing when all of it was used, or they want none any more.

        Raises RetryLater while the vendor does not say.
        """
        assert push.messages is not None, "it is not over"
        message = push.messages[0]
        customer = await by_person(pool, message["person"])
        wants = customer is not None and await reminders.wanted(pool, customer.id or 0)
        if customer is None or not (self.on and wants) or not _may_be_told(customer, now):
            return []
        _ = self.languages.get(customer.locale, self.languages[self.default_locale])
        found, whole = await self._ending(pool, _, customer, now)
        there = {(each.item, each.ends) for each in found}
        left = [each for each in message["reminder"] if (each["item"], datetime.fromisoformat(each["ends"])) in there]
        if len(left) < len(message["reminder"]) and not whole:
            raise RetryLater(AGAIN, "a vendor does not say what ends")
        return [{**message, "reminder": left}] if left else []

    def sleeps_until(self, now: datetime) -> datetime | None:
        """The end of the quiet hours; None when it is no such hour."""
        return self.quiet.closing(now) if self.quiet is not None else None

    def month(self, now: datetime) -> date:
        """The first day of the month, in the brand's zone."""
        return self._today(now).replace(day=1)

    def _today(self, now: datetime) -> date:
        return now.astimezone(self.zone).date()

    # ── what ends ────────────────────────────────────────────────────────────────────────────

    async def _ending(
        self, pool: asyncpg.Pool, _: Translator, customer: Customer, now: datetime
    ) -> tuple[list[Ending], bool]:
        """What of somebody's ends within the days, the first to end first; and whether all vendors have said.

        Nothing is written, and no transaction is open meanwhile.
        """
        assert customer.id is not None, "read from their row"
        last = now + timedelta(days=self.days)
        found = [
            self._voucher(_, issue)
            for issue in await issues.ending(pool, customer.id, now, last)
            if self.apis.gotit is not None
        ]
        whole = True
        link = await self.linking.linked(pool, customer.id, now)
        if self.apis.altegio is not None and isinstance(link, Link):
            try:
                cards = await self.giftcards.of(self.apis.altegio, link, now)
            except UpstreamError:
                whole = False
            else:
                whole = not cards.failed
                found += [
                    self._card(_, card)
                    for card in cards.cards
                    if card.usable(now) and card.expires is not None and card.expires <= last
                ]
        return sorted(found, key=lambda each: (each.ends, each.item)), whole

    def _card(self, _: Translator, card: GiftCard) -> Ending:
        assert card.expires is not None, "asked for by its end"
        return Ending(
            f"{CARD}:{card.id}",
            card.expires,
            card.title or _("Gift card"),
            _.money(card.balance, self.currency.get(card.company_id, "")),
            ((_("Expires"), _.moment(card.expires)), (_("Card number"), card.masked)),
        )

    def _voucher(self, _: Translator, issue: Issue) -> Ending:
        assert issue.expires_at is not None, "asked for by its end"
        return Ending(
            f"{VOUCHER}:{issue.ref}",
            issue.expires_at,
            issue.called,
            _.money(issue.value, DONG),
            ((_("Expires"), _.moment(issue.expires_at)), (_("Reference"), issue.ref)),
        )


def _may_be_told(customer: Customer, now: datetime) -> bool:
    """Whether anything may be sent that they did not ask for just now."""
    blocked = customer.blocked_until is not None and customer.blocked_until > now
    return customer.unsubscribed_at is None and customer.unreachable_at is None and not blocked

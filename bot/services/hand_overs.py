"""Handing over: the shop gives a customer one of their things at its counter, once.

It is a record of ours. MantaGo's items have no id and it has no call that uses one up, so it may list a thing that was
handed over for as long as it likes; we show beside it that it was.

What makes a hand-over one is its key: the person (as a keyed hash, as with claims), the thing (what MantaGo tells of
it; for a receipt its reference), and which of several such things it is. The code that is shown only finds it: two
codes for one thing on two phones meet in one row.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Self

import asyncpg

from bot.apis.mantago import TICKETS, Gift, Gifts, Ticket
from bot.i18n import Translator
from bot.services.counter_codes import CounterCodes
from bot.services.notices import Notices
from bot.services.staffing import Actor
from bot.storage import claims, customers, export_files, hand_overs
from bot.storage.claims import Claim
from bot.storage.customers import Customer
from bot.storage.hand_overs import HandOver
from bot.storage.hashes import keyed_hash

RECEIPT = "receipt"
"""The kind of what a receipt is for, beside MantaGo's KINDS."""
UNDONE_WITHIN = timedelta(minutes=15)  # by the member themself; later by a manager


# ── what is handed over ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be handed over.

    kind: one of MantaGo's KINDS, or RECEIPT. key: the same for things of which MantaGo tells the same; the reference of
    a receipt. name: "" for a ticket. since: when the customer got it, None when nobody knows.
    """

    kind: str
    key: str
    name: str = ""
    since: datetime | None = None

    @classmethod
    def of_gift(cls, gift: Gift) -> Self:
        """A gift. Its own key counts equal gifts; this one does not, since their order says nothing."""
        return cls(gift.kind, _key(gift.kind, gift.name, gift.source, gift.received), gift.name, gift.received)

    @classmethod
    def of_ticket(cls, ticket: Ticket) -> Self:
        """A ticket, of which nothing is known but when it came."""
        return cls(TICKETS, _key(TICKETS, "", "", ticket.received), since=ticket.received)

    @classmethod
    def of_claim(cls, claim: Claim) -> Self | None:
        """What a receipt is for, when staff hand it over; None when they do not."""
        names = claim.snapshot.get("handover")  # Older claims knew of none.
        return cls(RECEIPT, claim.ref, ", ".join(names), claim.claimed_at) if names else None

    def as_json(self) -> dict[str, Any]:
        """As it is kept with a code and with a hand-over."""
        return {
            "kind": self.kind,
            "key": self.key,
            "name": self.name,
            "since": self.since.isoformat() if self.since else None,
        }

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Self:
        """As it was kept."""
        since = kept["since"]
        return cls(kept["kind"], kept["key"], kept["name"], datetime.fromisoformat(since) if since else None)


Unit = tuple[str, int]
"""The key of a thing, and which of its like it is, from 1."""


def _key(kind: str, name: str, source: str, received: datetime | None) -> str:
    moment = received.astimezone(UTC).isoformat() if received else ""
    return hashlib.blake2b(f"{kind}\n{name}\n{source}\n{moment}".encode(), digest_size=12).hexdigest()


def numbered(items: Iterable[Item]) -> list[tuple[Item, int]]:
    """Each with which of its like it is."""
    seen: Counter[str] = Counter()
    units = []
    for item in items:
        seen[item.key] += 1
        units.append((item, seen[item.key]))
    return units


def alike(item: Item, gifts: Gifts, zone: tzinfo, now: datetime) -> tuple[list[Item], list[Gift]]:
    """What of a list can be handed over where a customer shows `item`: equal gifts, or the tickets of its day, the
    oldest first; and the equal gifts that cannot be used now.

    zone: the brand's, in which days begin.
    """
    if item.kind == TICKETS:
        assert item.since is not None, "tickets have their moment and nothing else"
        day = item.since.astimezone(zone).date()
        tickets = [each for each in gifts.tickets if each.received.astimezone(zone).date() == day]
        return [Item.of_ticket(each) for each in sorted(tickets, key=lambda each: each.received)], []
    equal = [gift for gift in gifts.of(item.kind) if gift.name == item.name and Item.of_gift(gift).key == item.key]
    usable = [gift for gift in equal if gift.state(now) in ("valid", "unknown")]
    return [Item.of_gift(gift) for gift in usable], [gift for gift in equal if gift not in usable]


# ── what was handed over ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Handed:
    """That a thing was handed over, as its owner sees it. store: "" where there are none."""

    at: datetime
    store: str

    @classmethod
    def of(cls, hand_over: HandOver) -> Self:
        """What the row tells them."""
        return cls(hand_over.at, hand_over.store)


class Matching:
    """Tells of a person's things, one after the other, how each was handed over: of equal ones, as many as were."""

    def __init__(self, hand_overs: Sequence[HandOver]) -> None:
        self._left: defaultdict[str, list[HandOver]] = defaultdict(list)
        for each in reversed(hand_overs):
            self._left[each.key].append(each)

    def take(self, thing: Gift | Ticket | Claim) -> Handed | None:
        """How it was handed over; None when it was not."""
        if not self._left:  # As nearly always.
            return None
        match thing:
            case Gift():
                key = Item.of_gift(thing).key
            case Ticket():
                key = Item.of_ticket(thing).key
            case Claim():
                key = thing.ref
        left = self._left.get(key)
        return Handed.of(left.pop()) if left else None


@dataclass(frozen=True, slots=True)
class HandedOver:
    """It cannot be done (again): the thing was handed over."""

    hand_over: HandOver


@dataclass(frozen=True, slots=True)
class Gone:
    """It cannot be done: the code was used for something else, or the customer or the receipt is no more."""


@dataclass(frozen=True, slots=True)
class TooLate:
    """It cannot be undone by this member any more."""

    hand_over: HandOver


@dataclass(frozen=True, slots=True)
class HandOvers:
    """told: channels on which a customer hears of it by a push; elsewhere they look with a tap."""

    secret: bytes
    codes: CounterCodes
    notices: Notices
    told: frozenset[str] = frozenset()

    async def of(self, connection: asyncpg.Connection | asyncpg.Pool, person: str) -> list[HandOver]:
        """What somebody was handed over, also before they had their data deleted. person: their chat's key."""
        return await hand_overs.of_person(connection, self.who(person))

    async def hand_over(
        self,
        connection: asyncpg.Connection,
        customer: Customer,
        item: Item,
        nth: int,
        *,
        code_id: int,
        by: Actor,
        event_id: int,
        now: datetime,
        store_id: int | None = None,
        store: str = "",
    ) -> HandOver | HandedOver | Gone:
        """Write down that a member gave `customer` their `nth` thing like `item`, in the caller's transaction; once,
        whoever does it at the same time and with whichever code. The customer is told, where that is free or wanted.

        code_id: the code that it was shown with, which is used up.
        """
        assert customer.id is not None, "only people with a row show codes"
        fresh = await self.codes.end(connection, code_id, now)
        standing = await hand_overs.of_thing(connection, self.who(customer.person), item.key, nth)
        if standing is not None:
            return HandedOver(standing)
        there = item.kind != RECEIPT or await claims.lock(connection, item.key) is not None
        if not (fresh and there and await customers.stay(connection, customer.id)):
            return Gone()
        added = await hand_overs.add(
            connection,
            person_hash=self.who(customer.person),
            key=item.key,
            nth=nth,
            customer_id=customer.id,
            item={**item.as_json(), "code": code_id},
            store_id=store_id,
            store=store,
            staff_id=by.id,
            staff=by.name,
            event_id=event_id,
            now=now,
        )
        if added is None:
            standing = await hand_overs.of_thing(connection, self.who(customer.person), item.key, nth)
            return HandedOver(standing) if standing else Gone()
        if customer.channel in self.told and (_ := await self.notices.language_of(connection, customer.id)):
            text = _("Handed over to you: %(item)s. If that was not you, please tell us.", item=called(_, item))
            await self._tell(connection, customer.id, f"handed:{added.id}", _, text)
        return added

    async def undo(
        self, connection: asyncpg.Connection, number: int, *, by: Actor, now: datetime
    ) -> HandOver | TooLate | None:
        """Take a hand-over back, in the caller's transaction and once: the thing can be handed over again.

        None: there is no such hand-over, or it was taken back before.
        """
        found = await hand_overs.by_id(connection, number)
        if found is None:
            return None
        if not self.may_undo(found.hand_over, by, now):
            return TooLate(found.hand_over)
        undone = await hand_overs.undo(connection, number, by.name, now)
        if undone is None or undone.customer_id is None:
            return undone
        customer = await customers.by_id(connection, undone.customer_id)
        told = customer is not None and customer.channel in self.told
        if told and (_ := await self.notices.language_of(connection, undone.customer_id)):
            text = _(
                "Our staff took the hand-over of %(item)s back. You can use it again.",
                item=called(_, Item.of_json(undone.item)),
            )
            await self._tell(connection, undone.customer_id, f"unhanded:{undone.id}", _, text)
        return undone

    def may_undo(self, hand_over: HandOver, by: Actor, now: datetime) -> bool:
        """Whether somebody may take a hand-over back: their own for a quarter of an hour, managers any at any time."""
        own = by.id is not None and hand_over.staff_id == by.id and now - hand_over.at <= UNDONE_WITHIN
        return own or by.may("manager")

    def link(self, public_url: str, export_id: int) -> str:
        """Where a list of hand-overs can be fetched once. LINE opens it in the phone's own browser."""
        token = export_files.sign(self.secret, export_id, export_files.HANDED)
        return f"{public_url}{export_files.HANDED.path}{token}?openExternalBrowser=1"

    async def _tell(self, connection: asyncpg.Connection, customer_id: int, key: str, _: Translator, text: str) -> None:
        mine = ((_("My gifts"), "gifts"), (_("Talk to a person"), "human"), (_("Menu"), "menu"))
        await self.notices.tell(connection, customer_id, key, text, choices=mine)

    def who(self, person: str) -> bytes:
        """How a person is remembered here. person: their chat's key."""
        return keyed_hash(self.secret, "person", person)  # the same as of claims


def called(_: Translator, item: Item) -> str:
    """What a thing is called in a sentence."""
    if item.kind != TICKETS:
        return item.name
    assert item.since is not None, "tickets have their moment and nothing else"
    return _("coupon of %(date)s", date=_.date(item.since))

"""The wallet: what a customer has, as a list that holds still while they page through it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

import asyncpg
import orjson

from bot.apis.altegio import GiftCard
from bot.apis.mantago import GIFT_ARRAYS, TICKETS, Gift, Gifts, State, Ticket
from bot.services.hand_overs import Handed, Matching
from bot.storage import wallets
from bot.storage.customers import Customer
from bot.storage.hand_overs import HandOver
from bot.storage.issues import Issue
from bot.understanding.reading import fold

VOUCHERS, CARDS = "vouchers", "cards"
"""The kinds of what the other vendors have, beside MantaGo's KINDS."""

Place = tuple[str, int]
"""Where something stands in a kept list: its kind, and which of it."""
SOON_OVER = timedelta(days=30)  # What ends so soon stands first.


@dataclass(frozen=True, slots=True)
class HeldVoucher:
    """A voucher of one's own, as a list names it. ref: of its receipt, which has everything else.

    open: whether it is on its way.
    """

    ref: str
    name: str
    received: datetime
    quantity: int = 1
    open: bool = False

    @classmethod
    def of(cls, issue: Issue) -> HeldVoucher:
        """From our own books."""
        return cls(issue.ref, issue.called, issue.created_at, issue.quantity, issue.open)


@dataclass(frozen=True, slots=True)
class HeldCards:
    """So many gift cards. Nothing else of them is kept: they are read anew whenever they are looked at."""

    count: int


@dataclass(frozen=True, slots=True)
class Day:
    """The tickets that came on one day; they have neither names nor numbers. received: the newest of them.

    handed: of those that were handed over, how the last of them was; they are a day of their own.
    """

    received: datetime
    count: int
    handed: Handed | None = None


@dataclass(frozen=True, slots=True)
class GiftList:
    """Gifts as the vendor listed them at `taken_at`. snapshot: the kept list they were read from; None: just asked."""

    gifts: Gifts
    taken_at: datetime
    snapshot: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """One thing in the wallet. state: as of a gift; what is not known to be over can be used. count: how many it is.

    handed: how it was handed over at the counter; None when it was not.
    """

    what: Gift | Day | HeldVoucher | HeldCards | GiftCard
    kind: str
    state: State
    received: datetime | None = None
    ends: datetime | None = None
    starts: datetime | None = None
    count: int = 1
    handed: Handed | None = None

    @property
    def usable(self) -> bool:
        """Whether it can be used now, as far as is known."""
        return self.handed is None and self.state in ("valid", "unknown")


def everything(
    gifts: Gifts,
    tickets: Iterable[Day],
    vouchers: Iterable[HeldVoucher],
    cards: Iterable[GiftCard] | HeldCards,
    now: datetime,
    hand_overs: Sequence[HandOver] = (),
) -> list[Held]:
    """What a customer has, what matters first: what ends within thirty days, then the newest; after all that can be
    used what has not begun, what was handed over, and what is over. Gift cards that cannot be used are not in it.
    """
    matching = Matching(hand_overs)
    held = [_day(day) for day in tickets]
    held += [_gift(gift, now, matching.take(gift)) for gift in gifts.gifts]
    held += [_voucher(voucher) for voucher in vouchers]
    if isinstance(cards, HeldCards):
        held += [_cards(cards)] if cards.count else []
    else:
        held += [Held(card, CARDS, "valid", ends=card.expires) for card in cards if card.usable(now)]
    held.sort(key=_order(now))
    return held


def _day(day: Day) -> Held:
    return Held(day, TICKETS, "valid", day.received, count=day.count, handed=day.handed)


def _gift(gift: Gift, now: datetime, handed: Handed | None) -> Held:
    return Held(gift, gift.kind, gift.state(now), gift.received, gift.ends, gift.starts, handed=handed)


def _voucher(voucher: HeldVoucher) -> Held:
    return Held(voucher, VOUCHERS, "valid", voucher.received, count=voucher.quantity)


def _cards(cards: HeldCards) -> Held:
    return Held(cards, CARDS, "valid", count=cards.count)


def _order(now: datetime) -> Callable[[Held], tuple[int, float]]:
    """The key of the order in `everything`."""
    soon, present = (now + SOON_OVER).timestamp(), now.timestamp()

    def key(held: Held) -> tuple[int, float]:
        received = held.received.timestamp() if held.received else 0.0
        if held.handed is not None:
            return 3, -held.handed.at.timestamp()
        if held.state == "expired":
            return 4, -(held.ends.timestamp() if held.ends else received)
        if held.state == "soon":
            return 2, held.starts.timestamp() if held.starts else present
        ends = held.ends.timestamp() if held.ends else None
        if ends is not None and present <= ends <= soon:
            return 0, ends
        return 1, -received

    return key


def days(tickets: Sequence[Ticket], zone: tzinfo, hand_overs: Sequence[HandOver] = ()) -> list[Day]:
    """Tickets by the day on which they came, the newest first; those that were handed over apart from the others."""
    found: dict[Any, Day] = {}
    matching = Matching(hand_overs)
    for ticket in tickets:
        handed = matching.take(ticket)
        day = ticket.received.astimezone(zone).date(), handed is not None
        known = found.get(day)
        newest = max(known.received, ticket.received) if known else ticket.received
        if known and known.handed and handed:
            handed = max(known.handed, handed, key=lambda each: each.at)
        found[day] = Day(newest, known.count + 1 if known else 1, handed)
    return sorted(found.values(), key=lambda day: day.received, reverse=True)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A kept list of everything, of which only what is looked at is read: a page of five hundred gifts reads thirty.

    name: in page buttons. taken_at: when the vendor gave the gifts. kept: the JSON object.
    """

    name: str
    taken_at: datetime
    kept: dict[str, Any]

    @classmethod
    def of(cls, stored: wallets.Stored) -> Snapshot:
        """From the row, or from what is to become it."""
        return cls(stored.snapshot, stored.taken_at, orjson.loads(stored.gifts))

    @property
    def ordered(self) -> bool:
        """Whether it is a list. Earlier versions kept the gifts alone."""
        return "order" in self.kept

    def has(self, vouchers: Sequence[HeldVoucher], cards: int, hand_overs: Sequence[HandOver]) -> bool:
        """Whether these are the vouchers and the gift cards in it, and what was handed over."""
        same = self.ordered and self.kept[CARDS] == cards and self.knows(hand_overs)
        return same and [*map(_read_voucher, self.kept[VOUCHERS])] == [*vouchers]

    def knows(self, hand_overs: Sequence[HandOver]) -> bool:
        """Whether nothing was handed over or taken back since. Earlier versions knew of no hand-overs."""
        known: list[int] = self.kept.get("hand_overs", [])
        return known == [each.id for each in hand_overs]

    def age(self, now: datetime) -> timedelta:
        """For how long it has been this list: while the vendor is down, a new one is made of old gifts."""
        return now - (_perhaps(self.kept.get("made_at")) or self.taken_at)

    def places(self, kind: str | None = None, query: str = "") -> list[Place]:
        """Where what is listed stands, in its order. kind: only that. query: only what has this in its name."""
        places: list[Place] = [(each[0], each[1]) for each in self.kept.get("order", ())]
        if kind is not None:
            places = [place for place in places if place[0] == kind]
        if wanted := fold(query):
            places = [place for place in places if wanted in fold(self._entry(place).get("name", ""))]
        return places

    def held(self, place: Place, now: datetime) -> Held:
        """What stands there."""
        kind, entry = place[0], self._entry(place)
        if kind == TICKETS:
            return _day(Day(_moment(entry["received"]), entry["count"], _read_handed(entry.get("handed"))))
        if kind == VOUCHERS:
            return _voucher(_read_voucher(entry))
        if kind == CARDS:
            return _cards(HeldCards(entry["count"]))
        return _gift(_read_gift(entry), now, _read_handed(self.kept.get("handed", {}).get(entry["key"])))

    def gift(self, key: str) -> Gift | None:
        """The gift of this key."""
        for kind in GIFT_ARRAYS:
            for entry in self.kept.get(kind, ()):
                if entry["key"] == key:
                    return _read_gift(entry)
        return None

    def _entry(self, place: Place) -> dict[str, Any]:
        kind, index = place
        if kind == CARDS:
            return {"count": self.kept["cards"]}
        entry: dict[str, Any] = self.kept["days" if kind == TICKETS else kind][index]
        return entry


@dataclass(frozen=True, slots=True)
class Wallet:
    """Keeps the last list of every customer: pages are cut from it, and it answers when the vendor is down."""

    def keep(
        self,
        customer: Customer,
        listed: GiftList,
        vouchers: Sequence[HeldVoucher],
        cards: int,
        *,
        now: datetime,
        zone: tzinfo,
        name: str | None = None,
        held: Sequence[Held] | None = None,
        hand_overs: Sequence[HandOver] = (),
    ) -> wallets.Stored:
        """Make a list of everything; it is saved together with the reply.

        cards: how many gift cards can be used. name: of a list that is the same and goes on being looked at.
        held: everything, for who has put it in order already; of gift cards there may be none in it. hand_overs: what
        the customer was handed over.
        """
        tickets = (
            [day for each in held if isinstance(day := each.what, Day)]
            if held
            else days(listed.gifts.tickets, zone, hand_overs)
        )
        if held is None or cards:
            held = everything(listed.gifts, tickets, vouchers, HeldCards(cards), now, hand_overs)
        written = _written(listed.gifts, tickets, vouchers, cards, held, now, hand_overs)
        customer.wallet = wallets.Stored(name or secrets.token_hex(3), listed.taken_at, written)
        customer.state.listed = listed.taken_at.timestamp()
        return customer.wallet

    def age(self, customer: Customer, now: datetime) -> timedelta | None:
        """How old the kept gifts are, told without reading them; None when there are none."""
        listed = customer.state.listed
        return timedelta(seconds=now.timestamp() - listed) if listed else None

    async def kept(self, connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> Snapshot | None:
        """The last list, however old."""
        stored = await wallets.read(connection, customer_id)
        return Snapshot.of(stored) if stored else None


def read_gifts(snapshot: Snapshot) -> GiftList:
    """All gifts of a kept list. A kind that only a later version knows is left out."""
    kept = snapshot.kept
    gifts = Gifts(
        tuple(Ticket(_moment(ticket["received"])) for ticket in kept["tickets"]),
        tuple(_read_gift(entry) for kind in GIFT_ARRAYS for entry in kept.get(kind, ())),
        skipped=kept["skipped"],
        truncated=kept["truncated"],
    )
    return GiftList(gifts, snapshot.taken_at, snapshot)


def _written(
    gifts: Gifts,
    tickets: Sequence[Day],
    vouchers: Sequence[HeldVoucher],
    cards: int,
    held: Sequence[Held],
    now: datetime,
    hand_overs: Sequence[HandOver],
) -> str:
    """A list as it is kept, with an array for each kind: so did earlier versions, and their workers read it too."""
    arrays: dict[str, Sequence[Any]] = {kind: gifts.of(kind) for kind in GIFT_ARRAYS}
    arrays |= {"days": tickets, VOUCHERS: vouchers}
    at = {id(each): index for array in arrays.values() for index, each in enumerate(array)}
    order = [(each.kind, at.get(id(each.what), 0)) for each in held]
    rest = {"skipped": gifts.skipped, "truncated": gifts.truncated, CARDS: cards, "order": order, "made_at": now}
    if hand_overs:
        handed = {each.what.key: each.handed for each in held if isinstance(each.what, Gift) and each.handed}
        rest |= {"handed": handed, "hand_overs": [each.id for each in hand_overs]}
    return orjson.dumps({TICKETS: gifts.tickets, **arrays, **rest}).decode()


def _read_gift(kept: dict[str, Any]) -> Gift:
    return Gift(
        kept["key"],
        kept["kind"],
        kept["name"],
        kept["source"],
        _perhaps(kept["received"]),
        kept["expired"],
        _perhaps(kept["starts"]),
        _perhaps(kept["ends"]),
    )


def _read_voucher(kept: dict[str, Any]) -> HeldVoucher:
    return HeldVoucher(kept["ref"], kept["name"], _moment(kept["received"]), kept["quantity"], kept["open"])


def _read_handed(kept: dict[str, Any] | None) -> Handed | None:
    return Handed(_moment(kept["at"]), kept["store"]) if kept else None


def _moment(kept: str) -> datetime:
    return datetime.fromisoformat(kept)


def _perhaps(kept: str | None) -> datetime | None:
    return datetime.fromisoformat(kept) if kept else None

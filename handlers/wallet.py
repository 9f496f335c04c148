"""The wallet at a glance: a sum in a line and the newest things to use, every vendor asked at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from bot.apis.altegio import GiftCard
from bot.apis.mantago import KINDS, Gift, Gifts
from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Card, Carousel, Reply, Text
from bot.conversation.router import Router
from bot.errors import UpstreamError, UpstreamUnavailable
from bot.i18n import N_
from bot.services.linking import Lapsed, Link
from bot.services.wallet import (
    CARDS,
    Day,
    GiftList,
    Held,
    HeldCards,
    HeldVoucher,
    Snapshot,
    days,
    everything,
    read_gifts,
)
from bot.storage import issues
from bot.storage.hand_overs import HandOver
from bot.storage.issues import Issue
from bot.storage.points import Account
from handlers import collected, giftcards, gifts
from handlers.giftcards import Owned, ShowCard
from handlers.gifts import SNAPSHOT_LIVES, ShowDay, ShowGift, ShowGivenDay, ShowThings
from handlers.views import choices, outage
from handlers.views.collected import as_of_note
from handlers.views.gifts import gift_card, list_names, ticket_card
from handlers.views.vouchers import voucher_card
from handlers.views.wallet import all_button, all_card, cards_card, sum_card, sum_text, unlisted_notes
from handlers.vouchers import ShowIssue

router = Router()


class Refresh(Action, name="refresh"):
    """Ask the vendors again."""


@router.command(
    "gifts",
    words=N_("gifts, my gifts, tickets, coupons, rewards, my rewards, physical gifts, digital gifts"),
    personal=True,
)
async def show_overview(ctx: Context) -> Answer:
    """What can be used, and what of it is new."""
    return await _overview(ctx, fresh_enough=gifts.FRESH)


@router.action(Refresh, fresh="gifts")
async def refresh(ctx: Context, _action: Refresh) -> Answer:
    """The same, asked anew."""
    return await _overview(ctx, fresh_enough=timedelta(0))


# ── what all vendors say ─────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Gathered:
    """What the vendors and our own books say a customer has.

    listed: MantaGo's gifts, those of before while it is down, None when nobody knows any. told: it said so itself.
    owned: gift cards; None when no phone is linked, or nobody can tell. before: what is said above. troubled: names of
    vendors of whom nothing can be shown. notes: what else is missing. held: the vouchers as a list has them.
    hand_overs: what of the gifts was handed over at the counter. kept: nobody was asked, this is the last list, with so
    many gift cards as were `counted` then. collected: the points that MantaGo counts for this chat, as it says now;
    None where it does not say, and 0 only where it does.
    """

    account: Account
    vouchers: list[Issue]
    listed: GiftList | None = None
    told: bool = False
    owned: Owned | None = None
    before: list[Text] = field(default_factory=list)
    troubled: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hand_overs: Sequence[HandOver] = ()
    kept: bool = False
    counted: int = 0
    collected: int | None = None
    held: tuple[HeldVoucher, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.held = tuple(map(HeldVoucher.of, self.vouchers))

    @property
    def cards(self) -> tuple[GiftCard, ...] | HeldCards:
        """The gift cards that can be used."""
        return self.owned.cards if self.owned else HeldCards(self.counted)


async def gather(ctx: Context, fresh_enough: timedelta, *, counts: bool = False) -> Gathered:
    """Ask everybody. Whoever is in trouble costs only their own part; writes nothing but alerts of that.

    In a surge nobody is asked for what is kept, unless it has to be fresh. counts: also the points that MantaGo counts,
    where they are shown; no list has them.
    """
    own = await _ours(ctx)
    kept = await _kept(ctx) if fresh_enough and ctx.services.surge.on else None
    if kept is not None:
        return _as_kept(ctx, kept, own, fresh_enough)
    answers = await _ask(ctx, fresh_enough, own.link, counts=counts)
    listed, told, before, troubled, notes = None, False, list[Text](), list[str](), list[str]()
    if not ctx.brand.shows_gifts:
        listed = GiftList(Gifts(), ctx.now)
    elif isinstance(found := answers.get("gifts"), UpstreamError):
        listed = await gifts.fallback(ctx, found)
        if listed is not None:
            before.append(Text(gifts.as_of(ctx, listed)))
        else:
            troubled.append(ctx._("the gift service"))
    else:
        listed, told = found, True
    owned = answers.get("cards")
    if isinstance(owned, UpstreamError):
        await giftcards.report(ctx, owned)
        troubled.append(ctx._("the gift card service"))
        owned = None
    count_now = await _collected(ctx, answers["collected"], notes, told=told) if "collected" in answers else None
    if listed is not None:
        notes += unlisted_notes(ctx._, listed.gifts)
    if owned is not None:
        notes += owned.notes
    return Gathered(
        own.account,
        own.vouchers,
        listed,
        told,
        owned,
        before,
        troubled,
        notes,
        own.hand_overs,
        collected=count_now,
    )


@dataclass(frozen=True, slots=True)
class _Ours:
    """What our own books say, of what the brand shows. link: of their phone."""

    account: Account
    vouchers: list[Issue]
    hand_overs: Sequence[HandOver]
    link: Link | Lapsed | None


async def _ours(ctx: Context) -> _Ours:
    who = ctx.services.hand_overs.who(ctx.customer.person)
    found = await ctx.work.belongings(ctx.customer_id, who)
    shows_vouchers = found.vouchers and ctx.brand.shows_vouchers
    return _Ours(
        found.account,
        await issues.held_by(ctx.work.reads, ctx.customer_id) if shows_vouchers else [],
        found.hand_overs if ctx.brand.shows_gifts else (),
        ctx.services.linking.opened(found.link, ctx.now),
    )


async def _kept(ctx: Context) -> Snapshot | None:
    """The last list, when there is anything in it: who has nothing waits for something."""
    kept = await ctx.services.wallet.kept(ctx.work.reads, ctx.customer_id)
    return kept if kept and kept.places() else None


def _as_kept(ctx: Context, kept: Snapshot, own: _Ours, fresh_enough: timedelta) -> Gathered:
    """The last list instead of what the vendors say, with what our own books say now."""
    ctx.services.surge.spared()
    listed = read_gifts(kept)
    before = [Text(gifts.as_kept(ctx, listed))] if ctx.now - listed.taken_at >= fresh_enough else []
    counted: int = kept.kept[CARDS] if ctx.brand.shows_cards else 0
    if counted and not isinstance(own.link, Link):
        counted = 0  # The phone was unlinked meanwhile.
    return Gathered(
        own.account,
        own.vouchers,
        listed,
        before=before,
        notes=unlisted_notes(ctx._, listed.gifts),
        hand_overs=own.hand_overs,
        kept=True,
        counted=counted,
    )


async def _collected(
    ctx: Context, answer: collected.Found | UpstreamError, notes: list[str], *, told: bool
) -> int | None:
    """The collected points of this chat as they are now; what was known before goes to the notes. told: MantaGo could
    tell of gifts; else it has been said already that it is in trouble."""
    found = await collected.look(ctx, answer)
    points = found.points.get(ctx.customer.channel) if found else None
    if found is not None and found.told:
        return points
    if found is not None and points is not None:
        notes.append(as_of_note(ctx._, points, found.taken_at, ctx.now))
    elif found is None and told:
        notes.append(ctx._("We can't tell your collected points right now. Nothing is lost."))
    return None


def keep(ctx: Context, gathered: Gathered, held: Sequence[Held] | None = None) -> str:
    """The name of the list of all this, which is kept unless it is kept already; "" when gifts are not known.

    held: all this in its order, where somebody has that.
    """
    if gathered.listed is None:
        return ""
    known, cards = gathered.listed.snapshot, gathered.cards
    count = cards.count if isinstance(cards, HeldCards) else len(cards)
    same = known is not None and known.has(gathered.held, count, gathered.hand_overs)
    # In a surge, to write it anew would cost as much as asking the vendor; its pages and gifts are asked for then.
    if known is not None and same and (gathered.kept or known.age(ctx.now) <= SNAPSHOT_LIVES):
        return known.name
    stored = ctx.services.wallet.keep(
        ctx.customer,
        gathered.listed,
        gathered.held,
        count,
        now=ctx.now,
        zone=ctx._.zone,
        name=known.name if known is not None and same else None,
        held=held,
        hand_overs=gathered.hand_overs,
    )
    return stored.snapshot


async def _ask(ctx: Context, fresh_enough: timedelta, link: Link | Lapsed | None, *, counts: bool) -> dict[str, Any]:
    """Every vendor's part, or the error it made. A slow one is not waited for when others have something to show."""
    questions: dict[str, Coroutine[Any, Any, Any]] = {}
    if ctx.brand.shows_gifts:
        questions["gifts"] = gifts.ask(ctx, fresh_enough)
    if counts and ctx.brand.shows_collected:
        questions["collected"] = collected.ask(ctx, fresh_enough)
    if ctx.brand.shows_cards:
        questions["cards"] = giftcards.owned(ctx, link)
    vendors = questions.keys() - {"collected"}
    only = next(iter(vendors)) if len(vendors) == 1 and not ctx.brand.shows_vouchers else None
    tasks = {name: asyncio.create_task(question) for name, question in questions.items()}
    if not tasks:
        return {}
    loop = asyncio.get_running_loop()
    until = loop.time() + ctx.brand.overview_waits
    try:
        if only is not None:
            await asyncio.wait((tasks[only],))
        await asyncio.wait(tasks.values(), timeout=max(0.0, until - loop.time()))
    finally:
        for task in tasks.values():
            task.cancel()
        results = await asyncio.gather(*tasks.values(), return_exceptions=True)
    answers: dict[str, Any] = {}
    for name, result in zip(tasks, results, strict=True):
        if isinstance(result, asyncio.CancelledError):
            answers[name] = UpstreamUnavailable(name, "no answer in time for the overview")
        elif isinstance(result, UpstreamError):
            answers[name] = result
        elif isinstance(result, BaseException):
            raise result
        else:
            answers[name] = result
    return answers


# ── what is shown of it ──────────────────────────────────────────────────────────────────────────


async def _overview(ctx: Context, fresh_enough: timedelta) -> Answer:
    if not ctx.brand.shows_wallet:
        return await ctx.run("menu")
    found = await gather(ctx, fresh_enough, counts=True)
    listed = found.listed.gifts if found.listed else Gifts()
    tickets = days(listed.tickets, ctx._.zone, found.hand_overs)
    held = everything(listed, tickets, found.held, found.cards, ctx.now, found.hand_overs)
    usable = [each for each in held if each.usable]
    notes = [*_missing(ctx, found.troubled), *found.notes]
    has_points = found.collected or (ctx.brand.shows_vouchers and (found.account.available or found.account.held))
    show_all = ShowThings(snapshot=keep(ctx, found, held))
    if not usable and not has_points:
        return _nothing(ctx, found, held, notes, show_all)
    seen, new = _new_since(ctx, found, usable)
    shown, hidden = usable[: ctx.brand.glance], held[min(len(usable), ctx.brand.glance) :]
    total = sum(each.count for each in usable)
    first = sum_card(
        ctx._,
        sum_text(ctx._, usable, found.account.available if ctx.brand.shows_vouchers else None, found.collected),
        new=new,
        notes=notes,
        taken_at=found.listed.taken_at if found.listed else ctx.now,
        buttons=_buttons(ctx),
    )
    cards = [first, *(_whole(ctx, found, each, seen) for each in shown)]
    more = (all_button(ctx._, total, show_all),) if hidden and show_all.snapshot else ()
    if more:
        cards.append(all_card(ctx._, hidden, *more))
    message = Carousel(ctx._("Your gifts"), tuple(cards)) if len(cards) > 1 else first
    return Reply((*found.before, message), choices.ending(ctx._, *more, *_lists(ctx, found, show_all.snapshot)))


def _nothing(ctx: Context, found: Gathered, held: Sequence[Held], notes: Sequence[str], show_all: ShowThings) -> Reply:
    """Nothing to use, in one sentence; or that nobody can tell."""
    if found.troubled and found.listed is None:
        return outage.sorry(ctx._, ctx._(", ").join(found.troubled), Refresh())
    before = [*found.before, *([Text("\n".join(notes))] if notes else [])]
    if not held and not notes:
        return gifts.nothing(ctx, before)
    # Translators: a button: load the list again
    again = Button(ctx._("Refresh"), Refresh())
    if not held:
        return Reply(tuple(before), choices.ending(ctx._, *choices.codes(ctx), *choices.my_code(ctx), again))
    every = all_button(ctx._, 0, show_all)
    text = Text(ctx._("There is nothing to use right now."))
    mine = choices.my_code(ctx)
    buttons = (*((again,) if found.kept else ()), *choices.codes(ctx), every, *mine, *_receipts(ctx))
    return Reply((*before, text), choices.ending(ctx._, *buttons))


def opens(ctx: Context, held: Held) -> Action:
    """What shows the card of a thing."""
    match held.what:
        case Gift(key=key):
            return ShowGift(key=key)
        case Day(received=received, handed=handed):
            day = received.astimezone(ctx._.zone).date()
            return ShowGivenDay(day=day) if handed else ShowDay(day=day)
        case HeldVoucher(ref=ref):
            return ShowIssue(ref=ref)
        case HeldCards():
            return choices.Go(command="cards")
        case card:
            return ShowCard(card_id=card.id)


def _whole(ctx: Context, found: Gathered, held: Held, seen: float | None) -> Card:
    """A thing's card with what shows all of it, where a platform has to cut it."""
    return replace(_drawn(ctx, found, held, seen), details=choices.details(ctx._, opens(ctx, held)))


def _drawn(ctx: Context, found: Gathered, held: Held, seen: float | None) -> Card:
    """A thing as its own card. seen: until when the customer knows what they have."""
    new = seen is not None and held.received is not None and held.received.timestamp() > seen
    match held.what:
        case Gift() | Day():
            return of_mantago(ctx, held, new=new)
        case HeldVoucher(ref=ref):
            issue = next(each for each in found.vouchers if each.ref == ref)
            picture = ctx.services.catalogue.picture(issue.offer["image"])
            return voucher_card(ctx._, issue, picture, ShowIssue(ref=ref))
        case HeldCards() as counted:
            return cards_card(ctx._, counted, opens(ctx, held))
        case GiftCard() as card:
            assert found.owned is not None, "it is one of those"
            giftcards.remember_numbers(ctx, found.owned.found)
            return giftcards.drawn(ctx, found.owned.link, card)


def of_mantago(ctx: Context, held: Held, *, new: bool = False) -> Card:
    """The card of a gift, or of the tickets of a day."""
    if isinstance(held.what, Gift):
        counter = gifts.at_counter(ctx, "gift", held.what.key)
        how_to = gifts.how_to(ctx)
        return gift_card(ctx._, held.what, ctx.now, how_to, new=new, handed=held.handed, counter=counter)
    assert isinstance(held.what, Day), "MantaGo has nothing else"
    counter = gifts.at_counter(ctx, "day", held.what.received.astimezone(ctx._.zone).date().isoformat())
    return ticket_card(ctx._, held.what, gifts.how_to(ctx), new=new, counter=counter)


def _new_since(ctx: Context, found: Gathered, usable: Sequence[Held]) -> tuple[float | None, int]:
    """Until when the customer knows what they have, and how many things came since.

    Nothing is new to somebody who sees a list for the first time, and nothing is learned from a list of before.
    """
    if not found.told or found.listed is None:
        return None, 0
    seen = ctx.customer.state.seen
    # A list is shown for a while: what came since is not on it.
    ctx.customer.state.seen = found.listed.taken_at.timestamp()
    if seen is None:
        return None, 0
    received = [ticket.received for ticket in found.listed.gifts.tickets]
    received += [each.received for each in usable if each.kind in KINDS[1:] and each.received]
    return seen, sum(moment.timestamp() > seen for moment in received)


def _missing(ctx: Context, troubled: list[str]) -> list[str]:
    return [ctx._("We can't reach %(service)s right now. Nothing is lost.", service=service) for service in troubled]


def _buttons(ctx: Context) -> tuple[Button, ...]:
    # Translators: a button: load the list again
    again = Button(ctx._("Refresh"), Refresh())
    exchange = (choices.vouchers(ctx._),) if ctx.brand.shows_vouchers else ()
    return (*choices.codes(ctx), *exchange, *choices.my_code(ctx), again)


def _lists(ctx: Context, found: Gathered, snapshot: str) -> tuple[Button, ...]:
    """To each kind of thing that there is."""
    listed, names = found.listed.gifts if found.listed else Gifts(), list_names(ctx._)
    return (
        *(Button(names[k], ShowThings(kind=k, snapshot=snapshot)) for k in KINDS if snapshot and listed.count(k)),
        *((choices.my_vouchers(ctx._),) if found.vouchers else ()),
        *((choices.gift_cards(ctx._),) if ctx.brand.shows_cards else ()),
        *((choices.topic(ctx._, "points"),) if ctx.brand.offers("points") else ()),
        *_receipts(ctx),
    )


def _receipts(ctx: Context) -> tuple[Button, ...]:
    return (choices.topic(ctx._, "receipts"),)

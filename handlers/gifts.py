"""My gifts: what MantaGo holds for a customer, each gift on its card, and what is shown when it cannot be asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator

from bot.apis.mantago import KINDS, TICKETS, Gift, Gifts
from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Card, Message, Reply, Text
from bot.conversation.router import Router
from bot.errors import CredentialsRefused, UpstreamError
from bot.partners import mantago_platform
from bot.services.hand_overs import Handed, Matching
from bot.services.wallet import Day, GiftList, Snapshot, days, read_gifts
from bot.storage.hand_overs import HandOver
from handlers.views import choices, outage
from handlers.views.gifts import gift_card, list_names, ticket_card

router = Router()

FRESH = timedelta(seconds=30)  # the vendor is not asked again for the same list within
SNAPSHOT_LIVES = timedelta(minutes=10)
ALL = "all"
"""The list of everything, beside those of one kind."""


def _known(kind: str) -> str:
    if kind not in (ALL, *KINDS):
        raise ValueError("no such kind")
    return kind


Kind = Annotated[str, AfterValidator(_known)]


class ShowThings(Action, name="things"):
    """One page of everything or of one kind, of the list that the customer was looking at. query: searched for."""

    kind: Kind = ALL
    page: int = 0
    snapshot: str = ""
    query: str = ""


class Find(Action, name="find"):
    """Ask for a part of a name, among everything."""


class ShowGift(Action, name="gift"):
    """One gift, as it stands in the kept list. key: of it."""

    key: str


class ShowDay(Action, name="day"):
    """The tickets that came on one day."""

    day: date


class ShowGivenDay(Action, name="givenday"):
    """The tickets that came on one day and were handed over."""

    day: date


class AtCounter(Action, name="atcounter"):
    """Show a code for a thing at the counter. kind: what `of` names: `gift` (its key), `day` or `receipt`."""

    kind: Literal["gift", "day", "receipt"]
    of: str


class HowTo(Action, name="howto"):
    """How to claim or use a gift."""


@router.action(ShowGift, fresh="gifts")
async def show_gift(ctx: Context, action: ShowGift) -> Answer:
    """Its card, from the list that was shown; from the vendor when that is old or does not have it any more."""
    if ctx.apis.mantago is None:
        return await ctx.run("menu")
    try:
        gift, handed, snapshot = await gift_of(ctx, action.key)
    except UpstreamError:
        return outage.sorry(ctx._, ctx._("the gift service"), action)
    if gift is None:
        return await gone(ctx)
    counter = at_counter(ctx, "gift", gift.key)
    card = gift_card(ctx._, gift, ctx.now, how_to(ctx), handed=handed, counter=counter)
    return alone(ctx, card, gift.kind, snapshot)


async def gift_of(ctx: Context, key: str) -> tuple[Gift | None, Handed | None, Snapshot | None]:
    """The customer's gift of this key, None when they have it no more; how it was handed over, if it was; and the kept
    list. Raises UpstreamError when nobody can tell, of which staff have been told what only they can mend."""
    snapshot = await ctx.services.wallet.kept(ctx.work.reads, ctx.customer_id)
    gift, gifts = snapshot.gift(key) if snapshot else None, None
    if gift is None or snapshot is None or snapshot.age(ctx.now) > SNAPSHOT_LIVES:
        try:
            gifts = (await ask(ctx, FRESH)).gifts
            gift = next((each for each in gifts.gifts if each.key == key), None)
        except UpstreamError as error:
            await fallback(ctx, error)
            if gift is None:
                raise
    given = await hand_overs_of(ctx)
    if not given or gift is None:
        return gift, None, snapshot
    if gifts is None and snapshot is not None:
        gifts = read_gifts(snapshot).gifts
    return gift, _handed(gift, gifts or Gifts(), given), snapshot


def _handed(gift: Gift, listed: Gifts, given: Sequence[HandOver]) -> Handed | None:
    """How a gift was handed over: of equal ones the first, as many as were."""
    matching = Matching(given)
    for each in listed.gifts:
        handed = matching.take(each)
        if each.key == gift.key:
            return handed
    return None


async def hand_overs_of(ctx: Context) -> Sequence[HandOver]:
    """What this customer was handed over at the counter."""
    return await ctx.services.hand_overs.of(ctx.work.reads, ctx.customer.person)


@router.action(ShowDay, fresh="gifts")
async def show_day(ctx: Context, action: ShowDay) -> Answer:
    """How many tickets of that day are left."""
    return await _show_day(ctx, action, handed=False)


@router.action(ShowGivenDay, fresh="gifts")
async def show_given_day(ctx: Context, action: ShowGivenDay) -> Answer:
    """How many of that day were handed over."""
    return await _show_day(ctx, action, handed=True)


async def _show_day(ctx: Context, action: ShowDay | ShowGivenDay, *, handed: bool) -> Answer:
    if ctx.apis.mantago is None:
        return await ctx.run("menu")
    try:
        found, listed = await day_of(ctx, action.day, handed=handed)
    except UpstreamError:
        return outage.sorry(ctx._, ctx._("the gift service"), action)
    if found is None:
        return await gone(ctx)
    counter = at_counter(ctx, "day", action.day.isoformat())
    return alone(ctx, ticket_card(ctx._, found, how_to(ctx), counter=counter), TICKETS, listed.snapshot)


async def day_of(ctx: Context, day: date, *, handed: bool = False) -> tuple[Day | None, GiftList]:
    """The customer's tickets of a day, None when there are none (any more), and the list they are from. handed: those
    that were handed over. Raises UpstreamError as `gift_of` does."""
    try:
        listed = await ask(ctx, SNAPSHOT_LIVES)
    except UpstreamError as error:
        kept = await fallback(ctx, error)
        if kept is None:
            raise
        listed = kept
    found = days(listed.gifts.tickets, ctx._.zone, await hand_overs_of(ctx))
    same = (each for each in found if each.received.astimezone(ctx._.zone).date() == day)
    return next((each for each in same if bool(each.handed) is handed), None), listed


def at_counter(ctx: Context, kind: Literal["gift", "day", "receipt"], of: str) -> AtCounter | None:
    """What shows a code for a thing; None where nothing is handed over."""
    return AtCounter(kind=kind, of=of) if ctx.brand.hands_over else None


def alone(ctx: Context, card: Card, kind: str, snapshot: Snapshot | None) -> Reply:
    """A card, and the way back to the others of its kind."""
    others = Button(list_names(ctx._)[kind], ShowThings(kind=kind, snapshot=snapshot.name if snapshot else ""))
    return Reply((card,), choices.ending(ctx._, others, choices.my_gifts(ctx._)))


async def gone(ctx: Context) -> Answer:
    """Used meanwhile, or taken back: what there is now."""
    answer = await ctx.run("gifts")
    words = Text(ctx._("That is not among your gifts any more."))
    return answer.after(words) if isinstance(answer, Reply) else answer


_HOW_TO = HowTo()


@router.action(HowTo, fresh="gifts")
async def explain(ctx: Context, _action: HowTo) -> Answer:
    """The brand's own words on how to claim. The default is for buttons of before that had been told."""
    text = ctx.brand.told(ctx.brand.how_to_claim, ctx._.tag) or ctx._(
        "Please see the campaign's notice for how and until when to use it, or ask our staff."
    )
    return Reply((Text(text),), choices.ending(ctx._, choices.my_gifts(ctx._), choices.person(ctx._)))


def how_to(ctx: Context) -> HowTo | None:
    """The button that explains; None where the brand has told nothing."""
    return HowTo() if ctx.brand.how_to_claim else None


async def ask(ctx: Context, fresh_enough: timedelta) -> GiftList:
    """The customer's gifts, asked anew unless they are fresh enough. Raises UpstreamError; writes nothing."""
    wallet = ctx.services.wallet
    age = wallet.age(ctx.customer, ctx.now)
    if age is not None and age < fresh_enough and (kept := await wallet.kept(ctx.work.reads, ctx.customer_id)):
        return read_gifts(kept)
    chat = ctx.incoming.chat
    assert ctx.apis.mantago is not None and chat is not None, "the caller looked"
    return GiftList(await ctx.apis.mantago.gifts(mantago_platform(chat.channel), chat.id), ctx.now)


async def fallback(ctx: Context, error: UpstreamError) -> GiftList | None:
    """The last gifts we know, when the vendor is in trouble; staff are told what only they can mend."""
    if isinstance(error, CredentialsRefused):
        await ctx.services.alerts.credentials_refused(await ctx.work.begin(), "mantago", error.detail, ctx.now)
    kept = await ctx.services.wallet.kept(ctx.work.reads, ctx.customer_id)
    return read_gifts(kept) if kept else None


def nothing(ctx: Context, before: Sequence[Message]) -> Reply:
    """No gifts yet, and how to get some."""
    text = ctx._("No gifts yet.")
    if ctx.brand.redeems:
        text = ctx._("No gifts yet. Join a campaign or redeem a code to get some.")
    cards = (choices.gift_cards(ctx._),) if ctx.brand.shows_cards else ()
    mine = choices.my_code(ctx)
    return Reply((*before, Text(text)), choices.ending(ctx._, *choices.codes(ctx), *mine, *cards))


def as_of(ctx: Context, listed: GiftList) -> str:
    """That this is an older list."""
    return ctx._(
        "We can't reach %(service)s right now. This is how things stood at %(time)s.",
        service=ctx._("the gift service"),
        time=_when(ctx, listed.taken_at),
    )


def as_kept(ctx: Context, listed: GiftList) -> str:
    """The same when nobody was asked, because too much waits."""
    return ctx._(
        "Many people are writing right now, so this is how things stood at %(time)s. Tap Refresh for the latest.",
        time=_when(ctx, listed.taken_at),
    )


def _when(ctx: Context, moment: datetime) -> str:
    today = moment.astimezone(ctx._.zone).date() == ctx.now.astimezone(ctx._.zone).date()
    return ctx._.time(moment) if today else ctx._.moment(moment)

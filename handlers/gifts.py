"""My gifts: what the vendor holds for a customer, in lists that stay put while they are paged through."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator

from bot.apis.mantago import KINDS, TICKETS
from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Message, Reply, Text
from bot.conversation.router import Router
from bot.errors import CredentialsRefused, UpstreamError
from bot.i18n import N_
from bot.partners import mantago_platform
from bot.services.wallet import GiftList
from handlers.views import choices, outage
from handlers.views.card_pages import listing, page_of, span_title, turning
from handlers.views.gifts import folded_card, gift_card, list_names, tab_buttons, ticket_cards

router = Router()

FRESH = timedelta(seconds=30)  # the vendor is not asked again for the same list within
SNAPSHOT_LIVES = timedelta(minutes=10)

ORDER = {"valid": 0, "unknown": 0, "soon": 1, "expired": 2}


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError("no such kind")
    return kind


class ShowList(Action, name="list"):
    """One page of one kind, of the list that the customer was looking at."""

    kind: Annotated[str, AfterValidator(_known)]
    page: int = 0
    snapshot: str = ""
    expired: bool = False


class HowTo(Action, name="howto"):
    """How to claim or use a gift."""


@router.action(ShowList, fresh="gifts")
async def show_list(ctx: Context, action: ShowList) -> Answer:
    """A page. Its button names a list; when that is gone, the new list starts from its first page."""
    if ctx.apis.mantago is None:
        return await ctx.run("menu")
    shelf = await ctx.services.wallet.kept(ctx.work.reads, ctx.customer_id)
    page, before = action.page, list[Message]()
    if shelf is None or shelf.snapshot != action.snapshot or ctx.now - shelf.taken_at > SNAPSHOT_LIVES:
        try:
            shelf = await ask(ctx, FRESH)
        except UpstreamError as error:
            shelf = await fallback(ctx, error)
            if shelf is None:
                return outage.sorry(ctx._, ctx._("the gift service"), action)
            before.append(Text(as_of(ctx, shelf)))
        if page and shelf.snapshot != action.snapshot:
            page = 0
            before.append(Text(ctx._("The list changed — starting from page 1.")))
    return _page(ctx, shelf, action.model_copy(update={"page": page}), before)


# Translators: words people type to see their tickets and coupons
@router.command("tickets", words=N_("my tickets, ticket, my coupons, coupon"), personal=True)
async def show_tickets(ctx: Context) -> Answer:
    """The first page of the tickets."""
    return await show_list(ctx, ShowList(kind="tickets"))


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
    """The customer's list, asked anew unless it is fresh enough. Raises UpstreamError; writes nothing."""
    wallet = ctx.services.wallet
    age = wallet.age(ctx.customer, ctx.now)
    if age is not None and age < fresh_enough and (kept := await wallet.kept(ctx.work.reads, ctx.customer_id)):
        return kept
    chat = ctx.incoming.chat
    assert ctx.apis.mantago is not None and chat is not None, "the caller looked"
    gifts = await ctx.apis.mantago.gifts(mantago_platform(chat.channel), chat.id)
    return wallet.keep(ctx.customer, gifts, ctx.now)


async def fallback(ctx: Context, error: UpstreamError) -> GiftList | None:
    """The last list we know, when the vendor is in trouble; staff are told what only they can mend."""
    if isinstance(error, CredentialsRefused):
        await ctx.services.alerts.credentials_refused(await ctx.work.begin(), "mantago", error.detail, ctx.now)
    return await ctx.services.wallet.kept(ctx.work.reads, ctx.customer_id)


def _page(ctx: Context, shelf: GiftList, action: ShowList, before: Sequence[Message]) -> Reply:
    _ = ctx._
    if action.kind == TICKETS:
        cards = ticket_cards(_, shelf.gifts.tickets, how_to(ctx))
        hidden = 0
    else:
        gifts = shelf.gifts.of(action.kind)
        listed = [gift for gift in gifts if (gift.state(ctx.now) == "expired") == action.expired]
        hidden = 0 if action.expired else len(gifts) - len(listed)
        # The vendor lists the newest first, and sorting keeps that order within each state.
        listed.sort(key=lambda gift: ORDER[gift.state(ctx.now)])
        cards = [gift_card(_, gift, ctx.now, how_to(ctx)) for gift in listed]
    if not cards and not hidden:
        return nothing(ctx, before)
    page = page_of(cards, action.page)

    def turn(number: int) -> ShowList:
        return action.model_copy(update={"page": number, "snapshot": shelf.snapshot})

    expired = ShowList(kind=action.kind, snapshot=shelf.snapshot, expired=True)
    shown = listing(
        _,
        span_title(_, list_names(_)[action.kind], page),
        page.items,
        page,
        turn,
        folded=folded_card(_, hidden, expired) if hidden else None,
    )
    others: dict[str, Action] = {
        kind: ShowList(kind=kind, snapshot=shelf.snapshot)
        for kind in KINDS
        if kind != action.kind and shelf.gifts.count(kind)
    }
    return Reply((*before, shown), choices.ending(_, *turning(_, page, turn), *tab_buttons(_, others)))


def nothing(ctx: Context, before: Sequence[Message]) -> Reply:
    """No gifts yet, and how to get some."""
    text = ctx._("No gifts yet.")
    if ctx.brand.redeems:
        text = ctx._("No gifts yet. Join a campaign or redeem a code to get some.")
    cards = (choices.gift_cards(ctx._),) if ctx.brand.shows_cards else ()
    return Reply((*before, Text(text)), choices.ending(ctx._, *choices.codes(ctx), *cards))


def as_of(ctx: Context, shelf: GiftList) -> str:
    """That this is an older list."""
    return ctx._(
        "We can't reach %(service)s right now. This is how things stood at %(time)s.",
        service=ctx._("the gift service"),
        time=_when(ctx, shelf.taken_at),
    )


def _when(ctx: Context, moment: datetime) -> str:
    today = moment.astimezone(ctx._.zone).date() == ctx.now.astimezone(ctx._.zone).date()
    return ctx._.time(moment) if today else ctx._.moment(moment)

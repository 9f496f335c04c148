"""My gifts: what the vendor holds for a customer, in lists that stay put while they are paged through."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from bot.apis.mantago import Gift
from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Carousel, Message, Reply, Text
from bot.conversation.router import Router
from bot.errors import CredentialsRefused, UpstreamError
from bot.i18n import N_
from bot.partners import mantago_platform
from bot.services.wallet import Shelf
from handlers.views import choices, outage
from handlers.views.gifts import folded_card, gift_card, list_names, more_card, tab_buttons, ticket_cards

router = Router()

PAGE = 9  # and one card that leads on: ten fit LINE's carousel and Messenger's alike
FRESH = timedelta(seconds=30)  # the vendor is not asked again for the same list within
SNAPSHOT_LIVES = timedelta(minutes=10)

Kind = Literal["tickets", "physical", "virtual"]
KINDS: tuple[Kind, ...] = ("tickets", "physical", "virtual")
ORDER = {"valid": 0, "unknown": 0, "soon": 1, "expired": 2}


class ShowList(Action, name="list"):
    """One page of one kind, of the list that the customer was looking at."""

    kind: Kind
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
    """The brand's own words on how to claim, or the honest default."""
    text = ctx.desk.how_to_claim.get(ctx._.tag) or ctx._(
        "Please see the campaign's notice for how and until when to use it, or ask our staff."
    )
    return Reply((Text(text),), choices.ending(ctx._, choices.my_gifts(ctx._), choices.person(ctx._)))


async def ask(ctx: Context, fresh_enough: timedelta) -> Shelf:
    """The customer's list, asked anew unless it is fresh enough. Raises UpstreamError; writes nothing."""
    wallet = ctx.services.wallet
    age = wallet.age(ctx.customer, ctx.now)
    if age is not None and age < fresh_enough and (kept := await wallet.kept(ctx.work.reads, ctx.customer_id)):
        return kept
    chat = ctx.incoming.chat
    assert ctx.apis.mantago is not None and chat is not None, "the caller looked"
    gifts = await ctx.apis.mantago.gifts(mantago_platform(chat.channel), chat.id)
    return wallet.keep(ctx.customer, gifts, ctx.now)


async def fallback(ctx: Context, error: UpstreamError) -> Shelf | None:
    """The last list we know, when the vendor is in trouble; staff are told what only they can mend."""
    if isinstance(error, CredentialsRefused):
        await ctx.services.alerts.credentials_refused(await ctx.work.begin(), "mantago", error.detail, ctx.now)
    return await ctx.services.wallet.kept(ctx.work.reads, ctx.customer_id)


def _page(ctx: Context, shelf: Shelf, action: ShowList, before: Sequence[Message]) -> Reply:
    _ = ctx._
    if action.kind == "tickets":
        cards = ticket_cards(_, shelf.gifts.tickets, HowTo())
        hidden = 0
    else:
        gifts: Sequence[Gift] = getattr(shelf.gifts, action.kind)
        listed = [gift for gift in gifts if (gift.state(ctx.now) == "expired") == action.expired]
        hidden = 0 if action.expired else len(gifts) - len(listed)
        # The vendor lists the newest first, and sorting keeps that order within each state.
        listed.sort(key=lambda gift: ORDER[gift.state(ctx.now)])
        cards = [gift_card(_, gift, ctx.now, HowTo()) for gift in listed]
    if not cards and not hidden:
        return nothing(ctx, before)
    start = action.page * PAGE
    shown, left = cards[start : start + PAGE], len(cards) - start - PAGE
    if not shown and cards:  # A page beyond the end, when a list shrank under an old button.
        return _page(ctx, shelf, action.model_copy(update={"page": 0}), before)
    following: list[Button] = []
    if left > 0:
        onward = action.model_copy(update={"page": action.page + 1, "snapshot": shelf.snapshot})
        shown = [*shown, more_card(_, left, onward)]
        following.append(Button(_("Next page"), onward))
    elif hidden:
        folded = ShowList(kind=action.kind, snapshot=shelf.snapshot, expired=True)
        shown = [*shown, folded_card(_, hidden, folded)]
    if action.page:
        back = action.model_copy(update={"page": action.page - 1, "snapshot": shelf.snapshot})
        # Translators: a button: the page before this one
        following.append(Button(_("Previous page"), back))
    others: dict[str, Action] = {
        kind: ShowList(kind=kind, snapshot=shelf.snapshot)
        for kind in KINDS
        if kind != action.kind and getattr(shelf.gifts, kind)
    }
    listing = Carousel(_title(ctx, action, start, len(cards)), tuple(shown)) if len(shown) > 1 else shown[0]
    return Reply((*before, listing), choices.ending(_, *following, *tab_buttons(_, others)))


def _title(ctx: Context, action: ShowList, start: int, total: int) -> str:
    _ = ctx._
    name = list_names(_)[action.kind]
    if total <= PAGE:
        return name
    last = min(start + PAGE, total)
    return _(
        "%(name)s %(first)s–%(last)s of %(total)s",
        name=name,
        first=_.number(start + 1),
        last=_.number(last),
        total=_.number(total),
    )


def nothing(ctx: Context, before: Sequence[Message]) -> Reply:
    """No gifts yet, and how to get some."""
    text = ctx._("No gifts yet.")
    if ctx.desk.redeems:
        text = ctx._("No gifts yet. Join a campaign or redeem a code to get some.")
    cards = (choices.gift_cards(ctx._),) if ctx.desk.shows_cards else ()
    return Reply((*before, Text(text)), choices.ending(ctx._, *choices.codes(ctx), *cards))


def as_of(ctx: Context, shelf: Shelf) -> str:
    """That this is an older list."""
    return ctx._(
        "We can't reach %(service)s right now. This is how things stood at %(time)s.",
        service=ctx._("the gift service"),
        time=_when(ctx, shelf.taken_at),
    )


def _when(ctx: Context, moment: datetime) -> str:
    today = moment.astimezone(ctx._.zone).date() == ctx.now.astimezone(ctx._.zone).date()
    return ctx._.time(moment) if today else ctx._.moment(moment)

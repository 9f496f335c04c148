"""What a customer has as a list: everything, or one kind of it, page by page, and what is found in it by name."""

from __future__ import annotations

from bot.apis.mantago import KINDS, TICKETS, Gift
from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Card, Item, Reply, Text
from bot.conversation.router import Router
from bot.i18n import N_
from bot.services.wallet import Day, Held, HeldCards, HeldVoucher, Place, Snapshot
from bot.understanding.reading import fold
from handlers import gifts, wallet
from handlers.gifts import ALL, SNAPSHOT_LIVES, Find, ShowThings
from handlers.views import choices, outage
from handlers.views.gifts import list_names
from handlers.views.paging import FORMER_SIZE, as_query, listing, page_now, page_of, turning
from handlers.views.wallet import all_button, cards_card, held_item, voucher_card

router = Router()


class ShowList(Action, name="list"):
    """A page of one kind in buttons of earlier versions: nine things a page, and what is over on pages of its own."""

    kind: gifts.Kind
    page: int = 0
    snapshot: str = ""
    expired: bool = False


@router.action(ShowThings, fresh="gifts")
async def show_things(ctx: Context, action: ShowThings) -> Answer:
    """A page. Its button names a list; when that is gone, the new list starts from its first page."""
    return await _show(ctx, action, await ctx.services.wallet.kept(ctx.work.reads, ctx.customer_id))


@router.action(ShowList, fresh="gifts")
async def show_former(ctx: Context, action: ShowList) -> Answer:
    """What a button of an earlier version led to is on one of the pages of now."""
    snapshot = await ctx.services.wallet.kept(ctx.work.reads, ctx.customer_id)
    now = ShowThings(kind=action.kind, page=page_now(action.page, ctx.brand.list_page), snapshot=action.snapshot)
    return await _show(ctx, now, snapshot, over=action.page * FORMER_SIZE if action.expired else None)


# Translators: words people type to see their tickets and coupons
@router.command("tickets", words=N_("my tickets, ticket, my coupons, coupon"), personal=True)
async def show_tickets(ctx: Context) -> Answer:
    """The first page of the tickets."""
    return await show_things(ctx, ShowThings(kind=TICKETS))


@router.action(Find, fresh="gifts")
async def ask_for_name(ctx: Context, _action: Find) -> Answer:
    """What are they looking for?"""
    ctx.ask("thing")
    return Reply((Text(ctx._("What are you looking for? A part of its name is enough.")),), (choices.cancel(ctx._),))


@router.answer("thing")
async def find(ctx: Context, text: str) -> Answer | None:
    """A part of a name."""
    query = as_query(ctx.lexicon.reader.politely_cut(" ".join(ctx.reading.typed.split())))
    if not fold(query):
        return None
    snapshot = await ctx.services.wallet.kept(ctx.work.reads, ctx.customer_id)
    return await _show(ctx, ShowThings(snapshot=snapshot.name if snapshot else "", query=query), snapshot)


async def _show(ctx: Context, action: ShowThings, snapshot: Snapshot | None, *, over: int | None = None) -> Answer:
    """A page of the kept list, or of a new one. over: the page of this one among what is over."""
    if not ctx.brand.shows_wallet or (action.kind in KINDS and not ctx.brand.shows_gifts):
        return await ctx.run("menu")
    before: list[Text] = []
    again: tuple[Button, ...] = ()
    if snapshot is None or not await _holds(ctx, snapshot, action):
        found = await wallet.gather(ctx, gifts.FRESH)
        before += found.before
        if found.kept:
            # Translators: a button: load the list again
            again = (Button(ctx._("Refresh"), wallet.Refresh()),)
        name = wallet.keep(ctx, found)
        kept = ctx.customer.wallet
        snapshot = Snapshot.of(kept) if kept else found.listed.snapshot if found.listed else None
        if snapshot is None:
            return outage.sorry(ctx._, ctx._("the gift service"), action)
        if action.snapshot != name and (action.page or over):
            action, over = action.model_copy(update={"page": 0}), over and 0
            before.append(Text(ctx._("The list changed — starting from page 1.")))
    here = action.model_copy(update={"snapshot": snapshot.name})
    places = snapshot.places(None if action.kind == ALL else action.kind, action.query)
    everything = all_button(ctx._, 0, ShowThings(snapshot=snapshot.name))
    # Translators: a button: search in a list
    search = Button(ctx._("Search"), Find(), keyboard=True)
    if not places and action.query:
        text = Text(ctx._("Nothing found for “%(query)s”.", query=action.query))
        return Reply((*before, text), choices.ending(ctx._, search, everything))
    if not places and action.kind != ALL and snapshot.places():
        # Translators: %(kind)s is the name of a list, such as Tickets
        text = Text(ctx._("Nothing under “%(kind)s” right now.", kind=list_names(ctx._)[action.kind]))
        return Reply((*before, text), choices.ending(ctx._, everything, *choices.codes(ctx)))
    if not places:
        return gifts.nothing(ctx, before)
    if over is not None:
        states = [snapshot.held(place, ctx.now).state for place in places]
        first = states.index("expired") if "expired" in states else 0
        here = here.model_copy(update={"page": (first + over) // ctx.brand.list_page})
    mixed = action.kind == ALL

    def card(place: Place) -> Card:
        return _card(ctx, snapshot.held(place, ctx.now))

    def item(place: Place) -> Item:
        held = snapshot.held(place, ctx.now)
        return held_item(ctx._, held, wallet.opens(ctx, held), ctx.now, mixed=mixed)

    shown = listing(
        ctx._,
        _title(ctx, action),
        page_of(places, here.page, ctx.brand.list_page),
        lambda number: here.model_copy(update={"page": number}),
        card=card,
        item=item,
        find=Find(),
    )
    others = [kind for kind in KINDS if kind != action.kind and snapshot.places(kind)]
    names = list_names(ctx._)
    return Reply(
        (*before, shown),
        choices.ending(
            ctx._,
            *turning(shown),
            *again,
            *(() if mixed and not action.query else (everything,)),
            *(Button(names[kind], ShowThings(kind=kind, snapshot=snapshot.name)) for kind in others),
        ),
    )


async def _holds(ctx: Context, snapshot: Snapshot, action: ShowThings) -> bool:
    """Whether the kept list is the one that the customer was looking at, not too old to be looked at, and nothing of it
    was handed over since."""
    same = snapshot.name == action.snapshot and snapshot.ordered and snapshot.age(ctx.now) <= SNAPSHOT_LIVES
    return same and (not ctx.brand.shows_gifts or snapshot.knows(await gifts.hand_overs_of(ctx)))


def _title(ctx: Context, action: ShowThings) -> str:
    if action.query:
        return ctx._("“%(query)s”", query=action.query)
    return ctx._("Your gifts") if action.kind == ALL else list_names(ctx._)[action.kind]


def _card(ctx: Context, held: Held) -> Card:
    match held.what:
        case Gift() | Day():
            return wallet.of_mantago(ctx, held)
        case HeldVoucher() as voucher:
            return voucher_card(ctx._, voucher, wallet.opens(ctx, held))
        case HeldCards() as cards:
            return cards_card(ctx._, cards, wallet.opens(ctx, held))
    raise AssertionError("a kept list counts gift cards")

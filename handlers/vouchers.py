"""Vouchers: points exchanged for Got It's vouchers, each once, and what the customer got so far."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from bot.apis.gotit import GotItApi
from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Card, Message, Reply, Row, Text
from bot.conversation.router import Router
from bot.errors import UpstreamError, UpstreamRefused
from bot.i18n import N_
from bot.services.catalogue import Listed, Offer, named
from bot.services.points import NotEnough
from bot.services.vouchers import CapReached, VoucherRequest
from bot.storage import issues, points
from bot.storage.issues import Issue
from bot.storage.points import Account
from bot.understanding.reading import fold
from handlers import collected
from handlers.gifts import FRESH, Find
from handlers.human import AskAbout
from handlers.reminders import remind_button
from handlers.views import choices, outage
from handlers.views.paging import CARDS, Page, as_query, listing, page_now, turning
from handlers.views.shop_window import turns, window, window_of
from handlers.views.vouchers import (
    confirm_card,
    issue_card,
    offer_card,
    points_card,
    points_text,
    voucher_card,
    voucher_item,
)

router = Router()

CONFIRM_WITHIN = timedelta(minutes=2)
RANGES = ((100, 500), (500, 1000))


class ShowOffers(Action, name="offers"):
    """A page of the catalogue. high: 0 is no limit, -1 what the customer can pay. query: what was searched for."""

    low: int = 0
    high: int = 0
    page: int = 0
    query: str = ""


class Search(Action, name="search"):
    """Ask for a brand."""


class Get(Action, name="get"):
    """Show what this voucher would cost."""

    gift_id: int
    price_id: int


class Exchange(Action, name="exchange"):
    """Yes, get it. `nonce` names the wish: however often it is tapped, it is one exchange."""

    nonce: str


class ShowIssue(Action, name="issue", ttl=timedelta(days=90)):
    """How an exchange stands now."""

    ref: str


class ShowOwn(Action, name="own"):
    """A page of the customer's own vouchers. upto: the newest of the list they look at; 0 for one that begins now."""

    page: int = 0
    upto: int = 0


class ShowMine(Action, name="mine"):
    """The same in buttons of earlier versions, which had nine vouchers a page."""

    page: int = 0


@router.command("vouchers", words=N_("vouchers, voucher, exchange, exchange points, get vouchers"), personal=True)
async def show_catalogue(ctx: Context) -> Answer:
    """The points, and what they can be exchanged for."""
    return await show_offers(ctx, ShowOffers())


@router.command("my_vouchers", words=N_("my vouchers, my voucher"), personal=True)
async def show_my_vouchers(ctx: Context) -> Answer:
    """What the customer got."""
    return await show_own(ctx, ShowOwn())


@router.command("points", words=N_("points, my points, point balance"), personal=True)
async def show_points(ctx: Context) -> Answer:
    """The balance and what changed it last; then what MantaGo counts, which is something else."""
    exchanges = ctx.brand.shows_vouchers and ctx.apis.gotit is not None
    if not exchanges and not ctx.brand.shows_collected:
        return await ctx.run("menu")
    shown: list[Message] = []
    if exchanges:
        account = await points.balance(ctx.work.reads, ctx.customer_id)
        entries = [entry for entry in await points.history(ctx.work.reads, ctx.customer_id, 12) if entry.available][:6]
        buttons = (choices.vouchers(ctx._), choices.my_vouchers(ctx._))
        shown.append(points_card(ctx._, account, entries, buttons))
    if ctx.brand.shows_collected:
        counted: Message | None
        try:
            counted = await collected.card(ctx, FRESH, (choices.my_gifts(ctx._),))
        except UpstreamError:
            if not shown:
                return outage.sorry(ctx._, ctx._("the gift service"), choices.Go(command="points"))
            counted = Text(ctx._("We can't tell your collected points right now. Nothing is lost."))
        shown += [counted] if counted else []
    if not shown:
        shown.append(Text(ctx._("There are no collected points to show.")))
    return Reply(tuple(shown), choices.ending(ctx._, *choices.codes(ctx)))


@router.action(ShowOffers, fresh="vouchers")
async def show_offers(ctx: Context, action: ShowOffers) -> Answer:
    """A page of the catalogue, the cheapest first."""
    if ctx.apis.gotit is None:
        return await ctx.run("menu")
    account = await points.balance(ctx.work.reads, ctx.customer_id)
    said: list[Message] = []
    if not action.page and not action.query:
        said.append(Text(_balance(ctx, account)))
    try:
        listed, trouble = await ctx.services.catalogue.listed(ctx.apis.gotit, ctx.now)
    except UpstreamError as error:
        await _report(ctx, error)
        reply = outage.sorry(ctx._, ctx._("the voucher service"), action)
        return reply.after(*said)
    if trouble:
        await _report(ctx, trouble)
        said.append(
            Text(
                ctx._(
                    "We can't reach %(service)s right now. This is how things stood at %(time)s.",
                    service=ctx._("the voucher service"),
                    time=ctx._.time(listed.taken_at),
                )
            )
        )
    found = _matching(listed, action, account)
    if not found:
        text = ctx._("Nothing found for “%(query)s”.", query=action.query) if action.query else _too_poor(ctx, action)
        return Reply((*said, Text(text)), choices.ending(ctx._, *_filters(ctx, action, account)))
    page = window_of(found, action.page)
    cards = [
        offer_card(
            ctx._,
            offer,
            account,
            ctx.services.catalogue.picture(offer.gift.image),
            Get(gift_id=offer.gift.gift_id, price_id=offer.gift.price_id),
        )
        for offer in page.items
    ]

    def turn(number: int) -> ShowOffers:
        return action.model_copy(update={"page": number})

    return Reply(
        (*said, window(ctx._, ctx._("Vouchers"), cards, page, turn)),
        choices.ending(ctx._, *turns(ctx._, page, turn), *_filters(ctx, action, account)),
    )


@router.action(Search, fresh="vouchers")
async def ask_for_brand(ctx: Context, _action: Search) -> Answer:
    """Which brand?"""
    if ctx.apis.gotit is None:
        return await ctx.run("menu")
    ctx.ask("brand")
    return Reply((Text(ctx._("Which brand are you looking for?")),), (choices.cancel(ctx._),))


@router.answer("brand")
async def search(ctx: Context, text: str) -> Answer | None:
    """The brand, or a part of a voucher's name."""
    query = as_query(ctx.lexicon.reader.politely_cut(" ".join(ctx.reading.typed.split())))
    return await show_offers(ctx, ShowOffers(query=query)) if fold(query) else None


@router.action(Get, fresh="vouchers")
async def preview(ctx: Context, action: Get) -> Answer:
    """What it costs and what is left; nothing happens before the next tap."""
    if ctx.apis.gotit is None:
        return await ctx.run("menu")
    offer, failed = await _offer(ctx, ctx.apis.gotit, action.gift_id, action.price_id, action)
    if failed is not None:
        return failed
    if offer is None:
        text = Text(ctx._("This voucher is not available any more."))
        return Reply((text,), choices.ending(ctx._, choices.vouchers(ctx._)))
    return await _preview(ctx, offer)


@router.action(Exchange, fresh="vouchers")
async def exchange(ctx: Context, action: Exchange) -> Answer:
    """Get it: once, however often this is tapped, delivered or run again."""
    if ctx.apis.gotit is None:
        return await ctx.run("menu")
    key = f"exchange:{ctx.customer_id}:{action.nonce}"
    issue = await issues.by_key(ctx.work.reads, key)
    if issue is None:
        getting = ctx.customer.state.getting
        if not getting or getting["nonce"] != action.nonce or getting["until"] < ctx.happened_at.timestamp():
            answer = await ctx.run("vouchers")
            words = Text(ctx._("That button has expired — here's a fresh one."))
            return answer.after(words) if isinstance(answer, Reply) else answer
        wish = Get(gift_id=getting["gift_id"], price_id=getting["price_id"])
        offer, failed = await _offer(ctx, ctx.apis.gotit, wish.gift_id, wish.price_id, wish)
        if failed is not None:
            return failed
        if offer is None or offer.cost != getting["cost"]:
            changed = Text(ctx._("The price changed — please confirm again."))
            again = await preview(ctx, wish)
            return again.after(changed) if isinstance(again, Reply) and offer else again
        reserved = await ctx.services.vouchers.reserve(
            await ctx.work.begin(),
            ctx.customer,
            VoucherRequest(wish.gift_id, wish.price_id, offer.snapshot, offer.cost),
            key=key,
            kind="exchange",
            issuer="bot",
            now=ctx.now,
        )
        if isinstance(reserved, CapReached):
            text = Text(ctx._("You've reached today's limit."))
            return Reply((text,), choices.ending(ctx._, choices.my_vouchers(ctx._)))
        if isinstance(reserved, NotEnough):
            return _short(ctx, offer.cost, reserved.available)
        await ctx.work.save()
        issue = reserved
    ctx.customer.state.getting = None
    if issue.under_way:
        issue = await ctx.services.vouchers.attempt(ctx.work.pool, ctx.apis.gotit, issue.id, answering=True)
    return await issue_reply(ctx, issue)


@router.action(ShowIssue, fresh="my_vouchers")
async def show_issue(ctx: Context, action: ShowIssue) -> Answer:
    """How it stands now."""
    issue = await issues.by_ref(ctx.work.reads, action.ref)
    if issue is None or issue.customer_id != ctx.customer.id:
        return await ctx.run("my_vouchers")
    return await issue_reply(ctx, issue)


@router.action(ShowMine, fresh="my_vouchers")
async def show_mine(ctx: Context, action: ShowMine) -> Answer:
    """What a button of an earlier version led to is on one of the pages of now."""
    return await show_own(ctx, ShowOwn(page=page_now(action.page, ctx.brand.list_page)))


@router.action(ShowOwn, fresh="my_vouchers")
async def show_own(ctx: Context, action: ShowOwn) -> Answer:
    """The customer's vouchers from our own ledger, newest first: Got It has no call that lists them.

    A page begins where the list was begun: what is got meanwhile moves nothing.
    """
    if ctx.apis.gotit is None:
        return await ctx.run("menu")
    size = ctx.brand.list_page
    first, most = max(action.page, 0) * size, max(size, CARDS)
    mine, total = await issues.page_of_customer(ctx.work.reads, ctx.customer_id, action.upto, first, most)
    if not mine and action.page:
        return await show_own(ctx, ShowOwn())
    if not mine:
        text = Text(ctx._("No vouchers yet. Exchange points to get some."))
        return Reply((text,), choices.ending(ctx._, choices.vouchers(ctx._), *choices.codes(ctx)))
    picture, upto = ctx.services.catalogue.picture, action.upto or mine[0].id
    shown = listing(
        ctx._,
        ctx._("My vouchers"),
        Page(action.page, mine if total <= CARDS else mine[:size], size, total),
        lambda number: ShowOwn(page=number, upto=upto),
        card=lambda each: voucher_card(ctx._, each, picture(each.offer["image"]), ShowIssue(ref=each.ref)),
        item=lambda each: voucher_item(ctx._, each, picture(each.offer["image"]), ShowIssue(ref=each.ref)),
        find=Find(),
    )
    return Reply((shown,), choices.ending(ctx._, *turning(shown), choices.vouchers(ctx._)))


async def issue_reply(ctx: Context, issue: Issue) -> Reply:
    """How an exchange stands, with a way to look again while it is open; then its end is promised to be told."""
    if issue.open:
        issue = await ctx.services.vouchers.promise(await ctx.work.begin(), issue)
    delivery = ctx.brand.told(ctx.brand.delivery, ctx._.tag) or ctx._(
        "Got It delivers it. Keep the reference until you have it."
    )
    ends = issue.expires_at is not None and issue.expires_at > ctx.now
    remind = await remind_button(ctx) if ends else ()
    card = issue_card(ctx._, issue, ctx.services.vouchers.delivered(issue), delivery, AskAbout(ref=issue.ref), remind)
    # Translators: a button
    again = (Button(ctx._("See result"), ShowIssue(ref=issue.ref)),) if issue.open else ()
    return Reply(
        (card,),
        choices.ending(ctx._, *again, choices.my_vouchers(ctx._), choices.receipts(ctx._), choices.vouchers(ctx._)),
        valuable=True,
    )


def present_card(
    *,
    title: str,
    name: str,
    image: str,
    rows: Sequence[tuple[str, str]],
    reference: tuple[str, str],
    opens: str,
) -> Card:
    """The card of something that is given, as it is queued (`Present`): good news, and the way to its receipt."""
    label, ref = reference
    return Card(
        look="success",
        title=title,
        hero=name,
        image=image,
        rows=tuple(Row(*row) for row in rows if row[1]),
        receipt=Row(label, ref),
        buttons=(Button(opens, ShowIssue(ref=ref)),),
    )


async def _offer(
    ctx: Context, gotit: GotItApi, gift_id: int, price_id: int, retry: Action
) -> tuple[Offer | None, Reply | None]:
    """An offer as it stands now, None when it is gone; or what to say while the vendor cannot be asked."""
    try:
        listed, trouble = await ctx.services.catalogue.listed(gotit, ctx.now)
    except UpstreamError as error:
        trouble = error
    if trouble:  # Nothing can be issued either, and a price of yesterday is no price.
        await _report(ctx, trouble)
        return None, outage.sorry(ctx._, ctx._("the voucher service"), retry)
    wanted = (gift_id, price_id)
    return next((o for o in listed.offers if (o.gift.gift_id, o.gift.price_id) == wanted), None), None


async def _report(ctx: Context, error: UpstreamError) -> None:
    if isinstance(error, UpstreamRefused):
        await ctx.services.vouchers.report(await ctx.work.begin(), error, ctx.now)


async def _preview(ctx: Context, offer: Offer) -> Reply:
    account = await points.balance(ctx.work.reads, ctx.customer_id)
    if account.available < offer.cost:
        return _short(ctx, offer.cost, account.available)
    nonce = secrets.token_hex(4)
    ctx.customer.state.getting = {
        "nonce": nonce,
        "gift_id": offer.gift.gift_id,
        "price_id": offer.gift.price_id,
        "cost": offer.cost,
        "until": (ctx.now + CONFIRM_WITHIN).timestamp(),
    }
    card = confirm_card(ctx._, offer, account, Exchange(nonce=nonce), choices.cancel(ctx._))
    yes, no = (button.label for button in card.buttons[:2])
    ctx.question(yes, no, minutes=2)
    return Reply((card,))


def _matching(listed: Listed, action: ShowOffers, account: Account) -> list[Offer]:
    high = account.available if action.high < 0 else action.high or None
    return sorted(
        (
            offer
            for offer in listed.offers
            if offer.cost >= action.low and (high is None or offer.cost <= high) and named(offer.gift, action.query)
        ),
        key=lambda offer: (offer.cost, offer.gift.name, offer.gift.price_id),
    )


def _filters(ctx: Context, action: ShowOffers, account: Account) -> list[Button]:
    """The ranges that are not shown right now, the search, and the customer's own vouchers."""
    _ = ctx._
    shown = (action.low, action.high, action.query)
    # Translators: a button: every voucher
    buttons = [(ShowOffers(), _("All"))]
    if account.available:
        within = _("Up to %(points)s pts", points=_.number(account.available))
        buttons.append((ShowOffers(high=-1), within))
    buttons += [(ShowOffers(low=low, high=high), f"{_.number(low)}–{_.number(high)}") for low, high in RANGES]
    # Translators: a button: search for a brand
    search_ = Button(_("Search"), Search(), keyboard=True)
    return [
        *(Button(label, filter_) for filter_, label in buttons if (filter_.low, filter_.high, filter_.query) != shown),
        search_,
        choices.my_vouchers(_),
    ]


def _short(ctx: Context, cost: int, available: int) -> Reply:
    text = ctx._.ngettext("%(n)s more point is needed.", "%(n)s more points are needed.", cost - available)
    return Reply((Text(text),), choices.ending(ctx._, choices.vouchers(ctx._), *choices.codes(ctx)))


def _balance(ctx: Context, account: Account) -> str:
    if not account.available:
        return _not_yet(ctx)
    return ctx._("You have %(points)s.", points=points_text(ctx._, account.available))


def _too_poor(ctx: Context, action: ShowOffers) -> str:
    return _not_yet(ctx) if action.high < 0 else ctx._("There is no voucher in this range right now.")


def _not_yet(ctx: Context) -> str:
    return ctx._("Not enough points for a voucher yet. Collect some more and come back.")

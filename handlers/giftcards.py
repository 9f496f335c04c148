"""Gift cards: what is on them, for who has proven to own their phone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.apis.altegio import Cards, GiftCard
from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Card, Message, Reply, Text
from bot.conversation.router import Router
from bot.errors import CredentialsRefused, UpstreamError, UpstreamRefused
from bot.i18n import N_
from bot.services.linking import Lapsed, Link
from handlers.linking import linked, not_linked
from handlers.reminders import remind_button
from handlers.views import choices, outage
from handlers.views.cards import card_item, number_card, unusable_card, usable_card
from handlers.views.paging import FORMER_SIZE, listing, page_of, turning

router = Router()

Buttons = tuple[Button, ...]
NUMBERS_KEPT = timedelta(days=30)
MOST_NUMBERS = 50


class ShowCardPage(Action, name="cardpage"):
    """One page of the cards. seen: names the list the customer looked at."""

    page: int = 0
    seen: str = ""


class ShowCards(Action, name="cards"):
    """A page in buttons of earlier versions: nine cards a page, and those that cannot be used on pages of their own."""

    page: int = 0
    others: bool = False
    seen: str = ""


class ShowCard(Action, name="card"):
    """One card of a list."""

    card_id: int


class ShowNumber(Action, name="cardno", ttl=timedelta(minutes=5)):
    """Show a whole card number. It carries the card's id: postbacks are readable by the platform."""

    card_id: int


# Translators: words people type to see their gift cards
@router.command("cards", words=N_("gift card, gift cards, my gift cards, card balance, balance"), personal=True)
async def show_cards(ctx: Context) -> Answer:
    """The cards of the linked phone."""
    return await show_page(ctx, ShowCardPage())


@router.action(ShowCardPage, fresh="cards")
async def show_page(ctx: Context, action: ShowCardPage) -> Answer:
    """A page of them."""
    return await _looking(ctx, action, lambda link, found, remind: _page(ctx, link, found, remind, action))


@router.action(ShowCards, fresh="cards")
async def show_former(ctx: Context, action: ShowCards) -> Answer:
    """What a button of an earlier version led to is on one of the pages of now."""
    return await _looking(
        ctx, action, lambda link, found, remind: _page(ctx, link, found, remind, ShowCardPage(), former=action)
    )


@router.action(ShowCard, fresh="cards")
async def show_card(ctx: Context, action: ShowCard) -> Answer:
    """One of them; all of them when it is gone."""

    def one(link: Link, found: Cards, remind: Buttons) -> Reply:
        card = next((card for card in found.cards if card.id == action.card_id), None)
        if card is None:
            return _page(ctx, link, found, remind, ShowCardPage())
        shown = drawn(ctx, link, card, remind)
        return Reply((shown,), choices.ending(ctx._, choices.gift_cards(ctx._), *choices.gifts(ctx)))

    return await _looking(ctx, action, one)


async def _looking(ctx: Context, action: Action, show: Callable[[Link, Cards, Buttons], Reply]) -> Answer:
    """What `show` makes of the linked phone's cards, with what stands on those that end; or why none are to be seen."""
    if ctx.apis.altegio is None:
        return await ctx.run("menu")
    link = await linked(ctx)
    if not isinstance(link, Link):
        return not_linked(ctx, link)
    try:
        found = await ctx.services.giftcards.of(ctx.apis.altegio, link, ctx.now)
    except UpstreamError as error:
        await report(ctx, error)
        return outage.sorry(ctx._, ctx._("the gift card service"), action)
    remind = await remind_button(ctx)
    await _keep_alive(ctx, link)
    remember_numbers(ctx, found)
    return show(link, found, remind)


@router.action(ShowNumber, fresh="cards")
async def show_number(ctx: Context, action: ShowNumber) -> Answer:
    """The whole number of one card, for who proved at the counter to own the phone that it belongs to now."""
    link = await linked(ctx)
    if not isinstance(link, Link) or not _may_see_numbers(ctx, link):
        return await ctx.run("cards")
    return await _one(ctx, link, action, lambda card: number_card(ctx._, card) if card.number else None)


async def _one(
    ctx: Context, link: Link, action: ShowCard | ShowNumber, draw: Callable[[GiftCard], Card | None]
) -> Answer:
    """A card that the linked phone has now; the list, when there is no such card or nothing to show of it."""
    if ctx.apis.altegio is None:
        return await ctx.run("cards")
    try:
        found = await ctx.services.giftcards.of(ctx.apis.altegio, link, ctx.now)
    except UpstreamError as error:
        await report(ctx, error)
        return outage.sorry(ctx._, ctx._("the gift card service"), action)
    card = next((card for card in found.cards if card.id == action.card_id), None)
    shown = draw(card) if card else None
    if shown is None:
        return await ctx.run("cards")
    await _keep_alive(ctx, link)
    return Reply((shown,), choices.ending(ctx._, choices.gift_cards(ctx._)))


# For the overview, which asks all vendors at the same time.


@dataclass(frozen=True, slots=True)
class Owned:
    """The cards of a linked phone that can be used now, and what to know of them. link: of that phone."""

    link: Link
    found: Cards
    cards: tuple[GiftCard, ...]
    notes: list[str]


async def owned(ctx: Context, link: Link | Lapsed | None) -> Owned | None:
    """The cards that can be used; None when no phone is linked. Writes nothing. Raises UpstreamError."""
    if ctx.apis.altegio is None or not isinstance(link, Link):
        return None
    found = await ctx.services.giftcards.of(ctx.apis.altegio, link, ctx.now)
    return Owned(link, found, tuple(card for card in found.cards if card.usable(ctx.now)), _notes(ctx, found))


async def report(ctx: Context, error: UpstreamError) -> None:
    """Tell staff about what only they can mend."""
    alerts = ctx.services.alerts
    match error:
        case CredentialsRefused():
            await alerts.credentials_refused(await ctx.work.begin(), "altegio", error.detail, ctx.now)
        case UpstreamRefused():
            text = N_("Altegio refuses what we ask; nobody sees their gift cards. %(detail)s")
            await alerts.tell(await ctx.work.begin(), "altegio-refused", text, ctx.now, detail=error.detail)


# Lists.


async def _keep_alive(ctx: Context, link: Link) -> None:
    if ctx.services.linking.to_be_marked(link, ctx.now):
        await ctx.services.linking.mark_used(await ctx.work.begin(), ctx.customer_id, ctx.now)


def remember_numbers(ctx: Context, found: Cards) -> None:
    """Keep keyed hashes of the numbers: one that is typed later is no redemption code, and no vendor's business."""
    numbers = [card.number for card in found.cards if card.number][:MOST_NUMBERS]
    hashes = sorted(ctx.services.giftcards.hashes(*numbers).values())
    ctx.customer.state.cards = {"numbers": hashes, "until": (ctx.now + NUMBERS_KEPT).timestamp()}


def _may_see_numbers(ctx: Context, link: Link) -> bool:
    return link.assurance == "staff_code" or ctx.brand.platform_shows_numbers


def _page(
    ctx: Context, link: Link, found: Cards, remind: Buttons, action: ShowCardPage, *, former: ShowCards | None = None
) -> Reply:
    """What can be used first, what ends first before it; what cannot stands last."""
    _, now = ctx._, ctx.now
    listed = sorted(found.cards, key=lambda card: (not card.usable(now), _soonest(card)))
    before: list[Message] = [Text("\n".join(notes))] if (notes := _notes(ctx, found)) else []
    if not listed:
        return _nothing(ctx, before)
    seen, number = _name(listed), action.page
    if number and action.seen != seen:
        number = 0
        before.append(Text(_("The list changed — starting from page 1.")))
    if former is not None:
        usable = sum(card.usable(now) for card in listed)
        number = (former.page * FORMER_SIZE + (usable if former.others else 0)) // ctx.brand.list_page
    shown = listing(
        _,
        _("Gift cards"),
        page_of(listed, number, ctx.brand.list_page),
        lambda number: ShowCardPage(page=number, seen=seen),
        card=lambda card: drawn(ctx, link, card, remind),
        item=lambda card: card_item(_, card, _currency(ctx, card), now, ShowCard(card_id=card.id)),
    )
    # Translators: a button: which phone is linked
    phone = Button(_("Linked phone"), choices.Go(command="link"))
    return Reply((*before, shown), choices.ending(_, *turning(shown), *choices.gifts(ctx), phone))


def drawn(ctx: Context, link: Link, card: GiftCard, remind: Buttons = ()) -> Card:
    """A card of a linked phone, as this link may see it. remind: stands on one that ends."""
    currency = _currency(ctx, card)
    if not card.usable(ctx.now):
        return unusable_card(ctx._, card, currency, ctx.now)
    shows_number = bool(card.number) and _may_see_numbers(ctx, link)
    shown = usable_card(ctx._, card, currency, ShowNumber(card_id=card.id) if shows_number else None)
    return replace(shown, buttons=(*shown.buttons, *remind)) if card.expires is not None else shown


def _currency(ctx: Context, card: GiftCard) -> str:
    return ctx.brand.card_currency.get(card.company_id, "")


def _soonest(card: GiftCard) -> tuple[datetime, int]:
    """What ends first is used first; the same order on every page."""
    return (card.expires or datetime.max.replace(tzinfo=UTC), card.id)


def _name(cards: Sequence[GiftCard]) -> str:
    """A short name of a list, so that a button of another one is noticed."""
    return hashlib.sha256(",".join(str(card.id) for card in cards).encode()).hexdigest()[:6]


def _notes(ctx: Context, found: Cards) -> list[str]:
    notes = []
    if failed := len(found.failed):
        notes.append(
            ctx._.ngettext(
                "%(n)s branch could not be read right now.", "%(n)s branches could not be read right now.", failed
            )
        )
    if found.skipped:
        notes.append(
            ctx._.ngettext(
                "%(n)s item can't be shown right now.", "%(n)s items can't be shown right now.", found.skipped
            )
        )
    return notes


def _nothing(ctx: Context, before: Sequence[Message]) -> Reply:
    """No cards, as far as could be read."""
    if before:
        # Translators: a button
        again = Button(ctx._("Try again"), ShowCardPage())
        return Reply(tuple(before), choices.ending(ctx._, again))
    text = ctx._("No gift cards on this phone. If you just bought one, ask the shop to attach it to your number.")
    # Translators: a button: which phone is linked
    phone = Button(ctx._("Linked phone"), choices.Go(command="link"))
    return Reply((Text(text),), choices.ending(ctx._, phone, choices.person(ctx._)))

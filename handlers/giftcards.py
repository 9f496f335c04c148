"""Gift cards: what is on them, for who has proven to own their phone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.apis.altegio import Cards, GiftCard
from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Card, Message, Reply, Text
from bot.conversation.router import Router
from bot.errors import CredentialsRefused, UpstreamError, UpstreamRefused
from bot.i18n import N_
from bot.services.linking import Link
from handlers.linking import linked, not_linked
from handlers.views import choices, outage
from handlers.views.card_pages import listing, page_of, span_title, turning
from handlers.views.cards import folded_card, number_card, unusable_card, usable_card

router = Router()

NUMBERS_KEPT = timedelta(days=30)
MOST_NUMBERS = 50


class ShowCards(Action, name="cards"):
    """One page of the cards that can be used, or of the others. seen: names the list the customer looked at."""

    page: int = 0
    others: bool = False
    seen: str = ""


class ShowCard(Action, name="giftcard"):
    """Everything about one card, where the list has no room for it."""

    card_id: int


class ShowNumber(Action, name="cardno", ttl=timedelta(minutes=5)):
    """Show a whole card number. It carries the card's id: postbacks are readable by the platform."""

    card_id: int


# Translators: words people type to see their gift cards
@router.command("cards", words=N_("gift card, gift cards, my gift cards, card balance, balance"), personal=True)
async def show_cards(ctx: Context) -> Answer:
    """The cards of the linked phone."""
    return await show_page(ctx, ShowCards())


@router.action(ShowCards, fresh="cards")
async def show_page(ctx: Context, action: ShowCards) -> Answer:
    """A page of them."""
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
    await _keep_alive(ctx, link)
    _remember_numbers(ctx, found)
    return _page(ctx, link, found, action)


@router.action(ShowCard, fresh="cards")
async def show_card(ctx: Context, action: ShowCard) -> Answer:
    """One card, alone."""
    link = await linked(ctx)
    if not isinstance(link, Link):
        return await ctx.run("cards")
    return await _one(ctx, link, action, lambda card: _drawn(ctx, link, card))


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


async def count_usable(ctx: Context) -> tuple[int, list[str]] | None:
    """How many cards of the linked phone can be used, and what to know of that number; None when no phone is linked.

    Writes nothing. Raises UpstreamError.
    """
    link = await linked(ctx)
    if ctx.apis.altegio is None or not isinstance(link, Link):
        return None
    found = await ctx.services.giftcards.of(ctx.apis.altegio, link, ctx.now)
    return sum(card.usable(ctx.now) for card in found.cards), _notes(ctx, found)


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


def _remember_numbers(ctx: Context, found: Cards) -> None:
    """Keep keyed hashes of the numbers: one that is typed later is no redemption code, and no vendor's business."""
    numbers = [card.number for card in found.cards if card.number][:MOST_NUMBERS]
    hashes = sorted(ctx.services.giftcards.hashes(*numbers).values())
    ctx.customer.state.cards = {"numbers": hashes, "until": (ctx.now + NUMBERS_KEPT).timestamp()}


def _may_see_numbers(ctx: Context, link: Link) -> bool:
    return link.assurance == "staff_code" or ctx.brand.platform_shows_numbers


def _page(ctx: Context, link: Link, found: Cards, action: ShowCards) -> Reply:
    _ = ctx._
    usable = [card for card in found.cards if card.usable(ctx.now)]
    others = [card for card in found.cards if not card.usable(ctx.now)]
    before: list[Message] = [Text("\n".join(notes))] if (notes := _notes(ctx, found)) else []
    if not found.cards:
        return _nothing(ctx, before)
    if not others:
        action = action.model_copy(update={"others": False})  # What could not be used can be by now.
    listed = sorted(others if action.others else usable, key=_soonest)
    seen, number = _name(listed), action.page
    if number and action.seen != seen:
        number = 0
        before.append(Text(_("The list changed — starting from page 1.")))
    page = page_of(listed, number)

    def turn(number: int) -> ShowCards:
        return ShowCards(page=number, others=action.others, seen=seen)

    folded = folded_card(_, len(others), ShowCards(others=True)) if others and not action.others else None
    # Translators: a button: show the whole receipt
    more = _("Details")
    drawn = [replace(_drawn(ctx, link, card), details=Button(more, ShowCard(card_id=card.id))) for card in page.items]
    shown = listing(_, span_title(_, _("Gift cards"), page), drawn, page, turn, folded=folded)
    back = (choices.gift_cards(_),) if action.others and usable else ()
    # Translators: a button: which phone is linked
    phone = Button(_("Linked phone"), choices.Go(command="link"))
    return Reply((*before, shown), choices.ending(_, *turning(_, page, turn), *back, *choices.gifts(ctx), phone))


def _drawn(ctx: Context, link: Link, card: GiftCard) -> Card:
    currency = ctx.brand.card_currency.get(card.company_id, "")
    if not card.usable(ctx.now):
        return unusable_card(ctx._, card, currency, ctx.now)
    shows_number = bool(card.number) and _may_see_numbers(ctx, link)
    return usable_card(ctx._, card, currency, ShowNumber(card_id=card.id) if shows_number else None)


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
        again = Button(ctx._("Try again"), ShowCards())
        return Reply(tuple(before), choices.ending(ctx._, again))
    text = ctx._("No gift cards on this phone. If you just bought one, ask the shop to attach it to your number.")
    # Translators: a button: which phone is linked
    phone = Button(ctx._("Linked phone"), choices.Go(command="link"))
    return Reply((Text(text),), choices.ending(ctx._, phone, choices.person(ctx._)))

"""Gift cards: what is on them, for who has proven to own their phone; and linking it.

A number that was merely typed is never looked up. What is said to it is the same whether or not there are cards.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bot.apis.altegio import Cards, GiftCard
from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.events import SharedPhone
from bot.conversation.messages import Button, Card, Carousel, Choice, Message, Reply, SharePhone, Text
from bot.conversation.router import Router
from bot.errors import CredentialsRefused, UpstreamError, UpstreamRefused
from bot.i18n import N_
from bot.services.linking import Lapsed, Link, is_bare_code, read_code
from bot.understanding.reading import Reading
from handlers.views import choices, outage
from handlers.views.cards import folded_card, number_card, unusable_card, usable_card
from handlers.views.gifts import more_card

router = Router()

PAGE = 9  # and one card that leads on: ten fit LINE's carousel and Messenger's alike
SHARED_WITHIN = timedelta(minutes=10)
NUMBERS_KEPT = timedelta(days=30)
MOST_NUMBERS = 50
BARE_AN_HOUR = 5

_CONNECTOR = re.compile(r"(?:\s|[:=>,.-]|號碼|碼|是|為|(?:is|code|with)\b)*", re.IGNORECASE)
_DIGIT = re.compile("[0-9]")


class ShowCards(Action, name="cards"):
    """One page of the cards that can be used, or of the others. seen: names the list the customer looked at."""

    page: int = 0
    others: bool = False
    seen: str = ""


class ShowNumber(Action, name="cardno", ttl=timedelta(minutes=5)):
    """Show a whole card number. It carries the card's id: postbacks are readable by the platform."""

    card_id: int


class EnterCode(Action, name="linkcode"):
    """Ask for the code that staff gave."""


class Unlink(Action, name="unlink", ttl=timedelta(minutes=2)):
    """Yes, unlink the phone."""


class KeepLink(Action, name="keeplink"):
    """No, leave it linked."""


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
    link = await _linked(ctx)
    if not isinstance(link, Link):
        return _not_linked(ctx, link)
    try:
        found = await ctx.services.giftcards.of(ctx.apis.altegio, link, ctx.now)
    except UpstreamError as error:
        await report(ctx, error)
        return outage.sorry(ctx._, ctx._("the gift card service"), action)
    await _keep_alive(ctx, link)
    _remember_numbers(ctx, found)
    return _page(ctx, link, found, action)


@router.action(ShowNumber, fresh="cards")
async def show_number(ctx: Context, action: ShowNumber) -> Answer:
    """The whole number of one card, for who proved at the counter to own the phone that it belongs to now."""
    link = await _linked(ctx)
    if ctx.apis.altegio is None or not isinstance(link, Link) or not _may_see_numbers(ctx, link):
        return await ctx.run("cards")
    try:
        found = await ctx.services.giftcards.of(ctx.apis.altegio, link, ctx.now)
    except UpstreamError as error:
        await report(ctx, error)
        return outage.sorry(ctx._, ctx._("the gift card service"), action)
    card = next((card for card in found.cards if card.id == action.card_id), None)
    if card is None or not card.number:
        return await ctx.run("cards")
    await _keep_alive(ctx, link)
    return Reply((number_card(ctx._, card),), choices.ending(ctx._, choices.gift_cards(ctx._)))


# Translators: words people type to link their phone; a link code may follow them
@router.command("link", words=N_("link, link phone, link my phone, link code"), personal=True)
async def show_link(ctx: Context) -> Answer:
    """Which phone is linked, or how to link one."""
    if ctx.apis.altegio is None:
        return await ctx.run("menu")
    link = await _linked(ctx)
    if not isinstance(link, Link):
        return _not_linked(ctx, link)
    text = ctx._("Your phone %(phone)s is linked. A code from our staff links another one instead.", phone=link.masked)
    # Translators: a button: unlink the phone
    unlink_ = Button(ctx._("Unlink"), choices.Go(command="unlink"))
    return Reply((Text(text),), choices.ending(ctx._, choices.gift_cards(ctx._), _enter_code(ctx), unlink_))


# Translators: words people type to unlink their phone
@router.command("unlink", words=N_("unlink, unlink phone, unlink my phone"), personal=True)
async def ask_to_unlink(ctx: Context) -> Answer:
    """Ask whether they mean it."""
    if ctx.apis.altegio is None:
        return await ctx.run("menu")
    link = await _linked(ctx)
    if link is None:
        text = ctx._("No phone is linked here.")
        return Reply((Text(text),), choices.ending(ctx._, choices.gift_cards(ctx._)))
    # Translators: a button: unlink the phone
    yes = Button(ctx._("Unlink"), Unlink())
    # Translators: a button: leave the phone linked
    no = Button(ctx._("Keep it"), KeepLink())
    ctx.question(yes.label, no.label, minutes=2, command="unlink")
    return Reply((Text(ctx._("Unlink %(phone)s?", phone=link.masked)),), choices.ending(ctx._, yes, no))


@router.action(Unlink, fresh="unlink")
async def unlink(ctx: Context, _action: Unlink) -> Answer:
    """Forget the phone. A second tap finds nothing to do and says the same."""
    await ctx.services.linking.unlink(await ctx.work.begin(), ctx.customer_id)
    text = ctx._("Unlinked. Your balance is unaffected.")
    return Reply((Text(text),), choices.ending(ctx._), valuable=True)


@router.action(KeepLink, fresh="cards")
async def keep_link(ctx: Context, _action: KeepLink) -> Answer:
    """Leave it."""
    text = ctx._("OK, your phone stays linked.")
    return Reply((Text(text),), choices.ending(ctx._, choices.gift_cards(ctx._)))


# Linking.


@router.action(EnterCode, fresh="link")
async def ask_for_code(ctx: Context, _action: EnterCode) -> Answer:
    """Ask for the code that staff read out."""
    if ctx.apis.altegio is None:
        return await ctx.run("menu")
    ctx.ask("link_code", minutes=10)
    text = ctx._("Please type the link code that our staff gave you: eight letters and digits.")
    return Reply((Text(text),), (choices.cancel(ctx._),))


@router.answer("link_code")
async def read_answer(ctx: Context, text: str) -> Answer | None:
    """The answer to "please type the code": any try counts as one, a sentence does not."""
    if ctx.apis.altegio is None:
        return None
    if _is_number(ctx):
        ctx.ask("link_code", minutes=10)
        return _typed_number(ctx)
    typed = _after_word(ctx, ctx.reading) or ctx.reading.typed
    return await _use_code(ctx, typed) if _is_try(typed) else None


@router.reader(rank=2)
async def read_text(ctx: Context, text: str) -> Answer | None:
    """`link K7PQ-4M2X`, a link code alone, or a phone number: none of them is for the redemption vendor."""
    if ctx.apis.altegio is None:
        return None
    if _is_number(ctx):
        return _typed_number(ctx)
    announced = _after_word(ctx, ctx.reading)
    if announced is not None:
        return await _use_code(ctx, announced) if _is_try(announced) else None
    return await _use_code(ctx, text) if await _is_waiting_code(ctx, text) else None


@router.event(SharedPhone)
async def link_shared_phone(ctx: Context) -> Answer:
    """The number of the person's profile, as the platform itself tells it: only when we have just asked for it."""
    assert isinstance(ctx.incoming.what, SharedPhone), "registered for nothing else"
    if ctx.apis.altegio is None:
        return await ctx.run("menu")
    asked_until = ctx.customer.state.get("sharing", 0)
    phone = ctx.services.linking.phone(ctx.incoming.what.phone)
    if not ctx.desk.shares_phone or asked_until <= ctx.happened_at.timestamp() or phone is None:
        return _not_linked(ctx, None)
    ctx.settle()
    return _now_linked(ctx, await ctx.services.linking.link(await ctx.work.begin(), ctx.customer, phone, ctx.now))


async def _use_code(ctx: Context, typed: str) -> Reply:
    link = await ctx.services.linking.use_code(await ctx.work.begin(), ctx.customer, typed, ctx.happened_at)
    if link is not None:
        return _now_linked(ctx, link)
    text = ctx._("That link code isn't valid any more — please ask staff for a new one.")
    return Reply((Text(text),), choices.ending(ctx._, _enter_code(ctx), choices.help_(ctx._)))


def _now_linked(ctx: Context, link: Link) -> Reply:
    ctx.customer.state.pop("sharing", None)
    text = ctx._("Linked: %(phone)s. You can check balances any time.", phone=link.masked)
    return Reply((Text(text),), choices.ending(ctx._, choices.gift_cards(ctx._)), valuable=True)


def _not_linked(ctx: Context, link: Lapsed | None) -> Reply:
    """How to link a phone."""
    if link is None:
        text = ctx._("To protect your balance, link your phone first.")
    else:
        text = ctx._(
            "The link of %(phone)s has lapsed: nobody used it for a year, and numbers get new owners. "
            "Please link your phone again.",
            phone=link.masked,
        )
    ways: list[Choice] = [_enter_code(ctx)]
    if ctx.desk.shares_phone:
        ctx.customer.state["sharing"] = (ctx.now + SHARED_WITHIN).timestamp()
        ways.append(SharePhone())
    return Reply((Text(text),), choices.ending(ctx._, *ways, choices.help_(ctx._)))


def _typed_number(ctx: Context) -> Reply:
    """The same to everybody, whatever the number; nothing is looked up, here or at the vendor."""
    text = ctx._("Thanks — for your safety we don't look up typed numbers. Ask our staff for a link code.")
    return Reply((Text(text),), choices.ending(ctx._, _enter_code(ctx), choices.help_(ctx._)))


def _enter_code(ctx: Context) -> Button:
    # Translators: a button: enter the code that staff gave for linking a phone
    return Button(ctx._("Staff link code"), EnterCode(), keyboard=True)


def announces_code(ctx: Context, reading: Reading) -> bool:
    """Whether a message has what could be a link code after a word for it."""
    announced = _after_word(ctx, reading)
    return announced is not None and read_code(announced) is not None


def concerns_linking(ctx: Context) -> bool:
    """Whether a message is a phone number, or tries to link one with a code, however mistyped."""
    announced = _after_word(ctx, ctx.reading)
    return _is_number(ctx) or (announced is not None and _is_try(announced))


def _is_number(ctx: Context) -> bool:
    """Whether a message is a phone number, also after a word for what it should bring: `禮品卡 0912345678`."""
    said = (ctx.reading.typed, _after_word(ctx, ctx.reading), _after_word(ctx, ctx.reading, "cards"))
    return any(ctx.services.linking.reads_like_phone(number) for number in said if number and _DIGIT.search(number))


def _after_word(ctx: Context, reading: Reading, intent: str = "link") -> str | None:
    """What follows a word for an intent at the beginning of a message; None when nothing does."""
    rest = ctx.lexicon.after(reading, intent)
    return _CONNECTOR.sub("", rest, count=1) or None if rest else None


def _is_try(typed: str) -> bool:
    """Whether somebody means this as a link code, right or wrong; words alone are talk, unless they could be one."""
    return any(character.isdigit() for character in typed) or read_code(typed) is not None


async def link_with(ctx: Context, code: str) -> Reply | None:
    """Link with a live link code that was typed where a redemption code is; None when it is none."""
    if ctx.apis.altegio is None or not await _is_waiting_code(ctx, code):
        return None
    return await _use_code(ctx, code)


async def _is_waiting_code(ctx: Context, text: str) -> bool:
    """Whether a message is a live link code without a word before it, looked up a few times an hour at most.

    What is none may be a redemption code and goes on to the vendor, so nothing is written here: the tries are
    counted in the customer's state.
    """
    if not is_bare_code(text):
        return False
    start, count = ctx.customer.state.get("bare", (0.0, 0))
    if ctx.now.timestamp() - start >= timedelta(hours=1).total_seconds():
        start, count = ctx.now.timestamp(), 0
    if count >= BARE_AN_HOUR:
        return False
    ctx.customer.state["bare"] = (start, count + 1)
    return await ctx.services.linking.is_live(ctx.work.reads, text, ctx.happened_at)


# For the overview, which asks all vendors at the same time.


async def count_usable(ctx: Context) -> tuple[int, list[str]] | None:
    """How many cards of the linked phone can be used, and what to know of that number; None when no phone is linked.

    Writes nothing. Raises UpstreamError.
    """
    link = await _linked(ctx)
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


async def _linked(ctx: Context) -> Link | Lapsed | None:
    return await ctx.services.linking.linked(ctx.work.reads, ctx.customer_id, ctx.now)


async def _keep_alive(ctx: Context, link: Link) -> None:
    if ctx.services.linking.to_be_marked(link, ctx.now):
        await ctx.services.linking.mark_used(await ctx.work.begin(), ctx.customer_id, ctx.now)


def _remember_numbers(ctx: Context, found: Cards) -> None:
    """Keep keyed hashes of the numbers: one that is typed later is no redemption code, and no vendor's business."""
    numbers = [card.number for card in found.cards if card.number][:MOST_NUMBERS]
    hashes = sorted(ctx.services.giftcards.hashes(*numbers).values())
    ctx.customer.state["cards"] = {"numbers": hashes, "until": (ctx.now + NUMBERS_KEPT).timestamp()}


def _may_see_numbers(ctx: Context, link: Link) -> bool:
    return link.assurance == "staff_code" or ctx.desk.platform_shows_numbers


def _page(ctx: Context, link: Link, found: Cards, action: ShowCards) -> Reply:
    _ = ctx._
    usable = [card for card in found.cards if card.usable(ctx.now)]
    others = [card for card in found.cards if not card.usable(ctx.now)]
    before: list[Message] = [Text("\n".join(notes))] if (notes := _notes(ctx, found)) else []
    if not found.cards:
        return _nothing(ctx, before)
    listed = sorted(others if action.others else usable, key=_soonest)
    seen, page = _name(listed), action.page
    if page and action.seen != seen:
        page = 0
        before.append(Text(_("The list changed — starting from page 1.")))
    here = ShowCards(page=page, others=action.others, seen=seen)
    start = page * PAGE
    shown = [_drawn(ctx, link, card) for card in listed[start : start + PAGE]]
    left = len(listed) - start - PAGE
    turning: list[Button] = []
    if left > 0:
        onward = here.model_copy(update={"page": page + 1})
        shown.append(more_card(_, left, onward))
        turning.append(Button(_("Next page"), onward))
    elif others and not action.others:
        shown.append(folded_card(_, len(others), ShowCards(others=True)))
    if page:
        turning.append(Button(_("Previous page"), here.model_copy(update={"page": page - 1})))
    if action.others and usable:
        turning.append(choices.gift_cards(_))
    listing = Carousel(_title(ctx, start, len(listed)), tuple(shown)) if len(shown) > 1 else shown[0]
    # Translators: a button: which phone is linked
    phone = Button(_("Linked phone"), choices.Go(command="link"))
    return Reply((*before, listing), choices.ending(_, *turning, *choices.gifts(ctx), phone))


def _drawn(ctx: Context, link: Link, card: GiftCard) -> Card:
    currency = ctx.desk.card_currency.get(card.company_id, "")
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


def _title(ctx: Context, start: int, total: int) -> str:
    _ = ctx._
    name = _("Gift cards")
    if total <= PAGE:
        return name
    return _(
        "%(name)s %(first)s–%(last)s of %(total)s",
        name=name,
        first=_.number(start + 1),
        last=_.number(min(start + PAGE, total)),
        total=_.number(total),
    )

"""Receipts of one's own: all of them, and each by its reference."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Card, Reply, Text
from bot.conversation.router import Router
from bot.i18n import N_
from bot.services.hand_overs import Handed, Matching
from bot.storage import claims, history, issues, redemptions
from bot.storage.claims import Claim
from bot.storage.history import Line, What
from bot.storage.issues import Issue
from bot.storage.redemptions import Redemption, RedemptionState
from bot.understanding import references
from bot.understanding.reading import split_list
from handlers.gifts import at_counter, hand_overs_of
from handlers.human import AskAbout
from handlers.views import choices
from handlers.views.codes import receipt_card, redemption_card, reward_names, rewards_card, undone_card
from handlers.views.gifts import counter_button
from handlers.views.paging import CARDS, Page, listing, page_now, turning
from handlers.views.receipts import line_card, line_item
from handlers.vouchers import ShowIssue, issue_reply

router = Router()

REWARDS = 30  # on one card

# Translators: words after which people type a receipt's reference
_WORDS = N_("receipt, receipt number, receipt no, reference, ref")


@router.reader(rank=3)
async def show_receipt(ctx: Context, text: str) -> Answer | None:
    """`R-7F3K9M` anywhere in a short message, `R7F3K9M` alone. Somebody else's reads like one that does not exist.

    What may be a redemption code as well is one's own receipt or none of our business: the next reader looks at it.
    """
    words = (word for _ in ctx.languages.values() for word in split_list(_(_WORDS)))
    found = references.receipt_in(text, words) if ctx.customer.id is not None else None
    if found is None or ctx.customer.id is None:
        return None
    if (issue := await issues.by_ref(ctx.work.reads, found.ref)) and issue.customer_id == ctx.customer.id:
        return await issue_reply(ctx, issue)
    if shown := await _claimed(ctx, found.ref):
        return shown
    return _none(ctx, found.ref) if found.certain else None


class ShowReceipt(Action, name="receipt", ttl=timedelta(days=90)):
    """One claim of the customer's, also one that was taken back."""

    ref: str


@router.action(ShowReceipt, fresh="receipts")
async def open_receipt(ctx: Context, action: ShowReceipt) -> Answer:
    """As it stands now."""
    return await _claimed(ctx, action.ref) or _none(ctx, action.ref)


class ShowRewards(Action, name="rewards", ttl=timedelta(days=90)):
    """The names of all rewards of a claim, a page of them."""

    ref: str
    page: int = 0


@router.action(ShowRewards, fresh="receipts")
async def show_rewards(ctx: Context, action: ShowRewards) -> Answer:
    """What a receipt has no room for."""
    claim = await claims.by_ref(ctx.work.reads, action.ref, ctx.customer_id)
    if claim is None:
        return _none(ctx, action.ref)
    names = reward_names(claim)
    first = action.page * REWARDS if action.page * REWARDS < len(names) else 0
    shown, left = names[first : first + REWARDS], len(names) - first - REWARDS
    following = ShowRewards(ref=claim.ref, page=first // REWARDS + 1)
    more = (Button(ctx._("Next page"), following),) if left > 0 else ()
    # Translators: a button: back to the receipt
    back = Button(ctx._("The receipt"), ShowReceipt(ref=claim.ref))
    return Reply((rewards_card(ctx._, claim, shown, (*more, back)),), choices.ending(ctx._, choices.receipts(ctx._)))


def card_of(
    ctx: Context,
    claim: Claim,
    vouchers: Sequence[Issue] = (),
    *,
    fresh: bool = False,
    balance: int | None = None,
    handed: Handed | None = None,
) -> Card:
    """A claim's receipt, which leads to what it brought. fresh, balance, handed: see `receipt_card`."""
    leads: tuple[Button, ...] = ()
    if len(vouchers) == 1:
        # Translators: a button: show the voucher that a code brought
        leads = (Button(ctx._("See the voucher"), ShowIssue(ref=vouchers[0].ref)),)
    elif vouchers:
        leads = (choices.my_vouchers(ctx._),)
    elif claim.snapshot.get("points") and ctx.brand.shows_vouchers:
        leads = (choices.vouchers(ctx._),)
    counter = at_counter(ctx, "receipt", claim.ref) if claim.snapshot.get("handover") and not handed else None
    another = (choices.another_code(ctx._),) if fresh else ()
    return receipt_card(
        ctx._,
        claim,
        ctx.now,
        (*counter_button(ctx._, counter), *leads, choices.receipts(ctx._), *another),
        vouchers,
        show_all=ShowRewards(ref=claim.ref),
        balance=balance,
        fresh=fresh,
        handed=handed,
    )


async def handed_of(ctx: Context, claim: Claim) -> Handed | None:
    """How what a receipt is for was handed over; None when it was not, or is nothing to be handed over."""
    if not claim.snapshot.get("handover"):
        return None
    return Matching(await hand_overs_of(ctx)).take(claim)


async def _claimed(ctx: Context, ref: str) -> Reply | None:
    """The customer's own claim, or that it was taken back; None when they have none of this reference."""
    if claim := await claims.by_ref(ctx.work.reads, ref, ctx.customer_id):
        promised = await ctx.services.redemption.vouchers_of(ctx.work.reads, claim)
        card = card_of(ctx, claim, promised, handed=await handed_of(ctx, claim))
        return Reply((card,), choices.ending(ctx._, *choices.gifts(ctx)))
    if undone := await claims.undone_of(ctx.work.reads, ref, ctx.customer_id):
        card = undone_card(ctx._, undone, AskAbout(ref=ref))
        return Reply((card,), choices.ending(ctx._, choices.receipts(ctx._)))
    redemption = await redemptions.by_ref(ctx.work.reads, ref)
    if redemption is None or redemption.customer_id != ctx.customer_id:
        return None
    if redemption.open:
        redemption = await ctx.services.redeeming.promise(await ctx.work.begin(), redemption)
    card = await redemption_card_of(ctx, redemption)
    return Reply((card,), choices.ending(ctx._, choices.receipts(ctx._)), valuable=redemption.open)


async def redemption_card_of(ctx: Context, redemption: Redemption) -> Card:
    """How a redemption at Poshen stands: its receipt once it is done."""
    if redemption.state is RedemptionState.DONE:
        claim = await claims.by_ref(ctx.work.reads, redemption.ref, ctx.customer_id)
        if claim is not None:
            return card_of(ctx, claim, await ctx.services.redemption.vouchers_of(ctx.work.reads, claim))
    return redemption_card(ctx._, redemption, ShowReceipt(ref=redemption.ref), AskAbout(ref=redemption.ref))


def _none(ctx: Context, ref: str) -> Reply:
    text = ctx._("I couldn't find %(ref)s among your receipts.", ref=ref)
    return Reply((Text(text),), choices.ending(ctx._, choices.person(ctx._)))


class ShowReceipts(Action, name="receipts"):
    """A page of the history, in the buttons of earlier versions."""

    page: int = 0


class ShowHistory(Action, name="history"):
    """A page of what the customer redeemed, received and exchanged."""

    page: int = 0


# Translators: words people type to see what they redeemed and exchanged
@router.command("receipts", words=N_("receipts, my receipts, history"), personal=True)
async def show_receipts(ctx: Context) -> Answer:
    """The newest of them."""
    return await show_page(ctx, ShowHistory())


@router.action(ShowReceipts, fresh="receipts")
async def show_former_page(ctx: Context, action: ShowReceipts) -> Answer:
    """The page that holds what an old button led to."""
    return await show_page(ctx, ShowHistory(page=page_now(action.page, ctx.brand.list_page)))


@router.action(ShowHistory, fresh="receipts")
async def show_page(ctx: Context, action: ShowHistory) -> Answer:
    """A page of the history, from our own ledger, in one read; the first one when there is no such page (any more)."""
    _ = ctx._
    page = await _page(ctx, max(action.page, 0))
    if not page.items:
        text = _("No receipts yet. What you redeem here is kept for you.")
        return Reply((Text(text),), choices.ending(_, *choices.codes(ctx)))
    shown = listing(
        _,
        _("My receipts"),
        page,
        lambda number: ShowHistory(page=number),
        card=lambda line: line_card(_, line, _opens(line)),
        item=lambda line: line_item(_, line, _opens(line)),
    )
    return Reply((shown,), choices.ending(_, *turning(shown), *choices.gifts(ctx)))


async def _page(ctx: Context, number: int) -> Page[Line]:
    size = ctx.brand.list_page
    # Few enough to be cards they are all shown, however few a page of a longer list has.
    lines, total = await history.page(ctx.work.reads, ctx.customer_id, limit=max(size, CARDS), skip=number * size)
    if number and (not lines or total <= CARDS):
        return await _page(ctx, 0)
    return Page(number, lines if total <= CARDS else lines[:size], size, total)


def _opens(line: Line) -> Action:
    match line.what:
        case What.CLAIM | What.UNDONE | What.REDEMPTION:
            return ShowReceipt(ref=line.ref)
        case What.ISSUE:
            return ShowIssue(ref=line.ref)
        case What.POINTS:
            return choices.Go(command="points")

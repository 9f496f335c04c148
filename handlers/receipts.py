"""Receipts of one's own: all of them, and each by its reference."""

from __future__ import annotations

from datetime import datetime

from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Reply, Text
from bot.conversation.router import Router
from bot.i18n import N_
from bot.storage import claims, issues
from bot.storage.claims import Claim
from bot.storage.issues import Issue
from bot.understanding import references
from bot.understanding.reading import split_list
from handlers.views import choices
from handlers.views.codes import claim_card, receipt_card
from handlers.views.shop_window import turns, window, window_of
from handlers.views.vouchers import voucher_card
from handlers.vouchers import ShowIssue, issue_reply

router = Router()

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
    if claim := await claims.by_ref(ctx.work.reads, found.ref, ctx.customer.id):
        promised = await ctx.services.redemption.vouchers_of(ctx.work.reads, claim)
        card = receipt_card(ctx._, claim, ctx.now, choices.gifts(ctx), promised)
        return Reply((card,), choices.ending(ctx._, *choices.gifts(ctx)))
    if not found.certain:
        return None
    text = ctx._("I couldn't find %(ref)s among your receipts.", ref=found.ref)
    return Reply((Text(text),), choices.ending(ctx._, choices.person(ctx._)))


class ShowReceipts(Action, name="receipts"):
    """A page of what the customer redeemed and exchanged."""

    page: int = 0


# Translators: words people type to see what they redeemed and exchanged
@router.command("receipts", words=N_("receipts, my receipts, history"), personal=True)
async def show_receipts(ctx: Context) -> Answer:
    """The newest of them."""
    return await show_page(ctx, ShowReceipts())


@router.action(ShowReceipts, fresh="receipts")
async def show_page(ctx: Context, action: ShowReceipts) -> Answer:
    """What was redeemed and exchanged, from our own ledger, newest first, the last hundred of each."""
    _ = ctx._
    redeemed = await claims.of_customer(ctx.work.reads, ctx.customer_id)
    exchanged = await issues.of_customer(ctx.work.reads, ctx.customer_id)
    newest: list[Claim | Issue] = sorted([*redeemed, *exchanged], key=_when, reverse=True)
    if not newest:
        text = _("No receipts yet. What you redeem here is kept for you.")
        return Reply((Text(text),), choices.ending(_, *choices.codes(ctx)))
    page = window_of(newest, action.page)
    picture = ctx.services.catalogue.picture
    cards = [
        claim_card(_, each)
        if isinstance(each, Claim)
        else voucher_card(_, each, picture(each.offer["image"]), ShowIssue(ref=each.ref))
        for each in page.items
    ]
    return Reply(
        (window(_, _("My receipts"), cards, page, _turn),),
        choices.ending(_, *turns(_, page, _turn), *choices.gifts(ctx)),
    )


def _turn(page: int) -> ShowReceipts:
    return ShowReceipts(page=page)


def _when(each: Claim | Issue) -> datetime:
    return each.claimed_at if isinstance(each, Claim) else each.created_at

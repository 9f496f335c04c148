"""Any receipt of one's own, by its reference."""

from __future__ import annotations

import re

from bot.conversation import references
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Reply, Text
from bot.conversation.router import Router
from bot.i18n import N_
from bot.storage import claims, issues
from handlers.views import choices
from handlers.views.codes import receipt_card
from handlers.vouchers import issue_reply

router = Router()

# Translators: words after which people type a receipt's reference
_WORDS = N_("receipt, receipt number, receipt no, reference, ref")


@router.reader(rank=3)
async def show_receipt(ctx: Context, text: str) -> Answer | None:
    """`R-7F3K9M` anywhere in a short message, `R7F3K9M` alone. Somebody else's reads like one that does not exist.

    What may be a redemption code as well is one's own receipt or none of our business: the next reader looks at it.
    """
    words = (word for _ in ctx.languages.values() for word in re.split("[、,，]", _(_WORDS)))
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

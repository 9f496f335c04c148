"""Any receipt of one's own, by its reference."""

from __future__ import annotations

import re

from bot.conversation.codes import clean
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Reply, Text
from bot.conversation.router import Router
from bot.storage import claims, issues
from handlers.views import choices
from handlers.views.codes import receipt_card
from handlers.vouchers import issue_reply

router = Router()

_REFERENCE = re.compile(r"(?:^|[^A-Z0-9-])R-?([0-9A-HJKMNP-TV-Z]{6})(?:$|[^A-Z0-9-])")


@router.reader(rank=3)
async def show_receipt(ctx: Context, text: str) -> Answer | None:
    """`R-7F3K9M` anywhere in a short message. Somebody else's reads like one that does not exist."""
    cleaned = clean(text).upper()
    match = _REFERENCE.search(cleaned) if len(cleaned) <= 40 and "R-" in cleaned else None
    if match is None or ctx.customer.id is None:
        return None
    ref = f"R-{match.group(1)}"
    if (issue := await issues.by_ref(ctx.work.reads, ref)) and issue.customer_id == ctx.customer.id:
        return await issue_reply(ctx, issue)
    if claim := await claims.by_ref(ctx.work.reads, ref, ctx.customer.id):
        promised = await ctx.services.redemption.vouchers_of(ctx.work.reads, claim)
        card = receipt_card(ctx._, claim, ctx.now, choices.gifts(ctx), promised)
        return Reply((card,), choices.ending(ctx._, *choices.gifts(ctx)))
    text = ctx._("I couldn't find %(ref)s among your receipts.", ref=ref)
    return Reply((Text(text),), choices.ending(ctx._, choices.person(ctx._)))

"""The trail: who did what, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from bot.conversation.context import Answer
from bot.conversation.messages import Reply, Text
from bot.i18n import N_
from bot.staff.arguments import Arguments, CustomerRef, Duration, Keyed
from bot.staff.routes import StaffContext, StaffRouter
from bot.staff.teaching import commands_button, run_button
from bot.storage import audit
from handlers.views import staff as views

admin = StaffRouter(N_("Safety"))
admin.noun("audit", N_("/audit, /log"))

PAGE = 8


class Audit(Arguments):
    """Whose, what, about whom, since when."""

    who: Annotated[str | None, Keyed(N_("a member's name"), example="amy")] = None
    action: Annotated[str | None, Keyed(N_("a command or its beginning"), example="code")] = None
    customer: Annotated[CustomerRef | None, Keyed(N_("a customer"), example="C-8F3K2M")] = None
    since: Annotated[Duration, Keyed(N_("how far back"), example="24h")] = timedelta(hours=24)
    page: Annotated[int, Keyed(N_("page"), example="2"), Field(ge=1, le=10_000)] = 1


@admin.command("audit", Audit, role="manager", about=N_("what staff did"))
async def show_trail(ctx: StaffContext, args: Audit) -> Answer:
    """Newest first. Codes are masked in it; phones and card numbers never get there."""
    sought = audit.Sought(
        since=ctx.now - args.since,
        actor=args.who.casefold() if args.who else None,
        action=args.action.lower().lstrip("/") if args.action else None,
        customer=await _reference(ctx, args.customer) if args.customer else None,
    )
    rows, total = await audit.page(ctx.work.reads, sought, limit=PAGE, offset=(args.page - 1) * PAGE)
    if not rows:
        text = ctx._("Nothing in that time.")
        longer = run_button("since=30d", "/audit since=30d") if args.since < timedelta(days=30) else ()
        return Reply((Text(text),), (*longer, *commands_button(ctx._)))
    more = views.next_page(ctx._, "audit", args, total > args.page * PAGE)
    return Reply((views.trail_card(ctx._, rows, total),), (*more, *commands_button(ctx._)))


async def _reference(ctx: StaffContext, ref: str) -> str:
    """The customer's reference; that of somebody who is gone is looked for as it was typed."""
    found = await ctx.customer_of(ref)
    return found.ref if found else ref

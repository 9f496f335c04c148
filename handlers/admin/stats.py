"""Numbers: what customers did, what was given, and what failed."""

from __future__ import annotations

from typing import Annotated, Literal

from bot.conversation.context import Answer
from bot.conversation.messages import Button, Message, Reply
from bot.i18n import N_
from bot.staff.arguments import Arguments, Keyed, Positional
from bot.staff.routes import StaffContext
from bot.staff.teaching import run_button
from bot.storage import counts, posters, reminders, stores
from handlers.admin import status
from handlers.views import staff_status as views
from handlers.views.staff_posters import numbers_card as posters_card

admin = status.admin  # One topic of the menu for both.
admin.noun("stats", N_("/stats, /numbers"))

DAYS = {"today": 1, "7d": 7, "30d": 30}
WEEK_BEFORE = 9  # days, today included: yesterday, and the same day of the week before
CODES = 5
CAMPAIGNS = 12
TROUBLES = 6


class Stats(Arguments):
    """Of when, and split by what."""

    period: Annotated[Literal["today", "7d", "30d"], Positional(N_("period"), example="7d", typical=True)] = "today"
    by: Annotated[Literal["campaign", "store", "poster"] | None, Keyed(N_("split by"), example="campaign")] = None


@admin.command("stats", Stats, role="viewer", about=N_("customers, codes, vouchers, points, pushes"))
async def show_numbers(ctx: StaffContext, args: Stats) -> Answer:
    """From midnight of the brand's time zone, today included."""
    since = counts.first_day(ctx.now, DAYS[args.period], ctx._.zone)
    if args.by == "campaign":
        found = await counts.top_campaigns(ctx.work.reads, since, CAMPAIGNS + 1)
        more = len(found) > CAMPAIGNS
        card = views.campaigns_card(ctx._, args.period, found[:CAMPAIGNS], more=more, since=since, now=ctx.now)
        return Reply((card,), _periods(ctx, args))
    if args.by == "store":
        deeds = await counts.by_store(ctx.work.reads, since)
        more = len(deeds) > CAMPAIGNS
        card = views.stores_card(ctx._, args.period, deeds[:CAMPAIGNS], more=more, since=since, now=ctx.now)
        return Reply((card,), _periods(ctx, args))
    if args.by == "poster":
        brought = await posters.brought(ctx.work.reads, since, CAMPAIGNS + 1)
        title = ctx._("%(period)s by poster", period=views.period_name(ctx._, args.period))
        card = posters_card(
            ctx._, title, views.days_of(ctx._, since, ctx.now), brought[:CAMPAIGNS], more=len(brought) > CAMPAIGNS
        )
        return Reply((card,), _periods(ctx, args))
    days = DAYS[args.period]
    before = counts.first_day(ctx.now, max(2 * days, WEEK_BEFORE), ctx._.zone)
    redeemed = await counts.claims_by_day(ctx.work.reads, before, ctx.now)
    shown = list(redeemed.values())[-days:]
    picture = ""
    if days > 1:
        picture = ctx.services.charts.address(ctx.brand.public_url, since.date(), shown, ctx.now)
    usage = await ctx.services.allowance.usage(ctx.now)
    counted = await counts.read(ctx.work.reads, since, ctx.now)
    reminding = ctx.services.reminders
    budget = None
    if reminding.on and ctx.services.allowance.ask is not None:
        budget = await reminders.used(ctx.work.reads, reminding.month(ctx.now)), reminding.budget
    card = views.stats_card(
        ctx._,
        args.period,
        counted,
        usage,
        redeemed,
        since=since,
        now=ctx.now,
        vouchers=ctx.apis.gotit is not None,
        cards=ctx.apis.altegio is not None,
        line=ctx.services.allowance.ask is not None,
        wishes=await reminders.wishes(ctx.work.reads) if reminding.on else None,
        budget=budget,
        days=days,
        picture=picture,
    )
    codes = await counts.top_codes(ctx.work.reads, since, CODES)
    troubles = views.troubles_card(ctx._, counted.troubles[:TROUBLES], counted.held)
    messages: tuple[Message, ...] = (
        card,
        *((views.top_card(ctx._, codes),) if codes else ()),
        *((troubles,) if troubles else ()),
    )
    return Reply(messages, _periods(ctx, args, stores=await stores.are_there(ctx.work.reads)))


def _periods(ctx: StaffContext, args: Stats, *, stores: bool = False) -> tuple[Button, ...]:
    """Every period, and the other ways to look at this one. stores: whether the brand has any."""
    by = f" by={args.by}" if args.by else ""
    periods = tuple(
        button for period in DAYS for button in run_button(views.period_name(ctx._, period), f"/stats {period}{by}")
    )
    if args.by:
        # Translators: a button: the numbers of all campaigns together
        other = run_button(ctx._("All together"), f"/stats {args.period}")
    else:
        # Translators: a button: the numbers of each campaign
        other = run_button(ctx._("By campaign"), f"/stats {args.period} by=campaign")
        if stores:
            # Translators: a button: the numbers of each store
            other = (*other, *run_button(ctx._("By store"), f"/stats {args.period} by=store"))
        # Translators: a button: the numbers of each poster
        other = (*other, *run_button(ctx._("By poster"), f"/stats {args.period} by=poster"))
    return (*periods, *other, *run_button(ctx._("Status"), "/status"))

"""Codes that Poshen redeems for players: what is open, and finding out how it ended."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bot.apis.poshen import PoshenApi
from bot.conversation.context import Answer
from bot.conversation.messages import Button, Reply, Row, Text
from bot.i18n import N_
from bot.staff.arguments import Arguments, Keyed, Positional, ReceiptRef, line_of
from bot.staff.routes import Preview, StaffContext, StaffRouter
from bot.staff.scrubbing import scrubbed
from bot.staff.teaching import commands_button, run_button
from bot.storage import customers, redemptions
from bot.storage.customers import Customer
from bot.storage.redemptions import Redemption, RedemptionState
from handlers.admin import refusals
from handlers.admin.codes import poshen_of
from handlers.views import staff as views
from handlers.views.changes import change, shown_changed
from handlers.views.staff_redemptions import redemption_card, redemptions_card, settling_card, state_badges

admin = StaffRouter(N_("Codes redeemed at Poshen"))
admin.noun("redemption", N_("/redemption, /redemptions"))

PAGE = 8

Ref = Annotated[ReceiptRef, Positional(N_("the reference of a code's redemption"), example="R-7F3K9M")]


class ListRedemptions(Arguments):
    """Which ones, and which page of them."""

    which: Annotated[Literal["unknown", "all"], Positional(N_("which ones"), example="unknown")] = "all"
    page: Annotated[int, Keyed(N_("page"), example="2"), Field(ge=1, le=10_000)] = 1


class OneRedemption(Arguments):
    """Which one."""

    ref: Ref


class ResolveRedemption(Arguments):
    """How which one ended, and how that is known."""

    ref: Ref
    end: Annotated[Literal["ok", "failed"], Positional(N_("how it ended"), example="ok")]
    reason: Annotated[str, Keyed(N_("how you know"), words=N_("Poshen says so")), Field(min_length=2, max_length=200)]


@admin.command(
    "redemption list",
    ListRedemptions,
    role="manager",
    about=N_("codes that Poshen redeems, or only those of unknown outcome"),
)
async def list_redemptions(ctx: StaffContext, args: ListRedemptions) -> Answer:
    """Newest first, everybody's."""
    start, unknown = (args.page - 1) * PAGE, args.which == "unknown"
    found = await redemptions.newest(ctx.work.reads, only_open=unknown, limit=PAGE + 1, offset=start)
    if not found:
        text = ctx._("There is no code of unknown outcome.") if unknown else ctx._("Poshen has redeemed no code yet.")
        return Reply((Text(text),), commands_button(ctx._))
    shown = found[:PAGE]
    title = ctx._("Codes of unknown outcome") if unknown else ctx._("Codes redeemed at Poshen")
    details = tuple(button for each in shown for button in run_button(each.ref, f"/ref {each.ref}"))
    more = views.next_page(ctx._, "redemption list", args, len(found) > PAGE)
    return Reply((redemptions_card(ctx._, shown, title),), (*details, *more, *commands_button(ctx._)))


@admin.command("redemption retry", OneRedemption, role="manager", about=N_("ask Poshen again, for the same player"))
async def preview_retry(ctx: StaffContext, args: OneRedemption) -> Preview | Answer:
    """That it cannot be redeemed twice by that."""
    poshen_of(ctx)
    found = await _open(ctx, args.ref)
    if not isinstance(found, Redemption):
        return found
    text = ctx._("Poshen is asked again for the same player, so that %(ref)s is not redeemed twice.", ref=found.ref)
    # Translators: a button: ask the vendor again
    return Preview((Text(text),), label=ctx._("Ask again"), whom=found.ref)


@admin.performs("redemption retry")
async def retry(ctx: StaffContext, args: OneRedemption) -> Answer:
    """At once; a job is left behind in case this process dies over it."""
    poshen: PoshenApi = poshen_of(ctx)
    found = await _open(ctx, args.ref)
    if not isinstance(found, Redemption):
        return found
    await ctx.services.redeeming.reopen(await ctx.work.begin(), found)
    await ctx.work.save()
    asked = await ctx.services.redeeming.attempt(ctx.work.pool, poshen, found.id)
    ctx.notes.before, ctx.notes.after = found.state, asked.state
    if asked.open:
        ctx.notes.result = "unknown"
    elif asked.state is RedemptionState.FAILED:
        ctx.notes.result = "failed"
    return shown_changed(await receipt(ctx, asked), _states(ctx, found, asked))


@admin.command(
    "redemption resolve", ResolveRedemption, role="manager", about=N_("say how it ended, as Poshen's history shows it")
)
async def preview_settling(ctx: StaffContext, args: ResolveRedemption) -> Preview | Answer:
    """What the customer gets by it, and that they are told."""
    found = await _open(ctx, args.ref)
    if not isinstance(found, Redemption):
        return found
    if (own := await _own(ctx, found)) is not None:
        return own
    label = ctx._("It was redeemed") if args.end == "ok" else ctx._("It was not")
    return Preview((settling_card(ctx._, found, ok=args.end == "ok", reason=args.reason),), label=label, whom=found.ref)


@admin.performs("redemption resolve")
async def settle(ctx: StaffContext, args: ResolveRedemption) -> Answer:
    """For good: what has an end keeps it."""
    found = await _open(ctx, args.ref)
    if not isinstance(found, Redemption):
        return found
    if (own := await _own(ctx, found)) is not None:
        return own
    reason = f"{ctx.actor.name}: {scrubbed(args.reason)}"
    settled = await ctx.services.redeeming.resolve(await ctx.work.begin(), found, ok=args.end == "ok", reason=reason)
    if settled is None:
        ctx.notes.result = "refused"
        text = ctx._("Poshen is being asked about %(ref)s right now. Please look again in a minute.", ref=found.ref)
        return Reply((Text(text),), run_button(ctx._("Show"), f"/ref {found.ref}"))
    ctx.notes.before, ctx.notes.after = found.state, settled.state
    return shown_changed(await receipt(ctx, settled), _states(ctx, found, settled))


async def receipt(ctx: StaffContext, redemption: Redemption) -> Reply:
    """How one stands, whoever's it is, with what this member may do about it."""
    customer = await _note(ctx, redemption)
    card = redemption_card(ctx._, redemption, customer)
    decide: tuple[Button, ...] = ()
    if redemption.open and ctx.actor.may("manager"):
        decide = (
            *run_button(ctx._("Ask again"), f"/redemption retry {redemption.ref}"),
            # Translators: a button: the code was redeemed, as the vendor says
            *run_button(ctx._("It was redeemed"), _line(ctx, redemption.ref, "ok")),
            *run_button(ctx._("It was not"), _line(ctx, redemption.ref, "failed")),
        )
    look = run_button(ctx._("Look again"), f"/ref {redemption.ref}") if redemption.open else ()
    who = run_button(customer.ref, f"/who {customer.ref}") if customer else ()
    return Reply((card,), (*decide, *look, *who, *commands_button(ctx._)))


def _line(ctx: StaffContext, ref: str, end: Literal["ok", "failed"]) -> str:
    reason = ctx._("Poshen says so")
    return line_of("redemption resolve", ResolveRedemption(ref=ref, end=end, reason=reason))


def _states(ctx: StaffContext, before: Redemption, after: Redemption) -> Row:
    badges = state_badges(ctx._)
    return change(ctx._, ctx._("State"), badges[before.state].word, badges[after.state].word)


async def _open(ctx: StaffContext, typed: str) -> Redemption | Reply:
    """The one that is meant, if it is open; else what to say."""
    ref = typed.upper()
    found = await redemptions.by_ref(ctx.work.reads, ref)
    if found is None:
        ctx.notes.result = "not found"
        text = ctx._("There is no code's redemption %(ref)s.", ref=typed)
        return Reply((Text(text),), run_button(ctx._("All of them"), "/redemption list"))
    if not found.open:
        shown = await receipt(ctx, found)
        ctx.notes.result = "refused"
        return shown.after(Text(ctx._("%(ref)s is settled already, and stays as it is.", ref=ref)))
    await _note(ctx, found)
    return found


async def _own(ctx: StaffContext, redemption: Redemption) -> Reply | None:
    """Nobody decides about their own."""
    customer = await customers.by_id(ctx.work.reads, redemption.customer_id)
    if customer is None or not await ctx.services.linking.same_person(ctx.work.reads, ctx.customer, customer):
        return None
    return refusals.oneself(ctx, customer)


async def _note(ctx: StaffContext, redemption: Redemption) -> Customer | None:
    """Whose it is, for the trail and for the next `last`."""
    ctx.notes.ref = redemption.ref
    customer = await customers.by_id(ctx.work.reads, redemption.customer_id)
    if customer is not None:
        ctx.customer.state.last = ctx.notes.customer = customer.ref
    return customer

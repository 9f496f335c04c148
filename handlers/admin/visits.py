"""Visits: points for a customer who came by, counted by whoever stands before them."""

from __future__ import annotations

from typing import Annotated

from bot.conversation.context import Answer
from bot.conversation.messages import Reply, Text
from bot.errors import UserError
from bot.i18n import N_
from bot.services.visits import TooMany, TooSoon
from bot.staff.arguments import Arguments, Positional
from bot.staff.routes import Preview, StaffContext, StaffRouter
from bot.staff.teaching import commands_button, run_button
from bot.storage import customers
from bot.storage.customers import Customer
from bot.understanding import references
from handlers.admin import customers as topic
from handlers.admin import refusals
from handlers.admin.stores import whereabouts
from handlers.admin.vouchers import issuer_of
from handlers.views.changes import change, changed
from handlers.views.staff_customers import visit_card

admin = StaffRouter(topic.admin.topic)
admin.noun("visit", N_("/visit"))


class Visit(Arguments):
    """Whose: the one-time code that they show, or their number."""

    customer: Annotated[
        str, Positional(N_("the code that the customer shows"), example="K7PQ-4M2X", rest=True, audited="never")
    ]


@admin.command("visit", Visit, role="staff", counter=True, about=N_("points for a customer who came by"))
async def preview_visit(ctx: StaffContext, args: Visit) -> Preview | Answer:
    """Whose, how many points, and for which store."""
    if not ctx.brand.counts_visits:
        raise UserError(N_("Visits are not counted here: VISIT_POINTS is not set."))
    found = await _who(ctx, args.customer)
    if isinstance(found, Reply):
        return found
    customer, code_id = found
    if await ctx.services.linking.same_person(ctx.work.reads, ctx.customer, customer):
        return refusals.oneself(ctx, customer)
    visits = ctx.services.visits
    refusal = await visits.refusal(ctx.work.reads, customer, issuer_of(ctx.actor), ctx.now)
    if refusal is not None:
        return _refused(ctx, customer, refusal)
    place = await whereabouts(ctx, "visit", args, secret=code_id is not None)
    if isinstance(place, Reply):
        return place
    assert customer.id is not None, "it was found by its row"
    account = await ctx.services.points.balance(ctx.work.reads, customer.id)
    card = visit_card(ctx._, customer, account, visits.worth, place)
    seen = {"customer": customer.ref, "code": code_id, "store": place.store.id if place.store else None}
    # Translators: a button: a customer gets points for coming by
    return Preview((card,), label=ctx._("Count the visit"), whom=customer.ref, seen=seen)


@admin.performs("visit")
async def count_visit(ctx: StaffContext, _args: Visit) -> Answer:
    """Once for this customer within VISIT_HOURS, whoever else does it at the same moment."""
    assert ctx.confirmed is not None, "only a preview leads here"
    seen = ctx.confirmed.seen
    customer = await ctx.customer_of(seen["customer"])
    if customer is None or customer.id is None:
        return refusals.nobody(ctx, seen["customer"])
    if await ctx.services.linking.same_person(ctx.work.reads, ctx.customer, customer):
        return refusals.oneself(ctx, customer)
    connection = await ctx.work.begin()
    account = await ctx.services.visits.count(
        connection,
        customer,
        key=f"staff:{ctx.confirmed.key}",
        actor=issuer_of(ctx.actor),
        store_id=seen["store"],
        now=ctx.now,
    )
    if isinstance(account, TooSoon | TooMany):
        return _refused(ctx, customer, account)
    if seen["code"] is not None:
        await ctx.services.counter_codes.end(connection, seen["code"], ctx.now)
    worth = ctx.services.visits.worth
    before, after = account.available - worth, account.available
    ctx.notes.before, ctx.notes.after = str(before), str(after)
    said = changed(
        ctx._("The visit of %(customer)s is counted, and they are told.", customer=customer.ref),
        change(ctx._, ctx._("Points"), ctx._.number(before), ctx._.number(after)),
    )
    # Whoever may look for a customer by the code alone has no way to them afterwards.
    who = run_button(ctx._("Show"), f"/who {customer.ref}") if ctx.actor.may("staff") else ()
    return Reply((said,), (*who, *commands_button(ctx._)))


async def _who(ctx: StaffContext, typed: str) -> tuple[Customer, int | None] | Reply:
    """Who is meant, and the one-time code that said so; or what to answer instead."""
    ref = "last" if typed.strip().casefold() == "last" else references.read(typed, "CR")
    if ref is not None and not ctx.actor.may("staff"):
        ctx.notes.result = "refused"
        text = ctx._("With your role, a visit takes the code that the customer shows: [My code] on their overview.")
        return Reply((Text(text),), commands_button(ctx._))
    if ref is not None:
        customer = await ctx.customer_of(ref)
        return (customer, None) if customer and customer.id is not None else refusals.nobody(ctx, typed)
    codes, reads = ctx.services.counter_codes, ctx.work.reads
    tries = await codes.may_try(reads, ctx.customer.person, ctx.now)
    code = await codes.find(reads, typed, "person", ctx.happened_at) if tries else None
    owner = await customers.by_id(reads, code.customer_id) if code and code.customer_id is not None else None
    if code is None or owner is None:
        if tries:
            await codes.count_wrong(await ctx.work.begin(), ctx.customer.person, ctx.now)
        ctx.notes.result = "not found"
        text = ctx._("That code is worth nothing now: each works once, for five minutes. Ask for a new one.")
        return Reply((Text(text),), commands_button(ctx._))
    ctx.notes.customer = owner.ref
    if ctx.actor.may("staff"):
        ctx.customer.state.last = owner.ref
    return owner, code.id


def _refused(ctx: StaffContext, customer: Customer, why: TooSoon | TooMany) -> Reply:
    match why:
        case TooMany():
            ctx.notes.result = "refused: quota"
            text = ctx._("You have counted as many visits as a day allows. Somebody else can count this one.")
        case TooSoon(next_at=next_at):
            ctx.notes.result = "refused: already counted"
            text = ctx._(
                "A visit of %(customer)s is counted already. The next one counts from %(time)s on.",
                customer=customer.ref,
                time=ctx._.moment(next_at),
            )
    return Reply((Text(text),), commands_button(ctx._))

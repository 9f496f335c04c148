"""Customers who wait for a person: saying that one was helped."""

from __future__ import annotations

from typing import Annotated

from bot.conversation.context import Answer
from bot.conversation.messages import Reply, Text
from bot.i18n import N_
from bot.staff.arguments import Arguments, CustomerRef, Positional
from bot.staff.routes import Preview, StaffContext, StaffRouter
from bot.staff.teaching import commands_button, run_button
from bot.storage import customers
from bot.storage.customers import Customer
from handlers import human
from handlers.admin import refusals
from handlers.admin.customers import admin as customers_admin
from handlers.views.changes import change, changed

admin = StaffRouter(customers_admin.topic)
admin.noun("done", N_("/done, /helped"))


class Helped(Arguments):
    """Whom."""

    customer: Annotated[CustomerRef, Positional(N_("a customer"), example="C-8F3K2M")]


@admin.command("done", Helped, role="staff", about=N_("a customer who asked for a person was helped"), one_tap=True)
async def preview_closing(ctx: StaffContext, args: Helped) -> Preview | Answer:
    """Who waits, and since when."""
    customer = await ctx.customer_of(args.customer)
    if customer is None:
        return refusals.nobody(ctx, args.customer)
    waits = human.waiting(customer, ctx.now)
    if waits is None or "done_by" in waits:
        return await _close(ctx, customer)
    text = ctx._(
        "%(customer)s waits for a person since %(time)s. Then the bot answers them again.",
        customer=customer.ref,
        time=ctx._.moment(human.moment(waits["since"])),
    )
    return Preview((Text(text),), label=ctx._("Done"), whom=customer.ref, seen={"customer": customer.ref})


@admin.performs("done")
async def close(ctx: StaffContext, args: Helped) -> Answer:
    """Once: the bot answers them again. They are told nothing; they have just talked to somebody."""
    assert ctx.confirmed is not None, "only a preview leads here"
    customer = await ctx.customer_of(ctx.confirmed.seen["customer"])
    return await _close(ctx, customer) if customer else refusals.nobody(ctx, args.customer)


async def _close(ctx: StaffContext, customer: Customer) -> Answer:
    assert customer.id is not None, "it was found by its row"
    waits = human.waiting(customer, ctx.now)
    shows = run_button(ctx._("Wallet"), f"/gifts {customer.ref}")
    if waits is None:
        ctx.notes.result = "not found"
        text = ctx._("%(customer)s does not wait for a person.", customer=customer.ref)
        return Reply((Text(text),), (*shows, *commands_button(ctx._)))
    if not await _closed(ctx, customer):
        found = await customers.by_id(ctx.work.reads, customer.id)
        before = found.state.waits if found else None
        ctx.notes.result = "refused"
        text = ctx._("Somebody has closed it already.")
        if before and "done_by" in before:
            text = ctx._(
                "%(name)s has closed it at %(time)s.",
                name=before["done_by"],
                time=ctx._.moment(human.moment(before["done_at"])),
            )
        return Reply((Text(text),), (*shows, *commands_button(ctx._)))
    since = ctx._("waits for a person since %(time)s", time=ctx._.moment(human.moment(waits["since"])))
    ctx.notes.before, ctx.notes.after = "waits for a person", "done"
    text = ctx._("%(customer)s is helped. The bot answers them again.", customer=customer.ref)
    said = changed(text, change(ctx._, customer.ref, since, ctx._("done")))
    return Reply((said,), (*shows, *commands_button(ctx._)))


async def _closed(ctx: StaffContext, customer: Customer) -> bool:
    assert customer.id is not None, "it was found by its row"
    own = ctx.customer
    if customer.id != own.id:
        return await customers.close_wait(await ctx.work.begin(), customer.id, ctx.actor.name, ctx.now)
    if (waits := own.state.waits) is None or "done_by" in waits:  # Their own row is written with this answer.
        return False
    own.muted_until = None
    own.state.waits = {**waits, "done_by": ctx.actor.name, "done_at": ctx.now.timestamp()}
    return True

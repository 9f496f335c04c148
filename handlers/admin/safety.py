"""Safety: the guard against guessing, blocks, and maintenance."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from bot.conversation.context import Answer
from bot.conversation.messages import Card, Reply, Row, Text
from bot.i18n import N_
from bot.services.blocking import LONGEST
from bot.staff.arguments import Arguments, CustomerRef, Duration, Keyed, Positional, at_most
from bot.staff.routes import Preview, StaffContext, StaffRouter
from bot.staff.teaching import commands_button, run_button
from bot.storage import guesses, staff, switches
from bot.storage.customers import Customer
from handlers.views.changes import change, changed

admin = StaffRouter(N_("Safety"))
admin.noun("guard", N_("/guard"))
admin.noun("block", N_("/block, /ban"))
admin.noun("unblock", N_("/unblock, /unban"))
admin.noun("maint", N_("/maint, /maintenance"))


class RaiseGuard(Arguments):
    """For how long."""

    for_: Annotated[Duration, Keyed(N_("how long"), example="2h"), at_most(timedelta(days=7))] = timedelta(minutes=30)


class Block(Arguments):
    """Whom, for how long, why."""

    customer: Annotated[CustomerRef, Positional(N_("a customer"), example="C-8F3K2M")]
    duration: Annotated[Duration, Positional(N_("how long"), example="24h"), at_most(LONGEST)]
    reason: Annotated[str, Keyed(N_("why"), words=N_("guessing codes")), Field(min_length=2, max_length=200)]


class Unblock(Arguments):
    """Whom."""

    customer: Annotated[CustomerRef, Positional(N_("a customer"), example="C-8F3K2M")]


class CloseDesk(Arguments):
    """What customers are told meanwhile."""

    text: Annotated[
        str,
        Positional(N_("what customers are told"), words=N_("back at 10:00"), typical=True, rest=True),
        Field(max_length=300),
    ] = ""


# ── the guard ────────────────────────────────────────────────────────────────────────────────────


@admin.command("guard status", role="manager", about=N_("how much guessing there is"), aliases=("guard",))
async def show_guard(ctx: StaffContext, _args: Arguments) -> Answer:
    """Wrong codes of the last ten minutes, and whether the guard is raised."""
    _ = ctx._
    until = await guesses.guard_until(ctx.work.reads, ctx.now)
    misses, _people = await guesses.totals(ctx.work.reads, b"", ctx.now)
    card = Card(
        title=_("Guard against guessing"),
        rows=(Row(_("State"), _guard_text(ctx, until)), Row(_("Wrong codes in 10 minutes"), _.number(misses))),
        note=_("While it is raised, a code needs the word “redeem” before it, and two wrong ones bring a wait."),
    )
    change = run_button(_("Lower"), "/guard lower") if until else run_button(_("Raise"), "/guard raise")
    return Reply((card,), (*change, *commands_button(_)))


@admin.command("guard raise", RaiseGuard, role="manager", about=N_("make guessing harder for everybody"), one_tap=True)
async def preview_raising(ctx: StaffContext, args: RaiseGuard) -> Preview:
    """Until when, and what it means."""
    until = ctx._("raised until %(time)s", time=ctx._.moment(ctx.now + args.for_))
    # Translators: a button: raise the guard against guessing
    return Preview((_guard_card(ctx, until),), label=ctx._("Raise the guard"))


@admin.performs("guard raise")
async def raise_guard(ctx: StaffContext, args: RaiseGuard) -> Answer:
    """It lowers itself."""
    until, connection = ctx.now + args.for_, await ctx.work.begin()
    before = await guesses.guard_until(connection, ctx.now)
    await guesses.set_guard(connection, until)
    ctx.notes.after = _for_the_trail(ctx, until)
    text = ctx._("The guard is raised until %(time)s.", time=ctx._.moment(until))
    said = changed(text, change(ctx._, ctx._("State"), _guard_text(ctx, before), _guard_text(ctx, until)))
    # Translators: a button: lower the guard
    return Reply((said,), run_button(ctx._("Lower"), "/guard lower"))


@admin.command("guard lower", role="manager", about=N_("back to normal"), one_tap=True)
async def preview_lowering(ctx: StaffContext, _args: Arguments) -> Preview:
    """What it means."""
    # Translators: a button: lower the guard against guessing
    return Preview((_guard_card(ctx, _guard_text(ctx, None)),), label=ctx._("Lower the guard"))


@admin.performs("guard lower")
async def lower_guard(ctx: StaffContext, _args: Arguments) -> Answer:
    """If the guessing goes on, it raises itself again."""
    connection = await ctx.work.begin()
    before = await guesses.guard_until(connection, ctx.now)
    await guesses.set_guard(connection, None)
    ctx.notes.after = "lowered"
    text = ctx._("The guard is lowered. If the guessing goes on, it raises itself again.")
    said = changed(text, change(ctx._, ctx._("State"), _guard_text(ctx, before), _guard_text(ctx, None)))
    return Reply((said,), run_button(ctx._("State"), "/guard status"))


def _guard_card(ctx: StaffContext, then: str) -> Card:
    _ = ctx._
    note = _("While it is raised, a code needs the word “redeem” before it, and two wrong ones bring a wait.")
    return Card(title=_("Guard against guessing"), rows=(Row(_("Then"), then),), note=note)


def _guard_text(ctx: StaffContext, until: datetime | None) -> str:
    return ctx._("raised until %(time)s", time=ctx._.moment(until)) if until else ctx._("not raised")


# ── blocks ───────────────────────────────────────────────────────────────────────────────────────


@admin.command("block", Block, role="manager", about=N_("stop serving a customer for a while"))
async def preview_block(ctx: StaffContext, args: Block) -> Preview | Answer:
    """Whom, and until when."""
    customer = await ctx.customer_of(args.customer)
    if customer is None or await _is_staff(ctx, customer):
        return _cannot(ctx, args.customer, customer)
    text = ctx._(
        "%(customer)s will not be served until %(time)s. They are told once, without the reason.",
        customer=customer.ref,
        time=ctx._.moment(ctx.now + args.duration),
    )
    return Preview((Text(text),), label=ctx._("Block"), whom=customer.ref, seen={"customer": customer.ref})


@admin.performs("block")
async def block(ctx: StaffContext, args: Block) -> Answer:
    """From their next message on; deleting their data does not end it."""
    assert ctx.confirmed is not None, "only a preview leads here"
    customer = await ctx.customer_of(ctx.confirmed.seen["customer"])
    if customer is None or await _is_staff(ctx, customer):
        return _cannot(ctx, args.customer, customer)
    until, connection = ctx.now + args.duration, await ctx.work.begin()
    before = await ctx.services.blocking.of(connection, customer, ctx.now)
    await ctx.services.blocking.block(
        connection, customer, until=until, reason=args.reason, by=ctx.actor.name, now=ctx.now
    )
    ctx.notes.after = _for_the_trail(ctx, until)
    text = ctx._("%(customer)s is blocked until %(time)s.", customer=customer.ref, time=ctx._.moment(until))
    standing = _block_text(ctx, before.until if before else None), _block_text(ctx, until)
    said = changed(text, change(ctx._, customer.ref, *standing))
    # Translators: a button: serve a customer again
    return Reply((said,), run_button(ctx._("Unblock"), f"/unblock {customer.ref}"))


@admin.command("unblock", Unblock, role="manager", about=N_("serve a customer again"), one_tap=True)
async def preview_unblocking(ctx: StaffContext, args: Unblock) -> Preview | Answer:
    """Whom, and how they stand."""
    customer = await ctx.customer_of(args.customer)
    if customer is None:
        return _cannot(ctx, args.customer, None)
    before = await ctx.services.blocking.of(ctx.work.reads, customer, ctx.now)
    standing = change(ctx._, customer.ref, _block_text(ctx, before.until if before else None), _block_text(ctx, None))
    said = changed(ctx._("%(customer)s will be served again.", customer=customer.ref), standing)
    return Preview((said,), label=ctx._("Unblock"), whom=customer.ref, seen={"customer": customer.ref})


@admin.performs("unblock")
async def unblock(ctx: StaffContext, args: Unblock) -> Answer:
    """From their next message on."""
    assert ctx.confirmed is not None, "only a preview leads here"
    customer = await ctx.customer_of(ctx.confirmed.seen["customer"])
    if customer is None:
        return _cannot(ctx, args.customer, None)
    connection = await ctx.work.begin()
    before = await ctx.services.blocking.of(connection, customer, ctx.now)
    said = Text(ctx._("%(customer)s was not blocked.", customer=customer.ref))
    if await ctx.services.blocking.unblock(connection, customer):
        standing = _block_text(ctx, before.until if before else None), _block_text(ctx, None)
        text = ctx._("%(customer)s is served again.", customer=customer.ref)
        said = changed(text, change(ctx._, customer.ref, *standing))
    return Reply((said,), run_button(ctx._("Show"), f"/who {customer.ref}"))


def _block_text(ctx: StaffContext, until: datetime | None) -> str:
    return ctx._("blocked until %(time)s", time=ctx._.moment(until)) if until else ctx._("is served")


async def _is_staff(ctx: StaffContext, customer: Customer) -> bool:
    channel, user_id = customer.channel, customer.person.rsplit(":", 1)[-1]
    stored = await staff.find(ctx.work.reads, channel, user_id)
    return ctx.services.staffing.actor(stored, channel, user_id, ctx.now) is not None


def _for_the_trail(ctx: StaffContext, until: datetime) -> str:
    """As the trail's own times are shown: where the brand is."""
    return f"{until.astimezone(ctx._.zone):%Y-%m-%d %H:%M}"


def _cannot(ctx: StaffContext, typed: str, customer: Customer | None) -> Answer:
    ctx.notes.result = "refused"
    if customer is None:
        return Reply((Text(ctx._("There is no customer %(customer)s.", customer=typed)),))
    text = ctx._("%(customer)s is staff. Take their rights away first.", customer=customer.ref)
    return Reply((Text(text),), run_button(ctx._("List staff"), "/admins"))


# ── maintenance ──────────────────────────────────────────────────────────────────────────────────


@admin.command("maint on", CloseDesk, role="owner", about=N_("close the desk for customers"))
async def preview_closing(ctx: StaffContext, args: CloseDesk) -> Preview:
    """Say what customers will be told."""
    return Preview((_closing_card(ctx, args),), label=ctx._("Close the desk"))


@admin.performs("maint on")
async def close_desk(ctx: StaffContext, args: CloseDesk) -> Answer:
    """From the next event on, customers are told this instead of being answered."""
    connection = await ctx.work.begin()
    was_on = await switches.state(connection, switches.MAINTENANCE) is not None
    ctx.notes.before, ctx.notes.after = "on" if was_on else "off", "on"
    await switches.put(connection, switches.MAINTENANCE, {"text": args.text}, ctx.actor.name, ctx.now)
    text = ctx._("Maintenance is on. Customers are told so; staff commands keep working.")
    return Reply((changed(text, _maintenance(ctx, was_on, True)),), run_button(ctx._("Open the desk"), "/maint off"))


@admin.command("maint off", role="owner", about=N_("open the desk again"), one_tap=True)
async def preview_opening(ctx: StaffContext, _args: Arguments) -> Preview:
    """What it means."""
    text = ctx._("Maintenance ends, and customers are answered again.")
    # Translators: a button: end the maintenance
    return Preview((Text(text),), label=ctx._("Open the desk"))


@admin.performs("maint off")
async def open_desk(ctx: StaffContext, _args: Arguments) -> Answer:
    """Customers are answered again."""
    was_on = await switches.remove(await ctx.work.begin(), switches.MAINTENANCE)
    ctx.notes.before, ctx.notes.after = "on" if was_on else "off", "off"
    text = ctx._("Maintenance is off. Customers are answered again.")
    return Reply((changed(text, _maintenance(ctx, was_on, False)),))


def _maintenance(ctx: StaffContext, *states: bool) -> Row:
    before, after = (ctx._("on") if on else ctx._("off") for on in states)
    return change(ctx._, ctx._("Maintenance"), before, after)


def _closing_card(ctx: StaffContext, args: CloseDesk) -> Card:
    _ = ctx._
    usual = _("We are closed for maintenance right now. A code you send is not used up: please send it again later.")
    return Card(
        title=_("Close the desk for all customers?"),
        rows=(Row(_("They are told"), args.text or usual),),
        note=_("What they write meanwhile is answered with this and not kept; nothing is redeemed."),
    )

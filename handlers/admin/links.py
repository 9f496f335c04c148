"""Links: one-time codes for customers who stand at the counter, and taking a link away."""

from __future__ import annotations

from typing import Annotated

from bot.conversation.context import Answer
from bot.conversation.messages import Reply, Text
from bot.errors import UserError
from bot.i18n import N_
from bot.services.linking import CODE_LIVES, CODES_A_DAY, CODES_A_DAY_AT_THE_COUNTER, masked
from bot.staff.arguments import Arguments, CustomerRef, Positional
from bot.staff.routes import Preview, StaffContext, StaffRouter
from bot.staff.teaching import commands_button, run_button
from handlers.admin import refusals
from handlers.admin.stores import whereabouts
from handlers.admin.vouchers import issuer_of
from handlers.views.changes import change, changed
from handlers.views.staff_customers import link_text
from handlers.views.staff_links import code_card

admin = StaffRouter(N_("Phone links"))
admin.noun("link", N_("/link"))
admin.noun("unlink", N_("/unlink"))


class Phone(Arguments):
    """Whose phone; the trail never holds it."""

    phone: Annotated[str, Positional(N_("the customer's phone"), example="0912345678", rest=True, audited="never")]


class Unlink(Arguments):
    """Whose link."""

    customer: Annotated[CustomerRef, Positional(N_("a customer"), example="C-8F3K2M")]


@admin.command(
    "link new",
    Phone,
    role="staff",
    counter=True,
    about=N_("a code that links the phone of who stands before you"),
    one_tap=True,
)
async def preview_code(ctx: StaffContext, args: Phone) -> Preview | Answer:
    """Whose phone: a customer's own line could name somebody else's."""
    phone = masked(_phone(ctx, args))
    place = await whereabouts(ctx, "link new", args)
    if isinstance(place, Reply):
        return place
    text = ctx._(
        "Whoever types this code has %(phone)s linked and sees its gift cards. Only for the customer before you, whose "
        "phone you have looked at.",
        phone=phone,
    )
    # Translators: a button: make a one-time code for a phone, whose last digits follow
    seen = {"store": place.store.id if place.store else None}
    return Preview((Text(text),), label=ctx._("Make a code"), whom=phone[-3:], seen=seen)


@admin.performs("link new")
async def make_code(ctx: StaffContext, args: Phone) -> Answer:
    """Looked at in person, read out, typed by the customer: nothing less proves whose phone it is."""
    assert ctx.confirmed is not None, "only a preview leads here"
    phone = _phone(ctx, args)
    a_day = CODES_A_DAY if ctx.actor.may("staff") else CODES_A_DAY_AT_THE_COUNTER
    code = await ctx.services.linking.new_code(
        await ctx.work.begin(),
        phone,
        staff=issuer_of(ctx.actor),
        now=ctx.now,
        a_day=a_day,
        store_id=ctx.confirmed.seen.get("store"),
    )
    if code is None:
        ctx.notes.result = "refused: quota"
        text = ctx._("You have made %(n)s codes within a day. Somebody else can make the next one.", n=a_day)
        return Reply((Text(text),), commands_button(ctx._))
    until = ctx._("one, good until %(time)s", time=ctx._.time(ctx.now + CODE_LIVES))
    made = change(ctx._, ctx._("Link code"), ctx._("none, or an older one"), until)
    return Reply((code_card(ctx._, code, masked(phone), made),), commands_button(ctx._), valuable=True)


@admin.command("link cancel", Phone, role="staff", about=N_("end the code of a phone"), one_tap=True)
async def preview_cancelling(ctx: StaffContext, args: Phone) -> Preview:
    """Whose; whether there is a code is told afterwards."""
    phone = masked(_phone(ctx, args))
    text = ctx._("The code for %(phone)s will be worth nothing. A link that exists stays.", phone=phone)
    # Translators: a button: end the one-time code of a phone, whose last digits follow
    return Preview((Text(text),), label=ctx._("End the code"), whom=phone[-3:])


@admin.performs("link cancel")
async def cancel_code(ctx: StaffContext, args: Phone) -> Answer:
    """Whoever made it; a link that exists stays."""
    phone = _phone(ctx, args)
    if await ctx.services.linking.cancel_code(await ctx.work.begin(), phone, ctx.now):
        text = ctx._("The code for %(phone)s is cancelled.", phone=masked(phone))
        said = changed(text, change(ctx._, ctx._("Link code"), ctx._("could be used"), ctx._("none")))
    else:
        ctx.notes.result = "not found"
        said = Text(ctx._("There is no code for %(phone)s.", phone=masked(phone)))
    return Reply((said,), commands_button(ctx._))


@admin.command("unlink", Unlink, role="manager", about=N_("take the link to a phone away"))
async def preview_unlinking(ctx: StaffContext, args: Unlink) -> Preview | Answer:
    """Whose, and how it was proven."""
    customer = await ctx.customer_of(args.customer)
    link = await ctx.services.linking.linked(ctx.work.reads, customer.id, ctx.now) if customer and customer.id else None
    if link is None or customer is None:
        return _no_link(ctx, customer.ref) if customer else refusals.nobody(ctx, args.customer)
    text = ctx._(
        "%(customer)s: %(link)s. They will not see their gift cards any more until they link a phone again, and are "
        "told so. Balances stay as they are.",
        customer=customer.ref,
        link=link_text(ctx._, link),
    )
    # Translators: a button: take the link to a phone away
    return Preview((Text(text),), label=ctx._("Unlink"), whom=customer.ref, seen={"customer": customer.ref})


@admin.performs("unlink")
async def unlink(ctx: StaffContext, args: Unlink) -> Answer:
    """At once; the customer is told."""
    assert ctx.confirmed is not None, "only a preview leads here"
    customer = await ctx.customer_of(ctx.confirmed.seen["customer"])
    if customer is None or customer.id is None:
        return refusals.nobody(ctx, args.customer)
    connection = await ctx.work.begin()
    link = await ctx.services.linking.linked(connection, customer.id, ctx.now)
    if not await ctx.services.linking.revoke(connection, customer.id, key=ctx.confirmed.key):
        return _no_link(ctx, customer.ref)
    ctx.notes.before, ctx.notes.after = "linked", "not linked"
    text = ctx._("%(customer)s is unlinked, and has been told.", customer=customer.ref)
    said = changed(text, change(ctx._, ctx._("Phone"), link_text(ctx._, link), link_text(ctx._, None)))
    return Reply((said,), run_button(ctx._("Show"), f"/who {customer.ref}"))


def _phone(ctx: StaffContext, args: Phone) -> str:
    """E.164 digits of what was typed. Raises UserError, which does not repeat it."""
    if ctx.apis.altegio is None:
        raise UserError(N_("Gift cards are switched off here: Altegio's settings are not set."))
    phone = ctx.services.linking.phone(args.phone)
    if phone is None:
        raise UserError(
            N_("That is no phone number. Example: /link new 0912345678, or with its country: +886912345678")
        )
    return phone


def _no_link(ctx: StaffContext, ref: str) -> Answer:
    ctx.notes.result = "not found"
    text = ctx._("%(customer)s has no linked phone.", customer=ref)
    return Reply((Text(text),), run_button(ctx._("Show"), f"/who {ref}"))

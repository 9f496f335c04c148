"""What several commands cannot do, said the same way."""

from __future__ import annotations

from bot.conversation.messages import Reply, Text
from bot.staff.routes import StaffContext
from bot.staff.teaching import commands_button
from bot.storage.customers import Customer


def nobody(ctx: StaffContext, typed: str) -> Reply:
    """There is no such customer (any more)."""
    ctx.notes.result = "not found"
    text = ctx._("There is no customer %(customer)s.", customer=typed)
    return Reply((Text(text),), commands_button(ctx._))


def oneself(ctx: StaffContext, customer: Customer) -> Reply:
    """Nobody gives anything of value to themself."""
    ctx.notes.result = "refused"
    text = ctx._("%(customer)s is you. Somebody else of the staff has to do this.", customer=customer.ref)
    return Reply((Text(text),), commands_button(ctx._))

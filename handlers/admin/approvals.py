"""The second person: what one member of staff has confirmed and another has to agree to."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from bot.conversation.context import Answer
from bot.conversation.messages import SILENCE, Message, Reply, Text
from bot.errors import UpstreamError, UserError
from bot.i18n import N_
from bot.services.staffing import Actor, role_word
from bot.services.trail import UNDONE, Notes
from bot.staff.arguments import ApprovalRef, Arguments, Positional
from bot.staff.routes import Confirmed, Preview, StaffContext, StaffRouter
from bot.staff.scrubbing import audited_line
from bot.staff.teaching import commands_button
from bot.storage import approvals, staff
from bot.storage.approvals import Approval

admin = StaffRouter(N_("Staff"))
admin.noun("approve", N_("/approve, /agree"))


class Approve(Arguments):
    """What waits."""

    ref: Annotated[ApprovalRef, Positional(N_("what waits for a second person"), example="A-7F3K9M")]


@admin.command("approve", Approve, role="manager", about=N_("agree to what somebody else confirmed"))
async def preview_approval(ctx: StaffContext, args: Approve) -> Preview | Answer:
    """What it would do, and who asks."""
    found = await approvals.waiting(ctx.work.reads, args.ref.upper(), ctx.now)
    if found is None or (refusal := await _refusal(ctx, found)):
        return _refused(ctx, refusal if found else ctx._("Nothing waits under %(ref)s (any more).", ref=args.ref))
    ctx.notes.target = _line(ctx, found)
    asks = ctx._("%(name)s asks you to agree:", name=found.requester)
    # Translators: a button: agree to what somebody else asks for
    return Preview((Text(asks), *await _wish(ctx, found)), label=ctx._("Agree"), whom=found.ref)


@admin.performs("approve")
async def approve(ctx: StaffContext, args: Approve) -> Answer:
    """Do it, exactly as it was confirmed first; whoever asked is told."""
    assert ctx.confirmed is not None, "only a preview leads here"
    ref = args.ref.upper()
    agreed = await approvals.approve(
        await ctx.work.begin(), ref, approver=ctx.actor.name, key=ctx.confirmed.key, now=ctx.now
    )
    if agreed is None or (refusal := await _refusal(ctx, agreed)):
        await ctx.work.end(commit=False)
        return _refused(ctx, refusal if agreed else ctx._("Nothing waits under %(ref)s (any more).", ref=args.ref))
    command = ctx.commands.commands[agreed.command]
    assert command.perform is not None, "only what is performed is asked about"
    arguments = command.arguments.model_validate(agreed.arguments)
    await ctx.work.save()  # What follows may ask a vendor; the same turn finds its own agreement again.
    try:
        answer = await command.perform(replace(ctx, confirmed=Confirmed(agreed.key, agreed.seen)), arguments)
    except (UpstreamError, UserError):  # It passes, and the agreement must not be used up by it.
        await ctx.work.end(commit=False)
        await approvals.give_back(await ctx.work.begin(), ref, key=ctx.confirmed.key)
        await ctx.work.save()
        raise
    finally:
        ctx.notes.target = _line(ctx, agreed)
    if ctx.notes.result.startswith("refused"):  # Nothing was done; later, or if somebody else agrees, it may be.
        await approvals.give_back(await ctx.work.begin(), ref, key=ctx.confirmed.key)
    await _tell_asker(ctx, agreed)
    return answer


async def _tell_asker(ctx: StaffContext, agreed: Approval) -> None:
    """In their own language, with a button to what came of it."""
    assert ctx.confirmed is not None, "only what was agreed to is told"
    asker = await staff.by_id(ctx.work.reads, agreed.staff_id) if agreed.staff_id is not None else None
    if asker is None:
        return
    told = N_("%(name)s agreed to %(ref)s: %(line)s")
    if ctx.notes.result.startswith(UNDONE):
        told = N_("%(name)s agreed to %(ref)s, but it could not be done: %(line)s")
    came = ctx.notes.ref or ""
    shows = {"J": f"/job show {came}", "R": f"/ref {came}"}.get(came[:1])
    await ctx.services.alerts.tell_member(
        await ctx.work.begin(),
        asker,
        f"approved:{agreed.ref}:{ctx.confirmed.key}",  # It may be agreed to again, when this time it was in vain.
        told,
        runs=((N_("Show"), shows),) if shows else (),
        name=ctx.actor.name,
        ref=agreed.ref,
        line=ctx.notes.target,
    )


async def _refusal(ctx: StaffContext, found: Approval) -> str:
    """Why this person may not agree to this; empty when they may."""
    if found.staff_id == ctx.actor.id:
        return ctx._("You asked for it yourself; somebody else has to agree.")
    command = ctx.commands.commands[found.command]
    if not command.open_to(ctx.actor.role):
        return ctx._(
            "This command needs %(needed)s, and you are %(role)s.",
            needed=role_word(ctx._, command.role),
            role=role_word(ctx._, ctx.actor.role),
        )
    asker = await _asker(ctx, found)
    if asker is None or not command.open_to(asker.role):
        return ctx._("%(name)s may not do this any more.", name=found.requester)
    return ""


async def _asker(ctx: StaffContext, found: Approval) -> Actor | None:
    """Who asks, with the rights they have now."""
    if found.staff_id is None:
        return Actor(None, found.requester, "owner", ctx.actor.channel)
    asker = await staff.by_id(ctx.work.reads, found.staff_id)
    return ctx.services.staffing.actor(asker, asker.channel, asker.user_id, ctx.now) if asker else None


async def _wish(ctx: StaffContext, found: Approval) -> tuple[Message, ...]:
    """What it would do, in the language of whoever agrees; as its asker was told it, where that has changed."""
    command, asker = ctx.commands.commands[found.command], await _asker(ctx, found)
    assert asker is not None, "else it is refused"
    arguments = command.arguments.model_validate(found.arguments)
    try:
        said = await command.handler(replace(ctx, actor=asker, notes=Notes()), arguments)
    except (UpstreamError, UserError):
        said = SILENCE
    return said.messages if isinstance(said, Preview) and said.seen == found.seen else (Text(found.summary),)


def _line(ctx: StaffContext, found: Approval) -> str:
    """The command that waits, as the trail holds it."""
    model = ctx.commands.commands[found.command].arguments
    return audited_line(found.command, model.model_validate(found.arguments))


def _refused(ctx: StaffContext, text: str) -> Answer:
    ctx.notes.result = "refused"
    return Reply((Text(text),), commands_button(ctx._))

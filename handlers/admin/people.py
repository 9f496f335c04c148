"""People: who is staff, how somebody becomes it, and how they stop being it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.conversation.context import Answer, Context
from bot.conversation.messages import Reply, Text
from bot.errors import UserError
from bot.i18n import N_
from bot.services.linking import read_code
from bot.services.staffing import (
    INVITATION_LIVES,
    Actor,
    Changed,
    FromSettings,
    LastOwner,
    NameTaken,
    NoSuchMember,
    Role,
    read_name,
    role_word,
)
from bot.staff.arguments import Arguments, Keyed, Positional
from bot.staff.routes import Preview, StaffContext, StaffRouter
from bot.staff.teaching import commands_button, run_button
from bot.storage import staff
from handlers.views import staff as views
from handlers.views.changes import change, changed

admin = StaffRouter(N_("Staff"))
admin.noun("admins", N_("/admins, /staff, /people"))

PAGE = 8
WRONG_AN_HOUR = 5

RoleName = Annotated[Role, Positional(N_("the role"), example="staff")]
Name = Annotated[str, Positional(N_("a member's name"), example="amy", look_up=(N_("List staff"), "/admins"))]


class Claim(Arguments):
    """The code of the setting."""

    code: Annotated[str, Positional(N_("the code"), audited="never")]


class Join(Arguments):
    """An invitation, and what one wants to be called."""

    code: Annotated[str, Positional(N_("the code"), audited="never")]
    name: Annotated[str, Positional(N_("what you want to be called"), rest=True)] = ""


class ListStaff(Arguments):
    """Which page."""

    page: Annotated[int, Keyed(N_("page"), example="2"), Field(ge=1, le=1000)] = 1


class Invite(Arguments):
    """What they will be."""

    role: RoleName


class ChangeRole(Arguments):
    """Who becomes what."""

    name: Name
    role: RoleName


class Remove(Arguments):
    """Who."""

    name: Name


# ── becoming staff ───────────────────────────────────────────────────────────────────────────────


@admin.entry("claim", Claim)
async def claim(ctx: Context, args: Claim) -> tuple[Actor, Answer] | None:
    """The first owner, with the code that only the operator knows; once ever."""
    chat = ctx.incoming.chat
    if chat is None or not ctx.services.staffing.right_code(args.code):
        return None
    connection = await ctx.work.begin()
    member = await ctx.services.staffing.claim(connection, chat.channel, chat.id, chat.key, ctx.now)
    if member is None:
        await ctx.work.end(commit=False)
        return None
    return _welcome(ctx, member)


@admin.entry("join", Join)
async def join(ctx: Context, args: Join) -> tuple[Actor, Answer] | None:
    """With an invitation. After five wrong ones within the hour, none is looked at."""
    chat, code = ctx.incoming.chat, read_code(args.code)
    since, tries = ctx.customer.state.joins or (0.0, 0)
    if ctx.now.timestamp() - since >= 3600:
        since, tries = ctx.now.timestamp(), 0
    if chat is None or code is None or tries >= WRONG_AN_HOUR:
        return None
    connection = await ctx.work.begin()
    joined = await ctx.services.staffing.join(
        connection,
        code,
        read_name(args.name),
        chat.channel,
        chat.id,
        chat.key,
        ctx.now,
        happened_at=ctx.happened_at,
    )
    if isinstance(joined, NameTaken):
        raise UserError(N_("Somebody is called that already. Send the same line again with another name."))
    if joined is None:
        await ctx.work.end(commit=False)
        ctx.customer.state.joins = (since, tries + 1)
        return None
    return _welcome(ctx, joined)


def _welcome(ctx: Context, member: staff.Member) -> tuple[Actor, Answer]:
    ctx.reappointed.add(member.person)
    actor = Actor(member.id, member.name, ctx.services.staffing.role_of(member), member.channel)
    text = ctx._(
        "Welcome, %(name)s. You are %(role)s now. Type / to see what you can do.",
        name=actor.name,
        role=role_word(ctx._, actor.role),
    )
    return actor, Reply((Text(text),), commands_button(ctx._), valuable=True)


# ── looking after staff ──────────────────────────────────────────────────────────────────────────


@admin.command("admins", ListStaff, role="owner", about=N_("who is staff"))
async def list_staff(ctx: StaffContext, args: ListStaff) -> Answer:
    """Everybody, with their role and when they were last here."""
    everybody = await staff.everybody(ctx.work.reads)
    shown = everybody[(args.page - 1) * PAGE : args.page * PAGE]
    card = views.members_card(ctx._, shown, ctx.services.staffing, ctx.now, total=len(everybody))
    more = views.next_page(ctx._, "admins", args, len(everybody) > args.page * PAGE)
    removals = tuple(
        button
        for member in shown
        if member.id != ctx.actor.id and not ctx.services.staffing.settled(member)
        # Translators: a button: take away the rights of a member
        for button in run_button(ctx._("Remove %(name)s", name=member.name), f"/admins remove {member.name}")
    )
    invite = run_button(ctx._("Invite staff"), "/admins invite staff")
    return Reply((card,), (*more, *removals, *invite, *commands_button(ctx._)))


@admin.command("admins invite", Invite, role="owner", about=N_("invite somebody with a one-time code"), one_tap=True)
async def preview_invitation(ctx: StaffContext, args: Invite) -> Preview:
    """What it would make of somebody."""
    role = role_word(ctx._, args.role)
    text = ctx._("A line that makes one person %(role)s, whoever sends it to me first within 30 minutes.", role=role)
    # Translators: a button: make an invitation to be one of the staff; the role follows
    return Preview((Text(text),), label=ctx._("Invite"), whom=role)


@admin.performs("admins invite")
async def invite(ctx: StaffContext, args: Invite) -> Answer:
    """A code to be handed on in person; whoever types it first is staff."""
    code = await ctx.services.staffing.invite(await ctx.work.begin(), args.role, ctx.actor, ctx.now)
    ctx.notes.target = args.role
    text = ctx._(
        "This makes one person %(role)s, once and within 30 minutes. They send me in a private chat, with a name of "
        "their choice after it if they like:",
        role=role_word(ctx._, args.role),
    )
    until = ctx._("one, good until %(time)s", time=ctx._.time(ctx.now + INVITATION_LIVES))
    said = changed(text, change(ctx._, ctx._("Invitation"), ctx._("none"), until))
    return Reply((said, Text(f"/join {code}")), run_button(ctx._("List staff"), "/admins"), valuable=True)


@admin.command("admins role", ChangeRole, role="owner", about=N_("give somebody another role"))
async def preview_role(ctx: StaffContext, args: ChangeRole) -> Preview | Answer:
    """From what to what."""
    loses = args.role != "owner"
    member = await ctx.services.staffing.changeable(ctx.work.reads, args.name, ctx.now, loses_owner=loses)
    if not isinstance(member, staff.Member):
        return _refused(ctx, args.name, member)
    ctx.notes.target = member.name
    before, suspended = ctx.services.staffing.role_of(member), ctx.services.staffing.suspended(member, ctx.now)
    if before == args.role and not suspended:
        text = ctx._("%(name)s is %(role)s already.", name=member.name, role=role_word(ctx._, before))
        return Reply((Text(text),), run_button(ctx._("List staff"), "/admins"))
    text = ctx._(
        "%(name)s will be %(after)s instead of %(before)s.",
        name=member.name,
        after=role_word(ctx._, args.role),
        before=role_word(ctx._, before),
    )
    if before == args.role:
        text = ctx._("%(name)s gets back their rights as %(role)s.", name=member.name, role=role_word(ctx._, before))
    return Preview((Text(text),), label=ctx._("Change it"), whom=member.name)


@admin.performs("admins role")
async def change_role(ctx: StaffContext, args: ChangeRole) -> Answer:
    """It counts from their next message on."""
    done = await ctx.services.staffing.change_role(await ctx.work.begin(), args.name, args.role, ctx.now)
    if not isinstance(done, Changed):
        return _refused(ctx, args.name, done)
    ctx.reappointed.add(done.before.person)
    ctx.notes.target, ctx.notes.before, ctx.notes.after = done.before.name, done.before.role, args.role
    text = ctx._("%(name)s is %(role)s now.", name=done.before.name, role=role_word(ctx._, args.role))
    roles = role_word(ctx._, done.before.role), role_word(ctx._, args.role)
    return Reply((changed(text, change(ctx._, ctx._("Role"), *roles)),), run_button(ctx._("List staff"), "/admins"))


@admin.command("admins remove", Remove, role="owner", about=N_("take somebody's rights away"))
async def preview_removal(ctx: StaffContext, args: Remove) -> Preview | Answer:
    """Whom."""
    member = await ctx.services.staffing.changeable(ctx.work.reads, args.name, ctx.now, loses_owner=True)
    if not isinstance(member, staff.Member):
        return _refused(ctx, args.name, member)
    ctx.notes.target = member.name
    text = ctx._(
        "%(name)s (%(role)s) will lose all staff rights at once.",
        name=member.name,
        role=role_word(ctx._, ctx.services.staffing.role_of(member)),
    )
    # Translators: a button: take away a member's rights
    return Preview((Text(text),), label=ctx._("Remove"), whom=member.name)


@admin.performs("admins remove")
async def remove(ctx: StaffContext, args: Remove) -> Answer:
    """Their next message is a customer's."""
    done = await ctx.services.staffing.remove(await ctx.work.begin(), args.name, ctx.now)
    if not isinstance(done, Changed):
        return _refused(ctx, args.name, done)
    ctx.reappointed.add(done.before.person)
    ctx.notes.target, ctx.notes.before, ctx.notes.after = done.before.name, done.before.role, "none"
    text = ctx._("%(name)s is no longer staff.", name=done.before.name)
    said = changed(text, change(ctx._, ctx._("Role"), role_word(ctx._, done.before.role), ctx._("none")))
    return Reply((said,), run_button(ctx._("List staff"), "/admins"))


def _refused(ctx: StaffContext, name: str, why: NoSuchMember | LastOwner | FromSettings) -> Answer:
    ctx.notes.result = "refused"
    match why:
        case NoSuchMember():
            return nobody(ctx, name)
        case LastOwner():
            text = ctx._("%(name)s is the last owner. Make somebody else an owner first.", name=name)
        case FromSettings():
            text = ctx._("%(name)s is an owner by the ADMINS setting; only the operator can change that.", name=name)
    return Reply((Text(text),), run_button(ctx._("List staff"), "/admins"))


def nobody(ctx: StaffContext, name: str) -> Answer:
    """There is no member of this name."""
    ctx.notes.result = "refused"
    text = ctx._("Nobody here is called %(name)s.", name=name)
    return Reply((Text(text),), run_button(ctx._("List staff"), "/admins"))

"""Campaign groups: what the brand decides about Poshen's groups, which know neither caps nor ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field

from bot.conversation.context import Answer
from bot.conversation.messages import Button, Card, Reply, Row, Text
from bot.errors import UpstreamError
from bot.i18n import N_
from bot.staff.arguments import Arguments, DayOrNone, Flag, Keyed, Number, NumberOrNone, Positional, line_of
from bot.staff.routes import Preview, StaffContext, StaffRouter
from bot.staff.teaching import commands_button, run_button, vendor_trouble
from bot.storage import claims
from bot.storage.claims import Policy
from handlers.admin.codes import scanned
from handlers.views import staff as views
from handlers.views.changes import change

admin = StaffRouter(N_("Campaigns"))
admin.noun("group", N_("/group, /groups, /campaign"))

PAGE = 8

GroupId = Annotated[Number, Positional(N_("group number"), example="5", look_up=(N_("List groups"), "/group list"))]


class Group(Arguments):
    """Which group."""

    group: GroupId


class ListGroups(Arguments):
    """Which page."""

    page: Annotated[int, Keyed(N_("page"), example="2"), Field(ge=1, le=1000)] = 1


_ANYWAY = N_("although Poshen shows no code of the group")


class PauseGroup(Arguments):
    """Which group; `--anyway` although nobody knows of it."""

    group: GroupId
    anyway: Annotated[bool, Flag(_ANYWAY)] = False


class SetPolicy(Arguments):
    """What is decided; what is left out stays as it is."""

    group: GroupId
    per: Annotated[
        int | None, Keyed(N_("claims of one code per customer"), example="1", typical=True), Field(ge=1, le=1000)
    ] = None
    max: Annotated[NumberOrNone | None, Keyed(N_("claims of one code in all"), example="500", typical=True)] = None
    from_: Annotated[DayOrNone | None, Keyed(N_("first day"), example="2026-12-01")] = None
    until: Annotated[DayOrNone | None, Keyed(N_("last day"), example="2026-12-31", typical=True)] = None
    anyway: Annotated[bool, Flag(_ANYWAY)] = False


def applied(policy: Policy, args: SetPolicy, zone: ZoneInfo) -> Policy:
    """A policy with what was typed applied to it."""
    changes: dict[str, Any] = {}
    if args.per is not None:
        changes["per_customer"] = args.per
    if args.max is not None:
        changes["max_claims"] = None if args.max == "none" else args.max
    if args.from_ is not None:
        changes["starts_at"] = None if args.from_ == "none" else datetime.combine(args.from_, time(), zone)
    if args.until is not None:  # That day is still included.
        after = None if args.until == "none" else datetime.combine(args.until, time(), zone) + timedelta(days=1)
        changes["ends_at"] = after
    return replace(policy, **changes)


@admin.command("group list", ListGroups, role="staff", about=N_("groups and their policies"), aliases=("groups",))
async def list_groups(ctx: StaffContext, args: ListGroups) -> Answer:
    """Every group of Poshen's codes, and every one that the brand decided something about."""
    _, policies = ctx._, await claims.policies(ctx.work.reads)
    known, note = await _known(ctx)
    numbers = sorted(policies.keys() | known.keys())
    if not numbers:
        text = _("No group has a policy of its own: one claim per customer and code, no limit.")
        return Reply((Text("\n".join([text, note]).strip()),), commands_button(_, "group"))
    shown = numbers[(args.page - 1) * PAGE : args.page * PAGE]
    rows = tuple(
        views.group_row(_, number, *known.get(number, ("", 0)), policies.get(number, Policy())) for number in shown
    )
    more = views.next_page(_, "group list", args, len(numbers) > args.page * PAGE)
    shows = tuple(button for number in shown for button in run_button(f"#{number}", f"/group show {number}"))
    card = Card(title=_("Groups"), rows=rows, note=note)
    return Reply((card,), (*shows, *more, *commands_button(_, "group")))


async def _known(ctx: StaffContext) -> tuple[dict[int, tuple[str, int]], str]:
    """Name and codes of Poshen's groups, and what has to be said of the list. It has no call for groups: its codes
    tell theirs."""
    if ctx.apis.poshen is None:
        return {}, ""
    try:
        scan = await scanned(ctx.apis.poshen)
    except UpstreamError as error:
        return {}, vendor_trouble(ctx._, error)
    names = {code.group.id: code.group.name for code in scan.codes if code.group}
    counts = Counter(code.group.id for code in scan.codes if code.group)
    note = ""
    if not scan.whole:
        note = ctx._(
            "Only the groups of the first %(n)s codes are shown; /group show finds any other.",
            n=ctx._.number(scan.seen),
        )
    return {number: (names[number], count) for number, count in counts.items()}, note


@admin.command("group show", Group, role="staff", about=N_("a group and its policy"))
async def show_group(ctx: StaffContext, args: Group) -> Answer:
    """What Poshen says of it, and what the brand decided."""
    _, name, codes, trouble = ctx._, "", None, ""
    if ctx.apis.poshen is not None:
        try:
            page = await ctx.apis.poshen.page(group_id=args.group, per_page=1)
        except UpstreamError as error:
            trouble = vendor_trouble(_, error)
        else:
            codes = page.total
            name = next((code.group.name for code in page.codes if code.group), "")
    policy = await claims.policy_of(ctx.work.reads, args.group)
    card = views.group_card(_, args.group, name, codes, policy, trouble)
    return Reply((card,), (*_pausing(ctx, args.group, policy), *run_button(_("List groups"), "/group list")))


def _pausing(ctx: StaffContext, group: int, policy: Policy) -> tuple[Button, ...]:
    if not ctx.actor.may("manager"):
        return ()
    if policy.paused:
        return run_button(ctx._("Resume"), f"/group resume {group}")
    return run_button(ctx._("Pause"), f"/group pause {group}")


@admin.command("group policy", SetPolicy, role="manager", about=N_("limits and dates of a group"))
async def preview_policy(ctx: StaffContext, args: SetPolicy) -> Preview | Answer:
    """Before and after; without changes, as it is."""
    before = await claims.policy_of(ctx.work.reads, args.group)
    after = applied(before, args, ctx._.zone)
    if after == before:
        return await show_group(ctx, Group(group=args.group))
    if after.starts_at and after.ends_at and after.starts_at >= after.ends_at:
        ctx.notes.result = "refused"
        show = run_button(ctx._("Show"), f"/group show {args.group}")
        return Reply((Text(ctx._("The last day would be before the first one.")),), show)
    return await _ask(ctx, "group policy", args, before, after, ctx._("Change it"))


@admin.performs("group policy")
async def set_policy(ctx: StaffContext, args: SetPolicy) -> Answer:
    """It counts from the next code on."""
    return await _set(ctx, args.group, lambda before: applied(before, args, ctx._.zone))


@admin.command("group pause", PauseGroup, role="manager", about=N_("let nobody redeem a group's codes"))
async def preview_pause(ctx: StaffContext, args: PauseGroup) -> Preview | Answer:
    """Before and after."""
    return await _preview_paused(ctx, "group pause", args, paused=True)


@admin.performs("group pause")
async def pause(ctx: StaffContext, args: PauseGroup) -> Answer:
    """Who has a receipt keeps it."""
    return await _set(ctx, args.group, lambda before: replace(before, paused=True))


@admin.command("group resume", Group, role="manager", about=N_("let a group's codes be redeemed again"))
async def preview_resume(ctx: StaffContext, args: Group) -> Preview | Answer:
    """Before and after."""
    return await _preview_paused(ctx, "group resume", PauseGroup(group=args.group), paused=False)


@admin.performs("group resume")
async def resume(ctx: StaffContext, args: Group) -> Answer:
    """From the next code on."""
    return await _set(ctx, args.group, lambda before: replace(before, paused=False))


async def _preview_paused(ctx: StaffContext, command: str, args: PauseGroup, *, paused: bool) -> Preview | Answer:
    before = await claims.policy_of(ctx.work.reads, args.group)
    after = replace(before, paused=paused)
    if after == before:
        return await show_group(ctx, Group(group=args.group))
    return await _ask(ctx, command, args, before, after, ctx._("Pause") if paused else ctx._("Resume"))


async def _ask(
    ctx: StaffContext, command: str, args: PauseGroup | SetPolicy, before: Policy, after: Policy, label: str
) -> Preview | Answer:
    """Before and after, unless it would be decided about a group that nobody knows of."""
    _, group = ctx._, args.group
    ctx.notes.target = f"group #{group}"
    found, note = await _look_up(ctx, group)
    # About a group whose last codes were deleted something was decided before, and may be taken back.
    if found is False and before == Policy() and not args.anyway:
        return _no_such_group(ctx, command, args)
    rows = (Row(_("Now"), views.policy_text(_, before)), Row(_("Then"), views.policy_text(_, after)))
    card = Card(title=_("Group #%(group)s", group=group), rows=rows, note=note)
    return Preview((card,), label=label, whom=f"#{group}", seen={"before": _english(ctx, before)})


async def _look_up(ctx: StaffContext, group: int) -> tuple[bool | None, str]:
    """Whether Poshen has codes of a group, None when it cannot be asked now; and what has to be said of that.

    A campaign must be stopped also while Poshen is down, so that nobody knows is no reason to refuse.
    """
    if ctx.apis.poshen is None:
        return None, ctx._("Poshen is switched off here, so nobody checked that there is this group.")
    try:
        page = await ctx.apis.poshen.page(group_id=group, per_page=1)
    except UpstreamError as error:
        unchecked = ctx._("Nobody could check now whether Poshen has this group.")
        return None, f"{vendor_trouble(ctx._, error)} {unchecked}"
    # What could not be read may be of this group, and a code that names none was found by it.
    found = bool(page.skipped) or any(code.group is None or code.group.id == group for code in page.codes)
    return found, "" if found else ctx._("Poshen shows no code of this group.")


def _no_such_group(ctx: StaffContext, command: str, args: PauseGroup | SetPolicy) -> Reply:
    """Most likely a wrong number. A group that is new there cannot be told apart: only its codes tell of a group."""
    ctx.notes.result = "not found"
    text = ctx._(
        "Poshen shows no code in group #%(group)s, so there may be no such group. Nothing was changed. /groups lists "
        "the groups that have codes, /codes their codes. If it is a new group without codes yet, go on.",
        group=args.group,
    )
    line = line_of(command, args.model_copy(update={"anyway": True}))
    # Translators: a button: decide something about a group that has no codes yet
    buttons = (*run_button(ctx._("List groups"), "/group list"), *run_button(ctx._("It is a new group"), line))
    return Reply((Text(text),), buttons)


async def _set(ctx: StaffContext, group: int, edit: Callable[[Policy], Policy]) -> Answer:
    """Change it, unless somebody else did so since the preview: then that has to be looked at first."""
    assert ctx.confirmed is not None, "only a preview leads here"
    connection = await ctx.work.begin()
    before = await claims.lock_policy(connection, group)
    ctx.notes.target, ctx.notes.before = f"group #{group}", _english(ctx, before)
    show = run_button(ctx._("Show"), f"/group show {group}")
    if ctx.notes.before != ctx.confirmed.seen["before"]:
        ctx.notes.result = "refused"
        return Reply((Text(ctx._("It was changed meanwhile. Nothing was done; please look again.")),), show)
    after = edit(before)
    await claims.set_policy(connection, group, after)
    ctx.notes.after = _english(ctx, after)
    changes = change(ctx._, ctx._("Policy"), views.policy_text(ctx._, before), views.policy_text(ctx._, after))
    card = replace(views.group_card(ctx._, group, "", None, after, ""), rows=(changes,))
    return Reply((card,), (*_pausing(ctx, group, after), *show, *run_button(ctx._("List groups"), "/group list")))


def _english(ctx: StaffContext, policy: Policy) -> str:
    """For the trail, which is in one language."""
    return views.policy_text(ctx.languages.get("en", ctx._), policy)

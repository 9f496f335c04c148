"""Codes at Poshen: looking at them, making, moving and deleting one, and taking a customer's claim back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StringConstraints

from bot.apis.poshen import LONGEST_CODE, Named, PoshenApi, RedemptionCode, Reward, normalized
from bot.conversation.context import Answer
from bot.conversation.messages import Button, Reply, Text
from bot.errors import (
    Conflict,
    ContractError,
    CredentialsRefused,
    NotFound,
    OutcomeUnknown,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
    UserError,
)
from bot.i18n import N_, Translator
from bot.services.hand_overs import HandedOver
from bot.services.points import NotEnough
from bot.staff.arguments import Arguments, Flag, Keyed, Number, Numbers, Positional, ReceiptRef, line_of
from bot.staff.lines import quoted
from bot.staff.routes import Preview, StaffContext, StaffRouter
from bot.staff.teaching import commands_button, run_button
from bot.storage import claims, customers, hand_overs, issues, redemptions, rewards
from bot.storage.claims import Undone
from bot.storage.hand_overs import HandOver
from bot.understanding import codes
from bot.understanding.codes import masked
from bot.understanding.personal import is_private
from bot.understanding.reading import visible
from handlers.admin.refusals import oneself
from handlers.views import staff_codes as views
from handlers.views.changes import change, changed, shown_changed
from handlers.views.staff import next_page, policy_text

admin = StaffRouter(N_("Codes"))
admin.noun("code", N_("/code, /promo"))

PAGE = 8
SCAN = 100  # codes asked for at once when they are searched
SCANNED = 2_000  # at most

CodeName = Annotated[
    str,
    Positional(N_("the code or its #number"), example="WELCOME2026", audited="masked"),
    Field(max_length=LONGEST_CODE),
]
GroupNumber = Annotated[Number, Keyed(N_("group number"), example="5", look_up=(N_("List groups"), "/group list"))]
RewardNumbers = Annotated[
    Numbers, Keyed(N_("reward numbers"), example="1,2", typical=True, look_up=(N_("List rewards"), "/rewards"))
]
NO_POSHEN = N_("Poshen is switched off: POSHEN_TOKEN is not set.")


class ShowCode(Arguments):
    """Which code."""

    code: CodeName


class ListCodes(Arguments):
    """Of what, with what in them, from where on."""

    group: Annotated[Number | None, Keyed(N_("group number"), example="5", typical=True)] = None
    game: Annotated[Number | None, Keyed(N_("game number"), example="1")] = None
    q: Annotated[str | None, Keyed(N_("a part of the code"), example="SUM", audited="masked")] = None
    page: Annotated[int, Keyed(N_("page"), example="2"), Field(ge=1, le=10_000)] = 1


class CreateCode(Arguments):
    """What to make."""

    code: Annotated[
        str,
        Positional(
            N_("the code"),
            example="SUMMER2026",
            audited="masked",
            blanks=(N_("Codes can't have spaces. Create “%(joined)s”?"), N_("Create %(joined)s")),
        ),
        StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_CODE),
    ]
    group: GroupNumber
    rewards: RewardNumbers = ()


class MoveCode(Arguments):
    """What to move where."""

    code: CodeName
    to: Annotated[Number, Keyed(N_("the group it goes to"), example="6", look_up=(N_("List groups"), "/group list"))]


class DeleteCode(Arguments):
    """What to delete."""

    code: CodeName


class UndoClaim(Arguments):
    """Whose receipt; `--anyway` although some of its points are gone."""

    ref: Annotated[ReceiptRef, Positional(N_("a receipt"), example="R-7F3K9M")]
    anyway: Annotated[bool, Flag(N_("although not all of its points can be taken back"))] = False


@dataclass(frozen=True, slots=True)
class Group:
    """What Poshen tells of a group, which is what its codes tell. name: "" and game: None when it has none. told: it
    has told something; else it refuses to list a group's codes, and nothing is known."""

    id: int
    name: str
    game: Named | None
    told: bool = True

    def __str__(self) -> str:
        return f"{self.id} {self.name}".strip()

    def game_text(self, _: Translator) -> str:
        """Its game, or why nobody knows it."""
        if self.game is not None:
            return views.named(self.game)
        return _("unknown: the group has no codes yet") if self.told else _("unknown: Poshen does not tell")


@dataclass(frozen=True, slots=True)
class Scan:
    """The first of Poshen's codes. seen: how many, unreadable ones included. whole: whether there are no others."""

    codes: Sequence[RedemptionCode]
    seen: int
    whole: bool


# ── looking ──────────────────────────────────────────────────────────────────────────────────────


@admin.command("code show", ShowCode, role="staff", about=N_("a code, its uses and rewards"), one_tap=True)
async def preview_code(ctx: StaffContext, args: ShowCode) -> Preview | Answer:
    """What Poshen knows of it, and what is decided here. A code that was named by its number is not shown before a tap:
    whoever had that line scanned could read it over a shoulder, and redeem it."""
    code = await find(ctx, args.code)
    if code is None:
        return no_such_code(ctx, args.code)
    if _shown(code, args.code) == code.code:
        return await code_reply(ctx, code)
    text = ctx._("#%(id)s is %(code)s.", id=code.id, code=masked(code.code))
    return Preview((Text(text),), label=ctx._("Show the code"), seen={"id": code.id})


@admin.performs("code show")
async def show_code(ctx: StaffContext, args: ShowCode) -> Answer:
    """The code itself, with everything about it."""
    assert ctx.confirmed is not None, "only a preview leads here"
    code = await _get(poshen_of(ctx), ctx.confirmed.seen["id"])
    return no_such_code(ctx, args.code) if code is None else await code_reply(ctx, code)


def _shown(code: RedemptionCode, typed: str) -> str:
    """A code in a preview: whole only when it was typed, so that it tells nobody a code that they did not know."""
    spellings = () if typed.startswith("#") else codes.spellings(visible(typed))
    known = normalized(code.code) in map(normalized, spellings)
    return code.code if known else masked(code.code)


@admin.command("code list", ListCodes, role="staff", about=N_("codes, to be tapped"), aliases=("codes",), one_tap=True)
async def preview_list(ctx: StaffContext, args: ListCodes) -> Preview:
    """That codes are going to be on the screen: anybody who reads one can redeem it."""
    poshen_of(ctx)
    line = line_of("code list", args)
    text = ctx._("%(line)s shows whole codes. See to it that nobody reads along.", line=line)
    # Translators: a button: list codes in full
    return Preview((Text(text),), label=ctx._("Show the codes"))


@admin.performs("code list")
async def list_codes(ctx: StaffContext, args: ListCodes) -> Answer:
    """A page of them; with `q`, of those that hold it."""
    if args.q:
        return await _search(ctx, args, args.q)
    page = await poshen_of(ctx).page(args.page, group_id=args.group, game_id=args.game, per_page=PAGE)
    title = ctx._("Codes")
    if page.total is not None:
        title = ctx._.ngettext("%(n)s code", "%(n)s codes", page.total)
    note = ""
    if page.skipped:
        note = ctx._.ngettext("%(n)s could not be read.", "%(n)s could not be read.", page.skipped)
    return _listed(ctx, args, page.codes, title, note, more=page.more)


async def _search(ctx: StaffContext, args: ListCodes, wanted: str) -> Answer:
    """Poshen finds whole codes only, so a part of one is looked for here, in as many as can be read in time."""
    scan = await scanned(poshen_of(ctx), group_id=args.group, game_id=args.game)
    found = [code for code in scan.codes if normalized(wanted) in normalized(code.code)]
    title = ctx._.ngettext("%(n)s code with “%(part)s”", "%(n)s codes with “%(part)s”", len(found), part=wanted)
    note = ""
    if not scan.whole:
        note = ctx._(
            "Only the first %(n)s codes were searched: Poshen itself finds whole codes only. group= or game= narrows "
            "it down; /code show finds a whole code wherever it is.",
            n=ctx._.number(scan.seen),
        )
    shown = found[(args.page - 1) * PAGE : args.page * PAGE]
    return _listed(ctx, args, shown, title, note, more=len(found) > args.page * PAGE)


def _listed(
    ctx: StaffContext, args: ListCodes, shown: Sequence[RedemptionCode], title: str, note: str, *, more: bool
) -> Reply:
    commands = commands_button(ctx._, "code")
    if not shown:
        text = ctx._("There are no codes here.")
        return Reply((Text("\n".join([text, note]).strip()),), commands)
    opens = tuple(button for code in shown[:PAGE] for button in views.show(ctx._, code))
    return Reply(
        (views.codes_card(ctx._, shown, title, note),),
        (*opens, *next_page(ctx._, "code list", args, more), *commands),
    )


# ── making ───────────────────────────────────────────────────────────────────────────────────────


@admin.command("code create", CreateCode, role="manager", about=N_("make one code"))
async def preview_create(ctx: StaffContext, args: CreateCode) -> Preview | Answer:
    """What it will be; when it exists, what it is."""
    _, poshen, text = ctx._, poshen_of(ctx), args.code.strip()
    if found := await poshen.find(text) or await _spelled(poshen, text):  # Customers could not tell the two apart.
        return _exists(ctx, found, args.group)
    group = await group_of(ctx, args.group)
    known = await rewards_if_told(ctx)
    if missing := unknown_rewards(args.rewards, known):
        return no_such_reward(ctx, missing)
    grants = await rewards.listed(ctx.work.reads)
    warnings = []
    if codes.guessable(text):
        warnings.append(_("This code is easy to guess. For a prize that is meant for one person, use /code bulk."))
    read = ctx.lexicon.codes.find(ctx.lexicon.read(text), ctx.brand.code_pattern, prompted=True)
    if codes.canonical(text) not in map(codes.canonical, read.codes):
        warnings.append(
            _("Customers could not type this code here: 4 to 32 letters, digits and hyphens are understood.")
        )
    card = views.creation_card(
        _,
        text,
        str(group),
        group.game_text(_),
        views.rewards_text(_, args.rewards, known or {}, grants),
        " ".join(warnings),
    )
    # Translators: a button: make a code
    return Preview((card,), label=_("Create"))


@admin.performs("code create")
async def create_code(ctx: StaffContext, args: CreateCode) -> Answer:
    """Running again makes nothing twice: the same code in the same group is the same code."""
    text = args.code.strip()
    ctx.notes.after = f"group {args.group}"
    try:
        made = await poshen_of(ctx).create(text, group_id=args.group, reward_ids=args.rewards)
    except Conflict:
        found = await poshen_of(ctx).find(text)
        if found is None:
            raise
        await ctx.services.redemption.made(await ctx.work.begin())
        return _exists(ctx, found, args.group)
    except OutcomeUnknown:
        ctx.notes.result = "unknown"
        await ctx.services.redemption.made(await ctx.work.begin())
        said = ctx._(
            "Poshen did not answer. %(code)s may or may not exist now. Creating it again is safe: it stays one code.",
            code=text,
        )
        return Reply((Text(said),), (*_look(ctx, text), *run_button(ctx._("Create"), line_of("code create", args))))
    except UpstreamRefused as error:
        if isinstance(error, CredentialsRefused):
            raise
        return refused(ctx, error)
    await ctx.services.redemption.made(await ctx.work.begin())
    exists = change(ctx._, ctx._("State"), ctx._("did not exist"), ctx._("can be redeemed"))
    return shown_changed(await code_reply(ctx, made, title=ctx._("Created")), exists)


def _exists(ctx: StaffContext, found: RedemptionCode, wanted: int) -> Reply:
    """It is there already: here it is, and it may be moved."""
    ctx.notes.target, ctx.notes.result = f"#{found.id}", "exists"
    text = ctx._(
        "%(code)s exists already (#%(id)s, group %(group)s).",
        code=found.code,
        id=found.id,
        group=views.named(found.group) or "–",
    )
    elsewhere = found.group is None or found.group.id != wanted
    move = f"/code move #{found.id} to={wanted}" if elsewhere else f"/code move #{found.id}"
    # Translators: a button: move a code to another group
    return Reply(
        (Text(text),), (*run_button(ctx._("Show"), f"/code show #{found.id}"), *run_button(ctx._("Move"), move))
    )


# ── moving ───────────────────────────────────────────────────────────────────────────────────────


@admin.command("code move", MoveCode, role="manager", about=N_("move a code to another group"))
async def preview_move(ctx: StaffContext, args: MoveCode) -> Preview | Answer:
    """From where to where. The game follows the group, and so does the policy."""
    _, code = ctx._, await find(ctx, args.code)
    if code is None:
        return no_such_code(ctx, args.code)
    ctx.notes.target = f"#{code.id}"
    if code.group is not None and code.group.id == args.to:
        shown = _shown(code, args.code)
        text = _("%(code)s is in group %(group)s already.", code=shown, group=views.named(code.group))
        return Reply((Text(text),), run_button(_("Show"), f"/code show #{code.id}"))
    group = await group_of(ctx, args.to)
    game = group.game_text(_)
    said = [
        _.ngettext(
            "Move %(code)s (#%(id)s, used %(n)s time): group %(group)s → %(to)s; game %(game)s → %(other)s.",
            "Move %(code)s (#%(id)s, used %(n)s times): group %(group)s → %(to)s; game %(game)s → %(other)s.",
            code.current_uses or 0,
            code=_shown(code, args.code),
            id=code.id,
            group=views.named(code.group) or "–",
            to=group,
            game=views.named(code.game) or "–",
            other=game,
        )
    ]
    before = await claims.policy_of(ctx.work.reads, code.group.id if code.group else None)
    after = await claims.policy_of(ctx.work.reads, args.to)
    if before != after:
        said.append(
            _("Its policy changes: %(before)s → %(after)s.", before=policy_text(_, before), after=policy_text(_, after))
        )
    seen = {"id": code.id, "group": code.group.id if code.group else None, "named": views.named(code.group)}
    # Translators: a button: move a code
    return Preview((Text("\n".join(said)),), label=_("Move it"), whom=f"#{code.id}", seen=seen)


@admin.performs("code move")
async def move_code(ctx: StaffContext, args: MoveCode) -> Answer:
    """Moving twice is moving once, so a second run does no harm; only what is where it was seen is moved."""
    assert ctx.confirmed is not None, "only a preview leads here"
    poshen, seen = poshen_of(ctx), ctx.confirmed.seen
    ctx.notes.target, ctx.notes.before, ctx.notes.after = f"#{seen['id']}", f"group {seen['group']}", f"group {args.to}"
    code = await _get(poshen, seen["id"])
    if code is None:
        return no_such_code(ctx, f"#{seen['id']}")
    standing = code.group.id if code.group else None
    if standing not in (seen["group"], args.to):
        return _changed_meanwhile(ctx, code)
    if standing != args.to:
        try:
            await poshen.move(code.id, group_id=args.to)
        except OutcomeUnknown:
            code = await poshen.get(code.id)
            if code.group is None or code.group.id != args.to:
                ctx.notes.result = "unknown"
                text = ctx._(
                    "Poshen did not answer. %(code)s is still in group %(group)s; look again in a moment.",
                    code=code.code,
                    group=views.named(code.group) or "–",
                )
                return Reply((Text(text),), _look(ctx, f"#{code.id}"))
        except UpstreamRefused as error:
            if isinstance(error, CredentialsRefused):
                raise
            return refused(ctx, error)
        code = await poshen.get(code.id)
        await ctx.services.redemption.made(await ctx.work.begin())
    groups = change(ctx._, ctx._("Group"), seen.get("named") or "–", views.named(code.group) or ctx._("none"))
    return shown_changed(await code_reply(ctx, code, title=ctx._("Moved")), groups)


# ── deleting ─────────────────────────────────────────────────────────────────────────────────────


@admin.command("code delete", DeleteCode, role="manager", about=N_("delete a code at Poshen"))
async def preview_delete(ctx: StaffContext, args: DeleteCode) -> Preview | Answer:
    """A code that was used asks for its last four characters."""
    code = await find(ctx, args.code)
    if code is None:
        return no_such_code(ctx, args.code)
    ctx.notes.target = f"#{code.id}"
    claimed = await claims.count_of_code(ctx.work.reads, code.id)
    unused = code.current_uses == 0 and not claimed
    return Preview(
        (views.deletion_card(ctx._, code, _shown(code, args.code), claimed, warn=unused),),
        # Translators: a button
        label=ctx._("Delete"),
        whom=f"#{code.id}",
        typed="" if unused else code.code[-4:],
        seen={"id": code.id, "unused": unused, "code": code.code},
    )


@admin.performs("code delete")
async def delete_code(ctx: StaffContext, args: DeleteCode) -> Answer:
    """What is gone is deleted: also by a first run of this that nobody heard of."""
    assert ctx.confirmed is not None, "only a preview leads here"
    poshen, code_id = poshen_of(ctx), ctx.confirmed.seen["id"]
    ctx.notes.target = f"#{code_id}"
    code = await _get(poshen, code_id)
    if code is not None:
        ctx.notes.before = f"group {code.group.id if code.group else '-'}, used {code.current_uses}"
        if ctx.confirmed.seen["unused"] and code.current_uses:
            return _changed_meanwhile(ctx, code)
        try:
            await poshen.delete(code_id)
        except OutcomeUnknown:
            if await _get(poshen, code_id) is not None:
                ctx.notes.result = "unknown"
                text = ctx._(
                    "Poshen did not answer. #%(id)s still exists; look again in a moment before you repeat it.",
                    id=code_id,
                )
                return Reply((Text(text),), _look(ctx, f"#{code_id}"))
    ctx.notes.after = "deleted"
    text = ctx._("#%(id)s is deleted. Customers' receipts are kept.", id=code_id)
    gone = change(ctx._, ctx.confirmed.seen.get("code", f"#{code_id}"), ctx._("could be redeemed"), ctx._("deleted"))
    said = changed(text, gone)
    return Reply((said,), run_button(ctx._("List codes"), "/code list"))


# ── taking a claim back ──────────────────────────────────────────────────────────────────────────


@admin.command("code undo", UndoClaim, role="manager", about=N_("take a customer's claim back"))
async def preview_undo(ctx: StaffContext, args: UndoClaim) -> Preview | Answer:
    """Whose, and what goes with it."""
    ref, reads = args.ref.upper(), ctx.work.reads
    ctx.notes.ref = ref
    found = await claims.find(reads, ref)
    if found is None:
        return await _nothing_to_undo(ctx, ref)
    customer = await customers.by_id(reads, found.customer_id) if found.customer_id is not None else None
    if customer is not None:
        ctx.customer.state.last = ctx.notes.customer = customer.ref
        if await ctx.services.linking.same_person(reads, ctx.customer, customer):
            return oneself(ctx, customer)
    if standing := await hand_overs.of_claim(reads, ref):
        return _still_handed_over(ctx, ref, standing)
    brought = found.claim.snapshot.get("points", 0)
    available = (await ctx.services.points.balance(reads, customer.id)).available if customer and customer.id else 0
    if customer is not None and available < brought and not args.anyway:
        return _points_gone(ctx, ref, brought, available)
    card = views.undo_card(
        ctx._,
        found.claim,
        customer.ref if customer else "",
        brought=brought,
        taken=min(brought, available),
        vouchers=await ctx.services.redemption.vouchers_of(reads, found.claim),
    )
    # Translators: a button: take a claim back
    return Preview((card,), label=ctx._("Undo it"), whom=ref, seen={"customer": customer.ref if customer else None})


@admin.performs("code undo")
async def undo_claim(ctx: StaffContext, args: UndoClaim) -> Answer:
    """Claim and points go together, or neither does."""
    assert ctx.confirmed is not None, "only a preview leads here"
    ref, seen = args.ref.upper(), ctx.confirmed.seen["customer"]
    ctx.notes.ref, ctx.notes.customer = ref, seen
    customer = await ctx.customer_of(seen) if seen else None
    if customer is not None and await ctx.services.linking.same_person(ctx.work.reads, ctx.customer, customer):
        return oneself(ctx, customer)
    undone = await ctx.services.redemption.undo(
        await ctx.work.begin(), ref, by=ctx.actor.name, all_points=not args.anyway, now=ctx.now
    )
    if isinstance(undone, HandedOver):
        return _still_handed_over(ctx, ref, undone.hand_over)
    if isinstance(undone, NotEnough):
        found = await claims.find(ctx.work.reads, ref)
        return _points_gone(ctx, ref, found.claim.snapshot["points"] if found else 0, undone.available)
    if not isinstance(undone, Undone):
        return await _nothing_to_undo(ctx, ref)
    ctx.notes.before, ctx.notes.after = "claimed", f"undone, {undone.points} points taken back"
    text = ctx._("%(ref)s is undone. The customer can redeem the code again.", ref=ref)
    if undone.points:
        text = ctx._.ngettext(
            "%(ref)s is undone and %(n)s point taken back. The customer can redeem the code again.",
            "%(ref)s is undone and %(n)s points taken back. The customer can redeem the code again.",
            undone.points,
            ref=ref,
        )
    who = run_button(ctx.notes.customer, f"/who {ctx.notes.customer}") if ctx.notes.customer else ()
    changes = [change(ctx._, ref, ctx._("redeemed"), ctx._("undone"))]
    if undone.points and customer is not None and customer.id is not None:
        left = (await ctx.services.points.balance(ctx.work.reads, customer.id)).available
        changes.append(change(ctx._, ctx._("Points"), ctx._.number(left + undone.points), ctx._.number(left)))
    return Reply((changed(text, *changes),), who)


def _still_handed_over(ctx: StaffContext, ref: str, standing: HandOver) -> Reply:
    ctx.notes.result = "refused"
    text = ctx._(
        "%(ref)s was handed over by %(name)s on %(time)s. Take the hand-over back first.",
        ref=ref,
        name=standing.staff,
        time=ctx._.moment(standing.at),
    )
    return Reply((Text(text),), run_button(ctx._("Undo"), f"/handed undo {standing.id}"))


async def _nothing_to_undo(ctx: StaffContext, ref: str) -> Reply:
    ctx.notes.result = "refused"
    if undone := await claims.undone(ctx.work.reads, ref):
        text = views.undone_text(ctx._, undone)
    elif await issues.by_ref(ctx.work.reads, ref):
        text = ctx._("%(ref)s is a voucher. Got It has no call that takes one back.", ref=ref)
    else:
        text = ctx._("There is no receipt %(ref)s.", ref=ref)
    return Reply((Text(text),), commands_button(ctx._, "code"))


def _points_gone(ctx: StaffContext, ref: str, brought: int, available: int) -> Reply:
    ctx.notes.result = "refused"
    text = ctx._(
        "%(ref)s brought %(brought)s points, and only %(available)s can be taken back: the others are spent or on "
        "hold. With --anyway those are taken, and the code can be redeemed again for all of its points.",
        ref=ref,
        brought=ctx._.number(brought),
        available=ctx._.number(available),
    )
    # Translators: a button: take a claim back although its points are spent
    return Reply((Text(text),), run_button(ctx._("Undo anyway"), f"/code undo {ref} --anyway"))


# ── what commands about codes share ──────────────────────────────────────────────────────────────


def poshen_of(ctx: StaffContext) -> PoshenApi:
    """The client. Raises UserError when the vendor is switched off."""
    if ctx.apis.poshen is None:
        raise UserError(NO_POSHEN)
    return ctx.apis.poshen


async def find(ctx: StaffContext, typed: str, *, by_number: bool = True) -> RedemptionCode | None:
    """A code as it is typed, spelled as freely as by customers, or by its number. What identifies a person is none."""
    poshen, number = poshen_of(ctx), typed.removeprefix("#")
    if is_private(number):
        return None
    code = await _spelled(poshen, typed) if number == typed else None
    if code is None and by_number and re.fullmatch("[0-9]{1,15}", number):
        code = await _get(poshen, int(number))
    if code is not None:
        ctx.notes.target = f"#{code.id}"
    return code


async def _spelled(poshen: PoshenApi, typed: str) -> RedemptionCode | None:
    for spelling in codes.spellings(visible(typed)):
        if code := await poshen.find(spelling):
            return code
    return None


async def _get(poshen: PoshenApi, code_id: int) -> RedemptionCode | None:
    try:
        return await poshen.get(code_id)
    except NotFound:
        return None


async def scanned(poshen: PoshenApi, *, group_id: int | None = None, game_id: int | None = None) -> Scan:
    """As many codes as can be read while somebody waits."""
    codes_by_id: dict[int, RedemptionCode] = {}
    seen, number, whole = 0, 0, False
    while not whole and seen < SCANNED:
        number += 1
        page = await poshen.page(number, group_id=group_id, game_id=game_id, per_page=SCAN)
        seen += len(page.codes) + page.skipped
        codes_by_id |= {code.id: code for code in page.codes}
        whole = not page.codes or (page.total is not None and seen >= page.total)
    return Scan(tuple(codes_by_id.values()), seen, whole)


async def group_of(ctx: StaffContext, group: int) -> Group:
    """A group as its first code describes it; Poshen has no call for groups themselves.

    That it refuses to list codes stops nobody from making or moving one: a wrong number is then Poshen's to refuse.
    """
    try:
        page = await poshen_of(ctx).page(group_id=group, per_page=1)
    except (UpstreamRefused, ContractError) as error:
        if _is_refused(error):
            raise
        return Group(group, "", None, told=False)
    first = next((code for code in page.codes if code.group and code.group.id == group), None)
    return Group(group, first.group.name if first and first.group else "", first.game if first else None)


async def rewards_of(ctx: StaffContext) -> dict[int, Reward] | None:
    """All rewards by number; None when Poshen does not list them: the token may not read them (403), there is no such
    list (404), or it is in no shape that we know.

    Raises CredentialsRefused when the token is good for nothing at all, and UpstreamUnavailable.
    """
    try:
        return {reward.id: reward for reward in await poshen_of(ctx).rewards()}
    except (UpstreamRefused, ContractError) as error:
        if _is_refused(error):
            raise
        return None


async def rewards_if_told(ctx: StaffContext) -> dict[int, Reward] | None:
    """The same for whoever only needs their names: that the list cannot be had just now stops no code."""
    try:
        return await rewards_of(ctx)
    except UpstreamUnavailable:
        return None


def _is_refused(error: UpstreamError) -> bool:
    """Whether the token itself is refused, and not only its right to see one list."""
    return isinstance(error, CredentialsRefused) and error.status != 403


def unknown_rewards(wanted: Sequence[int], known: dict[int, Reward] | None) -> list[int]:
    """Those that Poshen does not have, as far as it tells."""
    return [number for number in wanted if known is not None and number not in known]


def no_such_reward(ctx: StaffContext, missing: Sequence[int]) -> Reply:
    """Numbers that mean nothing, and where the right ones are."""
    ctx.notes.result = "refused"
    text = ctx._("Poshen has no reward %(numbers)s.", numbers=ctx._(", ").join(f"#{number}" for number in missing))
    return Reply((Text(text),), run_button(ctx._("List rewards"), "/rewards"))


def refused(ctx: StaffContext, error: UpstreamRefused) -> Reply:
    """A definite no of Poshen's, with what may help."""
    ctx.notes.result = f"failed: {type(error).__name__} {error.upstream}"
    hints: tuple[Button, ...] = ()
    text = ctx._("Poshen replied: %(detail)s.", detail=error.detail)
    if "reward" in error.detail:
        text = ctx._("Poshen replied: %(detail)s. /rewards lists the numbers.", detail=error.detail)
        hints = run_button(ctx._("List rewards"), "/rewards")
    elif "group" in error.detail:
        text = ctx._("Poshen replied: %(detail)s. Is there such a group?", detail=error.detail)
        hints = run_button(ctx._("List groups"), "/group list")
    return Reply((Text(text),), (*hints, *commands_button(ctx._, "code")))


def no_such_code(ctx: StaffContext, typed: str) -> Reply:
    """There is none, and what can be done about it."""
    ctx.notes.result = "not found"
    text = ctx._("There is no code %(code)s.", code=typed)
    make: tuple[Button, ...] = ()
    if ctx.actor.may("manager") and not typed.startswith("#"):
        make = run_button(ctx._("Create"), f"/code create {quoted(typed)}")
    return Reply((Text(text),), (*make, *run_button(ctx._("List codes"), "/code list")))


async def code_reply(ctx: StaffContext, code: RedemptionCode, title: str = "") -> Reply:
    """A code with what is decided about it, and what can be done with it."""
    ctx.notes.target = f"#{code.id}"
    reads = ctx.work.reads
    card = views.code_card(
        ctx._,
        code,
        await rewards.listed(reads),
        await claims.policy_of(reads, code.group.id if code.group else None),
        await claims.count_of_code(reads, code.id),
        title,
        redeeming=await redemptions.count_open(reads, code.id),
    )
    buttons: tuple[Button, ...] = ()
    if ctx.actor.may("manager"):
        buttons = (
            *run_button(ctx._("Move"), f"/code move #{code.id}"),
            *run_button(ctx._("Delete"), f"/code delete #{code.id}"),
        )
    group = run_button(ctx._("Group"), f"/group show {code.group.id}") if code.group else ()
    return Reply((card,), (*buttons, *group, *commands_button(ctx._, "code")))


def _changed_meanwhile(ctx: StaffContext, code: RedemptionCode) -> Reply:
    ctx.notes.result = "refused"
    text = ctx._("It was changed meanwhile. Nothing was done; please look again.")
    return Reply((Text(text),), run_button(ctx._("Show"), f"/code show #{code.id}"))


def _look(ctx: StaffContext, typed: str) -> tuple[Button, ...]:
    # Translators: a button: see how something stands by now
    return run_button(ctx._("Look again"), f"/code show {quoted(typed)}")

"""Vouchers: what Got It has, giving one to a customer, and finding out how an open one ended."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from bot.apis.gotit import Gift, GotItApi
from bot.conversation.context import Answer
from bot.conversation.messages import Button, Reply, Row, Text
from bot.errors import UpstreamUnavailable, UserError
from bot.i18n import N_
from bot.services.catalogue import DONG, named, snapshot
from bot.services.staffing import Actor
from bot.services.vouchers import LEASE, CapReached, VoucherRequest
from bot.staff.arguments import Arguments, CustomerRef, Keyed, Number, Positional, ReceiptRef, line_of
from bot.staff.routes import Preview, StaffContext, StaffRouter
from bot.staff.scrubbing import scrubbed
from bot.staff.teaching import commands_button, run_button
from bot.storage import customers, issues, staff
from bot.storage.customers import Customer
from bot.storage.issues import Issue, IssueState
from handlers.admin import refusals
from handlers.views import staff as views
from handlers.views.changes import change, shown_changed
from handlers.views.staff_vouchers import (
    catalogue_card,
    gift_card,
    ids_text,
    issue_card,
    issue_preview_card,
    issues_card,
    quota_text,
    settling_card,
    state_badges,
)

admin = StaffRouter(N_("Giving vouchers"))
admin.noun("catalog", N_("/catalog, /catalogue"))
admin.noun("issue", N_("/issue"))

PAGE = 8
MOST_AT_ONCE = 10


def _ids(value: str) -> str:
    match = re.fullmatch(r"#?([0-9]{1,15})[:：/]([0-9]{1,15})", value)
    if match is None:
        raise PydanticCustomError("voucher", "a voucher")
    return ids_text(int(match[1]), int(match[2]))


_CATALOGUE = (N_("Catalogue"), "/catalog")
REASONS = (
    # Translators: why a customer is given a voucher; a button, and the text of the reason
    N_("late delivery"),
    N_("goodwill"),
    N_("prize"),
)
Ref = Annotated[ReceiptRef, Positional(N_("a voucher's reference"), example="R-7F3K9M")]
Reason = Annotated[str, Keyed(N_("why"), words=N_("late delivery")), Field(min_length=2, max_length=200)]


class Browse(Arguments):
    """Which part of the catalogue."""

    q: Annotated[str, Keyed(N_("a brand or name"), example="coffee"), Field(max_length=30)] = ""
    max: Annotated[Number | None, Keyed(N_("points at most"), example="500")] = None
    for_: Annotated[CustomerRef | None, Keyed(N_("for a customer"), example="C-8F3K2M")] = None
    page: Annotated[int, Keyed(N_("page"), example="2"), Field(ge=1, le=1000)] = 1


class ShowOffer(Arguments):
    """Which voucher."""

    voucher: Annotated[
        str,
        AfterValidator(_ids),
        Positional(
            N_("gift and price"),
            example="422:1899",
            unfit=N_("“%(value)s” is no voucher; they are named by gift and price, for example %(example)s."),
            look_up=_CATALOGUE,
        ),
    ]


class IssueVoucher(Arguments):
    """What, to whom, how many and why."""

    customer: Annotated[CustomerRef, Positional(N_("a customer"), example="C-8F3K2M")]
    gift: Annotated[Number, Keyed(N_("gift number"), example="422", look_up=_CATALOGUE)]
    price: Annotated[Number, Keyed(N_("price number"), example="1899", look_up=_CATALOGUE)]
    qty: Annotated[int, Keyed(N_("how many"), example="2"), Field(ge=1, le=MOST_AT_ONCE)] = 1
    reason: Reason


class ListIssues(Arguments):
    """Which vouchers, and which page of them."""

    which: Annotated[Literal["unknown", "all"], Positional(N_("which vouchers"), example="unknown")] = "all"
    page: Annotated[int, Keyed(N_("page"), example="2"), Field(ge=1, le=10_000)] = 1


class OneIssue(Arguments):
    """Which voucher."""

    ref: Ref


class ResolveIssue(Arguments):
    """How which voucher ended, and how that is known."""

    ref: Ref
    end: Annotated[Literal["ok", "failed"], Positional(N_("how it ended"), example="ok")]
    reason: Annotated[str, Keyed(N_("how you know"), words=N_("Got It says so")), Field(min_length=2, max_length=200)]


# ── the catalogue ────────────────────────────────────────────────────────────────────────────────


@admin.command("catalog", Browse, role="staff", about=N_("what Got It has, with its numbers and prices"))
async def show_catalogue(ctx: StaffContext, args: Browse) -> Answer:
    """A page, the cheapest first; what has no price in points comes last."""
    if args.for_ is not None and await ctx.customer_of(args.for_) is None:  # They are `last` from now on.
        return refusals.nobody(ctx, args.for_)
    return await _catalogue(ctx, args, fresh=False)


@admin.command("catalog reload", Browse, role="staff", about=N_("ask Got It for its list now"))
async def reload_catalogue(ctx: StaffContext, args: Browse) -> Answer:
    """The same list, asked anew."""
    return await _catalogue(ctx, args, fresh=True)


@admin.command("catalog show", ShowOffer, role="staff", about=N_("one voucher, and how it is issued"))
async def show_offer(ctx: StaffContext, args: ShowOffer) -> Answer:
    """With the line that issues it, to the customer shown last if there is one."""
    gift_id, price_id = map(int, args.voucher.split(":"))
    gift = await _find(ctx, _gotit(ctx), gift_id, price_id)
    if gift is None:
        return _not_there(ctx, gift_id, price_id)
    picture = ctx.services.catalogue.picture(gift.image)
    whom = ctx.customer.state.last or "C-…"
    line = f'/issue {whom} gift={gift_id} price={price_id} reason="…"'
    usual = [ctx._(reason) for reason in REASONS] if ctx.customer.state.last else []
    wishes = [IssueVoucher(customer=whom, gift=gift_id, price=price_id, reason=reason) for reason in usual]
    reasons = tuple(button for wish in wishes for button in run_button(wish.reason, line_of("issue", wish)))
    said = ctx._("To give it, send this with a reason:")
    if reasons:
        said = ctx._("To give it to %(customer)s, tap why, or send this with a reason:", customer=whom)
    return Reply(
        (gift_card(ctx._, gift, ctx.services.catalogue.cost(gift), picture), Text(f"{said}\n{line}")),
        (*reasons, *_back(ctx), *commands_button(ctx._)),
    )


async def _catalogue(ctx: StaffContext, args: Browse, *, fresh: bool) -> Answer:
    listed, trouble = await ctx.services.catalogue.listed(_gotit(ctx), ctx.now, fresh=fresh)
    priced: list[tuple[Gift, int | None]] = [(offer.gift, offer.cost) for offer in listed.offers]
    found = [
        (gift, cost)
        for gift, cost in (*priced, *((gift, None) for gift in listed.unpriced))
        if named(gift, args.q) and (args.max is None or (cost is not None and cost <= args.max))
    ]
    again = run_button(ctx._("Reload"), "/catalog reload")
    if not found:
        return Reply((Text(ctx._("No voucher matches.")),), (*_back(ctx), *again, *commands_button(ctx._)))
    found.sort(key=lambda each: (each[1] is None, each[1] or 0, each[0].name, each[0].price_id))
    start = (args.page - 1) * PAGE if (args.page - 1) * PAGE < len(found) else 0
    shown = found[start : start + PAGE]
    whom = ctx.notes.customer or "" if args.for_ else ""
    card = catalogue_card(ctx._, listed, shown, found=len(found), old=trouble is not None, whom=whom)
    names = (ids_text(gift.gift_id, gift.price_id) for gift, _cost in shown)
    details = tuple(button for name in names for button in run_button(name, f"/catalog show {name}"))
    more = views.next_page(ctx._, "catalog", args, len(found) > args.page * PAGE)
    return Reply((card,), (*details, *more, *again, *commands_button(ctx._)))


# ── issuing ──────────────────────────────────────────────────────────────────────────────────────


@admin.command("issue", IssueVoucher, role="staff", about=N_("give a customer a voucher"))
async def preview_issue(ctx: StaffContext, args: IssueVoucher) -> Preview | Answer:
    """Everything about it; nothing happens before it is confirmed."""
    gotit = _gotit(ctx)
    customer = await ctx.customer_of(args.customer)
    if customer is None:
        return refusals.nobody(ctx, args.customer)
    if await _is_oneself(ctx, customer):
        return refusals.oneself(ctx, customer)
    gift = await _find(ctx, gotit, args.gift, args.price)
    if gift is None:
        return _not_there(ctx, args.gift, args.price)
    left = None
    if _limited(ctx.actor):
        left = await ctx.services.vouchers.left_today(ctx.work.reads, issuer_of(ctx.actor), ctx.now)
        if args.qty > left.vouchers or args.qty * gift.price_value > left.value:
            return _over_quota(ctx, CapReached(left))
    worth = gift.price_value * args.qty
    ctx.notes.target = _target(gift.gift_id, gift.price_id, args.qty)
    card = issue_preview_card(
        ctx._,
        gift,
        args.qty,
        customer,
        picture=ctx.services.catalogue.picture(gift.image),
        reason=args.reason,
        left=left,
    )
    return Preview(
        (card,),
        # Translators: a button: give the customer the voucher
        label=ctx._("Issue it"),
        whom=customer.ref,
        seen={
            "customer": customer.ref,
            "offer": snapshot(gift),
            "issuer": issuer_of(ctx.actor),
            "by": ctx.actor.name,
            "limited": left is not None,
        },
        two_person=0 < ctx.brand.two_person_over <= worth,
    )


@admin.performs("issue")
async def issue_voucher(ctx: StaffContext, args: IssueVoucher) -> Answer:
    """Once, however often this is confirmed, delivered or run again; the customer is told when they have it."""
    assert ctx.confirmed is not None, "only a preview leads here"
    gotit = _gotit(ctx)
    key = f"staff:{ctx.confirmed.key}"
    issue = await issues.by_key(ctx.work.reads, key)
    if issue is None:
        reserved = await _reserve(ctx, args, gotit, key)
        if not isinstance(reserved, Issue):
            return reserved
        await ctx.work.save()
        issue = reserved
    if issue.under_way:
        issue = await ctx.services.vouchers.attempt(ctx.work.pool, gotit, issue.id)
    return shown_changed(await _told(ctx, issue), _states(ctx, None, issue))


async def _reserve(ctx: StaffContext, args: IssueVoucher, gotit: GotItApi, key: str) -> Issue | Answer:
    """The intent, written down; or why there is none."""
    assert ctx.confirmed is not None, "only a preview leads here"
    seen = ctx.confirmed.seen
    customer = await ctx.customer_of(seen["customer"])
    if customer is None:
        return refusals.nobody(ctx, seen["customer"])
    if await _is_oneself(ctx, customer):
        return refusals.oneself(ctx, customer)
    gift = await _find(ctx, gotit, args.gift, args.price)
    if gift is None or (gift.name, gift.price_value) != (seen["offer"]["name"], seen["offer"]["price_value"]):
        ctx.notes.result = "refused"
        text = ctx._("It was changed meanwhile. Nothing was done; please look again.")
        return Reply((Text(text),), run_button(ctx._("Show"), f"/catalog show {ids_text(args.gift, args.price)}"))
    ctx.notes.target = _target(args.gift, args.price, args.qty)
    wanted = VoucherRequest(args.gift, args.price, seen["offer"], quantity=args.qty)
    connection = await ctx.work.begin()
    reserved = await ctx.services.vouchers.reserve(
        connection,
        customer,
        wanted,
        key=key,
        kind="staff",
        issuer=seen["issuer"],
        now=ctx.now,
        limited=seen["limited"] or _limited(ctx.actor),
    )
    if isinstance(reserved, CapReached):
        return _over_quota(ctx, reserved)
    assert isinstance(reserved, Issue), "what costs no points is never too dear"
    if reserved.value > ctx.services.vouchers.quota.value:
        await ctx.services.alerts.tell(
            connection,
            f"large:{reserved.ref}",
            N_("%(name)s issues %(voucher)s (%(value)s) to %(customer)s, ref %(ref)s."),
            ctx.now,
            runs=((N_("Show"), f"/ref {reserved.ref}"),),
            owners_only=True,
            except_member=int(seen["issuer"]) if seen["issuer"].isdecimal() else None,
            name=seen["by"],
            voucher=reserved.called,
            value=ctx._.money(reserved.value, DONG),
            customer=customer.ref,
            ref=reserved.ref,
        )
    return reserved


# ── finding out how it ended ─────────────────────────────────────────────────────────────────────


@admin.command(
    "issue list",
    ListIssues,
    role="manager",
    about=N_("vouchers, or only those of unknown outcome"),
    aliases=("issues",),
)
async def list_issues(ctx: StaffContext, args: ListIssues) -> Answer:
    """Newest first, everybody's."""
    start = (args.page - 1) * PAGE
    found = await issues.newest(ctx.work.reads, only_open=args.which == "unknown", limit=PAGE + 1, offset=start)
    if not found:
        text = (
            ctx._("There is no voucher of unknown outcome.") if args.which == "unknown" else ctx._("No vouchers yet.")
        )
        return Reply((Text(text),), (*_back(ctx), *commands_button(ctx._)))
    shown = found[:PAGE]
    title = ctx._("Vouchers of unknown outcome") if args.which == "unknown" else ctx._("All vouchers")
    details = tuple(button for issue in shown for button in run_button(issue.ref, f"/issue show {issue.ref}"))
    more = views.next_page(ctx._, "issue list", args, len(found) > PAGE)
    return Reply((issues_card(ctx._, shown, title),), (*details, *more, *commands_button(ctx._)))


@admin.command("issue show", OneIssue, role="manager", about=N_("a voucher, and what can be done about it"))
async def show_issue(ctx: StaffContext, args: OneIssue) -> Answer:
    """With the decisions as buttons while it is open."""
    issue = await issues.by_ref(ctx.work.reads, args.ref.upper())
    if issue is None:
        return _no_receipt(ctx, args.ref)
    return await receipt(ctx, issue)


@admin.command("issue retry", OneIssue, role="manager", about=N_("ask Got It again, with the same request"))
async def preview_retry(ctx: StaffContext, args: OneIssue) -> Preview | Answer:
    """What is asked again, and that it cannot be issued twice by that."""
    _gotit(ctx)
    issue = await issues.by_ref(ctx.work.reads, args.ref.upper())
    if issue is None or not issue.open:
        return _no_receipt(ctx, args.ref) if issue is None else await _ended(ctx, issue)
    await _note(ctx, issue)
    text = ctx._(
        "Got It is asked for %(name)s again with the same request (%(request)s), so that it is not issued twice.",
        name=issue.called,
        request=issue.request_id,
    )
    # Translators: a button: ask the vendor for a voucher again
    return Preview((Text(text),), label=ctx._("Ask again"), whom=issue.ref)


@admin.performs("issue retry")
async def retry_issue(ctx: StaffContext, args: OneIssue) -> Answer:
    """At once; a job is left behind in case this process dies over it."""
    gotit = _gotit(ctx)
    issue = await issues.by_ref(ctx.work.reads, args.ref.upper())
    if issue is None or not issue.open:
        return _no_receipt(ctx, args.ref) if issue is None else await _ended(ctx, issue)
    before = issue.state
    await ctx.services.vouchers.reopen(await ctx.work.begin(), issue, LEASE)
    await ctx.work.save()
    late = issue.issuer != issuer_of(ctx.actor)
    issue = await ctx.services.vouchers.attempt(ctx.work.pool, gotit, issue.id, late=late)
    ctx.notes.before = before
    return shown_changed(await _told(ctx, issue), _states(ctx, before, issue))


@admin.command("issue resolve", ResolveIssue, role="manager", about=N_("say how a voucher ended, as Got It told you"))
async def preview_settling(ctx: StaffContext, args: ResolveIssue) -> Preview | Answer:
    """What it does to the points; the customer is told."""
    issue = await issues.by_ref(ctx.work.reads, args.ref.upper())
    if issue is None or not issue.open:
        return _no_receipt(ctx, args.ref) if issue is None else await _ended(ctx, issue)
    customer = await _note(ctx, issue)
    if customer is not None and await _is_oneself(ctx, customer):
        return refusals.oneself(ctx, customer)
    card = settling_card(ctx._, issue, ok=args.end == "ok", reason=args.reason)
    label = ctx._("It was issued") if args.end == "ok" else ctx._("It was not")
    return Preview((card,), label=label, whom=issue.ref)


@admin.performs("issue resolve")
async def settle_issue(ctx: StaffContext, args: ResolveIssue) -> Answer:
    """For good: what has an end keeps it."""
    issue = await issues.by_ref(ctx.work.reads, args.ref.upper())
    if issue is None:
        return _no_receipt(ctx, args.ref)
    customer = await _note(ctx, issue)
    if customer is not None and await _is_oneself(ctx, customer):
        return refusals.oneself(ctx, customer)
    connection = await ctx.work.begin()
    reason = f"{ctx.actor.name}: {scrubbed(args.reason)}"
    settled = await ctx.services.vouchers.resolve(
        connection, issue, ctx.now, ok=args.end == "ok", reason=reason, by=issuer_of(ctx.actor)
    )
    if settled is None:
        issue = await issues.read(connection, issue.id) or issue
        if not issue.open:
            return await _ended(ctx, issue)
        ctx.notes.result = "refused"
        text = ctx._(
            "Got It is being asked about %(ref)s at this moment. Please look again in a minute.", ref=issue.ref
        )
        return Reply((Text(text),), run_button(ctx._("Show"), f"/issue show {issue.ref}"))
    ctx.notes.before, ctx.notes.after = issue.state, settled.state
    return shown_changed(await receipt(ctx, settled), _states(ctx, issue.state, settled))


# ── shared ───────────────────────────────────────────────────────────────────────────────────────


def issuer_of(actor: Actor) -> str:
    """What is kept, and told to Got It, of who issues: a number of ours, never a platform's id."""
    return actor.name if actor.id is None else str(actor.id)


async def name_of(ctx: StaffContext, issuer: str) -> str:
    """What an issuer is called; their number when they are no staff any more."""
    member = await staff.by_id(ctx.work.reads, int(issuer)) if issuer.isdecimal() else None
    return member.name if member else f"#{issuer}" if issuer.isdecimal() else issuer


async def receipt(ctx: StaffContext, issue: Issue) -> Reply:
    """How a voucher stands, whoever's it is, with what this member may do about it."""
    customer = await _note(ctx, issue)
    card = issue_card(ctx._, issue, customer, await name_of(ctx, issue.issuer))
    decide: tuple[Button, ...] = ()
    if issue.open and ctx.actor.may("manager"):
        decide = (
            *run_button(ctx._("Ask again"), f"/issue retry {issue.ref}"),
            # Translators: a button: the voucher was issued, as the vendor says
            *run_button(ctx._("It was issued"), _line(ctx, issue.ref, "ok")),
            # Translators: a button: the voucher was not issued, as the vendor says
            *run_button(ctx._("It was not"), _line(ctx, issue.ref, "failed")),
        )
    look = run_button(ctx._("Look again"), f"/ref {issue.ref}") if issue.open else ()
    who = run_button(customer.ref, f"/who {customer.ref}") if customer else ()
    return Reply((card,), (*decide, *look, *who, *commands_button(ctx._)))


async def _told(ctx: StaffContext, issue: Issue) -> Reply:
    """What came of a call, for who made it."""
    ctx.notes.after = issue.state
    if issue.state is IssueState.FAILED:
        ctx.notes.result = "failed"
    elif issue.open:
        ctx.notes.result = "unknown"
    return await receipt(ctx, issue)


def _states(ctx: StaffContext, before: IssueState | None, after: Issue) -> Row:
    """before: None when there was no voucher."""
    badges = state_badges(ctx._)
    return change(ctx._, ctx._("State"), badges[before].word if before else ctx._("none"), badges[after.state].word)


def _line(ctx: StaffContext, ref: str, end: Literal["ok", "failed"]) -> str:
    reason = ctx._("Got It says so")
    return line_of("issue resolve", ResolveIssue(ref=ref, end=end, reason=reason))


async def _ended(ctx: StaffContext, issue: Issue) -> Reply:
    """There is nothing to decide any more: what it is."""
    shown = await receipt(ctx, issue)
    ctx.notes.result = "refused"
    text = ctx._("%(ref)s is settled already, and stays as it is.", ref=issue.ref)
    return shown.after(Text(text))


async def _note(ctx: StaffContext, issue: Issue) -> Customer | None:
    """Whose voucher it is, for the trail and for the next `last`."""
    ctx.notes.ref = issue.ref
    owner = issue.customer_id
    customer = await customers.by_id(ctx.work.reads, owner) if owner is not None else None
    if customer is not None:
        ctx.customer.state.last = ctx.notes.customer = customer.ref
    return customer


def _gotit(ctx: StaffContext) -> GotItApi:
    if ctx.apis.gotit is None:
        raise UserError(N_("Vouchers are switched off here: Got It's settings are not set."))
    return ctx.apis.gotit


async def _find(ctx: StaffContext, gotit: GotItApi, gift_id: int, price_id: int) -> Gift | None:
    """A voucher as it is now. Raises UpstreamError; yesterday's list is no list to issue from."""
    listed, trouble = await ctx.services.catalogue.listed(gotit, ctx.now)
    if trouble:
        raise UpstreamUnavailable("gotit", "only an older catalogue is known")
    every = (*(offer.gift for offer in listed.offers), *listed.unpriced)
    return next((gift for gift in every if (gift.gift_id, gift.price_id) == (gift_id, price_id)), None)


async def _is_oneself(ctx: StaffContext, customer: Customer) -> bool:
    return await ctx.services.linking.same_person(ctx.work.reads, ctx.customer, customer)


def _limited(actor: Actor) -> bool:
    return not actor.may("manager")


def _target(gift_id: int, price_id: int, quantity: int) -> str:
    return f"{quantity} × {ids_text(gift_id, price_id)}"


def _not_there(ctx: StaffContext, gift_id: int, price_id: int) -> Answer:
    ctx.notes.result = "not found"
    text = ctx._("Got It has no voucher %(ids)s.", ids=ids_text(gift_id, price_id))
    return Reply((Text(text),), (*_back(ctx), *run_button(ctx._("Reload"), "/catalog reload")))


def _no_receipt(ctx: StaffContext, typed: str) -> Answer:
    ctx.notes.result = "not found"
    text = ctx._("There is no voucher %(ref)s.", ref=typed)
    return Reply((Text(text),), run_button(ctx._("All vouchers"), "/issue list"))


def _over_quota(ctx: StaffContext, reached: CapReached) -> Answer:
    ctx.notes.result = "refused: quota"
    text = ctx._(
        "That is more than you may issue today: %(left)s are left. A manager can do it.",
        left=quota_text(ctx._, reached.left),
    )
    return Reply((Text(text),), commands_button(ctx._))


def _back(ctx: StaffContext) -> tuple[Button, ...]:
    # Translators: a button: the list of vouchers that can be had
    return run_button(ctx._("Catalogue"), "/catalog")

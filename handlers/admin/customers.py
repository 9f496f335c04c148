"""Customers, by what they can read out at a counter: their number or a receipt's. Never by name."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from bot.apis.altegio import Cards
from bot.apis.mantago import Gifts
from bot.apis.poshen import RedemptionCode
from bot.conversation.context import Answer
from bot.conversation.messages import Button, Reply, Text
from bot.errors import UpstreamError
from bot.i18n import N_
from bot.partners import mantago_platform
from bot.services.linking import Lapsed, Link, read_code
from bot.services.points import NotEnough
from bot.staff.arguments import AnybodyRef, Arguments, CustomerRef, Keyed, Positional, ReceiptRef, line_of
from bot.staff.reading import Missing
from bot.staff.routes import Preview, StaffContext, StaffRouter
from bot.staff.scrubbing import scrubbed
from bot.staff.teaching import commands_button, explain, run_button, vendor_trouble
from bot.storage import audit, claims, customers, issues, links, points, redemptions, staff
from bot.storage.customers import Customer
from bot.storage.points import Account
from bot.understanding import references
from bot.understanding.personal import is_private
from handlers import human
from handlers.admin import redemptions as at_poshen
from handlers.admin import refusals, vouchers
from handlers.admin.codes import find as find_code
from handlers.admin.stores import whereabouts
from handlers.views import staff as views
from handlers.views.changes import change, shown_changed
from handlers.views.choices import Go
from handlers.views.staff_codes import undone_text
from handlers.views.staff_customers import adjustment_card, ledger_card, wallet_card
from handlers.views.vouchers import points_text

admin = StaffRouter(N_("Customers"))
admin.noun("who", N_("/who, /customer"))
admin.noun("ref", N_("/ref, /receipt"))
admin.noun("gifts", N_("/gifts, /wallet"))
admin.noun("points", N_("/points"))

PAGE = 8
LEDGER = 100  # lines that can be looked at
MOST_POINTS = 1_000_000
NEWEST = 3  # receipts to be tapped under a customer's card
PHONES_A_DAY = 30  # that a member may look up
ON_A_CARD = 4  # buttons
HAND_OVER = "use"  # the command that hands over what is a customer's

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 -]{2,38}[A-Za-z0-9]")  # as those are spelled that customers can type
_PLATFORM_ID = re.compile(r"U[0-9a-f]{32}|[0-9]{10,20}")


class Who(Arguments):
    """Whom: a reference, the one-time code that they show, their phone, or a code that they redeemed; for owners also a
    platform's id or a member's name."""

    customer: Annotated[AnybodyRef, Positional(N_("a customer or a receipt"), example="C-8F3K2M")]


class Receipt(Arguments):
    """Which receipt."""

    ref: Annotated[ReceiptRef, Positional(N_("a receipt"), example="R-7F3K9M")]


class Wallet(Arguments):
    """Whose."""

    customer: Annotated[CustomerRef, Positional(N_("a customer"), example="C-8F3K2M")]


def _change(value: object) -> object:
    """With its sign: `50` alone could mean that there shall be fifty."""
    if isinstance(value, str):
        match = re.fullmatch(r"([+−–—-]?)\s*([0-9]+)\s*(?:點|点|points?|pts?)?", value, re.IGNORECASE)
        if match is None or not int(match[2]):
            raise PydanticCustomError("change", "a change")
        if not match[1]:
            raise PydanticCustomError("change", "a change", {"fits": [f"+{int(match[2])}", f"-{int(match[2])}"]})
        return int(match[2]) if match[1] == "+" else -int(match[2])
    return value


Change = Annotated[
    int,
    BeforeValidator(_change),
    Field(ge=-MOST_POINTS, le=MOST_POINTS),
    PlainSerializer("{:+d}".format),
]


class AdjustPoints(Arguments):
    """Whose; by how much and why, or else which page of the ledger."""

    customer: Annotated[CustomerRef, Positional(N_("a customer"), example="C-8F3K2M")]
    change: Annotated[
        Change | None,
        Positional(
            N_("by how much"),
            example="+50",
            typical=True,
            unfit=N_("Say how many points to give or to take, with a sign: +50 or -50."),
        ),
    ] = None
    reason: Annotated[str, Keyed(N_("why"), words=N_("late delivery"), typical=True), Field(max_length=200)] = ""
    page: Annotated[int, Keyed(N_("page"), example="2"), Field(ge=1, le=LEDGER // PAGE + 1)] = 1


@admin.command("who", Who, role="staff", counter=True, about=N_("a customer, without name or phone"))
async def show_customer(ctx: StaffContext, args: Who) -> Answer:
    """Since when, from where, and how much of what; nothing that tells who they are. At the counter, by the one-time
    code alone."""
    typed, everything = args.customer, ctx.actor.may("staff")
    customer = await _find(ctx, typed) if everything else None
    if customer is not None:
        return await _shown(ctx, customer)
    if everything and ctx.services.linking.reads_like_phone(typed):
        return await _who_linked(ctx, typed)
    shows = read_code(typed) is not None and references.read(typed, "CR") is None
    may_try = shows and await ctx.services.counter_codes.may_try(ctx.work.reads, ctx.customer.person, ctx.now)
    if may_try and (customer := await _who_shows(ctx, typed)) is not None:
        return await _shown(ctx, customer)
    trouble = ""
    if everything and ctx.apis.poshen is not None and _may_be_code(typed):
        try:
            code = await find_code(ctx, typed, by_number=False)  # A bare number is no code's: it would name a stranger.
        except UpstreamError as error:
            if not shows:
                raise
            code, trouble = None, vendor_trouble(ctx._, error)
        if code is not None:
            return await _who_redeemed(ctx, code)
    if may_try:
        await ctx.services.counter_codes.count_wrong(await ctx.work.begin(), ctx.customer.person, ctx.now)
    if shows:
        return _no_code(ctx, trouble, tried=may_try)
    if not everything:
        ctx.notes.result = "refused"
        text = ctx._("With your role, a customer is found by the code that they show: [My code] on their overview.")
        return Reply((Text(text),), commands_button(ctx._))
    return refusals.nobody(ctx, typed)


async def _who_shows(ctx: StaffContext, typed: str) -> Customer | None:
    """Whose one-time code this is. Who may look no further has it used up by what they do with it."""
    code = await ctx.services.counter_codes.find(ctx.work.reads, typed, "person", ctx.happened_at)
    customer = await customers.by_id(ctx.work.reads, code.customer_id) if code and code.customer_id else None
    if code is None or customer is None:
        return None
    if ctx.actor.may("staff"):
        if not await ctx.services.counter_codes.end(await ctx.work.begin(), code.id, ctx.now):
            await ctx.work.end(commit=False)  # A vendor is asked next.
            return None  # Somebody else was faster.
        ctx.customer.state.last = customer.ref
    ctx.notes.customer = customer.ref
    return customer


def _no_code(ctx: StaffContext, trouble: str, *, tried: bool) -> Reply:
    """Wrong, used and too old read the same. trouble: why nobody knows whether it is a code to redeem."""
    ctx.notes.result = "not found" if tried else "refused: quota"
    text = ctx._(
        "That code is nobody's now: it is mistyped, used, or older than five minutes. [My code] gives the customer a "
        "new one."
    )
    if not tried:
        text = ctx._("Five wrong codes within an hour: please wait, or let somebody else of the staff do it.")
    return Reply((Text("\n".join(filter(None, (text, trouble)))),), commands_button(ctx._))


async def _who_linked(ctx: StaffContext, typed: str) -> Answer:
    """Who has proven a phone at the counter. None and lapsed read the same; the phone is never said again."""
    ctx.notes.target = audit.BY_PHONE
    since = ctx.now - timedelta(days=1)
    if ctx.actor.id is not None:
        asked = await audit.times(ctx.work.reads, ctx.actor.id, "who", audit.BY_PHONE, since)
        if asked >= PHONES_A_DAY:
            ctx.notes.result = "refused: quota"
            text = ctx._("You have looked up %(n)s phones within a day. Somebody else can do the next one.", n=asked)
            return Reply((Text(text),), commands_button(ctx._))
    phone = ctx.services.linking.phone(typed)
    ids = await ctx.services.linking.proven(ctx.work.reads, phone, ctx.now) if phone else []
    rows = [await customers.by_id(ctx.work.reads, each) for each in ids]
    found = [customer for customer in rows if customer is not None]
    if len(found) == 1:
        ctx.customer.state.last = ctx.notes.customer = found[0].ref
        return await _shown(ctx, found[0])
    if not found:
        ctx.notes.result = "not found"
        text = ctx._("Nobody has this phone linked at the counter, or used it within a year.")
        return Reply((Text(text),), (*_link_button(ctx), *commands_button(ctx._)))
    opens = tuple(button for each in found for button in run_button(each.ref, f"/who {each.ref}"))
    return Reply((views.chats_card(ctx._, found),), (*opens, *commands_button(ctx._)))


def _may_be_code(typed: str) -> bool:
    """Not what identifies a person, which no vendor is asked about, nor what names a customer in another way."""
    named = typed == "last" or _PLATFORM_ID.fullmatch(typed) or references.read(typed) is not None
    return bool(_CODE.fullmatch(typed)) and not named and not is_private(typed)


async def _who_redeemed(ctx: StaffContext, code: RedemptionCode) -> Answer:
    """Who redeemed a code: one customer is shown, several are listed."""
    found = await claims.customers_of_code(ctx.work.reads, code.id, PAGE + 1)
    only = await ctx.customer_of(found[0][0]) if len(found) == 1 else None
    if only is not None:
        return await _shown(ctx, only)
    show = run_button(ctx._("Show the code"), f"/code show #{code.id}")
    if not found:
        ctx.notes.result = "not found"
        return Reply((Text(ctx._("Nobody has redeemed this code here.")),), (*show, *commands_button(ctx._)))
    shown = found[:PAGE]
    opens = tuple(button for ref, _at in shown for button in run_button(ref, f"/who {ref}"))
    card = views.redeemers_card(ctx._, code.code, shown, more=len(found) > PAGE)
    return Reply((card,), (*opens, *show, *commands_button(ctx._)))


async def _shown(ctx: StaffContext, customer: Customer) -> Reply:
    """Their card, with what a counter needs a tap away."""
    assert customer.id is not None, "it was found by its row"
    if not ctx.actor.may("staff"):  # At the counter one sees who stands there, and nothing else of them.
        return Reply((views.guest_card(ctx._, customer),), commands_button(ctx._))
    reads = ctx.work.reads
    card = views.customer_card(
        ctx._,
        customer,
        redeemed=await claims.count_of_customer(reads, customer.id),
        redeeming=len(await redemptions.unsettled_of(reads, customer.id)),
        player=await ctx.services.players.of(reads, customer.id) if ctx.brand.offers("player") else None,
        plays=ctx.brand.offers("player"),
        vouchers=await issues.count_of_customer(reads, customer.id),
        points=await ctx.services.points.balance(reads, customer.id),
        link=await links.of_customer(reads, customer.id),
        block=await ctx.services.blocking.of(reads, customer, ctx.now),
        now=ctx.now,
    )
    newest = (await claims.of_customer(reads, customer.id))[:NEWEST]
    receipts = (button for claim in newest for button in run_button(claim.ref, f"/ref {claim.ref}"))
    helped = _helped_button(ctx, customer)
    # Translators: a button: a customer gets points for coming by
    visit = run_button(ctx._("Count the visit"), f"/visit {customer.ref}") if ctx.brand.counts_visits else ()
    taps = (
        *_hand_over_button(ctx, customer),
        *run_button(ctx._("Wallet"), f"/gifts {customer.ref}"),
        *_ledger_button(ctx, customer),
        *_link_button(ctx),
        *_send_button(ctx, customer),
    )
    # On the card, too: LINE on a computer shows none below it.
    card = replace(card, buttons=(*card.buttons, *taps)[:ON_A_CARD])
    return Reply((card,), (*helped, *visit, *taps, *receipts, *commands_button(ctx._)))


def _hand_over_button(ctx: StaffContext, customer: Customer) -> tuple[Button, ...]:
    """To the customer's things, of which one is handed over."""
    # Translators: a button: choose what is handed over to a customer
    return _if_may(ctx, HAND_OVER, run_button(ctx._("Hand over"), f"/{HAND_OVER} {customer.ref}"))


def _link_button(ctx: StaffContext) -> tuple[Button, ...]:
    """Asks for the phone: nobody knows it here."""
    offers = ctx.brand.offers("link")
    # Translators: a button: link a customer's phone
    return _if_may(ctx, "link new", (Button(ctx._("Link a phone"), Go(command="staff-link")),)) if offers else ()


def _send_button(ctx: StaffContext, customer: Customer) -> tuple[Button, ...]:
    """To the vouchers, each of which leads to giving it."""
    offers = ctx.brand.offers("vouchers")
    # Translators: a button: choose a voucher for a customer
    return _if_may(ctx, "issue", run_button(ctx._("Send voucher"), f"/catalog for={customer.ref}")) if offers else ()


def _if_may(ctx: StaffContext, command: str, buttons: tuple[Button, ...]) -> tuple[Button, ...]:
    """Buttons to a command, where there is one that this member may use."""
    known = ctx.commands.commands.get(command)
    return buttons if known is not None and known.open_to(ctx.actor.role) else ()


@admin.command("ref", Receipt, role="staff", about=N_("any receipt: who, what, state"))
async def show_receipt(ctx: StaffContext, args: Receipt) -> Answer:
    """A redeemed code or a voucher, whoever's it is."""
    ref = args.ref.upper()
    reads = ctx.work.reads
    if issue := await issues.by_ref(reads, ref):
        return await vouchers.receipt(ctx, issue)
    found = await claims.find(reads, ref)
    if found is None and (undone := await claims.undone(reads, ref)):
        ctx.notes.ref = ref
        return Reply((Text(undone_text(ctx._, undone)),), commands_button(ctx._))
    if found is None and (redemption := await redemptions.by_ref(reads, ref)):
        return await at_poshen.receipt(ctx, redemption)
    if found is None:
        ctx.notes.result = "not found"
        if re.fullmatch(r"C-\w{6}", ref):
            text = ctx._("%(ref)s is a customer's number, not a receipt's. /who shows them.", ref=ref)
            return Reply((Text(text),), (*run_button(f"/who {ref}", f"/who {ref}"), *commands_button(ctx._)))
        return Reply((Text(ctx._("There is no receipt %(ref)s.", ref=args.ref)),), commands_button(ctx._))
    ctx.notes.ref = ref
    customer = await customers.by_id(reads, found.customer_id) if found.customer_id is not None else None
    if customer is not None:
        ctx.customer.state.last = ctx.notes.customer = customer.ref
    who = run_button(customer.ref, f"/who {customer.ref}") if customer else ()
    # Translators: a button: look at what taking a claim back would do
    undo = run_button(ctx._("Undo"), f"/code undo {ref}") if ctx.actor.may("manager") else ()
    return Reply((views.claim_card(ctx._, found.claim, customer),), (*undo, *who, *commands_button(ctx._)))


# ── the wallet ───────────────────────────────────────────────────────────────────────────────────


@admin.command("gifts", Wallet, role="staff", about=N_("what a customer has, as the vendors say now"))
async def show_wallet(ctx: StaffContext, args: Wallet) -> Answer:
    """Every vendor asked at the same time; one in trouble costs only its own part."""
    customer = await ctx.customer_of(args.customer)
    if customer is None or customer.id is None:
        return refusals.nobody(ctx, args.customer)
    reads = ctx.work.reads
    link = await ctx.services.linking.linked(reads, customer.id, ctx.now)
    account, mine = None, []
    if ctx.apis.gotit is not None:
        account = await points.balance(reads, customer.id)
        mine = await issues.of_customer(reads, customer.id, NEWEST)
    gifts, collected, cards = await asyncio.gather(_gifts(ctx, customer), _collected(ctx, customer), _cards(ctx, link))
    card = wallet_card(
        ctx._,
        customer,
        gifts=gifts,
        collected=collected,
        account=account,
        vouchers=mine,
        link=link,
        cards=cards,
        shows_cards=ctx.apis.altegio is not None,
        now=ctx.now,
    )
    receipts = (button for issue in mine for button in run_button(issue.ref, f"/ref {issue.ref}"))
    who = run_button(customer.ref, f"/who {customer.ref}")
    helped = _helped_button(ctx, customer)
    return Reply((card,), (*helped, *receipts, *_ledger_button(ctx, customer), *who, *commands_button(ctx._)))


def _helped_button(ctx: StaffContext, customer: Customer) -> tuple[Button, ...]:
    """Of somebody who waits for a person: the alert's own button is gone once something else was looked at."""
    waits = human.waiting(customer, ctx.now)
    return run_button(ctx._("Done"), f"/done {customer.ref}") if waits and "done_by" not in waits else ()


def _ledger_button(ctx: StaffContext, customer: Customer) -> tuple[Button, ...]:
    return run_button(ctx._("Points"), f"/points {customer.ref}") if ctx.actor.may("manager") else ()


async def _gifts(ctx: StaffContext, customer: Customer) -> Gifts | str | None:
    """What MantaGo says of somebody, or what is wrong with it. Their own list is left as it is."""
    if ctx.apis.mantago is None:
        return None
    try:
        return await ctx.apis.mantago.gifts(mantago_platform(customer.channel), customer.person.rsplit(":", 1)[-1])
    except UpstreamError as error:
        return vendor_trouble(ctx._, error)


async def _collected(ctx: StaffContext, customer: Customer) -> int | str | None:
    """The points that MantaGo counts for somebody, None when it does not say; or what is wrong with it."""
    if ctx.apis.mantago is None or not ctx.brand.shows_collected:
        return None
    user = customer.person.rsplit(":", 1)[-1]
    try:
        return (await ctx.apis.mantago.points(mantago_platform(customer.channel), [user])).get(user)
    except UpstreamError as error:
        return vendor_trouble(ctx._, error)


async def _cards(ctx: StaffContext, link: Link | Lapsed | None) -> Cards | str | None:
    """The cards of a proven phone, or what is wrong. Staff who look do not keep a link alive."""
    if ctx.apis.altegio is None or not isinstance(link, Link):
        return None
    try:
        return await ctx.services.giftcards.of(ctx.apis.altegio, link, ctx.now)
    except UpstreamError as error:
        return vendor_trouble(ctx._, error)


# ── points ───────────────────────────────────────────────────────────────────────────────────────


@admin.command("points", AdjustPoints, role="manager", about=N_("a customer's points, or a change of them"))
async def preview_adjustment(ctx: StaffContext, args: AdjustPoints) -> Preview | Answer:
    """Balance and ledger; with a change, what there would be after it."""
    customer = await ctx.customer_of(args.customer)
    if customer is None or customer.id is None:
        return refusals.nobody(ctx, args.customer)
    account = await ctx.services.points.balance(ctx.work.reads, customer.id)
    if args.change is None:
        return await _ledger(ctx, customer, account, args.page)
    if len(args.reason.strip()) < 2:
        ctx.notes.result = "refused"
        spec = next(spec for spec in AdjustPoints.specs if spec.name == "reason")
        return explain(ctx._, Missing("points", AdjustPoints, spec))
    if await ctx.services.linking.same_person(ctx.work.reads, ctx.customer, customer):
        return refusals.oneself(ctx, customer)
    if account.available + args.change < 0:
        return _too_few(ctx, customer, account)
    place = await whereabouts(ctx, "points", args)
    if isinstance(place, Reply):
        return place
    card = adjustment_card(ctx._, customer, account, args.change, args.reason, place)
    seen = {"customer": customer.ref, "store": place.store.id if place.store else None}
    return Preview((card,), label=ctx._("Change it"), whom=customer.ref, seen=seen)


@admin.performs("points")
async def adjust_points(ctx: StaffContext, args: AdjustPoints) -> Answer:
    """Once; what is on hold for vouchers stays there."""
    assert ctx.confirmed is not None and args.change is not None, "only a preview of a change leads here"
    customer = await ctx.customer_of(ctx.confirmed.seen["customer"])
    if customer is None or customer.id is None:
        return refusals.nobody(ctx, args.customer)
    if await ctx.services.linking.same_person(ctx.work.reads, ctx.customer, customer):
        return refusals.oneself(ctx, customer)
    connection = await ctx.work.begin()
    account = await ctx.services.points.adjust(
        connection,
        customer.id,
        args.change,
        key=f"staff:{ctx.confirmed.key}",
        actor=vouchers.issuer_of(ctx.actor),
        reason=scrubbed(args.reason),
        now=ctx.now,
        tell=True,
        store_id=ctx.confirmed.seen.get("store"),  # not there in what the version before asked
    )
    if isinstance(account, NotEnough):
        return _too_few(ctx, customer, await points.balance(connection, customer.id))
    ctx.notes.before, ctx.notes.after = str(account.available - args.change), str(account.available)
    opposite = AdjustPoints(customer=customer.ref, change=-args.change, reason=ctx._("correction"))
    # Translators: a button: change points by as much the other way
    back = run_button(ctx._("Change it back"), line_of("points", opposite))
    balances = ctx._.number(account.available - args.change), ctx._.number(account.available)
    balance = change(ctx._, ctx._("Points"), *balances)
    shown = shown_changed(await _ledger(ctx, customer, account, 1), balance)
    return replace(shown, choices=(*back, *shown.choices))


async def _ledger(ctx: StaffContext, customer: Customer, account: Account, page: int) -> Reply:
    assert customer.id is not None, "it was found by its row"
    entries = [each for each in await points.history(ctx.work.reads, customer.id, LEDGER) if each.available]
    shown = entries[(page - 1) * PAGE : page * PAGE]
    names = {str(each.id): each.name for each in await staff.everybody(ctx.work.reads)}
    more = views.next_page(ctx._, "points", AdjustPoints(customer=customer.ref, page=page), len(entries) > page * PAGE)
    who = run_button(customer.ref, f"/who {customer.ref}")
    return Reply((ledger_card(ctx._, customer, account, shown, names),), (*more, *who, *commands_button(ctx._)))


def _too_few(ctx: StaffContext, customer: Customer, account: Account) -> Answer:
    ctx.notes.result = "refused: not enough"
    text = ctx._(
        "That is too much: %(customer)s has %(points)s.",
        customer=customer.ref,
        points=points_text(ctx._, account.available),
    )
    if account.held:
        text = ctx._(
            "That is too much: %(customer)s has %(points)s. The %(held)s on hold cannot be taken.",
            customer=customer.ref,
            points=points_text(ctx._, account.available),
            held=ctx._.number(account.held),
        )
    return Reply((Text(text),), run_button(ctx._("Show"), f"/points {customer.ref}"))


async def _find(ctx: StaffContext, typed: str) -> Customer | None:
    ref = typed if typed == "last" else references.read(typed, "CR")
    found = await ctx.customer_of(ref) if ref else None
    if found is not None or not ctx.actor.may("owner"):
        return found
    if _PLATFORM_ID.fullmatch(typed):
        found = await customers.by_user_id(ctx.work.reads, typed)
    elif member := await staff.by_name(ctx.work.reads, typed.casefold()):
        found = await customers.by_person(ctx.work.reads, member.person)
    if found is not None:
        ctx.customer.state.last = ctx.notes.customer = found.ref
    return found

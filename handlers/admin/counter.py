"""The counter: handing over what a customer shows, and one's own code for who cannot show one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from bot.apis.mantago import KINDS, TICKETS, Gift, Gifts
from bot.conversation.context import Answer
from bot.conversation.messages import Button, Reply, Text
from bot.errors import CredentialsRefused, UpstreamError, UserError
from bot.i18n import N_
from bot.partners import mantago_platform
from bot.services.counter_codes import CounterCode
from bot.services.hand_overs import RECEIPT, Gone, HandedOver, Item, TooLate, alike, called, numbered
from bot.services.linking import read_code
from bot.services.wallet import read_gifts
from bot.staff.arguments import Arguments, Duration, Keyed, Number, Positional
from bot.staff.routes import Preview, StaffContext, StaffRouter
from bot.staff.teaching import commands_button, run_button
from bot.storage import claims, counts, customers, export_files, hand_overs
from bot.storage.counter_pictures import LENGTHS
from bot.storage.customers import Customer
from bot.storage.hand_overs import HandOver
from bot.understanding import references
from handlers.admin import refusals
from handlers.admin.stores import whereabouts
from handlers.views import staff as staff_views
from handlers.views import staff_counter as views
from handlers.views.changes import change, changed

admin = StaffRouter(N_("Counter"))
admin.noun("use", N_("/use, /hand"))
admin.noun("counter", N_("/counter"))
admin.noun("handed", N_("/handed"))

CHECKED_WITHIN = 2.0  # seconds for MantaGo, while a customer stands there
PAGE = 8
SHORT = 8  # symbols of a thing's key that tell it from a customer's others


class Use(Arguments):
    """What the customer shows; or whose choice, when they typed one's own code."""

    code: Annotated[
        str,
        Positional(N_("the customer's code"), example="K7PQ-4M2X", rest=True, audited="never"),
        Field(max_length=40),
    ]
    thing: Annotated[str, Keyed(N_("which of their things"), example="3f9a20c1"), Field(max_length=SHORT)] = ""


class ListHanded(Arguments):
    """Which hand-overs, and which page of them."""

    which: Annotated[Literal["today", "last"], Positional(N_("which hand-overs"), example="last")] = "today"
    page: Annotated[int, Keyed(N_("page"), example="2"), Field(ge=1, le=1000)] = 1


class ExportHanded(Arguments):
    """From when on."""

    since: Annotated[Duration, Keyed(N_("how far back"), example="30d")] = timedelta(days=30)


class OneHandOver(Arguments):
    """Which hand-over."""

    number: Annotated[Number, Positional(N_("a hand-over"), example="12", look_up=(N_("Today"), "/handed"))]


# ── handing over ─────────────────────────────────────────────────────────────────────────────────


@admin.command("use", Use, role="staff", counter=True, about=N_("hand over what a customer shows"))
async def preview_hand_over(ctx: StaffContext, args: Use) -> Preview | Answer:
    """What it is and whose, asked of MantaGo once more; nothing happens before it is confirmed."""
    code = await _code(ctx, args)
    if not isinstance(code, CounterCode):
        return code
    assert code.customer_id is not None and code.item is not None, "it is a customer's code for a thing"
    customer = await customers.by_id(ctx.work.reads, code.customer_id)
    if customer is None:
        return await _no_code(ctx)
    ctx.customer.state.last = ctx.notes.customer = customer.ref
    if await ctx.services.linking.same_person(ctx.work.reads, ctx.customer, customer):
        return refusals.oneself(ctx, customer)
    item = Item.of_json(code.item)
    ctx.notes.target = _target(item)
    there, over, checked = await _there(ctx, customer, item)
    if not there:
        return _not_there(ctx, item, over)
    given = {(each.key, each.nth): each for each in await ctx.services.hand_overs.of(ctx.work.reads, customer.person)}
    units = numbered(there)
    done = [given[each.key, nth] for each, nth in units if (each.key, nth) in given]
    left = [(each, nth) for each, nth in units if (each.key, nth) not in given]
    before = max(done, key=lambda each: each.at, default=None)
    if not left:
        assert before is not None, "all of them are handed over"
        return _handed_before(ctx, before)
    # A customer's number is no secret: only a code has to be sent again after the question.
    place = await whereabouts(ctx, "use", args, secret=references.read(args.code, "C") is None)
    if isinstance(place, Reply):
        return place
    thing, nth = left[0]
    card = views.preview_card(
        ctx._, thing, customer.ref, place=len(done) + 1, total=len(units), before=before, checked=checked
    )
    return Preview(
        (card,),
        # Translators: a button: give the customer the thing now
        label=ctx._("Hand over"),
        # Translators: a button: the customer has shown another thing than they want
        cancel=ctx._("Not this one"),
        whom=customer.ref,
        seen={
            "customer": customer.ref,
            "item": thing.as_json(),
            "nth": nth,
            "code": code.id,
            "store": [place.store.id, place.store.name] if place.store else None,
        },
    )


@admin.performs("use")
async def hand_over(ctx: StaffContext, _args: Use) -> Answer:
    """Once, whoever confirms it at the same time and with whichever code; both are told."""
    assert ctx.confirmed is not None, "only a preview leads here"
    seen = ctx.confirmed.seen
    customer = await ctx.customer_of(seen["customer"])
    if customer is None:
        return refusals.nobody(ctx, seen["customer"])
    if await ctx.services.linking.same_person(ctx.work.reads, ctx.customer, customer):
        return refusals.oneself(ctx, customer)
    item = Item.of_json(seen["item"])
    ctx.notes.target = _target(item)
    store_id, store = seen["store"] or (None, "")
    done = await ctx.services.hand_overs.hand_over(
        await ctx.work.begin(),
        customer,
        item,
        seen["nth"],
        code_id=seen["code"],
        by=ctx.actor,
        event_id=ctx.event_id,
        now=ctx.now,
        store_id=store_id,
        store=store,
    )
    match done:
        case HandedOver(hand_over=standing):
            return _handed_before(ctx, standing)
        case Gone():
            ctx.notes.result = "refused"
            text = ctx._("That code was used meanwhile, or its customer or receipt is gone. Nothing was handed over.")
            return Reply((Text(text),), commands_button(ctx._))
        case HandOver():
            ctx.notes.before, ctx.notes.after, ctx.notes.ref = "not handed over", "handed over", f"#{done.id}"
            text = ctx._("Handed over to %(customer)s: %(item)s.", customer=customer.ref, item=called(ctx._, item))
            said = changed(text, change(ctx._, called(ctx._, item), ctx._("usable"), ctx._("handed over")))
            # Whoever finds a customer by a code alone has no way to them afterwards.
            who = run_button(customer.ref, f"/who {customer.ref}") if ctx.actor.may("staff") else commands_button(ctx._)
            return Reply((said,), (*_undo(ctx, done), *who))


async def _code(ctx: StaffContext, args: Use) -> CounterCode | Answer:
    """The customer's code, what they chose with one's own, or what a member chose for them; or why there is none.

    Wrong, used and too old read the same, and take the same queries.
    """
    codes, person, typed = ctx.services.counter_codes, ctx.customer.person, args.code
    ref = references.read(typed, "C")
    if ref is not None and ctx.actor.id is not None:
        customer = await customers.by_ref(ctx.work.reads, ref)
        if customer is None or customer.id is None:
            return refusals.nobody(ctx, ref) if ctx.actor.may("staff") else _nothing_chosen(ctx, ref)
        may_choose = ctx.actor.may("staff")
        picked = await codes.picked(ctx.work.reads, ctx.actor.id, customer.id, ctx.happened_at)
        if picked is not None and not (may_choose and args.thing):
            return picked
        return await _chosen(ctx, customer, args.thing) if may_choose else _nothing_chosen(ctx, ref)
    if read_code(typed, LENGTHS["gift"]) is None:
        ctx.notes.result = "refused"
        text = ctx._("A customer's code has eight letters and digits. Example: %(example)s", example="/use K7PQ-4M2X")
        return Reply((Text(text),), _own_code(ctx))
    if not await codes.may_try(ctx.work.reads, person, ctx.now):
        ctx.notes.result = "refused: quota"
        text = ctx._("Five wrong codes within an hour: please wait, or let somebody else of the staff do it.")
        return Reply((Text(text),), commands_button(ctx._))
    found = await codes.find(ctx.work.reads, typed, "gift", ctx.happened_at)
    return found or await _no_code(ctx)


async def _no_code(ctx: StaffContext) -> Reply:
    await ctx.services.counter_codes.count_wrong(await ctx.work.begin(), ctx.customer.person, ctx.now)
    ctx.notes.result = "not found"
    text = ctx._(
        "That code can't be used: it is mistyped, used, or older than five minutes. Let the customer show a new one."
    )
    return Reply((Text(text),), _own_code(ctx))


def _nothing_chosen(ctx: StaffContext, ref: str) -> Reply:
    ctx.notes.result = "not found"
    text = ctx._("%(customer)s has chosen nothing with your code within the last five minutes.", customer=ref)
    return Reply((Text(text),), _own_code(ctx))


async def _things(ctx: StaffContext, customer: Customer) -> tuple[list[Item], bool]:
    """What a customer has that can be handed over, a day's tickets as one; and whether MantaGo said so just now."""
    assert customer.id is not None, "it was found by its row"
    gifts, checked = await _held(ctx, customer.id, customer)
    usable = [gift for kind in KINDS for gift in gifts.of(kind) if gift.state(ctx.now) in ("valid", "unknown")]
    tickets = sorted(gifts.tickets, key=lambda each: each.received)
    receipts = [Item.of_claim(claim) for claim in await claims.of_customer(ctx.work.reads, customer.id)]
    every = [*map(Item.of_gift, usable), *map(Item.of_ticket, tickets), *filter(None, receipts)]
    given = {(each.key, each.nth) for each in await ctx.services.hand_overs.of(ctx.work.reads, customer.person)}
    left: dict[object, Item] = {}
    for item, nth in numbered(every):
        if (item.key, nth) not in given:
            day = item.since.astimezone(ctx._.zone).date() if item.kind == TICKETS and item.since else None
            left.setdefault(day or item.key, item)
    return list(left.values()), checked


async def _chosen(ctx: StaffContext, customer: Customer, thing: str) -> CounterCode | Reply:
    """A code for what a member has chosen, as if the customer had shown it; or the question which of their things it
    is, for whoever has found the customer in another way than by a thing's code."""
    if await ctx.services.linking.same_person(ctx.work.reads, ctx.customer, customer):
        return refusals.oneself(ctx, customer)
    ctx.customer.state.last = ctx.notes.customer = customer.ref
    found, checked = await _things(ctx, customer)
    things = {each.key[:SHORT].lower(): each for each in found}
    if chosen := things.get(thing.lower()):
        code = await ctx.services.counter_codes.make(
            await ctx.work.begin(), "gift", customer_id=customer.id, item=chosen.as_json(), now=ctx.now
        )
        await ctx.work.save()  # MantaGo is asked next. A code that nobody has seen is worth nothing to anybody.
        return code
    unchecked = "" if checked else ctx._("It could not be checked with MantaGo just now.")
    if not things:
        ctx.notes.result = "not found"
        nothing = ctx._("%(customer)s has nothing that can be handed over.", customer=customer.ref)
        text = "\n".join(filter(None, (nothing, unchecked)))
        return Reply((Text(text),), _own_code(ctx))
    buttons = tuple(
        button
        for key, each in list(things.items())[:PAGE]
        for button in run_button(called(ctx._, each), f"/use {customer.ref} thing={key}")
    )
    which = ctx._("What is handed over to %(customer)s?", customer=customer.ref)
    more = ctx._("There is more. For another one let the customer show its code.") if len(things) > PAGE else ""
    text = "\n".join(filter(None, (which, unchecked, more)))
    return Reply((Text(text),), (*buttons, *_own_code(ctx)))


async def _there(ctx: StaffContext, customer: Customer, item: Item) -> tuple[list[Item], list[Gift], bool]:
    """What the customer has like `item` and can use; what of it they cannot use now; and whether MantaGo said so just
    now. What it does not answer in time is taken from the list that the customer saw."""
    if item.kind == RECEIPT:
        found = await claims.find(ctx.work.reads, item.key)
        return ([item] if found and found.customer_id == customer.id else []), [], True
    assert customer.id is not None, "it was found by its row"
    gifts, checked = await _held(ctx, customer.id, customer)
    there, over = alike(item, gifts, ctx._.zone, ctx.now)
    return (there or ([] if checked or over else [item])), over, checked


async def _held(ctx: StaffContext, customer_id: int, customer: Customer) -> tuple[Gifts, bool]:
    """What MantaGo says a customer has, or the list that they saw last; and whether MantaGo said so just now."""
    gifts = await _asked(ctx, customer)
    if gifts is not None:
        return gifts, True
    kept = await ctx.services.wallet.kept(ctx.work.reads, customer_id)
    return (read_gifts(kept).gifts if kept else Gifts()), False


async def _asked(ctx: StaffContext, customer: Customer) -> Gifts | None:
    """What MantaGo says the customer has; None when it does not say so in time."""
    if ctx.apis.mantago is None:
        return None
    user_id = customer.person.rsplit(":", 1)[-1]
    try:
        async with asyncio.timeout(CHECKED_WITHIN):
            return await ctx.apis.mantago.gifts(mantago_platform(customer.channel), user_id)
    except CredentialsRefused as error:
        await ctx.services.alerts.credentials_refused(await ctx.work.begin(), "mantago", error.detail, ctx.now)
    except (UpstreamError, TimeoutError):
        pass
    return None


def _not_there(ctx: StaffContext, item: Item, over: Sequence[Gift]) -> Reply:
    """Used, taken back or expired since it was shown."""
    ctx.notes.result = "refused"
    text = ctx._("%(item)s is not among the customer's things any more.", item=called(ctx._, item))
    if over and (starts := over[0].starts) and starts > ctx.now:
        text = ctx._("%(item)s can be used from %(date)s on.", item=item.name, date=ctx._.moment(starts))
    elif over and (ends := over[0].ends):
        text = ctx._("%(item)s expired on %(date)s.", item=item.name, date=ctx._.moment(ends))
    elif over:
        text = ctx._("%(item)s has expired.", item=item.name)
    return Reply((Text(f"{text}\n{ctx._('Nothing was handed over.')}"),), commands_button(ctx._))


def _handed_before(ctx: StaffContext, standing: HandOver) -> Reply:
    ctx.notes.result = "refused"
    text = ctx._(
        "It was handed over already: %(when)s. Nothing more was done.", when=views.hand_over_text(ctx._, standing)
    )
    return Reply((Text(text),), (*_undo(ctx, standing), *commands_button(ctx._)))


def _undo(ctx: StaffContext, hand_over: HandOver) -> tuple[Button, ...]:
    # Translators: a button: look at what taking a hand-over back would do
    may = ctx.services.hand_overs.may_undo(hand_over, ctx.actor, ctx.now)
    return run_button(ctx._("Undo"), f"/handed undo {hand_over.id}") if may else ()


def _own_code(ctx: StaffContext) -> tuple[Button, ...]:
    # Translators: a button: a code of one's own, for a customer who cannot show one
    return (*run_button(ctx._("Show my code"), "/counter"), *commands_button(ctx._))


def _target(item: Item) -> str:
    """For the trail: no customer's data, but which thing of the brand's."""
    return "ticket" if item.kind == TICKETS else (item.name or item.key)[:80]


# ── one's own code ───────────────────────────────────────────────────────────────────────────────


@admin.command(
    "counter",
    role="staff",
    counter=True,
    about=N_("a code of yours, for a customer who cannot show one"),
    acts=True,
)
async def show_own_code(ctx: StaffContext, _args: Arguments) -> Answer:
    """It lets one customer choose what they want; nobody gains by it alone, so nothing is asked first."""
    if ctx.actor.id is None:
        raise UserError(N_("A code of one's own is for a member who stands at a counter."))
    code = await ctx.services.counter_codes.make(await ctx.work.begin(), "member", staff_id=ctx.actor.id, now=ctx.now)
    # Translators: a button: another code instead of this one
    again = run_button(ctx._("A new code"), "/counter")
    return Reply((views.shop_code_card(ctx._, code),), (*again, *commands_button(ctx._)))


# ── what was handed over ─────────────────────────────────────────────────────────────────────────


@admin.command(
    "handed", ListHanded, role="staff", counter=True, about=N_("what was handed over today, or what you did last")
)
async def list_hand_overs(ctx: StaffContext, args: ListHanded) -> Answer:
    """Everybody's of today, newest first; or one's own last one, to be undone, which is all that the counter sees."""
    reads = ctx.work.reads
    if args.which == "last" or not ctx.actor.may("staff"):
        last = await hand_overs.last_of(reads, ctx.actor.id)
        if last is None:
            ctx.notes.result = "not found"
            return Reply((Text(ctx._("You have handed over nothing yet.")),), commands_button(ctx._))
        ctx.notes.customer = last.customer
        undo = () if last.hand_over.undone_at else _undo(ctx, last.hand_over)
        return Reply((views.hand_over_card(ctx._, last),), (*undo, *commands_button(ctx._)))
    today = counts.first_day(ctx.now, 1, ctx._.zone)
    found = await hand_overs.since(reads, today, limit=PAGE + 1, skip=(args.page - 1) * PAGE)
    # Translators: a button: what I handed over last
    mine = run_button(ctx._("My last one"), "/handed last")
    if not found:
        return Reply((Text(ctx._("Nothing was handed over today.")),), (*mine, *commands_button(ctx._)))
    card = views.hand_overs_card(ctx._, found[:PAGE], await hand_overs.count_since(reads, today))
    more = staff_views.next_page(ctx._, "handed", args, len(found) > PAGE)
    return Reply((card,), (*mine, *more, *commands_button(ctx._)))


@admin.command("handed export", ExportHanded, role="manager", about=N_("what was handed over, as a file"), one_tap=True)
async def preview_export(ctx: StaffContext, args: ExportHanded) -> Preview | Answer:
    """How many hand-overs; whoever has the link has all of them."""
    found = await _exported(ctx, args)
    if isinstance(found, Reply):
        return found
    text = ctx._.ngettext(
        "A link to %(n)s hand-over. Whoever has it can open it, once.",
        "A link to %(n)s hand-overs. Whoever has it can open it, once.",
        found,
    )
    # Translators: a button: make a link to a file; the name of a job follows
    return Preview((Text(text),), label=ctx._("Make a link"))


async def _exported(ctx: StaffContext, args: ExportHanded) -> int | Reply:
    """How many hand-overs there are to be exported; or why there is nothing."""
    since = ctx.now - args.since
    count = await hand_overs.count_since(ctx.work.reads, since, undone_too=True)
    if not count:
        ctx.notes.result = "not found"
        return Reply((Text(ctx._("Nothing was handed over in that time.")),), commands_button(ctx._))
    if not ctx.brand.public_url:
        ctx.notes.result = "refused"
        text = ctx._("There is no address for a link: PUBLIC_URL is not set.")
        return Reply((Text(text),), commands_button(ctx._))
    return count


@admin.performs("handed export")
async def export_hand_overs(ctx: StaffContext, args: ExportHanded) -> Answer:
    """A link that works once; never a list of customers in a chat."""
    count = await _exported(ctx, args)
    if isinstance(count, Reply):
        return count
    until = ctx.now + export_files.LIVES
    export_id = await hand_overs.add_export(
        await ctx.work.begin(),
        ctx.now - args.since,
        staff_id=ctx.actor.id,
        maker=ctx.actor.name,
        page=views.file_page(ctx._, count, until),
        now=ctx.now,
        expires_at=until,
    )
    ctx.notes.after = f"a link to {count} hand-overs"
    url = ctx.services.hand_overs.link(ctx.brand.public_url, export_id)
    return Reply((views.file_card(ctx._, count, until, url),), run_button(ctx._("Today"), "/handed"))


@admin.command("handed undo", OneHandOver, role="staff", counter=True, about=N_("take a hand-over back"))
async def preview_undo(ctx: StaffContext, args: OneHandOver) -> Preview | Answer:
    """Whose, and what; within a quarter of an hour one's own, later a manager's to do."""
    listed = await hand_overs.by_id(ctx.work.reads, args.number)
    ctx.notes.ref = f"#{args.number}"
    if listed is None or listed.hand_over.undone_at is not None:
        return _nothing_to_undo(ctx, args.number)
    ctx.notes.customer = listed.customer
    if not ctx.services.hand_overs.may_undo(listed.hand_over, ctx.actor, ctx.now):
        return _too_late(ctx)
    # Translators: a button: take a hand-over back
    return Preview((views.hand_over_card(ctx._, listed),), label=ctx._("Take it back"), whom=listed.customer or "")


@admin.performs("handed undo")
async def undo_hand_over(ctx: StaffContext, args: OneHandOver) -> Answer:
    """Once; the thing can be handed over again, with a new code."""
    connection = await ctx.work.begin()
    ctx.notes.ref = f"#{args.number}"
    undone = await ctx.services.hand_overs.undo(connection, args.number, by=ctx.actor, now=ctx.now)
    if undone is None:
        return _nothing_to_undo(ctx, args.number)
    if isinstance(undone, TooLate):
        return _too_late(ctx)
    item = Item.of_json(undone.item)
    ctx.notes.target = _target(item)
    customer = await customers.by_id(connection, undone.customer_id) if undone.customer_id is not None else None
    ctx.notes.customer = customer.ref if customer else None
    ctx.notes.before, ctx.notes.after = "handed over", "not handed over"
    text = ctx._("Taken back: %(item)s. It can be handed over again.", item=called(ctx._, item))
    said = changed(text, change(ctx._, called(ctx._, item), ctx._("handed over"), ctx._("usable")))
    return Reply((said,), (*run_button(ctx._("Today"), "/handed"), *commands_button(ctx._)))


def _nothing_to_undo(ctx: StaffContext, number: int) -> Reply:
    ctx.notes.result = "not found"
    text = ctx._("There is no hand-over #%(number)s, or it was taken back already.", number=number)
    return Reply((Text(text),), (*run_button(ctx._("Today"), "/handed"), *commands_button(ctx._)))


def _too_late(ctx: StaffContext) -> Reply:
    ctx.notes.result = "refused"
    text = ctx._("You can take back your own hand-overs for fifteen minutes; later a manager can.")
    return Reply((Text(text),), (*run_button(ctx._("Today"), "/handed"), *commands_button(ctx._)))

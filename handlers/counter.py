"""At the counter: a customer shows a code for one of their things, or chooses one with the code that staff show.

Nothing is handed over here. The code only lets a member of staff find what it is for; they decide, in their own chat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from bot.apis.mantago import TICKETS, Gift, Gifts
from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Card, Reply, Text
from bot.conversation.messages import Item as ListItem
from bot.conversation.router import Router
from bot.errors import UpstreamError
from bot.i18n import N_
from bot.services.hand_overs import Handed, Item, Matching, called
from bot.services.linking import read_code
from bot.services.wallet import Day, Held, HeldCards, days, everything
from bot.storage import claims, counter_codes, hand_overs, staff
from bot.storage.counter_pictures import LENGTHS
from bot.storage.hand_overs import HandOver
from bot.storage.staff import Member
from handlers import gifts, receipts, wallet
from handlers.gifts import AtCounter
from handlers.views import choices, outage
from handlers.views.counter import code_card, handed_card, picked_card
from handlers.views.paging import listing, page_of, turning
from handlers.views.wallet import held_item

router = Router()

CHOSEN_WITHIN = timedelta(minutes=5)
RECEIPTS = 100  # of a customer, that are looked through for something to hand over


class IsItDone(Action, name="isdone", ttl=timedelta(days=1)):
    """Whether staff have taken a code. code: its number."""

    code: int


class TypeShopCode(Action, name="shopcode"):
    """Ask for the code that staff show."""


class Choose(Action, name="choose", ttl=CHOSEN_WITHIN):
    """This thing, please. code: the number of the member's code. kind, of: as of `AtCounter`."""

    code: int
    kind: str
    of: str


class ShowChoice(Action, name="choices", ttl=CHOSEN_WITHIN):
    """A page of what can be handed over. code: the number of the member's code."""

    code: int
    page: int = 0


# ── a code to show ───────────────────────────────────────────────────────────────────────────────


@router.action(AtCounter, fresh="gifts")
async def show_code(ctx: Context, action: AtCounter) -> Answer:
    """A code for a thing that can be used; how it stands, when it cannot."""
    if not ctx.brand.hands_over:
        return await ctx.run("gifts")
    found = await _thing(ctx, action)
    if not isinstance(found, Item):
        return found
    codes = ctx.services.counter_codes
    opens = await codes.opens(ctx.work.reads, ctx.now) if ctx.brand.pictures_at else None
    code = await codes.make(
        await ctx.work.begin(), "gift", customer_id=ctx.customer_id, item=found.as_json(), opens=opens, now=ctx.now
    )
    qr = codes.picture(ctx.brand.pictures_at, code) if opens else ""
    card = code_card(ctx._, found, code, qr, done=IsItDone(code=code.id), other=TypeShopCode())
    return Reply((card,), choices.ending(ctx._, *choices.gifts(ctx)))


async def _thing(ctx: Context, named: AtCounter | Choose) -> Item | Answer:
    """What a button names, when it can be handed over now; else the answer that shows how it stands."""
    try:
        return await _usable(ctx, named.kind, named.of)
    except UpstreamError:
        return outage.sorry(ctx._, ctx._("the gift service"), named)


async def _usable(ctx: Context, kind: str, of: str) -> Item | Answer:
    """The same. Raises UpstreamError when nobody can tell."""
    if kind == "receipt":
        claim = await claims.by_ref(ctx.work.reads, of, ctx.customer_id)
        item = Item.of_claim(claim) if claim else None
        if claim is None or item is None or await receipts.handed_of(ctx, claim):
            return await receipts.open_receipt(ctx, receipts.ShowReceipt(ref=of))
        return item
    if ctx.apis.mantago is None:
        return await ctx.run("menu")
    if kind == "day":
        return await _ticket(ctx, date.fromisoformat(of))
    gift, handed, _snapshot = await gifts.gift_of(ctx, of)
    if gift is None or handed or gift.state(ctx.now) not in ("valid", "unknown"):
        return await gifts.show_gift(ctx, gifts.ShowGift(key=of))
    return Item.of_gift(gift)


async def _ticket(ctx: Context, day: date) -> Item | Answer:
    found, listed = await gifts.day_of(ctx, day)
    if found is None:
        return await gifts.show_day(ctx, gifts.ShowDay(day=day))
    matching = Matching(await gifts.hand_overs_of(ctx))
    left = [ticket for ticket in listed.gifts.tickets if not matching.take(ticket)]
    return Item.of_ticket(next(each for each in left if each.received.astimezone(ctx._.zone).date() == day))


@router.action(IsItDone, fresh="gifts")
async def tell_whether_done(ctx: Context, action: IsItDone) -> Answer:
    """Only whether staff have handed it over; a code that nobody took says nothing of why."""
    given = await hand_overs.of_code(ctx.work.reads, ctx.customer_id, action.code)
    if given is not None and given.undone_at is None:
        return _handed(ctx, given.item, given)
    if given is not None:
        return _told(ctx, ctx._("Our staff took the hand-over back. You can use it again."))
    # Perhaps with another code: of a second phone, or made by the member who chose it.
    if shown := await counter_codes.item_of(ctx.work.reads, action.code, ctx.customer_id):
        (item, since), known = shown, await gifts.hand_overs_of(ctx)
        given = max(
            (each for each in known if each.key == item["key"] and each.at >= since),
            key=lambda each: each.at,
            default=None,
        )
        if given is not None:
            return _handed(ctx, item, given)
    until = await counter_codes.good_until(ctx.work.reads, action.code, ctx.customer_id, ctx.now)
    if until is None:
        return _told(ctx, ctx._("It was not handed over, and that code is over. Open it again for a new one."))
    text = ctx._("Not yet. The code is good until %(time)s.", time=ctx._.time(until))
    return _told(ctx, text, Button(ctx._("Is it done?"), action))


def _handed(ctx: Context, item: Mapping[str, Any], given: HandOver) -> Reply:
    card = handed_card(ctx._, Item.of_json(item), Handed.of(given))
    return Reply((card,), choices.ending(ctx._, *choices.gifts(ctx)))


def _told(ctx: Context, text: str, *first: Button) -> Reply:
    return Reply((Text(text),), choices.ending(ctx._, *first, *choices.gifts(ctx)))


# ── the other way round: the code that staff show ────────────────────────────────────────────────


# Translators: words people type to be handed something at the shop's counter; the code that staff show may follow them
@router.command("counter", words=N_("counter, counter code, shop code, shop's code"), personal=True)
async def ask_for_code(ctx: Context) -> Answer:
    """Ask for the code that staff show."""
    if not ctx.brand.hands_over:
        return await ctx.run("menu")
    ctx.ask("counter")
    text = ctx._("Please type the code that our staff show you: four letters and digits.")
    return Reply((Text(text),), (choices.cancel(ctx._),))


@router.action(TypeShopCode, fresh="gifts")
async def type_code(ctx: Context, _action: TypeShopCode) -> Answer:
    """The same by a tap."""
    return await ask_for_code(ctx)


@router.answer("counter")
async def read_answer(ctx: Context, _text: str) -> Answer | None:
    """The answer to "please type the code". What cannot be one is something else."""
    typed = ctx.lexicon.after(ctx.reading, "counter") or ctx.reading.typed
    return await _use_code(ctx, typed) if ctx.brand.hands_over and _may_be_code(typed) else None


@router.reader(rank=1)
async def read_text(ctx: Context, _text: str) -> Answer | None:
    """`櫃檯 K7PQ`: never without the word, since four letters may be one."""
    typed = ctx.lexicon.after(ctx.reading, "counter") if ctx.brand.hands_over else None
    return await _use_code(ctx, typed) if typed and _may_be_code(typed) else None


def _may_be_code(typed: str) -> bool:
    symbols = read_code(typed, LENGTHS["member"])
    return symbols is not None and any(map(str.isdigit, symbols))


async def _use_code(ctx: Context, typed: str) -> Answer:
    """What can be handed over. Which of all reasons a code does not count for is nobody's business."""
    codes, person = ctx.services.counter_codes, ctx.customer.person
    if not await codes.may_try(ctx.work.reads, person, ctx.now):
        return _no_code(ctx)
    found = await codes.find(ctx.work.reads, typed, "member", ctx.happened_at)
    if found is None or await _member(ctx, found.staff_id) is None:
        await codes.count_wrong(await ctx.work.begin(), person, ctx.now)
        return _no_code(ctx)
    try:
        things = await _things(ctx)
    except UpstreamError:
        return outage.sorry(ctx._, ctx._("the gift service"), choices.Go(command="counter"))
    if not await codes.end(await ctx.work.begin(), found.id, ctx.now):
        return _no_code(ctx)  # Somebody else was quicker.
    return _offered(ctx, things, ShowChoice(code=found.id))


def _no_code(ctx: Context) -> Reply:
    text = ctx._("That code isn't valid any more — please ask our staff for a new one.")
    return _told(ctx, text, Button(ctx._("I have a shop code"), TypeShopCode(), keyboard=True))


async def _member(ctx: Context, staff_id: int | None) -> Member | None:
    """Who showed a code, while they are staff; None for a member's own code in their own chat."""
    found = await staff.by_id(ctx.work.reads, staff_id) if staff_id is not None else None
    if found is None or found.person == ctx.customer.person or ctx.services.staffing.suspended(found, ctx.now):
        return None
    return found


@dataclass(frozen=True, slots=True)
class _Thing:
    """Something that can be handed over, as a card and as a line of a list. kind, of: as of `AtCounter`."""

    kind: str
    of: str
    card: Card
    line: ListItem


@router.action(ShowChoice, fresh="counter")
async def show_choice(ctx: Context, action: ShowChoice) -> Answer:
    """A page of what can be handed over."""
    try:
        return _offered(ctx, await _things(ctx), action)
    except UpstreamError:
        return outage.sorry(ctx._, ctx._("the gift service"), action)


async def _things(ctx: Context) -> list[_Thing]:
    """Everything of the customer's that can be handed over now. Raises UpstreamError when nobody can tell."""
    given = await gifts.hand_overs_of(ctx)
    listed = await _listed(ctx) if ctx.apis.mantago is not None else Gifts()
    tickets = days(listed.tickets, ctx._.zone, given)
    held = everything(listed, tickets, (), HeldCards(0), ctx.now, given)
    found = [_of_held(ctx, each) for each in held if each.usable]
    matching = Matching(given)
    for claim in await claims.of_customer(ctx.work.reads, ctx.customer_id, RECEIPTS):
        if claim.snapshot.get("handover") and not matching.take(claim):
            item = Item.of_claim(claim)
            assert item is not None, "it has something to hand over"
            card = replace(receipts.card_of(ctx, claim), buttons=())
            line = ListItem(
                called(ctx._, item), receipts.ShowReceipt(ref=claim.ref), "🧾", ctx._.date(claim.claimed_at)
            )
            found.append(_Thing("receipt", claim.ref, card, line))
    return found


async def _listed(ctx: Context) -> Gifts:
    try:
        return (await gifts.ask(ctx, gifts.FRESH)).gifts
    except UpstreamError as error:
        kept = await gifts.fallback(ctx, error)
        if kept is None:
            raise
        return kept.gifts


def _of_held(ctx: Context, held: Held) -> _Thing:
    card = replace(wallet.of_mantago(ctx, held), buttons=())
    line = held_item(ctx._, held, wallet.opens(ctx, held), ctx.now, mixed=True)
    if isinstance(held.what, Gift):
        return _Thing("gift", held.what.key, card, line)
    assert isinstance(held.what, Day) and held.kind == TICKETS, "MantaGo has nothing else"
    return _Thing("day", held.what.received.astimezone(ctx._.zone).date().isoformat(), card, line)


def _offered(ctx: Context, things: Sequence[_Thing], here: ShowChoice) -> Reply:
    if not things:
        return _told(ctx, ctx._("You have nothing that our staff could hand over."))

    def choose(thing: _Thing) -> Choose:
        return Choose(code=here.code, kind=thing.kind, of=thing.of)

    shown = listing(
        ctx._,
        ctx._("What shall we hand over?"),
        page_of(things, here.page, ctx.brand.list_page),
        lambda number: here.model_copy(update={"page": number}),
        # Translators: a button on each of several things: this one
        card=lambda thing: replace(thing.card, buttons=(Button(ctx._("This one"), choose(thing)),)),
        item=lambda thing: replace(thing.line, action=choose(thing)),
    )
    asked = Text(ctx._("What shall we hand over?"))
    return Reply((asked, shown), choices.ending(ctx._, *turning(shown), choices.cancel(ctx._)))


@router.action(Choose, fresh="counter")
async def choose_thing(ctx: Context, action: Choose) -> Answer:
    """The member who showed the code sees what it is, and whose."""
    owner = await counter_codes.owner(ctx.work.reads, action.code)
    member = await _member(ctx, owner)
    if member is None:
        return _no_code(ctx)
    found = await _thing(ctx, action)
    if not isinstance(found, Item):
        return found
    connection = await ctx.work.begin()
    code = await ctx.services.counter_codes.make(
        connection, "gift", customer_id=ctx.customer_id, staff_id=member.id, item=found.as_json(), now=ctx.now
    )
    await _show_member(ctx, member, found, action)
    card = picked_card(ctx._, found, code.until, done=IsItDone(code=code.id))
    return Reply((card,), choices.ending(ctx._, *choices.gifts(ctx)))


async def _show_member(ctx: Context, member: Member, item: Item, chosen: Choose) -> None:
    """Only that there is something to look at, once: the preview is theirs to open, and the code is in no message."""
    await ctx.services.alerts.tell_member(
        await ctx.work.begin(),
        member,
        f"chosen:{chosen.code}:{chosen.kind}:{chosen.of}",
        lambda _: _("%(customer)s chose: %(item)s.", customer=ctx.customer.ref, item=called(_, item)),
        runs=((N_("Look at it"), f"/use {ctx.customer.ref}"),),
    )

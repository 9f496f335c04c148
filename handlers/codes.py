"""Redeeming a code: read from whatever was typed, checked at Poshen, claimed once in our ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.apis.poshen import PoshenApi, RedemptionCode, Refusal
from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import SILENCE, Button, Card, Choice, Message, Reply, Text
from bot.conversation.router import Router
from bot.errors import CredentialsRefused, UpstreamError
from bot.i18n import N_
from bot.services.redeeming import NOT_ASKED, Elsewhere, NoPlayer
from bot.services.redemption import Claimed, Ended, NotStarted, Outcome, Paused, UsedUp, snapshot
from bot.storage import bulk, claims, points, redemptions
from bot.storage.claims import Claim
from bot.storage.issues import Issue
from bot.storage.redemptions import Redemption, RedemptionState
from bot.understanding import codes
from bot.understanding.personal import is_private
from bot.understanding.recogniser import WANTED
from handlers import linking, receipts
from handlers.unclear import Decline
from handlers.views import choices, outage
from handlers.views.codes import valid_card
from handlers.views.players import ask_text, unknown_text

router = Router()

KEPT_FOR = timedelta(minutes=10)
AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Refused:
    """Poshen redeems the code not for this player. refusal: see `storage.redemptions`. player: their id."""

    refusal: str
    player: str


End = Outcome | Redemption | Refused | NoPlayer | Elsewhere
"""What became of a code: an outcome of our own; or of Poshen's redeeming it, which may be open."""


class Retry(Action, name="retry", ttl=KEPT_FOR):
    """Try the kept codes again, without typing them again. `of`: the event that they were read from."""

    of: int


class Pick(Action, name="pick", ttl=KEPT_FOR, typed=False):
    """Redeem one of several codes that were seen in a message (the event `of`); -1 means all."""

    index: int
    of: int


@router.command("redeem", words=N_("redeem, redeem code, redeem a code, code, promo, promo code"), personal=True)
async def ask_for_code(ctx: Context) -> Answer:
    """Ask for a code."""
    if ctx.apis.poshen is None:
        return await ctx.run("menu")
    ctx.ask("code")
    return Reply((Text(ctx._("Paste your code — capitals and spaces don't matter.")),), (choices.cancel(ctx._),))


@router.answer("code")
async def read_answer(ctx: Context, text: str) -> Answer | None:
    """The answer to "paste your code", or to "which one?"."""
    asked = ctx.asked()
    if asked is not None and "of" in asked and ctx.lexicon.means_all(ctx.reading):
        return await pick(ctx, Pick(index=-1, of=asked["of"]))
    if ctx.brand.shows_cards and linking.concerns_linking(ctx):
        return None  # A link code is for nobody else's eyes, and a phone number is no code.
    found = ctx.lexicon.codes.find(ctx.reading, ctx.brand.code_pattern, prompted=True)
    if not found.codes and found.private:
        ctx.ask("code")
        text = ctx._("That looks like a personal number, so I looked nothing up. Please send only the redemption code.")
        return Reply((Text(text),), (choices.cancel(ctx._),))
    return await _answered(ctx, found)


@router.reader(rank=5)
async def read_text(ctx: Context, _text: str) -> Answer | None:
    """A code anywhere in a message."""
    if ctx.apis.poshen is None:
        return None
    found = ctx.lexicon.codes.find(ctx.reading, ctx.brand.code_pattern)
    if ctx.actor is not None and found.whole:
        # Staff look codes up here: a lone one may be a customer's, and is not to become theirs unasked.
        found = replace(found, certain=False)
    answer = await _answered(ctx, found)
    if answer is not None:
        ctx.about("redeem")
    return answer


# Translators: words people type to try once more what could not be done a moment ago
@router.command("again", words=N_("try again, retry"), personal=True)
async def try_again(ctx: Context) -> Answer:
    """The codes that were kept last, where the button is not the last answer's any more."""
    kept = list(ctx.customer.state.kept or ())
    return await retry(ctx, Retry(of=int(kept[-1]))) if kept and ctx.apis.poshen else await ctx.run("redeem")


@router.action(Retry, fresh="redeem")
async def retry(ctx: Context, action: Retry) -> Answer:
    """The codes that could not be looked up a moment ago."""
    kept = kept_codes(ctx, action.of)
    if not kept:
        return await _claimed_before(ctx, action.of) or await ctx.run("redeem")
    return await _redeem(ctx, kept, deliberate=True, of=action.of) or SILENCE


@router.action(Pick, fresh="redeem")
async def pick(ctx: Context, action: Pick) -> Answer:
    """One of the codes that were offered, or all of them."""
    kept = kept_codes(ctx, action.of)
    chosen = kept if action.index < 0 else kept[action.index : action.index + 1]
    if not chosen:
        return await _claimed_before(ctx, action.of) or await ctx.run("redeem")
    return await _redeem(ctx, chosen, deliberate=True, of=action.of) or SILENCE


async def redeem_waiting(ctx: Context, of: int) -> Answer | None:
    """Redeem the codes of the event `of` that wait for the customer's player id; None when none wait (any more)."""
    kept = kept_codes(ctx, of)
    return await _redeem(ctx, kept, deliberate=True, of=of) if kept else await _claimed_before(ctx, of)


async def is_code(ctx: Context, typed: str) -> bool:
    """Whether a message that should be something else is a redemption code. Counted as talk, as bare words are; who
    has talked too much is not looked up."""
    who, guesses = ctx.customer, ctx.services.guesses
    permit = await guesses.permit(ctx.work.reads, who.person, who.first_seen, ctx.now)
    if ctx.apis.poshen is None or permit.guarded or permit.wait is not None:
        return False
    if await guesses.talks_too_much(ctx.work.reads, who.person, who.first_seen, ctx.now):
        return False
    try:
        found = await _look_up(ctx, ctx.apis.poshen, codes.spellings(typed))
    except UpstreamError:
        return False
    await _count_talk(ctx, typed)
    return found is not None


def keep_waiting(ctx: Context, of: int, *more: str) -> None:
    """Keep the codes that wait for a player id for as long again, and `more`."""
    if waiting := list(dict.fromkeys((*kept_codes(ctx, of), *more)))[:AT_ONCE]:
        _keep(ctx, waiting, of)


async def redeem_offered(ctx: Context, code: str) -> Answer:
    """Redeem a code that we had offered, now that it is wanted."""
    if ctx.apis.poshen is None:
        return await ctx.run("menu")
    return await _redeem(ctx, [code], deliberate=True) or SILENCE


def offer(ctx: Context, code: str) -> Reply:
    """Ask whether a code that a link of ours names is to be redeemed."""
    return _ask(ctx, code, ctx._("Redeem %(code)s now?", code=code))


async def _answered(ctx: Context, found: codes.Found) -> Answer | None:
    """One code is redeemed, or asked about when the message speaks against it; of several one is chosen."""
    parts = codes.parts_of(found.codes[0]) if len(found.codes) == 1 else ()
    for code in (*found.codes, *parts):
        if (linked := await linking.link_with(ctx, code)) is not None:
            return linked  # A link code of our own staff is nobody else's business.
    typed = [code for code in found.codes if not _of_own_card(ctx, code)]
    if not typed:
        return None
    if len(typed) > AT_ONCE:
        ctx.ask("code")
        text = ctx._("That looks like many codes. Please send me one at a time.")
        return Reply((Text(text),), (choices.cancel(ctx._),))
    surely = not found.around or ctx.recogniser.wants(found.around) >= WANTED
    if len(typed) > 1 and not (found.every and found.certain and surely):
        return _choose(ctx, typed)
    if not found.certain:
        return _ask_first(ctx, typed[0])
    return await _redeem(ctx, typed, deliberate=found.deliberate, whole=found.whole, surely=surely)


def _of_own_card(ctx: Context, code: str) -> bool:
    """Whether this is, or holds, the number of a gift card that was shown to this customer."""
    own = ctx.customer.state.cards
    if not own or not own["numbers"]:
        return False
    return not set(own["numbers"]).isdisjoint(ctx.services.giftcards.hashes(code, *code.split(" ")).values())


def _choose(ctx: Context, typed: list[str]) -> Reply:
    """Which of several codes; their names stand in the text, too, for who sees no buttons."""
    _keep(ctx, typed, ctx.event_id)
    buttons = [Button(code[:20], Pick(index=nr, of=ctx.event_id)) for nr, code in enumerate(typed)]
    # Translators: a button: redeem all of these codes
    buttons.append(Button(ctx._("All of them"), Pick(index=-1, of=ctx.event_id)))
    ctx.ask("code", of=ctx.event_id)
    count = len(typed)
    text = ctx._.ngettext("I see %(n)s possible code — redeem it?", "I see %(n)s possible codes — which one?", count)
    return Reply((Text("\n".join([text, *typed])),), choices.ending(ctx._, *buttons))


def _ask_first(ctx: Context, code: str) -> Reply:
    ctx.call_unclear("asked")
    return offer(ctx, code)


def _ask(ctx: Context, code: str, text: str) -> Reply:
    """Redeem this one?"""
    _keep(ctx, [code], ctx.event_id)
    # Translators: a button: redeem the code that was asked about
    yes = Button(ctx._("Redeem it"), Pick(index=0, of=ctx.event_id))
    # Translators: a button: do not redeem the code now
    no = Button(ctx._("Not now"), Decline())
    ctx.question(yes.label, no.label)
    return Reply((Text(text),), choices.ending(ctx._, yes, no))


async def _redeem(
    ctx: Context,
    typed: list[str],
    *,
    deliberate: bool,
    of: int | None = None,
    whole: bool = False,
    surely: bool = True,
) -> Answer | None:
    """Redeem codes one after the other; None when a token that merely looked like a code is none.

    of: the event whose button this is. A second tap on it finds what the first one claimed. whole: the message is
    this code and nothing else. surely: it is wanted now; else whether it exists is all that is found out.
    """
    assert ctx.apis.poshen is not None, "the readers looked"
    guesses = ctx.services.guesses
    permit = await guesses.permit(ctx.work.reads, ctx.customer.person, ctx.customer.first_seen, ctx.now)
    event = of or ctx.event_id
    if permit.wait is not None:
        return await _claimed_before(ctx, event) or _wait(ctx, permit.wait)
    parts = codes.parts_of(typed[0])
    unsure = not deliberate or len(parts) > 1
    if unsure and (
        permit.guarded
        or await guesses.talks_too_much(ctx.work.reads, ctx.customer.person, ctx.customer.first_seen, ctx.now)
    ):
        return await _claimed_before(ctx, event)
    try:
        hits = await asyncio.gather(
            *(_look_up(ctx, ctx.apis.poshen, codes.spellings(code, beside=len(typed) - 1)) for code in typed)
        )
        otherwise = None
        if not any(hits):
            if before := await _claimed_before(ctx, event):
                return before
            if len(typed) == 1:
                if len(parts) > 1:
                    # Together they are no code. That was a look-up of what may be none, as of bare ones.
                    await _count_talk(ctx, typed[0])
                    return _choose(ctx, list(parts))
                hits, otherwise = await _otherwise(ctx, ctx.apis.poshen, typed[0], parts, guarded=permit.guarded)
    except UpstreamError as error:
        return await _claimed_before(ctx, event) or await _unavailable(ctx, typed, error, event)
    if not any(hits) and (otherwise or not deliberate):
        if deliberate:
            wait = await _count_miss(ctx, typed[0])
            if wait is not None:  # A question that may not be answered with yes is none.
                ctx.settle()
                sorry = (Text(_not_found_text(ctx, typed[0])), Text(_wait_text(ctx, wait)))
                return Reply(sorry, _not_found_choices(ctx))
        else:
            await _count_talk(ctx, typed[0])
        if otherwise is not None:
            return otherwise
        if not whole or ctx.muted:
            return None
        ctx.await_edit()
        return Reply((Text(_not_found_text(ctx, typed[0])),), _not_found_choices(ctx))
    if any(hits) and not (surely or ctx.brand.only_checks):
        return _ask_first(ctx, typed[0])
    said: list[Message] = []
    known, wait = False, None
    # Claimed in the order of their ids, as everybody does: two customers cannot wait for each other.
    found = sorted((hit for hit in hits if hit), key=lambda hit: hit.id)
    outcomes: Mapping[int, End | None] = (
        await _redeem_for_player(ctx, ctx.apis.poshen, found, event)
        if ctx.brand.redeems_for_players
        else {hit.id: await _claim(ctx, hit, event) for hit in found}
    )
    claimed = [outcome for outcome in outcomes.values() if isinstance(outcome, Claimed)]
    fresh = {outcome.claim.ref for outcome in claimed if outcome.fresh}
    cards = await _receipts(ctx, [outcome.claim for outcome in claimed], fresh)
    open_ones = [outcome for outcome in outcomes.values() if isinstance(outcome, Redemption)]
    cards |= await _confirming(ctx, open_ones)
    pending: list[tuple[str, End | None]] = []
    for code, hit in zip(typed, hits, strict=True):
        outcome = outcomes[hit.id] if hit else None
        if hit and _can_go_on(outcome):
            pending.append((code, outcome))
            continue
        message = _said(ctx, hit, outcome, cards, guarded=permit.guarded) if hit else None
        if message is None:
            wait = await _count_miss(ctx, code) or wait
        known = known or message is not None
        said.append(message or Text(_not_found_text(ctx, code)))
    if pending:
        return await _go_on(ctx, said, pending, found, wait, of=event)
    if wait is not None:
        said.append(Text(_wait_text(ctx, wait)))
    if known:
        kept = choices.gifts(ctx) if ctx.brand.only_checks else (choices.receipts(ctx._),)
        return Reply(tuple(said), choices.ending(ctx._, *kept, choices.another_code(ctx._)), valuable=True)
    ctx.await_edit()
    ctx.ask("code")  # Whoever mistyped a code types it again.
    return Reply(tuple(said), _not_found_choices(ctx))


async def _count_miss(ctx: Context, code: str) -> timedelta | None:
    """Count a wrong code; how long the customer has to wait now, if at all."""
    who, work = ctx.customer, await ctx.work.begin()
    return await ctx.services.guesses.count_miss(work, who.person, codes.canonical(code), who.first_seen, ctx.now)


async def _count_talk(ctx: Context, code: str) -> None:
    """Count a look-up of what was perhaps no code at all."""
    work = await ctx.work.begin()
    await ctx.services.guesses.count_talk(work, ctx.customer.person, codes.canonical(code), ctx.now)


async def _claimed_before(ctx: Context, event_id: int) -> Reply | None:
    """The receipts of what this very event claimed before a crash, whatever has become of code and vendor since; and
    what it has asked Poshen for."""
    before = await claims.of_event(ctx.work.reads, ctx.customer_id, event_id)
    waiting = []
    if ctx.brand.redeems_for_players:
        unsettled = await redemptions.unsettled_of(ctx.work.reads, ctx.customer_id)
        waiting = [each for each in unsettled if each.event_id == event_id]
    if not before and not waiting:
        return None
    cards = await _receipts(ctx, before, fresh={claim.ref for claim in before})
    cards |= await _confirming(ctx, waiting)
    buttons = (choices.receipts(ctx._), choices.another_code(ctx._))
    return Reply(tuple(cards.values()), choices.ending(ctx._, *buttons), valuable=True)


async def _receipts(ctx: Context, claimed: Sequence[Claim], fresh: Collection[str]) -> dict[str, Card]:
    """The receipts of claims by their reference, with the vouchers they brought and, on fresh ones, the points now."""
    vouchers = await _issue_promised(ctx, claimed)
    balance = None
    if any(claim.ref in fresh and claim.snapshot.get("points") for claim in claimed):
        balance = (await points.balance(ctx.work.reads, ctx.customer_id)).available
    handed = {claim.ref: await receipts.handed_of(ctx, claim) for claim in claimed if claim.ref not in fresh}
    return {
        claim.ref: receipts.card_of(
            ctx,
            claim,
            vouchers.get(claim.ref, ()),
            fresh=claim.ref in fresh,
            balance=balance if claim.ref in fresh else None,
            handed=handed.get(claim.ref),
        )
        for claim in claimed
    }


async def _look_up(ctx: Context, poshen: PoshenApi, spellings: Sequence[str]) -> RedemptionCode | None:
    """The first spelling that exists. Spellings that did not are remembered for a minute."""
    for spelling in spellings:
        if is_private(spelling) or _of_own_card(ctx, spelling):
            continue  # Whatever way it came here: the last gate before a vendor.
        if ctx.services.redemption.known_missing(spelling, ctx.now):
            continue
        if code := await poshen.find(spelling):
            return code
        ctx.services.redemption.remember_missing(spelling, ctx.now)
    return None


async def _otherwise(
    ctx: Context, poshen: PoshenApi, typed: str, parts: tuple[str, ...], *, guarded: bool
) -> tuple[list[RedemptionCode | None], Reply | None]:
    """What a code may be that does not exist as it was typed: one look-up more, or a question, or nothing."""
    if parts:
        return [await _look_up(ctx, poshen, parts)], None
    for prefix, symbols in await bulk.shapes(ctx.work.reads) if codes.confusable(typed) else ():
        # Our generator's alphabet has no O, I and L: what was meant is certain.
        if better := codes.of_our_making(typed, prefix, symbols):
            return [await _look_up(ctx, poshen, [better])], None
    better = codes.mistyped(typed)
    if guarded or not better or is_private(better) or _of_own_card(ctx, better):
        return [None], None
    hit = await _look_up(ctx, poshen, [better])
    if hit is None:
        return [None], None
    text = ctx._("I couldn't find %(code)s. Did you mean %(better)s?", code=typed, better=better)
    return [None], _ask(ctx, better, text)


async def _claim(ctx: Context, code: RedemptionCode, event_id: int) -> Outcome | None:
    """Claim an existing code; None where codes are only checked."""
    if ctx.brand.only_checks:
        return None
    return await ctx.services.redemption.claim(
        await ctx.work.begin(),
        code,
        customer=ctx.customer,
        event_id=event_id,
        happened_at=_sent_at(ctx, event_id),
        now=ctx.now,
    )


async def _redeem_for_player(
    ctx: Context, poshen: PoshenApi, found: Sequence[RedemptionCode], event_id: int
) -> dict[int, End]:
    """Have existing codes redeemed by Poshen, for the customer's player: written down first, then asked for."""
    player = await ctx.services.players.of(ctx.work.reads, ctx.customer_id)
    connection = await ctx.work.begin()
    outcomes: dict[int, End] = {
        code.id: await ctx.services.redeeming.reserve(
            connection,
            code,
            customer=ctx.customer,
            player=player,
            event_id=event_id,
            happened_at=_sent_at(ctx, event_id),
            now=ctx.now,
        )
        for code in found
    }
    await ctx.work.save()
    asked = {code_id: each for code_id, each in outcomes.items() if isinstance(each, Redemption) and each.under_way}
    tried = await asyncio.gather(
        *(ctx.services.redeeming.attempt(ctx.work.pool, poshen, each.id, answering=True) for each in asked.values())
    )
    for code_id, redemption in zip(asked, tried, strict=True):
        outcomes[code_id] = await _ended(ctx, redemption, event_id, player or "")
    return outcomes


async def _ended(ctx: Context, redemption: Redemption, event_id: int, player: str) -> End:
    """What an end of a redemption means for whoever asked for it; itself while it has none."""
    if redemption.state is RedemptionState.FAILED:
        return Refused(redemption.refusal or "", player)
    if redemption.state is not RedemptionState.DONE:
        return redemption
    claim = await claims.by_ref(ctx.work.reads, redemption.ref, ctx.customer_id)
    if claim is None:  # They had as many of it as they may already.
        who = ctx.services.redemption.person_hash(ctx.customer.person)
        claim = (await claims.of_customer_and_code(ctx.work.reads, redemption.code_id, who))[-1]
    return Claimed(claim, fresh=claim.event_id == event_id)


async def _confirming(ctx: Context, redemptions_: Sequence[Redemption]) -> dict[str, Card]:
    """How redemptions without an end stand, by their reference: it is promised that their end will be told."""
    cards = {}
    for each in sorted(redemptions_, key=lambda each: each.id):
        told = await ctx.services.redeeming.promise(await ctx.work.begin(), each)
        cards[each.ref] = await receipts.redemption_card_of(ctx, told)
    return cards


def _can_go_on(outcome: End | None) -> bool:
    """Whether a code can still be redeemed, once we know the player or Poshen can be asked."""
    return isinstance(outcome, NoPlayer) or (
        isinstance(outcome, Refused) and outcome.refusal in (NOT_ASKED, Refusal.PLAYER)
    )


async def _go_on(
    ctx: Context,
    said: list[Message],
    pending: Sequence[tuple[str, End | None]],
    found: Sequence[RedemptionCode],
    wait: timedelta | None,
    *,
    of: int,
) -> Reply:
    """Keep the codes that can still be redeemed, and say what is needed for it. said: of the others."""
    _keep(ctx, [code for code, _outcome in pending], of)
    ends = [outcome for _code, outcome in pending]
    if any(isinstance(end, Refused) and end.refusal == NOT_ASKED for end in ends):
        sorry = outage.sorry(ctx._, ctx._("the redemption service"), Retry(of=of))
        return replace(sorry.after(*said), valuable=True)
    wrong = next((end.player for end in ends if isinstance(end, Refused)), None)
    if wrong is not None:  # Who tries players has a budget, as who tries codes.
        wait = await _count_miss(ctx, wrong) or wait
    if wait is not None:
        return Reply((*said, Text(_wait_text(ctx, wait))), choices.ending(ctx._, choices.person(ctx._)), valuable=True)
    game = next((code.game.name for code in found if code.game and code.game.name), "")
    text = ask_text(ctx._, game) if wrong is None else unknown_text(ctx._, game, wrong)
    return replace(ask_for_player(ctx, text, of=of).after(*said), valuable=True)


def ask_for_player(ctx: Context, text: str, *, of: int | None = None) -> Reply:
    """Ask for the customer's player id. of: the event whose codes wait for it."""
    ctx.ask("player", minutes=10, of=of)
    return Reply((Text(text),), (choices.cancel(ctx._), choices.person(ctx._)))


async def _issue_promised(ctx: Context, claimed: Sequence[Claim]) -> dict[str, list[Issue]]:
    """The vouchers that claims brought, by the claim's reference, issued by now if the vendor can."""
    promised = {
        claim.ref: found
        for claim in claimed
        if (found := await ctx.services.redemption.vouchers_of(ctx.work.reads, claim))
    }
    if not promised:
        return {}
    vouchers, known = ctx.services.vouchers, {issue.id: issue for found in promised.values() for issue in found}
    if ctx.apis.gotit is not None:
        await ctx.work.save()
        waiting = [issue.id for issue in known.values() if issue.under_way]
        tried = await asyncio.gather(
            *(vouchers.attempt(ctx.work.pool, ctx.apis.gotit, issue_id, answering=True) for issue_id in waiting)
        )
        known |= {issue.id: issue for issue in tried}
    connection = await ctx.work.begin()
    told = {issue_id: await vouchers.promise(connection, issue) for issue_id, issue in sorted(known.items())}
    return {ref: [told[issue.id] for issue in found] for ref, found in promised.items()}


def _said(
    ctx: Context,
    code: RedemptionCode,
    outcome: End | None,
    cards: Mapping[str, Card],
    *,
    guarded: bool,
) -> Message | None:
    """How it went with a code; None reads as "not found"."""
    match outcome:
        case None:
            facts = snapshot(code)
            return valid_card(ctx._, facts, [reward["name"] for reward in facts["rewards"]])
        case Claimed(claim=claim):
            return cards[claim.ref]
        case Redemption(ref=ref):
            return cards[ref]
        case _ if guarded:
            return None  # While somebody is guessing, a reason would tell them that the code exists.
        case UsedUp():
            return Text(ctx._("This code has been fully used."))
        case Paused():
            return Text(ctx._("This campaign is paused — please try later."))
        case NotStarted(at=at):
            return Text(ctx._("This code opens on %(date)s.", date=ctx._.moment(at)))
        case Ended(at=at):
            return Text(ctx._("This code ended on %(date)s.", date=ctx._.date(at)))
        case Elsewhere():
            return Text(ctx._("This code is being redeemed for your player ID already. Please look again in a minute."))
        case Refused(refusal=refusal):
            return _refused(ctx, refusal)
        case NoPlayer():  # pragma: no cover - `_go_on` asks for it
            return None


def _refused(ctx: Context, refusal: str) -> Message | None:
    """Why Poshen redeems a code not; None reads as "not found"."""
    match refusal:
        case Refusal.INVALID:
            return None
        case Refusal.EXPIRED:
            return Text(ctx._("This code has expired."))
        case Refusal.USED_UP:
            return Text(ctx._("This code has been fully used."))
        case Refusal.ALREADY:
            return Text(ctx._("Your player ID has redeemed this code already."))
        case _:
            return Text(ctx._("This code cannot be redeemed. If you think that is wrong, our staff can help you."))


async def _unavailable(ctx: Context, typed: list[str], error: UpstreamError, of: int) -> Reply:
    """Keep the codes, so that one tap tries them again. Whoever sent one is told so however late it is: silence would
    leave them believing that they have it."""
    if isinstance(error, CredentialsRefused):
        await ctx.services.alerts.credentials_refused(await ctx.work.begin(), "poshen", error.detail, ctx.now)
    _keep(ctx, typed, of)
    return replace(outage.sorry(ctx._, ctx._("the redemption service"), Retry(of=of)), valuable=True)


def _keep(ctx: Context, typed: list[str], of: int) -> None:
    kept = ctx.customer.state.kept or {}
    until = (ctx.now + KEPT_FOR).timestamp()
    sent = _sent_at(ctx, of).timestamp() if str(of) in kept else ctx.now.timestamp()  # However often it is put off.
    kept[str(of)] = {"codes": typed, "until": until, "at": sent}
    while len(kept) > AT_ONCE:
        del kept[next(iter(kept))]
    ctx.customer.state.kept = kept


def kept_codes(ctx: Context, of: int) -> list[str]:
    """The codes of an event that can still be tried again, or that wait for something."""
    kept = (ctx.customer.state.kept or {}).get(str(of))
    return list(kept["codes"]) if kept and kept["until"] > ctx.happened_at.timestamp() else []


def _sent_at(ctx: Context, event_id: int) -> datetime:
    """When a code was sent: a tap on [Try again] is as early as the message under which the button is."""
    kept = (ctx.customer.state.kept or {}).get(str(event_id))
    if not kept:
        return ctx.happened_at
    sent = datetime.fromtimestamp(kept["at"] if "at" in kept else kept["until"] - KEPT_FOR.total_seconds(), UTC)
    return min(ctx.happened_at, sent)


def _wait(ctx: Context, wait: timedelta) -> Reply:
    return Reply((Text(_wait_text(ctx, wait)),), choices.ending(ctx._, choices.person(ctx._)))


def _wait_text(ctx: Context, wait: timedelta) -> str:
    minutes = max(1, -(-int(wait.total_seconds()) // 60))
    if minutes >= 120:
        return ctx._.ngettext(
            "Too many tries. Please wait %(n)s hour, or ask our staff.",
            "Too many tries. Please wait %(n)s hours, or ask our staff.",
            -(-minutes // 60),
        )
    return ctx._.ngettext(
        "Too many tries. Please wait %(n)s minute, or ask our staff.",
        "Too many tries. Please wait %(n)s minutes, or ask our staff.",
        minutes,
    )


def _not_found_text(ctx: Context, typed: str) -> str:
    return ctx._("I couldn't find %(code)s. Check for missing characters, or copy and paste it.", code=typed)


def _not_found_choices(ctx: Context) -> tuple[Choice, ...]:
    # Translators: a button
    again = Button(ctx._("Enter it again"), choices.Go(command="redeem"), keyboard=True)
    return choices.ending(ctx._, again, choices.help_(ctx._))

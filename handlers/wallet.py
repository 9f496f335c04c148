"""The wallet at a glance: tickets, gifts, vouchers, gift cards and points, every vendor asked at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

from bot.apis.mantago import KINDS, Gifts
from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Reply, Text, Tile
from bot.conversation.router import Router
from bot.errors import UpstreamError, UpstreamUnavailable
from bot.i18n import N_
from bot.services.wallet import GiftList
from bot.storage import points
from handlers import giftcards, gifts
from handlers.gifts import ShowList
from handlers.views import choices, outage
from handlers.views.choices import Go
from handlers.views.gifts import list_names, tab_buttons
from handlers.views.wallet import overview_card, unlisted_notes

router = Router()


class Refresh(Action, name="refresh"):
    """Ask the vendors again."""


@router.command(
    "gifts",
    words=N_("gifts, my gifts, tickets, coupons, rewards, my rewards, physical gifts, digital gifts"),
    personal=True,
)
async def show_overview(ctx: Context) -> Answer:
    """How much of each kind there is, and how much of it is new."""
    return await _overview(ctx, fresh_enough=gifts.FRESH)


@router.action(Refresh, fresh="gifts")
async def refresh(ctx: Context, _action: Refresh) -> Answer:
    """The overview, asked anew."""
    return await _overview(ctx, fresh_enough=timedelta(0))


async def _overview(ctx: Context, fresh_enough: timedelta) -> Answer:
    if not ctx.brand.shows_wallet:
        return await ctx.run("menu")
    answers = await _ask(ctx, fresh_enough)
    shelf, troubled = None, list[str]()
    before: list[Text] = []
    if isinstance(found := answers.get("gifts"), UpstreamError):
        shelf = await gifts.fallback(ctx, found)
        if shelf is not None:
            before.append(Text(gifts.as_of(ctx, shelf)))
        else:
            troubled.append(ctx._("the gift service"))
    elif isinstance(found, GiftList):
        shelf = found
    usable, card_notes = None, list[str]()
    if isinstance(counted := answers.get("cards"), UpstreamError):
        await giftcards.report(ctx, counted)
        troubled.append(ctx._("the gift card service"))
    elif counted is not None:
        usable, card_notes = counted
    account, vouchers = await points.purse(ctx.work.reads, ctx.customer_id)
    listed = shelf.gifts if shelf else None
    holds = vouchers or account.available or account.held or usable
    if troubled and not holds and listed is None:
        return outage.sorry(ctx._, ctx._(", ").join(troubled), Refresh())
    if not (holds or troubled or card_notes or (listed and _anything(listed))):
        return gifts.nothing(ctx, before)
    counts: dict[str, str] = {}
    opens: dict[str, Action] = {}
    if ctx.brand.shows_gifts:
        for kind in KINDS:
            counts[kind] = ctx._.number(listed.count(kind)) if listed else "–"
            opens[kind] = ShowList(kind=kind, snapshot=shelf.snapshot if shelf else "")
    if ctx.brand.shows_vouchers:
        counts["vouchers"], opens["vouchers"] = ctx._.number(vouchers), Go(command="my_vouchers")
    if ctx.brand.shows_cards and counted is not None:  # Nothing is counted before a phone is linked.
        counts["cards"] = "–" if usable is None else ctx._.number(usable)
        opens["cards"] = Go(command="cards")
    if ctx.brand.shows_vouchers:
        counts["points"], opens["points"] = ctx._.number(account.available), Go(command="points")
    labels = list_names(ctx._) | {
        "vouchers": ctx._("My vouchers"),
        # Translators: a button
        "cards": ctx._("Gift cards"),
        "points": ctx._("Points"),
    }
    card = overview_card(
        ctx._,
        tuple(Tile(value, labels[name], opens[name]) for name, value in counts.items()),
        new=_count_new(ctx, found) if isinstance(found, GiftList) else 0,
        notes=(*_missing(ctx, troubled), *(unlisted_notes(ctx._, listed) if listed else ()), *card_notes),
        taken_at=shelf.taken_at if shelf else ctx.now,
        buttons=_buttons(ctx),
    )
    filled: dict[str, Action] = {kind: opens[kind] for kind in KINDS if listed and listed.count(kind)}
    return Reply((*before, card), choices.ending(ctx._, *tab_buttons(ctx._, filled)))


async def _ask(ctx: Context, fresh_enough: timedelta) -> dict[str, Any]:
    """Every vendor's part, or the error it made. A slow one is not waited for when others have something to show."""
    questions: dict[str, Coroutine[Any, Any, Any]] = {}
    if ctx.brand.shows_gifts:
        questions["gifts"] = gifts.ask(ctx, fresh_enough)
    if ctx.brand.shows_cards:
        questions["cards"] = giftcards.count_usable(ctx)
    alone = len(questions) == 1 and not ctx.brand.shows_vouchers
    tasks = {name: asyncio.create_task(question) for name, question in questions.items()}
    if not tasks:
        return {}
    try:
        await asyncio.wait(tasks.values(), timeout=None if alone else ctx.brand.overview_waits)
    finally:
        for task in tasks.values():
            task.cancel()
        results = await asyncio.gather(*tasks.values(), return_exceptions=True)
    answers: dict[str, Any] = {}
    for name, result in zip(tasks, results, strict=True):
        if isinstance(result, asyncio.CancelledError):
            answers[name] = UpstreamUnavailable(name, "no answer in time for the overview")
        elif isinstance(result, UpstreamError):
            answers[name] = result
        elif isinstance(result, BaseException):
            raise result
        else:
            answers[name] = result
    return answers


def _count_new(ctx: Context, shelf: GiftList) -> int:
    """What came since the list that was shown before; nothing is new to somebody who sees one for the first time."""
    seen = ctx.customer.state.seen
    # A list is shown for a while: what came since is not on it.
    ctx.customer.state.seen = shelf.taken_at.timestamp()
    if seen is None:
        return 0
    received: list[datetime | None] = [
        *(ticket.received for ticket in shelf.gifts.tickets),
        *(gift.received for gift in shelf.gifts.gifts),
    ]
    return sum(moment is not None and moment.timestamp() > seen for moment in received)


def _anything(listed: Gifts) -> bool:
    return bool(listed.tickets or listed.gifts or listed.skipped)


def _missing(ctx: Context, troubled: list[str]) -> list[str]:
    return [ctx._("We can't reach %(service)s right now. Nothing is lost.", service=service) for service in troubled]


def _buttons(ctx: Context) -> tuple[Button, ...]:
    # Translators: a button: load the list again
    again = Button(ctx._("Refresh"), Refresh())
    exchange = (choices.vouchers(ctx._),) if ctx.brand.shows_vouchers else ()
    return (*choices.codes(ctx), *exchange, again)

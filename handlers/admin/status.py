"""Status: what works, what does not, and since when."""

from __future__ import annotations

import asyncio

from bot.conversation.context import Answer
from bot.conversation.messages import Button, Message, Reply, Text
from bot.i18n import N_
from bot.staff.arguments import Arguments
from bot.staff.routes import StaffContext, StaffRouter
from bot.staff.teaching import commands_button, run_button
from bot.storage import backlog, guesses, relays, switches
from bot.storage.arrivals import RELAY
from bot.storage.relays import Waiting
from handlers.views import staff_status as views

admin = StaffRouter(N_("Overview"))
admin.noun("status", N_("/status, /health"))
admin.noun("relay", N_("/relay, /relays"))

PATIENCE = 6.0  # seconds for each credential; somebody waits for the answer


@admin.command("status", role="viewer", about=N_("what works, what does not, and since when"))
async def show_status(ctx: StaffContext, _args: Arguments) -> Answer:
    """From our own tables alone: no vendor is asked, so it is quick and disturbs nobody."""
    reads, health, pairs = ctx.work.reads, ctx.services.health, ctx.services.mantago_pairs
    states, workers = await health.states(reads, ctx.now)
    waiting = await backlog.read(reads, ctx.event_id, ctx.now)
    open_ones = _if_allowed(ctx, "issue list", ctx._("Open vouchers"), "/issue list unknown") if waiting.open else ()
    if waiting.redeeming:
        label = ctx._("Codes being redeemed")
        open_ones = (*open_ones, *_if_allowed(ctx, "redemption list", label, "/redemption list unknown"))
    card = views.status_card(
        ctx._,
        states,
        waiting,
        workers=workers,
        token=await pairs.standing() if pairs else None,
        vouchers=ctx.apis.gotit is not None,
        guard_until=await guesses.guard_until(reads, ctx.now),
        surge_since=await health.surging(reads, ctx.now),
        maintenance=await switches.state(reads, switches.MAINTENANCE),
        now=ctx.now,
        relayed=await _waiting(ctx),
        # Translators: a button: ask all vendors and platforms now
        buttons=(*open_ones, *run_button(ctx._("Check now"), "/status check"), *_again(ctx)),
    )
    errors = views.errors_card(ctx._, states, ctx.now)
    messages: tuple[Message, ...] = (card, errors) if errors else (card,)
    return Reply(messages, (*_if_allowed(ctx, "stats", ctx._("Numbers"), "/stats"), *commands_button(ctx._)))


@admin.command("relay", role="viewer", about=N_("the other tools on LINE's channel, and what they have not got yet"))
async def show_relay(ctx: StaffContext, _args: Arguments) -> Answer:
    """How passing on goes; from our own tables, like /status."""
    _ = ctx._
    states, _workers = await ctx.services.health.states(ctx.work.reads, ctx.now)
    others = [state for state in states if state.part.startswith(RELAY)]
    if not others:
        if ctx.brand.shared == "ours":
            return Reply((Text(_("Another tool passes LINE's messages on to us (LINE_RELAY=ours).")),))
        return Reply((Text(_("Nothing is passed on to other tools: LINE_RELAY_URL is not set.")),))
    again = run_button(_("Refresh"), "/relay")
    check = run_button(_("Check now"), "/status check")
    card = views.relay_card(_, others, await _waiting(ctx), ctx.now, (*again, *check))
    errors = views.errors_card(_, others, ctx.now)
    return Reply((card, errors) if errors else (card,), commands_button(_))


@admin.command("status check", role="viewer", about=N_("try every credential now, harmlessly"))
async def check(ctx: StaffContext, _args: Arguments) -> Answer:
    """All at the same time: the slowest one's time, and never longer than a few seconds."""
    findings, usage = await asyncio.gather(ctx.services.health.probe(PATIENCE), ctx.services.allowance.usage(ctx.now))
    wrong = [found.part for found in findings if not found.well]
    ctx.notes.after = f"wrong: {', '.join(wrong)}" if wrong else "all well"
    again = run_button(ctx._("Check again"), "/status check")
    card = views.check_card(ctx._, findings, usage, ctx.now, (*again, *run_button(ctx._("Status"), "/status")))
    return Reply((card,), commands_button(ctx._))


async def _waiting(ctx: StaffContext) -> dict[str, Waiting]:
    """What other tools have not got yet, by their part."""
    if not any(part.startswith(RELAY) for part in ctx.services.health.parts):
        return {}
    return {f"{RELAY}{each.target}": each for each in await relays.waiting(ctx.work.reads)}


def _again(ctx: StaffContext) -> tuple[Button, ...]:
    return run_button(ctx._("Refresh"), "/status")


def _if_allowed(ctx: StaffContext, command: str, label: str, line: str) -> tuple[Button, ...]:
    known = ctx.commands.commands.get(command)
    return run_button(label, line) if known and known.open_to(ctx.actor.role) else ()

"""Help, what cannot be read, and what is said when nothing was understood: less each time."""

from __future__ import annotations

from datetime import timedelta

from bot.conversation.context import Answer, Context
from bot.conversation.events import SentMedia, SentSticker
from bot.conversation.messages import SILENCE, Choice, Reply, Text
from bot.conversation.router import Router
from bot.i18n import N_
from handlers.views import choices

router = Router()

QUIET_FOR = timedelta(minutes=10)


# Translators: words people type to get help
@router.command("help", words=N_("help, ?, how, how to use"))
async def show_help(ctx: Context) -> Answer:
    """A few lines with examples."""
    return Reply((Text(_help_text(ctx)),), _tries(ctx))


@router.command("cancel", words=N_("cancel, stop that, exit, never mind"))
async def cancel(ctx: Context) -> Answer:
    """Leave whatever was being asked."""
    ctx.settle()
    ctx.customer.state.pop("kept", None)
    return Reply((Text(ctx._("OK, cancelled.")),), _tries(ctx))


@router.command("fallback")
async def not_understood(ctx: Context) -> Answer:
    """Say so once with ideas, then with help, then offer a person, then stay quiet: people also talk to
    the shop here, and a bot that nags gets blocked."""
    state = ctx.customer.state
    if state.get("quiet_until", 0) > ctx.now.timestamp():
        ctx.call_unclear("quiet")
        return SILENCE
    ctx.call_unclear("chips")
    lost = state.get("lost", 0) + 1
    state["lost"] = lost
    if lost == 1:
        return Reply((Text(ctx._("I didn't catch that. Try:")),), _tries(ctx))
    if lost == 2:
        return Reply((Text(ctx._("I didn't catch that. Try:")), Text(_help_text(ctx))), _tries(ctx))
    state["lost"], state["quiet_until"] = 0, (ctx.now + QUIET_FOR).timestamp()
    ctx.ask("human")
    text = ctx._("I can't help with that, but our staff can. Shall I call somebody?")
    return Reply((Text(text),), choices.ending(ctx._, choices.person(ctx._)))


@router.event(SentSticker)
async def sticker(ctx: Context) -> Answer:
    """A sticker gets the menu, no lecture."""
    return await ctx.run("menu")


@router.event(SentMedia)
async def media(ctx: Context) -> Answer:
    """Images and files cannot be read."""
    text = ctx._("I can't read images or files yet — please paste the code as text.")
    return Reply((Text(text),), choices.ending(ctx._, *choices.codes(ctx)))


def _tries(ctx: Context) -> tuple[Choice, ...]:
    return choices.ending(ctx._, *choices.topics(ctx), choices.person(ctx._))


def _help_text(ctx: Context) -> str:
    lines = []
    if ctx.desk.redeems:
        lines.append(ctx._("• Paste a code to redeem it."))
    if ctx.desk.shows_gifts:
        lines.append(ctx._("• Type “gifts” to see your tickets and gifts."))
    if ctx.desk.shows_vouchers:
        lines.append(ctx._("• Type “vouchers” to exchange your points."))
    if ctx.desk.shows_cards:
        lines.append(ctx._("• Type “link” to check your gift cards."))
    lines.append(ctx._("• Type “language” to change the language."))
    lines.append(ctx._("• Type “agent” to reach our staff."))
    return "\n".join(lines)

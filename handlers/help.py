"""Help, thanks and greetings, and what cannot be read."""

from __future__ import annotations

from bot.conversation.context import Answer, Context
from bot.conversation.events import SentMedia, SentSticker
from bot.conversation.messages import Choice, Reply, Text
from bot.conversation.router import Router
from bot.i18n import N_
from handlers.views import choices

router = Router()


# Translators: words people type to get help
@router.command("help", words=N_("help, ?, how, how to use"))
async def show_help(ctx: Context) -> Answer:
    """A few lines with examples."""
    return Reply((Text(help_text(ctx)),), _tries(ctx))


@router.command("cancel", words=N_("cancel, stop that, exit, never mind"))
async def cancel(ctx: Context) -> Answer:
    """Leave whatever was being asked."""
    ctx.settle()
    ctx.customer.state.kept = None
    return Reply((Text(ctx._("OK, cancelled.")),), _tries(ctx))


# Translators: words people type to thank
@router.command("thanks", words=N_("thanks, thank you, thx, ty"))
async def be_thanked(ctx: Context) -> Answer:
    """A short friendly word, no menu."""
    return Reply((Text(ctx._("You're welcome! Just write whenever you need something.")),), choices.ending(ctx._))


# Translators: words people type to greet
@router.command("greeting", words=N_("hi, hello, hey"))
async def greet(ctx: Context) -> Answer:
    """A short friendly word, and what can be done here one tap away."""
    text = ctx._("Hello! Your gifts, codes and vouchers: just tell me what you are looking for.")
    return Reply((Text(text),), choices.ending(ctx._, *choices.topics(ctx), choices.help_(ctx._)))


@router.event(SentSticker)
async def sticker(ctx: Context) -> Answer:
    """A sticker gets the menu, no lecture."""
    return await ctx.run("menu")


@router.event(SentMedia)
async def media(ctx: Context) -> Answer:
    """What cannot be read is named, so that nobody waits for more. Nothing of it is looked at."""
    assert isinstance(ctx.incoming.what, SentMedia), "registered for nothing else"
    ideas = choices.topics(ctx)
    match ctx.incoming.what.kind:
        case "image" | "file":
            text = ctx._("I can't read images or files yet — please paste the code as text.")
            ideas = choices.codes(ctx)
        case "video":
            text = ctx._("I can't watch videos yet — please paste the code as text.")
            ideas = choices.codes(ctx)
        case "audio":
            text = ctx._("I can't listen to voice messages yet — please type what you need or paste your code.")
        case "location":
            text = ctx._("I can't use locations — please type what you are looking for.")
        case "contact":
            text = ctx._("I don't open contact cards — please type what you need.")
        case "post":
            text = ctx._("I can't open shared posts or links — please type what you need or paste the code as text.")
        case "other" | "unknown":
            text = ctx._("I can't read this kind of message yet — please type what you need.")
    return Reply((Text(text),), choices.ending(ctx._, *ideas))


def _tries(ctx: Context) -> tuple[Choice, ...]:
    return choices.ending(ctx._, *choices.topics(ctx), choices.person(ctx._))


def help_text(ctx: Context) -> str:
    """What can be typed here, a line each."""
    lines = []
    if ctx.brand.redeems:
        lines.append(ctx._("• Paste a code to redeem it."))
    if ctx.brand.shows_gifts:
        lines.append(ctx._("• Type “gifts” to see your tickets and gifts."))
    if ctx.brand.shows_vouchers:
        lines.append(ctx._("• Type “vouchers” to exchange your points."))
    elif ctx.brand.shows_collected:
        lines.append(ctx._("• Type “points” to see your collected points."))
    if ctx.brand.shows_cards:
        lines.append(ctx._("• Type “link” to check your gift cards."))
    lines.append(ctx._("• Type “language” to change the language."))
    lines.append(ctx._("• Type “agent” to reach our staff."))
    return "\n".join(lines)

"""Hello: the welcome, the menu, the notice, and goodbye."""

from __future__ import annotations

from bot.conversation.context import Answer, Context
from bot.conversation.events import Followed, Left, Unsent
from bot.conversation.messages import SILENCE, TOGETHER, Choice, Reply
from bot.conversation.router import Router
from bot.i18n import N_
from bot.storage import inbox, relays
from bot.storage.customers import SAID_KEPT
from handlers import language
from handlers.views import choices
from handlers.views.choices import Go
from handlers.views.start import menu_card, notice, welcome_card

router = Router()

NOTICE_VERSION = 2  # Raise it when the notice's text changes: everybody is shown it once more.


@router.command("menu", words=N_("menu, start, home, main menu"))
async def show_menu(ctx: Context) -> Answer:
    """What can be done here."""
    return Reply((menu_card(ctx._, ctx.brand),), menu_choices(ctx))


@router.action(Go)
async def go(ctx: Context, action: Go) -> Answer:
    """A button that opens a topic."""
    return await ctx.run(action.command)


@router.event(Followed)
async def welcome(ctx: Context) -> Answer:
    """Somebody added us, unblocked us, or pressed Get Started."""
    returning = ctx.customer.notice > 0
    ctx.customer.unreachable_at = ctx.customer.muted_until = None
    card = welcome_card(ctx._, ctx.brand, language.other_languages(ctx)[:1], returning=returning)
    return Reply((card,), menu_choices(ctx))


@router.event(Left)
async def goodbye(ctx: Context) -> Answer:
    """Somebody blocked us: send nothing more. Receipts stay, a second claim must not follow."""
    ctx.customer.unreachable_at = ctx.now
    return SILENCE


@router.event(Unsent)
async def forget(ctx: Context) -> Answer:
    """Somebody took a message back: what we still hold of it goes."""
    assert isinstance(ctx.incoming.what, Unsent), "registered for nothing else"
    # Codes that wait for [try again], and labels made of codes; which message they came from is not kept.
    state = ctx.customer.state
    state.kept = state.labels = state.asking = state.deciding = state.missed = None
    person, message_id = ctx.customer.person, ctx.incoming.what.message_id
    connection = await ctx.work.begin()
    await inbox.forget_message(connection, person, message_id)
    await relays.forget_message(connection, person, message_id)
    await ctx.services.unclear.forget_message(connection, person, message_id)
    return SILENCE


def menu_choices(ctx: Context) -> tuple[Choice, ...]:
    """Quick replies of the menu."""
    return choices.ending(ctx._, *choices.topics(ctx), choices.help_(ctx._))


def add_notice(ctx: Context, reply: Reply) -> Reply:
    """The notice in two lines, once per version of its text, under whatever is answered first; "privacy" shows all.

    That short texts are kept makes it another one, which is shown to whoever was not told of it. That they are not kept
    any more is no news that anybody has to read.
    """
    customer, keeps = ctx.customer, ctx.brand.keeps_unclear
    current = customer.notice % SAID_KEPT >= NOTICE_VERSION and (customer.told_of_keeping or not keeps)
    if customer.id is None or current or not reply.messages:
        return reply
    if not (ctx.prompt or reply.valuable):
        return reply  # Too late to be delivered for free, so nobody would see it.
    if len(reply.messages) >= TOGETHER:
        return reply  # There is no room for it on every platform; the next answer has it.
    note_told(ctx)
    return reply.under(notice(ctx._, ctx.brand))


def note_told(ctx: Context) -> None:
    """The customer is about to read the notice, or all of it."""
    ctx.customer.notice = NOTICE_VERSION + (SAID_KEPT if ctx.brand.keeps_unclear else 0)

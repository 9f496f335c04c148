"""Coming by a link or QR code of a poster, or of one code: what it is for is offered. Opening a link is no wish to
redeem, and links are forwarded.
"""

from __future__ import annotations

from datetime import timedelta

from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.events import CameByLink
from bot.conversation.messages import Button, Reply, Text
from bot.conversation.router import Router
from bot.storage.posters import Poster
from handlers import codes, start
from handlers.unclear import Decline
from handlers.views import choices
from handlers.views.start import menu_card

router = Router()

TAKEN_WITHIN = timedelta(days=7)
ROOM = 3  # messages of an answer, with which it still has room for an offer and the notice


class TakeOffer(Action, name="offered", ttl=TAKEN_WITHIN):
    """Redeem the code of the poster that has this token."""

    token: str


@router.event(CameByLink)
async def came(ctx: Context) -> Answer:
    """Somebody opened a chat that was there already, and does nothing else yet."""
    if (offer := _offer(ctx)) is not None:
        return offer
    if (opens := _opens(ctx)) is not None:
        return await ctx.run(opens)
    return _over(ctx)


@router.action(TakeOffer, fresh="redeem")
async def take(ctx: Context, action: TakeOffer) -> Answer:
    """They want it."""
    poster = await ctx.services.posters.known(ctx.work.reads, action.token)
    if poster is None or not _offers(ctx, poster):
        return _over(ctx)
    return await codes.redeem_offered(ctx, poster.code)


def add_offer(ctx: Context, reply: Reply) -> Reply:
    """What the link offers by which somebody came, below what they did in the same moment: pressed Get Started, or
    wrote. Where the link itself typed their text, as LINE's does, that was their wish."""
    if not (ctx.came_by or ctx.brought) or not ctx.incoming.ref or isinstance(ctx.incoming.what, CameByLink):
        return reply
    if reply.valuable or len(reply.messages) > ROOM:
        return reply
    if (opens := _opens(ctx)) is not None:
        return Reply(reply.messages, (choices.topic(ctx._, opens), *reply.choices))
    asked = ctx.asked()
    if asked is not None and asked["question"] != "code":
        return reply  # What they did is not over.
    offer = _offer(ctx)
    if offer is None:
        return reply
    lost = ctx.unclear is not None or asked is not None or not reply.messages
    return offer if lost else Reply((*reply.messages, *offer.messages), (*offer.choices[:-1], *reply.choices))


def _offer(ctx: Context) -> Reply | None:
    """The code that the poster or the link is for, with a question; None when it is for none (any more)."""
    poster = ctx.came_by
    if poster is None:
        return codes.offer(ctx, ctx.brought) if ctx.brought and ctx.brand.redeems else None
    if not _offers(ctx, poster):
        return None
    # Translators: a button: redeem the code that was asked about
    yes = Button(ctx._("Redeem it"), TakeOffer(token=poster.token))
    # Translators: a button: do not redeem the code now
    no = Button(ctx._("Not now"), Decline())
    ctx.question(yes.label, no.label)
    return Reply((Text(ctx._("Redeem %(code)s now?", code=poster.code)),), choices.ending(ctx._, yes, no))


def _opens(ctx: Context) -> str | None:
    """The topic that the poster opens instead; None when there is none (any more)."""
    poster = ctx.came_by
    return poster.opens if poster and poster.opens and not poster.stopped_at and ctx.offers(poster.opens) else None


def _offers(ctx: Context, poster: Poster) -> bool:
    return bool(poster.code) and not poster.stopped_at and ctx.brand.redeems


def _over(ctx: Context) -> Reply:
    text = Text(ctx._("That offer is over. Here is what you can do:"))
    return Reply((text, menu_card(ctx._, ctx.brand)), start.menu_choices(ctx))

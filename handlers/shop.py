"""The shop itself: when it is open, where it is, its phone. Each is there only when the brand has set it."""

from __future__ import annotations

from bot.conversation.context import Answer, Context
from bot.conversation.messages import Card, Reply
from bot.conversation.router import Router
from bot.i18n import N_
from handlers.views import choices
from handlers.views.shop import address_card, hours_card, phone_card

router = Router()


# Translators: words people type to learn when the shop is open
@router.command(
    "hours",
    words=N_(
        "hours, opening hours, business hours, opening times, closing time, are you open, are you open now, "
        "are you open today, when are you open, when do you open, when do you close, what time do you open, "
        "what time do you close, what are your hours, what are your opening hours"
    ),
)
async def show_hours(ctx: Context) -> Answer:
    """When it is open, and whether it is now."""
    return await _shown(ctx, "hours", hours_card(ctx._, ctx.brand, ctx.now))


# Translators: words people type to learn where the shop is
@router.command(
    "address",
    words=N_(
        "address, your address, shop address, location, directions, where are you, where are you located, "
        "where is the shop, where is your shop, how do I get there, how to get there"
    ),
)
async def show_address(ctx: Context) -> Answer:
    """Where it is."""
    return await _shown(ctx, "address", address_card(ctx._, ctx.brand))


# Translators: words people type to learn the shop's phone number
@router.command(
    "phone",
    words=N_(
        "phone, phone number, your phone number, telephone, telephone number, contact number, shop phone, "
        "what is your phone number, what's your phone number, can I call you"
    ),
)
async def show_phone(ctx: Context) -> Answer:
    """Its number, to call."""
    return await _shown(ctx, "phone", phone_card(ctx._, ctx.brand))


async def _shown(ctx: Context, topic: str, card: Card) -> Answer:
    if not ctx.brand.offers(topic):
        return await ctx.run("fallback")
    return Reply((card,), choices.ending(ctx._, *choices.shop(ctx, besides=topic)))

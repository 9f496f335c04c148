"""The menu by task. A tile is added here, and to nothing else but the icons of LINE's picture (`picture.py`)."""

from __future__ import annotations

from bot.conversation.context import Answer
from bot.conversation.messages import Button, Reply
from bot.i18n import N_, Translator
from bot.staff.arguments import Arguments
from bot.staff.routes import StaffContext, StaffRouter
from bot.staff.tiles import StaffTile
from handlers.admin import desk
from handlers.views import staff as views
from handlers.views.choices import Go

admin = StaffRouter(desk.admin.topic)
admin.noun("menu", N_("/menu"))
admin.tiles = (
    StaffTile(
        "find",
        "🔎",
        # Translators: a tile: look for a customer
        N_("Find customer"),
        "who",
        "/who ",
        N_(
            "Whom? Send the code that they show (K7PQ-4M2X), their number (C-8F3K2M), their phone or a receipt "
            "(R-7F3K9M)."
        ),
        whom=True,
    ),
    # Translators: a tile: the numbers of today
    StaffTile("today", "📊", N_("Today's numbers"), "stats", "/stats today"),
    StaffTile(
        "give",
        "🎫",
        # Translators: a tile: give a customer a voucher
        N_("Give a voucher"),
        "issue",
        "/catalog for=",
        N_("To whom? Send their number (C-8F3K2M) or a receipt (R-7F3K9M)."),
        topic="vouchers",
        whom=True,
    ),
    StaffTile(
        "hand",
        "🤝",
        # Translators: a tile: hand over to a customer what is theirs
        N_("Hand over"),
        "use",
        "/use ",
        N_("Which code does the customer show? Eight letters and digits."),
        topic="counter",
        beside=((N_("Show my code"), "/counter"),),
    ),
    StaffTile(
        "link",
        "📱",
        # Translators: a tile: link a customer's phone
        N_("Link a phone"),
        "link new",
        "/link new ",
        N_("What is the phone number of the customer who stands before you?"),
        topic="cards",
    ),
    StaffTile(
        "code",
        "🔑",
        # Translators: a tile: look at a code
        N_("Look up a code"),
        "code show",
        "/code show ",
        N_("Which code? Send it as the customer has it, or its number (#99)."),
        topic="redeem",
        beside=((N_("List codes"), "/code list"),),
    ),
    # Translators: a tile: the groups of codes and what was decided about each
    StaffTile("campaigns", "📣", N_("Campaigns"), "group list", "/group list", topic="redeem"),
    # Translators: a tile: what works and what does not
    StaffTile("state", "🩺", N_("Status"), "status", "/status"),
    StaffTile(
        "visit",
        "👋",
        # Translators: a tile: points for a customer who came by
        N_("Count a visit"),
        "visit",
        "/visit ",
        N_("Which code does the customer show? They find it under [My code]."),
        topic="visits",
        only="counter",  # The others have it beside the customer, and a menu has nine tiles.
    ),
    # Translators: a tile: the list of all commands
    StaffTile("commands", "⌨️", N_("All commands"), "help", "/help"),
)


@admin.command("menu", role="viewer", counter=True, about=N_("what you can do here, by task"), audited=False)
async def show_menu(ctx: StaffContext, _args: Arguments) -> Answer:
    """What this person may do and the shop has, a tap each."""
    return Reply((views.menu_card(ctx._, ctx.actor, ctx.commands.tiles_of(ctx.actor.role, ctx.brand)),))


def buttons(_: Translator, tiles: list[StaffTile]) -> tuple[Button, ...]:
    """The same as buttons, for the menu below the chat."""
    return tuple(
        Button(_(tile.label), Go(command=tile.tap), keyboard=tile is tiles[0] and bool(tile.question)) for tile in tiles
    )

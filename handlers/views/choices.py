"""The buttons that end every answer: no dead ends, the menu always last."""

from __future__ import annotations

from bot.conversation.actions import Action
from bot.conversation.context import SHOP, Context
from bot.conversation.messages import Button, Choice
from bot.i18n import N_, Translator


class Go(Action, name="go"):
    """Open a topic: the same as typing one of its words."""

    command: str


LABELS = {
    # Translators: a button; at most 10 Chinese or 20 Latin characters, like all buttons.
    "gifts": N_("My gifts"),
    # Translators: a button: tickets and coupons
    "tickets": N_("Tickets"),
    # Translators: a button
    "redeem": N_("Redeem a code"),
    "points": N_("Points"),
    # Translators: a button
    "vouchers": N_("Vouchers"),
    # Translators: a button
    "my_vouchers": N_("My vouchers"),
    # Translators: a button: what was redeemed and exchanged
    "receipts": N_("My receipts"),
    # Translators: a button
    "cards": N_("Gift cards"),
    # Translators: a button: the code that a customer shows at the counter
    "my_code": N_("My code"),
    "language": N_("Language"),
    "data": N_("My data"),
    "delete": N_("Delete my data"),
    "privacy": N_("Privacy"),
    # Translators: a button: no more notifications
    "unsubscribe": N_("Notifications off"),
    # Translators: a button: be told before a gift card or a voucher ends
    "reminders": N_("Remind me"),
    # Translators: a button: do not remind me any more before something of mine ends
    "no_reminders": N_("No more reminders"),
    # Translators: a button: link a phone
    "link": N_("Link my phone"),
    # Translators: a button: unlink the phone
    "unlink": N_("Unlink my phone"),
    # Translators: a button: the customer's player id in the game
    "player": N_("Player ID"),
    # Translators: a button: talk to a person of the shop
    "human": N_("Talk to a person"),
    # Translators: a button
    "help": N_("Help"),
    # Translators: a button
    "hours": N_("Opening hours"),
    # Translators: a button
    "address": N_("Address"),
    # Translators: a button: the shop's phone number
    "phone": N_("Call the shop"),
}
"""The name of each topic on a button."""


def topic(_: Translator, name: str) -> Button:
    """To a topic, as typing its words does."""
    return Button(_(LABELS[name]), Go(command=name), keyboard=name == "redeem")


def my_gifts(_: Translator) -> Button:
    """To the wallet."""
    return topic(_, "gifts")


def redeem_code(_: Translator) -> Button:
    """To the prompt for a code."""
    return topic(_, "redeem")


def another_code(_: Translator) -> Button:
    """To the prompt for a code, after one was redeemed."""
    # Translators: a button
    return Button(_("Another code"), Go(command="redeem"), keyboard=True)


def vouchers(_: Translator) -> Button:
    """To what points can be exchanged for."""
    return topic(_, "vouchers")


def my_vouchers(_: Translator) -> Button:
    """To the vouchers that the customer got."""
    return topic(_, "my_vouchers")


def receipts(_: Translator) -> Button:
    """To what the customer redeemed, received and exchanged."""
    return topic(_, "receipts")


def gift_cards(_: Translator) -> Button:
    """To the gift cards of a linked phone."""
    return topic(_, "cards")


def details(_: Translator, show: Action) -> Button:
    """To the whole of what is shown in short."""
    # Translators: a button: show the whole of something, such as a receipt, a card of a list or the privacy notice
    return Button(_("Details"), show)


def person(_: Translator) -> Button:
    """To a human."""
    return topic(_, "human")


def help_(_: Translator) -> Button:
    """To the help."""
    return topic(_, "help")


def cancel(_: Translator) -> Button:
    """Out of a question."""
    # Translators: a button
    return Button(_("Cancel"), Go(command="cancel"))


def menu(_: Translator) -> Button:
    """Home."""
    # Translators: a button
    return Button(_("Menu"), Go(command="menu"))


def gifts(ctx: Context) -> tuple[Button, ...]:
    """To the wallet, where there is one."""
    return (my_gifts(ctx._),) if ctx.brand.shows_wallet else ()


def my_code(ctx: Context) -> tuple[Button, ...]:
    """To what a customer shows of themself, where there is a counter."""
    return (topic(ctx._, "my_code"),) if ctx.brand.offers("my_code") else ()


def codes(ctx: Context) -> tuple[Button, ...]:
    """To the prompt for a code, where codes are redeemed."""
    return (redeem_code(ctx._),) if ctx.brand.redeems else ()


def topics(ctx: Context) -> tuple[Button, ...]:
    """What this shop offers."""
    return (
        *gifts(ctx),
        *codes(ctx),
        *((vouchers(ctx._),) if ctx.brand.shows_vouchers else ()),
        *((gift_cards(ctx._),) if ctx.brand.shows_cards else ()),
    )


def shop(ctx: Context, *, besides: str = "") -> tuple[Button, ...]:
    """To what is known of the shop: when, where, by phone. besides: the topic that is shown already."""
    # Translators: a button
    labels = LABELS | {"phone": N_("Phone number")}
    return tuple(
        Button(ctx._(labels[name]), Go(command=name)) for name in SHOP if name != besides and ctx.brand.offers(name)
    )


def ending(_: Translator, *first: Choice) -> tuple[Choice, ...]:
    """Choices with the menu at their end."""
    return (*first, menu(_))

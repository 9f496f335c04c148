"""Gift cards: each looks like the card it is, with its number hidden."""

from __future__ import annotations

from datetime import datetime

from bot.apis.altegio import GiftCard
from bot.conversation.actions import Action
from bot.conversation.messages import Badge, Button, Card, Item, Row
from bot.i18n import Translator


def usable_card(_: Translator, card: GiftCard, currency: str, show_number: Action | None) -> Card:
    """Something can be paid with it. currency: ISO code or `''`. show_number: None where it is never shown."""
    # Translators: a button: show the number of a gift card
    number = (Button(_("Show number"), show_number),) if show_number else ()
    return Card(
        look="value",
        banner="cards",
        eyebrow=_("Gift card"),
        badge=_badge(_, card, None),
        title=card.title or _("Gift card"),
        hero=_.money(card.balance, currency),
        rows=_facts(_, card, currency),
        buttons=number,
    )


def unusable_card(_: Translator, card: GiftCard, currency: str, now: datetime) -> Card:
    """Nothing can be paid with it now, and why."""
    return Card(
        eyebrow=_("Gift card"),
        banner="cards",
        badge=_badge(_, card, now),
        title=card.title or _("Gift card"),
        hero=_.money(card.balance, currency),
        rows=_facts(_, card, currency),
    )


def number_card(_: Translator, card: GiftCard) -> Card:
    """The whole number, which is as good as money: not even the chat list repeats it."""
    return Card(
        discreet=True,
        eyebrow=_("Gift card"),
        title=card.title or _("Gift card"),
        hero=card.number,
        note=_("Don't share this."),
    )


def card_item(_: Translator, card: GiftCard, currency: str, now: datetime, show: Action) -> Item:
    """A line of a list: what is on the card, and how its number ends."""
    detail = " · ".join(filter(None, (_.money(card.balance, currency), card.masked)))
    return Item(card.title or _("Gift card"), show, "💳", detail, _badge(_, card, now))


def _badge(_: Translator, card: GiftCard, now: datetime | None) -> Badge:
    """Its state. now: None for a card that can be used."""
    if now is None or card.usable(now):
        return Badge(_known(_, card.status) or _("Valid"), "valid")
    if card.expires is not None and card.expires <= now:
        return Badge(_("Expired"), "old")
    if not card.balance:
        # Translators: a badge on a gift card
        return Badge(_("Used up"), "old")
    # Translators: a badge on a gift card
    return Badge(_known(_, card.status) or _("Not usable"), "old")


def _facts(_: Translator, card: GiftCard, currency: str) -> tuple[Row, ...]:
    # The vendor may not tell an end that there is: then neither it nor that there is none may be promised.
    unknown = _("no expiry") if card.endless else ""
    rows = (
        Row(_("Face value"), _.money(card.face, currency) if card.face is not None else ""),
        Row(_("Card number"), card.masked),
        Row(_("Expires"), _.date(card.expires) if card.expires is not None else unknown),
        Row(_("Spend in parts"), "" if card.multi is None else _("yes") if card.multi else _("no")),
        Row(_("Good for"), _known(_, card.limits)),
    )
    return tuple(row for row in rows if row.value)


def _known(_: Translator, title: str) -> str:
    """The vendor's titles that we know, in the customer's language; others as they are given."""
    known = {
        # Translators: the state of a gift card, on a badge
        "activated": _("Activated"),
        # Translators: the state of a gift card, on a badge
        "used": _("Used up"),
        # Translators: a badge on a card
        "expired": _("Expired"),
        # Translators: what a gift card can be spent on: anything
        "no limits": _("No limits"),
        # Translators: what a gift card can be spent on
        "services only": _("Services only"),
        # Translators: what a gift card can be spent on
        "products only": _("Products only"),
    }
    return known.get(title.strip().lower(), title)

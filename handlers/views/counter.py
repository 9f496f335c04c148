"""What a customer sees of the counter: a code to show, and whether staff have taken it."""

from __future__ import annotations

from datetime import datetime

from bot.apis.mantago import TICKETS
from bot.conversation.actions import Action
from bot.conversation.messages import Button, Card, Row
from bot.i18n import Translator
from bot.services.counter_codes import CounterCode
from bot.services.hand_overs import RECEIPT, Handed, Item
from handlers.views.gifts import gift_names, handed_rows


def item_kind(_: Translator, item: Item) -> str:
    """What kind of thing it is."""
    match item.kind:
        case "tickets":
            # Translators: one ticket, on a card about it
            return _("Ticket")
        case "receipt":
            return _("Code redeemed")
        case kind:
            return gift_names(_).get(kind) or _("Gift")


def item_name(_: Translator, item: Item) -> str:
    """What it is called where it is a title."""
    return _.ngettext("Coupon", "Coupons", 1) if item.kind == TICKETS else item.name or _("Redeemed")


def item_rows(_: Translator, item: Item) -> tuple[Row, ...]:
    """Since when it is the customer's, and the receipt that it is for."""
    since = (Row(_("Received"), _.date(item.since)),) if item.since else ()
    return (*since, *((Row(_("Reference"), item.key),) if item.kind == RECEIPT else ()))


def code_card(_: Translator, item: Item, code: CounterCode, qr: str, *, done: Action, other: Action) -> Card:
    """A thing with its code, to be shown. qr: where the QR code is fetched, "" where there is none. done: tells whether
    staff have taken it. other: takes the shop's own code instead."""
    return Card(
        eyebrow=item_kind(_, item),
        title=item_name(_, item),
        hero=code.code,
        qr=qr,
        rows=item_rows(_, item),
        note=_(
            "Good for 5 minutes, until %(time)s. Show it to our staff; a screenshot of it is worth nothing later.",
            time=_.time(code.until),
        ),
        discreet=True,
        buttons=(
            # Translators: a button: have the staff handed it over?
            Button(_("Is it done?"), done),
            # Translators: a button: the shop's staff show a code of their own, which the customer types
            Button(_("I have a shop code"), other, keyboard=True),
        ),
    )


def picked_card(_: Translator, item: Item, until: datetime, *, done: Action) -> Card:
    """A thing that a customer chose with the shop's code: its member sees it now."""
    return Card(
        eyebrow=item_kind(_, item),
        title=item_name(_, item),
        rows=item_rows(_, item),
        text=_("Our staff see now what you chose, until %(time)s.", time=_.time(until)),
        buttons=(Button(_("Is it done?"), done),),
    )


def handed_card(_: Translator, item: Item, handed: Handed) -> Card:
    """That it was handed over."""
    return Card(
        look="success",
        title=_("Handed over 🎉"),
        hero=item_name(_, item),
        rows=(*item_rows(_, item), *handed_rows(_, handed), Row(_("Time"), _.moment(handed.at))),
    )

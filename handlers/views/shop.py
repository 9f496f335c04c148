"""The shop's hours, address and phone."""

from __future__ import annotations

from datetime import datetime

from bot.conversation.context import Brand
from bot.conversation.messages import Card, Link, Row
from bot.i18n import Translator
from bot.understanding.hours import Hours


def hours_card(_: Translator, brand: Brand, now: datetime) -> Card:
    """When it is open, and what that means now; hours that nobody could read as they were written."""
    if isinstance(brand.opening_hours, str):
        return Card(eyebrow=brand.name, title=_("Opening hours"), text=brand.opening_hours)
    return Card(
        eyebrow=brand.name,
        title=_("Opening hours"),
        text=_state(_, brand.opening_hours, now),
        rows=tuple(Row(days, times) for days, times in brand.opening_hours.lines(_)),
        note=_("Public holidays may differ."),
    )


def _state(_: Translator, hours: Hours, now: datetime) -> str:
    if not hours.open_at(now):
        opens = hours.next_opening(now)
        assert opens is not None, "what is closed now opens within a week"
        return _("Closed now. Opens %(day)s at %(time)s.", day=_.soon(opens, now), time=_.time(opens))
    closes = hours.closing(now)
    if closes is None:
        return _("Open now, around the clock.")
    if (closes - now).days:
        return _("Open now, until %(day)s at %(time)s.", day=_.soon(closes, now), time=_.time(closes))
    return _("Open now until %(time)s.", time=_.time(closes))


def address_card(_: Translator, brand: Brand) -> Card:
    """Where it is, in whichever language the brand has told."""
    told = brand.told(brand.address, _.tag)
    # Translators: a button: show the shop on a map
    links = (Link(_("Map"), brand.map_url),) if brand.map_url else ()
    return Card(eyebrow=brand.name, title=_("Address"), text=told, buttons=links)


def phone_card(_: Translator, brand: Brand) -> Card:
    """Its number."""
    # Translators: a button: call the shop by phone
    links = (Link(_("Call"), brand.call_url),) if brand.call_url else ()
    return Card(eyebrow=brand.name, title=_("Phone number"), text=brand.shop_phone, buttons=links)

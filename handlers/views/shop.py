"""The shop's hours, address and phone."""

from __future__ import annotations

from datetime import datetime

from bot.conversation.context import Desk
from bot.conversation.messages import Card, Link, Row
from bot.i18n import Translator
from bot.understanding.hours import Hours


def hours_card(_: Translator, desk: Desk, now: datetime) -> Card:
    """When it is open, and what that means now; hours that nobody could read as they were written."""
    if isinstance(desk.opening_hours, str):
        return Card(eyebrow=desk.brand, title=_("Opening hours"), text=desk.opening_hours)
    return Card(
        eyebrow=desk.brand,
        title=_("Opening hours"),
        text=_state(_, desk.opening_hours, now),
        rows=tuple(Row(days, times) for days, times in desk.opening_hours.lines(_)),
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


def address_card(_: Translator, desk: Desk) -> Card:
    """Where it is, in whichever language the brand has told."""
    told = desk.address.get(_.tag) or desk.address.get("en") or next(iter(desk.address.values()), "")
    # Translators: a button: show the shop on a map
    links = (Link(_("Map"), desk.map_url),) if desk.map_url else ()
    return Card(eyebrow=desk.brand, title=_("Address"), text=told, buttons=links)


def phone_card(_: Translator, desk: Desk) -> Card:
    """Its number."""
    # Translators: a button: call the shop by phone
    links = (Link(_("Call"), desk.call_url),) if desk.call_url else ()
    return Card(eyebrow=desk.brand, title=_("Phone number"), text=desk.shop_phone, buttons=links)

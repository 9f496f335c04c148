"""Stores, as staff see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.conversation.messages import Card, Row
from bot.i18n import Translator
from bot.services.stores import Place
from bot.storage.stores import Store


def stores_card(_: Translator, there: Sequence[Store], names: Mapping[int, Sequence[str]], lost: Sequence[str]) -> Card:
    """The stores with who works in each. lost: who serves customers and works in none."""
    rows = [Row(store.name, ", ".join(names.get(store.id, ())) or _("nobody yet")) for store in there]
    if there and lost:
        rows.append(Row(_("In no store"), ", ".join(lost)))
    return Card(
        title=_.ngettext("%(n)s store", "%(n)s stores", len(there)),
        text="" if there else _("There are none yet. The first one: /store add, with its name."),
        rows=tuple(rows),
    )


def place_rows(_: Translator, place: Place) -> tuple[Row, ...]:
    """For which store something counts, for its preview; nothing where the brand has none."""
    if place.store is not None:
        return (Row(_("Store"), place.store.name),)
    if place.among:
        return (Row(_("Store"), _("not said yet today")),)
    return (Row(_("Store"), _("none")),) if place.nowhere else ()


def place_text(_: Translator, place: Place) -> str:
    """Where somebody is, in a sentence."""
    if place.store is not None:
        return _("You are at %(store)s today.", store=place.store.name)
    if place.nowhere:
        return _("You work in no store yet: what you do counts for none. An owner can change that: /admins store.")
    return _("There are no stores here.")

"""The wallet's first card: a number for each kind of thing, and what is new."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.apis.mantago import Gifts
from bot.conversation.messages import Badge, Button, Card, Tile
from bot.i18n import Translator


def overview_card(
    _: Translator,
    tiles: tuple[Tile, ...],
    *,
    new: int,
    notes: Sequence[str],
    taken_at: datetime,
    buttons: tuple[Button, ...],
) -> Card:
    """How much of each kind there is; a tap on a number opens its list."""
    return Card(
        title=_("Your gifts"),
        banner="gifts",
        # Translators: a badge: so many new gifts
        badge=Badge(_.ngettext("%(n)s new", "%(n)s new", new), "valid") if new else None,
        tiles=tiles,
        note="\n".join([*notes, _("Updated %(time)s", time=_.time(taken_at))]),
        buttons=buttons,
    )


def unlisted_notes(_: Translator, gifts: Gifts) -> list[str]:
    """What the vendor holds and the list does not show."""
    notes = []
    if gifts.skipped:
        notes.append(
            _.ngettext("%(n)s item can't be shown right now.", "%(n)s items can't be shown right now.", gifts.skipped)
        )
    if gifts.truncated:
        notes.append(_.ngettext("%(n)s more item is not listed.", "%(n)s more items are not listed.", gifts.truncated))
    return notes

"""The pages of the catalogue: nine cards with their pictures, and one that leads on. A shop window is no list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bot.conversation.messages import Button, Card, Carousel
from bot.i18n import Translator
from handlers.views.paging import Turn, turn_buttons

SIZE = 9  # and one card that leads on: ten fit LINE's carousel and Messenger's alike

Offered = TypeVar("Offered")


@dataclass(frozen=True, slots=True)
class Window(Generic[Offered]):
    """What one page shows. number: of the page, from 0. left: how many things come after it."""

    number: int
    items: Sequence[Offered]
    left: int


def window_of(offered: Sequence[Offered], number: int) -> Window[Offered]:
    """A page; the first one when there is no such page, since a catalogue may shrink under an old button."""
    if number * SIZE >= len(offered):
        number = 0
    start = number * SIZE
    return Window(number, offered[start : start + SIZE], max(len(offered) - start - SIZE, 0))


def window(_: Translator, title: str, cards: Sequence[Card], page: Window[Offered], turn: Turn) -> Card | Carousel:
    """The cards of a page, with one at the end that leads on."""
    shown = list(cards)
    if page.left:
        following, *_before = turns(_, page, turn)
        shown.append(Card(title=_.ngettext("%(n)s more", "%(n)s more", page.left), buttons=(following,)))
    return Carousel(title, tuple(shown)) if len(shown) > 1 else shown[0]


def turns(_: Translator, page: Window[Offered], turn: Turn) -> list[Button]:
    """Buttons to the pages after and before."""
    return turn_buttons(_, turn, page.number, more=page.left > 0)

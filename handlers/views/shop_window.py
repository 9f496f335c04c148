"""The pages of the catalogue: nine cards with their pictures, and one that leads on. A shop window is no list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bot.conversation.actions import Action
from bot.conversation.messages import Button, Card, Carousel
from bot.i18n import Translator

SIZE = 9  # and one card that leads on: ten fit LINE's carousel and Messenger's alike

Offered = TypeVar("Offered")
Turn = Callable[[int], Action]
"""The action that shows the page of a number."""


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
        # Translators: a button: the next page of a list
        button = Button(_("Next page"), turn(page.number + 1))
        shown.append(Card(title=_.ngettext("%(n)s more", "%(n)s more", page.left), buttons=(button,)))
    return Carousel(title, tuple(shown)) if len(shown) > 1 else shown[0]


def turns(_: Translator, page: Window[Offered], turn: Turn) -> list[Button]:
    """Buttons to the pages after and before."""
    buttons: list[Button] = []
    if page.left:
        buttons.append(Button(_("Next page"), turn(page.number + 1)))
    if page.number:
        # Translators: a button: the page before this one
        buttons.append(Button(_("Previous page"), turn(page.number - 1)))
    return buttons

"""Pages of cards, for the lists that are not lines yet: nine cards, and one that leads on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bot.conversation.actions import Action
from bot.conversation.messages import Button, Card, Carousel
from bot.i18n import Translator

SIZE = 9  # and one card that leads on: ten fit LINE's carousel and Messenger's alike

Item = TypeVar("Item")
Turn = Callable[[int], Action]
"""The action that shows the page of a number."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """What one page shows. number: of the page, from 0. left: how many items come after it. total: of the list."""

    number: int
    items: Sequence[Item]
    left: int
    total: int


def page_of(items: Sequence[Item], number: int) -> Page[Item]:
    """A page of a list; the first one when there is no such page, since a list may shrink under an old button."""
    if number * SIZE >= len(items):
        number = 0
    start = number * SIZE
    return Page(number, items[start : start + SIZE], max(len(items) - start - SIZE, 0), len(items))


def span_title(_: Translator, name: str, page: Page[Item]) -> str:
    """The name of a list, and which part of it this is: `Tickets 10–18 of 25`."""
    if page.total <= SIZE:
        return name
    start = page.number * SIZE
    return _(
        "%(name)s %(first)s–%(last)s of %(total)s",
        name=name,
        first=_.number(start + 1),
        last=_.number(start + len(page.items)),
        total=_.number(page.total),
    )


def listing(
    _: Translator, title: str, cards: Sequence[Card], page: Page[Item], turn: Turn, *, folded: Card | None = None
) -> Card | Carousel:
    """The cards of a page, with one at the end that leads on. folded: ends the last page instead."""
    shown = list(cards)
    if page.left:
        shown.append(more_card(_, page.left, turn(page.number + 1)))
    elif folded is not None:
        shown.append(folded)
    return Carousel(title, tuple(shown)) if len(shown) > 1 else shown[0]


def more_card(_: Translator, left: int, next_page: Action) -> Card:
    """The last card of a page that is not the last."""
    # Translators: a button: the next page of a list
    button = Button(_("Next page"), next_page)
    return Card(title=_.ngettext("%(n)s more", "%(n)s more", left), buttons=(button,))


def turning(_: Translator, page: Page[Item], turn: Turn) -> list[Button]:
    """Buttons to the pages after and before."""
    buttons: list[Button] = []
    if page.left:
        buttons.append(Button(_("Next page"), turn(page.number + 1)))
    if page.number:
        # Translators: a button: the page before this one
        buttons.append(Button(_("Previous page"), turn(page.number - 1)))
    return buttons

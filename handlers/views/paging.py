"""Long lists: ten things at most are cards side by side, more are lines on pages, each of which opens its card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from bot.conversation.actions import Action, escaped
from bot.conversation.messages import Button, Card, Carousel, Item, Listing, Pages
from bot.i18n import Translator
from handlers.views import choices

CARDS = 10  # that LINE's carousel and Messenger's both take
FORMER_SIZE = 9  # of a page, for the buttons of earlier versions: what they lead to is counted in such pages

LONGEST_QUERY = 30  # characters
_PACKED_QUERY = 190  # of what a button may be long, once each Chinese character became nine

Thing = TypeVar("Thing")
Turn = Callable[[int], Action]
"""The action that shows the page of a number. It has that number as its field `page`."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Thing]):
    """What one page shows. number: of the page, from 0. size: of a whole page. total: things of the list."""

    number: int
    items: Sequence[Thing]
    size: int
    total: int

    @property
    def count(self) -> int:
        """How many pages the list has."""
        return -(-self.total // self.size) if self.total > CARDS else 1

    @property
    def last(self) -> bool:
        """Whether no page comes after it."""
        return self.number + 1 >= self.count


def page_of(things: Sequence[Thing], number: int, size: int) -> Page[Thing]:
    """A page of a list; the first one when there is no such page, since a list may shrink under an old button.

    size: of a page; `ctx.brand.list_page` is what fits the channel.
    """
    if len(things) <= CARDS:
        return Page(0, things, size, len(things))
    if not 0 <= number * size < len(things):
        number = 0
    return Page(number, things[number * size : (number + 1) * size], size, len(things))


def page_now(former: int, size: int) -> int:
    """The number of the page that holds what the page `former` of an earlier version began with."""
    return max(former, 0) * FORMER_SIZE // size


def listing(
    _: Translator,
    title: str,
    page: Page[Thing],
    turn: Turn,
    *,
    card: Callable[[Thing], Card],
    item: Callable[[Thing], Item],
    find: Action | None = None,
) -> Card | Carousel | Listing:
    """A page as a message. Only what is shown is drawn, by `card` or by `item`. find: asks for a part of a name."""
    if page.total <= CARDS:
        cards = tuple(replace(card(each), details=choices.details(_, item(each).action)) for each in page.items)
        return cards[0] if len(cards) == 1 else Carousel(title, cards)
    buttons = turn_buttons(_, turn, page.number, more=not page.last)
    if find is not None:
        # Translators: a button: search in a list
        buttons.append(Button(_("Search"), find, keyboard=True))
    several = page.count > 1
    return Listing(
        title,
        tuple(item(thing) for thing in page.items),
        opens=_("Details"),
        position=_("Page %(page)s of %(pages)s", page=_.number(page.number + 1), pages=_.number(page.count))
        if several
        else "",
        hint=_("Type a number to jump to that page.") if several else "",
        buttons=tuple(buttons),
        pages=Pages(turn(0), page.count) if several else None,
    )


def turn_buttons(_: Translator, turn: Turn, number: int, *, more: bool) -> list[Button]:
    """To the pages after and before the one of this number. more: there is one after it."""
    buttons: list[Button] = []
    if more:
        # Translators: a button: the next page of a list
        buttons.append(Button(_("Next page"), turn(number + 1)))
    if number:
        # Translators: a button: the page before this one
        buttons.append(Button(_("Previous page"), turn(number - 1)))
    return buttons


def as_query(typed: str) -> str:
    """What is searched for, as the buttons of its pages can carry it."""
    query = typed[:LONGEST_QUERY]
    while len(escaped(query)) > _PACKED_QUERY:
        query = query[:-1]
    return query


def turning(shown: Card | Carousel | Listing) -> tuple[Button, ...]:
    """The list's own buttons, to be offered below it as well: they are not to be looked for at its end."""
    return shown.buttons if isinstance(shown, Listing) else ()

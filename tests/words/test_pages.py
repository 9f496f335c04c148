"""Pages of a list: cut without a gap, and opened by a number that is typed."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.actions import Action
from bot.conversation.labels import page_number
from bot.conversation.messages import Button, Card, Carousel, Item, Listing
from bot.i18n import load_translators
from bot.understanding.words import Lexicon
from handlers.views.paging import CARDS, FORMER_SIZE, listing, page_now, page_of, turning

LANGUAGES = load_translators(ZoneInfo("Asia/Taipei"))


class Turned(Action, name="test-turned", ttl=timedelta(days=1)):
    """A page of these tests."""

    page: int = 0


def shown(total: int, number: int, size: int) -> Card | Carousel | Listing:
    """A page of a list of numbers."""
    return listing(
        LANGUAGES["en"],
        "Numbers",
        page_of(range(total), number, size),
        lambda page: Turned(page=page),
        card=lambda each: Card(str(each)),
        item=lambda each: Item(str(each), Turned(page=each)),
        find=Turned(page=-1),
    )


@given(st.integers(0, 800), st.sampled_from([9, 30]))
def test_the_pages_are_the_list(total: int, size: int) -> None:
    """Each thing once, in its order; up to ten are one page."""
    pages = [page_of(range(total), number, size) for number in range(page_of(range(total), 0, size).count)]

    assert [thing for page in pages for thing in page.items] == list(range(total))
    assert len(pages) == (1 if total <= CARDS else -(-total // size))
    assert [page.last for page in pages] == [*[False] * (len(pages) - 1), True]


@pytest.mark.parametrize("number", [-1, 18, 10**9])
def test_a_page_that_there_is_not_is_the_first(number: int) -> None:
    page = page_of(range(520), number, 30)

    assert (page.number, page.items[0]) == (0, 0)


@pytest.mark.parametrize("size", [9, 30])
@pytest.mark.parametrize("former", range(58))
def test_an_old_button_leads_to_what_its_page_began_with(former: int, size: int) -> None:
    page = page_of(range(520), page_now(former, size), size)

    assert former * FORMER_SIZE in page.items


@pytest.mark.parametrize(
    ("total", "number", "buttons"),
    [
        (11, 0, ["Search"]),
        (30, 0, ["Search"]),
        (31, 0, ["Next page", "Search"]),
        (520, 8, ["Next page", "Previous page", "Search"]),
        (520, 17, ["Previous page", "Search"]),
    ],
)
def test_a_page_leads_to_those_beside_it(total: int, number: int, buttons: list[str]) -> None:
    message = shown(total, number, 30)

    assert isinstance(message, Listing)
    assert [button.label for button in turning(message)] == buttons
    for button in turning(message):
        assert isinstance(button, Button)
        step = {"Next page": number + 1, "Previous page": number - 1, "Search": -1}[button.label]
        assert button.action == Turned(page=step)
    assert (message.pages is None) == (total <= 30)


def test_ten_things_are_cards_and_eleven_are_lines() -> None:
    ten, one = shown(10, 0, 9), shown(1, 0, 9)

    assert isinstance(ten, Carousel) and [card.title for card in ten.cards] == [str(each) for each in range(10)]
    assert one == Card("0", details=Button("Details", Turned(page=0)))  # for where a card has to be cut
    assert isinstance(shown(11, 0, 30), Listing)
    assert turning(ten) == ()


def test_only_what_a_page_shows_is_drawn() -> None:
    """Of seven hundred things, thirty."""
    drawn: list[int] = []

    def item(each: int) -> Item:
        drawn.append(each)
        return Item(str(each), Turned(page=each))

    page = page_of(range(700), 3, 30)
    listing(LANGUAGES["en"], "", page, lambda page: Turned(page=page), card=lambda each: Card(str(each)), item=item)

    assert drawn == list(range(90, 120))


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("3", 3),
        ("３", 3),
        (" 3 。", 3),
        ("page 3", 3),
        ("Page 3 please", 3),
        ("p.3", 3),
        ("go to page 18", 18),
        ("第 3 頁", 3),
        ("第3页", 3),
        ("3頁", 3),
        ("跳到第 12 頁", 12),
        ("page 99", 18),
        ("第 99 頁", 18),
        ("page 0", 1),
    ],
)
def test_a_page_is_opened_by_its_number(lexicon: Lexicon, typed: str, number: int) -> None:
    """In either language, whichever the customer reads."""
    assert page_number(lexicon.read(typed), 18, LANGUAGES) == number


@pytest.mark.parametrize(
    "typed", ["", "0", "19", "2026", "3 3", "3 pm", "3?", "page", "三", "3 coffees", "R-3", "0912345678", "WELCOME2026"]
)
def test_other_numbers_are_no_page(lexicon: Lexicon, typed: str) -> None:
    """A number that no page has may be anything."""
    assert page_number(lexicon.read(typed), 18, LANGUAGES) is None

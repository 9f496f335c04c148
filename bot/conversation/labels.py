"""What was offered for tapping can be typed as well: the labels of the last answer, and the pages of its list. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from bot.conversation.actions import Action
from bot.conversation.messages import Button, Card, Carousel, Listing, Reply, SmallPrint
from bot.i18n import N_, Translator
from bot.storage.state import PagesOffered, Question
from bot.understanding.reading import Reading, fold, listed, visible
from bot.understanding.words import Lexicon

# Translators: a list of words, as many as you can think of: what stands beside the number of a page; no number in them
_BESIDE_NUMBER = N_("page, go to page, page no")
_NUMBER = re.compile(r"([^0-9]*)([0-9]{1,5})([^0-9]*)")

MOST = 60  # labels of one answer; ten cards with four buttons and thirteen quick replies are fewer


def buttons(reply: Reply) -> Iterator[Button]:
    """Everything in an answer that does something when it is tapped."""
    for message in reply.messages:
        cards = message.cards if isinstance(message, Carousel) else (message,) if isinstance(message, Card) else ()
        for card in cards:
            yield from (Button(tile.label, tile.action) for tile in card.tiles)
            yield from (button for button in card.buttons if isinstance(button, Button))
        if isinstance(message, Listing):  # Its items have names, not labels: those are searched for.
            yield from message.buttons
        if isinstance(message, SmallPrint):
            yield message.button
    yield from (choice for choice in reply.choices if isinstance(choice, Button))


def kept(reply: Reply, packed: Mapping[Action, str], lexicon: Lexicon, asked: Question | None) -> dict[str, str]:
    """Label, as it is read, → packed button, for the customer's state; "" where one label does several things.

    Left out is what is understood without it: a label that is a word for just what it does, and those of an open
    question, which end with it. packed: what was rendered, by action.
    """
    of_question = {asked["yes"], asked["no"]} if asked and "yes" in asked else set()
    labels: dict[str, str] = {}
    for button in buttons(reply):
        said, data = _named(button.label), packed.get(button.action)
        command = button.action.__dict__.get("command") if type(button.action).action_name == "go" else None
        if not said or data is None or not button.action.typed or button.label.startswith("/") or len(labels) >= MOST:
            continue
        if button.label in of_question or (command is not None and _means(lexicon, button.label) == command):
            continue
        labels[said] = data if labels.get(said, data) == data else ""
    return labels


def pages(reply: Reply, pack: Callable[[Action], str]) -> PagesOffered | None:
    """The pages of the list in an answer, for the customer's state; None without one of several."""
    for message in reply.messages:
        if isinstance(message, Listing) and message.pages is not None:
            return {"first": pack(message.pages.first), "count": message.pages.count}
    return None


def page_number(reading: Reading, count: int, languages: Mapping[str, Translator]) -> int | None:
    """Which of `count` pages a message asks for, from 1: `3`, `page 3`, `第 3 頁`; None when it is something else.

    Beyond the end is the last page for whoever says that they mean a page; a number alone may then be anything.
    """
    found = _NUMBER.fullmatch(reading.core)
    if found is None:
        return None
    number, beside = int(found[2]), f"{found[1]}{found[3]}".strip()
    if not beside:
        return number if 1 <= number <= count and not reading.asks else None
    if any(beside in listed(_(_BESIDE_NUMBER)) for _ in languages.values()):
        return min(max(number, 1), count)
    return None


@lru_cache(maxsize=1024)  # Nearly all labels are texts of ours, and reading them was a sixteenth of an answer.
def _named(label: str) -> str:
    """A label as it is read; one of digits alone with its signs, `+50`."""
    folded = fold(label)
    return visible(label).lower() if folded.isdigit() else folded


@lru_cache(maxsize=1024)
def _means(lexicon: Lexicon, label: str) -> str | None:
    return lexicon.intent(label)

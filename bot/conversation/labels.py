"""What was offered for tapping can be typed as well: the labels of the last answer, and what each does. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from bot.conversation.actions import Action
from bot.conversation.messages import Button, Card, Carousel, Reply
from bot.storage.state import Question
from bot.understanding.reading import fold, visible
from bot.understanding.words import Lexicon

MOST = 60  # labels of one answer; ten cards with four buttons and thirteen quick replies are fewer


def buttons(reply: Reply) -> Iterator[Button]:
    """Everything in an answer that does something when it is tapped."""
    for message in reply.messages:
        cards = message.cards if isinstance(message, Carousel) else (message,) if isinstance(message, Card) else ()
        for card in cards:
            yield from (Button(tile.label, tile.action) for tile in card.tiles)
            yield from (button for button in card.buttons if isinstance(button, Button))
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


@lru_cache(maxsize=1024)  # Nearly all labels are texts of ours, and reading them was a sixteenth of an answer.
def _named(label: str) -> str:
    """A label as it is read; one of digits alone with its signs, `+50`."""
    folded = fold(label)
    return visible(label).lower() if folded.isdigit() else folded


@lru_cache(maxsize=1024)
def _means(lexicon: Lexicon, label: str) -> str | None:
    return lexicon.intent(label)

"""What was offered for tapping can be typed as well: the labels of the last answer, and what each does. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bot.conversation.actions import Action
from bot.conversation.messages import Button, Card, Carousel, Reply
from bot.understanding.reading import fold
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


def kept(
    reply: Reply, packed: Mapping[Action, str], lexicon: Lexicon, asked: Mapping[str, Any] | None
) -> dict[str, str]:
    """Folded label → packed button, for the customer's state; "" where one label does several things.

    A label that is a word for just what it does is understood at any time and is left out, so that the row stays small;
    not those of a question, which a yes or a no stands for. packed: what was rendered, by action.
    """
    needed = {fold(asked[name]) for name in ("yes", "no") if name in asked} if asked else set()
    labels: dict[str, str] = {}
    for button in buttons(reply):
        said, data = fold(button.label), packed.get(button.action)
        command = button.action.__dict__.get("command") if type(button.action).action_name == "go" else None
        if not said or data is None or button.label.startswith("/") or len(labels) >= MOST:
            continue
        if command is not None and said not in needed and lexicon.intent(button.label) == command:
            continue
        labels[said] = data if labels.get(said, data) == data else ""
    return labels

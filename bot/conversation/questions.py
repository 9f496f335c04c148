"""Open questions of ours: what is stored of them, and whether a message answers one. Pure.

A question with two buttons stands in the customer's state as `deciding`. The packed data of its buttons is kept with
it, so that a yes or a no does what a tap on its button does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bot.conversation.actions import Action
from bot.conversation.labels import buttons
from bot.conversation.messages import Reply
from bot.storage.state import Question
from bot.understanding.reading import Reading, fold
from bot.understanding.words import Lexicon

Said = Literal["yes", "no"]
SAID: tuple[Said, Said] = ("yes", "no")


def buttoned(asking: Question, reply: Reply, packed: Mapping[Action, str]) -> dict[str, str]:
    """The packed buttons of a question that this answer asks, by "yes" and "no"."""
    named = {button.label: packed[button.action] for button in buttons(reply) if button.action in packed}
    return {said: named[asking[said]] for said in SAID if asking[said] in named}


def labelled(asking: Question, reading: Reading) -> Said | None:
    """Whose label of a question's two buttons a message is."""
    if "?" in reading.typed or not reading.text:
        return None
    if reading.text == fold(asking["yes"]):
        return "yes"
    return "no" if reading.text == fold(asking["no"]) else None


def answer_to(asking: Question, reading: Reading, lexicon: Lexicon) -> Said | None:
    """How a message answers a question with two buttons; None when it does not.

    Its labels count, and every form of yes and no; where only a tap counts (`strict`), nothing that is typed says yes.
    What asks, doubts or puts off is no yes.
    """
    said = labelled(asking, reading)
    if said is None and (agrees := lexicon.agrees(reading)) is not None:
        said = "yes" if agrees else "no"
    return None if said == "yes" and asking.get("strict") else said

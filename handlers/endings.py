"""What ends soon, as a reminder shows it."""

from __future__ import annotations

from typing import Any

from bot.conversation.actions import Action
from bot.conversation.messages import Button, Card, Carousel, Row
from bot.services.reminders import CARD
from handlers.giftcards import ShowCard
from handlers.views.choices import Go
from handlers.vouchers import ShowIssue


def reminder_message(queued: dict[str, Any]) -> Card | Carousel:
    """What ends soon, as it is queued: a card for each thing, with the way to it and out of all reminders."""
    stop_ = Button(queued["stop"], Go(command="no_reminders"))
    cards = tuple(
        Card(
            look="value",
            eyebrow=queued["title"],
            title=each["title"],
            hero=each["hero"],
            rows=tuple(Row(*row) for row in each["rows"] if row[1]),
            buttons=(Button(each["opens"], _opens(each["item"])), stop_),
        )
        for each in queued["reminder"]
    )
    return cards[0] if len(cards) == 1 else Carousel(queued["title"], cards)


def _opens(item: str) -> Action:
    kind, _, which = item.partition(":")
    return ShowCard(card_id=int(which)) if kind == CARD else ShowIssue(ref=which)

"""What a staff command has changed, said once it is done: before → after."""

from __future__ import annotations

from dataclasses import replace

from bot.conversation.messages import Card, Reply, Row, Text, labelled
from bot.i18n import Translator


def change(_: Translator, label: str, before: str, after: str) -> Row:
    """One thing that is another one now. Translated texts, all three."""
    return Row(label, _("%(before)s → %(after)s", before=before, after=after))


def changed(said: str, *changes: Row) -> Text:
    """What was done, in a sentence, with what it changed below it."""
    return Text("\n".join([said, *(labelled(each.label, each.value) for each in changes)]))


def shown_changed(reply: Reply, *changes: Row) -> Reply:
    """An answer that shows the thing as it is now, with what has changed as the first rows of its card."""
    card, *others = reply.messages
    assert isinstance(card, Card), "it shows the thing"
    return replace(reply, messages=(replace(card, rows=(*changes, *card.rows)), *others))

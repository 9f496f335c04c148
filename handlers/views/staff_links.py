"""Linking a phone at the counter."""

from __future__ import annotations

from bot.conversation.messages import Card, Row
from bot.i18n import Translator


def code_card(_: Translator, code: str, phone: str, made: Row) -> Card:
    """A code to be read out, large enough for that. phone: masked. made: what has changed by it."""
    return Card(
        eyebrow=_("Link code"),
        title=phone,
        hero=code,
        text=_("Valid for 10 minutes, once. Read it out to the customer; don't type it for them."),
        rows=(made,),
    )

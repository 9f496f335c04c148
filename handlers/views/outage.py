"""A vendor is down: honest, and one tap from trying again."""

from __future__ import annotations

from bot.conversation.actions import Action
from bot.conversation.messages import Button, Reply, Text
from bot.i18n import Translator
from handlers.views import choices


def sorry(_: Translator, service: str, retry: Action) -> Reply:
    """`service`: its name for customers, translated."""
    text = _("We can't reach %(service)s right now. Nothing is lost — please try again shortly.", service=service)
    # Translators: a button
    again = Button(_("Try again"), retry)
    return Reply((Text(text),), choices.ending(_, again))

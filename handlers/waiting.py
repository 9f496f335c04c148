"""The button under "still checking": fetches the answer that took too long for its free reply."""

from __future__ import annotations

from datetime import timedelta

from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context, Prepared
from bot.conversation.messages import Button, Reply, Text
from bot.conversation.router import Router
from bot.i18n import Translator
from bot.storage import inbox
from handlers.views import choices

router = Router()


class SeeResult(Action, name="result", ttl=timedelta(hours=1)):
    """Show what was being looked for."""


def still_checking(_: Translator) -> Reply:
    """Spends a reply token that would die; the tap on its button brings a fresh one."""
    # Translators: a button
    see = Button(_("See result"), SeeResult())
    return Reply((Text(_("Still checking — one moment.")),), (see,))


@router.action(SeeResult)
async def see_result(ctx: Context, _action: SeeResult) -> Answer:
    """The waiting answer. Events of one chat run in order, so by now it is there, or was shown."""
    waiting = await inbox.unpark(await ctx.work.begin(), ctx.customer.person)
    if waiting is None:
        text = ctx._("That result was already shown. You can ask again at any time.")
        return Reply((Text(text),), choices.ending(ctx._, *choices.gifts(ctx)))
    return Prepared(waiting["messages"])

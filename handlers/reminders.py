"""Reminders before something of a customer's ends: wanted, and not wanted any more."""

from __future__ import annotations

from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Reply, Text
from bot.conversation.router import Router
from bot.i18n import N_
from bot.services.linking import Link
from bot.storage import reminders
from handlers.linking import linked
from handlers.views import choices
from handlers.views.choices import Go

router = Router()


# Translators: words people type so that they are told before a gift card or a voucher of theirs ends
@router.command("reminders", words=N_("remind me before it expires, expiry reminders, remind me"), personal=True)
async def remind(ctx: Context) -> Answer:
    """From now on. Who had all notifications off has them on again: this is the newer wish."""
    if not ctx.brand.reminds:
        return Reply((Text(ctx._("We don't send reminders here.")),), choices.ending(ctx._, *choices.gifts(ctx)))
    was_off, ctx.customer.unsubscribed_at = ctx.customer.unsubscribed_at is not None, None
    no_phone = ctx.brand.shows_cards and not isinstance(await linked(ctx), Link)
    await reminders.want(await ctx.work.begin(), ctx.customer_id, ctx.now)
    days = ctx.brand.reminds
    said = [
        ctx._.ngettext(
            "OK! You'll be reminded here %(n)s day before something of yours ends, once for each.",
            "OK! You'll be reminded here %(n)s days before something of yours ends, once for each.",
            days,
        ),
        ctx._("That works where its end is known, and perhaps only with your next message."),
    ]
    if was_off:
        said.append(ctx._("Notifications are on again."))
    if no_phone:
        said.append(ctx._("For gift cards, please link your phone first."))
    link = (choices.topic(ctx._, "link"),) if no_phone else ()
    stop = choices.topic(ctx._, "no_reminders")
    return Reply((Text("\n".join(said)),), choices.ending(ctx._, *link, stop, *choices.gifts(ctx)), valuable=True)


# Translators: words people type so that they are not told any more before something of theirs ends
@router.command("no_reminders", words=N_("no more reminders, stop reminders, no reminders"), personal=True)
async def stop(ctx: Context) -> Answer:
    """No more of them; what is on its way is taken back. Where there are none, it means all that comes unasked."""
    if not await reminders.stop(await ctx.work.begin(), ctx.customer) and not ctx.brand.reminds:
        return await ctx.run("unsubscribe")
    text = ctx._("No more reminders. You can still look up what you have at any time.")
    # Translators: a button: reminders before something ends, on again
    again = (Button(ctx._("Remind me again"), Go(command="reminders")),) if ctx.brand.reminds else ()
    return Reply((Text(text),), choices.ending(ctx._, *again, *choices.gifts(ctx)), valuable=True)


async def remind_button(ctx: Context) -> tuple[Button, ...]:
    """For what ends: to be reminded before; none for who has asked for it already."""
    if not ctx.brand.reminds or await reminders.wanted(ctx.work.reads, ctx.customer_id):
        return ()
    return (choices.topic(ctx._, "reminders"),)

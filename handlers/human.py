"""A person, please: staff are told, and the bot keeps quiet for a while."""

from __future__ import annotations

from bot.conversation.context import Answer, Context
from bot.conversation.messages import Reply, Text
from bot.conversation.router import Router
from bot.i18n import N_
from handlers.views import choices

router = Router()


@router.command("human", words=N_("agent, human, support, staff, talk to a person"))
async def call_staff(ctx: Context) -> Answer:
    """Tell staff who asks (an opaque id, never the conversation) and step back."""
    ctx.settle()
    ctx.customer.muted_until = ctx.now + ctx.desk.handoff
    told = await ctx.services.alerts.tell(
        await ctx.work.begin(),
        f"human:{ctx.customer.ref}",
        N_("Customer %(customer)s on %(channel)s asks for a person."),
        ctx.now,
        customer=ctx.customer.ref,
        channel=ctx.desk.channel_name,
    )
    if not told:
        # Nobody is told, so nobody must be promised: on both platforms staff can read this very chat.
        text = ctx._("Our staff read this chat and will answer here. I'll stay quiet — type “menu” to bring me back.")
    elif ctx.desk.support_hours:
        text = ctx._(
            "Our team has been notified (%(hours)s). I'll stay quiet — type “menu” to bring me back.",
            hours=ctx.desk.support_hours,
        )
    else:
        text = ctx._("Our team has been notified. I'll stay quiet — type “menu” to bring me back.")
    return Reply((Text(text),), (choices.menu(ctx._),), valuable=True)

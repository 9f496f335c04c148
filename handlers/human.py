"""A person, please: staff are told, and the bot keeps quiet for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Reply, Text
from bot.conversation.router import Router
from bot.i18n import N_
from bot.understanding.hours import Hours, said
from handlers.views import choices

router = Router()


class AskAbout(Action, name="ask", ttl=timedelta(days=90)):
    """A person, please, about this receipt."""

    ref: str


@router.action(AskAbout, fresh="human")
async def ask_about(ctx: Context, action: AskAbout) -> Answer:
    """Like asking for a person. Staff read the reference in their alert, and in this chat."""
    return await _call(ctx, action.ref)


@router.command("human", words=N_("agent, human, support, staff, talk to a person"))
async def call_staff(ctx: Context) -> Answer:
    """Tell staff who asks (an opaque id, never the conversation) and step back."""
    return await _call(ctx)


async def _call(ctx: Context, about: str = "") -> Reply:
    """about: the receipt that is asked about; an alert of its own, also when somebody was called a minute ago."""
    ctx.settle()
    back = _back(ctx)
    if back is None:
        ctx.customer.muted_until = ctx.now + ctx.brand.handoff
    what = N_("Customer %(customer)s on %(channel)s asks for a person.")
    if about:
        what = N_("Customer %(customer)s on %(channel)s asks for a person about %(ref)s.")
    told = await ctx.services.alerts.tell(
        await ctx.work.begin(),
        f"human:{ctx.customer.ref}:{about}" if about else f"human:{ctx.customer.ref}",
        what,
        ctx.now,
        runs=((N_("Show"), f"/ref {about}"),) if about else (),
        customer=ctx.customer.ref,
        channel=ctx.brand.channel_name,
        ref=about,
    )
    if back is not None:
        # Nobody reads this now, so the bot goes on answering.
        day, time = ctx._.soon(back, ctx.now), ctx._.time(back)
        text = (
            ctx._(
                "Our team has been notified. They are back %(day)s at %(time)s and will answer here. "
                "Until then I'm still here.",
                day=day,
                time=time,
            )
            if told
            else ctx._(
                "Our staff are back %(day)s at %(time)s and will answer here. Until then I'm still here.",
                day=day,
                time=time,
            )
        )
    elif not told:
        # Nobody is told, so nobody must be promised: on both platforms staff can read this very chat.
        text = ctx._("Our staff read this chat and will answer here. I'll stay quiet — type “menu” to bring me back.")
    elif ctx.brand.support_hours:
        text = ctx._(
            "Our team has been notified (%(hours)s). I'll stay quiet — type “menu” to bring me back.",
            hours=said(ctx.brand.support_hours, ctx._),
        )
    else:
        text = ctx._("Our team has been notified. I'll stay quiet — type “menu” to bring me back.")
    reply = Reply((Text(text),), (choices.menu(ctx._),), valuable=True)
    return reply.after(Text(ctx._("Your question is about %(ref)s.", ref=about))) if about else reply


def _back(ctx: Context) -> datetime | None:
    """When somebody will be there, if nobody is now; None while somebody is, and when that is not known."""
    hours = ctx.brand.support_hours
    if not isinstance(hours, Hours) or hours.open_at(ctx.now):
        return None
    return hours.next_opening(ctx.now)

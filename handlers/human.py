"""A person, please: staff are told, and the bot keeps quiet for a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Reply, Text, labelled
from bot.conversation.router import Router
from bot.i18n import N_, Translator
from bot.storage.customers import Customer
from bot.storage.state import Waiting
from bot.understanding.hours import Hours, said
from handlers.views import choices
from handlers.views.choices import LABELS

router = Router()

WAITS_FOR = timedelta(days=1)  # then the next wish for a person is a new one
ABOUT_FOR = timedelta(hours=1)


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
    passes = back is None and await _passes(ctx)
    if back is None:
        ctx.customer.muted_until = ctx.now + ctx.brand.handoff
    waits = waiting(ctx.customer, ctx.now)
    if waits is None or "done_by" in waits:
        waits = _asks(ctx)
        ctx.customer.state.waits = waits
    ref = ctx.customer.ref
    told = await ctx.services.alerts.tell(
        await ctx.work.begin(),
        f"human:{ref}:{waits['since']:.0f}:{about}",  # Who was helped and asks again is told of anew.
        lambda _: _alert(_, ctx, waits, about),
        ctx.now,
        runs=(
            *(((N_("Show"), f"/ref {about}"),) if about else ()),
            (N_("Wallet"), f"/gifts {ref}"),
            (N_("Done"), f"/done {ref}"),
        ),
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
    reply = _passed(ctx, told) if passes else Reply((Text(text),), (choices.menu(ctx._),), valuable=True)
    return reply.after(Text(ctx._("Your question is about %(ref)s.", ref=about))) if about else reply


async def _passes(ctx: Context) -> bool:
    """Whether this chat can be given to the people of the shop with our answer."""
    return ctx.threads is not None and ctx.work.connection is None and await ctx.threads.passes()


def _passed(ctx: Context, told: int) -> Reply:
    """The last that we say in a chat before it is theirs. A tap may not reach us then, and what is typed only does
    where we may come back."""
    assert ctx.threads is not None, "it is passed on"
    if not told:
        text = ctx._("Our staff read this chat and will answer here.")
    elif ctx.brand.support_hours:
        text = ctx._(
            "Our team has been notified (%(hours)s) and will answer here.", hours=said(ctx.brand.support_hours, ctx._)
        )
    else:
        text = ctx._("Our team has been notified and will answer here.")
    if not ctx.threads.returns:
        until = ctx._("Buttons may not work until they have finished; then I'm back.")
        return Reply((Text(text), Text(until)), valuable=True, passes=True)
    until = ctx._("Buttons may not work meanwhile. Type “menu” to bring me back.")
    return Reply((Text(text), Text(until)), (choices.menu(ctx._),), valuable=True, passes=True)


def waiting(customer: Customer, now: datetime) -> Waiting | None:
    """Since when a customer waits for a person, or that somebody has said that it is done; None when they do not."""
    waits = customer.state.waits
    return waits if waits is not None and now.timestamp() - waits["since"] < WAITS_FOR.total_seconds() else None


def moment(at: float) -> datetime:
    """A moment that a state holds."""
    return datetime.fromtimestamp(at, UTC)


def _asks(ctx: Context) -> Waiting:
    asked_at, topic = ctx.happened_at.timestamp(), ctx.customer.state.topic
    if topic is not None and asked_at - topic["at"] < ABOUT_FOR.total_seconds():
        return {"since": asked_at, "topic": topic["name"]}
    return {"since": asked_at}


def _alert(_: Translator, ctx: Context, waits: Waiting, about: str) -> str:
    """Who, where, in which language, about what and since when; what was typed is nobody's business.

    about: the reference of a receipt, or ''.
    """
    name, topic = ctx._.locale.get_language_name(_.locale), LABELS.get(waits.get("topic", ""))
    facts = (
        (_("Language"), str(name).capitalize() if name else ""),
        # Translators: what a customer was about who asks for a person
        (_("About"), about or (_(topic) if topic else "")),
        # Translators: when a customer asked for a person
        (_("Waits since"), _.moment(moment(waits["since"]))),
        # Translators: where staff can answer a customer
        (_("Answer in"), ctx.brand.answered_in(_) if ctx.brand.answered_in else ""),
    )
    first = _(
        "Customer %(customer)s on %(channel)s asks for a person.",
        customer=ctx.customer.ref,
        channel=ctx.brand.channel_name,
    )
    return "\n".join([first, *(labelled(label, value) for label, value in facts if value)])


def _back(ctx: Context) -> datetime | None:
    """When somebody will be there, if nobody is now; None while somebody is, and when that is not known."""
    hours = ctx.brand.support_hours
    if not isinstance(hours, Hours) or hours.open_at(ctx.now):
        return None
    return hours.next_opening(ctx.now)

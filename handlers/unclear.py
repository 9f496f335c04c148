"""What is said when a message is not clear: what it may mean, one tap away; less each time; and what is asked first."""

from __future__ import annotations

from datetime import timedelta

from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import SILENCE, Button, Reply, Text
from bot.conversation.router import Router
from handlers.help import help_text
from handlers.views import choices
from handlers.views.choices import Go

router = Router()

CONVERSATION = timedelta(minutes=2)  # What comes later than this after an unclear message is a new beginning.
QUIET_FROM = 3  # unclear messages in a row
WORTH_A_CHIP = 0.1  # how likely a topic must be that is not usually offered
WORTH_A_PLACE = 0.03  # and any topic, to come before the usual order
MOST_CHIPS = 12  # and the menu: LINE and Messenger show thirteen
CHIPS = (
    "gifts",
    "redeem",
    "points",
    "vouchers",
    "my_vouchers",
    "receipts",
    "cards",
    "language",
    "data",
    "unsubscribe",
    "human",
    "help",
)
"""What may be meant, in the order in which it is offered when nothing is likelier than anything else."""


class Decline(Action, name="no", ttl=timedelta(minutes=15)):
    """No, do not do what was asked about."""


@router.command("fallback")
async def not_understood(ctx: Context) -> Answer:
    """Say so with what was perhaps meant, then with help, then offer a person, then stay quiet: people also talk to
    the shop here, and a bot that nags gets blocked. Whoever comes back a little later is answered again."""
    state, now = ctx.customer.state, ctx.now.timestamp()
    again = now - (state.lost_at or 0) < CONVERSATION.total_seconds()
    lost = (state.lost or 0) + 1 if again else 1
    state.lost, state.lost_at = lost, now
    ctx.await_edit()
    if lost > QUIET_FROM:
        ctx.call_unclear("quiet")
        return SILENCE
    ctx.call_unclear("chips")
    if lost == QUIET_FROM:
        text = ctx._("I can't help with that, but our staff can. Shall I call somebody?")
        yes, no = choices.person(ctx._), _no(ctx)
        ctx.question(yes.label, no.label, command="human")
        return Reply((Text(text),), choices.ending(ctx._, yes, no))
    chips = _chips(ctx)
    names = "\n".join(f"• {chip.label}" for chip in chips[:3])  # LINE shows no chips on a computer.
    said = [Text("\n".join([ctx._("I didn't catch that. Try:"), names]))]
    if lost > 1:
        said.append(Text(help_text(ctx)))
    return Reply(tuple(said), choices.ending(ctx._, *chips))


@router.command("ask_first")
async def ask_first(ctx: Context) -> Answer:
    """What deletes, unsubscribes or calls a person is asked about, unless it was said plainly."""
    topic = next(iter(ctx.likely))
    if topic == "no_reminders" and not ctx.brand.reminds:
        topic = "unsubscribe"
    ctx.call_unclear("asked")
    match topic:
        case "human":
            text = ctx._("Shall I call somebody of our staff?")
        case "unsubscribe":
            text = ctx._("Shall I turn notifications off?")
        case "reminders" if ctx.brand.reminds:
            text = ctx._("Shall I remind you before something of yours ends?")
        case "no_reminders":
            text = ctx._("Shall I send you no more reminders?")
        case _:
            return await ctx.run(topic)  # Its first step is a question.
    # Translators: a button: do what was asked about
    yes, no = Button(ctx._("Yes, please"), Go(command=topic)), _no(ctx)
    ctx.question(yes.label, no.label, command=topic)
    return Reply((Text(text),), choices.ending(ctx._, yes, no))


@router.action(Decline)
async def decline(ctx: Context, _action: Decline) -> Answer:
    """Leave it."""
    return await ctx.run("declined")


@router.command("declined")
async def left_alone(ctx: Context) -> Answer:
    """A question of ours was answered with no."""
    return Reply((Text(ctx._("All right, nothing was done.")),), choices.ending(ctx._, *choices.topics(ctx)))


@router.command("which")
async def which(ctx: Context) -> Answer:
    """A label was typed that stood there more than once."""
    text = ctx._("That is written there more than once. Please tap the one you mean.")
    return Reply((Text(text),), choices.ending(ctx._))


@router.command("waiting")
async def waiting_for_a_person(ctx: Context) -> Answer:
    """Somebody talks to the shop's people, who were called: that is theirs. The way back is told once."""
    state, until = ctx.customer.state, ctx.customer.muted_until
    assert until is not None, "asked for while somebody waits"
    if state.reminded == until.timestamp():
        return SILENCE
    state.reminded = until.timestamp()
    text = ctx._("I'll leave you with our staff. Type “menu” when you need me.")
    return Reply((Text(text),), (choices.menu(ctx._),))


def _no(ctx: Context) -> Button:
    # Translators: a button: do not do what was asked about
    return Button(ctx._("No, thanks"), Decline())


def _chips(ctx: Context) -> list[Button]:
    """What was perhaps meant, the likeliest first, with all that is usually asked for behind it."""
    usual = [topic for topic in CHIPS if ctx.offers(topic)]
    rare = [topic for topic, share in ctx.likely.items() if share >= WORTH_A_CHIP and topic not in CHIPS]
    shares = {topic: share for topic, share in ctx.likely.items() if share >= WORTH_A_PLACE}
    ordered = sorted([*usual, *rare], key=lambda topic: -shares.get(topic, 0))
    return [choices.topic(ctx._, topic) for topic in ordered if topic in choices.LABELS][:MOST_CHIPS]

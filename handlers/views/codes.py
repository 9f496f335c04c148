"""The receipt of a redeemed code, and what is said of codes that give nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.conversation.actions import Action
from bot.conversation.messages import Badge, Button, Card, Row
from bot.i18n import Translator
from bot.services.hand_overs import Handed
from bot.services.redeeming import not_redeemed
from bot.storage.claims import Claim, Undone
from bot.storage.issues import Issue
from bot.storage.redemptions import Redemption, RedemptionState
from bot.understanding.codes import masked
from handlers.views import choices
from handlers.views.gifts import handed_rows
from handlers.views.vouchers import state_words

MOST_ROWS = 8  # rewards on a receipt; more are one tap away
TITLE_LETTERS = 40  # of a reward that is a title, which two lines of a card hold in any script
NAME_LETTERS = 100  # of a reward in a row, so that thirty of them fit one card


def receipt_card(
    _: Translator,
    claim: Claim,
    now: datetime,
    buttons: tuple[Button, ...],
    vouchers: Sequence[Issue] = (),
    *,
    show_all: Action,
    balance: int | None = None,
    fresh: bool = False,
    handed: Handed | None = None,
) -> Card:
    """A claim. fresh: made by the very message or button that is answered; else when it was made is said.

    show_all: opens all of its rewards. balance: the points that can be spent now, where the claim brought some. handed:
    how what it is for was handed over, if it was.
    """
    today = claim.claimed_at.astimezone(_.zone).date() == now.astimezone(_.zone).date()
    rewards = reward_names(claim)
    points = claim.snapshot.get("points", 0)  # Older claims knew of none.
    source = " · ".join(part for part in (claim.snapshot["game"], claim.snapshot["group"]) if part)
    if fresh:
        greeting = _("Redeemed 🎉")
    elif today:
        greeting = _("You redeemed this at %(time)s", time=_.time(claim.claimed_at))
    else:
        greeting = _("You already redeemed this on %(date)s", date=_.date(claim.claimed_at))
    # Translators: a button: show all rewards of a code
    more = (Button(_("All rewards"), show_all),) if len(rewards) > MOST_ROWS else ()
    return Card(
        look="success" if fresh else "plain",
        banner="receipts",
        title=greeting,
        hero=rewards_title(_, rewards),
        text=source,
        rows=(
            *reward_rows(_, rewards[:MOST_ROWS]),
            *((Row(_("Points"), f"+{_.number(points)}"),) if points else ()),
            *((Row(_("Points now"), _.number(balance)),) if points and balance is not None else ()),
            *(Row(_("Voucher"), f"{issue.offer['name']} · {state_words(_)[issue.state]}") for issue in vouchers),
            Row(_("Code"), masked(claim.snapshot["code"])),
            Row(_("Time"), _.moment(claim.claimed_at)),
            *handed_rows(_, handed),
        ),
        # Translators: label of a receipt's reference number
        receipt=Row(_("Reference"), claim.ref),
        buttons=(*more, *buttons),
    )


def rewards_card(_: Translator, claim: Claim, names: Sequence[str], buttons: tuple[Button, ...]) -> Card:
    """Some of the rewards of a claim, by their names and nothing else."""
    return Card(
        eyebrow=claim.snapshot["group"],
        title=rewards_title(_, reward_names(claim)),
        rows=tuple(Row("", _short(name)) for name in names),
        receipt=Row(_("Reference"), claim.ref),
        buttons=buttons,
    )


def undone_card(_: Translator, undone: Undone, ask: Action) -> Card:
    """A claim that our staff took back. ask: calls a person about it."""
    return Card(
        look="quiet",
        eyebrow=_("Code redeemed"),
        banner="receipts",
        # Translators: a badge on the receipt of a claim that staff took back
        badge=Badge(_("Taken back"), "old"),
        title=rewards_title(_, reward_names(undone)),
        text=undone.snapshot["group"],
        rows=(
            *((Row(_("Points"), f"−{_.number(undone.points)}"),) if undone.points else ()),
            Row(_("Code"), masked(undone.snapshot["code"])),
            Row(_("Time"), _.moment(undone.undone_at)),
        ),
        receipt=Row(_("Reference"), undone.ref),
        buttons=(Button(_("Ask us"), ask),),
    )


def redemption_card(_: Translator, redemption: Redemption, look: Action, ask: Action) -> Card:
    """A code that Poshen is asked to redeem, or that it did not redeem. ask: calls a person about it."""
    code = redemption.code
    rewards = visible_names(code["rewards"])
    rows = (
        Row(_("Code"), masked(code["code"])),
        Row(_("Campaign"), code["group"]["name"] if code["group"] else ""),
        Row(_("Time"), _.moment(redemption.created_at)),
    )
    if redemption.open:
        title = _("Confirming")
        text = _("It was sent to the game, and we are confirming it. No need to try again: we'll tell you here.")
        # Translators: a button
        button = Button(_("See result"), look)
    elif redemption.state is RedemptionState.DONE:  # Under another receipt: they had it already.
        title, text, button = _("Redeemed"), _("“My receipts” has it."), choices.receipts(_)
    else:
        title, text = _("Not redeemed"), not_redeemed(_, redemption)
        button = Button(_("Ask us"), ask)
    return Card(
        look="plain" if redemption.open else "quiet",
        banner="receipts",
        title=title,
        hero=rewards_title(_, rewards) if rewards else "",
        text=text,
        rows=tuple(row for row in rows if row.value),
        receipt=Row(_("Reference"), redemption.ref),
        buttons=(button,),
    )


def valid_card(_: Translator, snapshot: dict[str, object], rewards: list[str]) -> Card:
    """A code that is only checked here and entered in the game."""
    game = str(snapshot["game"]) or _("the game")
    rewards = [name for name in rewards if _visible(name)]
    return Card(
        eyebrow=str(snapshot["group"]),
        title=_("This code is valid"),
        hero=rewards_title(_, rewards) if rewards else "",
        text=_("Enter it in %(game)s to collect.", game=game),
        rows=(*reward_rows(_, rewards[:MOST_ROWS]), Row(_("Code"), masked(str(snapshot["code"])))),
    )


def at_poshen(claim: Claim) -> bool:
    """Whether Poshen itself redeemed it, for a player."""
    return bool(claim.snapshot.get("at_poshen"))


def reward_names(claim: Claim | Undone) -> list[str]:
    """What the rewards of a claim are called; those without a name are left out."""
    return visible_names(claim.snapshot["rewards"])


def visible_names(rewards: Sequence[Mapping[str, str]]) -> list[str]:
    """The names of rewards, as they are kept with a claim."""
    return [reward["name"] for reward in rewards if _visible(reward["name"])]


def rewards_title(_: Translator, names: Sequence[str]) -> str:
    """All rewards as one short title that is never cut: a name that is too long for it stands in a row alone."""
    if not names:
        return _("Redeemed")
    if len(names[0]) > TITLE_LETTERS:
        return _.ngettext("%(n)s reward", "%(n)s rewards", len(names))
    if len(names) == 1:
        return names[0]
    # Translators: the first of several rewards, and how many there are in all
    return _.ngettext("%(name)s and more: %(n)s reward", "%(name)s and more: %(n)s rewards", len(names), name=names[0])


def reward_rows(_: Translator, names: Sequence[str]) -> tuple[Row, ...]:
    """Each reward in a row of its own; none for the one that is the title."""
    if len(names) == 1 and rewards_title(_, names) == names[0]:
        return ()
    return tuple(Row("", _short(name)) for name in names)


def _short(name: str) -> str:
    return name if len(name) <= NAME_LETTERS else f"{name[: NAME_LETTERS - 1].rstrip()}…"


def _visible(name: str) -> bool:
    """Whether there is anything to see: vendors' names may consist of marks that only turn a text around."""
    return any(letter.isprintable() and not letter.isspace() for letter in name)

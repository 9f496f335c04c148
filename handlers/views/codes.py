"""The receipt of a redeemed code, and what is said of codes that give nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.conversation.actions import Action
from bot.conversation.messages import Button, Card, Row
from bot.i18n import Translator
from bot.storage.claims import Claim
from bot.storage.issues import Issue
from bot.understanding.codes import masked
from handlers.views.vouchers import state_words


def receipt_card(
    _: Translator,
    claim: Claim,
    now: datetime,
    buttons: tuple[Button, ...],
    vouchers: Sequence[Issue] = (),
    *,
    fresh: bool = False,
) -> Card:
    """A claim. fresh: made by the very message or button that is answered; else when it was made is said."""
    today = claim.claimed_at.astimezone(_.zone).date() == now.astimezone(_.zone).date()
    rewards = [reward["name"] for reward in claim.snapshot["rewards"] if reward["name"]]
    points = claim.snapshot.get("points", 0)  # Older claims knew of none.
    source = " · ".join(part for part in (claim.snapshot["game"], claim.snapshot["group"]) if part)
    if fresh:
        greeting = _("Redeemed 🎉")
    elif today:
        greeting = _("You redeemed this at %(time)s", time=_.time(claim.claimed_at))
    else:
        greeting = _("You already redeemed this on %(date)s", date=_.date(claim.claimed_at))
    return Card(
        look="success" if fresh else "plain",
        banner="receipts",
        title=greeting,
        hero=_list(_, rewards) if rewards else _("Redeemed"),
        text=source,
        rows=(
            *((Row(_("Points"), f"+{_.number(points)}"),) if points else ()),
            *(Row(_("Voucher"), f"{issue.offer['name']} · {state_words(_)[issue.state]}") for issue in vouchers),
            Row(_("Code"), masked(claim.snapshot["code"])),
            Row(_("Time"), _.moment(claim.claimed_at)),
        ),
        # Translators: label of a receipt's reference number
        receipt=Row(_("Reference"), claim.ref),
        buttons=buttons,
    )


def claim_card(_: Translator, claim: Claim, show: Action) -> Card:
    """A claim in a list of receipts. show: its receipt."""
    rewards = [reward["name"] for reward in claim.snapshot["rewards"] if reward["name"]]
    points = claim.snapshot.get("points", 0)
    return Card(
        # Translators: what a receipt in a list is about
        eyebrow=_("Code redeemed"),
        banner="receipts",
        title=_list(_, rewards) if rewards else _("Redeemed"),
        text=claim.snapshot["group"],
        rows=(
            *((Row(_("Points"), f"+{_.number(points)}"),) if points else ()),
            Row(_("Code"), masked(claim.snapshot["code"])),
            Row(_("Time"), _.moment(claim.claimed_at)),
        ),
        receipt=Row(_("Reference"), claim.ref),
        # Translators: a button: show the whole receipt
        details=Button(_("Details"), show),
    )


def valid_card(_: Translator, snapshot: dict[str, object], rewards: list[str]) -> Card:
    """A code that is only checked here and entered in the game."""
    game = str(snapshot["game"]) or _("the game")
    return Card(
        eyebrow=str(snapshot["group"]),
        title=_("This code is valid"),
        hero=_list(_, rewards),
        text=_("Enter it in %(game)s to collect.", game=game),
        rows=(Row(_("Code"), masked(str(snapshot["code"]))),),
    )


def _list(_: Translator, names: list[str]) -> str:
    """Names as an enumeration, the first few of many."""
    shown = names[:5]
    # Translators: what separates the names in a list
    text = _(", ").join(shown)
    if len(names) > len(shown):
        return _.ngettext("%(names)s and %(n)s more", "%(names)s and %(n)s more", len(names) - len(shown), names=text)
    return text

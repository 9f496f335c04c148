"""Codes that Poshen redeems for players, as staff see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.apis.poshen import Refusal
from bot.conversation.messages import Badge, Card, Row
from bot.i18n import Translator
from bot.services.redeeming import BY_STAFF, NOT_ASKED
from bot.storage.customers import Customer
from bot.storage.redemptions import Redemption, RedemptionState
from bot.understanding.codes import masked
from handlers.views.codes import MOST_ROWS, reward_rows, rewards_title, visible_names


def state_badges(_: Translator) -> Mapping[RedemptionState, Badge]:
    """How a redemption stands, for staff."""
    return {
        RedemptionState.PENDING: Badge(_("On its way"), "soon"),
        RedemptionState.UNKNOWN: Badge(_("Unknown"), "soon"),
        RedemptionState.CHECK: Badge(_("Needs a decision"), "bad"),
        RedemptionState.DONE: Badge(_("Redeemed"), "valid"),
        RedemptionState.FAILED: Badge(_("Not redeemed"), "old"),
    }


def _note(_: Translator, redemption: Redemption) -> str:
    match redemption.state:
        case RedemptionState.PENDING | RedemptionState.UNKNOWN:
            return _("Poshen has not confirmed it yet. It is asked again by itself, for the same player.")
        case RedemptionState.CHECK:
            return _("Nobody knows whether Poshen redeemed it. Look at its history, then settle it, or ask again.")
        case _:
            return ""


def _why(_: Translator, redemption: Redemption) -> str:
    known = {
        Refusal.INVALID: _("Poshen knows no such code"),
        Refusal.EXPIRED: _("the code has expired"),
        Refusal.USED_UP: _("the code is used up"),
        Refusal.ALREADY: _("this player had redeemed it before"),
        Refusal.PLAYER: _("Poshen doesn't know the player"),
        NOT_ASKED: _("Poshen could not be asked; the customer may try again"),
        BY_STAFF: _("a decision of staff"),
    }
    said = known.get(redemption.refusal or "", "")
    return " · ".join(part for part in (said, redemption.reason or "") if part)


def redemption_card(_: Translator, redemption: Redemption, customer: Customer | None) -> Card:
    """One of them. The player is nobody's business, and is forgotten once it has its end."""
    code = redemption.code
    names = visible_names(code["rewards"])
    rows = [
        *reward_rows(_, names[:MOST_ROWS]),
        Row(_("Customer"), customer.ref if customer else _("deleted their data")),
        Row(_("Code"), masked(code["code"])),
        Row(_("Campaign"), code["group"]["name"] if code["group"] else ""),
        Row(_("Time"), _.moment(redemption.created_at)),
        Row(_("Asked"), _.ngettext("%(n)s time", "%(n)s times", redemption.attempts) if redemption.open else ""),
        Row(_("Settled"), _.moment(redemption.settled_at) if redemption.settled_at else ""),
        Row(_("Why"), _why(_, redemption)),
    ]
    return Card(
        eyebrow=_("Code at Poshen"),
        title=rewards_title(_, names) if names else masked(code["code"]),
        badge=state_badges(_)[redemption.state],
        rows=tuple(row for row in rows if row.value),
        receipt=Row(_("Reference"), redemption.ref),
        note=_note(_, redemption),
    )


def redemptions_card(_: Translator, redemptions: Sequence[Redemption], title: str) -> Card:
    """A page of everybody's."""
    badges = state_badges(_)
    rows = (
        Row(
            f"{each.ref} · {badges[each.state].word}",
            " · ".join(filter(None, (masked(each.code["code"]), _.moment(each.created_at), _why(_, each)))),
        )
        for each in redemptions
    )
    return Card(title=title, rows=tuple(rows))


def settling_card(_: Translator, redemption: Redemption, *, ok: bool, reason: str) -> Card:
    """What a decision about an open redemption would do."""
    names = visible_names(redemption.code["rewards"])
    rows = (
        Row(_("Code"), masked(redemption.code["code"])),
        Row(_("Rewards"), _(", ").join(names)),
        Row(_("Reason"), reason),
    )
    return Card(
        title=_("Record that it was redeemed?") if ok else _("Record that it was not redeemed?"),
        text=_("Only if Poshen's history says so."),
        rows=tuple(row for row in rows if row.value),
        receipt=Row(_("Reference"), redemption.ref),
        note=_("The customer gets the receipt with its points and vouchers, and it can't be undone.")
        if ok
        else _("The customer is told and may try again, and it can't be undone."),
    )

"""The lines of a customer's history: as cards when they are few, as lines of a list when they are many."""

from __future__ import annotations

from dataclasses import dataclass

from bot.conversation.actions import Action
from bot.conversation.messages import Badge, Card, Item, Row
from bot.i18n import Translator
from bot.storage.history import Line, What
from bot.storage.issues import IssueState, called
from handlers.views import choices
from handlers.views.codes import rewards_title, visible_names
from handlers.views.start import ICONS
from handlers.views.vouchers import TONES, points_text, signed, state_words


@dataclass(frozen=True, slots=True)
class _Told:
    """A line in words. change: of the points, 0 where it is none or stands in the title."""

    icon: str
    kind: str
    title: str
    badge: Badge | None = None
    change: int = 0


def line_card(_: Translator, line: Line, opens: Action) -> Card:
    """One line: what it was, when, how it stands, and the way to its receipt, which has the rest: so that it is said
    once also where a list has little room."""
    told = _told(_, line)
    return Card(
        eyebrow=told.kind,
        badge=told.badge,
        title=told.title,
        rows=(
            *((Row(_("Points"), signed(_, told.change)),) if told.change else ()),
            Row(_("Date"), _.date(line.at)),
        ),
        buttons=(choices.details(_, opens),),
    )


def line_item(_: Translator, line: Line, opens: Action) -> Item:
    """The same in two lines."""
    told = _told(_, line)
    detail = " · ".join(part for part in (_.date(line.at), told.kind) if part)
    return Item(told.title, opens, icon=told.icon, detail=detail, badge=told.badge)


def _told(_: Translator, line: Line) -> _Told:
    facts = line.facts
    match line.what:
        case What.CLAIM:
            title = rewards_title(_, visible_names(facts["rewards"]))
            return _Told(ICONS["redeem"], _("Code redeemed"), title, change=facts.get("points", 0))
        case What.UNDONE:
            title, badge = rewards_title(_, visible_names(facts["rewards"])), Badge(_("Taken back"), "old")
            return _Told(ICONS["redeem"], _("Code redeemed"), title, badge, -facts["taken"])
        case What.REDEMPTION:
            title, badge = rewards_title(_, visible_names(facts["rewards"])), Badge(_("Confirming"), "soon")
            return _Told(ICONS["redeem"], _("Code being redeemed"), title, badge)
        case What.ISSUE:
            state, given = IssueState(facts["state"]), facts["kind"] == "staff"
            kind = {
                # Translators: what a line of the history is about
                "exchange": _("Exchanged for points"),
                # Translators: what a line of the history is about: a voucher that a code brought
                "reward": _("Voucher of a code"),
                # Translators: what a line of the history is about: a voucher or points from the shop
                "staff": _("A gift from us"),
            }[facts["kind"]]
            return _Told(
                ICONS["gifts" if given else "vouchers"],
                kind,
                called(facts["name"], facts["quantity"]),
                Badge(state_words(_)[state], TONES[state]),
                0 if state is IssueState.FAILED else -facts["cost"],
            )
        case What.POINTS:
            change = facts["change"]
            kind = _("A gift from us") if change > 0 else _("By our staff")
            if facts["kind"] == "visit":
                kind = _("Visit")
            return _Told("⭐", kind, points_text(_, change))

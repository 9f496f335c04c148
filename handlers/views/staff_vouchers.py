"""Vouchers as staff see them: the catalogue with its numbers, what would be issued, and how issues stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.apis.gotit import Gift
from bot.conversation.messages import Badge, Card, Row
from bot.i18n import Translator
from bot.services.catalogue import DONG, Listed
from bot.services.vouchers import Quota
from bot.storage.customers import Customer
from bot.storage.issues import Issue, IssueState
from handlers.views.vouchers import points_text


def ids_text(gift_id: int, price_id: int) -> str:
    """A voucher's numbers at Got It, gift and price, as staff type them: `422:1899`."""
    return f"{gift_id}:{price_id}"


def cost_text(_: Translator, cost: int | None) -> str:
    """What it costs customers."""
    return _("no price in points") if cost is None else points_text(_, cost)


def catalogue_card(
    _: Translator, listed: Listed, shown: Sequence[tuple[Gift, int | None]], *, found: int, old: bool, whom: str = ""
) -> Card:
    """A page of Got It's list. shown: with the price in points, None where nobody said one. old: Got It is down. whom:
    who is to get one of them."""
    notes = [_("As of %(time)s.", time=_.time(listed.taken_at))]
    if old:
        notes.insert(0, _("Got It cannot be reached right now."))
    if listed.unpriced:
        notes.append(
            _.ngettext(
                "%(n)s has no price in points: customers do not see it.",
                "%(n)s have no price in points: customers do not see them.",
                len(listed.unpriced),
            )
        )
    if listed.skipped:
        notes.append(_.ngettext("%(n)s could not be read.", "%(n)s could not be read.", listed.skipped))
    rows = (
        Row(
            ids_text(gift.gift_id, gift.price_id),
            " · ".join((gift.name, _.money(gift.price_value, DONG), cost_text(_, cost))),
        )
        for gift, cost in shown
    )
    return Card(
        eyebrow=_("For %(customer)s", customer=whom) if whom else "",
        title=_.ngettext("%(n)s voucher", "%(n)s vouchers", found),
        rows=tuple(rows),
        note=" ".join(notes),
    )


def gift_card(_: Translator, gift: Gift, cost: int | None, picture: str) -> Card:
    """One voucher of the catalogue."""
    return Card(
        image=picture,
        eyebrow=gift.brand,
        badge=Badge(_("No price"), "old") if cost is None else None,
        title=gift.name,
        rows=(
            Row(_("Gift and price"), ids_text(gift.gift_id, gift.price_id)),
            Row(_("Value"), _.money(gift.price_value, DONG)),
            Row(_("For customers"), cost_text(_, cost)),
        ),
    )


def quota_text(_: Translator, left: Quota) -> str:
    """What a member of staff may still issue today."""
    vouchers = _.ngettext("%(n)s voucher", "%(n)s vouchers", left.vouchers)
    return _("%(vouchers)s, worth %(value)s", vouchers=vouchers, value=_.money(left.value, DONG))


def issue_preview_card(
    _: Translator, gift: Gift, quantity: int, customer: Customer, *, picture: str, reason: str, left: Quota | None
) -> Card:
    """What would be issued, to whom and why. left: what whoever issues it may issue today, None without a limit."""
    value = _.money(gift.price_value, DONG)
    if quantity > 1:
        value = f"{quantity} × {value} = {_.money(gift.price_value * quantity, DONG)}"
    rows = [
        Row(_("Customer"), customer.ref),
        Row(_("Gift and price"), ids_text(gift.gift_id, gift.price_id)),
        Row(_("Value"), value),
        Row(_("Reason"), reason),
    ]
    if left is not None:
        rows.append(Row(_("You may issue today"), quota_text(_, left)))
    name = gift.name if quantity == 1 else f"{quantity} × {gift.name}"
    return Card(
        image=picture,
        eyebrow=gift.brand,
        title=_("Issue %(name)s?", name=name),
        rows=tuple(rows),
        note=_("It costs the customer no points. They are told, and it can't be undone."),
    )


def state_badges(_: Translator) -> Mapping[str, Badge]:
    """How an issue stands, for staff."""
    return {
        IssueState.PENDING: Badge(_("On its way"), "soon"),
        IssueState.UNKNOWN: Badge(_("Unknown"), "soon"),
        IssueState.CHECK: Badge(_("Needs a decision"), "bad"),
        IssueState.DONE: Badge(_("Issued"), "valid"),
        IssueState.FAILED: Badge(_("Failed"), "old"),
    }


def state_notes(_: Translator, issue: Issue) -> str:
    """What its state means for staff."""
    match issue.state:
        case IssueState.PENDING | IssueState.UNKNOWN:
            return _("Got It has not confirmed it yet. It is asked again by itself: please do not issue it again.")
        case IssueState.CHECK:
            return _("Nobody knows whether it was issued. Ask Got It about the request, then settle it, or ask again.")
        case IssueState.DONE if issue.kind == "staff":
            return _("The customer has been told.")
        case _:
            return ""


def issue_card(_: Translator, issue: Issue, customer: Customer | None, issuer: str) -> Card:
    """Somebody's voucher, as staff see it. issuer: the member's name, where one issued it."""
    ways = {"exchange": _("exchanged for points"), "reward": _("came with a code")}
    rows = [
        Row(_("Customer"), customer.ref if customer else _("deleted their data")),
        Row(_("Issued by"), ways.get(issue.kind, issuer)),
        Row(_("Gift and price"), ids_text(issue.gift_id, issue.price_id)),
        Row(_("Value"), _.money(issue.value, DONG)),
        Row(_("Points"), _.number(issue.cost) if issue.cost else ""),
        Row(_("Time"), _.moment(issue.created_at)),
        Row(_("Got It's request"), issue.request_id),
        Row(_("Asked"), _.ngettext("%(n)s time", "%(n)s times", issue.attempts) if issue.open else ""),
        Row(_("Settled"), _.moment(issue.settled_at) if issue.settled_at else ""),
        Row(_("Why"), issue.reason or ""),
    ]
    return Card(
        eyebrow=_("Voucher"),
        title=issue.called,
        badge=state_badges(_).get(issue.state),
        rows=tuple(row for row in rows if row.value),
        receipt=Row(_("Reference"), issue.ref),
        note=state_notes(_, issue),
    )


def issues_card(_: Translator, issues: Sequence[Issue], title: str) -> Card:
    """A page of everybody's vouchers."""
    badges = state_badges(_)
    rows = (
        Row(
            f"{issue.ref} · {badges[issue.state].word}",
            " · ".join(filter(None, (issue.called, issue.recipient, _.moment(issue.created_at), issue.reason))),
        )
        for issue in issues
    )
    return Card(title=title, rows=tuple(rows))


def settling_card(_: Translator, issue: Issue, *, ok: bool, reason: str) -> Card:
    """What a decision about an open issue would do."""
    if not issue.cost:
        effect = ""
    elif ok:
        effect = _.ngettext("%(n)s point is taken", "%(n)s points are taken", issue.cost)
    else:
        effect = _.ngettext("%(n)s point is given back", "%(n)s points are given back", issue.cost)
    rows = (
        Row(_("Customer"), issue.recipient),
        Row(_("Voucher"), issue.called),
        Row(_("Value"), _.money(issue.value, DONG)),
        Row(_("Points"), effect),
        Row(_("Got It's request"), issue.request_id),
        Row(_("Reason"), reason),
    )
    unheard = issue.kind == "staff" and not (ok or issue.awaited)
    return Card(
        title=_("Record that it was issued?") if ok else _("Record that it was not issued?"),
        text=_("Only if Got It says so."),
        rows=tuple(row for row in rows if row.value),
        receipt=Row(_("Reference"), issue.ref),
        note=_("This can't be undone.") if unheard else _("The customer is told, and it can't be undone."),
    )

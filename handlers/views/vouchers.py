"""Vouchers: what can be had for points, what it would cost, and how an exchange stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.conversation.actions import Action
from bot.conversation.messages import Badge, Button, Card, Item, Link, Row, Tone
from bot.i18n import Translator
from bot.services.catalogue import DONG, Offer
from bot.services.vouchers import Delivered
from bot.storage.issues import Issue, IssueState
from bot.storage.points import Account, Entry
from handlers.views import choices

TONES: Mapping[IssueState, Tone] = {
    IssueState.PENDING: "soon",
    IssueState.UNKNOWN: "soon",
    IssueState.CHECK: "soon",
    IssueState.DONE: "valid",
    IssueState.FAILED: "old",
}


def state_words(_: Translator) -> dict[IssueState, str]:
    """An issue's state, as customers read it. Whether we or our staff find out makes no difference to them."""
    # Translators: states of a voucher, on a badge
    return {
        IssueState.PENDING: _("Confirming"),
        IssueState.UNKNOWN: _("Confirming"),
        IssueState.CHECK: _("Confirming"),
        IssueState.DONE: _("Issued"),
        IssueState.FAILED: _("Cancelled"),
    }


def points_text(_: Translator, points: int) -> str:
    """`3 points`, or `−3 points` of a change."""
    text = _.ngettext("%(n)s point", "%(n)s points", abs(points))
    return text if points >= 0 else f"−{text}"


def offer_card(_: Translator, offer: Offer, account: Account, picture: str, get: Action) -> Card:
    """A voucher that can be had, or how much is missing."""
    short = offer.cost - account.available
    # Translators: a button: exchange points for this voucher
    button = Button(_("Get it"), get)
    missing = _.ngettext("%(n)s more point", "%(n)s more points", max(short, 0))
    return Card(
        image=picture,
        banner="vouchers",
        eyebrow=offer.gift.brand,
        title=offer.gift.name,
        hero=points_text(_, offer.cost),
        beside=Row(_("Value"), _.money(offer.gift.price_value, DONG)),
        instead=missing if short > 0 else "",
        buttons=() if short > 0 else (button,),
    )


def confirm_card(_: Translator, offer: Offer, account: Account, confirm: Action, cancel: Button) -> Card:
    """What would be spent: before, after, and that there is no way back."""
    # Translators: a button
    yes = Button(_("Confirm"), confirm)
    return Card(
        eyebrow=offer.gift.brand,
        title=_("Get %(name)s?", name=offer.gift.name),
        rows=(
            Row(_("Value"), _.money(offer.gift.price_value, DONG)),
            Row(_("Points now"), _.number(account.available)),
            Row(_("It costs"), f"−{_.number(offer.cost)}"),
            Row(_("Points after"), _.number(account.available - offer.cost)),
        ),
        note=_("It can't be undone."),
        buttons=(yes, cancel),
    )


def issue_card(
    _: Translator,
    issue: Issue,
    delivered: Delivered,
    delivery: str,
    ask: Action,
    remind: tuple[Button, ...] = (),
) -> Card:
    """How an exchange stands: the same card whenever it is asked for, until it has its end.

    delivery: how it comes, in the brand's words; where the vendor's link or code is there, it has come. ask: calls a
    person about this very voucher. remind: to be told before it ends, where that is known.
    """
    rows = [Row(_("Value"), _.money(issue.value, DONG))]
    text = ""
    # Translators: a button: ask a person of the shop about this voucher
    asking = Button(_("Ask us"), ask)
    buttons: tuple[Button | Link, ...] = ()
    if issue.state is IssueState.DONE:
        title, text = _("Done ✅"), "" if delivered.link or delivered.code else delivery
        if issue.cost:
            rows.append(Row(_("Points"), f"−{_.number(issue.cost)}"))
            if issue.balance >= issue.cost:  # What staff settle may have been begun by an earlier version.
                rows.append(Row(_("Points after"), _.number(issue.balance - issue.cost)))
        if delivered.code:
            rows.append(Row(_("Code"), delivered.code))
        if issue.expires_at is not None:
            rows.append(Row(_("Expires"), _.date(issue.expires_at)))
        # Translators: a button: open the voucher's own page
        opens = (Link(_("Open voucher"), delivered.link),) if delivered.link else ()
        buttons = (*opens, *remind, choices.receipts(_), asking)
    elif issue.state is IssueState.FAILED:
        buttons = (asking,)
        title = _("Not available right now")
        text = _("Your points are back.") if issue.cost else _("Our staff can help you.")
    elif issue.cost:
        title = _("Confirming")
        text = _.ngettext(
            "Your %(n)s point is on hold and won't be taken twice. We'll tell you here.",
            "Your %(n)s points are on hold and won't be taken twice. We'll tell you here.",
            issue.cost,
        )
    else:
        title, text = _("Confirming"), _("Your voucher is on its way. We'll tell you here.")
    return Card(
        look="success" if issue.state is IssueState.DONE else "plain",
        banner="vouchers",
        title=title,
        hero=issue.called,
        text=text,
        rows=(*rows, Row(_("Time"), _.moment(issue.created_at))),
        receipt=Row(_("Reference"), issue.ref),
        buttons=buttons,
    )


def voucher_card(_: Translator, issue: Issue, picture: str, show: Action) -> Card:
    """One of the customer's own vouchers, in a list."""
    details = choices.details(_, show)
    return Card(
        image=picture,
        eyebrow=issue.offer["brand"],
        badge=Badge(state_words(_)[issue.state], TONES[issue.state]),
        title=issue.called,
        banner="vouchers",
        details=details,
        rows=(
            Row(_("Value"), _.money(issue.value, DONG)),
            *(
                (Row(_("Points"), f"−{_.number(issue.cost)}"),)
                if issue.cost and issue.state is not IssueState.FAILED
                else ()
            ),
            Row(_("Date"), _.date(issue.created_at)),
            Row(_("Reference"), issue.ref),
        ),
        buttons=(details,),
    )


def voucher_item(_: Translator, issue: Issue, picture: str, show: Action) -> Item:
    """The same as a line of a list."""
    badge = Badge(state_words(_)[issue.state], TONES[issue.state])
    return Item(issue.called, show, "🎫", f"{_.date(issue.created_at)} · {issue.ref}", badge, picture)


def points_card(_: Translator, account: Account, entries: Sequence[Entry], buttons: tuple[Button, ...]) -> Card:
    """How many points there are, and the last things that changed them."""
    rows = [Row(_("On hold"), _.number(account.held))] if account.held else []
    rows += [Row(f"{entry_words(_)[entry.kind]} · {_.date(entry.at)}", signed(_, entry.available)) for entry in entries]
    return Card(
        title=_("Your points"),
        hero=points_text(_, account.available),
        rows=tuple(rows),
        banner="points",
        buttons=buttons,
    )


def entry_words(_: Translator) -> dict[str, str]:
    """What changed the points that can be spent, by the kind of the ledger's line."""
    # Translators: what changed the points, in a list
    words = {"grant": _("Code redeemed"), "adjust": _("By our staff"), "hold": _("Voucher"), "release": _("Given back")}
    # Translators: what changed the points, in a list: the customer came by
    return words | {"visit": _("Visit")}


def signed(_: Translator, change: int) -> str:
    """`+50`, `−20`."""
    return f"{'+' if change > 0 else '−'}{_.number(abs(change))}"

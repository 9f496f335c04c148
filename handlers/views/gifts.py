"""The wallet's cards: overview, tickets by day, gifts with their state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from bot.apis.mantago import Gift, Ticket
from bot.conversation.actions import Action
from bot.conversation.messages import Badge, Button, Card, Row
from bot.i18n import Translator


def list_names(_: Translator) -> dict[str, str]:
    """What the list of each kind is called."""
    # Translators: these three are buttons
    return {"tickets": _("Tickets"), "physical": _("Physical gifts"), "virtual": _("Digital gifts")}


def gift_names(_: Translator) -> dict[str, str]:
    """What one gift of each kind is called."""
    return {"physical": _("Physical gift"), "virtual": _("Digital gift")}


def tab_buttons(_: Translator, opens: dict[str, Action]) -> list[Button]:
    """The lists as buttons."""
    labels = list_names(_)
    return [Button(labels[kind], action) for kind, action in opens.items()]


def ticket_cards(_: Translator, tickets: Sequence[Ticket], how_to: Action | None) -> list[Card]:
    """Tickets have neither names nor numbers: one card for each day, with how many came that day.

    how_to: None where the brand has not told how to use them.
    """
    days = Counter(ticket.received.astimezone(_.zone).date() for ticket in tickets)
    first = {ticket.received.astimezone(_.zone).date(): ticket.received for ticket in tickets}
    return [
        Card(
            eyebrow=_("Tickets"),
            banner="tickets",
            badge=Badge(_("Valid"), "valid"),
            # Translators: the name of a card beside which stands how many there are: "× 2"
            title=_.ngettext("Coupon", "Coupons", days[day]),
            hero=f"× {_.number(days[day])}",
            rows=(Row(_("Received"), _.date(first[day])),),
            note=_("Used ones disappear from this list."),
            # Translators: a button
            buttons=(Button(_("How to use"), how_to),) if how_to else (),
        )
        for day in sorted(days, reverse=True)
    ]


def gift_card(_: Translator, gift: Gift, now: datetime, how_to: Action | None) -> Card:
    """One gift. What the vendor does not say is not made up: no badge, and no last day.

    how_to: None where the brand has not told how gifts are claimed.
    """
    # Translators: the kind of a gift of which nothing more is known, on its card
    kind = gift_names(_).get(gift.kind) or _("Gift")
    source = {
        "lotteryGame": _("Lottery game"),
        "rewardsCard": _("Rewards card"),
        "other": _("Campaign"),
    }[gift.source]
    state = gift.state(now)
    rows = [Row(_("Received"), _.date(gift.received))] if gift.received else []
    badge = None
    if state == "soon" and gift.starts:
        # Translators: a badge on a card; %(day)s is a date, "today" or "tomorrow"
        badge = Badge(_("Starts %(day)s", day=_.day(gift.starts, now)), "soon")
        # Translators: a period whose end is not known; %(start)s is a date
        period = _("from %(start)s", start=_.date(gift.starts))
        if gift.ends:
            period = _("%(start)s to %(end)s", start=_.date(gift.starts), end=_.date(gift.ends))
        rows.append(Row(_("Period"), period))
    elif state == "expired":
        # Translators: a badge on a card
        badge = Badge(_("Expired"), "old")
        if gift.ends:
            rows.append(Row(_("Ended"), _.date(gift.ends)))
    elif state == "valid":
        # Translators: a badge on a card
        badge = Badge(_("Valid"), "valid")
        if gift.ends:
            rows.append(Row(_("Use by"), _.date(gift.ends)))
    # Translators: a button
    claim = (Button(_("How to claim"), how_to),) if how_to else ()
    return Card(
        eyebrow=f"{kind} · {source}",
        banner="gifts",
        badge=badge,
        title=gift.name,
        rows=tuple(rows),
        buttons=() if state == "expired" else claim,
    )


def folded_card(_: Translator, count: int, show: Action) -> Card:
    """Expired gifts, folded away."""
    # Translators: a button: show the expired gifts
    button = Button(_("Show"), show)
    title = _.ngettext("%(n)s expired gift", "%(n)s expired gifts", count)
    return Card(look="quiet", eyebrow=_("Expired"), title=title, buttons=(button,))

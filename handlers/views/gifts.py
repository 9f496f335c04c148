"""The cards of what MantaGo holds: tickets by day, gifts with their state."""

from __future__ import annotations

from datetime import datetime

from bot.apis.mantago import Gift
from bot.conversation.actions import Action
from bot.conversation.messages import Badge, Button, Card, Row
from bot.i18n import N_, Translator
from bot.services.hand_overs import Handed
from bot.services.wallet import Day


def list_names(_: Translator) -> dict[str, str]:
    """What the list of each kind is called."""
    # Translators: these three are buttons
    return {"tickets": _("Tickets"), "physical": _("Physical gifts"), "virtual": _("Digital gifts")}


def gift_names(_: Translator) -> dict[str, str]:
    """What one gift of each kind is called."""
    return {"physical": _("Physical gift"), "virtual": _("Digital gift")}


def ticket_card(
    _: Translator, day: Day, how_to: Action | None, *, new: bool = False, counter: Action | None = None
) -> Card:
    """Tickets have neither names nor numbers: one card for those of a day, with how many came.

    how_to: None where nobody has told how to use them. counter: shows a code for them; None where there is no counter.
    """
    # Translators: a button
    use = (Button(_("How to use"), how_to),) if how_to else ()
    return Card(
        eyebrow=_("Tickets"),
        banner="tickets",
        badge=handed_badge(_) if day.handed else valid_badge(_, new=new),
        # Translators: the name of a card beside which stands how many there are: "× 2"
        title=_.ngettext("Coupon", "Coupons", day.count),
        hero=f"× {_.number(day.count)}",
        rows=(*handed_rows(_, day.handed), Row(_("Received"), _.date(day.received))),
        note="" if day.handed else _("Used ones disappear from this list."),
        buttons=() if day.handed else (*counter_button(_, counter), *use),
    )


def counter_button(_: Translator, counter: Action | None) -> tuple[Button, ...]:
    """To a code that staff take."""
    # Translators: a button: show a code at the shop's counter, where the thing is handed over
    return (Button(_("Show at counter"), counter),) if counter else ()


def handed_badge(_: Translator) -> Badge:
    """That something was handed over at the counter."""
    # Translators: a badge on a gift: the shop has given it to the customer at its counter
    return Badge(_("Handed over"), "old")


def handed_text(_: Translator, handed: Handed) -> str:
    """When and where something was handed over."""
    return " ".join(filter(None, (_.date(handed.at), handed.store)))


def handed_rows(_: Translator, handed: Handed | None) -> tuple[Row, ...]:
    """The same as a fact; none where it was not."""
    return (Row(_("Handed over"), handed_text(_, handed)),) if handed else ()


def valid_badge(_: Translator, *, new: bool = False) -> Badge:
    """That something can be used; that it came since the last visit, where it did."""
    # Translators: a badge on a card: it came since the last visit
    return Badge(_("New") if new else _("Valid"), "valid")


def gift_badge(_: Translator, gift: Gift, now: datetime, *, new: bool = False) -> Badge | None:
    """Its state; None where the vendor tells none."""
    match gift.state(now):
        case "soon" if gift.starts:
            # Translators: a badge on a card; %(day)s is a date, "today" or "tomorrow"
            return Badge(_("Starts %(day)s", day=_.day(gift.starts, now)), "soon")
        case "expired":
            # Translators: a badge on a card
            return Badge(_("Expired"), "old")
        case "unknown" if not new:
            return None
        case _state:
            return valid_badge(_, new=new)


def gift_card(
    _: Translator,
    gift: Gift,
    now: datetime,
    how_to: Action | None,
    *,
    new: bool = False,
    handed: Handed | None = None,
    counter: Action | None = None,
) -> Card:
    """One gift. What the vendor does not say is not made up: no badge, and no last day.

    how_to: None where nobody has told how gifts are claimed. handed: how it was handed over, if it was. counter: shows
    a code for it; None where there is no counter.
    """
    # Translators: the kind of a gift of which nothing more is known, on its card
    kind = gift_names(_).get(gift.kind) or _("Gift")
    state = gift.state(now)
    rows = [Row(_("Received"), _.date(gift.received))] if gift.received else []
    if state == "soon" and gift.starts:
        # Translators: a period whose end is not known; %(start)s is a date
        period = _("from %(start)s", start=_.date(gift.starts))
        if gift.ends:
            period = _("%(start)s to %(end)s", start=_.date(gift.starts), end=_.date(gift.ends))
        rows.append(Row(_("Period"), period))
    elif state == "expired":
        if gift.ends:
            rows.append(Row(_("Ended"), _.date(gift.ends)))
    elif gift.ends:
        rows.append(Row(_("Use by"), _.date(gift.ends)))
    # Translators: a button
    claim = (Button(_("How to claim"), how_to),) if how_to else ()
    usable = handed is None and state in ("valid", "unknown")
    return Card(
        eyebrow=f"{kind} · {source_name(_, gift)}",
        banner="gifts",
        badge=handed_badge(_) if handed else gift_badge(_, gift, now, new=new),
        title=gift.name,
        rows=(*handed_rows(_, handed), *rows),
        buttons=() if state == "expired" or handed else (*(counter_button(_, counter) if usable else ()), *claim),
    )


def source_name(_: Translator, gift: Gift) -> str:
    """Where a gift comes from."""
    return _(_SOURCES[gift.source])


_SOURCES = {"lotteryGame": N_("Lottery game"), "rewardsCard": N_("Rewards card"), "other": N_("Campaign")}

"""Collected points: a card that is told apart from our own points, and promises nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bot.conversation.messages import Button, Card, Row
from bot.i18n import Translator
from bot.partners import partner
from handlers.views.vouchers import points_text


def collected_text(_: Translator, points: int) -> str:
    """`30 collected points`."""
    # Translators: points that MantaGo counts (集點); not our own points, which are exchanged for vouchers
    return _.ngettext("%(n)s collected point", "%(n)s collected points", points)


def as_of_note(_: Translator, points: int, moment: datetime, now: datetime) -> str:
    """How many there were when that was told last."""
    return _("%(points)s, as of %(time)s", points=collected_text(_, points), time=_time(_, moment, now))


def collected_card(
    _: Translator,
    points: Mapping[str, int],
    *,
    as_of: datetime | None,
    exchanges: bool,
    now: datetime,
    buttons: tuple[Button, ...],
) -> Card:
    """How many there are, by channel where there are several: they may be counted together, or not.

    as_of: when that was told, if not just now. exchanges: whether our own points are exchanged for vouchers.
    """
    several = len(points) > 1
    text = (
        _("From our campaigns. They can't be exchanged for vouchers here.")
        if exchanges
        else _("From our campaigns, whose notices say what they are for.")
    )
    note = ""
    if as_of is not None:
        note = _(
            "We can't reach %(service)s right now. This is how things stood at %(time)s.",
            service=_("the gift service"),
            time=_time(_, as_of, now),
        )
    return Card(
        title=_("Collected points"),
        hero="" if several else points_text(_, next(iter(points.values()))),
        text=text,
        rows=tuple(Row(partner(channel).title, _.number(n)) for channel, n in points.items()) if several else (),
        note=note,
        banner="points",
        buttons=buttons,
    )


def _time(_: Translator, moment: datetime, now: datetime) -> str:
    same = moment.astimezone(_.zone).date() == now.astimezone(_.zone).date()
    return _.time(moment) if same else _.moment(moment)

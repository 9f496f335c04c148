"""The digest: once a day, owners read what their staff gave, took and made by hand the day before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import asyncpg

from bot.i18n import N_, Translator
from bot.services.alerts import Alerts
from bot.services.catalogue import DONG
from bot.storage import counts
from bot.storage.counts import Deeds, first_day

FROM = 9  # o'clock of the brand's time zone: in the morning, not in the middle of the night
LINES = 10  # members, so that it is one message on every channel


@dataclass(frozen=True, slots=True)
class Digest:
    """Sent by whichever worker comes first: its key is the day. A day on which nobody did anything has none."""

    alerts: Alerts
    zone: ZoneInfo

    async def send(self, pool: asyncpg.Pool, now: datetime) -> None:
        """Queue that of yesterday for every owner, once it is morning."""
        today, yesterday = first_day(now, 1, self.zone), first_day(now, 2, self.zone)
        here = now.astimezone(self.zone)
        if here.hour < FROM:
            return
        deeds = await counts.by_hand(pool, yesterday, today)
        if deeds:
            await self.alerts.tell(
                pool,
                "digest",
                lambda _: digest(_, yesterday, deeds),
                here,
                once_per="%Y-%m-%d",
                owners_only=True,
                runs=((N_("Show"), "/audit since=2d"),),
            )


def digest(_: Translator, day: datetime, deeds: Sequence[Deeds]) -> str:
    """The day's message: a line for each member."""
    lines = [_("What staff did by hand on %(date)s:", date=_.date(day))]
    lines += [f"{each.name}: {' · '.join(_parts(_, each))}" for each in deeds[:LINES]]
    if (more := len(deeds) - LINES) > 0:
        lines.append(_.ngettext("And %(n)s more: see /audit.", "And %(n)s more: see /audit.", more))
    return "\n".join(lines)


def _parts(_: Translator, deeds: Deeds) -> list[str]:
    value = _.money(deeds.value, DONG)
    said = (
        (
            deeds.vouchers,
            _.ngettext("%(n)s voucher, %(value)s", "%(n)s vouchers, %(value)s", deeds.vouchers, value=value),
        ),
        (deeds.given, _.ngettext("+%(n)s point", "+%(n)s points", deeds.given)),
        (deeds.taken, _.ngettext("−%(n)s point", "−%(n)s points", deeds.taken)),
        (deeds.codes, _.ngettext("%(n)s code made", "%(n)s codes made", deeds.codes)),
        (deeds.undone, _.ngettext("%(n)s claim taken back", "%(n)s claims taken back", deeds.undone)),
        (deeds.links, _.ngettext("%(n)s link code", "%(n)s link codes", deeds.links)),
        (deeds.visits, _.ngettext("%(n)s visit", "%(n)s visits", deeds.visits)),
        (deeds.phones, _.ngettext("%(n)s phone looked up", "%(n)s phones looked up", deeds.phones)),
        (deeds.handed, _.ngettext("%(n)s handed over", "%(n)s handed over", deeds.handed)),
    )
    return [text for number, text in said if number]

"""Alerts: what staff must know now. At most one per kind and hour, pushed to every owner and manager."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import orjson

from bot.i18n import N_, Translator
from bot.partners import refused_settings
from bot.storage import customers, pushes, staff
from bot.storage.staff import Member

IDLE_AFTER = timedelta(days=90)  # who is suspended for silence hears nothing either
REFUSED = {
    "mantago": N_("MantaGo refuses our credentials; customers see their last known list. Renew %(settings)s."),
    "poshen": N_("Poshen refuses our credentials, nobody can redeem codes. Renew %(settings)s."),
    "gotit": N_("Got It refuses our credentials, no voucher can be issued. Renew %(settings)s."),
    "altegio": N_("Altegio refuses our credentials; nobody sees their gift cards. Renew %(settings)s."),
}


@dataclass(frozen=True, slots=True)
class _Recipient:
    """person: their chat, None before their first command; buttons are made for it."""

    channel: str
    user_id: str
    tag: str
    owner: bool
    person: str | None = None
    member_id: int | None = None


@dataclass(frozen=True, slots=True)
class Alerts:
    """admins: `line:U…`, `messenger:…` of the ADMINS setting.

    Owners and managers of the staff table hear them too, each in the language of their chat; whoever has none yet
    in the default one.
    """

    admins: tuple[str, ...]
    languages: Mapping[str, Translator]
    default_locale: str

    async def tell(
        self,
        connection: asyncpg.Connection | asyncpg.Pool,
        kind: str,
        what: str | Callable[[Translator], str],
        now: datetime,
        *,
        once_per: str = "%Y-%m-%dT%H",
        runs: tuple[tuple[str, str], ...] = (),
        owners_only: bool = False,
        except_member: int | None = None,
        **values: object,
    ) -> int:
        """Queue `what` (a msgid, or a text to be made in each language) for every recipient, in the caller's
        transaction; how many there are.

        kind: what it is about; a second alert of a kind in the same hour (or whatever period the
        strftime pattern `once_per` tells apart) is dropped by its key. runs: (label msgid, command line) of buttons
        under it. except_member: a member who is not told, since it is about what they did.
        """
        told = 0
        for each in await self._recipients(connection, now):
            if (owners_only and not each.owner) or (except_member is not None and each.member_id == except_member):
                continue
            _ = self.languages[each.tag]
            message: dict[str, object] = {"text": what(_) if callable(what) else _(what, **values)}
            if runs and each.person:
                message |= {"runs": [(_(label), line) for label, line in runs], "person": each.person}
            await pushes.add(
                connection,
                key=f"alert:{kind}:{now.strftime(once_per)}:{each.channel}:{each.user_id}",
                channel=each.channel,
                recipient=each.user_id,
                messages=orjson.dumps([message]).decode(),
            )
            told += 1
        return told

    async def credentials_refused(
        self, connection: asyncpg.Connection | asyncpg.Pool, vendor: str, detail: str, now: datetime
    ) -> None:
        """Tell what it means that a vendor refuses our credentials, which only staff can mend."""
        settings = refused_settings(vendor, detail)
        await self.tell(connection, f"{vendor}-credentials", REFUSED[vendor], now, settings=settings)

    async def _recipients(self, connection: asyncpg.Connection | asyncpg.Pool, now: datetime) -> list[_Recipient]:
        """Owners and managers; those of ADMINS also before they have a row."""
        found = {}
        for admin in self.admins:
            channel, user_id = admin.split(":", 1)
            found[admin] = _Recipient(channel, user_id, self.default_locale, owner=True)
        for each in await staff.reachable(connection, now - IDLE_AFTER):
            member, named = each.member, f"{each.member.channel}:{each.member.user_id}"
            if named in found or member.origin != "settings":
                found[named] = _Recipient(
                    member.channel,
                    member.user_id,
                    self._known(each.locale),
                    owner=named in found or member.role == "owner",
                    person=member.person,
                    member_id=member.id,
                )
        return list(found.values())

    async def tell_member(
        self,
        connection: asyncpg.Connection,
        member: Member,
        key: str,
        what: str | Callable[[Translator], str],
        *,
        runs: tuple[tuple[str, str], ...] = (),
        **values: object,
    ) -> None:
        """Queue `what` (a msgid, or a text to be made in their language) for one member of staff, once by its key, in
        the caller's transaction.

        runs: (label msgid, command line) of buttons under it, made for this member alone.
        """
        customer = await customers.by_person(connection, member.person)
        _ = self.languages[self._known(customer.locale if customer else None)]
        text = what(_) if callable(what) else _(what, **values)
        message = {"text": text, "runs": [(_(label), line) for label, line in runs]}
        await pushes.add(
            connection,
            key=f"staff:{key}:{member.id}",
            channel=member.channel,
            recipient=member.user_id,
            messages=orjson.dumps([{**message, "person": member.person}]).decode(),
        )

    def _known(self, tag: str | None) -> str:
        return tag if tag is not None and tag in self.languages else self.default_locale

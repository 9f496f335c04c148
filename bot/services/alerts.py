"""Alerts: what staff must know now. At most one per kind and hour, pushed to every admin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import orjson

from bot.i18n import Translator
from bot.storage import pushes


@dataclass(frozen=True, slots=True)
class Alerts:
    """admins: `line:U…`, `messenger:…` of the ADMINS setting, alerted in the default language."""

    admins: tuple[str, ...]
    languages: Mapping[str, Translator]
    default_locale: str

    async def tell(
        self,
        connection: asyncpg.Connection | asyncpg.Pool,
        kind: str,
        msgid: str,
        now: datetime,
        *,
        once_per: str = "%Y-%m-%dT%H",
        **values: object,
    ) -> None:
        """Queue `msgid` for every admin, in the caller's transaction.

        kind: what it is about; a second alert of a kind in the same hour (or whatever period the
        strftime pattern `once_per` tells apart) is dropped by its key.
        """
        text = self.languages[self.default_locale](msgid, **values)
        for admin in self.admins:
            channel, recipient = admin.split(":", 1)
            await pushes.add(
                connection,
                key=f"alert:{kind}:{now.strftime(once_per)}:{admin}",
                channel=channel,
                recipient=recipient,
                messages=orjson.dumps([{"text": text}]).decode(),
            )

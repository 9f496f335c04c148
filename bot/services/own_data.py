"""A customer's own data, handed out as a file: by a link that works once and soon ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from bot.storage import data_files, export_files


@dataclass(frozen=True, slots=True)
class OwnData:
    """secret: signs the links."""

    secret: bytes

    async def offer(
        self,
        connection: asyncpg.Connection,
        customer_id: int,
        public_url: str,
        *,
        page: Mapping[str, str],
        file: str,
        now: datetime,
        until: datetime,
    ) -> str:
        """Keep `file` until it is fetched or `until`, in the caller's transaction; where it can be fetched.

        page: what the link's page says. public_url: of the web process. LINE opens the link in the phone's own
        browser, which can save pages.
        """
        file_id = await data_files.add(connection, customer_id, page=page, file=file, now=now, expires_at=until)
        token = export_files.sign(self.secret, file_id, export_files.DATA)
        return f"{public_url}{export_files.DATA.path}{token}?openExternalBrowser=1"

    async def forget(self, connection: asyncpg.Connection, customer_id: int) -> None:
        """The customer has their data deleted."""
        await data_files.forget(connection, customer_id)

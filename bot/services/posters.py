"""Posters: their links and pictures, who came by which, and what it is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from bot.i18n import Translator
from bot.storage import code_refs, export_files, posters
from bot.storage.posters import Poster, Reads
from bot.understanding import poster_tokens

NEWCOMER = timedelta(hours=1)
"""Since when somebody may be known who is still new: LINE tells of a new friend before their first message."""


@dataclass(frozen=True, slots=True)
class Posters:
    """secret: signs the links to pictures. entrances: what makes each kind of link from what LINE types and what Meta
    tells. missing: channels that have no links yet, and the setting that each lacks. customers_read: the language of
    what a link types.
    """

    secret: bytes
    entrances: Mapping[str, Callable[[str, str], str]]
    missing: Mapping[str, str]
    customers_read: Translator

    async def known(self, reads: Reads, token: str) -> Poster | None:
        """The poster whose links say this token; None when there was never one."""
        return await posters.by_token(reads, token)

    def code_in(self, ref: str) -> str:
        """The code that a link of ours is for; empty when somebody else wrote it."""
        return code_refs.read(self.secret, ref)

    async def make(
        self,
        connection: asyncpg.Connection,
        *,
        key: str,
        name: str,
        says: str,
        code: str = "",
        code_id: int | None = None,
        opens: str = "",
        made_by: str,
        now: datetime,
    ) -> Poster | None:
        """A new poster, once for each `key`; None when its name is taken."""
        while True:
            made = await posters.add(
                connection,
                key=key,
                name=name,
                token=poster_tokens.new(),
                says=says,
                code=code,
                code_id=code_id,
                opens=opens,
                made_by=made_by,
                now=now,
            )
            if made is not None or await posters.by_name(connection, name) is not None:
                return made  # Else the token was another one's.

    def links(self, poster: Poster) -> dict[str, str]:
        """Its links, by kind: `line`, `friend`, `messenger`, `instagram`."""
        says, ref = poster_tokens.typed(poster.says, poster.token), poster_tokens.ref(poster.token)
        return {kind: link(says, ref) for kind, link in self.entrances.items()}

    async def pictures(
        self,
        connection: asyncpg.Connection,
        poster: Poster,
        public_url: str,
        *,
        maker: str,
        page: Mapping[str, str],
        now: datetime,
        until: datetime,
    ) -> str:
        """Where its QR pictures can be fetched, once. page: what that page says. public_url: of the web process."""
        file_id = await posters.add_file(connection, poster.id, maker=maker, page=page, now=now, expires_at=until)
        token = export_files.sign(self.secret, file_id, export_files.POSTERS)
        return f"{public_url}{export_files.POSTERS.path}{token}?openExternalBrowser=1"

    async def arrived(
        self,
        connection: asyncpg.Connection,
        poster: Poster,
        *,
        event_id: int,
        customer_id: int,
        first_seen: datetime,
        at: datetime,
    ) -> None:
        """Count somebody who came by a poster with this event. first_seen: since when they are known."""
        await posters.arrived(
            connection,
            event_id=event_id,
            poster_id=poster.id,
            customer_id=customer_id,
            new=at - first_seen < NEWCOMER,
            at=at,
        )

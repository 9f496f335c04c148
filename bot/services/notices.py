"""Notices: what a customer must hear without having asked just now, in their own language, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg
import orjson

from bot.i18n import Translator
from bot.storage import customers, pushes


@dataclass(frozen=True, slots=True)
class Notices:
    """Texts for single customers. They are about something of value, so they come also to who unsubscribed."""

    languages: Mapping[str, Translator]
    default_locale: str

    async def language_of(self, connection: asyncpg.Connection, customer_id: int) -> Translator | None:
        """The language of a customer; None when they are gone."""
        customer = await customers.by_id(connection, customer_id)
        return self.languages.get(customer.locale, self.languages[self.default_locale]) if customer else None

    async def tell(
        self,
        connection: asyncpg.Connection,
        customer_id: int,
        key: str,
        text: str,
        *,
        choices: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Queue `text` (in the customer's language, see `language_of`) in the caller's transaction.

        key: the same notice is sent once, however often this runs. choices: [(label, command)].
        """
        customer = await customers.by_id(connection, customer_id)
        if customer is None:
            return
        await pushes.add(
            connection,
            key=f"notice:{key}",
            channel=customer.channel,
            recipient=customer.person.rsplit(":", 1)[-1],
            messages=orjson.dumps([{"text": text, "choices": choices}]).decode(),
        )

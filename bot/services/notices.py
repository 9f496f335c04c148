"""Notices: what a customer must hear without having asked just now, in their own language, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import asyncpg
import orjson

from bot.i18n import Translator
from bot.storage import customers, pushes


@dataclass(frozen=True, slots=True)
class Present:
    """Something that is given to a customer, shown as a card with the look of good news.

    rows: (label, value). reference: (label, reference of its receipt). opens: label of the button to that receipt.
    """

    title: str
    name: str
    image: str
    rows: tuple[tuple[str, str], ...]
    reference: tuple[str, str]
    opens: str


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
        present: Present | None = None,
    ) -> None:
        """Queue `text` (in the customer's language, see `language_of`) in the caller's transaction.

        key: the same notice is sent once, however often this runs. choices: [(label, command)]. present: shown instead
        of the text, which a worker of the version before sends.
        """
        customer = await customers.by_id(connection, customer_id)
        if customer is None:
            return
        message: dict[str, object] = {"text": text, "choices": choices}
        if present is not None:
            message |= {"present": asdict(present), "person": customer.person}
        await pushes.add(
            connection,
            key=f"{NOTICE}{key}",
            channel=customer.channel,
            recipient=customer.person.rsplit(":", 1)[-1],
            messages=orjson.dumps([message]).decode(),
        )


NOTICE = "notice:"
"""What the key of a notice's push begins with."""

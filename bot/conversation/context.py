"""What a handler is given: who is asking, in which language, and everything it may use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from bot.apis import Apis
from bot.conversation.events import Incoming
from bot.conversation.messages import Reply
from bot.conversation.router import Routes
from bot.conversation.words import Lexicon
from bot.i18n import Translator
from bot.services import Services
from bot.storage.customers import Customer


@dataclass(frozen=True, slots=True)
class Prepared:
    """An answer that was rendered earlier and is only handed over now (platform JSON)."""

    messages: list[dict[str, Any]]


Answer = Reply | Prepared


@dataclass(frozen=True, slots=True)
class Desk:
    """The brand's facts that texts need."""

    brand: str
    channel_name: str
    privacy_url: str = ""
    support_hours: str = ""
    private_chat_url: str = ""
    how_to_claim: Mapping[str, str] = field(default_factory=dict)
    handoff: timedelta = timedelta(hours=1)
    claim_retention: timedelta = timedelta(days=730)
    log_days: int = 14
    code_pattern: re.Pattern[str] | None = None
    redeems: bool = True
    only_checks: bool = False
    shows_gifts: bool = True


class Work:
    """The one transaction of a turn, opened by the first thing that writes.

    The reply is committed in it too. Nothing may be asked of a vendor once it is open: it would hold
    a connection, and perhaps a lock, for as long as the vendor pleases.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.connection: asyncpg.Connection | None = None
        self._transaction: Any = None

    @property
    def reads(self) -> asyncpg.Connection | asyncpg.Pool:
        """Where to read: the open transaction, else any connection. A turn never holds two, or turns that
        wait for each other's second one would stand still for ever."""
        return self.connection or self.pool

    async def begin(self) -> asyncpg.Connection:
        """The turn's transaction, for writing."""
        if self.connection is None:
            self.connection = await self.pool.acquire()
            self._transaction = self.connection.transaction()
            await self._transaction.start()
        return self.connection

    async def end(self, *, commit: bool) -> None:
        """Commit or undo, and give the connection back."""
        if self.connection is None:
            return
        connection, self.connection = self.connection, None
        try:
            await (self._transaction.commit() if commit else self._transaction.rollback())
        finally:
            await self.pool.release(connection)


@dataclass(slots=True)
class Context:
    """The single argument of every handler.

    Changes to `customer` are saved with the reply, in the same transaction. Reads go to `apis`;
    whatever changes something goes through `services`.
    """

    incoming: Incoming
    event_id: int
    customer: Customer
    now: datetime
    _: Translator
    languages: Mapping[str, Translator]
    lexicon: Lexicon
    desk: Desk
    apis: Apis
    services: Services
    work: Work
    routes: Routes
    prompt: bool = True  # The answer comes soon enough to be shown whatever it is.

    async def run(self, command: str) -> Answer:
        """The answer of another command; of the menu when there is none of that name (any more)."""
        known = self.routes.commands.get(command) or self.routes.commands["menu"]
        return await known.handler(self)

    def speak(self, tag: str) -> None:
        """Change the customer's language, for this answer already."""
        self.customer.locale, self.customer.locale_chosen = tag, True
        self._ = self.languages[tag]

    def ask(self, question: str, minutes: int = 5, **details: str) -> None:
        """Expect the answer to a question as the next text."""
        until = (self.now + timedelta(minutes=minutes)).timestamp()
        self.customer.state["asking"] = {"question": question, "until": until, **details}

    def asked(self) -> dict[str, Any] | None:
        """The question that is still open."""
        asking: dict[str, Any] | None = self.customer.state.get("asking")
        return asking if asking and asking["until"] > self.now.timestamp() else None

    def settle(self) -> None:
        """Stop expecting an answer."""
        self.customer.state.pop("asking", None)

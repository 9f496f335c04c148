"""What was not understood: counted by how it ended, and short texts of it kept where the operator wants that.

Counted in memory like calls to vendors, so that no message costs a statement; a killed worker forgets the last seconds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args
from zoneinfo import ZoneInfo

import asyncpg

from bot.storage import counts, unclear
from bot.storage.hashes import keyed_hash
from bot.storage.unclear import Unclear

# chips: likely topics were offered, or help, or a person. asked: an act or a code was asked about first. quiet: nothing
# was said, because the customer seems to talk to the shop.
Kind = Literal["chips", "asked", "quiet"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class UnclearTexts:
    """secret: of the hashes. zone: whose days are counted. counted: texts by kind since they were last written down."""

    secret: bytes
    zone: ZoneInfo
    counted: Counter[str] = field(default_factory=Counter)

    # ── numbers ──────────────────────────────────────────────────────────────────────────────────

    def count(self, kind: Kind | None) -> None:
        """Count a customer's text. kind: how it was not understood, None when it was."""
        self.counted[counts.HEARD] += 1
        if kind is not None:
            self.counted[kind] += 1

    async def write(self, pool: asyncpg.Pool, now: datetime) -> None:
        """Add what was counted to the day's numbers."""
        taken = dict(self.counted)
        self.counted.clear()
        try:
            if taken:
                day = now.astimezone(self.zone).date()
                await counts.add(pool, day, {(counts.TEXTS, kind): n for kind, n in taken.items()})
        except BaseException:
            self.counted.update(taken)
            raise

    # ── texts ────────────────────────────────────────────────────────────────────────────────────

    def to_keep(self, person: str, message_id: str, kind: Kind, text: str) -> Unclear:
        """A text as it is kept: without the person."""
        return Unclear(self._message(person, message_id), self._person(person), kind, text)

    async def forget_message(self, connection: asyncpg.Connection, person: str, message_id: str) -> None:
        """Its author took a message back."""
        await unclear.forget_message(connection, self._message(person, message_id))

    async def forget_person(self, connection: asyncpg.Connection, person: str) -> None:
        """Somebody had their data deleted."""
        await unclear.forget_person(connection, self._person(person))

    def _message(self, person: str, message_id: str) -> bytes:
        return keyed_hash(self.secret, "unclear message", f"{person}:{message_id}")

    def _person(self, person: str) -> bytes:
        return keyed_hash(self.secret, "unclear person", person)

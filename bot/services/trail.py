"""The trail: what staff did, written in the transaction that did it, and the check that nobody changed it since."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from bot.services.staffing import Actor
from bot.storage import audit
from bot.storage.audit import Entry, Row

UNDONE = ("refused", "failed", "not found")  # how a result begins when nothing was done


@dataclass(slots=True)
class Notes:
    """What a command adds to its line in the trail. Never a phone, a full code or a card number.

    customer: whose data was read or changed (their reference). target: what else it was about. before, after:
    what changed, in words or numbers. result: `done`, `asked`, `cancelled`, `refused`, `failed: …`. ref: a
    receipt's or a job's reference.
    """

    customer: str | None = None
    target: str | None = None
    before: str | None = None
    after: str | None = None
    result: str = "done"
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """The chain does not hold at row `n`; what is after it proves nothing either. why: in English, for the operator."""

    n: int
    why: str


@dataclass(frozen=True, slots=True)
class Intact:
    """Everything is as it was written. rows: how many; last: the newest hash, to be compared with a noted one."""

    rows: int
    last: str


@dataclass(frozen=True, slots=True)
class Trail:
    """secret: without it nobody can write a chain that holds."""

    secret: bytes

    async def write(
        self,
        connection: asyncpg.Connection,
        actor: Actor,
        *,
        action: str,
        line: str,
        notes: Notes,
        now: datetime,
        store: str | None = None,
    ) -> Row:
        """Add one entry, in the caller's transaction, as the last thing before it ends. store: where they were."""
        entry = Entry(
            at=now,
            staff_id=actor.id,
            actor=actor.name,
            role=actor.role,
            channel=actor.channel,
            action=action,
            line=line,
            result=notes.result,
            customer=notes.customer,
            target=notes.target,
            before=notes.before,
            after=notes.after,
            ref=notes.ref,
            store=store,
        )
        return await audit.append(connection, self.secret, entry)

    async def verify(self, connection: asyncpg.Connection) -> Intact | Broken:
        """Walk the whole chain."""
        expected, previous = 1, audit.FIRST
        async for row in audit.everything(connection):
            if row.n != expected:
                return Broken(expected, "this row is missing")
            if row.previous != previous:
                return Broken(row.n, "it does not follow the row before it")
            if not hmac.compare_digest(audit.digest(self.secret, row.n, row.entry, previous), row.hash):
                return Broken(row.n, "it was changed, or was written with another SECRET_KEY")
            expected, previous = row.n + 1, row.hash
        return Intact(expected - 1, previous.hex())

"""Redemption: one claim per customer and code, whatever is repeated and whatever dies in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from bot.apis.poshen import RedemptionCode
from bot.services.hashes import keyed_hash
from bot.storage import claims
from bot.storage.claims import Claim

MISSING_FOR = timedelta(seconds=60)
MOST_MISSING = 10_000


@dataclass(frozen=True, slots=True)
class Claimed:
    """The customer has it. fresh: by this very event; else they had it before."""

    claim: Claim
    fresh: bool


@dataclass(frozen=True, slots=True)
class UsedUp:
    """The brand's cap for the code is reached."""


@dataclass(frozen=True, slots=True)
class Paused:
    """The brand paused the group."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """The group opens later."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Over:
    """The group has ended."""

    at: datetime


Outcome = Claimed | UsedUp | Paused | NotYet | Over


def snapshot(code: RedemptionCode) -> dict[str, Any]:
    """What a code gives, as it is kept with the claim: it survives the code's deletion at the vendor."""
    return {
        "code": code.code,
        "group": code.group.name if code.group else "",
        "game": code.game.name if code.game else "",
        "rewards": [{"name": reward.name, "type": reward.type} for reward in code.rewards],
    }


@dataclass(frozen=True, slots=True)
class Redemption:
    """Claims codes in our own ledger: Poshen's documents give no call that redeems for a chat customer."""

    secret: bytes
    _missing: dict[bytes, datetime] = field(default_factory=dict)

    def known_missing(self, spelling: str, now: datetime) -> bool:
        """Whether the vendor said a minute ago or less that there is no such code."""
        until = self._missing.get(keyed_hash(self.secret, "spelling", spelling))
        return until is not None and until > now

    def remember_missing(self, spelling: str, now: datetime) -> None:
        """Spare the vendor the same question for a minute."""
        if len(self._missing) > MOST_MISSING:
            self._missing.clear()
        self._missing[keyed_hash(self.secret, "spelling", spelling)] = now + MISSING_FOR

    async def claim(
        self,
        connection: asyncpg.Connection,
        code: RedemptionCode,
        *,
        person: str,
        customer_id: int,
        event_id: int,
        now: datetime,
    ) -> Outcome:
        """Claim `code` for `person`, in the caller's transaction.

        What they claimed before is found first, so that a repeat shows the same receipt even when the
        group has been paused or has ended since. A twin that wins the race is noticed by the unique
        constraint, never by having looked.
        """
        who = self.person_hash(person)
        policy = await claims.policy_of(connection, code.group.id if code.group else None)
        earlier = await claims.of_customer_and_code(connection, code.id, who)
        if mine := next((claim for claim in earlier if claim.event_id == event_id), None):
            return Claimed(mine, fresh=True)
        if len(earlier) >= policy.per_customer:
            return Claimed(earlier[-1], fresh=False)
        if policy.paused:
            return Paused()
        if policy.starts_at and now < policy.starts_at:
            return NotYet(policy.starts_at)
        if policy.ends_at and now >= policy.ends_at:
            return Over(policy.ends_at)
        if policy.max_claims is not None and await claims.lock_code(connection, code.id) >= policy.max_claims:
            return UsedUp()
        claim = await claims.add(
            connection,
            code_id=code.id,
            person_hash=who,
            nth=len(earlier) + 1,
            customer_id=customer_id,
            event_id=event_id,
            group_id=code.group.id if code.group else None,
            snapshot=snapshot(code),
            now=now,
        )
        if claim is None:
            return Claimed((await claims.of_customer_and_code(connection, code.id, who))[-1], fresh=False)
        return Claimed(claim, fresh=True)

    def person_hash(self, person: str) -> bytes:
        """How the ledger knows a person; it outlives the deletion of their data."""
        return keyed_hash(self.secret, "person", person)

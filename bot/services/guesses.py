"""Guess limits: how many wrong codes somebody may try, judged before any vendor is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from bot.i18n import N_
from bot.services.alerts import Alerts
from bot.storage import guesses
from bot.storage.hashes import keyed_hash

BUDGET = 5  # wrong codes in ten minutes, then a wait
BUDGET_A_DAY = 30
BUDGET_GUARDED = 2
BUDGET_TALK = 15  # words in ten minutes that looked like codes, were looked up, and were none
WAITS = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=24))
NEWCOMER = timedelta(days=1)  # throw-away accounts get half of everything
GUARD_MISSES = 100  # by everybody, in ten minutes
GUARD_PEOPLE = 20  # who miss with the same beginning
GUARD_FOR = timedelta(minutes=30)
PREFIX = 4


@dataclass(frozen=True, slots=True)
class Permit:
    """Whether somebody may try a code now."""

    wait: timedelta | None
    guarded: bool


@dataclass(frozen=True, slots=True)
class GuessLimits:
    """Counts misses by keyed hash. A hit does not refill the budget: one known code would reset it."""

    secret: bytes
    alerts: Alerts

    async def permit(
        self, connection: asyncpg.Connection | asyncpg.Pool, person: str, first_seen: datetime, now: datetime
    ) -> Permit:
        """May this person try? Asks only our own tables."""
        standing = await guesses.standing(connection, self._hash("person", person), now)
        guarded = standing.guard_until is not None and standing.guard_until > now
        if standing.wait_until is not None and standing.wait_until > now:
            return Permit(standing.wait_until - now, guarded)
        if standing.today >= self._share(BUDGET_A_DAY, first_seen, now):
            return Permit(WAITS[-1], guarded)
        return Permit(None, guarded)

    async def talks_too_much(
        self, connection: asyncpg.Connection | asyncpg.Pool, person: str, first_seen: datetime, now: datetime
    ) -> bool:
        """Whether so many of somebody's words looked like codes that further ones are taken for talk.

        They are no attempts and bring no wait, but neither may they be a way to guess without limit:
        a code announced as one is still tried.
        """
        standing = await guesses.standing(connection, self._hash("talk", person), now)
        return standing.recent >= self._share(BUDGET_TALK, first_seen, now)

    async def count_talk(self, connection: asyncpg.Connection, person: str, word: str, now: datetime) -> None:
        """Count a word that only looked like a code. Small talk never raises the guard: it has no prefix."""
        await guesses.add_miss(connection, self._hash("talk", person), self._hash("code", word), b"", now)

    async def count_miss(
        self, connection: asyncpg.Connection, person: str, code: str, first_seen: datetime, now: datetime
    ) -> timedelta | None:
        """Count a wrong code (its canonical form); returns the wait it brings, if it does.

        The same wrong code within ten minutes costs once.
        """
        who = self._hash("person", person)
        prefix = self._hash("prefix", code[:PREFIX])
        if not await guesses.add_miss(connection, who, self._hash("code", code), prefix, now):
            return None
        await self._watch(connection, prefix, now)
        standing = await guesses.standing(connection, who, now)
        guarded = standing.guard_until is not None and standing.guard_until > now
        budget = self._share(BUDGET_GUARDED if guarded else BUDGET, first_seen, now)
        if standing.recent < budget:
            return None
        recently = standing.wait_until is not None and standing.wait_until > now - timedelta(days=1)
        level = min(standing.wait_level + 1, len(WAITS)) if recently else 1
        wait = WAITS[level - 1]
        await guesses.make_wait(connection, who, now + wait, level)
        return wait

    async def _watch(self, connection: asyncpg.Connection, prefix: bytes, now: datetime) -> None:
        """Raise the guard, and tell staff once an hour, when everybody together guesses too much."""
        everybody, alike = await guesses.totals(connection, prefix, now)
        if everybody <= GUARD_MISSES and alike <= GUARD_PEOPLE:
            return
        if await guesses.raise_guard(connection, now + GUARD_FOR, now):
            await self.alerts.tell(
                connection,
                "guard",
                N_(
                    "Somebody may be guessing codes: %(misses)s wrong codes in 10 minutes, %(people)s people with "
                    "the same beginning. Until it calms down a code needs the word “redeem” before it."
                ),
                now,
                misses=everybody,
                people=alike,
            )

    def _hash(self, purpose: str, value: str) -> bytes:
        return keyed_hash(self.secret, purpose, value)

    @staticmethod
    def _share(budget: int, first_seen: datetime, now: datetime) -> int:
        return -(-budget // 2) if now - first_seen < NEWCOMER else budget

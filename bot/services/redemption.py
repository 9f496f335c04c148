"""Redemption: one claim per customer and code, whatever is repeated and whatever dies in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from bot.apis.poshen import RedemptionCode, Reward
from bot.services.hand_overs import HandedOver
from bot.services.points import NotEnough, Points
from bot.services.vouchers import VoucherRequest, Vouchers
from bot.storage import claims, hand_overs, issues, rewards, switches
from bot.storage.claims import Claim, Undone
from bot.storage.customers import Customer
from bot.storage.hashes import keyed_hash
from bot.storage.issues import Issue
from bot.storage.rewards import Grant
from bot.understanding.codes import masked

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
class NotStarted:
    """The group opens later."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """The group has ended. at: its last moment, so that its day is the last one on which it was open."""

    at: datetime


Barred = UsedUp | Paused | NotStarted | Ended
Outcome = Claimed | Barred


@dataclass(frozen=True, slots=True)
class Free:
    """Nothing stands against a claim. earlier: those that the customer has already, oldest first."""

    earlier: Sequence[Claim] = ()


def snapshot(code: RedemptionCode, rules: Mapping[int, Grant] | None = None) -> dict[str, Any]:
    """What a code gives, as it is kept with the claim: it survives the code's deletion at the vendor.

    rules: what its rewards bring here, by their numbers. `handover` is there only where something is handed over.
    A claim of what Poshen itself has redeemed says `at_poshen` in it, too.
    """
    grants = _grants(code, rules or {})
    given = [reward.name or f"#{reward.id}" for reward, grant in grants if grant.handover]
    kept = {
        "code": code.code,
        "group": code.group.name if code.group else "",
        "game": code.game.name if code.game else "",
        "rewards": [{"name": reward.name, "type": reward.type} for reward in code.rewards],
        "points": sum(grant.points for _, grant in grants),
        "vouchers": sum(grant.gift_id is not None for _, grant in grants),
    }
    return kept | {"handover": given} if given else kept


def _grants(code: RedemptionCode, rules: Mapping[int, Grant]) -> list[tuple[Reward, Grant]]:
    return [(reward, rules[reward.id]) for reward in code.rewards if reward.id in rules]


@dataclass(slots=True)
class Redemption:
    """Claims codes in our own ledger. Where Poshen redeems them for a player, `Redeeming` comes before it.

    A rule that promises a voucher is kept even while Got It is switched off: it is issued once it is on again.
    """

    secret: bytes
    points: Points
    vouchers: Vouchers
    _missing: dict[bytes, datetime] = field(default_factory=dict)
    _mark: datetime | None = None
    _since: datetime | None = None

    def see(self, mark: datetime | None, now: datetime) -> None:
        """Take note of when we last made codes, as the event that is answered now was read with it.

        Every process remembers for itself what is missing, and forgets it all when somebody, in whatever process, has
        made a code since: the mark is another one then. It is only compared, so that no two clocks have to agree.
        """
        if mark != self._mark:
            self._missing.clear()
            self._mark, self._since = mark, now

    async def made(self, connection: asyncpg.Connection | asyncpg.Pool) -> None:
        """Have every process forget what it knows to be missing, in the caller's transaction, which comes after the
        making: codes were made or moved, or perhaps were."""
        await switches.touch(connection, switches.CODES)

    def known_missing(self, spelling: str, now: datetime) -> bool:
        """Whether the vendor said a minute ago or less that there is no such code."""
        until = self._missing.get(keyed_hash(self.secret, "spelling", spelling))
        return until is not None and until > now

    def remember_missing(self, spelling: str, now: datetime) -> None:
        """Spare the vendor the same question for a minute. now: when the turn began, before the vendor was asked.

        A turn that began before the last mark was seen may have asked before the code was made: it proves nothing.
        """
        if self._since is not None and now < self._since:
            return
        if len(self._missing) > MOST_MISSING:
            self._missing.clear()
        self._missing[keyed_hash(self.secret, "spelling", spelling)] = now + MISSING_FOR

    async def claim(
        self,
        connection: asyncpg.Connection,
        code: RedemptionCode,
        *,
        customer: Customer,
        event_id: int,
        happened_at: datetime,
        now: datetime,
    ) -> Outcome:
        """Claim `code` for `customer`, in the caller's transaction, with the points that its rewards bring.

        happened_at: when they sent it; who was in time loses nothing because the desk was down when the group ended.

        Vouchers that they bring are reserved only: `vouchers_of` finds them, to be issued once this is committed.

        A twin that wins the race is noticed by the unique constraint, never by having looked.
        """
        judged = await self.judge(
            connection, code, customer=customer, event_id=event_id, happened_at=happened_at, now=now
        )
        if not isinstance(judged, Free):
            return judged
        return await self._give(connection, code, judged.earlier, customer=customer, event_id=event_id, now=now)

    async def judge(
        self,
        connection: asyncpg.Connection | asyncpg.Pool,
        code: RedemptionCode,
        *,
        customer: Customer,
        event_id: int,
        happened_at: datetime,
        now: datetime,
    ) -> Outcome | Free:
        """Whether `customer` may claim `code`, by what they have and by what the brand decided.

        What they claimed before is found first, so that a repeat shows the same receipt even when the group has been
        paused or has ended since. In a transaction, a cap holds until it ends.
        """
        policy = await claims.policy_of(connection, code.group.id if code.group else None)
        earlier = await claims.of_customer_and_code(connection, code.id, self.person_hash(customer.person))
        if mine := next((claim for claim in earlier if claim.event_id == event_id), None):
            return Claimed(mine, fresh=True)
        if len(earlier) >= policy.per_customer:
            return Claimed(earlier[-1], fresh=False)
        if policy.paused:
            return Paused()
        if policy.starts_at and now < policy.starts_at:
            return NotStarted(policy.starts_at)
        if policy.last_moment and happened_at > policy.last_moment:
            return Ended(policy.last_moment)
        if policy.max_claims is not None and await claims.used_up(connection, code.id, policy.max_claims):
            return UsedUp()
        return Free(earlier)

    async def granted(
        self,
        connection: asyncpg.Connection,
        code: RedemptionCode,
        *,
        customer: Customer,
        event_id: int,
        ref: str,
        now: datetime,
    ) -> Claimed:
        """Claim what Poshen has redeemed for `customer`, in the caller's transaction, under the reference it has.

        It is done, so only how often they may have it counts: another claim of it brings nothing twice.
        """
        policy = await claims.policy_of(connection, code.group.id if code.group else None)
        earlier = await claims.of_customer_and_code(connection, code.id, self.person_hash(customer.person))
        if len(earlier) >= policy.per_customer:
            return Claimed(earlier[-1], fresh=False)
        return await self._give(connection, code, earlier, customer=customer, event_id=event_id, now=now, ref=ref)

    async def _give(
        self,
        connection: asyncpg.Connection,
        code: RedemptionCode,
        earlier: Sequence[Claim],
        *,
        customer: Customer,
        event_id: int,
        now: datetime,
        ref: str | None = None,
    ) -> Claimed:
        """The next claim after `earlier` ones, with what its rewards bring; a twin's, when that was faster."""
        assert customer.id is not None, "only private chats get here"
        who = self.person_hash(customer.person)
        rules = await rewards.of(connection, [reward.id for reward in code.rewards])
        grants = [grant for _, grant in _grants(code, rules)]
        kept = snapshot(code, rules)
        claim = await claims.add(
            connection,
            code_id=code.id,
            person_hash=who,
            nth=earlier[-1].nth + 1 if earlier else 1,
            customer_id=customer.id,
            event_id=event_id,
            group_id=code.group.id if code.group else None,
            snapshot=kept | {"at_poshen": True} if ref else kept,
            now=now,
            ref=ref,
        )
        if claim is None:
            return Claimed((await claims.of_customer_and_code(connection, code.id, who))[-1], fresh=False)
        await self._reward(connection, customer, claim, grants, now)
        return Claimed(claim, fresh=True)

    async def undo(
        self, connection: asyncpg.Connection, ref: str, *, by: str, all_points: bool, now: datetime
    ) -> Undone | NotEnough | HandedOver | None:
        """Release a claim, in the caller's transaction, so that its customer can redeem the code again.

        Its customer is told. The points it brought are taken back, as far as they are still there; with `all_points`
        nothing is done unless all of them are. What cannot be taken back: a voucher, and the points of somebody who
        deleted their data.
        None: there is no such claim, or it was undone before. HandedOver: what it is for was handed over, and that is
        to be taken back first.
        """
        found = await claims.lock(connection, ref)
        if found is None:
            return None
        if standing := await hand_overs.of_claim(connection, ref):
            return HandedOver(standing)
        brought, taken = found.claim.snapshot.get("points", 0), 0
        if brought and found.customer_id is not None:
            back = await self.points.take_back(
                connection, found.customer_id, brought, all_of_it=all_points, ref=ref, actor=by, now=now
            )
            if isinstance(back, NotEnough):
                return back
            taken = back
        await claims.undo(connection, ref, points=taken, by=by, now=now)
        if found.customer_id is not None:
            await self._tell_undone(connection, found.customer_id, found.claim, taken)
        return await claims.undone(connection, ref)

    async def _tell_undone(self, connection: asyncpg.Connection, customer_id: int, claim: Claim, taken: int) -> None:
        notices, code = self.points.notices, masked(claim.snapshot["code"])
        if _ := await notices.language_of(connection, customer_id):
            text = _("Our staff took back your code %(code)s (ref %(ref)s).", code=code, ref=claim.ref)
            if taken:
                text = _.ngettext(
                    "Our staff took back your code %(code)s (ref %(ref)s) and its %(n)s point.",
                    "Our staff took back your code %(code)s (ref %(ref)s) and its %(n)s points.",
                    taken,
                    code=code,
                    ref=claim.ref,
                )
            mine = ((_("My receipts"), "receipts"), (_("Talk to a person"), "human"), (_("Menu"), "menu"))
            await notices.tell(connection, customer_id, f"undone:{claim.ref}", text, choices=mine)

    async def vouchers_of(self, connection: asyncpg.Connection | asyncpg.Pool, claim: Claim) -> list[Issue]:
        """The vouchers that a claim's rewards brought."""
        promised = claim.snapshot.get("vouchers", 0)  # Older claims knew of none.
        return await issues.by_keys(connection, _voucher_keys(claim, promised)) if promised else []

    async def _reward(
        self, connection: asyncpg.Connection, customer: Customer, claim: Claim, grants: Sequence[Grant], now: datetime
    ) -> None:
        assert customer.id is not None, "the caller looked"
        if total := claim.snapshot["points"]:
            await self.points.grant(
                connection, customer.id, total, key=f"claim:{claim.event_id}:{claim.ref}", ref=claim.ref, now=now
            )
        promised = [grant for grant in grants if grant.gift_id is not None]
        for key, grant in zip(_voucher_keys(claim, len(promised)), promised, strict=True):
            assert grant.gift_id is not None and grant.price_id is not None, "they are set together"
            wanted = VoucherRequest(grant.gift_id, grant.price_id, dict(grant.offer or {}))
            await self.vouchers.reserve(connection, customer, wanted, key=key, kind="reward", issuer="bot", now=now)

    def person_hash(self, person: str) -> bytes:
        """How the ledger knows a person; it outlives the deletion of their data."""
        return keyed_hash(self.secret, "person", person)


def _voucher_keys(claim: Claim, count: int) -> list[str]:
    return [f"claim:{claim.event_id}:{claim.ref}:{number}" for number in range(count)]

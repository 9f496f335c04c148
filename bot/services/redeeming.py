"""Redeeming at Poshen itself, for the customer's player in the game (`POSHEN_MODE=redeem`).

    reserve   one transaction: the intent, with the code as it was looked up and the player
    attempt   one try at a time, under a lease, outside any transaction
    end       one transaction: done with its claim and what that brings, or failed

Poshen redeems a code once for a player, so a try whose outcome is not known is repeated: at once, after 5 s, 30 s and
2 min. "Already redeemed" then means that an earlier one worked, once the history confirms it. What even that does not
tell is for staff.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from bot.apis.poshen import Named, PoshenApi, Redeemed, RedemptionCode, Refusal, Reward
from bot.errors import (
    ContractError,
    CredentialsRefused,
    NotFound,
    OutcomeUnknown,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)
from bot.i18n import N_, Translator
from bot.services.alerts import Alerts
from bot.services.notices import Notices
from bot.services.players import Players
from bot.services.redemption import Free, Outcome
from bot.services.redemption import Redemption as Claiming
from bot.storage import customers, issues, players, redemptions
from bot.storage.customers import Customer
from bot.storage.redemptions import Redemption, RedemptionState
from bot.understanding.codes import masked

CALL_WITHIN = 45.0  # seconds for a try with its repetition and a look at the history
LEASE = timedelta(seconds=60)  # longer than any try: two never ask for the same redemption at the same time
QUICKLY = 8.0  # seconds; a try that got no answer sooner is repeated while the customer waits
PAUSES = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2))
CLOCKS_DIFFER = timedelta(minutes=5)  # Poshen's from ours, at most
BELIEVED_AFTER = 2  # tries without an answer: what the history does not show by then has not happened

NOT_ASKED = "not asked"
"""The refusal of what could not be asked for: nothing happened, and the customer may simply try again."""
BY_STAFF = "staff"
"""The refusal of what staff say was not redeemed."""


@dataclass(frozen=True, slots=True)
class NoPlayer:
    """The customer has not told their player id."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another customer is having this code redeemed for the same player just now."""


@dataclass(frozen=True, slots=True)
class _Done:
    """It was redeemed. rewards: what was granted, None when only that it was is known."""

    rewards: tuple[Reward, ...] | None


@dataclass(frozen=True, slots=True)
class _No:
    """It was surely not redeemed."""

    refusal: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Unknown:
    """Nobody knows."""

    detail: str


def facts(code: RedemptionCode) -> dict[str, Any]:
    """A code as it is kept with a redemption."""
    kept = asdict(code)
    del kept["current_uses"]
    return kept


def code_of(redemption: Redemption) -> RedemptionCode:
    """The code that is being redeemed, as it was when it was looked up."""
    kept: Mapping[str, Any] = redemption.code
    return RedemptionCode(
        id=kept["id"],
        code=kept["code"],
        current_uses=None,
        group=Named(**kept["group"]) if kept["group"] else None,
        game=Named(**kept["game"]) if kept["game"] else None,
        rewards=tuple(Reward(**reward) for reward in kept["rewards"]),
    )


@dataclass(frozen=True, slots=True)
class Redeeming:
    """pauses: between the tries of a job. breath: seconds between a try and its repetition in the same turn."""

    claiming: Claiming
    players: Players
    alerts: Alerts
    notices: Notices
    pauses: Sequence[timedelta] = field(default=PAUSES)
    breath: float = 1.0
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    async def reserve(
        self,
        connection: asyncpg.Connection,
        code: RedemptionCode,
        *,
        customer: Customer,
        player: str | None,
        event_id: int,
        happened_at: datetime,
        now: datetime,
    ) -> Redemption | Outcome | NoPlayer | Elsewhere:
        """Write down that `code` is wanted for `player`, in the caller's transaction; commit it before `attempt`.

        What is being redeemed already, and what the customer has, is found instead; and what the brand decided about
        the code's group narrows what Poshen is asked for. Locked against the customer's other events, which look
        for what is open first and for claims then: what ends in between is one or the other.
        player: None when the customer told none; whatever else is known comes before that.
        """
        assert customer.id is not None, "only private chats get here"
        await redemptions.lock(connection, code.id, customer.id)
        if (waiting := await redemptions.open_of(connection, code.id, customer.id)) is not None:
            return waiting
        judged = await self.claiming.judge(
            connection, code, customer=customer, event_id=event_id, happened_at=happened_at, now=now
        )
        if not isinstance(judged, Free):
            return judged
        if player is None:
            return NoPlayer()
        await players.used(connection, customer.id, now)
        added = await redemptions.add(
            connection,
            customer_id=customer.id,
            event_id=event_id,
            code=facts(code),
            player_hash=self.players.hash(player),
            player=self.players.sealer.seal(player),
            now=now,
        )
        return added or Elsewhere()

    async def attempt(
        self, pool: asyncpg.Pool, api: PoshenApi, redemption_id: int, *, answering: bool = False
    ) -> Redemption:
        """Ask Poshen for a reserved redemption, unless that is done, decided, or being done by somebody else.

        answering: the customer's own turn, which shows how it stands. What they were told to wait for it leaves to the
        job, which tells the end: told by both, it would be told twice.
        Returns it as it stands then; whoever tells the customer so calls `promise`. Never raises for what Poshen does.
        """
        now = self.clock()  # Not the turn's: looking things up before may have taken longer than a lease lasts.
        over = asyncio.get_running_loop().time() + CALL_WITHIN
        taken = await redemptions.lease(pool, redemption_id, now, now + LEASE, but_awaited=answering)
        if taken is None:
            current = await redemptions.read(pool, redemption_id)
            assert current is not None, "what is open is never deleted"
            if current.under_way:  # Whoever is at it may die; then this is taken up again.
                due = current.next_at - now if current.next_at and current.next_at > now else LEASE
                await redemptions.queue(pool, redemption_id, due)
            return current
        try:
            async with asyncio.timeout_at(over):
                end = await self._ask(pool, api, taken, now)
        except TimeoutError:
            end = _Unknown("no answer in time")
        match end:
            case _Done(rewards=rewards):
                return await self._done(pool, taken, rewards)
            case _No(refusal=refusal, detail=detail):
                return await self._failed(pool, taken, refusal, detail)
            case _Unknown(detail=detail):
                return await self._again(pool, taken, now, detail)

    async def promise(self, connection: asyncpg.Connection, redemption: Redemption) -> Redemption:
        """The customer is about to read how it stands: note, with that answer, that an end to come must be told.

        Returns it as it stands in this transaction: either it is noted here, or the end is in the answer. So it is told
        once, whichever comes first.
        """
        noted = await redemptions.awaits(connection, redemption.id)
        return noted or await redemptions.read(connection, redemption.id) or redemption

    async def resolve(
        self, connection: asyncpg.Connection, redemption: Redemption, *, ok: bool, reason: str
    ) -> Redemption | None:
        """Staff know how it ended: in the caller's transaction, and the customer is told.

        None: it had ended, or it is being asked for at this moment, and what comes of that decides.
        """
        now = self.clock()
        state = RedemptionState.DONE if ok else RedemptionState.FAILED
        refusal = None if ok else BY_STAFF
        settled = await redemptions.settle(
            connection, redemption.id, state, now, refusal=refusal, reason=reason, idle_at=now
        )
        if settled is not None:
            await self._end(connection, settled, None, now, tell=True)
        return settled

    async def reopen(self, connection: asyncpg.Connection, redemption: Redemption, pause: timedelta = LEASE) -> None:
        """Staff want it asked for once more, for the same player. Who calls `attempt` themself leaves that to a job
        only in case they die."""
        await redemptions.reopen(connection, redemption.id, self.clock(), pause)

    async def remind(self, pool: asyncpg.Pool, now: datetime) -> None:
        """Once a day, while a redemption has waited for a decision for more than one: an alert may have been missed."""
        if count := await redemptions.undecided(pool, now - timedelta(days=1)):
            await self.alerts.tell(
                pool,
                "redemptions-open",
                N_(
                    "Redeemed by Poshen or not? Codes that wait for your decision since yesterday or longer: %(count)s."
                ),
                now,
                once_per="%Y-%m-%d",
                runs=((N_("Show"), "/redemption list unknown"),),
                count=count,
            )

    async def _ask(
        self, pool: asyncpg.Pool, api: PoshenApi, taken: Redemption, now: datetime
    ) -> _Done | _No | _Unknown:
        """One try, repeated once when it soon ends without an answer that is one."""
        clean = taken.state is RedemptionState.PENDING  # No earlier call can have reached Poshen.
        player = self.players.sealer.open(taken.player) if taken.player else None
        if player is None:
            detail = "the player id cannot be read any more: SECRET_KEY was changed"
            return _No(Refusal.PLAYER, detail) if clean else _Unknown(detail)
        code, loop = code_of(taken), asyncio.get_running_loop()
        began = loop.time()
        detail = ""
        for _try in range(2):
            try:
                return _Done(await api.redeem(code.code, player))
            except (OutcomeUnknown, ContractError) as error:
                clean, detail = False, error.detail
            except (UpstreamUnavailable, CredentialsRefused) as error:
                await self._report(pool, error, now)
                # A refused token says nothing about the call before, nor does silence.
                return _No(NOT_ASKED, error.detail) if clean else _Unknown(error.detail)
            except UpstreamRefused as error:
                no = _No(_meaning(error), error.detail)
                await self._report(pool, error, now)
                return no if clean else await self._verified(pool, api, taken, code, player, no, now)
            if loop.time() - began > QUICKLY:
                break
            await asyncio.sleep(self.breath)
        return _Unknown(detail)

    async def _verified(
        self,
        pool: asyncpg.Pool,
        api: PoshenApi,
        taken: Redemption,
        code: RedemptionCode,
        player: str,
        no: _No,
        now: datetime,
    ) -> _Done | _No | _Unknown:
        """What a no means after a call without an answer, which may have been a yes: what the history says."""
        try:
            seen = await api.redeemed(code, player)
        except UpstreamError as error:
            await self._report(pool, error, now)
            return _Unknown(f"{no.detail}, after a call without an answer; {error.detail}")
        if seen.there:
            return await self._whose(pool, taken, seen)
        if no.refusal != Refusal.ALREADY and seen.whole and taken.unknowns >= BELIEVED_AFTER:
            return no
        return _Unknown(f"{no.detail}, after a call without an answer; its history does not show it")

    async def _whose(self, pool: asyncpg.Pool, taken: Redemption, seen: Redeemed) -> _Done | _No | _Unknown:
        """Whether a redemption of this player in the history is this one, or was there before."""
        if await redemptions.done_by_others(pool, taken):
            return _No(Refusal.ALREADY, "another customer's redemption for the same player")
        if seen.at is None:
            return _Unknown("its history shows it, without a time")
        if seen.at < taken.created_at - CLOCKS_DIFFER:
            return _No(Refusal.ALREADY, "redeemed before, in the game or elsewhere")
        return _Done(None)

    async def _report(self, pool: asyncpg.Pool, error: UpstreamError, now: datetime) -> None:
        """Tell staff about what only they can mend."""
        if isinstance(error, CredentialsRefused):
            await self.alerts.credentials_refused(pool, "poshen", error.detail, now)
        elif isinstance(error, UpstreamRefused) and error.code is None and not isinstance(error, NotFound):
            refused = N_("Poshen refuses to redeem a code, and does not say why in words that we know. %(detail)s")
            await self.alerts.tell(pool, "poshen-refused", refused, now, detail=error.detail)

    async def _done(self, pool: asyncpg.Pool, taken: Redemption, rewards: tuple[Reward, ...] | None) -> Redemption:
        """It is redeemed, whoever says it: what the customer gets for it is committed with that."""
        now = self.clock()
        async with pool.acquire() as connection, connection.transaction():
            settled = await redemptions.settle(connection, taken.id, RedemptionState.DONE, now)
            if settled is None:
                return await redemptions.read(connection, taken.id) or taken
            await self._end(connection, settled, rewards, now, tell=settled.awaited)
            return settled

    async def _failed(self, pool: asyncpg.Pool, taken: Redemption, refusal: str, detail: str) -> Redemption:
        now = self.clock()
        async with pool.acquire() as connection, connection.transaction():
            settled = await redemptions.settle(
                connection,
                taken.id,
                RedemptionState.FAILED,
                now,
                refusal=refusal,
                reason=detail,
                attempt=taken.attempts,
            )
            if settled is None:
                return await redemptions.read(connection, taken.id) or taken
            await self._end(connection, settled, None, now, tell=settled.awaited)
            return settled

    async def _again(self, pool: asyncpg.Pool, taken: Redemption, now: datetime, detail: str) -> Redemption:
        """Leave it open and have it asked for again later, or by staff when that was tried often enough."""
        waits = taken.unknowns < len(self.pauses)
        pause = self.pauses[taken.unknowns] if waits else timedelta(0)
        async with pool.acquire() as connection, connection.transaction():
            postponed = await redemptions.postpone(
                connection,
                taken.id,
                RedemptionState.UNKNOWN if waits else RedemptionState.CHECK,
                reason=detail,
                next_at=self.clock() + pause if waits else None,
                attempt=taken.attempts,
            )
            if postponed is None:
                return await redemptions.read(connection, taken.id) or taken
            if waits:
                await redemptions.queue(connection, taken.id, pause)
            else:
                await self._hand_over(connection, postponed, now)
            return postponed

    async def _hand_over(self, connection: asyncpg.Connection, redemption: Redemption, now: datetime) -> None:
        customer = await customers.by_id(connection, redemption.customer_id)
        await self.alerts.tell(
            connection,
            f"redemption:{redemption.ref}",
            N_(
                "Nobody knows whether Poshen redeemed a code for %(customer)s (%(ref)s): %(detail)s. Look at Poshen, "
                "then /redemption resolve %(ref)s ok|failed reason=…, or /redemption retry %(ref)s"
            ),
            now,
            runs=((N_("Show"), f"/ref {redemption.ref}"),),
            ref=redemption.ref,
            customer=customer.ref if customer else "",
            detail=redemption.reason or "",
        )

    async def _end(
        self,
        connection: asyncpg.Connection,
        settled: Redemption,
        rewards: tuple[Reward, ...] | None,
        now: datetime,
        *,
        tell: bool,
    ) -> None:
        """What follows from an end: the claim with all that it brings, and the promised message."""
        customer = await customers.by_id(connection, settled.customer_id)
        assert customer is not None, "nobody is deleted while a redemption of theirs is open"
        _ = await self.notices.language_of(connection, settled.customer_id)
        assert _ is not None, "the same"
        if settled.state is RedemptionState.FAILED:
            if tell:
                await self._tell(connection, settled, _, not_redeemed(_, settled))
            return
        code = code_of(settled)
        if rewards is not None:
            code = replace(code, rewards=rewards)
        claimed = await self.claiming.granted(
            connection, code, customer=customer, event_id=settled.event_id, ref=settled.ref, now=now
        )
        if not tell:
            return
        for issue in await self.claiming.vouchers_of(connection, claimed.claim):
            if issue.under_way:
                await issues.queue(connection, issue.id, timedelta(0))
                await issues.awaits(connection, issue.id)
        names = [reward["name"] for reward in claimed.claim.snapshot["rewards"] if reward["name"]]
        facts_ = {"code": masked(code.code), "ref": claimed.claim.ref}
        text = _("Redeemed 🎉 %(code)s · ref %(ref)s", **facts_)
        if names:
            text = _("Redeemed 🎉 %(code)s: %(rewards)s · ref %(ref)s", rewards=_(", ").join(names), **facts_)
        await self._tell(connection, settled, _, text)

    async def _tell(self, connection: asyncpg.Connection, settled: Redemption, _: Translator, text: str) -> None:
        mine = ((_("My receipts"), "receipts"), (_("Redeem a code"), "redeem"), (_("Menu"), "menu"))
        key = f"redemption:{settled.ref}:{settled.state}"
        await self.notices.tell(connection, settled.customer_id, key, text, choices=mine)


def _meaning(error: UpstreamRefused) -> str:
    """Why it was not redeemed, for machines; "" when Poshen's answer does not tell."""
    if isinstance(error.code, str):
        return error.code
    return Refusal.INVALID if isinstance(error, NotFound) else ""


def not_redeemed(_: Translator, redemption: Redemption) -> str:
    """Why a code was not redeemed after all, for its customer."""
    facts_ = {"code": masked(redemption.code["code"]), "ref": redemption.ref}
    match redemption.refusal:
        case Refusal.EXPIRED:
            return _("Your code %(code)s has expired, so it was not redeemed (ref %(ref)s).", **facts_)
        case Refusal.USED_UP:
            return _("Your code %(code)s has been fully used, so it was not redeemed (ref %(ref)s).", **facts_)
        case Refusal.ALREADY:
            return _("Your player ID had redeemed the code %(code)s before (ref %(ref)s).", **facts_)
        case Refusal.PLAYER:
            return _("The game doesn't know your player ID, so %(code)s was not redeemed (ref %(ref)s).", **facts_)
        case _:
            return _("Your code %(code)s could not be redeemed (ref %(ref)s). Our staff can help you.", **facts_)

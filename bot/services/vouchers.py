"""Vouchers: issued once, paid once, whatever is repeated and whatever dies in between.

    reserve   one transaction: the intent with its request id, and the points held
    attempt   one call at a time, under a lease, always with that request id
    end       one transaction: done and paid, or failed and given back

A call whose outcome is not known leaves the points held. It is repeated after 5 s, 30 s and 2 min, then staff decide.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from bot.apis.gotit import GotItApi
from bot.errors import (
    Conflict,
    ContractError,
    CredentialsRefused,
    OutcomeUnknown,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)
from bot.i18n import N_, Translator
from bot.services.alerts import Alerts
from bot.services.catalogue import DONG, Catalogue
from bot.services.notices import Notices, Present
from bot.services.points import NotEnough
from bot.services.sealing import Sealer
from bot.storage import issues, points, staff
from bot.storage.counts import first_day
from bot.storage.customers import Customer
from bot.storage.issues import Issue, IssueState
from bot.storage.pool import UNWELL
from bot.storage.symbols import SYMBOLS

CALL_WITHIN = 45.0  # seconds for a call with everything around it (a new token, one replay)
LEASE = timedelta(seconds=60)  # longer than any call: two never ask for the same issue at the same time
WRONG_METHOD = 405  # Got It's page names two methods; if ours is the wrong one, only staff can find out.
PAUSES = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2))
# A voucher that a code promised, while nothing could be sent at all: asked for again and again, for about a day.
PROMISED_PAUSES = (*PAUSES, *[timedelta(minutes=10)] * 6, *[timedelta(hours=1)] * 22)


@dataclass(frozen=True, slots=True)
class Quota:
    """How many vouchers, and what they are worth together in VND."""

    vouchers: int
    value: int


@dataclass(frozen=True, slots=True)
class CapReached:
    """It is more than the brand allows for a day. left: what a member of staff may still issue, none for a customer."""

    left: Quota = Quota(0, 0)


@dataclass(frozen=True, slots=True)
class VoucherRequest:
    """What to issue. cost: points for all of it. offer: see `catalogue.snapshot`."""

    gift_id: int
    price_id: int
    offer: dict[str, Any]
    cost: int = 0
    quantity: int = 1

    @property
    def value(self) -> int:
        """What all of it is worth, in VND."""
        return int(self.offer["price_value"]) * self.quantity


@dataclass(frozen=True, slots=True)
class Delivered:
    """How a voucher reached us: Got It's documents promise neither, so mostly both are empty."""

    link: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Vouchers:
    """request_prefix: begins every request id. per_day: exchanges a day and customer, 0 for no limit.

    quota: what a member of staff may issue in a day, where `reserve` is told to look.
    """

    sealer: Sealer
    alerts: Alerts
    notices: Notices
    catalogue: Catalogue
    zone: ZoneInfo
    request_prefix: str = "GD"
    per_day: int = 0
    quota: Quota = Quota(vouchers=5, value=500_000)
    pauses: Sequence[timedelta] = field(default=PAUSES)
    promised_pauses: Sequence[timedelta] = field(default=PROMISED_PAUSES)
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    async def reserve(
        self,
        connection: asyncpg.Connection,
        customer: Customer,
        wanted: VoucherRequest,
        *,
        key: str,
        kind: str,
        issuer: str,
        now: datetime,
        limited: bool = False,
    ) -> Issue | NotEnough | CapReached:
        """Write the intent down and hold its points, in the caller's transaction; commit it before `attempt`.

        key: the same wish, however often it is repeated, is the same issue. kind: exchange, reward or staff.
        issuer: `bot`, or a member's id. limited: whether the issuer has a quota.
        """
        assert customer.id is not None, "only private chats get here"
        account = await points.lock(connection, customer.id)  # and so one wish of a customer at a time
        if known := await issues.by_key(connection, key):
            return known
        if kind == "exchange" and self.per_day:
            today = first_day(now, 1, self.zone)
            if await issues.exchanged_since(connection, customer.id, today) >= self.per_day:
                return CapReached()
        if limited:
            await issues.lock_issuer(connection, issuer)  # Two customers have two accounts to be locked.
            left = await self.left_today(connection, issuer, now)
            if wanted.quantity > left.vouchers or wanted.value > left.value:
                return CapReached(left)
        if account.available < wanted.cost:
            return NotEnough(account.available)
        issue = await issues.add(
            connection,
            key=key,
            request_id=self._request_id(now),
            kind=kind,
            customer_id=customer.id,
            recipient=customer.ref,
            issuer=issuer,
            gift_id=wanted.gift_id,
            price_id=wanted.price_id,
            quantity=wanted.quantity,
            cost=wanted.cost,
            balance=account.available,
            offer=wanted.offer,
            now=now,
        )
        assert issue is not None, "the account was locked before the key was looked for"
        if wanted.cost:
            held = await points.enter(
                connection,
                customer.id,
                key=f"hold:{issue.request_id}",
                kind="hold",
                available=-wanted.cost,
                held=wanted.cost,
                ref=issue.ref,
                actor=issuer,
                now=now,
            )
            assert held, "request ids are never used again"
        return issue

    async def left_today(self, connection: asyncpg.Connection | asyncpg.Pool, issuer: str, now: datetime) -> Quota:
        """What a member with a quota may still issue today."""
        vouchers, value = await issues.given_since(connection, issuer, first_day(now, 1, self.zone))
        return Quota(max(0, self.quota.vouchers - vouchers), max(0, self.quota.value - value))

    async def attempt(
        self, pool: asyncpg.Pool, api: GotItApi, issue_id: int, *, late: bool = False, answering: bool = False
    ) -> Issue:
        """Ask Got It for a reserved voucher, unless that is done, decided, or being done by somebody else.

        late: the member of staff who issued it does not wait for the answer, and is told the end of it.
        answering: the customer's own turn, which shows how it stands. What they were told to wait for it leaves to the
        job, which tells the end: told by both, it would be told twice.
        Returns the issue as it stands then; whoever tells the customer so calls `promise`. Never raises for what the
        vendor does.
        """
        now = self.clock()  # Not the turn's: looking things up before may have taken longer than a lease lasts.
        over = asyncio.get_running_loop().time() + CALL_WITHIN  # Getting the lease may take some of it.
        issue = await issues.lease(pool, issue_id, now, now + LEASE, but_awaited=answering)
        if issue is None:
            current = await issues.read(pool, issue_id)
            assert current is not None, "issues are never deleted"
            if current.under_way:  # Whoever is at it may die; then this is taken up again.
                due = current.next_at - now if current.next_at and current.next_at > now else LEASE
                await issues.queue(pool, issue_id, due)
            return current
        clean = issue.state is IssueState.PENDING  # No earlier call can have reached the vendor.
        try:
            async with asyncio.timeout_at(over):
                issued = await api.issue(
                    issue.request_id,
                    gift_id=issue.gift_id,
                    price_id=issue.price_id,
                    quantity=issue.quantity,
                    recipient=issue.recipient,
                    issuer=issue.issuer,
                    point=issue.cost // issue.quantity,
                    current_point=issue.balance,
                )
        except (OutcomeUnknown, ContractError) as error:
            return await self._again(pool, issue, now, IssueState.UNKNOWN, error.detail)
        except TimeoutError:
            return await self._again(pool, issue, now, IssueState.UNKNOWN, "no answer in time")
        except UpstreamUnavailable as error:
            if not clean:
                return await self._again(pool, issue, now, IssueState.UNKNOWN, error.detail)
            if issue.kind == "reward":
                return await self._again(pool, issue, now, IssueState.PENDING, error.detail)
            return await self._end(pool, issue, now, IssueState.FAILED, reason=error.detail, late=late)
        except UpstreamRefused as error:
            if isinstance(error, CredentialsRefused) or error.code == WRONG_METHOD:
                await self.report(pool, error, now)
            elif not isinstance(error, Conflict):  # which is about our request id, not about the voucher
                self.catalogue.drop(issue.gift_id, issue.price_id)
            if isinstance(error, CredentialsRefused) and not clean:
                # It says nothing about the call before.
                return await self._again(pool, issue, now, IssueState.UNKNOWN, error.detail)
            if clean and not isinstance(error, Conflict) and issue.kind != "reward":
                return await self._end(pool, issue, now, IssueState.FAILED, reason=error.detail, late=late)
            # "Used already" after an unknown call is most likely our own success; a promised voucher that is
            # refused is a promise to keep. Both are for staff to settle, and the points stay held.
            return await self._hand_over(pool, issue, now, error.detail)
        delivered = Delivered(issued.link, issued.code)
        while True:  # Got It may not say it again, so a database that is just restarting is waited for.
            try:
                return await self._end(
                    pool, issue, now, IssueState.DONE, delivered=delivered, late=late, expires_at=issued.expires
                )
            except UNWELL:
                if asyncio.get_running_loop().time() > over:
                    raise
                await asyncio.sleep(0.5)

    async def report(self, connection: asyncpg.Connection | asyncpg.Pool, error: UpstreamError, now: datetime) -> None:
        """Tell staff about what only they can mend."""
        if isinstance(error, CredentialsRefused):
            await self.alerts.credentials_refused(connection, "gotit", error.detail, now)
        elif isinstance(error, UpstreamRefused):
            refused = N_("Got It refuses what we ask, no voucher can be issued. %(detail)s")
            await self.alerts.tell(connection, "gotit-refused", refused, now, detail=error.detail)

    async def promise(self, connection: asyncpg.Connection, issue: Issue) -> Issue:
        """The customer is about to read how it stands: note, with that answer, that an end to come must be told.

        Returns the issue as it stands in this transaction: either it is noted here, or the end is in the answer. So
        it is told once, whichever comes first.
        """
        if not issue.open:
            return issue
        return await issues.awaits(connection, issue.id) or await issues.read(connection, issue.id) or issue

    async def resolve(
        self, connection: asyncpg.Connection, issue: Issue, now: datetime, *, ok: bool, reason: str, by: str = ""
    ) -> Issue | None:
        """Staff know how it ended: in the caller's transaction, and the customer is told, unless it is a gift that they
        never heard of; so is the issuer, if another member than `by`.

        None: it had ended, or it is being asked for at this moment, and what comes of that decides.
        """
        state = IssueState.DONE if ok else IssueState.FAILED
        settled = await self._settle(connection, issue, now, state, reason=reason, tell=True, idle_at=now)
        if settled is not None and settled.kind == "staff" and settled.issuer != by:
            await self._tell_issuer(connection, settled)
        return settled

    async def reopen(self, connection: asyncpg.Connection, issue: Issue, pause: timedelta = timedelta(0)) -> None:
        """Staff want it asked for once more, with the same request id: by a job `pause` after this transaction.

        Who calls `attempt` themself leaves that to a job only in case they die: `pause=LEASE`.
        """
        await issues.reopen(connection, issue.id, self.clock(), pause)

    async def remind(self, pool: asyncpg.Pool, now: datetime) -> None:
        """Once a day, while a voucher has waited for a decision for more than one: an alert may have been missed."""
        waiting = [
            issue
            for issue in await issues.unsettled(pool)
            if issue.state is IssueState.CHECK and now - issue.created_at > timedelta(days=1)
        ]
        if waiting:
            await self.alerts.tell(
                pool,
                "issues-open",
                N_(
                    "Vouchers that wait for your decision since yesterday or longer: %(count)s. "
                    "Points are held for them."
                ),
                now,
                once_per="%Y-%m-%d",
                runs=((N_("Show"), "/issue list unknown"),),
                count=len(waiting),
            )

    def delivered(self, issue: Issue) -> Delivered:
        """The link and the code of a voucher, when Got It sent any."""
        opened = self.sealer.open(issue.delivery) if issue.delivery else None
        return Delivered(**json.loads(opened)) if opened else Delivered()

    async def _again(self, pool: asyncpg.Pool, issue: Issue, now: datetime, state: IssueState, reason: str) -> Issue:
        """Leave it open and have it asked for again later, or by staff when that was tried often enough."""
        # Tries that surely did not arrive are counted apart: they must not use up those that may have.
        tried, pauses = issue.unknowns, self.pauses
        if state is IssueState.PENDING:
            tried, pauses = issue.attempts - 1, self.promised_pauses
        if tried >= len(pauses):
            return await self._hand_over(pool, issue, now, reason)
        pause = pauses[tried]
        async with pool.acquire() as connection, connection.transaction():
            postponed = await issues.postpone(
                connection, issue.id, state, reason=reason, next_at=self.clock() + pause, attempt=issue.attempts
            )
            if postponed is not None:
                await issues.queue(connection, issue.id, pause)
            return postponed or await issues.read(connection, issue.id) or issue

    async def _hand_over(self, pool: asyncpg.Pool, issue: Issue, now: datetime, reason: str) -> Issue:
        async with pool.acquire() as connection, connection.transaction():
            handed = await issues.postpone(
                connection, issue.id, IssueState.CHECK, reason=reason, next_at=None, attempt=issue.attempts
            )
            if handed is None:
                return await issues.read(connection, issue.id) or issue
            await self.alerts.tell(
                connection,
                f"issue:{issue.ref}",
                N_(
                    "Voucher %(ref)s for %(customer)s needs a decision: %(detail)s. Ask Got It about %(request)s, then "
                    "/issue resolve %(ref)s ok|failed reason=…, or /issue retry %(ref)s"
                ),
                now,
                runs=((N_("Show"), f"/issue show {issue.ref}"),),
                ref=issue.ref,
                customer=issue.recipient,
                detail=reason,
                request=issue.request_id,
            )
        return handed

    async def _end(
        self,
        pool: asyncpg.Pool,
        issue: Issue,
        now: datetime,
        state: IssueState,
        *,
        reason: str | None = None,
        delivered: Delivered | None = None,
        late: bool = False,
        expires_at: datetime | None = None,
    ) -> Issue:
        # That it was issued is true whoever says it; that it was not is known of the latest call only.
        attempt = None if state is IssueState.DONE else issue.attempts
        async with pool.acquire() as connection, connection.transaction():
            settled = await self._settle(
                connection,
                issue,
                now,
                state,
                reason=reason,
                delivered=delivered,
                attempt=attempt,
                expires_at=expires_at,
            )
            if settled is not None:
                if late and settled.kind == "staff":
                    await self._tell_issuer(connection, settled)
                return settled
            current = await issues.read(connection, issue.id) or issue
            if (state, current.state) == (IssueState.DONE, IssueState.FAILED):
                if delivered and (sealed := self._sealed(delivered)):
                    await issues.keep_delivery(connection, issue.id, sealed)
                await self.alerts.tell(
                    connection,
                    f"issued:{issue.ref}",
                    N_("Got It has issued voucher %(ref)s for %(customer)s after it was given up, at no cost to them."),
                    now,
                    ref=issue.ref,
                    customer=issue.recipient,
                )
            return current

    async def _settle(
        self,
        connection: asyncpg.Connection,
        issue: Issue,
        now: datetime,
        state: IssueState,
        *,
        tell: bool = False,
        reason: str | None = None,
        delivered: Delivered | None = None,
        attempt: int | None = None,
        idle_at: datetime | None = None,
        expires_at: datetime | None = None,
    ) -> Issue | None:
        sealed = self._sealed(delivered) if delivered else None
        settled = await issues.settle(
            connection,
            issue.id,
            state,
            now,
            reason=reason,
            delivery=sealed,
            attempt=attempt,
            idle_at=idle_at,
            expires_at=expires_at,
        )
        if settled is None or settled.customer_id is None:
            return settled
        if settled.cost:
            back = settled.cost if state is IssueState.FAILED else 0
            await points.enter(
                connection,
                settled.customer_id,
                key=f"{'release' if back else 'commit'}:{settled.request_id}",
                kind="release" if back else "commit",
                available=back,
                held=-settled.cost,
                ref=settled.ref,
                now=now,
            )
        # Nobody expects what staff give, so that it has come is news, and that it has not is none.
        news = state is IssueState.DONE if settled.kind == "staff" else tell
        if (news or settled.awaited) and (_ := await self.notices.language_of(connection, settled.customer_id)):
            mine = (_("My vouchers"), "my_vouchers")
            await self.notices.tell(
                connection,
                settled.customer_id,
                f"issue:{settled.ref}:{state}",
                told(_, settled),
                choices=(mine, (_("Menu"), "menu")),
                present=self._present(_, settled) if settled.kind == "staff" and state is IssueState.DONE else None,
            )
        return settled

    def _present(self, _: Translator, issue: Issue) -> Present:
        return Present(
            title=_("🎁 We have a voucher for you"),
            name=issue.called,
            image=self.catalogue.picture(issue.offer["image"]),
            rows=((_("Value"), _.money(issue.value, DONG)),),
            reference=(_("Reference"), issue.ref),
            opens=_("See the voucher"),
        )

    async def _tell_issuer(self, connection: asyncpg.Connection, issue: Issue) -> None:
        """Whoever of the staff issued it hears how it ended."""
        member = await staff.by_id(connection, int(issue.issuer)) if issue.issuer.isdecimal() else None
        if member is None:
            return
        text = N_("Your voucher %(ref)s for %(customer)s was issued: %(name)s.")
        if issue.state is IssueState.FAILED:
            text = N_("Your voucher %(ref)s for %(customer)s could not be issued: %(name)s.")
        await self.alerts.tell_member(
            connection,
            member,
            f"issue:{issue.ref}:{issue.state}",
            text,
            runs=((N_("Show"), f"/ref {issue.ref}"),),
            ref=issue.ref,
            customer=issue.recipient,
            name=issue.called,
        )

    def _sealed(self, delivered: Delivered) -> bytes | None:
        if not (delivered.link or delivered.code):
            return None
        return self.sealer.seal(json.dumps({"link": delivered.link, "code": delivered.code}))

    def _request_id(self, now: datetime) -> str:
        """`GD_20261120_` and a ULID: sortable, unique, and of Got It's own form."""
        moment = int(now.timestamp() * 1000) << 80 | secrets.randbits(80)
        ulid = "".join(SYMBOLS[moment >> shift & 31] for shift in range(125, -1, -5))
        return f"{self.request_prefix}_{now.astimezone(self.zone):%Y%m%d}_{ulid}"


def told(_: Translator, issue: Issue) -> str:
    """How an issue ended, in one message."""
    facts = {"name": issue.called, "ref": issue.ref}
    if issue.state is IssueState.DONE:
        if issue.kind == "staff":
            return _("🎁 We have a voucher for you: %(name)s · ref %(ref)s", **facts)
        if issue.cost:
            return _.ngettext(
                "Done ✅ %(name)s · −%(n)s point · ref %(ref)s",
                "Done ✅ %(name)s · −%(n)s points · ref %(ref)s",
                issue.cost,
                **facts,
            )
        return _("Done ✅ %(name)s · ref %(ref)s", **facts)
    if issue.cost:
        return _.ngettext(
            "%(name)s (ref %(ref)s) could not be issued. Your %(n)s point is back.",
            "%(name)s (ref %(ref)s) could not be issued. Your %(n)s points are back.",
            issue.cost,
            **facts,
        )
    return _("%(name)s (ref %(ref)s) could not be issued. Our staff can help you.", **facts)

"""Minting: many codes at Poshen, each made once, whatever is repeated and whatever dies in between.

    start    one transaction: the job, and all of its codes
    work     a bite of a few seconds: one code after the other, gently; each marked before it is asked for
    settle   one transaction: go on, wait for the vendor, or end and tell who started it

A code whose outcome is not known is looked up before it is asked for again. Poshen's page for its own call that makes
many at once was not available (docs/apis/poshen.md); it would take the place of `_make`. A batch that was a mistake is
deleted the same way: each code is looked up first, and one that was used stays.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg

from bot.apis.poshen import PoshenApi, RedemptionCode
from bot.errors import (
    Conflict,
    ContractError,
    CredentialsRefused,
    OutcomeUnknown,
    RateLimited,
    UpstreamError,
    UpstreamRefused,
)
from bot.i18n import N_
from bot.services.alerts import Alerts
from bot.storage import bulk, claims, export_files, staff, switches
from bot.storage.bulk import Code, Counts, Job, JobState
from bot.storage.symbols import SYMBOLS

MOST = 2_000  # codes a job
SHORTEST, LONGEST = 8, 16  # random symbols of a code; eight are 40 bits
LONGEST_PREFIX = 12  # with the longest random part, what customers type is still read as a code
AT_ONCE = 2
BITE = timedelta(seconds=2)  # a worker that is told to stop waits no longer than this, and for the calls on their way
LEASE = timedelta(seconds=5)
# Between calls that came to nothing; the last one again and again, until a day is over.
PAUSES = (timedelta(seconds=2), timedelta(seconds=5), timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5))
MOST_TROUBLES = 290


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """What to make. prefix: of each code, "" for none. length: random symbols of each."""

    group_id: int
    group_name: str
    rewards: tuple[int, ...]
    prefix: str
    length: int
    total: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a bite ended early. final: no later try would go better. pause: as the vendor asked for."""

    reason: str
    final: bool = False
    credentials: bool = False
    pause: timedelta | None = None


def draw(prefix: str, length: int) -> str:
    """A code nobody can guess: `SUMMER-7K3M-Q9TD`.

    There is a digit in it: a message of letters and hyphens alone would be read as words, and one of twenty was. There
    is a letter, too: one of ten thousand had none, and was read as a date and a number.
    """
    while True:
        symbols = "".join(secrets.choice(SYMBOLS) for _ in range(length))
        if not (symbols.isalpha() or symbols.isdigit()):
            return shape(prefix, symbols)


def shape(prefix: str, symbols: str) -> str:
    """Symbols in groups of four behind their prefix."""
    groups = [symbols[at : at + 4] for at in range(0, len(symbols), 4)]
    return "-".join([prefix, *groups] if prefix else groups)


@dataclass(slots=True)
class Minting:
    """secret: signs links. per_second: codes asked for in a second, by the one worker that is at it."""

    secret: bytes
    alerts: Alerts
    per_second: float = 3.0
    bite: timedelta = BITE
    pauses: Sequence[timedelta] = field(default=PAUSES)

    def takes(self, count: int, *, deleting: bool = False) -> timedelta:
        """About how long so many codes take; each is looked up before it is deleted."""
        return timedelta(seconds=count * (2 if deleting else 1) / self.per_second)

    def link(self, public_url: str, export_id: int) -> str:
        """Where a job's codes can be fetched once. LINE opens it in the phone's own browser, which can save files:
        https://developers.line.biz/en/docs/line-login/using-line-url-scheme/#opening-url-in-external-browser
        """
        return f"{public_url}{export_files.CODES.path}{export_files.sign(self.secret, export_id)}?openExternalBrowser=1"

    async def start(
        self,
        connection: asyncpg.Connection,
        wish: BulkRequest,
        *,
        key: str,
        staff_id: int | None,
        starter: str,
        now: datetime,
    ) -> Job | None:
        """Write a job and all of its codes down, in the caller's transaction. None: another one is under way.

        key: the same wish, however often it is repeated, is the same job.
        """
        if known := await bulk.by_key(connection, key):
            return known
        job = await bulk.add(
            connection,
            key=key,
            group_id=wish.group_id,
            group_name=wish.group_name,
            rewards=wish.rewards,
            prefix=wish.prefix,
            length=wish.length,
            total=wish.total,
            staff_id=staff_id,
            starter=starter,
            now=now,
        )
        if job is None:
            return None
        left = wish.total
        while left:  # A code that was drawn before is drawn again: the constraint says so, not we.
            left -= await bulk.add_codes(connection, job.id, [draw(wish.prefix, wish.length) for _ in range(left)])
        await bulk.queue(connection, job.id)
        await self.alerts.tell(
            connection,
            f"bulk:{job.id}",
            N_("%(name)s is making %(n)s codes in group %(group)s (%(job)s)."),
            now,
            runs=_watching(job),
            except_member=staff_id,
            name=starter,
            n=wish.total,
            group=f"#{wish.group_id} {wish.group_name}".strip(),
            job=job.ref,
        )
        return job

    async def stop(self, connection: asyncpg.Connection, job: Job) -> Job | None:
        """End a job after the codes that are on their way; None when it is over already."""
        stopping = await bulk.stop(connection, job.id)
        if stopping is not None:
            await bulk.queue(connection, job.id)  # It may be waiting for the vendor; nobody wants to wait for that.
        return stopping

    async def resume(self, connection: asyncpg.Connection, job: Job) -> Job | None:
        """Go on with what is left, at once; None while another job is under way."""
        resumed = await bulk.resume(connection, job.id)
        if resumed is not None:
            await bulk.queue(connection, job.id)
        return resumed

    async def delete(
        self, connection: asyncpg.Connection, job: Job, *, deleter_id: int | None, deleter: str, now: datetime
    ) -> Job | None:
        """Delete what a job made and nobody used, in the caller's transaction; None while a job is under way."""
        deleting = await bulk.delete(connection, job.id, deleter_id, deleter)
        if deleting is not None:
            await bulk.queue(connection, job.id)
            await self.alerts.tell(
                connection,
                f"bulk-delete:{job.id}",
                N_("%(name)s is deleting the unused codes of %(job)s."),
                now,
                runs=_watching(job),
                except_member=deleter_id,
                name=deleter,
                job=job.ref,
            )
        return deleting

    # ── working ──────────────────────────────────────────────────────────────────────────────────

    async def work(self, pool: asyncpg.Pool, api: PoshenApi, job_id: int, clock: Callable[[], datetime]) -> None:
        """Make some of a job's codes, and have the others made later. Never raises for what the vendor does."""
        me = secrets.token_hex(8)
        job = await bulk.lease(pool, job_id, me, LEASE)
        if job is None:  # Whoever is at it may die; then this is taken up again.
            wait = await bulk.free_in(pool, job_id)
            if wait is not None:
                await bulk.queue(pool, job_id, wait)
            return
        bite = _Bite(pool, api, job, me, self.per_second, clock)
        async with _kept(pool, job_id, me, bite.over):
            await bite.run(self.bite)
        await self._settle(pool, job_id, me, bite, clock())

    async def _settle(self, pool: asyncpg.Pool, job_id: int, me: str, bite: _Bite, now: datetime) -> None:
        async with pool.acquire() as connection, connection.transaction():
            job = await bulk.lock(connection, job_id, me)
            if job is None:
                return  # We were taken for dead, and somebody else is at it.
            if bite.made and not job.deleting:
                await switches.touch(connection, switches.CODES)  # Somebody may have tried one of them before.
            counts, trouble = await bulk.counts(connection, job_id), bite.trouble
            troubles = 0 if trouble is None else 1 + (0 if bite.made else job.troubles)
            if not job.left(counts):
                await self._end(connection, job, JobState.DONE, counts, None, now)
            elif trouble is not None and (trouble.final or troubles > MOST_TROUBLES):
                await self._end(connection, job, JobState.STOPPED, counts, trouble, now)
            elif job.state is JobState.STOPPING:
                await self._end(connection, job, JobState.STOPPED, counts, None, now)
            else:
                pause = timedelta(0)
                if trouble is not None:
                    pause = trouble.pause or self.pauses[min(troubles, len(self.pauses)) - 1]
                await bulk.give_back(
                    connection, job_id, troubles=troubles, reason=trouble.reason if trouble else None, pause=pause
                )
                await bulk.queue(connection, job_id, pause)

    async def _end(
        self,
        connection: asyncpg.Connection,
        job: Job,
        state: JobState,
        counts: Counts,
        trouble: Trouble | None,
        now: datetime,
    ) -> None:
        await bulk.end(connection, job.id, state, trouble.reason if trouble else None, now)
        if trouble is not None and trouble.credentials:
            await self.alerts.credentials_refused(connection, "poshen", trouble.reason, now)
        told = job.deleter_id if job.deleting else job.staff_id
        member = await staff.by_id(connection, told) if told is not None else None
        if member is None:
            return
        # Translators: a button: the codes as a file
        file = (N_("CSV"), f"/job export {job.ref}")
        # Translators: a button: go on with a job
        again = (N_("Resume"), f"/job resume {job.ref}")
        await self.alerts.tell_member(
            connection,
            member,
            f"bulk:{job.id}:{job.runs}",
            _deleted(state, trouble) if job.deleting else _ended(state, counts, trouble),
            runs=(*((file,) if counts.exist else ()), *((again,) if job.resumable(counts) else ())),
            job=job.ref,
            done=counts.done,
            total=job.total,
            failed=counts.failed,
            deleted=counts.deleted,
            kept=counts.kept,
            left=job.left(counts),
            detail=trouble.reason if trouble else "",
        )


def _watching(job: Job) -> tuple[tuple[str, str], ...]:
    """Buttons under what is said of a job that begins."""
    return (N_("Progress"), f"/job {job.ref}"), (N_("Stop"), f"/job stop {job.ref}")


def _ended(state: JobState, counts: Counts, trouble: Trouble | None) -> str:
    """What is said of a job that is over, as a msgid."""
    if trouble is not None and trouble.credentials:
        return N_(
            "%(job)s stopped at %(done)s/%(total)s: Poshen no longer accepts our credentials. Renew POSHEN_TOKEN, then "
            "resume."
        )
    if trouble is not None:
        return N_("%(job)s stopped at %(done)s/%(total)s. Poshen: %(detail)s")
    if state is JobState.STOPPED:
        return N_("%(job)s stopped: %(done)s/%(total)s.")
    if counts.failed:
        return N_("%(job)s is done: %(done)s/%(total)s, %(failed)s failed.")
    return N_("%(job)s is done: %(done)s/%(total)s.")


def _deleted(state: JobState, trouble: Trouble | None) -> str:
    """The same of one whose codes were deleted."""
    if trouble is not None and trouble.credentials:
        return N_(
            "%(job)s: %(deleted)s codes deleted, %(left)s are left: Poshen no longer accepts our credentials. Renew "
            "POSHEN_TOKEN, then resume."
        )
    if trouble is not None:
        return N_("%(job)s: %(deleted)s codes deleted, %(left)s are left. Poshen: %(detail)s")
    if state is JobState.STOPPED:
        return N_("%(job)s stopped: %(deleted)s codes deleted, %(left)s are left.")
    return N_("%(job)s: %(deleted)s codes deleted; %(kept)s stay, used or changed since.")


@dataclass(slots=True)
class _Bite:
    """A few seconds' work at one job. made: codes that are dealt with now. over: set when to stop."""

    pool: asyncpg.Pool
    api: PoshenApi
    job: Job
    me: str
    per_second: float
    clock: Callable[[], datetime]
    made: int = 0
    trouble: Trouble | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _in_hand: set[int] = field(default_factory=set)
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _next_turn: float = 0.0

    async def run(self, lasting: timedelta) -> None:
        """Ask for codes until there is trouble, nothing is left, or the time is over."""
        loop = asyncio.get_running_loop()
        self._next_turn = loop.time() + 1 / self.per_second
        ending = loop.call_later(lasting.total_seconds(), self.over.set)
        try:
            async with asyncio.TaskGroup() as hands:
                for _ in range(AT_ONCE):
                    hands.create_task(self._hand())
        finally:
            ending.cancel()

    async def _hand(self) -> None:
        while await self._turn():
            async with self._taking:  # The other hand must know what this one took before it takes something itself.
                take = bulk.next_to_delete if self.job.deleting else bulk.next_code
                code = await take(self.pool, self.job.id, self.me, list(self._in_hand))
                if code is None:
                    return
                self._in_hand.add(code.id)
            try:
                await (self._delete(code) if self.job.deleting else self._make(code))
            finally:
                self._in_hand.discard(code.id)

    async def _turn(self) -> bool:
        """Wait for this call's turn; False when there is none any more."""
        loop = asyncio.get_running_loop()
        mine = max(loop.time(), self._next_turn)
        self._next_turn = mine + 1 / self.per_second
        try:
            async with asyncio.timeout_at(mine):
                await self.over.wait()
        except TimeoutError:
            return not self.over.is_set()
        return False

    async def _make(self, code: Code) -> None:
        job = self.job
        try:
            found = await self._look_up(code) if code.asked else None
            found = found or await self.api.create(code.code, group_id=job.group_id, reward_ids=job.rewards)
        except Conflict as error:
            await bulk.failed(self.pool, code.id, error.detail)
        except UpstreamError as error:
            if not isinstance(error, OutcomeUnknown | ContractError):
                await bulk.not_asked(self.pool, code.id)
            self._give_up(error)
        else:
            await bulk.made(self.pool, code.id, found.id, self.clock())
            self.made += 1

    async def _delete(self, code: Code) -> None:
        """Unless somebody used it, here or there, or gave it another purpose. What is gone already is deleted."""
        try:
            found = await self.api.find(code.code)
            kept = found is not None and (
                found.current_uses != 0
                or not found.is_of(self.job.group_id, self.job.rewards)
                or await claims.count_of_code(self.pool, found.id) > 0
            )
            if found is not None and not kept:
                if not await self._turn():  # The second call for this code.
                    return
                await self.api.delete(found.id)
        except Conflict:
            kept = True
        except UpstreamError as error:
            self._give_up(error)
            return
        await bulk.unmade(self.pool, code.id, kept=kept)
        self.made += 1

    async def _look_up(self, code: Code) -> RedemptionCode | None:
        """The code that an earlier call may have made. Raises Conflict when somebody else made or moved it."""
        found = await self.api.find(code.code)
        if found is not None and not found.is_of(self.job.group_id, self.job.rewards):
            raise Conflict("poshen", "it exists in another group or with other rewards", status=409)
        return found

    def _give_up(self, error: UpstreamError) -> None:
        self.over.set()
        match error:
            case UpstreamRefused():
                # The codes differ in nothing that Poshen could mind: a definite no to one is a no to all.
                mine = Trouble(error.detail, final=True, credentials=isinstance(error, CredentialsRefused))
            case RateLimited(retry_after=seconds) if seconds:
                mine = Trouble(error.detail, pause=timedelta(seconds=seconds))
            case _:
                mine = Trouble(error.detail)
        if self.trouble is None or mine.final:
            self.trouble = mine


@asynccontextmanager
async def _kept(pool: asyncpg.Pool, job_id: int, me: str, lost: asyncio.Event) -> AsyncIterator[None]:
    """Renew a lease for as long as this lasts; `lost` is set when it is somebody else's."""

    async def renew() -> None:
        mine = True
        try:
            while mine:
                await asyncio.sleep(LEASE.total_seconds() / 4)
                mine = await bulk.renew(pool, job_id, me, LEASE)
        finally:
            lost.set()

    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)

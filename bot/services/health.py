"""Health: whether vendors and platforms answer, as all workers together see it.

Each worker remembers its own calls (`bot.apis.call_stats`) and writes one row every few seconds; whoever asks puts the
rows together. Looking asks nobody: only `probe` makes calls.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

import asyncpg

from bot.apis import Apis
from bot.apis.call_stats import CallStats
from bot.errors import CheckFailed, GiftdeskError, Kind, UpstreamError
from bot.i18n import N_
from bot.services.alerts import Alerts
from bot.services.mantago_pairs import MantagoPairs
from bot.services.surge import Surge
from bot.storage import counts, workers
from bot.storage.workers import Report

WRITTEN_EVERY = 15.0  # seconds
FRESH = timedelta(seconds=50)  # three rows missed, and a worker is gone
SLOW_MS = 3_000
UNSTEADY = 0.1  # of the latest calls failed
SURGE = "surge"  # beside the parts in a worker's row
REMINDERS = (1, 3, 7)  # days before MantaGo's token ends

Verdict = Literal["well", "slow", "unsteady", "failing", "quiet"]
Check = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class State:
    """One vendor or platform. Moments and times are None when nothing is known.

    since: of the trouble, when it is `failing`. kind, detail, failed_at: the last failure of the past day, whether it
    is over or not. calls, failed: among the latest of every worker. p50, p95: milliseconds. paused_until: it is not
    asked before that.
    """

    part: str
    verdict: Verdict
    since: datetime | None = None
    kind: Kind | None = None
    detail: str = ""
    failed_at: datetime | None = None
    answered_at: datetime | None = None
    calls: int = 0
    failed: int = 0
    p50: int | None = None
    p95: int | None = None
    paused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a harmless call with one credential brought. said: in the log's English. kind: how it failed; after
    `unavailable` and `limited` nobody knows whether the credential is good."""

    part: str
    well: bool
    said: str
    kind: Kind | None = None


@dataclass(slots=True)
class Health:
    """parts: the platforms' names. checks: a harmless call for each credential, by part. pairs: MantaGo's, if it is
    on."""

    apis: Apis
    parts: Sequence[str]
    checks: Mapping[str, Check]
    alerts: Alerts
    zone: ZoneInfo
    surge: Surge = field(default_factory=Surge)
    pairs: MantagoPairs | None = None
    worker: str = field(default_factory=lambda: secrets.token_hex(6))
    platforms: dict[str, CallStats] = field(init=False)

    def __post_init__(self) -> None:
        self.forget()

    def delivered(self, channel: str, kind: Kind | None, seconds: float, detail: str) -> None:
        """Remember a delivery. kind: how it failed, None when the platform did its part."""
        self.platforms[channel].note(kind, seconds, detail)

    def forget(self) -> None:
        """Know nothing of what was any more."""
        self.platforms = {name: CallStats() for name in self.parts}
        for upstream in self.apis.upstreams.values():
            upstream.stats = CallStats()

    # ── what all workers know ────────────────────────────────────────────────────────────────────

    async def write(self, pool: asyncpg.Pool, now: datetime) -> None:
        """Tell the others, and add what was counted to the day's numbers."""
        await workers.write(pool, self._report(now))
        taken = [(part, stats, *stats.take()) for part, stats in self._stats().items()]
        counted = {(part, counts.CALLS): calls for part, _, calls, _ in taken if calls}
        counted |= {(part, kind): n for part, _, _, failures in taken for kind, n in failures.items()}
        try:
            if counted:
                await counts.add(pool, now.astimezone(self.zone).date(), counted)
        except BaseException:
            for _, stats, calls, failures in taken:
                stats.give_back(calls, failures)
            raise

    async def states(
        self, connection: asyncpg.Connection | asyncpg.Pool, now: datetime
    ) -> tuple[tuple[State, ...], int]:
        """Every part that is switched on, and how many workers are at work. This process need not have written."""
        written = await workers.reports(connection)
        at_work = sum(now - each.at < FRESH for each in written)
        reports = [*(each for each in written if each.worker != self.worker), self._report(now)]
        return tuple(merged(part, reports, now) for part in self._stats()), at_work

    async def surging(self, connection: asyncpg.Connection | asyncpg.Pool, now: datetime) -> datetime | None:
        """Since when more comes in than can be answered in time, as any worker sees it; None when it does not."""
        written = await workers.reports(connection)
        reports = [*(each for each in written if each.worker != self.worker), self._report(now)]
        fresh = [each.parts[SURGE]["since"] for each in reports if now - each.at < FRESH and SURGE in each.parts]
        return _moment(min(fresh, default=None))

    def _stats(self) -> dict[str, CallStats]:
        return self.platforms | {name: upstream.stats for name, upstream in self.apis.upstreams.items()}

    def _report(self, now: datetime) -> Report:
        parts: dict[str, dict[str, Any]] = {name: stats.report() for name, stats in self._stats().items()}
        for name, upstream in self.apis.upstreams.items():
            if upstream.breaker.retry_in:
                parts[name]["paused_until"] = now.timestamp() + upstream.breaker.retry_in
        if since := self.surge.lasts(now):
            parts[SURGE] = {"since": since.timestamp()}
        return Report(self.worker, now, parts)

    # ── asking ───────────────────────────────────────────────────────────────────────────────────

    async def probe(self, seconds: float) -> list[Finding]:
        """Try every credential, all at the same time and none for longer than `seconds`."""
        return await probe(self.checks, seconds)

    # ── reminding ────────────────────────────────────────────────────────────────────────────────

    async def remind(self, pool: asyncpg.Pool, now: datetime) -> None:
        """Tell those in charge 7, 3 and 1 days before MantaGo's token ends, once each, however often this runs.

        Not while Giftdesk exchanges it by itself and nothing went wrong with that.
        """
        standing = await self.pairs.standing() if self.pairs else None
        ends = standing.ends if standing else None
        if standing is None or ends is None or ends <= now:
            return  # What is over is told by the vendor's refusals.
        if standing.how == "by itself" and not standing.failed:
            return
        left = (ends - now).days
        reached = next((days for days in REMINDERS if ends - now <= timedelta(days=days)), None)
        if reached is None:
            return
        # The key is the token's own end, so the next one is reminded of as well.
        await self.alerts.tell(
            pool,
            f"mantago-token:{ends.astimezone(UTC):%Y%m%dT%H%M}:{reached}",
            N_(
                "MantaGo's token ends soon (whole days left: %(days)s). Renew it in MantaGo's console, replace "
                "MANTAGO_TOKEN and MANTAGO_SECRET together and restart. Without it nobody sees their gifts."
            ),
            now,
            once_per="",
            days=left,
        )


async def probe(checks: Mapping[str, Check], seconds: float) -> list[Finding]:
    """Make every check at the same time, none for longer than `seconds`; in their order."""
    return list(await asyncio.gather(*(_finding(part, check, seconds) for part, check in checks.items())))


async def _finding(part: str, check: Check, seconds: float) -> Finding:
    try:
        async with asyncio.timeout(seconds):
            said = await check()
    except TimeoutError:
        text = f"no answer within {seconds:.0f} s; check its address and this machine's network"
        return Finding(part, well=False, said=text, kind="unavailable")
    except CheckFailed as error:
        return Finding(part, well=False, said=str(error), kind=error.kind)
    except UpstreamError as error:
        return Finding(part, well=False, said=error.detail, kind=error.kind)
    except GiftdeskError as error:
        return Finding(part, well=False, said=str(error))
    return Finding(part, well=True, said=str(said or "credentials accepted"))


# ── putting together ─────────────────────────────────────────────────────────────────────────────


def merged(part: str, reports: Sequence[Report], now: datetime) -> State:
    """What all reports together say of one part. Those of workers that are gone still know what was before. Pure."""
    known = [(each.at, each.parts[part]) for each in reports if part in each.parts]
    fresh = [said for at, said in known if now - at < FRESH]
    times = sorted(ms for said in fresh for ms in said["ms"])
    failed = sum(said["failed"] for said in fresh)
    answered = max((said["answered_at"] or 0.0 for _, said in known), default=0.0)
    last = max((said for _, said in known), key=lambda said: said["failed_at"] or 0.0, default={})
    fell = last.get("failed_at") or 0.0
    since = None
    verdict: Verdict = "quiet"
    if fell > answered and _counts(last, failed, len(times), answered):
        # Where one worker was answered while another one was not, the trouble is younger than that answer.
        starts = [said["failing_since"] for _, said in known if (said["failed_at"] or 0.0) > answered]
        since = max(min(start for start in starts if start), answered)
        verdict = "failing"
    elif times and failed >= 3 and failed >= UNSTEADY * len(times):
        verdict = "unsteady"
    elif times:
        verdict = "slow" if _share(times, 0.95) > SLOW_MS else "well"
    paused = [said["paused_until"] for said in fresh if said.get("paused_until", 0.0) > now.timestamp()]
    return State(
        part=part,
        verdict=verdict,
        since=_moment(since),
        kind=cast("Kind | None", last.get("kind")),
        detail=last.get("detail", ""),
        failed_at=_moment(fell),
        answered_at=_moment(answered),
        calls=len(times),
        failed=failed,
        p50=_share(times, 0.5) if times else None,
        p95=_share(times, 0.95) if times else None,
        paused_until=_moment(max(paused)) if paused else None,
    )


def _counts(last: Mapping[str, Any], failed: int, calls: int, answered: float) -> bool:
    """Whether a failure later than every answer means that it fails, and is not one of a busy minute's few.

    A refused credential always does: that is not a matter of chance.
    """
    if last["kind"] == "credentials":
        return True
    return last["in_a_row"] >= 3 or 2 * failed >= calls or last["failed_at"] - answered > 10


def _share(times: Sequence[int], share: float) -> int:
    return times[min(len(times) - 1, int(len(times) * share))]


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None

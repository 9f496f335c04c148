"""The worker process: answers events until it is told to stop, and tidies up now and then."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import asyncpg

from bot import __version__
from bot.channels import Outbound
from bot.config import Settings
from bot.errors import ConfigurationError
from bot.jobs import Jobs
from bot.services.health import WRITTEN_EVERY
from bot.storage import bulk, counts, inbox, issues, key, pushes, queue, redemptions, reminders
from bot.storage import pool as pools
from bot.storage.clocks import DatabaseClock
from bot.storage.retention import clean_up
from bot.storage.version import is_current_now
from bot.telemetry import tracing
from bot.telemetry.log import log
from bot.turn import Turns
from bot.wiring import build_turns, open_apis, open_channels, open_peers, pass_on

POOL = 12  # connections; a turn needs one for a few milliseconds at a time
MENUS_KNOWN_FOR = 30.0  # seconds until it is looked up again which menus are installed
PICTURES_EVERY = 60.0  # seconds
LOOK_AGAIN_SECONDS = 1.0  # for a database that is not there yet


async def work(settings: Settings, stopping: asyncio.Event) -> None:
    """Answer events until `stopping`; what was begun is finished first."""
    clock = DatabaseClock()
    pool = await connect(settings, stopping, clock)
    if pool is None:
        return
    channels, apis, peers = open_channels(settings), open_apis(settings), open_peers(settings)
    try:
        turns = build_turns(settings, pool, channels, apis, clock, peers)
        relaying = pass_on(settings, turns, peers)
        turns = replace(turns, wake=relaying.wake)

        # PgQueuer would swallow what these raise.
        async def forget() -> None:
            try:
                await counts.keep_misses(pool, turns.clock(), settings.zone)
                await turns.deliverer.give_up_old(timedelta(days=settings.claim_retention_days))
                gone = await clean_up(
                    pool,
                    events=timedelta(days=settings.event_retention_days),
                    claims=timedelta(days=settings.claim_retention_days),
                )
                log.info("cleaned up", **{table: rows for table, rows in gone.items() if rows})
            except Exception as error:  # noqa: BLE001 - it is tried again in an hour
                log.error("clean-up failed", error=type(error).__name__)
            services, now = turns.services, turns.clock()
            for reminder in (
                services.health.remind,
                services.vouchers.remind,
                services.redeeming.remind,
                services.digest.send,
                services.reminders.plan,
            ):
                try:
                    await reminder(pool, now)
                except Exception as error:  # noqa: BLE001 - the same
                    log.error("reminder failed", error=type(error).__name__)

        async def sweep() -> None:
            try:
                found = {
                    "events": await inbox.requeue_orphans(pool),
                    "pushes": await pushes.requeue_orphans(pool),
                    "issues": await issues.requeue_orphans(pool),
                    "redemptions": await redemptions.requeue_orphans(pool),
                    "bulk": await bulk.requeue_orphans(pool),
                    "reminders": await reminders.requeue_orphans(pool),
                }
                if any(found.values()):
                    log.error("work without a job, queued again", **found)
            except Exception as error:  # noqa: BLE001 - it is tried again in three minutes
                log.error("sweep failed", error=type(error).__name__)

        runs = {
            queue.EVENT: turns.take,
            queue.PUSH: turns.deliverer.push,
            queue.ISSUE: turns.issue,
            queue.BULK: turns.bulk,
            queue.REMIND: turns.remind,
            queue.REDEMPTION: turns.redemption,
        }
        jobs = Jobs(runs, sweep=sweep, clean_up=forget)
        # What was loaded until here stays for good; looking through it again and again costs 5 % of a worker.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        log.info("worker ready", channels=",".join(channels), languages=",".join(turns.languages))
        beside = [
            asyncio.create_task(_know_menus(channels)),
            asyncio.create_task(_keep_pictures(channels, pool)),
            asyncio.create_task(_report(turns, clock)),
            asyncio.create_task(relaying.run()),
        ]
        pairs = turns.services.mantago_pairs
        if pairs is not None:
            beside.append(asyncio.create_task(pairs.look_after(turns.services.alerts)))
        try:
            await jobs.run(settings.database_url, stopping, concurrency=settings.worker_concurrency)
        finally:
            for task in beside:
                task.cancel()
            await turns.rest()
            if pairs is not None:
                await pairs.rest()
            await asyncio.gather(*beside, return_exceptions=True)
    finally:
        await asyncio.gather(
            *(channel.aclose() for channel in channels.values()), *(peer.aclose() for peer in peers), apis.aclose()
        )
        await pool.close()
        log.info("worker stopped")


async def _know_menus(channels: Mapping[str, Outbound]) -> None:
    """Keep in mind which menus are installed, so that no turn has to ask."""
    while any(channel.menus for channel in channels.values()):
        for channel in channels.values():
            if channel.menus:
                await channel.menus.learn()
        await asyncio.sleep(MENUS_KNOWN_FOR)


async def _keep_pictures(channels: Mapping[str, Outbound], pool: asyncpg.Pool) -> None:
    """Bring the platforms the pictures that they lack, so that no turn has to."""
    while any(channel.pictures for channel in channels.values()):
        for channel in channels.values():
            if channel.pictures:
                await channel.pictures.renew(pool)
        await asyncio.sleep(PICTURES_EVERY)


async def _report(turns: Turns, clock: DatabaseClock) -> None:
    """Tell the other workers how those whom we call have been answering, and write down what was counted."""
    while True:
        try:
            await clock.compare(turns.pool)
        except Exception as error:  # noqa: BLE001 - it is tried again in a few seconds
            log.warning("clock not compared", error=type(error).__name__)
        for write in (turns.services.health.write, turns.services.unclear.write):
            try:
                await write(turns.pool, turns.clock())
            except Exception as error:  # noqa: BLE001 - the same
                log.warning("numbers not written", error=type(error).__name__)
        await asyncio.sleep(WRITTEN_EVERY)


async def connect(settings: Settings, stopping: asyncio.Event, clock: DatabaseClock) -> asyncpg.Pool | None:
    """The database's pool, waited for until it is there with its schema; None when told to stop meanwhile.

    clock: is compared with the database's. Raises ConfigurationError for another key than the database is used with.
    """
    pool = None
    while not stopping.is_set():
        try:
            pool = pool or await pools.connect(settings.database_url, size=POOL)
            if await is_current_now(pool):
                if await key.is_another(pool, settings.secret):
                    await pool.close()
                    raise ConfigurationError(key.CHANGED)
                if off := await clock.compare(pool):
                    log.warning("clocks differ", detail=off)
                return pool
            log.warning("migrations are missing, waiting for `giftdesk migrate`")
        except pools.LOST as error:
            log.warning("no database yet, waiting for it", error=type(error).__name__)
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                await stopping.wait()
    if pool is not None:
        await pool.close()
    return None


def run(settings: Settings) -> None:
    """The process: SIGTERM and SIGINT finish what was begun, then it ends."""

    async def main() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        await work(settings, stopping)

    tracing.start(settings.otel_exporter_otlp_endpoint, "worker", __version__)
    try:
        import uvloop  # noqa: PLC0415 - not on Windows
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
    finally:
        tracing.stop()

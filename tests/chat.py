"""Drives conversations as the platforms do: signed webhooks in, what reached the person out.

    chat = bot.chat("line", language="en")
    await chat.say("my gifts")
    assert chat.said("No gifts yet")
    await chat.tap("Menu")

Nothing of the bot is replaced: the Flask application stores the event, PgQueuer hands it to the real
turn, real clients talk HTTP to the sandbox. Only the clock can be moved.
"""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="giftdesk-metrics-"))

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import asyncpg
from flask import Flask
from flask.testing import FlaskClient

from bot.apis.http import Breaker
from bot.config import Settings, load_settings
from bot.i18n import Translator
from bot.jobs import Jobs
from bot.relay import PROBED_EVERY, Peer
from bot.staff.routes import Confirm
from bot.storage import pool as pools
from bot.storage import queue
from bot.turn import Turns
from bot.web import create_app
from bot.wiring import build_turns, open_apis, open_channels, open_peers, pass_on
from handlers.views.start import notice
from sandbox import Phone, Sandbox, Webhook
from sandbox.journal import Sent
from sandbox.people import admins

TAGS = {"zh-TW": "zh_Hant_TW", "en": "en"}
TABLES = (
    "events, customers, claims, policies, misses, waits, guard, wallets, pushes, pgqueuer, pgqueuer_log, "
    "accounts, points, rewards, issues, links, link_codes, data_files, "
    "staff, invitations, blocks, switches, approvals, audit, "
    "bulk_jobs, bulk_codes, exports, undone, workers, tallies, code_counters, unclear, attachments, pictures, "
    "counter_codes, hand_overs, stores, store_members, visits, posters, poster_visits, poster_files, relays, "
    "rate_limits, mantago_pairs, players, redemptions, reminder_wishes, reminders, push_budgets"
)

# PgQueuer clears its jobs away a tenth of a second late; what is left to do is known from our own rows.
# Their jobs may be due long after a test; nobody waits for those.
_LATER = (queue.ISSUE, queue.BULK, queue.REDEMPTION, queue.REMIND)
_LEFT = [
    f"(SELECT count(*) FROM {kind.open_jobs} WHERE q.status IN ('queued', 'picked')"
    + (" AND q.execute_after < now() + interval '1 second')" if kind in _LATER else ")")
    for kind in queue.KINDS
]
_OTHERS = "SELECT count(*) FROM pgqueuer WHERE status IN ('queued', 'picked') AND entrypoint <> ALL($1)"
_BUSY = f"SELECT ({_OTHERS}) + {' + '.join(_LEFT)}"
_KNOWN = [kind.name for kind in queue.KINDS]


@dataclass
class TestClock:
    """The bot's and the sandbox's time, which tests can move ahead."""

    __test__ = False
    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def close(app: Flask) -> None:
    """Let go of the database."""
    app.extensions["writer"].close()
    app.extensions["pool"].close()


@dataclass
class Bot:
    """A bot in this process: web application and worker on a real database."""

    settings: Settings
    web: FlaskClient
    turns: Turns
    pool: asyncpg.Pool
    sandbox: Sandbox
    clock: TestClock
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    relaying: asyncio.Task[None] | None = None
    peers: Sequence[Peer] = ()

    def __post_init__(self) -> None:
        self._built = self.turns

    @classmethod
    @asynccontextmanager
    async def running(cls, database: str, sandbox: Sandbox, **settings: Any) -> AsyncIterator[Self]:
        """Until the block ends. `settings` override what the sandbox's credentials set."""
        environment = {name.lower(): value for name, value in sandbox.environment().items()}
        ours = {
            "secret_key": "0" * 64,
            "brand": "咖波商店",
            "database_url": database,
            "admins": admins(),
            "altegio_max_per_second": 0,  # The sandbox has no limit, and tests no time.
            "bulk_per_second": 1000,
            "how_to_claim_zh": "請到櫃台出示此畫面。",
            "how_to_claim_en": "Show this at the counter.",
        }
        known = {name: value for name, value in environment.items() if name in Settings.model_fields}
        loaded = load_settings(**{**known, **ours, **settings})
        clock = TestClock()
        app = create_app(loaded, clock)
        pool = await pools.connect(database, size=8)
        channels, apis, peers = open_channels(loaded), open_apis(loaded), open_peers(loaded)
        turns = build_turns(loaded, pool, channels, apis, clock, peers)
        relaying = pass_on(loaded, turns, peers)
        turns = replace(turns, wake=relaying.wake)
        stopping = asyncio.Event()
        bot = cls(loaded, app.test_client(), turns, pool, sandbox, clock)

        def told(run: Callable[[int], Awaitable[None]]) -> Callable[[int], Awaitable[None]]:
            """Whoever waits for `quiet` looks again once a job has run."""

            async def running(number: int) -> None:
                try:
                    await run(number)
                finally:
                    bot.stirred.set()

            return running

        async def take(event_id: int) -> None:
            await bot.turns.take(event_id)  # Looked up each time: `having` exchanges them.

        async def push(push_id: int) -> None:
            await bot.turns.deliverer.push(push_id)

        async def issue(issue_id: int) -> None:
            await bot.turns.issue(issue_id)

        async def bulk(job_id: int) -> None:
            await bot.turns.bulk(job_id)

        async def redemption(redemption_id: int) -> None:
            await bot.turns.redemption(redemption_id)

        async def remind(wish_id: int) -> None:
            await bot.turns.remind(wish_id)

        async def nothing() -> None: ...

        runs = {
            queue.EVENT: take,
            queue.PUSH: push,
            queue.ISSUE: issue,
            queue.BULK: bulk,
            queue.REDEMPTION: redemption,
            queue.REMIND: remind,
        }
        jobs = Jobs({kind: told(run) for kind, run in runs.items()}, sweep=nothing, clean_up=nothing)
        working = asyncio.create_task(jobs.run(database, stopping, concurrency=40))
        bot.peers = peers
        bot.relaying = asyncio.create_task(relaying.run())
        try:
            yield bot
        finally:
            stopping.set()
            bot.relaying.cancel()
            await asyncio.gather(working, bot.relaying, return_exceptions=True)
            await asyncio.gather(
                *(channel.aclose() for channel in channels.values()), *(peer.aclose() for peer in peers), apis.aclose()
            )
            await pool.close()
            close(app)

    async def reset(self) -> None:
        """Empty tables, the clock at now."""
        await self.quiet()
        self.turns = self._built
        self.clock.ahead = self.sandbox.ahead = timedelta()  # Some tests have another sandbox, and reset only that one.
        self.mend()
        apis = self.turns.apis
        self.turns.services.redemption._missing.clear()
        self.turns.services.catalogue.forget()
        self.turns.services.giftcards.forget()
        self.turns.services.health.forget()
        self.turns.services.surge.forget()
        self.turns.services.allowance.forget()
        self.turns.services.unclear.counted.clear()
        if (pairs := self.turns.services.mantago_pairs) is not None:
            pairs.api.follow(pairs)  # The one of the settings, after a test that had it exchanged.
        if apis.gotit is not None:
            apis.gotit._token = None  # Tests set the clock back; a token of the future would outlive its test.
        # Twenty times faster than TRUNCATE, which gives every table new files.
        # As a replica the database lets even the trail be emptied, which its trigger refuses to everybody else.
        deletes = "; ".join(f"DELETE FROM {table}" for table in TABLES.split(", "))
        emptying = f"SET session_replication_role = replica; {deletes}; SET session_replication_role = DEFAULT"
        try:
            await self.pool.execute(emptying)
        except asyncpg.DeadlockDetectedError:  # With a job that the last test began. By now it has written, too.
            await self.pool.execute(emptying)

    def mend(self) -> None:
        """All vendors work again, and have done so for longer than a breaker stays open."""
        self.sandbox.clear_faults()
        for upstream in self.turns.apis.upstreams.values():
            upstream.breaker = Breaker()
        for peer in self.peers:
            peer.breaker = Breaker(pause=PROBED_EVERY)

    def having(self, **changes: Any) -> None:
        """Other turns for the rest of the test: `bot.having(patience=timedelta(seconds=0.2))`."""
        self.turns = replace(self.turns, **changes)

    def desk(self, **changes: Any) -> None:
        """Other facts about the brand for the rest of the test: `bot.desk(only_checks=True)`."""
        self.having(brands={name: replace(desk, **changes) for name, desk in self.turns.brands.items()})

    def chat(self, channel: str = "line", user: str | None = None, language: str = "zh-TW") -> Chat:
        """Somebody's chat; without `user`, of somebody new who holds no gifts."""
        if user is None:
            user = f"U{secrets.token_hex(16)}" if channel == "line" else str(secrets.randbelow(10**16) + 10**15)
            self.sandbox.people.put(channel, user, locale=language if channel == "line" else language.replace("-", "_"))
        person = self.sandbox.people.find(channel, user)
        return Chat(self, channel, person.id if person else user, TAGS[language])

    def post(self, webhook: Webhook) -> int:
        """Deliver a webhook as the platform does; returns the HTTP status."""
        return self.web.post(webhook.path, data=webhook.body, headers=dict(webhook.headers)).status_code

    async def quiet(self, within: float = 60) -> None:
        """Wait until nothing is left to do."""
        deadline = time.monotonic() + within
        self.stirred.clear()
        while await self.pool.fetchval(_BUSY, _KNOWN):
            assert time.monotonic() < deadline, await self.pool.fetch(
                "SELECT entrypoint, status, attempts, execute_after - now() AS due FROM pgqueuer"
            )
            with suppress(TimeoutError):  # Not every job that is left is run by this bot.
                await asyncio.wait_for(self.stirred.wait(), 0.02)
            self.stirred.clear()

    def ahead(self, **by: float) -> None:
        """Move the clock of bot and sandbox ahead: `bot.ahead(minutes=11)`."""
        self.clock.ahead += timedelta(**by)
        self.sandbox.ahead = self.clock.ahead

    def ahead_to(self, moment: datetime) -> None:
        """Move both to a moment."""
        self.ahead(seconds=(moment - self.clock()).total_seconds())


@dataclass
class Chat:
    """One person's chat. `shown` is what the last step brought, `last` the messages of it."""

    bot: Bot
    channel: str
    user: str
    tag: str
    shown: list[Sent] = field(default_factory=list)
    everything: list[Sent] = field(default_factory=list)
    _seen: int = 0

    def __post_init__(self) -> None:
        self._seen = max((item.seq for item in self.bot.sandbox.sent(busy=True)), default=0)

    @property
    def phone(self) -> Phone:
        """Makes this person's webhooks."""
        return self.bot.sandbox.phone(self.channel, self.user)

    @property
    def _(self) -> Translator:
        """The texts of the language this person reads."""
        return self.bot.turns.languages[self.tag]

    async def say(self, text: str) -> list[Sent]:
        """Type something and wait for the answer."""
        return await self.do(self.phone.says(text))

    async def tap(self, label: str) -> list[Sent]:
        """Tap a button that is on screen by its label."""
        return await self.do(self.phone.taps(self.data_of(label), label))

    async def order(self, line: str) -> list[Sent]:
        """Type a staff command, and tap the button that does it where it is asked about."""
        shown = await self.say(line)
        asked = [data for data in self.buttons.values() if data.startswith(f"v1.{Confirm.action_name}.")]
        return await self.do(self.phone.taps(asked[-1])) if asked else shown

    async def do(self, *webhooks: Webhook) -> list[Sent]:
        """Deliver webhooks, wait until all is done, return what reached this person."""
        for webhook in webhooks:
            assert self.bot.post(webhook) == 200
        await self.bot.quiet()
        return self.look()

    def look(self) -> list[Sent]:
        """What arrived since the last look."""
        self.shown = self.bot.sandbox.sent(self.channel, self.user, self._seen)
        self._seen = max((item.seq for item in self.shown), default=self._seen)
        self.everything += self.shown
        return self.shown

    # What is on screen, as a person reads it.

    @property
    def texts(self) -> list[str]:
        """Every text of the last answer, in reading order, button labels included."""
        return [text for item in self.shown for text in _texts(item.message)]

    @property
    def text(self) -> str:
        """The last answer in one string."""
        return "\n".join(self.texts)

    @property
    def notice(self) -> str:
        """The notice about data as it stands, once, below an answer."""
        return notice(self._, self.bot.turns.brands[self.channel]).text

    def said(self, msgid: str, **values: object) -> bool:
        """Whether the last answer holds this text, in the person's language."""
        return self._(msgid, **values) in self.text

    @property
    def buttons(self) -> dict[str, str]:
        """Label → postback data, of everything that can be tapped in the last answer."""
        return {label: data for item in self.shown for label, data in buttons_of(item.message)}

    def data_of(self, label: str) -> str:
        """The data behind a button, by its label in English or in the person's language."""
        buttons = self.buttons
        for name in (label, self._(label)):
            for on_screen, data in buttons.items():
                if re.fullmatch(rf"(?:\W+ )?{re.escape(name)}(?: .*)?", on_screen):  # `Tickets 3`, `🎁 My gifts`
                    return data
        raise AssertionError(f"no button {label!r} among {list(buttons)}")


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, str) and name in {"text", "title", "subtitle", "label"}:
                yield value
            elif name not in {"action", "altText"} or isinstance(value, dict):
                yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)


def buttons_of(node: Any) -> Iterator[tuple[str, str]]:
    """(label, postback data) of everything that can be tapped in a message, of either channel."""
    if isinstance(node, dict):
        if node.get("type") == "postback":
            yield (
                str(node.get("label") or node.get("title") or node.get("displayText")),
                str(node.get("data") or node.get("payload")),
            )
        elif node.get("content_type") == "text":
            yield node["title"], node["payload"]
        for value in node.values():
            yield from buttons_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from buttons_of(value)

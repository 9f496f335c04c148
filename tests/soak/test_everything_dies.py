"""Webs, workers and the database die, workers freeze, and LINE cannot be reached for a while: two webs, three workers.

Everybody gets what their two codes bring, once and in the order they asked. What may be said twice is counted apart: a
receipt whose worker died between sending it and writing that down, when the reply token that could have told was too
old (50 s since it was made) before anybody took it up again.

On a machine too busy for all this, Poshen's stand-in may stay silent for so long that a worker does not ask it for half
a minute. Whoever was told so, "we can't reach … please try again", taps [Try again] a little later, as they were
asked to. That is the only answer without a receipt that is accepted; anybody else without one fails the test, which
says what they were told instead. GIFTDESK_SOAK_KILLS sets how many blows fall (100).
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import asyncpg
import psutil
import pytest
from chat import buttons_of
from engine.desk import references, until
from engine.processes import Giftdesk

from bot.storage import schema
from bot.storage.embedded import EmbeddedPostgres
from sandbox import Sandbox
from sandbox.journal import Sent
from soak.door import Door
from soak.machines import KILLS, SEED
from soak.repeats import excused

pytestmark = pytest.mark.soak

PER_SECOND = 5
CODES = ("WELCOME2026", "PICNIC4U")
FROZEN = 30.0  # seconds
SHUT = 12.0
TRY_AGAIN = ("再試一次", "Try again")
TRIES_AGAIN_EVERY = 20.0
TRIES_AGAIN_FOR = 240.0  # once all is quiet
BLOWS = {"web": 3, "worker": 5, "database": 1, "freeze": 1, "door": 1}  # how often, of eleven


@dataclass
class Town:
    """Everything there is, and what befalls it."""

    database: EmbeddedPostgres
    folder: Path
    door: Door
    webs: list[Giftdesk]
    workers: list[Giftdesk]
    later: set[asyncio.Task[None]] = field(default_factory=set)

    async def blow(self, kind: str, chance: random.Random) -> bool:
        """Let it happen; False when the same is still going on."""
        match kind:
            case "web" | "worker":
                machine = chance.choice(self.webs if kind == "web" else self.workers)
                await asyncio.to_thread(kill, machine)  # Vendors and platforms, which are this process, must not stop.
            case "database":
                postmaster = psutil.Process(int((self.folder / "postmaster.pid").read_text().split()[0]))
                dying = [postmaster, *postmaster.children()]
                for process in dying:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
                await until(lambda: not any(map(_runs, dying)))
                await until(self._stands, within=120, every=0.2)
            case "freeze" | "door":
                if any(task.get_name() == kind for task in self.later):
                    return False
                work = self._freeze(chance.choice(self.workers)) if kind == "freeze" else self._shut()
                task = asyncio.create_task(work, name=kind)
                self.later.add(task)
                task.add_done_callback(self.later.discard)
        return True

    async def _stands(self) -> bool:
        await asyncio.to_thread(self.database.tend)
        try:
            connection = await asyncpg.connect(self.database.url)
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    async def _freeze(self, worker: Giftdesk) -> None:
        process = worker.process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(FROZEN)
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)

    async def _shut(self) -> None:
        self.door.shut()
        await asyncio.sleep(SHUT)
        await self.door.open()


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def kill(machine: Giftdesk) -> None:
    """kill -9 of the machine with all its processes; it starts again at once."""
    assert machine.process is not None
    family = machine.family()
    machine.process.kill()
    machine.process.wait()
    for process in family:
        if process.is_running():
            process.kill()
    machine.start()


@pytest.fixture
async def town(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Town]:
    folder = tmp_path / "postgres"
    database = EmbeddedPostgres(folder)
    schema.migrate(database.url)
    door = Door(sandbox.environment()["LINE_API_URL"])
    await door.open()
    settings = {"DATABASE_URL": database.url, "SECRET_KEY": "s" * 64, "LOG_LEVEL": "WARNING"}
    settings["LINE_API_URL"] = door.address
    webs, workers = (
        [Giftdesk(tmp_path / f"{role} {number}", sandbox, settings, role=role) for number in range(count)]
        for role, count in (("web", 2), ("worker", 3))
    )
    for machine in (*webs, *workers):
        machine.start()
    for web in webs:
        await web.ready()
    yield Town(database, folder, door, webs, workers)
    for machine in (*webs, *workers):
        if machine.process is not None and machine.process.poll() is None:
            await machine.stop()
    await door.aclose()
    database.stop()


async def test_nobody_is_forgotten_or_told_twice(
    town: Town, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever dies, and in whatever order it comes back."""
    chance = random.Random(SEED)
    sandbox.line.monthly_limit = None  # Else thousands of late results wait for their customers to write once more.
    sandbox.fault("poshen", delay_ms=60)
    sandbox.fault("line:POST /v2/bot/message/reply", delay_ms=40)
    begun = time.monotonic()
    people: list[str] = []
    writing: set[asyncio.Task[None]] = set()
    over = asyncio.Event()

    async def write(user: str) -> None:
        phone = sandbox.phone("line", user)
        for code in CODES:
            await chance.choice(town.webs).deliver(phone.says(code), within=180)

    async def arrive() -> None:
        while not over.is_set():
            people.append(f"U{os.urandom(16).hex()}")
            sandbox.people.put("line", people[-1], locale="zh-TW")
            writing.add(asyncio.create_task(write(people[-1])))
            await asyncio.sleep(1 / PER_SECOND)

    insisting = Insisting(town, sandbox)

    async def insist() -> None:
        while not over.is_set():
            await asyncio.sleep(TRIES_AGAIN_EVERY)
            await insisting.tap()

    busy = [asyncio.create_task(arrive()), asyncio.create_task(insist())]
    blows: Counter[str] = Counter()
    while blows.total() < KILLS:
        await asyncio.sleep(chance.uniform(0.2, 2.5))
        (kind,) = chance.choices(list(BLOWS), list(BLOWS.values()))
        blows[kind] += await town.blow(kind, chance)
    over.set()
    await asyncio.gather(*busy)
    await asyncio.gather(*writing, *town.later)
    await town.webs[0].settled(within=400)

    again = await insisting.until_nothing_helps()
    events = await town.webs[0].rows("SELECT split_part(chat, ':', 3) AS person, at, outcome FROM events ORDER BY id")
    claims = await town.webs[0].rows(CLAIMS)
    outcomes = Counter(event["outcome"] for event in events)
    found = verdict(sandbox, people, claims, events, again)
    with capsys.disabled():  # Past pytest's capture: this is what the long run is for.
        sys.stdout.write(
            f"\n{KILLS} blows {dict(blows)}, {time.monotonic() - begun:.0f} s: {found}, "
            f"tried again {again.total()}, outcomes {dict(outcomes)}\n"
        )
    assert len(events) == len(people) * len(CODES) + again.total(), "every 200 was kept, and no event twice"
    assert found.pop("people") > 0
    assert said_instead(sandbox, people, claims, events) == [], "they have no receipt"
    assert {what: many for what, many in found.items() if what not in ("claims", *ALLOWED)} == dict.fromkeys(WRONG, 0)
    assert found["claims"] == len(people) * len(CODES)


@dataclass
class Insisting:
    """Taps [Try again] for whoever has no claim and was offered it. tapped: the buttons; again: who, and how often."""

    town: Town
    sandbox: Sandbox
    tapped: set[str] = field(default_factory=set)
    again: Counter[str] = field(default_factory=Counter)

    async def tap(self) -> bool:
        """Tap what was offered since the last time; whether there was any."""
        try:
            have = Counter(claim["person"] for claim in await self.town.webs[0].rows(CLAIMS))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False  # The database has just died; the next time tells.
        buttons = {
            data: person
            for person, sent in told(self.sandbox).items()
            if have[person] < len(CODES)
            for item in sent
            for label, data in buttons_of(item.message)
            if label in TRY_AGAIN and data not in self.tapped
        }
        for data, person in buttons.items():
            await self.town.webs[0].deliver(self.sandbox.phone("line", person).taps(data), within=180)
            self.tapped.add(data)
            self.again[person] += 1
        return bool(buttons)

    async def until_nothing_helps(self) -> Counter[str]:
        """Once all is quiet: go on until nobody is left. Returns who tapped, and how often."""
        deadline = time.monotonic() + TRIES_AGAIN_FOR
        while time.monotonic() < deadline and await self.tap():
            await self.town.webs[0].settled(within=400)
            await asyncio.sleep(5)  # They were asked to try again shortly, not at once.
        return self.again


def told(sandbox: Sandbox) -> dict[str, list[Sent]]:
    """What everybody was told, in its order."""
    found: dict[str, list[Sent]] = {}
    for item in sandbox.sent("line"):
        found.setdefault(item.to, []).append(item)
    return found


def said_instead(
    sandbox: Sandbox, people: list[str], claims: list[asyncpg.Record], events: list[asyncpg.Record]
) -> list[str]:
    """For everybody who lacks a receipt: how each of their events ended, and what they were told."""
    refs: dict[str, set[str]] = {}
    for claim in claims:
        refs.setdefault(claim["person"], set()).add(claim["ref"])
    found = []
    heard = told(sandbox)
    for person in people:
        sent = heard.get(person, [])
        shown = {ref for item in sent for ref in references(item.raw.decode())} & refs.get(person, set())
        if len(shown) < len(CODES):
            texts = [f"{item.via} {item.message.get('text', item.message.get('altText'))!r:.60}" for item in sent]
            ends = [event["outcome"] for event in events if event["person"] == person]
            found.append(f"{len(refs.get(person, ()))} claims, {ends}: {texts}")
    return found


CLAIMS = """
SELECT split_part(c.person, ':', 3) AS person, l.ref, snapshot ->> 'code' AS code
FROM claims l JOIN customers c ON c.id = customer_id
"""
WRONG = ("claimed twice", "without a receipt", "told twice", "out of order")
ALLOWED = ("told twice, token too old", "out of order, pushed")


def verdict(
    sandbox: Sandbox,
    people: list[str],
    claims: list[asyncpg.Record],
    events: list[asyncpg.Record],
    again: Counter[str],
) -> dict[str, int]:
    """What became of everybody, counted. again: who tried again, and so chose another order."""
    found = dict.fromkeys(("people", "claims", *WRONG, *ALLOWED), 0)
    found |= {"people": len(people), "claims": len(claims)}
    came: dict[str, list[datetime]] = {}
    for event in events:
        came.setdefault(event["person"], []).append(event["at"])
    refs: dict[str, dict[str, str]] = {}
    for claim in claims:
        mine = refs.setdefault(claim["person"], {})
        found["claimed twice"] += claim["code"] in mine
        mine[claim["code"]] = claim["ref"]
    heard = told(sandbox)
    for person in people:
        sent = heard.get(person, [])
        firsts = []
        for number, code in enumerate(CODES):
            ref = refs.get(person, {}).get(code, "none")
            shown = [item for item in sent if ref in references(item.raw.decode())]
            found["without a receipt"] += not shown
            for repeat in shown[1:]:
                found["told twice, token too old" if excused(repeat, came[person][number]) else "told twice"] += 1
            firsts += shown[:1]
        if person not in again and len(firsts) == len(CODES) and firsts[0].seq > firsts[1].seq:
            found["out of order, pushed" if firsts[0].via == "push" else "out of order"] += 1
    return found

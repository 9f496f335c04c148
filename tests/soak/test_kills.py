"""Hundreds of kill -9 under load, and a flood: nobody is forgotten, nobody gets anything twice.

GIFTDESK_SOAK_KILLS sets how many kills (100); the summary is printed at the end.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import Counter

import pytest
from engine.processes import Customer, Giftdesk, customers

from soak.machines import KILLS, SEED, kill_at_random
from soak.repeats import excused

pytestmark = pytest.mark.soak

Shown = pytest.CaptureFixture[str]

FLOOD = int(os.environ.get("GIFTDESK_SOAK_FLOOD", "2000"))
PER_SECOND = 8
CODES = ("WELCOME2026", "DRAGON-BOAT-2026", "PICNIC4U")


async def verdict(web: Giftdesk, people: list[Customer], title: str, begun: float, *, shown: Shown) -> None:
    """Check every promise, and print how it went."""
    await web.settled(within=120)
    claims = Counter(
        {
            (row["person"].rsplit(":", 1)[-1], row["code"]): row["n"]
            for row in await web.rows(
                "SELECT c.person, snapshot ->> 'code' AS code, count(*) AS n FROM claims "
                "JOIN customers c ON c.id = customer_id GROUP BY 1, 2"
            )
        }
    )
    (unfinished,) = await web.rows("SELECT count(*) AS n FROM events WHERE state IN ('new', 'ready')")
    (held,) = await web.rows("SELECT count(*) AS n FROM events WHERE held_at IS NOT NULL")
    without = [person.user for person in people if not person.receipts]
    came = {
        row["person"]: row["at"] for row in await web.rows("SELECT split_part(chat, ':', 3) AS person, at FROM events")
    }
    repeats = [(person.user, item) for person in people for item in person.told[1:]]
    twice = [user for user, item in repeats if not excused(item, came[user])]
    told = (
        f"\n{title}: {len(people)} people, {time.monotonic() - begun:.0f} s\n"
        f"  claims {sum(claims.values())}, more than one per person and code {sum(n > 1 for n in claims.values())}, "
        f"unfinished {unfinished['n']}, held {held['n']}, without a receipt {len(without)}, "
        f"twice {len(twice)}, and {len(repeats) - len(twice)} whose token was too old\n"
    )
    with shown.disabled():  # Past pytest's capture: this is what the long run is for.
        sys.stdout.write(told)
    assert len(claims) == sum(claims.values()) == len(people)
    assert (unfinished["n"], held["n"]) == (0, 0)
    assert (without, twice) == ([], [])


async def test_random_kills_lose_and_repeat_nothing(machines: dict[str, Giftdesk], capsys: Shown) -> None:
    """Web and workers die at random moments, again and again, while people go on redeeming."""
    chance = random.Random(SEED)
    web = machines["web"]
    sandbox = web.sandbox
    sandbox.fault("poshen", delay_ms=60)
    sandbox.fault("line:POST /v2/bot/message/reply", delay_ms=40)
    begun = time.monotonic()
    people: list[Customer] = []
    delivering: set[asyncio.Task[None]] = set()
    killing = asyncio.Event()

    async def arrive() -> None:
        while not killing.is_set():
            (person,) = customers(sandbox, 1, chance.choice(CODES))
            people.append(person)
            delivering.add(asyncio.create_task(web.deliver(person.webhook, within=60)))
            await asyncio.sleep(1 / PER_SECOND)

    arriving = asyncio.create_task(arrive())
    kills = await kill_at_random(machines, chance)
    killing.set()
    await arriving
    await asyncio.gather(*delivering)

    await verdict(web, people, f"{KILLS} kills {dict(kills)}", begun, shown=capsys)


async def test_a_flood_is_answered_to_the_last(machines: dict[str, Giftdesk], capsys: Shown) -> None:
    """Everybody comes at once: all are stored at once, and answered as fast as the vendor can."""
    web = machines["web"]
    web.sandbox.fault("poshen", delay_ms=50)
    begun = time.monotonic()
    people = customers(web.sandbox, FLOOD)
    slots = asyncio.Semaphore(32)

    async def deliver(person: Customer) -> None:
        async with slots:
            await web.deliver(person.webhook, within=60)

    await asyncio.gather(*(deliver(person) for person in people))
    accepted = time.monotonic() - begun
    await verdict(web, people, f"flood, accepted in {accepted:.1f} s", begun, shown=capsys)

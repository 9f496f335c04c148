"""Hundreds of kill -9 while people get vouchers: nobody pays twice, nobody gets two, everybody hears of it once.

GIFTDESK_SOAK_KILLS sets how many kills (100); the summary is printed at the end.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from chat import buttons_of
from engine.desk import until
from engine.processes import Giftdesk
from engine.shopping import (
    CODE,
    COST,
    GOLD,
    GOT,
    ISSUE,
    PAID_AND_GOT,
    PAID_NOTHING,
    POINTS,
    VOUCHER,
    Ended,
    count_read,
    ended_for,
    time_passes,
)

from bot.storage import pool as pools
from bot.storage import rewards
from bot.storage.rewards import Grant
from sandbox import Sandbox, Webhook
from soak.machines import KILLS, SEED, kill_at_random

pytestmark = pytest.mark.soak

Shown = pytest.CaptureFixture[str]

PER_SECOND = 4
POINTS_CODE, POINTS_REWARD = "zongzi2026", 7
GIVEN_UP = ("Not available right now", "could not be issued")
TROUBLE: tuple[dict[str, Any], ...] = (
    {"delay_ms": 500},
    {"delay_ms": 2_000, "after": True},
    {"status": 504},
    {"status": 504, "after": True},
    {"drop": True, "after": True},
    {"cut": True, "after": True},
    {"status": 429},
)
# Where it may end. With staff: asked too often without an answer, so the points wait for their decision.
WITH_STAFF = {issued: Ended(POINTS - COST, COST, issued=issued, states=("check",)) for issued in (0, 1)}
PROMISED_WITH_STAFF = {issued: Ended(issued=issued, states=("check",)) for issued in (0, 1)}


@dataclass
class Buyer:
    """Somebody who gets a voucher: for the points that a code brings, or from a code at once."""

    web: Giftdesk
    sandbox: Sandbox
    user: str
    for_points: bool

    async def shop(self) -> None:
        """The whole way, at the pace of the answers."""
        phone = self.sandbox.phone("line", self.user)
        if not self.for_points:
            await self.send(phone.says(CODE))
            return
        await self.send(phone.says(POINTS_CODE))
        await until(lambda: count_read(self.sandbox, "line", self.user, f"+{POINTS}"), 300, every=0.1)
        get_it = await self.button("Get it", lambda: phone.says("vouchers"))
        tap = phone.taps(await self.button("Confirm", lambda: phone.taps(get_it, "Get it")), "Confirm")
        await self.send(tap)
        await self.send(tap)  # The platform delivers it again.

    async def send(self, webhook: Webhook) -> None:
        """Deliver it, as often as it takes."""
        await self.web.deliver(webhook, within=60)

    async def button(self, label: str, ask: Callable[[], Webhook]) -> str:
        """The data of a button. What is no receipt is lost when its free reply comes too late, so people ask again."""

        def found() -> str:
            sent = self.sandbox.sent("line", self.user)
            return dict(button for item in sent for button in buttons_of(item.message)).get(label, "")

        for _ in range(6):
            await self.send(ask())
            with suppress(AssertionError):
                return str(await until(found, 15, every=0.1))
        raise AssertionError(f"no [{label}]")


async def test_random_kills_issue_and_pay_once(machines: dict[str, Giftdesk], capsys: Shown) -> None:
    """Web and workers die at random moments, Got It has its bad moments, and people go on getting vouchers."""
    chance = random.Random(SEED)
    web = machines["web"]
    sandbox = web.sandbox
    pool = await pools.connect(web.settings["DATABASE_URL"], size=3)
    await rewards.put(pool, GOLD, VOUCHER)
    await rewards.put(pool, POINTS_REWARD, Grant(points=POINTS))
    begun = time.monotonic()
    buyers: list[Buyer] = []
    shopping: set[asyncio.Task[None]] = set()
    killing = asyncio.Event()

    async def arrive() -> None:
        while not killing.is_set():
            user = f"U{secrets.token_hex(16)}"
            sandbox.people.put("line", user, locale="en")
            buyers.append(Buyer(web, sandbox, user, for_points=chance.random() < 0.6))
            shopping.add(asyncio.create_task(buyers[-1].shop()))
            if chance.random() < 0.3:
                sandbox.fault(ISSUE, times=1, **chance.choice(TROUBLE))
            await asyncio.sleep(1 / PER_SECOND)

    arriving = asyncio.create_task(arrive())
    kills = await kill_at_random(machines, chance)
    killing.set()
    await arriving
    await asyncio.gather(*shopping)
    sandbox.clear_faults()
    await over(pool, machines)
    await verdict(pool, buyers, f"{KILLS} kills {dict(kills)}", begun, shown=capsys)
    await pool.close()


LEFT = """
SELECT q.entrypoint, q.status, q.attempts, q.execute_after - now() AS due, now() - q.heartbeat AS silent,
    i.state, i.kind, i.attempts AS calls, i.reason, i.next_at - now() AS next, i.leased_until - now() AS lease
FROM pgqueuer q LEFT JOIN issues i ON q.entrypoint = 'issue' AND q.payload = convert_to(i.id::text, 'UTF8') LIMIT 20
"""


async def over(pool: asyncpg.Pool, machines: dict[str, Giftdesk]) -> None:
    """Nothing is left to do. Pauses of minutes and hours are cut short, a few seconds at a time."""
    waited = 0

    async def done() -> bool:
        nonlocal waited
        left = await pool.fetchval(
            "SELECT (SELECT count(*) FROM events WHERE state IN ('new', 'ready')) + (SELECT count(*) FROM pgqueuer)"
        )
        waited += 1
        if left and waited % 20 == 0:
            await time_passes(pool)
        return not left

    try:
        await until(done, 180, every=0.5)
    except AssertionError:
        ended = {name: machine.process and machine.process.poll() for name, machine in machines.items()}
        raise AssertionError(f"left after three minutes, with {ended}: {await pool.fetch(LEFT)}") from None


async def verdict(pool: asyncpg.Pool, buyers: list[Buyer], title: str, begun: float, *, shown: Shown) -> None:
    """Check every promise, and print how it went."""
    ends: Counter[str] = Counter()
    wrong: list[tuple[bool, Ended]] = []
    unheard = 0
    for buyer in buyers:
        end = await ended_for(pool, buyer.sandbox, "line", buyer.user)
        possible = {
            "paid and issued": PAID_AND_GOT,
            "given back": PAID_NOTHING,
            "paid, with staff": WITH_STAFF[min(end.issued, 1)],
        }
        if not buyer.for_points:
            possible = {"promised and issued": GOT, "promised, with staff": PROMISED_WITH_STAFF[min(end.issued, 1)]}
        how = next((name for name, allowed in possible.items() if end == allowed), "wrong")
        ends[how] += 1
        if how == "wrong":
            wrong.append((buyer.for_points, end))
        if how == "given back":
            unheard += count_read(buyer.sandbox, "line", buyer.user, *GIVEN_UP) != 1
    row = await pool.fetchrow(
        "SELECT (SELECT count(*) FROM issues) AS issues, (SELECT max(attempts) FROM issues) AS attempts, "
        "(SELECT count(*) FROM issues WHERE attempts > 1) AS again, "
        "(SELECT count(*) FROM events WHERE held_at IS NOT NULL) AS held"
    )
    sandbox = buyers[0].sandbox
    told = (
        f"\n{title}: {len(buyers)} people, {time.monotonic() - begun:.0f} s\n"
        f"  {', '.join(f'{name} {count}' for name, count in sorted(ends.items()))}; wrong {len(wrong)}, "
        f"given back without a word {unheard}, events held {row['held']}\n"
        f"  vouchers at Got It {len(sandbox.gotit.issued)}, our issues {row['issues']}, asked for more than once "
        f"{row['again']} (up to {row['attempts']} times)\n"
    )
    with shown.disabled():  # Past pytest's capture: this is what the long run is for.
        sys.stdout.write(told)
    assert wrong == []
    assert (unheard, row["held"]) == (0, 0)
    assert row["issues"] == len(buyers)

"""Hundreds of kill -9 while things are handed over: each once, told once, none that was confirmed is lost.

GIFTDESK_SOAK_KILLS sets how many kills (100); the summary is printed at the end.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from chat import buttons_of
from counter.standing import CODE, NAME
from engine.desk import until
from engine.processes import Giftdesk
from engine.shopping import count_read
from hiring import make_member

from bot.storage import pool as pools
from sandbox import Sandbox, Webhook
from sandbox.people import gift
from soak.machines import KILLS, SEED, kill_at_random

pytestmark = pytest.mark.soak

Shown = pytest.CaptureFixture[str]

PER_SECOND = 2
GIVEN = "Handed over to C-"


@dataclass
class Pair:
    """A customer with one gift, and a member; both on LINE."""

    web: Giftdesk
    sandbox: Sandbox
    pool: asyncpg.Pool
    customer: str
    member: str
    confirmed: bool = False

    async def stand(self) -> None:
        """The whole way, at the pace of the answers; the tap that hands over is delivered twice."""
        customer, member = (self.sandbox.phone("line", user) for user in (self.customer, self.member))
        await self.send(member.says("english"))
        await until(lambda: self.sandbox.sent("line", self.member), 90, every=0.1)
        await self.hire()
        show = await self.button(self.customer, "Show at counter", lambda: customer.says("my gifts"))
        code = await self.code(lambda: customer.taps(show, "Show at counter"))
        does = await self.button(self.member, "Hand over", lambda: member.says(f"/use {code}"))
        tap = member.taps(does, "Hand over")
        await self.send(tap)
        self.confirmed = True
        await self.send(tap)

    async def hire(self) -> None:
        await make_member(self.pool, "line", self.member, self.member[-10:], "staff", datetime.now(UTC))

    async def send(self, webhook: Webhook) -> None:
        """Deliver it, as often as it takes."""
        await self.web.deliver(webhook, within=60)

    async def button(self, user: str, label: str, ask: Callable[[], Webhook]) -> str:
        """The data of a button, beside whose label somebody may be named; an answer that came too late for its free
        reply is asked for again."""

        def found() -> str:
            sent = self.sandbox.sent("line", user)
            every = [button for item in sent for button in buttons_of(item.message)]
            return next((data for said, data in reversed(every) if said.split(" · ")[0] == label), "")

        return await self.asked(ask, found)

    async def code(self, ask: Callable[[], Webhook]) -> str:
        """The code that the customer shows."""

        def found() -> str:
            raw = " ".join(item.raw.decode() for item in self.sandbox.sent("line", self.customer))
            codes: list[str] = CODE.findall(raw)
            return codes[-1] if codes else ""

        return await self.asked(ask, found)

    async def asked(self, ask: Callable[[], Webhook], found: Callable[[], str]) -> str:
        for _ in range(6):
            await self.send(ask())
            with suppress(AssertionError):
                return str(await until(found, 15, every=0.1))
        raise AssertionError("no answer")


async def test_random_kills_hand_over_once(machines: dict[str, Giftdesk], capsys: Shown) -> None:
    """Web and workers die at random moments, again and again, while things are handed over."""
    chance = random.Random(SEED)
    web = machines["web"]
    sandbox = web.sandbox
    pool = await pools.connect(web.settings["DATABASE_URL"], size=3)
    sandbox.fault("mantago", delay_ms=60)
    sandbox.fault("line:POST /v2/bot/message/reply", delay_ms=40)
    begun = time.monotonic()
    pairs: list[Pair] = []
    standing: set[asyncio.Task[None]] = set()
    killing = asyncio.Event()

    async def arrive() -> None:
        while not killing.is_set():
            customer, member = (f"U{secrets.token_hex(16)}" for _ in range(2))
            for user in (customer, member):
                sandbox.people.put("line", user, locale="en")
            held = [gift(NAME, "lotteryGame", datetime.now(UTC) - timedelta(days=1))]
            sandbox.mantago.put_client("line", customer, {"physicalGifts": held})
            pairs.append(Pair(web, sandbox, pool, customer, member))
            standing.add(asyncio.create_task(pairs[-1].stand()))
            await asyncio.sleep(1 / PER_SECOND)

    arriving = asyncio.create_task(arrive())
    kills = await kill_at_random(machines, chance)
    killing.set()
    await arriving
    await asyncio.gather(*standing)
    sandbox.clear_faults()
    await web.settled(within=180)
    rows = await pool.fetch(
        "SELECT split_part(c.person, ':', 3) AS user, count(*) AS n FROM hand_overs h "
        "JOIN customers c ON c.id = h.customer_id GROUP BY 1"
    )
    given = {row["user"]: row["n"] for row in rows}
    wrong = [pair.customer for pair in pairs if given.get(pair.customer, 0) != 1]
    unheard = [pair.member for pair in pairs if count_read(sandbox, "line", pair.member, GIVEN) != 1]
    held_back = await pool.fetchval("SELECT count(*) FROM events WHERE held_at IS NOT NULL")
    told = (
        f"\n{KILLS} kills {dict(kills)}: {len(pairs)} pairs, {time.monotonic() - begun:.0f} s\n"
        f"  handed over {sum(given.values())}, not once {len(wrong)}, not told once {len(unheard)}, held {held_back}\n"
    )
    with capsys.disabled():  # Past pytest's capture: this is what the long run is for.
        sys.stdout.write(told)
    assert all(pair.confirmed for pair in pairs)
    assert (wrong, unheard, held_back) == ([], [], 0)
    await pool.close()

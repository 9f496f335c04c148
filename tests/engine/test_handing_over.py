"""A thing is handed over once and none that was confirmed is lost, wherever a worker dies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from chat import Chat
from counter.standing import CODE, NAME, give, thermos
from hiring import make_member

from engine.desk import Desk, migrated_database
from engine.shopping import count_read, newcomer
from engine.stops import Stops, install
from engine.test_issuing import LONG, REPLY, Place, Scene
from sandbox import Sandbox, Webhook

GIVEN, TAKEN_BACK = "Handed over to C-", "Taken back: "

# Step → where the worker is killed, and whose row or chat that is about.
SHOWING: dict[str, tuple[Place, str]] = {
    "shown: before the code is kept": ("show", "customer"),
    "shown: before the code is delivered": ({"route": REPLY, "delay_ms": LONG}, "customer"),
}
HANDING: dict[str, tuple[Place, str]] = {
    "tapped: before the code is used up": ("use_up", "customer"),
    "tapped: before it is written down": ("hand_over", "customer"),
    "tapped: written down, before the answer is committed": ("reply", "member"),
    "tapped: before the answer is delivered": ({"route": REPLY, "delay_ms": LONG}, "member"),
    "tapped: delivered, before that is noted": ("mark", "member"),
}
UNDOING: dict[str, tuple[Place, str]] = {
    "undone: before it is written down": ("take_back", "customer"),
    "undone: written down, before the answer is committed": ("reply", "member"),
    "undone: before the answer is delivered": ({"route": REPLY, "delay_ms": LONG}, "member"),
}
STEPS = {**SHOWING, **HANDING, **UNDOING}


@dataclass
class Pair:
    """Two who stand at a counter."""

    desk: Desk
    customer: Chat
    member: Chat

    @classmethod
    async def arrive(cls, desk: Desk) -> Pair:
        customer, member = await newcomer(desk), await newcomer(desk)
        give(customer, physicalGifts=[thermos(desk)])
        await make_member(desk.pool, "line", member.user, member.user[-8:], "staff", desk.clock())
        return cls(desk, customer, member)

    async def shows(self) -> Webhook:
        """Their tap on [Show at counter]."""
        await self.customer.say("my gifts")
        return self.customer.phone.taps(self.customer.data_of("Show at counter"))

    async def hands_over(self) -> Webhook:
        """The member's tap on [Hand over]."""
        await self.customer.do(await self.shows())
        found = CODE.search(self.customer.text)
        assert found, self.customer.text
        await self.member.say(f"/use {found[0]}")
        return self.member.phone.taps(self.member.data_of("Hand over"))

    async def undoes(self) -> Webhook:
        """The member's tap on [Take it back], of what was handed over before."""
        await self.member.do(await self.hands_over())
        await self.member.tap("Undo")
        return self.member.phone.taps(self.member.data_of("Take it back"))

    async def ended(self, step: str) -> dict[str, Any]:
        """What is written down, and what each was told."""
        number = await self.desk.pool.fetchval(
            "SELECT id FROM customers WHERE person LIKE $1", f"%:{self.customer.user}"
        )
        rows = await self.desk.pool.fetch("SELECT undone_at FROM hand_overs WHERE customer_id = $1", number)
        codes = await self.desk.pool.fetchval("SELECT count(*) FROM counter_codes WHERE customer_id = $1", number)
        told = partial(count_read, self.desk.sandbox, "line")
        return {
            "step": step,
            "codes": codes,
            "standing": sum(row["undone_at"] is None for row in rows),
            "undone": sum(row["undone_at"] is not None for row in rows),
            "given": told(self.member.user, GIVEN),
            "taken back": told(self.member.user, TAKEN_BACK),
        }


@pytest.fixture(scope="module")
async def after_kills(database: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """How it ended for each pair, of whom each had the worker killed at another step."""
    url = await migrated_database(database, "handing")
    async with Sandbox.running() as sandbox, Desk.open(url, sandbox) as desk, Stops.open(url) as stops:
        await install(desk.pool)
        pairs = {step: await Pair.arrive(desk) for step in STEPS}
        taps = {step: await pairs[step].shows() for step in SHOWING}
        taps |= {step: await pairs[step].hands_over() for step in HANDING}
        taps |= {step: await pairs[step].undoes() for step in UNDOING}
        scene = Scene(desk, stops, tmp_path_factory.mktemp("workers"))
        # Who is stopped for long sends a sign of life, not to be taken for an answer that is slow to deliver. And who
        # stops before the commit of a staff command has written to the trail, which all others then wait for.
        answered = [step for step, (place, _whose) in STEPS.items() if not isinstance(place, str)]
        last = [step for step, (place, whose) in STEPS.items() if (place, whose) == ("reply", "member")]
        between = [step for step in STEPS if step not in (*answered, *last)]
        for steps in ([*answered, *between, last[0]], last[1:]):
            async with scene.worker():
                for step in steps:
                    place, whose = STEPS[step]
                    chat = pairs[step].customer if whose == "customer" else pairs[step].member
                    await scene.reach(chat, place, partial(scene.post, taps[step]))
        async with scene.worker():
            await scene.over()
            for tap in taps.values():  # The platform delivers every one of them again.
                await scene.post(tap)
            await scene.over()
        return {step: await pair.ended(step) for step, pair in pairs.items()}


@pytest.mark.parametrize("step", STEPS)
async def test_a_worker_that_is_killed_hands_over_once(step: str, after_kills: dict[str, dict[str, Any]]) -> None:
    """Written down once, told once, nothing lost; a code that was shown is one code."""
    ended = after_kills[step]
    counted = {
        "step": step,
        "codes": 1,
        "standing": int(step in HANDING),
        "undone": int(step in UNDOING),
        "given": int(step in HANDING or step in UNDOING),
        "taken back": int(step in UNDOING),
    }
    assert ended == counted


async def test_what_was_confirmed_in_time_is_done_although_the_desk_was_down(desk: Desk) -> None:
    """Ten minutes later the turn runs: the code was good, and the tap in time."""
    pair = await Pair.arrive(desk)
    desk.post(await pair.hands_over())
    desk.ahead(minutes=10)
    await desk.run()

    (row,) = await desk.pool.fetch("SELECT item, at FROM hand_overs")
    assert row["item"]["name"] == NAME
    assert desk.clock() - row["at"] < timedelta(minutes=1)
    assert count_read(desk.sandbox, "line", pair.member.user, GIVEN) == 1

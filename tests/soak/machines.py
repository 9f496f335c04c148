"""Machines to kill: one web and two workers on one database, each in a process of its own."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter

from engine.processes import Giftdesk

KILLS = int(os.environ.get("GIFTDESK_SOAK_KILLS", "100"))
SEED = int(os.environ.get("GIFTDESK_SOAK_SEED", "7"))


async def kill_at_random(machines: dict[str, Giftdesk], chance: random.Random) -> Counter[str]:
    """kill -9 of one machine after the other, each of which starts again at once; how often which one was hit."""
    kills: Counter[str] = Counter()
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.2, 2.5))
        name = chance.choice(list(machines))
        machine = machines[name]
        assert machine.process is not None
        family = machine.family()
        machine.process.kill()
        machine.process.wait()
        for process in family:  # As when the whole machine dies.
            if process.is_running():
                process.kill()
        kills[name] += 1
        machine.start()
    return kills

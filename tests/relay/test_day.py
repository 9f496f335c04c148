"""A small day with another tool that fails in every way; the whole one is in `make soak`."""

from __future__ import annotations

import asyncio
import random

from chat import Bot

from relay.conftest import settled
from relay.day import Day
from sandbox import Webhook


async def test_a_small_day(rest: Bot) -> None:
    """Each message is answered by one side, or is on its way when the other tool is well again."""

    async def post(webhook: Webhook) -> None:
        assert await asyncio.to_thread(rest.post, webhook) == 200

    day = Day(rest.sandbox, random.Random(7))
    await day.run(90, 15, post, pace=0.02)
    rest.ahead(minutes=1)  # What failed last is tried again now.
    await settled(rest)

    day.judge()
    refused = [call for call in rest.sandbox.calls("line", "POST /v2/bot/message/reply") if call.status == 400]
    assert not refused, "a reply token is used by one side"

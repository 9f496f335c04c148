"""The bare floor's other half: takes rows and makes the two calls for each. No order, no retries, no
states, nothing survives its death. `python -m bench.peers.consume`, with the bot's environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal

import aiohttp
import asyncpg
import uvloop

POLL = 0.02


async def main() -> None:
    """Until SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    database = await asyncpg.connect(os.environ["DATABASE_URL"])
    vendor = f"{os.environ['MANTAGO_API_URL']}/openapi/client/gift?botId={os.environ['MANTAGO_BOT_ID']}"
    vendor_key = {"Authorization": f"Bearer {os.environ['MANTAGO_TOKEN']}"}
    reply = f"{os.environ['LINE_API_URL']}/v2/bot/message/reply"
    reply_key = {"Authorization": f"Bearer {os.environ['LINE_CHANNEL_ACCESS_TOKEN']}"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=300)) as http:

        async def answer(body: str) -> None:
            event = json.loads(body)
            asked = {
                "secret": os.environ["MANTAGO_SECRET"],
                "platform": "line",
                "platformClientId": event["source"]["userId"],
            }
            async with http.post(vendor, json=asked, headers=vendor_key) as response:
                gifts = len((await response.json())["virtualGifts"])
            said = {"replyToken": event["replyToken"], "messages": [{"type": "text", "text": f"{gifts} gifts"}]}
            async with http.post(reply, json=said, headers=reply_key) as response:
                await response.read()

        running: set[asyncio.Task[None]] = set()
        while not stopping.is_set():
            for row in await database.fetch("DELETE FROM inbox RETURNING body"):
                task = asyncio.create_task(answer(row["body"]))
                running.add(task)
                task.add_done_callback(running.discard)
            await asyncio.sleep(POLL)
    await database.close()


if __name__ == "__main__":
    uvloop.run(main())

"""A process that calls a vendor again and again, within a limit that it shares: `python -m storage.caller …`."""

from __future__ import annotations

import asyncio
import sys

from bot.apis.http import Upstream, open_http
from bot.errors import RateLimited
from bot.services.rate_limits import SharedSlots
from bot.storage import pool as pools

HANDS = 4  # calls at the same time


async def main(database: str, url: str, per_second: float, name: str) -> None:
    """Until it is killed. name: told to the vendor with each call."""
    pool = await pools.connect(database, size=2)
    upstream = Upstream(
        "vendor", open_http(url, setting="VENDOR_API_URL", headers={"X-Who": name}), max_per_second=per_second
    )
    assert upstream.limit is not None
    upstream.limit.share(SharedSlots(pool, upstream.limit).slot)

    async def call() -> None:
        while True:
            try:
                await upstream.call("ask", "GET", "/thing")
            except RateLimited:
                await asyncio.sleep(0.1)

    await asyncio.gather(*(call() for _ in range(HANDS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]))

"""SECRET_KEY must stay what it was: claims, blocks and linked phones are found by what it hashes and by nothing else.

So the database knows the key's fingerprint: `giftdesk migrate` writes it down, worker and doctor compare.
"""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg

from bot.errors import ConfigurationError
from bot.storage import pool as pools
from bot.storage import switches
from bot.storage.hashes import keyed_hash

SWITCH = "key"
CHANGED = (
    "SECRET_KEY is not the one that this database was used with. With another one every redeemed code could be "
    "redeemed again, and linked phones, blocks and the trail's proof would be lost. Set the former key; when it is "
    "gone for good, `giftdesk migrate --new-key` accepts this one with all of that"
)


def fingerprint(secret: bytes) -> str:
    """Tells whether it is the same key, and nothing else of it."""
    return keyed_hash(secret, "fingerprint", "").hex()


async def is_another(connection: asyncpg.Connection | asyncpg.Pool, secret: bytes) -> bool:
    """Whether the database was used with another key."""
    known = await switches.read(connection, SWITCH)
    return known is not None and known["fingerprint"] != fingerprint(secret)


async def adopt(url: str, secret: bytes, *, new: bool = False) -> None:
    """Write down with which key the database is used. Raises ConfigurationError when it is another, unless `new`."""
    write = switches.put if new else switches.once
    connection = await pools.connect_one(url)
    try:
        await write(connection, SWITCH, {"fingerprint": fingerprint(secret)}, "giftdesk migrate", datetime.now(UTC))
        if await is_another(connection, secret):
            raise ConfigurationError(CHANGED)
    finally:
        await connection.close()

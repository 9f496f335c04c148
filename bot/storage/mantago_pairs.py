"""MantaGo's newest pair, one row for each pair that was set by hand, and who may exchange it: one process, once.

`unknown` is written before the exchange is asked for and is its lock: only one process can write it over `kept`, and
nothing but the answer, or another pair in the settings, takes it away. So no process that dies leaves anything behind
that another one would try again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

# Which database this is: a copy of it in another server, or beside it, is another one.
_HOME = """((SELECT system_identifier FROM pg_control_system())::text || ':'
    || (SELECT oid FROM pg_database WHERE datname = current_database())::text)"""


class PairState(StrEnum):
    """How the pair stands. KEPT: as the row has it. UNKNOWN: a new one was asked for, and the answer is not here.
    REFUSED: MantaGo gives no new one for it."""

    KEPT = "kept"
    UNKNOWN = "unknown"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Stored:
    """A row. home: the database that may exchange it. pair: sealed, None while it is that of the settings.

    exchanged_at: when `pair` came. tried_at: when an exchange was last begun. detail: why it failed, in the log's
    words.
    """

    home: str
    state: PairState
    generation: int
    pair: bytes | None
    exchanged_at: datetime | None
    tried_at: datetime | None
    detail: str


async def read(pool: asyncpg.Pool, bot: str, settings: bytes) -> Stored | None:
    """What came of the pair with the fingerprint `settings`; None when nobody has exchanged it, nor was about to."""
    row = await pool.fetchrow(
        """
        SELECT home, state, generation, pair, exchanged_at, tried_at, detail
        FROM mantago_pairs WHERE bot = $1 AND settings = $2
        """,
        bot,
        settings,
    )
    return Stored(**{**row, "state": PairState(row["state"])}) if row else None


async def here(pool: asyncpg.Pool) -> str:
    """Which database this is. Whoever only uses a pair need not ask."""
    return str(await pool.fetchval(f"SELECT {_HOME}"))


async def settle_in(pool: asyncpg.Pool, bot: str, settings: bytes) -> None:
    """Write down that this database exchanges the pair, unless something is written already."""
    await pool.execute(
        f"INSERT INTO mantago_pairs (bot, settings, home) VALUES ($1, $2, {_HOME}) ON CONFLICT DO NOTHING",
        bot,
        settings,
    )


async def begin(
    pool: asyncpg.Pool, bot: str, settings: bytes, generation: int, *, now: datetime, not_since: datetime
) -> bool:
    """Take the right to exchange the pair of `generation`; False when another process has, or had since `not_since`."""
    return (
        await pool.fetchval(
            f"""
            UPDATE mantago_pairs SET state = 'unknown', tried_at = $4, detail = ''
            WHERE bot = $1 AND settings = $2 AND generation = $3 AND state = 'kept' AND home = {_HOME}
                AND (tried_at IS NULL OR tried_at < $5)
            RETURNING true
            """,
            bot,
            settings,
            generation,
            now,
            not_since,
        )
        is True
    )


async def keep(pool: asyncpg.Pool, bot: str, settings: bytes, generation: int, pair: bytes, now: datetime) -> None:
    """Store the new pair, whatever became of the row meanwhile: nobody else has it. Others of this bot are dead."""
    await pool.execute(
        f"""
        WITH dead AS (DELETE FROM mantago_pairs WHERE bot = $1 AND settings <> $2)
        INSERT INTO mantago_pairs (bot, settings, home, generation, pair, exchanged_at, tried_at)
        VALUES ($1, $2, {_HOME}, $3, $4, $5, $5)
        ON CONFLICT (bot, settings) DO UPDATE SET state = 'kept', generation = excluded.generation,
            pair = excluded.pair, exchanged_at = excluded.exchanged_at, detail = ''
        """,
        bot,
        settings,
        generation,
        pair,
        now,
    )


async def fail(pool: asyncpg.Pool, bot: str, settings: bytes, generation: int, state: PairState, detail: str) -> None:
    """Write down that an exchange surely came to nothing."""
    await pool.execute(
        """
        UPDATE mantago_pairs SET state = $4, detail = $5
        WHERE bot = $1 AND settings = $2 AND generation = $3 AND state = 'unknown'
        """,
        bot,
        settings,
        generation,
        state,
        detail,
    )

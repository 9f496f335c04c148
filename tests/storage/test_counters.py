"""A popular code with a cap: how often it was claimed is kept beside its claims, and stays right."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count

import asyncpg
import pytest

from bot.storage import claims
from bot.storage.retention import clean_up

CODE, OTHER = 7, 8
NUMBERS = count(1)
YEAR = timedelta(days=365)


@pytest.fixture
async def pool(tables: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> asyncpg.Pool:
    """Empty tables, and codes that are popular with three claims."""
    monkeypatch.setattr(claims, "COUNTED_FROM", 3)
    await tables.execute("DELETE FROM claims; DELETE FROM code_counters; DELETE FROM undone")
    return tables


async def claim(pool: asyncpg.Pool, code: int = CODE, *, most: int | None = None, who: int = 0) -> str | None:
    """Somebody redeems a code with a cap, or without; the reference, None when they may not or did."""
    who = who or next(NUMBERS)
    async with pool.acquire() as connection, connection.transaction():
        if most is not None and await claims.used_up(connection, code, most):
            return None
        claimed = await claims.add(
            connection,
            code_id=code,
            person_hash=who.to_bytes(8, "big"),
            nth=1,
            customer_id=who,
            event_id=who,
            group_id=None,
            snapshot={},
            now=datetime.now(UTC),
        )
    return claimed.ref if claimed else None


async def counted(pool: asyncpg.Pool, code: int = CODE) -> int | None:
    """What the counter says."""
    value: int | None = await pool.fetchval("SELECT claims FROM code_counters WHERE code_id = $1", code)
    return value


async def popular(pool: asyncpg.Pool) -> list[str]:
    """Four claims of one code."""
    return [ref for _ in range(4) if (ref := await claim(pool, most=9))]


async def test_a_popular_code_is_not_counted_again(pool: asyncpg.Pool) -> None:
    """The first claim that finds many writes their number down; the next ones take its word."""
    await popular(pool)
    assert await counted(pool) == 4
    await pool.execute("UPDATE code_counters SET claims = 8 WHERE code_id = $1", CODE)

    assert await claim(pool, most=9)
    assert await claim(pool, most=9) is None


async def test_codes_with_few_claims_have_no_counter(pool: asyncpg.Pool) -> None:
    """A hundred thousand single-use codes would be as many rows for nothing."""
    await claim(pool, most=1)

    assert await claim(pool, most=1) is None
    assert await counted(pool) is None


async def test_that_a_popular_code_is_used_up_is_told_at_once(pool: asyncpg.Pool) -> None:
    """Also while others, who came in time, still claim it."""
    await popular(pool)
    async with pool.acquire() as connection, connection.transaction():
        assert not await claims.used_up(connection, CODE, 5)

        async with asyncio.timeout(30):
            assert await claim(pool, most=4) is None


async def test_every_claim_is_counted(pool: asyncpg.Pool) -> None:
    """Also those while there is no cap, and no repeat; other codes have their own."""
    await popular(pool)
    await claim(pool, who=4711)
    await claim(pool, who=4711)
    await claim(pool, OTHER)

    assert await counted(pool) == 5
    assert await claim(pool, most=5) is None


async def test_a_claim_that_is_taken_back_is_free_again(pool: asyncpg.Pool) -> None:
    """Once, however often that is asked for."""
    refs = await popular(pool)
    assert await claim(pool, most=4) is None
    for _ in range(2):
        async with pool.acquire() as connection, connection.transaction():
            await claims.lock(connection, refs[0])
            await claims.undo(connection, refs[0], points=0, by="anna", now=datetime.now(UTC))

    assert await counted(pool) == 3
    assert await claim(pool, most=4)
    assert await claim(pool, most=4) is None


async def test_who_deletes_their_data_stays_counted(pool: asyncpg.Pool) -> None:
    """The claim does, without its customer."""
    await popular(pool)
    await claim(pool, most=5, who=4712)
    async with pool.acquire() as connection, connection.transaction():
        await claims.anonymise(connection, 4712)

    assert await claim(pool, most=5) is None


async def test_what_is_forgotten_is_not_counted_any_more(pool: asyncpg.Pool) -> None:
    """The clean-up drops a counter that is wrong, and no other."""
    refs = await popular(pool)
    await pool.execute("UPDATE claims SET claimed_at = now() - interval '2 years' WHERE ref = ANY($1)", refs[:2])
    for _ in range(4):
        await claim(pool, OTHER, most=9)

    gone = await clean_up(pool, events=YEAR, claims=YEAR)

    assert (gone["claims"], gone["code_counters"]) == (2, 1)
    assert (await counted(pool), await counted(pool, OTHER)) == (None, 4)
    assert await claim(pool, most=3)
    assert await claim(pool, most=3) is None

"""A reference means one receipt: a redeemed code's, a voucher's, or one that was taken back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from itertools import count

import asyncpg
import pytest

from bot.storage import claims, issues, receipts

NOW = datetime.now(UTC)
KEYS = count()

Made = Callable[[asyncpg.Pool], Awaitable[str]]


@pytest.fixture(autouse=True)
async def drawn(tables: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Empty tables, and the references that are drawn from now on, one after the other."""
    await tables.execute("DELETE FROM claims; DELETE FROM issues; DELETE FROM undone")
    coming: list[str] = []

    def draws() -> Iterator[str]:
        while True:
            yield coming.pop(0) if coming else f"R-FREE{next(KEYS):02}"

    drawing = draws()
    monkeypatch.setattr(receipts, "reference", lambda prefix: next(drawing))
    return coming


async def claim(tables: asyncpg.Pool) -> str:
    """Somebody redeems a code; the receipt's reference."""
    async with tables.acquire() as connection:
        number = next(KEYS)
        claimed = await claims.add(
            connection,
            code_id=1,
            person_hash=number.to_bytes(8, "big"),
            nth=1,
            customer_id=number,
            event_id=number,
            group_id=None,
            snapshot={},
            now=NOW,
        )
    assert claimed is not None
    return claimed.ref


async def voucher(tables: asyncpg.Pool) -> str:
    """Somebody wants a voucher; the receipt's reference."""
    async with tables.acquire() as connection:
        key = str(next(KEYS))
        issue = await issues.add(
            connection,
            key=key,
            request_id=key,
            kind="exchange",
            customer_id=1,
            recipient="C-000001",
            issuer="bot",
            gift_id=1,
            price_id=1,
            quantity=1,
            cost=0,
            balance=0,
            offer={"name": "", "price_value": 1},
            now=NOW,
        )
    assert issue is not None
    return issue.ref


@pytest.mark.parametrize("first", [claim, voucher])
@pytest.mark.parametrize("second", [claim, voucher])
async def test_a_reference_that_is_drawn_again_is_not_given_again(
    tables: asyncpg.Pool, drawn: list[str], first: Made, second: Made
) -> None:
    """Neither to one of its own kind, which would fail the turn, nor to the other, which staff would mix up."""
    drawn += ["R-AAAAAA"]
    assert await first(tables) == "R-AAAAAA"
    drawn.clear()

    drawn += ["R-AAAAAA", "R-AAAAAA", "R-BBBBBB"]
    assert await second(tables) == "R-BBBBBB"


@pytest.mark.parametrize("next_one", [claim, voucher])
async def test_a_claim_that_was_taken_back_keeps_its_reference(
    tables: asyncpg.Pool, drawn: list[str], next_one: Made
) -> None:
    """`/ref` still says who took it back."""
    drawn += ["R-AAAAAA"]
    ref = await claim(tables)
    drawn.clear()
    async with tables.acquire() as connection:
        await claims.undo(connection, ref, points=0, by="anna", now=NOW)

    drawn += ["R-AAAAAA", "R-BBBBBB"]
    assert await next_one(tables) == "R-BBBBBB"

"""A customer's history: what they redeemed, received and exchanged, out of five tables in one order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import asyncpg

from bot.storage.asked import IS_OPEN
from bot.storage.issues import EXPECTED


class What(StrEnum):
    """What happened."""

    CLAIM = "claim"  # A code was redeemed.
    UNDONE = "undone"  # A claim was taken back by staff.
    ISSUE = "issue"  # A voucher, wanted or given.
    REDEMPTION = "redemption"  # A code that Poshen is asked to redeem, until its end is known.
    POINTS = "points"  # Points, given or taken by staff, or for a visit.


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the history. ref: of the receipt, "" for points. at: of an undone claim, when it was taken back.

    facts: of a claim its snapshot; of an undone one this and `taken` (points); of a redemption its code; of an issue
    its offer with `state`, `kind`, `cost` and `quantity`; of points `change` and `kind`.
    """

    what: What
    ref: str
    at: datetime
    facts: dict[str, Any]


# Only the lines of the page are read whole. The points that went with an undone claim are told with it.
_PAGE = f"""
WITH mine AS (
    SELECT 'claim' AS what, id, ref, claimed_at AS at FROM claims WHERE customer_id = $1
    UNION ALL SELECT 'undone', 0, ref, undone_at FROM undone WHERE customer_id = $1
    UNION ALL SELECT 'issue', id, ref, created_at FROM issues
        WHERE customer_id = $1 AND {EXPECTED}
    UNION ALL SELECT 'redemption', id, ref, created_at FROM redemptions WHERE customer_id = $1 AND {IS_OPEN}
    UNION ALL SELECT 'points', id, '', at FROM points
        WHERE customer_id = $1 AND kind IN ('adjust', 'visit') AND ref IS NULL
), page AS (
    SELECT *, count(*) OVER () AS total FROM mine ORDER BY at DESC, what, id DESC, ref LIMIT $2 OFFSET $3
)
SELECT page.what, page.ref, page.at, page.total, CASE page.what
    WHEN 'claim' THEN (SELECT snapshot FROM claims WHERE id = page.id)
    WHEN 'undone' THEN (SELECT snapshot || jsonb_build_object('taken', points) FROM undone WHERE ref = page.ref)
    WHEN 'issue' THEN (
        SELECT offer || jsonb_build_object('state', state, 'kind', kind, 'cost', cost, 'quantity', quantity)
        FROM issues WHERE id = page.id
    )
    WHEN 'redemption' THEN (SELECT code FROM redemptions WHERE id = page.id)
    ELSE (SELECT jsonb_build_object('change', available, 'kind', kind) FROM points WHERE id = page.id)
END AS facts
FROM page ORDER BY page.at DESC, page.what, page.id DESC, page.ref
"""


async def page(
    connection: asyncpg.Connection | asyncpg.Pool, customer_id: int, *, limit: int, skip: int = 0
) -> tuple[list[Line], int]:
    """At most `limit` lines, newest first, after the first `skip`; and how many there are in all.

    Of a page behind the end nothing is known, not even the number.
    """
    rows = await connection.fetch(_PAGE, customer_id, limit, skip)
    lines = [Line(What(row["what"]), row["ref"], row["at"], row["facts"]) for row in rows]
    return lines, rows[0]["total"] if rows else 0

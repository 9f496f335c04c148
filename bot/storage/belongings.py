"""What our own books say a customer has. Every look at the wallet asks for all of it, so it is one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import asyncpg
import orjson

from bot.storage import hand_overs, issues, links
from bot.storage.hand_overs import HandOver
from bot.storage.points import Account

_LINK = ", ".join(f"link.{name} AS link_{name}" for name in links.Stored.__slots__)
_GIVEN = ", ".join(f"given.{name} AS given_{name}" for name in HandOver.__slots__)
_READ = f"""
SELECT one.nth AS asked, available, held, ({issues.COUNT.format(customer_id="one.customer_id")}) AS vouchers,
    {_LINK}, {_GIVEN}
FROM json_to_recordset($1::json) AS one (nth int, customer_id bigint, person_hash text)
-- The limits keep the planner from joining whole tables while its statistics are young.
LEFT JOIN LATERAL (SELECT * FROM accounts WHERE customer_id = one.customer_id LIMIT 1) account ON true
LEFT JOIN LATERAL (SELECT * FROM links WHERE customer_id = one.customer_id LIMIT 1) link ON true
LEFT JOIN LATERAL ({hand_overs.OF_PERSON.format(person_hash="decode(one.person_hash, 'hex')")}) given ON true
ORDER BY one.nth, given.key, given.nth
"""


@dataclass(frozen=True, slots=True)
class Belongings:
    """link: of their phone. vouchers: how many, those on their way included. hand_overs: as `hand_overs.of_person`."""

    account: Account
    vouchers: int
    link: links.Stored | None
    hand_overs: Sequence[HandOver]


async def of_customers(
    connection: asyncpg.Connection | asyncpg.Pool, asked: Sequence[tuple[int, bytes]]
) -> list[Belongings]:
    """What each of some customers has, in their order.

    asked: a customer's id, and the hash of the same person, under which what they were handed over is kept.
    """
    given = [
        {"nth": nth, "customer_id": customer_id, "person_hash": person_hash.hex()}
        for nth, (customer_id, person_hash) in enumerate(asked)
    ]
    rows = await connection.fetch(_READ, orjson.dumps(given).decode())
    # There is always one of each.
    return [_of(list(group)) for _, group in groupby(rows, key=itemgetter("asked"))]


def _of(rows: Sequence[asyncpg.Record]) -> Belongings:
    first = rows[0]
    return Belongings(
        Account(first["available"] or 0, first["held"] or 0),
        int(first["vouchers"]),
        links.Stored(*[first[f"link_{name}"] for name in links.Stored.__slots__])
        if first["link_customer_id"]
        else None,
        [HandOver(*[row[f"given_{name}"] for name in HandOver.__slots__]) for row in rows if row["given_id"]],
    )

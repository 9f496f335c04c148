"""What our own books say a customer has. Every look at the wallet asks for all of it, so it is one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from bot.storage import hand_overs, issues, links
from bot.storage.hand_overs import HandOver
from bot.storage.points import Account

_LINK = ", ".join(f"link.{name} AS link_{name}" for name in links.Stored.__slots__)
_GIVEN = ", ".join(f"given.{name} AS given_{name}" for name in HandOver.__slots__)
_READ = f"""
SELECT available, held, ({issues.COUNT}) AS vouchers, {_LINK}, {_GIVEN}
FROM (SELECT) one
LEFT JOIN accounts ON accounts.customer_id = $1
LEFT JOIN links link ON link.customer_id = $1
LEFT JOIN ({hand_overs.OF_PERSON.format(person_hash="$2")}) given ON true
ORDER BY given.key, given.nth
"""


@dataclass(frozen=True, slots=True)
class Belongings:
    """link: of their phone. vouchers: how many, those on their way included. hand_overs: as `hand_overs.of_person`."""

    account: Account
    vouchers: int
    link: links.Stored | None
    hand_overs: Sequence[HandOver]


async def of_customer(
    connection: asyncpg.Connection | asyncpg.Pool, customer_id: int, person_hash: bytes
) -> Belongings:
    """What a customer has. person_hash: of the same customer, under which what they were handed over is kept."""
    rows = await connection.fetch(_READ, customer_id, person_hash)
    first = rows[0]  # There is always one.
    return Belongings(
        Account(first["available"] or 0, first["held"] or 0),
        int(first["vouchers"]),
        links.Stored(*[first[f"link_{name}"] for name in links.Stored.__slots__])
        if first["link_customer_id"]
        else None,
        [HandOver(*[row[f"given_{name}"] for name in HandOver.__slots__]) for row in rows if row["given_id"]],
    )

"""What the shop gave at its counter, once for each thing of each person."""

from __future__ import annotations

import asyncpg


async def anonymise(connection: asyncpg.Connection, customer_id: int) -> None:
    """Cut hand-overs loose from their customer; the keyed hash still keeps a thing from being handed over again."""
    await connection.execute("UPDATE hand_overs SET customer_id = NULL WHERE customer_id = $1", customer_id)

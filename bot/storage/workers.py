"""What each worker says of itself every few seconds: how those whom it calls have been answering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg


@dataclass(frozen=True, slots=True)
class Report:
    """One worker's view. parts: by name, see `bot.apis.call_stats.CallStats.report`."""

    worker: str
    at: datetime
    parts: Mapping[str, Mapping[str, Any]]


async def write(connection: asyncpg.Connection | asyncpg.Pool, report: Report) -> None:
    """Replace what a worker said before."""
    await connection.execute(
        """
        INSERT INTO workers (worker, at, parts) VALUES ($1, $2, $3)
        ON CONFLICT (worker) DO UPDATE SET at = excluded.at, parts = excluded.parts
        """,
        report.worker,
        report.at,
        report.parts,
    )


async def reports(connection: asyncpg.Connection | asyncpg.Pool) -> list[Report]:
    """The last words of every worker of the past day; those that are gone as well."""
    rows = await connection.fetch("SELECT worker, at, parts FROM workers ORDER BY at")
    return [Report(**row) for row in rows]

"""A customer's own data as a file, for the worker; the web process hands it out (`exports.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import asyncpg


async def add(
    connection: asyncpg.Connection,
    customer_id: int,
    *,
    page: Mapping[str, str],
    file: str,
    now: datetime,
    expires_at: datetime,
) -> int:
    """Allow one download; the id that its link is signed for. Links of before end with it."""
    await connection.execute(
        "UPDATE data_files SET file = NULL, expires_at = $2 WHERE customer_id = $1 AND file IS NOT NULL",
        customer_id,
        now,
    )
    file_id: int = await connection.fetchval(
        """
        INSERT INTO data_files (customer_id, page, file, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)
        RETURNING id
        """,
        customer_id,
        dict(page),
        file,
        now,
        expires_at,
    )
    return file_id


async def forget(connection: asyncpg.Connection, customer_id: int) -> None:
    """Nothing is left to be fetched."""
    await connection.execute("DELETE FROM data_files WHERE customer_id = $1", customer_id)

"""Connections: one pool per process; and what a statement answers."""

from __future__ import annotations

from typing import Any

import asyncpg
import orjson

# The database went away under a statement, has no room, became a replica, or chose this of two transactions to wait for
# the other: that says nothing about the statement, which can be tried again.
UNWELL = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ConnectionError,
)
# Whatever a statement raises that does not reach the database, or gets no answer that is one. asyncpg raises its
# InternalClientError, too, when a connection ends between two of its own steps.
LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads
    )


async def _leave_as_is(_connection: asyncpg.Connection) -> None:
    """asyncpg would spend a round trip on cleaning each connection it gets back; ours leave nothing behind:
    transactions are ended by whoever began them, and nobody sets, listens or locks for a session.
    """


async def connect(url: str, size: int) -> asyncpg.Pool:
    """A pool of up to `size` connections. Raises OSError or asyncpg.PostgresError when there is no server."""
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        init=_prepare,
        reset=_leave_as_is,
        command_timeout=20,
        max_inactive_connection_lifetime=60,
    )


async def connect_one(url: str, **options: Any) -> asyncpg.Connection:
    """One connection outside any pool, for what holds it for long (LISTEN)."""
    connection = await asyncpg.connect(url, **{"command_timeout": 20, **options})
    await _prepare(connection)
    return connection


def affected(status: str) -> int:
    """How many rows a statement changed, from what PostgreSQL says of it: `INSERT 0 3`, `DELETE 3`."""
    return int(status.rsplit(maxsplit=1)[-1])

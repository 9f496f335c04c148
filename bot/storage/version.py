"""Which schema this version needs, told without loading what builds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncpg
    import psycopg

HEAD = "0020"  # The newest migration; a test keeps it so.


def is_current(connection: psycopg.Connection[Any]) -> bool:
    """Whether the database is at HEAD."""
    exists = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
    if exists is None or exists[0] is None:
        return False
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return row is not None and row[0] == HEAD


async def is_current_now(pool: asyncpg.Pool) -> bool:
    """The same, for the worker's connections."""
    if not await pool.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
        return False
    return bool(await pool.fetchval("SELECT version_num = $1 FROM alembic_version", HEAD))


def migrate(url: str) -> None:
    """Bring the database to HEAD. At most starts it is there, and what builds it takes longer to load than all else."""
    import psycopg  # noqa: PLC0415 - a worker asks what stands above, and has no other use for it

    with psycopg.connect(url) as connection:
        if is_current(connection):
            return
    from bot.storage import schema  # noqa: PLC0415

    schema.migrate(url)

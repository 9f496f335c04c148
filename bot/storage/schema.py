"""Brings the database to the schema this version needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from bot.storage.models import metadata

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 4_716_532  # Any number of our own: two machines that migrate at once do so one after the other.


def _engine(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=sa.NullPool)


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


@contextmanager
def locked(url: str) -> Iterator[sa.Connection]:
    """A connection for whoever changes tables, one of them at a time: two machines that migrate at once wait."""
    with _engine(url).connect() as connection:
        connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
        connection.commit()
        try:
            yield connection
        finally:
            connection.rollback()
            connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK})
            connection.commit()


def upgrade(connection: sa.Connection, revision: str = "head") -> None:
    """Apply what is missing up to a migration: in the connection's transaction if it has one, else each in its own."""
    command.upgrade(_config(connection), revision)


def migrate(url: str, revision: str = "head") -> None:
    """Apply every migration that is missing. Safe to run again, and on several machines at once."""
    with locked(url) as connection:
        upgrade(connection, revision)
        connection.commit()


def revisions() -> list[str]:
    """Every migration, oldest first."""
    return [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]


def drift(url: str) -> list[Any]:
    """Differences between the migrated database and `models`; empty when they agree."""
    with _engine(url).connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _: not (kind == "table" and str(name).startswith("pgqueuer")),
            },
        )
        return list(compare_metadata(context, metadata))

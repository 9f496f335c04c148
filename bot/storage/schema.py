"""Brings the database to the schema this version needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

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


def migrate(url: str) -> None:
    """Apply every migration that is missing. Safe to run again, and on several machines at once."""
    engine = _engine(url)
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
        connection.commit()
        try:
            command.upgrade(_config(connection), "head")
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK})
            connection.commit()


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

"""The schema is what the models say, however often and by however many it is installed."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic.script import ScriptDirectory

from bot.storage import schema
from bot.storage.version import HEAD, is_current


@pytest.fixture
def fresh(database: str) -> str:
    """A new, empty database."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS fresh_one WITH (FORCE)")
        connection.execute("CREATE DATABASE fresh_one")
    return database.replace("/postgres?", "/fresh_one?", 1)


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


def test_the_migrations_build_what_the_models_say(fresh: str) -> None:
    """No column, index or constraint more or less."""
    schema.migrate(fresh)

    assert schema.drift(fresh) == []


def test_a_drift_would_be_seen(fresh: str) -> None:
    """The check above can fail."""
    schema.migrate(fresh)
    with psycopg.connect(fresh) as connection:
        connection.execute("ALTER TABLE claims DROP CONSTRAINT claims_code_id_person_hash_nth_key")
        connection.execute("ALTER TABLE events ADD COLUMN odd text")

    assert len(schema.drift(fresh)) == 2


def test_migrating_twice_changes_nothing(fresh: str) -> None:
    """Each start migrates; what is there stays."""
    schema.migrate(fresh)
    with psycopg.connect(fresh) as connection:
        connection.execute("INSERT INTO policies (group_id) VALUES (7)")
    before = tables(fresh)
    schema.migrate(fresh)

    assert tables(fresh) == before
    with psycopg.connect(fresh) as connection:
        assert connection.execute("SELECT group_id FROM policies").fetchall() == [(7,)]


def test_two_machines_may_migrate_at_once(fresh: str) -> None:
    """One waits for the other, and both succeed."""
    run = "import sys; from bot.storage import version; version.migrate(sys.argv[1])"
    with ThreadPoolExecutor(3) as threads:
        ended = list(
            threads.map(
                lambda _: subprocess.run(
                    [sys.executable, "-W", "ignore", "-c", run, fresh], check=False, capture_output=True, text=True
                ),
                range(3),
            )
        )

    assert [done.returncode for done in ended] == [0, 0, 0], [done.stderr[-500:] for done in ended]
    assert schema.drift(fresh) == []


def test_a_start_with_nothing_to_migrate_loads_nothing_that_does(fresh: str) -> None:
    """It would take longer than all the rest of a start. A database that lacks something is brought up as ever."""
    run = "import sys; from bot.storage import version; version.migrate(sys.argv[1]); print('alembic' in sys.modules)"
    loaded = [subprocess.check_output([sys.executable, "-W", "ignore", "-c", run, fresh], text=True) for _ in range(2)]

    assert loaded == ["True\n", "False\n"]
    assert schema.drift(fresh) == []


def test_the_queues_tables_come_with_the_first_migration(fresh: str) -> None:
    """PgQueuer needs no installation of its own."""
    schema.migrate(fresh)

    assert {"pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics"} <= tables(fresh)


async def test_the_queue_finds_everything_it_needs(fresh: str) -> None:
    """Its own check of its tables, columns, indexes and types passes."""
    import asyncpg
    from pgqueuer import PgQueuer

    schema.migrate(fresh)
    connection = await asyncpg.connect(fresh)
    await PgQueuer.from_asyncpg_connection(connection).qm.verify_structure()
    await connection.close()


def test_only_the_newest_migration_counts_as_current(fresh: str) -> None:
    """An empty database is not current, a migrated one is, one at another migration is not."""
    with psycopg.connect(fresh, autocommit=True) as connection:
        assert not is_current(connection)
        schema.migrate(fresh)
        assert is_current(connection)
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
        assert not is_current(connection)


def test_the_version_that_is_waited_for_is_the_newest_migration() -> None:
    """A new migration must raise it, or nothing would wait for it."""
    assert ScriptDirectory(str(schema.MIGRATIONS)).get_current_head() == HEAD

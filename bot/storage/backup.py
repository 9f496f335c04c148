"""Backups: the whole database as one file, taken while it is in use, and put into an empty one.

    manifest.json      what it is: when it was taken, by which schema, with which key's fingerprint, rows and checksums
    tables/<name>      every table, as PostgreSQL's COPY writes it

It is a zip, so whatever is cut off is noticed before a row is read. Tables are made by our own migrations when it is
restored, so neither pg_dump nor the same PostgreSQL is needed, and an older backup is brought up to date on the way.

What was not finished when it was taken may have been finished since, and nobody can know: a restore puts all of that
aside, and `release` lets it go on.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import psycopg
import sqlalchemy as sa
from psycopg.sql import SQL, Composable, Composed, Identifier

from bot.errors import GiftdeskError
from bot.storage import schema
from bot.storage.inbox import RELEASE_HELD
from bot.storage.queue import ISSUE, PUSH

FORMAT = 1
MANIFEST = "manifest.json"
BLOCK = 1 << 20  # bytes
# The queue's jobs are made anew from the rows that they are about; the other ones say what a process does just now.
LEFT_OUT = (
    *("pgqueuer", "pgqueuer_log", "pgqueuer_statistics", "pgqueuer_schedules"),
    *("workers", "rate_limits", "alembic_version"),
)
# What a desk that nobody has written to may hold: its start wrote that. `switches` has the key's fingerprint.
OF_A_START = {*LEFT_OUT, "pictures", "attachments", "tallies", "switches"}
# Rows that were written after the backup are gone, but not what quotes their numbers: signed links, buttons. So many
# numbers are skipped, that none comes to mean another row.
SKIPPED = 10_000
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP}  # of sticks and of some shares over the network
PUT_ASIDE = "put aside by a restore: what became of it since the backup is not known"
"""The reason of what a restore has stopped, as staff read it."""


class BackupError(GiftdeskError):
    """A backup cannot be written or restored. The message says why and what to do; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is kept of one table. sha256: of what COPY wrote. last: the highest number its rows were given, if any."""

    columns: list[str]
    rows: int
    sha256: str
    last: int | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. schema: the newest migration. fingerprint: of the key, which is not in it."""

    taken_at: datetime
    schema: str
    fingerprint: str
    tables: Mapping[str, Content]

    @property
    def rows(self) -> int:
        """How many there are in all."""
        return sum(content.rows for content in self.tables.values())


@dataclass(frozen=True, slots=True)
class Aside:
    """How much a restore has put aside: events without an answer, messages on their way, vouchers without an end; and
    how many bulk jobs it has stopped."""

    events: int
    pushes: int
    issues: int
    jobs: int = 0


# ── writing ──────────────────────────────────────────────────────────────────────────────────────


def write(url: str, path: Path, fingerprint: str) -> Manifest:
    """Write a backup of the database to `path`, readable for its owner only, as of one moment.

    fingerprint: of the key that the database is used with. A file that is there is never written over; until the last
    byte is on the disk there is no file of that name. Raises BackupError, psycopg.Error.
    """
    if path.exists():
        raise BackupError(f"{path} exists, and a backup is never written over another one. Choose another name")
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "w+b") as file:
            manifest = _write(url, file, fingerprint)
            file.flush()
            os.fsync(file.fileno())
        _name(draft, path)
    except OSError as error:
        raise BackupError(
            f"{path} cannot be written: {error.strerror}. Nothing is left of it, and the database is as it was"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return manifest


def _name(draft: Path, path: Path) -> None:
    """Give a finished file its name, unless there is another one by now."""
    try:
        path.hardlink_to(draft)  # Unlike a rename, it does not replace what came meanwhile.
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        path.touch(mode=0o600, exist_ok=False)
        draft.replace(path)


def _write(url: str, file: IO[bytes], fingerprint: str) -> Manifest:
    with _connected(url) as connection:
        # Before the snapshot is taken, so that no migration changes the tables under it.
        connection.execute("SELECT pg_advisory_lock_shared(%s)", [schema.LOCK])
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        at = _one(connection, "SELECT now(), (SELECT version_num FROM alembic_version)")
        if at[1] not in schema.revisions():
            raise BackupError(f"The database is of a newer Giftdesk (schema {at[1]}); let that one write the backup")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            contents = {name: _copy_out(connection, archive, name) for name in _tables(connection)}
            manifest = Manifest(at[0], at[1], fingerprint, contents)
            told = asdict(manifest) | {"format": FORMAT, "taken_at": manifest.taken_at.isoformat()}
            archive.writestr(MANIFEST, json.dumps(told, indent=1))
    return manifest


def _tables(connection: psycopg.Connection[Any]) -> list[str]:
    found = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL(%s) ORDER BY 1",
        [list(LEFT_OUT)],
    )
    return [row[0] for row in found]


def _columns(connection: psycopg.Connection[Any], table: str) -> list[str]:
    found = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s "
        "ORDER BY ordinal_position",
        [table],
    )
    return [row[0] for row in found]


def _copy_out(connection: psycopg.Connection[Any], archive: zipfile.ZipFile, table: str) -> Content:
    columns = _columns(connection, table)
    digest, rows = hashlib.sha256(), 0
    with (
        archive.open(_member(table), "w", force_zip64=True) as member,
        connection.cursor().copy(_copy(table, columns, "TO STDOUT")) as copied,
    ):
        for block in copied:
            rows += 1  # COPY's text format sends a row at a time.
            digest.update(block)
            member.write(block)
    sequence = _sequence(connection, table)
    # Sequences know no snapshot: what they say now is never less than what the rows have.
    last = _one(connection, SQL("SELECT last_value FROM {}").format(SQL(sequence)))[0] if sequence else None
    return Content(columns, rows, digest.hexdigest(), last)


def _copy(table: str, columns: list[str], way: str) -> Composed:
    named = SQL(", ").join(map(Identifier, columns))
    return SQL("COPY {} ({}) {}").format(Identifier(table), named, SQL(way))


def _member(table: str) -> str:
    return f"tables/{table}"


def _sequence(connection: psycopg.Connection[Any], table: str) -> Any:
    """The sequence behind a table's `id`, as SQL; None when its rows are not numbered by one."""
    if "id" not in _columns(connection, table):
        return None
    return _one(connection, "SELECT pg_get_serial_sequence(%s, 'id')", table)[0]


# ── restoring ────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def opened(path: Path) -> Iterator[tuple[Manifest, zipfile.ZipFile]]:
    """A backup whose every byte is what was written. Raises BackupError when it is cut short or something else."""
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}") from error
    except zipfile.BadZipFile as error:
        raise BackupError(f"{path} is no whole backup: it was cut short, or is something else") from error
    with archive:
        try:
            told = json.loads(archive.read(MANIFEST))
            if told["format"] != FORMAT:
                raise BackupError(f"{path} was written by a newer Giftdesk; restore it with that one")
            contents = {name: Content(**content) for name, content in told["tables"].items()}
            at = datetime.fromisoformat(told["taken_at"])
            manifest = Manifest(at, told["schema"], told["fingerprint"], contents)
            whole = all(_digest(archive, name) == content.sha256 for name, content in contents.items())
        except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError, OSError) as error:
            raise BackupError(f"{path} is damaged, or no backup of Giftdesk; take another one") from error
        if not whole:
            raise BackupError(f"{path} is damaged: its rows are not those that were written; take another one")
        yield manifest, archive


def _digest(archive: zipfile.ZipFile, table: str) -> str:
    with archive.open(_member(table)) as member:
        return hashlib.file_digest(member, "sha256").hexdigest()  # type: ignore[arg-type]  # It reads like a file.


def restore(url: str, path: Path, fingerprint: str) -> tuple[Manifest, Aside]:
    """Put a backup into an empty database, bring it to this version's schema, and put aside what was not finished.

    All of it is one transaction: it is done, or nothing is. fingerprint: of the key that is set. Returns what the
    backup said and how much was put aside. Raises BackupError, psycopg.Error.
    """
    with opened(path) as (manifest, archive):
        if manifest.fingerprint != fingerprint:
            raise BackupError(
                f"{path} was taken with another key. Claims, blocks and linked phones are found by the key and by "
                "nothing else: set the SECRET_KEY of then, or bring back the `secret_key` file of then"
            )
        if manifest.schema not in schema.revisions():
            raise BackupError(f"{path} is of a newer Giftdesk (schema {manifest.schema}); restore it with that one")
        with schema.locked(url) as connection, connection.begin():
            raw: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
            raw.execute("SET client_encoding = 'UTF8'")
            _make_ready(connection, raw, manifest)
            for table, content in manifest.tables.items():
                _copy_in(raw, archive, table, content)
            schema.upgrade(connection)
            return manifest, _put_aside(raw)


def _make_ready(connection: sa.Connection, raw: psycopg.Connection[Any], manifest: Manifest) -> None:
    """The backup's own schema, without a row in it. Raises BackupError when somebody uses the database."""
    others = _one(
        raw,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND coalesce(backend_type, 'client backend') = 'client backend'",
    )[0]
    if others:
        raise BackupError(
            f"The database is in use by {others} other connections. Stop `giftdesk serve`, every web and every worker"
        )
    there = _tables(raw)
    if there:  # What comes while this goes on waits, and is refused for it.
        raw.execute(SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(SQL(", ").join(map(Identifier, there))))
    if "mantago_pairs" in there:  # A start says whose the settings' pair is; a newer pair is in no other place.
        raw.execute("DELETE FROM mantago_pairs WHERE pair IS NULL AND state = 'kept'")
    used = [name for name in there if name not in OF_A_START and _one(raw, _any_row(name))[0]]
    if used:
        raise BackupError(
            f"The database is in use: there are rows in {', '.join(used)}. A backup goes into an empty one: name "
            "another in DATABASE_URL, or another GIFTDESK_HOME (and bring the key there)"
        )
    version = _one(raw, "SELECT version_num FROM alembic_version")[0] if _exists(raw, "alembic_version") else None
    known = schema.revisions()
    if version is not None and version not in known[: known.index(manifest.schema) + 1]:
        raise BackupError(
            f"The database has the schema {version} already, and the backup is of {manifest.schema}, before it. "
            "Restore into a new database; its schema is brought up to date then"
        )
    schema.upgrade(connection, manifest.schema)
    for name in _tables(raw):
        if name in OF_A_START:
            raw.execute(SQL("DELETE FROM {}").format(Identifier(name)))
    raw.execute("DELETE FROM pgqueuer")
    strange = {
        table
        for table, content in manifest.tables.items()
        if not content.columns or not set(content.columns) <= set(_columns(raw, table))
    }
    if strange:
        raise BackupError(f"The backup has tables that schema {manifest.schema} does not have: {sorted(strange)}")


def _copy_in(raw: psycopg.Connection[Any], archive: zipfile.ZipFile, table: str, content: Content) -> None:
    cursor = raw.cursor()
    with (
        archive.open(_member(table)) as member,
        cursor.copy(_copy(table, content.columns, "FROM STDIN")) as copied,
    ):
        while block := member.read(BLOCK):
            copied.write(block)
    if cursor.rowcount != content.rows:
        raise BackupError(f"{content.rows} rows of {table} were written, and {cursor.rowcount} came back")
    if content.last is not None and (sequence := _sequence(raw, table)):
        raw.execute("SELECT setval(%s, %s)", [sequence, content.last + SKIPPED])


def _put_aside(raw: psycopg.Connection[Any]) -> Aside:
    """Let nothing of what was unfinished go on by itself, and nothing be used that works once and may have been used.

    Every kind of job that `queue.KINDS` knows has its sentence here.
    """
    events = raw.execute(
        "UPDATE events SET state = 'done', held_at = coalesce(held_at, now()) WHERE state IN ('new', 'ready')"
    ).rowcount
    # Those that wait for their recipient to write again, too: the recipient may have done so.
    pushes = raw.execute("UPDATE pushes SET waiting = false, outcome = 'held' WHERE messages IS NOT NULL").rowcount
    # Each may have been asked for since; so only its own request id may ever be sent again, and not by itself.
    issues = raw.execute(
        "UPDATE issues SET state = 'check', reason = %s, leased_until = NULL, next_at = NULL "
        "WHERE state IN ('pending', 'unknown')",
        [PUT_ASIDE],
    ).rowcount
    jobs = raw.execute(
        "UPDATE bulk_jobs SET state = 'stopped', slot = NULL, reason = %s, ended_at = now(), next_at = NULL, "
        "leased_by = NULL, leased_until = NULL WHERE slot = 1",
        [PUT_ASIDE],
    ).rowcount
    # Looked up at Poshen before it is asked for.
    raw.execute("UPDATE bulk_codes SET state = 'unknown' WHERE state = 'pending'")
    for once in (
        "UPDATE invitations SET expires_at = least(expires_at, now()) WHERE used_at IS NULL",
        "UPDATE link_codes SET ended_at = now(), phone = '' WHERE ended_at IS NULL",
        "UPDATE counter_codes SET ended_at = now() WHERE ended_at IS NULL",
        "UPDATE poster_files SET used_at = now() WHERE used_at IS NULL",
        # Who was reminded since is not known; the next look is tomorrow's, and of what was sent it knows as much.
        "UPDATE reminder_wishes SET due_at = NULL, looked_on = current_date",
        "DELETE FROM relays",  # The other tool has had them, or can ask nobody about a chat of so long ago.
        "UPDATE approvals SET expires_at = least(expires_at, now()) WHERE approved_at IS NULL",
        "UPDATE exports SET used_at = now() WHERE used_at IS NULL",
        "UPDATE data_files SET used_at = coalesce(used_at, now()), file = NULL",
    ):
        raw.execute(once)
    return Aside(events, pushes, issues, jobs)


def release(url: str) -> Aside:
    """Let what a restore has put aside go on, with jobs for all of it; returns how much. Nothing the second time.

    Held events go with it, those too that kept failing before. Vouchers are asked for with their own request ids.
    Bulk jobs are their staff's to resume.
    """
    with _connected(url) as connection, connection.transaction():
        return Aside(*(connection.execute(statement).rowcount for statement in (RELEASE_HELD, _PUSHES, _ISSUES)))


_PUSHES = f"""
WITH again AS (UPDATE pushes SET outcome = NULL WHERE outcome = 'held' RETURNING id)
{PUSH.insert("FROM again ORDER BY id")}
"""
_ISSUES = f"""
WITH again AS (
    UPDATE issues SET state = 'unknown', awaited = awaited OR kind <> 'staff'
    WHERE state = 'check' AND reason = '{PUT_ASIDE}' RETURNING id
)
{ISSUE.insert("FROM again ORDER BY id")}
"""


# ── connections ──────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[Any]]:
    connection = psycopg.connect(url, autocommit=True, client_encoding="UTF8")
    try:
        # How COPY writes moments and bytes is the session's choice.
        connection.execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET bytea_output = 'hex'")
        yield connection
    finally:
        connection.close()


def _one(connection: psycopg.Connection[Any], statement: str | Composable, *values: Any) -> Any:
    row = connection.execute(statement, values or None).fetchone()  # type: ignore[arg-type]  # our own words
    assert row is not None, "asked for with an aggregate or of one row"
    return row


def _exists(connection: psycopg.Connection[Any], table: str) -> bool:
    return _one(connection, "SELECT to_regclass(%s) IS NOT NULL", table)[0] is True


def _any_row(table: str) -> Composable:
    return SQL("SELECT EXISTS (SELECT FROM {})").format(Identifier(table))

"""`giftdesk backup` and `giftdesk restore`, in words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click
import psycopg
import sqlalchemy as sa

from bot.config import Settings
from bot.storage import backup, key
from bot.storage import pool as pools
from bot.storage.backup import Aside, BackupError


def save(settings: Settings, url: str, file: Path) -> None:
    """Write a backup and say where the key lies, which is not in it. Raises BackupError."""
    with _explained():
        if asyncio.run(_another_key(url, settings.secret)):
            raise BackupError(f"{key.CHANGED}. A backup needs the key beside it")
        written = backup.write(url, file, key.fingerprint(settings.secret))
    size = file.stat().st_size / 1_000_000
    click.echo(
        f"{file}: {written.rows:,} rows as of {_told(settings, written.taken_at)}, {size:.1f} MB, schema "
        f"{written.schema}. It holds what people wrote and who they are; keep it as you keep the database."
    )
    lies = "SECRET_KEY" if settings.secret_key.get_secret_value() else str(settings.key_file)
    click.echo(f"The key is not in it. It lies in {lies}: without that key the file is worthless; keep it elsewhere.")


def bring_back(settings: Settings, url: str, file: Path, *, answer: bool) -> None:
    """Restore a backup, and say what nobody can know and what waits. Raises BackupError."""
    if not settings.secret_key.get_secret_value() and not settings.key_file.exists():
        raise BackupError(
            f"There is no key, and the backup is worthless without its own: put the `secret_key` file of then at "
            f"{settings.key_file}, or set SECRET_KEY"
        )
    with _explained():
        restored, aside = backup.restore(url, file, key.fingerprint(settings.secret))
    at = _told(settings, restored.taken_at)
    click.echo(f"Restored: {restored.rows:,} rows as of {at}.")
    click.echo(
        f"What happened after {at} is not known here: a code claimed or a voucher exchanged since could be had again, "
        "points given or spent since are as before, and whoever had their data deleted since is back. Staff should "
        "look at Got It's list of vouchers since then, and delete again what they know was deleted."
    )
    click.echo("Links to files, link codes, invitations and open approvals of then are void; make new ones.")
    if aside.jobs:
        click.echo("A bulk job was under way and is stopped; `/job list` shows it, and it can be resumed.")
    if not _waits(aside):
        click.echo("Nothing was unfinished.")
    elif not answer:
        click.echo(
            f"Put aside, and not answered: {_listed(aside)}. They may have been answered since, and would be a second "
            "time; `giftdesk restore --answer` lets them go on."
        )


def release(settings: Settings, url: str) -> None:
    """Let go on what a restore has put aside."""
    with _explained():
        if asyncio.run(_another_key(url, settings.secret)):
            raise BackupError(key.CHANGED)
        released = backup.release(url)
    click.echo(f"Let go on: {_listed(released)}." if _waits(released) else "Nothing was put aside.")


async def _another_key(url: str, secret: bytes) -> bool:
    connection = await pools.connect_one(url)
    try:
        return await key.is_another(connection, secret)
    finally:
        await connection.close()


@contextmanager
def _explained() -> Iterator[None]:
    """What the database says against it, in one sentence."""
    try:
        yield
    except (psycopg.Error, sa.exc.DBAPIError) as error:
        said = str(error.orig if isinstance(error, sa.exc.DBAPIError) else error).strip().splitlines()
        # Only the first line: the next ones quote rows.
        raise BackupError(
            f"The database says: {said[0] if said else type(error).__name__}. Nothing was changed"
        ) from None
    except OSError as error:
        raise BackupError(f"The database cannot be reached: {error.strerror or error}. Nothing was changed") from None


def _waits(aside: Aside) -> bool:
    return bool(aside.events or aside.pushes or aside.issues)


def _listed(aside: Aside) -> str:
    parts = ((aside.events, "event"), (aside.pushes, "message"), (aside.issues, "voucher"))
    return ", ".join(f"{count} {name}{'s' if count != 1 else ''}" for count, name in parts if count)


def _told(settings: Settings, at: datetime) -> str:
    return f"{at.astimezone(settings.zone):%Y-%m-%d %H:%M:%S %Z}"

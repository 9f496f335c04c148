"""Links to files, as the web process opens them: a job's codes, or a customer's own data, each once.

The web process imports nothing else of the storage: it stays small.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from bot.storage.export_files import CODES, Given, Made, Shelf

if TYPE_CHECKING:
    import psycopg

# `now` is a test's; without it the database's own clock counts, by which a link's end was written down.
_NOW = "coalesce(%(now)s, clock_timestamp())"

# One statement: a link is used up if, and only if, its codes were read.
_USE = f"""
WITH used AS (
    UPDATE exports SET used_at = {_NOW} WHERE id = %(id)s AND used_at IS NULL AND expires_at > {_NOW}
    RETURNING job_id, links
)
SELECT c.code, b.group_id, b.group_name, c.poshen_id, c.made_at, b.id, used.links FROM used
JOIN bulk_jobs b ON b.id = used.job_id
JOIN bulk_codes c ON c.job_id = b.id AND c.state IN ('done', 'kept') ORDER BY c.id
"""


# The same for a customer's own data, which is forgotten by being read.
_USE_DATA = f"""
WITH good AS (
    SELECT id, file FROM data_files WHERE id = %(id)s AND used_at IS NULL AND expires_at > {_NOW} FOR UPDATE
)
UPDATE data_files d SET used_at = {_NOW}, file = NULL FROM good WHERE d.id = good.id RETURNING good.file
"""


_USE_POSTER = f"""
WITH used AS (
    UPDATE poster_files SET used_at = {_NOW} WHERE id = %(id)s AND used_at IS NULL AND expires_at > {_NOW}
    RETURNING poster_id, page
)
SELECT p.name, p.token, p.says, p.code, used.page FROM used JOIN posters p ON p.id = used.poster_id
"""


class Shown(NamedTuple):
    """What is drawn for a poster. says: what LINE's link types before the token. code: "" when it opens a topic."""

    name: str
    token: str
    says: str
    code: str
    page: dict[str, str]


# The same for what was handed over.
_USE_HANDED = f"""
WITH used AS (
    UPDATE exports SET used_at = {_NOW} WHERE id = %(id)s AND used_at IS NULL AND expires_at > {_NOW} RETURNING since
)
SELECT h.id, h.at, h.item ->> 'kind', h.item ->> 'name', coalesce(c.ref, ''), coalesce(h.store, ''), h.staff,
    h.undone_at
FROM used JOIN hand_overs h ON h.at >= used.since LEFT JOIN customers c ON c.id = h.customer_id ORDER BY h.id
"""


def words(
    connection: psycopg.Connection[Any], export_id: int, now: datetime | None, shelf: Shelf = CODES
) -> tuple[dict[str, str], bool] | None:
    """What a link's page says, and whether the link is still good; None when there is no such link (any more)."""
    row = connection.execute(
        f"SELECT page, used_at IS NULL AND expires_at > {_NOW} FROM {shelf.table} WHERE id = %(id)s",
        {"now": now, "id": export_id},
    ).fetchone()
    return (row[0], row[1]) if row else None


def use(connection: psycopg.Connection[Any], export_id: int, now: datetime | None) -> list[Made]:
    """Use a link up and read its codes; none when it was used or has expired."""
    return [Made(*row) for row in connection.execute(_USE, {"now": now, "id": export_id}).fetchall()]


def use_handed(connection: psycopg.Connection[Any], export_id: int, now: datetime | None) -> list[Given]:
    """Use a link up and read what was handed over; none when it was used or has expired."""
    return [Given(*row) for row in connection.execute(_USE_HANDED, {"now": now, "id": export_id}).fetchall()]


def use_data(connection: psycopg.Connection[Any], export_id: int, now: datetime | None) -> str | None:
    """Use a link up and read a customer's own data, for the last time; None when it was used or has expired."""
    row = connection.execute(_USE_DATA, {"now": now, "id": export_id}).fetchone()
    return row[0] if row else None


def use_poster(connection: psycopg.Connection[Any], export_id: int, now: datetime | None) -> Shown | None:
    """Use a link up and read the poster whose pictures it is for; None when it was used or has expired."""
    row = connection.execute(_USE_POSTER, {"now": now, "id": export_id}).fetchone()
    return Shown(*row) if row else None

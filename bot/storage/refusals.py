"""What a database that cannot be used means to whoever runs a command."""

from __future__ import annotations

import asyncpg
import psycopg

# https://www.postgresql.org/docs/current/errcodes-appendix.html
READ_ONLY = (
    "can only be read, so nothing that customers write is stored, and platforms are told to come again: DATABASE_URL"
    " must lead to the primary, without default_transaction_read_only"
)
_REFUSED = "refuses DATABASE_URL's user or password"
_MEANS = {
    "25006": READ_ONLY,
    "28000": _REFUSED,
    "28P01": _REFUSED,
    "3D000": "does not exist on that server; make it, or change DATABASE_URL",
    "42501": "does not let DATABASE_URL's user do that; make this user the database's owner",
    "53100": "has no room left: its disk is full. What was committed is safe; free some space, and run this again",
    "53300": "has no connection left; raise its max_connections, or run fewer processes",
}

_UNREACHED = "cannot be reached; check DATABASE_URL, and that the server runs"
_SAID = {
    "password authentication failed": _REFUSED,
    "does not exist": _MEANS["3D000"],
    "too many connections": _MEANS["53300"],
    "remaining connection slots": _MEANS["53300"],
    "No space left on device": _MEANS["53100"],
}


def explained(error: BaseException) -> str | None:
    """A sentence about an error of the database, with what to do; None for other errors, and for mistakes of ours."""
    cause = getattr(error, "orig", None) or error  # SQLAlchemy wraps what the driver raised.
    if not isinstance(cause, psycopg.Error | asyncpg.PostgresError):
        return None
    first_line = (str(cause).splitlines() or [type(cause).__name__])[0]
    if means := _MEANS.get(cause.sqlstate or ""):
        return f"The database {means} ({first_line})."
    if isinstance(cause, psycopg.OperationalError | asyncpg.PostgresConnectionError):
        # What fails before there is a session has no code of its own.
        known = next((means for text, means in _SAID.items() if text in str(cause)), None)
        return f"The database {known or _UNREACHED} ({first_line})."
    return None

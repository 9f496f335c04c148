"""Tolerant readers of vendors' JSON: a field of another type is missing, a wrong outer shape is an error."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from html.entities import html5
from typing import Any

# Neither PostgreSQL nor the platforms take these; a lone surrogate cannot even be encoded.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
# With its semicolon only: `Tea&copy` is no entity to whoever typed it.
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_AMOUNT = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_BIGGEST = 2**63 - 1  # that a bigint holds: a bigger id could be read and not be written down

_JSON_NAMES = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}


class ShapeError(ValueError):
    """The answer has another shape than the documented one. The text is a JSON pointer and a type."""

    def __init__(self, pointer: str, wanted: str, found: object) -> None:
        name = _JSON_NAMES.get(type(found), "a number")
        super().__init__(f"{pointer or '/'} is {name} instead of {wanted}")


def mapping(value: object, pointer: str) -> dict[str, Any]:
    """`value` as a JSON object, or ShapeError."""
    if isinstance(value, dict):
        return value
    raise ShapeError(pointer, "an object", value)


def array(value: object, pointer: str) -> list[Any]:
    """`value` as a JSON array, or ShapeError."""
    if isinstance(value, list):
        return value
    raise ShapeError(pointer, "an array", value)


def text(value: object) -> str | None:
    """Visible text without control characters, numbers included; None for anything else or when empty."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return None
    if not value.isprintable():
        value = _UNPRINTABLE.sub(" ", value)
    return value.strip() or None


def label(value: object) -> str | None:
    """Text that is there to be read by people, such as a name: what an HTML form made of it is undone, once.

    Not for codes, ids, tokens and addresses: those are what they are.
    """
    if isinstance(value, str) and "&" in value:
        value = _ENTITY.sub(_decoded, value).replace("\xa0", " ")
    return text(value)


def _decoded(entity: re.Match[str]) -> str:
    whole = entity.group()
    # The library would also read the beginning of an unknown name: `&regular;` as `®ular;`.
    return unescape(whole) if whole[1] == "#" or whole[1:] in html5 else whole


def integer(value: object) -> int | None:
    """A whole number of 64 bits, also when written as a string or as `5.0`; None for anything else."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) < 20):
        return None
    if isinstance(value, Decimal) and not (value.is_finite() and value.adjusted() < 20 and value == int(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    read = int(value)
    return read if abs(read) <= _BIGGEST else None


def amount(value: object) -> Decimal | None:
    """A sum, exactly, also when written as a string; None for anything else."""
    if isinstance(value, str) and not _AMOUNT.fullmatch(value):
        return None
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    read = Decimal(value)
    return read if read.is_finite() and -10 < read.adjusted() < 20 else None


def moment(value: object) -> datetime | None:
    """An ISO 8601 date and time in UTC; one without an offset is taken for UTC; None when unreadable."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def expiry(token: str) -> datetime | None:
    """When a JSON Web Token ends; None when it does not say. Its signature is the vendor's business."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return None

"""QR codes of one-time codes: the signed names of their pictures, and what is drawn. Light enough for web.

The name of a picture holds the id of its row and nothing else, so an address in a log or in a cache tells no code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from bot.storage.entry_links import instagram_link, line_link, messenger_link
from bot.storage.symbols import SYMBOLS

if TYPE_CHECKING:
    import psycopg

PATH = "/q/"
LENGTHS = {"gift": 8, "person": 8, "member": 4}
"""How many symbols a code of each purpose has: 40 bits, or 20 for one that is shown for two minutes."""
COMMANDS = {"gift": "use", "person": "who"}
"""The staff command that a code is for."""
_LIVE = """
    SELECT purpose, opens FROM counter_codes
    WHERE id = %(id)s AND ended_at IS NULL AND expires_at > coalesce(%(now)s, clock_timestamp()) AND opens IS NOT NULL
"""


class Live(NamedTuple):
    """What a picture shows. opens: the account whose chat its link opens, such as `line:@basicid`."""

    purpose: str
    opens: str


def symbols_of(secret: bytes, code_id: int, purpose: str) -> str:
    """The code of a row, without its dash. Nobody without the secret can tell it, not even with the database."""
    digest = hmac.digest(secret, f"counter code:{code_id}".encode(), hashlib.sha256)
    return "".join(SYMBOLS[byte & 31] for byte in digest[: LENGTHS[purpose]])


def written(symbols: str) -> str:
    """A code as people read it: `K7PQ-4M2X`, `K7PQ`."""
    return "-".join(symbols[start : start + 4] for start in range(0, len(symbols), 4))


def link_of(opens: str, purpose: str, symbols: str) -> str:
    """Where a code's QR leads: to our chat, with the staff command for it typed (LINE) or as a referral (Meta)."""
    channel, _, account = opens.partition(":")
    command = COMMANDS[purpose]
    match channel:
        case "line":
            return line_link(account, f"/{command} {written(symbols)}")
        case "messenger":
            return messenger_link(account, f"{command}_{symbols}")
        case _:
            return instagram_link(account, f"{command}_{symbols}")


def sign(secret: bytes, code_id: int) -> str:
    """The name of a code's picture: nobody without the secret can make one."""
    return f"{code_id}.{_mac(secret, code_id)}.png"


def read(secret: bytes, name: str) -> int | None:
    """The row that a picture's name is for; None when it is not one of ours, told without the database."""
    number, _, mac = name.removesuffix(".png").partition(".")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    genuine = hmac.compare_digest(mac.encode(), _mac(secret, int(number)).encode())
    return int(number) if genuine else None


def live(connection: psycopg.Connection[Any], code_id: int, now: datetime | None) -> Live | None:
    """What the picture of a code shows; None once the code is used, replaced or too old.

    now: of tests; without it the database's own clock counts, by which its end was written down.
    """
    row = connection.execute(_LIVE, {"id": code_id, "now": now}).fetchone()
    return Live(*row) if row else None


def _mac(secret: bytes, code_id: int) -> str:
    digest = hmac.digest(secret, f"counter picture:{code_id}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:18]).decode()

"""What may be passed on to nobody, whatever becomes of it: staff's lines, phones, codes that open something."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from bot.services.counter_codes import code_hash
from bot.services.linking import CODE_SYMBOLS
from bot.storage import relays, staff
from bot.storage.counter_pictures import LENGTHS
from bot.storage.hashes import keyed_hash
from bot.storage.symbols import SYMBOLS
from bot.understanding.personal import has_phone

ALIKE = str.maketrans("OIL", "011")
READ_CLOSELY = 400  # letters and digits; of a longer text a code must begin where a word does


@dataclass(frozen=True, slots=True)
class Passing:
    """admins: ADMINS (`line:U…`). bootstrap_code: "" when there is none."""

    secret: bytes
    admins: frozenset[str]
    bootstrap_code: str = ""

    async def forbids(self, connection: asyncpg.Connection | asyncpg.Pool, texts: Iterable[str], at: datetime) -> bool:
        """Whether something in these texts stays with us. The database is asked only when it looks like a code.

        at: when they were written. A code that was good then stays, however late it is asked, and also if this very
        text has used it up.
        """
        candidates: set[str] = set()
        short: set[str] = set()
        for text in texts:
            seen = _plain(text)
            if seen.startswith("/") or has_phone(seen) or (self.bootstrap_code and self.bootstrap_code in seen):
                return True
            candidates.update(_codes(seen, CODE_SYMBOLS))
            # Each has a digit, see `CounterCodes.make`; most words have none.
            short.update(code for code in _codes(seen, LENGTHS["member"]) if any(map(str.isdigit, code)))
        if not (candidates or short):
            return False
        links = [keyed_hash(self.secret, "link code", code) for code in candidates]
        invitations = [keyed_hash(self.secret, "invitation", code) for code in candidates]
        shown = [code_hash(self.secret, purpose, code) for code in candidates for purpose in ("gift", "person")]
        shown += [code_hash(self.secret, "member", code) for code in short]
        return await relays.holds_live_code(connection, links, invitations, shown, at)

    async def is_of_staff(self, pool: asyncpg.Pool, chat: str) -> bool:
        """Whether this is the private chat of somebody of the staff, with or without rights at the moment."""
        channel, _, user_id = chat.split(":", 2) if chat.count(":") >= 2 else ("", "", "")
        return f"{channel}:{user_id}" in self.admins or await staff.find(pool, channel, user_id) is not None


def _plain(text: str) -> str:
    """All of a text in plain width, without what cannot be seen; digits of every script as 0 to 9, dashes as `-`."""
    if text.isascii():
        return text.strip()
    found = []
    for character in unicodedata.normalize("NFKC", text):
        match unicodedata.category(character):
            case "Cf" | "Mn" | "Me":  # What joins, and what makes a digit an emoji.
                pass
            case "Nd":
                found.append(str(unicodedata.decimal(character)))
            case "Pd":
                found.append("-")
            case _:
                found.append(character)
    return "".join(found).strip()


def _codes(text: str, length: int) -> Iterator[str]:
    """Everything in a text that could be a code of so many symbols, whatever stands between them."""
    symbols: list[str] = []
    starts: list[int] = []
    inside = False
    for character in text.upper():
        ours = character.isascii() and character.isalnum()
        if ours:
            if not inside:
                starts.append(len(symbols))
            symbols.append(character)
        inside = ours
    written = "".join(symbols).translate(ALIKE)
    for start in range(len(written)) if len(written) <= READ_CLOSELY else starts:
        code = written[start : start + length]
        if len(code) == length and all(symbol in SYMBOLS for symbol in code):
            yield code

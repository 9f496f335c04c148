"""One-time codes that are shown at the counter: a customer's for one of their things or for themself, or a member's.

A code only finds its row. It is made from the row's id with SECRET_KEY and kept as a keyed hash, so that neither the
database nor a picture's address tells it; and a screenshot of it is worth nothing a few minutes later.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import asyncpg

from bot.services.linking import read_code
from bot.services.staffing import SUSPENDED_AFTER
from bot.storage import counter_codes, counter_pictures, guesses, staff
from bot.storage.counter_pictures import LENGTHS
from bot.storage.hashes import keyed_hash

Purpose = Literal["gift", "person", "member"]
LIVES: dict[Purpose, timedelta] = {
    "gift": timedelta(minutes=5),
    "person": timedelta(minutes=5),
    "member": timedelta(minutes=2),
}
WRONG_AN_HOUR = 5


def code_hash(secret: bytes, purpose: str, symbols: str) -> bytes:
    """By which a code is found. symbols: of it, without its dash."""
    return keyed_hash(secret, f"{purpose} code", symbols)


@dataclass(frozen=True, slots=True)
class CounterCode:
    """A code that can be used. code: as it is shown, `K7PQ-4M2X`. until: from when on it is worth nothing.

    customer_id or staff_id: whose it is. item: the customer's thing that it is for, as it was given to `make`.
    """

    id: int
    code: str = field(repr=False)
    until: datetime
    customer_id: int | None = None
    staff_id: int | None = None
    item: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CounterCodes:
    """secret: what codes and pictures' addresses are made with. qr: the channel whose members scan (COUNTER_QR), ""
    for that of most of them. basic_id: of our LINE account, "" when nobody has told."""

    secret: bytes
    qr: str = ""
    basic_id: str = ""

    async def make(
        self,
        connection: asyncpg.Connection,
        purpose: Purpose,
        *,
        customer_id: int | None = None,
        staff_id: int | None = None,
        item: dict[str, Any] | None = None,
        opens: str | None = None,
        now: datetime,
    ) -> CounterCode:
        """A new code, in the caller's transaction. A member has one at a time: theirs of before ends.

        customer_id or staff_id: whose it is. item: the customer's thing that it is for, to be found with it. opens:
        the account whose chat its QR opens (`line:@basicid`, `messenger:<page>`); None where it has no QR.
        """
        if purpose == "member":
            assert staff_id is not None, "a member's code is somebody's"
            await counter_codes.replace_member(connection, staff_id, now)
        until = now + LIVES[purpose]
        while True:
            code_id = await counter_codes.next_id(connection)
            symbols = counter_pictures.symbols_of(self.secret, code_id, purpose)
            # With a digit in it no code is a word that somebody types for something else, such as MENU.
            if any(map(str.isdigit, symbols)) and await counter_codes.add(
                connection,
                code_id,
                purpose=purpose,
                code_hash=self._hash(purpose, symbols),
                customer_id=customer_id,
                staff_id=staff_id,
                item=item,
                opens=opens,
                now=now,
                expires_at=until,
            ):
                written = counter_pictures.written(symbols)
                return CounterCode(code_id, written, until, customer_id, staff_id, item)

    async def find(
        self, reads: asyncpg.Connection | asyncpg.Pool, typed: str, purpose: Purpose, now: datetime
    ) -> CounterCode | None:
        """The code that somebody typed, however they did; None for any reason: wrong, used, replaced or too old.

        Whoever asks counts what is None, see `may_try`.
        """
        symbols = read_code(typed, LENGTHS[purpose]) or ""
        found = await counter_codes.find(reads, purpose, self._hash(purpose, symbols), now)
        if found is None:
            return None
        written = counter_pictures.written(symbols)
        return CounterCode(found.id, written, found.expires_at, found.customer_id, found.staff_id, found.item)

    async def picked(
        self, reads: asyncpg.Connection | asyncpg.Pool, staff_id: int, customer_id: int, now: datetime
    ) -> CounterCode | None:
        """The code of what a customer picked last with a member's code; None when there is none that can be used."""
        found = await counter_codes.picked(reads, staff_id, customer_id, now)
        if found is None:
            return None
        written = counter_pictures.written(counter_pictures.symbols_of(self.secret, found.id, "gift"))
        return CounterCode(found.id, written, found.expires_at, found.customer_id, found.staff_id, found.item)

    async def end(self, connection: asyncpg.Connection, code_id: int, now: datetime) -> bool:
        """Use a code up, once; whether it had not been used. One that grew old since it was found is still used."""
        return await counter_codes.end(connection, code_id, now)

    async def opens(self, reads: asyncpg.Connection | asyncpg.Pool, now: datetime) -> str | None:
        """The account whose chat a QR code for staff opens, for `make`; None where no link can be made."""
        accounts = await staff.accounts(reads, now - SUSPENDED_AFTER)
        for channel in (self.qr,) if self.qr else (*accounts, "line"):
            if channel == "line" and self.basic_id:
                return f"line:{self.basic_id}"
            if channel == "messenger" and channel in accounts:
                return f"messenger:{accounts[channel]}"
        return None

    def picture(self, base: str, code: CounterCode) -> str:
        """Where a code's QR can be fetched while the code can be used; "" when the platform cannot reach us.

        base: `ctx.brand.pictures_at`.
        """
        return f"{base}{counter_pictures.PATH}{counter_pictures.sign(self.secret, code.id)}" if base else ""

    # ── wrong ones ───────────────────────────────────────────────────────────────────────────────

    async def may_try(self, reads: asyncpg.Connection | asyncpg.Pool, person: str, now: datetime) -> bool:
        """Whether somebody may try a code now: five wrong ones an hour, of whatever purpose.

        person: their chat's key, a member's or a customer's. Look at it before `find`, and say the same whatever was
        wrong with a code.
        """
        hour_ago = now - timedelta(hours=1)
        return await guesses.count_since(reads, self._who(person), hour_ago) < WRONG_AN_HOUR

    async def count_wrong(self, connection: asyncpg.Connection, person: str, now: datetime) -> None:
        """Count a code that was not found."""
        await guesses.add_try(connection, self._who(person), now)

    async def forget(self, connection: asyncpg.Connection, customer_id: int) -> None:
        """The customer has their data deleted."""
        await counter_codes.forget(connection, customer_id)

    def _who(self, person: str) -> bytes:
        return keyed_hash(self.secret, "counter", person)

    def _hash(self, purpose: Purpose, symbols: str) -> bytes:
        return code_hash(self.secret, purpose, symbols)

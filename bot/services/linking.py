"""Linking a phone to a chat: only what was proven at the counter, or told by the platform itself, counts.

A phone number is no secret, and Altegio tells anybody's balance to whoever asks with it. So a number that was
merely typed is never looked up, and every failure reads the same.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import asyncpg

from bot.i18n import N_
from bot.services.alerts import Alerts
from bot.services.notices import Notices
from bot.services.sealing import Sealer
from bot.storage import guesses, links, staff
from bot.storage.customers import Customer
from bot.storage.hashes import keyed_hash
from bot.storage.symbols import SYMBOLS
from bot.understanding.reading import visible

CODE_LIVES = timedelta(minutes=10)
CODE_SYMBOLS = 8  # 40 bits
WRONG_AN_HOUR = 5
CODES_A_DAY = 30
CODES_A_DAY_AT_THE_COUNTER = 10  # of a member with the role `counter`
LAPSES_AFTER = timedelta(days=365)
MARKED_EVERY = timedelta(days=1)

Assurance = Literal["staff_code", "platform"]

_BESIDE = re.compile(r"分機|轉|ext|[#/、,;\n]", re.IGNORECASE)  # an extension or another number follows
# Digits as people set them apart; in no other width, see `visible`.
_DIGITS = re.compile(r"\+?[\s(]*[0-9](?:[\s().\-‐-―/]*[0-9])+\s*")


@dataclass(frozen=True, slots=True)
class Link:
    """A proven phone. phone: E.164 digits without `+`. masked: fit to be shown to its owner."""

    phone: str = field(repr=False)
    assurance: Assurance
    linked_at: datetime
    used_at: datetime

    @property
    def masked(self) -> str:
        """The number with its middle hidden."""
        return masked(self.phone)


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A phone whose link nobody used for a year. Numbers get new owners: it proves nothing any more."""

    masked: str


def parse_phone(text: str, region: str) -> str | None:
    """E.164 digits without `+` of a number as people type it, None when it is none. Source: libphonenumber."""
    import phonenumbers  # noqa: PLC0415 - its tables take 10 MB that shops without gift cards need not load

    try:
        number = phonenumbers.parse(visible(text), region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")


def call_url(text: str, region: str) -> str:
    """The first number of a text as a `tel:` address, without its extension; '' when there is none to call."""
    number = _BESIDE.split(visible(text), maxsplit=1)[0].strip()
    if phone := parse_phone(number, region):
        return f"tel:+{phone}"
    local = re.sub("[ ()-]", "", number)  # 1999 and 412-8888 have neither area nor country.
    return f"tel:{local}" if re.fullmatch("[1-9][0-9]{2,7}", local) else ""


def reads_like_phone(text: str, region: str) -> bool:
    """Whether a whole message is a phone number, even one that nobody has.

    With `+` or a leading zero it is, by its length alone; other digits must make a number that exists.
    """
    folded = visible(text)
    if not _DIGITS.fullmatch(folded):
        return False
    digits = sum(character.isdigit() for character in folded)
    if folded.startswith("+") or folded.lstrip("( ").startswith("0"):
        return (8 if folded.startswith("+") else 9) <= digits <= 17
    return 9 <= digits <= 15 and any(parse_phone(number, region) for number in (folded, f"+{folded}"))


def masked(phone: str) -> str:
    """`886912345678` as `09••-•••-678` in Taiwan, `+84 •••••• 678` elsewhere."""
    import phonenumbers  # noqa: PLC0415 - see parse_phone

    if phone.startswith("8869") and len(phone) == 12:
        return f"09••-•••-{phone[-3:]}"
    return f"+{phonenumbers.parse(f'+{phone}').country_code} •••••• {phone[-3:]}"


def read_code(typed: str, length: int = CODE_SYMBOLS) -> str | None:
    """The one-time code that a text begins with, however it was typed; None when it cannot be one.

    Crockford's alphabet forgives O for 0 and I or L for 1; what people add after the code (`謝謝`) is left out.
    length: how many symbols it has; those of link codes where nothing else is said.
    """
    return next((code for reading in _readings(typed) if (code := _first_code(reading, length))), None)


def is_bare_code(text: str) -> bool:
    """Whether a whole message could be a link code: its eight symbols with nothing but blanks and dashes between."""
    return any(
        re.fullmatch(r"[\s0-9A-Za-z.,!。-]+", reading) is not None
        and len("".join(_runs(reading))) == CODE_SYMBOLS
        and _first_code(reading) is not None
        for reading in _readings(text)
    )


def _readings(typed: str) -> tuple[str, str]:
    """A text without its smileys and with them: `QQ` may stand beside a code, and be the end of one."""
    return visible(typed), visible(typed, smileys=True)


def _first_code(reading: str, length: int = CODE_SYMBOLS) -> str | None:
    symbols = ""
    for run in _runs(reading):
        symbols += run
        if len(symbols) >= length:
            break
    symbols = symbols.translate(str.maketrans("OIL", "011"))
    return symbols if len(symbols) == length and all(symbol in SYMBOLS for symbol in symbols) else None


def _runs(reading: str) -> list[str]:
    return re.findall(r"[0-9A-Z]+", reading.upper())


@dataclass(frozen=True, slots=True)
class Linking:
    """region: where numbers without a country code are from (`TW`)."""

    secret: bytes
    sealer: Sealer
    notices: Notices
    alerts: Alerts
    region: str = "TW"

    def phone(self, text: str) -> str | None:
        """What somebody typed as a phone number, see `parse_phone`."""
        return parse_phone(text, self.region)

    def reads_like_phone(self, text: str) -> bool:
        """Whether a whole message is a phone number, see there."""
        return reads_like_phone(text, self.region)

    async def new_code(
        self,
        connection: asyncpg.Connection,
        phone: str,
        *,
        staff: str,
        now: datetime,
        a_day: int = CODES_A_DAY,
        store_id: int | None = None,
    ) -> str | None:
        """A one-time code for a phone, as staff read it out (`K7PQ-4M2X`); it replaces the phone's older one.

        phone: E.164 digits without `+`. staff: a member's id, for the daily limit and for telling them of its use.
        a_day: how many they may issue. store_id: where. None when they issued as many within a day.
        """
        if await links.issued_since(connection, staff, now - timedelta(days=1)) >= a_day:
            return None
        code = "".join(secrets.choice(SYMBOLS) for _ in range(CODE_SYMBOLS))
        await links.add_code(
            connection,
            code_hash=self._hash("link code", code),
            phone_hash=self._hash("phone", phone),
            phone=self.sealer.seal(phone),
            issued_by=staff,
            now=now,
            expires_at=now + CODE_LIVES,
            store_id=store_id,
        )
        return f"{code[:4]}-{code[4:]}"

    async def cancel_code(self, connection: asyncpg.Connection, phone: str, now: datetime) -> bool:
        """End a phone's live code; whether there was one."""
        return await links.cancel_code(connection, self._hash("phone", phone), now)

    async def is_live(self, connection: asyncpg.Connection | asyncpg.Pool, typed: str, now: datetime) -> bool:
        """Whether this is a link code that waits to be used. The caller counts how often somebody asks."""
        return await links.is_live(connection, self._hash("link code", read_code(typed) or ""), now)

    async def use_code(
        self, connection: asyncpg.Connection, customer: Customer, typed: str, now: datetime
    ) -> Link | None:
        """Link the phone that a code was issued for, and tell who issued it.

        None for any failure: which one is nobody's business. A member's own codes are none for themself.
        """
        assert customer.id is not None, "only private chats get here"
        who = self._hash("linker", customer.person)
        if await guesses.count_since(connection, who, now - timedelta(hours=1)) >= WRONG_AN_HOUR:
            return None
        code, found = read_code(typed), None
        if code is not None:
            member = await staff.by_person(connection, customer.person)
            own = str(member.id) if member else ""
            found = await links.use_code(connection, self._hash("link code", code), customer.id, now, not_of=own)
        phone = self.sealer.open(found.phone) if found else None
        if found is None or phone is None:
            await guesses.add_try(connection, who, now)
            return None
        await self._tell_issuer(connection, found, customer, phone)
        return await self._link(connection, customer, phone, found.phone_hash, "staff_code", now)

    async def link(self, connection: asyncpg.Connection, customer: Customer, phone: str, now: datetime) -> Link:
        """Link a phone that the platform itself told us for this customer."""
        return await self._link(connection, customer, phone, self._hash("phone", phone), "platform", now)

    async def linked(
        self, connection: asyncpg.Connection | asyncpg.Pool, customer_id: int, now: datetime
    ) -> Link | Lapsed | None:
        """A customer's link, which lapses when it is not used for a year."""
        return self.opened(await links.of_customer(connection, customer_id), now)

    def opened(self, stored: links.Stored | None, now: datetime) -> Link | Lapsed | None:
        """The same of a link that was read already."""
        phone = self.sealer.open(stored.phone) if stored else None
        if stored is None or phone is None:
            return None
        if now - stored.used_at > LAPSES_AFTER:
            return Lapsed(masked(phone))
        proven: Assurance = "staff_code" if stored.assurance == "staff_code" else "platform"
        return Link(phone, proven, stored.linked_at, stored.used_at)

    async def proven(self, reads: asyncpg.Connection | asyncpg.Pool, phone: str, now: datetime) -> list[int]:
        """The ids of the customers who have proven this phone at the counter, on several channels perhaps.

        Nobody for a phone that only a platform told of, and for one whose link has lapsed.
        """
        return await links.proven(reads, self._hash("phone", phone), now - LAPSES_AFTER)

    def to_be_marked(self, link: Link, now: datetime) -> bool:
        """Whether using it now is worth a write: once a day is enough to keep it alive."""
        return now - link.used_at >= MARKED_EVERY

    async def mark_used(self, connection: asyncpg.Connection, customer_id: int, now: datetime) -> None:
        """Keep a link alive for another year."""
        await links.used(connection, customer_id, now)

    async def unlink(self, connection: asyncpg.Connection, customer_id: int) -> bool:
        """Forget a customer's phone; whether there was one."""
        return await links.remove(connection, customer_id)

    async def revoke(self, connection: asyncpg.Connection, customer_id: int, *, key: str) -> bool:
        """Staff take a link away, and the customer is told, once by `key`; whether there was one."""
        stored = await links.of_customer(connection, customer_id)
        if not await links.remove(connection, customer_id):
            return False
        phone = self.sealer.open(stored.phone) if stored else None
        if phone is not None and (_ := await self.notices.language_of(connection, customer_id)):
            await self.notices.tell(
                connection,
                customer_id,
                f"revoked:{key}",
                _("Our staff unlinked your phone %(phone)s. Your balance is unaffected.", phone=masked(phone)),
                choices=((_("Talk to a person"), "human"), (_("Menu"), "menu")),
            )
        return True

    async def same_person(self, connection: asyncpg.Connection | asyncpg.Pool, one: Customer, other: Customer) -> bool:
        """Whether two chats are one person's, as far as is known: one chat, or one phone linked on two channels."""
        if one.person == other.person:
            return True
        if one.id is None or other.id is None:
            return False
        return await links.same_phone(connection, one.id, other.id)

    def cache_key(self, phone: str) -> bytes:
        """A name for a phone that tells nobody the number."""
        return self._hash("phone", phone)

    def number_hash(self, number: str) -> str:
        """A short name for a card's number that tells nobody the number."""
        return self._hash("card number", number)[:6].hex()

    async def _tell_issuer(
        self, connection: asyncpg.Connection, used: links.Used, customer: Customer, phone: str
    ) -> None:
        """The member who read the code out sees that it has arrived, and with whom."""
        member = await staff.by_id(connection, int(used.issued_by)) if used.issued_by.isdecimal() else None
        if member is not None:
            await self.alerts.tell_member(
                connection,
                member,
                f"linked:{used.id}",
                N_("Linked: %(phone)s, with your code, to %(customer)s."),
                runs=() if member.role == "counter" else ((N_("Show"), f"/who {customer.ref}"),),
                phone=masked(phone),
                customer=customer.ref,
            )

    async def _link(
        self,
        connection: asyncpg.Connection,
        customer: Customer,
        phone: str,
        phone_hash: bytes,
        assurance: Assurance,
        now: datetime,
    ) -> Link:
        assert customer.id is not None, "only private chats get here"
        former = await links.put(
            connection,
            customer.id,
            channel=customer.channel,
            phone_hash=phone_hash,
            phone=self.sealer.seal(phone),
            assurance=assurance,
            now=now,
            lapsed_before=now - LAPSES_AFTER,
        )
        if former is not None and (_ := await self.notices.language_of(connection, former)):
            await self.notices.tell(
                connection,
                former,
                f"relinked:{former}:{now.isoformat()}",
                _(
                    "Phone %(phone)s was linked to another account. If that wasn't you, contact us now.",
                    phone=masked(phone),
                ),
                choices=((_("Talk to a person"), "human"), (_("Menu"), "menu")),
            )
        return Link(phone, assurance, now, now)

    def _hash(self, purpose: str, value: str) -> bytes:
        return keyed_hash(self.secret, purpose, value)

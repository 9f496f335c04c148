"""Altegio: the gift cards that belong to a phone number. Read only; see docs/apis/altegio.md."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.apis.http import CONNECTIONS, Breaker, Observe, Upstream, bearer, open_http, unobserved
from bot.apis.reading import ShapeError, amount, array, integer, label, mapping, moment, text
from bot.errors import CheckFailed, ContractError, CredentialsRefused, NotFound, UpstreamError, UpstreamRefused

NAME = "altegio"
MOST_AT_ONCE = 5

_PATH = "/loyalty/certificates"
_PHONE = re.compile(r"[1-9][0-9]{7,14}")
# +1 202 555 0100 to 0199 are reserved for fiction, so it is nobody's; and it is well-formed.
_NOBODYS_PHONE = "12025550100"
_ACTIVATED = 2
_ENDLESS, _FIXED_DATE = 0, 1
_NOT_ACCEPTED = (
    "ALTEGIO_PARTNER_TOKEN or ALTEGIO_USER_TOKEN is not accepted (it does not say which). Copy both again from "
    "Altegio; the user's changes with the password"
)
_NO_RIGHT = (
    "the user of ALTEGIO_USER_TOKEN may not see the gift cards of this location. Correct ALTEGIO_COMPANY_ID, or give "
    "the user the right in Altegio and connect the application to the location"
)
_PARAMETER = (
    "the location's parameter is not understood. Set ALTEGIO_SEND_TYPO_PARAM=true: Altegio's page calls it "
    "`copmany_id`, working clients call it `company_id`"
)
_ELSEWHERE = "404 that is not Altegio's own. Check ALTEGIO_API_URL"


@dataclass(frozen=True, slots=True)
class GiftCard:
    """A gift card as Altegio knows it. Sums have no currency there: it is that of the location.

    number: whoever knows it can spend the card, so it is only shown when asked for; `''` for a card that
    was sold without one. face: what it was sold for. status_id: 2 is activated, the others are
    undocumented. expires: UTC, None for a card without an end and for one whose end is not told. multi:
    whether it can be spent in parts. limits: what it can be spent on, in the vendor's words. company_id:
    the first location that showed it.
    endless: Altegio says that it never expires; only then may that be promised.
    """

    id: int
    number: str = field(repr=False)
    balance: Decimal
    face: Decimal | None
    title: str
    status_id: int | None
    status: str
    expires: datetime | None
    multi: bool | None
    limits: str
    company_id: int
    endless: bool = False

    def usable(self, now: datetime) -> bool:
        """Whether something can be paid with it at `now` (with a time zone), as far as can be told."""
        return self.status_id == _ACTIVATED and self.balance > 0 and (self.expires is None or now < self.expires)

    @property
    def masked(self) -> str:
        """The number with its last four digits at most, and never more than half of it: `••••1234`; `''` for none."""
        if not self.number:
            return ""
        shown = min(4, len(self.number) // 2)
        return "••••" + self.number[len(self.number) - shown :]


@dataclass(frozen=True, slots=True)
class Cards:
    """All cards of one phone, each once. failed: locations that could not be read. skipped: unreadable cards."""

    cards: tuple[GiftCard, ...] = ()
    failed: tuple[int, ...] = ()
    skipped: int = 0


class AltegioApi:
    """Client of Altegio's gift cards.

    upstream: made with `explain=explain`. company_ids: the locations to ask, in order.
    send_typo_param: also send the location as `copmany_id`, as Altegio's page spells it.
    """

    def __init__(self, upstream: Upstream, *, company_ids: tuple[int, ...], send_typo_param: bool = False) -> None:
        self._upstream = upstream
        self._company_ids = company_ids
        self._names = ("company_id", "copmany_id") if send_typo_param else ("company_id",)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        partner_token: str,
        user_token: str,
        company_ids: tuple[int, ...],
        send_typo_param: bool = False,
        max_per_second: float | None = 3,
        connections: int = CONNECTIONS,
        observe: Observe = unobserved,
    ) -> AltegioApi:
        """A client with connections of its own.

        url: base URL with its version. max_per_second: our own limit; None or 0 for none.
        Altegio is known to allow 200 calls a minute or 5 a second. Raises ConfigurationError for a URL
        that is not https or a token that cannot be one.
        """
        partner = bearer(partner_token, setting="ALTEGIO_PARTNER_TOKEN")["Authorization"]
        user = bearer(user_token, setting="ALTEGIO_USER_TOKEN")["Authorization"].replace("Bearer", "User", 1)
        http = open_http(
            url,
            setting="ALTEGIO_API_URL",
            headers={
                "Accept": "application/vnd.api.v2+json",
                "Content-Type": "application/json",
                "Authorization": f"{partner}, {user}",
            },
            connections=connections,
        )
        upstream = Upstream(
            NAME,
            http,
            # One customer's question is a call to each location: a bad second of theirs must not stop everybody's.
            breaker=Breaker(consecutive=5 * len(company_ids)),
            explain=explain,
            observe=observe,
            connections=connections,
            max_per_second=max_per_second,
        )
        return cls(upstream, company_ids=company_ids, send_typo_param=send_typo_param)

    @property
    def upstream(self) -> Upstream:
        """For its breaker's state."""
        return self._upstream

    async def cards(self, phone: str) -> Cards:
        """The gift cards of a phone number, in all locations.

        phone: E.164 digits without `+`. Altegio shows anybody's cards to whoever asks, so it must be
        proven to be the customer's before this is called. A location that cannot be read is named in
        `failed`.

        Raises ValueError for what is no such number (the text does not hold it), and when no location
        could be read CredentialsRefused (the text names the setting), UpstreamUnavailable,
        RateLimited, UpstreamRefused or ContractError.
        Source: https://developer.alteg.io, "Get client gift cards" (`GET /loyalty/certificates`).
        """
        if not _PHONE.fullmatch(phone):
            raise ValueError("not a phone number of 8 to 15 digits with its country code")
        places = asyncio.Semaphore(MOST_AT_ONCE)

        async def ask(company_id: int) -> _Location | UpstreamError:
            async with places:
                try:
                    return await self._location(company_id, phone)
                except NotFound:
                    # Whether it means an unknown customer is not documented; `check` tells of unknown locations.
                    return _Location()
                except UpstreamError as error:
                    return error

        answers = await asyncio.gather(*map(ask, self._company_ids))
        errors = [answer for answer in answers if isinstance(answer, UpstreamError)]
        if errors and len(errors) == len(answers):
            raise next((error for error in errors if isinstance(error, CredentialsRefused)), errors[0])
        found: dict[int, GiftCard] = {}
        failed, skipped = [], 0
        for company_id, answer in zip(self._company_ids, answers, strict=True):
            if isinstance(answer, UpstreamError):
                failed.append(company_id)
                continue
            skipped += answer.skipped
            # A chain's card is shown by each of its locations.
            for card in answer.cards:
                found.setdefault(card.id, card)
        return Cards(tuple(found.values()), tuple(failed), skipped)

    async def check(self) -> str:
        """Prove URL, tokens and locations by asking each for the cards of a phone number that is nobody's.

        The number is one of those reserved for fiction: nobody's data is asked for, and unlike a number
        that is too short it cannot be refused for its form. Returns what should be known although it
        may be right, or `''`.

        Raises CheckFailed saying what to do, or UpstreamUnavailable when nothing can be told now.
        """
        problems, kinds, unknown = [], [], []
        for company_id in self._company_ids:
            try:
                await self._location(company_id, _NOBODYS_PHONE)
            except NotFound:
                unknown.append(str(company_id))
            except (CredentialsRefused, ContractError) as error:
                problems.append(f"location {company_id}: {error.detail}")
                kinds.append(error.kind)
            except UpstreamRefused as error:
                problems.append(f"location {company_id}: {error.detail}. Check ALTEGIO_API_URL and ALTEGIO_COMPANY_ID")
                kinds.append(error.kind)
        if problems:
            raise CheckFailed(f"Altegio: {'; '.join(problems)}", min(kinds))  # "credentials" before the others
        if unknown:
            return f"tokens accepted, but 404 for {', '.join(unknown)}; make sure that ALTEGIO_COMPANY_ID is right"
        return ""

    async def aclose(self) -> None:
        """Close the connections."""
        await self._upstream.aclose()

    async def _location(self, company_id: int, phone: str) -> _Location:
        return await self._upstream.call(
            "list cards",
            "GET",
            _PATH,
            lambda body: _read_cards(company_id, body),
            params={**dict.fromkeys(self._names, company_id), "phone": phone},
        )


@dataclass(frozen=True, slots=True)
class _Location:
    cards: tuple[GiftCard, ...] = ()
    skipped: int = 0


def explain(status: int, body: Any) -> UpstreamError | None:
    """Altegio's own error, None when the status alone decides.

    A NotFound is Altegio's own 404, any other 404 a ContractError. Messages are not told: they may
    quote the phone number.
    """
    answer = body if isinstance(body, dict) else {}
    if status == 401:
        return CredentialsRefused(NAME, f"401: {_NOT_ACCEPTED}", status=status)
    if status == 403:
        return CredentialsRefused(NAME, f"403: {_NO_RIGHT}", status=status)
    if status in {400, 404, 422} and _names_the_location(answer.get("meta")):
        return UpstreamRefused(NAME, f"{status}: {_PARAMETER}", status=status)
    if status == 404:
        if answer.get("success") is False:
            return NotFound(NAME, "404, nothing is there", status=status)
        return ContractError(NAME, _ELSEWHERE)
    if 200 <= status < 300 and answer.get("success") is False:
        return UpstreamRefused(NAME, f"{status} that reports a failure", status=status)
    return None


def _names_the_location(meta: object) -> bool:
    if not isinstance(meta, dict):
        return False
    errors = meta.get("errors")
    said = [meta.get("message"), *(errors if isinstance(errors, dict) else ())]
    return any(isinstance(word, str) and ("company_id" in word or "copmany_id" in word) for word in said)


def _read_cards(company_id: int, body: Any) -> _Location:
    answer = mapping(body, "")
    if answer.get("success") is not True:
        raise ShapeError("/success", "true", answer.get("success"))
    items = array(answer.get("data"), "/data")
    cards = tuple(card for card in (_card(company_id, item) for item in items) if card is not None)
    return _Location(cards, len(items) - len(cards))


def _card(company_id: int, item: object) -> GiftCard | None:
    """None when unreadable: a card without an id or a balance can neither be told apart nor shown."""
    if not isinstance(item, dict):
        return None
    card_id, balance = integer(item.get("id")), amount(item.get("balance"))
    if card_id is None or balance is None:
        return None
    kind, status = _object(item.get("type")), _object(item.get("status"))
    status_id = integer(item.get("status_id"))
    multi = kind.get("is_multi")
    return GiftCard(
        id=card_id,
        number=text(item.get("number")) or "",  # Types with `is_allow_empty_code` are sold without one.
        balance=balance,
        face=amount(item.get("default_balance")),
        title=label(kind.get("title")) or "",
        status_id=integer(status.get("id")) if status_id is None else status_id,
        status=label(status.get("title")) or "",
        expires=_expires(item, kind),
        multi=multi if isinstance(multi, bool) else None,
        limits=label(_object(kind.get("item_type")).get("title")) or "",
        company_id=company_id,
        endless=integer(kind.get("expiration_type_id")) == _ENDLESS,
    )


def _expires(item: dict[str, Any], kind: dict[str, Any]) -> datetime | None:
    """The type decides whether there is an end: a card may carry a date that means nothing."""
    limit = integer(kind.get("expiration_type_id"))
    if limit == _ENDLESS:
        return None
    own, sold = moment(item.get("expiration_date")), moment(item.get("created_date"))
    if own is not None and own == sold:
        own = None  # The sample's: no card is over when it is sold, so its end is not told.
    return moment(kind.get("expiration_date")) if own is None and limit == _FIXED_DATE else own


def _object(value: object) -> dict[str, Any]:
    """An object, also one that stands in an array, as the page's text has it; empty for anything else."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else {}

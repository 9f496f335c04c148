"""Got It: the catalogue of vouchers, and issuing one; see docs/apis/gotit.md."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal, TypeVar

from bot.apis.http import CONNECTIONS, Observe, Params, Upstream, open_http, unobserved
from bot.apis.reading import ShapeError, array, expiry, integer, label, mapping, moment, text
from bot.errors import (
    CheckFailed,
    Conflict,
    ContractError,
    CredentialsRefused,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)

T = TypeVar("T")

NAME = "gotit"
MOST_PAGES = 20
PER_PAGE = 100

ItemIdField = Literal["both", "gift_id", "product_id"]
Source = Literal["externalService", "rewardhub"]
SortBy = Literal["id", "point"]
Direction = Literal["asc", "desc"]

_PATH = "/api/rewardhub/v1.0"
_EARLY = timedelta(minutes=10)
# The first is the document's, the second that of Got It's older API.
_SUCCESS = {200, 2000}
_TOKEN_REFUSED = {401, 419}
_TOGETHER = "GOTIT_API_URL, GOTIT_CLIENT_ID, GOTIT_CLIENT_SECRET and GOTIT_APP_UUID"
_CREDENTIALS = {
    4001: "GOTIT_CLIENT_ID or GOTIT_CLIENT_SECRET is wrong (it does not say which). Copy both again; staging and "
    "production have their own",
    4002: "GOTIT_CLIENT_ID is missing. Copy it again",
    4003: "GOTIT_CLIENT_ID is longer than 255 characters. Copy it again",
    4004: "GOTIT_CLIENT_SECRET is missing. Copy it again",
    4005: "GOTIT_CLIENT_SECRET is longer than 255 characters. Copy it again",
    4006: "GOTIT_APP_UUID is missing. Copy it again",
    4007: "GOTIT_APP_UUID is wrong. Copy it again; staging and production have their own",
    401: f"the token is not accepted. Check that {_TOGETHER} belong together",
    403: "this client has no right to do that. Ask Got It to give it to GOTIT_CLIENT_ID",
    419: f"the token has expired, and a new one too. Check this machine's clock and that {_TOGETHER} belong together",
}
_WRONG_METHOD = (
    "405, this address does not take our method. Got It's page says GET in a heading and POST in its example for "
    "issuing, and we send POST only: ask Got It, and check GOTIT_API_URL"
)
# Undocumented. Both halves must be there, so that no complaint about something else is taken for it.
_ALREADY_USED = re.compile(
    r"(?=.*(?:(?:request|transaction)[ _]?id|mã (?:yêu cầu|giao dịch)))"
    r"(?=.*(?:already|duplicat|đã tồn tại|đã được sử dụng|trùng))",
    re.IGNORECASE | re.DOTALL,
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,50}")
# Strict on purpose: no user, no port, and no backslash, which some readers of URLs take for a slash.
_HTTPS = re.compile(r"https://(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)+)(?:[/?#][!-\[\]-~]*)?", re.IGNORECASE | re.ASCII)
_LONGEST_URL = 1000


@dataclass(frozen=True, slots=True)
class Gift:
    """One voucher at one price. gift_id and price_id name it together.

    price_value: its worth in VND. image: an https URL of any host, `''` when there is none. point:
    its price in points, None when not told, as in the vendor's own sample.
    """

    gift_id: int
    price_id: int
    price_value: int
    name: str
    brand: str
    image: str
    point: int | None


@dataclass(frozen=True, slots=True)
class GiftPage:
    """One page of gifts. number: from 1. more: whether a further page is worth asking for. skipped: unreadable ones."""

    gifts: tuple[Gift, ...]
    number: int
    total: int | None
    more: bool
    skipped: int


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All gifts, each once, in the vendor's order. skipped: unreadable ones. truncated: more were left unasked for."""

    gifts: tuple[Gift, ...] = ()
    skipped: int = 0
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Issued:
    """A voucher that was issued.

    transaction_id: the vendor's; our request id again in its own sample. name: `''` when not told.
    link, code, expires: how to use
    the voucher; the documented answer has none of them, so they are `''`, `''` and None unless Got It
    adds them. link: https at gotit.vn or below it.
    """

    transaction_id: str
    name: str = ""
    link: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Token:
    """renew_at: None when no end is known; then it is used until it is refused."""

    value: str = field(repr=False)
    renew_at: datetime | None


class GotItApi:
    """Client of Got It's reward hub.

    upstream: made with `explain=explain`. client_id, client_secret, app_uuid: given by Got It.
    item_id_field: the name under which a gift's id is sent, because the page's table and its example
    disagree; `both` sends both. source: who asks; `rewardhub` needs points with every issue. clock:
    the time with a zone, replaced in tests.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        client_id: str,
        client_secret: str,
        app_uuid: str,
        item_id_field: ItemIdField = "both",
        source: Source = "externalService",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._upstream = upstream
        self._client = {"app_uuid": app_uuid, "client_id": client_id, "client_secret": client_secret}
        self._item_id_fields = ("product_id", "gift_id") if item_id_field == "both" else (item_id_field,)
        self._source = source
        self._clock = clock
        self._token: _Token | None = None
        self._renewal: asyncio.Task[_Token] | None = None

    @classmethod
    def open(
        cls,
        url: str,
        *,
        client_id: str,
        client_secret: str,
        app_uuid: str,
        item_id_field: ItemIdField = "both",
        source: Source = "externalService",
        connections: int = CONNECTIONS,
        observe: Observe = unobserved,
    ) -> GotItApi:
        """A client with connections of its own.

        url: base URL without `/api/rewardhub`. Raises ConfigurationError for a URL that is not https.
        """
        http = open_http(url, setting="GOTIT_API_URL", headers={}, connections=connections)
        return cls(
            Upstream(NAME, http, explain=explain, observe=observe, connections=connections),
            client_id=client_id,
            client_secret=client_secret,
            app_uuid=app_uuid,
            item_id_field=item_id_field,
            source=source,
        )

    @property
    def upstream(self) -> Upstream:
        """For its breaker's state."""
        return self._upstream

    async def page(
        self,
        number: int = 1,
        *,
        name: str = "",
        from_point: int | None = None,
        to_point: int | None = None,
        sort_by: SortBy = "id",
        direction: Direction = "asc",
        per_page: int = 50,
    ) -> GiftPage:
        """One page of the catalogue; unreadable gifts are skipped and counted.

        name: part of a gift's name. from_point, to_point: the vendor's own prices in points, which its
        answer does not show. sort_by, direction: always sent, because the page describes their
        defaults in two ways.

        Raises CredentialsRefused (the text names the setting), UpstreamUnavailable, RateLimited,
        UpstreamRefused or ContractError.
        Source: Got It's "API integration", "Get list products" (`GET /gifts`).
        """
        filters = {"name": name or None, "from_point": from_point, "to_point": to_point}
        params = {key: value for key, value in filters.items() if value is not None}
        return await self._call(
            "list gifts",
            "GET",
            "/gifts",
            partial(_read_page, number),
            params={**params, "sort_by": sort_by, "dir": direction, "page": number, "per_page": per_page},
        )

    async def catalogue(self) -> Catalogue:
        """All gifts, at most 20 pages of 100. Raises as `page` when any of them cannot be read."""
        gifts: dict[tuple[int, int], Gift] = {}
        skipped = 0
        for number in range(1, MOST_PAGES + 1):
            page = await self.page(number, per_page=PER_PAGE)
            known = len(gifts)
            for gift in page.gifts:
                gifts.setdefault((gift.gift_id, gift.price_id), gift)
            skipped += page.skipped
            # A vendor that ignores `page` shows the first one for ever.
            if not page.more or (page.gifts and len(gifts) == known):
                return Catalogue(tuple(gifts.values()), skipped)
        return Catalogue(tuple(gifts.values()), skipped, truncated=True)

    async def issue(
        self,
        request_id: str,
        *,
        gift_id: int,
        price_id: int,
        recipient: str,
        issuer: str,
        quantity: int = 1,
        point: int | None = None,
        current_point: int | None = None,
    ) -> Issued:
        """Issue one voucher. Repeat an unknown outcome with the same request_id, and never with another one.

        request_id: ours, kept before the call; 1 to 50 letters, digits, `_` and `-`. recipient, issuer:
        opaque ids of ours, never a platform's. point, current_point: the price and what the
        recipient has; needed by source `rewardhub`.

        Raises UpstreamUnavailable when it surely was not carried out (RateLimited when that was why);
        OutcomeUnknown when it may have been; Conflict when the request id was used before; else
        UpstreamRefused or a kind of it for a definite no, with Got It's own `code`. ValueError for
        arguments that can only be refused.
        Source: Got It's "API integration", "API issue gift": its heading says GET, its example POST;
        a GET would lose its body on the way, so it is never tried.
        """
        if not _REQUEST_ID.fullmatch(request_id):
            raise ValueError("not a request id")
        if quantity < 1:
            raise ValueError("quantity must be 1 or more")
        if self._source == "rewardhub" and (point is None or current_point is None):
            raise ValueError("source rewardhub needs point and current_point")
        item: dict[str, Any] = dict.fromkeys(self._item_id_fields, gift_id)
        item |= {"price_id": price_id, "quantity": quantity}
        body: dict[str, Any] = {
            "request_id": request_id,
            "issuer_identify_id": issuer,
            "recipient_identify_id": recipient,
            "source": self._source,
        }
        if current_point is not None:
            body["current_point"] = current_point
        if point is not None:
            item["point"] = point
        try:
            return await self._call(
                "issue voucher",
                "POST",
                "/gifts/issue",
                _read_issued,
                json={**body, "items": [item]},
                write=True,
            )
        except ContractError as error:
            detail = error.detail
        # It was taken in some way, so an answer that makes no sense is not a no.
        raise OutcomeUnknown(NAME, detail)

    async def check(self) -> None:
        """Prove URL and credentials with a new token and one gift of the catalogue.

        Raises CheckFailed saying what to do, or UpstreamUnavailable when nothing can be told now.
        """
        try:
            await self._renew()
            await self.page(per_page=1)
        except CredentialsRefused as error:
            problem, kind = error.detail, error.kind
        except (UpstreamRefused, ContractError) as error:
            problem, kind = f"{error.detail}. Check GOTIT_API_URL", error.kind
        else:
            return
        raise CheckFailed(f"Got It: {problem}", kind)

    async def aclose(self) -> None:
        """End a running renewal and close the connections."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)
        await self._upstream.aclose()

    async def _call(
        self,
        operation: str,
        method: str,
        path: str,
        read: Callable[[Any], T],
        *,
        json: object = None,
        params: Params | None = None,
        write: bool = False,
    ) -> T:
        """One call with a token. When the token is refused, the same call is made once more with a new one."""

        async def attempt(token: _Token) -> T:
            return await self._upstream.call(
                operation,
                method,
                f"{_PATH}{path}",
                read,
                json=json,
                params=params,
                headers=_bearer(token),
                write=write,
                # Somebody else asks again later, with the same request id.
                patient=not write,
            )

        token = await self._current_token()
        try:
            return await attempt(token)
        except CredentialsRefused as error:
            if error.code not in _TOKEN_REFUSED:
                raise
        if self._token is token:
            self._token = None
        return await attempt(await self._current_token())

    async def _current_token(self) -> _Token:
        """The token, renewed when it is about to end; many who need a new one share one call.

        Raises CredentialsRefused, or UpstreamUnavailable for anything else: without a token nothing is asked.
        """
        if self._token is not None and (self._token.renew_at is None or self._clock() < self._token.renew_at):
            return self._token
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
            self._renewal.add_done_callback(self._forget_renewal)
        try:
            # A caller that gives up must not take the token away from the others.
            return await asyncio.shield(self._renewal)
        except (CredentialsRefused, UpstreamUnavailable):
            raise
        except UpstreamError as error:
            detail = error.detail
        raise UpstreamUnavailable(NAME, detail)

    def _forget_renewal(self, _: object) -> None:
        self._renewal = None

    async def _renew(self) -> _Token:
        """Ask for a token. Source: Got It's "API integration", "Get client token" (`POST /token`)."""
        self._token = await self._upstream.call(
            "get token", "POST", f"{_PATH}/token", partial(_read_token, self._clock()), json=self._client
        )
        return self._token


def explain(status: int, body: Any) -> UpstreamError | None:
    """Got It's own error, None when the status alone decides or the answer is to be read.

    The body's `statusCode` decides when there is one: a 200 may carry a failure. A 5xx is never a
    definite no, whatever stands in it. Messages are not told: they may quote what was sent.
    """
    if status >= 500 or 300 <= status < 400:
        return None
    said = integer(body.get("statusCode")) if isinstance(body, dict) else None
    code = status if said is None else said
    refused = 400 <= code < 500 or 4000 <= code < 5000
    if status < 300 and not refused:
        return None
    if not refused:
        return ContractError(NAME, f"{status}, and yet /statusCode says {code}")
    if code in _CREDENTIALS:
        return CredentialsRefused(NAME, f"{_CREDENTIALS[code]} (code {code})", status=status, code=code)
    if code == 429:
        return RateLimited(NAME, "asked too often (code 429)")
    message = body.get("statusMessage") if isinstance(body, dict) else None
    if code == 409 or (isinstance(message, str) and _ALREADY_USED.search(message)):
        return Conflict(NAME, f"{status}, the request id was used already (code {code})", status=status, code=code)
    if code in {404, 410}:
        return NotFound(NAME, f"{status}, there is no such thing (code {code})", status=status, code=code)
    detail = _WRONG_METHOD if code == 405 else f"{status} (code {code})"
    return UpstreamRefused(NAME, detail, status=status, code=code)


def _bearer(token: _Token) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token.value}"}


def _accepted(body: Any) -> dict[str, Any]:
    """The answer, unless its own `statusCode` says that it is none. The catalogue's has no such field."""
    answer = mapping(body, "")
    code = integer(answer.get("statusCode"))
    if code is not None and code not in _SUCCESS:
        raise ShapeError("/statusCode", "a success", code)
    return answer


def _read_token(now: datetime, body: Any) -> _Token:
    """now: of the question, so that its way does not lengthen the token's life."""
    data = mapping(_accepted(body).get("data"), "/data")
    value = text(data.get("access_token"))
    if value is None or not value.isascii() or " " in value:
        raise ShapeError("/data/access_token", "a token", data.get("access_token"))
    ends = expiry(value)
    seconds = integer(data.get("expires_in"))
    if seconds is not None:
        told = now + timedelta(seconds=min(seconds, 10**9))
        ends = told if ends is None else min(ends, told)
    return _Token(value, None if ends is None else ends - _EARLY)


def _read_page(number: int, body: Any) -> GiftPage:
    """`from`, `to` and `per_page` contradict each other in the vendor's sample and are not read."""
    answer = _accepted(body)
    items = array(answer.get("data"), "/data")
    current = integer(answer.get("current_page")) or number
    last = integer(answer.get("last_page"))
    gifts = tuple(gift for gift in map(_gift, items) if gift is not None)
    return GiftPage(
        gifts=gifts,
        number=current,
        total=integer(answer.get("total")),
        more=bool(items) and (last is None or current < last),
        skipped=len(items) - len(gifts),
    )


def _gift(item: object) -> Gift | None:
    """None when unreadable: without ids it cannot be issued, without a name or a worth not be offered."""
    if not isinstance(item, dict):
        return None
    gift_id, price_id = integer(item.get("gift_id")), integer(item.get("price_id"))
    value, name = integer(item.get("price_value")), label(item.get("name"))
    if gift_id is None or price_id is None or value is None or name is None:
        return None
    brand = item.get("brand")
    point = integer(item.get("point"))
    return Gift(
        gift_id=gift_id,
        price_id=price_id,
        price_value=value,
        name=name,
        brand=(label(brand.get("name")) if isinstance(brand, dict) else None) or "",
        image=_https(item.get("image")),
        # 0 is no price: whoever reads it so gives the voucher away.
        point=point if point is not None and point > 0 else None,
    )


def _read_issued(body: Any) -> Issued:
    data = mapping(_accepted(body).get("data"), "/data")
    transaction_id = text(data.get("transaction_id"))
    if transaction_id is None:
        raise ShapeError("/data/transaction_id", "an id", data.get("transaction_id"))
    items = data.get("items")
    item = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
    # None of these is documented, nor whether they would stand beside the items or in them.
    told = data | item
    return Issued(
        transaction_id=transaction_id,
        name=label(item.get("product_name")) or "",
        link=_https(told.get("voucher_link"), below="gotit.vn") or _https(told.get("link"), below="gotit.vn"),
        code=text(told.get("code")) or "",
        expires=moment(told.get("expired_date")),
    )


def _https(value: object, *, below: str = "") -> str:
    """`value` when it is a plain https URL, of `below` or a host below it; else `''`."""
    match = _HTTPS.fullmatch(value) if isinstance(value, str) and len(value) <= _LONGEST_URL else None
    if match is None:
        return ""
    host = match["host"].lower()
    return match[0] if not below or host == below or host.endswith(f".{below}") else ""

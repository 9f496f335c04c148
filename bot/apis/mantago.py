"""MantaGo: gifts, coupons and points of chat users, and the exchange of our token pair; see docs/apis/mantago.md."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

from bot.apis.http import CONNECTIONS, Observe, Upstream, bearer, open_http, unobserved
from bot.apis.reading import ShapeError, array, expiry, integer, label, mapping, moment, text
from bot.errors import (
    CheckFailed,
    ContractError,
    CredentialsRefused,
    UpstreamError,
    UpstreamRefused,
)
from bot.partners import Platform

NAME = "mantago"
MOST_ITEMS = 5000  # Ours: a list is kept as one row, and read whole for each of its pages.
MOST_CLIENTS = 100  # MantaGo's, in one question about points.
LONGEST_NAME = 300  # Ours, in characters: longer than any card shows of a name.

_Answer = TypeVar("_Answer")

Source = Literal["lotteryGame", "rewardsCard", "other"]
State = Literal["valid", "soon", "expired", "unknown"]

TICKETS = "tickets"
GIFT_ARRAYS = {"physical": "physicalGifts", "virtual": "virtualGifts"}
"""Our name of each kind of gift, and the array of MantaGo's answer that lists it."""
KINDS = (TICKETS, *GIFT_ARRAYS)
"""What MantaGo gives, in the order in which it is shown. Buttons and kept lists carry these names."""

EXPIRED, REPLACED = 1004, 120000
"""The codes with which MantaGo refuses a pair that was good once: its 30 days are over, or another one replaced it."""

_SOURCES: dict[str | None, Source] = {"lotteryGame": "lotteryGame", "rewardsCard": "rewardsCard"}
_CLIENT_NOT_FOUND = 37011
_NO_SUCH_CLIENT = "giftdesk-check"
_REFUSED = {
    EXPIRED: "MANTAGO_TOKEN is invalid or has expired (it lives 30 days). Renew it in MantaGo's console and "
    "replace MANTAGO_TOKEN and MANTAGO_SECRET together",
    REPLACED: "MANTAGO_TOKEN and MANTAGO_SECRET are an old pair that was replaced. Copy the current pair from "
    "MantaGo's console",
    1002: "MANTAGO_TOKEN or MANTAGO_SECRET is wrong, or the plan has no Open API (it does not say which). "
    "Copy both again from the console and check the plan",
    5001: "MANTAGO_BOT_ID is unknown. Copy the bot's encoded id from MantaGo's Open API page",
    11001: "the bot of MANTAGO_BOT_ID has no connection to this chat platform. Make it in MantaGo's console",
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """An unused coupon. MantaGo tells nothing about it but when it was received."""

    received: datetime


@dataclass(frozen=True, slots=True)
class Gift:
    """A gift as MantaGo describes it; times are UTC, None when not given.

    key: stable between calls, made by us because MantaGo has none; good for paging, never proof of
    ownership. kind: one of GIFT_ARRAYS. expired: outside its period, which includes *before* it.
    starts and ends come only with `expired`.
    """

    key: str
    kind: str
    name: str
    source: Source
    received: datetime | None
    expired: bool | None
    starts: datetime | None
    ends: datetime | None

    def state(self, now: datetime) -> State:
        """What can honestly be said at `now` (with a time zone).

        `soon`: not usable yet. `unknown`: MantaGo does not say, or contradicts itself; treat it as
        usable without promising anything.
        """
        if self.starts and now < self.starts:
            return "soon"
        if self.ends and now > self.ends:
            return "expired"
        if self.expired is None:
            return "unknown"
        if not self.expired:
            return "valid"
        # Said to be outside its period, yet no date says so: a period without end can only be over.
        return "unknown" if self.ends else "expired"


@dataclass(frozen=True, slots=True)
class Gifts:
    """All that one client holds, each kind newest first. skipped: unreadable items. truncated: items left out."""

    tickets: tuple[Ticket, ...] = ()
    gifts: tuple[Gift, ...] = ()
    skipped: int = 0
    truncated: int = 0

    def of(self, kind: str) -> tuple[Gift, ...]:
        """The gifts of one kind."""
        return tuple(gift for gift in self.gifts if gift.kind == kind)

    def count(self, kind: str) -> int:
        """How many there are of one of KINDS."""
        return len(self.tickets) if kind == TICKETS else len(self.of(kind))


@dataclass(frozen=True, slots=True)
class Pair:
    """A token and its secret: MantaGo issues them together, and a bot has one pair."""

    token: str = field(repr=False)
    secret: str = field(repr=False)

    @property
    def ends(self) -> datetime | None:
        """When it expires; None when it does not say."""
        return expiry(self.token)


class Pairs(Protocol):
    """Whoever knows which pair is the bot's newest, where it is exchanged while processes run."""

    async def newest(self) -> Pair:
        """The newest pair that is known."""

    async def after(self, refused: Pair, code: int) -> Pair | None:
        """A newer pair than one that MantaGo refused with EXPIRED or REPLACED; None when there is none.

        Raises UpstreamUnavailable while one is on its way.
        """


class MantagoApi:
    """Client of MantaGo's Open API.

    upstream: made with `explain=explain`. token, secret: a pair from MantaGo's console, valid for 30 days.
    bot_id: the bot's encoded id. id_in_query: also send the client's id in the query, as
    one reading of the vendor's page asks for; it then shows in access logs on the way.
    """

    def __init__(self, upstream: Upstream, *, token: str, secret: str, bot_id: str, id_in_query: bool = False) -> None:
        self._upstream = upstream
        self._pair = Pair(token, secret)
        self._pairs: Pairs | None = None
        self._pairs_asked = False
        self._bot_id = bot_id
        self._id_in_query = id_in_query
        self._lookups: dict[tuple[Platform, str], asyncio.Task[Gifts]] = {}

    @classmethod
    def open(
        cls,
        url: str,
        *,
        token: str,
        secret: str,
        bot_id: str,
        id_in_query: bool = False,
        max_per_second: float | None = None,
        connections: int = CONNECTIONS,
        observe: Observe = unobserved,
    ) -> MantagoApi:
        """A client with connections of its own.

        url: base URL without `/openapi`. max_per_second: our own limit; None or 0 for none.
        MantaGo limits calls but does not say where: start with 5 on a small plan. Raises
        ConfigurationError for a URL that is not https or a token that cannot be one.
        """
        http = open_http(
            url,
            setting="MANTAGO_API_URL",
            headers=bearer(token, setting="MANTAGO_TOKEN"),
            connections=connections,
        )
        upstream = Upstream(
            NAME,
            http,
            explain=explain,
            observe=observe,
            connections=connections,
            max_per_second=max_per_second,
        )
        return cls(upstream, token=token, secret=secret, bot_id=bot_id, id_in_query=id_in_query)

    @property
    def upstream(self) -> Upstream:
        """For its breaker's state."""
        return self._upstream

    def follow(self, pairs: Pairs) -> None:
        """From the next call on, use what `pairs` says is the newest pair, and again after a refusal."""
        self._pairs, self._pairs_asked = pairs, False

    def use(self, pair: Pair) -> None:
        """Use this pair from now on."""
        self._pair, self._pairs_asked = pair, True

    async def gifts(self, platform: Platform, client_id: str) -> Gifts:
        """Everything the user holds now; nothing when MantaGo does not know the user.

        client_id: the user's LINE id or Messenger PSID, of the channel or page that MantaGo is
        connected to. Lookups of one user at the same time share one call.

        Raises CredentialsRefused (the text names the setting), UpstreamUnavailable, RateLimited,
        UpstreamRefused or ContractError.
        Source: https://doc.mantago.cc, "Get Client Rewards" (`POST /openapi/client/gift`).
        """
        who = (platform, client_id)
        lookup = self._lookups.get(who)
        if lookup is None:
            lookup = asyncio.create_task(self._look_up(platform, client_id))
            self._lookups[who] = lookup
            lookup.add_done_callback(partial(self._looked_up, who))
        # A caller that gives up must not take the answer away from the others.
        return await asyncio.shield(lookup)

    async def knows(self, platform: Platform, client_id: str) -> bool:
        """Whether MantaGo has ever heard of this user. Raises as `gifts`."""
        try:
            await self._ask(platform, client_id)
        except UpstreamRefused as error:
            if error.code == _CLIENT_NOT_FOUND:
                return False
            raise
        return True

    async def points(self, platform: Platform, client_ids: Iterable[str]) -> dict[str, int]:
        """The points that MantaGo counts for users of one platform, by id: at most MOST_CLIENTS of them in a call.

        Who is not in the answer is not known to MantaGo, or it did not tell; that is not 0. No call spends these
        points. Raises as `gifts`.
        Source: https://doc.mantago.cc, "Get Client Points" (`POST /openapi/client/point`).
        """
        wanted = list(dict.fromkeys(client_ids))
        if len(wanted) > MOST_CLIENTS:
            raise ValueError(f"{len(wanted)} clients in one call; MantaGo takes {MOST_CLIENTS}")
        try:
            return await self._call(
                "client points",
                "/openapi/client/point",
                partial(_read_points, platform, frozenset(wanted)),
                {"platform": platform, "platformClientIds": wanted},
            )
        except UpstreamRefused as error:
            if error.code == _CLIENT_NOT_FOUND:
                return {}
            raise

    async def exchange(self, pair: Pair) -> Pair:
        """Have MantaGo replace a pair, expired or not, and return the new one. **The old one is dead at once.**

        It must not be called twice with one pair: whoever does not get the answer has no pair any more. So it is sent
        once, or again only when it surely never left us.

        Raises OutcomeUnknown or ContractError when there may be a new pair that nobody has; UpstreamRefused and
        UpstreamUnavailable when nothing happened.
        Source: https://doc.mantago.cc, "Generate Open API Token & Secret Key" (`POST /openapi/token`).
        """
        return await self._upstream.call(
            "token exchange",
            "POST",
            "/openapi/token",
            _read_pair,
            params={"botId": self._bot_id},
            headers=bearer(pair.token, setting="MANTAGO_TOKEN"),
            json={"secret": pair.secret},
            write=True,
            patient=False,
        )

    def _looked_up(self, who: tuple[Platform, str], lookup: asyncio.Task[Gifts]) -> None:
        del self._lookups[who]
        if not lookup.cancelled():
            lookup.exception()  # Perhaps everybody gave up waiting; asyncio would complain of it in the log.

    async def check(self, platform: Platform = "line") -> None:
        """Prove URL, credentials and bot with a lookup of a user that cannot exist.

        Raises CheckFailed saying what to do, or UpstreamUnavailable when nothing can be told now.
        """
        try:
            await self.gifts(platform, _NO_SUCH_CLIENT)
        except CredentialsRefused as error:
            problem, kind = error.detail, error.kind
        except (UpstreamRefused, ContractError) as error:
            problem, kind = f"{error.detail}. Check MANTAGO_API_URL and MANTAGO_BOT_ID", error.kind
        else:
            return
        raise CheckFailed(f"MantaGo: {problem}", kind)

    def token_days_left(self, now: datetime) -> int | None:
        """Whole days until the token in use expires, negative afterwards; None when it does not say."""
        return days_left(self._pair, now)

    async def aclose(self) -> None:
        """End running lookups and close the connections."""
        lookups = tuple(self._lookups.values())
        for lookup in lookups:
            lookup.cancel()
        await asyncio.gather(*lookups, return_exceptions=True)
        await self._upstream.aclose()

    async def _look_up(self, platform: Platform, client_id: str) -> Gifts:
        try:
            return await self._ask(platform, client_id)
        except UpstreamRefused as error:
            if error.code == _CLIENT_NOT_FOUND:
                return Gifts()
            raise

    async def _ask(self, platform: Platform, client_id: str) -> Gifts:
        identity = {"platform": platform, "platformClientId": client_id}
        params = identity if self._id_in_query else {}
        return await self._call("client gifts", "/openapi/client/gift", _read_gifts, identity, params)

    async def _call(
        self,
        operation: str,
        path: str,
        read: Callable[[Any], _Answer],
        body: dict[str, Any],
        params: dict[str, str] | None = None,
    ) -> _Answer:
        """A read with the newest pair; once more when another process has exchanged the pair meanwhile."""
        if self._pairs is not None and not self._pairs_asked:
            self.use(await self._pairs.newest())
        pair = self._pair

        async def send() -> _Answer:
            return await self._upstream.call(
                operation,
                "POST",
                path,
                read,
                params={"botId": self._bot_id, **(params or {})},
                headers=bearer(pair.token, setting="MANTAGO_TOKEN"),
                json={"secret": pair.secret, **body},
            )

        try:
            return await send()
        except CredentialsRefused as error:
            if self._pairs is None or error.code not in (EXPIRED, REPLACED):
                raise
            newer = await self._pairs.after(pair, int(error.code))
            if newer is None:
                raise
        pair = newer
        self.use(newer)
        return await send()


def days_left(pair: Pair, now: datetime) -> int | None:
    """Whole days until a pair expires, negative afterwards; None when it does not say."""
    return None if pair.ends is None else (pair.ends - now).days


def explain(status: int, body: Any) -> UpstreamError | None:
    """MantaGo's own error, None when the status alone decides.

    The code decides before the status: which status comes with which code is not documented, and a
    200 may carry a failure. Source: https://doc.mantago.cc, error codes.
    """
    details = body.get("errResponse") if isinstance(body, dict) else None
    code = integer(details.get("code")) if isinstance(details, dict) else None
    if code in _REFUSED:
        return CredentialsRefused(NAME, f"{_REFUSED[code]} (code {code})", status=status, code=code)
    if code == 110000:
        return ContractError(NAME, "a required part of the request is missing (code 110000)")
    if code == _CLIENT_NOT_FOUND:
        return UpstreamRefused(NAME, "no such client (code 37011)", status=status, code=code)
    if 200 <= status < 300 and isinstance(body, dict) and body.get("success") is False:
        return UpstreamRefused(NAME, f"{status} that reports a failure (code {code})", status=status, code=code)
    if status in {401, 403}:
        detail = f"{status}: MANTAGO_TOKEN and MANTAGO_SECRET are not accepted. Copy both again from the console"
        return CredentialsRefused(NAME, detail, status=status, code=code)
    if 400 <= status < 500 and code is not None:
        return UpstreamRefused(NAME, f"{status} (code {code})", status=status, code=code)
    return None


def _read_gifts(body: Any) -> Gifts:
    answer = _succeeded(body)
    tickets, no_tickets = _each(_ticket, answer, "tickets")
    equals: Counter[str] = Counter()
    oldest = datetime.min.replace(tzinfo=UTC)
    gifts, skipped = list[Gift](), no_tickets
    for kind, name in GIFT_ARRAYS.items():
        of_kind, unreadable = _each(partial(_gift, kind, equals), answer, name)
        gifts += sorted(of_kind, key=lambda gift: gift.received or oldest, reverse=True)
        skipped += unreadable
    tickets.sort(key=lambda ticket: ticket.received, reverse=True)
    held = len(gifts) + len(tickets)
    # Tickets go first when there is too much: they are only counted, gifts are shown one by one.
    del gifts[MOST_ITEMS:]
    del tickets[MOST_ITEMS - len(gifts) :]
    return Gifts(tuple(tickets), tuple(gifts), skipped=skipped, truncated=held - len(gifts) - len(tickets))


def _read_points(platform: Platform, wanted: frozenset[str], body: Any) -> dict[str, int]:
    answer = _succeeded(body)
    found: dict[str, int] = {}
    doubtful = set[str]()
    value = answer.get("points")
    for item in [] if value is None else array(value, "/points"):
        client = text(item.get("platformClientId")) if isinstance(item, dict) else None
        if client is None or client not in wanted or item.get("platform", platform) != platform:
            continue
        points = integer(item.get("points"))
        if points is None or points < 0 or found.get(client, points) != points:
            doubtful.add(client)  # What contradicts itself, or is no number, says nothing.
        else:
            found[client] = points
    return {client: points for client, points in found.items() if client not in doubtful}


def _read_pair(body: Any) -> Pair:
    answer = _succeeded(body)
    token, secret = answer.get("apiToken"), answer.get("apiSecret")
    if not isinstance(token, str) or not re.fullmatch("[!-~]+", token):  # It must fit into a header.
        raise ShapeError("/apiToken", "a token", token)
    if not isinstance(secret, str) or not secret:
        raise ShapeError("/apiSecret", "a secret", secret)
    return Pair(token, secret)


def _succeeded(body: Any) -> dict[str, Any]:
    answer = mapping(body, "")
    if answer.get("success") is not True:
        raise ShapeError("/success", "true", answer.get("success"))
    return answer


_Item = TypeVar("_Item")


def _each(
    read: Callable[[dict[str, Any]], _Item | None], answer: dict[str, Any], field: str
) -> tuple[list[_Item], int]:
    """The readable items of one array, and how many were not."""
    value = answer.get(field)
    items = [] if value is None else array(value, f"/{field}")
    readable = [item for item in map(read, (it for it in items if isinstance(it, dict))) if item is not None]
    return readable, len(items) - len(readable)


def _ticket(item: dict[str, Any]) -> Ticket | None:
    received = moment(item.get("createdAt"))
    return Ticket(received) if received else None


def _gift(kind: str, equals: Counter[str], item: dict[str, Any]) -> Gift | None:
    name = label(item.get("name"))
    if name is None:
        return None
    source = _SOURCES.get(text(item.get("resource")), "other")
    received = moment(item.get("createdAt"))
    expired = item.get("isExpired")
    identity = f"{kind}\n{name}\n{source}\n{received}"
    equals[identity] += 1
    return Gift(
        key=hashlib.blake2b(f"{identity}\n{equals[identity]}".encode(), digest_size=8).hexdigest(),
        kind=kind,
        name=name[:LONGEST_NAME],
        source=source,
        received=received,
        expired=expired if isinstance(expired, bool) else None,
        starts=moment(item.get("startTime")),
        ends=moment(item.get("endTime")),
    )

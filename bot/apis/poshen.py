"""Poshen: redemption codes and what they give; see docs/apis/poshen.md."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from bot.apis.http import CONNECTIONS, Observe, Params, Upstream, bearer, open_http, unobserved
from bot.apis.reading import ShapeError, array, integer, label, mapping, moment, text
from bot.errors import (
    CheckFailed,
    Conflict,
    ContractError,
    CredentialsRefused,
    NotFound,
    OutcomeUnknown,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)

T = TypeVar("T")

NAME = "poshen"
MOST_PAGES = 50
# The usual width of a text column there; anything longer cannot be a code and only makes a huge URL.
LONGEST_CODE = 255
HISTORY_PAGES = 10  # of the latest redemptions that are looked through for one

_PATH = "/redemption-codes"
_REWARDS = "/rewards"
_REDEMPTIONS = "/redemptions"
_PER_PAGE = 100
_REVOKED = (
    "POSHEN_TOKEN is not accepted. It never expires by itself, so it was revoked or mistyped: log in at "
    "Poshen again and set the new token"
)
_NO_RIGHT = "POSHEN_TOKEN belongs to a user without the right to do this. Use the token of an administrator"


class Refusal(StrEnum):
    """Why Poshen redeems no code for a player, as the `code` of the error that is raised.

    Three of them share 409, and what stands in its body is not documented: see `_refusal`.
    Source: https://docs-poshen.pages.dev/redemptions (possible errors).
    """

    INVALID = "invalidCode"  # There is no such code.
    EXPIRED = "expired"
    USED_UP = "maxUsesExceeded"
    ALREADY = "alreadyRedeemed"  # By this player.
    PLAYER = "unity_player_id"  # It does not know the player; not documented.


@dataclass(frozen=True, slots=True)
class Named:
    """A group or a game."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Reward:
    """What a code gives. type: a free label of the vendor (`金幣`), shown as it is."""

    id: int
    code: str
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class RedemptionCode:
    """A code as Poshen knows it. current_uses: None when not told; Poshen tells no limit and no expiry."""

    id: int
    code: str
    current_uses: int | None
    group: Named | None
    game: Named | None
    rewards: tuple[Reward, ...]

    def is_of(self, group_id: int, reward_ids: Collection[int]) -> bool:
        """Whether it stands in this group and gives exactly these rewards."""
        return (
            self.group is not None
            and self.group.id == group_id
            and {reward.id for reward in self.rewards} == set(reward_ids)
        )


@dataclass(frozen=True, slots=True)
class Redeemed:
    """Whether a player's redemption of a code stands in Poshen's history.

    there: it does. at: when it was, None when Poshen does not tell. whole: the history of this code was seen to its
    end; else that it is not `there` says nothing.
    """

    there: bool
    at: datetime | None = None
    whole: bool = True


@dataclass(frozen=True, slots=True)
class CodePage:
    """One page of codes. number: from 1. more: whether a further page is worth asking for."""

    codes: tuple[RedemptionCode, ...]
    number: int
    total: int | None
    more: bool
    skipped: int


def normalized(code: str) -> str:
    """The form in which two spellings of one code are equal: no blanks around it, no case."""
    return code.strip().casefold()


class PoshenApi:
    """Client of Poshen's redemption codes. upstream: made with `explain=explain`."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    @classmethod
    def open(
        cls,
        url: str,
        *,
        token: str,
        max_per_second: float | None = None,
        connections: int = CONNECTIONS,
        observe: Observe = unobserved,
    ) -> PoshenApi:
        """A client with connections of its own.

        url: base URL. token: of a Poshen user with the right to manage codes. max_per_second: our own
        limit; None or 0 for none. Raises ConfigurationError for a URL
        that is not https or a token that cannot be one.
        """
        http = open_http(
            url,
            setting="POSHEN_API_URL",
            headers=bearer(token, setting="POSHEN_TOKEN"),
            connections=connections,
        )
        return cls(
            Upstream(
                NAME,
                http,
                explain=explain,
                observe=observe,
                connections=connections,
                max_per_second=max_per_second,
            )
        )

    @property
    def upstream(self) -> Upstream:
        """For its breaker's state."""
        return self._upstream

    async def find(self, code: str) -> RedemptionCode | None:
        """The code spelled like `code` (blanks around it and case do not count), or None.

        What cannot be a code (empty, above 255 characters, not encodable) is None without a call.

        Raises ContractError when several codes match or an unreadable item might, else as any read.
        Source: https://docs-poshen.pages.dev/redemption-codes (list, parameter `code`).
        """
        wanted = code.strip()
        if not _sendable(wanted):
            return None
        return await self._list(
            "find code", lambda body: _read_match(body, normalized(wanted)), params={"code": wanted}
        )

    async def get(self, code_id: int) -> RedemptionCode:
        """One code by its id. Raises NotFound when it is gone, else as any read.

        Source: https://docs-poshen.pages.dev/redemption-codes (show).
        """
        return await self._upstream.call("get code", "GET", f"{_PATH}/{code_id:d}", _read_one)

    async def page(
        self,
        number: int = 1,
        *,
        group_id: int | None = None,
        game_id: int | None = None,
        per_page: int | None = None,
    ) -> CodePage:
        """One page of all codes, of one group or of one game; unreadable items are skipped and counted.

        Raises as any read. Source: https://docs-poshen.pages.dev/redemption-codes (list); `page` itself
        is not documented there but follows from `meta.current_page`.
        """
        filters = {"page": number, "group_id": group_id, "game_id": game_id, "per_page": per_page}
        params = {name: value for name, value in filters.items() if value is not None}
        return await self._list("list codes", lambda body: _read_page(body, number, per_page), params=params)

    async def list(
        self, *, group_id: int | None = None, game_id: int | None = None, per_page: int | None = None
    ) -> AsyncIterator[RedemptionCode]:
        """All codes, page by page as they are consumed, each once, at most 50 pages.

        Stops at an empty page, the last page, or when `total` codes were seen: `meta` may be
        incomplete, and codes may shift between pages meanwhile. Raises as any read.
        """
        seen: set[int] = set()
        skipped = 0
        for number in range(1, MOST_PAGES + 1):
            page = await self.page(number, group_id=group_id, game_id=game_id, per_page=per_page)
            fresh = {code.id: code for code in page.codes if code.id not in seen}
            for code in fresh.values():
                yield code
            seen |= fresh.keys()
            skipped += page.skipped
            # A vendor that ignores `page` shows the first one for ever.
            if not page.more or not fresh or (page.total is not None and len(seen) + skipped >= page.total):
                return

    async def create(self, code: str, *, group_id: int, reward_ids: Collection[int] = ()) -> RedemptionCode:
        """Create one code. Safe to repeat: the same code in the same group with the same rewards is the same.

        When the answer is lost or says that the code exists, it is looked up before anything is claimed.

        Raises ValueError for what cannot be a code, Conflict when the code exists in another group or
        with other rewards, OutcomeUnknown when even the look-up cannot tell (repeat the call), else
        UpstreamRefused, UpstreamUnavailable or ContractError.
        Source: https://docs-poshen.pages.dev/redemption-codes (create).
        """
        code = code.strip()
        if not _sendable(code):
            raise ValueError("not a code")
        body: dict[str, Any] = {"code": code, "redemption_code_group_id": group_id}
        if reward_ids:
            body["rewards"] = [{"reward_id": reward_id} for reward_id in reward_ids]
        wanted = _Wanted(normalized(code), group_id, frozenset(reward_ids))
        doubt: UpstreamError
        accepted = False
        try:
            created = await self._upstream.call("create code", "POST", _PATH, _read_created, json=body, write=True)
        except OutcomeUnknown as error:
            doubt = error
        except UpstreamRefused as error:
            if error.status not in {409, 422}:
                raise
            doubt = error
        else:
            if created is not None and wanted.is_met_by(created):
                return created
            accepted = True
            doubt = OutcomeUnknown(NAME, "create code: accepted, but the code cannot be found")
        try:
            found = await self.find(code)
        except (UpstreamUnavailable, UpstreamRefused, ContractError):
            found = None
        if found is None:
            raise doubt
        if accepted or wanted.is_met_by(found):
            return found
        raise Conflict(NAME, "create code: it exists in another group or with other rewards", status=409)

    async def move(self, code_id: int, *, group_id: int) -> None:
        """Move a code to another group, and with it perhaps to another game. Safe to repeat.

        Raises NotFound, UpstreamRefused, UpstreamUnavailable, or OutcomeUnknown (repeat the call).
        Source: https://docs-poshen.pages.dev/redemption-codes (update; answers 204 without a body).
        """
        await self._upstream.call(
            "move code",
            "PUT",
            f"{_PATH}/{code_id:d}",
            json={"redemption_code_group_id": group_id},
            write=True,
            repeatable=True,
        )

    async def delete(self, code_id: int) -> None:
        """Delete a code; one that is gone already is deleted. Safe to repeat.

        Raises UpstreamRefused, UpstreamUnavailable, or OutcomeUnknown (repeat the call).
        Source: https://docs-poshen.pages.dev/redemption-codes (delete; answers 204 without a body).
        """
        try:
            await self._upstream.call("delete code", "DELETE", f"{_PATH}/{code_id:d}", write=True, repeatable=True)
        except NotFound:
            # After a lost answer our own first attempt may be what removed it.
            return

    async def rewards(self) -> tuple[Reward, ...]:
        """Every reward that a code can give, by id; unreadable ones are left out.

        Raises CredentialsRefused when the token's user may not read them, else as any read.
        Source: https://docs-poshen.pages.dev/rewards (list).
        """
        found: dict[int, Reward] = {}
        seen = 0
        for number in range(1, MOST_PAGES + 1):
            params = {"page": number, "per_page": _PER_PAGE}
            rewards, items, total = await self._list("list rewards", _read_rewards, params, _REWARDS)
            fresh = {reward.id: reward for reward in rewards if reward.id not in found}
            found |= fresh
            seen += items
            # As for codes: a vendor that ignores `page` shows the first one for ever.
            if not fresh or (total is not None and seen >= total):
                break
        return tuple(found[reward_id] for reward_id in sorted(found))

    async def redeem(self, code: str, player: str) -> tuple[Reward, ...]:
        """Redeem `code` for the player with this Unity player id; the rewards that were granted.

        Once for a code and player, so it may be repeated after OutcomeUnknown; Refusal.ALREADY then most likely means
        that the first one worked, see `redeemed`. In here it is never repeated: that would hide which of them it was.

        Raises NotFound, Conflict or UpstreamRefused with a Refusal as `code`, or another code for a no of another kind;
        OutcomeUnknown; ContractError for an answer that says yes and not to what; else as any write.
        Source: https://docs-poshen.pages.dev/redemptions (redeem; `/redeem` is an alias of it).
        """
        body = {"redemption_code": code, "unity_player_id": player}
        return await self._upstream.call("redeem", "POST", _REDEMPTIONS, _read_granted, json=body, write=True)

    async def redeemed(self, code: RedemptionCode, player: str) -> Redeemed:
        """Whether a player has redeemed a code, by the history of redemptions, of which the latest are looked through.

        The history is filtered by us: the documents tell of a filter by code, but we have not seen its name.

        Raises CredentialsRefused when the token's user may not read it, else as any read.
        Source: https://docs-poshen.pages.dev/redemptions (list).
        """
        seen = 0
        for number in range(1, HISTORY_PAGES + 1):
            params: Params = {
                "redemption_code_id": code.id,
                "code": code.code,
                "page": number,
                "per_page": _PER_PAGE,
            }
            matches, items, total = await self._list(
                "list redemptions", lambda body: _read_history(body, code, player), params, _REDEMPTIONS
            )
            if matches:
                moments = [at for at in matches if at is not None]
                return Redeemed(there=True, at=max(moments, default=None))
            seen += items
            if not items or (total is not None and seen >= total):
                return Redeemed(there=False)
        return Redeemed(there=False, whole=False)

    async def check_history(self) -> None:
        """Prove that the token may read who redeemed what. Raises as any read."""
        await self._list("list redemptions", lambda body: mapping(body, ""), {"per_page": 1}, _REDEMPTIONS)

    async def check(self) -> None:
        """Prove URL and token by listing one code.

        Raises CheckFailed saying what to do, or UpstreamUnavailable when nothing can be told now.
        """
        try:
            await self.page(per_page=1)
        except CredentialsRefused as error:
            problem, kind = error.detail, error.kind
        except (UpstreamRefused, ContractError) as error:
            problem, kind = f"{error.detail}. Check POSHEN_API_URL", error.kind
        else:
            return
        raise CheckFailed(f"Poshen: {problem}", kind)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._upstream.aclose()

    async def _list(self, operation: str, read: Callable[[Any], T], params: Params, path: str = _PATH) -> T:
        try:
            return await self._upstream.call(operation, "GET", path, read, params=params)
        except NotFound:
            problem = f"{operation}: 404, although a list may only be empty"
        # Left as NotFound it would be taken for "there is no such code".
        raise ContractError(NAME, problem)


def explain(status: int, body: Any) -> UpstreamError | None:
    """Poshen's own error, None when the status alone decides.

    Errors are not documented; the shapes are those of the Laravel framework it seems to be built
    with. Field names are told, messages are not: they may quote what was sent.
    """
    if status == 401:
        return CredentialsRefused(NAME, _REVOKED, status=status)
    if status == 403:
        return CredentialsRefused(NAME, _NO_RIGHT, status=status)
    reason = _refusal(status, body)
    if status == 422 and isinstance(body, dict) and isinstance(body.get("errors"), dict):
        fields = ", ".join(sorted(text(field) or "?" for field in body["errors"]))
        return UpstreamRefused(NAME, f"422: {fields[:100]}", status=status, code=reason)
    if status == 404 and reason is not None:
        return NotFound(NAME, f"404: {reason}", status=status, code=reason)
    if status == 409 and reason is not None:
        return Conflict(NAME, f"409: {reason}", status=status, code=reason)
    return None


# Where a machine-readable reason may stand, and what it looks like there or in a message.
_REASON_FIELDS = ("code", "error", "error_code", "exception", "reason", "type")
_REASON = re.compile("|".join((Refusal.ALREADY, Refusal.USED_UP, Refusal.INVALID)), re.IGNORECASE)
# What the words of a message say, in the order in which they are looked for: "already fully used" is no "already".
_WORDS = (
    (Refusal.EXPIRED, re.compile(r"expired|過期|逾期|已截止|已結束", re.IGNORECASE)),
    (
        Refusal.USED_UP,
        re.compile(
            r"max(imum)?[ _]?(uses|redemptions|usage)|usage limit|fully (used|redeemed)|used up|no uses left|exhausted"
            r"|上限|用完|額滿|已滿|兌換一空",
            re.IGNORECASE,
        ),
    ),
    (
        Refusal.ALREADY,
        re.compile(r"already (been )?(redeemed|used|claimed)|(已經?|曾)(被您)?(兌換|使用|領取)|兌換過", re.IGNORECASE),
    ),
)
_ABOUT_PLAYER = re.compile(r"player|models\\user|\busers?\b|玩家|使用者", re.IGNORECASE)


def _refusal(status: int, body: Any) -> Refusal | None:
    """What a no to redeeming means: by a field made for machines, else by its words; None when neither says it.

    The documents name what Poshen raises and the status, not what stands in the body.
    """
    if not isinstance(body, dict) or status not in (404, 409, 422):
        return None
    errors = body.get("errors")
    if status == 422 and isinstance(errors, dict):
        return Refusal.PLAYER if "unity_player_id" in errors else None
    message = str(body.get("message") or "")
    said = [str(body.get(name) or "") for name in _REASON_FIELDS]
    for part in (*said, message):
        if found := _REASON.search(part):
            return next(reason for reason in Refusal if reason.lower() == found[0].lower())
    if any(part.rpartition(":")[2].strip().lower() == Refusal.EXPIRED for part in said):
        return Refusal.EXPIRED
    if status == 404:
        return Refusal.PLAYER if _ABOUT_PLAYER.search(message) else None
    # Some vendors write their words where others have a name for machines.
    words = " ".join((message, *said))
    return next((reason for reason, pattern in _WORDS if pattern.search(words)), None)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a new code should be. code: normalized."""

    code: str
    group_id: int
    reward_ids: frozenset[int]

    def is_met_by(self, other: RedemptionCode) -> bool:
        return normalized(other.code) == self.code and other.is_of(self.group_id, self.reward_ids)


def _sendable(code: str) -> bool:
    return len(code) <= LONGEST_CODE and text(code) == code


def _read_match(body: Any, wanted: str) -> RedemptionCode | None:
    """The one code that is really the wanted one: how exact the vendor's filter is, is unknown."""
    answer = mapping(body, "")
    items = array(answer.get("data"), "/data")
    matches: dict[int, RedemptionCode] = {}
    for index, item in enumerate(items):
        code = text(item.get("code")) if isinstance(item, dict) else None
        if code is not None and normalized(code) != wanted:
            continue
        match = _code(item)
        if match is None:
            raise ShapeError(f"/data/{index}", "a redemption code", item)
        matches[match.id] = match
    if len(matches) > 1:
        raise ContractError(NAME, f"find code: {len(matches)} codes differ in nothing but case or blanks")
    if matches:
        return matches.popitem()[1]
    total = integer(_meta(answer).get("total"))
    if items and total is not None and total > len(items):
        raise ContractError(NAME, "find code: the filter seems to be ignored, /data holds other codes")
    return None


def _read_page(body: Any, number: int, per_page: int | None) -> CodePage:
    answer = mapping(body, "")
    items = array(answer.get("data"), "/data")
    meta = _meta(answer)
    total = integer(meta.get("total"))
    last = integer(meta.get("last_page"))
    size = integer(meta.get("per_page")) or per_page
    more = bool(items)
    if more and last is not None:
        more = number < last
    elif more and total is not None and size is not None:
        more = number * size < total
    codes = tuple(code for code in map(_code, items) if code is not None)
    return CodePage(codes=codes, number=number, total=total, more=more, skipped=len(items) - len(codes))


def _read_rewards(body: Any) -> tuple[list[Reward], int, int | None]:
    """One page of rewards, how many items it had, and how many there are in all."""
    answer = mapping(body, "")
    items = array(answer.get("data"), "/data")
    rewards = [reward for reward in map(_reward, items) if reward is not None]
    return rewards, len(items), integer(_meta(answer).get("total"))


def _read_one(body: Any) -> RedemptionCode:
    """One code, with or without the `data` around it: the vendor shows no sample."""
    answer = mapping(body, "")
    item = answer.get("data", answer)
    code = _code(item)
    if code is None:
        raise ShapeError("/data", "a redemption code", item)
    return code


def _read_created(body: Any) -> RedemptionCode | None:
    """The new code if the answer holds it, which is not documented."""
    return _code(body.get("data", body)) if isinstance(body, dict) else None


def _read_granted(body: Any) -> tuple[Reward, ...]:
    """What was granted. A reward that cannot be read must not vanish in silence."""
    items = array(mapping(body, "").get("data"), "/data")
    for index, item in enumerate(items):
        if _reward(item) is None:
            raise ShapeError(f"/data/{index}", "a reward", item)
    return tuple(reward for reward in map(_reward, items) if reward is not None)


def _read_history(body: Any, code: RedemptionCode, player: str) -> tuple[list[datetime | None], int, int | None]:
    """When this player redeemed this code, of one page; how many items it had, and how many there are in all."""
    answer = mapping(body, "")
    items = array(answer.get("data"), "/data")
    found = [
        moment(item.get("redeemed_at"))
        for item in items
        if isinstance(item, dict) and _is_redemption_of(item, code, player)
    ]
    return found, len(items), integer(_meta(answer).get("total"))


def _is_redemption_of(item: dict[str, Any], code: RedemptionCode, player: str) -> bool:
    user, used = item.get("user"), item.get("redemption_code")
    if not (isinstance(user, dict) and isinstance(used, dict)):
        return False
    return text(user.get("unity_player_id")) == player and integer(used.get("id")) == code.id


def _meta(answer: dict[str, Any]) -> dict[str, Any]:
    meta = answer.get("meta")
    return meta if isinstance(meta, dict) else {}


def _code(item: object) -> RedemptionCode | None:
    """None when unreadable. A reward that is must not vanish silently, so it spoils its code."""
    if not isinstance(item, dict):
        return None
    code_id = integer(item.get("id"))
    code = text(item.get("code"))
    listed = item.get("rewards")
    rewards = [_reward(reward) for reward in listed] if isinstance(listed, list) else []
    known = [reward for reward in rewards if reward is not None]
    if code_id is None or code is None or len(known) < len(rewards) or not isinstance(listed, list | None):
        return None
    return RedemptionCode(
        id=code_id,
        code=code,
        current_uses=integer(item.get("current_uses")),
        group=_named(item.get("group")),
        game=_named(item.get("game")),
        rewards=tuple(known),
    )


def _named(value: object) -> Named | None:
    if not isinstance(value, dict) or (own_id := integer(value.get("id"))) is None:
        return None
    return Named(own_id, label(value.get("name")) or "")


def _reward(value: object) -> Reward | None:
    if not isinstance(value, dict) or (own_id := integer(value.get("id"))) is None:
        return None
    return Reward(
        id=own_id,
        code=text(value.get("code")) or "",
        name=label(value.get("name")) or "",
        type=text(value.get("type")) or "",
    )

"""The only code that calls LINE's Messaging API on a message's way."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID, uuid5

import httpx
import orjson

from bot.apis.http import address, bearer, open_http
from bot.apis.rate_limit import RateLimit
from bot.channels import Delivery, Json, MenuTexts, Outcome, Pack, Receipt, Rendered
from bot.channels.calls import CONNECTIONS, PROFILE_SECONDS, READ_SECONDS, LostError, NotSentError, exchange
from bot.channels.limits import records, word
from bot.channels.line.aliases import ALIAS, alias_of
from bot.channels.line.colors import palette
from bot.channels.line.render import render
from bot.conversation.messages import TOGETHER, Reply
from bot.errors import CheckFailed, UpstreamUnavailable

if TYPE_CHECKING:
    from bot.channels.line.account import Account

API_URL = "https://api.line.me"
BRAND_COLOUR = "#0F766E"
LOOK_AGAIN_SECONDS = 3.0  # while no menu is known
GIVE_SECONDS = 3.0  # A menu is given beside an answer, and tried again with the next one.
# https://developers.line.biz/en/reference/messaging-api/#rate-limits: requests a second of a channel, however many
# processes make them. The loading animation has 100; some are left for what else the brand runs. Replies have 2,000 and
# pushes as many; here they share them.
MESSAGES_PER_SECOND = 2000
LOADINGS_PER_SECOND = 80
MESSAGE_WAITS = 1.0  # seconds for its slot
LOADING_WAITS = 0.5  # The answer is being made meanwhile, and may be there first.
ALONE_PER_SECOND = 100  # messages of a process; only some busy ones together make two thousand
BUSY_SECONDS = 20  # LINE takes multiples of five up to sixty, and stops early when a message arrives.

_ACCEPTED = frozenset({200, 409})  # 409: an earlier try with this retry key was accepted.
_PATH = re.compile(r"[\w./\[\]-]{1,120}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Answer:
    """LINE's answer. `paths`: the properties it complains about, safe to log; its texts may quote ours."""

    status: int
    body: Json
    retry_after: float | None = None

    @property
    def says(self) -> str:
        return str(self.body.get("message", "")).lower()

    @property
    def paths(self) -> str:
        found = (detail.get("property") for detail in records(self.body.get("details")))
        return " ".join([path for path in found if isinstance(path, str) and _PATH.fullmatch(path)][:5])

    @property
    def token_is_used(self) -> bool:
        # LINE has no code for it, and its texts may change: the two words are all that is looked for.
        return self.status == 400 and "reply token" in self.says

    @property
    def is_about_content(self) -> bool:
        return self.status == 400 and not self.token_is_used


class LineClient:
    """LINE as the worker uses it."""

    name = "line"
    pictures = None
    threads = None

    def __init__(
        self,
        http: httpx.AsyncClient,
        access_token: str,
        brand_colour: str = BRAND_COLOUR,
        *,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._http = http
        self._url = address(http)
        token = bearer(access_token, setting="LINE_CHANNEL_ACCESS_TOKEN")
        self._headers = httpx.Headers({**http.headers, **token, "Content-Type": "application/json"})
        self._access_token = access_token
        self._account: Account | None = None
        self._read_seconds = read_seconds
        self._colors = palette(brand_colour)
        self.menus = CustomerMenus(self)
        self._messages = RateLimit("line messages", MESSAGES_PER_SECOND, patience=MESSAGE_WAITS, alone=ALONE_PER_SECOND)
        self._loadings = RateLimit("line loadings", LOADINGS_PER_SECOND, patience=LOADING_WAITS)
        self.limits = (self._messages, self._loadings)

    @classmethod
    def connect(
        cls,
        access_token: str,
        *,
        api_url: str = API_URL,
        brand_colour: str = BRAND_COLOUR,
        connections: int = CONNECTIONS,
        read_seconds: float = READ_SECONDS,
    ) -> LineClient:
        """A client with connections of its own. Raises ConfigurationError."""
        http = open_http(api_url, setting="LINE_API_URL", headers={}, connections=connections)
        return cls(http, access_token, brand_colour, read_seconds=read_seconds)

    def render(self, reply: Reply, pack: Pack) -> list[Rendered]:
        return render(reply, pack, self._colors)

    async def deliver(self, delivery: Delivery, accepted: Callable[[int], Awaitable[None]] | None = None) -> Receipt:
        """All messages in one call, so `accepted` is not needed: the receipt says all or nothing."""
        rest = delivery.messages[delivery.done : delivery.done + TOGETHER]
        if not rest:
            return Receipt(Outcome.DELIVERED, delivery.done)
        if delivery.reply_token:
            receipt = await self._reply(delivery.reply_token, rest)
        else:
            receipt = await self._push(delivery.to, rest, delivery.key)
        taken = len(rest) if receipt.outcome is Outcome.DELIVERED else 0
        return replace(receipt, done=delivery.done + taken)

    async def _reply(self, token: str, messages: Sequence[Rendered]) -> Receipt:
        async def send(contents: list[Json]) -> Answer:
            return await self._send("/v2/bot/message/reply", {"replyToken": token, "messages": contents})

        try:
            try:
                answer = await send([each.message for each in messages])
            except LostError:
                # The token works once, so asking again cannot say it twice; a used one tells that it was said.
                answer = await send([each.message for each in messages])
                if answer.status != 200 and not answer.is_about_content:
                    return Receipt(Outcome.UNKNOWN, 0, f"no answer, then HTTP {answer.status}")
            if answer.is_about_content and (contents := _as_text(messages)):
                return _judged(await send(contents), instead_of=answer)
        except NotSentError as error:
            return Receipt(Outcome.RETRY, 0, str(error) or "no connection")
        except LostError:
            return Receipt(Outcome.UNKNOWN, 0, "no answer")
        return _judged(answer)

    async def _push(self, to: str, messages: Sequence[Rendered], key: UUID) -> Receipt:
        async def send(contents: list[Json], key: UUID) -> Answer:
            body = {"to": to, "messages": contents}
            return await self._send("/v2/bot/message/push", body, {"X-Line-Retry-Key": str(key)})

        try:
            answer = await send([each.message for each in messages], key)
            if answer.is_about_content and not _is_about_recipient(answer) and (contents := _as_text(messages)):
                # A retry key stands for one content, so the text has its own.
                return _judged(await send(contents, uuid5(key, "plain")), instead_of=answer)
        except NotSentError as error:
            return Receipt(Outcome.RETRY, 0, str(error) or "no connection")
        except LostError:
            return Receipt(Outcome.RETRY, 0, "no answer")  # Safe: the retry key keeps it from being said twice.
        return _judged(answer)

    async def _send(self, path: str, body: Json, headers: Mapping[str, str] | None = None) -> Answer:
        """A message, when its slot comes. Raises NotSentError or LostError."""
        slot = await self._messages.slot()
        if not slot.taken:
            raise NotSentError("too many messages at once")
        if slot.wait:
            await asyncio.sleep(slot.wait)
        return await self.call("POST", path, body, headers)

    async def show_busy(self, to: str) -> None:
        if not to.startswith("U"):
            return  # LINE shows it to one person only, not in groups.
        slot = await self._loadings.slot()
        if not slot.taken:
            return
        await asyncio.sleep(slot.wait)
        with suppress(NotSentError, LostError):
            body = {"chatId": to, "loadingSeconds": BUSY_SECONDS}
            await self.call("POST", "/v2/bot/chat/loading/start", body)

    async def language_of(self, user_id: str) -> str | None:
        try:
            async with asyncio.timeout(PROFILE_SECONDS):
                answer = await self.call("GET", f"/v2/bot/profile/{quote(user_id, safe='')}")
        except (NotSentError, LostError, TimeoutError):
            return None
        return word(answer.body.get("language")) if answer.status == 200 else None

    async def check(self) -> str:
        try:
            answer = await self.call("GET", "/v2/bot/info")
        except (NotSentError, LostError):
            raise CheckFailed(
                "LINE does not answer: check the network, and LINE_API_URL if you have set it", "unavailable"
            ) from None
        if answer.status in {401, 403}:
            raise CheckFailed(
                f"LINE refuses LINE_CHANNEL_ACCESS_TOKEN (HTTP {answer.status}): issue a new channel access"
                " token in the LINE Developers console and set it",
                "credentials",
            )
        name = word(answer.body.get("displayName"))
        if answer.status != 200 or not name:
            raise CheckFailed(
                f"LINE answered HTTP {answer.status} and did not name the account: try again later,"
                " and check LINE_API_URL if you have set it",
                "unavailable" if answer.status >= 500 else "strange",
            )
        return f"{name} ({word(answer.body.get('basicId')) or 'no basic id'})"

    async def quota(self) -> tuple[int, int | None]:
        """(messages that this month counted so far, about; how many the plan includes, None for any number).

        Raises UpstreamUnavailable. https://developers.line.biz/en/reference/messaging-api/#get-quota
        """
        path = "/v2/bot/message/quota"
        try:
            plan, usage = await asyncio.gather(self.call("GET", path), self.call("GET", f"{path}/consumption"))
        except (NotSentError, LostError):
            raise UpstreamUnavailable(self.name, "quota: no answer") from None
        free, used = plan.body.get("value"), usage.body.get("totalUsage")
        if plan.status != 200 or usage.status != 200 or not isinstance(used, int):
            raise UpstreamUnavailable(self.name, f"quota: HTTP {plan.status} and {usage.status}")
        return used, free if plan.body.get("type") == "limited" and isinstance(free, int) else None

    def account(self) -> Account:
        """The account's set-up, through LINE's SDK, which is loaded only now: for `giftdesk menus` and the doctor."""
        if self._account is None:
            from bot.channels.line.account import Account  # noqa: PLC0415 - half a second, 40 MB, not for the worker

            self._account = Account(self._url, self._access_token)
        return self._account

    async def aclose(self) -> None:
        if self._account is not None:
            self._account.close()
        await self._http.aclose()

    async def call(
        self, method: str, path: str, body: Json | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One call. Raises NotSentError or LostError when there is no answer."""
        content = None if body is None else orjson.dumps(body)
        sent = self._headers if headers is None else {**self._headers, **headers}
        response, answered = await exchange(self._http, method, self._url + path, content, sent, self._read_seconds)
        return Answer(response.status_code, answered, _retry_after(response))


class CustomerMenus:
    """Which rich menu is whose: each language's own, as `giftdesk menus` installed them, found by their aliases.

    The account's default is the menu of the default language, so nobody is linked to that one.
    """

    follows_phone = False

    def __init__(self, client: LineClient) -> None:
        self._client = client
        self._of: dict[str, str] = {}  # by alias
        self._asked = float("-inf")

    def offer(self, texts: Sequence[MenuTexts]) -> None:
        """Nothing: LINE has them, whole."""

    def unsure(self, language: str | None, has: str | None, *, staff: str = "") -> bool:
        # Menus are installed while workers run; who then changes the language is not to wait for the next look.
        wants = language is not None or bool(has) or bool(staff)
        return wants and not self._of and time.monotonic() - self._asked > LOOK_AGAIN_SECONDS

    async def learn(self) -> None:
        self._asked = time.monotonic()
        try:
            answer = await self._client.call("GET", "/v2/bot/richmenu/alias/list")
        except (NotSentError, LostError):
            self._of = {}
            return
        listed = records(answer.body.get("aliases")) if answer.status == 200 else []
        found = ((word(alias.get("richMenuAliasId")), word(alias.get("richMenuId"))) for alias in listed)
        self._of = {alias: menu for alias, menu in found if alias and menu and alias.startswith(ALIAS)}

    def due(self, language: str | None, has: str | None, *, staff: str = "") -> str | None:
        if not self._of:
            return None
        wanted = self._of.get(alias_of(staff), "") if staff else ""
        wanted = wanted or (self._of.get(alias_of(language), "") if language else "")
        return None if wanted == has else wanted

    async def give(self, user_id: str, menu: str) -> bool:
        # https://developers.line.biz/en/reference/messaging-api/#link-rich-menu-to-user
        path = f"/v2/bot/user/{quote(user_id, safe='')}/richmenu"
        try:
            async with asyncio.timeout(GIVE_SECONDS):
                answer = await self._client.call(*(("POST", f"{path}/{menu}") if menu else ("DELETE", path)))
        except (NotSentError, LostError, TimeoutError):
            answer = None
        if answer is not None and answer.status == 200:
            return True
        # The menu was replaced a moment ago, or LINE is in trouble: then none are known, and nothing is tried.
        await self.learn()
        return False


def _retry_after(response: httpx.Response) -> float | None:
    seconds = response.headers.get("retry-after", "")
    return float(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < 6 else None


def _as_text(messages: Sequence[Rendered]) -> list[Json]:
    """The same in text; empty when it was text already."""
    return [each.plain or each.message for each in messages] if any(each.plain for each in messages) else []


def _is_about_recipient(answer: Answer) -> bool:
    # https://developers.line.biz/en/reference/messaging-api/#send-push-message: of another provider, or none.
    return answer.status == 400 and (answer.paths == "to" or "failed to send messages" in answer.says)


def _judged(answer: Answer, *, instead_of: Answer | None = None) -> Receipt:
    """What an answer means. instead_of: the answer that refused the cards which this text stands in for."""
    # https://developers.line.biz/en/reference/messaging-api/#status-codes
    detail = " ".join(part for part in (f"HTTP {answer.status}", answer.paths) if part)
    if answer.status in _ACCEPTED:
        return Receipt(Outcome.DELIVERED, 0, f"as text, cards refused: {instead_of.paths}" if instead_of else "")
    if answer.token_is_used:
        return Receipt(Outcome.LATE, 0, "the reply token is no longer valid")
    if _is_about_recipient(answer):
        return Receipt(Outcome.UNREACHABLE, 0, "unknown recipient")
    if answer.status in {401, 403}:
        return Receipt(Outcome.BARRED, 0, f"credentials: HTTP {answer.status}, check LINE_CHANNEL_ACCESS_TOKEN")
    if answer.status == 429 and "monthly limit" in answer.says:
        return Receipt(Outcome.LATE, 0, "the plan's messages of this month are used up", spent=True)
    if answer.status in {408, 429} or answer.status >= 500:
        return Receipt(Outcome.RETRY, 0, detail, answer.retry_after, perhaps=answer.status != 429)
    return Receipt(Outcome.REFUSED, 0, detail)

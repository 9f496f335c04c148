"""The only code that calls Messenger's Graph API on a message's way."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import quote, urlencode

import httpx
import orjson

from bot.apis.http import address, bearer, open_http
from bot.channels import Delivery, Json, Outcome, Pack, Receipt, Rendered
from bot.channels.calls import CONNECTIONS, PROFILE_SECONDS, READ_SECONDS, LostError, NotSentError, exchange
from bot.channels.limits import record, word
from bot.channels.messenger.inbound import PAGE_INBOX
from bot.channels.messenger.personal import PersonalMenus
from bot.channels.messenger.pictures import Pictures
from bot.channels.messenger.render import is_banner, render
from bot.channels.messenger.threads import Threads
from bot.conversation.messages import Reply
from bot.errors import CheckFailed
from bot.telemetry.log import log

API_URL = "https://graph.facebook.com/v26.0"
BRAND_COLOUR = "#0F766E"
BANNER_SECONDS = 2.0  # An answer does not wait for longer for the picture above it.
UPLOAD_SECONDS = 20.0
SLOW_DOWN_SECONDS = 60.0  # Ours: Meta's limits are counted over minutes, and it names no time.


# https://developers.facebook.com/docs/messenger-platform/error-codes. Codes and subcodes share one
# space of numbers there and move between the two places, so one set is asked for both.
_SENT_NEVERTHELESS = frozenset({1357046})
_WINDOW_CLOSED = frozenset({2018278, 2534022, 2018065})
_UNREACHABLE = frozenset({551, 1545041, 2018001, 2018108, 2018218, 2534014})
_HANDED_OVER = frozenset({2018300, 2018321, 2534037})
_RESTRICTED = frozenset({368, 2022, 1893063, 2018344})
CREDENTIALS = frozenset({10, 102, 104, 190, 200})
LIMITED = frozenset({4, 17, 32, 613, 80006})
_TEMPORARY = frozenset({1, 2})
PARAMETER = 100


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Json

    @property
    def code(self) -> int:
        return _number(record(self.body.get("error")).get("code"))

    @property
    def subcode(self) -> int:
        return _number(record(self.body.get("error")).get("error_subcode"))

    @property
    def later(self) -> bool:
        """Whether it was refused for a reason that passes."""
        return self.code in LIMITED | _TEMPORARY or self.status == 429 or self.status >= 500

    @property
    def detail(self) -> str:
        """Safe to log: Meta's texts are in the reader's language and may quote ours."""
        return f"HTTP {self.status}, code {self.code}/{self.subcode}"


class MessengerClient:
    """Messenger as the worker uses it, and `giftdesk menus`."""

    name = "messenger"
    platform = ""  # whom an upload is for, where that has to be said
    quota = None
    limits = ()

    def __init__(
        self,
        http: httpx.AsyncClient,
        page_access_token: str,
        app_secret: str,
        *,
        brand_colour: str = BRAND_COLOUR,
        pictures_at: str = "",
        standby: bool = False,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._http = http
        self._url = address(http)
        token = bearer(page_access_token, setting="MESSENGER_PAGE_ACCESS_TOKEN")
        self._headers = httpx.Headers({**http.headers, **token, "Content-Type": "application/json"})
        self._read_seconds = read_seconds
        # https://developers.facebook.com/docs/graph-api/guides/secure-requests
        self._proof = hmac.digest(app_secret.encode(), page_access_token.encode(), hashlib.sha256).hex()
        self.pictures = Pictures(self.name, brand_colour, pictures_at, self.upload)
        self.menus: PersonalMenus | None = PersonalMenus(self)
        self.threads = Threads(self) if standby else None

    @classmethod
    def connect(
        cls,
        page_access_token: str,
        app_secret: str,
        *,
        api_url: str = API_URL,
        connections: int = CONNECTIONS,
        brand_colour: str = BRAND_COLOUR,
        pictures_at: str = "",
        standby: bool = False,
        read_seconds: float = READ_SECONDS,
    ) -> Self:
        """A client with connections of its own. pictures_at: where the platform can fetch our pictures, "" nowhere.
        standby: the inbox of the page may hold a chat as well. Raises ConfigurationError."""
        http = open_http(api_url, setting="MESSENGER_API_URL", headers={}, connections=connections)
        about: Json = {"brand_colour": brand_colour, "pictures_at": pictures_at, "standby": standby}
        return cls(http, page_access_token, app_secret, **about, read_seconds=read_seconds)

    def as_app(self, app_id: str, app_secret: str) -> MessengerClient:
        """The app itself instead of the page, over the same connections: its webhooks are told to nobody else.

        https://developers.facebook.com/docs/facebook-login/guides/access-tokens#apptokens
        """
        return MessengerClient(self._http, f"{app_id}|{app_secret}", app_secret)

    def render(self, reply: Reply, pack: Pack) -> list[Rendered]:
        return render(reply, pack, pictures=self.pictures)

    async def deliver(self, delivery: Delivery, accepted: Callable[[int], Awaitable[None]] | None = None) -> Receipt:
        """One call per message, each after the one before was taken: only so do they keep their order."""
        details = []
        for index, rendered in enumerate(delivery.messages[delivery.done :], start=delivery.done):
            if is_banner(rendered.message):
                receipt = await self._send_banner(delivery.to, rendered, done=index)
            else:
                last = index == len(delivery.messages) - 1
                receipt = await self._send(delivery.to, rendered, done=index, passes=delivery.passes and last)
            if receipt.outcome is not Outcome.DELIVERED:
                return receipt
            details.append(receipt.detail)
            if accepted:
                await accepted(index + 1)
        done = max(delivery.done, len(delivery.messages))
        return Receipt(Outcome.DELIVERED, done, " ".join(detail for detail in details if detail))

    async def _send(self, to: str, rendered: Rendered, *, done: int, passes: bool = False) -> Receipt:
        """passes: the page's inbox is given the chat with it, see `Threads`; where Meta refuses that, it goes alone."""
        control = {"thread_control": {"control_type": "pass", "app_id": str(PAGE_INBOX)}} if passes else {}

        async def send(message: Json) -> Answer:
            body = {"recipient": {"id": to}, "messaging_type": "RESPONSE", "message": message, **control}
            return await self.call("POST", "/me/messages", body)

        try:
            answer = await send(rendered.message)
            if control and self.threads is not None and _is_refused(answer):
                log.warning("the inbox is not given this chat", detail=answer.detail)
                self.threads.is_not_routed()
                control.clear()
                answer = await send(rendered.message)
            if rendered.plain and _is_about_content(answer):
                return self._judged(await send(rendered.plain), done, instead_of=answer)
        except NotSentError:
            return Receipt(Outcome.RETRY, done, "no connection")
        except LostError:
            # Messenger has no key that would make a second try safe, and most messages whose answer is
            # lost did arrive. What was granted is in the ledger and can be asked for; a doubled
            # confirmation would look like a doubled grant.
            return Receipt(Outcome.UNKNOWN, done, "no answer")
        return self._judged(answer, done)

    def _judged(self, answer: Answer, done: int, *, instead_of: Answer | None = None) -> Receipt:
        """What an answer means. Where somebody else may hold a chat, what is of value waits until it is ours again."""
        receipt = _judged(answer, done, instead_of=instead_of)
        if self.threads is not None and {answer.code, answer.subcode} & _HANDED_OVER:
            return replace(receipt, outcome=Outcome.LATE)
        return receipt

    async def _send_banner(self, to: str, rendered: Rendered, *, done: int) -> Receipt:
        """A picture above an answer. Whatever becomes of it, the answer goes out, and it goes out now."""
        body = {"recipient": {"id": to}, "messaging_type": "RESPONSE", "message": rendered.message}
        try:
            answer = await self.call("POST", "/me/messages", body, seconds=BANNER_SECONDS)
        except (NotSentError, LostError):
            return Receipt(Outcome.DELIVERED, done + 1, "without its picture: no answer")
        known = word(rendered.message["attachment"]["payload"].get("attachment_id"))
        if known and _is_about_content(answer):
            self.pictures.refuse(known)
        good = 200 <= answer.status < 300 and not answer.code
        return Receipt(Outcome.DELIVERED, done + 1, "" if good else f"without its picture: {answer.detail}")

    async def upload(self, png: bytes, name: str) -> tuple[str, str]:
        """Bring a picture to the platform, to be sent by its id: the id, or why there is none. Never raises.

        https://developers.facebook.com/docs/messenger-platform/reference/attachment-upload-api
        """
        about = {"attachment": {"type": "image", "payload": {"is_reusable": True}}}
        fields = {"message": orjson.dumps(about).decode()} | ({"platform": self.platform} if self.platform else {})
        boundary = hashlib.sha256(png).hexdigest()[:32]
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
            for field, value in fields.items()
        ]
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="filedata"; filename="{name}"\r\n'
            "Content-Type: image/png\r\n\r\n"
        )
        content = "".join([*parts, head]).encode() + png + f"\r\n--{boundary}--\r\n".encode()
        try:
            answer = await self._exchange(
                "POST", "/me/message_attachments", content, f"multipart/form-data; boundary={boundary}", UPLOAD_SECONDS
            )
        except (NotSentError, LostError):
            return "", "no answer"
        found = word(answer.body.get("attachment_id")) if answer.status == 200 else None
        return (found, "") if found else ("", answer.detail)

    async def show_busy(self, to: str) -> None:
        with suppress(NotSentError, LostError):
            await self.call("POST", "/me/messages", {"recipient": {"id": to}, "sender_action": "typing_on"})

    async def language_of(self, user_id: str) -> str | None:
        try:
            async with asyncio.timeout(PROFILE_SECONDS):
                answer = await self.call("GET", f"/{quote(user_id, safe='')}", fields="locale")
        except (NotSentError, LostError, TimeoutError):
            return None
        return word(answer.body.get("locale")) if answer.status == 200 else None

    async def check(self) -> str:
        try:
            answer = await self.call("GET", "/me", fields="id,name")
        except (NotSentError, LostError):
            raise CheckFailed(
                "Messenger does not answer: check the network, and MESSENGER_API_URL if you have set it", "unavailable"
            ) from None
        if answer.code == PARAMETER:
            raise CheckFailed(
                "Messenger refuses our proof: MESSENGER_APP_SECRET must be the secret of the app that"
                " MESSENGER_PAGE_ACCESS_TOKEN was made with",
                "credentials",
            )
        if answer.code in CREDENTIALS or answer.status in {401, 403}:
            raise CheckFailed(
                f"Messenger refuses MESSENGER_PAGE_ACCESS_TOKEN ({answer.detail}): make a new page access"
                " token with pages_messaging in the app's dashboard and set it",
                "credentials",
            )
        name = word(answer.body.get("name"))
        if answer.status != 200 or not name:
            raise CheckFailed(
                f"Messenger did not name the page ({answer.detail}): try again later, and check"
                " MESSENGER_API_URL if you have set it",
                "unavailable" if answer.status >= 500 else "strange",
            )
        return f"{name} ({word(answer.body.get('id')) or 'no id'})"

    async def aclose(self) -> None:
        await self._http.aclose()

    async def call(
        self, method: str, path: str, body: Json | None = None, *, seconds: float | None = None, **asked: str
    ) -> Answer:
        """One call. seconds: to wait for the answer. asked: what stands in the address, such as `fields`, or `platform`
        for whose profile is meant where both have one; empty ones are left out.

        Raises NotSentError or LostError when there is no answer."""
        content = None if body is None else orjson.dumps(body)
        return await self._exchange(method, path, content, "", seconds, **asked)

    async def _exchange(
        self, method: str, path: str, content: bytes | None, kind: str, seconds: float | None, **asked: str
    ) -> Answer:
        """kind: the content's type when it is no JSON."""
        query = urlencode({"appsecret_proof": self._proof} | {name: value for name, value in asked.items() if value})
        headers = httpx.Headers({**self._headers, "content-type": kind}) if kind else self._headers
        url = f"{self._url}{path}?{query}"
        response, answered = await exchange(self._http, method, url, content, headers, seconds or self._read_seconds)
        return Answer(response.status_code, answered)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _is_about_content(answer: Answer) -> bool:
    """Whether a plainer message may do: a parameter is refused, and not because of whom it is for."""
    known = _WINDOW_CLOSED | _UNREACHABLE | _HANDED_OVER
    return answer.code == PARAMETER and answer.subcode not in known


def _is_refused(answer: Answer) -> bool:
    """Whether this very message was not taken, and another one for the same person might be."""
    good = 200 <= answer.status < 300 and not answer.code
    about_them = _SENT_NEVERTHELESS | _WINDOW_CLOSED | _UNREACHABLE | _HANDED_OVER | _RESTRICTED
    return not (good or answer.later or {answer.code, answer.subcode} & about_them)


def _judged(answer: Answer, done: int, *, instead_of: Answer | None = None) -> Receipt:
    """What an answer means. instead_of: the answer that refused the card which this text stands in for."""
    if 200 <= answer.status < 300 and not answer.code:
        refused = f"as text, card refused: {instead_of.detail}" if instead_of else ""
        return Receipt(Outcome.DELIVERED, done + 1, refused)
    numbers = {answer.code, answer.subcode}
    if numbers & _SENT_NEVERTHELESS:
        return Receipt(Outcome.UNKNOWN, done, answer.detail)
    if numbers & _WINDOW_CLOSED:
        return Receipt(Outcome.LATE, done, answer.detail)
    if numbers & _UNREACHABLE:
        return Receipt(Outcome.UNREACHABLE, done, answer.detail)
    if numbers & _HANDED_OVER:
        return Receipt(Outcome.REFUSED, done, f"handed over: {answer.detail}")
    if numbers & _RESTRICTED:
        return Receipt(Outcome.REFUSED, done, f"restricted by Meta: {answer.detail}")
    if answer.code in LIMITED or answer.status == 429:
        return Receipt(Outcome.RETRY, done, f"asked too often: {answer.detail}", SLOW_DOWN_SECONDS)
    if answer.code in CREDENTIALS or (not answer.code and answer.status in {401, 403}):
        detail = f"credentials: {answer.detail}, check MESSENGER_PAGE_ACCESS_TOKEN"
        return Receipt(Outcome.BARRED, done, detail)
    if answer.code in _TEMPORARY or answer.status >= 500:
        return Receipt(Outcome.RETRY, done, answer.detail)
    return Receipt(Outcome.REFUSED, done, answer.detail)

"""LINE's stand-in: replies, pushes, profiles and the set-up calls that the bot makes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

import aiohttp
import orjson
from aiohttp import web
from yarl import URL

from sandbox import shop
from sandbox.answers import Routes, answer, bearer, refuse
from sandbox.clock import Clock, milliseconds
from sandbox.credentials import LINE_BOT_USER_ID, LINE_CHANNEL_ACCESS_TOKEN, LINE_CHANNEL_SECRET
from sandbox.journal import Journal
from sandbox.line_messages import Problem, error_body, problems
from sandbox.people import People

TOKEN_AGE = timedelta(seconds=60)
BENCH_TOKEN = "bench"
BENCH_JUDGED = 50  # One in so many of the benchmark's replies.
RETRY_KEY_LIFE = timedelta(hours=24)

_CHAT_ID = re.compile(r"[UCR][0-9a-f]{32}")
_RETRY_KEY = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))


@dataclass(slots=True)
class ReplyToken:
    chat: str
    issued: datetime
    used: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """A push that was accepted under a retry key."""

    request_id: str
    sent: list[dict[str, str]]
    at: datetime


class Line:
    """State: reply tokens, retry keys, the webhook endpoint and the rich menus."""

    def __init__(self, clock: Clock, journal: Journal, people: People) -> None:
        self.clock = clock
        self.journal = journal
        self.people = people
        self.reset(people)

    def reset(self, people: People) -> None:
        self.people = people
        self.tokens: dict[str, ReplyToken] = {}
        self.retry_keys: dict[str, Accepted] = {}
        self.pushed = 0
        self.monthly_limit: int | None = 3_000
        self.chat_mode = "chat"  # or "bot": nobody can answer in LINE Official Account Manager
        self.webhook: str | None = None
        self.rich_menus: dict[str, dict[str, Any]] = {}
        self.rich_menu_images: dict[str, bytes] = {}
        self.rich_menu_aliases: dict[str, str] = {}
        self.rich_menu_of: dict[str, str] = {}  # A user id, or `all` for everybody, to a rich menu id.
        self.batches: dict[str, str] = {}  # Request id to phase.
        # LINE does not say whether a refused content uses up its reply token; True makes it do so.
        self.refusal_burns_token = False
        self._next = 461_000_000_000_000_000

    def routes(self) -> Routes:
        return [
            ("POST", "/v2/bot/message/reply", self._reply),
            ("POST", "/v2/bot/message/push", self._push),
            ("POST", "/v2/bot/message/validate/reply", self._validate),
            ("POST", "/v2/bot/message/validate/push", self._validate),
            ("POST", "/v2/bot/chat/loading/start", self._loading),
            ("POST", "/v2/bot/chat/markAsRead", self._mark_as_read),
            ("GET", "/v2/bot/profile/{user}", self._profile),
            ("GET", "/v2/bot/info", self._info),
            ("GET", "/v2/bot/message/quota", self._quota),
            ("GET", "/v2/bot/message/quota/consumption", self._consumption),
            ("PUT", "/v2/bot/channel/webhook/endpoint", self._set_webhook),
            ("GET", "/v2/bot/channel/webhook/endpoint", self._get_webhook),
            ("POST", "/v2/bot/channel/webhook/test", self._test_webhook),
            ("POST", "/v2/bot/channel/webhook/endpoint/test", self._test_webhook),
            ("POST", "/v2/bot/richmenu", self._create_menu),
            ("POST", "/v2/bot/richmenu/validate", self._validate_menu),
            ("GET", "/v2/bot/richmenu/list", self._list_menus),
            ("GET", "/v2/bot/richmenu/alias/list", self._list_aliases),
            ("POST", "/v2/bot/richmenu/alias", self._create_alias),
            ("POST", "/v2/bot/richmenu/alias/{alias}", self._change_alias),
            ("DELETE", "/v2/bot/richmenu/alias/{alias}", self._delete_alias),
            ("POST", "/v2/bot/richmenu/batch", self._batch),
            ("GET", "/v2/bot/richmenu/progress/batch", self._batch_progress),
            ("GET", "/v2/bot/richmenu/{menu}", self._get_menu),
            ("DELETE", "/v2/bot/richmenu/{menu}", self._delete_menu),
            ("POST", "/v2/bot/richmenu/{menu}/content", self._menu_image),
            ("GET", "/v2/bot/richmenu/{menu}/content", self._get_menu_image),
            ("POST", "/v2/bot/user/{user}/richmenu/{menu}", self._link_menu),
            ("GET", "/v2/bot/user/{user}/richmenu", self._linked_menu),
            ("DELETE", "/v2/bot/user/{user}/richmenu", self._unlink_menu),
        ]

    def error_body(self, status: int) -> Any:
        """How LINE words a failure that no rule of ours produced."""
        messages = {
            401: "Authentication failed",
            403: "Access to this API is not available for your account",
            404: "Not found",
            429: "The API rate limit has been exceeded. Try again later.",
        }
        return {"message": messages.get(status, "Internal Server Error")}

    def issue(self, token: str, chat: str, *, age: float = 0.0) -> None:
        """Make `token` good for one reply in `chat`, as if its event had been sent `age` seconds ago."""
        self.tokens[token] = ReplyToken(chat, self.clock() - timedelta(seconds=age))

    async def _reply(self, request: web.Request) -> web.Response:
        self._allowed(request)
        if "X-Line-Retry-Key" in request.headers:
            refuse(400, {"message": "The X-Line-Retry-Key header is not supported for this endpoint"})
        body = await _json_body(request)
        token = body.get("replyToken")
        if isinstance(token, str) and token.startswith(BENCH_TOKEN):
            return self._bench_reply(token, body.get("messages"))
        found = problems(body.get("messages"))
        found += _strange(body, ("replyToken", "messages", "notificationDisabled"))
        if not isinstance(token, str) or not token:
            found.append(Problem("May not be empty", "replyToken"))
        if found:
            if self.refusal_burns_token and token in self.tokens:
                self.tokens[str(token)].used = True
            refuse(400, error_body(found), _request_id())
        messages: list[dict[str, Any]] = body["messages"]
        if not self.says(str(token), messages):
            refuse(400, {"message": "Invalid reply token"}, _request_id())
        return self._sent(messages)

    def says(self, token: str, messages: list[dict[str, Any]]) -> bool:
        """Use a reply token, whoever has it; False when it is used or too old."""
        known = self.tokens.get(token)
        if known is None or known.used or self.clock() - known.issued > TOKEN_AGE:
            return False
        known.used = True
        self._deliver(known.chat, "reply", messages)
        return True

    def _bench_reply(self, token: str, messages: Any) -> web.Response:
        """The benchmark's replies are counted, not kept, and only some are judged: it measures the bot."""
        if len(self.journal.ticks) % BENCH_JUDGED == 0 and (found := problems(messages)):
            refuse(400, error_body(found), _request_id())
        self.journal.tick(token, len(messages), time.time())
        return self._sent(messages)

    async def _push(self, request: web.Request) -> web.Response:
        self._allowed(request)
        key = request.headers.get("X-Line-Retry-Key")
        if key is not None and not _RETRY_KEY.fullmatch(key):
            refuse(400, {"message": "The X-Line-Retry-Key header must be a UUID"})
        accepted = self.retry_keys.get(key.lower()) if key else None
        if accepted is not None and self.clock() - accepted.at <= RETRY_KEY_LIFE:
            refuse(
                409,
                {"message": "The retry key is already accepted", "sentMessages": accepted.sent},
                {**_request_id(), "x-line-accepted-request-id": accepted.request_id},
            )
        body = await _json_body(request)
        chat = body.get("to")
        found = problems(body.get("messages"))
        found += _strange(body, ("to", "messages", "notificationDisabled", "customAggregationUnits"))
        if not isinstance(chat, str) or not chat:
            found.append(Problem("May not be empty", "to"))
        if found:
            refuse(400, error_body(found), _request_id())
        if not _CHAT_ID.fullmatch(str(chat)):
            refuse(
                400,
                {
                    "message": "The request body has 1 error(s)",
                    "details": [{"message": "Failed to send messages", "property": "to"}],
                },
                _request_id(),
            )
        if self.monthly_limit is not None and self.pushed >= self.monthly_limit:
            refuse(429, {"message": "You have reached your monthly limit."}, _request_id())
        messages: list[dict[str, Any]] = body["messages"]
        self.pushed += 1
        self._deliver(str(chat), "push", messages)
        sent = self._receipts(messages)
        headers = _request_id()
        if key:
            self.retry_keys[key.lower()] = Accepted(headers["x-line-request-id"], sent, self.clock())
        return answer({"sentMessages": sent}, 200, headers)

    async def _validate(self, request: web.Request) -> web.Response:
        self._allowed(request)
        body = await _json_body(request)
        found = problems(body.get("messages")) + _strange(body, ("messages",))
        if found:
            refuse(400, error_body(found), _request_id())
        return answer({}, 200, _request_id())

    def _deliver(self, chat: str, via: str, messages: list[dict[str, Any]]) -> None:
        person = self.people.find("line", chat)
        if person is not None and person.blocked:
            return  # LINE answers 200 and shows nothing.
        at = milliseconds(self.clock())
        for message in messages:
            self.journal.deliver("line", chat, via, message, at)

    def _sent(self, messages: list[dict[str, Any]]) -> web.Response:
        return answer({"sentMessages": self._receipts(messages)}, 200, _request_id())

    def _receipts(self, messages: list[dict[str, Any]]) -> list[dict[str, str]]:
        first = self._next
        self._next += len(messages)
        return [{"id": str(first + number), "quoteToken": f"q{first + number:x}"} for number in range(len(messages))]

    async def _loading(self, request: web.Request) -> web.Response:
        self._allowed(request)
        body = await _json_body(request)
        chat, seconds = body.get("chatId"), body.get("loadingSeconds", 20)
        if not isinstance(chat, str) or not re.fullmatch(r"U[0-9a-f]{32}", chat):
            _invalid("chatId", "The value is invalid")
        if not isinstance(seconds, int) or seconds not in range(5, 61, 5):
            _invalid("loadingSeconds", "Must be a multiple of 5 between 5 and 60")
        person = self.people.find("line", chat)
        if person is None or not person.blocked:
            at = milliseconds(self.clock())
            self.journal.deliver("line", chat, "busy", {"loadingSeconds": seconds}, at)
        return answer({}, 202, _request_id())

    async def _mark_as_read(self, request: web.Request) -> web.Response:
        self._allowed(request)
        body = await _json_body(request)
        if not isinstance(body.get("markAsReadToken"), str):
            _invalid("markAsReadToken", "May not be empty")
        return answer({}, 200, _request_id())

    async def _profile(self, request: web.Request) -> web.Response:
        self._allowed(request)
        user = request.match_info["user"]
        person = self.people.find("line", user)
        if person is None or person.blocked or person.id != user:
            if person is None and self.people.known("line", user):
                return answer({"userId": user, "displayName": "顧客", "language": "zh-TW"})
            refuse(404, {"message": "Not found"}, _request_id())
        profile = {"userId": person.id, "displayName": person.name}
        if person.locale:
            profile["language"] = person.locale
        return answer(profile, 200, _request_id())

    async def _info(self, request: web.Request) -> web.Response:
        self._allowed(request)
        return answer(
            {
                "userId": LINE_BOT_USER_ID,
                "basicId": f"@{shop.HANDLE}",
                "displayName": shop.NAME,
                "chatMode": self.chat_mode,
                "markAsReadMode": "auto",
            }
        )

    async def _quota(self, request: web.Request) -> web.Response:
        self._allowed(request)
        if self.monthly_limit is None:
            return answer({"type": "none"})
        return answer({"type": "limited", "value": self.monthly_limit})

    async def _consumption(self, request: web.Request) -> web.Response:
        self._allowed(request)
        return answer({"totalUsage": self.pushed})

    async def _set_webhook(self, request: web.Request) -> web.Response:
        self._allowed(request)
        endpoint = (await _json_body(request)).get("endpoint")
        if not isinstance(endpoint, str) or len(endpoint) > 500 or not _public_or_loopback(endpoint):
            _invalid("endpoint", "The value is invalid")
        self.webhook = endpoint
        return answer({})

    async def _get_webhook(self, request: web.Request) -> web.Response:
        self._allowed(request)
        if self.webhook is None:
            refuse(404, {"message": "Webhook endpoint not found"})
        return answer({"endpoint": self.webhook, "active": True})

    async def _test_webhook(self, request: web.Request) -> web.Response:
        self._allowed(request)
        body = await _json_body(request) if await request.read() else {}
        endpoint = body.get("endpoint") or self.webhook
        if not isinstance(endpoint, str):
            refuse(404, {"message": "Webhook endpoint not found"})
        status, reason, detail = await _knock(endpoint)
        return answer(
            {
                "success": status == 200,
                "timestamp": self.clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "statusCode": status,
                "reason": reason,
                "detail": detail,
            }
        )

    async def _create_menu(self, request: web.Request) -> web.Response:
        self._allowed(request)
        menu = await _json_body(request)
        _check_menu(menu)
        menu_id = f"richmenu-{secrets.token_hex(16)}"
        self.rich_menus[menu_id] = {"richMenuId": menu_id, **menu}
        return answer({"richMenuId": menu_id})

    async def _validate_menu(self, request: web.Request) -> web.Response:
        self._allowed(request)
        _check_menu(await _json_body(request))
        return answer({})

    async def _list_menus(self, request: web.Request) -> web.Response:
        self._allowed(request)
        return answer({"richmenus": list(self.rich_menus.values())})

    async def _get_menu(self, request: web.Request) -> web.Response:
        self._allowed(request)
        return answer(self.rich_menus[self._menu(request)])

    async def _delete_menu(self, request: web.Request) -> web.Response:
        self._allowed(request)
        menu = self._menu(request)
        del self.rich_menus[menu]
        self.rich_menu_images.pop(menu, None)
        self.rich_menu_of = {user: linked for user, linked in self.rich_menu_of.items() if linked != menu}
        return answer({})

    async def _menu_image(self, request: web.Request) -> web.Response:
        self._allowed(request)
        menu = self._menu(request)
        image = await request.read()
        if request.content_type not in ("image/png", "image/jpeg"):
            refuse(415, {"message": "Unsupported media type"})
        if len(image) > 1_000_000:
            refuse(413, {"message": "Request entity too large"})
        if menu in self.rich_menu_images:
            refuse(400, {"message": "An image has already been uploaded to the richmenu"})
        self.rich_menu_images[menu] = image
        return answer({})

    async def _get_menu_image(self, request: web.Request) -> web.Response:
        self._allowed(request)
        image = self.rich_menu_images.get(self._menu(request))
        if image is None:
            refuse(404, {"message": "Not found"})
        return web.Response(body=image, content_type="image/png")

    async def _batch(self, request: web.Request) -> web.Response:
        """Move everybody from one menu to another, or to none. LINE does it in the background, this at once."""
        self._allowed(request)
        operations = (await _json_body(request)).get("operations")
        if not isinstance(operations, list) or not 1 <= len(operations) <= 1_000:
            _invalid("operations", "Size must be between 1 and 1000")
        for number, operation in enumerate(operations):
            if operation.get("type") not in ("link", "unlink"):
                _invalid(f"operations[{number}].type", "must be link or unlink")
            for name in ("from", "to") if operation["type"] == "link" else ("from",):
                if operation.get(name) not in self.rich_menus:
                    refuse(404, {"message": "Not found"})
                if operation[name] not in self.rich_menu_images:
                    _invalid(f"operations[{number}].{name}", "richmenu has no image")
        if len({operation["from"] for operation in operations}) < len(operations):
            _invalid("operations[].from", "from richmenu is duplicated")
        moves = {operation["from"]: operation.get("to") for operation in operations}
        linked = {user: moves.get(menu, menu) for user, menu in self.rich_menu_of.items() if user != "all"}
        main = {user: menu for user, menu in self.rich_menu_of.items() if user == "all"}
        self.rich_menu_of = main | {user: menu for user, menu in linked.items() if menu}
        named = _request_id()
        self.batches[named["x-line-request-id"]] = "succeeded"
        return answer({}, 202, named)

    async def _batch_progress(self, request: web.Request) -> web.Response:
        self._allowed(request)
        phase = self.batches.get(request.query.get("requestId", ""))
        if phase is None:
            refuse(404, {"message": "Not found"})
        return answer({"phase": phase, "acceptedTime": self.clock().strftime("%Y-%m-%dT%H:%M:%S.000Z")})

    async def _link_menu(self, request: web.Request) -> web.Response:
        self._allowed(request)
        menu = self._menu(request)
        if menu not in self.rich_menu_images:
            refuse(400, {"message": "must upload richmenu image before applying it to user"})
        self.rich_menu_of[request.match_info["user"]] = menu
        return answer({})

    async def _linked_menu(self, request: web.Request) -> web.Response:
        self._allowed(request)
        menu = self.rich_menu_of.get(request.match_info["user"])
        if menu is None:
            refuse(404, {"message": "the user has no richmenu"})
        return answer({"richMenuId": menu})

    async def _unlink_menu(self, request: web.Request) -> web.Response:
        self._allowed(request)
        self.rich_menu_of.pop(request.match_info["user"], None)
        return answer({})

    async def _create_alias(self, request: web.Request) -> web.Response:
        self._allowed(request)
        body = await _json_body(request)
        alias = str(body.get("richMenuAliasId"))
        if not re.fullmatch(r"[a-z0-9_-]{1,32}", alias):
            _invalid("richMenuAliasId", "The value is invalid")
        if alias in self.rich_menu_aliases:
            refuse(400, {"message": "conflict richmenu alias id"})
        self.rich_menu_aliases[alias] = self._with_image(body)
        return answer({})

    async def _change_alias(self, request: web.Request) -> web.Response:
        self._allowed(request)
        self.rich_menu_aliases[self._alias(request)] = self._with_image(await _json_body(request))
        return answer({})

    async def _delete_alias(self, request: web.Request) -> web.Response:
        self._allowed(request)
        del self.rich_menu_aliases[self._alias(request)]
        return answer({})

    async def _list_aliases(self, request: web.Request) -> web.Response:
        self._allowed(request)
        return answer(
            {
                "aliases": [
                    {"richMenuAliasId": alias, "richMenuId": menu} for alias, menu in self.rich_menu_aliases.items()
                ]
            }
        )

    def _menu(self, request: web.Request) -> str:
        menu = request.match_info["menu"]
        if menu not in self.rich_menus:
            refuse(404, {"message": "richmenu not found"})
        return menu

    def _alias(self, request: web.Request) -> str:
        alias = request.match_info["alias"]
        if alias not in self.rich_menu_aliases:
            refuse(404, {"message": "richmenu alias not found"})
        return alias

    def _with_image(self, body: dict[str, Any]) -> str:
        menu = str(body.get("richMenuId"))
        if menu not in self.rich_menus or menu not in self.rich_menu_images:
            refuse(400, {"message": "richmenu not found, or it has no image"})
        return menu

    def _allowed(self, request: web.Request) -> None:
        if bearer(request) != LINE_CHANNEL_ACCESS_TOKEN:
            refuse(
                401,
                {
                    "message": "Authentication failed. Confirm that the access token in the authorization "
                    "header is valid."
                },
                _request_id(),
            )


def _request_id() -> dict[str, str]:
    return {"x-line-request-id": f"{secrets.token_hex(4)}-0000-4000-8000-{secrets.token_hex(6)}"}


async def _json_body(request: web.Request) -> dict[str, Any]:
    raw = await request.read()
    if len(raw) > 2_000_000:
        refuse(413, {"message": "Request entity too large"}, _request_id())
    if request.content_type != "application/json":
        refuse(415, {"message": "The media type of the request is not supported"}, _request_id())
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        refuse(400, {"message": f"The request body could not be parsed as JSON ({where})"}, _request_id())
    if not isinstance(body, dict):
        refuse(400, {"message": "The request body could not be parsed as JSON"}, _request_id())
    return body


def _strange(body: dict[str, Any], known: tuple[str, ...]) -> list[Problem]:
    found = [Problem("unknown field", name) for name in body if name not in known]
    if not isinstance(body.get("notificationDisabled", False), bool):
        found.append(Problem("invalid property", "notificationDisabled"))
    units = body.get("customAggregationUnits", [])
    if not isinstance(units, list) or len(units) > 1:
        found.append(Problem("Size must be between 0 and 1", "customAggregationUnits"))
    elif units and not re.fullmatch(r"[A-Za-z0-9_]{1,30}", str(units[0])):
        found.append(Problem("invalid property", "customAggregationUnits[0]"))
    return found


def _invalid(name: str, text: str) -> NoReturn:
    refuse(
        400,
        {"message": "The request body has 1 error(s)", "details": [{"message": text, "property": name}]},
        _request_id(),
    )


def _check_menu(menu: dict[str, Any]) -> None:
    size, areas = menu.get("size"), menu.get("areas")
    width, height = (size.get("width"), size.get("height")) if isinstance(size, dict) else (0, 0)
    if not isinstance(width, int) or not 800 <= width <= 2_500:
        _invalid("size.width", "must be between 800 and 2500")
    if not isinstance(height, int) or height < 250 or width / height < 1.45:
        _invalid("size.height", "must be at least 250, and width / height at least 1.45")
    if not isinstance(menu.get("selected"), bool):
        _invalid("selected", "must be specified")
    if not isinstance(menu.get("name"), str) or not 1 <= len(menu["name"]) <= 300:
        _invalid("name", "Length must be between 1 and 300")
    if not isinstance(menu.get("chatBarText"), str) or not 1 <= len(menu["chatBarText"]) <= 14:
        _invalid("chatBarText", "Length must be between 1 and 14")
    if not isinstance(areas, list) or len(areas) > 20:
        _invalid("areas", "Size must be between 0 and 20")
    for number, area in enumerate(areas):
        if not isinstance(area, dict) or not area.get("bounds") or not area.get("action"):
            _invalid(f"areas[{number}]", "must be specified")


def _public_or_loopback(endpoint: str) -> bool:
    """LINE takes https only; the sandbox also takes a bot on this machine."""
    url = URL(endpoint)
    return url.scheme == "https" or (url.scheme == "http" and url.host in _LOOPBACK)


async def _knock(endpoint: str) -> tuple[int, str, str]:
    """Send the console's empty test webhook. Nothing beyond this machine is ever called."""
    if URL(endpoint).host not in _LOOPBACK:
        return 0, "COULD_NOT_CONNECT", "The sandbox calls nobody but this machine"
    body = orjson.dumps({"destination": LINE_BOT_USER_ID, "events": []})
    signature = base64.b64encode(hmac.digest(LINE_CHANNEL_SECRET.encode(), body, hashlib.sha256)).decode()
    headers = {"Content-Type": "application/json; charset=utf-8", "x-line-signature": signature}
    timeout = aiohttp.ClientTimeout(total=2)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(endpoint, data=body, headers=headers) as response,
        ):
            good = response.status == 200
            return response.status, "OK" if good else "ERROR_STATUS_CODE", str(response.status)
    except TimeoutError:
        return 0, "REQUEST_TIMEOUT", "Request timeout"
    except aiohttp.ClientError as error:
        return 0, "COULD_NOT_CONNECT", str(error)

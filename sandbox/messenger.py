"""Messenger's stand-in: the Send API, profiles and the page's set-up calls, as the Graph API answers."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import Any, NoReturn

from aiohttp import web

from sandbox.answers import Routes, answer, bearer, json_object, refuse
from sandbox.clock import Clock, milliseconds
from sandbox.credentials import (
    MESSENGER_APP_SECRET,
    MESSENGER_PAGE_ACCESS_TOKEN,
    MESSENGER_PAGE_ID,
    MESSENGER_VERSION,
)
from sandbox.journal import Journal
from sandbox.messenger_messages import problems
from sandbox.people import People, Person

PROFILE_FIELDS = frozenset(
    (
        "get_started",
        "greeting",
        "persistent_menu",
        "ice_breakers",
        "commands",
        "whitelisted_domains",
        "account_linking_url",
    )
)
SENDER_ACTIONS = ("typing_on", "typing_off", "mark_seen", "react", "unreact")
_KNOWN = frozenset(
    (
        "recipient",
        "messaging_type",
        "tag",
        "message",
        "sender_action",
        "notification_type",
        "reply_to",
        "persona_id",
        "access_token",
        "appsecret_proof",
        "payload",
    )
)


class Messenger:
    """State: the page's profile and its webhook fields. Who may be written to is a matter of `people`."""

    def __init__(self, clock: Clock, journal: Journal, people: People) -> None:
        self.clock = clock
        self.journal = journal
        self.people = people
        self.reset(people)

    def reset(self, people: People) -> None:
        self.people = people
        self.profile: dict[str, Any] = {}
        self.subscribed_fields: list[str] = []

    def routes(self) -> Routes:
        # Graph moves calls to an expired version up to a living one, so any version is answered.
        base = "/{version:v[0-9]+\\.[0-9]+}"
        return [
            ("POST", f"{base}/{{page}}/messages", self._messages),
            ("GET", f"{base}/me/messenger_profile", self._get_profile),
            ("POST", f"{base}/me/messenger_profile", self._set_profile),
            ("DELETE", f"{base}/me/messenger_profile", self._delete_profile),
            ("GET", f"{base}/{{page}}/subscribed_apps", self._get_subscriptions),
            ("POST", f"{base}/{{page}}/subscribed_apps", self._subscribe),
            ("DELETE", f"{base}/{{page}}/subscribed_apps", self._unsubscribe),
            ("GET", f"{base}/{{id}}", self._node),
        ]

    def error_body(self, status: int) -> Any:
        """How Graph words a failure that no rule of ours produced."""
        codes = {401: (190, "Invalid OAuth access token."), 403: (200, "Permissions error")}
        codes |= {
            404: (PARAMETER, "Unsupported request"),
            429: (613, "Calls to this api have exceeded the limit"),
        }
        code, text = codes.get(status, (2, "Service temporarily unavailable"))
        return _error(code, text, transient=status >= 500)

    async def _messages(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        if body is None:
            _fail(PARAMETER, "The request body is not valid JSON")
        self._allowed(request, body)
        if request.match_info["page"] not in ("me", MESSENGER_PAGE_ID):
            _fail(PARAMETER, "Object does not exist or cannot be loaded due to missing permissions", subcode=33)
        strange = [name for name in body if name not in _KNOWN]
        if strange:
            _fail(PARAMETER, f'Invalid keys "{strange[0]}" were found in param')
        recipient = body.get("recipient")
        user = recipient.get("id") if isinstance(recipient, dict) else None
        if not isinstance(user, str) or not user:
            _fail(PARAMETER, "Param recipient must be non-empty")
        message, action = body.get("message"), body.get("sender_action")
        if message is not None and action is not None:
            _fail(PARAMETER, "Cannot send message and sender_action together", subcode=2018014)
        if action is not None:
            return self._act(user, action)
        self._check_type(body)
        found = problems(message)
        if found:
            problem = found[0]
            _fail(problem.code, f"{problem.property} {problem.message}", subcode=problem.subcode)
        person = self._reachable(user)
        if person is not None and not person.window_open:
            text = "This message is sent outside of allowed window."
            _fail(10, text, subcode=2018278, status=400)
        self._deliver(person, user, message)
        return answer({"recipient_id": user, "message_id": f"m_{secrets.token_urlsafe(24)}"})

    def _deliver(self, person: Person | None, user: str, message: Any) -> None:
        if person is None:
            self.journal.tick(user, 1, time.time())
        else:
            self.journal.deliver("messenger", user, "send", message, milliseconds(self.clock()))

    def _act(self, user: str, action: Any) -> web.Response:
        if action not in SENDER_ACTIONS:
            _fail(PARAMETER, f"Param sender_action must be one of {{{', '.join(SENDER_ACTIONS)}}}")
        if self._reachable(user) is not None:
            at = milliseconds(self.clock())
            self.journal.deliver("messenger", user, "busy", {"sender_action": action}, at)
        return answer({"recipient_id": user})

    def _check_type(self, body: dict[str, Any]) -> None:
        kind = body.get("messaging_type")
        if kind not in ("RESPONSE", "UPDATE", "MESSAGE_TAG"):
            _fail(PARAMETER, "Param messaging_type must be one of {RESPONSE, UPDATE, MESSAGE_TAG}")
        tag = body.get("tag")
        if kind == "MESSAGE_TAG" and tag == "HUMAN_AGENT":
            _fail(10, "This page may not use the tag HUMAN_AGENT")
        if kind == "MESSAGE_TAG" or tag is not None:
            _fail(PARAMETER, "Param tag is not allowed")
        if body.get("notification_type", "REGULAR") not in ("REGULAR", "SILENT_PUSH", "NO_PUSH"):
            _fail(PARAMETER, "Param notification_type must be one of {REGULAR, SILENT_PUSH, NO_PUSH}")

    def _reachable(self, user: str) -> Person | None:
        """The person to deliver to, or None for one of the benchmark's crowd."""
        person = self.people.find("messenger", user)
        if person is None or person.id != user:
            if self.people.known("messenger", user):
                return None
            _fail(PARAMETER, "No matching user found", subcode=2018001)
        if person.blocked:
            _fail(551, "This person isn't available right now.", subcode=1545041)
        return person

    async def _node(self, request: web.Request) -> web.Response:
        self._allowed(request)
        node = request.match_info["id"]
        if node in ("me", MESSENGER_PAGE_ID):
            return answer({"id": MESSENGER_PAGE_ID, "name": "Giftdesk 測試粉專"})
        person = self.people.find("messenger", node)
        if person is None or person.id != node:
            if self.people.known("messenger", node):
                return answer({"id": node, "first_name": "客", "last_name": "顧", "locale": "zh_TW"})
            text = f"Unsupported get request. Object with ID '{node}' does not exist"
            _fail(PARAMETER, text, subcode=33)
        first, _, last = person.name.partition(" ")
        profile = {"first_name": first, "last_name": last or first, "name": person.name}
        if person.locale:
            profile["locale"] = person.locale
        wanted = [field for field in request.query.get("fields", "first_name,last_name").split(",") if field]
        return answer({name: profile[name] for name in wanted if name in profile} | {"id": person.id})

    async def _get_profile(self, request: web.Request) -> web.Response:
        self._allowed(request)
        wanted = [name for name in request.query.get("fields", "").split(",") if name]
        if not wanted:
            _fail(PARAMETER, "The parameter fields is required")
        found = {name: self.profile[name] for name in wanted if name in self.profile}
        return answer({"data": [found] if found else []})

    async def _set_profile(self, request: web.Request) -> web.Response:
        body = await json_object(request) or {}
        self._allowed(request, body)
        given = {name: value for name, value in body.items() if name in PROFILE_FIELDS}
        if not given:
            _fail(PARAMETER, f"Requires one of the params: {', '.join(sorted(PROFILE_FIELDS))}")
        _check_profile(given, self.profile)
        self.profile |= given
        return answer({"result": "success"})

    async def _delete_profile(self, request: web.Request) -> web.Response:
        body = await json_object(request) or {}
        self._allowed(request, body)
        names = body.get("fields") or request.query.get("fields", "").split(",")
        if "get_started" in names and "persistent_menu" in self.profile and "persistent_menu" not in names:
            _fail(
                PARAMETER,
                "You must delete the persistent menu before the get started button",
                subcode=2018138,
            )
        for name in names:
            self.profile.pop(name, None)
        return answer({"result": "success"})

    async def _get_subscriptions(self, request: web.Request) -> web.Response:
        self._allowed(request)
        app = {"id": "1082", "name": "Giftdesk", "subscribed_fields": self.subscribed_fields}
        return answer({"data": [app] if self.subscribed_fields else []})

    async def _subscribe(self, request: web.Request) -> web.Response:
        body = await json_object(request) or {}
        self._allowed(request, body)
        fields = body.get("subscribed_fields") or request.query.get("subscribed_fields", "")
        names = fields if isinstance(fields, list) else [name for name in str(fields).split(",") if name]
        if not names:
            _fail(PARAMETER, "The parameter subscribed_fields is required")
        self.subscribed_fields = list(dict.fromkeys([*self.subscribed_fields, *map(str, names)]))
        return answer({"success": True})

    async def _unsubscribe(self, request: web.Request) -> web.Response:
        self._allowed(request)
        self.subscribed_fields = []
        return answer({"success": True})

    def _allowed(self, request: web.Request, body: dict[str, Any] | None = None) -> None:
        body = body or {}
        token = bearer(request) or request.query.get("access_token") or body.get("access_token")
        if not token:
            text = "An access token is required to request this resource."
            refuse(400, _error(104, text), {"WWW-Authenticate": "OAuth"})
        if token != MESSENGER_PAGE_ACCESS_TOKEN:
            refuse(401, _error(190, "Invalid OAuth access token - Cannot parse access token"))
        proof = request.query.get("appsecret_proof") or body.get("appsecret_proof")
        if proof is not None and proof != _proof(str(token)):
            _fail(PARAMETER, "Invalid appsecret_proof provided in the API argument")


PARAMETER = 100
BASE = f"/messenger/{MESSENGER_VERSION}"


def _proof(token: str) -> str:
    return hmac.new(MESSENGER_APP_SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()


def _error(code: int, text: str, *, subcode: int | None = None, transient: bool = False) -> dict[str, Any]:
    error: dict[str, Any] = {"message": f"(#{code}) {text}", "type": "OAuthException", "code": code}
    if subcode is not None:
        error["error_subcode"] = subcode
    if transient:
        error["is_transient"] = True
    error["fbtrace_id"] = secrets.token_urlsafe(8)
    return {"error": error}


def _fail(code: int, text: str, *, subcode: int | None = None, status: int = 400) -> NoReturn:
    refuse(status, _error(code, text, subcode=subcode))


def _check_profile(given: dict[str, Any], current: dict[str, Any]) -> None:
    """The rules of the Messenger Profile API that a bot can break."""
    merged = current | given
    if "persistent_menu" in given:
        if "get_started" not in merged:
            _fail(PARAMETER, "You must set a Get Started button if you set a persistent menu", subcode=2018145)
        menus = given["persistent_menu"]
        if not isinstance(menus, list) or "default" not in [menu.get("locale") for menu in menus]:
            _fail(PARAMETER, "persistent_menu needs an entry for the locale default")
        for menu in menus:
            items = menu.get("call_to_actions", [])
            if len(items) > 20:
                _fail(PARAMETER, "call_to_actions must have at most 20 elements")
            for item in items:
                if item.get("type") not in ("postback", "web_url"):
                    _fail(PARAMETER, "call_to_actions must be of type postback or web_url")
                if not 1 <= len(str(item.get("title", ""))) <= 30:
                    _fail(PARAMETER, "title must have 1 to 30 characters")
                if item["type"] == "postback" and not 1 <= len(str(item.get("payload", ""))) <= 1_000:
                    _fail(PARAMETER, "payload must have 1 to 1000 characters")
    if "greeting" in given:
        greetings = given["greeting"]
        if not isinstance(greetings, list) or "default" not in [each.get("locale") for each in greetings]:
            _fail(PARAMETER, "greeting needs an entry for the locale default")
        if any(not 1 <= len(str(each.get("text", ""))) <= 160 for each in greetings):
            _fail(PARAMETER, "greeting must have 1 to 160 characters")
    if "get_started" in given:
        started = given["get_started"]
        if not isinstance(started, dict) or not 1 <= len(str(started.get("payload", ""))) <= 1_000:
            _fail(PARAMETER, "get_started needs a payload of 1 to 1000 characters")

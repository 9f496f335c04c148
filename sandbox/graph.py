"""Meta's Graph API: the Send API, people's profiles and the page's set-up calls, for every platform behind a page."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn, Protocol

import orjson
from aiohttp import web

from sandbox import shop
from sandbox.answers import Routes, answer, bearer, json_object, refuse
from sandbox.clock import Clock, milliseconds
from sandbox.credentials import (
    INSTAGRAM_ACCOUNT_ID,
    MESSENGER_APP_SECRET,
    MESSENGER_PAGE_ACCESS_TOKEN,
    MESSENGER_PAGE_ID,
)
from sandbox.journal import Journal
from sandbox.messenger_messages import Rules, attached, problems
from sandbox.people import People, Person

PARAMETER = 100
ATTACHMENT_LIVES = timedelta(days=90)
IMAGE_SIZE = 8_000_000  # bytes
PERSONAL_CALLS, PERSONAL_WINDOW = 10, timedelta(minutes=10)  # to one person's own settings
APP_ID = "1082"
PAGE_INBOX = 263902037430900  # Meta's id of the inbox of every page
FIELDS = (
    "messages",
    "messaging_postbacks",
    "messaging_referrals",
    "message_edits",
    "messaging_handovers",
    "standby",
)
SENDER_ACTIONS = ("typing_on", "typing_off", "mark_seen", "react", "unreact")


KEYS = frozenset(
    (
        "recipient",
        "messaging_type",
        "tag",
        "message",
        "sender_action",
        "reply_to",
        "access_token",
        "appsecret_proof",
        "payload",
    )
)
"""What one send may say on every platform."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A picture that was uploaded for the people of one platform."""

    channel: str
    image: bytes
    at: datetime


class Platform(Protocol):
    """What differs between those whom a page sends to. State: what people of this platform see of the page's profile.

    keys: what one send may say. properties: what the profile has. message_ids: how they begin. unknown, late: the
    subcodes of "no such person" and of "outside of the window". personal: whether somebody can have their own menu.
    """

    channel: str
    rules: Rules
    keys: frozenset[str]
    properties: frozenset[str]
    message_ids: str
    unknown: int
    late: int
    personal: bool
    profile: dict[str, Any]

    def check(self, given: dict[str, Any]) -> None:
        """Refuse what may not be put into the profile."""

    def check_removal(self, names: Sequence[str]) -> None:
        """Refuse when these may not be taken out of it."""

    def listed(self, wanted: Sequence[str]) -> list[Any]:
        """These properties of the profile, as a GET shows them."""

    def about(self, person: Person, wanted: Sequence[str]) -> dict[str, Any]:
        """What an app is told of somebody. Refuses what it does not know."""


class Graph:
    """State: the fields of the page's and of the app's webhooks, what was uploaded, people's own menus, and who holds
    their chats. Who may be written to is a matter of `people`.

    routed: the page has a default app, which is the bot's. may_take: the bot's app may take chats from others. holders:
    by person, the app that holds their chat and is not the bot's.

    platforms: all that are behind the page; an id that nobody has is taken for one of the first.
    """

    def __init__(self, clock: Clock, journal: Journal, people: People, platforms: Sequence[Platform]) -> None:
        self.clock = clock
        self.journal = journal
        self.people = people
        self.platforms = platforms
        self.shared = False  # Whether the bot was told that the page's inbox takes turns with it.
        self.reset(people)

    def reset(self, people: People) -> None:
        self.people = people
        self.subscribed_fields = list(FIELDS)
        self.app_callback = "https://sandbox.example/webhooks/messenger"
        self.app_webhooks = {about: list(FIELDS) for about in ("page", "instagram")}
        self.attachments: dict[str, Attachment] = {}
        self.menu_of: dict[str, list[Any]] = {}
        self._personal_calls: dict[str, list[datetime]] = {}
        self.routed = self.shared
        self.may_take = True
        self.holders: dict[str, int] = {}
        for platform in self.platforms:
            platform.profile = {}

    def platform_of(self, user: str) -> Platform:
        """Whose id this is: page-scoped ids are Messenger's, Instagram-scoped ones Instagram's."""
        known = (each for each in self.platforms if self.people.known(each.channel, user))
        return next(known, self.platforms[0])

    def routes(self) -> Routes:
        # Graph moves calls to an expired version up to a living one, so any version is answered.
        base = "/{version:v[0-9]+\\.[0-9]+}"
        return [
            ("POST", f"{base}/{{page}}/messages", self._messages),
            ("POST", f"{base}/{{page}}/message_attachments", self._upload),
            ("GET", f"{base}/{{page}}/custom_user_settings", self._get_settings),
            ("POST", f"{base}/{{page}}/custom_user_settings", self._set_settings),
            ("DELETE", f"{base}/{{page}}/custom_user_settings", self._delete_settings),
            ("GET", f"{base}/{{page}}/messenger_profile", self._get_profile),
            ("POST", f"{base}/{{page}}/messenger_profile", self._set_profile),
            ("DELETE", f"{base}/{{page}}/messenger_profile", self._delete_profile),
            ("GET", f"{base}/{{page}}/subscribed_apps", self._get_subscriptions),
            ("POST", f"{base}/{{page}}/subscribed_apps", self._subscribe),
            ("DELETE", f"{base}/{{page}}/subscribed_apps", self._unsubscribe),
            ("POST", f"{base}/{{page}}/pass_thread_control", self._pass_thread),
            ("POST", f"{base}/{{page}}/take_thread_control", self._take_thread),
            ("POST", f"{base}/{{page}}/release_thread_control", self._release_thread),
            ("GET", f"{base}/{{page}}/thread_owner", self._thread_owner),
            ("GET", f"{base}/{{app}}/subscriptions", self._app_subscriptions),
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
            fail(PARAMETER, "The request body is not valid JSON")
        self._allowed(request, body)
        _of_page(request)
        recipient = body.get("recipient")
        user = recipient.get("id") if isinstance(recipient, dict) else None
        if not isinstance(user, str) or not user:
            fail(PARAMETER, "Param recipient must be non-empty")
        platform = self.platform_of(user)
        strange = [name for name in body if name not in platform.keys]
        if strange:
            fail(PARAMETER, f'Invalid keys "{strange[0]}" were found in param')
        message, action = body.get("message"), body.get("sender_action")
        if message is not None and action is not None:
            fail(PARAMETER, "Cannot send message and sender_action together", subcode=2018014)
        if action is not None:
            return self._act(platform, user, action)
        self._check_type(body)
        found = problems(message, platform.rules)
        if found:
            problem = found[0]
            fail(problem.code, f"{problem.property} {problem.message}", subcode=problem.subcode)
        self._check_attachments(platform, message)
        self._check_control(body.get("thread_control"))
        if user in self.holders:
            fail(10, "another app is controlling this thread now", subcode=2018300)
        person = self._reachable(platform, user)
        if person is not None and not person.window_open:
            fail(10, "This message is sent outside of allowed window.", subcode=platform.late)
        if person is None:
            self.journal.tick(user, 1, time.time())
        else:
            self.journal.deliver(platform.channel, user, "send", message, milliseconds(self.clock()))
        if (control := body.get("thread_control")) and control["control_type"] == "pass":
            self._hold(user, control.get("app_id", APP_ID))
        return answer({"recipient_id": user, "message_id": platform.message_ids + secrets.token_urlsafe(24)})

    # Who holds a chat:
    # https://developers.facebook.com/documentation/business-messaging/messenger-platform/conversation-routing

    def holds(self, user: str, app: int | None) -> None:
        """Somebody of the shop does it in the page's inbox, or whoever else. None: it is the bot's again."""
        self._hold(user, app or APP_ID)

    def _hold(self, user: str, app: object) -> None:
        if str(app) == APP_ID:
            self.holders.pop(user, None)
        else:
            self.holders[user] = int(str(app))

    def _check_control(self, control: Any) -> None:
        if control is None:
            return
        if not self.routed:  # In which words and numbers Meta refuses it, no page says; those of taking are known.
            fail(27, "Thread control is not supported when Conversation Routing is not enabled", subcode=2018464)
        if not isinstance(control, dict) or control.get("control_type") not in ("pass", "release"):
            fail(PARAMETER, "Param thread_control must have a control_type of {pass, release}")
        if set(control) - {"control_type", "app_id"} or not str(control.get("app_id", APP_ID)).isdigit():
            fail(PARAMETER, "Param thread_control must have an app_id that is a number")

    async def _thread(self, request: web.Request) -> tuple[str, dict[str, Any]]:
        body = await json_object(request) or {}
        self._allowed(request, body)
        _of_page(request)
        user = (body.get("recipient") or {}).get("id")
        if not isinstance(user, str) or not self.people.known(self.platform_of(user).channel, user):
            fail(PARAMETER, "No matching user found", subcode=2018001)
        return user, body

    async def _pass_thread(self, request: web.Request) -> web.Response:
        user, body = await self._thread(request)
        if user in self.holders:
            fail(PARAMETER, "The calling app is not the thread owner", subcode=2018151)
        self._hold(user, body.get("target_app_id", APP_ID))
        return answer({"success": True})

    async def _take_thread(self, request: web.Request) -> web.Response:
        user, _body = await self._thread(request)
        if not self.routed:
            fail(27, "Take thread control is not supported when Conversation Routing is not enabled", subcode=2018464)
        if user not in self.holders:
            fail(PARAMETER, "The app is the thread owner already")
        if not self.may_take:
            fail(10, "The app is not allowed to take control of conversations")
        self._hold(user, APP_ID)
        return answer({"success": True})

    async def _release_thread(self, request: web.Request) -> web.Response:
        user, _body = await self._thread(request)
        if user in self.holders:
            fail(PARAMETER, "Only the current thread owner can release", subcode=2018151)
        return answer({"success": True})

    async def _thread_owner(self, request: web.Request) -> web.Response:
        self._allowed(request)
        _of_page(request)
        app = self.holders.get(request.query.get("recipient", ""), APP_ID)
        expires = int(time.time()) + 86_400
        return answer({"data": [{"thread_owner": {"app_id": str(app), "expiration": expires}}]})

    def _check_attachments(self, platform: Platform, message: Any) -> None:
        """What Graph answers about an id that is over is in no document; its table has one for one that is not ours."""
        for attachment_id in attached(message):
            found = self.attachments.get(attachment_id)
            if found is None or found.channel != platform.channel or self.clock() - found.at > ATTACHMENT_LIVES:
                fail(PARAMETER, "Invalid attachment id, or not the owner of the attachment", subcode=2018074)

    async def _upload(self, request: web.Request) -> web.Response:
        """https://developers.facebook.com/docs/messenger-platform/reference/attachment-upload-api, files only."""
        form = await _form(request)
        self._allowed(request)
        nothing = ("", b"")
        try:
            message = orjson.loads(form.get("message", nothing)[1])
            attachment = message["attachment"]
            reusable = attachment["payload"].get("is_reusable") is True and set(message) == {"attachment"}
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            fail(PARAMETER, "Param message must be an object with an attachment")
        platform = self._profiled(request, {"platform": form.get("platform", nothing)[1].decode()})
        kind, image = form.get("filedata", nothing)
        if attachment.get("type") != "image" or not reusable:
            fail(PARAMETER, "Param message must have a reusable attachment of type image")
        if kind != "image/png" or not image.startswith(b"\x89PNG"):
            fail(PARAMETER, "The file is not of the attachment's type", subcode=2018047)
        if len(image) > IMAGE_SIZE:
            fail(PARAMETER, "The attachment's size is over the limit", subcode=2018109)
        attachment_id = str(10**15 + secrets.randbelow(9 * 10**15))
        self.attachments[attachment_id] = Attachment(platform.channel, image, self.clock())
        return answer({"attachment_id": attachment_id})

    async def _get_settings(self, request: web.Request) -> web.Response:
        user, platform = self._of_person(request, request.query.get("psid"))
        page = {"page_level_persistent_menu": platform.profile.get("persistent_menu")}
        found = {"user_level_persistent_menu": self.menu_of.get(user)} | page
        return answer({"data": [{name: value for name, value in found.items() if value}]})

    async def _set_settings(self, request: web.Request) -> web.Response:
        body = await json_object(request) or {}
        user, platform = self._of_person(request, body.get("psid"))
        if strange := [name for name in body if name not in ("psid", "persistent_menu", "access_token")]:
            fail(PARAMETER, f'Invalid keys "{strange[0]}" were found in param')
        menus = body.get("persistent_menu")
        if "get_started" not in platform.profile:
            fail(PARAMETER, "You must set a Get Started button if you set a persistent menu", subcode=2018145)
        platform.check({"persistent_menu": menus})
        self.menu_of[user] = list(menus or [])
        return answer({"result": "success"})

    async def _delete_settings(self, request: web.Request) -> web.Response:
        user, _platform = self._of_person(request, request.query.get("psid"))
        if _names(request.query.get("params", "")) != ["persistent_menu"]:
            fail(PARAMETER, 'Param params must be ["persistent_menu"]')
        self.menu_of.pop(user, None)
        return answer({"result": "success"})

    def _of_person(self, request: web.Request, user: Any) -> tuple[str, Platform]:
        """Whose own settings a call is about. Refuses more of them than Meta takes."""
        self._allowed(request)
        _of_page(request)
        if not isinstance(user, str) or not user:
            fail(PARAMETER, "The parameter psid is required")
        platform = self.platform_of(user)
        if not platform.personal or not self.people.known(platform.channel, user):
            fail(PARAMETER, "No matching user found", subcode=platform.unknown)
        now = self.clock()
        recent = [at for at in self._personal_calls.get(user, ()) if now - at < PERSONAL_WINDOW]
        if len(recent) >= PERSONAL_CALLS:
            fail(613, "Calls to this api have exceeded the rate limit.")
        self._personal_calls[user] = [*recent, now]
        return user, platform

    def _act(self, platform: Platform, user: str, action: Any) -> web.Response:
        if action not in SENDER_ACTIONS:
            fail(PARAMETER, f"Param sender_action must be one of {{{', '.join(SENDER_ACTIONS)}}}")
        if self._reachable(platform, user) is not None:
            at = milliseconds(self.clock())
            self.journal.deliver(platform.channel, user, "busy", {"sender_action": action}, at)
        return answer({"recipient_id": user})

    def _check_type(self, body: dict[str, Any]) -> None:
        kind = body.get("messaging_type")
        if kind not in ("RESPONSE", "UPDATE", "MESSAGE_TAG"):
            fail(PARAMETER, "Param messaging_type must be one of {RESPONSE, UPDATE, MESSAGE_TAG}")
        tag = body.get("tag")
        if kind == "MESSAGE_TAG" and tag == "HUMAN_AGENT":
            fail(10, "This page may not use the tag HUMAN_AGENT")
        if kind == "MESSAGE_TAG" or tag is not None:
            fail(PARAMETER, "Param tag is not allowed")
        if body.get("notification_type", "REGULAR") not in ("REGULAR", "SILENT_PUSH", "NO_PUSH"):
            fail(PARAMETER, "Param notification_type must be one of {REGULAR, SILENT_PUSH, NO_PUSH}")

    def _reachable(self, platform: Platform, user: str) -> Person | None:
        """The person to deliver to, or None for one of the benchmark's crowd."""
        person = self.people.find(platform.channel, user)
        if person is None or person.id != user:
            if self.people.known(platform.channel, user):
                return None
            fail(PARAMETER, "No matching user found", subcode=platform.unknown)
        if person.blocked:
            fail(551, "This person isn't available right now.", subcode=1545041)
        return person

    async def _node(self, request: web.Request) -> web.Response:
        self._allowed(request)
        node = request.match_info["id"]
        wanted = _names(request.query.get("fields", ""))
        if node in ("me", MESSENGER_PAGE_ID):
            status = {"hop_v2": self.routed, "msgr_multi_app": self.routed, "ig_multi_app": False}
            linked = {
                "instagram_business_account": {"id": INSTAGRAM_ACCOUNT_ID},
                "username": shop.HANDLE,
                "messaging_feature_status": status,
            }
            page = {"id": MESSENGER_PAGE_ID, "name": shop.NAME}
            return answer(page | {name: value for name, value in linked.items() if name in wanted})
        if node == "app":
            return answer({"id": APP_ID})
        if node == INSTAGRAM_ACCOUNT_ID:
            return answer({"id": node, "username": shop.HANDLE, "name": shop.NAME})
        platform = self.platform_of(node)
        person = self.people.find(platform.channel, node)
        if person is None or person.id != node:
            if not self.people.known(platform.channel, node):
                text = f"Unsupported get request. Object with ID '{node}' does not exist"
                fail(PARAMETER, text, subcode=33)
            person = Person(platform.channel, node, "crowd", "客 顧", "zh_TW")
        return answer(platform.about(person, wanted) | {"id": node})

    async def _get_profile(self, request: web.Request) -> web.Response:
        self._allowed(request)
        platform = self._profiled(request, {})
        wanted = _names(request.query.get("fields", ""))
        if not wanted:
            fail(PARAMETER, "The parameter fields is required")
        return answer({"data": platform.listed(wanted)})

    async def _set_profile(self, request: web.Request) -> web.Response:
        body = await json_object(request) or {}
        self._allowed(request, body)
        platform = self._profiled(request, body)
        known = frozenset[str]().union(*(each.properties for each in self.platforms))
        given = {name: value for name, value in body.items() if name in known}
        strange = [name for name in given if name not in platform.properties]
        if strange or not given:
            text = f"Param {strange[0]} is not supported for {platform.channel}. " if strange else ""
            fail(PARAMETER, f"{text}Requires one of the params: {', '.join(sorted(platform.properties))}")
        platform.check(given)
        platform.profile |= given
        return answer({"result": "success"})

    async def _delete_profile(self, request: web.Request) -> web.Response:
        body = await json_object(request) or {}
        self._allowed(request, body)
        platform = self._profiled(request, body)
        names = body.get("fields") or _names(request.query.get("fields", ""))
        platform.check_removal(names)
        for name in names:
            platform.profile.pop(name, None)
        return answer({"result": "success"})

    def _profiled(self, request: web.Request, body: dict[str, Any]) -> Platform:
        """The platform whose profile a call is about: Messenger's, where it names none."""
        _of_page(request)
        wanted = request.query.get("platform") or body.get("platform") or self.platforms[0].channel
        found = next((each for each in self.platforms if each.channel == wanted), None)
        if found is None:
            names = ", ".join(each.channel for each in self.platforms)
            fail(PARAMETER, f"Param platform must be one of {{{names}}}")
        return found

    async def _get_subscriptions(self, request: web.Request) -> web.Response:
        self._allowed(request)
        app = {"id": APP_ID, "name": "Giftdesk", "subscribed_fields": self.subscribed_fields}
        return answer({"data": [app] if self.subscribed_fields else []})

    async def _app_subscriptions(self, request: web.Request) -> web.Response:
        """https://developers.facebook.com/docs/graph-api/reference/app/subscriptions; told to the app alone."""
        token = f"{APP_ID}|{MESSENGER_APP_SECRET}"
        if bearer(request) != token or request.query.get("appsecret_proof", _proof(token)) != _proof(token):
            refuse(400, _error(15, "This method must be called with an app access_token."))
        hooks = [
            {
                "object": about,
                "callback_url": self.app_callback,
                "active": True,
                "fields": [{"name": name, "version": "v26.0"} for name in fields],
            }
            for about, fields in self.app_webhooks.items()
            if fields
        ]
        return answer({"data": hooks})

    async def _subscribe(self, request: web.Request) -> web.Response:
        body = await json_object(request) or {}
        self._allowed(request, body)
        fields = body.get("subscribed_fields") or request.query.get("subscribed_fields", "")
        names = fields if isinstance(fields, list) else [name for name in str(fields).split(",") if name]
        if not names:
            fail(PARAMETER, "The parameter subscribed_fields is required")
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
            fail(PARAMETER, "Invalid appsecret_proof provided in the API argument")


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


def fail(code: int, text: str, *, subcode: int | None = None) -> NoReturn:
    refuse(400, _error(code, text, subcode=subcode))


async def _form(request: web.Request) -> dict[str, tuple[str, bytes]]:
    """A form's fields by name, each with its type and content; empty when there is no form."""
    boundary = re.fullmatch(r'multipart/form-data; *boundary="?([^";]+)"?', request.headers.get("Content-Type", ""))
    if boundary is None:
        return {}
    fields = {}
    for part in (await request.read()).split(b"--" + boundary[1].encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        said = head.decode()
        if name := re.search(r'; name="([^"]*)"', said):
            kind = re.search(r"(?im)^content-type: *([^\s;]+)", said)
            fields[name[1]] = (kind[1] if kind else "", content.removesuffix(b"\r\n"))
    return fields


def _of_page(request: web.Request) -> None:
    """Refuse whatever is asked of something else than our page, its Instagram account included."""
    if request.match_info["page"] not in ("me", MESSENGER_PAGE_ID):
        fail(PARAMETER, "Object does not exist or cannot be loaded due to missing permissions", subcode=33)


def _names(listed: str) -> list[str]:
    """The names of a query's list, which Graph takes with commas between them or as JSON."""
    if listed.startswith("["):
        try:
            return [str(name) for name in orjson.loads(listed)]
        except orjson.JSONDecodeError:
            fail(PARAMETER, "Param fields must be an array")
    return [name for name in listed.split(",") if name]

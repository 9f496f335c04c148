"""Another tool on LINE's channel, behind a bot that passes on: it checks signatures, drops ids it knows, answers."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from sandbox.answers import Routes, answer, refuse
from sandbox.credentials import LINE_CHANNEL_SECRET
from sandbox.phone import line_signature

NAME = "活動小幫手"  # As LINE shows it above what it says.
Reply = Callable[[str, list[dict[str, Any]]], bool]


@dataclass(frozen=True, slots=True)
class Received:
    """One event as it came. again: it said so. known: its id had come before."""

    body: bytes
    event: dict[str, Any]
    again: bool
    known: bool

    @property
    def id(self) -> str:
        return str(self.event.get("webhookEventId", ""))

    @property
    def text(self) -> str:
        """What was typed; empty for all else."""
        return str(self.event.get("message", {}).get("text", ""))


class Other:
    """reply: LINE's, with a token; whether that was good.

    received: every event with a good signature. unsigned: requests without one. answered,
    too_late: ids of events whose answer LINE took, or not.
    """

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self.shared = False  # Whether the bot was told of it.
        self.reset()

    def reset(self) -> None:
        self.received: list[Received] = []
        self.unsigned = 0
        self.verified = 0
        self.answered: list[str] = []
        self.too_late: list[str] = []
        self.answers = True  # False: it only counts, as analytics do.
        self._known: set[str] = set()

    def settings(self, url: str) -> dict[str, str]:
        """What tells a bot of it. url: the sandbox's."""
        return {"LINE_RELAY_URL": f"{url}/other/webhook", "LINE_RELAY_NAME": NAME}

    def routes(self) -> Routes:
        return [("POST", "/webhook", self._webhook)]

    def error_body(self, status: int) -> Any:
        return {"error": status}

    async def _webhook(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        good = line_signature(LINE_CHANNEL_SECRET, body)
        if not hmac.compare_digest(request.headers.get("X-Line-Signature", "").encode(), good.encode()):
            self.unsigned += 1
            refuse(401, {"error": "signature"})
        events = orjson.loads(body)["events"]
        self.verified += not events
        for event in events:
            self._take(body, event)
        return answer({})

    def _take(self, body: bytes, event: dict[str, Any]) -> None:
        # https://developers.line.biz/en/docs/messaging-api/receiving-messages/#webhook-redelivery asks everybody to.
        name = str(event.get("webhookEventId", ""))
        again = bool(event.get("deliveryContext", {}).get("isRedelivery"))
        self.received.append(Received(body, event, again, name in self._known))
        token = event.get("replyToken")
        if name in self._known:
            return
        self._known.add(name)
        if not self.answers or not token or event.get("mode") != "active":
            return
        said = [{"type": "text", "text": _words(event), "sender": {"name": NAME}}]
        (self.answered if self._reply(token, said) else self.too_late).append(name)


def _words(event: dict[str, Any]) -> str:
    match event.get("type"), event.get("message", {}).get("type"):
        case "message", "text":
            return f"收到：「{event['message']['text'][:200]}」客服稍後回覆您。"
        case "message", "sticker":
            return "😊"
        case "follow", _:
            return "歡迎加入！有什麼想問的，直接留言就可以。"
        case _:
            return "收到了，謝謝您！"

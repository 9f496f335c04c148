"""LINE's webhooks: whether LINE signed them, and what they say. Pure, and lenient: LINE adds kinds,
values and properties without notice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Any

from bot.channels import Json
from bot.channels.limits import fingerprint, moment, read_json, record, records, word
from bot.channels.line.spans import marked, without_spans
from bot.conversation.events import (
    Chat,
    Followed,
    Ignored,
    Incoming,
    Joined,
    Left,
    Media,
    Said,
    SentMedia,
    SentSticker,
    Tapped,
    Unsent,
    What,
)

_MEDIA: Mapping[object, Media] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "file": "file",
    "location": "location",
    "contact": "contact",
}


class LineInbound:
    """Reads LINE's webhooks. Several channel secrets are accepted while they are being changed."""

    name = "line"

    def __init__(self, secrets: tuple[str, ...]) -> None:
        # An empty secret would accept what anybody signs with an empty key.
        self._keys = tuple(secret.encode() for secret in secrets if secret)

    def genuine(self, body: bytes, headers: Mapping[str, str]) -> bool:
        # https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/
        given = next((value for name, value in headers.items() if name.lower() == "x-line-signature"), "")
        claimed = given.strip().encode("utf-8", "replace")
        genuine = False
        for key in self._keys:
            signature = base64.b64encode(hmac.digest(key, body, hashlib.sha256))
            genuine |= hmac.compare_digest(signature, claimed)
        return genuine

    def sign(self, body: bytes) -> dict[str, str]:
        """The header with which LINE would send `body`."""
        return {"x-line-signature": base64.b64encode(hmac.digest(self._keys[0], body, hashlib.sha256)).decode()}

    def split(self, body: bytes) -> list[tuple[str, Json]]:
        webhook = read_json(body)
        account = word(webhook.get("destination")) or ""
        return [(account, event) for event in records(webhook.get("events"))]

    def parse(self, account: str, raw: Json) -> Incoming:
        chat = _chat(account, record(raw.get("source")))
        return Incoming(
            key=f"line:{account}:{_event_id(raw)}",
            chat=chat,
            user_id=word(record(raw.get("source")).get("userId")),
            at=moment(raw.get("timestamp")),
            what=_what(raw, private=chat.private) if chat else Ignored("no chat"),
            reply_token=word(raw.get("replyToken")),
            message_id=word(record(raw.get("message")).get("id")),
            texts=tuple(_texts(raw.get("message"), raw.get("postback"))),
        )


def _texts(*values: Any) -> Iterator[str]:
    """What stands in a message or a tap, but for what LINE itself puts there. However deep, without recursion."""
    left = list(values)
    while left:
        match left.pop():
            case str(text):
                yield text
            case list(inner):
                left += inner
            case dict(inner):
                left += [value for name, value in inner.items() if not _is_lines_own(name)]


def _is_lines_own(name: str) -> bool:
    return name == "type" or name.lower().endswith(("id", "token", "url"))


def _event_id(raw: Json) -> str:
    # A redelivered event differs from the first one in deliveryContext alone.
    named = word(raw.get("webhookEventId"))
    return named or fingerprint({name: value for name, value in raw.items() if name != "deliveryContext"})


def _chat(account: str, source: Json) -> Chat | None:
    match source:
        case {"type": "user", "userId": str(found)} if found:
            return Chat("line", account, "user", found)
        case {"type": "group", "groupId": str(found)} if found:
            return Chat("line", account, "group", found)
        case {"type": "room", "roomId": str(found)} if found:
            return Chat("line", account, "room", found)
        case _:
            return None


def _what(raw: Json, *, private: bool) -> What:
    mode = raw.get("mode", "active")
    if mode != "active":
        # Somebody else answers this chat now; what we do not know is taken to mean the same.
        return Ignored(f"mode {_name(mode)}")
    match raw.get("type"):
        case "message":
            return _message(record(raw.get("message")), private=private)
        case "postback":
            return _postback(record(raw.get("postback")))
        case "follow":
            return Followed()
        case "unfollow" | "leave":
            return Left()
        case "join":
            return Ignored("joined a private chat") if private else Joined()
        case "unsend":
            message_id = word(record(raw.get("unsend")).get("messageId"))
            return Unsent(message_id) if message_id else Ignored("unsend without a message")
        case kind:
            return Ignored(f"event {_name(kind)}")


def _message(message: Json, *, private: bool) -> What:
    match message.get("type"):
        case "text":
            text = message.get("text")
            if not isinstance(text, str) or not text:
                return Ignored("text without text")
            mentions = records(record(message.get("mention")).get("mentionees"))
            mentioned = any(mention.get("isSelf") is True for mention in mentions)
            return Said(without_spans(text, marked(message)), mentioned)
        case "sticker":
            return SentSticker()
        case str(kind) if kind in _MEDIA:
            return SentMedia(_MEDIA[kind], word(record(message.get("imageSet")).get("id")))
        case str(kind) if kind and private:  # Who wrote it waits for an answer; in a group nobody does.
            return SentMedia("unknown")
        case kind:
            return Ignored(f"message {_name(kind)}")


def _postback(postback: Json) -> What:
    if "newRichMenuAliasId" in record(postback.get("params")):
        return Ignored("rich menu switched")
    data = postback.get("data")
    return Tapped(data) if isinstance(data, str) and data else Ignored("postback without data")


def _name(value: Any) -> str:
    return value[:40] if isinstance(value, str) else "unnamed"

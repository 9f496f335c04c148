"""Messenger's webhooks: whether Meta signed them, and what they say. Pure, and lenient."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping

from bot.channels import Elsewhere, Json, Malformed
from bot.channels.limits import fingerprint, moment, read_json, record, records, word
from bot.conversation.events import (
    CameByLink,
    Chat,
    Edited,
    Followed,
    Ignored,
    Incoming,
    Media,
    Returned,
    Said,
    SentMedia,
    SentSticker,
    SharedPhone,
    Tapped,
    What,
)

PAGE_INBOX = 263902037430900
"""The app id of every page's inbox, as Meta has it."""

GET_STARTED = "GET_STARTED"
"""The payload of our Get Started button, as `giftdesk menus` sets it in the Messenger profile."""


_MEDIA: Mapping[str | None, Media] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "file": "file",
    "location": "location",
    "contact": "contact",
    **dict.fromkeys(
        ("fallback", "share", "template", "story_mention", "ig_story", "ig_reel", "reel", "ig_post", "post"), "post"
    ),
}
# What stands in a message beside its content; of what else there may be one day, the sender waits for an answer.
_BESIDE_CONTENT = frozenset(
    {"mid", "seq", "text", "attachments", "quick_reply", "reply_to", "nlp", "app_id", "metadata", "tags", "traits",
     "is_echo", "is_deleted", "referral"}
)  # fmt: skip
_COUNT = re.compile(r"[0-9]{1,9}")
_PHONE = re.compile(r"\+?[0-9][0-9 ()-]{6,18}[0-9]")


class MessengerInbound:
    """Reads Messenger's webhooks. Several app secrets are accepted while they are being changed.

    about: the `object` of those that are of this channel; Instagram's come to the same address with another one.
    standby: what is typed while somebody else holds a chat is read, too.
    """

    name = "messenger"
    about = "page"

    def __init__(self, secrets: tuple[str, ...], *, standby: bool = False) -> None:
        self._standby = standby
        # An empty secret would accept what anybody signs with an empty key.
        self._keys = tuple(secret.encode() for secret in secrets if secret)

    def genuine(self, body: bytes, headers: Mapping[str, str]) -> bool:
        # Meta signs the bytes it sends, with non-ASCII text escaped; JSON written anew would not match.
        given = next((value for name, value in headers.items() if name.lower() == "x-hub-signature-256"), "")
        claimed = given.strip().encode("utf-8", "replace")
        genuine = False
        for key in self._keys:
            signature = b"sha256=" + hmac.digest(key, body, hashlib.sha256).hex().encode()
            genuine |= hmac.compare_digest(signature, claimed)
        return genuine

    def sign(self, body: bytes) -> dict[str, str]:
        """The header with which Meta would send `body`."""
        return {"x-hub-signature-256": "sha256=" + hmac.digest(self._keys[0], body, hashlib.sha256).hex()}

    def split(self, body: bytes) -> list[tuple[str, Json]]:
        """A raw event keeps where it stood, `{"messaging": …}`: that decides whether we may answer."""
        webhook = read_json(body)
        about = webhook.get("object")
        if not isinstance(about, str) or not about:
            raise Malformed("not about anything")
        if about != self.about:  # `instagram`, `user`, `permissions`: an app may subscribe to any of them.
            raise Elsewhere(about[:40])
        return [
            (word(entry.get("id")) or "", {name: event})
            for entry in records(webhook.get("entry"))
            for name, listed in (("messaging", "messaging"), ("standby", "standby"), ("change", "changes"))
            for event in records(entry.get(listed))
        ]

    def parse(self, account: str, raw: Json) -> Incoming:
        event = record(raw.get("messaging")) or record(raw.get("standby"))
        message, postback = record(event.get("message")), record(event.get("postback"))
        edit = record(event.get("message_edit"))
        mid = word(message.get("mid")) or word(postback.get("mid")) or word(edit.get("mid"))
        sender = word(record(event.get("sender")).get("id"))
        standby = self._standby and "standby" in raw
        what = _overheard(event) if standby else _what(raw, event)
        # What the Page itself said is nobody's chat to answer in.
        chat = Chat(self.name, account, "user", sender) if sender and sender != account else None
        # Of a new chat a link is told with its first message or tap, of one that is there already by itself.
        came = record(message.get("referral")) or record(postback.get("referral")) or record(event.get("referral"))
        return Incoming(
            key=f"{self.name}:{account}:{_edit_id(edit) if edit else mid or fingerprint(raw)}",
            chat=chat,
            user_id=chat.id if chat else None,
            at=moment(event.get("timestamp")),
            what=what if chat or isinstance(what, Ignored) else Ignored("no chat"),
            message_id=mid,
            ref="" if standby else _ref(came),
            standby=standby,
        )


def _edit_id(edit: Json) -> str:
    # Its message has the same mid, and had its answer.
    mid, number = word(edit.get("mid")), word(edit.get("num_edit"))
    return f"{mid}:edit:{number}" if mid and number else fingerprint(edit)


def _what(raw: Json, event: Json) -> What:
    if "messaging" not in raw:
        # Another app holds the thread of a standby event; a change is about the Page, not a chat.
        return Ignored("standby" if "standby" in raw else "change")
    match event:
        case {"message": dict(message)}:
            return _message(message)
        case {"postback": dict(postback)}:
            came = CameByLink() if _ref(record(postback.get("referral"))) else None
            return _tapped(postback) or came or Ignored("postback without payload")
        case {"message_edit": dict(edit)}:
            return _edited(edit)
        case {"pass_thread_control": dict(passed)} if str(passed.get("new_owner_app_id")) != str(PAGE_INBOX):
            # Told to whom it is passed to, and that is we.
            return Returned()
        case {"referral": dict(referral)} if _ref(referral):  # An advertisement may have none.
            return CameByLink()
        case _:
            kinds = sorted(set(event) - {"sender", "recipient", "timestamp"})
            return Ignored(" ".join(kinds)[:40] or "empty")


def _overheard(event: Json) -> What:
    """What somebody wrote while another app holds the chat. A tap comes without its payload, so its title counts as if
    it had been typed.

    Source: https://developers.facebook.com/documentation/business-messaging/messenger-platform/webhooks/webhook-events/standby
    """
    match event:
        case {"message": {"is_echo": True}}:
            return Ignored("echo")
        case {"message": {"text": str(text)}} | {"postback": {"title": str(text)}} if text:
            return Said(text)
        case _:
            return Ignored("standby")


def _message(message: Json) -> What:
    if message.get("is_echo"):
        return Ignored("echo")
    chosen = record(message.get("quick_reply"))
    # A `user_phone_number` quick reply brings the number as its payload; no button of ours looks like one.
    if _PHONE.fullmatch(word(chosen.get("payload")) or ""):
        return SharedPhone(str(chosen["payload"]))
    tapped = _tapped(chosen)
    if tapped:
        return tapped
    text = message.get("text")
    if isinstance(text, str) and text:
        return Said(text)
    attachments = records(message.get("attachments"))
    if "sticker_id" in message or any(_is_sticker(attachment) for attachment in attachments):
        return SentSticker()
    if attachments:
        return SentMedia(_MEDIA.get(word(attachments[0].get("type")), "other"))
    unknown = any(value for name, value in message.items() if name not in _BESIDE_CONTENT)
    return SentMedia("unknown") if unknown else Ignored("empty message")


def _ref(referral: Json) -> str:
    # Which sort of link it was, `source`, is spelled in three ways and not needed.
    ref = referral.get("ref")
    return ref.strip() if isinstance(ref, str) else ""


def _edited(edit: Json) -> What:
    # Needs the field `message_edits`: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events
    mid, text, number = word(edit.get("mid")), edit.get("text"), word(edit.get("num_edit")) or ""
    if mid is None or not isinstance(text, str) or not text:
        return Ignored("edit without text")
    return Edited(text, mid, int(number) if _COUNT.fullmatch(number) else 0)


def _tapped(button: Json) -> What | None:
    payload = button.get("payload")
    if not isinstance(payload, str) or not payload:
        return None
    return Followed() if payload == GET_STARTED else Tapped(payload)


def _is_sticker(attachment: Json) -> bool:
    # Since August 2026 stickers have a type of their own; before, they were images with an id.
    return attachment.get("type") == "sticker" or "sticker_id" in record(attachment.get("payload"))

"""Judges messages by the Send API's rules, Messenger's or another platform's, and words its findings as Graph does.

Messenger's are those of https://developers.facebook.com/docs/messenger-platform/reference/send-api and of
its templates. Titles of quick replies, which the platforms cut without a word, are refused here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

QUICK_REPLIES = 13
TITLE = 80
BUTTON_TITLE = 20
BUTTON_TEXT = 640
BUTTONS = 3
ELEMENTS = 10
PAYLOAD = 1_000
METADATA = 1_000

PARAMETER = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is refused; `property` is a path such as `message.quick_replies[0].title`."""

    message: str
    property: str
    code: int = PARAMETER
    subcode: int | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What a platform takes in a message. All other limits are the same on each.

    text, measured, unit: how long a text may be, how that is counted, and what an error says after the number.
    replies_under_cards: whether quick replies may stand under something else than a text.
    templates, buttons: their kinds, each with the names it may have besides its type.
    """

    text: int
    measured: Callable[[str], int]
    unit: str
    message: frozenset[str]
    quick_reply: frozenset[str]
    replies_under_cards: bool
    templates: Mapping[str, frozenset[str]]
    buttons: Mapping[str, frozenset[str]]


def length(text: str) -> int:
    """The length of `text` in UTF-16 units: Messenger does not say what it counts, and these are the most."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


MESSENGER = Rules(
    text=2_000,
    measured=length,
    unit="",
    message=frozenset({"text", "attachment", "quick_replies", "metadata"}),
    quick_reply=frozenset({"content_type", "title", "payload", "image_url"}),
    replies_under_cards=True,
    templates={
        "generic": frozenset({"elements", "image_aspect_ratio", "sharable"}),
        "button": frozenset({"text", "buttons", "sharable"}),
        "coupon": frozenset(
            {
                "title",
                "subtitle",
                "coupon_code",
                "coupon_url",
                "coupon_url_button_title",
                "coupon_pre_message",
                "image_url",
                "payload",
            }
        ),
        "media": frozenset({"elements", "sharable"}),
    },
    buttons={
        "web_url": frozenset({"url", "webview_height_ratio", "messenger_extensions", "fallback_url"}),
        "postback": frozenset({"payload"}),
        "phone_number": frozenset({"payload"}),
        "account_link": frozenset({"url"}),
        "account_unlink": frozenset(),
        "game_play": frozenset({"payload", "game_metadata"}),
    },
)


def problems(message: Any, rules: Rules = MESSENGER) -> list[Problem]:
    """Everything that would be refused in the `message` of one send; empty when it would be accepted."""
    return _Judge(rules).message(message)


def attached(message: Any) -> list[str]:
    """The ids of uploaded media that a message without problems shows."""
    payload = message.get("attachment", {}).get("payload", {}) if isinstance(message, dict) else {}
    media = [payload, *payload.get("elements", [])]
    return [each["attachment_id"] for each in media if "attachment_id" in each]


class _Judge:
    """Looks at one message and collects what it finds."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.found: list[Problem] = []

    def note(self, text: str, where: str, subcode: int | None = None) -> None:
        self.found.append(Problem(text, where, subcode=subcode))

    def known(self, value: dict[str, Any], names: frozenset[str] | set[str], where: str) -> None:
        for name, item in value.items():
            if name not in names:
                self.note(f'Invalid keys "{name}" were found in param', f"{where}.{name}")
            elif item is None:
                self.note("must not be null", f"{where}.{name}")

    def text(
        self,
        value: Any,
        where: str,
        most: int,
        *,
        least: int = 1,
        measured: Callable[[str], int] = length,
        unit: str = "",
    ) -> None:
        if not isinstance(value, str):
            self.note("must be a string", where)
        elif not value.strip() and least:
            self.note("must be non-empty UTF-8 encoded string", where)
        elif measured(value) > most:
            self.note(f"Length of param must be less than or equal to {most}{unit}", where)

    def https(self, value: Any, where: str) -> None:
        if not isinstance(value, str):
            self.note("should represent a valid URL", where)
            return
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname or not re.fullmatch(r"[\x21-\x7e]+", value):
            self.note("should represent a valid URL", where)

    def picture(self, value: Any, where: str) -> None:
        """An address that the platform fetches. On this machine http does, since the stand-in is there as well."""
        near = isinstance(value, str) and re.fullmatch(r"http://127\.0\.0\.1(:\d+)?/[\x21-\x7e]*", value)
        if not near:
            self.https(value, where)

    def one_source(self, value: dict[str, Any], where: str) -> None:
        """Media come by an address or by an id that was uploaded before, never by both."""
        if ("url" in value) == ("attachment_id" in value):
            self.note("must have either url or attachment_id", where)
        elif "attachment_id" in value and not re.fullmatch(r"\d{1,20}", str(value["attachment_id"])):
            self.note("must be the id of an attachment", f"{where}.attachment_id")

    def message(self, message: Any) -> list[Problem]:
        if not isinstance(message, dict):
            self.note("must be an object", "message")
            return self.found
        self.known(message, self.rules.message, "message")
        text, attachment = message.get("text"), message.get("attachment")
        if (text is None) == (attachment is None):
            self.note("must have either text or attachment", "message")
        if text is not None:
            rules = self.rules
            self.text(text, "message.text", rules.text, measured=rules.measured, unit=rules.unit)
        if attachment is not None:
            self.attachment(attachment)
        if "quick_replies" in message:
            self.quick_replies(message["quick_replies"])
            if text is None and not self.rules.replies_under_cards:
                self.note("must come with a text", "message.quick_replies")
        if "metadata" in message:
            self.text(message["metadata"], "message.metadata", METADATA - 1, least=0)
        return self.found

    def quick_replies(self, replies: Any) -> None:
        where = "message.quick_replies"
        if not isinstance(replies, list):
            self.note("must be an array", where)
            return
        if not 1 <= len(replies) <= QUICK_REPLIES:
            self.note(f"must have between 1 and {QUICK_REPLIES} elements", where)
        for number, reply in enumerate(replies):
            here = f"{where}[{number}]"
            if not isinstance(reply, dict):
                self.note("must be an object", here)
                continue
            self.known(reply, self.rules.quick_reply, here)
            kind = reply.get("content_type")
            if kind == "text":
                self.text(reply.get("title"), f"{here}.title", BUTTON_TITLE)
                self.text(reply.get("payload"), f"{here}.payload", PAYLOAD)
            elif kind not in ("user_phone_number", "user_email"):
                self.note("must be one of text, user_phone_number, user_email", f"{here}.content_type")
            if "image_url" in reply:
                self.https(reply["image_url"], f"{here}.image_url")

    def attachment(self, attachment: Any) -> None:
        where = "message.attachment"
        if not isinstance(attachment, dict):
            self.note("must be an object", where)
            return
        self.known(attachment, {"type", "payload"}, where)
        kind, payload = attachment.get("type"), attachment.get("payload")
        if not isinstance(payload, dict):
            self.note("must be an object", f"{where}.payload")
        elif kind == "template":
            self.template(payload, f"{where}.payload")
        elif kind in ("image", "audio", "video", "file"):
            self.known(payload, {"url", "is_reusable", "attachment_id"}, f"{where}.payload")
            self.one_source(payload, f"{where}.payload")
            if "url" in payload:
                self.picture(payload["url"], f"{where}.payload.url")
        else:
            self.note("must be one of template, image, audio, video, file", f"{where}.type")

    def template(self, payload: dict[str, Any], where: str) -> None:
        kind = str(payload.get("template_type"))
        if kind not in self.rules.templates:
            kinds = ", ".join(self.rules.templates)
            self.note(f"must be one of {kinds}", f"{where}.template_type")
            return
        self.known(payload, self.rules.templates[kind] | {"template_type"}, where)
        if kind == "generic":
            if payload.get("image_aspect_ratio", "square") not in ("horizontal", "square"):
                self.note("must be one of horizontal, square", f"{where}.image_aspect_ratio")
            self.elements(payload.get("elements"), f"{where}.elements")
        elif kind == "button":
            self.text(payload.get("text"), f"{where}.text", BUTTON_TEXT)
            self.buttons(payload.get("buttons"), f"{where}.buttons", least=1)
        elif kind == "coupon":
            self.coupon(payload, where)
        elif kind == "media":
            self.media(payload, where)

    def elements(self, elements: Any, where: str) -> None:
        if not isinstance(elements, list):
            self.note("must be an array", where)
            return
        if not 1 <= len(elements) <= ELEMENTS:
            self.note(f"must have between 1 and {ELEMENTS} elements", where)
        for number, element in enumerate(elements):
            here = f"{where}[{number}]"
            if not isinstance(element, dict):
                self.note("must be an object", here)
                continue
            self.known(element, {"title", "subtitle", "image_url", "default_action", "buttons"}, here)
            self.text(element.get("title"), f"{here}.title", TITLE)
            if not element.keys() - {"title"}:
                self.note("must have at least one field besides title", here)
            if "subtitle" in element:
                self.text(element["subtitle"], f"{here}.subtitle", TITLE)
            if "image_url" in element:
                self.picture(element["image_url"], f"{here}.image_url")
            if "default_action" in element:
                self.button(element["default_action"], f"{here}.default_action", titled=False)
            if "buttons" in element:
                self.buttons(element["buttons"], f"{here}.buttons", least=1)

    def buttons(self, buttons: Any, where: str, *, least: int) -> None:
        if not isinstance(buttons, list):
            self.note("must be an array", where)
            return
        if not least <= len(buttons) <= BUTTONS:
            self.note(f"must have between {least} and {BUTTONS} elements", where)
        for number, button in enumerate(buttons):
            self.button(button, f"{where}[{number}]", titled=True)

    def button(self, button: Any, where: str, *, titled: bool) -> None:
        if not isinstance(button, dict):
            self.note("must be an object", where)
            return
        kind, extras = str(button.get("type")), self.rules.buttons
        if kind not in extras or (not titled and kind != "web_url"):
            self.note("is not a known button type", f"{where}.type")
            return
        untitled = not titled or kind in ("account_link", "account_unlink")
        self.known(button, extras[kind] | ({"type"} if untitled else {"type", "title"}), where)
        if not untitled:
            self.text(button.get("title"), f"{where}.title", BUTTON_TITLE)
        if kind in ("web_url", "account_link"):
            self.https(button.get("url"), f"{where}.url")
        elif kind == "postback":
            self.text(button.get("payload"), f"{where}.payload", PAYLOAD)
        elif kind == "phone_number" and not re.fullmatch(r"\+\d{6,15}", str(button.get("payload"))):
            self.note("must be a phone number with its country code", f"{where}.payload")

    def coupon(self, payload: dict[str, Any], where: str) -> None:
        self.text(payload.get("title"), f"{where}.title", TITLE)
        if "subtitle" in payload:
            self.text(payload["subtitle"], f"{where}.subtitle", TITLE)
        code = payload.get("coupon_code")
        if code is None and "coupon_url" not in payload:
            self.note("must have coupon_code or coupon_url", where)
        if code is not None and (not isinstance(code, str) or not code or re.search(r"\s", code)):
            self.note("must be a code without spaces", f"{where}.coupon_code")
        for name in ("coupon_url", "image_url"):
            if name in payload:
                self.https(payload[name], f"{where}.{name}")
        if "coupon_url_button_title" in payload:
            self.text(payload["coupon_url_button_title"], f"{where}.coupon_url_button_title", BUTTON_TITLE)
        if "payload" in payload:
            self.text(payload["payload"], f"{where}.payload", PAYLOAD)

    def media(self, payload: dict[str, Any], where: str) -> None:
        elements = payload.get("elements")
        if not isinstance(elements, list) or len(elements) != 1 or not isinstance(elements[0], dict):
            self.note("must have exactly 1 element", f"{where}.elements")
            return
        element = elements[0]
        self.known(element, {"media_type", "url", "attachment_id", "buttons"}, f"{where}.elements[0]")
        if element.get("media_type") not in ("image", "video"):
            self.note("must be one of image, video", f"{where}.elements[0].media_type")
        self.one_source(element, f"{where}.elements[0]")
        if "url" in element:
            self.https(element["url"], f"{where}.elements[0].url")
            if not re.match(r"https://(www|business)\.facebook\.com/", str(element["url"])):
                self.note("must be an address of Facebook's; upload others first", f"{where}.elements[0].url")
        if "buttons" in element:
            self.buttons(element["buttons"], f"{where}.elements[0].buttons", least=1)

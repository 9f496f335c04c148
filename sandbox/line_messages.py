"""Judges LINE messages as strictly as LINE does, and words its findings as LINE does.

The rules are those of https://developers.line.biz/en/reference/messaging-api/#message-objects. Where
LINE leaves something open the stricter reading is taken, so that what passes here passes there:
unknown properties and nulls are refused everywhere, and a kilobyte is a thousand bytes of compact JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import regex

MESSAGES = 5
TEXT = 5_000
ALT_TEXT = 1_500
QUICK_REPLIES = 13
BUBBLES = 12
BUBBLE_BYTES = 30_000
CAROUSEL_BYTES = 50_000
QUICK_REPLY_LABEL = 20
TEMPLATE_LABEL = 20
IMAGE_CAROUSEL_LABEL = 12
FLEX_LABEL = 40
POSTBACK_DATA = 300
SPOKEN_TEXT = 300
LINK_URI = 1_000
MEDIA_URI = 2_000
CLIPBOARD_TEXT = 1_000
ANIMATED_IMAGES = 10

EMPTY = "May not be empty"
MISSING = "must be specified"
INVALID = "invalid property"
UNKNOWN = "unknown field"
NULL = "must not be null"
NULL_ELEMENT = "cannot contain null elements"
INVALID_URI = "invalid uri"
INVALID_SCHEME = "invalid uri scheme"
TOO_LARGE = "Too large flex message"

Check = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that LINE refuses.

    property: `messages[0].text`, or inside a Flex message a pointer such as `/body/contents/0/text`.
    index: the message it is in, or None when it is about the request as a whole.
    """

    message: str
    property: str
    index: int | None = None
    flex: bool = False


def problems(messages: Any) -> list[Problem]:
    """What LINE would refuse in the `messages` of one reply or push; empty when it would accept them."""
    if not isinstance(messages, list):
        return [Problem(MISSING if messages is None else INVALID, "messages")]
    found: list[Problem] = []
    if not 1 <= len(messages) <= MESSAGES:
        found.append(Problem(f"Size must be between 1 and {MESSAGES}", "messages"))
    for index, message in enumerate(messages):
        _Judge(index, found).message(message)
    return found


def error_body(found: list[Problem]) -> dict[str, Any]:
    """`found` as the body of LINE's answer 400."""
    first = next((problem for problem in found if problem.flex), None)
    if first is not None:
        shown = [problem for problem in found if problem.flex and problem.index == first.index]
        text = f"A message (messages[{first.index}]) in the request body is invalid"
    else:
        shown = found
        text = f"The request body has {len(found)} error(s)"
    return {
        "message": text,
        "details": [{"message": problem.message, "property": problem.property} for problem in shown],
    }


def utf16_units(text: str) -> int:
    """The length of `text` as LINE counts most of its limits."""
    return len(text) + sum(character > "\uffff" for character in text)


def graphemes(text: str) -> int:
    """The length of `text` as LINE counts labels and what is spoken for the user."""
    return len(regex.findall(r"\X", text))


# One check per kind of value. Each gives LINE's words for what is wrong, or None.


def _text(least: int, most: int, *, count: Callable[[str], int] = utf16_units) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return INVALID
        if not value and least:
            return EMPTY
        if len(value) * 2 <= most and len(value) >= least:
            return None
        return None if least <= count(value) <= most else f"Length must be between {min(least, 1)} and {most}"

    return check


def _flex_text(value: Any) -> str | None:
    if not isinstance(value, str):
        return INVALID
    return None if value else MISSING


def _word(*words: str) -> Check:
    known = frozenset(words)

    def check(value: Any) -> str | None:
        return None if isinstance(value, str) and value in known else INVALID

    return check


def _form(pattern: str) -> Check:
    match = re.compile(pattern).fullmatch

    @lru_cache(maxsize=2_048)
    def cached(value: str) -> str | None:
        return None if match(value) else INVALID

    def check(value: Any) -> str | None:
        return cached(value) if isinstance(value, str) else INVALID

    return check


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else INVALID


def _whole(value: Any) -> str | None:
    return None if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else INVALID


def _number(least: float, most: float) -> Check:
    def check(value: Any) -> str | None:
        good = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
        return None if good else INVALID

    return check


def _later(_: Any) -> str | None:
    """Known, and looked at elsewhere."""
    return None


_URI_CHARACTERS = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*(?=:)")
_HOST = re.compile(r"//(?:[^/?#@]*@)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%]+)(?::\d{1,5})?(?:[/?#]|$)")


@lru_cache(maxsize=4_096)
def _uri_problem(value: str, schemes: frozenset[str], most: int) -> str | None:
    if not value:
        return MISSING
    if utf16_units(value) > most:
        return f"Length must be between 0 and {most}"
    scheme = _SCHEME.match(value)
    if scheme is None or scheme[0].lower() not in schemes:
        return INVALID_SCHEME
    rest = value[scheme.end() + 1 :]
    if not _URI_CHARACTERS.fullmatch(value) or not rest or value.count("#") > 1:
        return INVALID_URI
    if scheme[0].lower() in ("http", "https") and not _HOST.match(rest):
        return INVALID_URI
    return None


def _uri(*schemes: str, most: int) -> Check:
    known = frozenset(schemes)

    def check(value: Any) -> str | None:
        return _uri_problem(value, known, most) if isinstance(value, str) else INVALID

    return check


_media_uri = _uri("https", most=MEDIA_URI)
_link_uri = _uri("http", "https", "line", "tel", most=LINK_URI)
_NEAR = re.compile(r"http://127\.0\.0\.1(:\d+)?/")


def _picture_uri(value: Any) -> str | None:
    """LINE fetches from https only; the sandbox also takes the pictures of a bot on this machine."""
    return None if isinstance(value, str) and _NEAR.match(value) else _media_uri(value)


_PX = r"\d+(?:\.\d+)?px"
_PERCENT = r"\d+(?:\.\d+)?%"
_SPACES = "none|xs|sm|md|lg|xl|xxl"
_FONTS = "xxs|xs|sm|md|lg|xl|xxl|3xl|4xl|5xl"

_colour = _form(r"#[0-9A-Fa-f]{6}(?:[0-9A-Fa-f]{2})?")
_space = _form(f"{_SPACES}|{_PX}")
_space_or_share = _form(f"{_SPACES}|{_PX}|{_PERCENT}")
_length = _form(f"{_PX}|{_PERCENT}")
_font_size = _form(f"{_FONTS}|{_PX}")
_image_size = _form(f"{_FONTS}|full|{_PX}|{_PERCENT}")
_pixels = _form(_PX)
_weight = _word("regular", "bold")
_text_style = _word("normal", "italic")
_decoration = _word("none", "underline", "line-through")
_align = _word("start", "end", "center")
_gravity = _word("top", "bottom", "center")
_shrink = _word("shrink-to-fit")


@lru_cache(maxsize=512)
def _ratio_problem(value: str) -> str | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", value)
    if not match:
        return INVALID
    width, height = float(match[1]), float(match[2])
    good = 1 <= width <= 100_000 and 1 <= height <= 100_000 and height <= 3 * width
    return None if good else INVALID


def _ratio(value: Any) -> str | None:
    return _ratio_problem(value) if isinstance(value, str) else INVALID


def _angle(value: Any) -> str | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)deg", value) if isinstance(value, str) else None
    return None if match and float(match[1]) < 360 else INVALID


def _centre(value: Any) -> str | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)%", value) if isinstance(value, str) else None
    return None if match and float(match[1]) <= 100 else INVALID


_PLACE: dict[str, Check] = {
    "margin": _space,
    "position": _word("relative", "absolute"),
    "offsetTop": _space_or_share,
    "offsetBottom": _space_or_share,
    "offsetStart": _space_or_share,
    "offsetEnd": _space_or_share,
}

_COMPONENTS: dict[str, dict[str, Check]] = {
    "box": {
        **_PLACE,
        "type": _later,
        "layout": _word("horizontal", "vertical", "baseline"),
        "contents": _later,
        "flex": _whole,
        "spacing": _space,
        "backgroundColor": _colour,
        "borderColor": _colour,
        "borderWidth": _form(f"none|light|normal|medium|semi-bold|bold|{_PX}"),
        "cornerRadius": _space,
        "width": _length,
        "maxWidth": _length,
        "height": _length,
        "maxHeight": _length,
        "paddingAll": _space_or_share,
        "paddingTop": _space_or_share,
        "paddingBottom": _space_or_share,
        "paddingStart": _space_or_share,
        "paddingEnd": _space_or_share,
        "action": _later,
        "justifyContent": _word("center", "flex-start", "flex-end", "space-between", "space-around", "space-evenly"),
        "alignItems": _word("center", "flex-start", "flex-end"),
        "background": _later,
    },
    "button": {
        **_PLACE,
        "type": _later,
        "flex": _whole,
        "color": _colour,
        "style": _word("primary", "secondary", "link"),
        "action": _later,
        "gravity": _gravity,
        "height": _word("sm", "md"),
        "adjustMode": _shrink,
        "scaling": _flag,
    },
    "image": {
        **_PLACE,
        "type": _later,
        "url": _picture_uri,
        "flex": _whole,
        "align": _align,
        "gravity": _gravity,
        "size": _image_size,
        "aspectRatio": _ratio,
        "aspectMode": _word("cover", "fit"),
        "backgroundColor": _colour,
        "action": _later,
        "animated": _flag,
    },
    "icon": {
        **_PLACE,
        "type": _later,
        "url": _media_uri,
        "size": _font_size,
        "aspectRatio": _ratio,
        "scaling": _flag,
    },
    "text": {
        **_PLACE,
        "type": _later,
        "flex": _whole,
        "text": _flex_text,
        "contents": _later,
        "size": _font_size,
        "align": _align,
        "gravity": _gravity,
        "color": _colour,
        "weight": _weight,
        "style": _text_style,
        "decoration": _decoration,
        "wrap": _flag,
        "lineSpacing": _pixels,
        "action": _later,
        "maxLines": _whole,
        "adjustMode": _shrink,
        "scaling": _flag,
    },
    "span": {
        "type": _later,
        "text": _flex_text,
        "size": _font_size,
        "color": _colour,
        "weight": _weight,
        "style": _text_style,
        "decoration": _decoration,
    },
    "separator": {"type": _later, "margin": _space, "color": _colour},
    "filler": {"type": _later, "flex": _whole},
    "video": {
        "type": _later,
        "url": _media_uri,
        "previewUrl": _media_uri,
        "altContent": _later,
        "aspectRatio": _ratio,
        "action": _later,
    },
}

_REQUIRED: dict[str, tuple[str, ...]] = {
    "box": ("layout", "contents"),
    "button": ("action",),
    "image": ("url",),
    "icon": ("url",),
    "span": ("text",),
    "video": ("url", "previewUrl", "altContent"),
}

_GRADIENT: dict[str, Check] = {
    "type": _word("linearGradient"),
    "angle": _angle,
    "startColor": _colour,
    "endColor": _colour,
    "centerColor": _colour,
    "centerPosition": _centre,
}

_BUBBLE: dict[str, Check] = {
    "type": _later,
    "size": _word("nano", "micro", "deca", "hecto", "kilo", "mega", "giga"),
    "direction": _word("ltr", "rtl"),
    "header": _later,
    "hero": _later,
    "body": _later,
    "footer": _later,
    "styles": _later,
    "action": _later,
}

_BLOCK_STYLE: dict[str, Check] = {"backgroundColor": _colour, "separator": _flag, "separatorColor": _colour}

_IN_BOX = frozenset(("box", "button", "image", "text", "separator", "filler"))
_IN_BASELINE = frozenset(("icon", "text", "filler"))
_ONLY_BOX = frozenset(("box",))
_HERO = frozenset(("box", "image", "video"))
_ALT_CONTENT = frozenset(("box", "image"))
_SPANS = frozenset(("span",))

_QUICK_REPLY_ACTIONS = frozenset(
    ("postback", "message", "uri", "datetimepicker", "camera", "cameraRoll", "location", "clipboard")
)
_MESSAGE_ACTIONS = frozenset(("postback", "message", "uri", "datetimepicker", "clipboard"))

_postback_data = _text(1, POSTBACK_DATA)
_spoken = _text(1, SPOKEN_TEXT, count=graphemes)
_moment = _form(r"\d{4}-\d\d-\d\d(?:[Tt]\d\d:\d\d)?|\d\d:\d\d")

_ACTIONS: dict[str, dict[str, Check]] = {
    "postback": {
        "data": _postback_data,
        "displayText": _spoken,
        "text": _spoken,
        "inputOption": _word("closeRichMenu", "openRichMenu", "openKeyboard", "openVoice"),
        "fillInText": _spoken,
    },
    "message": {"text": _spoken},
    "uri": {"uri": _link_uri, "altUri": _later},
    "datetimepicker": {
        "data": _postback_data,
        "mode": _word("date", "time", "datetime"),
        "initial": _moment,
        "max": _moment,
        "min": _moment,
    },
    "camera": {},
    "cameraRoll": {},
    "location": {},
    "clipboard": {"clipboardText": _text(1, CLIPBOARD_TEXT)},
}

_ACTION_REQUIRED: dict[str, tuple[str, ...]] = {
    "postback": ("data",),
    "message": ("text",),
    "uri": ("uri",),
    "datetimepicker": ("data", "mode"),
    "clipboard": ("clipboardText",),
}

_PICKER_FORMS = {
    "date": re.compile(r"(?:19|20)\d\d-[01]\d-[0-3]\d|2100-[01]\d-[0-3]\d"),
    "time": re.compile(r"[0-2]\d:[0-5]\d"),
    "datetime": re.compile(r"(?:19\d\d|20\d\d|2100)-[01]\d-[0-3]\d[Tt][0-2]\d:[0-5]\d"),
}

_COMMON: dict[str, Check] = {"type": _later, "quickReply": _later, "sender": _later}
_quote = _text(1, 1_000)

_MESSAGES: dict[str, tuple[dict[str, Check], tuple[str, ...]]] = {
    "text": ({"text": _text(1, TEXT), "emojis": _later, "quoteToken": _quote}, ("text",)),
    "textV2": ({"text": _text(1, TEXT), "substitution": _later, "quoteToken": _quote}, ("text",)),
    "sticker": (
        {"packageId": _form(r"\d+"), "stickerId": _form(r"\d+"), "quoteToken": _quote},
        ("packageId", "stickerId"),
    ),
    "image": (
        {"originalContentUrl": _media_uri, "previewImageUrl": _media_uri},
        ("originalContentUrl", "previewImageUrl"),
    ),
    "video": (
        {
            "originalContentUrl": _media_uri,
            "previewImageUrl": _media_uri,
            "trackingId": _form(r"[A-Za-z0-9\-.=,+*()%$&;:@{}!?<>\[\]_/]{1,100}"),
        },
        ("originalContentUrl", "previewImageUrl"),
    ),
    "audio": ({"originalContentUrl": _media_uri, "duration": _whole}, ("originalContentUrl", "duration")),
    "location": (
        {
            "title": _text(1, 100),
            "address": _text(1, 100),
            "latitude": _number(-90, 90),
            "longitude": _number(-180, 180),
        },
        ("title", "address", "latitude", "longitude"),
    ),
    "coupon": ({"couponId": _text(1, 100), "deliveryTag": _text(1, 30)}, ("couponId",)),
    "template": ({"altText": _text(1, ALT_TEXT), "template": _later}, ("altText", "template")),
    "flex": ({"altText": _text(1, ALT_TEXT), "contents": _later}, ("altText", "contents")),
}


class _Judge:
    """Looks at one message and adds what it finds to a list."""

    def __init__(self, index: int, found: list[Problem]) -> None:
        self.index = index
        self.found = found
        self.animated = 0

    def note(self, text: str, where: str) -> None:
        flex = where.startswith("/")
        self.found.append(Problem(text, where, self.index, flex))

    def fields(self, value: dict[str, Any], known: dict[str, Check], where: str, glue: str) -> None:
        """Check every property of `value` by the table `known`."""
        for name, item in value.items():
            check = known.get(name)
            if check is None:
                self.note(UNKNOWN, f"{where}{glue}{name}")
            elif item is None:
                self.note(NULL, f"{where}{glue}{name}")
            else:
                text = check(item)
                if text is not None:
                    self.note(text, f"{where}{glue}{name}")

    def required(self, value: dict[str, Any], names: tuple[str, ...], where: str, glue: str) -> None:
        for name in names:
            if name not in value:
                self.note(MISSING, f"{where}{glue}{name}")

    def message(self, message: Any) -> None:
        where = f"messages[{self.index}]"
        if not isinstance(message, dict):
            self.note(NULL_ELEMENT if message is None else INVALID, where)
            return
        kind = message.get("type")
        if not isinstance(kind, str) or kind not in _MESSAGES:
            self.note(MISSING if kind is None else INVALID, f"{where}.type")
            return
        known, required = _MESSAGES[kind]
        self.fields(message, _COMMON | known, where, ".")
        self.required(message, required, where, ".")
        if message.get("quickReply") is not None:
            self.quick_reply(message["quickReply"], f"{where}.quickReply")
        if message.get("sender") is not None:
            self.sender(message["sender"], f"{where}.sender")
        if kind == "flex" and message.get("contents") is not None:
            self.flex(message["contents"])
        elif kind == "template" and message.get("template") is not None:
            self.template(message["template"], f"{where}.template")
        elif kind == "text" and "emojis" in message:
            self.emojis(message, f"{where}.emojis")
        elif kind == "textV2":
            self.substitution(message, where)
        elif kind == "audio" and message.get("duration") == 0:
            self.note(INVALID, f"{where}.duration")

    def sender(self, sender: Any, where: str) -> None:
        if not isinstance(sender, dict):
            self.note(INVALID, where)
            return
        self.fields(sender, {"name": _text(1, 20), "iconUrl": _media_uri}, where, ".")
        if "line" in str(sender.get("name", "")).lower():
            self.note(INVALID, f"{where}.name")

    def emojis(self, message: dict[str, Any], where: str) -> None:
        emojis, text = message["emojis"], message.get("text")
        if not isinstance(emojis, list) or not isinstance(text, str):
            self.note(INVALID, where)
            return
        if len(emojis) > 20:
            self.note("Size must be between 0 and 20", where)
        units = text.encode("utf-16-le", "surrogatepass")
        for number, emoji in enumerate(emojis):
            here = f"{where}[{number}]"
            if not isinstance(emoji, dict):
                self.note(INVALID, here)
                continue
            self.fields(emoji, {"index": _whole, "productId": _quote, "emojiId": _quote}, here, ".")
            self.required(emoji, ("index", "productId", "emojiId"), here, ".")
            at = emoji.get("index")
            if isinstance(at, int) and units[2 * at : 2 * at + 2] != b"$\x00":
                self.note(INVALID, f"{here}.index")

    def substitution(self, message: dict[str, Any], where: str) -> None:
        text, given = message.get("text"), message.get("substitution", {})
        if not isinstance(text, str):
            return
        if not isinstance(given, dict) or len(given) > 100:
            self.note(INVALID, f"{where}.substitution")
            return
        bare = text.replace("{{", "").replace("}}", "")
        names = re.findall(r"\{([0-9A-Za-z_]{1,20})\}", bare)
        leftovers = re.sub(r"\{[0-9A-Za-z_]{1,20}\}", "", bare)
        if "{" in leftovers or "}" in leftovers or not set(names) <= set(given):
            self.note(INVALID, f"{where}.text")
        for name, item in given.items():
            here = f"{where}.substitution.{name}"
            if not isinstance(item, dict) or item.get("type") not in ("mention", "emoji"):
                self.note(INVALID, here)

    def quick_reply(self, quick_reply: Any, where: str) -> None:
        if not isinstance(quick_reply, dict):
            self.note(INVALID, where)
            return
        self.fields(quick_reply, {"items": _later}, where, ".")
        items = quick_reply.get("items")
        if not isinstance(items, list):
            self.note(MISSING if items is None else INVALID, f"{where}.items")
            return
        if not 1 <= len(items) <= QUICK_REPLIES:
            self.note(f"Size must be between 1 and {QUICK_REPLIES}", f"{where}.items")
        for number, item in enumerate(items):
            here = f"{where}.items[{number}]"
            if not isinstance(item, dict):
                self.note(NULL_ELEMENT if item is None else INVALID, here)
                continue
            known: dict[str, Check] = {"type": _word("action"), "imageUrl": _media_uri, "action": _later}
            self.fields(item, known, here, ".")
            self.required(item, ("type", "action"), here, ".")
            if item.get("action") is not None:
                self.action(
                    item["action"],
                    f"{here}.action",
                    ".",
                    label=QUICK_REPLY_LABEL,
                    required=True,
                    kinds=_QUICK_REPLY_ACTIONS,
                )

    def action(
        self,
        action: Any,
        where: str,
        glue: str,
        *,
        label: int,
        required: bool,
        kinds: frozenset[str] = _MESSAGE_ACTIONS,
    ) -> None:
        if not isinstance(action, dict):
            self.note(INVALID, where)
            return
        kind = action.get("type")
        if not isinstance(kind, str) or kind not in kinds:
            self.note(MISSING if kind is None else INVALID, f"{where}{glue}type")
            return
        known: dict[str, Check] = _ACTIONS[kind]
        for name, item in action.items():
            if name == "type":
                continue
            if item is None:
                self.note(NULL, f"{where}{glue}{name}")
            elif name == "label":
                text = self.label(item, label)
                if text is not None:
                    self.note(text, f"{where}{glue}label")
            elif name not in known:
                self.note(UNKNOWN, f"{where}{glue}{name}")
            else:
                text = known[name](item)
                if text is not None:
                    self.note(text, f"{where}{glue}{name}")
        if required and "label" not in action:
            self.note(MISSING, f"{where}{glue}label")
        self.required(action, _ACTION_REQUIRED.get(kind, ()), where, glue)
        if kind == "postback":
            if "displayText" in action and "text" in action:
                self.note(INVALID, f"{where}{glue}displayText")
            if "fillInText" in action and action.get("inputOption") != "openKeyboard":
                self.note(INVALID, f"{where}{glue}fillInText")
        elif kind == "uri" and action.get("altUri") is not None:
            self.alt_uri(action["altUri"], f"{where}{glue}altUri", glue)
        elif kind == "datetimepicker":
            self.picker(action, where, glue)

    def label(self, label: Any, most: int) -> str | None:
        if not isinstance(label, str):
            return INVALID
        if not label:
            return MISSING
        return None if len(label) <= most or graphemes(label) <= most else INVALID

    def alt_uri(self, alt: Any, where: str, glue: str) -> None:
        if not isinstance(alt, dict):
            self.note(INVALID, where)
            return
        self.fields(alt, {"desktop": _link_uri}, where, glue)

    def picker(self, action: dict[str, Any], where: str, glue: str) -> None:
        form = _PICKER_FORMS.get(str(action.get("mode")))
        limits = {name: action.get(name) for name in ("initial", "max", "min")}
        for name, value in limits.items():
            if form and isinstance(value, str) and not form.fullmatch(value):
                self.note(INVALID, f"{where}{glue}{name}")
        least, most = limits["min"], limits["max"]
        if isinstance(least, str) and isinstance(most, str) and least.lower() >= most.lower():
            self.note(INVALID, f"{where}{glue}max")

    def template(self, template: Any, where: str) -> None:
        if not isinstance(template, dict):
            self.note(INVALID, where)
            return
        kind = template.get("type")
        if kind == "buttons":
            self.buttons(template, where, most_actions=4, long_text=160, named=True)
            self.fields(
                {name: item for name, item in template.items() if name not in _COLUMN},
                {"type": _later, **_IMAGE_LOOK},
                where,
                ".",
            )
        elif kind == "confirm":
            known: dict[str, Check] = {
                "type": _later,
                "text": _text(1, 240, count=graphemes),
                "actions": _later,
            }
            self.fields(template, known, where, ".")
            self.required(template, ("text", "actions"), where, ".")
            self.actions(template.get("actions"), f"{where}.actions", 2, 2)
        elif kind in ("carousel", "image_carousel"):
            self.columns(template, where)
        else:
            self.note(MISSING if kind is None else INVALID, f"{where}.type")

    def buttons(
        self, value: dict[str, Any], where: str, *, most_actions: int, long_text: int, named: bool = False
    ) -> None:
        """A buttons template, or one column of a carousel: they differ in their limits only."""
        roomy = "title" not in value and "thumbnailImageUrl" not in value
        known: dict[str, Check] = {
            "text": _text(1, long_text if roomy else 60, count=graphemes),
            "title": _text(1, 40, count=graphemes),
            "thumbnailImageUrl": _media_uri,
            "imageBackgroundColor": _colour,
            "defaultAction": _later,
            "actions": _later,
        }
        shown = {name: item for name, item in value.items() if name in _COLUMN} if named else value
        self.fields(shown, known, where, ".")
        self.required(value, ("text", "actions"), where, ".")
        self.actions(value.get("actions"), f"{where}.actions", 1, most_actions)
        if value.get("defaultAction") is not None:
            self.action(value["defaultAction"], f"{where}.defaultAction", ".", label=TEMPLATE_LABEL, required=False)

    def actions(self, actions: Any, where: str, least: int, most: int) -> None:
        if actions is None:
            return
        if not isinstance(actions, list):
            self.note(INVALID, where)
            return
        if not least <= len(actions) <= most:
            self.note(f"Size must be between {least} and {most}", where)
        for number, action in enumerate(actions):
            self.action(action, f"{where}[{number}]", ".", label=TEMPLATE_LABEL, required=True)

    def columns(self, template: dict[str, Any], where: str) -> None:
        images = template["type"] == "image_carousel"
        known: dict[str, Check] = {"type": _later, "columns": _later}
        self.fields(template, known if images else known | _IMAGE_LOOK, where, ".")
        columns = template.get("columns")
        if not isinstance(columns, list):
            self.note(MISSING if columns is None else INVALID, f"{where}.columns")
            return
        if not 1 <= len(columns) <= 10:
            self.note("Size must be between 1 and 10", f"{where}.columns")
        shapes = set()
        for number, column in enumerate(columns):
            here = f"{where}.columns[{number}]"
            if not isinstance(column, dict):
                self.note(NULL_ELEMENT if column is None else INVALID, here)
            elif images:
                self.fields(column, {"imageUrl": _media_uri, "action": _later}, here, ".")
                self.required(column, ("imageUrl", "action"), here, ".")
                if column.get("action") is not None:
                    self.action(column["action"], f"{here}.action", ".", label=IMAGE_CAROUSEL_LABEL, required=False)
            else:
                self.buttons(column, here, most_actions=3, long_text=120)
                count = len(column["actions"]) if isinstance(column.get("actions"), list) else 0
                shapes.add((count, "title" in column, "thumbnailImageUrl" in column))
        if len(shapes) > 1:
            self.note(INVALID, f"{where}.columns")

    def flex(self, contents: Any) -> None:
        if not isinstance(contents, dict):
            self.note(INVALID, "/")
            return
        kind = contents.get("type")
        if kind == "bubble":
            self.bubble(contents, "", single=True)
        elif kind == "carousel":
            self.carousel(contents)
        else:
            self.note(MISSING if kind is None else INVALID, "/type")
        if self.animated > ANIMATED_IMAGES:
            self.note(f"Size must be between 0 and {ANIMATED_IMAGES}", "/")

    def carousel(self, carousel: dict[str, Any]) -> None:
        self.fields(carousel, {"type": _later, "contents": _later}, "", "/")
        bubbles = carousel.get("contents")
        if not isinstance(bubbles, list):
            self.note(MISSING if bubbles is None else INVALID, "/contents")
            return
        if not 1 <= len(bubbles) <= BUBBLES:
            self.note(f"Size must be between 1 and {BUBBLES}", "/contents")
        for number, bubble in enumerate(bubbles):
            where = f"/contents/{number}"
            if not isinstance(bubble, dict):
                self.note(NULL_ELEMENT if bubble is None else INVALID, where)
            elif bubble.get("type") != "bubble":
                self.note(INVALID, f"{where}/type")
            else:
                self.bubble(bubble, where, single=False)
        sizes = {str(bubble.get("size", "mega")) for bubble in bubbles if isinstance(bubble, dict)}
        if len(sizes) > 1:
            self.note(INVALID, "/contents")
        if _bytes(carousel) > CAROUSEL_BYTES:
            self.note(TOO_LARGE, "/")

    def bubble(self, bubble: dict[str, Any], where: str, *, single: bool) -> None:
        self.fields(bubble, _BUBBLE, where, "/")
        blocks = [name for name in ("header", "hero", "body", "footer") if bubble.get(name) is not None]
        if not blocks:
            self.note("At least one block must be specified", where or "/")
        for name in blocks:
            here = f"{where}/{name}"
            self.component(bubble[name], here, _HERO if name == "hero" else _ONLY_BOX)
            self.first_child(bubble[name], here)
        hero = bubble.get("hero")
        if isinstance(hero, dict) and hero.get("type") == "video":
            self.video(bubble, where, single=single)
        if bubble.get("styles") is not None:
            self.styles(bubble["styles"], f"{where}/styles")
        if bubble.get("action") is not None:
            self.action(bubble["action"], f"{where}/action", "/", label=FLEX_LABEL, required=False)
        # Lone halves of surrogate pairs have no size; they are noted where they stand.
        if _bytes(bubble) > BUBBLE_BYTES:
            self.note(TOO_LARGE, where or "/")

    def styles(self, styles: Any, where: str) -> None:
        if not isinstance(styles, dict):
            self.note(INVALID, where)
            return
        self.fields(styles, dict.fromkeys(("header", "hero", "body", "footer"), _later), where, "/")
        for name, style in styles.items():
            if isinstance(style, dict):
                self.fields(style, _BLOCK_STYLE, f"{where}/{name}", "/")
            elif style is not None:
                self.note(INVALID, f"{where}/{name}")

    def first_child(self, block: Any, where: str) -> None:
        contents = block.get("contents") if isinstance(block, dict) else None
        first = contents[0] if isinstance(contents, list) and contents else None
        if isinstance(first, dict) and first.get("position") == "absolute":
            self.note(INVALID, f"{where}/contents/0/position")

    def video(self, bubble: dict[str, Any], where: str, *, single: bool) -> None:
        if not single:
            self.note(INVALID, f"{where}/hero/type")
        if bubble.get("size", "mega") not in ("kilo", "mega", "giga"):
            self.note(INVALID, f"{where}/size")

    def component(self, value: Any, where: str, allowed: frozenset[str]) -> None:
        if not isinstance(value, dict):
            self.note(INVALID, where)
            return
        kind = value.get("type")
        if not isinstance(kind, str) or kind not in allowed:
            self.note(MISSING if kind is None else INVALID, f"{where}/type")
            return
        self.fields(value, _COMPONENTS[kind], where, "/")
        if kind in _REQUIRED:
            self.required(value, _REQUIRED[kind], where, "/")
        action = value.get("action")
        if action is not None:
            kinds = frozenset(("uri",)) if kind == "video" else _MESSAGE_ACTIONS
            self.action(action, f"{where}/action", "/", label=FLEX_LABEL, required=kind == "button", kinds=kinds)
        if kind == "text":
            if value.get("contents") is not None:
                self.children(value["contents"], f"{where}/contents", _SPANS)
            if "text" not in value and not value.get("contents"):
                self.note(MISSING, f"{where}/text")
        elif kind == "box":
            if value.get("contents") is not None:
                baseline = value.get("layout") == "baseline"
                self.children(value["contents"], f"{where}/contents", _IN_BASELINE if baseline else _IN_BOX)
            if value.get("background") is not None:
                self.background(value["background"], f"{where}/background")
        elif kind == "video" and value.get("altContent") is not None:
            self.component(value["altContent"], f"{where}/altContent", _ALT_CONTENT)
        elif kind == "image" and value.get("animated") is True:
            self.animated += 1

    def children(self, contents: Any, where: str, allowed: frozenset[str]) -> None:
        if not isinstance(contents, list):
            self.note(INVALID, where)
            return
        for number, child in enumerate(contents):
            if child is None:
                self.note(NULL_ELEMENT, where)
            else:
                self.component(child, f"{where}/{number}", allowed)

    def background(self, background: Any, where: str) -> None:
        if not isinstance(background, dict):
            self.note(INVALID, where)
            return
        self.fields(background, _GRADIENT, where, "/")
        self.required(background, ("type", "angle", "startColor", "endColor"), where, "/")


_COLUMN = frozenset(("text", "title", "thumbnailImageUrl", "imageBackgroundColor", "defaultAction", "actions"))
_IMAGE_LOOK: dict[str, Check] = {
    "imageAspectRatio": _word("rectangle", "square"),
    "imageSize": _word("cover", "contain"),
}


def _bytes(value: Any) -> int:
    """The size of `value` as compact JSON."""
    try:
        return len(orjson.dumps(value))
    except orjson.JSONEncodeError:
        return 0

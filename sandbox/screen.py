"""Turns what a bot sent into something to look at: lines, cards and numbered buttons. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["postback", "quick_reply", "message", "uri", "copy", "phone", "other"]


@dataclass(frozen=True, slots=True)
class Button:
    """Something to tap. `value` is what a tap sends, opens or copies."""

    label: str
    kind: Kind
    value: str
    shown: str = ""  # What the tap writes into the chat for the customer, if anything.


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    style: Literal["", "bold", "dim", "rule", "button"] = ""


@dataclass(slots=True)
class Card:
    """A boxed part of a message."""

    title: str = ""
    lines: list[Line] = field(default_factory=list)


@dataclass(slots=True)
class Screen:
    """What one answer looks like: text and cards in order, and the buttons by number, the first being 1."""

    parts: list[str | Card] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)
    quick_replies: list[int] = field(default_factory=list)

    def button(self, number: int) -> Button | None:
        return self.buttons[number - 1] if 1 <= number <= len(self.buttons) else None

    def add(self, channel: str, message: dict[str, Any]) -> None:
        """Put one more message on the screen."""
        # Only the last message's quick replies stay, as on a phone.
        self.quick_replies = []
        if channel == "line":
            _LineMessage(self).add(message)
        else:
            _MetaMessage(self).add(message)

    def numbered(self, button: Button) -> str:
        self.buttons.append(button)
        mark = {"uri": " ↗", "copy": " ⧉"}.get(button.kind, "")
        return f"[{len(self.buttons)}] {button.label}{mark}"

    def quick_reply(self, button: Button) -> None:
        self.numbered(button)
        self.quick_replies.append(len(self.buttons))


def clean(text: Any) -> str:
    """`text` without anything that could move the cursor, change colours or turn the line around."""
    return "".join(
        character if character == "\n" or unicodedata.category(character) not in ("Cc", "Cs", "Co", "Zl", "Zp") else " "
        for character in str(text)
        if character not in _TURNING
    )


# Overrides, embeddings and isolates of the bidirectional algorithm, and the byte order mark.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\ufeff")


class _LineMessage:
    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    def add(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind in ("text", "textV2"):
            self.screen.parts.append(clean(message.get("text", "")))
        elif kind == "flex":
            contents = message["contents"]
            bubbles = contents["contents"] if contents["type"] == "carousel" else [contents]
            for number, bubble in enumerate(bubbles, start=1):
                card = Card(f"{number}/{len(bubbles)}" if len(bubbles) > 1 else "")
                self.bubble(bubble, card)
                self.screen.parts.append(card)
        elif kind == "template":
            self.template(message["template"])
        elif kind == "sticker":
            self.screen.parts.append(f"(sticker {message.get('packageId')}/{message.get('stickerId')})")
        else:
            address = message.get("originalContentUrl") or message.get("title") or ""
            self.screen.parts.append(clean(f"({kind}) {address}"))
        for item in message.get("quickReply", {}).get("items", []):
            self.screen.quick_reply(self.button(item["action"]))

    def bubble(self, bubble: dict[str, Any], card: Card) -> None:
        for name in ("header", "hero", "body", "footer"):
            if name in bubble:
                self.component(bubble[name], card)
        if "action" in bubble:
            card.lines.append(Line(self.screen.numbered(self.button(bubble["action"])), "button"))

    def component(self, part: dict[str, Any], card: Card) -> None:
        kind = part["type"]
        if kind == "box":
            self.box(part, card)
        elif kind == "separator":
            if card.lines and card.lines[-1].style != "rule":
                card.lines.append(Line("", "rule"))
        elif kind in ("button", "image", "video"):
            if "action" not in part:
                return  # A picture alone has nothing to say in a terminal.
            card.lines.append(Line(self.screen.numbered(self.button(part["action"])), "button"))
        else:
            text = self.inline(part)
            if text:
                large = part.get("weight") == "bold" or part.get("size") in ("lg", "xl", "xxl", "3xl", "4xl")
                small = part.get("size") in ("xxs", "xs")
                card.lines.append(Line(text, "bold" if large else "dim" if small else ""))

    def box(self, box: dict[str, Any], card: Card) -> None:
        if "action" in box:
            card.lines.append(Line(self.inline(box), "button"))
            return
        if box["layout"] == "vertical":
            for child in box["contents"]:
                self.component(child, card)
            return
        words = [text for child in box["contents"] if (text := self.inline(child))]
        if words:
            bold = any(child.get("weight") == "bold" for child in box["contents"])
            # A price beside its worth is two facts: labels are never bold.
            labelled = box["layout"] == "baseline" and box["contents"][0].get("weight") != "bold"
            label_and_value = labelled and len(words) == 2
            joined = ("：" if _wide(words[0]) else ": ").join(words) if label_and_value else "   ".join(words)
            card.lines.append(Line(joined, "bold" if bold else ""))

    def inline(self, part: dict[str, Any]) -> str:
        """Everything in `part` on one line."""
        kind = part["type"]
        if kind == "text":
            spans = part.get("contents")
            return clean("".join(span.get("text", "") for span in spans) if spans else part.get("text", ""))
        if kind == "button":
            return self.screen.numbered(self.button(part["action"]))
        if kind != "box":
            return ""
        words = " ".join(text for child in part["contents"] if (text := self.inline(child)))
        if "action" in part:
            button = self.button(part["action"])
            return self.screen.numbered(Button(words or button.label, button.kind, button.value, button.shown))
        return f"‹{words}›" if words and "backgroundColor" in part and len(part["contents"]) == 1 else words

    def template(self, template: dict[str, Any]) -> None:
        columns = template.get("columns") or [template]
        for number, column in enumerate(columns, start=1):
            card = Card(f"{number}/{len(columns)}" if len(columns) > 1 else "")
            if column.get("title"):
                card.lines.append(Line(clean(column["title"]), "bold"))
            if column.get("text"):
                card.lines.append(Line(clean(column["text"])))
            for action in column.get("actions") or [column["action"]]:
                card.lines.append(Line(self.screen.numbered(self.button(action)), "button"))
            self.screen.parts.append(card)

    def button(self, action: dict[str, Any]) -> Button:
        label = clean(action.get("label") or action.get("displayText") or action.get("text") or "…")
        kind = action["type"]
        if kind == "postback":
            shown = clean(action.get("displayText") or action.get("text") or "")
            return Button(label, "postback", action["data"], shown)
        if kind == "message":
            return Button(label, "message", action["text"], clean(action["text"]))
        if kind == "uri":
            return Button(label, "uri", action["uri"])
        if kind == "clipboard":
            return Button(label, "copy", action["clipboardText"])
        return Button(label, "other", kind)


class _MetaMessage:
    """Messenger's and Instagram's, which are made of the same parts."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    def add(self, message: dict[str, Any]) -> None:
        if message.get("text"):
            self.screen.parts.append(clean(message["text"]))
        attachment = message.get("attachment") or {}
        payload = attachment.get("payload", {})
        if attachment.get("type") == "template":
            self.template(payload)
        elif attachment.get("type") == "image":
            self.screen.parts.append(_picture(payload))
        elif attachment:
            self.screen.parts.append(clean(f"({attachment.get('type')}) {payload.get('url', '')}"))
        for reply in message.get("quick_replies", []):
            if reply["content_type"] == "text":
                title = clean(reply["title"])
                self.screen.quick_reply(Button(title, "quick_reply", reply["payload"], title))
            else:
                self.screen.quick_reply(Button(f"({reply['content_type']})", "phone", reply["content_type"]))

    def template(self, payload: dict[str, Any]) -> None:
        kind = payload.get("template_type")
        if kind in ("generic", "media"):
            elements = payload["elements"]
            for number, element in enumerate(elements, start=1):
                card = Card(f"{number}/{len(elements)}" if len(elements) > 1 else "")
                if "image_url" in element or kind == "media":
                    card.lines.append(Line(_picture({"url": element.get("image_url"), **element}), "dim"))
                if element.get("title"):
                    card.lines.append(Line(clean(element["title"]), "bold"))
                if element.get("subtitle"):
                    card.lines.append(Line(clean(element["subtitle"])))
                self.buttons(element.get("buttons", []), card)
                self.screen.parts.append(card)
        elif kind == "button":
            card = Card(lines=[Line(clean(payload["text"]))])
            self.buttons(payload["buttons"], card)
            self.screen.parts.append(card)
        elif kind == "coupon":
            card = Card(lines=[Line(clean(payload["title"]), "bold")])
            card.lines.append(Line(clean(payload.get("subtitle", "Terms may apply."))))
            if payload.get("coupon_code"):
                reveal = Button("Reveal code", "copy", payload["coupon_code"])
                card.lines.append(Line(self.screen.numbered(reveal), "button"))
            if payload.get("coupon_url"):
                title = clean(payload.get("coupon_url_button_title", "Shop now"))
                card.lines.append(Line(self.screen.numbered(Button(title, "uri", payload["coupon_url"])), "button"))
            self.screen.parts.append(card)
        else:
            self.screen.parts.append(f"({kind})")

    def buttons(self, buttons: list[dict[str, Any]], card: Card) -> None:
        for button in buttons:
            title = clean(button.get("title") or button["type"])
            if button["type"] == "postback":
                made = Button(title, "postback", button["payload"], title)
            elif button["type"] in ("web_url", "account_link"):
                made = Button(title, "uri", button["url"])
            else:
                made = Button(title, "other", button["type"])
            card.lines.append(Line(self.screen.numbered(made), "button"))


def _picture(source: dict[str, Any]) -> str:
    """A picture in words: what its file is called, where it has a name."""
    name = str(source.get("url") or "").rsplit("/", 1)[-1].split("?")[0]
    return clean(f"▨ {name.rsplit('-', 1)[0] if name else 'picture'}")


def _wide(text: str) -> bool:
    """Whether `text` ends in a character of Chinese type."""
    return bool(text) and unicodedata.east_asian_width(text[-1]) in ("W", "F")

"""What the bot can say: a small closed set, the same for every channel, already translated.

Views compose these; `bot/channels/<name>/render.py` turns them into what a platform wants and
keeps every platform's limits. A handler never learns which channel it is on.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from bot.conversation.actions import Action

Tone = Literal["valid", "soon", "old", "bad"]
Look = Literal["plain", "success", "value", "quiet"]
Banner = Literal["", "gifts", "tickets", "redeem", "vouchers", "cards", "points", "receipts", "language", "help"]

DOTS: dict[Tone, str] = {"valid": "🟢", "soon": "🟡", "bad": "🔴", "old": "⚪"}
"""A tone where only text can be shown."""
NAMED = 80  # characters of an item's name where a list is only text
TOGETHER = 5  # messages of one answer, https://developers.line.biz/en/reference/messaging-api/#send-reply-message
FIRST = 10  # items of a list that its one line names


@dataclass(frozen=True, slots=True)
class Button:
    """Something to tap. At most 20 characters; `keyboard` opens it on LINE for the next answer."""

    label: str
    action: Action
    keyboard: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """Something to open. Only https (and `tel:`) addresses survive rendering."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class SharePhone:
    """Lets the platform offer the number of the person's own profile; a channel that cannot leaves it out."""


@dataclass(frozen=True, slots=True)
class Badge:
    """One word about the state of a thing; the tone only colours what the word says."""

    word: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Row:
    """A fact: label and value. tone: a dot of its colour stands before it, which only colours what the value says."""

    label: str
    value: str
    tone: Tone | None = None


@dataclass(frozen=True, slots=True)
class Tile:
    """What a menu opens. icon: a picture character.

    text: what is behind it, in a sentence, where there is room. banner: see `Card`.
    """

    icon: str
    label: str
    action: Action
    text: str = ""
    banner: Banner = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A plain message."""

    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """One idea: from the top, what it is, its name, its facts, what can be done.

    eyebrow: kind and source, small, above the title.     badge: its state, one word.
    hero:    the one thing to read from afar ("× 3").      text:  a sentence or two.
    beside:  what the hero is worth in other words, small. instead: what stands where a button would, and why.
    tiles:   what a menu opens (rows of three).  rows:  label and value facts.
    receipt: the reference, set apart.                    note:  small print.
    qr:      the address of a QR code, a square that is shown whole.
    look:    plain; success (gradient header); value (the whole card looks like a card); quiet (over, or folded away).
    discreet: the chat list and the lock screen show its title and nothing else.
    banner:  one of our own drawn pictures, above the card on channels whose cards have no colours of their own.
    details: shows the whole card, where a channel has no room for it in a list; elsewhere it is left out.
    buttons: the first is the primary one, the rest are links; four at most are kept.
    """

    title: str
    eyebrow: str = ""
    badge: Badge | None = None
    hero: str = ""
    beside: Row | None = None
    text: str = ""
    tiles: tuple[Tile, ...] = ()
    rows: tuple[Row, ...] = ()
    receipt: Row | None = None
    note: str = ""
    instead: str = ""
    image: str = ""
    qr: str = ""
    look: Look = "plain"
    discreet: bool = False
    banner: Banner = ""
    details: Button | None = None
    buttons: tuple[Button | Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Carousel:
    """Cards side by side. `title` says what the list is where cards cannot be shown."""

    title: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of a list: a tap on it opens its card.

    icon: an emoji for its kind. detail: small print below. image: an https address, shown in place of the icon.
    """

    title: str
    action: Action
    icon: str = ""
    detail: str = ""
    badge: Badge | None = None
    image: str = ""


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of a list, so that the number of one can be typed. first: opens the first; its `page` counts from 0."""

    first: Action
    count: int


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list that is too long for cards.

    position: which page this is (`Page 2 of 18`). hint: what else can be done, in a few words. opens: what opens an
    item where a tap on all of it cannot. buttons: to other pages, and whatever else is done with the list.
    """

    title: str
    items: tuple[Item, ...]
    opens: str
    position: str = ""
    hint: str = ""
    buttons: tuple[Button, ...] = ()
    pages: Pages | None = None


@dataclass(frozen=True, slots=True)
class SmallPrint:
    """A sentence or two below an answer, small and quiet so that the answer is what is seen. button: tells more."""

    text: str
    button: Button


Message = Text | Card | Carousel | Listing | SmallPrint
Choice = Button | Link | SharePhone
C = TypeVar("C", Button, Button | Link, Choice)
M = TypeVar("M", Card, Message)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: one to five messages, and what can be tapped under the last one.

    valuable: losing it would cost the customer something (a claim's result, a confirmation), so
    it is pushed when the free reply is no longer possible. A list never is: it can be asked again.
    passes: the people of the shop go on from here: with this answer they are given the chat, where a platform knows
    who holds one.
    """

    messages: tuple[Message, ...]
    choices: tuple[Choice, ...] = ()
    valuable: bool = False
    passes: bool = False

    def under(self, *more: Message) -> Reply:
        """The same answer with more said below it."""
        return replace(self, messages=self.messages + more)

    def after(self, *before: Message) -> Reply:
        """The same answer with something said above it."""
        return replace(self, messages=before + self.messages)


def offered(reply: Reply) -> tuple[Choice, ...]:
    """The choices of an answer without those that the card above them has as buttons already."""
    said = [message for message in reply.messages if not isinstance(message, SmallPrint)]
    last = said[-1] if said else None
    buttons = last.buttons if isinstance(last, Card) else ()
    taken = [button.action for button in buttons if isinstance(button, Button)]
    return tuple(c for c in reply.choices if not (isinstance(c, Button) and c.action in taken))


def only(reply: Reply, keep: Callable[[Button], bool]) -> Reply:
    """The same answer without the buttons that `keep` refuses. Tiles, and the things of a list, stay."""

    def kept(choices: tuple[C, ...]) -> tuple[C, ...]:
        return tuple(each for each in choices if not isinstance(each, Button) or keep(each))

    def fitting(message: M) -> M:
        match message:
            case Card():
                return replace(message, buttons=kept(message.buttons))
            case Carousel():
                return replace(message, cards=tuple(map(fitting, message.cards)))
            case Listing():
                return replace(message, buttons=kept(message.buttons))
            case _:
                return message

    return replace(reply, messages=tuple(map(fitting, reply.messages)), choices=kept(reply.choices))


SILENCE = Reply(messages=())
"""The answer to what wants none."""


def labelled(label: str, value: str) -> str:
    """`label: value`, with the colon of the label's own script (`標題：` or `Title: `)."""
    if not label or not value:
        return label or value
    wide = unicodedata.east_asian_width(label[-1]) in "WF"
    return f"{label}：{value}" if wide else f"{label}: {value}"


def tile_label(tile: Tile) -> str:
    """A tile as the label of a button."""
    return f"{tile.icon} {tile.label}"


def facts(card: Card) -> list[str]:
    """Everything a card says beside its title, as lines of text, in reading order."""
    lines = [" · ".join(part for part in (card.eyebrow, card.badge.word if card.badge else "") if part)]
    lines += [card.hero, _fact(card.beside) if card.beside else "", card.text]
    lines += map(tile_label, card.tiles)
    lines += [_fact(row) for row in card.rows]
    lines += [labelled(card.receipt.label, card.receipt.value) if card.receipt else "", card.note, card.instead]
    return [line for line in lines if line]


def _fact(row: Row) -> str:
    said = labelled(row.label, row.value)
    return f"{DOTS[row.tone]} {said}" if row.tone and said else said


def plain(message: Message) -> str:
    """A message as text alone: for platforms and moments that cannot show cards."""
    match message:
        case Text() | SmallPrint():
            return message.text
        case Card():
            return "\n".join([message.title, *facts(message)])
        case Carousel():
            return "\n\n".join([message.title, *(plain(card) for card in message.cards)])
        case Listing():
            return "\n".join([*_present(message.title, message.position), *map(_line, message.items)])


def gist(message: Message) -> str:
    """One line for the chat list and for screen readers: the title and the first facts."""
    match message:
        case Text() | SmallPrint():
            return message.text
        case Card():
            return message.title if message.discreet else labelled(message.title, " · ".join(facts(message)[:4]))
        case Carousel():
            return labelled(message.title, " · ".join(card.title for card in message.cards))
        case Listing():
            names = [item.title[:NAMED] for item in message.items[:FIRST]]
            return labelled(message.title, " · ".join(_present(message.position, *names)))


def about(item: Item) -> str:
    """What is known of an item beside its name, as one line."""
    return " · ".join(_present(item.badge.word if item.badge else "", item.detail))


def _line(item: Item) -> str:
    return " · ".join(_present(f"{item.icon} {item.title[:NAMED]}".strip(), about(item)))


def _present(*parts: str) -> list[str]:
    return [part for part in parts if part]

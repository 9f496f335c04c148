"""Cards as Flex bubbles: one anatomy for all of them, drawn with less when they would be too big. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import assert_never

import orjson

from bot.channels import Json, Pack
from bot.channels.limits import (
    BLANK,
    address,
    clean,
    one_line,
    picture,
    portions,
    shorten,
    shorten_label,
    telephone,
    utf16,
)
from bot.channels.line.colors import FADED, HAIRLINE, INK, MUTED, TONES, WHITE, Palette
from bot.conversation.messages import Badge, Button, Card, Item, Link, Listing, Row, Tile, Tone

# https://developers.line.biz/en/reference/messaging-api/ names the limits at these anchors.
CAROUSEL_BUBBLES = 12  # #f-carousel
BUBBLE_BYTES = 30_000 * 8 // 10  # #bubble says 30 KB and not of what, so a fifth is left unused
CAROUSEL_BYTES = 50_000 * 8 // 10  # #f-carousel, 50 KB
BUTTON_LABEL = 40  # #action-objects, in graphemes
QUICK_REPLY_LABEL = 20  # #action-objects, in graphemes; also what fits a tile
POSTBACK_DATA = 300  # #postback-action
ACTION_URI = 1000  # #uri-action
IMAGE_URL = 2000  # #f-image

BUTTONS = 4  # Ours: with more of them none is the primary one.
ROWS = 6  # Ours: of a list, in one bubble; with more of them the bubble is taller than a phone.
ROW_NAME, ROW_DETAIL = 42, 40  # Ours, in UTF-16 units: more than the two lines and the one that a row shows of them.
ROW_READ = 200  # Ours, in characters: of a name; whatever is hidden behind so many is not looked for.
BADGE = 20  # Ours, in graphemes: a badge keeps to one line beside its text.
LABEL = 15  # Ours, in Latin letters: a longer label takes more than half of its line.


def tap(choice: Button | Link, pack: Pack, limit: int) -> Json | None:
    """What a tap does; None when it could not be sent, for a missing button beats a refused answer."""
    label = shorten_label(one_line(choice.label), limit) or BLANK
    match choice:
        case Button():
            try:
                data = pack(choice.action)
            except ValueError:
                return None
            if not 0 < utf16(data) <= POSTBACK_DATA:
                return None
            postback = {"type": "postback", "label": label, "data": data, "displayText": label}
            return postback | {"inputOption": "openKeyboard"} if choice.keyboard else postback
        case Link(url=url):
            uri = address(url, ACTION_URI) or telephone(url)
            return {"type": "uri", "label": label, "uri": uri} if uri else None
        case _:
            assert_never(choice)


@dataclass(frozen=True, slots=True)
class _Detail:
    """How much of a card is drawn: pictures, and at most how long its texts and lists are."""

    pictures: bool
    text: int
    fact: int
    rows: int
    tiles: int


# A card that does not fit is drawn with less; the last of these always fits a bubble.
_FULL = _Detail(pictures=True, text=1000, fact=300, rows=40, tiles=12)
_NO_PICTURES = replace(_FULL, pictures=False)
_BRIEF = _Detail(pictures=False, text=160, fact=40, rows=8, tiles=6)
_DETAILS = (_FULL, _NO_PICTURES, _BRIEF)


def fitting_bubble(card: Card, pack: Pack, colors: Palette) -> Json:
    drawn = (_Drawing(colors, pack, detail).bubble(card) for detail in _DETAILS)
    bubble = next(drawn)
    while _size(bubble) > BUBBLE_BYTES:
        bubble = next(drawn)
    return bubble


def carousels(cards: tuple[Card, ...], pack: Pack, colors: Palette) -> Iterator[tuple[tuple[Card, ...], Json]]:
    """As few carousels as LINE allows. Cards are drawn with less before they go to a further message."""
    for shown in map(tuple, portions(cards, CAROUSEL_BUBBLES)):
        bubbles: list[Json] = []
        sizes: list[int] = []
        for detail in _DETAILS:
            drawing = _Drawing(colors, pack, detail, carousel=True)
            bubbles = [drawing.bubble(card) for card in shown]
            sizes = [_size(bubble) + 1 for bubble in bubbles]
            if max(sizes) <= BUBBLE_BYTES and sum(sizes) <= CAROUSEL_BYTES:
                break
        for start, end in _fitting(sizes):
            yield shown[start:end], {"type": "carousel", "contents": bubbles[start:end]}


def list_carousels(listing: Listing, pack: Pack, colors: Palette) -> Iterator[Json]:
    """A page of a list in bubbles of six rows, and one at its end that leads on. Without pictures if too long."""
    bubbles: list[Json] = []
    sizes: list[int] = []
    for detail in _DETAILS:
        drawing = _Drawing(colors, pack, detail, carousel=True, size="mega")
        bubbles = [drawing.rows(listing, some) for some in portions(listing.items, ROWS)]
        if listing.buttons:
            ending = Card(title=listing.position or listing.title, text=listing.hint, buttons=listing.buttons)
            bubbles.append(drawing.bubble(ending))
        sizes = [_size(bubble) + 1 for bubble in bubbles]
        if sum(sizes) <= CAROUSEL_BYTES:
            break
    for start, end in _fitting(sizes):
        yield {"type": "carousel", "contents": bubbles[start:end]}


def _fitting(sizes: list[int]) -> Iterator[tuple[int, int]]:
    """Bubbles in as few carousels as there is room for, each from where to where. sizes: of each bubble, in bytes."""
    start, room = 0, CAROUSEL_BYTES
    for index, size in enumerate(sizes):
        room -= size
        if room < 0 or index - start == CAROUSEL_BUBBLES:
            yield start, index
            start, room = index, CAROUSEL_BYTES - size
    yield start, len(sizes)


def small_print(text: str, more: Json | None, colors: Palette) -> Json:
    """Two lines of small grey text; a tap anywhere on them tells more."""
    words = {"type": "text", "text": shorten(one_line(text), 300) or BLANK, "color": MUTED, "size": "xxs", "wrap": True}
    body = _box([words], "horizontal", spacing="md", paddingAll="10px", alignItems="center")
    if more is not None:
        label = {"type": "text", "text": more["label"], "color": colors.accent, "size": "xxs", "flex": 0}
        body["contents"].append(label)
        body["action"] = more
    return {"type": "bubble", "size": "mega", "body": body}


def _size(bubble: Json) -> int:
    return len(orjson.dumps(bubble))


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Draws cards in one set of colours and one degree of detail."""

    colors: Palette
    pack: Pack
    detail: _Detail
    carousel: bool = False
    size: str = ""

    def bubble(self, card: Card) -> Json:
        bubble: Json = {"type": "bubble", "size": self.size or ("kilo" if self.carousel else "mega")}
        image = address(card.image, IMAGE_URL) if card.image and self.detail.pictures else None
        qr = picture(card.qr, IMAGE_URL) if card.qr else None
        if card.look == "success":
            bubble["header"] = self._banner(card)
        elif card.look in {"plain", "quiet"} and not (image or qr):
            color = FADED if _over(card) else self.colors.strip
            bubble["header"] = _box([], height="6px", paddingAll="0px", backgroundColor=color)
        if image:
            bubble["hero"] = {
                "type": "image",
                "url": image,
                "size": "full",
                "aspectRatio": "2:1",
                "aspectMode": "cover",
            }
        if qr:  # Whole and on white, or no camera reads it.
            square = {"aspectRatio": "1:1", "aspectMode": "fit", "backgroundColor": WHITE}
            bubble["hero"] = {"type": "image", "url": qr, "size": "full", **square}
        if body := self._body(card):
            bubble["body"] = body
        if footer := self._footer(card):
            bubble["footer"] = footer
        return bubble

    def rows(self, listing: Listing, items: Sequence[Item]) -> Json:
        """A bubble with some of a list's items, under its name."""
        name = self._text(listing.title, self.colors.accent, size="xs", weight="bold", flex=1)
        position = self._text(listing.position, MUTED, size="xxs", align="end", flex=0)
        contents: list[Json] = []
        if heading := _present(name, position):
            contents.append(_box(heading, "horizontal", spacing="sm", paddingBottom="8px"))
        for item in items:
            if contents:
                contents.append({"type": "separator", "color": HAIRLINE})
            contents.append(self._item(item))
        return {
            "type": "bubble",
            "size": self.size,
            "header": _box([], height="6px", paddingAll="0px", backgroundColor=self.colors.strip),
            "body": _box(contents, paddingAll="14px"),
        }

    def _item(self, item: Item) -> Json:
        """A row: what kind it is, its name, its badge; all of it is tapped."""
        name = shorten(one_line(item.title[:ROW_READ]), min(ROW_NAME, self.detail.fact)) or BLANK
        color = MUTED if item.badge is not None and item.badge.tone == "old" else INK
        texts: list[Json] = [
            {"type": "text", "text": name, "size": "sm", "color": color, "wrap": True, "maxLines": 2},
        ]
        if detail := shorten(one_line(item.detail[:ROW_READ]), ROW_DETAIL):
            texts.append({"type": "text", "text": detail, "size": "xxs", "color": MUTED})
        parts = [*_present(self._picture(item)), _box(texts)]
        if (pill := _pill(item.badge)) is not None:
            parts.append(pill)
        row = _box(parts, "horizontal", spacing="md", paddingTop="8px", paddingBottom="8px", alignItems="center")
        if action := tap(Button(name, item.action), self.pack, QUICK_REPLY_LABEL):
            del action["label"]  # That nobody sees of a box.
            row["action"] = action
        return row

    def _picture(self, item: Item) -> Json | None:
        image = address(item.image, IMAGE_URL) if item.image and self.detail.pictures else None
        if image is None:
            return _icon(item.icon, self.colors.tint)
        filling = {"type": "image", "url": image, "size": "full", "aspectMode": "cover"}
        return _square(filling, self.colors.tint)

    def _body(self, card: Card) -> Json | None:
        name, said = (WHITE, WHITE) if card.look == "value" else (INK, MUTED)
        contents = [
            *self._heading(card),
            *_present(self._text(card.text, name, size="sm", prose=True)),
        ]
        if card.tiles:
            contents.append(_box(list(self._tiles(card.tiles)), spacing="sm"))
        if facts := [*self._rows(card, name, said), *self._receipt(card.receipt)]:
            if contents and card.look != "value":
                contents.append({"type": "separator", "color": HAIRLINE})
            contents.append(_box(facts, spacing="sm"))
        contents += _present(self._text(card.note, said, size="xxs", prose=True))
        if not contents:
            return None
        body = _box(contents, spacing="md", paddingAll=self._padding())
        if self.carousel and len(contents) <= 2 and {part["type"] for part in contents} == {"text"} and not card.text:
            # Beside taller cards, a name alone stands in the middle.
            body["contents"] = [part | {"align": "center"} for part in contents]
            body["justifyContent"] = "center"
        if card.look == "value":
            body["background"] = _gradient("120deg", self.colors.deeper, self.colors.accent)
        return body

    def _padding(self) -> str:
        return "16px" if self.carousel else "18px"

    def _heading(self, card: Card) -> Iterator[Json]:
        match card.look:
            case "plain" | "quiet":
                return self._name(card)
            case "value":
                return self._face(card)
            case "success":
                return self._reward(card)
            case _:
                assert_never(card.look)

    def _name(self, card: Card) -> Iterator[Json]:
        """Eyebrow and badge, the name, and the hero: beside the name when it is a word, else below it."""
        accent = MUTED if _over(card) or card.instead else self.colors.accent
        eyebrow = self._text(card.eyebrow, accent, size="xs", weight="bold", maxLines=2)
        title = self._title(card, INK, "lg" if self.carousel else "xl")
        hero = self._text(card.hero, accent, size="xxl", weight="bold", number=True)
        if eyebrow:
            yield self._beside(eyebrow, card.badge)
        elif card.badge:
            title = self._beside(title, card.badge)
        if hero and card.beside and _priced(card):
            worth = self._text(card.beside.value, MUTED, size="xs", number=True, align="end", flex=2)
            yield title
            yield _box(_present(hero | {"size": "xl", "flex": 3}, worth), "baseline", spacing="sm")
        elif hero and len(hero["text"]) <= 5 and title["type"] == "text":
            parts = [title | {"flex": 3}, hero | {"flex": 2, "align": "end"}]
            yield _box(parts, "horizontal", spacing="sm", alignItems="center")
        else:
            yield from _present(title, hero)

    def _face(self, card: Card) -> Iterator[Json]:
        """A card that looks like a real one says its value first, then what it is."""
        eyebrow = self._text(card.eyebrow, WHITE, size="xs", weight="bold", maxLines=2)
        title = self._title(card, WHITE, "md")
        hero = self._text(card.hero, WHITE, size="3xl", weight="bold", number=True)
        yield self._beside(eyebrow or title, card.badge)
        yield from _present(hero, title if eyebrow else None)

    def _banner(self, card: Card) -> Json:
        """Good news has its name on colour, above everything else."""
        eyebrow = self._text(card.eyebrow, WHITE, size="xs", maxLines=2)
        title = self._beside(self._title(card, WHITE, "lg"), card.badge)
        return _box(
            _present(eyebrow, title),
            spacing="xs",
            paddingAll=self._padding(),
            background=_gradient("135deg", self.colors.deep, self.colors.accent),
        )

    def _reward(self, card: Card) -> Iterator[Json]:
        yield from _present(self._text(card.hero, INK, size="xl", weight="bold", maxLines=3))

    def _title(self, card: Card, color: str, size: str) -> Json:
        text = shorten(one_line(card.title), self.detail.fact) or BLANK
        return {
            "type": "text",
            "text": text,
            "color": color,
            "size": size,
            "weight": "bold",
            "wrap": True,
            "maxLines": 3,
        }

    def _beside(self, text: Json, badge: Badge | None) -> Json:
        """A text with the badge at its right."""
        pill = _pill(badge)
        return text if pill is None else _box([text, pill], "horizontal", spacing="sm", alignItems="center")

    def _tiles(self, tiles: tuple[Tile, ...]) -> Iterator[Json]:
        tiles = tiles[: self.detail.tiles]
        # Four are two rows of two; all others are rows of three, the last one filled up.
        across = 2 if len(tiles) in {2, 4} else min(3, len(tiles) or 1)
        for some in portions(tiles, across):
            row = [self._tile(tile) for tile in some]
            row += [_box([]) for _ in range(across - len(some))]
            yield _box(row, "horizontal", spacing="sm")

    def _tile(self, tile: Tile) -> Json:
        box = _box(
            _present(
                self._text(
                    one_line(tile.icon) or BLANK,
                    self.colors.accent,
                    size="xxl",
                    weight="bold",
                    number=True,
                    align="center",
                ),
                self._text(tile.label, MUTED, size="xs", align="center", maxLines=2),
            ),
            backgroundColor=self.colors.tint,
            cornerRadius="12px",
            paddingAll="10px",
        )
        action = tap(Button(tile.label, tile.action), self.pack, QUICK_REPLY_LABEL)
        return box | {"action": action} if action else box

    def _rows(self, card: Card, value_color: str, label_color: str) -> Iterator[Json]:
        rows = card.rows if _priced(card) or card.beside is None else (card.beside, *card.rows)
        rows = rows[: self.detail.rows]
        # White on the brand leaves no second colour that can be read: what counts there is bold.
        heavy: Json = {"weight": "bold"} if value_color == label_color else {}
        widths = [_width(row.label[:20]) for row in rows]
        share = 3 if max(widths, default=0) <= 8 else 4 if max(widths, default=0) <= 12 else 5
        long = sum(width > LABEL for width in widths)
        size = "xs" if self.carousel else "sm"
        for row in rows:
            label = self._text(row.label, label_color, size=size)
            value = self._text(row.value, value_color, size=size, **heavy)
            if label and row.tone:
                label = self._dotted(label, row.tone)
            if not (label and value):
                yield from _present(label, value)
            elif long * 2 >= len(rows):
                yield _box([label | {"size": "xs"}, value], margin="md")
            else:
                yield _box([label | {"flex": share}, value | {"flex": 10 - share}], "baseline", spacing="sm")

    def _dotted(self, label: Json, tone: Tone) -> Json:
        """A label after a dot, in one piece: values keep their place beside labels without one."""
        dot = {"type": "span", "text": "● ", "color": TONES[tone][0]}
        name = {"type": "span", "text": label["text"], "color": label["color"]}
        return {key: value for key, value in label.items() if key not in ("text", "color")} | {"contents": [dot, name]}

    def _receipt(self, receipt: Row | None) -> Iterator[Json]:
        """Set apart, and large enough to be read to somebody at the counter."""
        if receipt is None:
            return
        label = self._text(receipt.label, MUTED, size="xs", gravity="center", flex=2)
        value = self._text(receipt.value, INK, size="lg", weight="bold", align="end", flex=5)
        parts = _present(label, value)
        if parts:
            yield _box(
                parts,
                "horizontal",
                spacing="sm",
                margin="md",
                backgroundColor=self.colors.tint,
                cornerRadius="8px",
                paddingAll="10px",
            )

    def _footer(self, card: Card) -> Json | None:
        buttons: list[Json] = _present(self._instead(card.instead))
        style, color = {
            "value": ("link", self.colors.accent),
            "quiet": ("secondary", HAIRLINE),
        }.get(card.look, ("primary", self.colors.accent))
        for choice in card.buttons[:BUTTONS]:
            if action := tap(choice, self.pack, BUTTON_LABEL):
                if buttons:
                    style, color = "link", self.colors.accent
                buttons.append(
                    {
                        "type": "button",
                        "style": style,
                        "height": "sm",
                        "color": color,
                        "adjustMode": "shrink-to-fit",
                        "action": action,
                    }
                )
        if not buttons:
            return None
        if card.look == "value":
            return _box(buttons, paddingAll="6px")
        # A link brings room of its own.
        below = "8px" if style == "link" else self._padding()
        return _box(buttons, spacing="xs", paddingAll=self._padding(), paddingTop="0px", paddingBottom=below)

    def _instead(self, why: str) -> Json | None:
        """In a button's place and of its size, and nothing to tap."""
        color, background = TONES["old"]
        text = self._text(why, color, size="sm", number=True, align="center")
        return text and _box(
            [text], height="40px", justifyContent="center", backgroundColor=background, cornerRadius="8px"
        )

    def _text(
        self, value: str, color: str, *, prose: bool = False, number: bool = False, **more: str | int
    ) -> Json | None:
        """A text that wraps, as Chinese must; numbers keep to one line and shrink. None when empty."""
        text = shorten(clean(value), self.detail.text) if prose else shorten(one_line(value), self.detail.fact)
        if not text:
            return None
        lines: Json = {"adjustMode": "shrink-to-fit"} if number else {"wrap": True}
        return {"type": "text", "text": text, "color": color, **lines, **more}


@lru_cache(maxsize=256)  # A page of a list has thirty of them, and most are the same.
def _pill(badge: Badge | None) -> Json | None:
    """A badge; None without one."""
    word = shorten_label(one_line(badge.word), BADGE) if badge else ""
    if not badge or not word:
        return None
    color, background = TONES[badge.tone]
    return _box(
        [{"type": "text", "text": word, "color": color, "size": "xxs", "weight": "bold", "align": "center"}],
        flex=0,
        backgroundColor=background,
        cornerRadius="20px",
        paddingAll="3px",
        paddingStart="8px",
        paddingEnd="8px",
    )


@lru_cache(maxsize=64)  # As of badges.
def _icon(icon: str, background: str) -> Json | None:
    shown = shorten_label(one_line(icon), 2)
    return _square({"type": "text", "text": shown, "align": "center"}, background) if shown else None


def _square(filling: Json, background: str) -> Json:
    return _box(
        [filling],
        width="36px",
        height="36px",
        flex=0,
        cornerRadius="10px",
        backgroundColor=background,
        justifyContent="center",
    )


def _priced(card: Card) -> bool:
    """Whether what the hero is worth stands beside it, and not among the other facts."""
    return card.beside is not None and bool(one_line(card.hero)) and card.look in {"plain", "quiet"}


def _over(card: Card) -> bool:
    """What is over is grey; its badge says so in words."""
    return card.look == "quiet" or (card.badge is not None and card.badge.tone == "old")


def _box(contents: list[Json], layout: str = "vertical", **more: object) -> Json:
    return {"type": "box", "layout": layout, "contents": contents, **more}


def _gradient(angle: str, start: str, end: str) -> Json:
    return {"type": "linearGradient", "angle": angle, "startColor": start, "endColor": end}


def _present(*parts: Json | None) -> list[Json]:
    return [part for part in parts if part is not None]


@lru_cache(maxsize=1024)
def _width(text: str) -> int:
    """How wide a text is drawn, in Latin letters: Chinese characters count twice."""
    return len(text) if text.isascii() else sum(1 + (unicodedata.east_asian_width(each) in "WF") for each in text)

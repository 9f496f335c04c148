"""A rich menu's picture: tiles with an icon and a label, in the brand's colour. Needs Pillow, which only
`giftdesk menus` loads.

Icons are strokes on a grid of 24 units. Everything is drawn larger than it is shown and then reduced,
which is what makes edges smooth.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from bot.channels.line.colors import INK, WHITE, mixed, palette
from bot.conversation.actions import MENU_TAP, menu_tap
from bot.conversation.messages import Button
from bot.errors import ConfigurationError

FONT = Path(__file__).parent / "font" / "GiftdeskMenu.otf"
Point = tuple[float, float]
Frame = tuple[int, int, int, int]  # left, top, right, bottom, in pixels

GRID = 24.0
STROKE = 1.5  # of the grid
FINER = 4  # times: how much larger things are drawn than shown
COLOURS = 255  # of the finished picture; with more it would be three times as large and look the same

MARGIN, GAP, ROUND = 44, 36, 64  # pixels: around all tiles, between two, of a tile's corners
ICON, DISC, BELOW_DISC = 192, 316, 52
LOW = 560  # a tile that is less high has a smaller icon, by so much:
SMALLER = 0.66
LABEL, SINGLE_LINE, SMALLEST_LABEL = 104, 76, 52  # down to the second, one line each is preferred
PADDING = 60  # at least, on either side of a label


def draw(tiles: Sequence[Button], rows: Sequence[int], size: tuple[int, int], brand_colour: str) -> bytes:
    """The picture as a PNG. rows: how many tiles each row has, from the top. size: width and height in pixels.

    Raises ConfigurationError when a label has a character that the font lacks.
    """
    colors = palette(brand_colour)
    readable = colors.accent == colors.strip
    picture = Image.new("RGB", size, mixed(colors.strip, WHITE, 0.90))
    frames = _frames(rows, size)
    font, labels = _labels([tile.label for tile in tiles], [frame[2] - frame[0] for frame in frames])
    leading = round(font.size * 1.24)
    scale = SMALLER if min(frame[3] - frame[1] for frame in frames) < LOW else 1
    across, icon_size, below = round(DISC * scale), round(ICON * scale), round(BELOW_DISC * scale)
    tallest = across + below + leading * max(map(len, labels))
    for tile, frame, label in zip(tiles, frames, labels, strict=True):
        if tile.keyboard:  # The one thing that most people come for.
            _gradient_tile(picture, frame, colors.accent, colors.deep)
            disc, stroke, words = mixed(colors.accent, WHITE, 0.16), WHITE, WHITE
            fill = mixed(colors.accent, WHITE, 0.40) if readable else mixed(colors.strip, colors.accent, 0.25)
        else:
            _plain_tile(picture, frame, mixed(colors.strip, WHITE, 0.80))
            disc, stroke, words = mixed(colors.strip, WHITE, 0.90), colors.accent, INK
            fill = mixed(colors.strip, WHITE, 0.62)
        centre = (frame[0] + frame[2]) // 2
        top = (frame[1] + frame[3] - tallest) // 2
        _disc(picture, (centre, top + across // 2), across, disc)
        pen = Pen(icon_size, stroke, fill)
        ICONS[menu_tap(tile.action).removeprefix(MENU_TAP)](pen)
        icon = pen.finished()
        picture.paste(icon, (centre - icon_size // 2, top + (across - icon_size) // 2), icon)
        for number, line in enumerate(label):
            middle = top + across + below + leading * number + leading // 2
            ImageDraw.Draw(picture).text((centre, middle), line, words, font, anchor="mm")
    saved = io.BytesIO()
    picture.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(saved, "PNG", optimize=True)
    return saved.getvalue()


def lacking(text: str) -> str:
    """The characters of `text` that the font cannot draw."""
    font = ImageFont.truetype(FONT, 48)
    unknown = bytes(font.getmask("\U0010ffff"))
    return "".join(sign for sign in dict.fromkeys(text) if not sign.isspace() and bytes(font.getmask(sign)) == unknown)


def _frames(rows: Sequence[int], size: tuple[int, int]) -> list[Frame]:
    """Where the tiles are drawn: all of a row of the same width, all rows of the same height."""
    width, height = size
    across = [_spans(count, width) for count in rows]
    down = _spans(len(rows), height)
    return [(left, top, right, bottom) for row, (top, bottom) in zip(across, down, strict=True) for left, right in row]


def _spans(count: int, whole: int) -> list[tuple[int, int]]:
    """The beginnings and ends of `count` equal parts, with the margin around and the gap between them."""
    each = (whole - 2 * MARGIN - (count - 1) * GAP) / count
    starts = [MARGIN + index * (each + GAP) for index in range(count)]
    return [(round(start), round(start + each)) for start in starts]


def _plain_tile(picture: Image.Image, frame: Frame, edge: str) -> None:
    picture.paste(edge, frame, _rounded(frame))
    inner = (frame[0] + 3, frame[1] + 3, frame[2] - 3, frame[3] - 3)
    picture.paste(WHITE, inner, _rounded(inner, ROUND - 3))


def _gradient_tile(picture: Image.Image, frame: Frame, light: str, dark: str) -> None:
    """From the upper left to the lower right."""
    width, height = frame[2] - frame[0], frame[3] - frame[1]
    down = Image.linear_gradient("L").resize((width, height))
    across = Image.linear_gradient("L").rotate(90).resize((width, height))
    shade = Image.blend(down, across, 0.5)
    tile = Image.composite(Image.new("RGB", (width, height), dark), Image.new("RGB", (width, height), light), shade)
    picture.paste(tile, frame[:2], _rounded(frame))


def _rounded(frame: Frame, radius: int = ROUND) -> Image.Image:
    """A mask with smooth round corners, of the frame's size."""
    width, height = frame[2] - frame[0], frame[3] - frame[1]
    mask = Image.new("L", (width * FINER, height * FINER))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, width * FINER - 1, height * FINER - 1), radius * FINER, fill=255)
    return mask.resize((width, height), Image.Resampling.BOX)


def _disc(picture: Image.Image, centre: Point, across: int, colour: str) -> None:
    left, top = int(centre[0]) - across // 2, int(centre[1]) - across // 2
    picture.paste(colour, (left, top, left + across, top + across), _rounded((0, 0, across, across), across // 2))


def _labels(texts: Sequence[str], widths: Sequence[int]) -> tuple[ImageFont.FreeTypeFont, list[list[str]]]:
    """One size of type for all labels, as large as they allow, and each label's lines.

    Raises ConfigurationError when the font lacks a character.
    """
    if missing := lacking("".join(texts)):
        raise ConfigurationError(
            f"The font of the menus' pictures cannot draw {missing}; `make font` renews it (see CONTRIBUTING.md)"
        )
    tries = [(size, 1) for size in range(LABEL, SINGLE_LINE - 1, -4)]
    tries += [(size, 2) for size in range(LABEL, SMALLEST_LABEL - 1, -4)]
    for size, most in tries:
        font = ImageFont.truetype(FONT, size)
        fitted = [_lines(text, most, font, width - 2 * PADDING) for text, width in zip(texts, widths, strict=True)]
        if all(fitted):
            return font, fitted
    return ImageFont.truetype(FONT, SMALLEST_LABEL), [[text] for text in texts]


def _lines(text: str, most: int, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """`text` on one line, else, when `most` is two, on the two that are most alike; nothing when it does not fit."""
    if font.getlength(text) <= width:
        return [text]
    words = text.split()
    halves = [[" ".join(words[:cut]), " ".join(words[cut:])] for cut in range(1, len(words))]
    best = min(halves, key=lambda lines: max(map(font.getlength, lines)), default=[])
    return best if most > 1 and best and max(map(font.getlength, best)) <= width else []


class Pen:
    """Draws an icon of `size` pixels with round strokes of `ink` over shapes of `fill`."""

    def __init__(self, size: int, ink: str, fill: str) -> None:
        self.size = size
        self.ink, self.fill = ink, fill
        self._scale = size * FINER / GRID
        # Transparent ink, not transparent black: reduced edges would otherwise turn grey.
        red, green, blue = (int(ink[start : start + 2], 16) for start in (1, 3, 5))
        self._image = Image.new("RGBA", (size * FINER, size * FINER), (red, green, blue, 0))
        self._drawing = ImageDraw.Draw(self._image)

    def finished(self) -> Image.Image:
        return self._image.resize((self.size, self.size), Image.Resampling.LANCZOS)

    def line(self, *points: Point, width: float = STROKE) -> None:
        """A stroke through points of the grid, round at its ends and corners."""
        thick = width * self._scale
        placed = [(x * self._scale, y * self._scale) for x, y in points]
        for start, end in pairwise(placed):
            self._drawing.line((*start, *end), self.ink, round(thick))
        for x, y in placed:
            self._drawing.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), self.ink)

    def curve(self, *points: Point) -> None:
        """A Bézier stroke: a start, then two handles and an end for each piece."""
        self.line(*bezier(*points))

    def shape(self, *points: Point, fill: str | None = None) -> None:
        """A filled outline."""
        placed = [(x * self._scale, y * self._scale) for x, y in points]
        self._drawing.polygon(placed, fill or self.fill)

    def outline(self, *points: Point) -> None:
        """A filled shape with a stroke around it."""
        self.shape(*points)
        self.line(*points, points[0])

    def box(self, left: float, top: float, right: float, bottom: float, radius: float = 0.0) -> None:
        """A filled rectangle with a stroke around it."""
        placed = tuple(at * self._scale for at in (left, top, right, bottom))
        half = STROKE / 2 * self._scale
        outer = (placed[0] - half, placed[1] - half, placed[2] + half, placed[3] + half)
        inner = (placed[0] + half, placed[1] + half, placed[2] - half, placed[3] - half)
        rounding = radius * self._scale
        self._drawing.rounded_rectangle(outer, rounding + half, self.ink)
        self._drawing.rounded_rectangle(inner, max(rounding - half, 0), self.fill)

    def dot(self, x: float, y: float, radius: float) -> None:
        placed = tuple(at * self._scale for at in (x - radius, y - radius, x + radius, y + radius))
        self._drawing.ellipse(placed, self.ink)

    def ring(self, x: float, y: float, across: float, down: float, *, filled: bool = False) -> None:
        """An ellipse by its two radii."""
        if filled:
            placed = tuple(at * self._scale for at in (x - across, y - down, x + across, y + down))
            self._drawing.ellipse(placed, self.fill)
        k = 0.5523  # of the radius: the handles that make a quarter of a circle
        self.curve(
            (x + across, y),
            *((x + across, y + k * down), (x + k * across, y + down), (x, y + down)),
            *((x - k * across, y + down), (x - across, y + k * down), (x - across, y)),
            *((x - across, y - k * down), (x - k * across, y - down), (x, y - down)),
            *((x + k * across, y - down), (x + across, y - k * down), (x + across, y)),
        )


def bezier(start: Point, *rest: Point) -> list[Point]:
    """The points along a row of cubic Bézier curves."""
    points = [start]
    for first, second, end in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        begin = points[-1]
        for step in range(1, 25):
            t = step / 24
            u = 1 - t
            weights = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
            corners = (begin, first, second, end)
            points.append(
                (
                    sum(w * x for w, (x, _) in zip(weights, corners, strict=True)),
                    sum(w * y for w, (_, y) in zip(weights, corners, strict=True)),
                )
            )
    return points


def _gift(pen: Pen) -> None:
    pen.box(4.2, 11, 19.8, 21, 1.2)
    pen.box(2.6, 7, 21.4, 11, 1.0)
    pen.line((12, 7), (12, 21))
    pen.curve(
        (12, 7), (8.4, 7), (5.9, 6.2), (5.9, 4.4), (5.9, 2.4), (8.6, 1.7), (10.0, 3.1), (11.2, 4.3), (12, 7), (12, 7)
    )
    pen.curve(
        (12, 7),
        (15.6, 7),
        (18.1, 6.2),
        (18.1, 4.4),
        (18.1, 2.4),
        (15.4, 1.7),
        (14.0, 3.1),
        (12.8, 4.3),
        (12, 7),
        (12, 7),
    )


def _code(pen: Pen) -> None:
    """A field somebody is typing into, and a spark."""
    pen.box(1.2, 8.6, 22.8, 20.2, 2.8)
    for x in (5.8, 9.7, 13.6):
        pen.dot(x, 14.4, 1.25)
    pen.line((18.1, 11.8), (18.1, 17.0))
    x, y, ray = 18.8, 3.4, 3.3
    pen.shape(
        *bezier(
            (x, y - ray),
            *((x + 0.5, y - 0.9), (x + 0.9, y - 0.5), (x + ray, y)),
            *((x + 0.9, y + 0.5), (x + 0.5, y + 0.9), (x, y + ray)),
            *((x - 0.5, y + 0.9), (x - 0.9, y + 0.5), (x - ray, y)),
            *((x - 0.9, y - 0.5), (x - 0.5, y - 0.9), (x, y - ray)),
        ),
        fill=pen.ink,
    )


def _voucher(pen: Pen) -> None:
    """A ticket with a notch on either side."""
    notch = 2.3
    k = 0.5523 * notch
    left, right, top, bottom, middle = 1.8, 22.2, 5.0, 19.0, 12.0
    outline = [
        (left, top),
        (right, top),
        *bezier(
            (right, middle - notch),
            *((right - k, middle - notch), (right - notch, middle - k), (right - notch, middle)),
            *((right - notch, middle + k), (right - k, middle + notch), (right, middle + notch)),
        ),
        (right, bottom),
        (left, bottom),
        *bezier(
            (left, middle + notch),
            *((left + k, middle + notch), (left + notch, middle + k), (left + notch, middle)),
            *((left + notch, middle - k), (left + k, middle - notch), (left, middle - notch)),
        ),
    ]
    pen.outline(*outline)
    pen.line((14.8, 9.0), (9.2, 15.0))
    pen.dot(9.4, 9.4, 1.25)
    pen.dot(14.6, 14.6, 1.25)


def _card(pen: Pen) -> None:
    pen.box(1.8, 4.8, 22.2, 19.2, 2.4)
    pen.shape((1.8, 8.6), (22.2, 8.6), (22.2, 11.4), (1.8, 11.4), fill=pen.ink)
    pen.line((5.6, 15.4), (10.2, 15.4))
    pen.dot(18.2, 15.4, 1.1)


def _globe(pen: Pen) -> None:
    pen.ring(12, 12, 10, 10, filled=True)
    pen.ring(12, 12, 4.3, 10)
    pen.line((2, 12), (22, 12))
    pen.curve((3.6, 6.8), (8.6, 8.5), (15.4, 8.5), (20.4, 6.8))
    pen.curve((3.6, 17.2), (8.6, 15.5), (15.4, 15.5), (20.4, 17.2))


def _bubble(pen: Pen) -> None:
    """Somebody asks."""
    outline = [
        *bezier((5.4, 3), (3.2, 3), (1.8, 4.4), (1.8, 6.6)),
        *bezier((1.8, 14.2), (1.8, 16.4), (3.2, 17.8), (5.4, 17.8)),
        (6.6, 17.8),
        (6.6, 22.2),
        (11.6, 17.8),
        *bezier((18.6, 17.8), (20.8, 17.8), (22.2, 16.4), (22.2, 14.2)),
        *bezier((22.2, 6.6), (22.2, 4.4), (20.8, 3), (18.6, 3)),
    ]
    pen.outline(*outline)
    pen.curve(
        *((9.3, 8.0), (9.3, 6.2), (10.5, 5.5), (12.0, 5.5)),
        *((13.6, 5.5), (14.7, 6.4), (14.7, 7.8)),
        *((14.7, 9.6), (12.0, 9.5), (12.0, 11.7)),
    )
    pen.dot(12, 14.6, 1.05)


def _magnifier(pen: Pen) -> None:
    pen.ring(10.2, 10.2, 7.4, 7.4, filled=True)
    pen.line((15.6, 15.6), (21.6, 21.6), width=2.2)
    pen.ring(10.2, 8.4, 2.2, 2.2)
    pen.curve((6.2, 14.0), (6.8, 11.6), (13.6, 11.6), (14.2, 14.0))


def _bars(pen: Pen) -> None:
    pen.box(3.0, 13.0, 7.4, 20.4, 1.0)
    pen.box(9.8, 8.4, 14.2, 20.4, 1.0)
    pen.box(16.6, 3.4, 21.0, 20.4, 1.0)


def _phone(pen: Pen) -> None:
    pen.box(6.0, 1.8, 18.0, 22.2, 2.4)
    pen.line((10.4, 4.8), (13.6, 4.8), width=1.2)
    pen.line((8.8, 13.0), (11.0, 15.4), (15.4, 10.0))


def _megaphone(pen: Pen) -> None:
    pen.outline((3.0, 9.2), (8.6, 9.2), (18.4, 4.2), (18.4, 19.0), (8.6, 14.0), (3.0, 14.0))
    pen.line((6.2, 14.2), (7.6, 20.4), (10.2, 20.4), (9.4, 14.6))
    pen.curve((20.8, 8.6), (22.4, 10.2), (22.4, 13.0), (20.8, 14.6))


def _pulse(pen: Pen) -> None:
    """A heartbeat on a screen."""
    pen.box(1.8, 3.6, 22.2, 20.4, 2.6)
    pen.line((4.8, 12.4), (8.2, 12.4), (10.4, 7.6), (13.4, 16.6), (15.4, 12.4), (19.2, 12.4))


def _marker(pen: Pen) -> None:
    """A place on a map: somebody came by."""
    left = ((9.4, 18.6), (4.8, 14.2), (4.8, 9.4), (4.8, 5.2), (8.0, 2.2), (12.0, 2.2))
    right = ((16.0, 2.2), (19.2, 5.2), (19.2, 9.4), (19.2, 14.2), (14.6, 18.6), (12.0, 22.0))
    pen.outline(*bezier((12.0, 22.0), *left, *right))
    pen.ring(12.0, 9.2, 2.7, 2.7)


def _hand(pen: Pen) -> None:
    """A parcel above an open hand."""
    pen.box(7.6, 2.2, 17.6, 10.4, 1.2)
    pen.line((12.6, 2.2), (12.6, 6.0))
    pen.outline(
        (1.8, 15.2),
        *bezier((4.6, 13.4), (6.6, 13.2), (8.4, 14.4), (9.6, 15.2)),
        (13.4, 15.2),
        *bezier((13.4, 15.2), (15.0, 15.2), (15.0, 17.6), (13.4, 17.6)),
        (16.0, 17.6),
        *bezier((16.0, 17.6), (18.0, 16.6), (19.6, 15.4), (21.0, 14.6)),
        *bezier((21.0, 14.6), (22.6, 13.9), (23.4, 15.5), (22.2, 16.5)),
        *bezier((22.2, 16.5), (19.6, 18.8), (17.6, 21.4), (15.0, 21.4)),
        (1.8, 21.4),
    )


def _list(pen: Pen) -> None:
    pen.box(3.0, 2.6, 21.0, 21.4, 2.4)
    for y in (7.6, 12.0, 16.4):
        pen.dot(7.2, y, 1.0)
        pen.line((10.4, y), (17.2, y))


ICONS: dict[str, Callable[[Pen], None]] = {
    "gifts": _gift,
    "redeem": _code,
    "vouchers": _voucher,
    "cards": _card,
    "language": _globe,
    "help": _bubble,
    "staff-find": _magnifier,
    "staff-today": _bars,
    "staff-give": _voucher,
    "staff-hand": _hand,
    "staff-link": _phone,
    "staff-code": _code,
    "staff-campaigns": _megaphone,
    "staff-state": _pulse,
    "staff-visit": _marker,
    "staff-commands": _list,
}

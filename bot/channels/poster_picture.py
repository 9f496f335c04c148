"""A QR code for print: in the brand's colour where that is dark enough, with what it is for in plain text below.

Needs segno and Pillow, which the web process loads with the first one that somebody fetches.
"""

from __future__ import annotations

import io

import segno
from PIL import Image, ImageDraw, ImageFont

from bot.channels.entrances import entrances
from bot.channels.line.colors import INK, MUTED, WHITE, palette
from bot.channels.line.picture import FONT
from bot.channels.qr import BLANK
from bot.config import Settings
from bot.understanding import poster_tokens

SIDE = 1200  # pixels at least, which are ten centimetres at DPI
DPI = 300
SHARE = 0.085  # of the width: how tall the first line is


def pictures(settings: Settings, token: str, says: str, code: str) -> dict[str, tuple[str, bytes]]:
    """A poster's link and picture for each way into our chats, by its kind. says, code: see `Poster`."""
    typed, ref = poster_tokens.typed(says, token), poster_tokens.ref(token)
    found = {}
    for each in entrances(settings):
        if each.account:
            link = each.link(typed, ref)
            below = each.account if each.kind == "friend" else code
            found[each.kind] = link, draw(link, (below, each.title), settings.brand_color)
    return found


def draw(link: str, lines: tuple[str, ...], brand_colour: str) -> bytes:
    """The picture as a PNG, dark on white: never light on dark, which many cameras do not read.

    lines: the first one large. What our font has no letters for is left out.
    """
    code = segno.make_qr(link, error="q")  # It is read with a quarter of it damaged: posters hang outside.
    modules = code.symbol_size(border=BLANK)[0]
    scale = -(-SIDE // modules)
    drawn = io.BytesIO()
    code.save(drawn, kind="png", scale=scale, border=BLANK, dark=palette(brand_colour).accent, light=WHITE)
    square = Image.open(drawn).convert("RGB")
    said = [line for line in lines if line and line.isascii() and line.isprintable()]
    tall = round(square.width * SHARE)
    picture = Image.new("RGB", (square.width, square.height + tall * (len(said) + 1)), WHITE)
    picture.paste(square)
    pen, top = ImageDraw.Draw(picture), square.height
    for number, line in enumerate(said):
        size = tall if number == 0 else tall // 2
        widest = square.width - 2 * BLANK * scale
        font = ImageFont.truetype(FONT, size)
        if (width := pen.textlength(line, font)) > widest:
            font = ImageFont.truetype(FONT, int(size * widest / width))
        pen.text((square.width / 2, top), line, MUTED if number else INK, font, anchor="ma")
        top += int(size * 1.3)
    saved = io.BytesIO()
    picture.quantize(16, dither=Image.Dither.NONE).save(saved, "PNG", optimize=True, dpi=(DPI, DPI))
    return saved.getvalue()

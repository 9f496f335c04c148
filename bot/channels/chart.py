"""A chart's picture: a bar for each day, in the brand's colour, with digits only, so that it reads in any language.

Needs Pillow, which the web process loads with the first chart that somebody looks at.
"""

from __future__ import annotations

import io
from datetime import timedelta

from PIL import Image, ImageDraw, ImageFont

from bot.channels.line.colors import INK, MUTED, WHITE, mixed, palette
from bot.channels.line.picture import FONT
from bot.storage.chart_links import Chart

SIZE = (1040, 520)  # pixels; 2:1, as LINE's cards show a picture, and nearly what Messenger's do
LEFT, RIGHT, TOP, BOTTOM = 48, 48, 92, 84  # around the bars; the platforms may cut a little off
FINER = 3
GAP = 0.32  # of a day's width
FEW = 10  # days that have room for their own number and date
EVERY = 5  # of many days, so many apart have their date


def draw(chart: Chart, brand_colour: str) -> bytes:
    """The picture as a PNG."""
    colors = palette(brand_colour)
    width, height = (side * FINER for side in SIZE)
    picture = Image.new("RGB", (width, height), WHITE)
    pen = ImageDraw.Draw(picture)
    few = len(chart.numbers) <= FEW
    left, right, top, floor = LEFT * FINER, width - RIGHT * FINER, TOP * FINER, height - BOTTOM * FINER
    each, most = (right - left) / len(chart.numbers), max(*chart.numbers, 1)
    large, small = (ImageFont.truetype(FONT, size * FINER) for size in ((40, 30) if few else (34, 26)))
    pen.line((left, floor, right, floor), mixed(colors.strip, WHITE, 0.6), 2 * FINER)
    highest = chart.numbers.index(max(chart.numbers))
    for at, number in enumerate(chart.numbers):
        today = at == len(chart.numbers) - 1
        start, end = left + each * (at + GAP / 2), left + each * (at + 1 - GAP / 2)
        middle, tip = (start + end) / 2, floor - round((floor - top) * number / most)
        fill = mixed(colors.strip, WHITE, 0.5) if today else colors.accent
        if number:
            pen.rounded_rectangle(
                (start, tip, end, floor), min(10 * FINER, (end - start) / 3), fill, corners=(True, True, False, False)
            )
        if few or at == highest:
            pen.text((middle, tip - 8 * FINER), f"{number:,}", INK, large, anchor="ms")
        if few or (len(chart.numbers) - 1 - at) % EVERY == 0:
            day = chart.first + timedelta(days=at)
            pen.text((middle, floor + 18 * FINER), f"{day.month}/{day.day}", MUTED, small, anchor="mt")
    saved = io.BytesIO()
    shown = picture.resize(SIZE, Image.Resampling.BOX)
    shown.quantize(64, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(saved, "PNG", optimize=True)
    return saved.getvalue()

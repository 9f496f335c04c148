"""Renews the font of the menus' pictures (`make font`): a part of Noto Sans CJK, just what the labels need.

Needs fonttools, a development dependency, and Noto Sans CJK Bold on this machine (Debian: fonts-noto-cjk).
"""

from __future__ import annotations

import string
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont

from bot.channels.line.picture import FONT
from bot.conversation.context import Brand
from bot.i18n import Translator, load_translators
from bot.staff.routes import StaffRoutes
from handlers.admin import STAFF_ROUTERS
from handlers.views.start import topics

SOURCE = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc")
FAMILY = "Noto Sans CJK TC"  # Han characters as they are drawn in Taiwan.
OURS = "Giftdesk Menu"  # The licence reserves the original's name for the original.
EVERYTHING = Brand("", "", redeems=True, shows_gifts=True, shows_vouchers=True, shows_cards=True, counts_visits=True)


def labels(translators: dict[str, Translator]) -> dict[str, list[str]]:
    """What stands on the menus' tiles, all vendors on, by language."""
    tiles = StaffRoutes(STAFF_ROUTERS, ()).tiles
    return {
        tag: [*(button.label for button in topics(_, EVERYTHING)), *(_(tile.label) for tile in tiles)]
        for tag, _ in translators.items()
    }


def renew(source: Path = SOURCE, target: Path = FONT) -> int:
    """Write the part of `source` that the labels of all languages need; returns its size in bytes."""
    fonts: list[TTFont] = TTCollection(source, lazy=True).fonts
    font = next(each for each in fonts if each["name"].getDebugName(1) == FAMILY)
    texts = [text for each in labels(load_translators(ZoneInfo("UTC"))).values() for text in each]
    options = subset.Options(
        hinting=False, layout_features=["kern"], name_IDs=[0, 5, 7, 9, 11, 13, 14], glyph_names=False
    )
    options.drop_tables += ["BASE", "DSIG", "GSUB", "VORG", "vhea", "vmtx"]  # For writing downwards, and for editors.
    part = subset.Subsetter(options)
    part.populate(text=string.printable.strip() + " " + "".join(texts))
    part.subset(font)
    compact = OURS.replace(" ", "") + "-Bold"
    names = font["name"]
    for number, text in ((1, OURS), (2, "Bold"), (4, f"{OURS} Bold"), (6, compact)):
        names.setName(text, number, 3, 1, 0x409)
    font["CFF "].cff.fontNames = [compact]
    font["head"].modified = font["head"].created  # The same labels give the same file.
    font.recalcTimestamp = False
    font.save(target)
    return target.stat().st_size


if __name__ == "__main__":
    if not (source := Path(sys.argv[1]) if sys.argv[1:] else SOURCE).exists():
        sys.exit(f"{source} is not there: install Debian's fonts-noto-cjk, or name it with make font FROM=…")
    print(f"{FONT}: {renew(source) // 1024} kB")  # noqa: T201 - what this command is for

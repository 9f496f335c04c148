"""Simplified and Hong Kong characters read as Traditional ones: our table beside OpenCC's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opencc import OpenCC

from bot.understanding.reading import fold
from bot.understanding.variants import VARIANTS

OURS = {"奬": "獎", "妳": "你", "臺": "台", "幺": "麼"}
"""What OpenCC keeps apart: rare twins, a pronoun, and what Taiwan mostly writes in the short form."""


@pytest.fixture(scope="module")
def converters() -> dict[str, OpenCC]:
    """Simplified, Hong Kong's and other Traditional characters as Taiwan writes them."""
    return {name: OpenCC(name) for name in ("s2tw", "t2tw", "hk2t")}


def simplified() -> Iterator[str]:
    """The characters of the mainland's first standard, which nearly all texts are written with."""
    for row in range(0xB0, 0xF8):
        for column in range(0xA1, 0xFF):
            try:
                yield bytes([row, column]).decode("gb2312")
            except UnicodeDecodeError:
                continue


def test_each_character_is_read_as_opencc_converts_it(converters: dict[str, OpenCC]) -> None:
    """And what it is read as is not read as something else again."""
    table = {chr(written): chr(read) for written, read in VARIANTS.items()}
    for written, read in table.items():
        allowed = {converter.convert(written) for converter in converters.values()}
        allowed.add(converters["t2tw"].convert(converters["hk2t"].convert(written)))
        assert read in allowed or OURS.get(written) == read, (written, read, allowed)
        assert read not in table


def test_every_usual_simplified_character_is_known(converters: dict[str, OpenCC]) -> None:
    """None of some seven thousand is missing."""
    unread = {}
    for written in simplified():
        wanted = converters["s2tw"].convert(written)
        if wanted != written and fold(written) == written and wanted not in OURS:
            unread[written] = wanted
    assert unread == {}

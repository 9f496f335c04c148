"""What LINE marks in a text as no text: its own emoji and mentions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bot.channels import Json
from bot.channels.limits import record, records

BLANK = " "


def marked(message: Json) -> Iterator[tuple[Any, Any]]:
    """Where a text message's emoji and mentions stand: begin and length, as LINE sends them.

    https://developers.line.biz/en/reference/messaging-api/#wh-text counts in UTF-16 code units.
    """
    for span in (*records(message.get("emojis")), *records(record(message.get("mention")).get("mentionees"))):
        yield span.get("index"), span.get("length")


def without_spans(text: str, spans: Iterable[tuple[Any, Any]]) -> str:
    """`text` with a blank in place of each span (begin and length in UTF-16 code units).

    What is no span of this text changes nothing; a character of two units goes as a whole. Spans that touch or overlap
    leave one blank.
    """
    ends = sorted(
        (begin, begin + length) for begin, length in spans if _is_count(begin) and _is_count(length) and length > 0
    )
    kept: list[str] = []
    cut = False
    at = nearest = 0  # units before the character; the span that may hold it
    for character in text if ends else ():
        after = at + (2 if ord(character) > 0xFFFF else 1)
        while nearest < len(ends) and ends[nearest][1] <= at:
            nearest += 1
        within = nearest < len(ends) and ends[nearest][0] < after
        if not within:
            kept.append(character)
        elif not cut:
            kept.append(BLANK)
        cut, at = within, after
    return "".join(kept) if ends else text


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0

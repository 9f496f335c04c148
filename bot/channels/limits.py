"""Keeping what goes out and what comes in within bounds: text cleaned, measured and cut, addresses
checked, JSON read leniently. Shared by all channels, pure.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import orjson
import regex

from bot.channels import Json, Malformed

ELLIPSIS = "…"
BLANK = "–"  # Said where a platform wants some text and there is none.

_CLUSTER = regex.compile(r"\X")
_NEAR = re.compile(r"http://(127\.0\.0\.1|localhost)(:[0-9]{1,5})?/[A-Za-z0-9_./-]*")
_VISIBLE = regex.compile(r"[^\s\p{Cc}\p{Cf}\p{Cs}\p{M}]")
_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Controls, lone surrogates, the BOM, and the marks that could make a text read in another order than
# it was written in. Zero-width joiners stay: families and flags are made with them.
_UNWANTED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")


def clean(text: str) -> str:
    """`text` without what no platform should be sent; empty when nothing visible is left."""
    if not text.isprintable():
        text = _UNWANTED.sub("", _LINE_BREAK.sub("\n", text).replace("\t", " "))
    return text.strip() if _VISIBLE.search(text) else ""


def one_line(text: str) -> str:
    """Clean, with every run of spaces and line breaks as one space."""
    return _short_line(text) if len(text) <= _SHORT else " ".join(clean(text).split())


_SHORT = 100


@lru_cache(maxsize=4096)  # Labels, dates and the names of a campaign's gifts: most were there a moment ago.
def _short_line(text: str) -> str:
    return " ".join(clean(text).split())


@dataclass(frozen=True, slots=True)
class Measure:
    """How a platform counts a text. width: bytes of one unit in `encoding`; most: units of one character."""

    encoding: str
    width: int
    most: int

    def of(self, text: str) -> int:
        """How long a text is."""
        return len(text) if text.isascii() else len(text.encode(self.encoding, "surrogatepass")) // self.width


UTF16 = Measure("utf-16-le", width=2, most=2)
BYTES = Measure("utf-8", width=1, most=4)


def utf16(text: str) -> int:
    """How long a text is in UTF-16 code units, which is how LINE and JavaScript count."""
    return UTF16.of(text)


def graphemes(text: str) -> int:
    """How long a text is in what people call characters."""
    return len(text) if text.isascii() else len(_CLUSTER.findall(text))


def shorten(text: str, units: int, measure: Measure = UTF16) -> str:
    """At most `units` of a measure, cut between graphemes and with an ellipsis."""
    if not _is_longer(text, units, measure):
        return text
    return _head(text, units - measure.of(ELLIPSIS), measure).rstrip() + ELLIPSIS


def _is_longer(text: str, units: int, measure: Measure) -> bool:
    """Whether it is longer than `units`; a text that surely is, or is not, is not counted."""
    return len(text) > units or (measure.most * len(text) > units and measure.of(text) > units)


def shorten_label(text: str, limit: int) -> str:
    """At most `limit` graphemes, and never more than twice as many UTF-16 units: one grapheme can be
    made of hundreds.
    """
    if len(text) <= limit:
        return text
    most = 2 * limit
    if len(text) <= most and graphemes(text) <= limit and utf16(text) <= most:
        return text
    # One more than can be kept, so that the cut is seen; endless texts are not read to their end.
    head = "".join(_CLUSTER.findall(text[: most + 1])[: limit - 1])
    return (head if utf16(head) < most else _head(head, most - 1, UTF16)).rstrip() + ELLIPSIS


def pieces(text: str, units: int, measure: Measure = UTF16) -> list[str]:
    """`text` in parts of at most `units` of a measure, broken at lines or words where it can be."""
    found = []
    while _is_longer(text, units, measure):
        # A cluster longer than a whole part is no writing; it is cut anywhere.
        head = _head(text, units, measure) or text[: units // measure.most]
        end = len(head)
        for gap in "\n", " ":
            at = head.rfind(gap)
            if at >= end // 2:
                head = head[:at]
                break
        found.append(head.rstrip())
        text = text[len(head) :].lstrip()
    return [part for part in (*found, text) if part]


Item = TypeVar("Item")


def portions(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """`items` in runs of at most `size`."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def _head(text: str, units: int, measure: Measure) -> str:
    """The longest beginning of whole graphemes that is at most `units` long; `text` is longer."""
    start = text[:units].encode(measure.encoding, "surrogatepass")[: measure.width * units]
    fitting = start.decode(measure.encoding, "ignore")
    # With one character more, the last grapheme is either all of what does not fit, or cut by it.
    more = text[: len(fitting) + 1]
    return fitting if more.isascii() else "".join(_CLUSTER.findall(more)[:-1])


_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
_TELEPHONE = re.compile(r"tel:\+?[0-9][0-9-]{1,30}")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@lru_cache(maxsize=4096)
def address(url: str, limit: int) -> str | None:
    """`url` percent-encoded, when it is https and fits; None otherwise."""
    if _UNWANTED.search(url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url.strip())
        if parts.scheme != "https" or not parts.hostname:
            return None
        host = parts.netloc.lower()
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        return None
    if not _HOST.fullmatch(host) or ".." in host:
        return None
    path, query, fragment = (
        quote(_LONE_PERCENT.sub("%25", part), safe="/%:@!$&'()*+,;=~-._?")
        for part in (parts.path, parts.query, parts.fragment)
    )
    found = f"https://{host}{path}" + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")
    return found if len(found) <= limit else None


def picture(url: str, limit: int) -> str | None:
    """The address of one of our own pictures: as `address` has it, or on this machine, where only a stand-in of a
    platform fetches it (`pictures_at`)."""
    return url if len(url) <= limit and _NEAR.fullmatch(url) else address(url, limit)


def telephone(url: str) -> str | None:
    """A `tel:` address, when it is one."""
    return url if _TELEPHONE.fullmatch(url) else None


def read_json(body: bytes) -> Json:
    """A webhook's body as an object. Raises Malformed.

    A lone surrogate or NUL inside one customer's text must not cost the others their events, and no
    database takes them: both are left out.
    """
    try:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            value = _storable(json.loads(body.decode("utf-8", "replace")))
        else:
            value = _storable(value) if b"\\u0000" in body else value
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    if not isinstance(value, dict):
        raise Malformed("not an object")
    return value


def _storable(value: Any) -> Any:
    match value:
        case str():
            return _UNSTORABLE.sub("", value)
        case list():
            return [_storable(item) for item in value]
        case dict():
            return {_storable(key): _storable(item) for key, item in value.items()}
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def record(value: Any) -> Json:
    """`value` when it is an object; an empty one otherwise."""
    return value if isinstance(value, dict) else {}


def records(value: Any) -> list[Json]:
    """The objects in `value` when it is a list; none otherwise."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def word(value: Any) -> str | None:
    """`value` when it is a string that says something, or a number as platforms sometimes send ids."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def moment(timestamp: Any) -> datetime:
    """A platform's timestamp, in milliseconds or, as in Meta's own sample of a postback, in seconds.

    Absent or unreadable ones count as now, so that no answer is withheld as too late; so do those of before there
    was any platform. This is the only clock in parsing.
    """
    try:
        if not isinstance(timestamp, bool):
            number = int(timestamp)
            read = datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS else number, UTC)
            if read >= _BEFORE_ANY_PLATFORM:
                return read
    except (TypeError, ValueError, OverflowError, OSError):
        pass
    return datetime.now(UTC)


_MILLISECONDS = 10**11  # As seconds this is the year 5138, as milliseconds 1973.
_BEFORE_ANY_PLATFORM = datetime(2010, 1, 1, tzinfo=UTC)


def fingerprint(event: Json) -> str:
    """The same for the same event, whatever the order of its properties."""
    try:
        canonical = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # Nested or numbered beyond what any platform sends: its plain properties will do.
        plain = sorted((key, value) for key, value in event.items() if isinstance(value, str | int))
        canonical = repr(plain).encode("utf-8", "backslashreplace")
    return hashlib.sha256(canonical).hexdigest()

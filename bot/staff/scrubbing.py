"""The trail holds what staff type, without codes, phones and card numbers. Pure."""

from __future__ import annotations

import re
import unicodedata

from bot.staff.arguments import Arguments, Flag, Keyed, said
from bot.staff.lines import quoted
from bot.understanding.codes import masked

_CODE = re.compile(
    r"(?<![A-Za-z0-9-])(?=[A-Za-z0-9-]*\d)(?=[A-Za-z0-9-]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9-]{4,38}[A-Za-z0-9]"
)
_OWN = re.compile(r"(?:[CRAJ]-[0-9A-Z]{1,8}|(?:19|20)\d\d([-/.])\d{1,2}\1\d{1,2})", re.IGNORECASE)
# Only Latin letters and digits end a number: Chinese is written right beside it. A reference of ours is none.
_DIGITS = re.compile(
    r"(?<![A-Za-z0-9])(?<![CRAJcraj]-)\+?\d(?:[ ().\-/\u00b7\u30fb\u2010-\u2015\u2212]{0,2}\d){6,}(?![A-Za-z0-9])"
)


def scrubbed(text: str) -> str:
    """Free text without what the trail must never hold: codes are masked, phones and card numbers taken out."""
    folded = unicodedata.normalize("NFKC", text)
    without = _CODE.sub(lambda found: found[0] if _OWN.fullmatch(found[0]) else masked(found[0]), folded)
    return _DIGITS.sub(lambda found: found[0] if _OWN.fullmatch(found[0]) else "•••", without)


def audited_line(command: str, arguments: Arguments) -> str:
    """The line as the trail holds it."""
    parts = [f"/{command}"]
    for spec, value in said(arguments):
        if isinstance(spec.marker, Flag):
            parts.append(spec.label)
            continue
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        match spec.marker.audited:
            case "never":
                text = "•••"
            case "masked":
                text = ",".join(masked(part) for part in text.split(","))
            case "plain" if isinstance(value, str) and not spec.choices:
                text = scrubbed(text)
        parts.append(f"{spec.name}={quoted(text)}" if isinstance(spec.marker, Keyed) else quoted(text))
    return " ".join(parts)

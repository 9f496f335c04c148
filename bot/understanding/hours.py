"""Opening hours: what the operator wrote, as times of a week that can be asked. Pure.

Public holidays are not known. What cannot be read stays the operator's text, and then nobody knows what is open when.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from bot.i18n import Translator

EXAMPLE = "Mon-Fri 10:00-12:00 13:00-18:00, Sat 10:00-14:00"

_READ_AT_MOST = 500  # characters
_DAY = 24 * 60
_WEEK = 7 * _DAY
_AHEAD = 10  # days; more than a week, so that whatever begins or ends at all does so within them

# Minutes after the midnight that its day begins with; what ends after the next one (18:00–02:00) has an end above _DAY.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Hours:
    """week: what is open on each day, Monday first, in the order of time; at least one span, none over another."""

    week: tuple[tuple[Span, ...], ...]
    zone: ZoneInfo

    def open_at(self, moment: datetime) -> bool:
        """Whether it is open; the minute it closes it is not any more."""
        return any(opens <= moment < closes for opens, closes in self._around(moment))

    def closing(self, moment: datetime) -> datetime | None:
        """Until when it is open. None while it is closed, and when it never closes."""
        for opens, closes in self._around(moment):
            if opens <= moment < closes:
                return closes if closes - moment < timedelta(days=_AHEAD - 2) else None
        return None

    def next_opening(self, moment: datetime) -> datetime | None:
        """When it opens next; while it is open, when it will open again. None when it never closes."""
        return next((opens for opens, _ in self._around(moment) if opens > moment), None)

    def lines(self, _: Translator) -> list[tuple[str, str]]:
        """(days, times) of all days with the same times, in the order of the week: `Mon–Fri`, `10:00–18:00`."""
        same: dict[tuple[Span, ...], list[int]] = {}
        for day, spans in enumerate(self.week):
            if spans:
                same.setdefault(spans, []).append(day)
        return [
            (_days(_, days), _(", ").join(f"{_clock(start)}–{_clock(end)}" for start, end in spans))
            for spans, days in same.items()
        ]

    def shown(self, _: Translator) -> str:
        """The whole week in one line of this language; it can be read again."""
        # Translators: opening hours on some days: Mon–Fri 10:00–18:00
        return _("; ").join(_("%(days)s %(times)s", days=days, times=times) for days, times in self.lines(_))

    def _around(self, moment: datetime) -> list[tuple[datetime, datetime]]:
        """When it opens and closes, from yesterday on. What goes on where another one ends is one."""
        today = moment.astimezone(self.zone).date()
        found: list[tuple[datetime, datetime]] = []
        for opens, closes in sorted(self._spans(today + timedelta(ahead) for ahead in range(-1, _AHEAD))):
            if found and opens <= found[-1][1]:
                found[-1] = (found[-1][0], max(found[-1][1], closes))
            elif opens < closes:  # Not so where it is the hour that summer time leaves out.
                found.append((opens, closes))
        return found

    def _spans(self, days: Iterable[date]) -> Iterator[tuple[datetime, datetime]]:
        for day in days:
            for start, end in self.week[day.weekday()]:
                yield self._moment(day, start), self._moment(day, end)

    def _moment(self, day: date, minutes: int) -> datetime:
        # By the clock on the wall. Compared in UTC, for two moments of one zone are compared by their wall clocks.
        wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
        return wall.replace(tzinfo=self.zone).astimezone(ZoneInfo("UTC"))


def parse(text: str, zone: ZoneInfo) -> Hours | None:
    """The hours in a text such as EXAMPLE, None when it does not say clearly what is open when.

    Days in English or Chinese, then times of 24 hours. Days may be named again with more times, or as closed; two times
    that overlap contradict each other.
    """
    tokens = _tokens(text)
    week: list[list[Span]] = [[] for _ in range(7)]
    closed: set[int] = set()
    while tokens:
        days = _read_days(tokens)
        if tokens and tokens[0] == "closed":
            del tokens[0]
            closed |= days
            spans = []
        elif not (spans := _read_spans(tokens)):
            return None
        if not days:
            return None
        for day in days:
            week[day] += spans
    known = tuple(() if day in closed else tuple(sorted(spans)) for day, spans in enumerate(week))
    return Hours(known, zone) if any(known) and not _overlap(known) else None


def read(text: str, zone: ZoneInfo) -> Hours | str:
    """A setting: its hours, else the text as it is; '' when it is empty."""
    return parse(text, zone) or text.strip()


def said(hours: Hours | str, _: Translator) -> str:
    """Hours in this language; what could not be read as the operator wrote it."""
    return hours if isinstance(hours, str) else hours.shown(_)


_ENGLISH = (
    "mon(?:days?)?",
    "tue(?:s(?:days?)?)?",
    "wed(?:nesdays?)?",
    "thu(?:r(?:s(?:days?)?)?)?",
    "fri(?:days?)?",
    "sat(?:urdays?)?",
    "sun(?:days?)?",
)
_CHINESE = "一二三四五六日"
_DAYS = tuple(
    rf"(?:{english})(?![a-z])|(?:週|周|星期|禮拜|礼拜)?[{chinese}{'天' if chinese == '日' else ''}]"
    for english, chinese in zip(_ENGLISH, _CHINESE, strict=True)
)
_EVERY, _WORKING, _WEEKEND = range(7), range(5), range(5, 7)
_KINDS: tuple[tuple[str, str | range | None], ...] = (
    (r"(?:daily|every ?day)(?![a-z])|每天|每日|天天", _EVERY),
    (r"weekdays?(?![a-z])|平日", _WORKING),
    (r"weekends?(?![a-z])|週末|周末", _WEEKEND),
    *((pattern, range(day, day + 1)) for day, pattern in enumerate(_DAYS)),
    (r"closed(?![a-z])|公休|店休|休息|休", "closed"),
    (r"-|(?:to|through)(?![a-z])|[至到]", "to"),
    (r"[\s,;:、.。/&]|and(?![a-z])|[和及與]", None),
)
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?![0-9])")
_PATTERNS = [(re.compile(pattern), kind) for pattern, kind in _KINDS]
_DASHES = re.compile(r"[‐-―−~〜∼⁓﹘]")

_Token = str | int | range  # "to", "closed"; minutes after midnight; days


def _tokens(text: str) -> list[_Token]:
    """What the text says; nothing at all when a part of it is not understood."""
    folded = _DASHES.sub("-", unicodedata.normalize("NFKC", text)).lower() if len(text) <= _READ_AT_MOST else "?"
    tokens: list[_Token] = []
    place = 0
    while place < len(folded):
        if found := _TIME.match(folded, place):
            hour, minute = int(found[1]), int(found[2])
            if minute > 59 or hour * 60 + minute > _DAY:
                return []
            tokens.append(hour * 60 + minute)
        else:
            for pattern, kind in _PATTERNS:
                if found := pattern.match(folded, place):
                    tokens += [] if kind is None else [kind]
                    break
        if not found:
            return []
        place = found.end()
    return tokens


def _read_days(tokens: list[_Token]) -> set[int]:
    """The days that the tokens begin with, which are taken away; a range may go over the weekend (Wed-Mon)."""
    days: set[int] = set()
    while tokens and isinstance(first := tokens[0], range):
        last = tokens[2] if len(tokens) > 2 and tokens[1] == "to" else None
        if isinstance(last, range) and len(first) == len(last) == 1:
            days |= {(first[0] + step) % 7 for step in range((last[0] - first[0]) % 7 + 1)}
            del tokens[:3]
        else:
            days |= set(first)
            del tokens[0]
    return days


def _read_spans(tokens: list[_Token]) -> list[Span]:
    """The times that the tokens begin with, which are taken away."""
    spans: list[Span] = []
    while len(tokens) > 2 and tokens[1] == "to":
        start, _, end = tokens[:3]
        if not isinstance(start, int) or not isinstance(end, int) or start in (end, _DAY):
            break
        spans.append((start, end if end > start else end + _DAY))
        del tokens[:3]
    return spans


def _overlap(week: tuple[tuple[Span, ...], ...]) -> bool:
    """Whether two spans have a minute in common, the last one of Sunday and the first one of Monday too."""
    spans = sorted((day * _DAY + start, day * _DAY + end) for day, each in enumerate(week) for start, end in each)
    spans.append((spans[0][0] + _WEEK, spans[0][1] + _WEEK))
    return any(one[1] > other[0] for one, other in pairwise(spans))


def _days(_: Translator, days: list[int]) -> str:
    """`Mon–Fri`, `Mon, Wed–Sun`; two days alone are no range."""
    if len(days) == 7:
        # Translators: opening hours: on every day of the week, Daily 10:00–18:00
        return _("Daily")
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    parts: list[str] = []
    for run in runs:
        if len(run) > 2:
            first, last = _.weekday(run[0]), _.weekday(run[-1])
            # Translators: days of the week: Mon–Fri
            parts.append(_("%(first)s–%(last)s", first=first, last=last))
        else:
            parts += map(_.weekday, run)
    return _(", ").join(parts)


def _clock(minutes: int) -> str:
    shown = minutes - _DAY if minutes > _DAY else minutes
    return f"{shown // 60:02}:{shown % 60:02}"

"""Languages: reads `locales/<language>/LC_MESSAGES/messages.po` directly; the folder is the list.

English sentences are the keys. Dates, numbers and plurals follow the locale; date patterns are
messages too, so that a new language is one new catalogue and nothing else.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from babel import Locale
from babel.core import get_global
from babel.dates import format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal

from bot.errors import ConfigurationError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

LOCALES = Path(__file__).parent.parent / "locales"


def N_(msgid: str) -> str:  # noqa: N802 - gettext's own name for "translate later"
    """Mark a text for the catalogues without translating it here."""
    return msgid


class Translator:
    """One language: `_("Hello %(name)s", name=…)`, `_.ngettext(…)`, dates and numbers."""

    def __init__(self, tag: str, catalogue: gettext.NullTranslations, zone: ZoneInfo) -> None:
        self.tag = tag
        self.locale = Locale.parse(tag)
        self.zone = zone
        self._catalogue = catalogue

    def __call__(self, msgid: str, **values: object) -> str:
        """The sentence in this language, with its `%(name)s` filled in."""
        text = self._catalogue.gettext(msgid)
        return text % values if values else text

    def ngettext(self, one: str, many: str, n: int, **values: object) -> str:
        """The sentence in the number this language wants for `n`; `%(n)s` is the number, formatted."""
        return self._catalogue.ngettext(one, many, n) % {"n": self.number(n), **values}

    def number(self, value: int) -> str:
        """1234 as this language writes it."""
        return str(value) if 0 <= value < 1000 else format_decimal(value, locale=self.locale)

    def money(self, value: Decimal | int, currency: str = "") -> str:
        """A sum, exact: NT$1,250, ₫50,000, $680.50; a plain number when its currency is not known.

        currency: an ISO 4217 code or `''`.
        """
        if not currency:
            return str(format_decimal(value, locale=self.locale, decimal_quantization=False))
        pattern = str(self.locale.currency_formats["standard"].pattern)
        if value == int(value):
            pattern = pattern.replace(".00", "")  # Nobody writes NT$1,250.00, although TWD has cents.
        return format_currency(
            value, currency, format=pattern, locale=self.locale, currency_digits=False, decimal_quantization=False
        )

    def date(self, moment: datetime) -> str:
        """The day, without ambiguity: 2026/11/20, 20 Nov 2026."""
        _ = self
        # Translators: a date pattern, see https://unicode.org/reports/tr35/tr35-dates.html
        return self._format(moment, _("d MMM y"))

    def time(self, moment: datetime) -> str:
        """The time of day: 14:32."""
        return self._format(moment, "HH:mm")

    def moment(self, moment: datetime) -> str:
        """Day and time."""
        _ = self
        # Translators: a pattern of date and time
        return self._format(moment, _("d MMM y HH:mm"))

    def day(self, moment: datetime, now: datetime) -> str:
        """The day as people say it: today, tomorrow, else the date."""
        _ = self
        ahead = moment.astimezone(self.zone).date() - now.astimezone(self.zone).date()
        if ahead == timedelta(0):
            return _("today")
        if ahead == timedelta(days=1):
            return _("tomorrow")
        return self.date(moment)

    def soon(self, moment: datetime, now: datetime) -> str:
        """A day of the coming week: today, tomorrow, Monday; the date of one further away."""
        _ = self
        ahead = moment.astimezone(self.zone).date() - now.astimezone(self.zone).date()
        if timedelta(days=1) < ahead < timedelta(days=7):
            # Translators: the pattern of a weekday in a sentence (EEEE is Monday, EEE is Mon):
            # https://unicode.org/reports/tr35/tr35-dates.html
            return self._format(moment, _("EEEE"))
        return self.day(moment, now)

    def weekday(self, number: int) -> str:
        """A day of the week as it stands in tables: Mon, 週一. 0 is Monday."""
        return str(self.locale.days["format"]["abbreviated"][number])

    def _format(self, moment: datetime, pattern: str) -> str:
        return _formatted(moment.replace(second=0, microsecond=0), pattern, self.zone, self.locale)


@lru_cache(maxsize=4096)
def _formatted(moment: datetime, pattern: str, zone: ZoneInfo, locale: Locale) -> str:
    # The same few days appear on every card; Babel's formatting is the dearest part of a list.
    return format_datetime(moment, pattern, tzinfo=zone, locale=locale)


@cache  # They take a quarter of a second to read, and the doctor asks four times.
def load_translators(zone: ZoneInfo, folder: Path = LOCALES) -> dict[str, Translator]:
    """All languages by their folder's name. Raises ConfigurationError when a catalogue is unreadable."""
    translators = {}
    for path in sorted(folder.glob("*/LC_MESSAGES/messages.po")):
        tag = path.parent.parent.name
        try:
            compiled = io.BytesIO()
            with path.open("rb") as file:
                write_mo(compiled, read_po(file, locale=tag, abort_invalid=True))
            compiled.seek(0)
            translators[tag] = Translator(tag, gettext.GNUTranslations(compiled), zone)
        except Exception as error:
            raise ConfigurationError(f"{path} cannot be read: {error}") from error
    if not translators:
        raise ConfigurationError(f"No catalogue found below {folder}")
    return translators


def closest(spelling: str | None, available: Mapping[str, object]) -> str | None:
    """Our language for a platform's spelling (`zh-TW`, `zh_HK`, `en_US`, `ja`), None when it gives none.

    Of several catalogues of one language, script and then territory decide, also those that a spelling leaves out
    (Unicode's likely subtags). Every Chinese reader gets Chinese in whatever script there is, which is kinder than
    English; other languages get their own catalogue when there is one, else English.
    """
    if not spelling:
        return None
    wanted = _subtags(spelling)
    language, script, _ = wanted
    regions = _regions(wanted)
    found = []
    for tag in available:
        known = _subtags(tag)
        if known[0] == language:
            near = regions.index(known[2]) if known[2] in regions else len(regions)
            found.append((known[1] != script, near, tag))
    if found:
        return min(found, key=lambda each: each[:2])[2]
    return "en" if language.isalpha() and "en" in available else None


@lru_cache(maxsize=1024)
def _subtags(spelling: str) -> tuple[str, str, str]:
    """Language, script and territory, those that are left out as they most likely are; `""` where nobody knows."""
    first, *others = spelling.replace("_", "-").split("-")
    script = territory = ""
    for subtag in others:
        if len(subtag) == 4 and subtag.isalpha():
            script = script or subtag.title()
        elif (len(subtag) == 2 and subtag.isalpha()) or (len(subtag) == 3 and subtag.isdigit()):
            territory = territory or subtag.upper()
        elif len(subtag) < 2:
            break  # What follows are extensions.
    # An alias may say more than a language: Serbo-Croatian is Serbian in Latin script.
    language, *more = get_global("language_aliases").get(first.lower(), first.lower()).split("_")
    script = script or "".join(more[:1])
    likely = get_global("likely_subtags")
    for key in (f"{language}_{script}_{territory}", f"{language}_{territory}", f"{language}_{script}", language):
        if "__" not in key and not key.endswith("_") and key in likely:
            _, likely_script, likely_territory = likely[key].split("_")[:3]
            return language, script or likely_script, territory or likely_territory
    return language, script, territory


def _regions(subtags: tuple[str, str, str]) -> list[str]:
    """Whose language its readers take for their own, nearest first: Mexico, Latin America, and in the end Spain."""
    language, script, territory = subtags
    parents = get_global("parent_exceptions")
    regions = []
    while territory and territory not in regions:
        regions.append(territory)
        parent = parents.get(f"{language}_{script}_{territory}") or parents.get(f"{language}_{territory}") or ""
        territory = parent.split("_")[-1] if "_" in parent else ""
    return [*regions, _subtags(f"{language}-{script}" if script else language)[2]]

"""Languages: dates, numbers and plurals as each writes them, and which one somebody gets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ConfigurationError
from bot.i18n import closest, load_translators

TAIPEI = ZoneInfo("Asia/Taipei")
LANGUAGES = load_translators(TAIPEI)
ZH, EN = LANGUAGES["zh_Hant_TW"], LANGUAGES["en"]
EVENING = datetime(2026, 11, 20, 17, 5, 59, tzinfo=UTC)  # 01:05 the next day in Taipei.


def test_days_are_written_without_ambiguity_in_the_brands_zone() -> None:
    """Neither 11/12 nor 12/11 is a date one can read."""
    assert EN.date(EVENING) == "21 Nov 2026"
    assert ZH.date(EVENING) == "2026/11/21"


def test_times_have_no_seconds() -> None:
    """Day and time together, too."""
    assert EN.time(EVENING) == ZH.time(EVENING) == "01:05"
    assert EN.moment(EVENING) == "21 Nov 2026 01:05"
    assert ZH.moment(EVENING) == "2026/11/21 01:05"


@pytest.mark.parametrize(
    ("hours", "en", "zh"),
    [
        (0, "today", "今天"),
        (22, "today", "今天"),
        (23, "tomorrow", "明天"),
        (46, "tomorrow", "明天"),
        (47, "23 Nov 2026", "2026/11/23"),
        (-2, "20 Nov 2026", "2026/11/20"),
    ],
)
def test_near_days_are_words_counted_in_the_brands_zone(hours: int, en: str, zh: str) -> None:
    """Midnight in Taipei decides, not midnight in Greenwich; yesterday is a date."""
    moment = EVENING + timedelta(hours=hours)

    assert EN.day(moment, EVENING) == en
    assert ZH.day(moment, EVENING) == zh


@pytest.mark.parametrize(
    ("value", "written"), [(0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567"), (-1500, "-1,500")]
)
def test_numbers_are_grouped(value: int, written: str) -> None:
    """From a thousand on."""
    assert EN.number(value) == ZH.number(value) == written


@pytest.mark.parametrize(
    ("value", "currency", "en", "zh"),
    [
        (1250, "TWD", "NT$1,250", "$1,250"),
        (Decimal("1250.00"), "TWD", "NT$1,250", "$1,250"),
        (Decimal("680.5"), "TWD", "NT$680.50", "$680.50"),
        (Decimal("1E+3"), "VND", "₫1,000", "₫1,000"),
        (Decimal("0.125"), "KWD", "KWD0.125", "KWD0.125"),
        (Decimal("-3.5"), "USD", "-$3.50", "-US$3.50"),
        (0, "USD", "$0", "US$0"),
        (Decimal("12345.50"), "", "12,345.5", "12,345.5"),
    ],
)
def test_sums_are_exact_and_have_no_needless_cents(value: Decimal | int, currency: str, en: str, zh: str) -> None:
    """A balance is never rounded; where the currency is not known, none is made up."""
    assert (EN.money(value, currency), ZH.money(value, currency)) == (en, zh)


def test_plurals_follow_the_language() -> None:
    """English has two forms, Chinese one."""
    forms = ("%(n)s more", "%(n)s more")
    assert [EN.ngettext("%(n)s coupon", "%(n)s coupons", n) for n in (0, 1, 2, 1000)] == [
        "0 coupons",
        "1 coupon",
        "2 coupons",
        "1,000 coupons",
    ]
    assert [ZH.ngettext(*forms, n) for n in (1, 2, 1000)] == ["還有 1 項", "還有 2 項", "還有 1,000 項"]


def test_a_text_nobody_translated_is_said_in_english() -> None:
    """Rather than not at all."""
    assert ZH("No such text, %(name)s", name="100%") == "No such text, 100%"


def test_a_text_without_values_may_hold_percent_signs() -> None:
    """It is not a format string then."""
    assert EN("100% yours") == "100% yours"


@pytest.mark.parametrize(
    ("spelling", "tag"),
    [
        ("zh-TW", "zh_Hant_TW"),
        ("zh_TW", "zh_Hant_TW"),
        ("zh-Hant", "zh_Hant_TW"),
        ("zh_HK", "zh_Hant_TW"),
        ("zh-CN", "zh_Hant_TW"),
        ("ZH", "zh_Hant_TW"),
        ("en", "en"),
        ("en_US", "en"),
        ("en-GB", "en"),
        ("ja", "en"),
        ("fr_FR", "en"),
        ("th-TH", "en"),
        (None, None),
        ("", None),
        ("??", None),
        ("12", None),
    ],
)
def test_everybody_gets_the_closest_language(spelling: str | None, tag: str | None) -> None:
    """Chinese readers Chinese, others English, and none when the profile says none."""
    assert closest(spelling, LANGUAGES) == tag


def test_a_new_catalogue_is_chosen_for_its_readers() -> None:
    """The folder is the list."""
    assert closest("ja-JP", {**LANGUAGES, "ja": EN}) == "ja"
    assert closest("ja-JP", {"zh_Hant_TW": ZH}) is None


MANY = dict.fromkeys(
    ["zh_Hans", "zh_Hant_TW", "zh_Hant_HK", "pt_BR", "pt_PT", "es_ES", "es_419", "sr_Cyrl", "sr_Latn", "en", "he"]
)
FEWER = dict.fromkeys(["en", "zh_Hans_CN", "zh_Hant_TW", "pt_PT"])


@pytest.mark.parametrize(
    ("spelling", "tag"),
    [
        *((spelling, "zh_Hant_TW") for spelling in ("zh-TW", "zh_TW", "zh-Hant", "zh-Hant-TW", "ZH-tw", "zh-US")),
        *((spelling, "zh_Hant_HK") for spelling in ("zh-HK", "zh_HK", "zh-MO", "zh-Hant-HK", "cmn-Hant-HK")),
        *((spelling, "zh_Hans") for spelling in ("zh-CN", "zh_CN", "zh-SG", "zh-Hans", "zh-Hans-HK", "zh")),
        *((spelling, "pt_BR") for spelling in ("pt", "pt-BR", "pt_BR")),
        *((spelling, "pt_PT") for spelling in ("pt-PT", "pt_PT", "pt-AO", "pt-MO")),
        *((spelling, "es_419") for spelling in ("es-MX", "es-419", "es_AR")),
        *((spelling, "es_ES") for spelling in ("es", "es-ES")),
        *((spelling, "sr_Cyrl") for spelling in ("sr", "sr-RS", "sr-Cyrl-ME")),
        *((spelling, "sr_Latn") for spelling in ("sr-Latn", "sr-ME", "sh")),
        ("iw_IL", "he"),
        ("en-GB", "en"),
        ("ja-JP", "en"),
        ("zh-Hant-u-nu-hans-x-cn", "zh_Hant_TW"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_script_and_territory_choose_among_catalogues_of_one_language(spelling: str, tag: str, turned: bool) -> None:
    """In whatever order the catalogues are found."""
    assert closest(spelling, dict(reversed(MANY.items())) if turned else MANY) == tag


@pytest.mark.parametrize(
    ("spelling", "tag"),
    [
        ("zh-HK", "zh_Hant_TW"),
        ("zh-MO", "zh_Hant_TW"),
        ("zh-SG", "zh_Hans_CN"),
        ("zh-Hans-TW", "zh_Hans_CN"),
        ("zh-Bopo", "zh_Hant_TW"),
        ("pt-BR", "pt_PT"),
    ],
)
def test_the_nearest_catalogue_of_the_language_is_better_than_none(spelling: str, tag: str) -> None:
    """The script is read, the country's words are understood."""
    assert closest(spelling, FEWER) == tag


def test_a_chinese_reader_gets_the_only_chinese_there_is() -> None:
    """Kinder than English, whatever its script."""
    assert closest("zh-TW", {"en": EN, "zh_Hans": ZH}) == "zh_Hans"


@given(st.text())
def test_choosing_a_language_is_total(spelling: str) -> None:
    """Platforms may spell as they like."""
    assert closest(spelling, LANGUAGES) in {*LANGUAGES, None}
    assert closest(spelling, MANY) in {*MANY, None}


@given(st.lists(st.sampled_from(["zh", "Hant", "hans", "TW", "419", "x", "", "und", "sh", "cmn", "1"]), max_size=6))
def test_choosing_a_language_from_odd_parts_is_total(parts: list[str]) -> None:
    """In whatever order they come."""
    assert closest("-".join(parts), MANY) in {*MANY, None}


def test_a_broken_catalogue_stops_the_start_with_its_name(tmp_path: Path) -> None:
    """Not the first customer who reads it."""
    folder = tmp_path / "xx" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_text('msgid "open\nmsgstr broken')

    with pytest.raises(ConfigurationError, match=r"messages\.po"):
        load_translators(TAIPEI, tmp_path)


def test_no_catalogue_at_all_stops_the_start(tmp_path: Path) -> None:
    """And says where it looked."""
    with pytest.raises(ConfigurationError, match=tmp_path.name):
        load_translators(TAIPEI, tmp_path)

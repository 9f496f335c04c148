"""The tolerant readers."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.apis.reading import ShapeError, amount, array, integer, label, mapping, moment, text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        ("05", 5),
        (Decimal("5.0"), 5),
        (Decimal("5.5"), None),
        (Decimal("1E+999999"), None),
        (True, None),
        ("five", None),
        ("٥", None),
        ("9" * 5000, None),
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        (-(2**63), None),
        ("9223372036854775808", None),
        (Decimal("1E+19"), None),
        (None, None),
    ],
)
def test_integer(value: object, number: int | None) -> None:
    assert integer(value) == number


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (" 保溫杯 ", "保溫杯"),
        ("👩\u200d🍳", "👩\u200d🍳"),
        ("a\r\nb\ud800", "a b"),
        (88, "88"),
        (Decimal("0.10"), "0.10"),
        (False, None),
        ("\x00", None),
        ([], None),
    ],
)
def test_text(value: object, shown: str | None) -> None:
    assert text(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("M&amp;M", "M&M"),
        ("Wendy&#39;s &quot;Big&quot; &#x4fdd;溫杯", 'Wendy\'s "Big" 保溫杯'),
        ("&nbsp;Tea&nbsp;Shop ", "Tea Shop"),
        ("&amp;lt;", "&lt;"),
        ("&amp;amp;amp;", "&amp;amp;"),
        (
            "AT&T, R&D; Tea&copy, Spa&regular; &nope; &; &#; &#x;",
            "AT&T, R&D; Tea&copy, Spa&regular; &nope; &; &#; &#x;",
        ),
        ("a&#0;b&#10;c&#xD800;d&#9999999;e", "a\ufffdb c\ufffdd\ufffde"),
        (" 保溫杯 ", "保溫杯"),
        (88, "88"),
        ("&nbsp;", None),
        (None, None),
        (["&amp;"], None),
    ],
)
def test_label(value: object, shown: str | None) -> None:
    """What an HTML form escaped is undone once; what merely looks like it stays."""
    assert label(value) == shown


def test_other_text_is_left_as_it_is() -> None:
    """Codes and ids may hold anything."""
    assert text("A&amp;B") == "A&amp;B"


@pytest.mark.parametrize(
    ("value", "sum_"),
    [
        (9000, Decimal(9000)),
        (Decimal("680.50"), Decimal("680.50")),
        ("1250.5", Decimal("1250.5")),
        ("0", Decimal(0)),
        (-3, Decimal(-3)),
        ("NaN", None),
        ("Infinity", None),
        (Decimal("1E+999999"), None),
        (Decimal("1E-999999"), None),
        ("1,250", None),
        ("1_000", None),
        ("٥", None),
        (True, None),
        (None, None),
        ([1], None),
    ],
)
def test_amount(value: object, sum_: Decimal | None) -> None:
    assert amount(value) == sum_


@pytest.mark.parametrize(
    ("value", "when"),
    [
        ("2024-07-15T10:30:28.700Z", datetime(2024, 7, 15, 10, 30, 28, 700_000, UTC)),
        ("2024-07-15T18:30:28+08:00", datetime(2024, 7, 15, 10, 30, 28, tzinfo=UTC)),
        ("2024-07-15 10:30:28", datetime(2024, 7, 15, 10, 30, 28, tzinfo=UTC)),
        ("0001-01-01T00:00:00+08:00", None),
        ("2024-02-30", None),
        (1721039428, None),
    ],
)
def test_moment(value: object, when: datetime | None) -> None:
    assert moment(value) == when


@pytest.mark.parametrize(
    ("value", "name"),
    [(None, "null"), (True, "a boolean"), (1, "a number"), (Decimal(1), "a number"), ("s3cret", "a string")],
)
def test_a_wrong_shape_is_told_by_type_only(value: object, name: str) -> None:
    with pytest.raises(ShapeError, match=f"^/data is {name} instead of an array$"):
        array(value, "/data")
    with pytest.raises(ShapeError, match=f"^/ is {name} instead of an object$"):
        mapping(value, "")

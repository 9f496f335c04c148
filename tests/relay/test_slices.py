"""What is passed on is what came: cut out of the body, not written anew."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.line import slices

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
EVENT = st.dictionaries(st.text() | st.sampled_from(["replyToken", "deliveryContext"]), JSON, max_size=5)
BODY = st.fixed_dictionaries({"destination": st.text(), "events": st.lists(EVENT | JSON, max_size=4), "x": JSON})


@given(BODY, st.sampled_from([None, 1, 4]), st.booleans())
def test_whatever_a_body_holds(body: dict[str, object], indent: int | None, escaped: bool) -> None:
    """Every object among the events, as it stands there; what is changed of one changes nothing else."""
    written = json.dumps(body, indent=indent, ensure_ascii=escaped)
    events = [event for event in body["events"] if isinstance(event, dict)]  # type: ignore[attr-defined]  # A list.
    found = slices.events_of(written)

    assert [json.loads(each) for each in found] == events and all(each in written for each in found)
    for each, event in zip(found, events, strict=True):
        alone = slices.body_of("U1", each)
        assert json.loads(alone) == {"destination": "U1", "events": [event]}
        repeat = json.loads(slices.as_repeat(alone))["events"][0]
        assert repeat == {**event, "deliveryContext": {"isRedelivery": True}}
        without = json.loads(slices.without_token(alone))["events"][0]
        assert without == {name: value for name, value in event.items() if name != "replyToken"}


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"events": 5}', '{"events": [', '{"events":[' + "[" * 100_000])
def test_what_is_no_body(body: str) -> None:
    """One error, whatever it is."""
    with pytest.raises(ValueError, match=r"no |Expecting"):
        slices.events_of(body)


def test_numbers_and_escapes_stay() -> None:
    """What a parser would change."""
    event = '{ "n":1.50, "big":12345678901234567890123, "e":"\\u00e9\\ud83d", "f":1E5 }'

    assert slices.events_of(f'{{"events":[{event}]}}') == [event]

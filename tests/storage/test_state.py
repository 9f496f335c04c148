"""What `customers.state` holds: the names and shapes in the database stay, whatever Python calls them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import asyncpg
import pytest

from bot.storage import customers, inbox
from bot.storage.state import OFFERS, Key, State

# Written by the version in which `state` was a plain dictionary, while its tests of conversations and staff commands
# ran: a value of each name, and a question of each shape.
RECORDED = json.loads((Path(__file__).parent / "recorded_state.json").read_text("utf-8"))
EVERY_NAME: dict[str, Any] = RECORDED["every name"]
NEWER = {"mood": {"of": "tomorrow"}, "hints": [1, None]}
KEYS = {name: key for name, key in vars(State).items() if isinstance(key, Key)}


def test_each_recorded_name_is_an_attribute() -> None:
    """And there is no other: what we store, an older worker knows."""
    state = State(EVERY_NAME)

    assert set(KEYS) == set(EVERY_NAME)
    assert {name: getattr(state, name) for name in EVERY_NAME} == EVERY_NAME


def test_each_recorded_field_is_in_a_type() -> None:
    """No field is stored that its type does not name, and none is named that nobody stores."""
    recorded: dict[Any, set[str]] = {}
    questions = [("deciding", question) for question in RECORDED["other questions"]]
    for name, value in [*EVERY_NAME.items(), *questions]:
        kind, *_ = get_args(KEYS[name].__orig_class__)  # type: ignore[attr-defined]
        if name == "kept":
            kind = get_args(kind)[1]
        if hasattr(kind, "__total__"):
            recorded.setdefault(kind, set()).update(next(iter(value.values())) if name == "kept" else value)

    assert len(recorded) == 11
    assert {kind: set(kind.__annotations__) for kind in recorded} == recorded


@pytest.mark.parametrize("name", ["every name", "nothing", "a name of tomorrow"])
async def test_what_a_turn_reads_it_writes_back_the_same(tables: asyncpg.Pool, name: str) -> None:
    """Through the statements of a turn; a name, and a field, that only a newer version knows survive."""
    stored = {
        "every name": EVERY_NAME,
        "nothing": {},
        "a name of tomorrow": EVERY_NAME | NEWER | {"asking": EVERY_NAME["asking"] | {"tone": "calm"}},
    }[name]
    now, person = datetime.now(UTC), f"line:a:{name}"
    event = await tables.fetchval(
        "INSERT INTO events (key, channel, chat, state, at, payload) VALUES ($1, 'line', $1, 'new', $2, '{}') "
        "RETURNING id",
        person,
        now,
    )
    added = await customers.add(tables, person, "line", "en", blocked=b"", now=now)
    await tables.execute("UPDATE customers SET state = $2 WHERE id = $1", added.id, stored)
    before = await tables.fetchval("SELECT state::text FROM customers WHERE id = $1", added.id)
    taken = await inbox.begin(tables, event)
    assert taken is not None and taken.customer is not None
    assert [getattr(taken.customer.state, each) for each in KEYS] == [stored.get(each) for each in KEYS]

    assert await inbox.finish(tables, event, taken.customer, now, reply=None)
    assert await tables.fetchval("SELECT state::text FROM customers WHERE id = $1", added.id) == before


@pytest.mark.parametrize("name", list(KEYS))
def test_what_is_removed_leaves_no_null(name: str) -> None:
    state = State(dict(EVERY_NAME))
    setattr(state, name, None)
    setattr(state, name, None)  # What is not there can be removed, too.

    assert state.stored == {each: value for each, value in EVERY_NAME.items() if each != name}
    assert getattr(state, name) is None
    setattr(state, name, EVERY_NAME[name])
    assert state.stored == EVERY_NAME


def test_two_customers_share_nothing() -> None:
    one, other = State(), State()
    one.lost = 1

    assert (one.stored, other.stored) == ({"lost": 1}, {})


def test_offers_are_forgotten_and_nothing_else() -> None:
    state = State(EVERY_NAME | NEWER)
    state.forget_offers()

    assert set(state.stored) == {*EVERY_NAME, *NEWER} - set(OFFERS)


@pytest.mark.parametrize("name", ["sure", "did", "album", "cards"])
def test_what_has_ended_is_dropped(name: str) -> None:
    """Its last moment still counts; the other names are looked at where they are used."""
    until = EVERY_NAME[name]["until"]
    state = State({name: EVERY_NAME[name], "getting": {"until": 0}})
    state.drop_ended(until)
    assert name in state.stored

    state.drop_ended(until + 0.001)
    assert set(state.stored) == {"getting"}

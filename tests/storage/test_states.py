"""States and outcomes: what the tables hold stays, and Python and the statements mean the same by it."""

from __future__ import annotations

import re
from dataclasses import fields
from enum import StrEnum
from pathlib import Path

import pytest

from bot import storage
from bot.channels import Outcome
from bot.storage.arrivals import EventState, RelayState
from bot.storage.asked import IS_OPEN, OPEN
from bot.storage.bulk import CodeState, Counts, JobState
from bot.storage.inbox import EventOutcome
from bot.storage.issues import IssueState
from bot.storage.pushes import PushOutcome
from bot.storage.redemptions import RedemptionState

STORED: dict[type[StrEnum], set[str]] = {
    EventState: {"new", "ready", "parked", "done", "ignored"},
    EventOutcome: {
        *("answered", "silent", "parked", "held", "apologised", "delivered", "unknown", "retry", "late", "unreachable"),
        *("barred", "refused", "undeliverable", "waiting", "pushed later", "collected", "not collected", "deleted"),
        *("unsent", "passed on"),
    },
    RelayState: {"rest", "all", "unread", "due"},
    PushOutcome: {
        *("delivered", "unknown", "retry", "late", "unreachable", "barred", "refused", "outdated", "waiting", "held"),
    },
    IssueState: {"pending", "unknown", "check", "done", "failed"},
    RedemptionState: {"pending", "unknown", "check", "done", "failed"},
    JobState: {"running", "stopping", "stopped", "done"},
    CodeState: {"pending", "unknown", "done", "failed", "deleted", "kept"},
}


@pytest.mark.parametrize("kind", STORED)
def test_what_is_stored_is_as_before(kind: type[StrEnum]) -> None:
    """Rows of years hold these words, and workers of two versions run side by side."""
    assert {member.value for member in kind} == STORED[kind]


@pytest.mark.parametrize("kind", [EventOutcome, PushOutcome])
@pytest.mark.parametrize("outcome", Outcome)
def test_each_end_of_a_delivery_can_be_stored(kind: type[StrEnum], outcome: Outcome) -> None:
    assert kind(outcome.value) == outcome.value


def test_codes_are_counted_by_their_states() -> None:
    assert {field.name for field in fields(Counts)} == set(CodeState)


def test_open_issues_are_found_by_their_index() -> None:
    """The condition is the index's own text."""
    assert IS_OPEN == "state IN ('pending', 'unknown', 'check')"
    assert {*OPEN, IssueState.DONE, IssueState.FAILED} == set(IssueState)


def test_open_redemptions_are_found_by_their_indexes() -> None:
    """The same."""
    assert IS_OPEN == "state IN ('pending', 'unknown', 'check')"
    assert {*OPEN, RedemptionState.DONE, RedemptionState.FAILED} == set(RedemptionState)


def test_statements_write_no_state_that_python_does_not_know() -> None:
    known = set().union(*STORED.values())
    found = set()
    for file in Path(storage.__file__).parent.glob("*.py"):
        text = file.read_text("utf-8")
        found |= set(re.findall(r"\b(?:state|outcome) (?:=|<>) '([^']*)'", text))
        for listed in re.findall(r"\bstate IN \(([^)]*)\)", text):
            found |= set(re.findall(r"'([^']*)'", listed))

    assert {"new", "parked", "not collected", "held", "kept", "running"} <= found <= known

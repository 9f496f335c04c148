"""Postback data: packed, signed, bound to a person and a time."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.actions import MAX_LENGTH, Action, Packer, Unreadable, _digest

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
PERSON = "line:Ubot:Ume"
PACKER = Packer(b"k" * 32)


class Everything(Action, name="test-everything", ttl=timedelta(minutes=5)):
    """One argument of each kind."""

    text: str
    number: int = 0
    yes: bool = False


class Nothing(Action, name="test-nothing"):
    """No arguments."""


@given(st.text(max_size=20), st.integers(-(10**9), 10**9), st.booleans())
def test_what_is_packed_is_read_back(text: str, number: int, yes: bool) -> None:
    """Dots, tildes, percent signs and emoji included."""
    action = Everything(text=text, number=number, yes=yes)
    try:
        data = PACKER.pack(action, person=PERSON, now=NOW)
    except ValueError:  # Too long for a postback, and said so; or not encodable at all.
        return

    tap = PACKER.read(data, person=PERSON, now=NOW)

    assert (tap.action, tap.own, tap.expired) == (action, True, False)
    assert len(data) <= MAX_LENGTH
    assert data.isascii()


def test_a_button_without_arguments_is_read_back() -> None:
    """An empty place between two dots."""
    data = PACKER.pack(Nothing(), person=PERSON, now=NOW)

    assert PACKER.read(data, person=PERSON, now=NOW).action == Nothing()


def test_every_changed_character_is_noticed() -> None:
    """Each place, several replacements, and every cut."""
    data = PACKER.pack(Everything(text="a.b~c%20", number=7), person=PERSON, now=NOW)
    for place, original in enumerate(data):
        for other in {"A", "z", "0", ".", "~", "-", chr(ord(original) ^ 1)} - {original}:
            with pytest.raises(Unreadable):
                PACKER.read(data[:place] + other + data[place + 1 :], person=PERSON, now=NOW)
        with pytest.raises(Unreadable):
            PACKER.read(data[:place], person=PERSON, now=NOW)
        with pytest.raises(Unreadable):
            PACKER.read(data[:place] + data[place + 1 :], person=PERSON, now=NOW)
        with pytest.raises(Unreadable):
            PACKER.read(data[:place] + "A" + data[place:], person=PERSON, now=NOW)


@given(st.text() | st.text(alphabet=string.ascii_letters + string.digits + "._~%-v1", max_size=100))
def test_what_was_never_packed_is_unreadable(data: str) -> None:
    """Whatever it is, it is told by one error."""
    with pytest.raises(Unreadable):
        PACKER.read(data, person=PERSON, now=NOW)


def test_another_secret_reads_nothing() -> None:
    """Buttons of a test system are none of the real one."""
    data = PACKER.pack(Nothing(), person=PERSON, now=NOW)

    with pytest.raises(Unreadable):
        Packer(b"x" * 32).read(data, person=PERSON, now=NOW)


def test_a_button_of_a_later_version_is_unreadable() -> None:
    """Though it is signed and looks the same: after a step back its parts may mean something else."""
    signed, _, _ = PACKER.pack(Nothing(), person=PERSON, now=NOW).rpartition(".")
    later = signed.replace("v1.", "v2.", 1)

    with pytest.raises(Unreadable, match=r"^version$"):
        PACKER.read(f"{later}.{_digest(PACKER.secret, f'button:{later}', 12)}", person=PERSON, now=NOW)


@pytest.mark.parametrize("other", ["line:Ubot:Uyou", "messenger:Ubot:Ume", "line:Uother:Ume", ""])
def test_a_button_knows_whose_it_is(other: str) -> None:
    """Person, channel and account."""
    data = PACKER.pack(Nothing(), person=PERSON, now=NOW)

    assert PACKER.read(data, person=PERSON, now=NOW).own
    assert not PACKER.read(data, person=other, now=NOW).own


def test_a_button_expires_after_its_time() -> None:
    """To the second."""
    data = PACKER.pack(Everything(text=""), person=PERSON, now=NOW)

    assert not PACKER.read(data, person=PERSON, now=NOW + timedelta(minutes=5)).expired
    assert PACKER.read(data, person=PERSON, now=NOW + timedelta(minutes=5, seconds=1)).expired


def test_a_button_does_not_name_its_owner() -> None:
    """Postback data is readable by the platform and by whoever it is forwarded to."""
    assert "Ume" not in PACKER.pack(Nothing(), person=PERSON, now=NOW)


def test_arguments_that_do_not_fit_are_refused_when_packed() -> None:
    """Not by the platform, in front of the customer."""
    with pytest.raises(ValueError, match="do not fit"):
        PACKER.pack(Everything(text="x" * 300), person=PERSON, now=NOW)


def test_two_buttons_may_not_share_a_name() -> None:
    """Old messages would open the wrong one."""
    with pytest.raises(TypeError, match="test-nothing"):

        class Again(Action, name="test-nothing"):
            """The same name once more."""


def test_a_button_of_a_version_with_other_arguments_is_unreadable() -> None:
    """After an update an old button is renewed, not misread."""
    signed = f"v1.test-nothing.one~two.zzzzzz.{PACKER._owner(PERSON)}"
    data = f"{signed}.{_digest(PACKER.secret, f'button:{signed}', 12)}"
    assert PACKER.read(data, person=PERSON, now=NOW).action == Nothing()  # Without fields there is nothing to misread.

    signed = f"v1.test-everything.one.zzzzzz.{PACKER._owner(PERSON)}"
    with pytest.raises(Unreadable):
        PACKER.read(f"{signed}.{_digest(PACKER.secret, f'button:{signed}', 12)}", person=PERSON, now=NOW)

"""Slips of the finger in Latin words, and letters that are drawn out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.understanding.reading import fold
from bot.understanding.slips import Slips
from bot.understanding.words import Lexicon

KNOWN = ("voucher", "vouchers", "receipts", "gifts", "points", "prints", "show", "where", "there")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("vuochers", "vouchers"),  # two changed places
        ("vouchrs", "vouchers"),  # one is missing
        ("receeipts", "receipts"),  # one too many
        ("giftd", "gifts"),  # another one
        ("vouchers", "vouchers"),
        ("pants", "pants"),  # two letters away
        ("paints", "paints"),  # one away from points and from prints
        ("shwo", "shwo"),  # too short to be certain
        ("bouchers", "bouchers"),  # the first letter is nearly always hit
        ("hidden giftd 禮物 2giftd", "hidden gifts 禮物 2giftd"),  # no piece of a word that is none
    ],
)
def test_a_word_is_mended_where_only_one_can_be_meant(typed: str, meant: str) -> None:
    """Whatever else a text holds stays."""
    assert Slips(KNOWN).mended(typed) == meant


@given(st.lists(st.sampled_from(KNOWN) | st.text(max_size=12), max_size=6).map(" ".join))
def test_known_words_and_what_is_no_word_stay(text: str) -> None:
    """Nothing raises, and each known word is still at its place."""
    mended = Slips(KNOWN).mended(text)

    assert [word for word in mended.split(" ") if word in KNOWN or not word.isascii()] or not any(
        word in KNOWN for word in text.split(" ")
    )
    assert len(mended.split(" ")) == len(text.split(" "))


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("my vuochers", "my_vouchers"),
        ("wheer are my recepits", "receipts"),
        ("show me my recepits", "receipts"),
        ("heyyyy", "greeting"),
        ("pleaseee show my pointsss", "points"),
        ("no vuochers", None),  # a slip never takes a no away
        ("unsubscibe", "unsubscribe"),
    ],
)
def test_a_message_with_a_slip_means_what_was_meant(lexicon: Lexicon, text: str, intent: str | None) -> None:
    """Also in the frame of a wish."""
    assert lexicon.whole(lexicon.read(text)) == intent


def test_what_acts_is_not_said_plainly_with_a_slip(lexicon: Lexicon) -> None:
    """So that it is asked about before it is done."""
    assert lexicon.plainly(lexicon.read("unsubscribe"), "unsubscribe")
    assert not lexicon.plainly(lexicon.read("unsubscibe"), "unsubscribe")


def test_letters_that_are_drawn_out_count_once() -> None:
    """Three and more; two are how words are spelled."""
    assert fold("Heyyyy yesss good AAA") == "hey yes good a"

"""The token of a poster: taken away where it stands, and nothing else ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.storage.symbols import SYMBOLS
from bot.understanding import poster_tokens

TOKEN = "7K3MQ" + next(each for each in SYMBOLS if poster_tokens.in_ref(f"p_7K3MQ{each}"))


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("WELCOME2026 [{}]", "WELCOME2026"),
        ("[{}] WELCOME2026", "WELCOME2026"),
        ("WELCOME2026 [{}] 謝謝", "WELCOME2026 謝謝"),
        ("我的獎品  [{}]\n", "我的獎品"),
        ("WELCOME2026\n[{}]", "WELCOME2026"),
        ("[{}]", ""),
    ],
)
def test_it_is_taken_away(said: str, left: str) -> None:
    """Wherever somebody moved it in the line that the link had typed."""
    found = poster_tokens.in_text(said.format(TOKEN))

    assert found == poster_tokens.Marked(left, TOKEN)


@pytest.mark.parametrize(
    "said",
    [
        "WELCOME2026",
        f"WELCOME2026 {TOKEN}",  # without brackets it may be a code
        f"WELCOME2026[{TOKEN}]",  # part of a longer word
        f"[{TOKEN}]!",
        f"[{TOKEN.lower()}]",
        f"[{TOKEN}7]",
        f"[ {TOKEN} ]",
        f"[{TOKEN[:-1]}{'0' if TOKEN[-1] != '0' else '1'}]",  # its check does not hold
        "see [1] and [2]",
        "[SUMMER]",
        "",
    ],
)
def test_words_of_their_own_stay(said: str) -> None:
    """Nothing is found, so that all of it is read."""
    assert poster_tokens.in_text(said) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_a_link_types_comes_back(before: str, after: str) -> None:
    """Around it everything stays, but for the blanks that part it."""
    token = poster_tokens.new()
    found = poster_tokens.in_text(f"{before} [{token}] {after}")

    assert found is not None
    assert found.token == token or f"[{found.token}]" in before
    assert found.text.split() == f"{before} [{token}] {after}".replace(f"[{found.token}]", "", 1).split()


@given(st.lists(st.sampled_from(SYMBOLS), min_size=5, max_size=5), st.integers(0, 5), st.sampled_from(SYMBOLS))
def test_one_wrong_symbol_is_noticed(symbols: list[str], at: int, other: str) -> None:
    """Whichever it is: no link is taken for another's after a slip."""
    right = poster_tokens.in_ref("p_" + (whole := "".join(symbols) + poster_tokens._check("".join(symbols))))
    wrong = whole[:at] + other + whole[at + 1 :]

    assert right == whole
    assert poster_tokens.in_ref(f"p_{wrong}") == ("" if wrong != whole else whole)


@pytest.mark.parametrize(
    "ref", ["", "p_", f"P_{TOKEN}", f"p_{TOKEN} ", f"p_{TOKEN}\n", TOKEN, "p_" + "7" * 2083, "/status"]
)
def test_other_links_say_nothing(ref: str) -> None:
    """Whatever somebody writes into a link."""
    assert poster_tokens.in_ref(ref) == ""

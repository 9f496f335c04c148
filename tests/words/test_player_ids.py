"""What is a player id, and what is none."""

from __future__ import annotations

import pytest

from bot.services.players import EXAMPLE, masked, read_player

UNITY = "wJtxNEs2bpUMeqgRy7ZJfEtv0ixr"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (UNITY, UNITY),
        (EXAMPLE, EXAMPLE),
        ("unity-12345", "unity-12345"),
        ("12345678", "12345678"),
        ("c0ffee00-1234-4abc-8def-0123456789ab", "c0ffee00-1234-4abc-8def-0123456789ab"),
        ("abcdefghijklmnopqrstuvwxyzab", "abcdefghijklmnopqrstuvwxyzab"),
        (f"  {UNITY}\n", UNITY),
        (f"「{UNITY}」🙏", UNITY),
        (f"玩家ID：{UNITY}", UNITY),
        (f"我的玩家 ID 是 {UNITY}。", UNITY),
        (f"Unity Player ID: {UNITY}", UNITY),
        (f"my player id is {UNITY}!", UNITY),
        (f"ID={UNITY}", UNITY),
        ("ＵＮＩＴＹ－１２３４５", "UNITY-12345"),
        ("idol-4711", "idol-4711"),
    ],
)
def test_a_player_id_is_read_as_people_paste_it(typed: str, read: str) -> None:
    """Its case stays as it is; what stands around it goes."""
    assert read_player(typed) == read


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "在哪裡看",
        "where do I find it?",
        "PersimmonQueen",
        "hello",
        "a1",
        "0912345678",
        "+886 912 345 678",
        "A123456789",
        "me@example.com",
        "https://example.com/1",
        f"{UNITY} {UNITY}",
        "x1" * 60,
    ],
)
def test_what_is_no_player_id(typed: str) -> None:
    """Sentences, names, and what identifies a person elsewhere."""
    assert read_player(typed) is None


@pytest.mark.parametrize(
    ("player", "shown"),
    [(UNITY, "wJtx•••0ixr"), ("unity-12345", "unit•••2345"), ("1234567", "12•••67"), ("a12", "a•••2")],
)
def test_a_masked_one_is_known_by_its_owner_only(player: str, shown: str) -> None:
    assert masked(player) == shown

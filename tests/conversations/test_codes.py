"""Redeeming codes in the chat."""

from __future__ import annotations

import pytest
from chat import Bot, Chat


@pytest.mark.parametrize("typed", ["ｗｅｌｃｏｍｅ ２０２６", "WELCOME2026", "兌換 welcome-2026", "redeem: Welcome 2026!"])
async def test_a_code_is_redeemed_however_it_is_typed(chat: Chat, typed: str) -> None:
    """The receipt names the reward and a reference; the same code again shows the same receipt."""
    await chat.do(chat.phone.follows())
    await chat.say(typed)

    assert chat.said("Redeemed 🎉")
    assert "金幣 100" in chat.text
    reference = next(text for text in chat.texts if "R-" in text)

    await chat.say(typed)
    assert reference in chat.texts
    assert chat.said("Redeemed 🎉")

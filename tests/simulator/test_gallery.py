"""A structural picture of every kind of card, on both channels and in both languages.

What is compared are the outlines under `outlines/`: texts, their order, buttons, badges, pictures; no
pixels. `OUTLINES=write` writes them anew; look at what changed before committing it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from chat import Bot

from simulator.gallery import KINDS, deliver, replies
from simulator.screen import Screen

OUTLINES = Path(__file__).parent / "outlines"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_card_is_drawn_as_it_should_be(
    screen: Screen, bot: Bot, channel: str, language: str, kind: str
) -> None:
    """Everything the bot put into the card is on screen, in the card's order."""
    phone = screen.phone(channel)
    await phone.be("emily" if language == "en" else "yu")
    person = await screen.page.evaluate("(channel) => giftdesk.phones[channel].person.id", channel)
    await deliver(bot, channel, person, replies(language)[kind])
    sent = len(bot.sandbox.sent(channel, person))
    await phone.root.locator(".row.theirs[data-seq]").nth(sent - 1).wait_for()
    drawn = await screen.probe("outline", channel)

    name = f"{channel} {language}"
    if os.environ.get("OUTLINES") == "write":
        write(kind, name, drawn)
    assert drawn == known(kind)[name]


def known(kind: str) -> dict[str, str]:
    """Channel and language to the outline of this kind of card."""
    path = OUTLINES / f"{kind}.txt"
    parts = re.split(r"^== (.+) ==\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE) if path.exists() else [""]
    return {name: drawn.strip("\n") for name, drawn in zip(parts[1::2], parts[2::2], strict=True)}


def write(kind: str, name: str, drawn: str) -> None:
    OUTLINES.mkdir(exist_ok=True)
    outlines = known(kind) | {name: drawn}
    whole = "\n\n".join(f"== {each} ==\n{outlines[each]}" for each in sorted(outlines))
    (OUTLINES / f"{kind}.txt").write_text(f"{whole}\n", encoding="utf-8")

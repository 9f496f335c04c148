"""What is said, as Instagram's messages: Messenger's templates, and texts that are counted in bytes. Pure."""

from __future__ import annotations

from bot.channels import Pack, Rendered
from bot.channels.limits import BYTES
from bot.channels.messenger import render as messenger
from bot.channels.messenger.pictures import NONE, Shown
from bot.conversation.messages import Reply

# docs/apis/instagram.md: 1,000 bytes are some 333 Chinese characters; quick replies stand under texts alone, and no
# button calls a number.
LIMITS = messenger.Limits(text=1000, measure=BYTES, replies_under_cards=False, calls=False)


def render(reply: Reply, pack: Pack, pictures: Shown = NONE) -> list[Rendered]:
    """An answer as Instagram's messages, one call each. Total: whatever the text, the result is legal."""
    return messenger.render(reply, pack, LIMITS, pictures)

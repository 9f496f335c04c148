"""Every channel, in the order in which people read them."""

from __future__ import annotations

from bot.channels import Channel
from bot.channels.instagram import CHANNEL as INSTAGRAM
from bot.channels.line import CHANNEL as LINE
from bot.channels.messenger import CHANNEL as MESSENGER

CHANNELS: tuple[Channel, ...] = (LINE, MESSENGER, INSTAGRAM)

"""Instagram's webhooks: Meta's, about `instagram` instead of a page. Pure, and lenient.

https://developers.facebook.com/documentation/business-messaging/instagram-messaging/webhooks
"""

from __future__ import annotations

from dataclasses import replace

from bot.channels import Json
from bot.channels.limits import record
from bot.channels.messenger.inbound import MessengerInbound
from bot.conversation.events import Incoming, SentMedia, Unsent


class InstagramInbound(MessengerInbound):
    """Reads the webhooks of an Instagram account: the address, the secret and the shapes are Messenger's."""

    name = "instagram"
    about = "instagram"

    def parse(self, account: str, raw: Json) -> Incoming:
        """Besides what Messenger has: who takes a message back is told, and what Instagram cannot show us is said."""
        incoming = super().parse(account, raw)
        message = record(record(raw.get("messaging")).get("message"))
        if incoming.chat is None or message.get("is_echo"):
            return incoming
        if message.get("is_deleted") and incoming.message_id:
            # The same message id as the message itself, which had its answer.
            return replace(incoming, key=f"{incoming.key}:deleted", what=Unsent(incoming.message_id))
        if message.get("is_unsupported"):
            return replace(incoming, what=SentMedia("unknown"))
        return incoming

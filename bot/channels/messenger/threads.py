"""Who holds a chat of the page: we, or the inbox of the shop's people.

Source: https://developers.facebook.com/documentation/business-messaging/messenger-platform/conversation-routing
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.channels import Json
from bot.channels.calls import PROFILE_SECONDS, LostError, NotSentError
from bot.channels.limits import record, records, word
from bot.telemetry.log import log

if TYPE_CHECKING:
    from bot.channels.messenger.client import MessengerClient

KNOWN_FOR = 600.0  # seconds, of what the owner of the page changes once in a while
ASKED_AGAIN_AFTER = 60.0  # seconds, when Meta did not say


def is_routed(page: Json) -> bool:
    """Whether a page has a default app, by its `messaging_feature_status`.

    The page that describes it says only that this tells of conversation routing: `hop_v2` is its older name,
    `msgr_multi_app` the one of Messenger's apps.
    """
    status = record(page.get("messaging_feature_status"))
    return status.get("hop_v2") is True or status.get("msgr_multi_app") is True


class Threads:
    """See `bot.conversation.threads`."""

    def __init__(self, client: MessengerClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._routed = False
        self._known_until = 0.0
        self._app = ""
        self.returns = True

    async def passes(self) -> bool:
        if self._clock() >= self._known_until:
            answer = await self._asked("/me", fields="messaging_feature_status")
            self._routed = answer is not None and is_routed(answer)
            self._known_until = self._clock() + (ASKED_AGAIN_AFTER if answer is None else KNOWN_FOR)
        return self._routed

    def is_not_routed(self) -> None:
        """Meta has just refused to pass a chat on."""
        self._routed, self._known_until = False, self._clock() + KNOWN_FOR

    async def take(self, user_id: str) -> bool:
        try:
            answer = await self._client.call("POST", "/me/take_thread_control", {"recipient": {"id": user_id}})
        except (NotSentError, LostError):
            return True
        if 200 <= answer.status < 300 and not answer.code:
            self.returns = True
            return True
        if answer.later:
            return True
        if await self._is_ours(user_id):  # A second try of this turn: who has it already may not take it.
            return True
        log.error("a chat cannot be taken back from the inbox; see `giftdesk doctor`", detail=answer.detail)
        self.returns = False
        return False

    async def _is_ours(self, user_id: str) -> bool:
        if not self._app:
            self._app = word((await self._asked("/app", fields="id") or {}).get("id")) or ""
        found = await self._asked("/me/thread_owner", recipient=user_id) or {}
        owners = [record(each.get("thread_owner")).get("app_id") for each in records(found.get("data"))]
        return bool(self._app) and self._app in map(str, owners)

    async def _asked(self, path: str, *, fields: str = "", recipient: str = "") -> Json | None:
        """What Meta answers; None when it does not, or refuses."""
        try:
            async with asyncio.timeout(PROFILE_SECONDS):
                answer = await self._client.call("GET", path, fields=fields, recipient=recipient)
        except (NotSentError, LostError, TimeoutError):
            return None
        return answer.body if answer.status == 200 and not answer.code else None

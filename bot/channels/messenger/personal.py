"""The persistent menu of one person, in the language that they chose here: Messenger itself follows their phone's.

Only where the page's menu is ours, and best effort: Meta takes ten of these calls in ten minutes from each person.
https://developers.facebook.com/docs/messenger-platform/send-messages/persistent-menu
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import orjson

from bot.channels import Json, MenuTexts
from bot.channels.calls import LostError, NotSentError
from bot.channels.limits import one_line, records, shorten_label
from bot.conversation.actions import MENU_TAP, menu_tap
from bot.telemetry.log import log

if TYPE_CHECKING:
    from bot.channels.messenger.client import Answer, MessengerClient

TITLE = 30
GIVE_SECONDS = 3.0  # It is given beside an answer, and tried again with a later one.
WINDOW_SECONDS = 600.0
GIVEN_IN_A_WINDOW = 4  # to one person; each takes two calls
REST_SECONDS = 60.0  # after a failure
KNOWN_PEOPLE = 10_000


def menu_items(texts: MenuTexts) -> list[Json]:
    """The persistent menu's items in one language; Messenger's and Instagram's are the same."""
    return [
        {
            "type": "postback",
            "title": shorten_label(one_line(button.label), TITLE),
            "payload": menu_tap(button.action),
        }
        for button in texts.topics
    ]


class PersonalMenus:
    """See `Menus`. A menu is named by its language and what it says, so that one with other texts is given anew."""

    follows_phone = True

    def __init__(self, client: MessengerClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._names: dict[str, str] = {}  # by language
        self._items: dict[str, list[Json]] = {}  # by name
        self._given: dict[str, list[float]] = {}  # by person: when, in the last ten minutes
        self._rests_until = 0.0

    def offer(self, texts: Sequence[MenuTexts]) -> None:
        for each in texts:
            items = menu_items(each)
            name = f"{each.language}-{hashlib.sha256(orjson.dumps(items)).hexdigest()[:8]}"
            self._names[each.language], self._items[name] = name, items

    async def learn(self) -> None:
        """Nothing: the page's menu is looked at when somebody is given their own."""

    def unsure(self, language: str | None, has: str | None, *, staff: str = "") -> bool:
        return False

    def due(self, language: str | None, has: str | None, *, staff: str = "") -> str | None:
        if self._clock() < self._rests_until:
            return None
        wanted = self._names.get(language, "") if language else ""
        return None if wanted == (has or "") else wanted

    async def give(self, user_id: str, menu: str) -> bool:
        if not self._may(user_id):
            return False
        try:
            async with asyncio.timeout(GIVE_SECONDS):
                return await self._give(user_id, menu)
        except (NotSentError, LostError, TimeoutError):
            self._rest(REST_SECONDS)
            return False

    async def _give(self, user_id: str, menu: str) -> bool:
        path = "/me/custom_user_settings"
        if not menu:
            gone = await self._client.call("DELETE", path, psid=user_id, params='["persistent_menu"]')
            return self._went_well(gone)
        there = await self._client.call("GET", path, psid=user_id)
        if not self._went_well(there):
            return False
        if not _is_ours(there.body):
            self._rest(REST_SECONDS)  # Of somebody else's making, or not installed yet.
            return False
        items: Json = {"locale": "default", "composer_input_disabled": False, "call_to_actions": self._items[menu]}
        return self._went_well(await self._client.call("POST", path, {"psid": user_id, "persistent_menu": [items]}))

    def _went_well(self, answer: Answer) -> bool:
        if 200 <= answer.status < 300 and not answer.code:
            return True
        # Perhaps only this person's calls are used up; for the rest it is no more than a minute's delay.
        log.warning("personal menu refused", detail=answer.detail)
        self._rest(REST_SECONDS)
        return False

    def _rest(self, seconds: float) -> None:
        self._rests_until = self._clock() + seconds

    def _may(self, user_id: str) -> bool:
        """Whether this person's calls allow one more."""
        now = self._clock()
        recent = [at for at in self._given.get(user_id, ()) if now - at < WINDOW_SECONDS]
        if len(recent) >= GIVEN_IN_A_WINDOW:
            return False
        if len(self._given) >= KNOWN_PEOPLE:
            self._given.clear()
        self._given[user_id] = [*recent, now]
        return True


def _is_ours(settings: Json) -> bool:
    """Whether the page's own menu is one of `giftdesk menus`."""
    menus = [menu for each in records(settings.get("data")) for menu in records(each.get("page_level_persistent_menu"))]
    items = [item for menu in menus for item in records(menu.get("call_to_actions"))]
    return bool(items) and all(str(item.get("payload", "")).startswith(MENU_TAP) for item in items)

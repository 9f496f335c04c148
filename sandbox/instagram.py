"""What is Instagram's own about talking to people through a page: messages, menus and ice breakers, who people are.

The rules are those of https://developers.facebook.com/documentation/business-messaging/instagram-messaging, as
docs/apis/instagram.md sums them up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.graph import KEYS, PARAMETER, fail
from sandbox.messenger import check_menus
from sandbox.messenger_messages import Rules
from sandbox.people import Person

ICE_BREAKERS = 4
QUESTION = 80  # Ours: Meta names no limit, and the app shows one line.

RULES = Rules(
    text=1_000,
    measured=lambda text: len(text.encode("utf-8", "surrogatepass")),
    unit=" bytes of UTF-8",
    message=frozenset({"text", "attachment", "quick_replies"}),
    quick_reply=frozenset({"content_type", "title", "payload"}),
    replies_under_cards=False,
    templates={"generic": frozenset({"elements"}), "button": frozenset({"text", "buttons"})},
    buttons={"web_url": frozenset({"url"}), "postback": frozenset({"payload"})},
)

_TOLD = ("name", "username")
_UNTOLD = ("profile_pic", "is_verified_user", "follower_count", "is_user_follow_business", "is_business_follow_user")


class Instagram:
    """See `Platform`. State: what people see of the page's profile inside Instagram."""

    channel = "instagram"
    rules = RULES
    keys = KEYS
    properties = frozenset(("persistent_menu", "ice_breakers"))
    message_ids = "aWdfZAG1faXRlbTox"
    unknown = 2534014
    late = 2534022
    personal = False

    def __init__(self) -> None:
        self.profile: dict[str, Any] = {}

    def about(self, person: Person, wanted: Sequence[str]) -> dict[str, Any]:
        strange = [name for name in wanted if name not in (*_TOLD, *_UNTOLD, "id")]
        if strange:
            fail(PARAMETER, f"Tried accessing nonexisting field ({strange[0]}) on node type (IGBusinessScopedID)")
        profile = {"name": person.name, "username": f"{person.nick}.{person.id[-4:]}"}
        return {name: profile[name] for name in wanted or _TOLD if name in profile}

    def listed(self, wanted: Sequence[str]) -> list[Any]:
        if list(wanted) == ["ice_breakers"]:  # Their entries stand alone, unlike a menu's.
            return list(self.profile.get("ice_breakers", []))
        found = {name: self.profile[name] for name in wanted if name in self.profile}
        return [found] if found else []

    def check(self, given: dict[str, Any]) -> None:
        if "persistent_menu" in given:
            check_menus(given["persistent_menu"])
            for menu in given["persistent_menu"]:
                parts = [menu, *menu.get("call_to_actions", [])]
                for name in ("composer_input_disabled", "webview_height_ratio"):
                    if any(name in part for part in parts):
                        fail(PARAMETER, f'Invalid keys "{name}" were found in param persistent_menu')
        if "ice_breakers" in given:
            _check_ice_breakers(given["ice_breakers"])

    def check_removal(self, names: Sequence[str]) -> None:
        """Each may go without the other."""


def _check_ice_breakers(entries: Any) -> None:
    if not isinstance(entries, list) or "default" not in [entry.get("locale") for entry in entries]:
        fail(PARAMETER, "ice_breakers needs an entry for the locale default")
    for entry in entries:
        asked = entry.get("call_to_actions", [])
        if not 1 <= len(asked) <= ICE_BREAKERS:
            fail(PARAMETER, f"call_to_actions must have 1 to {ICE_BREAKERS} elements")
        for each in asked:
            if not 1 <= len(str(each.get("question", ""))) <= QUESTION:
                fail(PARAMETER, f"question must have 1 to {QUESTION} characters")
            if not 1 <= len(str(each.get("payload", ""))) <= 1_000:
                fail(PARAMETER, "payload must have 1 to 1000 characters")

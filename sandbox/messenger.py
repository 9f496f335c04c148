"""What is Messenger's own about talking to people through a page: messages, the page's profile, who people are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.graph import KEYS, PARAMETER, fail
from sandbox.messenger_messages import MESSENGER
from sandbox.people import Person


class Messenger:
    """See `Platform`. State: the page's Messenger profile."""

    channel = "messenger"
    rules = MESSENGER
    keys = KEYS | {"notification_type", "persona_id", "thread_control"}
    properties = frozenset(
        (
            "get_started",
            "greeting",
            "persistent_menu",
            "ice_breakers",
            "commands",
            "whitelisted_domains",
            "account_linking_url",
        )
    )
    message_ids = "m_"
    unknown = 2018001
    late = 2018278
    personal = True

    def __init__(self) -> None:
        self.profile: dict[str, Any] = {}

    def about(self, person: Person, wanted: Sequence[str]) -> dict[str, Any]:
        first, _, last = person.name.partition(" ")
        profile = {"first_name": first, "last_name": last or first, "name": person.name}
        if person.locale:
            profile["locale"] = person.locale
        return {name: profile[name] for name in wanted or ("first_name", "last_name") if name in profile}

    def listed(self, wanted: Sequence[str]) -> list[Any]:
        found = {name: self.profile[name] for name in wanted if name in self.profile}
        return [found] if found else []

    def check(self, given: dict[str, Any]) -> None:
        merged = self.profile | given
        if "persistent_menu" in given:
            if "get_started" not in merged:
                text = "You must set a Get Started button if you set a persistent menu"
                fail(PARAMETER, text, subcode=2018145)
            check_menus(given["persistent_menu"])
        if "greeting" in given:
            greetings = given["greeting"]
            if not isinstance(greetings, list) or "default" not in [each.get("locale") for each in greetings]:
                fail(PARAMETER, "greeting needs an entry for the locale default")
            if any(not 1 <= len(str(each.get("text", ""))) <= 160 for each in greetings):
                fail(PARAMETER, "greeting must have 1 to 160 characters")
        if "get_started" in given:
            started = given["get_started"]
            if not isinstance(started, dict) or not 1 <= len(str(started.get("payload", ""))) <= 1_000:
                fail(PARAMETER, "get_started needs a payload of 1 to 1000 characters")

    def check_removal(self, names: Sequence[str]) -> None:
        if "get_started" in names and "persistent_menu" in self.profile and "persistent_menu" not in names:
            text = "You must delete the persistent menu before the get started button"
            fail(PARAMETER, text, subcode=2018138)


def check_menus(menus: Any) -> None:
    """Refuse persistent menus that break a rule which a bot can break; Messenger's and Instagram's are the same."""
    if not isinstance(menus, list) or "default" not in [menu.get("locale") for menu in menus]:
        fail(PARAMETER, "persistent_menu needs an entry for the locale default")
    for menu in menus:
        items = menu.get("call_to_actions", [])
        if len(items) > 20:
            fail(PARAMETER, "call_to_actions must have at most 20 elements")
        for item in items:
            if item.get("type") not in ("postback", "web_url"):
                fail(PARAMETER, "call_to_actions must be of type postback or web_url")
            if not 1 <= len(str(item.get("title", ""))) <= 30:
                fail(PARAMETER, "title must have 1 to 30 characters")
            if item["type"] == "postback" and not 1 <= len(str(item.get("payload", ""))) <= 1_000:
                fail(PARAMETER, "payload must have 1 to 1000 characters")

"""Where links lead into our chats: which account they name on each channel. Pure, and light enough for web."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.config import Settings
from bot.storage import code_refs
from bot.storage.entry_links import instagram_link, line_friend_link, line_link, messenger_link


@dataclass(frozen=True, slots=True)
class Entrance:
    """One kind of link into our chats. kind: its name. title, group: of its channel. account: ours, as links name it;
    "" when its setting is not set.
    """

    kind: str
    title: str
    group: str
    setting: str
    account: str
    make: Callable[[str, str, str], str]

    def link(self, says: str, ref: str) -> str:
        """The address. says: what LINE types. ref: what Meta tells of it."""
        return self.make(self.account, says, ref)


def code_links(settings: Settings) -> dict[str, Callable[[str], str]]:
    """What makes a code's own link, by the channel: LINE types the code, Meta's offer it."""

    def linked(entrance: Entrance) -> Callable[[str], str]:
        return lambda code: entrance.link(code, code_refs.sign(settings.secret, code))

    return {each.title: linked(each) for each in entrances(settings) if each.account and each.kind != "friend"}


def entrances(settings: Settings) -> list[Entrance]:
    """Every kind of link of the channels that are on, also those whose account is not set."""
    line, page, user = settings.line_basic_id, settings.messenger_page, settings.instagram_username
    known = (
        Entrance("line", "LINE", "LINE", "LINE_BASIC_ID", line, lambda account, says, _: line_link(account, says)),
        Entrance("friend", "LINE", "LINE", "LINE_BASIC_ID", line, lambda account, _, __: line_friend_link(account)),
        Entrance(
            "messenger",
            "Messenger",
            "Messenger",
            "MESSENGER_PAGE",
            page,
            lambda account, _, ref: messenger_link(account, ref),
        ),
        Entrance(
            "instagram",
            "Instagram",
            "Instagram",
            "INSTAGRAM_USERNAME",
            user,
            lambda account, _, ref: instagram_link(account, ref),
        ),
    )
    return [each for each in known if settings.has(each.group)]

"""What is tapped on Instagram without typing: the persistent menu, and the questions before the first message.

Both follow the language of somebody's phone, not the one that they chose here: Instagram knows no other. What somebody
else put there is left alone.
https://developers.facebook.com/documentation/business-messaging/instagram-messaging/features/persistent-menu
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.channels import Json, MenuContents, MenuTexts, Step
from bot.channels.instagram.client import InstagramClient
from bot.channels.limits import one_line, shorten_label
from bot.channels.messenger.profile import TITLE, Profile, locales_of, pages_of, plan
from bot.conversation.actions import menu_tap

FIELDS = ("persistent_menu", "ice_breakers")
QUESTIONS = 4  # ice breakers
QUESTION = 80  # Ours; Meta names no limit.


def profile(wanted: MenuContents) -> Json:
    """The profile as the API takes it: each locale in its language, the default one for everybody else."""
    of = {"default": next(each for each in wanted.languages if each.language == wanted.default)}
    of |= {locale: each for each in wanted.languages for locale in locales_of(each.language)}
    return {
        "persistent_menu": [
            {
                "locale": locale,
                "call_to_actions": [
                    {
                        "type": "postback",
                        "title": shorten_label(one_line(button.label), TITLE),
                        "payload": menu_tap(button.action),
                    }
                    for button in texts.topics
                ],
            }
            for locale, texts in of.items()
        ],
        "ice_breakers": [{"locale": locale, "call_to_actions": _questions(texts)} for locale, texts in of.items()],
    }


def _questions(texts: MenuTexts) -> list[Json]:
    return [
        {"question": shorten_label(one_line(button.label), QUESTION), "payload": menu_tap(button.action)}
        for button in texts.topics[:QUESTIONS]
    ]


class InstagramMenus:
    """The account's profile, as `giftdesk menus` installs it."""

    def __init__(self, client: InstagramClient) -> None:
        self._profile = Profile(client, FIELDS, "instagram")

    async def steps(self, wanted: MenuContents, *, remove: bool) -> tuple[list[Step], Sequence[str]]:
        there = await self._profile.read()
        change = plan(None if remove else profile(wanted), pages_of(wanted), there, FIELDS)
        return self._profile.steps(change), change.foreign

    async def differs(self, wanted: MenuContents) -> str:
        there = await self._profile.read()
        change = plan(profile(wanted), pages_of(wanted), there, FIELDS)
        if not there:
            return "no persistent menu; `giftdesk menus` installs it"
        if change.put:
            return "Instagram's menu is not as it should be; `giftdesk menus` renews it, --dry-run says how"
        if change.foreign:
            return f"{', '.join(change.foreign)} of the Instagram profile were set by somebody else"
        return ""

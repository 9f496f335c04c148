"""What is tapped on Instagram without typing: the persistent menu, and the questions before the first message.

Both follow the language of somebody's phone, not the one that they chose here: Instagram knows no other. What somebody
else put there is left alone.
https://developers.facebook.com/documentation/business-messaging/instagram-messaging/features/persistent-menu
"""

from __future__ import annotations

from bot.channels import Json, MenuContents, MenuTexts
from bot.channels.limits import one_line, shorten_label
from bot.channels.messenger.personal import menu_items
from bot.channels.messenger.profile import MessengerMenus, by_locale
from bot.conversation.actions import menu_tap

QUESTIONS = 4  # ice breakers
QUESTION = 80  # Ours; Meta names no limit.


class InstagramMenus(MessengerMenus):
    """The account's profile, as `giftdesk menus` installs it."""

    fields = ("persistent_menu", "ice_breakers")
    platform = "instagram"
    missing = "no persistent menu; `giftdesk menus` installs it"
    amiss = "Instagram's menu is not as it should be; `giftdesk menus` renews it, --dry-run says how"

    def wanted(self, contents: MenuContents) -> Json:
        of = by_locale(contents.languages, contents.default)
        return {
            "persistent_menu": [
                {"locale": locale, "call_to_actions": menu_items(texts)} for locale, texts in of.items()
            ],
            "ice_breakers": [{"locale": locale, "call_to_actions": _questions(texts)} for locale, texts in of.items()],
        }


def _questions(texts: MenuTexts) -> list[Json]:
    return [
        {"question": shorten_label(one_line(button.label), QUESTION), "payload": menu_tap(button.action)}
        for button in texts.topics[:QUESTIONS]
    ]

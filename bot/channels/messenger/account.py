"""A page's and an Instagram account's set-up as links and QR codes need it, for `giftdesk doctor` alone."""

from __future__ import annotations

from bot.channels import Json, Remark
from bot.channels.calls import LostError, NotSentError
from bot.channels.limits import records, word
from bot.channels.messenger.client import MessengerClient
from bot.channels.messenger.threads import is_routed
from bot.config import Settings
from bot.errors import UpstreamUnavailable


async def page_remarks(client: MessengerClient, settings: Settings) -> list[Remark]:
    """Whether links lead to this page, and reach us when the customer is new. Raises UpstreamError."""
    remarks: list[Remark] = []
    page = await _asked(client, "/me", fields="id,username")
    names = {name.lower() for key in ("id", "username") if (name := word(page.get(key)))}
    if settings.messenger_page and names and settings.messenger_page.lower() not in names:
        said = " or ".join(sorted(names))
        text = f"MESSENGER_PAGE is {settings.messenger_page}, but the page is {said}: links lead elsewhere"
        remarks.append((False, text))
    profile = await _asked(client, "/me/messenger_profile", fields="get_started")
    if profile and not any("get_started" in each for each in records(profile.get("data"))):
        text = "no Get Started button, so a new customer does not reach us by a link; `giftdesk menus` sets it"
        remarks.append((False, text))
    return remarks


async def routing(client: MessengerClient, settings: Settings) -> list[Remark]:
    """Whether the page's apps take turns in a chat, and whether we know of it. Raises UpstreamError."""
    listens = settings.messenger_standby == "on"
    page = await _asked(client, "/me", fields="messaging_feature_status")
    where = "the page's settings, Conversation routing"
    if is_routed(page):
        if not listens:
            return [(False, f"{where}: there is a default app, so others may hold a chat; see MESSENGER_STANDBY")]
        text = "chats are passed to the inbox; see that the app may take control of conversations (the page's settings,"
        return [(True, f"{text} Advanced messaging), else “menu” does not bring Giftdesk back")]
    if not listens:
        return []
    said = "is not told to us" if not page else "is none"
    return [(False, f"MESSENGER_STANDBY is on, and a default app {said}: no chat is passed to the inbox; see {where}")]


async def account_remarks(client: MessengerClient, settings: Settings) -> list[Remark]:
    """Whether links lead to this Instagram account. Raises UpstreamError."""
    account = await _asked(client, f"/{settings.instagram_account_id}", fields="username")
    name = word(account.get("username"))
    if name and settings.instagram_username and settings.instagram_username.lower() != name.lower():
        text = f"INSTAGRAM_USERNAME is {settings.instagram_username}, but the account is {name}: links lead elsewhere"
        return [(False, text)]
    return []


async def _asked(client: MessengerClient, path: str, fields: str = "") -> Json:
    """What Meta answers; nothing when it refuses: not every token may read everything."""
    try:
        answer = await client.call("GET", path, fields=fields)
    except (NotSentError, LostError):
        raise UpstreamUnavailable("Meta", "no answer") from None
    return answer.body if answer.status == 200 else {}

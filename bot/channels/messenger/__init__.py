"""Messenger Platform: https://developers.facebook.com/docs/messenger-platform/"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.channels import Channel, Inbound, Installer, Json, Outbound, Remark, Translate, pictures_at
from bot.config import Settings


def _receives(settings: Settings) -> Inbound:
    from bot.channels.messenger.inbound import MessengerInbound  # noqa: PLC0415 - each process loads its half

    return MessengerInbound(settings.messenger_app_secret, standby=settings.messenger_standby == "on")


def _opens(settings: Settings) -> Outbound:
    from bot.channels.messenger.client import MessengerClient  # noqa: PLC0415 - the same

    return MessengerClient.connect(
        page_access_token=settings.messenger_page_access_token.get_secret_value(),
        app_secret=settings.messenger_app_secret[0],
        api_url=settings.messenger_api_url,
        connections=settings.vendor_connections,
        brand_colour=settings.brand_color,
        pictures_at=pictures_at(settings.public_url, settings.messenger_api_url),
        standby=settings.messenger_standby == "on",
    )


def _facts(settings: Settings) -> Json:
    return {
        "shares_phone": settings.messenger_phone_link != "off",
        "platform_shows_numbers": settings.messenger_phone_link == "full",
        "pictures_at": pictures_at(settings.public_url, settings.messenger_api_url),
    }


def _installer(client: Any) -> Installer:
    from bot.channels.messenger.profile import MessengerMenus  # noqa: PLC0415 - for `giftdesk menus` alone

    return MessengerMenus(client)


async def _examines(client: Any, settings: Settings) -> list[Remark]:
    from bot.channels.messenger import account, webhooks  # noqa: PLC0415 - for `giftdesk doctor` alone

    subscribed = await webhooks.remarks(client, settings, "page")
    return [*subscribed, *await account.page_remarks(client, settings), *await account.routing(client, settings)]


def _knocks(settings: Settings) -> tuple[bytes, Mapping[str, str]]:
    from bot.channels.messenger.inbound import MessengerInbound  # noqa: PLC0415 - for the doctor alone

    body = b'{"object":"page",  "entry":[ ]}'  # Whoever writes JSON anew on the way would lose the blanks.
    return body, MessengerInbound(settings.messenger_app_secret).sign(body)


def _answered_in(_: Translate) -> str:
    return _("the inbox of Meta Business Suite")


CHANNEL = Channel(
    name="messenger",
    title="Messenger",
    group="Messenger",
    settings="MESSENGER_PAGE_ACCESS_TOKEN",
    mantago="facebook",
    receives=_receives,
    opens=_opens,
    pushes_are_free=True,
    answered_in=_answered_in,
    facts=_facts,
    installer=_installer,
    examines=_examines,
    knocks=_knocks,
)

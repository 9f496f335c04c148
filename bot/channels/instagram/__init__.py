"""Instagram direct messages, through the Facebook page that the account is connected to: docs/apis/instagram.md"""

from __future__ import annotations

from typing import Any

from bot.channels import Channel, Inbound, Installer, Json, Outbound, Remark, Translate, pictures_at
from bot.config import Settings


def _receives(settings: Settings) -> Inbound:
    from bot.channels.instagram.inbound import InstagramInbound  # noqa: PLC0415 - each process loads its half

    return InstagramInbound(settings.messenger_app_secret)


def _opens(settings: Settings) -> Outbound:
    from bot.channels.instagram.client import InstagramClient  # noqa: PLC0415 - the same

    return InstagramClient.to_account(
        settings.instagram_account_id,
        settings.messenger_page_access_token.get_secret_value(),
        settings.messenger_app_secret[0],
        api_url=settings.messenger_api_url,
        connections=settings.vendor_connections,
        brand_colour=settings.brand_color,
        pictures_at=pictures_at(settings.public_url, settings.messenger_api_url),
    )


def _facts(settings: Settings) -> Json:
    return {"pictures_at": pictures_at(settings.public_url, settings.messenger_api_url)}


def _installer(client: Any) -> Installer:
    from bot.channels.instagram.profile import InstagramMenus  # noqa: PLC0415 - for `giftdesk menus` alone

    return InstagramMenus(client)


async def _examines(client: Any, settings: Settings) -> list[Remark]:
    from bot.channels.messenger import account, webhooks  # noqa: PLC0415 - for `giftdesk doctor` alone

    subscribed = await webhooks.remarks(client, settings, "instagram")
    return [*subscribed, *await account.account_remarks(client, settings)]


def _answered_in(_: Translate) -> str:
    return _("the inbox of Meta Business Suite")


CHANNEL = Channel(
    name="instagram",
    title="Instagram",
    group="Instagram",
    settings="MESSENGER_PAGE_ACCESS_TOKEN, INSTAGRAM_ACCOUNT_ID",
    mantago="instagram",
    receives=_receives,
    opens=_opens,
    pushes_are_free=True,
    answered_in=_answered_in,
    path="messenger",
    facts=_facts,
    installer=_installer,
    examines=_examines,
)

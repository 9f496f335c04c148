"""LINE Messaging API: https://developers.line.biz/en/reference/messaging-api/"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.channels import Channel, Inbound, Installer, Json, Outbound, Remark, Translate, pictures_at
from bot.channels.line.relay import targets_of
from bot.config import Settings


def _receives(settings: Settings) -> Inbound:
    from bot.channels.line.inbound import LineInbound  # noqa: PLC0415 - each process loads its half

    return LineInbound(settings.line_channel_secret)


def _opens(settings: Settings) -> Outbound:
    from bot.channels.line.client import LineClient  # noqa: PLC0415 - the same

    return LineClient.connect(
        access_token=settings.line_channel_access_token.get_secret_value(),
        api_url=settings.line_api_url,
        brand_colour=settings.brand_color,
        connections=settings.vendor_connections,
    )


def _facts(settings: Settings) -> Json:
    address = f"https://line.me/R/ti/p/{settings.line_basic_id}" if settings.line_basic_id else ""
    shared = settings.passes_on or ("ours" if settings.line_relay == "ours" else "")
    return {
        "private_chat_url": address,
        "pictures_at": pictures_at(settings.public_url, settings.line_api_url),
        "shared": shared,
        "shared_with": tuple(target.name for target in targets_of(settings)),
        "greets": shared not in ("rest", "ours") or settings.line_relay_follow == "us",
    }


def _installer(client: Any) -> Installer:
    from bot.channels.line.menu import LineMenus  # noqa: PLC0415 - for `giftdesk menus` alone

    return LineMenus(client)


async def _examines(client: Any, settings: Settings) -> list[Remark]:
    remarks: list[Remark] = await client.account().remarks(settings)
    return remarks


def _knocks(settings: Settings) -> tuple[bytes, Mapping[str, str]]:
    from bot.channels.line.inbound import LineInbound  # noqa: PLC0415 - for the doctor alone

    # As the console's own test, but for the blanks: whoever writes JSON anew on the way would lose them.
    body = b'{"destination":"",  "events":[ ]}'
    return body, LineInbound(settings.line_channel_secret).sign(body)


def _answered_in(_: Translate) -> str:
    return _("LINE Official Account Manager, with chat switched on there")


CHANNEL = Channel(
    name="line",
    title="LINE",
    group="LINE",
    settings="LINE_CHANNEL_ACCESS_TOKEN",
    mantago="line",
    receives=_receives,
    opens=_opens,
    answered_in=_answered_in,
    list_page=30,  # five bubbles of six
    glance=9,
    facts=_facts,
    installer=_installer,
    examines=_examines,
    knocks=_knocks,
)

"""`giftdesk menus`: each channel's menus are installed, renewed and removed."""

from __future__ import annotations

import asyncio

from rich.console import Console
from rich.table import Table

from bot.channels import Channel, MenuContents, MenuTexts, Outbound, known, staff_menu
from bot.config import Settings
from bot.errors import ConfigurationError, GiftdeskError, UpstreamError
from bot.staff.routes import StaffRoutes
from bot.wiring import brands_of, load_languages, menu_texts, open_channels
from handlers.admin import STAFF_ROUTERS
from handlers.admin.menu import buttons

GOOD, DONE, WOULD = "[green]ok[/]", "[green]done[/]", "[yellow]would[/]"
LATER, LEFT, BAD = "[yellow]later[/]", "[red]left[/]", "[red]problem[/]"

Row = tuple[str, str]


def contents(settings: Settings, channel: Channel) -> MenuContents:
    """What a channel's menus should say, in each language."""
    brand, translators = brands_of(settings)[channel.name], load_languages(settings)
    staff = [
        MenuTexts(staff_menu(language, role), _("Menu"), buttons(_, tiles), "", "")
        for role, tiles in StaffRoutes(STAFF_ROUTERS, ()).menus(brand).items()
        for language, _ in translators.items()
    ]
    return MenuContents(menu_texts(translators, brand), settings.default_locale, settings.brand_color, staff)


def run(settings: Settings, *, dry_run: bool, remove: bool) -> bool:
    """Do it, or only say what would be done, as a table; whether all is now as it was asked for."""
    return asyncio.run(_run(settings, dry_run=dry_run, remove=remove))


async def _run(settings: Settings, *, dry_run: bool, remove: bool) -> bool:
    channels = open_channels(settings)
    if not channels:
        raise ConfigurationError("No channel is on; set LINE's or Messenger's settings (see .env.example)")
    table = Table("", "channel", "menu", show_lines=False)
    verdicts = set()
    try:
        for channel in known.CHANNELS:
            if channel.name in channels:
                client = channels[channel.name]
                for verdict, text in await _rows(settings, channel, client, dry_run=dry_run, remove=remove):
                    table.add_row(verdict, channel.title, text)
                    verdicts.add(verdict)
    finally:
        await asyncio.gather(*(channel.aclose() for channel in channels.values()))
    Console().print(table)
    return not verdicts & {LEFT, BAD}


async def _rows(settings: Settings, channel: Channel, client: Outbound, *, dry_run: bool, remove: bool) -> list[Row]:
    """One platform's changes; a failure there is its last row, and the other platform has its turn."""
    rows: list[Row] = []
    if channel.installer is None:
        return rows
    try:
        steps, foreign = await channel.installer(client).steps(contents(settings, channel), remove=remove)
        for text, change in steps:
            waits = "" if dry_run else await change()
            rows.append((LATER, f"{text}: {waits}") if waits else (WOULD if dry_run else DONE, text))
            if waits:
                break
    except GiftdeskError as error:
        return [*rows, (BAD, error.detail if isinstance(error, UpstreamError) else str(error))]
    if not steps:
        rows.append((GOOD, "nothing of ours is there" if remove else "as it should be; nothing to do"))
    if foreign and not remove:
        rows.append(
            (
                LEFT,
                f"{', '.join(name.replace('_', ' ') for name in foreign)}: set by somebody else, so it stays; remove it"
                " where it was made, or in Meta Business Suite, then run this again",
            )
        )
    return rows


async def differs(settings: Settings, name: str, client: Outbound) -> str:
    """What `giftdesk menus` would find amiss on a channel, for the doctor; "" when all is as it should be.

    Draws nothing: a few harmless calls. Raises UpstreamError.
    """
    channel = next(channel for channel in known.CHANNELS if channel.name == name)
    return await channel.installer(client).differs(contents(settings, channel)) if channel.installer else ""

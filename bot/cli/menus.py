"""`giftdesk menus`: LINE's rich menus and Messenger's profile are installed, renewed and removed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bot.channels import Outbound, Step
from bot.channels.line import menu as line
from bot.channels.line.client import LineClient
from bot.channels.messenger import profile as messenger
from bot.channels.messenger.client import MessengerClient
from bot.config import Settings
from bot.errors import ConfigurationError, GiftdeskError, UpstreamError
from bot.wiring import desks_of, load_languages, open_channels
from handlers.views.start import greeting, topics

GOOD, DONE, WOULD = "[green]ok[/]", "[green]done[/]", "[yellow]would[/]"
LATER, LEFT, BAD = "[yellow]later[/]", "[red]left[/]", "[red]problem[/]"
NAMES = {"line": "LINE", "messenger": "Messenger"}

Row = tuple[str, str]


def rich_menus(settings: Settings) -> list[line.RichMenu]:
    """The rich menu of each language."""
    desk = desks_of(settings)["line"]
    return [
        line.rich_menu(language, topics(_, desk), _("Menu"), settings.brand_color)
        for language, _ in load_languages(settings).items()
    ]


def pages(settings: Settings) -> list[messenger.Page]:
    """What the Messenger profile says in each language."""
    desk = desks_of(settings)["messenger"]
    return [
        messenger.Page(language, greeting(_, settings.brand), greeting(_, "%s"), topics(_, desk))
        for language, _ in load_languages(settings).items()
    ]


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
        for name, channel in channels.items():
            for verdict, text in await _rows(settings, channel, dry_run=dry_run, remove=remove):
                table.add_row(verdict, NAMES[name], text)
                verdicts.add(verdict)
    finally:
        await asyncio.gather(*(channel.aclose() for channel in channels.values()))
    Console().print(table)
    return not verdicts & {LEFT, BAD}


async def _rows(settings: Settings, channel: Outbound, *, dry_run: bool, remove: bool) -> list[Row]:
    """One platform's changes; a failure there is its last row, and the other platform has its turn."""
    rows: list[Row] = []
    try:
        steps, foreign = await _planned(settings, channel, remove=remove)
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


async def _planned(settings: Settings, channel: Outbound, *, remove: bool) -> tuple[list[Step], Sequence[str]]:
    """The steps that are needed, and what somebody else made that is in the way."""
    match channel:
        case LineClient():
            menus = line.RichMenus(channel)
            there = await menus.read()
            plan = line.plan([] if remove else rich_menus(settings), settings.default_locale, there)
            return menus.steps(plan, there), ()
        case MessengerClient():
            profile, ours = messenger.Profile(channel), pages(settings)
            wanted = None if remove else messenger.profile(ours, settings.default_locale)
            change = messenger.plan(wanted, ours, await profile.read())
            return profile.steps(change), change.foreign
        case _:
            return [], ()


async def differs(settings: Settings, channel: Outbound) -> str:
    """What `giftdesk menus` would find amiss, for the doctor; "" when all is as it should be.

    Draws nothing: a few harmless calls. Raises UpstreamError.
    """
    match channel:
        case LineClient():
            menus = await line.RichMenus(channel).read()
            if not menus.aliases:
                return "no rich menus; `giftdesk menus` installs them"
            if line.plan(rich_menus(settings), settings.default_locale, menus):
                return "the rich menus are not as they should be; `giftdesk menus` renews them, --dry-run says how"
        case MessengerClient():
            ours = pages(settings)
            page = await messenger.Profile(channel).read()
            change = messenger.plan(messenger.profile(ours, settings.default_locale), ours, page)
            if not page:
                return "no Get Started button and no persistent menu; `giftdesk menus` installs them"
            if change.put:
                return "the Messenger profile is not as it should be; `giftdesk menus` renews it, --dry-run says how"
            if change.foreign:
                return f"{', '.join(change.foreign)} of the Messenger profile were set by somebody else"
    return ""

"""LINE's rich menus: one per language as data, for customers and for staff, and how they are installed, renewed and
removed.

Ours are known by their names, `giftdesk <language> <fingerprint>`; a language's current one is found by its
alias, `giftdesk-<language>`. An alias is set when its menu is complete and never before, so whatever has our
name and no alias is unfinished or replaced. Whatever is not ours is left alone.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from bot.channels import Json, MenuContents, Step
from bot.channels.limits import clean, shorten_label
from bot.channels.line.aliases import ALIAS, alias_of
from bot.channels.line.client import LineClient
from bot.channels.line.flex import QUICK_REPLY_LABEL, tap
from bot.conversation.actions import menu_tap
from bot.conversation.messages import Button
from bot.errors import RateLimited

if TYPE_CHECKING:
    from bot.channels.line.account import Account

# https://developers.line.biz/en/reference/messaging-api/#upload-rich-menu-image-requirements
WIDTH = 2500  # pixels; one row, and two or three, are the sizes that LINE's own templates have
HEIGHTS = {1: 843, 2: 1686, 3: 1686}  # by rows; the width is at least 1.45 times the height
ROWS = {1: (1,), 2: (2,), 3: (3,), 4: (2, 2), 5: (2, 3), 6: (3, 3), 7: (2, 2, 3), 8: (2, 3, 3), 9: (3, 3, 3)}  # tiles
BAR = 14  # #rich-menu-object
NAME = "giftdesk "
MOVE_PAUSES = (0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 6.4)  # seconds; for very many customers LINE may take hours
_PARTS = (Path(__file__).with_name("picture.py"), Path(__file__).with_name("font") / "GiftdeskMenu.otf")


@dataclass(frozen=True, slots=True)
class RichMenu:
    """A menu as it should be: a language's, or one of the staff's, whose name stands for the language then.

    body: as LINE's API takes it, the name included. buttons: its tiles, in reading order.
    """

    language: str
    buttons: tuple[Button, ...]
    body: Json
    brand_colour: str

    @property
    def name(self) -> str:
        """Changes whenever anything that customers see or tap does."""
        return str(self.body["name"])

    @property
    def alias(self) -> str:
        return alias_of(self.language)

    def picture(self) -> bytes:
        """Drawn now, as a PNG. Raises ConfigurationError when the font lacks a character."""
        from bot.channels.line.picture import draw  # noqa: PLC0415 - Pillow is for this alone

        rows = ROWS[len(self.buttons)]
        return draw(self.buttons, rows, (WIDTH, HEIGHTS[len(rows)]), self.brand_colour)


def rich_menu(language: str, buttons: Sequence[Button], bar: str, brand_colour: str) -> RichMenu:
    """A menu of one to nine tiles. language: or the name of a staff menu. bar: what stands below it where it is opened
    and closed."""
    rows = ROWS[len(buttons)]
    height = HEIGHTS[len(rows)] // len(rows)
    bounds = [
        {
            "x": round(WIDTH * column / count),
            "y": height * row,
            "width": round(WIDTH * (column + 1) / count) - round(WIDTH * column / count),
            "height": height,
        }
        for row, count in enumerate(rows)
        for column in range(count)
    ]
    body: Json = {
        "size": {"width": WIDTH, "height": HEIGHTS[len(rows)]},
        "selected": True,
        "chatBarText": shorten_label(clean(bar), BAR),
        "areas": [
            {"bounds": place, "action": tap(button, menu_tap, QUICK_REPLY_LABEL)}
            for place, button in zip(bounds, buttons, strict=True)
        ],
    }
    # The picture's bytes differ with Pillow's version; what it is drawn from does not.
    seen = hashlib.sha256(orjson.dumps([body, brand_colour.upper()], option=orjson.OPT_SORT_KEYS))
    for part in _PARTS:
        seen.update(part.read_bytes())
    named: Json = {"name": f"{NAME}{language} {seen.hexdigest()[:12]}", **body}
    return RichMenu(language, tuple(buttons), named, brand_colour)


@dataclass(frozen=True, slots=True)
class Installed:
    """What an account has. ours, foreign: names by id. aliases: ids by alias, ours only.

    default: id of the menu for everybody; None when there is none.
    """

    ours: dict[str, str] = field(default_factory=dict)
    foreign: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done so that an account has what it should have, in the order of these fields.

    make:    menus to create.                                      main: the one to show to everybody, when
    clear:   whether to stop showing one of ours to everybody.           that is to change.
    forget:  aliases of languages that are gone.
    leave:   ids of ours that nobody should have any more, and the language they were for.
    """

    make: tuple[RichMenu, ...] = ()
    main: RichMenu | None = None
    clear: bool = False
    forget: tuple[str, ...] = ()
    leave: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.make or self.main or self.clear or self.forget or self.leave)


def plan(wanted: Sequence[RichMenu], default_language: str, there: Installed) -> Plan:
    """How to get from what is there to what is wanted; without any wanted menus, all of ours go."""
    current = {menu.alias: there.aliases.get(menu.alias, "") for menu in wanted}
    good = {menu.alias for menu in wanted if there.ours.get(current[menu.alias]) == menu.name}
    main = next((menu for menu in wanted if menu.language == default_language), None)
    kept = {current[alias] for alias in good}
    return Plan(
        make=tuple(menu for menu in wanted if menu.alias not in good),
        main=main if main and (main.alias not in good or there.default != current[main.alias]) else None,
        clear=main is None and there.default in there.ours,
        forget=tuple(alias for alias in there.aliases if alias not in current),
        leave={menu: f"{name} ".split(" ")[1] for menu, name in there.ours.items() if menu not in kept},
    )


class RichMenus:
    """The account's rich menus, read and changed through LINE's API.

    pauses: seconds between looks at how far LINE is with moving customers; then it is left to the next run.
    """

    def __init__(self, account: Account, pauses: Sequence[float] = MOVE_PAUSES) -> None:
        self._account = account
        self._pauses = pauses

    async def read(self) -> Installed:
        """What is there, in three harmless calls. Raises UpstreamError."""
        names, aliases, default = await asyncio.gather(
            self._account.menus(), self._account.aliases(), self._account.main_menu()
        )
        return Installed(
            ours={menu: name for menu, name in names.items() if name.startswith(NAME)},
            foreign={menu: name for menu, name in names.items() if not name.startswith(NAME)},
            aliases={alias: menu for alias, menu in aliases.items() if alias.startswith(ALIAS)},
            default=default,
        )

    async def validate(self, plan: Plan) -> None:
        """Let LINE look at the menus to be made, before anything is changed. Raises UpstreamError."""
        await asyncio.gather(*(self._account.validate(menu.body) for menu in plan.make))

    def steps(self, plan: Plan, there: Installed) -> list[Step]:
        """What carries out a plan, one change after the other.

        At every moment customers have a whole menu, old or new; cut short, it is finished by planning again.
        Raises ConfigurationError when a picture cannot be drawn.
        """
        current = dict(there.aliases)
        steps: list[Step] = []
        for menu in plan.make:
            picture = menu.picture()
            said = f"{menu.language}: menu of {len(menu.buttons)} tiles, picture of {len(picture) // 1024} kB"
            steps.append((said, partial(self._make, menu, picture, current)))
        if plan.main:
            said = f"{plan.main.language}: shown to everybody without a menu of their own"
            if there.default in there.foreign:
                said += f", instead of {there.foreign[there.default]!r} (not ours, stays in the account)"
            steps.append((said, partial(self._show, plan.main.alias, current)))
        if plan.clear:
            steps.append(("no menu shown to everybody any more", partial(_done, self._account.hide)))
        steps += [
            (f"alias {alias} deleted", partial(_done, self._account.delete_alias, alias)) for alias in plan.forget
        ]
        unfinished = {menu for menu, name in there.ours.items() if name in {each.name for each in plan.make}}
        replaced = {menu: language for menu, language in plan.leave.items() if menu not in unfinished}
        if replaced and (plan.make or len(plan.forget) < len(there.aliases)):
            said = "customers moved from old menus to the new ones"
            steps.append((said, partial(self._move, replaced, plan.forget, current)))
        steps += [
            (
                f"{language}: {'unfinished' if menu in unfinished else 'old'} menu deleted",
                partial(_done, self._account.delete, menu),
            )
            for menu, language in plan.leave.items()
        ]
        return steps

    async def _make(self, menu: RichMenu, picture: bytes, current: dict[str, str]) -> str:
        made = await self._account.create(menu.body)
        await self._account.picture(made, picture)
        await self._account.name(menu.alias, made, new=menu.alias not in current)
        current[menu.alias] = made
        return ""

    async def _show(self, alias: str, current: dict[str, str]) -> str:
        await self._account.show(current[alias])
        return ""

    async def _move(self, replaced: dict[str, str], gone: Sequence[str], current: dict[str, str]) -> str:
        """Give everybody who was linked to a replaced menu their language's new one.

        Otherwise they would see the account's menu, perhaps in another language, until they write again.
        """
        operations: list[Json] = []
        for old, language in sorted(replaced.items()):
            alias = alias_of(language)
            if alias in current and alias not in gone:
                operations.append({"type": "link", "from": old, "to": current[alias]})
            else:
                operations.append({"type": "unlink", "from": old})
        # The same key for the same work: asked again after a crash, LINE goes on instead of starting anew.
        key = hashlib.sha256(orjson.dumps(operations)).hexdigest()
        try:
            work = await self._account.move(operations, key)
        except RateLimited:
            return "LINE does this three times an hour; run this again later, it then clears the old menus away"
        if work is None:
            return ""  # One of them was never finished: LINE then moves nobody, and each is moved when they write.
        for pause in self._pauses:
            if await self._account.moved(work):
                return ""
            await asyncio.sleep(pause)
        return "LINE is still at it; run this again later, it then clears the old menus away"


async def _done(change: Callable[..., Awaitable[None]], *what: str) -> str:
    """A change after which nothing has to be waited for."""
    await change(*what)
    return ""


class LineMenus:
    """A rich menu for each language, and those of the staff, as `giftdesk menus` installs them."""

    def __init__(self, client: LineClient) -> None:
        self._menus = RichMenus(client.account())

    async def steps(self, wanted: MenuContents, *, remove: bool) -> tuple[list[Step], Sequence[str]]:
        there = await self._menus.read()
        planned = plan([] if remove else _rich_menus(wanted), wanted.default, there)
        await self._menus.validate(planned)
        return self._menus.steps(planned, there), ()

    async def differs(self, wanted: MenuContents) -> str:
        there = await self._menus.read()
        if not there.aliases:
            return "no rich menus; `giftdesk menus` installs them"
        if plan(_rich_menus(wanted), wanted.default, there):
            return "the rich menus are not as they should be; `giftdesk menus` renews them, --dry-run says how"
        return ""


def _rich_menus(wanted: MenuContents) -> list[RichMenu]:
    every = (*wanted.languages, *wanted.staff)
    return [rich_menu(each.language, each.topics, each.title, wanted.brand_colour) for each in every]

"""LINE's rich menus: one per language as data, for customers and for staff, and how they are installed, renewed and
removed.

Ours are known by their names, `giftdesk <language> <fingerprint>`; a language's current one is found by its
alias, `giftdesk-<language>`. An alias is set when its menu is complete and never before, so whatever has our
name and no alias is unfinished or replaced. Whatever is not ours is left alone.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import quote

import orjson

from bot.channels import Json, MenuContents, Step
from bot.channels.calls import LostError, NotSentError
from bot.channels.limits import clean, records, shorten_label, word
from bot.channels.line.aliases import ALIAS, alias_of
from bot.channels.line.client import Answer, LineClient
from bot.channels.line.flex import QUICK_REPLY_LABEL, tap
from bot.conversation.actions import menu_tap
from bot.conversation.messages import Button
from bot.errors import CredentialsRefused, RateLimited, UpstreamRefused, UpstreamUnavailable

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

    def __init__(self, client: LineClient, pauses: Sequence[float] = MOVE_PAUSES) -> None:
        self._client = client
        self._pauses = pauses

    async def read(self) -> Installed:
        """What is there, in three harmless calls. Raises UpstreamError."""
        menus, aliases, default = await asyncio.gather(
            self._call("GET", "/v2/bot/richmenu/list"),
            self._call("GET", "/v2/bot/richmenu/alias/list"),
            # 404: there is none. 403: the LINE Official Account Manager made it, and ours takes precedence.
            self._call("GET", "/v2/bot/user/all/richmenu", also=frozenset({403, 404})),
        )
        names = {
            str(menu.get("richMenuId")): str(menu.get("name", "")) for menu in records(menus.body.get("richmenus"))
        }
        pairs = [
            (word(alias.get("richMenuAliasId")) or "", word(alias.get("richMenuId")) or "")
            for alias in records(aliases.body.get("aliases"))
        ]
        return Installed(
            ours={menu: name for menu, name in names.items() if name.startswith(NAME)},
            foreign={menu: name for menu, name in names.items() if not name.startswith(NAME)},
            aliases={alias: menu for alias, menu in pairs if alias.startswith(ALIAS)},
            default=word(default.body.get("richMenuId")) if default.status == 200 else None,
        )

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
            steps.append(("no menu shown to everybody any more", partial(self._delete, "/v2/bot/user/all/richmenu")))
        steps += [
            (f"alias {alias} deleted", partial(self._delete, f"/v2/bot/richmenu/alias/{alias}"))
            for alias in plan.forget
        ]
        unfinished = {menu for menu, name in there.ours.items() if name in {each.name for each in plan.make}}
        replaced = {menu: language for menu, language in plan.leave.items() if menu not in unfinished}
        if replaced and (plan.make or len(plan.forget) < len(there.aliases)):
            said = "customers moved from old menus to the new ones"
            steps.append((said, partial(self._move, replaced, plan.forget, current)))
        steps += [
            (
                f"{language}: {'unfinished' if menu in unfinished else 'old'} menu deleted",
                partial(self._delete, f"/v2/bot/richmenu/{menu}"),
            )
            for menu, language in plan.leave.items()
        ]
        return steps

    async def _make(self, menu: RichMenu, picture: bytes, current: dict[str, str]) -> str:
        made = await self._call("POST", "/v2/bot/richmenu", menu.body)
        made_id = word(made.body.get("richMenuId")) or ""
        try:
            _must_be_good(await self._client.upload(f"/v2/bot/richmenu/{made_id}/content", picture))
        except (NotSentError, LostError):
            raise _no_answer() from None
        if menu.alias in current:
            await self._call("POST", f"/v2/bot/richmenu/alias/{menu.alias}", {"richMenuId": made_id})
        else:
            await self._call("POST", "/v2/bot/richmenu/alias", {"richMenuAliasId": menu.alias, "richMenuId": made_id})
        current[menu.alias] = made_id
        return ""

    async def _show(self, alias: str, current: dict[str, str]) -> str:
        await self._call("POST", f"/v2/bot/user/all/richmenu/{current[alias]}")
        return ""

    async def _delete(self, path: str) -> str:
        await self._call("DELETE", path, also=frozenset({404}))
        return ""

    async def _move(self, replaced: dict[str, str], gone: Sequence[str], current: dict[str, str]) -> str:
        """Give everybody who was linked to a replaced menu their language's new one.

        Otherwise they would see the account's menu, perhaps in another language, until they write again.
        """
        # https://developers.line.biz/en/reference/messaging-api/#batch-control-rich-menus-of-users
        operations: list[Json] = []
        for old, language in sorted(replaced.items()):
            alias = alias_of(language)
            if alias in current and alias not in gone:
                operations.append({"type": "link", "from": old, "to": current[alias]})
            else:
                operations.append({"type": "unlink", "from": old})
        # The same key for the same work: asked again after a crash, LINE goes on instead of starting anew.
        body = {"operations": operations, "resumeRequestKey": hashlib.sha256(orjson.dumps(operations)).hexdigest()}
        try:
            accepted = await self._call("POST", "/v2/bot/richmenu/batch", body, also=frozenset({400, 404}))
        except RateLimited:
            return "LINE does this three times an hour; run this again later, it then clears the old menus away"
        if accepted.status in {400, 404}:
            return ""  # One of them was never finished: LINE then moves nobody, and each is moved when they write.
        path = f"/v2/bot/richmenu/progress/batch?requestId={quote(accepted.request_id, safe='')}"
        for pause in self._pauses:
            if (await self._call("GET", path)).body.get("phase") == "succeeded":
                return ""
            await asyncio.sleep(pause)
        return "LINE is still at it; run this again later, it then clears the old menus away"

    async def _call(
        self, method: str, path: str, body: Json | None = None, *, also: frozenset[int] = frozenset()
    ) -> Answer:
        """One call. also: statuses that are an answer here, and no mistake. Raises UpstreamError."""
        try:
            answer = await self._client.call(method, path, body)
        except (NotSentError, LostError):
            raise _no_answer() from None
        if answer.status not in also:
            _must_be_good(answer)
        return answer


def _no_answer() -> UpstreamUnavailable:
    return UpstreamUnavailable("LINE", "no answer; check the network, and run this again: it goes on where it stopped")


def _must_be_good(answer: Answer) -> None:
    """Raises what a refusal means to whoever runs the command."""
    status, says = answer.status, clean(str(answer.body.get("message", "")))[:200]
    if 200 <= status < 300:
        return
    if status in {401, 403}:
        raise CredentialsRefused(
            "LINE",
            f"LINE_CHANNEL_ACCESS_TOKEN is refused (HTTP {status}); issue a new channel access token in the LINE"
            " Developers console and set it",
            status=status,
        )
    if status == 429:
        detail = "asked too often (LINE allows a hundred new and a hundred deleted menus an hour); run this again later"
        raise RateLimited("LINE", detail, answer.retry_after)
    if status >= 500:
        raise UpstreamUnavailable("LINE", f"HTTP {status}; run this again later: it goes on where it stopped")
    raise UpstreamRefused("LINE", f"HTTP {status} {says} {answer.paths}".strip(), status=status)


class LineMenus:
    """A rich menu for each language, and those of the staff, as `giftdesk menus` installs them."""

    def __init__(self, client: LineClient) -> None:
        self._menus = RichMenus(client)

    async def steps(self, wanted: MenuContents, *, remove: bool) -> tuple[list[Step], Sequence[str]]:
        there = await self._menus.read()
        return self._menus.steps(plan([] if remove else _rich_menus(wanted), wanted.default, there), there), ()

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

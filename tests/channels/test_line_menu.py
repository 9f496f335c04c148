"""LINE's rich menus: what they hold, how they look, and how they are installed, renewed and removed."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from fontTools.ttLib import TTFont
from PIL import Image
from urllib3.exceptions import HTTPError

from bot.channels import MenuContents, MenuTexts
from bot.channels.line import picture
from bot.channels.line.account import Account
from bot.channels.line.aliases import alias_of
from bot.channels.line.client import API_URL, LineClient
from bot.channels.line.colors import palette
from bot.channels.line.menu import Installed, LineMenus, RichMenu, RichMenus, plan, rich_menu
from bot.cli.font import EVERYTHING, labels
from bot.config import Settings, load_settings
from bot.conversation.context import Brand
from bot.conversation.messages import Button
from bot.errors import (
    ConfigurationError,
    ContractError,
    CredentialsRefused,
    RateLimited,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)
from bot.i18n import load_translators
from bot.staff.routes import StaffRoutes
from handlers.admin import STAFF_ROUTERS
from handlers.admin.menu import buttons
from handlers.views.choices import Go
from handlers.views.start import topics
from sandbox import Sandbox, shop
from sandbox.credentials import LINE_CHANNEL_ACCESS_TOKEN

LANGUAGES = load_translators(ZoneInfo("Asia/Taipei"))
ZH, EN = "zh_Hant_TW", "en"
GREEN, RED, YELLOW = "#0F766E", "#E11D48", "#FACC15"
SHOPS = [
    EVERYTHING,
    replace(EVERYTHING, shows_vouchers=False),
    replace(EVERYTHING, shows_vouchers=False, shows_cards=False),
    Brand("", "", redeems=True, shows_gifts=False),
    Brand("", "", redeems=False, shows_gifts=False),
]


def menu_of(language: str = ZH, desk: Brand = EVERYTHING, colour: str = GREEN) -> RichMenu:
    _ = LANGUAGES[language]
    return rich_menu(language, topics(_, desk), _("Menu"), colour)


class Sketch(RichMenu):
    """A menu with a picture that takes no time to draw."""

    def picture(self) -> bytes:
        return b"png of " + self.name.encode()


def sketches(colour: str = GREEN, *languages: str) -> list[Sketch]:
    """What is to be installed."""
    menus = [menu_of(language, colour=colour) for language in languages or (EN, ZH)]
    return [Sketch(menu.language, menu.buttons, menu.body, menu.brand_colour) for menu in menus]


# ── what they hold ───────────────────────────────────────────────────────────────────────────


def test_six_tiles_open_the_topics_in_order() -> None:
    """Three and three, and the one that wants a code opens the keyboard."""
    areas = menu_of().body["areas"]

    assert [area["action"]["data"] for area in areas] == [
        "go.gifts",
        "go.redeem",
        "go.vouchers",
        "go.cards",
        "go.language",
        "go.help",
    ]
    assert [area["action"].get("inputOption") for area in areas] == [None, "openKeyboard", None, None, None, None]
    assert areas[0]["action"]["label"] == "我的獎品"


@pytest.mark.parametrize("desk", SHOPS, ids=lambda desk: f"{len(topics(LANGUAGES[EN], desk))} tiles")
def test_the_tiles_cover_the_whole_picture(desk: Brand) -> None:
    """Whatever is switched off: no gap that nothing happens in, and no two tiles on one spot."""
    menu = menu_of(desk=desk)
    size, boxes = menu.body["size"], [area["bounds"] for area in menu.body["areas"]]

    assert sum(box["width"] * box["height"] for box in boxes) == size["width"] * size["height"]
    for number, one in enumerate(boxes):
        assert one["x"] + one["width"] <= size["width"]
        assert one["y"] + one["height"] <= size["height"]
        for other in boxes[number + 1 :]:
            apart = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
            assert apart or one["y"] + one["height"] <= other["y"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("desk", SHOPS, ids=lambda desk: f"{len(topics(LANGUAGES[EN], desk))} tiles")
async def test_line_takes_them(sandbox: Sandbox, line: LineClient, language: str, desk: Brand) -> None:
    """The validator's rules, and the official SDK's model loses nothing of them."""
    from linebot.v3.messaging import RichMenuRequest

    body = menu_of(language, desk).body
    answer = await line.call("POST", "/v2/bot/richmenu/validate", body)

    assert answer.status == 200, answer.body
    assert RichMenuRequest.from_dict(body).to_dict() == body
    assert all(len(area["action"]["label"]) <= 20 for area in body["areas"])


def test_the_name_changes_with_what_customers_see_and_with_nothing_else() -> None:
    """So that running the command again changes nothing, and a new colour does."""
    other_words = rich_menu(ZH, [Button("別的", Go(command="help"))], "選單", GREEN)

    assert menu_of().name == menu_of(colour=GREEN.lower()).name
    names = [menu.name for menu in (menu_of(), menu_of(EN), menu_of(colour=RED), menu_of(desk=SHOPS[1]), other_words)]
    assert len(set(names)) == len(names)
    assert all(name.startswith("giftdesk ") for name in names)


def test_an_alias_is_one_that_line_takes() -> None:
    """Small letters, digits, dashes and underscores."""
    assert alias_of("zh_Hant_TW") == "giftdesk-zh_hant_tw"


# ── how they look ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("language", "desk", "colour"),
    [(ZH, SHOPS[0], GREEN), (EN, SHOPS[1], RED), (ZH, SHOPS[2], YELLOW), (EN, SHOPS[3], GREEN), (EN, SHOPS[4], RED)],
)
def test_the_picture_is_what_line_takes(language: str, desk: Brand, colour: str) -> None:
    """A PNG of the size that was announced, a megabyte at most, with the brand's colour in it."""
    menu = menu_of(language, desk, colour)
    png = menu.picture()
    drawn = Image.open(io.BytesIO(png))

    assert drawn.format == "PNG"
    assert {"width": drawn.width, "height": drawn.height} == menu.body["size"]
    assert drawn.width / drawn.height >= 1.45
    assert len(png) < 300_000
    accent = palette(colour).accent
    wanted = [int(accent[at : at + 2], 16) for at in (1, 3, 5)]
    shown = [pixel for _, pixel in drawn.convert("RGB").getcolors(1 << 20) or [] if isinstance(pixel, tuple)]
    assert min(max(abs(one - other) for one, other in zip(wanted, pixel, strict=True)) for pixel in shown) <= 6


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_font_has_every_sign_of_the_labels(language: str) -> None:
    """When this fails, a label was changed or a language added: `make font` renews the font."""
    known = TTFont(picture.FONT).getBestCmap()
    missing = {sign for label in labels(LANGUAGES)[language] for sign in label if ord(sign) not in known}

    assert missing == set(), "run `make font`"


def test_the_font_is_small_and_comes_with_its_licence() -> None:
    """It may be shipped, under a name of its own."""
    licence = picture.FONT.with_name("OFL.txt").read_text()
    names = TTFont(picture.FONT)["name"]

    assert picture.FONT.stat().st_size <= 200_000
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert "Adobe" in licence
    assert "Noto" not in names.getDebugName(1)
    assert "SIL Open Font License" in names.getDebugName(13)


def test_a_label_that_cannot_be_drawn_is_refused() -> None:
    """A box where a letter should be would be installed for everybody; the command to run is named."""
    menu = rich_menu(EN, [Button("Trợ giúp", Go(command="help"))], "Menu", GREEN)

    with pytest.raises(ConfigurationError, match=r"ợú.*make font"):
        menu.picture()


def test_every_topic_has_an_icon() -> None:
    """A new topic needs one."""
    commands = {button.action.model_dump()["command"] for button in topics(LANGUAGES[EN], EVERYTHING)}
    tiles = {tile.tap for tile in StaffRoutes(STAFF_ROUTERS, ()).tiles}

    assert commands | tiles == set(picture.ICONS)


@pytest.mark.parametrize("tag", LANGUAGES)
def test_staff_menus_can_be_drawn(tag: str) -> None:
    """Three rows fit LINE's proportions, every letter is in the font, and areas fill the picture."""
    routes = StaffRoutes(STAFF_ROUTERS, ())
    for role, tiles in routes.menus(EVERYTHING).items():
        menu = rich_menu(f"{tag}-{role}", buttons(LANGUAGES[tag], tiles), "Menu", GREEN)
        width, height = menu.body["size"]["width"], menu.body["size"]["height"]

        assert Image.open(io.BytesIO(menu.picture())).size == (width, height)
        assert width / height >= 1.45
        places = [area["bounds"] for area in menu.body["areas"]]
        assert sum(place["width"] * place["height"] for place in places) == width * height


def test_long_labels_stand_on_two_lines() -> None:
    """Rather than in small print; and all labels of a menu are of one size."""
    font, lines = picture._labels(["Help", "Everything you won here"], [780, 780])

    assert lines == [["Help"], ["Everything", "you won here"]]
    assert font.size > picture.SINGLE_LINE


# ── what is to be done ───────────────────────────────────────────────────────────────────────

EN_MENU, ZH_MENU = sketches()
THERE = Installed(
    ours={"r-en": EN_MENU.name, "r-zh": ZH_MENU.name},
    foreign={"r-x": "Summer"},
    aliases={EN_MENU.alias: "r-en", ZH_MENU.alias: "r-zh"},
    default="r-zh",
)


def test_nothing_is_to_be_done_when_all_is_there() -> None:
    """Running it again is free."""
    assert not plan([EN_MENU, ZH_MENU], ZH, THERE)


@pytest.mark.parametrize(
    ("there", "default", "expected"),
    [
        (Installed(), ZH, {"make": (EN_MENU, ZH_MENU), "main": ZH_MENU}),
        (THERE, EN, {"main": EN_MENU}),
        (replace(THERE, default="r-x"), ZH, {"main": ZH_MENU}),
        (replace(THERE, default=None), ZH, {"main": ZH_MENU}),
        (replace(THERE, aliases={ZH_MENU.alias: "r-zh"}), ZH, {"make": (EN_MENU,), "leave": {"r-en": "en"}}),
        (
            replace(THERE, aliases=THERE.aliases | {EN_MENU.alias: "gone"}),
            ZH,
            {"make": (EN_MENU,), "leave": {"r-en": "en"}},
        ),
        (replace(THERE, ours=THERE.ours | {"r-old": "giftdesk en 0"}), ZH, {"leave": {"r-old": "en"}}),
        (
            replace(
                THERE,
                ours=THERE.ours | {"r-vi": "giftdesk vi 0"},
                aliases=THERE.aliases | {"giftdesk-vi": "r-vi"},
            ),
            ZH,
            {"forget": ("giftdesk-vi",), "leave": {"r-vi": "vi"}},
        ),
    ],
    ids=["fresh", "another default", "somebody's", "unset", "unfinished", "dangling", "replaced", "language gone"],
)
def test_only_what_differs_is_to_be_done(there: Installed, default: str, expected: dict[str, Any]) -> None:
    """Whatever state it is found in."""
    found = plan([EN_MENU, ZH_MENU], default, there)

    assert {name: getattr(found, name) for name in found.__slots__ if getattr(found, name)} == expected


def test_removing_is_wanting_none() -> None:
    """Ours go, and the account's menu is cleared only when it is ours."""
    found = plan([], ZH, THERE)

    assert (found.clear, set(found.leave), set(found.forget)) == (True, {"r-en", "r-zh"}, set(THERE.aliases))
    assert not plan([], ZH, replace(THERE, default="r-x")).clear


# ── installing ───────────────────────────────────────────────────────────────────────────────


class Died(Exception):
    """The command was cut short."""


class Mortal(Account):
    """Dies at its `dies_at`th change: before it is sent, or after it took effect."""

    dies_at: int
    after = False
    changes = 0

    async def ask(self, call: Any, *given: Any, **more: Any) -> Any:
        counts = not call.__name__.startswith(("get_", "validate_"))
        self.changes += counts
        if counts and self.changes == self.dies_at and not self.after:
            raise Died
        answer = await super().ask(call, *given, **more)
        if counts and self.changes == self.dies_at:
            raise Died
        return answer


def connected(sandbox: Sandbox) -> LineClient:
    return LineClient.connect(LINE_CHANNEL_ACCESS_TOKEN, api_url=f"{sandbox.url}/line", read_seconds=2)


def mortal(sandbox: Sandbox, dies_at: int, *, after: bool) -> LineClient:
    """A client whose account's set-up dies."""
    client = connected(sandbox)
    client._account = account = Mortal(f"{sandbox.url}/line", LINE_CHANNEL_ACCESS_TOKEN)
    account.dies_at, account.after = dies_at, after
    return client


@pytest.fixture
async def line(sandbox: Sandbox) -> AsyncIterator[LineClient]:
    client = connected(sandbox)
    yield client
    await client.aclose()


async def install(line: LineClient, menus: Sequence[RichMenu], default: str = ZH) -> list[str]:
    """Plan, and do what is planned; returns what was said."""
    menus_there = RichMenus(line.account(), pauses=(0, 0))
    there = await menus_there.read()
    said = []
    for text, change in menus_there.steps(plan(menus, default, there), there):
        waits = await change()
        said.append(f"{text}: {waits}" if waits else text)
        if waits:
            break
    return said


def whole(sandbox: Sandbox, menu: str | None) -> bool:
    """Whether customers see something when they have this menu."""
    return menu in sandbox.line.rich_menus and menu in sandbox.line.rich_menu_images


def installed(sandbox: Sandbox) -> dict[str, str]:
    """The names of the account's menus by the alias that leads to them; `all` is everybody's."""
    line = sandbox.line
    names = {menu: body["name"] for menu, body in line.rich_menus.items()}
    found = {alias: names[menu] for alias, menu in line.rich_menu_aliases.items()}
    return found | ({"all": names[line.rich_menu_of["all"]]} if "all" in line.rich_menu_of else {})


def as_wanted(sandbox: Sandbox, menus: Sequence[RichMenu], default: str = ZH) -> bool:
    """Exactly these menus are there, complete, each under its alias, and one is everybody's."""
    wanted = {menu.alias: menu.name for menu in menus}
    [everybodys] = [menu.name for menu in menus if menu.language == default]
    names = sorted(body["name"] for body in sandbox.line.rich_menus.values() if "giftdesk" in body["name"])
    return (
        installed(sandbox) == wanted | {"all": everybodys}
        and names == sorted(wanted.values())
        and all(whole(sandbox, menu) for menu in sandbox.line.rich_menus)
    )


async def test_installing_again_changes_nothing(sandbox: Sandbox, line: LineClient) -> None:
    """One read of what is there, and not one change."""
    await install(line, sketches())
    assert as_wanted(sandbox, sketches())
    sandbox.journal.clear()

    assert await install(line, sketches()) == []
    assert {call.method for call in sandbox.calls("line")} == {"GET"}
    assert len(sandbox.calls("line")) == 3


async def test_a_new_look_replaces_the_old_menus(sandbox: Sandbox, line: LineClient) -> None:
    """Customers who had a language's menu have its new one, without writing anything."""
    await install(line, sketches())
    old = sandbox.line.rich_menu_aliases["giftdesk-en"]
    await line.menus.learn()
    assert await line.menus.give("U" + "1" * 32, line.menus.due(EN, "") or "")

    said = await install(line, sketches(RED))

    assert as_wanted(sandbox, sketches(RED))
    new = sandbox.line.rich_menu_aliases["giftdesk-en"]
    assert sandbox.line.rich_menu_of["U" + "1" * 32] == new != old
    assert "customers moved from old menus to the new ones" in said


async def test_a_language_that_is_gone_takes_its_menu_along(sandbox: Sandbox, line: LineClient) -> None:
    """Who had it sees everybody's."""
    await install(line, sketches())
    await line.menus.learn()
    await line.menus.give("U" + "1" * 32, line.menus.due(EN, "") or "")

    await install(line, sketches(GREEN, ZH))

    assert as_wanted(sandbox, sketches(GREEN, ZH))
    assert "U" + "1" * 32 not in sandbox.line.rich_menu_of


async def test_what_others_made_is_left_alone(sandbox: Sandbox, line: LineClient) -> None:
    """Also when it is shown to everybody: then ours takes its place, and says so; removing ours leaves it."""
    body = {**menu_of().body, "name": "Summer campaign"}
    theirs = str((await line.call("POST", "/v2/bot/richmenu", body)).body["richMenuId"])
    await line.account().picture(theirs, b"theirs")
    await line.call("POST", "/v2/bot/richmenu/alias", {"richMenuAliasId": "summer", "richMenuId": theirs})
    await line.call("POST", f"/v2/bot/user/all/richmenu/{theirs}")

    said = await install(line, sketches())
    await install(line, [])

    assert any("Summer campaign" in text for text in said)
    assert set(sandbox.line.rich_menus) == {theirs}
    assert sandbox.line.rich_menu_aliases == {"summer": theirs}
    assert sandbox.line.rich_menu_images[theirs] == b"theirs"


async def test_removing_does_not_clear_somebody_elses_choice(sandbox: Sandbox, line: LineClient) -> None:
    """A campaign's menu that was put in place of ours stays on show."""
    await install(line, sketches())
    body = {**menu_of().body, "name": "Summer campaign"}
    theirs = str((await line.call("POST", "/v2/bot/richmenu", body)).body["richMenuId"])
    await line.account().picture(theirs, b"theirs")
    await line.call("POST", f"/v2/bot/user/all/richmenu/{theirs}")

    await install(line, [])

    assert sandbox.line.rich_menu_of == {"all": theirs}
    assert await install(line, []) == []


@pytest.mark.parametrize("after", [False, True], ids=["before a change", "after a change"])
@pytest.mark.parametrize("fresh", [True, False], ids=["first time", "renewal"])
async def test_cut_short_anywhere_it_leaves_a_whole_menu_and_is_finished_by_the_next(
    sandbox: Sandbox, line: LineClient, fresh: bool, after: bool
) -> None:
    """Dies at each of its changes in turn: customers always have something complete, and nothing is left over."""
    customer = "U" + "1" * 32
    deaths = 0
    for dies_at in range(1, 30):
        sandbox.line.reset(sandbox.people)
        if not fresh:
            await install(line, sketches())
            await line.menus.learn()
            await line.menus.give(customer, line.menus.due(EN, "") or "")
        dying = mortal(sandbox, dies_at, after=after)
        try:
            await install(dying, sketches(RED))
        except Died:
            deaths += 1
        else:
            break
        finally:
            await dying.aclose()
        has = sandbox.line
        assert all(whole(sandbox, menu) for menu in has.rich_menu_aliases.values())
        if not fresh:
            assert whole(sandbox, has.rich_menu_of["all"])
            assert whole(sandbox, has.rich_menu_of[customer])

        await install(line, sketches(RED))

        assert as_wanted(sandbox, sketches(RED)), f"after dying at change {dies_at}"
        if not fresh:
            assert has.rich_menu_of[customer] == has.rich_menu_aliases["giftdesk-en"]
    assert deaths == (7 if fresh else 10)


@pytest.mark.parametrize("after", [False, True], ids=["before a change", "after a change"])
async def test_a_removal_cut_short_is_finished_by_the_next(sandbox: Sandbox, line: LineClient, after: bool) -> None:
    """Nothing of ours is left, whatever was done already."""
    for dies_at in range(1, 6):
        sandbox.line.reset(sandbox.people)
        await install(line, sketches())
        dying = mortal(sandbox, dies_at, after=after)
        with pytest.raises(Died):
            await install(dying, [])
        await dying.aclose()

        await install(line, [])

        has = sandbox.line
        assert (has.rich_menus, has.rich_menu_aliases, has.rich_menu_of) == ({}, {}, {})


async def test_old_menus_stay_until_line_has_moved_their_customers(sandbox: Sandbox, line: LineClient) -> None:
    """For very many customers it takes hours; a later run clears the old ones away."""
    await install(line, sketches())
    ongoing = {"phase": "ongoing", "acceptedTime": "2026-11-20T10:00:00.000Z"}
    sandbox.fault("line:GET /v2/bot/richmenu/progress/batch", body=ongoing, times=2)

    said = await install(line, sketches(RED))
    assert "run this again later" in said[-1]
    assert len(sandbox.line.rich_menus) == 4

    await install(line, sketches(RED))
    assert as_wanted(sandbox, sketches(RED))
    keys = [call.json["resumeRequestKey"] for call in sandbox.calls("line", "POST /v2/bot/richmenu/batch")]
    assert len(keys) == 2
    assert len(set(keys)) == 1, "LINE goes on with the same work"


async def test_more_changes_than_line_allows_in_an_hour_wait(sandbox: Sandbox, line: LineClient) -> None:
    """The new menus are shown all the same."""
    await install(line, sketches())
    sandbox.fault("line:POST /v2/bot/richmenu/batch", status=429, times=1)

    said = await install(line, sketches(RED))
    assert "three times an hour" in said[-1]
    assert installed(sandbox)["all"] == menu_of(ZH, colour=RED).name

    await install(line, sketches(RED))
    assert as_wanted(sandbox, sketches(RED))


@pytest.mark.parametrize(
    ("fault", "error", "teaches"),
    [
        ({"status": 401}, CredentialsRefused, "LINE_CHANNEL_ACCESS_TOKEN"),
        ({"status": 429}, RateLimited, "again later"),
        ({"status": 500}, UpstreamUnavailable, "where it stopped"),
        ({"drop": True}, UpstreamUnavailable, "network"),
        ({"status": 400, "body": {"message": "The maximum number of rich menus"}}, UpstreamError, "maximum number"),
        ({"body": {"richMenuId": 7}}, ContractError, "newer line-bot-sdk"),
    ],
)
async def test_what_goes_wrong_says_what_to_do(
    sandbox: Sandbox, line: LineClient, fault: dict[str, Any], error: type[UpstreamError], teaches: str
) -> None:
    """In the words of the command, without the token."""
    sandbox.fault("line:POST /v2/bot/richmenu", **fault)

    with pytest.raises(error, match=teaches) as told:
        await install(line, sketches())
    assert LINE_CHANNEL_ACCESS_TOKEN not in str(told.value)


async def test_a_menu_that_line_does_not_take_is_told_before_anything_is_changed(
    sandbox: Sandbox, line: LineClient
) -> None:
    """Also by a dry run, which does no more than this."""
    wanted = MenuContents([MenuTexts(EN, "Menu", topics(LANGUAGES[EN], EVERYTHING), "", "")], EN, GREEN)
    sandbox.fault("line:POST /v2/bot/richmenu/validate", status=400, body={"message": "invalid bounds"})

    with pytest.raises(UpstreamRefused, match="invalid bounds"):
        await LineMenus(line).steps(wanted, remove=False)
    assert sandbox.line.rich_menus == {}


async def test_a_picture_goes_to_lines_host_for_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only there it is taken; the sandbox has one host for both."""
    asked: list[tuple[str, str]] = []
    account = Account(API_URL, "token")

    def sends(method: str, url: str, headers: dict[str, str], **more: Any) -> None:
        asked.append((urlsplit(url).netloc, headers["Content-Type"] if method == "POST" else ""))
        raise HTTPError

    monkeypatch.setattr(account._client.rest_client.pool_manager, "request", sends)
    with pytest.raises(UpstreamUnavailable):
        await account.picture("r", b"png")
    with pytest.raises(UpstreamUnavailable):
        await account.menus()
    assert asked == [("api-data.line.me", "image/png"), ("api.line.me", "")]


# ── what the doctor says of the account ──────────────────────────────────────────────────────


async def test_the_account_as_it_should_be(sandbox: Sandbox, line: LineClient) -> None:
    """LINE knocks at the webhook, and somebody answers."""
    async with _webhook(200) as url:
        sandbox.line.webhook, sandbox.line.monthly_limit, sandbox.line.pushed = f"{url}/webhooks/line", 200, 12
        remarks = await line.account().remarks(_settings(public_url=url, line_basic_id=f"@{shop.HANDLE}"))

    assert [well for well, _ in remarks] == [True, True, False]
    assert "12 of the plan's 200" in remarks[0][1]
    assert f"{url}/webhooks/line" in remarks[1][1]
    assert "LINE does not tell whether Webhook redelivery is on" in remarks[2][1]


@pytest.mark.parametrize(
    ("endpoint", "settings", "teaches"),
    [
        (None, {}, "no webhook URL, so nobody is answered: enter https://bot.example/webhooks/line"),
        ("https://old.example/webhooks/line", {}, "by PUBLIC_URL it should be https://bot.example/webhooks/line"),
        ("https://bot.example/webhooks/line", {}, "cannot reach its webhook URL https://bot.example/webhooks/line"),
        (None, {"line_basic_id": "@other"}, f"LINE_BASIC_ID is @other, but the account is @{shop.HANDLE}"),
    ],
)
async def test_what_is_amiss_with_the_account_is_taught(
    sandbox: Sandbox, line: LineClient, endpoint: str | None, settings: dict[str, str], teaches: str
) -> None:
    sandbox.line.webhook = endpoint
    remarks = await line.account().remarks(_settings(public_url="https://bot.example", **settings))

    assert [text for well, text in remarks if not well and teaches in text], remarks


async def test_a_webhook_that_is_off_and_a_plan_that_is_used_up(sandbox: Sandbox, line: LineClient) -> None:
    sandbox.line.monthly_limit = sandbox.line.pushed = 200
    off = {"endpoint": "https://bot.example/webhooks/line", "active": False}
    sandbox.fault("line:GET /v2/bot/channel/webhook/endpoint", body=off)
    remarks = await line.account().remarks(_settings())

    assert [well for well, _ in remarks] == [False, False, False]
    assert "nothing can be pushed" in remarks[0][1] and "switch Use webhook on" in remarks[1][1]


def _settings(**more: Any) -> Settings:
    return load_settings(secret_key="k" * 64, database_url="postgresql://x@127.0.0.1/x", **more)


@asynccontextmanager
async def _webhook(status: int) -> AsyncIterator[str]:
    """Somebody who answers every webhook."""

    async def answers(request: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/webhooks/line", answers)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def test_neither_web_nor_worker_loads_the_sdk() -> None:
    """It takes half a second and 40 MB."""
    modules = "bot.web, bot.worker, bot.channels.line.client, bot.channels.line.inbound, bot.channels.line.menu"
    script = f"import sys, {modules}; print('linebot' in sys.modules, 'httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "True"]


# ── whose is which ───────────────────────────────────────────────────────────────────────────


async def test_nothing_is_due_while_no_menus_are_known(line: LineClient) -> None:
    """Not installed, or not read yet: no calls about it."""
    await line.menus.learn()

    assert line.menus.due(EN, "") is None
    assert line.menus.due(None, "r-old") is None


async def test_what_is_due_follows_from_language_and_what_they_have(sandbox: Sandbox, line: LineClient) -> None:
    """Theirs once, everybody's when their language has none, always when it is not known what they have."""
    await install(line, sketches())
    await line.menus.learn()
    english = sandbox.line.rich_menu_aliases["giftdesk-en"]

    assert line.menus.due(EN, "") == english
    assert line.menus.due(EN, "r-old") == english
    assert line.menus.due(EN, english) is None
    assert line.menus.due(None, english) == ""
    assert line.menus.due("vi", english) == ""
    assert line.menus.due(None, "") is None
    assert line.menus.due(None, None) == ""


async def test_a_replaced_menu_is_noticed_when_it_is_given(sandbox: Sandbox, line: LineClient) -> None:
    """The giving fails, and what is due is known at once."""
    await install(line, sketches())
    await line.menus.learn()
    old = line.menus.due(EN, "") or ""
    await install(line, sketches(RED))

    assert not await line.menus.give("U" + "1" * 32, old)
    assert line.menus.due(EN, "") == sandbox.line.rich_menu_aliases["giftdesk-en"]


@pytest.mark.parametrize("fault", [{"status": 500}, {"drop": True}, {"body": {"aliases": "many"}}])
async def test_line_in_trouble_is_left_alone(sandbox: Sandbox, line: LineClient, fault: dict[str, Any]) -> None:
    """None are known until they can be read again."""
    await install(line, sketches())
    await line.menus.learn()
    sandbox.fault("line", **fault)

    await line.menus.learn()

    assert line.menus.due(EN, "") is None

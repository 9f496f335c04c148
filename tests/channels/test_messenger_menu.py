"""The Messenger profile: what it holds, and how it is set, renewed and removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.channels import MenuTexts
from bot.channels.messenger.client import MessengerClient
from bot.channels.messenger.profile import Plan, Profile, locales_of, plan, profile
from bot.cli.font import EVERYTHING
from bot.conversation.messages import Button
from bot.errors import CredentialsRefused, RateLimited, UpstreamError, UpstreamRefused, UpstreamUnavailable
from bot.i18n import load_translators
from handlers.views.choices import Go
from handlers.views.start import greeting, topics
from sandbox import Sandbox
from sandbox.credentials import MESSENGER_APP_SECRET, MESSENGER_PAGE_ACCESS_TOKEN

LANGUAGES = load_translators(ZoneInfo("Asia/Taipei"))
ZH = "zh_Hant_TW"
SUMMER = [{"locale": "default", "text": "Summer sale, until Sunday!"}]
SHOP = [
    {
        "locale": "default",
        "composer_input_disabled": False,
        "call_to_actions": [{"type": "web_url", "title": "Shop", "url": "https://example.com"}],
    }
]


def pages(brand: str = "咖波商店") -> list[MenuTexts]:
    return [
        MenuTexts(tag, _("Menu"), topics(_, EVERYTHING), greeting(_, brand), greeting(_, "%s"))
        for tag, _ in LANGUAGES.items()
    ]


def wanted(brand: str = "咖波商店", default: str = ZH) -> dict[str, Any]:
    return profile(pages(brand), default)


@pytest.fixture
async def page(sandbox: Sandbox) -> AsyncIterator[Profile]:
    client = MessengerClient.connect(
        MESSENGER_PAGE_ACCESS_TOKEN, MESSENGER_APP_SECRET, api_url=f"{sandbox.url}/messenger/v26.0", read_seconds=1
    )
    yield Profile(client)
    await client.aclose()


async def carry_out(page: Profile, planned: Plan) -> None:
    for _, change in page.steps(planned):
        assert await change() == ""


async def install(page: Profile, brand: str = "咖波商店") -> Plan:
    planned = plan(wanted(brand), pages(brand), await page.read())
    await carry_out(page, planned)
    return planned


async def remove(page: Profile) -> Plan:
    planned = plan(None, pages(), await page.read())
    await carry_out(page, planned)
    return planned


# ── what it holds ────────────────────────────────────────────────────────────────────────────


def test_every_locale_has_its_language() -> None:
    """Taiwan, Hong Kong and whoever reads Chinese; English on both sides of the sea; the default for the rest."""
    menus = {entry["locale"]: entry for entry in wanted()["persistent_menu"]}
    greetings = {entry["locale"]: entry["text"] for entry in wanted()["greeting"]}

    assert {"default", "zh_TW", "zh_HK", "en_US"} <= set(menus) == set(greetings)
    assert menus["default"]["call_to_actions"] == menus["zh_TW"]["call_to_actions"]
    assert menus["en_US"]["call_to_actions"][0] == {"type": "postback", "title": "My gifts", "payload": "go.gifts"}
    assert greetings["zh_HK"] == greetings["default"] != greetings["en_US"]
    assert [item["payload"] for item in menus["zh_HK"]["call_to_actions"]] == [
        "go.gifts",
        "go.redeem",
        "go.vouchers",
        "go.cards",
        "go.language",
        "go.help",
    ]


def test_the_default_is_the_brands_language() -> None:
    """Whoever's locale has no entry reads what DEFAULT_LOCALE says."""
    menus = {entry["locale"]: entry for entry in wanted(default="en")["persistent_menu"]}

    assert menus["default"]["call_to_actions"] == menus["en_US"]["call_to_actions"]


def test_codes_can_always_be_typed() -> None:
    """A menu that takes the keyboard away would take the redeeming away."""
    assert [menu["composer_input_disabled"] for menu in wanted()["persistent_menu"]] == [False] * 6


@pytest.mark.parametrize(
    ("language", "locales"), [("vi", ("vi_VN",)), ("ja", ("ja_JP",)), ("pt_BR", ("pt_BR",)), ("x", ())]
)
def test_a_new_language_finds_its_locale(language: str, locales: tuple[str, ...]) -> None:
    """A new catalogue is enough."""
    assert locales_of(language) == locales


def test_a_long_brand_fits() -> None:
    """160 characters of greeting, whatever the brand is called."""
    assert max(len(entry["text"]) for entry in wanted("咖" * 200)["greeting"]) <= 160


def test_long_titles_are_cut() -> None:
    """Titles have thirty characters at most."""
    long = MenuTexts("en", "Menu", (Button("x" * 40, Go(command="help")),), "Hi", "%s")

    [default, *_] = profile([long], "en")["persistent_menu"]
    assert len(default["call_to_actions"][0]["title"]) <= 30


# ── what is to be done ───────────────────────────────────────────────────────────────────────


def test_the_order_of_locales_and_what_messenger_adds_do_not_matter() -> None:
    """It is still the same profile."""
    there = wanted()
    there["greeting"] = there["greeting"][::-1]
    there["persistent_menu"] = [
        {**menu, "disabled_surfaces": [], "call_to_actions": [{**item, "id": 1} for item in menu["call_to_actions"]]}
        for menu in there["persistent_menu"][::-1]
    ]
    for menu in there["persistent_menu"]:
        del menu["composer_input_disabled"]

    assert not plan(wanted(), pages(), there)


def test_another_brand_is_still_ours() -> None:
    """So that renaming the brand renews the greeting."""
    assert set(plan(wanted("New"), pages("New"), wanted("Old")).put) == {"greeting"}


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("greeting", SUMMER), ("persistent_menu", SHOP), ("get_started", {"payload": "WELCOME"})],
)
def test_what_somebody_else_set_stays(name: str, theirs: Any) -> None:
    """It is named, and neither set nor removed."""
    there = wanted() | {name: theirs}
    setting, removing = plan(wanted("Other"), pages("Other"), there), plan(None, pages(), there)

    assert (setting.foreign, removing.foreign) == ((name,), (name,))
    assert name not in setting.put
    assert name not in removing.drop


def test_get_started_stays_under_somebody_elses_menu() -> None:
    """Messenger refuses to take it away from there."""
    assert "get_started" not in plan(None, pages(), wanted() | {"persistent_menu": SHOP}).drop


# ── setting it ───────────────────────────────────────────────────────────────────────────────


async def test_one_call_sets_everything(sandbox: Sandbox, page: Profile) -> None:
    """Ten are allowed in ten minutes; running it again makes one, to read."""
    await install(page)
    assert [call.method for call in sandbox.calls("messenger")] == ["GET", "POST"]
    assert sandbox.messenger.profile == wanted()
    sandbox.journal.clear()

    assert not await install(page)
    assert [call.method for call in sandbox.calls("messenger")] == ["GET"]


async def test_what_was_set_by_hand_is_kept(sandbox: Sandbox, page: Profile) -> None:
    """Get Started as the README once said, and other properties of the profile."""
    sandbox.messenger.profile = {"get_started": {"payload": "GET_STARTED"}, "ice_breakers": [{"question": "Open?"}]}

    planned = await install(page)

    assert set(planned.put) == {"greeting", "persistent_menu"}
    assert sandbox.messenger.profile["ice_breakers"] == [{"question": "Open?"}]


async def test_a_new_brand_changes_the_greeting_alone(sandbox: Sandbox, page: Profile) -> None:
    """One call with one property."""
    await install(page)
    sandbox.journal.clear()

    await install(page, "Other")

    [changed] = sandbox.calls("messenger", "POST /me/messenger_profile")
    assert set(changed.json) == {"greeting"}


async def test_ours_is_removed_and_nothing_else(sandbox: Sandbox, page: Profile) -> None:
    """In one call; a second time there is nothing to do."""
    await install(page)
    sandbox.messenger.profile["ice_breakers"] = [{"question": "Open?"}]

    await remove(page)

    assert sandbox.messenger.profile == {"ice_breakers": [{"question": "Open?"}]}
    assert not await remove(page)


async def test_somebody_elses_profile_survives_both(sandbox: Sandbox, page: Profile) -> None:
    """Setting and removing go around it."""
    sandbox.messenger.profile = {"get_started": {"payload": "WELCOME"}, "greeting": SUMMER, "persistent_menu": SHOP}
    theirs = dict(sandbox.messenger.profile)

    await install(page)
    await remove(page)

    assert sandbox.messenger.profile == theirs


@pytest.mark.parametrize(
    ("fault", "error", "teaches"),
    [
        ({"status": 401}, CredentialsRefused, "MESSENGER_PAGE_ACCESS_TOKEN"),
        ({"status": 429}, RateLimited, "ten minutes"),
        ({"status": 500}, UpstreamUnavailable, "again later"),
        ({"drop": True}, UpstreamUnavailable, "network"),
        ({"status": 400, "body": {"error": {"code": 100}}}, UpstreamRefused, "MESSENGER_APP_SECRET"),
    ],
)
async def test_what_goes_wrong_says_what_to_do(
    sandbox: Sandbox, page: Profile, fault: dict[str, Any], error: type[UpstreamError], teaches: str
) -> None:
    """In the words of the command, without the token."""
    sandbox.fault("messenger", **fault)

    with pytest.raises(error, match=teaches) as told:
        await install(page)
    assert MESSENGER_PAGE_ACCESS_TOKEN not in str(told.value)

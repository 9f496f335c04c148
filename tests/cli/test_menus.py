"""`giftdesk menus` as somebody types it: what it says, what it does, and the status it ends with."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine.processes import command, environment

from sandbox import Sandbox

LINE_ALONE = (
    "MESSENGER_APP_SECRET",
    "MESSENGER_PAGE_ACCESS_TOKEN",
    "MESSENGER_VERIFY_TOKEN",
    "INSTAGRAM_ACCOUNT_ID",
)
THEIRS = [
    {
        "locale": "default",
        "composer_input_disabled": False,
        "call_to_actions": [{"type": "web_url", "title": "Shop", "url": "https://example.com"}],
    }
]


@pytest.fixture
def env(tmp_path: Path, sandbox: Sandbox) -> dict[str, str]:
    """A machine with everything set right; this command needs no database."""
    return environment(tmp_path, sandbox, BRAND="Capoo")


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(env: dict[str, str], sandbox: Sandbox) -> None:
    """Reads only, and lets LINE look at what it would get."""
    status, said = await command("menus", "--dry-run", env=env)

    assert status == 0, said
    assert all(word in said for word in ("would", "zh_Hant_TW", "6 tiles", "persistent menu"))
    assert "done" not in said
    assert {call.path for call in sandbox.calls() if call.method != "GET"} == {"/v2/bot/richmenu/validate"}


async def test_installing_again_removing_and_the_doctor(env: dict[str, str], sandbox: Sandbox, database: str) -> None:
    """The whole life of the menus: the doctor notes that they are missing, and later that they differ."""
    doctor = {**env, "DATABASE_URL": database, "SECRET_KEY": "k" * 64}
    status, said = await command("doctor", env=doctor)
    assert (status, said.count("`giftdesk menus` installs them")) == (0, 2), said

    status, said = await command("menus", env=env)
    assert (status, "done" in said) == (0, True), said
    # Managers and owners have the staff's.
    languages, roles = ("en", "zh_hant_tw"), ("", "-staff", "-viewer", "-counter")
    assert set(sandbox.line.rich_menu_aliases) == {f"giftdesk-{tag}{role}" for tag in languages for role in roles}
    assert all(image.startswith(b"\x89PNG") for image in sandbox.line.rich_menu_images.values())
    assert sandbox.messenger.profile["get_started"] == {"payload": "GET_STARTED"}
    before = set(sandbox.line.rich_menus)

    status, said = await command("menus", env=env)
    assert (status, said.count("nothing to do")) == (0, 3), said
    assert set(sandbox.line.rich_menus) == before
    _, said = await command("doctor", env={**doctor, "BRAND_COLOR": "#E11D48", "BRAND": "Other"})
    assert said.count("--dry-run says how") == 2, said
    _, said = await command("doctor", env=doctor)
    assert "giftdesk menus" not in said

    status, said = await command("menus", "--remove", env=env)
    assert status == 0, said
    assert (sandbox.line.rich_menus, sandbox.line.rich_menu_aliases, sandbox.messenger.profile) == ({}, {}, {})


async def test_a_refused_token_does_not_keep_the_other_channel_from_its_menus(
    env: dict[str, str], sandbox: Sandbox
) -> None:
    """Status 1, what to do, no secret on the screen."""
    status, said = await command("menus", env={**env, "LINE_CHANNEL_ACCESS_TOKEN": "mistyped-mistyped"})

    assert status == 1
    assert "LINE_CHANNEL_ACCESS_TOKEN" in said
    assert "mistyped" not in said
    assert "Traceback" not in said
    assert "persistent_menu" in sandbox.messenger.profile


async def test_what_somebody_else_set_is_left_and_told(env: dict[str, str], sandbox: Sandbox) -> None:
    """Status 1: not everything is as it was asked for. Vendors that are off have no tiles."""
    sandbox.messenger.profile["persistent_menu"] = THEIRS
    off = {name: "" for name in env if name.startswith(("GOTIT_", "ALTEGIO_"))}
    status, said = await command("menus", env={**env, **off})

    assert status == 1
    assert "persistent menu: set by somebody else" in said
    assert sandbox.messenger.profile["persistent_menu"] == THEIRS
    assert "4 tiles" in said


async def test_a_channel_that_is_off_is_not_asked(env: dict[str, str], sandbox: Sandbox) -> None:
    """LINE alone; and none at all is a mistake."""
    line = {name: value for name, value in env.items() if name not in LINE_ALONE}
    status, said = await command("menus", "--dry-run", env=line)
    assert (status, "Messenger" in said) == (0, False), said
    assert sandbox.calls("messenger") == []

    none = {name: value for name, value in line.items() if not name.startswith("LINE_")}
    status, said = await command("menus", env=none)
    assert status == 1
    assert "No channel is on" in said

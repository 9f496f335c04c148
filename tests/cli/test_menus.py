"""`giftdesk menus` as somebody types it: what it says, what it does, and the status it ends with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from engine.processes import command, environment, forked

from bot.channels.line import picture
from bot.cli import menus
from bot.config import Settings, load_settings
from sandbox import Sandbox

Install = Callable[..., Awaitable[tuple[bool, str]]]
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


@pytest.fixture(scope="module", autouse=True)
def drawn_once() -> Iterator[None]:
    """A picture takes most of a second, and each of these tests installs the same eight."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picture, "draw", cache(picture.draw))
        yield


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Install:
    """What the command does, here and not in a process of its own, which would draw it all again."""

    async def run(env: dict[str, str], *, dry_run: bool = False) -> tuple[bool, str]:
        """Whether all is as it was asked for, and what was said."""
        monkeypatch.setenv("COLUMNS", env["COLUMNS"])
        known = {key.lower(): value for key, value in env.items() if value and key.lower() in Settings.model_fields}
        well = await asyncio.to_thread(menus.run, load_settings(**known), dry_run=dry_run, remove=False)
        return well, capsys.readouterr().out

    return run


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    env: dict[str, str], sandbox: Sandbox, install: Install
) -> None:
    """Reads only, and lets LINE look at what it would get."""
    well, said = await install(env, dry_run=True)

    assert well, said
    assert all(word in said for word in ("would", "zh_Hant_TW", "6 tiles", "persistent menu"))
    assert "done" not in said
    assert {call.path for call in sandbox.calls() if call.method != "GET"} == {"/v2/bot/richmenu/validate"}


async def test_installing_again_removing_and_the_doctor(
    env: dict[str, str], sandbox: Sandbox, database: str, install: Install
) -> None:
    """The whole life of the menus: the doctor notes that they are missing, and later that they differ."""
    doctor = {**env, "DATABASE_URL": database, "SECRET_KEY": "k" * 64}
    status, said = await forked("doctor", env=doctor)
    assert (status, said.count("`giftdesk menus` installs them")) == (0, 2), said

    well, said = await install(env)
    assert (well, "done" in said) == (True, True), said
    # Managers and owners have the staff's.
    languages, roles = ("en", "zh_hant_tw"), ("", "-staff", "-viewer", "-counter")
    assert set(sandbox.line.rich_menu_aliases) == {f"giftdesk-{tag}{role}" for tag in languages for role in roles}
    assert sandbox.line.rich_menu_images.keys() == sandbox.line.rich_menus.keys()
    assert all(image.startswith(b"\x89PNG") for image in sandbox.line.rich_menu_images.values())
    assert sandbox.messenger.profile["get_started"] == {"payload": "GET_STARTED"}
    before = set(sandbox.line.rich_menus)

    status, said = await forked("menus", env=env)
    assert (status, said.count("nothing to do")) == (0, 3), said
    assert set(sandbox.line.rich_menus) == before
    _, said = await forked("doctor", env={**doctor, "BRAND_COLOR": "#E11D48", "BRAND": "Other"})
    assert said.count("--dry-run says how") == 2, said
    _, said = await forked("doctor", env=doctor)
    assert "giftdesk menus" not in said

    status, said = await forked("menus", "--remove", env=env)
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


async def test_what_somebody_else_set_is_left_and_told(env: dict[str, str], sandbox: Sandbox, install: Install) -> None:
    """Not everything is as it was asked for. Vendors that are off have no tiles."""
    sandbox.messenger.profile["persistent_menu"] = THEIRS
    off = {name: "" for name in env if name.startswith(("GOTIT_", "ALTEGIO_"))}
    well, said = await install({**env, **off})

    assert not well
    assert "persistent menu: set by somebody else" in said
    assert sandbox.messenger.profile["persistent_menu"] == THEIRS
    assert "4 tiles" in said


async def test_a_channel_that_is_off_is_not_asked(env: dict[str, str], sandbox: Sandbox, install: Install) -> None:
    """LINE alone; Messenger alone; and none at all is a mistake."""
    line = {name: value for name, value in env.items() if name not in LINE_ALONE}
    well, said = await install(line, dry_run=True)
    assert (well, "Messenger" in said) == (True, False), said
    assert sandbox.calls("messenger") == []

    sandbox.reset()
    messenger = {name: value for name, value in env.items() if not name.startswith("LINE_")}
    status, said = await forked("menus", "--dry-run", env=messenger)
    assert (status, "would" in said, "LINE" in said) == (0, True, False), said
    assert sandbox.calls("line") == []
    assert {call.method for call in sandbox.calls("messenger")} == {"GET"}

    none = {name: value for name, value in line.items() if not name.startswith("LINE_")}
    status, said = await forked("menus", env=none)
    assert status == 1
    assert "No channel is on" in said

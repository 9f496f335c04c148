"""Who may be passed on to: what is wrong stops the start, all at once, and the doctor tries the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine.desk import migrated_database
from engine.processes import environment, forked

from bot.channels.line.relay import targets_of
from bot.config import load_settings
from bot.errors import ConfigurationError
from sandbox import Sandbox

LINE = {
    "line_channel_secret": "s",
    "line_channel_access_token": "t",
    "public_url": "https://shop.example/bot",
    "port": 8123,
}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"line_relay_url": "https://shop.example/bot/webhooks/line"}, "is our own address"),
        ({"line_relay_url": "https://SHOP.example:443/bot/webhooks/line"}, "is our own address"),
        ({"line_relay_url": "http://127.0.0.1:8123/hook"}, "is our own address"),
        ({"line_relay_url": "https://localhost:8123/"}, "is our own address"),
        ({"line_relay_url": "http://other.example/hook"}, "must be an https:// address"),
        ({"line_relay_url": "https://a.example/x,ftp://b.example"}, "must be an https:// address"),
        ({"line_relay_url": "https://a.example/x, https://a.example/x"}, "the same address twice"),
        ({"line_relay_url": "https://a.example/x", "line_relay_name": "A,B"}, "one name of its own for each"),
        ({"line_relay_name": "A"}, "one name of its own for each"),
        ({"line_relay_url": "https://a.example/x", "line_relay": "ours"}, "LINE_RELAY_URL must be empty"),
        ({"line_relay": "all"}, "LINE_RELAY=all needs LINE_RELAY_URL"),
        ({"line_relay": "some"}, "LINE_RELAY"),
        (
            {"line_relay_url": "https://a.example/x", "line_channel_secret": "", "line_channel_access_token": ""},
            "needs LINE",
        ),
    ],
)
def test_what_stops_the_start(settings: dict[str, Any], said: str) -> None:
    """In words that say what to change."""
    with pytest.raises(ConfigurationError, match=said):
        load_settings(**{**LINE, **settings})


@pytest.mark.parametrize(
    "url", ["https://shop.example/mantago", "https://a.example/hook?key=1", "http://127.0.0.1:8124/webhooks/line"]
)
def test_what_does_not(url: str) -> None:
    """Another tool may live on the shop's own host; an address is taken as it stands."""
    (target,) = targets_of(load_settings(**LINE, line_relay_url=url))

    assert target.url == url and target.name == url.split("/")[2]


def test_names_go_with_their_addresses() -> None:
    """In their order."""
    settings = load_settings(
        **LINE, line_relay_url="https://a.example/,https://b.example/", line_relay_name="MAAC, 分析"
    )

    assert [(target.name, target.url) for target in targets_of(settings)] == [
        ("MAAC", "https://a.example/"),
        ("分析", "https://b.example/"),
    ]


async def test_the_doctor_knocks(database: str, sandbox: Sandbox, tmp_path: Path) -> None:
    """With LINE's empty verification body, signed; whoever does not answer is named, and so are settings."""
    url = await migrated_database(database, "relay_doctor")
    there, nowhere = f"{sandbox.url}/other/webhook", "http://127.0.0.1:9/hook"
    ours = {"DATABASE_URL": url, "SECRET_KEY": "s" * 64}
    env = environment(tmp_path, sandbox, **ours, LINE_RELAY_URL=f"{there},{nowhere}", LINE_RELAY_NAME="MAAC,Spare")
    status, said = await forked("doctor", env=env)

    assert status == 1 and "rest: MAAC, Spare gets what we do not answer" in said
    assert "takes LINE's empty verification body" in said
    assert "Spare does not take what is passed on: no connection" in said
    assert sandbox.other.verified == 1 and not sandbox.other.unsigned and not sandbox.other.received

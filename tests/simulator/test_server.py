"""The page's server: whom it answers, what it sends, and what it makes of nonsense."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox import Phone, Sandbox
from sandbox.faults import Fault, Faults
from sandbox.simulator import Simulator
from sandbox.simulator.acts import webhook
from sandbox.simulator.server import HEADERS, PAGE
from sandbox.simulator.trouble import MODES, UPSTREAMS, Trouble
from sandbox.simulator.worker import Worker


@pytest.fixture
async def alone() -> AsyncIterator[Simulator]:
    """A simulator in front of no bot at all."""
    async with Sandbox.running() as sandbox, Simulator.running(sandbox, "http://127.0.0.1:9") as simulator:
        yield simulator


async def ask(simulator: Simulator, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, simulator.url + path, json=body, headers=headers) as response,
    ):
        return response.status, await response.text()


@pytest.mark.parametrize("path", ["/", *(f"/{path.name}" for path in PAGE.iterdir() if path.name != "index.html")])
async def test_every_file_comes_with_the_policy(alone: Simulator, path: str) -> None:
    """And with nothing that a browser could take for something else."""
    async with aiohttp.ClientSession() as http, http.get(alone.url + path) as response:
        assert response.status == 200
        assert {name: response.headers[name] for name in HEADERS} == HEADERS


async def test_it_listens_on_loopback_only(alone: Simulator) -> None:
    """There is no setting for anything else."""
    assert alone.url.startswith("http://127.0.0.1:")


async def test_the_inbox_of_a_page_holds_a_chat(alone: Simulator) -> None:
    """What is typed then comes on standby and what is tapped without what is behind it; giving it back is told."""
    sandbox = alone.sandbox
    user = str(sandbox.phone("messenger", "emily").user)
    held = f"/api/people/messenger/{user}"
    assert (await ask(alone, "PUT", held, {"held": True}))[0] == 200
    assert [each["id"] for each in alone._people() if each["held"]] == [user]
    for act in ({"type": "says", "text": "hi"}, {"type": "taps", "data": "go.menu", "label": "Menu"}):
        status, _ = await ask(alone, "POST", "/api/acts", {"channel": "messenger", "user": user, "act": act})
        assert status == 200
    assert (await ask(alone, "PUT", held, {"held": False}))[0] == 200
    assert (await ask(alone, "PUT", held, {"held": False}))[0] == 200

    entries = [trace.webhook.json["entry"][0] for trace in alone.record.traces if trace.webhook]
    assert [next(iter({"standby", "messaging"} & set(entry))) for entry in entries] == [
        "standby",
        "standby",
        "messaging",
    ]
    assert "payload" not in entries[1]["standby"][0]["postback"]
    assert "pass_thread_control" in entries[2]["messaging"][0]


@pytest.mark.parametrize(
    "path", ["/../server.py", "/%2e%2e/server.py", "/nothing.js", "/api/nothing", "/page/index.html"]
)
async def test_nothing_else_is_served(alone: Simulator, path: str) -> None:
    """No other file, with the policy on the refusal too."""
    async with aiohttp.ClientSession() as http, http.get(alone.url + path) as response:
        assert response.status == 404
        assert "Content-Security-Policy" in response.headers


async def test_other_sites_in_the_browser_may_ask_for_nothing(alone: Simulator) -> None:
    """Neither with a form, nor by script, nor by a name that they let point here."""
    port = alone.url.rsplit(":", 1)[1]
    assert (await ask(alone, "GET", "/", Host=f"evil.example:{port}"))[0] == 403
    assert (await ask(alone, "POST", "/api/reset", {}, Origin="https://evil.example"))[0] == 403
    async with aiohttp.ClientSession() as http, http.post(alone.url + "/api/reset", data="x=1") as response:
        assert response.status == 403
    assert (await ask(alone, "PUT", "/api/tokens", {"die": True}, Origin=alone.url))[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/acts", {"channel": "line", "user": "nobody", "act": {"type": "says"}}, 404),
        ("POST", "/api/acts", {"channel": "line", "user": "yu", "act": "says"}, 400),
        ("POST", "/api/acts", {"channel": "line", "user": "yu", "act": {"type": "dances"}}, 400),
        ("POST", "/api/acts", {"channel": "line", "user": "yu", "act": {"type": "says"}}, 400),
        ("POST", "/api/acts", {"channel": "messenger", "user": "yu", "act": {"type": "blocks"}}, 400),
        ("POST", "/api/acts", {"channel": "line", "user": "yu", "group": True, "act": {"type": "sticker"}}, 400),
        ("POST", "/api/acts", [], 400),
        ("POST", "/api/deliveries", {"trace": 12345}, 404),
        ("POST", "/api/deliveries", {"trace": "x"}, 404),
        ("PUT", "/api/trouble", {"upstream": "moon", "mode": "down"}, 400),
        ("PUT", "/api/trouble", {"upstream": "line", "mode": "eclipse"}, 400),
        ("PUT", "/api/people/line/yu", {"age": 7}, 400),
        ("PUT", "/api/people/line/nobody", {}, 404),
        ("POST", "/api/people", {"channel": "line", "user": "nobody"}, 404),
        ("POST", "/api/worker/kill", {}, 409),
        ("GET", "/api/menus/line/nobody", None, 404),
        ("GET", "/api/richmenus/none", None, 404),
    ],
)
async def test_nonsense_is_refused_with_a_sentence(
    alone: Simulator, method: str, path: str, body: Any, status: int
) -> None:
    """And changes nothing."""
    found, said = await ask(alone, method, path, body)

    assert found == status
    assert '"error"' in said
    assert not alone.record.entries


async def test_a_bot_that_is_away_is_told_by_the_webhooks_status(alone: Simulator) -> None:
    """Zero stands for no answer."""
    act = {"type": "says", "text": "hi"}
    status, said = await ask(alone, "POST", "/api/acts", {"channel": "line", "user": "yu", "act": act})

    assert status == 200
    assert '"status":0' in said


@pytest.mark.parametrize("group", [None, "C1"])
def test_emoji_and_mentions_are_sent_as_line_sends_them(group: str | None) -> None:
    """What an act names is marked in the webhook's text; what is no word is passed over."""
    act = {"type": "says", "text": "@Yu hi(love)", "emoji": ["(love)", 7, None], "others": ["@Yu"]}
    message = webhook(Phone("line", "U1"), act, group).json["events"][0]["message"]

    assert [(each["index"], each["length"]) for each in message["emojis"]] == [(6, 6)]
    assert ("mention" in message) is (group is not None)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_a_switch_makes_one_fault_and_takes_it_back(upstream: str, mode: str) -> None:
    """Whatever else was scripted stays, even when it is the same."""
    faults = Faults()
    trouble = Trouble(faults)
    scripted = faults.add(Fault(upstream, **MODES[mode]))
    trouble.set(upstream, mode)
    trouble.set(upstream, mode)
    assert len(faults.active) == 2
    trouble.set(upstream, "")

    assert [fault is scripted for fault in faults.active] == [True]
    assert trouble.as_json() == {}


def test_the_worker_is_known_from_the_log_and_killed_once() -> None:
    """Its number is forgotten as soon as it is used, so that nobody else is ever hit."""
    worker = Worker()
    assert not worker.kill()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        worker.hear({"event": "process started", "role": "web", "pid": os.getpid()})
        assert not worker.as_json()["killable"]
        worker.hear({"event": "process started", "role": "worker", "pid": process.pid})
        worker.hear({"event": "worker ready"})
        assert worker.as_json() == {"state": "running", "kills": 0, "killable": True}

        assert worker.kill()
        assert process.wait(10) == -signal.SIGKILL
        assert not worker.kill()
    worker.hear({"event": "process died, starting it again", "role": "worker"})
    assert worker.as_json() == {"state": "dead", "kills": 1, "killable": False}

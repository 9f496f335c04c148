"""Scripted faults do what they say, and calls are written down."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import orjson
import pytest

from sandbox import Sandbox
from sandbox.faults import Fault
from sandbox.people import demo_id

CODES = "/redemption-codes"
BRIEFLY = aiohttp.ClientTimeout(total=0.1)
TICK = 0.002  # seconds that a timer of the loop may be early


async def test_a_status_looks_like_the_vendors_own(api: Any, sandbox: Sandbox) -> None:
    """Without a body of its own a fault answers in the vendor's shape, and only as often as told."""
    sandbox.fault("poshen", status=503, times=1)
    sandbox.fault("mantago", status=429, headers={"Retry-After": "3"})

    assert (await api.poshen("GET", CODES)).json == {"message": "Service Unavailable"}
    assert (await api.poshen("GET", CODES)).status == 200
    for _ in range(2):
        answer = await api.gifts(demo_id("line", "yu"))
        assert (answer.status, answer.json["errResponse"]["code"]) == (429, 429)
        assert answer.headers["Retry-After"] == "3"
    sandbox.clear_faults()
    assert (await api.gifts(demo_id("line", "yu"))).status == 200


@pytest.mark.parametrize(
    ("upstream", "path"),
    [("line", "/v2/bot/info"), ("messenger", "/v26.0/me"), ("gotit", "/x"), ("altegio", "/x")],
)
async def test_every_upstream_can_fail(api: Any, sandbox: Sandbox, upstream: str, path: str) -> None:
    sandbox.fault(upstream, status=500)

    assert (await api("GET", f"/{upstream}{path}")).status == 500


async def test_bodies_of_any_kind(api: Any, sandbox: Sandbox) -> None:
    """JSON as given, text as it is, with status 200 when none is named."""
    sandbox.fault("poshen", body={"surprise": [1]}, times=1)
    sandbox.fault("poshen", body="<html>Bad gateway</html>", status=502, times=1)

    first, second = await api.poshen("GET", CODES), await api.poshen("GET", CODES)

    assert (first.status, first.json) == (200, {"surprise": [1]})
    assert (second.status, second.json) == (502, b"<html>Bad gateway</html>")


async def test_faults_are_used_in_the_order_they_were_made(api: Any, sandbox: Sandbox) -> None:
    for status in (500, 502, 504):
        sandbox.fault("poshen", status=status, times=1)

    assert [(await api.poshen("GET", CODES)).status for _ in range(4)] == [500, 502, 504, 200]


@pytest.mark.parametrize(
    ("route", "hit"),
    [
        ("poshen", True),
        ("poshen:GET /redemption-codes", True),
        ("poshen:get /redemption", True),
        ("poshen:/redemption-codes", True),
        ("poshen:GET", True),
        ("poshen:POST /redemption-codes", False),
        ("poshen:GET /rewards", False),
        ("mantago", False),
        ("pos", False),
    ],
)
def test_which_calls_a_route_means(route: str, *, hit: bool) -> None:
    assert Fault(route).matches("poshen", "GET", "/redemption-codes/99") is hit


async def test_a_delay_slows_the_real_answer(api: Any, sandbox: Sandbox) -> None:
    sandbox.fault("poshen", delay_ms=30, times=1)
    started = time.perf_counter()

    assert (await api.poshen("GET", CODES)).status == 200
    assert time.perf_counter() - started >= 0.03 - TICK
    assert sandbox.calls("poshen")[0].ms >= 1000 * (0.03 - TICK)


async def test_a_delay_for_everything(api: Any, sandbox: Sandbox) -> None:
    sandbox.delay_ms = 20
    started = time.perf_counter()
    await api.poshen("GET", CODES)

    assert time.perf_counter() - started >= 0.02 - TICK


async def test_a_client_that_gives_up_early_changed_nothing(api: Any, sandbox: Sandbox) -> None:
    """A slow call that nobody waits for never takes effect, not even later."""
    sandbox.fault("poshen", delay_ms=150)
    body = {"code": "SLOW-1", "redemption_code_group_id": 5}

    with pytest.raises(TimeoutError):
        await api.poshen("POST", CODES, body, timeout=aiohttp.ClientTimeout(total=0.05))
    await asyncio.sleep(0.2)

    assert [call.status for call in sandbox.calls("poshen")] == [499]
    assert not any(code.code == "SLOW-1" for code in sandbox.poshen.codes.values())


@pytest.mark.parametrize(
    "trouble", [{"status": 504}, {"drop": True}, {"hang": True}, {"delay_ms": 5_000}, {"cut": True}]
)
async def test_after_fails_what_worked(api: Any, sandbox: Sandbox, trouble: dict[str, Any]) -> None:
    """The client sees a failure, and the code is there all the same."""
    sandbox.fault("poshen:POST", after=True, times=1, **trouble)
    body = {"code": "AFTER-1", "redemption_code_group_id": 5}

    if "status" in trouble:
        assert (await api.poshen("POST", CODES, body)).status == 504
    else:
        with pytest.raises((aiohttp.ClientError, TimeoutError)):
            await api.poshen("POST", CODES, body, timeout=BRIEFLY)

    assert len((await api.poshen("GET", f"{CODES}?code=AFTER-1")).json["data"]) == 1


async def test_a_dropped_connection(api: Any, sandbox: Sandbox) -> None:
    sandbox.fault("poshen", drop=True, times=1)

    with pytest.raises(aiohttp.ClientError):
        await api.poshen("POST", CODES, {"code": "D-1", "redemption_code_group_id": 5})

    assert [call.status for call in sandbox.calls("poshen")] == [0]
    assert (await api.poshen("GET", f"{CODES}?code=D-1")).json["data"] == []


async def test_an_answer_cut_in_half(api: Any, sandbox: Sandbox) -> None:
    sandbox.fault("poshen", cut=True, times=1)

    with pytest.raises(aiohttp.ClientPayloadError):
        await api.poshen("GET", CODES)

    assert (await api.poshen("GET", CODES)).status == 200


async def test_a_call_that_never_ends(api: Any, sandbox: Sandbox) -> None:
    sandbox.fault("poshen", hang=True, times=1)

    with pytest.raises(TimeoutError):
        await api.poshen("GET", CODES, timeout=BRIEFLY)


async def test_faults_by_http(api: Any) -> None:
    """The control API sets, shows and clears them, and says what is wrong with a bad one."""
    path = "/_sandbox/faults"

    made = await api("POST", path, {"route": "line:POST /v2/bot/message/reply", "status": 500, "times": 2})
    wrong = await api("POST", path, {"route": "line", "code": 500})
    nameless = await api("POST", path, {"status": 500})
    never = await api("POST", path, {"route": "line", "times": 0})

    assert (made.status, made.json["times"]) == (201, 2)
    assert (wrong.status, "a fault has no code" in wrong.json["error"]) == (400, True)
    assert (nameless.status, never.status) == (400, 400)
    assert [fault["status"] for fault in (await api("GET", path)).json] == [500]
    assert (await api.reply("bench-1")).status == 500
    assert (await api("DELETE", path)).status == 204
    assert (await api.reply("bench-1")).status == 200


async def test_calls_are_written_down(api: Any, sandbox: Sandbox) -> None:
    """Upstream, method, path and status by HTTP; the body too for tests in the same process."""
    await api.poshen("POST", CODES, {"code": "中文", "redemption_code_group_id": 5})
    await api.poshen("GET", f"{CODES}?code=中文")
    await api.gifts(demo_id("line", "yu"))

    listed = (await api("GET", "/_sandbox/calls?upstream=poshen")).json
    assert [(call["method"], call["path"], call["status"]) for call in listed] == [
        ("POST", CODES, 201),
        ("GET", CODES, 200),
    ]
    assert sandbox.calls("poshen", "POST")[0].json == {"code": "中文", "redemption_code_group_id": 5}
    assert sandbox.calls("poshen", "GET /redemption-codes")[0].query["code"] == "中文"
    assert sandbox.calls("mantago")[0].json["platform"] == "line"
    assert len(sandbox.calls()) == 3


async def test_reset_forgets_everything_but_the_count(api: Any, sandbox: Sandbox) -> None:
    user = demo_id("line", "yu")
    sandbox.fault("poshen", status=500)
    sandbox.people.put("line", user, blocked=True)
    sandbox.line.issue("token", "U" + "5" * 32)
    await api.reply("token")
    last = sandbox.journal.last

    assert (await api("POST", "/_sandbox/reset")).status == 204

    assert (sandbox.sent(), sandbox.calls(), sandbox.faults.active) == ([], [], [])
    assert sandbox.journal.last == last == 1
    found = sandbox.people.find("line", user)
    assert found is not None
    assert not found.blocked
    assert (await api.poshen("GET", CODES)).status == 200


async def test_people_tokens_clock_and_environment_by_http(api: Any, sandbox: Sandbox) -> None:
    """What the demo and the terminal need of the control API."""
    people = (await api("GET", "/_sandbox/people")).json
    user = people[0]["id"]
    assert (people[0]["nick"], people[0]["channel"]) == ("yu", "line")
    assert all(person["about"]["zh"] and person["about"]["en"] for person in people)

    changed = await api("PUT", f"/_sandbox/people/line/{user}", {"locale": "en", "blocked": True})
    assert (changed.json["locale"], changed.json["blocked"]) == ("en", True)
    assert (await api("PUT", f"/_sandbox/people/line/{user}", {"age": 5})).status == 400
    assert (await api("PUT", f"/_sandbox/people/icq/{user}", {})).status == 404

    token = {"token": "t1", "user": "U" + "6" * 32}
    assert (await api("POST", "/_sandbox/line/tokens", token)).status == 201
    assert (await api("POST", "/_sandbox/line/tokens", {"token": "t1"})).status == 400
    assert (await api("PUT", "/_sandbox/clock", {"ahead_s": 61})).status == 200
    assert (await api.reply("t1")).status == 400
    assert (await api("POST", "/_sandbox/line/tokens", token | {"age_s": 59})).status == 201
    assert (await api.reply("t1")).status == 200

    settings = (await api("GET", "/_sandbox/environment")).json
    assert settings["POSHEN_API_URL"] == f"{sandbox.url}/poshen"
    assert settings == sandbox.environment()
    assert orjson.dumps(settings)

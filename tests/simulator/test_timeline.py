"""The timeline: every step of every message, put down to the right one."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from sandbox import Phone, Sandbox
from sandbox.journal import Call
from sandbox.simulator import Simulator
from sandbox.simulator.record import Record, event_key
from simulator.screen import Screen


async def test_each_step_of_an_answer_has_its_line(screen: Screen, channel: str) -> None:
    """The webhook, the queue, the handling, the vendor with its status, and the delivery."""
    phone = screen.phone(channel)
    await phone.be("emily")
    await phone.say("my gifts")
    await screen.open("trace_tab")
    trace = screen.page.locator(".trace").first
    lines = [" ".join(line.split()) for line in await trace.locator("li").all_inner_texts()]

    assert await trace.locator(".label").inner_text() == "my gifts"
    assert (await trace.locator(".outcome").inner_text()).startswith("delivered")
    names = [line.split(" ")[0] for line in lines]
    assert names[0] == "Webhook"
    assert "200" in lines[0]
    assert any(line.startswith("In the queue") for line in lines)
    assert "Handling" in names
    vendor = next(line for line in lines if line.startswith("MantaGo"))
    assert "POST /openapi/client/gift" in vendor
    assert " 200 " in vendor
    assert names[-1] == ("Reply" if channel == "line" else "Send")
    assert all("ms" in line for line in lines)


async def test_the_bot_times_itself(screen: Screen) -> None:
    """What the page shows of queue and handling comes from the bot's own log."""
    await screen.line.be("emily")
    await screen.line.say("my gifts")
    trace = (await screen.probe("webhooks"))[-1]

    assert trace["outcome"] == "delivered"
    assert trace["waited"] >= 0
    assert 0 < trace["handled"] <= trace["total"]
    assert trace["event"] > 0
    assert [step["kind"] for step in trace["steps"]].count("reply") == 1


async def test_two_phones_at_once_are_kept_apart(screen: Screen, sandbox: Sandbox) -> None:
    """Calls to vendors are put down to the webhook whose number they carry."""
    await screen.line.be("emily")
    await screen.messenger.be("yu")
    sandbox.fault("mantago", delay_ms=150)
    before = await screen.webhooks()
    for phone, text in ((screen.line, "my gifts"), (screen.messenger, "我的獎品")):
        await phone.input.fill(text)
        await phone.input.press("Enter")
    await screen.settled(before + 1)
    traces = (await screen.probe("webhooks"))[-2:]

    for trace in traces:
        assert sum(step["upstream"] == "mantago" for step in trace["steps"]) == 1
        assert {step["upstream"] for step in trace["steps"]} <= {"mantago", trace["channel"]}
    assert traces[0]["event"] != traces[1]["event"]


async def test_calls_that_answer_nobody_say_whom_they_asked(screen: Screen, simulator: Simulator) -> None:
    """As a bulk job makes them: all of a moment in one line, and what is being read stays open."""
    await screen.line.say("menu")
    for upstream in ("poshen", "poshen", "gotit"):
        simulator.watch(call(upstream, "/redemption-codes"))
    await screen.open("trace_tab")
    others = screen.page.locator(".trace.other")

    await others.locator(".label", has_text="Poshen × 2 · Got It × 1").wait_for()
    assert await others.count() == 1
    assert await screen.page.locator(".trace[open]").get_attribute("class") == "trace webhook"


# The bookkeeping behind it, without a browser.


def call(upstream: str, path: str, body: Any = None, request: int | None = None) -> Call:
    headers = {"X-Request-Id": f"giftdesk-{request}"} if request else {}
    return Call(upstream, "POST", path, {}, headers, orjson.dumps(body) if body else b"", at=0)


def did(record: Record, user: str, channel: str = "line") -> Any:
    """Somebody typed something."""
    webhook = Phone(channel, user).says("hi")
    trace = record.did(webhook, channel=channel, chat=user, user=user, act={"type": "says"}, shown="hi", at=0)
    record.acknowledged(trace, 200, 1.0)
    return trace


def done(trace: Any, event: int) -> dict[str, Any]:
    """The line of the bot's log at the end of an event."""
    return {"event": "event done", "key": trace.key, "event_id": event, "outcome": "delivered"}


@pytest.mark.parametrize("ends_first", [7, 8])
def test_a_wrong_guess_is_put_right_by_the_log(ends_first: int) -> None:
    """The second webhook's event may be taken up first; its calls are moved to it, whichever of them ends first."""
    record = Record()
    first, second = did(record, "Ua"), did(record, "Ub")
    record.watch(call("mantago", "/gift", request=8))
    assert [len(first.steps), len(second.steps)] == [1, 0]

    if ends_first == 8:
        record.hear(done(second, 8))
    record.watch(call("mantago", "/gift", request=7))
    record.hear(done(first, 7))
    if ends_first == 7:
        record.hear(done(second, 8))

    assert [step.request for step in first.steps] == [7]
    assert [step.request for step in second.steps] == [8]


def test_a_reply_belongs_to_the_token_and_a_push_to_the_chat() -> None:
    """And a push that answers nothing has a line of its own, with its tries together."""
    record = Record()
    first, second = did(record, "Ua"), did(record, "Ua")
    token = second.webhook.json["events"][0]["replyToken"]
    record.watch(call("line", "/v2/bot/message/reply", {"replyToken": token, "messages": [1, 2]}))
    record.watch(call("line", "/v2/bot/message/push", {"to": "Ua", "messages": [1]}))
    record.hear(done(first, 1))
    record.hear(done(second, 2))
    failed = call("line", "/v2/bot/message/push", {"to": "Ua", "messages": [1]})
    failed.status = 500
    record.watch(failed)
    record.watch(call("line", "/v2/bot/message/push", {"to": "Ua", "messages": [1]}))

    assert [(step.kind, step.messages) for step in second.steps] == [("reply", 2)]
    assert [step.kind for step in first.steps] == ["push"]
    assert [(trace.kind, len(trace.steps)) for trace in record.traces][2:] == [("push", 2)]


def test_the_first_delivery_that_was_taken_is_the_one_that_is_answered() -> None:
    """A delivery the bot did not take is not; a later one is a duplicate."""
    record = Record()
    lost = did(record, "Ua")
    record.acknowledged(lost, 503, 1.0)
    taken = record.delivers_again(lost, lost.webhook, 1)
    record.acknowledged(taken, 200, 1.0)
    record.hear(done(taken, 5))
    again = record.delivers_again(lost, lost.webhook, 2)
    record.acknowledged(again, 200, 1.0)

    assert [lost.outcome, taken.outcome, again.outcome] == [None, "delivered", "duplicate"]


@pytest.mark.parametrize(
    "line", [{}, {"event": "event done"}, {"event": "event done", "key": "unknown"}, {"key": None}]
)
def test_lines_of_the_log_about_others_are_passed_over(line: dict[str, Any]) -> None:
    """Somebody may use the terminal at the same time."""
    record = Record()
    trace = did(record, "Ua")
    record.hear(line)

    assert trace.outcome is None


def test_keys_are_what_the_bots_log_says() -> None:
    """The same hash on both sides, for both platforms."""
    from bot.channels.line.inbound import LineInbound
    from bot.channels.messenger.inbound import MessengerInbound
    from bot.turn import _short

    for channel, inbound in (("line", LineInbound(("x",))), ("messenger", MessengerInbound(("x",)))):
        webhook = Phone(channel, "U1").says("hi")
        [(account, raw)] = inbound.split(webhook.body)
        assert event_key(channel, webhook) == _short(inbound.parse(account, raw).key)

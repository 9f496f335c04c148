"""The stand-in of another tool on LINE's channel: it believes nobody, answers each event once, is shown as itself."""

from __future__ import annotations

import aiohttp

from sandbox import Phone, Sandbox, Webhook
from sandbox.journal import Call
from sandbox.other import NAME
from sandbox.phone import line_signature
from sandbox.simulator.record import Record


async def post(sandbox: Sandbox, webhook: Webhook) -> int:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{sandbox.url}/other/webhook", data=webhook.body, headers=webhook.headers) as answer,
    ):
        return answer.status


async def test_it_checks_signatures_and_drops_what_it_knows(sandbox: Sandbox) -> None:
    """As LINE asks of everybody."""
    phone = sandbox.phone("line")
    said = phone.says("hi")
    forged = Webhook(said.path, {"x-line-signature": line_signature("another", said.body)}, said.body)
    assert await post(sandbox, forged) == 401
    assert not sandbox.other.received and sandbox.other.unsigned == 1

    assert [await post(sandbox, each) for each in (said, phone.redelivered(said), said)] == [200] * 3
    assert [(each.again, each.known) for each in sandbox.other.received] == [
        (False, False),
        (True, True),
        (False, True),
    ]
    (answer,) = sandbox.sent("line", phone.user)
    assert answer.message["sender"] == {"name": NAME}


async def test_a_used_token_is_too_late_for_it(sandbox: Sandbox) -> None:
    """It is one token for both sides."""
    said = sandbox.phone("line").says("hi")
    assert sandbox.line.says(said.json["events"][0]["replyToken"], [{"type": "text", "text": "ours"}])
    await post(sandbox, said)

    assert not sandbox.other.answered and len(sandbox.other.too_late) == 1


def test_the_page_shows_it_with_its_webhook() -> None:
    """What is passed on is a step of what the person did; a verification is of nobody's."""
    phone = Phone("line", "U" + 32 * "a")
    record, said = Record(), phone.says("hi")
    trace = record.did(said, channel="line", chat=phone.user, user=phone.user, act={"type": "says"}, shown="hi", at=0)
    for body in (said.body, b'{"destination":"U","events":[]}'):
        record.watch(Call("other", "POST", "/webhook", {}, {}, body, at=1))

    assert [step.call.body for step in trace.steps] == [said.body]
    assert list(record.traces) == [trace]

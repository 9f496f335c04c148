"""Sending through LINE: what each way an answer can end means, over real HTTP."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from apis.scripted import Vendor
from apis.scripted import reply as scripted

from bot.channels import Delivery, Outcome, Receipt, Rendered
from bot.channels.line.client import LineClient
from bot.conversation.messages import Reply, Text
from bot.errors import ConfigurationError
from channels.drawn import GIFT, button, pack
from sandbox import Sandbox
from sandbox.credentials import LINE_CHANNEL_ACCESS_TOKEN

KEY = UUID("0f4c6e1a-3b5d-4c7e-8f90-a1b2c3d4e5f6")
WRONG = Rendered({"type": "flex", "altText": "x", "contents": {}}, plain={"type": "text", "text": "plain"})
REPLY, PUSH = "POST /v2/bot/message/reply", "POST /v2/bot/message/push"


def connected(sandbox: Sandbox) -> LineClient:
    return LineClient.connect(LINE_CHANNEL_ACCESS_TOKEN, api_url=f"{sandbox.url}/line", read_seconds=0.2)


@pytest.fixture
async def line(sandbox: Sandbox) -> AsyncIterator[LineClient]:
    """A client of the sandbox that waits a fifth of a second for an answer."""
    client = connected(sandbox)
    yield client
    await client.aclose()


@pytest.fixture
def customer(sandbox: Sandbox) -> str:
    """Somebody who has just written, so that the token `token` is good for one reply."""
    person = sandbox.people.find("line", "yu")
    assert person
    sandbox.line.issue("token", person.id)
    return person.id


def rendered(line: LineClient) -> list[Rendered]:
    return line.render(Reply((Text("你好"), GIFT), (button("選單"),)), pack)


def reply(to: str, messages: list[Rendered], **more: Any) -> Delivery:
    return Delivery(to, messages, KEY, reply_token="token", **more)


def push(to: str, messages: list[Rendered]) -> Delivery:
    return Delivery(to, messages, KEY)


async def test_a_reply_is_one_call(line: LineClient, sandbox: Sandbox, customer: str) -> None:
    """All messages with the token, and nothing that only pushes may carry."""
    messages = rendered(line)

    assert await line.deliver(reply(customer, messages)) == Receipt(Outcome.DELIVERED, 2)
    (call,) = sandbox.calls("line")
    assert call.json == {"replyToken": "token", "messages": [each.message for each in messages]}
    assert "X-Line-Retry-Key" not in call.headers
    assert [sent.via for sent in sandbox.sent("line", customer)] == ["reply", "reply"]


async def test_what_was_delivered_already_is_not_sent_again(line: LineClient, sandbox: Sandbox, customer: str) -> None:
    """Nothing left is delivered without a call."""
    delivery = reply(customer, rendered(line), done=2)

    assert await line.deliver(delivery) == Receipt(Outcome.DELIVERED, 2)
    assert sandbox.calls("line") == []


async def test_an_old_token_is_late(line: LineClient, sandbox: Sandbox, customer: str) -> None:
    """Not refused: a push may still reach them."""
    sandbox.ahead = timedelta(minutes=2)

    receipt = await line.deliver(reply(customer, rendered(line)))
    assert (receipt.outcome, receipt.done) == (Outcome.LATE, 0)


async def test_refused_cards_are_said_in_text(line: LineClient, sandbox: Sandbox, customer: str) -> None:
    """Once, with the same token; the log learns where LINE saw the fault, not what was written."""
    receipt = await line.deliver(reply(customer, [WRONG]))

    assert (receipt.outcome, receipt.done) == (Outcome.DELIVERED, 1)
    assert receipt.detail.startswith("as text, cards refused: ")
    assert [sent.message for sent in sandbox.sent("line", customer)] == [WRONG.plain]


async def test_a_refusal_may_use_up_the_token(line: LineClient, sandbox: Sandbox, customer: str) -> None:
    """LINE does not say that it does not."""
    sandbox.line.refusal_burns_token = True

    assert (await line.deliver(reply(customer, [WRONG]))).outcome is Outcome.LATE


@pytest.mark.parametrize("plain", [None, {"type": "text", "text": ""}])
async def test_refused_text_is_refused(
    line: LineClient, sandbox: Sandbox, customer: str, plain: dict[str, str] | None
) -> None:
    """Property paths are all that is told of it."""
    bad = Rendered({"type": "text", "text": "secret" * 1000}, plain)

    receipt = await line.deliver(reply(customer, [bad]))
    assert receipt == Receipt(Outcome.REFUSED, 0, "HTTP 400 messages[0].text")
    assert len(sandbox.calls("line")) == (2 if plain else 1)


@pytest.mark.parametrize("delivery", [reply, push])
@pytest.mark.parametrize(
    ("fault", "receipt"),
    [
        ({"status": 500}, Receipt(Outcome.RETRY, 0, "HTTP 500", perhaps=True)),
        ({"status": 503, "body": "<html>"}, Receipt(Outcome.RETRY, 0, "HTTP 503", perhaps=True)),
        ({"status": 429, "headers": {"Retry-After": "7"}}, Receipt(Outcome.RETRY, 0, "HTTP 429", retry_after=7)),
        ({"status": 401}, Receipt(Outcome.BARRED, 0, "credentials: HTTP 401, check LINE_CHANNEL_ACCESS_TOKEN")),
        ({"status": 403}, Receipt(Outcome.BARRED, 0, "credentials: HTTP 403, check LINE_CHANNEL_ACCESS_TOKEN")),
        ({"status": 413}, Receipt(Outcome.REFUSED, 0, "HTTP 413")),
        ({"status": 302, "body": {}}, Receipt(Outcome.REFUSED, 0, "HTTP 302")),
        ({"status": 400, "body": "garbage"}, Receipt(Outcome.REFUSED, 0, "HTTP 400")),
        ({"status": 200, "body": "garbage"}, Receipt(Outcome.DELIVERED, 1)),
        (
            {"status": 429, "body": {"message": "You have reached your monthly limit."}},
            Receipt(Outcome.LATE, 0, "the plan's messages of this month are used up", spent=True),
        ),
        (
            {
                "status": 400,
                "body": {"message": "secret", "details": [{"property": "a b"}, {"property": "/b/0"}, 3, {}]},
            },
            Receipt(Outcome.REFUSED, 0, "HTTP 400 /b/0"),
        ),
    ],
)
async def test_what_answers_mean(
    sandbox: Sandbox, customer: str, delivery: Any, fault: dict[str, Any], receipt: Receipt
) -> None:
    """The status decides, for replies and pushes alike; LINE's texts are not told."""
    line = connected(sandbox)
    sandbox.fault("line", **fault)

    assert await line.deliver(delivery(customer, [Rendered({"type": "text", "text": "hi"})])) == receipt
    await line.aclose()


async def test_a_reply_on_a_broken_connection_is_asked_again(line: LineClient, sandbox: Sandbox, customer: str) -> None:
    """The token works once, so it cannot be said twice."""
    sandbox.fault("line", drop=True, times=1)

    assert await line.deliver(reply(customer, rendered(line))) == Receipt(Outcome.DELIVERED, 2)
    assert len(sandbox.sent("line", customer)) == 2


async def test_a_reply_that_was_taken_before_the_connection_broke_is_unknown(
    line: LineClient, sandbox: Sandbox, customer: str
) -> None:
    """Not late, for a push would say it again."""
    sandbox.fault("line", drop=True, after=True, times=1)

    assert (await line.deliver(reply(customer, rendered(line)))).outcome is Outcome.UNKNOWN
    assert len(sandbox.sent("line", customer)) == 2


async def test_a_reply_without_an_answer_in_time_is_unknown(line: LineClient, sandbox: Sandbox, customer: str) -> None:
    """LINE may be saying it at this moment."""
    sandbox.fault("line", hang=True)

    assert await line.deliver(reply(customer, rendered(line))) == Receipt(Outcome.UNKNOWN, 0, "no answer")


async def test_half_an_answer_is_an_answer(line: LineClient, sandbox: Sandbox, customer: str) -> None:
    """Its status came."""
    sandbox.fault("line", cut=True)

    assert (await line.deliver(reply(customer, rendered(line)))).outcome is Outcome.DELIVERED


@pytest.mark.parametrize("body", [b"no gzip at all", gzip.compress(b"x" * 5_000_000)], ids=["broken", "endless"])
async def test_an_answer_that_cannot_be_unpacked_is_an_answer(body: bytes) -> None:
    """The same, and what unpacks without end is not held."""
    vendor = Vendor()
    await vendor.listen()
    vendor.says(scripted(200, body, content_encoding="gzip"))
    line = LineClient.connect("token", api_url=vendor.url)

    receipt = await line.deliver(reply("U1", [WRONG]))
    await line.aclose()
    await vendor.hang_up()
    assert receipt.outcome is Outcome.DELIVERED


@pytest.mark.parametrize("delivery", [reply, push])
async def test_without_a_connection_nothing_was_sent(delivery: Any) -> None:
    """Trying again is safe."""
    line = LineClient.connect("token", api_url="http://127.0.0.1:9")

    receipt = await line.deliver(delivery("U1", [WRONG]))
    await line.aclose()
    assert receipt == Receipt(Outcome.RETRY, 0, "no connection")


async def test_a_push_carries_its_key_and_is_said_once(line: LineClient, sandbox: Sandbox, customer: str) -> None:
    """However often it is tried: the second answer, 409, means that it is there."""
    sandbox.fault("line", drop=True, after=True, times=1)
    delivery = push(customer, rendered(line))

    assert await line.deliver(delivery) == Receipt(Outcome.RETRY, 0, "no answer")
    assert await line.deliver(delivery) == Receipt(Outcome.DELIVERED, 2)
    assert [call.status for call in sandbox.calls("line", PUSH)] == [0, 409]
    assert {call.headers["X-Line-Retry-Key"] for call in sandbox.calls("line")} == {str(KEY)}
    assert len(sandbox.sent("line", customer)) == 2


async def test_a_push_in_text_has_a_key_of_its_own(line: LineClient, sandbox: Sandbox, customer: str) -> None:
    """A key stands for one content; it is the same one at every try."""
    for _ in range(2):
        assert (await line.deliver(push(customer, [WRONG]))).outcome is Outcome.DELIVERED

    keys = [call.headers["X-Line-Retry-Key"] for call in sandbox.calls("line")]
    assert keys[0] == keys[2] == str(KEY)
    assert keys[1] == keys[3] != str(KEY)
    assert len(sandbox.sent("line", customer)) == 1


@pytest.mark.parametrize("body", [None, {"message": "Failed to send messages"}])
async def test_a_push_to_nobody_is_unreachable(line: LineClient, sandbox: Sandbox, body: Any) -> None:
    """No text would reach them either."""
    if body:
        sandbox.fault("line", status=400, body=body)

    assert (await line.deliver(push("U1", rendered(line)))).outcome is Outcome.UNREACHABLE
    assert len(sandbox.calls("line", PUSH)) == 1


async def test_the_months_quota(line: LineClient, sandbox: Sandbox, customer: str) -> None:
    """Replies are free; a push beyond the plan is refused."""
    sandbox.line.monthly_limit = 0

    assert (await line.deliver(push(customer, rendered(line)))).spent
    assert (await line.deliver(reply(customer, rendered(line)))).outcome is Outcome.DELIVERED


async def test_busy_is_shown_to_one_person(line: LineClient, sandbox: Sandbox, customer: str) -> None:
    """Not in groups, and trouble with it troubles nobody."""
    await line.show_busy(customer)
    await line.show_busy("C" + customer[1:])

    (call,) = sandbox.calls("line")
    assert (call.path, call.json) == (
        "/v2/bot/chat/loading/start",
        {"chatId": customer, "loadingSeconds": 20},
    )
    sandbox.fault("line", drop=True)
    await line.show_busy(customer)


async def test_the_language_of_somebody(line: LineClient, sandbox: Sandbox, customer: str) -> None:
    """As LINE spells it; unknown people and silent profiles have none."""
    person = sandbox.people.find("line", "yu")
    assert person

    assert await line.language_of(customer) == person.locale
    assert await line.language_of("U" + "0" * 32) is None
    sandbox.fault("line", body={"language": ["zh"]}, times=1)
    assert await line.language_of(customer) is None
    sandbox.fault("line", drop=True)
    assert await line.language_of(customer) is None


async def test_a_slow_profile_delays_nobody(sandbox: Sandbox, customer: str) -> None:
    """A second, however long calls may take."""
    line = LineClient.connect(LINE_CHANNEL_ACCESS_TOKEN, api_url=f"{sandbox.url}/line")
    sandbox.fault("line", hang=True)

    assert await line.language_of(customer) is None
    await line.aclose()


async def test_checking_names_the_account(line: LineClient) -> None:
    """So that people see which one it is."""
    assert "(@" in await line.check()


@pytest.mark.parametrize(
    ("fault", "setting"),
    [
        ({"status": 401}, "LINE_CHANNEL_ACCESS_TOKEN"),
        ({"status": 500}, "LINE_API_URL"),
        ({"body": {}}, "LINE_API_URL"),
        ({"drop": True}, "LINE_API_URL"),
    ],
)
async def test_checking_says_what_to_do(
    line: LineClient, sandbox: Sandbox, fault: dict[str, Any], setting: str
) -> None:
    """Each failure names the setting to look at."""
    sandbox.fault("line", **fault)

    with pytest.raises(ConfigurationError, match=setting):
        await line.check()

"""Sending through Messenger: what each way a call can end means, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from bot.channels import Delivery, Outcome, Receipt, Rendered
from bot.channels.messenger.client import MessengerClient
from bot.conversation.messages import Reply, Text
from bot.errors import ConfigurationError
from channels.drawn import GIFT, button, pack
from sandbox import Sandbox, shop
from sandbox.credentials import MESSENGER_APP_SECRET, MESSENGER_PAGE_ACCESS_TOKEN

KEY = UUID("0f4c6e1a-3b5d-4c7e-8f90-a1b2c3d4e5f6")
HI = Rendered({"text": "hi"})
WRONG = Rendered({"attachment": {"type": "template", "payload": {"template_type": "list"}}}, plain={"text": "plain"})


def connected(sandbox: Sandbox, **more: Any) -> MessengerClient:
    settings = {"page_access_token": MESSENGER_PAGE_ACCESS_TOKEN, "app_secret": MESSENGER_APP_SECRET} | more
    return MessengerClient.connect(**settings, api_url=f"{sandbox.url}/messenger/v26.0", read_seconds=0.2)


@pytest.fixture
async def messenger(sandbox: Sandbox) -> AsyncIterator[MessengerClient]:
    """A client of the sandbox that waits a fifth of a second for an answer."""
    client = connected(sandbox)
    yield client
    await client.aclose()


@pytest.fixture
def customer(sandbox: Sandbox) -> str:
    """Somebody who may be written to."""
    person = sandbox.people.find("messenger", "yu")
    assert person
    return person.id


def delivery(to: str, *messages: Rendered, done: int = 0) -> Delivery:
    return Delivery(to, messages, KEY, done=done)


async def test_messages_go_one_by_one_in_order(messenger: MessengerClient, sandbox: Sandbox, customer: str) -> None:
    """Each is reported as soon as it is taken."""
    messages = messenger.render(Reply((Text("一"), GIFT, Text("三")), (button("選單"),)), pack)
    taken: list[tuple[int, int]] = []

    async def accepted(done: int) -> None:
        taken.append((done, len(sandbox.sent("messenger", customer))))

    receipt = await messenger.deliver(delivery(customer, *messages), accepted)

    assert receipt == Receipt(Outcome.DELIVERED, 3)
    assert taken == [(1, 1), (2, 2), (3, 3)]
    assert [sent.message for sent in sandbox.sent("messenger", customer)] == [each.message for each in messages]


async def test_a_call_is_signed_and_says_what_it_is(
    messenger: MessengerClient, sandbox: Sandbox, customer: str
) -> None:
    """The token is in a header, for addresses end up in logs."""
    await messenger.deliver(delivery(customer, HI))

    (call,) = sandbox.calls("messenger")
    assert (call.method, call.path) == ("POST", "/me/messages")
    assert call.json == {
        "recipient": {"id": customer},
        "messaging_type": "RESPONSE",
        "message": {"text": "hi"},
    }
    assert call.headers["Authorization"] == f"Bearer {MESSENGER_PAGE_ACCESS_TOKEN}"
    assert set(call.query) == {"appsecret_proof"}


async def test_what_was_taken_already_is_not_sent_again(
    messenger: MessengerClient, sandbox: Sandbox, customer: str
) -> None:
    """Also when nothing is left."""
    again = delivery(customer, HI, Rendered({"text": "ho"}), done=1)

    assert await messenger.deliver(again) == Receipt(Outcome.DELIVERED, 2)
    assert [sent.message for sent in sandbox.sent("messenger", customer)] == [{"text": "ho"}]
    assert await messenger.deliver(delivery(customer, HI, done=1)) == Receipt(Outcome.DELIVERED, 1)


async def test_trouble_with_the_second_stops_before_the_third(
    messenger: MessengerClient, sandbox: Sandbox, customer: str
) -> None:
    """The receipt says how far it came."""
    sandbox.fault("messenger", status=200, times=1, body={"message_id": "m"})
    sandbox.fault("messenger", status=503, times=1)

    receipt = await messenger.deliver(delivery(customer, HI, HI, HI))
    assert (receipt.outcome, receipt.done) == (Outcome.RETRY, 1)
    assert len(sandbox.calls("messenger")) == 2


async def test_a_refused_card_is_said_in_text(messenger: MessengerClient, sandbox: Sandbox, customer: str) -> None:
    """Once."""
    receipt = await messenger.deliver(delivery(customer, WRONG))

    assert (receipt.outcome, receipt.done) == (Outcome.DELIVERED, 1)
    assert receipt.detail == "as text, card refused: HTTP 400, code 100/0"
    assert [sent.message for sent in sandbox.sent("messenger", customer)] == [{"text": "plain"}]


@pytest.mark.parametrize(
    ("numbers", "outcome"),
    [
        ((10, 2018278), Outcome.LATE),
        ((2534022, None), Outcome.LATE),
        ((100, 2534022), Outcome.LATE),
        ((10, 2018065), Outcome.LATE),
        ((551, None), Outcome.UNREACHABLE),
        ((551, 1545041), Outcome.UNREACHABLE),
        ((200, 1545041), Outcome.UNREACHABLE),
        ((100, 2018001), Outcome.UNREACHABLE),
        ((10, 2018108), Outcome.UNREACHABLE),
        ((2018300, None), Outcome.REFUSED),
        ((2018321, None), Outcome.REFUSED),
        ((100, 2534037), Outcome.REFUSED),
        ((190, 463), Outcome.BARRED),
        ((200, 2018028), Outcome.BARRED),
        ((10, None), Outcome.BARRED),
        ((368, None), Outcome.REFUSED),
        ((10, 1893063), Outcome.REFUSED),
        ((2, 2018344), Outcome.REFUSED),
        ((100, 2018109), Outcome.REFUSED),
        ((12345, None), Outcome.REFUSED),
        ((4, None), Outcome.RETRY),
        ((613, 2018338), Outcome.RETRY),
        ((2, None), Outcome.RETRY),
        ((1, 99), Outcome.RETRY),
        ((1, 1357046), Outcome.UNKNOWN),
    ],
)
async def test_what_codes_mean(
    messenger: MessengerClient, sandbox: Sandbox, customer: str, numbers: tuple[int, int | None], outcome: Outcome
) -> None:
    """Codes and subcodes decide; Meta's texts are in anybody's language and are not told."""
    code, subcode = numbers
    error = {"message": "secret", "code": code, "error_subcode": subcode}
    sandbox.fault("messenger", status=400, body={"error": error})

    receipt = await messenger.deliver(delivery(customer, HI))
    assert (receipt.outcome, receipt.done) == (outcome, 0)
    assert "secret" not in receipt.detail
    assert f"code {code}/{subcode or 0}" in receipt.detail


@pytest.mark.parametrize(
    ("code", "words"),
    [(2018300, "handed over"), (190, "credentials"), (368, "restricted")],
)
async def test_refusals_say_of_what_kind_they_are(
    messenger: MessengerClient, sandbox: Sandbox, customer: str, code: int, words: str
) -> None:
    """Staff reads these."""
    sandbox.fault("messenger", status=400, body={"error": {"code": code}})

    assert (await messenger.deliver(delivery(customer, HI))).detail.startswith(words)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"status": 500, "body": "<html>"}, Outcome.RETRY),
        ({"status": 429, "body": {}}, Outcome.RETRY),
        ({"status": 401, "body": {}}, Outcome.BARRED),
        ({"status": 404, "body": []}, Outcome.REFUSED),
        ({"status": 200, "body": "garbage"}, Outcome.DELIVERED),
        ({"status": 200, "body": {"error": {"code": 2}}}, Outcome.RETRY),
        ({"status": 400, "body": {"error": {"code": "190"}}}, Outcome.REFUSED),
        ({"cut": True}, Outcome.DELIVERED),
        ({"drop": True}, Outcome.UNKNOWN),
        ({"hang": True}, Outcome.UNKNOWN),
    ],
)
async def test_what_answers_without_codes_mean(
    messenger: MessengerClient, sandbox: Sandbox, customer: str, fault: dict[str, Any], outcome: Outcome
) -> None:
    """A lost answer is not asked for again: Messenger would say the message twice."""
    sandbox.fault("messenger", **fault)

    assert (await messenger.deliver(delivery(customer, HI))).outcome is outcome
    assert len(sandbox.calls("messenger")) == 1


async def test_limits_name_a_pause(messenger: MessengerClient, sandbox: Sandbox, customer: str) -> None:
    """Hurrying on would make it worse."""
    sandbox.fault("messenger", status=400, body={"error": {"code": 613}})

    assert (await messenger.deliver(delivery(customer, HI))).retry_after == 60


async def test_the_window_the_blocked_and_the_unknown(
    messenger: MessengerClient, sandbox: Sandbox, customer: str
) -> None:
    """As the sandbox's people are."""
    person = sandbox.people.find("messenger", customer)
    assert person
    person.window_open = False

    assert (await messenger.deliver(delivery(customer, HI))).outcome is Outcome.LATE
    person.blocked = True
    assert (await messenger.deliver(delivery(customer, HI))).outcome is Outcome.UNREACHABLE
    assert (await messenger.deliver(delivery("1", WRONG))).outcome is not Outcome.DELIVERED
    assert (await messenger.deliver(delivery("1", HI))).outcome is Outcome.UNREACHABLE


async def test_without_a_connection_nothing_was_sent() -> None:
    """Trying again is safe."""
    messenger = MessengerClient.connect("token", "secret", api_url="http://127.0.0.1:9")

    receipt = await messenger.deliver(delivery("1", HI))
    await messenger.aclose()
    assert receipt == Receipt(Outcome.RETRY, 0, "no connection")


async def test_busy_is_typing(messenger: MessengerClient, sandbox: Sandbox, customer: str) -> None:
    """And trouble with it troubles nobody."""
    await messenger.show_busy(customer)

    (call,) = sandbox.calls("messenger")
    assert call.json == {"recipient": {"id": customer}, "sender_action": "typing_on"}
    sandbox.fault("messenger", drop=True)
    await messenger.show_busy(customer)


async def test_the_language_of_somebody(messenger: MessengerClient, sandbox: Sandbox, customer: str) -> None:
    """As Messenger spells it, when the page may know it."""
    person = sandbox.people.find("messenger", customer)
    assert person

    assert await messenger.language_of(customer) == person.locale
    person.locale = None
    assert await messenger.language_of(customer) is None
    assert await messenger.language_of("1") is None
    sandbox.fault("messenger", hang=True)
    assert await messenger.language_of(customer) is None


async def test_checking_names_the_page(messenger: MessengerClient) -> None:
    """So that people see which one it is."""
    assert await messenger.check() == f"{shop.NAME} (108200000000042)"


@pytest.mark.parametrize("setting", ["page_access_token", "app_secret"])
async def test_checking_knows_which_credential_is_wrong(sandbox: Sandbox, setting: str) -> None:
    """The token, or the secret that proves we own it."""
    messenger = connected(sandbox, **{setting: "wrong"})

    with pytest.raises(ConfigurationError, match=f"MESSENGER_{setting.upper()}"):
        await messenger.check()
    await messenger.aclose()


@pytest.mark.parametrize("fault", [{"status": 500}, {"body": {}}, {"drop": True}])
async def test_checking_says_what_to_do(messenger: MessengerClient, sandbox: Sandbox, fault: dict[str, Any]) -> None:
    """Each failure names the setting to look at."""
    sandbox.fault("messenger", **fault)

    with pytest.raises(ConfigurationError, match="MESSENGER_API_URL"):
        await messenger.check()

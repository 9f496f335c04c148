"""A channel is added from outside: its description and its two halves, and not a line elsewhere in `bot/`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import pytest
from engine.desk import Desk

from bot import config, partners
from bot.channels import Channel, Delivery, Json, Outcome, Pack, Receipt, Rendered, known
from bot.channels.messenger.render import render
from bot.conversation.events import Chat, Incoming, Said
from bot.conversation.messages import Reply
from sandbox import Sandbox
from sandbox.people import demo_id


class ToyInbound:
    """`{"events": [{"id": …, "from": …, "text": …}]}`, signed with a word."""

    name = "toy"

    def genuine(self, body: bytes, headers: Mapping[str, str]) -> bool:
        return headers.get("X-Toy") == "signed"

    def split(self, body: bytes) -> list[tuple[str, Json]]:
        return [("shop", event) for event in json.loads(body)["events"]]

    def parse(self, account: str, raw: Json) -> Incoming:
        chat = Chat("toy", account, "user", raw["from"])
        return Incoming(f"toy:{raw['id']}", chat, raw["from"], datetime.now(UTC), Said(raw["text"]))


class ToyClient:
    """Keeps what it is given to deliver."""

    name = "toy"
    menus = None
    pictures = None
    quota = None
    limits = ()
    threads = None

    def __init__(self) -> None:
        self.delivered: list[Delivery] = []

    def render(self, reply: Reply, pack: Pack) -> list[Rendered]:
        return render(reply, pack)

    async def deliver(self, delivery: Delivery, accepted: Callable[[int], Awaitable[None]] | None = None) -> Receipt:
        self.delivered.append(delivery)
        return Receipt(Outcome.DELIVERED, len(delivery.messages))

    async def show_busy(self, to: str) -> None: ...

    async def language_of(self, user_id: str) -> str | None:
        return "en"

    async def check(self) -> str:
        return "Toys"

    async def aclose(self) -> None: ...


async def test_a_channel_is_its_description(database: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its webhooks are answered, its people's gifts are found at MantaGo, and staff read its name."""
    client = ToyClient()
    monkeypatch.setitem(config.GROUPS, "Toy", ("line_channel_secret",))
    toy = Channel(
        name="toy",
        title="Toy phones",
        group="Toy",
        settings="TOY_TOKEN",
        mantago="line",
        receives=lambda settings: ToyInbound(),
        opens=lambda settings: client,
        pushes_are_free=True,
    )
    monkeypatch.setattr(known, "CHANNELS", (*known.CHANNELS, toy))
    try:
        async with Desk.open(database, sandbox) as desk:
            await desk.reset()
            body = json.dumps({"events": [{"id": "1", "from": demo_id("line", "yu"), "text": "my gifts"}]})

            assert desk.web.post("/webhooks/toy", data=body).status_code == 401
            assert desk.web.post("/webhooks/toy", data=body, headers={"X-Toy": "signed"}).status_code == 200
            await desk.run()

            [delivery] = client.delivered
            said = json.dumps([message.message for message in delivery.messages], ensure_ascii=False)
            assert delivery.to == demo_id("line", "yu")
            assert "Gifts" in said or "gifts" in said
            assert {json.loads(call.body)["platform"] for call in sandbox.calls("mantago")} == {"line"}
            assert partners.partner("toy").title == "Toy phones"
            assert desk.turns.brands["toy"].channel_name == "Toy phones"
    finally:
        partners.PLATFORMS.pop("toy", None)

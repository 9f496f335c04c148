"""Our own pictures above Meta's cards: how they are drawn, brought to the platforms, shown, and done without."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from chat import Bot, Chat
from PIL import Image

from bot.channels import Delivery, Json, Outcome, Rendered
from bot.channels.instagram.client import InstagramClient
from bot.channels.instagram.render import render as render_instagram
from bot.channels.messenger import banners, pictures
from bot.channels.messenger.client import MessengerClient
from bot.channels.messenger.pictures import ABOVE, BANNERS, NONE, Shown, drawn, file_name
from bot.channels.messenger.render import render
from bot.conversation.messages import Banner, Button, Card, Carousel, Message, Reply
from channels.drawn import MENU, SUCCESS, Open, button, pack
from handlers.views.start import menu_card
from sandbox import Sandbox
from sandbox.credentials import INSTAGRAM_ACCOUNT_ID, MESSENGER_APP_SECRET, MESSENGER_PAGE_ACCESS_TOKEN
from sandbox.instagram import RULES
from sandbox.messenger_messages import problems
from sandbox.people import demo_id

TEAL = "#0F766E"
DESK = "https://desk.example"
KEY = UUID("0f4c6e1a-3b5d-4c7e-8f90-a1b2c3d4e5f6")
RECEIPT = replace(SUCCESS, banner="receipts")


class Known:
    """Pictures that are all uploaded, or served, or both."""

    def __init__(self, attachment: str = "", base: str = "") -> None:
        self.id, self.base = attachment, base

    def address(self, banner: Banner) -> str | None:
        return f"{self.base}/pictures/{file_name(banner, TEAL)}" if self.base else None

    def attachment(self, banner: Banner) -> str | None:
        return self.id or None


UPLOADED, SERVED = Known(attachment="1234567890123456"), Known(base=DESK)


def sent(shown: Shown, *messages: Message, channel: str = "messenger") -> list[Json]:
    """What goes out, after the stand-in's own judge has found nothing in it."""
    if channel == "messenger":
        rendered = render(Reply(messages, (button("選單", "menu"),)), pack, pictures=shown)
        assert [problem for each in rendered for problem in problems(each.message)] == []
    else:
        rendered = render_instagram(Reply(messages, (button("選單", "menu"),)), pack, shown)
        assert [problem for each in rendered for problem in problems(each.message, RULES)] == []
    return [each.message for each in rendered]


def payload(message: Json) -> Json:
    found: Json = message["attachment"]["payload"]
    return found


# ── drawn ────────────────────────────────────────────────────────────────────────────────────


def test_every_picture_is_drawn() -> None:
    """As many as cards can name, each of the shape that Meta shows, small, and none like another."""
    assert set(BANNERS) == set(banners.DRAWN)
    assert set(ABOVE) <= set(BANNERS)
    made = {banner: drawn(banner, TEAL) for banner in BANNERS}
    assert {Image.open(io.BytesIO(png)).size for png in made.values()} == {(1200, 628)}
    assert max(map(len, made.values())) < 60_000
    assert len(set(made.values())) == len(BANNERS)


@pytest.mark.parametrize("colour", ["#0F766E", "#FDE047"])
def test_a_picture_is_in_the_brands_colour_and_always_the_same(colour: str) -> None:
    """A pale brand as well, whose colour nothing could be read on."""
    first, again = banners.draw("gifts", colour), banners.draw("gifts", colour)
    corner = Image.open(io.BytesIO(first)).convert("RGB").getpixel((0, 0))
    wanted = tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))

    assert first == again
    assert isinstance(corner, tuple)
    assert max(abs(mine - theirs) for mine, theirs in zip(corner, wanted, strict=True)) < 12


def test_a_files_name_changes_with_the_colour() -> None:
    """So that whoever keeps a picture never keeps an old one."""
    assert file_name("gifts", "#E11D48") != file_name("gifts", TEAL) == file_name("gifts", TEAL.lower())


# ── shown ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("channel", ["messenger", "instagram"])
@pytest.mark.parametrize("tag", ["zh_Hant_TW", "en"])
@pytest.mark.parametrize("shown", [NONE, UPLOADED, SERVED])
def test_the_menu_is_cards_with_one_button_each(bot: Bot, channel: str, tag: str, shown: Shown) -> None:
    """Under a short question, with a picture where one can be fetched, and with nothing of it said twice."""
    _ = bot.turns.languages[tag]
    brand = bot.turns.brands[channel]
    question, menu = sent(shown, menu_card(_, brand), channel=channel)[:2]
    elements = payload(menu)["elements"]

    assert question == {"text": _("What would you like to do?")}
    assert [len(each["buttons"]) for each in elements] == [1] * 6
    assert [each["buttons"][0]["title"] for each in elements][:2] == [_("My gifts"), _("Redeem a code")]
    assert _("See the tickets and gifts you have") in elements[0]["title"]
    pictured = [each.get("image_url", "").startswith(f"{DESK}/pictures/") for each in elements]
    assert pictured == [shown is SERVED] * 6
    assert elements[0]["title"].startswith("🎁") is not (shown is SERVED)


@pytest.mark.parametrize("channel", ["messenger", "instagram"])
def test_a_receipt_has_its_picture_above_its_lines(channel: str) -> None:
    """By its id, which needs no fetching, else by its address; and where there is neither, it is as good."""
    above = {"attachment": {"type": "image", "payload": {"attachment_id": UPLOADED.id}}}
    fetched = {"attachment": {"type": "image", "payload": {"url": SERVED.address("receipts")}}}
    both = Known(UPLOADED.id, DESK)
    alone = sent(NONE, RECEIPT, channel=channel)

    assert "紀錄編號：R-7F3K9" in payload(alone[0])["text"]
    assert sent(UPLOADED, RECEIPT, channel=channel) == [above, *alone]
    assert sent(both, RECEIPT, channel=channel) == [above, *alone]
    assert sent(SERVED, RECEIPT, channel=channel) == [fetched, *alone]


def test_a_card_on_instagram_has_room_for_one_more_way_on() -> None:
    """No quick reply may stand under it there: one that fits is its last button, with no message to point at it."""
    (card,) = sent(NONE, RECEIPT, channel="instagram")
    full, pointer = sent(
        NONE, replace(RECEIPT, buttons=(button("一"), button("二"), button("三"))), channel="instagram"
    )

    assert [each["title"] for each in payload(card)["buttons"]] == ["我的獎品", "再輸入一組", "選單"]
    assert len(payload(full)["buttons"]) == 3
    assert (pointer["text"], [each["title"] for each in pointer["quick_replies"]]) == ("👇", ["選單"])


def test_an_overview_is_one_card_with_its_picture() -> None:
    """All of it fits the element below the picture."""
    overview = replace(MENU, tiles=(), banner="gifts")
    (card,) = sent(SERVED, overview)
    (element,) = payload(card)["elements"]

    assert element["image_url"] == SERVED.address("gifts")
    assert element["subtitle"] == "2 項新獎品 · 更新於 14:32"
    picture, plain = sent(UPLOADED, overview)
    assert payload(picture) == {"attachment_id": UPLOADED.id}
    assert payload(plain)["text"] == "您的獎勵\n2 項新獎品\n更新於 14:32"


def test_what_an_element_has_no_room_for_is_behind_details() -> None:
    """A list is shown once: whole facts, as many as fit, and a button; a card that fits has no such button."""
    details = Button("詳細內容", Open(what="one"))
    long = Card("滿滿", text="這張卡有很多要說的事。" * 4, note="還有更多要說的事。" * 5, details=details)
    short = Card("少少", text="只有一件事。", details=details)
    (message,) = sent(NONE, Carousel("清單", (long, short)))
    first, second = payload(message)["elements"]

    assert first["subtitle"] == long.text
    assert [each["title"] for each in first["buttons"]] == ["詳細內容"]
    assert second == {"title": "少少", "subtitle": "只有一件事。"}


# ── brought to the platform ──────────────────────────────────────────────────────────────────


def messenger(sandbox: Sandbox, pictures_at: str = "") -> MessengerClient:
    return MessengerClient.connect(
        MESSENGER_PAGE_ACCESS_TOKEN,
        MESSENGER_APP_SECRET,
        api_url=f"{sandbox.url}/messenger/v26.0",
        pictures_at=pictures_at,
        read_seconds=1,
    )


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[MessengerClient]:
    opened = messenger(sandbox)
    yield opened
    await opened.aclose()


@pytest.fixture
async def shelf(tables: asyncpg.Pool) -> asyncpg.Pool:
    """A database that has no picture drawn or uploaded."""
    await tables.execute("DELETE FROM attachments")
    await tables.execute("DELETE FROM pictures")
    return tables


def uploads(sandbox: Sandbox) -> int:
    return len(sandbox.calls("messenger", "POST /me/message_attachments"))


async def test_pictures_are_uploaded_once(client: MessengerClient, sandbox: Sandbox, shelf: asyncpg.Pool) -> None:
    """Not again by the next look, nor by another worker, which shows the same ones."""
    assert client.pictures.attachment("gifts") is None
    await client.pictures.renew(shelf)
    await client.pictures.renew(shelf)
    other = messenger(sandbox)
    await other.pictures.renew(shelf)
    await other.aclose()

    assert uploads(sandbox) == len(ABOVE)
    for banner in ABOVE:
        known = client.pictures.attachment(banner)
        assert known and known == other.pictures.attachment(banner)
        assert sandbox.graph.attachments[known].image == drawn(banner, TEAL)


async def test_addresses_are_given_when_the_web_process_has_the_pictures(
    sandbox: Sandbox, shelf: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them, drawn once by whichever worker is first; without a public address only those to be uploaded."""
    made: list[str] = []

    def draw(banner: Banner, _colour: str) -> bytes:
        made.append(banner)
        return b"\x89PNG"

    monkeypatch.setattr(pictures, "drawn", draw)
    first, second, apart = messenger(sandbox, DESK), messenger(sandbox, DESK), messenger(sandbox)
    assert first.pictures.address("gifts") is None
    await apart.pictures.renew(shelf)
    assert sorted(made) == sorted(ABOVE)
    await first.pictures.renew(shelf)
    await second.pictures.renew(shelf)

    assert sorted(made) == sorted(BANNERS)
    assert second.pictures.address("help") == f"{DESK}/pictures/{file_name('help', TEAL)}"
    assert apart.pictures.address("gifts") is None
    assert set(await shelf.fetchval("SELECT array_agg(name) FROM pictures")) == {file_name(b, TEAL) for b in BANNERS}
    for client in (first, second, apart):
        await client.aclose()


async def test_two_workers_at_once_agree(client: MessengerClient, sandbox: Sandbox, shelf: asyncpg.Pool) -> None:
    """Each uploads at most once, and after their next look both show the same."""
    other = messenger(sandbox)
    for _ in range(2):
        await asyncio.gather(client.pictures.renew(shelf), other.pictures.renew(shelf))
    await other.aclose()

    assert len(ABOVE) <= uploads(sandbox) <= 2 * len(ABOVE)
    for banner in ABOVE:
        assert client.pictures.attachment(banner) == other.pictures.attachment(banner) is not None


async def test_instagram_has_its_own(sandbox: Sandbox, shelf: asyncpg.Pool) -> None:
    """Uploaded for its people, by the same call."""
    api = f"{sandbox.url}/messenger/v26.0"
    client = InstagramClient.to_account(
        INSTAGRAM_ACCOUNT_ID, MESSENGER_PAGE_ACCESS_TOKEN, MESSENGER_APP_SECRET, api_url=api
    )
    await client.pictures.renew(shelf)
    receipt = await client.deliver(Delivery(demo_id("instagram", "yu"), client.render(Reply((RECEIPT,)), pack), KEY))
    await client.aclose()

    assert {each.channel for each in sandbox.graph.attachments.values()} == {"instagram"}
    assert (receipt.outcome, receipt.done, receipt.detail) == (Outcome.DELIVERED, 2, "")


async def test_a_picture_is_uploaded_again_before_its_90_days_end(
    client: MessengerClient, sandbox: Sandbox, shelf: asyncpg.Pool
) -> None:
    """Those of 76 days."""
    await client.pictures.renew(shelf)
    old = client.pictures.attachment("gifts")
    aged = "UPDATE attachments SET uploaded_at = now() - $2::interval WHERE picture LIKE $1"
    await shelf.execute(aged.replace("$2::interval", "interval '76 days'"), "gifts-%")
    await client.pictures.renew(shelf)

    assert uploads(sandbox) == len(ABOVE) + 1
    assert client.pictures.attachment("gifts") not in (old, None)


async def test_a_refused_id_is_replaced_once(client: MessengerClient, sandbox: Sandbox, shelf: asyncpg.Pool) -> None:
    """The answer goes out without its picture, later ones with a new one; one that is refused at once waits a day."""
    await client.pictures.renew(shelf)
    sandbox.graph.attachments.clear()  # As if Meta had forgotten them.
    to = demo_id("messenger", "yu")

    async def receipt() -> tuple[Any, ...]:
        got = await client.deliver(Delivery(to, client.render(Reply((RECEIPT,)), pack), KEY))
        return got.outcome, got.done, got.detail

    assert await receipt() == (Outcome.DELIVERED, 2, "without its picture: HTTP 400, code 100/2018074")
    assert len(sandbox.sent("messenger", to)) == 1
    assert await receipt() == (Outcome.DELIVERED, 1, "")  # No picture is tried that was refused.

    await client.pictures.renew(shelf)
    assert uploads(sandbox) == len(ABOVE) + 1
    assert await receipt() == (Outcome.DELIVERED, 2, "")

    sandbox.graph.attachments.clear()
    await receipt()
    await client.pictures.renew(shelf)
    assert uploads(sandbox) == len(ABOVE) + 1
    assert client.pictures.attachment("receipts") is None
    await shelf.execute("UPDATE attachments SET uploaded_at = now() - interval '25 hours'")
    await client.pictures.renew(shelf)
    assert uploads(sandbox) == len(ABOVE) + 2


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 429}, {"drop": True}, {"status": 200, "body": {}}])
async def test_an_upload_that_fails_is_tried_again_later(
    client: MessengerClient, sandbox: Sandbox, shelf: asyncpg.Pool, fault: dict[str, Any]
) -> None:
    """Not at once and not for each picture: until then there is none."""
    sandbox.fault("messenger:POST /me/message_attachments", **fault)
    await client.pictures.renew(shelf)
    await client.pictures.renew(shelf)

    assert uploads(sandbox) == 1
    assert client.pictures.attachment("gifts") is None
    sandbox.clear_faults()
    client.pictures._not_before = 0
    await client.pictures.renew(shelf)
    assert client.pictures.attachment("gifts") is not None


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"drop": True},
        {"hang": True},
        {"status": 400, "body": {"error": {"code": 100, "error_subcode": 2018008}}},  # its address is a 404
        {"status": 400, "body": {"error": {"code": 613}}},
    ],
)
async def test_an_answer_never_waits_for_its_picture(
    client: MessengerClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    """Whatever becomes of the picture, what was said arrives, whole and once."""
    monkeypatch.setattr("bot.channels.messenger.client.BANNER_SECONDS", 0.2)
    to = demo_id("messenger", "yu")
    messages = render(Reply((RECEIPT,)), pack, pictures=SERVED)
    taken: list[int] = []

    async def accepted(done: int) -> None:
        taken.append(done)

    sandbox.fault("messenger:POST /me/messages", **fault, times=1)
    receipt = await client.deliver(Delivery(to, messages, KEY), accepted)

    assert (receipt.outcome, receipt.done, taken) == (Outcome.DELIVERED, 2, [1, 2])
    assert "without its picture" in receipt.detail
    assert [each.message for each in sandbox.sent("messenger", to)] == [messages[1].message]


async def test_a_reply_stored_by_the_version_before_is_delivered(client: MessengerClient, sandbox: Sandbox) -> None:
    """It knows of no pictures."""
    to = demo_id("messenger", "yu")
    receipt = await client.deliver(Delivery(to, [Rendered({"text": "hi"})], KEY))

    assert receipt.outcome is Outcome.DELIVERED


# ── in a chat ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", ["zh-TW", "en"])
@pytest.mark.parametrize("channel", ["messenger", "instagram"])
async def test_a_chat_with_pictures(bot: Bot, tables: asyncpg.Pool, channel: str, language: str) -> None:
    """The overview and a receipt have one above them, the menu opens what its cards say; nothing is refused."""
    outbound: Any = bot.turns.outbound[channel]
    await outbound.pictures.renew(tables)
    try:
        chat = bot.chat(channel, "yu", language=language)
        await chat.say("English please" if language == "en" else "你好")
        bot.sandbox.journal.clear()
        await chat.say("我的獎品")
        assert chat.shown[0].message["attachment"]["type"] == "image"
        await chat.say("WELCOME2026")
        assert chat.said("Redeemed 🎉") and chat.shown[0].message["attachment"]["type"] == "image"
        await chat.say("menu")
        assert [*chat.buttons] == [chat._(button) for button in OPENED]
        await chat.tap("Language")
        assert chat.said("Which language do you prefer?")
        sends = bot.sandbox.calls("messenger", "POST /me/messages")
        assert {call.status for call in sends} == {200}
    finally:
        outbound.pictures._ids = {}


OPENED = ("My gifts", "Redeem a code", "Vouchers", "Gift cards", "Language", "Help and staff")


async def test_a_long_list_is_shown_once(bot: Bot) -> None:
    """What has no room in it is behind [Details], which shows the whole receipt."""
    chat: Chat = bot.chat("messenger", "emily", language="en")
    for code in ("WELCOME2026", "SUMMER-7K3M-Q9TD"):
        await chat.say(code)
    await chat.say("my receipts")
    assert [item.message.get("text") for item in chat.shown] == [None]

    await chat.tap("Details")
    assert chat.said("Reference") and "WELC••••26" in chat.text and chat.said("Time")

"""LINE's webhooks: signatures and lenient reading."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels import Malformed
from bot.channels.line.inbound import LineInbound
from bot.conversation.events import (
    Chat,
    Followed,
    Ignored,
    Incoming,
    Joined,
    Left,
    Said,
    SentMedia,
    SentSticker,
    Tapped,
    Unsent,
    What,
)

BOT = "U0123456789abcdef0123456789abcdef"
CUSTOMER = "Ufedcba9876543210fedcba9876543210"
SIGNED = b"bodybodybodybody"
SIGNATURE = "/gg9a+LvFevTH1sd7XCQycD7tsWclCsInj7MhBHxN7k="

line = LineInbound(("channel_secret",))


def event(kind: str = "message", **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "mode": "active",
        "timestamp": 1_793_000_000_123,
        "source": {"type": "user", "userId": CUSTOMER},
        "webhookEventId": "01HZX3J8Q6T9W1M2N3P4R5S6T7",
        "deliveryContext": {"isRedelivery": False},
        "replyToken": "token",
        **more,
    }


def message(kind: str, **more: Any) -> dict[str, Any]:
    return event(message={"type": kind, "id": "468789577898262530", "quoteToken": "q", **more})


@pytest.mark.parametrize("name", ["x-line-signature", "X-Line-Signature", "X-LINE-SIGNATURE"])
def test_a_signed_body_is_genuine_however_the_header_is_spelt(name: str) -> None:
    """The vector is the one in LINE's own SDK."""
    assert line.genuine(SIGNED, {"Host": "bot", name: SIGNATURE})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Line-Signature": ""},
        {"X-Line-Signature": SIGNATURE[:-1]},
        {"X-Line-Signature": SIGNATURE.lower()},
        {"X-Line-Signature": "簽章\udcff"},
        {"X-Hub-Signature-256": SIGNATURE},
    ],
)
def test_missing_and_wrong_signatures_are_refused(headers: dict[str, str]) -> None:
    """Whatever the header holds, the answer is no, not an exception."""
    assert not line.genuine(SIGNED, headers)


def test_a_changed_body_is_refused() -> None:
    """One byte more is another body."""
    assert not line.genuine(SIGNED + b" ", {"X-Line-Signature": SIGNATURE})


def test_several_secrets_are_accepted_while_they_change() -> None:
    """The new one may come first or last."""
    headers = {"X-Line-Signature": SIGNATURE}

    assert LineInbound(("new", "channel_secret")).genuine(SIGNED, headers)
    assert LineInbound(("channel_secret", "new")).genuine(SIGNED, headers)
    assert not LineInbound(("new",)).genuine(SIGNED, headers)


@pytest.mark.parametrize("secrets", [(), ("",)])
def test_without_a_secret_nothing_is_genuine(secrets: tuple[str, ...]) -> None:
    """An empty secret must not accept what anybody can sign with an empty key."""
    signed_with_nothing = "CBo6sQ5XoWpdr6N4C6hdPNEcrDR8zELqdGFqgTUdD4E="

    assert not LineInbound(secrets).genuine(SIGNED, {"X-Line-Signature": SIGNATURE})
    assert not LineInbound(secrets).genuine(b"", {"X-Line-Signature": signed_with_nothing})


def test_a_body_splits_into_its_events() -> None:
    """What is no object is skipped and costs its siblings nothing."""
    body = json.dumps({"destination": BOT, "events": [event(), None, "x", 3, [], event("follow")]}).encode()

    assert line.split(body) == [(BOT, event()), (BOT, event("follow"))]


@pytest.mark.parametrize("body", [b'{"destination":"U1","events":[]}', b'{"destination":"U1"}', b'{"events":null}'])
def test_the_verify_button_sends_no_events(body: bytes) -> None:
    """Empty and missing events are fine."""
    assert line.split(body) == []


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'"x"', b"\xff\xfe", b'{"a":', b"[" * 100_000])
def test_other_bodies_are_malformed(body: bytes) -> None:
    """They are told apart from webhooks without events."""
    with pytest.raises(Malformed):
        line.split(body)


def test_half_characters_and_nul_cost_nobody_an_event() -> None:
    """JSON can spell what no database stores; it is left out."""
    text = rb'{"type":"message","message":{"text":"a\ud83db\u0000c"}}'
    body = b'{"destination":"U1","events":[' + text + b',{"type":"follow"}]}'

    assert line.split(body) == [
        ("U1", {"type": "message", "message": {"text": "abc"}}),
        ("U1", {"type": "follow"}),
    ]


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (message("text", text="我的獎品"), Said("我的獎品")),
        (message("text", text="hi", emojis=[{"index": 0}], markAsReadToken="m"), Said("hi")),
        (
            message("text", text="@bot hi", mention={"mentionees": [{"index": 0, "length": 4, "isSelf": True}]}),
            Said("  hi", mentioned=True),
        ),
        (
            message("text", text="@all hi", mention={"mentionees": [{"type": "all"}, "x", {"isSelf": "yes"}]}),
            Said("@all hi"),
        ),
        (message("text", text="hi", mention="x"), Said("hi")),
        (message("text", text="WELCOME2026(love)", emojis=[{"index": 11, "length": 6}]), Said("WELCOME2026 ")),
        (message("text", text="(love)", emojis=[{"index": 0, "length": 6}]), Said(" ")),
        (message("text", text="WELCOME2026(love)"), Said("WELCOME2026(love)")),
        (message("text", text="hi", emojis="x"), Said("hi")),
        (
            message(
                "text",
                text="🎁 @Held Out, @bot(love) /status",
                emojis=[{"index": 18, "length": 6}],
                mention={"mentionees": [{"index": 3, "length": 9}, {"index": 14, "length": 4, "isSelf": True}]},
            ),
            Said("🎁  ,   /status", mentioned=True),
        ),
        (message("text", text=""), Ignored("text without text")),
        (message("text"), Ignored("text without text")),
        (message("sticker", stickerResourceType="BRAND_NEW"), SentSticker()),
        (message("image"), SentMedia("image")),
        (message("video"), SentMedia("video")),
        (message("audio"), SentMedia("audio")),
        (message("file"), SentMedia("file")),
        (message("location", latitude=25.03), SentMedia("location")),
        (message("contact"), SentMedia("contact")),
        (message("image", imageSet={"id": "E005D41A", "index": 1, "total": 3}), SentMedia("image", "E005D41A")),
        (message("image", imageSet={"index": 1}), SentMedia("image")),
        (message("image", imageSet="x"), SentMedia("image")),
        (message("hologram"), SentMedia("unknown")),
        (event(message={"type": "hologram"}, source={"type": "group", "groupId": "C1"}), Ignored("message hologram")),
        (message(""), Ignored("message ")),
        (event(message=None), Ignored("message unnamed")),
        (event("postback", postback={"data": "v1.x"}), Tapped("v1.x")),
        (event("postback", postback={"data": "v1.x", "params": {"date": "2026-11-20"}}), Tapped("v1.x")),
        (
            event("postback", postback={"data": "m", "params": {"newRichMenuAliasId": "b", "status": "SUCCESS"}}),
            Ignored("rich menu switched"),
        ),
        (event("postback", postback={"data": ""}), Ignored("postback without data")),
        (event("postback"), Ignored("postback without data")),
        (event("follow", follow={"isUnblocked": True}), Followed()),
        (event("follow"), Followed()),
        (event("unfollow"), Left()),
        (event("join"), Ignored("joined a private chat")),
        (event("unsend", unsend={"messageId": "325708"}), Unsent("325708")),
        (event("unsend"), Ignored("unsend without a message")),
        (event("accountLink", link={"result": "ok"}), Ignored("event accountLink")),
        (event("messageEdited"), Ignored("event messageEdited")),
        (event("somethingNew"), Ignored("event somethingNew")),
        (event("follow", mode="standby"), Ignored("mode standby")),
        (event("follow", mode="other"), Ignored("mode other")),
        (event("follow", mode=None), Ignored("mode unnamed")),
        (event("follow", source=None), Ignored("no chat")),
        (event("follow", source={"type": "page", "pageId": "1"}), Ignored("no chat")),
        (event("follow", source={"type": "user"}), Ignored("no chat")),
        ({}, Ignored("no chat")),
    ],
)
def test_what_an_event_says(raw: dict[str, Any], what: What) -> None:
    """Kinds, values and properties that LINE adds later change nothing."""
    assert line.parse(BOT, raw).what == what


def test_an_event_without_mode_is_answered() -> None:
    """Whether there is a reply token decides then."""
    raw = event("follow")
    del raw["mode"]

    assert line.parse(BOT, raw).what == Followed()


def test_everything_about_an_event() -> None:
    """Key, chat, person, time, token, message and all that was written."""
    assert line.parse(BOT, message("text", text="hi")) == Incoming(
        key=f"line:{BOT}:01HZX3J8Q6T9W1M2N3P4R5S6T7",
        chat=Chat("line", BOT, "user", CUSTOMER),
        user_id=CUSTOMER,
        at=datetime(2026, 10, 26, 7, 33, 20, 123000, tzinfo=UTC),
        what=Said("hi"),
        reply_token="token",
        message_id="468789577898262530",
        texts=("hi",),
    )


@pytest.mark.parametrize(
    ("source", "chat", "person"),
    [
        ({"type": "group", "groupId": "C1", "userId": CUSTOMER}, Chat("line", BOT, "group", "C1"), CUSTOMER),
        ({"type": "group", "groupId": "C1"}, Chat("line", BOT, "group", "C1"), None),
        ({"type": "room", "roomId": "R1"}, Chat("line", BOT, "room", "R1"), None),
    ],
)
def test_groups_and_rooms_are_chats(source: dict[str, str], chat: Chat, person: str | None) -> None:
    """Groups may hide who speaks."""
    joined, left = (line.parse(BOT, event(kind, source=source)) for kind in ("join", "leave"))

    assert (joined.chat, joined.user_id, joined.what) == (chat, person, Joined())
    assert left.what == Left()


@pytest.mark.parametrize("timestamp", ["1793000000123", 1793000000123, 1793000000123.0])
def test_timestamps_may_be_strings(timestamp: Any) -> None:
    """Some samples show them so."""
    at = line.parse(BOT, event(timestamp=timestamp)).at

    assert at == datetime(2026, 10, 26, 7, 33, 20, 123000, tzinfo=UTC)


@pytest.mark.parametrize("timestamp", [None, "", "soon", -5, 10**30, float("nan"), float("inf"), [], True])
def test_an_event_without_a_readable_time_is_not_stale(timestamp: Any) -> None:
    """It counts as happening now."""
    at = line.parse(BOT, event(timestamp=timestamp)).at

    assert abs((datetime.now(UTC) - at).total_seconds()) < 60


def test_a_redelivered_event_without_an_id_keeps_its_key() -> None:
    """Only deliveryContext differs, and the order of properties does not matter."""
    first = event("follow")
    del first["webhookEventId"]
    again = dict(reversed(first.items())) | {"deliveryContext": {"isRedelivery": True}}
    other = first | {"timestamp": 1}

    assert line.parse(BOT, first).key == line.parse(BOT, again).key
    assert line.parse(BOT, first).key != line.parse(BOT, other).key


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
NAMES = [
    "type", "mode", "timestamp", "source", "message", "postback", "userId", "text", "mention", "mentionees",
    "emojis", "index", "length", "data", "params", "unsend", "messageId", "webhookEventId", "replyToken", "id",
]  # fmt: skip
VALUES = st.sampled_from(["message", "text", "postback", "active", "user", "unsend", "sticker"]) | ANYTHING
RAW = st.recursive(
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8),
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner | VALUES, max_size=8),
    max_leaves=6,
)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(RAW)
def test_reading_never_raises(raw: dict[str, Any]) -> None:
    """Whatever a property holds."""
    assert line.parse(BOT, event() | raw).key.startswith("line:")


def test_reading_never_raises_on_endless_nesting() -> None:
    """Beyond what a serialiser follows, the plain properties are the key."""
    deep: dict[str, Any] = {}
    for _ in range(2000):
        deep = {"a": deep}

    assert line.parse(BOT, {"type": "x", "deep": deep, "number": 10**40}).what == Ignored("no chat")

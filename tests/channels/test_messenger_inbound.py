"""Messenger's webhooks: signatures and lenient reading."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels import Elsewhere, Malformed
from bot.channels.messenger.inbound import MessengerInbound
from bot.conversation.events import (
    CameByLink,
    Chat,
    Edited,
    Followed,
    Ignored,
    Incoming,
    Said,
    SentMedia,
    SentSticker,
    Tapped,
    What,
)

PAGE, CUSTOMER = "1029384756", "24681357902468"
SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

messenger = MessengerInbound(("It's a Secret to Everybody",))


def event(**more: Any) -> dict[str, Any]:
    person = {"sender": {"id": CUSTOMER}, "recipient": {"id": PAGE}, "timestamp": 1_793_000_000_123}
    return {"messaging": person | more}


def message(**more: Any) -> dict[str, Any]:
    return event(message={"mid": "m_abc", **more})


@pytest.mark.parametrize("name", ["X-Hub-Signature-256", "x-hub-signature-256"])
def test_a_signed_body_is_genuine(name: str) -> None:
    """The vector is GitHub's, whose scheme Meta uses."""
    assert messenger.genuine(b"Hello, World!", {name: SIGNATURE})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": SIGNATURE.removeprefix("sha256=")},
        {"X-Hub-Signature-256": SIGNATURE.replace("sha256", "sha1")},
        {"X-Hub-Signature-256": SIGNATURE[:-1] + "8"},
        {"X-Hub-Signature": SIGNATURE},
        {"X-Hub-Signature-256": "簽章\udcff"},
    ],
)
def test_missing_and_wrong_signatures_are_refused(headers: dict[str, str]) -> None:
    """The legacy header with SHA-1 is none."""
    assert not messenger.genuine(b"Hello, World!", headers)


def test_a_changed_body_is_refused() -> None:
    """One byte less is another body."""
    assert not messenger.genuine(b"Hello, World", {"X-Hub-Signature-256": SIGNATURE})


def test_several_secrets_and_none() -> None:
    """Any of them will do; an empty one never does."""
    headers = {"X-Hub-Signature-256": SIGNATURE}

    assert MessengerInbound(("new", "It's a Secret to Everybody")).genuine(b"Hello, World!", headers)
    assert not MessengerInbound(("", "new")).genuine(b"Hello, World!", headers)
    assert not MessengerInbound(()).genuine(b"Hello, World!", headers)


def test_a_body_splits_into_all_events_of_all_entries() -> None:
    """Where each stood is kept; what is no object is skipped."""
    body = {
        "object": "page",
        "entry": [
            {"id": PAGE, "time": 1, "messaging": [{"a": 1}, None, "x"]},
            {"id": 42, "standby": [{"b": 2}]},
            {"id": PAGE, "changes": [{"field": "feed", "value": {}}]},
            {"id": PAGE},
            None,
            {"messaging": [{"c": 3}], "standby": "x"},
        ],
    }

    assert messenger.split(json.dumps(body).encode()) == [
        (PAGE, {"messaging": {"a": 1}}),
        ("42", {"standby": {"b": 2}}),
        (PAGE, {"change": {"field": "feed", "value": {}}}),
        ("", {"messaging": {"c": 3}}),
    ]


@pytest.mark.parametrize(
    "body", [b'{"object":"page"}', b'{"object":"page","entry":[]}', b'{"object":"page","entry":{}}']
)
def test_a_body_may_be_empty(body: bytes) -> None:
    """No entries, no events."""
    assert messenger.split(body) == []


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"x", b'"page"', b'{"object":null}', b'{"object":""}', b'{"object":{}}']
)
def test_other_bodies_are_malformed(body: bytes) -> None:
    """Whatever Meta tells is about something."""
    with pytest.raises(Malformed):
        messenger.split(body)


@pytest.mark.parametrize("about", ["instagram", "user", "permissions", "whatsapp_business_account", "Page"])
def test_what_is_about_something_else_than_a_page_is_told_apart(about: str) -> None:
    """Genuine, and none of our business."""
    with pytest.raises(Elsewhere, match=f"^{about}$"):
        messenger.split(json.dumps({"object": about, "entry": [{"id": PAGE, "messaging": [{"a": 1}]}]}).encode())


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (message(text="你好"), Said("你好")),
        (message(text="你好", reply_to={"mid": "m_0"}, nlp={}), Said("你好")),
        (
            message(text="look", attachments=[{"type": "image", "payload": {"url": "https://x"}}]),
            Said("look"),
        ),
        (message(text="Menu", quick_reply={"payload": "v1.menu"}), Tapped("v1.menu")),
        (message(text="Start", quick_reply={"payload": "GET_STARTED"}), Followed()),
        (message(text="typed", quick_reply={}), Said("typed")),
        (message(attachments=[{"type": "sticker", "payload": {}}]), SentSticker()),
        (message(attachments=[{"type": "image", "payload": {"sticker_id": 369239263222822}}]), SentSticker()),
        (message(sticker_id=369239263222822, attachments=[{"type": "image"}]), SentSticker()),
        *((message(attachments=[{"type": kind}]), SentMedia(kind)) for kind in ("image", "video", "audio", "file")),
        (message(attachments=[{"type": "location", "payload": {"coordinates": {}}}]), SentMedia("location")),
        *(
            (message(attachments=[{"type": kind, "title": "a page"}]), SentMedia("post"))
            for kind in ("fallback", "share", "template", "story_mention", "ig_reel", "reel")
        ),
        (message(attachments=[{"type": "image"}, {"type": "image"}, {"type": "video"}]), SentMedia("image")),
        (message(attachments=[{"type": "brand_new"}]), SentMedia("other")),
        (message(attachments=[{"type": None}]), SentMedia("other")),
        (message(attachments=[{"type": "audio", "payload": None}]), SentMedia("audio")),
        (message(is_unsupported=True), SentMedia("unknown")),
        (message(hologram={"id": 1}), SentMedia("unknown")),
        (message(hologram={"id": 1}, is_echo=True), Ignored("echo")),
        (message(hologram={}, reply_to={"mid": "m"}, app_id=1), Ignored("empty message")),
        (message(is_deleted=True), Ignored("empty message")),
        (message(attachments=[]), Ignored("empty message")),
        (message(attachments="x"), Ignored("empty message")),
        (message(text="ours", is_echo=True, app_id=1), Ignored("echo")),
        (event(postback={"mid": "m_p", "title": "Get", "payload": "v1.get"}), Tapped("v1.get")),
        (
            event(postback={"title": "Get Started", "payload": "GET_STARTED", "referral": {"ref": "x"}}),
            Followed(),
        ),
        (event(postback={"mid": "m_p", "title": "Get"}), Ignored("postback without payload")),
        (event(delivery={"mids": ["m"], "watermark": 1}), Ignored("delivery")),
        (event(read={"watermark": 1}), Ignored("read")),
        (event(reaction={"mid": "m", "action": "react", "emoji": "👍"}), Ignored("reaction")),
        (event(referral={"ref": "x", "source": "SHORTLINK"}), CameByLink()),
        (event(referral={"ad_id": "1", "source": "ADS"}), Ignored("referral")),
        (event(referral={"ref": " "}), Ignored("referral")),
        (event(referral={"ref": 5}), Ignored("referral")),
        (event(referral="x"), Ignored("referral")),
        (event(postback={"mid": "m_p", "title": "Get", "referral": {"ref": "x"}}), CameByLink()),
        (event(sender={"id": PAGE}, referral={"ref": "x"}), Ignored("no chat")),
        (event(optin={"type": "notification_messages"}), Ignored("optin")),
        (event(message_edit={"mid": "m", "text": "gifts", "num_edit": 1}), Edited("gifts", "m", 1)),
        (event(message_edit={"mid": "m", "text": "gifts", "num_edit": "2", "new": {}}), Edited("gifts", "m", 2)),
        (event(message_edit={"mid": "m", "text": "gifts"}), Edited("gifts", "m", 0)),
        (event(message_edit={"mid": "m", "text": "gifts", "num_edit": -1}), Edited("gifts", "m", 0)),
        (event(message_edit={"mid": "m", "text": "gifts", "num_edit": "9" * 5000}), Edited("gifts", "m", 0)),
        (event(message_edit={"mid": "m", "text": "", "num_edit": 1}), Ignored("edit without text")),
        (event(message_edit={"mid": "m", "text": 5, "num_edit": 1}), Ignored("edit without text")),
        (event(message_edit={"text": "gifts", "num_edit": 1}), Ignored("edit without text")),
        (event(message_edit=None), Ignored("message_edit")),
        (event(sender={"id": PAGE}, message_edit={"mid": "m", "text": "x", "num_edit": 1}), Ignored("no chat")),
        ({"standby": event(message_edit={"mid": "m", "text": "x", "num_edit": 1})["messaging"]}, Ignored("standby")),
        (event(), Ignored("empty")),
        (event(message=None), Ignored("message")),
        ({"standby": event(message={"mid": "m", "text": "hi"})["messaging"]}, Ignored("standby")),
        ({"standby": event(postback={"title": "Get"})["messaging"]}, Ignored("standby")),
        ({"change": {"field": "messages", "value": {"message": {"text": "test"}}}}, Ignored("change")),
        ({"messaging": {"message": {"mid": "m", "text": "hi"}}}, Ignored("no chat")),
        (event(sender=None, message={"mid": "m", "text": "hi"}), Ignored("no chat")),
        (event(sender={"id": PAGE}, message={"mid": "m", "text": "hi"}), Ignored("no chat")),
        ({}, Ignored("change")),
    ],
)
def test_what_an_event_says(raw: dict[str, Any], what: What) -> None:
    """Kinds that Meta adds later are ignored, not stumbled over."""
    assert messenger.parse(PAGE, raw).what == what


def test_everything_about_an_event() -> None:
    """Key, chat, person, time and message; there is no reply token."""
    assert messenger.parse(PAGE, message(text="hi")) == Incoming(
        key=f"messenger:{PAGE}:m_abc",
        chat=Chat("messenger", PAGE, "user", CUSTOMER),
        user_id=CUSTOMER,
        at=datetime(2026, 10, 26, 7, 33, 20, 123000, tzinfo=UTC),
        what=Said("hi"),
        message_id="m_abc",
    )


def test_events_without_a_message_id_have_keys_too() -> None:
    """The same event has the same key, another one another."""
    tap, later = event(postback={"payload": "p"}), event(postback={"payload": "p"}, timestamp=2)

    assert messenger.parse(PAGE, tap).key == messenger.parse(PAGE, json.loads(json.dumps(tap))).key
    assert messenger.parse(PAGE, tap).key != messenger.parse(PAGE, later).key


def test_a_reaction_does_not_take_its_messages_key() -> None:
    """It names the message it is about."""
    reaction = event(reaction={"mid": "m_abc", "action": "react"})

    assert messenger.parse(PAGE, reaction).key != messenger.parse(PAGE, message(text="hi")).key


def test_each_edit_of_a_message_is_an_event_of_its_own() -> None:
    """Named by the message and its number, and not taken for the message."""
    said = message(text="gfits")
    first, second = (event(message_edit={"mid": "m_abc", "text": "gifts", "num_edit": each}) for each in (1, 2))
    unnumbered = [event(message_edit={"mid": "m_abc", "text": text}) for text in ("gifts", "my gifts", "gifts")]

    assert messenger.parse(PAGE, said).key == f"messenger:{PAGE}:m_abc"
    assert messenger.parse(PAGE, first).key == f"messenger:{PAGE}:m_abc:edit:1"
    assert messenger.parse(PAGE, second).key == f"messenger:{PAGE}:m_abc:edit:2"
    assert messenger.parse(PAGE, first).message_id == "m_abc"
    one, other, again = (messenger.parse(PAGE, each).key for each in unnumbered)
    assert one != other
    assert one == again


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (event(postback={"mid": "m", "payload": "GET_STARTED", "referral": {"ref": " p_1 "}}), Followed()),
        (event(postback={"mid": "m", "payload": "v1.get", "referral": {"ref": "p_1"}}), Tapped("v1.get")),
        (event(message={"mid": "m", "text": "hi", "referral": {"ref": "p_1", "source": "ADS"}}), Said("hi")),
        (event(message={"mid": "m", "sticker_id": 1, "referral": {"ref": "p_1"}}), SentSticker()),
        (event(referral={"ref": "p_1", "source": "SHORTLINK", "type": "OPEN_THREAD"}), CameByLink()),
    ],
)
def test_a_link_is_told_with_what_was_done(raw: dict[str, Any], what: What) -> None:
    """With the first tap or message of a new chat, and by itself in one that is there already."""
    incoming = messenger.parse(PAGE, raw)

    assert (incoming.what, incoming.ref) == (what, "p_1")
    assert messenger.parse(PAGE, raw).key == incoming.key


def test_a_link_that_was_opened_twice_is_two_events() -> None:
    """It has no id of its own; when it happened tells the one from the other."""
    first, second = (event(timestamp=at, referral={"ref": "p_1"}) for at in (1_700_000_000_000, 1_700_000_000_001))

    assert messenger.parse(PAGE, first).key != messenger.parse(PAGE, second).key


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
NAMES = ["messaging", "standby", "sender", "message", "postback", "mid", "text", "attachments", "payload",
         "quick_reply", "id", "message_edit", "num_edit", "timestamp", "type", "is_echo", "referral",
         "ref"]  # fmt: skip
RAW = st.recursive(
    st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=8),
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner | st.lists(inner, max_size=2), max_size=8),
    max_leaves=8,
)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(RAW)
def test_reading_never_raises(raw: dict[str, Any]) -> None:
    """Whatever a property holds."""
    assert messenger.parse(PAGE, raw).key.startswith("messenger:")
    assert messenger.parse(PAGE, event(**raw)).key.startswith("messenger:")

"""A phone's webhooks have the platforms' shapes, and their signatures are right."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import Any

import pytest

from sandbox import Phone, Sandbox, shop
from sandbox.credentials import LINE_BOT_USER_ID, LINE_CHANNEL_SECRET, MESSENGER_APP_SECRET
from sandbox.phone import line_signature, messenger_signature

USER = "U" + "1" * 32
PSID = "7120000000000101"
GROUP = "C" + "2" * 32


@pytest.fixture
def line(ticker: Any) -> Phone:
    return Phone("line", USER, clock=ticker)


@pytest.fixture
def messenger(ticker: Any) -> Phone:
    return Phone("messenger", PSID, clock=ticker)


def test_line_signs_as_published() -> None:
    """LINE's SDK publishes this pair of secret and body."""
    expected = "/gg9a+LvFevTH1sd7XCQycD7tsWclCsInj7MhBHxN7k="

    assert line_signature("channel_secret", b"bodybodybodybody") == expected


def test_messenger_signs_as_published() -> None:
    """The same scheme as GitHub's, which publishes this pair."""
    expected = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    assert messenger_signature("It's a Secret to Everybody", b"Hello, World!") == f"sha256={expected}"


def test_signatures_are_over_the_very_bytes(line: Phone, messenger: Phone) -> None:
    """Checked with an HMAC written down here once more, and with LINE's own validator."""
    from linebot.v3.webhook import SignatureValidator

    said = line.says("兌換 WELCOME2026 🎁")
    signature = said.headers["x-line-signature"]
    mac = hmac.new(LINE_CHANNEL_SECRET.encode(), said.body, hashlib.sha256)
    assert signature == base64.b64encode(mac.digest()).decode()
    assert SignatureValidator(LINE_CHANNEL_SECRET).validate(said.body.decode(), signature)

    sent = messenger.says("兌換／🎁 a/b")
    mac = hmac.new(MESSENGER_APP_SECRET.encode(), sent.body, hashlib.sha256)
    assert sent.headers["X-Hub-Signature-256"] == f"sha256={mac.hexdigest()}"
    assert sent.body.isascii()
    assert b"\\u514c\\u63db" in sent.body
    assert sent.json["entry"][0]["messaging"][0]["message"]["text"] == "兌換／🎁 a/b"


def test_a_line_message(line: Phone, ticker: Any) -> None:
    """Everything that LINE puts around a text, with a ULID of the event's own time."""
    said = line.says("嗨")
    event = said.json["events"][0]

    assert (said.path, said.json["destination"]) == ("/webhooks/line", LINE_BOT_USER_ID)
    assert event["type"] == "message"
    assert event["message"]["text"] == "嗨"
    assert event["timestamp"] == int(ticker().timestamp() * 1_000)
    assert event["source"] == {"type": "user", "userId": USER}
    assert event["mode"] == "active"
    assert event["deliveryContext"] == {"isRedelivery": False}
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", event["webhookEventId"])
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    moment = 0
    for character in event["webhookEventId"][:10]:
        moment = moment * 32 + alphabet.index(character)
    assert moment == event["timestamp"]
    assert event["webhookEventId"] != line.says("嗨").json["events"][0]["webhookEventId"]


@pytest.mark.parametrize(
    ("make", "kind", "replyable"),
    [
        (lambda phone: phone.says("嗨"), "message", True),
        (lambda phone: phone.taps("v1.g"), "postback", True),
        (lambda phone: phone.follows(), "follow", True),
        (lambda phone: phone.unfollows(), "unfollow", False),
        (lambda phone: phone.sends_sticker(), "message", True),
        (lambda phone: phone.sends_image(), "message", True),
        (lambda phone: phone.sends_location(), "message", True),
        (lambda phone: phone.sends("audio"), "message", True),
        (lambda phone: phone.sends("video"), "message", True),
        (lambda phone: phone.sends("file"), "message", True),
        (lambda phone: phone.sends_album(2)[1], "message", True),
        (lambda phone: phone.unsends("4611"), "unsend", False),
        (lambda phone: phone.invites(GROUP), "join", True),
        (lambda phone: phone.removes(GROUP), "leave", False),
        (lambda phone: phone.says_in_group(GROUP, "獎品", mention=True), "message", True),
        (lambda phone: phone.says("獎品(love)", emoji=["(love)"]), "message", True),
        (lambda phone: phone.says_in_group(GROUP, "@Yu 嗨", others=["@Yu"]), "message", True),
        (lambda phone: phone.taps_in_group(GROUP, "v1.g"), "postback", True),
        (lambda phone: phone.picks_date("v1.d", date="2026-12-31"), "postback", True),
        (lambda phone: phone.on_standby("嗨"), "message", False),
    ],
)
def test_linebot_reads_every_event(line: Phone, make: Any, kind: str, *, replyable: bool) -> None:
    """LINE's own parser knows each of them, and only those that may be answered have a token."""
    from linebot.v3 import WebhookParser
    from linebot.v3.models import UnknownEvent

    webhook = make(line)
    parser = WebhookParser(LINE_CHANNEL_SECRET)
    events = parser.parse(webhook.body.decode(), webhook.headers["x-line-signature"])

    assert not isinstance(events[0], UnknownEvent)
    assert events[0].type == kind
    assert ("replyToken" in webhook.json["events"][0]) is replyable


def test_groups_mentions_and_batches(line: Phone) -> None:
    said = line.says_in_group(GROUP, "我的獎品", mention=True)
    message = said.json["events"][0]["message"]
    named = message["mention"]["mentionees"][0]

    assert message["text"][named["index"] : named["length"]] == f"@{shop.NAME}"
    assert named["isSelf"] is True
    assert said.json["events"][0]["source"] == {"type": "group", "groupId": GROUP, "userId": USER}
    both = line.together(said, line.says("二"))
    assert [event["message"]["text"] for event in both.json["events"]] == [f"@{shop.NAME} 我的獎品", "二"]
    assert line.verifies().json["events"] == []


def test_emoji_and_mentions_are_where_line_counts_them(line: Phone, messenger: Phone) -> None:
    """In UTF-16 code units; one that is only typed is none."""
    said = line.says_in_group(GROUP, "🎁(love) @Yu (sad)(love)", mention=True, others=["@Yu"], emoji=["(love)"])
    message = said.json["events"][0]["message"]
    units: bytes = message["text"].encode("utf-16-le")

    def shown(span: dict[str, Any]) -> str:
        return units[2 * span["index"] : 2 * (span["index"] + span["length"])].decode("utf-16-le")

    assert [shown(span) for span in message["emojis"]] == ["(love)", "(love)"]
    assert [shown(span) for span in message["mention"]["mentionees"]] == [f"@{shop.NAME}", "@Yu"]
    assert "emojis" not in line.says("(love)").json["events"][0]["message"]
    with pytest.raises(ValueError, match="messenger has no such event"):
        messenger.says("(love)", emoji=["(love)"])


def test_redelivery(line: Phone, messenger: Phone) -> None:
    """LINE marks it and keeps the id and the token; Messenger posts the same bytes."""
    said = line.says("嗨")
    again = line.redelivered(said).json["events"][0]

    assert again == said.json["events"][0] | {"deliveryContext": {"isRedelivery": True}}
    sent = messenger.says("嗨")
    assert messenger.redelivered(sent) == sent


def test_messengers_taps(messenger: Phone) -> None:
    """A quick reply is a message with a payload; a button is a postback."""
    quick = messenger.taps("v1.m", "選單", quick_reply=True).json["entry"][0]["messaging"][0]
    button = messenger.taps("v1.g", "我的獎品").json["entry"][0]["messaging"][0]

    assert (quick["message"]["text"], quick["message"]["quick_reply"]) == ("選單", {"payload": "v1.m"})
    assert (button["postback"]["title"], button["postback"]["payload"]) == ("我的獎品", "v1.g")
    assert button["sender"] == {"id": PSID}


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda phone: phone.says("嗨"), "message"),
        (lambda phone: phone.follows(), "postback"),
        (lambda phone: phone.gets_started(ref="spring"), "postback"),
        (lambda phone: phone.sends_sticker(), "message"),
        (lambda phone: phone.sends_image(), "message"),
        (lambda phone: phone.sends_location(), "message"),
        (lambda phone: phone.shares_phone("+886912345678"), "message"),
        (lambda phone: phone.echoes("嗨"), "message"),
        (lambda phone: phone.reads(), "read"),
    ],
)
def test_messengers_events(messenger: Phone, make: Any, name: str) -> None:
    body = make(messenger).json
    entry = body["entry"][0]

    assert (body["object"], entry["id"]) == ("page", "108200000000042")
    assert name in entry["messaging"][0]
    assert isinstance(entry["messaging"][0]["timestamp"], int)


def test_messenger_on_standby(messenger: Phone) -> None:
    entry = messenger.on_standby("嗨").json["entry"][0]

    assert "messaging" not in entry
    assert entry["standby"][0]["message"]["text"] == "嗨"
    assert len(messenger.together(messenger.says("一"), messenger.reads()).json["entry"]) == 2


def test_a_phone_knows_its_channel(messenger: Phone) -> None:
    with pytest.raises(ValueError, match="line has"):
        messenger.unfollows()
    with pytest.raises(ValueError, match="no channel"):
        Phone("icq", USER)


async def test_a_sandboxs_phone_makes_good_tokens(api: Any, sandbox: Sandbox) -> None:
    """Whoever answers the event reaches that person, or the group it came from."""
    phone = sandbox.phone("line")
    private, group = phone.says("嗨").json, phone.says_in_group(GROUP, "嗨").json

    for body in (private, group):
        assert (await api.reply(body["events"][0]["replyToken"])).status == 200

    assert [item.to for item in sandbox.sent("line")] == [phone.user, GROUP]
    assert json.loads(phone.says("一").body)["events"][0]["timestamp"] == int(sandbox.now().timestamp() * 1_000)

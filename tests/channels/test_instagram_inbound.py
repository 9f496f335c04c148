"""Instagram's webhooks: Messenger's shapes about another object, and what Instagram alone has."""

from __future__ import annotations

from typing import Any

import pytest

from bot.channels import Elsewhere
from bot.channels.instagram.inbound import InstagramInbound
from bot.conversation.events import CameByLink, Chat, Ignored, Incoming, Said, SentMedia, Tapped, Unsent
from sandbox import Phone, Webhook

ACCOUNT = "17841400000000042"
INBOUND = InstagramInbound(("secret",))
PHONE = Phone("instagram", "8460000000000101", secret="secret")


def read(webhook: Webhook) -> Incoming:
    """The only event of a webhook."""
    [(account, raw)] = INBOUND.split(webhook.body)
    return INBOUND.parse(account, raw)


def test_a_message_is_of_its_account_and_person() -> None:
    """Signed with the app's secret like a page's, and told by its object."""
    webhook = PHONE.says("我的獎品")
    incoming = read(webhook)

    assert INBOUND.genuine(webhook.body, webhook.headers)
    assert incoming.what == Said("我的獎品")
    assert incoming.chat == Chat("instagram", ACCOUNT, "user", PHONE.user)
    assert incoming.key == f"instagram:{ACCOUNT}:{incoming.message_id}"


def test_a_pages_webhook_is_not_of_instagram() -> None:
    """It comes to the same address."""
    with pytest.raises(Elsewhere, match="page"):
        INBOUND.split(Phone("messenger", "1", secret="secret").says("hi").body)


@pytest.mark.parametrize(
    ("webhook", "what"),
    [
        (PHONE.taps("go.menu"), Tapped("go.menu")),
        (PHONE.mentions_in_story(), SentMedia("post")),
        (PHONE.sends_unsupported(), SentMedia("unknown")),
        (PHONE.echoes("ours"), Ignored("echo")),
    ],
)
def test_what_instagram_sends(webhook: Webhook, what: Any) -> None:
    """Our own messages come back in `messages`, and are nobody's to answer."""
    assert read(webhook).what == what


@pytest.mark.parametrize(
    ("webhook", "what"),
    [
        (PHONE.comes_by_link("p_7K3MQ0"), CameByLink()),
        (PHONE.says("嗨", ref="p_7K3MQ0"), Said("嗨")),
        (PHONE.breaks_ice("My gifts", "go.gifts", ref="p_7K3MQ0"), Tapped("go.gifts")),
    ],
)
def test_a_link_is_told_in_three_ways(webhook: Webhook, what: Any) -> None:
    """By itself, with a text, or with one of the first questions."""
    incoming = read(webhook)

    assert (incoming.what, incoming.ref) == (what, "p_7K3MQ0")


def test_a_message_taken_back_has_a_key_of_its_own() -> None:
    """It has the id of the message, which had its answer."""
    said = read(PHONE.says("hello"))
    assert said.message_id is not None
    gone = read(PHONE.unsends(said.message_id))

    assert gone.what == Unsent(said.message_id)
    assert gone.key == f"{said.key}:deleted"

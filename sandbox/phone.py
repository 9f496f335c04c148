"""A customer's phone: what LINE, Messenger and Instagram post to a bot when somebody types, taps or leaves."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sandbox import shop
from sandbox.clock import Clock, machine_clock, milliseconds
from sandbox.credentials import (
    INSTAGRAM_ACCOUNT_ID,
    LINE_BOT_USER_ID,
    LINE_CHANNEL_SECRET,
    MESSENGER_APP_SECRET,
    MESSENGER_PAGE_ID,
)

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class _Account(NamedTuple):
    """The bot's account on a channel. about: what Meta calls those whose webhooks these are; LINE says nothing."""

    secret: str
    id: str
    path: str
    about: str = ""
    message_ids: str = ""
    files: str = ""


# Messenger and Instagram are one app of Meta's, with one secret and one webhook path.
_ACCOUNTS = {
    "line": _Account(LINE_CHANNEL_SECRET, LINE_BOT_USER_ID, "/webhooks/line"),
    "messenger": _Account(
        MESSENGER_APP_SECRET,
        MESSENGER_PAGE_ID,
        "/webhooks/messenger",
        about="page",
        message_ids="m_",
        files="https://scontent.xx.fbcdn.net/v/",
    ),
    "instagram": _Account(
        MESSENGER_APP_SECRET,
        INSTAGRAM_ACCOUNT_ID,
        "/webhooks/messenger",
        about="instagram",
        message_ids="aWdfZAG1faXRlbTox",
        files="https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=",
    ),
}
_META = ("messenger", "instagram")

_LINE_CONTENT: dict[str, dict[str, Any]] = {
    "audio": {"duration": 4100, "contentProvider": {"type": "line"}},
    "video": {"duration": 9000, "contentProvider": {"type": "line"}, "quoteToken": "q"},
    "file": {"fileName": "voucher.pdf", "fileSize": 2138},
}


class Webhook(NamedTuple):
    """A signed request, ready to be posted to the bot."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def line_signature(secret: str, body: bytes) -> str:
    """The value of x-line-signature for `body`."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def messenger_signature(secret: str, body: bytes) -> str:
    """The value of X-Hub-Signature-256 for `body`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Phone:
    """One person on one channel. Every method gives the webhook that the platform would post.

    secret, account: LINE's channel secret and the bot's user id, or Meta's app secret and the id of the page or of the
    Instagram account.
    issue: told every reply token made and the chat it is for, so that a sandbox accepts it.
    elsewhere: Messenger, whether another app than the bot's holds this chat: the bot is told on standby then.
    """

    def __init__(
        self,
        channel: str,
        user: str,
        secret: str | None = None,
        account: str | None = None,
        *,
        clock: Clock = machine_clock,
        issue: Callable[[str, str], None] | None = None,
        elsewhere: Callable[[], bool] = lambda: False,
    ) -> None:
        ours = _ACCOUNTS.get(channel)
        if ours is None:
            raise ValueError(f"there is no channel {channel!r}; there are {', '.join(_ACCOUNTS)}")
        self.channel = channel
        self.user = user
        self.secret = secret or ours.secret
        self.account = account or ours.id
        self._ours = ours
        self.clock = clock
        self.issue = issue
        self.elsewhere = elsewhere

    # What people do.

    def says(self, text: str, *, emoji: Sequence[str] = (), ref: str = "") -> Webhook:
        """Types a message. emoji: what in it is LINE's own emoji, such as `(love)`, wherever it stands.

        ref: Messenger and Instagram, what the link or the advertisement said by which they came to write it.
        """
        if ref:
            self._only(*_META)
        if self.channel == "line":
            return self.line_event(self._line_message(self._line_text(text, emoji)))
        if emoji:
            self._only("line")
        came = {"referral": self._referral(ref)} if ref else {}
        return self._message({"text": text, **came})

    def edits(self, said: Webhook, text: str, number: int = 1) -> Webhook:
        """Messenger and Instagram: writes a message of theirs anew; `number` counts the edits of that message."""
        self._only(*_META)
        mid = said.json["entry"][0]["messaging"][0]["message"]["mid"]
        return self.messenger_event({"message_edit": {"mid": mid, "text": text, "num_edit": number}})

    def taps(self, data: str, label: str = "", *, quick_reply: bool = False) -> Webhook:
        """Taps a button or an entry of a menu. On Messenger and Instagram a quick reply is a message with a payload."""
        if self.channel == "line":
            return self.line_event({"type": "postback", "postback": {"data": data}})
        if quick_reply:
            return self._message({"text": label, "quick_reply": {"payload": data}})
        return self._postback(label, data)

    def follows(self, *, returning: bool = False) -> Webhook:
        """Adds the account as a friend, or unblocks it; on Messenger taps Get Started, on Instagram an ice breaker."""
        if self.channel == "line":
            return self.line_event({"type": "follow", "follow": {"isUnblocked": returning}})
        return self.gets_started() if self.channel == "messenger" else self.breaks_ice()

    def gets_started(self, payload: str = "GET_STARTED", *, ref: str | None = None) -> Webhook:
        """Messenger: taps Get Started, perhaps having come by a link."""
        self._only("messenger")
        return self._postback("Get Started", payload, ref)

    def breaks_ice(
        self, question: str = "What can you do?", payload: str = "GET_STARTED", *, ref: str | None = None
    ) -> Webhook:
        """Instagram: taps one of the questions that an empty chat offers, perhaps having come by a link."""
        self._only("instagram")
        return self._postback(question, payload, ref)

    def comes_by_link(self, ref: str) -> Webhook:
        """Messenger and Instagram: opens a chat that is there already by a link such as `ig.me/m/giftdesk?ref=…`."""
        self._only(*_META)
        return self.messenger_event({"referral": self._referral(ref)})

    def unfollows(self) -> Webhook:
        """LINE: blocks the account."""
        self._only("line")
        return self.line_event({"type": "unfollow"}, replyable=False)

    def sends_sticker(self) -> Webhook:
        """On Instagram it comes as a picture like any other."""
        if self.channel == "line":
            sticker = {
                "type": "sticker",
                "packageId": "446",
                "stickerId": "1988",
                "stickerResourceType": "ANIMATION",
                "keywords": ["開心", "Happy"],
                "quoteToken": secrets.token_urlsafe(24),
            }
            return self.line_event(self._line_message(sticker))
        file = {"url": f"{self._ours.files}sticker.png"}
        if self.channel == "instagram":
            return self._sends_attachment("image", file)
        return self._sends_attachment("sticker", {**file, "sticker_id": 369239263222822})

    def sends_image(self) -> Webhook:
        (webhook,) = self.sends_album(1)
        return webhook

    def sends_album(self, count: int) -> list[Webhook]:
        """Sends photos together: on LINE a message each, which name their set; elsewhere one message."""
        if self.channel != "line":
            payload = {"url": f"{self._ours.files}image.jpg"}
            return [self._message({"attachments": [{"type": "image", "payload": payload}] * count})]
        album = secrets.token_hex(20).upper()
        webhooks = []
        for index in range(1, count + 1):
            image: dict[str, Any] = {
                "type": "image",
                "contentProvider": {"type": "line"},
                "quoteToken": secrets.token_urlsafe(24),
            }
            if count > 1:
                image["imageSet"] = {"id": album, "index": index, "total": count}
            webhooks.append(self.line_event(self._line_message(image)))
        return webhooks

    def sends(self, kind: str) -> Webhook:
        """Sends a message of this kind, whatever its content is."""
        if self.channel == "line":
            return self.line_event(self._line_message({"type": kind, **_LINE_CONTENT.get(kind, {})}))
        return self._sends_attachment(kind, {"url": f"{self._ours.files}{kind}"})

    def sends_unsupported(self) -> Webhook:
        """Messenger and Instagram: sends something that the platform tells no app of, such as a poll."""
        self._only(*_META)
        return self._message({"is_unsupported": True})

    def sends_disappearing(self) -> Webhook:
        """Instagram: sends a photo that can be seen once; the webhook has no address of it."""
        self._only("instagram")
        return self._sends_attachment("ephemeral", None)

    def mentions_in_story(self) -> Webhook:
        """Instagram: mentions the account in a story, of which the chat is told."""
        self._only("instagram")
        return self.sends("story_mention")

    def replies_to_story(self, text: str) -> Webhook:
        """Instagram: answers a story of the account."""
        self._only("instagram")
        story = {"id": "18000000000000042", "url": f"{self._ours.files}story"}
        return self._message({"text": text, "reply_to": {"story": story}})

    def shares_post(self) -> Webhook:
        """Instagram: sends on a post, of which only the address is told."""
        self._only("instagram")
        return self.sends("share")

    def shares_reel(self) -> Webhook:
        """Instagram: sends on a reel."""
        self._only("instagram")
        reel = {"reel_video_id": "18000000000000043", "title": "新品開箱", "url": f"{self._ours.files}reel"}
        return self._sends_attachment("ig_reel", reel)

    def sends_location(self) -> Webhook:
        """Instagram tells no app of it."""
        if self.channel == "line":
            location = {
                "type": "location",
                "title": "台北車站",
                "address": "台北市中正區北平西路3號",
                "latitude": 25.0478,
                "longitude": 121.517,
            }
            return self.line_event(self._line_message(location))
        if self.channel == "instagram":
            return self.sends_unsupported()
        return self._sends_attachment("fallback", None)

    def shares_phone(self, phone: str) -> Webhook:
        """Messenger and Instagram: taps the quick reply that offers the phone number of the profile."""
        self._only(*_META)
        return self._message({"text": phone, "quick_reply": {"payload": phone}})

    def unsends(self, message_id: str) -> Webhook:
        """LINE and Instagram: takes a message back."""
        self._only("line", "instagram")
        if self.channel == "instagram":
            return self.messenger_event({"message": {"mid": message_id, "is_deleted": True}})
        return self.line_event({"type": "unsend", "unsend": {"messageId": message_id}}, replyable=False)

    def invites(self, group: str) -> Webhook:
        """LINE: brings the bot into a group."""
        self._only("line")
        return self.line_event({"type": "join"}, source={"type": "group", "groupId": group})

    def removes(self, group: str) -> Webhook:
        """LINE: puts the bot out of a group."""
        self._only("line")
        source = {"type": "group", "groupId": group}
        return self.line_event({"type": "leave"}, source=source, replyable=False)

    def says_in_group(
        self,
        group: str,
        text: str,
        *,
        mention: bool = False,
        name: str = f"@{shop.NAME}",
        others: Sequence[str] = (),
        emoji: Sequence[str] = (),
    ) -> Webhook:
        """LINE: types a message in a group, perhaps naming the bot, which then stands at its beginning as `name`.

        others: which members are mentioned in it, as they are written. emoji: as in `says`.
        """
        self._only("line")
        message = self._line_text(f"{name} {text}" if mention else text, emoji)
        begins = len(name) if mention else 0
        named: list[dict[str, Any]] = [
            {"index": index, "length": length, "userId": _of(other), "type": "user", "isSelf": False}
            for other in others
            for index, length in _standing(message["text"], other, begins)
        ]
        if mention:
            length = _units(name)
            named.insert(0, {"index": 0, "length": length, "userId": self.account, "type": "user", "isSelf": True})
        if named:
            message["mention"] = {"mentionees": named}
        source = {"type": "group", "groupId": group, "userId": self.user}
        return self.line_event(self._line_message(message), source=source)

    def taps_in_group(self, group: str, data: str) -> Webhook:
        """LINE: taps a button in a group."""
        self._only("line")
        source = {"type": "group", "groupId": group, "userId": self.user}
        return self.line_event({"type": "postback", "postback": {"data": data}}, source=source)

    def picks_date(self, data: str, **params: str) -> Webhook:
        """LINE: answers a date picker, for example `picks_date("v1.d", date="2026-12-31")`."""
        self._only("line")
        return self.line_event({"type": "postback", "postback": {"data": data, "params": params}})

    # What platforms do.

    def verifies(self) -> Webhook:
        """LINE's console: the Verify button posts no event at all."""
        self._only("line")
        return self.signed({"destination": self.account, "events": []})

    def together(self, *webhooks: Webhook) -> Webhook:
        """Several webhooks of one account in one request, as the platforms batch them."""
        bodies = [webhook.json for webhook in webhooks]
        if self.channel == "line":
            events = [event for body in bodies for event in body["events"]]
            return self.signed({"destination": self.account, "events": events})
        entries = [entry for body in bodies for entry in body["entry"]]
        return self.signed({"object": self._ours.about, "entry": entries})

    def redelivered(self, webhook: Webhook) -> Webhook:
        """`webhook` once more: LINE marks it as delivered again, Meta posts the very same bytes."""
        if self.channel != "line":
            return webhook
        body = webhook.json
        for event in body["events"]:
            event["deliveryContext"]["isRedelivery"] = True
        return self.signed(body)

    def replayed(self, webhook: Webhook, ago: timedelta) -> Webhook:
        """`webhook` as somebody posts it who caught it `ago`, signature and all, and of whom nobody remembers it."""
        body = webhook.json
        back = int(ago.total_seconds() * 1000)
        if self.channel == "line":
            for event in body["events"]:
                event["timestamp"] -= back
                event["webhookEventId"] = _ulid(event["timestamp"])
        else:
            for entry in body["entry"]:
                entry["time"] -= back
                for event in entry.get("messaging") or entry["standby"]:
                    event["timestamp"] -= back
                    for what in ("message", "postback", "message_edit"):
                        if what in event:
                            event[what]["mid"] = self._mid()
        return self.signed(body)

    def echoes(self, text: str, *, app_id: int = 1082) -> Webhook:
        """Messenger and Instagram: tells the bot of a message that the account itself sent; only Messenger by whom."""
        self._only(*_META)
        by = {"app_id": app_id} if self.channel == "messenger" else {}
        message = {"mid": self._mid(), "text": text, "is_echo": True, **by}
        return self.messenger_event({"message": message}, sender=self.account, recipient=self.user)

    def reads(self) -> Webhook:
        """Messenger: has seen everything up to now. Instagram: has seen the newest message."""
        self._only(*_META)
        if self.channel == "instagram":
            return self.messenger_event({"read": {"mid": self._mid()}})
        return self.messenger_event({"read": {"watermark": milliseconds(self.clock())}})

    def on_standby(self, text: str) -> Webhook:
        """A message while another app or a person holds the chat: the bot must stay silent."""
        if self.channel == "line":
            event = self._line_message(self._line_text(text))
            return self.line_event(event, replyable=False, mode="standby")
        return self._on_standby({"message": {"mid": self._mid(), "text": text}})

    def gets_back(self, app: int) -> Webhook:
        """Messenger: the app that held this chat has passed it to the bot's."""
        self._only("messenger")
        passed = {"previous_owner_app_id": str(app), "new_owner_app_id": "1082", "metadata": ""}
        return self._entry("messaging", {"pass_thread_control": passed})

    def line_event(
        self,
        event: dict[str, Any],
        *,
        source: dict[str, str] | None = None,
        replyable: bool = True,
        mode: str = "active",
    ) -> Webhook:
        """Any LINE event, with everything that all events have put around it."""
        now = milliseconds(self.clock())
        where = source or {"type": "user", "userId": self.user}
        whole: dict[str, Any] = {
            **event,
            "webhookEventId": _ulid(now),
            "deliveryContext": {"isRedelivery": False},
            "timestamp": now,
            "source": where,
            "mode": mode,
        }
        if replyable:
            whole["replyToken"] = secrets.token_hex(16)
            if self.issue is not None:
                self.issue(whole["replyToken"], where.get("groupId") or where.get("roomId") or self.user)
        return self.signed({"destination": self.account, "events": [whole]})

    def messenger_event(
        self, event: dict[str, Any], *, sender: str | None = None, recipient: str | None = None
    ) -> Webhook:
        """Any event of Messenger or Instagram, with its entry put around it."""
        if self.channel == "messenger" and self.elsewhere():
            return self._on_standby(event, sender=sender, recipient=recipient)
        return self._entry("messaging", event, sender=sender, recipient=recipient)

    def _on_standby(self, event: dict[str, Any], *, sender: str | None = None, recipient: str | None = None) -> Webhook:
        """What an app is told that does not hold the chat: of taps not what is behind them."""
        told = {
            name: {key: kept for key, kept in part.items() if key not in ("payload", "quick_reply")}
            if name in ("message", "postback")
            else part
            for name, part in event.items()
        }
        return self._entry("standby", told, sender=sender, recipient=recipient)

    def _entry(
        self, where: str, event: dict[str, Any], *, sender: str | None = None, recipient: str | None = None
    ) -> Webhook:
        now = milliseconds(self.clock())
        messaging = {
            "sender": {"id": sender or self.user},
            "recipient": {"id": recipient or self.account},
            "timestamp": now,
            **event,
        }
        entry = {"time": now, "id": self.account, where: [messaging]}
        return self.signed({"object": self._ours.about, "entry": [entry]})

    def signed(self, body: dict[str, Any]) -> Webhook:
        """`body` as this channel's platform posts it: written out, and signed over these very bytes."""
        if self.channel == "line":
            raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
            headers = {
                "Content-Type": "application/json; charset=utf-8",
                "User-Agent": "LineBotWebhook/2.0",
                "x-line-signature": line_signature(self.secret, raw),
            }
            return Webhook(self._ours.path, headers, raw)
        # Meta signs the text with every character beyond ASCII escaped, and slashes too.
        raw = json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature-256": messenger_signature(self.secret, raw),
        }
        return Webhook(self._ours.path, headers, raw)

    def _line_text(self, text: str, emoji: Sequence[str] = ()) -> dict[str, Any]:
        message: dict[str, Any] = {"type": "text", "text": text, "quoteToken": secrets.token_urlsafe(24)}
        found = sorted(span for each in dict.fromkeys(emoji) for span in _standing(text, each))
        if found:
            product = {"productId": "5ac1bfd5040ab15980c9b435", "emojiId": "001"}
            message["emojis"] = [{"index": index, "length": length, **product} for index, length in found]
        return message

    def _line_message(self, message: dict[str, Any]) -> dict[str, Any]:
        known = {"id": str(460_000_000_000_000_000 + secrets.randbelow(10**15)), **message}
        return {
            "type": "message",
            "message": {"markAsReadToken": secrets.token_urlsafe(24), **known},
        }

    def _message(self, content: dict[str, Any]) -> Webhook:
        return self.messenger_event({"message": {"mid": self._mid(), **content}})

    def _postback(self, title: str, payload: str, ref: str | None = None) -> Webhook:
        came = {} if ref is None else {"referral": self._referral(ref)}
        return self.messenger_event({"postback": {"mid": self._mid(), "title": title, "payload": payload, **came}})

    def _sends_attachment(self, kind: str, payload: dict[str, Any] | None) -> Webhook:
        attachment: dict[str, Any] = {"type": kind}
        if payload is not None:
            attachment["payload"] = payload
        return self._message({"attachments": [attachment]})

    def _referral(self, ref: str) -> dict[str, str]:
        source = "SHORTLINK" if self.channel == "messenger" else "SHORTLINKS"
        return {"ref": ref, "source": source, "type": "OPEN_THREAD"}

    def _mid(self) -> str:
        return self._ours.message_ids + secrets.token_urlsafe(48)

    def _only(self, *channels: str) -> None:
        if self.channel not in channels:
            have = "has" if len(channels) == 1 else "have"
            raise ValueError(f"{self.channel} has no such event; {' and '.join(channels)} {have}")


def _units(text: str) -> int:
    """How LINE counts: in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _standing(text: str, part: str, begins: int = 0) -> Iterator[tuple[int, int]]:
    """Where `part` stands in `text`, from its character `begins` on: index and length as LINE counts."""
    at = text.find(part, begins) if part else -1
    while at >= 0:
        yield _units(text[:at]), _units(part)
        at = text.find(part, at + len(part))


def _of(name: str) -> str:
    """The user id of a member of a group, as good as any."""
    return "U" + hashlib.sha256(name.encode()).hexdigest()[:32]


def _ulid(now: int) -> str:
    """A ULID: 48 bits of milliseconds and 80 random ones, in Crockford's base 32."""
    number = (now << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))

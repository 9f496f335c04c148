"""What can happen in a chat, the same for every channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Chat:
    """Where something happened: one person's private chat, a group or a room.

    `account` is our own side of it: LINE's `destination`, Messenger's page id. `id` is the
    platform's id of the user, group or room.
    """

    channel: str
    account: str
    kind: Literal["user", "group", "room"]
    id: str

    @property
    def key(self) -> str:
        """One string per chat; events with the same key are answered one at a time, in order."""
        return f"{self.channel}:{self.account}:{self.id}"

    @property
    def private(self) -> bool:
        """Whether only the customer reads along."""
        return self.kind == "user"


@dataclass(frozen=True, slots=True)
class Said:
    """The customer typed something.

    text: without what the platform marks as no text, such as LINE's emoji and mentions. mentioned: it named the bot
    (LINE groups).
    """

    text: str
    mentioned: bool = False


@dataclass(frozen=True, slots=True)
class Edited:
    """The customer wrote a message anew (Messenger). number: which of its edits this is, from 1 on."""

    text: str
    message_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Tapped:
    """The customer tapped a button; `data` is what we packed into it, as it came back."""

    data: str


@dataclass(frozen=True, slots=True)
class SharedPhone:
    """The customer tapped the number that the platform offered from their own profile (Messenger)."""

    phone: str


@dataclass(frozen=True, slots=True)
class Followed:
    """The customer added us, unblocked us, or pressed Get Started."""


@dataclass(frozen=True, slots=True)
class CameByLink:
    """The customer opened a chat that was there already by a link or a QR code, and did nothing else yet (Messenger,
    Instagram). What the link says is `Incoming.ref`."""


@dataclass(frozen=True, slots=True)
class Left:
    """The customer blocked us, or we were removed from a group."""


@dataclass(frozen=True, slots=True)
class Joined:
    """We were added to a group or room."""


@dataclass(frozen=True, slots=True)
class SentSticker:
    """The customer sent a sticker or a thumbs-up."""


Media = Literal["image", "video", "audio", "file", "location", "contact", "post", "other", "unknown"]
"""`post`: something shared, such as a link, a story or a reel. `other`: an attachment of a kind we do not know.
`unknown`: a message of a kind we do not know."""


@dataclass(frozen=True, slots=True)
class SentMedia:
    """The customer sent what is neither text nor sticker. album: of the photos sent together, the same for each."""

    kind: Media
    album: str | None = None


@dataclass(frozen=True, slots=True)
class Unsent:
    """The customer took a message back; what we hold of it is to be forgotten."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Returned:
    """Whoever held this chat has passed it back to us (Messenger)."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to answer: an echo, a receipt, an event we do not know. `reason` is for the log."""

    reason: str


What = (
    Said
    | Edited
    | Tapped
    | SharedPhone
    | Followed
    | CameByLink
    | Left
    | Joined
    | SentSticker
    | SentMedia
    | Unsent
    | Returned
    | Ignored
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One event of a webhook, read leniently.

    key: unique for ever, e.g. `line:<destination>:<webhookEventId>`, `messenger:<page>:<mid>`; of an edit
    `messenger:<page>:<mid>:edit:<number>`.
    chat: where, or None when the event names no chat (it is then always `Ignored`).
    user_id: who, as the platform names them; None in groups that hide it.
    at: the event's own timestamp, aware, UTC.
    reply_token: LINE's single-use token, good for about a minute; None elsewhere.
    message_id: the platform's id of the message, so that a later `Unsent` finds it.
    ref: what the link says by which they came to do this; "" when none did. Anybody can write such a link, so it is
    looked up and never taken at its word.
    texts: all that its author wrote, of whatever kind it is; only where others may be passed it on.
    standby: somebody else holds this chat, so nothing is answered unless its author asks us back (Messenger).
    """

    key: str
    chat: Chat | None
    user_id: str | None
    at: datetime
    what: What
    reply_token: str | None = None
    message_id: str | None = None
    ref: str = ""
    texts: tuple[str, ...] = ()
    standby: bool = False

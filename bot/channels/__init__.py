"""The platforms customers write from. One folder each: inbound (bytes to events), render (messages
to the platform's JSON) and client (the platform's HTTP). Inbound and render are pure.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from bot.config import Settings
from bot.conversation.actions import Action
from bot.conversation.events import Incoming
from bot.conversation.messages import Button, Reply
from bot.conversation.threads import Threads
from bot.partners import Partner, Platform, introduce

if TYPE_CHECKING:
    import asyncpg

    from bot.apis.rate_limit import RateLimit

Json = dict[str, Any]
Pack = Callable[[Action], str]
Step = tuple[str, Callable[[], Awaitable[str]]]
"""A change of a set-up: what it is, and doing it, which returns why to stop here for now (`""`: go on)."""


Remark = tuple[bool, str]
"""What there is to say of an account: whether that is well, and the sentence."""


class Malformed(Exception):
    """A webhook body that is not what the platform sends: not JSON, or not of its shape."""


class Elsewhere(Exception):
    """A genuine webhook about something that is none of this bot's business. The text names it, for the log."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message as the platform wants it, and its text-only stand-in.

    plain: sent once in place of `message` when the platform refuses it; None when it is text already.
    """

    message: Json
    plain: Json | None = None


class Outcome(StrEnum):
    """How a delivery ended, and what that asks of us."""

    DELIVERED = "delivered"  # The platform has it (or had it already).
    UNKNOWN = "unknown"  # Sent, no answer, and no way to ask: repeating it could say it twice.
    RETRY = "retry"  # Not accepted, a later try may be.
    LATE = "late"  # Nothing is taken before they write: a dead reply token, Messenger's 24 hours, LINE's plan used up.
    UNREACHABLE = "unreachable"  # Blocked, deleted, unknown: stop sending until they write again.
    BARRED = "barred"  # Our credentials are refused: staff can mend it, and what is of value is tried again.
    REFUSED = "refused"  # Our fault or our configuration: logged, alerted, not repeated.


@dataclass(frozen=True, slots=True)
class Delivery:
    """Messages on their way to one chat.

    key: the same for every try of the same messages (LINE's X-Line-Retry-Key on pushes).
    reply_token: LINE's, when a free reply is still possible; None pushes.
    done: how many messages an earlier try got accepted; those are not sent again.
    passes: with the last of them the people of the shop are given the chat.
    """

    to: str
    messages: Sequence[Rendered]
    key: UUID
    reply_token: str | None = None
    done: int = 0
    passes: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a delivery. `done`: messages accepted so far. `detail`: safe to log.

    `retry_after`: seconds, when the platform or our own rule names them (only with RETRY).
    `perhaps`: the platform failed in a way that does not rule out that it has the messages.
    `spent`: the brand's plan has no messages left this month, so that only what is free is accepted (only with LATE).
    """

    outcome: Outcome
    done: int
    detail: str = ""
    retry_after: float | None = None
    perhaps: bool = False
    spent: bool = False


Translate = Callable[[str], str]
"""What `Translator` does to a text; the web process describes channels, too, and does not load Babel."""


def _nowhere(_: Translate) -> str:
    return ""


def _nothing(_settings: Settings) -> Json:
    return {}


@dataclass(frozen=True, slots=True)
class Channel:
    """A platform, described once: `CHANNEL` of its folder. Whoever wants to ask "is it LINE?" asks this instead.

    name: in keys, tables, metrics and addresses, for ever. title: for people. group: of its settings, see
    `bot.config.GROUPS`. settings: what to renew when it refuses our credentials. mantago: MantaGo's name of it.
    pushes_are_free: a message that answers nothing costs the brand nothing. list_page: things on a page of a long
    list. glance: things beside each other below a sum of all. path: of its webhooks, when another channel
    shares them. receives: makes the web process's half from the settings. opens: makes the worker's half.
    answered_in: where people of the shop answer its customers, for a reader of a language.
    facts: what the brand's settings say of this channel alone, as fields of `Brand`. installer: what sets up its menus.
    examines: what the doctor asks the platform of the account, beside `check`; raises UpstreamError.
    knocks: a webhook without events, signed as the platform would, with which the doctor tries the way to the web
    process.
    """

    name: str
    title: str
    group: str
    settings: str
    mantago: Platform
    receives: Callable[[Settings], Inbound]
    opens: Callable[[Settings], Outbound]
    pushes_are_free: bool = False
    list_page: int = 9
    glance: int = 8
    path: str = ""
    answered_in: Callable[[Translate], str] = _nowhere
    facts: Callable[[Settings], Json] = _nothing
    installer: Callable[[Any], Installer] | None = None
    examines: Callable[[Any, Settings], Awaitable[list[Remark]]] | None = None
    knocks: Callable[[Settings], tuple[bytes, Mapping[str, str]]] | None = None

    def __post_init__(self) -> None:
        introduce(self.name, Partner(self.title, self.settings, self.mantago))


@dataclass(frozen=True, slots=True)
class MenuTexts:
    """What a channel's menus say in one language.

    title: of the menu. topics: its buttons. greeting: what stands there before the first message; sentence: the same
    with `%s` for the brand, to know ours again.
    """

    language: str
    title: str
    topics: tuple[Button, ...]
    greeting: str
    sentence: str


@dataclass(frozen=True, slots=True)
class MenuContents:
    """What the menus of a channel should be. default: the language of everybody who has no menu of their own. staff:
    the menus of members, each under the name `staff_menu(language, role)`, where a channel can give each person theirs.
    """

    languages: Sequence[MenuTexts]
    default: str
    brand_colour: str
    staff: Sequence[MenuTexts] = ()


def staff_menu(language: str, role: str) -> str:
    """The name of a staff menu, beside the languages, which name the customers'."""
    return f"{language}-{role}"


def pictures_at(public_url: str, api_url: str) -> str:
    """The web process's address, where a platform fetches pictures: https only, but for a stand-in on this machine.

    api_url: of the platform's API; settings allow http there on this machine alone.
    """
    return public_url if public_url.startswith("https://") or api_url.startswith("http://") else ""


class Installer(Protocol):
    """Installs what people tap below the chat, for `giftdesk menus`. What others made is left alone."""

    async def steps(self, wanted: MenuContents, *, remove: bool) -> tuple[list[Step], Sequence[str]]:
        """What has to be done, and what of others is in the way. remove: ours goes. Raises UpstreamError."""

    async def differs(self, wanted: MenuContents) -> str:
        """What is amiss, for the doctor; "" when all is as it should be. Draws nothing. Raises UpstreamError."""


class Inbound(Protocol):
    """The web process's half of a channel: from signed bytes to events. Pure."""

    name: str

    def genuine(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether the platform signed exactly these bytes. Constant time; False when unsigned."""

    def split(self, body: bytes) -> list[tuple[str, Json]]:
        """(account, raw event) for each event of a webhook body. Raises Malformed, or Elsewhere.

        An event that is not even an object is skipped: it never costs its siblings.
        """

    def parse(self, account: str, raw: Json) -> Incoming:
        """One raw event, read leniently; what cannot be understood comes back as `Ignored`. Never raises."""


class Menus(Protocol):
    """Menus below the chat, one per language, on a platform where each person is given theirs by us.

    A menu has a name, such as the platform's id of it; `""` is the account's own, which everybody has who was given
    none. follows_phone: the account's own is in the language of somebody's phone; else it is in the default language.
    """

    follows_phone: bool

    def offer(self, texts: Sequence[MenuTexts]) -> None:
        """Told once what the menus say, in each language."""

    async def learn(self) -> None:
        """Read which menus are installed; none, when that cannot be read. Never raises."""

    def unsure(self, language: str | None, has: str | None, *, staff: str = "") -> bool:
        """Whether to `learn` before `due` is asked: no menu is known, this person would want one, and it was not looked
        up a moment ago."""

    def due(self, language: str | None, has: str | None, *, staff: str = "") -> str | None:
        """The menu to give to a reader of `language` who has another one; None when there is nothing to do.

        From memory alone. language: None stands for the account's own. has: None when that is not known. staff: the
        name of their staff menu, which goes before the customers' where it is installed.
        """

    async def give(self, user_id: str, menu: str) -> bool:
        """Show somebody a menu from now on; whether that worked. Never raises, and takes a few seconds at most."""


class Uploads(Protocol):
    """Pictures that a platform must have before they can be sent."""

    async def renew(self, pool: asyncpg.Pool) -> None:
        """Bring what it lacks, and learn what it has. Never raises; called every minute, and never by a turn."""


class Outbound(Protocol):
    """The worker's half of a channel: rendering (pure) and sending."""

    name: str

    @property
    def menus(self) -> Menus | None:
        """None where the platform needs no help of ours with them."""

    @property
    def pictures(self) -> Uploads | None:
        """None where the platform needs none of ours."""

    @property
    def limits(self) -> Sequence[RateLimit]:
        """How often the platform lets itself be called, where that is a matter of all our processes together."""

    @property
    def threads(self) -> Threads | None:
        """None where nobody else can hold a chat of ours."""

    @property
    def quota(self) -> Callable[[], Awaitable[tuple[int, int | None]]] | None:
        """(messages counted this month, how many the plan includes); None where the platform counts none."""

    def render(self, reply: Reply, pack: Pack) -> list[Rendered]:
        """An answer as this platform's messages. Total: whatever the text, the result is legal."""

    async def deliver(self, delivery: Delivery, accepted: Callable[[int], Awaitable[None]] | None = None) -> Receipt:
        """Send. `accepted(n)` is awaited after each message of several that was taken. Never raises."""

    async def show_busy(self, to: str) -> None:
        """Show that an answer is being prepared. Best effort, never raises."""

    async def language_of(self, user_id: str) -> str | None:
        """The language the platform knows of this person, in its own spelling. None when it says none,
        fails, or takes longer than a second: a profile never delays an answer."""

    async def check(self) -> str:
        """One harmless call with our credentials: who we are there, in a few words.
        Raises `bot.errors.ConfigurationError` with what to do about it."""

    async def aclose(self) -> None:
        """Close connections."""

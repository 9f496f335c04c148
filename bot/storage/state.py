"""Where a customer's conversation stands: everything that `customers.state` holds, each name with its type.

The column is one JSON object. Every turn reads it and writes it back as a whole. `State` keeps that object as it was
read and gives each name of it an attribute, so names that only another version knows are written back unchanged, and
reading and writing cost nothing more. The names in the database stay for ever: a worker of the version before may run
beside this one.

Moments are POSIX timestamps (seconds). `until` is the last moment at which something counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, Literal, NotRequired, Self, TypedDict, TypeVar, overload

T = TypeVar("T")

OFFERS = ("asking", "deciding", "labels", "pages", "getting", "sure")
"""Names of what an answer offered: its question, its labels, the pages of its list, and previews to be confirmed."""

_ENDING = ("sure", "did", "album", "cards")
"""Names that the first turn after their `until` removes."""

Tries = tuple[float, int]
"""(beginning, count): how often something was done since the beginning of its window. JSON makes a list of it."""


class Question(TypedDict):
    """A question of ours that the next text may answer.

    question: its name, by which the handler of the answer is found; `sure` for one with two buttons.
    of: of `code` and `player`: the id of the event whose codes were offered, or wait.

    The others belong to a question with two buttons. at: when it was asked; an answer that was written before does not
    count. yes, no: the labels of its buttons. data: what each button does, packed, by `yes` and `no`. command: the
    command that a yes runs; its words say yes, too. strict: only a tap says yes. again: it was asked twice.
    """

    question: str
    until: float
    of: NotRequired[int]
    at: NotRequired[float]
    yes: NotRequired[str]
    no: NotRequired[str]
    data: NotRequired[dict[str, str]]
    command: NotRequired[str]
    strict: NotRequired[bool]
    again: NotRequired[bool]


class PagesOffered(TypedDict):
    """The list that the last answer showed a page of. first: its first page's button, packed. count: of its pages."""

    first: str
    count: int


class Getting(TypedDict):
    """A voucher that was shown with its price. nonce: of its button. cost: points, as they were shown."""

    nonce: str
    gift_id: int
    price_id: int
    cost: int
    until: float


class Pending(TypedDict):
    """A staff command that was shown and waits to be confirmed.

    nonce: of its buttons. label: of the one that does it. cancel: of the other one, "" for [Cancel]. typed: what has to
    be typed before it is shown, "" when nothing has. two: another person has to agree as well. sealed: which of the
    arguments are sealed. seen: facts that the command compares when it is done. summary: the preview as text, for the
    other person.
    """

    nonce: str
    command: str
    arguments: dict[str, Any]
    seen: dict[str, Any]
    typed: str
    two: bool
    summary: str
    until: float
    label: NotRequired[str]
    cancel: NotRequired[str]
    sealed: NotRequired[list[str]]


class Did(TypedDict):
    """A staff command that was confirmed. nonce: of its button. said: what was answered then."""

    nonce: str
    said: list[str]
    until: float


class Kept(TypedDict):
    """Codes as they were read from one message. at: when it was sent; missing, it was ten minutes before `until`."""

    codes: list[str]
    until: float
    at: NotRequired[float]


class Album(TypedDict):
    """Several photos that were sent together. id: the platform's name of them."""

    id: str
    until: float


class CardNumbers(TypedDict):
    """Keyed hashes of the gift card numbers that were shown."""

    numbers: list[str]
    until: float


class Collected(TypedDict):
    """Points that MantaGo counts. at: when it said so. points: by channel; what it does not tell is not in it."""

    at: float
    points: dict[str, int]


class Topic(TypedDict):
    """What a customer opened or tapped last. name: of a command. at: when."""

    name: str
    at: float


class Waiting(TypedDict):
    """A customer's wish for a person. since: when they asked first. topic: what they were about then, by the name of a
    command. done_by, done_at: who of the staff has said that it is done, and when."""

    since: float
    topic: NotRequired[str]
    done_by: NotRequired[str]
    done_at: NotRequired[float]


class Key(Generic[T]):
    """One name of the state as an attribute. None: it is not there. Setting None removes it: no null is stored."""

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, state: None, _owner: type) -> Self: ...

    @overload
    def __get__(self, state: State, _owner: type) -> T | None: ...

    def __get__(self, state: State | None, _owner: type) -> Self | T | None:
        if state is None:
            return self
        value: T | None = state.stored.get(self._name)
        return value

    def __set__(self, state: State, value: T | None) -> None:
        if value is None:
            state.stored.pop(self._name, None)
        else:
            state.stored[self._name] = value


@dataclass(slots=True)
class State:
    """What we remember of a conversation. stored: the JSON object of the column, as it was read and as it is written.

    Below each name: what it holds, who writes it, and until when it counts.
    """

    stored: dict[str, Any] = field(default_factory=dict)

    # ── What the last answer offered ─────────────────────────────────────────────────────────────

    asking = Key[Question]()
    """A question whose answer is a text of its own. `Context.ask` writes it. It counts until its `until`, the answer,
    or anything else that is understood."""

    deciding = Key[Question]()
    """A question with two buttons. `Context.question` writes it, `Turns` adds `data`. It counts as long as `asking`. A
    later yes or no is told that it is too late, so it stays until the next question or command. If there are both,
    because a worker of another version asked in between, the one that ends later counts."""

    labels = Key[dict[str, str]]()
    """Label, as it is read, → what its button does, packed; "" when several buttons have it. `Turns` writes it with
    each answer in a private chat. It counts until the next answer. The clean-up removes it after a month."""

    pages = Key[PagesOffered]()
    """The list whose pages can be opened by their number. `Turns` writes and removes it with the labels. It counts as
    long as they do, and goes with them."""

    getting = Key[Getting]()
    """The voucher whose price was shown. The vouchers' preview writes it. It counts until its `until`, or until it was
    bought."""

    sure = Key[Pending]()
    """The staff command that waits for its confirmation. `StaffDesk` writes it. It counts until its `until`, the
    confirmation, or the next line of staff."""

    # ── What a later message needs ───────────────────────────────────────────────────────────────

    did = Key[Did]()
    """The staff command that was confirmed last: a second tap is answered the same. `StaffDesk` writes it. It counts
    until its `until`."""

    kept = Key[dict[str, Kept]]()
    """Event id, as text, → the codes of that message, for [Try again] and "which one?". The redemption writes it. Each
    counts until its `until`. All go with "cancel", when the customer takes a message back, and after an hour with the
    clean-up."""

    missed = Key[str]()
    """The platform's id of the last message, if we did not understand it: when it is edited, it is read again.
    `Context.await_edit` writes it. It counts until the next text."""

    album = Key[Album]()
    """The album of which a photo has had its answer: the others get none. The dispatcher writes it. It counts until its
    `until`."""

    cards = Key[CardNumbers]()
    """The gift cards that were shown: whoever types one of their numbers means no redemption code. The cards' list
    writes it. It counts until its `until`. The clean-up removes it after a month."""

    sharing = Key[float]()
    """Until when a phone number counts that the platform shares for the customer: we asked for it. The linking of
    phones writes it, and removes it when a phone is linked."""

    seen = Key[float]()
    """When the list of gifts was read that the overview showed last: a gift that came later is new. The wallet writes
    it. It counts for ever."""

    listed = Key[float]()
    """When the list of gifts was read that the table `wallets` holds. The wallet service writes it with that list. It
    counts as long as the list does."""

    collected = Key[Collected]()
    """The points that MantaGo told last, where they are shown. The wallet and the points write it. It counts as fresh
    for half a minute, and as the last that is known while MantaGo is down. The clean-up removes it after a month."""

    menu = Key[str]()
    """The platform's id of the menu that was given to the customer, of staff their own; `?` while one is being given;
    not there while they have everybody's. `customers.note_menu` writes it, beside the turns. It counts until another
    menu is given."""

    unmet = Key[bool]()
    """The customer came during a surge, and their profile was not asked for their language. `Turns` writes it, and
    removes it with their next message after that, when it asks."""

    last = Key[str]()
    """The reference of the customer whom a member of staff looked at last; staff say `last` for it. Staff commands
    write it. It counts for ever."""

    topic = Key[Topic]()
    """What the customer was about last. The dispatcher writes it. Staff are told of it when the customer asks for a
    person; it counts for an hour then."""

    waits = Key[Waiting]()
    """The customer asked for a person. That command writes it, and `customers.close_wait` that it is done. It counts
    for a day."""

    # ── How often, and what was said already ─────────────────────────────────────────────────────

    burst = Key[Tries]()
    """Messages in a minute, so that a flood gets one notice. The dispatcher writes it. It counts for a minute from its
    beginning."""

    bare = Key[Tries]()
    """Texts that were looked up as a link code without a word for it. The linking of phones writes it. It counts for an
    hour from its beginning."""

    joins = Key[Tries]()
    """Wrong invitations (/join). That command writes it. It counts for an hour from its beginning."""

    lost = Key[int]()
    """How many messages in a row were not understood. The fallback writes it, the dispatcher removes it when something
    is understood. It counts for two minutes from `lost_at`."""

    lost_at = Key[float]()
    """When the last message came that was not understood. Written and removed together with `lost`."""

    english = Key[int | Literal["asked"]]()
    """How many English messages somebody wrote who reads another language; `asked`: they were asked whether they prefer
    English. The language's hint writes it. It counts for ever."""

    reminded = Key[float]()
    """The end of the wait for a person (`muted_until`) in which we told the way back. The fallback writes it. It counts
    for that wait."""

    blocked = Key[float]()
    """The end of the block that the customer was told of. The dispatcher writes it. It counts for that block."""

    def forget_offers(self) -> None:
        """Remove what the last answer offered."""
        for name in OFFERS:
            self.stored.pop(name, None)

    def drop_ended(self, moment: float) -> None:
        """Remove what ended before `moment`, of the names that say so themselves."""
        for name in _ENDING:
            if name in self.stored and self.stored[name]["until"] < moment:
                del self.stored[name]

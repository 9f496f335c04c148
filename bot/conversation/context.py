"""What a handler is given: who is asking, in which language, and everything it may use."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import asyncpg

from bot.apis import Apis
from bot.conversation.events import Incoming, Said, SentMedia
from bot.conversation.messages import Reply
from bot.conversation.threads import Threads
from bot.i18n import Translator
from bot.services import Services
from bot.services.staffing import Actor
from bot.services.unclear import Kind
from bot.storage.batches import Batches
from bot.storage.belongings import Belongings, of_customers
from bot.storage.customers import Customer
from bot.storage.posters import Poster
from bot.storage.state import Question
from bot.understanding.hours import Hours
from bot.understanding.keeping import keepable
from bot.understanding.reading import Reading
from bot.understanding.recogniser import Recogniser
from bot.understanding.words import Lexicon


@dataclass(frozen=True, slots=True)
class Prepared:
    """An answer that was rendered earlier and is only handed over now (platform JSON)."""

    messages: list[dict[str, Any]]


Answer = Reply | Prepared
Handler = Callable[["Context"], Awaitable[Answer]]
NOTHING = Reading("", "", "")
SURE = "sure"
"""The question with two buttons, see `Context.question`."""

SHOP = ("hours", "address", "phone")
"""Commands that are there only when the brand has told what to answer, see `Brand.offers`."""

ABOUT = frozenset(
    (
        *("gifts", "tickets", "redeem", "points", "vouchers", "my_vouchers", "receipts", "cards", "link", "unlink"),
        *("player", "data", "delete", "privacy", "unsubscribe", "reminders", "no_reminders", *SHOP),
    )
)
"""Commands that tell what a customer is about."""


@dataclass(frozen=True, slots=True)
class Brand:
    """The brand's facts that texts need."""

    name: str
    channel_name: str
    privacy_url: str = ""
    support_hours: Hours | str = ""  # as text when nobody could read them
    opening_hours: Hours | str = ""
    address: Mapping[str, str] = field(default_factory=dict)
    map_url: str = ""
    shop_phone: str = ""  # as people read it
    call_url: str = ""  # `tel:` of the same
    pushes_are_free: bool = False  # A message that answers nothing costs the brand nothing on this channel.
    list_page: int = 9  # things on one page of a long list, which differs by channel
    glance: int = 8  # things that the first look at the wallet shows, the same
    private_chat_url: str = ""
    how_to_claim: Mapping[str, str] = field(default_factory=dict)
    handoff: timedelta = timedelta(hours=1)
    claim_retention: timedelta = timedelta(days=730)
    log_days: int = 14
    reminds: int = 0  # days before the end of something of theirs that customers are reminded who want it; 0 for never
    keeps_unclear: bool = False  # short texts that were not understood (KEEP_MISSES)
    code_pattern: re.Pattern[str] | None = None
    redeems: bool = True
    only_checks: bool = False
    redeems_for_players: bool = False  # Poshen itself redeems, for the customer's player (POSHEN_MODE=redeem)
    shows_gifts: bool = True
    shows_vouchers: bool = False
    shows_collected: bool = False  # points that MantaGo counts
    delivery: Mapping[str, str] = field(default_factory=dict)
    shows_cards: bool = False
    counts_visits: bool = False
    two_person_over: int = 0  # VND; from this value on, what staff issue needs a second person; 0 for never
    two_person_codes: int = 0  # from so many codes on, making them needs a second person, 0 for never
    answered_in: Callable[[Callable[[str], str]], str] | None = None  # where people of the shop answer here
    public_url: str = ""  # of the web process; "" when nobody outside can reach it
    pictures_at: str = ""  # the same, where this channel's platform can fetch pictures from it
    hands_over: bool = False  # there is a counter at which staff hand things over
    card_currency: Mapping[int, str] = field(default_factory=dict)  # Altegio location → ISO code
    shares_phone: bool = False  # the platform can tell us the number of a customer's profile
    platform_shows_numbers: bool = False  # and that is proof enough for whole card numbers
    # Other tools on the same channel: `rest` and `all` say what they are passed on, `ours` that they were first.
    shared: Literal["", "rest", "all", "ours"] = ""
    shared_with: tuple[str, ...] = ()  # whom we pass on to, by name
    greets: bool = True  # Who adds us is welcomed by us, and not by another tool.
    overview_waits: float = 4.0  # seconds for one slow vendor, when others have something to show

    @property
    def quiet(self) -> bool:
        """Whether another tool answers what we do not understand."""
        return self.shared in ("rest", "ours")

    @property
    def token_is_shared(self) -> bool:
        """Whether somebody else may have used the reply token of a message that we answer."""
        return self.shared in ("all", "ours")

    @property
    def shows_wallet(self) -> bool:
        """Whether there is anything of the customer's to show."""
        return self.shows_gifts or self.shows_vouchers or self.shows_cards

    def told(self, texts: Mapping[str, str], tag: str) -> str:
        """What the brand has told in a language, else in English, else in whichever it has; "" when it told nothing."""
        return texts.get(tag) or texts.get("en") or next(iter(texts.values()), "")

    def offers(self, topic: str) -> bool:
        """Whether this shop has what a command is about."""
        match topic:
            case "gifts" | "receipts":
                return self.shows_wallet or self.redeems
            case "tickets":
                return self.shows_gifts
            case "redeem":
                return self.redeems
            case "player" | "forget_player":
                return self.redeems and self.redeems_for_players
            case "points":
                return self.shows_vouchers or self.shows_collected
            case "vouchers" | "my_vouchers":
                return self.shows_vouchers
            case "cards" | "link" | "unlink":
                return self.shows_cards
            case "visits":
                return self.counts_visits
            case "reminders" | "no_reminders":
                return self.reminds > 0
            case "my_code":
                return self.hands_over or self.counts_visits
            case "counter":
                return self.hands_over and (self.shows_gifts or self.redeems)
            case "hours":
                return bool(self.opening_hours)
            case "address":
                return bool(self.address or self.map_url)
            case "phone":
                return bool(self.shop_phone)
            case _:
                return True


class Work:
    """The one transaction of a turn, opened by the first thing that writes.

    The reply is committed in it too. Nothing may be asked of a vendor once it is open: it would hold
    a connection, and perhaps a lock, for as long as the vendor pleases.
    """

    def __init__(self, pool: asyncpg.Pool, batches: Batches) -> None:
        self.pool = pool
        self._batches = batches
        self.connection: asyncpg.Connection | None = None
        self._transaction: Any = None

    @property
    def reads(self) -> asyncpg.Connection | asyncpg.Pool:
        """Where to read: the open transaction, else any connection. A turn never holds two, or turns that
        wait for each other's second one would stand still for ever."""
        return self.connection or self.pool

    async def belongings(self, customer_id: int, person_hash: bytes) -> Belongings:
        """What our own books say a customer has: with what this turn wrote, else asked together with other turns."""
        if self.connection is None:
            return await self._batches.belongings(customer_id, person_hash)
        (found,) = await of_customers(self.connection, [(customer_id, person_hash)])
        return found

    async def begin(self) -> asyncpg.Connection:
        """The turn's transaction, for writing."""
        if self.connection is None:
            self.connection = await self.pool.acquire()
            self._transaction = self.connection.transaction()
            await self._transaction.start()
        return self.connection

    async def save(self) -> None:
        """Commit what was written so far, so that a vendor may be asked again.

        The turn may still run again from its beginning, and must then find by its key what it has done.
        """
        await self.end(commit=True)

    async def end(self, *, commit: bool) -> None:
        """Commit or undo, and give the connection back."""
        if self.connection is None:
            return
        connection, self.connection = self.connection, None
        try:
            await (self._transaction.commit() if commit else self._transaction.rollback())
        finally:
            await self.pool.release(connection)


@dataclass(frozen=True, slots=True)
class Command:
    """An intent: typed as one of `words`, tapped in a menu as `go.<name>`.

    personal: shows something of the customer's own, so never in a group.
    """

    name: str
    words: str
    handler: Handler
    personal: bool


@dataclass(slots=True)
class Context:
    """The single argument of every handler.

    Changes to `customer` are saved with the reply, in the same transaction. Reads go to `apis`;
    whatever changes something goes through `services`.
    """

    incoming: Incoming
    event_id: int
    customer: Customer
    now: datetime
    _: Translator
    languages: Mapping[str, Translator]
    lexicon: Lexicon
    recogniser: Recogniser
    brand: Brand
    apis: Apis
    services: Services
    work: Work
    topics: Mapping[str, Command]  # What customers can open, by name.
    actor: Actor | None = None  # Staff, in their private chat; their rights as this event found them.
    of_staff: bool = False  # It is the private chat of somebody of the staff, whatever rights that gives them now.
    answering: bool = False  # A question of ours was open when this was written.
    maintenance: str | None = None  # What customers are told instead of answers, "" for the usual words.
    prompt: bool = True  # The answer comes soon enough to be shown whatever it is.
    reading: Reading = NOTHING  # What was typed, read.
    tapped: bool = False  # A button was really tapped; its label, typed, does not count as that.
    labels_stay: bool = False  # What could be typed before this answer can be typed after it.
    # What an unclear message is perhaps about: topic → probability, the likeliest first.
    likely: Mapping[str, float] = field(default_factory=dict)
    at_rest: bool = False  # It is a customer's own text: no question was open, no person waited for, no staff.
    unclear: Kind | None = None  # How this text was not understood.
    # Chat keys of people whose staff rights this turn changes: another menu may be theirs afterwards.
    reappointed: set[str] = field(default_factory=set)
    stays: bool | None = None  # Whether this may be passed on to nobody; None until somebody asks.
    result: str = ""  # How a staff command ended, as the trail has it; empty when the line was none.
    threads: Threads | None = None  # How this chat is given to the people of the shop; None where nobody holds one.
    came_by: Poster | None = None  # The poster whose link or QR code brought them here with this event.
    brought: str = ""  # The code whose own link did.

    @property
    def customer_id(self) -> int:
        """The id of the customer's row. Every customer has one in a private chat, and nobody has one in a group."""
        assert self.customer.id is not None, "only private chats get here"
        return self.customer.id

    @property
    def happened_at(self) -> datetime:
        """When the customer did this, by which it is judged whether that was in time.

        A turn may run much later, or again after a crash. What a platform delivers more than an hour late counts as
        an hour old.
        """
        return min(max(self.incoming.at, self.now - timedelta(hours=1)), self.now)

    def about(self, topic: str) -> None:
        """Remember what the customer is about, for whoever of the shop is asked to help. No text of theirs."""
        if topic in ABOUT:
            self.customer.state.topic = {"name": topic, "at": self.happened_at.timestamp()}

    async def run(self, command: str) -> Answer:
        """The answer of another command; of the menu when there is none of that name (any more)."""
        self.about(command)
        known = self.topics.get(command) or self.topics["menu"]
        return await known.handler(self)

    @property
    def muted(self) -> bool:
        """Whether a person of the shop answers here at the moment."""
        return self.customer.muted_until is not None and self.customer.muted_until > self.now

    async def stays_here(self) -> bool:
        """Whether nobody else may have this, whatever it is: staff's chats and lines, answers to our questions, phones,
        codes that open something."""
        if self.stays is None:
            self.stays = (
                self.of_staff
                or self._answers_us
                or await self.services.passing.forbids(self.work.reads, self.incoming.texts, self.happened_at)
            )
        return self.stays

    async def is_theirs(self) -> bool:
        """Whether another tool answers this, when we do not understand it. One that was first has it anyway."""
        if self.brand.shared == "ours":
            return not (self.of_staff or self._answers_us)
        return self.brand.quiet and not await self.stays_here()

    @property
    def _answers_us(self) -> bool:
        return self.answering and isinstance(self.incoming.what, Said | SentMedia)

    def offers(self, topic: str) -> bool:
        """Whether there is a command of this name, and the shop has what it is about."""
        return topic in self.topics and self.brand.offers(topic)

    def speak(self, tag: str) -> None:
        """Change the customer's language, for this answer already."""
        self.customer.locale, self.customer.locale_chosen = tag, True
        self._ = self.languages[tag]

    def ask(self, question: str, minutes: int = 5, *, of: int | None = None) -> None:
        """Expect the answer to a question as the next text. of: the event whose codes it is about."""
        asking: Question = {"question": question, "until": (self.now + timedelta(minutes=minutes)).timestamp()}
        if of is not None:
            asking["of"] = of
        self.settle()
        self.customer.state.asking = asking

    def question(
        self, yes: str, no: str, minutes: int = 5, *, command: str | None = None, strict: bool = False
    ) -> None:
        """Expect a yes or a no as the next text: it does what the button with this label under this answer does.

        command: the command that a yes runs, whose own words say yes, too. strict: only a tap says yes. What is typed
        may be a line that somebody else made, to be scanned and sent on.
        """
        deciding: Question = {
            "question": SURE,
            "until": (self.now + timedelta(minutes=minutes)).timestamp(),
            "at": self.now.timestamp(),
            "yes": yes,
            "no": no,
        }
        if command is not None:
            deciding["command"] = command
        if strict:
            deciding["strict"] = True
        self.settle()
        # Under a name of its own: a worker of the version before would not know who answers it.
        self.customer.state.deciding = deciding

    def asked(self) -> Question | None:
        """The question that is still open."""
        state = self.customer.state
        # Only where a worker of another version asked in between there are two; the later one counts.
        asking = [question for question in (state.deciding, state.asking) if question is not None]
        latest = max(asking, key=lambda question: float(question["until"]), default=None)
        return latest if latest and latest["until"] > self.happened_at.timestamp() else None

    def await_edit(self) -> None:
        """Read this message again when its author edits it: it had no answer worth keeping."""
        if self.incoming.message_id:
            self.customer.state.missed = self.incoming.message_id

    def call_unclear(self, kind: Kind) -> None:
        """This text was not understood. It is counted once its answer is committed, and kept where that is allowed.

        While nothing is said (`quiet`), people talk to the shop and not to us, so that is only counted.
        """
        what, message_id = self.incoming.what, self.incoming.message_id
        if not isinstance(what, Said):
            return
        self.unclear = kind
        allowed = self.brand.keeps_unclear and self.customer.told_of_keeping and self.at_rest and kind != "quiet"
        if not allowed or message_id is None:  # Without its id it could not be found when it is taken back.
            return
        found = self.lexicon.codes.find(self.reading, self.brand.code_pattern)
        if text := keepable(what.text, private=found.private or bool(found.codes)):
            self.customer.unclear = self.services.unclear.to_keep(self.customer.person, message_id, kind, text)

    def settle(self) -> None:
        """Stop expecting an answer."""
        self.customer.state.asking = self.customer.state.deciding = None

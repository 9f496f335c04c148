"""What an event means and who answers it, and the one place where errors become words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from bot.conversation.actions import MENU_TAP, Packer, Unreadable
from bot.conversation.context import SHOP, SURE, Answer, Brand, Context
from bot.conversation.events import (
    CameByLink,
    Chat,
    Edited,
    Followed,
    Ignored,
    Joined,
    Left,
    Returned,
    Said,
    SentMedia,
    SentSticker,
    Tapped,
    Unsent,
)
from bot.conversation.labels import page_number
from bot.conversation.messages import SILENCE, Button, Reply, Text
from bot.conversation.questions import SAID, answer_to, labelled
from bot.conversation.router import Routes
from bot.errors import UserError
from bot.services.linking import is_bare_code
from bot.services.staffing import Actor
from bot.storage.state import Question
from bot.understanding import poster_tokens
from bot.understanding.recogniser import ACTS, decide

ALBUM_ARRIVES_WITHIN = timedelta(minutes=5)
PER_MINUTE = 20
PER_MINUTE_STAFF = 120
NONSENSE = "/"  # what a command line of an outsider is treated as

HARDLY_KNOWN = 0.6  # the share of words that were never seen, from which on a message is nonsense
SURELY_OTHER = 0.95
END_THE_WAIT = frozenset({"menu", "cancel"})  # for a person
STAY_WITH_THE_PERSON = frozenset({"greeting", "thanks"})
HEARD_WHILE_WAITING = frozenset({"gifts", "delete", "unsubscribe"})  # also in somebody's own words
BRING_US_BACK = END_THE_WAIT | HEARD_WHILE_WAITING  # while somebody else holds the chat
UNINTERRUPTING = frozenset({"greeting", "thanks"})  # said without leaving what is being asked


class StaffLines(Protocol):
    """The command lines among the messages, and who answers them: `bot/staff/desk.py`."""

    def is_line(self, text: str) -> bool:
        """Whether a message is a command line."""

    def line_in(self, text: str) -> str:
        """A command line without what only decorates it; empty when a message is no command line."""

    def line_in_ref(self, ref: str) -> str:
        """The command line that a QR code for staff stands for; empty when a link says something else."""

    async def answer(self, ctx: Context, actor: Actor, text: str, *, tapped: bool = False) -> Answer:
        """The answer to a line of staff. tapped: it stood behind a button of ours."""

    async def outsider(self, ctx: Context, text: str) -> Answer | None:
        """The answer to a line by somebody who is no staff; None when it is like any nonsense."""

    async def unslashed(self, ctx: Context, actor: Actor, text: str) -> Answer | None:
        """The answer to a command that staff typed without its slash; None when a message is none."""

    def awaits(self, ctx: Context, text: str) -> bool:
        """Whether `text` is exactly what has to be typed now."""

    async def drop(self, ctx: Context) -> Answer | None:
        """A word that means something else, instead of a confirmation; None when nothing was asked."""

    async def knows(self, ctx: Context, channel: str, user_id: str | None) -> bool:
        """Whether somebody in a group is staff."""

    def menu_of(self, actor: Actor | None, brand: Brand) -> str:
        """The role whose menu below the chat somebody should have; "" for customers."""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Finds the handler of an event. `after_answer` add to a finished answer what its moment asks for."""

    routes: Routes
    packer: Packer
    staff: StaffLines
    after_answer: Sequence[Callable[[Context, Reply], Reply]] = ()

    async def answer(self, ctx: Context) -> Answer:
        """The answer to one event. Errors that are not the customer's business pass through."""
        answer = await self._answer(ctx)
        if isinstance(answer, Reply):
            for add in self.after_answer:
                answer = add(ctx, answer)
        return answer

    async def _answer(self, ctx: Context) -> Answer:
        try:
            if ctx.incoming.chat is not None and not ctx.incoming.chat.private:
                return await self._in_a_group(ctx, ctx.incoming.chat)
            if isinstance(edited := ctx.incoming.what, Edited):
                # `missed`: the last message that was not understood. Any other has had its answer.
                if ctx.customer.state.missed != edited.message_id:
                    return SILENCE
                ctx.incoming = replace(ctx.incoming, what=Said(edited.text))
                ctx.customer.state.missed = None
            if isinstance(sent := ctx.incoming.what, SentMedia) and sent.album and _in_album(ctx, sent.album):
                return SILENCE  # The first of them has the answer for all.
            if _is_closed(ctx) and await self.is_left(ctx):
                return SILENCE
            if (closed := _closed(ctx)) is not None:
                return closed
            if ctx.incoming.ref and (scanned := await self._came_by(ctx, ctx.incoming.ref)) is not None:
                return scanned
            match ctx.incoming.what:
                case Ignored():
                    return SILENCE
                case CameByLink():
                    return await self._opened(ctx)
                case Returned():
                    ctx.customer.muted_until = None
                    return SILENCE
                case Said(text=text):
                    return await self._said(ctx, text)
                case Tapped(data=data):
                    return await self._tapped(ctx, data)
                case other:
                    handler = self.routes.events.get(type(other))
                    if handler is None:  # What nobody answers, such as a group's event in a private chat, is no fault.
                        return SILENCE
                    if isinstance(other, Followed | Left | Unsent):
                        answer = await handler(ctx)
                        return answer if ctx.brand.greets or ctx.of_staff else SILENCE
                    if await ctx.is_theirs():
                        return SILENCE
                    if ctx.muted or (flood := _flood(ctx)) is SILENCE:
                        return SILENCE
                    return flood or await handler(ctx)
        except UserError as error:
            return Reply((Text(ctx._(error.args[0])),))

    async def _came_by(self, ctx: Context, ref: str) -> Answer | None:
        """What a link says beside what was done with it: a poster or a code is remembered for its offer, and a QR code
        for staff is the line that it stands for. To everybody else, and of others' links, it says nothing."""
        if line := self.staff.line_in_ref(ref):
            return await (self._said(ctx, line) if ctx.actor is not None else self.staff.outsider(ctx, line))
        if token := poster_tokens.in_ref(ref):
            ctx.came_by = await ctx.services.posters.known(ctx.work.reads, token)
        ctx.brought = ctx.services.posters.code_in(ref)
        return None

    async def _opened(self, ctx: Context) -> Answer:
        """Somebody only opened the chat by a link, which is answered like nonsense unless we know its poster."""
        flood = _flood(ctx)
        if flood is not None:
            return flood
        if ctx.came_by is None and not ctx.brought:
            return await self._read(ctx, NONSENSE)
        ctx.settle()
        return await self.routes.events[CameByLink](ctx)

    async def _said(self, ctx: Context, text: str) -> Answer:
        flood = _flood(ctx)
        if flood is not None:
            return flood
        slash = self.staff.is_line(text)
        if ctx.actor is not None and (line := self.staff.line_in(text)):
            ctx.customer.muted_until = None
            ctx.settle()
            return await self.staff.answer(ctx, ctx.actor, line)
        if slash:
            entered = await self.staff.outsider(ctx, text)
            if entered is not None:
                return entered
            text = NONSENSE  # Neither words nor codes are looked for in it.
        elif (marked := poster_tokens.in_text(text)) is not None:
            poster = await ctx.services.posters.known(ctx.work.reads, marked.token)
            if poster is not None:  # Else it is a word of theirs, whatever it looks like.
                ctx.came_by, text = poster, marked.text
                if not text:
                    return await self.routes.events[CameByLink](ctx)
        return await self._read(ctx, text)

    async def _read(self, ctx: Context, text: str) -> Answer:
        """The answer to a text that is no command line."""
        ctx.reading = ctx.lexicon.read(text)
        ctx.customer.state.missed = None
        # A code may end in a word that means something else here.
        awaited = self.staff.awaits(ctx, text)
        intent = None if awaited else ctx.lexicon.whole(ctx.reading)
        if intent in SHOP and not ctx.brand.offers(intent):
            intent = None
        asked = ctx.asked()
        if asked is not None and (given := await self._answered(ctx, asked, intent)) is not None:
            return given
        if not awaited and (data := self._labelled(ctx, intent)) is not None:
            ctx.labels_stay = not data
            return await self._press(ctx, data, typed=True) if data else await ctx.run("which")
        if intent is not None:
            return await self._intended(ctx, intent, asked)
        if asked is None and (data := self._numbered(ctx)) is not None:
            return await self._press(ctx, data, typed=True)
        if asked is not None and asked["question"] != SURE:
            handler = self.routes.answers.get(asked["question"])
            given = await handler(ctx, text) if handler else None
            if given is not None:
                return self._settled(ctx, asked, given)
        if ctx.actor is not None and (done := await self.staff.unslashed(ctx, ctx.actor, text)) is not None:
            _understood(ctx)
            return done
        for read in self.routes.in_order:
            found = await read(ctx, text)
            if found is not None:
                return self._settled(ctx, asked, found)
        if asked is None and ctx.lexicon.agrees(ctx.reading) is not None:
            if ctx.customer.state.deciding:
                ctx.customer.state.deciding = None
                return await self._fresh(ctx, "menu")  # Too late for our question.
            return SILENCE  # A yes or a no to nothing that we asked.
        if not ctx.reading.text and ctx.reading.emoji and asked is None:
            return SILENCE if ctx.muted or await ctx.is_theirs() else await self.routes.events[SentSticker](ctx)
        return await self._guessed(ctx, asked)

    async def _answered(self, ctx: Context, asked: Question, intent: str | None) -> Answer | None:
        """A yes or a no to an open question does what its button does; None when a message is neither.

        It must have been written after the question was asked. A word for something else is no answer, unless it stands
        on a button, but thanks may be: "ok thanks".
        """
        label = labelled(asked, ctx.reading) if asked["question"] == SURE else None
        if label is None and intent not in (None, "thanks", "cancel") and intent != asked.get("command"):
            return None
        if asked["question"] != SURE:
            if ctx.lexicon.agrees(ctx.reading) is not False:
                return None
            return await self._intended(ctx, "cancel", asked)
        said: str | None = answer_to(asked, ctx.reading, ctx.lexicon)
        if said is None and intent is not None and intent == asked.get("command") and ctx.reading.plain:
            said = "yes"
        if said is None or ctx.happened_at.timestamp() < asked.get("at", 0):
            return None
        ctx.settle()
        _understood(ctx)
        data = asked.get("data", {}).get(said)
        return await self._press(ctx, data, typed=True) if data else await ctx.run("declined")

    async def _intended(self, ctx: Context, intent: str, asked: Question | None) -> Answer:
        """A whole message is one of the words for something."""
        if ctx.muted:
            if intent in STAY_WITH_THE_PERSON:
                return SILENCE
            if intent in END_THE_WAIT:
                ctx.customer.muted_until = None
        if intent not in UNINTERRUPTING:
            ctx.settle()
        _understood(ctx)
        if intent in UNINTERRUPTING:
            return await ctx.run(intent)
        dropped = await self.staff.drop(ctx)
        if intent == "cancel" and dropped is not None:
            return dropped
        if intent in ACTS and not ctx.lexicon.plainly(ctx.reading, intent):
            ctx.likely = {intent: 1.0}
            return await ctx.run("ask_first")
        answer = await ctx.run(intent)
        again = ctx.asked()
        same = asked is not None and again is not None and asked["question"] == again["question"]
        if asked and not same and intent != "cancel" and isinstance(answer, Reply):
            return answer.after(Text(ctx._("OK, let's leave that for now.")))
        return answer

    async def _guessed(self, ctx: Context, asked: Question | None) -> Answer:
        """Nothing was found by rule: what it sounds like, answered at once only where showing something is harmless."""
        ranking = ctx.recogniser.rank(ctx.reading.text)
        decision = decide(ctx.reading, ranking)
        once, sure = decision.once, decision.sure
        # Of nonsense nothing is likelier than anything else: all of it reads the same, staff commands of outsiders too.
        if ranking.unknown <= HARDLY_KNOWN and ranking.other < SURELY_OTHER:
            ctx.likely = {topic: share for topic, share in ranking.topics if ctx.offers(topic)}
        if ctx.muted and not (once in HEARD_WHILE_WAITING or sure in HEARD_WHILE_WAITING):
            return self._ask_again(ctx, asked) or await self._not_understood(ctx, asked, "waiting")
        if sure is not None and ctx.offers(sure):
            ctx.settle()
            _understood(ctx)
            ctx.likely = {sure: 1.0}
            return await ctx.run("ask_first")
        # Nothing is asked of a vendor once something was written.
        if once is not None and ctx.offers(once) and ctx.work.connection is None:
            if once not in UNINTERRUPTING:
                ctx.settle()
            _understood(ctx)
            return await ctx.run(once)
        return self._ask_again(ctx, asked) or await self._not_understood(ctx, asked, "fallback")

    async def _not_understood(self, ctx: Context, asked: Question | None, command: str) -> Answer:
        """What is said of a text that means nothing to us: nothing, where another tool answers it. Where our own link
        has typed it, what the link is for: a code of letters alone, or a topic that the shop has no more."""
        if ctx.came_by is not None:
            return await self.routes.events[CameByLink](ctx)
        if await ctx.is_theirs():
            return SILENCE
        if ctx.brand.quiet and asked is not None:
            ctx.settle()  # What comes next may be theirs.
        return await ctx.run(command)

    def recognises(self, ctx: Context) -> bool:
        """Whether a private chat's event may be meant for us, at a glance: too often rather than too seldom."""
        match ctx.incoming.what:
            case Said(text=text):
                reading = ctx.lexicon.read(text)
                if self.staff.is_line(text) or any(character.isdigit() for character in text) or is_bare_code(text):
                    return True
                if poster_tokens.in_text(text) is not None:
                    return True
                labels = ctx.customer.state.labels or {}
                if ctx.lexicon.whole(reading) is not None or reading.typed.lower() in labels or reading.core in labels:
                    return True
                found = ctx.lexicon.codes.find(reading, ctx.brand.code_pattern)
                decision = decide(reading, ctx.recogniser.rank(reading.text))
                return bool(found.codes or found.private or decision.once or decision.sure)
            case Tapped(data=data):
                return self._is_ours(ctx, data)
            case Followed():
                return ctx.brand.greets or ctx.of_staff
            case SentSticker() | SentMedia():
                return False
            case _:
                return True

    async def is_left(self, ctx: Context) -> bool:
        """Whether this is another tool's business, at a glance."""
        return ctx.brand.quiet and not self.recognises(ctx) and await ctx.is_theirs()

    def asks_us_back(self, ctx: Context) -> bool:
        """Whether somebody whose chat others hold wants us: with a word that ends that, a code that is a whole message,
        the label of a button of ours, or what is everybody's right at any time. Staff do with each of their lines.

        Everything else is said to whoever holds it.
        """
        if not isinstance(said := ctx.incoming.what, Said) or _is_closed(ctx):
            return False
        if self.staff.is_line(said.text):
            return ctx.actor is not None
        ctx.reading = reading = ctx.lexicon.read(said.text)
        intent = ctx.lexicon.whole(reading)
        if self._labelled(ctx, intent):
            return True
        if intent is not None:
            return intent in BRING_US_BACK
        found = ctx.lexicon.codes.find(reading, ctx.brand.code_pattern)
        if (found.codes and (found.whole or found.deliberate)) or is_bare_code(said.text):
            return True
        decision = decide(reading, ctx.recogniser.rank(reading.text))
        return decision.once in BRING_US_BACK or decision.sure in BRING_US_BACK

    def _is_ours(self, ctx: Context, data: str) -> bool:
        """Whether a button is one of ours, of whatever age and whomever it was made for."""
        if data.startswith(MENU_TAP):
            return data.removeprefix(MENU_TAP) in self.routes.commands
        try:
            self.packer.read(data, person=ctx.customer.person, now=ctx.happened_at)
        except Unreadable:
            return False
        return True

    def _ask_again(self, ctx: Context, asked: Question | None) -> Reply | None:
        """What was neither yes nor no is said to be unclear, once; then the question is over."""
        if asked is None or asked["question"] != SURE:
            return None
        ctx.settle()
        data = asked.get("data", {})
        if asked.get("again") or len(data) < 2:
            return None
        ctx.call_unclear("asked")
        ctx.await_edit()
        buttons = []
        for said in SAID:
            action = self.packer.read(data[said], person=ctx.customer.person, now=ctx.happened_at).action
            buttons.append(Button(asked[said], action))
        ctx.customer.state.deciding = {**asked, "again": True, "at": ctx.now.timestamp()}
        text = ctx._(
            "I'm not sure what you mean. Please answer “%(yes)s” or “%(no)s”.", yes=asked["yes"], no=asked["no"]
        )
        if asked.get("strict"):
            text = ctx._("Only a tap on “%(yes)s” does it: what is typed does not count here.", yes=asked["yes"])
        return Reply((Text(text),), tuple(buttons))

    def _settled(self, ctx: Context, asked: Question | None, answer: Answer) -> Answer:
        """An answer was found, so that the question of before is over, unless it was asked again."""
        _understood(ctx)
        if asked is not None and ctx.asked() is asked:
            ctx.settle()
        return answer

    def _labelled(self, ctx: Context, intent: str | None) -> str | None:
        """What the button does whose label was typed, where it stood under the last answer; "" when several had it."""
        labels = ctx.customer.state.labels
        reading = ctx.reading
        if not labels or "?" in reading.typed:
            return None
        named = next((name for name in (reading.typed.lower(), reading.text) if name in labels), None)
        if named is None and reading.core in labels and not reading.asks:
            named = reading.core
        if named is None:
            return None
        data = labels[named]
        if not data:
            return "" if intent is None else None
        try:
            tap = self.packer.read(data, person=ctx.customer.person, now=ctx.happened_at)
        except Unreadable:
            return None
        return data if tap.own and not tap.expired else None

    def _numbered(self, ctx: Context) -> str | None:
        """The button of the page whose number was typed, while the last answer was a page of that list."""
        offered = ctx.customer.state.pages
        if not offered:
            return None
        number = page_number(ctx.reading, offered["count"], ctx.languages)
        if number is None:
            return None
        try:
            tap = self.packer.read(offered["first"], person=ctx.customer.person, now=ctx.happened_at)
        except Unreadable:
            return None
        action = tap.action.model_copy(update={"page": number - 1})
        return (
            self.packer.pack(action, person=ctx.customer.person, now=ctx.now) if tap.own and not tap.expired else None
        )

    async def _in_a_group(self, ctx: Context, chat: Chat) -> Answer:
        what = ctx.incoming.what
        if isinstance(what, Joined) and not ctx.brand.greets:
            return SILENCE
        if isinstance(what, Tapped) and ctx.brand.quiet and not self._is_ours(ctx, what.data):
            return SILENCE
        if not isinstance(what, Said) or not self.staff.is_line(what.text):
            return await ctx.run("group")
        if not await self.staff.knows(ctx, chat.channel, ctx.incoming.user_id):
            return SILENCE
        return Reply((Text(ctx._("Please use staff commands in our private chat.")),))

    async def _tapped(self, ctx: Context, data: str) -> Answer:
        flood = _flood(ctx)
        return flood if flood is not None else await self._press(ctx, data)

    async def _press(self, ctx: Context, data: str, *, typed: bool = False) -> Answer:
        """What a button does, tapped or typed."""
        ctx.tapped = not typed
        if ctx.brand.quiet and not typed and not self._is_ours(ctx, data) and await ctx.is_theirs():
            return SILENCE
        if not typed:
            ctx.customer.muted_until = None  # A tap on our button asks for us,
        ctx.settle()  # and for something else than what we were asking.
        if data.startswith(MENU_TAP):
            name = data.removeprefix(MENU_TAP)
            return await ctx.run(name)
        try:
            tap = self.packer.read(data, person=ctx.customer.person, now=ctx.happened_at)
        except Unreadable:
            return await self._fresh(ctx, "menu")
        if not tap.own:
            menu = await ctx.run("menu")
            words = Text(ctx._("That button belongs to someone else."))
            return Reply((words,), menu.choices) if isinstance(menu, Reply) else menu
        tappable = self.routes.actions.get(type(tap.action))
        if tappable is None or tap.expired:
            return await self._fresh(ctx, tappable.fresh if tappable else "menu")
        _understood(ctx)
        ctx.about(tappable.fresh)
        return await tappable.handler(ctx, tap.action)

    async def _fresh(self, ctx: Context, command: str) -> Answer:
        answer = await ctx.run(command)
        words = Text(ctx._("That button has expired — here's a fresh one."))
        return answer.after(words) if isinstance(answer, Reply) else answer


def _is_closed(ctx: Context) -> bool:
    """Whether this person is not served at the moment, whatever they want."""
    blocked = ctx.customer.blocked_until is not None and ctx.customer.blocked_until > ctx.now
    return ctx.actor is None and (blocked or ctx.maintenance is not None)


def _closed(ctx: Context) -> Reply | None:
    """What somebody is told whom nobody serves now: they are blocked, or everything is in maintenance."""
    what = ctx.incoming.what
    if ctx.actor is not None or isinstance(what, Left | Unsent | Returned | Ignored):
        return None
    if ctx.customer.blocked_until is not None and ctx.customer.blocked_until > ctx.now:
        told, until = ctx.customer.state.blocked, ctx.customer.blocked_until.timestamp()
        ctx.customer.state.blocked = until
        text = ctx._("We can't serve you here at the moment. If you think that is wrong, please ask at the shop.")
        return SILENCE if told == until else Reply((Text(text),))
    if ctx.maintenance is None:
        return None
    if ctx.muted or (flood := _flood(ctx)) is SILENCE:
        return SILENCE
    text = ctx.maintenance or ctx._(
        "We are closed for maintenance right now. A code you send is not used up: please send it again later."
    )
    return flood or Reply((Text(text),))


def _in_album(ctx: Context, album: str) -> bool:
    """Whether another photo of this album came before, in whatever order they come."""
    before = ctx.customer.state.album
    known = before is not None and before["id"] == album
    if not known:
        until = ctx.happened_at + ALBUM_ARRIVES_WITHIN
        ctx.customer.state.album = {"id": album, "until": until.timestamp()}
    return known


def _understood(ctx: Context) -> None:
    ctx.customer.state.lost = ctx.customer.state.lost_at = None


def _flood(ctx: Context) -> Reply | None:
    """One notice at the 21st message of a minute, then silence until the minute is over."""
    start, count = ctx.customer.state.burst or (0.0, 0)
    if ctx.now.timestamp() - start >= timedelta(minutes=1).total_seconds():
        start, count = ctx.now.timestamp(), 0
    ctx.customer.state.burst = (start, count + 1)
    most = PER_MINUTE if ctx.actor is None else PER_MINUTE_STAFF
    if count < most:
        return None
    if count > most:
        return SILENCE
    return Reply((Text(ctx._("That's a lot at once. Give me a minute, then write again.")),))

"""Staff commands: who answers which, who may, what is asked before it is done, and what the trail says of it.

Each module in `handlers/admin/` registers its commands on a `StaffRouter`. A command that changes something has two
halves: the first shows a `Preview`, the second does it once somebody has confirmed exactly that.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Any, Self

from bot import metrics
from bot.conversation import commands
from bot.conversation.actions import Action
from bot.conversation.commands import (
    Arguments,
    Meant,
    Missing,
    Nothing,
    Problem,
    Token,
    TooLong,
    TooMany,
    Understood,
    Unknown,
    Wrong,
)
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Message, Reply, Text, plain
from bot.conversation.router import Router
from bot.conversation.teaching import Run, commands_button, explain, run_button, vendor_trouble
from bot.errors import ConfigurationError, UpstreamError, UserError
from bot.i18n import N_, Translator
from bot.services.staffing import Actor, Role, role_word
from bot.services.trail import Notes
from bot.storage import approvals, claims, customers, issues, staff
from bot.storage.customers import Customer
from bot.understanding import references
from bot.understanding.reading import fold, listed

MOST_OFFERED = 4  # lines that may be meant
LONGEST_UNSLASHED = 60  # characters of a command without its slash; a longer message is a sentence
MOST_TRIED = 8  # words of a line that are looked at as its noun or its verb
# What else people type for a verb; a noun has only some of them.
VERBS = {
    # Translators: what else staff may type for the verb of a command, separated by commas
    "show": N_("show, view, info"),
    "list": N_("list, all"),
    "create": N_("create, add, make"),
    "move": N_("move"),
    "delete": N_("delete, del"),
    "undo": N_("undo, revert"),
    "bulk": N_("bulk, batch"),
    "policy": N_("policy, limit, limits"),
    "pause": N_("pause, hold"),
    "resume": N_("resume, continue, unpause"),
    "stop": N_("stop, halt"),
    "export": N_("export, csv, download"),
    "new": N_("new, create, make"),
    "cancel": N_("cancel"),
    "raise": N_("raise"),
    "lower": N_("lower"),
    "on": N_("on, start"),
    "off": N_("off, end"),
    "reload": N_("reload, refresh"),
    "retry": N_("retry, again"),
    "resolve": N_("resolve, settle"),
    "invite": N_("invite, add"),
    "role": N_("role, promote"),
    "remove": N_("remove, delete, fire"),
    "check": N_("check, test"),
    "status": N_("status, state"),
}
# What is most likely wanted of something that is named alone.
_LOOKS_AT = {"C": "who", "R": "ref", "A": "approve", "J": "job show"}

CONFIRM_WITHIN = timedelta(minutes=2)
APPROVE_WITHIN = timedelta(hours=1)
TYPED = "staff"  # the question that a typed confirmation answers


class Confirm(Action, name="sure", ttl=CONFIRM_WITHIN):
    """Do what was previewed. nonce: names the preview, which only its own person's row holds."""

    nonce: str


class CancelCommand(Action, name="unsure", ttl=CONFIRM_WITHIN):
    """Do not do what was previewed."""

    nonce: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a command would change, said before it is done.

    messages: one or two. label: of the button that does it, already translated: what it does, not [Confirm].
    typed: what must be typed instead of a tap, for what cannot be undone. seen: plain JSON facts that the second
    half gets back as `ctx.confirmed.seen`, to notice that something has changed since. two_person: another manager
    or owner has to agree as well.
    """

    messages: tuple[Message, ...]
    label: str
    typed: str = ""
    seen: dict[str, Any] = field(default_factory=dict)
    two_person: bool = False


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What somebody agreed to. key: the same however often this is repeated; derive every write's key from it."""

    key: str
    seen: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class StaffContext(Context):
    """What a staff command is given.

    actor: who asks (name, role). commands: all of them. notes: for the trail. confirmed: in the second half only.
    """

    actor: Actor
    commands: StaffRoutes
    notes: Notes
    confirmed: Confirmed | None = None

    @classmethod
    def of(cls, ctx: Context, **more: Any) -> Self:
        """The same turn, for a staff command."""
        return cls(**{each.name: getattr(ctx, each.name) for each in fields(Context)} | more)

    @property
    def key(self) -> str:
        """Names this wish, the same when the turn runs again and when a confirmed button is tapped twice."""
        return self.confirmed.key if self.confirmed else f"event:{self.event_id}"

    async def customer_of(self, ref: str) -> Customer | None:
        """Whom a `CustomerRef` means; None when there is nobody (any more). They become `last`, and are audited."""
        if ref == "last":
            ref = self.customer.state.get("last", "")
        reads = self.work.reads
        if ref.startswith("R-"):
            receipt = await issues.by_ref(reads, ref) or await claims.find(reads, ref)
            owner = receipt.customer_id if receipt else None
            found = await customers.by_id(reads, owner) if owner is not None else None
        else:
            found = await customers.by_ref(reads, ref)
        if found is not None:
            self.customer.state["last"] = self.notes.customer = found.ref
        return found


StaffHandler = Callable[[StaffContext, Any], Awaitable[Answer | Preview]]
Performer = Callable[[StaffContext, Any], Awaitable[Answer]]
EntryHandler = Callable[[Context, Any], Awaitable[tuple[Actor, Answer] | None]]


@dataclass(frozen=True, slots=True)
class StaffCommand:
    """One command. name: `code show`. about: a msgid. topic: of its router, a msgid. audited: whether using it is
    written to the trail; only help and the like are not. acts: it changes something at once, without a preview."""

    name: str
    arguments: type[Arguments]
    role: Role
    about: str
    topic: str
    handler: StaffHandler
    perform: Performer | None = None
    audited: bool = True
    acts: bool = False

    @property
    def only_reads(self) -> bool:
        """Whether it changes nothing, neither at once nor after a preview."""
        return not self.acts and self.perform is None


@dataclass(frozen=True, slots=True)
class Entry:
    """A command for people who are no staff yet."""

    name: str
    arguments: type[Arguments]
    handler: EntryHandler


@dataclass(slots=True)
class StaffRouter:
    """A module's staff commands. topic: a msgid, the title of its part of the menu; several may share one."""

    topic: str
    commands: dict[str, StaffCommand] = field(default_factory=dict)
    performers: dict[str, Performer] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    nouns: dict[str, str] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)

    def noun(self, name: str, words: str) -> None:
        """What else people may type for a noun: a comma-separated msgid such as `N_("/code, /promo")`."""
        _once(self.nouns, name, words)

    def command(
        self,
        name: str,
        arguments: type[Arguments] = Nothing,
        *,
        role: Role,
        about: str,
        aliases: tuple[str, ...] = (),
        audited: bool = True,
        acts: bool = False,
    ) -> Callable[[StaffHandler], StaffHandler]:
        """Answer `/name`. The handler returns an Answer, or a Preview of what `performs(name)` will do; acts: or does
        something at once."""

        def register(handler: StaffHandler) -> StaffHandler:
            command = StaffCommand(name, arguments, role, about, self.topic, handler, audited=audited, acts=acts)
            _once(self.commands, name, command)
            for alias in aliases:
                _once(self.aliases, alias, name)
            return handler

        return register

    def performs(self, name: str) -> Callable[[Performer], Performer]:
        """Do what the preview of `/name` announced, now that it is confirmed."""

        def register(performer: Performer) -> Performer:
            _once(self.performers, name, performer)
            return performer

        return register

    def entry(self, name: str, arguments: type[Arguments]) -> Callable[[EntryHandler], EntryHandler]:
        """Let somebody who is no staff become some. None reads like any nonsense."""

        def register(handler: EntryHandler) -> EntryHandler:
            _once(self.entries, name, Entry(name, arguments, handler))
            return handler

        return register


class StaffRoutes:
    """All staff commands together, with what they may be called in every language. Clashes stop the start."""

    def __init__(self, routers: Iterable[StaffRouter], languages: Iterable[Translator]) -> None:
        self.commands: dict[str, StaffCommand] = {}
        self.aliases: dict[str, str] = {}
        self.entries: dict[str, Entry] = {}
        self.topics: list[str] = []  # in the order of the menu; several modules may share one
        performers: dict[str, Performer] = {}
        words: dict[str, str] = {}
        for router in routers:
            if router.topic not in self.topics:
                self.topics.append(router.topic)
            for mine, theirs in (
                (self.commands, router.commands),
                (self.aliases, router.aliases),
                (self.entries, router.entries),
                (performers, router.performers),
                (words, router.nouns),
            ):
                for key, value in theirs.items():
                    _once(mine, key, value)
        for name, performer in performers.items():
            if name not in self.commands:
                raise ConfigurationError(f"/{name} is performed but not a command")
            self.commands[name] = replace(self.commands[name], perform=performer)
        for alias, name in self.aliases.items():
            if alias in self.commands or name not in self.commands:
                raise ConfigurationError(f"/{alias} cannot stand for /{name}")
        self.nouns = {name.split()[0]: name.split()[0] for name in [*self.commands, *self.aliases, *self.entries]}
        for noun, synonyms in words.items():
            if noun not in self.nouns:
                raise ConfigurationError(f"/{noun} has other words but no command")
            for translate in languages:
                for said in listed(translate(synonyms)):
                    if self.aliases.get(said, "").split(" ")[0] == noun:
                        continue  # `/codes` is a command of its own, and means the same noun.
                    if self.nouns.setdefault(said, noun) != noun:
                        raise ConfigurationError(f"/{said} would mean both /{noun} and /{self.nouns[said]}")
        self.verb_words: dict[str, dict[str, str]] = {}  # noun → what may be typed → its verb
        for name in self.commands:
            noun, _space, verb = name.partition(" ")
            others = [translate(VERBS[verb]) for translate in languages] if verb in VERBS else []
            typed = {word for each in others for word in listed(each)}
            for word in typed - set(self.verbs(noun)):
                _once(self.verb_words.setdefault(noun, {}), word, verb)

    def allowed(self, actor: Actor) -> list[StaffCommand]:
        """What somebody may use, in the order of registering."""
        return [command for command in self.commands.values() if actor.may(command.role)]

    def find(self, tokens: list[Token]) -> tuple[StaffCommand, list[Token]] | Unknown:
        """The command that a line names, and the rest of the line; or what was perhaps meant."""
        tokens = _led(tokens)
        typed = [word for token in tokens[:2] if (word := commands.word(token))] if tokens else []
        noun = self.nouns.get(typed[0]) if typed else None
        if noun is None:
            likely = commands.alike(typed[0], self.nouns) if typed else None
            shown = f"/{tokens[0].value}" if tokens else "/"
            if likely is None:
                return Unknown(shown)
            mended = [Token(self.nouns[likely]), *tokens[1:]]
            # The correction is offered only when it is one: its verb may be wrong as well.
            found = self.find(mended)
            if isinstance(found, Unknown):
                return Unknown(shown, found.better or f"/help {self.nouns[likely]}")
            return Unknown(shown, commands.written(self.nouns[likely], tokens[1:]))
        base = self._base(noun)  # `/codes show` means `/code show`.
        verb = self._verb(base, typed[1]) if len(typed) > 1 else ""
        for name, length in ((f"{base} {verb}" if verb else "", 2), (noun, 1)):
            command = self.commands.get(self.aliases.get(name, name))
            if command is not None:
                return command, tokens[length:]
        return self._unknown_verb(base, typed, tokens)

    def _base(self, noun: str) -> str:
        return self.aliases.get(noun, noun).split()[0]

    def _verb(self, base: str, typed: str) -> str:
        """The verb of a noun that somebody types as `typed`; empty when it has none like it."""
        return typed if typed in self.verbs(base) else self.verb_words.get(base, {}).get(typed, "")

    # ── what was perhaps meant ───────────────────────────────────────────────────────────────────

    def meant(self, tokens: list[Token]) -> list[tuple[StaffCommand, Understood]] | Problem | None:
        """What a line that does not read as it stands can mean: its noun, verb and arguments in another order, its
        noun left out (`/pause 5`), or its verb (`/group 5`). A problem when only one thing is in the way of that, and
        None when there is no such way.

        A word that anything may follow gives way to one that only this fits: `/delete J-12` is about a job.
        """
        plain = _apart(_led(tokens), self)
        if not plain:
            return None
        refs = {ref for token in plain if (ref := references.read(token.value))}
        problems: list[Problem] = []
        for ways in (self._with_noun(plain), self._with_verb_alone(plain), self._with_reference_alone(plain)):
            readings: dict[str, tuple[StaffCommand, Understood]] = {}
            for command, rest in ways:
                read = commands.forgive(command.name, command.arguments, rest)
                if not isinstance(read, list):
                    problems.append(read)
                    continue
                for each in read:
                    if not _is_loose(each):
                        readings.setdefault(each.line, (command, replace(each, exact=False)))
            if found := list(readings.values()):
                return [(command, each) for command, each in found if refs & _refs_of(each)] or found
        asked: list[Problem] = [
            each for each in problems if isinstance(each, Wrong) and each.options and not each.spec.choices
        ]
        if not asked and len(plain) == 1 and self.nouns.get(commands.word(plain[0])) is None:
            asked = [each for each in problems if isinstance(each, Missing)]  # `/stop`: of what?
        return asked[0] if len(asked) == 1 else None

    def _with_noun(self, tokens: list[Token]) -> Iterator[tuple[StaffCommand, list[Token]]]:
        """Commands whose noun stands somewhere in a line, with what is then left of it."""
        words = [(at, word) for at, token in enumerate(tokens) if (word := commands.word(token))][:MOST_TRIED]
        for at, word in words:
            if (noun := self.nouns.get(word)) is None:
                continue
            base, rest = self._base(noun), [*tokens[:at], *tokens[at + 1 :]]
            verbs = [(other, self._verb(base, commands.word(token))) for other, token in enumerate(rest[:MOST_TRIED])]
            for other, verb in verbs:
                if verb:
                    yield self.commands[f"{base} {verb}"], [*rest[:other], *rest[other + 1 :]]
            if verbs and verbs[0][1]:
                continue  # Where the verb stands right after its noun, it is no argument.
            for name in (self.aliases.get(noun, noun), f"{base} show"):
                if name in self.commands:
                    yield self.commands[name], rest

    def _with_verb_alone(self, tokens: list[Token]) -> Iterator[tuple[StaffCommand, list[Token]]]:
        """Commands whose verb stands somewhere in a line; what else people type for one only where it is none."""
        bases = tuple(dict.fromkeys(name.split()[0] for name in self.commands))
        if commands.word(tokens[0]) in self.nouns:
            return
        for at, token in enumerate(tokens[:MOST_TRIED]):
            typed, rest = commands.word(token), [*tokens[:at], *tokens[at + 1 :]]
            named = [f"{base} {typed}" for base in bases if typed in self.verbs(base)]
            named = named or [f"{base} {verb}" for base in bases if typed and (verb := self._verb(base, typed))]
            for name in named:
                yield self.commands[name], rest

    def _with_reference_alone(self, tokens: list[Token]) -> Iterator[tuple[StaffCommand, list[Token]]]:
        """What is most likely wanted of something whose reference is all of a line."""
        if any(token.key or token.flag for token in tokens[1:]):
            return
        whole = " ".join(token.value for token in tokens)
        whole_word = len(tokens) == 1 or len(commands.word(tokens[0]).strip("-")) == 1  # `R - 7F3K9M`
        for kind, name in _LOOKS_AT.items():
            if whole_word and (ref := references.read(whole, kind)):
                yield self.commands[name], [Token(ref)]

    def _unknown_verb(self, noun: str, typed: list[str], tokens: list[Token]) -> Unknown:
        verbs = self.verbs(noun)
        if len(typed) == 1:
            return Unknown(f"/{noun}", f"/help {noun}", noun)
        shown = f"/{noun} {tokens[1].value}"
        if likely := commands.alike(typed[1], verbs):
            return Unknown(shown, commands.written(f"{noun} {likely}", tokens[2:]))
        if "show" in verbs:  # `/group 5`: whoever only names something wants to see it.
            return Unknown(shown, commands.written(f"{noun} show", tokens[1:]))
        return Unknown(shown, f"/help {noun}")

    def verbs(self, noun: str) -> list[str]:
        """What can be done with a noun."""
        return [name.split(" ", 1)[1] for name in self.commands if name.startswith(f"{noun} ")]

    def mistyped_verb(self, command: StaffCommand, rest: list[Token], problem: Problem) -> Unknown | None:
        """`/admins invte staff`: what follows a noun that stands alone was perhaps meant as a verb.

        Unless the problem is another one: in `/issue last gift=422` a price is missing, and `last` is no `list`.
        """
        if not isinstance(problem, Wrong | TooMany) or (isinstance(problem, Wrong) and problem.value != rest[0].value):
            return None
        if " " in command.name or not rest or rest[0].key or rest[0].flag or not rest[0].bare:
            return None
        likely = commands.alike(rest[0].value, self.verbs(command.name))
        if likely is None:
            return None
        better = commands.written(f"{command.name} {likely}", rest[1:])
        return Unknown(f"/{command.name} {rest[0].value}", better)


@dataclass(frozen=True, slots=True)
class StaffDesk:
    """Answers command lines. `router` holds its buttons, for the other routers' company."""

    routes: StaffRoutes

    # ── lines ────────────────────────────────────────────────────────────────────────────────────

    async def answer(self, ctx: Context, actor: Actor, text: str) -> Answer:
        """The answer to a line typed by staff."""
        actor = await self._known(ctx, actor)
        ctx.customer.state.pop("sure", None)
        line = commands.cleaned(text)
        if len(line) > commands.LONGEST:
            return explain(ctx._, TooLong())
        tokens = _led(commands.split(line))
        if not tokens:
            return await self._help(ctx, actor, [])
        helped = [token for token in tokens if not commands.asks_for_help(token)]
        if len(helped) < len(tokens):
            return await self._help(ctx, actor, helped)
        if tokens[0].value.lower() in self.routes.entries:
            return Reply(
                (Text(ctx._("You are %(role)s already.", role=role_word(ctx._, actor.role))),),
                run_button("/whoami", "/whoami"),
            )
        found = self.routes.find(tokens)
        if isinstance(found, Unknown) and found.noun:
            return await self._noun(ctx, actor, found.noun)
        if not isinstance(found, Unknown) and not actor.may(found[0].role):
            return await self._refuse(ctx, actor, found[0])
        problem: Problem = found if isinstance(found, Unknown) else TooLong()
        if not isinstance(found, Unknown):
            command, rest = found
            read = commands.forgive(command.name, command.arguments, rest)
            if isinstance(read, list):
                return await self._take(ctx, actor, [(command, each) for each in read])
            problem = self.routes.mistyped_verb(command, rest, read) or read
        meant = self.routes.meant(tokens)
        if isinstance(meant, list):
            return await self._take(ctx, actor, meant)
        return explain(ctx._, meant or problem)

    async def _take(self, ctx: Context, actor: Actor, meant: list[tuple[StaffCommand, Understood]]) -> Answer:
        """Run what a line means, saying how it was read; where that is a guess about something that acts, ask."""
        may = [(command, each) for command, each in meant if actor.may(command.role)]
        if not may:
            return await self._refuse(ctx, actor, meant[0][0])
        command, understood = may[0]
        if len(may) > 1 or not understood.sure or (command.acts and not understood.exact):
            return explain(ctx._, Meant(tuple(each.line for _command, each in may[:MOST_OFFERED])))
        answer = await self._run(ctx, actor, command, understood.arguments)
        if understood.exact or not isinstance(answer, Reply):
            return answer
        return answer.after(Text(ctx._("Read as %(line)s", line=understood.line)))

    async def unslashed(self, ctx: Context, actor: Actor, text: str) -> Answer | None:
        """The answer to a command that staff typed without its slash, when the whole message is one: run when it only
        reads, else offered as a button. None when it is none, or none of theirs, and means whatever it does to
        customers."""
        line = commands.cleaned(text)
        tokens = commands.split(line) if len(line) <= LONGEST_UNSLASHED else []
        noun = self.routes.nouns.get(commands.word(tokens[0])) if tokens else None
        if noun is None or noun in {"help", *self.routes.entries}:
            return None
        found = self.routes.find(tokens)
        read = None
        if not isinstance(found, Unknown):
            command, rest = found
            read = commands.forgive(command.name, command.arguments, rest)
        meant = [(command, each) for each in read] if isinstance(read, list) else self.routes.meant(tokens)
        spoken = set(filter(None, map(commands.word, tokens[1:])))
        # A word that anything may follow begins many a sentence, `who knows`: there the verb has to be told.
        readings = [
            (command, each)
            for command, each in (meant if isinstance(meant, list) else ())
            if not _is_loose(each) and (_verb_of(command) in spoken or _names_somebody(each) or not _is_open(each))
        ]
        if len(readings) != 1 or not actor.may(readings[0][0].role):
            return None
        command, understood = readings[0]
        actor = await self._known(ctx, actor)
        ctx.customer.state.pop("sure", None)
        if command.only_reads:
            return await self._run(ctx, actor, command, understood.arguments)
        return explain(ctx._, Meant((understood.line,)))

    async def outsider(self, ctx: Context, text: str) -> Answer | None:
        """The answer to a line by somebody who is no staff; None when it is like any nonsense."""
        metrics.OUTSIDERS.labels(ctx.customer.channel).inc()
        line = commands.cleaned(text)
        if len(line) > commands.LONGEST:
            return None
        tokens = commands.split(line)
        entry = self.routes.entries.get(tokens[0].value.lower()) if tokens else None
        arguments = commands.read(entry.name, entry.arguments, tokens[1:]) if entry else None
        if entry is None or not isinstance(arguments, Arguments):
            return None
        try:
            entered = await entry.handler(ctx, arguments)
        except UserError as error:
            await ctx.work.end(commit=False)
            return Reply((Text(ctx._(error.args[0])),))
        if entered is None:
            return None
        actor, answer = entered
        await self._write(ctx, actor, entry.name, commands.audited_line(entry.name, arguments), Notes())
        return answer

    async def knows(self, ctx: Context, channel: str, user_id: str | None) -> bool:
        """Whether somebody in a group is staff."""
        if user_id is None:
            return False
        stored = await staff.find(ctx.work.reads, channel, user_id)
        return ctx.services.staffing.actor(stored, channel, user_id, ctx.now) is not None

    async def _known(self, ctx: Context, actor: Actor) -> Actor:
        """An owner of the ADMINS setting gets a name with their first command."""
        if actor.name:
            return actor
        chat = ctx.incoming.chat
        assert chat is not None, "staff are answered in private chats"
        return await ctx.services.staffing.enrol(ctx.work.pool, chat.channel, chat.id, chat.key, ctx.now)

    async def _help(self, ctx: Context, actor: Actor, tokens: list[Token]) -> Answer:
        words = tuple(token.value for token in tokens if not token.key and not token.flag)
        command = self.routes.commands["help"]
        return await self._run(ctx, actor, command, command.arguments.model_validate({"command": words}))

    async def _noun(self, ctx: Context, actor: Actor, noun: str) -> Answer:
        """What can be done with a noun that stands alone; by whom, when it is nothing for this person."""
        of_noun = [command for command in self.routes.commands.values() if command.name.split()[0] == noun]
        if not any(actor.may(command.role) for command in of_noun):
            return await self._refuse(ctx, actor, of_noun[0])
        return await self._help(ctx, actor, [Token(noun)])

    async def _refuse(self, ctx: Context, actor: Actor, command: StaffCommand) -> Answer:
        owner = await self._an_owner(ctx)
        needed, role = role_word(ctx._, command.role), role_word(ctx._, actor.role)
        text = ctx._("This command needs %(needed)s, and you are %(role)s.", needed=needed, role=role)
        if owner:
            text = ctx._(
                "This command needs %(needed)s, and you are %(role)s. %(owner)s can do it.",
                needed=needed,
                role=role,
                owner=owner,
            )
        await self._write(ctx, actor, command.name, f"/{command.name}", Notes(result="refused"))
        return Reply((Text(text),), commands_button(ctx._))

    async def _an_owner(self, ctx: Context) -> str:
        """Whom to ask, by name: the owner seen last."""
        staffing = ctx.services.staffing
        everybody = [each for each in await staff.everybody(ctx.work.reads) if not staffing.suspended(each, ctx.now)]
        owners = [each for each in everybody if staffing.role_of(each) == "owner"]
        return max(owners, key=lambda each: each.last_used).name if owners else ""

    # ── running ──────────────────────────────────────────────────────────────────────────────────

    async def _run(self, ctx: Context, actor: Actor, command: StaffCommand, arguments: Arguments) -> Answer:
        staffed = StaffContext.of(ctx, actor=actor, commands=self.routes, notes=Notes())

        async def handle() -> Answer:
            said = await command.handler(staffed, arguments)
            return self._ask(staffed, command, arguments, said) if isinstance(said, Preview) else said

        answer = await self._audited(staffed, command, arguments, handle)
        ctx._ = staffed._  # /lang may have changed it, and more may be said below the answer.
        return answer

    async def _audited(
        self, ctx: StaffContext, command: StaffCommand, arguments: Arguments, handle: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Run one half of a command, turn what vendors do into words, and write the trail."""
        try:
            answer = await handle()
        except UpstreamError as error:
            await ctx.work.end(commit=False)
            ctx.notes.result = f"failed: {type(error).__name__} {error.upstream}"
            answer = Reply((Text(vendor_trouble(ctx._, error)),), run_button("/status", "/status"), valuable=True)
        except UserError as error:
            await ctx.work.end(commit=False)
            ctx.notes.result = "refused"
            answer = Reply((Text(ctx._(error.args[0])),))
        if command.audited:
            line = commands.audited_line(command.name, arguments)
            await self._write(ctx, ctx.actor, command.name, line, ctx.notes)
        return answer

    async def _write(self, ctx: Context, actor: Actor, action: str, line: str, notes: Notes) -> None:
        connection = await ctx.work.begin()
        if actor.id is not None:
            await staff.used(connection, actor.id, ctx.customer.person, ctx.now)
        await ctx.services.trail.write(connection, actor, action=action, line=line, notes=notes, now=ctx.now)

    # ── confirming ───────────────────────────────────────────────────────────────────────────────

    def _ask(self, ctx: StaffContext, command: StaffCommand, arguments: Arguments, preview: Preview) -> Reply:
        if command.perform is None:
            raise ConfigurationError(f"/{command.name} shows a preview, but nothing performs it")
        nonce = secrets.token_hex(6)
        ctx.notes.result = "asked"
        ctx.customer.state["sure"] = {
            "nonce": nonce,
            "command": command.name,
            "arguments": arguments.model_dump(mode="json"),
            "seen": preview.seen,
            "typed": preview.typed,
            "two": preview.two_person,
            "summary": "\n".join(plain(message) for message in preview.messages),
            "until": (ctx.now + CONFIRM_WITHIN).timestamp(),
        }
        # Translators: a button
        cancel = Button(ctx._("Cancel"), CancelCommand(nonce=nonce))
        if preview.typed:
            ctx.ask(TYPED, minutes=int(CONFIRM_WITHIN.total_seconds() // 60))
            text = ctx._("This can't be undone. Type %(word)s within 2 minutes to do it.", word=preview.typed)
            return Reply((*preview.messages, Text(text)), (cancel,))
        ctx.question(preview.label, cancel.label, minutes=int(CONFIRM_WITHIN.total_seconds() // 60), strict=True)
        return Reply(preview.messages, (Button(preview.label, Confirm(nonce=nonce)), cancel))

    async def confirm(self, ctx: Context, nonce: str) -> Answer:
        """The tap on the button that does it."""
        if ctx.actor is None:
            return await ctx.run("fallback")  # They are no staff any more.
        did = ctx.customer.state.get("did")
        if did and did["nonce"] == nonce:
            return Reply(tuple(Text(text) for text in did["said"]))
        pending = self._pending(ctx)
        if pending is None or pending["nonce"] != nonce or pending["typed"]:
            return self._gone(ctx)
        return await self._perform(ctx, ctx.actor, pending)

    async def typed(self, ctx: Context, text: str) -> Answer | None:
        """What was typed instead of a tap."""
        pending = self._pending(ctx)
        if ctx.actor is None or pending is None or not pending["typed"]:
            return None
        if fold(text) != fold(pending["typed"]):
            del ctx.customer.state["sure"]
            await self._note(ctx, ctx.actor, pending, "cancelled")
            return Reply((Text(ctx._("That is not what was asked for. Nothing was changed.")),))
        return await self._perform(ctx, ctx.actor, pending)

    def awaits(self, ctx: Context, text: str) -> bool:
        """Whether `text` is exactly what has to be typed now."""
        asked, pending = ctx.asked(), self._pending(ctx)
        if asked is None or asked["question"] != TYPED or pending is None:
            return False
        return bool(pending["typed"]) and fold(text) == fold(pending["typed"])

    async def cancel(self, ctx: Context, nonce: str) -> Answer:
        """The tap on [Cancel]."""
        if ctx.actor is None:
            return await ctx.run("fallback")
        pending = self._pending(ctx)
        if pending is None or pending["nonce"] != nonce:
            return self._gone(ctx)
        return await self._cancelled(ctx, ctx.actor, pending)

    async def drop(self, ctx: Context) -> Answer | None:
        """A word that means something else, such as “cancel”, instead of a tap; None when nothing was asked."""
        pending = self._pending(ctx)
        return await self._cancelled(ctx, ctx.actor, pending) if ctx.actor and pending else None

    async def _cancelled(self, ctx: Context, actor: Actor, pending: dict[str, Any]) -> Reply:
        del ctx.customer.state["sure"]
        await self._note(ctx, actor, pending, "cancelled")
        return Reply((Text(ctx._("OK, cancelled. Nothing was changed.")),))

    def _pending(self, ctx: Context) -> dict[str, Any] | None:
        pending: dict[str, Any] | None = ctx.customer.state.get("sure")
        return pending if pending and pending["until"] >= ctx.happened_at.timestamp() else None

    def _gone(self, ctx: Context) -> Reply:
        text = ctx._("That confirmation is no longer valid. Nothing was changed; please type the command again.")
        return Reply((Text(text),), commands_button(ctx._))

    async def _perform(self, ctx: Context, actor: Actor, pending: dict[str, Any]) -> Answer:
        actor = await self._known(ctx, actor)
        command = self.routes.commands[pending["command"]]
        ctx.customer.state.pop("sure", None)
        if not actor.may(command.role):
            return await self._refuse(ctx, actor, command)
        arguments = command.arguments.model_validate(pending["arguments"])
        confirmed = Confirmed(pending["nonce"], pending["seen"])
        staffed = StaffContext.of(ctx, actor=actor, commands=self.routes, notes=Notes(), confirmed=confirmed)
        perform = command.perform
        assert perform is not None, "only what is performed is asked about"

        async def handle() -> Answer:
            if pending["two"]:
                return await self._ask_another(staffed, command, pending)
            return await perform(staffed, arguments)

        answer = await self._audited(staffed, command, arguments, handle)
        if isinstance(answer, Reply):
            ctx.customer.state["did"] = {
                "nonce": pending["nonce"],
                "said": [plain(each) for each in answer.messages],
                "until": pending["until"],  # The button is too old then.
            }
            answer = replace(answer, valuable=True)
        return answer

    async def _ask_another(self, ctx: StaffContext, command: StaffCommand, pending: dict[str, Any]) -> Answer:
        """One person agreed; another one has to before it is done."""
        connection = await ctx.work.begin()
        ref = await approvals.add(
            connection,
            key=pending["nonce"],
            command=command.name,
            arguments=pending["arguments"],
            seen=pending["seen"],
            summary=pending["summary"],
            staff_id=ctx.actor.id,
            requester=ctx.actor.name,
            now=ctx.now,
            expires_at=ctx.now + APPROVE_WITHIN,
        )
        ctx.notes.ref, ctx.notes.result = ref, "waits for a second person"
        told = await ctx.services.alerts.tell(
            connection,
            f"approval:{ref}",
            N_("%(name)s asks for a second person: %(line)s — to look at it: /approve %(ref)s"),
            ctx.now,
            runs=((N_("Look at it"), f"/approve {ref}"),),
            besides=ctx.actor.id,
            name=ctx.actor.name,
            line=commands.audited_line(command.name, command.arguments.model_validate(pending["arguments"])),
            ref=ref,
        )
        text = ctx._("Nothing is done yet: a second manager or owner has to agree within an hour (%(ref)s).", ref=ref)
        if not told:
            text = ctx._("Nobody else may agree to this (%(ref)s). Another manager or owner is needed.", ref=ref)
        return Reply((Text(text),))

    async def _note(self, ctx: Context, actor: Actor, pending: dict[str, Any], result: str) -> None:
        command = self.routes.commands[pending["command"]]
        arguments = command.arguments.model_validate(pending["arguments"])
        line = commands.audited_line(command.name, arguments)
        await self._write(ctx, actor, command.name, line, Notes(result=result))

    # ── wiring ───────────────────────────────────────────────────────────────────────────────────

    @property
    def router(self) -> Router:
        """What the desk answers beside lines: its buttons and typed confirmations."""
        router = Router()

        @router.command("staff")
        async def menu(ctx: Context) -> Answer:
            """The staff menu for staff, the customers' for everybody else."""
            return await self.answer(ctx, ctx.actor, "/") if ctx.actor else await ctx.run("menu")

        @router.action(Run, fresh="staff")
        async def run(ctx: Context, action: Run) -> Answer:
            return await self.answer(ctx, ctx.actor, action.line) if ctx.actor else await ctx.run("menu")

        @router.action(Confirm, fresh="staff")
        async def confirm(ctx: Context, action: Confirm) -> Answer:
            return await self.confirm(ctx, action.nonce)

        @router.action(CancelCommand, fresh="staff")
        async def cancel(ctx: Context, action: CancelCommand) -> Answer:
            return await self.cancel(ctx, action.nonce)

        @router.answer(TYPED)
        async def typed(ctx: Context, text: str) -> Answer | None:
            return await self.typed(ctx, text)

        return router


def _led(tokens: list[Token]) -> list[Token]:
    """Without decoration before the noun, and between it and what follows."""
    for at in range(min(2, len(tokens))):
        while at < len(tokens) and tokens[at].bare and not tokens[at].key and commands.is_decoration(tokens[at].value):
            tokens = [*tokens[:at], *tokens[at + 1 :]]
    return tokens


_GLUED = re.compile(r"(\D*[^\W\d_])[-#]?(\d.*)")


def _apart(tokens: list[Token], routes: StaffRoutes) -> list[Token]:
    """With a blank between a noun or verb and the number that it was written with: `/group5`."""
    glued = _GLUED.fullmatch(tokens[0].value) if tokens and not tokens[0].key and not tokens[0].flag else None
    if glued is None or glued[1].lower() not in {*routes.nouns, *VERBS}:
        return tokens
    return [Token(glued[1]), Token(glued[2]), *tokens[1:]]


def _is_loose(understood: Understood) -> bool:
    """Whether it is about a reference that is none: nobody rearranges a line for that."""
    said = understood.arguments.model_dump()
    loose = (spec for spec in understood.arguments.specs if spec.reads is not None and spec.reads.loose)
    return any(isinstance(said[spec.field], str) and not spec.fits(said[spec.field]) for spec in loose)


def _refs_of(understood: Understood) -> set[str]:
    """The references that it is about."""
    said = understood.arguments.model_dump()
    return {
        said[spec.field]
        for spec in understood.arguments.specs
        if spec.reads is not None and isinstance(said[spec.field], str)
    }


def _names_somebody(understood: Understood) -> bool:
    return any(
        spec.reads is not None and spec.field in understood.arguments.model_fields_set
        for spec in understood.arguments.specs
    )


def _is_open(understood: Understood) -> bool:
    """Whether it holds a word of which nothing tells that it was meant for its place."""
    given = understood.arguments.model_fields_set
    return any(spec.text and spec.field in given for spec in understood.arguments.specs)


def _verb_of(command: StaffCommand) -> str:
    return command.name.partition(" ")[2]


def _once(registry: dict[Any, Any], key: str, value: object) -> None:
    if key in registry:
        raise ConfigurationError(f"Two staff commands for {key!r}")
    registry[key] = value

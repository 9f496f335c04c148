"""Each module in `handlers/admin/` registers its commands on a `StaffRouter`; the routes find which one a line names.

A command that changes something has two halves: the first shows a `Preview`, the second does it once somebody has
confirmed exactly that.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Any, Self

from bot.conversation.actions import Action
from bot.conversation.context import Answer, Brand, Context
from bot.conversation.messages import Message
from bot.errors import ConfigurationError
from bot.i18n import N_, Translator
from bot.services.staffing import ROLES, Actor, Role, covers
from bot.services.stores import Place
from bot.services.trail import Notes
from bot.staff import lines, reading
from bot.staff.arguments import Arguments, Nothing
from bot.staff.lines import Token
from bot.staff.reading import Missing, Problem, TooMany, Understood, Unknown, Wrong
from bot.staff.tiles import StaffTile
from bot.storage import claims, customers, issues, redemptions
from bot.storage.customers import Customer
from bot.understanding import references
from bot.understanding.reading import listed

MOST_TRIED = 8  # words of a line that are looked at as its noun or its verb
CONFIRM_WITHIN = timedelta(minutes=2)

# What else people type for a verb; a noun has only some of them.
VERBS = {
    # Translators: what else staff may type for the verb of a command, separated by commas
    "show": N_("show, view, info"),
    "list": N_("list, all"),
    "create": N_("create, add, make"),
    "add": N_("add, create, new"),
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
    "store": N_("store, shop"),
    "here": N_("here, at"),
    "check": N_("check, test"),
    "status": N_("status, state"),
}
# What is most likely wanted of something that is named alone.
_LOOKS_AT = {"C": "who", "R": "ref", "A": "approve", "J": "job show"}


class Confirm(Action, name="sure", ttl=CONFIRM_WITHIN, typed=False):
    """Do what was previewed. nonce: names the preview, which only its own person's row holds.

    Its label, typed, does nothing: a customer can have a member scan a line, and then another one that agrees to it.
    """

    nonce: str


class CancelCommand(Action, name="unsure", ttl=CONFIRM_WITHIN):
    """Do not do what was previewed."""

    nonce: str


class AtStore(Action, name="at", typed=False):
    """A member of several stores says at which one they are today. line: the command that waited for it, "" for none.
    It is a button and no command: a line that somebody else's QR code types must not move a member to another shop."""

    store: int
    line: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a command would change, said before it is done.

    messages: one or two. label: of the button that does it, already translated: what it does, not [Confirm]. whom:
    whose name or number stands beside it there. cancel: label of the other one, where [Cancel] says too little. typed:
    what must be typed before the tap, for what cannot be undone. seen: plain JSON facts that the second half gets back
    as `ctx.confirmed.seen`, to notice that something has changed since. two_person: another manager or owner has to
    agree as well.
    """

    messages: tuple[Message, ...]
    label: str
    whom: str = ""
    cancel: str = ""
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

    async def place(self) -> Place:
        """At which store they are."""
        return await self.services.stores.place_of(self.work.reads, self.actor.id, self.now)

    async def customer_of(self, ref: str) -> Customer | None:
        """Whom a `CustomerRef` means; None when there is nobody (any more). They become `last`, and are audited."""
        if ref == "last":
            ref = self.customer.state.last or ""
        reads = self.work.reads
        if ref.startswith("R-"):
            receipt = (
                await issues.by_ref(reads, ref) or await claims.find(reads, ref) or await redemptions.by_ref(reads, ref)
            )
            owner = receipt.customer_id if receipt else None
            found = await customers.by_id(reads, owner) if owner is not None else None
        else:
            found = await customers.by_ref(reads, ref)
        if found is not None:
            self.customer.state.last = self.notes.customer = found.ref
        return found


StaffHandler = Callable[[StaffContext, Any], Awaitable[Answer | Preview]]
Performer = Callable[[StaffContext, Any], Awaitable[Answer]]
EntryHandler = Callable[[Context, Any], Awaitable[tuple[Actor, Answer] | None]]


@dataclass(frozen=True, slots=True)
class StaffCommand:
    """One command. name: `code show`. about: a msgid. topic: of its router, a msgid. audited: whether using it is
    written to the trail; only help and the like are not. one_tap: a button of ours that says what it does needs no
    preview, since it is undone as easily; a typed line has one all the same. acts: it changes something without any.
    counter: the role `counter`, which has no rank, may use it as well."""

    name: str
    arguments: type[Arguments]
    role: Role
    about: str
    topic: str
    handler: StaffHandler
    perform: Performer | None = None
    audited: bool = True
    one_tap: bool = False
    acts: bool = False
    counter: bool = False

    def open_to(self, role: Role) -> bool:
        """Whether somebody of this role may use it."""
        return self.counter if role == "counter" else covers(role, self.role)

    @property
    def roles(self) -> tuple[Role, ...]:
        """The lowest role that may use it, and the one without a rank where that may, too."""
        return (self.role, "counter") if self.counter else (self.role,)

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
    tiles: tuple[StaffTile, ...] = ()

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
        one_tap: bool = False,
        acts: bool = False,
        counter: bool = False,
    ) -> Callable[[StaffHandler], StaffHandler]:
        """Answer `/name`. The handler returns an Answer, or a Preview of what `performs(name)` will do.

        Whatever changes something, or shows what is worth something to a stranger, has a preview: the line may be a
        customer's, scanned. acts: it has none, which is only for what nobody gains by. one_tap: see `StaffCommand`.
        role: the lowest that may; counter: the role `counter` may, too, and what else it must not see is the handler's
        to keep.
        """

        def register(handler: StaffHandler) -> StaffHandler:
            command = StaffCommand(
                name,
                arguments,
                role,
                about,
                self.topic,
                handler,
                audited=audited,
                one_tap=one_tap,
                acts=acts,
                counter=counter,
            )
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
        self.topics: list[str] = []  # in the order of the list of commands; several modules may share one
        self.tiles: list[StaffTile] = []
        performers: dict[str, Performer] = {}
        words: dict[str, str] = {}
        for router in routers:
            if router.topic not in self.topics:
                self.topics.append(router.topic)
            self.tiles += router.tiles
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
        for tile in self.tiles:
            if tile.command not in self.commands:
                raise ConfigurationError(f"The tile {tile.name!r} needs /{tile.command}, which is no command")
        self.verb_words: dict[str, dict[str, str]] = {}  # noun → what may be typed → its verb
        for name in self.commands:
            noun, _space, verb = name.partition(" ")
            others = [translate(VERBS[verb]) for translate in languages] if verb in VERBS else []
            typed = {word for each in others for word in listed(each)}
            for word in typed - set(self.verbs(noun)):
                _once(self.verb_words.setdefault(noun, {}), word, verb)

    def allowed(self, actor: Actor) -> list[StaffCommand]:
        """What somebody may use, in the order of registering."""
        return [command for command in self.commands.values() if command.open_to(actor.role)]

    def opens(self, actor: Actor, line: str) -> bool:
        """Whether somebody may run a line; one that names no command is answered to everybody."""
        found = self.find(lines.split(lines.cleaned(line)))
        if not isinstance(found, Unknown):
            return found[0].open_to(actor.role)
        of_noun = [command for command in self.commands.values() if command.name.split()[0] == found.noun]
        return not of_noun or any(command.open_to(actor.role) for command in of_noun)

    def tiles_of(self, role: Role, brand: Brand) -> list[StaffTile]:
        """The tasks of a role's menu, without what the brand has not."""
        return [
            tile
            for tile in self.tiles
            if self.commands[tile.command].open_to(role)
            and tile.only in ("", role)
            and (not tile.topic or brand.offers(tile.topic))
        ]

    def menus(self, brand: Brand) -> dict[Role, list[StaffTile]]:
        """The different menus there are, each by the lowest role that has it."""
        found: dict[Role, list[StaffTile]] = {}
        for role in ROLES:
            tiles = self.tiles_of(role, brand)
            if tiles not in found.values():
                found[role] = tiles
        return found

    def find(self, tokens: list[Token]) -> tuple[StaffCommand, list[Token]] | Unknown:
        """The command that a line names, and the rest of the line; or what was perhaps meant."""
        tokens = lines.led(tokens)
        typed = [word for token in tokens[:2] if (word := lines.word(token))] if tokens else []
        noun = self.nouns.get(typed[0]) if typed else None
        if noun is None:
            likely = reading.alike(typed[0], self.nouns) if typed else None
            shown = f"/{tokens[0].value}" if tokens else "/"
            if likely is None:
                return Unknown(shown)
            mended = [Token(self.nouns[likely]), *tokens[1:]]
            # The correction is offered only when it is one: its verb may be wrong as well.
            found = self.find(mended)
            if isinstance(found, Unknown):
                return Unknown(shown, found.better or f"/help {self.nouns[likely]}")
            return Unknown(shown, lines.written(self.nouns[likely], tokens[1:]))
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
        plain = _apart(lines.led(tokens), self)
        if not plain:
            return None
        refs = {ref for token in plain if (ref := references.read(token.value))}
        problems: list[Problem] = []
        for ways in (self._with_noun(plain), self._with_verb_alone(plain), self._with_reference_alone(plain)):
            readings: dict[str, tuple[StaffCommand, Understood]] = {}
            for command, rest in ways:
                read = reading.forgive(command.name, command.arguments, rest)
                if not isinstance(read, list):
                    problems.append(read)
                    continue
                for each in read:
                    if not is_loose(each):
                        readings.setdefault(each.line, (command, replace(each, exact=False)))
            if found := list(readings.values()):
                return [(command, each) for command, each in found if refs & _refs_of(each)] or found
        asked: list[Problem] = [
            each for each in problems if isinstance(each, Wrong) and each.options and not each.spec.choices
        ]
        if not asked and len(plain) == 1 and self.nouns.get(lines.word(plain[0])) is None:
            asked = [each for each in problems if isinstance(each, Missing)]  # `/stop`: of what?
        return asked[0] if len(asked) == 1 else None

    def _with_noun(self, tokens: list[Token]) -> Iterator[tuple[StaffCommand, list[Token]]]:
        """Commands whose noun stands somewhere in a line, with what is then left of it."""
        words = [(at, word) for at, token in enumerate(tokens) if (word := lines.word(token))][:MOST_TRIED]
        for at, word in words:
            if (noun := self.nouns.get(word)) is None:
                continue
            base, rest = self._base(noun), [*tokens[:at], *tokens[at + 1 :]]
            verbs = [(other, self._verb(base, lines.word(token))) for other, token in enumerate(rest[:MOST_TRIED])]
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
        first = lines.word(tokens[0])
        if first in self.nouns:
            return
        likely = reading.alike(first, self.nouns)
        if likely and len(tokens) > 1 and self._verb(self._base(self.nouns[likely]), lines.word(tokens[1])):
            return  # `/lnk new`: the noun is there, only mistyped, and `find` mends it.
        for at, token in enumerate(tokens[:MOST_TRIED]):
            typed, rest = lines.word(token), [*tokens[:at], *tokens[at + 1 :]]
            named = [f"{base} {typed}" for base in bases if typed in self.verbs(base)]
            named = named or [f"{base} {verb}" for base in bases if typed and (verb := self._verb(base, typed))]
            for name in named:
                yield self.commands[name], rest

    def _with_reference_alone(self, tokens: list[Token]) -> Iterator[tuple[StaffCommand, list[Token]]]:
        """What is most likely wanted of something whose reference is all of a line."""
        if any(token.key or token.flag for token in tokens[1:]):
            return
        whole = " ".join(token.value for token in tokens)
        whole_word = len(tokens) == 1 or len(lines.word(tokens[0]).strip("-")) == 1  # `R - 7F3K9M`
        for kind, name in _LOOKS_AT.items():
            if whole_word and (ref := references.read(whole, kind)):
                yield self.commands[name], [Token(ref)]

    def _unknown_verb(self, noun: str, typed: list[str], tokens: list[Token]) -> Unknown:
        verbs = self.verbs(noun)
        if len(typed) == 1:
            return Unknown(f"/{noun}", f"/help {noun}", noun)
        shown = f"/{noun} {tokens[1].value}"
        if likely := reading.alike(typed[1], verbs):
            return Unknown(shown, lines.written(f"{noun} {likely}", tokens[2:]))
        if "show" in verbs:  # `/group 5`: whoever only names something wants to see it.
            return Unknown(shown, lines.written(f"{noun} show", tokens[1:]))
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
        likely = reading.alike(rest[0].value, self.verbs(command.name))
        if likely is None:
            return None
        better = lines.written(f"{command.name} {likely}", rest[1:])
        return Unknown(f"/{command.name} {rest[0].value}", better)


_GLUED = re.compile(r"(\D*[^\W\d_])[-#]?(\d.*)")


def _apart(tokens: list[Token], routes: StaffRoutes) -> list[Token]:
    """With a blank between a noun or verb and the number that it was written with: `/group5`."""
    glued = _GLUED.fullmatch(tokens[0].value) if tokens and not tokens[0].key and not tokens[0].flag else None
    if glued is None or glued[1].lower() not in {*routes.nouns, *VERBS}:
        return tokens
    return [Token(glued[1]), Token(glued[2]), *tokens[1:]]


def is_loose(understood: Understood) -> bool:
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


def _once(registry: dict[Any, Any], key: str, value: object) -> None:
    if key in registry:
        raise ConfigurationError(f"Two staff commands for {key!r}")
    registry[key] = value

"""Staff commands: who answers which, who may, what is asked before it is done, and what the trail says of it.

Each module in `handlers/admin/` registers its commands on a `StaffRouter`. A command that changes something has two
halves: the first shows a `Preview`, the second does it once somebody has confirmed exactly that.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Any, Self

from bot import metrics
from bot.conversation import commands
from bot.conversation.actions import Action
from bot.conversation.commands import Arguments, Nothing, Problem, Token, TooLong, TooMany, Unknown, Wrong
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Message, Reply, Text, plain
from bot.conversation.router import Router
from bot.conversation.teaching import Run, commands_button, explain, run_button, vendor_trouble
from bot.conversation.words import fold
from bot.errors import ConfigurationError, UpstreamError, UserError
from bot.i18n import N_, Translator
from bot.services.staffing import Actor, Role, role_word
from bot.services.trail import Notes
from bot.storage import approvals, claims, customers, issues, staff
from bot.storage.customers import Customer

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
    written to the trail; only help and the like are not."""

    name: str
    arguments: type[Arguments]
    role: Role
    about: str
    topic: str
    handler: StaffHandler
    perform: Performer | None = None
    audited: bool = True


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
    ) -> Callable[[StaffHandler], StaffHandler]:
        """Answer `/name`. The handler returns an Answer, or a Preview of what `performs(name)` will do."""

        def register(handler: StaffHandler) -> StaffHandler:
            command = StaffCommand(name, arguments, role, about, self.topic, handler, audited=audited)
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
                for word in translate(synonyms).replace("，", ",").replace("、", ",").split(","):
                    said = fold(word).lstrip("/")
                    if self.aliases.get(said, "").split(" ")[0] == noun:
                        continue  # `/codes` is a command of its own, and means the same noun.
                    if self.nouns.setdefault(said, noun) != noun:
                        raise ConfigurationError(f"/{said} would mean both /{noun} and /{self.nouns[said]}")

    def allowed(self, actor: Actor) -> list[StaffCommand]:
        """What somebody may use, in the order of registering."""
        return [command for command in self.commands.values() if actor.may(command.role)]

    def find(self, tokens: list[Token]) -> tuple[StaffCommand, list[Token]] | Unknown:
        """The command that a line names, and the rest of the line; or what was perhaps meant."""
        typed = [token.value.lower() for token in tokens[:2] if token.bare and not token.key and not token.flag]
        noun = self.nouns.get(typed[0]) if typed else None
        if noun is None:
            likely = commands.alike(typed[0], self.nouns) if typed else None
            shown = f"/{tokens[0].value}"
            if likely is None:
                return Unknown(shown)
            mended = [Token(self.nouns[likely]), *tokens[1:]]
            # The correction is offered only when it is one: its verb may be wrong as well.
            found = self.find(mended)
            if isinstance(found, Unknown):
                return Unknown(shown, found.better or f"/help {self.nouns[likely]}")
            return Unknown(shown, commands.written(self.nouns[likely], tokens[1:]))
        base = self.aliases.get(noun, noun).split()[0]  # `/codes show` means `/code show`.
        for name, length in ((f"{base} {typed[1]}" if len(typed) > 1 else "", 2), (noun, 1)):
            command = self.commands.get(self.aliases.get(name, name))
            if command is not None:
                return command, tokens[length:]
        return self._unknown_verb(base, typed, tokens)

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
        tokens = commands.split(line)
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
        if isinstance(found, Unknown):
            return await self._noun(ctx, actor, found.noun) if found.noun else explain(ctx._, found)
        command, rest = found
        if not actor.may(command.role):
            return await self._refuse(ctx, actor, command)
        arguments = commands.read(command.name, command.arguments, rest)
        if not isinstance(arguments, Arguments):
            return explain(ctx._, self.routes.mistyped_verb(command, rest, arguments) or arguments)
        return await self._run(ctx, actor, command, arguments)

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


def _once(registry: dict[Any, Any], key: str, value: object) -> None:
    if key in registry:
        raise ConfigurationError(f"Two staff commands for {key!r}")
    registry[key] = value

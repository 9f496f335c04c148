"""The desk answers what staff type: it checks who may, asks before it changes something, and writes the trail."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from bot.conversation.context import Answer, Brand, Context
from bot.conversation.messages import Button, Card, Message, Reply, Text, only, plain
from bot.conversation.router import Router
from bot.errors import ConfigurationError, UpstreamError, UserError
from bot.i18n import N_
from bot.services.staffing import Actor, role_word
from bot.services.trail import Notes
from bot.staff import lines, reading
from bot.staff.arguments import Arguments, Nothing
from bot.staff.lines import Token
from bot.staff.reading import Meant, Problem, TooLong, Understood, Unknown
from bot.staff.routes import (
    CONFIRM_WITHIN,
    AtStore,
    CancelCommand,
    Confirm,
    Confirmed,
    Preview,
    StaffCommand,
    StaffContext,
    StaffRoutes,
    is_loose,
)
from bot.staff.scrubbing import audited_line
from bot.staff.teaching import LONGEST_LABEL, Run, RunTyped, commands_button, explain, run_button, vendor_trouble
from bot.staff.tiles import StaffTile
from bot.storage import approvals, staff
from bot.storage.state import Pending
from bot.telemetry import metrics
from bot.understanding.reading import fold

MOST_OFFERED = 4  # lines that may be meant
LONGEST_UNSLASHED = 60  # characters of a command without its slash; a longer message is a sentence
APPROVE_WITHIN = timedelta(hours=1)
TYPED = "staff"  # the question that a typed confirmation answers
_TELL_AGAIN = ("", "not found", "refused")  # results of a line that did not read, or named nobody
TOLD_WITHIN = 5  # minutes for the answer to a tile's question


@dataclass(frozen=True, slots=True)
class StaffDesk:
    """Answers command lines. `router` holds its buttons, for the other routers' company."""

    routes: StaffRoutes

    # ── lines ────────────────────────────────────────────────────────────────────────────────────

    def is_line(self, text: str) -> bool:
        """Whether a message is a command line."""
        return lines.is_command(text)

    def line_in(self, text: str) -> str:
        """A command line without decoration before its slash; empty when a message is no command line."""
        return lines.unadorned_command(text)

    def line_in_ref(self, ref: str) -> str:
        """The command line that a QR code for staff stands for; empty when a link says something else."""
        return lines.in_ref(ref)

    async def answer(self, ctx: Context, actor: Actor, text: str, *, tapped: bool = False) -> Answer:
        """The answer to a line of staff. tapped: it stood behind a button of ours, so that whoever sent it knows what
        it does; what is typed may be a customer's line, scanned."""
        actor = await self._known(ctx, actor)
        ctx.customer.state.sure = None
        line = lines.cleaned(text)
        if len(line) > lines.LONGEST:
            return explain(ctx._, TooLong())
        tokens = lines.led(lines.split(line))
        if not tokens:
            return await self._run(ctx, actor, self.routes.commands["menu"], Nothing())
        helped = [token for token in tokens if not lines.asks_for_help(token)]
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
        if not isinstance(found, Unknown) and not found[0].open_to(actor.role):
            return await self._refuse(ctx, actor, found[0])
        problem: Problem = found if isinstance(found, Unknown) else TooLong()
        if not isinstance(found, Unknown):
            command, rest = found
            read = reading.forgive(command.name, command.arguments, rest)
            if isinstance(read, list):
                return await self._take(ctx, actor, [(command, each) for each in read], tapped=tapped)
            problem = self.routes.mistyped_verb(command, rest, read) or read
        meant = self.routes.meant(tokens)
        if isinstance(meant, list):
            return await self._take(ctx, actor, meant, tapped=tapped)
        return self._fitting(actor, explain(ctx._, meant or problem))

    async def _take(
        self, ctx: Context, actor: Actor, meant: list[tuple[StaffCommand, Understood]], *, tapped: bool
    ) -> Answer:
        """Run what a line means, saying how it was read; where that is a guess about something that acts, ask."""
        may = [(command, each) for command, each in meant if command.open_to(actor.role)]
        if not may:
            return await self._refuse(ctx, actor, meant[0][0])
        command, understood = may[0]
        if len(may) > 1 or not understood.sure or (command.acts and not understood.exact):
            return explain(ctx._, Meant(tuple(each.line for _command, each in may[:MOST_OFFERED])))
        answer = await self._run(ctx, actor, command, understood.arguments, tapped=tapped)
        if understood.exact or not isinstance(answer, Reply):
            return answer
        return answer.after(Text(ctx._("Read as %(line)s", line=understood.line)))

    async def unslashed(self, ctx: Context, actor: Actor, text: str) -> Answer | None:
        """The answer to a command that staff typed without its slash, when the whole message is one: run when it only
        reads, else offered as a button. None when it is none, or none of theirs, and means whatever it does to
        customers."""
        line = lines.cleaned(text)
        tokens = lines.split(line) if len(line) <= LONGEST_UNSLASHED else []
        noun = self.routes.nouns.get(lines.word(tokens[0])) if tokens else None
        if noun is None or noun in {"help", *self.routes.entries}:
            return None
        found = self.routes.find(tokens)
        read = None
        if not isinstance(found, Unknown):
            command, rest = found
            read = reading.forgive(command.name, command.arguments, rest)
        meant = [(command, each) for each in read] if isinstance(read, list) else self.routes.meant(tokens)
        spoken = set(filter(None, map(lines.word, tokens[1:])))
        # A word that anything may follow begins many a sentence, `who knows`: there the verb has to be told.
        readings = [
            (command, each)
            for command, each in (meant if isinstance(meant, list) else ())
            if not is_loose(each) and (_verb_of(command) in spoken or _names_somebody(each) or not _is_open(each))
        ]
        if len(readings) != 1 or not readings[0][0].open_to(actor.role):
            return None
        command, understood = readings[0]
        actor = await self._known(ctx, actor)
        ctx.customer.state.sure = None
        if command.only_reads:
            return await self._run(ctx, actor, command, understood.arguments)
        return explain(ctx._, Meant((understood.line,)))

    async def outsider(self, ctx: Context, text: str) -> Answer | None:
        """The answer to a line by somebody who is no staff; None when it is like any nonsense."""
        metrics.OUTSIDERS.labels(ctx.customer.channel).inc()
        line = lines.cleaned(text)
        if len(line) > lines.LONGEST:
            return None
        tokens = lines.split(line)
        entry = self.routes.entries.get(tokens[0].value.lower()) if tokens else None
        arguments = reading.read(entry.name, entry.arguments, tokens[1:]) if entry else None
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
        await self._write(ctx, actor, entry.name, audited_line(entry.name, arguments), Notes())
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
        if not any(command.open_to(actor.role) for command in of_noun):
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

    # ── the menu's tiles ─────────────────────────────────────────────────────────────────────────

    async def open(self, tile: StaffTile, ctx: Context) -> Answer:
        """What a tap on a tile brings: its command's answer, or its question."""
        if ctx.actor is None:
            return await ctx.run("")  # To outsiders it is a button like none of ours.
        actor, command = await self._known(ctx, ctx.actor), self.routes.commands[tile.command]
        if not command.open_to(actor.role):
            return await self._refuse(ctx, actor, command)
        if not tile.question:
            return await self.answer(ctx, actor, tile.line)
        ctx.ask(tile.tap, minutes=TOLD_WITHIN)
        last = ctx.customer.state.last if tile.whom else None
        nearby = [
            *([(last, tile.line_with(last))] if last else []),
            *((ctx._(label), line) for label, line in tile.beside),
        ]
        beside = (button for label, line in nearby for button in run_button(label, line))
        return Reply((Text(ctx._(tile.question)),), (*beside, *run_button(ctx._("Cancel"), "/")))

    async def told(self, tile: StaffTile, ctx: Context, text: str) -> Answer | None:
        """The answer to a tile's question, run as the line that it makes. What is nearly right may be sent again,
        once; another command leaves the question."""
        if ctx.actor is None:
            return None  # They are no staff any more.
        asked = ctx.asked()
        if (other := await self.unslashed(ctx, ctx.actor, text)) is not None:
            return other
        answer = await self.answer(ctx, ctx.actor, tile.line_with(text))
        if ctx.result in _TELL_AGAIN and asked is not None and not asked.get("again"):
            ctx.ask(tile.tap, minutes=TOLD_WITHIN)
            assert ctx.customer.state.asking is not None, "it was just asked"
            ctx.customer.state.asking["again"] = True
        return answer

    def menu_of(self, actor: Actor | None, brand: Brand) -> str:
        """Whose menu below the chat somebody should have, by the lowest role that has the same; "" for customers."""
        if actor is None:
            return ""
        tiles = self.routes.tiles_of(actor.role, brand)
        return next(role for role, others in self.routes.menus(brand).items() if others == tiles)

    async def at_store(self, ctx: Context, actor: Actor, action: AtStore) -> Answer:
        """A member has said where they are today; what waited for it goes on."""
        actor = await self._known(ctx, actor)
        assert actor.id is not None, "who is known has a row"
        store = await ctx.services.stores.pick(await ctx.work.begin(), actor.id, action.store, ctx.now)
        await ctx.work.save()  # What goes on may ask a vendor. Picked again, it is the same.
        if store is None:
            text = ctx._("You do not work in that store any more.")
            return Reply((Text(text),), run_button(ctx._("My store"), "/store here"))
        said = Text(ctx._("You are at %(store)s today.", store=store.name))
        if not action.line:
            return Reply((said,), commands_button(ctx._))
        answer = await self.answer(ctx, actor, action.line)
        return answer.after(said) if isinstance(answer, Reply) else answer

    # ── running ──────────────────────────────────────────────────────────────────────────────────

    async def _run(
        self, ctx: Context, actor: Actor, command: StaffCommand, arguments: Arguments, *, tapped: bool = False
    ) -> Answer:
        staffed = StaffContext.of(ctx, actor=actor, commands=self.routes, notes=Notes())

        async def handle() -> Answer:
            said = await command.handler(staffed, arguments)
            if not isinstance(said, Preview):
                return said
            if tapped and command.one_tap and command.perform and not (said.typed or said.two_person):
                staffed.confirmed = Confirmed(staffed.key, said.seen)
                return await command.perform(staffed, arguments)
            return self._ask(staffed, command, arguments, said)

        answer = await self._audited(staffed, command, arguments, handle)
        ctx._ = staffed._  # /lang may have changed it, and more may be said below the answer.
        ctx.result = staffed.notes.result
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
            line = audited_line(command.name, arguments)
            await self._write(ctx, ctx.actor, command.name, line, ctx.notes)
        return self._fitting(ctx.actor, answer)

    def _fitting(self, actor: Actor, answer: Answer) -> Answer:
        """An answer without the buttons that run what its reader may not."""
        if not isinstance(answer, Reply):
            return answer
        return only(
            answer,
            lambda button: (
                not isinstance(button.action, Run | RunTyped) or self.routes.opens(actor, button.action.line)
            ),
        )

    async def _write(self, ctx: Context, actor: Actor, action: str, line: str, notes: Notes) -> None:
        connection = await ctx.work.begin()
        if actor.id is not None:
            await staff.used(connection, actor.id, ctx.customer.person, ctx.now)
        store = await ctx.services.stores.store_of(connection, actor.id, ctx.now)
        await ctx.services.trail.write(
            connection,
            actor,
            action=action,
            line=line,
            notes=notes,
            now=ctx.now,
            store=store.name if store else None,
        )

    # ── confirming ───────────────────────────────────────────────────────────────────────────────

    def _ask(self, ctx: StaffContext, command: StaffCommand, arguments: Arguments, preview: Preview) -> Reply:
        if command.perform is None:
            raise ConfigurationError(f"/{command.name} shows a preview, but nothing performs it")
        ctx.notes.result = "asked"
        named = f"{preview.label} · {preview.whom}" if preview.whom else preview.label
        values, sealed = self._sealed(ctx, arguments)
        pending: Pending = {
            "nonce": secrets.token_hex(6),
            "command": command.name,
            "arguments": values,
            "sealed": sealed,
            "label": named if len(named) <= LONGEST_LABEL else preview.label,
            "seen": preview.seen,
            "typed": preview.typed,
            "two": preview.two_person,
            "cancel": preview.cancel,
            "summary": "\n".join(plain(message) for message in preview.messages),
            "until": (ctx.now + CONFIRM_WITHIN).timestamp(),
        }
        ctx.customer.state.sure = pending
        if preview.typed:
            ctx.ask(TYPED, minutes=int(CONFIRM_WITHIN.total_seconds() // 60))
            text = ctx._(
                "This can't be undone. Type %(word)s within 2 minutes; then a button does it.", word=preview.typed
            )
            return Reply((*preview.messages, Text(text)), (self._cancel_button(ctx, pending),))
        return self._offer(ctx, pending, preview.messages)

    def _offer(self, ctx: Context, pending: Pending, messages: tuple[Message, ...]) -> Reply:
        """What is asked about, with the two buttons on its card: LINE on a computer shows none below it, and typing
        their labels does nothing."""
        label = pending["label"]
        does = Button(label, Confirm(nonce=pending["nonce"]))
        cancel = self._cancel_button(ctx, pending)
        ctx.question(does.label, cancel.label, minutes=int(CONFIRM_WITHIN.total_seconds() // 60), strict=True)
        last = messages[-1]
        card = last if isinstance(last, Card) else Card(title=label, text=plain(last))
        return Reply((*messages[:-1], replace(card, buttons=(does, cancel))), (does, cancel))

    def _cancel_button(self, ctx: Context, pending: Pending) -> Button:
        # Translators: a button
        return Button(pending.get("cancel") or ctx._("Cancel"), CancelCommand(nonce=pending["nonce"]))

    def _sealed(self, ctx: Context, arguments: Arguments) -> tuple[dict[str, Any], list[str]]:
        """Arguments as they wait for the tap, and the names of those that nobody may read meanwhile."""
        values, seal = arguments.model_dump(mode="json"), ctx.services.linking.sealer.seal
        secret = [spec.field for spec in arguments.specs if spec.marker.audited == "never" and values[spec.field]]
        return values | {name: seal(values[name]).decode() for name in secret}, secret

    def _arguments(self, ctx: Context, pending: Pending) -> Arguments | None:
        """What was asked about; None when it was sealed with another key."""
        values = dict(pending["arguments"])
        for name in pending.get("sealed", ()):
            values[name] = ctx.services.linking.sealer.open(values[name].encode())
            if values[name] is None:
                return None
        return self.routes.commands[pending["command"]].arguments.model_validate(values)

    async def confirm(self, ctx: Context, nonce: str) -> Answer:
        """The tap on the button that does it."""
        if ctx.actor is None:
            return await ctx.run("fallback")  # They are no staff any more.
        did = ctx.customer.state.did
        if did and did["nonce"] == nonce:
            return Reply(tuple(Text(text) for text in did["said"]))
        pending = self._pending(ctx)
        if pending is None or pending["nonce"] != nonce or pending["typed"]:
            return self._gone(ctx)
        return await self._perform(ctx, ctx.actor, pending)

    async def typed(self, ctx: Context, text: str) -> Answer | None:
        """What was typed before the tap: the button that does it. A line to be scanned can hold this as well."""
        pending = self._pending(ctx)
        if ctx.actor is None or pending is None or not pending["typed"] or "label" not in pending:
            return None
        if fold(text) != fold(pending["typed"]):
            ctx.customer.state.sure = None
            await self._note(ctx, ctx.actor, pending, "cancelled")
            return Reply((Text(ctx._("That is not what was asked for. Nothing was changed.")),))
        pending["typed"] = ""
        ctx.result = "asked"
        return self._offer(ctx, pending, (Text(ctx._("That is right. This can't be undone.")),))

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

    async def _cancelled(self, ctx: Context, actor: Actor, pending: Pending) -> Reply:
        ctx.customer.state.sure = None
        await self._note(ctx, actor, pending, "cancelled")
        return Reply((Text(ctx._("OK, cancelled. Nothing was changed.")),))

    def _pending(self, ctx: Context) -> Pending | None:
        pending = ctx.customer.state.sure
        return pending if pending and pending["until"] >= ctx.happened_at.timestamp() else None

    def _gone(self, ctx: Context) -> Reply:
        text = ctx._("That confirmation is no longer valid. Nothing was changed; please type the command again.")
        return Reply((Text(text),), commands_button(ctx._))

    async def _perform(self, ctx: Context, actor: Actor, pending: Pending) -> Answer:
        actor = await self._known(ctx, actor)
        command = self.routes.commands[pending["command"]]
        ctx.customer.state.sure = None
        if not command.open_to(actor.role):
            return await self._refuse(ctx, actor, command)
        arguments = self._arguments(ctx, pending)
        if arguments is None:
            return self._gone(ctx)
        confirmed = Confirmed(pending["nonce"], pending["seen"])
        staffed = StaffContext.of(ctx, actor=actor, commands=self.routes, notes=Notes(), confirmed=confirmed)
        perform = command.perform
        assert perform is not None, "only what is performed is asked about"

        async def handle() -> Answer:
            if pending["two"]:
                return await self._ask_another(staffed, command, pending)
            return await perform(staffed, arguments)

        answer = await self._audited(staffed, command, arguments, handle)
        ctx.result = staffed.notes.result
        if isinstance(answer, Reply):
            ctx.customer.state.did = {
                "nonce": pending["nonce"],
                "said": [plain(each) for each in answer.messages],
                "until": pending["until"],  # The button is too old then.
            }
            answer = replace(answer, valuable=True)
        return answer

    async def _ask_another(self, ctx: StaffContext, command: StaffCommand, pending: Pending) -> Answer:
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
            except_member=ctx.actor.id,
            name=ctx.actor.name,
            line=audited_line(command.name, command.arguments.model_validate(pending["arguments"])),
            ref=ref,
        )
        text = ctx._("Nothing is done yet: a second manager or owner has to agree within an hour (%(ref)s).", ref=ref)
        if not told:
            text = ctx._("Nobody else may agree to this (%(ref)s). Another manager or owner is needed.", ref=ref)
        return Reply((Text(text),))

    async def _note(self, ctx: Context, actor: Actor, pending: Pending, result: str) -> None:
        command = self.routes.commands[pending["command"]]
        arguments = self._arguments(ctx, pending)  # Sealed ones are longer than what was typed, and no code.
        line = audited_line(command.name, arguments) if arguments else f"/{command.name}"
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
            tapped = ctx.tapped  # Its label, typed, may be part of what a customer made.
            return await self.answer(ctx, ctx.actor, action.line, tapped=tapped) if ctx.actor else await ctx.run("menu")

        @router.action(RunTyped, fresh="staff")
        async def run_typed(ctx: Context, action: RunTyped) -> Answer:
            return await self.answer(ctx, ctx.actor, action.line) if ctx.actor else await ctx.run("menu")

        @router.action(AtStore, fresh="staff")
        async def at_store(ctx: Context, action: AtStore) -> Answer:
            return await self.at_store(ctx, ctx.actor, action) if ctx.actor else await ctx.run("menu")

        @router.action(Confirm, fresh="staff")
        async def confirm(ctx: Context, action: Confirm) -> Answer:
            return await self.confirm(ctx, action.nonce)

        @router.action(CancelCommand, fresh="staff")
        async def cancel(ctx: Context, action: CancelCommand) -> Answer:
            return await self.cancel(ctx, action.nonce)

        @router.answer(TYPED)
        async def typed(ctx: Context, text: str) -> Answer | None:
            return await self.typed(ctx, text)

        for tile in self.routes.tiles:
            router.command(tile.tap)(partial(self.open, tile))
            if tile.question:
                router.answer(tile.tap)(partial(self.told, tile))
        return router


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

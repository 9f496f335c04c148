"""What an event means and who answers it, and the one place where errors become words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.conversation.actions import Action, Packer, Unreadable
from bot.conversation.commands import is_command, unadorned_command
from bot.conversation.context import Answer, Context
from bot.conversation.events import Chat, Followed, Ignored, Left, Said, Tapped, Unsent
from bot.conversation.messages import SILENCE, Reply, Text
from bot.conversation.router import Routes
from bot.conversation.staff import StaffDesk
from bot.errors import UserError

MENU_TAP = "go."
PER_MINUTE = 20
PER_MINUTE_STAFF = 120
NONSENSE = "/"  # what a command line of an outsider is treated as


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Finds the handler of an event. `touches` add to a finished answer what its moment asks for."""

    routes: Routes
    packer: Packer
    staff: StaffDesk
    touches: Sequence[Callable[[Context, Reply], Reply]] = ()

    async def answer(self, ctx: Context) -> Answer:
        """The answer to one event. Errors that are not the customer's business pass through."""
        answer = await self._answer(ctx)
        if isinstance(answer, Reply):
            for touch in self.touches:
                answer = touch(ctx, answer)
        return answer

    async def _answer(self, ctx: Context) -> Answer:
        try:
            if ctx.incoming.chat is not None and not ctx.incoming.chat.private:
                return await self._in_a_group(ctx, ctx.incoming.chat)
            if (closed := _closed(ctx)) is not None:
                return closed
            match ctx.incoming.what:
                case Ignored():
                    return SILENCE
                case Said(text=text):
                    return await self._said(ctx, text)
                case Tapped(data=data):
                    return await self._tapped(ctx, data)
                case Followed() | Left() | Unsent() as happening:
                    return await self.routes.events[type(happening)](ctx)
                case other:
                    if _muted(ctx) or (flood := _flood(ctx)) is SILENCE:
                        return SILENCE
                    return flood or await self.routes.events[type(other)](ctx)
        except UserError as error:
            return Reply((Text(ctx._(error.args[0])),))

    async def _said(self, ctx: Context, text: str) -> Answer:
        flood = _flood(ctx)
        if flood is not None:
            return flood
        slash = is_command(text)
        if ctx.actor is not None and (line := unadorned_command(text)):
            ctx.customer.muted_until = None
            ctx.settle()
            return await self.staff.answer(ctx, ctx.actor, line)
        if slash:
            entered = await self.staff.outsider(ctx, text)
            if entered is not None:
                return entered
            text = NONSENSE  # Neither words nor codes are looked for in it.
        # A code may end in a word that means something else here.
        intent = None if self.staff.awaits(ctx, text) else ctx.lexicon.intent(text)
        if _muted(ctx):
            if intent != "menu":
                return SILENCE
            ctx.customer.muted_until = None
        asked = ctx.asked()
        if intent is not None:
            ctx.settle()
            _understood(ctx)
            dropped = await self.staff.drop(ctx)
            if intent == "cancel" and dropped is not None:
                return dropped
            answer = await ctx.run(intent)
            again = ctx.asked()
            same = asked is not None and again is not None and asked["question"] == again["question"]
            if asked and not same and intent != "cancel" and isinstance(answer, Reply):
                return answer.after(Text(ctx._("OK, let's leave that for now.")))
            return answer
        if asked is not None:
            ctx.settle()
            given = await self.routes.answers[asked["question"]](ctx, text)
            if given is not None:
                _understood(ctx)
                return given
        elif ctx.actor is not None and (done := await self.staff.unslashed(ctx, ctx.actor, text)) is not None:
            _understood(ctx)
            return done
        for read in self.routes.in_order:
            found = await read(ctx, text)
            if found is not None:
                _understood(ctx)
                return found
        return await ctx.run("fallback")

    async def _in_a_group(self, ctx: Context, chat: Chat) -> Answer:
        what = ctx.incoming.what
        if not isinstance(what, Said) or not is_command(what.words):
            return await ctx.run("group")
        if not await self.staff.knows(ctx, chat.channel, ctx.incoming.user_id):
            return SILENCE
        return Reply((Text(ctx._("Please use staff commands in our private chat.")),))

    async def _tapped(self, ctx: Context, data: str) -> Answer:
        flood = _flood(ctx)
        if flood is not None:
            return flood
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
        return await tappable.handler(ctx, tap.action)

    async def _fresh(self, ctx: Context, command: str) -> Answer:
        answer = await ctx.run(command)
        words = Text(ctx._("That button has expired — here's a fresh one."))
        return answer.after(words) if isinstance(answer, Reply) else answer


def menu_tap(action: Action) -> str:
    """The data of a button that belongs to nobody: it opens a topic, as in a rich menu."""
    return f"{MENU_TAP}{action.model_dump()['command']}"


def _closed(ctx: Context) -> Reply | None:
    """What somebody is told whom nobody serves now: they are blocked, or everything is in maintenance."""
    what = ctx.incoming.what
    if ctx.actor is not None or isinstance(what, Left | Unsent | Ignored):
        return None
    if ctx.customer.blocked_until is not None and ctx.customer.blocked_until > ctx.now:
        told, until = ctx.customer.state.get("blocked"), ctx.customer.blocked_until.timestamp()
        ctx.customer.state["blocked"] = until
        text = ctx._("We can't serve you here at the moment. If you think that is wrong, please ask at the shop.")
        return SILENCE if told == until else Reply((Text(text),))
    if ctx.maintenance is None:
        return None
    if _muted(ctx) or (flood := _flood(ctx)) is SILENCE:
        return SILENCE
    text = ctx.maintenance or ctx._(
        "We are closed for maintenance right now. A code you send is not used up: please send it again later."
    )
    return flood or Reply((Text(text),))


def _muted(ctx: Context) -> bool:
    return ctx.customer.muted_until is not None and ctx.customer.muted_until > ctx.now


def _understood(ctx: Context) -> None:
    ctx.customer.state.pop("lost", None)
    ctx.customer.state.pop("quiet_until", None)


def _flood(ctx: Context) -> Reply | None:
    """One notice at the 21st message of a minute, then silence until the minute is over."""
    start, count = ctx.customer.state.get("burst", (0.0, 0))
    if ctx.now.timestamp() - start >= timedelta(minutes=1).total_seconds():
        start, count = ctx.now.timestamp(), 0
    ctx.customer.state["burst"] = (start, count + 1)
    most = PER_MINUTE if ctx.actor is None else PER_MINUTE_STAFF
    if count < most:
        return None
    if count > most:
        return SILENCE
    return Reply((Text(ctx._("That's a lot at once. Give me a minute, then write again.")),))

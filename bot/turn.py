"""One turn: an event in, at most one answer out. The worker's whole job; read this first.

    begin → parse → answer (handlers, vendors) → commit effects + reply → deliver → mark

A crash before the commit runs the turn again, with the same keys; after it, only the delivery.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import asyncpg
from structlog.contextvars import bound_contextvars

from bot.apis import Apis
from bot.apis.http import request_id
from bot.channels import Delivery, Inbound, Menus, Outbound, Outcome, Rendered, staff_menu
from bot.conversation import labels, questions
from bot.conversation.actions import Action
from bot.conversation.context import SURE, Brand, Context, Prepared, Work
from bot.conversation.dispatch import Dispatcher
from bot.conversation.events import Chat, Edited, Followed, Incoming, Joined, Left, Said, Unsent
from bot.conversation.messages import SILENCE, Reply, Text
from bot.delivery import (
    CHATTY_UNTIL,
    RETRY_WITHOUT_COUNTING,
    TOKEN_GOOD_FOR,
    TRIES,
    Deliverer,
    StoredReply,
    key_of,
    loaded,
    milliseconds,
    where_raised,
)
from bot.i18n import N_, Translator, closest
from bot.jobs import RetryLater
from bot.services import Services
from bot.services.staffing import Actor
from bot.storage import customers, inbox, pushes, relays, staff
from bot.storage.arrivals import EventState
from bot.storage.batches import Batches
from bot.storage.customers import MENU_UNKNOWN, Customer
from bot.storage.inbox import EventOutcome, InboxEvent
from bot.telemetry import metrics, tracing
from bot.telemetry.log import log
from bot.understanding.recogniser import Recogniser
from bot.understanding.words import Lexicon
from handlers.waiting import still_checking

BUSY_AFTER = 0.8
STILL_CHECKING_AFTER = timedelta(seconds=20)
# To say so costs as much as an answer, and the tap on it is one event more. Nearly all that takes long then is our own.
STILL_CHECKING_IN_A_SURGE = timedelta(seconds=48)
ASIDE = 8  # menus being given at the same time, so that they never take the answers' connections


@dataclass(frozen=True, slots=True)
class Turns:
    """Everything a turn needs, built once by the worker."""

    pool: asyncpg.Pool
    inbound: Mapping[str, Inbound]
    outbound: Mapping[str, Outbound]
    brands: Mapping[str, Brand]
    dispatcher: Dispatcher
    languages: Mapping[str, Translator]
    default_locale: str
    lexicon: Lexicon
    recogniser: Recogniser
    apis: Apis
    services: Services
    clock: Callable[[], datetime]
    patience: timedelta = STILL_CHECKING_AFTER
    wake: Callable[[], None] = lambda: None  # told when other tools may have something
    aside: set[asyncio.Task[None]] = field(default_factory=set)  # What runs beside the answers.
    batches: Batches = field(init=False)
    deliverer: Deliverer = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "batches", Batches(self.pool))
        packer = self.dispatcher.packer
        deliverer = Deliverer(self.pool, self.batches, self.outbound, self.brands, packer, self.services, self.clock)
        object.__setattr__(self, "deliverer", deliverer)

    async def take(self, event_id: int) -> None:
        """Bring one event to its end. The caller holds its chat's lock. Raises RetryLater to be run again."""
        taken = await self.batches.begin(event_id)
        if taken is None or taken.state not in (EventState.NEW, EventState.READY):
            return
        if taken.has_elder:
            raise RetryLater(0.2, "an earlier event of this chat is not finished")
        request_id.set(f"giftdesk-{taken.id}")
        began = self.clock()
        named = {"event_id": taken.id, "key": _short(taken.key), "channel": taken.channel}
        waited = milliseconds(began - taken.received_at)
        trace = (taken.payload or taken.reply or {}).get("trace")
        with (
            bound_contextvars(**named, waited_ms=waited),
            tracing.span(
                "event", "consumer", parent=trace, event_id=taken.id, channel=taken.channel, waited_ms=waited
            ) as told,
        ):
            if taken.channel not in self.outbound:
                log.error("the channel of this event is switched off; it waits", channel=taken.channel)
                raise RetryLater(60, "channel off")
            first = taken.state == EventState.NEW
            if first and not taken.attempts and not taken.apologised:
                self.services.surge.saw(began - taken.received_at, began)
            ready, outcome = await self._answer(taken) if first else (None, "")
            if first:
                told.set(outcome=str(outcome))
            with bound_contextvars(handled_ms=milliseconds(self.clock() - began)):
                if first and ready is None:
                    log.info("event done", outcome=str(outcome))
                try:
                    if not first:
                        assert taken.reply is not None, "committed together with the state"
                        ready = StoredReply.load(taken.reply)
                    if ready is not None:
                        await self.deliverer.deliver(taken, ready, first=first)
                except RETRY_WITHOUT_COUNTING:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever a delivery trips over, its chat must go on
                    await self.deliverer.failed(taken, error)

    # ── answering ────────────────────────────────────────────────────────────────────────────

    async def _answer(self, taken: InboxEvent) -> tuple[StoredReply | None, EventOutcome]:
        """Handle a new event and commit what came of it; also says how that ended."""
        started = asyncio.get_running_loop().time()
        try:
            ready, outcome = await self._handle(taken)
        except RETRY_WITHOUT_COUNTING:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a turn trips over, its chat must go on
            ready, outcome = await self._failed(taken, error)
        metrics.TURN.labels(taken.channel).observe(asyncio.get_running_loop().time() - started)
        metrics.EVENTS.labels(taken.channel, outcome.value).inc()
        return ready, outcome

    async def _handle(self, taken: InboxEvent) -> tuple[StoredReply | None, EventOutcome]:
        assert taken.payload is not None, "new events have a payload"
        incoming = self.inbound[taken.channel].parse(taken.payload["account"], taken.payload["event"])
        assert incoming.chat is not None, "the web process stores nothing to answer without a chat"
        customer, left = taken.customer, False
        if customer is None:
            nobody = self._nobody(incoming.chat)
            left = await self._is_left(taken, incoming, nobody)
            customer = nobody if left else await self._meet(incoming, incoming.chat)
        elif customer.state.unmet and incoming.chat.private and not self.services.surge.on:
            customer.state.unmet = None
            if not customer.locale_chosen:
                customer.locale = await self._language_of(incoming.chat)
        ctx = self._context(taken, incoming, customer)
        if incoming.standby and not left:
            left = not await self._comes_back(ctx, incoming.chat)
        ctx.customer.unreachable_at = None
        _drop_stale(ctx)
        self.services.redemption.see(taken.codes_made, ctx.now)
        heard, waited = _is_for_us(taken, ctx), ctx.muted
        ctx.answering = ctx.asked() is not None
        ctx.at_rest = heard and not ctx.answering and not waited
        chat = incoming.chat
        work = ctx.work
        try:
            answer, spent = (SILENCE, False) if left else await self._in_good_time(ctx, taken, incoming)
            valuable = isinstance(answer, Prepared) or answer.valuable
            if isinstance(answer, Prepared):
                messages = loaded(answer.messages)
            elif not answer.messages:
                messages = []
            else:
                if valuable and ctx.now - taken.received_at > CHATTY_UNTIL:
                    answer = answer.after(Text(ctx._("Sorry for the delay — here is our answer.")))
                messages = self._render(ctx, chat, answer)
            ready = (
                StoredReply(
                    f"reply:{taken.key}",
                    chat.id,
                    messages,
                    incoming.reply_token,
                    valuable,
                    trace=tracing.carried(),
                    passes=isinstance(answer, Reply) and answer.passes,
                    doubtful=taken.still_checking,
                )
                if messages
                else None
            )
            outcome = EventOutcome.ANSWERED
            if ready is None:
                outcome = EventOutcome.SILENT
            elif spent:
                ready.token = None
                outcome = EventOutcome.ANSWERED if valuable else EventOutcome.PARKED
            if ready is None and ctx.brand.quiet and customer.state.burst is not None:
                start, count = customer.state.burst  # It was not written to us.
                customer.state.burst = (start, max(0, count - 1))
            passed = await self._pass_on(ctx, silent=ready is None and not spent)
            if passed and ready is None and ctx.brand.shared == "rest":
                outcome = EventOutcome.PASSED_ON
            if outcome is EventOutcome.PARKED:
                customer.forget_offers()  # Nobody sees them yet.
            if isinstance(edited := incoming.what, Edited) and customer.unclear is None:
                # What its author wrote over is not kept, unless the new text takes its place.
                await self.services.unclear.forget_message(await work.begin(), customer.person, edited.message_id)
            if ctx.came_by is not None and customer.id is not None and ctx.actor is None:
                # Written last: the handler may have asked vendors, and staff only try out what they print.
                await self.services.posters.arrived(
                    await work.begin(),
                    ctx.came_by,
                    event_id=taken.id,
                    customer_id=customer.id,
                    first_seen=customer.first_seen,
                    at=ctx.happened_at,
                )
            if taken.has_waiting and ctx.brand.pushes_are_free and not (incoming.standby and left):
                await pushes.resume(await work.begin(), taken.channel, chat.id)
            elif taken.has_waiting and ready is None and not (spent or passed or ctx.brand.shared):
                # Nothing is said to it, but what waits for its author goes with its reply token (`Deliverer`).
                token = incoming.reply_token
                ready = StoredReply(f"reply:{taken.key}", chat.id, [], token, valuable=False) if token else None
            # What was written already is committed with the answer; what wrote nothing else shares a commit.
            finish = self.batches.finish if work.connection is None else partial(inbox.finish, work.connection)
            with tracing.span("commit"):
                committed = await finish(
                    taken.id,
                    customer,
                    ctx.now,
                    reply=ready.dump() if ready else None,
                    outcome=None if outcome is EventOutcome.ANSWERED else outcome,
                )
                if not committed:
                    raise RetryLater(0.05, "the customer changed meanwhile")  # noqa: TRY301 - undone just below
                await work.end(commit=True)
        except BaseException:
            await work.end(commit=False)
            raise
        if passed:
            self.wake()
        again = isinstance(incoming.what, Edited)  # the same message once more
        said = ctx.unclear is not None or outcome not in (EventOutcome.SILENT, EventOutcome.PASSED_ON)
        if heard and said and not again and not (waited and ctx.muted):
            self.services.unclear.count(ctx.unclear)
        if customer.person not in ctx.reappointed and not self.services.surge.on:
            self._offer_menu(customer, ctx.actor, chat, incoming)
        for person in ctx.reappointed:
            self._aside(self._renew_menu(person))
        return (None if outcome is EventOutcome.PARKED else ready), outcome

    async def _is_left(self, taken: InboxEvent, incoming: Incoming, nobody: Customer) -> bool:
        """Whether a stranger's event is another tool's, or whoever's who holds the chat. Who only ever writes to those
        leaves no row here, and does not wait until their profile is read."""
        if incoming.standby:
            return not self.dispatcher.asks_us_back(self._context(taken, incoming, nobody))
        if not self.brands[taken.channel].quiet or incoming.chat is None or not incoming.chat.private:
            return False
        return await self.dispatcher.is_left(self._context(taken, incoming, nobody))

    async def _comes_back(self, ctx: Context, chat: Chat) -> bool:
        """Whether this chat, which somebody else holds, is ours for this event: its author wants us, and we may."""
        if ctx.threads is None or not self.dispatcher.asks_us_back(ctx):
            return False
        if await ctx.threads.take(chat.id):
            return True
        await self.services.alerts.tell(
            self.pool,
            f"{chat.channel}-threads",
            N_(
                "%(channel)s does not let Giftdesk take a chat back from the inbox, so it answers nobody there. Allow "
                "the app to take control of conversations in the page's settings, Advanced messaging."
            ),
            self.clock(),
            channel=ctx.brand.channel_name,
        )
        return False

    async def _pass_on(self, ctx: Context, *, silent: bool) -> bool:
        """Let other tools have this event, or keep it from them; whether they were let. Committed with the answer.

        silent: we say nothing to it. What happens to the chat itself is told to both sides.
        """
        shared = ctx.brand.shared
        if shared not in ("rest", "all"):
            return False
        stays = await ctx.stays_here()
        if shared == "all":
            if stays:
                await relays.withhold(await ctx.work.begin(), ctx.event_id)
            return not stays
        both = isinstance(ctx.incoming.what, Followed | Joined | Left | Unsent)
        if stays or not (silent or both):
            return False
        released = await relays.release(await ctx.work.begin(), ctx.event_id, without_token=not silent)
        if not released:  # A web without LINE_RELAY_URL stored it, or it was held or put aside meanwhile.
            log.warning("there is no copy of this event to be passed on; nobody answers it")
        return released

    def _render(self, ctx: Context, chat: Chat, answer: Reply) -> list[Rendered]:
        """An answer as the platform wants it; what its labels do is kept, so that they can be typed as well."""
        packed: dict[Action, str] = {}

        def pack(action: Action) -> str:
            if action not in packed:
                packed[action] = self.dispatcher.packer.pack(action, person=ctx.customer.person, now=ctx.now)
            return packed[action]

        messages = self.outbound[chat.channel].render(answer, pack)
        if chat.private:
            self._remember(ctx, answer, packed, pack)
        return messages

    def _remember(
        self, ctx: Context, answer: Reply, packed: Mapping[Action, str], pack: Callable[[Action], str]
    ) -> None:
        """Keep what this answer's labels do, so that they can be typed, and what a yes or a no to its question does."""
        asked = ctx.asked()
        if asked is not None and asked["question"] == SURE and "data" not in asked:
            asked["data"] = questions.buttoned(asked, answer, packed)
        if not ctx.labels_stay:
            ctx.customer.state.labels = labels.kept(answer, packed, self.lexicon, asked)
            ctx.customer.state.pages = labels.pages(answer, pack)

    async def _in_good_time(self, ctx: Context, taken: InboxEvent, incoming: Incoming) -> tuple[Any, bool]:
        """The handler's answer, and whether the reply token had to be spent on "still checking"."""
        channel = self.outbound[taken.channel]
        chat = incoming.chat
        assert chat is not None, "checked by the caller"
        loop = asyncio.get_running_loop()
        busy: list[asyncio.Task[None]] = []
        timer = None
        if chat.private and not self.services.surge.on:
            timer = loop.call_later(BUSY_AFTER, lambda: busy.append(loop.create_task(channel.show_busy(chat.id))))
        handling = asyncio.ensure_future(self.dispatcher.answer(ctx))
        try:
            age = self.clock() - taken.received_at
            if incoming.reply_token is None or age > TOKEN_GOOD_FOR:
                return await handling, False
            # InboxEvent up late, it still has a moment before the token is better spent on a sign of life.
            still = STILL_CHECKING_IN_A_SURGE if self.services.surge.on else self.patience
            patience = max(still - age, min(still, timedelta(seconds=1))).total_seconds()
            finished, _ = await asyncio.wait({handling}, timeout=patience)
            if finished:
                return handling.result(), False
            spent = await self._say_still_checking(ctx, taken, incoming)
            return await handling, spent
        finally:
            if timer is not None:
                timer.cancel()
            if not handling.done():
                handling.cancel()
            for task in busy:  # Not waited for: the turn's transaction may be open by now.
                task.cancel()
            await asyncio.gather(handling, *busy, return_exceptions=True)

    async def _say_still_checking(self, ctx: Context, taken: InboxEvent, incoming: Incoming) -> bool:
        assert incoming.chat is not None, "checked by the caller"
        messages = self.outbound[taken.channel].render(
            still_checking(ctx._),
            lambda action: self.dispatcher.packer.pack(action, person=ctx.customer.person, now=ctx.now),
        )
        # Whoever answers after a crash must know that the token may be used.
        await inbox.note_still_checking(self.pool, taken.id)
        delivery = Delivery(incoming.chat.id, messages, key_of(f"still checking:{taken.key}"), incoming.reply_token)
        receipt = await self.deliverer.send(taken.channel, delivery)
        return receipt.outcome in (Outcome.DELIVERED, Outcome.UNKNOWN)

    def _context(self, taken: InboxEvent, incoming: Incoming, customer: Customer) -> Context:
        tag = customer.locale if customer.locale in self.languages else self.default_locale
        return Context(
            incoming=incoming,
            event_id=taken.id,
            customer=customer,
            now=self.clock(),
            _=self.languages[tag],
            languages=self.languages,
            lexicon=self.lexicon,
            recogniser=self.recogniser,
            brand=self.brands[taken.channel],
            apis=self.apis,
            services=self.services,
            work=Work(self.pool, self.batches),
            actor=self._actor(taken, incoming),
            of_staff=self._is_of_staff(taken, incoming),
            maintenance=taken.maintenance.get("text", "") if taken.maintenance is not None else None,
            prompt=self.clock() - taken.received_at < TOKEN_GOOD_FOR,
            topics=self.dispatcher.routes.commands,
            threads=self.outbound[taken.channel].threads,
        )

    def _actor(self, taken: InboxEvent, incoming: Incoming) -> Actor | None:
        """The member of staff whose private chat this is."""
        if incoming.chat is None or not incoming.chat.private:
            return None
        return self.services.staffing.actor(taken.staff, taken.channel, incoming.chat.id, self.clock())

    def _is_of_staff(self, taken: InboxEvent, incoming: Incoming) -> bool:
        private = incoming.chat is not None and incoming.chat.private
        return private and (taken.staff is not None or self._actor(taken, incoming) is not None)

    def _nobody(self, chat: Chat) -> Customer:
        """Somebody of whom no row is made."""
        now = self.clock()
        return Customer(None, chat.key, "", chat.channel, self.default_locale, now, now)

    async def _meet(self, incoming: Incoming, chat: Chat) -> Customer:
        """Somebody new: their language is guessed once. In a group nobody's row is made, nor of who leaves."""
        if not chat.private or isinstance(incoming.what, Left):
            return self._nobody(chat)
        surge = self.services.surge.on
        locale = self.default_locale if surge else await self._language_of(chat)
        blocked = self.services.blocking.key(chat.key)
        met = await customers.add(self.pool, chat.key, chat.channel, locale, blocked=blocked, now=self.clock())
        if surge:
            met.state.unmet = True
        return met

    async def _language_of(self, chat: Chat) -> str:
        """The one of ours that is closest to a person's own."""
        said = await self.outbound[chat.channel].language_of(chat.id)
        return closest(said, self.languages) or self.default_locale

    async def _failed(self, taken: InboxEvent, error: Exception) -> tuple[StoredReply | None, EventOutcome]:
        """Try again twice; then hold the event, say so once, and let the chat go on."""
        attempts = await inbox.failed(self.pool, taken.id)
        # Only where it happened is logged: an exception's own text may quote what the customer wrote.
        log.error("turn failed", attempt=attempts, error=type(error).__name__, where=where_raised(error))
        if attempts < TRIES:
            metrics.RETRIES.labels("turn failed").inc()
            raise RetryLater(1.0 if attempts == 1 else 4.0, "turn failed") from error
        ready = None
        if taken.customer is not None and taken.payload is not None and not taken.apologised:
            incoming = self.inbound[taken.channel].parse(taken.payload["account"], taken.payload["event"])
            _ = self.languages.get(taken.customer.locale, self.languages[self.default_locale])
            apology = Reply(
                (Text(_("Something went wrong on our side. Nothing is lost — our team will look into it.")),)
            )
            messages = self.outbound[taken.channel].render(apology, lambda _action: "")
            if incoming.chat is not None:
                # Not the answer's key: that one comes later, when staff have the event answered again.
                key = f"apology:{taken.key}"
                ready = StoredReply(key, incoming.chat.id, messages, incoming.reply_token, valuable=True)
        async with self.pool.acquire() as connection, connection.transaction():
            stored = ready.dump() if ready else None
            if not await inbox.finish(
                connection,
                taken.id,
                None,
                self.clock(),
                reply=stored,
                outcome=EventOutcome.APOLOGISED if taken.apologised else EventOutcome.HELD,
                held=True,
            ):
                raise RetryLater(0.05, "another worker has finished it")
            await relays.withhold(connection, taken.id)  # Nobody has looked whether others may have it.
            await self.services.alerts.tell(
                connection,
                "held",
                N_("An event could not be answered and is held; `giftdesk held` shows it."),
                self.clock(),
            )
        return ready, EventOutcome.HELD

    # ── menus ────────────────────────────────────────────────────────────────────────────────

    def _offer_menu(self, customer: Customer, actor: Actor | None, chat: Chat, incoming: Incoming) -> None:
        """Give somebody their language's menu or the staff's, beside the answer and never in front of it.

        Which one they have stands in `state` once it is given, so their next event makes good what failed.
        """
        menus = self.outbound[chat.channel].menus
        if menus is None or not chat.private or isinstance(incoming.what, Left):
            return
        # After somebody blocked us, nobody knows which one they have.
        has = None if isinstance(incoming.what, Followed) else customer.state.menu or ""
        language, of_staff = self._menus_of(menus, customer, actor)
        if menus.unsure(language, has, staff=of_staff) or menus.due(language, has, staff=of_staff) is not None:
            self._aside(self._give_menu(menus, customer.id, chat.id, language, has, of_staff))

    def _menus_of(self, menus: Menus, customer: Customer, actor: Actor | None) -> tuple[str | None, str]:
        """The language whose menu somebody should have, None for the account's own; and the staff menu before it."""
        role = self.dispatcher.staff.menu_of(actor, self.brands[customer.channel])
        # After their data was deleted, they have the account's menu like any stranger.
        other = customer.locale_chosen if menus.follows_phone else customer.locale != self.default_locale
        language = customer.locale if other and customer.id is not None else None
        return language, staff_menu(customer.locale, role) if role else ""

    def _aside(self, giving: Coroutine[Any, Any, None]) -> None:
        if len(self.aside) >= ASIDE:
            giving.close()  # The next event of theirs makes it good.
            return
        task = asyncio.create_task(giving)
        self.aside.add(task)
        task.add_done_callback(self.aside.discard)

    async def _give_menu(
        self,
        menus: Menus,
        customer_id: int | None,
        user_id: str,
        language: str | None,
        has: str | None,
        of_staff: str,
    ) -> None:
        with suppress(*RETRY_WITHOUT_COUNTING, asyncpg.PostgresError):
            if menus.unsure(language, has, staff=of_staff):
                await menus.learn()
            menu = menus.due(language, has, staff=of_staff)
            if menu is None:
                return
            if customer_id is not None:  # Else a crash in between could leave them a menu that nobody knows of.
                await customers.note_menu(self.pool, customer_id, MENU_UNKNOWN)
            given = await menus.give(user_id, menu)
            log.info("menu given" if given else "menu not given")
            if given and customer_id is not None:
                await customers.note_menu(self.pool, customer_id, menu)

    async def _renew_menu(self, person: str) -> None:
        """Give somebody whose staff rights were changed the menu that is theirs now, whoever changed them."""
        with suppress(*RETRY_WITHOUT_COUNTING, asyncpg.PostgresError):
            customer = await customers.by_person(self.pool, person)
            menus = self.outbound[customer.channel].menus if customer and customer.channel in self.outbound else None
            if customer is None or menus is None:
                return
            user_id = person.rsplit(":", 1)[-1]
            stored = await staff.find(self.pool, customer.channel, user_id)
            actor = self.services.staffing.actor(stored, customer.channel, user_id, self.clock())
            # As if nobody knew which one they have: once too often is harmless, and once too seldom lasts.
            language, of_staff = self._menus_of(menus, customer, actor)
            await self._give_menu(menus, customer.id, user_id, language, None, of_staff)

    async def rest(self) -> None:
        """Let what runs beside the answers end, for a moment."""
        if self.aside:
            _, late = await asyncio.wait(self.aside, timeout=2)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # ── jobs beside the answers ──────────────────────────────────────────────────────────────

    async def issue(self, issue_id: int) -> None:
        """Ask again for a voucher whose outcome is open. Raises RetryLater to be run again."""
        if self.apis.gotit is None:
            raise RetryLater(600, "Got It is switched off")
        await self.services.vouchers.attempt(self.pool, self.apis.gotit, issue_id, late=True)

    async def redemption(self, redemption_id: int) -> None:
        """Ask again for a redemption whose outcome is open. Raises RetryLater while there is no vendor to ask."""
        if self.apis.poshen is None:
            raise RetryLater(600, "Poshen is switched off")
        await self.services.redeeming.attempt(self.pool, self.apis.poshen, redemption_id)

    async def remind(self, wish_id: int) -> None:
        """Look whether something of a customer's ends soon. Raises RetryLater to be run again."""
        await self.services.reminders.look(self.pool, wish_id, self.clock())

    async def bulk(self, job_id: int) -> None:
        """Make some of a job's codes. Raises RetryLater while there is no vendor to ask."""
        if self.apis.poshen is None:
            raise RetryLater(600, "Poshen is switched off")
        await self.services.minting.work(self.pool, self.apis.poshen, job_id, self.clock)


def _drop_stale(ctx: Context) -> None:
    """Forget questions and codes whose time is over."""
    state, happened = ctx.customer.state, ctx.happened_at.timestamp()
    if ctx.asked() is None:
        state.asking = None  # One that waits for a yes is remembered: a late one is told so.
    if state.kept is not None:
        state.kept = {of: codes for of, codes in state.kept.items() if codes["until"] > happened} or None
    state.drop_ended(happened)
    if isinstance(ctx.incoming.what, Followed):
        ctx.settle()


def _is_for_us(taken: InboxEvent, ctx: Context) -> bool:
    """Whether this is a text that a customer typed in their private chat, for us to understand."""
    chat, customer = ctx.incoming.chat, ctx.customer
    if (
        not isinstance(ctx.incoming.what, Said | Edited)
        or chat is None
        or not chat.private
        or ctx.maintenance is not None
    ):
        return False
    blocked = customer.blocked_until is not None and customer.blocked_until > ctx.now
    return ctx.actor is None and taken.staff is None and not blocked


def _short(key: str) -> str:
    """An event's key as logs name it: the platform's ids in it are nobody else's business."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]

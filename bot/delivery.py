"""Delivering: a stored reply goes to its platform, and so does what answers no event (pushes).

A reply is stored in the transaction of its effects, so a crash in the middle of a delivery delivers it again, with the
same key.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import NAMESPACE_URL, UUID, uuid5

import asyncpg
import orjson
from structlog.contextvars import bound_contextvars

from bot.channels import Delivery, Outbound, Outcome, Receipt, Rendered
from bot.conversation.actions import Packer, menu_tap
from bot.conversation.context import Brand
from bot.conversation.messages import TOGETHER, Button, Reply, Text
from bot.errors import Kind
from bot.i18n import N_
from bot.jobs import RetryLater
from bot.services import Services
from bot.services.notices import NOTICE
from bot.services.reminders import REMINDER
from bot.staff.teaching import Run
from bot.storage import customers, inbox, pushes
from bot.storage.arrivals import EventState
from bot.storage.batches import Batches
from bot.storage.inbox import EventOutcome, InboxEvent
from bot.storage.pool import UNWELL
from bot.storage.pushes import Push, PushOutcome
from bot.telemetry import metrics, tracing
from bot.telemetry.log import log
from handlers.endings import reminder_message
from handlers.views.choices import Go
from handlers.vouchers import present_card

TOKEN_GOOD_FOR = timedelta(seconds=50)  # LINE: "within one minute", and not to be relied on to the second.
CHATTY_UNTIL = timedelta(minutes=10)
TRIES = 3
PUSH_TRIES = 17  # with growing pauses of four hours at most, about a day
QUOTA = "quota"  # ends the name of the alert that the month's plan is used up
ALONG_WAITS = 2.0  # seconds that an answer waits for what is to go with it
CHAT_WAITS = 10.0  # seconds; a longer pause asked for by a platform is not spent in front of the chat
# What a delivery says of its platform; the other outcomes are about one message or one person.
_TROUBLES: Mapping[Outcome, Kind] = {
    Outcome.UNKNOWN: "unavailable",
    Outcome.RETRY: "unavailable",
    Outcome.BARRED: "credentials",
    Outcome.REFUSED: "refused",
}
RETRY_WITHOUT_COUNTING = (RetryLater, *UNWELL)  # What is raised says nothing about the event.


@dataclass(slots=True)
class StoredReply:
    """A committed reply on its way. What is stored as the event's `reply`.

    key: the same for every try of these messages, whoever makes it.
    """

    key: str
    to: str
    messages: list[Rendered]
    token: str | None
    valuable: bool
    done: int = 0
    tries: int = 0
    perhaps: bool = False  # A try may have arrived: nobody heard its end, or that end leaves it open.
    # What had waited for this customer to write and goes before these messages: [push, how many messages of it].
    along: list[list[int]] = field(default_factory=list)
    trace: str | None = None  # which one its event is part of, see `bot.telemetry.tracing`
    passes: bool = False  # The people of the shop are given the chat with it.
    doubtful: bool = False  # An earlier run of the turn may have used the token: being used, it tells nothing.

    def dump(self) -> str:
        """As JSON."""
        return orjson.dumps(
            {
                "key": self.key,
                "to": self.to,
                "messages": dumped(self.messages),
                "token": self.token,
                "valuable": self.valuable,
                "done": self.done,
                "tries": self.tries,
                "perhaps": self.perhaps,
                **({"along": self.along} if self.along else {}),
                **({"trace": self.trace} if self.trace else {}),
                **({"passes": True} if self.passes else {}),
                **({"doubtful": True} if self.doubtful else {}),
            }
        ).decode()

    @classmethod
    def load(cls, stored: dict[str, Any]) -> Self:
        """From JSON, of another version perhaps: what this one does not know is left out."""
        known = {name: value for name, value in stored.items() if name in cls.__slots__}
        return cls(**{**known, "messages": loaded(stored["messages"])})


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Brings stored replies and pushes to the platforms, and writes down how each ended."""

    pool: asyncpg.Pool
    batches: Batches
    outbound: Mapping[str, Outbound]
    brands: Mapping[str, Brand]
    packer: Packer
    services: Services
    clock: Callable[[], datetime]

    async def deliver(self, taken: InboxEvent, ready: StoredReply, *, first: bool) -> None:
        """Hand a committed reply to the platform. `first`: no try was made before."""
        age = self.clock() - taken.received_at
        token = ready.token if age < TOKEN_GOOD_FOR else None
        free = token is not None or self.brands[taken.channel].pushes_are_free
        if first and token is not None and taken.has_waiting:
            await self._take_along(taken, ready)
        if not ready.messages and (token is None or not ready.along):
            await self._end(taken, EventOutcome.SILENT)
            return
        if ready.messages and not ready.valuable and (not free or age > CHATTY_UNTIL):
            await self._end(taken, EventOutcome.LATE)
            return

        async def accepted(done: int) -> None:
            ready.done = done
            if done < len(ready.messages):
                await inbox.partly_delivered(self.pool, taken.id, ready.dump())

        # Tries that were heard of are counted: one that is resumed and has none was cut short.
        perhaps = ready.perhaps or (not first and not ready.tries)
        if token is not None and not first and not perhaps:
            # Whoever finds this try cut short must know that there was one.
            ready.perhaps = True
            await inbox.partly_delivered(self.pool, taken.id, ready.dump())
        delivery = Delivery(ready.to, ready.messages, key_of(ready.key), token, ready.done, ready.passes)
        before = await self._along(taken.channel, ready) if token is not None else []
        receipt = await self.send(taken.channel, replace(delivery, messages=[*before, *ready.messages]), accepted)
        if before and receipt.outcome is Outcome.REFUSED:
            # One message that is refused costs all of a reply: the answer must not be lost for what stood before it.
            alone = await self.send(taken.channel, delivery, accepted) if ready.messages else receipt
            if alone.outcome is Outcome.DELIVERED or not ready.messages:
                await self._brought(taken.channel, ready, Outcome.REFUSED)
            receipt = alone
        elif before and receipt.outcome in (Outcome.DELIVERED, Outcome.UNKNOWN):
            await self._brought(taken.channel, ready, receipt.outcome)
        ready.perhaps = perhaps or receipt.perhaps
        late = receipt.outcome is Outcome.LATE and token is not None
        # The webhook may have reached us late, and the token's minute have begun long before we heard of it; and where
        # somebody else has the token, too, a used one is no witness.
        only_ours = not (self.brands[taken.channel].token_is_shared or ready.doubtful)
        witness = only_ours and self.clock() - taken.at < TOKEN_GOOD_FOR
        if late and perhaps and witness:
            # The token was good and is used: a try that a crash or a 5xx cut short did arrive.
            await self._brought(taken.channel, ready, Outcome.DELIVERED)
            await self._end(taken, EventOutcome.DELIVERED)
            return
        if not ready.messages:  # What only went along is a push still, and waits on.
            came = receipt.outcome is Outcome.DELIVERED
            await self._end(taken, EventOutcome.DELIVERED if came else EventOutcome.SILENT)
            return
        if late:
            if not ready.valuable:
                # It may have gone into a "still checking" before a crash: then its button asks for this.
                await inbox.park(self.pool, taken.id)
                log.info("event done", outcome=EventOutcome.PARKED.value)
                return
            if await inbox.state_of(self.pool, taken.id) != EventState.READY:
                return  # A worker that took this one for dead has just delivered it.
            receipt = await self.send(taken.channel, replace(delivery, reply_token=None), accepted)
        # As long as the token can still tell whether this arrived, it is asked, and nothing is pushed beside it.
        tells = ready.valuable and ready.perhaps and token is not None and witness
        await self._settle(taken, ready, receipt, tells=tells)

    # ── what had waited ──────────────────────────────────────────────────────────────────────

    async def _take_along(self, taken: InboxEvent, ready: StoredReply) -> None:
        """Let what waits for this customer go with their answer, the oldest first, as far as one reply has room.

        Written down before it is sent, so that whoever resumes this reply says the same with the same token. Where a
        message of its own is free, it has got a job instead (`pushes.resume`).
        """
        brand = self.brands[taken.channel]
        if brand.pushes_are_free or brand.token_is_shared:
            return
        room = TOGETHER - len(ready.messages)
        for push in await pushes.waiting_for(self.pool, taken.channel, ready.to):
            if room <= 0:
                break
            try:
                async with asyncio.timeout(ALONG_WAITS):
                    still = await self._still(push)
                said = self._rendered(self.outbound[taken.channel], still.messages) if still.messages else []
            except (TimeoutError, *RETRY_WITHOUT_COUNTING):
                continue  # Its vendor does not say at the moment whether it still holds, and the answer does not wait.
            except Exception as error:  # noqa: BLE001 - no answer is lost for what waited before it
                log.error("what waited cannot go along", error=type(error).__name__, where=where_raised(error))
                continue
            left = len(said) - push.done
            if left > 0:
                ready.along.append([push.id, min(room, left)])
                room -= min(room, left)
        if ready.along:
            await inbox.partly_delivered(self.pool, taken.id, ready.dump())

    async def _along(self, channel: str, ready: StoredReply) -> list[Rendered]:
        """The messages that go before this reply's own."""
        found: list[Rendered] = []
        for push_id, count in ready.along:
            push = await pushes.read(self.pool, push_id)
            if push is not None and push.messages is not None:
                found += self._rendered(self.outbound[channel], push.messages)[push.done : push.done + count]
        return found

    async def _brought(self, channel: str, ready: StoredReply, outcome: Outcome) -> None:
        """Write down what became of what went along."""
        for push_id, count in ready.along:
            push = await pushes.read(self.pool, push_id)
            if push is not None and push.messages is not None:
                done, whole = push.done + count, len(self._rendered(self.outbound[channel], push.messages))
                if outcome is not Outcome.REFUSED and done < whole:
                    await pushes.progress(self.pool, push_id, done)
                else:
                    await self._over(push, PushOutcome(outcome.value))

    async def send(
        self, channel: str, delivery: Delivery, accepted: Callable[[int], Awaitable[None]] | None = None
    ) -> Receipt:
        """Hand it to the platform, and remember how that went."""
        clock = asyncio.get_running_loop().time
        began = clock()
        with tracing.span("deliver", "client", channel=channel) as told:
            receipt = await self.outbound[channel].deliver(delivery, accepted)
            told.set(outcome=receipt.outcome.value)
        self.services.health.delivered(channel, _TROUBLES.get(receipt.outcome), clock() - began, receipt.detail)
        if receipt.spent:
            await self.services.alerts.tell(
                self.pool,
                f"{channel}-{QUOTA}",
                N_(
                    "%(channel)s's plan has no messages left this month. Results wait until their customers write, and "
                    "come with the answer then."
                ),
                self.clock(),
                once_per="%Y-%m",
                channel=self.brands[channel].channel_name,
            )
        return receipt

    async def _settle(self, taken: InboxEvent, ready: StoredReply, receipt: Receipt, *, tells: bool) -> None:
        if receipt.outcome is Outcome.RETRY:
            ready.tries += 1
            ready.done = receipt.done
            metrics.RETRIES.labels("delivery").inc()
            pause = receipt.retry_after or 2.0 * min(ready.tries, TRIES)
            if pause <= CHAT_WAITS and (tells or ready.tries < TRIES):
                await inbox.partly_delivered(self.pool, taken.id, ready.dump())
                raise RetryLater(pause, f"delivery: {receipt.detail}")
            if ready.valuable:
                await self._push_instead(taken, ready, pause=pause)
                return
        if receipt.outcome is Outcome.UNREACHABLE:
            await customers.mark_unreachable(self.pool, taken.chat)
        if receipt.outcome is Outcome.LATE and ready.valuable:
            await self._push_instead(taken, ready, waiting=True)
            return
        if receipt.outcome in (Outcome.REFUSED, Outcome.BARRED):
            log.error("delivery refused", detail=receipt.detail)
            await self.services.alerts.tell(
                self.pool,
                f"{taken.channel}-refused",
                N_("%(channel)s refuses our messages: %(detail)s"),
                self.clock(),
                channel=self.brands[taken.channel].channel_name,
                detail=receipt.detail,
            )
            if receipt.outcome is Outcome.BARRED and ready.valuable:
                await self._push_instead(taken, ready, pause=60)
                return
        await self._end(taken, EventOutcome(receipt.outcome.value))

    async def failed(self, taken: InboxEvent, error: Exception) -> None:
        """Try a delivery that breaks twice more, then give it up, so that the chat goes on."""
        attempts = await inbox.failed(self.pool, taken.id)
        log.error("delivery failed", attempt=attempts, error=type(error).__name__, where=where_raised(error))
        if attempts < 2 * TRIES:  # The answering before it may have used up its own.
            raise RetryLater(2.0, "delivery failed") from error
        await self.services.alerts.tell(
            self.pool, "undeliverable", N_("A reply could not be delivered; the log says why."), self.clock()
        )
        await self._end(taken, EventOutcome.UNDELIVERABLE)

    async def _push_instead(
        self, taken: InboxEvent, ready: StoredReply, *, waiting: bool = False, pause: float = 0
    ) -> None:
        """Let a job of its own bring a valuable reply after `pause` seconds, so that the chat can go on.

        waiting: the platform takes nothing until the customer writes again (Messenger's 24 hours).
        """
        outcome = EventOutcome.WAITING if waiting else EventOutcome.PUSHED_LATER
        await customers.forget_offers(self.pool, taken.chat)  # Whoever sees it later taps.
        async with self.pool.acquire() as connection, connection.transaction():
            if not await inbox.delivered(connection, taken.id, outcome):
                return  # A worker that took this one for dead has ended it.
            await pushes.add(
                connection,
                key=ready.key,
                channel=taken.channel,
                recipient=ready.to,
                messages=orjson.dumps(dumped(ready.messages[ready.done :])).decode(),
                waiting=waiting,
                pause=pause,
            )
        log.info("event done", outcome=outcome.value)

    async def _end(self, taken: InboxEvent, outcome: EventOutcome) -> None:
        if outcome not in (EventOutcome.DELIVERED, EventOutcome.SILENT):
            # A question that nobody saw is not open, and no yes may answer it.
            await customers.forget_offers(self.pool, taken.chat)
        if not await self.batches.delivered(taken.id, outcome):
            return  # Another worker has ended it, and has counted and logged it.
        took = self.clock() - taken.received_at
        if outcome is EventOutcome.DELIVERED:
            metrics.ANSWERED.labels(taken.channel).observe(took.total_seconds())
        log.info("event done", outcome=outcome.value, total_ms=milliseconds(took))
        if outcome not in (EventOutcome.DELIVERED, EventOutcome.UNKNOWN, EventOutcome.SILENT):
            _give_up(taken.channel, "reply", outcome.value)

    # ── pushes ───────────────────────────────────────────────────────────────────────────────

    async def push(self, push_id: int) -> None:
        """Bring one message that answers no event. Raises RetryLater to be run again."""
        push = await pushes.read(self.pool, push_id)
        if push is None or push.messages is None:
            return
        with bound_contextvars(push=push_id, channel=push.channel):
            channel = self.outbound.get(push.channel)
            if channel is None:
                raise RetryLater(600, "channel off")

            async def accepted(done: int) -> None:
                await pushes.progress(self.pool, push_id, done)

            if push.key.startswith(REMINDER) and push.outcome is None and (until := self._asleep()):
                raise RetryLater(until, "quiet hours")  # Who writes at night is awake: then it has waited for that.
            push = await self._still(push)
            if push.messages is None:
                return
            if push.key.startswith((NOTICE, REMINDER)) and await self._spent(push.channel):
                await pushes.wait(self.pool, push_id)  # None left: it goes with the answer to their next message.
                return
            try:
                messages = self._rendered(channel, push.messages)
                delivery = Delivery(push.recipient, messages, key_of(push.key), None, push.done)
                receipt = await self.send(push.channel, delivery, accepted)
            except RETRY_WITHOUT_COUNTING:
                raise
            except Exception as error:  # noqa: BLE001 - it has its tries like any other
                log.error("push failed", error=type(error).__name__, where=where_raised(error))
                receipt = Receipt(Outcome.RETRY, push.done, "an error of ours")
            if receipt.outcome in (Outcome.RETRY, Outcome.BARRED) and push.attempts < PUSH_TRIES:
                await pushes.failed(self.pool, push_id)
                metrics.RETRIES.labels("push").inc()
                pause = max(receipt.retry_after or 0, min(5 * 2**push.attempts, 14_400))
                raise RetryLater(pause, f"push: {receipt.detail}")
            log.info("push done", outcome=receipt.outcome.value, detail=receipt.detail)
            if receipt.outcome is Outcome.UNREACHABLE and (person := push.messages[0].get("person")):
                await customers.mark_unreachable(self.pool, person)
            if receipt.outcome is Outcome.LATE and (push.kind != "alert" or f"-{QUOTA}:" in push.key):
                # An alert of last week helps nobody, but that there are no more this month; a result still does.
                await pushes.wait(self.pool, push_id)
                return
            await self._over(push, PushOutcome(receipt.outcome.value))

    async def _still(self, push: Push) -> Push:
        """What of a push is still worth saying; without messages when nothing is, and then it is over.

        Raises RetryLater while nobody can tell.
        """
        assert push.messages is not None, "it is not over"
        now = self.clock()
        left = push.messages if push.until is None or now < push.until else []
        if left and push.key.startswith(REMINDER):
            left = await self.services.reminders.still(self.pool, push, now)
        if not left:
            await self._over(push, PushOutcome.OUTDATED)
            return replace(push, messages=None)
        if left != push.messages:
            await pushes.say_instead(self.pool, push.id, orjson.dumps(left).decode())
        return replace(push, messages=left)

    async def give_up_old(self, age: timedelta) -> None:
        """End what has waited until it was of no use to anybody, or for longer than `age`."""
        for (channel, kind), count in (await pushes.give_up_old(self.pool, age)).items():
            _give_up(channel, kind, PushOutcome.OUTDATED.value, count)

    async def _over(self, push: Push, outcome: PushOutcome) -> None:
        await pushes.over(self.pool, push.id, outcome)
        if outcome not in (PushOutcome.DELIVERED, PushOutcome.UNKNOWN):
            _give_up(push.channel, push.kind, outcome.value)

    def _asleep(self) -> float:
        """Seconds until the quiet hours are over; 0 when it is no such hour."""
        now = self.clock()
        until = self.services.reminders.sleeps_until(now)
        return (until - now).total_seconds() if until else 0

    async def _spent(self, channel: str) -> bool:
        """Whether this month's plan has no push left for what nobody waits for. Unknown is no reason to keep quiet."""
        usage = None
        if not self.brands[channel].pushes_are_free:
            usage = await self.services.allowance.usage(self.clock())
        return usage is not None and usage.free is not None and usage.used >= usage.free

    def _rendered(self, channel: Outbound, stored: list[dict[str, Any]]) -> list[Rendered]:
        if all("text" in message for message in stored):  # Services say things in neutral texts.
            choices = tuple(
                Button(label, Go(command=command))
                for message in stored
                for label, command in message.get("choices", ())
            )
            runs = tuple(Button(label, Run(line=line)) for message in stored for label, line in message.get("runs", ()))
            said = tuple(
                reminder_message(message)
                if "reminder" in message
                else present_card(**message["present"])
                if "present" in message
                else Text(message["text"])
                for message in stored
            )
            reply = Reply(said, (*choices, *runs))
            if "person" not in stored[0]:
                return channel.render(reply, menu_tap)
            person, packer = stored[0]["person"], self.packer
            return channel.render(reply, lambda action: packer.pack(action, person=person, now=self.clock()))
        return loaded(stored)


def _give_up(channel: str, what: str, why: str, count: int = 1) -> None:
    """Count and log what nobody will get, and not who."""
    metrics.GIVEN_UP.labels(channel, what, why).inc(count)
    log.info("given up", channel=channel, what=what, why=why, count=count)


def key_of(key: str) -> UUID:
    """The same id for every try of the same messages."""
    return uuid5(NAMESPACE_URL, f"giftdesk:{key}")


def milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)


def dumped(messages: list[Rendered]) -> list[dict[str, Any]]:
    return [{"message": each.message, "plain": each.plain} for each in messages]


def loaded(messages: list[dict[str, Any]]) -> list[Rendered]:
    return [Rendered(each["message"], each["plain"]) for each in messages]


def where_raised(error: BaseException) -> str:
    """File and line of the innermost frame that is ours."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if found := re.search(r"(?:bot|handlers)/[\w/]+\.py$", code.co_filename):
            places.append(f"{found.group()}:{trace.tb_lineno}")
        trace = trace.tb_next
    return places[-1] if places else "outside"

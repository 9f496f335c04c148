"""A turn commits everything or nothing, once, whoever else runs it and whatever it trips over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from chat import Chat
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from bot.apis.poshen import PoshenApi, RedemptionCode
from bot.channels import Delivery, Outcome, Receipt
from bot.conversation.events import SentSticker
from bot.delivery import TRIES
from bot.jobs import RetryLater
from bot.storage import customers, inbox
from bot.storage import pool as pools
from bot.turn import Turns
from engine.desk import Accepted, Crash, Deliver, Desk, references

CODE = "WELCOME2026"
PUSH = "line:POST /v2/bot/message/push"


class Around(PoshenApi):
    """Poshen with something of a test's own before each look-up."""

    def __init__(self, inner: PoshenApi, before: Callable[[], Awaitable[None]]) -> None:
        super().__init__(inner.upstream)
        self.before = before

    async def find(self, code: str) -> RedemptionCode | None:
        await self.before()
        return await super().find(code)


def looking_up(desk: Desk, before: Callable[[], Awaitable[None]], **changes: Any) -> Turns:
    """The turns with `before` ahead of every look-up of a code."""
    poshen = desk.turns.apis.poshen
    assert poshen is not None
    return replace(desk.turns, apis=replace(desk.turns.apis, poshen=Around(poshen, before)), **changes)


async def breaks() -> None:
    raise RuntimeError(f"a bug that quotes {CODE}")


async def known(desk: Desk, channel: str = "line") -> Chat:
    chat = desk.chat(channel)
    await chat.say("選單")
    return chat


def receipts(chat: Chat) -> int:
    chat.look()
    return sum(bool(references(item.message)) for item in chat.everything)


async def claims(desk: Desk) -> int:
    return int(await desk.pool.fetchval("SELECT count(*) FROM claims"))


# ── commit ───────────────────────────────────────────────────────────────────────────────────


async def test_effects_and_reply_are_committed_together(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies where the reply is stored: the claim is not there either, and the next run makes it."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))

    async def dies(*_: Any, **__: Any) -> bool:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(inbox, "finish", dies)
        with pytest.raises(Crash):
            await desk.run()
    assert await claims(desk) == 0
    assert (await desk.event())["state"] == "new"

    await desk.run()
    assert receipts(chat) == await claims(desk) == 1


async def test_an_event_that_is_run_by_two_workers_counts_once(desk: Desk) -> None:
    """A slow worker whose job was given away, and the one that got it: one claim, one receipt."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    number = (await desk.event())["id"]
    both = asyncio.Barrier(2)

    async def together() -> None:
        await both.wait()

    turns = looking_up(desk, together)
    ended = await asyncio.gather(turns.take(number), turns.take(number), return_exceptions=True)
    assert sum(isinstance(each, RetryLater) for each in ended) == 1

    await desk.run()
    assert receipts(chat) == await claims(desk) == 1


async def test_only_the_first_of_two_workers_commits(desk: Desk) -> None:
    """Also where there is no customer whose version could tell, as in groups."""
    desk.post(desk.chat("line").phone.says_in_group("C" + "1" * 32, "選單"))
    number = (await desk.event())["id"]

    assert await inbox.finish(desk.pool, number, None, desk.clock(), reply=None, outcome=inbox.EventOutcome.SILENT)
    assert not await inbox.finish(desk.pool, number, None, desk.clock(), reply=None, outcome=inbox.EventOutcome.SILENT)


async def test_a_reply_that_is_delivered_by_two_workers_is_read_once(desk: Desk) -> None:
    """Both find it committed and deliver; the reply token works for one of them only."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    number = (await desk.event())["id"]

    async def dies(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
        raise Crash

    with pytest.raises(Crash):
        await desk.run(desk.wrapped("line", dies))
    await asyncio.gather(desk.turns.take(number), desk.turns.take(number))

    assert receipts(chat) == 1
    assert (await desk.event())["outcome"] == "delivered"


async def test_an_answer_that_another_worker_has_delivered_is_not_pushed_as_well(desk: Desk) -> None:
    """The platform refused the slower one, which had been taken for dead: by then the customer had read it."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    number = (await desk.event())["id"]

    async def too_late(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
        await desk.turns.take(number)
        return Receipt(Outcome.BARRED, 0, "credentials")

    await desk.wrapped("line", too_late).take(number)
    await desk.run()

    assert receipts(chat) == 1
    assert (await desk.event())["outcome"] == "delivered"


async def test_an_answer_whose_token_another_worker_used_is_not_pushed(desk: Desk) -> None:
    """The slower of two workers finds the token spent: a second push would say the same again."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    number = (await desk.event())["id"]

    async def overtaken(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
        if delivery.reply_token:
            await desk.turns.take(number)
        return await deliver(delivery, accepted)

    await desk.wrapped("line", overtaken).take(number)
    await desk.run()

    assert receipts(chat) == 1
    assert [item.via for item in chat.everything if references(item.message)] == ["reply"]
    assert (await desk.event())["outcome"] == "delivered"


async def test_an_answer_that_two_workers_end_is_counted_once(desk: Desk) -> None:
    """Both believe they have delivered it; only one of them ends the event."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    number = (await desk.event())["id"]

    def answered() -> float:
        return REGISTRY.get_sample_value("giftdesk_answered_seconds_count", {"channel": "line"}) or 0

    async def overtaken(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
        await desk.turns.take(number)
        return Receipt(Outcome.DELIVERED, 1)

    before = answered()
    with capture_logs() as logged:
        await desk.wrapped("line", overtaken).take(number)

    assert receipts(chat) == 1
    assert answered() == before + 1
    assert sum(entry["event"] == "event done" for entry in logged) == 1


async def test_an_event_that_is_over_is_not_run_again(desk: Desk) -> None:
    """A job that comes back after its event ended finds nothing to do."""
    chat = await known(desk)
    await chat.say(CODE)
    calls = len(desk.sandbox.calls())
    await desk.turns.take((await desk.event())["id"])

    assert len(desk.sandbox.calls()) == calls
    assert await desk.pool.fetchval("SELECT count(*) FROM pushes") == 0


async def test_a_customer_who_changed_meanwhile_is_read_again(desk: Desk) -> None:
    """Another process saved them during the turn: the turn runs again, and both changes are there."""
    chat = await known(desk)
    rounds = 0

    async def somebody_else() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            await desk.pool.execute(
                "UPDATE customers SET unsubscribed_at = now(), locale = 'en', version = version + 1"
            )

    desk.post(chat.phone.says(CODE))
    await desk.run(looking_up(desk, somebody_else))

    assert rounds == 2
    assert receipts(chat) == await claims(desk) == 1
    row = await desk.pool.fetchrow("SELECT locale, unsubscribed_at FROM customers")
    assert row["locale"] == "en"
    assert row["unsubscribed_at"] is not None


async def test_what_was_written_is_forgotten_once_it_is_answered(desk: Desk) -> None:
    """Neither the message nor the answer is kept longer than it is needed."""
    chat = await known(desk)
    await chat.say(CODE)
    row = await desk.event()

    assert (row["payload"], row["reply"]) == (None, None)


async def test_a_turn_that_runs_again_counts_its_text_once(desk: Desk) -> None:
    """And keeps it once: both come with the commit."""
    desk.desk(keeps_unclear=True)
    chat = await known(desk)
    desk.turns.services.unclear.counted.clear()
    finish, rounds = inbox.finish, 0

    async def too_late(*args: Any, **values: Any) -> bool:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            await desk.pool.execute("UPDATE customers SET version = version + 1")
        return await finish(*args, **values)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(inbox, "finish", too_late)
        await chat.say("幾點打烊")

    assert rounds == 2
    assert desk.turns.services.unclear.counted == {"heard": 1, "chips": 1}
    assert await desk.pool.fetchval("SELECT count(*) FROM unclear") == 1


async def test_what_is_not_understood_costs_no_statement_more(desk: Desk) -> None:
    """Neither to count it nor to keep it: the one that commits the answer writes it."""
    desk.desk(keeps_unclear=True)
    chat = await known(desk)
    statements: dict[str, list[str]] = {"選單": [], "幾點打烊": []}
    pool = await pools.connect(desk.database, size=1)
    for text, seen in statements.items():
        desk.post(chat.phone.says(text))

        def note(record: Any, seen: list[str] = seen) -> None:
            seen.append(record.query)

        async with pool.acquire() as connection:
            connection.add_query_logger(note)
        await replace(desk.turns, pool=pool).take((await desk.event())["id"])
        async with pool.acquire() as connection:
            connection.remove_query_logger(note)
    await pool.close()

    assert await desk.pool.fetchval("SELECT text FROM unclear") == "幾點打烊"
    assert [len(seen) for seen in statements.values()] == [3, 3]  # begin, finish, delivered


# ── order ────────────────────────────────────────────────────────────────────────────────────


async def test_an_event_waits_for_its_elder(desk: Desk) -> None:
    """Taken by a worker that does not hold the chat's lock, the younger one is put back."""
    chat = await known(desk)
    desk.post(chat.phone.says("選單"))
    desk.post(chat.phone.says(CODE))
    younger = (await desk.event())["id"]

    with pytest.raises(RetryLater):
        await desk.turns.take(younger)
    assert desk.sandbox.calls("poshen") == []
    assert await claims(desk) == 0


async def test_an_event_waits_until_its_elders_answer_is_delivered(desk: Desk) -> None:
    """A committed answer that is still on its way is not overtaken."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    desk.post(chat.phone.says("選單"))
    desk.sandbox.fault("line:POST /v2/bot/message/reply", status=500, times=1)
    elder, younger = (await desk.event(1))["id"], (await desk.event())["id"]

    with pytest.raises(RetryLater):
        await desk.turns.take(elder)
    assert (await desk.event(1))["state"] == "ready"
    with pytest.raises(RetryLater):
        await desk.turns.take(younger)


async def test_another_chats_event_is_no_elder(desk: Desk) -> None:
    """One person's trouble keeps nobody else waiting."""
    stuck, other = await known(desk), await known(desk)
    desk.post(stuck.phone.says("選單"))
    desk.post(other.phone.says("選單"))
    await desk.turns.take((await desk.event())["id"])

    assert other.look()


# ── failures ─────────────────────────────────────────────────────────────────────────────────


async def test_an_event_that_keeps_failing_is_held_with_one_apology(desk: Desk) -> None:
    """Three tries, then the customer is told once that nothing is lost."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    await desk.run(looking_up(desk, breaks))

    chat.look()
    assert len(chat.shown) == 1
    assert chat.said("Something went wrong on our side. Nothing is lost — our team will look into it.")
    row = await desk.event()
    assert (row["state"], row["attempts"]) == ("done", TRIES)
    assert row["held_at"] is not None
    assert desk.paused == [1.0, 4.0]


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.DiskFullError("no space left on device"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.InternalClientError("got result for unknown protocol state"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_database_that_is_full_busy_or_moving_holds_no_event(desk: Desk, error: Exception) -> None:
    """That says nothing about what the customer wrote: it is answered once the database is well."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))

    async def unwell() -> None:
        raise error

    for _ in range(2 * TRIES):
        with pytest.raises(type(error)):
            await desk.step(looking_up(desk, unwell))
    await desk.run()

    assert receipts(chat) == await claims(desk) == 1
    assert await inbox.held(desk.pool) == []


async def test_the_chat_goes_on_after_a_held_event(desk: Desk) -> None:
    """The next message is answered, also when it was there before."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    desk.post(chat.phone.says("選單"))
    await desk.run(looking_up(desk, breaks))

    assert len(chat.look()) == 2
    await chat.say("選單")
    assert chat.shown


async def test_a_failure_after_another_workers_answer_is_no_reason_to_apologise(desk: Desk) -> None:
    """A worker that was taken for dead fails for the third time: by now the customer has their answer."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    number = (await desk.event())["id"]
    await desk.pool.execute("UPDATE events SET attempts = $2 WHERE id = $1", number, TRIES - 1)

    async def too_late() -> None:
        await desk.turns.take(number)
        raise RuntimeError("a bug")

    with pytest.raises(RetryLater):
        await looking_up(desk, too_late).take(number)
    await desk.run()

    assert (receipts(chat), len(chat.shown)) == (1, 1)
    assert await desk.pool.fetchval("SELECT count(*) FROM pushes") == 0


async def test_staff_are_told_of_held_events_once_an_hour(desk: Desk) -> None:
    """Two events, two admins, one alert each."""
    chat = await known(desk)
    for _ in range(2):
        desk.post(chat.phone.says(CODE))
        await desk.run(looking_up(desk, breaks))

    staff = [desk.sandbox.people.find(channel, "staff") for channel in ("line", "messenger")]
    assert [len(desk.sandbox.sent(person.channel, person.id)) for person in staff if person] == [1, 1]


async def test_a_held_event_is_answered_once_its_reason_is_mended(desk: Desk) -> None:
    """What the customer wrote was kept; released, it is handled as if it had just come."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    await desk.run(looking_up(desk, breaks))
    desk.ahead(hours=2)

    assert await inbox.release_held(desk.pool) == 1
    await desk.run()
    assert receipts(chat) == await claims(desk) == 1
    assert await inbox.held(desk.pool) == []


async def test_an_apology_does_not_stand_in_for_the_later_answer(desk: Desk) -> None:
    """Both are pushed, because the token is long dead: each has a retry key of its own."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    desk.ahead(minutes=2)
    await desk.run(looking_up(desk, breaks))
    await inbox.release_held(desk.pool)
    await desk.run()

    assert [item.via for item in chat.look()] == ["push", "push"]
    assert receipts(chat) == 1


async def test_a_held_event_can_fail_and_be_held_again(desk: Desk) -> None:
    """Released too early, it gets its three tries and is held once more."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    for _ in range(2):
        await desk.run(looking_up(desk, breaks))
        assert len(await inbox.held(desk.pool)) == 1
        assert await inbox.release_held(desk.pool) == 1
    await desk.run()

    assert await claims(desk) == 1


async def test_an_event_that_is_held_again_and_again_brings_one_apology(desk: Desk) -> None:
    """Each `giftdesk held --retry` that comes too early would else repeat it."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    for _ in range(3):
        await desk.run(looking_up(desk, breaks))
        assert len(await inbox.held(desk.pool)) == 1
        assert await inbox.release_held(desk.pool) == 1
    assert len(chat.look()) == 1
    assert chat.said("Something went wrong on our side. Nothing is lost — our team will look into it.")

    await desk.run()
    assert receipts(chat) == await claims(desk) == 1


async def test_whoever_could_not_be_told_at_first_is_told_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's event was held before their row could be made: they have heard of nothing yet."""
    chat = desk.chat("line")
    desk.post(chat.phone.says(CODE))

    async def cannot(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(customers, "add", cannot)
        await desk.run()
    assert chat.look() == []
    await inbox.release_held(desk.pool)

    for _ in range(2):
        await desk.run(looking_up(desk, breaks))
        await inbox.release_held(desk.pool)
    assert len(chat.look()) == 1
    assert chat.said("Something went wrong on our side. Nothing is lost — our team will look into it.")


async def test_an_event_that_nobody_answers_is_no_failure(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind without a handler is passed over at once, not tried three times and held."""
    chat = await known(desk)
    monkeypatch.delitem(desk.turns.dispatcher.routes.events, SentSticker)

    await chat.do(chat.phone.sends_sticker())

    assert chat.shown == []
    row = await desk.event()
    assert (row["state"], row["outcome"], row["attempts"], row["held_at"]) == ("done", "silent", 0, None)


async def test_a_failure_on_the_last_line_leaves_nothing_half_done(desk: Desk) -> None:
    """The handler has claimed when the turn fails: the claim is undone with it."""
    chat = await known(desk)

    def cannot(*_: Any) -> Any:
        raise RuntimeError("rendering")

    @dataclass
    class Mute:
        inner: Any

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def render(self, *_: Any) -> Any:
            raise RuntimeError("rendering")

    broken = replace(desk.turns, outbound={**desk.turns.outbound, "line": Mute(desk.turns.outbound["line"])})
    desk.post(chat.phone.says(CODE))
    with pytest.raises(RetryLater):
        await broken.take((await desk.event())["id"])

    assert desk.sandbox.calls("poshen"), "the handler ran"
    assert await claims(desk) == 0


async def test_a_failure_is_logged_without_what_the_customer_wrote(desk: Desk) -> None:
    """The place is logged, never the words of the exception."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    with capture_logs() as logged:
        await desk.run(looking_up(desk, breaks))

    assert any(entry["event"] == "turn failed" for entry in logged)
    assert CODE not in str(logged)
    assert chat.user not in str(logged)


async def test_an_event_of_a_channel_that_is_off_waits(desk: Desk) -> None:
    """Somebody removed the credentials for a while: nothing is lost."""
    chat = await known(desk, "messenger")
    desk.post(chat.phone.says(CODE))
    off = replace(desk.turns, outbound={"line": desk.turns.outbound["line"]})
    await desk.step(off)
    assert desk.paused == [60.0]

    await desk.run()
    assert receipts(chat) == 1


async def test_an_unknown_event_number_is_nothing_to_do(desk: Desk) -> None:
    """Its row was cleaned up: the job just ends."""
    await desk.turns.take(999_999_999)


# ── slow vendors ─────────────────────────────────────────────────────────────────────────────


async def test_a_chatty_answer_that_takes_long_waits_behind_a_button(desk: Desk) -> None:
    """The free reply says "still checking"; one tap shows the list, which cost no paid message."""
    chat = await known(desk)
    desk.sandbox.mantago.put_client("line", chat.user, {"tickets": [], "physicalGifts": [], "virtualGifts": []})
    desk.sandbox.fault("mantago", delay_ms=700, times=1)
    desk.post(chat.phone.says("我的獎品"))
    await desk.run(replace(desk.turns, patience=timedelta(milliseconds=300)))
    chat.look()
    assert chat.said("Still checking — one moment.")
    assert (await desk.event())["state"] == "parked"

    await chat.tap("See result")
    assert chat.said("No gifts yet. Join a campaign or redeem a code to get some.")
    assert desk.sandbox.calls("line", "POST /v2/bot/message/push") == []


async def test_a_receipt_that_takes_long_is_pushed(desk: Desk) -> None:
    """After "still checking" the receipt comes by itself: it is worth a paid message."""
    chat = await known(desk)
    desk.sandbox.fault("poshen", delay_ms=700, times=1)
    desk.post(chat.phone.says(CODE))
    await desk.run(replace(desk.turns, patience=timedelta(milliseconds=300)))

    assert [item.via for item in chat.look()] == ["reply", "push"]
    assert receipts(chat) == await claims(desk) == 1


async def test_the_next_event_does_not_overtake_a_slow_one(desk: Desk) -> None:
    """While somebody's answer is being looked for, their next message waits."""
    chat = await known(desk)
    desk.sandbox.fault("poshen", delay_ms=300, times=1)
    desk.post(chat.phone.says(CODE))
    desk.post(chat.phone.says("選單"))
    numbers = [(await desk.event(1))["id"], (await desk.event())["id"]]
    ended = await asyncio.gather(*(desk.turns.take(number) for number in numbers), return_exceptions=True)

    assert [isinstance(each, RetryLater) for each in ended] == [False, True]

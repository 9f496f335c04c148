"""A reminder is queued and sent once, whatever dies, however many look, and never beyond the month's budget."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from chat import Chat

from bot.channels import Delivery, Receipt
from bot.jobs import RetryLater
from bot.storage import customers, reminders
from bot.turn import Turns
from bot.understanding import hours
from engine.desk import Accepted, Crash, Deliver, Desk, until
from engine.shopping import shopper, wish
from sandbox.altegio import ENDING_PHONE

OTHER_PHONE = "886922222222"
PUSH = "POST /v2/bot/message/push"


def reminding(desk: Desk, **changes: Any) -> Turns:
    """The desk's turns at a brand that reminds, by day and by night."""
    services = desk.turns.services
    ours = replace(services.reminders, **{"on": True, "quiet": None, "budget": 100, **changes})
    desk.having(services=replace(services, reminders=ours))
    desk.desk(reminds=3)
    return desk.turns


async def wishing(desk: Desk, channel: str = "line", phone: str = ENDING_PHONE) -> Chat:
    """A customer with a card that ends in three days, who wants to be reminded."""
    chat = desk.chat(channel)
    await chat.say("選單")
    async with desk.pool.acquire() as connection, connection.transaction():
        linking = desk.turns.services.linking
        code = await linking.new_code(connection, phone, staff="line:staff", now=desk.clock())
    await chat.say(f"綁定 {code}")
    await chat.say("到期前提醒我")
    desk.sandbox.journal.calls.clear()
    return chat


async def plan(desk: Desk, **how: Any) -> int:
    return await desk.turns.services.reminders.plan(desk.pool, desk.clock(), **how)


async def told(chat: Chat) -> int:
    """How many reminders this person has on screen, ever."""
    chat.look()
    return sum("月餅禮盒卡" in str(item.message) for item in chat.everything)


async def test_once_a_day_whoever_plans(desk: Desk) -> None:
    """Every worker, every hour: one look a day, and one reminder for ever."""
    reminding(desk)
    chat = await wishing(desk)
    planned = await asyncio.gather(*(plan(desk) for _ in range(5)))
    assert sorted(planned) == [0, 0, 0, 0, 1]
    await desk.run()
    assert await plan(desk) == 0
    assert await told(chat) == 1

    desk.ahead(days=1)
    assert await plan(desk) == 1
    await desk.run()
    assert await told(chat) == 1
    assert await desk.pool.fetchval("SELECT sum(used) FROM push_budgets") == 1


async def test_who_stops_them_while_a_vendor_is_asked_gets_none(desk: Desk) -> None:
    """The wish was there when the look began, and is not when it ends."""
    turns = reminding(desk)
    await wishing(desk)
    await plan(desk)
    wish, number = await desk.pool.fetchrow("SELECT id, customer_id FROM reminder_wishes")
    desk.turns.services.giftcards.forget()
    desk.sandbox.fault("altegio", delay_ms=300)
    looking = asyncio.create_task(turns.remind(wish))
    await until(lambda: desk.sandbox.calls("altegio"))
    customer = await customers.by_id(desk.pool, number)
    async with desk.pool.acquire() as connection, connection.transaction():
        assert customer is not None and await reminders.stop(connection, customer)
    await looking

    assert await desk.pool.fetchval("SELECT count(*) FROM reminders") == 0
    assert await desk.pool.fetchval("SELECT count(*) FROM push_budgets") == 0


async def test_two_workers_with_one_look_tell_it_once(desk: Desk) -> None:
    """One of them has been taken for dead, and lives."""
    turns = reminding(desk)
    chat = await wishing(desk)
    await plan(desk)
    wish = await desk.pool.fetchval("SELECT id FROM reminder_wishes")
    await asyncio.gather(*(turns.remind(wish) for _ in range(4)))
    await desk.run()

    assert await told(chat) == 1
    assert await desk.pool.fetchval("SELECT used FROM push_budgets") == 1


async def test_a_kill_before_the_commit_looks_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a look that died is there: no reminder, and nothing taken from the budget."""
    reminding(desk)
    chat = await wishing(desk)
    await plan(desk)

    async def dies(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as dying:
        dying.setattr(reminders, "looked", dies)
        with pytest.raises(Crash):
            await desk.run()
    assert await desk.pool.fetchval("SELECT count(*) FROM reminders") == 0
    assert await desk.pool.fetchval("SELECT count(*) FROM push_budgets") == 0
    await desk.run()

    assert await told(chat) == 1


async def test_a_kill_after_the_push_says_it_once(desk: Desk) -> None:
    """LINE had it: the retry key tells."""
    reminding(desk)
    chat = await wishing(desk)
    await plan(desk)

    async def dies(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
        await deliver(delivery, accepted)
        raise Crash

    with pytest.raises(Crash):
        await desk.run(desk.wrapped("line", dies))
    await desk.run()

    assert await told(chat) == 1
    assert [call.status for call in desk.sandbox.calls("line", PUSH)] == [200, 409]


async def test_a_look_without_its_job_gets_one(desk: Desk) -> None:
    """The sweep finds it."""
    reminding(desk)
    chat = await wishing(desk)
    await plan(desk)
    await desk.pool.execute("DELETE FROM pgqueuer")
    assert await reminders.requeue_orphans(desk.pool) == 0, "it may be on its way"
    await desk.pool.execute("UPDATE reminder_wishes SET due_at = due_at - interval '5 minutes'")
    assert await reminders.requeue_orphans(desk.pool) == 1
    await desk.run()

    assert await told(chat) == 1


async def test_a_vendor_that_is_down_postpones_it(desk: Desk) -> None:
    """A quarter of an hour, and again, until it says."""
    turns = reminding(desk)
    chat = await wishing(desk)
    desk.turns.services.giftcards.forget()
    desk.sandbox.fault("altegio", status=503)
    await plan(desk)
    await desk.step()
    assert desk.paused == [900]
    assert await told(chat) == 0

    desk.mend()
    await desk.run(turns)
    assert await told(chat) == 1


async def test_what_is_spent_between_the_look_and_the_push_is_not_told(desk: Desk) -> None:
    """It is asked again right before."""
    turns = reminding(desk)
    chat = await wishing(desk)
    await plan(desk)
    await desk.step()
    desk.sandbox.altegio.cards[ENDING_PHONE][680001][0]["balance"] = 0
    desk.turns.services.giftcards.forget()
    await desk.run(turns)

    assert await told(chat) == 0
    assert await desk.pool.fetchval("SELECT outcome FROM pushes WHERE key LIKE 'reminder:%'") == "outdated"


async def test_who_stops_them_between_the_look_and_the_push_gets_none(desk: Desk) -> None:
    """Not even the one on its way."""
    reminding(desk)
    chat = await wishing(desk)
    await plan(desk)
    await chat.say("不要再提醒")  # The look is made first, then this is answered, and then there is nothing to push.
    assert await desk.pool.fetchval("SELECT outcome FROM pushes WHERE key LIKE 'reminder:%'") == "outdated"

    assert await told(chat) == 0


async def test_nobody_is_woken(desk: Desk) -> None:
    """From nine in the evening to nine in the morning of the brand's zone, also after midnight; then it goes on."""
    zone = desk.settings.zone
    quiet = hours.parse("daily 21:00-09:00", zone)
    turns = reminding(desk, quiet=quiet)
    await wishing(desk)
    at = {hour: datetime.combine(date(2026, 12, 1), time(hour), zone) for hour in (8, 9, 20, 21, 23)}
    ours = turns.services.reminders
    assert [hour for hour, moment in at.items() if ours.sleeps_until(moment) is None] == [9, 20]
    assert ours.sleeps_until(at[23]) == at[9].astimezone(UTC) + timedelta(days=1)
    assert await ours.plan(desk.pool, at[23]) == 0

    await ours.plan(desk.pool, at[20])
    wish = await desk.pool.fetchval("SELECT id FROM reminder_wishes")
    with pytest.raises(RetryLater) as later:
        await ours.look(desk.pool, wish, at[23])
    assert later.value.delay == timedelta(hours=10)


async def test_a_push_that_came_into_the_night_waits_for_the_morning(desk: Desk) -> None:
    """LINE was down in the evening."""
    reminding(desk)
    chat = await wishing(desk)
    await plan(desk)
    await desk.step()
    here = desk.clock().astimezone(desk.settings.zone)
    around = f"{(here - timedelta(hours=1)):%H:%M}-{(here + timedelta(hours=2)):%H:%M}"
    turns = reminding(desk, quiet=hours.parse(f"daily {around}", desk.settings.zone))
    await desk.step(turns)
    assert len(desk.paused) == 1 and 3_600 < desk.paused[0] <= 7_200
    assert await told(chat) == 0

    await desk.run(reminding(desk))
    assert await told(chat) == 1


async def test_a_budget_is_kept_by_all_workers_together(desk: Desk) -> None:
    """Fifty at the same moment for a budget of seven, and another month begins anew."""
    month, following = date(2026, 12, 1), date(2027, 1, 1)

    async def take(of: date, most: int) -> bool:
        async with desk.pool.acquire() as connection, connection.transaction():
            return await reminders.take(connection, of, most)

    taken = await asyncio.gather(*(take(month, 7) for _ in range(50)))
    assert sum(taken) == await reminders.used(desk.pool, month) == 7
    assert await take(following, 1)
    assert not await take(following, 1)
    assert not await take(date(2027, 2, 1), 0)
    assert await reminders.used(desk.pool, date(2027, 2, 1)) == 0


async def test_a_month_begins_at_the_brands_midnight(desk: Desk) -> None:
    """Not at that of Greenwich."""
    ours = desk.turns.services.reminders
    assert ours.month(datetime(2026, 11, 30, 15, 59, tzinfo=UTC)) == date(2026, 11, 1)
    assert ours.month(datetime(2026, 11, 30, 16, 0, tzinfo=UTC)) == date(2026, 12, 1)


async def test_when_the_budget_is_used_up_the_next_waits_for_its_reader(desk: Desk) -> None:
    """The first of two is pushed; the other comes with an answer, and takes nothing."""
    reminding(desk, budget=1)
    desk.sandbox.altegio.cards[OTHER_PHONE] = desk.sandbox.altegio.cards[ENDING_PHONE]
    first, second = await wishing(desk), await wishing(desk, phone=OTHER_PHONE)
    await plan(desk)
    await desk.run()
    assert [await told(first), await told(second)] == [1, 0]
    for chat in (first, second):
        await chat.say("選單")
    assert [await told(first), await told(second)] == [1, 1]
    assert await desk.pool.fetchval("SELECT used FROM push_budgets") == 1


async def test_a_used_up_plan_keeps_it_for_the_next_answer(desk: Desk) -> None:
    """LINE says that nothing is left: none is even tried."""
    reminding(desk)
    chat = await wishing(desk)
    desk.sandbox.line.monthly_limit = 0
    desk.turns.services.allowance.forget()
    await plan(desk)
    await desk.run()
    assert desk.sandbox.calls("line", PUSH) == []

    await chat.say("選單")
    assert await told(chat) == 1


async def test_what_ended_while_it_waited_is_given_up(desk: Desk) -> None:
    """A reminder of what is over helps nobody."""
    reminding(desk, budget=0)
    chat = await wishing(desk)
    await plan(desk)
    await desk.run()
    desk.ahead(days=4)
    await chat.say("選單")

    assert await told(chat) == 0
    assert await desk.pool.fetchval("SELECT outcome FROM pushes WHERE key LIKE 'reminder:%'") == "outdated"


async def test_of_two_things_only_what_holds_is_told(desk: Desk) -> None:
    """One was spent between the look and the push."""
    turns = reminding(desk)
    cards = desk.sandbox.altegio.cards[ENDING_PHONE][680001]
    cards.append({**cards[0], "id": 7, "type": {**cards[0]["type"], "title": "茶點卡"}})
    chat = await wishing(desk)
    await plan(desk)
    await desk.step()
    cards[0]["balance"] = 0
    desk.turns.services.giftcards.forget()
    await desk.run(turns)

    assert await told(chat) == 0
    assert "茶點卡" in str([item.message for item in chat.everything])


async def test_who_blocked_us_is_marked_by_it(desk: Desk) -> None:
    """And is not looked at the next day."""
    reminding(desk)
    chat = await wishing(desk, "messenger")
    desk.sandbox.people.put("messenger", chat.user, blocked=True)
    await plan(desk)
    await desk.run()
    assert await desk.pool.fetchval("SELECT outcome FROM pushes WHERE key LIKE 'reminder:%'") == "unreachable"

    desk.ahead(days=1)
    assert await plan(desk) == 0


async def test_the_end_that_got_it_tells_of_a_voucher_is_kept_and_reminded_of(desk: Desk) -> None:
    """As soon as it is issued; an answer without one promises nothing."""
    reminding(desk)
    endless = await shopper(desk)
    await endless.do(await wish(endless))
    desk.sandbox.gotit.good_for = timedelta(days=2)
    chat = await shopper(desk)
    await chat.do(await wish(chat))
    ends = [row["expires_at"] for row in await desk.pool.fetch("SELECT expires_at FROM issues ORDER BY id")]
    assert ends[0] is None
    assert timedelta(days=1.9) < ends[1] - desk.clock() <= timedelta(days=2)
    assert chat._.date(ends[1]) in chat.text
    await chat.tap("Remind me")
    await endless.say("remind me before it expires")
    await plan(desk)
    await desk.run()

    assert [chat._("Ends soon") in str([item.message for item in each.look()]) for each in (endless, chat)] == [
        False,
        True,
    ]

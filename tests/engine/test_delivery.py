"""A committed answer reaches its customer once, whatever the platform and our own process do meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from chat import Chat

from bot.channels import Delivery, Outcome, Receipt
from bot.delivery import PUSH_TRIES, TRIES
from bot.jobs import RetryLater
from bot.storage import pushes
from bot.telemetry import metrics
from engine.desk import Accepted, Crash, Deliver, Desk, references, until

CODE = "WELCOME2026"
REPLY = "line:POST /v2/bot/message/reply"
PUSH = "line:POST /v2/bot/message/push"
SEND = "messenger:POST /me/messages"
BAD_CARD = {"message": "A message (messages[0]) in the request body is invalid", "details": [{"property": "/hero/url"}]}


def statuses(desk: Desk, route: str) -> list[int]:
    upstream, _, rest = route.partition(":")
    return [call.status for call in desk.sandbox.calls(upstream, rest)]


def receipts(chat: Chat) -> int:
    """How many receipts this person has on screen, ever."""
    chat.look()
    return sum(bool(references(item.message)) for item in chat.everything)


async def known(desk: Desk, channel: str = "line") -> Chat:
    """A customer who has seen the notice already, so that answers are short."""
    chat = desk.chat(channel)
    await chat.say("選單")
    desk.sandbox.journal.calls.clear()
    return chat


async def claims(desk: Desk) -> int:
    return int(await desk.pool.fetchval("SELECT count(*) FROM claims"))


# ── crashes ──────────────────────────────────────────────────────────────────────────────────


async def dies_before(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
    """The process dies before the platform hears of it."""
    raise Crash


async def dies_after(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
    """The platform has it, and the process dies before it hears so."""
    await deliver(delivery, accepted)
    raise Crash


async def shut(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
    """Nobody can reach the platform."""
    return Receipt(Outcome.RETRY, 0, "no connection")


async def test_a_crash_before_the_delivery_only_delivers_again(desk: Desk, channel: str) -> None:
    """The claim is committed, the process dies, and another one brings the receipt: once."""
    chat = await known(desk, channel)

    desk.post(chat.phone.says(CODE))
    with pytest.raises(Crash):
        await desk.run(desk.wrapped(channel, dies_before))
    assert (await desk.event())["state"] == "ready"
    assert receipts(chat) == 0
    looked_up = len(desk.sandbox.calls("poshen"))

    await desk.run()
    assert receipts(chat) == await claims(desk) == 1
    assert len(desk.sandbox.calls("poshen")) == looked_up, "what was handled is not handled again"


async def test_a_crash_after_a_reply_does_not_say_it_twice(desk: Desk) -> None:
    """LINE has the reply, we never heard so: the used token tells, and nothing is pushed after it."""
    chat = await known(desk)

    desk.post(chat.phone.says(CODE))
    with pytest.raises(Crash):
        await desk.run(desk.wrapped("line", dies_after))
    await desk.run()

    assert receipts(chat) == 1
    assert statuses(desk, PUSH) == []
    assert (await desk.event())["outcome"] == "delivered"


async def test_a_crash_after_a_reply_is_remembered_when_line_cannot_be_reached(desk: Desk) -> None:
    """LINE has the reply and we never heard so; the next try finds the door shut, the one after a used token.

    The second try's "no connection" was counted, and must not make that token tell less than it did before.
    """
    chat = await known(desk)

    desk.post(chat.phone.says(CODE))
    with pytest.raises(Crash):
        await desk.step(desk.wrapped("line", dies_after))
    await desk.step(desk.wrapped("line", shut))
    assert desk.paused == [2.0]
    await desk.run()

    assert statuses(desk, REPLY) == [200, 400]
    assert statuses(desk, PUSH) == []
    assert receipts(chat) == 1
    assert (await desk.event())["outcome"] == "delivered"


async def test_what_may_have_arrived_is_not_pushed_while_its_token_can_tell(desk: Desk) -> None:
    """LINE has the reply and we never heard so; then its door is shut for longer than we usually wait."""
    chat = await known(desk)
    shut_for = 2 * TRIES

    desk.post(chat.phone.says(CODE))
    with pytest.raises(Crash):
        await desk.step(desk.wrapped("line", dies_after))
    for _ in range(shut_for):
        await desk.step(desk.wrapped("line", shut))
    await desk.run()

    assert statuses(desk, REPLY) == [200, 400]
    assert statuses(desk, PUSH) == []
    assert receipts(chat) == 1


async def test_a_long_pause_that_line_asks_for_is_not_spent_before_the_chat(desk: Desk) -> None:
    """Also when the reply may have arrived: the token would be too old by then, and could tell nothing."""
    chat = await known(desk)

    async def busy(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
        return Receipt(Outcome.RETRY, 0, "HTTP 429", retry_after=3_600)

    desk.post(chat.phone.says(CODE))
    with pytest.raises(Crash):
        await desk.step(desk.wrapped("line", dies_before))
    await desk.step(desk.wrapped("line", busy))
    assert (await desk.event())["outcome"] == "pushed later"


async def test_what_may_have_arrived_is_pushed_once_its_token_is_too_old(desk: Desk) -> None:
    """Nobody can tell any more, and to say nothing could lose it."""
    chat = await known(desk)

    desk.post(chat.phone.says(CODE))
    with pytest.raises(Crash):
        await desk.step(desk.wrapped("line", dies_before))
    for _ in range(TRIES + 1):
        await desk.step(desk.wrapped("line", shut))
    desk.ahead(minutes=1)
    await desk.run()

    assert statuses(desk, PUSH) == [200]
    assert receipts(chat) == 1


async def test_a_token_that_said_still_checking_is_no_witness(desk: Desk) -> None:
    """Two crashes: one after "still checking", which has used the token; one in the try of the answer."""
    chat = await known(desk)
    desk.having(patience=timedelta(seconds=0.1))
    desk.sandbox.fault("poshen", delay_ms=1_500, times=1)

    desk.post(chat.phone.says(CODE))
    turn = asyncio.create_task(desk.step())
    await until(lambda: statuses(desk, REPLY) == [200])
    turn.cancel()  # The process dies here: Poshen's answer is never heard.
    with suppress(asyncio.CancelledError):
        await turn
    assert (await desk.event())["state"] == "new"

    desk.having(patience=timedelta(seconds=20))
    with pytest.raises(Crash):
        await desk.run(desk.wrapped("line", dies_before))
    assert (await desk.event())["state"] == "ready"
    await desk.run()

    assert receipts(chat) == await claims(desk) == 1
    assert statuses(desk, PUSH) == [200]


async def test_a_crash_in_a_later_try_is_remembered_too(desk: Desk) -> None:
    """LINE refuses the first try, takes the second, and the process dies before it hears so."""
    chat = await known(desk)
    desk.sandbox.fault(REPLY, status=429, times=1)

    desk.post(chat.phone.says(CODE))
    await desk.step()
    with pytest.raises(Crash):
        await desk.step(desk.wrapped("line", dies_after))
    await desk.run()

    assert statuses(desk, REPLY) == [429, 200, 400]
    assert statuses(desk, PUSH) == []
    assert receipts(chat) == 1


async def test_a_token_whose_minute_began_before_we_heard_of_it_is_no_witness(desk: Desk) -> None:
    """The webhook reached us half a minute late (our web was down), the process died before it sent anything, and the
    next try finds the token invalid: of age, not used. The receipt comes as a push."""
    chat = await known(desk)

    said = chat.phone.says(CODE)
    desk.ahead(seconds=35)
    desk.post(said)
    with pytest.raises(Crash):
        await desk.step(desk.wrapped("line", dies_before))
    desk.ahead(seconds=30)
    await desk.run()

    assert statuses(desk, REPLY) == [400]
    assert statuses(desk, PUSH) == [200]
    assert receipts(chat) == await claims(desk) == 1


async def test_a_crash_after_a_push_does_not_say_it_twice(desk: Desk) -> None:
    """The retry key is made of the event, so LINE knows the second push as the first."""
    chat = await known(desk)

    desk.post(chat.phone.says(CODE))
    desk.ahead(minutes=2)
    with pytest.raises(Crash):
        await desk.run(desk.wrapped("line", dies_after))
    await desk.run()

    assert statuses(desk, PUSH) == [200, 409]
    assert receipts(chat) == 1
    assert (await desk.event())["outcome"] == "delivered"


async def test_a_crash_between_two_messages_goes_on_with_the_second(desk: Desk) -> None:
    """Messenger takes one message per call; those it took are not sent again."""
    chat = desk.chat("messenger")

    async def dies_after_one(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
        async def stop(done: int) -> None:
            assert accepted is not None
            await accepted(done)
            raise Crash

        return await deliver(delivery, stop)

    desk.post(chat.phone.follows())
    with pytest.raises(Crash):
        await desk.run(desk.wrapped("messenger", dies_after_one))
    assert len(chat.look()) == 1

    await desk.run()
    rest = chat.look()
    assert rest, "the welcome comes with the notice"
    everything = [item.raw for item in chat.everything]
    assert len(set(everything)) == len(everything)
    assert (await desk.event())["outcome"] == "delivered"


# ── LINE ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("trouble", [{"status": 500}, {"status": 503}, {"status": 429}])
async def test_a_reply_that_line_could_not_take_is_tried_again(desk: Desk, trouble: dict[str, Any]) -> None:
    """Not accepted means not used: the same token works a moment later."""
    chat = await known(desk)
    desk.sandbox.fault(REPLY, times=1, **trouble)
    await chat.say("選單")

    assert statuses(desk, REPLY) == [trouble["status"], 200]
    assert len(chat.shown) == 1
    assert desk.paused == [2.0]


async def test_a_reply_that_arrived_in_spite_of_an_error_is_not_repeated(desk: Desk) -> None:
    """LINE said 500 and delivered all the same: the second try finds the token used, and that is fine."""
    chat = await known(desk)
    desk.sandbox.fault(REPLY, status=500, after=True, times=1)
    await chat.say(CODE)

    assert statuses(desk, REPLY) == [500, 400]
    assert statuses(desk, PUSH) == []
    assert receipts(chat) == 1


async def test_the_platforms_own_pause_is_kept(desk: Desk) -> None:
    """Retry-After is obeyed."""
    chat = await known(desk)
    desk.sandbox.fault(REPLY, status=429, headers={"Retry-After": "7"}, times=1)
    await chat.say("選單")

    assert desk.paused == [7.0]


async def test_a_long_pause_is_not_spent_in_front_of_the_chat(desk: Desk) -> None:
    """What is of value comes after the pause by a job of its own; the chat goes on meanwhile."""
    chat = await known(desk)
    desk.sandbox.fault(REPLY, status=429, headers={"Retry-After": "3600"}, times=1)
    await chat.say(CODE)

    assert desk.paused == []
    assert statuses(desk, PUSH) == [200]
    assert receipts(chat) == 1
    assert (await desk.event())["outcome"] == "pushed later"


@pytest.mark.parametrize("shared", ["all", "ours"])
async def test_a_token_that_others_have_is_no_witness(desk: Desk, shared: str) -> None:
    """Another tool that has the event may have used it: a result goes on as a push, a list is parked."""
    chat = await known(desk)
    desk.desk(shared=shared)

    for text, after in ((CODE, 1), ("選單", 0)):
        said = chat.phone.says(text)
        desk.post(said)
        with pytest.raises(Crash):
            await desk.run(desk.wrapped("line", dies_before))
        assert desk.sandbox.line.says(said.json["events"][0]["replyToken"], [{"type": "text", "text": "theirs"}])
        seen = len(desk.sandbox.calls("line", "POST /v2/bot/message/push"))
        await desk.run()
        assert len(desk.sandbox.calls("line", "POST /v2/bot/message/push")) == seen + after

    assert receipts(chat) == await claims(desk) == 1
    assert (await desk.event())["state"] == "parked"


async def test_a_token_that_died_after_a_refused_try_is_no_witness(desk: Desk) -> None:
    """LINE took nothing (429), then calls the token invalid: the receipt is pushed, not taken for shown."""
    chat = await known(desk)
    invalid = {"message": "Invalid reply token"}
    desk.sandbox.fault(REPLY, status=429, headers={"Retry-After": "1"}, times=1)
    desk.sandbox.fault(REPLY, status=400, body=invalid, times=1)
    await chat.say(CODE)

    assert statuses(desk, REPLY) == [429, 400]
    assert statuses(desk, PUSH) == [200]
    assert receipts(chat) == 1


@pytest.mark.parametrize("route", [REPLY, SEND])
async def test_refused_credentials_lose_no_receipt(desk: Desk, route: str) -> None:
    """Staff are told, and what is of value comes once the token is mended."""
    chat = await known(desk, route.partition(":")[0])
    desk.sandbox.fault(route, status=401, body={}, times=1)
    await chat.say(CODE)

    assert receipts(chat) == 1
    alert = await desk.pool.fetchval("SELECT count(*) FROM pushes WHERE key LIKE 'alert:%-refused:%'")
    assert alert > 0


async def test_a_delivery_that_always_breaks_gives_way(desk: Desk) -> None:
    """An error of ours is tried again, then given up and told to staff; the next message is answered."""
    chat = await known(desk)

    async def breaks(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
        if delivery.reply_token is None:  # The alert to staff.
            return await deliver(delivery, accepted)
        raise TypeError("a bug")

    desk.post(chat.phone.says(CODE))
    await desk.run(desk.wrapped("line", breaks))
    assert (await desk.event())["outcome"] == "undeliverable"

    await chat.say(CODE)
    assert receipts(chat) == 1


async def test_a_valuable_answer_is_pushed_when_replies_keep_failing(desk: Desk) -> None:
    """When the token cannot tell any more, a job of its own brings it; each try of that has the same retry key."""
    chat = await known(desk)
    desk.sandbox.fault(REPLY, status=500)
    desk.sandbox.fault(PUSH, status=500, times=1)
    desk.sandbox.fault(PUSH, status=500, after=True, times=1)
    desk.post(chat.phone.says(CODE))
    for _ in range(4):
        await desk.step()
    assert statuses(desk, PUSH) == [], "one of those may have arrived after all, and the next would tell"
    desk.ahead(minutes=1)
    await desk.run()

    assert statuses(desk, REPLY) == [500, 500, 500, 500]
    assert statuses(desk, PUSH) == [500, 500, 409]
    keys = {call.headers.get("X-Line-Retry-Key") for call in desk.sandbox.calls("line", "POST /v2/bot/message/push")}
    assert len(keys) == 1
    assert None not in keys
    assert receipts(chat) == 1
    assert await desk.pool.fetchval("SELECT outcome FROM pushes") == "delivered"


async def test_a_chatty_answer_is_dropped_when_replies_keep_failing(desk: Desk) -> None:
    """A menu is not worth the brand's paid messages; the chat goes on."""
    chat = await known(desk)
    fault = desk.sandbox.fault(REPLY, status=500)
    await chat.say("選單")
    desk.sandbox.faults.active.remove(fault)

    assert statuses(desk, PUSH) == []
    assert (await desk.event())["state"] == "done"
    await chat.say("選單")
    assert chat.shown


async def test_a_chat_waits_for_an_answer_that_is_being_delivered(desk: Desk) -> None:
    """While a reply is tried again the next event of the chat does not overtake it."""
    chat = await known(desk)
    desk.sandbox.fault(REPLY, status=500, times=1)
    desk.post(chat.phone.says(CODE))
    desk.post(chat.phone.says("選單"))
    await desk.run()

    first, second = chat.look()
    assert references(first.message)
    assert not references(second.message)


async def test_a_valuable_answer_that_is_too_late_for_its_token_is_pushed(desk: Desk) -> None:
    """Tokens die after a minute; the receipt comes all the same, and no call is wasted on the token."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    desk.ahead(seconds=51)
    await desk.run()

    assert statuses(desk, REPLY) == []
    assert [item.via for item in chat.look()] == ["push"]


async def test_a_chatty_answer_that_is_too_late_for_its_token_is_not_sent(desk: Desk) -> None:
    """Nothing is called, nothing is paid, and the event is over."""
    chat = await known(desk)
    desk.post(chat.phone.says("選單"))
    desk.ahead(seconds=51)
    await desk.run()

    assert statuses(desk, REPLY) == statuses(desk, PUSH) == []
    assert (await desk.event())["outcome"] == "late"


async def test_a_token_that_died_early_is_made_up_for(desk: Desk) -> None:
    """LINE does not promise the minute: a dead token on the first try means a push, when it matters."""
    chat = await known(desk)
    desk.post(chat.phone.says(CODE))
    desk.sandbox.line.tokens.clear()
    await desk.run()

    assert statuses(desk, REPLY) == [400]
    assert [item.via for item in chat.look()] == ["push"]


async def test_a_chatty_answer_whose_token_died_early_waits_for_a_tap(desk: Desk) -> None:
    """Nothing is pushed for it; it may have gone into a "still checking", whose button asks for it."""
    chat = await known(desk)
    desk.post(chat.phone.says("選單"))
    desk.sandbox.line.tokens.clear()
    await desk.run()

    assert (statuses(desk, REPLY), statuses(desk, PUSH), chat.look()) == ([400], [], [])
    assert ((await desk.event())["state"], (await desk.event())["reply"] is None) == ("parked", False)


async def test_a_refused_card_is_sent_as_text_once(desk: Desk) -> None:
    """The customer reads the receipt as plain text, on the same token."""
    chat = await known(desk)
    desk.sandbox.fault(REPLY, status=400, body=BAD_CARD, times=1)
    await chat.say(CODE)

    assert statuses(desk, REPLY) == [400, 200]
    assert {item.message["type"] for item in chat.shown} == {"text"}
    assert references(chat.text)


async def test_a_text_that_is_refused_too_is_given_up(desk: Desk) -> None:
    """No loop: once as a card, once as text, and the event is over."""
    chat = await known(desk)
    desk.sandbox.fault(REPLY, status=400, body=BAD_CARD)
    await chat.say(CODE)

    assert statuses(desk, REPLY) == [400, 400]
    assert ((await desk.event())["state"], (await desk.event())["outcome"]) == ("done", "refused")


async def test_an_unknown_outcome_is_not_repeated(desk: Desk, channel: str) -> None:
    """Perhaps it arrived; saying a receipt twice would look like granting it twice."""
    chat = await known(desk, channel)
    tries = 0

    async def unheard(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
        nonlocal tries
        tries += 1
        return Receipt(Outcome.UNKNOWN, 0, "no answer")

    desk.post(chat.phone.says(CODE))
    await desk.run(desk.wrapped(channel, unheard))
    await desk.run()

    assert tries == 1
    assert (await desk.event())["outcome"] == "unknown"


async def test_a_push_keeps_its_retry_key_when_a_job_takes_it_over(desk: Desk) -> None:
    """Three tries without an answer, of which the first had arrived: the job's try must be known as the same."""
    chat = await known(desk)
    desk.sandbox.fault(PUSH, drop=True, after=True, times=1)
    desk.sandbox.fault(PUSH, drop=True, times=2)
    desk.post(chat.phone.says(CODE))
    desk.ahead(minutes=2)
    await desk.run()

    assert statuses(desk, PUSH) == [0, 0, 0, 409]
    assert receipts(chat) == 1


# ── LINE's plan is used up ───────────────────────────────────────────────────────────────────


async def spent(desk: Desk) -> Chat:
    """Somebody whose receipt could not be pushed: the month's paid messages are gone."""
    chat = await known(desk)
    desk.sandbox.line.monthly_limit = 0
    desk.post(chat.phone.says(CODE))
    desk.ahead(minutes=2)
    await desk.run()
    return chat


def pushed_to(desk: Desk, chat: Chat) -> list[int]:
    calls = desk.sandbox.calls("line", "POST /v2/bot/message/push")
    return [call.status for call in calls if call.json["to"] == chat.user]


async def test_what_a_used_up_plan_keeps_back_goes_with_the_next_answer(desk: Desk) -> None:
    """One try, then it waits; it stands above the next answer, in the same free reply, once."""
    chat = await spent(desk)
    assert pushed_to(desk, chat) == [429]
    assert (await desk.event())["outcome"] == "waiting"
    assert receipts(chat) == 0

    boss = desk.chat("messenger", "staff")
    desk.sandbox.people.put("messenger", "staff", window_open=True)
    told = [item for item in desk.sandbox.sent("messenger", boss.user) if "LINE" in str(item.message)]
    assert len(told) == 1, "owners hear of it where they can be reached"

    await chat.say("選單")
    assert [item.via for item in chat.shown] == ["reply"] * len(chat.shown)
    assert references(chat.shown[0].message)
    assert chat.said("What would you like to do?")
    await chat.say("選單")
    assert receipts(chat) == 1
    assert pushed_to(desk, chat) == [429], "it is no push any more"
    assert await desk.pool.fetchval("SELECT outcome FROM pushes WHERE recipient = $1", chat.user) == "delivered"


async def test_a_message_that_needs_no_answer_brings_what_waits_too(desk: Desk) -> None:
    """A yes to nothing: its reply token is as good as any."""
    chat = await spent(desk)
    await chat.say("好")
    assert len(chat.shown) == 1
    assert receipts(chat) == 1

    await chat.say("好")
    assert chat.shown == []


async def test_one_reply_holds_five_messages_and_the_rest_waits_on(desk: Desk) -> None:
    """The oldest first; what has no room comes with the answer after that."""
    chat = await known(desk)
    for number in range(7):
        await pushes.add(
            desk.pool,
            key=f"notice:{number}",
            channel="line",
            recipient=chat.user,
            messages=f'[{{"text": "第{number}則"}}]',
            waiting=True,
        )
    await chat.say("選單")
    assert len(chat.shown) == 5
    assert [number for number in range(7) if f"第{number}則" in chat.text] == [0, 1, 2, 3]
    await chat.say("選單")
    assert [number for number in range(7) if f"第{number}則" in chat.text] == [4, 5, 6]


async def test_a_result_longer_than_one_reply_comes_in_parts(desk: Desk) -> None:
    """What is left of it comes with the answer after that, and nothing of it twice."""
    chat = await known(desk)
    parts = ", ".join(
        f'{{"message": {{"type": "text", "text": "第{number}則"}}, "plain": null}}' for number in range(7)
    )
    await pushes.add(desk.pool, key="reply:x", channel="line", recipient=chat.user, messages=f"[{parts}]", waiting=True)
    await chat.say("選單")
    assert [number for number in range(7) if f"第{number}則" in chat.text] == [0, 1, 2, 3]
    await chat.say("選單")
    assert [number for number in range(7) if f"第{number}則" in chat.text] == [4, 5, 6]
    assert await desk.pool.fetchval("SELECT outcome FROM pushes") == "delivered"


@pytest.mark.parametrize("shared", ["all", "ours"])
async def test_what_waits_does_not_go_with_a_token_that_others_have_too(desk: Desk, shared: str) -> None:
    """They may have used it, and nobody could tell whether it arrived: it waits on."""
    chat = await spent(desk)
    desk.desk(shared=shared)
    await chat.say("選單")
    assert chat.said("What would you like to do?")
    assert receipts(chat) == 0
    assert await desk.pool.fetchval("SELECT waiting FROM pushes WHERE recipient = $1", chat.user)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_around_the_reply_says_what_waited_once(desk: Desk, when: str) -> None:
    """Whether LINE had it or not: with the next try, or by the used token that tells."""
    chat = await spent(desk)

    async def dies(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
        if when == "after":
            await deliver(delivery, accepted)
        raise Crash

    desk.post(chat.phone.says("選單"))
    with pytest.raises(Crash):
        await desk.run(desk.wrapped("line", dies))
    await desk.run()
    await chat.say("選單")

    assert receipts(chat) == 1
    left = "SELECT count(*) FROM pushes WHERE messages IS NOT NULL AND recipient = $1"
    assert await desk.pool.fetchval(left, chat.user) == 0


async def test_what_waited_and_is_refused_costs_nobody_their_answer(desk: Desk) -> None:
    """One bad message of five is refused with all of them; then the answer goes alone, and that one is given up."""
    chat = await known(desk)
    bad = '[{"message": {"type": "text", "text": ""}, "plain": null}]'
    await pushes.add(desk.pool, key="reply:x", channel="line", recipient=chat.user, messages=bad, waiting=True)
    await chat.say("選單")
    assert chat.said("What would you like to do?")
    assert await desk.pool.fetchval("SELECT outcome FROM pushes") == "refused"


async def test_what_waited_and_cannot_be_drawn_costs_nobody_their_answer(desk: Desk) -> None:
    """A row that no version of ours understands stays where it is."""
    chat = await known(desk)
    await pushes.add(
        desk.pool, key="reply:x", channel="line", recipient=chat.user, messages='[{"strange": 1}]', waiting=True
    )
    await chat.say("選單")
    assert chat.said("What would you like to do?")
    await chat.say("好")  # That needs no answer, and there is nothing to go with its token.
    assert chat.shown == []
    assert (await desk.event())["outcome"] == "silent"
    assert await desk.pool.fetchval("SELECT waiting FROM pushes")


async def test_a_crash_that_outlives_the_token_leaves_it_waiting(desk: Desk) -> None:
    """Nobody can tell any more whether that reply arrived: the result goes as a push, and what went along waits."""
    chat = await spent(desk)
    desk.sandbox.line.monthly_limit = 3000

    desk.post(chat.phone.says("SUMMER-7K3M-Q9TD"))
    with pytest.raises(Crash):
        await desk.run(desk.wrapped("line", dies_before))
    desk.ahead(minutes=2)
    await desk.run()
    assert receipts(chat) == 1
    await chat.say("選單")
    assert receipts(chat) == 2
    assert await claims(desk) == 2


async def test_who_writes_too_late_for_a_free_reply_leaves_it_waiting(desk: Desk) -> None:
    """Without a token there is nothing that it could go with."""
    chat = await spent(desk)
    desk.post(chat.phone.says("選單"))
    desk.ahead(minutes=2)
    await desk.run()
    assert receipts(chat) == 0
    assert await desk.pool.fetchval("SELECT waiting FROM pushes WHERE recipient = $1", chat.user)

    await chat.say("選單")
    assert receipts(chat) == 1


async def test_an_alert_is_not_kept_for_a_used_up_plan(desk: Desk) -> None:
    """It is counted as given up."""
    before = given_up("line", "alert", "late")
    chat = await known(desk)
    desk.sandbox.line.monthly_limit = 0
    await push(desk, chat, "alert:x")
    await desk.run()

    assert await desk.pool.fetchval("SELECT outcome FROM pushes WHERE key = 'alert:x'") == "late"
    kept = await desk.pool.fetch("SELECT channel FROM pushes WHERE waiting")
    assert {row["channel"] for row in kept} == {"line"}, "but for the one that says that nothing is left"
    assert given_up("line", "alert", "late") == before + 1


async def test_what_waited_for_too_long_is_given_up_and_counted(desk: Desk) -> None:
    """And what was of use until a moment that is over, when its reader writes again."""
    before = given_up("line", "notice", "outdated")
    chat = await known(desk)
    for key, end in (("notice:old", None), ("notice:over", desk.clock() - timedelta(minutes=1))):
        text = '[{"text": "太晚了"}]'
        await pushes.add(
            desk.pool, key=key, channel="line", recipient=chat.user, messages=text, waiting=True, until=end
        )
    await desk.pool.execute("UPDATE pushes SET created_at = now() - interval '3 years' WHERE key = 'notice:old'")
    await desk.turns.deliverer.give_up_old(timedelta(days=730))
    await chat.say("選單")

    assert "太晚了" not in chat.text
    assert {row["outcome"] for row in await desk.pool.fetch("SELECT outcome FROM pushes")} == {"outdated"}
    assert given_up("line", "notice", "outdated") == before + 2


def given_up(*labels: str) -> float:
    """What was counted so far."""
    value: float = metrics.GIVEN_UP.labels(*labels)._value.get()
    return value


# ── Messenger ────────────────────────────────────────────────────────────────────────────────


async def test_messages_that_messenger_took_are_not_sent_again(desk: Desk) -> None:
    """The second of several fails once; the first is not repeated."""
    chat = desk.chat("messenger")
    desk.post(chat.phone.follows())

    async def second_fails(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
        async def then(done: int) -> None:
            assert accepted is not None
            await accepted(done)
            if done == 1:
                desk.sandbox.fault(SEND, status=503, times=1)

        return await deliver(delivery, then if delivery.done == 0 else accepted)

    await desk.run(desk.wrapped("messenger", second_fails))

    raws = [item.raw for item in chat.look()]
    assert len(raws) == len(set(raws)) >= 2
    assert 503 in statuses(desk, SEND)


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_lost_answer_of_messenger_is_not_repeated(desk: Desk, arrived: bool) -> None:
    """There is no key that would make a second try safe."""
    chat = await known(desk, "messenger")
    desk.sandbox.fault(SEND, drop=True, after=arrived, times=1)
    await chat.say("選單")

    assert len(chat.shown) == arrived
    assert len(statuses(desk, SEND)) == 1
    assert (await desk.event())["outcome"] == "unknown"


async def test_somebody_who_blocked_us_is_marked_until_they_write_again(desk: Desk) -> None:
    """Nothing is sent to whom nothing reaches; their next message clears it."""
    chat = await known(desk, "messenger")
    desk.sandbox.people.put("messenger", chat.user, blocked=True)
    await chat.say(CODE)
    assert await desk.pool.fetchval("SELECT unreachable_at IS NOT NULL FROM customers")
    assert len(statuses(desk, SEND)) == 1

    desk.sandbox.people.put("messenger", chat.user, blocked=False)
    await chat.say(CODE)
    assert await desk.pool.fetchval("SELECT unreachable_at IS NULL FROM customers")
    assert receipts(chat) == 1


async def test_a_receipt_outside_the_window_waits_for_the_next_message(desk: Desk) -> None:
    """Messenger takes nothing after 24 hours: the receipt comes when they write again, and once."""
    chat = await known(desk, "messenger")
    desk.sandbox.people.put("messenger", chat.user, window_open=False)
    await chat.say(CODE)
    assert (await desk.event())["outcome"] == "waiting"
    assert receipts(chat) == 0

    desk.sandbox.people.put("messenger", chat.user, window_open=True)
    await chat.say("選單")
    await chat.say("選單")
    assert receipts(chat) == 1


# ── pushes ───────────────────────────────────────────────────────────────────────────────────


async def test_a_push_waits_longer_each_time_and_then_gives_up(desk: Desk) -> None:
    """About a day of tries, with growing pauses; then what it said is forgotten."""
    chat = await known(desk)
    desk.sandbox.fault(REPLY, status=429)
    desk.sandbox.fault(PUSH, status=500)
    desk.post(chat.phone.says(CODE))
    await desk.run()

    pauses = desk.paused[2:]
    assert len(pauses) == PUSH_TRIES
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[1], pauses[-1]) == (5, 10, 14_400)
    assert 20 * 3600 < sum(pauses) < 30 * 3600
    push = await desk.pool.fetchrow("SELECT outcome, messages FROM pushes")
    assert (push["outcome"], push["messages"]) == ("retry", None)


async def test_a_push_to_nobody_ends(desk: Desk) -> None:
    """LINE does not know the recipient: not repeated."""
    chat = await known(desk)
    unknown = {"message": "The request body has 1 error(s)", "details": [{"message": "Failed", "property": "to"}]}
    desk.sandbox.fault(REPLY, status=429)
    desk.sandbox.fault(PUSH, status=400, body=unknown)
    await chat.say(CODE)

    assert statuses(desk, PUSH) == [400]
    assert await desk.pool.fetchval("SELECT outcome FROM pushes") == "unreachable"


async def push(desk: Desk, chat: Chat, key: str = "x") -> None:
    """Something to say that answers no event."""
    added = await pushes.add(
        desk.pool, key=key, channel=chat.channel, recipient=chat.user, messages='[{"text": "您的禮券到了"}]'
    )
    assert added


async def test_a_push_waits_for_a_channel_that_is_off(desk: Desk) -> None:
    """Ten minutes, without counting as a try."""
    chat = await known(desk)
    await push(desk, chat)
    await desk.step(replace(desk.turns, outbound={}))
    assert (desk.paused, chat.look()) == ([600], [])
    assert await desk.pool.fetchval("SELECT attempts FROM pushes") == 0

    await desk.run()
    assert "您的禮券到了" in [text for _ in chat.look() for text in chat.texts]


@pytest.mark.parametrize(
    ("raised", "pause", "tries"),
    [(RuntimeError("a bug of ours"), 5, 1), (RetryLater(7, "not now"), 7, 0)],
    ids=["ours", "later"],
)
async def test_a_push_that_breaks_comes_later(desk: Desk, raised: Exception, pause: float, tries: int) -> None:
    """A mistake of ours counts as a try; what says nothing about the push does not."""
    chat = await known(desk)
    await push(desk, chat)

    async def breaks(deliver: Deliver, delivery: Delivery, accepted: Accepted) -> Receipt:
        raise raised

    await desk.step(desk.wrapped("line", breaks))
    assert desk.paused == [pause]
    assert await desk.pool.fetchval("SELECT attempts FROM pushes") == tries

    await desk.run()
    assert statuses(desk, PUSH) == [200]


async def test_a_push_outside_the_window_waits_for_the_next_message(desk: Desk) -> None:
    """Messenger takes nothing after 24 hours. An alert of last week helps nobody; a result still does."""
    chat = await known(desk, "messenger")
    desk.sandbox.people.put("messenger", chat.user, window_open=False)
    await push(desk, chat)
    await push(desk, chat, "alert:x")
    await desk.run()
    rows = await desk.pool.fetch("SELECT key, outcome, waiting, messages IS NULL AS forgotten FROM pushes ORDER BY key")
    assert [tuple(row) for row in rows] == [("alert:x", "late", False, True), ("x", "waiting", True, False)]

    desk.sandbox.people.put("messenger", chat.user, window_open=True)
    await chat.say("選單")
    assert chat.text.count("您的禮券到了") == 1


async def test_a_push_is_queued_once_per_key(desk: Desk) -> None:
    """The second of the same key changes nothing."""

    async def add() -> bool:
        recipient = "U" + "1" * 32
        return await pushes.add(desk.pool, key="once", channel="line", recipient=recipient, messages='[{"text": "嗨"}]')

    assert await add()
    assert not await add()

    await desk.run()
    assert statuses(desk, PUSH) == [200]


async def test_a_push_that_is_over_is_not_sent_again(desk: Desk) -> None:
    """A job that runs twice (its worker died) finds nothing left to say."""
    await pushes.add(desk.pool, key="x", channel="line", recipient="U" + "1" * 32, messages='[{"text": "嗨"}]')
    number = await desk.pool.fetchval("SELECT id FROM pushes")
    await desk.turns.deliverer.push(number)
    await desk.turns.deliverer.push(number)

    assert statuses(desk, PUSH) == [200]

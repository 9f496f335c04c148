"""Bad days: each switch does to the bot what it says, and the page tells what became of it."""

from __future__ import annotations

import pytest
from chat import Bot

from sandbox import Sandbox
from sandbox.simulator import Simulator
from sandbox.simulator.trouble import MODES, UPSTREAMS
from simulator.screen import Screen


@pytest.mark.parametrize(
    ("mode", "status", "channel"),
    [
        ("down", 503, "line"),
        ("limited", 429, "messenger"),
        ("refused", 401, "line"),
        ("garbage", 200, "messenger"),
        ("lost", 0, "line"),
    ],
)
async def test_a_vendor_in_trouble_is_told_honestly(
    screen: Screen, bot: Bot, channel: str, mode: str, status: int
) -> None:
    """The customer learns that MantaGo cannot be reached, and the next day all is well."""
    phone = screen.phone(channel)
    await phone.be("emily")
    await screen.trouble("mantago", mode)
    await phone.say("my gifts")
    in_trouble = await phone.answer()
    assert set(await screen.probe("statuses", "mantago")) == {status}
    await screen.trouble("mantago", "")
    bot.mend()
    await phone.say("my gifts")

    assert "We can't reach" in in_trouble
    assert "We can't reach" not in await phone.answer()


async def test_trouble_for_one_call_ends_by_itself(screen: Screen) -> None:
    """The switch goes back when it was used; a lookup that is tried again succeeds."""
    await screen.line.be("emily")
    await screen.trouble("mantago", "down", once=True)
    await screen.line.say("my gifts")
    await screen.until("!giftdesk.state.trouble.mantago")

    assert await screen.page.locator(".switch select[name=mantago]").input_value() == ""
    assert await screen.probe("statuses", "mantago") == [503, 200]
    assert "We can't reach" not in await screen.line.answer()


async def test_a_slow_vendor_shows_that_the_bot_is_at_it(
    screen: Screen, simulator: Simulator, sandbox: Sandbox, channel: str
) -> None:
    """LINE's loading animation and Messenger's typing dots, until the answer comes."""
    phone = screen.phone(channel)
    await phone.be("emily")
    sandbox.fault("mantago", delay_ms=1_500)
    typing = phone.root.locator(".typing")
    before = await screen.webhooks()
    await phone.input.fill("my gifts")
    await phone.input.press("Enter")
    await typing.wait_for(state="visible")
    await screen.settled(before)

    assert "Your gifts" in await phone.answer()
    assert not await typing.is_visible()


async def test_a_platform_that_is_down_gets_the_answer_later(screen: Screen, sandbox: Sandbox) -> None:
    """The bot tries again, and the answer is on the phone once."""
    await screen.line.be("yu")
    await screen.line.say("你好")
    await screen.trouble("line", "down", once=True)
    await screen.line.say("我的獎品")

    assert {200, 503} == set(await screen.probe("statuses", "line"))
    assert (await screen.line.answer()).count("您的獎品") == 1


async def test_dead_reply_tokens_make_results_come_by_push(screen: Screen) -> None:
    """A list would be dropped, a result of value is pushed."""
    await screen.line.be("emily")
    await screen.open("trouble_tab")
    await screen.page.check("input[name=tokens]")
    await screen.until("giftdesk.state.tokens_die")
    await screen.line.say("WELCOME2026")
    row = screen.line.root.locator(".row.theirs[data-via=push]")
    await row.first.wait_for()

    assert "Redeemed" in await row.first.inner_text()


async def test_an_event_that_is_delivered_again_changes_nothing(screen: Screen, bot: Bot, channel: str) -> None:
    """From the panel, or from the event's own line in the timeline."""
    phone = screen.phone(channel)
    await phone.be("emily")
    await phone.say("WELCOME2026")
    rows = await phone.rows()
    await screen.open("trouble_tab")
    await phone.do(screen.page.locator("[data-t=redeliver_last]").click)
    await screen.open("trace_tab")
    await screen.page.locator(".trace summary").last.click()
    await phone.do(screen.page.locator(".trace").last.locator("button.again").click)
    outcomes = await screen.page.locator(".trace .outcome").all_inner_texts()

    assert await phone.rows() == rows
    assert await bot.pool.fetchval("SELECT count(*) FROM claims") == 1
    assert outcomes[:2] == ["duplicate, ignored"] * 2


async def test_a_replay_of_yesterday_is_taken_and_changes_nothing(screen: Screen, bot: Bot, channel: str) -> None:
    """§11 script 13: its signature is right and nobody remembers its id; its own time gives it away."""
    phone = screen.phone(channel)
    await phone.be("emily")
    await phone.say("my gifts")
    rows = await phone.rows()
    await screen.open("trouble_tab")
    await phone.do(screen.page.locator("[data-t=replay_old]").click)
    await screen.open("trace_tab")
    outcomes = await screen.page.locator(".trace .outcome").all_inner_texts()

    assert await phone.rows() == rows
    assert "a day old, ignored" in outcomes
    assert await bot.pool.fetchval("SELECT count(*) FROM events WHERE at < now() - interval '1 day'") == 1


async def test_a_webhook_that_was_not_taken_can_be_sent_again(screen: Screen, simulator: Simulator) -> None:
    """While the bot is away the phone says so, and one tap delivers it once the bot is back."""
    await screen.line.be("emily")
    bot, simulator.bot = simulator.bot, "http://127.0.0.1:9"
    await screen.line.say("my gifts")
    failed = screen.line.root.locator(".row.mine[data-state=failed]")
    await failed.wait_for()
    simulator.bot = bot
    await screen.line.do(failed.locator("button.again").click)

    assert "Your gifts" in await screen.line.answer()


async def test_every_switch_is_there_in_both_languages(screen: Screen) -> None:
    """For each vendor and platform, with every kind of trouble."""
    await screen.open("trouble_tab")
    for upstream in UPSTREAMS:
        options = screen.page.locator(f".switch select[name={upstream}] option")
        values = [await option.get_attribute("value") for option in await options.all()]
        assert values == ["", *MODES]
    english = await screen.page.locator(".switch option").all_inner_texts()
    await screen.page.locator("[data-t=language]").click()
    chinese = await screen.page.locator(".switch option").all_inner_texts()
    await screen.page.locator("[data-t=language]").click()

    assert "Down (503)" in english
    assert "故障（503）" in chinese
    assert len(english) == len(chinese)

"""Conversations held on both phones, with the mouse or with the keyboard alone, as customers would."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from chat import TAGS, Bot

from sandbox import Sandbox
from simulator.screen import Handset, Screen

REFERENCE = re.compile(r"R-[0-9A-Z]{6}")

KEPT = "我們會保存您的", "We keep your"  # how the notice begins


class Reader:
    """The bot's texts in one person's language."""

    def __init__(self, bot: Bot, language: str) -> None:
        self.translate = bot.turns.languages[TAGS[language]]
        self.english = language == "en"

    def __call__(self, msgid: str, **values: object) -> str:
        return self.translate(msgid, **values)

    def word(self, zh: str, en: str) -> str:
        """What this person types."""
        return en if self.english else zh


@pytest.fixture
def read(bot: Bot, language: str) -> Reader:
    return Reader(bot, language)


@pytest.fixture(params=["line zh-TW", "messenger en"])
async def either(request: pytest.FixtureRequest, screen: Screen, bot: Bot) -> tuple[Handset, Reader]:
    """Somebody new on each channel, each in another language; for what has nothing to do with languages."""
    channel, language = request.param.split()
    phone = screen.phone(channel)
    await phone.meet(language)
    return phone, Reader(bot, language)


@pytest.fixture
async def phone(screen: Screen, channel: str, language: str) -> Handset:
    """Somebody new who owns gifts, on every channel and in every language."""
    phone = screen.phone(channel)
    await phone.meet(language)
    return phone


async def test_joining_and_the_same_code_twice(phone: Handset, read: Reader, sandbox: Sandbox) -> None:
    """Add as a friend or Get Started, a code in full width, the same code again: one receipt."""
    sandbox.messenger.profile = {"get_started": {"payload": "GET_STARTED"}}
    if phone.channel == "messenger":
        await phone.be(await phone.page.evaluate("giftdesk.phones.messenger.person.nick"))
    await phone.do(phone.root.locator(".join").click)
    assert read.word(*KEPT) in await phone.answer()

    await phone.say("ｗｅｌｃｏｍｅ ２０２６")
    first = await phone.answer()
    await phone.say("WELCOME2026")

    assert read("Redeemed 🎉") in first
    assert REFERENCE.findall(first)
    assert REFERENCE.findall(await phone.answer()) == REFERENCE.findall(first)


async def test_a_code_in_the_first_sentence_is_redeemed_with_the_notice_under_it(phone: Handset, read: Reader) -> None:
    """Nobody has to read the small print first."""
    await phone.say(read.word("我要兌換 summer 7k3m q9td 謝謝", "please redeem summer 7k3m q9td thanks"))
    answer = await phone.answer()

    assert answer.index(read("Redeemed 🎉")) < answer.index(read.word(*KEPT))


async def test_wrong_codes_end_in_a_wait_that_asks_no_vendor(either: tuple[Handset, Reader], sandbox: Sandbox) -> None:
    """Not even the right code is looked up then."""
    phone, read = either
    for number in range(3):
        await phone.say(f"redeem WRONG-{number:04d}")
    wait = await phone.answer()
    asked = len(sandbox.calls("poshen"))
    await phone.say("WELCOME2026")

    assert read.word("10 分鐘", "10 minutes") in await phone.answer()
    assert await phone.answer() in wait
    assert len(sandbox.calls("poshen")) == asked


async def test_pages_swipe_and_an_old_button_opens_the_list_afresh(screen: Screen, channel: str, read: Reader) -> None:
    """37 gifts; one more arrives between two pages; the first page's buttons still lead somewhere."""
    phone = screen.phone(channel)
    await phone.be("collector")
    english = read.english
    await phone.say("english" if english else "中文")
    await phone.say(read.word("我的獎品", "my gifts"))
    await phone.do(phone.chips.filter(has_text=read("Digital gifts")).click)
    first = await phone.answer()
    more = phone.button(read("Next page"))
    await phone.do(more.click)
    second = await phone.answer()
    await (await phone.about()).locator("button").click()
    await phone.page.locator(".page-toast").wait_for()
    await phone.page.keyboard.press("Escape")
    await phone.say(read.word("我的獎品", "my gifts"))

    assert first != second
    assert "#1" in first or "#2" in first
    assert await phone.root.locator(".track").count() >= 2


async def test_try_again_after_a_bad_moment_needs_no_typing(screen: Screen, either: tuple[Handset, Reader]) -> None:
    """Poshen's answers are lost; then one tap redeems the code."""
    phone, read = either
    await screen.trouble("poshen", "lost")
    await phone.say("WELCOME2026")
    assert read("Redeemed 🎉") not in await phone.answer()
    await screen.trouble("poshen", "")

    await phone.tap(read("Try again"))

    assert read("Redeemed 🎉") in await phone.answer()


async def test_a_group_is_shown_nothing_private(screen: Screen, bot: Bot, sandbox: Sandbox, language: str) -> None:
    """In a group the wallet is not even looked up."""
    read = Reader(bot, language)
    phone = screen.line
    await phone.be("emily" if language == "en" else "yu")
    await (await phone.about()).locator("select[name=where]").select_option("group")
    await phone.page.keyboard.press("Escape")
    await phone.root.locator(".mention").click()
    await phone.say(read.word("我的獎品", "my gifts"))

    assert await phone.root.locator(".bar .name").inner_text() != ""
    assert (await phone.rows())[0].startswith("@")
    assert len(await phone.rows()) == 2
    assert sandbox.calls("mantago") == []


async def test_staff_commands_do_not_exist_for_customers(either: tuple[Handset, Reader]) -> None:
    """The very same answer as to any nonsense."""
    phone, read = either
    await phone.say("/status")
    command = await phone.answer()
    await phone.meet("en" if read.english else "zh-TW")
    await phone.say("qwertz")

    assert command == await phone.answer()
    assert read("I didn't catch that. Try:") in command


async def test_deleted_data_does_not_bring_a_code_back(either: tuple[Handset, Reader], bot: Bot) -> None:
    """Everything is forgotten but that the code was used."""
    phone, read = either
    await phone.say("WELCOME2026")
    await phone.say(read.word("刪除我的資料", "delete my data"))
    await phone.tap(read("Yes, delete"))
    await phone.say(read.word("刪除", "DELETE"))
    assert read("Deleted. Thank you for having been here.") in await phone.answer()

    await phone.say("WELCOME2026")

    assert await bot.pool.fetchval("SELECT count(*) FROM claims") == 1


async def test_the_keyboard_alone_is_enough(phone: Handset, read: Reader) -> None:
    """Typing, the quick replies, a card's button and back to the text, without the mouse."""
    keyboard = phone.page.keyboard
    await keyboard.press("Alt+Digit1" if phone.channel == "line" else "Alt+Digit2")

    async def typed() -> None:
        await keyboard.type(read.word("我的獎品", "my gifts"))
        await keyboard.press("Enter")

    await phone.do(typed)
    await keyboard.press("ArrowUp")
    assert await phone.screen.probe("focused") == await phone.chips.first.inner_text()
    await keyboard.press("ArrowRight")
    second = await phone.chips.nth(1).inner_text()
    assert await phone.screen.probe("focused") == second
    await phone.do(lambda: keyboard.press("Enter"))
    assert second in (await phone.rows())[-3:]

    # A spent quick reply hands the focus to the text field; from there up into the cards.
    await keyboard.press("ArrowUp")
    for _ in range(20):
        if await phone.screen.probe("focused") == read("How to claim"):
            break
        await keyboard.press("ArrowUp")
    await phone.do(lambda: keyboard.press("Enter"))
    await keyboard.press("Escape")

    assert await phone.screen.probe("focused") == "TEXTAREA"
    assert await phone.answer()


async def give_points(bot: Bot) -> None:
    """250, to the only customer there is."""
    async with bot.pool.acquire() as connection, connection.transaction():
        customer = await connection.fetchval("SELECT id FROM customers")
        await bot.turns.services.points.adjust(
            connection, customer, 250, key="test", actor="test", reason="", now=bot.clock()
        )


async def test_a_voucher_confirmed_five_times_is_issued_once(
    either: tuple[Handset, Reader], bot: Bot, sandbox: Sandbox
) -> None:
    """An impatient thumb costs the points once; every tap is answered."""
    phone, read = either
    await phone.say(read.word("你好", "hello"))
    await give_points(bot)
    await phone.say(read.word("換禮券", "vouchers"))
    await phone.tap(read("Search"))
    await phone.say("Highlands")
    await phone.tap(read("Get it"))
    before = await phone.screen.webhooks()
    confirm = phone.button(read("Confirm"))
    for _ in range(5):
        await confirm.click()
    await phone.screen.settled(before + 4)

    issued = [call for call in sandbox.calls("gotit") if call.path.endswith("/gifts/issue")]
    assert len(issued) == 1
    assert await bot.pool.fetchval("SELECT available FROM accounts") == 150
    assert len(set(REFERENCE.findall(await phone.answer()))) == 1


async def test_a_lost_answer_of_got_it_costs_the_points_once(
    either: tuple[Handset, Reader], bot: Bot, sandbox: Sandbox
) -> None:
    """Confirming, then done: asked again with the same request id, and told without anybody asking."""
    vouchers = replace(bot.turns.services.vouchers, pauses=(timedelta(milliseconds=30),) * 3)
    bot.having(services=replace(bot.turns.services, vouchers=vouchers))
    phone, read = either
    await phone.say(read.word("你好", "hello"))
    await give_points(bot)
    await phone.say(read.word("換禮券", "vouchers"))
    await phone.tap(read("Get it"))
    await phone.screen.trouble("gotit", "lost", once=True)
    await phone.tap(read("Confirm"))
    done = read.word("兌換完成", "Done ✅")
    await phone.root.locator(".rows > .theirs", has_text=done).wait_for()
    said = "\n".join(await phone.root.locator(".rows > .theirs").all_inner_texts())
    assert -1 < said.find(read("Confirming")) < said.find(done)

    issued = [call for call in sandbox.calls("gotit") if call.path.endswith("/gifts/issue")]
    assert len({json.loads(call.body)["request_id"] for call in issued}) == 1 < len(issued)
    assert await bot.pool.fetchval("SELECT count(*) FROM issues") == 1
    assert await bot.pool.fetchval("SELECT held FROM accounts") == 0


async def test_a_refused_key_shows_the_list_known_last_and_alerts_staff(
    screen: Screen, either: tuple[Handset, Reader]
) -> None:
    """The customer is told as of when; staff are told what to do, on both channels."""
    phone, read = either
    await phone.say(read.word("你好", "hello"))
    await phone.say(read.word("我的獎品", "my gifts"))
    known = await phone.answer()
    await screen.trouble("mantago", "refused")
    await phone.tap(read("Refresh"))

    said = await phone.answer()
    assert said.split("\n")[1:] == known.split("\n")
    assert re.fullmatch(r".*\d\d:\d\d.*", said.split("\n")[0])
    for each in (screen.line, screen.messenger):
        await each.be("staff")
        await each.root.locator(".row.theirs", has_text="MANTAGO_TOKEN").wait_for()


async def test_a_phone_is_linked_at_the_counter(screen: Screen, bot: Bot) -> None:
    """Staff make a code in their chat on LINE, the customer types it on Messenger and sees the gift cards."""
    await screen.line.be("staff")
    await screen.line.say("/link new 0912345678")
    staff = Reader(bot, "zh-TW")  # as the demo's member reads
    await screen.line.tap(f"{staff('Make a code')} · 678")
    code = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", await screen.line.answer())
    assert code
    await screen.messenger.be("emily")
    await screen.messenger.say("gift card")
    assert "link your phone first" in await screen.messenger.answer()
    await screen.messenger.say(f"link {code[0].replace('-', ' ').lower()}")
    assert "Linked" in await screen.messenger.answer()
    await screen.messenger.say("gift card")

    assert "••••" in await screen.messenger.answer()

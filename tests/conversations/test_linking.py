"""Linking a phone: proven at the counter or told by Messenger, never merely typed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import asyncpg
import pytest
from chat import Bot, Chat

from bot.storage.customers import Customer
from conversations.proving import EMPTY, PHONE, PROVEN, link, new_code

NOT_LINKED = "To protect your balance, link your phone first."
REFUSED = "That link code isn't valid any more — please ask staff for a new one."
TYPED = "Thanks — for your safety we don't look up typed numbers. Ask our staff for a link code."
LINKED = "Linked: %(phone)s. You can check balances any time."
TOLD = "Phone %(phone)s was linked to another account. If that wasn't you, contact us now."
ASKED = "Please type the link code that our staff gave you: eight letters and digits."
MASKED = "09••-•••-678"
CARD = "烘焙課體驗卡"  # one of the cards of PROVEN; it never expires


async def is_linked(chat: Chat) -> bool:
    """Whether this person sees the cards of PROVEN."""
    await chat.say("gift card")
    assert (CARD in chat.text) != chat.said(NOT_LINKED)
    return CARD in chat.text


def offers_sharing(chat: Chat) -> bool:
    return "user_phone_number" in str([item.message for item in chat.shown])


# How to link.


@pytest.mark.parametrize(
    "word", ["gift card", "Gift cards!", "balance", "禮品卡", "我的禮品卡", "儲值卡", "餘額", "link", "綁定手機"]
)
async def test_without_a_linked_phone_one_is_told_how_to_link_it(friend: Chat, word: str) -> None:
    """In both languages, whichever one is spoken; nothing is asked of the vendor."""
    await friend.say(word)

    assert friend.said(NOT_LINKED)
    assert list(friend.buttons) == [friend._(label) for label in ("Staff link code", "Help", "Menu")]
    assert offers_sharing(friend) == (friend.channel == "messenger")
    assert friend.bot.sandbox.calls("altegio") == []


async def test_a_code_from_the_counter_links_the_phone(friend: Chat) -> None:
    """By the button, the prompt and the code as staff read it out."""
    code = await new_code(friend.bot)
    await friend.say("gift card")
    await friend.tap("Staff link code")
    assert friend.said(ASKED)

    await friend.say(code)
    assert friend.said(LINKED, phone=MASKED)

    await friend.tap("Gift cards")
    assert CARD in friend.text


@pytest.mark.parametrize(
    "spelling",
    [
        "link {lower}",
        "綁定 {spaced}",
        "綁定{code}",
        "ＬＩＮＫ　{lower}",
        "link: {code}",
        "Link my phone {code}",
        "綁定碼是 {spaced}。",
        "link code {code} please",
        "綁定手機 {spaced} 謝謝",
        "{code}",
        "{lower}",
        "{spaced}",
    ],
)
async def test_a_link_code_is_understood_however_it_is_typed(bot: Bot, channel: str, spelling: str) -> None:
    """With any word for it, or alone; and it is never shown to the redemption vendor."""
    chat = bot.chat(channel)
    code = await new_code(bot)

    await chat.say(spelling.format(code=code, lower=code.replace("-", "").lower(), spaced=code.replace("-", " ")))

    assert chat.said(LINKED, phone=MASKED)
    assert bot.sandbox.calls("poshen") == bot.sandbox.calls("altegio") == []


async def test_a_link_code_is_not_taken_for_a_redemption_code(friend: Chat, tables: asyncpg.Pool) -> None:
    """Also when a code was just asked for, and when it is wrong: no vendor sees it and no guess is counted."""
    code = await new_code(friend.bot)
    for text in ("link K7PQ-4M2X", "綁定 K7PQ4M2X9", f"link {code}"):
        await friend.say("redeem")
        await friend.say(text)

    assert friend.said(LINKED, phone=MASKED)
    assert friend.bot.sandbox.calls("poshen") == []
    assert await tables.fetchval("SELECT count(*) FROM misses WHERE prefix_hash <> ''") == 0


@pytest.mark.parametrize("text", ["link in bio", "綁定是什麼意思", "linked", "link!"])
async def test_talk_about_links_is_no_try(bot: Bot, channel: str, text: str) -> None:
    """Only a whole message is a command, and only what could be a code is a try."""
    chat = bot.chat(channel)

    await chat.say(text)

    assert not chat.said(REFUSED)
    assert chat.said(NOT_LINKED) == (text == "link!")


async def test_the_question_for_the_code_is_left_by_a_sentence_and_by_a_word(friend: Chat) -> None:
    """Nobody is held in it."""
    await friend.say("link")
    await friend.tap("Staff link code")
    await friend.say("我不知道什麼綁定碼")
    assert friend.said("I didn't catch that. Try:")

    await friend.say("link")
    await friend.tap("Staff link code")
    await friend.say("menu")
    assert friend.said("OK, let's leave that for now.")


# What fails.


async def test_every_failure_reads_the_same(bot: Bot, channel: str, language: str) -> None:
    """Unknown, used, replaced, cancelled, too old, too short: word for word."""
    used, replaced, cancelled, old = [await new_code(bot, f"88691234567{last}") for last in (1, 2, 3, 4)]
    await bot.chat("line").say(f"link {used}")
    await new_code(bot, "886912345672")
    async with bot.pool.acquire() as connection:
        assert await bot.turns.services.linking.cancel_code(connection, "886912345673", bot.clock())
    bot.ahead(minutes=11)
    answers = []
    for code in ("K7PQ-4M2X", used, replaced, cancelled, old, "K7PQ4M2", "1"):
        chat = bot.chat(channel, language=language)
        await chat.say("menu")
        bot.ahead(minutes=2)
        await chat.say(f"link {code}")
        answers.append(chat.texts)
        assert chat.said(REFUSED)

    assert answers == [answers[0]] * 7


async def test_a_code_links_one_person(bot: Bot, channel: str) -> None:
    """Whoever comes second is refused; whoever was first stays linked."""
    first, second = bot.chat(channel), bot.chat(channel)
    code = await new_code(bot)
    await first.say(f"link {code}")

    await second.say(f"link {code}")

    assert second.said(REFUSED)
    assert await is_linked(first)
    assert not await is_linked(second)


async def test_of_two_people_with_one_code_at_the_same_time_one_is_linked(bot: Bot, tables: asyncpg.Pool) -> None:
    """Whatever the order in which their turns get on."""
    for _ in range(5):
        chats = [bot.chat("line"), bot.chat("messenger")]
        for chat in chats:
            await chat.say("menu")
        code = await new_code(bot)
        for chat in chats:
            assert bot.post(chat.phone.says(f"link {code}")) == 200
        await bot.quiet()
        outcomes = [(chat.look() and chat.said(LINKED, phone=MASKED), chat.said(REFUSED)) for chat in chats]

        assert sorted(outcomes) == [(False, True), (True, False)]
        await tables.execute("DELETE FROM links")


async def test_a_code_lives_for_ten_minutes(bot: Bot, channel: str) -> None:
    """Not for eleven."""
    chat = bot.chat(channel)
    early, late = await new_code(bot), await new_code(bot, EMPTY)
    bot.ahead(minutes=9, seconds=50)
    await chat.say(f"link {early}")
    assert chat.said(LINKED, phone=MASKED)

    bot.ahead(seconds=20)
    await chat.say(f"link {late}")
    assert chat.said(REFUSED)


async def test_a_phone_has_one_live_code(bot: Bot, tables: asyncpg.Pool) -> None:
    """A newer one ends the older one."""
    chat = bot.chat("line")
    older, newer = await new_code(bot), await new_code(bot)
    assert await tables.fetchval("SELECT count(*) FROM link_codes WHERE ended_at IS NULL") == 1

    await chat.say(f"link {older}")
    assert chat.said(REFUSED)
    await chat.say(f"link {newer}")
    assert chat.said(LINKED, phone=MASKED)


async def test_five_wrong_codes_within_an_hour_are_enough(bot: Bot, channel: str) -> None:
    """After them the right one fails too; an hour later there is a new chance. Redemption is another matter."""
    chat, other = bot.chat(channel), bot.chat(channel)
    for _ in range(5):
        await chat.say("link K7PQ-4M2X")
        assert chat.said(REFUSED)
    code = await new_code(bot)

    await chat.say(f"link {code}")
    assert chat.said(REFUSED)
    await chat.say("WELCOME2026")
    assert chat.said("Redeemed 🎉")
    await other.say(f"link {code}")
    assert other.said(LINKED, phone=MASKED)

    bot.ahead(minutes=61)
    await chat.say(f"link {await new_code(bot)}")
    assert chat.said(LINKED, phone=MASKED)


async def test_four_wrong_codes_are_forgiven(bot: Bot, channel: str) -> None:
    """People mishear."""
    chat = bot.chat(channel)
    for _ in range(4):
        await chat.say("link K7PQ-4M2X")

    await chat.say(f"link {await new_code(bot)}")

    assert chat.said(LINKED, phone=MASKED)


async def test_codes_without_a_word_are_not_tried_for_ever(bot: Bot) -> None:
    """Five an hour; after that they are read as redemption codes only, and with the word they still link."""
    chat = bot.chat("line")
    for number in range(5):
        await chat.say(f"K7PQ4M2{number}")
    code = await new_code(bot)

    await chat.say(code)
    assert not chat.said(LINKED, phone=MASKED)

    await chat.say(f"link {code}")
    assert chat.said(LINKED, phone=MASKED)


async def test_one_member_of_staff_issues_thirty_codes_a_day(bot: Bot) -> None:
    """Colleagues go on, and so does everybody the next day."""
    linking = bot.turns.services.linking
    async with bot.pool.acquire() as connection:
        for number in range(30):
            assert await linking.new_code(connection, f"8869123456{number:02}", staff="line:a", now=bot.clock())
        assert await linking.new_code(connection, PROVEN, staff="line:a", now=bot.clock()) is None
        assert await linking.new_code(connection, PROVEN, staff="line:b", now=bot.clock())
        bot.ahead(days=1, seconds=1)
        assert await linking.new_code(connection, PROVEN, staff="line:a", now=bot.clock())


# Typed numbers.


@pytest.mark.parametrize(
    "typed",
    [
        PHONE,
        "0912-345-678",
        "+886 912 345 678",
        "０９１２３４５６７８",
        "886912345678",
        "綁定 0912345678",
        "禮品卡 0912345678",
        "gift card 0912 345 678",
        "餘額：0912-345-678",
    ],
)
async def test_a_typed_phone_is_never_looked_up(friend: Chat, tables: asyncpg.Pool, typed: str) -> None:
    """In any spelling, in the middle of nothing or as an answer: no vendor is asked, nothing is linked."""
    await friend.say(typed)
    assert friend.said(TYPED)
    for question in ("Staff link code", "Redeem a code"):
        await friend.say("link" if question == "Staff link code" else "menu")
        await friend.tap(question)
        await friend.say(typed)
        assert friend.said(TYPED)

    assert friend.bot.sandbox.calls("altegio") == friend.bot.sandbox.calls("poshen") == []
    assert await tables.fetchval("SELECT count(*) FROM links") == 0


@pytest.mark.parametrize(
    "typed", ["tel 0912 345 678", "redeem 0912 345 678", "my phone is 0912345678", "電話 0912 345 678"]
)
async def test_a_phone_in_a_sentence_is_no_code_either(friend: Chat, typed: str) -> None:
    """With blanks in it, it looked like a code in groups, and went to the vendor of codes."""
    await friend.say(typed)
    await friend.say("redeem")
    await friend.say(typed)

    assert friend.bot.sandbox.calls("altegio") == friend.bot.sandbox.calls("poshen") == []


async def test_a_typed_phone_gets_the_same_answer_whether_or_not_it_has_cards(bot: Bot, channel: str) -> None:
    """Its own, another's, one that nobody has; linked or not."""
    answers = []
    for typed in (PHONE, "0987654321", "0900000001"):
        chat = bot.chat(channel)
        await chat.say("menu")
        await chat.say(typed)
        answers.append(chat.texts)
    await link(chat)
    await chat.say(PHONE)
    answers.append(chat.texts)

    assert answers == [answers[0]] * 4
    assert bot.sandbox.calls("altegio") == []


async def test_after_a_typed_phone_the_code_is_still_expected(friend: Chat) -> None:
    """People answer with what they know first."""
    code = await new_code(friend.bot)
    await friend.say("link")
    await friend.tap("Staff link code")
    await friend.say(PHONE)

    await friend.say(code)

    assert friend.said(LINKED, phone=MASKED)


# One phone, one person on each channel.


async def test_a_new_link_replaces_the_old_one_and_tells_its_owner(
    bot: Bot, open_chat: Callable[[str], Chat], channel: str
) -> None:
    """The former owner hears it without asking, with a person one tap away, and sees nothing any more."""
    first, second = open_chat("yu"), bot.chat(channel)
    await link(first)
    await link(second)

    first.look()
    assert first.said(TOLD, phone=MASKED)
    assert {first._("Talk to a person"), first._("Menu")} == set(first.buttons)
    await first.tap("Talk to a person")
    assert first.said("Our team has been notified. I'll stay quiet — type “menu” to bring me back.")
    await first.say("menu")
    assert not await is_linked(first)
    assert await is_linked(second)
    assert not second.said(TOLD, phone=MASKED)


async def test_one_phone_has_a_line_and_a_messenger_identity(bot: Bot) -> None:
    """They are the same customer's; nobody is told anything."""
    line, messenger = bot.chat("line"), bot.chat("messenger")
    await link(line)
    await link(messenger)

    assert line.look() == []
    assert await is_linked(line)
    assert await is_linked(messenger)


async def test_linking_ones_own_phone_again_tells_nobody(friend: Chat, tables: asyncpg.Pool) -> None:
    """Staff may hand out a second code."""
    await link(friend)
    await link(friend)

    assert await tables.fetchval("SELECT count(*) FROM links") == 1
    assert await tables.fetchval("SELECT count(*) FROM pushes") == 0


async def test_another_phone_takes_the_place_of_ones_own(friend: Chat, tables: asyncpg.Pool) -> None:
    """The old one is free for whoever has it."""
    await link(friend)
    await link(friend, EMPTY)

    await friend.say("link")

    assert "09••-•••-321" in friend.text
    assert await tables.fetchval("SELECT count(*) FROM links") == 1
    other = friend.bot.chat(friend.channel)
    await link(other)
    assert await tables.fetchval("SELECT count(*) FROM pushes") == 0


async def test_two_who_link_one_phone_at_the_same_time_leave_one_link(bot: Bot, tables: asyncpg.Pool) -> None:
    """Each with a right of their own; the later one has it."""
    people = []
    for _ in range(2):
        chat = bot.chat("line")
        await chat.say("menu")
        customer = await _customer(tables, chat)
        people.append(customer)

    async def take(customer: Customer) -> None:
        async with tables.acquire() as connection, connection.transaction():
            await bot.turns.services.linking.link(connection, customer, PROVEN, bot.clock())

    await asyncio.gather(*(take(customer) for customer in people * 3))

    assert await tables.fetchval("SELECT count(*) FROM links") == 1


async def _customer(tables: asyncpg.Pool, chat: Chat) -> Customer:
    return Customer.of(
        await tables.fetchrow(f"SELECT {Customer.COLUMNS} FROM customers c WHERE person LIKE $1", f"%:{chat.user}")
    )


# A year.


async def test_a_link_lapses_when_nobody_uses_it_for_a_year(friend: Chat) -> None:
    """Numbers get new owners; it is said kindly, and a new code mends it."""
    await link(friend)
    before = len(friend.bot.sandbox.calls("altegio"))
    friend.bot.ahead(days=366)

    await friend.say("gift card")

    assert friend.said(
        "The link of %(phone)s has lapsed: nobody used it for a year, and numbers get new owners. "
        "Please link your phone again.",
        phone=MASKED,
    )
    assert friend._("Staff link code") in friend.buttons
    assert len(friend.bot.sandbox.calls("altegio")) == before
    await link(friend)
    assert await is_linked(friend)


async def test_using_a_link_keeps_it_alive(friend: Chat, tables: asyncpg.Pool) -> None:
    """For another year each time; it is written down once a day."""
    await link(friend)
    friend.bot.ahead(days=300)
    assert await is_linked(friend)
    used = await tables.fetchval("SELECT used_at FROM links")
    friend.bot.ahead(hours=5)
    assert await is_linked(friend)
    assert await tables.fetchval("SELECT used_at FROM links") == used

    friend.bot.ahead(days=300)

    assert await is_linked(friend)


# Unlinking.


@pytest.mark.parametrize("word", ["unlink", "解除綁定"])
async def test_unlinking_asks_first(friend: Chat, tables: asyncpg.Pool, word: str) -> None:
    """Then the phone is forgotten; a second tap says the same."""
    await link(friend)
    await friend.say(word)
    assert friend.said("Unlink %(phone)s?", phone=MASKED)
    assert list(friend.buttons) == [friend._(label) for label in ("Unlink", "Keep it", "Menu")]
    button = friend.data_of("Unlink")

    for _ in range(2):
        await friend.do(friend.phone.taps(button))
        assert friend.said("Unlinked. Your balance is unaffected.")

    assert await tables.fetchval("SELECT count(*) FROM links") == 0
    assert not await is_linked(friend)
    await friend.say(word)
    assert friend.said("No phone is linked here.")


async def test_a_phone_may_stay_linked(friend: Chat) -> None:
    """By its button, and when the confirmation is too old."""
    await link(friend)
    await friend.say("unlink")
    button = friend.data_of("Unlink")
    await friend.tap("Keep it")
    assert friend.said("OK, your phone stays linked.")

    friend.bot.ahead(minutes=3)
    await friend.do(friend.phone.taps(button))

    assert friend.said("Unlink %(phone)s?", phone=MASKED)
    assert await is_linked(friend)


async def test_the_linked_phone_is_shown_masked(friend: Chat) -> None:
    """With the way to the cards and to another phone."""
    await link(friend)

    await friend.say("link")

    assert friend.said("Your phone %(phone)s is linked. A code from our staff links another one instead.", phone=MASKED)
    assert {friend._(label) for label in ("Gift cards", "Staff link code", "Unlink")} < set(friend.buttons)


# Messenger's own number.


@pytest.fixture
def messenger(bot: Bot, language: str) -> Chat:
    """A customer on Messenger, in every language."""
    return bot.chat("messenger", language=language)


async def test_messenger_links_the_number_of_ones_profile(messenger: Chat) -> None:
    """It was asked for, in this chat, a moment ago; whole card numbers are not shown for it."""
    await messenger.say("gift card")
    assert offers_sharing(messenger)

    await messenger.do(messenger.phone.shares_phone("+886912345678"))
    assert messenger.said(LINKED, phone=MASKED)

    assert await is_linked(messenger)
    assert messenger._("Show number") not in messenger.buttons


async def test_with_full_trust_in_messenger_numbers_are_shown(messenger: Chat) -> None:
    """MESSENGER_PHONE_LINK=full."""
    messenger.bot.desk(platform_shows_numbers=True)
    await messenger.say("gift card")
    await messenger.do(messenger.phone.shares_phone("+886912345678"))
    await messenger.say("gift card")

    await messenger.tap("Show number")

    assert messenger.said("Don't share this.")


@pytest.mark.parametrize("minutes", [None, 11])
async def test_a_number_that_nobody_asked_for_links_nothing(messenger: Chat, minutes: int | None) -> None:
    """Never asked for, or too long ago: there is no telling where it comes from."""
    await messenger.say("menu" if minutes is None else "gift card")
    messenger.bot.ahead(minutes=minutes or 0)

    await messenger.do(messenger.phone.shares_phone("+886912345678"))

    assert messenger.said(NOT_LINKED)
    assert not await is_linked(messenger)


async def test_a_number_asked_for_in_another_chat_links_nothing(bot: Bot) -> None:
    """It must be the same person's."""
    asked, other = bot.chat("messenger"), bot.chat("messenger")
    await asked.say("gift card")

    await other.do(other.phone.shares_phone("+886912345678"))

    assert other.said(NOT_LINKED)


@pytest.mark.parametrize("shared", ["+886111", "12345678", "+8869123456789"])
async def test_what_is_no_number_links_nothing(messenger: Chat, tables: asyncpg.Pool, shared: str) -> None:
    """It must be one in E.164."""
    await messenger.say("gift card")

    await messenger.do(messenger.phone.shares_phone(shared))

    assert not messenger.said("Linked:")
    assert await tables.fetchval("SELECT count(*) FROM links") == 0


async def test_a_typed_number_is_not_a_shared_one(messenger: Chat, tables: asyncpg.Pool) -> None:
    """Not even right after the number was asked for."""
    await messenger.say("gift card")

    await messenger.say("+886912345678")

    assert messenger.said(TYPED)
    assert await tables.fetchval("SELECT count(*) FROM links") == 0


async def test_the_brand_may_do_without_messengers_word(messenger: Chat, tables: asyncpg.Pool) -> None:
    """MESSENGER_PHONE_LINK=off: not offered, and an old quick reply links nothing."""
    await messenger.say("gift card")
    messenger.bot.desk(shares_phone=False)
    await messenger.do(messenger.phone.shares_phone("+886912345678"))
    assert messenger.said(NOT_LINKED)

    assert not offers_sharing(messenger)
    assert await tables.fetchval("SELECT count(*) FROM links") == 0


async def test_messengers_word_takes_nothing_from_what_was_proven(messenger: Chat) -> None:
    """Whoever proved this phone at the counter may go on to see whole numbers; for another phone they may not."""
    await messenger.say("link")
    await link(messenger)
    await messenger.say("unlink")
    await messenger.tap("Keep it")
    async with messenger.bot.pool.acquire() as connection:
        await connection.execute(
            "UPDATE customers SET state = state || jsonb_build_object('sharing', $1::float8)",
            (messenger.bot.clock() + timedelta(minutes=5)).timestamp(),
        )
    await messenger.do(messenger.phone.shares_phone("+886912345678"))
    assert messenger.said(LINKED, phone=MASKED)

    await messenger.say("gift card")

    assert messenger._("Show number") in messenger.buttons


# Privacy.


@pytest.mark.parametrize("text", ["gift card", "我的禮品卡", "綁定", "unlink"])
async def test_in_a_group_nothing_about_phones_is_said(bot: Bot, text: str) -> None:
    """A hint, no look-up."""
    member = bot.chat("line")
    await link(member)
    group = bot.chat("line", "C" + "0" * 32)

    await group.do(member.phone.says_in_group(group.user, text))

    assert group.said("That's personal — please ask me in our private chat.")
    assert bot.sandbox.calls("altegio") == []


@pytest.mark.parametrize("text", ["綁定 3 張卡要錢嗎", "link 2 people?", PHONE, "K7PQ-4M2X"])
async def test_what_only_resembles_a_link_code_is_left_alone_in_a_group(bot: Bot, text: str) -> None:
    """Members talk to each other."""
    group = bot.chat("line", "C" + "0" * 32)

    await group.do(bot.sandbox.phone("line", "collector").says_in_group(group.user, text))

    assert group.shown == []


async def test_a_link_code_in_a_group_is_not_used(bot: Bot) -> None:
    """Somebody else might have read it; its owner can still use it in private."""
    member = bot.chat("line")
    code = await new_code(bot)
    group = bot.chat("line", "C" + "0" * 32)

    await group.do(member.phone.says_in_group(group.user, f"綁定 {code}"))
    assert group.said("Send codes to me privately so nobody else uses them.")
    assert code not in group.text

    await member.say(f"link {code}")
    assert member.said(LINKED, phone=MASKED)


async def test_the_database_and_the_logs_hold_no_number(
    friend: Chat, tables: asyncpg.Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither phones nor link codes nor card numbers, in text or in bytes, however much was done with them."""
    waiting = await new_code(friend.bot, EMPTY)
    await friend.say("gift card")
    await friend.say(PHONE)
    await link(friend)
    await friend.say("gift card")
    await friend.tap("Show number")
    assert "0042001" in friend.text
    await friend.bot.chat(friend.channel).say(f"link {await new_code(friend.bot)}")  # and a notice
    friend.look()

    kept = ""
    for row in await tables.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        kept += "\n".join(map(str, await tables.fetch(f'SELECT t::text FROM "{row["tablename"]}" t')))
    secrets = ["912345678", "987654321", "0042001", waiting, waiting.replace("-", "")]
    for where in (kept, "".join(capsys.readouterr())):
        assert [secret for secret in secrets if secret in where or secret.encode().hex() in where] == []
    assert "C-" in kept, "it was looked at"


async def test_who_issued_a_code_and_who_used_it_is_kept(friend: Chat, tables: asyncpg.Pool) -> None:
    """For whoever asks later; the phone itself is not, once the code is over."""
    await link(friend)

    row = await tables.fetchrow("SELECT issued_by, used_by, phone FROM link_codes")
    assert (row["issued_by"], row["phone"]) == ("line:staff", b"")
    assert row["used_by"] == await tables.fetchval("SELECT id FROM customers")


async def test_a_phone_sealed_with_another_key_is_not_linked(friend: Chat, tables: asyncpg.Pool) -> None:
    """After SECRET_KEY was changed one links it again; nothing breaks."""
    await link(friend)
    await tables.execute("UPDATE links SET phone = 'gAAAAA'")

    assert not await is_linked(friend)


async def test_without_the_vendor_nothing_offers_gift_cards(friend: Chat) -> None:
    """A shop without Altegio has no dead words; a number is talk and a code is a redemption code."""
    friend.bot.desk(shows_cards=False)
    friend.bot.having(apis=replace(friend.bot.turns.apis, altegio=None))
    for text in ("gift card", "link", "unlink"):
        await friend.say(text)
        assert friend.said("What would you like to do?")
        assert friend._("Gift cards") not in friend.buttons
    if friend.channel == "messenger":
        await friend.do(friend.phone.shares_phone("+886912345678"))
        assert friend.said("What would you like to do?")

    await friend.say(PHONE)

    assert friend.said("I didn't catch that. Try:")


async def test_running_a_turn_again_links_once(friend: Chat, tables: asyncpg.Pool) -> None:
    """The platform delivers the same message twice; a worker may die before its commit."""
    webhook = friend.phone.says(f"link {await new_code(friend.bot)}")
    moments: list[datetime] = []
    for _ in range(2):
        await friend.do(webhook)
        moments.append(await tables.fetchval("SELECT linked_at FROM links"))

    assert moments[0] == moments[1]
    assert await tables.fetchval("SELECT count(*) FROM misses") == 0

"""Redeeming codes in the chat."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import asyncpg
import pytest
from chat import Bot, Chat

from bot.apis.http import Upstream, open_http
from bot.apis.poshen import NAME, PoshenApi, explain
from bot.storage import claims
from bot.storage.claims import Policy
from bot.storage.customers import Customer

SPRING = 5  # WELCOME2026's group.
INVISIBLE = "W\u200bEL\ufeffCOME\u20602026"
BACKWARDS = "\u202eWELCOME2026\u202c"


def told_again(chat: Chat) -> bool:
    """Whether the last answer says that this was redeemed earlier today, without celebrating it anew."""
    return re.search(chat._("You redeemed this at %(time)s", time=r"\d\d:\d\d"), chat.text) is not None


def reference_in(chat: Chat) -> str:
    """The reference of the receipts on screen, which are one and the same."""
    [found] = set(re.findall(r"R-[0-9A-Z]{6}", chat.text))
    return str(found)


@pytest.mark.parametrize(
    "typed", ["ｗｅｌｃｏｍｅ ２０２６", "WELCOME2026", "兌換 welcome-2026", "redeem: Welcome 2026!"]
)
async def test_a_code_is_redeemed_however_it_is_typed(chat: Chat, typed: str) -> None:
    """The receipt names the reward and a reference; the same code again says when that was, with the same facts."""
    await chat.do(chat.phone.follows())
    await chat.say(typed)

    assert chat.said("Redeemed 🎉")
    assert "金幣 100" in chat.text
    reference = reference_in(chat)

    await chat.say(typed)
    assert reference_in(chat) == reference
    assert told_again(chat)
    assert not chat.said("Redeemed 🎉")


@pytest.mark.parametrize(
    ("typed", "reward"),
    [
        ("  welcome2026  ", "金幣 100"),
        ("「WELCOME2026」", "金幣 100"),
        ("（ＷＥＬＣＯＭＥ２０２６）。", "金幣 100"),
        ("WELCOME－2026", "金幣 100"),
        ("welcome—2026", "金幣 100"),
        (INVISIBLE, "金幣 100"),
        (BACKWARDS, "金幣 100"),
        ("WELCOME\u30002026", "金幣 100"),
        ("兌換碼是ＷＥＬＣＯＭＥ２０２６", "金幣 100"),
        ("我要兌換 WELCOME2026 謝謝", "金幣 100"),
        ("My code is welcome2026, thanks", "金幣 100"),
        ("Hello!\nWELCOME2026\nsee you", "金幣 100"),
        ("https://shop.example/?c=PICNIC4U  WELCOME2026", "金幣 100"),
        ("redeem summer 7k3m q9td", "500 gold coins"),
        ("summer7k3mq9td", "500 gold coins"),
        ("序號：summer－7k3m－q9td", "500 gold coins"),
        ("zongzi2026", "體力藥水 ×10"),
    ],
)
async def test_typing_accidents_cost_nobody_a_reward(bot: Bot, typed: str, reward: str) -> None:
    """Width, case, dashes, quotes, invisible characters, courtesies and links around a code are read past."""
    chat = bot.chat("line")

    await chat.say(typed)

    assert chat.said("Redeemed 🎉")
    assert reward in chat.text


async def test_a_code_in_chinese_letters_is_redeemed_after_a_keyword(bot: Bot) -> None:
    """Poshen takes any text as a code."""
    chat = bot.chat("line")

    await chat.say("兌換 端午快樂2026")

    assert chat.said("Redeemed 🎉")


async def test_the_first_message_ever_is_a_sentence_with_a_code(chat: Chat, language: str) -> None:
    """It is redeemed at once, and the notice comes under the receipt."""
    await chat.say(
        "您好 我的序號 WELCOME2026 可以用嗎" if language == "zh-TW" else "Hi there, my code is WELCOME2026 please"
    )

    assert chat.said("Redeemed 🎉")
    assert chat.text.index(chat._("Redeemed 🎉")) < chat.text.index(chat.notice)


async def test_a_receipt_shows_the_code_masked(friend: Chat) -> None:
    """Screenshots of receipts are shared; the code on them is of no use to others."""
    await friend.say("WELCOME2026")

    assert "WELC••••26" in friend.text
    assert "WELCOME2026" not in friend.text


async def test_a_code_without_rewards_is_still_a_receipt(friend: Chat) -> None:
    """What counts may be the entry itself."""
    await friend.say("NOTHING2026")

    assert friend.said("Redeemed 🎉")
    assert friend.said("Reference")


async def test_hostile_reward_names_are_only_text(friend: Chat) -> None:
    """Markup and format strings from a vendor are shown, not obeyed."""
    await friend.say("HOSTILE2026")

    assert friend.said("Redeemed 🎉")
    assert "<img src=x onerror=alert(1)> {0} %s [bold]" in friend.text


# Several codes in one message.


async def test_of_two_codes_one_can_be_chosen(friend: Chat, tables: asyncpg.Pool) -> None:
    """Both are offered by name, and only the tapped one is redeemed."""
    await friend.say("WELCOME2026 還有 PICNIC4U")
    assert (
        friend._.ngettext("I see %(n)s possible code — redeem it?", "I see %(n)s possible codes — which one?", 2)
        in friend.text
    )
    assert await tables.fetchval("SELECT count(*) FROM claims") == 0

    await friend.tap("PICNIC4U")

    assert friend.said("Redeemed 🎉")
    assert "Picnic basket" in friend.text
    assert await tables.fetchval("SELECT count(*) FROM claims") == 1


async def test_all_of_several_codes_are_redeemed_with_one_tap(friend: Chat, tables: asyncpg.Pool) -> None:
    """One receipt for each."""
    await friend.say("WELCOME2026, PICNIC4U, DRAGON-BOAT-2026")

    await friend.tap("All of them")

    assert friend.text.count(friend._("Redeemed 🎉")) >= 3
    assert await tables.fetchval("SELECT count(DISTINCT code_id) FROM claims") == 3


async def test_one_wrong_code_among_several_does_not_spoil_the_others(friend: Chat) -> None:
    """The wrong one is named, the right one is redeemed."""
    await friend.say("WELCOME2026 ABSENT2026")

    await friend.tap("All of them")

    assert friend.said("Redeemed 🎉")
    assert friend.said(
        "I couldn't find %(code)s. Check for missing characters, or copy and paste it.", code="ABSENT2026"
    )


async def test_more_than_three_codes_are_asked_for_one_at_a_time(friend: Chat) -> None:
    """Nothing is looked up, and the next message is taken as the code."""
    await friend.say("AAA111 BBB222 CCC333 DDD444")
    assert friend.said("That looks like many codes. Please send me one at a time.")
    assert friend.bot.sandbox.calls("poshen") == []

    await friend.say("WELCOME2026")
    assert friend.said("Redeemed 🎉")


# The prompt.


async def test_the_prompt_takes_the_next_message_as_the_code(friend: Chat) -> None:
    """A tap asks for the code, the answer is redeemed."""
    await friend.say("menu")
    await friend.tap("Redeem a code")
    assert friend.said("Paste your code — capitals and spaces don't matter.")

    await friend.say("welcome 2026")

    assert friend.said("Redeemed 🎉")


async def test_cancel_leaves_the_prompt(friend: Chat, tables: asyncpg.Pool) -> None:
    """After it a word is a word again, not a wrong code."""
    await friend.say("redeem")
    await friend.tap("Cancel")
    assert friend.said("OK, cancelled.")

    await friend.say("tomorrow")

    assert friend.said("I didn't catch that. Try:")
    assert friend.bot.sandbox.calls("poshen") == []
    assert await tables.fetchval("SELECT count(*) FROM misses") == 0


async def test_the_prompt_lasts_five_minutes(friend: Chat) -> None:
    """Later the customer is not held to a question they have forgotten."""
    await friend.say("redeem")
    friend.bot.ahead(minutes=6)

    await friend.say("tomorrow")

    assert friend.said("I didn't catch that. Try:")


async def test_a_wrong_answer_to_the_prompt_counts_as_an_attempt(friend: Chat, tables: asyncpg.Pool) -> None:
    """Whoever was asked for a code and gives one, gives one."""
    await friend.say("redeem")

    await friend.say("moonlight")

    assert friend.said(
        "I couldn't find %(code)s. Check for missing characters, or copy and paste it.", code="moonlight"
    )
    assert await tables.fetchval("SELECT count(*) FROM misses") == 1


async def test_a_known_word_interrupts_the_prompt_and_says_so_once(friend: Chat) -> None:
    """The word is answered, the question is over."""
    await friend.say("redeem")

    await friend.say("help")
    assert friend.said("OK, let's leave that for now.")
    assert friend.said("• Paste a code to redeem it.")

    await friend.say("help")
    assert not friend.said("OK, let's leave that for now.")


# What becomes of it.


async def test_a_deliberate_wrong_code_is_named_and_offered_again(friend: Chat) -> None:
    """The answer says what was looked for and how to go on."""
    await friend.say("兌換 NOSUCH2026")
    assert friend.said(
        "I couldn't find %(code)s. Check for missing characters, or copy and paste it.", code="NOSUCH2026"
    )

    await friend.tap("Enter it again")
    assert friend.said("Paste your code — capitals and spaces don't matter.")


async def test_what_merely_looks_like_a_code_is_small_talk(friend: Chat, tables: asyncpg.Pool) -> None:
    """`iphone15` is answered like any chat, and is no attempt that could bring a wait."""
    await friend.say("iphone15")

    assert friend.said("I didn't catch that. Try:")
    assert "iphone15" not in friend.text
    person = friend.bot.turns.services.redemption.person_hash(f"{friend.channel}:{friend.phone.account}:{friend.user}")
    assert await tables.fetchval("SELECT count(*) FROM misses WHERE person_hash = $1", person) == 0


@pytest.mark.parametrize(
    "text",
    [
        "0912345678", "+886912345678", "886-912-345678", "2026-11-20", "NT1000", "summer", "20261120", "1st", "100TWD",
        "R-ABC123 is what it says on the receipt I have", "mail@shop2026.example", "https://x.example/WELCOME2026",
    ],
)  # fmt: skip
async def test_numbers_and_addresses_are_never_looked_up_as_codes(bot: Bot, text: str) -> None:
    """Phones, dates, money, references, links, plain words and plain numbers are none."""
    chat = bot.chat("line")

    await chat.say(text)

    assert bot.sandbox.calls("poshen") == []


async def test_the_brands_own_pattern_makes_a_code_of_any_word(friend: Chat, tables: asyncpg.Pool) -> None:
    """With CODE_PATTERN a match is meant as a code: looked up, and counted when it is wrong."""
    friend.bot.desk(code_pattern=re.compile(r"SPRING[A-Z]{4}"))
    friend.bot.sandbox.poshen.put_code("SPRINGGOLD")

    await friend.say("springgold")
    assert friend.said("Redeemed 🎉")

    await friend.say("springlead")
    assert friend.said(
        "I couldn't find %(code)s. Check for missing characters, or copy and paste it.", code="springlead"
    )
    assert await tables.fetchval("SELECT count(*) FROM misses") == 1


async def test_the_vendor_is_not_asked_again_for_a_minute(friend: Chat) -> None:
    """A code that is not there is remembered for sixty seconds, no longer."""
    await friend.say("兌換 LATER2026")
    calls = len(friend.bot.sandbox.calls("poshen"))

    await friend.say("兌換 LATER2026")
    assert len(friend.bot.sandbox.calls("poshen")) == calls

    friend.bot.sandbox.poshen.put_code("LATER2026")
    friend.bot.ahead(seconds=61)
    await friend.say("兌換 LATER2026")
    assert friend.said("Redeemed 🎉")


async def test_when_the_vendor_is_down_one_tap_tries_the_kept_code_again(friend: Chat) -> None:
    """Nobody types a code twice."""
    friend.bot.sandbox.fault("poshen", status=500, times=1)
    await friend.say("WELCOME2026")
    service = friend._("the redemption service")
    assert friend.said(
        "We can't reach %(service)s right now. Nothing is lost — please try again shortly.", service=service
    )

    await friend.tap("Try again")

    assert friend.said("Redeemed 🎉")


async def test_a_kept_code_is_as_early_as_it_was_sent(friend: Chat, tables: asyncpg.Pool) -> None:
    """Nothing is lost, they were told: the campaign ended while the vendor was down, after they had sent the code."""
    await claims.set_policy(tables, SPRING, Policy(ends_at=friend.bot.clock() + timedelta(minutes=2)))
    friend.bot.sandbox.fault("poshen", status=500, times=1)
    await friend.say("WELCOME2026")
    friend.bot.ahead(minutes=3)

    await friend.tap("Try again")
    assert friend.said("Redeemed 🎉")


async def test_a_lookup_that_times_out_can_be_tried_again_without_retyping(friend: Chat) -> None:
    """Silence of the vendor is told like any outage."""
    bot = friend.bot
    headers = {"Authorization": f"Bearer {bot.settings.poshen_token.get_secret_value()}"}
    http = open_http(bot.settings.poshen_api_url, setting="POSHEN_API_URL", headers=headers)

    async def no_pause(_: float) -> None: ...

    impatient = PoshenApi(Upstream(NAME, http, explain=explain, read_seconds=0.1, sleep=no_pause))
    bot.having(apis=replace(bot.turns.apis, poshen=impatient))
    bot.sandbox.fault("poshen", hang=True, times=3)
    await friend.say("WELCOME2026")
    assert friend.said(
        "We can't reach %(service)s right now. Nothing is lost — please try again shortly.",
        service=friend._("the redemption service"),
    )

    await friend.tap("Try again")

    assert friend.said("Redeemed 🎉")
    await impatient.aclose()


async def test_an_outage_is_no_attempt(friend: Chat, tables: asyncpg.Pool) -> None:
    """What could not be looked up was not wrong."""
    friend.bot.sandbox.fault("poshen", status=500, times=1)

    await friend.say("兌換 NOSUCH2026")

    assert await tables.fetchval("SELECT count(*) FROM misses") == 0


async def test_a_kept_code_is_forgotten_after_ten_minutes(friend: Chat) -> None:
    """The button then asks for the code anew."""
    friend.bot.sandbox.fault("poshen", status=500, times=1)
    await friend.say("WELCOME2026")
    friend.bot.ahead(minutes=11)

    await friend.tap("Try again")

    assert friend.said("That button has expired — here's a fresh one.")
    assert friend.said("Paste your code — capitals and spaces don't matter.")


@pytest.mark.parametrize(
    "typed", ["WELCOME2026(love)", "(love)WELCOME2026", "兌換(love)WELCOME2026(love)", "🎁(love)welcome2026"]
)
async def test_an_emoji_of_line_is_no_part_of_a_code(bot: Bot, typed: str) -> None:
    """LINE marks it in the webhook; the text itself has a word in parentheses."""
    chat = bot.chat("line")
    await chat.do(chat.phone.follows())

    await chat.do(chat.phone.says(typed, emoji=["(love)"]))

    assert chat.said("Redeemed 🎉")


@pytest.mark.parametrize(("ended", "redeemed"), [(2, False), (0.5, True)])
async def test_what_arrives_hours_late_counts_as_an_hour_old(
    friend: Chat, tables: asyncpg.Pool, ended: float, redeemed: bool
) -> None:
    """A code sent in time is taken although its campaign is over by now, but not one that a platform kept for hours."""
    sent = friend.phone.says("WELCOME2026")
    friend.bot.ahead(hours=3)
    async with tables.acquire() as connection, connection.transaction():
        over = friend.bot.clock() - timedelta(hours=ended)
        await claims.set_policy(connection, SPRING, Policy(ends_at=over))

    await friend.do(sent)

    assert friend.said("Redeemed 🎉") is redeemed
    assert await tables.fetchval("SELECT count(*) FROM claims") == int(redeemed)


async def test_refused_credentials_are_told_to_staff_and_not_to_customers(friend: Chat) -> None:
    """Customers read of an outage; every admin gets one alert an hour."""
    bot = friend.bot
    staff = [bot.chat("line", "staff"), bot.chat("messenger", "staff")]
    bot.sandbox.fault("poshen", status=401, times=2)

    await friend.say("WELCOME2026")
    await friend.tap("Try again")

    assert friend.said(
        "We can't reach %(service)s right now. Nothing is lost — please try again shortly.",
        service=friend._("the redemption service"),
    )
    for admin in staff:
        [alert] = admin.look()
        assert "POSHEN_TOKEN" in alert.message["text"]


async def test_check_only_mode_says_what_a_code_gives_and_claims_nothing(friend: Chat, tables: asyncpg.Pool) -> None:
    """The customer enters it in the game."""
    friend.bot.desk(only_checks=True)

    await friend.say("WELCOME2026")

    assert friend.said("This code is valid")
    assert friend.said("Enter it in %(game)s to collect.", game="柿日疊疊樂")
    assert "金幣 100" in friend.text
    assert await tables.fetchval("SELECT count(*) FROM claims") == 0


# What the brand decided.


async def test_a_code_may_be_redeemed_as_often_as_the_policy_says(friend: Chat, tables: asyncpg.Pool) -> None:
    """Twice gives two receipts, the third time shows the second again."""
    await claims.set_policy(tables, SPRING, Policy(per_customer=2))
    seen = []
    for _ in range(3):
        await friend.say("WELCOME2026")
        seen.append(reference_in(friend))

    assert seen[0] != seen[1] == seen[2]
    assert await tables.fetchval("SELECT count(*) FROM claims") == 2


async def test_a_capped_code_is_used_up_after_its_last_claim(friend: Chat, tables: asyncpg.Pool) -> None:
    """The next customer is told so; who has it keeps seeing the receipt."""
    await claims.set_policy(tables, SPRING, Policy(max_claims=1))
    other = friend.bot.chat(friend.channel)
    await other.say("WELCOME2026")
    assert other.said("Redeemed 🎉")

    await friend.say("WELCOME2026")
    assert friend.said("This code has been fully used.")

    await other.say("WELCOME2026")
    assert told_again(other)
    assert await tables.fetchval("SELECT count(*) FROM claims") == 1


async def test_a_campaign_opens_and_ends_when_the_brand_says(friend: Chat, tables: asyncpg.Pool) -> None:
    """Before and after, the date is told and nothing is claimed."""
    now = friend.bot.clock()
    opens, ends = now + timedelta(days=3), now + timedelta(days=5)
    await claims.set_policy(tables, SPRING, Policy(starts_at=opens, ends_at=ends))

    await friend.say("WELCOME2026")
    assert friend.said("This code opens on %(date)s.", date=friend._.moment(opens))

    friend.bot.ahead(days=6)
    await friend.say("WELCOME2026")
    assert friend.said("This code ended on %(date)s.", date=friend._.date(ends))
    assert await tables.fetchval("SELECT count(*) FROM claims") == 0


async def test_the_last_day_of_a_campaign_is_told_and_not_the_midnight_after_it(
    friend: Chat, tables: asyncpg.Pool
) -> None:
    """`until=` includes its day: nobody is told that it ended on the next one at 00:00."""
    last = friend.bot.clock().astimezone(friend.bot.settings.zone).date()
    midnight = datetime.combine(last + timedelta(days=1), time(), friend.bot.settings.zone)
    await claims.set_policy(tables, SPRING, Policy(ends_at=midnight))
    friend.bot.ahead(seconds=(midnight - friend.bot.clock()).total_seconds())
    await friend.say("WELCOME2026")

    assert friend.said("This code ended on %(date)s.", date=friend._.date(midnight - timedelta(hours=12)))
    assert "00:00" not in friend.text


async def test_a_paused_campaign_gives_nothing_new(friend: Chat, tables: asyncpg.Pool) -> None:
    """Those who redeemed before still see their receipt."""
    other = friend.bot.chat(friend.channel)
    await other.say("WELCOME2026")
    await claims.set_policy(tables, SPRING, Policy(paused=True))

    await friend.say("WELCOME2026")
    assert friend.said("This campaign is paused — please try later.")

    await other.say("WELCOME2026")
    assert told_again(other)


async def test_a_receipt_says_later_that_it_is_an_old_one(friend: Chat) -> None:
    """The next day the same card names the day."""
    await friend.say("WELCOME2026")
    reference, day = reference_in(friend), friend._.date(friend.bot.clock())
    friend.bot.ahead(days=1)

    await friend.say("WELCOME2026")

    assert friend.said("You already redeemed this on %(date)s", date=day)
    assert reference_in(friend) == reference


# Receipts by their reference.


async def test_ones_own_receipt_is_shown_by_its_reference(friend: Chat) -> None:
    """However the reference is typed."""
    await friend.say("WELCOME2026")
    reference = reference_in(friend)

    for typed in reference, reference.lower(), f"請問 {reference} ?":
        await friend.say(typed)
        assert "金幣 100" in friend.text
        assert reference_in(friend) == reference


@pytest.mark.parametrize(
    "typed",
    [
        "R–{body}",
        "r{small}",
        "Ｒ－{body}。",
        "R - {body} 🙏",
        "receipt R{body}",
        "收據編號：r{small}",
        "「R-{body}」在哪",
    ],
)
async def test_ones_own_receipt_is_found_however_it_is_typed(friend: Chat, tables: asyncpg.Pool, typed: str) -> None:
    """By the same reading as staff's; nothing is asked of a vendor for it."""
    await friend.say("WELCOME2026")
    ref = await tables.fetchval("SELECT ref FROM claims")
    asked = len(friend.bot.sandbox.calls("poshen"))
    await friend.say(typed.format(body=ref[2:], small=ref[2:].lower()))

    assert ref in friend.text
    assert len(friend.bot.sandbox.calls("poshen")) == asked


async def test_a_code_that_reads_like_a_receipt_is_still_a_code(friend: Chat) -> None:
    """One's own receipts come first; where there is none of this name, the next reader looks at it."""
    friend.bot.sandbox.poshen.put_code("RAQA94N", group=5)
    await friend.say("RAQA94N")

    assert friend.said("Redeemed 🎉")


async def test_somebody_elses_receipt_reads_like_one_that_does_not_exist(friend: Chat) -> None:
    """A reference is printed on screenshots; it opens nothing."""
    other = friend.bot.chat(friend.channel)
    await other.say("WELCOME2026")
    theirs = reference_in(other)

    await friend.say(theirs)
    assert friend.said("I couldn't find %(ref)s among your receipts.", ref=theirs)
    assert "金幣" not in friend.text
    buttons = list(friend.buttons)

    await friend.say("R-ZZZZZZ")
    assert friend.said("I couldn't find %(ref)s among your receipts.", ref="R-ZZZZZZ")
    assert list(friend.buttons) == buttons


# Exactly once.


async def test_five_taps_at_once_claim_once(friend: Chat, tables: asyncpg.Pool) -> None:
    """Events of their own with the same code: five receipts of one claim, the first of which celebrates."""
    await friend.do(*(friend.phone.says("WELCOME2026") for _ in range(5)))

    again = friend._("You redeemed this at %(time)s", time=r"\d\d:\d\d")
    assert len(friend.shown) == 5
    assert sum(friend._("Redeemed 🎉") in str(each.message) for each in friend.shown) == 1
    assert sum(bool(re.search(again, str(each.message))) for each in friend.shown) == 4
    assert reference_in(friend)
    assert await tables.fetchval("SELECT count(*) FROM claims") == 1


async def test_two_workers_that_both_saw_no_claim_make_one(bot: Bot, tables: asyncpg.Pool) -> None:
    """The loser of the race finds the winner's claim by the constraint, not by having looked."""
    redemption = bot.turns.services.redemption
    assert bot.turns.apis.poshen is not None
    code = await bot.turns.apis.poshen.find("WELCOME2026")
    assert code is not None
    now = bot.clock()
    somebody = Customer(1, "line:a:b", "C-000001", "line", "en", first_seen=now, last_seen=now)
    looked = asyncio.Barrier(2)

    class Racing:
        """A connection whose reader waits until the other has looked as well."""

        def __init__(self, connection: Any) -> None:
            self.connection = connection

        async def fetch(self, *query: Any) -> Any:
            rows = await self.connection.fetch(*query)
            if not rows:
                await looked.wait()
            return rows

        def __getattr__(self, name: str) -> Any:
            return getattr(self.connection, name)

    async def claim(event: int) -> Any:
        async with tables.acquire() as connection, connection.transaction():
            now = bot.clock()
            return await redemption.claim(
                Racing(connection), code, customer=somebody, event_id=event, happened_at=now, now=now
            )

    first, second = await asyncio.gather(claim(1), claim(2))

    assert first.claim == second.claim
    assert {first.fresh, second.fresh} == {True, False}
    assert await tables.fetchval("SELECT count(*) FROM claims") == 1


@pytest.mark.parametrize("counted_from", [0, claims.COUNTED_FROM])
async def test_the_last_of_a_capped_code_goes_to_one_of_many(
    bot: Bot, tables: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch, counted_from: int
) -> None:
    """Eight customers at the same moment, three claims left: three have it, five are told."""
    monkeypatch.setattr(claims, "COUNTED_FROM", counted_from)
    await claims.set_policy(tables, SPRING, Policy(max_claims=3))
    chats = [bot.chat("line") for _ in range(8)]
    for chat in chats:
        bot.post(chat.phone.says("WELCOME2026"))
    await bot.quiet()

    for chat in chats:
        chat.look()
    assert sum(chat.said("Redeemed 🎉") for chat in chats) == 3
    assert sum(chat.said("This code has been fully used.") for chat in chats) == 5
    assert await tables.fetchval("SELECT count(*) FROM claims") == 3


@pytest.mark.parametrize("text", ["where do i find it", "what is that", "my dog is asleep"])
async def test_a_sentence_is_no_answer_to_the_question_for_a_code(bot: Bot, tables: asyncpg.Pool, text: str) -> None:
    """Who asks back has not tried anything."""
    chat = bot.chat("line", language="en")
    await chat.say("redeem")
    await chat.say(text)

    assert chat.said("I didn't catch that. Try:")
    assert await tables.fetchval("SELECT count(*) FROM misses") == 0


async def test_a_tap_on_something_else_ends_the_question(bot: Bot) -> None:
    """What is typed after it is no code."""
    chat = bot.chat("line", language="en")
    await chat.say("hello")
    menu = chat.data_of("My gifts")
    await chat.say("redeem")
    await chat.do(chat.phone.taps(menu))
    await chat.say("ABCDEFGH")

    assert chat.said("I didn't catch that. Try:")


async def test_asking_for_the_same_thing_twice_needs_no_remark(bot: Bot) -> None:
    """The question is simply asked again."""
    chat = bot.chat("line", language="en")
    await chat.say("redeem")
    await chat.say("redeem")

    assert not chat.said("OK, let's leave that for now.")


async def test_each_code_of_an_outage_keeps_its_own_button(bot: Bot) -> None:
    """Two codes typed while the vendor is down are both one tap away."""
    chat = bot.chat("messenger")
    bot.sandbox.fault("poshen", status=503)
    await chat.say("WELCOME2026")
    first = chat.data_of("Try again")
    await chat.say("兌換 PICNIC4U")
    second = chat.data_of("Try again")
    bot.mend()

    await chat.do(chat.phone.taps(second))
    assert "Picnic basket" in chat.text
    await chat.do(chat.phone.taps(first))
    assert "金幣 100" in chat.text

"""What customers mean: wishes and stories around a code, answers to our questions, typed labels, their own words."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
import pytest
from chat import Bot, Chat

CODE = "WELCOME2026"
LATER = f"{CODE} 下個月再換"  # Asked about, whatever the recogniser has learned.
LOST = "I didn't catch that. Try:"
LEFT = "All right, nothing was done."
UNSURE = "I'm not sure what you mean. Please answer “%(yes)s” or “%(no)s”."
WHICH = "I see %(n)s possible code — redeem it?", "I see %(n)s possible codes — which one?", 2
CALL, NO_MORE = "Shall I call somebody of our staff?", "Shall I turn notifications off?"
TYPE_IT = "Type %(word)s within 2 minutes to delete your data."

AGAINST = [  # What speaks against redeeming it now, with the word for yes and the word for no that are tried on it.
    ("先不要換 WELCOME2026，我只是看看", "好", "先不要"),
    ("WELCOME2026 下個月再換", "yes", "no"),
    ("我換過了 WELCOME2026", "好喔", "不用了"),
    ("WELCOME2026 怎麼換", "好", "no thanks"),
    ("朋友昨天用了 WELCOME2026", "要", "不要"),
    ("redeem WELCOME2026 next week", "yes", "not now"),
    ("don't redeem WELCOME2026 yet", "yes please", "no"),
    ("I already redeemed WELCOME2026", "sure", "nope"),
    ("is WELCOME2026 still valid?", "go ahead", "不用"),
    ("not sure about WELCOME2026, maybe", "好", "no"),
    ("wait, WELCOME2026 is for my friend", "yes", "算了"),
    ("my sister already used WELCOME2026 yesterday", "yep", "no"),
    ("how do I redeem WELCOME2026", "yes", "no"),
    # A refusal is no story, however politely the order after it is put; and what follows an order counts as well.
    ("don't! please redeem WELCOME2026", "yes", "no"),
    ("先不要，請幫我兌換 WELCOME2026", "好", "不用"),
    ("I had such a long day at work. Please redeem WELCOME2026, but not today", "yes", "no"),
    ("下雨天還跑出來排隊，幫我兌換 WELCOME2026，晚點再用", "好", "先不要"),
    ("如果還有效的話，請幫我兌換 WELCOME2026", "好", "先不要"),
    ("幫我兌換 WELCOME2026 🤔", "好", "先不要"),
]


async def claimed(tables: asyncpg.Pool) -> int:
    """How many claims there are."""
    return int(await tables.fetchval("SELECT count(*) FROM claims"))


def asked(chat: Chat) -> bool:
    """Whether the last answer asks whether the code shall be redeemed, with both of its buttons."""
    both = {chat._("Redeem it"), chat._("Not now")} <= set(chat.buttons)
    return both and chat.said("Redeem %(code)s now?", code=CODE)


@pytest.fixture
async def questioned(friend: Chat) -> Chat:
    """A customer who was just asked whether a code shall be redeemed."""
    await friend.say(LATER)
    assert asked(friend)
    return friend


# ── a code, and what is said beside it ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(("text", "yes", "no"), AGAINST)
async def test_what_speaks_against_a_code_is_asked_about(
    friend: Chat, tables: asyncpg.Pool, text: str, yes: str, no: str
) -> None:
    """Nothing is looked up before the yes, which claims once; a no leaves the code alone and ends the question."""
    await friend.say(text)
    assert asked(friend)
    await friend.say(no)
    assert friend.said(LEFT)
    assert await friend.say(yes) == [] and await claimed(tables) == 0

    await friend.say(text)
    assert asked(friend)
    assert friend.bot.sandbox.calls("poshen") == []
    await friend.say(yes)
    assert friend.said("Redeemed 🎉") and "金幣 100" in friend.text
    assert await claimed(tables) == 1


@pytest.mark.parametrize(
    "text",
    ["電線桿上貼著 WELCOME2026 旁邊有一隻貓", "昨天的夢裡有大象唱著 WELCOME2026"],
)
async def test_an_unclear_sentence_around_a_code_is_asked_about(friend: Chat, tables: asyncpg.Pool, text: str) -> None:
    """One look-up finds out whether there is such a code; only the yes claims it."""
    await friend.say(text)
    assert asked(friend)
    assert len(friend.bot.sandbox.calls("poshen")) == 1
    assert await claimed(tables) == 0

    await friend.say("好")
    assert friend.said("Redeemed 🎉") and await claimed(tables) == 1


@pytest.mark.parametrize(
    "text",
    [
        "我要用WELCOME2026", "朋友送我的 WELCOME2026 幫我換", "請幫我兌換 WELCOME2026，謝謝",
        "麻煩幫我輸入 WELCOME2026", "我想兌換這個 WELCOME2026", "我的序號是 WELCOME2026 現在就換",
        "could you redeem WELCOME2026 for me please", "I want to redeem WELCOME2026", "please enter WELCOME2026 for me",
        "here is my code: WELCOME2026", "my friend gave me WELCOME2026, please redeem it", "use WELCOME2026",
        "這組 WELCOME2026", "yay WELCOME2026 lol",
        # What speaks against it stands in a story that is told before.
        "I never win anything and my feet hurt. Please redeem WELCOME2026",
        "my roommate doesn't drink tea so she gave me her card. redeem WELCOME2026 please",
        "我室友不喝茶所以把卡片給我了，請幫我兌換 WELCOME2026", "昨天忘了帶，不能再拖了，我要換 WELCOME2026",
    ],
)  # fmt: skip
async def test_a_plain_wish_is_done_at_once(friend: Chat, tables: asyncpg.Pool, text: str) -> None:
    """Whatever words it is put in, nothing is asked."""
    await friend.say(text)
    assert friend.said("Redeemed 🎉") and "金幣 100" in friend.text
    assert not asked(friend)
    assert await claimed(tables) == 1


# ── a yes, and to what ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("yes", ["yes", "好", "ok", "👍"])
async def test_a_yes_to_nothing_is_met_with_silence(friend: Chat, tables: asyncpg.Pool, yes: str) -> None:
    """Also when there was a question before, which a yes has answered."""
    assert await friend.say(yes) == []

    await friend.say(LATER)
    await friend.say("好")
    assert await claimed(tables) == 1
    looked_up = len(friend.bot.sandbox.calls("poshen"))
    assert await friend.say(yes) == []
    assert await claimed(tables) == 1
    assert len(friend.bot.sandbox.calls("poshen")) == looked_up


@pytest.mark.parametrize("minutes", [6, 11])
async def test_a_yes_that_comes_too_late_claims_nothing(questioned: Chat, tables: asyncpg.Pool, minutes: int) -> None:
    """The question is open for five minutes; its buttons would even work for ten. It says so once."""
    questioned.bot.ahead(minutes=minutes)

    await questioned.say("yes")
    assert questioned.said("That button has expired — here's a fresh one.")
    assert await questioned.say("yes") == []
    assert await claimed(tables) == 0


async def test_a_yes_written_before_the_question_is_none_to_it(questioned: Chat, tables: asyncpg.Pool) -> None:
    """It arrived behind it, but meant something else; the question is put once more, and can be answered then."""
    await questioned.do(questioned.phone.replayed(questioned.phone.says("yes"), timedelta(seconds=20)))
    assert not questioned.said("Redeemed 🎉")
    assert questioned._("Redeem it") in questioned.buttons
    assert await claimed(tables) == 0

    await questioned.say("yes")
    assert await claimed(tables) == 1


# ── something else under an open question ────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("word", "yes"), [("hello", "yes"), ("早安☀️", "好"), ("thanks", "yes"), ("謝謝您", "好"), ("哈囉", "yes")]
)
async def test_a_greeting_keeps_the_question_open(questioned: Chat, tables: asyncpg.Pool, word: str, yes: str) -> None:
    """It is returned, and answers nothing."""
    await questioned.say(word)
    assert questioned.shown != []
    assert await claimed(tables) == 0

    await questioned.say(yes)
    assert questioned.said("Redeemed 🎉") and await claimed(tables) == 1


@pytest.mark.parametrize(("word", "yes"), [("我的獎品", "好"), ("my gifts", "yes"), ("禮物", "yes")])
async def test_a_word_for_something_else_ends_the_question(
    questioned: Chat, tables: asyncpg.Pool, word: str, yes: str
) -> None:
    """That is opened, and a yes afterwards is one to nothing."""
    await questioned.say(word)
    assert questioned.said("No gifts yet. Join a campaign or redeem a code to get some.")
    assert questioned.said("OK, let's leave that for now.")

    assert await questioned.say(yes) == []
    assert await claimed(tables) == 0


@pytest.mark.parametrize("text", ["hmm blue elephants", "雲的影子很長"])
async def test_what_is_unclear_under_a_question_has_it_asked_again(
    questioned: Chat, tables: asyncpg.Pool, text: str
) -> None:
    """With both labels in the text, for who sees no buttons; the second time the question is over."""
    await questioned.say(text)
    assert questioned.said(UNSURE, yes=questioned._("Redeem it"), no=questioned._("Not now"))
    assert list(questioned.buttons)[:2] == [questioned._("Redeem it"), questioned._("Not now")]

    await questioned.say(text)
    assert questioned.said(LOST)
    assert questioned._("Redeem it") not in questioned.buttons
    assert await questioned.say("yes") == []
    assert await claimed(tables) == 0


# ── labels, typed ────────────────────────────────────────────────────────────────────────────────


async def test_not_now_typed_is_a_no_to_its_own_question_only(questioned: Chat, tables: asyncpg.Pool) -> None:
    """Under an older answer it is a no to nothing; neither time a yes finds a question."""
    label = questioned._("Not now")
    await questioned.say(label)
    assert questioned.said(LEFT)
    assert await questioned.say("yes") == []

    await questioned.say(LATER)
    assert asked(questioned)
    await questioned.say("menu")
    assert await questioned.say(label) == []
    assert await claimed(tables) == 0


@pytest.mark.parametrize("language", ["en", "zh-TW"])
async def test_redeem_it_typed_does_what_its_button_does(
    bot: Bot, tables: asyncpg.Pool, channel: str, language: str
) -> None:
    """Although it is a word for something else, too. With a question mark it is no yes."""
    chat = bot.chat(channel, language=language)
    await chat.say(LATER)
    await chat.say(chat._("Redeem it") + "?")
    assert await claimed(tables) == 0

    await chat.say(LATER)
    await chat.say(chat._("Redeem it"))
    assert chat.said("Redeemed 🎉")
    assert await claimed(tables) == 1


async def test_the_label_of_a_chip_opens_what_the_chip_opens(friend: Chat) -> None:
    """As a tap on it does."""
    await friend.say("雲的影子很長")
    label = friend._("Notifications off")
    assert label in friend.buttons

    await friend.say(label)
    assert friend.said("Notifications off. You can still redeem and check.")


@pytest.mark.parametrize(("mark", "between", "works"), [("", "", True), ("?", "", False), ("", "menu", False)])
async def test_a_label_is_pressed_only_under_its_own_answer(friend: Chat, mark: str, between: str, works: bool) -> None:
    """`Export` is no word of ours: it is a button of this card, not when it is asked about, nor later."""
    await friend.say("my data")
    label = friend._("Export")
    assert label in friend.buttons
    if between:
        await friend.say(between)

    await friend.say(label + mark)
    assert (friend.user in friend.text) is works
    assert friend.said(LOST) is not works


# ── what is done only after a question ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "question", "yes", "done"),
    [
        ("get me a human, this bot is useless", CALL, "yes", "muted_until"),
        ("可以找個真人跟我說話嗎", CALL, "好", "muted_until"),
        ("stop spamming me with these messages", NO_MORE, "yes", "unsubscribed_at"),
        ("請停止傳廣告訊息給我", NO_MORE, "好", "unsubscribed_at"),
    ],
)
async def test_what_has_an_effect_is_asked_about(
    friend: Chat, tables: asyncpg.Pool, text: str, question: str, yes: str, done: str
) -> None:
    """For who asks in words of their own; a no leaves everything as it is."""
    for answer in ("no", yes):
        await friend.say(text)
        assert friend.said(question)
        assert await tables.fetchval(f"SELECT {done} IS NULL FROM customers")
        await friend.say(answer)
        assert friend.said(LEFT) is (answer == "no")
        assert await tables.fetchval(f"SELECT {done} IS NULL FROM customers") is (answer == "no")


@pytest.mark.parametrize(("text", "yes"), [("把我的資料都清掉", "好"), ("get rid of everything you have on me", "yes")])
async def test_data_are_deleted_after_a_yes_and_a_word(friend: Chat, tables: asyncpg.Pool, text: str, yes: str) -> None:
    """Neither the wish nor the yes deletes anything; a no ends it."""
    for answer in ("no", yes):
        await friend.say(text)
        assert friend._("Yes, delete") in friend.buttons
        await friend.say(answer)
        assert friend.said(TYPE_IT, word=friend._("DELETE")) is (answer == yes)
        assert await tables.fetchval("SELECT count(*) FROM customers") == 1

    await friend.say(friend._("DELETE"))
    assert friend.said("Deleted. Thank you for having been here.")
    assert await tables.fetchval("SELECT count(*) FROM customers") == 0


@pytest.mark.parametrize("text", ["不要刪我的資料", "don't delete my data", "請不要刪除我的資料"])
async def test_who_says_not_to_delete_is_not_asked(friend: Chat, tables: asyncpg.Pool, text: str) -> None:
    """No question is open, so that a yes does nothing."""
    await friend.say(text)
    assert friend._("Yes, delete") not in friend.buttons

    assert await friend.say("yes") == []
    assert await tables.fetchval("SELECT count(*) FROM customers") == 1


# ── what nobody understands ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["hmm blue elephants", "雲的影子很長"])
async def test_the_ladder_ends_in_silence(friend: Chat, tables: asyncpg.Pool, text: str) -> None:
    """Chips, chips with help, a person, the same once more, silence; a code is heard all the same."""
    tip, offer = "• Paste a code to redeem it.", "I can't help with that, but our staff can. Shall I call somebody?"
    for rung in ((True, False, False), (True, True, False), (False, False, True)):
        await friend.say(text)
        assert (friend.said(LOST), friend.said(tip), friend.said(offer)) == rung
    await friend.say(text)
    assert friend.said(UNSURE, yes=friend._("Talk to a person"), no=friend._("No, thanks"))
    assert await friend.say(text) == []
    assert await friend.say(text) == []

    await friend.say(CODE)
    assert await claimed(tables) == 1


# ── several codes ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("WELCOME2026 跟 PICNIC4U 兩組都要換", 2),
        ("WELCOME2026 PICNIC4U both please", 2),
        ("redeem both WELCOME2026 and PICNIC4U", 2),
        ("不要兩組都換 WELCOME2026 PICNIC4U", 0),
        ("both WELCOME2026 and PICNIC4U are for my friend", 0),
    ],
)
async def test_several_codes_are_redeemed_where_all_are_wanted(
    friend: Chat, tables: asyncpg.Pool, text: str, claims: int
) -> None:
    """Nobody is asked which one, unless there is a no or a doubt beside the word for all of them."""
    await friend.say(text)
    assert (friend._.ngettext(*WHICH) in friend.text) is (claims == 0)
    assert friend.text.count(friend._("Redeemed 🎉")) == claims
    assert await tables.fetchval("SELECT count(DISTINCT code_id) FROM claims") == claims


@pytest.mark.parametrize("all_of_them", ["全部", "兩組都要", "all of them", "both"])
async def test_all_of_them_answers_which_of_several_codes(friend: Chat, tables: asyncpg.Pool, all_of_them: str) -> None:
    """Nothing is looked up before; a doubt about it claims nothing."""
    await friend.say("WELCOME2026 和 PICNIC4U")
    assert friend._.ngettext(*WHICH) in friend.text
    await friend.say(f"{all_of_them}?")
    assert friend.bot.sandbox.calls("poshen") == []

    await friend.say("WELCOME2026 和 PICNIC4U")
    await friend.say(all_of_them)
    assert friend.text.count(friend._("Redeemed 🎉")) == 2
    assert await tables.fetchval("SELECT count(DISTINCT code_id) FROM claims") == 2

"""POSHEN_MODE=redeem: Poshen redeems codes for the customer's player, once, whatever becomes of an answer."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from chat import Bot, Chat, _texts

from bot.storage import claims, redemptions, rewards
from bot.storage.claims import Policy
from bot.storage.rewards import Grant
from bot.understanding.codes import masked
from handlers.views.players import ask_text, saved_text, unusable_text
from sandbox.poshen import Wording

CODE = "WELCOME2026"
SPRING = 5  # its group
GAME = "柿日疊疊樂"  # its game
PLAYER = "7fKq2mXw9TbLz4RnYs6VhCp1Jd3G"
OTHER = "unity-12345"
REDEEM, HISTORY = "poshen:POST /redemptions", "poshen:GET /redemptions"
LONG = timedelta(hours=1)
REFERENCE = re.compile(r"R-[0-9A-HJKMNP-TV-Z]{6}")
CONFIRMING = "It was sent to the game, and we are confirming it. No need to try again: we'll tell you here."


@pytest.fixture
def bot(bot: Bot) -> Bot:
    """A bot in this mode that does not wait long."""
    bot.desk(redeems_for_players=True)
    pausing(bot, timedelta(milliseconds=30))
    return bot


def pausing(bot: Bot, pause: timedelta) -> None:
    """What is unknown is asked again after this long, three times; `LONG`: not in this test."""
    services = bot.turns.services
    redeeming = replace(services.redeeming, pauses=(pause,) * 3, breath=0)
    bot.having(services=replace(services, redeeming=redeeming))


@pytest.fixture
async def player(friend: Chat) -> Chat:
    """A customer whose player id is known; on every channel and in every language."""
    await tell(friend)
    return friend


async def tell(chat: Chat, player: str = PLAYER) -> None:
    """Tell, or change, the player id."""
    await chat.say(f"{'player id' if chat.tag == 'en' else '玩家ID'} {player}")
    assert saved_text(chat._, player) in chat.text


def asked(bot: Bot) -> list[dict[str, Any]]:
    """What Poshen was asked to redeem."""
    return [call.json for call in bot.sandbox.calls("poshen", "POST /redemptions")]


def once(code: str = CODE, player: str = PLAYER) -> dict[str, Any]:
    return {"redemption_code": code, "unity_player_id": player}


async def states(bot: Bot) -> list[str]:
    return [row["state"] for row in await bot.pool.fetch("SELECT state FROM redemptions ORDER BY id")]


async def claimed(bot: Bot) -> int:
    return int(await bot.pool.fetchval("SELECT count(*) FROM claims"))


# ── the player ───────────────────────────────────────────────────────────────────────────────────


async def test_the_player_is_asked_for_once_and_the_code_that_waited_is_redeemed(friend: Chat) -> None:
    """With what it is for and what it looks like; the next code needs no question."""
    await friend.say(CODE)

    assert ask_text(friend._, GAME) in friend.text
    assert PLAYER in ask_text(friend._)
    assert asked(friend.bot) == []

    await friend.say(PLAYER)

    assert saved_text(friend._, PLAYER) in friend.text
    assert friend.said("Redeemed 🎉")
    assert "金幣 100" in friend.text
    assert asked(friend.bot) == [once()]
    assert friend.bot.sandbox.poshen.codes[99].current_uses == 13

    await friend.say("PICNIC4U")

    assert friend.said("Redeemed 🎉")
    assert asked(friend.bot) == [once(), once("PICNIC4U")]
    assert await states(friend.bot) == ["done", "done"]


async def test_what_cannot_be_a_player_id_is_told_so_and_the_code_waits_on(friend: Chat) -> None:
    """Nothing is sent to Poshen, however often and however long it takes."""
    await friend.say(CODE)
    for typed in ("在哪裡看這個", "PersimmonQueen", "0912345678"):
        friend.bot.ahead(minutes=6)
        await friend.say(typed)
        assert unusable_text(friend._) in friend.text
    assert asked(friend.bot) == []

    await friend.say(PLAYER)

    assert friend.said("Redeemed 🎉")


async def test_another_code_is_no_player(friend: Chat) -> None:
    """Whoever sends the next code, or the same again, is told what is missing; both are redeemed then."""
    await friend.say(CODE)
    await friend.say(CODE.lower())
    assert friend.said("That is the redemption code. What I still need is your player ID in the game.")
    await friend.say("PICNIC4U")
    assert friend.said("That is the redemption code. What I still need is your player ID in the game.")

    await friend.say(PLAYER)

    assert sorted(body["redemption_code"] for body in asked(friend.bot)) == ["PICNIC4U", CODE]
    assert {body["unity_player_id"] for body in asked(friend.bot)} == {PLAYER}
    assert await claimed(friend.bot) == 2


async def test_the_question_ends_as_others_do(friend: Chat) -> None:
    """By "cancel", after which nothing waits; or after ten minutes."""
    await friend.say(CODE)
    await friend.tap("Cancel")
    await friend.say(PLAYER)
    assert asked(friend.bot) == []

    await friend.say(CODE)
    friend.bot.ahead(minutes=11)
    await friend.say(PLAYER)
    assert asked(friend.bot) == []
    assert await friend.bot.pool.fetchval("SELECT count(*) FROM players") == 0


async def test_the_player_id_is_seen_changed_and_removed(player: Chat) -> None:
    """In one's own words or by buttons; asked first before it is removed."""
    await player.say("my player id" if player.tag == "en" else "我的玩家ID")
    assert player.said("Your player ID is %(player)s. The rewards of your codes go to that player.", player=PLAYER)

    await player.tap("New player ID")
    await player.say(OTHER)
    assert saved_text(player._, OTHER) in player.text

    await player.say("remove my player id" if player.tag == "en" else "移除玩家ID")
    assert player.said("Remove your player ID %(player)s?", player=OTHER)
    await player.tap("Keep it")
    assert player.said("OK, your player ID stays.")

    await player.say("player id" if player.tag == "en" else "玩家ID")
    await player.tap("Remove it")
    await player.tap("Remove it")
    assert player.said("Removed. What was redeemed stays in the game; for the next code I will ask you again.")

    await player.say("remove my player id" if player.tag == "en" else "移除玩家ID")
    assert player.said("I don't know any player ID of yours.")
    await player.say(CODE)
    assert ask_text(player._, GAME) in player.text


async def test_without_this_mode_there_is_no_player_id(friend: Chat) -> None:
    """Its words, and its buttons in old messages, lead to the menu; an id is talk."""
    await friend.say("player id" if friend.tag == "en" else "玩家ID")
    friend.bot.desk(redeems_for_players=False)
    for text in ("player id", "玩家ID", "remove player id", "移除玩家ID"):
        await friend.say(text)
        assert friend.said("What would you like to do?")
    await friend.say(f"player id {PLAYER}")

    assert await friend.bot.pool.fetchval("SELECT count(*) FROM players") == 0


async def test_the_player_id_is_sealed_shown_in_my_data_and_deleted_with_it(player: Chat, tables: asyncpg.Pool) -> None:
    """On the card whole, in what can be taken along masked; gone with everything else."""
    await player.say(CODE)
    assert PLAYER.encode() not in await tables.fetchval("SELECT player FROM players")
    assert await tables.fetchval("SELECT player FROM redemptions") is None

    await player.say("my data")
    assert PLAYER in player.text
    await player.tap("Export")
    assert PLAYER not in player.text
    assert f"{player._('Player ID')} · 7fKq•••Jd3G" in player.text

    await player.say("delete my data")
    assert player.said("Your player ID goes, too. What was redeemed for it stays in the game.")
    await player.tap("Yes, delete")
    await player.say(player._("DELETE"))

    for table in ("players", "redemptions", "customers"):
        assert await tables.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await claimed(player.bot) == 1


async def test_the_notice_tells_of_the_player_id_only_here(friend: Chat) -> None:
    """It names who gets it."""
    text = "Only if you tell it: kept encrypted, given to Poshen to redeem codes, removed when you say so"
    await friend.say("privacy")
    assert friend.said(text)

    friend.bot.desk(redeems_for_players=False)
    await friend.say("privacy")
    assert not friend.said(text)


# ── redeeming ────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_granted_is_what_is_shown_and_brings_points(player: Chat, tables: asyncpg.Pool) -> None:
    """Poshen may grant something else than it listed: the receipt, the points and the voucher follow what it did."""
    await rewards.put(tables, 1, Grant(points=150))
    await rewards.put(tables, 3, Grant(points=30))
    body = {"data": [{"id": 3, "code": "GEM_50", "name": "鑽石 50", "type": "鑽石"}]}
    player.bot.sandbox.fault(REDEEM, status=200, body=body, times=1)

    await player.say(CODE)

    assert player.said("Redeemed 🎉")
    assert "鑽石 50" in player.text
    assert "金幣 100" not in player.text
    assert await tables.fetchval("SELECT available FROM accounts") == 30


async def test_the_same_code_again_is_the_same_receipt(player: Chat) -> None:
    """Poshen is not asked again; two taps, and the same webhook once more, change nothing."""
    says = player.phone.says(CODE)
    await player.do(says)
    ref = REFERENCE.findall(player.text)[0]
    await player.do(says)
    await player.say(CODE)

    assert ref in player.text
    assert asked(player.bot) == [once()]
    assert await claimed(player.bot) == 1


async def test_two_messages_at_once_redeem_once(player: Chat) -> None:
    """The second finds what the first has begun, or its receipt."""
    player.bot.sandbox.fault(REDEEM, delay_ms=200, times=1)

    await player.do(player.phone.says(CODE), player.phone.says(CODE))

    assert asked(player.bot) == [once()]
    assert (await claimed(player.bot), await states(player.bot)) == (1, ["done"])


@pytest.mark.parametrize(
    ("wording", "code", "said"),
    [
        ("error", "LATE2025", "This code has expired."),
        ("zh", "FULL2026", "This code has been fully used."),
    ],
)
async def test_poshen_is_the_judge(player: Chat, wording: Wording, code: str, said: str) -> None:
    """Its no is told in the customer's language, however it is worded; nothing is claimed."""
    player.bot.sandbox.poshen.wording = wording

    await player.say(code)

    assert player.said(said)
    assert (await claimed(player.bot), await states(player.bot)) == (0, ["failed"])


async def test_a_no_without_a_reason_is_a_no(player: Chat) -> None:
    """And staff read of it, once an hour."""
    player.bot.sandbox.poshen.wording = "silent"
    boss = player.bot.chat("line", "staff")

    await player.say("LATE2025")

    assert player.said("This code cannot be redeemed. If you think that is wrong, our staff can help you.")
    [alert] = boss.look()
    assert "409" in alert.message["text"]


async def test_who_redeemed_it_in_the_game_already_is_told_so(player: Chat) -> None:
    """That is no claim here, and no points."""
    poshen = player.bot.sandbox.poshen
    poshen.redeem(poshen.codes[99], PLAYER)

    await player.say(CODE)

    assert player.said("Your player ID has redeemed this code already.")
    assert await claimed(player.bot) == 0


async def test_a_player_whom_the_game_does_not_know_is_asked_for_again(player: Chat) -> None:
    """The code waits; who tries one player after the other has to wait, as who tries codes."""
    player.bot.sandbox.poshen.strangers.update({PLAYER, *(f"stranger-{n}" for n in range(9))})

    await player.say(CODE)
    assert player._("Player ID") not in player.buttons
    assert PLAYER in player.text
    for number in range(3):
        await player.say(f"stranger-{number}")
    await player.say(OTHER)

    assert player.said("Redeemed 🎉")
    assert await claimed(player.bot) == 1

    await player.say(f"{'player id' if player.tag == 'en' else '玩家ID'} stranger-4")
    await player.say("PICNIC4U")
    for number in range(5, 9):
        await player.say(f"stranger-{number}")
    minutes = player._.ngettext(
        "Too many tries. Please wait %(n)s minute, or ask our staff.",
        "Too many tries. Please wait %(n)s minutes, or ask our staff.",
        10,
    )
    assert minutes in player.text


async def test_what_the_brand_decided_narrows_what_poshen_is_asked_for(player: Chat, tables: asyncpg.Pool) -> None:
    """Paused, over, not begun, capped: Poshen is not asked, and nobody is asked for their player."""
    now = player.bot.clock()
    stranger = player.bot.chat(player.channel, language="en")
    for policy, said in (
        (Policy(paused=True), "This campaign is paused — please try later."),
        (Policy(max_claims=0), "This code has been fully used."),
        (Policy(starts_at=now + timedelta(days=2)), "This code opens on %(date)s."),
        (Policy(ends_at=now - timedelta(hours=2)), "This code ended on %(date)s."),
    ):
        await claims.set_policy(tables, SPRING, policy)
        for chat in (player, stranger):
            await chat.say(CODE)
            assert chat._(said).split("%")[0] in chat.text

    assert asked(player.bot) == []


async def test_a_cap_counts_what_is_under_way(player: Chat, tables: asyncpg.Pool) -> None:
    """Of two who are redeemed for at the same time one is the last."""
    await claims.set_policy(tables, SPRING, Policy(max_claims=1))
    other = player.bot.chat(player.channel, language="en")
    await tell(other, OTHER)
    pausing(player.bot, LONG)
    player.bot.sandbox.fault(REDEEM, status=504, times=2)
    await player.say(CODE)
    assert player.said(CONFIRMING)

    await other.say(CODE)

    assert other.said("This code has been fully used.")


async def test_one_account_that_changes_its_player_has_a_code_once(player: Chat) -> None:
    """A claim brings points here: who names one player after the other does not collect them again."""
    await player.say(CODE)
    await tell(player, OTHER)

    await player.say(CODE)

    assert asked(player.bot) == [once()]
    assert await claimed(player.bot) == 1


async def test_two_accounts_of_one_player_have_a_code_once(player: Chat) -> None:
    """The second is told; also when its first call had no answer, since the history knows whose it was."""
    other = player.bot.chat(player.channel, language="en")
    await tell(other)
    await player.say(CODE)

    await other.say(CODE)
    assert other.said("Your player ID has redeemed this code already.")

    player.bot.sandbox.fault(REDEEM, status=504, times=1)
    await other.say(CODE)
    assert other.said("Your player ID has redeemed this code already.")
    assert await claimed(player.bot) == 1


async def test_while_one_account_is_asked_for_the_other_waits(player: Chat) -> None:
    """Else "already redeemed" could be taken for the other's own."""
    other = player.bot.chat(player.channel, language="en")
    await tell(other)
    pausing(player.bot, LONG)
    player.bot.sandbox.fault(REDEEM, status=504, times=2)
    await player.say(CODE)

    await other.say(CODE)

    assert other.said("This code is being redeemed for your player ID already. Please look again in a minute.")
    assert len(await states(player.bot)) == 1


async def test_several_codes_are_one_question_and_one_answer(friend: Chat) -> None:
    """Both are redeemed after it."""
    await friend.say(f"redeem both {CODE} PICNIC4U" if friend.tag == "en" else f"兩組都兌換 {CODE} PICNIC4U")
    assert friend.text.count(PLAYER) == 1

    await friend.say(PLAYER)

    assert await claimed(friend.bot) == 2


# ── answers that do not come ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"drop": True, "after": True}, {"status": 200, "body": "<h1>OK</h1>", "after": True}]
)
async def test_a_lost_answer_is_found_out_while_the_customer_waits(
    player: Chat, tables: asyncpg.Pool, fault: dict[str, Any]
) -> None:
    """It is asked once more: "already" means that it worked, as the history confirms; else it works now."""
    await rewards.put(tables, 1, Grant(points=150))
    player.bot.sandbox.fault(REDEEM, times=1, **fault)

    await player.say(CODE)

    assert player.said("Redeemed 🎉")
    assert "金幣 100" in player.text
    assert asked(player.bot) == [once(), once()]
    assert player.bot.sandbox.poshen.codes[99].players == {PLAYER}
    assert (await claimed(player.bot), await states(player.bot)) == (1, ["done"])
    assert await tables.fetchval("SELECT available FROM accounts") == 150


async def test_what_stays_unknown_is_said_and_its_end_told_later(player: Chat, tables: asyncpg.Pool) -> None:
    """With the reference of the receipt; told once, in a message of its own."""
    await rewards.put(tables, 1, Grant(points=150))
    player.bot.sandbox.fault(REDEEM, status=504, times=2)

    await player.say(CODE)
    await later(player)

    said, told = everything(player)[-2:]
    ref = REFERENCE.findall(said)[0]
    assert player._(CONFIRMING) in said
    assert told.startswith(f"{player._('Redeemed 🎉')} ") and "金幣 100" in told and ref in told
    await player.say(ref)
    assert "金幣 100" in player.text
    assert (await claimed(player.bot), await states(player.bot)) == (1, ["done"])
    assert await tables.fetchval("SELECT available FROM accounts") == 150


def everything(chat: Chat) -> list[str]:
    """What reached this person, one text for each message."""
    return ["\n".join(_texts(item.message)) for item in chat.everything]


async def later(chat: Chat) -> None:
    """What was to be asked again is due, and has been asked; then look."""
    for _ in range(400):
        if "unknown" not in await states(chat.bot) and "pending" not in await states(chat.bot):
            break
        await asyncio.sleep(0.02)
    await chat.bot.quiet()
    chat.look()


async def test_a_used_up_code_after_a_lost_answer_is_looked_up(player: Chat) -> None:
    """The last use was this very customer's: Poshen counts before it looks who."""
    player.bot.sandbox.poshen.put_code("LASTONE2026", group=7, rewards=(1,), max_uses=1)
    player.bot.sandbox.fault(REDEEM, status=504, after=True, times=1)

    await player.say("LASTONE2026")

    assert player.said("Redeemed 🎉")
    assert await claimed(player.bot) == 1


async def test_what_others_used_up_meanwhile_is_believed_after_a_while(player: Chat) -> None:
    """A no after a call without an answer counts once the history has not shown it for some tries; told then."""
    player.bot.sandbox.poshen.put_code("LASTONE2026", group=7, rewards=(1,), current_uses=1, max_uses=1)
    player.bot.sandbox.fault(REDEEM, status=504, times=1)

    await player.say("LASTONE2026")
    await later(player)

    said, told = everything(player)[-2:]
    assert player._(CONFIRMING) in said
    ref = REFERENCE.findall(said)[0]
    text = "Your code %(code)s has been fully used, so it was not redeemed (ref %(ref)s)."
    assert player._(text, code=masked("LASTONE2026"), ref=ref) in told
    assert (await claimed(player.bot), await states(player.bot)) == (0, ["failed"])


async def test_what_was_redeemed_before_is_not_taken_for_ours(player: Chat) -> None:
    """The history has a time: an hour ago it was the game's own."""
    poshen = player.bot.sandbox.poshen
    poshen.redeem(poshen.codes[99], PLAYER)
    poshen.history[0]["redeemed_at"] = (player.bot.clock() - timedelta(hours=1)).isoformat()
    player.bot.sandbox.fault(REDEEM, status=504, times=1)

    await player.say(CODE)

    assert player.said("Your player ID has redeemed this code already.")
    assert await claimed(player.bot) == 0


@pytest.mark.parametrize("history", [{"status": 403}, {"status": 503}, {"status": 200, "body": {"data": []}}])
async def test_what_nobody_can_confirm_goes_to_staff(player: Chat, history: dict[str, Any]) -> None:
    """Nothing is granted on a guess; the customer knows that it is looked into."""
    boss = player.bot.chat("line", "staff")
    player.bot.sandbox.fault(REDEEM, status=504, after=True, times=1)
    player.bot.sandbox.fault(HISTORY, **history)

    await player.say(CODE)
    await later(player)

    assert player._(CONFIRMING) in everything(player)[-1]
    assert (await claimed(player.bot), await states(player.bot)) == (0, ["check"])
    assert any("/redemption resolve" in item.message.get("text", "") for item in boss.look())
    await player.say("delete my data")
    assert (
        player._("We're still confirming a code (ref %(ref)s). Please delete your data once that is settled.").split(
            "%"
        )[0]
        in player.text
    )
    await player.say("my receipts" if player.tag == "en" else "兌換紀錄")
    assert player.said("Code being redeemed")
    player.bot.mend()
    await player.say(CODE)
    assert player.said(CONFIRMING)


@pytest.mark.parametrize("fault", [{"status": 429, "headers": {"Retry-After": "9"}}, {"status": 401}])
async def test_what_was_surely_not_redeemed_can_be_tried_again(player: Chat, fault: dict[str, Any]) -> None:
    """One tap does it: the code is kept."""
    player.bot.sandbox.fault(REDEEM, **fault)

    await player.say(CODE)
    assert player.said(
        "We can't reach %(service)s right now. Nothing is lost — please try again shortly.",
        service=player._("the redemption service"),
    )
    player.bot.mend()
    await player.tap("Try again")

    assert player.said("Redeemed 🎉")
    assert (await claimed(player.bot), await states(player.bot)) == (1, ["failed", "done"])


async def test_a_look_at_what_is_open_shows_how_it_stands(player: Chat) -> None:
    """By its button, by its reference, by the code itself; of somebody else's nothing is shown."""
    player.bot.sandbox.fault(REDEEM, status=504)
    pausing(player.bot, LONG)
    await player.say(CODE)
    ref = REFERENCE.findall(player.text)[0]

    await player.tap("See result")
    assert player.said(CONFIRMING)
    await player.say(ref)
    assert player.said(CONFIRMING)
    await player.say(CODE)
    assert player.said(CONFIRMING)
    assert ref in player.text
    await player.say("my data")
    await player.tap("Export")
    assert any(line.endswith(ref) and player._("Confirming") in line for line in player.text.splitlines())

    other = player.bot.chat(player.channel, language="en")
    await other.say(ref)
    assert other.said("I couldn't find %(ref)s among your receipts.", ref=ref)


async def test_a_voucher_that_a_code_brings_comes_with_a_late_end(player: Chat, tables: asyncpg.Pool) -> None:
    """It is issued after the claim that a job has written."""
    offer = {"name": "Voucher Phúc Long", "brand": "Phúc Long", "image": "", "price_value": 20_000}
    await rewards.put(tables, 1, Grant(gift_id=812, price_id=2260, offer=offer))
    player.bot.sandbox.fault(REDEEM, status=504, times=2)
    await player.say(CODE)

    await later(player)

    assert await tables.fetchval("SELECT state FROM issues") == "done"
    assert "Voucher Phúc Long" in "".join(str(item.message) for item in player.everything)


async def test_what_is_handed_over_stands_on_the_receipt(player: Chat, tables: asyncpg.Pool) -> None:
    """As with any claim."""
    await rewards.put(tables, 1, Grant(handover=True))

    await player.say(CODE)

    assert player._("Show at counter") in player.buttons


async def test_while_somebody_guesses_no_reason_is_told(player: Chat, tables: asyncpg.Pool) -> None:
    """Poshen's no reads like no code."""
    await tables.execute("INSERT INTO guard (id, raised_until) VALUES (1, $1)", player.bot.clock() + timedelta(hours=1))

    await player.say("redeem LATE2025" if player.tag == "en" else "兌換 LATE2025")

    assert player.said("I couldn't find %(code)s. Check for missing characters, or copy and paste it.", code="LATE2025")


async def test_a_late_yes_is_true(player: Chat) -> None:
    """A worker that slept through its lease says that it was redeemed, after another one gave it up."""
    player.bot.sandbox.fault(REDEEM, status=504, times=2)
    pausing(player.bot, LONG)
    await player.say(CODE)
    found = await redemptions.read(player.bot.pool, await player.bot.pool.fetchval("SELECT id FROM redemptions"))
    assert found is not None
    redeeming = player.bot.turns.services.redeeming
    await redeeming._failed(player.bot.pool, found, "expired", "another worker's")
    await redeeming._done(player.bot.pool, found, None)
    await player.bot.quiet()

    assert (await claimed(player.bot), await states(player.bot)) == (1, ["done"])

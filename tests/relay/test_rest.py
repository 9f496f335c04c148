"""`LINE_RELAY=rest`: each message is answered by one side, and what is ours is seen by nobody else."""

from __future__ import annotations

import json

import pytest
from chat import Bot, Chat
from counter.standing import SHOP_CODE, hire
from engine.desk import until

from bot.storage import posters, staff
from bot.understanding import poster_tokens
from relay.conftest import NAME, passed_on, settled, theirs
from sandbox import Webhook
from sandbox.other import NAME as THEIR_NAME
from sandbox.phone import line_signature

SMALL_TALK = "do you sell umbrellas in the new shop"


async def shop_code(member: Chat) -> str:
    """The code that a member shows."""
    await member.say("/counter")
    shown: list[str] = SHOP_CODE.findall(member.text)
    return next(code for code in shown if any(map(str.isdigit, code)))


def senders(chat: Chat) -> list[str]:
    """Whose the last answer is."""
    chat.look()
    return [item.message.get("sender", {}).get("name", "ours") for item in chat.everything[-1:]]


async def test_small_talk_is_theirs(chat: Chat) -> None:
    """Passed on as it came, with the token; and nobody has a row here who never wrote to us."""
    said = chat.phone.says(SMALL_TALK)
    await chat.do(said)
    (received,) = await passed_on(chat.bot)

    assert json.loads(received.body) == said.json
    assert senders(chat) == [THEIR_NAME]
    assert not await chat.bot.pool.fetchval("SELECT count(*) FROM customers")
    assert await chat.bot.pool.fetchval("SELECT outcome FROM events") == "passed on"


@pytest.mark.parametrize("text", ["WELCOME2026", "my gifts", "我想看我的獎品", "NOSUCH2021", "what rewards do I have"])
async def test_what_we_understand_is_ours(chat: Chat, text: str) -> None:
    """Words, codes, wishes in people's own words."""
    await chat.do(chat.phone.says(text))
    await settled(chat.bot)

    assert chat.shown and not theirs(chat.bot)


async def test_a_posters_line_is_ours(chat: Chat) -> None:
    """Also a stranger's, and where neither its words nor its token look like anything else of ours."""
    async with chat.bot.pool.acquire() as connection:
        await posters.add(connection, key="k", name="spring", token="WVTRZE", says="Call the shop", code="WELCOME2026",
                          code_id=None, opens="", made_by="amy", now=chat.bot.clock())  # fmt: skip
    assert poster_tokens.in_text("Call the shop [WVTRZE]") is not None
    await chat.do(chat.phone.says("Call the shop [WVTRZE]"))
    await settled(chat.bot)

    assert not theirs(chat.bot) and "WELCOME2026" in chat.text


async def test_every_kind_that_means_nothing_to_us(chat: Chat) -> None:
    """Neither the sticker menu nor the quiet counter gets in the way: the fifth is theirs like the first."""
    phone = chat.phone
    await chat.say("my gifts")  # a customer of ours by now
    ours = len(chat.everything)
    foreign = [phone.taps("campaign=7&step=2"), phone.taps("go.nowhere"), phone.sends_sticker(), phone.sends_image()]
    unclear = [phone.says(f"{SMALL_TALK} {word}") for word in ("please", "again", "today", "now", "soon")]
    for webhook in (*foreign, *unclear, phone.says("🙂"), phone.sends_location()):
        await chat.do(webhook)
    await passed_on(chat.bot, 11)

    chat.look()
    came = [webhook.json["events"][0]["webhookEventId"] for webhook in (*foreign, *unclear)]
    assert [received.id for received in theirs(chat.bot)][:9] == came
    assert len(chat.everything) == ours + 11
    assert all("sender" in item.message for item in chat.everything[ours:])


async def test_our_buttons_are_ours_however_old(chat: Chat) -> None:
    """Also those of somebody else, and those of the rich menu."""
    await chat.say("menu")
    data = chat.data_of("Help and staff")
    friend = chat.bot.chat("line", language="en")
    await friend.do(friend.phone.taps(data))
    assert friend.said("That button belongs to someone else.")
    await friend.do(friend.phone.taps("go.menu"))
    await settled(chat.bot)

    assert not theirs(chat.bot)


async def test_a_question_of_ours_is_answered_by_us(chat: Chat) -> None:
    """Whatever is said to it; the message after that is theirs again."""
    await chat.say("redeem")
    await chat.do(chat.phone.says(SMALL_TALK))
    await settled(chat.bot)
    assert chat.shown and not theirs(chat.bot)

    await chat.do(chat.phone.says(SMALL_TALK))
    await passed_on(chat.bot)
    assert senders(chat) == [THEIR_NAME]


@pytest.mark.parametrize(
    "text",
    [
        "please call me at 0912-345-678",
        "my number is ０９１２３４５６７８",
        "+886 912 345 678",
        "reach me: 0️⃣9️⃣1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣7️⃣8️⃣",
        "/status",
        "／join K7PQ-4M2X",
        "secret-bootstrap-code-0001 is what they told me",
    ],
)
async def test_what_nobody_else_may_have(chat: Chat, text: str) -> None:
    """It is answered here, if with nothing but a question what was meant."""
    await chat.do(chat.phone.says(text))
    await settled(chat.bot)

    assert chat.shown and not theirs(chat.bot)
    assert all("sender" not in item.message for item in chat.shown)


async def test_live_codes_stay_and_dead_ones_do_not(rest: Bot, chat: Chat) -> None:
    """A code that links a phone, or makes somebody staff, in the middle of a sentence."""
    owner = rest.chat("line", "staff")
    await owner.order("/link new 0912345678")
    link = next(word for word in owner.text.split() if len(word) == 9 and word[4] == "-")
    await owner.order("/admins invite staff")
    invitation = owner.text.split("/join ")[1].split()[0]

    forbids = rest.turns.services.passing.forbids
    assert not await forbids(rest.pool, ["it is K7PQ-4M2X, no?"], rest.clock())
    for code in (link, invitation, link.lower().replace("-", ""), invitation.replace("-", " ")):
        assert await forbids(rest.pool, [f"it is {code}, no?"], rest.clock()), code
    for code in (invitation, invitation.lower().replace("-", " "), link):
        await chat.do(chat.phone.says(f"somebody sent me {code} what is it good for anyway"))
        await settled(rest)
        assert chat.shown and not theirs(rest), code
    rest.ahead(days=2)
    for code in (link, invitation):
        assert not await forbids(rest.pool, [f"it is {code}, no?"], rest.clock())


async def test_shop_codes(rest: Bot, chat: Chat) -> None:
    """The four symbols that somebody at the counter shows, while they are good: however they are written, also when
    everything else is passed on; words that are as long are not."""
    counter = await hire(rest, "line", "en")
    code = await shop_code(counter)
    written = rest.clock()
    forbids = rest.turns.services.passing.forbids

    for text in (code, f"the code is {code.lower()} ok?", f"{code[:2]}-{code[2:]}", " ".join(code), f"櫃檯{code}"):
        assert await forbids(rest.pool, [text], rest.clock()), text
        await chat.do(chat.phone.says(f"{text} is what they showed me"))
    await settled(rest)
    assert not theirs(rest)
    other = await shop_code(counter)
    assert not await forbids(rest.pool, [code], rest.clock()), "used, and replaced"
    assert not await forbids(rest.pool, ["HELLO 2026 see you at 1830"], rest.clock())
    rest.ahead(minutes=3)
    assert not await forbids(rest.pool, [other], rest.clock()), "too old"
    for code_then in (code, other):
        assert await forbids(rest.pool, [code_then], written), "it was good when it was written"


async def test_staff_talk_to_us_alone(rest: Bot) -> None:
    """Nothing of their private chats is passed on: small talk, stickers, other tools' buttons, standby."""
    owner = rest.chat("line", "staff")
    phone = owner.phone
    for webhook in (phone.says(SMALL_TALK), phone.sends_sticker(), phone.taps("campaign=7"), phone.on_standby("hm")):
        await owner.do(webhook)
    member = rest.chat("line", language="en")
    await owner.order("/admins invite viewer")
    await member.say("/join " + owner.text.split("/join ")[1].split()[0] + " ken")
    await owner.say("/admins remove ken")
    await owner.tap(f"{owner._('Remove')} · ken")
    await settled(rest)
    assert not theirs(rest)

    assert await staff.find(rest.pool, "line", member.user) is None
    await member.do(member.phone.says(SMALL_TALK))  # A customer like any other now.
    await passed_on(rest)


async def test_what_has_no_answer_of_anybody(chat: Chat) -> None:
    """Unknown kinds, standby and what we do not parse: as they came, with all that we do not know."""
    phone = chat.phone
    body = (
        b'{ "destination":"%s","events" : [ {"type":"orbit", "height" : 1.50, '
        b'"webhookEventId":"01HX0000000000000000000001",'
        b'"source":{"type":"user","userId":"%s"},"timestamp":%d,"mode":"active","new":{"\\u00e9":"\\ud83d\\ude00"}} ]}'
    ) % (phone.account.encode(), chat.user.encode(), int(chat.bot.clock().timestamp() * 1000))
    unknown = Webhook("/webhooks/line", {"x-line-signature": line_signature(phone.secret, body)}, body)
    await chat.do(unknown, phone.on_standby("somebody else answers this"))
    received = await passed_on(chat.bot, 2)

    assert b'{"type":"orbit", "height" : 1.50, ' in received[0].body and b"\\ud83d\\ude00" in received[0].body
    assert received[1].event["mode"] == "standby"


async def test_standby_keeps_secrets_as_well(chat: Chat) -> None:
    """Nobody of ours has read it, but it is looked through before it goes."""
    await chat.do(chat.phone.on_standby("call 0912 345 678"), chat.phone.on_standby("/claim abc"))
    await settled(chat.bot)

    assert not theirs(chat.bot)


async def test_whoever_comes_and_goes_is_told_to_both(chat: Chat) -> None:
    """By default the other tool welcomes, and ours knows of it all the same."""
    await chat.say("my gifts")
    await chat.do(chat.phone.unfollows())
    assert await chat.bot.pool.fetchval("SELECT unreachable_at FROM customers")
    await chat.do(chat.phone.follows(returning=True))
    received = await passed_on(chat.bot, 2)

    assert [each.event["type"] for each in received] == ["unfollow", "follow"]
    assert not await chat.bot.pool.fetchval("SELECT unreachable_at FROM customers")
    await until(lambda: any("sender" in item.message for item in chat.everything + chat.look()))


async def test_groups(rest: Bot, chat: Chat) -> None:
    """Talk there is theirs; what we answer is not."""
    group = "C" + 32 * "a"
    await chat.do(chat.phone.invites(group), chat.phone.says_in_group(group, "nice weather"))
    received = await passed_on(rest, 2)
    assert [each.event["type"] for each in received] == ["join", "message"]

    await chat.do(chat.phone.says_in_group(group, "my gifts"), chat.phone.says_in_group(group, "/status"))
    await settled(rest)
    assert len(theirs(rest)) == 2


async def test_twenty_of_theirs_are_no_flood_of_ours(chat: Chat) -> None:
    """What is not written to us does not use up what somebody may write to us in a minute."""
    await chat.say("my gifts")
    for number in range(22):
        await chat.do(chat.phone.says(f"{SMALL_TALK} {'x' * number}"))
    await chat.say("my gifts")

    assert not chat.said("a lot at once")


async def test_maintenance_closes_only_us(rest: Bot, chat: Chat) -> None:
    """What is theirs goes on; who wants something of ours is told."""
    owner = rest.chat("line", "staff")
    await owner.say("/maint on")
    await owner.tap("Close the desk")
    await chat.do(chat.phone.says(SMALL_TALK))
    await passed_on(rest)
    assert senders(chat) == [THEIR_NAME]

    await chat.say("WELCOME2026")
    assert chat.said("maintenance")


async def test_taken_back_before_it_was_handed_on(rest: Bot, chat: Chat) -> None:
    """What its author takes back while the other tool is down goes to nobody; that it was taken back does."""
    rest.sandbox.fault("other", status=503)
    said = chat.phone.says(SMALL_TALK)
    await chat.do(said)
    await until(lambda: rest.sandbox.calls("other"))
    await chat.do(chat.phone.unsends(said.json["events"][0]["message"]["id"]))
    rest.sandbox.clear_faults()
    rest.ahead(minutes=1)
    (received,) = await passed_on(rest)

    assert received.event["type"] == "unsend"


async def test_deleted_data_go_to_nobody(rest: Bot, chat: Chat) -> None:
    """Not even what waits already."""
    await chat.say("my gifts")
    rest.sandbox.fault("other", status=503)
    await chat.do(chat.phone.says(SMALL_TALK))
    await until(lambda: rest.sandbox.calls("other"))
    await chat.say("delete my data")
    await chat.tap("Yes, delete")
    await chat.say("DELETE")
    assert chat.said("Deleted")
    rest.sandbox.clear_faults()
    rest.ahead(minutes=1)
    await settled(rest)

    assert not theirs(rest)


async def test_bodies_are_sealed_and_gone_when_delivered(rest: Bot, chat: Chat) -> None:
    """A copy of the database tells nobody what somebody wrote to the other tool."""
    rest.sandbox.fault("other", status=503)
    await chat.do(chat.phone.says(SMALL_TALK))
    (row,) = await rest.pool.fetch("SELECT * FROM relays")
    assert b"umbrellas" not in row["body"] and row["target"] not in NAME
    rest.sandbox.clear_faults()
    rest.ahead(minutes=1)
    await passed_on(rest)


async def test_the_notice_names_them(chat: Chat) -> None:
    """Who else reads along, and what."""
    await chat.say("privacy")

    assert chat.said(NAME) and chat.said("not about rewards")

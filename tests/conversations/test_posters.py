"""Coming by a poster: on LINE its link types a line, on Messenger and Instagram it says where they came from."""

from __future__ import annotations

import zlib

import pytest
from chat import Bot, Chat

from bot.storage import code_refs, posters
from bot.storage.posters import Brought, Poster
from bot.understanding import poster_tokens

META = ("messenger", "instagram")


async def put_up(bot: Bot, name: str = "spring", *, code: str = "WELCOME2026", opens: str = "") -> Poster:
    """A poster that hangs somewhere."""
    code_id = None
    if code and not opens:
        found = await bot.turns.apis.poshen.find(code) if bot.turns.apis.poshen else None
        code_id = found.id if found else None
    async with bot.pool.acquire() as connection:
        made = await posters.add(
            connection,
            key=name,
            name=name,
            token=poster_tokens.new(),
            says=code,
            code="" if opens else code,
            code_id=code_id,
            opens=opens,
            made_by="amy",
            now=bot.clock(),
        )
    assert made is not None
    return made


async def numbers(bot: Bot) -> dict[str, tuple[int, int, int, int]]:
    """(arrived, people, new, redeemed) of each poster."""
    found: list[Brought] = await posters.brought(bot.pool, bot.clock().replace(year=2000), 10)
    return {each.poster.name: (each.arrived, each.people, each.new, each.redeemed) for each in found}


@pytest.fixture(params=META)
def meta(request: pytest.FixtureRequest) -> str:
    """Where a link says something."""
    return str(request.param)


@pytest.fixture
def spoken(request: pytest.FixtureRequest, meta: str) -> str:
    """One language on each, and which on which takes turns, as everywhere here."""
    turn = zlib.crc32(request.function.__name__.encode()) & 1
    return ("zh-TW", "en")[turn ^ (meta == "messenger")]


@pytest.fixture
async def visitor(bot: Bot, meta: str, spoken: str) -> Chat:
    """Somebody of some days, in a chat that is there already."""
    chat = bot.chat(meta, language=spoken)
    await chat.say("english" if spoken == "en" else "中文")
    bot.ahead(days=2)
    return chat


# ── LINE: the line that the link typed ───────────────────────────────────────────────────────────


async def test_the_line_of_a_link_redeems_and_is_counted(bot: Bot, chat: Chat) -> None:
    """Sending it is the wish; the token beside the code is taken away, on whichever channel it was pasted."""
    poster = await put_up(bot)
    await chat.say(poster_tokens.typed("WELCOME2026", poster.token))

    assert chat.said("Redeemed 🎉")
    assert await numbers(bot) == {"spring": (1, 1, 1, 1)}


async def test_a_token_that_is_no_posters_is_a_word_of_theirs(bot: Bot, chat: Chat) -> None:
    """Nothing is taken away, and what was typed is read as it stands."""
    token = poster_tokens.new()
    await chat.say(f"redeem [{token}]")

    assert token in chat.text
    assert await numbers(bot) == {}


async def test_the_token_alone_brings_the_offer(bot: Bot, friend: Chat) -> None:
    """Somebody deleted the code before they sent the line."""
    poster = await put_up(bot)
    await friend.say(f"[{poster.token}]")
    assert friend.said("Redeem %(code)s now?", code="WELCOME2026")

    await friend.tap("Redeem it")
    assert friend.said("Redeemed 🎉")
    assert await numbers(bot) == {"spring": (1, 1, 0, 1)}


async def test_a_poster_may_open_a_topic(bot: Bot, friend: Chat) -> None:
    """The word that its link types is one of the words for it."""
    poster = await put_up(bot, opens="gifts")
    await friend.say(poster_tokens.typed(friend._("My gifts"), poster.token))
    opened = friend.text
    await friend.say("my gifts")

    assert opened == friend.text
    assert await numbers(bot) == {"spring": (1, 1, 0, 0)}


# ── Messenger and Instagram: a referral ──────────────────────────────────────────────────────────


async def test_who_opens_a_link_is_asked_first(bot: Bot, visitor: Chat) -> None:
    """Opening it is no wish to redeem: nothing is claimed, not even looked up, before the tap."""
    poster = await put_up(bot)
    bot.sandbox.journal.clear()
    await visitor.do(visitor.phone.comes_by_link(poster_tokens.ref(poster.token)))

    assert visitor.said("Redeem %(code)s now?", code="WELCOME2026")
    assert not bot.sandbox.calls("poshen")
    assert await numbers(bot) == {"spring": (1, 1, 0, 0)}

    await visitor.tap("Redeem it")
    assert visitor.said("Redeemed 🎉")
    assert await numbers(bot) == {"spring": (1, 1, 0, 1)}


async def test_no_says_no(bot: Bot, visitor: Chat) -> None:
    """And a yes can be typed."""
    poster = await put_up(bot)
    link = poster_tokens.ref(poster.token)
    await visitor.do(visitor.phone.comes_by_link(link))
    await visitor.tap("Not now")
    assert visitor.said("All right, nothing was done.")
    await visitor.do(visitor.phone.comes_by_link(link))
    await visitor.say("yes" if visitor.tag == "en" else "好")
    assert visitor.said("Redeemed 🎉")


async def test_somebody_new_is_welcomed_and_offered_it(bot: Bot, meta: str, spoken: str) -> None:
    """With Get Started, or one of Instagram's first questions; the offer stays good for days."""
    poster = await put_up(bot)
    chat, ref = bot.chat(meta, language=spoken), poster_tokens.ref(poster.token)
    begins = chat.phone.gets_started(ref=ref) if meta == "messenger" else chat.phone.breaks_ice(ref=ref)
    await chat.do(begins)
    if meta == "messenger" or spoken == "zh-TW":  # Instagram tells no language.
        assert chat.said("Welcome to %(brand)s Rewards", brand="咖波商店")
    assert "WELCOME2026" in chat.text
    assert await numbers(bot) == {"spring": (1, 1, 1, 0)}

    offer = chat.shown
    bot.ahead(days=3)
    chat.shown = offer
    data = next(data for data in chat.buttons.values() if data.startswith("v1.offered."))
    await chat.do(chat.phone.taps(data, quick_reply=True, label="yes"))
    assert await numbers(bot) == {"spring": (1, 1, 1, 1)}


async def test_what_they_did_beside_it_is_answered_too(bot: Bot, visitor: Chat) -> None:
    """A topic with the offer below it; what nobody understands, and the prompt for a code, give way to it."""
    poster = await put_up(bot)
    ref = poster_tokens.ref(poster.token)
    for said in ("asdf qwer", "redeem"):
        await visitor.do(visitor.phone.says(said, ref=ref))
        assert visitor.said("Redeem %(code)s now?", code="WELCOME2026") and len(visitor.shown) == 1
    await visitor.do(visitor.phone.says("my gifts", ref=ref))
    assert visitor.said("Redeem %(code)s now?", code="WELCOME2026") and len(visitor.shown) > 1
    await visitor.do(visitor.phone.says("delete my data", ref=ref))
    assert not visitor.said("Redeem %(code)s now?", code="WELCOME2026")


async def test_a_code_that_was_typed_is_not_offered_again(bot: Bot, visitor: Chat) -> None:
    """It is redeemed already."""
    poster = await put_up(bot)
    await visitor.do(visitor.phone.says("WELCOME2026", ref=poster_tokens.ref(poster.token)))

    assert visitor.said("Redeemed 🎉")
    assert not visitor.said("Redeem %(code)s now?", code="WELCOME2026")


async def test_a_link_opens_its_topic(bot: Bot, visitor: Chat) -> None:
    """Showing something is harmless, so it is shown at once."""
    poster = await put_up(bot, opens="gifts")
    await visitor.do(visitor.phone.comes_by_link(poster_tokens.ref(poster.token)))
    opened = visitor.text
    await visitor.say("my gifts")

    assert opened == visitor.text


async def test_a_stopped_poster_says_so(bot: Bot, visitor: Chat) -> None:
    """What was printed still hangs: whoever comes by it reads what can be done instead, and so does a late tap."""
    poster = await put_up(bot)
    ref = poster_tokens.ref(poster.token)
    await visitor.do(visitor.phone.comes_by_link(ref))
    offer = visitor.shown
    async with bot.pool.acquire() as connection:
        assert await posters.stop(connection, poster.id, bot.clock())
    await visitor.do(visitor.phone.comes_by_link(ref))
    assert visitor.said("That offer is over. Here is what you can do:")
    visitor.shown = offer
    await visitor.tap("Redeem it")
    assert visitor.said("That offer is over. Here is what you can do:")
    assert await bot.pool.fetchval("SELECT count(*) FROM claims") == 0


async def test_a_link_while_a_person_is_waited_for(bot: Bot, visitor: Chat) -> None:
    """Is offered, and the wait goes on."""
    poster = await put_up(bot)
    await visitor.say("talk to a person")
    await visitor.do(visitor.phone.comes_by_link(poster_tokens.ref(poster.token)))

    assert visitor.said("Redeem %(code)s now?", code="WELCOME2026")


async def test_a_codes_own_link_offers_it(bot: Bot, visitor: Chat) -> None:
    """A bulk file may hold one for each code. Only we can make one: to guess codes by links is nonsense."""
    secret = bot.settings.secret
    await visitor.do(visitor.phone.comes_by_link(code_refs.sign(secret, "WELCOME2026")))
    assert visitor.said("Redeem %(code)s now?", code="WELCOME2026")
    assert not bot.sandbox.calls("poshen")
    await visitor.tap("Redeem it")
    assert visitor.said("Redeemed 🎉")

    forged = code_refs.sign(b"another secret", "SUMMER-7K3M-Q9TD")
    await visitor.do(visitor.phone.comes_by_link(forged))
    assert visitor.texts[0].split("\n")[0] == visitor._("I didn't catch that. Try:")
    assert code_refs.read(secret, forged.replace("SUMMER", "WINTER")) == code_refs.read(secret, "c_A_0") == ""


# ── counting ─────────────────────────────────────────────────────────────────────────────────────


async def test_the_same_event_counts_once(bot: Bot, visitor: Chat) -> None:
    """A platform delivers it again; opening it again is another visit of the same person."""
    poster = await put_up(bot)
    came = visitor.phone.comes_by_link(poster_tokens.ref(poster.token))
    await visitor.do(came)
    await visitor.do(visitor.phone.redelivered(came))
    assert await numbers(bot) == {"spring": (1, 1, 0, 0)}
    await visitor.do(visitor.phone.comes_by_link(poster_tokens.ref(poster.token)))
    assert await numbers(bot) == {"spring": (2, 1, 0, 0)}


async def test_a_new_friend_who_then_sends_the_line_is_new(bot: Bot) -> None:
    """LINE tells of the friend first. Somebody of yesterday is not new, and nobody is new twice."""
    poster, other = await put_up(bot), await put_up(bot, "summer")
    line = bot.chat("line")
    await line.do(line.phone.follows())
    await line.say(poster_tokens.typed("WELCOME2026", poster.token))
    await line.say(poster_tokens.typed("WELCOME2026", other.token))

    assert {name: new for name, (_, _, new, _) in (await numbers(bot)).items()} == {"spring": 1, "summer": 0}


async def test_a_claim_counts_for_the_last_poster(bot: Bot, visitor: Chat) -> None:
    """Of two with the same code; a code that was redeemed without any, or before, counts for none."""
    first, last = await put_up(bot), await put_up(bot, "summer")
    for poster in (first, last):
        await visitor.do(visitor.phone.comes_by_link(poster_tokens.ref(poster.token)))
    await visitor.tap("Redeem it")
    before = bot.chat(visitor.channel, language="en")
    await before.say("WELCOME2026")
    await before.do(before.phone.comes_by_link(poster_tokens.ref(first.token)))

    assert {name: redeemed for name, (*_, redeemed) in (await numbers(bot)).items()} == {"spring": 0, "summer": 1}


async def test_staff_do_not_count(bot: Bot) -> None:
    """They try out what they print."""
    poster = await put_up(bot)
    member = bot.chat("messenger", "staff", "en")
    await member.do(member.phone.comes_by_link(poster_tokens.ref(poster.token)))

    assert "WELCOME2026" in member.text
    assert await numbers(bot) == {"spring": (0, 0, 0, 0)}


async def test_my_data_shows_it_and_deleting_leaves_a_number(bot: Bot, visitor: Chat) -> None:
    """Somebody came; nobody knows who any more."""
    poster = await put_up(bot, "a-wall")
    await visitor.do(visitor.phone.comes_by_link(poster_tokens.ref(poster.token)))
    await visitor.say("my data")
    await visitor.tap("Export")
    assert "a-wall" in visitor.text
    await visitor.say("delete my data")
    await visitor.tap("Yes, delete")
    await visitor.say(visitor._("DELETE"))

    assert await numbers(bot) == {"a-wall": (1, 1, 0, 0)}
    assert await bot.pool.fetchval("SELECT count(*) FROM poster_visits WHERE customer_id IS NOT NULL") == 0

"""One-time codes of the counter: how they live and end, how they are read, and their pictures."""

from __future__ import annotations

import asyncio
import io
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
import pytest
import zxingcpp
from chat import Bot
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.channels.qr import draw
from bot.services.counter_codes import LIVES, CounterCode, CounterCodes, Purpose
from bot.storage import counter_pictures
from bot.storage.entry_links import instagram_link, line_link, messenger_link

PURPOSES: tuple[Purpose, ...] = ("gift", "person", "member")
ITEM = {"kind": "physical", "name": "柿子茶"}
SECRET = b"s" * 32
ADDRESS = "https://desk.example"


@pytest.fixture
def codes(bot: Bot) -> CounterCodes:
    return bot.turns.services.counter_codes


async def make(bot: Bot, purpose: Purpose = "gift", **values: object) -> CounterCode:
    async with bot.pool.acquire() as connection, connection.transaction():
        owner = {"staff_id": 7} if purpose == "member" else {"customer_id": 5}
        said = {**owner, **values}
        return await bot.turns.services.counter_codes.make(connection, purpose, now=bot.clock(), **said)  # type: ignore[arg-type]


# ── their life ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("purpose", PURPOSES)
async def test_a_code_finds_its_row_until_its_time_is_over(bot: Bot, codes: CounterCodes, purpose: Purpose) -> None:
    """And for nothing that it was not made for; one second too old it is worth nothing."""
    made = await make(bot, purpose, item=ITEM)
    others = [other for other in PURPOSES if other != purpose]

    found = await codes.find(bot.pool, made.code, purpose, made.until - timedelta(seconds=1))
    assert found == made
    assert [await codes.find(bot.pool, made.code, other, bot.clock()) for other in others] == [None, None]
    assert await codes.find(bot.pool, made.code, purpose, made.until + timedelta(seconds=1)) is None


@pytest.mark.parametrize("typed", ["{}", "{} 謝謝", "  {}!", "code {}"])
async def test_a_code_is_read_however_it_is_typed(bot: Bot, codes: CounterCodes, typed: str) -> None:
    """As link codes are, in any case and width; but it must be the first thing that could be one."""
    made = await make(bot)
    for shown in (made.code, made.code.lower(), made.code.replace("-", ""), made.code.replace("0", "O")):
        found = await codes.find(bot.pool, typed.format(shown), "gift", bot.clock())
        assert (found is not None) is not typed.startswith("code")


async def test_a_code_is_used_once(bot: Bot, codes: CounterCodes) -> None:
    """By whichever of two is first; afterwards it is not found any more."""
    made = await make(bot)

    async def end() -> bool:
        async with bot.pool.acquire() as connection:
            return await codes.end(connection, made.id, bot.clock())

    assert sorted(await asyncio.gather(*(end() for _ in range(4)))) == [False, False, False, True]
    assert await codes.find(bot.pool, made.code, "gift", bot.clock()) is None


async def test_a_member_has_one_code_at_a_time(bot: Bot, codes: CounterCodes) -> None:
    """Also when they ask for it on two phones at once; a customer's codes live beside each other."""
    made = await asyncio.gather(*(make(bot, "member") for _ in range(4)))
    found = [await codes.find(bot.pool, each.code, "member", bot.clock()) for each in made]
    assert len([each for each in found if each]) == 1

    first, second = await make(bot), await make(bot)
    assert await codes.find(bot.pool, first.code, "gift", bot.clock()) == first
    assert await codes.find(bot.pool, second.code, "gift", bot.clock()) == second


async def test_what_is_kept_tells_no_code(bot: Bot, tables: asyncpg.Pool) -> None:
    """Neither the row nor the picture's address, and the code cannot be made from them without the key."""
    made = await make(bot, opens="line:@giftdesk")
    row = await tables.fetchrow("SELECT * FROM counter_codes")
    address = bot.turns.services.counter_codes.picture(ADDRESS, made)

    symbols = made.code.replace("-", "")
    assert symbols not in str(dict(row)) + address and made.code not in str(dict(row)) + address
    assert counter_pictures.symbols_of(bot.settings.secret, made.id, "gift") == symbols
    assert counter_pictures.symbols_of(b"other" * 8, made.id, "gift") != symbols


@given(st.integers(1, 10**15))
def test_codes_of_neighbouring_rows_have_nothing_in_common(number: int) -> None:
    """Symbols of their alphabet, as many as the purpose has; who knows one knows nothing of the next."""
    one, next_one = (counter_pictures.symbols_of(SECRET, each, "gift") for each in (number, number + 1))
    assert len(one) == 8 and one != next_one
    assert len(counter_pictures.symbols_of(SECRET, number, "member")) == 4
    assert counter_pictures.written(one) == f"{one[:4]}-{one[4:]}"


async def test_no_code_is_a_word(bot: Bot) -> None:
    """Four letters may be MENU: every code has a digit."""
    made = [(await make(bot, "member", staff_id=number)).code for number in range(1, 60)]
    assert [code for code in made if code.isalpha()] == []


async def test_a_code_that_a_living_one_has_is_not_made_again(
    bot: Bot, codes: CounterCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next row's is taken; of one that is over, it may be the same."""
    numbers = {"K7PQ": 0, "M2X9": 0}
    order = iter(["K7PQ", "K7PQ", "M2X9", "K7PQ"])

    def symbols_of(_secret: bytes, _code_id: int, _purpose: str) -> str:
        drawn = next(order)
        numbers[drawn] += 1
        return drawn

    monkeypatch.setattr(counter_pictures, "symbols_of", symbols_of)
    assert (await make(bot, "member", staff_id=1)).code == "K7PQ"
    assert (await make(bot, "member", staff_id=2)).code == "M2X9"
    bot.ahead(minutes=3)
    assert (await make(bot, "member", staff_id=3)).code == "K7PQ"
    found = await codes.find(bot.pool, "K7PQ", "member", bot.clock())
    assert found is not None and found.staff_id == 3


async def test_five_wrong_ones_an_hour_and_no_more(bot: Bot, codes: CounterCodes) -> None:
    """Of whatever purpose; an hour later there are five again, and of others there always were."""
    tries = []
    for _ in range(6):
        tries.append(await codes.may_try(bot.pool, "line:x:guesser", bot.clock()))
        async with bot.pool.acquire() as connection:
            await codes.count_wrong(connection, "line:x:guesser", bot.clock())
    assert tries == [True] * 5 + [False]
    assert await codes.may_try(bot.pool, "line:x:other", bot.clock())
    bot.ahead(minutes=61)
    assert await codes.may_try(bot.pool, "line:x:guesser", bot.clock())


# ── where their QR leads ─────────────────────────────────────────────────────────────────────────


def test_links_open_our_chat_with_the_line_typed() -> None:
    """As the platforms' pages write them: `@` and blanks are percent-encoded."""
    assert line_link("@giftdesk", "/use K7PQ-4M2X") == "https://line.me/R/oaMessage/%40giftdesk/?%2Fuse%20K7PQ-4M2X"
    assert messenger_link("giftdesk.tw", "use_K7PQ4M2X") == "https://m.me/giftdesk.tw?ref=use_K7PQ4M2X"
    assert instagram_link("giftdesk.tw", "use_K7PQ4M2X") == "https://ig.me/m/giftdesk.tw?ref=use_K7PQ4M2X"


@given(st.text(max_size=60))
def test_whatever_is_typed_by_a_link_arrives(text: str) -> None:
    """Nothing of it is read as a part of the address."""
    address = urlsplit(line_link("@giftdesk", text))
    assert (address.netloc, unquote(address.query), address.fragment) == ("line.me", text, "")


@pytest.mark.parametrize("ref", ["", "use K7PQ", "use/K7PQ", "用", "a&b", "x" * 2084])
def test_a_referral_has_only_what_messenger_takes(ref: str) -> None:
    """Meta would cut it or lose it."""
    with pytest.raises(ValueError, match="referral"):
        messenger_link("giftdesk", ref)


# ── their pictures ───────────────────────────────────────────────────────────────────────────────


def seen(png: bytes, *, ground: str = "white", side: int | None = None, margin: int = 60) -> list[str]:
    """What a camera reads of a picture that lies on a ground of this colour, scaled to `side` pixels."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    if side is not None:
        picture = picture.resize((side, side), Image.Resampling.BILINEAR)
    around = Image.new("RGB", (picture.width + 2 * margin, picture.height + 2 * margin), ground)
    around.paste(picture, (margin, margin))
    return [found.text for found in zxingcpp.read_barcodes(around)]


@pytest.mark.parametrize("ground", ["white", "#111111", "#0F766E"], ids=["light", "dark", "brand"])
@pytest.mark.parametrize("side", [120, 300, 1200], ids=["phone", "card", "print"])
@pytest.mark.parametrize("opens", ["line:@giftdesk", "messenger:100000000000001", "instagram:giftdesk.tw"])
def test_pictures_are_read(opens: str, ground: str, side: int) -> None:
    """On light and dark, as large as a stamp on a phone and as a print."""
    link = counter_pictures.link_of(opens, "gift", "K7PQ4M2X")
    assert seen(draw(link), ground=ground, side=side) == [link]


async def test_the_web_process_shows_a_codes_qr_until_the_code_is_over(bot: Bot, codes: CounterCodes) -> None:
    """The line to use it is typed on LINE, a referral on Messenger; kept nowhere, and gone with the code."""
    made = await make(bot, opens="line:@giftdesk")
    path = codes.picture(ADDRESS, made).removeprefix(ADDRESS)
    answer = bot.web.get(path)
    assert (answer.status_code, answer.content_type, answer.headers["Cache-Control"]) == (200, "image/png", "no-store")
    (link,) = seen(answer.data)
    assert unquote(urlsplit(link).query) == f"/use {made.code}"

    person = await make(bot, "person", opens="messenger:123")
    (link,) = seen(bot.web.get(codes.picture(ADDRESS, person).removeprefix(ADDRESS)).data)
    assert parse_qs(urlsplit(link).query) == {"ref": [f"who_{person.code.replace('-', '')}"]}

    async with bot.pool.acquire() as connection:
        await codes.end(connection, made.id, bot.clock())
    gone = bot.web.get(path)
    assert (gone.status_code, gone.headers["Cache-Control"]) == (404, "no-store")
    bot.ahead(seconds=LIVES["person"].total_seconds() + 1)
    assert bot.web.get(codes.picture(ADDRESS, person).removeprefix(ADDRESS)).status_code == 404


async def test_who_guesses_an_address_asks_no_database(bot: Bot, codes: CounterCodes) -> None:
    """The signature is looked at first; a code without a QR has no picture either."""
    made = await make(bot, opens="line:@giftdesk")
    path = codes.picture(ADDRESS, made).removeprefix(ADDRESS)
    pool = bot.web.application.extensions["pool"]
    before = pool.get_stats().get("requests_num", 0)
    for wrong in (path.replace(f"{made.id}.", f"{made.id + 1}."), "/q/1.png", "/q/x", f"/q/{made.id}.AAAA.png"):
        assert bot.web.get(wrong).status_code == 404
    assert pool.get_stats().get("requests_num", 0) == before

    silent = await make(bot)
    assert bot.web.get(codes.picture(ADDRESS, silent).removeprefix(ADDRESS)).status_code == 404
    assert codes.picture("", made) == ""

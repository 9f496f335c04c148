"""Posters: made after a preview, shown again, stopped; their pictures are fetched once and can be scanned."""

from __future__ import annotations

import base64
import io
import re
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import zxingcpp
from chat import Bot, Chat
from PIL import Image

from admin.conftest import Hire
from admin.counter import ACCOUNTS, printing_posters
from bot.channels.line.colors import READABLE, WHITE, contrast, palette
from bot.channels.poster_picture import draw
from bot.storage import posters
from bot.storage.posters import Poster
from bot.understanding import poster_tokens

ONE_OF = "A poster offers a code or opens a topic: one of code= and opens=."
ADDRESS = "https://desk.example"


@pytest.fixture
def printing(bot: Bot) -> Bot:
    """A bot whose links lead somewhere, at an address that others reach."""
    bot.desk(public_url=ADDRESS)
    printing_posters(bot)
    return bot


async def make(member: Chat, line: str = "/poster new spring code=WELCOME2026") -> Poster | None:
    """Type it and confirm it."""
    await member.say(line)
    await member.tap("Make the poster")
    return await posters.by_name(member.bot.pool, line.split()[2])


async def test_a_poster_is_made_after_a_preview(printing: Bot, hire: Hire) -> None:
    """Nothing is there before the tap; then its links, each of which says its token."""
    manager = await hire("manager")
    await manager.say("/poster new Spring code=welcome2026")
    assert manager.said("Make the poster “%(name)s”?", name="spring") and "WELCOME2026" in manager.text
    assert await posters.by_name(printing.pool, "spring") is None

    await manager.tap("Make the poster")
    made = await posters.by_name(printing.pool, "spring")
    assert made is not None and (made.code, made.says, made.opens) == ("WELCOME2026", "WELCOME2026", "")
    links = dict(
        zip(("line", "friend", "messenger", "instagram"), re.findall(r"https://(?!desk)\S+", manager.text), strict=True)
    )
    assert links["friend"] == "https://line.me/R/ti/p/%40persimmondays"
    typed = unquote(urlsplit(links["line"]).query)
    assert poster_tokens.in_text(typed) == poster_tokens.Marked("WELCOME2026", made.token)
    for kind in ("messenger", "instagram"):
        [ref] = parse_qs(urlsplit(links[kind]).query)["ref"]
        assert poster_tokens.in_ref(ref) == made.token
    assert (urlsplit(links["messenger"]).netloc, urlsplit(links["instagram"]).path) == ("m.me", "/m/persimmon.days")


async def test_what_a_link_types_does_what_it_is_for(printing: Bot, hire: Hire, channel: str) -> None:
    """Word for word, as LINE puts it into the field: a code is redeemed, a topic opened, in the shop's language."""
    manager, made_at = await hire("manager"), printing.clock() - timedelta(days=1)
    for line, said in (
        ("/poster new spring code=WELCOME2026", "WELCOME2026"),
        ("/poster new a opens=vouchers", "vouchers"),
        ("/poster new b opens=gifts", "my gifts"),
        ("/poster new c opens=redeem", "redeem"),
    ):
        await make(manager, line)
        link = next(each for each in manager.text.split() if each.startswith("https://line.me/R/oaMessage"))
        came, wrote = (printing.chat(channel, language="zh-TW") for _ in range(2))
        await came.say(unquote(urlsplit(link).query))
        await wrote.say(said)
        assert re.sub(r"R-\w+", "", came.text) == re.sub(r"R-\w+", "", wrote.text)
    brought = await posters.brought(printing.pool, made_at, 9)
    assert {each.poster.name: each.arrived for each in brought} == {"spring": 1, "a": 1, "b": 1, "c": 1}


@pytest.mark.parametrize(
    ("line", "msgid", "values"),
    [
        ("/poster new spring", ONE_OF, {}),
        ("/poster new spring code=NOSUCH2026", "Poshen has no code “%(code)s”.", {"code": "NOSUCH2026"}),
        ("/poster new spring code=WELCOME2026 opens=gifts", ONE_OF, {}),
        ("/poster show spring", "There is no poster “%(name)s”.", {"name": "spring"}),
        ("/poster stop spring", "There is no poster “%(name)s”.", {"name": "spring"}),
        ("/poster list", "There is no poster yet.", {}),
    ],
)
async def test_a_wrong_line_teaches(printing: Bot, hire: Hire, line: str, msgid: str, values: dict[str, str]) -> None:
    """And changes nothing."""
    manager = await hire("manager")
    await manager.say(line)

    assert manager.said(msgid, **values)
    assert await printing.pool.fetchval("SELECT count(*) FROM posters") == 0


async def test_a_name_is_taken_once(printing: Bot, hire: Hire) -> None:
    """Also when two previews were open, and for ever: what hangs somewhere is known by it."""
    amy, ben = await hire("manager"), await hire("manager")
    await amy.say("/poster new spring code=WELCOME2026")
    await ben.say("/poster new SPRING opens=gifts")
    await amy.tap("Make the poster")
    await ben.tap("Make the poster")
    assert ben.said("There is a poster “%(name)s” already.", name="spring")
    await amy.say("/poster stop spring")
    await amy.tap("Stop the poster")
    await ben.say("/poster new spring opens=gifts")
    stopped = "The poster “%(name)s” was stopped on %(date)s. A new one needs another name."
    assert ben.said(stopped, name="spring", date=ben._.date(printing.clock()))
    assert await printing.pool.fetchval("SELECT count(*) FROM posters") == 1


async def test_without_accounts_it_says_what_to_set(bot: Bot, hire: Hire) -> None:
    """No link can be made."""
    manager = await hire("manager")
    await manager.say("/poster new spring code=WELCOME2026")
    settings = {"LINE": "LINE_BASIC_ID", "Messenger": "MESSENGER_PAGE", "Instagram": "INSTAGRAM_USERNAME"}
    for channel, setting in settings.items():
        assert manager.said("No link for %(channel)s: %(setting)s is not set.", channel=channel, setting=setting)
    assert not manager.said("Make the poster “%(name)s”?", name="spring")


async def test_without_an_address_the_server_draws_them(printing: Bot, hire: Hire) -> None:
    """The links are there all the same, and how to get the pictures is said."""
    printing.desk(public_url="")
    manager = await hire("manager")
    assert await make(manager) is not None
    assert "https://m.me/" in manager.text and "giftdesk poster spring" in manager.text
    assert await printing.pool.fetchval("SELECT count(*) FROM poster_files") == 0


async def test_a_poster_is_stopped_after_a_preview(printing: Bot, hire: Hire) -> None:
    """What was printed stays; the trail has it."""
    manager = await hire("manager")
    await make(manager)
    await manager.say("/poster stop spring")
    assert manager.said("A poster that was stopped cannot be started again.")
    await manager.tap("Stop the poster")
    assert manager.said("Who comes by “%(name)s” from now on is told that the offer is over.", name="spring")
    await manager.say("/poster show spring")
    assert manager.said("stopped") and "https://m.me" not in manager.text
    row = await printing.pool.fetchrow(
        "SELECT line, before, after FROM audit WHERE action = 'poster stop' AND result = 'done'"
    )
    assert (row["line"], row["before"], row["after"]) == ("/poster stop spring", "in use", "stopped")


async def test_stats_by_poster(printing: Bot, hire: Hire, channel: str, language: str) -> None:
    """Visits, new customers, and what was redeemed; the list shows the visits, too."""
    manager = await hire("manager")
    made = await make(manager)
    await make(manager, "/poster new door opens=gifts")
    assert made is not None
    for _ in range(2):
        await printing.chat(channel, language=language).say(poster_tokens.typed(made.says, made.token))
    await manager.say("/stats today by=poster")

    shown = manager.text
    for msgid, n in (("%(n)s visits", 2), ("%(n)s new customers", 2), ("%(n)s redeemed", 2)):
        assert manager._.ngettext(msgid.replace("visits", "visit").replace("customers", "customer"), msgid, n) in shown
    assert shown.index("spring") < shown.index("door")
    await manager.say("/poster list")
    assert manager._.ngettext("%(n)s visit", "%(n)s visits", 2) in manager.text


# ── pictures ─────────────────────────────────────────────────────────────────────────────────────


def scanned(png: bytes, ground: str = "white", side: int | None = None) -> list[str]:
    """What a camera reads of a picture that lies on a ground of this colour, `side` pixels wide."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    if side is not None:
        picture = picture.resize((side, side * picture.height // picture.width), Image.Resampling.BILINEAR)
    around = Image.new("RGB", (picture.width + 80, picture.height + 80), ground)
    around.paste(picture, (40, 40))
    return [found.text for found in zxingcpp.read_barcodes(around)]


@pytest.fixture
def posts(printing: Bot, monkeypatch: pytest.MonkeyPatch) -> Bot:
    """Its web process knows the accounts as well."""
    for name, value in ACCOUNTS.items():
        monkeypatch.setitem(printing.settings.__dict__, name, value)
    return printing


async def test_the_pictures_are_fetched_once(posts: Bot, hire: Hire) -> None:
    """Looking at the link uses nothing up. Each picture is as large as it is printed and leads where its link does."""
    manager = await hire("manager")
    made = await make(manager)
    assert made is not None
    page = re.search(rf"{ADDRESS}(/posters/[^?\s\"]+)", str([item.message for item in manager.shown]))
    assert page is not None
    assert posts.web.get(page[1]).status_code == posts.web.get(page[1]).status_code == 200
    answer = posts.web.post(page[1])
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    assert "img-src data:" in answer.headers["Content-Security-Policy"]
    drawn = [
        base64.b64decode(png) for png in re.findall(r'<img [^>]*\ssrc="data:image/png;base64,([^"]+)"', answer.text)
    ]
    links = posts.turns.services.posters.links(made)
    assert [scanned(png) for png in drawn] == [[link] for link in links.values()]
    for png in drawn:
        picture = Image.open(io.BytesIO(png))
        assert picture.width >= 1180 and round(picture.info["dpi"][0]) == 300  # ten centimetres

    gone = posts.web.post(page[1])
    assert gone.status_code == 410
    assert posts.web.get(page[1].replace("/posters/", "/exports/")).status_code == 404
    await manager.say("/poster show spring")
    again = re.search(rf"{ADDRESS}(/posters/[^?\s\"]+)", str([item.message for item in manager.shown]))
    assert again is not None and again[1] != page[1] and posts.web.post(again[1]).status_code == 200


@pytest.mark.parametrize(
    "colour", ["#0F766E", "#B5451B", "#FFE066", "#FFFFFF"], ids=["teal", "brick", "yellow", "white"]
)
def test_a_picture_is_scanned_in_every_brands_colour(colour: str) -> None:
    """On light and dark, as print and as a thumbnail on a phone; a pale brand is drawn in ink."""
    link = "https://line.me/R/oaMessage/%40persimmondays/?WELCOME2026%20%5B7K3MQ0%5D"
    png = draw(link, ("WELCOME2026", "LINE"), colour)

    assert contrast(palette(colour).accent, WHITE) >= READABLE
    for ground in ("white", "#111111"):
        for side in (None, 160):
            assert scanned(png, ground, side) == [link]


def test_a_long_code_fits_and_strange_letters_are_left_out() -> None:
    """The picture grows with its lines only; our font has no letters of other scripts."""
    sizes = {Image.open(io.BytesIO(draw("https://m.me/x?ref=p_1", lines, "#0F766E"))).size
             for lines in (("WELCOME2026",), ("W" * 64,), ("新春", "LINE"))}  # fmt: skip
    assert len(sizes) == 1
    assert Image.open(io.BytesIO(draw("https://m.me/x?ref=p_1", ("", ""), "#0F766E"))).height not in {
        h for _, h in sizes
    }

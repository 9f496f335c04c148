"""One's own data as a page: behind a link that works once, for ten minutes, and says nothing by being looked at."""

from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser

import asyncpg
import pytest
from chat import Bot, Chat

from bot.storage import export_files

PUBLIC = "https://desk.example"
GOING_BACK = "\u202e"


class Reader(HTMLParser):
    """What a browser reads: the texts of cells, and the names of all tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


@pytest.fixture
def public(bot: Bot) -> Bot:
    """A desk whose web process can be reached."""
    bot.desk(public_url=PUBLIC)
    return bot


async def exported(chat: Chat) -> str:
    """The path of a new link."""
    await chat.say("my data")
    await chat.tap("Export")
    sent = str([item.message for item in chat.shown])
    (path,) = set(re.findall(re.escape(PUBLIC) + r"(/my-data/[\w.-]+)", sent))
    return str(path)


async def test_the_page_gives_ones_data_once(friend: Chat, public: Bot, tables: asyncpg.Pool) -> None:
    """Looking at the link, as chat apps do for a preview, neither uses it up nor tells anything."""
    await friend.say("WELCOME2026")
    path = await exported(friend)
    assert friend.user not in friend.text and "R-" not in friend.text
    for _ in range(2):
        before = public.web.get(path)
        assert (before.status_code, before.headers["Cache-Control"]) == (200, "no-store")
        assert friend._("Show my data") in before.text
        for secret in (friend.user, "C-", "R-", "WELC"):
            assert secret not in before.text
    assert public.web.head(path).status_code == 200

    answer = public.web.post(path)

    claim = await tables.fetchrow("SELECT ref, claimed_at FROM claims")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("inline")
    read = Reader(answer.text)
    for part in (friend.user, claim["ref"], "金幣 100", "WELC••••26", friend._.moment(claim["claimed_at"])):
        assert part in read.texts, part
    assert "WELCOME2026" not in answer.text
    assert f'lang="{friend.tag.replace("_", "-")}"' in answer.text
    for again in (public.web.post(path), public.web.get(path)):
        assert again.status_code == 410
        assert friend.user not in again.text and friend._("Show my data") not in again.text
    assert await tables.fetchval("SELECT count(*) FROM data_files WHERE file IS NOT NULL") == 0


async def test_two_taps_at_the_same_moment_get_it_once(public: Bot, friend: Chat) -> None:
    """The database decides which one."""
    path = await exported(friend)

    answers = await asyncio.gather(*(asyncio.to_thread(public.web.application.test_client().post, path) for _ in "12"))

    assert sorted(answer.status_code for answer in answers) == [200, 410]


async def test_the_link_ends_after_ten_minutes(public: Bot, friend: Chat, tables: asyncpg.Pool) -> None:
    """And what it led to goes with the next clean-up."""
    path = await exported(friend)
    public.ahead(minutes=9, seconds=50)
    assert public.web.get(path).status_code == 200
    public.ahead(seconds=11)

    for answer in (public.web.get(path), public.web.post(path)):
        assert answer.status_code == 410
        assert friend.user not in answer.text
        assert friend._("This link was used or has expired. In the chat, “my data” makes a new one.") in answer.text


async def test_a_new_link_ends_the_one_before(public: Bot, friend: Chat) -> None:
    """Nobody has two of them lying around; another customer's is none of it."""
    other = public.chat(friend.channel)
    theirs = await exported(other)
    first, second = await exported(friend), await exported(friend)

    assert public.web.post(first).status_code == 410
    assert friend.user in public.web.post(second).text
    assert other.user in public.web.post(theirs).text


async def test_a_forged_link_is_nothing(public: Bot, friend: Chat) -> None:
    """Neither can its number be changed, nor a signature for codes be used."""
    path = await exported(friend)
    number, mac = path.removeprefix("/my-data/").split(".")
    secret = public.settings.secret
    for forged in (f"{int(number) + 1}.{mac}", f"{number}.{'A' * 24}", number, export_files.sign(secret, int(number))):
        for answer in (public.web.get(f"/my-data/{forged}"), public.web.post(f"/my-data/{forged}")):
            assert answer.status_code == 404
    assert public.web.post(f"/exports/{number}.{mac}").status_code == 404
    assert public.web.post(path).status_code == 200, "the right one still works"


async def test_after_deletion_there_is_nothing_to_fetch(public: Bot, friend: Chat) -> None:
    """A link that was made before leads nowhere."""
    path = await exported(friend)
    await friend.say("delete my data")
    await friend.tap("Yes, delete")
    await friend.say("DELETE")

    assert public.web.post(path).status_code == 404


async def test_names_of_vendors_are_only_text(public: Bot, friend: Chat, tables: asyncpg.Pool) -> None:
    """Markup is shown, and nothing turns the page around; receipts of many years are all there."""
    await friend.say("HOSTILE2026")
    await tables.execute(
        "INSERT INTO claims (ref, code_id, person_hash, nth, customer_id, event_id, snapshot, claimed_at) "
        "SELECT 'R-' || n, n, person_hash, 1, customer_id, event_id, snapshot || $1::jsonb, claimed_at "
        "FROM claims, generate_series(100000, 100599) n",
        {"group": f"{GOING_BACK}</td><script>alert(1)</script>"},
    )
    page = public.web.post(await exported(friend)).text

    read = Reader(page)
    assert read.tags <= {"html", "meta", "title", "style", "h1", "h2", "p", "div", "table", "tr", "th", "td", "bdi"}
    assert any("<img src=x onerror=alert(1)>" in text for text in read.texts)
    assert read.texts.count("</td><script>alert(1)</script>") == 600
    assert GOING_BACK not in page
    assert len([text for text in read.texts if re.fullmatch(r"R-\w{6}", text)]) == 601

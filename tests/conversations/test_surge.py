"""A surge: more comes in than can be answered in time. Lists are answered as they were kept, what matters is not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from chat import Bot, Chat
from engine.desk import Desk, references

from bot.services.surge import CALM, IN_A_ROW, Surge
from conversations.proving import link
from conversations.test_wallet import CARDS, sums
from sandbox import Webhook

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
CROWDED = "Many people are writing right now, so this is how things stood at %(time)s. Tap Refresh for the latest."
WAITED = 20.0  # seconds; a surge begins at fifteen


async def in_a_surge(desk: Desk, *webhooks: Webhook, before: int = IN_A_ROW) -> None:
    """Have these answered after as many others, all of whom have waited for long."""
    for _ in range(before):
        desk.post(desk.chat("line").phone.says("menu"))
    for webhook in webhooks:
        assert desk.post(webhook) == 200
    desk.ahead(seconds=WAITED)
    await desk.run()


def as_kept(chat: Chat) -> bool:
    """Whether the answer says that it is an older list."""
    return chat._(CROWDED).split("%(time)s")[0] in chat.text


def asked(bot: Bot, vendor: str) -> int:
    return len(bot.sandbox.calls(vendor))


@pytest.fixture
async def yu(desk: Desk) -> Chat:
    """A customer who looked at their gifts an hour ago."""
    chat = desk.chat("line", "yu")
    await chat.do(chat.phone.follows())
    desk.ahead(days=2)
    await chat.say("gifts")
    desk.ahead(hours=1)
    return chat


async def test_a_list_is_answered_as_it_was_kept(desk: Desk, yu: Chat) -> None:
    """Nobody is asked, and it says of when it is; nothing is written anew. A tap asks, also during the surge."""
    stood = desk.clock() - timedelta(hours=1)
    before, told = asked(desk, "mantago"), asked(desk, "altegio")
    written = await desk.pool.fetchval("SELECT xmin::text FROM wallets")
    await in_a_surge(desk, yu.phone.says("gifts"))
    yu.look()

    assert yu.said(CROWDED, time=yu._.time(stood))
    assert yu.said("Your gifts")
    assert (asked(desk, "mantago"), asked(desk, "altegio")) == (before, told)
    assert await desk.pool.fetchval("SELECT xmin::text FROM wallets") == written

    await in_a_surge(desk, yu.phone.taps(yu.data_of("Refresh"), "Refresh"), before=0)
    yu.look()
    assert yu.said("Your gifts") and not as_kept(yu)
    assert asked(desk, "mantago") == before + 1


async def test_the_first_that_comes_in_time_ends_it(desk: Desk, yu: Chat) -> None:
    """By itself; the next list is a fresh one."""
    await in_a_surge(desk)
    assert desk.turns.services.surge.on
    before = asked(desk, "mantago")
    await yu.say("gifts")

    assert not desk.turns.services.surge.on
    assert asked(desk, "mantago") == before + 1


async def test_its_pages_are_as_kept_too_and_can_be_refreshed(desk: Desk, yu: Chat) -> None:
    """The list of everything, whose pages are asked for anew after ten minutes."""
    before = asked(desk, "mantago")
    await in_a_surge(desk, yu.phone.says("my tickets"))
    yu.look()

    assert as_kept(yu)
    assert yu._("Refresh") in yu.buttons
    assert asked(desk, "mantago") == before


async def test_gift_cards_are_counted_as_they_were(desk: Desk, yu: Chat) -> None:
    """What is on them is kept nowhere; who opens them is answered by the vendor. An unlinked phone has none."""
    await link(yu)
    desk.ahead(hours=1)
    await yu.say("gifts")
    count = sums(yu)[CARDS]
    desk.ahead(hours=1)
    before = asked(desk, "altegio")
    await in_a_surge(desk, yu.phone.says("gifts"))
    yu.look()
    assert sums(yu)[CARDS] == count
    assert asked(desk, "altegio") == before

    await in_a_surge(desk, yu.phone.says("gift cards"), before=0)
    yu.look()
    assert yu.said("Face value")
    assert asked(desk, "altegio") > before

    await desk.pool.execute("DELETE FROM links")
    await in_a_surge(desk, yu.phone.says("gifts"), before=0)
    yu.look()
    assert CARDS not in sums(yu)


async def test_who_has_no_list_or_an_empty_one_is_asked_for(desk: Desk) -> None:
    """Whoever has nothing waits for something; and a stranger has no list."""
    empty, stranger = desk.chat("line"), desk.chat("line", "yu")
    await empty.do(empty.phone.follows())
    await empty.say("gifts")
    desk.ahead(hours=1)
    before = asked(desk, "mantago")
    await in_a_surge(desk, empty.phone.says("gifts"), stranger.phone.says("gifts"))
    empty.look()
    stranger.look()

    assert asked(desk, "mantago") == before + 2
    assert not as_kept(empty) and not as_kept(stranger)
    assert empty.said("No gifts yet. Join a campaign or redeem a code to get some.")
    assert stranger.said("Your gifts")


async def test_codes_and_what_is_handed_over_keep_their_full_path(desk: Desk, yu: Chat) -> None:
    """A claim is a claim, and a code for the counter is only shown for what the vendor still has."""
    await yu.say("gifts")
    show = yu.data_of("Show at counter")
    desk.ahead(hours=1)
    before = asked(desk, "poshen"), asked(desk, "mantago")
    await in_a_surge(desk, yu.phone.says("WELCOME2026"), yu.phone.taps(show, "x"))
    yu.look()

    assert references(yu.text)
    assert asked(desk, "poshen") > before[0]
    assert asked(desk, "mantago") == before[1] + 1


async def test_nothing_is_done_that_only_would_be_nice(desk: Desk) -> None:
    """No loading animation, no "still checking" while the reply token lives; no menu and no look at a stranger's
    profile, which come with their next message."""
    stranger = desk.chat("line", language="en")
    desk.having(patience=timedelta(seconds=0.2))
    desk.sandbox.fault("mantago", delay_ms=1000, times=1)
    await in_a_surge(desk, stranger.phone.says("gifts"))

    paths = [call.path for call in desk.sandbox.calls("line")]
    assert not [path for path in paths if "loading" in path or stranger.user in path]
    stranger.look()
    default = desk.turns.languages["zh_Hant_TW"]
    assert default("No gifts yet. Join a campaign or redeem a code to get some.") in stranger.text
    assert default("Still checking — one moment.") not in stranger.text
    assert await desk.pool.fetchval("SELECT locale FROM customers ORDER BY id DESC LIMIT 1") == "zh_Hant_TW"

    await stranger.say("menu")
    await desk.turns.rest()
    assert stranger.said("Menu") and stranger.tag == "en"
    row = await desk.pool.fetchrow("SELECT locale, state FROM customers ORDER BY id DESC LIMIT 1")
    assert row["locale"] == "en" and "unmet" not in row["state"]


async def test_a_language_that_was_chosen_meanwhile_stays(desk: Desk) -> None:
    """The profile that was not asked then knows nothing better."""
    stranger = desk.chat("line", language="en")
    await in_a_surge(desk, stranger.phone.says("中文"))
    await stranger.say("menu")

    row = await desk.pool.fetchrow("SELECT locale, locale_chosen FROM customers ORDER BY id DESC LIMIT 1")
    assert tuple(row) == ("zh_Hant_TW", True)


async def test_status_and_metrics_tell(desk: Desk) -> None:
    """Since when, as every worker says of itself; gone when it is over."""
    await in_a_surge(desk)
    services = desk.turns.services
    since = services.surge.since
    assert since is not None
    await services.health.write(desk.pool, desk.clock())
    await desk.pool.execute("UPDATE workers SET at = now()")
    assert "giftdesk_surging_workers 1.0" in desk.web.get("/metrics").text

    owner = desk.chat("line", "staff")
    told = await services.health.surging(desk.pool, desk.clock())
    assert told == since
    await owner.say("/status")  # It comes in time, and so ends what it asks about.
    assert not owner.said("since %(time)s: lists are shown as they were kept", time=owner._.time(since))

    await in_a_surge(desk, owner.phone.says("/status"))
    owner.look()
    since = services.surge.since
    assert since is not None
    assert owner.said("since %(time)s: lists are shown as they were kept", time=owner._.time(since))


@pytest.mark.parametrize(
    ("waited", "on"),
    [
        ([15] * 9, False),
        ([15] * 10, True),
        ([15] * 9 + [1] + [15] * 9, False),
        ([15] * 10 + [5], True),
        ([15] * 10 + [14] * 20, True),
        ([15] * 10 + [4], False),
        ([15] * 10 + [4] + [10] * 20, False),
    ],
)
def test_when_it_begins_and_ends(waited: Sequence[float], on: bool) -> None:
    """With several in a row, and not before waiting has become short again."""
    surge = Surge(timedelta(seconds=15))
    for seconds in waited:
        surge.saw(timedelta(seconds=seconds), NOW)

    assert surge.on is on


def test_it_can_be_switched_off() -> None:
    """SURGE_SECONDS=0."""
    surge = Surge(timedelta(0))
    for _ in range(50):
        surge.saw(timedelta(seconds=100), NOW)

    assert not surge.on


def test_it_is_over_when_nothing_comes_any_more() -> None:
    """Nobody sees the end of a queue that is empty."""
    surge = Surge(timedelta(seconds=15))
    for _ in range(IN_A_ROW):
        surge.saw(timedelta(seconds=15), NOW)

    assert surge.lasts(NOW + CALM - timedelta(seconds=1)) == NOW
    assert surge.lasts(NOW + CALM) is None

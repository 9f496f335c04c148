"""/stats: what a campaign brought, counted in the brand's days."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from chat import Bot, Chat
from engine.desk import migrated_database
from PIL import Image

from bot.storage import counts
from bot.storage import pool as pools
from bot.storage.retention import clean_up

TAIPEI = ZoneInfo("Asia/Taipei")
CODE = "WELCOME2026"


async def redeemed(bot: Bot, owner: Chat, people: int = 1, code: str = CODE) -> None:
    """Customers redeem a code."""
    for _ in range(people):
        await bot.chat(owner.channel).say(code)


# ── the card ─────────────────────────────────────────────────────────────────────────────────


async def test_what_happened_today_is_counted(bot: Bot, owner: Chat) -> None:
    """Customers, redeemed and wrong codes, points and lookups."""
    await bot.pool.execute("INSERT INTO rewards (reward_id, points) VALUES (1, 150)")
    await redeemed(bot, owner, 2)
    await bot.chat(owner.channel).say("redeem NOSUCH-2026")
    await bot.turns.services.health.write(bot.pool, bot.clock())
    await owner.say("/stats")

    _ = owner._
    assert owner.said("Today")
    assert _.ngettext("%(n)s redeemed", "%(n)s redeemed", 2) in owner.text
    # The owner is a customer as well: everybody who writes is.
    assert owner.said("%(active)s active, %(new)s new", active=4, new=4)
    assert owner.said("%(granted)s granted, %(spent)s spent", granted=300, spent=0)
    assert (await counted(bot)).misses == 1
    assert f"Poshen {len(bot.sandbox.calls('poshen'))}" in owner.text


async def counted(bot: Bot, days: int = 1) -> counts.Counts:
    return await counts.read(bot.pool, counts.first_day(bot.clock(), days, TAIPEI), bot.clock())


async def test_codes_are_never_shown_in_full(bot: Bot, owner: Chat) -> None:
    """Whoever looks over a shoulder must not be able to redeem one."""
    await redeemed(bot, owner)
    await owner.say("/stats")

    assert "WELC••••26" in owner.text
    assert CODE not in str([sent.message for sent in owner.shown])


async def backdated(bot: Bot, owner: Chat, *days: int) -> None:
    """Codes that were redeemed so many days ago."""
    for ago in days:
        chat = bot.chat(owner.channel)
        await chat.say(CODE)
        await bot.pool.execute(
            "UPDATE claims SET claimed_at = claimed_at - $1 * interval '1 day' WHERE id = (SELECT max(id) FROM claims)",
            ago,
        )


async def test_yesterday_is_compared_with_the_week_before(bot: Bot, owner: Chat) -> None:
    """The same day of it, and a longer period with the one before."""
    await backdated(bot, owner, 1, 1, 1, 8, 8, 9)

    await owner.say("/stats")
    assert owner._("%(now)s, a week before %(before)s", now=3, before=2) in owner.text
    assert owner._("%(text)s (%(change)s %%)", text="", change="+50").strip() in owner.text

    await owner.say("/stats 7d")
    assert owner._("%(now)s, in the %(n)s days before %(before)s", now=3, n=7, before=3) in owner.text
    assert "±0" in owner.text


async def test_a_code_is_named_and_then_counted(bot: Bot, owner: Chat) -> None:
    """The name on the left, the number on the right, as in every other card."""
    await redeemed(bot, owner, 2)
    await owner.say("/stats")

    name = next(at for at, text in enumerate(owner.texts) if "WELC••••26 · #5" in text)
    shown = owner.texts[name] if owner.channel != "line" else " ".join(owner.texts[name : name + 2])
    assert re.search(r"WELC••••26 · #5 \S+[ ：:]+2\b", shown)


async def test_days_are_bars_where_a_picture_can_be_shown(bot: Bot, owner: Chat) -> None:
    """At an address for an hour that nobody can guess, kept nowhere; else in letters."""
    await backdated(bot, owner, 1, 1, 2, 6)
    await owner.say("/stats 7d")
    first = bot.clock().astimezone(TAIPEI).date() - timedelta(days=6)
    assert re.search(rf"{first.month}/{first.day} [▁▂▃▄▅▆▇█]{{7}} 4", owner.text)

    bot.desk(public_url="https://desk.example")
    await owner.say("/stats 30d")

    assert not re.search("[▁▂▃▄▅▆▇█]", owner.text)
    (path,) = set(re.findall(r"https://desk\.example(/charts/[\w.-]+)", str([item.message for item in owner.shown])))
    shown = bot.web.get(path)
    assert (shown.status_code, shown.content_type, shown.headers["Cache-Control"]) == (200, "image/png", "no-store")
    assert Image.open(io.BytesIO(shown.data)).size == (1040, 520)
    said, mac, _png = path.removeprefix("/charts/").split(".")
    more = said.rsplit("_", 1)[0] + "_999"
    for forged in (f"{more}.{mac}.png", f"{said}.{'A' * len(mac)}.png", f"{said}.png", "x", f"{said}.{mac}x.png"):
        assert bot.web.get(f"/charts/{forged}").status_code == 404
    bot.ahead(minutes=61)
    assert bot.web.get(path).status_code == 404


async def test_campaigns_are_compared(bot: Bot, owner: Chat) -> None:
    """The one that brought most is first."""
    await redeemed(bot, owner, 1, "SUMMER-7K3M-Q9TD")
    await redeemed(bot, owner, 2)
    await owner.say("/stats")
    await owner.tap("By campaign")

    _ = owner._
    two, one = (_.ngettext("%(n)s redeemed", "%(n)s redeemed", n) for n in (2, 1))
    assert owner.text.index(two) < owner.text.index(one)
    assert "#5 新春活動" in owner.text


async def test_a_period_without_anything_is_empty_and_no_error(owner: Chat) -> None:
    """Zeros, and a sentence where a list would be."""
    await owner.say("/stats 30d by=campaign")
    assert owner.said("Nothing was redeemed.")

    await owner.say("/stats 30d")
    assert owner._.ngettext("%(n)s redeemed", "%(n)s redeemed", 0) in owner.text


async def test_periods_can_be_tapped(owner: Chat) -> None:
    """And keep the way of looking."""
    await owner.say("/stats")
    await owner.tap("7 days")
    assert owner.said("7 days")
    await owner.tap("By campaign")
    await owner.tap("30 days")

    assert owner.said("%(period)s by campaign", period=owner._("30 days"))
    await owner.tap("All together")
    assert owner.said("Customers")


async def test_what_failed_most_is_named(bot: Bot, owner: Chat) -> None:
    """By vendor and in plain words, most often first."""
    bot.sandbox.fault("poshen", status=401)
    await redeemed(bot, owner, 2)
    bot.sandbox.fault("mantago", status=500)
    await owner.say("我的獎品" if owner.tag != "en" else "my gifts")
    await bot.turns.services.health.write(bot.pool, bot.clock())
    await owner.say("/stats")

    _ = owner._
    assert owner.said("Top failures")
    twice = f"{_('refused our credentials')} · {_.ngettext('once', '%(n)s times', 2)}"
    once = f"{_('no answer')} · {_.ngettext('once', '%(n)s times', 1)}"
    assert owner.text.index(twice) < owner.text.index(once)


async def test_vouchers_count_by_how_they_ended(bot: Bot, owner: Chat) -> None:
    """Two of one kind in one issue are two."""
    for number, (state, quantity) in enumerate((("done", 2), ("done", 1), ("failed", 1), ("unknown", 1))):
        await bot.pool.execute(
            """
            INSERT INTO issues
                (ref, key, request_id, kind, state, recipient, issuer, gift_id, price_id, quantity, offer)
            VALUES ($1, $1, $1, 'exchange', $2, 'C-000000', 'bot', 1, 1, $3, '{}')
            """,
            f"R-{number}",
            state,
            quantity,
        )
    await owner.say("/stats")

    assert owner.said("%(issued)s issued, %(failed)s failed, %(open)s open", issued=3, failed=1, open=1)


@pytest.mark.parametrize(
    ("texts", "share", "unclear"), [({"heard": 480, "chips": 20, "asked": 4, "quiet": 10}, 7, 34), ({"heard": 3}, 0, 0)]
)
async def test_how_much_was_not_understood_is_a_share(
    bot: Bot, owner: Chat, texts: dict[str, int], share: int, unclear: int
) -> None:
    """Of what customers typed in the period, whatever became of it; it is nobody's failure."""
    today = bot.clock().astimezone(TAIPEI).date()
    for days in (0, 6, 7):
        await counts.add(bot.pool, today - timedelta(days=days), {("texts", kind): n for kind, n in texts.items()})
    await owner.say("/stats")

    of = ("%(share)s %% (%(unclear)s of %(n)s message)", "%(share)s %% (%(unclear)s of %(n)s messages)")
    assert owner.said("Not understood")
    assert owner._.ngettext(*of, texts["heard"], share=share, unclear=unclear) in owner.text
    assert not owner.said("Top failures")

    await owner.say("/stats 7d")
    assert owner._.ngettext(*of, 2 * texts["heard"], share=share, unclear=2 * unclear) in owner.text


async def test_a_share_of_nothing_is_no_number_and_of_little_is_not_nothing(bot: Bot, owner: Chat) -> None:
    """0 % would be a boast."""
    await owner.say("/stats")
    assert owner.said("no messages")

    await counts.add(bot.pool, bot.clock().astimezone(TAIPEI).date(), {("texts", "heard"): 999, ("texts", "chips"): 1})
    await owner.say("/stats")
    assert "<1" in owner.text


# ── pushes ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("used", "free", "msgid"),
    [
        (1_200, 3_000, "%(text)s"),
        (2_500, 3_000, "%(text)s: nearly used up"),
        (3_000, 3_000, "%(text)s: used up, results wait for the customer's next message"),
    ],
)
async def test_pushes_are_compared_with_the_plan(bot: Bot, owner: Chat, used: int, free: int, msgid: str) -> None:
    """As LINE itself counts them, in the reader's way of writing numbers; with a word when they run out."""
    bot.sandbox.line.pushed, bot.sandbox.line.monthly_limit = used, free
    await owner.say("/stats")

    text = owner._("%(used)s of %(free)s this month", used=f"{used:,}", free=f"{free:,}")
    assert owner._(msgid, text=text) in owner.text
    assert (owner._("nearly used up") in owner.text) <= (msgid != "%(text)s")


async def test_a_plan_without_a_limit_says_so(bot: Bot, owner: Chat) -> None:
    """Nothing runs out there."""
    bot.sandbox.line.pushed, bot.sandbox.line.monthly_limit = 12, None
    await owner.say("/stats")

    assert owner.said("%(used)s this month, the plan has no limit", used=12)


@pytest.mark.parametrize("fault", [{"status": 500}, {"drop": True}, {"body": {"totalUsage": "many"}, "status": 200}])
async def test_numbers_that_line_does_not_tell_are_not_made_up(bot: Bot, owner: Chat, fault: dict[str, Any]) -> None:
    """Everything else is there all the same; what it said before is shown with its time."""
    bot.sandbox.fault("line:GET /v2/bot/message/quota", **fault)
    await owner.say("/stats")
    assert owner.said("LINE does not say at the moment")
    assert owner.said("Customers")

    bot.sandbox.clear_faults()
    await owner.say("/stats")
    bot.sandbox.fault("line:GET /v2/bot/message/quota", **fault)
    told_at = bot.clock()
    bot.ahead(minutes=6)
    await owner.say("/stats")
    text = owner._("%(used)s of %(free)s this month", used=0, free="3,000")
    time = owner._.moment(told_at)
    assert owner.said("%(text)s (as of %(time)s, LINE does not say now)", text=text, time=time)


async def test_line_is_asked_every_five_minutes_at_most(bot: Bot, owner: Chat) -> None:
    """Whoever taps through the periods asks LINE once."""
    await owner.say("/stats")
    await owner.tap("7 days")
    await owner.tap("30 days")
    assert len(bot.sandbox.calls("line", "GET /v2/bot/message/quota/consumption")) == 1

    bot.ahead(minutes=6)
    await owner.say("/stats")
    assert len(bot.sandbox.calls("line", "GET /v2/bot/message/quota/consumption")) == 2


async def test_a_slow_line_costs_a_moment_only(bot: Bot, owner: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers are worth no long wait."""
    monkeypatch.setattr("bot.services.allowance.PATIENCE", 0.1)
    bot.sandbox.fault("line:GET /v2/bot/message/quota", hang=True)
    await owner.say("/stats")

    assert owner.said("LINE does not say at the moment")


# ── days ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
async def made(database: str) -> AsyncIterator[asyncpg.Pool]:
    url = await migrated_database(database, "counted")
    pool = await pools.connect(url, size=2)
    yield pool
    await pool.close()


@pytest.fixture
async def pool(made: asyncpg.Pool) -> asyncpg.Pool:
    """A database with empty tables."""
    await made.execute("TRUNCATE claims, misses, tallies, customers, workers")
    return made


async def missed(pool: asyncpg.Pool, *moments: datetime) -> None:
    for number, at in enumerate(moments):
        await pool.execute(
            "INSERT INTO misses (person_hash, code_hash, prefix_hash, at) VALUES ($1, $1, 'p', $2)",
            f"{number}{at}".encode(),
            at,
        )


@pytest.mark.parametrize(
    ("now", "days", "first"),
    [
        # 23:30 and 00:30 in Taipei, eight hours ahead
        (datetime(2026, 11, 20, 15, 30, tzinfo=UTC), 1, datetime(2026, 11, 20, tzinfo=TAIPEI)),
        (datetime(2026, 11, 20, 16, 30, tzinfo=UTC), 1, datetime(2026, 11, 21, tzinfo=TAIPEI)),
        (datetime(2026, 11, 20, 16, 30, tzinfo=UTC), 7, datetime(2026, 11, 15, tzinfo=TAIPEI)),
        # the day on which New York's clocks were set back has 25 hours
        (
            datetime(2026, 11, 2, 12, tzinfo=ZoneInfo("America/New_York")),
            2,
            datetime(2026, 11, 1, tzinfo=ZoneInfo("America/New_York")),
        ),
    ],
)
def test_days_begin_at_the_brands_midnight(now: datetime, days: int, first: datetime) -> None:
    """Not at the server's."""
    assert isinstance(first.tzinfo, ZoneInfo)

    assert counts.first_day(now, days, first.tzinfo) == first


async def test_yesterday_in_taipei_is_not_today(pool: asyncpg.Pool) -> None:
    """Half past eleven in the evening there is the same day as here, and yet another one."""
    now = datetime(2026, 11, 20, 17, tzinfo=UTC)  # 01:00 on the 21st
    midnight = datetime(2026, 11, 21, tzinfo=TAIPEI)
    for number, at in enumerate((midnight - timedelta(seconds=1), midnight, now)):
        await pool.execute(
            "INSERT INTO claims (ref, code_id, person_hash, event_id, snapshot, claimed_at)"
            " VALUES ($1, 1, $2, 1, '{}', $3)",
            f"R-{number}",
            str(number).encode(),
            at,
        )

    assert (await counts.read(pool, counts.first_day(now, 1, TAIPEI), now)).claims == 2
    assert (await counts.read(pool, counts.first_day(now, 7, TAIPEI), now)).claims == 3


async def test_wrong_codes_are_still_known_after_they_were_forgotten(pool: asyncpg.Pool) -> None:
    """Their hashes go after two days; how many there were on a day is kept, and never counted twice."""
    now = datetime.now(UTC)
    midnight = counts.first_day(now, 1, TAIPEI)
    # The last minute of the day before yesterday is never older than two days, and counted by then all the same.
    hours = (timedelta(hours=1), timedelta(hours=23, minutes=59, seconds=30))
    moments = [midnight - timedelta(days=days) + hour for days in range(9) for hour in hours]
    await missed(pool, *[at for at in moments if at < now])
    today = sum(midnight <= at < now for at in moments)
    for _hour in range(3):
        await counts.keep_misses(pool, now, TAIPEI)
        await clean_up(pool, events=timedelta(days=14), claims=timedelta(days=730))

    assert await pool.fetchval("SELECT count(*) FROM misses") < 8
    for days in (1, 2, 3, 7):
        since = counts.first_day(now, days, TAIPEI)
        assert (await counts.read(pool, since, now)).misses == today + 2 * (days - 1), days


async def test_a_day_that_is_half_forgotten_keeps_its_number(pool: asyncpg.Pool) -> None:
    """It was counted when it was whole."""
    now = datetime.now(UTC)
    day = counts.first_day(now, 3, TAIPEI)
    await missed(pool, day + timedelta(hours=1), day + timedelta(hours=23))
    await counts.keep_misses(pool, now, TAIPEI)
    await pool.execute("DELETE FROM misses WHERE at < $1", day + timedelta(hours=12))
    await counts.keep_misses(pool, now, TAIPEI)

    assert await pool.fetchval("SELECT n FROM tallies") == 2


async def test_small_talk_is_no_wrong_code(pool: asyncpg.Pool) -> None:
    """Words that were looked up and were none have no prefix."""
    now = datetime.now(UTC)
    for at in (now, now - timedelta(days=3)):
        await pool.execute("INSERT INTO misses (person_hash, code_hash, prefix_hash, at) VALUES ('a', 'b', '', $1)", at)
    await counts.keep_misses(pool, now, TAIPEI)

    assert (await counts.read(pool, counts.first_day(now, 7, TAIPEI), now)).misses == 0


async def test_what_workers_said_long_ago_is_forgotten(pool: asyncpg.Pool) -> None:
    """Rows of workers after a day, daily numbers with the receipts."""
    await pool.execute(
        "INSERT INTO workers SELECT n::text, now() - n * interval '20 hours', '{}' FROM unnest('{1,2}'::int[]) n"
    )
    await pool.execute(
        "INSERT INTO tallies SELECT current_date - n, 'poshen', 'calls', 1 FROM unnest('{1,729,732}'::int[]) n"
    )
    await clean_up(pool, events=timedelta(days=14), claims=timedelta(days=730))

    assert await pool.fetchval("SELECT count(*) FROM workers") == 1
    assert await pool.fetchval("SELECT count(*) FROM tallies") == 2

"""/status: what works, what does not, and since when, as all workers together see it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from chat import Bot, Chat
from engine.desk import until
from engine.processes import environment, forked

from bot.apis.call_stats import LATELY, CallStats
from bot.apis.mantago import Pair
from bot.channels import Delivery, Rendered
from bot.errors import Kind, UpstreamError
from bot.services.health import FRESH, Health, merged
from bot.storage import counts, mantago_pairs
from bot.storage.clocks import DatabaseClock
from bot.storage.workers import Report
from bot.turn import Turns
from bot.wiring import build_turns, open_apis, open_channels
from bot.worker import _report
from sandbox.credentials import mantago_token

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


async def ask_poshen(turns: Turns, times: int = 1) -> None:
    """What a customer's code does, without the customer."""
    assert turns.apis.poshen is not None
    for _ in range(times):
        try:
            await turns.apis.poshen.page(per_page=1)
        except UpstreamError:
            continue


def clock_of(owner: Chat, moment: datetime | None) -> str:
    assert moment is not None
    return owner._.time(moment)


async def state_of(bot: Bot, part: str) -> Any:
    states, _ = await bot.turns.services.health.states(bot.pool, bot.clock())
    return next(state for state in states if state.part == part)


# ── what it says ─────────────────────────────────────────────────────────────────────────────


async def test_all_is_well(bot: Bot, owner: Chat) -> None:
    """Every channel and vendor by name, how fast they are, and how long MantaGo's token is good for."""
    await ask_poshen(bot.turns)
    await owner.say("/status")

    for part in ("LINE", "Messenger", "MantaGo", "Poshen", "Got It", "Altegio"):
        assert part in owner.text
    assert owner.said("All is well")
    assert owner.said("works")
    assert re.search(r"\d / \d+ ms", owner.text)
    assert "p50 / p95" in owner.text or "p50／p95" in owner.text
    assert owner._.ngettext("token: %(n)s day left", "token: %(n)s days left", 24) in owner.text
    assert owner.said("nothing waits")


async def test_a_word_and_a_dot_say_the_same(bot: Bot, owner: Chat) -> None:
    """Drawn in the tone's colour on LINE, as a coloured circle where there is only text."""
    await ask_poshen(bot.turns)
    await owner.say("/status")

    assert ("●" if owner.channel == "line" else "🟢 Poshen") in owner.text


async def test_looking_asks_no_vendor(bot: Bot, owner: Chat) -> None:
    """It is quick, also when they are not, and costs nobody anything."""
    await owner.say("/status")

    assert not [call for name in ("mantago", "poshen", "gotit", "altegio") for call in bot.sandbox.calls(name)]


async def test_a_vendor_that_is_down_is_named_with_the_time(bot: Bot, owner: Chat) -> None:
    """Since when, and why: in the reader's words, with the log's in quotes."""
    bot.sandbox.fault("mantago", status=503)
    await owner.say("我的獎品" if owner.tag != "en" else "my gifts")
    await owner.say("/status")

    state = await state_of(bot, "mantago")
    assert owner.said("no answer since %(time)s", time=clock_of(owner, state.since))
    assert owner.said("%(trouble)s (“%(detail)s”)", trouble=owner._("no answer"), detail="client gifts: 503")
    assert owner._.ngettext("%(n)s needs care", "%(n)s need care", 1) in owner.text


async def test_a_vendor_that_is_left_alone_says_for_how_long(bot: Bot, owner: Chat) -> None:
    """Its breaker is open; that calls are not made is no further failure, and no latency."""
    bot.sandbox.fault("poshen", status=500)
    await ask_poshen(bot.turns, 5)
    await ask_poshen(bot.turns, 20)
    await owner.say("/status")

    state = await state_of(bot, "poshen")
    assert (state.calls, state.failed) == (5, 5)
    assert owner.said("no answer since %(time)s", time=clock_of(owner, state.since))
    assert any(owner.said("next try in %(seconds)s s", seconds=seconds) for seconds in range(25, 31))


async def test_a_refused_credential_is_named_by_its_setting(bot: Bot, owner: Chat) -> None:
    """Even when the vendor answered a moment before: a credential does not fail by chance."""
    await ask_poshen(bot.turns, 5)
    bot.sandbox.fault("poshen", status=401)
    await ask_poshen(bot.turns)
    await owner.say("/status")

    since = clock_of(owner, (await state_of(bot, "poshen")).since)
    words = "refuses our credentials since %(time)s: renew %(settings)s"
    assert owner.said(words, time=since, settings="POSHEN_TOKEN")


async def test_a_platform_that_refuses_us_is_named_by_its_setting(bot: Bot, owner: Chat, channel: str) -> None:
    """What was to be delivered there was not; staff of the other channel see it."""
    other, setting = {
        "line": ("messenger", "MESSENGER_PAGE_ACCESS_TOKEN"),
        "messenger": ("line", "LINE_CHANNEL_ACCESS_TOKEN"),
    }[channel]
    stranger = bot.chat(other)
    bot.sandbox.fault(other, status=401, times=1)
    said = Rendered({"type": "text", "text": "hi"} if other == "line" else {"text": "hi"})
    await bot.turns.deliverer.send(other, Delivery(stranger.user, [said], uuid4()))
    await owner.say("/status")

    since = clock_of(owner, (await state_of(bot, other)).since)
    words = "refuses our credentials since %(time)s: renew %(settings)s"
    assert owner.said(words, time=since, settings=setting)


async def test_a_vendor_that_works_again_is_well(bot: Bot, owner: Chat) -> None:
    """What happened stays among the last errors for a day."""
    bot.sandbox.fault("poshen", status=500, times=1)
    await ask_poshen(bot.turns, 11)
    await owner.say("/status")

    assert owner.said("All is well")
    assert owner.said("Last errors")


@pytest.mark.parametrize(("days", "msgid"), [(2, "MANTAGO_TOKEN: %(n)s days left, renew it"), (-1, None)])
async def test_a_token_near_its_end_is_named(bot: Bot, owner: Chat, days: int, msgid: str | None) -> None:
    """MantaGo's is good for 30 days; without it nobody sees their gifts."""
    _with_token(bot, timedelta(days=days, hours=1))
    await owner.say("/status")

    if msgid is None:
        assert owner.said("MANTAGO_TOKEN has expired: renew it together with MANTAGO_SECRET")
    else:
        assert owner._.ngettext("MANTAGO_TOKEN: %(n)s day left, renew it", msgid, days) in owner.text


async def test_what_stands_still_is_counted_with_its_age(bot: Bot, owner: Chat) -> None:
    """The queue, held events, vouchers of unknown end, messages that wait for their reader."""
    long_ago = bot.clock() - timedelta(hours=2)
    await _stored_event(bot.pool, "waits", "new", long_ago)
    await _stored_event(bot.pool, "held", "done", long_ago, held_at=long_ago)
    for number, state in enumerate(("unknown", "check", "done", "failed")):
        await _stored_issue(bot.pool, number, state, long_ago)
    await bot.pool.execute(
        "INSERT INTO pushes (key, channel, recipient, messages, waiting) VALUES ('p', 'messenger', '1', '[]', true)"
    )
    await owner.say("/status")

    _, time = owner._, owner._.time(long_ago) if _same_day(owner, long_ago, bot.clock()) else owner._.moment(long_ago)
    assert (
        _.ngettext("%(n)s waits, since %(time)s", "%(n)s wait, the oldest since %(time)s", 1, time=time) in owner.text
    )
    assert _("no worker reports") in owner.text
    assert (
        _.ngettext(
            "%(n)s since %(time)s; giftdesk held --retry answers it",
            "%(n)s, the oldest since %(time)s; giftdesk held --retry answers them",
            1,
            time=time,
        )
        in owner.text
    )
    assert (
        _.ngettext(
            "%(n)s of unknown outcome, since %(time)s",
            "%(n)s of unknown outcome, the oldest since %(time)s",
            2,
            time=time,
        )
        in owner.text
    )
    assert _.ngettext("%(n)s needs your decision", "%(n)s need your decision", 1) in owner.text
    parked = ("%(n)s until its reader writes again", "%(n)s until their readers write again")
    assert _.ngettext(*parked, 1) in owner.text
    assert _.ngettext("%(n)s needs care", "%(n)s need care", 3) in owner.text
    await owner.tap("Open vouchers")
    assert "Highlands" in owner.text


async def test_the_question_is_not_counted_as_waiting(bot: Bot, owner: Chat) -> None:
    """It is an unfinished event itself while it is answered."""
    await owner.say("/status")

    assert owner.said("nothing waits")


async def test_a_voucher_that_is_just_being_asked_for_is_no_trouble(bot: Bot, owner: Chat) -> None:
    """Only one that stays open is."""
    await _stored_issue(bot.pool, 0, "pending", bot.clock())
    await owner.say("/status")
    assert owner.said("All is well")

    await bot.pool.execute("UPDATE issues SET created_at = created_at - interval '3 minutes'")
    await owner.say("/status")
    assert owner.said("Have a look")


async def test_what_staff_switched_on_is_shown(bot: Bot, owner: Chat) -> None:
    """The guard until when, maintenance since when and by whom."""
    await owner.order("/guard raise for=2h")
    await owner.say("/maint on")
    await owner.tap("Close the desk")
    await owner.say("/status")

    until = await bot.pool.fetchval("SELECT raised_until FROM guard")
    time = owner._.time(until) if _same_day(owner, until, bot.clock()) else owner._.moment(until)
    assert owner.said("raised until %(time)s", time=time)
    row = await bot.pool.fetchrow("SELECT by, at FROM switches")
    assert owner.said("on since %(time)s, by %(name)s", time=owner._.time(row["at"]), name=row["by"])


async def test_a_viewer_sees_it_without_what_only_a_manager_may_open(bot: Bot, hire: Callable[..., Any]) -> None:
    """The number is theirs to see, the list behind it is not."""
    await _stored_issue(bot.pool, 0, "check", bot.clock() - timedelta(hours=1))
    viewer: Chat = await hire("viewer")
    await viewer.say("/status")

    assert viewer.said("Open vouchers")
    assert viewer._("Open vouchers") not in viewer.buttons
    assert viewer._("Check now") in viewer.buttons


# ── checking ─────────────────────────────────────────────────────────────────────────────────


async def test_a_check_tries_every_credential(bot: Bot, owner: Chat) -> None:
    """One harmless call each, and LINE's count of pushes."""
    await owner.say("/status")
    await owner.tap("Check now")

    assert owner.said("All is well")
    assert owner.said("%(used)s of %(free)s this month", used=0, free=owner._.number(3000))
    for upstream in ("line", "messenger", "mantago", "poshen", "gotit", "altegio"):
        assert bot.sandbox.calls(upstream)


@pytest.mark.parametrize(
    ("route", "setting"),
    [
        ("line:GET /v2/bot/info", "LINE_CHANNEL_ACCESS_TOKEN"),
        ("messenger:GET /me", "MESSENGER_PAGE_ACCESS_TOKEN"),
        ("mantago", "MANTAGO_TOKEN"),
        ("poshen", "POSHEN_TOKEN"),
        ("gotit", "GOTIT_CLIENT_SECRET"),
        ("altegio", "ALTEGIO_USER_TOKEN"),
    ],
)
async def test_a_check_names_the_wrong_credential_and_no_other(bot: Bot, owner: Chat, route: str, setting: str) -> None:
    """With what to do about it; the trail has the name as well."""
    bot.sandbox.fault(route, status=401)
    await owner.say("/status check")

    assert setting in owner.text
    if owner.tag != "en":  # Known troubles are said in the reader's language.
        assert "accepted" not in owner.text and "refuses" not in owner.text and "wrong" not in owner.text
    # Instagram is asked with the page's token as well.
    wrong = ["messenger", "instagram"] if route.startswith("messenger") else [route.partition(":")[0]]
    assert owner._.ngettext("%(n)s needs care", "%(n)s need care", len(wrong)) in owner.text
    found = await bot.pool.fetchval("SELECT after FROM audit ORDER BY n DESC LIMIT 1")
    assert found == f"wrong: {', '.join(wrong)}"


async def test_a_check_does_not_wait_for_a_vendor_that_hangs(
    bot: Bot, owner: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are asked at the same time; the others' results are there."""
    monkeypatch.setattr("handlers.admin.status.PATIENCE", 0.3)
    bot.sandbox.fault("altegio", hang=True)
    await owner.say("/status check")

    words = "%(trouble)s. Nothing can be set right here; look again in a few minutes."
    assert owner.said(words, trouble=owner._("no answer"))
    assert owner.said("works")


WORDS = "refused our credentials, which may be wrong, expired or without the right: renew %(settings)s"


@pytest.mark.parametrize(
    ("code", "setting"), [(4001, "GOTIT_CLIENT_ID, GOTIT_CLIENT_SECRET"), (4007, "GOTIT_APP_UUID")]
)
async def test_a_check_names_the_very_setting_that_the_vendor_minds(
    bot: Bot, owner: Chat, code: int, setting: str
) -> None:
    """Of several, those that it may be."""
    bot.sandbox.fault("gotit", status=400, body={"statusCode": code})
    await owner.say("/status check")

    assert owner.said(WORDS, settings=setting)


async def test_a_refused_credential_among_the_last_errors_is_said_in_the_readers_words(bot: Bot, owner: Chat) -> None:
    """The log's English is for what nobody has words for."""
    bot.sandbox.fault("poshen", status=401)
    await ask_poshen(bot.turns)
    await owner.say("/status")

    assert owner.said(WORDS, settings="POSHEN_TOKEN")
    assert "not accepted" not in owner.text


async def test_an_answer_that_is_not_understood_is_quoted(bot: Bot, owner: Chat) -> None:
    """Its place is all that anybody knows of it."""
    bot.sandbox.fault("poshen:GET /redemption-codes", body={"data": 7})
    await owner.say("/status check")

    assert owner.said("answered what we do not understand") and "POSHEN_API_URL" in owner.text


async def test_a_platform_that_is_down_is_no_wrong_credential(bot: Bot, owner: Chat) -> None:
    """Its own check says so like a vendor's."""
    bot.sandbox.fault("messenger:GET /me", status=503)
    await owner.say("/status check")

    words = "%(trouble)s. Nothing can be set right here; look again in a few minutes."
    assert owner.said(words, trouble=owner._("no answer"))


# ── the command line ─────────────────────────────────────────────────────────────────────────


async def test_the_operator_reads_the_same_as_text(bot: Bot, tmp_path: Path) -> None:
    """`giftdesk admin`, in a process that is no worker and does not count as one."""
    environ = environment(tmp_path, bot.sandbox, DATABASE_URL=bot.settings.database_url, SECRET_KEY="k" * 64)
    await bot.turns.services.health.write(bot.pool, bot.clock())
    bot.sandbox.fault("poshen", status=401)
    _, checked = await forked("admin", "/status check", "--lang", "en", env=environ)
    _, said = await forked("admin", "/status", "--lang", "en", env=environ)

    assert "🟢 LINE: works" in checked
    assert "🔴 Poshen: refused our credentials" in checked and "renew POSHEN_TOKEN" in checked
    assert "as 1 worker sees it" in said
    assert "Queue: nothing waits" in said


# ── several workers ──────────────────────────────────────────────────────────────────────────


async def test_trouble_that_only_another_worker_saw_is_shown(bot: Bot, owner: Chat) -> None:
    """Two workers with connections, memories and breakers of their own."""
    channels, apis = open_channels(bot.settings), open_apis(bot.settings)
    other = build_turns(bot.settings, bot.pool, channels, apis, clock=bot.clock)
    bot.sandbox.fault("poshen", status=500)
    await ask_poshen(other, 5)
    bot.sandbox.clear_faults()
    await other.services.health.write(bot.pool, bot.clock())
    await bot.turns.services.health.write(bot.pool, bot.clock())
    await owner.say("/status")
    await asyncio.gather(*(channel.aclose() for channel in channels.values()), apis.aclose())

    state = await state_of(bot, "poshen")
    assert owner.said("no answer since %(time)s", time=clock_of(owner, state.since))
    assert state.paused_until is not None
    seen = "As of %(time)s, as %(n)s workers see it. Times are p50 / p95."
    assert (
        owner._.ngettext(seen.replace("workers see", "worker sees"), seen, 2, time=owner._.time(bot.clock()))
        in owner.text
    )


async def test_a_worker_writes_by_itself(bot: Bot) -> None:
    """At its start, and every few seconds from then on."""
    reporting = asyncio.create_task(_report(bot.turns, DatabaseClock()))
    await until(lambda: bot.pool.fetchval("SELECT count(*) FROM workers"))
    reporting.cancel()
    _, at_work = await Health(bot.turns.apis, (), {}, bot.turns.services.alerts, bot.settings.zone).states(
        bot.pool, bot.clock()
    )

    assert at_work == 1


async def test_a_worker_goes_on_reporting_while_the_database_cannot_be_found(bot: Bot) -> None:
    """Its name does not resolve, its socket is gone: that is nobody's end."""

    class Lost(DatabaseClock):
        async def compare(self, pool: asyncpg.Pool) -> str | None:
            raise FileNotFoundError("no socket")

    reporting = asyncio.create_task(_report(bot.turns, Lost()))
    await until(lambda: bot.pool.fetchval("SELECT count(*) FROM workers"))
    assert not reporting.done()
    reporting.cancel()


async def test_a_worker_writes_what_it_counted_even_when_its_health_cannot_be_written(bot: Bot) -> None:
    """One table in trouble costs no other one's numbers."""
    bot.turns.services.unclear.count("chips")
    await bot.pool.execute("ALTER TABLE workers RENAME TO gone")
    try:
        reporting = asyncio.create_task(_report(bot.turns, DatabaseClock()))
        await until(lambda: bot.pool.fetchval("SELECT count(*) FROM tallies"))
        reporting.cancel()
    finally:
        await bot.pool.execute("ALTER TABLE gone RENAME TO workers")

    assert await bot.pool.fetch("SELECT part, kind, n FROM tallies ORDER BY kind") == [
        ("texts", "chips", 1),
        ("texts", "heard", 1),
    ]


def report(worker: str = "a", at: datetime = NOON, **part: Any) -> Report:
    """A worker's row about one part; times are seconds before noon."""
    pulse = {"ms": [], "failed": 0, "answered_at": None, "failing_since": None, "failed_at": None}
    pulse |= {"kind": None, "detail": "", "in_a_row": 0}
    moments = {name: NOON.timestamp() - ago for name, ago in part.items() if name.endswith(("_at", "since"))}
    return Report(worker, at, {"poshen": {**pulse, **part, **moments}})


def before(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


def test_the_times_of_all_workers_are_taken_together() -> None:
    """Not the mean of two means."""
    fast, slow = report("a", ms=[10] * 90, answered_at=1), report("b", ms=[500] * 10, answered_at=1)

    state = merged("poshen", [fast, slow], NOON)

    assert (state.verdict, state.p50, state.p95, state.calls) == ("well", 10, 500, 100)


def test_a_slow_part_is_called_slow() -> None:
    """One call in twenty takes more than three seconds."""
    state = merged("poshen", [report(ms=[100] * 90 + [4000] * 10, answered_at=1)], NOON)

    assert (state.verdict, state.p95) == ("slow", 4000)


def test_trouble_begins_with_the_first_failure_after_the_last_answer_of_anybody() -> None:
    """One worker fails for an hour; but another one was answered ten minutes ago."""
    alone = report("a", ms=[1], failed=1, failing_since=3600, failed_at=5, kind="unavailable", in_a_row=9)
    other = report("b", ms=[1], answered_at=600, failing_since=500, failed_at=4, kind="limited", in_a_row=3)

    assert merged("poshen", [alone], NOON).since == before(3600)
    state = merged("poshen", [alone, other], NOON)
    assert (state.verdict, state.since, state.kind) == ("failing", before(600), "limited")


def test_a_worker_that_is_gone_still_knows_since_when() -> None:
    """A restart makes no outage younger. How fast things were by then counts no longer."""
    gone = report("a", before(300), ms=[9000], failing_since=7200, failed_at=300, kind="unavailable", in_a_row=50)
    new = report("b", ms=[20], failed=1, failing_since=10, failed_at=10, kind="unavailable", in_a_row=1)

    state = merged("poshen", [gone, new], NOON)

    assert (state.verdict, state.since, state.p95, state.calls) == ("failing", before(7200), 20, 1)


def test_an_answer_after_a_worker_died_ends_its_trouble() -> None:
    """The last that is known is that it answered."""
    gone = report("a", before(300), failing_since=7200, failed_at=300, kind="credentials", in_a_row=50)
    new = report("b", ms=[20], answered_at=2)

    assert merged("poshen", [gone, new], NOON).verdict == "well"


def test_one_failure_of_a_busy_minute_is_no_outage() -> None:
    """Though it may be the very last thing that happened."""
    busy: dict[str, Any] = {"ms": [10] * 100, "failed": 1, "failing_since": 0.5, "failed_at": 0.5, "in_a_row": 1}

    assert merged("poshen", [report(**busy, answered_at=1, kind="unavailable")], NOON).verdict == "well"
    assert merged("poshen", [report(**busy, answered_at=60, kind="unavailable")], NOON).verdict == "failing"


def test_many_failures_among_answers_are_told() -> None:
    """It neither works nor fails."""
    state = merged("poshen", [report(ms=[10] * 50, failed=9, failed_at=3, answered_at=1, kind="unavailable")], NOON)

    assert (state.verdict, state.calls, state.failed) == ("unsteady", 50, 9)


def test_what_nobody_asked_lately_is_neither_well_nor_not() -> None:
    """With when it answered last."""
    state = merged("poshen", [report(answered_at=7200)], NOON)

    assert (state.verdict, state.answered_at, state.p50) == ("quiet", before(7200), None)
    assert merged("poshen", [Report("c", NOON, {})], NOON).verdict == "quiet"


def test_a_row_that_is_not_renewed_tells_nothing_of_now() -> None:
    """Its worker is gone."""
    old = report("a", NOON - FRESH - timedelta(seconds=1), ms=[10], answered_at=60, paused_until=NOON.timestamp() + 9)

    state = merged("poshen", [old], NOON)

    assert (state.verdict, state.paused_until) == ("quiet", None)


# ── a pulse ──────────────────────────────────────────────────────────────────────────────────


def beating(*beats: tuple[float, Kind | None]) -> CallStats:
    """A pulse with calls at these seconds."""
    now = 0.0
    pulse = CallStats(clock=lambda: now)
    for at, kind in beats:
        now = at
        pulse.note(kind, 0.25, "why" if kind else "")
    return pulse


def test_a_pulse_knows_when_trouble_began() -> None:
    """Not when it was seen last; an answer ends it."""
    failing = beating((10, None), (20, "limited"), (30, "unavailable"))
    assert (failing.failing_since, failing.failed_at, failing.kind, failing.in_a_row) == (20, 30, "unavailable", 2)

    mended = beating((10, None), (20, "limited"), (30, None))
    assert (mended.failing_since, mended.failed_at, mended.answered_at, mended.in_a_row) == (None, 20, 30, 0)


def test_a_pulse_reports_the_last_minutes_only() -> None:
    """And of a busy time the latest hundred calls, so that a row stays small."""
    assert beating((0, "limited"), (LATELY + 1, None)).report()["ms"] == [250]
    assert beating((0, "limited"), (LATELY + 1, None)).report()["failed"] == 0
    assert len(beating(*[(float(second), None) for second in range(300)]).report()["ms"]) == 100


# ── the day's numbers ────────────────────────────────────────────────────────────────────────


async def test_calls_are_counted_once_and_by_day(bot: Bot) -> None:
    """Each write adds what is new."""
    health = bot.turns.services.health
    await ask_poshen(bot.turns, 2)
    await health.write(bot.pool, bot.clock())
    bot.sandbox.fault("poshen", status=429, headers={"Retry-After": "60"})
    await ask_poshen(bot.turns)
    await health.write(bot.pool, bot.clock())
    await health.write(bot.pool, bot.clock())

    rows = await bot.pool.fetch("SELECT part, kind, n FROM tallies WHERE part = 'poshen' ORDER BY kind")
    assert [tuple(row) for row in rows] == [("poshen", "calls", 3), ("poshen", "limited", 1)]


async def test_what_could_not_be_written_is_counted_later(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database was away for a moment."""
    health = bot.turns.services.health
    await ask_poshen(bot.turns, 2)

    async def lost(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(counts, "add", lost)
        with pytest.raises(ConnectionError):
            await health.write(bot.pool, bot.clock())
    await ask_poshen(bot.turns)
    await health.write(bot.pool, bot.clock())

    assert await bot.pool.fetchval("SELECT n FROM tallies WHERE part = 'poshen' AND kind = 'calls'") == 3


# ── reminders ────────────────────────────────────────────────────────────────────────────────


async def remind(bot: Bot) -> None:
    """What the worker does every hour, as one that has just been started and remembers nothing."""
    health = bot.turns.services.health
    fresh = Health(health.apis, (), {}, health.alerts, health.zone, pairs=health.pairs)
    await fresh.remind(bot.pool, bot.clock())
    await bot.quiet()


async def reminders(bot: Bot) -> list[str]:
    rows = await bot.pool.fetch("SELECT key, recipient FROM pushes WHERE key LIKE 'alert:mantago-token:%' ORDER BY id")
    return [row["key"].split(":")[3] for row in rows if row["recipient"].startswith("U")]


async def test_those_in_charge_are_reminded_three_times(bot: Bot) -> None:
    """7, 3 and 1 days before, once each, however often the worker looks and whoever was restarted."""
    _with_token(bot, timedelta(days=9))
    for _ in range(9 * 4 + 2):
        await remind(bot)
        await remind(bot)
        bot.ahead(hours=6)

    assert await reminders(bot) == ["7", "3", "1"]


async def test_a_token_found_with_two_days_left_is_told_once(bot: Bot, owner: Chat) -> None:
    """Not for the seven days as well; and in the language of who reads it."""
    _with_token(bot, timedelta(days=2, hours=1))
    await owner.say("/whoami")  # With their first command we know which language an owner reads.
    await remind(bot)
    await remind(bot)

    text = (
        "MantaGo's token ends soon (whole days left: %(days)s). Renew it in MantaGo's console, replace "
        "MANTAGO_TOKEN and MANTAGO_SECRET together and restart. Without it nobody sees their gifts."
    )
    assert [sent.message.get("text") for sent in owner.look()] == [owner._(text, days=2)]


async def test_two_workers_remind_once(bot: Bot) -> None:
    """At the same moment."""
    _with_token(bot, timedelta(hours=20))
    await asyncio.gather(*(remind(bot) for _ in range(4)))

    assert await reminders(bot) == ["1"]


async def test_the_next_token_is_reminded_of_again(bot: Bot) -> None:
    """Each has an end of its own."""
    for days in (2, 32):
        _with_token(bot, timedelta(days=days) - bot.clock.ahead)
        await remind(bot)
        bot.ahead(days=30)

    assert await reminders(bot) == ["3", "3"]


@pytest.mark.parametrize("left", [timedelta(days=8), timedelta(hours=-1)])
async def test_nobody_is_reminded_too_early_or_too_late(bot: Bot, left: timedelta) -> None:
    """When it has ended, MantaGo's refusals tell of it."""
    _with_token(bot, left)
    await remind(bot)

    assert await reminders(bot) == []


@pytest.mark.parametrize("failed", [False, True])
async def test_what_is_exchanged_by_itself_is_no_reminder_unless_that_fails(bot: Bot, *, failed: bool) -> None:
    """An alert is what only people can mend."""
    _with_token(bot, timedelta(days=2, hours=1))
    await _stored_pair(bot, tried_at=bot.clock() if failed else None)
    await remind(bot)

    assert await reminders(bot) == (["3"] if failed else [])


async def test_status_says_who_renews_the_token(bot: Bot, owner: Chat) -> None:
    """And what to do where that is people, since when."""
    _with_token(bot, timedelta(days=5, hours=1))
    itself = owner._.ngettext(
        "token: %(n)s day left, renewed by itself", "token: %(n)s days left, renewed by itself", 5
    )
    by_hand = owner._.ngettext("MANTAGO_TOKEN: %(n)s day left, renew it", "MANTAGO_TOKEN: %(n)s days left, renew it", 5)
    tried = bot.clock() - timedelta(minutes=2)
    time = owner._.time(tried) if _same_day(owner, tried, bot.clock()) else owner._.moment(tried)
    lost = owner._(
        "token: a new one was asked for at %(time)s and the answer got lost; press Refresh in MantaGo's console "
        "and replace MANTAGO_TOKEN and MANTAGO_SECRET",
        time=time,
    )
    refused = owner._("token: MantaGo gave no new one at %(time)s; renew MANTAGO_TOKEN and MANTAGO_SECRET", time=time)
    told = []
    for state, tried_at in (("kept", None), ("kept", tried), ("unknown", tried), ("refused", tried)):
        await bot.pool.execute("DELETE FROM mantago_pairs")
        await _stored_pair(bot, state=state, tried_at=tried_at)
        await owner.say("/status")
        told.append(next(said for said in (itself, by_hand, lost, refused) if said in owner.text))
    assert told == [itself, by_hand, lost, refused]

    _with_token(bot, timedelta(days=20, hours=1))
    await _stored_pair(bot)
    await bot.pool.execute("UPDATE mantago_pairs SET home = 'elsewhere'")
    await owner.say("/status")
    left = owner._.ngettext("token: %(n)s day left", "token: %(n)s days left", 20)
    assert owner.said("%(token)s, not renewed by itself: this database is a copy", token=left)


# ── what the tests say ───────────────────────────────────────────────────────────────────────


@pytest.fixture(autouse=True)
def the_same_token(bot: Bot) -> Any:
    """A token of one test does not stay for the next."""
    pairs = bot.turns.services.mantago_pairs
    assert pairs is not None
    before = pairs.settings
    yield
    pairs.settings, pairs.rotates = before, False
    pairs.api.use(before)


async def _stored_pair(bot: Bot, *, state: str = "kept", tried_at: datetime | None = None) -> None:
    """MANTAGO_ROTATE=on, and how the settings' pair stands."""
    pairs = bot.turns.services.mantago_pairs
    assert pairs is not None
    pairs.rotates = True
    await mantago_pairs.settle_in(bot.pool, pairs.bot, pairs._fingerprint)
    await bot.pool.execute("UPDATE mantago_pairs SET state = $1, tried_at = $2", state, tried_at)


def _with_token(bot: Bot, left: timedelta) -> None:
    """MantaGo's token ends after `left`, by the bot's clock."""
    pairs = bot.turns.services.mantago_pairs
    assert pairs is not None
    pairs.settings = Pair(mantago_token(bot.clock(), left=left), pairs.settings.secret)
    pairs.api.use(pairs.settings)


def _same_day(owner: Chat, one: datetime, other: datetime) -> bool:
    return one.astimezone(owner._.zone).date() == other.astimezone(owner._.zone).date()


async def _stored_event(
    pool: asyncpg.Pool, key: str, state: str, at: datetime, held_at: datetime | None = None
) -> None:
    await pool.execute(
        "INSERT INTO events (key, channel, chat, state, at, received_at, held_at)"
        " VALUES ($1, 'line', 'line:a:nobody', $2, $3, $3, $4)",
        key,
        state,
        at,
        held_at,
    )


async def _stored_issue(pool: asyncpg.Pool, number: int, state: str, at: datetime) -> None:
    await pool.execute(
        """
        INSERT INTO issues (ref, key, request_id, kind, state, recipient, issuer, gift_id, price_id, offer, created_at)
        VALUES ($1, $1, $1, 'exchange', $2, 'C-000000', 'bot', 1, 1, $3, $4)
        """,
        f"R-{number:06}",
        state,
        {"name": "Highlands 100k", "brand": "Highlands Coffee", "image": "", "price_value": 100_000},
        at,
    )

"""Codes in bulk: written down first, made once each whatever dies, stopped and resumed; fetched once as a file."""

from __future__ import annotations

import asyncio
import csv
import html
import io
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from chat import Bot, Chat
from engine.desk import Desk, desk_settings, migrated_database, until
from engine.processes import Giftdesk, forked

from admin.conftest import Hire
from admin.counter import press
from bot.apis.http import Breaker
from bot.cli.operator import Operator, save_codes
from bot.config import load_settings
from bot.errors import ConfigurationError
from bot.services import minting
from bot.services.minting import draw
from bot.storage import bulk, code_refs, export_files
from bot.storage.bulk import Counts, Job
from bot.understanding.codes import spellings
from sandbox import Sandbox

MAKE = "POST /redemption-codes"
MOMENT, TAIPEI = datetime(2026, 11, 20, 6, 30, tzinfo=UTC), ZoneInfo("Asia/Taipei")
PUBLIC = "https://desk.example"
BLIND = {"route": "poshen:GET /redemption-codes", "status": 500, "times": 1}  # one look-up that tells nothing
SHAPE = re.compile(r"SUMMER-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}")


@pytest.fixture
def hasty(bot: Bot) -> Bot:
    """A bot that does not wait long for a vendor that is down."""
    services = bot.turns.services
    quick = replace(services.minting, pauses=(timedelta(seconds=0.05),))
    bot.having(services=replace(services, minting=quick))
    assert bot.turns.apis.poshen is not None
    bot.turns.apis.poshen.upstream.breaker = Breaker(pause=0.05)
    return bot


async def start(
    chat: Chat, line: str = "/code bulk group=7 n=40 prefix=SUMMER rewards=5", faults: Sequence[dict[str, Any]] = ()
) -> None:
    """Begin a job without waiting for its end. faults: what goes wrong at the vendor from the preview on."""
    await chat.say(line)
    for fault in faults:
        chat.bot.sandbox.fault(**fault)
    assert chat.bot.post(chat.phone.taps(chat.data_of("Start"), "Start")) == 200


async def newest(bot: Bot) -> tuple[Job, Counts]:
    (job,) = await bulk.newest(bot.pool, 1)
    return job, await bulk.counts(bot.pool, job.id)


def at_vendor(sandbox: Sandbox, group: int = 7, prefix: str = "SUMMER-") -> list[str]:
    """The codes that a job can have made there; the sandbox has three of its own."""
    own = {"SUMMER-7K3M-Q9TD", "SUMMER-2N8P-X4RW", "SUMMER-H6ZD-0V5C"}
    return [
        code.code
        for code in sandbox.poshen.codes.values()
        if code.group == group and code.code.startswith(prefix) and code.code not in own
    ]


def asked_for(sandbox: Sandbox) -> list[str]:
    """What was asked to be made, in order."""
    return [call.json["code"] for call in sandbox.calls("poshen", MAKE)]


async def written(bot: Bot) -> list[str]:
    return [row["code"] for row in await bot.pool.fetch("SELECT code FROM bulk_codes ORDER BY id")]


# ── drawing ──────────────────────────────────────────────────────────────────────────────────────


def test_a_code_is_drawn_in_its_shape() -> None:
    """Crockford's symbols in groups of four behind the prefix; customers' typing is read as one code."""
    assert SHAPE.fullmatch(draw("SUMMER", 8))
    assert re.fullmatch(r"(?:[0-9A-HJKMNP-TV-Z]{4}-){2}[0-9A-HJKMNP-TV-Z]{2}", draw("", 10))
    code = draw("SUMMER", 8)
    assert code in spellings(code.replace("-", "").lower())
    longest = draw("X" * minting.LONGEST_PREFIX, minting.LONGEST)
    assert len(longest) <= 32


def test_no_two_codes_are_the_same() -> None:
    """40 bits: a thousand of them do not meet."""
    assert len({draw("SUMMER", 8) for _ in range(1_000)}) == 1_000


# ── starting ─────────────────────────────────────────────────────────────────────────────────────


async def test_the_preview_says_what_will_be_made(bot: Bot, owner: Chat) -> None:
    """How many, where, of what shape, what they give, how long it takes, and one that could be among them."""
    await owner.say("/code bulk group=7 n=300 prefix=summer rewards=5")
    for fact in ("300", "7 Summer Campaign", "SUMMER-XXXX-XXXX", "500 gold coins", owner._("less than a minute")):
        assert fact in owner.text
    assert SHAPE.search(owner.text)
    assert {owner._("Start"), owner._("Cancel")} <= set(owner.buttons)
    assert await bulk.under_way(bot.pool) is None


async def test_the_estimate_follows_the_setting(bot: Bot, boss: Chat) -> None:
    """300 codes at three a second are two minutes."""
    services = bot.turns.services
    bot.having(services=replace(services, minting=replace(services.minting, per_second=3)))
    await boss.say("/code bulk group=7 n=300 prefix=SUMMER")

    assert "It takes 2 minutes." in boss.text


async def test_a_job_makes_its_codes_and_tells_who_started_it(bot: Bot, owner: Chat) -> None:
    """All of them, in their group, with their rewards; one message when it is done, with the file."""
    await owner.say("/code bulk group=7 n=40 prefix=SUMMER rewards=5")
    await owner.tap("Start")

    job, counts = await newest(bot)
    assert counts == Counts(done=40)
    assert (job.state, job.total) == ("done", 40)
    assert sorted(at_vendor(bot.sandbox)) == sorted(await written(bot))
    assert all(SHAPE.fullmatch(code) for code in await written(bot))
    assert {code.rewards for code in bot.sandbox.poshen.codes.values() if code.code in await written(bot)} == {(5,)}
    assert owner.said("Started as job %(job)s. You are told when it is done.", job=job.ref)
    assert owner.said("%(job)s is done: %(done)s/%(total)s.", job=job.ref, done=40, total=40)
    await owner.tap("Progress")
    assert owner.said(
        "%(tried)s/%(total)s — done %(done)s, retrying %(unknown)s, failed %(failed)s",
        tried=40,
        total=40,
        done=40,
        unknown=0,
        failed=0,
    )


async def test_the_others_in_charge_hear_of_it(bot: Bot, boss: Chat, hire: Hire, channel: str, language: str) -> None:
    """§10 row 8: with a way to stop it."""
    manager = await hire("manager")
    await boss.say("/code bulk group=7 n=3 prefix=SUMMER")
    await boss.tap("Start")
    manager.look()

    job, _ = await newest(bot)
    assert manager.said(
        "%(name)s is making %(n)s codes in group %(group)s (%(job)s).",
        name=job.starter,
        n=3,
        group="#7 Summer Campaign",
        job=job.ref,
    )
    assert manager._("Stop") in manager.buttons
    assert "is making" not in boss.text


async def test_only_a_preview(bot: Bot, owner: Chat) -> None:
    """--dry starts nothing, and its button asks again without it."""
    await owner.say("/code bulk group=7 n=5 prefix=SUMMER --dry")
    assert owner.said("Nothing was started: this is only a preview.")
    await owner.tap("Start")
    assert await bulk.under_way(bot.pool) is None
    await owner.tap("Start")

    assert len(at_vendor(bot.sandbox)) == 5


async def test_the_list_is_written_down_before_anything_is_asked(bot: Bot, boss: Chat) -> None:
    """The vendor is down all the time; the codes are all there, and none was made."""
    bot.sandbox.fault("poshen:" + MAKE, status=401)
    await boss.say("/code bulk group=7 n=2000 prefix=SUMMER len=12")
    await boss.tap("Start")

    assert len(set(await written(bot))) == 2_000
    assert at_vendor(bot.sandbox) == []


async def test_there_is_one_job_at_a_time(bot: Bot, owner: Chat) -> None:
    """At the preview; and when two were confirmed, by the constraint."""
    await owner.say("/code bulk group=7 n=7 prefix=WINTER")
    async with bot.pool.acquire() as connection:
        job = await bulk.add(
            connection,
            key="other",
            group_id=7,
            group_name="",
            rewards=(),
            prefix="SUMMER",
            length=8,
            total=1,
            staff_id=None,
            starter="somebody",
            now=bot.clock(),
        )
    assert job is not None
    for step in (owner.tap("Start"), owner.say("/code bulk group=7 n=7 prefix=WINTER")):
        await step
        assert owner.said("Job %(job)s is still under way, and there is one at a time.", job=job.ref)
    assert await bot.pool.fetchval("SELECT count(*) FROM bulk_codes") == 0


async def test_many_codes_need_a_second_person(bot: Bot, boss: Chat, hire: Hire, channel: str, language: str) -> None:
    """Where that is configured; who asked for it is who is told."""
    bot.desk(two_person_codes=30)
    manager = await hire("manager")
    await boss.say("/code bulk group=7 n=29 prefix=FEWER")
    await boss.tap("Start")
    assert len(at_vendor(bot.sandbox, prefix="FEWER-")) == 29
    await boss.say("/code bulk group=7 n=30 prefix=SUMMER")
    await boss.tap("Start")
    assert at_vendor(bot.sandbox) == []
    manager.look()
    assert "/code bulk group=7 n=30 prefix=SUMMER" in manager.text
    await manager.tap("Look at it")
    assert manager._("none") in manager.text  # In the language of who agrees, whatever the other one speaks.
    await manager.tap("Agree")
    boss.look()
    assert "/code bulk group=7 n=30 prefix=SUMMER" in boss.text

    assert len(at_vendor(bot.sandbox)) == 30
    job, _ = await newest(bot)
    assert f"{job.ref} is done: 30/30." in "\n".join(str(item.message) for item in boss.everything)


@pytest.mark.parametrize("prefix", ["SUM_MER", "夏日", "=cmd"])
async def test_a_prefix_is_something_that_customers_can_type(boss: Chat, prefix: str) -> None:
    """Letters, digits and hyphens."""
    await boss.say(f"/code bulk group=7 n=5 prefix={prefix}")

    assert boss.said(
        "Customers could not type “%(value)s” here: only letters, digits and hyphens. Example: %(example)s",
        value=prefix,
        example="prefix=SUMMER",
    )
    assert "Start" not in boss.buttons


async def test_a_wrong_reward_is_noticed_before(owner: Chat) -> None:
    """Not three hundred times afterwards."""
    await owner.say("/code bulk group=7 n=5 prefix=SUMMER rewards=99")

    assert owner.said("Poshen has no reward %(numbers)s.", numbers="#99")


@pytest.mark.parametrize("status", [403, 404, 503])
async def test_a_list_of_rewards_that_cannot_be_had_stops_no_job(bot: Bot, boss: Chat, status: int) -> None:
    """Their numbers are known without it."""
    bot.sandbox.fault("poshen:GET /rewards", status=status)
    await boss.say("/code bulk group=7 n=3 prefix=SUMMER rewards=5")
    await boss.tap("Start")

    assert len(at_vendor(bot.sandbox)) == 3


# ── while it runs ────────────────────────────────────────────────────────────────────────────────


async def test_progress_is_told_on_a_tap(bot: Bot, owner: Chat) -> None:
    """In the middle of it, with what it still takes."""
    bot.sandbox.fault("poshen:" + MAKE, delay_ms=20)
    await start(owner)
    await until(lambda: len(asked_for(bot.sandbox)) >= 10)
    await owner.say("/job")

    job, _ = await newest(bot)
    tried = re.search(r"(\d+)/40", owner.text)
    assert tried and 8 <= int(tried[1]) < 40
    assert owner.said("Running")
    assert {owner._("Progress"), owner._("Stop")} <= set(owner.buttons)
    assert (await newest(bot))[1] == Counts(done=40)
    assert job.under_way is False


async def test_a_stop_ends_it_after_the_codes_it_is_at(bot: Bot, owner: Chat) -> None:
    """What is made stays, nothing is half made, it is told, and it can be resumed to the end."""
    bot.sandbox.fault("poshen:" + MAKE, delay_ms=20)
    await start(owner)
    await until(lambda: len(asked_for(bot.sandbox)) >= 10)
    job, _ = await newest(bot)
    await press(owner, f"/job stop {job.ref}")

    job, counts = await newest(bot)
    assert job.state == "stopped"
    assert counts.unknown == counts.failed == 0
    assert 10 <= counts.done < 40
    assert sorted(at_vendor(bot.sandbox)) == sorted(
        row["code"] for row in await bot.pool.fetch("SELECT code FROM bulk_codes WHERE state = 'done'")
    )
    assert owner.said("%(job)s stopped: %(done)s/%(total)s.", job=job.ref, done=counts.done, total=40)
    bot.sandbox.clear_faults()
    await owner.tap("Resume")
    assert owner.data_of("Stop")
    assert (await newest(bot))[1] == Counts(done=40)
    assert len(asked_for(bot.sandbox)) == len(set(asked_for(bot.sandbox))) == 40
    assert owner.said("%(job)s is done: %(done)s/%(total)s.", job=job.ref, done=40, total=40)


async def test_what_is_over_is_not_stopped_or_resumed(bot: Bot, owner: Chat) -> None:
    """Its state is shown instead."""
    await owner.say("/code bulk group=7 n=3 prefix=SUMMER")
    await owner.tap("Start")
    job, _ = await newest(bot)
    await owner.order(f"/job stop {job.id}")
    assert owner.said("Done")
    await owner.order(f"/job resume {job.ref.lower()}")

    assert owner.said("Nothing is left of %(job)s.", job=job.ref)
    assert (await newest(bot))[0].state == "done"


@pytest.mark.parametrize("line", ["/job J-999999", "/job stop J-999999", "/job resume #999999", "/job export 999999"])
async def test_a_job_that_does_not_exist(boss: Chat, line: str) -> None:
    """Said plainly."""
    await boss.say(line)

    assert boss.said("There is no job %(job)s.", job="J-999999")


async def test_before_the_first_job(owner: Chat) -> None:
    """How one is begun."""
    for line in ("/job", "/jobs"):
        await owner.say(line)
        assert owner.said("There was no bulk job yet.")
        assert "/code bulk" in owner.buttons


async def test_a_lost_answer_is_no_second_code(bot: Bot, boss: Chat) -> None:
    """504 after it was made: looked up, and counted once."""
    bot.sandbox.fault("poshen:" + MAKE, status=504, after=True, times=5)
    assert bot.turns.apis.poshen is not None
    bot.turns.apis.poshen.upstream.breaker = Breaker(consecutive=1_000, calls=1_000)
    await boss.say("/code bulk group=7 n=20 prefix=SUMMER")
    await boss.tap("Start")

    assert (await newest(bot))[1] == Counts(done=20)
    assert sorted(at_vendor(bot.sandbox)) == sorted(await written(bot))
    assert len(asked_for(bot.sandbox)) == 20


async def test_what_is_unknown_is_looked_up_before_it_is_asked_for_again(hasty: Bot, boss: Chat) -> None:
    """The answer is lost and the vendor is gone for a while: one look-up later the code is known to exist."""
    lost = {"route": "poshen:" + MAKE, "drop": True, "after": True, "times": 1}
    await start(boss, "/code bulk group=7 n=6 prefix=SUMMER", [lost, BLIND])
    await until(lambda: over(hasty))

    first = asked_for(hasty.sandbox)[0]
    assert asked_for(hasty.sandbox).count(first) == 1
    assert len([call for call in hasty.sandbox.calls("poshen") if call.query.get("code") == first]) == 2
    assert (await newest(hasty))[1] == Counts(done=6)
    assert sorted(at_vendor(hasty.sandbox)) == sorted(await written(hasty))


async def test_what_never_arrived_is_asked_for_again(hasty: Bot, boss: Chat) -> None:
    """Lost before it took effect: the look-up finds nothing, so it is made."""
    lost = {"route": "poshen:" + MAKE, "drop": True, "times": 1}
    await start(boss, "/code bulk group=7 n=6 prefix=SUMMER", [lost, BLIND])
    await until(lambda: over(hasty))

    first = asked_for(hasty.sandbox)[0]
    assert asked_for(hasty.sandbox).count(first) == 2
    assert sorted(at_vendor(hasty.sandbox)) == sorted(await written(hasty))


async def over(bot: Bot) -> bool:
    return bool(await bot.pool.fetchval("SELECT bool_and(slot IS NULL) FROM bulk_jobs"))


async def test_a_vendor_that_is_down_is_waited_for(bot: Bot, owner: Chat) -> None:
    """The job says so, and a resume goes on at once; nothing is lost and nothing is made twice."""
    bot.sandbox.fault("poshen:" + MAKE, drop=True)
    await owner.say("/code bulk group=7 n=12 prefix=SUMMER")
    bot.sandbox.fault("poshen:GET /redemption-codes", status=500)
    await owner.tap("Start")
    job, counts = await newest(bot)
    assert (job.state, job.troubles, counts.done, counts.failed) == ("running", 1, 0, 0)
    assert job.next_at is not None
    await owner.say("/job")
    assert owner.said(
        "Poshen cannot be reached just now. It goes on by itself at %(time)s.", time=owner._.time(job.next_at)
    )
    bot.sandbox.clear_faults()
    assert bot.turns.apis.poshen is not None
    bot.turns.apis.poshen.upstream.breaker = Breaker()
    await owner.tap("Resume")

    assert (await newest(bot))[1] == Counts(done=12)
    assert sorted(at_vendor(bot.sandbox)) == sorted(await written(bot))


async def test_a_vendor_that_comes_back_is_noticed(hasty: Bot, boss: Chat) -> None:
    """By itself, without anybody's tap."""
    down = [{"route": "poshen:" + MAKE, "drop": True}, {**BLIND, "times": None}]
    await start(boss, "/code bulk group=7 n=4 prefix=SUMMER", down)

    async def troubled() -> bool:
        return bool(await hasty.pool.fetchval("SELECT count(*) FROM bulk_jobs WHERE troubles >= 2"))

    await until(troubled)
    hasty.sandbox.clear_faults()
    await until(lambda: over(hasty))

    assert (await newest(hasty))[1] == Counts(done=4)
    assert len(at_vendor(hasty.sandbox)) == 4


async def test_a_pause_that_the_vendor_asks_for_is_kept(bot: Bot, boss: Chat) -> None:
    """429 with a minute's rest: nobody hurries it, and its row is as if nothing had been asked."""
    await boss.say("/code bulk group=7 n=4 prefix=SUMMER")
    bot.sandbox.fault("poshen:" + MAKE, status=429, headers={"Retry-After": "60"})
    await boss.tap("Start")

    job, counts = await newest(bot)
    assert counts == Counts(pending=4)
    assert job.next_at is not None
    assert timedelta(seconds=50) < job.next_at - bot.clock() <= timedelta(seconds=60)


async def test_a_waiting_job_can_be_stopped_at_once(bot: Bot, boss: Chat) -> None:
    """Nobody waits for a vendor in order to stop."""
    await boss.say("/code bulk group=7 n=4 prefix=SUMMER")
    bot.sandbox.fault("poshen:" + MAKE, status=429, headers={"Retry-After": "60"})
    await boss.tap("Start")
    job, _ = await newest(bot)
    await boss.order(f"/job stop {job.ref}")

    assert (await newest(bot))[0].state == "stopped"


async def test_refused_credentials_stop_it(bot: Bot, owner: Chat) -> None:
    """No later try would go better; it says what to do, and goes on from there once that is done."""
    await owner.say("/code bulk group=7 n=12 prefix=SUMMER")
    bot.sandbox.fault("poshen", status=401)
    await owner.tap("Start")

    job, counts = await newest(bot)
    assert (job.state, counts) == ("stopped", Counts(pending=12))
    assert len(asked_for(bot.sandbox)) <= minting.AT_ONCE
    assert owner.said(
        "%(job)s stopped at %(done)s/%(total)s: Poshen no longer accepts our credentials. Renew POSHEN_TOKEN, then "
        "resume.",
        job=job.ref,
        done=0,
        total=12,
    )
    bot.sandbox.clear_faults()
    await owner.tap("Resume")
    assert (await newest(bot))[1] == Counts(done=12)


async def test_a_definite_no_stops_it(bot: Bot, boss: Chat) -> None:
    """The codes are all alike, so one no is a no to all; the reason is told."""
    await boss.say("/code bulk group=77 n=12 prefix=SUMMER")
    await boss.tap("Start")

    job, counts = await newest(bot)
    assert (job.state, counts) == ("stopped", Counts(pending=12))
    assert f"{job.ref} stopped at 0/12. Poshen: 422: redemption_code_group_id" in boss.text


async def test_a_code_that_stands_elsewhere_fails_alone(bot: Bot, owner: Chat) -> None:
    """Somebody moved it while its outcome was unknown: it is told, and the others are made."""
    await owner.say("/code bulk group=7 n=8 prefix=SUMMER")
    bot.sandbox.fault("poshen", status=401)
    await owner.tap("Start")
    code = (await written(bot))[3]
    bot.sandbox.clear_faults()
    bot.sandbox.poshen.put_code(code, group=8)
    await owner.tap("Resume")

    job, counts = await newest(bot)
    assert counts == Counts(done=7, failed=1)
    assert owner.said("%(job)s is done: %(done)s/%(total)s, %(failed)s failed.", job=job.ref, done=7, total=8, failed=1)
    bot.sandbox.poshen.remove_code(code)
    await owner.tap("Resume")
    assert (await newest(bot))[1] == Counts(done=8)


async def test_without_poshen_a_job_waits(bot: Bot, boss: Chat) -> None:
    """Its entry in the queue stays; it is no failure."""
    await boss.say("/code bulk group=7 n=3 prefix=SUMMER")
    apis = bot.turns.apis
    bot.having(apis=replace(apis, poshen=None))
    await boss.tap("Start")

    assert (await newest(bot))[0].state == "running"
    assert await bot.pool.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'bulk'") == 1


async def test_two_workers_do_not_work_at_the_same_job(bot: Bot, boss: Chat) -> None:
    """The second is told when to look again; a lease that nobody renews is free."""
    await boss.say("/code bulk group=7 n=3 prefix=SUMMER")
    bot.sandbox.fault("poshen", status=401)
    await boss.tap("Start")
    job, _ = await newest(bot)
    async with bot.pool.acquire() as connection:
        await bulk.resume(connection, job.id)
    lasting = timedelta(seconds=0.2)

    assert await bulk.lease(bot.pool, job.id, "one", lasting)
    assert await bulk.lease(bot.pool, job.id, "two", lasting) is None
    wait = await bulk.free_in(bot.pool, job.id)
    assert wait is not None and timedelta(0) < wait <= lasting
    assert await bulk.next_code(bot.pool, job.id, "two", []) is None
    await until(lambda: bulk.lease(bot.pool, job.id, "two", lasting))
    assert await bulk.next_code(bot.pool, job.id, "one", []) is None, "it was taken for dead"
    assert not await bulk.renew(bot.pool, job.id, "one", lasting)


# ── deleting a wrong batch ───────────────────────────────────────────────────────────────────────

GONE = "%(job)s: %(deleted)s codes deleted; %(kept)s stay, used or changed since."


async def batch(chat: Chat, n: int = 12) -> Job:
    """A job that is done."""
    await chat.say(f"/code bulk group=7 n={n} prefix=SUMMER rewards=5")
    await chat.tap("Start")
    return (await newest(chat.bot))[0]


async def unmake(chat: Chat, job: Job) -> None:
    """Ask for it, and type what has to be typed."""
    await chat.say(f"/job delete {job.ref}")
    await chat.order(job.ref.lower())


async def test_a_wrong_batch_is_deleted_after_its_number_was_typed(bot: Bot, owner: Chat) -> None:
    """The preview says how many and deletes none; the end is told."""
    job = await batch(owner)
    others = len(bot.sandbox.poshen.codes) - 12
    await owner.say(f"/job show {job.ref}")
    await owner.tap("Delete codes")
    assert "SUMMER-XXXX-XXXX" in owner.text and "12" in owner.text
    assert owner.said("This can't be undone. Type %(word)s within 2 minutes; then a button does it.", word=job.ref)
    assert len(at_vendor(bot.sandbox)) == 12
    await owner.order(job.ref)

    assert owner.said("The unused codes of %(job)s are being deleted. You are told when it is done.", job=job.ref)
    assert owner.said(GONE, job=job.ref, deleted=12, kept=0)
    assert at_vendor(bot.sandbox) == [] and len(bot.sandbox.poshen.codes) == others
    ended, counts = await newest(bot)
    assert (ended.state, counts) == ("done", Counts(deleted=12))
    await owner.say(f"/job show {job.ref}")
    assert owner.said("deleted %(deleted)s, kept %(kept)s, left %(left)s", deleted=12, kept=0, left=0)
    assert owner._("Resume") not in owner.buttons and owner._("CSV") not in owner.buttons
    await owner.say(f"/job delete {job.ref}")
    assert owner.said("Nothing is left of %(job)s.", job=job.ref)


async def test_another_word_deletes_nothing(bot: Bot, boss: Chat) -> None:
    """Nor does a tap: there is no button for it."""
    job = await batch(boss, 3)
    await boss.say(f"/job delete {job.ref}")
    assert set(boss.buttons) == {"Cancel"}
    await boss.say("J-999")

    assert len(at_vendor(bot.sandbox)) == 3


async def test_what_was_used_claimed_or_changed_stays(bot: Bot, boss: Chat) -> None:
    """Used in the game, claimed in this chat, moved to another group: each is somebody's."""
    job = await batch(boss, 8)
    codes = sorted((code for code in bot.sandbox.poshen.codes.values() if code.code in at_vendor(bot.sandbox)), key=str)
    used, claimed, moved = codes[:3]
    used.current_uses = 1
    guest = bot.chat("line", language="en")
    await guest.say(claimed.code)
    claimed.current_uses = 0  # Poshen may not know of a claim here.
    moved.group = 5
    await unmake(boss, job)

    assert boss.said(GONE, job=job.ref, deleted=5, kept=3)
    left = {code.code for code in bot.sandbox.poshen.codes.values()} & set(await written(bot))
    assert left == {used.code, claimed.code, moved.code}
    assert await bot.pool.fetchval("SELECT count(*) FROM claims") == 1
    assert {made.code for made in await bulk.all_made(bot.pool, job.id)} == left, "the file has those that exist"


async def test_a_code_that_is_gone_already_is_deleted(bot: Bot, boss: Chat) -> None:
    """Also between the look and the call."""
    job = await batch(boss, 4)
    first = next(code.id for code in bot.sandbox.poshen.codes.values() if code.code in at_vendor(bot.sandbox))
    del bot.sandbox.poshen.codes[first]
    bot.sandbox.fault("poshen:DELETE /redemption-codes", status=404, times=1)
    await unmake(boss, job)

    assert boss.said(GONE, job=job.ref, deleted=4, kept=0)


async def test_deleting_waits_for_a_vendor_that_is_down(hasty: Bot, boss: Chat) -> None:
    """An answer that never came is no trouble: what is gone is gone."""
    job = await batch(boss, 6)
    hasty.sandbox.fault("poshen:DELETE /redemption-codes", status=504, times=2, after=True)
    hasty.sandbox.fault("poshen:DELETE /redemption-codes", status=503, times=2)
    await unmake(boss, job)

    assert at_vendor(hasty.sandbox) == []
    assert boss.said(GONE, job=job.ref, deleted=6, kept=0)


async def test_a_refused_token_stops_deleting_and_resume_goes_on(bot: Bot, boss: Chat) -> None:
    """Nothing is made again by it."""
    job = await batch(boss, 5)
    bot.sandbox.fault("poshen:DELETE /redemption-codes", status=401)
    await unmake(boss, job)
    stopped = (
        "%(job)s: %(deleted)s codes deleted, %(left)s are left: Poshen no longer accepts our credentials. Renew "
        "POSHEN_TOKEN, then resume."
    )
    assert boss.said(stopped, job=job.ref, deleted=0, left=5)
    bot.mend()
    made = len(asked_for(bot.sandbox))
    await boss.tap("Resume")

    assert boss.said(GONE, job=job.ref, deleted=5, kept=0)
    assert len(asked_for(bot.sandbox)) == made


async def test_codes_that_were_never_asked_for_are_not_made_by_deleting(hasty: Bot, boss: Chat) -> None:
    """A job that was stopped half-way: what it made goes, the rest stays unmade."""
    hasty.sandbox.fault("poshen:" + MAKE, status=422, times=1)
    job = await batch(boss, 5)
    await unmake(boss, job)

    assert at_vendor(hasty.sandbox) == []
    _, counts = await newest(hasty)
    assert counts.done == counts.unknown == 0


async def test_one_job_at_a_time_whatever_it_does(bot: Bot, boss: Chat) -> None:
    """Making and deleting never race."""
    job = await batch(boss, 3)
    await bot.pool.execute("UPDATE bulk_jobs SET slot = 1, state = 'running', next_at = now() + interval '1 hour'")
    await boss.say(f"/job delete {job.ref}")

    assert boss.said("Job %(job)s is still under way, and there is one at a time.", job=job.ref)


async def test_the_others_in_charge_hear_of_a_deletion(
    bot: Bot, boss: Chat, hire: Hire, channel: str, language: str
) -> None:
    """With a way to stop it; whoever does it is told the end."""
    manager = await hire("manager")
    job = await batch(boss, 3)
    manager.look()
    await unmake(boss, job)
    manager.look()

    name = (await newest(bot))[0].deleter
    assert manager.said("%(name)s is deleting the unused codes of %(job)s.", name=name, job=job.ref)
    assert manager._("Stop") in manager.buttons
    assert not manager.said(GONE, job=job.ref, deleted=3, kept=0)


# ── kill -9 ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def machine(database: str, tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Giftdesk]:
    """A worker process on a database of its own."""
    url = await migrated_database(database, "bulk")
    settings = {"DATABASE_URL": url, "SECRET_KEY": "0" * 64, "BULK_PER_SECOND": "1000"}
    worker = Giftdesk(tmp_path, sandbox, settings, role="worker", forks=True)
    yield worker
    if worker.process is not None:
        worker.process.kill()
        worker.process.wait()


async def test_a_killed_worker_costs_no_code_and_makes_none_twice(machine: Giftdesk) -> None:
    """§11 script 12: kill -9 at 120 of 300; the next worker makes what is left, each code once."""
    sandbox = machine.sandbox
    # The 120th call and the one beside it take effect and are never answered: what is on its way has been made.
    sandbox.fault("poshen:" + MAKE, delay_ms=1, times=119)
    sandbox.fault("poshen:" + MAKE, hang=True, after=True)
    async with Desk.open(machine.settings["DATABASE_URL"], sandbox) as desk:
        operator = Operator(desk.turns, "en")
        await operator.run("/code bulk group=7 n=300 prefix=SUMMER rewards=5")
        await operator.confirm("")
        machine.start()
        await until(lambda: len(at_vendor(sandbox)) == 121)
        assert machine.process is not None
        machine.process.kill()
        machine.process.wait()
        (job,) = await bulk.newest(desk.pool, 1)
        assert await bulk.counts(desk.pool, job.id) == Counts(pending=179, unknown=2, done=119)
        sandbox.clear_faults()

        machine.start()
        await until(lambda: over(desk))

        assert await bulk.counts(desk.pool, job.id) == Counts(done=300)
        made = at_vendor(sandbox)
        assert len(made) == len(set(made)) == 300
        assert sorted(made) == sorted(await written(desk))
        assert len(asked_for(sandbox)) == len(set(asked_for(sandbox))) == 300, "none was asked for twice"


async def test_a_worker_killed_while_it_deletes_leaves_none_and_takes_no_other(machine: Giftdesk) -> None:
    """The next one goes on where it was."""
    sandbox = machine.sandbox
    async with Desk.open(machine.settings["DATABASE_URL"], sandbox) as desk:
        operator = Operator(desk.turns, "en")
        await operator.run("/code bulk group=7 n=100 prefix=SUMMER rewards=5")
        await operator.confirm("")
        machine.start()
        await until(lambda: over(desk))
        others = len(sandbox.poshen.codes) - 100
        sandbox.fault("poshen:DELETE /redemption-codes", delay_ms=1, times=40)
        sandbox.fault("poshen:DELETE /redemption-codes", hang=True, after=True)
        (job,) = await bulk.newest(desk.pool, 1)
        await operator.run(f"/job delete {job.ref}")
        await operator.confirm(job.ref)
        await until(lambda: len(at_vendor(sandbox)) <= 59)
        assert machine.process is not None
        machine.process.kill()
        machine.process.wait()
        sandbox.clear_faults()

        machine.start()
        await until(lambda: over(desk))

        assert await bulk.counts(desk.pool, job.id) == Counts(deleted=100)
        assert at_vendor(sandbox) == [] and len(sandbox.poshen.codes) == others


async def test_the_command_line_watches_a_job_to_its_end(machine: Giftdesk) -> None:
    """A bar until it is done, status 0; then the codes as a file."""
    machine.start()
    status, said = await forked(
        "admin", "/code bulk group=7 n=30 prefix=SUMMER", "--yes", "--lang", "en", env=machine.env
    )
    assert status == 0, said
    assert "30/30" in said
    made = at_vendor(machine.sandbox)
    assert len(made) == 30

    file = io.BytesIO()
    settings, url = desk_settings(machine.settings["DATABASE_URL"], machine.sandbox), machine.settings["DATABASE_URL"]
    await asyncio.to_thread(save_codes, settings, url, "j-1", file)

    assert {row["code"] for row in csv.DictReader(file.getvalue().decode("utf-8-sig").splitlines())} == set(made)
    (entry,) = await machine.rows("SELECT action, actor, ref, after FROM audit WHERE action = 'codes'")
    assert tuple(entry) == ("codes", "operator", "J-1", "a file of 30 codes")
    for wrong in ("J-2", "twelve"):
        with pytest.raises(ConfigurationError):
            await asyncio.to_thread(save_codes, settings, url, wrong, io.BytesIO())


# ── the file ─────────────────────────────────────────────────────────────────────────────────────


async def exported(bot: Bot, chat: Chat, how: str = "") -> str:
    """The path of a fresh link to a job of three codes. how: what is typed behind the command."""
    bot.desk(public_url=PUBLIC)
    if not await bulk.newest(bot.pool, 1):
        await chat.say("/code bulk group=7 n=3 prefix=SUMMER")
        await chat.tap("Start")
    job, _ = await newest(bot)
    await chat.order(f"/job export {job.ref}{how}")
    (address,) = set(re.findall(re.escape(PUBLIC) + r"(/exports/[\w.-]+)", str([item.message for item in chat.shown])))
    return str(address)


async def test_a_file_of_a_running_job_says_how_many_are_missing(bot: Bot, owner: Chat) -> None:
    """In the chat and on the page; of a job that was stopped, that they were not made."""
    await exported(bot, owner)
    job, _counts = await newest(bot)
    await bot.pool.execute(
        "UPDATE bulk_codes SET state = 'pending', made_at = NULL WHERE id = (SELECT max(id) FROM bulk_codes)"
    )
    for state, one, several in (
        (
            "running",
            "%(n)s of %(total)s is still missing: the job is under way. Get the file again when it is done.",
            "%(n)s of %(total)s are still missing: the job is under way. Get the file again when it is done.",
        ),
        (
            "stopped",
            "%(n)s of %(total)s is missing: it was not made.",
            "%(n)s of %(total)s are missing: they were not made.",
        ),
    ):
        await bot.pool.execute("UPDATE bulk_jobs SET state = $1 WHERE id = $2", state, job.id)

        path = await exported(bot, owner)

        said = owner._.ngettext(one, several, 1, total=3)
        assert said in owner.text
        assert said in html.unescape(bot.web.get(path).text)


def rows(answer: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))


async def test_a_link_gives_the_codes_once(bot: Bot, owner: Chat) -> None:
    """A page first, because chat apps open links by themselves; its button gives the file, one time."""
    path = await exported(bot, owner)
    job, _ = await newest(bot)
    assert owner._.ngettext("%(n)s code of %(job)s", "%(n)s codes of %(job)s", 3, job=job.ref) in owner.text
    assert not SHAPE.search(owner.text), "never codes in a chat"
    for _ in range(2):
        page = bot.web.get(path)
        assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
        assert owner._("Download CSV") in page.text
        assert not SHAPE.search(page.text)

    answer = bot.web.post(path)

    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{job.ref}.csv"'
    assert answer.get_data().startswith("﻿".encode())
    header, *codes = rows(answer)
    assert header == ["code", "group", "group name", "Poshen id", "made at"]
    assert [code[0] for code in codes] == await written(bot)
    assert {tuple(code[1:3]) for code in codes} == {("7", "Summer Campaign")}
    again = bot.web.post(path)
    assert again.status_code == 410
    assert (
        owner._("This link was used or has expired. In the chat, /job export %(job)s makes a new one.", job=job.ref)
        in again.text
    )
    assert bot.web.get(path).status_code == 410


async def test_a_link_is_good_for_a_quarter_of_an_hour(bot: Bot, boss: Chat) -> None:
    """Not longer, also when nobody used it."""
    path = await exported(bot, boss)
    bot.ahead(minutes=14.9)
    assert bot.web.get(path).status_code == 200
    bot.ahead(minutes=0.2)

    assert bot.web.get(path).status_code == 410
    assert bot.web.post(path).status_code == 410
    assert await bot.pool.fetchval("SELECT count(*) FROM exports WHERE used_at IS NOT NULL") == 0


@pytest.mark.parametrize(
    "wrong",
    ["{id}.AAAAAAAAAAAAAAAAAAAAAAAA", "{id}", "{id}.", "{next}.{mac}", "٣.{mac}", "x.{mac}", "{mac}", "1e9.{mac}"],
)
async def test_a_forged_link_is_nothing(bot: Bot, boss: Chat, wrong: str) -> None:
    """Neither the number nor the signature can be made up."""
    path = await exported(bot, boss)
    number, mac = path.removeprefix("/exports/").split(".")
    forged = wrong.format(id=number, next=int(number) + 1, mac=mac)

    assert bot.web.get(f"/exports/{forged}").status_code == 404
    assert bot.web.post(f"/exports/{forged}").status_code == 404
    assert bot.web.post(path).status_code == 200, "the right one still works"


async def test_each_link_is_for_itself(bot: Bot, boss: Chat) -> None:
    """A second one does not end the first."""
    first, second = await exported(bot, boss), await exported(bot, boss)

    assert first != second
    assert bot.web.post(first).status_code == bot.web.post(second).status_code == 200


async def test_making_a_link_is_in_the_trail(bot: Bot, boss: Chat) -> None:
    """Who, which job, how many; not the link."""
    path = await exported(bot, boss)
    entry = tuple(await bot.pool.fetchrow("SELECT line, ref, after, result FROM audit ORDER BY n DESC LIMIT 1"))
    job, _ = await newest(bot)

    assert entry == (f"/job export {job.ref}", job.ref, "a link to 3 codes", "done")
    assert path.split(".")[1] not in str(await bot.pool.fetch("SELECT * FROM audit"))


async def test_without_an_address_the_command_line_is_offered(bot: Bot, owner: Chat) -> None:
    """PUBLIC_URL is not set: no link that leads nowhere."""
    await exported(bot, owner)
    bot.desk(public_url="")
    job, _ = await newest(bot)
    await owner.order(f"/job export {job.ref}")

    assert owner.said(
        "There is no address for a link: PUBLIC_URL is not set. On the server, `giftdesk codes %(job)s` writes the "
        "same file.",
        job=job.ref,
    )


@pytest.mark.parametrize("address", ["http://desk.example", "desk.example", "ftp://desk.example"])
def test_an_address_that_is_not_safe_stops_the_start(address: str) -> None:
    """Codes do not travel in the clear."""
    with pytest.raises(ConfigurationError, match="PUBLIC_URL"):
        load_settings(public_url=address)


async def test_a_file_may_hold_each_codes_own_link(bot: Bot, boss: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column for each channel whose account is set, off by default; Meta's is signed, and offers the code."""
    accounts = {"line_basic_id": "@persimmondays", "messenger_page": "persimmondays"}
    for name, value in accounts.items():
        monkeypatch.setitem(bot.settings.__dict__, name, value)
    plain = rows(bot.web.post(await exported(bot, boss)))
    head, first, *_ = rows(bot.web.post(await exported(bot, boss, " --links")))

    assert len(plain[0]) == 5 and head[5:] == ["LINE link", "Messenger link"]
    assert first[5] == f"https://line.me/R/oaMessage/%40persimmondays/?{first[0]}"
    assert code_refs.read(bot.settings.secret, first[6].partition("?ref=")[2]) == first[0]


async def test_a_job_without_codes_has_no_file(bot: Bot, owner: Chat) -> None:
    """Codes that do not exist yet must not be handed out."""
    await owner.say("/code bulk group=7 n=3 prefix=SUMMER")
    bot.sandbox.fault("poshen", status=401)
    await owner.tap("Start")
    job, _ = await newest(bot)
    await owner.order(f"/job export {job.ref}")

    assert owner.said("There are no codes of %(job)s.", job=job.ref)


async def test_a_file_holds_only_codes_that_exist(bot: Bot, boss: Chat) -> None:
    """Of a job that was stopped."""
    path = await exported(bot, boss)
    await bot.pool.execute("UPDATE bulk_codes SET state = 'unknown' WHERE id = (SELECT max(id) FROM bulk_codes)")

    assert len(rows(bot.web.post(path))) == 1 + 2


@pytest.mark.parametrize("name", ["=cmd|'/c calc'!A1", "+1", "-1", "@SUM(A1)", "\tx", "\r=x"])
def test_no_cell_is_a_formula(name: str) -> None:
    """§10 row 17: what begins like one is text; a comma or a quote stays inside its cell."""
    made = export_files.Made("A-1", 7, name, 1, MOMENT, 12)
    (_, cells) = list(csv.reader(io.StringIO(export_files.file([made], TAIPEI).decode("utf-8-sig"), newline="")))

    assert cells[2] == f"'{name}"


def test_what_is_in_a_file() -> None:
    """Times are the brand's, cells are quoted where they must be."""
    made = export_files.Made("A-1", 7, '新春, "大" 活動', 1001, MOMENT, 12)

    assert export_files.file([made], TAIPEI).decode() == (
        '﻿code,group,group name,Poshen id,made at\r\nA-1,7,"新春, ""大"" 活動",1001,2026-11-20 14:30\r\n'
    )


def test_a_page_runs_nothing() -> None:
    """Whatever its words are."""
    words = dict.fromkeys(("lang", "title", "text", "button", "gone"), "<script>alert(1)</script>")

    for gone in (False, True):
        assert "<script>" not in export_files.page(words, colour="#0F766E", gone=gone)

"""The owners' digest: what staff did by hand the day before, once, and to nobody else."""

from __future__ import annotations

import asyncio
from datetime import datetime, time, timedelta

import pytest
from chat import Bot, Chat

from admin.conftest import Hire
from admin.counter import arrive, ref_of
from bot.services.digest import LINES, digest
from bot.storage import rewards
from bot.storage.counts import Deeds
from bot.storage.rewards import Grant
from sandbox.people import demo_id

HIGHLANDS = "gift=422 price=1899"


async def morning(bot: Bot, *, days: int = 1, at: time = time(9, 17)) -> datetime:
    """What the worker does every hour, here once, at that time of a day to come."""
    zone = bot.settings.zone
    here = bot.clock().astimezone(zone)
    now = datetime.combine(here.date() + timedelta(days=days), at, zone)
    await bot.turns.services.digest.send(bot.pool, now)
    await bot.quiet()
    return now


async def confirmed(member: Chat, line: str, label: str) -> None:
    await member.say(line)
    await member.tap(label)


async def told(bot: Bot) -> list[str]:
    """Who was sent one."""
    rows = await bot.pool.fetch("SELECT recipient FROM pushes WHERE key LIKE 'alert:digest:%' ORDER BY recipient")
    return [row["recipient"] for row in rows]


async def test_owners_read_what_each_member_did(bot: Bot, owner: Chat, hire: Hire) -> None:
    """One line each, in their language, with a way to look closer."""
    amy, bob = await hire("manager", "amy"), await hire("staff", "bob")
    customer = await arrive(bot, amy.channel, "en")
    await rewards.put(bot.pool, 1, Grant(points=150))  # which go with the claim, and are none taken by hand
    ref = await ref_of(customer)
    await confirmed(amy, f"/issue {ref} {HIGHLANDS} qty=2 reason=sorry", "Issue it")
    await confirmed(amy, f"/points {ref} +50 reason=sorry", "Change it")
    await confirmed(amy, f"/points {ref} -20 reason=sorry", "Change it")
    await confirmed(amy, "/code create DIGEST-7K3M group=5", "Create")
    await confirmed(amy, "/code bulk group=7 n=4 prefix=SUMMER", "Start")
    await customer.say("WELCOME2026")
    receipt = await bot.pool.fetchval("SELECT ref FROM claims")
    await confirmed(amy, f"/code undo {receipt}", "Undo it")
    await bob.order("/link new 0912345678")
    await owner.say("/whoami")  # With their first command we know which language an owner reads.
    for chat in (owner, amy, bob, customer):
        chat.look()
    day = bot.clock()
    await morning(bot)

    _ = owner._
    deeds = [
        _.ngettext("%(n)s voucher, %(value)s", "%(n)s vouchers, %(value)s", 2, value="₫200,000"),
        _.ngettext("+%(n)s point", "+%(n)s points", 50),
        _.ngettext("−%(n)s point", "−%(n)s points", 20),
        _.ngettext("%(n)s code made", "%(n)s codes made", 5),
        _.ngettext("%(n)s claim taken back", "%(n)s claims taken back", 1),
    ]
    link = _.ngettext("%(n)s link code", "%(n)s link codes", 1)
    title = _("What staff did by hand on %(date)s:", date=_.date(day))
    owner.look()
    assert len(owner.shown) == 1
    assert f"{title}\namy: {' · '.join(deeds)}\nbob: {link}" in owner.text
    for chat in (amy, bob, customer):
        assert chat.look() == []
    await owner.tap("Show")
    assert "/link new •••" in owner.text


async def test_it_comes_once_whoever_sends_it(bot: Bot, boss: Chat, hire: Hire) -> None:
    """Every worker, every hour, after every restart; and again the next day only if that had deeds."""
    await (await hire("staff", "bob")).order("/link new 0912345678")
    before = await told(bot)
    await asyncio.gather(*(morning(bot) for _ in range(4)))
    first = await told(bot)
    await morning(bot, at=time(15, 17))
    await morning(bot, days=2)

    assert before == []
    assert len(first) == len(set(first)) > 0
    assert await told(bot) == first


async def test_it_waits_for_the_morning(bot: Bot, boss: Chat, hire: Hire) -> None:
    """Midnight of the brand's zone ends the day; nobody is woken by it."""
    await (await hire("staff", "bob")).order("/link new 0912345678")
    await morning(bot, at=time(0, 17))
    await morning(bot, at=time(8, 59))

    assert await told(bot) == []
    await morning(bot, at=time(9, 0))
    assert await told(bot) != []


async def test_what_is_of_today_is_told_tomorrow(bot: Bot, boss: Chat, hire: Hire) -> None:
    """A day has its own deeds only."""
    await (await hire("staff", "bob")).order("/link new 0912345678")
    await morning(bot, days=0, at=time(23, 59))

    assert await told(bot) == []


async def test_only_owners_read_it(bot: Bot, hire: Hire) -> None:
    """Not the managers, whom other alerts reach."""
    manager, second = await hire("manager"), await hire("owner")
    await manager.order("/link new 0912345678")
    await morning(bot)

    owners = {second.user, *(demo_id(channel, "staff") for channel in ("line", "messenger"))}
    assert set(await told(bot)) == owners


async def test_looking_is_no_deed(bot: Bot, boss: Chat, hire: Hire) -> None:
    """Nor what was cancelled, or failed."""
    amy = await hire("manager", "amy")
    customer = await arrive(bot, amy.channel, "en")
    ref = await ref_of(customer)
    await amy.say(f"/points {ref}")
    await confirmed(amy, f"/points {ref} +50 reason=sorry", "Cancel")
    bot.sandbox.fault("gotit:POST /api/rewardhub/v1.0/gifts/issue", status=422)
    await confirmed(amy, f"/issue {ref} {HIGHLANDS} reason=sorry", "Issue it")
    await morning(bot)

    assert await told(bot) == []


async def test_who_was_removed_is_still_named(bot: Bot, boss: Chat, hire: Hire) -> None:
    """By the name that the trail knows."""
    await (await hire("staff", "bob")).order("/link new 0912345678")
    await confirmed(boss, "/admins remove bob", "Remove")
    boss.look()
    await morning(bot)
    boss.look()

    assert f"bob: {boss._.ngettext('%(n)s link code', '%(n)s link codes', 1)}" in boss.text


@pytest.mark.parametrize("tag", ["en", "zh_Hant_TW"])
def test_many_members_make_one_message(bot: Bot, tag: str) -> None:
    """Messenger's texts end at 2,000 characters, and LINE counts what is pushed."""
    _ = bot.turns.languages[tag]
    busy = [
        Deeds(f"manager-{n:02d}", 100, 100_000_000, 9_999, 9_999, 2_000, 20, 99, 99, 100, 30) for n in range(LINES + 30)
    ]
    text = digest(_, bot.clock(), busy)

    assert len(text) < 2_000
    assert text.endswith(_.ngettext("And %(n)s more: see /audit.", "And %(n)s more: see /audit.", 30))

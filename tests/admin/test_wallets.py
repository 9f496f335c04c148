"""A customer's wallet, as staff may see it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from chat import Bot, Chat
from conversations.proving import PHONE, link

from admin.conftest import Hire
from admin.counter import arrive, give, ref_of, trail
from sandbox import Sandbox
from sandbox.people import demo_id


@pytest.fixture
async def yu(bot: Bot, channel: str, language: str) -> Chat:
    """A regular customer with gifts of every kind, 150 points, and gift cards of a proven phone."""
    chat = await arrive(bot, channel, language, demo_id(channel, "yu"))
    await give(chat, 150)
    await link(chat)
    return chat


async def test_a_wallet_is_shown_over_all_vendors(hire: Hire, yu: Chat) -> None:
    """Counts, points and masked cards, as they are now."""
    member = await hire("staff")
    await member.say(f"/gifts {await ref_of(yu)}")

    assert member.said("%(left)s, and %(expired)s expired", left="2", expired="1")  # physical gifts
    assert "150" in member.text
    assert member.said("linked at the counter on %(date)s", date=member._.date(yu.bot.clock()))
    assert member.said("%(usable)s of %(all)s can be used", usable="2", all="4")
    assert "••••0017" in member.text


async def test_collected_points_are_shown_where_they_are_on(bot: Bot, hire: Hire, yu: Chat, sandbox: Sandbox) -> None:
    """Beside ours; off asks nobody, and what MantaGo does not tell is left out."""
    member = await hire("staff")
    who = await ref_of(yu)
    await member.say(f"/gifts {who}")
    assert not member.said("Collected points") and not sandbox.calls("mantago", "POST /openapi/client/point")

    bot.desk(shows_collected=True)
    sandbox.mantago.put_points(yu.channel, yu.user, 4321)
    await member.say(f"/gifts {who}")
    assert member.said("Collected points") and member._.number(4321) in member.text and "150" in member.text
    sandbox.mantago.put_points(yu.channel, yu.user, None)
    await member.say(f"/gifts {who}")
    assert not member.said("Collected points")
    sandbox.fault("mantago", status=503)
    await member.say(f"/gifts {who}")
    trouble = member._("%(vendor)s cannot be reached right now. Nothing was changed.", vendor="MantaGo")
    assert member.text.count(trouble) == 1


async def test_nothing_in_it_tells_who_they_are_or_what_their_cards_are(bot: Bot, hire: Hire, yu: Chat) -> None:
    """No phone, masked or not, no card's number, no platform's id; and looking is in the trail."""
    member = await hire("staff")
    await member.say(f"/gifts {await ref_of(yu)}")

    for secret in (PHONE, "•••-678", "00420017", yu.user):
        assert secret not in member.text
    (entry,) = await trail(bot, "gifts")
    assert entry["customer"] == await ref_of(yu)


async def test_a_vendor_in_trouble_costs_only_its_own_part(bot: Bot, hire: Hire, yu: Chat, sandbox: Sandbox) -> None:
    """And which one it is, is said."""
    member = await hire("staff")
    sandbox.fault("mantago", status=503)
    await member.say(f"/gifts {await ref_of(yu)}")

    assert member.said("%(vendor)s cannot be reached right now. Nothing was changed.", vendor="MantaGo")
    assert "150" in member.text
    assert "••••0017" in member.text

    bot.mend()
    bot.turns.services.giftcards.forget()
    sandbox.fault("altegio", status=503)
    await member.say("/gifts last")
    assert member.said("%(vendor)s cannot be reached right now. Nothing was changed.", vendor="Altegio")
    assert member.said("%(left)s, and %(expired)s expired", left="2", expired="1")


async def test_looking_changes_nothing_for_the_customer(bot: Bot, hire: Hire, yu: Chat) -> None:
    """Their list stays the one they looked at, and their link is not kept alive by staff."""
    member = await hire("staff")
    before = await bot.pool.fetchrow("SELECT used_at, (SELECT count(*) FROM wallets) AS lists FROM links")
    bot.ahead(days=3)
    await member.say(f"/gifts {await ref_of(yu)}")

    assert await bot.pool.fetchrow("SELECT used_at, (SELECT count(*) FROM wallets) AS lists FROM links") == before


async def test_a_lapsed_link_is_not_looked_up(bot: Bot, hire: Hire, yu: Chat, sandbox: Sandbox) -> None:
    """The number may be somebody else's by now."""
    bot.ahead(days=366)
    member = await hire("staff")
    await member.say(f"/gifts {await ref_of(yu)}")

    assert member.said("lapsed, unused for a year")
    assert sandbox.calls("altegio") == []


async def test_nobody_has_no_wallet(hire: Hire) -> None:
    """A number that was misread, or somebody who had their data deleted."""
    member = await hire("staff")
    await member.say("/gifts C-0000ZZ")

    assert member.said("There is no customer %(customer)s.", customer="C-0000ZZ")


async def test_a_link_of_the_last_day_counts(bot: Bot, hire: Hire, yu: Chat, sandbox: Sandbox) -> None:
    """The other side of the year."""
    bot.ahead(days=364)
    member = await hire("staff")
    assert timedelta(days=365) > bot.clock.ahead
    await member.say(f"/gifts {await ref_of(yu)}")

    assert len(sandbox.calls("altegio")) == 2  # one for each shop

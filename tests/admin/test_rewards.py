"""Rewards from the chat: their numbers at Poshen, and what each brings here."""

from __future__ import annotations

from dataclasses import replace

import pytest
from chat import Bot, Chat

from bot.storage import rewards
from bot.storage.rewards import Grant


async def test_rewards_are_listed_with_what_they_bring(bot: Bot, owner: Chat) -> None:
    """By their numbers, page by page; each opens."""
    await rewards.put(bot.pool, 2, Grant(points=500))
    await owner.say("/rewards")

    assert owner._.ngettext("%(n)s reward", "%(n)s rewards", 13) in owner.text
    assert owner._.ngettext("%(n)s point", "%(n)s points", 500) in owner.text
    assert owner.said("its card alone")
    assert "#9 稱號" not in owner.text
    await owner.tap("Next page")
    assert "#9 稱號「老饕」" in owner.text
    await owner.tap("#9")
    assert owner.said(
        "Reward #%(reward)s %(name)s brings: %(grant)s.",
        reward=9,
        name="稱號「老饕」",
        grant=owner._("its card alone"),
    )


@pytest.mark.parametrize(
    ("wanted", "found"), [("GOLD_1000", ["#2"]), ("金幣", ["#1", "#2"]), ("gold", ["#1", "#2", "#5", "#10"])]
)
async def test_rewards_are_searched_by_name_code_and_kind(boss: Chat, wanted: str, found: list[str]) -> None:
    """Capitals do not matter."""
    await boss.say(f"/rewards q={wanted}")

    assert [label for label in boss.buttons if label.startswith("#")] == found


@pytest.mark.parametrize("status", [403, 404])
async def test_a_token_that_may_not_read_them_still_shows_our_rules(bot: Bot, owner: Chat, status: int) -> None:
    """And says why there are no names."""
    await rewards.put(bot.pool, 2, Grant(points=500))
    bot.sandbox.fault("poshen:GET /rewards", status=status)
    await owner.say("/rewards")

    assert owner.said("Poshen does not list its rewards for our token, so only those with a rule of ours are shown.")
    assert "#2" in owner.buttons
    assert "金幣 1,000" not in owner.text


@pytest.mark.parametrize("line", ["/rewards", "/reward 2"])
async def test_a_token_that_is_refused_is_named(bot: Bot, owner: Chat, line: str) -> None:
    """It has no missing right: it has to be renewed (§9.5)."""
    await rewards.put(bot.pool, 2, Grant(points=500))
    bot.sandbox.fault("poshen", status=401)
    await owner.say(line)

    words = "%(vendor)s no longer accepts our credentials. Renew %(settings)s, then check with /status."
    assert owner.said(words, vendor="Poshen", settings="POSHEN_TOKEN")
    assert not owner.said(
        "Poshen does not list its rewards for our token, so only those with a rule of ours are shown."
    )


@pytest.mark.parametrize(
    ("rule", "grant"),
    [("points:150", Grant(points=150)), ("POINTS:20", Grant(points=20)), ("ｐｏｉｎｔｓ：150", Grant(points=150))],
)
async def test_a_rule_is_set_after_a_yes(bot: Bot, owner: Chat, rule: str, grant: Grant) -> None:
    """What it brings now, and then; it counts from the next claim on."""
    await owner.say(f"/reward 1 {rule}")
    assert await rewards.listed(bot.pool) == {}
    assert owner.said("its card alone")
    await owner.tap("Change it")

    assert await rewards.listed(bot.pool) == {1: grant}
    guest = bot.chat("line", language="en")
    await guest.say("WELCOME2026")
    assert await bot.pool.fetchval("SELECT available FROM accounts") == grant.points


async def test_a_rule_is_set_for_a_reward_that_poshen_does_not_list(bot: Bot, owner: Chat) -> None:
    """404: there is no list at all."""
    bot.sandbox.fault("poshen:GET /rewards", status=404)
    await owner.say("/reward 1 points:150")
    await owner.tap("Change it")

    assert await rewards.listed(bot.pool) == {1: Grant(points=150)}


async def test_a_voucher_is_looked_up_and_named(bot: Bot, owner: Chat) -> None:
    """A wrong number is noticed by staff, not by a customer."""
    await owner.say("/reward 6 voucher:812:2260")
    await owner.tap("Change it")

    stored = (await rewards.listed(bot.pool))[6]
    assert (stored.gift_id, stored.price_id) == (812, 2260)
    assert stored.offer is not None
    assert stored.offer["name"] in owner.text
    await owner.say("/reward 6 voucher:812:1")
    assert owner.said("Got It's catalogue has no such voucher: %(rule)s.", rule="voucher:812:1")


async def test_a_rule_is_removed(bot: Bot, owner: Chat) -> None:
    """By the button under it."""
    await rewards.put(bot.pool, 1, Grant(points=150))
    await owner.say("/reward 1")
    await owner.tap("Nothing")
    await owner.tap("Change it")

    assert await rewards.listed(bot.pool) == {}
    entry = await bot.pool.fetchrow("SELECT line, target, before, after FROM audit ORDER BY n DESC LIMIT 1")
    assert tuple(entry) == ("/reward 1 nothing", "reward #1", "150 points", "its card alone")


async def test_what_is_no_rule_is_explained(owner: Chat) -> None:
    """With all three kinds."""
    await owner.say("/reward 1 gold:5")

    assert owner.said(
        "“%(rule)s” is no rule. Write points:150, voucher:812:2260 (gift and price at Got It) or nothing.",
        rule="gold:5",
    )


async def test_a_reward_that_does_not_exist_gets_no_rule(owner: Chat) -> None:
    """As far as Poshen tells."""
    await owner.say("/reward 99 points:5")

    assert owner.said("Poshen has no reward %(numbers)s.", numbers="#99")


async def test_a_rule_that_was_changed_meanwhile_stays(bot: Bot, owner: Chat) -> None:
    """What was agreed to is not what is."""
    await owner.say("/reward 1 points:150")
    await rewards.put(bot.pool, 1, Grant(points=20))
    await owner.tap("Change it")

    assert owner.said("It was changed meanwhile. Nothing was done; please look again.")
    assert await rewards.listed(bot.pool) == {1: Grant(points=20)}


async def test_vouchers_need_got_it(bot: Bot, owner: Chat) -> None:
    """Switched off, there are none to give."""
    bot.having(apis=replace(bot.turns.apis, gotit=None))
    await owner.say("/reward 6 voucher:812:2260")

    assert owner.said("Got It's catalogue has no such voucher: %(rule)s.", rule="voucher:812:2260")

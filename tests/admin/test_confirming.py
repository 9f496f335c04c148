"""What changes something is asked about first; a yes is for one person, one chat, one wish, two minutes, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import pytest
from chat import Bot, Chat

from admin.conftest import Hire
from bot.conversation.context import Answer
from bot.conversation.messages import Reply, Text
from bot.conversation.router import Routes
from bot.errors import CredentialsRefused, OutcomeUnknown, UpstreamRefused, UpstreamUnavailable
from bot.staff.arguments import Arguments, Positional
from bot.staff.desk import StaffDesk
from bot.staff.routes import Preview, StaffContext, StaffRouter, StaffRoutes
from bot.storage import claims
from handlers import ROUTERS
from handlers.admin import STAFF_ROUTERS

ASKED = "/group policy 5 max=7"


async def limit(bot: Bot) -> int | None:
    return (await claims.policy_of(bot.pool, 5)).max_claims


async def test_nothing_changes_before_the_yes(bot: Bot, owner: Chat) -> None:
    """The preview says what is and what will be."""
    await owner.say(ASKED)

    assert await limit(bot) is None
    assert owner.said("no limit in all")
    assert owner._.ngettext("%(n)s in all", "%(n)s in all", 7) in owner.text


async def test_a_yes_does_it(bot: Bot, owner: Chat) -> None:
    """And says what came of it."""
    await owner.say(ASKED)
    await owner.tap("Change it")

    assert await limit(bot) == 7


async def test_a_no_does_not(bot: Bot, owner: Chat) -> None:
    """And the yes above it is worth nothing any more."""
    await owner.say(ASKED)
    yes = owner.data_of("Change it")
    await owner.tap("Cancel")
    assert owner.said("OK, cancelled. Nothing was changed.")

    await owner.do(owner.phone.taps(yes))

    assert await limit(bot) is None


async def test_a_yes_is_good_for_two_minutes(bot: Bot, owner: Chat) -> None:
    """Not longer."""
    await owner.say(ASKED)
    bot.ahead(minutes=2, seconds=1)

    await owner.tap("Change it")

    assert await limit(bot) is None


async def test_another_command_cancels(bot: Bot, owner: Chat) -> None:
    """Even one that only looks."""
    await owner.say(ASKED)
    yes = owner.data_of("Change it")
    await owner.say("/whoami")

    await owner.do(owner.phone.taps(yes))

    assert await limit(bot) is None
    assert owner.said("That confirmation is no longer valid. Nothing was changed; please type the command again.")


async def test_the_word_cancel_cancels(bot: Bot, owner: Chat) -> None:
    """Whoever types it instead of tapping means it: the tap comes too late then."""
    await owner.say("/group pause 5")
    tap = owner.phone.taps(owner.data_of("Pause"), "Pause")
    await owner.say("cancel")
    assert owner.said("OK, cancelled. Nothing was changed.")

    await owner.do(tap)

    assert owner.said("That confirmation is no longer valid. Nothing was changed; please type the command again.")
    assert await bot.pool.fetchval("SELECT count(*) FROM policies") == 0


async def test_another_word_cancels_too(bot: Bot, owner: Chat) -> None:
    """It leads somewhere else, and what was asked is over."""
    await owner.say("/group pause 5")
    tap = owner.phone.taps(owner.data_of("Pause"), "Pause")
    await owner.say("menu")
    assert owner.said("What would you like to do?")

    await owner.do(tap)

    assert await bot.pool.fetchval("SELECT count(*) FROM policies") == 0


async def test_a_mistyped_command_cancels_too(bot: Bot, owner: Chat) -> None:
    """Whoever goes on typing thinks of something else."""
    await owner.say(ASKED)
    yes = owner.data_of("Change it")
    await owner.say("/nonsense")

    await owner.do(owner.phone.taps(yes))

    assert await limit(bot) is None


async def test_a_yes_is_for_the_newest_wish(bot: Bot, owner: Chat) -> None:
    """The button of an older preview does not do the newer one."""
    await owner.say(ASKED)
    yes = owner.data_of("Change it")
    await owner.say("/group policy 5 max=900")

    await owner.do(owner.phone.taps(yes))

    assert await limit(bot) is None


async def test_a_second_tap_shows_the_same_result(bot: Bot, owner: Chat) -> None:
    """And does nothing more."""
    await owner.say(ASKED)
    yes = owner.data_of("Change it")
    result = owner._.ngettext("%(n)s in all", "%(n)s in all", 7)
    await owner.do(owner.phone.taps(yes))
    assert result in owner.text
    await bot.pool.execute("UPDATE policies SET max_claims = 8")

    await owner.do(owner.phone.taps(yes))

    assert result in owner.text
    assert await limit(bot) == 8


async def test_a_redelivered_tap_does_it_once(bot: Bot, owner: Chat) -> None:
    """The same webhook twice is one event."""
    await owner.say(ASKED)
    tap = owner.phone.taps(owner.data_of("Change it"))

    await owner.do(tap, tap)

    done = await bot.pool.fetchval("SELECT count(*) FROM audit WHERE action = 'group policy' AND result = 'done'")
    assert done == 1
    assert len(owner.shown) == 1


async def test_somebody_elses_yes_is_none(bot: Bot, owner: Chat, hire: Hire) -> None:
    """A forwarded button belongs to whom it was made for, however high the other one's rank."""
    await owner.say(ASKED)
    yes = owner.data_of("Change it")
    other = await hire("owner")

    await other.do(other.phone.taps(yes))

    assert await limit(bot) is None
    assert other.said("That button belongs to someone else.")


@pytest.mark.parametrize("change", [lambda data: data[:-3] + "abc", lambda data: data.replace("sure.", "sure.0", 1)])
async def test_a_forged_yes_is_none(bot: Bot, owner: Chat, change: Callable[[str], str]) -> None:
    """The signature covers all of it."""
    await owner.say(ASKED)

    await owner.do(owner.phone.taps(change(owner.data_of("Change it"))))

    assert await limit(bot) is None


async def test_what_changed_meanwhile_is_looked_at_again(bot: Bot, owner: Chat) -> None:
    """The preview would not be true any more."""
    await owner.say(ASKED)
    async with bot.pool.acquire() as connection:
        await claims.set_policy(connection, 5, claims.Policy(max_claims=3))

    await owner.tap("Change it")

    assert await limit(bot) == 3
    assert owner.said("It was changed meanwhile. Nothing was done; please look again.")


# ── typed, vendors' errors, a second person: with commands of the test's own ─────────────────


class Target(Arguments):
    code: Annotated[str, Positional("the code", example="WELCOME2026", audited="masked")]


@pytest.fixture
def done() -> list[str]:
    """What was carried out."""
    return []


@pytest.fixture
def raising() -> list[Exception]:
    """What the next performer trips over."""
    return []


@pytest.fixture
def test_commands(bot: Bot, done: list[str], raising: list[Exception]) -> None:
    """`/wipe` asks for the last four characters, `/spend` for a second person."""
    admin = StaffRouter("Test")

    @admin.command("wipe", Target, role="manager", about="wipe")
    async def preview_wipe(ctx: StaffContext, args: Target) -> Preview:
        return Preview((Text(f"wipe {args.code}"),), "Confirm", typed=args.code[-4:], seen={"uses": 3})

    @admin.performs("wipe")
    async def wipe(ctx: StaffContext, args: Target) -> Answer:
        assert ctx.confirmed is not None
        done.append(f"wiped {args.code} {ctx.confirmed.seen['uses']}")
        return Reply((Text("wiped"),))

    @admin.command("spend", Target, role="manager", about="spend")
    async def preview_spend(ctx: StaffContext, args: Target) -> Preview:
        return Preview((Text(f"spend {args.code}"),), "Confirm", two_person=True, seen={"price": 5})

    @admin.performs("spend")
    async def spend(ctx: StaffContext, args: Target) -> Answer:
        assert ctx.confirmed is not None
        if raising:
            raise raising[0]
        done.append(f"spent {args.code} {ctx.confirmed.seen['price']} {ctx.confirmed.key}")
        return Reply((Text("spent it"),))

    @admin.command("race", role="viewer", about="meet oneself")
    async def preview_race(ctx: StaffContext, _args: Arguments) -> Preview:
        return Preview((Text("race"),), "Confirm")

    @admin.performs("race")
    async def race(ctx: StaffContext, _args: Arguments) -> Answer:
        assert ctx.confirmed is not None
        done.append(ctx.confirmed.key)
        if len(done) == 1:  # Another worker changes the row meanwhile: this turn is undone and runs again.
            await bot.pool.execute("UPDATE customers SET version = version + 1")
        await ctx.work.begin()
        return Reply((Text("ran"),))

    @admin.command("ask", role="viewer", about="ask a vendor")
    async def ask(ctx: StaffContext, _args: Arguments) -> Answer:
        raise raising[0]

    desk = StaffDesk(StaffRoutes((*STAFF_ROUTERS, admin), bot.turns.languages.values()))
    routes = Routes((*ROUTERS, desk.router))
    bot.having(dispatcher=replace(bot.turns.dispatcher, staff=desk, routes=routes))


async def test_a_turn_that_runs_again_wishes_the_same(
    bot: Bot, owner: Chat, test_commands: None, done: list[str]
) -> None:
    """With the same key, so that nothing is done twice; the trail holds one line of it."""
    await owner.say("/race")

    await owner.tap("Confirm")

    assert len(done) == 2
    assert len(set(done)) == 1
    assert owner.text == "ran"
    assert await bot.pool.fetchval("SELECT count(*) FROM audit WHERE action = 'race' AND result = 'done'") == 1


async def test_the_last_characters_confirm(owner: Chat, test_commands: None, done: list[str]) -> None:
    """In any case and width; what the preview saw is handed on."""
    await owner.say("/wipe WELCOME-AB9D")
    assert "Confirm" not in owner.buttons

    await owner.say("ａb9d")
    assert done == []
    await owner.tap("Confirm")

    assert done == ["wiped WELCOME-AB9D 3"]


@pytest.mark.parametrize("typed", ["AB9", "yes", "AB9DX"])
async def test_anything_else_does_not(owner: Chat, test_commands: None, done: list[str], typed: str) -> None:
    """And then the right ones do not either: one try."""
    await owner.say("/wipe WELCOME-AB9D")
    await owner.say(typed)
    assert owner.said("That is not what was asked for. Nothing was changed.")

    await owner.say("AB9D")

    assert done == []


async def test_the_last_characters_come_too_late(bot: Bot, owner: Chat, test_commands: None, done: list[str]) -> None:
    """After two minutes nobody waits for them."""
    await owner.say("/wipe WELCOME-AB9D")
    bot.ahead(minutes=2, seconds=1)

    await owner.say("AB9D")

    assert done == []


async def test_a_second_person_agrees(owner: Chat, hire: Hire, test_commands: None, done: list[str]) -> None:
    """Then it is done once, exactly as it was confirmed, and who asked hears of it."""
    mia = await hire("manager", "mia")
    await owner.say("/whoami")
    await mia.say("/spend CODE1234")
    await mia.tap("Confirm")
    assert done == []

    owner.look()
    await owner.tap("Look at it")
    assert "spend CODE1234" in owner.text
    await owner.tap("Agree")

    assert [each.rsplit(" ", 1)[0] for each in done] == ["spent CODE1234 5"]
    assert "spent it" in owner.text
    mia.look()
    assert "/spend CODE" in mia.text


async def test_who_asked_hears_that_it_could_not_be_done(bot: Bot, owner: Chat, hire: Hire) -> None:
    """An agreement alone is no deed."""
    bot.desk(two_person_codes=2)
    mia = await hire("manager", "mia")
    await owner.say("/code bulk group=7 n=1 prefix=SUMMER")
    await mia.say("/code bulk group=7 n=2 prefix=SUMMER")
    await mia.tap("Start")
    ref = await bot.pool.fetchval("SELECT ref FROM approvals")
    bot.sandbox.fault("poshen", status=503)
    await owner.tap("Start")  # Another job is under way now.
    await owner.say(f"/approve {ref}")
    await owner.tap("Agree")

    mia.look()
    assert mia._("%(name)s agreed to %(ref)s, but it could not be done: %(line)s").split("%(ref)s")[1][:6] in mia.text


async def test_nobody_agrees_with_themselves(bot: Bot, hire: Hire, test_commands: None, done: list[str]) -> None:
    """Two persons are two persons."""
    mia = await hire("manager", "mia")
    await mia.say("/spend CODE1234")
    await mia.tap("Confirm")
    ref = await bot.pool.fetchval("SELECT ref FROM approvals")

    await mia.say(f"/approve {ref}")

    assert mia.said("You asked for it yourself; somebody else has to agree.")
    assert done == []


async def test_it_is_agreed_to_once(bot: Bot, owner: Chat, hire: Hire, test_commands: None, done: list[str]) -> None:
    """A third person comes too late."""
    mia, max_ = await hire("manager", "mia"), await hire("manager", "max")
    await mia.say("/spend CODE1234")
    await mia.tap("Confirm")
    ref = await bot.pool.fetchval("SELECT ref FROM approvals")
    await owner.say(f"/approve {ref}")
    await max_.say(f"/approve {ref}")
    await owner.tap("Agree")

    await max_.tap("Agree")

    assert len(done) == 1
    assert max_.said("Nothing waits under %(ref)s (any more).", ref=ref)


async def test_an_agreement_comes_too_late(
    bot: Bot, owner: Chat, hire: Hire, test_commands: None, done: list[str]
) -> None:
    """After an hour."""
    mia = await hire("manager", "mia")
    await mia.say("/spend CODE1234")
    await mia.tap("Confirm")
    ref = await bot.pool.fetchval("SELECT ref FROM approvals")
    bot.ahead(minutes=61)

    await owner.say(f"/approve {ref}")

    assert done == []
    assert owner.said("Nothing waits under %(ref)s (any more).", ref=ref)


async def test_who_lost_their_rights_asked_for_nothing(
    bot: Bot, owner: Chat, hire: Hire, test_commands: None, done: list[str]
) -> None:
    """What a removed manager left behind is not done."""
    mia = await hire("manager", "mia")
    await mia.say("/spend CODE1234")
    await mia.tap("Confirm")
    ref = await bot.pool.fetchval("SELECT ref FROM approvals")
    await owner.say(f"/approve {ref}")
    await bot.pool.execute("DELETE FROM staff WHERE name = 'mia'")

    await owner.tap("Agree")

    assert done == []
    assert await bot.pool.fetchval("SELECT approved_at FROM approvals") is None


async def test_a_vendors_trouble_does_not_use_an_agreement_up(
    bot: Bot, owner: Chat, hire: Hire, test_commands: None, done: list[str], raising: list[Exception]
) -> None:
    """It passes; then the second person agrees once more."""
    mia = await hire("manager", "mia")
    await mia.say("/spend CODE1234")
    await mia.tap("Confirm")
    ref = await bot.pool.fetchval("SELECT ref FROM approvals")
    raising.append(UpstreamUnavailable("gotit", "503"))
    await owner.say(f"/approve {ref}")
    await owner.tap("Agree")
    raising.clear()

    await owner.say(f"/approve {ref}")
    await owner.tap("Agree")

    assert len(done) == 1


async def test_the_last_characters_may_be_a_word_of_the_menu(owner: Chat, test_commands: None, done: list[str]) -> None:
    """Typed when they are asked for, they mean the code."""
    await owner.say("/wipe BIG-MENU")

    await owner.order("menu")

    assert done == ["wiped BIG-MENU 3"]


@pytest.mark.parametrize(
    ("error", "msgid", "values"),
    [
        (
            CredentialsRefused("poshen", "401", status=401),
            "%(vendor)s no longer accepts our credentials. Renew %(settings)s, then check with /status.",
            {"vendor": "Poshen", "settings": "POSHEN_TOKEN"},
        ),
        (
            UpstreamRefused("poshen", "rewards.0.reward_id — 不存在", status=422),
            "%(vendor)s replied: %(detail)s",
            {"vendor": "Poshen", "detail": "rewards.0.reward_id — 不存在"},
        ),
        (
            OutcomeUnknown("gotit", "cut"),
            "%(vendor)s did not answer, so it may or may not have happened. Look before you try again.",
            {"vendor": "Got It"},
        ),
        (
            UpstreamUnavailable("mantago", "503"),
            "%(vendor)s cannot be reached right now. Nothing was changed.",
            {"vendor": "MantaGo"},
        ),
    ],
)
async def test_a_vendors_no_is_told_in_clear_words(
    bot: Bot,
    owner: Chat,
    test_commands: None,
    raising: list[Exception],
    error: Exception,
    msgid: str,
    values: dict[str, str],
) -> None:
    """With the setting to renew where that helps; the trail knows it failed."""
    raising.append(error)

    await owner.say("/ask")

    assert owner.said(msgid, **values)
    result = await bot.pool.fetchval("SELECT result FROM audit ORDER BY n DESC LIMIT 1")
    assert result.startswith("failed: ")

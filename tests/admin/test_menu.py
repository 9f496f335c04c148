"""The menu by task: what each role sees, tiles with one question, and the menu below the chat on LINE."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from chat import Bot, Chat

from admin.conftest import Hire
from admin.counter import arrive, counting_visits, name_of, ref_of
from admin.test_outsiders import content, settled
from bot.channels.known import CHANNELS
from bot.channels.line.client import LineClient
from bot.channels.line.menu import LineMenus, RichMenu
from bot.cli.menus import contents
from bot.services.staffing import ROLES, Role
from bot.staff.arguments import Nothing
from bot.staff.routes import StaffRouter, StaffRoutes
from bot.staff.tiles import StaffTile
from bot.storage.customers import MENU_UNKNOWN
from handlers.admin import STAFF_ROUTERS
from handlers.admin.menu import admin as menu
from sandbox import Sandbox

TILES = {tile.name: tile for tile in menu.tiles}
ALL = [name for name, tile in TILES.items() if not tile.only]
FEWER = {"viewer": ["today", "state", "commands"], "counter": ["find", "hand", "link", "visit", "commands"]}


@pytest.fixture(params=["line", "messenger", "instagram"])
def channel(request: pytest.FixtureRequest) -> str:
    """The menu has to work wherever staff write."""
    return str(request.param)


def shown(chat: Chat) -> list[str]:
    """The tiles on screen."""
    return [tile.name for tile in menu.tiles if any(chat._(tile.label) in label for label in chat.buttons)]


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_sees_its_tasks_and_no_others(bot: Bot, hire: Hire, role: Role) -> None:
    """A viewer may look at numbers, the counter serves and looks at none; the others have all but what is its alone."""
    counting_visits(bot)
    member = await hire(role)

    await member.say("/")

    assert shown(member) == FEWER.get(role, ALL)
    assert member.said("Commands can be typed as well: /help lists them.")


async def test_what_the_shop_has_not_is_no_task(bot: Bot, hire: Hire) -> None:
    """No tile leads to a vendor that is switched off."""
    bot.desk(shows_vouchers=False, shows_cards=False, redeems=False, shows_gifts=False)
    for role, left in (("staff", ["find", "today", "state", "commands"]), ("counter", ["find", "commands"])):
        member = await hire(role)

        await member.say("/")

        assert shown(member) == left


@pytest.mark.parametrize("name", TILES)
async def test_each_tile_is_one_tap_or_one_question(bot: Bot, hire: Hire, name: str) -> None:
    """The tap runs its command, or asks in plain words and shows the way out."""
    counting_visits(bot)
    tile = TILES[name]
    member = await hire(tile.only or "owner")
    await member.say("/")

    await member.tap(tile.label)

    if not tile.question:
        assert await bot.pool.fetchval("SELECT count(*) FROM audit WHERE action = $1", tile.command) or (
            name == "commands" and member.said("Codes in bulk")
        )
    else:
        assert member.said(tile.question)
        await member.tap("Cancel")
        assert shown(member) == FEWER.get(tile.only, ALL)
        await member.say("C-000000")
        assert not member.said("There is no customer %(customer)s.", customer="C-000000")


@pytest.mark.parametrize("by", ["number", "receipt", "code"])
async def test_a_customer_is_found_by_what_they_have(bot: Bot, hire: Hire, by: str) -> None:
    """Their number, a receipt, or a code that they redeemed, as they read it out."""
    customer = await arrive(bot, "line", "en")
    await customer.say("WELCOME2026")
    ref = await ref_of(customer)
    receipt = await bot.pool.fetchval("SELECT ref FROM claims")
    member = await hire("staff")
    await member.say("/")
    await member.tap("Find customer")

    await member.say({"number": ref.lower().replace("-", " "), "receipt": receipt, "code": "welcome 2026"}[by])

    assert ref in member.text
    assert member.said("Points") or member.said("First visit")
    line = await bot.pool.fetchval("SELECT line FROM audit WHERE action = 'who'")
    assert "2026" not in line
    assert not await bot.pool.fetchval("SELECT count(*) FROM claims WHERE ref <> $1", receipt)


async def test_several_who_redeemed_a_code_are_listed(bot: Bot, hire: Hire) -> None:
    """By their numbers, to be tapped."""
    refs = []
    for _ in range(2):
        customer = await arrive(bot, "line", "en")
        await customer.say("WELCOME2026")
        refs.append(await ref_of(customer))
    member = await hire("staff")

    await member.say("/who WELCOME2026")

    assert all(ref in member.buttons for ref in refs)
    assert "WELCOME2026" not in member.text


@pytest.mark.parametrize("typed", ["0912345678", "0912 345 678", "A123456789", f"U{'0a' * 16}", "2026"])
async def test_what_identifies_a_person_is_no_code(bot: Bot, hire: Hire, sandbox: Sandbox, typed: str) -> None:
    """A phone, an identity number or a platform's id reaches no vendor; a bare number is nobody else's code."""
    customer = await arrive(bot, "line", "en")
    await customer.say("WELCOME2026")
    member = await hire("staff")
    await member.say("/")
    await member.tap("Find customer")
    sandbox.journal.clear()

    await member.say(typed)

    assert not member.said("First visit")
    asked = [call.path for call in sandbox.calls("poshen")]
    assert [path for path in asked if path.endswith("/2026")] == []
    assert typed == "2026" or asked == []


async def test_staff_do_not_redeem_what_they_look_up(bot: Bot, hire: Hire) -> None:
    """The question is answered once; a customer's next code in the same chat is asked about, not claimed."""
    member = await hire("staff")
    await member.say("/")
    await member.tap("Find customer")
    await member.say("NOSUCH2026")
    await member.say("WELCOME2026")
    await member.say("WELCOME2026")

    assert member.said("Redeem %(code)s now?", code="WELCOME2026")
    assert not await bot.pool.fetchval("SELECT count(*) FROM claims")

    await member.tap("Redeem it")
    assert await bot.pool.fetchval("SELECT count(*) FROM claims") == 1


async def test_what_is_not_found_may_be_sent_again_once(hire: Hire) -> None:
    """A slip of the tongue costs no second tap; after two, the menu is where it begins."""
    member = await hire("staff")
    await member.say("/")
    await member.tap("Find customer")
    for typed in ("C-000000", "C-111111"):
        await member.say(typed)
        assert member.said("There is no customer %(customer)s.", customer=typed)

    await member.say("C-222222")

    assert not member.said("There is no customer %(customer)s.", customer="C-222222")


@pytest.mark.parametrize("words", ["cancel", "no", "/whoami", "stats", "menu"])
async def test_the_question_is_left_by_anything_else(bot: Bot, hire: Hire, words: str) -> None:
    """A no, a word for something else, another command with and without its slash."""
    member = await hire("staff")
    await member.say("/")
    await member.tap("Link a phone")
    await member.say(
        {"cancel": "取消", "no": "不用", "menu": "選單"}.get(words, words) if member.tag != "en" else words
    )

    await member.say("0912345678")

    assert await bot.pool.fetchval("SELECT count(*) FROM link_codes") == 0


async def test_a_late_answer_is_none(bot: Bot, hire: Hire) -> None:
    """Five minutes later nobody remembers what was asked."""
    member = await hire("staff")
    await member.say("/")
    await member.tap("Link a phone")
    bot.ahead(minutes=6)

    await member.say("0912345678")

    assert await bot.pool.fetchval("SELECT count(*) FROM link_codes") == 0


async def test_an_answer_that_arrives_twice_acts_once(bot: Bot, hire: Hire) -> None:
    """The platform delivers it again: one code, one line in the trail, without the phone."""
    member = await hire("staff")
    await member.say("/")
    await member.tap("Link a phone")
    said = member.phone.says("0912 345 678")

    await member.do(said, said)
    tap = member.phone.taps(member.data_of("Make a code"))
    await member.do(tap, tap)

    assert member.said("Link code")
    assert await bot.pool.fetchval("SELECT count(*) FROM link_codes") == 1
    rows = await bot.pool.fetch("SELECT line, result FROM audit WHERE action = 'link new' ORDER BY n")
    assert [(row["line"], row["result"]) for row in rows] == [("/link new •••", "asked"), ("/link new •••", "done")]


async def test_a_voucher_is_given_with_taps(bot: Bot, hire: Hire) -> None:
    """Whom, which, why: then the preview, as if it had been typed."""
    customer = await arrive(bot, "line", "en")
    ref = await ref_of(customer)
    member = await hire("manager")
    await member.say("/")
    await member.tap("Give a voucher")
    await member.say(ref)
    assert member.said("For %(customer)s", customer=ref)
    offer = next(label for label in member.buttons if ":" in label)
    await member.tap(offer)

    await member.tap("goodwill")

    assert member.said("Reason")
    await member.tap("Issue it")
    assert await bot.pool.fetchval("SELECT count(*) FROM issues WHERE recipient = $1", ref) == 1


# ── outsiders ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", TILES)
async def test_a_forged_tap_is_answered_like_nonsense(bot: Bot, channel: str, language: str, name: str) -> None:
    """Buttons of a rich menu belong to nobody, so anybody can send them: byte for byte like one that is none."""
    curious = await settled(bot.chat(channel, language=language))
    somebody = await settled(bot.chat(channel, language=language))

    for _ in range(2):
        await curious.do(curious.phone.taps(f"go.{TILES[name].tap}"))
        await somebody.do(somebody.phone.taps("go.§§§"))

        assert content(curious.shown) == content(somebody.shown) != []
    assert await bot.pool.fetchval("SELECT count(*) FROM audit") == 0


async def test_who_was_removed_taps_and_answers_as_a_customer(hire: Hire) -> None:
    """Their open question is one no more, and neither are their tiles."""
    owner, member = await hire("owner"), await hire("staff", "amy")
    await member.say("/")
    await member.tap("Find customer")
    await owner.say("/admins remove amy")
    await owner.tap("Remove")

    await member.say("C-000000")
    assert not member.said("There is no customer %(customer)s.", customer="C-000000")
    await member.do(member.phone.taps("go.staff-find"))
    assert member.said("My gifts")


def test_a_tile_without_its_command_stops_the_start() -> None:
    """The menu shows what there is."""
    router = StaffRouter("Desk")
    router.tiles = (StaffTile("x", "x", "x", "no such", "/no such"),)

    with pytest.raises(Exception, match="which is no command"):
        StaffRoutes((*STAFF_ROUTERS, router), ())
    assert Nothing().specs == ()


# ── below the chat on LINE ───────────────────────────────────────────────────────────────────────


Install = Callable[[], Awaitable[None]]


@pytest.fixture
async def install(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Install]:
    """Installs all menus as `giftdesk menus` does, with pictures that take no time to draw."""
    monkeypatch.setattr(RichMenu, "picture", lambda _menu: b"png")
    line = bot.turns.outbound["line"]
    assert isinstance(line, LineClient)

    async def run() -> None:
        wanted = contents(bot.settings, next(each for each in CHANNELS if each.name == "line"))
        steps, _foreign = await LineMenus(line).steps(wanted, remove=False)
        for _text, change in steps:
            await change()
        await line.menus.learn()

    yield run
    await asyncio.gather(*bot.turns.aside)
    bot.sandbox.reset()
    await line.menus.learn()


def has(chat: Chat) -> str:
    """The menu that somebody was given, by its alias; "" when theirs is everybody's."""
    line = chat.bot.sandbox.line
    aliases = {menu: alias.removeprefix("giftdesk-") for alias, menu in line.rich_menu_aliases.items()}
    return aliases[line.rich_menu_of[chat.user]] if chat.user in line.rich_menu_of else ""


async def beside(bot: Bot) -> None:
    """Wait for what runs beside the answers."""
    await asyncio.gather(*bot.turns.aside)


async def test_staff_have_a_menu_of_their_own(bot: Bot, boss: Chat, install: Install) -> None:
    """From joining on; another role or language brings another one, and removal the customers'."""
    await install()
    await boss.order("/admins invite viewer")
    await beside(bot)
    assert has(boss) == "en-staff"
    line = next(text for text in boss.texts if text.startswith("/join "))
    member = bot.chat("line", language="en")
    await member.say(f"{line} amy")
    await beside(bot)
    assert has(member) == "en-viewer"

    await boss.say("/admins role amy manager")
    await boss.tap("Change it")
    await beside(bot)
    assert has(member) == "en-staff"

    await member.say("/lang zh")
    await beside(bot)
    assert has(member) == "zh_hant_tw-staff"

    await boss.say(f"/admins remove {await name_of(member)}")
    await boss.tap("Remove")
    await beside(bot)
    assert has(member) == ""


async def test_a_crash_before_a_menu_was_taken_away_is_made_good(bot: Bot, boss: Chat, install: Install) -> None:
    """LINE hangs, the worker dies: their next message brings the customers' menu. And nobody waits for it."""
    await install()
    await boss.order("/admins invite staff")
    line = next(text for text in boss.texts if text.startswith("/join "))
    member = bot.chat("line", language="en")
    await member.say(f"{line} amy")
    await beside(bot)
    bot.sandbox.fault(f"line:POST /v2/bot/user/{member.user}", hang=True)

    await boss.order("/admins remove amy")
    assert boss.said("%(name)s is no longer staff.", name="amy")
    marked = "SELECT state ->> 'menu' FROM customers WHERE split_part(person, ':', 3) = $1"
    deadline = asyncio.get_running_loop().time() + 60
    while await bot.pool.fetchval(marked, member.user) != MENU_UNKNOWN:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
    for task in bot.turns.aside:
        task.cancel()
    await asyncio.gather(*bot.turns.aside, return_exceptions=True)
    assert has(member) == "en-staff"
    bot.sandbox.clear_faults()
    await member.say("menu")
    await beside(bot)

    assert has(member) == "en"


async def test_an_outsider_is_never_given_a_staff_menu(bot: Bot, install: Install) -> None:
    """Neither by words nor by a tap."""
    await install()
    chat = bot.chat("line", language="en")
    for tap in ("/", "/join 0000-0000"):
        await chat.say(tap)
    await chat.do(chat.phone.taps("go.staff-find"))
    await beside(bot)

    assert has(chat) == "en"

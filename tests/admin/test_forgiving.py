"""What staff type nearly right: understood, or answered with exactly the right line; free text stays as it is typed."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from chat import Bot, Chat
from hypothesis import given
from hypothesis import strategies as st

from admin.conftest import Hire, speaking
from admin.counter import account, arrive, give, name_of, ref_of
from bot.i18n import load_translators
from bot.staff.arguments import example
from bot.staff.lines import cleaned, split
from bot.staff.reading import Problem, Understood, Unknown, forgive
from bot.staff.routes import StaffRoutes
from handlers.admin import STAFF_ROUTERS

ROUTES = StaffRoutes(STAFF_ROUTERS, load_translators(ZoneInfo("Asia/Taipei")).values())


def lines(typed: str) -> list[str] | Problem | None:
    """The lines that what is typed can mean, the way the desk reads it."""
    tokens = split(cleaned(typed))
    found = ROUTES.find(tokens)
    if not isinstance(found, Unknown):
        read = forgive(found[0].name, found[0].arguments, found[1])
        if isinstance(read, list):
            return [each.line for each in read]
    meant = ROUTES.meant(tokens)
    return [each.line for _, each in meant] if isinstance(meant, list) else meant


# ── references ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("/ref R–AQA94N", "/ref R-AQA94N"),
        ("/ref R-AQA94N.", "/ref R-AQA94N"),
        ("/ref RAQA94N", "/ref R-AQA94N"),
        ("/ref ｒ－ａｑａ９４ｎ", "/ref R-AQA94N"),
        ("/ref R - AQA94N", "/ref R-AQA94N"),
        ("/ref R —AQA94N", "/ref R-AQA94N"),
        ("/ref R-AQA9\u200b4N 👍", "/ref R-AQA94N"),
        ("/who C–8F3 K2M", "/who C-8F3K2M"),
        ("/gifts c8f3k2m。", "/gifts C-8F3K2M"),
        ("/gifts LAST.", "/gifts last"),
        ("/points C-OLIO23 +50 reason=late", "/points C-011023 +50 reason=late"),
        ("/issue show R–AQA94N", "/issue show R-AQA94N"),
        ("/issue resolve raqa94n ok reason=sure", "/issue resolve R-AQA94N ok reason=sure"),
        ("/code undo R_AQA94N", "/code undo R-AQA94N"),
        ("/approve a–7f3k9m!", "/approve A-7F3K9M"),
        ("/job J – 12", "/job show J-12"),
        ("/job stop j12。", "/job stop J-12"),
        ("/job stop #12", "/job stop J-12"),
        ("/unblock C - 8F3K2M", "/unblock C-8F3K2M"),
        ("/audit customer=c–8f3k2m", "/audit customer=C-8F3K2M"),
    ],
)
def test_a_reference_is_understood_in_every_command(typed: str, meant: str) -> None:
    """With any dash or none, in any width, with what stands around it."""
    assert lines(typed) == [meant]


async def test_a_receipt_that_is_typed_loosely_is_found(bot: Bot, owner: Chat, chat: Chat) -> None:
    """Whole chain: staff read it from a picture."""
    await chat.say("WELCOME2026")
    ref = await bot.pool.fetchval("SELECT ref FROM claims")
    body = ref.removeprefix("R-")
    for typed in (f"R–{body}", f"{ref}.", f"r{body.lower()}", f"R - {body} 👍", body.join(["Ｒ－", "！"])):
        await owner.say(f"/ref {typed}")
        assert ref in owner.text
        assert not owner.said("There is no receipt %(ref)s.", ref=typed)


async def test_a_member_whose_name_reads_like_a_reference_is_still_found(bot: Bot, owner: Chat, hire: Hire) -> None:
    """`rebecca` could be R-EBECCA, if there were such a receipt."""
    member = await hire("staff", "rebecca")
    await owner.say("/who rebecca")

    assert await name_of(member) == "rebecca"
    assert await ref_of(member) in owner.text


# ── decoration ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "typed",
    [
        "/status 👍",
        "👉/status",
        "👉 /status",
        "/👉 status",
        "/status👍🏻",
        "/status ❤️",
        "/status!",
        "/status。",
        "/status :)",
        "📊／狀態",
        "→ /status",
        "「/status",
        "/status 謝謝",
        "/status please",
    ],
)
async def test_decoration_around_a_command_is_ignored(boss: Chat, typed: str) -> None:
    """In front of the slash and behind the last word."""
    await boss.say(typed)

    assert boss.said("Queue")


@pytest.mark.parametrize("typed", [":/", "👉", "hm :/ ok", "👉 a/b"])
async def test_not_every_slash_is_a_command(boss: Chat, typed: str) -> None:
    """A smiley, and a slash in a sentence."""
    await boss.say(typed)

    assert boss.said("I didn't catch that. Try:") or not boss.said("What you can do here")
    assert not boss.said("There's no %(typed)s.", typed="/b")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("/maint on 👉back at 15:00 🙏", '/maint on "👉back at 15:00 🙏"'),
        ('/block last 24h reason="spam 👎!"', '/block last 24h reason="spam 👎!"'),
        ("/points last +50 太慢了 🙏!!", '/points last +50 reason="太慢了 🙏!!"'),
        ("/points last 👍 +50 reason=x1", "/points last +50 reason=x1"),
        ("/points last −50 late", "/points last -50 reason=late"),
        ("/group show 5️⃣", "/group show 5"),
        ("/stats 7d👍", "/stats 7d"),
        ("/group show 5。", "/group show 5"),
        ("/code show SUMMER2026🎁", "/code show SUMMER2026"),
        ('/code show "SUMMER2026🎁"', "/code show SUMMER2026🎁"),
        ("/group policy 5 per=1👍 max=500.", "/group policy 5 per=1 max=500"),
        ("/code list q=🎁", "/code list q=🎁"),
    ],
)
def test_free_text_stays_as_it_is_typed(typed: str, meant: str) -> None:
    """Decoration goes only where it can mean nothing."""
    assert lines(typed) == [meant]


# ── orders, and words that are left out ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("/pause 5", "/group pause 5"),
        ("/暫停 5", "/group pause 5"),
        ("/group 5 pause", "/group pause 5"),
        ("/群組 5 暫停", "/group pause 5"),
        ("/pause group 5", "/group pause 5"),
        ("/5 pause", "/group pause 5"),
        ("/group 5", "/group show 5"),
        ("/group5", "/group show 5"),
        ("/5 group", "/group show 5"),
        ("/code WELCOME2026", "/code show WELCOME2026"),
        ("/stop J-12", "/job stop J-12"),
        ("/job 12 stop", "/job stop J-12"),
        ("/delete J-12", "/job delete J-12"),
        ("/delete WELCOME2026", "/code delete WELCOME2026"),
        ("/undo RAQA94N", "/code undo R-AQA94N"),
        ("/C-8F3K2M", "/who C-8F3K2M"),
        ("/R–AQA94N.", "/ref R-AQA94N"),
        ("/C-8F3K2M points +50 thanks", "/points C-8F3K2M +50 reason=thanks"),
        ("/issue R-AQA94N", "/issue show R-AQA94N"),
        ("/invite staff", "/admins invite staff"),
        ("/admins role manager amy", "/admins role amy manager"),
        ("/reward points:150 1", "/reward 1 points:150"),
        ("/stats7d", "/stats 7d"),
    ],
)
def test_a_line_in_another_order_means_the_same(typed: str, meant: str) -> None:
    """The verb as the noun, the number before the verb, the noun alone, the reference alone."""
    assert lines(typed) == [meant]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("/points last +50 補償", "/points last +50 reason=補償"),
        ("/points C-8F3K2M +50 thanks", "/points C-8F3K2M +50 reason=thanks"),
        ("/points +50 C-8F3K2M thanks a lot", '/points C-8F3K2M +50 reason="thanks a lot"'),
        ("/points last + 50 late", "/points last +50 reason=late"),
        ("/points last +50點 reason=late", "/points last +50 reason=late"),
        ("/block C-8F3K2M 24h spam", "/block C-8F3K2M 24h reason=spam"),
        ("/block C-8F3K2M 24 hours spam bot", '/block C-8F3K2M 24h reason="spam bot"'),
        ("/block C-8F3K2M 3天 廣告", "/block C-8F3K2M 3d reason=廣告"),
        ("/block 24h last spam", "/block last 24h reason=spam"),
        ("/issue last 422:1899 late delivery", '/issue last gift=422 price=1899 reason="late delivery"'),
        ("/issue last 422 1899 late", "/issue last gift=422 price=1899 reason=late"),
        ("/issue resolve ok R-AQA94N Got It says so", '/issue resolve R-AQA94N ok reason="Got It says so"'),
        ("/code move WELCOME2026 6", "/code move WELCOME2026 to=6"),
        ("/code bulk 5 300 SUMMER dry", "/code bulk group=5 n=300 prefix=SUMMER --dry"),
        ("/code undo R-AQA94N anyway", "/code undo R-AQA94N --anyway"),
        ("/catalog coffee 500", "/catalog q=coffee max=500"),
        ("/rewards gold", "/rewards q=gold"),
        ("/codes SUM", "/code list q=SUM"),
        ("/stats campaign", "/stats by=campaign"),
        ("/guard raise 2h", "/guard raise for=2h"),
        ("/audit 7d", "/audit since=7d"),
        ("/groups 2", "/group list page=2"),
    ],
)
def test_a_name_may_be_left_out(typed: str, meant: str) -> None:
    """Where only one argument can be meant; a sentence is the reason."""
    assert lines(typed) == [meant]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("/resume 5", {"/group resume 5", "/job resume J-5"}),
        ("/group policy 5 500", {"/group policy 5 per=500", "/group policy 5 max=500"}),
        ("/audit amy", {"/audit who=amy", "/audit action=amy"}),
        ("/codes 5", {"/code list group=5", "/code list game=5"}),
        ("/show 5", {"/code show 5", "/group show 5", "/job show J-5"}),
    ],
)
async def test_what_may_mean_several_things_is_asked(boss: Chat, typed: str, offered: set[str]) -> None:
    """Each is a button with exactly its line."""
    await boss.say(typed)

    assert boss.said("Which of these do you mean?")
    assert offered <= set(boss.texts[0].splitlines())


async def test_a_second_word_of_a_code_is_not_taken_for_a_group(bot: Bot, boss: Chat) -> None:
    """It is asked, since codes are often read out with blanks."""
    await boss.say("/code create SUMMER 2099")

    assert boss.said("Did you mean %(line)s?", line="/code create SUMMER group=2099")
    assert "Create" not in boss.buttons


@pytest.mark.parametrize("typed", ["/points last 50 補償", "/last points 50 補償"])
async def test_a_bare_number_of_points_is_asked_with_everything_else(bot: Bot, owner: Chat, typed: str) -> None:
    """The line behind the button keeps the reason; nothing changes before the preview is confirmed."""
    guest = await arrive(bot, "line", "en")
    await owner.say(f"/who {await ref_of(guest)}")
    await owner.say(typed)
    assert owner.said("Say how many points to give or to take, with a sign: +50 or -50.")

    await owner.tap("+50")
    assert "補償" in owner.text
    assert await account(guest) == (0, 0)
    await owner.tap("Change it")
    assert await account(guest) == (50, 0)


async def test_what_was_understood_is_said_and_still_asked_about(bot: Bot, owner: Chat) -> None:
    """The right line teaches; a preview is never skipped."""
    await owner.say("/pause 5")

    assert owner.said("Read as %(line)s", line="/group pause 5")
    assert await bot.pool.fetchval("SELECT count(*) FROM policies") == 0
    await owner.tap("Pause")
    assert await bot.pool.fetchval("SELECT paused FROM policies WHERE group_id = 5")


@pytest.mark.parametrize(
    ("typed", "line"),
    [("/raise 2h", "/guard raise for=2h"), ("/guard 2h raise", "/guard raise for=2h"), ("/off", "/maint off")],
)
async def test_a_guess_does_nothing_by_itself(bot: Bot, boss: Chat, typed: str, line: str) -> None:
    """Its preview says how it was read."""
    await boss.say(typed)

    assert boss.said("Read as %(line)s", line=line)
    assert boss.data_of("Cancel")
    assert await bot.pool.fetchval("SELECT count(*) FROM guard") == 0


async def test_a_verb_alone_says_what_it_lacks(boss: Chat) -> None:
    """With an example."""
    await boss.say("/pause")

    assert boss.said("Example: %(example)s", example="/group pause 5") or "/group pause 5" in boss.text


async def test_who_may_not_is_refused_however_it_is_typed(hire: Hire) -> None:
    """Rights are those of the command that was meant."""
    member = await hire("staff")
    await member.say("/pause 5")

    assert (
        member._(
            "This command needs %(needed)s, and you are %(role)s.", needed=member._("manager"), role=member._("staff")
        ).rstrip("。.")
        in member.text
    )


@pytest.mark.parametrize(
    "typed", ["/pause the 5 now", "/gruop show 5", "/whoami now", "/block Amy 24h spam", "/maint Now"]
)
def test_a_guess_that_leaves_something_over_is_none(typed: str) -> None:
    """Then what is wrong is said, as ever."""
    assert not isinstance(lines(typed), list)


@given(
    st.lists(
        st.sampled_from(
            [
                *ROUTES.nouns,
                "show",
                "pause",
                "5",
                "+50",
                "last",
                "C-8F3K2M",
                "24h",
                "spam",
                "reason=x",
                "--dry",
                "👍",
                "R",
                "-",
            ]
        ),
        max_size=9,
    )
)
def test_no_line_makes_it_fail_and_what_it_means_reads_back(words: list[str]) -> None:
    """Every line that is offered is exactly right."""
    tokens = split(" ".join(words))
    found = ROUTES.find(tokens) if tokens else Unknown("/")
    meant = ROUTES.meant(tokens)
    for _, each in meant if isinstance(meant, list) else ():
        assert isinstance(each, Understood)
        assert lines(each.line) == [each.line]
    if not isinstance(found, Unknown):
        forgive(found[0].name, found[0].arguments, found[1])


# ── without a slash ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "typed", ["status", "Status 👍", "狀態", "stats 7d", "groups", "group 5", "group show 5", "audit"]
)
async def test_what_only_reads_is_run_without_its_slash(bot: Bot, boss: Chat, typed: str) -> None:
    """When the whole message is a command."""
    await boss.say(typed)

    assert not boss.said("I didn't catch that. Try:")
    assert await bot.pool.fetchval("SELECT count(*) FROM audit WHERE result = 'done'") == 1


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("group pause 5", "/group pause 5"),
        ("group 5 pause", "/group pause 5"),
        ("code create SUMMER2099 group=5", "/code create SUMMER2099 group=5"),
        ("guard raise", "/guard raise"),
        ("block last 24h spam", "/block last 24h reason=spam"),
        ("unblock C-8F3K2M", "/unblock C-8F3K2M"),
        ("maint off", "/maint off"),
    ],
)
async def test_what_changes_something_is_offered_with_its_slash(bot: Bot, boss: Chat, typed: str, line: str) -> None:
    """Exactly the line, to be tapped; nothing is done or written down before."""
    await boss.say(typed)

    assert boss.said("Did you mean %(line)s?", line=line)
    assert await bot.pool.fetchval("SELECT count(*) FROM audit") == 0
    await boss.tap(line if len(line) <= 20 else f"{line[:19]}…")
    assert await bot.pool.fetchval("SELECT count(*) FROM audit") == 1


@pytest.mark.parametrize("typed", ["gifts", "points", "menu", "help", "redeem", "我的點數"])
async def test_customers_words_stay_theirs(bot: Bot, boss: Chat, typed: str) -> None:
    """A member of staff is a customer, too."""
    guest = await speaking(bot.chat("line", language="en"))
    await boss.say(typed)
    await guest.say(typed)

    assert boss.texts[0] == guest.texts[0]
    assert await bot.pool.fetchval("SELECT count(*) FROM audit") == 0


@pytest.mark.parametrize(
    "typed",
    [
        "who knows",
        "status is bad today",
        "block him",
        "staff meeting",
        "rewards are great",
        "log in please",
        "ref hello",
        "reward me",
        "code of conduct",
        "help me",
    ],
)
async def test_a_sentence_is_no_command(bot: Bot, boss: Chat, typed: str) -> None:
    """Although it begins like one."""
    await boss.say(typed)

    assert await bot.pool.fetchval("SELECT count(*) FROM audit") == 0
    assert not boss.said("Did you mean %(line)s?", line=f"/{typed}")


async def test_the_answer_to_a_question_is_no_command(bot: Bot, boss: Chat) -> None:
    """“Paste your code” waits for one, also from staff; what cannot be one is read as always."""
    await boss.say("redeem")
    await boss.say("code WELCOME2026")

    assert await bot.pool.fetchval("SELECT count(*) FROM audit") == 0
    assert await bot.pool.fetchval("SELECT count(*) FROM claims") == 1


@pytest.mark.parametrize("typed", ["audit", "group show 5", "group pause 5"])
async def test_what_one_may_not_do_means_nothing_without_its_slash(bot: Bot, hire: Hire, typed: str) -> None:
    """A viewer's word is a customer's."""
    member = await hire("viewer")
    await member.say(typed)

    assert member.said("I didn't catch that. Try:")
    assert await bot.pool.fetchval("SELECT count(*) FROM audit") == 0


@pytest.mark.parametrize(
    "typed", ["status", "狀態", "stats 7d", "group 5 pause", "status 👍", "👉/status", "guard raise"]
)
async def test_to_outsiders_it_is_what_it_was(bot: Bot, chat: Chat, typed: str) -> None:
    """Nonsense, and no trace."""
    await speaking(chat)
    await chat.say(typed)

    assert chat.texts[0].split("\n")[0] == chat._("I didn't catch that. Try:")
    assert await bot.pool.fetchval("SELECT count(*) FROM audit") == 0


async def test_only_what_is_declared_acts_at_once(bot: Bot, boss: Chat) -> None:
    """Every command that only reads, by its example: nothing but the trail is another afterwards."""
    await give(await arrive(bot, "line", "en"), 100)
    await boss.say("/whoami")  # The first command of an owner by the settings gives them a name.
    for command in ROUTES.commands.values():
        if not command.only_reads:
            continue
        before = await state(bot)
        await boss.say(example(command.name, command.arguments))
        assert await state(bot) == before, command.name


async def state(bot: Bot) -> dict[str, list[tuple[object, ...]]]:
    """Everything that a command could change."""
    tables = "claims policies guard accounts points rewards issues links link_codes invitations blocks switches"
    queries = {name: f"SELECT * FROM {name}" for name in (*tables.split(), "approvals", "bulk_jobs", "exports")}
    queries |= {"staff": "SELECT id, role FROM staff", "customers": "SELECT id, locale FROM customers ORDER BY id"}
    return {name: [tuple(row) for row in await bot.pool.fetch(query)] for name, query in queries.items()}

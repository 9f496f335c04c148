"""Whatever staff change is followed by what has changed, before → after."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import pytest
from chat import Bot, Chat
from counter.standing import Counter
from counter.standing import arrive as at_counter

from admin.conftest import Hire, speaking
from admin.counter import arrive, counting_visits, give, open_store, printing_posters, ref_of
from bot.i18n import load_translators
from bot.staff.routes import StaffRoutes
from handlers.admin import STAFF_ROUTERS
from sandbox.people import demo_id

ROUTES = StaffRoutes(STAFF_ROUTERS, load_translators(ZoneInfo("Asia/Taipei")).values())

# command → what is typed and tapped: lines that prepare it, the line itself, and the button or the word that does it.
# {customer}, {receipt}, {issue} and {job} are filled in.
STEPS: dict[str, tuple[list[str], str, str]] = {
    "code create": ([], "/code create AUTUMN2026 group=5 rewards=1", "Create"),
    "code move": ([], "/code move WELCOME2026 to=6", "Move it"),
    "code delete": ([], "/code delete WELCOME2026", "type:2026"),
    "code undo": ([], "/code undo {receipt}", "Undo it"),
    "code bulk": ([], "/code bulk group=7 n=2 prefix=SUMMER", "Start"),
    "job stop": ([], "/job stop {running}", ""),
    "job resume": ([], "/job resume {stopped}", ""),
    "job delete": ([], "/job delete {done}", "type:{done}"),
    "reward": ([], "/reward 1 points:150", "Change it"),
    "group policy": ([], "/group policy 5 per=2", "Change it"),
    "group pause": ([], "/group pause 5", "Pause"),
    "group resume": (["/group pause 5", "tap:Pause"], "/group resume 5", "Resume"),
    "done": ([], "/done {waiting}", ""),
    "points": ([], "/points {customer} +50 reason=late", "Change it"),
    "issue": ([], "/issue {customer} gift={gift} price={price} reason=late", "Issue it"),
    "issue retry": ([], "/issue retry {issue}", "Ask again"),
    "issue resolve": ([], "/issue resolve {issue} ok reason=told", "It was issued"),
    "redemption retry": ([], "/redemption retry {redemption}", "Ask again"),
    "redemption resolve": ([], "/redemption resolve {redemption} ok reason=told", "It was redeemed"),
    "use": ([], "/use {shown}", "Hand over"),
    "handed undo": ([], "/handed undo {handed}", "Take it back"),
    "link new": ([], "/link new 0912345678", ""),
    "link cancel": (["/link new 0912345678"], "/link cancel 0912345678", ""),
    "unlink": ([], "/unlink {linked}", "Unlink"),
    "guard raise": ([], "/guard raise", ""),
    "guard lower": (["/guard raise"], "/guard lower", ""),
    "block": ([], "/block {customer} 24h reason=guessing", "Block"),
    "unblock": (["/block {customer} 24h reason=guessing", "tap:Block"], "/unblock {customer}", ""),
    "maint on": ([], "/maint on", "Close the desk"),
    "maint off": (["/maint on", "tap:Close the desk"], "/maint off", ""),
    "admins invite": ([], "/admins invite staff", ""),
    "admins role": ([], "/admins role amy manager", "Change it"),
    "store add": ([], "/store add Harbour", "Add the store"),
    "store remove": ([], "/store remove {store}", "Remove the store"),
    "admins store": ([], "/admins store amy {store}", "Change it"),
    "poster new": ([], "/poster new spring code=WELCOME2026", "Make the poster"),
    "poster stop": ([], "/poster stop {poster}", "Stop the poster"),
    "visit": ([], "/visit {visitor}", "Count the visit"),
    "admins remove": ([], "/admins remove amy", "Remove"),
    "lang": ([], "/lang zh", ""),
}
# Links and a code of one's own, which change nothing of what there is; and agreeing, answered as what is agreed to.
OTHERS = {"job export", "handed export", "counter", "approve", "code show", "code list"}


def test_every_command_that_changes_something_is_tried() -> None:
    """A new one needs its line here."""
    assert {name for name, command in ROUTES.commands.items() if not command.only_reads} == {*STEPS, *OTHERS}


@pytest.fixture
def channel() -> str:
    """What an answer says does not depend on where it is said."""
    return "line"


@pytest.fixture
def language() -> str:
    """Nor on the language."""
    return "en"


@pytest.mark.parametrize("name", STEPS)
async def test_it_says_what_has_changed(bot: Bot, hire: Hire, name: str) -> None:
    """From what to what, below what was done; and the same after a second tap."""
    boss = await speaking(bot.chat("line", demo_id("line", "staff"), "en"))
    prepare, line, act = STEPS[name]
    facts = await _facts(bot, boss, hire, f"{prepare} {line} {act}")
    for step, after in zip(prepare, [*prepare[1:], ""], strict=False):
        if step.startswith("tap:"):
            await boss.tap(step.removeprefix("tap:"))
        else:
            await (boss.say if after.startswith("tap:") else boss.order)(step.format(**facts))

    await (boss.say if act else boss.order)(line.format(**facts))
    if act.startswith("type:"):
        await boss.order(act.removeprefix("type:").format(**facts))
    elif act:
        assert "Now" in boss.text or "→" not in boss.text or name == "code move", "a preview changes nothing"
        await boss.tap(act)

    assert re.search(r"\S+ → \S+", boss.text), boss.text


async def _facts(bot: Bot, boss: Chat, hire: Hire, wanted: str) -> dict[str, str]:
    """What the lines of one command are about, made only where they are."""
    facts: dict[str, str] = {}
    if "{customer}" in wanted or "{receipt}" in wanted:
        customer = await arrive(bot, "line", "en")
        await customer.say("WELCOME2026")
        await give(customer, 100)
        facts |= {
            "customer": await ref_of(customer),
            "receipt": await bot.pool.fetchval("SELECT ref FROM claims ORDER BY id DESC LIMIT 1"),
        }
    if "{waiting}" in wanted:
        customer = await arrive(bot, "line", "en")
        await customer.say("agent")
        boss.look()
        facts["waiting"] = await ref_of(customer)
    if "amy" in wanted:
        await hire("staff", "amy")
    if "{store}" in wanted:
        await open_store(bot, "Main Street")
        facts["store"] = "Main Street"
    if "poster" in wanted:
        printing_posters(bot)
    if "{poster}" in wanted:
        await boss.order("/poster new spring code=WELCOME2026")
        facts["poster"] = "spring"
    if "{visitor}" in wanted:
        counting_visits(bot)
        facts["visitor"] = await ref_of(await arrive(bot, "line", "en"))
    if "{shown}" in wanted or "{handed}" in wanted:
        here = Counter(bot, await at_counter(bot, "line", "en"), boss)
        facts["shown"] = await here.show()
    if "{handed}" in wanted:
        await here.hand_over(facts["shown"])
        facts["handed"] = str((await here.rows())[0]["id"])
    if "{linked}" in wanted:
        customer = await arrive(bot, "line", "en")
        await boss.order("/link new 0912345678")
        code = re.search(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", boss.text)
        assert code is not None
        await customer.say(f"link {code[0]}")
        boss.look()
        facts["linked"] = await ref_of(customer)
    if "{gift}" in wanted or "{issue}" in wanted:
        await boss.say("/catalog")
        gift, price = next(label for label in boss.buttons if re.fullmatch(r"\d+:\d+", label)).split(":")
        facts |= {"gift": gift, "price": price}
    if "{issue}" in wanted:
        customer = await arrive(bot, "line", "en")
        bot.sandbox.fault("gotit:POST /api/rewardhub/v1.0/gifts/issue", status=504, times=1)
        await boss.say(f"/issue {await ref_of(customer)} gift={facts['gift']} price={facts['price']} reason=late")
        await boss.tap("Issue it")
        facts["issue"] = await bot.pool.fetchval("SELECT ref FROM issues")
        await bot.pool.execute("UPDATE issues SET state = 'check', leased_until = NULL")
    if "{redemption}" in wanted:
        bot.desk(redeems_for_players=True)
        customer = await arrive(bot, "line", "en")
        await customer.say("player id unity-12345")
        bot.sandbox.fault("poshen:POST /redemptions", status=504, times=2)
        await customer.say("WELCOME2026")
        facts["redemption"] = await bot.pool.fetchval("SELECT ref FROM redemptions")
        await bot.pool.execute("UPDATE redemptions SET state = 'check', next_at = NULL")
    if any(state in wanted for state in ("{running}", "{stopped}", "{done}")):
        await boss.say("/code bulk group=7 n=2 prefix=SUMMER")
        await boss.tap("Start")
        boss.look()
        job = await bot.pool.fetchval("SELECT id FROM bulk_jobs")
        facts |= dict.fromkeys(("running", "stopped", "done"), f"J-{job}")
        if "{done}" not in wanted:
            await bot.pool.execute("UPDATE bulk_codes SET state = 'pending', made_at = NULL")
            state = "running" if "{running}" in wanted else "stopped"
            slot = 1 if state == "running" else None
            await bot.pool.execute("UPDATE bulk_jobs SET state = $1, slot = $2", state, slot)
    return facts

"""Codes at Poshen from the chat: shown, searched, made, moved, deleted; and a customer's claim taken back."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from chat import Bot, Chat
from conversations.proving import link

from admin.conftest import Hire
from bot.storage import claims, points, rewards
from bot.storage.rewards import Grant
from bot.understanding.codes import guessable


@pytest.fixture
async def guest(bot: Bot) -> Chat:
    """A customer who has redeemed WELCOME2026, which brought 150 points."""
    await rewards.put(bot.pool, 1, Grant(points=150))
    chat = bot.chat("line", language="en")
    await chat.say("WELCOME2026")
    return chat


async def receipt(bot: Bot, guest: Chat) -> str:
    """The reference of the guest's newest claim."""
    ref: str = await bot.pool.fetchval(
        "SELECT ref FROM claims WHERE customer_id = $1 ORDER BY id DESC", await number(bot, guest)
    )
    return ref


async def number(bot: Bot, guest: Chat) -> int:
    found: int = await bot.pool.fetchval("SELECT id FROM customers WHERE split_part(person, ':', 3) = $1", guest.user)
    return found


async def undone_facts(bot: Bot, chat: Chat, ref: str) -> dict[str, str]:
    """What is told of a claim that was taken back."""
    undone = await claims.undone(bot.pool, ref)
    assert undone is not None
    return {"ref": ref, "time": chat._.moment(undone.undone_at), "name": undone.undone_by}


async def last_entry(bot: Bot) -> tuple[str | None, ...]:
    """The newest line of the trail: line, target, before, after, result, ref."""
    return tuple(
        await bot.pool.fetchrow("SELECT line, target, before, after, result, ref FROM audit ORDER BY n DESC LIMIT 1")
    )


def made_at(bot: Bot, code: str) -> list[tuple[int, int]]:
    """(id, group) of the codes of this name at the vendor."""
    return [(each.id, each.group) for each in bot.sandbox.poshen.codes.values() if each.code == code]


# ── looking ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_code_is_shown_with_what_is_decided_about_it(bot: Bot, owner: Chat) -> None:
    """Poshen's facts, our policy, our claims, and what each reward brings."""
    await rewards.put(bot.pool, 1, Grant(points=150))
    await bot.chat("line", language="en").say("WELCOME2026")

    await owner.say("/code show WELCOME2026")

    for fact in ("WELCOME2026", "#99", "12", "5 新春活動", "1 柿日疊疊樂", "#1 金幣 100"):
        assert fact in owner.text
    assert owner._.ngettext("%(n)s point", "%(n)s points", 150) in owner.text
    assert re.search(owner._("Claimed here") + "[:： \\n]*1\\n", owner.text)
    assert owner.said("no limit in all")


@pytest.mark.parametrize(
    "typed", ["welcome2026", "welcome-2026", "ＷＥＬＣＯＭＥ２０２６", "#99", "99", "「welcome 2026」"]
)
async def test_a_code_is_found_as_customers_may_type_it(boss: Chat, typed: str) -> None:
    """And by its number."""
    await boss.order(f"/code show {typed}")

    assert "WELCOME2026" in boss.texts


@pytest.mark.parametrize(("typed", "create"), [("NOBODY77", True), ("#123456", False)])
async def test_a_code_that_is_not_there(boss: Chat, typed: str, create: bool) -> None:
    """It may be made; a number may not."""
    await boss.say(f"/code show {typed}")

    assert boss.said("There is no code %(code)s.", code=typed)
    assert ("Create" in boss.buttons) is create


async def test_looking_is_in_the_trail_without_the_code(bot: Bot, boss: Chat) -> None:
    """Its number is, so that it can be found."""
    await boss.say("/code show WELCOME2026")

    assert await last_entry(bot) == ("/code show WELC••••26", "#99", None, None, "done", None)


async def test_staff_may_look_but_not_touch(bot: Bot, hire: Hire, channel: str, language: str) -> None:
    """The buttons of a manager are not offered to them."""
    member = await hire("staff")
    await member.say("/code show WELCOME2026")

    assert "WELCOME2026" in member.text
    assert not {member._("Move"), member._("Delete")} & set(member.buttons)


async def test_codes_are_listed_page_by_page(boss: Chat) -> None:
    """Of a group; each opens, and the next page is one tap away."""
    await boss.order("/codes group=8")
    assert boss.said("%(n)s codes", n="42")
    first = set(boss.buttons)
    assert "TEST-0001" in first

    await boss.tap("Next page")

    assert "TEST-0009" in boss.buttons
    await boss.tap("TEST-0009")
    assert "#209" in boss.texts


async def test_a_part_of_a_code_is_searched_here(bot: Bot, boss: Chat) -> None:
    """Poshen's own filter knows whole codes only, so it is not used for it."""
    await boss.order("/code list q=sum")

    shown = [text for text in boss.texts if text.startswith("SUMMER-")]
    assert len(set(shown)) == 3
    assert all("code" not in call.query for call in bot.sandbox.calls("poshen"))


async def test_a_search_says_when_it_did_not_see_everything(
    bot: Bot, owner: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No code is said not to exist because the list is long."""
    monkeypatch.setattr("handlers.admin.codes.SCAN", 10)
    monkeypatch.setattr("handlers.admin.codes.SCANNED", 20)
    await owner.order("/code list q=0039")

    assert owner.said("There are no codes here.")
    assert owner.said(
        "Only the first %(n)s codes were searched: Poshen itself finds whole codes only. group= or game= narrows "
        "it down; /code show finds a whole code wherever it is.",
        n=20,
    )


async def test_a_hostile_name_is_only_text(owner: Chat) -> None:
    """Rewards may be called anything at the vendor."""
    await owner.say("/code show HOSTILE2026")

    assert "<img src=x onerror=alert(1)> {0} %s [bold]" in owner.text


# ── making ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_code_is_made_after_a_yes(bot: Bot, owner: Chat) -> None:
    """Not before; with its rewards, in its group."""
    await owner.say("/code create SUMMER2099 group=5 rewards=1,2")
    assert made_at(bot, "SUMMER2099") == []
    assert "5 新春活動" in owner.text
    assert owner._(", ").join(["金幣 100", "金幣 1,000"]) in owner.text

    await owner.tap("Create")

    assert [group for _, group in made_at(bot, "SUMMER2099")] == [5]
    assert owner.said("Created")
    assert "SUMMER2099" in owner.text and "#2 金幣 1,000" in owner.text


async def test_a_second_tap_makes_nothing_more(bot: Bot, boss: Chat) -> None:
    """The vendor is not even asked."""
    await boss.say("/code create SUMMER2099 group=5")
    tap = boss.phone.taps(boss.data_of("Create"))
    await boss.do(tap)
    await boss.do(boss.phone.taps(boss.data_of("Move")))  # something else in between
    asked = len(bot.sandbox.calls("poshen", "POST /redemption-codes"))

    await boss.do(tap, tap)

    assert asked == len(bot.sandbox.calls("poshen", "POST /redemption-codes")) == 1


async def test_a_code_that_exists_is_shown_instead(bot: Bot, owner: Chat) -> None:
    """With the way to where it was wanted."""
    await owner.say("/code create welcome2026 group=6")

    assert owner.said(
        "%(code)s exists already (#%(id)s, group %(group)s).", code="WELCOME2026", id=99, group="5 新春活動"
    )
    await owner.tap("Move")
    assert owner.said("Move it")
    assert not bot.sandbox.calls("poshen", "POST /redemption-codes")


async def test_a_code_with_blanks_is_made_with_hyphens(bot: Bot, owner: Chat) -> None:
    """§9.5: by the button that is offered."""
    await owner.say("/code create SUM MER 2099 group=5")
    await owner.tap(owner._("Create %(joined)s", joined="SUM-MER-2099"))
    await owner.tap("Create")

    assert len(made_at(bot, "SUM-MER-2099")) == 1


async def test_a_code_that_differs_in_case_only_exists(bot: Bot, boss: Chat) -> None:
    """Customers could not tell the two apart: capitals and hyphens do not matter to them."""
    for typed in ("Welcome2026", "summer7k3mq9td"):
        await boss.say(f"/code create {typed} group=6")
        assert "exists already" in boss.text


async def test_somebody_else_may_make_it_first(bot: Bot, owner: Chat) -> None:
    """Between the preview and the yes, in another group."""
    await owner.say("/code create SUMMER2099 group=5")
    bot.sandbox.poshen.put_code("SUMMER2099", group=7)

    await owner.tap("Create")

    assert [group for _, group in made_at(bot, "SUMMER2099")] == [7]
    assert owner.said(
        "%(code)s exists already (#%(id)s, group %(group)s).", code="SUMMER2099", id=1001, group="7 Summer Campaign"
    )


@pytest.mark.parametrize(
    ("code", "weak"),
    [
        ("1234", True),
        ("WELCOME", True),
        ("AAAA1111", True),
        ("2026112099", True),
        ("SUMMER2026", False),
        ("7K3M-Q9TD", False),
    ],
)
def test_what_is_easy_to_guess(code: str, weak: bool) -> None:
    """Short, digits alone, a plain word, or hardly any variety."""
    assert guessable(code) is weak


async def test_a_weak_code_is_warned_about(owner: Chat) -> None:
    """Warned, not refused: a campaign for everybody may want it."""
    await owner.say("/code create 1234 group=5")

    assert owner.said("This code is easy to guess. For a prize that is meant for one person, use /code bulk.")
    assert owner._("Create") in owner.buttons
    await owner.say("/code create SUMMER2099 group=5")
    assert not owner.said("This code is easy to guess. For a prize that is meant for one person, use /code bulk.")


async def test_a_code_that_no_customer_could_type_is_warned_about(owner: Chat) -> None:
    """Games may know it all the same."""
    await owner.say("/code create 夏日_2099! group=5")

    assert owner.said("Customers could not type this code here: 4 to 32 letters, digits and hyphens are understood.")


async def test_a_reward_that_does_not_exist_is_noticed_before(bot: Bot, owner: Chat) -> None:
    """With the way to those that do."""
    await owner.say("/code create SUMMER2099 group=5 rewards=1,99")

    assert owner.said("Poshen has no reward %(numbers)s.", numbers="#99")
    await owner.tap("List rewards")
    assert "#1 金幣 100" in owner.text


UNLISTED = [
    {"status": 403},
    {"status": 404},
    {"status": 422},
    {"status": 503},
    {"body": {"rewards": "none"}, "status": 200},
]


@pytest.mark.parametrize("fault", UNLISTED, ids=str)
async def test_a_list_of_rewards_that_cannot_be_had_stops_no_code(
    bot: Bot, boss: Chat, fault: dict[str, object]
) -> None:
    """The token may not read it, or there is none: their numbers are shown, and it is made."""
    bot.sandbox.fault("poshen:GET /rewards", **fault)
    await boss.say("/code create SUMMER2099 group=5 rewards=1,2")
    assert "#1, #2" in boss.text
    await boss.tap("Create")

    assert len(made_at(bot, "SUMMER2099")) == 1


@pytest.mark.parametrize("status", [403, 404, 422])
async def test_a_list_of_a_groups_codes_that_is_refused_stops_no_code(bot: Bot, owner: Chat, status: int) -> None:
    """Nothing is known of the group then, and that is said: not that it is empty."""
    await owner.say("/code show WELCOME2026")
    bot.sandbox.fault("poshen:GET /redemption-codes", status=200, body={"data": []}, times=4)  # There is no such code.
    bot.sandbox.fault("poshen:GET /redemption-codes", status=status)
    await owner.say("/code create SUMMER2099 group=5 rewards=1")
    assert owner.said("unknown: Poshen does not tell")
    bot.sandbox.clear_faults()
    await owner.tap("Create")

    assert len(made_at(bot, "SUMMER2099")) == 1


@pytest.mark.parametrize("status", [403, 404])
async def test_a_reward_that_cannot_be_checked_is_the_vendors_to_refuse(bot: Bot, owner: Chat, status: int) -> None:
    """The token may not read the list: Poshen's own no is told by its field."""
    bot.sandbox.fault("poshen:GET /rewards", status=status)
    await owner.say("/code create SUMMER2099 group=5 rewards=99")
    await owner.tap("Create")

    assert owner.said("Poshen replied: %(detail)s. /rewards lists the numbers.", detail="422: rewards.0.reward_id")
    assert (await last_entry(bot))[4] == "failed: UpstreamRefused poshen"


async def test_a_group_that_does_not_exist_is_the_vendors_to_refuse(bot: Bot, owner: Chat) -> None:
    """Nothing can be known of it before: an empty group looks the same."""
    await owner.say("/code create SUMMER2099 group=77")
    assert owner.said("unknown: the group has no codes yet")
    await owner.tap("Create")

    assert owner.said(
        "Poshen replied: %(detail)s. Is there such a group?",
        detail="422: redemption_code_group_id",
    )


async def test_an_answer_that_is_lost_is_looked_up(bot: Bot, owner: Chat) -> None:
    """It was made, and that is said."""
    await owner.say("/code create SUMMER2099 group=5")
    bot.sandbox.fault("poshen:POST /redemption-codes", status=504, after=True, times=1)
    await owner.tap("Create")

    assert owner.said("Created")
    assert len(made_at(bot, "SUMMER2099")) == 1


async def test_what_cannot_be_known_is_not_claimed(bot: Bot, owner: Chat) -> None:
    """Neither made nor failed is said; making it again is offered, and makes one."""
    await owner.say("/code create SUMMER2099 group=5")
    bot.sandbox.fault("poshen:POST /redemption-codes", drop=True, after=True, times=1)
    bot.sandbox.fault("poshen:GET /redemption-codes", status=500, times=1)
    await owner.tap("Create")

    said = "Poshen did not answer. %(code)s may or may not exist now. Creating it again is safe: it stays one code."
    assert owner.said(said, code="SUMMER2099")
    assert (await last_entry(bot))[4] == "unknown"
    await owner.tap("Look again")
    assert "SUMMER2099" in owner.text
    assert len(made_at(bot, "SUMMER2099")) == 1


async def test_a_refused_token_is_told_to_who_can_mend_it(bot: Bot, owner: Chat) -> None:
    """§9.5: which setting, and where to look then."""
    bot.sandbox.fault("poshen", status=401)
    await owner.say("/code create SUMMER2099 group=5")

    assert owner.said(
        "%(vendor)s no longer accepts our credentials. Renew %(settings)s, then check with /status.",
        vendor="Poshen",
        settings="POSHEN_TOKEN",
    )


async def test_without_poshen_it_is_said(bot: Bot, owner: Chat) -> None:
    """Instead of an empty list."""
    bot.having(apis=replace(bot.turns.apis, poshen=None))
    await owner.say("/code show WELCOME2026")

    assert owner.said("Poshen is switched off: POSHEN_TOKEN is not set.")


# ── moving ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_code_is_moved_after_a_yes(bot: Bot, owner: Chat) -> None:
    """The preview names both groups and both games, and the policy that changes with them."""
    async with bot.pool.acquire() as connection:
        await claims.set_policy(connection, 6, claims.Policy(max_claims=3))
    await owner.say("/code move WELCOME2026 to=6")
    told = owner._.ngettext(
        "Move %(code)s (#%(id)s, used %(n)s time): group %(group)s → %(to)s; game %(game)s → %(other)s.",
        "Move %(code)s (#%(id)s, used %(n)s times): group %(group)s → %(to)s; game %(game)s → %(other)s.",
        12,
        code="WELCOME2026",
        id=99,
        group="5 新春活動",
        to="6 端午活動",
        game="1 柿日疊疊樂",
        other="3 茶行大亨",
    )
    assert told in owner.text
    assert owner._.ngettext("%(n)s in all", "%(n)s in all", 3) in owner.text
    assert made_at(bot, "WELCOME2026") == [(99, 5)]

    await owner.tap("Move it")

    assert made_at(bot, "WELCOME2026") == [(99, 6)]
    assert owner.said("Moved")
    assert await last_entry(bot) == ("/code move WELC••••26 to=6", "#99", "group 5", "group 6", "done", None)


async def test_a_code_that_is_there_already_is_not_moved(bot: Bot, owner: Chat) -> None:
    """Nothing to confirm."""
    await owner.say("/code move WELCOME2026 to=5")

    assert owner.said("%(code)s is in group %(group)s already.", code="WELCOME2026", group="5 新春活動")
    assert owner._("Move it") not in owner.buttons


async def test_a_code_that_was_moved_meanwhile_stays_there(bot: Bot, owner: Chat) -> None:
    """What was agreed to is not what is."""
    await owner.say("/code move WELCOME2026 to=6")
    bot.sandbox.poshen.codes[99].group = 7
    await owner.tap("Move it")

    assert owner.said("It was changed meanwhile. Nothing was done; please look again.")
    assert made_at(bot, "WELCOME2026") == [(99, 7)]


async def test_a_move_whose_answer_is_lost_is_repeated(bot: Bot, boss: Chat) -> None:
    """Moving twice is moving once."""
    await boss.say("/code move WELCOME2026 to=6")
    bot.sandbox.fault("poshen:PUT /redemption-codes", status=504, after=True, times=1)
    await boss.tap("Move it")

    assert boss.said("Moved")


async def test_a_move_that_nobody_answers_is_read_before_anything_is_said(bot: Bot, owner: Chat) -> None:
    """It had happened: that is what is said."""
    await owner.say("/code move WELCOME2026 to=6")
    bot.sandbox.fault("poshen:PUT /redemption-codes", drop=True, after=True, times=3)
    await owner.tap("Move it")

    assert owner.said("Moved")
    assert made_at(bot, "WELCOME2026") == [(99, 6)]


async def test_a_move_that_did_not_happen_is_not_said_to_have(bot: Bot, boss: Chat) -> None:
    """Nor that it never will."""
    await boss.say("/code move WELCOME2026 to=6")
    bot.sandbox.fault("poshen:PUT /redemption-codes", drop=True, times=3)
    await boss.tap("Move it")

    assert boss.said(
        "Poshen did not answer. %(code)s is still in group %(group)s; look again in a moment.",
        code="WELCOME2026",
        group="5 新春活動",
    )
    assert (await last_entry(bot))[4] == "unknown"


async def test_a_move_to_nowhere_is_the_vendors_to_refuse(bot: Bot, boss: Chat) -> None:
    """The code stays."""
    await boss.say("/code move WELCOME2026 to=77")
    await boss.tap("Move it")

    assert boss.said("Poshen replied: %(detail)s. Is there such a group?", detail="422: redemption_code_group_id")
    assert made_at(bot, "WELCOME2026") == [(99, 5)]


# ── deleting ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_used_code_asks_for_its_end(bot: Bot, owner: Chat) -> None:
    """Its last four characters, typed, and then a tap; neither is enough alone."""
    await bot.chat("line", language="en").say("WELCOME2026")
    await owner.say("/code delete WELCOME2026")
    kept = owner._.ngettext(
        "%(n)s receipt here is kept; nobody can redeem the code any more.",
        "%(n)s receipts here are kept; nobody can redeem the code any more.",
        1,
    )
    assert kept in owner.text
    assert owner.said("This can't be undone. Type %(word)s within 2 minutes; then a button does it.", word="2026")
    assert list(owner.buttons) == [owner._("Cancel")]

    await owner.say("2026")
    assert made_at(bot, "WELCOME2026") != []
    await owner.tap("Delete")

    assert made_at(bot, "WELCOME2026") == []
    assert owner.said("#%(id)s is deleted. Customers' receipts are kept.", id=99)
    assert await bot.pool.fetchval("SELECT count(*) FROM claims") == 1
    assert await last_entry(bot) == (
        "/code delete WELC••••26",
        "#99",
        "group 5, used 12",
        "deleted",
        "done",
        None,
    )


async def test_an_empty_code_is_not_made(bot: Bot, boss: Chat) -> None:
    """It is said before anybody is asked."""
    await boss.say('/code create " " group=5')

    assert boss.said(
        "%(name)s (%(about)s) is missing. Example: %(example)s",
        name="<code>",
        about=boss._("the code"),
        example="/code create SUMMER2026 group=5 rewards=1,2",
    )


async def test_anything_else_typed_deletes_nothing(bot: Bot, boss: Chat) -> None:
    """Not even nearly the same."""
    await boss.say("/code delete WELCOME2026")
    await boss.say("2025")

    assert made_at(bot, "WELCOME2026") == [(99, 5)]
    assert boss.said("That is not what was asked for. Nothing was changed.")


async def test_an_unused_code_is_deleted_by_a_tap(bot: Bot, owner: Chat) -> None:
    """There is nothing to lose."""
    await owner.say("/code delete SUMMER-7K3M-Q9TD")
    assert owner.said("This can't be undone.")
    assert owner.said("Nobody can redeem the code any more.")  # And not: 0 receipts are kept.
    await owner.tap("Delete")

    assert made_at(bot, "SUMMER-7K3M-Q9TD") == []


async def test_a_code_that_was_used_meanwhile_is_kept(bot: Bot, boss: Chat) -> None:
    """The tap was for an unused one."""
    await boss.say("/code delete SUMMER-7K3M-Q9TD")
    bot.sandbox.poshen.codes[104].current_uses = 1
    await boss.tap("Delete")

    assert boss.said("It was changed meanwhile. Nothing was done; please look again.")
    assert made_at(bot, "SUMMER-7K3M-Q9TD")


async def test_a_deletion_that_nobody_answers_is_read_before_anything_is_said(bot: Bot, boss: Chat) -> None:
    """It is gone, so it is deleted."""
    await boss.say("/code delete SUMMER-7K3M-Q9TD")
    bot.sandbox.fault("poshen:DELETE /redemption-codes", drop=True, after=True, times=3)
    await boss.tap("Delete")

    assert boss.said("#%(id)s is deleted. Customers' receipts are kept.", id=104)


async def test_a_deletion_that_did_not_happen_is_not_said_to_have(bot: Bot, boss: Chat) -> None:
    """It is still there, and that is told."""
    await boss.say("/code delete SUMMER-7K3M-Q9TD")
    bot.sandbox.fault("poshen:DELETE /redemption-codes", drop=True, times=3)
    await boss.tap("Delete")

    assert boss.said(
        "Poshen did not answer. #%(id)s still exists; look again in a moment before you repeat it.", id=104
    )
    assert (await last_entry(bot))[4] == "unknown"


async def test_a_code_that_somebody_else_deleted_is_deleted(bot: Bot, boss: Chat) -> None:
    """Between the preview and the yes."""
    await boss.say("/code delete SUMMER-7K3M-Q9TD")
    bot.sandbox.poshen.remove_code("SUMMER-7K3M-Q9TD")
    await boss.tap("Delete")

    assert boss.said("#%(id)s is deleted. Customers' receipts are kept.", id=104)


# ── taking a claim back ──────────────────────────────────────────────────────────────────────────


async def test_a_claim_is_taken_back_with_its_points(bot: Bot, owner: Chat, guest: Chat) -> None:
    """The preview says what goes; the receipt is remembered, the customer can redeem again."""
    ref, customer = await receipt(bot, guest), await number(bot, guest)
    await owner.say(f"/code undo {ref.lower()}")
    assert owner.said("%(taken)s of %(brought)s", taken=150, brought=150)
    assert await bot.pool.fetchval("SELECT count(*) FROM claims") == 1

    await owner.tap("Undo it")

    told = owner._.ngettext(
        "%(ref)s is undone and %(n)s point taken back. The customer can redeem the code again.",
        "%(ref)s is undone and %(n)s points taken back. The customer can redeem the code again.",
        150,
        ref=ref,
    )
    assert told in owner.text
    assert await bot.pool.fetchval("SELECT count(*) FROM claims") == 0
    assert (await points.balance(bot.pool, customer)).available == 0
    assert (await last_entry(bot))[2:] == ("claimed", "undone, 150 points taken back", "done", ref)
    await owner.say(f"/ref {ref}")
    assert owner.said("%(ref)s was undone on %(time)s by %(name)s.", **await undone_facts(bot, owner, ref))
    await guest.say("WELCOME2026")
    assert guest.said("Redeemed 🎉")
    assert (await points.balance(bot.pool, customer)).available == 150
    assert await receipt(bot, guest) != ref


async def test_a_claim_is_taken_back_once(bot: Bot, owner: Chat, guest: Chat) -> None:
    """Two managers at it, or two taps: the points go once, and the second is told who was first."""
    ref = await receipt(bot, guest)
    await owner.say(f"/code undo {ref}")
    first = owner.phone.taps(owner.data_of("Undo it"))
    async with bot.pool.acquire() as connection:
        await bot.turns.services.redemption.undo(connection, ref, by="somebody", all_points=True, now=bot.clock())

    await owner.do(first)

    facts = await undone_facts(bot, owner, ref)
    assert facts["name"] == "somebody"
    assert owner.said("%(ref)s was undone on %(time)s by %(name)s.", **facts)
    assert await bot.pool.fetchval("SELECT sum(available) FROM points") == 0


async def test_points_that_are_spent_stop_it(bot: Bot, owner: Chat, guest: Chat) -> None:
    """Else the same code would pay twice; what is left is taken if somebody insists."""
    ref, customer = await receipt(bot, guest), await number(bot, guest)
    async with bot.pool.acquire() as connection:
        await points.enter(connection, customer, key="spent", kind="adjust", available=-110, now=bot.clock())
    await owner.say(f"/code undo {ref}")

    assert owner.said(
        "%(ref)s brought %(brought)s points, and only %(available)s can be taken back: the others are spent or on "
        "hold. With --anyway those are taken, and the code can be redeemed again for all of its points.",
        ref=ref,
        brought=150,
        available=40,
    )
    assert owner._("Undo it") not in owner.buttons
    await owner.tap("Undo anyway")
    assert owner.said("%(taken)s of %(brought)s", taken=40, brought=150)
    await owner.tap("Undo it")
    assert (await points.balance(bot.pool, customer)).available == 0
    assert await bot.pool.fetchval("SELECT points FROM undone") == 40


async def test_points_that_are_spent_between_preview_and_yes_stop_it_too(bot: Bot, boss: Chat, guest: Chat) -> None:
    """All or nothing."""
    ref, customer = await receipt(bot, guest), await number(bot, guest)
    await boss.say(f"/code undo {ref}")
    async with bot.pool.acquire() as connection:
        await points.enter(connection, customer, key="spent", kind="adjust", available=-1, now=bot.clock())
    await boss.tap("Undo it")

    assert "Undo anyway" in boss.buttons
    assert await bot.pool.fetchval("SELECT count(*) FROM claims") == 1


async def test_a_voucher_is_not_undone_and_that_is_said(bot: Bot, owner: Chat) -> None:
    """Got It has no call for it."""
    offer = {"name": "Highlands 50K", "brand": "Highlands", "image": "", "price_value": 50_000}
    await rewards.put(bot.pool, 1, Grant(gift_id=812, price_id=2260, offer=offer))
    guest = bot.chat("line", language="en")
    await guest.say("WELCOME2026")
    ref = await receipt(bot, guest)
    await owner.say(f"/code undo {ref}")

    assert owner.said("%(name)s is not undone", name="Highlands 50K")
    assert owner.said("Got It has no call that takes a voucher back, and redeeming again brings another one.")
    await owner.tap("Undo it")
    assert owner.said("%(ref)s is undone. The customer can redeem the code again.", ref=ref)
    assert await bot.pool.fetchval("SELECT count(*) FROM issues") == 1
    voucher = await bot.pool.fetchval("SELECT ref FROM issues")
    await owner.say(f"/code undo {voucher}")
    assert owner.said("%(ref)s is a voucher. Got It has no call that takes one back.", ref=voucher)


async def test_nobody_takes_back_their_own_claim(bot: Bot, owner: Chat) -> None:
    """A code that pays again and again would be a till."""
    await owner.say("redeem WELCOME2026")
    ref = await bot.pool.fetchval("SELECT ref FROM claims")
    await owner.say(f"/code undo {ref}")

    mine = await bot.pool.fetchval("SELECT c.ref FROM claims JOIN customers c ON c.id = customer_id")
    assert owner.said("%(customer)s is you. Somebody else of the staff has to do this.", customer=mine)
    assert await bot.pool.fetchval("SELECT count(*) FROM claims") == 1


async def test_nobody_takes_back_their_own_claim_of_another_channel(bot: Bot, boss: Chat) -> None:
    """The same phone is linked there; also when that is known between the two taps."""
    await rewards.put(bot.pool, 1, Grant(points=150))
    elsewhere = bot.chat("messenger", language="en")
    await elsewhere.say("WELCOME2026")
    ref = await receipt(bot, elsewhere)
    await boss.say(f"/code undo {ref}")
    undo = boss.phone.taps(boss.data_of("Undo it"), "Undo it")
    await link(boss)
    await link(elsewhere)
    mine = await bot.pool.fetchval("SELECT ref FROM customers WHERE id = $1", await number(bot, elsewhere))

    await boss.do(undo)
    assert boss.said("%(customer)s is you. Somebody else of the staff has to do this.", customer=mine)
    await boss.say(f"/code undo {ref}")
    assert boss.said("%(customer)s is you. Somebody else of the staff has to do this.", customer=mine)
    assert await bot.pool.fetchval("SELECT count(*) FROM claims") == 1


async def test_the_claim_of_somebody_who_is_gone_can_be_taken_back(bot: Bot, boss: Chat, guest: Chat) -> None:
    """Their points went with them."""
    ref = await receipt(bot, guest)
    async with bot.pool.acquire() as connection:
        await claims.anonymise(connection, await number(bot, guest))
    await boss.say(f"/code undo {ref}")
    assert boss.said("deleted their data")
    await boss.tap("Undo it")

    assert await bot.pool.fetchval("SELECT points FROM undone") == 0


async def test_no_receipt_no_undoing(owner: Chat) -> None:
    """Said plainly."""
    await owner.say("/code undo R-000000")

    assert owner.said("There is no receipt %(ref)s.", ref="R-000000")


async def test_a_second_claim_of_two_may_be_replaced(bot: Bot, boss: Chat, guest: Chat) -> None:
    """Where a customer has two of a code, undoing the first leaves room for exactly one more."""
    async with bot.pool.acquire() as connection:
        await claims.set_policy(connection, 5, claims.Policy(per_customer=2))
    ref = await receipt(bot, guest)
    await guest.say("WELCOME2026")
    await boss.say(f"/code undo {ref}")
    await boss.tap("Undo it")
    for _ in range(3):
        await guest.say("WELCOME2026")

    assert await bot.pool.fetchval("SELECT array_agg(nth::int ORDER BY nth) FROM claims") == [2, 3]


async def test_deleting_ones_data_cuts_undone_claims_loose_too(bot: Bot, boss: Chat, guest: Chat) -> None:
    """Nothing names them any more."""
    await boss.say(f"/code undo {await receipt(bot, guest)}")
    await boss.tap("Undo it")
    async with bot.pool.acquire() as connection:
        await claims.anonymise(connection, await number(bot, guest))

    assert await bot.pool.fetchval("SELECT count(*) FROM undone WHERE customer_id IS NULL") == 1

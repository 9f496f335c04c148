"""Who is staff: the settings, the first owner, invitations, other roles, and the end of it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from chat import Bot, Chat

from admin.conftest import Hire
from bot.storage import staff
from sandbox.people import demo_id

CODE = "a-bootstrap-code-of-some-length"


@pytest.fixture
def bootstrap(bot: Bot) -> None:
    """A desk without ADMINS, whose first owner is claimed."""
    services = bot.turns.services
    staffing = replace(services.staffing, admins=frozenset(), bootstrap_code=CODE)
    alerts = replace(services.alerts, admins=())
    staffing.alerts = alerts
    bot.having(services=replace(services, staffing=staffing, alerts=alerts))


async def names(bot: Bot) -> dict[str, str]:
    return {member.name: member.role for member in await staff.everybody(bot.pool)}


async def invited(owner: Chat, role: str) -> str:
    """The line that a newcomer types."""
    await owner.order(f"/admins invite {role}")
    return next(text for text in owner.texts if text.startswith("/join "))


# ── the settings and the first owner ─────────────────────────────────────────────────────────


async def test_admins_of_the_settings_are_owners(owner: Chat) -> None:
    """From their first command on, they have a name."""
    await owner.say("/whoami")

    assert owner.said("Role")
    assert re.search(r"owner-[0-9a-z]{3}", owner.text)


async def test_rights_from_the_settings_end_with_them(bot: Bot, owner: Chat) -> None:
    """The row that their first command made is worth nothing without ADMINS."""
    await owner.say("/whoami")
    staffing = replace(bot.turns.services.staffing, admins=frozenset())
    bot.having(services=replace(bot.turns.services, staffing=staffing))

    await owner.say("/whoami")

    assert owner.said("I didn't catch that. Try:")


async def test_the_first_owner_claims_the_desk(bot: Bot, chat: Chat, bootstrap: None) -> None:
    """With the code of the setting."""
    await chat.say(f"/claim {CODE}")

    assert list((await names(bot)).values()) == ["owner"]
    await chat.say("/whoami")
    assert "owner-" in chat.text


async def test_the_desk_is_claimed_once_ever(bot: Bot, chat: Chat, bootstrap: None) -> None:
    """Also after that owner is gone."""
    await chat.say(f"/claim {CODE}")
    await bot.pool.execute("DELETE FROM staff")
    other = bot.chat(chat.channel)

    await other.say(f"/claim {CODE}")

    assert await names(bot) == {}
    assert other.said("I didn't catch that. Try:")


async def test_two_who_claim_at_once_are_one_owner(bot: Bot, bootstrap: None) -> None:
    """A constraint decides, not a look."""
    chats = [bot.chat("line", language="en") for _ in range(6)]
    for each in chats:
        assert bot.post(each.phone.says(f"/claim {CODE}")) == 200

    await bot.quiet()

    assert len(await names(bot)) == 1


async def test_five_wrong_codes_lock_the_claim(bot: Bot, chat: Chat, bootstrap: None) -> None:
    """Until the next start, for everybody."""
    for number in range(5):
        await chat.say(f"/claim {CODE}{number}")

    await bot.chat(chat.channel).say(f"/claim {CODE}")

    assert await names(bot) == {}


async def test_nothing_is_claimed_without_the_setting(bot: Bot, chat: Chat) -> None:
    """An empty code is no code."""
    await chat.say('/claim ""')

    assert await names(bot) == {}


# ── invitations ──────────────────────────────────────────────────────────────────────────────


async def test_an_invitation_makes_somebody_staff(bot: Bot, owner: Chat, channel: str) -> None:
    """With the name they chose; owners and the inviter hear of it."""
    line = await invited(owner, "manager")
    newcomer = bot.chat(channel, language="en")

    await newcomer.say(f"{line} Amy Lin")

    assert newcomer.said(
        "Welcome, %(name)s. You are %(role)s now. Type / to see what you can do.", name="amy-lin", role="manager"
    )
    assert (await names(bot))["amy-lin"] == "manager"
    owner.look()
    assert owner.said("%(name)s has joined as %(role)s.", name="amy-lin", role=owner._("manager"))


async def test_the_inviter_takes_the_rights_back_with_a_button(bot: Bot, owner: Chat, channel: str) -> None:
    """The one under the message that tells of the newcomer."""
    newcomer = bot.chat(channel, language="en")
    await newcomer.say(f"{await invited(owner, 'staff')} amy")
    owner.look()

    await owner.tap("Remove")
    await owner.tap("Remove")

    assert "amy" not in await names(bot)


async def test_an_invitation_is_used_once(bot: Bot, owner: Chat, channel: str) -> None:
    """The second one reads like nonsense."""
    line = await invited(owner, "staff")
    await bot.chat(channel).say(f"{line} amy")
    second = bot.chat(channel, language="en")

    await second.say(f"{line} eve")

    assert "eve" not in await names(bot)
    assert second.shown  # the fallback


async def test_two_who_join_at_once_are_one_member(bot: Bot, owner: Chat) -> None:
    """The invitation is used up by a statement, not by a look."""
    line = await invited(owner, "staff")
    before = len(await names(bot))
    for chat in [bot.chat("line") for _ in range(6)]:
        assert bot.post(chat.phone.says(line)) == 200

    await bot.quiet()

    assert len(await names(bot)) == before + 1


async def test_an_invitation_lasts_half_an_hour(bot: Bot, owner: Chat, chat: Chat) -> None:
    """Not longer."""
    line = await invited(owner, "staff")
    before = await names(bot)
    bot.ahead(minutes=31)

    await chat.say(line)

    assert await names(bot) == before


async def test_an_invitation_typed_in_time_is_good_although_the_desk_was_down(
    bot: Bot, owner: Chat, chat: Chat
) -> None:
    """What counts is when it was sent, as for taps and link codes."""
    line = await invited(owner, "staff")
    before = await names(bot)
    bot.ahead(minutes=29)
    bot.post(chat.phone.says(line))
    bot.ahead(minutes=5)
    await bot.quiet()

    assert len(await names(bot)) == len(before) + 1


async def test_a_taken_name_leaves_the_invitation(bot: Bot, owner: Chat, hire: Hire, channel: str) -> None:
    """The same line with another name works."""
    await hire("staff", "amy")
    line = await invited(owner, "staff")
    newcomer = bot.chat(channel, language="en")

    await newcomer.say(f"{line} AMY")
    assert newcomer.said("Somebody is called that already. Send the same line again with another name.")
    await newcomer.say(f"{line} amy2")

    assert "amy2" in await names(bot)


async def test_guessing_invitations_ends_after_five(bot: Bot, owner: Chat, chat: Chat) -> None:
    """Then even a right one is not looked at for an hour."""
    line = await invited(owner, "staff")
    before = await names(bot)
    for number in range(5):
        await chat.say(f"/join 0000-000{number}")

    await chat.say(line)

    assert await names(bot) == before


async def test_a_removed_owners_invitations_are_worth_nothing(bot: Bot, owner: Chat, hire: Hire, chat: Chat) -> None:
    """They go with the rights."""
    other = await hire("owner", "olga")
    line = await invited(other, "owner")
    await owner.say("/admins remove olga")
    await owner.tap("Remove")
    before = await names(bot)

    await chat.say(line)

    assert await names(bot) == before


async def test_staff_cannot_join_again(owner: Chat, hire: Hire) -> None:
    """Their role is an owner's to change."""
    line = await invited(owner, "owner")
    member = await hire("viewer")

    await member.say(line)

    assert member.said("You are %(role)s already.", role=member._("viewer"))


# ── roles and removal ────────────────────────────────────────────────────────────────────────


async def test_removal_counts_at_once(bot: Bot, owner: Chat, hire: Hire) -> None:
    """The next command is a customer's, and so is the next tap."""
    member = await hire("manager", "mia")
    await member.say("/guard status")
    await owner.say("/admins remove mia")
    await owner.tap("Remove")

    await member.tap("Raise")
    await member.say("/guard status")

    assert member.said("I didn't catch that. Try:")
    assert await bot.pool.fetchval("SELECT raised_until FROM guard") is None


async def test_rights_end_between_preview_and_confirmation(bot: Bot, owner: Chat, hire: Hire) -> None:
    """What was previewed as a manager is not done by a viewer."""
    await owner.say("/whoami")
    member = await hire("manager", "mia")
    await member.say("/group pause 5")
    await bot.pool.execute("UPDATE staff SET role = 'viewer' WHERE name = 'mia'")

    await member.tap("Pause")

    assert await bot.pool.fetchval("SELECT count(*) FROM policies") == 0
    assert member.said(
        "This command needs %(needed)s, and you are %(role)s. %(owner)s can do it.",
        needed=member._("manager"),
        role=member._("viewer"),
        owner=(await bot.pool.fetchval("SELECT name FROM staff WHERE role = 'owner'")),
    )


async def test_a_role_is_changed(bot: Bot, owner: Chat, hire: Hire) -> None:
    """After a confirmation, from the next command on."""
    await hire("viewer", "vic")

    await owner.say("/admins role vic manager")
    assert (await names(bot))["vic"] == "viewer"
    await owner.tap("Change it")

    assert (await names(bot))["vic"] == "manager"


async def test_the_last_owner_stays(bot: Bot, hire: Hire, bootstrap: None) -> None:
    """Neither removed nor made something else."""
    olga = await hire("owner", "olga")
    await hire("manager", "mia")

    for line in ("/admins remove olga", "/admins role olga viewer"):
        await olga.say(line)
        assert olga.said("%(name)s is the last owner. Make somebody else an owner first.", name="olga")
        assert olga._("Cancel") not in olga.buttons  # Nothing is asked that cannot be done.

    assert (await names(bot))["olga"] == "owner"


async def test_two_owners_cannot_remove_each_other(bot: Bot, hire: Hire, bootstrap: None) -> None:
    """At the same moment: one of them stays."""
    olga, oskar = await hire("owner", "olga"), await hire("owner", "oskar")
    await olga.say("/admins remove oskar")
    await oskar.say("/admins remove olga")
    taps = [chat.phone.taps(chat.data_of("Remove"), "Remove") for chat in (olga, oskar)]

    await asyncio.gather(*(asyncio.to_thread(bot.post, tap) for tap in taps))
    await bot.quiet()

    assert len(await names(bot)) == 1


async def test_somebody_is_removed_by_taps(bot: Bot, owner: Chat, hire: Hire) -> None:
    """A lost phone leaves no time for typing names; nobody is offered to remove themself or who cannot be."""
    await hire("manager", "mia")
    await owner.say("/admins")
    offered = [label for label in owner.buttons if label.startswith(owner._("Remove %(name)s", name=""))]
    assert offered == [owner._("Remove %(name)s", name="mia")]

    await owner.tap(offered[0])
    await owner.tap("Remove")

    assert "mia" not in await names(bot)


async def test_an_owner_of_the_settings_cannot_be_removed(bot: Bot, owner: Chat, channel: str) -> None:
    """Only the setting makes and unmakes them."""
    await owner.say("/whoami")
    name = next(iter(await names(bot)))

    await owner.say(f"/admins remove {name}")

    assert owner.said("%(name)s is an owner by the ADMINS setting; only the operator can change that.", name=name)
    assert owner._("Cancel") not in owner.buttons
    assert name in await names(bot)


async def test_the_role_that_somebody_has_is_not_asked_about(bot: Bot, owner: Chat, hire: Hire) -> None:
    """Unless their rights rest: then it gives them back."""
    amy = await hire("staff", "amy")
    await owner.say("/admins role amy staff")
    assert owner.said("%(name)s is %(role)s already.", name="amy", role=owner._("staff"))

    bot.ahead(days=91)
    await owner.say("/admins role amy staff")
    assert owner.said("%(name)s gets back their rights as %(role)s.", name="amy", role=owner._("staff"))
    await owner.tap("Change it")

    await amy.say("/whoami")
    assert "amy" in amy.text


async def test_ninety_idle_days_suspend(bot: Bot, owner: Chat, hire: Hire) -> None:
    """To an owner they are listed as suspended, and a role wakes them."""
    member = await hire("manager", "mia")
    bot.ahead(days=91)
    await member.say("/guard status")
    assert member.said("I didn't catch that. Try:")

    await owner.say("/admins")
    assert owner._("suspended, unused for 90 days") in owner.text
    await owner.say("/admins role mia manager")
    await owner.tap("Change it")
    await member.say("/guard status")

    assert member.said("Guard against guessing")


async def test_using_a_command_keeps_rights_alive(bot: Bot, hire: Hire) -> None:
    """Ninety days count from the last one."""
    member = await hire("manager", "mia")
    for _ in range(3):
        bot.ahead(days=60)
        await member.say("/guard status")

    assert member.said("Guard against guessing")


async def test_a_right_belongs_to_an_id_not_to_a_name(bot: Bot, channel: str, language: str) -> None:
    """Being called like the owner opens nothing."""
    bot.sandbox.people.put(channel, demo_id(channel, "yu"), name="周店長")
    impostor = bot.chat(channel, demo_id(channel, "yu"), language)

    await impostor.say("/admins")

    assert not impostor.said("List staff")


async def test_the_same_id_on_the_other_channel_is_nobody(bot: Bot, hire: Hire, channel: str) -> None:
    """Ids are a channel's own."""
    member = await hire("owner", "olga")
    await bot.pool.execute("UPDATE staff SET channel = CASE channel WHEN 'line' THEN 'messenger' ELSE 'line' END")

    await member.say("/admins")

    assert member.said("I didn't catch that. Try:")


async def test_what_a_removed_manager_was_given_ends(bot: Bot, owner: Chat, hire: Hire) -> None:
    """Downloads of codes, and codes that link a phone."""
    await hire("manager", "mia")
    mia = await bot.pool.fetchval("SELECT id FROM staff WHERE name = 'mia'")
    await bot.pool.execute(
        "INSERT INTO exports (job_id, staff_id, maker, page, expires_at) VALUES (1, $1, 'mia', '{}', $2)",
        mia,
        bot.clock() + timedelta(minutes=10),
    )
    await bot.pool.execute(
        """
        INSERT INTO link_codes (code_hash, phone_hash, phone, issued_by, created_at, expires_at)
        VALUES ('code', 'phone', 'sealed', $1, $2, $3)
        """,
        str(mia),
        bot.clock(),
        bot.clock() + timedelta(minutes=10),
    )

    await owner.say("/admins remove mia")
    await owner.tap("Remove")

    assert await bot.pool.fetchval("SELECT count(*) FROM exports WHERE expires_at > $1", bot.clock()) == 0
    assert await bot.pool.fetchval("SELECT count(*) FROM link_codes WHERE ended_at IS NULL") == 0


async def test_an_owner_of_older_settings_counts_for_nothing(
    bot: Bot, owner: Chat, hire: Hire, bootstrap: None
) -> None:
    """The last owner with rights stays, although a row calls another one so."""
    olga = await hire("owner", "olga")
    await hire("owner", "former")
    await bot.pool.execute("UPDATE staff SET origin = 'settings' WHERE name = 'former'")

    await olga.say("/admins remove olga")

    assert olga.said("%(name)s is the last owner. Make somebody else an owner first.", name="olga")
    assert "olga" in await names(bot)


async def test_a_former_member_cancels_nothing(bot: Bot, owner: Chat, hire: Hire) -> None:
    """Their tap is a customer's."""
    member = await hire("manager", "mia")
    await member.say("/group pause 5")
    await bot.pool.execute("DELETE FROM staff WHERE name = 'mia'")

    await member.tap("Cancel")

    assert member.said("I didn't catch that. Try:")

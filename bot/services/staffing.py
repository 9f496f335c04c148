"""Staff: who may do what, and how somebody becomes or stops being one of them.

A right belongs to a platform's own user id from a verified webhook. Names, photos and what a message claims mean
nothing. Rights are judged anew for every event, from the row that was read with it.
"""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, cast

import asyncpg

from bot.i18n import N_, Translator
from bot.services.alerts import Alerts
from bot.storage import bulk, links, staff, switches
from bot.storage.hashes import keyed_hash
from bot.storage.staff import Member, StaffRow
from bot.storage.symbols import SYMBOLS

Role = Literal["owner", "manager", "staff", "viewer", "counter"]
RANKS: tuple[Role, ...] = ("viewer", "staff", "manager", "owner")  # each may do what those before it may
ROLES: tuple[Role, ...] = (*RANKS, "counter")
"""All of them. `counter` has no rank: its commands say so themselves (`counter=True`), and each of them is staff's."""
# Translators: what somebody of the staff is: sees numbers, serves customers, is in charge, owns the desk
ROLE_WORDS = {"viewer": N_("viewer"), "staff": N_("staff"), "manager": N_("manager"), "owner": N_("owner")}
# Translators: what somebody of the staff is: serves at the counter and sees nothing else, for example part-time
ROLE_WORDS["counter"] = N_("counter")

INVITATION_LIVES = timedelta(minutes=30)
INVITATION_SYMBOLS = 8  # 40 bits
SUSPENDED_AFTER = timedelta(days=90)
BOOTSTRAP_TRIES = 5
OPERATOR = "operator"
_RESERVED = frozenset({OPERATOR, "bot", "last", "settings"})


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who may use staff commands, as this event found them. id: None for the operator and for an owner of
    the ADMINS setting who has not used a command yet. name: what lists and the trail call them."""

    id: int | None
    name: str
    role: Role
    channel: str

    def may(self, role: Role) -> bool:
        """Whether they may do what `role` may. Of a command ask `StaffCommand.open_to`."""
        return covers(self.role, role)


def covers(role: Role, other: Role) -> bool:
    """Whether a role may do all that the other may."""
    if role == other:
        return True
    return role != "counter" and RANKS.index(role) >= RANKS.index("staff" if other == "counter" else other)


@dataclass(frozen=True, slots=True)
class NameTaken:
    """Somebody else is called that."""


@dataclass(frozen=True, slots=True)
class NoSuchMember:
    """Nobody is called that."""


@dataclass(frozen=True, slots=True)
class LastOwner:
    """It would leave the desk without an owner."""


@dataclass(frozen=True, slots=True)
class FromSettings:
    """ADMINS makes them an owner; only the setting can change that."""


@dataclass(frozen=True, slots=True)
class Changed:
    """It is done. before: as they were."""

    before: Member


@dataclass(slots=True)
class Staffing:
    """admins: ADMINS (`line:U…`). bootstrap_code: "" when no first owner can be claimed."""

    secret: bytes
    admins: frozenset[str]
    alerts: Alerts
    bootstrap_code: str = ""
    _wrong_claims: int = field(default=0)

    def actor(self, stored: StaffRow | None, channel: str, user_id: str, now: datetime) -> Actor | None:
        """Who this is, None for everybody who is no staff (any more). Judges; asks nothing."""
        if f"{channel}:{user_id}" in self.admins:
            return Actor(stored.id if stored else None, stored.name if stored else "", "owner", channel)
        if stored is None or stored.origin == "settings" or now - stored.last_used > SUSPENDED_AFTER:
            return None
        return Actor(stored.id, stored.name, cast("Role", stored.role), channel)

    def suspended(self, member: Member, now: datetime) -> bool:
        """Whether somebody's rights rest: silent for so long, or an owner whom ADMINS does not name any more."""
        if self.settled(member):
            return False
        return member.origin == "settings" or now - member.last_used > SUSPENDED_AFTER

    def settled(self, member: Member) -> bool:
        """Whether ADMINS makes them an owner."""
        return f"{member.channel}:{member.user_id}" in self.admins

    def role_of(self, member: Member) -> Role:
        """What a member may do while they are not suspended."""
        return "owner" if self.settled(member) else cast("Role", member.role)

    async def enrol(self, pool: asyncpg.Pool, channel: str, user_id: str, person: str, now: datetime) -> Actor:
        """Give an owner of the ADMINS setting a row, and so a name."""
        stored = await staff.find(pool, channel, user_id)
        while stored is None:
            stored = await self._add(pool, channel, user_id, person, _made_up("owner"), "owner", "settings", None, now)
            stored = stored or await staff.find(pool, channel, user_id)
        return Actor(stored.id, stored.name, "owner", channel)

    # ── becoming staff ───────────────────────────────────────────────────────────────────────────

    async def claim(
        self, connection: asyncpg.Connection, channel: str, user_id: str, person: str, now: datetime
    ) -> Member | None:
        """Make the first owner, in the caller's transaction and once ever. The code was right, see `right_code`."""
        if not await switches.once(connection, switches.BOOTSTRAP, {}, "claim", now):
            return None
        await self._remove_stale(connection, channel, user_id)
        member = None
        while member is None:
            member = await self._add(
                connection, channel, user_id, person, _made_up("owner"), "owner", "bootstrap", None, now
            )
        await self._announce(connection, member, now, member.id)
        return member

    def right_code(self, code: str) -> bool:
        """Whether this is ADMIN_BOOTSTRAP_CODE. Five wrong ones, and none is right until the next start."""
        if not self.bootstrap_code or self._wrong_claims >= BOOTSTRAP_TRIES:
            return False
        if hmac.compare_digest(code.encode(), self.bootstrap_code.encode()):
            return True
        self._wrong_claims += 1
        return False

    async def invite(self, connection: asyncpg.Connection, role: Role, inviter: Actor, now: datetime) -> str:
        """A one-time code that makes whoever types it `role`: `K7PQ-4M2X`."""
        code = "".join(secrets.choice(SYMBOLS) for _ in range(INVITATION_SYMBOLS))
        await staff.invite(
            connection,
            code_hash=self._hash(code),
            role=role,
            inviter_id=inviter.id,
            inviter=inviter.name,
            now=now,
            expires_at=now + INVITATION_LIVES,
        )
        return f"{code[:4]}-{code[4:]}"

    async def join(
        self,
        connection: asyncpg.Connection,
        code: str,
        name: str | None,
        channel: str,
        user_id: str,
        person: str,
        now: datetime,
        *,
        happened_at: datetime,
    ) -> Member | NameTaken | None:
        """Make somebody staff with an invitation, in the caller's transaction. None: there is no such invitation, or
        it was over when they sent it.

        NameTaken leaves the invitation as it was, provided that the caller undoes its transaction.
        """
        invitation = await staff.use_invitation(connection, self._hash(code), happened_at)
        if invitation is None:
            return None
        await self._remove_stale(connection, channel, user_id)
        member = None
        while member is None:
            called = name or _made_up(invitation.role)
            member = await self._add(
                connection, channel, user_id, person, called, invitation.role, "invitation", invitation.inviter, now
            )
            if member is None and name is not None:
                return NameTaken()
        await self._announce(connection, member, now, invitation.inviter_id or member.id)
        inviter = await staff.by_id(connection, invitation.inviter_id) if invitation.inviter_id else None
        if inviter is not None:
            await self.alerts.tell_member(
                connection,
                inviter,
                f"joined:{member.id}",
                lambda _: _("%(name)s has joined as %(role)s.", name=member.name, role=role_word(_, member.role)),
                runs=((N_("Remove"), f"/admins remove {member.name}"),),
            )
        return member

    # ── changing and removing ────────────────────────────────────────────────────────────────────

    async def change_role(
        self, connection: asyncpg.Connection, name: str, role: Role, now: datetime
    ) -> Changed | NoSuchMember | LastOwner | FromSettings:
        """Give somebody another role, in the caller's transaction."""
        found = await self._for_change(connection, name, now, loses_owner=role != "owner")
        if isinstance(found, Member):
            await staff.set_role(connection, found.id, role, now)
            if role != "owner":
                await staff.withdraw_invitations(connection, found.id, now)
            if not covers(role, cast("Role", found.role)):
                await self._withdraw_links(connection, found, now)
            return Changed(found)
        return found

    async def remove(
        self, connection: asyncpg.Connection, name: str, now: datetime
    ) -> Changed | NoSuchMember | LastOwner | FromSettings:
        """Take all rights away, in the caller's transaction; the next event of theirs is a customer's."""
        found = await self._for_change(connection, name, now, loses_owner=True)
        if isinstance(found, Member):
            await staff.remove(connection, found.id)
            await staff.withdraw_invitations(connection, found.id, now)
            await self._withdraw_links(connection, found, now)
            return Changed(found)
        return found

    async def _withdraw_links(self, connection: asyncpg.Connection, member: Member, now: datetime) -> None:
        """What somebody was given by a right they lose: downloads of codes, and codes that link a phone."""
        await bulk.end_exports(connection, member.id, now)
        await links.cancel_codes_of(connection, str(member.id), now)

    async def _for_change(
        self, connection: asyncpg.Connection, name: str, now: datetime, *, loses_owner: bool
    ) -> Member | NoSuchMember | LastOwner | FromSettings:
        await staff.lock(connection)
        return await self.changeable(connection, name, now, loses_owner=loses_owner)

    async def changeable(
        self, connection: asyncpg.Connection | asyncpg.Pool, name: str, now: datetime, *, loses_owner: bool
    ) -> Member | NoSuchMember | LastOwner | FromSettings:
        """Somebody as they are, or why nobody may change that. loses_owner: whether they would be no owner any more."""
        member = await staff.by_name(connection, name.casefold())
        if member is None:
            return NoSuchMember()
        if self.settled(member):
            return FromSettings()
        if loses_owner and member.role == "owner" and not self.admins:
            others = [each for each in await staff.everybody(connection) if each.id != member.id]
            if not any(self.role_of(each) == "owner" and not self.suspended(each, now) for each in others):
                return LastOwner()
        return member

    async def _add(
        self,
        connection: asyncpg.Connection | asyncpg.Pool,
        channel: str,
        user_id: str,
        person: str,
        name: str,
        role: str,
        origin: str,
        invited_by: str | None,
        now: datetime,
    ) -> Member | None:
        return await staff.add(
            connection,
            channel=channel,
            user_id=user_id,
            person=person,
            name=name,
            role=role,
            origin=origin,
            invited_by=invited_by,
            now=now,
        )

    async def _remove_stale(self, connection: asyncpg.Connection, channel: str, user_id: str) -> None:
        """A row that gives no rights any more (suspended, or of an older ADMINS) makes room for the new one."""
        stale = await staff.find(connection, channel, user_id)
        if stale is not None:
            await staff.remove(connection, stale.id)

    async def _announce(
        self, connection: asyncpg.Connection, member: Member, now: datetime, except_member: int | None
    ) -> None:
        """Tell the owners, but not the one who has just become one, or who is told anyway."""
        await self.alerts.tell(
            connection,
            f"admin:{member.id}",
            lambda _: _(
                "New staff: %(name)s is now %(role)s (%(channel)s).",
                name=member.name,
                role=role_word(_, member.role),
                channel=member.channel,
            ),
            now,
            runs=((N_("Remove"), f"/admins remove {member.name}"),),
            owners_only=True,
            except_member=except_member,
        )

    def _hash(self, code: str) -> bytes:
        return keyed_hash(self.secret, "invitation", code)


def role_word(_: Translator, role: str) -> str:
    """What a role is called in the reader's language; what is typed and kept is always the English word."""
    return _(ROLE_WORDS[role]) if role in ROLE_WORDS else role


def read_name(typed: str) -> str | None:
    """A name as it is kept: small letters, digits and hyphens, 20 at most. None when nothing of a name is left."""
    name = re.sub(r"[^\w]+|_+", "-", unicodedata.normalize("NFKC", typed).casefold()).strip("-")[:20].rstrip("-")
    return name if len(name) > 1 and not name.isdigit() and name not in _RESERVED else None


def _made_up(role: str) -> str:
    return f"{role}-" + "".join(secrets.choice(SYMBOLS) for _ in range(3)).lower()

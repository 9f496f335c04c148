"""Players' ids: whom in the game a customer's codes are redeemed for, where Poshen itself redeems them.

A customer tells it themself, and nobody proves it. It opens nothing: a wrong one gives one's own rewards away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from bot.services.sealing import Sealer
from bot.storage import players
from bot.storage.hashes import keyed_hash
from bot.understanding.personal import identifies, is_phone
from bot.understanding.reading import visible

EXAMPLE = "7fKq2mXw9TbLz4RnYs6VhCp1Jd3G"
"""Of the form that Unity documents: 28 letters and digits, in which case counts.
Source: https://docs.unity.com/en-us/authentication/how-authentication-works"""

SURELY_RANDOM = 16  # characters; shorter ones without a digit are names and words

# What people write before it: `玩家ID：…`, `my player id is …`, `ID: …`.
_LABEL = re.compile(
    r"(?:(?:我的|my|the)\s*)?(?:(?:玩家|遊戲|帳號|unity|player|game|user)\s*)*(?:id|編號|代號|序號|號碼)?\s*(?:是|為|is\b|[:=])\s*",
    re.IGNORECASE,
)
# Lenient: the documents promise no form. Neither blanks nor other scripts: those are sentences.
_PLAYER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:#|-]{2,99}")
_AROUND = " \t\n\"'`「」『』（）()[]【】<>。，、,.!！;；"


def read_player(text: str) -> str | None:
    """The player id that a whole message is, as it was typed; None when it cannot be one.

    A phone, an e-mail address or a national number is never taken for one.
    """
    typed = visible(text).strip(_AROUND)
    label = _LABEL.match(typed)
    typed = typed[label.end() :].strip(_AROUND) if label else typed
    if not _PLAYER.fullmatch(typed) or is_phone(typed) or identifies(typed.upper()):
        return None
    return typed if len(typed) >= SURELY_RANDOM or any(character.isdigit() for character in typed) else None


def masked(player: str) -> str:
    """`unity-12345` as `unit•••2345`: enough for its owner to know it by."""
    shown = 4 if len(player) >= 11 else 2 if len(player) >= 6 else 1
    return f"{player[:shown]}•••{player[-shown:]}"


@dataclass(frozen=True, slots=True)
class Players:
    """Remembers one player id for each customer."""

    secret: bytes
    sealer: Sealer

    async def of(self, connection: asyncpg.Connection | asyncpg.Pool, customer_id: int) -> str | None:
        """A customer's player id; None when they told none."""
        sealed = await players.of_customer(connection, customer_id)
        return self.sealer.open(sealed) if sealed else None

    async def put(self, connection: asyncpg.Connection, customer_id: int, player: str, now: datetime) -> None:
        """Remember it, instead of the one before."""
        await players.put(connection, customer_id, self.sealer.seal(player), now)

    async def remove(self, connection: asyncpg.Connection, customer_id: int) -> bool:
        """Forget it; whether there was one."""
        return await players.remove(connection, customer_id)

    def hash(self, player: str) -> bytes:
        """A name for a player that tells nobody the id."""
        return keyed_hash(self.secret, "player", player)

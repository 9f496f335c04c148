"""Chats that several take turns in: who holds one answers in it (Messenger's conversation routing)."""

from __future__ import annotations

from typing import Protocol


class Threads(Protocol):
    """How we give a chat to the people of the shop, and get it back.

    returns: whether we may take a chat back, as far as that is known; what the platform refused once is not promised.
    """

    returns: bool

    async def passes(self) -> bool:
        """Whether a chat can be passed on at all; no when nobody can tell within a second."""

    async def take(self, user_id: str) -> bool:
        """Take a chat back; whether it is ours now. Where nobody answers, the answer finds that out. Never raises."""

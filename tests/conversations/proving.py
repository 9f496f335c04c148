"""Linking a phone in tests, as staff and customers do at the counter."""

from __future__ import annotations

from chat import Bot, Chat

from bot.conversation.actions import Action

PHONE = "0912345678"  # Four gift cards of the demo, in two shops.
PROVEN = "886912345678"
EMPTY = "886987654321"  # Somebody's, but without gift cards.


async def new_code(bot: Bot, phone: str = PROVEN, *, staff: str = "line:staff") -> str:
    """A link code that staff read out."""
    async with bot.pool.acquire() as connection, connection.transaction():
        code = await bot.turns.services.linking.new_code(connection, phone, staff=staff, now=bot.clock())
    assert code is not None
    return code


async def link(chat: Chat, phone: str = PROVEN) -> None:
    """Link a phone by a code from the counter."""
    await chat.say(f"link {await new_code(chat.bot, phone)}")
    assert chat.said("Linked: %(phone)s. You can check balances any time.", phone=f"09••-•••-{phone[-3:]}")


async def packed(chat: Chat, action: Action) -> str:
    """The data of a button that an earlier version made for this person."""
    person = await chat.bot.pool.fetchval("SELECT person FROM customers WHERE person LIKE $1", f"%:{chat.user}")
    return chat.bot.turns.dispatcher.packer.pack(action, person=person, now=chat.bot.clock())

"""A customer and a member of staff at a counter: what each does, and what is written down."""

from __future__ import annotations

import io
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import zxingcpp
from chat import Bot, Chat
from hiring import PERSON, make_member
from PIL import Image

from sandbox.people import gift

CODE = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}\b")
SHOP_CODE = re.compile(r"(?<![0-9A-Z-])[0-9A-HJKMNP-TV-Z]{4}(?![0-9A-Z-])")
NAME = "保溫杯 500ml"


def give(chat: Chat, *, tickets: list[datetime] | None = None, **gifts: list[dict[str, Any]]) -> None:
    """Let a customer hold exactly this from now on."""
    held: dict[str, list[Any]] = dict(gifts)
    if tickets:
        held["tickets"] = [{"createdAt": f"{moment:%Y-%m-%dT%H:%M:%S.000Z}"} for moment in tickets]
    chat.bot.sandbox.mantago.put_client(chat.channel, chat.user, held)


def thermos(bot: Bot, name: str = NAME, days: float = 2) -> dict[str, Any]:
    """A gift of some days ago."""
    return gift(name, "lotteryGame", bot.clock() - timedelta(days=days))


async def arrive(bot: Bot, channel: str, language: str) -> Chat:
    """A customer with one gift, who has read the notice."""
    chat = bot.chat(channel, language=language)
    give(chat, physicalGifts=[thermos(bot)])
    await chat.say("english" if language == "en" else "中文")
    return chat


async def hire(bot: Bot, channel: str, language: str, role: str = "staff", name: str = "") -> Chat:
    """Make somebody new a member."""
    chat = bot.chat(channel, language=language)
    await chat.say("english" if language == "en" else "中文")
    name = name or f"{role}-{secrets.token_hex(2)}"
    await make_member(bot.pool, channel, chat.user, name, role, bot.clock())
    return chat


async def person_of(chat: Chat) -> str:
    """Their chat's key."""
    return str(await chat.bot.pool.fetchval(PERSON, chat.user))


async def ref_of(chat: Chat) -> str:
    """What staff call them."""
    row = "SELECT ref FROM customers WHERE split_part(person, ':', 3) = $1"
    return str(await chat.bot.pool.fetchval(row, chat.user))


def qr_of(chat: Chat) -> str:
    """What a camera reads on the customer's phone; "" where there is no QR code."""
    found = re.search(r"https://desk\.example(/q/[^\"']+)", str([item.message for item in chat.shown]))
    if found is None:
        return ""
    picture = Image.open(io.BytesIO(chat.bot.web.get(found[1]).data))
    (read,) = zxingcpp.read_barcodes(picture)
    return str(read.text)


@dataclass
class Counter:
    """Who stands on either side."""

    bot: Bot
    customer: Chat
    member: Chat

    async def show(self, chat: Chat | None = None) -> str:
        """Open one's gifts and show the first at the counter; returns the code that is shown."""
        chat = chat or self.customer
        await chat.say("my gifts" if chat.tag == "en" else "我的獎品")
        await chat.tap("Show at counter")
        found = CODE.search(chat.text)
        assert found, chat.text
        return found[0]

    async def scan(self) -> None:
        """What the QR on the customer's phone does on the member's: types the line (LINE), which is sent."""
        link = urlsplit(qr_of(self.customer))
        assert link.netloc == "line.me", link
        await self.member.say(unquote(link.query))

    async def hand_over(self, code: str, member: Chat | None = None) -> None:
        """Type the code and confirm."""
        member = member or self.member
        await member.say(f"/use {code}")
        await member.tap("Hand over")

    async def rows(self) -> list[dict[str, Any]]:
        """Every hand-over."""
        return [dict(row) for row in await self.bot.pool.fetch("SELECT * FROM hand_overs ORDER BY id")]

    async def standing(self) -> int:
        """How many hand-overs were not taken back."""
        return len([row for row in await self.rows() if row["undone_at"] is None])

"""Every line that the README calls worth trying, as it stands there, with what the demo's brand has set and decided."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg
import pytest
from chat import Bot, Chat

from bot.cli.demo import DECISIONS, USED_UP
from bot.cli.operator import Operator
from bot.config import Settings
from bot.wiring import brands_of
from sandbox import shop

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
TRY_IT = README[README.index("Worth trying") : README.index("### See the phones")]
ROWS = re.findall(r"^\| (`.*) \|[^|]*\|$", TRY_IT, re.MULTILINE)

# What the last answer of a row says: one of our texts, or a vendor's name for something.
SEEN = {
    "抽到的東西要去哪裡看": "Your gifts",
    "how many points are left on my account": "Your points",
    "ｗｅｌｃｏｍｅ ２０２６": "Redeemed 🎉",
    "WELCOME2026": "金幣 100",
    "我要兌換 summer 7k3m q9td 謝謝": "500 gold coins",
    "zongzi2026 先留著，下個月再用": "Redeem it",
    "FULL2026": "This code has been fully used.",
    "LATE2025": "2025",
    "換禮券": "Done ✅",
    "我的禮券": "Voucher Highlands Coffee",
    "幾點開門": "21:00",
    "NOSUCH2021": "嘗試次數較多",
    "delete my data": "Delete",
    "客服在嗎？": "已通知客服",
    "選單": "My gifts",
}


@pytest.fixture
async def demo(bot: Bot) -> Bot:
    """The bot as `giftdesk demo` leaves it at its start."""
    brand = {name.lower(): value for name, value in shop.settings().items()}
    bot.having(brands=brands_of(Settings(**{**bot.settings.model_dump(), **brand})))
    for line in DECISIONS:
        operator = Operator(bot.turns, "en")
        await operator.run(line)
        await operator.confirm("")
        assert operator.done, line
    await bot.chat("line", "hoarder").say(USED_UP.decode().strip())
    return bot


def steps(row: str) -> list[str]:
    """The lines to type and, in brackets, the buttons to tap, in their order."""
    return re.findall(r"`([^`]+)`", row)


async def do(chat: Chat, step: str) -> None:
    await (chat.tap(step[1:-1]) if step.startswith("[") else chat.say(step))


async def test_the_lines_worth_trying_work_in_the_order_they_stand(demo: Bot, tables: asyncpg.Pool) -> None:
    """One customer says all of them; each brings what it promises, and none is a sentence that is not understood.

    At the end somebody of the shop hands over what the customer shows, and makes a link code; the customer types it,
    and their gift cards are there.
    """
    chat = demo.chat("line", "yu")
    for row in ROWS:
        first = steps(row)[0]
        for step in steps(row):
            demo.ahead(seconds=10)  # Whoever sends everything at once is asked to wait.
            await do(chat, step)
        assert chat.said(SEEN[first]) or SEEN[first] in chat.text, (row, chat.text)

    assert [steps(row)[0] for row in ROWS] == list(SEEN)
    assert demo.turns.services.unclear.counted["chips"] == 0
    assert await tables.fetchval("SELECT count(*) FROM claims") == 3
    assert await tables.fetchval("SELECT count(*) FROM issues") == 1

    staff = [
        re.split(r", (?=\[)", each)
        for each in re.findall(r"--user staff\" +# (/(?:use|link).+)$", TRY_IT, re.MULTILINE)
    ]
    (use, hand_over), (link_new, make) = staff
    customer = re.findall(r"--user yu\" +# (.+)$", TRY_IT, re.MULTILINE)[0]
    member = demo.chat("line", "staff")
    await chat.say("我的獎品")
    await chat.tap("Show at counter")
    shown = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", chat.text)
    assert shown is not None, chat.text
    await member.say(use.replace("K7PQ-4M2X", shown[0]))
    await do(member, hand_over)
    assert await tables.fetchval("SELECT count(*) FROM hand_overs") == 1, member.text
    await member.say(link_new)
    await do(member, make)
    code = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", member.text)
    assert code is not None, member.text
    link, cards = customer.replace("<that code>", code[0]).split(", then ")
    await chat.say(link)
    await chat.say(cards)
    assert "生日禮品卡 2000" in chat.text, chat.text

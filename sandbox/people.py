"""The people and the gifts of the demo, in Chinese and English. All of it is invented."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import iso

Wallet = dict[str, list[Any]]

# The benchmark's customers are too many to list: whoever has such an id exists and owns a small wallet.
CROWD = {
    "line": re.compile(r"Ubadc0ffee[0-9a-f]{23}"),
    "messenger": re.compile(r"9999[0-9]{12}"),
    "instagram": re.compile(r"9998[0-9]{12}"),
}


@dataclass(slots=True)
class Person:
    """Somebody on one channel. `about` says, in both languages, what there is to see with them."""

    channel: str
    id: str
    nick: str
    name: str
    locale: str | None
    about: dict[str, str] = field(default_factory=dict)
    blocked: bool = False
    window_open: bool = True
    staff: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "channel": self.channel,
            "id": self.id,
            "nick": self.nick,
            "name": self.name,
            "locale": self.locale,
            "about": self.about,
            "blocked": self.blocked,
            "window_open": self.window_open,
            "staff": self.staff,
        }


def gift(
    name: str,
    resource: str,
    created: datetime,
    *,
    starts: datetime | None = None,
    ends: datetime | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """A gift as MantaGo lists it: the dates are there only outside of them, when `isExpired` is true."""
    item: dict[str, Any] = {"name": name, "resource": resource, "createdAt": iso(created), "isExpired": False}
    if starts and ends and now and not starts <= now <= ends:
        item |= {"isExpired": True, "startTime": iso(starts), "endTime": iso(ends)}
    return item


def _regular(now: datetime) -> Wallet:
    """A dozen gifts in every state there is."""

    def ago(days: float) -> datetime:
        return now - timedelta(days=days)

    def ahead(days: float) -> datetime:
        return now + timedelta(days=days)

    return {
        "tickets": [{"createdAt": iso(ago(days))} for days in (2, 2, 19)],
        "physicalGifts": [
            # MantaGo's own sample of a physical gift comes without isExpired; so does this one.
            {"name": "保溫杯", "resource": "lotteryGame", "createdAt": iso(ago(49))},
            gift("柿日週年限定抱枕（隨機一款）", "rewardsCard", ago(12)),
            gift("手工鳳梨酥禮盒 12 入", "unknown", ago(160), starts=ago(150), ends=ago(58), now=now),
        ],
        "virtualGifts": [
            gift("50 元折價券", "rewardsCard", ago(1)),
            gift("🎁 生日禮：大杯珍珠奶茶一杯", "lotteryGame", ago(3)),
            gift("雙 11 快閃 85 折", "campaignPrize", ago(6), starts=ahead(5), ends=ahead(12), now=now),
            gift("50 元折價券", "rewardsCard", ago(80), starts=ago(80), ends=ago(51), now=now),
            gift("Free tall latte with any breakfast set, weekdays before 11:00", "lotteryGame", ago(20)),
            gift(
                "【會員獨享】全台門市適用・滿千折百・不得與其他優惠併用・每人限用一次・逾期恕不補發電子抵用券",
                "rewardsCard",
                ago(33),
            ),
        ],
    }


def _english(now: datetime) -> Wallet:
    """A small wallet of an English speaker."""
    return {
        "tickets": [{"createdAt": iso(now - timedelta(days=4))}],
        "physicalGifts": [
            gift("Canvas tote bag, limited edition", "lotteryGame", now - timedelta(days=9)),
            gift("Enamel pin set (choose at the counter)", "rewardsCard", now - timedelta(days=40)),
        ],
        "virtualGifts": [
            gift("Buy one, get one free: iced Americano ☕", "rewardsCard", now - timedelta(days=2)),
            gift(
                "Summer pass: 20% off until the end of the season",
                "lotteryGame",
                now - timedelta(days=100),
                starts=now - timedelta(days=95),
                ends=now - timedelta(days=30),
                now=now,
            ),
            gift(
                "Winter warm-up coupon",
                "unknown",
                now - timedelta(days=1),
                starts=now + timedelta(days=10),
                ends=now + timedelta(days=40),
                now=now,
            ),
        ],
    }


_FLAVOURS = (
    "50 元折價券",
    "小杯美式咖啡",
    "限定貼紙包",
    "Free topping",
    "雙人電影票",
    "100 元購物金",
    "質感帆布袋 🎒",
)
_RESOURCES = ("rewardsCard", "lotteryGame", "unknown")


def _many(count: int) -> Callable[[datetime], Wallet]:
    """A wallet of `count` gifts, one in five of them expired, a few of them physical."""

    def wallet(now: datetime) -> Wallet:
        made: Wallet = {"tickets": [], "physicalGifts": [], "virtualGifts": []}
        for number in range(count):
            created = now - timedelta(days=number, hours=number % 7)
            expired = number % 5 == 4
            item = gift(
                f"{_FLAVOURS[number % len(_FLAVOURS)]} #{number + 1}",
                _RESOURCES[number % 3],
                created,
                starts=created,
                ends=now - timedelta(days=1, hours=number % 48) if expired else now + timedelta(days=30),
                now=now,
            )
            made["physicalGifts" if number % 6 == 5 else "virtualGifts"].append(item)
        return made

    return wallet


def _empty(_: datetime) -> Wallet:
    return {"tickets": [], "physicalGifts": [], "virtualGifts": []}


def _broken(now: datetime) -> Wallet:
    """Two good gifts among items that no documentation promised."""
    return {
        "tickets": [{"createdAt": iso(now - timedelta(days=2))}, {"createdAt": "yesterday"}],
        "physicalGifts": [gift("陶瓷馬克杯", "lotteryGame", now - timedelta(days=5)), None],
        "virtualGifts": [
            {"name": 12345, "resource": ["rewardsCard"], "createdAt": None, "isExpired": "maybe"},
            gift("100 元購物金", "rewardsCard", now - timedelta(days=8)),
        ],
    }


def _hostile(now: datetime) -> Wallet:
    """Names that try to be something else than a name."""
    names = (
        "<script>alert(1)</script>",
        "{brand} %(name)s %s {0}",
        '=HYPERLINK("https://evil.example","click")',
        "\u202egnp.tfig\u202c 右至左",
        "Z\u0351\u036b\u0343\u036a\u0302a\u035c\u0361l\u0334\u0321g\u0319\u0359o\u0337 禮物",
        "第一行\n第二行\t\x07\x1b[31m紅色",
        "👨‍👩‍👧‍👦🇹🇼🏳️‍🌈 " * 12,
        "無" * 400,
        "   ",
        "[b]粗體[/b] **bold** [red]markup[/red]",
    )
    return {
        "tickets": [],
        "physicalGifts": [],
        "virtualGifts": [gift(name, "rewardsCard", now - timedelta(days=1)) for name in names],
    }


def crowd_wallet(now: datetime) -> Wallet:
    """What everyone in the benchmark's crowd owns: six gifts."""
    return {
        "tickets": [],
        "physicalGifts": [gift("保溫杯", "lotteryGame", now - timedelta(days=9))],
        "virtualGifts": [
            gift(f"{_FLAVOURS[number]} #{number + 1}", _RESOURCES[number % 3], now - timedelta(days=number))
            for number in range(5)
        ],
    }


_WALLETS: dict[str, Callable[[datetime], Wallet]] = {
    "yu": _regular,
    "emily": _english,
    "collector": _many(37),
    "hoarder": _many(520),
    "empty": _empty,
    "broken": _broken,
    "hostile": _hostile,
    "staff": _empty,
    "counter": _empty,
}

_ABOUT = {
    "yu": {
        "zh": "一般顧客：十幾項獎品，各種狀態都有",
        "en": "a regular customer: a dozen gifts in every state",
    },
    "emily": {"zh": "使用英文的顧客", "en": "a customer who speaks English"},
    "collector": {"zh": "有 37 項獎品，需要翻頁", "en": "37 gifts, so the list has pages"},
    "hoarder": {"zh": "有 520 項獎品", "en": "520 gifts"},
    "empty": {"zh": "還沒有任何獎品", "en": "no gifts yet"},
    "stranger": {"zh": "MantaGo 不認識的人", "en": "unknown to MantaGo"},
    "broken": {"zh": "清單裡有壞掉的資料", "en": "a list with broken items in it"},
    "hostile": {"zh": "獎品名稱不懷好意", "en": "gifts whose names mean no good"},
    "staff": {
        "zh": "店長，可用管理指令（輸入 /），會收到提醒",
        "en": "an owner: staff commands (type /) and the alerts",
    },
    "counter": {
        "zh": "信義店的櫃檯工讀生（LINE）：輸入 / 看看能做什麼",
        "en": "part-time at the counter of one store (on LINE): type /",
    },
}

_NAMES = {
    "yu": ("林小雨", "zh"),
    "emily": ("Emily Carter", "en"),
    "collector": ("陳收藏", "zh"),
    "hoarder": ("黃滿倉", "zh"),
    "empty": ("王新手", "zh"),
    "stranger": ("吳名氏", "zh"),
    "broken": ("張壞檔", "zh"),
    "hostile": ("<b>Robert'); DROP TABLE</b>", "en"),
    "staff": ("周店長", "zh"),
    "counter": ("李小美", "zh"),
}

_IDS = {
    "line": {
        "yu": "U0199516341031e2b5cc9ef53cd6391d1",
        "emily": "U34f9d28692f6674ba678ded9face1a8f",
        "collector": "Ub4f3b1df65843b3abe00431a8bf27752",
        "hoarder": "Ue38d31f83dad5e5965916280faadf54f",
        "empty": "U487fca6ea448c7e924f12ceeb85cd7a2",
        "stranger": "Ub41a983fc140c8c72f5a5915c6343ba1",
        "broken": "U1a81c9ba772fe5af58e338451a9f36a5",
        "hostile": "Uff197d23cacffc0e4d434ead4b3b65fc",
        "staff": "U7d0e5c3b9a8f4e21b6c7d8e9f0a1b2c3",
        "counter": "U2c5f81d07be94a63a1d0c9e8b7f6a5d4",
    },
    "messenger": {
        "yu": "7120000000000101",
        "emily": "7120000000000202",
        "collector": "7120000000000303",
        "hoarder": "7120000000000404",
        "empty": "7120000000000505",
        "stranger": "7120000000000606",
        "broken": "7120000000000707",
        "hostile": "7120000000000808",
        "staff": "7120000000000909",
        "counter": "7120000000001010",
    },
    # Messenger's and Instagram's ids are both sent to through one address: no id may be of both.
    "instagram": {
        "yu": "8460000000000101",
        "emily": "8460000000000202",
        "collector": "8460000000000303",
        "hoarder": "8460000000000404",
        "empty": "8460000000000505",
        "stranger": "8460000000000606",
        "broken": "8460000000000707",
        "hostile": "8460000000000808",
        "staff": "8460000000000909",
        "counter": "8460000000001010",
    },
}

CHANNELS = tuple(_IDS)

# What each platform calls the languages; Instagram's profiles do not tell it, its menus follow it all the same.
LOCALES = {
    "line": {"zh": "zh-TW", "en": "en"},
    "messenger": {"zh": "zh_TW", "en": "en_US"},
    "instagram": {"zh": "zh_TW", "en": "en_US"},
}

# Where ADMINS makes the demo's owner one. A bot that knows no Instagram refuses its ids there, and does not start.
_OWNED = ("line", "messenger")


def demo_people() -> list[Person]:
    """Everybody of the demo, the default customer of each channel first."""
    return [
        Person(
            channel=channel,
            id=ids[nick],
            nick=nick,
            name=name,
            locale=LOCALES[channel][language],
            about=_ABOUT[nick],
            staff=nick == "staff" and channel in _OWNED,
        )
        for channel, ids in _IDS.items()
        for nick, (name, language) in _NAMES.items()
    ]


def demo_id(channel: str, nick: str) -> str:
    """The id of a demo person, such as `demo_id("line", "yu")`."""
    return _IDS[channel][nick]


def admins() -> str:
    """The staff members of the demo, as the setting ADMINS lists them."""
    return ",".join(f"{channel}:{demo_id(channel, 'staff')}" for channel in _OWNED)


def new_id(channel: str) -> str:
    """An id for somebody who was not there before, unlike those of the crowd and of other channels."""
    if channel == "line":
        return f"U{secrets.token_hex(16)}"
    first = {"messenger": 7, "instagram": 8}[channel]
    return str(first * 10**15 + secrets.randbelow(10**15))


def demo_wallets() -> dict[tuple[str, str], Callable[[datetime], Wallet]]:
    """Who owns what: (channel, id) to a function of the time. Whoever is missing is unknown to MantaGo."""
    return {(channel, ids[nick]): wallet for channel, ids in _IDS.items() for nick, wallet in _WALLETS.items()}


class People:
    """Everybody that the platforms know, with what tests may change about them."""

    def __init__(self) -> None:
        self._people = {(person.channel, person.id): person for person in demo_people()}

    def __iter__(self) -> Any:
        return iter(self._people.values())

    def find(self, channel: str, user: str) -> Person | None:
        """Somebody by id or by nick, or None."""
        found = self._people.get((channel, user))
        if found is None:
            found = next((p for p in self._people.values() if p.channel == channel and p.nick == user), None)
        return found

    def known(self, channel: str, user: str) -> bool:
        """Whether `user` may be written to on `channel`."""
        return (channel, user) in self._people or bool(CROWD[channel].fullmatch(user))

    def put(self, channel: str, user: str, **changes: Any) -> Person:
        """Change somebody, or add them."""
        person = self.find(channel, user)
        if person is None:
            person = Person(channel=channel, id=user, nick=user, name="新朋友", locale=None)
            self._people[channel, user] = person
        for name, value in changes.items():
            if name not in ("blocked", "locale", "name", "window_open"):
                raise ValueError(f"a person has no {name}; blocked, locale, name and window_open may be set")
            setattr(person, name, value)
        return person

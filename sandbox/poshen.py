"""Poshen's stand-in: redemption codes and rewards, with the habits of a Laravel application."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NoReturn
from zlib import crc32

from aiohttp import web

from sandbox.answers import Routes, answer, bearer, json_object, refuse, whole_number
from sandbox.clock import Clock
from sandbox.credentials import POSHEN_READ_ONLY_TOKEN, POSHEN_TOKEN

PER_PAGE = 15

# How a no to redeeming is worded, which Poshen does not document: its own names, a field for machines, or sentences.
Wording = Literal["exception", "error", "zh", "en", "silent"]
_SENTENCES = {
    "invalidCode": {"zh": "兌換碼錯誤或不存在", "en": "The redemption code is invalid."},
    "expired": {"zh": "兌換碼已過期", "en": "This code has expired."},
    "maxUsesExceeded": {"zh": "兌換碼已被全部用完", "en": "This code has already been fully used."},
    "alreadyRedeemed": {"zh": "該使用者已兌換過", "en": "You have already redeemed this code."},
}


@dataclass(frozen=True, slots=True)
class Reward:
    id: int
    code: str
    name: str
    type: str

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "code": self.code, "name": self.name, "type": self.type}


@dataclass(slots=True)
class Code:
    """A redemption code. `max_uses` and `ends` exist on the server only; Poshen does not show them."""

    id: int
    code: str
    group: int
    rewards: tuple[int, ...]
    current_uses: int = 0
    max_uses: int | None = None
    ends: datetime | None = None
    players: set[str] = field(default_factory=set)


GAMES = {1: "柿日疊疊樂", 2: "Orchard Picnic", 3: "茶行大亨"}
GROUPS = {
    5: ("新春活動", 1),
    6: ("端午活動", 3),
    7: ("Summer Campaign", 2),
    8: ("內部測試", 1),
    9: ("開幕限量", 1),
    10: ("秋季活動", 1),
}
REWARDS = (
    Reward(1, "GOLD_100", "金幣 100", "金幣"),
    Reward(2, "GOLD_1000", "金幣 1,000", "金幣"),
    Reward(3, "GEM_50", "鑽石 50", "鑽石"),
    Reward(4, "SKIN_DUANWU", "粽子造型（永久）", "造型"),
    Reward(5, "GOLD_500_EN", "500 gold coins", "Gold"),
    Reward(6, "PICNIC_SET", "Picnic basket, checked blanket and a parasol", "Furniture"),
    Reward(7, "STAMINA_10", "體力藥水 ×10", "道具"),
    Reward(8, "TICKET_GACHA", "十連抽券 🎟️", "票券"),
    Reward(9, "TITLE_VIP", "稱號「老饕」", "稱號"),
    Reward(10, "FRAME_GOLD", "金色頭像框", "造型"),
    Reward(11, "PET_CAT", "寵物：橘貓 🐈", "寵物"),
    Reward(12, "EXP_2X", "雙倍經驗卡 24 小時", "道具"),
    Reward(13, "HOSTILE", "<img src=x onerror=alert(1)> {0} %s [bold]", "\u202etype"),
)


def demo_codes(now: datetime) -> list[Code]:
    """The codes that exist at the start. Group 5 holds WELCOME2026 alone, as in Poshen's own example."""
    return [
        Code(99, "WELCOME2026", 5, (1,), current_uses=12),
        Code(101, "DRAGON-BOAT-2026", 6, (4, 7), current_uses=340),
        Code(102, "zongzi2026", 6, (7,), current_uses=3),
        Code(103, "端午快樂2026", 6, (1, 4)),
        Code(104, "SUMMER-7K3M-Q9TD", 7, (5,)),
        Code(105, "SUMMER-2N8P-X4RW", 7, (5, 6), current_uses=1),
        Code(106, "SUMMER-H6ZD-0V5C", 7, (6,)),
        Code(107, "PICNIC4U", 7, (5, 6), current_uses=77),
        Code(108, "BIGBAG2026", 6, tuple(range(1, 13)), current_uses=9),
        Code(109, "HOSTILE2026", 8, (13,)),
        Code(110, "FULL2026", 9, (1,), current_uses=100, max_uses=100),
        Code(111, "LATE2025", 10, (1,), current_uses=8, ends=now - timedelta(days=30)),
        Code(112, "NOTHING2026", 8, ()),
        *(Code(200 + number, f"TEST-{number:04d}", 8, (1 + number % 3,)) for number in range(40)),
    ]


class Poshen:
    """State: the codes and who redeemed them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.reset()

    def reset(self) -> None:
        self.codes = {code.id: code for code in demo_codes(self.clock())}
        self.rewards = {reward.id: reward for reward in REWARDS}
        self.groups = dict(GROUPS)
        self.games = dict(GAMES)
        self.history: list[dict[str, Any]] = []
        self.ignores_case = False  # True compares as MySQL does by default.
        self.wording: Wording = "exception"
        self.strangers: set[str] = set()  # player ids that Unity does not know
        self._next = 1000

    def routes(self) -> Routes:
        return [
            ("GET", "/redemption-codes", self._list),
            ("POST", "/redemption-codes", self._create),
            ("GET", "/redemption-codes/{id}", self._show),
            ("PUT", "/redemption-codes/{id}", self._move),
            ("DELETE", "/redemption-codes/{id}", self._delete),
            ("GET", "/rewards", self._rewards),
            ("POST", "/redemptions", self._redeem),
            ("POST", "/redeem", self._redeem),
            ("GET", "/redemptions", self._redemptions),
        ]

    def error_body(self, status: int) -> Any:
        """How a Laravel application words a failure that no rule of ours produced."""
        messages = {
            401: "Unauthenticated.",
            403: "This action is unauthorized.",
            404: "Not Found",
            429: "Too Many Attempts.",
            503: "Service Unavailable",
        }
        return {"message": messages.get(status, "Server Error")}

    def put_code(
        self,
        code: str,
        *,
        group: int = 7,
        rewards: tuple[int, ...] | list[int] = (1,),
        current_uses: int = 0,
        max_uses: int | None = None,
        ends: datetime | None = None,
    ) -> Code:
        """Add a code as if somebody had made it in Poshen's console; one with the same text is replaced."""
        self.remove_code(code)
        self._next += 1
        made = Code(self._next, code, group, tuple(rewards), current_uses, max_uses, ends)
        self.codes[made.id] = made
        return made

    def remove_code(self, code: str) -> bool:
        found = self._named(code)
        if found:
            del self.codes[found.id]
        return found is not None

    def as_json(self, code: Code) -> dict[str, Any]:
        """A code as Poshen shows it."""
        name, game = self.groups[code.group]
        return {
            "id": code.id,
            "code": code.code,
            "current_uses": code.current_uses,
            "group": {"id": code.group, "name": name},
            "game": {"id": game, "name": self.games[game]},
            "rewards": [self.rewards[reward].as_json() for reward in code.rewards if reward in self.rewards],
        }

    async def _list(self, request: web.Request) -> web.Response:
        self._allowed(request)
        query = request.query
        for name in ("group_id", "game_id", "per_page", "page"):
            if name in query and not query[name].isdigit():
                _invalid({name: [f"The {name.replace('_', ' ')} field must be an integer."]})
        found = list(self.codes.values())
        if "code" in query:
            named = self._named(query["code"])
            found = [named] if named else []
        if "group_id" in query:
            found = [code for code in found if code.group == int(query["group_id"])]
        if "game_id" in query:
            found = [code for code in found if self.groups[code.group][1] == int(query["game_id"])]
        page, per_page = _page(request)
        shown = found[(page - 1) * per_page : page * per_page]
        return answer(
            {
                "data": [self.as_json(code) for code in shown],
                "meta": {"current_page": page, "total": len(found)},
            }
        )

    async def _create(self, request: web.Request) -> web.Response:
        self._allowed(request, writes=True)
        body = await json_object(request) or {}
        errors: dict[str, list[str]] = {}
        code, group, rewards = body.get("code"), body.get("redemption_code_group_id"), body.get("rewards", [])
        if not code:
            errors["code"] = ["The code field is required."]
        elif not isinstance(code, str):
            errors["code"] = ["The code field must be a string."]
        elif len(code) > 255:
            errors["code"] = ["The code field must not be greater than 255 characters."]
        elif self._named(code):
            errors["code"] = ["The code has already been taken."]
        self._check_group(group, errors)
        chosen = self._check_rewards(rewards, errors)
        if errors:
            _invalid(errors)
        made = self.put_code(str(code), group=int(str(group)), rewards=chosen)
        return answer({"data": self.as_json(made)}, 201)

    async def _show(self, request: web.Request) -> web.Response:
        self._allowed(request)
        return answer({"data": self.as_json(self._found(request))})

    async def _move(self, request: web.Request) -> web.Response:
        self._allowed(request, writes=True)
        code = self._found(request)
        group = (await json_object(request) or {}).get("redemption_code_group_id")
        errors: dict[str, list[str]] = {}
        self._check_group(group, errors)
        if errors:
            _invalid(errors)
        code.group = int(str(group))
        return web.Response(status=204)

    async def _delete(self, request: web.Request) -> web.Response:
        self._allowed(request, writes=True)
        del self.codes[self._found(request).id]
        return web.Response(status=204)

    async def _rewards(self, request: web.Request) -> web.Response:
        self._allowed(request)
        page, per_page = _page(request)
        found = list(self.rewards.values())
        shown = found[(page - 1) * per_page : page * per_page]
        return answer(
            {
                "data": [reward.as_json() for reward in shown],
                "meta": {"current_page": page, "per_page": per_page, "total": len(found)},
            }
        )

    async def _redeem(self, request: web.Request) -> web.Response:
        self._allowed(request, writes=True)
        body = await json_object(request) or {}
        names = ("redemption_code", "unity_player_id")
        missing = {name: [f"The {name.replace('_', ' ')} field is required."] for name in names if not body.get(name)}
        if missing:
            _invalid(missing)
        player = str(body["unity_player_id"])
        code = self._named(str(body["redemption_code"]))
        # In the order of Poshen's documents: the code, its uses, then the player.
        if code is None:
            self._no(404, "invalidCode")
        if code.ends and code.ends <= self.clock():
            self._no(409, "expired")
        if code.max_uses is not None and code.current_uses >= code.max_uses:
            self._no(409, "maxUsesExceeded")
        if player in self.strangers:
            refuse(404, {"message": f"No query results for model [App\\Models\\User] {player}"})
        if player in code.players:
            self._no(409, "alreadyRedeemed")
        self.redeem(code, player)
        return answer({"data": [self.rewards[reward].as_json() for reward in code.rewards]})

    def redeem(self, code: Code, player: str) -> None:
        """Write a player's redemption down, as the game does it, too."""
        code.players.add(player)
        code.current_uses += 1
        self.history.append(
            {
                "id": len(self.history) + 1,
                "user": {"id": crc32(player.encode()) % 100_000, "unity_player_id": player, "email": None},
                "redemption_code": {
                    "id": code.id,
                    "code": code.code,
                    "group_id": code.group,
                    "total_uses": code.current_uses,
                },
                "redeemed_at": self.clock().isoformat(),
            }
        )

    def _no(self, status: int, reason: str) -> NoReturn:
        """A no to redeeming, in the wording that is set."""
        match self.wording:
            case "exception":
                refuse(status, {"message": f"RedemptionException::{reason}"})
            case "error":
                refuse(status, {"message": "The code could not be redeemed.", "error": reason})
            case "silent":
                refuse(status, {"message": "The code could not be redeemed."})
            case language:
                refuse(status, {"message": _SENTENCES[reason][language]})

    async def _redemptions(self, request: web.Request) -> web.Response:
        self._allowed(request)
        page, per_page = _page(request)
        query = request.query
        found = [
            entry
            for entry in reversed(self.history)
            if query.get("code") in (None, entry["redemption_code"]["code"])
            and query.get("user_id") in (None, str(entry["user"]["id"]))
        ]
        shown = found[(page - 1) * per_page : page * per_page]
        return answer({"data": shown, "meta": {"current_page": page, "total": len(found)}})

    def _named(self, text: str) -> Code | None:
        if self.ignores_case:
            text = text.rstrip().casefold()
            return next((code for code in self.codes.values() if code.code.casefold() == text), None)
        return next((code for code in self.codes.values() if code.code == text), None)

    def _found(self, request: web.Request) -> Code:
        text = request.match_info["id"]
        code = self.codes.get(int(text)) if text.isdecimal() else None
        if code is None:
            refuse(404, {"message": f"No query results for model [App\\Models\\RedemptionCode] {text}"})
        return code

    def _check_group(self, group: Any, errors: dict[str, list[str]]) -> None:
        field_name = "redemption_code_group_id"
        if group is None:
            errors[field_name] = ["The redemption code group id field is required."]
        elif not isinstance(group, int) or isinstance(group, bool):
            errors[field_name] = ["The redemption code group id field must be an integer."]
        elif group not in self.groups:
            errors[field_name] = ["The selected redemption code group id is invalid."]

    def _check_rewards(self, rewards: Any, errors: dict[str, list[str]]) -> list[int]:
        if not isinstance(rewards, list):
            errors["rewards"] = ["The rewards field must be an array."]
            return []
        chosen: list[int] = []
        for index, item in enumerate(rewards):
            reward = item.get("reward_id") if isinstance(item, dict) else None
            if reward is None:
                errors[f"rewards.{index}.reward_id"] = [f"The rewards.{index}.reward_id field is required."]
            elif reward not in self.rewards:
                errors[f"rewards.{index}.reward_id"] = [f"The selected rewards.{index}.reward_id is invalid."]
            else:
                chosen.append(reward)
        return chosen

    def _allowed(self, request: web.Request, *, writes: bool = False) -> None:
        token = bearer(request)
        if token not in (POSHEN_TOKEN, POSHEN_READ_ONLY_TOKEN):
            if "json" not in request.headers.get("Accept", ""):
                # Laravel sends whoever does not ask for JSON to its log-in page.
                refuse(302, "<html><body>Redirecting to login</body></html>", {"Location": "/poshen/login"})
            refuse(401, {"message": "Unauthenticated."})
        if writes and token == POSHEN_READ_ONLY_TOKEN:
            refuse(403, {"message": "This action is unauthorized."})


def _page(request: web.Request) -> tuple[int, int]:
    page = whole_number(request.query.get("page"), 1)
    return page, whole_number(request.query.get("per_page"), PER_PAGE, most=100)


def _invalid(errors: dict[str, list[str]]) -> NoReturn:
    first = next(iter(errors.values()))[0]
    others = len(errors) - 1
    more = f" (and {others} more error{'s' if others > 1 else ''})" if others else ""
    refuse(422, {"message": first + more, "errors": errors})

"""Got It's stand-in: the token, the catalog and the issue of vouchers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal, NoReturn

from aiohttp import web

from sandbox import shop
from sandbox.answers import Routes, answer, bearer, json_object, refuse, whole_number
from sandbox.clock import Clock
from sandbox.credentials import (
    GOTIT_APP_UUID,
    GOTIT_CLIENT_ID,
    GOTIT_CLIENT_SECRET,
    signed_token,
    token_claims,
)

BASE = "/api/rewardhub/v1.0"
LIFETIME = timedelta(seconds=1_296_000)
IMAGES = "https://img-stg.gotit.vn/compress"


def _gift(
    ids: tuple[int, int], value: int, brand: str, pictures: tuple[str, str], name: str | None = None
) -> dict[str, Any]:
    (gift_id, price_id), (image, logo) = ids, pictures
    return {
        "type": "voucher",
        "gift_id": gift_id,
        "price_id": price_id,
        "price_value": value,
        "name": name or f"Voucher {brand}",
        "image": f"{IMAGES}/580x580/{image}.png",
        "brand": {"logo": f"{IMAGES}/brand/{logo}.png", "name": brand},
        "url": f"products/{gift_id}",
    }


# What the shop itself gives for points, the cheapest being the ninth.
_OWN = (
    ("冬瓜檸檬 Winter melon lemon tea", "tea"),
    ("古早味紅茶 Old-style black tea", "tea"),
    ("四季春青茶 Four Seasons oolong", "tea"),
    ("珍珠鮮奶茶 Bubble milk tea", "bubble-tea"),
    ("柿子戚風蛋糕 Persimmon chiffon cake", "cake"),
    ("鐵觀音拿鐵 Tieguanyin latte", "coffee"),
    ("抹茶生乳蛋糕 Matcha cream cake", "cake"),
    ("雙人下午茶 Afternoon tea for two", "set"),
    ("現烤蛋塔 Egg tart", "tart"),
    ("英式司康 Scone", "bread"),
    ("奶油可頌 Butter croissant", "bread"),
    ("檸檬塔 Lemon tart", "tart"),
    ("桂花烏龍 Osmanthus oolong", "tea"),
    ("鳳梨酥禮盒 Pineapple cakes, box of 4", "box"),
    ("冷泡茶三入組 Cold brew tea, 3 bottles", "bottle"),
    ("柿餅乳酪蛋糕 Dried persimmon cheesecake", "cake"),
)


def demo_gifts() -> list[dict[str, Any]]:
    """The catalog; its first two entries are those of Got It's own example."""
    return [
        _gift((422, 1899), 100_000, "Highlands Coffee", ("2025/09/1758182739_EuMAg", "1507286551_cmUef")),
        _gift((1561, 1789), 50_000, "VNVC", ("2025/10/1760429959_ZCj5n", "2023/06/1687338533_Tsw5z")),
        _gift((701, 2101), 50_000, "The Coffee House", ("coffee", "tch")),
        _gift((701, 2102), 100_000, "The Coffee House", ("coffee", "tch")),
        _gift((733, 2140), 200_000, "CGV Cinemas", ("ticket", "cgv"), "Vé xem phim CGV 2D"),
        _gift((790, 2203), 500_000, "WinMart", ("bag", "win"), "Phiếu mua hàng WinMart"),
        _gift((812, 2260), 20_000, "Phúc Long", ("tea", "pl")),
        _gift((845, 2299), 30_000, "Gong Cha", ("bubble-tea", "gc"), "Gong Cha 貢茶 – Trà sữa trân châu"),
        _gift((901, 2310), 1_000_000, "Thế Giới Di Động", ("phone", "tgdd")),
        *(
            _gift((1_000 + number, 3_000 + number), 10_000 * (1 + number % 9), shop.NAME, (picture, "sign"), name)
            for number, (name, picture) in enumerate(_OWN, 1)
        ),
    ]


class GotIt:
    """State: the catalog and what was issued under which request id."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.reset()

    def reset(self) -> None:
        self.gifts = demo_gifts()
        self.issued: dict[str, dict[str, Any]] = {}
        # Undocumented: a repeated request id may bring the first answer again, or be refused.
        self.repeats: Literal["original", "refused"] = "original"
        # Undocumented, too: whether a voucher's end is told, and how far away it is then.
        self.good_for: timedelta | None = None
        self._valid_after = 0.0

    def routes(self) -> Routes:
        return [
            ("POST", f"{BASE}/token", self._token),
            ("GET", f"{BASE}/gifts", self._list),
            ("POST", f"{BASE}/gifts/issue", self._issue),
            ("GET", f"{BASE}/gifts/issue", self._wrong_method),
        ]

    def error_body(self, status: int) -> Any:
        """How Got It words a failure that no rule of ours produced."""
        messages = {
            401: "Unauthorized",
            403: "Forbidden",
            404: "Not Found",
            405: "Method Not Allowed",
            419: "Token Expired",
            503: "Service Unavailable",
            504: "Gateway Timeout",
        }
        return _envelope(status, messages.get(status, "Internal server error. Please try again later"))

    def expire_tokens(self) -> None:
        """Make every token given out so far too old: its next use answers 419."""
        self._valid_after = self.clock().timestamp() + 0.001

    async def _token(self, request: web.Request) -> web.Response:
        body = await json_object(request) or {}
        rules = (
            ("client_id", "Client ID", 4002, 4003),
            ("client_secret", "Client Secret", 4004, 4005),
            ("app_uuid", "App UUID", 4006, 4007),
        )
        for name, title, missing, invalid in rules:
            value = body.get(name)
            if value is None or value == "":
                _fail(400, missing, f"The {title} field is required.")
            if not isinstance(value, str) or len(value) > 255:
                _fail(400, invalid, f"The {title} field is invalid.")
        if (body["client_id"], body["client_secret"]) != (GOTIT_CLIENT_ID, GOTIT_CLIENT_SECRET):
            _fail(400, 4001, "client_id or client_secret is invalid")
        if body["app_uuid"] != GOTIT_APP_UUID:
            _fail(400, 4007, "The App UUID field is invalid.")
        now = self.clock()
        issued_at = max(now.timestamp(), self._valid_after)
        claims = {"aud": GOTIT_CLIENT_ID, "iat": issued_at, "exp": (now + LIFETIME).timestamp()}
        data = {
            "token_type": "Bearer",
            "expires_in": int(LIFETIME.total_seconds()),
            "access_token": signed_token(claims | {"scopes": ["gotit_external_reward_hub"]}),
        }
        return answer(_envelope(200, "Success", data))

    async def _list(self, request: web.Request) -> web.Response:
        self._allowed(request)
        query = request.query
        found = [gift for gift in self.gifts if query.get("name", "").lower() in gift["name"].lower()]
        try:
            least = float(query.get("from_point", 0))
            most = float(query.get("to_point", "inf"))
        except ValueError:
            _fail(400, 400, "The from_point and to_point fields must be numbers.")
        if most < least:
            _fail(400, 400, "The to_point field must be greater than or equal to from_point.")
        if query.get("sort_by", "id") not in ("id", "point") or query.get("dir", "asc") not in (
            "asc",
            "desc",
        ):
            _fail(400, 400, "The sort_by or dir field is invalid.")
        found.sort(key=lambda gift: (gift["gift_id"], gift["price_id"]), reverse=query.get("dir") == "desc")
        if "sort_by" not in query and "dir" not in query:
            # Got It's own example is not in the order of ids either.
            found = [gift for gift in self.gifts if gift in found]
        page = whole_number(query.get("page"), 1)
        per_page = whole_number(query.get("per_page"), 10, most=100)
        shown = found[(page - 1) * per_page : page * per_page]
        first = (page - 1) * per_page + 1
        return answer(
            {
                "data": shown,
                "from": first if shown else None,
                "to": first + len(shown) - 1 if shown else None,
                "current_page": page,
                "last_page": max(1, -(-len(found) // per_page)),
                "per_page": per_page,
                "total": len(found),
            }
        )

    async def _issue(self, request: web.Request) -> web.Response:
        self._allowed(request)
        body = await json_object(request) or {}
        _check_issue(body)
        names = {(gift["gift_id"], gift["price_id"]): gift["name"] for gift in self.gifts}
        request_id = body["request_id"]
        if request_id in self.issued:
            if self.repeats == "refused":
                _fail(400, 4100, "The request ID has already been used.")
            return answer(_envelope(200, "success", self.issued[request_id]))
        items = []
        for item in body["items"]:
            product = item.get("product_id", item.get("gift_id"))
            name = names.get((product, item["price_id"]))
            if name is None:
                _fail(404, 404, "Not Found")
            items.append({"product_id": product, "product_name": name, "quantity": item["quantity"]})
        if self.good_for is not None:
            items = [item | {"expired_date": (self.clock() + self.good_for).isoformat()} for item in items]
        self.issued[request_id] = {
            "transaction_id": request_id,
            "issuer_identify_id": body.get("issuer_identify_id"),
            "recipient_identify_id": body["recipient_identify_id"],
            "created_at": self.clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "items": items,
        }
        return answer(_envelope(200, "success", self.issued[request_id]))

    async def _wrong_method(self, _: web.Request) -> web.Response:
        _fail(405, 405, "Method Not Allowed")

    def _allowed(self, request: web.Request) -> None:
        claims = token_claims(bearer(request))
        if claims is None or claims.get("aud") != GOTIT_CLIENT_ID:
            _fail(401, 401, "Unauthorized")
        now = self.clock().timestamp()
        if float(str(claims["exp"])) <= now or float(str(claims["iat"])) < self._valid_after:
            _fail(419, 419, "Token expired. Please request a new token")


def _check_issue(body: dict[str, Any]) -> None:
    def wrong(name: str) -> NoReturn:
        _fail(400, 400, f"The {name} field is required or invalid.")

    for name in ("request_id", "recipient_identify_id"):
        if not isinstance(body.get(name), str) or not 1 <= len(body[name]) <= 255:
            wrong(name)
    source = body.get("source")
    if source not in ("externalService", "rewardhub"):
        wrong("source")
    if source == "externalService" and not body.get("issuer_identify_id"):
        wrong("issuer_identify_id")
    if source == "rewardhub" and not isinstance(body.get("current_point"), int):
        wrong("current_point")
    items = body.get("items")
    if not isinstance(items, list) or not items:
        wrong("items")
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            wrong(f"items.{number}")
        if not isinstance(item.get("product_id", item.get("gift_id")), int):
            wrong(f"items.{number}.product_id")
        for name in ("price_id", "quantity"):
            if not isinstance(item.get(name), int) or item[name] < 1:
                wrong(f"items.{number}.{name}")
        if source == "rewardhub" and not isinstance(item.get("point"), int):
            wrong(f"items.{number}.point")


def _envelope(code: int, message: str, data: Any = None) -> dict[str, Any]:
    return {"statusCode": code, "statusMessage": message, "data": {} if data is None else data}


def _fail(status: int, code: int, message: str) -> NoReturn:
    refuse(status, _envelope(code, message))

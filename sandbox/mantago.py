"""MantaGo's stand-in: one client's gifts, points, and the exchange of the token pair."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

import orjson
from aiohttp import web

from sandbox.answers import Routes, answer, bearer, json_object, refuse
from sandbox.clock import Clock
from sandbox.credentials import (
    MANTAGO_BOT_ID,
    MANTAGO_LIFETIME,
    MANTAGO_SECRET,
    mantago_token,
    token_claims,
)
from sandbox.people import CROWD, Wallet, crowd_wallet, demo_wallets

# MantaGo's name of a channel, and ours.
PLATFORMS = {"line": "line", "facebook": "messenger", "instagram": "instagram"}
POINTS = 30  # of everybody whom MantaGo knows, unless told otherwise
OTHER_PLATFORMS = ("liveChat", "whatsapp")

TOKEN_INVALID, NO_PERMISSION, STALE_PAIR, MISSING = 1004, 1002, 120000, 110000
BOT_UNKNOWN, NOT_INTEGRATED, CLIENT_UNKNOWN = 5001, 11001, 37011


class MantaGo:
    """State: who owns what, and which token pair is the current one."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.reset()

    def reset(self) -> None:
        self.secret = MANTAGO_SECRET
        self.generation = 0
        self.points: dict[tuple[str, str], int | None] = {}
        self._wallets: dict[tuple[str, str], Callable[[datetime], Wallet]] = demo_wallets()
        self._ready: dict[tuple[str, str], bytes] = {}
        self._crowd: bytes | None = None

    def routes(self) -> Routes:
        return [
            ("POST", "/openapi/client/gift", self._gifts),
            ("POST", "/openapi/client/point", self._points),
            ("POST", "/openapi/token", self._exchange),
        ]

    def error_body(self, status: int) -> Any:
        """How MantaGo words a failure that no rule of ours produced."""
        messages = {
            401: "Token invalid",
            403: "Permission denied",
            404: "Not found",
            429: "Too many requests",
        }
        codes = {401: TOKEN_INVALID, 403: NO_PERMISSION, 404: CLIENT_UNKNOWN, 429: 429}
        return _error(codes.get(status, status), messages.get(status, "Internal server error"))

    def put_client(self, platform: str, user: str, gifts: dict[str, Any] | None) -> None:
        """Give a client exactly these gifts; None forgets the client. `platform` may be ours or theirs."""
        key = (PLATFORMS.get(platform, platform), user)
        self._ready.pop(key, None)
        if gifts is None:
            self._wallets.pop(key, None)
            return
        held = {name: gifts.get(name, []) for name in ("tickets", "physicalGifts", "virtualGifts")}
        self._wallets[key] = lambda _: held

    def put_points(self, platform: str, user: str, points: int | None) -> None:
        """Count so many points for a client; None: MantaGo does not tell of them. `platform` may be ours or theirs."""
        self.points[PLATFORMS.get(platform, platform), user] = points

    def refresh(self) -> tuple[str, str]:
        """Make a new token and secret, as the exchange and the console's button do. The former pair is dead at once."""
        self.generation += 1
        self.secret = secrets.token_urlsafe(24)
        return mantago_token(self.clock(), generation=self.generation, left=MANTAGO_LIFETIME), self.secret

    async def _gifts(self, request: web.Request) -> web.Response:
        body = await self._allowed(request)
        key = self._client(request, body)
        return answer(self._gift_list(key))

    def _gift_list(self, key: tuple[str, str]) -> bytes:
        ready = self._ready.get(key)
        if ready is not None:
            return ready
        wallet = self._wallets.get(key)
        if wallet is None:
            if not CROWD[key[0]].fullmatch(key[1]):
                _fail(404, CLIENT_UNKNOWN, "Client not found")
            if self._crowd is None:
                self._crowd = _listed(crowd_wallet(self.clock()))
            return self._crowd
        # Rendered once: a client's list must not change by itself between two looks at it.
        self._ready[key] = _listed(wallet(self.clock()))
        return self._ready[key]

    async def _points(self, request: web.Request) -> web.Response:
        body = await self._allowed(request)
        platform, users = body.get("platform"), body.get("platformClientIds") or []
        if platform not in PLATFORMS or not isinstance(users, list) or not 1 <= len(users) <= 100:
            _fail(400, MISSING, "platform and 1 to 100 platformClientIds are required")
        counted = [(user, self._counted(PLATFORMS[platform], user)) for user in users]
        return answer(
            {
                "success": True,
                "message": "Get client points successfully",
                "points": [
                    {"platform": platform, "platformClientId": user, "points": points}
                    for user, points in counted
                    if points is not None
                ],
            }
        )

    def _counted(self, channel: str, user: str) -> int | None:
        known = (channel, user) in self._wallets or CROWD[channel].fullmatch(user)
        return self.points.get((channel, user), POINTS if known else None)

    async def _exchange(self, request: web.Request) -> web.Response:
        await self._allowed(request, expired_too=True)
        token, secret = self.refresh()
        message = "Exchange token successfully"
        return answer({"success": True, "message": message, "apiToken": token, "apiSecret": secret})

    async def _allowed(self, request: web.Request, *, expired_too: bool = False) -> dict[str, Any]:
        claims = token_claims(bearer(request))
        if claims is None or "exp" not in claims:
            _fail(401, TOKEN_INVALID, "Token is invalid or expired")
        if int(str(claims.get("generation", 0))) < self.generation:
            _fail(401, STALE_PAIR, "This token has been replaced")
        if not expired_too and float(str(claims["exp"])) <= self.clock().timestamp():
            _fail(401, TOKEN_INVALID, "Token is invalid or expired")
        bot = request.query.get("botId")
        if not bot:
            _fail(400, MISSING, "botId is required")
        if bot != MANTAGO_BOT_ID:
            _fail(404, BOT_UNKNOWN, "Bot not found", bot=bot)
        body = await json_object(request)
        if body is None or not isinstance(body.get("secret"), str):
            _fail(400, MISSING, "secret is required")
        if body["secret"] != self.secret:
            _fail(403, NO_PERMISSION, "Permission denied", bot=bot)
        return body

    def _client(self, request: web.Request, body: dict[str, Any]) -> tuple[str, str]:
        platform = body.get("platform") or request.query.get("platform")
        user = body.get("platformClientId") or request.query.get("platformClientId")
        if body.get("clientId"):
            if platform or user:
                _fail(400, MISSING, "Provide either clientId or platform and platformClientId")
            _fail(404, CLIENT_UNKNOWN, "Client not found")
        if not platform or not isinstance(user, str) or not user:
            _fail(400, MISSING, "Provide either clientId or platform and platformClientId")
        if platform in OTHER_PLATFORMS:
            _fail(404, NOT_INTEGRATED, "Integration not found")
        if platform not in PLATFORMS:
            _fail(400, MISSING, "platform is not supported")
        return PLATFORMS[platform], user


def _listed(wallet: Wallet) -> bytes:
    return orjson.dumps({"success": True, "message": "Get client gifts successfully", **wallet})


def _error(code: int, message: str, bot: str | None = None) -> dict[str, Any]:
    details: dict[str, Any] = {"message": message, "code": code}
    if bot is not None:
        details["botId"] = bot
    return {"success": False, "errResponse": details}


def _fail(status: int, code: int, message: str, *, bot: str | None = None) -> NoReturn:
    refuse(status, _error(code, message, bot))

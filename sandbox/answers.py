"""What every stand-in is made of: a route table and quick JSON answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import orjson
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Routes = list[tuple[str, str, Handler]]


class RefusedError(Exception):
    """A handler's short way out: the answer to give instead of going on."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers


def refuse(status: int, body: Any, headers: dict[str, str] | None = None) -> NoReturn:
    raise RefusedError(status, body, headers)


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """`body` as a response: bytes and text as they are, anything else as JSON."""
    if isinstance(body, bytes):
        return web.Response(body=body, status=status, headers=headers, content_type="application/json")
    if isinstance(body, str):
        content_type = "text/html" if body.lstrip().startswith("<") else "text/plain"
        return web.Response(text=body, status=status, headers=headers, content_type=content_type)
    return web.Response(body=orjson.dumps(body), status=status, headers=headers, content_type="application/json")


async def json_object(request: web.Request) -> dict[str, Any] | None:
    """The request's body when it is a JSON object, else None."""
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def bearer(request: web.Request) -> str:
    """The token of the Authorization header, or an empty string."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def whole_number(text: str | None, default: int, *, least: int = 1, most: int = 1_000_000) -> int:
    """`text` as a number within bounds, or `default` when it is none."""
    try:
        return min(max(int(text or default), least), most)
    except ValueError:
        return default

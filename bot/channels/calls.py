"""One call to a platform: what came back, or which of the two ways it did not."""

from __future__ import annotations

import asyncio

import aiohttp
import httpx
import orjson

from bot.apis.http import never_sent
from bot.channels import Json
from bot.channels.limits import record

READ_SECONDS = 6.0
CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 12.0
PROFILE_SECONDS = 1.0  # A profile never delays an answer for longer.
CONNECTIONS = 100


class NotSentError(Exception):
    """The request surely did not leave."""


class LostError(Exception):
    """The request left and no answer came."""


async def exchange(http: httpx.AsyncClient, request: httpx.Request) -> tuple[httpx.Response, Json]:
    """Send; the response with its body, empty when that is no JSON object. Raises NotSentError or LostError."""
    response: httpx.Response | None = None
    content = b""
    # Errors of httpx and aiohttp quote URLs: none of them leaves this function.
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            response = await http.send(request, stream=True)
            try:
                content = await response.aread()
            finally:
                await response.aclose()
    except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
        if response is None:
            raise (NotSentError if never_sent(error) else LostError) from None
        # The status came, and it says what happened; a broken body changes nothing.
    try:
        return response, record(orjson.loads(content))
    except orjson.JSONDecodeError:
        return response, {}


def timeouts(read_seconds: float) -> Json:
    """The extension of a request that limits how long its parts may take."""
    return {"timeout": httpx.Timeout(read_seconds, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS).as_dict()}

"""One call to a platform: what came back, or which of the two ways it did not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp
import orjson

from bot.apis.http import Http, never_sent, read_body, timeouts
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


async def exchange(
    http: Http,
    method: str,
    url: str,
    content: bytes | None,
    headers: Mapping[str, str],
    read_seconds: float,
) -> tuple[aiohttp.ClientResponse, Json]:
    """Send; the response, and its body, empty when that is no JSON object. Raises NotSentError or LostError."""
    response: aiohttp.ClientResponse | None = None
    body: bytes | None = None
    limits = timeouts(CONNECT_SECONDS, read_seconds)
    # aiohttp's errors quote URLs: none of them leaves this function.
    try:
        async with asyncio.timeout(TOTAL_SECONDS), http.request(method, url, content, headers, limits) as response:
            body = await read_body(response)
    except (aiohttp.ClientError, OSError) as error:
        if response is None:
            raise (NotSentError if never_sent(error) else LostError) from None
        # The status came, and it says what happened; a broken body changes nothing.
    try:
        return response, record(orjson.loads(body or b""))
    except orjson.JSONDecodeError:
        return response, {}

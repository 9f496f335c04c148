"""One call to a platform: what came back, or which of the two ways it did not."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import orjson

from bot.apis.http import timeouts
from bot.apis.transport import NEVER_SENT, prepared
from bot.channels import Json
from bot.channels.limits import record
from bot.telemetry import tracing

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
    http: httpx.AsyncClient,
    method: str,
    url: str,
    content: bytes | None,
    headers: Mapping[str, str],
    read_seconds: float,
) -> tuple[httpx.Response, Json]:
    """Send; the response, and its body, empty when that is no JSON object. Raises NotSentError or LostError."""
    request = prepared(method, url, headers, content, timeouts(CONNECT_SECONDS, read_seconds, TOTAL_SECONDS))
    # httpx's errors hold the request: none of them leaves this function. Addresses hold people's ids: no span has one.
    with tracing.span("platform call", "client", method=method) as told:
        try:
            response = await http.send(request, stream=True)
        except httpx.RequestError as error:
            raise (NotSentError if isinstance(error, NEVER_SENT) else LostError) from None
        told.set(status=response.status_code)
    try:
        body = await response.aread()
    except httpx.RequestError:
        body = b""  # The status came, and it says what happened; a broken body changes nothing.
    try:
        return response, record(orjson.loads(body))
    except orjson.JSONDecodeError:
        return response, {}

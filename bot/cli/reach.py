"""Whether the internet reaches us at PUBLIC_URL, and whether what is signed arrives as it was sent. For the doctor.

It goes the way of the platforms: each channel's webhook without events, signed as the platform would sign it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Literal

import httpx

from bot.apis.transport import authorities
from bot.channels import known
from bot.config import Settings

SECONDS = 10.0
NEAR = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - what HOST may say, and who answers then

Reached = tuple[Literal["good", "note", "bad"], str]


async def reached(settings: Settings) -> list[Reached]:
    """What is to be said of PUBLIC_URL, which is set. `note`: perhaps only nothing runs yet."""
    url = settings.public_url
    said: list[Reached] = []
    if not url.startswith("https://"):
        said.append(("note", f"{url} is not https: no platform delivers there, and no customer can open it"))
    verify = ssl.create_default_context(cafile=authorities())
    knocks = {
        channel.path or channel.name: channel.knocks(settings)
        for channel in known.CHANNELS
        if channel.knocks and settings.has(channel.group)
    }
    async with httpx.AsyncClient(verify=verify, timeout=SECONDS, trust_env=False) as http:
        found = await asyncio.gather(*(_knock(http, settings, path, *knock) for path, knock in knocks.items()))
    return said + list(dict.fromkeys(found))


async def _knock(
    http: httpx.AsyncClient, settings: Settings, path: str, body: bytes, signed: Mapping[str, str]
) -> Reached:
    async def status(where: str) -> int:
        headers = {"Content-Type": "application/json; charset=utf-8", **signed}
        return (await http.post(f"{where}/webhooks/{path}", content=body, headers=headers)).status_code

    public, url = settings.public_url, f"{settings.public_url}/webhooks/{path}"
    near = f"http://{NEAR.get(settings.host, settings.host)}:{settings.port}"
    try:
        code = await status(public)
    except httpx.HTTPError as error:
        if "CERTIFICATE" in str(error).upper():
            text = f"the certificate of {public} is not one that platforms accept: {error}"
            return "bad", f"{text}. It must be from an authority that everybody knows, with its whole chain"
        text = (
            f"nothing answers at {public} as seen from here ({type(error).__name__}): start `giftdesk serve`, look at"
        )
        return "note", f"{text} DNS, firewall and proxy, and run this again"
    if code == 200:
        return "good", f"{public} is us, and what is signed arrives there as it was sent"
    if code == 401:
        try:
            right = await status(near) == 200
        except httpx.HTTPError:
            right = False
        if right:
            text = f"a proxy before {url} changes what it hands on: the same signature is right at {near}"
            return "bad", f"{text}. Body and signature header must arrive byte by byte, see docs/deploying.md"
        text = f"{url} does not believe our signature: another secret runs there, or a proxy changes the body or drops"
        return "bad", f"{text} the signature's header; run this beside the web process to know which"
    if code in {502, 503, 504}:
        text = f"{url} answers HTTP {code}: the proxy is there, and behind it no web process with its database"
        return "note", f"{text}; start `giftdesk serve`, and run this again"
    if 300 <= code < 400:
        return (
            "bad",
            f"{url} leads elsewhere (HTTP {code}), and platforms do not follow: set PUBLIC_URL to where it leads",
        )
    text = f"{url} answers HTTP {code}, which is not us: the proxy must hand on what is posted below /webhooks/, and"
    return "bad", f"{text} PUBLIC_URL must be the address without that"

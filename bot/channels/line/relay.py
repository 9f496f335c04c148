"""Other tools on LINE's channel, which has one webhook address: who they are, and what each is passed on of a webhook.

Source: https://developers.line.biz/en/docs/messaging-api/receiving-messages/ (one webhook URL for each channel, the
signature, events that are delivered again with the same webhookEventId).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson

from bot.channels import Json
from bot.channels.limits import record, word
from bot.channels.line.slices import as_repeat, body_of, events_of, without_token
from bot.config import Settings
from bot.partners import Partner, introduce
from bot.storage.arrivals import RELAY, RelayState

if TYPE_CHECKING:
    from bot.services.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Target:
    """Another tool. key: of its address, in tables. name: what customers and staff call it."""

    key: str
    name: str
    url: str

    @property
    def part(self) -> str:
        """Its name among those whom we call."""
        return f"{RELAY}{self.key}"


def targets_of(settings: Settings) -> tuple[Target, ...]:
    """Everybody whom events are passed on to. Whoever has no name of their own is called by their host."""
    urls = settings.line_relay_url
    names = settings.line_relay_name or tuple(urlsplit(url).netloc for url in urls)
    found = tuple(
        Target(hashlib.sha256(url.encode()).hexdigest()[:12], name, url) for url, name in zip(urls, names, strict=True)
    )
    for target in found:
        # It knows us by the channel secret alone, with which we sign.
        introduce(target.part, Partner(target.name, "LINE_CHANNEL_SECRET"))
    return found


@dataclass(frozen=True, slots=True)
class Copies:
    """Makes what each target is to have of a webhook. sealer: bodies are kept sealed, as phones are."""

    targets: Sequence[Target]
    state: RelayState
    sealer: Sealer

    def of(self, body: bytes, signature: str, events: Sequence[tuple[str, Json]]) -> list[list[Json]]:
        """Rows for each event of a body, see `Arrival.copies`. signature: LINE's, of the whole body.

        A body with one event goes on byte for byte where everything does; of several each goes on its own way, so that
        none waits for what another's turn asks of a vendor.
        """
        whole = body.decode("utf-8", "replace")
        try:
            slices: list[str] = events_of(whole)
        except ValueError:
            slices = []
        if len(slices) != len(events):  # Names that stand there twice, and what else no platform sends.
            slices = [_written(raw) for _, raw in events]
        as_it_is = self.state is RelayState.ALL and len(events) == 1 and whole.encode() == body
        found: list[list[Json]] = []
        for (account, raw), cut in zip(events, slices, strict=True):
            kept = sealed(whole, signature) if as_it_is else sealed(body_of(account, cut))
            message_id = word(record(raw.get("message")).get("id"))
            row = {"state": self.state, "message_id": message_id, "body": self.sealer.seal(kept).decode()}
            found.append([{"target": target.key, **row} for target in self.targets] if cut else [])
        return found


def _written(raw: Json) -> str:
    """An event written anew; "" for what nests beyond what any platform sends."""
    try:
        return orjson.dumps(raw).decode()
    except TypeError:
        return ""


def sealed(body: str, signature: str = "") -> str:
    """A body as it is kept, with LINE's own signature where it holds."""
    return f"{signature}\n{body}"


def request_of(kept: str, secret: str, *, again: bool, without: bool) -> tuple[bytes, dict[str, str]]:
    """Body and headers of one try. again: perhaps they have it. without: the reply token is not theirs."""
    signature, _, text = kept.partition("\n")
    if again:
        text = as_repeat(text)
    if without:
        text = without_token(text)
    body = text.encode()
    if again or without or not signature:
        signature = signed(body, secret)
    return body, headers(signature)


def signed(body: bytes, secret: str) -> str:
    """https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/"""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def headers(signature: str) -> dict[str, str]:
    """LINE's own."""
    return {"Content-Type": "application/json; charset=utf-8", "X-Line-Signature": signature, "User-Agent": "Giftdesk"}

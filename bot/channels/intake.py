"""What the platforms deliver: which channels are switched on, and what is stored of a webhook. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.channels import Inbound, Json, known
from bot.config import Settings
from bot.conversation.events import Ignored
from bot.storage.arrivals import Arrival

TOO_OLD = timedelta(hours=24)
LONGEST = 500  # characters of a key or a chat; platforms' own have some 110, and an index takes no novel


def inbound_channels(settings: Settings) -> dict[str, Inbound]:
    """The switched-on channels' pure halves; `bot.wiring.open_channels` opens the other ones."""
    return {channel.name: channel.receives(settings) for channel in known.CHANNELS if settings.has(channel.group)}


def by_path(channels: Mapping[str, Inbound]) -> dict[str, list[Inbound]]:
    """The channels by the last part of their webhooks' address; some share one, as Meta's do."""
    paths: dict[str, list[Inbound]] = {}
    for channel in known.CHANNELS:
        if channel.name in channels:
            paths.setdefault(channel.path or channel.name, []).append(channels[channel.name])
    return paths


def arrivals(
    channel: Inbound,
    events: list[tuple[str, Json]],
    now: datetime,
    *,
    trace: str | None = None,
    copies: Sequence[Sequence[Json]] = (),
) -> list[Arrival]:
    """What is stored of a webhook's events, oldest first. trace: which one they are part of, see `telemetry.tracing`.

    Replayed yesterdays and what needs no answer are stored without their content: only their keys
    matter, so that they are known the next time. copies: of each event, see `Arrival`.
    """
    traced = {"trace": trace} if trace else {}
    found = []
    for number, (account, raw) in enumerate(events):
        incoming = channel.parse(account, raw)
        chat = incoming.chat.key if incoming.chat else ""
        answerable = (
            0 < len(chat) <= LONGEST and not isinstance(incoming.what, Ignored) and now - incoming.at <= TOO_OLD
        )
        found.append(
            Arrival(
                key=_indexable(incoming.key),
                channel=channel.name,
                chat=chat[:LONGEST],
                at=incoming.at,
                payload={"account": account, "event": raw, **traced} if answerable else None,
                copies=copies[number] if copies else (),
            )
        )
    return sorted(found, key=lambda arrival: arrival.at)


def _indexable(key: str) -> str:
    """A key as it is, unless no index would take it: that must not cost its siblings."""
    return key if len(key) <= LONGEST else f"{key[:64]}#{hashlib.sha256(key.encode()).hexdigest()}"

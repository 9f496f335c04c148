"""Time as a parameter: the sandbox never asks the machine's clock except through here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def machine_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def milliseconds(moment: datetime) -> int:
    """`moment` as both platforms write it: milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def iso(moment: datetime) -> str:
    """`moment` as MantaGo writes it: UTC with milliseconds and a Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

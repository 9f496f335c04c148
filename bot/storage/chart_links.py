"""Addresses of charts: the numbers themselves, signed and good for an hour, so that nothing is stored and nobody can
guess one. Pure, and light enough for web."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

LIVES = timedelta(hours=1)
PATH = "/charts/"
MOST = 31  # days
_TOKEN = re.compile(rf"([0-9]{{1,12}})-([0-9]{{1,7}})-([0-9]{{1,9}}(?:_[0-9]{{1,9}}){{0,{MOST - 1}}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Chart:
    """Numbers of days, one after the other. first: the first of them. The last one is not over yet."""

    first: date
    numbers: tuple[int, ...]


def sign(secret: bytes, first: date, numbers: Sequence[int], now: datetime) -> str:
    """The name of a chart's file: nobody without the secret can make one."""
    until = int((now + LIVES).timestamp())
    said = f"{until}-{first.toordinal()}-{'_'.join(map(str, numbers))}"
    return f"{said}.{_mac(secret, said)}.png"


def read(secret: bytes, name: str, now: datetime) -> Chart | None:
    """What a file's name stands for; None when it is not one of ours, or too old."""
    said, _, mac = name.removesuffix(".png").partition(".")
    if not hmac.compare_digest(mac.encode(), _mac(secret, said).encode()):
        return None
    found = _TOKEN.fullmatch(said)
    if found is None or int(found[1]) < now.timestamp():
        return None
    return Chart(date.fromordinal(int(found[2])), tuple(map(int, found[3].split("_"))))


def _mac(secret: bytes, said: str) -> str:
    digest = hmac.digest(secret, f"chart:{said}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:18]).decode()

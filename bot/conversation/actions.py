"""What a button means: a small model, packed into postback data and back.

Packed data looks like `v1.<name>.<arguments>.<expiry>.<owner>.<mac>`. It is short (LINE allows
300 characters), signed with `SECRET_KEY`, bound to the person it was made for and to a time, so
that forged, forwarded and stale buttons are told apart. It carries ids, never personal data:
postback data is readable by the platform.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import quote, unquote

from pydantic import BaseModel, ConfigDict, ValidationError

VERSION = "v1"
MENU_TAP = "go."
MAX_LENGTH = 300  # https://developers.line.biz/en/reference/messaging-api/#postback-action


class Action(BaseModel):
    """Base of all buttons: `class Redeem(Action, name="redeem", ttl=timedelta(minutes=2))`.

    name: short and unique for ever; buttons in old messages carry it.
    ttl: how long after it was made a tap still means what it said.
    typed: whether its label, typed, does the same. Not where the label is a code, which is kept nowhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action_name: ClassVar[str] = ""
    ttl: ClassVar[timedelta] = timedelta(days=7)
    typed: ClassVar[bool] = True
    _known: ClassVar[dict[str, type[Action]]] = {}

    def __init_subclass__(
        cls, *, name: str, ttl: timedelta = timedelta(days=7), typed: bool = True, **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        if name in Action._known:
            raise TypeError(f"two actions are named {name!r}; buttons need names of their own")
        cls.action_name, cls.ttl, cls.typed = name, ttl, typed
        Action._known[name] = cls


class Unreadable(Exception):
    """Not a button of ours: malformed, of an unknown version, or its signature is wrong."""


def menu_tap(action: Action) -> str:
    """The data of a button that belongs to nobody: it opens a topic, as in a rich menu."""
    return f"{MENU_TAP}{action.model_dump()['command']}"


@dataclass(frozen=True, slots=True)
class Tap:
    """A button that was ours when it was made. Whether it may act now is the caller's to judge."""

    action: Action
    own: bool
    expired: bool


@dataclass(frozen=True, slots=True)
class Packer:
    """Packs and reads buttons with one secret."""

    secret: bytes

    def pack(self, action: Action, *, person: str, now: datetime) -> str:
        """`action` as postback data for `person` (a chat key), good until its time is up.

        Raises ValueError when the arguments are too long for a postback.
        """
        arguments = "~".join([escaped(str(value)) for value in action.__dict__.values()])
        expiry = _base36(int((now + type(action).ttl).timestamp()))
        signed = f"{VERSION}.{action.action_name}.{arguments}.{expiry}.{self._owner(person)}"
        data = f"{signed}.{_digest(self.secret, f'button:{signed}', 12)}"
        if len(data) > MAX_LENGTH:
            raise ValueError(f"{action.action_name}: {len(data)} characters do not fit a postback")
        return data

    def read(self, data: str, *, person: str, now: datetime) -> Tap:
        """What a tapped button meant. Raises Unreadable when it is not one of ours."""
        signed, _, mac = data.rpartition(".")
        if not hmac.compare_digest(mac.encode(), _digest(self.secret, f"button:{signed}", 12).encode()):
            raise Unreadable("signature")
        try:
            version, name, arguments, expiry, owner = signed.split(".")
            model = Action._known[name]
            values = [unquote(value) for value in arguments.split("~")] if model.model_fields else []
            action = model(**dict(zip(model.model_fields, values, strict=True)))
        except (KeyError, ValueError, ValidationError) as error:
            raise Unreadable("made by another version of the bot") from error
        if version != VERSION:
            raise Unreadable("version")
        return Tap(
            action=action,
            own=hmac.compare_digest(owner, self._owner(person)),
            expired=now.timestamp() > int(expiry, 36),
        )

    def _owner(self, person: str) -> str:
        return _digest(self.secret, f"owner:{person}", 6)


@lru_cache(maxsize=256)  # An answer has a dozen buttons, all of one owner.
def _digest(secret: bytes, value: str, size: int) -> str:
    return base64.urlsafe_b64encode(hmac.digest(secret, value.encode(), hashlib.sha256)[:size]).decode().rstrip("=")


def escaped(value: str) -> str:
    """A value as it is packed: without what separates the parts."""
    if value.isalnum() and value.isascii():
        return value
    return quote(value, safe="").replace(".", "%2E").replace("~", "%7E")


@lru_cache(maxsize=16)  # And they end at the same time.
def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"

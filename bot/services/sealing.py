"""Sealing: how phones and vouchers' links are kept so that a copy of the database tells nobody."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


@dataclass(frozen=True)
class Sealer:
    """Encrypts and authenticates with a key of its own, derived from `SECRET_KEY` (Fernet: AES-128-CBC and HMAC)."""

    secret: bytes

    @cached_property
    def _fernet(self) -> Fernet:
        from cryptography.fernet import Fernet  # noqa: PLC0415 - a shop without vouchers and cards needs none of it

        return Fernet(base64.urlsafe_b64encode(hmac.digest(self.secret, b"sealing", hashlib.sha256)))

    def seal(self, text: str) -> bytes:
        """`text`, readable by nobody without the key."""
        return self._fernet.encrypt(text.encode())

    def open(self, sealed: bytes) -> str | None:
        """What was sealed; None when it was sealed with another key (SECRET_KEY was changed)."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - as above

        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            return None

"""What a Messenger or Instagram link to one code says: the code itself, signed, so that only we can make one. Pure, and
light enough for web.

    c_SUMMER-7K3MQ9TD_0123456789abcdef0123

Without the signature a link would say whether a code exists, to whoever guesses one.
"""

from __future__ import annotations

import hashlib
import hmac
import re

_REF = re.compile(r"c_([A-Z0-9-]{1,64})_([0-9a-f]{20})")


def sign(secret: bytes, code: str) -> str:
    """The `ref` of a link to this code, which has capitals, digits and hyphens only, as those of bulk jobs."""
    return f"c_{code}_{_mac(secret, code)}"


def read(secret: bytes, ref: str) -> str:
    """The code that a link is for; empty when we did not make it."""
    found = _REF.fullmatch(ref)
    return found[1] if found and hmac.compare_digest(found[2], _mac(secret, found[1])) else ""


def _mac(secret: bytes, code: str) -> str:
    return hmac.digest(secret, f"code link:{code}".encode(), hashlib.sha256)[:10].hex()

"""The sandbox's keys, and the settings that point a bot at it. None of them opens anything real."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

import orjson

from sandbox.clock import machine_clock
from sandbox.people import admins

LINE_CHANNEL_SECRET = "5a4e2d1c0b9f8e7d6c5b4a3f2e1d0c9b"
LINE_CHANNEL_ACCESS_TOKEN = "sandbox+line/channel+access+token/for+Giftdesk+and+nothing+else="
LINE_BOT_USER_ID = "U0b07c0ffee0b07c0ffee0b07c0ffee00"

MESSENGER_APP_SECRET = "c1d2e3f405162738495a6b7c8d9eafb0"
MESSENGER_PAGE_ACCESS_TOKEN = "EAAsandboxPageAccessTokenForGiftdeskAndNothingElseZD"
MESSENGER_VERIFY_TOKEN = "sandbox-verify-token"
MESSENGER_PAGE_ID = "108200000000042"
MESSENGER_VERSION = "v26.0"
INSTAGRAM_ACCOUNT_ID = "17841400000000042"  # The professional account that is linked to the page.

MANTAGO_SECRET = "sandbox-mantago-secret"
MANTAGO_BOT_ID = "c2FuZGJveC1naWZ0ZGVzaw"
MANTAGO_LIFETIME = timedelta(days=30)

POSHEN_TOKEN = "1|sandboxPoshenTokenForGiftdeskAndNothingElse"
POSHEN_READ_ONLY_TOKEN = "2|sandboxPoshenTokenThatMayOnlyRead"

GOTIT_CLIENT_ID = "5a1db0c5-0000-4000-8000-000000000001"
GOTIT_CLIENT_SECRET = "sandboxGotItClientSecretForGiftdesk00000"
GOTIT_APP_UUID = "5a1db0c5-0000-4000-8000-000000000002"

ALTEGIO_PARTNER_TOKEN = "sandboxaltegiopartner"
ALTEGIO_USER_TOKEN = "sandboxaltegiouser00000000000000"
ALTEGIO_COMPANY_IDS = (680001, 680002)

_SIGNING_KEY = b"sandbox tokens are signed with this"


def environment(url: str, *, now: datetime | None = None) -> dict[str, str]:
    """The environment variables a bot needs to use the sandbox at `url`: all platforms, all four
    vendors, and who is staff. Instagram is sent to with Messenger's settings, through the page."""
    url = url.rstrip("/")
    return {
        "LINE_CHANNEL_SECRET": LINE_CHANNEL_SECRET,
        "LINE_CHANNEL_ACCESS_TOKEN": LINE_CHANNEL_ACCESS_TOKEN,
        "LINE_API_URL": f"{url}/line",
        "MESSENGER_APP_SECRET": MESSENGER_APP_SECRET,
        "MESSENGER_PAGE_ACCESS_TOKEN": MESSENGER_PAGE_ACCESS_TOKEN,
        "MESSENGER_VERIFY_TOKEN": MESSENGER_VERIFY_TOKEN,
        "MESSENGER_API_URL": f"{url}/messenger/{MESSENGER_VERSION}",
        "INSTAGRAM_ACCOUNT_ID": INSTAGRAM_ACCOUNT_ID,
        "MANTAGO_API_URL": f"{url}/mantago",
        "MANTAGO_TOKEN": mantago_token(now or machine_clock()),
        "MANTAGO_SECRET": MANTAGO_SECRET,
        "MANTAGO_BOT_ID": MANTAGO_BOT_ID,
        "POSHEN_API_URL": f"{url}/poshen",
        "POSHEN_TOKEN": POSHEN_TOKEN,
        "GOTIT_API_URL": f"{url}/gotit",
        "GOTIT_CLIENT_ID": GOTIT_CLIENT_ID,
        "GOTIT_CLIENT_SECRET": GOTIT_CLIENT_SECRET,
        "GOTIT_APP_UUID": GOTIT_APP_UUID,
        "GOTIT_POINT_PER_VND": "0.001",
        "ALTEGIO_API_URL": f"{url}/altegio",
        "ALTEGIO_PARTNER_TOKEN": ALTEGIO_PARTNER_TOKEN,
        "ALTEGIO_USER_TOKEN": ALTEGIO_USER_TOKEN,
        "ALTEGIO_COMPANY_ID": ",".join(str(company) for company in ALTEGIO_COMPANY_IDS),
        "ALTEGIO_CURRENCY": "TWD",
        "ADMINS": admins(),
    }


def mantago_token(now: datetime, *, generation: int = 0, left: timedelta = timedelta(days=25)) -> str:
    """A MantaGo bearer token of the sandbox that is good for `left` more. Rotation counts `generation` up."""
    expiry = now + left
    return signed_token(
        {
            "botId": MANTAGO_BOT_ID,
            "generation": generation,
            "iat": int((expiry - MANTAGO_LIFETIME).timestamp()),
            "exp": int(expiry.timestamp()),
        }
    )


def signed_token(claims: dict[str, object]) -> str:
    """A JSON Web Token over `claims`, signed with HS256."""
    head = _base64url(b'{"alg":"HS256","typ":"JWT"}')
    payload = f"{head}.{_base64url(orjson.dumps(claims))}"
    return f"{payload}.{_base64url(_signature(payload))}"


def token_claims(token: str) -> dict[str, object] | None:
    """What `token` says, or None when the sandbox did not sign it."""
    payload, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_base64url(_signature(payload)).encode(), signature.encode()):
        return None
    claims: dict[str, object] = orjson.loads(base64.urlsafe_b64decode(payload.split(".")[1] + "=="))
    return claims


def _signature(payload: str) -> bytes:
    return hmac.digest(_SIGNING_KEY, payload.encode(), hashlib.sha256)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")

"""Links that open our own chat: with a line typed, or with a word that arrives as a referral.

Pure, and light enough for web. What leads to us from a QR code or a poster is made here and nowhere else.
"""

from __future__ import annotations

import re
from urllib.parse import quote

LONGEST_REF = 2083  # https://developers.facebook.com/docs/messenger-platform/discovery/m-me-links
_REF = re.compile(rf"[A-Za-z0-9_=-]{{1,{LONGEST_REF}}}")


def line_link(basic_id: str, text: str) -> str:
    """Opens the chat with an account on LINE, with `text` typed, to be sent with one tap; not on LINE for PC.

    basic_id: with its `@`. Source: https://developers.line.biz/en/docs/line-login/using-line-url-scheme/
    """
    return f"https://line.me/R/oaMessage/{quote(basic_id, safe='')}/?{quote(text, safe='')}"


def messenger_link(page: str, ref: str) -> str:
    """Opens the chat with a page on Messenger; `ref` arrives as a referral, where the app sends one.

    page: its id or name. Source: https://developers.facebook.com/docs/messenger-platform/discovery/m-me-links
    Raises ValueError when `ref` has other characters than letters, digits, `-`, `_` and `=`.
    """
    return f"https://m.me/{quote(page, safe='')}?ref={_checked(ref)}"


def instagram_link(user: str, ref: str) -> str:
    """The same for an account on Instagram, by its user name.

    Source: https://developers.facebook.com/docs/messenger-platform/instagram/features/ig-me-links
    """
    return f"https://ig.me/m/{quote(user, safe='')}?ref={_checked(ref)}"


def _checked(ref: str) -> str:
    if not _REF.fullmatch(ref):
        raise ValueError(f"a referral has letters, digits, -, _ and = only: {ref!r}")
    return ref

"""Numbers that are nobody else's business: what is never sent to a vendor as a redemption code. Pure.

Told by their own check digits or by what stands beside them, never by their shape alone: one company number of five
passes its check by chance, and a licence plate looks like a code.
"""

from __future__ import annotations

import re

from bot.i18n import N_

# Translators: a list of words, as many as you can think of: what else a number can be than a redemption code
OTHER_NUMBERS = N_("id number, order number, account")
# Translators: a list of words, as many as you can think of: what a secret is called
SECRETS = N_("password, pin")

_LETTERS = {letter: value for value, letter in enumerate("ABCDEFGHJKLMNPQRSTUVXYWZIO", start=10)}
_ID = re.compile(r"[A-Z][1289A-D][0-9]{8}")
_WEIGHTS = (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)
_INVOICE = re.compile(r"[A-Z]{2}[0-9]{8}")
_CARRIER = re.compile(r"/[0-9A-Z+.-]{7}")
_PHONE = re.compile(r"(?:\+|00)[0-9]{8,15}|0[0-9]{8,10}|886[0-9]{8,9}|852[5-9][0-9]{7}|84[35789][0-9]{8}|9[0-9]{8}")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+ ?(?:@|\(at\)| at ) ?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
# What could be an identity number or a phone, with blanks between its digits.
_NUMBER = re.compile(
    r"(?<![0-9A-Za-z])(?:[A-Za-z][ -]?[1289A-Da-d](?:[ -]?[0-9]){8}|[+(]?[0-9][0-9 ().\-/]{6,24}[0-9])(?![0-9A-Za-z])"
)
_DIALLED = re.compile(r"\+?[0-9][0-9\-. ]{7,}[0-9]")  # also right after letters
_PIECE = re.compile(r"[A-Za-z][1289A-Da-d][0-9]{8}(?![0-9])|[0-9]+(?:-[0-9]+)*")


def identifies(number: str) -> bool:
    """Whether this is a valid number of Taiwan's identity cards or residence permits, old or new.

    number: capitals and digits without separators.
    Source: https://www.ris.gov.tw (national number), https://www.immigration.gov.tw (residence permit, since 2021).
    """
    if not _ID.fullmatch(number):
        return False
    second = number[1]
    if second in "ABCD":
        second = str(_LETTERS[second] % 10)
    digits = f"{_LETTERS[number[0]]}{second}{number[2:]}"
    return sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=True)) % 10 == 0


def is_phone(typed: str) -> bool:
    """Whether this is written like a phone number: digits with blanks, dashes and brackets, as people dial them."""
    if not re.fullmatch(r"[+(]?[0-9][0-9 ().\-/]*(?:(?:#|ext\.?|轉) ?[0-9]{1,5})?", typed.strip(), re.IGNORECASE):
        return False
    digits = re.sub(r"[^0-9+]", "", re.split(r"#|ext|轉", typed, flags=re.IGNORECASE)[0])
    return _PHONE.fullmatch(digits) is not None


def has_phone(text: str) -> bool:
    """Whether a phone number stands anywhere in a text, also with something glued to it. text: in plain width."""
    written = [match[0] for match in _NUMBER.finditer(text)]
    pieces = [part for number in written for part in (number, *number.split(" "))]
    return any(map(is_phone, (*pieces, *_PIECE.findall(text), *_DIALLED.findall(text))))


def is_private(typed: str) -> bool:
    """Whether a vendor must never see this, whatever was asked: an identity number, a phone, an e-mail address in it.

    Also when something is glued to it: `TWA123456789`, `tel0912345678`, `王小明A123456789`.
    """
    return without_private(typed) != typed or any(map(_is_private, {typed, *_PIECE.findall(typed)}))


def without_private(text: str) -> str:
    """A text with a line's end in the place of each number or address that is nobody else's business."""

    def cut(match: re.Match[str]) -> str:
        if _is_private(match[0]):
            return "\n"
        return " ".join("\n" if _is_private(part) else part for part in match[0].split(" "))

    return _EMAIL.sub("\n", _NUMBER.sub(cut, text))


def _is_private(typed: str) -> bool:
    return identifies(re.sub(r"[\s\-_.]", "", typed).upper()) or is_phone(typed) or _EMAIL.fullmatch(typed) is not None


def is_invoice(typed: str) -> bool:
    """Whether this has the shape of an e-invoice's number, or of the carrier that collects them.

    Source: https://www.einvoice.nat.gov.tw
    """
    upper = typed.upper()
    return _INVOICE.fullmatch(re.sub(r"[\s\-]", "", upper)) is not None or _CARRIER.fullmatch(upper) is not None

"""Rewarding: what a Poshen reward brings beside its card, as staff write it (`points:150`, `voucher:812:2260`,
`handover`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from bot.apis.gotit import GotItApi
from bot.errors import GiftdeskError
from bot.services.catalogue import Catalogue, snapshot
from bot.storage.rewards import Grant

MOST_POINTS = 1_000_000


class NoSuchVoucher(GiftdeskError):
    """Got It's catalogue has no voucher of this gift and price."""


class NotARule(GiftdeskError):
    """What was written is no rule."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it was written; `grant_of` adds the voucher's name and value."""

    points: int = 0
    gift_id: int | None = None
    price_id: int | None = None
    handover: bool = False


def read_rule(text: str) -> Rule:
    """`points:150`, `voucher:812:2260` (gift and price), `handover` or `nothing`. Raises NotARule."""
    word = text.strip().lower()
    if word in {"nothing", "none"}:
        return Rule()
    if word == "handover":
        return Rule(handover=True)
    if (match := re.fullmatch(r"points[:=]([0-9]{1,7})", word)) and 1 <= int(match[1]) <= MOST_POINTS:
        return Rule(points=int(match[1]))
    if match := re.fullmatch(r"voucher[:=]([0-9]{1,15})[:/]([0-9]{1,15})", word):
        return Rule(gift_id=int(match[1]), price_id=int(match[2]))
    raise NotARule(
        f"{text!r} is no rule; write points:150, voucher:812:2260 (gift and price of Got It), handover or nothing"
    )


async def grant_of(rule: Rule, catalogue: Catalogue, gotit: GotItApi | None, now: datetime) -> Grant:
    """The grant of a rule. A voucher is looked up, so that a wrong number is noticed now and not by a customer.

    Raises NoSuchVoucher, or UpstreamError when Got It cannot be asked.
    """
    if rule.gift_id is None:
        return Grant(points=rule.points, handover=rule.handover)
    if gotit is None:
        raise NoSuchVoucher("Got It is switched off; set its credentials to give vouchers")
    listed, _ = await catalogue.listed(gotit, now)
    for gift in (*(offer.gift for offer in listed.offers), *listed.unpriced):
        if (gift.gift_id, gift.price_id) == (rule.gift_id, rule.price_id):
            return Grant(gift_id=gift.gift_id, price_id=gift.price_id, offer=snapshot(gift))
    raise NoSuchVoucher(f"Got It's catalogue has no gift {rule.gift_id} with price {rule.price_id}")

"""Rules that change something: claims, guess limits, alerts, a customer's data.

Every write carries a key and a constraint, so that running a turn again changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.services.alerts import Alerts
from bot.services.guesses import GuessLimits
from bot.services.redemption import Redemption
from bot.services.wallet import Wallet


@dataclass(frozen=True, slots=True)
class Services:
    """One field per rule."""

    alerts: Alerts
    guesses: GuessLimits
    redemption: Redemption
    wallet: Wallet

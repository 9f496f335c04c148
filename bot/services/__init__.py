"""Rules that change something: claims, points, vouchers, links, guess limits, alerts.

Every write carries a key and a constraint, so that running a turn again changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.services.alerts import Alerts
from bot.services.allowance import Allowance
from bot.services.blocking import Blocking
from bot.services.catalogue import Catalogue
from bot.services.charts import Charts
from bot.services.counter_codes import CounterCodes
from bot.services.digest import Digest
from bot.services.giftcards import GiftCards
from bot.services.guesses import GuessLimits
from bot.services.hand_overs import HandOvers
from bot.services.health import Health
from bot.services.linking import Linking
from bot.services.mantago_pairs import MantagoPairs
from bot.services.minting import Minting
from bot.services.own_data import OwnData
from bot.services.passing import Passing
from bot.services.players import Players
from bot.services.points import Points
from bot.services.posters import Posters
from bot.services.redeeming import Redeeming
from bot.services.redemption import Redemption
from bot.services.reminders import Reminders
from bot.services.staffing import Staffing
from bot.services.stores import Stores
from bot.services.surge import Surge
from bot.services.trail import Trail
from bot.services.unclear import UnclearTexts
from bot.services.visits import Visits
from bot.services.vouchers import Vouchers
from bot.services.wallet import Wallet


@dataclass(frozen=True, slots=True)
class Services:
    """One field per rule. mantago_pairs: None where MantaGo is off."""

    alerts: Alerts
    allowance: Allowance
    blocking: Blocking
    catalogue: Catalogue
    charts: Charts
    counter_codes: CounterCodes
    digest: Digest
    giftcards: GiftCards
    guesses: GuessLimits
    hand_overs: HandOvers
    health: Health
    linking: Linking
    mantago_pairs: MantagoPairs | None
    minting: Minting
    own_data: OwnData
    passing: Passing
    players: Players
    points: Points
    posters: Posters
    redeeming: Redeeming
    redemption: Redemption
    reminders: Reminders
    staffing: Staffing
    stores: Stores
    surge: Surge
    trail: Trail
    unclear: UnclearTexts
    visits: Visits
    vouchers: Vouchers
    wallet: Wallet

"""The register: what each table keeps of people, and how it goes. Tests hold the database to it, table by table.

A new table needs its line here, and with it an answer to three questions: when does the clean-up (retention.py) delete
its rows, what does a customer's "delete my data" leave of theirs, and what of it does their "my data" show?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from bot.storage import queue

Setting = Literal["EVENT_RETENTION_DAYS", "CLAIM_RETENTION_DAYS"]


@dataclass(frozen=True, slots=True)
class Kept:
    """What one table keeps.

    goes: after which time, or the days of which setting, the clean-up deletes a row; None when it never does for its
    age, and `stays` says why.
    leads: each column that leads to a customer, and why "delete my data" leaves it: "" when it does not, since the row
    is deleted or the column emptied.
    shown: the parts of the export that come from here; where there are people and no parts, `hidden` says why.
    """

    goes: timedelta | Setting | None = None
    stays: str = ""
    leads: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    hidden: str = ""


GONE = ""
_EVENTS: Setting = "EVENT_RETENTION_DAYS"
_RECEIPTS: Setting = "CLAIM_RETENTION_DAYS"
_DECIDED = "what the brand decided, until it decides otherwise"
_GUESSES = "limits would be lifted by deleting and coming back"
_STAFF = "a member of staff acted here, not a customer"

KEPT: Mapping[str, Kept] = {
    # Conversations
    "events": Kept(
        goes=_EVENTS,
        leads={"chat": "a platform may deliver an event again for days, and its key must be known"},
        hidden="keys of messages; what was written is forgotten with the answer",
    ),
    "customers": Kept(
        goes=_RECEIPTS,
        leads={"person": GONE},
        shown=("customer", "channel", "user_id", "language", "first_seen", "last_seen", "notifications"),
    ),
    "data_files": Kept(
        goes=timedelta(hours=1),  # after its end
        leads={"customer_id": GONE},
        hidden="a copy of what is shown, until it is fetched",
    ),
    "relays": Kept(
        goes=timedelta(days=2),
        leads={"chat": GONE},
        hidden="what other tools have not got yet, for an hour or so",
    ),
    "pushes": Kept(goes=_EVENTS, leads={"recipient": GONE}, hidden="what was said stands in the chat"),
    "wallets": Kept(
        goes=timedelta(days=30), leads={"customer_id": GONE}, hidden="copies of what MantaGo has and `issues` shows"
    ),
    "unclear": Kept(goes=timedelta(days=14), leads={"person_hash": GONE}, hidden="texts without their author"),
    # Codes
    "claims": Kept(
        goes=_RECEIPTS,
        leads={"customer_id": GONE, "person_hash": "nothing is claimed twice"},
        shown=("redeemed",),
    ),
    "undone": Kept(goes=_RECEIPTS, leads={"customer_id": GONE}, hidden="claims that were taken back"),
    "code_counters": Kept(stays="a number for each code with a limit; a wrong one is removed"),
    "policies": Kept(stays=_DECIDED),
    "misses": Kept(goes=timedelta(days=2), leads={"person_hash": _GUESSES}, hidden="keyed hashes that nobody can read"),
    "waits": Kept(goes=timedelta(days=2), leads={"person_hash": _GUESSES}, hidden="keyed hashes that nobody can read"),
    "guard": Kept(stays="one row"),
    "bulk_jobs": Kept(stays="what staff made is accounted for"),
    "bulk_codes": Kept(goes=timedelta(days=90)),
    "exports": Kept(goes=timedelta(days=90)),
    "players": Kept(
        goes=_RECEIPTS,  # after its last use
        leads={"customer_id": GONE},
        shown=("player_id",),
    ),
    "redemptions": Kept(
        goes=_RECEIPTS,  # after its end
        leads={"customer_id": GONE, "player_hash": GONE},
        hidden="what is open stands among what was redeemed; what is done is there as its claim",
    ),
    # Posters
    "posters": Kept(stays="what was printed may hang for years, and its links are found by it"),
    "poster_visits": Kept(goes=_RECEIPTS, leads={"customer_id": GONE}, shown=("came_by",)),
    "poster_files": Kept(goes=timedelta(days=1)),  # after its end
    # Points and vouchers
    "accounts": Kept(goes=_RECEIPTS, leads={"customer_id": GONE}, shown=("points",)),
    "points": Kept(goes=_RECEIPTS, leads={"customer_id": GONE}, hidden="its sum is shown"),
    "visits": Kept(
        goes=timedelta(days=31),  # longer than VISIT_HOURS can be
        leads={"person_hash": "a visit would be counted again after deleting and coming back"},
        hidden="keyed hashes that nobody can read",
    ),
    "mantago_pairs": Kept(stays="a bot has one; an exchange deletes those that it makes worthless"),
    "rewards": Kept(stays=_DECIDED),
    "issues": Kept(
        goes=_RECEIPTS,
        leads={"customer_id": GONE, "recipient": "Got It knows a voucher by it; it leads to nobody any more"},
        shown=("vouchers",),
    ),
    # Reminders
    "reminder_wishes": Kept(goes=_RECEIPTS, leads={"customer_id": GONE}, shown=("reminders",)),  # with its customer
    "reminders": Kept(
        goes=timedelta(days=31),  # after the end of the thing
        leads={"customer_id": GONE},
        hidden="numbers of things; what was said stands in the chat",
    ),
    "push_budgets": Kept(stays="a number for each month"),
    # The counter
    "counter_codes": Kept(
        goes=timedelta(days=1),  # each is good for minutes
        leads={"customer_id": GONE},
        hidden="codes that are over within minutes, as keyed hashes",
    ),
    "hand_overs": Kept(
        goes=_RECEIPTS,
        leads={"customer_id": GONE, "person_hash": "nothing is handed over twice"},
        shown=("handed_over",),
    ),
    # Phones
    "links": Kept(
        goes=timedelta(days=365 + 30),  # after its last use
        leads={"customer_id": GONE, "phone_hash": GONE},
        shown=("linked_phone",),
    ),
    "link_codes": Kept(
        goes=_RECEIPTS,
        leads={"used_by": GONE, "phone_hash": GONE},
        hidden="the link that came of it is shown",
    ),
    # Staff
    "staff": Kept(
        stays="until an owner removes them",
        leads={"person": _STAFF, "user_id": _STAFF},
        hidden=_STAFF,
    ),
    "stores": Kept(stays="what was done in a store keeps its name, also when it is removed"),
    "store_members": Kept(stays="until an owner takes them out of the store, or removes them"),
    "invitations": Kept(goes=timedelta(days=30)),
    "approvals": Kept(goes=timedelta(days=30)),
    "audit": Kept(
        stays="the trail is for good",
        leads={"customer": "who looked after whom; the number leads to nobody any more"},
        hidden=_STAFF,
    ),
    "blocks": Kept(
        goes=timedelta(days=1),  # after its end
        leads={"person_hash": "a block would be lifted by deleting and coming back"},
        hidden="keyed hashes that nobody can read",
    ),
    "switches": Kept(stays=_DECIDED),
    # The machinery
    "workers": Kept(goes=timedelta(days=1)),
    "rate_limits": Kept(stays="one row for each limit"),
    "attachments": Kept(goes=timedelta(days=90)),
    "pictures": Kept(stays="drawings of ours; messages in chats keep the addresses of those in an older colour"),
    "tallies": Kept(goes=_RECEIPTS),
    "pgqueuer": Kept(stays="a job is deleted when it is done"),
    "pgqueuer_schedules": Kept(stays="one row for each"),
    **{table: Kept(goes=age) for table, age in queue.KEPT_FOR.items()},
}

"""What staff can do from the chat: one module per topic, in the order of the menu."""

from __future__ import annotations

from handlers.admin import (
    approvals,
    bulk,
    codes,
    customers,
    desk,
    groups,
    links,
    people,
    rewards,
    safety,
    stats,
    trail,
    vouchers,
)

STAFF_ROUTERS = (
    stats.admin,  # with /status: the two share a topic
    codes.admin,
    bulk.admin,
    rewards.admin,
    groups.admin,
    customers.admin,
    vouchers.admin,
    links.admin,
    safety.admin,
    people.admin,
    approvals.admin,
    trail.admin,
    desk.admin,
)

"""What staff can do from the chat: one module per topic, in the order of the list of commands."""

from __future__ import annotations

from handlers.admin import (
    approvals,
    bulk,
    codes,
    counter,
    customers,
    desk,
    groups,
    links,
    menu,
    people,
    posters,
    redemptions,
    rewards,
    safety,
    stats,
    stores,
    trail,
    visits,
    vouchers,
    waiting,
)

STAFF_ROUTERS = (
    stats.admin,  # with /status: the two share a topic
    codes.admin,
    bulk.admin,
    redemptions.admin,
    rewards.admin,
    groups.admin,
    posters.admin,
    counter.admin,
    customers.admin,
    waiting.admin,  # with the customers' topic
    visits.admin,  # with the customers' topic
    vouchers.admin,
    links.admin,
    safety.admin,
    people.admin,
    stores.admin,
    approvals.admin,
    trail.admin,
    desk.admin,
    menu.admin,  # with the desk's topic
)

"""What the bot does: one module per topic. The order of ROUTERS never matters; clashes stop the start."""

from __future__ import annotations

from handlers import (
    codes,
    counter,
    giftcards,
    gifts,
    groups,
    help,
    human,
    language,
    linking,
    my_code,
    player,
    posters,
    privacy,
    receipts,
    reminders,
    shop,
    start,
    things,
    unclear,
    vouchers,
    waiting,
    wallet,
)

ROUTERS = (
    codes.router,
    counter.router,
    giftcards.router,
    gifts.router,
    groups.router,
    help.router,
    human.router,
    language.router,
    linking.router,
    my_code.router,
    player.router,
    posters.router,
    privacy.router,
    receipts.router,
    reminders.router,
    shop.router,
    start.router,
    things.router,
    unclear.router,
    vouchers.router,
    waiting.router,
    wallet.router,
)

# What is added under an answer when the moment has come for it.
AFTER_ANSWER = (posters.add_offer, start.add_notice, language.add_hint)

"""What a customer has, as staff may see it: numbers and references; neither names nor phones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.apis.altegio import Cards
from bot.apis.mantago import GIFT_ARRAYS, TICKETS, Gift, Gifts
from bot.conversation.messages import Card, Row
from bot.i18n import Translator
from bot.services.linking import Lapsed, Link
from bot.services.stores import Place
from bot.storage.customers import Customer
from bot.storage.issues import Issue
from bot.storage.points import Account, Entry
from handlers.views.gifts import list_names
from handlers.views.staff_stores import place_rows
from handlers.views.staff_vouchers import state_badges
from handlers.views.vouchers import entry_words, points_text, signed


def wallet_card(
    _: Translator,
    customer: Customer,
    *,
    gifts: Gifts | str | None,
    collected: int | str | None,
    account: Account | None,
    vouchers: Sequence[Issue],
    link: Link | Lapsed | None,
    cards: Cards | str | None,
    shows_cards: bool,
    now: datetime,
) -> Card:
    """Everything a customer has. gifts, collected, cards: as the vendor says now, or what is wrong with it; None: not
    asked, or not told.

    account: None where there are no points. vouchers: the newest ones.
    """
    notes = [*dict.fromkeys(trouble for trouble in (gifts, collected, cards) if isinstance(trouble, str))]
    rows: list[Row] = []
    if isinstance(gifts, Gifts):
        names = list_names(_)
        rows = [
            Row(names[TICKETS], _.number(len(gifts.tickets))),
            *(Row(names[kind], _gifts(_, gifts.of(kind), now)) for kind in GIFT_ARRAYS),
        ]
        if gifts.skipped:
            notes.append(
                _.ngettext(
                    "%(n)s item can't be shown right now.", "%(n)s items can't be shown right now.", gifts.skipped
                )
            )
    if account is not None:
        rows.append(Row(_("Points"), account_text(_, account)))
        badges = state_badges(_)
        rows += [Row(issue.ref, f"{issue.called} · {badges[issue.state].word}") for issue in vouchers]
        rows += [] if vouchers else [Row(_("Vouchers so far"), _.number(0))]
    if isinstance(collected, int):
        rows.append(Row(_("Collected points"), _.number(collected)))
    if shows_cards:
        rows.append(Row(_("Phone"), link_text(_, link)))
    if isinstance(cards, Cards):
        rows.append(Row(_("Gift cards"), _cards(_, cards, now)))
        if cards.failed:
            notes.append(
                _.ngettext(
                    "%(n)s branch could not be read right now.",
                    "%(n)s branches could not be read right now.",
                    len(cards.failed),
                )
            )
    return Card(eyebrow=_("Wallet"), title=customer.ref, rows=tuple(rows), note="\n".join(notes))


def link_text(_: Translator, link: Link | Lapsed | None) -> str:
    """How a phone was proven; the phone itself is nobody's business here."""
    match link:
        case None:
            return _("not linked")
        case Lapsed():
            return _("lapsed, unused for a year")
        case Link(assurance="staff_code"):
            return _("linked at the counter on %(date)s", date=_.date(link.linked_at))
        case Link():
            return _("linked by the platform on %(date)s", date=_.date(link.linked_at))


def account_text(_: Translator, account: Account) -> str:
    """`150`, or `150, and 100 on hold`."""
    if not account.held:
        return _.number(account.available)
    return _("%(available)s, and %(held)s on hold", available=_.number(account.available), held=_.number(account.held))


def _gifts(_: Translator, gifts: Sequence[Gift], now: datetime) -> str:
    expired = sum(gift.state(now) == "expired" for gift in gifts)
    left = _.number(len(gifts) - expired)
    return _("%(left)s, and %(expired)s expired", left=left, expired=_.number(expired)) if expired else left


def _cards(_: Translator, cards: Cards, now: datetime) -> str:
    if not cards.cards:
        return _.number(0)
    usable = [card.masked for card in cards.cards if card.usable(now)]
    count = _("%(usable)s of %(all)s can be used", usable=_.number(len(usable)), all=_.number(len(cards.cards)))
    return " · ".join((count, *filter(None, usable)))


# ── points ───────────────────────────────────────────────────────────────────────────────────────


def ledger_card(
    _: Translator, customer: Customer, account: Account, entries: Sequence[Entry], names: Mapping[str, str]
) -> Card:
    """The balance, and what changed it. names: of the members, by their id."""
    rows = [Row(_("On hold"), _.number(account.held))] if account.held else []
    words = entry_words(_)
    for entry in entries:
        who = names.get(entry.actor, entry.actor) if entry.kind in ("adjust", "visit") else ""
        about = (words[entry.kind], who, entry.ref, entry.reason)
        label = f"{signed(_, entry.available)} · {_.moment(entry.at)}"
        rows.append(Row(label, " · ".join(part for part in about if part)))
    return Card(eyebrow=_("Points"), title=customer.ref, hero=points_text(_, account.available), rows=tuple(rows))


def adjustment_card(
    _: Translator, customer: Customer, account: Account, change: int, reason: str, place: Place
) -> Card:
    """What a change of points by hand would do. place: where it is done."""
    rows = [
        Row(_("Now"), account_text(_, account)),
        Row(_("Then"), _.number(account.available + change)),
        Row(_("Reason"), reason),
        *place_rows(_, place),
    ]
    return Card(eyebrow=_("Points"), title=customer.ref, hero=signed(_, change), rows=tuple(rows))


def visit_card(_: Translator, customer: Customer, account: Account, worth: int, place: Place) -> Card:
    """What counting a visit would do. worth: points. place: where they are."""
    rows = (
        Row(_("Now"), account_text(_, account)),
        Row(_("Then"), _.number(account.available + worth)),
        *place_rows(_, place),
    )
    return Card(eyebrow=_("Visit"), title=customer.ref, hero=signed(_, worth), rows=rows)

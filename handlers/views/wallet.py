"""The wallet: its sum in a line, what leads on, and one line for each thing of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.apis.mantago import KINDS, TICKETS, Gift, Gifts
from bot.conversation.actions import Action
from bot.conversation.messages import Badge, Button, Card, Item, Row
from bot.i18n import Translator
from bot.services.wallet import CARDS, VOUCHERS, Day, Held, HeldCards, HeldVoucher
from handlers.views import choices
from handlers.views.gifts import gift_badge, gift_names, handed_badge, handed_text, source_name, valid_badge

ICONS: Mapping[str, str] = {TICKETS: "🎟️", "physical": "🎁", "virtual": "🎀", VOUCHERS: "🎫", CARDS: "💳"}


def sum_text(_: Translator, usable: Sequence[Held], points: int | None, collected: int | None = None) -> str:
    """What can be used, in a line: `3 tickets · 2 gifts · 1 voucher · 770 pts`. points: None where there are none.
    collected: those that MantaGo counts, the same."""

    def count(*kinds: str) -> int:
        return sum(held.count for held in usable if held.kind in kinds)

    tickets, gifts = count(TICKETS), count(*(kind for kind in KINDS if kind != TICKETS))
    vouchers, cards = count(VOUCHERS), count(CARDS)
    parts = (
        _.ngettext("%(n)s ticket", "%(n)s tickets", tickets) if tickets else "",
        _.ngettext("%(n)s gift", "%(n)s gifts", gifts) if gifts else "",
        _.ngettext("%(n)s voucher", "%(n)s vouchers", vouchers) if vouchers else "",
        _.ngettext("%(n)s gift card", "%(n)s gift cards", cards) if cards else "",
        _.ngettext("%(n)s pt", "%(n)s pts", points) if points else "",
        # Translators: points that MantaGo counts (集點), in the wallet's sum, which is short
        _.ngettext("%(n)s collected", "%(n)s collected", collected) if collected else "",
    )
    return " · ".join(filter(None, parts))


def sum_card(
    _: Translator, sum_: str, *, new: int, notes: Sequence[str], taken_at: datetime, buttons: tuple[Button, ...]
) -> Card:
    """The first card of the wallet. new: how many things came since the last visit."""
    return Card(
        eyebrow=_("Your gifts"),
        banner="gifts",
        title=sum_,
        # Translators: a badge: so many new gifts
        badge=Badge(_.ngettext("%(n)s new", "%(n)s new", new), "valid") if new else None,
        note="\n".join([*notes, _("Updated %(time)s", time=_.time(taken_at))]),
        buttons=buttons,
    )


def all_card(_: Translator, hidden: Sequence[Held], show: Button) -> Card:
    """The last card: the way to everything. hidden: what has no card before it."""
    more = sum(held.count for held in hidden if held.usable)
    given = sum(held.count for held in hidden if held.handed)
    later = sum(held.state == "soon" and not held.handed for held in hidden)
    over = sum(held.state == "expired" and not held.handed for held in hidden)
    parts = (
        _.ngettext("%(n)s more", "%(n)s more", more) if more else "",
        _.ngettext("%(n)s not started", "%(n)s not started", later) if later else "",
        _.ngettext("%(n)s handed over", "%(n)s handed over", given) if given else "",
        _.ngettext("%(n)s expired", "%(n)s expired", over) if over else "",
    )
    return Card(title=" · ".join(filter(None, parts)), buttons=(show,))


def all_button(_: Translator, usable: int, show: Action) -> Button:
    """To everything. usable: how many things can be used, 0 where that is not the point."""
    # Translators: a button: show everything; so many of it can be used
    return Button(_("All %(n)s", n=_.number(usable)) if usable else _("Show all"), show)


def unlisted_notes(_: Translator, gifts: Gifts) -> list[str]:
    """What the vendor holds and the list does not show."""
    notes = []
    if gifts.skipped:
        notes.append(
            _.ngettext("%(n)s item can't be shown right now.", "%(n)s items can't be shown right now.", gifts.skipped)
        )
    if gifts.truncated:
        notes.append(_.ngettext("%(n)s more item is not listed.", "%(n)s more items are not listed.", gifts.truncated))
    return notes


def held_item(_: Translator, held: Held, opens: Action, now: datetime, *, mixed: bool) -> Item:
    """A thing as a line of a list. mixed: of one with things of all kinds, so that the line says which it is."""
    received = _.date(held.received) if held.received else ""
    if held.handed:
        received = handed_text(_, held.handed)
    match held.what:
        case Gift() as gift:
            kind = (gift_names(_).get(gift.kind) or _("Gift")) if mixed else source_name(_, gift)
            badge = handed_badge(_) if held.handed else gift_badge(_, gift, now)
            if held.usable and gift.ends:
                # Translators: a badge on a line of a list; %(day)s is a date, "today" or "tomorrow"
                badge = Badge(_("Until %(day)s", day=_.day(gift.ends, now)), "soon")
            return Item(gift.name, opens, ICONS.get(gift.kind, "🎁"), _joined(kind, received), badge)
        case Day(count=count):
            name = f"{_.ngettext('Coupon', 'Coupons', count)} × {_.number(count)}"
            badge = handed_badge(_) if held.handed else valid_badge(_)
            return Item(name, opens, ICONS[TICKETS], _joined(_("Tickets") if mixed else "", received), badge)
        case HeldVoucher() as voucher:
            return Item(
                voucher.name, opens, ICONS[VOUCHERS], _joined(_("Voucher"), received), _voucher_badge(_, voucher)
            )
        case HeldCards(count=count):
            name = _.ngettext("%(n)s gift card", "%(n)s gift cards", count)
            return Item(name, opens, ICONS[CARDS], badge=valid_badge(_))
        case card:
            return Item(card.title or _("Gift card"), opens, ICONS[CARDS], badge=valid_badge(_))


def voucher_card(_: Translator, voucher: HeldVoucher, show: Action) -> Card:
    """A voucher in a list of everything; its receipt says the rest."""
    details = choices.details(_, show)
    rows = (Row(_("Date"), _.date(voucher.received)), Row(_("Reference"), voucher.ref))
    return Card(
        eyebrow=_("Voucher"),
        banner="vouchers",
        badge=_voucher_badge(_, voucher),
        title=voucher.name,
        rows=rows,
        buttons=(details,),
    )


def cards_card(_: Translator, cards: HeldCards, show: Action) -> Card:
    """Gift cards in a list of everything: how many; they are looked up where they are shown."""
    title = _.ngettext("%(n)s gift card", "%(n)s gift cards", cards.count)
    # Translators: a button: show the gift cards
    return Card(
        eyebrow=_("Gift cards"), banner="cards", badge=valid_badge(_), title=title, buttons=(Button(_("Show"), show),)
    )


def _voucher_badge(_: Translator, voucher: HeldVoucher) -> Badge:
    # Translators: states of a voucher, on a badge
    return Badge(_("Confirming"), "soon") if voucher.open else Badge(_("Issued"), "valid")


def _joined(*parts: str) -> str:
    return " · ".join(filter(None, parts))

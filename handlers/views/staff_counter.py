"""What staff see of the counter: what they are about to hand over, their own code, and what was handed over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.conversation.messages import Badge, Card, Link, Row
from bot.i18n import Translator
from bot.services.counter_codes import CounterCode
from bot.services.hand_overs import RECEIPT, Item, called
from bot.storage.hand_overs import HandOver, Listed
from handlers.views.counter import item_kind, item_name, item_rows


def preview_card(
    _: Translator,
    item: Item,
    customer: str,
    *,
    place: int,
    total: int,
    before: HandOver | None,
    checked: bool,
) -> Card:
    """A thing that is about to be handed over. place, total: which of so many like it. before: the last one of them
    that was handed over. checked: whether MantaGo has just listed it."""
    notes = []
    if item.kind != RECEIPT:
        if not checked:
            notes.append(_("It could not be checked with MantaGo just now."))
        notes.append(_("Handing over is our own record: MantaGo may still list it."))
    return Card(
        eyebrow=item_kind(_, item),
        title=item_name(_, item),
        hero=_("%(n)s of %(total)s", n=_.number(place), total=_.number(total)) if total > 1 else "",
        rows=(
            Row(_("Customer"), customer),
            *item_rows(_, item),
            Row(_("Handed over before"), hand_over_text(_, before) if before else _("no")),
        ),
        note="\n".join(notes),
    )


def hand_over_text(_: Translator, hand_over: HandOver) -> str:
    """When, where and by whom."""
    return " · ".join(filter(None, (_.moment(hand_over.at), hand_over.store, hand_over.staff)))


def shop_code_card(_: Translator, code: CounterCode) -> Card:
    """A member's own code, for a customer who cannot show one."""
    return Card(
        eyebrow=_("Counter code"),
        title=_("Show this to the customer"),
        hero=code.code,
        text=_(
            "They type “%(words)s”, or tap [I have a shop code], and choose; then you are shown what it is.",
            # Translators: what customers type, with the code of staff after it
            words=_("counter %(code)s", code=code.code),
        ),
        note=_("Good for 2 minutes, until %(time)s, for one customer.", time=_.time(code.until)),
        discreet=True,
    )


def hand_over_card(_: Translator, listed: Listed) -> Card:
    """One hand-over: what, to whom, and whether it was taken back."""
    given, item = listed.hand_over, Item.of_json(listed.hand_over.item)
    undone = given.undone_at is not None
    return Card(
        eyebrow=_("Hand-over #%(number)s", number=given.id),
        # Translators: a badge on a hand-over that was undone
        badge=Badge(_("Taken back"), "old") if undone else None,
        title=item_name(_, item),
        rows=(
            Row(_("Customer"), listed.customer or _("deleted their data")),
            *item_rows(_, item),
            Row(_("Handed over"), hand_over_text(_, given)),
            *((Row(_("Taken back"), _taken_back(_, given.undone_at, given.undone_by)),) if given.undone_at else ()),
        ),
    )


def hand_overs_card(_: Translator, shown: Sequence[Listed], total: int) -> Card:
    """A page of the hand-overs of a day. total: of the day, without what was taken back."""
    return Card(
        eyebrow=_("Today"),
        title=_.ngettext("%(n)s handed over", "%(n)s handed over", total),
        rows=tuple(Row(f"{_.time(each.hand_over.at)} · {each.hand_over.staff}", _line(_, each)) for each in shown),
    )


def file_card(_: Translator, count: int, until: datetime, url: str) -> Card:
    """A link to a list of hand-overs. What is not https a platform does not open, so it is written out as well."""
    return Card(
        title=_.ngettext("%(n)s hand-over", "%(n)s hand-overs", count),
        text=_(
            "The link works once, until %(time)s. Whoever has it can open it, so do not pass it on.", time=_.time(until)
        ),
        note="" if url.startswith("https://") else url,
        buttons=(Link(_("Download CSV"), url),),
    )


def file_page(_: Translator, count: int, until: datetime) -> dict[str, str]:
    """What the web page behind that link says."""
    return {
        "lang": _.tag.replace("_", "-"),
        "title": _.ngettext("%(n)s hand-over", "%(n)s hand-overs", count),
        "text": _("The button works once, until %(time)s.", time=_.time(until)),
        "button": _("Download CSV"),
        "gone": _("This link was used or has expired. In the chat, /handed export makes a new one."),
    }


def _line(_: Translator, listed: Listed) -> str:
    given = listed.hand_over
    parts = (
        called(_, Item.of_json(given.item)),
        listed.customer or _("deleted their data"),
        given.store,
        _("Taken back") if given.undone_at else "",
    )
    return " · ".join(filter(None, parts))


def _taken_back(_: Translator, at: datetime, by: str | None) -> str:
    return " · ".join(filter(None, (_.moment(at), by)))

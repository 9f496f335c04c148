"""A customer's own data, to be read and kept: as a page, or as a message where nothing can be fetched."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from bot.conversation.context import Brand
from bot.conversation.messages import Card, Link
from bot.i18n import Translator
from bot.services.hand_overs import Item, called
from bot.storage.claims import Claim
from bot.storage.customers import Customer
from bot.storage.hand_overs import HandOver
from bot.storage.issues import Issue
from bot.storage.points import Account
from bot.storage.redemptions import Redemption
from bot.understanding.codes import masked
from handlers.views.codes import reward_names
from handlers.views.collected import collected_text
from handlers.views.vouchers import state_words

LETTERS = 6_000  # of the message, so that it is few of them on every platform

# What makes a text read in another order than it is written in; vendors' names may hold it.
_TURNING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_PAGE = Markup(
    """<!doctype html>
<html lang="{lang}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: #1f2937; }}
h1 {{ font-size: 1.5rem; }}
h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
div {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; }}
.list {{ min-width: 42rem; }}
th, td {{ text-align: start; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #e5e7eb; }}
th {{ color: #6b7280; font-weight: normal; white-space: nowrap; }}
td {{ overflow-wrap: anywhere; }}
.list td {{ overflow-wrap: break-word; }}
p {{ color: #6b7280; }}
</style>
<h1>{title}</h1>
<p>{note}</p>
{parts}
</html>
"""
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A part that is a list: its columns, and its rows, newest first."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


Part = str | Listed


def part_names(_: Translator) -> dict[str, str]:
    """What each part is called, in the order of the page; the register of the tables (`KEPT`) names the same ones."""
    return {
        "customer": _("Customer number"),
        "channel": _("Channel"),
        "user_id": _("User ID"),
        "language": _("Language"),
        "first_seen": _("Since"),
        "last_seen": _("Last visit"),
        "notifications": _("Notifications"),
        "reminders": _("Reminders"),
        "linked_phone": _("Linked phone"),
        "player_id": _("Player ID"),
        "points": _("Points"),
        "redeemed": _("Redeemed codes"),
        "vouchers": _("My vouchers"),
        "came_by": _("Posters you came by"),
        "handed_over": _("Handed over"),
    }


def parts(
    _: Translator,
    brand: Brand,
    customer: Customer,
    *,
    phone: str,
    player: str,
    account: Account,
    redeemed: Sequence[Claim],
    redeeming: Sequence[Redemption],
    vouchers: Sequence[Issue],
    visits: Sequence[tuple[datetime, str]],
    reminders: str,
    handed_over: Sequence[HandOver],
) -> dict[str, Part]:
    """Everything that is kept of a customer, by its part. phone, player: masked, "" when there is none.
    redeeming: what Poshen is asked for. visits: when they came by which poster. reminders: whether they are on.

    Phones, codes and vouchers' codes stay hidden: what can be kept can be shown around.
    """
    points = _.number(account.available)
    if account.held:
        points = _("%(points)s, and %(held)s on hold", points=points, held=_.number(account.held))
    counted = customer.state.collected
    if counted and customer.channel in counted["points"]:
        points = f"{points} · {collected_text(_, counted['points'][customer.channel])}"
    return {
        "customer": customer.ref,
        "channel": brand.channel_name,
        "user_id": customer.person.rsplit(":", 1)[-1],
        "language": language_name(_),
        "first_seen": _.moment(customer.first_seen),
        "last_seen": _.moment(customer.last_seen),
        "notifications": _("off") if customer.unsubscribed_at else _("on"),
        "reminders": reminders,
        "linked_phone": phone or _("none"),
        "player_id": player or _("none"),
        "points": points,
        "redeemed": Listed(
            (_("Time"), _("Rewards"), _("Campaign"), _("Code"), _("Reference")),
            [
                *(
                    (
                        _.moment(each.created_at),
                        _("Confirming"),
                        each.code["group"]["name"] if each.code["group"] else "",
                        masked(each.code["code"]),
                        each.ref,
                    )
                    for each in reversed(redeeming)
                ),
                *(
                    (
                        _.moment(claim.claimed_at),
                        _(", ").join(reward_names(claim)),
                        claim.snapshot["group"],
                        masked(claim.snapshot["code"]),
                        claim.ref,
                    )
                    for claim in redeemed
                ),
            ],
        ),
        "vouchers": Listed(
            (_("Time"), _("Voucher"), _("Points"), _("Status"), _("Reference")),
            [
                (
                    _.moment(issue.created_at),
                    issue.called,
                    f"−{_.number(issue.cost)}" if issue.cost else "",
                    state_words(_)[issue.state],
                    issue.ref,
                )
                for issue in vouchers
            ],
        ),
        "came_by": Listed((_("Time"), _("Poster")), [(_.moment(at), name) for at, name in visits]),
        "handed_over": Listed(
            (_("Time"), _("Gift"), _("Shop"), _("Status")),
            [
                (
                    _.moment(each.at),
                    called(_, Item.of_json(each.item)),
                    each.store,
                    _("Taken back") if each.undone_at else _("Handed over"),
                )
                for each in handed_over
            ],
        ),
    }


def language_name(_: Translator) -> str:
    """The language as it calls itself."""
    return _.locale.get_language_name(_.locale) or _.tag


def data_page(_: Translator, brand: Brand, found: Mapping[str, Part], now: datetime) -> str:
    """All of it as one page of HTML that needs nothing else, runs nothing, and can be saved or printed."""
    names = part_names(_)
    facts = [(names[name], part) for name, part in found.items() if isinstance(part, str)]
    lists = [(names[name], part) for name, part in found.items() if isinstance(part, Listed)]
    shown = [_table([[Markup("<th scope=row>{}").format(label), _cell(value)] for label, value in facts])]
    for label, part in lists:
        head = [Markup("<th scope=col>{}").format(column) for column in part.columns]
        rows = [[_cell(value) for value in row] for row in part.rows]
        shown.append(Markup("<h2>{}</h2>").format(label))
        shown.append(_table([head, *rows], "list") if rows else Markup("<p>{}</p>").format(_("none")))
    title = data_title(_, brand)
    note = _("As of %(time)s; times are those of %(zone)s.", time=_.moment(now), zone=_zone(_))
    lang = _.tag.replace("_", "-")
    return str(_PAGE.format(lang=lang, title=title, note=note, parts=Markup("\n").join(shown)))


def data_text(_: Translator, found: Mapping[str, Part]) -> str:
    """All of it as a message. What is too long for it is left out, the oldest first, and counted."""
    names = part_names(_)
    lines = [f"{names[name]} · {part}" for name, part in found.items() if isinstance(part, str)]
    lists = [(names[name], part) for name, part in found.items() if isinstance(part, Listed)]
    room = LETTERS - sum(len(line) for line in lines)
    for label, part in lists:
        lines += ["", f"{label} · {_.number(len(part.rows))}"]
        share = room // len(lists)
        shown = 0
        for row in part.rows:
            line = "• " + " · ".join(value for value in row if value)
            if (share := share - len(line)) < 0:
                break
            lines.append(line)
            shown += 1
        if left := len(part.rows) - shown:
            lines.append(_.ngettext("%(n)s older is not listed here.", "%(n)s older are not listed here.", left))
    return "\n".join(lines)


def data_title(_: Translator, brand: Brand) -> str:
    """What the page and its link are called."""
    return _("Your data at %(brand)s", brand=brand.name)


def link_card(_: Translator, brand: Brand, until: datetime, url: str) -> Card:
    """The way to the page. What is not https a platform does not open, so it is written out as well."""
    return Card(
        eyebrow=_("Privacy"),
        title=data_title(_, brand),
        text=_(
            "The link works once, until %(time)s. Whoever has it can open it, so do not pass it on.",
            time=_.time(until),
        ),
        note="" if url.startswith("https://") else url,
        buttons=(Link(_("Show my data"), url),),
    )


def link_page(_: Translator, brand: Brand, until: datetime) -> dict[str, str]:
    """What the page behind the link says, before its button was used and after."""
    return {
        "lang": _.tag.replace("_", "-"),
        "title": data_title(_, brand),
        "text": _("The button works once, until %(time)s.", time=_.time(until)),
        # Translators: a button: show the customer's own data
        "button": _("Show my data"),
        "gone": _("This link was used or has expired. In the chat, “my data” makes a new one."),
    }


def _zone(_: Translator) -> str:
    return _.zone.key


def _cell(value: str) -> Markup:
    # Names in other scripts must not turn around what stands beside them.
    return Markup("<td><bdi>{}</bdi>").format(_TURNING.sub("", value))


def _table(rows: Sequence[Sequence[Markup]], kind: str = "facts") -> Markup:
    lines = (Markup("<tr>") + Markup("").join(row) for row in rows)
    return Markup("<div><table class={}>\n{}\n</table></div>").format(kind, Markup("\n").join(lines))

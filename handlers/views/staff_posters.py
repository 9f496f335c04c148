"""Posters, as staff see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.conversation.messages import Badge, Card, Link, Row
from bot.i18n import Translator
from bot.services.posters import Posters
from bot.storage.posters import Brought, Poster
from handlers.views.choices import LABELS


def what_of(_: Translator, poster: Poster) -> str:
    """What a poster is for."""
    return poster.code or _(LABELS.get(poster.opens, poster.opens))


def missing_text(_: Translator, missing: Mapping[str, str]) -> str:
    """Which links there are not, and what to set for them; "" when none is missing."""
    return "\n".join(
        _("No link for %(channel)s: %(setting)s is not set.", channel=channel, setting=setting)
        for channel, setting in missing.items()
    )


def new_card(_: Translator, name: str, what: str, posters: Posters, *, public_url: str) -> Card:
    """A poster that is about to be made."""
    kinds = _kinds(_)
    notes = [missing_text(_, posters.missing), "" if public_url else _no_address(_, name)]
    return Card(
        title=_("Make the poster “%(name)s”?", name=name),
        rows=(
            Row(_("For"), what),
            Row(_("Links"), _(", ").join(kinds[kind] for kind in posters.entrances)),
        ),
        note="\n".join(note for note in notes if note),
    )


def poster_card(_: Translator, poster: Poster, posters: Posters, *, url: str, until: datetime) -> Card:
    """A poster in use or stopped. url: of its pictures, "" when there is no address for them."""
    text, notes = "", [missing_text(_, posters.missing)]
    if url:
        text = _("The QR pictures can be fetched once, until %(time)s.", time=_.time(until))
        # What is not https a platform does not open, so it is written out as well.
        notes.append("" if url.startswith("https://") else url)
    elif not poster.stopped_at:
        notes.append(_no_address(_, poster.name))
    return Card(
        eyebrow=_("Poster"),
        title=poster.name,
        badge=Badge(_("stopped"), "old") if poster.stopped_at else Badge(_("in use"), "valid"),
        text=text,
        rows=(
            Row(_("For"), what_of(_, poster)),
            Row(_("Made"), f"{_.date(poster.created_at)} · {poster.made_by}"),
        ),
        note="\n".join(note for note in notes if note),
        # Translators: a button: fetch the pictures
        buttons=(Link(_("QR pictures"), url),) if url else (),
    )


def links_text(_: Translator, links: Mapping[str, str]) -> str:
    """Every link on lines of its own, to be copied."""
    kinds = _kinds(_)
    return "\n\n".join(f"{kinds[kind]}\n{link}" for kind, link in links.items())


def pictures_page(_: Translator, poster: Poster, until: datetime) -> dict[str, str]:
    """What the page behind the link to the pictures says, before its button was used and after."""
    return {
        "lang": _.tag.replace("_", "-"),
        "title": _("Poster “%(name)s”", name=poster.name),
        "text": _("The button works once, until %(time)s.", time=_.time(until)),
        # Translators: a button: show the QR codes of a poster
        "button": _("Show the QR pictures"),
        "gone": _(
            "This link was used or has expired. In the chat, /poster show %(name)s makes a new one.",
            name=poster.name,
        ),
        "print": _("Save each picture before you leave this page. They are made for print, 10 cm wide."),
        # Translators: a link: save a picture
        "save": _("Save the picture"),
        **_kinds(_),
    }


def list_card(
    _: Translator, posters: Sequence[Poster], brought: Mapping[int, Brought], *, days: int, more: bool
) -> Card:
    """The newest ones. brought: by a poster's id, of the last days."""
    rows = []
    for each in posters:
        came = brought.get(each.id)
        parts = [_("stopped") if each.stopped_at else "", what_of(_, each), _arrived(_, came.arrived if came else 0)]
        rows.append(Row(each.name, " · ".join(part for part in parts if part)))
    note = _.ngettext("Visits of the last %(n)s day.", "Visits of the last %(n)s days.", days)
    return Card(
        title=_("Posters"),
        rows=tuple(rows),
        note=" ".join([note, _("The newest ones; there are more.")] if more else [note]),
    )


def stop_card(_: Translator, poster: Poster) -> Card:
    """A poster that is about to be stopped."""
    notes = [
        _("What was printed still hangs: who comes by it is told that the offer is over."),
        _("A poster that was stopped cannot be started again."),
        _("The code itself stays as it is, and LINE's links go on typing it.") if poster.code else "",
    ]
    return Card(
        title=_("Stop the poster “%(name)s”?", name=poster.name),
        rows=(Row(_("For"), what_of(_, poster)),),
        note="\n".join(note for note in notes if note),
    )


def numbers_card(_: Translator, title: str, days: str, found: Sequence[Brought], *, more: bool) -> Card:
    """What each poster brought. title: names the period. days: of it. more: there are smaller ones."""
    rows = []
    for each in found:
        parts = [
            _arrived(_, each.arrived),
            _.ngettext("%(n)s person", "%(n)s people", each.people) if each.people != each.arrived else "",
            _.ngettext("%(n)s new customer", "%(n)s new customers", each.new),
            _.ngettext("%(n)s redeemed", "%(n)s redeemed", each.redeemed) if each.poster.code else "",
        ]
        rows.append(Row(each.poster.name, " · ".join(part for part in parts if part)))
    return Card(
        eyebrow=days,
        title=title,
        text="" if rows else _("There is no poster yet."),
        rows=tuple(rows),
        note=_("The largest ones; there are more.") if more else "",
    )


def _arrived(_: Translator, times: int) -> str:
    return _.ngettext("%(n)s visit", "%(n)s visits", times)


def _kinds(_: Translator) -> dict[str, str]:
    """What each kind of link does."""
    return {
        "line": _("LINE, with the line typed"),
        "friend": _("LINE, to add us as a friend"),
        "messenger": "Messenger",
        "instagram": "Instagram",
    }


def _no_address(_: Translator, name: str) -> str:
    return _(
        "There is no address for pictures: PUBLIC_URL is not set. On the server, `giftdesk poster %(name)s` writes "
        "them.",
        name=name,
    )

"""Files that can be fetched once: their signed links, their page, what is in them. Pure, and light enough for web."""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup

LIVES = timedelta(minutes=15)


class Shelf(NamedTuple):
    """One sort of files. path: their links begin with it. purpose: their signatures are for nothing else."""

    path: str
    purpose: str
    table: str


CODES = Shelf("/exports/", "export", "exports")  # of a bulk job
DATA = Shelf("/my-data/", "data", "data_files")  # a customer's own
POSTERS = Shelf("/posters/", "poster", "poster_files")  # QR pictures
HANDED = Shelf("/handed/", "hand-overs", "exports")  # what was handed over
# What a spreadsheet takes for the beginning of a formula: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PAGE = Markup(
    """<!doctype html>
<html lang="{lang}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 26rem; margin: 4rem auto; padding: 0 1.5rem; }}
button {{ font: inherit; color: #fff; background: {colour}; border: 0; border-radius: .5rem; padding: .75rem 1.5rem; }}
</style>
<h1>{title}</h1>
<p>{text}</p>
{form}
</html>
"""
)
_FIGURE = Markup(
    """<h2>{about}</h2>
<p><a download="{file}" href="data:image/png;base64,{png}"><img alt="{about}" width="300"
src="data:image/png;base64,{png}"></a></p>
<p><a download="{file}" href="data:image/png;base64,{png}">{save}</a></p>
<p style="overflow-wrap: anywhere">{link}</p>
"""
)
_FORM = Markup('<form method="post"><button>{button}</button></form>')


def sign(secret: bytes, export_id: int, shelf: Shelf = CODES) -> str:
    """The token of a link: nobody without the secret can make one."""
    return f"{export_id}.{_mac(secret, export_id, shelf)}"


def read(secret: bytes, token: str, shelf: Shelf = CODES) -> int | None:
    """The file that a token is for; None when it is not one of ours. Whether it is still good, the database says."""
    number, _, mac = token.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    genuine = hmac.compare_digest(mac.encode(), _mac(secret, int(number), shelf).encode())
    return int(number) if genuine else None


def _mac(secret: bytes, export_id: int, shelf: Shelf) -> str:
    digest = hmac.digest(secret, f"{shelf.purpose}:{export_id}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:18]).decode()


def page(words: Mapping[str, str], *, colour: str, gone: bool = False) -> str:
    """The page of a link. A plain GET must not use the link up: chat apps open links to show a preview of them.

    words: lang, title, text, button and gone, in the language of whoever made the link.
    """
    form = Markup() if gone else _FORM.format(button=words["button"])
    text = words["gone"] if gone else words["text"]
    return str(_PAGE.format(lang=words["lang"], title=words["title"], text=text, colour=colour, form=form))


def pictures(words: Mapping[str, str], shown: Mapping[str, tuple[str, bytes]], *, colour: str, name: str) -> str:
    """The page with a poster's QR pictures, to be saved one by one; nothing of it is fetched.

    words: those of the link's page, with a line about each kind, `print` and `save`. shown: by kind, where it leads and
    its PNG. name: the files are called by it.
    """
    figures = Markup("").join(
        _FIGURE.format(
            about=words.get(kind, kind),
            link=link,
            png=base64.b64encode(png).decode(),
            file=f"{name}-{kind}.png",
            save=words["save"],
        )
        for kind, (link, png) in shown.items()
    )
    return str(_PAGE.format(lang=words["lang"], title=words["title"], text=words["print"], colour=colour, form=figures))


class Made(NamedTuple):
    """One code that a job made."""

    code: str
    group_id: int
    group_name: str
    poshen_id: int
    made_at: datetime
    job_id: int
    linked: bool = False  # its links are wanted, too


Links = Mapping[str, Callable[[str], str]]


class Given(NamedTuple):
    """One thing that was handed over. customer: "" when they had their data deleted."""

    number: int
    at: datetime
    kind: str
    name: str
    customer: str
    store: str
    staff: str
    undone_at: datetime | None


def handed_file(given: Iterable[Given], zone: ZoneInfo) -> bytes:
    """Hand-overs as CSV."""

    def when(moment: datetime | None) -> str:
        return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if moment else ""

    rows = (
        (each.number, when(each.at), each.kind, each.name, each.customer, each.store, each.staff, when(each.undone_at))
        for each in given
    )
    return table(("number", "handed over at", "kind", "name", "customer", "store", "by", "taken back at"), rows)


def file(codes: Iterable[Made], zone: ZoneInfo, links: Links | None = None) -> bytes:
    """A job's codes as CSV. links: what makes each code's own link, by the channel; a column for each."""
    made = links or {}
    rows = (
        (
            each.code,
            each.group_id,
            each.group_name,
            each.poshen_id,
            f"{each.made_at.astimezone(zone):%Y-%m-%d %H:%M}",
            *(link(each.code) for link in made.values()),
        )
        for each in codes
    )
    head = ("code", "group", "group name", "Poshen id", "made at", *(f"{channel} link" for channel in made))
    return table(head, rows)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV file that spreadsheets open as it is: UTF-8 with its mark, and no cell that they would run as a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([_harmless(str(cell)) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell

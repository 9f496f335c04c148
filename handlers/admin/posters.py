"""Posters: links and QR codes that lead into the chat, each counted by itself."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from bot.conversation.context import Answer
from bot.conversation.messages import Button, Reply, Text
from bot.i18n import N_
from bot.staff.arguments import Arguments, Keyed, Positional
from bot.staff.routes import Preview, StaffContext, StaffRouter
from bot.staff.teaching import commands_button, run_button
from bot.storage import counts, export_files, posters
from bot.storage import rewards as rules
from bot.storage.posters import Poster
from bot.understanding.codes import LONGEST as LONGEST_CODE
from handlers.admin.codes import find, poshen_of
from handlers.views import staff_posters as views
from handlers.views.changes import change, shown_changed
from handlers.views.choices import LABELS
from handlers.views.staff_codes import rewards_text

# Translators: a topic of the list of staff commands
admin = StaffRouter(N_("Posters and links"))
# Translators: what else staff may type for a command, separated by commas
admin.noun("poster", N_("/poster, /qr"))

SHOWN = 10
LONGEST = 30  # characters of a name
PERIOD = 30  # days whose visits the list shows


def _small(value: object) -> object:
    return unicodedata.normalize("NFKC", value).strip().lower() if isinstance(value, str) else value


def _word(value: str) -> str:
    # With a letter in it no name is a phone number that somebody meant for another command.
    if not all(part.isalnum() for part in value.split("-")) or value.isdigit():
        raise PydanticCustomError("poster", "letters, digits and hyphens")
    return value


Name = Annotated[
    str,
    Positional(
        N_("the poster's name"),
        example="spring",
        unfit=N_("“%(value)s” is no name for a poster: letters, digits and hyphens. Example: %(example)s"),
        look_up=(N_("List posters"), "/poster list"),
    ),
    Field(min_length=1, max_length=LONGEST),
    BeforeValidator(_small),
    AfterValidator(_word),
]


class NewPoster(Arguments):
    """What it is called, and what it is for: a code, or a topic."""

    name: Name
    code: Annotated[
        str | None,
        Keyed(N_("the code that it offers"), example="WELCOME2026", typical=True, audited="masked"),
        Field(max_length=LONGEST_CODE),
    ] = None
    opens: Annotated[Literal["gifts", "vouchers", "redeem"] | None, Keyed(N_("what it opens"), example="gifts")] = None


class OnePoster(Arguments):
    """Which one."""

    name: Name


@admin.command("poster new", NewPoster, role="manager", about=N_("links and QR codes for a code or a topic"))
async def preview_new(ctx: StaffContext, args: NewPoster) -> Preview | Answer:
    """What it will be for, and on which channels there will be a link."""
    _ = ctx._
    ctx.notes.target = f"poster {args.name}"
    if (args.code is None) == (args.opens is None):
        ctx.notes.result = "refused"
        text = _("A poster offers a code or opens a topic: one of code= and opens=.")
        return Reply((Text(text),), run_button("/help poster new", "/help poster new"))
    if taken := await posters.by_name(ctx.work.reads, args.name):
        return _taken(ctx, taken)
    if not ctx.services.posters.entrances:
        ctx.notes.result = "refused"
        return Reply((Text(views.missing_text(_, ctx.services.posters.missing)),), commands_button(_, "poster"))
    if args.opens is not None:
        if not ctx.brand.offers(args.opens):
            ctx.notes.result = "refused"
            return Reply((Text(_("This shop has nothing to open there.")),), commands_button(_, "poster"))
        says = str(ctx.services.posters.customers_read(LABELS[args.opens]))
        what = _(LABELS[args.opens])
        seen: dict[str, str | int | None] = {"says": says, "code": "", "code_id": None}
    else:
        poshen_of(ctx)
        code = await find(ctx, args.code or "", by_number=False)
        ctx.notes.target = f"poster {args.name}"
        if code is None:
            ctx.notes.result = "not found"
            text = _("Poshen has no code “%(code)s”.", code=args.code)
            return Reply((Text(text),), run_button(_("List codes"), "/code list"))
        grants = await rules.listed(ctx.work.reads)
        known = {reward.id: reward for reward in code.rewards}
        rewards = rewards_text(_, tuple(known), known, grants)
        what = f"{code.code} · {rewards}"
        seen = {"says": code.code, "code": code.code, "code_id": code.id}
    card = views.new_card(_, args.name, what, ctx.services.posters, public_url=ctx.brand.public_url)
    # Translators: a button: make a poster's links and QR codes
    return Preview((card,), label=_("Make the poster"), whom=args.name, seen=seen)


@admin.performs("poster new")
async def make_poster(ctx: StaffContext, args: NewPoster) -> Answer:
    """Its links are good at once, and for ever."""
    assert ctx.confirmed is not None, "only a preview leads here"
    seen = ctx.confirmed.seen
    ctx.notes.target = f"poster {args.name}"
    made = await ctx.services.posters.make(
        await ctx.work.begin(),
        key=ctx.confirmed.key,
        name=args.name,
        says=seen["says"],
        code=seen["code"],
        code_id=seen["code_id"],
        opens=args.opens or "",
        made_by=ctx.actor.name,
        now=ctx.now,
    )
    if made is None:
        taken = await posters.by_name(ctx.work.reads, args.name)
        assert taken is not None, "the constraint says so"
        return _taken(ctx, taken)
    ctx.notes.after = "made"
    return shown_changed(await _shown(ctx, made), change(ctx._, made.name, ctx._("none"), ctx._("in use")))


@admin.command("poster show", OnePoster, role="manager", about=N_("a poster's links and its QR pictures again"))
async def show_poster(ctx: StaffContext, args: OnePoster) -> Answer:
    """As it was when it was made. Nothing of it is a secret: it hangs on walls."""
    poster = await _poster(ctx, args.name)
    return poster if isinstance(poster, Reply) else await _shown(ctx, poster)


@admin.command("poster list", role="manager", about=N_("posters, and whom they brought"), aliases=("posters",))
async def list_posters(ctx: StaffContext, _args: Arguments) -> Answer:
    """Those in use first."""
    found = await posters.newest(ctx.work.reads, SHOWN + 1)
    if not found:
        text = ctx._("There is no poster yet.")
        return Reply((Text(text),), run_button("/poster new", "/help poster new"))
    since = counts.first_day(ctx.now, PERIOD, ctx._.zone)
    brought = {each.poster.id: each for each in await posters.brought(ctx.work.reads, since, 1000)}
    card = views.list_card(ctx._, found[:SHOWN], brought, days=PERIOD, more=len(found) > SHOWN)
    opens = tuple(button for each in found[:SHOWN] for button in run_button(each.name, f"/poster show {each.name}"))
    return Reply((card,), (*opens, *_numbers(ctx)))


@admin.command("poster stop", OnePoster, role="manager", about=N_("a poster offers nothing any more"))
async def preview_stop(ctx: StaffContext, args: OnePoster) -> Preview | Answer:
    """What was printed cannot be taken back: who comes by it is told that the offer is over."""
    poster = await _poster(ctx, args.name)
    if isinstance(poster, Reply):
        return poster
    if poster.stopped_at:
        return _taken(ctx, poster)
    card = views.stop_card(ctx._, poster)
    # Translators: a button: a poster offers nothing any more
    return Preview((card,), label=ctx._("Stop the poster"), whom=args.name)


@admin.performs("poster stop")
async def stop_poster(ctx: StaffContext, args: OnePoster) -> Answer:
    """At once; its links stay known."""
    poster = await _poster(ctx, args.name)
    if isinstance(poster, Reply):
        return poster
    if not await posters.stop(await ctx.work.begin(), poster.id, ctx.now):
        return _taken(ctx, poster)
    ctx.notes.before, ctx.notes.after = "in use", "stopped"
    text = Text(ctx._("Who comes by “%(name)s” from now on is told that the offer is over.", name=poster.name))
    changes = change(ctx._, poster.name, ctx._("in use"), ctx._("stopped"))
    return Reply((Text("\n".join([text.text, f"{changes.label}: {changes.value}"])),), _numbers(ctx))


async def _poster(ctx: StaffContext, name: str) -> Poster | Reply:
    found = await posters.by_name(ctx.work.reads, name)
    ctx.notes.target = f"poster {name}"
    if found is not None:
        return found
    ctx.notes.result = "not found"
    text = ctx._("There is no poster “%(name)s”.", name=name)
    return Reply((Text(text),), run_button(ctx._("List posters"), "/poster list"))


def _taken(ctx: StaffContext, poster: Poster) -> Reply:
    ctx.notes.result = "refused"
    if poster.stopped_at:
        text = ctx._(
            "The poster “%(name)s” was stopped on %(date)s. A new one needs another name.",
            name=poster.name,
            date=ctx._.date(poster.stopped_at),
        )
    else:
        text = ctx._("There is a poster “%(name)s” already.", name=poster.name)
    return Reply((Text(text),), run_button(poster.name, f"/poster show {poster.name}"))


async def _shown(ctx: StaffContext, poster: Poster) -> Reply:
    """The card, its links as a text to be copied, and a link to its pictures where there is an address for one."""
    services, url, until = ctx.services.posters, "", ctx.now + export_files.LIVES
    if ctx.brand.public_url and services.entrances and not poster.stopped_at:
        url = await services.pictures(
            await ctx.work.begin(),
            poster,
            ctx.brand.public_url,
            maker=ctx.actor.name,
            page=views.pictures_page(ctx._, poster, until),
            now=ctx.now,
            until=until,
        )
    card = views.poster_card(ctx._, poster, services, url=url, until=until)
    # Translators: a button: end something
    stop = () if poster.stopped_at else run_button(ctx._("Stop"), f"/poster stop {poster.name}")
    links = services.links(poster)
    said = (Text(views.links_text(ctx._, links)),) if links and not poster.stopped_at else ()
    return Reply((card, *said), (*stop, *run_button(ctx._("List posters"), "/poster list"), *_numbers(ctx)))


def _numbers(ctx: StaffContext) -> tuple[Button, ...]:
    # Translators: a button: the numbers of each poster
    return run_button(ctx._("By poster"), "/stats 30d by=poster")

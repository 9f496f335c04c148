"""Stores: the brand's shops, who works in which, and where a member is today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from bot.conversation.actions import escaped
from bot.conversation.context import Answer
from bot.conversation.messages import Button, Card, Reply, Text
from bot.i18n import N_
from bot.services.stores import LONGEST_NAME, Place, name_key
from bot.staff.arguments import Arguments, Flag, Positional, line_of
from bot.staff.routes import AtStore, Preview, StaffContext, StaffRouter
from bot.staff.teaching import LONGEST_LABEL, LONGEST_LINE, commands_button, run_button
from bot.storage import staff, stores
from bot.storage.stores import Store
from handlers.admin import people
from handlers.views import staff_stores as views
from handlers.views.changes import change, changed

ON_A_CARD = 3  # buttons, on every channel

admin = StaffRouter(N_("Stores"))
admin.noun("store", N_("/store, /shop, /branch"))

StoreName = Annotated[
    str,
    Positional(N_("a store"), words=N_("Main Street"), rest=True, look_up=(N_("List stores"), "/store list")),
    Field(max_length=LONGEST_NAME),
]


class OneStore(Arguments):
    """Which one, by its name."""

    store: StoreName


class AtStores(Arguments):
    """Who works where, or no more."""

    name: people.Name
    store: StoreName
    leave: Annotated[bool, Flag(N_("they work there no more"))] = False


# ── the shops ────────────────────────────────────────────────────────────────────────────────────


@admin.command("store list", role="staff", about=N_("the stores, and who works where"), aliases=("stores",))
async def list_stores(ctx: StaffContext, _args: Arguments) -> Answer:
    """Those that there are; who belongs to none is named, too."""
    reads = ctx.work.reads
    there = await stores.everything(reads)
    names = await stores.members(reads)
    staffing = ctx.services.staffing
    placed = {name for theirs in names.values() for name in theirs}
    everybody = [each for each in await staff.everybody(reads) if not staffing.suspended(each, ctx.now)]
    lost = [each.name for each in everybody if staffing.role_of(each) in ("staff", "counter")]
    card = views.stores_card(ctx._, there, names, [name for name in lost if name not in placed])
    by_store = run_button(ctx._("By store"), "/stats by=store") if there else ()
    return Reply((card,), (*by_store, *commands_button(ctx._)))


@admin.command("store add", OneStore, role="owner", about=N_("a new store, or one that was removed"))
async def preview_store(ctx: StaffContext, args: OneStore) -> Preview | Answer:
    """Its name, which everybody on the staff reads."""
    known = await stores.find(ctx.work.reads, name_key(args.store))
    name = _shown(args.store)
    ctx.notes.target = name
    if known is not None and known.removed_at is None:
        return _exists(ctx, known.name)
    text = ctx._("There will be a store %(store)s. Who works there is said next.", store=name)
    if known is not None:
        text = ctx._(
            "%(store)s was removed before. It will be there again, with everything that was done there.", store=name
        )
    # Translators: a button: there shall be another store
    return Preview((Text(text),), label=ctx._("Add the store"), whom=name)


@admin.performs("store add")
async def add_store(ctx: StaffContext, args: OneStore) -> Answer:
    """Once, however many add it at the same moment."""
    name = _shown(args.store)
    ctx.notes.target = name
    store = await stores.add(await ctx.work.begin(), name, name_key(name), ctx.now)
    if store is None:
        return _exists(ctx, name)
    count = len(await stores.everything(ctx.work.reads))
    said = changed(
        ctx._(
            "There is a store %(store)s now. Next: /admins store, with a member's name and this store's.", store=name
        ),
        change(ctx._, ctx._("Stores"), ctx._.number(count - 1), ctx._.number(count)),
    )
    return Reply(
        (said,), (*run_button(ctx._("List stores"), "/store list"), *run_button(ctx._("List staff"), "/admins"))
    )


@admin.command("store remove", OneStore, role="owner", about=N_("hide a store; what was done there stays"))
async def preview_removal(ctx: StaffContext, args: OneStore) -> Preview | Answer:
    """Who works there, and what becomes of it."""
    store = await stores.find(ctx.work.reads, name_key(args.store))
    if store is None or store.removed_at is not None:
        return _no_store(ctx, args.store)
    ctx.notes.target = store.name
    names = (await stores.members(ctx.work.reads)).get(store.id, [])
    text = ctx._(
        "%(store)s will be hidden, and nothing counts for it any more. What was done there stays in the numbers and in "
        "the trail. To have it back, add it again.",
        store=store.name,
    )
    if names:
        works = ctx._("Working there now: %(names)s. They stay staff.", names=", ".join(names))
        text = f"{text}\n{works}"
    # Translators: a button: hide a store
    return Preview((Text(text),), label=ctx._("Remove the store"), whom=store.name, seen={"store": store.id})


@admin.performs("store remove")
async def remove_store(ctx: StaffContext, args: OneStore) -> Answer:
    """Whoever was there is asked again where they are, or is nowhere."""
    assert ctx.confirmed is not None, "only a preview leads here"
    store = await stores.find(ctx.work.reads, name_key(args.store))
    connection = await ctx.work.begin()
    if store is None or not await stores.remove(connection, ctx.confirmed.seen["store"], ctx.now):
        return _no_store(ctx, args.store)
    ctx.notes.target = store.name
    count = len(await stores.everything(connection))
    said = changed(
        ctx._("%(store)s is removed. What was done there stays.", store=store.name),
        change(ctx._, ctx._("Stores"), ctx._.number(count + 1), ctx._.number(count)),
    )
    again = run_button(ctx._("Add it again"), line_of("store add", OneStore(store=store.name)))
    return Reply((said,), (*again, *run_button(ctx._("List stores"), "/store list")))


# ── who works where ──────────────────────────────────────────────────────────────────────────────


@people.admin.command("admins store", AtStores, role="owner", about=N_("in which store a member works"))
async def preview_placing(ctx: StaffContext, args: AtStores) -> Preview | Answer:
    """From which stores to which."""
    member = await staff.by_name(ctx.work.reads, args.name.casefold())
    if member is None:
        return people.nobody(ctx, args.name)
    store = await stores.find(ctx.work.reads, name_key(args.store))
    if store is None or store.removed_at is not None:
        return _no_store(ctx, args.store)
    ctx.notes.target = f"{member.name}, {store.name}"
    theirs = await stores.of_staff(ctx.work.reads, member.id)
    if (store.id in {each.id for each in theirs}) is not args.leave:
        text = ctx._("%(name)s works in %(store)s already.", name=member.name, store=store.name)
        if args.leave:
            text = ctx._("%(name)s does not work in %(store)s.", name=member.name, store=store.name)
        return Reply((Text(text),), run_button(ctx._("List stores"), "/store list"))
    text = ctx._("%(name)s will work in %(store)s: what they do counts for it.", name=member.name, store=store.name)
    if theirs:
        others = ", ".join(each.name for each in theirs)
        text = ctx._(
            "%(name)s will work in %(store)s as well as in %(others)s, and is asked once a day where they are.",
            name=member.name,
            store=store.name,
            others=others,
        )
    if args.leave:
        text = ctx._("%(name)s will work in %(store)s no more.", name=member.name, store=store.name)
    return Preview(
        (Text(text),), label=ctx._("Change it"), whom=member.name, seen={"member": member.id, "store": store.id}
    )


@people.admin.performs("admins store")
async def place(ctx: StaffContext, args: AtStores) -> Answer:
    """It counts from what they do next."""
    assert ctx.confirmed is not None, "only a preview leads here"
    member_id, store_id = ctx.confirmed.seen["member"], ctx.confirmed.seen["store"]
    connection = await ctx.work.begin()
    member = await staff.by_id(connection, member_id)
    if member is None:
        return people.nobody(ctx, args.name)
    before = await stores.of_staff(connection, member.id)
    done = await (stores.leave if args.leave else stores.enter)(connection, member.id, store_id)
    after = await stores.of_staff(connection, member.id)
    if not done and (store_id in {each.id for each in after}) is args.leave:
        return _no_store(ctx, args.store)
    ctx.notes.target, ctx.notes.before, ctx.notes.after = member.name, _listed(before), _listed(after)
    text = ctx._("%(name)s is in %(stores)s.", name=member.name, stores=_listed(after) or ctx._("no store"))
    said = changed(
        text,
        change(ctx._, ctx._("Store"), _listed(before) or ctx._("none"), _listed(after) or ctx._("none")),
    )
    return Reply((said,), run_button(ctx._("List stores"), "/store list"))


# ── where a member is today ──────────────────────────────────────────────────────────────────────


@admin.command("store here", role="staff", counter=True, about=N_("at which store you are today"), audited=False)
async def show_here(ctx: StaffContext, _args: Arguments) -> Answer:
    """For whoever works in several: also to say it anew, after they went to another one."""
    theirs = await stores.of_staff(ctx.work.reads, ctx.actor.id) if ctx.actor.id is not None else []
    place = await ctx.place()
    if len(theirs) > 1:
        now = ctx._("You are at %(store)s today.", store=place.store.name) if place.store else ""
        return _ask(ctx, theirs, "", before=now)
    return Reply((Text(views.place_text(ctx._, place)),), commands_button(ctx._))


async def whereabouts(ctx: StaffContext, command: str, args: Arguments, *, secret: bool | None = None) -> Place | Reply:
    """Where a member is who is about to do something that counts for a store; or the question which one it is, and
    after its answer the command goes on. Ask it in the preview, once everything else is right.

    secret: whether `args` hold what the trail never does; by what they may hold, when it is not told.
    """
    place = await ctx.place()
    if not place.among:
        return place
    # What the trail never holds is not kept in a button either: it has to be sent again.
    if secret is None:
        secret = any(spec.marker.audited == "never" for spec in args.specs)
    line = "" if secret else line_of(command, args)
    ctx.notes.result = "asked"
    if line and len(escaped(line)) <= LONGEST_LINE:
        return _ask(ctx, place.among, line)
    return _ask(ctx, place.among, "", after=ctx._("Then please send the same once more."))


def _ask(ctx: StaffContext, among: Sequence[Store], line: str, *, before: str = "", after: str = "") -> Reply:
    # Translators: to a member of staff who works in several stores
    text = ctx._("Which store are you at today? What you do counts for it.")
    buttons = tuple(Button(_label(each.name), AtStore(store=each.id, line=line)) for each in among)
    # On a card, too: LINE on a computer shows none below it, and their labels, typed, do nothing.
    # Translators: a title: in which store a member of staff is today
    card = Card(title=ctx._("Your store today"), text="\n".join(filter(None, (before, text, after))))
    return Reply((replace(card, buttons=buttons[:ON_A_CARD]),), buttons)


def _label(name: str) -> str:
    return name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…"


def _shown(typed: str) -> str:
    return " ".join(typed.split())


def _listed(some: list[Store]) -> str:
    return ", ".join(each.name for each in some)


def _exists(ctx: StaffContext, name: str) -> Answer:
    ctx.notes.result = "exists"
    text = ctx._("There is a store %(store)s already.", store=name)
    return Reply((Text(text),), run_button(ctx._("List stores"), "/store list"))


def _no_store(ctx: StaffContext, typed: str) -> Answer:
    ctx.notes.result = "not found"
    text = ctx._("There is no store %(store)s.", store=_shown(typed))
    return Reply((Text(text),), run_button(ctx._("List stores"), "/store list"))

"""The staff desk's cards: what can be done, how it is typed, who somebody is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.conversation.messages import Badge, Button, Card, Row, Tile
from bot.i18n import Translator
from bot.partners import partner
from bot.services.players import masked as masked_player
from bot.services.staffing import Actor, Staffing, role_word
from bot.services.stores import Place
from bot.staff.arguments import Arguments, Flag, Spec, example, line_of, usage
from bot.staff.lines import Token, written
from bot.staff.routes import StaffCommand
from bot.staff.teaching import run_button
from bot.staff.tiles import StaffTile
from bot.storage.audit import Row as TrailRow
from bot.storage.blocks import Block
from bot.storage.claims import Claim, Policy
from bot.storage.customers import Customer
from bot.storage.links import Stored as StoredLink
from bot.storage.points import Account
from bot.storage.staff import Member
from bot.understanding.codes import masked
from handlers.views.choices import Go
from handlers.views.codes import MOST_ROWS, at_poshen, reward_names, reward_rows, rewards_title
from handlers.views.staff_customers import account_text
from handlers.views.staff_stores import place_rows
from handlers.views.trail_words import result_text, thing_text

ON_A_CARD = 3  # buttons, on either channel


def menu_card(_: Translator, actor: Actor, tiles: Sequence[StaffTile]) -> Card:
    """What somebody can do here, by task."""
    return Card(
        eyebrow=f"{actor.name} · {role_word(_, actor.role)}",
        title=_("What would you like to do?"),
        tiles=tuple(Tile(tile.icon, _(tile.label), Go(command=tile.tap)) for tile in tiles),
        note=_("Commands can be typed as well: /help lists them."),
    )


def topic_card(_: Translator, topic: str, allowed: Sequence[StaffCommand]) -> Card:
    """A topic of the list: its commands in short, those that can be tapped at once, and the way to all of them."""
    lines: dict[str, str] = {}
    for command in allowed:  # `/code show · list`, `/admins · invite`
        noun, _space, verb = command.name.partition(" ")
        lines[noun] = f"{lines[noun]} · {verb}" if noun in lines else f"/{command.name}"
    ready = [button for command in allowed if not _needs(command) for button in command_button(command)]
    # Translators: a button: all commands of a topic
    everything = run_button(_("How to type them"), written("help", [Token(topic, "topic")]))
    return Card(title=_(topic), text="\n".join(lines.values()), buttons=(*ready[: ON_A_CARD - 1], *everything))


def commands_card(_: Translator, title: str, some: Sequence[StaffCommand]) -> Card:
    """Some commands, with how they are typed and what they are for."""
    rows = (Row(usage(command.name, command.arguments, _), _(command.about)) for command in some)
    return Card(title=title, rows=tuple(rows))


def command_button(command: StaffCommand) -> tuple[Button, ...]:
    """Runs a command that needs to be told nothing; says how any other is typed."""
    return run_button(f"/{command.name}", f"/help {command.name}" if _needs(command) else f"/{command.name}")


def _needs(command: StaffCommand) -> bool:
    return any(spec.required for spec in command.arguments.specs)


def usage_card(_: Translator, command: StaffCommand) -> Card:
    """How a command is typed, made from its model."""
    rows = [Row(spec.usage(_), _about(_, spec)) for spec in command.arguments.specs]
    rows.append(Row(_("Example"), example(command.name, command.arguments, _)))
    rows.append(Row(_("Needs"), " · ".join(role_word(_, role) for role in command.roles)))
    return Card(
        title=f"/{command.name}",
        text=f"{_(command.about)}\n{usage(command.name, command.arguments, _)}",
        rows=tuple(rows),
    )


def _about(_: Translator, spec: Spec) -> str:
    about = _(spec.marker.about)
    if isinstance(spec.marker, Flag) or spec.required:
        return about
    return _("%(about)s (may be left out)", about=about)


def me_card(_: Translator, actor: Actor, place: Place) -> Card:
    """Who somebody is at this desk, and where."""
    return Card(
        title=actor.name,
        eyebrow=_("Staff"),
        rows=(
            Row(_("Role"), role_word(_, actor.role)),
            *place_rows(_, place),
            Row(_("Channel"), _channel(actor.channel)),
            Row(_("Language"), _.locale.get_language_name(_.locale) or _.tag),
        ),
    )


def redeemers_card(_: Translator, code: str, found: Sequence[tuple[str, datetime]], *, more: bool) -> Card:
    """Who redeemed a code, the latest first. more: there are others, who are not shown."""
    return Card(
        eyebrow=_("Redeemed by"),
        title=masked(code),
        rows=tuple(Row(ref, _.moment(at)) for ref, at in found),
        note=_("The latest ones; there are more.") if more else "",
    )


def chats_card(_: Translator, found: Sequence[Customer]) -> Card:
    """Several customers who have proven the same phone: one person on several channels, most likely."""
    rows = (Row(each.ref, f"{_channel(each.channel)} · {_.moment(each.last_seen)}") for each in found)
    return Card(eyebrow=_("Linked to the same phone"), title=_("Which chat?"), rows=tuple(rows))


def guest_card(_: Translator, customer: Customer) -> Card:
    """A customer as the counter may know them."""
    rows = (Row(_("Channel"), _channel(customer.channel)), Row(_("First seen"), _.date(customer.first_seen)))
    return Card(eyebrow=_("Customer"), title=customer.ref, rows=rows)


def next_page(_: Translator, command: str, args: Arguments, more: bool) -> tuple[Button, ...]:
    """The same list from where this page ends; `args` has a `page`."""
    if not more:
        return ()
    following = args.model_copy(update={"page": args.model_dump()["page"] + 1})
    # Translators: a button: the next page of a list
    return run_button(_("Next page"), line_of(command, following))


def members_card(_: Translator, members: Sequence[Member], staffing: Staffing, now: datetime, *, total: int) -> Card:
    """Who is staff."""
    return Card(
        title=_.ngettext("%(n)s member of staff", "%(n)s members of staff", total),
        rows=tuple(Row(member.name, _standing(_, member, staffing, now)) for member in members),
        note=_("An owner of the ADMINS setting appears here after their first command."),
    )


def _standing(_: Translator, member: Member, staffing: Staffing, now: datetime) -> str:
    facts = [role_word(_, staffing.role_of(member)), _channel(member.channel)]
    if staffing.settled(member):
        facts.append("ADMINS")
    elif member.origin == "settings":
        facts.append(_("no longer in ADMINS"))
    elif staffing.suspended(member, now):
        facts.append(_("suspended, unused for 90 days"))
    facts.append(_("last seen %(date)s", date=_.date(member.last_used)))
    return " · ".join(facts)


def trail_card(_: Translator, rows: Sequence[TrailRow], total: int) -> Card:
    """A page of the trail."""
    return Card(
        title=_.ngettext("%(n)s entry", "%(n)s entries", total),
        rows=tuple(Row(f"{_.moment(row.entry.at)} · {row.entry.actor}", _entry(_, row)) for row in rows),
    )


def _entry(_: Translator, row: TrailRow) -> str:
    entry = row.entry
    things = [part for part in (entry.customer, entry.target, entry.ref) if part and part not in entry.line]
    about = [thing_text(_, entry.action, part) for part in things]
    before, after = (thing_text(_, entry.action, part) if part else "–" for part in (entry.before, entry.after))
    change = f"{before} → {after}" if entry.after else ""
    return " · ".join(part for part in (entry.line, *about, change, result_text(_, entry.result), entry.store) if part)


def policy_text(_: Translator, policy: Policy) -> str:
    """What the brand decided, in one line."""
    parts = [
        _.ngettext("%(n)s claim per customer", "%(n)s claims per customer", policy.per_customer),
        _.ngettext("%(n)s in all", "%(n)s in all", policy.max_claims) if policy.max_claims else _("no limit in all"),
    ]
    if policy.starts_at:
        parts.append(_("from %(date)s", date=_.date(policy.starts_at)))
    if policy.last_moment:
        parts.append(_("until the end of %(date)s", date=_.date(policy.last_moment)))
    parts.append(_("paused") if policy.paused else _("open"))
    return " · ".join(parts)


def group_row(_: Translator, group: int, name: str, codes: int, policy: Policy) -> Row:
    """A group in a list. codes: how many are known."""
    facts = policy_text(_, policy)
    if codes:
        facts = f"{_.ngettext('%(n)s code', '%(n)s codes', codes)} · {facts}"
    return Row(f"#{group} {name}".strip(), facts)


def group_card(_: Translator, group: int, name: str, codes: int | None, policy: Policy, trouble: str) -> Card:
    """A Poshen group with its policy. codes: how many it has, None when nobody said."""
    rows = [Row(_("Policy"), policy_text(_, policy))]
    if codes is not None:
        rows.append(Row(_("Codes"), _.number(codes)))
    badge = Badge(_("Paused"), "bad") if policy.paused else Badge(_("Open"), "valid")
    return Card(title=f"#{group} {name}".strip(), badge=badge, rows=tuple(rows), note=trouble)


def customer_card(
    _: Translator,
    customer: Customer,
    *,
    redeemed: int,
    redeeming: int,
    player: str | None,
    plays: bool,
    vouchers: int,
    points: Account,
    link: StoredLink | None,
    block: Block | None,
    now: datetime,
) -> Card:
    """A customer as staff may know them: no name, no phone. redeeming: codes that Poshen is asked for. player: their
    player id, where codes are redeemed for players (`plays`)."""
    assurance = {"staff_code": _("at the counter"), "platform": _("by the platform")}
    rows = [
        Row(_("Channel"), _channel(customer.channel)),
        Row(_("Language"), _.locale.languages.get(customer.locale.split("_")[0], customer.locale)),
        Row(_("First seen"), _.date(customer.first_seen)),
        Row(_("Last seen"), _.moment(customer.last_seen)),
        Row(_("Redeemed codes"), _.number(redeemed)),
        *((Row(_("Codes being redeemed"), _.number(redeeming)),) if redeeming else ()),
        *((Row(_("Player ID"), masked_player(player) if player else _("not told")),) if plays else ()),
        Row(_("Vouchers so far"), _.number(vouchers)),
        Row(_("Points"), account_text(_, points)),
        Row(_("Phone"), assurance.get(link.assurance, link.assurance) if link else _("not linked")),
        Row(_("Notifications"), _("off") if customer.unsubscribed_at else _("on")),
    ]
    if customer.muted_until is not None and customer.muted_until > now:
        rows.append(Row(_("Waits for a person"), _("until %(time)s", time=_.moment(customer.muted_until))))
    badge = None
    if block is not None:
        badge = Badge(_("Blocked"), "bad")
        until = _("until %(time)s", time=_.moment(block.until))
        rows.append(Row(_("Blocked"), f"{until} · {block.by} · {block.reason}"))
    buttons = run_button(_("Unblock"), f"/unblock {customer.ref}") if block is not None else ()
    return Card(eyebrow=_("Customer"), title=customer.ref, badge=badge, rows=tuple(rows), buttons=buttons)


def claim_card(_: Translator, claim: Claim, customer: Customer | None) -> Card:
    """Somebody's redeemed code, as staff see it."""
    rewards = reward_names(claim)
    return Card(
        eyebrow=_("Redeemed code"),
        title=rewards_title(_, rewards),
        rows=(
            *reward_rows(_, rewards[:MOST_ROWS]),
            Row(_("Customer"), customer.ref if customer else _("deleted their data")),
            Row(_("Code"), masked(claim.snapshot["code"])),
            Row(_("Campaign"), claim.snapshot["group"]),
            Row(_("Time"), _.moment(claim.claimed_at)),
            *((Row(_("Redeemed by"), _("Poshen, for the customer's player")),) if at_poshen(claim) else ()),
        ),
        receipt=Row(_("Reference"), claim.ref),
    )


def _channel(name: str) -> str:
    return "giftdesk admin" if name == "cli" else partner(name).title

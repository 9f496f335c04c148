"""My data: see it, take it along, have it deleted; and no more notifications."""

from __future__ import annotations

from datetime import timedelta

from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Card, Reply, Row, Text
from bot.conversation.router import Router
from bot.i18n import N_
from bot.services.players import masked
from bot.storage import (
    claims,
    customers,
    hand_overs,
    issues,
    links,
    points,
    posters,
    redemptions,
    relays,
    reminders,
)
from bot.storage.points import Account
from bot.understanding.reading import fold
from handlers.start import note_told
from handlers.views import choices
from handlers.views.data import data_page, data_text, language_name, link_card, link_page, parts
from handlers.views.start import notice_card

router = Router()

CONFIRM_WITHIN = timedelta(minutes=2)
LINK_LIVES = timedelta(minutes=10)
MOST_RECEIPTS = 10_000  # of each kind, in an export


class Export(Action, name="export", ttl=timedelta(minutes=15)):
    """Everything that is kept of me, please."""


class Delete(Action, name="delete", ttl=timedelta(minutes=15)):
    """Start deleting my data."""


class DeleteSurely(Action, name="delete2", ttl=CONFIRM_WITHIN):
    """Yes, delete it; one more word is asked for."""


class Resume(Action, name="resume"):
    """Notifications on again."""


# Translators: words people type to read how their data are used
@router.command("privacy", words=N_("privacy, privacy policy, privacy notice"))
async def show_notice(ctx: Context) -> Answer:
    """What is kept, why, for how long, and who receives it."""
    if ctx.prompt:
        note_told(ctx)  # All of it needs no two lines of it below.
    return Reply((notice_card(ctx._, ctx.brand),), choices.ending(ctx._, choices.topic(ctx._, "data")))


@router.command("data", words=N_("my data, data, my account"), personal=True)
async def show_data(ctx: Context) -> Answer:
    """What is kept, in one card."""
    _ = ctx._
    count = await claims.count_of_customer(ctx.work.reads, ctx.customer_id)
    who = ctx.services.hand_overs.who(ctx.customer.person)
    own = await ctx.work.belongings(ctx.customer_id, who)
    link = ctx.services.linking.opened(own.link, ctx.now)
    player = await ctx.services.players.of(ctx.work.reads, ctx.customer_id)
    rows = [
        Row(_("Since"), _.date(ctx.customer.first_seen)),
        Row(_("Language"), language_name(_)),
        Row(_("Linked phone"), link.masked if link else ""),
        Row(_("Player ID"), player or ""),
        Row(_("Redeemed codes"), _.number(count)),
    ]
    if ctx.brand.shows_vouchers:
        rows += [
            Row(_("Points"), _.number(own.account.available)),
            Row(_("My vouchers"), _.number(own.vouchers)),
        ]
    rows += [
        Row(_("Notifications"), _("off") if ctx.customer.unsubscribed_at else _("on")),
        *([Row(_("Reminders"), await _reminders(ctx))] if ctx.brand.reminds else []),
        Row(_("Customer number"), ctx.customer.ref),
    ]
    # Translators: a button: send me all my data
    export = Button(_("Export"), Export())
    # Translators: a button
    delete = Button(_("Delete my data"), Delete())
    card = Card(
        eyebrow=_("Privacy"),
        title=_("Your data"),
        rows=tuple(row for row in rows if row.value),
        buttons=(export, delete),
    )
    return Reply((card,), choices.ending(_))


@router.action(Export, fresh="data")
async def export(ctx: Context, _action: Export) -> Answer:
    """Everything that is kept: as a page behind a link that works once, where there is an address for one."""
    _ = ctx._
    link = await ctx.services.linking.linked(ctx.work.reads, ctx.customer_id, ctx.now)
    player = await ctx.services.players.of(ctx.work.reads, ctx.customer_id)
    found = parts(
        _,
        ctx.brand,
        ctx.customer,
        phone=link.masked if link else "",
        player=masked(player) if player else "",
        redeeming=await redemptions.unsettled_of(ctx.work.reads, ctx.customer_id),
        account=await points.balance(ctx.work.reads, ctx.customer_id),
        redeemed=await claims.of_customer(ctx.work.reads, ctx.customer_id, MOST_RECEIPTS),
        vouchers=await issues.of_customer(ctx.work.reads, ctx.customer_id, MOST_RECEIPTS),
        visits=await posters.visits_of(ctx.work.reads, ctx.customer_id, MOST_RECEIPTS),
        reminders=await _reminders(ctx),
        handed_over=await hand_overs.of_customer(ctx.work.reads, ctx.customer_id, MOST_RECEIPTS),
    )
    if not ctx.brand.public_url:
        return Reply((Text(data_text(_, found)),), choices.ending(_), valuable=True)
    until = ctx.now + LINK_LIVES
    url = await ctx.services.own_data.offer(
        await ctx.work.begin(),
        ctx.customer_id,
        ctx.brand.public_url,
        page=link_page(_, ctx.brand, until),
        file=data_page(_, ctx.brand, found, ctx.now),
        now=ctx.now,
        until=until,
    )
    return Reply((link_card(_, ctx.brand, until, url),), choices.ending(_), valuable=True)


@router.command("delete", words=N_("delete my data, forget me"), personal=True)
async def ask_to_delete(ctx: Context) -> Answer:
    """Step one: what will go and what stays."""
    return await start_deleting(ctx, Delete())


@router.action(Delete, fresh="data")
async def start_deleting(ctx: Context, _action: Delete) -> Answer:
    """Step one: what will go and what stays."""
    _ = ctx._
    account = await points.balance(ctx.work.reads, ctx.customer_id)
    if reason := await _not_now(ctx, account):
        return reason
    until = _.date(ctx.now + ctx.brand.claim_retention)
    texts = [
        _(
            "Deleting removes your linked phone, language, notification settings, lists and user ID; it leaves the "
            "technical log within %(days)s days. What you redeemed and were handed over is kept without your name, at "
            "most until %(date)s, so that nothing is given twice. Are you sure?",
            date=until,
            days=_.number(ctx.brand.log_days),
        )
    ]
    if account.available:
        texts.insert(
            0,
            _.ngettext(
                "You still have %(n)s point. It will be lost.",
                "You still have %(n)s points. They will be lost.",
                account.available,
            ),
        )
    if await ctx.services.players.of(ctx.work.reads, ctx.customer_id):
        texts.append(_("Your player ID goes, too. What was redeemed for it stays in the game."))
    # Translators: a button
    surely = Button(_("Yes, delete"), DeleteSurely())
    cancel = choices.cancel(_)
    ctx.question(surely.label, cancel.label, minutes=2)
    return Reply(tuple(Text(text) for text in texts), (surely, cancel))


@router.action(DeleteSurely, fresh="data")
async def ask_for_the_word(ctx: Context, _action: DeleteSurely) -> Answer:
    """Step two: a word that nobody types by accident."""
    ctx.ask("delete", minutes=2)
    # Translators: the word to type is the one in DELETE's translation
    text = ctx._("Type %(word)s within 2 minutes to delete your data.", word=ctx._("DELETE"))
    return Reply((Text(text),), (choices.cancel(ctx._),))


@router.answer("delete")
async def delete(ctx: Context, text: str) -> Answer | None:
    """Delete, when the word is right in whichever language."""
    if ctx.reading.core not in {fold(_("DELETE")) for _ in ctx.languages.values()} or not ctx.reading.plain:
        return Reply((Text(ctx._("Nothing was deleted.")),), choices.ending(ctx._))
    connection = await ctx.work.begin()
    # The account is locked first, so that no voucher is begun between looking and deleting.
    if reason := await _not_now(ctx, await points.lock(connection, ctx.customer_id)):
        return reason
    # In the order of whoever hands over: the code, then the claim.
    await ctx.services.counter_codes.forget(connection, ctx.customer_id)
    await claims.anonymise(connection, ctx.customer_id)
    await links.forget(connection, ctx.customer_id)
    await ctx.services.players.remove(connection, ctx.customer_id)
    await redemptions.forget(connection, ctx.customer_id)
    await issues.forget(connection, ctx.customer_id)
    await points.forget(connection, ctx.customer_id)
    await posters.forget(connection, ctx.customer_id)
    await reminders.forget(connection, ctx.customer_id)
    await ctx.services.own_data.forget(connection, ctx.customer_id)
    await ctx.services.unclear.forget_person(connection, ctx.customer.person)
    await relays.forget_person(connection, ctx.customer.person)
    await customers.delete(connection, ctx.customer)
    # Last, since somebody may have been handing over to them until their row was gone.
    await hand_overs.anonymise(connection, ctx.customer_id)
    ctx.customer.id = None
    return Reply((Text(ctx._("Deleted. Thank you for having been here.")),), valuable=True)


@router.command("unsubscribe", words=N_("unsubscribe, mute"))
async def unsubscribe(ctx: Context) -> Answer:
    """No more notifications."""
    ctx.customer.unsubscribed_at = ctx.now
    # Translators: a button: notifications on again
    resume = Button(ctx._("Turn back on"), Resume())
    text = ctx._("Notifications off. You can still redeem and check.")
    return Reply((Text(text),), choices.ending(ctx._, resume), valuable=True)


# Translators: words people type to have notifications again
@router.command("resume", words=N_("turn on notifications, resubscribe"))
async def subscribe(ctx: Context) -> Answer:
    """Notifications on again."""
    return await resume(ctx, Resume())


@router.action(Resume)
async def resume(ctx: Context, _action: Resume) -> Answer:
    """Notifications on again."""
    ctx.customer.unsubscribed_at = None
    return Reply((Text(ctx._("Notifications are on again.")),), choices.ending(ctx._))


async def _reminders(ctx: Context) -> str:
    """Whether they are reminded before something of theirs ends."""
    return ctx._("on") if await reminders.wanted(ctx.work.reads, ctx.customer_id) else ctx._("off")


async def _not_now(ctx: Context, account: Account) -> Reply | None:
    """Why the data cannot be deleted yet: a voucher whose end is open would be lost with its
    points, a code with its claim."""
    if refs := await issues.unsettled_of(ctx.work.reads, ctx.customer_id):
        text = ctx._(
            "We're still confirming a voucher (ref %(ref)s). Please delete your data once that is settled.",
            ref=ctx._(", ").join(refs),
        )
    elif waiting := await redemptions.unsettled_of(ctx.work.reads, ctx.customer_id):
        text = ctx._(
            "We're still confirming a code (ref %(ref)s). Please delete your data once that is settled.",
            ref=ctx._(", ").join(each.ref for each in waiting),
        )
    elif account.held:
        text = ctx._("Some of your points are still on hold. Please delete your data once that is settled.")
    else:
        return None
    return Reply((Text(text),), choices.ending(ctx._, *choices.gifts(ctx), choices.person(ctx._)))

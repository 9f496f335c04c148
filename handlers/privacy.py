"""My data: see it, take it along, have it deleted; and no more notifications."""

from __future__ import annotations

import json
from datetime import timedelta

from bot.conversation.actions import Action
from bot.conversation.codes import masked
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Card, Reply, Row, Text
from bot.conversation.router import Router
from bot.conversation.words import fold
from bot.i18n import N_
from bot.storage import claims, customers
from handlers.views import choices

router = Router()

CONFIRM_WITHIN = timedelta(minutes=2)


class Export(Action, name="export", ttl=timedelta(minutes=15)):
    """Send me everything that is kept of me."""


class Delete(Action, name="delete", ttl=timedelta(minutes=15)):
    """Start deleting my data."""


class DeleteSurely(Action, name="delete2", ttl=CONFIRM_WITHIN):
    """Yes, delete it; one more word is asked for."""


class Resume(Action, name="resume"):
    """Notifications on again."""


@router.command("data", words=N_("my data, privacy, data"), personal=True)
async def show_data(ctx: Context) -> Answer:
    """What is kept, in one card."""
    _ = ctx._
    count = await claims.count_of_customer(ctx.work.reads, _id(ctx))
    # Translators: a button: send me all my data
    export = Button(_("Export"), Export())
    # Translators: a button
    delete = Button(_("Delete my data"), Delete())
    card = Card(
        eyebrow=_("Privacy"),
        title=_("Your data"),
        rows=(
            Row(_("Since"), _.date(ctx.customer.first_seen)),
            Row(_("Language"), _.locale.get_language_name(_.locale) or _.tag),
            Row(_("Redeemed codes"), _.number(count)),
            Row(_("Notifications"), _("off") if ctx.customer.unsubscribed_at else _("on")),
            Row(_("Customer number"), ctx.customer.ref),
        ),
        buttons=(export, delete),
    )
    return Reply((card,), choices.ending(_))


@router.action(Export, fresh="data")
async def export(ctx: Context, _action: Export) -> Answer:
    """Everything, receipts up to the last hundred, as text in this private chat: a link could be forwarded."""
    customer = ctx.customer
    redeemed = [
        {
            "reference": claim.ref,
            "time": claim.claimed_at.isoformat(),
            "code": masked(claim.snapshot["code"]),
            "campaign": claim.snapshot["group"],
            "rewards": [reward["name"] for reward in claim.snapshot["rewards"]],
        }
        for claim in await claims.of_customer(ctx.work.reads, _id(ctx))
    ]
    facts = {
        "customer": customer.ref,
        "channel": customer.channel,
        "user_id": customer.person.rsplit(":", 1)[-1],
        "language": customer.locale,
        "first_seen": customer.first_seen.isoformat(),
        "last_seen": customer.last_seen.isoformat(),
        "notifications": customer.unsubscribed_at is None,
        "redeemed": redeemed,
    }
    text = json.dumps(facts, ensure_ascii=False, indent=1)
    return Reply((Text(text),), choices.ending(ctx._), valuable=True)


@router.command("delete", words=N_("delete my data, forget me"), personal=True)
async def ask_to_delete(ctx: Context) -> Answer:
    """Step one: what will go and what stays."""
    return await start_deleting(ctx, Delete())


@router.action(Delete, fresh="data")
async def start_deleting(ctx: Context, _action: Delete) -> Answer:
    """Step one: what will go and what stays."""
    _ = ctx._
    until = _.date(ctx.now + ctx.desk.claim_retention)
    text = _(
        "Deleting removes your language, notification settings, lists and user ID; it leaves the technical log "
        "within %(days)s days. What you redeemed is kept without your name, at most until %(date)s, so that "
        "nothing is claimed twice. Are you sure?",
        date=until,
        days=_.number(ctx.desk.log_days),
    )
    # Translators: a button
    surely = Button(_("Yes, delete"), DeleteSurely())
    return Reply((Text(text),), (surely, choices.cancel(_)))


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
    if fold(text) not in {fold(_("DELETE")) for _ in ctx.languages.values()}:
        return Reply((Text(ctx._("Nothing was deleted.")),), choices.ending(ctx._))
    connection = await ctx.work.begin()
    await claims.anonymise(connection, _id(ctx))
    await customers.delete(connection, ctx.customer)
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


@router.action(Resume)
async def resume(ctx: Context, _action: Resume) -> Answer:
    """Notifications on again."""
    ctx.customer.unsubscribed_at = None
    return Reply((Text(ctx._("Notifications are on again.")),), choices.ending(ctx._))


def _id(ctx: Context) -> int:
    assert ctx.customer.id is not None, "only private chats get here"
    return ctx.customer.id

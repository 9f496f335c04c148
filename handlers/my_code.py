"""My code: what a customer shows at the counter, so that staff see who stands there."""

from __future__ import annotations

from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Card, Reply
from bot.conversation.router import Router
from bot.i18n import N_
from handlers.views import choices

router = Router()


# Translators: words people type to get the code that they show at the counter
@router.command("my_code", words=N_("my qr code, my qr, my barcode, show my code, member code"), personal=True)
async def show_code(ctx: Context) -> Answer:
    """A new one each time, good for five minutes and for one look. A screenshot of it is soon worth nothing."""
    if not ctx.brand.offers("my_code"):
        return await ctx.run("menu")
    _ = ctx._
    codes = ctx.services.counter_codes
    opens = await codes.opens(ctx.work.reads, ctx.now)
    code = await codes.make(await ctx.work.begin(), "person", customer_id=ctx.customer_id, opens=opens, now=ctx.now)
    card = Card(
        eyebrow=_("At the counter"),
        title=_("My code"),
        hero=code.code,
        text=_("Show it to our staff: they see who you are here, and what you have."),
        note=_(
            "Good once, for 5 minutes, until %(time)s. A screenshot of it is worth nothing later.",
            time=_.time(code.until),
        ),
        qr=codes.picture(ctx.brand.pictures_at, code) if opens else "",
        discreet=True,
        # Translators: a button: another code to be shown at the counter
        buttons=(Button(_("New code"), choices.Go(command="my_code")),),
    )
    return Reply((card,), choices.ending(_, choices.my_gifts(_)))

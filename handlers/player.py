"""The customer's player id, for whom Poshen redeems their codes: told once, seen, changed and removed."""

from __future__ import annotations

from datetime import timedelta

from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.messages import Button, Reply, Text
from bot.conversation.router import Router
from bot.i18n import N_
from bot.services.players import read_player
from bot.understanding.codes import canonical
from handlers import codes
from handlers.views import choices
from handlers.views.players import ask_text, saved_text, unusable_text

router = Router()


class TellPlayer(Action, name="tellplayer"):
    """Ask for the player id."""


class ForgetPlayer(Action, name="forgetplayer", ttl=timedelta(minutes=2)):
    """Yes, remove it."""


class KeepPlayer(Action, name="keepplayer"):
    """No, leave it."""


# Translators: words people type to see or change their player id in the game; the id may follow them
@router.command("player", words=N_("player id, my player id, game id, my game id, change player id"), personal=True)
async def show_player(ctx: Context) -> Answer:
    """Which one is known, or the question for it."""
    if not ctx.brand.offers("player"):
        return await ctx.run("menu")
    player = await ctx.services.players.of(ctx.work.reads, ctx.customer_id)
    if player is None:
        return codes.ask_for_player(ctx, ask_text(ctx._))
    text = ctx._("Your player ID is %(player)s. The rewards of your codes go to that player.", player=player)
    # Translators: a button: tell another player id
    change = Button(ctx._("New player ID"), TellPlayer(), keyboard=True)
    # Translators: a button: forget the player id
    remove = Button(ctx._("Remove it"), choices.Go(command="forget_player"))
    return Reply((Text(text),), choices.ending(ctx._, change, remove, choices.redeem_code(ctx._)))


# Translators: words people type to have their player id in the game forgotten
@router.command("forget_player", words=N_("remove player id, remove my player id, delete player id"), personal=True)
async def ask_to_forget(ctx: Context) -> Answer:
    """Ask whether they mean it."""
    if not ctx.brand.offers("player"):
        return await ctx.run("menu")
    player = await ctx.services.players.of(ctx.work.reads, ctx.customer_id)
    if player is None:
        text = ctx._("I don't know any player ID of yours.")
        return Reply((Text(text),), choices.ending(ctx._, choices.redeem_code(ctx._)))
    # Translators: a button: forget the player id
    yes = Button(ctx._("Remove it"), ForgetPlayer())
    # Translators: a button: leave the player id as it is
    no = Button(ctx._("Keep it"), KeepPlayer())
    ctx.question(yes.label, no.label, minutes=2, command="forget_player")
    return Reply((Text(ctx._("Remove your player ID %(player)s?", player=player)),), choices.ending(ctx._, yes, no))


@router.action(TellPlayer, fresh="player")
async def ask_anew(ctx: Context, _action: TellPlayer) -> Answer:
    """Another one."""
    if not ctx.brand.offers("player"):
        return await ctx.run("menu")
    return codes.ask_for_player(ctx, ask_text(ctx._))


@router.action(ForgetPlayer, fresh="forget_player")
async def forget(ctx: Context, _action: ForgetPlayer) -> Answer:
    """Forget it. A second tap finds nothing to do and says the same."""
    await ctx.services.players.remove(await ctx.work.begin(), ctx.customer_id)
    text = ctx._("Removed. What was redeemed stays in the game; for the next code I will ask you again.")
    return Reply((Text(text),), choices.ending(ctx._), valuable=True)


@router.action(KeepPlayer, fresh="player")
async def keep(ctx: Context, _action: KeepPlayer) -> Answer:
    """Leave it."""
    return Reply((Text(ctx._("OK, your player ID stays.")),), choices.ending(ctx._, choices.redeem_code(ctx._)))


@router.answer("player")
async def read_answer(ctx: Context, text: str) -> Answer | None:
    """The answer to "what's your player ID?"; the codes that waited for it are redeemed."""
    asked = ctx.asked()
    of = asked.get("of") if asked else None
    player = read_player(text)
    if player is None or not ctx.brand.offers("player"):
        return _again(ctx, unusable_text(ctx._), of)
    if await _is_a_code(ctx, player, of):
        if of is not None:
            codes.keep_waiting(ctx, of, player)
        return _again(ctx, ctx._("That is the redemption code. What I still need is your player ID in the game."), of)
    return await _known(ctx, player, of)


@router.reader(rank=4)
async def read_text(ctx: Context, _text: str) -> Answer | None:
    """`player ID 7fKq2mXw9…`: told, or changed, without being asked."""
    if not ctx.brand.offers("player"):
        return None
    told = ctx.lexicon.after(ctx.reading, "player")
    player = read_player(told) if told else None
    return await _known(ctx, player, None) if player else None


async def _known(ctx: Context, player: str, of: int | None) -> Answer:
    """Remember it, and go on with what waits: committed before Poshen is asked for anything."""
    await ctx.services.players.put(await ctx.work.begin(), ctx.customer_id, player, ctx.now)
    await ctx.work.save()
    said = Text(saved_text(ctx._, player))
    ctx.settle()
    answer = await codes.redeem_waiting(ctx, of) if of is not None else None
    if isinstance(answer, Reply) and answer.messages:
        return answer.after(said)
    return Reply((said,), choices.ending(ctx._, choices.redeem_code(ctx._)), valuable=True)


def _again(ctx: Context, text: str, of: int | None) -> Reply:
    """The question once more; what waits for its answer waits on."""
    if of is not None:
        codes.keep_waiting(ctx, of)
    return codes.ask_for_player(ctx, text, of=of)


async def _is_a_code(ctx: Context, typed: str, of: int | None) -> bool:
    """Whether this is a code rather than a player: what it would be redeemed for could not be taken back."""
    waiting = {canonical(code) for code in codes.kept_codes(ctx, of)} if of is not None else set()
    pattern = ctx.brand.code_pattern
    if canonical(typed) in waiting or (pattern is not None and pattern.fullmatch(typed)):
        return True
    return await codes.is_code(ctx, typed)

"""Rewards of Poshen's codes, and what each of them brings here beside its card."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from bot.apis.poshen import Reward
from bot.conversation.context import Answer
from bot.conversation.messages import Reply, Text
from bot.i18n import N_
from bot.services.rewarding import NoSuchVoucher, NotARule, grant_of, read_rule
from bot.staff.arguments import Arguments, Keyed, Number, Positional
from bot.staff.routes import Preview, StaffContext, StaffRouter
from bot.staff.teaching import commands_button, run_button
from bot.storage import rewards
from bot.storage.rewards import Grant
from handlers.admin.codes import no_such_reward, rewards_of
from handlers.views import staff_codes as views
from handlers.views.changes import change, changed
from handlers.views.staff import next_page

admin = StaffRouter(N_("Campaigns"))
admin.noun("rewards", N_("/rewards, /prizes"))
admin.noun("reward", N_("/reward, /prize"))

PAGE = 8


class ListRewards(Arguments):
    """With what in them, from where on."""

    q: Annotated[str | None, Keyed(N_("a part of its name or code"), example="GOLD", typical=True)] = None
    page: Annotated[int, Keyed(N_("page"), example="2"), Field(ge=1, le=1000)] = 1


class SetReward(Arguments):
    """Which reward, and what it brings; without that, what it brings now."""

    reward: Annotated[Number, Positional(N_("reward number"), example="1", look_up=(N_("List rewards"), "/rewards"))]
    rule: Annotated[
        str | None, Positional(N_("points:150, voucher:812:2260 or nothing"), example="points:150", typical=True)
    ] = None
    handover: Annotated[
        Literal["on", "off"] | None, Keyed(N_("whether staff hand it over at the counter"), example="on")
    ] = None


@admin.command("rewards", ListRewards, role="staff", about=N_("reward numbers, and what each brings"))
async def list_rewards(ctx: StaffContext, args: ListRewards) -> Answer:
    """Poshen's list when the token may read it; else those that something was decided about."""
    known, grants, note = await rewards_of(ctx), await rewards.listed(ctx.work.reads), ""
    if known is None:
        known = {number: Reward(number, "", "", "") for number in grants}
        note = ctx._("Poshen does not list its rewards for our token, so only those with a rule of ours are shown.")
    wanted = (args.q or "").casefold()
    found = [each for each in known.values() if wanted in f"{each.name} {each.code} {each.type}".casefold()]
    shown = found[(args.page - 1) * PAGE : args.page * PAGE]
    commands = commands_button(ctx._, "reward")
    if not shown:
        return Reply((Text("\n".join([ctx._("There are no rewards here."), note]).strip()),), commands)
    card = views.rewards_card(ctx._, shown, grants, len(found), note)
    opens = tuple(button for each in shown for button in run_button(f"#{each.id}", f"/reward {each.id}"))
    return Reply((card,), (*opens, *next_page(ctx._, "rewards", args, len(found) > args.page * PAGE), *commands))


@admin.command("reward", SetReward, role="manager", about=N_("what a reward brings beside its card"))
async def preview_reward(ctx: StaffContext, args: SetReward) -> Preview | Answer:
    """Before and after; without a rule, as it is."""
    _, ctx.notes.target = ctx._, f"reward #{args.reward}"
    known = await rewards_of(ctx)
    if known is not None and args.reward not in known:
        return no_such_reward(ctx, [args.reward])
    name = known[args.reward].name if known else ""
    before = (await rewards.listed(ctx.work.reads)).get(args.reward)
    if args.rule is None and args.handover is None:
        text = _(
            "Reward #%(reward)s %(name)s brings: %(grant)s.",
            reward=args.reward,
            name=name,
            grant=views.grant_text(_, before),
        )
        example = _(
            "To change it: /reward %(reward)s points:150, voucher:812:2260, handover=on or nothing", reward=args.reward
        )
        nothing = run_button(_("Nothing"), f"/reward {args.reward} nothing") if before else ()
        return Reply((Text(f"{text}\n{example}"),), (*nothing, *run_button(_("List rewards"), "/rewards")))
    try:
        after = before or Grant()
        if args.rule is not None:
            after = await grant_of(read_rule(args.rule), ctx.services.catalogue, ctx.apis.gotit, ctx.now)
    except NotARule:
        ctx.notes.result = "refused"
        text = _(
            "“%(rule)s” is no rule. Write points:150, voucher:812:2260 (gift and price at Got It) or nothing.",
            rule=args.rule,
        )
        return Reply((Text(text),), run_button(_("List rewards"), "/rewards"))
    except NoSuchVoucher:
        ctx.notes.result = "refused"
        text = _("Got It's catalogue has no such voucher: %(rule)s.", rule=args.rule)
        return Reply((Text(text),), run_button("/catalog", "/catalog"))
    if args.handover is not None:
        if args.handover == "on" and (after.points or after.gift_id is not None):
            ctx.notes.result = "refused"
            text = _(
                "Reward #%(reward)s brings %(grant)s by itself, so there is nothing to hand over.",
                reward=args.reward,
                grant=views.grant_text(_, after),
            )
            return Reply((Text(text),), run_button(_("Show"), f"/reward {args.reward}"))
        after = replace(after, handover=args.handover == "on")
    card = views.rule_card(_, args.reward, name, before, after)
    return Preview(
        (card,), label=_("Change it"), whom=f"#{args.reward}", seen={"before": _dumped(before), "after": _dumped(after)}
    )


@admin.performs("reward")
async def set_reward(ctx: StaffContext, args: SetReward) -> Answer:
    """It counts from the next claim on; what was redeemed before stays as it was."""
    assert ctx.confirmed is not None, "only a preview leads here"
    connection, seen = await ctx.work.begin(), ctx.confirmed.seen
    await rewards.lock(connection)
    before = (await rewards.listed(connection)).get(args.reward)
    ctx.notes.target = f"reward #{args.reward}"
    if _dumped(before) != seen["before"]:
        ctx.notes.result = "refused"
        text = ctx._("It was changed meanwhile. Nothing was done; please look again.")
        return Reply((Text(text),), run_button(ctx._("Show"), f"/reward {args.reward}"))
    after = Grant(**seen["after"])
    await rewards.put(connection, args.reward, after)
    english = ctx.languages.get("en", ctx._)
    ctx.notes.before, ctx.notes.after = views.grant_text(english, before), views.grant_text(english, after)
    text = ctx._(
        "Reward #%(reward)s brings from now on: %(grant)s.",
        reward=args.reward,
        grant=views.grant_text(ctx._, after),
    )
    brings = views.grant_text(ctx._, before), views.grant_text(ctx._, after)
    said = changed(text, change(ctx._, f"#{args.reward}", *brings))
    return Reply((said,), run_button(ctx._("List rewards"), "/rewards"))


def _dumped(grant: Grant | None) -> dict[str, object]:
    """As plain JSON; no rule is the rule that brings nothing."""
    grant = grant or Grant()
    offer = dict(grant.offer) if grant.offer else None
    return {
        "points": grant.points,
        "gift_id": grant.gift_id,
        "price_id": grant.price_id,
        "offer": offer,
        "handover": grant.handover,
    }

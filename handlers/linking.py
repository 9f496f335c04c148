"""Linking a phone: who has proven to own a number sees the gift cards on it.

A number that was merely typed is never looked up. What is said to it is the same whether or not there are cards.
"""

from __future__ import annotations

import re
from datetime import timedelta

from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.events import SharedPhone
from bot.conversation.messages import Button, Choice, Reply, SharePhone, Text
from bot.conversation.router import Router
from bot.i18n import N_
from bot.services.linking import Lapsed, Link, is_bare_code, read_code
from bot.understanding.reading import Reading
from handlers.views import choices

router = Router()

SHARED_WITHIN = timedelta(minutes=10)
BARE_AN_HOUR = 5

_CONNECTOR = re.compile(r"(?:\s|[:=>,.-]|號碼|碼|是|為|(?:is|code|with)\b)*", re.IGNORECASE)
_DIGIT = re.compile("[0-9]")


class EnterCode(Action, name="linkcode"):
    """Ask for the code that staff gave."""


class Unlink(Action, name="unlink", ttl=timedelta(minutes=2)):
    """Yes, unlink the phone."""


class KeepLink(Action, name="keeplink"):
    """No, leave it linked."""


# Translators: words people type to link their phone; a link code may follow them
@router.command("link", words=N_("link, link phone, link my phone, link code"), personal=True)
async def show_link(ctx: Context) -> Answer:
    """Which phone is linked, or how to link one."""
    if ctx.apis.altegio is None:
        return await ctx.run("menu")
    link = await linked(ctx)
    if not isinstance(link, Link):
        return not_linked(ctx, link)
    text = ctx._("Your phone %(phone)s is linked. A code from our staff links another one instead.", phone=link.masked)
    # Translators: a button: unlink the phone
    unlink_ = Button(ctx._("Unlink"), choices.Go(command="unlink"))
    return Reply((Text(text),), choices.ending(ctx._, choices.gift_cards(ctx._), _enter_code(ctx), unlink_))


# Translators: words people type to unlink their phone
@router.command("unlink", words=N_("unlink, unlink phone, unlink my phone"), personal=True)
async def ask_to_unlink(ctx: Context) -> Answer:
    """Ask whether they mean it."""
    if ctx.apis.altegio is None:
        return await ctx.run("menu")
    link = await linked(ctx)
    if link is None:
        text = ctx._("No phone is linked here.")
        return Reply((Text(text),), choices.ending(ctx._, choices.gift_cards(ctx._)))
    # Translators: a button: unlink the phone
    yes = Button(ctx._("Unlink"), Unlink())
    # Translators: a button: leave the phone linked
    no = Button(ctx._("Keep it"), KeepLink())
    ctx.question(yes.label, no.label, minutes=2, command="unlink")
    return Reply((Text(ctx._("Unlink %(phone)s?", phone=link.masked)),), choices.ending(ctx._, yes, no))


@router.action(Unlink, fresh="unlink")
async def unlink(ctx: Context, _action: Unlink) -> Answer:
    """Forget the phone. A second tap finds nothing to do and says the same."""
    await ctx.services.linking.unlink(await ctx.work.begin(), ctx.customer_id)
    text = ctx._("Unlinked. Your balance is unaffected.")
    return Reply((Text(text),), choices.ending(ctx._), valuable=True)


@router.action(KeepLink, fresh="cards")
async def keep_link(ctx: Context, _action: KeepLink) -> Answer:
    """Leave it."""
    text = ctx._("OK, your phone stays linked.")
    return Reply((Text(text),), choices.ending(ctx._, choices.gift_cards(ctx._)))


@router.action(EnterCode, fresh="link")
async def ask_for_code(ctx: Context, _action: EnterCode) -> Answer:
    """Ask for the code that staff read out."""
    if ctx.apis.altegio is None:
        return await ctx.run("menu")
    ctx.ask("link_code", minutes=10)
    text = ctx._("Please type the link code that our staff gave you: eight letters and digits.")
    return Reply((Text(text),), (choices.cancel(ctx._),))


@router.answer("link_code")
async def read_answer(ctx: Context, text: str) -> Answer | None:
    """The answer to "please type the code": any try counts as one, a sentence does not."""
    if ctx.apis.altegio is None:
        return None
    if _is_number(ctx):
        ctx.ask("link_code", minutes=10)
        return _typed_number(ctx)
    typed = _after_word(ctx, ctx.reading) or ctx.reading.typed
    return await _use_code(ctx, typed) if _is_try(typed) else None


@router.reader(rank=2)
async def read_text(ctx: Context, text: str) -> Answer | None:
    """`link K7PQ-4M2X`, a link code alone, or a phone number: none of them is for the redemption vendor."""
    if ctx.apis.altegio is None:
        return None
    if _is_number(ctx):
        return _typed_number(ctx)
    announced = _after_word(ctx, ctx.reading)
    if announced is not None:
        return await _use_code(ctx, announced) if _is_try(announced) else None
    return await _use_code(ctx, text) if await _is_waiting_code(ctx, text) else None


@router.event(SharedPhone)
async def link_shared_phone(ctx: Context) -> Answer:
    """The number of the person's profile, as the platform itself tells it: only when we have just asked for it."""
    assert isinstance(ctx.incoming.what, SharedPhone), "registered for nothing else"
    if ctx.apis.altegio is None:
        return await ctx.run("menu")
    asked_until = ctx.customer.state.sharing or 0
    phone = ctx.services.linking.phone(ctx.incoming.what.phone)
    if not ctx.brand.shares_phone or asked_until <= ctx.happened_at.timestamp() or phone is None:
        return not_linked(ctx, None)
    ctx.settle()
    return _now_linked(ctx, await ctx.services.linking.link(await ctx.work.begin(), ctx.customer, phone, ctx.now))


async def linked(ctx: Context) -> Link | Lapsed | None:
    """The customer's phone, if one is linked, or was until it lapsed."""
    return await ctx.services.linking.linked(ctx.work.reads, ctx.customer_id, ctx.now)


def not_linked(ctx: Context, link: Lapsed | None) -> Reply:
    """How to link a phone."""
    if link is None:
        text = ctx._("To protect your balance, link your phone first.")
    else:
        text = ctx._(
            "The link of %(phone)s has lapsed: nobody used it for a year, and numbers get new owners. "
            "Please link your phone again.",
            phone=link.masked,
        )
    ways: list[Choice] = [_enter_code(ctx)]
    if ctx.brand.shares_phone:
        ctx.customer.state.sharing = (ctx.now + SHARED_WITHIN).timestamp()
        ways.append(SharePhone())
    return Reply((Text(text),), choices.ending(ctx._, *ways, choices.help_(ctx._)))


async def _use_code(ctx: Context, typed: str) -> Reply:
    link = await ctx.services.linking.use_code(await ctx.work.begin(), ctx.customer, typed, ctx.happened_at)
    if link is not None:
        return _now_linked(ctx, link)
    text = ctx._("That link code isn't valid any more — please ask staff for a new one.")
    return Reply((Text(text),), choices.ending(ctx._, _enter_code(ctx), choices.help_(ctx._)))


def _now_linked(ctx: Context, link: Link) -> Reply:
    ctx.customer.state.sharing = None
    text = ctx._("Linked: %(phone)s. You can check balances any time.", phone=link.masked)
    return Reply((Text(text),), choices.ending(ctx._, choices.gift_cards(ctx._)), valuable=True)


def _typed_number(ctx: Context) -> Reply:
    """The same to everybody, whatever the number; nothing is looked up, here or at the vendor."""
    text = ctx._("Thanks — for your safety we don't look up typed numbers. Ask our staff for a link code.")
    return Reply((Text(text),), choices.ending(ctx._, _enter_code(ctx), choices.help_(ctx._)))


def _enter_code(ctx: Context) -> Button:
    # Translators: a button: enter the code that staff gave for linking a phone
    return Button(ctx._("Staff link code"), EnterCode(), keyboard=True)


# What may be a link code.


def announces_code(ctx: Context, reading: Reading) -> bool:
    """Whether a message has what could be a link code after a word for it."""
    announced = _after_word(ctx, reading)
    return announced is not None and read_code(announced) is not None


def concerns_linking(ctx: Context) -> bool:
    """Whether a message is a phone number, or tries to link one with a code, however mistyped."""
    announced = _after_word(ctx, ctx.reading)
    return _is_number(ctx) or (announced is not None and _is_try(announced))


def _is_number(ctx: Context) -> bool:
    """Whether a message is a phone number, also after a word for what it should bring: `禮品卡 0912345678`."""
    said = (ctx.reading.typed, _after_word(ctx, ctx.reading), _after_word(ctx, ctx.reading, "cards"))
    return any(ctx.services.linking.reads_like_phone(number) for number in said if number and _DIGIT.search(number))


def _after_word(ctx: Context, reading: Reading, intent: str = "link") -> str | None:
    """What follows a word for an intent at the beginning of a message; None when nothing does."""
    rest = ctx.lexicon.after(reading, intent)
    return _CONNECTOR.sub("", rest, count=1) or None if rest else None


def _is_try(typed: str) -> bool:
    """Whether somebody means this as a link code, right or wrong; words alone are talk, unless they could be one."""
    return any(character.isdigit() for character in typed) or read_code(typed) is not None


async def link_with(ctx: Context, code: str) -> Reply | None:
    """Link with a live link code that was typed where a redemption code is; None when it is none."""
    if ctx.apis.altegio is None or not await _is_waiting_code(ctx, code):
        return None
    return await _use_code(ctx, code)


async def _is_waiting_code(ctx: Context, text: str) -> bool:
    """Whether a message is a live link code without a word before it, looked up a few times an hour at most.

    What is none may be a redemption code and goes on to the vendor, so nothing is written here: the tries are
    counted in the customer's state.
    """
    if not is_bare_code(text):
        return False
    start, count = ctx.customer.state.bare or (0.0, 0)
    if ctx.now.timestamp() - start >= timedelta(hours=1).total_seconds():
        start, count = ctx.now.timestamp(), 0
    if count >= BARE_AN_HOUR:
        return False
    ctx.customer.state.bare = (start, count + 1)
    return await ctx.services.linking.is_live(ctx.work.reads, text, ctx.happened_at)

"""Collected points (集點): what MantaGo counts for a customer. They are shown beside our own points and never spent:
no call of MantaGo's takes any away."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.apis.mantago import NAME
from bot.conversation.context import Context
from bot.conversation.messages import Button, Card
from bot.errors import CredentialsRefused, UpstreamError, UpstreamUnavailable
from bot.partners import mantago_platform
from bot.services.linking import LAPSES_AFTER
from bot.storage import links
from handlers.views.collected import collected_card


@dataclass(frozen=True, slots=True)
class Found:
    """points: by channel; what MantaGo does not tell is not in it. taken_at: when it said so. told: just now, or so
    lately that it is not asked again; False: it cannot be asked."""

    points: Mapping[str, int]
    taken_at: datetime
    told: bool = True


async def ask(ctx: Context, fresh_enough: timedelta) -> Found:
    """What MantaGo counts for this chat, and for the chats on other channels whose owner proved the same phone.

    Each chat is counted for itself: nobody knows whether MantaGo has put two of them together, so nothing is added up.
    Raises UpstreamError when this chat's cannot be told; another chat's is left out then. Writes nothing.
    """
    kept = kept_of(ctx)
    if kept is not None and ctx.now - kept.taken_at < fresh_enough:
        return Found(kept.points, kept.taken_at)
    mantago, chat = ctx.apis.mantago, ctx.incoming.chat
    assert mantago is not None and chat is not None, "the caller looked"
    chats = [(chat.channel, chat.id)]
    if ctx.brand.shows_cards:
        chats += await links.proven_elsewhere(ctx.work.reads, ctx.customer_id, ctx.now - LAPSES_AFTER)
    answers = await asyncio.gather(
        *(mantago.points(mantago_platform(channel), [user]) for channel, user in chats), return_exceptions=True
    )
    points: dict[str, int] = {}
    for (channel, user), answer in zip(chats, answers, strict=True):
        if isinstance(answer, dict):
            if user in answer:
                points[channel] = answer[user]
        elif channel == chat.channel or not isinstance(answer, UpstreamError):
            raise answer
    return Found(points, ctx.now)


async def look(ctx: Context, answer: Found | UpstreamError) -> Found | None:
    """What can be shown: an answer, which is remembered, or what was remembered while MantaGo is in trouble. None:
    nobody knows. Staff are told what only they can mend."""
    if isinstance(answer, Found):
        at = answer.taken_at.timestamp()
        ctx.customer.state.collected = {"at": at, "points": dict(answer.points)}
        return answer
    if isinstance(answer, CredentialsRefused):
        await ctx.services.alerts.credentials_refused(await ctx.work.begin(), NAME, answer.detail, ctx.now)
    return kept_of(ctx)


def kept_of(ctx: Context) -> Found | None:
    """What MantaGo told last, however old; None when it never did."""
    kept = ctx.customer.state.collected
    return Found(kept["points"], datetime.fromtimestamp(kept["at"], UTC), told=False) if kept else None


async def card(ctx: Context, fresh_enough: timedelta, buttons: tuple[Button, ...]) -> Card | None:
    """The card of them; None when there is nothing to show. Raises UpstreamError when nobody knows whether there is.

    Where our own points stand beside them, a slow MantaGo is not waited for.
    """
    answer: Found | UpstreamError
    try:
        async with asyncio.timeout(ctx.brand.overview_waits if ctx.brand.shows_vouchers else None):
            answer = await ask(ctx, fresh_enough)
    except TimeoutError:
        answer = UpstreamUnavailable(NAME, "no answer in time beside our own points")
    except UpstreamError as error:
        answer = error
    found = await look(ctx, answer)
    if found is None:
        assert isinstance(answer, UpstreamError), "an answer is something found"
        raise answer
    if not found.points:
        return None
    return collected_card(
        ctx._,
        found.points,
        as_of=None if found.told else found.taken_at,
        exchanges=ctx.brand.shows_vouchers,
        now=ctx.now,
        buttons=buttons,
    )

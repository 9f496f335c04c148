"""Groups and rooms: nothing personal is shown or looked up there, and mostly nothing is said."""

from __future__ import annotations

from bot.conversation.context import Answer, Context
from bot.conversation.events import Joined, Said, Tapped
from bot.conversation.messages import SILENCE, Link, Reply, Text
from bot.conversation.router import Router
from handlers import linking

router = Router()


@router.command("group")
async def in_a_group(ctx: Context) -> Answer:
    """Whatever happens in a group."""
    match ctx.incoming.what:
        case Joined():
            return Reply(
                (
                    Text(
                        ctx._(
                            "Hello! I show gifts and redeem codes for %(brand)s, in private chats. Here I only react "
                            "when I am mentioned or asked for something private. To remove me, remove me from the "
                            "member list.",
                            brand=ctx.brand.name,
                        )
                    ),
                ),
                _private_chat(ctx),
            )
        case Said(text=spoken, mentioned=mentioned):
            reading = ctx.lexicon.read(spoken)
            intent = ctx.lexicon.whole(reading)
            command = ctx.topics.get(intent) if intent else None
            announced = ctx.lexicon.codes.find(reading, ctx.brand.code_pattern)
            links = ctx.brand.shows_cards and linking.announces_code(ctx, reading)
            if links or (announced.codes and (announced.deliberate or mentioned)):
                text = ctx._("Send codes to me privately so nobody else uses them.")
                return Reply((Text(text),), _private_chat(ctx))
            if (command and command.personal) or mentioned:
                return _personal(ctx)
            return SILENCE
        case Tapped():
            return _personal(ctx)
        case _:
            return SILENCE


def _personal(ctx: Context) -> Reply:
    if not ctx.brand.private_chat_url:
        return Reply((Text(ctx._("That's personal — please ask me in our private chat.")),))
    return Reply((Text(ctx._("That's personal — tap to continue in our private chat.")),), _private_chat(ctx))


def _private_chat(ctx: Context) -> tuple[Link, ...]:
    # Translators: a button
    return (Link(ctx._("Private chat"), ctx.brand.private_chat_url),) if ctx.brand.private_chat_url else ()

"""Language: each customer's own, guessed once, changed by a tap or a word."""

from __future__ import annotations

from babel import Locale

from bot.conversation.actions import Action
from bot.conversation.context import Answer, Context
from bot.conversation.events import Said
from bot.conversation.messages import Button, Reply, Text
from bot.conversation.router import Router
from bot.i18n import N_
from bot.understanding.reading import finder, fold
from handlers.views import choices

router = Router()

HINT_AFTER = 3  # English messages in a session of another language


class Speak(Action, name="speak"):
    """Change the language."""

    tag: str


@router.command("language", words=N_("language, english, chinese"))
async def choose_language(ctx: Context) -> Answer:
    """Offer the languages, or take the one that was typed by its name."""
    # What only sounds like the topic may say that somebody cannot read a language: 看不懂英文.
    by_word = ctx.lexicon.whole(ctx.reading) == "language" or ctx.lexicon.intent(ctx.reading.text) == "language"
    if isinstance(ctx.incoming.what, Said) and by_word and ctx.reading.plain and (tag := named(ctx, ctx.reading.text)):
        return await speak(ctx, Speak(tag=tag))
    return Reply((Text(ctx._("Which language do you prefer?")),), choices.ending(ctx._, *_all(ctx)))


@router.action(Speak, fresh="language")
async def speak(ctx: Context, action: Speak) -> Answer:
    """Change the language at once, and say so in it."""
    if action.tag not in ctx.languages:
        return await choose_language(ctx)
    ctx.speak(action.tag)
    # Translators: said in the language that was just chosen: "Switched to English."
    text = ctx._("Switched to %(language)s.", language=_own_name(action.tag))
    return Reply((Text(text),), choices.ending(ctx._, *choices.topics(ctx)))


def named(ctx: Context, typed: str) -> str | None:
    """The language named in a message in any language we speak, or by its code (`en`, `zh-TW`); None: none, or two."""
    said = fold(typed)
    spoken = []
    for tag in ctx.languages:
        language = Locale.parse(tag).language
        names = [fold(str(_.locale.languages.get(language, ""))) for _ in ctx.languages.values()]
        if said.split(" ")[0] == language or finder(filter(None, names)).search(said):
            spoken.append(tag)
    return spoken[0] if len(spoken) == 1 else None


def other_languages(ctx: Context) -> list[Button]:
    """A button for each language but the current one."""
    return [Button(_own_name(tag), Speak(tag=tag)) for tag in ctx.languages if tag != ctx._.tag]


def add_hint(ctx: Context, reply: Reply) -> Reply:
    """Ask once whether somebody who keeps writing English would rather read it."""
    what = ctx.incoming.what
    state = ctx.customer.state
    if (
        not isinstance(what, Said)
        or ctx.actor is not None
        or ctx.customer.locale_chosen
        or ctx._.tag == "en"
        or "en" not in ctx.languages
    ):
        return reply
    words = [word for word in what.text.split() if word.isascii() and word.isalpha()]
    # A yes to the hint must not answer something else.
    if (
        ctx.asked() is not None
        or state.english == "asked"
        or not words
        or not what.text.isascii()
        or what.text.isupper()
    ):
        return reply
    state.english = written = (state.english or 0) + 1
    if written < HINT_AFTER or not reply.messages or len(reply.messages) > 4:
        return reply
    state.english = "asked"
    hint = Text(ctx.languages["en"](N_("Prefer English?")))
    yes = Button(_own_name("en"), Speak(tag="en"))
    ctx.question(yes.label, "")
    most = reply.choices[:11] + reply.choices[-1:] if len(reply.choices) > 12 else reply.choices
    return Reply((*reply.messages, hint), (yes, *most), reply.valuable)


def _all(ctx: Context) -> list[Button]:
    return [Button(_own_name(tag), Speak(tag=tag)) for tag in ctx.languages]


def _own_name(tag: str) -> str:
    locale = Locale.parse(tag)
    return str(locale.get_language_name(locale)).capitalize()

"""The staff desk itself: the menu, help, who I am, and my language."""

from __future__ import annotations

from typing import Annotated

from bot.conversation.context import Answer
from bot.conversation.messages import Carousel, Reply, Text
from bot.i18n import N_
from bot.staff import lines
from bot.staff.arguments import Arguments, Keyed, Positional
from bot.staff.reading import Unknown
from bot.staff.routes import StaffCommand, StaffContext, StaffRouter
from bot.staff.teaching import commands_button, explain, run_button
from handlers.language import named
from handlers.views import staff as views
from handlers.views.changes import change, changed

admin = StaffRouter(N_("Desk"))
admin.noun("help", N_("/help, /commands"))
admin.noun("whoami", N_("/whoami, /me"))
admin.noun("lang", N_("/lang, /language"))


MOST = 10  # buttons under a list, so that the way back has room


class Help(Arguments):
    """Which command, or which topic of the list."""

    command: Annotated[tuple[str, ...], Positional(N_("a command"), example="/group show", typical=True)] = ()
    topic: Annotated[str | None, Keyed(N_("a topic"), words=N_("Safety"))] = None


class Lang(Arguments):
    """Which language."""

    language: Annotated[str, Positional(N_("language"), example="en")]


@admin.command("help", Help, role="viewer", counter=True, about=N_("all commands, or how one is typed"), audited=False)
async def show_help(ctx: StaffContext, args: Help) -> Answer:
    """The list of what this person may do; of one noun; or how one command is typed."""
    allowed = ctx.commands.allowed(ctx.actor)
    if args.topic is not None and (of_topic := _of_topic(ctx, allowed, args.topic)):
        return _listed(ctx, ctx._(of_topic[0].topic), of_topic)
    tokens = lines.split(lines.cleaned(" ".join(args.command)))
    if not tokens:
        topics = [(topic, [each for each in allowed if each.topic == topic]) for topic in ctx.commands.topics]
        cards = tuple(views.topic_card(ctx._, topic, of_topic) for topic, of_topic in topics if of_topic)
        return Reply((Carousel(ctx._("What you can do here"), cards),))
    found = ctx.commands.find(tokens)
    if isinstance(found, Unknown):
        noun = ctx.commands.nouns.get(tokens[0].value.lower())
        of_noun = [command for command in allowed if noun and command.name.split()[0] == noun]
        if of_noun:
            return _listed(ctx, f"/{noun}", of_noun)
        return explain(ctx._, found)
    command, _rest = found
    siblings = [other for other in allowed if other.name.split()[0] == command.name and other is not command]
    buttons = tuple(button for other in siblings[:MOST] for button in views.command_button(other))
    return Reply((views.usage_card(ctx._, command),), (*buttons, *commands_button(ctx._)))


def _listed(ctx: StaffContext, title: str, some: list[StaffCommand]) -> Answer:
    """Some commands with what they are for, each to be tapped."""
    buttons = tuple(button for command in some[:MOST] for button in views.command_button(command))
    return Reply((views.commands_card(ctx._, title, some),), (*buttons, *commands_button(ctx._)))


def _of_topic(ctx: StaffContext, allowed: list[StaffCommand], typed: str) -> list[StaffCommand]:
    """A topic's commands, whichever language it was named in."""
    named = typed.casefold()
    return [
        command
        for command in allowed
        if named in {command.topic.casefold(), *(_(command.topic).casefold() for _ in ctx.languages.values())}
    ]


@admin.command("whoami", role="viewer", counter=True, about=N_("who you are here"), audited=False)
async def show_me(ctx: StaffContext, _args: Arguments) -> Answer:
    """Name, role and language of who asks."""
    return Reply((views.me_card(ctx._, ctx.actor),), commands_button(ctx._))


@admin.command("lang", Lang, role="viewer", counter=True, about=N_("your language"), audited=False, acts=True)
async def speak(ctx: StaffContext, args: Lang) -> Answer:
    """Change the language of everything this person is told."""
    tag = named(ctx, args.language)
    if tag is None:
        codes = (each.locale.language for each in ctx.languages.values())
        return Reply(
            (Text(ctx._("That language is not available.")),),
            tuple(button for code in codes for button in run_button(f"/lang {code}", f"/lang {code}")),
        )
    before = _own_name(ctx)
    ctx.speak(tag)
    language = _own_name(ctx)
    text = ctx._("Switched to %(language)s.", language=language)
    return Reply((changed(text, change(ctx._, ctx._("Language"), before, language)),), commands_button(ctx._))


def _own_name(ctx: StaffContext) -> str:
    return str(ctx._.locale.get_language_name(ctx._.locale)).capitalize()

"""Who answers what. Each topic in `handlers/` registers its functions on a router of its own;
`Routes` merges them and refuses clashes at the start, so that their order never matters.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bot.conversation.actions import Action
from bot.conversation.context import Answer, Command, Context, Handler
from bot.errors import ConfigurationError

ActionHandler = Callable[[Context, Any], Awaitable[Answer]]
TextHandler = Callable[[Context, str], Awaitable[Answer | None]]


@dataclass(frozen=True, slots=True)
class Tappable:
    """What answers a button, and the command that shows the current view when the button is too old."""

    handler: ActionHandler
    fresh: str


@dataclass(slots=True)
class Router:
    """One topic's handlers."""

    commands: dict[str, Command] = field(default_factory=dict)
    actions: dict[type[Action], Tappable] = field(default_factory=dict)
    answers: dict[str, TextHandler] = field(default_factory=dict)
    events: dict[type, Handler] = field(default_factory=dict)
    readers: dict[int, TextHandler] = field(default_factory=dict)

    def command(self, name: str, *, words: str = "", personal: bool = False) -> Callable[[Handler], Handler]:
        """Answer an intent. `words`: what people type for it, a comma-separated msgid marked with `N_`."""

        def register(handler: Handler) -> Handler:
            _once(self.commands, name, Command(name, words, handler, personal))
            return handler

        return register

    def action(self, model: type[Action], *, fresh: str = "menu") -> Callable[[ActionHandler], ActionHandler]:
        """Answer a button. `fresh`: the command shown instead once the button's time is up."""

        def register(handler: ActionHandler) -> ActionHandler:
            _once(self.actions, model, Tappable(handler, fresh))
            return handler

        return register

    def answer(self, question: str) -> Callable[[TextHandler], TextHandler]:
        """Take the text that answers a pending question; None means it was no answer after all."""

        def register(handler: TextHandler) -> TextHandler:
            _once(self.answers, question, handler)
            return handler

        return register

    def event(self, kind: type) -> Callable[[Handler], Handler]:
        """Answer what is neither text nor a tap: a follow, a sticker, …"""

        def register(handler: Handler) -> Handler:
            _once(self.events, kind, handler)
            return handler

        return register

    def reader(self, rank: int) -> Callable[[TextHandler], TextHandler]:
        """Look for something in free text; the lowest rank looks first, None passes on."""

        def register(handler: TextHandler) -> TextHandler:
            _once(self.readers, rank, handler)
            return handler

        return register


class Routes(Router):
    """All topics' handlers together."""

    def __init__(self, routers: Iterable[Router]) -> None:
        super().__init__()
        for router in routers:
            for mine, theirs in (
                (self.commands, router.commands),
                (self.actions, router.actions),
                (self.answers, router.answers),
                (self.events, router.events),
                (self.readers, router.readers),
            ):
                for key, value in theirs.items():
                    _once(mine, key, value)
        for model, tappable in self.actions.items():
            if tappable.fresh not in self.commands:
                raise ConfigurationError(f"{model.__name__} falls back on {tappable.fresh!r}, which nobody answers")
        self.in_order = [self.readers[rank] for rank in sorted(self.readers)]


def _once(registry: dict[Any, Any], key: object, value: object) -> None:
    if key in registry:
        raise ConfigurationError(f"Two handlers for {getattr(key, '__name__', key)!r}")
    registry[key] = value

"""What is said about a customer's player id, where Poshen itself redeems codes."""

from __future__ import annotations

from bot.i18n import Translator
from bot.services.players import EXAMPLE


def _game(_: Translator, game: str) -> str:
    return game or _("the game")


def ask_text(_: Translator, game: str = "") -> str:
    """The question, with what it is for, where to find it and what it looks like. game: "" when nobody knows it."""
    return _(
        "What's your player ID in %(game)s? Your rewards go to that player. Copy it from the game's settings; it looks "
        "like %(example)s. I ask only once; it is kept encrypted, and only Poshen gets it.",
        game=_game(_, game),
        example=EXAMPLE,
    )


def unusable_text(_: Translator) -> str:
    """What was typed cannot be a player id."""
    return _(
        "That can't be a player ID. It is one word of letters and digits, such as %(example)s, not your name in the "
        "game. Please copy it from the game's settings and send nothing else.",
        example=EXAMPLE,
    )


def unknown_text(_: Translator, game: str, player: str) -> str:
    """Poshen redeems nothing for this player: it does not know them."""
    return _(
        "%(game)s doesn't know the player ID %(player)s, so nothing was redeemed. Please copy it once more from the "
        "game's settings and send it again.",
        game=_game(_, game),
        player=player,
    )


def saved_text(_: Translator, player: str) -> str:
    """It is known from now on."""
    return _("Your player ID is %(player)s from now on. “Player ID” changes or removes it.", player=player)

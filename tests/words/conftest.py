"""What tests of words share."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from bot.conversation.router import Routes
from bot.i18n import load_translators
from bot.understanding.words import Lexicon
from handlers import ROUTERS


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    """The words of all handlers in all languages."""
    commands = Routes(ROUTERS).commands
    languages = load_translators(ZoneInfo("Asia/Taipei"))
    return Lexicon({name: command.words for name, command in commands.items()}, languages.values())

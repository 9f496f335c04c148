"""`giftdesk rewards`: `/rewards` and `/reward` as they are written in a shell."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.cli.operator import run
from bot.config import Settings
from bot.errors import ConfigurationError
from bot.staff.arguments import MOST
from bot.staff.lines import Token, written


def change(settings: Settings, url: str, rules: Sequence[str]) -> None:
    """Run the staff commands that this means; none of them is done unless each can be."""
    run(settings, url, *lines_of(rules), yes=True, language="en", shown=True)


def lines_of(rules: Sequence[str]) -> list[str]:
    """The command lines of `1=points:150 6=voucher:812:2260 3=nothing`; the last rule of a reward counts.

    Raises ConfigurationError where a rule has no number, or nothing after it: that would only show the reward.
    """
    wanted = {}
    for rule in rules:
        number, _, words = rule.partition("=")
        if not re.fullmatch("[1-9][0-9]{0,9}", number) or int(number) > MOST:
            raise ConfigurationError(f"{rule!r}: begin with the reward's number at Poshen, as in 1=points:150")
        if not words.strip():
            raise ConfigurationError(f"{rule!r}: say what it brings: {number}=points:150, voucher:812:2260 or nothing")
        wanted[number] = written("reward", [Token(number), Token(words)])
    return list(wanted.values()) or ["/rewards"]

"""`giftdesk policy`: `/group list`, `show`, `policy`, `pause` and `resume` as they are written in a shell."""

from __future__ import annotations

from collections.abc import Sequence

from bot.cli.operator import run
from bot.config import Settings
from bot.errors import ConfigurationError


def change(settings: Settings, url: str, group: int | None, changes: Sequence[str]) -> None:
    """Run the staff commands that this means, one after the other."""
    for line in lines_of(group, changes):
        run(settings, url, line, yes=True, language="en", shown=True)


def lines_of(group: int | None, changes: Sequence[str]) -> list[str]:
    """The command lines of `5 per=1 max=none pause`: limits first, then the last of `pause` and `resume`.

    `--anyway`, because nobody is asked here whether a group without codes is a new one: the answer says that it has
    none. Raises ConfigurationError for `pause=yes`.
    """
    if group is None:
        return ["/group list"]
    limits, verbs = [], []
    for change in changes:
        verb, equals, _ = change.lower().partition("=")
        if verb not in ("pause", "resume"):
            limits.append(change)
        elif equals:
            raise ConfigurationError(f"{change!r}: type {verb} alone, as in giftdesk policy {group} {verb}")
        else:
            verbs.append(verb)
    lines = [" ".join(["/group policy", str(group), *limits, "--anyway"])] if limits else []
    if verbs:
        lines.append(f"/group pause {group} --anyway" if verbs[-1] == "pause" else f"/group resume {group}")
    return lines or [f"/group show {group}"]
